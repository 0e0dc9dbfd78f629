//! Reading onwards by a column: what is older than the last read is left out, and how far this one came.

use super::copy::TimeFormat;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, ArrayRef, BooleanArray, RecordBatch};
use arrow_cast::cast;
use arrow_schema::{DataType, TimeUnit};
use jiff::Timestamp;
use parking_lot::Mutex;
use segue_core::{Error, Kind, Result};
use segue_spec::units::Duration;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a copy says of it, and whether a row may come twice.
#[derive(Clone, Debug, Deserialize)]
pub struct Written {
    /// The column.
    pub column: String,
    /// How far behind the last position a read begins again.
    #[serde(default)]
    pub lag: Option<Duration>,
    /// How a first read goes on that was cut off.
    #[serde(default)]
    pub resume: Option<Value>,
    /// Whether rows are merged, so that one may come again.
    #[serde(default)]
    pub may_repeat: bool,
}

/// How far something was read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    /// An instant, in microseconds since 1970.
    Time(i64),
    /// A number.
    Number(i64),
    /// A text, by its bytes.
    Text(String),
}

/// A position as it is remembered.
#[derive(Serialize, Deserialize)]
struct Position {
    column: String,
    at: Mark,
}

/// A read that goes on where the last one ended.
#[derive(Debug)]
pub struct Onward {
    written: Written,
    /// Where the last read ended.
    from: Option<Mark>,
    /// The furthest that was seen.
    to: Mutex<Option<Mark>>,
}

impl Onward {
    /// From where the last read ended, if there was one.
    ///
    /// # Errors
    /// `Unsupported` for what only other sources know; `Conflict` where the last position is another column's.
    pub fn new(written: Written, from: Option<&Value>) -> Result<Onward> {
        if written.resume.is_some() {
            return Err(
                Error::new(Kind::Unsupported, "`position.resume` is not known of a web API")
                    .hint("leave it out: a read that was cut off begins again"),
            );
        }
        let position = from.map(|value| Position::deserialize(value).ok());
        let from = match position {
            None => None,
            Some(Some(position)) if position.column == written.column => Some(position.at),
            Some(_) => {
                let error = Error::new(Kind::Conflict, "the last position is of another column");
                return Err(error.with("column", &written.column).hint("run it with --rebuild"));
            }
        };
        if written.lag.is_some() && matches!(from, Some(Mark::Number(_) | Mark::Text(_))) {
            let error = Error::new(Kind::Invalid, "`position.lag` is of a column that is no time");
            return Err(error.with("column", &written.column).hint("leave `lag` out"));
        }
        Ok(Onward {
            written,
            to: Mutex::new(from.clone()),
            from,
        })
    }

    /// Where this read begins; `None`: at the beginning.
    pub fn begin(&self) -> Option<Mark> {
        let lag = self
            .written
            .lag
            .map_or(0, |lag| i64::try_from(lag.get().as_micros()).unwrap_or(i64::MAX));
        match &self.from {
            Some(Mark::Time(at)) => Some(Mark::Time(at.saturating_sub(lag))),
            other => other.clone(),
        }
    }

    /// The same as an instant, for time windows. `format`: how they are written; a number is a time where that is one, too.
    pub fn instant(&self, format: Option<TimeFormat>) -> Option<Timestamp> {
        match (self.begin()?, format) {
            (Mark::Time(at), _) => Timestamp::from_microsecond(at).ok(),
            (Mark::Number(at), Some(TimeFormat::Unix)) => Timestamp::from_second(at).ok(),
            (Mark::Number(at), Some(TimeFormat::UnixMs)) => Timestamp::from_millisecond(at).ok(),
            _ => None,
        }
    }

    /// The same as templates see it: a text, or a number.
    pub fn word(&self) -> Option<Value> {
        Some(match self.begin()? {
            Mark::Time(at) => Value::String(Timestamp::from_microsecond(at).ok()?.to_string()),
            Mark::Number(at) => at.into(),
            Mark::Text(at) => Value::String(at),
        })
    }

    /// Which of these rows are new. A row without a value is, where rows are merged.
    ///
    /// # Errors
    /// `Invalid` for a column that is not there, or has no order; `BadData` for a row without a value that would be there twice.
    pub fn new_rows(&self, batch: &RecordBatch) -> Result<BooleanArray> {
        let marks = marks(batch, &self.written.column)?;
        let begin = self.begin();
        if let (Some(begin), Some(Some(mark))) = (&begin, marks.iter().find(|m| m.is_some()))
            && std::mem::discriminant(begin) != std::mem::discriminant(mark)
        {
            let error = Error::new(
                Kind::Conflict,
                "the column of the position is of another type than at the last read",
            );
            return Err(error.with("column", &self.written.column).hint("run it with --rebuild"));
        }
        let mut kept = Vec::with_capacity(marks.len());
        let mut furthest = self.to.lock();
        for mark in &marks {
            let is_new = match (mark, &begin) {
                (None, _) if !self.written.may_repeat => {
                    let error = Error::new(
                        Kind::BadData,
                        "a record has no value in the column of the position, and would be there twice",
                    );
                    let hint = "say `required: true` of the column to set such records aside, or merge by a key";
                    return Err(error.with("column", &self.written.column).hint(hint));
                }
                (None, _) | (_, None) => true,
                (Some(mark), Some(begin)) if self.written.may_repeat => mark >= begin,
                (Some(mark), Some(begin)) => mark > begin,
            };
            if let Some(mark) = mark
                && furthest.as_ref().is_none_or(|f| mark > f)
            {
                *furthest = Some(mark.clone());
            }
            kept.push(is_new);
        }
        Ok(BooleanArray::from(kept))
    }

    /// How far this read came, as it is remembered; `None`: nothing was ever seen.
    pub fn reached(&self) -> Option<Value> {
        let at = self.to.lock().clone()?;
        let position = Position {
            column: self.written.column.clone(),
            at,
        };
        serde_json::to_value(&position).ok()
    }
}

fn marks(batch: &RecordBatch, column: &str) -> Result<Vec<Option<Mark>>> {
    let array = batch.column_by_name(column).ok_or_else(|| {
        Error::new(
            Kind::Invalid,
            format!("there is no column `{column}` to read onwards by"),
        )
        .hint("name another one in `position:`")
    })?;
    let whole = |array: &ArrayRef, of: DataType| -> Result<Vec<Option<i64>>> {
        let cast_to = |array: &ArrayRef, of: &DataType| {
            cast(array, of).map_err(|e| Error::bug("a column of an order has none").caused_by(e))
        };
        let array = match of {
            DataType::Int64 => cast_to(array, &DataType::Int64)?,
            of => cast_to(&cast_to(array, &of)?, &DataType::Int64)?,
        };
        let numbers = array.as_primitive_opt::<Int64Type>();
        let numbers = numbers.ok_or_else(|| Error::bug("numbers are none"))?;
        Ok(numbers.iter().collect())
    };
    let micros = DataType::Timestamp(TimeUnit::Microsecond, None);
    let marks = match array.data_type() {
        DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Int64 => {
            let numbers = whole(array, DataType::Int64)?.into_iter();
            numbers.map(|n| n.map(Mark::Number)).collect()
        }
        DataType::Date32 => whole(array, micros)?.into_iter().map(|n| n.map(Mark::Time)).collect(),
        DataType::Timestamp(TimeUnit::Microsecond, _) => whole(array, DataType::Int64)?
            .into_iter()
            .map(|n| n.map(Mark::Time))
            .collect(),
        DataType::Utf8 => {
            let texts = array
                .as_string_opt::<i32>()
                .ok_or_else(|| Error::bug("texts are none"))?;
            (0..texts.len())
                .map(|i| (!texts.is_null(i)).then(|| Mark::Text(texts.value(i).to_string())))
                .collect()
        }
        _ => {
            let what = format!("nothing can be read onwards by `{column}`: its type has no order that is known");
            return Err(Error::new(Kind::Invalid, what)
                .hint("name a column of a time, a whole number or a text in `position:`"));
        }
    };
    Ok(marks)
}

#[cfg(test)]
mod tests;
