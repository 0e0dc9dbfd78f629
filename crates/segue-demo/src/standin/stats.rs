//! What has been asked and answered.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// What has been asked and answered since the start or the last reset. `/_control` requests are not counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stats {
    /// Requests that came, refused ones included.
    pub total: u64,
    /// Requests that came, by class of path; a class that was never asked is not there.
    pub requests: BTreeMap<String, u64>,
    /// Requests that the limits refused (429). What a fault refused is counted there.
    pub refused: u64,
    /// How often each fault fired; a fault that was never set is not there, one that never fired is 0.
    pub faults: BTreeMap<String, u64>,
    /// Tokens that were handed out.
    pub tokens: u64,
    /// The most requests, tokens left out, that came in any one second.
    pub max_in_one_second: u64,
    /// From the first request to the last, tokens left out. Not told over the wire.
    #[serde(skip)]
    pub asked_for: Duration,
}
