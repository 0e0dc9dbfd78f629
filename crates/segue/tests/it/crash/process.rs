//! A process that stops itself at a boundary: by dying, or by freezing until it is woken.

use crate::support::{Done, Project};
use segue_core::fault::Boundary;
use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

/// How a process is stopped.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Stop {
    /// By kill -9.
    Kill,
    /// By SIGSTOP, until SIGCONT.
    Freeze,
    /// The same, with the predecessor rule taken out of the process.
    FreezeWithoutPredecessor,
}

impl Stop {
    fn word(self) -> &'static str {
        match self {
            Stop::Kill => "kill",
            Stop::Freeze => "freeze",
            Stop::FreezeWithoutPredecessor => "freeze:without-predecessor",
        }
    }
}

/// Starts the command, to be stopped when it comes to the boundary for the so-manieth time; `None` when it ended without.
pub fn stopped(project: &mut Project, args: &[&str], boundary: Boundary, nth: u64, stop: Stop) -> Option<Frozen> {
    let mut child = armed(project, args, &format!("{}:{nth}:{}", boundary.name(), stop.word()));
    if stop == Stop::Kill {
        let status = child.wait().expect("it ends");
        return was_killed(status).then_some(Frozen(None));
    }
    wait_until_stopped(&mut child).then_some(Frozen(Some(child)))
}

/// Starts the command, to be frozen at the boundary and, once it is woken, killed when it comes to `then`.
pub fn frozen_to_be_killed(project: &mut Project, args: &[&str], boundary: Boundary, then: Boundary) -> Option<Frozen> {
    let fault = format!("{}:1:freeze,{}:1:kill", boundary.name(), then.name());
    let mut child = armed(project, args, &fault);
    wait_until_stopped(&mut child).then_some(Frozen(Some(child)))
}

fn armed(project: &mut Project, args: &[&str], fault: &str) -> Child {
    project.set("SEGUE_FAULT", fault);
    let child = project.start(args);
    project.set("SEGUE_FAULT", "");
    child
}

/// How often a command comes to each boundary.
pub fn traced(project: &mut Project, args: &[&str]) -> Vec<Boundary> {
    project.set("SEGUE_FAULT", "trace");
    let done = project.segue(args);
    project.set("SEGUE_FAULT", "");
    let reached = done.err.lines().filter_map(|line| line.strip_prefix("boundary "));
    let names = reached.filter_map(|line| line.split(' ').next()?.parse().ok());
    names.collect()
}

/// A process that was frozen, if it was not killed; it dies with the value.
#[derive(Debug)]
pub struct Frozen(Option<Child>);

impl Frozen {
    /// Wakes it and waits for its end. It may end as it likes, but for a crash or a bug.
    #[track_caller]
    pub fn wake(self, after: &str) {
        let Some(done) = self.woken() else { return };
        assert!(
            done.code.is_some_and(|code| code != 70 && code != 101),
            "woken after {after} it ended with {:?}: {}",
            done.code,
            done.text()
        );
    }
}

impl Frozen {
    /// Wakes it and waits until it has killed itself where it was told to.
    #[track_caller]
    pub fn wake_to_die(self) {
        let done = self.woken().expect("it was frozen");
        assert_eq!(done.code, None, "it was to be killed: {}", done.text());
    }

    fn woken(mut self) -> Option<Done> {
        let child = self.0.take()?;
        let sent = std::process::Command::new("kill")
            .args(["-CONT", &child.id().to_string()])
            .status();
        assert!(sent.expect("kill is there").success());
        Some(Done::of(child.wait_with_output().expect("it ends")))
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            let _may_have_ended = child.kill();
            let _no_child_is_left = child.wait();
        }
    }
}

/// Whether it died by kill -9.
pub fn was_killed(status: ExitStatus) -> bool {
    use std::os::unix::process::ExitStatusExt;
    status.signal() == Some(9)
}

/// Waits until the process has stopped itself; whether it did, and did not end.
fn wait_until_stopped(child: &mut Child) -> bool {
    let started = Instant::now();
    loop {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap_or_default();
        let state = stat.rsplit(')').next().and_then(|s| s.trim().chars().next());
        if matches!(state, Some('T' | 't')) {
            return true;
        }
        if child.try_wait().expect("can be asked").is_some() {
            return false;
        }
        assert!(started.elapsed() < Duration::from_secs(120), "it never stopped");
        std::thread::sleep(Duration::from_millis(5));
    }
}
