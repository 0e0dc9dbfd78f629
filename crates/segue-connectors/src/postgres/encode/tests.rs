//! What goes out comes back as it was, by our own decoder; the server judges both in the tests of the sink.

use super::*;
use crate::postgres::rows::{Rows, Source};
use crate::postgres::types::written_as;
use arrow_array::{Decimal128Array, Int64Array, TimestampMicrosecondArray};
use proptest::prelude::*;
use std::sync::Arc;

fn batch(of: &Type, array: ArrayRef) -> RecordBatch {
    let schema = Schema::new(vec![of.field("a", true)]);
    RecordBatch::try_new(Arc::new(schema), vec![array]).unwrap()
}

fn sent(batch: &RecordBatch) -> Result<BytesMut> {
    let mut out = BytesMut::new();
    head(&mut out);
    rows(batch, None, &mut out)?;
    tail(&mut out);
    Ok(out)
}

/// The rows, sent and read again.
fn back(batch: &RecordBatch) -> RecordBatch {
    let sources: Vec<Source> = batch
        .schema_ref()
        .fields()
        .iter()
        .map(|field| Source {
            place: field.name().clone(),
            name: field.name().clone(),
            reading: written_as(&Type::of(field).unwrap()),
            required: false,
        })
        .collect();
    let mut read = Rows::of(&sources);
    read.take(&sent(batch).unwrap()).unwrap();
    read.end().unwrap();
    let (batch, aside) = read.hand_on().unwrap();
    assert!(aside.is_empty(), "{aside:?}");
    batch
}

fn refused(of: Type, array: ArrayRef) -> String {
    sent(&batch(&of, array)).unwrap_err().message().to_string()
}

proptest! {
    #[test]
    fn decimals_return_at_every_scale(values in prop::collection::vec(prop::option::of(any::<i128>()), 1..20), digits in 1_u8..=38, scale in 0_u8..=38) {
        let scale = scale.min(digits);
        let limit = 10_i128.pow(u32::from(digits));
        let values: Vec<Option<i128>> = values.into_iter().map(|v| v.map(|v| v % limit)).collect();
        let array = Decimal128Array::from(values).with_precision_and_scale(digits, scale as i8).unwrap();
        let batch = batch(&Type::Decimal(digits, scale), Arc::new(array));
        prop_assert_eq!(back(&batch), batch);
    }

    #[test]
    fn small_decimals_return(value in -100_000_i128..100_000, scale in 0_u8..=9) {
        let array = Decimal128Array::from(vec![value]).with_precision_and_scale(20, scale as i8).unwrap();
        let batch = batch(&Type::Decimal(20, scale), Arc::new(array));
        prop_assert_eq!(back(&batch), batch);
    }

    #[test]
    fn texts_and_lists_return(rows in prop::collection::vec(prop::option::of(prop::collection::vec(prop::option::of("[^\u{0}]{0,8}"), 0..4)), 0..8)) {
        let mut lists = arrow_array::builder::ListBuilder::new(arrow_array::builder::StringBuilder::new())
            .with_field(Type::String.field("element", true));
        for row in &rows {
            match row {
                Some(items) => lists.append_value(items.iter().map(|i| i.as_deref())),
                None => lists.append_null(),
            }
        }
        let batch = batch(&Type::List(Box::new(Type::String)), Arc::new(lists.finish()));
        prop_assert_eq!(back(&batch), batch);
    }
}

#[test]
fn what_the_server_would_take_for_something_else_is_refused() {
    let text = StringArray::from(vec!["a", "b\0c"]);
    insta::assert_snapshot!(refused(Type::String, Arc::new(text)), @"column `a`: PostgreSQL does not keep text with a NUL character, as at byte 1 of one");
    let moments = |micros: i64| Arc::new(TimestampMicrosecondArray::from(vec![micros]).with_timezone("UTC"));
    // Before the server's calendar begins; with the offset, its -infinity.
    for micros in [i64::MIN, MICROS_TO_2000 + FIRST_MICROS - 1] {
        assert!(
            refused(Type::Timestamp, moments(micros)).contains("does not keep the moment"),
            "{micros}"
        );
    }
    for days in [i32::MAX, i32::MIN, DAYS_TO_2000 + FIRST_DAY - 1] {
        let days = Arc::new(arrow_array::Date32Array::from(vec![days]));
        assert!(refused(Type::Date, days).contains("does not keep the date"));
    }
    // In `jsonb` it would be a zero like any other; a plain list keeps it.
    let matrix = |value: f64| {
        let inner = arrow_array::builder::ListBuilder::new(arrow_array::builder::Float64Builder::new())
            .with_field(Type::Float64.field("element", true));
        let of = Type::List(Box::new(Type::Float64));
        let mut lists = arrow_array::builder::ListBuilder::new(inner).with_field(of.field("element", true));
        lists.append_value([Some([Some(1.0), None, Some(value)])]);
        batch(&Type::List(Box::new(of)), Arc::new(lists.finish()))
    };
    insta::assert_snapshot!(sent(&matrix(-0.0)).unwrap_err().message(), @"column `a`: PostgreSQL does not keep a negative zero in `jsonb`, as which what is nested is kept");
    sent(&matrix(0.0)).unwrap();
    for micros in [-1, 86_400_000_000] {
        assert!(refused(Type::Time, Arc::new(Int64Array::from(vec![micros]))).contains("as a time of day"));
    }
}
