//! A process that dies: kill -9 and freezing at every named durable boundary, and at random moments, with every transient fault on.
//! Whatever happened, the next run finishes it, and every table is as after a calm run.
//!
//! `cargo xtask proof crash` runs it in full, by `SEGUE_KILLS_EACH` and `SEGUE_FREEZES` (at each boundary) and `SEGUE_KILLS` (at random).
//! `SEGUE_BOUNDARIES` (their names, with commas) says at which alone, to look at one that failed.

mod content;
mod late;
mod process;
mod scenes;
mod swept;

use crate::support::{Done, Project, Server};
use content::{assert_right, calm, music, wrong};
use process::{Stop, was_killed};
use scenes::{LATER_STILL, Round, SCENES};
use segue_core::fault::Boundary;
use segue_demo::{Fault, FaultKind, Options};
use std::time::{Duration, Instant};

fn times(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().and_then(|n| n.parse().ok())
}

/// The boundaries that are asked for; all of them, if none are.
fn asked_for() -> Vec<Boundary> {
    match std::env::var("SEGUE_BOUNDARIES") {
        Ok(names) => names
            .split(',')
            .map(|n| n.parse().expect("a boundary's name"))
            .collect(),
        Err(_) => Boundary::ALL.to_vec(),
    }
}

/// A stand-in with every transient fault on.
fn troubled() -> Server {
    let faults = FaultKind::TRANSIENT
        .into_iter()
        .map(|kind| Fault::of(kind).chance(0.02).seconds(1))
        .collect();
    Server::start(Options {
        faults,
        ..Options::default()
    })
}

/// The time of its so-manieth round at which a boundary is met that is reached so often: spread over all of them.
fn spread(reached: u64, round: u64, each: u64) -> u64 {
    1 + reached * (2 * round + 1) / (2 * each)
}

/// How often a freeze is tried again that held the state up, so that nobody else came to anything beside it.
const MOST_BUSY: u64 = 4;

/// Stops a process at each of these boundaries, so often each; what is wrong afterwards, if anything is: a table, or a boundary that was not
/// met so often. `late` is how a scene freezes a writer that it needs beside the one that is stopped.
fn at_every_boundary(boundaries: &[Boundary], each: u64, stop: Stop, late: Stop) -> Result<(), String> {
    let standin = troubled();
    let began = Instant::now();
    let mut met = vec![0; Boundary::ALL.len()];
    let mut busy = 0;
    for scene in SCENES {
        let chosen: Vec<_> = scene
            .boundaries
            .iter()
            .copied()
            .filter(|b| boundaries.contains(b))
            .collect();
        if chosen.is_empty() {
            continue;
        }
        let reached = scene.trace(&standin);
        for boundary in chosen {
            let reached = reached.iter().filter(|b| **b == boundary).count() as u64;
            assert!(reached > 0, "{} was never reached by {}", boundary.name(), scene.name);
            for nth_round in 0..each {
                let round = Round { nth: nth_round, late };
                let nth = spread(reached, nth_round, each);
                let mut held_up = 0;
                loop {
                    let (at, stopped) = match scene.stop(&standin, boundary, nth, round, stop) {
                        // Answers that come in another order need fewer requests or files: the first time is there in any order.
                        None => (
                            format!("{} 1", boundary.name()),
                            scene.stop(&standin, boundary, 1, round, stop),
                        ),
                        stopped => (format!("{} {nth}", boundary.name()), stopped),
                    };
                    let Some((mut project, frozen)) = stopped else {
                        panic!("{at} was not reached");
                    };
                    let is_busy = stop == Stop::Freeze && held_state_up(&mut project, &at);
                    frozen.wake(&at);
                    if let Some(wrong) = wrong(&project) {
                        return Err(format!("after {stop:?} at {at}, {}: {wrong}", scene.name));
                    }
                    if !is_busy {
                        break;
                    }
                    // Another thread of the frozen process was at work in the state or the database. That is no meeting: it is frozen again.
                    busy += 1;
                    held_up += 1;
                    assert!(
                        held_up < MOST_BUSY,
                        "{at}: every process that froze there held the state up"
                    );
                }
                met[boundary as usize] += 1;
            }
        }
    }
    let took = began.elapsed();
    for boundary in boundaries {
        let met = met[*boundary as usize];
        eprintln!("{stop:?} at {}: {met}", boundary.name());
        if met != each {
            return Err(format!("{} was not met as often as it should be", boundary.name()));
        }
    }
    eprintln!(
        "{stop:?} at {} boundaries took {took:.0?}; {busy} more processes held the state up while they were frozen",
        boundaries.len()
    );
    if boundaries.len() == Boundary::ALL.len() {
        assert_troubled(&standin);
    }
    Ok(())
}

/// Runs beside a frozen process, whose lease has run out; whether that could do nothing, because the frozen one holds the state up.
#[track_caller]
fn held_state_up(project: &mut Project, at: &str) -> bool {
    // The lease of a frozen holder is another's once it has not been renewed for 30 s: they have passed.
    project.set("SEGUE_CLOCK_AHEAD", LATER_STILL);
    let beside = project.segue(&["run"]);
    let is_busy = is_held_up(&beside);
    assert!(
        beside.code == Some(0) || is_busy,
        "beside a freeze at {at}: {}",
        beside.text()
    );
    is_busy
}

/// Whether a run could do nothing, because another process holds the state or the database up.
fn is_held_up(run: &Done) -> bool {
    ["the state is busy", "the database is busy"]
        .iter()
        .any(|busy| run.text().contains(busy))
}

/// Each transient fault fired: a loop in which one never did shows nothing about it.
#[track_caller]
fn assert_troubled(standin: &Server) {
    let faults = standin.standin().stats().faults;
    eprintln!("faults that fired: {faults:?}");
    for kind in FaultKind::TRANSIENT {
        let fired = faults.get(kind.name()).copied().unwrap_or(0);
        assert!(fired > 0, "{} never fired: {faults:?}", kind.name());
    }
}

#[test]
fn killed_at_every_boundary() {
    let each = times("SEGUE_KILLS_EACH").unwrap_or(1);
    assert_eq!(at_every_boundary(&asked_for(), each, Stop::Kill, Stop::Freeze), Ok(()));
}

/// The loop itself, with one rule less: a writer that goes without it comes back in the scene of `commit.cleared`, and the tables are not as
/// after a calm run. Only a build with debug assertions can go without the rule.
#[cfg(debug_assertions)]
#[test]
fn without_the_predecessor_rule_the_loop_fails() {
    // A writer that sees, when it wakes up, that its lease is another's stops by itself before it does harm.
    let wrong = (0..MOST_BUSY)
        .find_map(|_| at_every_boundary(&[Boundary::Cleared], 1, Stop::Kill, Stop::FreezeWithoutPredecessor).err())
        .expect("it is found");
    assert!(wrong.contains("raw.top_tracks differs"), "{wrong}");
}

/// Without `SEGUE_FREEZES` only where a frozen process has the most to spoil.
#[test]
fn frozen_and_woken() {
    match times("SEGUE_FREEZES") {
        Some(each) => assert_eq!(
            at_every_boundary(&asked_for(), each, Stop::Freeze, Stop::Freeze),
            Ok(())
        ),
        None => {
            let few = [
                Boundary::Noted,
                Boundary::Claimed,
                Boundary::OwnCommitted,
                Boundary::Cleared,
            ];
            assert_eq!(at_every_boundary(&few, 1, Stop::Freeze, Stop::Freeze), Ok(()));
        }
    }
}

#[test]
fn killed_at_random_moments() {
    let standin = troubled();
    calm();
    let began = Instant::now();
    let mut lengths: Vec<Duration> = (0..3)
        .map(|_| {
            let project = music(&standin);
            let started = Instant::now();
            project.ok(&["run"]);
            started.elapsed()
        })
        .collect();
    lengths.sort();
    let length = lengths[1];
    let kills = times("SEGUE_KILLS").unwrap_or(6);
    let (mut killed, mut too_late) = (0, 0);
    for nth in 0..kills {
        // Spread evenly over the measured length of a run; one that came after the run's end is made up for by an earlier one.
        let mut moment = length.mul_f64((nth as f64 + 0.5) / kills as f64);
        loop {
            let project = music(&standin);
            let mut run = project.start(&["run"]);
            // Waiting is what this test is about.
            std::thread::sleep(moment);
            run.kill().expect("can be killed");
            let met = was_killed(run.wait().expect("it ends"));
            assert_right(&project, &format!("a kill at {moment:?} of {length:?}"));
            if met {
                killed += 1;
                break;
            }
            too_late += 1;
            assert!(too_late <= kills, "most kills come after the run's end");
            moment = moment.mul_f64(0.9);
        }
    }
    let took = began.elapsed();
    eprintln!("{killed} random kills over {length:.1?}, {too_late} more came after the run's end; took {took:.0?}");
    assert_eq!(killed, kills);
    assert_troubled(&standin);
}

#[test]
fn every_boundary_is_in_one_scene() {
    for boundary in Boundary::ALL {
        let scenes = SCENES.iter().filter(|s| s.boundaries.contains(boundary)).count();
        assert_eq!(scenes, 1, "{} is in {scenes} scenes", boundary.name());
    }
}
