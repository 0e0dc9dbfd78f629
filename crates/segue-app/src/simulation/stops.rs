//! A state and a sink that stop before and after each call, so that the simulation decides who goes on, and that fail when told to.

use arrow_schema::SchemaRef;
use async_trait::async_trait;
use futures::stream::BoxStream;
use segue_core::commit::CommitRecord;
use segue_core::engine::Relation;
use segue_core::sink::{Change, Claim, Committed, Grain, Head, LoggedChange, Rows, Sink, Staged, Target, WorkedOut};
use segue_core::state::{CommitState, Commits, Lease};
use segue_core::{AssetId, CommitId, Ctx, Entry, Error, Kind, Result};
use segue_store::Store;
use serde_json::Value;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::task::Poll;

/// Who is stopped, and whose commit is to fail.
#[derive(Debug, Default)]
pub struct Stops {
    stopped: AtomicBool,
    fail: AtomicBool,
    failed: AtomicU32,
}

impl Stops {
    /// Whether the worker that was polled last stands between two calls; forgotten when it is told.
    pub fn has_stopped(&self) -> bool {
        self.stopped.swap(false, Ordering::SeqCst)
    }

    pub fn fail_next_commit(&self) {
        self.fail.store(true, Ordering::SeqCst);
    }

    /// How many commits failed because they were told to.
    pub fn failed(&self) -> u32 {
        self.failed.load(Ordering::SeqCst)
    }

    /// Stands still until it is polled again.
    async fn here(&self) {
        let mut stood = false;
        poll_fn(|_| {
            if std::mem::replace(&mut stood, true) {
                return Poll::Ready(());
            }
            self.stopped.store(true, Ordering::SeqCst);
            Poll::Pending
        })
        .await;
    }
}

/// The state, with stops.
pub struct StoppingState {
    pub store: Store,
    pub stops: Arc<Stops>,
}

macro_rules! stopping {
    ($self:ident, $call:expr) => {{
        $self.stops.here().await;
        let done = $call.await;
        $self.stops.here().await;
        done
    }};
}

#[async_trait]
impl CommitState for StoppingState {
    async fn commits(&self, asset: AssetId) -> Result<Commits> {
        stopping!(self, self.store.commits(asset))
    }
    async fn ledger(&self, asset: AssetId) -> Result<Vec<Entry>> {
        stopping!(self, CommitState::ledger(&self.store, asset))
    }
    async fn prepare(&self, lease: &Lease, record: &CommitRecord) -> Result<()> {
        stopping!(self, self.store.prepare(lease, record))
    }
    async fn mark(&self, record: &CommitRecord, versions: &[u64]) -> Result<bool> {
        stopping!(self, self.store.mark(record, versions))
    }
    async fn rework(&self, record: &CommitRecord) -> Result<bool> {
        stopping!(self, self.store.rework(record))
    }
    async fn forget(&self, asset: AssetId, id: CommitId) -> Result<bool> {
        stopping!(self, self.store.forget(asset, id))
    }
    async fn give_up(&self, lease: &Lease, id: CommitId) -> Result<bool> {
        stopping!(self, self.store.give_up(lease, id))
    }
    async fn landed(&self, lease: &Lease, id: CommitId) -> Result<bool> {
        stopping!(self, self.store.landed(lease, id))
    }
    async fn clear_given_up(&self, lease: &Lease, below: u64) -> Result<Vec<CommitRecord>> {
        stopping!(self, self.store.clear_given_up(lease, below))
    }
}

/// A sink, with stops where it changes something.
pub struct StoppingSink {
    pub sink: Arc<dyn Sink>,
    pub stops: Arc<Stops>,
}

#[async_trait]
impl Sink for StoppingSink {
    fn identity(&self) -> String {
        self.sink.identity()
    }
    fn claims(&self) -> bool {
        self.sink.claims()
    }
    async fn head(&self, target: &Target, ctx: &Ctx) -> Result<Head> {
        stopping!(self, self.sink.head(target, ctx))
    }
    async fn stage(
        &self,
        target: &Target,
        schema: SchemaRef,
        rows: BoxStream<'static, Result<Rows>>,
        ctx: &Ctx,
    ) -> Result<Staged> {
        stopping!(self, self.sink.stage(target, schema, rows, ctx))
    }
    async fn work_out(
        &self,
        target: &Target,
        schema: SchemaRef,
        change: &Change,
        staged: &[Staged],
        grains: &[Grain],
        ctx: &Ctx,
    ) -> Result<WorkedOut> {
        stopping!(self, self.sink.work_out(target, schema, change, staged, grains, ctx))
    }
    async fn view(&self, target: &Target, plan: &Value, ctx: &Ctx) -> Result<Arc<dyn Relation>> {
        self.sink.view(target, plan, ctx).await
    }
    async fn staged(&self, target: &Target, staged: &[Staged], ctx: &Ctx) -> Result<Arc<dyn Relation>> {
        self.sink.staged(target, staged, ctx).await
    }
    async fn at(&self, target: &Target, version: u64, ctx: &Ctx) -> Result<Arc<dyn Relation>> {
        self.sink.at(target, version, ctx).await
    }
    async fn claim(&self, record: &CommitRecord, ctx: &Ctx) -> Result<Claim> {
        stopping!(self, self.sink.claim(record, ctx))
    }
    async fn highest(&self, target: &Target, ctx: &Ctx) -> Result<u64> {
        stopping!(self, self.sink.highest(target, ctx))
    }
    async fn commit(&self, record: &CommitRecord, part: usize, ctx: &Ctx) -> Result<Committed> {
        self.stops.here().await;
        if self.stops.fail.swap(false, Ordering::SeqCst) {
            self.stops.failed.fetch_add(1, Ordering::SeqCst);
            return Err(Error::new(Kind::BadData, "a staged file cannot be read"));
        }
        let done = self.sink.commit(record, part, ctx).await;
        self.stops.here().await;
        done
    }
    async fn discard(&self, target: &Target, staged: &[Staged], plan: Option<&Value>, ctx: &Ctx) -> Result<()> {
        stopping!(self, self.sink.discard(target, staged, plan, ctx))
    }
    async fn records(&self, target: &Target, ctx: &Ctx) -> Result<Vec<CommitRecord>> {
        self.sink.records(target, ctx).await
    }
    async fn tables(&self, ctx: &Ctx) -> Result<Vec<Result<Target>>> {
        self.sink.tables(ctx).await
    }
    async fn changes(&self, target: &Target, since: u64, until: u64, ctx: &Ctx) -> Result<Vec<LoggedChange>> {
        self.sink.changes(target, since, until, ctx).await
    }
    async fn drop_table(&self, target: &Target, ctx: &Ctx) -> Result<()> {
        self.sink.drop_table(target, ctx).await
    }
}
