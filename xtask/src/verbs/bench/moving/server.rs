//! A PostgreSQL server of the bench's own, from its package: in the bench's folder, on a free port of this machine, gone with the value.

use crate::process::{self, Failure};
use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The superuser, who needs no password.
const USER: &str = "segue";

/// Whom PostgreSQL runs as where we are root: it refuses to be.
const SERVER_USER: &str = "postgres";

/// How long it may take to start.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server for one person's tables of some gigabytes. Nothing works beside the runs: no vacuum, and no checkpoint before `max_wal_size`.
const SETTINGS: &[&str] = &[
    "listen_addresses=127.0.0.1",
    "shared_buffers=1GB",
    "max_wal_size=16GB",
    "checkpoint_timeout=1h",
    "wal_level=minimal",
    "max_wal_senders=0",
    "autovacuum=off",
    "max_locks_per_transaction=256",
];

/// Starts the server, and stops it at once when nobody holds the other end of its input any more: however the bench ends, it does not stay.
const UNTIL_INPUT_ENDS: &str = r#""$@" & server=$!; echo started; read -r _; kill -QUIT $server; wait $server"#;

/// A server that runs until the value is dropped, or the process ends.
pub struct Server {
    port: u16,
    keeper: Child,
}

impl Server {
    /// Makes a cluster below the folder and starts it.
    pub fn start(folder: &Path) -> Result<Server, Failure> {
        let home = folder.join("postgres");
        fs::create_dir_all(&home).map_err(|e| super::cannot("make", &home, &e))?;
        if is_root() {
            process::run(Command::new("chown").arg(SERVER_USER).arg(&home))?;
        }
        let data = home.join("data");
        let usual = [
            "-U",
            USER,
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--locale=C",
            "--no-instructions",
        ];
        let made = process::output(as_server(program("initdb")).args(usual).arg("-D").arg(&data));
        made.ok_or_else(|| Failure::new("PostgreSQL makes no cluster: initdb fails"))?;
        // Free again at once: it is the server's.
        let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let port = port
            .map_err(|e| Failure::new(format!("there is no free port: {e}")))?
            .port();
        let mut command = as_server("sh");
        command.args(["-c", UNTIL_INPUT_ENDS, "sh"]).arg(program("postgres"));
        command
            .arg("-D")
            .arg(&data)
            .args(["-p", &port.to_string()])
            .arg("-k")
            .arg(&home);
        for setting in SETTINGS {
            command.args(["-c", setting]);
        }
        let log = home.join("log");
        let file = fs::File::create(&log).map_err(|e| super::cannot("write", &log, &e))?;
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(file);
        let cannot_start = |e: std::io::Error| Failure::new(format!("cannot start PostgreSQL: {e}"));
        let mut keeper = command.spawn().map_err(cannot_start)?;
        if let Some(said) = keeper.stdout.take() {
            BufReader::new(said)
                .read_line(&mut String::new())
                .map_err(cannot_start)?;
        }
        let server = Server { port, keeper };
        let begun = Instant::now();
        while !server.is_ready(&data) {
            let log = fs::read_to_string(&log).unwrap_or_default();
            if log.contains("FATAL") || begun.elapsed() > PATIENCE {
                return Err(Failure::new(format!("PostgreSQL does not start:\n{log}")));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(server)
    }

    fn is_ready(&self, data: &Path) -> bool {
        let status = fs::read_to_string(data.join("postmaster.pid")).unwrap_or_default();
        status.lines().nth(7).is_some_and(|line| line.trim() == "ready")
    }

    /// The variables by which programs find it.
    pub fn variables(&self) -> [(&'static str, String); 4] {
        [
            ("PGHOST", "127.0.0.1".into()),
            ("PGPORT", self.port.to_string()),
            ("PGUSER", USER.into()),
            ("PGDATABASE", "postgres".into()),
        ]
    }

    /// The project's connection to it.
    pub fn connection(&self) -> String {
        format!(
            "connection: shop\nkind: postgres\nhost: 127.0.0.1\nport: {}\ndatabase: postgres\nuser: {USER}\n",
            self.port
        )
    }

    /// `psql`, connected to it.
    pub fn psql(&self) -> Command {
        let mut psql = Command::new(program("psql"));
        psql.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"])
            .envs(self.variables());
        psql
    }

    /// Has it do this.
    pub fn sql(&self, sql: &str) -> Result<(), Failure> {
        process::run(self.psql().stdout(Stdio::null()).args(["-c", sql]))
    }

    /// What it is.
    pub fn version(&self) -> Result<String, Failure> {
        process::output(
            self.psql()
                .args(["-c", "select 'PostgreSQL ' || current_setting('server_version')"]),
        )
        .ok_or_else(|| Failure::new("PostgreSQL does not say its version"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _stopped = self.keeper.wait();
    }
}

fn as_server(program: impl AsRef<OsStr>) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    // Somewhere that the other user may be as well.
    command.current_dir("/");
    let user = ["--reuid", SERVER_USER, "--regid", SERVER_USER, "--clear-groups"];
    command.args(user).arg("--").arg(program);
    command
}

fn is_root() -> bool {
    process::output(Command::new("id").arg("-u")).as_deref() == Some("0")
}

/// One of the server's programs. Debian keeps them out of PATH, beside each other by version.
fn program(name: &str) -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = versions
        .map(|v| v.path().join("bin").join(name))
        .filter(|p| p.exists())
        .collect();
    found.sort();
    found.pop().unwrap_or_else(|| PathBuf::from(name))
}
