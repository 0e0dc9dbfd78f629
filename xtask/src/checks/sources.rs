//! Our own files: no stub, no test that is switched off, none too long, and no path of somebody's machine.

use crate::repository;
use std::fs;

/// A Rust file may not be longer. Past `LONG_LINES`, look for two things living in one file.
const MOST_LINES: usize = 700;
const LONG_LINES: usize = 600;

/// What must not stand in Rust code, and why. Each is written in two parts, or this file would hold it.
const NOT_IN_CODE: &[(&str, &str, &str)] = &[
    ("todo", "!(", "no stub that answers"),
    ("unimplemented", "!(", "no stub that answers"),
    ("#[ign", "ore", "no test is switched off"),
    ("un", "safe {", "no unsafe code"),
];

/// The beginnings of paths that exist on one machine only.
const MACHINE_PATHS: &[(&str, &str)] = &[
    ("/ro", "ot/"),
    ("/ho", "me/"),
    ("/Us", "ers/"),
    ("/wo", "rk/"),
    ("/tm", "p/brief"),
    ("C:", "\\Users"),
];

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
        for (start, end) in MACHINE_PATHS {
            if names_path(line, &format!("{start}{end}")) {
                found.push(format!("{}: a path of one machine ({start}{end})", place()));
            }
        }
        if path.ends_with(".rs") {
            for (start, end, why) in NOT_IN_CODE {
                if line.contains(&format!("{start}{end}")) {
                    found.push(format!("{}: `{start}{end}`: {why}", place()));
                }
            }
        }
    }
    let lines = text.lines().count();
    if path.ends_with(".rs") && lines > MOST_LINES {
        found.push(format!("{path}: {lines} lines; past {MOST_LINES} it holds two things"));
    }
    found
}

/// Whether the line names a path that begins so, and not one that merely goes on so: `https://host/work/x` is none.
fn names_path(line: &str, start: &str) -> bool {
    let goes_on = |c: char| c.is_ascii_alphanumeric() || "._-}/:".contains(c);
    line.match_indices(start)
        .any(|(at, _)| !line[..at].chars().next_back().is_some_and(goes_on))
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
    }
}
