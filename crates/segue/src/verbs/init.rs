//! `segue init DIR [--example NAME]`

use crate::args::{Example, Init};
use crate::out::Out;
use segue_app::Surroundings;
use segue_core::Result;

pub fn run(init: &Init, surroundings: &Surroundings, out: &Out) -> Result<u8> {
    let folder = surroundings.folder.join(&init.dir);
    let files = init.example.map(|example| match example {
        Example::Music => segue_demo::project::music_files(),
        Example::Spotify => segue_demo::project::files(),
        Example::Shop => segue_demo::project::shop_files(),
    });
    let written = segue_app::init(&folder, files)?;
    out.value(&serde_json::json!({ "folder": folder, "files": written }));
    for file in &written {
        out.line(format!("  {}", file.display()));
    }
    out.line(format!(
        "\nThe project is in {}. Next:\n  cd {}",
        folder.display(),
        init.dir.display()
    ));
    match init.example {
        Some(Example::Music) => {
            out.line("  set MUSICBRAINZ_CONTACT (README.md says what it is, and what else may be set)\n  segue check\n  segue run");
        }
        Some(Example::Spotify) => out
            .line("  set SPOTIFY_CLIENT_ID and SPOTIFY_CLIENT_SECRET (README.md says how)\n  segue check\n  segue run"),
        Some(Example::Shop) => out.line("  segue check\n  segue run\n  segue chat shop \"oslo lamp\""),
        None => out.line("  segue check\n  segue run\n  segue sql \"select * from hello.greetings\""),
    }
    Ok(0)
}
