//! The commit protocol: a commit is (N, id, predecessor), and what is prepared will happen.
//!
//! Inside an asset's lease, in this order: [`settle`] what is still prepared and compare the table's last commit with the state's;
//! work out the change (the caller); then [`carry_out`]: prepare it in the state, claim its number, commit it to the asset's own table,
//! which decides, then to its companions, and mark it. A kill between any two leaves something that the next [`settle`] finishes.
//! `docs/adr/004-prepared-means-done.md` says why; the simulation beside this file explores it with kills, frozen writers, lost leases,
//! old backups and rebuilds, and shows what breaks when one of its rules is taken out.

mod carry_out;
mod finish;
mod rebuild;
mod settle;

pub use carry_out::{Draft, DraftPart, Landed, carry_out};
pub use finish::{Recheck, Unchecked};
pub use rebuild::{Found, find};
pub use settle::{Settled, foresee, settle};

use segue_core::sink::{Sink, Target};
use segue_core::state::CommitState;
use segue_core::{Ctx, Result};
use std::sync::Arc;

/// Finds the sink that holds a table.
pub trait Sinks: Send + Sync {
    /// The sink of this target: the lake, or its connection's.
    ///
    /// # Errors
    /// `NotFound` for a connection that the project no longer has.
    fn of(&self, target: &Target) -> Result<Arc<dyn Sink>>;
}

/// What the protocol works with.
pub struct Protocol<'a> {
    /// The state's memory of commits.
    pub state: &'a dyn CommitState,
    /// Where tables are.
    pub sinks: &'a dyn Sinks,
    /// Checks a change again that had to be worked out anew.
    pub recheck: &'a dyn Recheck,
    /// The use-case's context.
    pub ctx: &'a Ctx,
    /// The rules that are kept; all of them, outside of the simulation.
    pub rules: Rules,
}

/// The protocol's own rules. Each can be taken out in the simulation, to show what it is for; nothing else does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    settle: bool,
    compare_head: bool,
    own_table_first: bool,
    keep_files: bool,
    number_above_all: bool,
}

impl Default for Rules {
    fn default() -> Rules {
        Rules {
            settle: true,
            compare_head: true,
            own_table_first: true,
            keep_files: true,
            number_above_all: true,
        }
    }
}

#[cfg(test)]
mod simulation;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
