//! A sink in memory: what [`Sink`] promises to a step, with nothing behind it, and each promise can be taken back to see what it was for. It tells no
//! stretches of a replaced range as unchanged, and has one name for all places: the suite of [`conformance`](crate::conformance) is for sinks that are
//! used.

mod keyed;

use crate::relation::MemRelation;
use arrow_array::{Array, ArrayRef, BooleanArray, RecordBatch};
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use arrow_schema::{DataType, Schema, SchemaRef};
use arrow_select::{concat::concat_batches, filter::filter_record_batch};
use async_trait::async_trait;
use futures::{TryStreamExt, stream::BoxStream};
use parking_lot::Mutex;
use segue_core::align::align;
use segue_core::commit::{CommitRecord, Role};
use segue_core::engine::Relation;
use segue_core::history::refuse_own;
use segue_core::sink::*;
use segue_core::{CommitId, Ctx, Error, Footprint, Kind, Labels, Result, Spans, TableId};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// Which of its promises the sink keeps. All, unless a test takes one out to show what it is for.
#[derive(Clone, Copy, Debug)]
pub struct Promises {
    /// A commit lands only after its predecessor.
    pub predecessor: bool,
    /// A commit that was worked out on another version than the newest does not land.
    pub moved: bool,
    /// A claimed number is not claimed again under another id.
    pub claim: bool,
    /// A commit that names a file which is gone is refused. Without it, it lands with nothing in it.
    pub files: bool,
}

impl Promises {
    /// All of them.
    pub const KEPT: Promises = Promises {
        predecessor: true,
        moved: true,
        claim: true,
        files: true,
    };
}

/// Called before and after each effect, so that a test can stop the caller there.
#[async_trait]
pub trait Pause: Send + Sync {
    /// A point between two effects. `what` names the call.
    async fn at(&self, what: &'static str) -> Result<()>;
}

struct NoPause;

#[async_trait]
impl Pause for NoPause {
    async fn at(&self, _what: &'static str) -> Result<()> {
        Ok(())
    }
}

/// One version of a table.
#[derive(Clone)]
struct Version {
    rows: RecordBatch,
    commit: Option<(u64, CommitId)>,
    record: Option<Arc<CommitRecord>>,
    data_changed: bool,
}

#[derive(Clone, Default)]
struct Table {
    id: Option<TableId>,
    versions: Vec<Version>,
    claims: BTreeMap<u64, CommitRecord>,
    records: BTreeMap<u64, CommitRecord>,
    target: Option<Target>,
    /// The version after which the log still tells what happened.
    log_from: u64,
}

/// A sink in memory, shared by all its clones.
#[derive(Clone)]
pub struct MemSink {
    tables: Arc<Mutex<BTreeMap<String, Table>>>,
    files: Arc<Mutex<BTreeMap<u64, RecordBatch>>>,
    deletes: Arc<Mutex<HashMap<u64, BooleanArray>>>,
    pause: Arc<dyn Pause>,
    promises: Promises,
    is_lake: bool,
}

impl Default for MemSink {
    fn default() -> Self {
        MemSink::new(true)
    }
}

impl MemSink {
    /// A sink that claims numbers as a lake does, or one that does not, as a database.
    pub fn new(is_lake: bool) -> MemSink {
        MemSink {
            tables: Arc::default(),
            files: Arc::default(),
            deletes: Arc::default(),
            pause: Arc::new(NoPause),
            promises: Promises::KEPT,
            is_lake,
        }
    }

    /// The same tables, with other promises and pauses.
    pub fn with(&self, promises: Promises, pause: Arc<dyn Pause>) -> MemSink {
        MemSink {
            promises,
            pause,
            ..self.clone()
        }
    }

    /// The rows of a table now; `None` where there is none.
    pub fn rows(&self, place: &str) -> Option<RecordBatch> {
        self.tables
            .lock()
            .get(place)
            .and_then(|t| t.versions.last())
            .map(|v| v.rows.clone())
    }

    /// The records of the commits that landed on a table, in the order in which they did.
    pub fn landed(&self, place: &str) -> Vec<Arc<CommitRecord>> {
        self.tables
            .lock()
            .get(place)
            .map(|t| t.versions.iter().filter_map(|v| v.record.clone()).collect())
            .unwrap_or_default()
    }

    /// The commits on a table, oldest first.
    pub fn log(&self, place: &str) -> Vec<(u64, CommitId)> {
        self.tables
            .lock()
            .get(place)
            .map(|t| t.versions.iter().filter_map(|v| v.commit).collect())
            .unwrap_or_default()
    }

    /// How many files lie there.
    pub fn files(&self) -> usize {
        self.files.lock().len()
    }

    /// Removes a staged file, or the one that a plan adds, behind the back of whoever named it.
    pub fn lose_file(&self, place: &Value) {
        self.files.lock().remove(&place["file"].as_u64().unwrap_or(0));
    }

    /// Removes a table behind the back of its state.
    pub fn lose(&self, place: &str) {
        self.tables.lock().remove(place);
    }

    /// Another program changes the table: a version of nobody's commit.
    pub fn foreign(&self, place: &str, data_changed: bool) {
        if let Some(table) = self.tables.lock().get_mut(place)
            && let Some(last) = table.versions.last().cloned()
        {
            table.versions.push(Version {
                commit: None,
                record: None,
                data_changed,
                ..last
            });
        }
    }

    /// Another program adds rows to the table, if it is there: a version of nobody's commit.
    ///
    /// # Panics
    /// When the rows have other columns than the table.
    pub fn foreign_rows(&self, place: &str, rows: &RecordBatch) {
        if let Some(table) = self.tables.lock().get_mut(place)
            && let Some(last) = table.versions.last()
        {
            let rows = concat_batches(&last.rows.schema(), [&last.rows, rows]).expect("the table's columns");
            table.versions.push(Version {
                rows,
                commit: None,
                record: None,
                data_changed: true,
            });
        }
    }

    /// The commit that each version of a table is, oldest first; `None` where another program made it.
    pub fn history(&self, place: &str) -> Vec<Option<Arc<CommitRecord>>> {
        self.tables
            .lock()
            .get(place)
            .map(|t| t.versions.iter().map(|v| v.record.clone()).collect())
            .unwrap_or_default()
    }

    /// The table's log is cleaned up: what happened before this version is told no more.
    pub fn clean_log(&self, place: &str, version: u64) {
        if let Some(table) = self.tables.lock().get_mut(place) {
            table.log_from = version.saturating_sub(1);
        }
    }

    /// How many versions a table has.
    pub fn versions(&self, place: &str) -> usize {
        self.tables.lock().get(place).map_or(0, |t| t.versions.len())
    }

    /// Carries a plan out as a version that is no commit.
    ///
    /// # Errors
    /// `Conflict` when the table moved since the plan was worked out.
    pub fn amend(&self, place: &str, plan: &Value) -> Result<()> {
        let rows = self.file(plan)?;
        let mut tables = self.tables.lock();
        let table = tables.entry(place.to_string()).or_default();
        if plan["version"].as_u64() != Some(table.versions.len() as u64) {
            return Err(Error::new(Kind::Conflict, format!("{place} moved")));
        }
        table.versions.push(Version {
            rows,
            commit: None,
            record: None,
            data_changed: true,
        });
        Ok(())
    }

    fn put(&self, rows: RecordBatch) -> u64 {
        let mut files = self.files.lock();
        let id = files.last_key_value().map_or(1, |(id, _)| id + 1);
        files.insert(id, rows);
        id
    }

    fn file(&self, place: &Value) -> Result<RecordBatch> {
        let id = place["file"].as_u64().unwrap_or(0);
        self.files
            .lock()
            .get(&id)
            .cloned()
            .ok_or_else(|| Error::new(Kind::NotFound, format!("staged file {id} is gone")))
    }

    fn table(&self, place: &str) -> Table {
        self.tables.lock().get(place).cloned().unwrap_or_default()
    }
}

fn relation(rows: RecordBatch) -> Arc<dyn Relation> {
    Arc::new(MemRelation::new(rows))
}

fn last_commit(table: &Table) -> Option<(u64, CommitId)> {
    table.versions.iter().rev().find_map(|v| v.commit)
}

#[async_trait]
impl Sink for MemSink {
    fn identity(&self) -> String {
        "memory".into()
    }

    fn claims(&self) -> bool {
        self.is_lake
    }

    async fn head(&self, target: &Target, _ctx: &Ctx) -> Result<Head> {
        self.pause.at("head").await?;
        let table = self.table(&target.place);
        let last = last_commit(&table);
        Ok(Head {
            n: last.map_or(0, |(n, _)| n),
            id: last.map(|(n, id)| table.claims.get(&n).map_or(id, |c| c.id)),
            version: table.versions.len() as u64,
            schema: table.versions.last().map(|v| v.rows.schema()),
            table: table.id,
            is_foreign: false,
        })
    }

    async fn stage(
        &self,
        _target: &Target,
        schema: SchemaRef,
        rows: BoxStream<'static, Result<Rows>>,
        _ctx: &Ctx,
    ) -> Result<Staged> {
        let rows: Vec<Rows> = rows.try_collect().await?;
        self.pause.at("stage").await?;
        let batches: Vec<_> = rows.iter().map(|r| r.batch.clone()).collect();
        let all = concat_batches(&schema, &batches).map_err(|e| Error::bug("cannot join batches").caused_by(e))?;
        let deletes: Vec<bool> = rows
            .iter()
            .flat_map(|r| match &r.deletes {
                Some(deletes) => deletes.iter().map(|d| d == Some(true)).collect::<Vec<_>>(),
                None => vec![false; r.batch.num_rows()],
            })
            .collect();
        let staged = (all.num_rows() as u64, all.get_array_memory_size() as u64);
        let id = self.put(all);
        self.deletes.lock().insert(id, BooleanArray::from(deletes));
        self.pause.at("staged").await?;
        Ok(Staged {
            rows: staged.0,
            bytes: staged.1,
            place: json!({ "file": id }),
        })
    }

    async fn work_out(
        &self,
        target: &Target,
        schema: SchemaRef,
        change: &Change,
        staged: &[Staged],
        grains: &[Grain],
        _ctx: &Ctx,
    ) -> Result<WorkedOut> {
        let table = self.table(&target.place);
        let before = match table.versions.last() {
            Some(version) if !matches!(change, Change::ReplaceTable) => align(&version.rows, &schema)?,
            Some(version) => version.rows.clone(),
            None => RecordBatch::new_empty(schema.clone()),
        };
        // A history's own columns are filled by the sink; a mark that is not there is an empty one.
        let coming = match change {
            Change::History { .. } => {
                let own = change.own_columns();
                let fields = schema
                    .fields()
                    .iter()
                    .filter(|f| own.iter().all(|o| o.name() != f.name()));
                Arc::new(Schema::new(fields.cloned().collect::<Vec<_>>()))
            }
            _ => schema.clone(),
        };
        let mut incoming = Vec::new();
        let mut deletes = Vec::new();
        for s in staged {
            let rows = self.file(&s.place)?;
            refuse_own(change, &rows.schema(), &target.name)?;
            incoming.push(align(&rows, &coming)?);
            let id = s.place["file"].as_u64().unwrap_or(0);
            deletes.extend(
                self.deletes
                    .lock()
                    .get(&id)
                    .map(|d| d.iter().map(|d| d == Some(true)).collect::<Vec<_>>())
                    .unwrap_or_default(),
            );
        }
        let incoming =
            concat_batches(&coming, &incoming).map_err(|e| Error::bug("cannot join batches").caused_by(e))?;
        let keyed = keyed::Keyed {
            before: &before,
            incoming: &incoming,
            deletes: &deletes,
            key: change.key(),
            of: &target.name,
        };
        let mut lost = MissingRows::default();
        let keep_before = |keep: &dyn Fn(usize) -> bool| -> Result<RecordBatch> {
            let mask: BooleanArray = (0..before.num_rows()).map(|i| Some(keep(i))).collect();
            filter_record_batch(&before, &mask).map_err(|e| Error::bug("cannot filter").caused_by(e))
        };
        let mut unchanged_slices = BTreeSet::new();
        let join = |a: RecordBatch, b: &RecordBatch| {
            concat_batches(&schema, [&a, b]).map_err(|e| Error::bug("cannot join batches").caused_by(e))
        };
        let (after, labels) = match change {
            Change::Append => (join(before.clone(), &incoming)?, BTreeSet::new()),
            Change::ReplaceTable => (incoming.clone(), BTreeSet::new()),
            Change::ReplaceRanges { column, ranges } => {
                let inside = |batch: &RecordBatch| -> Result<Vec<bool>> {
                    Ok(numbers(batch, column)?
                        .iter()
                        .map(|v| v.is_some_and(|v| ranges.meets(&segue_core::Span::new(v, v + 1))))
                        .collect())
                };
                if inside(&incoming)?.contains(&false) {
                    return Err(Error::new(
                        Kind::BadData,
                        format!("a row of {} lies outside the range", target.name),
                    ));
                }
                let in_range = inside(&before)?;
                (join(keep_before(&|i| !in_range[i])?, &incoming)?, BTreeSet::new())
            }
            Change::ReplaceSlices { columns, slices } => {
                let of_before = labels(&before, columns);
                let of_incoming = labels(&incoming, columns);
                if let Some(other) = of_incoming.iter().find(|l| !slices.contains(l)) {
                    return Err(Error::new(
                        Kind::BadData,
                        format!("a row of {} belongs to another slice: {other}", target.name),
                    ));
                }
                let (old, new) = (texts(&before), texts(&incoming));
                for slice in slices {
                    let pick = |labels: &[Labels], rows: &[String]| {
                        let mut rows: Vec<_> = labels
                            .iter()
                            .zip(rows)
                            .filter(|(l, _)| *l == slice)
                            .map(|(_, r)| r.clone())
                            .collect();
                        rows.sort();
                        rows
                    };
                    if pick(&of_before, &old) == pick(&of_incoming, &new) {
                        unchanged_slices.insert(slice.clone());
                    }
                }
                let changed: BTreeSet<Labels> = slices.difference(&unchanged_slices).cloned().collect();
                (
                    join(keep_before(&|i| !slices.contains(&of_before[i]))?, &incoming)?,
                    changed,
                )
            }
            Change::Merge { missing, .. } => {
                let (after, found) = keyed.merge(missing)?;
                lost = found;
                (after, BTreeSet::new())
            }
            Change::DeleteInsert { .. } => (keyed.delete_insert()?, BTreeSet::new()),
            Change::History { at, .. } => (keyed.history(at.as_microsecond(), &schema)?, BTreeSet::new()),
        };
        let (written, removed, changed) = difference(&before, &after);
        let exists = !table.versions.is_empty();
        let unchanged = exists && changed.is_empty() && before.schema() == after.schema();
        let mut columns = BTreeMap::new();
        // Of a column that nobody can range over nothing is told: its readers take everything for changed.
        let is_ranged = |grain: &&Grain| {
            schema
                .field_with_name(&grain.column)
                .is_ok_and(|f| has_numbers(f.data_type()))
        };
        for grain in grains.iter().filter(is_ranged) {
            let values = changed.iter().filter_map(|(is_new, row)| {
                let batch = if *is_new { &after } else { &before };
                numbers(batch, &grain.column)
                    .ok()
                    .and_then(|v| v.get(*row).copied().flatten())
            });
            let spans: Spans = grained(values, grain);
            columns.insert(grain.column.clone(), spans);
        }
        let bytes_written = incoming.get_array_memory_size() as u64;
        let result = self.put(after);
        Ok(WorkedOut {
            unchanged,
            unchanged_slices,
            unchanged_ranges: Spans::none(),
            rows_written: written,
            rows_removed: removed,
            missing: lost,
            bytes_written,
            footprint: Footprint::Parts {
                labels,
                columns,
                rows: written + removed,
            },
            plan: json!({ "file": result, "version": table.versions.len() }),
        })
    }

    async fn view(&self, _target: &Target, plan: &Value, _ctx: &Ctx) -> Result<Arc<dyn Relation>> {
        Ok(relation(self.file(plan)?))
    }

    async fn staged(&self, _target: &Target, staged: &[Staged], _ctx: &Ctx) -> Result<Arc<dyn Relation>> {
        let files: Vec<_> = staged.iter().map(|s| self.file(&s.place)).collect::<Result<_>>()?;
        let schema = files
            .first()
            .map(|f| f.schema())
            .ok_or_else(|| Error::bug("nothing is staged"))?;
        Ok(relation(
            concat_batches(&schema, &files).map_err(|e| Error::bug("cannot join batches").caused_by(e))?,
        ))
    }

    async fn at(&self, target: &Target, version: u64, _ctx: &Ctx) -> Result<Arc<dyn Relation>> {
        let table = self.table(&target.place);
        let found = version
            .checked_sub(1)
            .and_then(|v| table.versions.get(v as usize).cloned());
        found
            .map(|v| relation(v.rows))
            .ok_or_else(|| Error::new(Kind::NotFound, format!("{} has no version {version}", target.name)))
    }

    async fn claim(&self, record: &CommitRecord, _ctx: &Ctx) -> Result<Claim> {
        if !self.is_lake {
            return Ok(Claim::Ours);
        }
        self.pause.at("claim").await?;
        let claim = {
            let mut tables = self.tables.lock();
            let table = tables.entry(record.own().target.place.clone()).or_default();
            if !self.promises.claim {
                table.claims.insert(record.n, record.clone());
            }
            let owner = table.claims.entry(record.n).or_insert_with(|| record.clone()).id;
            if owner == record.id { Claim::Ours } else { Claim::Taken }
        };
        self.pause.at("claimed").await?;
        Ok(claim)
    }

    async fn highest(&self, target: &Target, _ctx: &Ctx) -> Result<u64> {
        let table = self.table(&target.place);
        let claimed = table.claims.keys().next_back().copied().unwrap_or(0);
        Ok(claimed.max(last_commit(&table).map_or(0, |(n, _)| n)))
    }

    async fn lies_ready(&self, record: &CommitRecord, part: usize, _ctx: &Ctx) -> Result<()> {
        if self.promises.files {
            self.file(&record.parts[part].plan)?;
        }
        Ok(())
    }

    async fn commit(&self, record: &CommitRecord, part: usize, _ctx: &Ctx) -> Result<Committed> {
        self.pause.at("commit").await?;
        let part = &record.parts[part];
        let done = {
            let mut tables = self.tables.lock();
            let table = tables.entry(part.target.place.clone()).or_default();
            let landed = table
                .versions
                .iter()
                .position(|v| v.commit == Some((record.n, record.id)));
            if let Some(version) = landed {
                Committed::AlreadyThere(version as u64 + 1)
            } else if self.promises.predecessor && last_commit(table).map_or(0, |(n, _)| n) != part.predecessor {
                Committed::ShutOut
            } else if self.promises.moved && part.plan["version"].as_u64() != Some(table.versions.len() as u64) {
                Committed::Moved
            } else {
                let rows = match self.file(&part.plan) {
                    Err(_) if !self.promises.files => RecordBatch::new_empty(part.schema.clone()),
                    found => found?,
                };
                table.id = Some(part.target.table);
                table.target = (part.role == Role::Table).then(|| part.target.clone());
                table.records.insert(record.n, record.clone());
                let (commit, record) = (Some((record.n, record.id)), Some(Arc::new(record.clone())));
                table.versions.push(Version {
                    rows,
                    commit,
                    record,
                    data_changed: true,
                });
                Committed::Written(table.versions.len() as u64)
            }
        };
        self.pause.at("committed").await?;
        Ok(done)
    }

    async fn discard(&self, _target: &Target, staged: &[Staged], plan: Option<&Value>, _ctx: &Ctx) -> Result<()> {
        let mut files = self.files.lock();
        for place in staged.iter().map(|s| &s.place).chain(plan) {
            files.remove(&place["file"].as_u64().unwrap_or(0));
        }
        Ok(())
    }

    async fn records(&self, target: &Target, _ctx: &Ctx) -> Result<Vec<CommitRecord>> {
        let table = self.table(&target.place);
        let mut found = Vec::new();
        let mut n = last_commit(&table).map_or(0, |(n, _)| n);
        let kept = if self.is_lake { &table.claims } else { &table.records };
        while let Some(record) = kept.get(&n) {
            found.push(record.clone());
            n = record.predecessor;
        }
        found.reverse();
        Ok(found)
    }

    async fn tables(&self, _ctx: &Ctx) -> Result<Vec<Result<Target>>> {
        let tables = self.tables.lock();
        Ok(tables.values().filter_map(|t| t.target.clone()).map(Ok).collect())
    }

    async fn changes(&self, target: &Target, since: u64, until: u64, _ctx: &Ctx) -> Result<Vec<LoggedChange>> {
        let table = self.table(&target.place);
        if since < table.log_from {
            return Err(Error::new(
                Kind::NotFound,
                format!("the log of {} no longer tells of version {}", target.name, since + 1),
            ));
        }
        let versions = table.versions.iter().enumerate().map(|(i, v)| LoggedChange {
            version: i as u64 + 1,
            n: v.commit.map(|(n, _)| n),
            data_changed: v.data_changed,
        });
        Ok(versions.filter(|c| c.version > since && c.version <= until).collect())
    }

    async fn drop_table(&self, target: &Target, _ctx: &Ctx) -> Result<()> {
        self.lose(&target.place);
        Ok(())
    }
}

/// Each row as one text.
fn texts(batch: &RecordBatch) -> Vec<String> {
    let names: Vec<String> = batch.schema().fields().iter().map(|f| f.name().clone()).collect();
    labels(batch, &names).iter().map(Labels::key).collect()
}

/// Each row's values of these columns.
fn labels(batch: &RecordBatch, columns: &[String]) -> Vec<Labels> {
    let picked: Vec<(&String, &ArrayRef)> = columns
        .iter()
        .filter_map(|c| batch.column_by_name(c).map(|a| (c, a)))
        .collect();
    (0..batch.num_rows())
        .map(|row| {
            picked
                .iter()
                .map(|(name, array)| ((*name).clone(), value(array, row)))
                .collect()
        })
        .collect()
}

fn value(array: &ArrayRef, row: usize) -> Value {
    if array.is_null(row) {
        return Value::Null;
    }
    let text = ArrayFormatter::try_new(array, &FormatOptions::default())
        .map(|f| f.value(row).to_string())
        .unwrap_or_default();
    match array.data_type() {
        DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Int64 => {
            text.parse::<i64>().map_or(Value::Null, Value::from)
        }
        DataType::Boolean => Value::Bool(text == "true"),
        _ => Value::String(text),
    }
}

/// Whether a column's values are numbers that can be ranged over.
fn has_numbers(of: &DataType) -> bool {
    of.is_signed_integer() || matches!(of, DataType::Date32 | DataType::Timestamp(..))
}

/// A column's values as numbers: dates and timestamps in microseconds.
fn numbers(batch: &RecordBatch, column: &str) -> Result<Vec<Option<i64>>> {
    let array = batch
        .column_by_name(column)
        .ok_or_else(|| Error::bug(format!("there is no column `{column}`")))?;
    let day = if matches!(array.data_type(), DataType::Date32) {
        86_400_000_000
    } else {
        1
    };
    let middle = if day == 1 {
        array.clone()
    } else {
        arrow_cast::cast(array, &DataType::Int32).map_err(|e| Error::bug("cast").caused_by(e))?
    };
    let cast = arrow_cast::cast(&middle, &DataType::Int64).map_err(|e| Error::bug("cast").caused_by(e))?;
    let cast = cast
        .as_any()
        .downcast_ref::<arrow_array::Int64Array>()
        .ok_or_else(|| Error::bug("cast"))?;
    Ok(cast.iter().map(|v| v.map(|v| v * day)).collect())
}

/// Rows added, rows removed, and which they are: (of the new table, row).
fn difference(before: &RecordBatch, after: &RecordBatch) -> (u64, u64, Vec<(bool, usize)>) {
    let mut there: HashMap<String, Vec<usize>> = HashMap::new();
    for (row, text) in texts(before).into_iter().enumerate() {
        there.entry(text).or_default().push(row);
    }
    let mut changed = Vec::new();
    for (row, text) in texts(after).into_iter().enumerate() {
        if there.get_mut(&text).and_then(Vec::pop).is_none() {
            changed.push((true, row));
        }
    }
    let written = changed.len() as u64;
    changed.extend(there.into_values().flatten().map(|row| (false, row)));
    (written, changed.len() as u64 - written, changed)
}
