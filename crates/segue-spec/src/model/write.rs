//! How new rows meet the old ones.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// How new rows meet the old ones.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Write {
    /// Append, replace or merge.
    pub mode: WriteMode,
    /// The columns in which no two rows are equal.
    #[schemars(schema_with = "column_names")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub key: Vec<String>,
    /// Whether a whole-table `replace` may put no rows over some, and a `for_each` list may be empty.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub allow_empty: bool,
    /// What becomes of the rows of a slice that is no longer listed.
    pub on_gone: OnGone,
}

/// The schema of a list of columns.
pub(crate) fn column_names(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "array", "items": { "type": "string", "format": "column-name" }, "minItems": 1, "uniqueItems": true })
}

/// How new rows meet the old ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(extend("x-not-in-this-version" = ["delete_insert", "history", "view"]))]
pub enum WriteMode {
    /// They are added.
    Append,
    /// They take the place of the table's, the range's, or the done slices' rows.
    #[default]
    Replace,
    /// They take the place of the rows of the same key; deletes are applied.
    Merge,
}

/// What becomes of the rows of a slice that is no longer listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnGone {
    /// They stay, and are counted.
    #[default]
    Keep,
    /// They are deleted.
    Delete,
}
