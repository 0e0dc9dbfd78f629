//! `segue demo`: the music recommender, from a stand-in of Spotify to answers.

use crate::args::{Args, Demo, DemoServer};
use crate::out::{Out, took};
use crate::verbs::{self, run as run_verb};
use segue_app::{App, Question, Surroundings};
use segue_core::{Context, Error, Kind, Result};
use segue_demo::{Catalogue, Fault, Options};
use segue_diag::FOLDER_NOT_EMPTY;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

/// Where the demo's folder keeps the port of its stand-in, so that it is the same server at every start.
const PORT_FILE: &str = ".segue/standin.port";
/// Artists that most people know.
const WELL_KNOWN: [&str; 4] = ["BTS", "Radiohead", "Miles Davis", "Daft Punk"];

/// Serves until the process is ended.
pub fn serve(options: &DemoServer) -> Result<u8> {
    let mut serving = Options::new(Arc::new(catalogue(options.catalog.as_deref())?));
    serving.port = options.port;
    serving.limits = options.limits.parse()?;
    serving.seed = options.seed;
    for fault in &options.faults {
        serving.faults.extend(Fault::parse(fault)?);
    }
    verbs::wait(segue_demo::serve(serving, |address| {
        println!("http://{address}");
    }))?;
    Ok(0)
}

/// Starts the stand-in, copies the project, runs it, and prints similar artists.
pub fn run(demo: &Demo, environment: Option<&str>, surroundings: &Surroundings, out: &Out) -> Result<u8> {
    let began = Instant::now();
    let folder = surroundings.folder.join(&demo.dir);
    let catalogue = catalogue(demo.catalog.as_deref())?;
    if !folder.join("segue.yaml").is_file() {
        segue_app::init(&folder, Some(segue_demo::project::files()))?;
        if demo.catalog.is_some() {
            let names = folder.join(segue_demo::project::NAMES_FILE);
            std::fs::write(&names, segue_demo::project::names_csv(&catalogue))
                .context(Kind::Unavailable, "cannot write the names")?;
        }
        out.line(format!("The project is in {}.", folder.display()));
    } else if !is_demo(&folder) {
        let message = format!("the folder {} holds another project", folder.display());
        return Err(Error::new(Kind::Conflict, message)
            .code(FOLDER_NOT_EMPTY)
            .hint("name a new folder: segue demo --dir segue-demo"));
    }
    let standin = StandIn::start(demo, &folder)?;
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
    answers(&around, environment, out)?;
    out.line(format!("\nAll of it took {}.", took(began.elapsed())));
    next(demo, &folder, &standin, out);
    if !demo.once && !out.json {
        out.line("\nThe stand-in answers until Ctrl-C.");
        verbs::wait(async {
            tokio::signal::ctrl_c()
                .await
                .context(Kind::Unavailable, "cannot wait for Ctrl-C")
        })?;
    }
    Ok(code)
}

/// Whether a folder with a project in it is the demo's: a stand-in was started for it, or its `segue.yaml` is the demo's.
fn is_demo(folder: &Path) -> bool {
    let ours = segue_demo::project::files()
        .iter()
        .find(|(path, _)| *path == "segue.yaml");
    let text = std::fs::read_to_string(folder.join("segue.yaml")).unwrap_or_default();
    folder.join(PORT_FILE).is_file() || ours.is_some_and(|(_, ours)| *ours == text)
}

fn catalogue(folder: Option<&Path>) -> Result<Catalogue> {
    folder.map_or_else(|| Ok(Catalogue::embedded()), Catalogue::load)
}

/// The stand-in, a process of its own that ends with this value.
struct StandIn {
    process: Child,
    url: String,
}

impl StandIn {
    /// Starts it on the port that the folder remembers, or on a free one, which the folder remembers from then on.
    fn start(demo: &Demo, folder: &Path) -> Result<StandIn> {
        let port_file = folder.join(PORT_FILE);
        let port: u16 = std::fs::read_to_string(&port_file)
            .ok()
            .and_then(|p| p.trim().parse().ok())
            .unwrap_or(0);
        let program = std::env::current_exe().context(Kind::Unavailable, "cannot find this program")?;
        let mut command = Command::new(program);
        command.args(["demo-server", "--port", &port.to_string(), "--limits", &demo.limits]);
        for fault in &demo.faults {
            command.args(["--fault", fault]);
        }
        if let Some(catalog) = &demo.catalog {
            command.arg("--catalog").arg(catalog);
        }
        let spawned = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn();
        let mut process = spawned.context(Kind::Unavailable, "cannot start the stand-in")?;
        let mut line = String::new();
        if let Some(stdout) = process.stdout.take() {
            BufReader::new(stdout)
                .read_line(&mut line)
                .context(Kind::Unavailable, "the stand-in says nothing")?;
        }
        let url = line.trim().to_string();
        let Some(port) = url.rsplit(':').next().and_then(|p| p.parse::<u16>().ok()) else {
            let _ended = process.wait();
            return Err(Error::new(Kind::Unavailable, "the stand-in did not start")
                .with("port", port)
                .hint(format!(
                    "another program may have its port: remove {} to choose another",
                    port_file.display()
                )));
        };
        if let Some(parent) = port_file.parent() {
            std::fs::create_dir_all(parent).context(Kind::Unavailable, "cannot write into the demo's folder")?;
        }
        std::fs::write(&port_file, format!("{port}\n"))
            .context(Kind::Unavailable, "cannot write into the demo's folder")?;
        Ok(StandIn { process, url })
    }

    /// What points the project at it.
    fn variables(&self) -> [(&'static str, String); 5] {
        let options = Options::default();
        [
            ("SPOTIFY_API_URL", format!("{}/v1", self.url)),
            ("SPOTIFY_TOKEN_URL", format!("{}/api/token", self.url)),
            ("SPOTIFY_CLIENT_ID", options.client_id),
            ("SPOTIFY_CLIENT_SECRET", options.client_secret),
            ("SPOTIFY_RATE", "2000/s".to_string()),
        ]
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        let _may_have_ended = self.process.kill();
        let _ended = self.process.wait();
    }
}

/// Prints the five nearest of some artists that most people know.
fn answers(around: &Surroundings, environment: Option<&str>, out: &Out) -> Result<()> {
    let names = WELL_KNOWN.map(|n| format!("'{n}'")).join(", ");
    let sql = format!(
        "select a.name as artist, string_agg(b.name, ', ' order by r.rank) as similar_artists
         from music.related_artists r join raw.artists a on a.id = r.artist_id join raw.artists b on b.id = r.related_id
         where a.name in ({names}) and r.rank <= 5 group by a.name order by a.name"
    );
    out.line("\nSimilar artists, by simulated audio features:");
    verbs::wait(async {
        let app = App::open(around, environment).await.map_err(|refused| refused.error)?;
        let question = Question {
            sql,
            ..Question::default()
        };
        verbs::sql::answer(
            &app,
            &question,
            if out.json {
                crate::args::Format::JsonLines
            } else {
                crate::args::Format::Table
            },
            &app.ctx,
        )
        .await
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
