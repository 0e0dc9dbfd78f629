use super::batch;
use crate::json;
use arrow_array::RecordBatch;
use arrow_schema::{Schema, SchemaRef};
use segue_core::Type;
use std::sync::Arc;

fn schema(columns: &[(&str, &str)]) -> SchemaRef {
    let fields: Vec<_> = columns
        .iter()
        .map(|(name, of)| {
            of.trim_end_matches('!')
                .parse::<Type>()
                .unwrap()
                .field(name, !of.ends_with('!'))
        })
        .collect();
    Arc::new(Schema::new(fields))
}

/// What becomes of these texts: each row as JSON again, or why it does not fit.
fn read(texts: &[&str], columns: &[(&str, &str)]) -> Vec<String> {
    let schema = schema(columns);
    let (batch, rows, misfits) = batch(texts.iter().copied(), &schema).unwrap();
    assert_eq!(batch.num_rows(), rows.len());
    assert_eq!(batch.schema(), schema);
    let told = |batch: &RecordBatch, row: usize| serde_json::Value::Object(json::row(batch, row)).to_string();
    let mut all: Vec<(usize, String)> = rows
        .iter()
        .enumerate()
        .map(|(row, at)| (*at, told(&batch, row)))
        .collect();
    all.extend(misfits.into_iter().map(|(at, (why, column))| {
        let column = column.unwrap_or_default();
        (at, format!("{column}: {why}"))
    }));
    all.sort();
    all.into_iter().map(|(_, text)| text).collect()
}

#[test]
fn a_value_of_every_type_comes_back_as_it_was() {
    let values = [
        ("bool", "true"),
        ("int8", "-128"),
        ("int16", "32767"),
        ("int32", "-2147483648"),
        ("int64", "9223372036854775807"),
        ("uint64", "\"18446744073709551615\""),
        ("float32", "0.10000000149011612"),
        ("float64", "0.1"),
        ("float64", "2.2250738585072014e-308"),
        ("float64", "123456789.12345679"),
        ("decimal(10,2)", "\"-12345678.90\""),
        ("string", "\"하나 \\\"zwei\\\"\""),
        ("binary", "\"00ff10\""),
        ("date", "\"2024-02-29\""),
        ("date", "\"1969-12-31\""),
        ("time", "84600000001"),
        ("timestamp", "\"2024-02-29T21:30:00.000001Z\""),
        ("timestamp", "\"1900-01-01T00:00:00Z\""),
        ("local_timestamp", "\"2024-02-29T23:30:00\""),
        ("uuid", "\"6f1c1f3e-3f2b-4b1e-9a53-0a8c8f6f2f11\""),
        ("json", "\"{\\\"a\\\":[1,2]}\""),
        ("list<string>", "[\"a\",null,\"b\"]"),
        ("list<string>", "[]"),
        ("vector(2)", "[0.1,-2.0]"),
    ];
    for (of, value) in values {
        let text = format!("{{\"c\":{value}}}");
        assert_eq!(read(&[&text], &[("c", of)]), std::slice::from_ref(&text), "{of}");
    }
    let text = r#"{"c":null}"#;
    for (of, _) in values {
        assert_eq!(read(&[text], &[("c", of)]), [text], "{of}");
    }
}

#[test]
fn what_does_not_fit_says_so_and_nothing_is_coerced() {
    let columns = [("id", "int8!"), ("name", "string")];
    let texts = [
        r#"{"id":1,"name":"Ada"}"#,
        r#"{"id":300,"name":"Bo"}"#,
        r#"{"id":2.5,"name":"Bo"}"#,
        r#"{"id":"3","name":"Bo"}"#,
        r#"{"id":null,"name":"Bo"}"#,
        r#"{"id":4}"#,
        r#"{"id":5,"name":"Bo","more":1}"#,
        r#"{"id":6,"name":7}"#,
        r#"{"id":7,"na"#,
        r#"{"id":8,"name":null}"#,
    ];
    assert_eq!(
        read(&texts, &columns),
        [
            r#"{"id":1,"name":"Ada"}"#,
            "id: expected int8, found 300",
            "id: expected int8, found 2.5",
            "id: expected int8, found \"3\"",
            "id: required, and it is null",
            "name: the row was kept before there was such a column",
            "more: the table has no such column any more",
            "name: expected string, found 7",
            ": what was kept is no row",
            r#"{"id":8,"name":null}"#,
        ]
    );
    assert_eq!(
        read(
            &[r#"{"c":"1.234"}"#, r#"{"c":"1.20"}"#, r#"{"c":"123.4"}"#],
            &[("c", "decimal(4,2)")]
        ),
        [
            "c: expected decimal(4,2), found \"1.234\"",
            r#"{"c":"1.20"}"#,
            "c: expected decimal(4,2), found \"123.4\""
        ]
    );
}
