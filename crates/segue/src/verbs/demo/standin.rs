//! The stand-ins as a process of their own, and what the demo's folder remembers of them.

use crate::args::{Demo, Recommender};
use segue_core::{Context, Error, Kind, Result};
use segue_demo::Options;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Where the demo's folder keeps the ports of its stand-ins, a line each, so that they are the same servers at every start.
const PORT_FILE: &str = ".segue/standin.port";
/// Where it keeps which catalogue they serve, if it is not the usual one.
const CATALOGUE_FILE: &str = ".segue/standin.catalog";

/// What a demo's folder remembers of its stand-ins.
#[derive(Clone, Debug, Default)]
pub struct Remembered {
    /// Their ports.
    pub ports: Vec<u16>,
    /// Their catalogue, in a word or by its folder; the usual one if there is none.
    pub catalogue: Option<PathBuf>,
}

impl Remembered {
    /// What this folder remembers.
    pub fn of(folder: &Path) -> Remembered {
        let read = |file: &str| std::fs::read_to_string(folder.join(file)).ok();
        let ports = read(PORT_FILE).unwrap_or_default();
        Remembered {
            ports: ports.lines().filter_map(|port| port.trim().parse().ok()).collect(),
            catalogue: read(CATALOGUE_FILE).map(|c| PathBuf::from(c.trim_end_matches('\n'))),
        }
    }

    fn keep(&self, folder: &Path) -> Result<()> {
        let cannot = "cannot write into the demo's folder";
        let write = |file: &str, text: String| {
            let path = folder.join(file);
            std::fs::create_dir_all(path.parent().unwrap_or(folder)).context(Kind::Unavailable, cannot)?;
            std::fs::write(path, text).context(Kind::Unavailable, cannot)
        };
        let ports: Vec<String> = self.ports.iter().map(|port| format!("{port}\n")).collect();
        write(PORT_FILE, ports.concat())?;
        if let Some(catalogue) = &self.catalogue {
            write(CATALOGUE_FILE, format!("{}\n", catalogue.display()))?;
        }
        Ok(())
    }
}

/// The services that a project asks, as `demo-server --service` calls them.
fn services(example: Recommender) -> &'static [&'static str] {
    match example {
        Recommender::Spotify => &["spotify"],
        Recommender::Music => &["spotify-dev", "musicbrainz", "deezer", "reccobeats", "listenbrainz"],
    }
}

/// The stand-ins, a process of their own. It ends when its standard input does: with this value, and with this process however that ends.
pub struct StandIns {
    process: Child,
    example: Recommender,
    /// Where they answer, in the order of the services.
    urls: Vec<String>,
}

impl StandIns {
    /// Starts them on the ports that the folder remembers, or on free ones, which the folder remembers from then on.
    pub fn start(demo: &Demo, example: Recommender, remembered: &Remembered, folder: &Path) -> Result<StandIns> {
        let program = std::env::current_exe().context(Kind::Unavailable, "cannot find this program")?;
        let mut command = Command::new(program);
        command.args(["demo-server", "--until-eof", "--limits", &demo.limits]);
        let services = services(example);
        for service in services {
            command.args(["--service", service]);
        }
        let known = remembered.ports.len() == services.len();
        for port in remembered.ports.iter().filter(|_| known) {
            command.arg("--port").arg(port.to_string());
        }
        for fault in &demo.faults {
            command.args(["--fault", fault]);
        }
        if let Some(catalogue) = &remembered.catalogue {
            command.arg("--catalog").arg(catalogue);
        }
        // Ctrl-C is the demo's to hear: the commit under way may have to ask a stand-in once more.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let spawned = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn();
        let mut process = spawned.context(Kind::Unavailable, "cannot start the stand-in")?;
        let mut urls = Vec::new();
        if let Some(stdout) = process.stdout.take() {
            let lines = BufReader::new(stdout).lines().take(services.len());
            for line in lines {
                let line = line.context(Kind::Unavailable, "the stand-in says nothing")?;
                // Where there are several each line begins with whose it is.
                urls.extend(line.split(' ').next_back().map(str::to_string));
            }
        }
        let port = |url: &String| url.rsplit(':').next().and_then(|p| p.parse::<u16>().ok());
        let ports: Vec<u16> = urls.iter().filter_map(port).collect();
        if ports.len() != services.len() {
            drop(process.stdin.take());
            let _ended = process.wait();
            let asked: Vec<String> = remembered.ports.iter().map(u16::to_string).collect();
            return Err(Error::new(Kind::Unavailable, "the stand-in did not start")
                .with(
                    "port",
                    if asked.is_empty() {
                        "0".to_string()
                    } else {
                        asked.join(", ")
                    },
                )
                .hint(format!(
                    "another program may have its port: remove {} to choose another",
                    folder.join(PORT_FILE).display()
                )));
        }
        let remembered = Remembered {
            ports,
            ..remembered.clone()
        };
        remembered.keep(folder)?;
        Ok(StandIns { process, example, urls })
    }

    /// What is said of them when they answer.
    pub fn told(&self) -> String {
        match self.example {
            Recommender::Spotify => format!(
                "A stand-in of Spotify answers at {}: real names and genres, simulated tracks and features.",
                self.urls[0]
            ),
            Recommender::Music => format!(
                "Stand-ins of Spotify, MusicBrainz, Deezer, ReccoBeats and ListenBrainz answer at {}: real names and genres, simulated tracks, \
                 features and listeners.",
                self.urls.join(", ")
            ),
        }
    }

    /// What points the project at them.
    pub fn variables(&self) -> Vec<(&'static str, String)> {
        let options = Options::default();
        let fast = || "2000/s".to_string();
        let mut variables = vec![
            ("SPOTIFY_API_URL", format!("{}/v1", self.urls[0])),
            ("SPOTIFY_TOKEN_URL", format!("{}/api/token", self.urls[0])),
            ("SPOTIFY_CLIENT_ID", options.client_id),
            ("SPOTIFY_CLIENT_SECRET", options.client_secret),
            ("SPOTIFY_RATE", fast()),
        ];
        if let [_, musicbrainz, deezer, reccobeats, listenbrainz] = self.urls.as_slice() {
            variables.extend([
                ("SPOTIFY_QUOTA", fast()),
                ("MUSICBRAINZ_API_URL", format!("{musicbrainz}/ws/2")),
                ("MUSICBRAINZ_CONTACT", "https://segue.invalid/demo".to_string()),
                ("MUSICBRAINZ_RATE", fast()),
                ("DEEZER_API_URL", deezer.clone()),
                ("DEEZER_RATE", fast()),
                ("RECCOBEATS_API_URL", format!("{reccobeats}/v1")),
                ("RECCOBEATS_RATE", fast()),
                ("LISTENBRAINZ_API_URL", listenbrainz.clone()),
                ("LISTENBRAINZ_LABS_URL", listenbrainz.clone()),
                ("LISTENBRAINZ_RATE", fast()),
            ]);
        }
        variables
    }
}

impl Drop for StandIns {
    fn drop(&mut self) {
        let _may_have_ended = self.process.kill();
        let _ended = self.process.wait();
    }
}

/// Comes true when standard input ends. It is read on a thread of its own, which nothing has to wait for.
pub async fn end_of_input() {
    let (ended, wait) = tokio::sync::oneshot::channel();
    let read = move || {
        let _whatever_came = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
        let _nobody_waits = ended.send(());
    };
    match std::thread::Builder::new().name("segue-eof".into()).spawn(read) {
        Ok(_) => wait.await.unwrap_or_default(),
        Err(_) => std::future::pending().await,
    }
}
