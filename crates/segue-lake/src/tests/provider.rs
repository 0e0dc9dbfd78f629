//! Reading through DataFusion.

use super::bed::{Bed, lines, merge, sales};
use arrow_array::RecordBatch;
use datafusion::prelude::SessionContext;
use insta::assert_snapshot;
use segue_core::engine::Relation;
use segue_core::sink::Change;

async fn ask(bed: &Bed, sql: &str) -> String {
    let session = SessionContext::new();
    let view = bed.lake.view_at(&bed.target, None).await.unwrap();
    session.register_table("sales", view.provider().unwrap()).unwrap();
    let answer = async { session.sql(sql).await?.collect().await };
    match answer.await {
        Ok(batches) => lines(&batches),
        Err(e) => format!("error: {e}"),
    }
}

async fn three_files() -> Bed {
    let bed = Bed::disk();
    bed.run(
        Change::Append,
        &sales(&[(1, "seoul", 0, Some(1.0)), (2, "lima", 1, Some(2.0))]),
    )
    .await;
    bed.run(
        Change::Append,
        &sales(&[(11, "oslo", 10, Some(3.0)), (12, "rome", 11, None)]),
    )
    .await;
    bed.run(merge(), &sales(&[(2, "quito", 1, Some(2.0)), (3, "bonn", 2, None)]))
        .await;
    bed
}

#[tokio::test(flavor = "multi_thread")]
async fn queries_see_projection_filters_limits_and_counts() {
    let bed = three_files().await;
    assert_snapshot!(ask(&bed, "select count(*) from sales").await, @"5");
    assert_snapshot!(ask(&bed, "select city from sales where id > 10 and at < timestamp '2024-01-12T00:00:00Z'").await, @"oslo");
    assert_snapshot!(ask(&bed, "select max(id), min(city), max(at), sum(amount) from sales").await, @"12|bonn|2024-01-12T00:00:00Z|6.0");
    assert_snapshot!(ask(&bed, "select id from sales order by id desc limit 2").await, @r"
    11
    12
    ");
    assert_snapshot!(ask(&bed, "select count(*) from (select * from sales limit 3)").await, @"3");
    assert_snapshot!(ask(&bed, "select id from sales where amount is null").await, @r"
    12
    3
    ");
    assert_snapshot!(ask(&bed, "select id from sales where city = 'lima'").await, @"");
}

/// A scan without files still has a partition: operators above it refuse none, and `not in` would take it for no answer.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_read_where_no_file_can_hold_a_row_and_the_answer_is_right() {
    let bed = three_files().await;
    assert_snapshot!(ask(&bed, "select id from sales where id > 1000 order by id").await, @"");
    assert_snapshot!(ask(&bed, "select city, count(*) from sales where id > 1000 group by city").await, @"");
    assert_snapshot!(ask(&bed, "select count(*), count(distinct city) from sales where id > 1000").await, @"0|0");
    assert_snapshot!(ask(&bed, "select distinct city, row_number() over (order by id) from sales where id > 1000").await, @"");
    assert_snapshot!(ask(&bed, "select x from (values (1)) t(x) where x not in (select id from sales where id > 1000)").await, @"1");
    assert_snapshot!(ask(&bed, "select x from (values (1)) t(x) left join sales on id = x and id > 1000 where city is null").await, @"1");
    assert_snapshot!(ask(&bed, "select x from (values (1)) t(x) where not exists (select 1 from sales where id = x and id > 1000)").await, @"1");
}

#[tokio::test(flavor = "multi_thread")]
async fn files_whose_statistics_rule_them_out_are_not_read() {
    let bed = three_files().await;
    let plan = ask(&bed, "explain select id from sales where id = 11").await;
    assert!(plan.contains("file_groups={1 group"), "{plan}");
    // Were another file read, it would be missed.
    let log = std::fs::read_to_string(bed.table_folder().join("_delta_log/00000000000000000001.json")).unwrap();
    for entry in std::fs::read_dir(bed.table_folder()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() && !log.contains(path.file_name().unwrap().to_str().unwrap()) {
            std::fs::remove_file(path).unwrap();
        }
    }
    assert_snapshot!(ask(&bed, "select city from sales where id = 11").await, @"oslo");
    assert_snapshot!(ask(&bed, "select city from sales where at between timestamp '2024-01-11T00:00:00Z' and timestamp '2024-01-12T00:00:00Z'").await, @r"
    oslo
    rome
    ");
    assert!(
        ask(&bed, "select city from sales where id = 1")
            .await
            .starts_with("error")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn old_files_read_with_new_columns_and_wider_types() {
    use segue_core::types::Type;
    use std::sync::Arc;
    let bed = Bed::memory();
    let with = |batch: &RecordBatch, of: Type, value: i64| {
        let mut fields: Vec<_> = batch.schema().fields().to_vec();
        fields.push(Arc::new(of.field("size", true)));
        let mut columns = batch.columns().to_vec();
        let values: arrow_array::ArrayRef = Arc::new(arrow_array::Int64Array::from(vec![value]));
        columns.push(arrow_cast::cast(&values, &of.arrow()).unwrap());
        RecordBatch::try_new(Arc::new(arrow_schema::Schema::new(fields)), columns).unwrap()
    };
    bed.run(Change::Append, &sales(&[(1, "a", 0, None)])).await;
    bed.run(Change::Append, &with(&sales(&[(2, "b", 0, None)]), Type::Int16, 7))
        .await;
    assert_snapshot!(ask(&bed, "select id, size from sales where size is null or size > 3").await, @r"
    1|
    2|7
    ");
    bed.run(
        Change::Append,
        &with(&sales(&[(3, "c", 0, None)]), Type::Int64, 5_000_000_000),
    )
    .await;
    assert_snapshot!(ask(&bed, "select id, size from sales").await, @r"
    1|
    2|7
    3|5000000000
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn long_texts_and_fine_times_are_found_through_their_bounds() {
    let bed = Bed::memory();
    let long: &'static str = Box::leak(format!("{}z", "y".repeat(60)).into_boxed_str());
    let mut batch = sales(&[(1, long, 0, Some(f64::NAN)), (2, "a", 1, Some(1.0))]);
    // 999 microseconds past a millisecond, as an upper bound.
    let mut columns = batch.columns().to_vec();
    let at = super::bed::START + 999;
    columns[2] = std::sync::Arc::new(arrow_array::TimestampMicrosecondArray::from(vec![at, at]).with_timezone("UTC"));
    batch = RecordBatch::try_new(batch.schema(), columns).unwrap();
    bed.run(Change::Append, &batch).await;
    assert_snapshot!(ask(&bed, &format!("select id from sales where city = '{long}'")).await, @"1");
    assert_snapshot!(ask(&bed, "select id from sales where city > 'yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy'").await, @"1");
    assert_snapshot!(ask(&bed, "select id from sales where at >= timestamp '2024-01-01T00:00:00.000999Z'").await, @r"
    1
    2
    ");
    assert_snapshot!(ask(&bed, "select id from sales where amount > 5").await, @"1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_says_which_it_is_and_what_it_holds() {
    let bed = three_files().await;
    let pinned = bed.lake.view_at(&bed.target, None).await.unwrap().pinned().unwrap();
    let again = bed.lake.view_at(&bed.target, Some(pinned.version)).await.unwrap();
    assert_eq!(again.pinned().as_ref(), Some(&pinned));
    let before = bed.lake.view_at(&bed.target, Some(pinned.version - 1)).await.unwrap();
    let before = before.pinned().unwrap();
    assert_eq!((before.table, before.version), (bed.target.table, pinned.version - 1));
    assert_ne!(before.content, pinned.content);
}
