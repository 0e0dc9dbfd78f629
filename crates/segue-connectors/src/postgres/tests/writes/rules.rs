//! Tables that somebody else made: respected, never altered; what they do not take says so, and nothing of it is in them.

use super::*;

#[tokio::test]
async fn a_table_that_is_there_keeps_its_own_ways() {
    let mut w = World::new(
        "create table things (no int generated always as identity, id int8 primary key, name varchar(5) unique, made date default '2024-02-29',
             shout text generated always as (upper(name)) stored);
         create table parts (of int8 references things);
         insert into things (id, name) values (1, 'a'), (2, 'b'); insert into parts values (1);
         create view names as select name from things",
    )
    .await;
    w.land(Change::merge(["id"]), rows(&[(2, Some("bb")), (3, Some("c"))]))
        .await
        .unwrap();
    let all = "select no, id, name, made, shout from things order by id";
    assert_eq!(
        w.sql(all),
        "1|1|a|2024-02-29|A\n2|2|bb|2024-02-29|BB\n3|3|c|2024-02-29|C"
    );
    // The row that another table refers to stays where it is.
    w.land(Change::ReplaceTable, rows(&[(1, Some("x")), (4, Some("d"))]))
        .await
        .unwrap();
    assert_eq!(w.sql(all), "1|1|x|2024-02-29|X\n4|4|d|2024-02-29|D");
    assert_eq!(w.sql("select * from names order by 1"), "d\nx");
    insta::assert_snapshot!(w.land(Change::ReplaceTable, rows(&[(4, Some("d"))])).await.unwrap_err(), @r#"
    error[SG0367]: cannot change the table: update or delete on table "things" violates foreign key constraint "parts_of_fkey" on table "parts"
      sqlstate: 23503
      detail: Key (id)=(1) is still referenced from table "parts".
      rule: parts_of_fkey
      table: things
      hint: the table has a rule of its own that a row breaks; nothing of the commit is in it
    "#);
    insta::assert_snapshot!(w.land(Change::merge(["id"]), rows(&[(5, Some("d"))])).await.unwrap_err(), @r#"
    error[SG0367]: cannot change the table: duplicate key value violates unique constraint "things_name_key"
      sqlstate: 23505
      detail: Key (name)=(d) already exists.
      rule: things_name_key
      table: things
      hint: the table has a rule of its own that a row breaks; nothing of the commit is in it
    "#);
    insta::assert_snapshot!(w.land(Change::merge(["id"]), rows(&[(5, Some("too long"))])).await.unwrap_err(), @r#"
    error[SG0368]: 1 values of column `name` would be changed by the table "public"."things", whose column is character varying(5)
      table: things
      hint: round or cut them in the SQL, or give the table's column a wider type
    "#);
    assert_eq!(w.sql(all), "1|1|x|2024-02-29|X\n4|4|d|2024-02-29|D");
    w.sink.drop_table(&w.target, &w.bed.ctx).await.unwrap();
    assert_eq!(w.sql("select count(*) from things"), "2", "it was there before");
}

#[tokio::test]
async fn what_a_table_does_not_take_is_said() {
    let mut said = Vec::new();
    for made in [
        "create table things (id int8)",
        "create table things (id int8, name int)",
        "create table things (id int8, name text, more text not null)",
        "create table things (id int8, name text generated always as ('x') stored)",
        "create view things as select 1::int8 as id, 'a'::text as name",
        "create table things (id int2, name text)",
        "create type mood as enum ('good'); create table things (id int8, name mood)",
    ] {
        let mut w = World::new(made).await;
        let big = rows(&[(70_000, Some("bad"))]);
        said.push(format!("{made}\n{}", w.land(Change::Append, big).await.unwrap_err()));
    }
    insta::assert_snapshot!(said.join("\n\n"), @r#"
    create table things (id int8)
    error[SG0366]: the table "public"."things" was made by somebody else and does not take these rows: it has no column `name`
      table: things
      hint: alter that table, or write into another one; a table that is not Segue's is never altered or dropped

    create table things (id int8, name int)
    error[SG0366]: the table "public"."things" was made by somebody else and does not take these rows: column `name` is integer, and the rows have string
      table: things
      hint: alter that table, or write into another one; a table that is not Segue's is never altered or dropped

    create table things (id int8, name text, more text not null)
    error[SG0366]: the table "public"."things" was made by somebody else and does not take these rows: column `more` must have a value
      table: things
      hint: alter that table, or write into another one; a table that is not Segue's is never altered or dropped

    create table things (id int8, name text generated always as ('x') stored)
    error[SG0366]: the table "public"."things" was made by somebody else and does not take these rows: column `name` is generated
      table: things
      hint: leave it out, since the table works it out itself: name the other columns under `columns:`, or in the SQL

    create view things as select 1::int8 as id, 'a'::text as name
    error[SG0366]: "public"."things" is no table, and rows go into tables
      table: things

    create table things (id int2, name text)
    error[SG0368]: cannot fit the rows to the table: smallint out of range
      sqlstate: 22003
      table: things
      hint: a value does not fit its column there: cast or cut it in the SQL, or give the column a wider type

    create type mood as enum ('good'); create table things (id int8, name mood)
    error[SG0368]: cannot fit the rows to the table: invalid input value for enum mood: "bad"
      sqlstate: 22P02
      table: things
      hint: a value does not fit its column there: cast or cut it in the SQL, or give the column a wider type
    "#);
}

#[tokio::test]
async fn a_trigger_that_drops_or_changes_rows_is_seen() {
    let trigger = |body: &str| {
        format!(
            "create table things (id int8 primary key, name text);
             create function f() returns trigger language plpgsql as 'begin {body} end';
             create trigger shy before insert or update on things for each row execute function f()"
        )
    };
    for body in [
        "return case when new.id = 2 then null else new end;",
        "new.name = upper(new.name); return new;",
    ] {
        let mut w = World::new(&trigger(body)).await;
        let why = w
            .land(Change::merge(["id"]), rows(&[(1, Some("a")), (2, Some("b"))]))
            .await
            .unwrap_err();
        assert!(
            why.contains("the trigger `shy` of the table drops or changes rows"),
            "{why}"
        );
        assert_eq!(w.table(), "");
    }
    let mut w = World::new(&trigger("return new;")).await;
    w.land(Change::merge(["id"]), rows(&[(1, Some("a"))])).await.unwrap();
    assert_eq!(w.table(), "1|a");
}

#[tokio::test]
async fn another_assets_table_is_left_alone() {
    let mut w = World::new("").await;
    w.land(Change::ReplaceTable, rows(&[(1, Some("a"))])).await.unwrap();
    w.target = target("public.things");
    let why = w.land(Change::ReplaceTable, rows(&[(2, Some("b"))])).await.unwrap_err();
    assert!(why.contains("belongs to another asset"), "{why}");
    assert!(w.sink.drop_table(&w.target, &w.bed.ctx).await.is_err());
    assert_eq!(w.table(), "1|a");
}

#[tokio::test]
async fn what_refers_to_a_row_that_did_not_change_is_never_taken_along() {
    let mut w = World::new(
        "create table things (id int8 primary key, name text); insert into things values (1, 'a'), (2, 'b');
         create table parts (of int8 references things on delete cascade); insert into parts values (1), (2)",
    )
    .await;
    let change = Change::DeleteInsert {
        key: vec!["name".into()],
    };
    let why = w
        .land(change, rows(&[(1, Some("a")), (3, Some("a"))]))
        .await
        .unwrap_err();
    assert!(why.contains("SG0367") && why.contains("go and come again"), "{why}");
    assert_eq!(w.sql("select count(*) from parts"), "2");
    // A merge, and a replace by the key, leave rows where they are; what is told to go goes, with what the database says of it.
    w.land(Change::merge(["id"]), rows(&[(1, Some("A"))])).await.unwrap();
    w.land(Change::ReplaceTable, rows(&[(1, Some("x"))])).await.unwrap();
    assert_eq!(w.sql("select string_agg(of::text, ' ') from parts"), "1");
}

#[tokio::test]
async fn a_rule_or_a_trigger_of_a_part_is_seen() {
    for made in [
        "create table things (id int8 primary key, name text); create rule shy as on insert to things do instead nothing",
        "create table things (id int8, name text) partition by range (id); create table low partition of things default;
         create function f() returns trigger language plpgsql as 'begin return null; end';
         create trigger shy before insert on low for each row execute function f()",
    ] {
        let mut w = World::new(made).await;
        let why = w.land(Change::Append, rows(&[(1, Some("a"))])).await.unwrap_err();
        assert!(why.contains("`shy`") && why.contains("drops or changes rows"), "{why}");
    }
}

#[tokio::test]
async fn values_that_the_server_holds_to_be_equal_are_told_apart() {
    for (made, before, after) in [
        (
            "create extension citext; create table things (id int8 primary key, name citext)",
            "bob",
            "Bob",
        ),
        (
            "create table things (id int8 primary key, name interval)",
            "30 days",
            "1 mon",
        ),
        (
            "create table things (id int8 primary key, name jsonb)",
            r#"{"a": 1}"#,
            r#"{"a": 1.0}"#,
        ),
        (
            "create table things (id int8 primary key, name tsvector)",
            "'a':1",
            "'a':2",
        ),
    ] {
        let mut w = World::new(made).await;
        for (change, text) in [
            (Change::merge(["id"]), before),
            (Change::merge(["id"]), after),
            (Change::ReplaceTable, before),
        ] {
            w.land(change, rows(&[(1, Some(text))])).await.unwrap();
            assert_eq!(w.sql("select name from things"), text, "{made}");
        }
        let (_, same) = w
            .record(Change::ReplaceTable, rows(&[(1, Some(before))]))
            .await
            .unwrap();
        assert!(same.unchanged, "{made}");
    }
}

#[tokio::test]
async fn a_table_that_somebody_made_anew_under_its_name_is_somebodys() {
    let mut w = World::new("").await;
    w.land(Change::ReplaceTable, rows(&[(1, Some("a"))])).await.unwrap();
    w.sql("alter table things rename to old; create table things (id int8, name text, note text default 'mine')");
    let number = w.sql("select 'things'::regclass::oid");
    w.land(Change::ReplaceTable, rows(&[(2, Some("b"))])).await.unwrap();
    assert_eq!(w.sql("select id, name, note from things"), "2|b|mine");
    assert_eq!(w.sql("select 'things'::regclass::oid"), number);
    w.sink.drop_table(&w.target, &w.bed.ctx).await.unwrap();
    assert_eq!(w.sql("select count(*) from things"), "1");
}

#[tokio::test]
async fn slices_without_a_label_are_replaced_like_others() {
    let mut w = World::new("").await;
    w.land(Change::Append, rows(&[(1, Some("a")), (2, None), (3, Some("c"))]))
        .await
        .unwrap();
    let slice = |name: Value| segue_core::Labels::from_iter([("name".to_string(), name)]);
    let change = Change::ReplaceSlices {
        columns: vec!["name".into()],
        slices: [slice(Value::Null), slice(json!("a"))].into(),
    };
    w.land(change, rows(&[(5, None), (1, Some("a"))])).await.unwrap();
    assert_eq!(w.table(), "1|a\n3|c\n5|");
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_somebody_who_reads_for_long_rows_are_exchanged_and_nobody_waits() {
    let mut w = World::new("").await;
    w.land(Change::ReplaceTable, rows(&[(1, Some("old"))])).await.unwrap();
    let reader = client(&w.bed.server, &w.bed.database).await;
    reader.batch_execute("begin; select * from things").await.unwrap();
    let number = w.sql("select 'things'::regclass::oid");
    w.land(Change::ReplaceTable, rows(&[(2, Some("new"))])).await.unwrap();
    assert_eq!(
        (w.table(), w.sql("select 'things'::regclass::oid")),
        ("2|new".into(), number)
    );
}
