//! `cargo xtask proof NAME` and `cargo xtask bench NAME`: a table of names, each with the command that runs it in full.

use crate::process::{self, Failure};
use crate::repository;

/// Something long that is run by hand, once before an issue is called resolved; its output goes into docs/benchmarks.md.
struct Job {
    name: &'static str,
    about: &'static str,
    /// Arguments of cargo. What follows the name on the command line is added at the end.
    cargo: &'static [&'static str],
}

/// Each shows that something holds, in full; `cargo xtask test` runs the same small.
const PROOFS: &[Job] = &[];

/// Each measures something beside its floor.
const BENCHES: &[Job] = &[];

pub fn proof(args: &[String]) -> Result<(), Failure> {
    dispatch("proof", PROOFS, args)
}

pub fn bench(args: &[String]) -> Result<(), Failure> {
    dispatch("bench", BENCHES, args)
}

fn dispatch(verb: &str, jobs: &[Job], args: &[String]) -> Result<(), Failure> {
    let Some((name, rest)) = args.split_first() else {
        print!("{}", list(verb, jobs));
        return Ok(());
    };
    let job = find(verb, jobs, name)?;
    process::run(
        process::cargo()
            .current_dir(repository::root())
            .args(job.cargo)
            .args(rest),
    )
}

fn find<'a>(verb: &str, jobs: &'a [Job], name: &str) -> Result<&'a Job, Failure> {
    let unknown = || {
        Failure::usage(format!(
            "there is no {verb} `{name}`\n\n{}",
            list(verb, jobs).trim_end()
        ))
    };
    jobs.iter().find(|job| job.name == name).ok_or_else(unknown)
}

fn list(verb: &str, jobs: &[Job]) -> String {
    if jobs.is_empty() {
        return format!("There is no {verb} yet.\n");
    }
    let mut text = format!("cargo xtask {verb} NAME [ARGS…]\n\n");
    for job in jobs {
        text.push_str(&format!("  {:16}{}\n", job.name, job.about));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOME: &[Job] = &[Job {
        name: "crash",
        about: "200 random kills",
        cargo: &["test", "--release"],
    }];

    #[test]
    fn an_unknown_name_gets_the_list() {
        let error = find("proof", SOME, "crush")
            .map(|job| job.name)
            .expect_err("not in the list");
        assert_eq!(error.exit_code, 2);
        insta::assert_snapshot!(error, @r"
        xtask: there is no proof `crush`

        cargo xtask proof NAME [ARGS…]

          crash           200 random kills
        ");
        assert_eq!(
            find("proof", SOME, "crash").expect("in the list").about,
            "200 random kills"
        );
    }

    #[test]
    fn names_are_listed_once() {
        for jobs in [PROOFS, BENCHES] {
            let mut names: Vec<&str> = jobs.iter().map(|job| job.name).collect();
            names.sort_unstable();
            let listed = names.len();
            names.dedup();
            assert_eq!(names.len(), listed, "a name is taken twice");
        }
    }
}
