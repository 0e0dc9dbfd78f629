//! A pooler in front of a server, which gives each transaction of a client another session of it.

use super::{Postgres, USER, as_server, is_root, new_folder, run};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Starts it, and stops it when nobody holds the other end of its input any more.
const UNTIL_INPUT_ENDS: &str = r#""$@" & pooler=$!; read -r _; kill -TERM $pooler; wait $pooler"#;

/// A PgBouncer in transaction mode that runs until the value is dropped, or the process ends.
pub struct Pooler {
    port: u16,
    keeper: Child,
    _folder: TempDir,
}

impl Pooler {
    /// Starts one that keeps so many sessions of the server for each database.
    ///
    /// # Panics
    /// When PgBouncer is not installed, or does not start.
    pub fn start(server: &Postgres, sessions: u32) -> Pooler {
        let folder = new_folder();
        let port = TcpListener::bind("127.0.0.1:0")
            .and_then(|l| l.local_addr())
            .expect("a free port")
            .port();
        let (settings, users) = (folder.path().join("settings"), folder.path().join("users"));
        std::fs::write(&users, format!("\"{USER}\" \"\"\n")).expect("can write");
        let text = format!(
            "[databases]\n* = host=127.0.0.1 port={}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n\
             auth_type = trust\nauth_file = {}\npool_mode = transaction\ndefault_pool_size = {sessions}\n",
            server.port(),
            users.display()
        );
        std::fs::write(&settings, text).expect("can write");
        if is_root() {
            run(Command::new("chown").args(["-R", "postgres"]).arg(folder.path()));
        }
        let mut command = as_server("sh");
        // Debian keeps it where only the administrator looks.
        let path = format!("{}:/usr/sbin", std::env::var("PATH").unwrap_or_default());
        command.env("PATH", path);
        command
            .args(["-c", UNTIL_INPUT_ENDS, "sh", "pgbouncer", "-q"])
            .arg(&settings);
        let keeper = command
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("a shell");
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(begun.elapsed() < Duration::from_secs(30), "PgBouncer does not start");
            std::thread::sleep(Duration::from_millis(20));
        }
        Pooler {
            port,
            keeper,
            _folder: folder,
        }
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _stopped = self.keeper.wait();
    }
}
