//! An asset made by SQL, and the range that it is computed by.

use crate::name::{AssetName, column_name};
use crate::units::Duration;
use jiff::civil::DateTime;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// The query of an asset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SqlBody {
    /// The statement, without the header comment, exactly as it is written.
    pub statement: String,
    /// The byte of the file at which `statement` begins.
    pub offset: usize,
    /// The line and the character in it, both from 1, at which `statement` begins.
    #[serde(default = "first")]
    pub begins: (usize, usize),
    /// The names of the parameters that it uses, without `$`, each once, in order of their names; `from` and `to` among them.
    pub uses: Vec<String>,
    /// What a change of an input, other than the ranged one, reopens; an input that is not named reopens everything.
    pub inputs: BTreeMap<AssetName, InputRule>,
}

fn first() -> (usize, usize) {
    (1, 1)
}

/// What a change of an input reopens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum InputRule {
    /// Nothing.
    Ignore(IgnoreWord),
    /// The ranges in which this column of the input has changed.
    Column(String),
}

/// The word `ignore`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IgnoreWord {
    /// The only word.
    Ignore,
}

impl JsonSchema for InputRule {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "InputRule".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "column-name", "description": "`ignore`, or a column of the input." })
    }
}

/// The range that an asset is computed by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Range {
    /// The length of one range.
    pub by: By,
    /// The column of an input by which its rows belong to a range: `schema.table.column`.
    pub input: RangeInput,
    /// The column of this asset that holds the time; replacing a range deletes the rows in which it lies between `from` and `to`.
    #[schemars(extend("format" = "column-name"))]
    pub output: String,
    /// The first range begins here, in the project's zone: `2024-01-01` or `2024-01-01T06:00`.
    #[serde(with = "date_or_datetime")]
    #[schemars(with = "String", extend("format" = "local-time"))]
    pub start: DateTime,
    /// How long after its end a range is due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lag: Option<Duration>,
    /// How many ranges after a change are computed again with it.
    #[serde(default, skip_serializing_if = "is_zero")]
    #[schemars(range(max = 10000))]
    pub lookback: u32,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// The length of a range. Days, weeks (from Monday) and months follow the project's zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// An hour.
    Hour,
    /// A day.
    Day,
    /// A week from Monday.
    Week,
    /// A month.
    Month,
}

/// A column of an input, `raw.orders.created_at`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RangeInput {
    /// The input.
    pub table: AssetName,
    /// Its column.
    pub column: String,
}

impl FromStr for RangeInput {
    type Err = String;

    fn from_str(text: &str) -> Result<RangeInput, String> {
        let wanted = || format!("`{text}` names no column of an input: write `schema.table.column`");
        let (table, column) = text.rsplit_once('.').ok_or_else(wanted)?;
        let table = if table.contains('.') {
            table.parse()?
        } else {
            return Err(wanted());
        };
        column_name(column)?;
        Ok(RangeInput {
            table,
            column: column.to_string(),
        })
    }
}

impl fmt::Display for RangeInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.table, self.column)
    }
}

impl Serialize for RangeInput {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for RangeInput {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<RangeInput, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for RangeInput {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "RangeInput".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "range-input" })
    }
}

/// Reads `2024-01-01` and `2024-01-01T06:00`.
pub(crate) fn local_time(text: &str) -> Result<DateTime, String> {
    let wanted = || format!("`{text}` is no day or time: write `2024-01-01` or `2024-01-01T06:00`");
    let plain = text.starts_with(|c: char| c.is_ascii_digit()) && !text.ends_with(['Z', 'z', ']']);
    match text.parse() {
        Ok(time) if plain => Ok(time),
        _ => Err(wanted()),
    }
}

mod date_or_datetime {
    use super::{DateTime, Deserialize, Deserializer, Serializer, local_time};

    pub fn serialize<S: Serializer>(time: &DateTime, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(time)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<DateTime, D::Error> {
        local_time(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}
