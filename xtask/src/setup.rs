//! What a fresh Debian or Ubuntu machine may lack: checked first, installed when we may, otherwise the line to type.

use crate::process::{self, Failure};
use std::path::Path;
use std::process::Command;

/// A program that must be there, and the Debian package that brings it.
pub struct Tool {
    pub program: &'static str,
    /// A command line that ends well when the program is usable.
    pub probe: &'static [&'static str],
    pub package: &'static str,
}

/// Needed to build: some dependencies are C.
pub const C_COMPILER: Tool = Tool {
    program: "cc",
    probe: &["--version"],
    package: "build-essential",
};
/// Needed by the repository's checks.
pub const GIT: Tool = Tool {
    program: "git",
    probe: &["--version"],
    package: "git",
};
/// Needed by the tests of the connector, which start servers of their own. Debian keeps its programs out of PATH.
pub const POSTGRESQL: Tool = Tool {
    program: "sh",
    probe: &["-c", "ls /usr/lib/postgresql/*/bin/initdb || command -v initdb"],
    package: "postgresql",
};
/// Needed by the test of a pooler in front of it. Debian keeps it where only the administrator looks.
pub const PGBOUNCER: Tool = Tool {
    program: "sh",
    probe: &["-c", "PATH=$PATH:/usr/sbin command -v pgbouncer"],
    package: "pgbouncer",
};
/// Needed by the check that other readers of Delta tables agree; without `ensurepip` no environment can be made.
pub const PYTHON: Tool = Tool {
    program: "python3",
    probe: &["-c", "import venv, ensurepip"],
    package: "python3-venv",
};

/// Installs what is missing of these, or fails with the line to type.
pub fn need(tools: &[&Tool]) -> Result<(), Failure> {
    let missing = missing(tools, &|tool| process::works(tool.program, tool.probe));
    if missing.is_empty() {
        return Ok(());
    }
    let apt = process::works("apt-get", &["--version"]);
    if !apt || !is_root() {
        return Err(Failure::usage(ask(&missing, apt)));
    }
    let packages: Vec<&str> = missing.iter().map(|tool| tool.package).collect();
    eprintln!("xtask: installing {} with apt-get", packages.join(", "));
    process::run(Command::new("apt-get").args(["update", "-qq"]))?;
    process::run(
        Command::new("apt-get")
            .env("DEBIAN_FRONTEND", "noninteractive")
            .args(["install", "-y", "-qq", "--no-install-recommends"])
            .args(&packages),
    )
}

/// The components of the tool chain that a minimal installation leaves out.
pub fn need_fmt_and_clippy() -> Result<(), Failure> {
    let both = || works_with_cargo("fmt") && works_with_cargo("clippy");
    if both() {
        return Ok(());
    }
    if process::works("rustup", &["--version"]) {
        process::run(Command::new("rustup").args(["component", "add", "rustfmt", "clippy"]))?;
    }
    if both() {
        return Ok(());
    }
    Err(Failure::usage(
        "rustfmt and clippy are missing; type:\n\n    rustup component add rustfmt clippy",
    ))
}

fn works_with_cargo(subcommand: &str) -> bool {
    let mut cargo = process::cargo();
    process::output(cargo.args([subcommand, "--version"])).is_some()
}

/// A Python with the packages of `xtask/python.txt`, in a folder of its own under `target_dir`, made when it is not there yet or
/// when the list has changed. Returns its interpreter.
pub fn python(target_dir: &Path, wanted: &str) -> Result<std::path::PathBuf, Failure> {
    packages(&target_dir.join("python"), wanted).map_err(|e| {
        Failure::new(format!(
            "{e}\nThe packages could not be fetched. Without them, say `cargo xtask test --without python`: \
             then it is not checked that other readers of Delta tables agree."
        ))
    })
}

/// A Python with these packages, a line each, in a folder of its own, made when it is not there yet or when the list has changed. Returns its
/// interpreter.
pub fn packages(home: &Path, wanted: &str) -> Result<std::path::PathBuf, Failure> {
    need(&[&PYTHON])?;
    let (interpreter, stamp) = (home.join("bin/python"), home.join("installed.txt"));
    if interpreter.exists() && std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(interpreter);
    }
    eprintln!("xtask: setting up Python packages under {}", home.display());
    process::run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(home))?;
    let packages = wanted
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    process::run(
        Command::new(&interpreter)
            .args(["-m", "pip", "install", "--quiet"])
            .args(packages),
    )?;
    // Written last: a half-made environment is made anew.
    std::fs::write(&stamp, wanted).map_err(|e| Failure::new(format!("cannot write {}: {e}", stamp.display())))?;
    Ok(interpreter)
}

fn missing<'a>(tools: &[&'a Tool], works: &dyn Fn(&Tool) -> bool) -> Vec<&'a Tool> {
    tools.iter().copied().filter(|tool| !works(tool)).collect()
}

fn ask(missing: &[&Tool], apt: bool) -> String {
    let programs: Vec<&str> = missing.iter().map(|tool| tool.program).collect();
    let packages: Vec<&str> = missing.iter().map(|tool| tool.package).collect();
    let (programs, packages) = (programs.join(", "), packages.join(" "));
    if apt {
        format!("this machine lacks what is needed ({programs}); type:\n\n    sudo apt-get install -y {packages}")
    } else {
        format!("this machine lacks what is needed: {programs} (on Debian: {packages})")
    }
}

fn is_root() -> bool {
    process::output(Command::new("id").arg("-u")).as_deref() == Some("0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_asked_for_in_one_line() {
        let missing = missing(&[&C_COMPILER, &GIT, &PYTHON], &|tool| tool.program == "git");
        insta::assert_snapshot!(ask(&missing, true), @r"
        this machine lacks what is needed (cc, python3); type:

            sudo apt-get install -y build-essential python3-venv
        ");
        insta::assert_snapshot!(ask(&missing, false), @"this machine lacks what is needed: cc, python3 (on Debian: build-essential python3-venv)");
    }

    #[test]
    fn a_made_environment_is_used_again_and_a_changed_list_is_not() {
        let folder = std::env::temp_dir().join(format!("xtask-python-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("python/bin")).expect("a temporary folder");
        std::fs::write(folder.join("python/bin/python"), "").expect("a file");
        std::fs::write(folder.join("python/installed.txt"), "a==1\n").expect("a file");
        if process::works(PYTHON.program, PYTHON.probe) {
            let found = python(&folder, "a==1\n").expect("nothing to install");
            assert_eq!(found, folder.join("python/bin/python"));
        }
        std::fs::remove_dir_all(&folder).expect("the folder is ours");
    }
}
