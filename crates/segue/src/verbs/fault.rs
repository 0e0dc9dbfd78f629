//! Tests arm this process to kill or freeze itself at a named durable boundary. Without the variable nothing happens.

use segue_app::Surroundings;
use segue_core::fault::{self, Boundary, Rule};
use std::process::Command;

/// What `SEGUE_FAULT` may be.
const WORDS: &str = "BOUNDARY:TIMES:kill, BOUNDARY:TIMES:freeze, several of them with commas between, or trace";

/// `SEGUE_FAULT=commit.prepared:3:kill` kills the process at the third time that it reaches the boundary; `freeze` stops it until it
/// is woken by SIGCONT; `trace` writes every boundary that is reached to standard error. Several stand with commas between.
///
/// `SEGUE_FAULT=commit.claimed:1:freeze:without-predecessor` freezes, and takes the predecessor rule out of this process: the kill tests
/// show with it that they would see a table go wrong. It is no setting that anybody could come upon: it has no variable of its own, goes
/// with a freeze alone, and a build without debug assertions does not know it.
pub fn arm(surroundings: &Surroundings) {
    let Some(fault) = surroundings.variables.get("SEGUE_FAULT").filter(|f| !f.is_empty()) else {
        return;
    };
    if fault == "trace" {
        fault::arm(|boundary, times| eprintln!("boundary {} {times}", boundary.name()));
        return;
    }
    let Some(stops) = fault.split(',').map(stop).collect::<Option<Vec<_>>>() else {
        eprintln!("SEGUE_FAULT is {WORDS}; `{fault}` is not, and is left aside");
        return;
    };
    fault::arm(move |reached, times| {
        for (_, _, signal) in stops
            .iter()
            .filter(|(boundary, at, _)| (*boundary, *at) == (reached, times))
        {
            eprintln!("boundary {} {times}: {signal}", reached.name());
            let _sent = Command::new("kill")
                .args([format!("-{signal}"), std::process::id().to_string()])
                .status();
        }
    });
}

/// Where the process stops itself, which time, and by which signal.
fn stop(words: &str) -> Option<(Boundary, u64, &'static str)> {
    let words: Vec<&str> = words.split(':').collect();
    let (boundary, at, signal) = match words[..] {
        [boundary, at, "kill"] => (boundary, at, "KILL"),
        [boundary, at, "freeze"] => (boundary, at, "STOP"),
        [boundary, at, "freeze", "without-predecessor"] if fault::take_out(Rule::Predecessor) => (boundary, at, "STOP"),
        _ => return None,
    };
    Some((boundary.parse().ok()?, at.parse().ok()?, signal))
}
