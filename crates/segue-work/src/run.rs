//! A run: a graph of steps, decided by a pure machine and driven by one loop.

mod drive;
pub mod machine;

pub use drive::{Request, run};

#[cfg(test)]
mod tests;
