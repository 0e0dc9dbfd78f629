//! `reads_from:` of an environment: inputs that are not built here are read from another one's lake, which nothing ever changes.

use crate::support::Project;
use serde_json::Value;

const PROJECT: &str = "format: 1
project: shop
environments:
  dev: { reads_from: staging }
  staging: { lake: ./staging/lake, state: ./staging/state.db, reads_from: prod, apply: auto }
  prod: { lake: ./prod/lake, state: ./prod/state.db, apply: auto }
";
const ORDERS: &str = "asset: raw.orders
copy: { from: files, path: data/orders.csv, columns: { id: { type: int64 }, amount: { type: int64 } } }
";
const SUMS: &str = "/* asset: shop.sums */\nselect count(*) as n, sum(amount) as total from raw.orders\n";

/// What prod has, and dev does not.
fn shop() -> Project {
    let project = Project::with(&[
        ("segue.yaml", PROJECT),
        ("assets/raw/orders.yaml", ORDERS),
        ("assets/shop/sums.sql", SUMS),
        ("data/orders.csv", "id,amount\n1,10\n2,20\n"),
    ]);
    project.ok(&["--env", "prod", "run", "raw.orders"]);
    project.ok(&["--env", "staging", "run", "shop.sums"]);
    project
}

fn sums(project: &Project) -> String {
    project
        .sql("select n, total from shop.sums")
        .lines()
        .last()
        .expect("a row")
        .to_string()
}

#[test]
fn an_input_is_read_from_there_until_it_is_built_here() {
    let project = shop();
    // Over staging, which has none, from prod.
    let plan = project.ok(&["plan", "shop.sums"]);
    assert!(plan.contains("reads raw.orders from prod"), "{plan}");
    // Its state is not needed.
    std::fs::rename(project.file("prod/state.db"), project.file("prod/hidden.db")).expect("it is there");
    project.writes_nothing(&["prod", "staging"], &["run", "shop.sums"], 0);
    assert_eq!(sums(&project), "2,30");
    std::fs::rename(project.file("prod/hidden.db"), project.file("prod/state.db")).expect("it is there");
    let why: Value = serde_json::from_str(&project.ok(&["--json", "why", "shop.sums"])).expect("JSON");
    assert_eq!(why["status"]["elsewhere"]["raw.orders"], "prod", "{why}");
    assert_eq!(why["status"]["state"], "fresh", "{why}");
    // The same version again is nothing new; another one is.
    project.ok(&["run", "shop.sums"]);
    let changed = || {
        let told = project.sql("select count(*) from system.commits where asset = 'shop.sums' and state = 'committed'");
        told.lines().last().expect("a count").to_string()
    };
    assert_eq!(changed(), "1");
    project.write("data/orders.csv", "id,amount\n1,10\n2,20\n3,5\n");
    project.ok(&["--env", "prod", "run", "raw.orders"]);
    assert!(project.ok(&["status", "shop.sums"]).contains("stale"));
    project.ok(&["run", "shop.sums"]);
    assert_eq!(sums(&project), "3,35");
    // It can be asked, and what is built in both is asked here.
    assert_eq!(project.sql("select count(*) from raw.orders"), "count(*)\n3\n");
    project.write("data/orders.csv", "id,amount\n1,1\n");
    project.ok(&["run", "raw.orders"]);
    assert_eq!(project.sql("select count(*) from raw.orders"), "count(*)\n1\n");
    // From now on it is another table, and what was computed from the other one is stale.
    let why = project.ok(&["why", "shop.sums"]);
    assert!(why.contains("stale") && !why.contains("from prod"), "{why}");
    project.ok(&["run", "shop.sums"]);
    assert_eq!(sums(&project), "1,1");
}

#[test]
fn nothing_is_written_there_whatever_is_done_here() {
    let project = shop();
    let there = ["prod", "staging"];
    for args in [
        &["run", "shop.sums"][..],
        &["plan"],
        &["status"],
        &["why", "shop.sums"],
        &["preview", "shop.sums"],
        &["sql", "select * from raw.orders"],
        &["run", "shop.sums", "--limit", "1", "--into", "scratch"],
        &["lake", "compact"],
        &["lake", "vacuum"],
        &["state", "rebuild"],
        &["run"],
    ] {
        project.writes_nothing(&there, args, 0);
    }
    // What only prod has is none of this environment's tables.
    project
        .segue(&["asset", "drop", "raw.orders", "--table-only", "--yes"])
        .ok();
    project
        .segue(&["asset", "drop", "raw.orders", "--table-only", "--yes"])
        .ended(4);
    assert!(project.file("prod/lake/raw/orders").is_dir());
}

#[test]
fn a_lake_that_is_not_there_is_said_and_not_made() {
    let project = shop();
    std::fs::remove_dir_all(project.file("prod")).expect("it is there");
    let failed = project.segue(&["run", "shop.sums"]).ended(4);
    assert!(
        failed.text().contains("SG0548") && failed.text().contains("`prod`"),
        "{}",
        failed.text()
    );
    let failed = project.segue(&["sql", "select * from raw.orders"]).ended(4);
    assert!(failed.text().contains("SG0548"), "{}", failed.text());
    assert!(!project.file("prod").exists());
    // What needs nothing from there goes on.
    project.ok(&["run", "raw.orders"]);
    project.ok(&["run", "shop.sums"]);
    assert_eq!(sums(&project), "2,30");
}

#[test]
fn a_circle_and_an_unknown_environment_are_mistakes() {
    let project = shop();
    project.edit(
        "segue.yaml",
        "state: ./prod/state.db,",
        "state: ./prod/state.db, reads_from: dev,",
    );
    let wrong = project.segue(&["check"]).ended(2);
    assert_eq!(wrong.text().matches("SG0160").count(), 1, "{}", wrong.text());
    assert!(wrong.text().contains("dev → staging → prod → dev"), "{}", wrong.text());
    project.edit("segue.yaml", "reads_from: dev", "reads_from: stagin");
    let wrong = project.segue(&["check"]).ended(2);
    assert!(
        wrong.text().contains("SG0140") && wrong.text().contains("did you mean `staging`?"),
        "{}",
        wrong.text()
    );
}
