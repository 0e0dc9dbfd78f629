//! The stand-in as a process of its own, and what the demo's folder remembers of it.

use crate::args::Demo;
use segue_core::{Context, Error, Kind, Result};
use segue_demo::Options;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Where the demo's folder keeps the port of its stand-in, so that it is the same server at every start.
const PORT_FILE: &str = ".segue/standin.port";
/// Where it keeps which catalogue that serves, if it is not the built-in one.
const CATALOGUE_FILE: &str = ".segue/standin.catalog";

/// What a demo's folder remembers of its stand-in.
#[derive(Clone, Debug, Default)]
pub struct Remembered {
    /// Its port.
    pub port: Option<u16>,
    /// The folder of its catalogue; the built-in one if there is none.
    pub catalogue: Option<PathBuf>,
}

impl Remembered {
    /// What this folder remembers.
    pub fn of(folder: &Path) -> Remembered {
        let read = |file: &str| std::fs::read_to_string(folder.join(file)).ok();
        Remembered {
            port: read(PORT_FILE).and_then(|p| p.trim().parse().ok()),
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
        if let Some(port) = self.port {
            write(PORT_FILE, format!("{port}\n"))?;
        }
        if let Some(catalogue) = &self.catalogue {
            write(CATALOGUE_FILE, format!("{}\n", catalogue.display()))?;
        }
        Ok(())
    }
}

/// The stand-in, a process of its own. It ends when its standard input does: with this value, and with this process however that ends.
pub struct StandIn {
    process: Child,
    /// Where it answers.
    pub url: String,
}

impl StandIn {
    /// Starts it on the port that the folder remembers, or on a free one, which the folder remembers from then on.
    pub fn start(demo: &Demo, remembered: &Remembered, folder: &Path) -> Result<StandIn> {
        let asked = remembered.port.unwrap_or(0).to_string();
        let program = std::env::current_exe().context(Kind::Unavailable, "cannot find this program")?;
        let mut command = Command::new(program);
        command.args(["demo-server", "--until-eof", "--port", &asked, "--limits", &demo.limits]);
        for fault in &demo.faults {
            command.args(["--fault", fault]);
        }
        if let Some(catalogue) = &remembered.catalogue {
            command.arg("--catalog").arg(catalogue);
        }
        // Ctrl-C is the demo's to hear: the commit under way may have to ask the stand-in once more.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let spawned = command
            .stdin(Stdio::piped())
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
            drop(process.stdin.take());
            let _ended = process.wait();
            return Err(Error::new(Kind::Unavailable, "the stand-in did not start")
                .with("port", asked)
                .hint(format!(
                    "another program may have its port: remove {} to choose another",
                    folder.join(PORT_FILE).display()
                )));
        };
        let standin = StandIn { process, url };
        let remembered = Remembered {
            port: Some(port),
            ..remembered.clone()
        };
        remembered.keep(folder)?;
        Ok(standin)
    }

    /// What points the project at it.
    pub fn variables(&self) -> [(&'static str, String); 5] {
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
