//! What a program finds around it, handed in by `main`: nothing here asks the system by itself.

use segue_core::Clock;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

/// Where and when a program runs.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// The environment's variables.
    pub variables: BTreeMap<String, String>,
    /// The folder that the user stands in.
    pub folder: PathBuf,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// The most memory that operators of a step or a query which keep rows may hold, in bytes; [`segue_core::Limits`] says how much it is
    /// unless it is said.
    pub memory: Option<u64>,
}
