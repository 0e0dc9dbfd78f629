//! Quantities and schemas, as a door's words.

use segue_core::{Error, Kind, Result, Span};
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

/// A stretch as programs read it: its ends in RFC 3339.
pub(crate) fn instants<S: serde::Serializer>(range: &Option<Span>, to: S) -> std::result::Result<S::Ok, S::Error> {
    let instant =
        |micros| jiff::Timestamp::from_microsecond(micros).map_or_else(|_| micros.to_string(), |t| t.to_string());
    let told = range.map(|r| serde_json::json!({ "from": instant(r.from), "to": instant(r.to) }));
    serde::Serialize::serialize(&told, to)
}
