//! What a program takes: time, CPU, and the most memory that it held, with the processes that it starts. Read from /proc, as Linux counts it.

use crate::process::{self, Failure};
use std::fs;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// How often memory is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// The kernel counts CPU in hundredths of a second for programs that read /proc.
const TICKS_PER_SECOND: f64 = 100.0;

/// What one run of a program took.
#[derive(Clone, Copy, Debug)]
pub struct Taken {
    pub wall_s: f64,
    pub cpu_s: f64,
    pub peak_mib: f64,
}

/// Runs a program to its end, silently. Fails unless it ends with 0; then what it had printed is in the failure.
pub fn run(command: &mut Command) -> Result<Taken, Failure> {
    let shown = process::show(command);
    let broken = |what: &str| Failure::new(format!("`{shown}`: {what}"));
    // Several programs may be measured at once by one process: each has a log of its own.
    static MEASURED: AtomicU64 = AtomicU64::new(0);
    let (process, number) = (std::process::id(), MEASURED.fetch_add(1, Ordering::Relaxed));
    let log = std::env::temp_dir().join(format!("xtask-bench-{process}-{number}.log"));
    let output = fs::File::create(&log).map_err(|e| broken(&e.to_string()))?;
    let errors = output.try_clone().map_err(|e| broken(&e.to_string()))?;
    let begun = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(output)
        .stderr(errors)
        .spawn()
        .map_err(|e| broken(&e.to_string()))?;
    let id = child.id();
    let folder = format!("/proc/{id}");
    let mut taken = Taken {
        wall_s: 0.0,
        cpu_s: 0.0,
        peak_mib: 0.0,
    };
    // A process that has ended keeps its counts until it is waited for, so the last look sees all of its CPU.
    while let Some((state, cpu_s)) = fs::read_to_string(format!("{folder}/stat"))
        .ok()
        .and_then(|text| cpu(&text))
    {
        taken.cpu_s = cpu_s;
        if let Ok(status) = fs::read_to_string(format!("{folder}/status")) {
            taken.peak_mib = taken.peak_mib.max(mib(&status, "VmHWM:").unwrap_or(0.0));
        }
        let below = started_by(id);
        if !below.is_empty() {
            let now = |id: &u32| mib(&fs::read_to_string(format!("/proc/{id}/status")).ok()?, "VmRSS:");
            let all = std::iter::once(&id).chain(&below).filter_map(now).sum();
            taken.peak_mib = taken.peak_mib.max(all);
        }
        if state == 'Z' {
            break;
        }
        thread::sleep(LOOK_EVERY);
    }
    taken.wall_s = begun.elapsed().as_secs_f64();
    let status = child.wait().map_err(|e| broken(&e.to_string()))?;
    let printed = fs::read_to_string(&log).unwrap_or_default();
    fs::remove_file(&log).map_err(|e| broken(&e.to_string()))?;
    match status.success() {
        true => Ok(taken),
        false => Err(broken(&format!("{status}\n{printed}"))),
    }
}

/// The processes that this one has started and those that these have, as far as they still run.
fn started_by(id: u32) -> Vec<u32> {
    let (mut found, mut at) = (vec![id], 0);
    while let Some(id) = found.get(at) {
        let threads = fs::read_dir(format!("/proc/{id}/task")).into_iter().flatten().flatten();
        let children = threads.filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
        let ids: Vec<u32> = children
            .flat_map(|ids| {
                ids.split_whitespace()
                    .filter_map(|id| id.parse().ok())
                    .collect::<Vec<_>>()
            })
            .collect();
        found.extend(ids);
        at += 1;
    }
    found.split_off(1)
}

/// State and CPU seconds from /proc/PID/stat: `PID (name) S …`, with user and system ticks as fields 14 and 15, and those of processes that it
/// started and that have ended as 16 and 17.
fn cpu(stat: &str) -> Option<(char, f64)> {
    // The name may hold spaces and brackets.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = fields
        .get(11..15)?
        .iter()
        .map(|field| field.parse::<f64>().ok())
        .sum::<Option<f64>>()?;
    Some((fields.first()?.chars().next()?, ticks / TICKS_PER_SECOND))
}

/// A line of /proc/PID/status, in MiB.
fn mib(status: &str, name: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    Some(line.trim().trim_end_matches(" kB").parse::<f64>().ok()? / 1024.0)
}

/// The middle one of several runs, each figure by itself.
pub fn median(runs: &[Taken]) -> Taken {
    let middle = |figure: fn(&Taken) -> f64| {
        let mut figures: Vec<f64> = runs.iter().map(figure).collect();
        figures.sort_by(f64::total_cmp);
        let half = figures.len() / 2;
        if figures.len() % 2 == 1 {
            figures[half]
        } else {
            (figures[half - 1] + figures[half]) / 2.0
        }
    };
    Taken {
        wall_s: middle(|t| t.wall_s),
        cpu_s: middle(|t| t.cpu_s),
        peak_mib: middle(|t| t.peak_mib),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_and_an_idle_program_are_told_apart() {
        let busy = run(Command::new("sh").args(["-c", "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done"]))
            .expect("it ends well");
        let idle = run(Command::new("sleep").arg("0.1")).expect("it ends well");
        assert!(busy.cpu_s > idle.cpu_s, "{busy:?} {idle:?}");
        assert!(idle.wall_s >= 0.1 && idle.peak_mib > 0.0, "{idle:?}");
    }

    #[test]
    fn what_a_program_starts_is_counted_with_it() {
        let work = "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done";
        let alone = run(Command::new("sh").args(["-c", work])).expect("it ends well");
        let both = run(Command::new("sh").args(["-c", &format!("sh -c '{work}'; true")])).expect("it ends well");
        assert!(both.cpu_s > alone.cpu_s / 2.0, "{both:?} {alone:?}");
        assert!(both.peak_mib > alone.peak_mib, "{both:?} {alone:?}");
    }

    #[test]
    fn a_program_that_fails_has_no_figures() {
        let failure = run(Command::new("sh").args(["-c", "echo why; exit 3"]))
            .map(|taken| taken.wall_s)
            .expect_err("it failed");
        insta::assert_snapshot!(failure.to_string().replace("exit status: ", ""), @r"
        xtask: `sh -c echo why; exit 3`: 3
        why
        ");
    }

    #[test]
    fn the_middle_is_taken_figure_by_figure() {
        let taken = |n: f64| Taken {
            wall_s: n,
            cpu_s: 10.0 - n,
            peak_mib: n,
        };
        let middle = median(&[taken(3.0), taken(1.0), taken(9.0)]);
        assert_eq!((middle.wall_s, middle.cpu_s, middle.peak_mib), (3.0, 7.0, 3.0));
        assert_eq!(median(&[taken(1.0), taken(2.0)]).wall_s, 1.5);
    }

    #[test]
    fn a_name_with_brackets_is_read_over() {
        let stat = "7 (a) b) Z 1 2 3 4 5 6 7 8 9 10 150 50 20 30";
        assert_eq!(cpu(stat), Some(('Z', 2.5)));
    }
}
