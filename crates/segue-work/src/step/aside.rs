//! Rows that were set aside, and evidence: what the quarantine of an asset holds.

use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow_schema::{Schema, SchemaRef};
use jiff::Timestamp;
use segue_core::{AsideId, Error, Kind, Labels, Result, RunId, Span, Type};
use segue_diag::TOO_MUCH_ASIDE;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// The column by which set-aside rows are replaced together with what they belong to.
pub const PART: &str = "part";

/// What evidence of failed checks belongs to: the last try.
pub const EVIDENCE: &str = "evidence";

/// The most text of a row that is kept, in bytes.
const MOST_TEXT: usize = 64 * 1024;

/// The column by which one row of a quarantine is named.
pub const ID: &str = "id";

/// What the text of a row that was set aside is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// The record as its source handed it out.
    Record,
    /// The row as the table would have had it, as JSON.
    Row,
}

impl Form {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Form::Record => "record",
            Form::Row => "row",
        }
    }

    /// The form of this word.
    pub fn of(word: &str) -> Option<Form> {
        [Form::Record, Form::Row].into_iter().find(|form| form.word() == word)
    }
}

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
    /// Its id; `None` until it is committed, and of a row that an earlier version of this program set aside.
    #[serde(default)]
    pub id: Option<AsideId>,
    /// What `row` is, where it can be read again; `None` where it cannot.
    #[serde(default)]
    pub form: Option<Form>,
    /// What the source needs beside a record to read it again.
    #[serde(default)]
    pub beside: Option<Value>,
    /// The asset's last commit before the one that set it aside.
    #[serde(default)]
    pub after: Option<u64>,
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

/// How much is set aside for one commit, which is held in memory until then.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    most: u64,
    taken: u64,
}

impl Room {
    /// Room for rows of so many bytes together.
    pub fn of(most: u64) -> Room {
        Room { most, taken: 0 }
    }

    /// Takes room for a row.
    ///
    /// # Errors
    /// `BadData` when there is none: what is wrong is more than a few rows.
    pub fn take(&mut self, row: &SetAside) -> Result<()> {
        let beside = row.beside.as_ref().map_or(0, |beside| beside.to_string().len());
        let taken = self.taken + (size_of::<SetAside>() + row.row.len() + row.reason.len() + beside) as u64;
        if taken <= self.most {
            self.taken = taken;
            return Ok(());
        }
        Err(Error::new(
            Kind::BadData,
            format!("more than {} MiB of rows would be set aside at once", self.most >> 20),
        )
        .code(TOO_MUCH_ASIDE)
        .with("latest reason", &row.reason)
        .with("row", row.row.chars().take(200).collect::<String>())
        .hint("nothing of it was committed; `segue preview` shows how the first rows are read"))
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

/// The key of a row that belongs to no slice that could be told, of an asset that has slices: it replaces its like and nothing else,
/// because the read that sets others aside may have asked other slices.
pub fn stray_key(reason: &str, path: Option<&str>, row: &str) -> String {
    let digest = segue_core::hash::sha256(format!("{reason}\0{}\0{row}", path.unwrap_or("")));
    format!("stray:{}", &digest[..32])
}

/// A part's key as the labels by which a sink replaces.
pub fn part_labels(part: &str) -> Labels {
    Labels::from_iter([(PART.to_string(), Value::from(part))])
}

/// A row's id as the labels by which a sink replaces.
pub fn id_labels(id: AsideId) -> Labels {
    Labels::from_iter([(ID.to_string(), Value::from(id.to_string()))])
}

/// At most 64 KiB of a text, cut between characters.
pub fn cut(mut text: String) -> String {
    if text.len() > MOST_TEXT {
        let end = (0..=MOST_TEXT).rev().find(|i| text.is_char_boundary(*i)).unwrap_or(0);
        text.truncate(end);
    }
    text
}

/// Whether a text is kept whole.
pub fn is_whole(text: &str) -> bool {
    text.len() <= MOST_TEXT
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
        // Empty in rows of earlier versions of this program.
        (ID, Type::Uuid, true),
        ("form", Type::String, true),
        ("beside", Type::Json, true),
        ("after_commit", Type::Int64, true),
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
        texts(&|r| r.id.map(|id| id.to_string())),
        texts(&|r| r.form.map(|form| form.word().to_string())),
        texts(&|r| r.form.and(r.beside.as_ref()).map(ToString::to_string)),
        Arc::new(Int64Array::from_iter(rows.iter().map(|r| r.after.map(|n| n as i64)))),
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

/// One row of a quarantine table.
///
/// # Errors
/// `Bug` for a batch that is no quarantine's.
pub fn of(batch: &RecordBatch, at: usize) -> Result<SetAside> {
    let values = crate::json::row(batch, at);
    let text = |name: &str| values.get(name).and_then(Value::as_str).map(str::to_string);
    let required = |name: &str| text(name).ok_or_else(|| Error::bug(format!("a row set aside without `{name}`")));
    let time = |name: &str| match values.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(_) => crate::rows::timestamp(batch, name, at).map(Some),
    };
    let range = match (time("range_from")?, time("range_to")?) {
        (Some(from), Some(to)) => Some(Span::new(from.as_microsecond(), to.as_microsecond())),
        _ => None,
    };
    Ok(SetAside {
        part: required(PART)?,
        labels: Labels::from_key(&text("slice").unwrap_or_default())?,
        range,
        reason: required("reason")?,
        path: text("path"),
        check: text("check"),
        row: required("row")?,
        at: crate::rows::timestamp(batch, "at", at)?,
        run: text("run").and_then(|run| run.parse().ok()),
        id: text(ID).and_then(|id| id.parse().ok()),
        form: text("form").and_then(|form| Form::of(&form)),
        beside: text("beside").and_then(|beside| serde_json::from_str(&beside).ok()),
        after: values.get("after_commit").and_then(Value::as_u64),
    })
}

/// When rows that are set aside now were met first: those that lay in quarantine before, alike in all else, keep their first time and run,
/// so that a read which finds the same mistakes again changes nothing.
pub struct Met<'a> {
    parts: &'a BTreeSet<String>,
    /// As large as what is set aside now, whatever lies in quarantine.
    first: BTreeMap<[String; 5], VecDeque<First>>,
}

/// How a row was met first.
struct First {
    at: Timestamp,
    run: Option<RunId>,
    id: Option<AsideId>,
    after: Option<u64>,
}

impl<'a> Met<'a> {
    /// A question about these rows, which replace those of these parts.
    pub fn of(rows: &[SetAside], parts: &'a BTreeSet<String>) -> Met<'a> {
        let first = rows.iter().map(|r| (r.identity().map(str::to_string), VecDeque::new()));
        Met {
            parts,
            first: first.collect(),
        }
    }

    /// Looks through a batch of the quarantine.
    ///
    /// # Errors
    /// `Bug` for a batch that is no quarantine's.
    pub fn look(&mut self, before: &RecordBatch) -> Result<()> {
        for at in 0..before.num_rows() {
            let row = crate::json::row(before, at);
            if !row
                .get(PART)
                .and_then(Value::as_str)
                .is_some_and(|p| self.parts.contains(p))
            {
                continue;
            }
            let text = |name: &str| row.get(name).and_then(Value::as_str).unwrap_or("").to_string();
            let key = [text(PART), text("reason"), text("path"), text("check"), text("row")];
            if let Some(met) = self.first.get_mut(&key) {
                met.push_back(First {
                    at: crate::rows::timestamp(before, "at", at)?,
                    run: text("run").parse().ok(),
                    id: text(ID).parse().ok(),
                    after: row.get("after_commit").and_then(Value::as_u64),
                });
            }
        }
        Ok(())
    }

    /// Gives the rows the times and runs that were found; where they take the place of those before (`replaces`), they are the same rows, and
    /// keep their ids.
    pub fn keep_first(mut self, rows: &mut [SetAside], replaces: bool) {
        for row in rows {
            let key = row.identity().map(str::to_string);
            if let Some(first) = self.first.get_mut(&key).and_then(VecDeque::pop_front) {
                (row.at, row.run) = (first.at, first.run);
                if replaces && first.id.is_some() {
                    (row.id, row.after) = (first.id, first.after);
                }
            }
        }
    }
}
