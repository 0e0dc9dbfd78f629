use super::*;
use crate::surroundings::Surroundings;
use arrow_array::{Int64Array, RecordBatch};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use async_trait::async_trait;
use futures::StreamExt;
use segue_core::commit::{Footprint, LedgerChange, Role};
use segue_core::sink::{Change, Rows};
use segue_core::{AssetId, SystemClock, TableId};
use segue_store::Store;
use segue_testkit::sink::{MemSink, Pause, Promises};
use segue_work::commit::{Draft, DraftPart, carry_out};
use segue_work::step::known;
use std::sync::atomic::{AtomicUsize, Ordering};
use tempfile::TempDir;

fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![Field::new("row", DataType::Int64, true)]))
}

fn places(sink: &MemSink) -> Places {
    Places {
        lake: Arc::new(sink.clone()),
        sinks: BTreeMap::new(),
    }
}

async fn app(folder: &TempDir) -> App {
    std::fs::write(folder.path().join("segue.yaml"), "format: 1\nproject: test\n").unwrap();
    let surroundings = Surroundings {
        folder: folder.path().to_path_buf(),
        variables: BTreeMap::new(),
        clock: Arc::new(SystemClock::default()),
        memory: None,
    };
    App::open(&surroundings, None)
        .await
        .map_err(|refused| refused.error)
        .unwrap()
}

/// Commits one row to the asset's table and to its quarantine, as a step does.
async fn commit(store: &Store, sink: &MemSink, row: &AssetRow, ctx: &Ctx) -> Result<()> {
    let guard = store.lease(row.id, "another worker").await?;
    let (places, own) = (places(sink), known::own(row));
    let protocol = Protocol {
        state: store,
        sinks: &places as &dyn Sinks,
        recheck: &Unchecked,
        ctx,
        rules: Rules::default(),
    };
    let settled = settle(&protocol, &guard.lease, &own).await?;
    let mut parts = Vec::new();
    for (role, target) in [
        (Role::Table, own),
        (Role::Quarantine, known::companion(row, Role::Quarantine)),
    ] {
        let batch = RecordBatch::try_new(schema(), vec![Arc::new(Int64Array::from(vec![1]))]).unwrap();
        let rows = futures::stream::iter([Ok(Rows { batch, deletes: None })]).boxed();
        let staged = vec![sink.stage(&target, schema(), rows, ctx).await?];
        let worked = sink
            .work_out(&target, schema(), &Change::Append, &staged, &[], ctx)
            .await?;
        parts.push(DraftPart {
            role,
            target,
            change: Change::Append,
            schema: schema(),
            staged,
            grains: Vec::new(),
            plan: worked.plan,
        });
    }
    let draft = Draft {
        asset: row.id,
        name: row.name.clone(),
        table: row.table,
        read_at: ctx.clock.now(),
        run: None,
        position: None,
        inputs: Vec::new(),
        ledger: LedgerChange::default(),
        footprint: Footprint::Everything,
        columns: None,
        handled: None,
        parts,
    };
    carry_out(&protocol, &guard.lease, &settled, draft).await.map(|_| ())
}

/// While a rebuild looks at a table for the so-manieth time, another process rebuilds too, and then commits.
struct Between {
    nth: usize,
    looked: AtomicUsize,
    app: Arc<App>,
    sink: MemSink,
    row: AssetRow,
    ctx: Ctx,
}

#[async_trait]
impl Pause for Between {
    async fn at(&self, what: &'static str) -> Result<()> {
        if what == "head" && self.looked.fetch_add(1, Ordering::SeqCst) == self.nth {
            let own = known::own(&self.row);
            // Shut out by the lease, it has to wait: that is what the lease is for.
            let brought = one(&self.app, &places(&self.sink), &self.sink, &own, None, &self.ctx).await;
            if brought.is_ok() {
                commit(&self.app.store, &self.sink, &self.row, &self.ctx).await?;
            }
        }
        Ok(())
    }
}

#[tokio::test]
async fn what_is_committed_while_a_state_is_rebuilt_is_not_forgotten() {
    for nth in 0..4 {
        let (folder, before) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let app = Arc::new(app(&folder).await);
        let ctx = app.ctx.clone();
        let row = AssetRow::of(Target {
            asset: AssetId::random(),
            table: TableId::random(),
            name: "raw.orders".parse().unwrap(),
            place: "raw/orders".into(),
            connection: None,
        });
        let lost = before.path().join("state.db");
        let lost = Store::open(lost.to_str().unwrap(), ctx.clock.clone()).await.unwrap();
        lost.register(&row).await.unwrap();
        let sink = MemSink::new(true);
        for _ in 0..2 {
            commit(&lost, &sink, &row, &ctx).await.unwrap();
        }
        let between = Between {
            nth,
            looked: AtomicUsize::new(0),
            app: app.clone(),
            sink: sink.clone(),
            row: row.clone(),
            ctx: ctx.clone(),
        };
        let looking = sink.with(Promises::KEPT, Arc::new(between));
        let own = known::own(&row);
        one(&app, &places(&looking), &looking, &own, None, &ctx).await.unwrap();
        let head = sink.head(&own, &ctx).await.unwrap();
        let last = app.store.commits(row.id).await.unwrap().last;
        assert_eq!(last, (head.n, head.id), "another came at look {nth}");
        // And it goes on from there.
        commit(&app.store, &sink, &row, &ctx).await.unwrap();
    }
}
