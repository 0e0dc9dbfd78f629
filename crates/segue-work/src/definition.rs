//! What an asset is, as it is written down when it runs: to say later what changed.

use segue_core::{Error, Result};
use segue_spec::model::Asset;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// An asset's definition together with what else decides what its rows are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Definition {
    /// The asset.
    pub asset: Asset,
    /// The project's zone, in which its ranges count.
    pub timezone: String,
}

impl Definition {
    /// The definition of an asset in a project's zone.
    pub fn of(asset: &Asset, timezone: &str) -> Definition {
        Definition {
            asset: asset.clone(),
            timezone: timezone.to_string(),
        }
    }

    /// As it is written down.
    ///
    /// # Errors
    /// `Bug` when it cannot be.
    pub fn to_json(&self) -> Result<Value> {
        serde_json::to_value(self).map_err(|e| Error::bug("cannot write a definition down").caused_by(e))
    }

    /// The definition that was written down; `None` for one of another version of this program, which is then taken as changed.
    pub fn from_json(value: &Value) -> Option<Definition> {
        serde_json::from_value(value.clone()).ok()
    }

    /// The hash of what decides its rows: in every entry of the ledger.
    pub fn data_hash(&self) -> String {
        segue_spec::hash::data_hash(&self.asset)
    }

    /// The hash of everything else.
    pub fn metadata_hash(&self) -> String {
        segue_spec::hash::metadata_hash(&self.asset)
    }
}
