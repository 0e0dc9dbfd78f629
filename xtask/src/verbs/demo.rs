//! `cargo xtask demo [ARGS…]`: from a fresh clone to answers.

use crate::process::{self, Failure};
use crate::repository;
use crate::setup;
use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

/// What the first build takes on two cores; docs/benchmarks.md says how it was measured.
const FIRST_BUILD: &str = "8 to 15 minutes on two cores";

pub fn run(args: &[String]) -> Result<(), Failure> {
    setup::need(&[&setup::C_COMPILER, &setup::GIT])?;
    let program = build()?;
    process::run(Command::new(program).arg("demo").args(args))
}

/// Builds `segue` and returns where it is.
fn build() -> Result<PathBuf, Failure> {
    let program = repository::target_dir().join("debug").join("segue");
    let first = !program.exists();
    if first {
        eprintln!(
            "Building Segue and the engines that it embeds, DataFusion and Delta among them: {FIRST_BUILD}, this first time only.\n\
             Cargo says below which part it is at. Nothing is installed outside of {}.",
            repository::target_dir().display()
        );
    }
    let begun = Instant::now();
    // `--workspace`: the same features for every crate as in the tests, so that `cargo xtask test` builds on top of this.
    process::run(
        process::cargo()
            .current_dir(repository::root())
            .args(["build", "--workspace", "--bin", "segue"]),
    )?;
    if first {
        let minutes = begun.elapsed().as_secs_f64() / 60.0;
        eprintln!("Built in {minutes:.1} minutes. From now on only what changed is built.\n");
    }
    Ok(program)
}
