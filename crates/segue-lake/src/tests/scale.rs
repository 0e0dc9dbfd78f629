//! Larger tables than a test's few rows: many files, several row groups, memory that does not grow with the table.

use super::bed::{Bed, START};
use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use futures::TryStreamExt;
use segue_core::engine::Relation;
use segue_core::sink::{Change, Rows, Sink};
use std::sync::Arc;

fn many(ids: std::ops::Range<i64>, amount: f64) -> RecordBatch {
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from_iter_values(ids.clone())),
        Arc::new(StringArray::from_iter_values(
            ids.clone().map(|id| format!("city {}", id % 1000)),
        )),
        Arc::new(TimestampMicrosecondArray::from_iter_values(ids.clone().map(|id| START + id)).with_timezone("UTC")),
        Arc::new(Float64Array::from_iter_values(ids.map(|_| amount))),
    ];
    RecordBatch::try_new(super::bed::sales(&[]).schema(), columns).unwrap()
}

fn rows(batch: RecordBatch) -> Vec<Rows> {
    let parts = (0..batch.num_rows()).step_by(10_000);
    parts
        .map(|at| Rows {
            batch: batch.slice(at, 10_000.min(batch.num_rows() - at)),
            deletes: None,
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_thousand_rows_are_merged_and_replaced_exactly() {
    let bed = Bed::disk();
    let schema = many(0..0, 0.0).schema();
    let all = rows(many(0..60_000, 1.0));
    assert!(
        bed.run_all(Change::ReplaceTable, schema.clone(), all)
            .await
            .contains("+60000 -0")
    );
    assert_eq!(
        bed.run_all(Change::ReplaceTable, schema.clone(), rows(many(0..60_000, 1.0)))
            .await,
        "unchanged"
    );
    // Ten thousand rows are equal, and a thousand are new.
    let mut merged = rows(many(50_000..60_000, 1.0));
    merged.extend(rows(many(60_000..61_000, 1.0)));
    let done = bed.run_all(super::bed::merge(), schema.clone(), merged).await;
    assert!(done.contains("+1000 -0"), "{done}");
    let done = bed
        .run_all(super::bed::merge(), schema, rows(many(20_000..30_000, 2.0)))
        .await;
    assert!(done.contains("+10000 -10000"), "{done}");
    let view = bed.lake.view_at(&bed.target, None).await.unwrap();
    assert_eq!(view.row_count(), Some(61_000));
    let session = datafusion::prelude::SessionContext::new();
    session.register_table("t", view.provider().unwrap()).unwrap();
    let sql = "select count(*), count(distinct id), sum(amount) from t";
    let answer = session.sql(sql).await.unwrap().collect().await.unwrap();
    assert_eq!(super::bed::lines(&answer), "61000|61000|71000.0");
    assert_eq!(bed.lake.head(&bed.target, &bed.ctx).await.unwrap().n, 3);
}

#[tokio::test]
async fn with_too_many_different_rows_a_footprint_covers_all_of_the_group() {
    let mut bed = Bed::memory();
    bed.run(Change::ReplaceTable, &many(0..100, 1.0)).await;
    bed.ctx.limits.memory = 64 * 10;
    // One row differs, but only ten could be told apart on the way.
    let mut ids: Vec<RecordBatch> = vec![many(0..99, 1.0), many(200..201, 1.0)];
    let last = ids.pop().unwrap();
    let all = vec![
        Rows {
            batch: ids.remove(0),
            deletes: None,
        },
        Rows {
            batch: last,
            deletes: None,
        },
    ];
    let done = bed.run_all(Change::ReplaceTable, many(0..0, 0.0).schema(), all).await;
    assert!(done.contains("+100 -100"), "{done}");
    assert_eq!(bed.rows().await.lines().count(), 100);
}

#[tokio::test]
async fn large_rows_come_in_small_batches() {
    let bed = Bed::memory();
    let few = many(0..48, 1.0);
    let mut columns = few.columns().to_vec();
    // Equal texts are small in the file and large in memory.
    columns[1] = Arc::new(StringArray::from(vec!["x".repeat(1 << 20); 48]));
    let large = RecordBatch::try_new(few.schema(), columns).unwrap();
    bed.run(Change::Append, &large).await;
    let view = bed.lake.view_at(&bed.target, None).await.unwrap();
    let batches: Vec<RecordBatch> = view.scan(None).await.unwrap().try_collect().await.unwrap();
    let rows: Vec<usize> = batches.iter().map(RecordBatch::num_rows).collect();
    assert_eq!(rows.iter().sum::<usize>(), 48);
    assert!(rows.iter().all(|rows| *rows <= 16), "{rows:?}");
    // Without the texts they are small.
    let batches: Vec<RecordBatch> = view.scan(Some(&[0])).await.unwrap().try_collect().await.unwrap();
    assert_eq!(batches.len(), 1);
}
