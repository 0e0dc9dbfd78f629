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

/// What the last run of the step wrote.
fn written(project: &Project) -> String {
    let last = project.sql("select rows_written from system.steps order by started_at desc limit 1");
    last.lines().last().expect("a count").to_string()
}

/// Rows come as they are committed, each once; what is committed late, below the last value, too.
#[test]
fn a_table_is_read_onwards_by_a_column() {
    let server = Postgres::start(&["max_prepared_transactions=2"]);
    let project = shop(&server, "onwards");
    let asset = "asset: raw.orders\ncopy: { from: shop, table: public.orders, position: { column: at } }\nwrite: { mode: append }\n";
    project.write("assets/raw/orders.yaml", asset);
    project.ok(&["check"]);
    // A transaction that is open while the table is read.
    server.sql(
        "onwards",
        "begin; insert into orders values (3, 'late', 1, '2020-01-01Z'); prepare transaction 'late'",
    );
    project.ok(&["preview", "raw.orders"]);
    project.ok(&["run", "raw.orders"]);
    assert_eq!((orders(&project).lines().count(), written(&project)), (3, "2".into()));
    // Nothing is new, and nothing is committed.
    let commits = || project.sql("select count(*) from system.commits where state = 'committed'");
    let before = commits();
    project.ok(&["run", "raw.orders"]);
    assert_eq!(commits(), before);
    server.sql("onwards", "commit prepared 'late'");
    server.sql(
        "onwards",
        "insert into orders values (4, 'Bo', 2, '2024-02-29 23:30:00+02')",
    );
    project.ok(&["run", "raw.orders"]);
    assert_eq!(written(&project), "2");
    // A row that is changed is one more of an append.
    server.sql("onwards", "update orders set amount = 8 where id = 2");
    project.ok(&["run", "raw.orders"]);
    insta::assert_snapshot!(project.sql("select * from raw.orders order by id, amount"), @r"
    id,name,amount,at
    1,Ada,12.50,2024-02-29T21:30:00Z
    2,,7.00,
    2,,8.00,
    3,late,1.00,2020-01-01T00:00:00Z
    4,Bo,2.00,2024-02-29T21:30:00Z
    ");
    // Read anew, each is there as it is now.
    project.ok(&["run", "raw.orders", "--rebuild"]);
    assert_eq!((orders(&project).lines().count(), written(&project)), (5, "4".into()));
    server.sql("onwards", "insert into orders values (5, null, 3, null)");
    project.ok(&["run", "raw.orders"]);
    assert_eq!(written(&project), "1");
    // What was read is of that table: one that is made anew under its name is another.
    server.sql(
        "onwards",
        "create table fresh (like orders); drop table orders; alter table fresh rename to orders",
    );
    let failed = project.segue(&["run", "raw.orders"]);
    assert_eq!(failed.code, Some(5), "{}", failed.text());
    assert!(failed.text().contains("SG0371"), "{}", failed.text());
    assert_eq!(orders(&project).lines().count(), 6);
}

/// By the value alone, rows from so far below it come again, and are there once.
#[test]
fn a_view_is_read_onwards_with_a_lag_and_merged() {
    let server = Postgres::shared();
    let project = shop(&server, "lagging");
    server.sql(
        "lagging",
        "create view recent as select * from orders where at is not null",
    );
    let asset = |write: &str, lag: &str| {
        format!(
            "asset: raw.orders\ncopy: {{ from: shop, table: recent, position: {{ column: at{lag} }} }}\nwrite: {write}\n"
        )
    };
    project.write("assets/raw/orders.yaml", &asset("{ mode: merge, key: [id] }", ""));
    let failed = project.segue(&["run", "raw.orders"]);
    assert!(failed.text().contains("SG0372"), "{}", failed.text());
    project.write(
        "assets/raw/orders.yaml",
        &asset("{ mode: append, key: [id] }", ", lag: 1h"),
    );
    let failed = project.segue(&["check"]);
    assert!(failed.text().contains("SG0132"), "{}", failed.text());
    project.write(
        "assets/raw/orders.yaml",
        &asset("{ mode: merge, key: [id] }", ", lag: 1h"),
    );
    project.ok(&["run", "raw.orders"]);
    server.sql(
        "lagging",
        "insert into orders values (3, 'late', 3, '2024-02-29 20:30Z'), (4, 'too late', 4, '2024-02-29 20:29Z');
         update orders set amount = 99 where id = 1",
    );
    project.ok(&["run", "raw.orders"]);
    insta::assert_snapshot!(orders(&project), @r"
    id,name,amount,at
    1,Ada,99.00,2024-02-29T21:30:00Z
    3,late,3.00,2024-02-29T20:30:00Z
    ");
}

/// A large table, read for the first time, is killed on its way, and its server too: what was committed stays, and is not read again.
#[test]
fn a_first_read_goes_on_where_it_was_killed() {
    const ROWS: u64 = 320_000;
    let mut server = Postgres::start(&[]);
    let mut project = shop(&server, "resumes");
    // Bytes that no compression makes smaller, so that a commit comes on the way.
    server.sql(
        "resumes",
        &format!(
            "truncate orders; alter table orders add pad bytea;
             insert into orders select n, 'x', n, null, (select string_agg(sha512((n || '-' || k)::text::bytea), '') from generate_series(1, 10) k)
             from generate_series(1, {ROWS}) n"
        ),
    );
    let asset = "asset: raw.orders\ncopy: { from: shop, table: public.orders, position: { column: id, resume: key } }\nwrite: { mode: merge, key: [id] }\n";
    project.write("assets/raw/orders.yaml", asset);
    project.ok(&["check"]);
    // The state knows of the first commit once there is a second.
    project.set("SEGUE_FAULT", "commit.own:2:kill");
    let killed = project.segue(&["run", "raw.orders"]);
    assert_eq!(killed.code, None, "it was to be killed: {}", killed.text());
    project.set("SEGUE_FAULT", "");
    server.kill();
    server.run();
    // What changes meanwhile, before and behind what is there.
    server.sql(
        "resumes",
        &format!("update orders set name = 'other' where id in (7, {ROWS}); insert into orders values (0, 'new', 1, null), ({ROWS} + 1, 'new', 1, null); delete from orders where id = {ROWS} - 1"),
    );
    let status = project.ok(&["status"]);
    assert!(status.contains("its first read was cut off"), "{status}");
    let why = project.ok(&["why", "raw.orders"]);
    assert!(why.contains(" parts are there, up to id = "), "{why}");
    assert!(project.ok(&["plan"]).contains("its first read was cut off"));
    let count = |sql: &str| -> u64 {
        project
            .sql(sql)
            .lines()
            .last()
            .expect("a count")
            .parse()
            .expect("a number")
    };
    let there = count("select count(*) from raw.orders");
    // All of them, where the second commit was so late that it took them: it does not say that the read is at its end.
    assert!((2..=ROWS).contains(&there), "{there} rows");
    // What is deleted there stays here where it was read before, and does not come otherwise.
    let deleted = format!("select count(*) from raw.orders where id = {ROWS} - 1");
    let was_read = count(&deleted);
    let done = project.segue(&["run", "raw.orders"]).ok().text();
    assert!(done.contains("it goes on from there"), "{done}");
    let came = count("select rows_in from system.steps order by started_at desc limit 1");
    assert!(came < ROWS - there / 2, "{came} rows came, and {there} were there");
    let status = project.ok(&["status"]);
    assert!(!status.contains("cut off"), "{status}");
    let asked = "select count(*), sum(id), sum(case when name = 'x' then 1 else 0 end) from";
    let here = project.sql(&format!("{asked} raw.orders where id <> {ROWS} - 1"));
    assert_eq!(
        here.lines().last().map(|line| line.replace(',', "|")),
        Some(server.sql("resumes", &format!("{asked} orders")))
    );
    assert_eq!(count(&deleted), was_read);
    // From here on it is read as every other.
    server.sql("resumes", "insert into orders values (-1, 'late', 1, null)");
    project.ok(&["run", "raw.orders"]);
    assert_eq!(written(&project), "1");
}

/// What `cargo xtask bench move` measures, small: every value of every row is the server's.
#[test]
fn a_table_of_numbers_dates_and_texts_arrives_value_by_value() {
    const ROWS: &str = "
        select i / 4 as orderkey, i * 7919 % 200000 as partkey, (i % 4)::int as linenumber, (i % 50 + 1)::numeric(15, 2) as quantity,
            (i * 104729 % 10494950 / 100.0)::numeric(15, 2) as price, (-i / 3.0)::numeric(38, 10) as exact, (i % 3)::text::char(1) as flag,
            date '1992-01-02' + (i % 2526)::int as day, case i % 4 when 0 then 'TRUCK' else 'REG AIR' end::char(10) as mode,
            case when i % 11 > 0 then repeat('furiously final deposits ', (i % 3)::int) || i end as comment
        from generate_series(1::bigint, 20000) i";
    let server = Postgres::shared();
    let project = shop(&server, "each_value");
    server.sql(
        "each_value",
        &format!("drop table orders; create table orders as {ROWS}"),
    );
    project.ok(&["run", "raw.orders"]);
    let question = |mode: &str, from: &str| {
        let texts = [
            "orderkey",
            "partkey",
            "linenumber",
            "quantity",
            "price",
            "exact",
            "flag",
            "day",
            mode,
            "comment",
        ];
        let texts = texts.map(|column| format!("coalesce(cast({column} as varchar), '~')"));
        format!(
            "select count(*) || ' ' || sum(orderkey) || ' ' || sum(price) || ' ' || sum(exact) || ' ' ||
                 md5(string_agg({}, ',' order by orderkey, linenumber)) from {from}",
            texts.join(" || '|' || ")
        )
    };
    // To the server, a cast takes the blanks away that it sends.
    let there = server.sql("each_value", &question("concat(mode)", "orders"));
    let here = project.sql(&question("mode", "raw.orders"));
    assert_eq!(here.lines().last(), Some(there.as_str()));
    assert!(there.starts_with("20000 "), "{there}");
}
