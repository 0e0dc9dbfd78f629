//! What a person sees on a terminal, and a program that reads a pipe does not.

use crate::support::Project;
use std::process::Command;

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
