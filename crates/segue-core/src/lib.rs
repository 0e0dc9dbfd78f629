//! The words that capabilities exchange, and the few traits behind which they stand.
//!
//! In reading order: what a value can be ([`types`], [`align`]), what things are called ([`names`]), which part of a table
//! is meant ([`spans`], [`slice`]), what a commit is ([`commit`]), where data comes from and goes to ([`source`], [`sink`], [`history`], [`wire`]),
//! what answers SQL ([`engine`]), what processes share ([`gate`], [`notes`]), and what every use-case is given ([`ctx`]).

pub mod align;
pub mod clock;
pub mod commit;
pub mod ctx;
pub mod durable;
pub mod engine;
pub mod fault;
pub mod gate;
pub mod hash;
pub mod history;
pub mod meter;
pub mod names;
pub mod notes;
pub mod secret;
pub mod sink;
pub mod slice;
pub mod source;
pub mod spans;
pub mod state;
pub mod types;
pub mod wire;

pub use clock::{Clock, SystemClock};
pub use commit::{AsideId, CommitId, CommitRecord, Entry, Footprint, LedgerChange, Outcome};
pub use ctx::{Ctx, Limits, Trace};
pub use names::{AssetId, AssetName, RunId, TableId};
pub use secret::Secret;
pub use segue_diag::{Context, Error, Kind, Result};
pub use slice::{Labels, Slice};
pub use spans::{Span, Spans};
pub use types::Type;

/// A stream of record batches of one schema; it ends at the first error.
pub type Batches = futures::stream::BoxStream<'static, Result<arrow_array::RecordBatch>>;
