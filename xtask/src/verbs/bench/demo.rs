//! The demo, from nothing to printed answers, and once more. Bars: within 10 s, under 300 MB; the second time under 1 s.

use super::{Folder, build, heading, line, runs};
use crate::measure::{self, median};
use crate::process::Failure;
use std::process::Command;

pub fn run(args: &[String]) -> Result<(), Failure> {
    let runs = runs(args, 5)?;
    let built = build()?;
    let (mut first, mut second) = (Vec::new(), Vec::new());
    for _ in 0..runs {
        let folder = Folder::new("demo")?;
        for times in [&mut first, &mut second] {
            let mut demo = Command::new(&built.segue);
            times.push(measure::run(
                demo.current_dir(&folder.0).args(["demo", "--once", "--dir", "demo"]),
            )?);
        }
    }
    println!(
        "{}\nMedians of {runs} runs, the stand-in's own process not counted.\n",
        heading("demo")
    );
    println!("| | wall s | CPU s | peak MiB | bar |\n|---|--:|--:|--:|---|");
    println!(
        "{}",
        line("`segue demo --once`, new folder", median(&first), "10 s, 300 MB")
    );
    println!(
        "{}",
        line("again, same folder: nothing is asked", median(&second), "1 s")
    );
    Ok(())
}
