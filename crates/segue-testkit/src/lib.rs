//! Fixtures, fakes and fault points for tests.

pub mod clock;
pub mod conformance;
pub mod gate;
pub mod http;
pub mod modes;
pub mod moto;
pub mod notes;
pub mod packed;
pub mod postgres;
pub mod power;
pub mod proxy;
pub mod relation;
pub mod sink;
pub mod slt;
pub mod source;
pub mod state;
