//! What every sink and every source promises, as named cases that any implementation must pass, with twins that break one promise each
//! and must be caught by the case that is meant for it.
//!
//! In reading order: values as texts that say them exactly ([`grid`]), the sinks' suite ([`sink`]), the sources' ([`source`]).

pub mod grid;
pub mod sink;
pub mod source;

use futures::FutureExt;
use futures::future::{BoxFuture, join_all};
use std::fmt;
use std::panic::AssertUnwindSafe;

/// A promise that was not kept: what should have been, and what was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken(pub String);

/// Whether a promise was kept.
pub type Held<T = ()> = std::result::Result<T, Broken>;

impl Broken {
    /// The same, said of something.
    #[must_use]
    pub fn about(self, what: impl fmt::Display) -> Broken {
        Broken(format!("{what}: {}", self.0))
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<segue_core::Error> for Broken {
    fn from(e: segue_core::Error) -> Broken {
        Broken(format!("an error that should not be: {}", e.to_text()))
    }
}

/// Leaves the case with these words where the condition does not hold.
macro_rules! hold {
    ($holds:expr, $($why:tt)+) => {
        if !$holds {
            return Err($crate::conformance::Broken(format!($($why)+)));
        }
    };
}

/// Leaves the case where two values differ.
macro_rules! same {
    ($what:expr, $found:expr, $expected:expr) => {{
        let (found, expected) = (&$found, &$expected);
        if found != expected {
            return Err($crate::conformance::Broken(format!(
                "{}: expected {expected:?}, found {found:?}",
                $what
            )));
        }
    }};
}

pub(crate) use {hold, same};

/// What came of a suite.
#[derive(Debug, Default)]
pub struct Report {
    /// The cases that held.
    pub held: Vec<&'static str>,
    /// Those that did not, and why.
    pub broken: Vec<(&'static str, String)>,
    /// Those that do not apply, each with what the implementation says that it lacks.
    pub left_out: Vec<(&'static str, String)>,
}

impl Report {
    /// Goes on when every case that applies held.
    ///
    /// # Panics
    /// With every case that did not, and why.
    pub fn expect_held(&self) {
        let lines: Vec<String> = self.broken.iter().map(|(name, why)| format!("{name}: {why}")).collect();
        assert!(
            self.broken.is_empty(),
            "{} of {} cases are broken\n{}\n",
            self.broken.len(),
            self.broken.len() + self.held.len(),
            lines.join("\n")
        );
        assert!(!self.held.is_empty(), "no case was run");
    }
}

/// Runs a case; one that panics is broken like one that says so.
pub(crate) async fn judged(case: BoxFuture<'_, Held>) -> Held {
    match AssertUnwindSafe(case).catch_unwind().await {
        Ok(held) => held,
        Err(panic) => {
            let text = panic
                .downcast_ref::<String>()
                .cloned()
                .or_else(|| panic.downcast_ref::<&str>().map(|s| s.to_string()));
            Err(Broken(format!("it panicked: {}", text.unwrap_or_default())))
        }
    }
}

/// Judges these cases, some at a time, and tells of each in a report.
pub(crate) async fn judge_all(cases: Vec<(&'static str, BoxFuture<'_, Held>)>, report: &mut Report) {
    let mut cases = cases.into_iter().peekable();
    while cases.peek().is_some() {
        let some = cases
            .by_ref()
            .take(AT_ONCE)
            .map(|(name, case)| async move { (name, judged(case).await) });
        for (name, held) in join_all(some.collect::<Vec<_>>()).await {
            match held {
                Ok(()) => report.held.push(name),
                Err(broken) => report.broken.push((name, broken.0)),
            }
        }
    }
}

/// Cases mostly wait for a disk or a server.
const AT_ONCE: usize = 4;

/// Numbers that look like chance and are the same each time.
#[derive(Clone, Debug)]
pub(crate) struct Chance(u64);

impl Chance {
    pub fn new(seed: u64) -> Chance {
        Chance(seed.wrapping_mul(2).wrapping_add(1))
    }

    /// A number below this one.
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % limit.max(1) as u64) as usize
    }

    /// True once in so many times.
    pub fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    /// One of these.
    pub fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }
}
