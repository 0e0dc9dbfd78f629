//! Merging changes into a table of the lake, beside the merge of delta-rs from Python into a table of the same rows: 45 in a hundred
//! changes update a row, 45 are new and 10 delete a row, their keys drawn from the whole table. Both read the changes from one file.
//!
//! The words are how many rows the table has, how many runs there are, and `parted` for a table in twelve parts by a column of the key:
//! partitions of the Delta table with delta-rs, rows that lie together with us.

use super::{Folder, build, cannot, heading, line, make_empty};
use crate::measure::{self, Taken, median};
use crate::process::{self, Failure};
use crate::{repository, setup};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The table's rows, unless it is said.
const ROWS: u64 = 6_000_000;
/// So many changes at most; a tenth of the table's rows where that is less.
const MOST_CHANGES: u64 = 600_000;
const RUNS: usize = 3;
const SCRIPT: &str = include_str!("merge.py");

struct Wanted {
    rows: u64,
    runs: usize,
    layout: &'static str,
}

/// What merges.
struct Tools {
    ours: PathBuf,
    python: PathBuf,
}

pub fn run(args: &[String]) -> Result<(), Failure> {
    let wanted = wanted(args)?;
    let tools = tools()?;
    let changes = MOST_CHANGES.min(wanted.rows / 10);
    let folder = Folder::new("merge")?;
    eprintln!("xtask: making two tables of {} rows", wanted.rows);
    let (made, again) = (folder.0.join("made"), folder.0.join("run"));
    process::run(&mut tools.ours(&["make", &text(&made), &wanted.rows.to_string(), &changes.to_string()]))?;
    let (lake, theirs) = (made.join("lake/bench/rows"), made.join("theirs"));
    process::run(&mut tools.python(&["make", &text(&lake), &text(&theirs), wanted.layout]))?;
    let (mut ours, mut others) = (Vec::new(), Vec::new());
    for _ in 0..wanted.runs {
        // Files of data are never changed, so that a copy of names will do.
        make_empty(&again)?;
        process::run(Command::new("cp").arg("-al").arg(made.join(".")).arg(&again))?;
        ours.push(measure::run(&mut tools.ours(&["merge", &text(&again), wanted.layout]))?);
        others.push(measure::run(&mut tools.python(&[
            "merge",
            &text(&again),
            wanted.layout,
        ]))?);
        equal(&tools, &again)?;
    }
    show(&wanted, changes, median(&ours), median(&others));
    Ok(())
}

fn wanted(args: &[String]) -> Result<Wanted, Failure> {
    let parted = args.iter().any(|word| word == "parted");
    let numbers: Vec<u64> = (args.iter().filter(|word| *word != "parted"))
        .map(|word| word.replace('_', "").parse())
        .collect::<Result<_, _>>()
        .map_err(|_| usage())?;
    let (rows, runs) = match numbers.as_slice() {
        [] => (ROWS, RUNS as u64),
        [rows] => (*rows, RUNS as u64),
        [rows, runs] => (*rows, *runs),
        _ => return Err(usage()),
    };
    let layout = if parted { "parted" } else { "whole" };
    match usize::try_from(runs) {
        Ok(runs) if runs > 0 && rows >= 20 => Ok(Wanted { rows, runs, layout }),
        _ => Err(usage()),
    }
}

fn usage() -> Failure {
    Failure::usage("usage: cargo xtask bench merge [ROWS [RUNS]] [parted]; at least 20 rows, and one run")
}

fn tools() -> Result<Tools, Failure> {
    let list = repository::root().join("xtask/python.txt");
    let packages = std::fs::read_to_string(&list).map_err(|e| cannot("read", &list, &e))?;
    let python = setup::python(&repository::target_dir(), &packages)?;
    Ok(Tools {
        ours: build()?.lake_merge,
        python,
    })
}

impl Tools {
    fn ours(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.ours);
        command.args(args);
        command
    }

    fn python(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.python);
        command.args(["-c", SCRIPT]).args(args);
        command
    }
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

/// Both tables hold the same rows, or there are no figures.
fn equal(tools: &Tools, folder: &Path) -> Result<(), Failure> {
    let digest = |table: &str| -> Result<String, Failure> {
        let list = folder.join("files.txt");
        process::run(&mut tools.python(&["files", &text(&folder.join(table)), &text(&list)]))?;
        let said = process::output(&mut tools.ours(&["digest", &text(&list)]));
        said.ok_or_else(|| Failure::new(format!("the rows of {table} cannot be read")))
    };
    let (ours, theirs) = (digest("lake/bench/rows")?, digest("theirs")?);
    match ours == theirs {
        true => Ok(()),
        false => Err(Failure::new(format!(
            "the tables are not equal: ours is {ours}, theirs {theirs} (rows, and a sum over their digests)"
        ))),
    }
}

fn show(wanted: &Wanted, changes: u64, ours: Taken, theirs: Taken) {
    let Wanted { rows, runs, layout } = wanted;
    println!(
        "{}\nMedians of {runs} interleaved runs: {changes} changes into {rows} rows ({layout}); both tables were equal by value after each.\n",
        heading("merge")
    );
    println!("| | wall s | CPU s | peak MiB | wall, CPU, memory beside delta-rs |\n|---|--:|--:|--:|--:|");
    let ratios = format!(
        "{:.2} ×, {:.2} ×, {:.2} ×",
        ours.wall_s / theirs.wall_s,
        ours.cpu_s / theirs.cpu_s,
        ours.peak_mib / theirs.peak_mib
    );
    println!("{}", line("ours, staged to committed", ours, &ratios));
    println!("{}", line("`DeltaTable.merge` from Python", theirs, "1 ×"));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> String {
        let words: Vec<String> = line.split_whitespace().map(str::to_string).collect();
        match wanted(&words) {
            Ok(Wanted { rows, runs, layout }) => format!("{rows} rows, {runs} runs, {layout}"),
            Err(e) => e.to_string(),
        }
    }

    #[test]
    fn the_words_are_rows_runs_and_layout() {
        insta::assert_snapshot!(read(""), @"6000000 rows, 3 runs, whole");
        insta::assert_snapshot!(read("parted 60_000_000 1"), @"60000000 rows, 1 runs, parted");
        insta::assert_snapshot!(read("many"), @"xtask: usage: cargo xtask bench merge [ROWS [RUNS]] [parted]; at least 20 rows, and one run");
        insta::assert_snapshot!(read("100 0"), @"xtask: usage: cargo xtask bench merge [ROWS [RUNS]] [parted]; at least 20 rows, and one run");
    }
}
