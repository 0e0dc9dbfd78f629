//! The ways to come to a boundary: each of them is reached by the real program in one of these scenes.

use super::content::{NAMES, ask_for, music};
use super::process::{Frozen, Stop, stopped, traced};
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

/// What is there before, what is run until the boundary is reached, and what has changed when the next run comes.
pub struct Scene {
    pub name: &'static str,
    pub boundaries: &'static [Boundary],
    commands: &'static [&'static [&'static str]],
    before: fn(&Server, &mut Project, u64),
    after: fn(&Server, &mut Project),
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
        before: |_, _, _| {},
        after: |_, _| {},
    },
    Scene {
        name: "a path that is blocked",
        boundaries: &[Boundary::Blocked, Boundary::Parked],
        commands: &[&["run", "raw.top_tracks"]],
        before: |standin, project, _| {
            project.ok(&["run", "+raw.artists"]);
            let fault = Fault::of(FaultKind::BlockedPath).seconds(BLOCKED_FOR);
            standin.standin().set_fault(fault.after(NAMES as u64 / 3));
        },
        after: |standin, project| {
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
            let nth = [2, 7, 8, 5, 1][round as usize % 5];
            let killed = stopped(project, &["run"], Boundary::Prepared, nth, Stop::Kill);
            assert!(killed.is_some(), "there is no commit {nth}");
            for file in files_of_prepared(project) {
                std::fs::remove_file(file).expect("it is there");
            }
        },
        after: |_, _| {},
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
        },
        after: |_, _| {},
    },
];

impl Scene {
    fn begin(&self, standin: &Server, round: u64) -> Project {
        let mut project = music(standin);
        (self.before)(standin, &mut project, round);
        project
    }

    /// The boundaries as they are reached when nothing is stopped.
    pub fn trace(&self, standin: &Server) -> Vec<Boundary> {
        let mut project = self.begin(standin, 0);
        let reached = self
            .commands
            .iter()
            .flat_map(|args| traced(&mut project, args))
            .collect();
        (self.after)(standin, &mut project);
        reached
    }

    /// A project whose process was stopped when it came to the boundary for the so-manieth time; `None` when it did not so often.
    pub fn stop(
        &self,
        standin: &Server,
        boundary: Boundary,
        nth: u64,
        round: u64,
        stop: Stop,
    ) -> Option<(Project, Frozen)> {
        let mut project = self.begin(standin, round);
        let frozen = self
            .commands
            .iter()
            .find_map(|args| stopped(&mut project, args, boundary, nth, stop));
        (self.after)(standin, &mut project);
        Some((project, frozen?))
    }
}

/// The files of the own table that a prepared commit adds, and those that lie staged for it.
pub fn files_of_prepared(project: &Project) -> Vec<PathBuf> {
    let state = rusqlite::Connection::open(project.file(".segue/state.db")).expect("the state is there");
    let record: String = state
        .query_row("select record from commits where state = 'prepared'", [], |row| {
            row.get(0)
        })
        .expect("one commit is prepared");
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
