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

/// A cast takes a struct's fields in their order, and would put values under other names.
#[test]
fn structs_widen_by_the_names_of_their_fields() {
    let of = |text: &str| text.parse::<Type>().unwrap().arrow();
    let narrow = "list<struct<a: int32, b: struct<x: string>>>";
    let wide = "list<struct<new: bool, b: struct<y: date, x: string>, a: int64>>";
    let inner = StructArray::new(
        match of("struct<x: string>") {
            DataType::Struct(fields) => fields,
            other => panic!("{other}"),
        },
        vec![Arc::new(arrow_array::StringArray::from(vec!["p", "q"]))],
        None,
    );
    let DataType::List(item) = of(narrow) else { panic!() };
    let DataType::Struct(fields) = item.data_type().clone() else {
        panic!()
    };
    let items = StructArray::new(
        fields,
        vec![Arc::new(Int32Array::from(vec![Some(1), None])), Arc::new(inner)],
        Some(vec![true, true].into()),
    );
    let lists = ListArray::new(
        item,
        arrow_buffer::OffsetBuffer::from_lengths([2, 0, 0]),
        Arc::new(items),
        Some(vec![true, true, false].into()),
    );
    let from = RecordBatch::try_new(schema(&[("l", narrow, true)]), vec![Arc::new(lists)]).unwrap();
    let to = schema(&[("l", wide, true)]);
    let aligned = align(&from, &to).unwrap();
    assert_eq!(aligned.schema(), to);
    let lists = aligned.column(0).as_list::<i32>();
    assert_eq!(
        (lists.value_length(0), lists.value_length(1), lists.is_null(2)),
        (2, 0, true)
    );
    let items = lists.values().as_struct();
    assert_eq!(items.column(0).null_count(), 2);
    assert_eq!(
        items.column(2).as_ref(),
        &Int64Array::from(vec![Some(1), None]) as &dyn Array
    );
    let inner = items.column(1).as_struct();
    assert_eq!(inner.column(0).null_count(), 2);
    assert_eq!(inner.column(1).as_string::<i32>().value(1), "q");
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
