//! What a server offers, and starter assets for it: whatever its tables are called, `segue check` has nothing to say against them.

use crate::support::Project;
use segue_testkit::postgres::{Postgres, USER};
use serde_json::Value;

/// A project with a connection to a database of its own, in which this was done.
pub fn shop(server: &Postgres, database: &str, sql: &str) -> Project {
    server.sql("postgres", &format!("create database {database}"));
    server.sql(database, sql);
    let project = Project::with(&[("segue.yaml", "format: 1\nproject: shop\n")]);
    let connection = format!(
        "connection: shop\nkind: postgres\nhost: 127.0.0.1\nport: {}\ndatabase: {database}\nuser: {USER}\n",
        server.port()
    );
    project.write("connections/shop.yaml", &connection);
    project
}

const ODD: &str = r#"create schema "My Shop";
    create table orders (id int8 primary key, name text, amount numeric(10, 2) not null, tags text[], at timestamptz);
    create table "Orders" (id int4);
    create table "select" ("from" int4 primary key, "null" text, "A b" int4, "a B" text, "_segue_x" int4, "{{ x }}" int4);
    create table "My Shop"."it's ""new""" (id uuid, "1st" date, primary key (id));
    create table "My Shop"."🎵" ("🎵" int4);
    create table nothing ();
    create view recent as select id, at from orders;
    insert into orders values (1, 'Ada', 12.5, '{a,b}', '2024-02-29 23:30:00+02');
    insert into "select" values (1, 'x', 2, 'y', 3, 4)"#;

#[test]
fn what_is_there_is_listed() {
    let server = Postgres::shared();
    let project = shop(&server, "listed", ODD);
    insta::assert_snapshot!(project.ok(&["discover", "shop", "--tables", "public.*"]), @"");
    let told: Value = serde_json::from_str(&project.ok(&["--json", "discover", "shop"])).expect("JSON");
    assert_eq!(told["tables"].as_array().map(Vec::len), Some(7), "{told}");
    let near = project.segue(&["discover", "shop", "--tables", "publik.*"]).ended(4);
    assert!(
        near.err.contains("SG0706") && near.err.contains("public.*"),
        "{}",
        near.err
    );
    let unknown = project.segue(&["discover", "shpo"]).ended(4);
    assert!(unknown.err.contains("did you mean `shop`"), "{}", unknown.err);
    let files = project.segue(&["discover", "files"]).ended(2);
    assert!(files.err.contains("path:"), "{}", files.err);
}

#[test]
fn starter_assets_are_right_and_run() {
    let server = Postgres::shared();
    let project = shop(&server, "starters", ODD);
    project.write(
        "assets/raw/recent.yaml",
        "asset: mine.recent\ncopy: { from: files, path: x.csv }\n",
    );
    project.write("x.csv", "a\n1\n");
    let done = project.segue(&["discover", "shop", "--scaffold"]).ok();
    insta::assert_snapshot!(done.text(), @"");
    insta::assert_snapshot!(project.read("assets/raw/orders.yaml"), @"");
    insta::assert_snapshot!(project.read("assets/raw/select.yaml"), @"");
    let checked = project.segue(&["check"]).ok();
    assert!(!checked.text().contains("SG0"), "{}", checked.text());
    project.ok(&["run"]);
    assert_eq!(
        project.sql("select * from raw.\"select\"").lines().last(),
        Some("1,x,2,y,3")
    );
    // Once more: everything is read already, and nothing is written.
    let again = project.writes_nothing(&["assets"], &["discover", "shop", "--scaffold"], 0);
    assert!(
        again.text().contains("public.orders is read by raw.orders already"),
        "{}",
        again.text()
    );
    assert!(again.out.contains("no file was written"), "{}", again.out);
}

#[test]
fn starter_assets_go_where_their_like_are() {
    let server = Postgres::shared();
    let project = shop(
        &server,
        "homes",
        "create table a (id int4); create table b (id int4); create table c (id int4)",
    );
    project.write(
        "assets/pg/first.yaml",
        "asset: landing.a\ncopy: { from: shop, table: public.a }\n",
    );
    project.ok(&["discover", "shop", "--scaffold", "--tables", "b"]);
    assert!(project.read("assets/pg/b.yaml").contains("asset: landing.b\n"));
    project.ok(&["discover", "shop", "--scaffold", "--tables", "c", "--schema", "other"]);
    assert!(project.read("assets/other/c.yaml").contains("asset: other.c\n"));
    project.ok(&["check"]);
    project.segue(&["discover", "shop", "--schema", "other"]).ended(2);
}
