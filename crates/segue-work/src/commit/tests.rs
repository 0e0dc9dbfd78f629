//! The protocol, call by call: each way that a commit can go, by itself. The simulation beside this file goes all of them at once.

use super::carry_out::{Draft, Landed};
use super::testing::{Places, asset, batch, companion, context, merge, own, part, rows, schema};
use super::*;
use async_trait::async_trait;
use futures::FutureExt;
use parking_lot::Mutex;
use segue_core::commit::{CommitRecord, Footprint, LedgerChange, Part, Role};
use segue_core::sink::{Change, Committed, MissingRows};
use segue_core::state::{Commits, Lease};
use segue_core::{Error, Kind};
use segue_diag::{CAME_FIRST, CLAIM_GONE, LEASE_LOST};
use segue_testkit::sink::{MemSink, Pause, Promises};
use segue_testkit::state::{Compares, MemState};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};

/// What happens when a call is made: it is told its name, and how often it was made.
type Event = Box<dyn FnMut(&'static str, usize) -> Result<()> + Send>;

/// Lets a test do something in the middle of a call.
#[derive(Default)]
struct Script {
    event: Mutex<Option<Event>>,
    times: Mutex<HashMap<&'static str, usize>>,
}

#[async_trait]
impl Pause for Script {
    async fn at(&self, what: &'static str) -> Result<()> {
        let times = {
            let mut all = self.times.lock();
            let times = all.entry(what).or_default();
            *times += 1;
            *times
        };
        match self.event.lock().as_mut() {
            Some(event) => event(what, times),
            None => Ok(()),
        }
    }
}

/// Judges as it is told.
#[derive(Default)]
struct Judge {
    refuses: AtomicBool,
    asked: Mutex<Vec<(u64, Role)>>,
}

#[async_trait]
impl Recheck for Judge {
    async fn judge(&self, record: &CommitRecord, part: &Part, _missing: MissingRows, _ctx: &Ctx) -> Result<()> {
        self.asked.lock().push((record.n, part.role));
        match self.refuses.load(Ordering::SeqCst) {
            true => Err(Error::new(Kind::BadData, "a check fails on the table that moved")),
            false => Ok(()),
        }
    }
}

/// One asset in the lake, with a companion, and a state that remembers it.
struct Bed {
    state: MemState,
    places: Places,
    script: Arc<Script>,
    judge: Judge,
    ctx: Ctx,
}

impl Bed {
    fn new() -> Bed {
        let script = Arc::new(Script::default());
        let pause: Arc<dyn Pause> = script.clone();
        Bed {
            state: MemState::new(pause.clone(), Compares::default()),
            places: Places::new(Promises::KEPT, &pause),
            script,
            judge: Judge::default(),
            ctx: context(),
        }
    }

    /// From now on this happens when calls are made; counting begins again.
    fn on(&self, event: impl FnMut(&'static str, usize) -> Result<()> + Send + 'static) {
        self.script.times.lock().clear();
        *self.script.event.lock() = Some(Box::new(event));
    }

    fn quiet(&self) {
        *self.script.event.lock() = None;
    }

    /// The lake, for what happens in the middle of a call.
    fn lake(&self) -> MemSink {
        self.places.calm(Promises::KEPT).lake
    }

    fn protocol(&self) -> Protocol<'_> {
        Protocol {
            state: &self.state,
            sinks: &self.places,
            recheck: &self.judge,
            ctx: &self.ctx,
            rules: Rules::default(),
        }
    }

    /// One session: settle, and commit this row to the own table, or to both.
    async fn commit(&self, change: Change, row: i64, with_companion: bool) -> Result<Landed> {
        let lease = self.state.lease(asset());
        let settled = settle(&self.protocol(), &lease, &own(true)).await?;
        let draft = self.draft(change, row, with_companion).await;
        carry_out(&self.protocol(), &lease, &settled, draft).await
    }

    async fn draft(&self, change: Change, row: i64, with_companion: bool) -> Draft {
        let mut parts = vec![
            part(&self.places, Role::Table, own(true), change.clone(), &[row], &self.ctx)
                .await
                .unwrap(),
        ];
        if with_companion {
            parts.push(
                part(&self.places, Role::Quarantine, companion(), change, &[row], &self.ctx)
                    .await
                    .unwrap(),
            );
        }
        Draft {
            asset: asset(),
            name: own(true).name,
            table: own(true).table,
            read_at: self.ctx.clock.now(),
            run: None,
            position: Some(row.into()),
            inputs: vec![],
            ledger: LedgerChange::default(),
            footprint: Footprint::nothing(),
            columns: None,
            handled: None,
            parts,
        }
    }

    async fn settle(&self) -> Result<(Lease, Settled)> {
        let lease = self.state.lease(asset());
        let settled = settle(&self.protocol(), &lease, &own(true)).await?;
        Ok((lease, settled))
    }

    fn commits(&self) -> Commits {
        self.state.memory().commits
    }

    fn rows(&self) -> (Vec<i64>, Vec<i64>) {
        (rows(&self.places.lake, "own"), rows(&self.places.lake, "companion"))
    }

    /// What the protocol knows and the tables hold, as text.
    fn shown(&self) -> String {
        let commits = self.commits();
        let given_up: Vec<u64> = commits.given_up.iter().map(|r| r.n).collect();
        let (own, companion) = self.rows();
        format!(
            "last {} prepared {:?} given up {given_up:?} own {own:?} companion {companion:?}",
            commits.last.0,
            commits.prepared.map(|r| r.n)
        )
    }
}

fn unreadable() -> Error {
    Error::new(Kind::BadData, "a staged file cannot be read")
}

/// The table of this place moves at the so-manieth commit, and at no other.
fn moves_at(lake: MemSink, place: &'static str, nth: usize) -> impl FnMut(&'static str, usize) -> Result<()> + Send {
    move |what, times| {
        if what == "commit" && times == nth {
            lake.foreign_rows(place, &batch(&[100]));
        }
        Ok(())
    }
}

#[tokio::test]
async fn a_change_is_worked_out_anew_on_a_table_that_moved_judged_written_down_and_landed() {
    let bed = Bed::new();
    bed.commit(Change::Append, 1, true).await.unwrap();
    let (lake, state) = (bed.lake(), bed.state.clone());
    let mut written_down = Vec::new();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let told = seen.clone();
    bed.on(move |what, times| {
        if what == "commit" && times == 1 {
            lake.foreign_rows("own", &batch(&[100]));
        }
        if what == "commit" {
            // What would be found by whoever goes on after a kill just here.
            let prepared = state.memory().commits.prepared.unwrap();
            written_down.push((prepared.own().plan["version"].clone(), prepared.footprint.is_nothing()));
            *told.lock() = written_down.clone();
        }
        Ok(())
    });
    let landed = bed.commit(Change::ReplaceTable, 2, true).await.unwrap();
    let seen: Vec<(u64, bool)> = seen.lock().iter().map(|(v, f)| (v.as_u64().unwrap(), *f)).collect();
    // The first plan was of version 1; the second, written down before it is tried, of version 2, with what it takes away there.
    assert_eq!(seen, [(1, true), (2, false), (2, false)]);
    assert_eq!(*bed.judge.asked.lock(), [(2, Role::Table)]);
    assert_eq!(landed.versions, [3, 2]);
    assert_eq!(bed.shown(), "last 2 prepared None given up [] own [2] companion [2]");
    let footprint = &bed.places.lake.landed("own")[1].footprint;
    assert!(
        matches!(footprint, Footprint::Parts { rows: 3, .. }),
        "row 2 came, 1 and the other program's went: {footprint:?}"
    );
}

#[tokio::test]
async fn nothing_of_the_other_program_is_lost_by_any_change() {
    for (change, expected) in [
        (Change::Append, vec![1, 2, 100]),
        (merge(), vec![1, 2, 100]),
        (super::testing::slices(&[2]), vec![1, 2, 100]),
        (Change::ReplaceTable, vec![2]),
    ] {
        for place in ["own", "companion"] {
            let bed = Bed::new();
            bed.commit(Change::Append, 1, true).await.unwrap();
            let nth = if place == "own" { 1 } else { 2 };
            bed.on(moves_at(bed.lake(), place, nth));
            bed.commit(change.clone(), 2, true).await.unwrap();
            assert_eq!(rows(&bed.places.lake, place), expected, "{change:?} in {place}");
            assert_eq!(bed.judge.asked.lock().len(), 1);
        }
    }
}

#[tokio::test]
async fn a_check_that_fails_on_the_moved_table_gives_the_commit_up() {
    let bed = Bed::new();
    bed.commit(Change::Append, 1, true).await.unwrap();
    bed.judge.refuses.store(true, Ordering::SeqCst);
    bed.on(moves_at(bed.lake(), "own", 1));
    let files = bed.places.lake.files();
    let error = bed.commit(Change::Append, 2, true).await.unwrap_err();
    assert_eq!(error.kind(), Kind::BadData);
    assert_eq!(
        bed.shown(),
        "last 1 prepared None given up [2] own [1, 100] companion [1]"
    );
    // A frozen writer may land it yet: nothing of it is removed.
    assert!(bed.places.lake.files() > files);
    let given_up = bed.commits().given_up[0].clone();
    bed.quiet();
    bed.judge.refuses.store(false, Ordering::SeqCst);
    let landed = bed.commit(Change::Append, 2, true).await.unwrap();
    assert_eq!((landed.record.n, landed.record.predecessor), (3, 1));
    assert_eq!(
        bed.shown(),
        "last 3 prepared None given up [] own [1, 2, 100] companion [1, 2]"
    );
    // A later number has landed: it is shut out for good, and only now its files are gone.
    assert_eq!(
        bed.places.lake.commit(&given_up, 0, &bed.ctx).await.unwrap(),
        Committed::ShutOut
    );
    let gone = bed
        .places
        .lake
        .staged(&own(true), &given_up.own().staged, &bed.ctx)
        .await;
    assert!(gone.is_err());
}

#[tokio::test]
async fn a_commit_that_was_given_up_and_lands_late_is_marked() {
    let bed = Bed::new();
    bed.commit(Change::Append, 1, true).await.unwrap();
    bed.on(|what, _| if what == "commit" { Err(unreadable()) } else { Ok(()) });
    bed.commit(Change::Append, 2, true).await.unwrap_err();
    bed.quiet();
    assert_eq!(bed.shown(), "last 1 prepared None given up [2] own [1] companion [1]");
    // The frozen writer, whose file was well all along, wakes up and dies after its own table.
    let late = bed.commits().given_up[0].clone();
    assert_eq!(
        bed.places.lake.commit(&late, 0, &bed.ctx).await.unwrap(),
        Committed::Written(2)
    );
    let (_, settled) = bed.settle().await.unwrap();
    assert_eq!((settled.n, settled.id), (2, Some(late.id)));
    assert_eq!(
        bed.shown(),
        "last 2 prepared None given up [] own [1, 2] companion [1, 2]"
    );
    assert_eq!(bed.state.memory().position, 2);
}

#[tokio::test]
async fn two_that_were_given_up_shut_each_other_out() {
    let bed = Bed::new();
    bed.commit(Change::Append, 1, false).await.unwrap();
    bed.on(|what, _| if what == "commit" { Err(unreadable()) } else { Ok(()) });
    bed.commit(Change::Append, 2, false).await.unwrap_err();
    bed.commit(Change::Append, 2, false).await.unwrap_err();
    bed.quiet();
    let given_up = bed.commits().given_up;
    assert_eq!(
        given_up.iter().map(|r| (r.n, r.predecessor)).collect::<Vec<_>>(),
        [(2, 1), (3, 1)]
    );
    let lake = &bed.places.lake;
    assert_eq!(
        lake.commit(&given_up[1], 0, &bed.ctx).await.unwrap(),
        Committed::Written(2)
    );
    assert_eq!(
        lake.commit(&given_up[0], 0, &bed.ctx).await.unwrap(),
        Committed::ShutOut
    );
    assert_eq!(bed.settle().await.unwrap().1.n, 3);
    assert_eq!(bed.shown(), "last 3 prepared None given up [2] own [1, 2] companion []");
    let landed = bed.commit(Change::Append, 3, false).await.unwrap();
    assert_eq!((landed.record.n, landed.record.predecessor), (4, 3));
    assert_eq!(
        bed.shown(),
        "last 4 prepared None given up [] own [1, 2, 3] companion []"
    );
}

#[tokio::test]
async fn a_table_that_never_stands_still_is_left_for_the_next_run() {
    let bed = Bed::new();
    bed.commit(Change::Append, 1, false).await.unwrap();
    let lake = bed.lake();
    let mut row = 100;
    bed.on(move |what, _| {
        if what == "commit" {
            lake.foreign_rows("own", &batch(&[row]));
            row += 1;
        }
        Ok(())
    });
    let error = bed.commit(Change::Append, 2, false).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Conflict);
    assert!(
        error.to_text().contains("faster than it can be committed to"),
        "{error}"
    );
    assert_eq!(bed.judge.asked.lock().len(), 20, "it is tried so often");
    bed.quiet();
    let prepared = bed.commits().prepared.expect("it stays prepared");
    assert_eq!(bed.settle().await.unwrap().1.id, Some(prepared.id));
    let all: Vec<i64> = [1, 2].into_iter().chain(100..120).collect();
    assert_eq!(bed.rows().0, all);
}

/// Lands a commit that no state of ours made on the companion.
async fn foreign_commit(lake: &MemSink, n: u64, predecessor: u64, ctx: &Ctx) {
    let places = Places {
        lake: lake.clone(),
        database: MemSink::new(false),
    };
    let draft = part(&places, Role::Quarantine, companion(), Change::Append, &[7], ctx)
        .await
        .unwrap();
    let record = CommitRecord {
        format: CommitRecord::FORMAT,
        n,
        id: segue_core::CommitId::random(),
        predecessor,
        asset: asset(),
        name: companion().name,
        table: companion().table,
        read_at: ctx.clock.now(),
        run: None,
        position: None,
        inputs: vec![],
        ledger: LedgerChange::default(),
        footprint: Footprint::nothing(),
        whole_ledger: None,
        columns: None,
        handled: None,
        parts: vec![Part {
            role: draft.role,
            target: draft.target,
            predecessor,
            change: draft.change,
            schema: schema(),
            staged: draft.staged,
            grains: vec![],
            plan: draft.plan,
        }],
    };
    assert!(matches!(
        lake.commit(&record, 0, ctx).await.unwrap(),
        Committed::Written(_)
    ));
}

#[tokio::test]
async fn a_companion_that_another_state_wrote_to_is_an_error_that_says_so() {
    let bed = Bed::new();
    bed.commit(Change::Append, 1, true).await.unwrap();
    let (lake, ctx) = (bed.lake(), bed.ctx.clone());
    bed.on(move |what, times| {
        if what == "commit" && times == 2 {
            foreign_commit(&lake, 9, 1, &ctx).now_or_never().expect("nothing waits");
        }
        Ok(())
    });
    let error = bed.commit(Change::Append, 2, true).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Conflict);
    assert!(error.to_text().contains("run `segue state rebuild`"), "{error}");
    // The own table has decided: it is neither forgotten nor given up, and says the same again.
    bed.quiet();
    assert_eq!(
        bed.shown(),
        "last 1 prepared Some(2) given up [] own [1, 2] companion [1, 7]"
    );
    assert_eq!(bed.settle().await.unwrap_err().kind(), Kind::Conflict);
}

#[tokio::test]
async fn a_companion_that_went_on_without_this_writer_is_none() {
    let bed = Bed::new();
    bed.commit(Change::Append, 1, true).await.unwrap();
    let (lake, state, ctx) = (bed.lake(), bed.state.clone(), bed.ctx.clone());
    bed.on(move |what, times| {
        if what == "commit" && times == 2 {
            // While this one is frozen, a rebuilt state finished it, and the next commit went on from it.
            let mut memory = state.memory();
            let record = memory.commits.prepared.take().unwrap();
            memory.commits.last = (record.n, Some(record.id));
            state.restore(memory);
            foreign_commit(&lake, 9, 1, &ctx).now_or_never().expect("nothing waits");
        }
        Ok(())
    });
    let error = bed.commit(Change::Append, 2, true).await.unwrap_err();
    assert_eq!(error.error_code(), Some(LEASE_LOST), "{error}");
    assert_eq!(
        bed.shown(),
        "last 2 prepared None given up [] own [1, 2] companion [1, 7]"
    );
}

/// Whoever gave it up may be about to remove its files: they must not be named once more.
#[tokio::test]
async fn what_was_given_up_under_this_writer_is_not_worked_out_again() {
    let bed = Bed::new();
    bed.commit(Change::Append, 1, false).await.unwrap();
    let (lake, state, ctx) = (bed.lake(), bed.state.clone(), bed.ctx.clone());
    let first = bed.places.lake.landed("own")[0].clone();
    bed.on(move |what, times| {
        if what == "commit" && times == 1 {
            // While this one is frozen, the next holder gives it up and commits after the same one.
            let mut memory = state.memory();
            let given_up = memory.commits.prepared.take().unwrap();
            let mut other = CommitRecord {
                n: 3,
                predecessor: 1,
                id: segue_core::CommitId::random(),
                ..(*first).clone()
            };
            other.parts[0].predecessor = 1;
            other.parts[0].plan = given_up.parts[0].plan.clone();
            lake.commit(&other, 0, &ctx)
                .now_or_never()
                .expect("nothing waits")
                .unwrap();
            memory.commits.given_up.push(given_up);
            (memory.commits.last, memory.commits.highest) = ((3, Some(other.id)), 3);
            state.restore(memory);
        }
        Ok(())
    });
    let error = bed.commit(Change::Append, 2, false).await.unwrap_err();
    assert_eq!(error.error_code(), Some(LEASE_LOST), "{error}");
    bed.quiet();
    assert_eq!(bed.shown(), "last 3 prepared None given up [2] own [1, 2] companion []");
}

#[tokio::test]
async fn a_number_that_another_attempt_claimed_ends_this_one() {
    let bed = Bed::new();
    bed.commit(Change::Append, 1, false).await.unwrap();
    let (lake, ctx) = (bed.lake(), bed.ctx.clone());
    let first = bed.places.lake.landed("own")[0].clone();
    bed.on(move |what, _| {
        if what == "claim" {
            let other = CommitRecord {
                n: 2,
                predecessor: 1,
                id: segue_core::CommitId::random(),
                ..(*first).clone()
            };
            lake.claim(&other, &ctx).now_or_never().expect("nothing waits").unwrap();
        }
        Ok(())
    });
    let error = bed.commit(Change::Append, 2, false).await.unwrap_err();
    assert_eq!(error.error_code(), Some(CAME_FIRST), "{error}");
    bed.quiet();
    assert_eq!(bed.shown(), "last 1 prepared None given up [] own [1] companion []");
    assert_eq!(bed.commit(Change::Append, 2, false).await.unwrap().record.n, 3);
}

#[tokio::test]
async fn a_landed_commit_whose_clearing_fails_is_landed_and_cleared_later() {
    let bed = Bed::new();
    bed.commit(Change::Append, 1, false).await.unwrap();
    bed.on(|what, _| if what == "commit" { Err(unreadable()) } else { Ok(()) });
    bed.commit(Change::Append, 2, false).await.unwrap_err();
    bed.on(|what, _| match what {
        "clear_given_up" => Err(Error::new(Kind::Unavailable, "the state is busy")),
        _ => Ok(()),
    });
    // Whether it is told or not: the commit counts.
    if let Err(told) = bed.commit(Change::Append, 2, false).await {
        assert_eq!(told.kind(), Kind::Unavailable, "{told}");
    }
    bed.quiet();
    assert_eq!(bed.shown(), "last 3 prepared None given up [2] own [1, 2] companion []");
    assert_eq!(bed.state.memory().position, 2);
    bed.commit(Change::Append, 3, false).await.unwrap();
    assert_eq!(
        bed.shown(),
        "last 4 prepared None given up [] own [1, 2, 3] companion []"
    );
}

#[tokio::test]
async fn what_is_found_after_the_log_was_cleaned_up_has_the_versions_that_are_left() {
    let bed = Bed::new();
    for row in 1..=4 {
        bed.commit(Change::Append, row, false).await.unwrap();
    }
    let lake = bed.lake();
    let look = async || {
        let head = lake.head(&own(true), &bed.ctx).await.unwrap();
        find(&lake, &bed.places, &own(true), &head, &bed.ctx)
            .await
            .unwrap()
            .unwrap()
    };
    let all = look().await;
    assert_eq!(all.versions, [Some(1), Some(2), Some(3), Some(4)]);
    lake.clean_log("own", 3);
    let found = look().await;
    assert_eq!(found.versions, [None, None, Some(3), Some(4)]);
    // Nothing else is another for it.
    assert_eq!(
        Found {
            versions: all.versions.clone(),
            ..found
        },
        all
    );
}

#[tokio::test]
async fn a_log_that_cannot_be_reached_is_not_one_that_was_cleaned_up() {
    let bed = Bed::new();
    bed.commit(Change::Append, 1, true).await.unwrap();
    bed.commit(Change::Append, 2, true).await.unwrap();
    let head = bed.places.lake.head(&own(true), &bed.ctx).await.unwrap();
    // The companions are asked for their heads.
    bed.on(|what, _| match what {
        "head" => Err(Error::new(Kind::Unavailable, "the lake cannot be reached")),
        _ => Ok(()),
    });
    let error = find(&bed.places.lake, &bed.places, &own(true), &head, &bed.ctx)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable);
    bed.quiet();
    // A record that is missing is named, and nothing is made up for it.
    let mut beyond = head;
    beyond.n = 3;
    let error = find(&bed.places.lake, &bed.places, &own(true), &beyond, &bed.ctx)
        .await
        .unwrap_err();
    assert_eq!(error.error_code(), Some(CLAIM_GONE));
}

#[tokio::test]
async fn a_commit_that_changes_its_companion_alone_takes_the_number_on_both() {
    for in_lake in [true, false] {
        let bed = Bed::new();
        let lease = bed.state.lease(asset());
        let settled = settle(&bed.protocol(), &lease, &own(in_lake)).await.unwrap();
        let parts = vec![
            part(&bed.places, Role::Table, own(in_lake), Change::Append, &[], &bed.ctx)
                .await
                .unwrap(),
            part(
                &bed.places,
                Role::Quarantine,
                companion(),
                Change::Append,
                &[5],
                &bed.ctx,
            )
            .await
            .unwrap(),
        ];
        let draft = Draft {
            columns: None,
            parts,
            ..bed.draft(Change::Append, 5, false).await
        };
        let landed = carry_out(&bed.protocol(), &lease, &settled, draft).await.unwrap();
        assert_eq!(landed.versions, [1, 1]);
        let places = bed.places.calm(Promises::KEPT);
        assert_eq!(places.sink(&own(in_lake)).log("own"), places.lake.log("companion"));
        assert_eq!(rows(places.sink(&own(in_lake)), "own"), [0; 0]);
        assert_eq!(rows(&places.lake, "companion"), [5]);
    }
}
