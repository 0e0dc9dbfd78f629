//! Fixtures, fakes and fault points for tests.

pub mod relation;
pub mod sink;
pub mod slt;
pub mod state;
