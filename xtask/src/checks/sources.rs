//! Our own files: no stub, no test that is switched off, none too long, and no path of somebody's machine.

use crate::repository;
use std::fs;

/// A Rust file may not be longer. Past `LONG_LINES`, look for two things living in one file.
const MOST_LINES: usize = 700;
const LONG_LINES: usize = 600;

/// The map of the code, and how long it may be.
const THE_MAP: &str = "docs/ARCHITECTURE.md";
const MAP_LINES: usize = 250;

/// What must not stand in Rust code, and why. Each is written in two parts, or this file would hold it.
const NOT_IN_CODE: &[(&str, &str, &str)] = &[
    ("todo", "!(", "no stub that answers"),
    ("unimplemented", "!(", "no stub that answers"),
    ("#[ign", "ore", "no test is switched off"),
    ("un", "safe {", "no unsafe code"),
];

/// The one file with unsafe code: the trait of allocators cannot be implemented without.
const THE_ALLOCATOR: &str = "crates/segue/src/memory.rs";

/// The beginnings of paths that exist on one machine only.
const MACHINE_PATHS: &[(&str, &str)] = &[
    ("/ro", "ot/"),
    ("/ho", "me/"),
    ("/Us", "ers/"),
    ("/wo", "rk/"),
    ("/tm", "p/brief"),
    ("C:", "\\Users"),
];

/// What reads the environment or the clock, which below the app are handed in.
const HIDDEN_INPUTS: &[&str] = &[
    "env::var",
    "SystemTime::now",
    "Timestamp::now",
    "Zoned::now",
    "Utc::now",
];

/// The crates above which, and beside which, hidden inputs are allowed.
const MAY_LOOK_AROUND: &[&str] = &["segue", "segue-app", "segue-demo", "segue-testkit"];

/// Where the clock is made that is handed in.
const THE_CLOCK: &str = "crates/segue-core/src/clock.rs";

/// Files whose text is not ours: a lock file, data, pictures.
const NOT_OURS: &[&str] = &["Cargo.lock", "LICENSE"];

fn is_text_of_ours(path: &str) -> bool {
    let known = [
        ".rs", ".toml", ".md", ".yaml", ".yml", ".sql", ".slt", ".sh", ".json", ".svg", ".txt", ".py", "/run",
    ];
    !NOT_OURS.contains(&path) && known.iter().any(|end| path.ends_with(end))
}

fn violations(path: &str, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let place = || format!("{path}:{}", at + 1);
        // The home of whoever reads an example is no machine's.
        let line = &line.replace(concat!("/ho", "me/you"), "");
        for (start, end) in MACHINE_PATHS {
            if names_path(line, &format!("{start}{end}")) {
                found.push(format!("{}: a path of one machine ({start}{end})", place()));
            }
        }
        if path.ends_with(".rs") {
            for (start, end, why) in NOT_IN_CODE {
                let is_allowed = path == THE_ALLOCATOR && *start == "un";
                if line.contains(&format!("{start}{end}")) && !is_allowed {
                    found.push(format!("{}: `{start}{end}`: {why}", place()));
                }
            }
        }
    }
    found.extend(hidden_inputs(path, text));
    let lines = text.lines().count();
    if path.ends_with(".rs") && lines > MOST_LINES {
        found.push(format!("{path}: {lines} lines; past {MOST_LINES} it holds two things"));
    }
    if path == THE_MAP && lines > MAP_LINES {
        found.push(format!(
            "{path}: {lines} lines; a map of more than {MAP_LINES} is not read"
        ));
    }
    found
}

/// Lines below the app that read the environment or the clock, but for tests.
fn hidden_inputs(path: &str, text: &str) -> Vec<String> {
    let Some((name, file)) = path.strip_prefix("crates/").and_then(|rest| rest.split_once("/src/")) else {
        return Vec::new();
    };
    let for_tests = ["tests", "simulation"].iter().any(|part| file.contains(part));
    if MAY_LOOK_AROUND.contains(&name) || for_tests || path == THE_CLOCK {
        return Vec::new();
    }
    let code = text.lines().enumerate().take_while(|(_, line)| *line != "mod tests {");
    let hidden = code.filter_map(|(at, line)| {
        HIDDEN_INPUTS
            .iter()
            .find(|input| line.contains(**input))
            .map(|input| (at, input))
    });
    hidden
        .map(|(at, input)| format!("{path}:{}: `{input}`: below the app it is handed in", at + 1))
        .collect()
}

/// The home of nobody, for examples.
const EXAMPLE_HOME: &str = "ada/";

/// Whether the line names a path that begins so, and not one that merely goes on so: `https://host/work/x` is none.
fn names_path(line: &str, start: &str) -> bool {
    let goes_on = |c: char| c.is_ascii_alphanumeric() || "._-}/:".contains(c);
    line.match_indices(start).any(|(at, _)| {
        !line[..at].chars().next_back().is_some_and(goes_on) && !line[at + start.len()..].starts_with(EXAMPLE_HOME)
    })
}

mod tests {
    use super::*;
    use crate::checks::none;

    fn ours() -> Vec<(String, String)> {
        let root = repository::root();
        let paths = repository::files().into_iter().filter(|path| is_text_of_ours(path));
        paths
            .filter_map(|path| fs::read_to_string(root.join(&path)).ok().map(|text| (path, text)))
            .collect()
    }

    #[test]
    fn our_files_hold_nothing_that_they_must_not() {
        let ours = ours();
        assert!(ours.len() > 40, "only {} files were found", ours.len());
        for (path, text) in &ours {
            let lines = text.lines().count();
            if path.ends_with(".rs") && lines > LONG_LINES {
                println!("warning: {path} has {lines} lines; look for two things living in one file");
            }
        }
        none(ours.iter().flat_map(|(path, text)| violations(path, text)).collect());
    }

    #[test]
    fn planted_violations_are_found() {
        let plant = |(start, end, _): &(&str, &str, &str)| format!("    {start}{end}\n");
        let code: String = NOT_IN_CODE.iter().map(plant).collect();
        insta::assert_snapshot!(violations("src/a.rs", &code).len(), @"4");
        let (start, end) = MACHINE_PATHS[0];
        insta::assert_snapshot!(violations("a.md", &format!("see {start}{end}x, https://host{start}{end}x")).len(), @"1");
        insta::assert_snapshot!(violations("src/a.rs", &"x\n".repeat(701)).join("\n"), @"src/a.rs: 701 lines; past 700 it holds two things");
        assert_eq!(violations("a.md", &"x\n".repeat(701)), [""; 0]);
        insta::assert_snapshot!(violations(THE_MAP, &"x\n".repeat(251)).join("\n"), @"docs/ARCHITECTURE.md: 251 lines; a map of more than 250 is not read");
        let clock = "let now = Timestamp::now();\nmod tests {\nenv::var(1)\n}\n";
        insta::assert_snapshot!(violations("crates/segue-work/src/plan.rs", clock).join("\n"), @"crates/segue-work/src/plan.rs:1: `Timestamp::now`: below the app it is handed in");
        assert_eq!(violations("crates/segue-app/src/plan.rs", clock), [""; 0]);
    }
}
