//! The changes in which rows meet by a key, row by row and in memory.

use super::labels;
use arrow_array::{Array, BooleanArray, RecordBatch};
use arrow_schema::SchemaRef;
use arrow_select::{concat::concat_batches, filter::filter_record_batch};
use segue_core::history::{begun, closed, flags_of, follows, instants_of, marked};
use segue_core::sink::{CURRENT, DELETED_AT, Missing, MissingRows, VALID_FROM, VALID_TO};
use segue_core::{AssetName, Error, Kind, Labels, Result};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The rows of a table and those that come, which of them delete, and by what they meet.
pub(super) struct Keyed<'a> {
    pub before: &'a RecordBatch,
    pub incoming: &'a RecordBatch,
    pub deletes: &'a [bool],
    pub key: &'a [String],
    pub of: &'a AssetName,
}

impl Keyed<'_> {
    /// The keys that come: none empty and, if so said, none twice.
    fn keys(&self, once: bool) -> Result<Vec<Labels>> {
        let keys = labels(self.incoming, self.key);
        let is_doubled = once && keys.iter().collect::<BTreeSet<_>>().len() != keys.len();
        if is_doubled || keys.iter().any(|k| k.values().any(Value::is_null)) {
            let what = format!("rows for {} have empty or doubled keys", self.of);
            return Err(Error::new(Kind::BadData, what));
        }
        Ok(keys)
    }

    fn kept(&self) -> Result<RecordBatch> {
        filter(self.incoming, |row| !self.deletes[row])
    }

    pub fn merge(&self, missing: &Missing) -> Result<(RecordBatch, MissingRows)> {
        let coming: BTreeSet<_> = self.keys(true)?.into_iter().collect();
        let of_before = labels(self.before, self.key);
        let stays = |row: usize| !coming.contains(&of_before[row]);
        let rest = filter(self.before, stays)?;
        if !missing.is_told() {
            return Ok((join(&rest, &self.kept()?)?, MissingRows::default()));
        }
        let gone_before: Vec<bool> = match missing {
            Missing::Mark { .. } => instants_of(self.before, DELETED_AT)?
                .iter()
                .map(|at| at.is_some())
                .collect(),
            _ => vec![false; self.before.num_rows()],
        };
        let count = |is: &dyn Fn(usize) -> bool| {
            (0..gone_before.len())
                .filter(|row| is(*row) && !gone_before[*row])
                .count()
        };
        let found = MissingRows {
            gone: count(&stays) as u64,
            of: count(&|_| true) as u64,
        };
        let rest = match missing {
            Missing::Mark { at } => {
                let marks: Vec<_> = instants_of(&rest, DELETED_AT)?
                    .iter()
                    .map(|was| was.is_none().then_some(at.as_microsecond()))
                    .collect();
                marked(&rest, &marks)?
            }
            _ => rest.slice(0, 0),
        };
        Ok((join(&rest, &self.kept()?)?, found))
    }

    pub fn delete_insert(&self) -> Result<RecordBatch> {
        let coming: BTreeSet<_> = self.keys(false)?.into_iter().collect();
        let of_before = labels(self.before, self.key);
        let rest = filter(self.before, |row| !coming.contains(&of_before[row]))?;
        join(&rest, &self.kept()?)
    }

    /// `incoming` has no columns of the history; `before` has them.
    pub fn history(&self, at: i64, schema: &SchemaRef) -> Result<RecordBatch> {
        let keys = self.keys(true)?;
        let own: Vec<String> = self
            .incoming
            .schema()
            .fields()
            .iter()
            .map(|f| f.name().clone())
            .collect();
        let (new, old) = (labels(self.incoming, &own), labels(self.before, &own));
        let is_current = flags_of(self.before, CURRENT)?;
        let (from, to) = (
            instants_of(self.before, VALID_FROM)?,
            instants_of(self.before, VALID_TO)?,
        );
        let mut of_key: BTreeMap<Labels, Vec<usize>> = BTreeMap::new();
        for (row, key) in labels(self.before, self.key).into_iter().enumerate() {
            of_key.entry(key).or_default().push(row);
        }
        let mut until = vec![None; self.before.num_rows()];
        let mut begins = BTreeMap::new();
        for (row, key) in keys.iter().enumerate() {
            let there: &[usize] = of_key.get(key).map_or(&[], Vec::as_slice);
            let current = there
                .iter()
                .copied()
                .find(|r| is_current.is_valid(*r) && is_current.value(*r));
            match current {
                Some(was) if !self.deletes[row] && old[was] == new[row] => {}
                Some(was) => {
                    let next = follows(at, from.value(was));
                    until[was] = Some(next);
                    begins.insert(row, next);
                }
                None => {
                    let last = there.iter().filter(|r| to.is_valid(**r)).map(|r| to.value(*r)).max();
                    begins.insert(row, last.map_or(at, |last| at.max(last)));
                }
            }
        }
        begins.retain(|row, _| !self.deletes[*row]);
        let comes = filter(self.incoming, |row| begins.contains_key(&row))?;
        join(
            &closed(self.before, &until)?,
            &begun(&comes, schema, begins.into_values().collect())?,
        )
    }
}

fn filter(rows: &RecordBatch, keep: impl Fn(usize) -> bool) -> Result<RecordBatch> {
    let mask: BooleanArray = (0..rows.num_rows()).map(|row| Some(keep(row))).collect();
    filter_record_batch(rows, &mask).map_err(|e| Error::bug("cannot filter").caused_by(e))
}

fn join(a: &RecordBatch, b: &RecordBatch) -> Result<RecordBatch> {
    concat_batches(&a.schema(), [a, b]).map_err(|e| Error::bug("cannot join batches").caused_by(e))
}
