//! Typed columns as rows of a binary COPY: the way in of [`decode`](super::decode).
//!
//! Source: PostgreSQL's documentation of `COPY`, "Binary Format"; the `…_recv` functions of its types.

use super::decode::{DAYS_TO_2000, MICROS_TO_2000};
use crate::columns::written::json_text;
use arrow_array::cast::AsArray;
use arrow_array::types::*;
use arrow_array::{Array, ArrayRef, BinaryArray, BooleanArray, ListArray, RecordBatch, StringArray};
use arrow_schema::Schema;
use bytes::{BufMut, BytesMut};
use segue_core::{Error, Kind, Result, Type};
use segue_diag as codes;
use tokio_postgres::types::Type as PgType;

/// The largest value that the server takes, in bytes.
const LARGEST: usize = 1 << 30;

/// The first and the last moment that the server keeps (4713 BC to 294276 AD), in microseconds since 2000; beyond them are its infinities.
const FIRST_MICROS: i64 = -211_813_488_000_000_000;
const END_MICROS: i64 = 9_223_371_331_200_000_000;

/// The first and the last day that it keeps (4713 BC to 5874897 AD), in days since 2000.
const FIRST_DAY: i32 = -2_451_545;
const END_DAY: i32 = 2_145_031_949;

/// What stands before the first row: the signature, no flags, no extension.
pub(super) fn head(out: &mut BytesMut) {
    out.put_slice(b"PGCOPY\n\xff\r\n\0");
    out.put_u32(0);
    out.put_u32(0);
}

/// What stands after the last row.
pub(super) fn tail(out: &mut BytesMut) {
    out.put_i16(-1);
}

/// Appends the rows of a batch; with `deletes`, one column more.
///
/// # Errors
/// `BadData` for what PostgreSQL does not keep: text with a NUL, moments beyond its calendar, values of a gigabyte.
pub(super) fn rows(batch: &RecordBatch, deletes: Option<&BooleanArray>, out: &mut BytesMut) -> Result<()> {
    let columns = columns(batch)?;
    let many = columns.len() + usize::from(deletes.is_some());
    let many = i16::try_from(many)
        .map_err(|_| Error::new(Kind::Unsupported, "a table in PostgreSQL has at most 1,600 columns"))?;
    for row in 0..batch.num_rows() {
        out.put_i16(many);
        for (at, column) in columns.iter().enumerate() {
            if let Err(why) = column.put(row, out) {
                return Err(refused(batch.schema_ref(), at, row, why));
            }
        }
        if let Some(deletes) = deletes {
            out.put_i32(1);
            out.put_u8(u8::from(deletes.is_valid(row) && deletes.value(row)));
        }
    }
    Ok(())
}

fn refused(schema: &Schema, at: usize, row: usize, why: String) -> Error {
    Error::new(
        Kind::BadData,
        format!("column `{}`: PostgreSQL does not keep {why}", schema.field(at).name()),
    )
    .code(codes::POSTGRES_VALUE)
    .with("row_of_batch", row)
    .hint("write null or another value in the SQL, or leave the row out with a check that sets it aside")
}

fn columns(batch: &RecordBatch) -> Result<Vec<Column<'_>>> {
    let fields = batch.schema_ref().fields().iter().zip(batch.columns());
    fields
        .map(|(field, array)| Ok(Column::of(&Type::of(field)?, array)))
        .collect()
}

/// A column, ready to be written.
struct Column<'a> {
    array: &'a ArrayRef,
    has_nulls: bool,
    values: Values<'a>,
}

enum Values<'a> {
    Bool(&'a BooleanArray),
    Int8(&'a [i8]),
    Int16(&'a [i16]),
    Int32(&'a [i32]),
    Int64(&'a [i64]),
    Float32(&'a [f32]),
    Float64(&'a [f64]),
    Decimal(&'a [i128], u32),
    /// Texts, and whether there is a NUL in any of them.
    Text(&'a StringArray, bool),
    Bytes(&'a BinaryArray),
    Uuid(&'a StringArray),
    Date(&'a [i32]),
    Time(&'a [i64]),
    Instant(&'a [i64]),
    List(&'a ListArray, u32, Box<Column<'a>>),
    Nested(Type),
}

impl<'a> Column<'a> {
    fn of(of: &Type, array: &'a ArrayRef) -> Column<'a> {
        let values = match of {
            Type::Bool => Values::Bool(array.as_boolean()),
            Type::Int8 => Values::Int8(array.as_primitive::<Int8Type>().values()),
            Type::Int16 => Values::Int16(array.as_primitive::<Int16Type>().values()),
            Type::Int32 => Values::Int32(array.as_primitive::<Int32Type>().values()),
            Type::Int64 => Values::Int64(array.as_primitive::<Int64Type>().values()),
            Type::Float32 => Values::Float32(array.as_primitive::<Float32Type>().values()),
            Type::Float64 => Values::Float64(array.as_primitive::<Float64Type>().values()),
            Type::UInt64 => Values::Decimal(array.as_primitive::<Decimal128Type>().values(), 0),
            Type::Decimal(_, scale) => {
                Values::Decimal(array.as_primitive::<Decimal128Type>().values(), u32::from(*scale))
            }
            Type::String | Type::Json => texts(array.as_string()),
            Type::Binary => Values::Bytes(array.as_binary()),
            Type::Uuid => Values::Uuid(array.as_string()),
            Type::Date => Values::Date(array.as_primitive::<Date32Type>().values()),
            Type::Time => Values::Time(array.as_primitive::<Int64Type>().values()),
            Type::Timestamp | Type::LocalTimestamp => {
                Values::Instant(array.as_primitive::<TimestampMicrosecondType>().values())
            }
            Type::Vector(_) => list(&Type::Float64, array),
            Type::List(inner) => match **inner {
                Type::List(_) | Type::Struct(_) | Type::Vector(_) => Values::Nested(of.clone()),
                ref inner => list(inner, array),
            },
            Type::Struct(_) => Values::Nested(of.clone()),
        };
        Column {
            array,
            has_nulls: array.null_count() > 0,
            values,
        }
    }

    /// Appends one value with its length, or says what it is that is not kept.
    fn put(&self, row: usize, out: &mut BytesMut) -> Result<(), String> {
        if self.has_nulls && self.array.is_null(row) {
            out.put_i32(-1);
            return Ok(());
        }
        match &self.values {
            Values::Bool(v) => fixed(out, [u8::from(v.value(row))]),
            Values::Int8(v) => fixed(out, i16::from(v[row]).to_be_bytes()),
            Values::Int16(v) => fixed(out, v[row].to_be_bytes()),
            Values::Int32(v) => fixed(out, v[row].to_be_bytes()),
            Values::Int64(v) => fixed(out, v[row].to_be_bytes()),
            Values::Float32(v) => fixed(out, v[row].to_be_bytes()),
            Values::Float64(v) => fixed(out, v[row].to_be_bytes()),
            Values::Decimal(v, scale) => decimal(out, v[row], *scale),
            Values::Text(v, false) => bytes(out, v.value(row).as_bytes())?,
            Values::Text(v, true) => text(out, v.value(row))?,
            Values::Bytes(v) => bytes(out, v.value(row))?,
            Values::Uuid(v) => {
                let text = v.value(row);
                let uuid = uuid::Uuid::try_parse(text).map_err(|_| format!("`{text}` as a UUID"))?;
                fixed(out, *uuid.as_bytes());
            }
            Values::Date(v) => {
                let days = v[row]
                    .checked_sub(DAYS_TO_2000)
                    .filter(|d| (FIRST_DAY..END_DAY).contains(d));
                let days = days.ok_or_else(|| format!("the date of day {} since 1970", v[row]))?;
                fixed(out, days.to_be_bytes());
            }
            Values::Time(v) => match v[row] {
                micros @ 0..86_400_000_000 => fixed(out, micros.to_be_bytes()),
                micros => return Err(format!("{micros} microseconds after midnight as a time of day")),
            },
            Values::Instant(v) => {
                let micros = v[row].checked_sub(MICROS_TO_2000);
                let micros = micros.filter(|m| (FIRST_MICROS..END_MICROS).contains(m));
                let micros = micros.ok_or_else(|| format!("the moment {} microseconds from 1970", v[row]))?;
                fixed(out, micros.to_be_bytes());
            }
            Values::List(lists, element, items) => array(out, lists, row, *element, items)?,
            Values::Nested(of) if has_negative_zero(of, self.array, row) => {
                return Err("a negative zero in `jsonb`, as which what is nested is kept".into());
            }
            Values::Nested(of) => {
                let mut json = String::new();
                json_text(of, self.array, row, &mut json).map_err(|e| format!("it: {}", e.message()))?;
                // jsonb: the version of its form stands before it.
                let len = within(json.len() + 1)?;
                out.put_i32(len);
                out.put_u8(1);
                out.put_slice(json.as_bytes());
            }
        }
        Ok(())
    }
}

fn list<'a>(inner: &Type, array: &'a ArrayRef) -> Values<'a> {
    let lists = array.as_list::<i32>();
    Values::List(lists, oid(inner), Box::new(Column::of(inner, lists.values())))
}

/// Whether a nested value holds a zero with a sign: to `jsonb` a number has none where it is zero.
fn has_negative_zero(of: &Type, column: &ArrayRef, row: usize) -> bool {
    let any = |of: &Type, items: ArrayRef| (0..items.len()).any(|at| has_negative_zero(of, &items, at));
    if column.is_null(row) {
        return false;
    }
    match of {
        Type::Float32 => column.as_primitive::<Float32Type>().value(row).to_bits() == (-0_f32).to_bits(),
        Type::Float64 => column.as_primitive::<Float64Type>().value(row).to_bits() == (-0_f64).to_bits(),
        Type::List(inner) => any(inner, column.as_list::<i32>().value(row)),
        Type::Vector(_) => any(&Type::Float64, column.as_list::<i32>().value(row)),
        Type::Struct(fields) => {
            let values = column.as_struct();
            let mut each = fields.iter().enumerate();
            each.any(|(at, (_, of))| has_negative_zero(of, values.column(at), row))
        }
        _ => false,
    }
}

/// Texts, looked through once for what the server does not take.
fn texts(array: &StringArray) -> Values<'_> {
    let offsets = array.value_offsets();
    let (from, to) = (offsets[0] as usize, offsets[array.len()] as usize);
    Values::Text(array, array.value_data()[from..to].contains(&0))
}

/// A value of at most 16 bytes, in one piece with its length.
fn fixed<const N: usize>(out: &mut BytesMut, value: [u8; N]) {
    let mut both = [0; 20];
    both[..4].copy_from_slice(&(N as i32).to_be_bytes());
    both[4..4 + N].copy_from_slice(&value);
    out.put_slice(&both[..4 + N]);
}

fn within(len: usize) -> Result<i32, String> {
    match i32::try_from(len) {
        Ok(small) if len < LARGEST => Ok(small),
        _ => Err(format!("a value of {len} bytes: its limit is a gigabyte")),
    }
}

fn bytes(out: &mut BytesMut, value: &[u8]) -> Result<(), String> {
    out.put_i32(within(value.len())?);
    out.put_slice(value);
    Ok(())
}

fn text(out: &mut BytesMut, value: &str) -> Result<(), String> {
    match value.find('\0') {
        None => bytes(out, value.as_bytes()),
        Some(at) => Err(format!("text with a NUL character, as at byte {at} of one")),
    }
}

/// An array of one dimension.
fn array(out: &mut BytesMut, lists: &ListArray, row: usize, element: u32, items: &Column<'_>) -> Result<(), String> {
    let offsets = lists.value_offsets();
    let (from, to) = (offsets[row] as usize, offsets[row + 1] as usize);
    let begins = out.len();
    out.put_i32(0);
    let has_nulls = items.has_nulls && (from..to).any(|at| items.array.is_null(at));
    out.put_i32(i32::from(to > from));
    out.put_i32(i32::from(has_nulls));
    out.put_u32(element);
    if to > from {
        out.put_i32((to - from) as i32);
        out.put_i32(1);
        for at in from..to {
            items.put(at, out)?;
        }
    }
    let len = within(out.len() - begins - 4)?;
    out[begins..begins + 4].copy_from_slice(&len.to_be_bytes());
    Ok(())
}

/// The server's number of the type that an array's elements have.
fn oid(of: &Type) -> u32 {
    let of = match of {
        Type::Bool => PgType::BOOL,
        Type::Int8 | Type::Int16 => PgType::INT2,
        Type::Int32 => PgType::INT4,
        Type::Int64 => PgType::INT8,
        Type::Float32 => PgType::FLOAT4,
        Type::Float64 => PgType::FLOAT8,
        Type::UInt64 | Type::Decimal(..) => PgType::NUMERIC,
        Type::String => PgType::TEXT,
        Type::Json => PgType::JSON,
        Type::Binary => PgType::BYTEA,
        Type::Uuid => PgType::UUID,
        Type::Date => PgType::DATE,
        Type::Time => PgType::TIME,
        Type::Timestamp => PgType::TIMESTAMPTZ,
        Type::LocalTimestamp => PgType::TIMESTAMP,
        Type::List(_) | Type::Struct(_) | Type::Vector(_) => PgType::JSONB,
    };
    of.oid()
}

/// A number: its digits to the base of 10,000, the highest first, aligned at the point; zeros at either end are left out.
fn decimal(out: &mut BytesMut, value: i128, scale: u32) {
    // 39 digits before the point and 40 after it are 20 groups at most.
    let mut groups = [0_u16; 24];
    let behind = scale.div_ceil(4) as usize;
    let mut at = groups.len();
    let mut split = |group: u64| {
        at -= 1;
        groups[at] = group as u16;
    };
    // The value in units of the lowest group: one digit more than an i128 holds is possible, so the lowest group is split off first.
    let surplus = SURPLUS[(scale % 4) as usize];
    let mut rest = value.unsigned_abs();
    if behind > 0 && rest > u128::from(u64::MAX) {
        let per_group = u128::from(10_000 / surplus);
        split((rest % per_group) as u64 * surplus);
        rest /= per_group;
        while rest > u128::from(u64::MAX) {
            split((rest % 10_000) as u64);
            rest /= 10_000;
        }
    } else if behind > 0 {
        // The usual number is small, and division of 64 bits is much faster.
        let (small, per_group) = (rest as u64, 10_000 / surplus);
        split(small % per_group * surplus);
        rest = u128::from(small / per_group);
    }
    while rest > u128::from(u64::MAX) {
        split((rest % 10_000) as u64);
        rest /= 10_000;
    }
    let mut rest = rest as u64;
    while rest > 0 {
        split(rest % 10_000);
        rest /= 10_000;
    }
    let first = at + groups[at..].iter().take_while(|g| **g == 0).count();
    let last = groups.len() - groups[first..].iter().rev().take_while(|g| **g == 0).count();
    let digits = &groups[first..last];
    let weight = match digits.is_empty() {
        true => 0,
        false => (groups.len() - behind) as i16 - first as i16 - 1,
    };
    let sign: u16 = if value < 0 { 0x4000 } else { 0 };
    let mut both = [0; 12 + 2 * 24];
    both[..4].copy_from_slice(&(8 + 2 * digits.len() as i32).to_be_bytes());
    both[4..6].copy_from_slice(&(digits.len() as i16).to_be_bytes());
    both[6..8].copy_from_slice(&weight.to_be_bytes());
    both[8..10].copy_from_slice(&sign.to_be_bytes());
    both[10..12].copy_from_slice(&(scale as u16).to_be_bytes());
    for (place, digit) in both[12..].chunks_exact_mut(2).zip(digits) {
        place.copy_from_slice(&digit.to_be_bytes());
    }
    out.put_slice(&both[..12 + 2 * digits.len()]);
}

/// By how much the lowest group counts more than the lowest digit, by how many digits of the scale stand in it.
const SURPLUS: [u64; 4] = [1, 1000, 100, 10];

#[cfg(test)]
mod tests;
