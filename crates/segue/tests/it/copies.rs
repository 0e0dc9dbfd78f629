//! `segue copy` with no project: what is there once stays there once, whatever happens between.

use crate::support::{Done, Project};
use segue_testkit::postgres::{LOGIN, Postgres, USER};
use serde_json::Value;

const ORDERS: &str = "create table orders (id int8 primary key, name text, amount numeric(10, 2));
    insert into orders values (1, 'Ada', 12.5), (2, null, 7);
    create table items (id int4, at timestamptz);
    insert into items values (1, '2024-02-29 23:30:00+02'), (2, null);
    create table empty (id int4 primary key, at date);
    create table logs (line text); insert into logs values ('x')";

/// A database in which this was done, and a folder to work in, with the database's address.
pub fn shop(server: &Postgres, database: &str, sql: &str) -> (Project, String) {
    server.sql("postgres", &format!("create database {database}"));
    server.sql(database, sql);
    let mut project = Project::empty();
    // The state of a copy into a database is this user's.
    let home = project.file("home").to_string_lossy().into_owned();
    project.set("HOME", &home);
    (
        project,
        format!("postgres://{USER}@127.0.0.1:{}/{database}", server.port()),
    )
}

/// The answer of a project that takes this lake over: `segue state rebuild` reads from the tables whose they are.
fn lake_sql(project: &Project, statement: &str) -> String {
    project.write(
        "reader/segue.yaml",
        "format: 1\nproject: reader\nenvironments: { dev: { lake: ../lake } }\n",
    );
    project.ok(&["-C", "reader", "state", "rebuild"]);
    let answer = project.ok(&["-C", "reader", "sql", "--format", "csv", statement]);
    std::fs::remove_dir_all(project.file("reader")).expect("it is there");
    answer.replace("\r\n", "\n")
}

/// How each table ended, and how many of its rows are otherwise now.
pub fn changed(done: &Done) -> Vec<String> {
    let told: Value = serde_json::from_str(&done.out).expect("JSON");
    let steps = told["steps"].as_array().expect("steps").iter();
    let mut all: Vec<String> = steps
        .map(|s| format!("{} {} {}", s["asset"], s["outcome"], s["figures"]["rows_changed"]).replace('"', ""))
        .collect();
    all.sort();
    all
}

#[test]
fn a_database_becomes_a_lake_and_follows_it() {
    let server = Postgres::shared();
    let (project, from) = shop(&server, "copy_lake", ORDERS);
    let copy = |more: &[&str]| {
        let words = [
            "--json", "copy", &from, "./lake", "--tables", "public.*", "--except", "logs",
        ];
        project.segue(&[&words[..], more].concat())
    };
    assert_eq!(
        changed(&copy(&[]).ok()),
        ["public.empty done 0", "public.items done 2", "public.orders done 2"]
    );
    insta::assert_snapshot!(lake_sql(&project, "select * from public.orders order by id"), @r"
    id,name,amount
    1,Ada,12.50
    2,,7.00
    ");
    // Once more changes nothing.
    assert_eq!(
        changed(&copy(&[]).ok()),
        ["public.empty done 0", "public.items done 0", "public.orders done 0"]
    );
    // A state that is lost is read from the lake.
    std::fs::remove_dir_all(project.file("lake/.segue")).expect("the state is there");
    assert_eq!(
        changed(&copy(&[]).ok()),
        ["public.empty done 0", "public.items done 0", "public.orders done 0"]
    );
    // What happens there happens here; a table that is gone is told and kept.
    server.sql(
        "copy_lake",
        "update orders set amount = 1 where id = 2; insert into orders values (3, 'Bo', 2); alter table orders add note text; drop table items",
    );
    let done = copy(&[]).ok();
    assert_eq!(changed(&done), ["public.empty done 0", "public.orders done 3"]);
    assert!(done.err.contains("public.items is no longer there"), "{}", done.err);
    insta::assert_snapshot!(lake_sql(&project, "select * from public.orders order by id"), @r"
    id,name,amount,note
    1,Ada,12.50,
    2,,1.00,
    3,Bo,2.00,
    ");
    assert_eq!(lake_sql(&project, "select count(*) from public.items"), "count(*)\n2\n");
    // An empty table takes no other's place, unless that is said.
    server.sql("copy_lake", "truncate orders");
    let refused = copy(&[]).ended(7);
    assert!(refused.out.contains("--allow-empty"), "{}", refused.text());
    assert_eq!(
        changed(&copy(&["--allow-empty"]).ok()),
        ["public.empty done 0", "public.orders done 3"]
    );
    assert_eq!(lake_sql(&project, "select id, at from public.empty"), "id,at\n");
}

#[test]
fn what_is_said_of_a_copy_is_what_a_run_says() {
    let server = Postgres::shared();
    let (project, from) = shop(&server, "copy_said", ORDERS);
    server.sql("copy_said", "insert into items values (3, 'infinity')");
    let done = project
        .segue(&["copy", &from, "./lake", "--tables", "items", "--into-schema", "raw"])
        .ok();
    assert!(
        done.out.contains("raw.items") && done.out.contains("done in"),
        "{}",
        done.out
    );
    assert!(done.out.contains(&format!("from {from} to ./lake")), "{}", done.out);
    let aside = "lie in ";
    assert!(
        done.err.contains(aside) && done.err.contains("expected timestamp, found infinity"),
        "{}",
        done.err
    );
}

#[test]
fn rows_meet_by_their_key() {
    let server = Postgres::shared();
    let (project, from) = shop(&server, "copy_merge", ORDERS);
    let copy = |more: &[&str]| project.segue(&[&["--json", "copy", &from, "lake", "--mode", "merge"], more].concat());
    let refused = copy(&[]).ended(2);
    assert!(
        refused.err.contains("public.items has no primary key") && refused.err.contains("--key"),
        "{}",
        refused.err
    );
    copy(&["--tables", "orders"]).ok();
    server.sql(
        "copy_merge",
        "delete from orders where id = 1; update orders set name = 'Eve'; insert into orders values (3, 'Bo', 2)",
    );
    assert_eq!(changed(&copy(&["--tables", "orders"]).ok()), ["public.orders done 2"]);
    // What is gone there stays here: that is what a merge is.
    insta::assert_snapshot!(lake_sql(&project, "select * from public.orders order by id"), @r"
    id,name,amount
    1,Ada,12.50
    2,Eve,7.00
    3,Bo,2.00
    ");
    // Another way of writing is another definition.
    let refused = project
        .segue(&[
            "copy", &from, "lake", "--tables", "items", "--mode", "merge", "--key", "id",
        ])
        .ok();
    assert!(refused.out.contains("done"), "{}", refused.text());
}

#[test]
fn a_database_becomes_another() {
    let server = Postgres::shared();
    let (project, from) = shop(&server, "copy_sqlite", ORDERS);
    let copy = || project.segue(&["--json", "copy", &from, "sqlite:shop.db", "--except", "logs"]);
    assert_eq!(
        changed(&copy().ok()),
        ["public.empty done 0", "public.items done 2", "public.orders done 2"]
    );
    let count = || {
        let db = rusqlite::Connection::open(project.file("shop.db")).expect("it opens");
        let count = db.query_row("select count(*), sum(amount) from orders", [], |row| {
            Ok((
                row.get::<_, i64>(0)?,
                row.get::<_, String>(1)
                    .or_else(|_| row.get::<_, f64>(1).map(|n| n.to_string()))?,
            ))
        });
        count.expect("it is there").0
    };
    assert_eq!(count(), 2);
    assert_eq!(
        changed(&copy().ok()),
        ["public.empty done 0", "public.items done 0", "public.orders done 0"]
    );
    // Another machine, or a state that is lost: whose the tables are is read from the database.
    std::fs::remove_dir_all(project.file("home")).expect("the state is there");
    server.sql("copy_sqlite", "insert into orders values (3, 'Bo', 2)");
    assert_eq!(
        changed(&copy().ok()),
        ["public.empty done 0", "public.items done 0", "public.orders done 1"]
    );
    assert_eq!(count(), 3);
}

#[test]
fn a_lake_becomes_a_database_again() {
    let server = Postgres::shared();
    let (project, from) = shop(&server, "copy_back", ORDERS);
    project.ok(&["copy", &from, "lake", "--except", "logs"]);
    let back = || {
        project.segue(&[
            "--json",
            "copy",
            "./lake",
            "sqlite:back.db",
            "--tables",
            "public.orders",
        ])
    };
    assert_eq!(changed(&back().ok()), ["to_public.orders done 2"]);
    assert_eq!(changed(&back().ok()), ["to_public.orders done 0"]);
    server.sql(
        "copy_back",
        "delete from orders where id = 1; insert into orders values (5, 'x', 0)",
    );
    project.ok(&["copy", &from, "lake", "--except", "logs"]);
    back().ok();
    let db = rusqlite::Connection::open(project.file("back.db")).expect("it opens");
    let ids: String = db
        .query_row("select group_concat(id) from orders", [], |row| row.get(0))
        .expect("rows");
    assert_eq!(ids, "2,5");
    let none = project
        .segue(&["copy", "./lake", "sqlite:back.db", "--tables", "public.ordrs"])
        .ended(4);
    assert!(none.err.contains("did you mean `public.orders`?"), "{}", none.err);
}

/// Killed at each boundary of a commit, a copy is made whole by the next one, and nothing is there twice.
#[test]
fn a_copy_that_is_killed_is_made_whole() {
    let server = Postgres::shared();
    let (project, from) = shop(&server, "copy_killed", ORDERS);
    for (at, boundary) in ["commit.prepared", "commit.claimed", "commit.own"]
        .into_iter()
        .enumerate()
    {
        server.sql(
            "copy_killed",
            &format!("insert into orders values ({}, 'k', 1)", 10 + at),
        );
        let mut command = project.command(&["copy", &from, "lake", "--tables", "orders"]);
        command.env("SEGUE_FAULT", format!("{boundary}:1:kill"));
        let killed = Done::of(command.output().expect("it starts"));
        assert_ne!(killed.code, Some(0), "{boundary}: {}", killed.text());
        project.ok(&["copy", &from, "lake", "--tables", "orders"]);
        let rows = lake_sql(&project, "select count(*), count(distinct id) from public.orders");
        assert_eq!(
            rows.lines().last(),
            Some(format!("{0},{0}", 3 + at).as_str()),
            "{boundary}"
        );
    }
    // The same into a database, whose state is lost with the machine.
    for boundary in ["commit.prepared", "commit.sql"] {
        server.sql(
            "copy_killed",
            "insert into orders select max(id) + 1, 'k', 1 from orders",
        );
        let mut command = project.command(&["copy", &from, "sqlite:out.db", "--tables", "orders"]);
        command.env("SEGUE_FAULT", format!("{boundary}:1:kill"));
        let killed = Done::of(command.output().expect("it starts"));
        assert_ne!(killed.code, Some(0), "{boundary}: {}", killed.text());
        std::fs::remove_dir_all(project.file("home")).expect("the state is there");
        project.ok(&["copy", &from, "sqlite:out.db", "--tables", "orders"]);
        let db = rusqlite::Connection::open(project.file("out.db")).expect("it opens");
        let count: (i64, i64) = db
            .query_row("select count(*), count(distinct id) from orders", [], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .expect("rows");
        assert_eq!(count.0, count.1, "{boundary}");
    }
}

/// Two states on one lake, one after the other: each finds in the tables what the other did.
#[test]
fn another_state_goes_on_from_what_is_there() {
    let server = Postgres::shared();
    let (project, from) = shop(&server, "copy_states", ORDERS);
    for (at, state) in ["one", "two", "one", "two"].into_iter().enumerate() {
        server.sql(
            "copy_states",
            &format!("insert into orders values ({}, 's', 1)", 10 + at),
        );
        let done = project
            .segue(&["--json", "copy", &from, "lake", "--tables", "orders", "--state", state])
            .ok();
        let expected = if at == 0 {
            "public.orders done 3"
        } else {
            "public.orders done 1"
        };
        assert_eq!(changed(&done), [expected], "{at}");
    }
}

#[test]
fn the_password_is_found_and_never_shown() {
    let server = Postgres::shared();
    let (mut project, _) = shop(&server, "copy_secret", ORDERS);
    let (user, password) = LOGIN;
    server.sql(
        "copy_secret",
        &format!("create role {user} login password '{password}'; grant select on orders to {user}"),
    );
    let bare = format!("postgres://{user}@127.0.0.1:{}/copy_secret", server.port());
    let full = bare.replacen('@', &format!(":{password}@"), 1);
    let refused = project.segue(&["copy", &bare, "lake"]).ended(3);
    assert!(refused.err.contains("SG036"), "{}", refused.err);
    let done = project.segue(&["copy", &full, "lake"]).ok();
    assert!(
        done.out.contains("public.orders") && !done.out.contains("items"),
        "{}",
        done.out
    );
    project.set("PGPASSWORD", password);
    project.ok(&["copy", &bare, "lake"]);
    project.set("PGPASSWORD", "wrong-one");
    let wrong = project.segue(&["--json", "copy", &bare, "lake"]).ended(3);
    for (what, text) in [("done", done.text()), ("wrong", wrong.text())] {
        assert!(
            !text.contains(password) && !text.contains("wrong-one"),
            "{what}: {text}"
        );
    }
    for (path, bytes) in project.contents(&["lake", "home"]) {
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains(password), "{}", path.display());
    }
    project.set("PGPASSWORD", "");
    project.write("pass", &format!("*:*:copy_secret:{user}:{password}\n"));
    let path = project.file("pass");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("it is ours");
    }
    project.set("PGPASSFILE", &path.to_string_lossy());
    project.ok(&["copy", &bare, "lake"]);
}

#[test]
fn ends_that_do_not_fit_are_refused() {
    let server = Postgres::shared();
    let (project, from) = shop(
        &server,
        "copy_ends",
        "create table orders (id int4); create table \"Orders\" (id int4); create schema system; create table system.x (id int4)",
    );
    project.write("mine/segue.yaml", "format: 1\nproject: mine\n");
    project.write("notes.txt", "not a lake");
    let refused = |words: &[&str], code: i32| {
        let done = project.segue(&[&["copy"], words].concat()).ended(code);
        done.err.lines().take(2).collect::<Vec<_>>().join("\n")
    };
    let port = server.port().to_string();
    let all = [
        refused(&["mysql://h/d", "lake"], 2),
        refused(&["postgres://h:port/d", "lake"], 2),
        refused(&["s3://bucket/lake", "lake"], 2),
        refused(&[&from, &from], 2),
        refused(&["./nothing", "sqlite:x.db"], 4),
        refused(&["sqlite:x.db", "lake"], 2),
        refused(&[&from, "notes.txt"], 2),
        refused(&[&from, "mine/lake"], 5),
        refused(&[&from, "lake", "--tables", "orders,x"], 4),
        refused(&[&from, "lake", "--tables", "public.*"], 5),
        refused(&[&from, "lake", "--tables", "system.*"], 5),
        refused(&[&from, "lake", "--tables", "a.b.c"], 2),
        refused(&[&from, "lake", "--tables", "x.*", "--into-schema", "No"], 4),
        refused(&[&from, "lake", "--tables", "orders", "--into-schema", "No"], 2),
    ];
    let folder = std::fs::canonicalize(project.file(".")).expect("it is there");
    let told = all
        .join("\n")
        .replace(&port, "PORT")
        .replace(&folder.to_string_lossy().into_owned(), "DIR");
    insta::assert_snapshot!(told, @r#"
    error[SG0707]: `mysql:…` is no address that this version knows
      hint: write `postgres://USER@HOST/DATABASE`, `sqlite:FILE`, or the folder of a lake (`./lake`)
    error[SG0707]: the address of PostgreSQL cannot be read: invalid port number
      hint: write `postgres://USER@HOST:PORT/DATABASE`; in a user's name or a password, `@`, `:` and `/` are written `%40`, `%3A` and `%2F`
    error[SG0410]: a lake in an object store (`s3://…`) is not acted on by this version
      hint: name a folder: `./lake`
    error[SG0708]: both ends are the same: postgres://segue@127.0.0.1:PORT/copy_ends
      hint: name another place to copy to
    error[SG0708]: there is no lake at ./nothing
      hint: an end is `postgres://USER@HOST/DATABASE`, `sqlite:FILE`, or the folder of a lake (`./lake`)
    error[SG0708]: a connection of kind `sqlite` cannot be read from by this version
      hint: read from PostgreSQL, or from a lake
    error[SG0707]: notes.txt is a file, and a lake is a folder
      hint: write `sqlite:notes.txt` for a database in it; known are `postgres://USER@HOST/DATABASE`, `sqlite:FILE`, or the folder of a lake (`./lake`)
    error[SG0708]: mine/lake is the lake of the project in DIR/mine
      hint: copy into another folder; or write assets into the project: `segue discover CONNECTION --scaffold` begins them
    error[SG0706]: no table of postgres://segue@127.0.0.1:PORT/copy_ends is like `orders,x`
      hint: there are: `public."Orders"`, `public.orders`, `system.x`
    error[SG0709]: public."Orders" and public.orders would both be called public.orders
      hint: leave one of them out with `--except`, and copy it into another schema with `--into-schema`
    error[SG0709]: system.x cannot be called system.x: the schema `system` is Segue's own
      hint: give the copies another schema with `--into-schema`
    error: `a.b.c` is no pattern of tables: it has more parts than `schema.table`
      hint: write `public.*`, `public.orders`, or `orders` for whichever schema; put odd names in double quotes
    error[SG0706]: no table of postgres://segue@127.0.0.1:PORT/copy_ends is like `x.*`
      hint: there are: `public."Orders"`, `public.orders`, `system.x`
    error: `No` is no name: lower-case letters, digits and `_`, not beginning with a digit
      hint: give `--into-schema` another name
    "#);
    assert!(!project.file("lake/public").exists());
}

/// Each in a schema of its own; and no database takes another's place unnoticed.
#[test]
fn two_databases_share_a_lake() {
    let server = Postgres::shared();
    let (project, one) = shop(&server, "copy_one", ORDERS);
    let (_, two) = shop(
        &server,
        "copy_two",
        "create table totals (n int4); create table orders (id int8); insert into orders values (9)",
    );
    project.ok(&["copy", &one, "lake", "--into-schema", "one"]);
    project.ok(&["copy", &two, "lake", "--into-schema", "two"]);
    let again = project.segue(&["copy", &one, "lake", "--into-schema", "one"]).ok();
    assert!(!again.err.contains("no longer"), "{}", again.err);
    let refused = project
        .segue(&["copy", &two, "lake", "--tables", "orders", "--into-schema", "one"])
        .ended(5);
    assert!(
        refused.err.contains("SG0523") && refused.err.contains("--accept-source"),
        "{}",
        refused.err
    );
    assert_eq!(lake_sql(&project, "select count(*) from one.orders"), "count(*)\n2\n");
    project.ok(&[
        "copy",
        &two,
        "lake",
        "--tables",
        "orders",
        "--into-schema",
        "one",
        "--rebuild",
    ]);
    assert_eq!(lake_sql(&project, "select id from one.orders"), "id\n9\n");
}
