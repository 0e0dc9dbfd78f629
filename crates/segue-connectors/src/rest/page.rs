//! One answer: its records found, picked, decoded, and told apart by slice.

use super::again::Beside;
use super::copy::Missing;
use super::paginate::Paging;
use super::plan::Plan;
use super::template::{Words, scalar};
use crate::forms::Came;
use crate::http::{Answer, Verdict, status_error};
use crate::json::decode::{Decoder, Given, Layout, Outcome};
use crate::json::find::{self, Broken, Found, Lack};
use crate::json::parse::Shape;
use crate::json::path::Step;
use crate::json::{self, Path};
use arrow_array::{BooleanArray, RecordBatch};
use bytes::Bytes;
use segue_core::source::Rejected;
use segue_core::{Error, Kind, Result};
use serde_json::Value;
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

pub use crate::columns::{RAW, raw_text};

/// An answer that may be read, with its records found.
pub struct Page {
    /// The answer.
    pub answer: Answer,
    /// Its records.
    pub found: Found,
}

impl Page {
    /// What the values of columns may name of the answer: `at`, when it was asked for, also where it was kept and is read again.
    pub fn words(&self) -> Value {
        serde_json::json!({ "at": format!("{:.6}", self.answer.asked_at) })
    }
}

/// An answer as it was opened: its parts, each with its records.
pub type Opened = VecDeque<(Bytes, Found)>;

/// Opens an answer in memory, and finds the records of all its parts.
///
/// # Errors
/// As [`find_records`], and those of [`crate::forms::Form::parts`].
pub fn open(plan: &Plan, answer: &Answer, most: u64) -> Result<Opened> {
    let mut parts = plan.form.parts(Came::Here(answer.body.clone()), most)?;
    let mut opened = Opened::new();
    while let Some((part, _)) = parts.next_part()? {
        let found = find_records(plan, &part.bytes)?;
        opened.push_back((part.bytes, found));
    }
    Ok(opened)
}

/// Finds the records of an answer.
///
/// # Errors
/// `Unavailable` when it was cut off, which may pass; `BadData` when it is no JSON, and when nothing, `null` or something else is
/// where the records should be.
pub fn find_records(plan: &Plan, body: &[u8]) -> Result<Found> {
    let parents: Vec<&[Step]> = plan.parents.iter().filter_map(|(_, path)| path.steps()).collect();
    let found = match &plan.records {
        Path::Plain(steps) => find::find(body, steps, &parents, plan.paginator.probe()),
        Path::Full(path) => find::by_tree(path, &plan.records.lead(), body),
    };
    let mut found = found.map_err(|broken| unreadable(broken, body))?;
    if let (Some(lack), Some(steps)) = (found.lack, plan.single.as_ref().and_then(Path::steps))
        && lack.found == Some(Shape::Object)
        && lack.taken == steps.len()
    {
        found = find::find(body, steps, &parents, plan.paginator.probe()).map_err(|broken| unreadable(broken, body))?;
    }
    match found.lack {
        Some(lack) if plan.missing == Missing::Fail || !matches!(lack.found, None | Some(Shape::Null)) => {
            Err(no_records(&plan.records.lead(), lack))
        }
        _ => Ok(found),
    }
}

fn no_records(steps: &[Step], lack: Lack) -> Error {
    let next = steps.get(lack.taken);
    let above = json::path::written(&steps[..lack.taken.min(steps.len())]);
    let wanted = if matches!(next, Some(Step::Name(_))) {
        "an object"
    } else {
        "an array"
    };
    let (what, hint) = match (lack.found, next) {
        (None, Some(next)) => {
            let all = [&steps[..lack.taken], std::slice::from_ref(next)].concat();
            (format!("the answer has no `{}`", json::path::written(&all)), LEFT_OUT)
        }
        (None | Some(Shape::Null), _) => (format!("`{above}` of the answer is null"), LEFT_OUT),
        (Some(Shape::Object), _) => {
            let hint = "for the values of an object write `.*` in place of `[*]`";
            (
                format!("`{above}` of the answer is an object, and {wanted} belongs there"),
                hint,
            )
        }
        (Some(shape), _) => {
            let what = format!(
                "`{above}` of the answer is {}, and {wanted} belongs there",
                shape.name()
            );
            (what, "look at `records`, and at what the server answers")
        }
    };
    Error::new(Kind::BadData, what)
        .code(segue_diag::REST_NO_RECORDS)
        .hint(hint)
}

const LEFT_OUT: &str =
    "if the server leaves it out where there is nothing, write `records: { path: …, missing: empty }`";

fn unreadable(broken: Broken, body: &[u8]) -> Error {
    let start = String::from_utf8_lossy(&body[..body.len().min(80)])
        .trim_start_matches(|c: char| c.is_whitespace() || c == '\u{feff}')
        .to_string();
    match broken {
        _ if body.is_empty() => Error::new(Kind::BadData, "the answer is empty").code(segue_diag::REST_NOT_JSON),
        _ if body.starts_with(&[0xFF, 0xFE]) || body.starts_with(&[0xFE, 0xFF]) => {
            Error::new(Kind::BadData, "the answer is UTF-16, and JSON is UTF-8").code(segue_diag::REST_NOT_JSON)
        }
        _ if start.starts_with('<') => Error::new(Kind::BadData, "the answer is HTML or XML, not JSON")
            .code(segue_diag::REST_NOT_JSON)
            .hint("look at the connection's base_url, and at whether a sign-in page or a proxy answers"),
        Broken::Cut => Error::new(Kind::Unavailable, "the answer was cut off").with("bytes", body.len()),
        Broken::NotJson(at) => Error::new(Kind::BadData, "the answer is not JSON")
            .code(segue_diag::REST_NOT_JSON)
            .with("at byte", at),
        Broken::Twice(at) => Error::new(Kind::BadData, "the answer has a key on the way to the records twice")
            .code(segue_diag::REST_NOT_JSON)
            .with("at byte", at),
    }
}

/// What to do with an answer; with it its records, or why there are none where there should be.
pub fn judge(plan: &Plan, paging: &Paging, answer: &Answer, most: u64, found: &mut Option<Result<Opened>>) -> Verdict {
    use super::copy::Then;
    *found = None;
    // It is asked for with fewer records then.
    if plan.paginator.complains(answer.status, &answer.body) && paging.can_shrink(&plan.paginator) {
        return Verdict::Accept;
    }
    match plan.rule(answer.status, &answer.body) {
        Some(Then::Retry) => return Verdict::Retry(retryable(status_error(answer.status))),
        Some(_) => return Verdict::Accept,
        None => {}
    }
    match answer.status {
        204 => Verdict::Accept,
        200..300 if plan.graphql_error(&answer.body).is_some() => Verdict::Accept,
        // It is opened as it is read.
        200..300 if answer.file.is_some() => Verdict::Accept,
        200..300 => match open(plan, answer, most) {
            // Cut off on its way, or a page of a proxy that has its bad moment: the next try may be right.
            Err(error) if may_pass(&error) => Verdict::Retry(error),
            records => {
                *found = Some(records);
                Verdict::Accept
            }
        },
        408 | 425 | 429 | 500.. => Verdict::Retry(retryable(status_error(answer.status))),
        _ => Verdict::Accept,
    }
}

fn may_pass(error: &Error) -> bool {
    let code = error.error_code();
    error.kind().is_transient()
        || [segue_diag::REST_NOT_JSON, segue_diag::REST_FORM]
            .map(Some)
            .contains(&code)
}

fn retryable(error: Error) -> Error {
    if error.kind().is_transient() {
        error
    } else {
        Error::new(Kind::Unavailable, error.message())
    }
}

/// The records that a slice takes of its pages, where it picks.
#[derive(Clone, Debug, Default)]
pub struct Picked {
    /// How many were taken.
    pub taken: u64,
    /// How many were looked at.
    pub looked_at: u64,
    /// The candidates so far, for the one who has to choose.
    pub candidates: String,
}

/// A record that was set aside, with what is needed to tell whose it is.
pub struct Aside {
    /// The record, cut to what is kept.
    pub row: Rejected,
    /// Where it stands in the answer.
    pub whole: Range<usize>,
    /// The values of the parents' columns above it, as text.
    pub above: Vec<(String, String)>,
}

/// The rows of a page.
pub struct PageRows {
    /// The rows.
    pub batch: RecordBatch,
    /// The records that the rows came from.
    pub records: Vec<Range<usize>>,
    /// The records that do not fit.
    pub rejected: Vec<Aside>,
    /// Values that were left out.
    pub dropped: u64,
    /// Records that were null.
    pub nulls: u64,
    /// What the slice has picked with them.
    pub picked: Picked,
}

impl PageRows {
    /// Leaves out the rows that are not wanted.
    ///
    /// # Errors
    /// `Bug` where they cannot be left out.
    pub fn keep(&mut self, wanted: &BooleanArray) -> Result<()> {
        if wanted.true_count() == self.batch.num_rows() {
            return Ok(());
        }
        self.batch = arrow_select::filter::filter_record_batch(&self.batch, wanted)
            .map_err(|e| Error::bug("rows cannot be left out").caused_by(e))?;
        let mut row = 0;
        self.records.retain(|_| {
            row += 1;
            wanted.value(row - 1)
        });
        Ok(())
    }
}

/// What decoding a page led to.
pub enum Decoding {
    /// Rows.
    Rows(PageRows),
    /// It needs these columns.
    Widen(Vec<segue_core::source::Column>),
}

/// Decodes a page; `picked` is what the slice picked of the pages before. `values` are those of the columns with a template.
///
/// # Errors
/// `BadData` when the schema is frozen and the page does not fit it.
pub fn decode(
    plan: &Plan,
    layout: &Arc<Layout>,
    page: &Page,
    values: &[(usize, String)],
    words: &Words,
    picked: &Picked,
) -> Result<Decoding> {
    let mut picked = picked.clone();
    let body = &page.answer.body[..];
    let mut records: Vec<(Range<usize>, usize)> = Vec::with_capacity(page.found.records.len());
    let mut nulls = 0;
    for (range, above) in &page.found.records {
        if &body[range.clone()] == b"null" {
            nulls += 1;
        } else {
            records.push((range.clone(), *above));
        }
    }
    let mut rejected = Vec::new();
    if plan.pick.is_some() {
        records = pick(plan, body, records, words, &mut picked, &mut rejected)?;
    }
    let parents = parent_columns(plan, layout);
    let mut decoder = Decoder::new(layout.clone());
    let mut taken = Vec::with_capacity(records.len());
    for (range, above) in records {
        let raw = &body[range.clone()];
        let mut given = |column: usize| match values.iter().find(|(i, _)| *i == column) {
            Some((_, text)) => Given::Text(text.as_str()),
            None => {
                let parent = parents.iter().find(|(_, i)| *i == column).map(|(p, _)| *p);
                let range = parent.and_then(|p| page.found.parents.get(above)?.get(p)?.clone());
                range
                    .and_then(|r| std::str::from_utf8(&body[r]).ok())
                    .map_or(Given::Nothing, Given::Json)
            }
        };
        match decoder.record(raw, &mut given) {
            Outcome::Taken => taken.push(range),
            Outcome::Rejected { reason, path } => {
                let row = Rejected {
                    reason,
                    path: Some(path),
                    raw: raw_text(raw),
                    beside: beside(layout, page, values, &parents, above, raw),
                };
                rejected.push(Aside {
                    row,
                    whole: range,
                    above: texts_above(plan, page, above, body),
                });
            }
            Outcome::Widen(columns) => return Ok(Decoding::Widen(columns)),
            Outcome::Frozen(what) => {
                return Err(Error::new(
                    Kind::BadData,
                    format!("the source's records changed, and the schema is frozen: {what}"),
                )
                .code(segue_diag::SCHEMA_FROZEN)
                .hint("say on_new_column or on_type_change: evolve, quarantine or drop_value"));
            }
        }
    }
    let decoded = decoder.finish()?;
    Ok(Decoding::Rows(PageRows {
        batch: decoded.batch,
        records: taken,
        rejected,
        dropped: decoded.dropped,
        nulls,
        picked,
    }))
}

/// What a record is read again with; `None` where not all of it is kept, or not as it came.
fn beside(
    layout: &Layout,
    page: &Page,
    values: &[(usize, String)],
    parents: &[(usize, usize)],
    above: usize,
    raw: &[u8],
) -> Option<Value> {
    if !crate::columns::is_kept(raw) {
        return None;
    }
    let stood = |(parent, column): &(usize, usize)| {
        let range = page.found.parents.get(above).and_then(|all| all.get(*parent)?.clone());
        (*column, range)
    };
    let above: Vec<_> = parents.iter().map(stood).collect();
    Beside::of(layout.columns(), values, &above, &page.answer.body)
}

/// What stands above a record, by the column that it goes to.
fn texts_above(plan: &Plan, page: &Page, above: usize, body: &[u8]) -> Vec<(String, String)> {
    let Some(ranges) = page.found.parents.get(above) else {
        return Vec::new();
    };
    let texts = plan.parents.iter().zip(ranges).filter_map(|((name, _), range)| {
        let value: Value = serde_json::from_slice(&body[range.clone()?]).ok()?;
        Some((name.clone(), scalar(&value)))
    });
    texts.collect()
}

/// Which column each parent's value goes to.
fn parent_columns(plan: &Plan, layout: &Layout) -> Vec<(usize, usize)> {
    let columns = layout.columns();
    plan.parents
        .iter()
        .enumerate()
        .filter_map(|(p, (name, _))| Some((p, columns.iter().position(|c| c.name == *name)?)))
        .collect()
}

/// The records that meet the condition, as far as they are still wanted.
fn pick(
    plan: &Plan,
    body: &[u8],
    records: Vec<(Range<usize>, usize)>,
    words: &Words,
    picked: &mut Picked,
    rejected: &mut Vec<Aside>,
) -> Result<Vec<(Range<usize>, usize)>> {
    let Some((pick, condition)) = &plan.pick else {
        return Ok(records);
    };
    let trees: Vec<Value> = records
        .iter()
        .map(|(r, _)| serde_json::from_slice(&body[r.clone()]).unwrap_or(Value::Null))
        .collect();
    let verdicts = condition.judge(&trees, words)?;
    let mut chosen = Vec::new();
    for ((range, above), verdict) in records.into_iter().zip(verdicts) {
        if picked.taken >= pick.first {
            break;
        }
        picked.looked_at += 1;
        let raw = &body[range.clone()];
        if picked.taken == 0 && picked.candidates.len() < RAW {
            let separator = if picked.candidates.is_empty() { "" } else { "," };
            picked.candidates.push_str(separator);
            picked.candidates.push_str(&raw_text(raw));
        }
        match verdict {
            Ok(true) => {
                picked.taken += 1;
                chosen.push((range, above));
            }
            Ok(false) => {}
            Err(why) => {
                let reason = format!("the pick cannot be judged: {why}");
                let row = Rejected {
                    reason,
                    path: None,
                    raw: raw_text(raw),
                    beside: None,
                };
                rejected.push(Aside {
                    row,
                    whole: range,
                    above: Vec::new(),
                });
            }
        }
    }
    Ok(chosen)
}
