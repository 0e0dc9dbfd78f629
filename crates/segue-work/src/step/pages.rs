//! Kept pages: the answers of a source as they came, from which a changed mapping is computed without asking again.

use super::known;
use crate::deps::Deps;
use arrow_array::{BooleanArray, RecordBatch, TimestampMicrosecondArray};
use arrow_schema::{Schema, SchemaRef};
use arrow_select::filter::filter_record_batch;
use futures::{StreamExt, TryStreamExt};
use jiff::Timestamp;
use segue_core::commit::Role;
use segue_core::engine::{Query, TableKey};
use segue_core::source::page_schema;
use segue_core::{Batches, Ctx, Error, Result, Type, align};
use segue_store::AssetRow;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration as StdDuration;

/// When the read began that a page belongs to: pages of one read stand together.
pub(super) const READ_AT: &str = "read_at";

/// How many answers stand in a batch on their way out of the table: one may hold megabytes.
const BATCH_PAGES: usize = 64;

/// The columns of a table of kept pages.
pub fn schema() -> SchemaRef {
    let mut fields: Vec<_> = page_schema().fields().iter().map(|f| f.as_ref().clone()).collect();
    fields.push(Type::Timestamp.field(READ_AT, false));
    Arc::new(Schema::new(fields))
}

/// Pages as they are kept.
///
/// # Errors
/// `BadData` for a batch that is not of pages.
pub fn of_read(batch: &RecordBatch, read_at: Timestamp) -> Result<RecordBatch> {
    let pages = align::align(batch, &page_schema())?;
    let column = TimestampMicrosecondArray::from(vec![read_at.as_microsecond(); pages.num_rows()]).with_timezone("UTC");
    let column = crate::rows::cast(&(Arc::new(column) as _), schema().field(pages.num_columns()))?;
    let columns = pages.columns().iter().cloned().chain([column]).collect();
    RecordBatch::try_new(schema(), columns).map_err(|e| Error::bug("pages do not make a batch").caused_by(e))
}

/// Pages that can stand for a read.
pub struct Kept {
    /// The slices, by their labels' key, whose newest read is complete.
    pub slices: HashSet<String>,
    /// Their pages, by slice and page.
    pub pages: Batches,
}

/// When the oldest read began whose pages are kept now.
pub fn oldest(keep: StdDuration, now: Timestamp) -> Timestamp {
    now.checked_sub(keep).unwrap_or(Timestamp::MIN)
}

/// The kept pages of those of these slices whose newest complete read since then, from this source, is there in full. `None` when there
/// are none.
///
/// # Errors
/// Those of the lake and the engine.
pub async fn complete(
    deps: &Deps,
    row: &AssetRow,
    wanted: &HashSet<String>,
    source: &str,
    since: Timestamp,
    ctx: &Ctx,
) -> Result<Option<Kept>> {
    let target = known::companion(row, Role::Pages);
    let head = deps.places.lake.head(&target, ctx).await?;
    if head.schema.is_none() || wanted.is_empty() {
        return Ok(None);
    }
    let pages = deps.places.lake.at(&target, head.version, ctx).await?;
    let columns: Vec<usize> = ["slices", "page", "last", "source", READ_AT]
        .iter()
        .map(|c| {
            pages
                .schema()
                .index_of(c)
                .map_err(|e| Error::bug("kept pages without a column").caused_by(e))
        })
        .collect::<Result<_>>()?;
    let mut reads = Reads::of(wanted);
    let mut index = pages.scan(Some(&columns)).await?;
    while let Some(batch) = index.try_next().await? {
        reads.add(&batch, source, since)?;
    }
    let chosen = reads.choose();
    if chosen.is_empty() {
        return Ok(None);
    }
    let slices = chosen.keys().flat_map(|list| keys(list)).collect();
    let key = TableKey::new("pages", row.name.to_string());
    let query = Query {
        sql: format!("select * from {key} order by slices, {READ_AT}, page"),
        params: BTreeMap::new(),
        tables: BTreeMap::from([(key, pages)]),
        timezone: deps.project.timezone.clone(),
    };
    let mut ctx = ctx.clone();
    ctx.limits.batch_rows = BATCH_PAGES;
    let answer = deps.engine.run(&query, &ctx).await?;
    let chosen = Arc::new(chosen);
    let mut seen = HashSet::new();
    let pages = answer.rows.map(move |batch| only(&batch?, &chosen, &mut seen)).boxed();
    Ok(Some(Kept { slices, pages }))
}

/// The reads that pages belong to, by the list of slices and the read's start: those that tell of a slice that is wanted.
struct Reads<'w> {
    wanted: &'w HashSet<String>,
    reads: HashMap<(Arc<str>, Timestamp), Seen>,
    /// The list of the last page, and whether one of its slices is wanted: most pages stand beside others of their list.
    last: (Arc<str>, bool),
}

/// Which pages of a read there are: all up to one, and few beyond it, and the number of the last.
#[derive(Default)]
struct Seen {
    next: i64,
    beyond: BTreeSet<i64>,
    last: Option<i64>,
}

impl Seen {
    fn add(&mut self, page: i64, is_last: bool) {
        if page >= self.next {
            self.beyond.insert(page);
        }
        while self.beyond.remove(&self.next) {
            self.next += 1;
        }
        if is_last {
            self.last = Some(page);
        }
    }

    fn is_complete(&self) -> bool {
        self.last.is_some_and(|last| self.next > last)
    }
}

impl Reads<'_> {
    fn of(wanted: &HashSet<String>) -> Reads<'_> {
        Reads {
            wanted,
            reads: HashMap::new(),
            last: ("".into(), false),
        }
    }

    fn add(&mut self, batch: &RecordBatch, source: &str, since: Timestamp) -> Result<()> {
        for at in 0..batch.num_rows() {
            let row = crate::json::row(batch, at);
            let read_at = crate::rows::timestamp(batch, READ_AT, at)?;
            if row["source"].as_str() != Some(source) || read_at < since {
                continue;
            }
            let list = row["slices"].as_str().unwrap_or_default();
            if *self.last.0 != *list {
                self.last = (list.into(), keys(list).iter().any(|k| self.wanted.contains(k)));
            }
            if !self.last.1 {
                continue;
            }
            let page = row["page"].as_i64().unwrap_or(-1);
            let read = self.reads.entry((self.last.0.clone(), read_at)).or_default();
            read.add(page, row["last"] == Value::Bool(true));
        }
        Ok(())
    }

    /// For each list of slices the read that stands for all of them: complete, and for every one of its slices the newest.
    fn choose(self) -> HashMap<String, Timestamp> {
        let wanted = self.wanted;
        let mut newest: HashMap<String, (Timestamp, Arc<str>)> = HashMap::new();
        for ((list, read_at), _) in self.reads.iter().filter(|(_, read)| read.is_complete()) {
            for slice in keys(list) {
                let there = newest.entry(slice).or_insert_with(|| (*read_at, list.clone()));
                if there.0 < *read_at {
                    *there = (*read_at, list.clone());
                }
            }
        }
        let mut chosen = HashMap::new();
        for (slice, (read_at, list)) in &newest {
            let stands_for_all = keys(list)
                .iter()
                .all(|k| wanted.contains(k) && newest.get(k) == Some(&(*read_at, list.clone())));
            if wanted.contains(slice) && stands_for_all {
                chosen.insert(list.to_string(), *read_at);
            }
        }
        chosen
    }
}

fn keys(list: &str) -> Vec<String> {
    serde_json::from_str(list).unwrap_or_default()
}

/// The pages of the chosen reads, as a source takes them, each once: what was kept when the state could not be told is kept again.
fn only(
    batch: &RecordBatch,
    chosen: &HashMap<String, Timestamp>,
    seen: &mut HashSet<(String, i64)>,
) -> Result<RecordBatch> {
    let mut keep = Vec::with_capacity(batch.num_rows());
    let column = |name: &str| {
        let found = batch.column_by_name(name);
        found.ok_or_else(|| Error::bug("kept pages without a column"))
    };
    let (lists, pages) = (column("slices")?, column("page")?);
    for at in 0..batch.num_rows() {
        let list = crate::json::value(lists, at);
        let list = list.as_str().unwrap_or_default();
        let page = crate::json::value(pages, at).as_i64().unwrap_or(-1);
        let is_chosen = chosen.get(list) == Some(&crate::rows::timestamp(batch, READ_AT, at)?);
        keep.push(is_chosen && seen.insert((list.to_string(), page)));
    }
    let kept = filter_record_batch(batch, &BooleanArray::from(keep))
        .map_err(|e| Error::bug("rows cannot be filtered").caused_by(e))?;
    let wanted: Vec<usize> = page_schema()
        .fields()
        .iter()
        .map(|f| {
            kept.schema_ref()
                .index_of(f.name())
                .map_err(|e| Error::bug("kept pages without a column").caused_by(e))
        })
        .collect::<Result<_>>()?;
    let pages = kept
        .project(&wanted)
        .map_err(|e| Error::bug("rows cannot be projected").caused_by(e))?;
    align::align(&pages, &page_schema())
}
