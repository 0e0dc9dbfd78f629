//! Rows in memory that can be read.

pub use segue_core::engine::InMemory as MemRelation;
