//! The reference project, embedded, with a stand-in for Spotify.
//!
//! In reading order:
//! [`catalogue`]: who there is: real artists and their genres; their tracks and audio features are simulated from a seed.
//! [`standin`]: a server on loopback that answers as Spotify's Web API does, with its limits and, when told, its troubles.
//! [`project`]: the music project's files, to be copied into a folder and run.
//! [`oracle`]: the similar artists worked out once more, in plain Rust, for tests to compare with.

pub mod catalogue;
mod numbers;
pub mod oracle;
pub mod project;
pub mod standin;

pub use catalogue::Catalogue;
pub use standin::{Fault, FaultKind, Limits, Options, Standin, Stats, serve};
