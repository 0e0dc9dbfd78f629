//! The demo, from nothing to printed answers. Bars: within 10 s, under 300 MB.

use super::{Folder, build, heading, line, runs};
use crate::measure::{self, median};
use crate::process::Failure;
use std::process::Command;

pub fn run(args: &[String]) -> Result<(), Failure> {
    let runs = runs(args, 5)?;
    let built = build()?;
    let mut all = Vec::new();
    for _ in 0..runs {
        let folder = Folder::new("demo")?;
        let mut demo = Command::new(&built.segue);
        all.push(measure::run(
            demo.current_dir(&folder.0).args(["demo", "--once", "--dir", "demo"]),
        )?);
    }
    println!(
        "{}\nMedians of {runs} runs, the stand-in's own process not counted.\n",
        heading("demo")
    );
    println!("| | wall s | CPU s | peak MiB | bar |\n|---|--:|--:|--:|---|");
    println!(
        "{}",
        line("`segue demo --once`, new folder", median(&all), "10 s, 300 MB")
    );
    Ok(())
}
