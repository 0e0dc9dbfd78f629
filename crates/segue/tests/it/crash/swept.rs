//! What is prepared, or being made by a step that runs, is never taken for left over: not by a vacuum that keeps nothing.

use super::process::{Frozen, Stop, stopped};
use super::scenes::LATER;
use crate::support::Project;
use segue_core::fault::Boundary;

/// The first project, whose next run has something to say that nobody else will say again: the file it was read from changes after it.
fn stopped_run(boundary: Boundary, stop: Stop) -> (Project, Frozen) {
    let mut project = Project::empty();
    project.ok(&["init", "."]);
    project.ok(&["run"]);
    project.write("data/people.csv", "name,language\nAda,ko\nMinsu,fr\nZoé,fr\n");
    let frozen = stopped(&mut project, &["run", "raw.people"], boundary, 1, stop).expect("the boundary is reached");
    (project, frozen)
}

fn people(project: &Project) -> String {
    let rows = project.sql("select name, language from raw.people order by name");
    rows.lines().skip(1).collect::<Vec<_>>().join(" ")
}

fn commits(project: &Project) -> String {
    let rows = project.sql("select n, state from system.commits where asset = 'raw.people' order by n");
    rows.lines().skip(1).collect::<Vec<_>>().join(" ")
}

const NOTHING_KEPT: [&str; 4] = ["lake", "vacuum", "--keep", "0s"];

#[test]
fn what_is_prepared_is_finished_after_a_vacuum_that_keeps_nothing() {
    let (project, _) = stopped_run(Boundary::Prepared, Stop::Kill);
    project.ok(&NOTHING_KEPT);
    project.ok(&["run"]);
    assert_eq!(people(&project), "Ada,ko Minsu,fr Zoé,fr");
    // The very commit that was prepared: nothing was given up, and nothing was read and staged anew in its place.
    assert_eq!(commits(&project), "1,committed 2,committed");
}

#[test]
fn what_is_claimed_is_found_by_a_rebuild_after_a_vacuum_that_keeps_nothing() {
    let (project, _) = stopped_run(Boundary::OwnCommitted, Stop::Kill);
    project.ok(&NOTHING_KEPT);
    std::fs::remove_dir_all(project.file(".segue")).expect("the state is there");
    project.ok(&["state", "rebuild"]);
    project.ok(&NOTHING_KEPT);
    project.ok(&["run"]);
    assert_eq!(people(&project), "Ada,ko Minsu,fr Zoé,fr");
}

/// Beside a process that is frozen there, while its lease holds and after it has run out.
#[test]
fn a_frozen_run_finds_what_it_staged_after_a_vacuum_that_keeps_nothing() {
    for boundary in [Boundary::LakeStaged, Boundary::Prepared] {
        for ahead in ["", LATER] {
            let (mut project, frozen) = stopped_run(boundary, Stop::Freeze);
            project.set("SEGUE_CLOCK_AHEAD", ahead);
            // It may say that somebody works on the table, and leave it alone.
            let vacuumed = project.segue(&NOTHING_KEPT);
            let at = format!("{} and a clock ahead by `{ahead}`", boundary.name());
            assert!(matches!(vacuumed.code, Some(0 | 5)), "at {at}: {}", vacuumed.text());
            project.set("SEGUE_CLOCK_AHEAD", "");
            frozen.wake(&at);
            let after = people(&project);
            if boundary == Boundary::Prepared || ahead.is_empty() {
                assert_eq!(after, "Ada,ko Minsu,fr Zoé,fr", "at {at}: {}", vacuumed.text());
                assert_eq!(commits(&project), "1,committed 2,committed", "at {at}");
            }
            project.ok(&["run"]);
            assert_eq!(people(&project), "Ada,ko Minsu,fr Zoé,fr", "at {at}");
        }
    }
}
