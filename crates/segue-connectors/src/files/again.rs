//! Lines that were set aside, read again: from what was kept of them and the names of their fields, without the file.

use super::csv::{Line, delimiters};
use super::read::Reading;
use super::settings::FilesCopy;
use super::shape::{Shape, placed};
use super::table::Misfit;
use crate::columns::{self, Builder};
use crate::connector::{left_out, no_columns_yet};
use crate::forms::scan::Scanner;
use segue_core::source::{Again, KeptRecord, OnChange, ReadRequest};
use segue_core::{Ctx, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::mpsc;

/// What stood around a line, as it is kept beside it.
#[derive(Debug, Serialize, Deserialize)]
pub struct Beside {
    /// The file.
    pub file: String,
    /// The line.
    pub at: String,
    /// The names of the file's fields, in their order.
    pub fields: Arc<[String]>,
    /// What columns that tell of the file were, by their names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub given: BTreeMap<String, String>,
}

impl Beside {
    /// Itself beside this line; `None` where not all of the line is kept, or not as it came.
    pub fn of(self, raw: &[u8]) -> Option<Value> {
        columns::is_kept(raw).then(|| serde_json::to_value(self).ok()).flatten()
    }
}

/// Reads the lines again.
///
/// # Errors
/// `NotFound` where nothing tells the columns yet; `Invalid` for a copy that cannot be read.
pub fn again(copy: &FilesCopy, request: &ReadRequest, records: &[KeptRecord], ctx: &Ctx) -> Result<Again> {
    let Some(mut all) = request
        .schema
        .columns
        .clone()
        .filter(|_| request.schema.untyped.is_empty())
    else {
        return Err(no_columns_yet());
    };
    let (out, _nobody) = mpsc::channel(1);
    let mut reading = Reading::new(copy, request, ctx, &out);
    'anew: loop {
        let mut builders: Vec<Builder> = all.iter().map(|c| Builder::new(&c.of)).collect();
        let (mut rows, mut misfits, mut dropped) = (Vec::new(), Vec::new(), 0u64);
        for (at, kept) in records.iter().enumerate() {
            let Ok(beside) = serde_json::from_value::<Beside>(kept.beside.clone()) else {
                misfits.push((at, "what stood around the line cannot be read".to_string(), None));
                continue;
            };
            reading.as_in(&beside);
            let columns = reading.with_given(all.clone())?;
            let (delimiter, quote) = delimiters(copy, &beside.file)?;
            let placed = placed(&beside.fields, &columns, request.schema.declared);
            let aliens = match request.schema.declared || request.schema.on_new_column == OnChange::DropValue {
                true => Vec::new(),
                false => unplaced(&beside.fields, &placed),
            };
            let shape = Shape {
                columns,
                places: placed,
                header: None,
                fields: beside.fields.clone(),
                width: beside.fields.len(),
                aliens,
            };
            if let Some(column) = lacking(copy, &shape, request.schema.declared) {
                let reason = format!("{} {}: the file has no such field", beside.file, beside.at);
                misfits.push((at, reason, Some(column)));
                continue;
            }
            let mut scanner = Scanner::new(kept.raw.as_bytes(), delimiter, quote);
            let filled = match scanner.next() {
                Ok(Some(record)) if record.raw.len() == kept.raw.len() => {
                    reading.row(&Line::of(record), &shape, &mut builders, &mut dropped)
                }
                _ => Err(Misfit::Aside(
                    "no record by this `delimiter` and `quote`".into(),
                    None,
                    None,
                )),
            };
            match filled {
                Ok(()) => rows.push(at),
                Err(Misfit::Aside(reason, path, _)) => {
                    misfits.push((at, format!("{} {}: {reason}", beside.file, beside.at), path));
                }
                Err(Misfit::Frozen(column, reason)) => {
                    let reason = format!("{} {}: {reason}, and the schema is frozen", beside.file, beside.at);
                    misfits.push((at, reason, Some(column)));
                }
                Err(Misfit::Widen(column, of)) => {
                    all[column].of = of;
                    continue 'anew;
                }
            }
        }
        let notes = left_out(dropped);
        return Ok(Again {
            batch: columns::batch(&columns::schema(&all), builders)?,
            rows,
            misfits,
            notes,
        });
    }
}

/// The fields that no column takes.
fn unplaced(fields: &[String], places: &[Option<usize>]) -> Vec<(usize, String)> {
    let all = fields.iter().enumerate();
    let free = all.filter(|(at, _)| !places.contains(&Some(*at)));
    free.map(|(at, name)| (at, name.clone())).collect()
}

/// A column for which the file has no field, where it must have one: as a read of the file would say.
fn lacking(copy: &FilesCopy, shape: &Shape, declared: bool) -> Option<String> {
    if !copy.header {
        return None;
    }
    let columns = shape.columns.iter().zip(&shape.places);
    let mut lacking = columns.filter(|(c, place)| place.is_none() && c.value.is_none());
    let first = lacking.find(|(c, _)| declared || c.required)?;
    Some(first.0.name.clone())
}
