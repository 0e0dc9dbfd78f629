//! `cargo xtask proof NAME` and `cargo xtask bench NAME`: a table of names, each with what runs it in full.

use super::{bench, places, proof};
use crate::process::{self, Failure};
use crate::repository;

/// Something long that is run by hand, once before an issue is called resolved; its output goes into docs/benchmarks.md.
struct Job {
    name: &'static str,
    about: &'static str,
    how: How,
}

enum How {
    /// Cargo with these arguments and variables. What follows the name on the command line is added at the end.
    Cargo {
        args: &'static [&'static str],
        variables: &'static [(&'static str, &'static str)],
    },
    /// A function here; it gets what follows the name.
    Here(fn(&[String]) -> Result<(), Failure>),
}

/// The product's tests, alone in their process and one after another: they measure, and they kill. In release where they measure.
macro_rules! it {
    ($filter:literal) => {
        it!("release", $filter)
    };
    ($profile:literal, $filter:literal) => {
        &[
            "test",
            "--profile",
            $profile,
            "--workspace",
            "--test",
            "it",
            "--",
            "--nocapture",
            "--test-threads",
            "1",
            $filter,
        ]
    };
}

/// Each shows that something holds, in full; `cargo xtask test` runs the same small.
const PROOFS: &[Job] = &[
    Job {
        name: "crash",
        about: "kill -9 and freezing at every durable boundary, and 200 random kills",
        how: How::Cargo {
            // The rule that its late writers go without can only be taken out of a build with debug assertions.
            args: it!("dev", "crash::"),
            variables: &[
                ("SEGUE_KILLS_EACH", "5"),
                ("SEGUE_KILLS", "200"),
                ("SEGUE_FREEZES", "5"),
            ],
        },
    },
    Job {
        name: "simulation",
        about: "100,000 seeds of the commit protocol, every rule taken out is found; 5,000 over the real state, lake and database",
        how: How::Cargo {
            args: &[
                "test",
                "--release",
                "-p",
                "segue-work",
                "-p",
                "segue-app",
                "--lib",
                "--",
                "--nocapture",
                "simulation::",
            ],
            variables: &[("SEGUE_SEEDS", "100000")],
        },
    },
    Job {
        name: "rate",
        about: "5,000 requests against 200/s: none refused, 25.0 to 26.3 s",
        how: How::Cargo {
            args: it!("limits::a_rate_is_used_and_never_exceeded"),
            variables: &[("SEGUE_RATE_REQUESTS", "5000")],
        },
    },
    Job {
        name: "limits",
        about: "an account or a path that is blocked for a day, before and after most was read",
        how: How::Cargo {
            args: it!("limits::"),
            variables: &[],
        },
    },
    Job {
        name: "airbyte",
        about: "cases after Airbyte's own tests of its low-code components: imported, read, compared; the pass rate, and why of each other",
        how: How::Cargo {
            args: &[
                "test",
                "-p",
                "segue-app",
                "--lib",
                "--",
                "--nocapture",
                "use_cases::import::airbyte::tests::cases",
            ],
            variables: &[],
        },
    },
    Job {
        name: "memory",
        about: "an old state, none, a second one; another server, another lake, another parameter",
        how: How::Cargo {
            args: it!("memory::"),
            variables: &[],
        },
    },
    Job {
        name: "names",
        about: "dirty names over real artists, and lists of names as people wrote them: [--names DIR] [--asked N] [--seed N]",
        how: How::Here(proof::names::run),
    },
    Job {
        name: "s3",
        about: "buckets of MinIO, a real server of S3: listing, reading, and files that are written once",
        how: How::Here(places::s3),
    },
    Job {
        name: "hdfs",
        about: "files in Hadoop's own minicluster, by WebHDFS",
        how: How::Here(places::hdfs),
    },
];

/// Each measures something beside its floor. A word after the name says how many runs.
const BENCHES: &[Job] = &[
    Job {
        name: "demo",
        about: "the demo from nothing to answers: time and memory",
        how: How::Here(bench::demo::run),
    },
    Job {
        name: "rest",
        about: "a million records from a web API into the lake, CPU beside the floor",
        how: How::Here(bench::rest::run),
    },
    Job {
        name: "check",
        about: "`segue check` on 1,000 assets, cold and with two files edited",
        how: How::Here(bench::check::run),
    },
    Job {
        name: "merge",
        about: "changes into a table of the lake, beside delta-rs' merge: [ROWS [RUNS]] [parted]",
        how: How::Here(bench::merge::run),
    },
    Job {
        name: "move",
        about: "PostgreSQL into the lake, beside ADBC, ConnectorX, dlt and COPY to nowhere: [SHAPE]… [SCALE [RUNS]]; `out`: into PostgreSQL, beside psql",
        how: How::Here(bench::moving::run),
    },
    Job {
        name: "names",
        about: "finding by name among 100,000, and what the index takes: [RUNS]",
        how: How::Here(bench::names::run),
    },
    Job {
        name: "neighbours",
        about: "the ten nearest of 20,000 artists, from the lake and back, beside NumPy: [RUNS]",
        how: How::Here(bench::neighbours::run),
    },
];

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
    match &find(verb, jobs, name)?.how {
        How::Here(run) => run(rest),
        How::Cargo { args, variables } => {
            let mut cargo = process::cargo();
            cargo
                .current_dir(repository::root())
                .envs(variables.iter().copied())
                .args(*args)
                .args(rest);
            eprintln!("xtask: {}", process::show(&cargo));
            process::run(&mut cargo)
        }
    }
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
        how: How::Cargo {
            args: &["test", "--release"],
            variables: &[],
        },
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
