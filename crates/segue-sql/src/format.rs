//! How answers are written down: as a table for people, as CSV and as JSON lines for programs, as Parquet in Arrow's own types. Rows are written as they come.
//!
//! | Type | Table and CSV | JSON |
//! |---|---|---|
//! | bool, int8 to int64, uint64 | `true`, `12` | `true`, `12` |
//! | float32, float64 | shortest text that reads back as the same number | the same; `"NaN"`, `"Infinity"`, `"-Infinity"` as texts |
//! | decimal | `12.50` | text: `"12.50"`, because readers of JSON take numbers for floats |
//! | string, uuid | as it is | text |
//! | binary | base64 | text in base64 |
//! | date, time, local_timestamp | `2024-01-31`, `12:30:00.5`, `2024-01-31T12:30:00` | text |
//! | timestamp | RFC 3339 in UTC: `2024-01-31T12:30:00Z` | text |
//! | json | as it was written | the value itself, on one line |
//! | list, vector, struct | as JSON | array, object |
//! | null | `null` in a table, nothing in CSV (the empty text is `""`) | `null` |

mod csv;
mod json;
mod parquet;
mod table;
mod value;

use futures::StreamExt;
use segue_core::engine::Answer;
use segue_diag::{Error, Kind, Result};
use std::io::{ErrorKind, Write};

/// A form in which answers are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Columns side by side, for people.
    Table,
    /// RFC 4180, with a line of names first.
    Csv,
    /// One JSON object a line.
    JsonLines,
    /// A Parquet file.
    Parquet,
}

/// How a table is written; the other forms write everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// The most rows; what is left out is said below. `None`: all of them.
    pub rows: Option<u64>,
    /// The most characters of one value; longer ones end in `…`.
    pub cell: usize,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            rows: Some(1_000),
            cell: 80,
        }
    }
}

/// What was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// The rows.
    pub rows: u64,
    /// Whether there were more.
    pub more: bool,
}

/// Writes an answer. Memory is bounded by a batch and, for a table, by its first thousand rows.
///
/// # Errors
/// Those of the query, `Cancelled` when whoever reads the output went away, and `Unavailable` when it cannot be written.
pub async fn write(form: Form, answer: Answer, out: &mut (dyn Write + Send), options: &Options) -> Result<Written> {
    match form {
        Form::Table => return table::write(answer, out, options).await,
        Form::Parquet => return parquet::write(answer, out).await,
        Form::Csv => csv::head(&answer.schema, out).map_err(unwritten)?,
        Form::JsonLines => {}
    }
    let (mut rows, mut count) = (answer.rows, 0);
    let names = json::names(&answer.schema);
    while let Some(batch) = rows.next().await {
        let batch = batch?;
        match form {
            Form::JsonLines => json::batch(&batch, &names, out),
            _ => csv::batch(&batch, out),
        }
        .map_err(unwritten)?;
        count += batch.num_rows() as u64;
    }
    out.flush().map_err(unwritten)?;
    Ok(Written {
        rows: count,
        more: false,
    })
}

fn unwritten(error: std::io::Error) -> Error {
    if error.kind() == ErrorKind::BrokenPipe {
        return Error::new(Kind::Cancelled, "whoever read the output is gone").caused_by(error);
    }
    Error::new(Kind::Unavailable, "cannot write the answer").caused_by(error)
}

#[cfg(test)]
mod tests;
