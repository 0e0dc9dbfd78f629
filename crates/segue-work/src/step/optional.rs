//! What an asset that says `optional: true` is for others: they go on without it. Where it cannot be read its step does not fail, and
//! before it has a table it is an empty one of its columns.

use crate::names;
use crate::report::Ended;
use arrow_array::RecordBatch;
use arrow_schema::{Field, Schema};
use segue_core::engine::{InMemory, Relation};
use segue_core::{AssetName, Error, Kind, Result};
use segue_spec::Project;
use segue_spec::model::{Asset, How};
use std::sync::Arc;

/// An optional asset's table before there is one: its columns, and no rows. `None` for any other asset, and for one whose columns nobody
/// has declared: nobody knows what its table will look like.
///
/// # Errors
/// `Bug` for a type that the project knows and the rest does not.
pub fn empty(project: &Project, name: &AssetName) -> Result<Option<Arc<dyn Relation>>> {
    let Some(asset) = names::asset_of(project, name).filter(|asset| asset.optional) else {
        return Ok(None);
    };
    let How::Copy(copy) = &asset.how else {
        return Ok(None);
    };
    let Some((columns, untyped)) = names::columns(&copy.columns, None)? else {
        return Ok(None);
    };
    if !untyped.is_empty() || copy.has_children() {
        return Ok(None);
    }
    // Which of them can be empty is not said of what has no rows.
    let mut fields: Vec<Field> = columns.iter().map(|c| c.of.field(&c.name, true)).collect();
    fields.extend(names::own_columns(&asset.write));
    let rows = RecordBatch::new_empty(Arc::new(Schema::new(fields)));
    Ok(Some(Arc::new(InMemory::new(rows))))
}

/// The error for an input that has no table yet, saying what would let others go on without it.
pub fn with_columns_wanted(error: Error, project: &Project, name: &AssetName) -> Error {
    match names::asset_of(project, name) {
        Some(asset) if asset.optional => error.hint(format!(
            "run it first: segue run {name}; or declare its `columns` with their types: then it is empty until it was read"
        )),
        _ => error,
    }
}

/// Whether this asset may be missing for those that read it.
pub fn may_be_missing(project: &Project, name: &AssetName) -> bool {
    matches!(empty(project, name), Ok(Some(_)))
}

/// How the step of an optional asset ends where its source cannot be read: partial, with the reason as a note. Any other failure, and that
/// of any other asset, is one.
///
/// # Errors
/// The failure itself.
pub fn without(asset: &Asset, error: Error, notes: &mut Vec<String>) -> Result<Ended> {
    if !asset.optional || !is_of_the_source(&error) {
        return Err(error);
    }
    notes.push(format!("not read now, and optional: {}", told(&error)));
    Ok(Ended::Partial)
}

/// Whether the source is not to be had: it is down, it does not let us in, or what we would show it is missing.
fn is_of_the_source(error: &Error) -> bool {
    let is_missing_secret = error.error_code() == Some(segue_diag::UNRESOLVED_REFERENCE);
    is_missing_secret
        || matches!(
            error.kind(),
            Kind::Unavailable | Kind::TimedOut | Kind::RateLimited | Kind::Denied | Kind::Unauthenticated
        )
}

/// An error in one line, with its code: that is what `segue explain` is asked about.
pub fn told(error: &Error) -> String {
    match error.error_code() {
        Some(code) => format!("[{code}] {error}"),
        None => error.to_string(),
    }
}
