//! Values both ways: how each type is declared, stored and read back, so that every value returns as it went.

use crate::columns::written::{MICROS_A_DAY, date_text, instant_text, json_text, word};
use crate::columns::{Builder, Misfit, Values, time};
use crate::json;
use arrow_array::cast::AsArray;
use arrow_array::types::*;
use arrow_array::{Array, ArrayRef};
use rusqlite::types::{Value, ValueRef};
use segue_core::{Error, Kind, Result, Type};

/// What SQLite does to what is stored in a column, by the word that declares it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Affinity {
    Integer,
    Text,
    Blob,
    Real,
    Numeric,
}

/// SQLite's own rules, in its own order: https://sqlite.org/datatype3.html
fn affinity(declared: &str) -> Affinity {
    let word = declared.to_ascii_uppercase();
    let has = |part: &str| word.contains(part);
    match () {
        () if has("INT") => Affinity::Integer,
        () if has("CHAR") || has("CLOB") || has("TEXT") => Affinity::Text,
        () if has("BLOB") || word.is_empty() => Affinity::Blob,
        () if has("REAL") || has("FLOA") || has("DOUB") => Affinity::Real,
        () => Affinity::Numeric,
    }
}

/// Whether a column that somebody else declared so keeps every value of this type as it is stored here.
pub(super) fn keeps(declared: &str, of: &Type) -> bool {
    use Affinity::*;
    let affinity = affinity(declared);
    match of {
        Type::Bool | Type::Int8 | Type::Int16 | Type::Int32 | Type::Int64 => {
            matches!(affinity, Integer | Numeric | Blob)
        }
        // A whole number among them may be stored as an integer, and is read back as it was.
        Type::Float32 | Type::Float64 => matches!(affinity, Real | Numeric | Blob),
        Type::Binary => true,
        // Their text is never a number's.
        Type::Date | Type::Time | Type::Timestamp | Type::LocalTimestamp | Type::Uuid => {
            affinity != Affinity::Real || declared.is_empty()
        }
        _ => matches!(affinity, Text | Blob),
    }
}

/// The type that a column of somebody else's table is read as.
pub(super) fn of_declared(declared: &str) -> Type {
    let word = declared.to_ascii_uppercase();
    let name = word.split('(').next().unwrap_or("").trim().to_string();
    match name.as_str() {
        "BOOLEAN" | "BOOL" => Type::Bool,
        "DATE" => Type::Date,
        "TIME" => Type::Time,
        "TIMESTAMP" => Type::Timestamp,
        "DATETIME" => Type::LocalTimestamp,
        "UUID" => Type::Uuid,
        "JSON_TEXT" | "JSON" => Type::Json,
        "DECIMAL_TEXT" => word.replace("DECIMAL_TEXT", "decimal").parse().unwrap_or(Type::String),
        _ => match affinity(declared) {
            Affinity::Integer => Type::Int64,
            Affinity::Real | Affinity::Numeric => Type::Float64,
            Affinity::Blob => Type::Binary,
            Affinity::Text => Type::String,
        },
    }
}

/// One value of a column, as it is stored. SQLite keeps no sign of a zero: -0.0 returns as 0.0, which is equal to it.
///
/// # Errors
/// `BadData` for what SQLite cannot hold: NaN (it would become null), and dates outside of the years 0 to 9999.
pub(super) fn encode(of: &Type, column: &ArrayRef, row: usize) -> Result<Value> {
    if column.is_null(row) {
        return Ok(Value::Null);
    }
    Ok(match of {
        Type::Bool => Value::Integer(i64::from(column.as_boolean().value(row))),
        Type::Int8 => Value::Integer(column.as_primitive::<Int8Type>().value(row).into()),
        Type::Int16 => Value::Integer(column.as_primitive::<Int16Type>().value(row).into()),
        Type::Int32 => Value::Integer(column.as_primitive::<Int32Type>().value(row).into()),
        Type::Int64 => Value::Integer(column.as_primitive::<Int64Type>().value(row)),
        Type::Float32 => real(column.as_primitive::<Float32Type>().value(row).into())?,
        Type::Float64 => real(column.as_primitive::<Float64Type>().value(row))?,
        Type::String | Type::Json | Type::Uuid => Value::Text(column.as_string::<i32>().value(row).to_string()),
        Type::Binary => Value::Blob(column.as_binary::<i32>().value(row).to_vec()),
        Type::List(_) | Type::Struct(_) | Type::Vector(_) => {
            let mut text = String::new();
            json_text(of, column, row, &mut text)?;
            Value::Text(text)
        }
        _ => Value::Text(word(of, column, row)?),
    })
}

fn real(value: f64) -> Result<Value> {
    if value.is_nan() {
        return Err(Error::new(
            Kind::BadData,
            "a value is not a number (NaN), and SQLite would make it empty",
        )
        .hint("write null or a number in the SQL, such as nullif(x, 'NaN')"));
    }
    Ok(Value::Real(value))
}

/// Appends a stored value to a column.
///
/// # Errors
/// Why it is not of the column's type.
pub(super) fn decode(column: &mut Builder, value: ValueRef<'_>) -> Result<(), Misfit> {
    let found = |what: &str| Misfit::expected(&column.of, what);
    match (&column.of.clone(), value) {
        (_, ValueRef::Null) => column.push_null(),
        (Type::Bool, ValueRef::Integer(flag @ (0 | 1))) => {
            column.push_text(if flag == 1 { "true" } else { "false" })?
        }
        (Type::Bool, ValueRef::Integer(other)) => return Err(found(&other.to_string())),
        (Type::Float32 | Type::Float64, ValueRef::Integer(value)) => push_real(column, value as f64),
        (Type::Float32 | Type::Float64, ValueRef::Real(value)) => push_real(column, value),
        (Type::Binary, ValueRef::Blob(bytes)) => column.push_bytes(bytes)?,
        (Type::Binary, ValueRef::Text(bytes)) => column.push_bytes(bytes)?,
        (_, ValueRef::Blob(bytes)) => return Err(found(&format!("{} bytes", bytes.len()))),
        (_, ValueRef::Real(value)) => return Err(found(&value.to_string())),
        (Type::String | Type::Binary, ValueRef::Integer(value)) => return Err(found(&value.to_string())),
        (_, ValueRef::Integer(value)) => column.push_text(&value.to_string())?,
        (of, ValueRef::Text(bytes)) => {
            let text = std::str::from_utf8(bytes).map_err(|_| found("text that is not UTF-8"))?;
            match of {
                // As it went in, whatever its JSON is like.
                Type::String | Type::Json | Type::Uuid => column.push_bytes(bytes)?,
                Type::Bool | Type::Int8 | Type::Int16 | Type::Int32 | Type::Int64 | Type::Float32 | Type::Float64 => {
                    return Err(found(&json::quoted(text)));
                }
                _ => column.push_text(text)?,
            }
        }
    }
    Ok(())
}

fn push_real(column: &mut Builder, value: f64) {
    match &mut column.values {
        Values::Float32(values) => values.push(value as f32),
        Values::Float64(values) => values.push(value),
        _ => return column.push_null(),
    }
    column.valid.push(true);
}

/// A stored value as a number, for ranges and footprints: days and instants in microseconds since 1970. `None` for null, and for a type that
/// nobody ranges over.
pub(super) fn number(of: &Type, value: ValueRef<'_>) -> Option<i64> {
    let text = |value: ValueRef<'_>| value.as_str().ok().map(str::to_string);
    match of {
        Type::Date => time::date(&text(value)?)
            .ok()
            .map(|days| i64::from(days) * MICROS_A_DAY),
        Type::Timestamp => time::timestamp(&text(value)?).ok(),
        Type::LocalTimestamp => time::local_timestamp(&text(value)?).ok(),
        Type::Int8 | Type::Int16 | Type::Int32 | Type::Int64 => value.as_i64().ok(),
        _ => None,
    }
}

/// Whether readers can range over a column of this type.
pub(super) fn has_numbers(of: &Type) -> bool {
    matches!(
        of,
        Type::Date | Type::Timestamp | Type::LocalTimestamp | Type::Int8 | Type::Int16 | Type::Int32 | Type::Int64
    )
}

/// The bounds `[from, to)` of a stretch as this column stores them; `None` for a type that nobody ranges over.
/// What lies before the year 0 or after 9999 is below or above every text of a date.
pub(super) fn bound(of: &Type, at: i64) -> Option<Value> {
    let text =
        |made: Result<String>| Value::Text(made.unwrap_or_else(|_| if at < 0 { String::new() } else { ":".into() }));
    Some(match of {
        // The first day that does not begin before it.
        Type::Date => text(date_text(
            at.div_euclid(MICROS_A_DAY) + i64::from(at.rem_euclid(MICROS_A_DAY) > 0),
        )),
        Type::Timestamp => text(instant_text(at).map(|t| t + "Z")),
        Type::LocalTimestamp => text(instant_text(at)),
        of if has_numbers(of) => Value::Integer(at),
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
