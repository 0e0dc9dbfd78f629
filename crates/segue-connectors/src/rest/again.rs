//! Records that were set aside, read again: from what was kept of them, with no request.

use super::plan::Plan;
use super::schema::SharedSchema;
use crate::connector::{left_out, no_columns_yet};
use crate::json::decode::{Decoder, Given, Layout, Outcome};
use segue_core::Result;
use segue_core::source::{Again, Column, KeptRecord, ReadRequest};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::ops::Range;

/// What stood around a record, as it is kept beside it.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Beside {
    /// Values that do not stand in the record, by their columns.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    values: BTreeMap<String, Filled>,
    /// What stood above it in the answer, by its column, as JSON.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    above: BTreeMap<String, String>,
}

/// A value that was filled in.
#[derive(Debug, Serialize, Deserialize)]
struct Filled {
    /// The template that it came from; `None` for a slice's label.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    of: Option<String>,
    /// Its text.
    is: String,
}

impl Beside {
    /// What is to be kept beside a record of this answer.
    pub fn of(
        columns: &[Column],
        values: &[(usize, String)],
        above: &[(usize, Option<Range<usize>>)],
        body: &[u8],
    ) -> Option<Value> {
        let filled = |(at, is): &(usize, String)| {
            let column = columns.get(*at)?;
            let (of, is) = (column.value.clone(), is.clone());
            Some((column.name.clone(), Filled { of, is }))
        };
        let stood = |(at, range): &(usize, Option<Range<usize>>)| {
            let text = std::str::from_utf8(body.get(range.clone()?)?).ok()?;
            Some((columns.get(*at)?.name.clone(), text.to_string()))
        };
        let beside = Beside {
            values: values.iter().filter_map(filled).collect(),
            above: above.iter().filter_map(stood).collect(),
        };
        serde_json::to_value(beside).ok()
    }

    /// Why a column that is filled in cannot be, if so: its template is another now.
    fn lacks(&self, columns: &[Column]) -> Option<String> {
        let templates = columns.iter().filter(|c| c.value.is_some());
        let mut lacking = templates.filter(|c| self.values.get(&c.name).is_none_or(|v| v.of != c.value));
        let column = lacking.next()?;
        Some(format!(
            "what `{}` was filled in with is not known: its template is new, or another one now",
            column.name
        ))
    }
}

/// Reads the records again.
///
/// # Errors
/// `NotFound` where nothing tells the columns yet; `Invalid` for a copy that cannot be read.
pub fn again(request: &ReadRequest, records: &[KeptRecord]) -> Result<Again> {
    let plan = Plan::of(crate::connector::read_copy(&request.copy)?, request)?;
    let schema = SharedSchema::new(&request.schema, &plan, Vec::new())?;
    if !schema.is_known() {
        return Err(no_columns_yet());
    }
    let besides: Vec<Option<Beside>> = records
        .iter()
        .map(|r| serde_json::from_value(r.beside.clone()).ok())
        .collect();
    let mut layout = schema.layout(&[])?;
    'anew: loop {
        let mut decoder = Decoder::new(layout.clone());
        let (mut rows, mut misfits) = (Vec::new(), Vec::new());
        for (at, (record, beside)) in records.iter().zip(&besides).enumerate() {
            let Some(beside) = beside else {
                misfits.push((at, "what stood around the record cannot be read".to_string(), None));
                continue;
            };
            if let Some(why) = beside.lacks(layout.columns()) {
                misfits.push((at, why, None));
                continue;
            }
            match record_again(&mut decoder, &layout, record, beside) {
                Outcome::Taken => rows.push(at),
                Outcome::Rejected { reason, path } => misfits.push((at, reason, Some(path))),
                Outcome::Frozen(what) => {
                    misfits.push((at, format!("{what}, and the schema is frozen"), None));
                }
                Outcome::Widen(columns) => {
                    layout = schema.widen(&layout, columns)?;
                    continue 'anew;
                }
            }
        }
        let decoded = decoder.finish()?;
        let notes = left_out(decoded.dropped);
        return Ok(Again {
            batch: decoded.batch,
            rows,
            misfits,
            notes,
        });
    }
}

fn record_again(decoder: &mut Decoder, layout: &Layout, record: &KeptRecord, beside: &Beside) -> Outcome {
    let columns = layout.columns();
    let mut given = |at: usize| {
        let Some(column) = columns.get(at) else {
            return Given::Nothing;
        };
        match (beside.values.get(&column.name), beside.above.get(&column.name)) {
            (Some(filled), _) => Given::Text(filled.is.as_str()),
            (None, Some(json)) => Given::Json(json.as_str()),
            (None, None) => Given::Nothing,
        }
    };
    decoder.record(record.raw.as_bytes(), &mut given)
}
