//! Rows that were set aside, read again: from the text of each value, without the server.

use crate::columns::{self, Builder, Misfit};
use crate::connector::{left_out, no_columns_yet};
use segue_core::Result;
use segue_core::source::{Again, Column, KeptRecord, OnChange, ReadSchema};
use serde_json::{Map, Value};

/// Reads the rows again.
///
/// # Errors
/// `NotFound` where nothing tells the columns yet.
pub(super) fn again(schema: &ReadSchema, records: &[KeptRecord]) -> Result<Again> {
    let Some(all) = schema.columns.as_deref().filter(|_| schema.untyped.is_empty()) else {
        return Err(no_columns_yet());
    };
    let mut builders: Vec<Builder> = all.iter().map(|c| Builder::new(&c.of)).collect();
    let (mut rows, mut misfits, mut dropped) = (Vec::new(), Vec::new(), 0u64);
    for (at, record) in records.iter().enumerate() {
        let drops = schema.on_type_change == OnChange::DropValue;
        match row(all, drops, record, &mut builders) {
            Ok(left_out) => {
                dropped += left_out;
                rows.push(at);
            }
            Err((column, misfit)) => {
                builders.iter_mut().for_each(|b| b.truncate(rows.len()));
                let path = column.map(|name| format!("{name}{}", misfit.path));
                misfits.push((at, misfit.reason, path));
            }
        }
    }
    let notes = left_out(dropped);
    Ok(Again {
        batch: columns::batch(&columns::schema(all), builders)?,
        rows,
        misfits,
        notes,
    })
}

/// One row into the columns; how many of its values were left out.
fn row(
    all: &[Column],
    drops: bool,
    record: &KeptRecord,
    builders: &mut [Builder],
) -> std::result::Result<u64, (Option<String>, Misfit)> {
    let values: Map<String, Value> =
        serde_json::from_str(&record.raw).map_err(|_| (None, Misfit::new("what was kept is no row")))?;
    let mut left_out = 0;
    for (column, builder) in all.iter().zip(builders) {
        let wrong = |misfit: Misfit| (Some(column.name.clone()), misfit);
        match values.get(&column.name) {
            Some(Value::Null) if column.required => return Err(wrong(Misfit::new("is null, and required"))),
            Some(Value::Null) => builder.push_null(),
            Some(Value::String(text)) => match builder.push_text(text) {
                Err(_) if drops && !column.required => {
                    builder.push_null();
                    left_out += 1;
                }
                pushed => pushed.map_err(wrong)?,
            },
            _ => return Err(wrong(Misfit::new("was not read when the row was set aside"))),
        }
    }
    Ok(left_out)
}
