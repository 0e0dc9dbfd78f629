//! Taking away all rows of the keys that come, and adding the rows that come: a key may have several.
//!
//! The rows of each key, old and new, are compared as multisets of digests; keys whose rows are equal are left where they are. What is kept
//! in memory is one entry for each key that comes.

use super::keyed::{Keys, staged_files};
use super::rows::{Bag, Difference, Digester};
use super::values::Values;
use super::{Outcome, Work, filter};
use crate::file::DataFile;
use crate::write::Writer;
use arrow_array::BooleanArray;
use futures::TryStreamExt;
use segue_core::Result;
use segue_core::sink::Change;
use std::collections::HashMap;

/// Memory of one staged row, with the maps around it.
const ROW_BYTES: u64 = 192;

/// Rows that differ, kept apart for exact figures and footprints, for each row that comes.
const DIFFERENT_A_ROW: usize = 2;

/// The rows of a key.
#[derive(Default)]
struct Of {
    old: Bag,
    new: Bag,
}

/// Old and new, compared.
struct Compared {
    keys: Keys,
    rows: Digester,
    by_key: HashMap<u128, Of>,
    difference: Difference,
}

pub(super) async fn work_out(work: &Work<'_>, change: &Change) -> Result<Outcome> {
    let mut compared = Compared {
        keys: Keys::new(work, change, ROW_BYTES)?,
        rows: Digester::of_all(&work.after)?,
        by_key: HashMap::new(),
        difference: Difference::new(0),
    };
    compared.read(work).await?;
    let mut present = Vec::new();
    for file in &work.files {
        if compared.keys.may_be_in(work, file) && compared.meet(work, file).await? {
            present.push(file.clone());
        }
    }
    compared.by_key.retain(|_, of| of.old != of.new);
    let mut outcome = Outcome::default();
    (outcome.rows_written, outcome.rows_removed) = compared.totals();
    let mut values = Values::new(work.grains, &work.after);
    let mut writer = work.writer();
    for file in present {
        compared
            .take_away(work, file, &mut values, &mut writer, &mut outcome)
            .await?;
    }
    for (file, fits) in work.comes() {
        compared
            .add(work, file, fits, &mut values, &mut writer, &mut outcome)
            .await?;
    }
    work.end(outcome, values, writer).await
}

impl Compared {
    /// Takes in the staged rows.
    async fn read(&mut self, work: &Work<'_>) -> Result<()> {
        let files = staged_files(work);
        let rows: u64 = files.iter().filter_map(|(f, _)| f.row_count()).sum();
        let most = usize::try_from(rows)
            .unwrap_or(usize::MAX)
            .saturating_mul(DIFFERENT_A_ROW);
        self.difference = Difference::new(most.saturating_add(1024));
        for (file, deletes) in files {
            let mut batches = match deletes {
                true => self.keys.staged_keys(work, &file).await?,
                false => self.keys.staged(work, &file).await?,
            };
            while let Some(batch) = batches.try_next().await? {
                let keys = self.keys.meet(work, &batch)?;
                if deletes {
                    for key in keys {
                        self.by_key.entry(key).or_default();
                    }
                    continue;
                }
                for (key, row) in keys.into_iter().zip(self.rows.digests(&batch)?) {
                    self.by_key.entry(key).or_default().new.add(row);
                    self.difference.add(row, -1);
                }
            }
        }
        Ok(())
    }

    /// Takes in the rows of a file of the table; whether it has rows of the keys that come.
    async fn meet(&mut self, work: &Work<'_>, file: &DataFile) -> Result<bool> {
        let mut is_met = false;
        let mut batches = work.present(file).await?;
        while let Some(batch) = batches.try_next().await? {
            let rows = self.rows.digests(&batch)?;
            for (key, row) in self.keys.of_table(&batch)?.iter().zip(rows) {
                if let Some(of) = self.by_key.get_mut(key) {
                    of.old.add(row);
                    self.difference.add(row, 1);
                    is_met = true;
                }
            }
        }
        Ok(is_met)
    }

    /// Rows that come and rows that go.
    fn totals(&self) -> (u64, u64) {
        let rows = |of: fn(&Of) -> &Bag| self.by_key.values().map(|each| of(each).rows()).sum();
        let all = (rows(|of| &of.new), rows(|of| &of.old));
        self.difference.totals().unwrap_or(all)
    }

    /// Takes the changed keys' rows out of a file of the table.
    async fn take_away(
        &self,
        work: &Work<'_>,
        file: DataFile,
        values: &mut Values<'_>,
        writer: &mut Writer,
        outcome: &mut Outcome,
    ) -> Result<()> {
        let mut goes = 0;
        let mut batches = work.present(&file).await?;
        while let Some(batch) = batches.try_next().await? {
            let keys = self.keys.of_table(&batch)?;
            let differs: BooleanArray = (keys.iter().zip(self.rows.digests(&batch)?))
                .map(|(key, row)| Some(self.by_key.contains_key(key) && self.difference.differs(row, true)))
                .collect();
            goes += keys.iter().filter(|key| self.by_key.contains_key(key)).count() as u64;
            values.add(&batch, Some(&differs));
        }
        if goes == 0 {
            return Ok(());
        }
        if file.row_count() != Some(goes) {
            let rows = work.present(&file).await?;
            let stays = |keys: Vec<u128>| keys.iter().map(|k| Some(!self.by_key.contains_key(k))).collect();
            work.copy(writer, rows, |batch| Ok(Some(stays(self.keys.of_table(batch)?))))
                .await?;
        }
        outcome.removes.push(file);
        Ok(())
    }

    /// Adds the rows of a staged file whose keys changed: the file as it is, where that is all of them.
    async fn add(
        &self,
        work: &Work<'_>,
        file: DataFile,
        fits: bool,
        values: &mut Values<'_>,
        writer: &mut Writer,
        outcome: &mut Outcome,
    ) -> Result<()> {
        let mut comes = 0;
        let mut batches = self.keys.staged(work, &file).await?;
        while let Some(batch) = batches.try_next().await? {
            let keys = self.keys.of_staged(&batch)?;
            let differs: BooleanArray = (keys.iter().zip(self.rows.digests(&batch)?))
                .map(|(key, row)| Some(self.by_key.contains_key(key) && self.difference.differs(row, false)))
                .collect();
            comes += keys.iter().filter(|key| self.by_key.contains_key(key)).count() as u64;
            values.add(&batch, Some(&differs));
        }
        if comes == 0 {
            return Ok(());
        }
        if fits && file.row_count() == Some(comes) {
            outcome.adds.push(file);
            return Ok(());
        }
        let mut batches = self.keys.staged(work, &file).await?;
        while let Some(batch) = batches.try_next().await? {
            let keys = self.keys.of_staged(&batch)?;
            let mask: BooleanArray = keys.iter().map(|k| Some(self.by_key.contains_key(k))).collect();
            writer.write(&work.as_table(&filter(&batch, &mask)?)?).await?;
        }
        Ok(())
    }
}
