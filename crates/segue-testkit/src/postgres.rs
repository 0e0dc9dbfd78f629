//! A real PostgreSQL server, from its package: in a folder of its own, on a free port of this machine, gone with the test.

pub mod kinds;
mod pooler;

pub use pooler::Pooler;

use parking_lot::Mutex;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The superuser, who needs no password.
pub const USER: &str = "segue";

/// Who needs one, and which.
pub const LOGIN: (&str, &str) = ("ada", "hush-hush");

/// How long a server may take to start, or to stop.
const PATIENCE: Duration = Duration::from_secs(60);

/// Who may come in: everybody from this machine, and one by a password.
const HBA: &str = "host all ada 127.0.0.1/32 scram-sha-256\nhost all all 127.0.0.1/32 trust\nlocal all all trust\n";

/// Starts the server, and stops it at once when nobody holds the other end of its input any more: however the test ends, it does not stay.
const UNTIL_INPUT_ENDS: &str = r#""$@" & server=$!; echo started; read -r _; kill -QUIT $server; wait $server"#;

/// A server that runs until the value is dropped, or the process ends.
pub struct Postgres {
    folder: TempDir,
    port: u16,
    keeper: Option<Child>,
    settings: Vec<String>,
}

impl Postgres {
    /// Starts one with these settings (`name=value`).
    ///
    /// # Panics
    /// When PostgreSQL is not installed, or does not start.
    pub fn start(settings: &[&str]) -> Postgres {
        Postgres::start_in(new_folder(), settings)
    }

    /// Starts one whose write-ahead log is in files of so many megabytes: of tables and log, [`Postgres::limit_files`] may then meet the one alone. Nobody
    /// but who commits writes the log.
    pub fn start_with_log_files_of(megabytes: u32) -> Postgres {
        let folder = new_folder();
        make_cluster(folder.path(), &[&format!("--wal-segsize={megabytes}")]);
        Postgres::start_on(folder, &["wal_writer_delay=10s", "autovacuum=off"])
    }

    /// Starts one that speaks TLS, under a certificate for `localhost`. Gives the file of the authority that signed it.
    pub fn start_with_tls() -> (Postgres, PathBuf) {
        let folder = new_folder();
        let path = |name: &str| folder.path().join(name);
        let (ca, ca_key, key, asked, certificate) = (
            path("ca.crt"),
            path("ca.key"),
            path("server.key"),
            path("server.csr"),
            path("server.crt"),
        );
        let new_key = ["-newkey", "rsa:2048", "-nodes"];
        let mut sign = Command::new("openssl");
        sign.args(["req", "-x509", "-days", "2", "-subj", "/CN=an authority"])
            .args(new_key);
        run(sign.arg("-keyout").arg(&ca_key).arg("-out").arg(&ca));
        let mut ask = Command::new("openssl");
        ask.args([
            "req",
            "-subj",
            "/CN=localhost",
            "-addext",
            "subjectAltName=DNS:localhost",
        ])
        .args(new_key);
        run(ask.arg("-keyout").arg(&key).arg("-out").arg(&asked));
        let mut answer = Command::new("openssl");
        answer
            .args(["x509", "-req", "-days", "2", "-copy_extensions", "copy", "-in"])
            .arg(&asked);
        run(answer
            .arg("-CA")
            .arg(&ca)
            .arg("-CAkey")
            .arg(&ca_key)
            .arg("-out")
            .arg(&certificate));
        run(Command::new("chmod").arg("600").arg(&key));
        if is_root() {
            run(Command::new("chown").arg(SERVER_USER).arg(&key).arg(&certificate));
        }
        let (certificate, key) = (
            format!("ssl_cert_file={}", certificate.display()),
            format!("ssl_key_file={}", key.display()),
        );
        (Postgres::start_in(folder, &["ssl=on", &certificate, &key]), ca)
    }

    fn start_in(folder: TempDir, settings: &[&str]) -> Postgres {
        make_cluster(folder.path(), &[]);
        Postgres::start_on(folder, settings)
    }

    /// On the cluster that is in the folder.
    fn start_on(folder: TempDir, settings: &[&str]) -> Postgres {
        let port = TcpListener::bind("127.0.0.1:0")
            .and_then(|l| l.local_addr())
            .expect("a free port")
            .port();
        let mut server = Postgres {
            folder,
            port,
            keeper: None,
            settings: settings.iter().map(|s| s.to_string()).collect(),
        };
        server.run();
        server
    }

    /// The one that tests share which run at the same time; each makes a database of its own.
    pub fn shared() -> Arc<Postgres> {
        static SHARED: Mutex<Weak<Postgres>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock();
        if let Some(running) = shared.upgrade() {
            return running;
        }
        let server = Arc::new(Postgres::start(&[]));
        *shared = Arc::downgrade(&server);
        server
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Stops it, and keeps what is on its disk, for [`Postgres::put_back`].
    ///
    /// # Panics
    /// When it cannot be copied.
    pub fn save(&mut self) -> TempDir {
        self.sql("postgres", "checkpoint");
        self.kill();
        let saved = new_folder();
        run(Command::new("cp").arg("-a").arg(self.data()).arg(saved.path()));
        saved
    }

    /// Stops it, and starts it as it was when it was saved, as one is that is restored from a backup.
    ///
    /// # Panics
    /// When it cannot be copied, or does not start.
    pub fn put_back(&mut self, saved: &TempDir) {
        self.kill();
        std::fs::remove_dir_all(self.data()).expect("can remove");
        run(Command::new("cp")
            .arg("-a")
            .arg(saved.path().join("data"))
            .arg(self.folder.path()));
        self.run();
    }

    /// Starts it again as a standby, which waits to take over (`select pg_promote()`).
    ///
    /// # Panics
    /// When it does not start.
    pub fn stand_by(&mut self) {
        self.kill();
        std::fs::write(self.data().join("standby.signal"), "").expect("can write");
        self.run();
    }

    /// Starts it again with the counter of its transactions in this turn: the numbers that rows keep are the lower 32 bits of it.
    ///
    /// # Panics
    /// When it cannot be set.
    pub fn turn(&mut self, epoch: u32) {
        self.sql("postgres", "checkpoint");
        self.kill();
        let epoch = epoch.to_string();
        run(as_server(program("pg_resetwal"))
            .args(["-f", "-e", &epoch, "-D"])
            .arg(self.data()));
        self.run();
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Starts it, again after it was killed or stopped.
    pub fn run(&mut self) {
        let mut command = as_server("sh");
        command.args(["-c", UNTIL_INPUT_ENDS, "sh"]).arg(program("postgres"));
        command.arg("-D").arg(self.data());
        command.arg("-p").arg(self.port.to_string());
        command.arg("-k").arg(self.folder.path());
        let usual = [
            "listen_addresses=127.0.0.1",
            "fsync=off",
            "max_connections=60",
            "shared_buffers=64MB",
        ];
        for setting in usual.into_iter().chain(self.settings.iter().map(String::as_str)) {
            command.args(["-c", setting]);
        }
        let log = std::fs::File::create(self.folder.path().join("log")).expect("can write");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log);
        let mut keeper = command.spawn().expect("a shell");
        let mut said = String::new();
        BufReader::new(keeper.stdout.take().expect("its output"))
            .read_line(&mut said)
            .expect("it says so");
        self.keeper = Some(keeper);
        let begun = Instant::now();
        while !self.is_ready() {
            let log = self.log();
            assert!(!log.contains("FATAL"), "PostgreSQL does not start:\n{log}");
            assert!(begun.elapsed() < PATIENCE, "PostgreSQL does not start:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn is_ready(&self) -> bool {
        let status = std::fs::read_to_string(self.data().join("postmaster.pid")).unwrap_or_default();
        status.lines().nth(7).is_some_and(|line| line.trim() == "ready")
    }

    /// Goes on with its log in the middle of one of these files of it.
    pub fn fill_log(&self, megabytes: u32) {
        let file = megabytes << 20;
        let at = "(pg_walfile_name_offset(pg_current_wal_insert_lsn())).file_offset";
        let more = format!("({file} + {file} / 2 - {at}) % {file}");
        self.sql(
            "postgres",
            &format!("select pg_logical_emit_message(true, 'fill', repeat('x', {more}))"),
        );
    }

    /// From now on no file of it becomes longer than so many bytes; `None`: each as long as it may be. To the server that is a disk that is full: of
    /// what it has to write, a part is written, or nothing. It needs no right to mount one that is small.
    ///
    /// # Panics
    /// When the server does not run.
    pub fn limit_files(&self, bytes: Option<u64>) {
        let status = std::fs::read_to_string(self.data().join("postmaster.pid")).expect("it runs");
        let server = status.lines().next().expect("its number").to_string();
        let limit = bytes.map_or("unlimited".into(), |bytes| bytes.to_string());
        let set = |process: &str| {
            as_server("prlimit")
                .args(["--pid", process, &format!("--fsize={limit}:")])
                .output()
        };
        let done = set(&server).expect("prlimit is there");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        // And those that it has started already.
        for entry in std::fs::read_dir("/proc").expect("it is there").flatten() {
            let process = entry.file_name().to_string_lossy().into_owned();
            let stat = std::fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
            // Behind the name, which may hold anything: a state, and the process that started it.
            let parent = stat
                .rsplit_once(')')
                .and_then(|(_, rest)| rest.split_whitespace().nth(1));
            if parent == Some(server.as_str()) {
                let _it_may_have_ended = set(&process);
            }
        }
    }

    /// What it has said.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Has it do this, as the superuser; what it answers, a line a row and `|` between values.
    ///
    /// # Panics
    /// When it refuses.
    #[track_caller]
    pub fn sql(&self, database: &str, sql: &str) -> String {
        let port = self.port.to_string();
        let mut psql = Command::new(program("psql"));
        psql.args([
            "-X",
            "-q",
            "-A",
            "-t",
            "-v",
            "ON_ERROR_STOP=1",
            "-h",
            "127.0.0.1",
            "-p",
            &port,
            "-U",
            USER,
        ]);
        let done = psql.args(["-d", database, "-c", sql]).output().expect("psql runs");
        assert!(
            done.status.success(),
            "{sql}: {}",
            String::from_utf8_lossy(&done.stderr)
        );
        String::from_utf8_lossy(&done.stdout).trim_end().to_string()
    }

    /// Stops it at once, as a crash would.
    pub fn kill(&mut self) {
        if let Some(mut keeper) = self.keeper.take() {
            drop(keeper.stdin.take());
            let _stopped = keeper.wait();
        }
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.kill();
    }
}

fn new_folder() -> TempDir {
    tempfile::Builder::new()
        .prefix("segue-pg-")
        .tempdir()
        .expect("a folder")
}

/// Makes an empty cluster in the folder.
fn make_cluster(folder: &Path, more: &[&str]) {
    if is_root() {
        run(Command::new("chown").arg(SERVER_USER).arg(folder));
    }
    let data = folder.join("data");
    let usual = [
        "-U",
        USER,
        "-A",
        "trust",
        "-E",
        "UTF8",
        "--locale=C",
        "--no-sync",
        "--no-instructions",
        "-D",
    ];
    run(as_server(program("initdb")).args(usual).arg(&data).args(more));
    std::fs::write(data.join("pg_hba.conf"), HBA).expect("can write");
}

#[track_caller]
fn run(command: &mut Command) {
    let done = command.output().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    assert!(
        done.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&done.stderr)
    );
}

/// PostgreSQL refuses to run as root: then the user of its package does.
const SERVER_USER: &str = "postgres";

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
    let id = Command::new("id").arg("-u").output().expect("id is there");
    id.stdout.trim_ascii() == b"0"
}

/// One of the server's programs. Debian keeps them out of PATH, beside each other by version.
fn program(name: &str) -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = versions
        .map(|v| v.path().join("bin").join(name))
        .filter(|p| p.exists())
        .collect();
    found.sort();
    found.pop().unwrap_or_else(|| PathBuf::from(name))
}
