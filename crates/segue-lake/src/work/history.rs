//! Keeping what was: a row that comes otherwise closes the current row of its key, and is added after it.
//!
//! What is kept in memory is a digest of each staged row and of its key. The table's files are pruned by where the keys lie, streamed, and
//! those with a row that closes are written anew.

use super::keyed::Keys;
use super::rows::Digester;
use super::values::Values;
use super::{Outcome, Work, filter};
use crate::file::DataFile;
use crate::write::Writer;
use arrow_array::{Array, BooleanArray, RecordBatch};
use futures::TryStreamExt;
use jiff::Timestamp;
use segue_core::history::{begun, closed, flags_of, follows, instants_of};
use segue_core::sink::{CURRENT, Change, VALID_FROM, VALID_TO};
use segue_core::{Error, Result};
use std::collections::HashMap;

/// Memory of one staged row, with the map's own.
const ROW_BYTES: u64 = 112;

/// A staged row.
struct Source {
    /// The row's digest, without the history's columns; `None` deletes its key.
    row: Option<u128>,
    /// The current row of its key is equal.
    there: bool,
    /// When it begins, and the current row that it closes ends. In microseconds since 1970.
    begins: i64,
}

struct Sources {
    keys: Keys,
    /// Of the table's rows, without the history's columns.
    of_table: Digester,
    by_key: HashMap<u128, Source>,
}

pub(super) async fn work_out(work: &Work<'_>, change: &Change, at: Timestamp) -> Result<Outcome> {
    let mut keys = Keys::new(work, change, ROW_BYTES)?;
    let begins = at.as_microsecond();
    let remember = |row| Source {
        row,
        there: false,
        begins,
    };
    let by_key = keys.each_once(work, remember).await?;
    let own = (keys.coming().fields().iter())
        .map(|f| work.after.index_of(f.name()))
        .collect::<std::result::Result<Vec<_>, _>>()
        .map_err(|e| Error::bug("a staged column is not the table's").caused_by(e))?;
    let mut sources = Sources {
        of_table: Digester::new(&work.after, own)?,
        keys,
        by_key,
    };
    let mut closes = Vec::new();
    for file in &work.files {
        if sources.keys.may_be_in(work, file) && sources.meet(work, file).await? {
            closes.push(file.clone());
        }
    }
    let mut outcome = Outcome::default();
    let mut values = Values::new(work.grains, &work.after);
    let mut writer = work.writer();
    for file in closes {
        let count = sources.close(work, &file, &mut values, &mut writer).await?;
        outcome.rows_removed += count;
        outcome.rows_written += count;
        outcome.removes.push(file);
    }
    for (file, _) in work.comes() {
        outcome.rows_written += sources.add(work, &file, &mut values, &mut writer).await?;
    }
    work.end(outcome, values, writer).await
}

/// Whether a row is current. One from before there was a history has no word on it.
fn is(current: &BooleanArray, at: usize) -> bool {
    current.is_valid(at) && current.value(at)
}

impl Sources {
    /// Finds the staged keys in a file: which rows are there already, and when the others begin. Whether a row of it closes.
    async fn meet(&mut self, work: &Work<'_>, file: &DataFile) -> Result<bool> {
        let mut is_closing = false;
        let mut batches = work.present(file).await?;
        while let Some(batch) = batches.try_next().await? {
            let rows = self.of_table.digests(&batch)?;
            let current = flags_of(&batch, CURRENT)?;
            let (from, to) = (instants_of(&batch, VALID_FROM)?, instants_of(&batch, VALID_TO)?);
            for (at, (key, row)) in self.keys.of_table(&batch)?.iter().zip(rows).enumerate() {
                let Some(source) = self.by_key.get_mut(key) else {
                    continue;
                };
                if !is(current, at) {
                    let last = if to.is_valid(at) { to.value(at) } else { i64::MIN };
                    source.begins = source.begins.max(last);
                } else if source.row == Some(row) {
                    source.there = true;
                } else {
                    source.begins = follows(source.begins, from.value(at));
                    is_closing = true;
                }
            }
        }
        Ok(is_closing)
    }

    /// When each row of the table closes; `None` where it stays as it is.
    fn until(&self, batch: &RecordBatch) -> Result<Vec<Option<i64>>> {
        let rows = self.of_table.digests(batch)?;
        let current = flags_of(batch, CURRENT)?;
        let keys = self.keys.of_table(batch)?;
        let each = keys.iter().zip(rows).enumerate().map(|(at, (key, row))| {
            let source = self.by_key.get(key)?;
            (is(current, at) && !source.there && source.row != Some(row)).then_some(source.begins)
        });
        Ok(each.collect())
    }

    /// Writes a file anew in which rows close. How many do.
    async fn close(
        &self,
        work: &Work<'_>,
        file: &DataFile,
        values: &mut Values<'_>,
        writer: &mut Writer,
    ) -> Result<u64> {
        let mut count = 0;
        let mut batches = work.present(file).await?;
        while let Some(batch) = batches.try_next().await? {
            let until = self.until(&batch)?;
            let closes: BooleanArray = until.iter().map(|at| Some(at.is_some())).collect();
            let after = closed(&batch, &until)?;
            values.add(&batch, Some(&closes));
            values.add(&after, Some(&closes));
            count += closes.true_count() as u64;
            writer.write(&after).await?;
        }
        Ok(count)
    }

    /// Adds the rows of a staged file that are not there. How many they are.
    async fn add(&self, work: &Work<'_>, file: &DataFile, values: &mut Values<'_>, writer: &mut Writer) -> Result<u64> {
        let mut count = 0;
        let mut batches = self.keys.staged(work, file).await?;
        while let Some(batch) = batches.try_next().await? {
            let keys = self.keys.of_staged(&batch)?;
            let new = keys
                .iter()
                .map(|key| self.by_key.get(key).filter(|s| s.row.is_some() && !s.there));
            let begins: Vec<Option<i64>> = new.map(|source| source.map(|s| s.begins)).collect();
            let mask: BooleanArray = begins.iter().map(|at| Some(at.is_some())).collect();
            let rows = begun(
                &filter(&batch, &mask)?,
                &work.after,
                begins.into_iter().flatten().collect(),
            )?;
            values.add(&rows, None);
            count += rows.num_rows() as u64;
            writer.write(&rows).await?;
        }
        Ok(count)
    }
}
