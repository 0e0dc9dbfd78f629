//! What becomes of rows that are to be read again: which of them go into the table, and why the others do not.

use super::Hand;
use super::again::{ReadAgain, Reader};
use super::newer::{Look, Verdict};
use crate::checks::{self, When};
use crate::commit::Sinks;
use crate::names::asset_name;
use crate::nest::Nest;
use crate::plan::class::Action;
use crate::report::HandledRows;
use crate::step::aside::{EVIDENCE, SetAside, part_key};
use crate::step::known;
use crate::step::land::{has_position, slice_columns};
use crate::step::survey::{definition_change, source_copy};
use arrow_array::{Array, BooleanArray, RecordBatch, UInt64Array};
use arrow_schema::{DataType, Field, Schema};
use arrow_select::filter::filter_record_batch;
use futures::TryStreamExt;
use segue_core::commit::{Entry, Outcome, Role};
use segue_core::engine::{InMemory, Query, Relation, TableKey};
use segue_core::{AsideId, Error, Kind, Labels, Result};
use segue_diag::{ASIDE_BEHIND, ASIDE_OTHERWISE};
use segue_spec::model::{Check, WriteMode};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

/// Which row of those that are judged it is.
const AT: &str = "_segue_at";

/// What is to become of rows that are replayed.
#[derive(Default)]
pub(super) struct Sorted {
    /// Those that go into the table, as it will have them.
    pub(super) batch: Option<RecordBatch>,
    /// What each of them was.
    pub(super) going: Vec<SetAside>,
    /// Those of which an equal row is there: they leave, and nothing comes.
    pub(super) there: Vec<SetAside>,
    /// Those that stay, for a reason of today.
    pub(super) stay: Vec<SetAside>,
    /// Those that stay as they are, because something newer has their key.
    pub(super) newer: Vec<SetAside>,
    /// Those that stay as they are, because they cannot be read again, and why.
    pub(super) unread: Vec<(SetAside, &'static str)>,
    /// What each row says in the quarantine as it is.
    pub(super) said: HashMap<AsideId, Said>,
    pub(super) notes: Vec<String>,
}

/// A row's reason, where in it, and the check that it offends.
pub(super) type Said = (String, Option<String>, Option<String>);

pub(super) fn said(row: &SetAside) -> Said {
    (row.reason.clone(), row.path.clone(), row.check.clone())
}

impl Sorted {
    pub(super) fn told(&self) -> HandledRows {
        let mut because: BTreeMap<String, u64> = BTreeMap::new();
        for row in &self.stay {
            *because.entry(row.reason.clone()).or_default() += 1;
        }
        for (_, why) in &self.unread {
            *because.entry((*why).to_string()).or_default() += 1;
        }
        let (goes, there) = (self.going.len() as u64, self.there.len() as u64);
        let stay = (self.stay.len() + self.unread.len()) as u64;
        HandledRows {
            chosen: goes + there + stay + self.newer.len() as u64,
            replayed: goes,
            there,
            newer: self.newer.len() as u64,
            stay,
            because,
            discarded: 0,
        }
    }

    /// Takes rows out of those that go. `what` says what becomes of each; `None`: it goes.
    fn sift(&mut self, mut what: impl FnMut(usize, &SetAside) -> Option<Leaves>) -> Result<()> {
        let mut keeps = Vec::with_capacity(self.going.len());
        let mut going = Vec::with_capacity(self.going.len());
        for (at, row) in std::mem::take(&mut self.going).into_iter().enumerate() {
            let leaves = what(at, &row);
            keeps.push(leaves.is_none());
            match leaves {
                None => going.push(row),
                Some(Leaves::There) => self.there.push(row),
                Some(Leaves::Newer) => self.newer.push(row),
                Some(Leaves::Stays { reason, path, check }) => self.stay.push(SetAside {
                    reason,
                    path,
                    check,
                    ..row
                }),
            }
        }
        self.going = going;
        if let Some(batch) = &self.batch
            && keeps.contains(&false)
        {
            let batch = filter_record_batch(batch, &BooleanArray::from(keeps))
                .map_err(|e| Error::bug("rows cannot be filtered").caused_by(e))?;
            self.batch = Some(batch);
        }
        Ok(())
    }
}

/// Why a row does not go into the table.
enum Leaves {
    There,
    Newer,
    Stays {
        reason: String,
        path: Option<String>,
        check: Option<String>,
    },
}

impl Leaves {
    fn stays(reason: impl Into<String>) -> Leaves {
        Leaves::Stays {
            reason: reason.into(),
            path: None,
            check: None,
        }
    }
}

impl Hand<'_> {
    /// Finds out what becomes of each row.
    pub(super) async fn sort(&self, rows: Vec<SetAside>) -> Result<Sorted> {
        self.refuse_otherwise().await?;
        self.refuse_nested()?;
        self.refuse_behind().await?;
        let mut sorted = Sorted {
            said: rows.iter().filter_map(|row| Some((row.id?, said(row)))).collect(),
            ..Sorted::default()
        };
        let mut readable = Vec::new();
        for row in rows {
            match unreadable(&row) {
                Some(why) => sorted.unread.push((row, why)),
                None => readable.push(row),
            }
        }
        if readable.is_empty() {
            return Ok(sorted);
        }
        let reader = Reader {
            deps: self.deps,
            asset: self.asset,
            row: self.row,
            table: self.table,
            ctx: self.ctx,
        };
        let ReadAgain {
            batch,
            rows,
            misfits,
            notes,
        } = reader.read(readable).await?;
        sorted.stay.extend(misfits);
        sorted.notes = notes;
        (sorted.batch, sorted.going) = (Some(batch), rows);
        self.of_their_slices(&mut sorted)?;
        self.of_their_entries(&mut sorted).await?;
        self.once_each(&mut sorted)?;
        self.by_key(&mut sorted)?;
        self.beside_the_table(&mut sorted).await?;
        self.by_checks(&mut sorted).await?;
        Ok(sorted)
    }

    /// Fails where today's definition makes another table: then what was set aside is read or computed anew with it.
    async fn refuse_otherwise(&self) -> Result<()> {
        let change = definition_change(self.deps, self.asset, self.row).await?;
        let is_computed = source_copy(self.asset).is_none();
        let is_otherwise = match change.action {
            Action::Nothing | Action::Mark => false,
            Action::Recompute => is_computed,
            Action::Rebuild => true,
        };
        if !is_otherwise {
            return Ok(());
        }
        let what: Vec<String> = change.differences.iter().map(ToString::to_string).collect();
        let error = Error::new(
            Kind::Conflict,
            format!(
                "{} is defined otherwise than its table was made: what was set aside does not fit beside its rows",
                self.asset.name
            ),
        )
        .code(ASIDE_OTHERWISE)
        .with("changed", what.join(", "));
        Err(error.hint(match change.action {
            Action::Rebuild => format!(
                "build it anew first: segue run {} --rebuild; or let what is there stay as it is, with `on_change: forward_only`",
                self.asset.name
            ),
            _ => format!(
                "run it first, which computes these rows anew: segue run {}",
                self.asset.name
            ),
        }))
    }

    /// Fails where a row that the table does not let in could no longer be told from another: it was taken apart before.
    fn refuse_nested(&self) -> Result<()> {
        if Nest::of(self.asset).is_none() || self.asset.write.on_violation.fails() {
            return Ok(());
        }
        Err(Error::new(
            Kind::Unsupported,
            format!(
                "{} has child tables, and rows that its table refuses are set aside: what lies there cannot be replayed",
                self.asset.name
            ),
        )
        .hint(format!("run it again: segue run {} --again", self.asset.name)))
    }

    /// Fails where the quarantine lacks a commit that its table has, because what that was to do to it was lost: rows that have left it would
    /// come a second time.
    async fn refuse_behind(&self) -> Result<()> {
        let quarantine = known::companion(self.row, Role::Quarantine);
        let has = self.deps.places.of(&quarantine)?.head(&quarantine, self.ctx).await?.n;
        let mut n = self.n;
        while n > has {
            let Some(record) = self.deps.store.record(self.row.id, n).await? else {
                return Ok(());
            };
            if record.parts.iter().any(|part| part.role == Role::Quarantine) {
                return Err(Error::new(
                    Kind::Conflict,
                    format!(
                        "the quarantine of {} is without commit {n}, which its table has: what lies there may be in the table already",
                        self.asset.name
                    ),
                )
                .code(ASIDE_BEHIND)
                .hint(format!(
                    "run {0} again, which sets aside anew what does not fit; or compare the rows and discard them: segue quarantine discard {0}",
                    self.asset.name
                )));
            }
            n = record.predecessor;
        }
        Ok(())
    }

    /// A record of another slice is none of the slice's that it came with.
    fn of_their_slices(&self, sorted: &mut Sorted) -> Result<()> {
        let columns = slice_columns(self.asset);
        let Some(batch) = sorted.batch.clone().filter(|_| !columns.is_empty()) else {
            return Ok(());
        };
        let wanted: Vec<Labels> = sorted.going.iter().map(|r| r.labels.clone()).collect();
        sorted.sift(|at, _| {
            let is_its = |name: &String| match (wanted[at].get(name), batch.column_by_name(name)) {
                (Some(label), Some(column)) => scalar(label) == scalar(&crate::json::value(column, at)),
                _ => true,
            };
            let is_its = wanted[at].is_none() || columns.iter().all(is_its);
            (!is_its).then(|| Leaves::stays("a record of another slice, which was not asked for"))
        })
    }

    /// In a table whose parts are replaced as a whole, a row belongs to a part that is still as the commit left it which set the row aside.
    ///
    /// What is read of a part replaces what was set aside of it. So a row that lies there is of the newest read of its part, but for one that
    /// could not be told whose it was.
    async fn of_their_entries(&self, sorted: &mut Sorted) -> Result<()> {
        if self.asset.write.mode != WriteMode::Replace {
            return Ok(());
        }
        let ledger = self.deps.store.ledger(self.row.id).await?;
        let is_stray = |row: &SetAside| row.part != part_key(&row.labels, row.range);
        // Only of a row that could not be told whose it was is it asked when its part was read.
        let landed = match sorted.going.iter().any(is_stray) {
            true => self.deps.store.commits_on(self.row.table).await?,
            false => Vec::new(),
        };
        let columns = slice_columns(self.asset);
        let batch = sorted.batch.clone();
        let labels: Vec<Labels> = sorted
            .going
            .iter()
            .enumerate()
            .map(
                |(at, row)| match (&batch, row.labels.is_none() && !columns.is_empty()) {
                    (Some(batch), true) => columns
                        .iter()
                        .filter_map(|c| Some((c.clone(), crate::json::value(batch.column_by_name(c)?, at))))
                        .collect(),
                    _ => row.labels.clone(),
                },
            )
            .collect();
        let by_key: HashMap<String, Vec<&Entry>> = ledger.iter().fold(HashMap::new(), |mut all, entry| {
            all.entry(told(&entry.labels)).or_default().push(entry);
            all
        });
        sorted.sift(|at, row| {
            let labels = &labels[at];
            let entries = by_key.get(&told(labels)).map(Vec::as_slice).unwrap_or_default();
            let holds = |range: Option<segue_core::Span>| match (range, row.range) {
                (Some(done), Some(mine)) => done.from <= mine.from && mine.to <= done.to,
                (None, None) => true,
                _ => false,
            };
            let Some(entry) = entries.iter().find(|e| holds(e.range)) else {
                return Some(Leaves::stays("what it belongs to is not done any more"));
            };
            if entry.outcome == Outcome::Closed {
                return Some(Leaves::stays("what it belongs to is closed"));
            }
            let its = |after: u64| landed.iter().map(|l| l.n).filter(|n| *n > after).min();
            (is_stray(row) && row.after.and_then(its) != Some(entry.n))
                .then(|| Leaves::stays("what it belongs to was read again since"))
        })
    }

    /// Where reads add up without a key, a record that two of them met is one: it counts as often as the one that met it most often.
    fn once_each(&self, sorted: &mut Sorted) -> Result<()> {
        let adds_up = self.asset.range.is_none() && slice_columns(self.asset).is_empty() && has_position(self.asset);
        if !adds_up || !self.asset.write.key.is_empty() {
            return Ok(());
        }
        let mut met: HashMap<(String, String), BTreeMap<Option<u64>, Vec<usize>>> = HashMap::new();
        for (at, row) in sorted.going.iter().enumerate() {
            let beside = row.beside.as_ref().map(ToString::to_string).unwrap_or_default();
            met.entry((row.row.clone(), beside))
                .or_default()
                .entry(row.after)
                .or_default()
                .push(at);
        }
        let mut again = HashSet::new();
        for reads in met.into_values().filter(|reads| reads.len() > 1) {
            let most = reads.iter().max_by_key(|(_, rows)| rows.len()).map(|(after, _)| *after);
            let others = reads.into_iter().filter(|(after, _)| Some(*after) != most);
            again.extend(others.flat_map(|(_, rows)| rows));
        }
        sorted.sift(|at, _| again.contains(&at).then_some(Leaves::There))
    }

    /// Rows without a key stay; of several with one key only the newest goes, unless nobody can tell which that is.
    fn by_key(&self, sorted: &mut Sorted) -> Result<()> {
        let key = &self.asset.write.key;
        let Some(batch) = sorted.batch.clone().filter(|b| !key.is_empty() && b.num_columns() > 0) else {
            return Ok(());
        };
        let columns: Vec<usize> =
            key.iter()
                .map(|k| {
                    batch.schema_ref().index_of(k).map_err(|e| {
                        Error::new(Kind::BadData, format!("the rows have no key column `{k}`")).caused_by(e)
                    })
                })
                .collect::<Result<_>>()?;
        // A slice's rows are told apart among themselves where slices are replaced.
        let whose = |row: &SetAside| match self.asset.write.mode {
            WriteMode::Replace => told(&row.labels),
            _ => String::new(),
        };
        let keys = crate::rows::digests(&batch, &columns)?.into_iter().zip(&sorted.going);
        let keys: Vec<(u128, String)> = keys.map(|(key, row)| (key, whose(row))).collect();
        let all = crate::rows::digests(&batch, &(0..batch.num_columns()).collect::<Vec<_>>())?;
        let after: Vec<Option<u64>> = sorted.going.iter().map(|row| row.after).collect();
        let mut of_key: HashMap<&(u128, String), Vec<usize>> = HashMap::new();
        for (at, key) in keys.iter().enumerate() {
            of_key.entry(key).or_default().push(at);
        }
        // Of each key when its newest rows were set aside, and which they are.
        let newest = of_key.into_iter().map(|(key, mut rivals)| {
            let newest = rivals.iter().map(|at| after[*at]).max().flatten();
            rivals.retain(|at| after[*at] == newest);
            (key, (newest, rivals))
        });
        let newest: HashMap<&(u128, String), (Option<u64>, Vec<usize>)> = newest.collect();
        let several = self.asset.write.mode == WriteMode::DeleteInsert;
        sorted.sift(|at, _| {
            if let Some(empty) = columns.iter().find(|c| batch.column(**c).is_null(at)) {
                let reason = format!("key column `{}` is empty", batch.schema_ref().field(*empty).name());
                return Some(Leaves::stays(reason));
            }
            let (newest, beside) = newest.get(&keys[at])?;
            let is_old = after[at] < *newest;
            if is_old {
                // Met again as it was, it is the same row.
                return Some(match beside.iter().any(|other| all[*other] == all[at]) {
                    true => Leaves::There,
                    false => Leaves::Newer,
                });
            }
            if several {
                return None;
            }
            if beside.iter().any(|other| all[*other] != all[at]) {
                let reason = format!(
                    "another row of the same read has the same key ({}) and other values",
                    key.join(", ")
                );
                return Some(Leaves::stays(reason));
            }
            beside.iter().any(|other| *other < at).then_some(Leaves::There)
        })
    }

    /// What the table has under the keys of these rows.
    async fn beside_the_table(&self, sorted: &mut Sorted) -> Result<()> {
        let (Some(batch), Some(table)) = (sorted.batch.clone(), self.table) else {
            return Ok(());
        };
        let look = Look {
            deps: self.deps,
            asset: self.asset,
            row: self.row,
            version: self.version,
            table,
            ctx: self.ctx,
        };
        let verdicts = look.ask(&batch, &sorted.going).await?;
        let key = self.asset.write.key.join(", ");
        sorted.sift(|at, _| match verdicts[at] {
            Verdict::Goes => None,
            Verdict::IsThere => Some(Leaves::There),
            Verdict::Newer | Verdict::Unknown => Some(Leaves::Newer),
            Verdict::Doubled => {
                let reason = format!("another row of the same read has the same key ({key}) and other values");
                Some(Leaves::stays(reason))
            }
        })
    }

    /// Rows that offend a check whose offenders are set aside stay.
    async fn by_checks(&self, sorted: &mut Sorted) -> Result<()> {
        let on_rows = |c: &&Check| checks::when(c) == When::OnRows;
        let checks: Vec<&Check> = self.asset.checks.iter().filter(on_rows).collect();
        let Some(batch) = sorted.batch.clone().filter(|b| !checks.is_empty() && b.num_rows() > 0) else {
            return Ok(());
        };
        let broken = |e: arrow_schema::ArrowError| Error::bug("rows do not make a batch").caused_by(e);
        let mut fields: Vec<_> = batch.schema_ref().fields().iter().cloned().collect();
        fields.push(Arc::new(Field::new(AT, DataType::UInt64, false)));
        let mut columns = batch.columns().to_vec();
        columns.push(Arc::new(UInt64Array::from_iter_values(0..batch.num_rows() as u64)));
        let rows = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).map_err(broken)?;
        let table = TableKey::from(&asset_name(&self.asset.name));
        let rows: Arc<dyn Relation> = Arc::new(InMemory::new(rows));
        let query = Query {
            sql: checks::bad_rows(&checks, &table),
            params: BTreeMap::new(),
            tables: BTreeMap::from([(table, rows)]),
            timezone: self.deps.project.timezone.clone(),
        };
        let mut bad = self.deps.engine.run(&query, self.ctx).await?.rows;
        let mut offends: HashMap<usize, String> = HashMap::new();
        while let Some(found) = bad.try_next().await? {
            for row in 0..found.num_rows() {
                let values = crate::json::row(&found, row);
                let number = |name: &str| values.get(name).and_then(Value::as_u64).unwrap_or(u64::MAX) as usize;
                if let Some(check) = checks.get(number("_segue_check")) {
                    offends.insert(number(AT), check.name.clone());
                }
            }
        }
        sorted.sift(|at, _| {
            let check = offends.get(&at)?;
            Some(Leaves::Stays {
                reason: format!("check `{check}` does not hold"),
                path: None,
                check: Some(check.clone()),
            })
        })
    }
}

/// Why a row cannot be read again, if so.
fn unreadable(row: &SetAside) -> Option<&'static str> {
    if row.part == EVIDENCE {
        return Some("evidence of a check that failed: its rows were never to be committed alone");
    }
    if row.id.is_none() {
        return Some("set aside by an earlier version of Segue: the next run of the asset sets it aside anew");
    }
    match row.form {
        Some(_) => None,
        None => Some("not kept whole, or no record: it cannot be read again"),
    }
}

/// Labels as a text, whether a value was told as a number or as its text.
fn told(labels: &Labels) -> String {
    let all: Vec<String> = labels
        .iter()
        .map(|(name, value)| format!("{name}\u{1f}{}", scalar(value)))
        .collect();
    all.join("\u{1e}")
}

/// A label's text.
fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
