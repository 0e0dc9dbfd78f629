//! The real settling, preparing, committing and recovering code, run by two workers in memory under kills, frozen writers, lost leases,
//! commits given up, other programs' versions, checks that fail on them, old backups and rebuilds, from a seed. `commit_model.py` of the
//! design explores a model of the same scenarios exhaustively; this runs the code. Each rule taken out must do a harm that is named here,
//! or the simulation could not have noticed.

use super::testing::{Places, asset, batch, companion, context, merge, own, part, rows, slices};
use super::*;
use crate::commit::carry_out::{Draft, carry_out};
use async_trait::async_trait;
use futures::FutureExt;
use parking_lot::Mutex;
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use segue_core::commit::{CommitRecord, Footprint, LedgerChange, Part, Role};
use segue_core::sink::{Change, MissingRows, Sink, Target};
use segue_core::{Error, Kind};
use segue_diag::UNKNOWN_COMMIT;
use segue_testkit::sink::{MemSink, Pause, Promises};
use segue_testkit::state::{Compares, MemState, Memory};
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};

/// Rows in the source; a commit carries one.
const ROWS: i64 = 2;
/// Another program's rows are counted from here.
const FOREIGN: i64 = 100;

/// Which tables a row goes to: a companion does not take every commit, and a commit may change its companion alone.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Goes {
    Own,
    Both,
    Beside,
    /// What was set aside before comes back: the row goes to the own table, and the one before it leaves the companion, by its name.
    Back,
}

use Goes::{Back, Beside, Both, Own};

const TOUCHES: [[Goes; 2]; 7] = [
    [Both, Both],
    [Own, Both],
    [Both, Own],
    [Beside, Both],
    [Both, Beside],
    [Beside, Back],
    [Both, Back],
];

/// How often each fault may happen: kills, leases taken from a frozen holder, commits that cannot be finished, states lost; and versions
/// that another program puts in between, and checks that fail on one.
#[derive(Clone, Copy, Debug)]
struct Faults {
    kill: u32,
    lease: u32,
    give_up: u32,
    lose: u32,
    foreign: u32,
    fail_check: u32,
}

const fn faults(kill: u32, lease: u32, give_up: u32, lose: u32) -> Faults {
    Faults {
        kill,
        lease,
        give_up,
        lose,
        foreign: 0,
        fail_check: 0,
    }
}

/// The model's, in its order, and below them those of a table that another program writes to as well.
const SCENARIOS: [Faults; 9] = [
    faults(2, 2, 0, 0),
    faults(1, 2, 1, 0),
    faults(0, 2, 2, 0),
    faults(1, 1, 0, 1),
    faults(0, 2, 0, 1),
    faults(0, 1, 1, 1),
    Faults {
        foreign: 2,
        ..faults(1, 2, 0, 0)
    },
    Faults {
        foreign: 2,
        fail_check: 1,
        ..faults(1, 1, 0, 0)
    },
    Faults {
        foreign: 1,
        fail_check: 1,
        ..faults(0, 1, 0, 1)
    },
];

/// What a seed runs.
#[derive(Clone, Copy, Debug)]
struct Case {
    own_in_lake: bool,
    touches: [Goes; 2],
    /// How each row comes.
    changes: [Mode; 2],
}

#[derive(Clone, Copy, Debug)]
enum Mode {
    Append,
    ReplaceTable,
    ReplaceSlices,
    Merge,
}

impl Mode {
    fn change(self, row: i64) -> Change {
        match self {
            Mode::Append => Change::Append,
            Mode::ReplaceTable => Change::ReplaceTable,
            Mode::ReplaceSlices => slices(&[row]),
            Mode::Merge => merge(),
        }
    }

    /// What the change makes of these rows. One that appends twice shows it.
    fn apply(self, table: &mut Vec<i64>, row: i64) {
        match self {
            Mode::Append => {}
            Mode::ReplaceTable => table.clear(),
            Mode::ReplaceSlices | Mode::Merge => table.retain(|r| *r != row),
        }
        table.push(row);
    }
}

/// A harm.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Wrong {
    /// A row of the source landed twice.
    Doubled,
    /// A row landed, and one before it did not.
    Skipped,
    /// A table's log names a file that is gone.
    FileGone,
    /// A table's rows are not those that its commits and the other program make, in the order of its log.
    OtherRows,
    /// Everything is done, says the state, and a row is not there.
    Lost,
    /// At the end something is prepared still.
    LeftPrepared,
    /// The table is refused though no state was lost.
    RefusedInVain,
    /// It does not come to an end; no harm yet, and never enough to show what a rule is for.
    ForEver,
}

/// Everything that can be taken out.
#[derive(Clone, Copy, Debug)]
struct Kept {
    rules: Rules,
    promises: Promises,
    compares: Compares,
}

impl Kept {
    fn all() -> Kept {
        // Files are not looked at: the protocol itself must never name one that is gone.
        Kept {
            rules: Rules::default(),
            promises: Promises {
                files: false,
                ..Promises::KEPT
            },
            compares: Compares::default(),
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

/// Fails the next check of a table that moved when told to.
#[derive(Default)]
struct Checks {
    fail_next: AtomicBool,
}

#[async_trait]
impl Recheck for Checks {
    async fn judge(&self, _record: &CommitRecord, _part: &Part, _missing: MissingRows, _ctx: &Ctx) -> Result<()> {
        match self.fail_next.swap(false, Ordering::SeqCst) {
            true => Err(Error::new(Kind::BadData, "a check fails on the table that moved")),
            false => Ok(()),
        }
    }
}

struct World {
    case: Case,
    state: MemState,
    places: Places,
    steps: Arc<Steps>,
    checks: Checks,
    ctx: Ctx,
    kept: Kept,
    refused: Mutex<bool>,
    /// The row that another program put into a table, by the place and the version.
    foreign_rows: Mutex<BTreeMap<(&'static str, usize), i64>>,
}

impl World {
    fn new(case: Case, kept: Kept, ctx: &Ctx) -> World {
        let steps = Arc::new(Steps::default());
        let pause: Arc<dyn Pause> = steps.clone();
        World {
            case,
            state: MemState::new(pause.clone(), kept.compares),
            places: Places::new(kept.promises, &pause),
            steps,
            checks: Checks::default(),
            ctx: ctx.clone(),
            kept,
            refused: Mutex::new(false),
            foreign_rows: Mutex::default(),
        }
    }

    fn own(&self) -> Target {
        own(self.case.own_in_lake)
    }

    fn own_sink(&self) -> &MemSink {
        self.places.sink(&self.own())
    }

    /// One lease: settle, and commit the next row if there is one.
    async fn session(&self) -> Result<()> {
        let protocol = Protocol {
            state: &self.state,
            sinks: &self.places,
            recheck: &self.checks,
            ctx: &self.ctx,
            rules: self.kept.rules,
        };
        let lease = self.state.lease(asset());
        let own = self.own();
        let settled = settle(&protocol, &lease, &own).await.inspect_err(|e| {
            *self.refused.lock() |= e.error_code() == Some(UNKNOWN_COMMIT);
        })?;
        let row = self.state.memory().position + 1;
        if row > ROWS {
            return Ok(());
        }
        let goes = self.case.touches[row as usize - 1];
        let change = self.case.changes[row as usize - 1].change(row);
        // A commit that changes its companion alone takes its number on the own table with no rows.
        let (own_change, own_rows): (_, &[i64]) = match goes {
            Beside => (Change::Append, &[]),
            Own | Both => (change.clone(), &[row]),
            Back => (Change::Append, &[row]),
        };
        let mut parts = vec![part(&self.places, Role::Table, own.clone(), own_change, own_rows, &self.ctx).await?];
        match goes {
            Own => {}
            Back => {
                let leaves = slices(&[row - 1]);
                parts.push(part(&self.places, Role::Quarantine, companion(), leaves, &[], &self.ctx).await?);
            }
            Both | Beside => {
                parts.push(part(&self.places, Role::Quarantine, companion(), change, &[row], &self.ctx).await?);
            }
        }
        let draft = Draft {
            asset: asset(),
            name: own.name,
            table: own.table,
            read_at: self.ctx.clock.now(),
            run: None,
            position: Some(row.into()),
            inputs: vec![],
            ledger: LedgerChange::default(),
            footprint: Footprint::Everything,
            columns: None,
            handled: None,
            parts,
        };
        carry_out(&protocol, &lease, &settled, draft).await.map(|_| ())
    }

    /// Another program adds a row to the own table, or to the companion; whether the table was there.
    fn foreign(&self, to_own: bool) -> bool {
        let (sink, place) = match to_own {
            true => (self.own_sink(), "own"),
            false => (&self.places.lake, "companion"),
        };
        let at = sink.versions(place);
        if at == 0 {
            return false;
        }
        let mut all = self.foreign_rows.lock();
        let row = FOREIGN + all.len() as i64;
        sink.foreign_rows(place, &batch(&[row]));
        all.insert((place, at), row);
        true
    }

    /// `segue state rebuild`.
    fn rebuild(&self) {
        let calm = self.places.calm(self.kept.promises);
        let own = self.own();
        let found = async {
            let head = calm.sink(&own).head(&own, &self.ctx).await?;
            find(calm.sink(&own), &calm, &own, &head, &self.ctx).await
        };
        let found = found.now_or_never().expect("nothing waits").expect("records are there");
        let memory = match found {
            None => Memory::default(),
            Some(found) => {
                let done = found.records.len() - usize::from(found.prepared.is_some());
                let last = done.checked_sub(1).map(|at| &found.records[at]);
                let mut memory = Memory::default();
                memory.commits.last = last.map_or((0, None), |r| (r.n, Some(r.id)));
                memory.position = last.map_or(0, position);
                memory.commits.highest = found.highest;
                memory.commits.prepared = found.prepared;
                memory
            }
        };
        self.state.restore(memory);
        *self.refused.lock() = false;
    }

    /// What is wrong now, if anything is.
    fn wrong(&self, is_end: bool) -> Option<Wrong> {
        let all: Vec<i64> = (1..=ROWS).collect();
        let beside = all
            .iter()
            .copied()
            .filter(|row| self.case.touches[*row as usize - 1] != Own);
        for (sink, place, all) in [
            (self.own_sink(), "own", all.clone()),
            (&self.places.lake, "companion", beside.collect()),
        ] {
            let history = sink.history(place);
            let landed: Vec<i64> = history.iter().flatten().map(|r| position(r)).collect();
            if landed.iter().collect::<BTreeSet<_>>().len() != landed.len() {
                return Some(Wrong::Doubled);
            }
            if !all.starts_with(&landed) {
                return Some(Wrong::Skipped);
            }
            let mut want = Vec::new();
            for (at, version) in history.iter().enumerate() {
                match version {
                    None => want.push(self.foreign_rows.lock()[&(place, at)]),
                    Some(record) => self.apply(place, position(record), &mut want),
                }
            }
            want.sort_unstable();
            let have = rows(sink, place);
            if have != want {
                let is_empty = have.is_empty() && !want.is_empty();
                return Some(if is_empty { Wrong::FileGone } else { Wrong::OtherRows });
            }
            if is_end && landed != all {
                return Some(Wrong::Lost);
            }
        }
        let prepared = self.state.memory().commits.prepared.is_some();
        (is_end && prepared).then_some(Wrong::LeftPrepared)
    }

    /// What the commit of this row makes of a table's rows.
    fn apply(&self, place: &str, row: i64, table: &mut Vec<i64>) {
        let at = row as usize - 1;
        if self.case.touches[at] == Back {
            match place {
                "companion" => table.retain(|r| *r != row - 1),
                _ => table.push(row),
            }
            return;
        }
        if place == "companion" || self.case.touches[at] != Beside {
            self.case.changes[at].apply(table, row);
        }
    }
}

fn position(record: &CommitRecord) -> i64 {
    record.position.as_ref().and_then(|p| p.as_i64()).unwrap_or(0)
}

impl Case {
    fn of(random: &mut ChaCha8Rng) -> Case {
        let modes = [Mode::Append, Mode::ReplaceTable, Mode::ReplaceSlices, Mode::Merge];
        // Most seeds append: there a commit that lands twice shows in the rows too.
        let mut mode = || match random.random_ratio(1, 2) {
            true => Mode::Append,
            false => modes[random.random_range(0..modes.len())],
        };
        let changes = [mode(), mode()];
        Case {
            own_in_lake: random.random_ratio(2, 3),
            touches: TOUCHES[random.random_range(0..TOUCHES.len())],
            changes,
        }
    }
}

/// Runs one seed to its end; what went wrong, if anything did.
fn simulate(seed: u64, kept: Kept, ctx: &Ctx) -> Option<Wrong> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut faults = SCENARIOS[(seed % SCENARIOS.len() as u64) as usize];
    let case = Case::of(&mut random);
    let world = World::new(case, kept, ctx);
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
        } else if roll < 12 && faults.lose > 0 && !world.own_sink().landed("own").is_empty() {
            faults.lose -= 1;
            lost = true;
            world.state.restore(backup.clone());
        } else if roll < 16 {
            backup = world.state.memory();
        } else if roll < 24 && faults.foreign > 0 {
            faults.foreign -= u32::from(world.foreign(random.random_ratio(2, 3)));
        } else if roll < 28 && faults.fail_check > 0 && workers[at].is_some() {
            faults.fail_check -= 1;
            world.checks.fail_next.store(true, Ordering::SeqCst);
        } else if *world.refused.lock() {
            if !lost {
                return Some(Wrong::RefusedInVain);
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
    Some(Wrong::ForEver)
}

/// How many seeds: a tenth of a second's worth each day, and all of them where `SEGUE_SEEDS` says so (`cargo xtask proof simulation`).
fn seeds() -> u64 {
    std::env::var("SEGUE_SEEDS")
        .ok()
        .and_then(|s| s.parse().ok())
        .unwrap_or(6_000)
}

#[test]
fn nothing_goes_wrong() {
    let ctx = context();
    for seed in 0..seeds() {
        if let Some(wrong) = simulate(seed, Kept::all(), &ctx) {
            panic!("seed {seed}: {wrong:?}");
        }
    }
}

/// Every rule, how it is taken out, and the harm that it is there to prevent.
fn without() -> [(&'static str, Kept, Wrong); 8] {
    let all = Kept::all();
    let rules = |change: fn(&mut Rules)| {
        let mut kept = all;
        change(&mut kept.rules);
        kept
    };
    let promises = |change: fn(&mut Promises)| {
        let mut kept = all;
        change(&mut kept.promises);
        kept
    };
    let compares = |change: fn(&mut Compares)| {
        let mut kept = all;
        change(&mut kept.compares);
        kept
    };
    let mut claim = promises(|p| p.claim = false);
    claim.rules.number_above_all = false;
    claim.compares.number = false;
    // What is prepared already, and what was numbered before, keep another one out as well: a rule that is kept twice is taken out twice.
    let mut settle = rules(|r| r.settle = false);
    settle.compares.prepared = false;
    let epoch = compares(|c| (c.epoch, c.prepared, c.number) = (false, false, false));
    [
        (
            "predecessor",
            promises(|p| (p.predecessor, p.moved) = (false, false)),
            Wrong::Doubled,
        ),
        ("moved", promises(|p| p.moved = false), Wrong::OtherRows),
        ("epoch", epoch, Wrong::RefusedInVain),
        ("claim", claim, Wrong::RefusedInVain),
        ("own table first", rules(|r| r.own_table_first = false), Wrong::Doubled),
        ("keep files", rules(|r| r.keep_files = false), Wrong::FileGone),
        ("settle", settle, Wrong::RefusedInVain),
        ("compare head", rules(|r| r.compare_head = false), Wrong::Doubled),
    ]
}

#[test]
fn every_rule_taken_out_does_the_harm_that_it_is_there_for() {
    let ctx = context();
    let mut unseen = Vec::new();
    for (rule, kept, harm) in without() {
        let mut seen = BTreeMap::new();
        for seed in 0..seeds().max(30_000) {
            let Some(wrong) = simulate(seed, kept, &ctx) else {
                continue;
            };
            let is_it = wrong == harm;
            seen.entry(wrong).or_insert(seed);
            if is_it {
                break;
            }
        }
        if !seen.contains_key(&harm) {
            unseen.push(format!("without `{rule}` no seed ended in {harm:?}; it saw {seen:?}"));
        }
    }
    assert!(unseen.is_empty(), "{}", unseen.join("\n"));
}
