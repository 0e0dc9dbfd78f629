//! A PostgreSQL server whose disk is full, with the program as it is typed: it says whose disk, the table is as before, and a run after space was made
//! goes on.

use crate::support::{Done, Project};
use segue_testkit::postgres::{Postgres, USER};

/// Longer than any file of an empty server.
const ROOM: u64 = 1_500_000;

fn connection(name: &str, server: &Postgres, database: &str) -> String {
    format!(
        "connection: {name}\nkind: postgres\nhost: 127.0.0.1\nport: {}\ndatabase: {database}\nuser: {USER}\n",
        server.port()
    )
}

/// Orders in a database, read onwards into this server.
fn project(from: &Postgres, database: &str, to: &Postgres) -> Project {
    from.sql("postgres", &format!("create database {database}"));
    from.sql(database, "create table orders (id int8 primary key, note text)");
    add(from, database, "1, 10");
    let project = Project::empty();
    project.ok(&["init", "."]);
    project.write("connections/shop.yaml", &connection("shop", from, database));
    project.write("connections/out.yaml", &connection("out", to, "postgres"));
    project.write(
        "assets/serving/orders.yaml",
        "asset: serving.orders\ncopy: { from: shop, table: public.orders, position: { column: id } }\ninto: { connection: out, table: orders }\nwrite: { mode: append }\n",
    );
    project
}

fn add(server: &Postgres, database: &str, range: &str) {
    server.sql(
        database,
        &format!("insert into orders select n, repeat('x', 360) from generate_series({range}) n"),
    );
}

fn rows(server: &Postgres) -> String {
    server.sql(
        "postgres",
        "select count(*), coalesce(sum(id), 0), count(distinct id) from orders",
    )
}

fn staged(server: &Postgres) -> String {
    server.sql("postgres", r"select count(*) from pg_class where relkind = 'r' and relname like '\_segue\_%' and relname not in ('_segue_heads', '_segue_commits')")
}

/// The run ended for a reason that may pass, and said whose disk it is.
#[track_caller]
fn is_full(run: &Done) {
    let text = run.text();
    assert_eq!(run.code, Some(6), "{text}");
    assert!(
        text.contains("SG0386") && text.contains("the database server's own disk"),
        "{text}"
    );
}

#[test]
fn a_full_disk_at_the_server_is_named_and_a_run_after_it_goes_on() {
    let (from, to) = (Postgres::shared(), Postgres::start_with_log_files_of(1));
    let project = project(&from, "disk_from", &to);
    project.ok(&["run"]);
    assert_eq!(rows(&to), "10|55|10");
    // While rows are staged.
    add(&from, "disk_from", "11, 5000");
    to.limit_files(Some(ROOM));
    is_full(&project.segue(&["run"]));
    assert_eq!((rows(&to), staged(&to)), ("10|55|10".into(), "0".into()));
    to.limit_files(None);
    project.ok(&["run"]);
    assert_eq!((rows(&to), staged(&to)), ("5000|12502500|5000".into(), "0".into()));
    // While they go into the table, which is longer than the disk takes already.
    add(&from, "disk_from", "5001, 6000");
    to.limit_files(Some(ROOM));
    is_full(&project.segue(&["run"]));
    assert_eq!((rows(&to), staged(&to)), ("5000|12502500|5000".into(), "1".into()));
    is_full(&project.segue(&["run"]));
    to.limit_files(None);
    // What lies ready is not asked for again.
    from.sql("disk_from", "alter table orders rename to away");
    let said = project.segue(&["run"]).text();
    assert_eq!(
        (rows(&to), staged(&to)),
        ("6000|18003000|6000".into(), "0".into()),
        "{said}"
    );
    from.sql("disk_from", "alter table away rename to orders");
    project.ok(&["run"]);
    assert_eq!((rows(&to), staged(&to)), ("6000|18003000|6000".into(), "0".into()));
}

#[test]
fn a_server_that_has_no_room_for_its_log_has_all_of_a_commit_or_nothing() {
    let (from, mut to) = (Postgres::shared(), Postgres::start_with_log_files_of(4));
    let project = project(&from, "log_from", &to);
    project.ok(&["run"]);
    for round in 1..=2 {
        add(&from, "log_from", &format!("{}, {}", round * 10 + 1, round * 10 + 10));
        to.fill_log(4);
        to.limit_files(Some(ROOM));
        let run = project.segue(&["run"]);
        // The server stops: later tries of the run meet nobody.
        let text = run.text();
        assert_eq!(run.code, Some(6), "{text}");
        assert!(text.contains("SG0386") || text.contains("SG0361"), "{text}");
        to.kill();
        to.run();
        let before = round * 10;
        assert_eq!(rows(&to), format!("{before}|{}|{before}", before * (before + 1) / 2));
        project.ok(&["run"]);
        let after = round * 10 + 10;
        assert_eq!(rows(&to), format!("{after}|{}|{after}", after * (after + 1) / 2));
        assert_eq!(staged(&to), "0");
    }
}
