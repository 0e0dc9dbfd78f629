//! Somebody who follows a page: saves its files, types its lines, and compares what is shown.
//!
//! A block ```` ```yaml file=PATH ```` is saved. In a ```` ```console ```` block, lines that begin with `$ ` are typed into a shell (and `> `
//! goes on with them); what follows must be shown. `...` stands for anything: alone for any lines, inside a line for any part of it.
//! The address 127.0.0.1:4100 stands for the stand-in that `segue demo-server` started.

use super::shown;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// What pages call the stand-in's address.
const ADDRESS: &str = "127.0.0.1:4100";

/// What pages call the folder that a reader begins in.
const HOME: &str = "/home/you";

pub struct Reader {
    home: tempfile::TempDir,
    at: PathBuf,
    variables: Vec<(String, String)>,
    standin: Option<(Child, String)>,
}

/// What a page wants done.
pub enum Block<'a> {
    File(&'a str, String),
    Console(Vec<Typed>),
}

/// A line that is typed, and what must be shown.
pub struct Typed {
    pub command: String,
    pub shown: Vec<String>,
}

/// The blocks of a page that are followed, in order.
pub fn blocks(page: &str) -> Vec<Block<'_>> {
    let mut found = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        let Some(info) = line.strip_prefix("```") else {
            continue;
        };
        let inside: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        if let Some((_, path)) = info.split_once(" file=") {
            found.push(Block::File(path.trim(), inside.join("\n") + "\n"));
        } else if info == "console" {
            found.push(Block::Console(typed(&inside)));
        }
    }
    found
}

fn typed(lines: &[&str]) -> Vec<Typed> {
    let mut all: Vec<Typed> = Vec::new();
    for line in lines {
        match (line.strip_prefix("$ "), line.strip_prefix("> "), all.last_mut()) {
            (Some(command), _, _) => all.push(Typed {
                command: command.to_string(),
                shown: Vec::new(),
            }),
            (None, Some(more), Some(last)) if last.shown.is_empty() => {
                last.command.push('\n');
                last.command.push_str(more);
            }
            (None, _, Some(last)) => last.shown.push((*line).to_string()),
            (None, _, None) => panic!("a console block begins with `{line}`, and nothing was typed"),
        }
    }
    all
}

impl Reader {
    /// In an empty folder.
    pub fn new() -> Reader {
        let home = tempfile::tempdir().expect("a temporary folder");
        Reader {
            at: home.path().to_path_buf(),
            home,
            variables: Vec::new(),
            standin: None,
        }
    }

    pub fn save(&self, path: &str, text: &str) {
        let path = self.at.join(path);
        std::fs::create_dir_all(path.parent().expect("a path in a folder")).expect("can make folders");
        std::fs::write(path, self.addressed(text)).expect("can write");
    }

    /// Follows a page from its top; every line whose output is another one than the page shows.
    pub fn follow(&mut self, page: &str) -> Vec<String> {
        let mut wrong = Vec::new();
        for block in blocks(page) {
            match block {
                Block::File(path, text) => self.save(path, &text),
                Block::Console(lines) => {
                    for typed in lines.iter().filter(|t| !t.command.starts_with("cargo ")) {
                        let shown = self.type_in(&typed.command);
                        if !shown::alike(&typed.shown, &shown) {
                            let wanted = typed.shown.join("\n");
                            wrong.push(format!("$ {}\n{shown}--- but the page has\n{wanted}\n", typed.command));
                        }
                    }
                }
            }
        }
        wrong
    }

    /// Types a line; what is shown.
    fn type_in(&mut self, command: &str) -> String {
        if let Some(folder) = command.strip_prefix("cd ") {
            self.at = self.at.join(folder);
            assert!(self.at.is_dir(), "`{command}`: there is no such folder");
            return String::new();
        }
        if let Some(set) = command.strip_prefix("export ") {
            for (name, value) in set.split_whitespace().filter_map(|s| s.split_once('=')) {
                let value = self.addressed(value);
                self.variables.push((name.to_string(), value));
            }
            return String::new();
        }
        if let Some(arguments) = command.strip_prefix("segue demo-server") {
            return self.start_standin(arguments);
        }
        if let Some(question) = command.strip_prefix("sqlite3 ") {
            return self.ask_sqlite(question);
        }
        let output = self
            .command("sh")
            .args(["-c", &format!("exec 2>&1\n{}", self.addressed(command))])
            .output()
            .expect("there is a shell");
        self.named(&String::from_utf8_lossy(&output.stdout))
    }

    /// `FILE "STATEMENT"`: what the sqlite3 program shows, which a machine need not have.
    fn ask_sqlite(&self, question: &str) -> String {
        let (file, statement) = question.split_once(' ').expect("a file and a statement");
        let database = rusqlite::Connection::open(self.at.join(file)).expect("a database");
        let mut statement = database.prepare(statement.trim_matches('"')).expect("a statement");
        let columns = statement.column_count();
        let mut rows = statement.query([]).expect("an answer");
        let mut text = String::new();
        while let Some(row) = rows.next().expect("a row") {
            let cells: Vec<String> = (0..columns)
                .map(|at| match row.get_ref(at).expect("a cell") {
                    rusqlite::types::ValueRef::Text(bytes) => String::from_utf8_lossy(bytes).into_owned(),
                    rusqlite::types::ValueRef::Integer(n) => n.to_string(),
                    rusqlite::types::ValueRef::Real(n) => n.to_string(),
                    _ => String::new(),
                })
                .collect();
            text.push_str(&cells.join("|"));
            text.push('\n');
        }
        text
    }

    /// Starts the stand-in, on any free port whatever the page says, in the place of one before.
    fn start_standin(&mut self, arguments: &str) -> String {
        self.stop_standin();
        let arguments = arguments.replace("--port 4100", "").replace('&', "");
        let mut process = self
            .command(env!("CARGO_BIN_EXE_segue"))
            .arg("demo-server")
            .args(arguments.split_whitespace())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let mut line = String::new();
        let stdout = process.stdout.take().expect("it is piped");
        BufReader::new(stdout)
            .read_line(&mut line)
            .expect("it says where it is");
        let address = line.trim().trim_start_matches("http://").to_string();
        assert!(address.contains(':'), "the stand-in did not start: {line}");
        self.standin = Some((process, address));
        self.named(&line)
    }

    fn stop_standin(&mut self) {
        if let Some((mut process, _)) = self.standin.take() {
            let _may_have_ended = process.kill();
            let _ended = process.wait();
        }
    }

    fn command(&self, program: &str) -> Command {
        let own = PathBuf::from(env!("CARGO_BIN_EXE_segue"));
        let mut path = own.parent().expect("a program is in a folder").as_os_str().to_owned();
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap_or_default());
        let mut command = Command::new(program);
        command
            .current_dir(&self.at)
            .env("PATH", path)
            .env_remove("SEGUE_ENV")
            .env_remove("SEGUE_FAULT")
            .envs(self.variables.iter().map(|(n, v)| (n, v)))
            .stdin(Stdio::null());
        command
    }

    /// With the stand-in's real address.
    fn addressed(&self, text: &str) -> String {
        match &self.standin {
            Some((_, address)) => text.replace(ADDRESS, address),
            None => text.to_string(),
        }
    }

    /// With the names that a page has for the address and the folder.
    fn named(&self, text: &str) -> String {
        let text = text.replace(&self.home.path().display().to_string(), HOME);
        match &self.standin {
            Some((_, address)) => text.replace(address, ADDRESS),
            None => text,
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.stop_standin();
    }
}
