//! Rows in memory that can be read.

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use async_trait::async_trait;
use futures::StreamExt;
use segue_core::engine::Relation;
use segue_core::{Batches, Error, Result};
use std::any::Any;

/// One batch as a relation.
pub struct MemRelation {
    rows: RecordBatch,
}

impl MemRelation {
    /// These rows.
    pub fn new(rows: RecordBatch) -> MemRelation {
        MemRelation { rows }
    }
}

#[async_trait]
impl Relation for MemRelation {
    fn schema(&self) -> SchemaRef {
        self.rows.schema()
    }

    async fn scan(&self, columns: Option<&[usize]>) -> Result<Batches> {
        let rows = match columns {
            Some(columns) => self
                .rows
                .project(columns)
                .map_err(|e| Error::bug("cannot project").caused_by(e))?,
            None => self.rows.clone(),
        };
        Ok(futures::stream::once(async move { Ok(rows) }).boxed())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
