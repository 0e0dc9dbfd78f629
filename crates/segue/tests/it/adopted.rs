//! Tables that another program made, taken on by `adopt: true`: written as they are, never altered, never dropped.

use crate::support::{Done, Project};
use rusqlite::Connection;
use segue_testkit::postgres::{Postgres, USER};

const SQLITE: &str = "connection: shop\nkind: sqlite\npath: shop.db\n";

/// Orders that are served into a database.
fn shop(connection: &str, table: &str, write: &str) -> Project {
    let serving = format!(
        "asset: serving.orders\ncopy: {{ from: lake, table: raw.orders }}\ninto: {{ connection: shop, table: {table}, adopt: true }}\nwrite: {{ {write} }}\n"
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

/// A table with all that a copy of it would lose, and a row that nobody told us of.
const POSTGRES_TABLE: &str = "create role reader nologin;
    create schema app;
    create table app.orders (n int8 generated always as identity, id int8 primary key, code text not null unique,
        amount numeric(12, 2) check (amount >= 0), made_by text not null default current_user);
    create view app.large as select id, amount from app.orders where amount >= 20;
    create table app.lines (order_id int8 references app.orders deferrable initially deferred, line int4);
    grant select on app.orders to reader;
    insert into app.orders (id, code, amount) values (1, 'z', 1), (9, 'y', 99);
    insert into app.lines values (1, 1)";

fn postgres(server: &Postgres, database: &str, write: &str) -> Project {
    server.sql("postgres", &format!("create database {database}"));
    server.sql(
        database,
        &POSTGRES_TABLE.replace(
            "create role reader nologin;",
            "do $$ begin create role reader nologin; exception when duplicate_object or unique_violation then null; end $$;",
        ),
    );
    let connection = format!(
        "connection: shop\nkind: postgres\nhost: 127.0.0.1\nport: {}\ndatabase: {database}\nuser: {USER}\n",
        server.port()
    );
    shop(&connection, "app.orders", write)
}

/// The rows, and what else the table is.
fn state(server: &Postgres, database: &str) -> String {
    server.sql(
        database,
        "select string_agg(id || code || amount, ' ' order by id) || ' large: ' || (select count(*) from app.large) || ' rights: '
            || has_table_privilege('reader', 'app.orders', 'select') || ' rules: '
            || (select count(*) from pg_constraint where conrelid = 'app.orders'::regclass and contype in ('p', 'u', 'c'))
         from app.orders",
    )
}

#[test]
fn each_way_of_writing_keeps_what_the_table_is() {
    let server = Postgres::shared();
    for (mode, first, second) in [
        ("replace", "1a10.00 2b20.00", "1a11.00 3c30.00"),
        (
            "merge, key: [id]",
            "1a10.00 2b20.00 9y99.00",
            "1a11.00 2b20.00 3c30.00 9y99.00",
        ),
        (
            "delete_insert, key: [id]",
            "1a10.00 2b20.00 9y99.00",
            "1a11.00 2b20.00 3c30.00 9y99.00",
        ),
    ] {
        let database = format!("adopted_{}", mode.split(',').next().unwrap_or(mode));
        let project = postgres(&server, &database, &format!("mode: {mode}"));
        project.ok(&["check"]);
        project.ok(&["plan"]);
        let before = server.sql(&database, "select 'app.orders'::regclass::oid::text");
        project.ok(&["run"]);
        let large = |rows: &str| rows.split(' ').filter(|r| r.len() > 6 && !r.starts_with('1')).count();
        let expected = |rows: &str| format!("{rows} large: {} rights: true rules: 3", large(rows));
        assert_eq!(state(&server, &database), expected(first), "{mode}");
        project.write("data/orders.csv", "id,code,amount\n1,a,11\n3,c,30\n");
        project.ok(&["run"]);
        assert_eq!(state(&server, &database), expected(second), "{mode}");
        // What is given up leaves the table and its rows to whoever made it.
        project.ok(&["asset", "drop", "serving.orders", "--table-only", "--yes"]);
        assert_eq!(state(&server, &database), expected(second), "{mode}");
        assert_eq!(
            server.sql(&database, "select 'app.orders'::regclass::oid::text"),
            before,
            "{mode}"
        );
        assert_eq!(server.sql(&database, "select count(*) from app.lines"), "1", "{mode}");
    }
}

#[test]
fn rows_that_break_its_rules_are_set_aside_from_the_first_run_on() {
    let server = Postgres::shared();
    let write = "mode: merge, key: [id], on_violation: quarantine, max_violations: 80%";
    let project = postgres(&server, "adopted_aside", write);
    project.write("data/orders.csv", "id,code,amount\n1,a,10\n2,b,-1\n3,y,5\n4,d,40\n");
    project.ok(&["run"]);
    insta::assert_snapshot!(state(&server, "adopted_aside"), @"1a10.00 4d40.00 9y99.00 large: 2 rights: true rules: 3");
    let aside = project.sql("select \"row\", \"check\" from quarantine.\"serving.orders\" order by 1");
    insta::assert_snapshot!(aside.trim_end(), @r#"
    row,check
    "{""id"":2,""code"":""b"",""amount"":-1}",orders_amount_check
    "{""id"":3,""code"":""y"",""amount"":5}",orders_code_key
    "#);
}

#[test]
fn a_table_that_does_not_take_the_rows_is_left_as_it_is() {
    let server = Postgres::shared();
    let project = postgres(&server, "adopted_unfit", "mode: replace");
    server.sql("adopted_unfit", "alter table app.orders rename amount to price; create or replace view app.large as select id, price as amount from app.orders where price >= 20");
    let failed = project.segue(&["run"]).ended(7);
    assert!(
        failed.text().contains("SG0366") && failed.text().contains("it has no column `amount`"),
        "{}",
        failed.text()
    );
    assert_eq!(
        server.sql("adopted_unfit", "select count(*), sum(price) from app.orders"),
        "2|100.00"
    );
}

#[test]
fn a_replace_by_nothing_does_not_empty_it() {
    let server = Postgres::shared();
    let project = postgres(&server, "adopted_empty", "mode: replace");
    project.write("data/orders.csv", "id,code,amount\n");
    project.write(
        "assets/raw/orders.yaml",
        &project
            .read("assets/raw/orders.yaml")
            .replace("mode: replace,", "mode: replace, allow_empty: true,"),
    );
    let failed = project.segue(&["run"]).ended(7);
    assert!(failed.text().contains("would lose all its 2 rows"), "{}", failed.text());
    assert_eq!(server.sql("adopted_empty", "select count(*) from app.orders"), "2");
}

/// It is killed at each moment of the first commit: the state knows the asset, and the table is still another's.
#[test]
fn killed_in_the_first_commit_it_goes_on() {
    for fault in [
        "sql.staged:1:kill",
        "commit.prepared:1:kill",
        "commit.sql:1:kill",
        "commit.own:1:kill",
    ] {
        let project = shop(SQLITE, "orders", "mode: merge, key: [id]");
        let open = || Connection::open(project.file("shop.db")).expect("it opens");
        open()
            .execute_batch("create table orders (id integer primary key, code text unique, amount integer, note text default 'x'); insert into orders values (7, 'q', 70, 'mine')")
            .expect("it is made");
        project.ok(&["run", "raw.orders"]);
        let mut command = project.command(&["run", "serving.orders"]);
        let killed = Done::of(command.env("SEGUE_FAULT", fault).output().expect("it starts"));
        assert_eq!(killed.code, None, "{fault} did not kill it: {}", killed.text());
        project.ok(&["run"]);
        let rows: String = open()
            .query_row(
                "select group_concat(id || code || amount || note, ' ') from (select * from orders order by id)",
                [],
                |r| r.get(0),
            )
            .expect("an answer");
        assert_eq!(rows, "1a10x 2b20x 7q70mine", "{fault}");
    }
}

#[test]
fn a_table_of_another_asset_is_never_taken_on() {
    let project = shop(SQLITE, "orders", "mode: merge, key: [id]");
    project.ok(&["run"]);
    std::fs::remove_dir_all(project.file(".segue")).expect("the state is lost");
    let failed = project.segue(&["run", "serving.orders"]);
    assert!(
        failed.text().contains("state rebuild"),
        "what was committed there is known from the table alone: {}",
        failed.text()
    );
}
