//! Tests arm this process to kill or freeze itself at a named durable boundary. Without the variable nothing happens.

use segue_app::Surroundings;
use segue_core::fault::{self, Boundary};
use std::process::Command;

/// `SEGUE_FAULT=commit.prepared:3:kill` kills the process at the third time that it reaches the boundary; `freeze` stops it until it
/// is woken by SIGCONT; `trace` writes every boundary that is reached to standard error.
pub fn arm(surroundings: &Surroundings) {
    let Some(fault) = surroundings.variables.get("SEGUE_FAULT") else {
        return;
    };
    if fault == "trace" {
        fault::arm(|boundary, times| eprintln!("boundary {} {times}", boundary.name()));
        return;
    }
    let mut words = fault.splitn(3, ':');
    let boundary = words.next().and_then(|b| b.parse::<Boundary>().ok());
    let at = words.next().and_then(|t| t.parse::<u64>().ok());
    let signal = match words.next() {
        Some("kill") => "KILL",
        Some("freeze") => "STOP",
        _ => "",
    };
    let (Some(boundary), Some(at), false) = (boundary, at, signal.is_empty()) else {
        eprintln!("SEGUE_FAULT is BOUNDARY:TIMES:kill|freeze, or trace; `{fault}` is not, and is left aside");
        return;
    };
    fault::arm(move |reached, times| {
        if reached == boundary && times == at {
            eprintln!("boundary {} {times}: {signal}", reached.name());
            let _sent = Command::new("kill")
                .args([format!("-{signal}"), std::process::id().to_string()])
                .status();
        }
    });
}
