//! Whose rows they are: told by the columns that hold the slices' labels.

use super::page::{Aside, PageRows, raw_text};
use super::template::scalar;
use crate::json::Path;
use crate::json::decode::Layout;
use arrow_array::{Array, RecordBatch, StringArray, UInt64Array};
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use segue_core::source::{Column, Rejected};
use segue_core::{Error, Result, Slice};
use serde_json::Value;
use std::collections::HashMap;

/// Between the texts of several labels; no label has it.
const BETWEEN: char = '\u{1f}';

/// A page's rows and the records that were set aside, shared out to its slices.
pub struct Shared {
    /// Each slice's rows in one batch.
    pub rows: Vec<(usize, RecordBatch)>,
    /// Records that were set aside, with their slice where it can be told.
    pub rejected: Vec<(Option<usize>, Vec<Rejected>)>,
}

/// Shares a page out. A record of a slice that was not asked for is set aside.
///
/// # Errors
/// `Bug` when the rows cannot be taken apart.
pub fn route(
    group: &[usize],
    slices: &[Slice],
    columns: &[String],
    layout: &Layout,
    page: PageRows,
    body: &[u8],
) -> Result<Shared> {
    let alone = (group.len() == 1).then(|| group[0]);
    let present: Vec<&Column> = columns
        .iter()
        .filter_map(|c| layout.columns().iter().find(|l| l.name == **c))
        .collect();
    let mut wanted: HashMap<String, usize> = HashMap::with_capacity(group.len());
    for slice in group {
        let labels: Vec<String> = present
            .iter()
            .map(|c| slices[*slice].labels.get(&c.name).map_or_else(String::new, scalar))
            .collect();
        wanted.entry(labels.join(&BETWEEN.to_string())).or_insert(*slice);
    }
    let mut rejected: Vec<(Option<usize>, Vec<Rejected>)> = Vec::new();
    let mut aside = |whose: Option<usize>, row: Rejected| match rejected.iter_mut().find(|(slice, _)| *slice == whose) {
        Some((_, rows)) => rows.push(row),
        None => rejected.push((whose, vec![row])),
    };
    for record in page.rejected {
        let whose = alone.or_else(|| wanted.get(&labels_of(&record, body, &present)?).copied());
        aside(whose, record.row);
    }
    let rows = share(alone, &wanted, &present, &page.batch, |row, key| {
        let reason = format!(
            "a record of {}, which was not asked for",
            crate::columns::short(&key.replace(BETWEEN, " "))
        );
        let raw = page
            .records
            .get(row)
            .map(|r| raw_text(&body[r.clone()]))
            .unwrap_or_default();
        aside(
            alone,
            Rejected {
                reason,
                path: None,
                raw,
                beside: None,
            },
        );
    })?;
    Ok(Shared { rows, rejected })
}

/// The labels of a record that is no row, as far as they can be read.
fn labels_of(record: &Aside, body: &[u8], columns: &[&Column]) -> Option<String> {
    let tree: Option<Value> = serde_json::from_slice(&body[record.whole.clone()]).ok();
    let mut labels = Vec::new();
    for column in columns {
        let above = record
            .above
            .iter()
            .find(|(name, _)| *name == column.name)
            .map(|(_, text)| text.clone());
        let label = above.or_else(|| {
            let path = Path::parse(column.path.as_deref().unwrap_or(&column.name)).ok()?;
            path.first(tree.as_ref()?).map(scalar)
        });
        labels.push(label?);
    }
    Some(labels.join(&BETWEEN.to_string()))
}

/// Each slice's rows in one batch; `unasked` is told of those that are nobody's.
fn share(
    alone: Option<usize>,
    wanted: &HashMap<String, usize>,
    columns: &[&Column],
    batch: &RecordBatch,
    mut unasked: impl FnMut(usize, &str),
) -> Result<Vec<(usize, RecordBatch)>> {
    if batch.num_rows() == 0 {
        return Ok(Vec::new());
    }
    // Where labels come from the slice itself, there is nothing to tell apart.
    if let Some(slice) = alone.filter(|_| columns.iter().all(|c| c.value.is_some())) {
        return Ok(vec![(slice, batch.clone())]);
    }
    let texts = columns
        .iter()
        .map(|c| Texts::new(batch, &c.name))
        .collect::<Result<Vec<_>>>()?;
    let mut whose: Vec<(usize, u64)> = Vec::with_capacity(batch.num_rows());
    let mut key = String::new();
    for row in 0..batch.num_rows() {
        key.clear();
        for (i, text) in texts.iter().enumerate() {
            if i > 0 {
                key.push(BETWEEN);
            }
            text.push(row, &mut key);
        }
        match wanted.get(&key) {
            Some(slice) => whose.push((*slice, row as u64)),
            None => unasked(row, &key),
        }
    }
    // Where all rows of one slice are beside each other already, no copy is made.
    let sorted = whose.is_sorted();
    whose.sort();
    let batch = if sorted && whose.len() == batch.num_rows() {
        batch.clone()
    } else {
        let order = UInt64Array::from_iter_values(whose.iter().map(|(_, row)| *row));
        arrow_select::take::take_record_batch(batch, &order)
            .map_err(|e| Error::bug("rows cannot be shared out").caused_by(e))?
    };
    let mut parts = Vec::new();
    let mut from = 0;
    while from < whose.len() {
        let slice = whose[from].0;
        let length = whose[from..].iter().take_while(|(s, _)| *s == slice).count();
        parts.push((slice, batch.slice(from, length)));
        from += length;
    }
    Ok(parts)
}

/// The values of a column as labels have them.
enum Texts<'a> {
    Plain(&'a StringArray),
    Shown(ArrayFormatter<'a>),
}

impl<'a> Texts<'a> {
    fn new(batch: &'a RecordBatch, column: &str) -> Result<Texts<'a>> {
        static OPTIONS: FormatOptions<'static> = FormatOptions::new();
        let array = batch
            .column_by_name(column)
            .ok_or_else(|| Error::bug("a column is gone"))?;
        match array.as_any().downcast_ref::<StringArray>() {
            Some(texts) => Ok(Texts::Plain(texts)),
            None => Ok(Texts::Shown(
                ArrayFormatter::try_new(array, &OPTIONS)
                    .map_err(|e| Error::bug("a label cannot be shown").caused_by(e))?,
            )),
        }
    }

    fn push(&self, row: usize, out: &mut String) {
        match self {
            Texts::Plain(texts) if texts.is_null(row) => {}
            Texts::Plain(texts) => out.push_str(texts.value(row)),
            Texts::Shown(shown) => out.push_str(&shown.value(row).to_string()),
        }
    }
}
