//! Rows that were kept as JSON ([`crate::json::row`]), back into typed columns. Nothing is coerced: what does not fit says why.

use arrow_array::builder::{BinaryBuilder, BooleanBuilder, StringBuilder};
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, TimestampMicrosecondType,
};
use arrow_array::{ArrayRef, ListArray, PrimitiveArray, RecordBatch, RecordBatchOptions, StructArray};
use arrow_buffer::{NullBuffer, OffsetBuffer};
use arrow_schema::{DataType, Field, SchemaRef};
use segue_core::{Error, Result, Type};
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Why a value does not fit, and in which column.
pub type Misfit = (String, Option<String>);

/// Texts of rows in a batch of this schema: the rows of those that fit, which they are, and the others with the reason.
///
/// # Errors
/// `Bug` when the columns do not make a batch.
pub fn batch<'t>(
    texts: impl Iterator<Item = &'t str>,
    schema: &SchemaRef,
) -> Result<(RecordBatch, Vec<usize>, Vec<(usize, Misfit)>)> {
    let types: Vec<Type> = schema.fields().iter().map(|f| Type::of(f)).collect::<Result<_>>()?;
    let mut columns: Vec<Vec<Option<Told>>> = types.iter().map(|_| Vec::new()).collect();
    let (mut rows, mut misfits) = (Vec::new(), Vec::new());
    for (at, text) in texts.enumerate() {
        match row(text, schema, &types) {
            Ok(values) => {
                rows.push(at);
                columns
                    .iter_mut()
                    .zip(values)
                    .for_each(|(column, value)| column.push(value));
            }
            Err(misfit) => misfits.push((at, misfit)),
        }
    }
    let arrays = schema.fields().iter().zip(&types).zip(columns);
    let arrays: Vec<ArrayRef> = arrays
        .map(|((field, of), values)| array(field, of, values))
        .collect::<Result<_>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
    let batch = RecordBatch::try_new_with_options(schema.clone(), arrays, &options)
        .map_err(|e| Error::bug("rows that were kept do not make a batch").caused_by(e))?;
    Ok((batch, rows, misfits))
}

/// A value as its column's array is made of it.
enum Told {
    Bool(bool),
    Whole(i64),
    Exact(i128),
    Single(f32),
    Double(f64),
    Text(String),
    Bytes(Vec<u8>),
    List(Vec<Option<Told>>),
    Struct(Vec<Option<Told>>),
}

type Fields<'t> = BTreeMap<String, &'t RawValue>;

/// One row; it has to tell each of these columns, and no others.
fn row(text: &str, schema: &SchemaRef, types: &[Type]) -> std::result::Result<Vec<Option<Told>>, Misfit> {
    let fields: Fields<'_> = serde_json::from_str(text).map_err(|_| ("what was kept is no row".to_string(), None))?;
    if let Some(other) = fields.keys().find(|name| schema.field_with_name(name).is_err()) {
        let why = "the table has no such column any more".to_string();
        return Err((why, Some(other.clone())));
    }
    let all = schema.fields().iter().zip(types);
    all.map(|(field, of)| {
        let wrong = |why: String| (why, Some(field.name().clone()));
        let Some(raw) = fields.get(field.name()) else {
            return Err(wrong("the row was kept before there was such a column".into()));
        };
        match value(raw, of).map_err(wrong)? {
            None if !field.is_nullable() => Err(wrong("required, and it is null".into())),
            told => Ok(told),
        }
    })
    .collect()
}

fn value(raw: &RawValue, of: &Type) -> std::result::Result<Option<Told>, String> {
    let text = raw.get().trim();
    if text == "null" {
        return Ok(None);
    }
    let expected = || {
        let found: String = text.chars().take(60).collect();
        format!("expected {of}, found {found}")
    };
    let quoted = || serde_json::from_str::<String>(text).map_err(|_| expected());
    let whole = |from: i64, to: i64| match text.parse::<i64>() {
        Ok(n) if (from..=to).contains(&n) => Ok(Told::Whole(n)),
        _ => Err(expected()),
    };
    let told = match of {
        Type::Bool => Told::Bool(text.parse().map_err(|_| expected())?),
        Type::Int8 => whole(i8::MIN.into(), i8::MAX.into())?,
        Type::Int16 => whole(i16::MIN.into(), i16::MAX.into())?,
        Type::Int32 => whole(i32::MIN.into(), i32::MAX.into())?,
        Type::Int64 | Type::Time => whole(i64::MIN, i64::MAX)?,
        // Rust reads the nearest number, and what was written was the shortest text of it.
        Type::Float64 => Told::Double(number(text).ok_or_else(expected)?),
        Type::Float32 => {
            let wide = number(text).ok_or_else(expected)?;
            let narrow = wide as f32;
            match f64::from(narrow) == wide {
                true => Told::Single(narrow),
                false => return Err(expected()),
            }
        }
        Type::UInt64 => Told::Exact(decimal(&quoted()?, 20, 0).ok_or_else(expected)?),
        Type::Decimal(precision, scale) => {
            Told::Exact(decimal(&quoted()?, u32::from(*precision), u32::from(*scale)).ok_or_else(expected)?)
        }
        Type::String => Told::Text(quoted()?),
        Type::Json => {
            let json = quoted()?;
            serde_json::from_str::<&RawValue>(&json).map_err(|_| expected())?;
            Told::Text(json)
        }
        Type::Uuid => {
            let id = quoted()?;
            uuid::Uuid::parse_str(&id).map_err(|_| expected())?;
            Told::Text(id)
        }
        Type::Binary => Told::Bytes(bytes(&quoted()?).ok_or_else(expected)?),
        Type::Date => {
            let day: jiff::civil::Date = quoted()?.parse().map_err(|_| expected())?;
            let days = day.since(jiff::civil::date(1970, 1, 1)).map_err(|_| expected())?;
            Told::Whole(days.get_days().into())
        }
        Type::Timestamp => {
            let at: jiff::Timestamp = quoted()?.parse().map_err(|_| expected())?;
            Told::Whole(at.as_microsecond())
        }
        Type::LocalTimestamp => {
            let at: jiff::civil::DateTime = quoted()?.parse().map_err(|_| expected())?;
            let at = at.to_zoned(jiff::tz::TimeZone::UTC).map_err(|_| expected())?;
            Told::Whole(at.timestamp().as_microsecond())
        }
        Type::List(_) | Type::Vector(_) => {
            let items: Vec<&RawValue> = serde_json::from_str(text).map_err(|_| expected())?;
            let (of, exactly) = match of {
                Type::List(of) => (of.as_ref(), None),
                Type::Vector(n) => (&Type::Float64, Some(*n as usize)),
                _ => return Err(expected()),
            };
            let items: Vec<Option<Told>> = items
                .into_iter()
                .map(|raw| value(raw, of))
                .collect::<std::result::Result<_, _>>()?;
            if exactly.is_some_and(|n| n != items.len() || items.iter().any(Option::is_none)) {
                return Err(expected());
            }
            Told::List(items)
        }
        Type::Struct(fields) => {
            let mut values: Fields<'_> = serde_json::from_str(text).map_err(|_| expected())?;
            let told = fields.iter().map(|(name, of)| match values.remove(name) {
                Some(raw) => value(raw, of),
                None => Err(expected()),
            });
            let told = told.collect::<std::result::Result<_, _>>()?;
            if !values.is_empty() {
                return Err(expected());
            }
            Told::Struct(told)
        }
    };
    Ok(Some(told))
}

/// A number as JSON writes one.
fn number(text: &str) -> Option<f64> {
    let is_json = text.starts_with(|c: char| c.is_ascii_digit() || c == '-');
    text.parse().ok().filter(|n: &f64| is_json && n.is_finite())
}

/// The digits of an exact number with so many behind the point; `None` where it has more than fit.
fn decimal(text: &str, precision: u32, scale: u32) -> Option<i128> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text),
    };
    let (whole, behind) = digits.split_once('.').unwrap_or((digits, ""));
    let behind = behind.trim_end_matches('0');
    let is_number = !whole.is_empty() && (whole.chars().chain(behind.chars())).all(|c| c.is_ascii_digit());
    if !is_number || behind.len() > scale as usize {
        return None;
    }
    let zeros = "0".repeat(scale as usize - behind.len());
    let digits: i128 = format!("{whole}{behind}{zeros}").parse().ok()?;
    let fits = 10i128.checked_pow(precision).is_some_and(|most| digits < most);
    fits.then_some(sign * digits)
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u32>> = hex.chars().map(|c| c.to_digit(16)).collect();
    let byte = |pair: &[u32]| match pair {
        [high, low] => u8::try_from(high * 16 + low).ok(),
        _ => None,
    };
    digits?.chunks(2).map(byte).collect()
}

/// A column of these values.
fn array(field: &Field, of: &Type, values: Vec<Option<Told>>) -> Result<ArrayRef> {
    let other = || Error::bug(format!("column `{}` is not of type {of}", field.name()));
    macro_rules! primitive {
        ($arrow:ty, $told:path) => {
            primitive::<$arrow>(values, |told| match told {
                $told(n) => n.try_into().ok(),
                _ => None,
            })
        };
    }
    Ok(match of {
        Type::Bool => {
            let mut column = BooleanBuilder::new();
            for value in values {
                match value {
                    None => column.append_null(),
                    Some(Told::Bool(is)) => column.append_value(is),
                    Some(_) => return Err(other()),
                }
            }
            Arc::new(column.finish())
        }
        Type::Int8 => Arc::new(primitive!(Int8Type, Told::Whole)),
        Type::Int16 => Arc::new(primitive!(Int16Type, Told::Whole)),
        Type::Int32 => Arc::new(primitive!(Int32Type, Told::Whole)),
        Type::Int64 | Type::Time => Arc::new(primitive!(Int64Type, Told::Whole)),
        Type::Date => Arc::new(primitive!(Date32Type, Told::Whole)),
        Type::Timestamp => {
            let column: PrimitiveArray<TimestampMicrosecondType> = primitive!(TimestampMicrosecondType, Told::Whole);
            Arc::new(column.with_timezone("UTC"))
        }
        Type::LocalTimestamp => Arc::new(primitive!(TimestampMicrosecondType, Told::Whole)),
        Type::Float32 => Arc::new(primitive!(Float32Type, Told::Single)),
        Type::Float64 => Arc::new(primitive!(Float64Type, Told::Double)),
        Type::UInt64 | Type::Decimal(..) => {
            let column: PrimitiveArray<Decimal128Type> = primitive!(Decimal128Type, Told::Exact);
            let column = column.with_data_type(of.arrow());
            Arc::new(column)
        }
        Type::String | Type::Json | Type::Uuid => {
            let mut column = StringBuilder::new();
            for value in values {
                match value {
                    None => column.append_null(),
                    Some(Told::Text(text)) => column.append_value(text),
                    Some(_) => return Err(other()),
                }
            }
            Arc::new(column.finish())
        }
        Type::Binary => {
            let mut column = BinaryBuilder::new();
            for value in values {
                match value {
                    None => column.append_null(),
                    Some(Told::Bytes(bytes)) => column.append_value(bytes),
                    Some(_) => return Err(other()),
                }
            }
            Arc::new(column.finish())
        }
        Type::List(_) | Type::Vector(_) => list(field, of, values)?,
        Type::Struct(fields) => structs(field, fields, values)?,
    })
}

fn primitive<A: ArrowPrimitiveType>(
    values: Vec<Option<Told>>,
    native: impl Fn(Told) -> Option<A::Native>,
) -> PrimitiveArray<A> {
    PrimitiveArray::from_iter(values.into_iter().map(|value| value.and_then(&native)))
}

fn list(field: &Field, of: &Type, values: Vec<Option<Told>>) -> Result<ArrayRef> {
    let DataType::List(element) = field.data_type() else {
        return Err(Error::bug(format!("column `{}` is no list", field.name())));
    };
    let valid: Vec<bool> = values.iter().map(Option::is_some).collect();
    let (mut lengths, mut all) = (Vec::with_capacity(values.len()), Vec::new());
    for value in values {
        let items = match value {
            Some(Told::List(items)) => items,
            _ => Vec::new(),
        };
        lengths.push(items.len());
        all.extend(items);
    }
    let of = match of {
        Type::List(of) => of.as_ref(),
        _ => &Type::Float64,
    };
    let items = array(element, of, all)?;
    let offsets = OffsetBuffer::<i32>::from_lengths(lengths);
    let list = ListArray::try_new(element.clone(), offsets, items, Some(NullBuffer::from(valid)));
    Ok(Arc::new(list.map_err(|e| {
        Error::bug("lists that were kept do not make a column").caused_by(e)
    })?))
}

fn structs(field: &Field, of: &[(String, Type)], values: Vec<Option<Told>>) -> Result<ArrayRef> {
    let DataType::Struct(fields) = field.data_type() else {
        return Err(Error::bug(format!("column `{}` is no struct", field.name())));
    };
    let valid: Vec<bool> = values.iter().map(Option::is_some).collect();
    let mut columns: Vec<Vec<Option<Told>>> = of.iter().map(|_| Vec::with_capacity(valid.len())).collect();
    for value in values {
        match value {
            Some(Told::Struct(told)) => columns.iter_mut().zip(told).for_each(|(column, one)| column.push(one)),
            _ => columns.iter_mut().for_each(|column| column.push(None)),
        }
    }
    let arrays = fields.iter().zip(of).zip(columns);
    let arrays: Vec<ArrayRef> = arrays
        .map(|((field, (_, of)), values)| array(field, of, values))
        .collect::<Result<_>>()?;
    let length = valid.len();
    let made = StructArray::try_new_with_length(fields.clone(), arrays, Some(NullBuffer::from(valid)), length);
    Ok(Arc::new(made.map_err(|e| {
        Error::bug("structs that were kept do not make a column").caused_by(e)
    })?))
}

#[cfg(test)]
mod tests;
