//! Quantities and schemas, as a door's words.

use segue_core::{Error, Kind, Result};
use serde_json::Value;
use std::time::Duration;

/// `30s`, `5m`, `1h`, `7d`.
///
/// # Errors
/// `Invalid` for anything else.
pub fn duration(text: &str) -> Result<Duration> {
    text.parse::<segue_spec::units::Duration>()
        .map(segue_spec::units::Duration::get)
        .map_err(|e| Error::new(Kind::Invalid, e))
}

/// `512MiB`, in bytes.
///
/// # Errors
/// `Invalid` for anything else.
pub fn size(text: &str) -> Result<u64> {
    text.parse::<segue_spec::units::Size>()
        .map(segue_spec::units::Size::bytes)
        .map_err(|e| Error::new(Kind::Invalid, e))
}

/// The JSON Schema of each kind of project file, by the kind's name.
pub fn schemas() -> Vec<(String, Value)> {
    segue_spec::schemas(&segue_connectors::schemas())
        .into_iter()
        .map(|(name, schema)| (name.to_string(), schema))
        .collect()
}
