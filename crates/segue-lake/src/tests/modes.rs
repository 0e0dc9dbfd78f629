//! Changes in which rows meet by a key: against the model, and what they do to files.

use super::bed::{Bed, deleting, sales};
use crate::{Lake, LakeOptions};
use insta::assert_snapshot;
use object_store::memory::InMemory;
use segue_core::history::follows;
use segue_core::sink::{Change, Missing, Sink, valid_columns};
use segue_testkit::modes::{Mode, play};
use std::sync::Arc;

#[tokio::test]
async fn the_lake_and_a_list_of_rows_come_to_the_same() {
    for mode in Mode::ALL {
        for seed in 0..8 {
            // Files of one row group's least size, so that there are many.
            let options = LakeOptions {
                target_file_bytes: 4 << 10,
                ..LakeOptions::default()
            };
            let url = "memory:///lake".parse().unwrap();
            let lake = Lake::with_store(Arc::new(InMemory::new()), url, &options).unwrap();
            let bed = Bed::on(lake, None);
            let sink: Arc<dyn Sink> = Arc::new(bed.lake.clone());
            play(&sink, mode, seed, &bed.ctx).await;
        }
    }
}

fn delete_insert() -> Change {
    Change::DeleteInsert { key: vec!["id".into()] }
}

#[tokio::test]
async fn a_keys_rows_come_and_go_together() {
    let bed = Bed::memory();
    bed.run(
        Change::Append,
        &sales(&[(1, "a", 0, None), (1, "b", 1, None), (2, "c", 2, None)]),
    )
    .await;
    assert_snapshot!(bed.run(delete_insert(), &sales(&[(1, "a", 0, None), (1, "z", 3, None), (1, "z", 3, None), (4, "d", 4, None)])).await, @r"
    +3 -1
    footprint: 4 rows, at in [1, 2) [3, 5)
    commit 2 is version 1
    ");
    assert_snapshot!(bed.rows().await, @r"
    1|a|2024-01-01T00:00:00Z|
    1|z|2024-01-04T00:00:00Z|
    1|z|2024-01-04T00:00:00Z|
    2|c|2024-01-03T00:00:00Z|
    4|d|2024-01-05T00:00:00Z|
    ");
    // Equal rows, in another order: no change. One of two equal rows less is one.
    assert_snapshot!(bed.run(delete_insert(), &sales(&[(1, "z", 3, None), (1, "z", 3, None), (1, "a", 0, None)])).await, @"unchanged");
    assert_snapshot!(bed.run(delete_insert(), &sales(&[(1, "z", 3, None), (1, "a", 0, None)])).await, @r"
    +0 -1
    footprint: 1 rows, at in [3, 4)
    commit 3 is version 2
    ");
    let rows = deleting(&[((2, "", 0, None), true)]);
    assert_snapshot!(bed.run_all(delete_insert(), rows.batch.schema(), vec![rows]).await, @r"
    +0 -1
    footprint: 1 rows, at in [2, 3)
    commit 4 is version 3
    ");
}

#[tokio::test]
async fn files_without_a_key_that_comes_are_left_alone() {
    let bed = Bed::memory();
    bed.run(Change::Append, &sales(&[(1, "a", 0, None), (2, "a", 0, None)]))
        .await;
    bed.run(Change::Append, &sales(&[(7, "a", 0, None), (8, "a", 0, None)]))
        .await;
    let batch = sales(&[(7, "b", 0, None)]);
    let staged = vec![bed.stage(&batch).await];
    let done = bed.work_out(&delete_insert(), &staged, batch.schema()).await.unwrap();
    let plan = crate::plan::Plan::from_json(&done.plan).unwrap();
    // The staged file as it is, and the second one without its row.
    assert_eq!((plan.removes.len(), plan.adds.len(), plan.wrote.len()), (1, 2, 1));
}

#[tokio::test]
async fn staged_rows_may_not_have_the_columns_of_a_history() {
    let bed = Bed::memory();
    let at = segue_core::history::follows(0, 0);
    let schema = Arc::new(arrow_schema::Schema::new(
        sales(&[])
            .schema()
            .fields()
            .iter()
            .cloned()
            .chain(valid_columns().map(Arc::new))
            .collect::<Vec<_>>(),
    ));
    let rows = segue_core::history::begun(&sales(&[(1, "a", 0, None)]), &schema, vec![at]).unwrap();
    let change = Change::History {
        key: vec!["id".into()],
        at: jiff::Timestamp::UNIX_EPOCH,
    };
    assert_snapshot!(bed.run(change, &rows).await, @r"
    error: the rows for raw.sales have a column `valid_from`, which is filled by the write mode itself
      hint: give the column another name where it is read
    ");
}

#[tokio::test]
async fn a_first_mark_makes_its_column() {
    let bed = Bed::memory();
    bed.run(Change::Append, &sales(&[(1, "a", 0, None), (2, "b", 1, None)]))
        .await;
    let change = Change::Merge {
        key: vec!["id".into()],
        missing: Missing::Mark {
            at: "2024-02-01T00:00:00Z".parse().unwrap(),
        },
    };
    assert_snapshot!(bed.run(change, &sales(&[(1, "a", 0, None)])).await, @r"
    +1 -1
    footprint: 2 rows, at in [1, 2)
    commit 2 is version 1
    ");
    assert_snapshot!(bed.rows().await, @r"
    1|a|2024-01-01T00:00:00Z||
    2|b|2024-01-02T00:00:00Z||2024-02-01T00:00:00Z
    ");
}

#[tokio::test]
async fn a_history_closes_and_follows() {
    let bed = Bed::memory();
    let at = |text: &str| Change::History {
        key: vec!["id".into()],
        at: text.parse().unwrap(),
    };
    bed.run(
        at("2024-02-01T00:00:00Z"),
        &sales(&[(1, "a", 0, None), (2, "b", 1, None)]),
    )
    .await;
    // The clock was set back.
    assert_snapshot!(bed.run(at("2024-01-01T00:00:00Z"), &sales(&[(1, "z", 3, None), (2, "b", 1, None)])).await, @r"
    +2 -1
    footprint: 3 rows, at in [0, 1) [3, 4)
    commit 2 is version 1
    ");
    assert_snapshot!(bed.rows().await, @r"
    1|a|2024-01-01T00:00:00Z||2024-02-01T00:00:00Z|2024-02-01T00:00:00.000001Z|false
    1|z|2024-01-04T00:00:00Z||2024-02-01T00:00:00.000001Z||true
    2|b|2024-01-02T00:00:00Z||2024-02-01T00:00:00Z||true
    ");
    assert_snapshot!(bed.run(at("2024-03-01T00:00:00Z"), &sales(&[(1, "z", 3, None)])).await, @"unchanged");
}

#[test]
fn what_follows_never_ends_before_it_began() {
    assert_eq!(follows(5, 3), 5);
    assert_eq!(follows(3, 3), 4);
    assert_eq!(follows(1, 3), 4);
    assert_eq!(follows(1, i64::MAX), i64::MAX);
}
