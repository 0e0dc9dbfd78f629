//! The values beyond its labels that a part was made with, as one text in the ledger's entry.

use segue_core::TableId;
use segue_core::commit::InputVersion;
use segue_core::hash::sha256;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The hash of a slice's values beyond its labels and of the parameters that are not labels; empty when there are none of either.
pub fn values_hash(values: &Map<String, Value>, params: &Map<String, Value>) -> String {
    if values.is_empty() && params.is_empty() {
        return String::new();
    }
    let sorted = |map: &Map<String, Value>| {
        map.iter()
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect::<BTreeMap<_, _>>()
    };
    let text = serde_json::json!([sorted(values), sorted(params)]).to_string();
    sha256(text)[..32].to_string()
}

/// What an entry's `values_hash` says.
///
/// A computation that gives the rows that are there commits nothing, so no record tells which versions of its inputs it saw. Without
/// knowing them every later run would compute it again; so they stand behind the hash, in the state alone: `HASH@table=7,table=3`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Values<'a> {
    /// The hash alone.
    pub hash: &'a str,
    checked: BTreeMap<TableId, u64>,
}

impl<'a> Values<'a> {
    /// Takes an entry's text apart.
    pub fn parse(text: &'a str) -> Values<'a> {
        let Some((hash, versions)) = text.split_once('@') else {
            return Values {
                hash: text,
                checked: BTreeMap::new(),
            };
        };
        let checked = versions.split(',').filter_map(|pair| {
            let (table, version) = pair.split_once('=')?;
            Some((table.parse().ok()?, version.parse().ok()?))
        });
        Values {
            hash,
            checked: checked.collect(),
        }
    }

    /// An entry's text: the hash, and the versions of the inputs that a computation which changed nothing saw.
    pub fn text(hash: &str, checked: &[InputVersion]) -> String {
        if checked.is_empty() {
            return hash.to_string();
        }
        let versions: Vec<String> = checked.iter().map(|i| format!("{}={}", i.table, i.version)).collect();
        format!("{hash}@{}", versions.join(","))
    }

    /// The version of this input that the entry is the state of: the one seen since, or the one that its commit was computed from.
    pub fn version_of(&self, table: TableId, committed: &[InputVersion]) -> Option<u64> {
        let of_commit = || committed.iter().find(|i| i.table == table).map(|i| i.version);
        self.checked.get(&table).copied().or_else(of_commit)
    }
}
