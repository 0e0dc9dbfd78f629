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
    insta::assert_snapshot!(project.ok(&["discover", "shop", "--tables", "public.*"]), @r#"
    public."Orders"
        id  int32
    public.nothing
        cannot be read: there is no column to read
    public.orders  key: id
        id      int64          required
        name    string
        amount  decimal(10,2)  required
        tags    list<string>
        at      timestamp
    public.recent
        id  int64
        at  timestamp
    public."select"  key: from
        from      int32   required
        null      string
        a_b       int32     (A b)
        a_b_2     string    (a B)
        _segue_x  int32
        ___x___   int32     ({{ x }})
    5 tables
    "#);
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
    insta::assert_snapshot!(done.text(), @r#"
      assets/raw/orders.yaml
      assets/raw/select.yaml
      assets/raw/it_s__new_.yaml
      assets/raw/_.yaml
      assets/raw/public_orders.yaml
    5 files were written. Next:
      segue check
      segue plan
    assets/raw/recent.yaml is there, and was left as it is
    public.nothing is left out: there is no column to read
    public."select": the column {{ x }} is left out: no `path` can name it
    public."select": the column a B becomes a_b_2
    public."select": the column _segue_x becomes source_segue_x
    public."Orders" becomes raw.public_orders: raw.orders is another table's
    "#);
    insta::assert_snapshot!(project.read("assets/raw/orders.yaml"), @r#"
    # public.orders of shop, as it was found. Made by `segue discover shop --scaffold`; from here on it is yours.
    asset: raw.orders
    # description: What a row is.
    # owner: Who answers for it.
    # fresh: 1d  # younger than this is good enough; without it, every run reads
    copy:
      from: shop
      table: public.orders
      # What is read, and as what. Without `columns`, they are found out at the first run and kept, and
      # `on_new_column: evolve` takes in what is new.
      columns:
        id: { type: int64, required: true }
        name: { type: string }
        amount: { type: "decimal(10,2)", required: true }
        tags: { type: "list<string>" }
        at: { type: timestamp }
    # Every run reads the whole table and puts it in the place of what is here.
    write: { mode: replace, key: [id] }
    "#);
    insta::assert_snapshot!(project.read("assets/raw/select.yaml"), @r##"
    # public."select" of shop, as it was found. Made by `segue discover shop --scaffold`; from here on it is yours.
    # SQL writes its name in quotes: raw."select"
    asset: raw.select
    # description: What a row is.
    # owner: Who answers for it.
    # fresh: 1d  # younger than this is good enough; without it, every run reads
    copy:
      from: shop
      table: "public.\"select\""
      # What is read, and as what. Without `columns`, they are found out at the first run and kept, and
      # `on_new_column: evolve` takes in what is new.
      columns:
        from: { type: int32, required: true }
        "null": { type: string }
        a_b: { type: int32, path: "A b" }
        a_b_2: { type: string, path: "a B" }
        source_segue_x: { type: int32, path: _segue_x }
    # Every run reads the whole table and puts it in the place of what is here.
    write: { mode: replace, key: [from] }
    "##);
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
