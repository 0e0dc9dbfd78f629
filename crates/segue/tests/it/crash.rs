//! A process that dies: kill -9 and freezing at every named durable boundary, and at random moments, with every transient fault on.
//! Whatever happened, the next run finishes it, and every table is as after a calm run.
//!
//! `cargo xtask proof crash` runs it in full, by `SEGUE_KILLS_EACH` and `SEGUE_FREEZES` (at each boundary) and `SEGUE_KILLS` (at random).

mod content;
mod late;
mod process;
mod scenes;

use crate::support::Server;
use content::{assert_right, calm, music};
use process::{Stop, was_killed};
use scenes::{LATER, SCENES};
use segue_core::fault::Boundary;
use segue_demo::{Fault, FaultKind, Options};
use std::time::{Duration, Instant};

fn times(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().and_then(|n| n.parse().ok())
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

/// Stops a process at each of these boundaries, so often each; fails when one was not met so often.
fn at_every_boundary(boundaries: &[Boundary], each: u64, stop: Stop) {
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
            for round in 0..each {
                let nth = spread(reached, round, each);
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
                if stop == Stop::Freeze {
                    // The lease of a frozen holder is another's once it has not been renewed for 30 s: they have passed.
                    project.set("SEGUE_CLOCK_AHEAD", LATER);
                    let beside = project.segue(&["run"]);
                    // Another thread of the frozen process may be writing into the state: then everybody waits until it wakes up.
                    let is_busy = beside.text().contains("the state is busy");
                    assert!(
                        beside.code == Some(0) || is_busy,
                        "beside a freeze at {at}: {}",
                        beside.text()
                    );
                    busy += u64::from(is_busy);
                    frozen.wake(&at);
                }
                assert_right(&project, &format!("{stop:?} at {at}, {}", scene.name));
                met[boundary as usize] += 1;
            }
        }
    }
    let took = began.elapsed();
    for boundary in boundaries {
        let met = met[*boundary as usize];
        eprintln!("{stop:?} at {}: {met}", boundary.name());
        assert_eq!(met, each, "{} was not met as often as it should be", boundary.name());
    }
    let all = each * boundaries.len() as u64;
    eprintln!(
        "{stop:?} at {} boundaries took {took:.0?}; {busy} of {all} held the state up",
        boundaries.len()
    );
    assert!(
        busy * 4 <= all,
        "{busy} of {all} processes that froze held the state up"
    );
}

#[test]
fn killed_at_every_boundary() {
    at_every_boundary(Boundary::ALL, times("SEGUE_KILLS_EACH").unwrap_or(1), Stop::Kill);
}

/// Without `SEGUE_FREEZES` only where a frozen process has the most to spoil.
#[test]
fn frozen_and_woken() {
    match times("SEGUE_FREEZES") {
        Some(each) => at_every_boundary(Boundary::ALL, each, Stop::Freeze),
        None => {
            let few = [Boundary::Noted, Boundary::Claimed, Boundary::OwnCommitted];
            at_every_boundary(&few, 1, Stop::Freeze);
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
}

#[test]
fn every_boundary_is_in_one_scene() {
    for boundary in Boundary::ALL {
        let scenes = SCENES.iter().filter(|s| s.boundaries.contains(boundary)).count();
        assert_eq!(scenes, 1, "{} is in {scenes} scenes", boundary.name());
    }
}
