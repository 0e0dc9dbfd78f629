use super::*;
use crate::columns::Builder;
use arrow_array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float32Array, Float64Array, Int8Array,
    Int16Array, Int32Array, Int64Array, StringArray, TimestampMicrosecondArray,
};
use insta::assert_snapshot;
use proptest::prelude::*;
use rusqlite::Connection;
use std::sync::Arc;

/// Through a real table and back.
fn returned(of: &Type, column: &ArrayRef) -> Result<ArrayRef> {
    let db = Connection::open_in_memory().unwrap();
    db.execute_batch(&format!("create table t (x {})", of.sqlite()))
        .unwrap();
    for row in 0..column.len() {
        db.execute("insert into t values (?1)", [encode(of, column, row)?])
            .unwrap();
    }
    let mut builder = Builder::new(of);
    let mut select = db.prepare("select x from t order by rowid").unwrap();
    let mut rows = select.query([]).unwrap();
    while let Some(row) = rows.next().unwrap() {
        decode(&mut builder, row.get_ref(0).unwrap()).map_err(|m| Error::bug(m.reason))?;
    }
    builder.finish()
}

/// A column of any type, with nulls and the ends of its range.
fn column(of: &Type) -> BoxedStrategy<ArrayRef> {
    fn made<T: std::fmt::Debug + Clone + 'static, A: arrow_array::Array + From<Vec<Option<T>>> + 'static>(
        values: impl Strategy<Value = T> + 'static,
    ) -> BoxedStrategy<ArrayRef> {
        let list = prop::collection::vec(prop::option::of(values), 1..12);
        list.prop_map(|v| Arc::new(A::from(v)) as ArrayRef).boxed()
    }
    fn nested(of: Type, text: impl Strategy<Value = String> + 'static) -> BoxedStrategy<ArrayRef> {
        let list = prop::collection::vec(prop::option::of(text), 1..8);
        list.prop_map(move |values| {
            let mut builder = Builder::new(&of);
            for value in values {
                match value {
                    Some(text) => builder.push_text(&text).unwrap(),
                    None => builder.push_null(),
                }
            }
            builder.finish().unwrap()
        })
        .boxed()
    }
    // The years 0 to 9999.
    let days = -719_528..2_932_897i32;
    let micros = -62_167_219_200_000_000..253_402_300_800_000_000i64;
    match of {
        Type::Bool => made::<bool, BooleanArray>(any::<bool>()),
        Type::Int8 => made::<i8, Int8Array>(any::<i8>()),
        Type::Int16 => made::<i16, Int16Array>(any::<i16>()),
        Type::Int32 => made::<i32, Int32Array>(any::<i32>()),
        Type::Int64 => made::<i64, Int64Array>(any::<i64>()),
        Type::Float32 => made::<f32, Float32Array>(
            any::<f32>()
                .prop_filter("SQLite has no NaN", |v| !v.is_nan())
                .prop_map(|v| v + 0.0),
        ),
        Type::Float64 => made::<f64, Float64Array>(
            any::<f64>()
                .prop_filter("SQLite has no NaN", |v| !v.is_nan())
                .prop_map(|v| v + 0.0),
        ),
        Type::UInt64 => decimals(20, 0, any::<u64>().prop_map(i128::from)),
        Type::Decimal(p, s) => {
            let most = 10i128.pow(u32::from(*p)) - 1;
            decimals(*p, *s, -most..=most)
        }
        Type::String => made::<String, StringArray>(prop_oneof![
            any::<String>(),
            "-?[0-9]{1,25}(\\.[0-9]{1,20})?(e[0-9]{1,3})?"
        ]),
        Type::Json => made::<String, StringArray>(prop_oneof![
            "-?[1-9][0-9]{0,25}\\.[0-9]{1,20}",
            "\\{\"a\": ?[0-9]{1,30}\\}"
        ]),
        Type::Uuid => made::<String, StringArray>("[0-9]{8}-[0-9]{4}-4[0-9e]{3}-8[0-9]{3}-[0-9]{12}"),
        Type::Binary => {
            let list = prop::collection::vec(prop::option::of(any::<Vec<u8>>()), 1..12);
            list.prop_map(|v| Arc::new(v.iter().map(|b| b.as_deref()).collect::<BinaryArray>()) as ArrayRef)
                .boxed()
        }
        Type::Date => made::<i32, Date32Array>(days),
        Type::Time => made::<i64, Int64Array>(0..86_400_000_000i64),
        Type::Timestamp => {
            let list = prop::collection::vec(prop::option::of(micros), 1..12);
            list.prop_map(|v| Arc::new(TimestampMicrosecondArray::from(v).with_timezone("UTC")) as ArrayRef)
                .boxed()
        }
        Type::LocalTimestamp => made::<i64, TimestampMicrosecondArray>(micros),
        Type::List(inner) if **inner == Type::String => nested(
            of.clone(),
            "\\[(\"[a-z\\\\u00e9]{0,5}\")?\\]".prop_map(|t| t.replace('\\', "").replace("u00e9", "é")),
        ),
        Type::Struct(_) => nested(of.clone(), any::<i32>().prop_map(|v| format!("{{\"a\":{v}}}"))),
        Type::Vector(_) => nested(
            of.clone(),
            prop::array::uniform6(-1e300..1e300f64).prop_map(|v| serde_json::to_string(&v).unwrap()),
        ),
        other => panic!("no column of {other}"),
    }
}

fn decimals(p: u8, s: u8, values: impl Strategy<Value = i128> + 'static) -> BoxedStrategy<ArrayRef> {
    let list = prop::collection::vec(prop::option::of(values), 1..12);
    list.prop_map(move |v| Arc::new(Decimal128Array::from(v).with_precision_and_scale(p, s as i8).unwrap()) as ArrayRef)
        .boxed()
}

fn any_column() -> impl Strategy<Value = (Type, ArrayRef)> {
    let mut types = Type::examples();
    types.extend([Type::Decimal(38, 0), Type::Decimal(38, 38), Type::Decimal(20, 10)]);
    prop::sample::select(types).prop_flat_map(|of| (Just(of.clone()), column(&of)))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]
    #[test]
    fn every_value_returns_as_it_went((of, column) in any_column()) {
        let back = returned(&of, &column).unwrap();
        prop_assert_eq!(&back, &column, "{}", of);
    }

    #[test]
    fn instants_are_ordered_as_their_texts(a in -62_167_219_200_000_000..253_402_300_800_000_000i64, b in -62_167_219_200_000_000..253_402_300_800_000_000i64) {
        let text = |at| instant_text(at).unwrap();
        prop_assert_eq!(a.cmp(&b), text(a).cmp(&text(b)));
    }
}

fn refused(of: &Type, column: ArrayRef) -> String {
    returned(of, &column).unwrap_err().to_text()
}

#[test]
fn what_sqlite_cannot_hold_is_refused() {
    assert_snapshot!(refused(&Type::Float64, Arc::new(Float64Array::from(vec![f64::NAN]))), @"
    error: a value is not a number (NaN), and SQLite would make it empty
      hint: write null or a number in the SQL, such as nullif(x, 'NaN')
    ");
    assert_snapshot!(refused(&Type::Date, Arc::new(Date32Array::from(vec![i32::MAX]))), @"
    error: a date of the year 5881580 cannot be written down in four digits
      hint: the years 0 to 9999 can; write null or another date in the SQL
    ");
    assert_snapshot!(refused(&Type::Time, Arc::new(Int64Array::from(vec![-1]))), @"error: -1 microseconds after midnight are no time of day");
    let mut list = Builder::new(&Type::List(Box::new(Type::Float64)));
    list.push_text("[1.5]").unwrap();
    assert!(returned(&list.of.clone(), &list.finish().unwrap()).is_ok());
}

/// What is stored, as `typeof: value`.
fn stored(of: &Type, text: &str) -> String {
    let mut one = Builder::new(of);
    one.push_text(text).unwrap();
    let db = Connection::open_in_memory().unwrap();
    db.execute_batch(&format!("create table t (x {})", of.sqlite()))
        .unwrap();
    db.execute(
        "insert into t values (?1)",
        [encode(of, &one.finish().unwrap(), 0).unwrap()],
    )
    .unwrap();
    let shown = db
        .query_row("select typeof(x) || ': ' || x from t", [], |r| r.get::<_, String>(0))
        .unwrap();
    format!("{} {shown}", of.sqlite())
}

#[test]
fn values_are_stored_as_people_would_look_for_them() {
    let all = [
        (Type::Bool, "true"),
        (Type::Int64, "-9223372036854775808"),
        (Type::UInt64, "18446744073709551615"),
        (Type::Decimal(38, 20), "1.50000000000000000001"),
        (Type::Date, "2024-02-29"),
        (Type::Time, "01:02:03.5"),
        (Type::Timestamp, "2024-02-29T23:30:00+02:00"),
        (Type::LocalTimestamp, "1969-12-31T23:59:59.999999"),
        (Type::Json, "1.50"),
        (
            Type::List(Box::new(Type::Timestamp)),
            r#"["2024-02-29T00:00:00Z",null]"#,
        ),
    ];
    assert_snapshot!(all.map(|(of, text)| stored(&of, text)).join("\n"), @r#"
    BOOLEAN integer: 1
    INTEGER integer: -9223372036854775808
    DECIMAL_TEXT(20,0) text: 18446744073709551615
    DECIMAL_TEXT(38,20) text: 1.50000000000000000001
    DATE text: 2024-02-29
    TIME text: 01:02:03.500000
    TIMESTAMP text: 2024-02-29T21:30:00.000000Z
    DATETIME text: 1969-12-31T23:59:59.999999
    JSON_TEXT text: 1.50
    JSON_TEXT text: ["2024-02-29T00:00:00.000000Z",null]
    "#);
}

#[test]
fn the_table_of_types_says_what_is_stored() {
    let text = |of: &Type| match of {
        Type::Bool => "true",
        Type::String | Type::Binary => "YQ==",
        Type::Date => "2024-02-29",
        Type::Time => "23:30:00",
        Type::Timestamp => "2024-02-29T23:30:00+02:00",
        Type::LocalTimestamp => "2024-02-29T23:30:00",
        Type::Uuid => "67e55044-10b1-426f-9247-bb680e5fe0c8",
        Type::List(_) => "[\"a\"]",
        Type::Struct(_) => "{\"a\":1}",
        Type::Vector(_) => "[1,2,3,4,5,6]",
        _ => "1",
    };
    for of in Type::examples() {
        let (mapping, stored) = (of.mapping(), stored(&of, text(&of)));
        let (word, value) = stored[mapping.sqlite.len()..].split_once(": ").expect("typeof: value");
        assert!(stored.starts_with(&mapping.sqlite), "{of}: {stored}");
        assert!(mapping.sqlite_value.contains(word.trim()), "{of}: {stored}");
        if let Some((_, shown)) = mapping.sqlite_value.split_once('`') {
            assert_eq!(value, shown.trim_end_matches('`'), "{of}");
        }
    }
}

#[test]
fn a_foreign_declaration_that_changes_values_is_not_taken() {
    let text = |of: &Type| {
        ["", "TEXT", "VARCHAR(20)", "INTEGER", "REAL", "DECIMAL(10,2)"].map(|d| if keeps(d, of) { 'y' } else { '-' })
    };
    let all = [
        Type::Int64,
        Type::Float64,
        Type::String,
        Type::Decimal(10, 2),
        Type::Date,
        Type::Json,
    ];
    let lines: Vec<String> = all
        .iter()
        .map(|of| format!("{:14} {}", of.to_string(), text(of).iter().collect::<String>()))
        .collect();
    assert_snapshot!(lines.join("\n"), @"
    int64          y--y-y
    float64        y---yy
    string         yyy---
    decimal(10,2)  yyy---
    date           yyyy-y
    json           yyy---
    ");
}
