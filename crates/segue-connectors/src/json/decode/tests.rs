//! Values go in as they are and come out as they were, or not in at all.

use super::*;
use crate::columns::Builder;
use arrow_array::cast::AsArray;
use arrow_array::types::*;
use arrow_array::{Array, ArrayRef};
use base64::Engine;
use proptest::prelude::*;
use serde_json::{Value, json};

/// One value of a column, as JSON writes it: the types table read backwards.
fn back(of: &Type, array: &ArrayRef, row: usize) -> Value {
    if array.is_null(row) {
        return Value::Null;
    }
    let decimal = |value: i128, scale: u8| {
        let text = format!("{:0width$}", value.unsigned_abs(), width = usize::from(scale) + 1);
        let (whole, fraction) = text.split_at(text.len() - usize::from(scale));
        format!(
            "{}{whole}{}{fraction}",
            if value < 0 { "-" } else { "" },
            if scale > 0 { "." } else { "" }
        )
    };
    let micros = |us: i64| jiff::Timestamp::from_microsecond(us).unwrap();
    match of {
        Type::Bool => array.as_boolean().value(row).into(),
        Type::Int8 => array.as_primitive::<Int8Type>().value(row).into(),
        Type::Int16 => array.as_primitive::<Int16Type>().value(row).into(),
        Type::Int32 => array.as_primitive::<Int32Type>().value(row).into(),
        Type::Int64 => array.as_primitive::<Int64Type>().value(row).into(),
        Type::UInt64 => u64::try_from(array.as_primitive::<Decimal128Type>().value(row))
            .unwrap()
            .into(),
        Type::Float32 => json!(array.as_primitive::<Float32Type>().value(row)),
        Type::Float64 => json!(array.as_primitive::<Float64Type>().value(row)),
        Type::Decimal(_, scale) => decimal(array.as_primitive::<Decimal128Type>().value(row), *scale).into(),
        Type::String | Type::Uuid => array.as_string::<i32>().value(row).into(),
        Type::Json => serde_json::from_str(array.as_string::<i32>().value(row)).unwrap(),
        Type::Binary => base64::engine::general_purpose::STANDARD
            .encode(array.as_binary::<i32>().value(row))
            .into(),
        Type::Date => {
            let days = array.as_primitive::<Date32Type>().value(row);
            jiff::civil::date(1970, 1, 1)
                .checked_add(jiff::Span::new().days(days))
                .unwrap()
                .to_string()
                .into()
        }
        Type::Time => {
            let us = array.as_primitive::<Int64Type>().value(row);
            jiff::civil::Time::midnight()
                .checked_add(jiff::Span::new().microseconds(us))
                .unwrap()
                .to_string()
                .into()
        }
        Type::Timestamp => micros(array.as_primitive::<TimestampMicrosecondType>().value(row))
            .to_string()
            .into(),
        Type::LocalTimestamp => {
            let text = micros(array.as_primitive::<TimestampMicrosecondType>().value(row)).to_string();
            text.trim_end_matches('Z').into()
        }
        Type::List(of) => listed(of, &array.as_list::<i32>().value(row)),
        Type::Vector(_) => listed(&Type::Float64, &array.as_list::<i32>().value(row)),
        Type::Struct(fields) => {
            let columns = array.as_struct();
            fields
                .iter()
                .enumerate()
                .map(|(i, (name, of))| (name.clone(), back(of, columns.column(i), row)))
                .collect::<serde_json::Map<_, _>>()
                .into()
        }
    }
}

fn listed(of: &Type, items: &ArrayRef) -> Value {
    (0..items.len()).map(|i| back(of, items, i)).collect::<Vec<_>>().into()
}

/// A type, and a value of it as JSON writes it.
fn typed() -> impl Strategy<Value = (Type, Value)> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(|v| (Type::Bool, json!(v))),
        any::<i8>().prop_map(|v| (Type::Int8, json!(v))),
        any::<i16>().prop_map(|v| (Type::Int16, json!(v))),
        any::<i32>().prop_map(|v| (Type::Int32, json!(v))),
        any::<i64>().prop_map(|v| (Type::Int64, json!(v))),
        any::<u64>().prop_map(|v| (Type::UInt64, json!(v))),
        any::<f32>()
            .prop_filter("finite", |v| v.is_finite())
            .prop_map(|v| (Type::Float32, json!(v))),
        any::<f64>()
            .prop_filter("finite", |v| v.is_finite())
            .prop_map(|v| (Type::Float64, json!(v))),
        (-99_999_999i64..99_999_999).prop_map(|v| (
            Type::Decimal(8, 3),
            json!(format!(
                "{}{}.{:03}",
                if v < 0 { "-" } else { "" },
                v.abs() / 1000,
                v.abs() % 1000
            ))
        )),
        any::<String>().prop_map(|v| (Type::String, json!(v))),
        proptest::collection::vec(any::<u8>(), 0..9)
            .prop_map(|v| (Type::Binary, json!(base64::engine::general_purpose::STANDARD.encode(v)))),
        (-700_000i32..2_900_000).prop_map(|v| (
            Type::Date,
            json!(
                jiff::civil::date(1970, 1, 1)
                    .checked_add(jiff::Span::new().days(v))
                    .unwrap()
                    .to_string()
            )
        )),
        (0i64..86_400_000_000).prop_map(|v| (
            Type::Time,
            json!(
                jiff::civil::Time::midnight()
                    .checked_add(jiff::Span::new().microseconds(v))
                    .unwrap()
                    .to_string()
            )
        )),
        (-60_000_000_000_000_000i64..250_000_000_000_000_000).prop_map(|v| (
            Type::Timestamp,
            json!(jiff::Timestamp::from_microsecond(v).unwrap().to_string())
        )),
        any::<u128>().prop_map(|v| (Type::Uuid, json!(uuid::Uuid::from_u128(v).to_string()))),
        proptest::collection::vec(-1e9f64..1e9, 3).prop_map(|v| (Type::Vector(3), json!(v))),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            (inner.clone(), 0usize..4)
                .prop_map(|((of, value), n)| (Type::List(Box::new(of)), Value::Array(vec![value; n]))),
            proptest::collection::vec(inner, 1..4).prop_map(|fields| {
                let named = fields
                    .into_iter()
                    .enumerate()
                    .map(|(i, (of, value))| (format!("f{i}"), of, value));
                let (types, values): (Vec<_>, Vec<_>) =
                    named.map(|(n, of, value)| ((n.clone(), of), (n, value))).unzip();
                (Type::Struct(types), Value::Object(values.into_iter().collect()))
            }),
        ]
    })
}

/// A number as its sign, its digits without outer zeros, and the power of ten of the last one.
fn exact(text: &str) -> (bool, String, i64) {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{}{fraction}", whole.trim_start_matches('-'));
    let kept = digits.trim_end_matches('0');
    let power = exponent.parse::<i64>().unwrap() - fraction.len() as i64 + (digits.len() - kept.len()) as i64;
    let kept = kept.trim_start_matches('0').to_string();
    let zero = kept.is_empty();
    (text.starts_with('-') && !zero, kept, if zero { 0 } else { power })
}

/// Any JSON value at all, as text.
fn anything() -> impl Strategy<Value = String> {
    prop_oneof![
        "-?[0-9]{1,25}",
        "-?[0-9]{1,3}\\.[0-9]{1,9}(e-?[0-9]{1,2})?",
        any::<f64>()
            .prop_filter("finite", |v| v.is_finite())
            .prop_map(|v| json!(v).to_string()),
        any::<String>().prop_map(|v| json!(v).to_string()),
        "\"-?[0-9]{1,6}(\\.[0-9]{1,4})?\"",
        "\"20[0-9]{2}-[01][0-9]-[0-3][0-9](T[0-2][0-9]:[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,8})?(Z|[+-][0-2][0-9]:[0-5][0-9])?)?\"",
        Just("true".to_string()),
        Just("null".to_string()),
        Just("[]".to_string()),
        Just("[1, 2, 3]".to_string()),
        Just("{}".to_string()),
        any::<u128>().prop_map(|v| json!(uuid::Uuid::from_u128(v).to_string().to_uppercase()).to_string()),
    ]
}

fn any_type() -> impl Strategy<Value = Type> {
    let names = [
        "bool",
        "int8",
        "int16",
        "int32",
        "int64",
        "uint64",
        "float32",
        "float64",
        "decimal(9,3)",
        "decimal(38,0)",
        "string",
        "binary",
        "date",
        "time",
        "timestamp",
        "local_timestamp",
        "uuid",
        "json",
        "list<int64>",
        "vector(3)",
    ];
    proptest::sample::select(names.to_vec()).prop_map(|n| n.parse().unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    /// What a type takes comes back as it went in; null as null.
    #[test]
    fn values_come_back_as_they_went_in((of, value) in typed(), pretty: bool) {
        let text = if pretty { serde_json::to_string_pretty(&value).unwrap() } else { value.to_string() };
        let mut column = Builder::new(&of);
        push_value(&mut column, &text, Keys::Exact).map_err(|m| TestCaseError::fail(format!("{of} {text}: {m:?}")))?;
        push_value(&mut column, "null", Keys::Exact).unwrap();
        let array = column.finish().unwrap();
        prop_assert_eq!(array.data_type(), &of.arrow());
        prop_assert_eq!(back(&of, &array, 0), value);
        prop_assert!(array.is_null(1));
    }

    /// Whatever is pushed at whatever type: it is taken whole, or not at all. Nothing becomes another kind of value, nothing is rounded
    /// but a fraction to its nearest float, nothing becomes null.
    #[test]
    fn nothing_is_coerced(of in any_type(), text in anything()) {
        let mut column = Builder::new(&of);
        if push_value(&mut column, &text, Keys::Exact).is_err() {
            prop_assert_eq!(column.len(), 0);
            return Ok(());
        }
        let array = column.finish().unwrap();
        let got = back(&of, &array, 0);
        let value: Value = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(got.is_null(), value.is_null());
        match &of {
            _ if value.is_null() => {}
            Type::Decimal(..) => prop_assert_eq!(exact(text.trim_matches('"')), exact(got.as_str().unwrap())),
            Type::Float64 => prop_assert_eq!(text.parse::<f64>().unwrap(), got.as_f64().unwrap()),
            Type::Float32 => prop_assert_eq!(text.parse::<f32>().unwrap(), got.as_f64().unwrap() as f32),
            Type::Timestamp => prop_assert_eq!(value.as_str().unwrap().parse::<jiff::Timestamp>().unwrap().to_string(), got.as_str().unwrap()),
            Type::Uuid => prop_assert_eq!(value.as_str().unwrap().to_lowercase(), got.as_str().unwrap()),
            Type::LocalTimestamp => prop_assert_eq!(value.as_str().unwrap().parse::<jiff::civil::DateTime>().unwrap(), got.as_str().unwrap().parse::<jiff::civil::DateTime>().unwrap()),
            // JSON can write zero with a sign; whole numbers have one zero.
            Type::Int8 | Type::Int16 | Type::Int32 | Type::Int64 | Type::UInt64 if text == "-0" => prop_assert_eq!("0", got.to_string()),
            Type::Int8 | Type::Int16 | Type::Int32 | Type::Int64 | Type::UInt64 => prop_assert_eq!(text, got.to_string()),
            Type::Vector(_) => prop_assert_eq!(got.as_array().unwrap().len(), 3),
            _ => prop_assert_eq!(got, value),
        }
    }

    /// A record cut or changed anywhere is taken or rejected, and what was before stays.
    #[test]
    fn no_record_is_too_wild(bytes in proptest::collection::vec(any::<u8>(), 0..40), at in 0usize..40, byte: u8) {
        let columns = vec![column("a", "int64"), column("b", "list<string>"), column("c", "json")];
        let changes = Changes { declared: true, new_column: OnChange::Evolve, type_change: OnChange::Evolve, nested: Nesting::default() };
        let layout = Arc::new(Layout::new(columns, &|_| false, changes).unwrap());
        let mut decoder = Decoder::new(layout);
        let mut good = br#"{"a": 1, "b": ["x\n\u00e9"], "c": {"k": [true]}}"#.to_vec();
        let mut nothing = |_: usize| Given::Nothing;
        decoder.record(&good, &mut nothing);
        decoder.record(&bytes, &mut nothing);
        let place = at.min(good.len() - 1);
        good[place] = byte;
        decoder.record(&good, &mut nothing);
        decoder.record(&good[..place], &mut nothing);
        let rows = decoder.rows();
        let batch = decoder.finish().unwrap().batch;
        prop_assert_eq!(batch.num_rows(), rows);
        prop_assert_eq!(batch.column(0).as_primitive::<Int64Type>().value(0), 1);
    }
}

fn column(name: &str, of: &str) -> Column {
    Column {
        name: name.into(),
        of: of.parse().unwrap(),
        required: false,
        path: None,
        value: None,
    }
}

#[test]
fn too_deep_is_a_record_that_does_not_fit() {
    let changes = Changes {
        declared: true,
        new_column: OnChange::Evolve,
        type_change: OnChange::Evolve,
        nested: Nesting::default(),
    };
    let layout = Arc::new(Layout::new(vec![column("a", "json")], &|_| false, changes).unwrap());
    let mut decoder = Decoder::new(layout);
    let deep = format!("{{\"a\": {}{}}}", "[".repeat(20_000), "]".repeat(20_000));
    match decoder.record(deep.as_bytes(), &mut |_| Given::Nothing) {
        Outcome::Rejected { reason, path } => assert_eq!((reason.as_str(), path.as_str()), ("nested too deep", "$.a")),
        other => panic!("{other:?}"),
    }
    assert!(matches!(
        decoder.record(b"{\"a\": [[[1]]]}", &mut |_| Given::Nothing),
        Outcome::Taken
    ));
    match decoder.record(b"{\"a\": \"\xff\"}", &mut |_| Given::Nothing) {
        Outcome::Rejected { reason, .. } => assert_eq!(reason, "not UTF-8 at byte 7"),
        other => panic!("{other:?}"),
    }
}
