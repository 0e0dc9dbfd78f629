//! Statistics of a file as it is written: for each of the first columns how many values are null, and bounds of the others.
//!
//! Bounds are true bounds or left out: text is cut upwards, times are rounded outwards to Delta's milliseconds, columns with NaN have none.
//! Parquet compares every value for its own statistics: where these are exact or wider, they are taken, and nothing is compared twice.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    TimestampMicrosecondType,
};
use arrow_array::{Array, RecordBatch};
use arrow_schema::{DataType, Schema, TimeUnit};
use datafusion::arrow::compute::{max, max_string, min, min_string};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use parquet::file::metadata::ParquetMetaData;
use parquet::file::statistics::Statistics;
use segue_core::Type;
use serde_json::{Map, Number, Value, json};

/// Columns that have statistics.
const MOST_COLUMNS: usize = 32;
/// Characters of text that are kept.
const MOST_CHARACTERS: usize = 32;

/// Collects the statistics of one file.
#[derive(Debug)]
pub(crate) struct Collector {
    rows: u64,
    columns: Vec<(String, Column)>,
}

/// What is known of one column so far.
#[derive(Debug)]
enum Column {
    Leaf {
        nulls: u64,
        bounds: Option<(Raw, Raw)>,
        unknown: bool,
        /// The file's own statistics have the bounds.
        in_file: bool,
    },
    Struct(Vec<(String, Column)>),
}

/// A value as it is compared.
#[derive(Clone, Debug, PartialEq, PartialOrd)]
enum Raw {
    Number(i128),
    Float(f64),
    Text(String),
}

impl Column {
    fn new(of: &DataType, field_type: Option<&Type>) -> Column {
        match of {
            DataType::Struct(fields) => {
                let inner = |f: &arrow_schema::FieldRef| Column::new(f.data_type(), Type::of(f).ok().as_ref());
                Column::Struct(fields.iter().map(|f| (f.name().clone(), inner(f))).collect())
            }
            other => Column::Leaf {
                nulls: 0,
                bounds: None,
                unknown: matches!(field_type, Some(Type::Json)) || !has_bounds(other),
                in_file: false,
            },
        }
    }

    fn add(&mut self, values: &dyn Array) {
        match self {
            Column::Struct(columns) => {
                // A child's nulls count those of its parents, as Parquet does.
                let parent = values.as_struct();
                for ((_, column), child) in columns.iter_mut().zip(parent.columns()) {
                    match arrow_array::make_array(child.to_data()) {
                        child if parent.null_count() == 0 => column.add(child.as_ref()),
                        child => column.add(hide(child.as_ref(), parent).as_ref()),
                    }
                }
            }
            Column::Leaf {
                nulls,
                bounds,
                unknown,
                in_file,
            } => {
                *nulls += values.null_count() as u64;
                if *unknown || *in_file || values.null_count() == values.len() {
                    return;
                }
                match of_batch(values) {
                    None => *unknown = true,
                    Some(new) => widen(bounds, new),
                }
            }
        }
    }
}

fn widen(bounds: &mut Option<(Raw, Raw)>, (low, high): (Raw, Raw)) {
    *bounds = Some(match bounds.take() {
        None => (low, high),
        Some((min, max)) => (if low < min { low } else { min }, if high > max { high } else { max }),
    });
}

/// The bounds of a column in a row group as its file has them; text that is long may be cut there, outwards.
fn of_group(statistics: &Statistics) -> Option<(Raw, Raw)> {
    let text = |value: &[u8]| Some(Raw::Text(std::str::from_utf8(value).ok()?.to_string()));
    Some(match statistics {
        Statistics::Int32(s) => (Raw::Number((*s.min_opt()?).into()), Raw::Number((*s.max_opt()?).into())),
        Statistics::Int64(s) => (Raw::Number((*s.min_opt()?).into()), Raw::Number((*s.max_opt()?).into())),
        Statistics::ByteArray(s) => (text(s.min_opt()?.data())?, text(s.max_opt()?.data())?),
        Statistics::FixedLenByteArray(s) => (big_endian(s.min_opt()?.data())?, big_endian(s.max_opt()?.data())?),
        _ => return None,
    })
}

/// A decimal of many digits.
fn big_endian(bytes: &[u8]) -> Option<Raw> {
    let sign = if bytes.first()? & 0x80 == 0 { 0 } else { 0xff };
    let mut all = [sign; 16];
    all[16_usize.checked_sub(bytes.len())?..].copy_from_slice(bytes);
    Some(Raw::Number(i128::from_be_bytes(all)))
}

/// A child's values with the parent's nulls laid over them.
fn hide(child: &dyn Array, parent: &dyn Array) -> arrow_array::ArrayRef {
    let nulls = arrow_buffer::NullBuffer::union(child.logical_nulls().as_ref(), parent.logical_nulls().as_ref());
    let data = child.to_data().into_builder().nulls(nulls).build();
    data.map(arrow_array::make_array)
        .unwrap_or_else(|_| arrow_array::make_array(child.to_data()))
}

fn has_bounds(of: &DataType) -> bool {
    use DataType::*;
    matches!(
        of,
        Int8 | Int16
            | Int32
            | Int64
            | Float32
            | Float64
            | Utf8
            | Date32
            | Decimal128(..)
            | Timestamp(TimeUnit::Microsecond, _)
    )
}

/// The bounds of one batch; `None` where there are none to be relied on.
fn of_batch(values: &dyn Array) -> Option<(Raw, Raw)> {
    macro_rules! whole {
        ($of:ty) => {{
            let v = values.as_primitive::<$of>();
            (Raw::Number(min(v)?.into()), Raw::Number(max(v)?.into()))
        }};
    }
    macro_rules! float {
        ($of:ty) => {{
            let v = values.as_primitive::<$of>();
            let (low, high) = (f64::from(min(v)?), f64::from(max(v)?));
            if !low.is_finite() || !high.is_finite() {
                return None;
            }
            (Raw::Float(low), Raw::Float(high))
        }};
    }
    Some(match values.data_type() {
        DataType::Int8 => whole!(Int8Type),
        DataType::Int16 => whole!(Int16Type),
        DataType::Int32 => whole!(Int32Type),
        DataType::Int64 => whole!(Int64Type),
        DataType::Date32 => whole!(Date32Type),
        DataType::Timestamp(TimeUnit::Microsecond, _) => whole!(TimestampMicrosecondType),
        DataType::Decimal128(..) => whole!(Decimal128Type),
        DataType::Float32 => float!(Float32Type),
        DataType::Float64 => float!(Float64Type),
        DataType::Utf8 => {
            let v = values.as_string::<i32>();
            (
                Raw::Text(min_string(v)?.to_string()),
                Raw::Text(max_string(v)?.to_string()),
            )
        }
        _ => return None,
    })
}

impl Collector {
    /// For files of this schema.
    pub fn new(schema: &Schema) -> Collector {
        let columns = schema.fields().iter().take(MOST_COLUMNS);
        let column = |f: &arrow_schema::FieldRef| {
            let mut column = Column::new(f.data_type(), Type::of(f).ok().as_ref());
            // Of floats the file has none: its bounds leave NaN out.
            if let Column::Leaf { in_file, .. } = &mut column {
                *in_file = !f.data_type().is_floating();
            }
            (f.name().clone(), column)
        };
        Collector {
            rows: 0,
            columns: columns.map(column).collect(),
        }
    }

    /// Counts these rows in.
    pub fn add(&mut self, batch: &RecordBatch) {
        self.rows += batch.num_rows() as u64;
        for ((_, column), values) in self.columns.iter_mut().zip(batch.columns()) {
            column.add(values.as_ref());
        }
    }

    /// Takes in what the finished file says of itself.
    pub fn finish(&mut self, file: &ParquetMetaData) {
        let leaves = file.file_metadata().schema_descr();
        for (name, column) in &mut self.columns {
            let Column::Leaf {
                bounds,
                unknown,
                in_file: true,
                ..
            } = column
            else {
                continue;
            };
            let at = leaves
                .columns()
                .iter()
                .position(|leaf| leaf.path().parts() == [name.as_str()]);
            for group in file.row_groups() {
                let statistics = at.and_then(|at| group.column(at).statistics());
                let all_null = |s: &Statistics| s.null_count_opt() == u64::try_from(group.num_rows()).ok();
                match statistics.and_then(of_group) {
                    Some(new) => widen(bounds, new),
                    None if statistics.is_some_and(all_null) => {}
                    None => *unknown = true,
                }
            }
        }
    }

    /// Rows so far.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// The statistics as they stand in Delta's log.
    pub fn to_json(&self, schema: &Schema) -> String {
        let (mut low, mut high, mut nulls) = (Map::new(), Map::new(), Map::new());
        write(&self.columns, schema.fields(), &mut low, &mut high, &mut nulls);
        json!({"numRecords": self.rows, "minValues": low, "maxValues": high, "nullCount": nulls}).to_string()
    }
}

fn write(
    columns: &[(String, Column)],
    fields: &arrow_schema::Fields,
    low: &mut Map<String, Value>,
    high: &mut Map<String, Value>,
    nulls: &mut Map<String, Value>,
) {
    for ((name, column), field) in columns.iter().zip(fields) {
        match (column, field.data_type()) {
            (Column::Struct(inner), DataType::Struct(fields)) => {
                let (mut l, mut h, mut n) = (Map::new(), Map::new(), Map::new());
                write(inner, fields, &mut l, &mut h, &mut n);
                for (all, of) in [(&mut *low, l), (&mut *high, h), (&mut *nulls, n)] {
                    if !of.is_empty() {
                        all.insert(name.clone(), of.into());
                    }
                }
            }
            (
                Column::Leaf {
                    nulls: count,
                    bounds,
                    unknown,
                    ..
                },
                of,
            ) => {
                nulls.insert(name.clone(), (*count).into());
                if let (Some((min, max)), false) = (bounds, unknown)
                    && let (Some(min), Some(max)) = (shown(min, of, false), shown(max, of, true))
                {
                    low.insert(name.clone(), min);
                    high.insert(name.clone(), max);
                }
            }
            _ => {}
        }
    }
}

/// A bound as Delta writes it; `None` where it could not be read back as a bound.
fn shown(value: &Raw, of: &DataType, upper: bool) -> Option<Value> {
    match (value, of) {
        (Raw::Text(text), _) => cut(text, upper).map(Value::String),
        (Raw::Float(f), _) => Number::from_f64(*f).map(Value::Number),
        (Raw::Number(n), DataType::Date32) => {
            let at = Timestamp::from_second(i64::try_from(*n).ok()?.checked_mul(86_400)?).ok()?;
            Some(at.to_zoned(TimeZone::UTC).date().to_string().into())
        }
        (Raw::Number(n), DataType::Timestamp(_, zone)) => {
            let micros = i64::try_from(*n).ok()?;
            let millis = micros.div_euclid(1000) + i64::from(upper && micros.rem_euclid(1000) > 0);
            let at = Timestamp::from_millisecond(millis).ok()?.to_zoned(TimeZone::UTC);
            let pattern = if zone.is_some() {
                "%Y-%m-%dT%H:%M:%S%.3fZ"
            } else {
                "%Y-%m-%dT%H:%M:%S%.3f"
            };
            (at.year() >= 0).then(|| at.strftime(pattern).to_string().into())
        }
        // Up to 15 digits are exact in a number of JSON, and readers take no others for exact.
        (Raw::Number(n), DataType::Decimal128(_, scale)) if n.unsigned_abs() < 1_000_000_000_000_000 => match *scale {
            0 => i64::try_from(*n).ok().map(Value::from),
            scale => Number::from_f64(*n as f64 / 10f64.powi(scale.into())).map(Value::Number),
        },
        (Raw::Number(_), DataType::Decimal128(..)) => None,
        (Raw::Number(n), _) => i64::try_from(*n).ok().map(Value::from),
    }
}

/// The first characters of a text; as an upper bound with the last of them raised.
fn cut(text: &str, upper: bool) -> Option<String> {
    let Some((end, _)) = text.char_indices().nth(MOST_CHARACTERS) else {
        return Some(text.to_string());
    };
    let mut kept: Vec<char> = text[..end].chars().collect();
    if !upper {
        return Some(kept.into_iter().collect());
    }
    while let Some(last) = kept.pop() {
        let next = (last as u32 + 1..=last as u32 + 0x800).find_map(char::from_u32);
        if let Some(next) = next {
            kept.push(next);
            return Some(kept.into_iter().collect());
        }
    }
    None
}

#[cfg(test)]
mod tests;
