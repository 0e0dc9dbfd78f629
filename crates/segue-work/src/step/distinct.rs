//! Rows of one read under one key: equal ones are one, unequal ones are set aside, all of them, whichever came first.
//!
//! What is remembered of a row are the digests of its key and of all its values. Where they are more than memory lets us hold, they go to disk
//! in sorted runs, and are laid beside each other once the read has ended; rows that meet only then are taken out of what lies staged.

use crate::rows::digests;
use arrow_array::{Array, BooleanArray, RecordBatch};
use arrow_select::filter::filter_record_batch;
use segue_core::{Error, Kind, Limits, Result};
use segue_diag::KEYS_OF_READ;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};
use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Seek, Write};

/// What is held of one row: its key's digest and its own, and the map around them.
const BYTES_A_ROW: u64 = 64;

/// What a row takes on disk.
const BYTES_ON_DISK: u64 = 32;

/// The rows of one read that were seen, by their key.
#[derive(Default)]
pub struct Distinct {
    seen: HashMap<u128, u128>,
    conflicts: HashSet<u128>,
    /// Rows by their key that are no longer in memory, each run sorted.
    runs: Vec<File>,
    on_disk: u64,
    /// Keys of equal rows that met on disk alone, and whether the row that stays was seen among what lies staged.
    again: HashMap<u128, bool>,
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
    /// The rows that were not seen before, as far as memory tells, without those whose key is empty somewhere.
    ///
    /// # Errors
    /// `BadData` when a key's column is not there; `Unsupported` when one read has more rows than the limits of memory and disk let us remember;
    /// `Unavailable` when they cannot be written.
    pub fn take(
        &mut self,
        batch: &RecordBatch,
        key: &[String],
        limits: &Limits,
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
        if self.seen.len() as u64 * BYTES_A_ROW > most_bytes(limits) {
            self.spill(limits)?;
        }
        if keep.iter().all(|k| *k) {
            return Ok((batch, keyless));
        }
        Ok((filter(&batch, keep)?, keyless))
    }

    /// The read has ended: whether rows have to be taken out of what lies staged, by [`Distinct::split`].
    ///
    /// # Errors
    /// As [`Distinct::take`].
    pub fn end(&mut self, limits: &Limits) -> Result<bool> {
        if !self.runs.is_empty() {
            self.spill(limits)?;
            self.meet(most_bytes(limits))?;
        }
        Ok(!self.conflicts.is_empty() || !self.again.is_empty())
    }

    /// The rows whose key has no other row, and those whose key has. Of equal ones that met on disk alone the first one stays.
    ///
    /// # Errors
    /// `BadData` when a key's column is not there.
    pub fn split(&mut self, batch: &RecordBatch, key: &[String]) -> Result<(RecordBatch, RecordBatch)> {
        let keys = digests(batch, &key_columns(batch, key)?)?;
        let bad: Vec<bool> = keys.iter().map(|k| self.conflicts.contains(k)).collect();
        let mut good = Vec::with_capacity(bad.len());
        for (key, bad) in keys.iter().zip(&bad) {
            good.push(match self.again.get_mut(key) {
                _ if *bad => false,
                None => true,
                Some(seen) if *seen => {
                    self.doubled += 1;
                    false
                }
                Some(seen) => {
                    *seen = true;
                    true
                }
            });
        }
        Ok((filter(batch, good)?, filter(batch, bad)?))
    }

    /// Writes what is in memory as one run.
    fn spill(&mut self, limits: &Limits) -> Result<()> {
        let failed = |e| Error::new(Kind::Unavailable, "cannot write down which keys were read").caused_by(e);
        self.on_disk += self.seen.len() as u64 * BYTES_ON_DISK;
        if self.on_disk > limits.spill {
            return Err(too_many(self.on_disk / BYTES_ON_DISK));
        }
        let mut rows: Vec<(u128, u128)> = std::mem::take(&mut self.seen).into_iter().collect();
        rows.sort_unstable();
        let mut out = BufWriter::new(tempfile::tempfile().map_err(failed)?);
        for (key, row) in rows {
            out.write_all(&key.to_le_bytes()).map_err(failed)?;
            out.write_all(&row.to_le_bytes()).map_err(failed)?;
        }
        let mut file = out.into_inner().map_err(|e| failed(e.into_error()))?;
        file.rewind().map_err(failed)?;
        self.runs.push(file);
        Ok(())
    }

    /// Lays the runs beside each other.
    fn meet(&mut self, most_bytes: u64) -> Result<()> {
        let rows = self.on_disk / BYTES_ON_DISK;
        let mut runs: Vec<Run> = self.runs.drain(..).map(|file| Run(BufReader::new(file))).collect();
        let mut next = BinaryHeap::new();
        for (at, run) in runs.iter_mut().enumerate() {
            next.extend(run.next()?.map(|row| Reverse((row, at))));
        }
        let mut last: Option<(u128, u128)> = None;
        while let Some(Reverse((row, at))) = next.pop() {
            next.extend(runs[at].next()?.map(|row| Reverse((row, at))));
            match last {
                Some((key, first)) if key == row.0 && first == row.1 => {
                    self.again.insert(key, false);
                }
                Some((key, _)) if key == row.0 => {
                    self.conflicts.insert(key);
                }
                _ => {}
            }
            last = Some(row);
            if (self.again.len() + self.conflicts.len()) as u64 * BYTES_A_ROW > most_bytes {
                return Err(too_many(rows));
            }
        }
        Ok(())
    }
}

/// One run, read on.
struct Run(BufReader<File>);

impl Run {
    fn next(&mut self) -> Result<Option<(u128, u128)>> {
        let mut row = [0; BYTES_ON_DISK as usize];
        match self.0.read_exact(&mut row) {
            Ok(()) => {
                let number = |from: usize| {
                    let mut bytes = [0; 16];
                    bytes.copy_from_slice(&row[from..from + 16]);
                    u128::from_le_bytes(bytes)
                };
                Ok(Some((number(0), number(16))))
            }
            Err(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => Ok(None),
            Err(e) => Err(Error::new(Kind::Unavailable, "cannot read which keys were read").caused_by(e)),
        }
    }
}

/// What the keys of one read may take in memory.
fn most_bytes(limits: &Limits) -> u64 {
    limits.copy() / 4
}

fn too_many(rows: u64) -> Error {
    Error::new(
        Kind::Unsupported,
        format!("a read of {rows} rows and more has too many doubled keys, or is too long to look for them"),
    )
    .code(KEYS_OF_READ)
    .hint("raise the memory limit (`--memory`), cut the read into slices or ranges, or leave the key out")
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

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::cast::AsArray;
    use arrow_array::types::Int64Type;
    use arrow_array::{ArrayRef, Int64Array};
    use proptest::prelude::*;
    use std::collections::{BTreeMap, BTreeSet};
    use std::sync::Arc;

    fn batch(rows: &[(Option<i64>, i64)]) -> RecordBatch {
        let ids: ArrayRef = Arc::new(rows.iter().map(|r| r.0).collect::<Int64Array>());
        let values: ArrayRef = Arc::new(rows.iter().map(|r| r.1).collect::<Int64Array>());
        RecordBatch::try_from_iter_with_nullable([("id", ids, true), ("value", values, true)]).unwrap()
    }

    fn rows(batch: &RecordBatch) -> Vec<(i64, i64)> {
        let column = |at: usize| batch.column(at).as_primitive::<Int64Type>().values().to_vec();
        column(0).into_iter().zip(column(1)).collect()
    }

    /// So many rows have room in memory.
    fn room_for(rows: u64) -> Limits {
        Limits {
            memory: rows * BYTES_A_ROW * 16,
            ..Limits::default()
        }
    }

    type Many = Vec<(i64, i64)>;

    /// What stays and what is set aside of batches, and how many were left out.
    fn sifted(batches: &[Many], limits: &Limits) -> Result<(Many, Many, u64)> {
        let key = ["id".to_string()];
        let (mut distinct, mut staged) = (Distinct::default(), Vec::new());
        for some in batches {
            let some: Vec<_> = some.iter().map(|(id, value)| (Some(*id), *value)).collect();
            staged.push(distinct.take(&batch(&some), &key, limits)?.0);
        }
        let (mut good, mut bad) = (Vec::new(), Vec::new());
        let is_again = distinct.end(limits)?;
        for some in &staged {
            match is_again {
                true => {
                    let (g, b) = distinct.split(some, &key)?;
                    good.extend(rows(&g));
                    bad.extend(rows(&b));
                }
                false => good.extend(rows(some)),
            }
        }
        Ok((good, bad, distinct.doubled))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        /// However little of it memory holds.
        #[test]
        fn equal_rows_are_one_and_unequal_ones_are_set_aside(
            batches in proptest::collection::vec(proptest::collection::vec((0..12_i64, 0..3_i64), 0..8), 0..12),
            room in 1..20_u64,
        ) {
            let mut model: BTreeMap<i64, BTreeSet<i64>> = BTreeMap::new();
            for (id, value) in batches.iter().flatten() {
                model.entry(*id).or_default().insert(*value);
            }
            let of = |alone: bool| -> BTreeSet<(i64, i64)> {
                let keys = model.iter().filter(|(_, values)| (values.len() == 1) == alone);
                keys.flat_map(|(id, values)| values.iter().map(|v| (*id, *v))).collect()
            };
            // Room for every key that may have to be remembered as doubled.
            for limits in [Limits::default(), room_for(room.max(13))] {
                let (good, bad, doubled) = sifted(&batches, &limits).unwrap();
                prop_assert_eq!(good.len(), of(true).len());
                prop_assert_eq!(good.iter().copied().collect::<BTreeSet<_>>(), of(true));
                prop_assert_eq!(bad.iter().copied().collect::<BTreeSet<_>>(), of(false));
                let all: usize = batches.iter().map(Vec::len).sum();
                prop_assert_eq!((good.len() + bad.len()) as u64 + doubled, all as u64);
            }
        }
    }

    #[test]
    fn more_rows_than_memory_holds_are_told_apart() {
        let many: Vec<Vec<(i64, i64)>> = (0..50)
            .map(|at| (0..100).map(|row| (at * 100 + row, row)).collect())
            .collect();
        let mut doubled = many.clone();
        doubled.push(vec![(7, 7), (8, 9), (4_999, 99)]);
        let limits = room_for(64);
        let (good, bad, out) = sifted(&many, &limits).unwrap();
        assert_eq!((good.len(), bad.len(), out), (5_000, 0, 0));
        let (good, bad, out) = sifted(&doubled, &limits).unwrap();
        assert_eq!((good.len(), out), (4_999, 2));
        assert_eq!(bad, [(8, 8), (8, 9)]);
    }

    #[test]
    fn what_neither_memory_nor_disk_hold_is_told() {
        let many: Vec<Vec<(i64, i64)>> = (0..50)
            .map(|at| (0..100).map(|row| (at * 100 + row, row)).collect())
            .collect();
        let no_disk = Limits {
            spill: 10 * BYTES_ON_DISK,
            ..room_for(64)
        };
        let refused = sifted(&many, &no_disk).unwrap_err();
        assert_eq!(refused.kind(), Kind::Unsupported);
        // Each comes twice, far apart.
        let twice: Vec<_> = many.iter().chain(&many).cloned().collect();
        let refused = sifted(&twice, &room_for(64)).unwrap_err();
        assert!(refused.to_text().contains("--memory"), "{}", refused.to_text());
    }

    #[test]
    fn rows_without_a_key_are_told_with_the_column() {
        let key = ["id".to_string()];
        let some = batch(&[(Some(1), 1), (None, 2)]);
        let (left, keyless) = Distinct::default().take(&some, &key, &Limits::default()).unwrap();
        assert_eq!(rows(&left), [(1, 1)]);
        assert_eq!(keyless.map(|k| k.columns), Some(vec!["id".to_string()]));
    }
}
