//! Repository chores: `cargo xtask VERB`. The checks of the repository itself are this crate's tests (`cargo test -p xtask`).
//!
//! No dependency outside the standard library is used by the verbs, so that the first `cargo xtask` starts within seconds;
//! the tests read `cargo metadata`, TOML and JSON.

mod generate;
mod measure;
mod process;
mod repository;
mod setup;
mod verbs;

#[cfg(test)]
mod checks;

use process::Failure;
use std::process::ExitCode;

/// What `cargo xtask` does: its verbs in the order in which a newcomer needs them.
const VERBS: &[Verb] = &[
    Verb {
        name: "demo",
        usage: "demo [ARGS…]",
        about: "build Segue and run its demo; ARGS go to `segue demo`",
        run: verbs::demo::run,
    },
    Verb {
        name: "test",
        usage: "test [--without python]",
        about: "every check and every test",
        run: verbs::test::run,
    },
    Verb {
        name: "gen",
        usage: "gen",
        about: "write the files that are generated (docs/reference)",
        run: verbs::generate::run,
    },
    Verb {
        name: "proof",
        usage: "proof [NAME] [ARGS…]",
        about: "run a proof in full, in release; no NAME lists them",
        run: verbs::jobs::proof,
    },
    Verb {
        name: "bench",
        usage: "bench [NAME] [ARGS…]",
        about: "measure something, in release; no NAME lists them",
        run: verbs::jobs::bench,
    },
    Verb {
        name: "fresh",
        usage: "fresh [--keep]",
        about: "clone this repository and run the README's commands in the clone",
        run: verbs::fresh::run,
    },
];

struct Verb {
    name: &'static str,
    usage: &'static str,
    about: &'static str,
    run: fn(&[String]) -> Result<(), Failure>,
}

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let name = args.next();
    let rest: Vec<String> = args.collect();
    match name.as_deref() {
        None | Some("help" | "--help" | "-h") => {
            print!("{}", help());
            ExitCode::SUCCESS
        }
        Some(name) => match VERBS.iter().find(|verb| verb.name == name) {
            Some(verb) => finish((verb.run)(&rest)),
            None => finish(Err(Failure::usage(format!(
                "there is no verb `{name}`\n\n{}",
                help().trim_end()
            )))),
        },
    }
}

/// An exit code that tells the truth: the one of the program that failed, or 2 where the command line was wrong.
fn finish(result: Result<(), Failure>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::from(failure.exit_code)
        }
    }
}

fn help() -> String {
    let mut text = String::from("cargo xtask VERB\n\n");
    for verb in VERBS {
        text.push_str(&format!("  {:24}{}\n", verb.usage, verb.about));
    }
    text
}
