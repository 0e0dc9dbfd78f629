//! The sink against real files: what lands, what is refused, and what a kill leaves.

use super::*;
use arrow_array::cast::AsArray;
use arrow_array::{ArrayRef, BooleanArray, Date32Array, Int64Array, RecordBatch, StringArray};
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use arrow_schema::{Schema, SchemaRef};
use async_trait::async_trait;
use futures::{StreamExt, TryStreamExt, stream};
use insta::assert_snapshot;
use jiff::Timestamp;
use rusqlite::Connection;
use segue_core::commit::{Part, Role};
use segue_core::gate::{Block, Gate, Rate};
use segue_core::sink::*;
use segue_core::{
    AssetId, CommitId, CommitRecord, Ctx, Error, Footprint, Labels, LedgerChange, Result, Span, Spans, SystemClock,
    TableId, Type,
};
use serde_json::json;
use std::path::PathBuf;
use tempfile::TempDir;
use uuid::Uuid;

mod changes;
mod conformance;
mod modes;
mod power;
mod protocol;
mod rules;
mod tables;

struct NoGate;

#[async_trait]
impl Gate for NoGate {
    async fn reserve(&self, _key: &str, _rate: Rate, _want: u32) -> Result<Vec<Timestamp>> {
        Ok(vec![])
    }
    async fn blocked(&self, _keys: &[String]) -> Result<Option<Block>> {
        Ok(None)
    }
    async fn block(&self, _block: Block) -> Result<()> {
        Ok(())
    }
}

struct World {
    dir: TempDir,
    sink: Arc<dyn Sink>,
    ctx: Ctx,
    n: u64,
}

fn deps(dir: &std::path::Path) -> Deps {
    Deps {
        connection: "app".into(),
        gate: Arc::new(NoGate),
        notes: Arc::new(segue_testkit::notes::MemoryNotes::new(Arc::new(SystemClock::default()))),
        clock: Arc::new(SystemClock::default()),
        project_dir: dir.to_path_buf(),
        staging_dir: dir.join("staging"),
        tape: None,
    }
}

fn sink_at(dir: &std::path::Path, path: &str) -> Result<Arc<dyn Sink>> {
    open(ConnectionSettings::new(json!({ "path": path })), deps(dir))
}

fn target(asset: u128, place: &str) -> Target {
    Target {
        asset: AssetId(Uuid::from_u128(asset)),
        table: TableId(Uuid::from_u128(0xa0 + asset)),
        name: "serving.related".parse().unwrap(),
        place: place.into(),
        connection: Some("app".into()),
    }
}

/// id int64, name string, day date: each row `(id, name, day)`; `None` is null.
type Row = (Option<i64>, Option<&'static str>, Option<i32>);

fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Type::Int64.field("id", true),
        Type::String.field("name", true),
        Type::Date.field("day", true),
    ]))
}

fn batch(rows: &[Row]) -> RecordBatch {
    let columns: Vec<ArrayRef> = vec![
        Arc::new(rows.iter().map(|r| r.0).collect::<Int64Array>()),
        Arc::new(rows.iter().map(|r| r.1).collect::<StringArray>()),
        Arc::new(rows.iter().map(|r| r.2).collect::<Date32Array>()),
    ];
    RecordBatch::try_new(schema(), columns).unwrap()
}

fn row(id: i64, name: &'static str, day: i32) -> Row {
    (Some(id), Some(name), Some(day))
}

fn text(batches: &[RecordBatch]) -> String {
    let mut lines = Vec::new();
    for batch in batches {
        let shown: Vec<_> = batch
            .columns()
            .iter()
            .map(|c| ArrayFormatter::try_new(c, &FormatOptions::default()).unwrap())
            .collect();
        for row in 0..batch.num_rows() {
            lines.push(
                shown
                    .iter()
                    .map(|c| c.value(row).to_string())
                    .collect::<Vec<_>>()
                    .join(" "),
            );
        }
    }
    lines.sort();
    lines.join("\n")
}

impl World {
    fn new() -> World {
        let dir = tempfile::tempdir().unwrap();
        let sink = sink_at(dir.path(), "app.db").unwrap();
        World {
            dir,
            sink,
            ctx: Ctx::new("test", Arc::new(SystemClock::default())),
            n: 0,
        }
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("app.db")
    }

    fn sql(&self, sql: &str) {
        Connection::open(self.path()).unwrap().execute_batch(sql).unwrap();
    }

    async fn stage(&self, target: &Target, batch: RecordBatch, deletes: Option<Vec<bool>>) -> Staged {
        let schema = batch.schema();
        let rows = Rows {
            batch,
            deletes: deletes.map(BooleanArray::from),
        };
        self.sink
            .stage(target, schema, stream::iter([Ok(rows)]).boxed(), &self.ctx)
            .await
            .unwrap()
    }

    /// A record of this change, worked out now; its number is the next one.
    async fn record(
        &mut self,
        target: &Target,
        change: Change,
        batch: RecordBatch,
        deletes: Option<Vec<bool>>,
    ) -> Result<(CommitRecord, WorkedOut)> {
        // The table has the columns that the change fills by itself; rows do not.
        let own = change.own_columns().into_iter().map(Arc::new);
        let fields: Vec<_> = batch.schema().fields().iter().cloned().chain(own).collect();
        let schema: SchemaRef = Arc::new(Schema::new(fields));
        let staged = vec![self.stage(target, batch, deletes).await];
        self.record_of(target, change, schema, staged).await
    }

    /// The same of rows that are staged.
    async fn record_of(
        &mut self,
        target: &Target,
        change: Change,
        schema: SchemaRef,
        staged: Vec<Staged>,
    ) -> Result<(CommitRecord, WorkedOut)> {
        let grains = [Grain {
            column: "day".into(),
            bounds: vec![],
        }];
        let worked = self
            .sink
            .work_out(target, schema.clone(), &change, &staged, &grains, &self.ctx)
            .await?;
        let head = self.sink.head(target, &self.ctx).await?;
        self.n += 1;
        let record = CommitRecord {
            format: 1,
            n: self.n,
            id: CommitId(Uuid::from_u128(0xc0 + u128::from(self.n))),
            predecessor: head.n,
            asset: target.asset,
            name: target.name.clone(),
            table: target.table,
            read_at: Timestamp::UNIX_EPOCH,
            run: None,
            position: None,
            inputs: vec![],
            ledger: LedgerChange::default(),
            footprint: worked.footprint.clone(),
            whole_ledger: None,
            columns: None,
            handled: None,
            parts: vec![Part {
                role: Role::Table,
                target: target.clone(),
                predecessor: head.n,
                change,
                schema,
                staged,
                grains: grains.to_vec(),
                plan: worked.plan.clone(),
            }],
        };
        Ok((record, worked))
    }

    /// Works out, looks at, commits, and compares what was shown with what is there. Says what was worked out.
    async fn land(
        &mut self,
        target: &Target,
        change: Change,
        batch: RecordBatch,
        deletes: Option<Vec<bool>>,
    ) -> Result<String> {
        let (record, worked) = self.record(target, change, batch, deletes).await?;
        let view = self
            .read(self.sink.view(target, &record.own().plan, &self.ctx).await?)
            .await?;
        let before = self.sink.head(target, &self.ctx).await?;
        assert_eq!(before.n, record.predecessor, "looking changes nothing");
        assert_eq!(
            self.sink.commit(&record, 0, &self.ctx).await?,
            Committed::Written(record.n)
        );
        assert_eq!(
            self.sink.commit(&record, 0, &self.ctx).await?,
            Committed::AlreadyThere(record.n)
        );
        assert_eq!(text(&view), self.rows(target).await, "it is as it was shown");
        let Footprint::Parts { labels, columns, rows } = worked.footprint else {
            return Ok("everything".into());
        };
        let labels: Vec<String> = labels.iter().map(ToString::to_string).collect();
        let days: Vec<String> = columns
            .get("day")
            .map(|s| {
                s.as_slice()
                    .iter()
                    .map(|s| format!("{}", s.from / 86_400_000_000))
                    .collect()
            })
            .unwrap_or_default();
        Ok(format!(
            "unchanged {} written {} removed {} footprint {rows} [{}] days [{}] same slices {} same ranges {}",
            worked.unchanged,
            worked.rows_written,
            worked.rows_removed,
            labels.join(", "),
            days.join(", "),
            worked.unchanged_slices.len(),
            worked.unchanged_ranges.as_slice().len()
        ))
    }

    async fn read(&self, relation: Arc<dyn segue_core::engine::Relation>) -> Result<Vec<RecordBatch>> {
        relation.scan(None).await?.try_collect().await
    }

    async fn rows(&self, target: &Target) -> String {
        let head = self.sink.head(target, &self.ctx).await.unwrap();
        text(
            &self
                .read(self.sink.at(target, head.version, &self.ctx).await.unwrap())
                .await
                .unwrap(),
        )
    }
}

fn slice(name: &str) -> Labels {
    Labels::from_iter([("name".to_string(), json!(name))])
}

fn said<T: std::fmt::Debug>(result: Result<T>) -> String {
    match result {
        Ok(value) => format!("{value:?}"),
        Err(e) => unplaced(&e),
    }
}

/// The error without the folder that the test made.
fn unplaced(e: &Error) -> String {
    let lines = e.to_text();
    let lines = lines
        .lines()
        .filter(|l| !l.trim_start().starts_with("database:") && !l.trim_start().starts_with("more:"));
    lines.collect::<Vec<_>>().join("\n")
}

const MERGE: fn() -> Change = || Change::merge(["id"]);
