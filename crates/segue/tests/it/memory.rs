//! A state that is old, lost or doubled; another server, another lake, another parameter: never mistaken for what was done before.

use crate::support::{Project, Server};
use segue_demo::Options;

fn count(project: &Project, table: &str) -> String {
    project
        .sql(&format!("select count(*) from {table}"))
        .lines()
        .last()
        .unwrap_or_default()
        .to_string()
}

/// Runs the first project, then something behind the state's back; the next run refuses and a rebuild goes on without writing twice.
fn refused_then_rebuilt(behind_its_back: impl Fn(&Project)) {
    let project = Project::empty();
    project.ok(&["init", "."]);
    project.ok(&["run"]);
    behind_its_back(&project);
    let versions = project.read_dir("lake/raw/people/_delta_log");
    let refused = project.segue(&["run"]).ended(5);
    assert!(refused.err.contains("state rebuild"), "{}", refused.err);
    assert_eq!(
        project.read_dir("lake/raw/people/_delta_log"),
        versions,
        "nothing was written"
    );
    project.ok(&["state", "rebuild"]);
    let rows = count(&project, "raw.people");
    let again = project.ok(&["run"]);
    assert_eq!(count(&project, "raw.people"), rows, "{again}");
    assert_eq!(rows, "3");
}

#[test]
fn without_its_state_a_project_refuses_until_rebuilt() {
    refused_then_rebuilt(|project| std::fs::remove_dir_all(project.file(".segue")).expect("the state is there"));
}

#[test]
fn with_an_older_state_a_project_refuses_until_rebuilt() {
    refused_then_rebuilt(|project| {
        project.ok(&["state", "backup", "old.db"]);
        project.write("data/people.csv", "name,language\nAda,ko\nMinsu,ko\nZoé,fr\n");
        project.ok(&["run"]);
        for file in ["state.db", "state.db-wal", "state.db-shm"] {
            let _may_not_be_there = std::fs::remove_file(project.file(&format!(".segue/{file}")));
        }
        std::fs::copy(project.file("old.db"), project.file(".segue/state.db")).expect("can copy");
    });
}

#[test]
fn a_second_state_on_one_lake_is_refused() {
    let project = Project::empty();
    project.ok(&["init", "."]);
    project.ok(&["run"]);
    let other = "timezone: UTC\nenvironments:\n  dev: { lake: ./lake, state: .segue/other.db }";
    project.edit("segue.yaml", "timezone: UTC", other);
    let refused = project.segue(&["run"]).ended(5);
    assert!(refused.err.contains("error[SG05"), "{}", refused.err);
    project.edit("segue.yaml", "other.db", "state.db");
    project.ok(&["run"]);
}

#[test]
fn another_server_is_never_taken_for_the_one_that_was_read() {
    let (first, second) = (Server::start(Options::default()), Server::start(Options::default()));
    let mut project = Project::music(&first);
    project.ok(&["run", "+raw.artists"]);
    project.ask(&second);
    let refused = project.segue(&["run", "raw.artists"]);
    assert_ne!(refused.code, Some(0), "{}", refused.text());
    assert!(
        refused.err.contains("--accept-source") && refused.err.contains("--rebuild"),
        "{}",
        refused.err
    );
    assert_eq!(second.standin().stats().total, 0, "nothing was asked");
    project.ok(&["apply", "--accept-source", "spotify"]);
    project.ok(&["run", "raw.artists"]);
}

#[test]
fn another_lake_is_never_taken_for_the_one_that_was_written() {
    let project = Project::empty();
    project.ok(&["init", "."]);
    project.ok(&["run"]);
    std::fs::rename(project.file("lake"), project.file("lake-before")).expect("can move");
    let refused = project.segue(&["run"]);
    assert_ne!(refused.code, Some(0), "{}", refused.text());
    assert!(refused.err.contains("is gone, or another"), "{}", refused.err);
}

#[test]
fn another_parameter_is_never_taken_for_the_one_that_was_given() {
    let project = Project::empty();
    project.ok(&["init", "."]);
    project.write(
        "assets/hello/long.sql",
        "/* asset: hello.long\n   params: { least: { type: int64, default: 4 } } */\nselect name, $least as least from raw.people where length(name) >= $least\n",
    );
    let least = |args: &[&str]| {
        project.ok(&[&["run", "hello.long"], args].concat());
        project.sql("select distinct least from hello.long")
    };
    project.ok(&["run"]);
    assert_eq!(least(&[]), "least\n4\n");
    assert_eq!(least(&["--param", "least=1"]), "least\n1\n");
    assert_eq!(least(&["--param", "least=1"]), "least\n1\n");
    let last = "select rows_written from system.steps where asset = 'hello.long' order by started_at desc limit 1";
    assert_eq!(project.sql(last), "rows_written\n0\n", "the same parameter is done");
    assert_eq!(least(&[]), "least\n4\n");
}
