//! The key's columns, and their values as bytes.

use super::super::Work;
use arrow_array::RecordBatch;
use arrow_row::{RowConverter, Rows, SortField};
use arrow_schema::SchemaRef;
use segue_core::{Error, Kind, Result};
use std::sync::Arc;

/// The key's columns in the table's rows.
#[derive(Clone)]
pub(super) struct KeyColumns {
    columns: Vec<usize>,
    /// They alone.
    pub schema: SchemaRef,
    converter: Arc<RowConverter>,
}

impl KeyColumns {
    pub fn new(work: &Work<'_>, key: &[String]) -> Result<KeyColumns> {
        let place = |name: &String| {
            work.after.index_of(name).map_err(|e| {
                Error::new(
                    Kind::Invalid,
                    format!("the key's column `{name}` is not in {}", work.target.name),
                )
                .caused_by(e)
            })
        };
        let columns: Vec<usize> = key.iter().map(place).collect::<Result<_>>()?;
        if columns.is_empty() {
            return Err(Error::new(
                Kind::Invalid,
                format!("a merge into {} needs a key", work.target.name),
            ));
        }
        let schema = work.after.project(&columns);
        let schema = schema.map_err(|e| Error::bug("a key's column is gone").caused_by(e))?;
        let fields = schema.fields().iter().map(|f| SortField::new(f.data_type().clone()));
        let converter = RowConverter::new(fields.collect());
        Ok(KeyColumns {
            converter: Arc::new(converter.map_err(|e| Error::bug("keys cannot be compared").caused_by(e))?),
            schema: Arc::new(schema),
            columns,
        })
    }

    /// The key's columns of rows of the table.
    pub fn of(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        batch
            .project(&self.columns)
            .map_err(|e| Error::bug("a key's column is gone").caused_by(e))
    }

    /// The keys as bytes that are equal where the keys are.
    pub fn bytes(&self, key: &RecordBatch) -> Result<Rows> {
        self.converter
            .convert_columns(key.columns())
            .map_err(|e| Error::bug("keys cannot be compared").caused_by(e))
    }
}
