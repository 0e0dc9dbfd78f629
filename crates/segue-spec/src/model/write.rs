//! How new rows meet the old ones.

use crate::units::Percent;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// How new rows meet the old ones.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Write {
    /// Which of the ways.
    pub mode: WriteMode,
    /// The columns by which rows meet: in which no two rows of the table are equal, or with `history` no two current ones. With
    /// `delete_insert` several rows may share a key.
    #[schemars(schema_with = "column_names")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub key: Vec<String>,
    /// Whether a whole-table `replace` may put no rows over some, and a `for_each` list may be empty.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub allow_empty: bool,
    /// What becomes of the rows of a slice that is no longer listed.
    pub on_gone: OnGone,
    /// With `merge`, where the source is read as a whole: what becomes of rows whose key is not among those that came. Only after a read in
    /// which nothing failed and nothing was set aside.
    #[serde(skip_serializing_if = "DeleteMissing::keeps")]
    pub delete_missing: DeleteMissing,
    /// The share of the table's rows that `delete_missing` may take at once. If it is more, the step fails, and nothing is committed.
    #[serde(skip_serializing_if = "is_ten_percent")]
    pub max_deleted: Percent,
    /// With `into`: what becomes of a row that breaks a rule of the table itself (a constraint, a unique index, a reference to another table,
    /// a trigger that raises an error, a type that does not hold the value).
    #[serde(skip_serializing_if = "OnViolation::fails")]
    pub on_violation: OnViolation,
    /// The share of rows that `on_violation: quarantine` may set aside in one commit: of those that come, or of those in the table where these
    /// are more. If it is more, the step fails, and nothing is committed.
    #[serde(skip_serializing_if = "is_ten_percent")]
    pub max_violations: Percent,
}

impl Default for Write {
    fn default() -> Write {
        Write {
            mode: WriteMode::default(),
            key: Vec::new(),
            allow_empty: false,
            on_gone: OnGone::default(),
            delete_missing: DeleteMissing::default(),
            max_deleted: Percent::TEN,
            on_violation: OnViolation::default(),
            max_violations: Percent::TEN,
        }
    }
}

impl Write {
    /// The columns that the mode keeps in the table beside the rows' own.
    pub fn own_columns(&self) -> &'static [&'static str] {
        own_columns(self.mode, self.delete_missing)
    }
}

/// The columns that a write mode keeps in the table beside the rows' own.
pub(crate) fn own_columns(mode: WriteMode, missing: DeleteMissing) -> &'static [&'static str] {
    match (mode, missing) {
        (WriteMode::History, _) => &["valid_from", "valid_to", "current"],
        (WriteMode::Merge, DeleteMissing::Soft) => &["deleted_at"],
        _ => &[],
    }
}

fn is_ten_percent(share: &Percent) -> bool {
    *share == Percent::TEN
}

/// The schema of a list of columns.
pub(crate) fn column_names(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "array", "items": { "type": "string", "format": "column-name" }, "minItems": 1, "uniqueItems": true })
}

/// How new rows meet the old ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WriteMode {
    /// They are added.
    Append,
    /// They take the place of the table's, the range's, or the done slices' rows.
    #[default]
    Replace,
    /// They take the place of the rows of the same key; deletes are applied.
    Merge,
    /// All rows of the keys that come are taken away, and the rows that came are added: a key may have several, such as an order its lines.
    DeleteInsert,
    /// They are added, and what was stays: `valid_from`, `valid_to` and `current` say since when and until when a row is or was so.
    History,
    /// Of an asset made by SQL: nothing is stored. Whoever reads it reads what its SQL gives, over the versions of its inputs that the
    /// reader takes.
    View,
}

impl WriteMode {
    /// Whether rows meet by a key.
    pub fn is_keyed(self) -> bool {
        matches!(self, WriteMode::Merge | WriteMode::DeleteInsert | WriteMode::History)
    }
}

/// What becomes of rows that a source no longer has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeleteMissing {
    /// They stay.
    #[default]
    Keep,
    /// They stay, and `deleted_at` says when it was first seen that they are gone; it is empty again when they come again.
    Soft,
    /// They are deleted.
    Hard,
}

impl DeleteMissing {
    /// Whether they stay.
    pub fn keeps(&self) -> bool {
        *self == DeleteMissing::Keep
    }
}

/// What becomes of a row that breaks a rule of the table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnViolation {
    /// The step fails, and nothing is committed.
    #[default]
    Fail,
    /// The row is set aside with the rule that it breaks, and the others are committed. Where two rows that come cannot both be there because of
    /// equal values, both are set aside.
    Quarantine,
}

impl OnViolation {
    /// Whether the step fails.
    pub fn fails(&self) -> bool {
        *self == OnViolation::Fail
    }
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
