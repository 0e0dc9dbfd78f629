//! What the tests of this crate share: a project in memory with a sink, a source and an engine, and one text for what came of a step.

mod engine;
mod world;

pub use world::{World, project};
