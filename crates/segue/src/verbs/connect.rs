//! `segue connect API`, `segue connect --list`

use crate::out::{Columns, Out};
use segue_app::{Needed, Surroundings};
use segue_core::Result;

pub fn run(api: Option<&str>, surroundings: &Surroundings, out: &Out) -> Result<u8> {
    let Some(api) = api else {
        let all = segue_app::shipped()?;
        out.value(&all);
        let mut columns = Columns::new(["api", "what it gives", "assets"]);
        for api in all {
            columns.row([api.name, api.about, api.assets.join(", ")]);
        }
        out.line(columns.to_string().trim_end());
        return Ok(0);
    };
    let connected = segue_app::connect(&surroundings.folder, api)?;
    out.value(&connected);
    files(&connected.written, &connected.there, out);
    out.line(format!("\n{}: {}", connected.api.about, connected.api.documentation));
    needed(&connected.needed, out);
    out.line(format!(
        "Next:\n  segue check\n  segue connection test {api}\n  segue run '{api}.*'"
    ));
    Ok(0)
}

/// Which files were written, and which were there.
pub fn files(written: &[String], there: &[String], out: &Out) {
    for file in written {
        out.line(format!("  {file}"));
    }
    for file in there {
        out.note(format!("{file} is there, and was left as it is"));
    }
}

/// What files take from the environment and the secrets.
pub fn needed(all: &[Needed], out: &Out) {
    for one in all {
        out.line(match (one.secret, &one.default) {
            (true, _) => format!(
                "  {}: a secret, from the environment, .env or the file secrets/{}",
                one.name, one.name
            ),
            (false, None) => format!("  {}: from the environment or .env", one.name),
            (false, Some(default)) => format!(
                "  {}: {default}, unless the environment or .env says otherwise",
                one.name
            ),
        });
    }
}
