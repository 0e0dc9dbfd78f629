//! The values beyond its labels that a part was made with.

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
