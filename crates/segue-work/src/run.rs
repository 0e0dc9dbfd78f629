//! A run: a graph of steps, decided by a pure machine and driven by one loop.

pub mod machine;
