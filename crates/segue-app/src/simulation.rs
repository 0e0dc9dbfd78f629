//! The commit protocol over the real things, from a seed: the state's own database, a lake, and a SQLite target, worked on by two workers
//! that are killed at any await, frozen between calls while the other takes their lease, kept from finishing, and robbed of their state.
//!
//! `segue-work` simulates the same protocol over things in memory, many times more often; this shows that what it is promised there is kept
//! by what is there in the product. 120 seeds each day; `SEGUE_SEEDS` says how many more (`cargo xtask proof simulation` takes 5,000).

mod stops;
mod world;

use segue_core::Result;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;
use world::{Case, ROWS, World};

/// Random numbers from a seed: the same on every machine.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len() as u64) as usize]
    }
}

/// How often each fault may still happen.
#[derive(Clone, Copy, Debug)]
struct Faults {
    kill: u32,
    /// Leases taken from a holder that is frozen.
    lease: u32,
    give_up: u32,
    compact: u32,
    lose: u32,
}

const SCENARIOS: [Faults; 5] = [
    Faults {
        kill: 3,
        lease: 0,
        give_up: 0,
        compact: 1,
        lose: 0,
    },
    Faults {
        kill: 1,
        lease: 2,
        give_up: 0,
        compact: 1,
        lose: 0,
    },
    Faults {
        kill: 1,
        lease: 1,
        give_up: 1,
        compact: 0,
        lose: 0,
    },
    Faults {
        kill: 0,
        lease: 2,
        give_up: 2,
        compact: 1,
        lose: 0,
    },
    Faults {
        kill: 1,
        lease: 1,
        give_up: 0,
        compact: 1,
        lose: 1,
    },
];

/// How often each fault happened, over all seeds: a simulation in which nothing happens shows nothing.
#[derive(Debug, Default)]
struct Happened {
    killed: u32,
    taken_over: u32,
    given_up: u32,
    compacted: u32,
    lost: u32,
}

/// A session, and the calls at which it stops.
type Worker<'w> = Pin<Box<dyn Future<Output = Result<()>> + 'w>>;

/// Where a worker is after it was let go on.
enum Step {
    /// Between two calls.
    Stopped,
    /// At its end.
    Ended(Result<()>),
    /// In the middle of a call, waiting for a disk or a database: where it is to be killed.
    Midway,
}

/// Lets a worker go on to its next stop, or to its so-manieth await.
async fn go_on(world: &World, worker: &mut Worker<'_>, awaits: Option<u64>) -> Step {
    let mut left = awaits;
    poll_fn(|cx| {
        if let Poll::Ready(ended) = worker.as_mut().poll(cx) {
            return Poll::Ready(Step::Ended(ended));
        }
        if world.stops.has_stopped() {
            return Poll::Ready(Step::Stopped);
        }
        match &mut left {
            Some(0) => Poll::Ready(Step::Midway),
            Some(n) => {
                *n -= 1;
                Poll::Pending
            }
            None => Poll::Pending,
        }
    })
    .await
}

/// Runs one seed to its end; what went wrong, if anything did.
async fn simulate(seed: u64, happened: &mut Happened) -> std::result::Result<(), String> {
    let mut random = Random(seed);
    let mut faults = random.one_of(&SCENARIOS);
    let world = World::new(Case::of(&mut random)).await;
    let mut workers: [Option<Worker<'_>>; 2] = [None, None];
    let mut favourite = 0;
    for _ in 0..1000 {
        if random.one_in(12) {
            favourite = 1 - favourite;
        }
        let at = favourite;
        let roll = random.below(100);
        if roll < 6 && faults.lose > 0 && world.has_landed().await {
            // Everybody who had the state open is gone with it.
            workers = [None, None];
            world.lose_state().await;
            (faults.lose, happened.lost) = (0, happened.lost + 1);
        } else if roll < 14 && faults.give_up > 0 && workers[at].is_some() {
            faults.give_up -= 1;
            world.stops.fail_next_commit();
        } else if roll < 22 && faults.compact > 0 && workers.iter().any(Option::is_some) {
            let did = u32::from(world.compact().await);
            (faults.compact, happened.compacted) = (faults.compact - did, happened.compacted + did);
        } else if world.is_refused() {
            if !world.was_lost() {
                return Err("refused, though no state was lost".into());
            }
            workers = [None, None];
            world
                .rebuild()
                .await
                .map_err(|e| format!("cannot be rebuilt: {}", e.to_text()))?;
        } else if let Some(worker) = &mut workers[at] {
            let is_killed = faults.kill > 0 && random.one_in(10);
            let awaits = is_killed.then(|| random.below(12));
            let step = go_on(&world, worker, awaits).await;
            match step {
                Step::Ended(ended) => {
                    world.ended(ended)?;
                    workers[at] = None;
                }
                Step::Stopped | Step::Midway if is_killed => {
                    (faults.kill, happened.killed) = (faults.kill - 1, happened.killed + 1);
                    workers[at] = None;
                }
                Step::Stopped => {}
                Step::Midway => unreachable!("only one that is killed is left midway"),
            }
        } else {
            let other_works = workers[1 - at].is_some();
            let is_done = world.is_done().await;
            if is_done && !other_works {
                happened.given_up += world.stops.failed();
                return world.wrong().await;
            }
            if !is_done && (!other_works || faults.lease > 0) {
                if other_works {
                    (faults.lease, happened.taken_over) = (faults.lease - 1, happened.taken_over + 1);
                    world.let_the_lease_run_out();
                }
                workers[at] = Some(Box::pin(world.session()));
            } else {
                favourite = 1 - favourite;
            }
        }
    }
    Err(format!("tries for ever to commit {ROWS} rows"))
}

fn seeds() -> u64 {
    std::env::var("SEGUE_SEEDS")
        .ok()
        .and_then(|s| s.parse().ok())
        .map_or(120, |all: u64| (all / 20).max(120))
}

#[tokio::test]
async fn nothing_goes_wrong_with_the_real_state_the_real_lake_and_a_real_database() {
    let mut happened = Happened::default();
    for seed in 0..seeds() {
        let case = Case::of(&mut {
            let mut random = Random(seed);
            random.one_of(&SCENARIOS);
            random
        });
        if let Err(wrong) = simulate(seed, &mut happened).await {
            panic!("seed {seed}, {case:?}: {wrong}");
        }
    }
    eprintln!("{happened:?}");
    let Happened {
        killed,
        taken_over,
        given_up,
        compacted,
        lost,
    } = happened;
    for count in [killed, taken_over, given_up, compacted, lost] {
        assert!(count > 0, "a fault never happened");
    }
}
