//! The values beyond its labels that a part was made with.

use segue_core::hash::sha256;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The hash of a slice's values beyond its labels and of the parameters that are not labels; empty when there are none of either.
///
/// It has no version of its own: it stands in the ledger beside the data hash, which has one. How it is written never changes without a
/// new version there; the golden test holds it.
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn hash(values: Value, params: Value) -> String {
        let map = |value: Value| value.as_object().cloned().unwrap();
        values_hash(&map(values), &map(params))
    }

    /// Another hash makes every slice with values, and everything with parameters, stale at once: it is read again, and what was appended
    /// is refused.
    #[test]
    fn the_hash_is_what_it_always_was() {
        assert_eq!(hash(json!({}), json!({})), "");
        assert_eq!(
            hash(json!({ "name": "Ada", "n": 5 }), json!({})),
            "352ad95d0fe8291ae2bde8c2d5f12a0e"
        );
        assert_eq!(
            hash(
                json!({}),
                json!({ "least": 5, "x": "5", "r": 0.5, "b": true, "z": null })
            ),
            "dc3f590d229ac7c6a4b5600468b0db90"
        );
        assert_eq!(
            hash(json!({ "a": ["x", { "k": "é" }] }), json!({ "a": 1 })),
            "0a4a27430a6476fdc083cd4842c3593f"
        );
        // Neither the order of keys nor where a value stands is lost.
        assert_eq!(
            hash(json!({ "n": 5, "name": "Ada" }), json!({})),
            "352ad95d0fe8291ae2bde8c2d5f12a0e"
        );
        assert_ne!(hash(json!({ "x": 1 }), json!({})), hash(json!({}), json!({ "x": 1 })));
    }
}
