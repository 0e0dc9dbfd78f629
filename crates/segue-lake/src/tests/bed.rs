//! A lake to test on: a table, a clock of its own, and the whole way of a change in one call.

use crate::{Lake, LakeOptions};
use arrow_array::{
    ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow_cast::display::array_value_to_string;
use arrow_schema::SchemaRef;
use async_trait::async_trait;
use futures::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use object_store::memory::InMemory;
use parking_lot::Mutex;
use segue_core::commit::{CommitRecord, LedgerChange, Part, Role};
use segue_core::engine::Relation;
use segue_core::sink::{Change, Committed, Grain, Rows, Sink, Staged, Target, WorkedOut};
use segue_core::{AssetId, Clock, CommitId, Ctx, Footprint, Labels, Result, Span, Spans, TableId, Type};
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

/// A day in microseconds.
pub(super) const DAY: i64 = 86_400_000_000;
/// 2024-01-01.
pub(super) const START: i64 = 1_704_067_200_000_000;

/// Time that only moves when a test says so.
#[derive(Debug)]
pub(super) struct StillClock(Mutex<Timestamp>);

impl StillClock {
    pub fn forward(&self, by: Duration) {
        let mut now = self.0.lock();
        *now = now.checked_add(by).unwrap();
    }

    /// Well before anything that this test wrote.
    pub fn now_before(&self) -> Timestamp {
        self.0.lock().checked_sub(Duration::from_secs(3600)).unwrap()
    }
}

#[async_trait]
impl Clock for StillClock {
    fn now(&self) -> Timestamp {
        *self.0.lock()
    }
    fn elapsed(&self) -> Duration {
        Duration::ZERO
    }
    async fn sleep(&self, duration: Duration) {
        self.forward(duration);
    }
}

/// One asset's table in one lake.
pub(super) struct Bed {
    pub lake: Lake,
    pub target: Target,
    pub clock: Arc<StillClock>,
    pub ctx: Ctx,
    /// Readers of the table: by city's day.
    pub grains: Vec<Grain>,
    pub folder: Option<TempDir>,
}

pub(super) fn target(name: &str) -> Target {
    Target {
        asset: AssetId::random(),
        table: TableId::random(),
        name: name.parse().unwrap(),
        place: name.replace('.', "/"),
        connection: None,
    }
}

impl Bed {
    /// In memory.
    pub fn memory() -> Bed {
        let url = "memory:///some/lake".parse().unwrap();
        Bed::on(
            Lake::with_store(Arc::new(InMemory::new()), url, &options()).unwrap(),
            None,
        )
    }

    /// In a folder with a space in its name.
    pub fn disk() -> Bed {
        let folder = TempDir::with_prefix("segue lake ").unwrap();
        let lake = Lake::open(folder.path().join("the lake").to_str().unwrap(), &options()).unwrap();
        Bed::on(lake, Some(folder))
    }

    pub fn on(lake: Lake, folder: Option<TempDir>) -> Bed {
        // The real time, because files' times are the disk's.
        let clock = Arc::new(StillClock(Mutex::new(Timestamp::now())));
        Bed {
            lake,
            target: target("raw.sales"),
            ctx: Ctx::new("test", clock.clone()),
            clock,
            grains: vec![Grain {
                column: "at".to_string(),
                bounds: (0..400).map(|d| START + d * DAY).collect(),
            }],
            folder,
        }
    }

    pub async fn stage(&self, batch: &RecordBatch) -> Staged {
        self.stage_all(
            batch.schema(),
            vec![Rows {
                batch: batch.clone(),
                deletes: None,
            }],
        )
        .await
        .unwrap()
    }

    pub async fn stage_all(&self, schema: SchemaRef, rows: Vec<Rows>) -> Result<Staged> {
        let rows = stream::iter(rows.into_iter().map(Ok)).boxed();
        self.lake.stage(&self.target, schema, rows, &self.ctx).await
    }

    /// The schema of the table after these rows came: its own columns, then new ones, those that the change fills by itself among them.
    pub async fn schema_with(&self, change: &Change, rows: SchemaRef) -> SchemaRef {
        let head = self.lake.head(&self.target, &self.ctx).await.unwrap();
        let own = change
            .own_columns()
            .into_iter()
            .filter(|f| rows.field_with_name(f.name()).is_err());
        let fields: Vec<_> = rows.fields().iter().cloned().chain(own.map(Arc::new)).collect();
        let rows: SchemaRef = Arc::new(arrow_schema::Schema::new(fields));
        match head.schema {
            Some(table) if !matches!(change, Change::ReplaceTable) => segue_core::align::common(&table, &rows).unwrap(),
            _ => segue_core::align::kept(&rows).unwrap(),
        }
    }

    pub async fn work_out(&self, change: &Change, staged: &[Staged], schema: SchemaRef) -> Result<WorkedOut> {
        let schema = self.schema_with(change, schema).await;
        self.lake
            .work_out(&self.target, schema, change, staged, &self.grains, &self.ctx)
            .await
    }

    /// A record on top of the newest commit.
    pub async fn record(
        &self,
        change: &Change,
        staged: Vec<Staged>,
        schema: SchemaRef,
        worked_out: &WorkedOut,
    ) -> CommitRecord {
        let predecessor = self.lake.head(&self.target, &self.ctx).await.unwrap().n;
        let n = self.lake.highest(&self.target, &self.ctx).await.unwrap() + 1;
        CommitRecord {
            format: CommitRecord::FORMAT,
            n,
            id: CommitId::random(),
            predecessor,
            asset: self.target.asset,
            name: self.target.name.clone(),
            table: self.target.table,
            read_at: self.clock.now(),
            run: None,
            position: None,
            inputs: Vec::new(),
            ledger: LedgerChange::default(),
            footprint: worked_out.footprint.clone(),
            whole_ledger: None,
            columns: None,
            handled: None,
            parts: vec![Part {
                role: Role::Table,
                target: self.target.clone(),
                predecessor,
                change: change.clone(),
                schema: self.schema_with(change, schema).await,
                staged,
                grains: self.grains.clone(),
                plan: worked_out.plan.clone(),
            }],
        }
    }

    /// Stages, works out and prepares; what would be committed next.
    pub async fn prepare(&self, change: Change, batch: &RecordBatch) -> CommitRecord {
        let staged = vec![self.stage(batch).await];
        let worked_out = self.work_out(&change, &staged, batch.schema()).await.unwrap();
        self.record(&change, staged, batch.schema(), &worked_out).await
    }

    /// Claims and commits.
    pub async fn land(&self, record: &CommitRecord) -> Result<Committed> {
        self.lake.claim(record, &self.ctx).await?;
        self.lake.commit(record, 0, &self.ctx).await
    }

    /// The whole way of a change; what it did, as a person would sum it up.
    pub async fn run(&self, change: Change, batch: &RecordBatch) -> String {
        self.run_all(
            change,
            batch.schema(),
            vec![Rows {
                batch: batch.clone(),
                deletes: None,
            }],
        )
        .await
    }

    pub async fn run_all(&self, change: Change, schema: SchemaRef, rows: Vec<Rows>) -> String {
        let staged = match self.stage_all(schema.clone(), rows).await {
            Ok(staged) => vec![staged],
            Err(e) => return e.to_text(),
        };
        let done = match self.work_out(&change, &staged, schema.clone()).await {
            Ok(done) => done,
            Err(e) => return e.to_text(),
        };
        let mut text = shown(&done);
        if done.unchanged {
            self.lake
                .discard(&self.target, &staged, Some(&done.plan), &self.ctx)
                .await
                .unwrap();
            return text;
        }
        let record = self.record(&change, staged, schema, &done).await;
        text.push_str(&match self.land(&record).await {
            Ok(Committed::Written(version)) => format!("\ncommit {} is version {version}", record.n),
            other => format!("\n{other:?}"),
        });
        text
    }

    /// The rows, sorted.
    pub async fn rows(&self) -> String {
        match self.lake.view_at(&self.target, None).await {
            Ok(view) => rows_of(view.as_ref()).await,
            Err(e) => e.to_text(),
        }
    }

    pub async fn rows_at(&self, version: u64) -> String {
        match self.lake.at(&self.target, version, &self.ctx).await {
            Ok(view) => rows_of(view.as_ref()).await,
            Err(e) => e.to_text(),
        }
    }

    /// The table's folder on the disk.
    pub fn table_folder(&self) -> std::path::PathBuf {
        self.folder_of(&self.target)
    }

    /// Another table's of the same lake.
    pub fn folder_of(&self, target: &Target) -> std::path::PathBuf {
        self.folder
            .as_ref()
            .unwrap()
            .path()
            .join("the lake")
            .join(&target.place)
    }
}

pub(super) fn options() -> LakeOptions {
    LakeOptions::default()
}

/// What a change would do, as text.
pub(super) fn shown(done: &WorkedOut) -> String {
    if done.unchanged {
        return "unchanged".to_string();
    }
    let mut text = format!("+{} -{}", done.rows_written, done.rows_removed);
    if !done.unchanged_slices.is_empty() {
        let slices: Vec<String> = done.unchanged_slices.iter().map(Labels::to_string).collect();
        text.push_str(&format!("\nunchanged: {}", slices.join(", ")));
    }
    if !done.unchanged_ranges.is_empty() {
        text.push_str(&format!("\nunchanged: {}", days(&done.unchanged_ranges)));
    }
    match &done.footprint {
        Footprint::Everything => text.push_str("\nfootprint: everything"),
        Footprint::Parts { labels, columns, rows } => {
            text.push_str(&format!("\nfootprint: {rows} rows"));
            for labels in labels {
                text.push_str(&format!(", {labels}"));
            }
            for (column, spans) in columns {
                text.push_str(&format!(", {column} in {}", days(spans)));
            }
        }
    }
    text
}

/// Spans as days since the start.
fn days(spans: &Spans) -> String {
    let day = |v: i64| (v - START) as f64 / DAY as f64;
    let shown: Vec<String> = spans
        .as_slice()
        .iter()
        .map(|s| format!("[{}, {})", day(s.from), day(s.to)))
        .collect();
    shown.join(" ")
}

/// Rows as sorted lines, values parted by bars.
pub(super) async fn rows_of(view: &dyn Relation) -> String {
    let batches: Result<Vec<RecordBatch>> = match view.scan(None).await {
        Ok(rows) => rows.try_collect().await,
        Err(e) => Err(e),
    };
    match batches {
        Ok(batches) => lines(&batches),
        Err(e) => e.to_text(),
    }
}

pub(super) fn lines(batches: &[RecordBatch]) -> String {
    let mut lines: Vec<String> = Vec::new();
    for batch in batches {
        for row in 0..batch.num_rows() {
            let values: Vec<String> = batch
                .columns()
                .iter()
                .map(|c| array_value_to_string(c, row).unwrap())
                .collect();
            lines.push(values.join("|"));
        }
    }
    lines.sort();
    lines.join("\n")
}

/// A sale: id, city, day since the start, amount.
pub(super) type Sale = (i64, &'static str, i64, Option<f64>);

pub(super) fn sales(rows: &[Sale]) -> RecordBatch {
    let schema = Arc::new(arrow_schema::Schema::new(segue_core::types::fields([
        ("id".to_string(), Type::Int64, false),
        ("city".to_string(), Type::String, true),
        ("at".to_string(), Type::Timestamp, true),
        ("amount".to_string(), Type::Float64, true),
    ])));
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from_iter_values(rows.iter().map(|r| r.0))),
        Arc::new(StringArray::from_iter_values(rows.iter().map(|r| r.1))),
        Arc::new(
            TimestampMicrosecondArray::from_iter_values(rows.iter().map(|r| START + r.2 * DAY)).with_timezone("UTC"),
        ),
        Arc::new(Float64Array::from_iter(rows.iter().map(|r| r.3))),
    ];
    RecordBatch::try_new(schema, columns).unwrap()
}

/// Sales with, for each, whether it deletes its key.
pub(super) fn deleting(rows: &[(Sale, bool)]) -> Rows {
    let (sales_of, deletes): (Vec<Sale>, Vec<bool>) = rows.iter().copied().unzip();
    Rows {
        batch: sales(&sales_of),
        deletes: Some(BooleanArray::from(deletes)),
    }
}

pub(super) fn merge() -> Change {
    Change::merge(["id"])
}

pub(super) fn slices(cities: &[&str]) -> Change {
    Change::ReplaceSlices {
        columns: vec!["city".to_string()],
        slices: cities
            .iter()
            .map(|c| Labels::from_iter([("city".to_string(), json!(c))]))
            .collect::<BTreeSet<_>>(),
    }
}

/// Days since the start, half-open.
pub(super) fn ranges(days: &[(i64, i64)]) -> Change {
    Change::ReplaceRanges {
        column: "at".to_string(),
        ranges: Spans::of(days.iter().map(|(a, b)| Span::new(START + a * DAY, START + b * DAY))),
    }
}
