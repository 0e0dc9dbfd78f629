//! What the benches have in common: the release build, a folder of their own, the stand-in, and how figures are shown.

pub mod check;
pub mod demo;
pub mod merge;
pub mod moving;
pub mod names;
pub mod neighbours;
pub mod rest;

use crate::measure::Taken;
use crate::process::{self, Failure};
use crate::repository;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// The program and the floor, built in release.
struct Built {
    segue: PathBuf,
    rest_floor: PathBuf,
    lake_merge: PathBuf,
}

fn build() -> Result<Built, Failure> {
    eprintln!("xtask: building in release");
    let targets = ["--bin", "segue", "--example", "rest_floor", "--example", "lake_merge"];
    process::run(
        process::cargo()
            .current_dir(repository::root())
            .args(["build", "--release", "--workspace"])
            .args(targets),
    )?;
    let release = repository::target_dir().join("release");
    Ok(Built {
        segue: release.join("segue"),
        rest_floor: release.join("examples/rest_floor"),
        lake_merge: release.join("examples/lake_merge"),
    })
}

/// The program alone, built in release.
fn build_segue() -> Result<PathBuf, Failure> {
    eprintln!("xtask: building in release");
    process::run(
        process::cargo()
            .current_dir(repository::root())
            // As a part of the whole, so that nothing is built for it a second time with fewer features.
            .args(["build", "--release", "--workspace", "--bin", "segue"]),
    )?;
    Ok(repository::target_dir().join("release/segue"))
}

/// A folder of this process alone, gone with the value.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Result<Folder, Failure> {
        let folder = std::env::temp_dir().join(format!("segue-bench-{name}-{}", std::process::id()));
        make_empty(&folder)?;
        Ok(Folder(folder))
    }

    fn write(&self, path: &str, text: &str) -> Result<(), Failure> {
        let path = self.0.join(path);
        let folder = path.parent().unwrap_or(&self.0);
        std::fs::create_dir_all(folder)
            .and_then(|()| std::fs::write(&path, text))
            .map_err(|e| cannot("write", &path, &e))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _may_be_gone = std::fs::remove_dir_all(&self.0);
    }
}

fn make_empty(folder: &Path) -> Result<(), Failure> {
    if folder.exists() {
        std::fs::remove_dir_all(folder).map_err(|e| cannot("remove", folder, &e))?;
    }
    std::fs::create_dir_all(folder).map_err(|e| cannot("make", folder, &e))
}

fn cannot(act: &str, path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(format!("cannot {act} {}: {error}", path.display()))
}

/// The stand-in, a process of its own that ends with this value.
struct StandIn {
    process: Child,
    url: String,
}

impl StandIn {
    fn start(segue: &Path) -> Result<StandIn, Failure> {
        let mut command = Command::new(segue);
        command.arg("demo-server").stdin(Stdio::null()).stdout(Stdio::piped());
        let mut process = command
            .spawn()
            .map_err(|e| Failure::new(format!("cannot start the stand-in: {e}")))?;
        let mut url = String::new();
        if let Some(stdout) = process.stdout.take() {
            BufReader::new(stdout)
                .read_line(&mut url)
                .map_err(|e| Failure::new(format!("the stand-in says nothing: {e}")))?;
        }
        Ok(StandIn {
            process,
            url: url.trim().to_string(),
        })
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        let _may_have_ended = self.process.kill();
        let _ended = self.process.wait();
    }
}

/// The machine and the commit, for the head of an entry in docs/benchmarks.md.
fn heading(name: &str) -> String {
    heading_of(name, &format!("cargo xtask bench {name}"))
}

/// The same, of another command.
pub fn heading_of(name: &str, command: &str) -> String {
    let said = |program: &str, args: &[&str]| process::output(Command::new(program).args(args)).unwrap_or_default();
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let cpu = cpu
        .lines()
        .find(|line| line.starts_with("model name"))
        .and_then(|line| line.split(": ").nth(1))
        .unwrap_or("unknown");
    let root = repository::root();
    let commit = said("git", &["-C", &root.to_string_lossy(), "rev-parse", "--short", "HEAD"]);
    format!(
        "### {name}\n\n{}, {} cores of {cpu}, commit {commit}, `{command}`\n",
        said("date", &["-u", "+%F"]),
        said("nproc", &[])
    )
}

/// A line of a table of figures.
fn line(what: &str, taken: Taken, more: &str) -> String {
    format!(
        "| {what} | {:.2} | {:.2} | {:.0} | {more} |",
        taken.wall_s, taken.cpu_s, taken.peak_mib
    )
}

/// How many runs: the word after the bench's name, or `usual`.
fn runs(args: &[String], usual: usize) -> Result<usize, Failure> {
    match args {
        [] => Ok(usual),
        [runs] => runs
            .parse()
            .ok()
            .filter(|runs| *runs > 0)
            .ok_or_else(|| Failure::usage("how many runs is a whole number above zero")),
        _ => Err(Failure::usage("a bench takes one word, how many runs")),
    }
}
