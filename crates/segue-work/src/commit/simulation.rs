//! The real settling, preparing, committing and recovering code, run by two workers in memory under kills, frozen writers, lost leases,
//! commits given up, old backups and rebuilds, from a seed. `commit_model.py` of the design explores a model of the same scenarios
//! exhaustively; this runs the code. Each rule taken out must break something, or the simulation could not have noticed.

use super::*;
use crate::commit::carry_out::{Draft, DraftPart, carry_out};
use arrow_array::{Int64Array, RecordBatch};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use async_trait::async_trait;
use futures::{FutureExt, StreamExt};
use parking_lot::Mutex;
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use segue_core::commit::{Footprint, LedgerChange, Role};
use segue_core::sink::{Change, Rows, Sink, Staged, Target};
use segue_core::{AssetId, AssetName, Error, Kind, SystemClock, TableId};
use segue_diag::UNKNOWN_COMMIT;
use segue_testkit::sink::{MemSink, Pause, Promises};
use segue_testkit::state::{MemState, Memory};
use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};
use uuid::Uuid;

/// Rows in the source; a commit carries one.
const ROWS: i64 = 2;
/// Which of them also go to the companion: a companion does not take every commit.
const TOUCHES: [&[i64]; 3] = [&[1, 2], &[2], &[1]];
/// How often each fault may happen: kills, leases taken from a frozen holder, commits that cannot be finished, states lost.
const SCENARIOS: [Faults; 6] = [
    Faults {
        kill: 2,
        lease: 2,
        give_up: 0,
        lose: 0,
    },
    Faults {
        kill: 1,
        lease: 2,
        give_up: 1,
        lose: 0,
    },
    Faults {
        kill: 0,
        lease: 2,
        give_up: 2,
        lose: 0,
    },
    Faults {
        kill: 1,
        lease: 1,
        give_up: 0,
        lose: 1,
    },
    Faults {
        kill: 0,
        lease: 2,
        give_up: 0,
        lose: 1,
    },
    Faults {
        kill: 0,
        lease: 1,
        give_up: 1,
        lose: 1,
    },
];

#[derive(Clone, Copy, Debug)]
struct Faults {
    kill: u32,
    lease: u32,
    give_up: u32,
    lose: u32,
}

/// Everything that can be taken out.
#[derive(Clone, Copy, Debug)]
struct Kept {
    rules: Rules,
    promises: Promises,
    epoch: bool,
}

impl Kept {
    fn all() -> Kept {
        // Files are not looked at: the protocol itself must never name one that is gone.
        Kept {
            rules: Rules::default(),
            promises: Promises {
                predecessor: true,
                claim: true,
                files: false,
            },
            epoch: true,
        }
    }
}

/// Gives way to the scheduler once at each effect, and fails the next commit when told to.
#[derive(Default)]
struct Steps {
    fail_commit: AtomicBool,
}

struct GiveWay(bool);

impl Future for GiveWay {
    type Output = ();
    fn poll(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.0, true) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}

#[async_trait]
impl Pause for Steps {
    async fn at(&self, what: &'static str) -> Result<()> {
        GiveWay(false).await;
        if what == "commit" && self.fail_commit.swap(false, Ordering::SeqCst) {
            return Err(Error::new(Kind::BadData, "a staged file cannot be read"));
        }
        Ok(())
    }
}

struct OneSink(MemSink);

impl Sinks for OneSink {
    fn of(&self, _target: &Target) -> Result<Arc<dyn Sink>> {
        Ok(Arc::new(self.0.clone()))
    }
}

struct World {
    state: MemState,
    sink: MemSink,
    sinks: OneSink,
    steps: Arc<Steps>,
    ctx: Ctx,
    kept: Kept,
    touches: &'static [i64],
    refused: Mutex<bool>,
}

fn target(place: &str) -> Target {
    let name: AssetName = format!("raw.{place}").parse().unwrap();
    Target {
        asset: AssetId(Uuid::nil()),
        table: TableId(Uuid::nil()),
        name,
        place: place.into(),
        connection: None,
    }
}

fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![Field::new("row", DataType::Int64, true)]))
}

impl World {
    fn new(kept: Kept, touches: &'static [i64], ctx: &Ctx) -> World {
        let steps = Arc::new(Steps::default());
        let sink = MemSink::new(true).with(kept.promises, steps.clone());
        let state = MemState::new(steps.clone(), kept.epoch);
        World {
            state,
            sinks: OneSink(sink.clone()),
            sink,
            steps,
            ctx: ctx.clone(),
            kept,
            touches,
            refused: Mutex::new(false),
        }
    }

    /// One lease: settle, and commit the next row if there is one.
    async fn session(&self) -> Result<()> {
        let protocol = Protocol {
            state: &self.state,
            sinks: &self.sinks,
            recheck: &Unchecked,
            ctx: &self.ctx,
            rules: self.kept.rules,
        };
        let lease = self.state.lease(AssetId(Uuid::nil()));
        let settled = settle(&protocol, &lease, &target("own")).await.inspect_err(|e| {
            *self.refused.lock() |= e.error_code() == Some(UNKNOWN_COMMIT);
        })?;
        let row = self.state.memory().position + 1;
        if row > ROWS {
            return Ok(());
        }
        let mut parts = vec![self.part(Role::Table, "own", row).await?];
        if self.touches.contains(&row) {
            parts.push(self.part(Role::Quarantine, "companion", row).await?);
        }
        let draft = Draft {
            asset: AssetId(Uuid::nil()),
            name: target("own").name,
            table: TableId(Uuid::nil()),
            read_at: self.ctx.clock.now(),
            run: None,
            position: Some(row.into()),
            inputs: vec![],
            ledger: LedgerChange::default(),
            footprint: Footprint::Everything,
            parts,
        };
        carry_out(&protocol, &lease, &settled, draft).await.map(|_| ())
    }

    async fn part(&self, role: Role, place: &str, row: i64) -> Result<DraftPart> {
        let target = target(place);
        let batch = RecordBatch::try_new(schema(), vec![Arc::new(Int64Array::from(vec![row]))]).unwrap();
        let rows = futures::stream::once(async { Ok(Rows { batch, deletes: None }) }).boxed();
        let staged: Vec<Staged> = vec![self.sink.stage(&target, schema(), rows, &self.ctx).await?];
        let worked_out = self
            .sink
            .work_out(&target, schema(), &Change::Append, &staged, &[], &self.ctx)
            .await?;
        Ok(DraftPart {
            role,
            target,
            change: Change::Append,
            schema: schema(),
            staged,
            grains: vec![],
            plan: worked_out.plan,
        })
    }

    /// `segue state rebuild`.
    fn rebuild(&self) {
        let calm = OneSink(self.sink.with(self.kept.promises, Arc::new(Calm)));
        let found = async {
            let head = calm.0.head(&target("own"), &self.ctx).await?;
            find(&calm.0, &calm, &target("own"), &head, &self.ctx).await
        };
        let found = found.now_or_never().expect("nothing waits").expect("records are there");
        let memory = match found {
            None => Memory::default(),
            Some(found) => {
                let done = found.records.len() - usize::from(found.prepared.is_some());
                let last = done.checked_sub(1).map(|at| &found.records[at]);
                let mut memory = Memory::default();
                memory.commits.last = last.map_or((0, None), |r| (r.n, Some(r.id)));
                memory.position = last
                    .and_then(|r| r.position.as_ref())
                    .and_then(|p| p.as_i64())
                    .unwrap_or(0);
                memory.commits.highest = found.highest;
                memory.commits.prepared = found.prepared;
                memory
            }
        };
        self.state.restore(memory);
        *self.refused.lock() = false;
    }

    /// What is wrong now, if anything is.
    fn wrong(&self, is_end: bool) -> Option<String> {
        for (place, all) in [("own", vec![1, 2]), ("companion", self.touches.to_vec())] {
            let rows: Vec<i64> = self
                .sink
                .landed(place)
                .iter()
                .filter_map(|r| r.position.as_ref()?.as_i64())
                .collect();
            if rows.iter().collect::<BTreeSet<_>>().len() != rows.len() {
                return Some(format!("{place}: a row twice {rows:?}"));
            }
            if !all.starts_with(&rows) {
                return Some(format!("{place}: a hole {rows:?}"));
            }
            if self.sink.rows(place).map_or(0, |b| b.num_rows()) != rows.len() {
                return Some(format!("{place}: names a file that is gone"));
            }
            if is_end && rows != all {
                return Some(format!("{place}: ended with {rows:?}"));
            }
        }
        let prepared = self.state.memory().commits.prepared.is_some();
        (is_end && prepared).then(|| "ended with something prepared".to_string())
    }
}

struct Calm;

#[async_trait]
impl Pause for Calm {
    async fn at(&self, _what: &'static str) -> Result<()> {
        Ok(())
    }
}

/// Runs one seed to its end; what went wrong, if anything did.
fn simulate(seed: u64, kept: Kept, ctx: &Ctx) -> Option<String> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut faults = SCENARIOS[(seed % 6) as usize];
    let world = World::new(kept, TOUCHES[(seed / 6 % 3) as usize], ctx);
    let mut workers: [Option<Pin<Box<dyn Future<Output = Result<()>> + '_>>>; 2] = [None, None];
    let mut backup = Memory::default();
    let mut lost = false;
    // A worker that is frozen stays so for a while: otherwise two workers would always run abreast.
    let mut favourite = 0;
    for _ in 0..2000 {
        if random.random_ratio(1, 8) {
            favourite = 1 - favourite;
        }
        let at = if random.random_ratio(1, 10) {
            1 - favourite
        } else {
            favourite
        };
        let roll = random.next_u32() % 100;
        if roll < 4 && faults.kill > 0 && workers[at].is_some() {
            faults.kill -= 1;
            workers[at] = None;
        } else if roll < 8 && faults.give_up > 0 && workers[at].is_some() {
            faults.give_up -= 1;
            world.steps.fail_commit.store(true, Ordering::SeqCst);
        } else if roll < 12 && faults.lose > 0 && !world.sink.landed("own").is_empty() {
            faults.lose -= 1;
            lost = true;
            world.state.restore(backup.clone());
        } else if roll < 16 {
            backup = world.state.memory();
        } else if *world.refused.lock() {
            if !lost {
                return Some("refused, though no state was lost".into());
            }
            world.rebuild();
        } else if let Some(worker) = &mut workers[at] {
            if worker.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready() {
                workers[at] = None;
            }
        } else {
            let is_done = world.state.memory().position >= ROWS && world.state.memory().commits.prepared.is_none();
            let other_works = workers[1 - at].is_some();
            if is_done && !other_works {
                world.steps.fail_commit.store(false, Ordering::SeqCst);
                return world.wrong(true);
            }
            if !is_done && (!other_works || faults.lease > 0) {
                faults.lease -= u32::from(other_works);
                workers[at] = Some(Box::pin(world.session()));
            }
        }
        if let Some(wrong) = world.wrong(false) {
            return Some(wrong);
        }
    }
    Some("tries for ever".into())
}

fn context() -> Ctx {
    Ctx::new("test", Arc::new(SystemClock::default()))
}

/// How many seeds: a tenth of a second's worth each day, and all of them where `SEGUE_SEEDS` says so (`cargo xtask proof simulation`).
fn seeds() -> u64 {
    std::env::var("SEGUE_SEEDS")
        .ok()
        .and_then(|s| s.parse().ok())
        .unwrap_or(4_000)
}

#[test]
fn nothing_goes_wrong() {
    let ctx = context();
    for seed in 0..seeds() {
        if let Some(wrong) = simulate(seed, Kept::all(), &ctx) {
            panic!("seed {seed}: {wrong}");
        }
    }
}

#[test]
fn every_rule_taken_out_breaks_something() {
    let ctx = context();
    let all = Kept::all();
    let rules = all.rules;
    let without: [(&str, Kept); 7] = [
        (
            "predecessor",
            Kept {
                promises: Promises {
                    predecessor: false,
                    ..all.promises
                },
                ..all
            },
        ),
        ("epoch", Kept { epoch: false, ..all }),
        (
            "claim",
            Kept {
                promises: Promises {
                    claim: false,
                    ..all.promises
                },
                rules: Rules {
                    number_above_all: false,
                    ..rules
                },
                ..all
            },
        ),
        (
            "own table first",
            Kept {
                rules: Rules {
                    own_table_first: false,
                    ..rules
                },
                ..all
            },
        ),
        (
            "keep files",
            Kept {
                rules: Rules {
                    keep_files: false,
                    ..rules
                },
                ..all
            },
        ),
        (
            "settle",
            Kept {
                rules: Rules { settle: false, ..rules },
                ..all
            },
        ),
        (
            "compare head",
            Kept {
                rules: Rules {
                    compare_head: false,
                    ..rules
                },
                ..all
            },
        ),
    ];
    for (rule, kept) in without {
        let found = (0..seeds().max(20_000)).find_map(|seed| simulate(seed, kept, &ctx));
        assert!(
            found.is_some(),
            "without `{rule}` nothing broke: the simulation does not see what it is for"
        );
    }
}
