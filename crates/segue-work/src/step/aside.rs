//! Rows that were set aside, and evidence: what the quarantine of an asset holds.

use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow_schema::{Schema, SchemaRef};
use jiff::Timestamp;
use segue_core::{Error, Labels, Result, RunId, Span, Type};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The column by which set-aside rows are replaced together with what they belong to.
pub const PART: &str = "part";

/// What evidence of failed checks belongs to: the last try.
pub const EVIDENCE: &str = "evidence";

/// The most text of a row that is kept, in bytes.
const MOST_TEXT: usize = 64 * 1024;

/// One row that was set aside, or is kept as evidence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SetAside {
    /// What it belongs to and is replaced with, from [`part_key`]; [`EVIDENCE`] for evidence.
    pub part: String,
    /// The slice.
    pub labels: Labels,
    /// The stretch.
    pub range: Option<Span>,
    /// What is wrong, as a short phrase.
    pub reason: String,
    /// Where in the record.
    pub path: Option<String>,
    /// The check that it offends.
    pub check: Option<String>,
    /// The record as it came, or the row as JSON.
    pub row: String,
    /// When it was set aside first.
    pub at: Timestamp,
    /// By which run.
    pub run: Option<RunId>,
}

impl SetAside {
    /// What makes two of them the same, whenever they were met.
    pub fn identity(&self) -> [&str; 5] {
        [
            &self.part,
            &self.reason,
            self.path.as_deref().unwrap_or(""),
            self.check.as_deref().unwrap_or(""),
            &self.row,
        ]
    }
}

/// The key of what set-aside rows belong to: their slice, their range, or the table.
pub fn part_key(labels: &Labels, range: Option<Span>) -> String {
    match range {
        Some(range) => format!("{}{range}", labels.key()),
        None if labels.is_none() => "table".into(),
        None => labels.key(),
    }
}

/// A part's key as the labels by which a sink replaces.
pub fn part_labels(part: &str) -> Labels {
    Labels(BTreeMap::from([(PART.to_string(), Value::from(part))]))
}

/// At most 64 KiB of a text, cut between characters.
pub fn cut(mut text: String) -> String {
    if text.len() > MOST_TEXT {
        let end = (0..=MOST_TEXT).rev().find(|i| text.is_char_boundary(*i)).unwrap_or(0);
        text.truncate(end);
    }
    text
}

/// The columns of a quarantine table.
pub fn schema() -> SchemaRef {
    let columns = [
        (PART, Type::String, false),
        ("slice", Type::Json, true),
        ("range_from", Type::Timestamp, true),
        ("range_to", Type::Timestamp, true),
        ("reason", Type::String, false),
        ("path", Type::String, true),
        ("check", Type::String, true),
        ("row", Type::String, false),
        ("at", Type::Timestamp, false),
        ("run", Type::String, true),
        // Rows that are alike in all else are counted, so that two of them are told from one.
        ("number", Type::Int64, false),
    ];
    let fields: Vec<_> = columns
        .into_iter()
        .map(|(name, of, nullable)| of.field(name, nullable))
        .collect();
    Arc::new(Schema::new(fields))
}

/// The rows as a quarantine table holds them.
///
/// # Errors
/// `Bug` when the columns do not make a batch.
pub fn batch(rows: &[SetAside]) -> Result<RecordBatch> {
    let texts =
        |f: &dyn Fn(&SetAside) -> Option<String>| -> ArrayRef { Arc::new(StringArray::from_iter(rows.iter().map(f))) };
    let times = |f: &dyn Fn(&SetAside) -> Option<i64>| -> ArrayRef {
        Arc::new(TimestampMicrosecondArray::from_iter(rows.iter().map(f)).with_timezone("UTC"))
    };
    let mut counts: BTreeMap<[&str; 5], i64> = BTreeMap::new();
    let numbers: Vec<i64> = rows
        .iter()
        .map(|r| {
            let count = counts.entry(r.identity()).or_default();
            *count += 1;
            *count
        })
        .collect();
    let columns: Vec<ArrayRef> = vec![
        texts(&|r| Some(r.part.clone())),
        texts(&|r| (!r.labels.is_none()).then(|| r.labels.key())),
        times(&|r| r.range.map(|s| s.from)),
        times(&|r| r.range.map(|s| s.to)),
        texts(&|r| Some(r.reason.clone())),
        texts(&|r| r.path.clone()),
        texts(&|r| r.check.clone()),
        texts(&|r| Some(r.row.clone())),
        times(&|r| Some(r.at.as_microsecond())),
        texts(&|r| r.run.map(|run| run.to_string())),
        Arc::new(Int64Array::from(numbers)),
    ];
    let schema = schema();
    let columns = schema
        .fields()
        .iter()
        .zip(columns)
        .map(|(f, c)| crate::rows::cast(&c, f))
        .collect::<Result<Vec<_>>>()?;
    RecordBatch::try_new(schema, columns).map_err(|e| Error::bug("set-aside rows do not make a batch").caused_by(e))
}

/// Gives rows that lay in quarantine before, alike in all but when they were met, their first time and run: so a read that finds
/// the same mistakes again changes nothing.
///
/// # Errors
/// `Bug` for batches that are no quarantine's.
pub fn keep_first(rows: &mut [SetAside], before: &[RecordBatch], parts: &BTreeSet<String>) -> Result<()> {
    let mut first: BTreeMap<[String; 5], Vec<(Timestamp, Option<RunId>)>> = BTreeMap::new();
    for batch in before {
        for at in 0..batch.num_rows() {
            let row = crate::json::row(batch, at);
            if !row.get(PART).and_then(Value::as_str).is_some_and(|p| parts.contains(p)) {
                continue;
            }
            let text = |name: &str| row.get(name).and_then(Value::as_str).unwrap_or("").to_string();
            let key = [text(PART), text("reason"), text("path"), text("check"), text("row")];
            let met = crate::rows::timestamp(batch, "at", at)?;
            first.entry(key).or_default().push((met, text("run").parse().ok()));
        }
    }
    for row in rows {
        let key = row.identity().map(str::to_string);
        if let Some((at, run)) = first
            .get_mut(&key)
            .and_then(|met| if met.is_empty() { None } else { Some(met.remove(0)) })
        {
            (row.at, row.run) = (at, run);
        }
    }
    Ok(())
}
