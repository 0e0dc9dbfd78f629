//! One element of a `for_each`.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// The labels of a slice: the values of the columns that `slice:` maps. Empty for an asset without `for_each`.
///
/// A copy shares them: a step of a hundred thousand slices keeps them in a dozen places. They are sorted by name, and lie side by side: most
/// slices have one or two, for which a tree's first leaf would be many times as large.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Labels(Arc<[(Box<str>, Value)]>);

impl Labels {
    /// The value of this label.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0
            .iter()
            .find(|(known, _)| **known == *name)
            .map(|(_, value)| value)
    }

    /// The labels, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(name, value)| (&**name, value))
    }

    /// The values, in the order of the labels' names.
    pub fn values(&self) -> impl Iterator<Item = &Value> {
        self.0.iter().map(|(_, value)| value)
    }

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
            return String::new();
        }
        serde_json::to_string(self).unwrap_or_else(|e| unreachable!("plain values are JSON: {e}"))
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

impl FromIterator<(String, Value)> for Labels {
    fn from_iter<I: IntoIterator<Item = (String, Value)>>(labels: I) -> Labels {
        let sorted: BTreeMap<String, Value> = labels.into_iter().collect();
        Labels(sorted.into_iter().map(|(name, value)| (name.into(), value)).collect())
    }
}

impl Serialize for Labels {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

impl<'de> Deserialize<'de> for Labels {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Labels, D::Error> {
        Ok(BTreeMap::<String, Value>::deserialize(deserializer)?
            .into_iter()
            .collect())
    }
}

impl Eq for Labels {}

// Sets of labels have as many members as a step has slices, so comparing them makes no texts where it can be helped.
impl std::hash::Hash for Labels {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        for (name, value) in self.0.iter() {
            name.hash(state);
            match value {
                Value::String(text) => text.hash(state),
                other => other.to_string().hash(state),
            }
        }
    }
}

impl PartialOrd for Labels {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Labels {
    fn cmp(&self, other: &Self) -> Ordering {
        let values =
            |(a, b): (&(Box<str>, Value), &(Box<str>, Value))| a.0.cmp(&b.0).then_with(|| compared(&a.1, &b.1));
        let first_difference = self.0.iter().zip(&*other.0).map(values).find(|o| o.is_ne());
        first_difference.unwrap_or_else(|| self.0.len().cmp(&other.0.len()))
    }
}

/// An order of values that calls those equal which are: texts by their letters, whole numbers by size, the rest by how they are written.
fn compared(a: &Value, b: &Value) -> Ordering {
    match (a, b) {
        (Value::String(a), Value::String(b)) => a.cmp(b),
        (Value::Number(x), Value::Number(y)) => match (x.as_i64(), y.as_i64()) {
            (Some(x), Some(y)) => x.cmp(&y),
            _ => a.to_string().cmp(&b.to_string()),
        },
        _ => a.to_string().cmp(&b.to_string()),
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
    /// All columns of the element, labels included, shared by copies. When they change, the slice is stale.
    pub values: Arc<Map<String, Value>>,
}

impl Slice {
    /// The only slice of an asset without `for_each`.
    pub fn whole() -> Slice {
        Slice::default()
    }
}

#[cfg(test)]
mod tests;
