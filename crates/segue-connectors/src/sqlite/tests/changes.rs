//! Each change of a table, what is worked out of it, and what it refuses.

use super::*;

#[tokio::test]
async fn rows_are_added_replaced_and_merged() {
    let mut w = World::new();
    let t = target(1, "related");
    assert_snapshot!(w.land(&t, Change::Append, batch(&[row(1, "a", 10), row(2, "b", 11)]), None).await.unwrap(),
        @"unchanged false written 2 removed 0 footprint 2 [] days [10, 11] same slices 0 same ranges 0");
    assert_snapshot!(w.land(&t, Change::Append, batch(&[row(2, "b", 11)]), None).await.unwrap(),
        @"unchanged false written 1 removed 0 footprint 1 [] days [11] same slices 0 same ranges 0");
    assert_snapshot!(w.rows(&t).await, @"
    1 a 1970-01-11
    2 b 1970-01-12
    2 b 1970-01-12
    ");
    // As a table: one of the doubled rows goes, one comes.
    assert_snapshot!(w.land(&t, Change::ReplaceTable, batch(&[row(1, "a", 10), row(2, "b", 11), row(3, "c", 12)]), None).await.unwrap(),
        @"unchanged false written 1 removed 1 footprint 2 [] days [11, 12] same slices 0 same ranges 0");
    assert_snapshot!(w.land(&t, MERGE(), batch(&[row(1, "a", 10), row(2, "B", 11), row(4, "d", 13), row(3, "c", 12)]), Some(vec![false, false, false, true])).await.unwrap(),
        @"unchanged false written 2 removed 2 footprint 4 [] days [11, 12, 13] same slices 0 same ranges 0");
    assert_snapshot!(w.rows(&t).await, @"
    1 a 1970-01-11
    2 B 1970-01-12
    4 d 1970-01-14
    ");
}

#[tokio::test]
async fn slices_are_replaced_alone() {
    let mut w = World::new();
    let t = target(1, "related");
    w.land(
        &t,
        Change::ReplaceTable,
        batch(&[row(1, "a", 10), row(2, "b", 11), row(3, "c", 12)]),
        None,
    )
    .await
    .unwrap();
    let change = |names: &[&str]| Change::ReplaceSlices {
        columns: vec!["name".into()],
        slices: names.iter().map(|n| slice(n)).collect(),
    };
    assert_snapshot!(w.land(&t, change(&["a", "b", "d"]), batch(&[row(1, "a", 10), row(9, "b", 11), row(8, "b", 20)]), None).await.unwrap(),
        @"unchanged false written 2 removed 1 footprint 3 [name=b] days [11, 20] same slices 2 same ranges 0");
    assert_snapshot!(w.rows(&t).await, @"
    1 a 1970-01-11
    3 c 1970-01-13
    8 b 1970-01-21
    9 b 1970-01-12
    ");
    assert_snapshot!(said(w.land(&t, change(&["a"]), batch(&[row(1, "a", 10), row(2, "z", 1)]), None).await), @"
    error: 1 rows for serving.related belong to other slices (name)
      table: related
    ");
}

#[tokio::test]
async fn ranges_are_replaced_alone() {
    let mut w = World::new();
    let t = target(1, "related");
    w.land(
        &t,
        Change::ReplaceTable,
        batch(&[row(1, "a", 10), row(2, "b", 11), row(3, "c", 12), (Some(4), None, None)]),
        None,
    )
    .await
    .unwrap();
    let day = 86_400_000_000;
    let change = |ranges: &[(i64, i64)]| Change::ReplaceRanges {
        column: "day".into(),
        ranges: Spans::of(ranges.iter().map(|(from, to)| Span::new(from * day, to * day))),
    };
    assert_snapshot!(w.land(&t, change(&[(10, 11), (12, 14), (-99_999_999, 0)]), batch(&[row(1, "a", 10), row(5, "e", 13)]), None).await.unwrap(),
        @"unchanged false written 1 removed 1 footprint 2 [] days [12, 13] same slices 0 same ranges 4");
    assert_snapshot!(w.rows(&t).await, @"
    1 a 1970-01-11
    2 b 1970-01-12
    4  
    5 e 1970-01-14
    ");
    let mut refused = Vec::new();
    for outside in [row(1, "a", 11), (Some(1), None, None)] {
        refused.push(said(w.land(&t, change(&[(10, 11)]), batch(&[outside]), None).await));
    }
    assert_snapshot!(refused.join("\n"), @"
    error: 1 rows for serving.related lie outside the ranges of day
      table: related
    error: 1 rows for serving.related lie outside the ranges of day
      table: related
    ");
}

#[tokio::test]
async fn empty_and_doubled_keys_are_refused() {
    let mut w = World::new();
    let t = target(1, "related");
    assert_snapshot!(said(w.land(&t, MERGE(), batch(&[(None, Some("a"), None)]), None).await), @"
    error: 1 rows for serving.related have an empty key (id)
      table: related
    ");
    assert_snapshot!(said(w.land(&t, MERGE(), batch(&[row(1, "a", 1), row(1, "b", 1)]), None).await), @"
    error: 2 rows for serving.related share a key (id) with another
      table: related
    ");
    w.land(&t, MERGE(), batch(&[row(1, "a", 1)]), None).await.unwrap();
    let db = Connection::open(w.path()).unwrap();
    let sql: String = db
        .query_row("select sql from sqlite_master where name = 'related'", [], |r| r.get(0))
        .unwrap();
    assert_snapshot!(sql, @r#"CREATE TABLE "related" ("id" INTEGER not null, "name" TEXT, "day" DATE, primary key ("id"))"#);
}
