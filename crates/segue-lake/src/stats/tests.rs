//! What stands in the log of a file, for columns of each kind.

use crate::write::Writer;
use arrow_array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int8Array, Int64Array, RecordBatch,
    StringArray, TimestampMicrosecondArray,
};
use arrow_schema::Schema;
use object_store::memory::InMemory;
use segue_core::Type;
use serde_json::Value;
use std::sync::Arc;

/// The statistics of a file with these columns, written in batches of two rows: those of a group, of the file, and of no value.
async fn stats(columns: Vec<(&str, Type, ArrayRef)>) -> Value {
    let fields = columns.iter().map(|(name, of, _)| of.field(name, true));
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let arrays = columns.into_iter().map(|(_, _, values)| values).collect();
    let all = RecordBatch::try_new(schema.clone(), arrays).unwrap();
    let mut writer = Writer::new(
        Arc::new(InMemory::new()),
        "",
        schema,
        1 << 20,
        jiff::Timestamp::UNIX_EPOCH,
    );
    for at in (0..all.num_rows()).step_by(2) {
        writer.write(&all.slice(at, 2.min(all.num_rows() - at))).await.unwrap();
    }
    let files = writer.finish().await.unwrap();
    serde_json::from_str(files[0].stats.as_deref().unwrap()).unwrap()
}

#[tokio::test]
async fn bounds_are_true_ones_or_left_out() {
    let long = |c: char| format!("{}{}", "x".repeat(31), c.to_string().repeat(60));
    let decimal = |values: Vec<Option<i128>>, precision, scale| {
        let array = Decimal128Array::from(values).with_precision_and_scale(precision, scale);
        Arc::new(array.unwrap()) as ArrayRef
    };
    let stats = stats(vec![
        (
            "small",
            Type::Int8,
            Arc::new(Int8Array::from(vec![Some(-3), None, Some(7)])),
        ),
        (
            "large",
            Type::Int64,
            Arc::new(Int64Array::from(vec![i64::MIN, 0, i64::MAX])),
        ),
        (
            "price",
            Type::Decimal(9, 2),
            decimal(vec![Some(-150), Some(225), None], 9, 2),
        ),
        (
            "money",
            Type::Decimal(15, 2),
            decimal(vec![Some(-150), Some(999_999), None], 15, 2),
        ),
        (
            "exact",
            Type::Decimal(38, 2),
            decimal(vec![Some(-7), Some(300), None], 38, 2),
        ),
        ("day", Type::Date, Arc::new(Date32Array::from(vec![-1, 0, 20_000]))),
        (
            "at",
            Type::LocalTimestamp,
            Arc::new(TimestampMicrosecondArray::from(vec![-1, 0, 1_001])),
        ),
        (
            "text",
            Type::String,
            Arc::new(StringArray::from(vec![Some("b"), None, Some("a")])),
        ),
        (
            "long",
            Type::String,
            Arc::new(StringArray::from(vec![long('a'), long('m'), long('z')])),
        ),
        ("json", Type::Json, Arc::new(StringArray::from(vec!["1", "2", "3"]))),
        (
            "flag",
            Type::Bool,
            Arc::new(BooleanArray::from(vec![true, false, true])),
        ),
        (
            "number",
            Type::Float64,
            Arc::new(Float64Array::from(vec![0.5, -2.0, 9.0])),
        ),
        (
            "nan",
            Type::Float64,
            Arc::new(Float64Array::from(vec![0.5, f64::NAN, 9.0])),
        ),
        ("none", Type::Int64, Arc::new(Int64Array::from(vec![None; 3]))),
    ])
    .await;
    let line = |what: &str| format!("{what}: {}", stats[what]);
    insta::assert_snapshot!(["numRecords", "minValues", "maxValues", "nullCount"].map(line).join("\n"), @r#"
    numRecords: 3
    minValues: {"small":-3,"large":-9223372036854775808,"price":-1.5,"money":-1.5,"exact":-0.07,"day":"1969-12-31","at":"1969-12-31T23:59:59.999","text":"a","long":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxa","number":-2.0}
    maxValues: {"small":7,"large":9223372036854775807,"price":2.25,"money":9999.99,"exact":3.0,"day":"2024-10-04","at":"1970-01-01T00:00:00.002","text":"b","long":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx{","number":9.0}
    nullCount: {"small":1,"large":0,"price":1,"money":1,"exact":1,"day":0,"at":0,"text":1,"long":0,"json":0,"flag":0,"number":0,"nan":0,"none":3}
    "#);
}
