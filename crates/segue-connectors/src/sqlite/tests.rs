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
use std::collections::BTreeMap;
use std::path::PathBuf;
use tempfile::TempDir;
use uuid::Uuid;

struct NoGate;

#[async_trait]
impl Gate for NoGate {
    async fn reserve(&self, _key: &str, _rate: Rate, _want: u32) -> Result<Vec<Timestamp>> {
        Ok(vec![])
    }
    async fn blocked(&self, _keys: &[String]) -> Result<Option<Block>> {
        Ok(None)
    }
    async fn block(&self, _key: &str, _block: Block) -> Result<()> {
        Ok(())
    }
}

struct World {
    dir: TempDir,
    sink: Arc<dyn Sink>,
    ctx: Ctx,
    n: u64,
}

fn sink_at(dir: &std::path::Path, path: &str) -> Result<Arc<dyn Sink>> {
    let deps = Deps {
        connection: "app".into(),
        gate: Arc::new(NoGate),
        clock: Arc::new(SystemClock::default()),
        project_dir: dir.to_path_buf(),
        staging_dir: dir.join("staging"),
    };
    open(ConnectionSettings::new(json!({ "path": path })), deps)
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
        let schema = batch.schema();
        let staged = vec![self.stage(target, batch, deletes).await];
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
    Labels(BTreeMap::from([("name".to_string(), json!(name))]))
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

const MERGE: fn() -> Change = || Change::Merge { key: vec!["id".into()] };

#[tokio::test]
async fn rows_are_added_replaced_and_merged() {
    let mut w = World::new();
    let t = target(1, "related");
    assert_snapshot!(w.land(&t, Change::Append, batch(&[row(1, "a", 10), row(2, "b", 11)]), None).await.unwrap(),
        @"unchanged false written 2 removed 0 footprint 2 [] days [10, 11] same slices 0 same ranges 0");
    assert_snapshot!(w.land(&t, Change::Append, batch(&[row(2, "b", 11)]), None).await.unwrap(),
        @"unchanged false written 1 removed 0 footprint 1 [] days [11] same slices 0 same ranges 0");
    assert_snapshot!(w.rows(&t).await, @"
    1 a 1970-01-11
    2 b 1970-01-12
    2 b 1970-01-12
    ");
    // As a table: one of the doubled rows goes, one comes.
    assert_snapshot!(w.land(&t, Change::ReplaceTable, batch(&[row(1, "a", 10), row(2, "b", 11), row(3, "c", 12)]), None).await.unwrap(),
        @"unchanged false written 1 removed 1 footprint 2 [] days [11, 12] same slices 0 same ranges 0");
    assert_snapshot!(w.land(&t, MERGE(), batch(&[row(1, "a", 10), row(2, "B", 11), row(4, "d", 13), row(3, "c", 12)]), Some(vec![false, false, false, true])).await.unwrap(),
        @"unchanged false written 2 removed 2 footprint 4 [] days [11, 12, 13] same slices 0 same ranges 0");
    assert_snapshot!(w.rows(&t).await, @"
    1 a 1970-01-11
    2 B 1970-01-12
    4 d 1970-01-14
    ");
}

#[tokio::test]
async fn equal_rows_are_no_change() {
    let mut w = World::new();
    let t = target(1, "related");
    let rows = [row(1, "a", 10), row(2, "b", 11), (None, None, None)];
    w.land(&t, Change::ReplaceTable, batch(&rows), None).await.unwrap();
    for change in [Change::ReplaceTable, MERGE()] {
        let rows = if change == MERGE() { &rows[..2] } else { &rows };
        let (_, worked) = w.record(&t, change, batch(rows), None).await.unwrap();
        assert!(worked.unchanged && worked.footprint.is_nothing(), "{worked:?}");
    }
    let (_, worked) = w.record(&t, Change::ReplaceTable, batch(&[]), None).await.unwrap();
    assert_eq!((worked.unchanged, worked.rows_removed), (false, 3));
}

#[tokio::test]
async fn slices_are_replaced_alone() {
    let mut w = World::new();
    let t = target(1, "related");
    w.land(
        &t,
        Change::ReplaceTable,
        batch(&[row(1, "a", 10), row(2, "b", 11), row(3, "c", 12)]),
        None,
    )
    .await
    .unwrap();
    let change = |names: &[&str]| Change::ReplaceSlices {
        columns: vec!["name".into()],
        slices: names.iter().map(|n| slice(n)).collect(),
    };
    assert_snapshot!(w.land(&t, change(&["a", "b", "d"]), batch(&[row(1, "a", 10), row(9, "b", 11), row(8, "b", 20)]), None).await.unwrap(),
        @"unchanged false written 2 removed 1 footprint 3 [name=b] days [11, 20] same slices 2 same ranges 0");
    assert_snapshot!(w.rows(&t).await, @"
    1 a 1970-01-11
    3 c 1970-01-13
    8 b 1970-01-21
    9 b 1970-01-12
    ");
    assert_snapshot!(said(w.land(&t, change(&["a"]), batch(&[row(1, "a", 10), row(2, "z", 1)]), None).await), @"
    error: 1 rows for serving.related belong to other slices (name)
      table: related
    ");
}

#[tokio::test]
async fn ranges_are_replaced_alone() {
    let mut w = World::new();
    let t = target(1, "related");
    w.land(
        &t,
        Change::ReplaceTable,
        batch(&[row(1, "a", 10), row(2, "b", 11), row(3, "c", 12), (Some(4), None, None)]),
        None,
    )
    .await
    .unwrap();
    let day = 86_400_000_000;
    let change = |ranges: &[(i64, i64)]| Change::ReplaceRanges {
        column: "day".into(),
        ranges: Spans::of(ranges.iter().map(|(from, to)| Span::new(from * day, to * day))),
    };
    assert_snapshot!(w.land(&t, change(&[(10, 11), (12, 14), (-99_999_999, 0)]), batch(&[row(1, "a", 10), row(5, "e", 13)]), None).await.unwrap(),
        @"unchanged false written 1 removed 1 footprint 2 [] days [12, 13] same slices 0 same ranges 2");
    assert_snapshot!(w.rows(&t).await, @"
    1 a 1970-01-11
    2 b 1970-01-12
    4  
    5 e 1970-01-14
    ");
    let mut refused = Vec::new();
    for outside in [row(1, "a", 11), (Some(1), None, None)] {
        refused.push(said(w.land(&t, change(&[(10, 11)]), batch(&[outside]), None).await));
    }
    assert_snapshot!(refused.join("\n"), @"
    error: 1 rows for serving.related lie outside the ranges of day
      table: related
    error: 1 rows for serving.related lie outside the ranges of day
      table: related
    ");
}

#[tokio::test]
async fn empty_and_doubled_keys_are_refused() {
    let mut w = World::new();
    let t = target(1, "related");
    assert_snapshot!(said(w.land(&t, MERGE(), batch(&[(None, Some("a"), None)]), None).await), @"
    error: 1 rows for serving.related have an empty key (id)
      table: related
    ");
    assert_snapshot!(said(w.land(&t, MERGE(), batch(&[row(1, "a", 1), row(1, "b", 1)]), None).await), @"
    error: 2 rows for serving.related share a key (id) with another
      table: related
    ");
    w.land(&t, MERGE(), batch(&[row(1, "a", 1)]), None).await.unwrap();
    let db = Connection::open(w.path()).unwrap();
    let sql: String = db
        .query_row("select sql from sqlite_master where name = 'related'", [], |r| r.get(0))
        .unwrap();
    assert_snapshot!(sql, @r#"CREATE TABLE "related" ("id" INTEGER not null, "name" TEXT, "day" DATE, primary key ("id"))"#);
}

#[tokio::test]
async fn only_the_predecessor_lets_a_commit_land() {
    let mut w = World::new();
    let t = target(1, "related");
    let (first, _) = w
        .record(&t, Change::Append, batch(&[row(1, "a", 1)]), None)
        .await
        .unwrap();
    let (stale, _) = w
        .record(&t, Change::Append, batch(&[row(2, "b", 1)]), None)
        .await
        .unwrap();
    assert_eq!(w.sink.commit(&first, 0, &w.ctx).await.unwrap(), Committed::Written(1));
    assert_eq!(w.sink.commit(&stale, 0, &w.ctx).await.unwrap(), Committed::ShutOut);
    w.land(&t, Change::Append, batch(&[row(3, "c", 1)]), None)
        .await
        .unwrap();
    // Long past, and still known.
    assert_eq!(
        w.sink.commit(&first, 0, &w.ctx).await.unwrap(),
        Committed::AlreadyThere(1)
    );
    assert_snapshot!(w.rows(&t).await, @"
    1 a 1970-01-02
    3 c 1970-01-02
    ");
    let records = w.sink.records(&t, &w.ctx).await.unwrap();
    assert_eq!(
        records.iter().map(|r| (r.n, r.predecessor)).collect::<Vec<_>>(),
        [(1, 0), (3, 1)]
    );
    let changes = w.sink.changes(&t, 1, 9, &w.ctx).await.unwrap();
    assert_eq!(
        changes,
        [LoggedChange {
            version: 3,
            n: Some(3),
            data_changed: true
        }]
    );
    assert_eq!(w.sink.tables(&w.ctx).await.unwrap(), std::slice::from_ref(&t));
    assert_eq!(w.sink.highest(&t, &w.ctx).await.unwrap(), 3);
    assert_eq!(
        said(w.read(w.sink.at(&t, 3, &w.ctx).await.unwrap()).await.map(|b| b.len())),
        "1"
    );
    assert!(w.sink.at(&t, 1, &w.ctx).await.is_err(), "SQLite keeps no older version");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_commits_at_once_one_lands() {
    for _ in 0..5 {
        let mut w = World::new();
        let t = target(1, "related");
        let (a, _) = w
            .record(&t, Change::Append, batch(&[row(1, "a", 1)]), None)
            .await
            .unwrap();
        let (b, _) = w
            .record(&t, Change::Append, batch(&[row(2, "b", 1)]), None)
            .await
            .unwrap();
        let other = sink_at(w.dir.path(), "app.db").unwrap();
        let (x, y) = tokio::join!(w.sink.commit(&a, 0, &w.ctx), other.commit(&b, 0, &w.ctx));
        let (x, y) = (x.unwrap(), y.unwrap());
        assert!(
            matches!(
                (x, y),
                (Committed::Written(1), Committed::ShutOut) | (Committed::ShutOut, Committed::Written(2))
            ),
            "{x:?} {y:?}"
        );
        assert_eq!(w.rows(&t).await.lines().count(), 1);
    }
}

#[tokio::test]
async fn a_table_that_somebody_changed_is_worked_out_anew() {
    let mut w = World::new();
    let t = target(1, "related");
    w.land(&t, Change::Append, batch(&[row(1, "a", 1)]), None)
        .await
        .unwrap();
    let (record, _) = w
        .record(&t, Change::Append, batch(&[row(2, "b", 1)]), None)
        .await
        .unwrap();
    w.sql("alter table related add column note text");
    assert_eq!(w.sink.commit(&record, 0, &w.ctx).await.unwrap(), Committed::Moved);
    let part = record.own();
    let worked = w
        .sink
        .work_out(&t, part.schema.clone(), &part.change, &part.staged, &[], &w.ctx)
        .await
        .unwrap();
    let mut anew = record.clone();
    anew.parts[0].plan = worked.plan;
    assert_eq!(w.sink.commit(&anew, 0, &w.ctx).await.unwrap(), Committed::Written(2));
    // Rows are compared when they land, so a foreign row is no reason.
    let (record, _) = w
        .record(&t, Change::ReplaceTable, batch(&[row(5, "e", 1)]), None)
        .await
        .unwrap();
    w.sql("insert into related (id) values (77)");
    assert_eq!(w.sink.commit(&record, 0, &w.ctx).await.unwrap(), Committed::Written(3));
    assert_snapshot!(w.rows(&t).await, @"5 e 1970-01-02");
}

#[tokio::test]
async fn a_tables_columns_follow_the_schema() {
    let mut w = World::new();
    let t = target(1, "related");
    w.land(&t, MERGE(), batch(&[row(1, "a", 1), row(2, "b", 2)]), None)
        .await
        .unwrap();
    w.sql("create index by_name on related (name)");
    // A new column, and a wider one.
    let wider: SchemaRef = Arc::new(Schema::new(vec![
        Type::Decimal(20, 1).field("id", true),
        Type::String.field("name", true),
        Type::Date.field("day", true),
        Type::List(Box::new(Type::Int32)).field("more", true),
    ]));
    let rows = segue_core::align::align(&batch(&[row(3, "c", 3)]), &wider).unwrap();
    assert_snapshot!(w.land(&t, MERGE(), rows, None).await.unwrap(),
        @"unchanged false written 1 removed 0 footprint 1 [] days [3] same slices 0 same ranges 0");
    assert_snapshot!(w.rows(&t).await, @"
    1.0 a 1970-01-02 
    2.0 b 1970-01-03 
    3.0 c 1970-01-04 
    ");
    let db = Connection::open(w.path()).unwrap();
    let sql: Vec<String> = {
        let mut s = db
            .prepare("select sql from sqlite_master where tbl_name = 'related' and sql is not null order by type")
            .unwrap();
        s.query_map([], |r| r.get(0)).unwrap().map(|r| r.unwrap()).collect()
    };
    assert_snapshot!(sql.join("\n"), @r#"
    CREATE INDEX by_name on related (name)
    CREATE TABLE "related" ("id" DECIMAL_TEXT(20,1) not null, "name" TEXT, "day" DATE, "more" JSON_TEXT, primary key ("id"))
    "#);
    drop(db);
    // The whole table, with fewer columns, and rows that the old key would refuse.
    let fewer: SchemaRef = Arc::new(Schema::new(vec![Type::Int64.field("id", true)]));
    let ids = RecordBatch::try_new(fewer, vec![Arc::new(Int64Array::from(vec![7, 7]))]).unwrap();
    w.sql("drop index by_name");
    assert_snapshot!(w.land(&t, Change::ReplaceTable, ids, None).await.unwrap(), @"everything");
    assert_snapshot!(w.rows(&t).await, @"
    7
    7
    ");
}

#[tokio::test]
async fn names_may_be_anything_that_is_quoted() {
    let mut w = World::new();
    for (asset, place) in [
        (1, "select"),
        (2, "a \"quoted\" one; drop table x"),
        (3, "raw.tracks"),
        (4, "é 'x'"),
    ] {
        let t = target(asset, place);
        let schema: SchemaRef = Arc::new(Schema::new(vec![
            Type::Int64.field("group", true),
            Type::String.field("a\"b', --", true),
        ]));
        let columns: Vec<ArrayRef> = vec![
            Arc::new(Int64Array::from(vec![1])),
            Arc::new(StringArray::from(vec!["'; --"])),
        ];
        let rows = RecordBatch::try_new(schema.clone(), columns).unwrap();
        w.land(
            &t,
            Change::Merge {
                key: vec!["a\"b', --".into()],
            },
            rows.clone(),
            None,
        )
        .await
        .unwrap();
        w.land(
            &t,
            Change::Merge {
                key: vec!["a\"b', --".into()],
            },
            rows,
            None,
        )
        .await
        .unwrap();
        assert_eq!(w.rows(&t).await, "1 '; --");
    }
    for place in ["_segue_heads", "sqlite_master", ""] {
        assert!(
            w.land(&target(9, place), Change::Append, batch(&[]), None)
                .await
                .is_err(),
            "{place}"
        );
    }
}

#[tokio::test]
async fn a_foreign_table_is_respected() {
    let mut w = World::new();
    w.sql("create table related (id integer primary key, name varchar(20) collate nocase, day text, extra text default 'x');
           create table strict_one (id text); create view seen as select 1 as id; insert into related (id, name) values (7, 'old')");
    let t = target(1, "Related");
    let head = w.sink.head(&t, &w.ctx).await.unwrap();
    assert_eq!((head.n, head.version, head.table), (0, 0, None));
    assert_eq!(head.schema.unwrap().fields().len(), 4);
    assert_snapshot!(w.land(&t, MERGE(), batch(&[row(1, "a", 1)]), None).await.unwrap(),
        @"unchanged false written 1 removed 0 footprint 1 [] days [1] same slices 0 same ranges 0");
    assert_snapshot!(w.land(&t, MERGE(), batch(&[row(1, "A", 1)]), None).await.unwrap(),
        @"unchanged false written 1 removed 1 footprint 2 [] days [1] same slices 0 same ranges 0");
    let db = Connection::open(w.path()).unwrap();
    let shown: String = db
        .query_row("select group_concat(id || name || extra, ' ') from related", [], |r| {
            r.get(0)
        })
        .unwrap();
    assert_eq!(shown, "1Ax 7oldx");
    assert_snapshot!(said(w.land(&target(2, "strict_one"), Change::Append, batch(&[row(1, "a", 1)]), None).await), @"
    error[SG0357]: the table `strict_one` was made by somebody else and does not take these rows: column `id` is TEXT, which changes values of int64
      table: strict_one
      hint: alter that table, or write into another one; a table that is not Segue's is never altered or dropped
    ");
    assert_snapshot!(said(w.land(&target(3, "seen"), Change::Append, batch(&[row(1, "a", 1)]), None).await), @"
    error[SG0357]: `seen` is a view, and rows go into tables
      table: seen
    ");
    // Another asset may not write there, and dropping ours leaves the table as it was found.
    assert_snapshot!(said(w.land(&target(4, "RELATED"), Change::Append, batch(&[row(1, "a", 1)]), None).await), @"
    error[SG0357]: the table `RELATED` belongs to another asset
      asset: 00000000-0000-0000-0000-000000000001
      table: RELATED
      hint: give this asset another `table:` in `into:`, or drop the other one with `segue asset drop`
    ");
    w.sink.drop_table(&t, &w.ctx).await.unwrap();
    assert_eq!(
        db.query_row("select count(*) from related", [], |r| r.get::<_, i64>(0))
            .unwrap(),
        2
    );
    assert_eq!(w.sink.head(&t, &w.ctx).await.unwrap().n, 0);
    assert!(w.sink.drop_table(&t, &w.ctx).await.is_err(), "it has no mark any more");
}

#[tokio::test]
async fn a_rule_of_the_table_that_is_broken_takes_the_commit_back() {
    let mut w = World::new();
    w.sql("create table related (id integer, name text check (length(name) < 3), day text)");
    let t = target(1, "related");
    let (record, _) = w
        .record(&t, Change::Append, batch(&[row(1, "ok", 1), row(2, "long", 1)]), None)
        .await
        .unwrap();
    assert_snapshot!(said(w.sink.commit(&record, 0, &w.ctx).await), @"
    error[SG0358]: cannot change the table: the table does not take the rows
      table: related
      cause: CHECK constraint failed: length(name) < 3
      cause: Error code 275: constraint failed
      hint: the table has a rule of its own that a row breaks; the cause names it
    ");
    assert_eq!(w.sink.head(&t, &w.ctx).await.unwrap().n, 0);
    assert_eq!(w.rows(&t).await, "");
}

#[tokio::test]
async fn a_write_waits_for_another_and_then_says_that_it_is_busy() {
    let mut w = World::new();
    let t = target(1, "related");
    w.land(&t, Change::Append, batch(&[row(1, "a", 1)]), None)
        .await
        .unwrap();
    let (record, _) = w
        .record(&t, Change::Append, batch(&[row(2, "b", 1)]), None)
        .await
        .unwrap();
    let other = Connection::open(w.path()).unwrap();
    other.execute_batch("begin immediate").unwrap();
    let busy = w.sink.commit(&record, 0, &w.ctx).await.unwrap_err();
    assert_eq!(
        (busy.kind(), busy.error_code()),
        (segue_core::Kind::Unavailable, Some(segue_diag::SQLITE_BUSY))
    );
    // Reading goes on meanwhile.
    assert_eq!(w.sink.head(&t, &w.ctx).await.unwrap().n, 1);
    other.execute_batch("rollback").unwrap();
    assert_eq!(w.sink.commit(&record, 0, &w.ctx).await.unwrap(), Committed::Written(2));
}

#[tokio::test]
async fn a_commit_that_fails_half_way_is_taken_back() {
    let mut w = World::new();
    let t = target(1, "related");
    w.land(&t, Change::Append, batch(&[row(1, "a", 1)]), None)
        .await
        .unwrap();
    // What a full disk does: some rows are written, and then one is not.
    w.sql("create trigger full before insert on related when new.id = 5000 begin select raise(abort, 'no room'); end");
    let rows: Vec<Row> = (2..9000).map(|i| row(i, "a name that takes some room", 1)).collect();
    let (record, _) = w.record(&t, Change::Append, batch(&rows), None).await.unwrap();
    assert!(w.sink.commit(&record, 0, &w.ctx).await.is_err());
    assert_eq!(w.rows(&t).await, "1 a 1970-01-02", "nothing of it");
    w.sql("drop trigger full");
    assert_eq!(w.sink.commit(&record, 0, &w.ctx).await.unwrap(), Committed::Written(2));
    assert_eq!(w.rows(&t).await.lines().count(), 8999);
}

#[tokio::test]
async fn a_dropped_table_is_gone_with_its_marks_and_files() {
    let mut w = World::new();
    let t = target(1, "related");
    w.land(&t, Change::Append, batch(&[row(1, "a", 1)]), None)
        .await
        .unwrap();
    let staged = w.stage(&t, batch(&[row(2, "b", 1)]), None).await;
    w.sink.drop_table(&t, &w.ctx).await.unwrap();
    let head = w.sink.head(&t, &w.ctx).await.unwrap();
    assert_eq!((head.n, head.schema), (0, None));
    assert_eq!(w.sink.tables(&w.ctx).await.unwrap(), []);
    w.sink.discard(&t, &[staged], None, &w.ctx).await.unwrap();
    w.sink.drop_table(&t, &w.ctx).await.unwrap();
}

#[tokio::test]
async fn staged_rows_are_read_discarded_and_missed() {
    let mut w = World::new();
    let t = target(1, "related");
    let (record, _) = w
        .record(&t, Change::Append, batch(&[row(1, "a", 1)]), None)
        .await
        .unwrap();
    let staged = &record.own().staged;
    let wider: SchemaRef = Arc::new(Schema::new(vec![
        Type::Int64.field("id", true),
        Type::Bool.field("flag", true),
    ]));
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from(vec![5])),
        Arc::new(BooleanArray::from(vec![true])),
    ];
    let more = w.stage(&t, RecordBatch::try_new(wider, columns).unwrap(), None).await;
    let both = [staged[0].clone(), more.clone()];
    let rows = w.sink.staged(&t, &both, &w.ctx).await.unwrap();
    assert_eq!(rows.schema().fields().len(), 4);
    let ids: Vec<RecordBatch> = rows.scan(Some(&[0])).await.unwrap().try_collect().await.unwrap();
    assert_eq!(text(&ids), "1\n5");
    assert!(
        ids[0]
            .column(0)
            .as_primitive_opt::<arrow_array::types::Int64Type>()
            .is_some_and(|c| c.len() == 1)
    );
    w.sink.discard(&t, &both, None, &w.ctx).await.unwrap();
    w.sink.discard(&t, &both, None, &w.ctx).await.unwrap();
    let gone = w.sink.commit(&record, 0, &w.ctx).await.unwrap_err();
    assert_eq!(gone.kind(), segue_core::Kind::NotFound);
    assert_eq!(w.sink.head(&t, &w.ctx).await.unwrap().n, 0);
    let escape = Staged {
        rows: 0,
        bytes: 0,
        place: json!({ "file": "../../x.arrow" }),
    };
    assert!(
        w.sink.staged(&t, &[escape], &w.ctx).await.is_err(),
        "no path leads out of the staging folder"
    );
}

#[tokio::test]
async fn nothing_is_left_over_in_the_staging_folder() {
    let mut w = World::new();
    let t = target(1, "related");
    w.land(&t, Change::Append, batch(&[row(1, "a", 1)]), None)
        .await
        .unwrap();
    w.rows(&t).await;
    let folder = w.dir.path().join("staging/sqlite");
    std::fs::write(folder.join("read-00.arrow"), "of a process that died").unwrap();
    w.rows(&t).await;
    let mut left = Vec::new();
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => assert_eq!(
                std::fs::read_dir(path).unwrap().count(),
                0,
                "what landed is no longer staged"
            ),
            false => left.push(path.file_name().unwrap().to_str().unwrap().to_string()),
        }
    }
    assert_eq!(left, ["read.lock"]);
}

#[tokio::test]
async fn what_is_no_database_is_refused() {
    let w = World::new();
    let t = target(1, "related");
    std::fs::write(w.dir.path().join("notes.txt"), "hello, this is a text").unwrap();
    std::fs::write(w.dir.path().join("empty.db"), "").unwrap();
    Connection::open(w.dir.path().join("state.db"))
        .unwrap()
        .execute_batch("create table segue_state (version)")
        .unwrap();
    std::os::unix::fs::symlink(w.dir.path().join("state.db"), w.dir.path().join("link.db")).unwrap();
    let mut all = Vec::new();
    for path in ["notes.txt", "empty.db", "missing/app.db", ".", "state.db", "link.db"] {
        let sink = sink_at(w.dir.path(), path).unwrap();
        let answer = match sink.head(&t, &w.ctx).await {
            Ok(head) => format!("n {}", head.n),
            Err(e) => format!(
                "{:?} {}",
                e.kind(),
                e.message().replace(w.dir.path().to_str().unwrap(), "DIR")
            ),
        };
        all.push(format!("{path}: {answer}"));
    }
    assert_snapshot!(all.join("\n"), @"
    notes.txt: Invalid the file is not a SQLite database
    empty.db: n 0
    missing/app.db: NotFound the database's folder `DIR/missing` does not exist
    .: Invalid this is a folder and not a database
    state.db: Invalid this file is Segue's own state, and no target
    link.db: Invalid this file is Segue's own state, and no target
    ");
    assert!(sink_at(w.dir.path(), "").is_err());
    assert_eq!(
        std::fs::read_to_string(w.dir.path().join("notes.txt")).unwrap(),
        "hello, this is a text"
    );
}

#[test]
fn what_sqlite_answers_is_told_apart() {
    use super::errors::failed;
    let of = |code: i32| {
        let e = failed("commit")(rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), None));
        format!("{code}: {:?} {}", e.kind(), e.error_code().map_or("", |c| c.as_str()))
    };
    assert_snapshot!([5, 6, 8, 10, 11, 13, 14, 19, 26].map(of).join("\n"), @"
    5: Unavailable SG0355
    6: Unavailable SG0355
    8: Denied SG0354
    10: Unavailable 
    11: BadData 
    13: Unavailable SG0356
    14: Denied SG0354
    19: BadData SG0358
    26: Invalid SG0351
    ");
}

#[tokio::test]
async fn a_value_of_another_type_is_said() {
    let mut w = World::new();
    let t = target(1, "related");
    w.land(&t, Change::Append, batch(&[row(1, "a", 1)]), None)
        .await
        .unwrap();
    w.sql("update related set id = 'many'");
    let rows = w.sink.at(&t, 1, &w.ctx).await.map(|_| ());
    assert_snapshot!(said(rows), @r#"
    error: column `id` of table "related" holds something else: expected int64, found "many"
      table: related
      hint: another program wrote it; correct it there, or let a replace of the whole table do so
    "#);
}

#[tokio::test]
async fn columns_that_sqlite_takes_for_one_are_refused() {
    let mut w = World::new();
    let schema: SchemaRef = Arc::new(Schema::new(vec![
        Type::Int64.field("a", true),
        Type::Int64.field("A", true),
    ]));
    let columns: Vec<ArrayRef> = vec![Arc::new(Int64Array::from(vec![1])), Arc::new(Int64Array::from(vec![2]))];
    let rows = RecordBatch::try_new(schema, columns).unwrap();
    assert_snapshot!(said(w.land(&target(1, "t"), Change::Append, rows, None).await), @"
    error: columns `a` and `A` are one to SQLite
      table: t
      hint: it does not tell capital letters from small ones: rename one of them
    ");
}

const CHILD: &str = "SEGUE_TEST_SQLITE_CHILD";

/// Not a test of its own: the process that is killed. It commits one after another, each replacing the table by ten rows of its number.
#[test]
fn child_that_commits_until_it_is_killed() {
    let Ok(dir) = std::env::var(CHILD) else { return };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let dir = std::path::PathBuf::from(dir);
        let sink = sink_at(&dir, "app.db").unwrap();
        let mut w = World {
            dir: tempfile::tempdir().unwrap(),
            sink,
            ctx: Ctx::new("test", Arc::new(SystemClock::default())),
            n: 0,
        };
        let t = target(1, "related");
        w.n = w.sink.head(&t, &w.ctx).await.unwrap().n;
        loop {
            let rows = vec![row(w.n as i64 + 1, "x", 1); 10];
            w.land_once(&t, batch(&rows)).await;
            println!("landed {}", w.n);
        }
    });
}

impl World {
    async fn land_once(&mut self, target: &Target, rows: RecordBatch) {
        let (record, _) = self.record(target, Change::ReplaceTable, rows, None).await.unwrap();
        self.sink.commit(&record, 0, &self.ctx).await.unwrap();
    }
}

/// Killed anywhere, the table is as before or as after a commit, and every commit that was said to have landed is there.
#[tokio::test]
async fn a_kill_leaves_before_or_after() {
    use std::io::{BufRead as _, BufReader};
    let w = World::new();
    let t = target(1, "related");
    for round in 0..8 {
        let mut child = std::process::Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "sqlite::tests::child_that_commits_until_it_is_killed",
                "--nocapture",
                "--test-threads=1",
            ])
            .env(CHILD, w.dir.path())
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let mut said = 0;
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        for (count, line) in lines
            .map_while(|l| l.ok())
            .filter_map(|l| l.rsplit_once("landed ")?.1.parse::<u64>().ok())
            .enumerate()
        {
            said = line;
            if count == round {
                break;
            }
        }
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(said > 0, "the child committed");
        let head = w.sink.head(&t, &w.ctx).await.unwrap();
        assert!(head.n >= said, "what landed stays");
        let rows = w.rows(&t).await;
        assert_eq!(rows, vec![format!("{} x 1970-01-02", head.n); 10].join("\n"));
        let along: Vec<u64> = w.sink.records(&t, &w.ctx).await.unwrap().iter().map(|r| r.n).collect();
        assert_eq!(along, (1..=head.n).collect::<Vec<_>>());
    }
}

/// Random changes, one after the other, on this sink and on the simple one in memory: the same rows, the same answers.
#[tokio::test]
async fn it_does_what_the_sink_in_memory_does() {
    let mut seed = 5u64;
    let mut random = move |below: u64| {
        seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (seed >> 33) % below
    };
    let names = ["a", "b", "c", "d"];
    for _ in 0..12 {
        let mut w = World::new();
        let memory: Arc<dyn Sink> = Arc::new(segue_testkit::sink::MemSink::new(false));
        let t = target(1, "related");
        for step in 0..10 {
            let merges = step > 0 && random(4) == 0;
            let mut rows: Vec<Row> = (0..random(8))
                .map(|_| {
                    (
                        Some(random(6) as i64),
                        Some(names[random(4) as usize]),
                        Some(random(5) as i32),
                    )
                })
                .collect();
            let (mut change, mut deletes) = (Change::ReplaceTable, None);
            let day = 86_400_000_000;
            match random(4) {
                _ if merges => {
                    rows.sort();
                    rows.dedup_by_key(|r| r.0);
                    change = MERGE();
                    deletes = Some(rows.iter().map(|_| random(3) == 0).collect::<Vec<_>>());
                }
                0 => change = Change::Append,
                1 => {
                    let slices: Vec<&str> = names.iter().copied().filter(|_| random(2) == 0).collect();
                    rows.retain(|r| r.1.is_some_and(|n| slices.contains(&n)));
                    let slices = slices.iter().map(|n| slice(n)).collect();
                    change = Change::ReplaceSlices {
                        columns: vec!["name".into()],
                        slices,
                    };
                }
                2 => {
                    let ranges = Spans::of(
                        (0..5)
                            .filter(|_| random(2) == 0)
                            .map(|d| Span::new(d * day, (d + 1) * day)),
                    );
                    rows.retain(|r| {
                        r.2.is_some_and(|d| ranges.meets(&Span::new(i64::from(d) * day, i64::from(d) * day + 1)))
                    });
                    change = Change::ReplaceRanges {
                        column: "day".into(),
                        ranges,
                    };
                }
                _ => {}
            }
            let told = |worked: &WorkedOut| {
                let footprint = match &worked.footprint {
                    // The memory's own spans of days are of single values; the ones here are of days.
                    Footprint::Parts { labels, rows, .. } => format!("{labels:?} {rows}"),
                    Footprint::Everything => "everything".into(),
                };
                format!(
                    "{} {} {} {:?} {footprint}",
                    worked.unchanged, worked.rows_written, worked.rows_removed, worked.unchanged_slices
                )
            };
            let (record, worked) = w
                .record(&t, change.clone(), batch(&rows), deletes.clone())
                .await
                .unwrap();
            let incoming = Rows {
                batch: batch(&rows),
                deletes: deletes.clone().map(BooleanArray::from),
            };
            let staged = vec![
                memory
                    .stage(&t, schema(), stream::iter([Ok(incoming)]).boxed(), &w.ctx)
                    .await
                    .unwrap(),
            ];
            let expected = memory
                .work_out(&t, schema(), &change, &staged, &record.own().grains, &w.ctx)
                .await
                .unwrap();
            assert_eq!(told(&worked), told(&expected), "{change:?} with {rows:?} {deletes:?}");
            let days = |worked: &WorkedOut| match &worked.footprint {
                Footprint::Parts { columns, .. } => columns.get("day").cloned().unwrap_or_default(),
                Footprint::Everything => Spans::none(),
            };
            assert_eq!(days(&worked), days(&expected), "{change:?} with {rows:?}");
            let mut in_memory = record.clone();
            in_memory.parts[0].staged = staged;
            in_memory.parts[0].plan = expected.plan;
            assert!(matches!(
                memory.commit(&in_memory, 0, &w.ctx).await.unwrap(),
                Committed::Written(_)
            ));
            assert_eq!(
                w.sink.commit(&record, 0, &w.ctx).await.unwrap(),
                Committed::Written(record.n)
            );
            let head = memory.head(&t, &w.ctx).await.unwrap();
            let there = w
                .read(memory.at(&t, head.version, &w.ctx).await.unwrap())
                .await
                .unwrap();
            assert_eq!(w.rows(&t).await, text(&there), "{change:?} with {rows:?} {deletes:?}");
        }
    }
}
