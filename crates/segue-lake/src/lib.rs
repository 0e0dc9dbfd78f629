//! Keep tables: stage, append, merge, read at a version, compact, expire.
//!
//! Tables are Delta tables at `<lake>/<place>`; all that writes to them goes through [`Lake`], which keeps six rules, each with a test
//! that fails when it is taken out: types are compared before every write ([`write`], `segue_core::align`); commit numbers decide
//! ([`commit`], [`claims`]); a guard sees every commit ([`guard`]); merges are our own ([`work`]); local files are synced ([`disk`]);
//! nothing that somebody may still need is removed ([`keep`]).
//!
//! In reading order: [`lake`] the entry, [`staged`] rows that lie ready, [`work`] what a change would do, [`plan`] the answer to that,
//! [`claims`] and [`commit`] how it lands, [`guard`] what stops it, [`view`] and [`provider`] reading, [`past`] what was,
//! [`keep`] house-keeping.
//!
//! There is no policy here: providers are unsecured, and only the SQL engine may register them, wrapped.

mod claims;
mod commit;
mod disk;
mod encode;
mod errors;
mod file;
mod guard;
mod keep;
mod lake;
mod loaded;
mod log;
mod past;
mod plan;
mod provider;
mod read;
mod schema;
mod staged;
mod stats;
mod table;
mod view;
mod work;
mod write;

pub use disk::SyncedLocal;
pub use keep::{Compacted, HistoryEntry, Tidied, Vacuum, Vacuumed};
pub use lake::{Lake, LakeOptions};
pub use view::LakeView;

#[cfg(test)]
mod tests;
