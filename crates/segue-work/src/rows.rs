//! Small work on rows: casting a column, reading a value, telling rows apart by digests.

use arrow_array::cast::AsArray;
use arrow_array::types::{Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_row::{RowConverter, SortField};
use arrow_schema::{DataType, Field, SchemaRef, TimeUnit};
use futures::TryStreamExt;
use jiff::Timestamp;
use segue_core::{Batches, Error, Kind, Result};
use std::hash::{DefaultHasher, Hash, Hasher};

/// The column in exactly this field's Arrow type.
///
/// # Errors
/// `Bug` when it cannot be cast.
pub fn cast(column: &ArrayRef, field: &Field) -> Result<ArrayRef> {
    arrow_cast::cast(column, field.data_type()).map_err(|e| {
        Error::bug(format!(
            "column `{}` cannot be cast to {}",
            field.name(),
            field.data_type()
        ))
        .caused_by(e)
    })
}

/// A timestamp of one row; 1970 for null.
///
/// # Errors
/// `Bug` when there is no such column of timestamps.
pub fn timestamp(batch: &RecordBatch, column: &str, row: usize) -> Result<Timestamp> {
    let found = batch
        .column_by_name(column)
        .and_then(|c| c.as_primitive_opt::<TimestampMicrosecondType>());
    let found = found.ok_or_else(|| Error::bug(format!("there is no column `{column}` of timestamps")))?;
    let at = if found.is_null(row) { 0 } else { found.value(row) };
    Timestamp::from_microsecond(at).map_err(|e| Error::bug("a timestamp is out of bounds").caused_by(e))
}

/// The values of a column of dates, times or numbers as footprints and ranges count them: microseconds, or the numbers; `None` for null.
///
/// # Errors
/// `BadData` for a column of another type.
pub fn instants(column: &ArrayRef) -> Result<Vec<Option<i64>>> {
    let wrong = |e| {
        Error::new(
            Kind::BadData,
            format!("a column of type {} holds no times", column.data_type()),
        )
        .caused_by(e)
    };
    let micros = match column.data_type() {
        DataType::Date32 | DataType::Timestamp(..) => {
            arrow_cast::cast(column, &DataType::Timestamp(TimeUnit::Microsecond, None)).map_err(wrong)?
        }
        _ => column.clone(),
    };
    let numbers = arrow_cast::cast(&micros, &DataType::Int64).map_err(wrong)?;
    Ok(numbers.as_primitive::<Int64Type>().iter().collect())
}

/// One of [`instants`]; `None` for other types, too.
pub fn instant(column: &ArrayRef, row: usize) -> Option<i64> {
    instants(&column.slice(row, 1)).ok()?.first().copied().flatten()
}

/// The first value of the first column as a number; `None` where there is no row.
pub fn first_number(batches: &[RecordBatch]) -> Option<i64> {
    let batch = batches.iter().find(|b| b.num_rows() > 0)?;
    let column = arrow_cast::cast(batch.columns().first()?, &DataType::Int64).ok()?;
    Some(column.as_primitive::<Int64Type>().value(0))
}

/// At most so many rows of a stream; what follows is not asked for.
///
/// # Errors
/// Those of the stream.
pub async fn first_rows(mut rows: Batches, most: usize) -> Result<Vec<RecordBatch>> {
    let mut taken = Vec::new();
    let mut left = most;
    while left > 0 {
        let Some(batch) = rows.try_next().await? else { break };
        let some = batch.slice(0, batch.num_rows().min(left));
        left -= some.num_rows();
        if some.num_rows() > 0 {
            taken.push(some);
        }
    }
    Ok(taken)
}

/// A digest of each row's values in these columns, 128 bits: rows that are equal have equal ones.
///
/// # Errors
/// `Bug` for a type whose rows cannot be told apart.
pub fn digests(batch: &RecordBatch, columns: &[usize]) -> Result<Vec<u128>> {
    let schema: SchemaRef = batch.schema();
    let fields = columns
        .iter()
        .map(|i| SortField::new(schema.field(*i).data_type().clone()))
        .collect();
    let arrays: Vec<ArrayRef> = columns.iter().map(|i| batch.column(*i).clone()).collect();
    let wrong = |e| Error::bug("rows cannot be told apart").caused_by(e);
    let converter = RowConverter::new(fields).map_err(wrong)?;
    let rows = converter.convert_columns(&arrays).map_err(wrong)?;
    Ok(rows.iter().map(|row| digest(row.as_ref())).collect())
}

fn digest(bytes: &[u8]) -> u128 {
    let half = |salt: u8| {
        let mut hasher = DefaultHasher::new();
        salt.hash(&mut hasher);
        bytes.hash(&mut hasher);
        u128::from(hasher.finish())
    };
    (half(0) << 64) | half(1)
}
