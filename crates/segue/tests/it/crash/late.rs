//! A writer that wakes up after its commit was given up and another one landed in its place: what the predecessor rule is for.
//!
//! The staged rows of a frozen writer are away for a while (a disk that went and came back), so that the next run gives its commit up,
//! runs the step again and lands. Then the rows are there again, and the writer wakes up. With the rule it does no harm; without the rule
//! its commit lands on top of the other, and the same comparison as after every kill finds it.

use super::content::{AGAIN, NAMES, ask_for, music, wrong};
use super::process::{Stop, stopped};
use super::scenes::{Away, LATER};
use super::{MOST_BUSY, is_held_up, troubled};
use segue_core::fault::Boundary;

/// Brings a writer of this asset into that situation; what is wrong afterwards. A writer that froze while a thread of it was at work in the
/// state or the database keeps everybody from writing there: then nobody else landed, and it is tried again.
fn woken_too_late(asset: &str, boundary: Boundary, stop: Stop) -> Option<String> {
    for _ in 0..MOST_BUSY {
        if let Some(met) = tried(asset, boundary, stop) {
            return met;
        }
    }
    panic!("{asset}: every writer that froze held its database up");
}

fn tried(asset: &str, boundary: Boundary, stop: Stop) -> Option<Option<String>> {
    let standin = troubled();
    let mut project = music(&standin);
    ask_for(&project, NAMES / 2);
    project.ok(&["run"]);
    // Everything before the asset has more to say; the writer carries that, or a part of it.
    ask_for(&project, NAMES * 3 / 4);
    project.ok(&["run", "+raw.artists"]);
    let frozen = stopped(&mut project, &["run", asset], boundary, 1, stop).expect("the boundary is reached");
    let away = Away::of(&project);
    ask_for(&project, NAMES);
    project.set("SEGUE_CLOCK_AHEAD", LATER);
    // What a fault left for later comes with the next run.
    let mut beside = project.segue(&["run"]);
    for _ in 0..4 {
        if is_held_up(&beside) {
            return None;
        }
        if !beside.code.is_some_and(|code| AGAIN.contains(&code)) {
            break;
        }
        beside = project.segue(&["run"]);
    }
    beside.ok();
    let given_up = project.sql("select count(*) from system.commits where state = 'given_up'");
    assert_eq!(given_up.lines().last(), Some("1"), "its commit was given up");
    away.back();
    frozen.wake("it was given up");
    Some(wrong(&project))
}

#[test]
fn a_late_writer_does_no_harm_in_the_lake() {
    let wrong = woken_too_late("raw.top_tracks", Boundary::Claimed, Stop::Freeze);
    assert_eq!(wrong, None);
}

#[test]
fn a_late_writer_does_no_harm_in_a_database() {
    let wrong = woken_too_late("serving.artists", Boundary::Prepared, Stop::Freeze);
    assert_eq!(wrong, None);
}

/// What such a writer spoils without the rule. One that sees, when it wakes up, that its lease is another's stops by itself before it does harm:
/// then it is tried again.
#[cfg(debug_assertions)]
fn spoiled_without_the_rule(asset: &str, boundary: Boundary) -> String {
    (0..MOST_BUSY)
        .find_map(|_| woken_too_late(asset, boundary, Stop::FreezeWithoutPredecessor))
        .expect("it is found")
}

/// Only a build with debug assertions can go without the rule.
#[cfg(debug_assertions)]
#[test]
fn without_the_predecessor_rule_a_late_writer_spoils_the_lake() {
    let wrong = spoiled_without_the_rule("raw.top_tracks", Boundary::Claimed);
    assert!(wrong.contains("raw.top_tracks differs"), "{wrong}");
}

/// Only a build with debug assertions can go without the rule.
#[cfg(debug_assertions)]
#[test]
fn without_the_predecessor_rule_a_late_writer_spoils_a_database() {
    let wrong = spoiled_without_the_rule("serving.artists", Boundary::Prepared);
    assert!(wrong.contains("artists differs"), "{wrong}");
}
