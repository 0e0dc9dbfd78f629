//! `cargo xtask test [--without python]`: every check and every test, in the order in which failing is cheapest.

use crate::process::{self, Failure};
use crate::{repository, setup};
use std::process::Command;

/// The variable by which the tests learn of a Python that has the packages of `xtask/python.txt`.
const PYTHON_VARIABLE: &str = "SEGUE_TEST_PYTHON";

/// The variable by which they learn what is left out on purpose; without either variable they fail.
const LEFT_OUT_VARIABLE: &str = "SEGUE_WITHOUT";

pub fn run(args: &[String]) -> Result<(), Failure> {
    let python_wanted = !parse(args)?;
    setup::need(&[&setup::C_COMPILER, &setup::GIT, &setup::POSTGRESQL, &setup::PGBOUNCER])?;
    setup::need_fmt_and_clippy()?;
    let list = repository::root().join("xtask/python.txt");
    let python = match python_wanted {
        true => {
            let wanted = std::fs::read_to_string(&list)
                .map_err(|e| Failure::new(format!("cannot read {}: {e}", list.display())))?;
            Some(setup::python(&repository::target_dir(), &wanted)?)
        }
        false => None,
    };

    step("format", cargo(&["fmt", "--all", "--check"]))?;
    // The same units as the tests need, built first, so that the tests' own time is not hidden behind a build.
    step("build", cargo(&["test", "--workspace", "--no-run"]))?;
    let mut tests = cargo(&["test", "--workspace", "--no-fail-fast"]);
    match &python {
        Some(python) => tests.env(PYTHON_VARIABLE, python),
        None => tests.env(LEFT_OUT_VARIABLE, "python").env_remove(PYTHON_VARIABLE),
    };
    step("tests", tests)?;
    step(
        "lints",
        cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]),
    )?;

    println!("\nEvery check and every test passed.");
    if python.is_none() {
        println!("Left out (--without python): that other readers of Delta tables read every table with equal values.");
    }
    Ok(())
}

/// Whether Python is to be left out.
fn parse(args: &[String]) -> Result<bool, Failure> {
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => Ok(false),
        ["--without", "python"] | ["--without=python"] => Ok(true),
        _ => Err(Failure::usage(format!(
            "cannot read `{}`; usage: cargo xtask test [--without python]",
            args.join(" ")
        ))),
    }
}

fn cargo(args: &[&str]) -> Command {
    let mut cargo = process::cargo();
    cargo.current_dir(repository::root()).args(args);
    cargo
}

fn step(name: &str, mut command: Command) -> Result<(), Failure> {
    eprintln!("xtask: {name}: {}", process::show(&command));
    process::run(&mut command)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> String {
        let args: Vec<String> = line.split_whitespace().map(str::to_string).collect();
        match parse(&args) {
            Ok(without_python) => format!("without python: {without_python}"),
            Err(e) => e.to_string(),
        }
    }

    #[test]
    fn only_what_is_known_can_be_left_out() {
        insta::assert_snapshot!(parsed(""), @"without python: false");
        insta::assert_snapshot!(parsed("--without python"), @"without python: true");
        insta::assert_snapshot!(parsed("--without tests"), @"xtask: cannot read `--without tests`; usage: cargo xtask test [--without python]");
    }
}
