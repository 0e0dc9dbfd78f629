//! What is measured of a run is what the system says that it used.

use crate::support::{Project, Server};
use segue_demo::Options;
use std::process::Command;

/// Runs a command through a shell, and gives the CPU seconds that the system counted for its process when it had ended.
fn cpu_of(project: &Project, args: &[&str]) -> f64 {
    let segue = project.command(args);
    let mut shell = Command::new("sh");
    // The second line of `times` is what the shell's ended children used, in user and in system mode.
    shell
        .args(["-c", "\"$@\" > /dev/null 2> run.log; code=$?; times; exit $code", "sh"])
        .arg(segue.get_program())
        .args(segue.get_args())
        .envs(segue.get_envs().filter_map(|(name, value)| Some((name, value?))))
        .current_dir(project.file(""));
    let done = shell.output().expect("a shell starts");
    let text = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(done.status.success(), "{}", project.read("run.log"));
    let children = text.lines().last().expect("times has two lines");
    children.split_whitespace().map(seconds).sum()
}

/// `1m2.50s`
fn seconds(text: &str) -> f64 {
    let (minutes, seconds) = text.trim_end_matches('s').split_once('m').expect("minutes and seconds");
    let number = |text: &str| text.parse::<f64>().expect("a number");
    number(minutes) * 60.0 + number(seconds)
}

/// What the steps of the last run used, in seconds.
fn cpu_of_steps(project: &Project) -> f64 {
    let runs = project.sql("select id from system.runs order by started_at desc limit 1");
    let run = runs.lines().last().expect("a run");
    let answer = project.sql(&format!("select sum(cpu_us) from system.steps where run = '{run}'"));
    let microseconds: f64 = answer.lines().last().expect("a row").parse().expect("a number");
    microseconds / 1e6
}

/// The process's fixed part is left out: starting, loading the project, opening lake and state, and writing the run down. It is no step's,
/// and in a build that is not optimised it is more than the tenth that is allowed: the program that people run starts in milliseconds. It
/// is what a run within `fresh` uses less what its steps count, and stays below a quarter. Everything else that the process used must be
/// some step's, within a tenth; both ratios are said.
#[test]
fn the_cpu_of_all_steps_is_that_of_the_process() {
    let standin = Server::start(Options::default());
    let project = Project::music(&standin);
    let process = cpu_of(&project, &["run"]);
    let steps = cpu_of_steps(&project);
    let idle = cpu_of(&project, &["run"]);
    let fixed = idle - cpu_of_steps(&project);
    println!(
        "process {process:.2} s, of which fixed {fixed:.2} s; steps {steps:.2} s, {:.0} % of all and {:.0} % of what is not fixed",
        steps / process * 100.0,
        steps / (process - fixed) * 100.0
    );
    assert!(steps > 0.5, "the run is too short to be compared: {steps} s");
    assert!(
        fixed > 0.0 && fixed < process / 4.0,
        "the fixed part is {fixed} s of {process} s"
    );
    let (least, most) = ((process - fixed) * 0.9, (process - fixed) * 1.1);
    assert!(
        (least..=most).contains(&steps),
        "the steps count {steps:.2} s, and the process used {process:.2} s, of which {fixed:.2} s are fixed"
    );
}

/// The most memory that a step of the last run held, in bytes.
fn memory_of(project: &Project, asset: &str) -> f64 {
    let answer = project.sql(&format!(
        "select max(peak_memory) from system.steps where asset = '{asset}' and run = (select id from system.runs order by started_at desc limit 1)"
    ));
    answer
        .lines()
        .last()
        .and_then(|n| n.parse().ok())
        .expect("memory is measured")
}

/// Of copies as of statements.
#[test]
fn the_memory_of_a_step_is_what_it_holds() {
    let project = Project::empty();
    project.ok(&["init", "."]);
    project.write(
        "assets/hello/large.sql",
        "/* asset: hello.large */\nselect length(string_agg(repeat('x', 1000), '')) as n from generate_series(1, 50000)\n",
    );
    let line = format!("{},ko\n", "x".repeat(1_000_000));
    project.write("data/long.csv", &format!("name,language\n{}", line.repeat(10)));
    project.write(
        "assets/raw/long.yaml",
        "asset: raw.long\ncopy: { from: files, path: data/long.csv, columns: { name: { type: string } } }\n",
    );
    project.ok(&["run"]);
    let large = memory_of(&project, "hello.large");
    assert!((50e6..500e6).contains(&large), "50 MB are held, and {large} counted");
    let long = memory_of(&project, "raw.long");
    assert!(
        (1e6..100e6).contains(&long),
        "10 MB pass through, and {long} are counted"
    );
    let small = memory_of(&project, "raw.people");
    assert!(small > 0.0 && small < 50e6, "{small}");
}
