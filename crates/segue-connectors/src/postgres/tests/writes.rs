//! The sink against a real server: what a commit leaves of what was there, what is refused, and what lies about afterwards.

use super::*;
use arrow_array::{ArrayRef, Int64Array, StringArray};
use arrow_schema::{Schema, SchemaRef};
use futures::{TryStreamExt, stream};
use jiff::Timestamp;
use segue_core::commit::{Part, Role};
use segue_core::sink::{Change, Committed, Grain, Rows, Sink, Staged, Target, WorkedOut};
use segue_core::{AssetId, CommitId, CommitRecord, Footprint, LedgerChange, TableId};

mod conformance;
mod disk;
mod faults;
mod kept;
mod modes;
mod rules;
mod sift;
mod wire;

/// A database, the sink on it, and a table that an asset writes.
pub(super) struct World {
    pub bed: Bed,
    pub sink: Arc<dyn Sink>,
    pub target: Target,
    n: u64,
}

pub(super) fn sink(settings: Value) -> Arc<dyn Sink> {
    let clock = Arc::new(SystemClock::default());
    let deps = Deps {
        connection: "app".into(),
        gate: Arc::new(MemoryGate::new(clock.clone())),
        notes: Arc::new(segue_testkit::notes::MemoryNotes::new(clock.clone())),
        clock,
        project_dir: "/".into(),
        staging_dir: "/".into(),
        tape: None,
    };
    open_to_write(ConnectionSettings::new(settings), deps).unwrap()
}

pub(super) fn target(place: &str) -> Target {
    Target {
        asset: AssetId::random(),
        table: TableId::random(),
        name: "serving.things".parse().unwrap(),
        place: place.into(),
        connection: Some("app".into()),
    }
}

/// `id` and `name`.
pub(super) fn rows(rows: &[(i64, Option<&str>)]) -> RecordBatch {
    let schema: SchemaRef = Arc::new(Schema::new(vec![
        Type::Int64.field("id", true),
        Type::String.field("name", true),
    ]));
    let columns: Vec<ArrayRef> = vec![
        Arc::new(rows.iter().map(|r| r.0).collect::<Int64Array>()),
        Arc::new(rows.iter().map(|r| r.1).collect::<StringArray>()),
    ];
    RecordBatch::try_new(schema, columns).unwrap()
}

impl World {
    pub async fn new(sql: &str) -> World {
        World::of(Bed::new(sql).await)
    }

    /// On a server of its own.
    pub async fn on(start: impl FnOnce() -> Postgres + Send + 'static) -> World {
        let server = Arc::new(tokio::task::spawn_blocking(start).await.unwrap());
        World::of(Bed {
            client: client(&server, "postgres").await,
            server,
            database: "postgres".into(),
            ctx: Ctx::new("dev", Arc::new(SystemClock::default())),
        })
    }

    fn of(bed: Bed) -> World {
        World {
            sink: sink(bed.settings()),
            bed,
            target: target("things"),
            n: 0,
        }
    }

    pub async fn stage(&self, batch: RecordBatch) -> Result<Staged> {
        let (schema, rows) = (batch.schema(), Rows { batch, deletes: None });
        let rows = stream::iter([Ok(rows)]).boxed();
        self.sink.stage(&self.target, schema, rows, &self.bed.ctx).await
    }

    /// A record of this change, worked out now.
    pub async fn record(&mut self, change: Change, batch: RecordBatch) -> Result<(CommitRecord, WorkedOut)> {
        let schema = batch.schema();
        self.record_as(change, batch, schema).await
    }

    async fn record_as(
        &mut self,
        change: Change,
        batch: RecordBatch,
        schema: SchemaRef,
    ) -> Result<(CommitRecord, WorkedOut)> {
        let staged = vec![self.stage(batch).await?];
        self.record_of(change, staged, schema).await
    }

    /// A record of rows that are staged.
    pub async fn record_of(
        &mut self,
        change: Change,
        staged: Vec<Staged>,
        schema: SchemaRef,
    ) -> Result<(CommitRecord, WorkedOut)> {
        let (target, grains) = (&self.target, Vec::<Grain>::new());
        let worked = self
            .sink
            .work_out(target, schema.clone(), &change, &staged, &grains, &self.bed.ctx)
            .await?;
        let predecessor = self.sink.head(target, &self.bed.ctx).await?.n;
        self.n += 1;
        let record = CommitRecord {
            format: 1,
            n: self.n,
            id: CommitId::random(),
            predecessor,
            asset: target.asset,
            name: target.name.clone(),
            table: target.table,
            read_at: Timestamp::UNIX_EPOCH,
            run: None,
            position: None,
            inputs: vec![],
            ledger: LedgerChange::default(),
            footprint: Footprint::Everything,
            whole_ledger: None,
            columns: None,
            handled: None,
            parts: vec![Part {
                role: Role::Table,
                target: target.clone(),
                predecessor,
                change,
                schema,
                staged,
                grains,
                plan: worked.plan.clone(),
            }],
        };
        Ok((record, worked))
    }

    pub async fn commit(&self, record: &CommitRecord) -> Result<Committed> {
        self.sink.commit(record, 0, &self.bed.ctx).await
    }

    /// Works out and commits; what was said of an error.
    pub async fn land(&mut self, change: Change, batch: RecordBatch) -> std::result::Result<(), String> {
        let schema = batch.schema();
        self.land_as(change, batch, schema).await
    }

    /// The same, with the columns that the table has afterwards.
    pub async fn land_as(
        &mut self,
        change: Change,
        batch: RecordBatch,
        schema: SchemaRef,
    ) -> std::result::Result<(), String> {
        let landed = async {
            let (record, _) = self.record_as(change, batch, schema).await?;
            self.commit(&record).await
        };
        match landed.await {
            Ok(Committed::Written(_)) => Ok(()),
            Ok(other) => Err(format!("{other:?}")),
            Err(e) => Err(said(&e)),
        }
    }

    pub fn sql(&self, sql: &str) -> String {
        self.bed.server.sql(&self.bed.database, sql)
    }

    pub fn table(&self) -> String {
        self.sql("select id, name from things order by 1, 2")
    }

    /// The tables of staged rows that are about.
    pub fn staged_tables(&self) -> String {
        self.sql(r"select count(*) from pg_class where relname like '\_segue\_%' and relkind = 'r' and relname not in ('_segue_heads', '_segue_commits')")
    }
}

/// An error without where the server is.
pub(super) fn said(e: &Error) -> String {
    let text = e.to_text();
    let lines = text
        .lines()
        .filter(|l| !l.trim_start().starts_with("database:") && !l.trim_start().starts_with("more:"));
    lines.collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn a_commit_takes_its_staged_rows_with_it() {
    let mut w = World::new("").await;
    w.land(Change::ReplaceTable, rows(&[(1, Some("a")), (2, None)]))
        .await
        .unwrap();
    assert_eq!(w.table(), "1|a\n2|");
    assert_eq!(w.staged_tables(), "0", "they are the table now");
    w.land(Change::Append, rows(&[(3, Some("c"))])).await.unwrap();
    assert_eq!(w.table(), "1|a\n2|\n3|c");
    assert_eq!(w.staged_tables(), "0");
    // What is given up or left behind goes when it is told to.
    let kept = w.stage(rows(&[(9, None)])).await.unwrap();
    let other = w.stage(rows(&[(9, None)])).await.unwrap();
    let dropped = w.stage(rows(&[(9, None)])).await.unwrap();
    assert_eq!(w.staged_tables(), "3");
    w.sink
        .discard(&w.target, std::slice::from_ref(&dropped), None, &w.bed.ctx)
        .await
        .unwrap();
    w.sink.discard(&w.target, &[dropped], None, &w.bed.ctx).await.unwrap();
    w.sink
        .sweep(&w.target, std::slice::from_ref(&kept), &w.bed.ctx)
        .await
        .unwrap();
    assert_eq!(w.staged_tables(), "1");
    w.sink
        .discard(&w.target, &[kept, other], None, &w.bed.ctx)
        .await
        .unwrap();
    w.sink.drop_table(&w.target, &w.bed.ctx).await.unwrap();
    assert_eq!(w.sql("select count(*) from pg_class where relname in ('things')"), "0");
}

#[tokio::test]
async fn a_stage_that_fails_leaves_nothing() {
    let w = World::new("").await;
    let refused = w.stage(rows(&[(1, Some("a\0b"))])).await.unwrap_err();
    insta::assert_snapshot!(said(&refused), @r"
    error[SG0368]: column `name`: PostgreSQL does not keep text with a NUL character, as at byte 1 of one
      row_of_batch: 0
      table: things
      hint: write null or another value in the SQL, or leave the row out with a check that sets it aside
    ");
    let batch = rows(&[(1, Some("a"))]);
    let (schema, good) = (batch.schema(), Rows { batch, deletes: None });
    let broken = stream::iter([Ok(good), Err(Error::new(Kind::Unavailable, "the source went away"))]).boxed();
    let failed = w.sink.stage(&w.target, schema, broken, &w.bed.ctx).await.unwrap_err();
    assert_eq!(failed.message(), "the source went away");
    assert_eq!(w.staged_tables(), "0");
}

#[tokio::test]
async fn a_table_of_ours_that_nobody_needs_is_exchanged_and_one_that_somebody_does_stays() {
    let mut w = World::new("").await;
    w.land(Change::ReplaceTable, rows(&[(1, Some("a"))])).await.unwrap();
    let number = |w: &World| w.sql("select 'things'::regclass::oid");
    let first = number(&w);
    w.land(Change::ReplaceTable, rows(&[(2, Some("b"))])).await.unwrap();
    let second = number(&w);
    assert_ne!(first, second, "another table took its place");
    for (needs, drops) in [
        ("create view names as select name from things", "drop view names"),
        ("create index named on things (name)", "drop index named"),
        (
            "grant select on things to pg_monitor",
            "revoke all on things from pg_monitor",
        ),
        (
            "comment on table things is 'by hand'",
            "comment on table things is null",
        ),
        (
            "create policy mine on things using (true)",
            "drop policy mine on things",
        ),
        (
            "create function f(things) returns int language sql as 'select 1'",
            "drop function f(things)",
        ),
    ] {
        w.sql(needs);
        let before = number(&w);
        w.land(Change::ReplaceTable, rows(&[(3, Some(needs))])).await.unwrap();
        assert_eq!(number(&w), before, "{needs}");
        assert_eq!(w.sql("select name from things"), needs);
        w.sql(drops);
    }
    // What was granted once leaves its mark in the table's rights, and that is respected too.
    let before = number(&w);
    w.land(Change::ReplaceTable, rows(&[(4, None)])).await.unwrap();
    assert_eq!(number(&w), before);
}

#[tokio::test]
async fn readers_see_the_old_rows_or_the_new_ones() {
    let mut w = World::new("").await;
    w.land(Change::ReplaceTable, rows(&[(1, Some("old"))])).await.unwrap();
    let reader = client(&w.bed.server, &w.bed.database).await;
    // Its moment is before the new rows are even staged.
    reader
        .batch_execute("begin isolation level repeatable read; select 1")
        .await
        .unwrap();
    w.land(Change::ReplaceTable, rows(&[(2, Some("new"))])).await.unwrap();
    let seen = reader.query("select name from things", &[]).await.unwrap();
    assert_eq!(seen.len(), 1, "never an empty table");
    reader.batch_execute("commit").await.unwrap();
    assert_eq!(w.table(), "2|new");
}

#[tokio::test]
async fn columns_come_and_widen_and_go() {
    let mut w = World::new("").await;
    w.land(Change::ReplaceTable, rows(&[(1, Some("a"))])).await.unwrap();
    let narrow: SchemaRef = Arc::new(Schema::new(vec![
        Type::Int32.field("id", true),
        Type::Float64.field("more", true),
    ]));
    let batch = |id: i32| {
        let columns: Vec<ArrayRef> = vec![
            Arc::new(arrow_array::Int32Array::from(vec![id])),
            Arc::new(arrow_array::Float64Array::from(vec![0.5])),
        ];
        RecordBatch::try_new(narrow.clone(), columns).unwrap()
    };
    let all: SchemaRef = Arc::new(Schema::new(vec![
        Type::Int64.field("id", true),
        Type::String.field("name", true),
        Type::Float64.field("more", true),
    ]));
    let staged = vec![w.stage(batch(2)).await.unwrap()];
    let worked = w
        .sink
        .work_out(&w.target, all.clone(), &Change::Append, &staged, &[], &w.bed.ctx)
        .await
        .unwrap();
    let view = w.sink.view(&w.target, &worked.plan, &w.bed.ctx).await.unwrap();
    let shown: Vec<RecordBatch> = view.scan(None).await.unwrap().try_collect().await.unwrap();
    assert_eq!(shown.iter().map(RecordBatch::num_rows).sum::<usize>(), 2);
    assert_eq!(
        w.sql("select count(*) from information_schema.columns where table_name = 'things'"),
        "2",
        "looking changes nothing"
    );
    let narrowed = w
        .sink
        .work_out(
            &w.target,
            narrow.clone(),
            &Change::Append,
            &[w.stage(rows(&[(1, None)])).await.unwrap()],
            &[],
            &w.bed.ctx,
        )
        .await;
    insta::assert_snapshot!(said(&narrowed.unwrap_err()), @r"
    error: column `name` is not in the table
      table: things
    ");
    w.land(Change::ReplaceTable, batch(7)).await.unwrap();
    assert_eq!(w.sql("select string_agg(attname || ' ' || format_type(atttypid, -1), ', ' order by attnum) from pg_attribute where attrelid = 'things'::regclass and attnum > 0 and not attisdropped"), "id integer, more double precision");
    assert_eq!(w.sql("select * from things"), "7|0.5");
}
