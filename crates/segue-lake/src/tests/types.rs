//! Every type returns as it went: value, Arrow type and Segue type.

use super::bed::{Bed, rows_of};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_cast::cast;
use arrow_schema::Schema;
use segue_core::Type;
use segue_core::sink::{Change, Sink};
use std::sync::Arc;

/// A table with one column of each type and three rows: two of values, one empty.
pub(super) fn of_every_type() -> RecordBatch {
    let (mut fields, mut columns) = (Vec::new(), Vec::<ArrayRef>::new());
    for (at, of) in Type::examples().into_iter().enumerate() {
        fields.push(of.field(&format!("c{at}"), true));
        columns.push(values(&of));
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap()
}

fn texts(of: &Type) -> [Option<&'static str>; 3] {
    let (a, b) = match of {
        Type::Bool => ("true", "false"),
        Type::Int8 => ("-128", "127"),
        Type::Int16 => ("-32768", "32767"),
        Type::Int32 => ("-2147483648", "2147483647"),
        Type::Int64 => ("-9223372036854775808", "9223372036854775807"),
        Type::UInt64 => ("0", "18446744073709551615"),
        Type::Float32 => ("-1.5", "3.4e38"),
        Type::Float64 => ("-0.1", "1e300"),
        Type::Decimal(..) => ("-12345678.91", "0.01"),
        Type::Date => ("1969-12-31", "2024-02-29"),
        Type::Time => ("0", "86399999999"),
        Type::Timestamp => ("1969-12-31T23:59:59.999999Z", "2024-02-29T12:00:00.000001Z"),
        Type::LocalTimestamp => ("1969-12-31T23:59:59.999999", "2024-02-29T12:00:00.000001"),
        Type::Uuid => (
            "00000000-0000-0000-0000-000000000000",
            "f47ac10b-58cc-4372-a567-0e02b2c3d479",
        ),
        Type::Json => ("{\"a\": [1, null]}", "1.0"),
        _ => ("", "żółw 🐢"),
    };
    [Some(a), Some(b), None]
}

fn values(of: &Type) -> ArrayRef {
    use arrow_array::builder::{Float64Builder, ListBuilder, StringBuilder};
    use arrow_schema::{DataType, Field};
    match of {
        Type::List(_) => {
            let mut list =
                ListBuilder::new(StringBuilder::new()).with_field(Field::new("element", DataType::Utf8, true));
            list.append_value([Some("a"), None]);
            list.append_value(Vec::<Option<&str>>::new());
            list.append_null();
            Arc::new(list.finish())
        }
        Type::Vector(n) => {
            let mut list =
                ListBuilder::new(Float64Builder::new()).with_field(Field::new("element", DataType::Float64, true));
            list.append_value((0..*n).map(|i| Some(f64::from(i) / 3.0)));
            list.append_value((0..*n).map(|_| Some(0.0)));
            list.append_null();
            Arc::new(list.finish())
        }
        Type::Struct(_) => {
            let DataType::Struct(fields) = of.arrow() else {
                unreachable!("a struct is one")
            };
            let inner: ArrayRef = Arc::new(arrow_array::Int32Array::from(vec![Some(7), None, None]));
            let nulls = arrow_buffer::NullBuffer::from(vec![true, true, false]);
            Arc::new(arrow_array::StructArray::new(fields, vec![inner], Some(nulls)))
        }
        other => {
            let texts: ArrayRef = Arc::new(arrow_array::StringArray::from(texts(other).to_vec()));
            cast(&texts, &other.arrow()).unwrap()
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_type_returns_as_it_went() {
    let bed = Bed::disk();
    let batch = of_every_type();
    bed.run(Change::Append, &batch).await;
    let head = bed.lake.head(&bed.target, &bed.ctx).await.unwrap();
    assert_eq!(head.schema.as_ref(), Some(&batch.schema()));
    let expected = super::bed::lines(std::slice::from_ref(&batch));
    assert_eq!(bed.rows().await, expected);
    // After a checkpoint, from which schema and statistics are read.
    bed.lake.checkpoint(&bed.target).await.unwrap();
    assert_eq!(bed.rows().await, expected);
    assert_eq!(
        bed.lake.head(&bed.target, &bed.ctx).await.unwrap().schema,
        Some(batch.schema())
    );
    assert_eq!(bed.run(Change::ReplaceTable, &batch).await, "unchanged");
}

#[tokio::test(flavor = "multi_thread")]
async fn statistics_of_every_type_are_bounds() {
    let bed = Bed::memory();
    bed.run(Change::Append, &of_every_type()).await;
    let view = bed.lake.view_at(&bed.target, None).await.unwrap();
    let session = datafusion::prelude::SessionContext::new();
    session.register_table("t", view.provider().unwrap()).unwrap();
    let schema = of_every_type().schema();
    for (at, of) in Type::examples().into_iter().enumerate() {
        if matches!(of, Type::List(_) | Type::Struct(_) | Type::Vector(_) | Type::Binary) {
            continue;
        }
        for text in texts(&of).into_iter().flatten() {
            // Each value is found when it is asked for by itself.
            let shown = schema.field(at).data_type();
            let sql = format!("select count(*) from t where c{at} = arrow_cast('{text}', '{shown}')");
            let found = session.sql(&sql).await.unwrap().collect().await.unwrap();
            assert_eq!(super::bed::lines(&found), "1", "{sql}");
        }
    }
    assert!(rows_of(view.as_ref()).await.contains("żółw"));
}

/// The reference page shows what the one table of types says; this is what is written.
#[test]
fn delta_keeps_each_type_as_the_table_of_types_says() {
    fn shown(of: &serde_json::Value) -> String {
        match of["type"].as_str() {
            None => of.as_str().unwrap_or_default().to_string(),
            Some("array") => format!("array<{}>", shown(&of["elementType"])),
            Some("struct") => {
                let fields = of["fields"].as_array().unwrap().iter();
                let fields: Vec<String> = fields
                    .map(|f| format!("{}: {}", f["name"].as_str().unwrap(), shown(&f["type"])))
                    .collect();
                format!("struct<{}>", fields.join(", "))
            }
            Some(other) => panic!("Delta has {other}"),
        }
    }
    for of in Type::examples() {
        let schema = crate::schema::to_delta(&Schema::new(vec![of.field("c", true)])).unwrap();
        let schema = serde_json::to_value(schema).unwrap();
        assert_eq!(shown(&schema["fields"][0]["type"]), of.mapping().delta, "{of}");
    }
}
