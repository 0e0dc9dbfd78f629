//! Limits that all processes share: how often something may be asked, and what must not be asked until when.

use crate::Result;
use async_trait::async_trait;
use jiff::Timestamp;
use std::time::Duration;

/// So many in a sliding window: in *no* window of that length do more pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// The most that pass in one window.
    pub count: u32,
    /// The window's length.
    pub window: Duration,
}

/// A block that somebody met: what it covers is asked by no process before `until`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// What is blocked. Keys of one connection are its identity, and what [`key_below`] makes of it.
    pub key: String,
    /// When it may be asked again.
    pub until: Timestamp,
    /// Why, for people.
    pub reason: String,
}

/// Rates and blocks, kept where every process of the environment sees them.
///
/// Guarantee: a place that [`Gate::reserve`] handed out is used up, whatever becomes of the caller, so that the rate is never exceeded,
/// also not by a process that is killed; a block that was written is seen by the next reserve of any process.
#[async_trait]
pub trait Gate: Send + Sync {
    /// Reserves up to `want` (at least 1) places under `key`, and returns when each may be used, oldest first. It does not wait.
    async fn reserve(&self, key: &str, rate: Rate, want: u32) -> Result<Vec<Timestamp>>;

    /// The block that covers one of these keys, the longest if several do; `None` if none does now.
    async fn blocked(&self, keys: &[String]) -> Result<Option<Block>>;

    /// Blocks its key until then, or longer if it already was.
    async fn block(&self, block: Block) -> Result<()>;
}

/// Between a connection's identity and what of it is meant; no identity has it.
const BELOW: char = '\n';

/// The key of a part of what has this identity: an endpoint, a slice.
pub fn key_below(identity: &str, part: &str) -> String {
    format!("{identity}{BELOW}{part}")
}

/// Whether a key is this identity's own, or that of a part of it.
pub fn is_key_of(key: &str, identity: &str) -> bool {
    key.strip_prefix(identity)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(BELOW))
}
