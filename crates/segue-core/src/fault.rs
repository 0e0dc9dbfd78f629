//! Named durable boundaries, at which tests kill or freeze the process.
//!
//! Code calls [`reach`] just after something became durable. Unless a test armed the process, that is one relaxed load.
//! A test may also take one rule of the commit protocol out of a process that it freezes ([`Rule`]), to show that it would see the harm.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

macro_rules! boundaries {
    ($($(#[$doc:meta])* $variant:ident = $name:literal),* $(,)?) => {
        /// A point at which something has just become durable.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Boundary { $($(#[$doc])* $variant),* }

        impl Boundary {
            /// Every boundary there is: a test that never hits one of them fails.
            pub const ALL: &'static [Boundary] = &[$(Boundary::$variant),*];

            /// The name, as it is armed.
            pub fn name(self) -> &'static str {
                match self { $(Boundary::$variant => $name),* }
            }
        }
    };
}

boundaries! {
    /// A run was written to the state.
    RunStarted = "run.started",
    /// A lease was taken.
    LeaseTaken = "lease.taken",
    /// A request's place in the rate was reserved.
    RateReserved = "rate.reserved",
    /// A block was written.
    Blocked = "gate.blocked",
    /// Rows were staged in the lake.
    LakeStaged = "lake.staged",
    /// Rows were staged for a database or a file.
    SqlStaged = "sql.staged",
    /// It was noted down what lies staged for a step's only commit.
    Noted = "staged.noted",
    /// A record was written to the state as prepared.
    Prepared = "commit.prepared",
    /// A number was claimed beside its table.
    Claimed = "commit.claimed",
    /// The own table took the commit: it is decided.
    OwnCommitted = "commit.own",
    /// A companion took the commit.
    CompanionCommitted = "commit.companion",
    /// A database's transaction was committed, or a file that is a target was put in place.
    SqlCommitted = "commit.sql",
    /// The state marked the commit.
    Marked = "commit.marked",
    /// A prepared commit was worked out anew, because its table moved.
    Reworked = "commit.reworked",
    /// A prepared commit was given up.
    GivenUp = "commit.given_up",
    /// A commit that was given up had landed after all: it is prepared again.
    TakenBack = "commit.taken_back",
    /// Commits that were given up are forgotten, because a later one landed; their files are there still.
    Cleared = "commit.cleared",
    /// The ledger was told of a read that changed nothing, and that no commit carries.
    Entered = "ledger.entered",
    /// A slice was parked in the state.
    Parked = "slice.parked",
    /// A step's end was written.
    StepEnded = "step.ended",
    /// A run's end was written.
    RunEnded = "run.ended",
    /// Small files were compacted.
    Compacted = "lake.compacted",
    /// A companion was changed without a commit: kept pages alone.
    Amended = "lake.amended",
    /// An asset was brought back from its tables.
    Adopted = "state.adopted",
    /// A dropped asset's tables are gone, and the state remembers it still.
    Dropped = "asset.dropped",
}

impl std::str::FromStr for Boundary {
    type Err = segue_diag::Error;

    fn from_str(name: &str) -> segue_diag::Result<Boundary> {
        Boundary::ALL.iter().copied().find(|b| b.name() == name).ok_or_else(|| {
            let names: Vec<_> = Boundary::ALL.iter().map(|b| b.name()).collect();
            segue_diag::Error::new(segue_diag::Kind::Invalid, format!("there is no boundary `{name}`"))
                .hint(names.join(", "))
        })
    }
}

type Action = Box<dyn Fn(Boundary, u64) + Send + Sync>;
static ARMED: OnceLock<Action> = OnceLock::new();
static REACHED: [AtomicU64; Boundary::ALL.len()] = [const { AtomicU64::new(0) }; Boundary::ALL.len()];

/// Arms this process, once: `action` is called at every boundary with how often it was reached. Only test entry points call this.
pub fn arm(action: impl Fn(Boundary, u64) + Send + Sync + 'static) {
    let _already_armed = ARMED.set(Box::new(action));
}

/// Something became durable.
#[inline]
pub fn reach(boundary: Boundary) {
    if let Some(action) = ARMED.get() {
        let times = REACHED[boundary as usize].fetch_add(1, Ordering::SeqCst) + 1;
        action(boundary, times);
    }
}

/// A rule of the commit protocol that the sinks keep, and that a test may take out of its process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// A table takes a commit only after its predecessor.
    Predecessor,
}

static WITHOUT_PREDECESSOR: AtomicBool = AtomicBool::new(false);

/// Takes the rule out of this process, for good. Only test entry points call this; whether the rule is out now: in a build without debug
/// assertions, which is what people have, it never is.
pub fn take_out(rule: Rule) -> bool {
    match rule {
        Rule::Predecessor => WITHOUT_PREDECESSOR.store(true, Ordering::SeqCst),
    }
    !keeps(rule)
}

/// Whether this process keeps the rule: always, unless a test took it out. Without debug assertions this is a constant.
#[inline]
pub fn keeps(rule: Rule) -> bool {
    let is_out = match rule {
        Rule::Predecessor => &WITHOUT_PREDECESSOR,
    };
    !cfg!(debug_assertions) || !is_out.load(Ordering::Relaxed)
}
