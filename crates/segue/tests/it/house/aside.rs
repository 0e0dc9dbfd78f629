//! Companions of tables: of one in a database, of one whose rows went, and rows that lie ready for a step that was killed.

use super::{house, rows, value, values};
use crate::support::{Done, Project};

/// Orders that are served into a database, with a check on them.
fn shop(check: &str) -> Project {
    let serving = format!(
        "asset: serving.orders\ncopy: {{ from: lake, table: raw.orders }}\ninto: {{ connection: shop, table: orders }}\nwrite: {{ mode: merge, key: [id] }}\nchecks: [ {check} ]\n"
    );
    Project::with(&[
        ("segue.yaml", "format: 1\nproject: shop\n"),
        ("data/orders.csv", "id,amount\n1,10\n2,\n"),
        (
            "connections/shop.yaml",
            "connection: shop\nkind: sqlite\npath: shop.db\n",
        ),
        (
            "assets/raw/orders.yaml",
            "asset: raw.orders\ncopy:\n  from: files\n  path: data/orders.csv\n  columns: { id: { type: int64, required: true }, amount: { type: int64 } }\nwrite: { mode: replace, key: [id] }\n",
        ),
        ("assets/serving/orders.yaml", &serving),
    ])
}

const SERVED: &str = "select id, amount from serving.orders order by id";
const ASIDE: &str = "select count(*) from quarantine.\"serving.orders\"";

/// Runs a command that is killed when it comes to this boundary.
#[track_caller]
pub fn killed(project: &Project, args: &[&str], fault: &str) {
    let mut command = project.command(args);
    let done = Done::of(command.env("SEGUE_FAULT", fault).output().expect("the binary starts"));
    assert_eq!(done.code, None, "it was not killed: {}", done.text());
}

/// Removes the data files of a table that nobody told the lake about.
fn lose(project: &Project, table: &str) {
    let names = project.read_dir(&format!("lake/{table}"));
    let data: Vec<_> = names.iter().filter(|name| name.ends_with(".parquet")).collect();
    assert!(!data.is_empty(), "{names:?}");
    for name in data {
        std::fs::remove_file(project.file(&format!("lake/{table}/{name}"))).expect("it is there");
    }
}

#[test]
fn a_check_that_fails_on_the_way_into_a_database_is_mended_and_run_again() {
    let project = shop("{ not_null: amount }");
    for _ in 0..2 {
        let failed = project.segue(&["run"]).ended(9);
        assert!(failed.text().contains("not_null amount"), "{}", failed.text());
        let shown = project.segue(&["--json", "quarantine", "show", "serving.orders"]).ok();
        assert_eq!(values(&shown)[0]["part"], "evidence", "{}", shown.out);
    }
    project.edit("data/orders.csv", "2,\n", "2,20\n");
    project.ok(&["run"]);
    assert_eq!(rows(&project, SERVED), "1,10 | 2,20");
    assert_eq!(rows(&project, ASIDE), "0");
    // The old rows serve on while it fails again.
    project.edit("data/orders.csv", "2,20\n", "2,\n");
    project.segue(&["run"]).ended(9);
    assert_eq!(rows(&project, SERVED), "1,10 | 2,20");
    project.edit("data/orders.csv", "2,\n", "2,30\n");
    project.ok(&["run"]);
    project.ok(&["run"]);
    assert_eq!(rows(&project, SERVED), "1,10 | 2,30");
}

#[test]
fn rows_are_set_aside_on_the_way_into_a_database() {
    let project = shop("{ not_null: amount, on_failure: quarantine }");
    project.ok(&["run"]);
    project.ok(&["run", "--again"]);
    assert_eq!(rows(&project, SERVED), "1,10");
    assert!(project.ok(&["quarantine", "show", "serving.orders"]).contains("amount"));
    // What the database and the lake remember is enough to go on.
    std::fs::remove_dir_all(project.file(".segue")).expect("the state is there");
    project.ok(&["state", "rebuild"]);
    project.edit("data/orders.csv", "2,\n", "2,20\n");
    project.ok(&["run"]);
    assert_eq!(rows(&project, SERVED), "1,10 | 2,20");
    assert_eq!(rows(&project, ASIDE), "0");
}

/// Killed when the database had decided, and its companion had not followed.
#[test]
fn a_companion_of_a_table_in_a_database_is_finished_by_the_next_run() {
    let project = shop("{ not_null: amount, on_failure: quarantine }");
    project.ok(&["run", "raw.orders"]);
    killed(&project, &["run", "serving.orders"], "commit.own:1:kill");
    project.ok(&["run"]);
    assert_eq!(rows(&project, SERVED), "1,10");
    assert_eq!(rows(&project, ASIDE), "1");
    let commits = "select count(*) from system.commits where asset = 'serving.orders' and state = 'committed'";
    assert_eq!(rows(&project, commits), "1");
}

#[test]
fn what_a_companion_needs_is_missed_while_its_commit_can_be_given_up() {
    let project = house();
    killed(&project, &["run", "raw.sales"], "commit.claimed:1:kill");
    lose(&project, "quarantine/raw.sales");
    project.ok(&["run", "raw.sales"]);
    assert_eq!(rows(&project, "select count(*) from raw.sales"), "3");
    assert_eq!(rows(&project, "select count(*) from quarantine.\"raw.sales\""), "1");
    let given_up = "select count(*) from system.commits where state = 'given_up'";
    assert_eq!(rows(&project, given_up), "1");
}

#[test]
fn a_companion_that_can_never_follow_holds_its_asset_up_until_somebody_says_so() {
    let project = house();
    killed(&project, &["run", "raw.sales"], "commit.own:1:kill");
    lose(&project, "quarantine/raw.sales");
    let stuck = project.segue(&["run", "raw.sales"]);
    assert!(stuck.text().contains("SG0540"), "{}", stuck.text());
    let rebuilt = project.segue(&["state", "rebuild"]).ok();
    assert!(rebuilt.err.contains("cannot follow"), "{}", rebuilt.text());
    project.ok(&["run"]);
    assert_eq!(rows(&project, "select count(*) from raw.sales"), "3");
    // What was lost is set aside anew by the next read.
    project.ok(&["run", "raw.sales", "--again"]);
    assert_eq!(rows(&project, "select count(*) from quarantine.\"raw.sales\""), "1");
    assert_eq!(value(&project, &["state", "rebuild"])["assets"], serde_json::json!([]));
}

#[test]
fn a_vacuum_leaves_what_lies_ready_for_a_step_that_was_killed() {
    let project = house();
    project.edit(
        "assets/raw/visits.yaml",
        "write:",
        "checks: [ { row_count: { min: 1 } } ]\nwrite:",
    );
    killed(&project, &["run", "raw.visits"], "staged.noted:1:kill");
    project.ok(&["lake", "vacuum", "--keep", "0s"]);
    project.ok(&["run", "raw.visits"]);
    assert!(
        project
            .ok(&["--json", "logs"])
            .contains("lay staged from an earlier try")
    );
    assert_eq!(rows(&project, "select count(*) from raw.visits"), "2");
}
