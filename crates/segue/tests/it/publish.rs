//! Into a real PostgreSQL, with the program as it is typed: from the lake, and from other systems without passing through it.

use crate::support::{Project, Server};
use rusqlite::Connection;
use segue_demo::Options;
use segue_testkit::postgres::{Postgres, USER};
use std::time::Duration;

fn connection(name: &str, server: &Postgres, database: &str) -> String {
    format!(
        "connection: {name}\nkind: postgres\nhost: 127.0.0.1\nport: {}\ndatabase: {database}\nuser: {USER}\n",
        server.port()
    )
}

fn new_database(server: &Postgres, name: &str) {
    server.sql("postgres", &format!("create database {name}"));
}

#[test]
fn the_music_project_publishes_to_postgres_by_another_connection() {
    let server = Postgres::shared();
    new_database(&server, "music");
    let standin = Server::start(Options::default());
    let project = Project::music(&standin);
    project.ok(&["run"]);
    let other = Project::music(&standin);
    other.write("connections/results.yaml", &connection("results", &server, "music"));
    other.ok(&["check"]);
    other.ok(&["run"]);
    // Counts and checksums of what both databases hold.
    let sqlite = Connection::open(project.file("results.db")).expect("the database is there");
    let of_sqlite = |sql: &str| -> String { sqlite.query_row(sql, [], |r| r.get(0)).expect("an answer") };
    let related = "sum(rank) || ' ' || count(*) || ' ' || count(distinct artist_id)";
    assert_eq!(
        server.sql("music", &format!("select {related} from related_artists")),
        of_sqlite(&format!("select {related} from related_artists"))
    );
    let mut rows = sqlite
        .prepare("select artist_id, related_id, rank, distance from related_artists order by 1, 3")
        .expect("the table is there");
    let rows = rows.query_map([], |r| {
        Ok(format!(
            "{}|{}|{}|{}",
            r.get::<_, String>(0)?,
            r.get::<_, String>(1)?,
            r.get::<_, i64>(2)?,
            r.get::<_, f64>(3)?
        ))
    });
    let rows: Vec<String> = rows.expect("rows").map(|r| r.expect("a row")).collect();
    let found = server.sql(
        "music",
        "select artist_id, related_id, rank, distance from related_artists order by artist_id collate \"C\", rank",
    );
    let found: Vec<String> = found.lines().map(str::to_string).collect();
    assert_eq!(found.len(), rows.len());
    for (found, row) in found.iter().zip(&rows) {
        let split = |line: &str| {
            let (before, distance) = line.rsplit_once('|').expect("a distance");
            (before.to_string(), distance.parse::<f64>().expect("a number").to_bits())
        };
        assert_eq!(split(found), split(row), "to the last bit");
    }
    let artists = |count: String| count;
    assert_eq!(
        artists(server.sql("music", "select count(*) from artists")),
        of_sqlite("select cast(count(*) as text) from artists")
    );
    // Again is nothing, and status says that it is fresh.
    let commits = || server.sql("music", "select count(*) from _segue_commits");
    let before = commits();
    other.ok(&["run"]);
    assert_eq!(commits(), before);
    // A state that is lost is found again in the target.
    std::fs::remove_dir_all(other.file(".segue")).expect("the state is there");
    other.ok(&["state", "rebuild"]);
    other.ok(&["run"]);
    assert_eq!(
        server.sql("music", "select count(*) from related_artists"),
        rows.len().to_string()
    );
}

/// A table at one server, and a project that copies it to another database without passing through the lake.
fn direct(server: &Postgres, from: &str, to: &str, into: &str) -> Project {
    new_database(server, from);
    server.sql(
        from,
        "create table orders (id int8 primary key, note text, sum numeric(12, 2), tags text[], at timestamptz, checksum text)",
    );
    let project = Project::empty();
    project.ok(&["init", "."]);
    project.write("connections/shop.yaml", &connection("shop", server, from));
    project.write("connections/out.yaml", into);
    project.write(
        "assets/serving/orders.yaml",
        &format!("asset: serving.orders\ncopy: {{ from: shop, table: public.orders }}\ninto: {{ connection: out, table: {to} }}\nwrite: {{ mode: replace, key: [id] }}\n"),
    );
    project
}

const ROWS: &str = "insert into orders select n, 'note ' || n, n / 7.0, array['a', null, 'b' || n], timestamptz '2024-02-29 12:00+00' + n * interval '1 second',
    md5(n || ':' || 'note ' || n) from generate_series(%) n";

fn some(range: &str) -> String {
    ROWS.replace('%', range)
}

#[test]
fn a_table_goes_from_postgres_to_postgres_and_sqlite_without_the_lake() {
    let server = Postgres::shared();
    new_database(&server, "direct_to");
    let project = direct(
        &server,
        "direct_from",
        "orders",
        &connection("out", &server, "direct_to"),
    );
    server.sql("direct_from", &some("1, 20000"));
    project.ok(&["run"]);
    assert!(!project.file("lake/serving").exists(), "the lake has nothing of it");
    let sums = "select count(*), sum(id), sum(sum), min(at), max(at), sum(cardinality(tags)), count(*) filter (where checksum = md5(id || ':' || note)) from orders";
    assert_eq!(server.sql("direct_to", sums), server.sql("direct_from", sums));
    let types = "select string_agg(format_type(atttypid, atttypmod), ', ' order by attnum) from pg_attribute where attrelid = 'orders'::regclass and attnum > 0";
    assert_eq!(server.sql("direct_to", types), server.sql("direct_from", types));
    let commits = || server.sql("direct_to", "select count(*) from _segue_commits");
    let before = commits();
    project.ok(&["run"]);
    assert_eq!(commits(), before, "the same again is no commit");
    server.sql(
        "direct_from",
        "update orders set note = 'x', checksum = md5(id || ':x') where id = 7; delete from orders where id = 8",
    );
    project.ok(&["run"]);
    assert_eq!(server.sql("direct_to", sums), server.sql("direct_from", sums));

    let other = direct(
        &server,
        "direct_sqlite",
        "orders",
        "connection: out\nkind: sqlite\npath: ./out.db\n",
    );
    server.sql("direct_sqlite", &some("1, 500"));
    other.ok(&["run"]);
    let db = Connection::open(other.file("out.db")).expect("the database is there");
    let (count, sum): (i64, i64) = db
        .query_row("select count(*), sum(id) from orders", [], |r| {
            Ok((r.get(0)?, r.get(1)?))
        })
        .expect("an answer");
    assert_eq!((count, sum), (500, 125_250));
}

/// The program is killed at each boundary that a commit to a database meets, and at moments that nobody chose; each time the next run finishes it:
/// every row once, each as it went.
#[test]
fn a_kill_at_any_moment_loses_and_doubles_nothing() {
    let server = Postgres::shared();
    new_database(&server, "killed_to");
    let project = direct(
        &server,
        "killed_from",
        "orders",
        &connection("out", &server, "killed_to"),
    );
    project.edit("assets/serving/orders.yaml", "mode: replace", "mode: merge");
    let (mut next, mut killed) = (1, 0);
    let mut round = |how: &dyn Fn() -> bool| {
        server.sql("killed_from", &some(&format!("{next}, {}", next + 999)));
        server.sql(
            "killed_from",
            &format!(
                "update orders set note = 'changed {next}', checksum = md5(id || ':changed {next}') where id % 7 = 0"
            ),
        );
        next += 1000;
        killed += usize::from(how());
        project.ok(&["run"]);
        let wrong = "select count(*), count(distinct id), sum(id), count(*) filter (where checksum <> md5(id || ':' || note)) from orders";
        assert_eq!(server.sql("killed_to", wrong), server.sql("killed_from", wrong));
        let left = server.sql("killed_to", r"select count(*) from pg_class where relkind = 'r' and relname like '\_segue\_%' and relname not in ('_segue_heads', '_segue_commits')");
        assert_eq!(left, "0", "what was staged is gone");
    };
    for boundary in [
        "sql.staged",
        "commit.prepared",
        "commit.sql",
        "commit.own",
        "commit.marked",
        "step.ended",
    ] {
        round(&|| {
            let mut command = project.command(&["run"]);
            let status = command
                .env("SEGUE_FAULT", format!("{boundary}:1:kill"))
                .output()
                .expect("it starts")
                .status;
            assert!(!status.success(), "{boundary} was not met");
            true
        });
    }
    for at in 0..6 {
        round(&|| {
            let mut child = project.start(&["run"]);
            std::thread::sleep(Duration::from_millis(40 + 60 * at));
            let killed = child.try_wait().expect("it can be asked").is_none();
            child.kill().expect("it can be killed");
            child.wait().expect("it ends");
            killed
        });
    }
    assert!(killed > 6, "none was killed at a moment that nobody chose");
}
