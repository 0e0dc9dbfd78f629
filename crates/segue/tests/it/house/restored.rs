//! Tables that are brought back to what they were, and what their assets and their readers do then.

use super::{refused, rows, value};
use crate::support::Project;
use segue_core::fault::Boundary;

const COLUMNS: &str = "columns: { id: { type: int64, required: true }, city: { type: string } }";

/// Stores that are merged, and a reader of them.
fn shops(write: &str) -> Project {
    let project = Project::with(&[
        ("segue.yaml", "format: 1\nproject: shops\n"),
        (
            "assets/raw/stores.yaml",
            &format!(
                "asset: raw.stores\ncopy:\n  from: files\n  path: data/stores.csv\n  {COLUMNS}\nwrite: {{ {write} }}\n"
            ),
        ),
        (
            "assets/sales/cities.sql",
            "/* asset: sales.cities */\nselect city, count(*) as n from raw.stores group by city\n",
        ),
    ]);
    comes(&project, "1,Seoul\n2,Busan\n");
    project
}

fn comes(project: &Project, rows: &str) {
    project.write("data/stores.csv", &format!("id,city\n{rows}"));
    project.ok(&["run"]);
}

fn stores(project: &Project) -> String {
    rows(project, "select id, city from raw.stores order by id, city")
}

#[test]
fn a_bad_merge_is_undone_and_its_readers_follow() {
    let project = shops("mode: merge, key: [id]");
    comes(&project, "1,SEOUL\n2,Busan\n3,Daegu\nx,broken\n");
    assert_eq!(stores(&project), "1,SEOUL | 2,Busan | 3,Daegu");
    assert_eq!(rows(&project, "select count(*) from quarantine.\"raw.stores\""), "1");
    let restore = ["lake", "restore", "raw.stores", "--version", "0"];
    let dry = project.writes_nothing(&["lake"], &[&restore[..], &["--dry-run"]].concat(), 0);
    insta::assert_snapshot!(dry.out, @r"
    raw.stores would be as in version 0 again
      rows: 1 would come back, 2 would go; files: 1 would come back, 2 would go
      what is set aside is what it was then: 0 rows come back, 1 go
      read by sales.cities: computed anew where that reads what changed
      the next run reads again, unless what was read then is fresh
    ");
    assert_eq!(stores(&project), "1,SEOUL | 2,Busan | 3,Daegu");
    insta::assert_snapshot!(project.ok(&restore), @r"
    raw.stores is again as in version 0: version 2
      rows: 1 came back, 2 went; files: 1 came back, 2 went
      what is set aside is what it was then: 0 rows come back, 1 go
      read by sales.cities: computed anew where that reads what changed
      the next run reads again, unless what was read then is fresh
    ");
    assert_eq!(stores(&project), "1,Seoul | 2,Busan");
    assert_eq!(rows(&project, "select count(*) from quarantine.\"raw.stores\""), "0");
    // The version that was left is a version still.
    assert_eq!(rows(&project, "select count(*) from raw.\"stores@1\""), "3");
    let history = value(&project, &["lake", "history", "raw.stores"]);
    assert_eq!(
        (&history[0]["operation"], &history[0]["n"]),
        (&"RESTORE".into(), &3.into())
    );
    // Told twice, there is nothing to do.
    insta::assert_snapshot!(project.ok(&restore), @"raw.stores is as in version 0: nothing to do");
    // The reader is computed anew; the source is read again, and says the same as before.
    project.ok(&["run", "sales.cities"]);
    assert_eq!(
        rows(&project, "select * from sales.cities order by city"),
        "Busan,1 | Seoul,1"
    );
    project.ok(&["run"]);
    assert_eq!(stores(&project), "1,SEOUL | 2,Busan | 3,Daegu");
    assert_eq!(
        rows(&project, "select * from sales.cities order by city"),
        "Busan,1 | Daegu,1 | SEOUL,1"
    );
}

#[test]
fn small_files_that_were_joined_are_no_difference() {
    let project = shops("mode: append");
    comes(&project, "3,Daegu\n");
    project.ok(&["lake", "compact", "raw.stores"]);
    let told = value(&project, &["lake", "restore", "raw.stores", "--version", "1"]);
    assert_eq!(
        (&told["unchanged"], &told["made"]),
        (&true.into(), &serde_json::Value::Null)
    );
    // Of what was joined with what came since, only what came goes.
    comes(&project, "4,Jeju\n");
    let told = value(&project, &["lake", "restore", "raw.stores", "--version", "0"]);
    assert_eq!(
        (&told["rows_added"], &told["rows_removed"]),
        (&0.into(), &2.into()),
        "{told}"
    );
    assert_eq!(stores(&project), "1,Seoul | 2,Busan");
}

#[test]
fn a_table_gets_its_former_columns_back() {
    let project = Project::with(&[
        ("segue.yaml", "format: 1\nproject: shops\n"),
        (
            "assets/raw/stores.yaml",
            "asset: raw.stores\ncopy: { from: files, path: data/stores.csv, on_new_column: evolve, on_type_change: evolve }\nwrite: { mode: merge, key: [id] }\n",
        ),
    ]);
    comes(&project, "1,Seoul\n2,Busan\n");
    project.write("data/stores.csv", "id,city,size\n1,Seoul,7\n3.5,Daegu,8\n");
    project.ok(&["run"]);
    assert_eq!(
        rows(&project, "select * from raw.stores order by id"),
        "1.0,Seoul,7 | 2.0,Busan, | 3.5,Daegu,8"
    );
    let told = project.ok(&["lake", "restore", "raw.stores", "--version", "0"]);
    insta::assert_snapshot!(told, @r"
    raw.stores is again as in version 0: version 2
      rows: 2 came back, 3 went; files: 1 came back, 2 went
      column id: decimal(20,1) becomes int64
      column size is no longer there
      where rows with size come again, the table gets that back, empty in the rows of now
      the next run reads again, unless what was read then is fresh
    ");
    assert_eq!(
        rows(&project, "select * from raw.stores order by id"),
        "1,Seoul | 2,Busan"
    );
    project.ok(&["run"]);
    assert_eq!(
        rows(&project, "select * from raw.stores order by id"),
        "1.0,Seoul,7 | 2.0,Busan, | 3.5,Daegu,8"
    );
}

#[test]
fn a_version_without_its_files_is_refused() {
    let project = shops("mode: replace");
    comes(&project, "1,Seoul\n3,Daegu\n");
    project.ok(&["lake", "vacuum", "raw.stores", "--keep", "0s"]);
    assert_eq!(
        refused(&project, &["lake", "restore", "raw.stores", "--version", "0"]),
        "SG0407"
    );
    assert_eq!(
        refused(&project, &["lake", "restore", "raw.stores", "--version", "9"]),
        "SG0407"
    );
    project.segue(&["lake", "restore", "raw.stores"]).ended(2);
    project
        .segue(&["lake", "restore", "raw.stores", "--version", "0", "--at", "2026-01-01"])
        .ended(2);
    project
        .segue(&["lake", "restore", "raw.nothing", "--version", "0"])
        .ended(4);
    let early = project
        .segue(&["lake", "restore", "raw.stores", "--at", "2001-01-01"])
        .ended(4);
    assert!(early.err.contains("SG0407"), "{}", early.text());
    let late = value(&project, &["lake", "restore", "raw.stores", "--at", "2999-01-01"]);
    assert_eq!(late["unchanged"], true);
    assert_eq!(stores(&project), "1,Seoul | 3,Daegu");
}

/// What is done is what was done then; what nobody knows any more has to be told.
#[test]
fn what_was_done_is_what_it_was() {
    let project = shops("mode: append");
    comes(&project, "3,Daegu\n");
    assert_eq!(
        refused(
            &project,
            &["lake", "restore", "raw.stores", "--version", "0", "--position", "reset"]
        ),
        "SG0535"
    );
    // The state is another, and the first claim is lost.
    let state = rusqlite::Connection::open(project.file(".segue/state.db")).expect("the state is there");
    state
        .execute("delete from commits where n = 1", [])
        .expect("it can be written");
    drop(state);
    std::fs::remove_file(project.file("lake/raw/stores/_segue/commits/00000000000000000001.json"))
        .expect("it is there");
    let restore = ["lake", "restore", "raw.stores", "--version", "0"];
    assert_eq!(refused(&project, &restore), "SG0534");
    let told = value(&project, &[&restore[..], &["--position", "keep"]].concat());
    assert_eq!(told["rows_removed"], 1);
    assert_eq!(stores(&project), "1,Seoul | 2,Busan");
}

/// Rows by an older definition are not taken for rows of the present one.
#[test]
fn an_older_definition_comes_back_with_its_rows() {
    let project = shops("mode: merge, key: [id]");
    project.edit(
        "assets/raw/stores.yaml",
        "city: { type: string }",
        "city: { type: string, path: town }",
    );
    project.write("data/stores.csv", "id,town\n1,Ulsan\n");
    project.ok(&["run", "raw.stores", "--rebuild"]);
    assert_eq!(stores(&project), "1,Ulsan");
    project.ok(&["lake", "restore", "raw.stores", "--version", "0"]);
    assert_eq!(stores(&project), "1,Seoul | 2,Busan");
    let mixed = project.segue(&["run", "raw.stores"]);
    assert!(mixed.text().contains("SG0522"), "{}", mixed.text());
    project.edit("assets/raw/stores.yaml", ", path: town", "");
    comes(&project, "2,BUSAN\n");
    assert_eq!(stores(&project), "1,Seoul | 2,BUSAN");
}

/// Killed wherever it makes something durable, it is there as a whole or not at all, and told again it is done.
#[test]
fn a_restore_that_is_killed_is_there_or_not() {
    let mut met = Vec::new();
    for boundary in Boundary::ALL {
        let project = shops("mode: merge, key: [id]");
        comes(&project, "1,SEOUL\n3,Daegu\nx,broken\n");
        let restore = ["lake", "restore", "raw.stores", "--version", "0"];
        let mut command = project.command(&restore);
        command.env("SEGUE_FAULT", format!("{}:1:kill", boundary.name()));
        let done = command.output().expect("the binary starts");
        match done.status.code() {
            None => met.push(boundary.name()),
            code => assert_eq!(code, Some(0), "{}", boundary.name()),
        }
        let there = stores(&project);
        assert!(
            ["1,SEOUL | 2,Busan | 3,Daegu", "1,Seoul | 2,Busan"].contains(&there.as_str()),
            "after {}: {there}",
            boundary.name()
        );
        project.ok(&restore);
        assert_eq!(stores(&project), "1,Seoul | 2,Busan", "after {}", boundary.name());
        assert_eq!(
            rows(&project, "select count(*) from quarantine.\"raw.stores\""),
            "0",
            "{}",
            boundary.name()
        );
        let prepared = "select count(*) from system.commits where state = 'prepared'";
        assert_eq!(rows(&project, prepared), "0", "after {}", boundary.name());
        comes(&project, "3,Daegu\n");
        assert_eq!(
            stores(&project),
            "1,Seoul | 2,Busan | 3,Daegu",
            "after {}",
            boundary.name()
        );
    }
    assert_eq!(
        met,
        [
            "commit.prepared",
            "commit.claimed",
            "commit.own",
            "commit.companion",
            "commit.marked"
        ]
    );
}

/// A run that holds the asset is not disturbed, and one that was killed is finished first.
#[test]
fn a_restore_waits_its_turn() {
    let project = shops("mode: merge, key: [id]");
    project.write("data/stores.csv", "id,city\n3,Daegu\n");
    let mut run = project.command(&["run", "raw.stores"]);
    run.env("SEGUE_FAULT", "commit.prepared:1:kill");
    assert_eq!(run.output().expect("the binary starts").status.code(), None);
    assert_eq!(stores(&project), "1,Seoul | 2,Busan");
    // What is prepared will happen: the version that is asked for is what the table is not any more.
    project.ok(&["lake", "restore", "raw.stores", "--version", "0"]);
    assert_eq!(stores(&project), "1,Seoul | 2,Busan");
    let numbers = rows(
        &project,
        "select n from system.commits where asset = 'raw.stores' and state = 'committed' order by n",
    );
    assert_eq!(numbers, "1 | 2 | 3");
    project.ok(&["run"]);
    assert_eq!(stores(&project), "1,Seoul | 2,Busan | 3,Daegu");
}
