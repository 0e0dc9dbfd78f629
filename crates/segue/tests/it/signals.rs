//! Being asked to stop: by Ctrl-C or SIGTERM, at once, and without leaving anything behind.

use crate::support::{Done, Project};
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// How long anything here may take on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(60);

fn send(signal: &str, process: u32) {
    let sent = Command::new("kill")
        .args([format!("-{signal}"), process.to_string()])
        .status();
    assert!(sent.expect("kill is there").success());
}

/// Waits until this comes true.
#[track_caller]
fn until(what: &str, mut is: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is() {
        assert!(begun.elapsed() < PATIENCE, "{what}: it never was so");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The end of a process, which must come in time.
#[track_caller]
fn ended(mut child: Child) -> Done {
    until("it ends", || child.try_wait().expect("can be asked").is_some());
    Done::of(child.wait_with_output().expect("it ended"))
}

/// How much CPU time a process used so far, in hundredths of a second.
fn cpu_of(process: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    fields
        .get(11..13)
        .map_or(0, |used| used.iter().flat_map(|n| n.parse::<u64>()).sum())
}

#[test]
fn a_signal_ends_a_query_whatever_it_is_busy_with() {
    let project = Project::empty();
    project.ok(&["init", "."]);
    for (sql, signal) in [
        (
            "select count(*) from generate_series(1, 10000000) a, generate_series(1, 10000000) b where a.value * b.value % 7 = 3",
            "INT",
        ),
        (
            "select count(*) from generate_series(1, 100000) a, generate_series(1, 100000000) b where a.value % 10 = b.value % 10",
            "TERM",
        ),
    ] {
        let query = project.start(&["sql", sql]);
        until("it works", || cpu_of(query.id()) > 300);
        send(signal, query.id());
        let asked = Instant::now();
        let done = ended(query).ended(130);
        assert!(
            asked.elapsed() < Duration::from_secs(10),
            "it took {:?}",
            asked.elapsed()
        );
        assert!(!done.err.contains("commit"), "{}", done.err);
    }
}

/// A prompt on a pseudo terminal, which `script` of every Debian makes.
struct Prompt {
    script: Child,
    shown: Receiver<u8>,
}

impl Prompt {
    fn of(project: &Project) -> Prompt {
        let segue = project.command(&[]);
        // Without a shell in between, which Ctrl-C would end.
        let command = format!(
            "exec '{}' sql --format json-lines",
            segue.get_program().to_string_lossy()
        );
        let mut script = Command::new("script")
            .args(["--quiet", "--return", "--command", &command, "/dev/null"])
            .current_dir(project.file(""))
            .env("TERM", "xterm")
            .env("SHELL", "/bin/sh")
            .env_remove("SEGUE_ENV")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("script is there");
        let (send, shown) = channel();
        let stdout = BufReader::new(script.stdout.take().expect("it is piped"));
        std::thread::spawn(move || {
            for byte in stdout.bytes().map_while(Result::ok) {
                if send.send(byte).is_err() {
                    return;
                }
            }
        });
        Prompt { script, shown }
    }

    fn types(&mut self, keys: &str) {
        let terminal = self.script.stdin.as_mut().expect("it is piped");
        let typed = terminal.write_all(keys.as_bytes()).and_then(|()| terminal.flush());
        typed.expect("it listens");
    }

    /// Waits until this is shown, after everything that was waited for before.
    #[track_caller]
    fn shows(&mut self, wanted: &str) {
        let begun = Instant::now();
        let mut seen: Vec<u8> = Vec::new();
        while !seen.ends_with(wanted.as_bytes()) {
            let left = PATIENCE.saturating_sub(begun.elapsed());
            match self.shown.recv_timeout(left) {
                Ok(byte) => seen.push(byte),
                Err(_) => panic!("`{wanted}` was not shown, but:\n{}", String::from_utf8_lossy(&seen)),
            }
        }
    }

    #[track_caller]
    fn ends(mut self) {
        until("the prompt ends", || {
            self.script.try_wait().expect("can be asked").is_some()
        });
        let ended = self.script.wait().expect("it ended");
        assert_eq!(ended.code(), Some(0));
    }
}

#[test]
fn ctrl_c_ends_the_statement_and_not_the_prompt() {
    let project = Project::empty();
    project.ok(&["init", "."]);
    let mut prompt = Prompt::of(&project);
    for _ in 0..2 {
        prompt.shows("segue> ");
        prompt.types("select value as n from generate_series(1, 1000000000000);\n");
        // It runs: rows come.
        prompt.shows("{\"n\":10000}");
        prompt.types("\u{3}");
        prompt.shows("error: stopped, as asked");
        prompt.shows("segue> ");
        prompt.types("select 41 + 1 as answer;\n");
        prompt.shows("{\"answer\":42}");
    }
    prompt.shows("segue> ");
    // A semicolon in a text or a remark ends nothing, and the end of the input ends what was typed.
    prompt.types("select 'a;\n");
    prompt.shows("... ");
    prompt.types("b' as t -- not yet;\n");
    prompt.shows("... ");
    prompt.types("\u{4}");
    prompt.shows("{\"t\":\"a;\\nb\"}");
    prompt.ends();
}

#[test]
fn a_demo_that_is_ended_leaves_no_stand_in_behind() {
    let project = Project::empty();
    for signal in ["KILL", "TERM", "INT"] {
        let mut demo = project.start(&["demo", "--dir", "d"]);
        let mut shown = BufReader::new(demo.stdout.take().expect("it is piped"));
        let mut line = String::new();
        while !line.contains("answers until Ctrl-C") {
            line.clear();
            let read = shown.read_line(&mut line).expect("it says what it does");
            assert!(read > 0, "it ended early");
        }
        let port: u16 = project.read("d/.segue/standin.port").trim().parse().expect("a port");
        let answers = || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok();
        assert!(answers());
        send(signal, demo.id());
        let done = ended(demo);
        assert_eq!(done.code, if signal == "KILL" { None } else { Some(0) }, "{}", done.err);
        assert!(!done.err.contains("commit"), "{}", done.err);
        until("the stand-in is gone", || !answers());
    }
}
