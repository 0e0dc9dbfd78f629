//! One element of a `for_each`.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fmt;

/// The labels of a slice: the values of the columns that `slice:` maps. Empty for an asset without `for_each`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Labels(pub BTreeMap<String, Value>);

impl Labels {
    /// No labels: the whole asset is one slice.
    pub fn none() -> Labels {
        Labels::default()
    }

    /// Whether there are none.
    pub fn is_none(&self) -> bool {
        self.0.is_empty()
    }

    /// The labels as one text: equal labels have equal keys, whatever order they were given in. `""` for none.
    pub fn key(&self) -> String {
        if self.is_none() {
            String::new()
        } else {
            Value::Object(self.0.clone().into_iter().collect()).to_string()
        }
    }

    /// The labels of a key made by [`Labels::key`].
    pub fn from_key(key: &str) -> segue_diag::Result<Labels> {
        if key.is_empty() {
            return Ok(Labels::none());
        }
        serde_json::from_str(key)
            .map_err(|e| segue_diag::Error::bug(format!("`{key}` is not a slice's key")).caused_by(e))
    }
}

impl Eq for Labels {}

impl std::hash::Hash for Labels {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}

impl PartialOrd for Labels {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Labels {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}

impl fmt::Display for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<String> = self
            .0
            .iter()
            .map(|(k, v)| match v {
                Value::String(s) => format!("{k}={s}"),
                other => format!("{k}={other}"),
            })
            .collect();
        f.write_str(&parts.join(" "))
    }
}

/// One element of a `for_each`: its labels, and every value that a request may use as `each.…`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Slice {
    /// What the slice is called; the ledger knows it by these.
    pub labels: Labels,
    /// All columns of the element, labels included. When they change, the slice is stale.
    pub values: Map<String, Value>,
}

impl Slice {
    /// The only slice of an asset without `for_each`.
    pub fn whole() -> Slice {
        Slice::default()
    }
}
