//! Answer SQL in this process, over the lake and the connections.
//!
//! In reading order: the engine ([`LocalEngine`]), what may be asked (`statement`), how it becomes a plan (`planner`), what the tables
//! of a session are (`tables`) and what stands behind those that are views (`view`), under which limits it runs (`session`, `spill`, `rows`, `yielding`), our own functions and meanings (`functions`, `nearest`, `rules`, `zone`, `types`, `pattern`),
//! how rows are found by a name (`find`, `resolve`), what goes wrong and where (`failure`, [`place`]), and how answers are written down ([`format`]).

mod engine;
mod failure;
mod find;
pub mod format;
mod functions;
mod metering;
mod nearest;
mod params;
mod pattern;
pub mod place;
mod planner;
mod resolve;
mod rows;
mod rules;
mod session;
mod spill;
mod statement;
mod tables;
mod types;
mod view;
mod yielding;
mod zone;

pub use engine::{LocalEngine, LocalOptions};
pub use find::{FindBy, NameOptions, Only};
pub use pattern::pattern_mistake;
pub use place::locate;
pub use statement::is_complete;

#[cfg(test)]
mod slt;
