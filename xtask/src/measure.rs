//! What a program takes: time, CPU of all its threads, and the most memory that it held. Read from /proc, as Linux counts it.

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
    let folder = format!("/proc/{}", child.id());
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
            taken.peak_mib = taken.peak_mib.max(peak_mib(&status).unwrap_or(0.0));
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

/// State and CPU seconds from /proc/PID/stat: `PID (name) S …`, with user and system ticks as fields 14 and 15.
fn cpu(stat: &str) -> Option<(char, f64)> {
    // The name may hold spaces and brackets.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks: f64 = fields.get(11)?.parse::<f64>().ok()? + fields.get(12)?.parse::<f64>().ok()?;
    Some((fields.first()?.chars().next()?, ticks / TICKS_PER_SECOND))
}

fn peak_mib(status: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
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
        let stat = "7 (a) b) Z 1 2 3 4 5 6 7 8 9 10 150 50 0 0";
        assert_eq!(cpu(stat), Some(('Z', 2.0)));
    }
}
