//! One asset of the simulation: its own table in the lake or in a database, its companion in the lake, and the state that remembers it.

use super::Random;
use super::stops::{StoppingSink, StoppingState, Stops};
use arrow_array::{Array, Int64Array, RecordBatch};
use arrow_schema::{Schema, SchemaRef};
use async_trait::async_trait;
use futures::{StreamExt, TryStreamExt};
use jiff::Timestamp;
use segue_connectors::ConnectionSettings;
use segue_core::commit::{CommitRecord, Footprint, LedgerChange, Role};
use segue_core::sink::{Change, Rows, Sink, Staged, Target};
use segue_core::state::{CommitState, Commits};
use segue_core::{AssetId, Clock, Ctx, Error, Kind, Labels, Result, TableId};
use segue_diag::UNKNOWN_COMMIT;
use segue_lake::{Lake, LakeOptions};
use segue_store::{AssetRow, Store};
use segue_testkit::gate::MemoryGate;
use segue_work::commit::{Draft, DraftPart, Protocol, Rules, Unchecked, carry_out, find, settle};
use segue_work::deps::Places;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use uuid::Uuid;

/// Rows in the source; a commit carries one.
pub const ROWS: i64 = 3;
/// Longer than a lease holds without being renewed, in microseconds.
const A_LEASE: i64 = 31_000_000;

/// How a row comes.
#[derive(Clone, Copy, Debug)]
pub enum Mode {
    Append,
    ReplaceTable,
    ReplaceSlices,
    Merge,
}

/// Which tables a row goes to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Goes {
    Own,
    Both,
    Beside,
}

/// What a seed runs.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    own_in_lake: bool,
    rows: [(Mode, Goes); ROWS as usize],
}

impl Case {
    pub fn of(random: &mut Random) -> Case {
        let own_in_lake = random.one_in(2);
        let tables = [Goes::Own, Goes::Both, Goes::Both, Goes::Beside];
        let mut row = || {
            let mode = random.one_of(&[
                Mode::Append,
                Mode::Append,
                Mode::Append,
                Mode::ReplaceTable,
                Mode::ReplaceSlices,
                Mode::Merge,
            ]);
            (mode, random.one_of(&tables))
        };
        let rows = [row(), row(), row()];
        Case { own_in_lake, rows }
    }

    /// The rows that a table holds after all commits; one that appended twice would show it.
    fn expected(&self, is_own: bool) -> Vec<i64> {
        let mut table = Vec::new();
        for (at, (mode, goes)) in self.rows.into_iter().enumerate() {
            let row = at as i64 + 1;
            let is_in = goes == Goes::Both || (goes == Goes::Own) == is_own;
            if !is_in {
                continue;
            }
            match mode {
                Mode::Append => {}
                Mode::ReplaceTable => table.clear(),
                Mode::ReplaceSlices | Mode::Merge => table.retain(|r| *r != row),
            }
            table.push(row);
        }
        table
    }
}

fn change(mode: Mode, row: i64) -> Change {
    match mode {
        Mode::Append => Change::Append,
        Mode::ReplaceTable => Change::ReplaceTable,
        Mode::ReplaceSlices => Change::ReplaceSlices {
            columns: vec!["row".into()],
            slices: BTreeSet::from([Labels::from_iter([("row".to_string(), json!(row))])]),
        },
        Mode::Merge => Change::merge(["row"]),
    }
}

fn schema() -> SchemaRef {
    let columns = segue_core::types::fields([("row".to_string(), segue_core::Type::Int64, false)]);
    Arc::new(Schema::new(columns))
}

/// Time that moves when the simulation says so.
#[derive(Debug)]
struct StillClock {
    now_us: AtomicI64,
}

#[async_trait]
impl Clock for StillClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_microsecond(self.now_us.load(Ordering::SeqCst)).unwrap_or_default()
    }
    fn elapsed(&self) -> Duration {
        Duration::ZERO
    }
    async fn sleep(&self, _duration: Duration) {
        // Nobody is woken: a lease is renewed by no one, and runs out when the simulation says so.
        std::future::pending().await
    }
}

pub struct World {
    case: Case,
    pub stops: Arc<Stops>,
    store: Mutex<Store>,
    states: AtomicU32,
    lake: Lake,
    real: Places,
    stopping: Places,
    clock: Arc<StillClock>,
    ctx: Ctx,
    refused: AtomicBool,
    lost: AtomicBool,
    folder: tempfile::TempDir,
}

impl World {
    pub async fn new(case: Case) -> World {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let clock = Arc::new(StillClock {
            now_us: AtomicI64::new(Timestamp::now().as_microsecond()),
        });
        // In memory: what a power cut takes back is another test's.
        let lake = Lake::open("memory:///lake", &LakeOptions::default()).expect("a lake in memory");
        let open = segue_connectors::sqlite::CONNECTOR.sink.expect("it can be written to");
        let database = open(
            ConnectionSettings::new(json!({ "path": "shop.db" })),
            segue_connectors::Deps {
                connection: "shop".into(),
                gate: Arc::new(MemoryGate::new(clock.clone())),
                notes: Arc::new(segue_testkit::notes::MemoryNotes::new(clock.clone())),
                clock: clock.clone(),
                project_dir: folder.path().to_path_buf(),
                staging_dir: folder.path().join("staged"),
                tape: None,
            },
        )
        .expect("a database");
        let stops = Arc::new(Stops::default());
        let stopping = |sink: Arc<dyn Sink>| -> Arc<dyn Sink> {
            Arc::new(StoppingSink {
                sink,
                stops: stops.clone(),
            })
        };
        let places = |of: &dyn Fn(Arc<dyn Sink>) -> Arc<dyn Sink>| Places {
            lake: of(Arc::new(lake.clone())),
            sinks: BTreeMap::from([("shop".to_string(), of(database.clone()))]),
        };
        let (real, stopping) = (places(&|sink| sink), places(&stopping));
        let ctx = Ctx::new("test", clock.clone());
        let store = open_state(folder.path(), 0, &clock).await;
        World {
            case,
            stops,
            store: Mutex::new(store),
            states: AtomicU32::new(1),
            lake,
            real,
            stopping,
            clock,
            ctx,
            refused: AtomicBool::new(false),
            lost: AtomicBool::new(false),
            folder,
        }
    }

    fn store(&self) -> Store {
        self.store.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn target(&self, is_own: bool) -> Target {
        Target {
            asset: AssetId(Uuid::from_u128(1)),
            table: TableId(Uuid::from_u128(if is_own { 2 } else { 3 })),
            name: "raw.own".parse().expect("a name"),
            place: match (is_own, self.case.own_in_lake) {
                (true, true) => "raw/own".into(),
                (true, false) => "own".into(),
                (false, _) => "quarantine/raw.own".into(),
            },
            connection: (is_own && !self.case.own_in_lake).then(|| "shop".into()),
        }
    }

    fn sink(&self, target: &Target) -> Arc<dyn Sink> {
        match &target.connection {
            None => self.real.lake.clone(),
            Some(connection) => self.real.sinks[connection].clone(),
        }
    }

    /// One lease: settle, and commit the next row if there is one.
    pub async fn session(&self) -> Result<()> {
        let store = self.store();
        let own = self.target(true);
        let guard = store.lease(own.asset, "a worker").await?;
        let state = StoppingState {
            store: store.clone(),
            stops: self.stops.clone(),
        };
        let protocol = Protocol {
            state: &state,
            sinks: &self.stopping,
            recheck: &Unchecked,
            ctx: &self.ctx,
            rules: Rules::default(),
        };
        let settled = settle(&protocol, &guard.lease, &own).await.inspect_err(|e| {
            if e.error_code() == Some(UNKNOWN_COMMIT) {
                self.refused.store(true, Ordering::SeqCst);
            }
        })?;
        let row = position(&store, own.asset).await? + 1;
        if row > ROWS {
            return Ok(());
        }
        let (mode, goes) = self.case.rows[row as usize - 1];
        let mut parts = vec![match goes {
            Goes::Beside => {
                let schema = settled.schema.clone().unwrap_or_else(schema);
                self.part(Role::Table, own.clone(), schema, Change::Append, None)
                    .await?
            }
            Goes::Own | Goes::Both => {
                self.part(Role::Table, own.clone(), schema(), change(mode, row), Some(row))
                    .await?
            }
        }];
        if goes != Goes::Own {
            let beside = self.target(false);
            parts.push(
                self.part(Role::Quarantine, beside, schema(), change(mode, row), Some(row))
                    .await?,
            );
        }
        let draft = Draft {
            asset: own.asset,
            name: own.name.clone(),
            table: own.table,
            read_at: self.ctx.clock.now(),
            run: None,
            position: Some(json!(row)),
            inputs: vec![],
            ledger: LedgerChange::default(),
            footprint: Footprint::Everything,
            columns: None,
            handled: None,
            parts,
        };
        carry_out(&protocol, &guard.lease, &settled, draft).await.map(|_| ())
    }

    async fn part(
        &self,
        role: Role,
        target: Target,
        schema: SchemaRef,
        change: Change,
        row: Option<i64>,
    ) -> Result<DraftPart> {
        let sink = match &target.connection {
            None => &self.stopping.lake,
            Some(connection) => &self.stopping.sinks[connection],
        };
        let mut staged: Vec<Staged> = Vec::new();
        if let Some(row) = row {
            let batch = RecordBatch::try_new(schema.clone(), vec![Arc::new(Int64Array::from(vec![row]))])
                .map_err(|e| Error::bug("a batch").caused_by(e))?;
            let rows = futures::stream::iter([Ok(Rows { batch, deletes: None })]).boxed();
            staged.push(sink.stage(&target, schema.clone(), rows, &self.ctx).await?);
        }
        let worked_out = sink
            .work_out(&target, schema.clone(), &change, &staged, &[], &self.ctx)
            .await?;
        Ok(DraftPart {
            role,
            target,
            change,
            schema,
            staged,
            grains: vec![],
            plan: worked_out.plan,
        })
    }

    /// How a session ended: what may be is passed over.
    pub fn ended(&self, ended: Result<()>) -> std::result::Result<(), String> {
        match ended {
            Err(e) if e.kind() == Kind::Bug => Err(format!("a bug: {}", e.to_text())),
            _ => Ok(()),
        }
    }

    /// The holder of the lease, who is frozen, has not renewed it for so long that it is anybody's.
    pub fn let_the_lease_run_out(&self) {
        self.clock.now_us.fetch_add(A_LEASE, Ordering::SeqCst);
    }

    /// Another program joins the table's small files; whether there were any.
    pub async fn compact(&self) -> bool {
        let mut did = false;
        for target in [self.target(true), self.target(false)] {
            if target.connection.is_none()
                && matches!(self.lake.compact(&target, 2, &self.ctx).await, Ok(done) if done.version.is_some())
            {
                did = true;
            }
        }
        did
    }

    pub async fn has_landed(&self) -> bool {
        let own = self.target(true);
        self.sink(&own).head(&own, &self.ctx).await.is_ok_and(|head| head.n > 0)
    }

    pub async fn is_done(&self) -> bool {
        let own = self.target(true);
        let commits = self.commits().await;
        commits.prepared.is_none() && position(&self.store(), own.asset).await.is_ok_and(|row| row >= ROWS)
    }

    async fn commits(&self) -> Commits {
        let asset = self.target(true).asset;
        self.store().commits(asset).await.expect("the state can be read")
    }

    pub fn is_refused(&self) -> bool {
        self.refused.load(Ordering::SeqCst)
    }

    pub fn was_lost(&self) -> bool {
        self.lost.load(Ordering::SeqCst)
    }

    /// The state is gone, and a new one begins that knows nothing.
    pub async fn lose_state(&self) {
        let nth = self.states.fetch_add(1, Ordering::SeqCst);
        let new = open_state(self.folder.path(), nth, &self.clock).await;
        *self.store.lock().unwrap_or_else(PoisonError::into_inner) = new;
        self.lost.store(true, Ordering::SeqCst);
    }

    /// `segue state rebuild`, for the one asset.
    pub async fn rebuild(&self) -> Result<()> {
        let (own, store) = (self.target(true), self.store());
        let sink = self.sink(&own);
        let head = sink.head(&own, &self.ctx).await?;
        if let Some(found) = find(sink.as_ref(), &self.real, &own, &head, &self.ctx).await? {
            let row = AssetRow::of(own.clone());
            let guard = store.lease(own.asset, "state rebuild").await?;
            let done = found.records.len() - usize::from(found.prepared.is_some());
            let commits: Vec<segue_store::Found> = found.records[..done]
                .iter()
                .zip(&found.versions)
                .map(|(record, version)| segue_store::Found {
                    record: record.clone(),
                    versions: version.iter().copied().collect(),
                })
                .collect();
            store
                .adopt(&guard.lease, &row, &commits, found.prepared.as_ref(), found.highest)
                .await?;
        }
        self.refused.store(false, Ordering::SeqCst);
        Ok(())
    }

    /// What is wrong at the end, if anything is.
    pub async fn wrong(&self) -> std::result::Result<(), String> {
        let own = self.target(true);
        let records = self.sink(&own).records(&own, &self.ctx).await;
        let records = records.map_err(|e| format!("the records cannot be read: {}", e.to_text()))?;
        let landed: Vec<i64> = records.iter().map(row_of).collect();
        if landed != (1..=ROWS).collect::<Vec<_>>() {
            return Err(format!("rows {landed:?} were committed"));
        }
        for is_own in [true, false] {
            let want = self.case.expected(is_own);
            let have = self.rows(&self.target(is_own)).await.map_err(|e| e.to_text())?;
            if have != want {
                let which = if is_own { "own table" } else { "companion" };
                return Err(format!("the {which} holds {have:?} and not {want:?}"));
            }
        }
        let commits = self.commits().await;
        match commits.last.0 == records.last().map_or(0, |r| r.n) {
            true => Ok(()),
            false => Err(format!("the state remembers commit {}", commits.last.0)),
        }
    }

    async fn rows(&self, target: &Target) -> Result<Vec<i64>> {
        let sink = self.sink(target);
        let head = sink.head(target, &self.ctx).await?;
        if head.schema.is_none() {
            return Ok(Vec::new());
        }
        let table = sink.at(target, head.version, &self.ctx).await?;
        let batches: Vec<RecordBatch> = table.scan(None).await?.try_collect().await?;
        let mut rows: Vec<i64> = Vec::new();
        for batch in &batches {
            let column = batch.column(0).as_any().downcast_ref::<Int64Array>();
            rows.extend(column.into_iter().flat_map(|c| c.iter().flatten()));
        }
        rows.sort_unstable();
        Ok(rows)
    }
}

async fn open_state(folder: &std::path::Path, nth: u32, clock: &Arc<StillClock>) -> Store {
    let place = folder.join(format!("state-{nth}/state.db"));
    Store::open(&place.display().to_string(), clock.clone())
        .await
        .expect("a state")
}

async fn position(store: &Store, asset: AssetId) -> Result<i64> {
    Ok(store.position(asset).await?.and_then(|p| p.as_i64()).unwrap_or(0))
}

fn row_of(record: &CommitRecord) -> i64 {
    record.position.as_ref().and_then(|p| p.as_i64()).unwrap_or(0)
}
