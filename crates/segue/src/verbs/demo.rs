//! `segue demo`: a music recommender, from stand-ins of the services that it asks to answers.

mod serve;
mod standin;

pub use serve::serve;

use crate::args::{Args, Demo, Format, Recommender};
use crate::out::{Out, took};
use crate::stop::{self, UnderWay};
use crate::verbs::{self, run as run_verb};
use segue_app::{App, Question, Surroundings};
use segue_core::{Context, Error, Kind, Result};
use segue_demo::{Catalogue, project};
use segue_diag::FOLDER_NOT_EMPTY;
use standin::{Remembered, StandIns};
use std::path::{Path, PathBuf};
use std::time::Instant;
use tokio_util::sync::CancellationToken;

/// Artists that most people know.
const WELL_KNOWN: [&str; 4] = ["BTS", "Radiohead", "Miles Davis", "Daft Punk"];

/// The words for catalogues that are part of the program.
const FULL: &str = "full";
const BUILTIN: &str = "builtin";

impl Recommender {
    /// Its files.
    pub fn files(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Recommender::Music => project::music_files(),
            Recommender::Spotify => project::files(),
        }
    }

    /// Its file of names.
    fn names_file(self) -> &'static str {
        match self {
            Recommender::Music => project::MUSIC_NAMES_FILE,
            Recommender::Spotify => project::NAMES_FILE,
        }
    }

    /// The example that this folder was made from, as far as its connections tell.
    fn of(folder: &Path) -> Recommender {
        match folder.join("connections/musicbrainz.yaml").is_file() {
            true => Recommender::Music,
            false => Recommender::Spotify,
        }
    }

    /// The catalogue that its stand-ins serve if nobody names another.
    fn catalogue(self) -> &'static str {
        match self {
            Recommender::Music => FULL,
            Recommender::Spotify => BUILTIN,
        }
    }
}

/// Starts the stand-ins, copies the project, runs it, and prints similar artists.
pub fn run(demo: &Demo, environment: Option<&str>, surroundings: &Surroundings, out: &Out) -> Result<u8> {
    let began = Instant::now();
    let folder = surroundings.folder.join(&demo.dir);
    let is_new = !folder.join("segue.yaml").is_file();
    let remembered = Remembered::of(&folder);
    let example = match is_new {
        true => demo.example.unwrap_or(Recommender::Spotify),
        false => Recommender::of(&folder),
    };
    let is_other = demo.example.is_some_and(|asked| asked != example);
    if !is_new && (is_other || !is_demo(&folder, example, &remembered)) {
        let message = format!("the folder {} holds another project", folder.display());
        return Err(Error::new(Kind::Conflict, message)
            .code(FOLDER_NOT_EMPTY)
            .hint("name a new folder: segue demo --dir segue-demo"));
    }
    let usual = PathBuf::from(example.catalogue());
    let catalogue = catalogue(
        demo.catalog
            .as_ref()
            .or(remembered.catalogue.as_ref())
            .unwrap_or(&usual),
    )?;
    let remembered = match &demo.catalog {
        Some(given) => Remembered {
            catalogue: Some(lasting(given)),
            ..remembered
        },
        None => remembered,
    };
    if is_new {
        segue_app::init(&folder, Some(example.files()))?;
        out.line(format!("The project is in {}.", folder.display()));
    }
    if demo.catalog.is_some() {
        let names = folder.join(example.names_file());
        std::fs::write(&names, project::names_csv(&catalogue)).context(Kind::Unavailable, "cannot write the names")?;
    }
    let standins = StandIns::start(demo, example, &remembered, &folder)?;
    out.line(format!("{}\n", standins.told()));
    let mut around = Surroundings {
        folder: folder.clone(),
        ..surroundings.clone()
    };
    for (name, value) in standins.variables() {
        around.variables.insert(name.into(), value);
    }
    let args = <Args as clap::Parser>::try_parse_from(["segue", "run"])
        .map_err(|e| Error::bug("the demo's own words are wrong").caused_by(e))?;
    let args = Args {
        json: out.json,
        environment: environment.map(str::to_string),
        ..args
    };
    let code = run_verb(args, around.clone(), out)?;
    if code == Kind::Cancelled.exit_code() {
        return Ok(code);
    }
    match answers(&around, environment, example, &catalogue, out) {
        // What a failed run did not get to has no answers, and the run has said why.
        Err(_) if code != 0 => {}
        answered => answered?,
    }
    out.line(format!("\nAll of it took {}.", took(began.elapsed())));
    next(demo, example, &folder, &standins, out);
    if !demo.once && !out.json {
        let asked = CancellationToken::new();
        // Before it is said: whoever reads it may press Ctrl-C at once.
        let _heard = stop::hear(UnderWay::Looking(asked.clone()))?;
        out.line("\nThe stand-in answers until Ctrl-C.");
        verbs::wait(async {
            asked.cancelled().await;
            Ok(())
        })?;
    }
    Ok(code)
}

/// Whether a folder with a project in it is the demo's: a stand-in was started for it, or its `segue.yaml` is the example's.
fn is_demo(folder: &Path, example: Recommender, remembered: &Remembered) -> bool {
    let ours = example.files().iter().find(|(path, _)| *path == "segue.yaml");
    let text = std::fs::read_to_string(folder.join("segue.yaml")).unwrap_or_default();
    !remembered.ports.is_empty() || ours.is_some_and(|(_, ours)| *ours == text)
}

/// The catalogue that is meant: a word, or a folder.
fn catalogue(meant: &Path) -> Result<Catalogue> {
    match meant.to_str() {
        Some(FULL) => Ok(Catalogue::full()),
        Some(BUILTIN) => Ok(Catalogue::embedded()),
        _ => Catalogue::load(meant),
    }
}

/// A catalogue as it is remembered: a folder from wherever one stands.
fn lasting(given: &Path) -> PathBuf {
    match given.to_str() {
        Some(FULL | BUILTIN) => given.to_path_buf(),
        _ => std::path::absolute(given).unwrap_or_else(|_| given.to_path_buf()),
    }
}

/// The artists whose answers are shown: those of the catalogue that most people know, or else its most popular.
fn shown(catalogue: &Catalogue) -> Vec<&str> {
    let names = || catalogue.artists().iter().map(|artist| artist.name.as_str());
    let known: Vec<&str> = names().filter(|name| WELL_KNOWN.contains(name)).collect();
    if !known.is_empty() {
        return known;
    }
    let mut popular: Vec<_> = catalogue.artists().iter().collect();
    popular.sort_by(|a, b| b.popularity.cmp(&a.popularity).then_with(|| a.name.cmp(&b.name)));
    popular.iter().take(WELL_KNOWN.len()).map(|a| a.name.as_str()).collect()
}

/// Prints the five nearest of some artists that most people know.
fn answers(
    around: &Surroundings,
    environment: Option<&str>,
    example: Recommender,
    catalogue: &Catalogue,
    out: &Out,
) -> Result<()> {
    let (artists, id) = match example {
        Recommender::Music => ("music.artists", "artist_id"),
        Recommender::Spotify => ("raw.artists", "id"),
    };
    let quoted = |name: &&str| format!("'{}'", name.replace('\'', "''"));
    let names: Vec<String> = shown(catalogue).iter().map(quoted).collect();
    let sql = format!(
        "select a.name as artist, string_agg(b.name, ', ' order by r.rank) as similar_artists
         from music.related_artists r join {artists} a on a.{id} = r.artist_id join {artists} b on b.{id} = r.related_id
         where a.name in ({}) and r.rank <= 5 group by a.name order by a.name",
        names.join(", ")
    );
    verbs::wait(async {
        let app = App::open(around, environment).await.map_err(|refused| refused.error)?;
        let _heard = stop::hear(UnderWay::Looking(app.ctx.cancel.clone()))?;
        let question = Question {
            sql,
            ..Question::default()
        };
        let answer = segue_app::sql(&app, &question, &app.ctx).await?;
        out.line("\nSimilar artists, by simulated audio features:");
        let format = if out.json { Format::JsonLines } else { Format::Table };
        verbs::sql::show(answer, format).await
    })
}

fn next(demo: &Demo, example: Recommender, folder: &Path, standins: &StandIns, out: &Out) {
    out.line("\nTry next:");
    out.line(format!("  cd {}", demo.dir.display()));
    for (name, value) in standins.variables() {
        out.line(format!("  export {name}={value}"));
    }
    out.line("  segue run                                    # nothing is asked twice within a day");
    match example {
        Recommender::Music => {
            out.line("  segue resolve music.artists 에스파");
            out.line("  segue sql \"select * from music.ambiguous_names\"");
        }
        Recommender::Spotify => {
            out.line("  segue sql \"select * from raw.top_tracks limit 5\"");
            out.line("  segue quarantine list                        # names that nobody has");
        }
    }
    out.line("  segue why music.related_artists");
    out.line(format!(
        "  sqlite3 {} \"select * from artists limit 5\"",
        folder.join("results.db").display()
    ));
}
