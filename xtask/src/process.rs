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

/// Cargo itself, the one that started us if any did, in the environment of whoever started that.
///
/// Cargo tells the programs that it runs which package they are. Build scripts (ring's is one) watch those variables, so a cargo that
/// inherits them rebuilds half of the dependencies, and the next cargo that does not inherit them rebuilds them once more.
pub fn cargo() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in std::env::vars_os() {
        let told = [
            "CARGO_PKG_",
            "CARGO_MANIFEST_",
            "CARGO_BIN_",
            "CARGO_CRATE_",
            "CARGO_PRIMARY_",
            "OUT_DIR",
        ];
        if told.iter().any(|start| name.to_string_lossy().starts_with(start)) {
            cargo.env_remove(&name);
        }
    }
    cargo
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cargo_told_us_is_not_passed_on_to_another_cargo() {
        // `cargo test` tells its tests as `cargo run` tells its program.
        assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some(), "run by cargo");
        let cargo = cargo();
        let removed: Vec<_> = cargo
            .get_envs()
            .filter(|(_, value)| value.is_none())
            .map(|(name, _)| name)
            .collect();
        assert!(removed.contains(&OsStr::new("CARGO_MANIFEST_DIR")), "{removed:?}");
    }
}
