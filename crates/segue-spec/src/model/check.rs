//! Checks: statements about an asset's rows that must hold.

use crate::name::AssetName;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt;

/// A statement about an asset's rows that must hold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// Its name, once in an asset: the one that is written, or one made from the kind and the columns.
    pub name: String,
    /// What must hold.
    pub kind: CheckKind,
    /// What happens when it does not.
    pub on_failure: OnFailure,
    /// Which rows it sees.
    pub scope: Scope,
}

/// A column's name.
pub type Name = String;

/// A bound of a `between`: a number or a text (of a date, a time), as it is written.
pub type Number = Value;

/// What must hold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckKind {
    /// None of these columns is null.
    NotNull(Vec<Name>),
    /// No two rows are equal in all these columns.
    Unique(Vec<Name>),
    /// The column lies between both, bounds included; null is not judged.
    Between {
        /// The column.
        column: Name,
        /// The least.
        min: Option<Number>,
        /// The most.
        max: Option<Number>,
    },
    /// The column is one of these; null is not judged.
    Accepted {
        /// The column.
        column: Name,
        /// What it may be.
        values: Vec<Value>,
    },
    /// The column's text meets a regular expression; null is not judged.
    Matches {
        /// The column.
        column: Name,
        /// The regular expression.
        pattern: String,
    },
    /// The column's values are all in a column of another asset; null is not judged.
    References {
        /// The column.
        column: Name,
        /// The other asset.
        table: AssetName,
        /// Its column.
        to: Name,
    },
    /// This SQL condition holds for every row.
    Row(String),
    /// This query returns nothing.
    Sql(String),
    /// The table has so many rows.
    RowCount {
        /// The least.
        min: Option<u64>,
        /// The most.
        max: Option<u64>,
    },
}

impl CheckKind {
    /// The key that says it: `not_null`, `between`.
    pub fn word(&self) -> &'static str {
        match self {
            CheckKind::NotNull(_) => "not_null",
            CheckKind::Unique(_) => "unique",
            CheckKind::Between { .. } => "between",
            CheckKind::Accepted { .. } => "accepted",
            CheckKind::Matches { .. } => "matches",
            CheckKind::References { .. } => "references",
            CheckKind::Row(_) => "row",
            CheckKind::Sql(_) => "sql",
            CheckKind::RowCount { .. } => "row_count",
        }
    }

    /// Whether it judges each row by itself, so that the offenders can be set aside.
    pub fn is_row_check(&self) -> bool {
        use CheckKind::*;
        matches!(
            self,
            NotNull(_) | Between { .. } | Accepted { .. } | Matches { .. } | Row(_)
        )
    }

    /// The columns of the asset that it names; those inside SQL are not among them.
    pub fn columns(&self) -> Vec<&str> {
        match self {
            CheckKind::NotNull(columns) | CheckKind::Unique(columns) => columns.iter().map(String::as_str).collect(),
            CheckKind::Between { column, .. }
            | CheckKind::Accepted { column, .. }
            | CheckKind::Matches { column, .. }
            | CheckKind::References { column, .. } => vec![column],
            CheckKind::Row(_) | CheckKind::Sql(_) | CheckKind::RowCount { .. } => Vec::new(),
        }
    }
}

impl fmt::Display for CheckKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CheckKind::Row(sql) => write!(f, "row {sql}"),
            CheckKind::RowCount { .. } | CheckKind::Sql(_) => f.write_str(self.word()),
            _ => write!(f, "{} {}", self.word(), self.columns().join(", ")),
        }
    }
}

/// What happens when a check does not hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnFailure {
    /// Nothing commits; offenders are kept as evidence, the old data serves on.
    #[default]
    Fail,
    /// The offenders go to quarantine, the good rows commit. Row checks only.
    Quarantine,
    /// It is said and counted.
    Warn,
}

/// Which rows a check sees.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// The table as it would be after the commit.
    #[default]
    Table,
    /// The commit's rows and keys.
    Changed,
}
