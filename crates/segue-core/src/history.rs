//! The columns that tables keep of what was: since when and until when a row was so, and when it went.

use crate::sink::{CURRENT, Change, DELETED_AT, VALID_FROM, VALID_TO};
use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMicrosecondType;
use arrow_array::{Array, ArrayRef, BooleanArray, PrimitiveArray, RecordBatch, TimestampMicrosecondArray};
use arrow_schema::{Schema, SchemaRef};
use segue_diag::{Error, Kind, Result};
use std::sync::Arc;

/// When a row that follows one begins: at `at`, and never before the other had a moment of its own. In microseconds since 1970.
pub fn follows(at: i64, valid_from: i64) -> i64 {
    at.max(valid_from.saturating_add(1))
}

/// Refuses staged columns that the change fills by itself.
///
/// # Errors
/// `BadData`, naming the column.
pub fn refuse_own(change: &Change, staged: &Schema, table: impl std::fmt::Display) -> Result<()> {
    let own = change.own_columns();
    let Some(taken) = own.iter().find(|f| staged.field_with_name(f.name()).is_ok()) else {
        return Ok(());
    };
    Err(Error::new(
        Kind::BadData,
        format!(
            "the rows for {table} have a column `{}`, which is filled by the write mode itself",
            taken.name()
        ),
    )
    .hint("give the column another name where it is read"))
}

/// The rows as current ones, each since its `from`: their own columns by name, in the table's schema.
///
/// # Errors
/// `Bug` where the schema is not that of a history of these rows.
pub fn begun(batch: &RecordBatch, schema: &SchemaRef, from: Vec<i64>) -> Result<RecordBatch> {
    let rows = batch.num_rows();
    let columns = schema.fields().iter().map(|f| match f.name().as_str() {
        VALID_FROM => Ok(instants(from.iter().copied().map(Some).collect(), f.data_type())),
        VALID_TO => Ok(instants(vec![None; rows], f.data_type())),
        CURRENT => Ok(Arc::new(BooleanArray::from(vec![true; rows])) as ArrayRef),
        name => batch.column_by_name(name).cloned().ok_or_else(|| lacks(name)),
    });
    let columns = columns.collect::<Result<_>>()?;
    RecordBatch::try_new(schema.clone(), columns).map_err(not_rows)
}

/// The rows, those closed for which `until` says when.
///
/// # Errors
/// `Bug` where they are not a history's.
pub fn closed(batch: &RecordBatch, until: &[Option<i64>]) -> Result<RecordBatch> {
    let ends = instants_of(batch, VALID_TO)?;
    let ends = until.iter().zip(ends.iter()).map(|(now, was)| now.or(was)).collect();
    let is = flags_of(batch, CURRENT)?;
    let is: BooleanArray = until
        .iter()
        .zip(is.iter())
        .map(|(now, was)| if now.is_some() { Some(false) } else { was })
        .collect();
    with(&with(batch, VALID_TO, |of| instants(ends, of))?, CURRENT, |_| {
        Arc::new(is)
    })
}

/// The rows, those marked as gone for which `at` says when.
///
/// # Errors
/// `Bug` where they have no such column.
pub fn marked(batch: &RecordBatch, at: &[Option<i64>]) -> Result<RecordBatch> {
    let was = instants_of(batch, DELETED_AT)?;
    let gone = at.iter().zip(was.iter()).map(|(now, was)| now.or(was)).collect();
    with(batch, DELETED_AT, |of| instants(gone, of))
}

/// A column of instants.
///
/// # Errors
/// `BadData` where there is none of that name.
pub fn instants_of<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a TimestampMicrosecondArray> {
    let column = batch.column_by_name(name);
    column
        .and_then(|c| c.as_primitive_opt::<TimestampMicrosecondType>())
        .ok_or_else(|| lacks(name))
}

/// A column of true and false.
///
/// # Errors
/// `BadData` where there is none of that name.
pub fn flags_of<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a BooleanArray> {
    let column = batch.column_by_name(name);
    column.and_then(|c| c.as_boolean_opt()).ok_or_else(|| lacks(name))
}

fn instants(values: Vec<Option<i64>>, of: &arrow_schema::DataType) -> ArrayRef {
    Arc::new(PrimitiveArray::<TimestampMicrosecondType>::from(values).with_data_type(of.clone()))
}

fn with(
    batch: &RecordBatch,
    name: &str,
    make: impl FnOnce(&arrow_schema::DataType) -> ArrayRef,
) -> Result<RecordBatch> {
    let at = batch.schema_ref().index_of(name).map_err(|_| lacks(name))?;
    let mut columns = batch.columns().to_vec();
    columns[at] = make(columns[at].data_type());
    RecordBatch::try_new(batch.schema(), columns).map_err(not_rows)
}

fn lacks(name: &str) -> Error {
    Error::new(
        Kind::BadData,
        format!("the table has no column `{name}` of the type that its write mode needs"),
    )
    .hint("build it anew: segue run --rebuild")
}

fn not_rows(e: arrow_schema::ArrowError) -> Error {
    Error::bug("the columns of a history do not make rows").caused_by(e)
}
