//! What each kind of change does to rows, footprint and files.

use super::bed::{Bed, deleting, merge, ranges, rows_of, sales, slices};
use insta::assert_snapshot;
use segue_core::sink::{Change, Rows, Sink};
use segue_core::types::Type;
use std::sync::Arc;

#[tokio::test]
async fn append_adds_and_says_which_days() {
    let bed = Bed::disk();
    assert_snapshot!(bed.run(Change::Append, &sales(&[(1, "seoul", 0, Some(2.5)), (2, "lima", 3, None)])).await, @r"
    +2 -0
    footprint: 2 rows, at in [0, 1) [3, 4)
    commit 1 is version 0
    ");
    assert_snapshot!(bed.run(Change::Append, &sales(&[(3, "oslo", 1, Some(1.0))])).await, @r"
    +1 -0
    footprint: 1 rows, at in [1, 2)
    commit 2 is version 1
    ");
    assert_snapshot!(bed.rows().await, @r"
    1|seoul|2024-01-01T00:00:00Z|2.5
    2|lima|2024-01-04T00:00:00Z|
    3|oslo|2024-01-02T00:00:00Z|1.0
    ");
    assert_snapshot!(bed.run(Change::Append, &sales(&[])).await, @"unchanged");
}

#[tokio::test]
async fn replacing_the_table_by_equal_rows_in_another_order_changes_nothing() {
    let bed = Bed::memory();
    let (a, b, c) = ((1, "seoul", 0, Some(2.5)), (2, "lima", 3, None), (2, "lima", 3, None));
    bed.run(Change::ReplaceTable, &sales(&[a, b, c])).await;
    assert_snapshot!(bed.run(Change::ReplaceTable, &sales(&[c, a, b])).await, @"unchanged");
    // One of two equal rows less is a change.
    assert_snapshot!(bed.run(Change::ReplaceTable, &sales(&[a, b])).await, @r"
    +0 -1
    footprint: 1 rows, at in [3, 4)
    commit 2 is version 1
    ");
    assert_snapshot!(bed.run(Change::ReplaceTable, &sales(&[])).await, @r"
    +0 -2
    footprint: 2 rows, at in [0, 1) [3, 4)
    commit 3 is version 2
    ");
    assert_snapshot!(bed.rows_at(0).await, @r"
    1|seoul|2024-01-01T00:00:00Z|2.5
    2|lima|2024-01-04T00:00:00Z|
    2|lima|2024-01-04T00:00:00Z|
    ");
    assert_snapshot!(bed.rows().await, @"");
}

#[tokio::test]
async fn slices_that_are_equal_are_left_out_and_others_untouched() {
    let bed = Bed::disk();
    bed.run(
        Change::Append,
        &sales(&[
            (1, "seoul", 0, Some(1.0)),
            (2, "lima", 1, Some(2.0)),
            (3, "oslo", 2, Some(3.0)),
        ]),
    )
    .await;
    bed.run(
        Change::Append,
        &sales(&[(4, "seoul", 5, Some(4.0)), (5, "lima", 6, Some(5.0))]),
    )
    .await;
    // Seoul is equal, in one file now; Lima loses a row and changes one; Quito is new; Rome has none before and after.
    let again = sales(&[
        (4, "seoul", 5, Some(4.0)),
        (1, "seoul", 0, Some(1.0)),
        (2, "lima", 1, Some(2.5)),
        (9, "quito", 9, None),
    ]);
    assert_snapshot!(bed.run(slices(&["seoul", "lima", "quito", "rome"]), &again).await, @r"
    +2 -2
    unchanged: city=rome, city=seoul
    footprint: 4 rows, city=lima, city=quito, at in [1, 2) [6, 7) [9, 10)
    commit 3 is version 2
    ");
    assert_snapshot!(bed.rows().await, @r"
    1|seoul|2024-01-01T00:00:00Z|1.0
    2|lima|2024-01-02T00:00:00Z|2.5
    3|oslo|2024-01-03T00:00:00Z|3.0
    4|seoul|2024-01-06T00:00:00Z|4.0
    9|quito|2024-01-10T00:00:00Z|
    ");
    assert_snapshot!(bed.run(slices(&["quito"]), &sales(&[(9, "quito", 9, None)])).await, @"unchanged");
    assert_snapshot!(bed.run(slices(&["quito"]), &sales(&[])).await, @r"
    +0 -1
    footprint: 1 rows, city=quito, at in [9, 10)
    commit 4 is version 3
    ");
    assert_snapshot!(bed.run(slices(&["quito"]), &sales(&[(7, "bonn", 9, None)])).await, @r"
    error[SG0403]: a row of raw.sales lies outside the slices that it replaces
      hint: each row must carry the labels of its slice, or lie between $from and $to
      more: segue explain SG0403
    ");
}

#[tokio::test]
async fn a_label_that_is_a_number_and_one_that_is_its_text_are_one_slice() {
    use segue_core::Labels;
    use serde_json::json;
    use std::collections::BTreeSet;
    let bed = Bed::memory();
    bed.run(Change::Append, &sales(&[(1, "seoul", 0, None), (2, "lima", 0, None)]))
        .await;
    let by_id = |value: serde_json::Value| Change::ReplaceSlices {
        columns: vec!["id".to_string()],
        slices: BTreeSet::from([Labels::from_iter([("id".to_string(), value)])]),
    };
    bed.run(by_id(json!(1)), &sales(&[(1, "rome", 0, None)])).await;
    bed.run(by_id(json!("2")), &sales(&[(2, "bonn", 0, None)])).await;
    assert_snapshot!(bed.rows().await, @r"
    1|rome|2024-01-01T00:00:00Z|
    2|bonn|2024-01-01T00:00:00Z|
    ");
    assert_snapshot!(bed.run(by_id(json!("two")), &sales(&[])).await, @r"
    error: a slice's label is no value of column `id`
      cause: Cast error: Cannot cast string 'two' to value of Int64 type
    ");
}

#[tokio::test]
async fn ranges_replace_their_rows_and_leave_equal_days_out() {
    let bed = Bed::memory();
    bed.run(
        Change::Append,
        &sales(&[
            (1, "a", 0, None),
            (2, "a", 1, None),
            (3, "a", 2, None),
            (4, "a", 8, None),
        ]),
    )
    .await;
    assert_snapshot!(bed.run(ranges(&[(0, 3), (5, 6)]), &sales(&[(1, "a", 0, None), (2, "b", 1, None), (3, "a", 2, None)])).await, @r"
    +1 -1
    unchanged: [0, 1) [1.000000000011574, 3) [5, 6)
    footprint: 2 rows, at in [1, 2)
    commit 2 is version 1
    ");
    assert_snapshot!(bed.run(ranges(&[(0, 3)]), &sales(&[])).await, @r"
    +0 -3
    unchanged: [0.000000000011574074074074074, 1) [1.000000000011574, 2) [2.000000000011574, 3)
    footprint: 3 rows, at in [0, 3)
    commit 3 is version 2
    ");
    assert_snapshot!(bed.rows().await, @"4|a|2024-01-09T00:00:00Z|");
    assert_snapshot!(bed.run(ranges(&[(0, 3)]), &sales(&[(1, "a", 3, None)])).await, @r"
    error[SG0403]: a row of raw.sales lies outside the ranges that it replaces
      hint: each row must carry the labels of its slice, or lie between $from and $to
      more: segue explain SG0403
    ");
    let by_city = Change::ReplaceRanges {
        column: "city".to_string(),
        ranges: Default::default(),
    };
    assert_snapshot!(bed.run(by_city, &sales(&[])).await, @r"
    error: column `city` cannot hold ranges
      hint: the output column of a range is a date, a timestamp or a whole number
    ");
}

#[tokio::test]
async fn merge_upserts_deletes_and_leaves_equal_rows() {
    let bed = Bed::disk();
    let first = sales(&[
        (1, "seoul", 0, Some(1.0)),
        (2, "lima", 1, Some(2.0)),
        (3, "oslo", 2, None),
    ]);
    assert_snapshot!(bed.run(merge(), &first).await, @r"
    +3 -0
    footprint: 3 rows, at in [0, 3)
    commit 1 is version 0
    ");
    assert_snapshot!(bed.run(merge(), &first).await, @"unchanged");
    let rows = deleting(&[
        ((1, "seoul", 0, Some(1.0)), false),
        ((2, "lima", 9, Some(2.0)), false),
        ((3, "", 0, None), true),
        ((4, "rome", 4, None), false),
        ((77, "", 0, None), true),
    ]);
    assert_snapshot!(bed.run_all(merge(), rows.batch.schema(), vec![rows]).await, @r"
    +2 -2
    footprint: 4 rows, at in [1, 3) [4, 5) [9, 10)
    commit 2 is version 1
    ");
    assert_snapshot!(bed.rows().await, @r"
    1|seoul|2024-01-01T00:00:00Z|1.0
    2|lima|2024-01-10T00:00:00Z|2.0
    4|rome|2024-01-05T00:00:00Z|
    ");
    assert_snapshot!(bed.rows_at(0).await, @r"
    1|seoul|2024-01-01T00:00:00Z|1.0
    2|lima|2024-01-02T00:00:00Z|2.0
    3|oslo|2024-01-03T00:00:00Z|
    ");
}

#[tokio::test]
async fn a_merge_refuses_keys_that_are_doubled_or_empty() {
    let bed = Bed::memory();
    assert_snapshot!(bed.run(merge(), &sales(&[(1, "a", 0, None), (1, "b", 0, None)])).await, @r"
    error[SG0404]: the key (id) of raw.sales is not unique: 1 comes twice
      hint: set such rows aside with a check `unique` at `on_failure: quarantine`, or choose another key
      more: segue explain SG0404
    ");
    let both = deleting(&[((1, "a", 0, None), false), ((1, "a", 0, None), true)]);
    assert_snapshot!(bed.run_all(merge(), both.batch.schema(), vec![both]).await, @r"
    error[SG0404]: the key (id) of raw.sales is not unique: 1 comes twice
      hint: set such rows aside with a check `unique` at `on_failure: quarantine`, or choose another key
      more: segue explain SG0404
    ");
    let by_amount = Change::merge(["city", "amount"]);
    assert_snapshot!(bed.run(by_amount, &sales(&[(1, "a", 0, None)])).await, @r"
    error[SG0404]: the key's column `amount` of raw.sales is empty in a row
      hint: set such rows aside with a check `not_null` at `on_failure: quarantine`
      more: segue explain SG0404
    ");
}

#[tokio::test]
async fn a_merge_reads_only_files_whose_bounds_meet_its_keys() {
    let bed = Bed::disk();
    bed.run(Change::Append, &sales(&[(1, "a", 0, None), (9, "a", 0, None)]))
        .await;
    bed.run(Change::Append, &sales(&[(20, "a", 0, None), (29, "a", 0, None)]))
        .await;
    // Were the first file read, it would be missed.
    let first = bed.lake.view_at(&bed.target, Some(0)).await.unwrap();
    let staged = vec![bed.stage(&sales(&[(22, "new", 0, None), (29, "b", 0, None)])).await];
    assert!(rows_of(first.as_ref()).await.contains("9|a"));
    for entry in std::fs::read_dir(bed.table_folder()).unwrap() {
        let path = entry.unwrap().path();
        let log = std::fs::read_to_string(bed.table_folder().join("_delta_log/00000000000000000000.json")).unwrap();
        if path.is_file() && log.contains(path.file_name().unwrap().to_str().unwrap()) {
            std::fs::remove_file(path).unwrap();
        }
    }
    let done = bed.work_out(&merge(), &staged, sales(&[]).schema()).await.unwrap();
    assert_snapshot!(super::bed::shown(&done), @r"
    +2 -1
    footprint: 3 rows, at in [0, 1)
    ");
}

#[tokio::test]
async fn new_columns_are_null_in_old_rows_and_wider_types_hold_old_values() {
    let bed = Bed::disk();
    let narrow = with_column(&sales(&[(1, "a", 0, None)]), "size", Type::Int32, &[7]);
    bed.run(Change::Append, &narrow).await;
    // Wider, and one column more.
    let wide = with_column(&sales(&[(2, "b", 0, None)]), "size", Type::Int64, &[5_000_000_000]);
    let wide = with_column(&wide, "extra", Type::Int16, &[3]);
    assert_snapshot!(bed.run(Change::Append, &wide).await, @r"
    +1 -0
    footprint: 1 rows, at in [0, 1)
    commit 2 is version 1
    ");
    // Narrower rows fit a wider table.
    bed.run(
        Change::Append,
        &with_column(&sales(&[(3, "c", 0, None)]), "size", Type::Int8, &[1]),
    )
    .await;
    assert_snapshot!(bed.rows().await, @r"
    1|a|2024-01-01T00:00:00Z||7|
    2|b|2024-01-01T00:00:00Z||5000000000|3
    3|c|2024-01-01T00:00:00Z||1|
    ");
    assert_snapshot!(bed.rows_at(0).await, @"1|a|2024-01-01T00:00:00Z||7");
}

#[tokio::test]
async fn what_does_not_fit_is_refused_and_nothing_is_narrowed() {
    let bed = Bed::memory();
    bed.run(
        Change::Append,
        &with_column(&sales(&[(1, "a", 0, None)]), "size", Type::Int32, &[7]),
    )
    .await;
    let table = bed.lake.head(&bed.target, &bed.ctx).await.unwrap().schema.unwrap();
    // 2.5 into a column of whole numbers: the library would store 2.
    let float = with_floats(&sales(&[(2, "b", 0, None)]), "size", &[2.5]);
    let staged = vec![bed.stage(&float).await];
    let refused = bed
        .lake
        .work_out(&bed.target, table, &Change::Append, &staged, &[], &bed.ctx)
        .await;
    assert_snapshot!(refused.unwrap_err().to_text(), @r"
    error: column `size` is float64 and the table has int32: a value could change
      hint: cast it in the SQL, or change the column's type; widening is done by itself, narrowing never
    ");
    let narrower = with_column(&sales(&[(2, "b", 0, None)]), "size", Type::Int8, &[2]);
    let staged = vec![bed.stage(&narrower).await];
    let refused = bed
        .lake
        .work_out(&bed.target, narrower.schema(), &Change::Append, &staged, &[], &bed.ctx)
        .await;
    assert_snapshot!(refused.unwrap_err().to_text(), @r"
    error[SG0405]: column `size` of raw.sales is int32 and would become int8
      hint: build the table anew with --rebuild
      more: segue explain SG0405
    ");
    let fewer = sales(&[(2, "b", 0, None)]);
    let staged = vec![bed.stage(&fewer).await];
    let refused = bed
        .lake
        .work_out(&bed.target, fewer.schema(), &Change::Append, &staged, &[], &bed.ctx)
        .await;
    assert_snapshot!(refused.unwrap_err().to_text(), @r"
    error[SG0405]: column `size` of raw.sales would be lost
      hint: build the table anew with --rebuild
      more: segue explain SG0405
    ");
}

#[tokio::test]
async fn a_view_shows_the_table_as_it_would_be_and_the_staged_rows_alone() {
    let bed = Bed::memory();
    bed.run(Change::Append, &sales(&[(1, "a", 0, None), (2, "b", 0, None)]))
        .await;
    let rows = deleting(&[
        ((1, "", 0, None), true),
        ((2, "c", 0, None), false),
        ((3, "d", 0, None), false),
    ]);
    let staged = vec![bed.stage_all(rows.batch.schema(), vec![rows]).await.unwrap()];
    let done = bed.work_out(&merge(), &staged, sales(&[]).schema()).await.unwrap();
    let view = bed.lake.view(&bed.target, &done.plan, &bed.ctx).await.unwrap();
    assert_snapshot!(rows_of(view.as_ref()).await, @r"
    2|c|2024-01-01T00:00:00Z|
    3|d|2024-01-01T00:00:00Z|
    ");
    let alone = bed.lake.staged(&bed.target, &staged, &bed.ctx).await.unwrap();
    assert_eq!(rows_of(alone.as_ref()).await, rows_of(view.as_ref()).await);
    assert_snapshot!(bed.rows().await, @r"
    1|a|2024-01-01T00:00:00Z|
    2|b|2024-01-01T00:00:00Z|
    ");
}

#[tokio::test]
async fn a_failed_stage_leaves_nothing_and_discarding_twice_is_fine() {
    let bed = Bed::disk();
    let rows = vec![
        Ok(Rows {
            batch: sales(&[(1, "a", 0, None)]),
            deletes: None,
        }),
        Err(segue_core::Error::new(
            segue_core::Kind::Unavailable,
            "the source is gone",
        )),
    ];
    let rows = futures::StreamExt::boxed(futures::stream::iter(rows));
    let refused = bed.lake.stage(&bed.target, sales(&[]).schema(), rows, &bed.ctx).await;
    assert_snapshot!(refused.unwrap_err(), @"the source is gone");
    let staged = vec![bed.stage(&sales(&[(1, "a", 0, None)])).await];
    bed.lake.discard(&bed.target, &staged, None, &bed.ctx).await.unwrap();
    bed.lake.discard(&bed.target, &staged, None, &bed.ctx).await.unwrap();
    let left = std::fs::read_dir(bed.table_folder()).unwrap().count();
    assert_eq!(left, 0, "files were left behind");
}

fn with_column(batch: &arrow_array::RecordBatch, name: &str, of: Type, values: &[i64]) -> arrow_array::RecordBatch {
    let values: arrow_array::ArrayRef = Arc::new(arrow_array::Int64Array::from(values.to_vec()));
    let values = arrow_cast::cast(&values, &of.arrow()).unwrap();
    add(batch, of.field(name, true), values)
}

fn with_floats(batch: &arrow_array::RecordBatch, name: &str, values: &[f64]) -> arrow_array::RecordBatch {
    add(
        batch,
        Type::Float64.field(name, true),
        Arc::new(arrow_array::Float64Array::from(values.to_vec())),
    )
}

fn add(
    batch: &arrow_array::RecordBatch,
    field: arrow_schema::Field,
    values: arrow_array::ArrayRef,
) -> arrow_array::RecordBatch {
    let mut fields: Vec<_> = batch.schema().fields().to_vec();
    fields.push(Arc::new(field));
    let mut columns = batch.columns().to_vec();
    columns.push(values);
    arrow_array::RecordBatch::try_new(Arc::new(arrow_schema::Schema::new(fields)), columns).unwrap()
}
