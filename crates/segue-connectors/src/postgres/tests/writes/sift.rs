//! Rows that a table of somebody else's does not let in: each found, with the rule that it breaks, and the others committed.

use super::*;

impl World {
    /// Takes the rows out that the table refuses, commits the others, and tells of those: a line each.
    async fn sift(&mut self, change: Change, pieces: Vec<RecordBatch>) -> std::result::Result<String, String> {
        let sifted = async {
            let schema = pieces[0].schema();
            let mut staged = Vec::new();
            for piece in pieces {
                staged.push(self.stage(piece).await?);
            }
            let (target, ctx) = (self.target.clone(), self.bed.ctx.clone());
            let sifted = self.sink.sift(&target, schema.clone(), &change, &staged, &ctx).await?;
            let (record, _) = self.record_of(change, sifted.staged, schema).await?;
            self.commit(&record).await?;
            if sifted.refused.is_empty() {
                return Ok("nothing".into());
            }
            let refused = self.sink.staged(&target, &sifted.refused, &ctx).await?;
            let batches: Vec<RecordBatch> = refused.scan(None).await?.try_collect().await?;
            let mut lines: Vec<String> = batches.iter().flat_map(lines).collect();
            lines.sort();
            self.sink.discard(&target, &sifted.refused, None, &ctx).await?;
            Ok(lines.join("\n"))
        };
        let told = sifted.await.map_err(|e: Error| said(&e))?;
        assert_eq!(self.staged_tables(), "0", "nothing lies about");
        Ok(told)
    }
}

/// Each row as a line.
fn lines(batch: &RecordBatch) -> Vec<String> {
    let cells = |row: usize| {
        let cells = batch
            .columns()
            .iter()
            .map(move |column| arrow_cast::display::array_value_to_string(column, row).expect("it can be shown"));
        cells.collect::<Vec<_>>().join(" | ")
    };
    (0..batch.num_rows()).map(cells).collect()
}

/// What becomes of these rows, appended to a table that was made so; and what the table has then.
async fn appended(made: &str, of: &[(i64, Option<&str>)]) -> String {
    let mut w = World::new(made).await;
    let told = w.sift(Change::Append, vec![rows(of)]).await;
    format!(
        "{made}\n{}\n= {}",
        told.unwrap_or_else(|e| e),
        w.table().replace('\n', ", ")
    )
}

#[tokio::test]
async fn each_row_that_breaks_a_rule_is_told_with_the_rule() {
    let mut all = Vec::new();
    for made in [
        "create table things (id int8, name text not null)",
        "create table things (id int8, name text constraint short check (length(name) < 3))",
        "create table things (id int8 primary key, name text)",
        "create table things (id int8, name text unique); insert into things values (9, 'c')",
        "create table things (id int8, name text); create unique index lower on things (lower(name))",
        "create table things (id int8, name text, exclude using gist (int8range(id, id + 1) with &&))",
        "create table words (word text primary key); insert into words values ('a'), ('long');
         create table things (id int8, name text references words)",
        "create table things (id int8 primary key, name text, up int8 generated always as (nullif(id - 1, 0)) stored references things)",
        "create table things (id int8, name text, unique (name) deferrable initially deferred)",
        "create table words (word text primary key); insert into words values ('a'), ('b');
         create table things (id int8, name text references words deferrable initially deferred)",
        "create table things (id int8, name varchar(2))",
        "create table things (id int2, name text)",
        "create type word as enum ('a', 'b', 'c'); create table things (id int8, name word)",
        "create domain word as text check (value <> 'b'); create table things (id int8, name word)",
        "create table things (id int8, name text);
         create function f() returns trigger language plpgsql as 'begin if new.id = 3 then raise exception ''not three'' using errcode = ''AB123''; end if; return new; end';
         create trigger picky before insert on things for each row execute function f()",
    ] {
        let of = [(1, Some("a")), (2, Some("b")), (2, None), (3, Some("long")), (70_000, Some("c")), (4, Some("A"))];
        all.push(appended(made, &of).await);
    }
    insta::assert_snapshot!(all.join("\n\n"), @r"
    create table things (id int8, name text not null)
    2 |  |  | name | it breaks a rule of the table's column `name`: a value is missing (SQLSTATE 23502)
    = 1|a, 2|b, 3|long, 4|A, 70000|c

    create table things (id int8, name text constraint short check (length(name) < 3))
    3 | long | short | name | it breaks `short` of the table: its condition does not hold (SQLSTATE 23514)
    = 1|a, 2|b, 2|, 4|A, 70000|c

    create table things (id int8 primary key, name text)
    2 |  | things_pkey | id | it breaks `things_pkey` of the table: another row has the same value (SQLSTATE 23505)
    2 | b | things_pkey | id | it breaks `things_pkey` of the table: another row has the same value (SQLSTATE 23505)
    = 1|a, 3|long, 4|A, 70000|c

    create table things (id int8, name text unique); insert into things values (9, 'c')
    70000 | c | things_name_key | name | it breaks `things_name_key` of the table: another row has the same value (SQLSTATE 23505)
    = 1|a, 2|b, 2|, 3|long, 4|A, 9|c

    create table things (id int8, name text); create unique index lower on things (lower(name))
    4 | A | lower |  | it breaks `lower` of the table: another row has the same value (SQLSTATE 23505)
    = 1|a, 2|b, 2|, 3|long, 70000|c

    create table things (id int8, name text, exclude using gist (int8range(id, id + 1) with &&))
    2 |  | things_int8range_excl |  | it breaks `things_int8range_excl` of the table: another row excludes it (SQLSTATE 23P01)
    = 1|a, 2|b, 3|long, 4|A, 70000|c

    create table words (word text primary key); insert into words values ('a'), ('long');
             create table things (id int8, name text references words)
    2 | b | things_name_fkey | name | it breaks `things_name_fkey` of the table: the row that it refers to is not there (SQLSTATE 23503)
    4 | A | things_name_fkey | name | it breaks `things_name_fkey` of the table: the row that it refers to is not there (SQLSTATE 23503)
    70000 | c | things_name_fkey | name | it breaks `things_name_fkey` of the table: the row that it refers to is not there (SQLSTATE 23503)
    = 1|a, 2|, 3|long

    create table things (id int8 primary key, name text, up int8 generated always as (nullif(id - 1, 0)) stored references things)
    2 |  | things_pkey | id | it breaks `things_pkey` of the table: another row has the same value (SQLSTATE 23505)
    2 | b | things_pkey | id | it breaks `things_pkey` of the table: another row has the same value (SQLSTATE 23505)
    3 | long | things_up_fkey |  | it breaks `things_up_fkey` of the table: the row that it refers to is not there (SQLSTATE 23503)
    4 | A | things_up_fkey |  | it breaks `things_up_fkey` of the table: the row that it refers to is not there (SQLSTATE 23503)
    70000 | c | things_up_fkey |  | it breaks `things_up_fkey` of the table: the row that it refers to is not there (SQLSTATE 23503)
    = 1|a

    create table things (id int8, name text, unique (name) deferrable initially deferred)
    nothing
    = 1|a, 2|b, 2|, 3|long, 4|A, 70000|c

    create table words (word text primary key); insert into words values ('a'), ('b');
             create table things (id int8, name text references words deferrable initially deferred)
    3 | long | things_name_fkey | name | it breaks `things_name_fkey` of the table: the row that it refers to is not there (SQLSTATE 23503)
    4 | A | things_name_fkey | name | it breaks `things_name_fkey` of the table: the row that it refers to is not there (SQLSTATE 23503)
    70000 | c | things_name_fkey | name | it breaks `things_name_fkey` of the table: the row that it refers to is not there (SQLSTATE 23503)
    = 1|a, 2|b, 2|

    create table things (id int8, name varchar(2))
    3 | long |  | name | its value would be changed by the column `name` of the table, character varying(2)
    = 1|a, 2|b, 2|, 4|A, 70000|c

    create table things (id int2, name text)
    70000 | c |  | id | its value is none of the column `id` of the table, smallint (SQLSTATE 22003)
    = 1|a, 2|b, 2|, 3|long, 4|A

    create type word as enum ('a', 'b', 'c'); create table things (id int8, name word)
    3 | long |  | name | its value is none of the column `name` of the table, word (SQLSTATE 22P02)
    4 | A |  | name | its value is none of the column `name` of the table, word (SQLSTATE 22P02)
    = 1|a, 2|b, 2|, 70000|c

    create domain word as text check (value <> 'b'); create table things (id int8, name word)
    2 | b |  | name | its value is none of the column `name` of the table, word (SQLSTATE 23514)
    = 1|a, 2|, 3|long, 4|A, 70000|c

    create table things (id int8, name text);
             create function f() returns trigger language plpgsql as 'begin if new.id = 3 then raise exception ''not three'' using errcode = ''AB123''; end if; return new; end';
             create trigger picky before insert on things for each row execute function f()
    3 | long |  |  | the table refuses it: not three (SQLSTATE AB123)
    = 1|a, 2|b, 2|, 4|A, 70000|c
    ");
}

#[tokio::test]
async fn rows_are_told_apart_in_changes_of_every_kind() {
    let made =
        "create table things (id int8 primary key, name text constraint small check (name = lower(name)) unique);
        insert into things values (1, 'a'), (2, 'b'), (3, 'c');
        create table parts (of int8 references things); insert into parts values (1)";
    let slices = Change::ReplaceSlices {
        columns: vec!["name".into()],
        slices: ["a", "B", "x"]
            .map(|n| segue_core::Labels::from_iter([("name".to_string(), json!(n))]))
            .into(),
    };
    let come = |of: &[(i64, Option<&'static str>)]| vec![rows(of)];
    let mut all = Vec::new();
    for (name, change, pieces) in [
        (
            "merge",
            Change::merge(["id"]),
            come(&[(1, Some("a")), (2, Some("B")), (4, Some("b")), (5, Some("x"))]),
        ),
        (
            "replace",
            Change::ReplaceTable,
            come(&[(1, Some("b")), (2, Some("B")), (3, Some("x"))]),
        ),
        (
            "delete_insert",
            Change::DeleteInsert {
                key: vec!["name".into()],
            },
            come(&[(6, Some("b")), (7, Some("X")), (3, Some("y"))]),
        ),
        (
            "slices",
            slices,
            come(&[(1, Some("a")), (7, Some("B")), (2, Some("x"))]),
        ),
        (
            "two pieces",
            Change::Append,
            vec![
                rows(&[(8, Some("x")), (9, Some("y"))]),
                rows(&[(10, Some("x")), (11, Some("Z"))]),
            ],
        ),
    ] {
        let mut w = World::new(made).await;
        let told = w.sift(change, pieces).await.unwrap_or_else(|e| e);
        all.push(format!("{name}\n{told}\n= {}", w.table().replace('\n', ", ")));
    }
    insta::assert_snapshot!(all.join("\n\n"), @r"
    merge
    2 | B | small | name | it breaks `small` of the table: its condition does not hold (SQLSTATE 23514)
    4 | b | things_name_key | name | it breaks `things_name_key` of the table: another row has the same value (SQLSTATE 23505)
    = 1|a, 2|b, 3|c, 5|x

    replace
    2 | B | small | name | it breaks `small` of the table: its condition does not hold (SQLSTATE 23514)
    = 1|b, 3|x

    delete_insert
    3 | y | things_pkey | id | it breaks `things_pkey` of the table: another row has the same value (SQLSTATE 23505)
    7 | X | small | name | it breaks `small` of the table: its condition does not hold (SQLSTATE 23514)
    = 1|a, 3|c, 6|b

    slices
    2 | x | things_pkey | id | it breaks `things_pkey` of the table: another row has the same value (SQLSTATE 23505)
    7 | B | small | name | it breaks `small` of the table: its condition does not hold (SQLSTATE 23514)
    = 1|a, 2|b, 3|c

    two pieces
    10 | x | things_name_key | name | it breaks `things_name_key` of the table: another row has the same value (SQLSTATE 23505)
    11 | Z | small | name | it breaks `small` of the table: its condition does not hold (SQLSTATE 23514)
    8 | x | things_name_key | name | it breaks `things_name_key` of the table: another row has the same value (SQLSTATE 23505)
    = 1|a, 2|b, 3|c, 9|y
    ");
}

/// What the table has to say has nothing to do with one of the rows that come, or not with their values.
#[tokio::test]
async fn what_is_no_rows_fault_is_an_error_still() {
    let mut all = Vec::new();
    for (made, change) in [
        (
            "create table things (id int8 primary key, name text); insert into things values (1, 'a');
             create table parts (of int8 references things); insert into parts values (1)",
            Change::ReplaceTable,
        ),
        (
            "create table things (id int8, name text);
             create function f() returns trigger language plpgsql as 'begin return null; end';
             create trigger shy before insert on things for each row execute function f()",
            Change::Append,
        ),
        ("create table things (id int8, name int)", Change::Append),
        (
            "create table things (id int8, name text);
             create function f() returns trigger language plpgsql as 'begin raise exception ''closed''; end';
             create trigger closed before delete on things for each statement execute function f()",
            Change::ReplaceTable,
        ),
    ] {
        let mut w = World::new(made).await;
        let before = w.table();
        all.push(w.sift(change, vec![rows(&[(2, Some("b"))])]).await.unwrap_err());
        assert_eq!(w.table(), before);
    }
    insta::assert_snapshot!(all.join("\n\n"), @r#"
    error[SG0367]: cannot change the table: update or delete on table "things" violates foreign key constraint "parts_of_fkey" on table "parts"
      sqlstate: 23503
      detail: Key (id)=(1) is still referenced from table "parts".
      rule: parts_of_fkey
      table: things
      hint: the table has a rule of its own that a row breaks; nothing of the commit is in it

    error[SG0367]: the trigger `shy` of the table drops or changes rows of the commit
      table: things
      hint: nothing was changed; do in the asset what the trigger does, and drop the trigger

    error[SG0366]: the table "public"."things" was made by somebody else and does not take these rows: column `name` is integer, and the rows have string
      table: things
      hint: alter that table, or write into another one; a table that is not Segue's is never altered or dropped

    error: cannot change the table: closed
      sqlstate: P0001
      table: things
    "#);
}

#[tokio::test]
async fn a_few_rows_among_many_are_found() {
    let trigger = "create table things (id int8 primary key, name text);
        create function f() returns trigger language plpgsql as
            'begin if new.id % 700 = 0 then raise exception ''no''; end if; return new; end';
        create trigger picky before insert or update on things for each row execute function f()";
    for made in [
        trigger,
        "create table things (id int8 primary key check (id % 700 <> 0), name text)",
    ] {
        let mut w = World::new(made).await;
        let many: Vec<_> = (1..=5000).map(|id| (id, Some("n"))).collect();
        let (first, rest) = many.split_at(2000);
        let told = w
            .sift(Change::merge(["id"]), vec![rows(first), rows(rest)])
            .await
            .unwrap();
        assert_eq!(told.lines().count(), 7, "{told}");
        assert_eq!(
            w.sql("select count(*), count(*) filter (where id % 700 = 0) from things"),
            "4993|0"
        );
    }
}

#[tokio::test]
async fn values_change_places_where_nobody_sees_the_rows_go() {
    let swap = |w: &World| w.sql("select string_agg(id || name, ' ' order by id) from things");
    let made = "create table things (no int generated always as identity, id int8 primary key, name text unique, note text default 'mine',
            shout text generated always as (upper(name)) stored);
        insert into things (id, name, note) values (1, 'a', 'one'), (2, 'b', 'two'), (3, 'c', 'three');
        create table parts (of int8 references things, name text references things (name) deferrable initially deferred)";
    let mut w = World::new(made).await;
    w.sql("insert into parts values (1, 'a'), (2, 'b')");
    w.land(
        Change::merge(["id"]),
        rows(&[(1, Some("b")), (2, Some("a")), (3, Some("d")), (4, Some("c"))]),
    )
    .await
    .unwrap();
    assert_eq!(swap(&w), "1b 2a 3d 4c");
    // What does not come stays with its row, and what refers to it sees it there.
    assert_eq!(
        w.sql("select no, id, name, note, shout from things order by id"),
        "1|1|b|one|B\n2|2|a|two|A\n3|3|d|three|D\n4|4|c|mine|C"
    );
    assert_eq!(w.sql("select count(*) from parts"), "2");
    // By two columns, of which one does not come.
    let mut w = World::new(
        "create table things (id int8 primary key, name text, shelf int default 1, unique (name, shelf));
         insert into things values (1, 'a', 1), (2, 'b', 1), (3, 'a', 2)",
    )
    .await;
    w.land(
        Change::merge(["id"]),
        rows(&[(1, Some("b")), (2, Some("a")), (3, Some("b"))]),
    )
    .await
    .unwrap();
    assert_eq!(swap(&w), "1b 2a 3b");
    // Where rows that go are seen to go, it is an error still.
    for seen in [
        "create function f() returns trigger language plpgsql as 'begin return new; end';
         create trigger seen after update on things for each row execute function f()",
        "create table parts (of int8 references things on delete cascade)",
    ] {
        let mut w = World::new(&format!(
            "create table things (id int8 primary key, name text unique); insert into things values (1, 'a'), (2, 'b'); {seen}"
        ))
        .await;
        let change = rows(&[(1, Some("b")), (2, Some("a"))]);
        let why = w.land(Change::merge(["id"]), change.clone()).await.unwrap_err();
        assert!(why.contains("SG0367") && why.contains("things_name_key"), "{why}");
        let why = w.sift(Change::merge(["id"]), vec![change]).await.unwrap_err();
        assert!(why.contains("SG0367"), "{why}");
        assert_eq!(swap(&w), "1a 2b");
    }
}
