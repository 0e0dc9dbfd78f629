//! The lake's own plan of a change: plain data that any process can carry out, on the version that it was worked out on.

use crate::file::DataFile;
use crate::schema::{Column, of_columns};
use arrow_schema::SchemaRef;
use segue_core::{Error, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Which files come and go, and which schema holds afterwards.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Plan {
    /// The version it was worked out on; `None` where there was no table.
    pub version: Option<u64>,
    /// Files that come.
    pub adds: Vec<DataFile>,
    /// Files that go.
    pub removes: Vec<DataFile>,
    /// The columns afterwards.
    pub columns: Vec<Column>,
    /// Whether the columns are others than before.
    pub reshapes: bool,
    /// A digest of the schema that it was worked out on: rows that are only added may follow others as long as it holds.
    pub schema: String,
    /// Files that working it out wrote, which nobody else names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub wrote: Vec<String>,
}

impl Plan {
    pub fn from_json(plan: &Value) -> Result<Plan> {
        serde_json::from_value(plan.clone())
            .map_err(|e| Error::bug("cannot read the lake's plan of a change").caused_by(e))
    }

    pub fn to_json(&self) -> Result<Value> {
        serde_json::to_value(self).map_err(|e| Error::bug("a plan is not JSON").caused_by(e))
    }

    /// The table's schema afterwards.
    pub fn schema(&self) -> SchemaRef {
        of_columns(&self.columns)
    }

    /// Whether it adds rows and does nothing else.
    pub fn only_adds(&self) -> bool {
        self.version.is_some() && self.removes.is_empty() && !self.reshapes
    }
}
