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
    insta::assert_snapshot!(all.join("\n\n"), @"");
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
    insta::assert_snapshot!(all.join("\n\n"), @"");
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
    insta::assert_snapshot!(all.join("\n\n"), @"");
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
         insert into things values (1, 'a'), (2, 'b'), (3, 'a', 2)",
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
