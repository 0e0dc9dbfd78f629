//! The ways to come to a boundary: each of them is reached by the real program in one of these scenes.

use super::content::{NAMES, ask_for, music};
use super::process::{Frozen, Stop, frozen_to_be_killed, stopped, traced};
use crate::support::{Project, Server};
use segue_core::commit::CommitRecord;
use segue_core::fault::Boundary;
use segue_demo::{Fault, FaultKind};
use serde_json::Value;
use std::path::PathBuf;

/// How long a refused request is to wait; past the project's `max_wait` of 30 s, so that it is written as a block.
const BLOCKED_FOR: u64 = 45;

/// So many small files of a table are compacted.
const MANY_FILES: usize = 8;

/// The clock of those who come after a block, or after a frozen process: the block is over, and a lease that nobody renews too.
pub const LATER: &str = "50s";

/// The clock of those who come after one of those froze in turn.
pub const LATER_STILL: &str = "100s";

/// What is there before, what is run until the boundary is reached, and what has changed when the next run comes.
pub struct Scene {
    pub name: &'static str,
    pub boundaries: &'static [Boundary],
    commands: &'static [&'static [&'static str]],
    before: fn(&Server, &mut Project, Round) -> Held,
    after: fn(&Server, &mut Project, Held),
}

/// Which of its times a scene is played, and how a writer is frozen that it needs beside the one that is stopped.
#[derive(Clone, Copy)]
pub struct Round {
    pub nth: u64,
    pub late: Stop,
}

/// A writer that is frozen from before the boundary until after it, and the files that it had staged, which are away meanwhile.
pub type Held = Option<(Frozen, Away)>;

/// Files that are not where they were.
pub struct Away(Vec<(PathBuf, Vec<u8>)>);

impl Away {
    /// Those of the commit that is prepared.
    pub fn of(project: &Project) -> Away {
        let files = files_of_prepared(project).into_iter().map(|path| {
            let bytes = std::fs::read(&path).expect("it is there");
            std::fs::remove_file(&path).expect("it is there");
            (path, bytes)
        });
        Away(files.collect())
    }

    pub fn back(self) {
        for (path, bytes) in self.0 {
            std::fs::write(path, bytes).expect("can write");
        }
    }
}

/// A writer of top tracks that is frozen when it has claimed its number, with more to say than is in the tables, and without its files.
fn frozen_without_files(project: &mut Project, freeze: impl FnOnce(&mut Project, &[&str]) -> Option<Frozen>) -> Held {
    ask_for(project, NAMES / 2);
    project.ok(&["run"]);
    ask_for(project, NAMES * 3 / 4);
    project.ok(&["run", "+raw.artists"]);
    let frozen = freeze(project, &["run", "raw.top_tracks"]).expect("the boundary is reached");
    let away = Away::of(project);
    ask_for(project, NAMES);
    // Its lease is another's once it has not been renewed for 30 s: they have passed.
    project.set("SEGUE_CLOCK_AHEAD", LATER);
    Some((frozen, away))
}

/// Its files are there again, and it wakes up.
fn woken(held: Held) {
    if let Some((frozen, away)) = held {
        away.back();
        frozen.wake("it was given up");
    }
}

/// Nothing is held, and nothing changes.
fn nothing(_: &Server, _: &mut Project, _: Held) {}

/// Another program writes an entry into a table's log that changes no row.
fn foreign_entry(project: &Project, table: &str) {
    let log = project.file(&format!("lake/{table}/_delta_log"));
    let entries = std::fs::read_dir(&log).expect("the table is there").count();
    let next = (0..=entries)
        .map(|version| log.join(format!("{version:020}.json")))
        .find(|path| !path.exists())
        .expect("one is free");
    let info = r#"{"commitInfo":{"timestamp":1700000000000,"operation":"WRITE","operationParameters":{}}}"#;
    std::fs::write(
        next,
        format!("{info}\n{{\"txn\":{{\"appId\":\"another program\",\"version\":1}}}}\n"),
    )
    .expect("can write");
}

/// Where files lie that are not in the project for a while.
const ASIDE: &str = ".aside"; // hidden: no file of the project
/// Nothing else of the project reads them.
const LEAVES: [&str; 2] = [
    "assets/serving/related_artists.yaml",
    "assets/music/related_artists.sql",
];

fn aside(path: &str) -> String {
    format!("{ASIDE}/{}", path.replace('/', "."))
}

/// Every boundary is in one of them.
pub const SCENES: &[Scene] = &[
    Scene {
        name: "a run from nothing",
        boundaries: &[
            Boundary::RunStarted,
            Boundary::LeaseTaken,
            Boundary::RateReserved,
            Boundary::LakeStaged,
            Boundary::SqlStaged,
            Boundary::Noted,
            Boundary::Prepared,
            Boundary::Claimed,
            Boundary::OwnCommitted,
            Boundary::CompanionCommitted,
            Boundary::SqlCommitted,
            Boundary::Marked,
            Boundary::StepEnded,
            Boundary::RunEnded,
        ],
        commands: &[&["run"]],
        before: |_, _, _| None,
        after: nothing,
    },
    Scene {
        name: "a path that is blocked",
        boundaries: &[Boundary::Blocked, Boundary::Parked],
        commands: &[&["run", "raw.top_tracks"]],
        before: |standin, project, _| {
            project.ok(&["run", "+raw.artists"]);
            let fault = Fault::of(FaultKind::BlockedPath).seconds(BLOCKED_FOR);
            standin.standin().set_fault(fault.after(NAMES as u64 / 3));
            None
        },
        after: |standin, project, _| {
            standin.standin().clear_fault(FaultKind::BlockedPath);
            project.set("SEGUE_CLOCK_AHEAD", LATER);
        },
    },
    Scene {
        name: "a prepared commit whose staged rows are gone",
        boundaries: &[Boundary::GivenUp],
        commands: &[&["run"]],
        before: |_, project, round| {
            // Of each kind of table: a copy of a file, of a web API, SQL in the lake, and the database.
            let nth = [2, 7, 8, 5, 1][round.nth as usize % 5];
            let killed = stopped(project, &["run"], Boundary::Prepared, nth, Stop::Kill);
            assert!(killed.is_some(), "there is no commit {nth}");
            for file in files_of_prepared(project) {
                std::fs::remove_file(&file).unwrap_or_else(|e| panic!("commit {nth} names {}: {e}", file.display()));
            }
            None
        },
        after: nothing,
    },
    Scene {
        name: "a writer whose commit was given up, and who comes back when another has landed in its place",
        boundaries: &[Boundary::Cleared],
        commands: &[&["run"]],
        before: |_, project, round| {
            frozen_without_files(project, |project, run| {
                stopped(project, run, Boundary::Claimed, 1, round.late)
            })
        },
        after: |_, _, held| woken(held),
    },
    Scene {
        name: "a writer whose commit was given up, and who comes back before another landed",
        boundaries: &[Boundary::TakenBack],
        commands: &[&["run"]],
        before: |_, project, _| {
            // It dies when its table has decided: left alone, it would take its commit back itself.
            let held = frozen_without_files(project, |project, run| {
                frozen_to_be_killed(project, run, Boundary::Claimed, Boundary::OwnCommitted)
            });
            let killed = stopped(project, &["run"], Boundary::GivenUp, 1, Stop::Kill);
            assert!(killed.is_some(), "its commit was given up");
            if let Some((frozen, away)) = held {
                away.back();
                frozen.wake_to_die();
            }
            None
        },
        after: nothing,
    },
    Scene {
        name: "a table that another program moved under a prepared commit",
        boundaries: &[Boundary::Reworked],
        commands: &[&["run"]],
        before: |_, project, _| {
            ask_for(project, NAMES / 2);
            project.ok(&["run"]);
            ask_for(project, NAMES);
            project.ok(&["run", "+raw.audio_features"]);
            let killed = stopped(
                project,
                &["run", "music.artist_profiles"],
                Boundary::Prepared,
                1,
                Stop::Kill,
            );
            assert!(killed.is_some(), "it has something to commit");
            foreign_entry(project, "music/artist_profiles");
            None
        },
        after: nothing,
    },
    Scene {
        name: "a source that says the same again",
        boundaries: &[Boundary::Entered, Boundary::Amended],
        commands: &[&["run", "raw.artist_genres", "--again"]],
        before: |_, project, _| {
            project.ok(&["run"]);
            None
        },
        after: nothing,
    },
    Scene {
        name: "a state that is brought back from the tables",
        boundaries: &[Boundary::Adopted],
        commands: &[&["state", "rebuild"]],
        before: |_, project, _| {
            project.ok(&["run"]);
            std::fs::remove_dir_all(project.file(".segue")).expect("the state is there");
            None
        },
        after: |_, project, _| {
            // What was brought back is left as it is, and the rest comes too; nobody has renewed the lease of who was stopped.
            project.set("SEGUE_CLOCK_AHEAD", LATER);
            project.ok(&["state", "rebuild"]);
        },
    },
    Scene {
        name: "an asset that is dropped",
        boundaries: &[Boundary::Dropped],
        commands: &[&["asset", "drop", "music.related_artists", "--yes"]],
        before: |_, project, _| {
            project.ok(&["run"]);
            for path in LEAVES {
                project.write(&aside(path), &project.read(path));
                std::fs::remove_file(project.file(path)).expect("it is there");
            }
            None
        },
        after: |_, project, _| {
            project.set("SEGUE_CLOCK_AHEAD", LATER);
            // Told twice it does what is left; when all was done, there is no such asset.
            let again = project.segue(&["asset", "drop", "music.related_artists", "--yes"]);
            assert!(matches!(again.code, Some(0 | 4)), "{}", again.text());
            for path in LEAVES {
                project.write(path, &project.read(&aside(path)));
            }
        },
    },
    Scene {
        name: "tables of small files",
        boundaries: &[Boundary::Compacted],
        commands: &[&["run"], &["lake", "compact"]],
        before: |_, project, _| {
            // One short of what is many; the run that comes next, or whoever is told to, makes one of them.
            for files in 1..MANY_FILES {
                ask_for(project, files * NAMES / MANY_FILES);
                project.ok(&["run", "raw.artist_names", "raw.artists"]);
            }
            ask_for(project, NAMES);
            None
        },
        after: nothing,
    },
];

impl Scene {
    fn begin(&self, standin: &Server, round: Round) -> (Project, Held) {
        let mut project = music(standin);
        let held = (self.before)(standin, &mut project, round);
        (project, held)
    }

    /// The boundaries as they are reached when nothing is stopped.
    pub fn trace(&self, standin: &Server) -> Vec<Boundary> {
        let round = Round {
            nth: 0,
            late: Stop::Freeze,
        };
        let (mut project, held) = self.begin(standin, round);
        let reached = self
            .commands
            .iter()
            .flat_map(|args| traced(&mut project, args))
            .collect();
        (self.after)(standin, &mut project, held);
        reached
    }

    /// A project whose process was stopped when it came to the boundary for the so-manieth time; `None` when it did not so often.
    pub fn stop(
        &self,
        standin: &Server,
        boundary: Boundary,
        nth: u64,
        round: Round,
        stop: Stop,
    ) -> Option<(Project, Frozen)> {
        let (mut project, held) = self.begin(standin, round);
        let frozen = self
            .commands
            .iter()
            .find_map(|args| stopped(&mut project, args, boundary, nth, stop));
        (self.after)(standin, &mut project, held);
        Some((project, frozen?))
    }
}

/// The files of the own table that the commit adds which was prepared last, and those that lie staged for it. Another step's may be
/// prepared as well, and in its table already.
pub fn files_of_prepared(project: &Project) -> Vec<PathBuf> {
    let state = rusqlite::Connection::open(project.file(".segue/state.db")).expect("the state is there");
    let record: String = state
        .query_row(
            "select record from commits where state = 'prepared' order by prepared_at desc limit 1",
            [],
            |row| row.get(0),
        )
        .expect("a commit is prepared");
    let record = CommitRecord::from_json(&record).expect("a record");
    let own = record.own();
    let mut files: Vec<PathBuf> = Vec::new();
    for staged in &own.staged {
        if let Some(file) = staged.place["file"].as_str() {
            files.push(project.file(".segue/staged/sqlite").join(file));
        }
    }
    let in_lake = own.staged.iter().flat_map(|s| array(&s.place["files"]));
    for file in in_lake.chain(array(&own.plan["adds"])) {
        let path = file["path"].as_str().expect("a path");
        files.push(project.file("lake").join(&own.target.place).join(path));
    }
    files.sort();
    files.dedup();
    assert!(!files.is_empty(), "{record} adds no file");
    files
}

fn array(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}
