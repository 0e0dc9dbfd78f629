//! What a person sees on a terminal, and a program that reads a pipe does not.

use crate::support::Project;
use std::process::Command;

use crate::support::Server;
use segue_demo::{Fault, FaultKind, Options};

/// Runs a command on a pseudo terminal of this size, which `script` of every Debian makes, and gives all that was written to it.
fn on_a_terminal(project: &Project, columns: u16, args: &str) -> String {
    let segue = project.command(&[]);
    let command = format!(
        "stty cols {columns} rows 10; '{}' {args}",
        segue.get_program().to_string_lossy()
    );
    let done = Command::new("script")
        .args(["--quiet", "--return", "--command", &command, "/dev/null"])
        .current_dir(project.file(""))
        .env("TERM", "xterm")
        .env("SHELL", "/bin/sh")
        .env_remove("SEGUE_ENV")
        .envs(segue.get_envs().filter_map(|(name, value)| Some((name, value?))))
        .stdin(std::process::Stdio::null())
        .output()
        .expect("script is there");
    let text = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(done.status.success(), "{text}");
    text
}

#[test]
fn a_terminal_has_a_live_line_a_step_and_a_pipe_has_none() {
    let project = Project::empty();
    project.ok(&["init", "."]);
    let shown = on_a_terminal(&project, 60, "run");
    let (live, summary) = shown.split_once("asset").expect("the summary follows");
    assert!(live.contains("raw.people") && live.contains('\u{1b}'), "{live:?}");
    assert!(summary.contains("done in"), "{summary:?}");
    let piped = project.segue(&["run", "--again"]).ok();
    assert_eq!(piped.err, "", "nothing is drawn where nobody looks");
    assert!(
        piped.out.contains("done in") && !piped.out.contains('\u{1b}'),
        "{}",
        piped.out
    );
    let json = on_a_terminal(&project, 60, "run --again --json");
    assert!(!json.contains('\u{1b}'), "{json:?}");
}

/// The slices that a step's line says are done, in the order in which it said so.
fn slices_done(shown: &str, asset: &str) -> Vec<u64> {
    let mut seen = Vec::new();
    for part in shown.split(asset).skip(1) {
        let done = part
            .split_once(" slices")
            .and_then(|(before, _)| before.trim().split_once('/'));
        if let Some(done) = done.and_then(|(done, _)| done.trim().parse().ok())
            && seen.last() != Some(&done)
        {
            seen.push(done);
        }
    }
    seen
}

#[test]
fn the_line_of_a_long_read_moves_and_says_what_it_waits_for() {
    let standin = Server::start(Options::default());
    let project = Project::music(&standin);
    project.ok(&["run", "+raw.artists"]);
    standin.standin().set_fault(Fault {
        ms: Some(60),
        ..Fault::of(FaultKind::Slow).chance(1.0)
    });
    let shown = on_a_terminal(&project, 120, "run raw.top_tracks");
    let (live, _) = shown.split_once("ended").expect("the summary follows");
    let seen = slices_done(live, "raw.top_tracks");
    assert!(seen.len() >= 3 && seen.is_sorted(), "{seen:?} in {live:?}");
    assert!(live.contains(" calls"), "{live:?}");
    standin.standin().clear_fault(FaultKind::Slow);
    standin
        .standin()
        .set_fault(Fault::of(FaultKind::RateLimitSeconds).every(1).seconds(2).times(1));
    let shown = on_a_terminal(&project, 120, "run raw.artist_genres");
    assert!(
        shown.contains("waiting until") && shown.contains("the server's Retry-After"),
        "{shown:?}"
    );
}
