//! Values of typed columns written down: words for decimals, dates and times, and JSON for what is nested. Each reads back as it was.

use crate::json;
use arrow_array::cast::AsArray;
use arrow_array::types::*;
use arrow_array::{Array, ArrayRef};
use base64::Engine;
use segue_core::{Error, Kind, Result, Type};

/// A decimal, a date or a time as a word.
///
/// # Errors
/// `BadData` for years that have no four digits, and for what is no time of day.
pub(crate) fn word(of: &Type, column: &ArrayRef, row: usize) -> Result<String> {
    Ok(match of {
        Type::UInt64 => column.as_primitive::<Decimal128Type>().value(row).to_string(),
        Type::Decimal(..) => column.as_primitive::<Decimal128Type>().value_as_string(row),
        Type::Date => date_text(column.as_primitive::<Date32Type>().value(row).into())?,
        Type::Time => time_text(column.as_primitive::<Int64Type>().value(row))?,
        Type::Timestamp => instant_text(column.as_primitive::<TimestampMicrosecondType>().value(row))? + "Z",
        Type::LocalTimestamp => instant_text(column.as_primitive::<TimestampMicrosecondType>().value(row))?,
        other => return Err(Error::bug(format!("{other} is not stored as a word"))),
    })
}

pub(crate) const MICROS_A_DAY: i64 = 86_400_000_000;

/// Days since 1970 as YYYY-MM-DD: of one length, so that texts are ordered as the days are.
pub(crate) fn date_text(days: i64) -> Result<String> {
    // The inverse of the reader's: https://howardhinnant.github.io/date_algorithms.html#civil_from_days
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    if !(0..=9999).contains(&year) {
        return Err(Error::new(
            Kind::BadData,
            format!("a date of the year {year} cannot be written down in four digits"),
        )
        .hint("the years 0 to 9999 can; write null or another date in the SQL"));
    }
    Ok(format!("{year:04}-{month:02}-{day:02}"))
}

fn time_text(micros: i64) -> Result<String> {
    if !(0..MICROS_A_DAY).contains(&micros) {
        return Err(Error::new(
            Kind::BadData,
            format!("{micros} microseconds after midnight are no time of day"),
        ));
    }
    let seconds = micros / 1_000_000;
    Ok(format!(
        "{:02}:{:02}:{:02}.{:06}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60,
        micros % 1_000_000
    ))
}

/// Microseconds since 1970 as date and time, always with six digits: texts are ordered as the instants are.
pub(crate) fn instant_text(micros: i64) -> Result<String> {
    Ok(format!(
        "{}T{}",
        date_text(micros.div_euclid(MICROS_A_DAY))?,
        time_text(micros.rem_euclid(MICROS_A_DAY))?
    ))
}

/// Appends a value as JSON: bytes in base64, words as texts.
///
/// # Errors
/// `BadData` for numbers that JSON has no word for.
pub(crate) fn json_text(of: &Type, column: &ArrayRef, row: usize, out: &mut String) -> Result<()> {
    if column.is_null(row) {
        out.push_str("null");
        return Ok(());
    }
    let items = |of: &Type, values: &ArrayRef, out: &mut String| -> Result<()> {
        out.push('[');
        for at in 0..values.len() {
            if at > 0 {
                out.push(',');
            }
            json_text(of, values, at, out)?;
        }
        out.push(']');
        Ok(())
    };
    match of {
        Type::Bool => out.push_str(if column.as_boolean().value(row) {
            "true"
        } else {
            "false"
        }),
        // The shortest text that reads back as the same float32; as a float64 it would show digits that nobody wrote.
        Type::Float32 => out.push_str(&number_text(
            serde_json::from_str(&column.as_primitive::<Float32Type>().value(row).to_string()).ok(),
        )?),
        Type::Float64 => out.push_str(&number_text(serde_json::Number::from_f64(
            column.as_primitive::<Float64Type>().value(row),
        ))?),
        Type::String | Type::Uuid => out.push_str(&json::quoted(column.as_string::<i32>().value(row))),
        Type::Json => out.push_str(column.as_string::<i32>().value(row)),
        Type::Binary => {
            let text = base64::engine::general_purpose::STANDARD.encode(column.as_binary::<i32>().value(row));
            out.push_str(&json::quoted(&text));
        }
        Type::Int8 => out.push_str(&column.as_primitive::<Int8Type>().value(row).to_string()),
        Type::Int16 => out.push_str(&column.as_primitive::<Int16Type>().value(row).to_string()),
        Type::Int32 => out.push_str(&column.as_primitive::<Int32Type>().value(row).to_string()),
        Type::Int64 => out.push_str(&column.as_primitive::<Int64Type>().value(row).to_string()),
        Type::UInt64 => out.push_str(&word(of, column, row)?),
        Type::List(inner) => items(inner, &column.as_list::<i32>().value(row), out)?,
        Type::Vector(_) => items(&Type::Float64, &column.as_list::<i32>().value(row), out)?,
        Type::Struct(fields) => {
            let values = column.as_struct();
            out.push('{');
            for (at, (name, of)) in fields.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                out.push_str(&json::quoted(name));
                out.push(':');
                json_text(of, values.column(at), row, out)?;
            }
            out.push('}');
        }
        _ => out.push_str(&json::quoted(&word(of, column, row)?)),
    }
    Ok(())
}

fn number_text(number: Option<serde_json::Number>) -> Result<String> {
    number.map(|n| n.to_string()).ok_or_else(|| {
        Error::new(
            Kind::BadData,
            "a list holds a value that is infinite or not a number, and JSON has none",
        )
        .hint("write null or a number in the SQL")
    })
}
