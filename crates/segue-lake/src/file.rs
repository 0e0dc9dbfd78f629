//! One data file of a table, and what its statistics say about the values in it.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use segue_core::Type;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A Parquet file of a table: named by its log, by a plan, or lying staged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct DataFile {
    /// Below the table's folder.
    pub path: String,
    /// In bytes.
    pub size: u64,
    /// Rows in it, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
    /// Delta's statistics, as JSON text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stats: Option<String>,
    /// When it was written, in milliseconds since 1970.
    #[serde(default)]
    pub modified: i64,
}

/// Values in a total order in which statistics can be trusted: whole numbers, dates and times (in microseconds), and text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Key {
    Number(i64),
    Text(String),
}

/// Where the values of one column of a file lie.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Bounds {
    pub min: Key,
    pub max: Key,
}

/// The parsed statistics of a file.
#[derive(Clone, Debug, Default)]
pub(crate) struct FileStats {
    json: Map<String, Value>,
}

impl DataFile {
    pub fn stats(&self) -> FileStats {
        let json = self.stats.as_deref().and_then(|s| serde_json::from_str(s).ok());
        FileStats {
            json: json.unwrap_or_default(),
        }
    }

    /// The number of rows, from the log.
    pub fn row_count(&self) -> Option<u64> {
        self.rows
            .or_else(|| self.stats().json.get("numRecords").and_then(Value::as_u64))
    }
}

impl FileStats {
    fn of(&self, what: &str, column: &str) -> Option<&Value> {
        self.json.get(what)?.get(column)
    }

    /// How many values of the column are null, where known.
    pub fn nulls(&self, column: &str) -> Option<u64> {
        self.of("nullCount", column)?.as_u64()
    }

    /// Where the column's values lie; `None` where it is not known, or not to be relied on for this type.
    pub fn bounds(&self, column: &str, of: &Type) -> Option<Bounds> {
        let (min, max) = (self.of("minValues", column)?, self.of("maxValues", column)?);
        Some(Bounds {
            min: key(min, of, false)?,
            max: key(max, of, true)?,
        })
    }
}

impl Bounds {
    /// Whether a file with these bounds may hold a value between the two, ends included.
    pub fn meets(&self, from: &Key, to: &Key) -> bool {
        self.min <= *to && *from <= self.max
    }
}

/// A value of the statistics. Times were cut to milliseconds there, so that an upper bound is up to 999 microseconds too low.
fn key(value: &Value, of: &Type, upper: bool) -> Option<Key> {
    let slack = if upper { 999 } else { 0 };
    match of {
        Type::Int8 | Type::Int16 | Type::Int32 | Type::Int64 | Type::Time => value.as_i64().map(Key::Number),
        Type::String | Type::Uuid | Type::Json => value.as_str().map(|s| Key::Text(s.to_string())),
        Type::Date => {
            let date: Date = value.as_str()?.parse().ok()?;
            Some(Key::Number(micros(date.at(0, 0, 0, 0))?))
        }
        Type::Timestamp => {
            let at: Timestamp = value.as_str()?.parse().ok()?;
            Some(Key::Number(at.as_microsecond() + slack))
        }
        Type::LocalTimestamp => {
            let at: DateTime = value.as_str()?.trim_end_matches('Z').parse().ok()?;
            Some(Key::Number(micros(at)? + slack))
        }
        _ => None,
    }
}

/// A date and time of day as microseconds since 1970, as Arrow keeps it.
fn micros(at: DateTime) -> Option<i64> {
    Some(TimeZone::UTC.to_timestamp(at).ok()?.as_microsecond())
}
