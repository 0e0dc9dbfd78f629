//! One file a verb.

mod bench;
pub mod demo;
pub mod fresh;
pub mod generate;
pub mod jobs;
mod places;
mod proof;
pub mod test;
