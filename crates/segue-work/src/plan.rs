//! What a run would change: a value that can be saved, shown, approved and applied.

pub mod class;
