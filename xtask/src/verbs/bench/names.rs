//! Finding by name among 100,000 made-up names of many scripts, with aliases: 20,000 look-ups of what people type. Bars: CPU under 2 ms a
//! look-up at the 99th percentile, the index under 200 MB.

use super::{heading, runs};
use crate::process::{self, Failure};
use crate::repository;
use std::collections::BTreeMap;
use std::process::Command;

const NAMES: &str = "100000";
const LOOKUPS: &str = "20000";

pub fn run(args: &[String]) -> Result<(), Failure> {
    let runs = runs(args, 3)?;
    eprintln!("xtask: building in release");
    let build = ["build", "--release", "-p", "segue-names", "--example", "names_find"];
    process::run(process::cargo().current_dir(repository::root()).args(build))?;
    let program = repository::target_dir().join("release/examples/names_find");
    println!(
        "{}\n{NAMES} names, {LOOKUPS} look-ups, the middle of {runs} runs, each of another seed.\n",
        heading("names")
    );
    let figures: Vec<BTreeMap<String, f64>> = (1..=runs)
        .map(|seed| read(&program, &seed.to_string()))
        .collect::<Result<_, _>>()?;
    let middle = |key: &str| {
        let mut values: Vec<f64> = figures.iter().filter_map(|run| run.get(key).copied()).collect();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
    };
    println!("| look-ups | CPU µs, half | 99 of 100 | most | bar |\n|---|--:|--:|--:|---|");
    for (kind, what, bar) in [
        ("all", "all", "2,000 at 99 of 100"),
        ("same", "the name itself", ""),
        ("typing", "with typing errors", ""),
        ("script", "in another script", ""),
        ("begins", "the first half", ""),
        ("unknown", "names that nobody has", ""),
    ] {
        let at = |part: &str| middle(&format!("{kind}_{part}_us"));
        println!(
            "| {what} | {:.0} | {:.0} | {:.0} | {bar} |",
            at("p50"),
            at("p99"),
            at("max")
        );
    }
    println!(
        "\nThe index: built in {:.1} s, {:.0} MiB (bar: 200 MB) for {:.0} names and {:.0} aliases; it followed to {:.0} changed names in {:.2} s.",
        middle("build_ms") / 1e3,
        middle("index_mib"),
        middle("names"),
        middle("aliases"),
        middle("followed"),
        middle("follow_ms") / 1e3
    );
    println!(
        "Kept as {:.0} MiB: written in {:.2} s, read back in {:.2} s.",
        middle("snapshot_mib"),
        middle("snapshot_ms") / 1e3,
        middle("restore_ms") / 1e3
    );
    Ok(())
}

/// What one run prints: a name and a number a line.
fn read(program: &std::path::Path, seed: &str) -> Result<BTreeMap<String, f64>, Failure> {
    let printed = process::output(Command::new(program).args([NAMES, LOOKUPS, seed]))
        .ok_or_else(|| Failure::new(format!("{} does not run", program.display())))?;
    let figure = |line: &str| {
        let (key, number) = line.split_once(' ')?;
        Some((key.to_string(), number.parse().ok()?))
    };
    Ok(printed.lines().filter_map(figure).collect())
}
