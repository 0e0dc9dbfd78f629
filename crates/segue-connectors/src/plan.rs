//! The plan of a change in a database: all that is needed to carry it out, by any process.

use arrow_schema::SchemaRef;
use segue_core::sink::{Change, Staged};
use segue_core::{Error, Kind, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The plan of a change: all that is needed to carry it out, by any process.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Plan {
    /// What the table looked like; `None` where it did not exist.
    pub on: Option<String>,
    pub schema: SchemaRef,
    /// What is to happen, without the slices and ranges whose rows are equal.
    pub change: Change,
    pub staged: Vec<Staged>,
}

impl Plan {
    pub fn read(plan: &Value) -> Result<Plan> {
        serde_json::from_value(plan.clone())
            .map_err(|e| Error::new(Kind::BadData, "cannot read the plan of a change").caused_by(e))
    }

    pub fn to_json(&self) -> Result<Value> {
        serde_json::to_value(self).map_err(|e| Error::bug("a plan is not JSON").caused_by(e))
    }
}
