//! Changes in which rows meet by a key: against the model, in tables of somebody else's, and with triggers.

use super::*;
use segue_testkit::modes::{Mode, play};

fn key() -> Vec<String> {
    vec!["id".into()]
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn history(text: &str) -> Change {
    Change::History {
        key: key(),
        at: at(text),
    }
}

async fn land(w: &mut World, t: &Target, change: Change, rows: &[Row]) -> Result<String> {
    w.land(t, change, batch(rows), None).await
}

#[tokio::test]
async fn sqlite_and_a_list_of_rows_come_to_the_same() {
    for mode in Mode::ALL {
        for seed in 0..8 {
            let w = World::new();
            play(&w.sink, mode, seed, &w.ctx).await;
        }
    }
}

#[tokio::test]
async fn a_history_finds_its_rows_by_a_key_of_its_own() {
    let mut w = World::new();
    let t = target(1, "related");
    land(
        &mut w,
        &t,
        history("2024-01-01T00:00:00Z"),
        &[row(1, "a", 1), row(2, "b", 1)],
    )
    .await
    .unwrap();
    land(
        &mut w,
        &t,
        history("2024-01-02T00:00:00Z"),
        &[row(1, "A", 1), row(2, "b", 1)],
    )
    .await
    .unwrap();
    assert_snapshot!(w.rows(&t).await, @"
    1 A 1970-01-02 2024-01-02T00:00:00Z  true
    1 a 1970-01-02 2024-01-01T00:00:00Z 2024-01-02T00:00:00Z false
    2 b 1970-01-02 2024-01-01T00:00:00Z  true
    ");
    let db = Connection::open(w.path()).unwrap();
    let sql: String = (db.query_row("select sql from sqlite_master where name = 'related'", [], |r| r.get(0))).unwrap();
    assert!(sql.contains(r#"primary key ("id", "valid_from")"#), "{sql}");
}

#[tokio::test]
async fn a_table_of_somebody_elses_keeps_a_history_if_it_has_the_columns() {
    let mut w = World::new();
    w.sql("create table related (id integer not null, name text collate nocase, day date, valid_from timestamp not null, valid_to timestamp,
           current boolean not null, extra text default 'x');
           create table poor (id integer, name text, day date)");
    let t = target(1, "related");
    land(&mut w, &t, history("2024-01-01T00:00:00Z"), &[row(1, "a", 1)])
        .await
        .unwrap();
    // A letter's case is a difference, whatever the table takes for one.
    land(&mut w, &t, history("2024-01-02T00:00:00Z"), &[row(1, "A", 1)])
        .await
        .unwrap();
    let db = Connection::open(w.path()).unwrap();
    let shown: String = db
        .query_row(
            "select group_concat(name || ' ' || current || ' ' || extra, '; ') from (select * from related order by valid_from)",
            [],
            |r| r.get(0),
        )
        .unwrap();
    assert_eq!(shown, "a 0 x; A 1 x");
    drop(db);
    let refused = land(
        &mut w,
        &target(2, "poor"),
        history("2024-01-01T00:00:00Z"),
        &[row(1, "a", 1)],
    )
    .await;
    assert!(said(refused).contains("valid_from"));
}

#[tokio::test]
async fn a_trigger_that_makes_something_else_of_the_rows_is_refused() {
    let mark = |text: &str| Change::Merge {
        key: key(),
        missing: Missing::Mark { at: at(text) },
    };
    let delete = Change::Merge {
        key: key(),
        missing: Missing::Delete,
    };
    let insert = Change::DeleteInsert { key: key() };
    for (first, second) in [
        (history("2024-01-01T00:00:00Z"), history("2024-01-02T00:00:00Z")),
        (mark("2024-01-01T00:00:00Z"), mark("2024-01-02T00:00:00Z")),
        (delete.clone(), delete),
        (insert.clone(), insert),
    ] {
        let mut w = World::new();
        let t = target(1, "related");
        land(&mut w, &t, first, &[row(1, "a", 1), row(2, "b", 1)])
            .await
            .unwrap();
        w.sql("create table log (id); create trigger harmless after insert on related begin insert into log values (new.id); end");
        land(&mut w, &t, second.clone(), &[row(1, "x", 1), row(3, "c", 1)])
            .await
            .unwrap();
        let before = w.rows(&t).await;
        w.sql(
            "create trigger busy after insert on related begin update related set name = 'mine' where id = new.id; end",
        );
        let refused = said(land(&mut w, &t, second.clone(), &[row(1, "y", 1), row(4, "d", 1)]).await);
        assert!(refused.contains("trigger"), "{second:?}: {refused}");
        assert_eq!(w.rows(&t).await, before, "{second:?}");
    }
}

#[tokio::test]
async fn keys_that_are_empty_or_come_twice_are_refused() {
    let mut w = World::new();
    let t = target(1, "related");
    let twice = [row(1, "a", 1), row(1, "b", 1)];
    let delete_insert = || Change::DeleteInsert { key: key() };
    assert_snapshot!(said(land(&mut w, &t, history("2024-01-01T00:00:00Z"), &twice).await), @"
    error: 2 rows for serving.related share a key (id) with another
      table: related
    ");
    assert_snapshot!(said(land(&mut w, &t, delete_insert(), &[(None, Some("a"), None)]).await), @"
    error: 1 rows for serving.related have an empty key (id)
      table: related
    ");
    land(&mut w, &t, delete_insert(), &twice).await.unwrap();
    assert_snapshot!(w.rows(&t).await, @"
    1 a 1970-01-02
    1 b 1970-01-02
    ");
}
