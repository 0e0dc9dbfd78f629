//! A folder with a project in it, the binary that works on it, and the stand-in that it asks.

use segue_demo::{Options, Standin};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

/// What a command did.
pub struct Done {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Done {
    /// What this output says.
    pub fn of(output: Output) -> Done {
        Done {
            code: output.status.code(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// The command must have ended with 0.
    #[track_caller]
    pub fn ok(self) -> Done {
        self.ended(0)
    }

    /// The command must have ended with this code.
    #[track_caller]
    pub fn ended(self, code: i32) -> Done {
        assert_eq!(self.code, Some(code), "\nstdout:\n{}\nstderr:\n{}", self.out, self.err);
        self
    }

    /// Everything that was shown.
    pub fn text(&self) -> String {
        format!("{}{}", self.out, self.err)
    }
}

/// A project's folder, gone with the value.
pub struct Project {
    dir: tempfile::TempDir,
    variables: Vec<(String, String)>,
}

impl Project {
    /// A folder with nothing in it.
    pub fn empty() -> Project {
        Project {
            dir: tempfile::tempdir().expect("a temporary folder"),
            variables: Vec::new(),
        }
    }

    /// A folder with these files.
    pub fn with(files: &[(&str, &str)]) -> Project {
        let project = Project::empty();
        for (path, text) in files {
            project.write(path, text);
        }
        project
    }

    /// The project `spotify`, asking this stand-in.
    pub fn music(standin: &Server) -> Project {
        let mut project = Project::with(segue_demo::project::files());
        project.ask(standin);
        project
    }

    /// Points the project at this stand-in.
    pub fn ask(&mut self, standin: &Server) {
        self.set("SPOTIFY_API_URL", &standin.api_url);
        self.set("SPOTIFY_TOKEN_URL", &standin.token_url);
        self.set("SPOTIFY_CLIENT_ID", &standin.client_id);
        self.set("SPOTIFY_CLIENT_SECRET", &standin.client_secret);
        self.set("SPOTIFY_RATE", "100000/s");
    }

    /// Sets a variable for all commands that follow.
    pub fn set(&mut self, name: &str, value: &str) {
        self.variables.retain(|(n, _)| n != name);
        self.variables.push((name.into(), value.into()));
    }

    pub fn file(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    pub fn write(&self, path: &str, text: &str) {
        let path = self.file(path);
        std::fs::create_dir_all(path.parent().expect("a path in the project")).expect("can make folders");
        std::fs::write(path, text).expect("can write");
    }

    pub fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.file(path)).expect("the file is there")
    }

    /// The names in a folder, sorted.
    pub fn read_dir(&self, path: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.file(path)).expect("the folder is there");
        let mut names: Vec<String> = entries
            .map(|e| e.expect("an entry").file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    /// Every file at or below these paths, with its bytes: what is not here is not there.
    pub fn contents(&self, paths: &[&str]) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut all = BTreeMap::new();
        let mut left: Vec<PathBuf> = paths.iter().map(|path| self.file(path)).collect();
        while let Some(path) = left.pop() {
            if path.is_dir() {
                let entries = std::fs::read_dir(&path).expect("the folder is there");
                left.extend(entries.map(|e| e.expect("an entry").path()));
            } else if let Ok(bytes) = std::fs::read(&path) {
                all.insert(path, bytes);
            }
        }
        all
    }

    /// Runs a command that must end with this code and write nothing at or below these paths, whether it says so or not.
    #[track_caller]
    pub fn writes_nothing(&self, paths: &[&str], args: &[&str], code: i32) -> Done {
        let before = self.contents(paths);
        let done = self.segue(args).ended(code);
        let after = self.contents(paths);
        let other: Vec<_> = before
            .keys()
            .chain(after.keys())
            .filter(|path| before.get(*path) != after.get(*path))
            .collect();
        assert!(other.is_empty(), "{args:?} wrote {other:?}\n{}", done.text());
        done
    }

    /// Replaces a text that must be there.
    #[track_caller]
    pub fn edit(&self, path: &str, from: &str, to: &str) {
        let text = self.read(path);
        assert!(text.contains(from), "{path} has no `{from}`");
        self.write(path, &text.replace(from, to));
    }

    /// The command, ready to be started.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_segue"));
        command
            .args(args)
            .current_dir(self.dir.path())
            .env_remove("SEGUE_ENV")
            .env_remove("SEGUE_FAULT")
            .stdin(Stdio::null());
        command.envs(self.variables.iter().map(|(n, v)| (n, v)));
        command
    }

    /// Runs a command to its end.
    pub fn segue(&self, args: &[&str]) -> Done {
        Done::of(self.command(args).output().expect("the binary starts"))
    }

    /// Starts a command.
    pub fn start(&self, args: &[&str]) -> Child {
        self.command(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts")
    }

    /// Runs a command that must end with 0, and gives what it wrote.
    #[track_caller]
    pub fn ok(&self, args: &[&str]) -> String {
        self.segue(args).ok().out
    }

    /// The answer to a question, as CSV, whose lines end as those of any text here.
    #[track_caller]
    pub fn sql(&self, statement: &str) -> String {
        self.ok(&["sql", "--format", "csv", statement]).replace("\r\n", "\n")
    }
}

/// A stand-in that runs in this process until the value is dropped.
pub struct Server {
    pub api_url: String,
    pub token_url: String,
    pub client_id: String,
    pub client_secret: String,
    pub standin: Option<Standin>,
    runtime: tokio::runtime::Runtime,
}

impl Server {
    /// Starts a stand-in.
    pub fn start(options: Options) -> Server {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let (client_id, client_secret) = (options.client_id.clone(), options.client_secret.clone());
        let standin = runtime.block_on(Standin::start(options)).expect("the stand-in starts");
        let (api_url, token_url) = (standin.api_url(), standin.token_url());
        Server {
            api_url,
            token_url,
            client_id,
            client_secret,
            standin: Some(standin),
            runtime,
        }
    }

    pub fn standin(&self) -> &Standin {
        self.standin.as_ref().expect("it runs until it is dropped")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(standin) = self.standin.take() {
            let _stopped = self.runtime.block_on(standin.stop());
        }
    }
}
