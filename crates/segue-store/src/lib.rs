//! Remember: assets, runs, ledger, commits, leases and limits, in one database.
//!
//! In reading order: opening it ([`Store`]), what is known of assets ([`assets`]), who may commit ([`leases`]), the commit protocol's
//! memory ([`commits`]), what is done ([`ledger`], [`parked`]), limits shared by processes (the `gate` module implements
//! [`segue_core::gate::Gate`]), secrets that outlast a process (the `notes` module), what ran ([`runs`]), the same as tables ([`system`]), and bringing it back ([`rebuild`]).
//!
//! Every call that writes is one transaction, synced to disk when it returns; killed anywhere, the file is as before or as after it.

pub mod assets;
pub mod commits;
mod cpu;
mod error;
mod gate;
pub mod leases;
pub mod ledger;
mod notes;
mod open;
pub mod parked;
pub mod rebuild;
pub mod runs;
pub mod store;
pub mod system;
#[cfg(test)]
mod testing;
mod values;

pub use assets::AssetRow;
pub use commits::{CommitRow, CommitState, LandedFootprint};
pub use cpu::take_worker_cpu;
pub use leases::LeaseGuard;
pub use parked::Parked;
pub use rebuild::Found;
pub use runs::{LogRow, Run, RunRow, Step, StepEnd, StepRow};
pub use store::Store;
pub use system::SystemTable;
