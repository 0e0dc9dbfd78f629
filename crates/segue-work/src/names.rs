//! A project's words in the words that capabilities exchange.

use arrow_schema::{Field, Schema};
use segue_core::source::{Column, OnChange};
use segue_core::{AssetName, Error, Result, Type};
use segue_spec::model::{self, OnSchemaChange};
use std::sync::Arc;

/// An asset's name as it is exchanged.
pub fn asset_name(name: &segue_spec::AssetName) -> AssetName {
    name.as_str()
        .parse()
        .expect("a project's names keep stricter rules than the names that are exchanged")
}

/// A type as it is exchanged.
///
/// # Errors
/// `Bug` for a type that the project knows and the rest does not.
pub fn column_type(of: &segue_spec::types::Type) -> Result<segue_core::Type> {
    of.to_string()
        .parse()
        .map_err(|e| Error::bug(format!("the type {of} is known to the project alone")).caused_by(e))
}

/// A copy's declared columns; those whose type is not written take it from the columns that are frozen, if they are there.
/// `None` when no column is declared, or one's type is not known yet.
///
/// # Errors
/// As [`column_type`].
pub fn columns(declared: &model::Columns, frozen: Option<&[Column]>) -> Result<Option<Vec<Column>>> {
    let mut columns = Vec::with_capacity(declared.len());
    for (name, column) in declared.iter() {
        let known = frozen.and_then(|f| f.iter().find(|c| c.name == *name));
        let of = match (&column.ty, known) {
            (Some(of), _) => column_type(of)?,
            (None, Some(known)) => known.of.clone(),
            (None, None) if column.value.is_some() => segue_core::Type::String,
            (None, None) => segue_core::Type::Json,
        };
        columns.push(Column {
            name: name.clone(),
            of,
            required: column.required,
            path: column.path.clone(),
            value: column.value.as_ref().map(template),
        });
    }
    Ok((!columns.is_empty()).then_some(columns))
}

/// The columns of a table, as those of an asset that declares none are kept.
///
/// # Errors
/// `Unsupported` for a type that no asset has.
pub fn table_columns(schema: &Schema) -> Result<Vec<Column>> {
    let column = |f: &Arc<Field>| {
        Ok(Column {
            name: f.name().clone(),
            of: Type::of(f)?,
            required: !f.is_nullable(),
            path: None,
            value: None,
        })
    };
    schema.fields().iter().map(column).collect()
}

/// A `value:` as a template's text.
pub fn template(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// What to do with what the schema does not have.
pub fn on_change(word: OnSchemaChange) -> OnChange {
    match word {
        OnSchemaChange::Evolve => OnChange::Evolve,
        OnSchemaChange::Freeze => OnChange::Freeze,
        OnSchemaChange::Quarantine => OnChange::Quarantine,
        OnSchemaChange::DropValue => OnChange::DropValue,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_is_written_as_it_is_kept() {
        for kept in Type::examples() {
            let written: segue_spec::types::Type = kept.to_string().parse().expect("a project can write it");
            assert_eq!(written.to_string(), kept.to_string());
            assert_eq!(column_type(&written).expect("it is known"), kept);
        }
    }
}
