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
async fn equal_rows_are_no_change() {
    let mut w = World::new();
    let t = target(1, "related");
    let rows = [row(1, "a", 10), row(2, "b", 11), (None, None, None)];
    w.land(&t, Change::ReplaceTable, batch(&rows), None).await.unwrap();
    for change in [Change::ReplaceTable, MERGE()] {
        let rows = if change == MERGE() { &rows[..2] } else { &rows };
        let (_, worked) = w.record(&t, change, batch(rows), None).await.unwrap();
        assert!(worked.unchanged && worked.footprint.is_nothing(), "{worked:?}");
    }
    let (_, worked) = w.record(&t, Change::ReplaceTable, batch(&[]), None).await.unwrap();
    assert_eq!((worked.unchanged, worked.rows_removed), (false, 3));
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
        @"unchanged false written 1 removed 1 footprint 2 [] days [12, 13] same slices 0 same ranges 2");
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

/// Random changes, one after the other, on this sink and on the simple one in memory: the same rows, the same answers.
#[tokio::test]
async fn it_does_what_the_sink_in_memory_does() {
    let mut seed = 5u64;
    let mut random = move |below: u64| {
        seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (seed >> 33) % below
    };
    let names = ["a", "b", "c", "d"];
    for _ in 0..12 {
        let mut w = World::new();
        let memory: Arc<dyn Sink> = Arc::new(segue_testkit::sink::MemSink::new(false));
        let t = target(1, "related");
        for step in 0..10 {
            let merges = step > 0 && random(4) == 0;
            let mut rows: Vec<Row> = (0..random(8))
                .map(|_| {
                    (
                        Some(random(6) as i64),
                        Some(names[random(4) as usize]),
                        Some(random(5) as i32),
                    )
                })
                .collect();
            let (mut change, mut deletes) = (Change::ReplaceTable, None);
            let day = 86_400_000_000;
            match random(4) {
                _ if merges => {
                    rows.sort();
                    rows.dedup_by_key(|r| r.0);
                    change = MERGE();
                    deletes = Some(rows.iter().map(|_| random(3) == 0).collect::<Vec<_>>());
                }
                0 => change = Change::Append,
                1 => {
                    let slices: Vec<&str> = names.iter().copied().filter(|_| random(2) == 0).collect();
                    rows.retain(|r| r.1.is_some_and(|n| slices.contains(&n)));
                    let slices = slices.iter().map(|n| slice(n)).collect();
                    change = Change::ReplaceSlices {
                        columns: vec!["name".into()],
                        slices,
                    };
                }
                2 => {
                    let ranges = Spans::of(
                        (0..5)
                            .filter(|_| random(2) == 0)
                            .map(|d| Span::new(d * day, (d + 1) * day)),
                    );
                    rows.retain(|r| {
                        r.2.is_some_and(|d| ranges.meets(&Span::new(i64::from(d) * day, i64::from(d) * day + 1)))
                    });
                    change = Change::ReplaceRanges {
                        column: "day".into(),
                        ranges,
                    };
                }
                _ => {}
            }
            let told = |worked: &WorkedOut| {
                let footprint = match &worked.footprint {
                    // The memory's own spans of days are of single values; the ones here are of days.
                    Footprint::Parts { labels, rows, .. } => format!("{labels:?} {rows}"),
                    Footprint::Everything => "everything".into(),
                };
                format!(
                    "{} {} {} {:?} {footprint}",
                    worked.unchanged, worked.rows_written, worked.rows_removed, worked.unchanged_slices
                )
            };
            let (record, worked) = w
                .record(&t, change.clone(), batch(&rows), deletes.clone())
                .await
                .unwrap();
            let incoming = Rows {
                batch: batch(&rows),
                deletes: deletes.clone().map(BooleanArray::from),
            };
            let staged = vec![
                memory
                    .stage(&t, schema(), stream::iter([Ok(incoming)]).boxed(), &w.ctx)
                    .await
                    .unwrap(),
            ];
            let expected = memory
                .work_out(&t, schema(), &change, &staged, &record.own().grains, &w.ctx)
                .await
                .unwrap();
            assert_eq!(told(&worked), told(&expected), "{change:?} with {rows:?} {deletes:?}");
            let days = |worked: &WorkedOut| match &worked.footprint {
                Footprint::Parts { columns, .. } => columns.get("day").cloned().unwrap_or_default(),
                Footprint::Everything => Spans::none(),
            };
            assert_eq!(days(&worked), days(&expected), "{change:?} with {rows:?}");
            let mut in_memory = record.clone();
            in_memory.parts[0].staged = staged;
            in_memory.parts[0].plan = expected.plan;
            assert!(matches!(
                memory.commit(&in_memory, 0, &w.ctx).await.unwrap(),
                Committed::Written(_)
            ));
            assert_eq!(
                w.sink.commit(&record, 0, &w.ctx).await.unwrap(),
                Committed::Written(record.n)
            );
            let head = memory.head(&t, &w.ctx).await.unwrap();
            let there = w
                .read(memory.at(&t, head.version, &w.ctx).await.unwrap())
                .await
                .unwrap();
            assert_eq!(w.rows(&t).await, text(&there), "{change:?} with {rows:?} {deletes:?}");
        }
    }
}
