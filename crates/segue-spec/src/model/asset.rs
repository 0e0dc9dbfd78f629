//! An asset: a named output and how it is made.

use super::{Check, Copy, Find, Range, SqlBody, Write, WriteMode};
use crate::name::AssetName;
use crate::types::Type;
use crate::units::{Duration, Percent};
use schemars::JsonSchema;
use segue_diag::Span;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// A place in a file of the project: byte offsets, half-open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The file, relative to the project's folder.
    pub file: String,
    /// First byte.
    pub start: usize,
    /// The byte after the last.
    pub end: usize,
}

impl Place {
    /// The same place, for a diagnostic.
    pub fn span(&self) -> Span {
        Span {
            file: self.file.clone(),
            bytes: self.start..self.end,
        }
    }
}

/// A named output: a lake table, or a table of another system (`into`), made by a copy or by SQL.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Asset {
    /// Its name, `schema.table`.
    pub name: AssetName,
    /// Where its name stands; its file is the asset's file.
    pub place: Place,
    /// What it is, for people.
    pub description: Option<String>,
    /// Who answers for it.
    pub owner: Option<String>,
    /// Words to select it by.
    pub tags: Vec<String>,
    /// Younger than this is good enough; without it every run reads.
    pub fresh: Option<Duration>,
    /// Whether whoever reads it goes on without it, where it is closed altogether (not ours to read) or cannot be read now.
    pub optional: bool,
    /// The name that it had before.
    pub renamed_from: Option<AssetName>,
    /// What a changed definition does to what is already there.
    pub on_change: OnChange,
    /// Whether it runs when an asset that it reads ended partial.
    pub on_partial: OnPartial,
    /// The share of parked slices past which the step fails.
    pub max_parked: Percent,
    /// How it is made.
    pub how: How,
    /// The range that it is computed by.
    pub range: Option<Range>,
    /// The parameters that it takes (`--param`), by name.
    pub params: BTreeMap<String, Param>,
    /// The table of another system that it writes; `None`: the lake.
    pub into: Option<IntoTarget>,
    /// How new rows meet the old ones.
    pub write: Write,
    /// What must hold of its rows.
    pub checks: Vec<Check>,
    /// The columns by which its rows are found by a name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub find: Option<Find>,
    /// The lake tables that it is made from, each once, in order of their names.
    pub reads: Vec<AssetName>,
}

impl Asset {
    /// Whether nothing of it is stored, and its readers read what it is made from.
    pub fn is_view(&self) -> bool {
        self.write.mode == WriteMode::View
    }
}

/// How an asset is made.
// One of each asset lives in memory, so the difference in size costs nothing and a box would cost every reader.
#[allow(clippy::large_enum_variant)]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// Rows are read from somewhere.
    Copy(Copy),
    /// Rows are the answer of a query over the lake.
    Sql(SqlBody),
}

/// What a changed definition does to what is already there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnChange {
    /// It is computed again.
    #[default]
    Recompute,
    /// It stays as it is and is marked so; only what is new is computed by the new definition.
    ForwardOnly,
}

/// Whether an asset runs when one that it reads ended partial.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnPartial {
    /// It runs on what is there.
    #[default]
    Run,
    /// It waits until nothing is missing.
    Wait,
}

/// A parameter of an asset: `$name` in SQL, `{{ params.name }}` in a template.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Param {
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Its type.
    #[serde(rename = "type", default = "string")]
    pub ty: Type,
    /// The value when a run gives none; without it, it must be given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
}

fn string() -> Type {
    Type::String
}

/// A table of another system.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IntoTarget {
    /// The connection's name.
    pub connection: String,
    /// The connection's kind.
    pub kind: String,
    /// The table's name there.
    pub table: String,
    /// Whether a table that another program made may be taken on.
    #[serde(default)]
    pub adopt: bool,
    /// The connector's own settings of the target, an object without the keys above.
    pub settings: Value,
}
