//! How values are kept in columns, and how they come back.

use crate::error::{damaged, failed};
use jiff::Timestamp;
use segue_core::{Error, Result, Span};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::sqlite::SqliteRow;
use sqlx::{ColumnIndex, Decode, Row as _, Sqlite, Type};
use std::str::FromStr;

/// Reads columns of one row, each into the type that is asked for.
pub(crate) struct Columns<'a>(pub &'a SqliteRow);

impl<'a> Columns<'a> {
    pub fn get<T>(&self, name: &'a str) -> Result<T>
    where
        T: Decode<'a, Sqlite> + Type<Sqlite>,
        &'a str: ColumnIndex<SqliteRow>,
    {
        self.0
            .try_get(name)
            .map_err(failed("read a value of the state"))
            .map_err(|e| e.with("column", name))
    }

    /// A number that is never negative.
    pub fn number(&self, name: &'a str) -> Result<u64> {
        let value: i64 = self.get(name)?;
        u64::try_from(value).map_err(|_| damaged("a count", value))
    }

    pub fn numbers(&self, name: &'a str) -> Result<Option<u64>> {
        let value: Option<i64> = self.get(name)?;
        value
            .map(|v| u64::try_from(v).map_err(|_| damaged("a count", v)))
            .transpose()
    }

    pub fn parsed<T: FromStr>(&self, name: &'a str) -> Result<T> {
        let text: &str = self.get(name)?;
        text.parse()
            .map_err(|_| damaged("what it should be", text).with("column", name))
    }

    pub fn json<T: DeserializeOwned>(&self, name: &'a str) -> Result<T> {
        from_json(self.get(name)?).map_err(|e: Error| e.with("column", name))
    }

    pub fn maybe_json<T: DeserializeOwned>(&self, name: &'a str) -> Result<Option<T>> {
        let text: Option<&str> = self.get(name)?;
        text.map(from_json).transpose().map_err(|e| e.with("column", name))
    }

    pub fn instant(&self, name: &'a str) -> Result<Timestamp> {
        instant(self.get(name)?)
    }

    pub fn maybe_instant(&self, name: &'a str) -> Result<Option<Timestamp>> {
        self.get::<Option<i64>>(name)?.map(instant).transpose()
    }
}

pub(crate) fn instant(micros: i64) -> Result<Timestamp> {
    Timestamp::from_microsecond(micros).map_err(|_| damaged("an instant", micros))
}

pub(crate) fn to_json(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|e| Error::bug("a value of the state is not JSON").caused_by(e))
}

pub(crate) fn from_json<T: DeserializeOwned>(text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|e| {
        let shown: String = text.chars().take(80).collect();
        damaged("what it should be", shown).caused_by(e)
    })
}

/// A range as two columns that are never null: no range is [0, 0), which no range is.
pub(crate) fn bounds(range: Option<Span>) -> (i64, i64) {
    range.map_or((0, 0), |r| (r.from, r.to))
}

/// The range of two such columns.
pub(crate) fn range(from: i64, to: i64) -> Option<Span> {
    (to > from).then(|| Span::new(from, to))
}
