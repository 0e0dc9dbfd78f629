//! Carry a step out, and decide what runs when.
//!
//! In reading order: what is missing or stale ([`ledger`], over the calendar of [`ranges`]), what a change of a definition means
//! ([`plan`]), one asset's step ([`step`]) with its [`checks`] as SQL, the [`commit`] protocol that it ends in, and the graph of steps
//! ([`run`]); beside them the first rows of an asset ([`preview`]), and a few of several ([`tries`]). What all of it works with is handed in ([`deps`]), and what came of it is told in [`report`].

pub mod checks;
pub mod commit;
pub mod definition;
pub mod deps;
mod json;
pub mod ledger;
mod names;
mod nest;
pub mod params;
pub mod plan;
pub mod preview;
pub mod ranges;
pub mod report;
mod rows;
pub mod run;
pub mod step;
#[cfg(test)]
mod testing;
pub mod tries;

pub use deps::{Deps, Opened, Places, Sources};
pub use names::{
    asset_name, changes as column_changes, column_type, columns as declared_columns, own_columns, table_columns,
};
pub use report::{Ended, Event, Progress, RunReport, StepReport};
