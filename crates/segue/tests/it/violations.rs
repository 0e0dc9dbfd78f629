//! Rows that a table of somebody else's does not let in: set aside with the rule that they break, as a person sees it.

use crate::support::{Done, Project};
use rusqlite::Connection;
use segue_testkit::postgres::{Postgres, USER};

/// Orders that are served into a database.
fn shop(connection: &str, write: &str) -> Project {
    let serving = format!(
        "asset: serving.orders\ncopy: {{ from: lake, table: raw.orders }}\ninto: {{ connection: shop, table: orders }}\nwrite: {{ {write} }}\n"
    );
    Project::with(&[
        ("segue.yaml", "format: 1\nproject: shop\n"),
        ("data/orders.csv", "id,code,amount\n1,a,10\n2,b,20\n"),
        ("connections/shop.yaml", connection),
        (
            "assets/raw/orders.yaml",
            "asset: raw.orders\ncopy:\n  from: files\n  path: data/orders.csv\n  columns: { id: { type: int64, required: true }, code: { type: string }, amount: { type: int64 } }\nwrite: { mode: replace, key: [id] }\n",
        ),
        ("assets/serving/orders.yaml", &serving),
    ])
}

/// What another program puts on the table once it is there.
const SQLITE_RULES: &str = "create unique index one_code on orders (code);
    create trigger paid before insert on orders when new.amount < 0 begin select raise(abort, 'it is not paid'); end";
const POSTGRES_RULES: &str =
    "create unique index one_code on orders (code); alter table orders add constraint paid check (amount >= 0)";
const MORE: &str = "id,code,amount\n1,a,10\n2,b,20\n3,c,-1\n4,a,5\n5,e,1\n";
const MERGE: &str = "mode: merge, key: [id], on_violation: quarantine, max_violations: 60%";
const SQLITE: &str = "connection: shop\nkind: sqlite\npath: shop.db\n";

fn sqlite(project: &Project) -> Connection {
    Connection::open(project.file("shop.db")).expect("it opens")
}

fn served(project: &Project) -> String {
    let all = "select coalesce(group_concat(id || code || amount, ' '), '') from (select * from orders order by id)";
    sqlite(project).query_row(all, [], |r| r.get(0)).expect("an answer")
}

/// What is set aside: id, and why.
fn aside(project: &Project) -> String {
    let told = project.sql("select \"row\", reason, \"check\", path from quarantine.\"serving.orders\" order by 1");
    told.lines().skip(1).collect::<Vec<_>>().join("\n")
}

fn made(write: &str) -> Project {
    let project = shop(SQLITE, write);
    project.ok(&["run"]);
    sqlite(&project)
        .execute_batch(SQLITE_RULES)
        .expect("they are put on it");
    project.write("data/orders.csv", MORE);
    project
}

#[test]
fn rows_that_break_a_rule_are_set_aside_and_the_others_are_served() {
    let project = made(MERGE);
    project.ok(&["check"]);
    project.ok(&["run"]);
    let counted = project.sql("select rows_quarantined from system.steps where asset = 'serving.orders'");
    assert_eq!(counted.lines().last(), Some("2"));
    assert_eq!(served(&project), "1a10 2b20 5e1");
    insta::assert_snapshot!(aside(&project), @r#"
    "{""id"":3,""code"":""c"",""amount"":-1}",the table refuses it: it is not paid,,
    "{""id"":4,""code"":""a"",""amount"":5}",it breaks `one_code` of the table: another row has the same value,one_code,code
    "#);
    let listed = project.ok(&["quarantine", "list"]);
    assert!(
        listed.contains("serving.orders") && listed.contains("one_code"),
        "{listed}"
    );
    // The same again is no commit; what is put right is served, and its row is no longer aside.
    let commits =
        || project.sql("select count(*) from system.commits where asset = 'serving.orders' and state = 'committed'");
    let before = commits();
    project.ok(&["run"]);
    assert_eq!(commits(), before);
    sqlite(&project)
        .execute_batch("drop trigger paid")
        .expect("it is dropped");
    project.edit("data/orders.csv", "4,a,5", "4,d,5");
    project.edit("data/orders.csv", "2,b,20", "2,e,20");
    project.edit("data/orders.csv", "5,e,1", "5,b,1");
    project.ok(&["run"]);
    assert_eq!(
        served(&project),
        "1a10 2e20 3c-1 4d5 5b1",
        "two of them have changed places"
    );
    assert_eq!(aside(&project), "");
}

#[test]
fn too_many_rows_are_a_mistake_and_no_data() {
    let project = made("mode: merge, key: [id], on_violation: quarantine");
    let failed = project.segue(&["run"]).ended(7);
    assert!(
        failed.text().contains("SG0376")
            && failed
                .text()
                .contains("2 of the 5 rows for serving.orders break rules of its table: 40% of 5"),
        "{}",
        failed.text()
    );
    assert_eq!(served(&project), "1a10 2b20");
    assert_eq!(aside(&project).lines().count(), 2, "they are kept as evidence");
    // Without the setting the first of them fails the step.
    let project = made("mode: merge, key: [id]");
    let failed = project.segue(&["run"]).ended(7);
    assert!(failed.text().contains("SG0358"), "{}", failed.text());
}

/// It is killed at each moment from staging on, once and twice.
#[test]
fn rows_and_quarantine_are_committed_once_whenever_it_is_killed() {
    for fault in [
        "sql.staged:1:kill",
        "sql.staged:2:kill",
        "lake.staged:1:kill",
        "commit.prepared:1:kill",
        "commit.sql:1:kill",
        "commit.own:1:kill",
        "commit.companion:1:kill",
        "commit.marked:1:kill",
    ] {
        let project = made(MERGE);
        project.ok(&["run", "raw.orders"]);
        let mut command = project.command(&["run", "serving.orders"]);
        let done = Done::of(command.env("SEGUE_FAULT", fault).output().expect("the binary starts"));
        assert_eq!(done.code, None, "{fault} did not kill it: {}", done.text());
        let after = served(&project);
        assert!(
            ["1a10 2b20", "1a10 2b20 5e1"].contains(&after.as_str()),
            "{fault}: {after}"
        );
        project.ok(&["run", "serving.orders"]);
        assert_eq!(served(&project), "1a10 2b20 5e1", "{fault}");
        assert_eq!(aside(&project).lines().count(), 2, "{fault}");
    }
}

#[test]
fn rows_that_break_a_rule_of_a_table_in_postgres_are_set_aside() {
    let server = Postgres::shared();
    server.sql("postgres", "create database violations");
    let connection = format!(
        "connection: shop\nkind: postgres\nhost: 127.0.0.1\nport: {}\ndatabase: violations\nuser: {USER}\n",
        server.port()
    );
    let project = shop(&connection, MERGE);
    project.ok(&["run"]);
    server.sql("violations", POSTGRES_RULES);
    project.write("data/orders.csv", MORE);
    project.ok(&["run"]);
    let served = || {
        server.sql(
            "violations",
            "select string_agg(id || code || amount, ' ' order by id) from orders",
        )
    };
    assert_eq!(served(), "1a10 2b20 5e1");
    insta::assert_snapshot!(aside(&project), @r#"
    "{""id"":3,""code"":""c"",""amount"":-1}",it breaks `paid` of the table: its condition does not hold (SQLSTATE 23514),paid,amount
    "{""id"":4,""code"":""a"",""amount"":5}",it breaks `one_code` of the table: another row has the same value (SQLSTATE 23505),one_code,code
    "#);
    // Killed between the two, and it goes on. Two of them change places.
    project.edit("data/orders.csv", "2,b,20", "2,e,20");
    project.edit("data/orders.csv", "5,e,1", "5,b,1");
    project.edit("data/orders.csv", "4,a,5", "4,a,-5");
    let mut command = project.command(&["run"]);
    let done = Done::of(
        command
            .env("SEGUE_FAULT", "commit.sql:1:kill")
            .output()
            .expect("the binary starts"),
    );
    assert_eq!(done.code, None, "{}", done.text());
    project.ok(&["run"]);
    assert_eq!(served(), "1a10 2e20 5b1");
    insta::assert_snapshot!(aside(&project), @r#"
    "{""id"":3,""code"":""c"",""amount"":-1}",it breaks `paid` of the table: its condition does not hold (SQLSTATE 23514),paid,amount
    "{""id"":4,""code"":""a"",""amount"":-5}",it breaks `paid` of the table: its condition does not hold (SQLSTATE 23514),paid,amount
    "#);
}
