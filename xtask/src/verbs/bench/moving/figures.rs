//! What came of the runs, as a table for docs/benchmarks.md.

use crate::measure::{Taken, median};

/// One run of a tool.
#[derive(Clone, Copy, Debug)]
pub struct Ran {
    pub taken: Taken,
    pub written_mib: f64,
}

/// All runs of a tool over the same tables.
pub struct Attempt {
    pub name: &'static str,
    pub rows: u64,
    pub runs: Vec<Ran>,
    /// Why it has no figures.
    pub failed: Option<String>,
}

impl Attempt {
    pub fn of(name: &'static str) -> Attempt {
        Attempt {
            name,
            rows: 0,
            runs: Vec::new(),
            failed: None,
        }
    }

    fn median(&self) -> Taken {
        let taken: Vec<Taken> = self.runs.iter().map(|ran| ran.taken).collect();
        median(&taken)
    }
}

/// The table of one shape. The first attempt is the floor, the second ours; ratios are those within a round, and their median.
pub fn table(title: &str, attempts: &[Attempt], idle_mib: f64) -> String {
    let rows = attempts.first().map_or(0, |floor| floor.rows);
    let mut lines = vec![
        format!("**{title}**: {} rows.\n", thousands(rows)),
        "| | wall s | × floor | CPU s | × ours | rows a CPU s | peak MiB | MiB written |".into(),
        "|---|--:|--:|--:|--:|--:|--:|--:|".into(),
    ];
    let (Some(floor), Some(ours)) = (attempts.first(), attempts.get(1)) else {
        return lines.join("\n");
    };
    for attempt in attempts {
        lines.push(match &attempt.failed {
            Some(why) => {
                // Programs say last what was wrong.
                let last = why.lines().rev().find(|line| !line.trim().is_empty());
                format!(
                    "| {} | failed: {} |||||||",
                    attempt.name,
                    last.unwrap_or_default().trim()
                )
            }
            None => {
                let (taken, written) = (
                    attempt.median(),
                    attempt.runs.first().map_or(0.0, |ran| ran.written_mib),
                );
                format!(
                    "| {} | {:.2} | {:.2} | {:.2} | {:.2} | {} | {:.0} | {written:.0} |",
                    attempt.name,
                    taken.wall_s,
                    ratio(attempt, floor, |taken| taken.wall_s),
                    taken.cpu_s,
                    ratio(attempt, ours, |taken| taken.cpu_s),
                    thousands((attempt.rows as f64 / taken.cpu_s.max(0.01)) as u64),
                    taken.peak_mib,
                )
            }
        });
    }
    lines.push(format!(
        "\nOurs above idle: {:.0} MiB.",
        ours.median().peak_mib - idle_mib
    ));
    lines.join("\n")
}

/// The middle one of the ratios of each round.
fn ratio(of: &Attempt, to: &Attempt, figure: fn(&Taken) -> f64) -> f64 {
    let rounds = of.runs.iter().zip(&to.runs);
    let mut ratios: Vec<f64> = rounds
        .map(|(of, to)| figure(&of.taken) / figure(&to.taken).max(0.01))
        .collect();
    ratios.sort_by(f64::total_cmp);
    match ratios.len() {
        0 => f64::NAN,
        even if even % 2 == 0 => (ratios[even / 2 - 1] + ratios[even / 2]) / 2.0,
        odd => ratios[odd / 2],
    }
}

fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(name: &'static str, runs: &[(f64, f64)]) -> Attempt {
        let ran = |(wall_s, cpu_s): &(f64, f64)| Ran {
            taken: Taken {
                wall_s: *wall_s,
                cpu_s: *cpu_s,
                peak_mib: 200.0,
            },
            written_mib: 12.0,
        };
        Attempt {
            rows: 6_001_215,
            runs: runs.iter().map(ran).collect(),
            ..Attempt::of(name)
        }
    }

    #[test]
    fn ratios_are_those_within_a_round() {
        // The machine was slow in the second round, for both: that is no ratio.
        let floor = attempt("floor", &[(2.0, 1.0), (8.0, 1.0), (2.0, 1.0)]);
        let ours = attempt("ours", &[(2.0, 4.0), (8.0, 4.0), (4.0, 5.0)]);
        let peer = Attempt {
            failed: Some("xtask: it cannot\nfor a long reason".into()),
            ..Attempt::of("peer")
        };
        insta::assert_snapshot!(table("a table", &[floor, ours, peer], 80.0), @r"
        **a table**: 6,001,215 rows.

        | | wall s | × floor | CPU s | × ours | rows a CPU s | peak MiB | MiB written |
        |---|--:|--:|--:|--:|--:|--:|--:|
        | floor | 2.00 | 1.00 | 1.00 | 0.25 | 6,001,215 | 200 | 12 |
        | ours | 4.00 | 1.00 | 4.00 | 1.00 | 1,500,303 | 200 | 12 |
        | peer | failed: for a long reason |||||||

        Ours above idle: 120 MiB.
        ");
    }
}
