//! Whether the table has something newer than a row that was set aside, under the same key.

use crate::checks::quoted;
use crate::commit::Sinks;
use crate::deps::Deps;
use crate::names::own_columns;
use crate::step::aside::SetAside;
use crate::step::known;
use crate::step::land::slice_columns;
use crate::step::survey::source_copy;
use arrow_array::{ArrayRef, RecordBatch, UInt64Array};
use arrow_schema::{DataType, Field, Schema};
use futures::TryStreamExt;
use segue_core::engine::{InMemory, Query, Relation, TableKey};
use segue_core::sink::{CURRENT, DELETED_AT};
use segue_core::{Ctx, Error, Result};
use segue_spec::model::{Asset, WriteMode};
use segue_store::{AssetRow, LandedFootprint};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// Which row of those that are asked about it is.
const AT: &str = "_segue_at";
/// How the row in the table stands to it by the position: 1 after it, -1 before it, 0 beside it.
const ORDER: &str = "_segue_order";
/// The most rows of one key that are compared: with more it is not told.
const MOST_OF_A_KEY: usize = 10_000;

/// What the table says of a row that is to go in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing is in its way.
    Goes,
    /// A row that is equal to it is there.
    IsThere,
    /// Under its key something newer is there, or was and is gone.
    Newer,
    /// Under its key a row is there, and nobody can tell which of the two is newer.
    Unknown,
    /// Under its key another row of the same read is there.
    Doubled,
}

/// What is asked with.
pub struct Look<'a> {
    /// What the run works with.
    pub deps: &'a Deps,
    /// Whose table.
    pub asset: &'a Asset,
    /// As the state knows it.
    pub row: &'a AssetRow,
    /// The table's version now.
    pub version: u64,
    /// The table's columns.
    pub table: &'a Schema,
    /// The step's context.
    pub ctx: &'a Ctx,
}

/// The rows of a table under the keys that are asked about, each without what the write mode keeps beside it.
type Met = HashMap<usize, Vec<(Map<String, Value>, i64)>>;

impl Look<'_> {
    /// Asks for each of these rows, which are those of the batch.
    ///
    /// # Errors
    /// Those of the lake and the engine.
    pub async fn ask(&self, batch: &RecordBatch, rows: &[SetAside]) -> Result<Vec<Verdict>> {
        let key = &self.asset.write.key;
        let mode = self.asset.write.mode;
        if key.is_empty() || mode == WriteMode::Append || rows.is_empty() {
            return Ok(vec![Verdict::Goes; rows.len()]);
        }
        let now = self.met(batch, self.version, None).await?;
        let mut verdicts = Vec::with_capacity(rows.len());
        let mut open = Vec::new();
        for at in 0..rows.len() {
            let there = now.get(&at).map(Vec::as_slice).unwrap_or_default();
            let mine = crate::json::row(batch, at);
            let is_equal = |row: &Map<String, Value>| mine.iter().all(|(name, value)| row.get(name) == Some(value));
            let orders: BTreeSet<i64> = there.iter().map(|(_, order)| *order).collect();
            verdicts.push(if there.iter().any(|(row, _)| is_equal(row)) {
                Verdict::IsThere
            } else if mode == WriteMode::Replace {
                match there.is_empty() {
                    true => Verdict::Goes,
                    false => Verdict::Doubled,
                }
            } else if orders.contains(&1) {
                Verdict::Newer
            } else if !there.is_empty() && orders.iter().all(|order| *order == -1) {
                Verdict::Goes
            } else {
                open.push(at);
                Verdict::Unknown
            });
        }
        self.since(batch, rows, &now, &open, &mut verdicts).await?;
        Ok(verdicts)
    }

    /// Compares what is there now with what was there when each row was set aside.
    async fn since(
        &self,
        batch: &RecordBatch,
        rows: &[SetAside],
        now: &Met,
        open: &[usize],
        verdicts: &mut [Verdict],
    ) -> Result<()> {
        let mut by_moment: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
        for at in open {
            if let Some(after) = rows[*at].after {
                by_moment.entry(after).or_default().push(*at);
            }
        }
        if by_moment.is_empty() {
            return Ok(());
        }
        let landed = self.deps.store.commits_on(self.row.table).await?;
        for (after, at) in by_moment {
            let is_absent = |at: &usize| !now.contains_key(at);
            if self.row.connection.is_some() {
                // A database keeps no versions: where nothing was committed since, nothing is newer.
                let is_last = nothing_since(&landed, after);
                for at in at {
                    verdicts[at] = match is_last || is_absent(&at) {
                        true => Verdict::Goes,
                        false => Verdict::Unknown,
                    };
                }
                continue;
            }
            let then = match moment(&landed, after, self.asset.write.mode) {
                Some(Moment::Nothing) => Some(Met::new()),
                Some(Moment::Version(version)) => match self.met(batch, version, Some(&at)).await {
                    Ok(met) => Some(met),
                    Err(error) if error.kind().is_for_good() => None,
                    Err(error) => return Err(error),
                },
                None => None,
            };
            for at in at {
                verdicts[at] = match &then {
                    Some(then) if same(now.get(&at), then.get(&at)) => Verdict::Goes,
                    Some(_) => Verdict::Newer,
                    None if is_absent(&at) => Verdict::Goes,
                    None => Verdict::Unknown,
                };
            }
        }
        Ok(())
    }

    /// The rows of this version under the keys of these rows of the batch; of all, where none are named.
    async fn met(&self, batch: &RecordBatch, version: u64, only: Option<&[usize]>) -> Result<Met> {
        let own = known::own(self.row);
        let table = self.deps.places.of(&own)?.at(&own, version, self.ctx).await?;
        let schema = table.schema();
        let mut keys: Vec<String> = self.asset.write.key.clone();
        if self.asset.write.mode == WriteMode::Replace {
            let more = slice_columns(self.asset).iter().filter(|c| !keys.contains(c));
            let more: Vec<String> = more.cloned().collect();
            keys.extend(more);
        }
        if keys.iter().any(|k| schema.field_with_name(k).is_err()) {
            return Ok(Met::new());
        }
        let position = source_copy(self.asset)
            .and_then(|copy| copy.position.as_ref())
            .map(|position| position.column.clone())
            .filter(|p| schema.field_with_name(p).is_ok() && batch.schema_ref().field_with_name(p).is_ok());
        let asked = keys.iter().chain(&position).collect::<BTreeSet<_>>();
        let asked: Vec<&String> = asked.into_iter().collect();
        let kept = asked_about(batch, &asked, only)?;
        let order = match &position {
            Some(p) => {
                let p = quoted(p);
                format!("case when t.{p} > k.{p} then 1 when t.{p} < k.{p} then -1 else 0 end")
            }
            None => "0".to_string(),
        };
        let on: Vec<String> = keys.iter().map(|k| format!("t.{0} = k.{0}", quoted(k))).collect();
        let current = match self.asset.write.mode {
            WriteMode::History => format!(" where t.{}", quoted(CURRENT)),
            _ => String::new(),
        };
        let (of_table, of_kept) = (TableKey::from(&self.row.name), TableKey::new("segue_work", "kept_rows"));
        let sql = format!(
            "select k.{AT} as {AT}, {order} as {ORDER}, t.* from {of_table} t join {of_kept} k on {}{current}",
            on.join(" and ")
        );
        let kept: Arc<dyn Relation> = Arc::new(InMemory::new(kept));
        let query = Query {
            sql,
            params: BTreeMap::new(),
            tables: BTreeMap::from([(of_table, table), (of_kept, kept)]),
            timezone: self.deps.project.timezone.clone(),
        };
        let mut answer = self.deps.engine.run(&query, self.ctx).await?.rows;
        let own: BTreeSet<String> = own_columns(&self.asset.write)
            .iter()
            .map(|f| f.name().clone())
            .chain([DELETED_AT.to_string()])
            .filter(|name| self.table.field_with_name(name).is_ok())
            .collect();
        let mut met = Met::new();
        while let Some(rows) = answer.try_next().await? {
            for at in 0..rows.num_rows() {
                let mut row = crate::json::row(&rows, at);
                let mut number = |name: &str| row.remove(name).and_then(|v| v.as_i64()).unwrap_or_default();
                let (which, order) = (number(AT), number(ORDER));
                row.retain(|name, _| !own.contains(name));
                let all = met.entry(usize::try_from(which).unwrap_or(usize::MAX)).or_default();
                if all.len() < MOST_OF_A_KEY {
                    all.push((row, order));
                }
            }
        }
        Ok(met)
    }
}

/// The keys, and which row each is of.
fn asked_about(batch: &RecordBatch, columns: &[&String], only: Option<&[usize]>) -> Result<RecordBatch> {
    let wrong = |e: arrow_schema::ArrowError| Error::bug("keys do not make a batch").caused_by(e);
    let schema = batch.schema();
    let mut fields = vec![Field::new(AT, DataType::UInt64, false)];
    let mut arrays: Vec<ArrayRef> = vec![Arc::new(UInt64Array::from_iter_values(0..batch.num_rows() as u64))];
    for name in columns {
        let at = schema.index_of(name).map_err(wrong)?;
        fields.push(schema.field(at).clone());
        arrays.push(batch.column(at).clone());
    }
    let all = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).map_err(wrong)?;
    match only {
        None => Ok(all),
        Some(only) => {
            let which = UInt64Array::from_iter_values(only.iter().map(|at| *at as u64));
            arrow_select::take::take_record_batch(&all, &which).map_err(wrong)
        }
    }
}

/// What the table was when a row was set aside.
enum Moment {
    /// There was none.
    Nothing,
    /// This version.
    Version(u64),
}

/// The moment with which the table of today is compared; `None` where it is not known any more.
///
/// What came under a key in the very commit that set the row aside may be older or newer than it: it is taken for newer. But of a key that
/// may have several rows, those that came with it stand beside it.
fn moment(landed: &[LandedFootprint], after: u64, mode: WriteMode) -> Option<Moment> {
    let version = match mode {
        WriteMode::DeleteInsert => landed.iter().filter(|l| l.n > after).min_by_key(|l| l.n),
        _ if after == 0 => return Some(Moment::Nothing),
        _ => landed.iter().filter(|l| l.n <= after).max_by_key(|l| l.n),
    };
    version.map(|l| Moment::Version(l.version))
}

/// Whether no commit changed a row after the one that set rows aside.
fn nothing_since(landed: &[LandedFootprint], after: u64) -> bool {
    let Some(with_it) = landed.iter().filter(|l| l.n > after).map(|l| l.n).min() else {
        return false;
    };
    let later = landed.iter().filter(|l| l.n > with_it);
    later.into_iter().all(|l| l.footprint.is_nothing())
}

/// Whether these are the same rows, in the columns that both have.
fn same(now: Option<&Vec<(Map<String, Value>, i64)>>, then: Option<&Vec<(Map<String, Value>, i64)>>) -> bool {
    let (now, then) = (
        now.map(Vec::as_slice).unwrap_or_default(),
        then.map(Vec::as_slice).unwrap_or_default(),
    );
    if now.len() != then.len() || now.len() >= MOST_OF_A_KEY {
        return false;
    }
    let common = |one: &Map<String, Value>, other: Option<&(Map<String, Value>, i64)>| {
        let shared = one
            .iter()
            .filter(|(name, _)| other.is_none_or(|(other, _)| other.contains_key(*name)));
        let shared: BTreeMap<&String, &Value> = shared.collect();
        serde_json::to_string(&shared).unwrap_or_default()
    };
    let mut a: Vec<String> = now.iter().map(|(row, _)| common(row, then.first())).collect();
    let mut b: Vec<String> = then.iter().map(|(row, _)| common(row, now.first())).collect();
    a.sort_unstable();
    b.sort_unstable();
    a == b
}

#[cfg(test)]
mod tests {
    use super::*;
    use segue_core::commit::Footprint;
    use serde_json::json;

    fn landed(n: u64, version: u64, footprint: Footprint) -> LandedFootprint {
        LandedFootprint { version, n, footprint }
    }

    #[test]
    fn a_row_is_compared_with_the_table_before_it_was_set_aside() {
        let all = [
            landed(1, 0, Footprint::Everything),
            landed(2, 3, Footprint::Everything),
            landed(4, 5, Footprint::Everything),
        ];
        let at = |after, mode| match moment(&all, after, mode) {
            Some(Moment::Version(version)) => Some(version),
            Some(Moment::Nothing) => Some(99),
            None => None,
        };
        assert_eq!(at(0, WriteMode::Merge), Some(99));
        assert_eq!(at(2, WriteMode::Merge), Some(3));
        assert_eq!(at(3, WriteMode::History), Some(3));
        assert_eq!(at(2, WriteMode::DeleteInsert), Some(5));
        assert_eq!(at(4, WriteMode::DeleteInsert), None);
    }

    #[test]
    fn a_commit_that_changed_no_row_is_nothing_newer() {
        let mut all = vec![
            landed(1, 0, Footprint::Everything),
            landed(2, 1, Footprint::Everything),
            landed(3, 2, Footprint::nothing()),
        ];
        assert!(nothing_since(&all, 1));
        assert!(!nothing_since(&all, 0));
        assert!(!nothing_since(&all, 3));
        all.push(landed(4, 3, Footprint::Everything));
        assert!(!nothing_since(&all, 1));
    }

    #[test]
    fn rows_are_the_same_in_the_columns_that_both_have() {
        let row = |value: Value| (value.as_object().cloned().unwrap(), 0);
        let old = vec![row(json!({"id": 1, "name": "a"}))];
        let new = vec![row(json!({"id": 1, "name": "a", "more": null}))];
        assert!(same(Some(&new), Some(&old)));
        assert!(same(None, None));
        assert!(!same(Some(&new), None));
        assert!(!same(Some(&new), Some(&vec![row(json!({"id": 1, "name": "b"}))])));
    }
}
