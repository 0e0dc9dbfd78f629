//! `segue demo`: the music recommender, from a stand-in of Spotify to answers.

mod standin;

use crate::args::{Args, Demo, DemoServer, Format};
use crate::out::{Out, took};
use crate::stop::{self, UnderWay};
use crate::verbs::{self, run as run_verb};
use segue_app::{App, Question, Surroundings};
use segue_core::{Context, Error, Kind, Result};
use segue_demo::{Catalogue, Fault, Options};
use segue_diag::FOLDER_NOT_EMPTY;
use standin::{Remembered, StandIn};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;
use tokio_util::sync::CancellationToken;

/// Artists that most people know.
const WELL_KNOWN: [&str; 4] = ["BTS", "Radiohead", "Miles Davis", "Daft Punk"];

/// Serves until the process is ended, or until standard input ends where that was asked for.
pub fn serve(options: &DemoServer, out: &Out) -> Result<u8> {
    let mut serving = Options::new(Arc::new(catalogue(options.catalog.as_deref())?));
    serving.port = options.port;
    serving.limits = options.limits.parse()?;
    serving.seed = options.seed;
    for fault in &options.faults {
        serving.faults.extend(Fault::parse(fault)?);
    }
    let until_eof = options.until_eof;
    verbs::wait(async {
        let ready = |address: std::net::SocketAddr| {
            let address = format!("http://{address}");
            out.value(&serde_json::json!({ "address": address }));
            out.line(&address);
        };
        tokio::select! {
            served = segue_demo::serve(serving, ready) => served,
            () = standin::end_of_input(), if until_eof => Ok(()),
        }
    })?;
    Ok(0)
}

/// Starts the stand-in, copies the project, runs it, and prints similar artists.
pub fn run(demo: &Demo, environment: Option<&str>, surroundings: &Surroundings, out: &Out) -> Result<u8> {
    let began = Instant::now();
    let folder = surroundings.folder.join(&demo.dir);
    let is_new = !folder.join("segue.yaml").is_file();
    let remembered = Remembered::of(&folder);
    if !is_new && !is_demo(&folder, &remembered) {
        let message = format!("the folder {} holds another project", folder.display());
        return Err(Error::new(Kind::Conflict, message)
            .code(FOLDER_NOT_EMPTY)
            .hint("name a new folder: segue demo --dir segue-demo"));
    }
    let catalogue = catalogue(demo.catalog.as_deref().or(remembered.catalogue.as_deref()))?;
    let remembered = match &demo.catalog {
        Some(given) => Remembered {
            catalogue: Some(std::path::absolute(given).unwrap_or_else(|_| given.clone())),
            ..remembered
        },
        None => remembered,
    };
    if is_new {
        segue_app::init(&folder, Some(segue_demo::project::files()))?;
        out.line(format!("The project is in {}.", folder.display()));
    }
    if demo.catalog.is_some() {
        let names = folder.join(segue_demo::project::NAMES_FILE);
        std::fs::write(&names, segue_demo::project::names_csv(&catalogue))
            .context(Kind::Unavailable, "cannot write the names")?;
    }
    let standin = StandIn::start(demo, &remembered, &folder)?;
    out.line(format!(
        "A stand-in of Spotify answers at {}: real names and genres, simulated tracks and features.\n",
        standin.url
    ));
    let mut around = Surroundings {
        folder: folder.clone(),
        ..surroundings.clone()
    };
    for (name, value) in standin.variables() {
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
    match answers(&around, environment, &catalogue, out) {
        // What a failed run did not get to has no answers, and the run has said why.
        Err(_) if code != 0 => {}
        answered => answered?,
    }
    out.line(format!("\nAll of it took {}.", took(began.elapsed())));
    next(demo, &folder, &standin, out);
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

/// Whether a folder with a project in it is the demo's: a stand-in was started for it, or its `segue.yaml` is the demo's.
fn is_demo(folder: &Path, remembered: &Remembered) -> bool {
    let ours = segue_demo::project::files()
        .iter()
        .find(|(path, _)| *path == "segue.yaml");
    let text = std::fs::read_to_string(folder.join("segue.yaml")).unwrap_or_default();
    remembered.port.is_some() || ours.is_some_and(|(_, ours)| *ours == text)
}

fn catalogue(folder: Option<&Path>) -> Result<Catalogue> {
    folder.map_or_else(|| Ok(Catalogue::embedded()), Catalogue::load)
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
fn answers(around: &Surroundings, environment: Option<&str>, catalogue: &Catalogue, out: &Out) -> Result<()> {
    let quoted = |name: &&str| format!("'{}'", name.replace('\'', "''"));
    let names: Vec<String> = shown(catalogue).iter().map(quoted).collect();
    let sql = format!(
        "select a.name as artist, string_agg(b.name, ', ' order by r.rank) as similar_artists
         from music.related_artists r join raw.artists a on a.id = r.artist_id join raw.artists b on b.id = r.related_id
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

fn next(demo: &Demo, folder: &Path, standin: &StandIn, out: &Out) {
    out.line("\nTry next:");
    out.line(format!("  cd {}", demo.dir.display()));
    for (name, value) in standin.variables() {
        out.line(format!("  export {name}={value}"));
    }
    out.line("  segue run                                    # nothing is asked twice within a day");
    out.line("  segue sql \"select * from raw.top_tracks limit 5\"");
    out.line("  segue quarantine list                        # names that nobody has");
    out.line("  segue why music.related_artists");
    out.line(format!(
        "  sqlite3 {} \"select * from artists limit 5\"",
        folder.join("results.db").display()
    ));
}
