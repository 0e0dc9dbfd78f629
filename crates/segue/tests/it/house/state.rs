//! The state copied, lost and brought back: nothing is doubled, nothing is forgotten that the tables remember.

use super::{day, furnished, refused, rows, value};
use crate::support::Project;

/// Every asset of the house, with the number of its rows and of its commits.
fn counts(project: &Project) -> String {
    let tables = ["raw.sales", "raw.visits", "sales.daily", "sales.book", "sales.cities"];
    let count = |table: &&str| format!("select '{table}' as name, count(*) as n from {table}");
    let statement = tables.iter().map(count).collect::<Vec<_>>().join(" union all ");
    let commits = "select asset, count(*) from system.commits where state = 'committed' group by asset order by asset";
    let shop = rusqlite::Connection::open(project.file("shop.db")).expect("the database is there");
    let mut in_shop = Vec::new();
    for (table, row) in [
        ("cities", "city || ' ' || n"),
        ("_segue_heads", "place || ' ' || n || ' ' || id"),
        ("_segue_commits", "n || ' ' || predecessor || ' ' || id"),
    ] {
        let statement = format!("select group_concat(line, ' | ') from (select {row} as line from {table} order by 1)");
        let found: Option<String> = shop
            .query_row(&statement, [], |row| row.get(0))
            .expect("the table is there");
        in_shop.push(found.unwrap_or_default());
    }
    format!(
        "{}\n{}\n{}\n{}",
        rows(project, &format!("select * from ({statement}) order by 1")),
        rows(project, commits),
        rows(project, "select sum(total) from sales.daily"),
        in_shop.join("\n")
    )
}

fn without_state(project: &Project) {
    std::fs::remove_dir_all(project.file(".segue")).expect("the state is there");
}

/// What a rebuild says: the assets brought back, those in step already, and how much was left out.
fn rebuilt(project: &Project) -> (usize, usize, usize) {
    let done = project.segue(&["--json", "state", "rebuild"]);
    let told = super::values(&done).pop().unwrap_or_else(|| panic!("{}", done.text()));
    let count = |what: &str| told[what].as_array().map_or(0, Vec::len);
    (count("assets"), count("in_step"), count("left_out"))
}

#[test]
fn a_lost_state_is_brought_back_and_nothing_is_doubled() {
    let project = furnished();
    project.ok(&["run", "raw.visits", "--again"]);
    // What is in step stays as it is: the run history, and what is parked, with it.
    assert_eq!(rebuilt(&project), (0, 6, 0));
    assert_ne!(rows(&project, "select count(*) from system.runs"), "0");
    let before = counts(&project);
    without_state(&project);
    project.segue(&["run", "raw.sales"]).ended(5);
    assert_eq!(rebuilt(&project), (6, 0, 0));
    assert_eq!(counts(&project), before);
    let again = project.ok(&["run"]);
    assert_eq!(counts(&project), before, "{again}");
    // Footprints came back too: a late row reopens its own day, and one that was appended says that it cannot be.
    project.edit("data/sales.csv", "2,", &format!("5,{}T12:00:00Z,Seoul,5\n2,", day(2)));
    project.ok(&["run", "raw.sales", "--again"]);
    let why = value(&project, &["why", "sales.daily"]);
    let stale = why["parts"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|p| p["words"] != "fresh");
    assert_eq!(stale.count(), 1, "{why}");
    assert_eq!(refused_step(&project, "sales.book"), "SG0522");
    project.ok(&["run", "sales.daily"]);
    assert_eq!(rows(&project, "select sum(total) from sales.daily"), "65");
}

/// The code of the error with which the asset's step fails.
fn refused_step(project: &Project, asset: &str) -> String {
    let done = project.segue(&["--json", "run", asset]);
    let told = super::values(&done).pop().unwrap_or_else(|| panic!("{}", done.text()));
    told["steps"][0]["error"]["code"]
        .as_str()
        .unwrap_or_default()
        .to_string()
}

#[test]
fn an_older_state_is_refused_and_brought_up_to_date() {
    let project = furnished();
    project.ok(&["state", "backup", "old.db"]);
    assert_eq!(refused(&project, &["state", "backup", "old.db"]), "SG0611");
    project.ok(&["run", "raw.visits", "--again"]);
    let before = counts(&project);
    without_state(&project);
    std::fs::create_dir(project.file(".segue")).expect("can make a folder");
    std::fs::copy(project.file("old.db"), project.file(".segue/state.db")).expect("can copy");
    assert_eq!(refused_step(&project, "raw.visits"), "SG0501");
    assert_eq!(rebuilt(&project), (1, 5, 0));
    project.ok(&["run"]);
    assert_eq!(counts(&project), before);
}

#[test]
fn a_type_that_was_inferred_once_stays() {
    let project = furnished();
    without_state(&project);
    rebuilt(&project);
    // Digits alone: inferred anew, the column would be a number.
    project.write("data/visits.csv", "code,visitor\n13,Zoé\n");
    project.ok(&["run", "raw.visits", "--again"]);
    assert_eq!(
        rows(&project, "select code from raw.visits order by code"),
        "007x | 12 | 13"
    );
}

#[test]
fn a_damaged_table_keeps_no_other_from_being_brought_back() {
    let project = furnished();
    without_state(&project);
    let claims = |table: &str| project.file(&format!("lake/{table}/_segue/commits"));
    for claim in std::fs::read_dir(claims("sales/daily")).expect("claims") {
        std::fs::write(claim.expect("an entry").path(), "no record").expect("can write");
    }
    std::fs::remove_dir_all(claims("sales/book")).expect("claims");
    let done = project.segue(&["state", "rebuild"]).ended(8);
    for wanted in ["sales/daily", "sales/book", "put its folder _segue back"] {
        assert!(done.err.contains(wanted), "no `{wanted}` in:\n{}", done.text());
    }
    assert_eq!(rebuilt(&project), (0, 4, 2));
    project.ok(&["run", "raw.sales", "raw.visits", "sales.cities", "shop.cities"]);
    assert_eq!(rows(&project, "select count(*) from raw.visits"), "2");
}
