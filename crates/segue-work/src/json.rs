//! A value of a column as JSON, for labels, evidence and set-aside rows.

use arrow_array::cast::AsArray;
use arrow_array::types::*;
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use arrow_schema::DataType;
use serde_json::{Map, Value};

/// One row, by its columns' names.
pub fn row(batch: &RecordBatch, row: usize) -> Map<String, Value> {
    let schema = batch.schema_ref();
    schema
        .fields()
        .iter()
        .zip(batch.columns())
        .map(|(f, c)| (f.name().clone(), value(c, row)))
        .collect()
}

/// Whether [`row`] tells this row in full: JSON has no word for a number that is none, or has no end.
pub fn is_told(batch: &RecordBatch, row: usize) -> bool {
    batch.columns().iter().all(|column| is_value_told(column, row))
}

fn is_value_told(array: &ArrayRef, row: usize) -> bool {
    if array.is_null(row) {
        return true;
    }
    let all_told = |values: &ArrayRef| (0..values.len()).all(|i| is_value_told(values, i));
    match array.data_type() {
        DataType::Float32 => array.as_primitive::<Float32Type>().value(row).is_finite(),
        DataType::Float64 => array.as_primitive::<Float64Type>().value(row).is_finite(),
        DataType::List(_) => all_told(&array.as_list::<i32>().value(row)),
        DataType::LargeList(_) => all_told(&array.as_list::<i64>().value(row)),
        DataType::FixedSizeList(..) => all_told(&array.as_fixed_size_list().value(row)),
        DataType::Struct(_) => array.as_struct().columns().iter().all(|c| is_value_told(c, row)),
        _ => true,
    }
}

/// One value. What JSON has no word for (times, decimals, bytes) is the text that SQL would show.
pub fn value(array: &ArrayRef, row: usize) -> Value {
    if array.is_null(row) {
        return Value::Null;
    }
    macro_rules! number {
        ($of:ty) => {
            Value::from(array.as_primitive::<$of>().value(row))
        };
    }
    match array.data_type() {
        DataType::Boolean => Value::Bool(array.as_boolean().value(row)),
        DataType::Int8 => number!(Int8Type),
        DataType::Int16 => number!(Int16Type),
        DataType::Int32 => number!(Int32Type),
        DataType::Int64 => number!(Int64Type),
        DataType::UInt8 => number!(UInt8Type),
        DataType::UInt16 => number!(UInt16Type),
        DataType::UInt32 => number!(UInt32Type),
        DataType::UInt64 => number!(UInt64Type),
        DataType::Float32 => Value::from(f64::from(array.as_primitive::<Float32Type>().value(row))),
        DataType::Float64 => number!(Float64Type),
        DataType::Utf8 => Value::from(array.as_string::<i32>().value(row)),
        DataType::LargeUtf8 => Value::from(array.as_string::<i64>().value(row)),
        DataType::Utf8View => Value::from(array.as_string_view().value(row)),
        DataType::List(_) => list(&array.as_list::<i32>().value(row)),
        DataType::LargeList(_) => list(&array.as_list::<i64>().value(row)),
        DataType::FixedSizeList(..) => list(&array.as_fixed_size_list().value(row)),
        DataType::Struct(fields) => {
            let columns = array.as_struct().columns();
            Value::Object(
                fields
                    .iter()
                    .zip(columns)
                    .map(|(f, c)| (f.name().clone(), value(c, row)))
                    .collect(),
            )
        }
        _ => {
            let shown = ArrayFormatter::try_new(array, &FormatOptions::default());
            shown.map_or(Value::Null, |f| Value::from(f.value(row).to_string()))
        }
    }
}

fn list(values: &ArrayRef) -> Value {
    (0..values.len()).map(|i| value(values, i)).collect()
}
