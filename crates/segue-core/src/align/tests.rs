use super::*;
use arrow_array::{Float64Array, Int32Array, Int64Array, StringViewArray};

fn batch(name: &str, column: ArrayRef) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable([(name, column, true)]).unwrap()
}

fn schema(columns: &[(&str, &str, bool)]) -> SchemaRef {
    Arc::new(Schema::new(
        columns
            .iter()
            .map(|(n, t, nullable)| t.parse::<Type>().unwrap().field(n, *nullable))
            .collect::<Vec<_>>(),
    ))
}

#[test]
fn narrowing_is_refused() {
    let error = align(
        &batch("a", Arc::new(Float64Array::from(vec![2.5]))),
        &schema(&[("a", "int64", true)]),
    )
    .unwrap_err();
    insta::assert_snapshot!(error.message(), @"column `a` is float64 and the table has int64: a value could change");
}

#[test]
fn widening_and_missing_columns_are_done() {
    let aligned = align(
        &batch("a", Arc::new(Int32Array::from(vec![7]))),
        &schema(&[("b", "string", true), ("a", "int64", true)]),
    )
    .unwrap();
    assert_eq!(aligned.column(1).as_ref(), &Int64Array::from(vec![7]) as &dyn Array);
    assert_eq!(aligned.column(0).null_count(), 1);
}

#[test]
fn views_become_plain_text() {
    let aligned = align(
        &batch("a", Arc::new(StringViewArray::from(vec!["x"]))),
        &schema(&[("a", "string", true)]),
    )
    .unwrap();
    assert_eq!(aligned.column(0).data_type(), &DataType::Utf8);
}

#[test]
fn unknown_and_required_columns_are_named() {
    let extra = align(
        &batch("z", Arc::new(Int32Array::from(vec![7]))),
        &schema(&[("a", "int32", true)]),
    )
    .unwrap_err();
    insta::assert_snapshot!(extra.message(), @"column `z` is not in the table");
    let missing = align(
        &batch("a", Arc::new(Int32Array::from(vec![7]))),
        &schema(&[("a", "int32", true), ("b", "int32", false)]),
    )
    .unwrap_err();
    insta::assert_snapshot!(missing.message(), @"column `b` is required and has 1 empty values");
}
