//! Whose rows they are: told by the columns that hold the slices' labels.

use super::page::{PageRows, raw_text};
use super::template::scalar;
use arrow_array::{Array, RecordBatch, StringArray, UInt64Array};
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use segue_core::source::Rejected;
use segue_core::{Error, Result, Slice};
use std::collections::HashMap;

/// Between the texts of several labels; no label has it.
const BETWEEN: char = '\u{1f}';

/// Shares a page's rows out to its slices, each slice's rows in one batch. A record of a slice that was not asked for is set aside.
///
/// # Errors
/// `Bug` when the rows cannot be taken apart.
pub fn route(
    group: &[usize],
    slices: &[Slice],
    columns: &[String],
    rows: &mut PageRows,
    body: &[u8],
) -> Result<Vec<(usize, RecordBatch)>> {
    let present: Vec<&String> = columns
        .iter()
        .filter(|c| rows.batch.schema().index_of(c).is_ok())
        .collect();
    if present.is_empty() || rows.batch.num_rows() == 0 {
        let all = group.first().filter(|_| rows.batch.num_rows() > 0);
        return Ok(all.map(|slice| (*slice, rows.batch.clone())).into_iter().collect());
    }
    let mut wanted: HashMap<String, usize> = HashMap::with_capacity(group.len());
    for slice in group {
        let labels: Vec<String> = present
            .iter()
            .map(|c| slices[*slice].labels.0.get(*c).map_or_else(String::new, scalar))
            .collect();
        wanted.entry(labels.join(&BETWEEN.to_string())).or_insert(*slice);
    }
    let texts = present
        .iter()
        .map(|c| Texts::new(&rows.batch, c))
        .collect::<Result<Vec<_>>>()?;
    // For each row the slice, and where all rows of one slice are beside each other, no copy is made.
    let mut whose: Vec<(usize, u64)> = Vec::with_capacity(rows.batch.num_rows());
    let mut key = String::new();
    for row in 0..rows.batch.num_rows() {
        key.clear();
        for (i, text) in texts.iter().enumerate() {
            if i > 0 {
                key.push(BETWEEN);
            }
            text.push(row, &mut key);
        }
        match wanted.get(&key) {
            Some(slice) => whose.push((*slice, row as u64)),
            None => rows.rejected.push(Rejected {
                reason: format!(
                    "a record of {}, which was not asked for",
                    crate::columns::short(&key.replace(BETWEEN, " "))
                ),
                path: None,
                raw: rows
                    .records
                    .get(row)
                    .map(|r| raw_text(&body[r.clone()]))
                    .unwrap_or_default(),
            }),
        }
    }
    let sorted = whose.is_sorted();
    whose.sort();
    let batch = if sorted && whose.len() == rows.batch.num_rows() {
        rows.batch.clone()
    } else {
        let order = UInt64Array::from_iter_values(whose.iter().map(|(_, row)| *row));
        arrow_select::take::take_record_batch(&rows.batch, &order)
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
