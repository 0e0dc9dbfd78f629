//! Rows of one read under one key: equal ones are one, unequal ones are set aside, all of them, whichever came first.

use crate::rows::digests;
use arrow_array::{Array, BooleanArray, RecordBatch};
use arrow_select::filter::filter_record_batch;
use segue_core::{Error, Kind, Result};
use std::collections::{HashMap, HashSet};

/// What is held of one row: its key's digest and its own, and the map around them.
const BYTES_A_ROW: u64 = 64;

/// The rows of one read that were seen, by their key.
#[derive(Default)]
pub struct Distinct {
    seen: HashMap<u128, u128>,
    conflicts: HashSet<u128>,
    /// Rows that were equal to another, and left out.
    pub doubled: u64,
}

/// Rows that have no key, and why.
pub struct Keyless {
    /// The rows.
    pub rows: RecordBatch,
    /// The first key column that is empty, for each.
    pub columns: Vec<String>,
}

impl Distinct {
    /// The rows that were not seen before, without those whose key is empty somewhere.
    ///
    /// # Errors
    /// `BadData` when a key's column is not there; `Unsupported` when one read has more rows than the memory limit lets us remember.
    pub fn take(
        &mut self,
        batch: &RecordBatch,
        key: &[String],
        most_bytes: u64,
    ) -> Result<(RecordBatch, Option<Keyless>)> {
        let (batch, keyless) = with_keys(batch, key)?;
        let columns = key_columns(&batch, key)?;
        let keys = digests(&batch, &columns)?;
        let every: Vec<usize> = (0..batch.num_columns()).collect();
        let rows = digests(&batch, &every)?;
        let mut keep = Vec::with_capacity(keys.len());
        for (key, row) in keys.into_iter().zip(rows) {
            let is_new = match self.seen.get(&key) {
                None => {
                    self.seen.insert(key, row);
                    true
                }
                Some(first) if *first == row => {
                    self.doubled += 1;
                    false
                }
                Some(_) => {
                    self.conflicts.insert(key);
                    true
                }
            };
            keep.push(is_new);
        }
        if self.seen.len() as u64 * BYTES_A_ROW > most_bytes {
            return Err(Error::new(
                Kind::Unsupported,
                format!(
                    "a read of more than {} rows is too long to find doubled keys in",
                    self.seen.len()
                ),
            )
            .hint("raise the memory limit, cut the read into slices or ranges, or leave the key out"));
        }
        if keep.iter().all(|k| *k) {
            return Ok((batch, keyless));
        }
        Ok((filter(&batch, keep)?, keyless))
    }

    /// Whether some key has unequal rows.
    pub fn has_conflicts(&self) -> bool {
        !self.conflicts.is_empty()
    }

    /// The rows whose key has no other row, and those whose key has.
    ///
    /// # Errors
    /// As [`Distinct::take`].
    pub fn split(&self, batch: &RecordBatch, key: &[String]) -> Result<(RecordBatch, RecordBatch)> {
        let keys = digests(batch, &key_columns(batch, key)?)?;
        let bad: Vec<bool> = keys.iter().map(|k| self.conflicts.contains(k)).collect();
        Ok((filter(batch, bad.iter().map(|b| !b).collect())?, filter(batch, bad)?))
    }
}

/// The rows that have a key, and those whose key is empty somewhere.
///
/// # Errors
/// `BadData` when a key's column is not there.
pub fn with_keys(batch: &RecordBatch, key: &[String]) -> Result<(RecordBatch, Option<Keyless>)> {
    without_empty_keys(batch, &key_columns(batch, key)?)
}

fn key_columns(batch: &RecordBatch, key: &[String]) -> Result<Vec<usize>> {
    let schema = batch.schema_ref();
    key.iter()
        .map(|name| {
            schema.index_of(name).map_err(|_| {
                Error::new(
                    Kind::BadData,
                    format!("the rows have no column `{name}`, which is part of the key"),
                )
            })
        })
        .collect()
}

fn without_empty_keys(batch: &RecordBatch, columns: &[usize]) -> Result<(RecordBatch, Option<Keyless>)> {
    if columns.iter().all(|c| batch.column(*c).null_count() == 0) {
        return Ok((batch.clone(), None));
    }
    let empty_at = |row: usize| columns.iter().copied().find(|c| batch.column(*c).is_null(row));
    let empty: Vec<Option<usize>> = (0..batch.num_rows()).map(empty_at).collect();
    let names = empty
        .iter()
        .flatten()
        .map(|c| batch.schema_ref().field(*c).name().clone())
        .collect();
    let good = filter(batch, empty.iter().map(Option::is_none).collect())?;
    let bad = filter(batch, empty.iter().map(Option::is_some).collect())?;
    Ok((
        good,
        Some(Keyless {
            rows: bad,
            columns: names,
        }),
    ))
}

fn filter(batch: &RecordBatch, keep: Vec<bool>) -> Result<RecordBatch> {
    filter_record_batch(batch, &BooleanArray::from(keep))
        .map_err(|e| Error::bug("rows cannot be filtered").caused_by(e))
}
