//! The reference project, embedded, with stand-ins for the services it talks to.
//!
//! In reading order:
//! [`catalogue`]: who there is: real artists and their genres; their tracks and audio features are simulated from a seed.
//! [`standin`]: servers on loopback that answer as Spotify, MusicBrainz, Deezer, ReccoBeats and ListenBrainz do, with their limits
//! and, when told, their troubles.
//! [`project`]: the example projects' files, to be copied into a folder and run.
//! [`oracle`]: the similar artists worked out once more, in plain Rust, for tests to compare with.

pub mod catalogue;
mod numbers;
pub mod oracle;
pub mod project;
pub mod standin;

pub use catalogue::Catalogue;
pub use standin::{Fault, FaultKind, Limits, Options, Service, Standin, Stats, serve};
