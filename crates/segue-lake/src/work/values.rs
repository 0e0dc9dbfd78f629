//! The values of changed rows in the columns that readers range over.

use super::Work;
use crate::file::DataFile;
use arrow_array::{BooleanArray, RecordBatch};
use arrow_schema::Schema;
use arrow_select::filter::filter;
use futures::TryStreamExt;
use segue_core::commit::Footprint;
use segue_core::sink::{Grain, grained, is_ranged, numbers};
use segue_core::{Error, Result, Spans};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Collects them, in the readers' grains. A row whose value is empty is in no reader's range.
pub(super) struct Values<'a> {
    grains: Vec<(&'a Grain, usize)>,
    spans: BTreeMap<String, Spans>,
}

impl<'a> Values<'a> {
    /// For these grains of a table of this schema; a column that the table has not, or cannot be ranged over, stays unnamed: everything.
    pub fn new(grains: &'a [Grain], schema: &Schema) -> Values<'a> {
        let grains: Vec<_> = grains
            .iter()
            .filter_map(|g| {
                let at = schema.index_of(&g.column).ok()?;
                is_ranged(schema.field(at).data_type()).then_some((g, at))
            })
            .collect();
        Values {
            spans: grains.iter().map(|(g, _)| (g.column.clone(), Spans::none())).collect(),
            grains,
        }
    }

    /// Whether nobody asks for any.
    pub fn is_empty(&self) -> bool {
        self.grains.is_empty()
    }

    /// The columns that are asked for.
    pub fn columns(&self) -> Vec<usize> {
        let mut columns: Vec<usize> = self.grains.iter().map(|(_, at)| *at).collect();
        columns.sort_unstable();
        columns.dedup();
        columns
    }

    /// Counts the rows in for which the mask is true; `None`: all.
    pub fn add(&mut self, batch: &RecordBatch, mask: Option<&BooleanArray>) {
        for (grain, at) in &self.grains {
            let column = batch.column(*at);
            // A mask and a column of one batch are as long as each other.
            let few = mask.and_then(|mask| filter(column, mask).ok());
            let all = numbers(few.as_ref().unwrap_or(column));
            let mut values: Vec<i64> = all.into_iter().flatten().flatten().collect();
            values.sort_unstable();
            values.dedup();
            let new = grained(values, grain);
            if let Some(spans) = self.spans.get_mut(&grain.column) {
                *spans = spans.union(&new).at_most(Footprint::MOST_SPANS);
            }
        }
    }

    /// Counts rows of a staged file in, and reads no more of it than the columns that somebody ranges over.
    pub async fn add_of_file(&mut self, work: &Work<'_>, file: &DataFile, mask: Option<&BooleanArray>) -> Result<()> {
        if self.is_empty() {
            return Ok(());
        }
        let few = work.strict.project(&self.columns());
        let few = Arc::new(few.map_err(|e| Error::bug("a column is gone").caused_by(e))?);
        let mut narrow = Values::new(work.grains, &few);
        let mut rows = crate::read::one(work.store.clone(), file.clone(), few.clone()).await?;
        let mut read = 0;
        while let Some(batch) = rows.try_next().await? {
            work.ctx.go_on()?;
            narrow.add(&batch, mask.map(|m| m.slice(read, batch.num_rows())).as_ref());
            read += batch.num_rows();
        }
        self.join(narrow.finish());
        Ok(())
    }

    /// Counts in what another one collected.
    pub fn join(&mut self, other: BTreeMap<String, Spans>) {
        for (column, new) in other {
            if let Some(spans) = self.spans.get_mut(&column) {
                *spans = spans.union(&new).at_most(Footprint::MOST_SPANS);
            }
        }
    }

    pub fn finish(self) -> BTreeMap<String, Spans> {
        self.spans
    }
}
