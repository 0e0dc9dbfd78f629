//! A column of a file as a column of the table: widened as a whole where that loses nothing, and value by value where it may.

use crate::columns::{Builder, Misfit, short};
use crate::json::quoted;
use arrow_array::cast::AsArray;
use arrow_array::types::{Time64NanosecondType, TimestampNanosecondType};
use arrow_array::{Array, ArrayRef, BooleanArray, RecordBatch, new_null_array};
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use arrow_schema::{DataType, Field, Schema, TimeUnit};
use segue_core::source::{Column, OnChange, ReadRequest};
use segue_core::{Error, Kind, Result, Type, align};
use std::sync::Arc;

/// The type that takes the values of a file's column. Nanoseconds are read as microseconds, where they are whole ones.
///
/// # Errors
/// `Unsupported` for what would lose something, such as maps.
pub fn type_of(field: &Field) -> Result<Type> {
    match field.data_type() {
        DataType::Timestamp(TimeUnit::Nanosecond, Some(_)) => Ok(Type::Timestamp),
        DataType::Timestamp(TimeUnit::Nanosecond, None) => Ok(Type::LocalTimestamp),
        DataType::Time64(TimeUnit::Nanosecond) => Ok(Type::Time),
        DataType::Null => Ok(Type::String),
        _ => Type::of(field),
    }
}

/// The values of a column, and which of them do not fit.
pub struct Values {
    /// Those that fit; null where one does not.
    pub array: ArrayRef,
    /// The rows whose value does not fit, and why.
    misfits: Vec<(usize, String)>,
}

impl Values {
    /// Of this column of a file, for this column of the table.
    ///
    /// # Errors
    /// `BadData` where no value of the file's type is one of the table's.
    pub fn of(values: &ArrayRef, field: &Field, column: &Column) -> Result<Values> {
        let mut misfits = Vec::new();
        let values = in_microseconds(values, &mut misfits)?;
        let have = type_of(field).map_err(|e| e.with("column", &column.name))?;
        let is_vector = matches!((&have, &column.of), (Type::List(_), Type::Vector(_)));
        if *values.data_type() == DataType::Null {
            let array = new_null_array(&column.of.arrow(), values.len());
            return Ok(Values { array, misfits });
        }
        if have.widens_to(&column.of) || is_vector {
            let mut array = widened(&values, &have, column)?;
            if !misfits.is_empty() {
                let mut out = vec![false; array.len()];
                misfits.iter().for_each(|(row, _)| out[*row] = true);
                array = arrow_select::nullif::nullif(&array, &BooleanArray::from(out))
                    .map_err(|e| Error::bug("values cannot be left out").caused_by(e))?;
            }
            return Ok(Values { array, misfits });
        }
        let is_plain = !matches!(have, Type::Binary | Type::List(_) | Type::Struct(_) | Type::Vector(_));
        let takes_text = !matches!(
            column.of,
            Type::Binary | Type::List(_) | Type::Struct(_) | Type::Vector(_)
        );
        let mut builder = Builder::new(&column.of);
        match (&have, &column.of) {
            (Type::Binary, Type::String | Type::Uuid) => bytes(&values, &mut builder, &mut misfits)?,
            _ if is_plain && takes_text => texts(&values, &mut builder, &mut misfits)?,
            _ => {
                let what = format!(
                    "the column `{}` is {have} in the file, and {} is wanted",
                    field.name(),
                    column.of
                );
                return Err(Error::new(Kind::BadData, what).hint("give the column the file's type"));
            }
        }
        misfits.sort();
        misfits.dedup_by_key(|(row, _)| *row);
        let array = builder.finish()?;
        Ok(Values { array, misfits })
    }

    /// Says of each row that does not fit what is wrong, as the copy wants it. Gives how many values were left out.
    ///
    /// # Errors
    /// `BadData` where the schema is frozen.
    pub fn settle(
        &self,
        request: &ReadRequest,
        column: &Column,
        file: &str,
        before: u64,
        wrong: &mut [Option<(String, String)>],
    ) -> Result<u64> {
        let mut dropped = 0;
        for (row, reason) in &self.misfits {
            match request.schema.on_type_change {
                OnChange::Freeze => {
                    let what = format!(
                        "row {} of {file} has another type, and the schema is frozen: column `{}`: {reason}",
                        before + *row as u64 + 1,
                        column.name
                    );
                    return Err(Error::new(Kind::BadData, what)
                        .code(segue_diag::SCHEMA_FROZEN)
                        .hint("say on_type_change: quarantine or drop_value"));
                }
                OnChange::DropValue if !column.required => dropped += 1,
                _ => drop(wrong[*row].get_or_insert_with(|| (reason.clone(), column.name.clone()))),
            }
        }
        Ok(dropped)
    }
}

/// The same value in every row.
///
/// # Errors
/// `Bug` where the values contradict each other.
pub fn constant(column: &Column, value: &str, rows: usize, wrong: &mut [Option<(String, String)>]) -> Result<ArrayRef> {
    let mut builder = Builder::new(&column.of);
    for wrong in wrong.iter_mut().take(rows) {
        let pushed = match value.is_empty() && column.of != Type::String {
            true => Err(None),
            false => builder.push_text(value).map_err(Some),
        };
        if let Err(misfit) = pushed {
            builder.push_null();
            if let Some(misfit) = misfit {
                wrong.get_or_insert_with(|| (misfit.reason, column.name.clone()));
            }
        }
    }
    builder.finish()
}

/// Times in microseconds. One that is not a whole number of them does not fit.
fn in_microseconds(values: &ArrayRef, misfits: &mut Vec<(usize, String)>) -> Result<ArrayRef> {
    let (nanos, to): (Option<Vec<Option<i64>>>, DataType) = match values.data_type() {
        DataType::Timestamp(TimeUnit::Nanosecond, zone) => {
            let all = values.as_primitive::<TimestampNanosecondType>();
            let to = DataType::Timestamp(TimeUnit::Microsecond, zone.clone());
            (Some(all.iter().collect()), to)
        }
        DataType::Time64(TimeUnit::Nanosecond) => {
            let all = values.as_primitive::<Time64NanosecondType>();
            (Some(all.iter().collect()), DataType::Time64(TimeUnit::Microsecond))
        }
        DataType::Time32(_) => (None, DataType::Time64(TimeUnit::Microsecond)),
        _ => return Ok(values.clone()),
    };
    for (row, value) in nanos.into_iter().flatten().enumerate() {
        if value.is_some_and(|nanos| nanos % 1_000 != 0) {
            misfits.push((row, "a time finer than microseconds".into()));
        }
    }
    arrow_cast::cast(values, &to).map_err(|e| Error::bug("a time cannot be read in microseconds").caused_by(e))
}

/// The values in a wider type.
fn widened(values: &ArrayRef, have: &Type, column: &Column) -> Result<ArrayRef> {
    let bug = |e: arrow_schema::ArrowError| Error::bug("a column does not make a batch").caused_by(e);
    // A time of day is kept as the number of its microseconds.
    let values = match (have, values.data_type()) {
        (Type::Time, DataType::Time64(_)) => arrow_cast::cast(values, &DataType::Int64).map_err(bug)?,
        _ => values.clone(),
    };
    let from = match have {
        Type::Time => Type::Time.field(&column.name, true),
        _ => Field::new(&column.name, values.data_type().clone(), true),
    };
    let to = Arc::new(Schema::new(vec![column.of.field(&column.name, true)]));
    let alone = RecordBatch::try_new(Arc::new(Schema::new(vec![from])), vec![values]).map_err(bug)?;
    Ok(align::align(&alone, &to)?.column(0).clone())
}

/// Each value by its text, as CSV would have it.
fn texts(values: &ArrayRef, builder: &mut Builder, misfits: &mut Vec<(usize, String)>) -> Result<()> {
    let options = FormatOptions::new();
    let format = ArrayFormatter::try_new(values, &options);
    let format = format.map_err(|e| Error::bug("a value cannot be shown").caused_by(e))?;
    for row in 0..values.len() {
        if values.is_null(row) {
            builder.push_null();
        } else if let Err(misfit) = builder.push_text(&format.value(row).to_string()) {
            builder.push_null();
            misfits.push((row, misfit.reason));
        }
    }
    Ok(())
}

/// Bytes that are text, or a UUID.
fn bytes(values: &ArrayRef, builder: &mut Builder, misfits: &mut Vec<(usize, String)>) -> Result<()> {
    let values = arrow_cast::cast(values, &DataType::Binary);
    let values = values.map_err(|e| Error::bug("bytes cannot be read").caused_by(e))?;
    for (row, value) in values.as_binary::<i32>().iter().enumerate() {
        let Some(value) = value else {
            builder.push_null();
            continue;
        };
        let pushed = match (uuid::Uuid::from_slice(value), std::str::from_utf8(value)) {
            (Ok(uuid), _) if builder.of == Type::Uuid => builder.push_text(&uuid.to_string()),
            (_, Ok(text)) => builder.push_text(text),
            (_, Err(_)) => {
                let shown = short(&quoted(&String::from_utf8_lossy(value)));
                Err(Misfit::new(format!(
                    "expected {}, found {shown} (not UTF-8)",
                    builder.of
                )))
            }
        };
        if let Err(misfit) = pushed {
            builder.push_null();
            misfits.push((row, misfit.reason));
        }
    }
    Ok(())
}
