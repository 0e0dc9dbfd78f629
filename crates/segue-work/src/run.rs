//! A run: a graph of steps, decided by a pure machine and driven by one loop.

mod drive;
mod kept;
pub mod machine;

pub use drive::{Request, run};
pub use kept::Kept;

#[cfg(test)]
mod tests;
