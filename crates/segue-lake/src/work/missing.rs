//! Merging by key with all rows that there are: those of the table that did not come are gone, and are deleted or marked.
//!
//! As in a merge, what is kept in memory is a digest of each staged row and of its key. Every file of the table is looked through, because any
//! may hold rows that are gone; those in which something changes are written anew.

use super::keyed::Keys;
use super::rows::Digester;
use super::values::Values;
use super::{Outcome, Work, filter};
use crate::file::DataFile;
use crate::write::Writer;
use arrow_array::{Array, BooleanArray, RecordBatch};
use futures::TryStreamExt;
use segue_core::history::{instants_of, marked};
use segue_core::sink::{Change, DELETED_AT, Missing};
use segue_core::{Error, Result};
use std::collections::HashMap;

/// Memory of one staged row, with the map's own.
const ROW_BYTES: u64 = 96;

/// A staged row.
struct Source {
    /// The row's digest; `None` deletes its key.
    row: Option<u128>,
    /// The table has exactly this row.
    there: bool,
}

/// What becomes of a row of the table.
#[derive(Clone, Copy, PartialEq)]
enum Fate {
    Stays,
    /// Another comes for it, or its key is deleted.
    Goes,
    /// Its key did not come.
    Missing,
    /// Its key did not come, and that is marked already.
    Gone,
}

struct Sources {
    keys: Keys,
    rows: Digester,
    by_key: HashMap<u128, Source>,
    /// The mark for those that are missing; `None` deletes them.
    mark: Option<i64>,
}

pub(super) async fn work_out(work: &Work<'_>, change: &Change, missing: &Missing) -> Result<Outcome> {
    let mark = match missing {
        Missing::Keep | Missing::Unknown => return Err(Error::bug("a merge that keeps what is missing looks for it")),
        Missing::Delete => None,
        Missing::Mark { at } => Some(at.as_microsecond()),
    };
    let mut keys = Keys::new(work, change, ROW_BYTES)?;
    let by_key = keys.each_once(work, |row| Source { row, there: false }).await?;
    let mut sources = Sources {
        rows: Digester::of_all(&work.after)?,
        keys,
        by_key,
        mark,
    };
    let mut outcome = Outcome::default();
    let mut values = Values::new(work.grains, &work.after);
    let mut writer = work.writer();
    for file in &work.files {
        sources
            .look_through(work, file, &mut values, &mut writer, &mut outcome)
            .await?;
    }
    for (file, fits) in work.comes() {
        sources
            .add(work, file, fits, &mut values, &mut writer, &mut outcome)
            .await?;
    }
    work.end(outcome, values, writer).await
}

impl Sources {
    /// What becomes of each row of the table, and with it which staged rows are there.
    fn fates(&mut self, batch: &RecordBatch) -> Result<Vec<Fate>> {
        let rows = self.rows.digests(batch)?;
        let marks = match self.mark {
            Some(_) => Some(instants_of(batch, DELETED_AT)?),
            None => None,
        };
        let keys = self.keys.of_table(batch)?;
        let each = keys
            .iter()
            .zip(rows)
            .enumerate()
            .map(|(at, (key, row))| match self.by_key.get_mut(key) {
                Some(source) if source.row == Some(row) => {
                    source.there = true;
                    Fate::Stays
                }
                Some(_) => Fate::Goes,
                None if marks.is_some_and(|marks| marks.is_valid(at)) => Fate::Gone,
                None => Fate::Missing,
            });
        Ok(each.collect())
    }

    /// Counts what changes in a file of the table, and writes it anew if anything does.
    async fn look_through(
        &mut self,
        work: &Work<'_>,
        file: &DataFile,
        values: &mut Values<'_>,
        writer: &mut Writer,
        outcome: &mut Outcome,
    ) -> Result<()> {
        let (mut goes, mut missing) = (0, 0);
        let mut batches = work.present(file).await?;
        while let Some(batch) = batches.try_next().await? {
            let fates = self.fates(&batch)?;
            let count = |fate| fates.iter().filter(|f| **f == fate).count() as u64;
            goes += count(Fate::Goes);
            missing += count(Fate::Missing);
            outcome.missing.of += self.there_before(&batch, &fates)?;
            let changes: BooleanArray = (fates.iter())
                .map(|f| Some(matches!(f, Fate::Goes | Fate::Missing)))
                .collect();
            values.add(&batch, Some(&changes));
        }
        outcome.missing.gone += missing;
        outcome.rows_removed += goes + missing;
        if goes + missing == 0 {
            return Ok(());
        }
        outcome.removes.push(file.clone());
        let leaves = if self.mark.is_some() { goes } else { goes + missing };
        if file.row_count() == Some(leaves) {
            return Ok(());
        }
        outcome.rows_written += goes + missing - leaves;
        let mut batches = work.present(file).await?;
        while let Some(batch) = batches.try_next().await? {
            self.rewrite(&batch, values, writer).await?;
        }
        Ok(())
    }

    /// How many rows were there, those that were marked left out.
    fn there_before(&self, batch: &RecordBatch, fates: &[Fate]) -> Result<u64> {
        Ok(match self.mark {
            Some(_) => instants_of(batch, DELETED_AT)?.null_count() as u64,
            None => fates.len() as u64,
        })
    }

    async fn rewrite(&mut self, batch: &RecordBatch, values: &mut Values<'_>, writer: &mut Writer) -> Result<()> {
        let mark = self.mark;
        let fates = self.fates(batch)?;
        let is_kept = |f: &Fate| match f {
            Fate::Stays | Fate::Gone => true,
            Fate::Goes => false,
            Fate::Missing => mark.is_some(),
        };
        let mask: BooleanArray = fates.iter().map(|f| Some(is_kept(f))).collect();
        let mut rows = filter(batch, &mask)?;
        if mark.is_some() {
            let kept = fates.iter().filter(|f| is_kept(f));
            let marks: Vec<Option<i64>> = kept.map(|f| mark.filter(|_| *f == Fate::Missing)).collect();
            let changes: BooleanArray = marks.iter().map(|at| Some(at.is_some())).collect();
            rows = marked(&rows, &marks)?;
            values.add(&rows, Some(&changes));
        }
        writer.write(&rows).await
    }

    /// Adds the rows of a staged file that are not there: the file as it is, where that is all of them.
    async fn add(
        &self,
        work: &Work<'_>,
        file: DataFile,
        fits: bool,
        values: &mut Values<'_>,
        writer: &mut Writer,
        outcome: &mut Outcome,
    ) -> Result<()> {
        let is_new = |batch: &RecordBatch| -> Result<BooleanArray> {
            let keys = self.keys.of_staged(batch)?;
            let new = |key| self.by_key.get(key).is_some_and(|s| s.row.is_some() && !s.there);
            Ok(keys.iter().map(|key| Some(new(key))).collect())
        };
        let mut count = 0;
        let mut batches = self.keys.staged(work, &file).await?;
        while let Some(batch) = batches.try_next().await? {
            let mask = is_new(&batch)?;
            count += mask.true_count() as u64;
            values.add(&batch, Some(&mask));
        }
        outcome.rows_written += count;
        if count == 0 {
            return Ok(());
        }
        if fits && file.row_count() == Some(count) {
            outcome.adds.push(file);
            return Ok(());
        }
        let mut batches = self.keys.staged(work, &file).await?;
        while let Some(batch) = batches.try_next().await? {
            writer
                .write(&work.as_table(&filter(&batch, &is_new(&batch)?)?)?)
                .await?;
        }
        Ok(())
    }
}
