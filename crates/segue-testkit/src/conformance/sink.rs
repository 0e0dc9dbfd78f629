//! The suite for sinks: each promise of [`Sink`] is a case, named for what it promises.
//!
//! **How a sink is put under it.** Write a [`Harness`] that makes a new, empty [`Place`] (a folder, a schema of a server) and opens the
//! sink on it as another process would; say what it lacks ([`Harness::lacks`]) and which values it keeps otherwise ([`Harness::keeps`]);
//! then one test is the whole suite:
//!
//! ```ignore
//! #[tokio::test(flavor = "multi_thread")]
//! async fn it_keeps_what_every_sink_promises() {
//!     segue_testkit::conformance::sink::check(&MyHarness).await.expect_held();
//! }
//! ```
//!
//! In a server a place is a database or a schema of its own, `open` connects anew, and a plain client looks and writes past the sink
//! ([`Place::ids`], [`Place::write`]). Several places are open at once. `sqlite/tests/conformance.rs` of `segue-connectors` is an example.
//!
//! Cases that need what a sink lacks are told in [`Report::left_out`], and never left out otherwise. [`check_case`] runs one alone.
//! [`twins`] has sinks that break one promise each, made from a good one: `twins::check(&MyHarness)` shows that each is caught.
//!
//! **How a kind of change is added.** [`model`] says what each [`Change`] does to a list of rows, in one function for each; [`kinds`] makes
//! up such changes by chance. A new variant is an arm in the one and an entry in the other; cases of its own go into [`cases`].

mod bed;
mod cases;
mod kinds;
mod model;
pub mod twins;

pub use cases::{Case, all};
pub use kinds::edges;

use super::{Held, Report, judge_all, judged};
use arrow_array::RecordBatch;
use async_trait::async_trait;
use segue_core::sink::{Change, Sink, Target};
use segue_core::wire::{Wire, WireRows};
use segue_core::{Result, Type};
use std::sync::Arc;

/// What some sinks have and some lack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ability {
    /// [`Sink::at`] reads versions older than the newest.
    OldVersions,
    /// [`Sink::sweep`] removes what nobody names; a sink without is swept otherwise.
    Sweeps,
    /// An asset has companions here: tables besides its own.
    Companions,
    /// [`Place::write`] writes as another program would.
    OtherPrograms,
    /// [`Place::ids`] looks at a table past the sink.
    SeenOtherwise,
    /// Tables may have any name.
    AnyTable,
    /// Columns may have any name.
    AnyColumn,
    /// A merge leaves what a row has in columns that no staged row has. Without it, they are emptied.
    MergeLeavesOthers,
    /// [`Place::forbid`] puts a rule on a table.
    Rules,
    /// It takes rows as they are, and [`Place::in_wire`] gives some.
    Passes,
}

/// A rule that another program puts on a table of things, whose rows keep it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// No two rows have the same `name`.
    UniqueName,
    /// `amount` is not below zero. Of several ways to say so, one that only shows when rows are written.
    AmountFromZero,
}

/// What a sink makes of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keeps {
    /// It returns as it went.
    Whole,
    /// It returns as another one that is equal to it.
    As(&'static str),
    /// It is refused with an error.
    Refuses,
}

/// What the suite has to know of a sink, and how it gets one.
#[async_trait]
pub trait Harness: Send + Sync {
    /// A new, empty place.
    async fn place(&self) -> Result<Box<dyn Place>>;

    /// What the sink lacks; every case that needs none of it applies.
    fn lacks(&self) -> &'static [Ability] {
        &[]
    }

    /// What becomes of a value of a type ([`edges`], as [`super::grid`] writes it).
    fn keeps(&self, _of: &Type, _value: &str) -> Keeps {
        Keeps::Whole
    }

    /// Whether the sink takes this kind of change.
    fn takes(&self, _change: &Change) -> bool {
        true
    }
}

/// A place for tables that is gone with the value.
#[async_trait]
pub trait Place: Send + Sync {
    /// The sink on it, opened as another process would: it shares nothing in memory with those opened before.
    async fn open(&self) -> Result<Arc<dyn Sink>>;

    /// The connection that targets name; `None` for a lake.
    fn connection(&self) -> Option<String>;

    /// [`Target::place`] of a table that people call so.
    fn named(&self, name: &str) -> String {
        name.to_string()
    }

    /// The values of the column `id`, read past the sink; `None` where there is no table. See [`Ability::SeenOtherwise`].
    async fn ids(&self, _target: &Target) -> Result<Option<Vec<i64>>> {
        Ok(None)
    }

    /// Puts a rule on the table as another program would. See [`Ability::Rules`].
    async fn forbid(&self, _target: &Target, _rule: Rule) -> Result<()> {
        Ok(())
    }

    /// The rows in the form that the sink takes as it is, as a source would send them. See [`Ability::Passes`].
    fn in_wire(&self, _rows: &RecordBatch) -> Result<Option<(Wire, WireRows)>> {
        Ok(None)
    }

    /// Adds rows to the table as another program would. See [`Ability::OtherPrograms`].
    async fn write(&self, _target: &Target, _rows: &RecordBatch) -> Result<()> {
        Ok(())
    }
}

/// Runs every case that applies, each on a place of its own.
pub async fn check(harness: &dyn Harness) -> Report {
    let (mut report, mut applies) = (Report::default(), Vec::new());
    for case in all() {
        if let Some(lack) = case.needs.iter().find(|need| harness.lacks().contains(need)) {
            report.left_out.push((case.name, format!("it lacks {lack:?}")));
            continue;
        }
        applies.push((case.name, (case.run)(harness)));
    }
    judge_all(applies, &mut report).await;
    report
}

/// Runs the case of this name.
///
/// # Errors
/// When it is broken, or there is none.
pub async fn check_case(harness: &dyn Harness, name: &str) -> Held {
    match all().into_iter().find(|case| case.name == name) {
        Some(case) => judged((case.run)(harness)).await,
        None => Err(super::Broken(format!("there is no case `{name}`"))),
    }
}
