//! Small secrets that outlast a process: what one exchange with an outside system leaves for the next.

use crate::{Result, Secret};
use async_trait::async_trait;
use jiff::Timestamp;
use std::time::Duration;

/// What came of asking for a note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claimed {
    /// It is the holder's until the time is over: what it says, if anybody ever wrote it.
    Ours(Option<Secret>),
    /// Another has it, until then at the latest.
    Until(Timestamp),
}

/// Notes, kept where every process of the environment sees them.
///
/// Guarantee: a note has one holder at a time, of all processes; one that was killed holds it no longer than the time that it asked for. What
/// [`Notes::keep`] has returned from is on the disk: killed before, the note is as it was. A note says nothing to anybody but who claims it:
/// no table and no log shows it.
#[async_trait]
pub trait Notes: Send + Sync {
    /// Takes the note of this key for one holder and so long. Whoever holds it already holds it longer.
    async fn claim(&self, key: &str, holder: &str, time: Duration) -> Result<Claimed>;

    /// Writes what the note says from now on, and gives it back. Whether it was the holder's to write: where it is another's by now,
    /// nothing was written.
    async fn keep(&self, key: &str, holder: &str, value: &Secret) -> Result<bool>;

    /// Gives the note back as it is.
    async fn release(&self, key: &str, holder: &str) -> Result<()>;
}
