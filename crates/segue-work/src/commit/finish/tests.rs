use super::*;
use crate::commit::{Draft, DraftPart, Protocol, Rules, Sinks, Unchecked, carry_out, settle};
use arrow_array::{Int64Array, RecordBatch};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use futures::StreamExt;
use segue_core::commit::{Footprint, LedgerChange, Role};
use segue_core::sink::{Change, Rows, Sink, Staged, Target};
use segue_core::state::Commits;
use segue_core::{AssetId, SystemClock, TableId};
use segue_testkit::sink::{MemSink, Pause, Promises};
use segue_testkit::state::{Compares, MemState};
use std::sync::Arc;
use uuid::Uuid;

struct OneSink(MemSink);

impl Sinks for OneSink {
    fn of(&self, _target: &Target) -> Result<Arc<dyn Sink>> {
        Ok(Arc::new(self.0.clone()))
    }
}

/// Does something when a call comes by; what happens is up to the test.
struct At(&'static str, Box<dyn Fn() -> Result<()> + Send + Sync>);

#[async_trait]
impl Pause for At {
    async fn at(&self, what: &'static str) -> Result<()> {
        match what == self.0 {
            true => (self.1)(),
            false => Ok(()),
        }
    }
}

fn calm() -> Arc<dyn Pause> {
    Arc::new(At("", Box::new(|| Ok(()))))
}

fn target(place: &str) -> Target {
    Target {
        asset: AssetId(Uuid::nil()),
        table: TableId(Uuid::nil()),
        name: format!("raw.{place}").parse().unwrap(),
        place: place.into(),
        connection: None,
    }
}

fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![Field::new("row", DataType::Int64, true)]))
}

async fn part(sink: &MemSink, role: Role, place: &str, ctx: &Ctx) -> DraftPart {
    let target = target(place);
    let batch = RecordBatch::try_new(schema(), vec![Arc::new(Int64Array::from(vec![1]))]).unwrap();
    let rows = futures::stream::once(async { Ok(Rows { batch, deletes: None }) }).boxed();
    let staged: Vec<Staged> = vec![sink.stage(&target, schema(), rows, ctx).await.unwrap()];
    let worked = sink
        .work_out(&target, schema(), &Change::Append, &staged, &[], ctx)
        .await
        .unwrap();
    DraftPart {
        role,
        target,
        change: Change::Append,
        schema: schema(),
        staged,
        grains: vec![],
        plan: worked.plan,
    }
}

/// Commits one row to a table and its companion. `prepared` sees the draft's parts once they lie ready.
async fn commit(state: &MemState, sink: &MemSink, prepared: impl FnOnce(&[DraftPart])) -> Result<()> {
    let ctx = Ctx::new("test", Arc::new(SystemClock::default()));
    let sinks = OneSink(sink.clone());
    let protocol = Protocol {
        state,
        sinks: &sinks,
        recheck: &Unchecked,
        ctx: &ctx,
        rules: Rules::default(),
    };
    let lease = state.lease(AssetId(Uuid::nil()));
    let settled = settle(&protocol, &lease, &target("own")).await?;
    let parts = vec![
        part(sink, Role::Table, "own", &ctx).await,
        part(sink, Role::Quarantine, "companion", &ctx).await,
    ];
    prepared(&parts);
    let draft = Draft {
        asset: AssetId(Uuid::nil()),
        name: target("own").name,
        table: TableId(Uuid::nil()),
        read_at: ctx.clock.now(),
        run: None,
        position: None,
        inputs: vec![],
        ledger: LedgerChange::default(),
        footprint: Footprint::Everything,
        columns: None,
        handled: None,
        parts,
    };
    carry_out(&protocol, &lease, &settled, draft).await.map(|_| ())
}

fn commits(state: &MemState) -> Commits {
    state.memory().commits
}

#[tokio::test]
async fn a_companion_whose_rows_are_gone_is_found_out_while_all_of_it_can_be_given_up() {
    let (state, sink) = (MemState::new(calm(), Compares::default()), MemSink::new(true));
    let failed = commit(&state, &sink, |parts| sink.lose_file(&parts[1].plan))
        .await
        .unwrap_err();
    assert_eq!(failed.kind(), Kind::NotFound);
    assert_eq!(sink.landed("own").len(), 0);
    assert_eq!((commits(&state).prepared, commits(&state).given_up.len()), (None, 1));
    // The step runs again.
    commit(&state, &sink, |_| {}).await.unwrap();
    assert_eq!((sink.landed("own").len(), sink.landed("companion").len()), (1, 1));
}

#[tokio::test]
async fn a_companion_whose_rows_went_after_its_table_decided_says_what_to_do() {
    let (state, sink) = (MemState::new(calm(), Compares::default()), MemSink::new(true));
    let plans: Arc<parking_lot::Mutex<Vec<serde_json::Value>>> = Arc::default();
    let (to_lose, behind) = (plans.clone(), sink.clone());
    let pausing = sink.with(
        Promises::KEPT,
        Arc::new(At(
            "committed",
            Box::new(move || {
                to_lose.lock().iter().for_each(|plan| behind.lose_file(plan));
                Ok(())
            }),
        )),
    );
    let failed = commit(&state, &pausing, |parts| plans.lock().push(parts[1].plan.clone())).await;
    let failed = failed.unwrap_err();
    insta::assert_snapshot!(failed.to_text(), @"
    error[SG0540]: commit 1 of raw.own is in its table, and its companion at companion cannot follow
      cause: staged file 4 is gone
      hint: put back what is missing and run it again; or run `segue state rebuild`, which goes on without that part and says so
      more: segue explain SG0540
    ");
    assert_eq!(sink.landed("own").len(), 1);
    assert!(commits(&state).prepared.is_some(), "the table has decided");
}

/// It was given up by a worker that could not finish it, and landed by the one that was frozen over it.
#[tokio::test]
async fn a_commit_that_landed_while_another_gave_it_up_is_marked() {
    let (state, sink) = (MemState::new(calm(), Compares::default()), MemSink::new(true));
    let other = state.clone();
    let pausing = sink.with(
        Promises::KEPT,
        Arc::new(At(
            "committed",
            Box::new(move || {
                let mut memory = other.memory();
                memory.commits.given_up.extend(memory.commits.prepared.take());
                other.replace(memory);
                Ok(())
            }),
        )),
    );
    commit(&state, &pausing, |_| {}).await.unwrap();
    assert_eq!((commits(&state).last.0, commits(&state).given_up.len()), (1, 0));
}

#[tokio::test]
async fn what_cannot_be_cleared_makes_no_failure_of_a_commit_that_landed() {
    let fail: Arc<std::sync::atomic::AtomicBool> = Arc::default();
    let fails = fail.clone();
    let state = MemState::new(
        Arc::new(At(
            "clear_given_up",
            Box::new(move || match fails.load(std::sync::atomic::Ordering::Relaxed) {
                true => Err(Error::new(Kind::Unavailable, "the disk is busy")),
                false => Ok(()),
            }),
        )),
        Compares::default(),
    );
    let sink = MemSink::new(true);
    commit(&state, &sink, |parts| sink.lose_file(&parts[1].plan))
        .await
        .unwrap_err();
    fail.store(true, std::sync::atomic::Ordering::Relaxed);
    commit(&state, &sink, |_| {}).await.unwrap();
    assert_eq!(commits(&state).last.0, 2);
}
