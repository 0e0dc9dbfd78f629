//! What a run keeps of itself in the state, for going on with it.

use super::Request;
use jiff::Timestamp;
use segue_core::{AssetName, Span};
use segue_spec::model::Asset;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// What a run carries out: its definitions as they were resolved when it began, and what was asked for. No secret is in them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    /// The assets.
    pub assets: BTreeMap<AssetName, Asset>,
    /// The project's zone, in which ranges count.
    pub timezone: String,
    /// Read and compute though fresh.
    pub again: bool,
    /// Build the tables anew.
    pub rebuild: bool,
    /// Only what meets this stretch.
    pub stretch: Option<Span>,
    /// What was read since is not read again.
    pub since: Option<Timestamp>,
}

impl Kept {
    /// What this request of these assets comes to.
    pub(super) fn of(request: &Request, chosen: &[&Asset], timezone: &str) -> Kept {
        let wanted = &request.wanted;
        Kept {
            assets: chosen
                .iter()
                .map(|asset| (crate::names::asset_name(&asset.name), (*asset).clone()))
                .collect(),
            timezone: timezone.to_string(),
            again: wanted.again,
            rebuild: wanted.rebuild,
            stretch: wanted.stretch,
            since: wanted.since,
        }
    }

    /// What was kept; `None` of a run by another version of this program.
    pub fn from_json(value: &Value) -> Option<Kept> {
        serde_json::from_value(value.clone()).ok()
    }
}
