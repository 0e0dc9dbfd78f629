//! One value as text and as JSON.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    TimestampMicrosecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef};
use arrow_cast::base64::{BASE64_STANDARD, Engine};
use arrow_cast::display::array_value_to_string;
use arrow_schema::{DataType, Field, TimeUnit};
use jiff::Timestamp;
use jiff::civil::date;
use jiff::tz::TimeZone;
use segue_core::Type;
use segue_core::types::TYPE_KEY;
use std::fmt::Write;

/// The text of a value that is not null: what stands in a cell of a table or of CSV.
pub fn text(out: &mut String, array: &ArrayRef, field: &Field, row: usize) {
    match array.data_type() {
        DataType::Utf8 => out.push_str(array.as_string::<i32>().value(row)),
        DataType::LargeUtf8 => out.push_str(array.as_string::<i64>().value(row)),
        DataType::Utf8View => out.push_str(array.as_string_view().value(row)),
        DataType::List(_) | DataType::LargeList(_) | DataType::FixedSizeList(..) | DataType::Struct(_) => {
            json(out, array, field, row);
        }
        _ => scalar(out, array, field, row),
    }
}

/// A value as JSON.
pub fn json(out: &mut String, array: &ArrayRef, field: &Field, row: usize) {
    if array.is_null(row) {
        out.push_str("null");
        return;
    }
    match array.data_type() {
        DataType::Utf8 => string(out, array.as_string::<i32>().value(row), field),
        DataType::LargeUtf8 => string(out, array.as_string::<i64>().value(row), field),
        DataType::Utf8View => string(out, array.as_string_view().value(row), field),
        DataType::List(of) => list(out, &array.as_list::<i32>().value(row), of),
        DataType::LargeList(of) => list(out, &array.as_list::<i64>().value(row), of),
        DataType::FixedSizeList(of, _) => list(out, &array.as_fixed_size_list().value(row), of),
        DataType::Struct(fields) => {
            let columns = array.as_struct();
            out.push('{');
            for (at, field) in fields.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                quoted(out, field.name());
                out.push(':');
                json(out, columns.column(at), field, row);
            }
            out.push('}');
        }
        DataType::Null => out.push_str("null"),
        _ if is_bare(array, field, row) => scalar(out, array, field, row),
        _ => {
            let mut value = String::new();
            scalar(&mut value, array, field, row);
            quoted(out, &value);
        }
    }
}

/// Whether a value stands in JSON without quotes.
fn is_bare(array: &ArrayRef, field: &Field, row: usize) -> bool {
    match array.data_type() {
        DataType::Float32 => array.as_primitive::<Float32Type>().value(row).is_finite(),
        DataType::Float64 => array.as_primitive::<Float64Type>().value(row).is_finite(),
        DataType::Boolean => true,
        // A time of day is a whole number in Arrow and a text in JSON.
        of => of.is_integer() && !is_type(field, &Type::Time),
    }
}

fn list(out: &mut String, values: &ArrayRef, of: &Field) {
    out.push('[');
    for at in 0..values.len() {
        if at > 0 {
            out.push(',');
        }
        json(out, values, of, at);
    }
    out.push(']');
}

fn string(out: &mut String, text: &str, field: &Field) {
    if is_type(field, &Type::Json) && serde_json::from_str::<&serde_json::value::RawValue>(text).is_ok() {
        on_one_line(out, text);
    } else {
        quoted(out, text);
    }
}

fn is_type(field: &Field, of: &Type) -> bool {
    field
        .metadata()
        .get(TYPE_KEY)
        .is_some_and(|said| *said == of.to_string())
}

/// JSON without the space between its parts; texts in it are left alone.
fn on_one_line(out: &mut String, json: &str) {
    let (mut in_text, mut escaped) = (false, false);
    for c in json.chars() {
        if in_text {
            in_text = escaped || c != '"';
            escaped = !escaped && c == '\\';
        } else if c.is_ascii_whitespace() {
            continue;
        } else {
            in_text = c == '"';
        }
        out.push(c);
    }
}

/// A text as JSON.
pub fn quoted(out: &mut String, text: &str) {
    match serde_json::to_string(text) {
        Ok(json) => out.push_str(&json),
        // A string is always JSON; the arm is here because the signature allows for more.
        Err(_) => out.push_str("null"),
    }
}

fn scalar(out: &mut String, array: &ArrayRef, field: &Field, row: usize) {
    macro_rules! number {
        ($of:ty) => {
            write!(out, "{}", array.as_primitive::<$of>().value(row))
        };
    }
    let written = match array.data_type() {
        DataType::Boolean => write!(out, "{}", array.as_boolean().value(row)),
        DataType::Int8 => number!(Int8Type),
        DataType::Int16 => number!(Int16Type),
        DataType::Int32 => number!(Int32Type),
        DataType::Int64 if is_type(field, &Type::Time) => time(out, array.as_primitive::<Int64Type>().value(row)),
        DataType::Int64 => number!(Int64Type),
        DataType::UInt8 => number!(UInt8Type),
        DataType::UInt16 => number!(UInt16Type),
        DataType::UInt32 => number!(UInt32Type),
        DataType::UInt64 => number!(UInt64Type),
        DataType::Float32 => {
            let value = array.as_primitive::<Float32Type>().value(row);
            float(out, f64::from(value), &format!("{value:?}"))
        }
        DataType::Float64 => {
            let value = array.as_primitive::<Float64Type>().value(row);
            float(out, value, &format!("{value:?}"))
        }
        DataType::Decimal128(..) => write!(out, "{}", array.as_primitive::<Decimal128Type>().value_as_string(row)),
        DataType::Binary => write!(out, "{}", BASE64_STANDARD.encode(array.as_binary::<i32>().value(row))),
        DataType::LargeBinary => write!(out, "{}", BASE64_STANDARD.encode(array.as_binary::<i64>().value(row))),
        DataType::BinaryView => write!(out, "{}", BASE64_STANDARD.encode(array.as_binary_view().value(row))),
        DataType::Date32 => day(out, array.as_primitive::<Date32Type>().value(row)),
        DataType::Timestamp(TimeUnit::Microsecond, zone) => {
            let micros = array.as_primitive::<TimestampMicrosecondType>().value(row);
            instant(out, micros, zone.is_some())
        }
        _ => match array_value_to_string(array, row) {
            Ok(value) => write!(out, "{value}"),
            Err(error) => write!(out, "({error})"),
        },
    };
    // Writing into a string does not fail.
    debug_assert!(written.is_ok());
}

fn float(out: &mut String, value: f64, shortest: &str) -> std::fmt::Result {
    if value.is_nan() {
        out.write_str("NaN")
    } else if value.is_infinite() {
        out.write_str(if value > 0.0 { "Infinity" } else { "-Infinity" })
    } else {
        out.write_str(shortest)
    }
}

fn day(out: &mut String, days: i32) -> std::fmt::Result {
    match date(1970, 1, 1).checked_add(jiff::Span::new().try_days(days).unwrap_or_default()) {
        Ok(day) => write!(out, "{day}"),
        Err(_) => write!(out, "{days} days after 1970-01-01"),
    }
}

fn time(out: &mut String, micros: i64) -> std::fmt::Result {
    let (seconds, fraction) = (micros.div_euclid(1_000_000), micros.rem_euclid(1_000_000));
    write!(
        out,
        "{:02}:{:02}:{:02}",
        seconds / 3_600,
        seconds / 60 % 60,
        seconds % 60
    )?;
    if fraction > 0 {
        let digits = format!("{fraction:06}");
        write!(out, ".{}", digits.trim_end_matches('0'))?;
    }
    Ok(())
}

fn instant(out: &mut String, micros: i64, is_utc: bool) -> std::fmt::Result {
    match Timestamp::from_microsecond(micros) {
        Ok(instant) if is_utc => write!(out, "{instant}"),
        Ok(instant) => write!(out, "{}", TimeZone::UTC.to_datetime(instant)),
        Err(_) => beyond(out, micros, is_utc),
    }
}

/// The last hours of the year 9999 are instants that only a calendar without zones holds.
fn beyond(out: &mut String, micros: i64, is_utc: bool) -> std::fmt::Result {
    const DAY: i64 = 86_400_000_000;
    let day = date(1970, 1, 1).checked_add(jiff::Span::new().try_days(micros.div_euclid(DAY)).unwrap_or_default());
    match day {
        Ok(day) => {
            write!(out, "{day}T")?;
            time(out, micros.rem_euclid(DAY))?;
            out.write_str(if is_utc { "Z" } else { "" })
        }
        Err(_) => write!(out, "{micros} microseconds after 1970"),
    }
}
