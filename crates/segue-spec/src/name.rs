//! Names of assets and of columns.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

/// The most bytes of a schema's, an asset's or a column's name: what PostgreSQL keeps without cutting.
pub const MAX_NAME_BYTES: usize = 63;

/// Schemas that Segue fills itself; no asset may stand in them.
pub const RESERVED_SCHEMAS: [&str; 4] = ["system", "quarantine", "pages", "information_schema"];

/// The name of an asset and of its table, `raw.top_tracks`.
///
/// Invariant: two parts, each of lower-case letters, digits and `_`, beginning with a letter or `_`, at most
/// [`MAX_NAME_BYTES`] long; the first is none of [`RESERVED_SCHEMAS`]. Only [`AssetName::from_str`] builds one.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AssetName {
    text: String,
    dot: usize,
}

impl AssetName {
    /// The part before the dot: `raw`.
    pub fn schema(&self) -> &str {
        &self.text[..self.dot]
    }

    /// The part after the dot: `top_tracks`.
    pub fn table(&self) -> &str {
        &self.text[self.dot + 1..]
    }

    /// The whole name: `raw.top_tracks`.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it may be the name of a child table of this asset: its name, two underscores, and a column's.
    pub fn may_be_child_of(&self, asset: &AssetName) -> bool {
        let rest = self.text.strip_prefix(asset.as_str());
        rest.and_then(|rest| rest.strip_prefix("__"))
            .is_some_and(|rest| !rest.is_empty())
    }
}

impl FromStr for AssetName {
    type Err = String;

    fn from_str(text: &str) -> Result<AssetName, String> {
        let Some((schema, table)) = text.split_once('.') else {
            return Err(format!("`{text}` has no schema: a name is `schema.table`"));
        };
        for part in [schema, table] {
            lower_identifier(part)?;
        }
        if RESERVED_SCHEMAS.contains(&schema) {
            return Err(format!("the schema `{schema}` is Segue's own"));
        }
        Ok(AssetName {
            text: text.to_string(),
            dot: schema.len(),
        })
    }
}

/// Whether this may be a schema's, a table's, a connection's or a parameter's name; the error says why not.
pub fn lower_identifier(text: &str) -> Result<(), String> {
    if text.is_empty() {
        return Err("a name is empty".into());
    }
    if text.len() > MAX_NAME_BYTES {
        return Err(format!("`{text}` has more than {MAX_NAME_BYTES} bytes"));
    }
    let first = text.as_bytes()[0];
    let good = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    if first.is_ascii_digit() || !text.bytes().all(good) {
        return Err(format!(
            "`{text}` is no name: lower-case letters, digits and `_`, not beginning with a digit"
        ));
    }
    Ok(())
}

/// The name that is nearest to this one: in lower case, with `_` for what no name may hold, and cut where it is too long. Two may have one.
pub fn folded(text: &str) -> String {
    let tidy = |c: char| {
        if c.is_ascii_alphanumeric() {
            c.to_ascii_lowercase()
        } else {
            '_'
        }
    };
    let name: String = text.chars().map(tidy).take(MAX_NAME_BYTES - 1).collect();
    match name.starts_with(|c: char| c.is_ascii_digit()) || name.is_empty() {
        true => format!("_{name}"),
        false => name,
    }
}

/// Whether this may be a column's name: letters of any script, digits and `_`; the error says why not.
pub fn column_name(text: &str) -> Result<(), String> {
    if text.is_empty() {
        return Err("a name is empty".into());
    }
    if text.len() > MAX_NAME_BYTES {
        return Err(format!("`{text}` has more than {MAX_NAME_BYTES} bytes"));
    }
    let starts = text.chars().next().is_some_and(|c| c.is_alphabetic() || c == '_');
    if !starts || !text.chars().all(|c| c.is_alphanumeric() || c == '_') {
        return Err(format!(
            "`{text}` is no name of a column: letters, digits and `_`, not beginning with a digit"
        ));
    }
    if text.starts_with("_segue") {
        return Err(format!(
            "`{text}` is kept for Segue itself: no column's name begins with `_segue`"
        ));
    }
    Ok(())
}

impl fmt::Display for AssetName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for AssetName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Serialize for AssetName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for AssetName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<AssetName, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for AssetName {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "AssetName".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "asset-name" })
    }
}
