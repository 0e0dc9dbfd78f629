//! Finding by name: dirty names over a catalogue of real artists, and a list of names as people wrote them. Bars, of both: at least 95 % right,
//! none wrong, at least 99 % right or listed. The test asks and compares (`crates/segue-names/tests/bar`); here it is run in release, and what it
//! counted is shown as Markdown.

use crate::process::{self, Failure};
use crate::repository;
use crate::verbs::bench::heading_of;
use std::path::{Path, PathBuf};

/// The folder of lists of names, where it is not given.
const NAMES_VARIABLE: &str = "SEGUE_REFERENCE_NAMES";

/// What is asked for.
#[derive(Debug, Default, PartialEq)]
struct Asked {
    /// The folder of lists of names.
    names: Option<PathBuf>,
    /// How many dirty names.
    asked: Option<u64>,
    seed: Option<u64>,
}

pub fn run(args: &[String]) -> Result<(), Failure> {
    let asked = asked(args)?;
    let names = asked
        .names
        .or_else(|| std::env::var_os(NAMES_VARIABLE).map(PathBuf::from));
    let figures = std::env::temp_dir().join(format!("segue-proof-names-{}.md", std::process::id()));
    let mut cargo = process::cargo();
    cargo
        .current_dir(repository::root())
        .args([
            "test",
            "--release",
            "-p",
            "segue-names",
            "--test",
            "bar",
            "--",
            "--test-threads",
            "1",
        ])
        .env("SEGUE_FIGURES", &figures);
    match &names {
        Some(folder) => cargo.env(NAMES_VARIABLE, absolute(folder)?),
        None => cargo.env_remove(NAMES_VARIABLE),
    };
    for (variable, number) in [("SEGUE_DIRTY_NAMES", asked.asked), ("SEGUE_SEED", asked.seed)] {
        match number {
            Some(number) => cargo.env(variable, number.to_string()),
            None => cargo.env_remove(variable),
        };
    }
    eprintln!("xtask: {}", process::show(&cargo));
    // What cargo and the tests say is no figure.
    cargo.stdout(std::io::stderr());
    let ran = process::run(&mut cargo);
    // Also where a bar was not met: then above all.
    match std::fs::read_to_string(&figures) {
        Ok(text) => {
            let words: String = args.iter().map(|word| format!(" {word}")).collect();
            println!("{}", heading_of("names", &format!("cargo xtask proof names{words}")));
            print!("{text}");
            let _only_a_temporary_file = std::fs::remove_file(&figures);
        }
        // Without figures something went wrong before the first was there.
        Err(_) if ran.is_err() => {}
        Err(e) => {
            return Err(Failure::new(format!(
                "the test left no figures in {}: {e}",
                figures.display()
            )));
        }
    }
    if names.is_none() {
        println!(
            "Left out: the list of names as people wrote them, whose folder neither --names nor {NAMES_VARIABLE} says."
        );
    }
    ran
}

/// The test runs in another folder than we.
fn absolute(folder: &Path) -> Result<PathBuf, Failure> {
    std::fs::canonicalize(folder).map_err(|e| Failure::usage(format!("cannot read {}: {e}", folder.display())))
}

fn asked(args: &[String]) -> Result<Asked, Failure> {
    let usage = || {
        Failure::usage(
            "usage: cargo xtask proof names [--names DIR] [--asked N] [--seed N]; at least one name is asked",
        )
    };
    let mut asked = Asked::default();
    let mut words = args.iter();
    while let Some(word) = words.next() {
        let value = words.next().ok_or_else(usage)?;
        let number = || value.replace('_', "").parse::<u64>().map_err(|_| usage());
        match word.as_str() {
            "--names" => asked.names = Some(PathBuf::from(value)),
            "--asked" => asked.asked = Some(number()?).filter(|asked| *asked > 0),
            "--seed" => asked.seed = Some(number()?),
            _ => return Err(usage()),
        }
        if word == "--asked" && asked.asked.is_none() {
            return Err(usage());
        }
    }
    Ok(asked)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> String {
        let words: Vec<String> = line.split_whitespace().map(str::to_string).collect();
        match asked(&words) {
            Ok(Asked { names, asked, seed }) => format!("{names:?}, {asked:?}, {seed:?}"),
            Err(e) => e.to_string(),
        }
    }

    #[test]
    fn the_words_are_a_folder_how_many_and_a_seed() {
        const USAGE: &str =
            "xtask: usage: cargo xtask proof names [--names DIR] [--asked N] [--seed N]; at least one name is asked";
        assert_eq!(read(""), "None, None, None");
        assert_eq!(
            read("--seed 7 --names lists --asked 20_000"),
            "Some(\"lists\"), Some(20000), Some(7)"
        );
        for wrong in ["lists", "--names", "--asked many", "--asked 0", "--seed -1", "--runs 3"] {
            assert_eq!(read(wrong), USAGE, "{wrong}");
        }
    }
}
