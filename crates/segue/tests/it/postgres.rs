//! From a real PostgreSQL into the lake, with the program as it is typed.

use crate::support::Project;
use segue_testkit::postgres::{Postgres, USER};
use serde_json::Value;

const ASSET: &str = "asset: raw.orders\ncopy: { from: shop, table: public.orders, on_new_column: evolve }\n";

/// A project that copies orders of a server, which has some.
fn shop(server: &Postgres, database: &str) -> Project {
    server.sql("postgres", &format!("create database {database}"));
    server.sql(
        database,
        "create table orders (id int8 primary key, name text, amount numeric(10, 2) not null, at timestamptz);
         insert into orders values (1, 'Ada', 12.5, '2024-02-29 23:30:00+02'), (2, null, 7, null)",
    );
    let project = Project::empty();
    project.ok(&["init", "."]);
    let connection = format!(
        "connection: shop\nkind: postgres\nhost: 127.0.0.1\nport: {}\ndatabase: {database}\nuser: {USER}\n",
        server.port()
    );
    project.write("connections/shop.yaml", &connection);
    project.write("assets/raw/orders.yaml", ASSET);
    project
}

fn orders(project: &Project) -> String {
    let lines = project.sql("select * from raw.orders order by id");
    lines.lines().collect::<Vec<_>>().join("\n")
}

#[test]
fn a_table_is_copied_and_follows_what_happens_to_it() {
    let server = Postgres::shared();
    let project = shop(&server, "follows");
    let said = project.ok(&["connection", "test", "shop"]);
    assert!(said.contains("PostgreSQL 1"), "{said}");
    project.ok(&["check"]);
    project.ok(&["preview", "raw.orders"]);
    project.ok(&["run", "raw.orders"]);
    insta::assert_snapshot!(orders(&project), @r"
    id,name,amount,at
    1,Ada,12.50,2024-02-29T21:30:00Z
    2,,7.00,
    ");
    // The same again is no commit.
    let commits =
        || project.sql("select count(*) from system.commits where asset = 'raw.orders' and state = 'committed'");
    let before = commits();
    project.ok(&["run", "raw.orders"]);
    assert_eq!(commits(), before);
    // Rows come, change and go, and a column is new.
    server.sql(
        "follows",
        "alter table orders add note text; update orders set note = 'late' where id = 1; delete from orders where id = 2;
         insert into orders values (3, 'Bo', 0.01, null, 'x')",
    );
    project.ok(&["run", "raw.orders"]);
    insta::assert_snapshot!(orders(&project), @r"
    id,name,amount,at,note
    1,Ada,12.50,2024-02-29T21:30:00Z,late
    3,Bo,0.01,,x
    ");
    // What is gone is said, and the lake keeps what it has.
    server.sql("follows", "alter table orders rename to orderz");
    let failed = project.segue(&["run", "raw.orders"]);
    assert_eq!(failed.code, Some(4), "{}", failed.text());
    assert!(failed.text().contains("SG0364"), "{}", failed.text());
    assert_eq!(orders(&project).lines().count(), 3);
}

#[test]
fn a_value_that_has_no_place_is_set_aside_with_its_row() {
    let server = Postgres::shared();
    let project = shop(&server, "aside");
    server.sql("aside", "update orders set at = 'infinity' where id = 1");
    project.ok(&["run", "raw.orders"]);
    assert_eq!(orders(&project).lines().count(), 2);
    let aside: Value =
        serde_json::from_str(&project.ok(&["--json", "quarantine", "show", "raw.orders"])).expect("JSON");
    let text = aside.to_string();
    assert!(
        text.contains("expected timestamp, found infinity") && text.contains("Ada"),
        "{text}"
    );
}

/// It stops in the middle of a read, again and again, and what is there is never half a table.
#[test]
fn a_server_that_dies_while_it_is_read_costs_no_row() {
    let mut server = Postgres::start(&[]);
    let project = shop(&server, "dies");
    project.ok(&["run", "raw.orders"]);
    server.sql(
        "dies",
        "truncate orders; insert into orders select n, repeat('x', 900), n, null from generate_series(1, 60000) n",
    );
    for wait in [50, 300] {
        let run = project.start(&["run", "raw.orders"]);
        // Waiting is what this test is about.
        std::thread::sleep(std::time::Duration::from_millis(wait));
        server.kill();
        let ended = crate::support::Done::of(run.wait_with_output().expect("it ends"));
        let rows = project.sql("select count(*) from raw.orders");
        let rows = rows.lines().last().expect("a count");
        assert!(["2", "60000"].contains(&rows), "after {wait} ms: {rows}");
        let is_whole = ended.code != Some(0) || rows == "60000";
        assert!(is_whole, "after {wait} ms: {}", ended.text());
        server.run();
    }
    project.ok(&["run", "raw.orders"]);
    assert_eq!(
        project
            .sql("select count(*), sum(amount) from raw.orders")
            .lines()
            .last(),
        Some("60000,1800030000.00")
    );
}
