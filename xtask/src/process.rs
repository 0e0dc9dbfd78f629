//! Start other programs, pass their output through, and keep their exit codes.

use std::ffi::OsStr;
use std::fmt;
use std::process::{Command, Stdio};

/// Why a verb did not succeed. Its exit code is that of `cargo xtask`.
#[derive(Debug)]
pub struct Failure {
    pub exit_code: u8,
    message: String,
}

impl Failure {
    /// Something failed while it ran.
    pub fn new(message: impl Into<String>) -> Failure {
        Failure {
            exit_code: 1,
            message: message.into(),
        }
    }

    /// The command line was wrong, or something must be installed by hand first.
    pub fn usage(message: impl Into<String>) -> Failure {
        Failure {
            exit_code: 2,
            message: message.into(),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "xtask: {}", self.message)
    }
}

/// Cargo itself, the one that started us if any did.
///
/// `cargo xtask` tells its child about the package `xtask` in variables, and would tell that on to every build script. Some ask for them
/// to be watched (`ring` does), and then everything above them is built again each time cargo is called by hand and by us in turn.
pub fn cargo() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in std::env::vars_os() {
        if is_about_a_package(&name.to_string_lossy()) {
            cargo.env_remove(name);
        }
    }
    cargo
}

/// Whether cargo sets this variable to say which package it runs.
fn is_about_a_package(name: &str) -> bool {
    let begins = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CFG_", "CARGO_FEATURE_"];
    begins.iter().any(|b| name.starts_with(b)) || ["CARGO_CRATE_NAME", "CARGO_PRIMARY_PACKAGE", "OUT_DIR"].contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cargo_says_about_xtask_is_not_told_on() {
        assert!(is_about_a_package("CARGO_MANIFEST_DIR") && is_about_a_package("CARGO_PKG_VERSION_MAJOR"));
        assert!(!is_about_a_package("CARGO_TARGET_DIR") && !is_about_a_package("CARGO_HOME") && !is_about_a_package("CARGO_TERM_COLOR"));
    }
}

/// Runs a command to its end; what it prints is seen as it comes. Fails with its exit code.
pub fn run(command: &mut Command) -> Result<(), Failure> {
    let shown = show(command);
    let status = command
        .status()
        .map_err(|e| Failure::new(format!("cannot start `{shown}`: {e}")))?;
    if status.success() {
        return Ok(());
    }
    Err(match status.code() {
        // A code above 255 does not exist on Unix, so nothing is cut here.
        Some(code) => Failure {
            exit_code: code as u8,
            message: format!("`{shown}` ended with exit code {code}"),
        },
        None => Failure {
            exit_code: 128,
            message: format!("`{shown}` was ended by a signal"),
        },
    })
}

/// True when the program exists and the command ends well. Nothing that it prints is shown.
pub fn works(program: impl AsRef<OsStr>, args: &[&str]) -> bool {
    Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// What a program prints, without the space around it; `None` when it cannot be run or fails.
pub fn output(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).trim().to_string())
}

/// A command as a person would type it, its program without the folder that it lives in.
pub fn show(command: &Command) -> String {
    let program = command.get_program().to_string_lossy();
    let program = program.rsplit('/').next().unwrap_or_default().to_string();
    std::iter::once(program)
        .chain(command.get_args().map(|arg| arg.to_string_lossy().into_owned()))
        .collect::<Vec<_>>()
        .join(" ")
}
