//! `cargo xtask fresh [--keep]`: what a newcomer does. Clones the last commit into a temporary folder and runs the commands that
//! the README gives, each as it is written there, with nothing built before. Takes as long as two first builds.

use crate::process::{self, Failure};
use crate::repository;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

/// Variables that change what cargo builds and where, or what the tests do; a newcomer has none of them.
const NOT_INHERITED: &[&str] = &[
    "CARGO_BUILD_",
    "CARGO_MANIFEST_",
    "CARGO_PKG_",
    "CARGO_PROFILE_",
    "CARGO_RESOLVER_",
    "CARGO_TARGET_",
    "CARGO_UNSTABLE_",
    "RUSTC_WRAPPER",
    "RUSTFLAGS",
    "SEGUE_",
    "__CARGO",
];

pub fn run(args: &[String]) -> Result<(), Failure> {
    let keep = match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => false,
        ["--keep"] => true,
        _ => return Err(Failure::usage("usage: cargo xtask fresh [--keep]")),
    };
    let folder = std::env::temp_dir().join(format!("segue-fresh-{}", std::process::id()));
    let outcome = clone_and_run(&folder);
    if keep {
        eprintln!("xtask: kept {}", folder.display());
    } else if folder.exists() {
        std::fs::remove_dir_all(&folder)
            .map_err(|e| Failure::new(format!("cannot remove {}: {e}", folder.display())))?;
    }
    outcome
}

fn clone_and_run(folder: &Path) -> Result<(), Failure> {
    process::run(
        Command::new("git")
            .args(["clone", "--quiet"])
            .arg(repository::root())
            .arg(folder),
    )?;
    let readme = folder.join("README.md");
    let readme =
        std::fs::read_to_string(&readme).map_err(|e| Failure::new(format!("cannot read the clone's README: {e}")))?;
    let commands = commands(&readme);
    if commands.is_empty() {
        return Err(Failure::new(
            "the README has no command in a ```console block that starts with `cargo xtask`",
        ));
    }
    for command in commands {
        eprintln!("xtask: fresh clone: {command}");
        let begun = Instant::now();
        let mut shell = Command::new("sh");
        shell.current_dir(folder).args(["-c", &ending(command)]);
        // The clone must stand on its own: not on what was built here, nor on how this run was configured.
        for (name, _) in std::env::vars_os() {
            if NOT_INHERITED
                .iter()
                .any(|prefix| name.to_string_lossy().starts_with(prefix))
            {
                shell.env_remove(&name);
            }
        }
        process::run(&mut shell)?;
        eprintln!(
            "xtask: fresh clone: {command}: {:.1} minutes",
            begun.elapsed().as_secs_f64() / 60.0
        );
    }
    Ok(())
}

/// The demo leaves its stand-in running for whoever wants to look around; here it is to end.
fn ending(command: &str) -> String {
    match command {
        "cargo xtask demo" => format!("{command} --once"),
        _ => command.to_string(),
    }
}

/// The lines of the README's console blocks that start with `cargo xtask`, without prompt.
fn commands(readme: &str) -> Vec<&str> {
    let mut inside = false;
    let mut found: Vec<&str> = Vec::new();
    for line in readme.lines() {
        if line.starts_with("```") {
            inside = line.starts_with("```console");
            continue;
        }
        let line = line.strip_prefix("$ ").unwrap_or(line);
        let command = line.split(" #").next().unwrap_or(line).trim();
        if inside && command.starts_with("cargo xtask ") && !found.contains(&command) {
            found.push(command);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_read_from_the_console_blocks() {
        let readme = "cargo xtask no\n```console\n$ cargo xtask demo    # answers\nprinted\n```\n```sh\ncargo xtask no\n```\n```console\n$ cargo xtask test\n```\n";
        assert_eq!(commands(readme), ["cargo xtask demo", "cargo xtask test"]);
    }

    #[test]
    fn the_readme_gives_the_two_commands() {
        let readme = std::fs::read_to_string(repository::root().join("README.md")).expect("the README is there");
        assert_eq!(commands(&readme), ["cargo xtask demo", "cargo xtask test"]);
    }
}
