//! A server that speaks like S3: moto, from the packages of `xtask/python.txt`.

use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long it may take to begin.
const BEGIN: Duration = Duration::from_secs(60);

/// A running server on a free port of the loopback; it ends with the value.
pub struct Moto {
    child: Child,
    address: SocketAddr,
}

impl Moto {
    /// Starts one. `None`, with a line that says so, where Python was left out on purpose (`SEGUE_WITHOUT`).
    ///
    /// # Panics
    /// When there is no Python with the packages, and nobody said that this is meant; when it does not begin.
    pub fn start(what: &str) -> Option<Moto> {
        let left_out = std::env::var("SEGUE_WITHOUT").is_ok_and(|w| w.split(',').any(|w| w.trim() == "python"));
        let python = match std::env::var("SEGUE_TEST_PYTHON") {
            Ok(python) => python,
            Err(_) if left_out => {
                println!("left out: {what}");
                return None;
            }
            Err(_) => panic!(
                "SEGUE_TEST_PYTHON names no Python with the packages of xtask/python.txt; `cargo xtask test` makes one"
            ),
        };
        // A port that is free now may be taken in a moment: then another one is tried.
        for _ in 0..5 {
            let free = TcpListener::bind("127.0.0.1:0").expect("the loopback has a free port");
            let address = free.local_addr().expect("it is bound");
            drop(free);
            let mut child = Command::new(&python)
                .args([
                    "-m",
                    "moto.server",
                    "-H",
                    "127.0.0.1",
                    "-p",
                    &address.port().to_string(),
                ])
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::piped())
                .spawn()
                .expect("Python begins");
            if begun(&mut child, address) {
                // Nobody reads what it says from here on, and a full pipe would stop it.
                if let Some(mut said) = child.stderr.take() {
                    std::thread::spawn(move || std::io::copy(&mut said, &mut std::io::sink()));
                }
                return Some(Moto { child, address });
            }
            end(&mut child);
            let mut said = String::new();
            if let Some(out) = child.stderr.take() {
                let _what_it_said = BufReader::new(out).take(4096).read_to_string(&mut said);
            }
            eprintln!("moto did not begin: {said}");
        }
        panic!("moto did not begin");
    }

    /// Where it is: `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

fn begun(child: &mut Child, address: SocketAddr) -> bool {
    let until = Instant::now() + BEGIN;
    while Instant::now() < until {
        if !matches!(child.try_wait(), Ok(None)) {
            return false;
        }
        if let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_secs(1)) {
            return answers(stream);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    false
}

/// Whether it is what answers there: its own page is asked for.
fn answers(mut stream: TcpStream) -> bool {
    use std::io::Write;
    let asked = stream.write_all(b"GET /moto-api/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    let mut line = String::new();
    asked.is_ok() && BufReader::new(stream).read_line(&mut line).is_ok() && line.starts_with("HTTP/1.1 200")
}

fn end(child: &mut Child) {
    let _it_may_be_gone = child.kill();
    let _it_may_be_gone = child.wait();
}

impl Drop for Moto {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}
