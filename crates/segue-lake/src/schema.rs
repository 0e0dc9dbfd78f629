//! A table's columns: in Arrow as Segue keeps them, and in Delta's schema with our types in the fields' metadata.

use arrow_schema::{Field, Schema, SchemaRef};
use deltalake_core::kernel::StructType;
use deltalake_core::kernel::engine::arrow_conversion::TryFromArrow;
use segue_core::{Error, Kind, Result, Type, align};
use segue_diag::LAKE_SCHEMA;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A column as it is written down beside staged files.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Column {
    pub name: String,
    pub of: Type,
    pub nullable: bool,
}

/// The columns of a schema that is kept.
pub(crate) fn columns(schema: &Schema) -> Result<Vec<Column>> {
    schema
        .fields()
        .iter()
        .map(|f| {
            Ok(Column {
                name: f.name().clone(),
                of: Type::of(f)?,
                nullable: f.is_nullable(),
            })
        })
        .collect()
}

/// The schema of these columns.
pub(crate) fn of_columns(columns: &[Column]) -> SchemaRef {
    Arc::new(Schema::new(
        columns
            .iter()
            .map(|c| c.of.field(&c.name, c.nullable))
            .collect::<Vec<_>>(),
    ))
}

/// Delta's form of a schema.
pub(crate) fn to_delta(schema: &Schema) -> Result<StructType> {
    StructType::try_from_arrow(schema)
        .map_err(|e| Error::new(Kind::Unsupported, "the columns cannot be kept in a Delta table").caused_by(e))
}

/// Whether a file of the one schema can stand in a table of the other as it is: each column there with the same Arrow type.
pub(crate) fn is_part_of(file: &Schema, table: &Schema) -> bool {
    file.fields().iter().all(|f| match table.field_with_name(f.name()) {
        Ok(to) => match (Type::of(f), Type::of(to)) {
            (Ok(have), Ok(want)) => {
                f.data_type() == to.data_type() && (have.widens_to(&want)) && (to.is_nullable() || !f.is_nullable())
            }
            _ => false,
        },
        Err(_) => false,
    }) && table
        .fields()
        .iter()
        .all(|f| f.is_nullable() || file.field_with_name(f.name()).is_ok())
}

/// The schema of a table after a change that keeps its rows: every column of the table stays, of its type or a wider one, and may be
/// empty where it could be before. True when a type widened, so that old files have to be written anew.
///
/// # Errors
/// `BadData` when a column would be lost or narrowed.
pub(crate) fn evolve(table: &Schema, wanted: &Schema, name: &str) -> Result<(SchemaRef, bool)> {
    let mut widened = false;
    let mut fields: Vec<Field> = Vec::new();
    let wanted = align::kept(wanted)?;
    for old in table.fields() {
        let Ok(new) = wanted.field_with_name(old.name()) else {
            return Err(Error::new(
                Kind::BadData,
                format!("column `{}` of {name} would be lost", old.name()),
            )
            .code(LAKE_SCHEMA)
            .hint("build the table anew with --rebuild"));
        };
        let (have, want) = (Type::of(old)?, Type::of(new)?);
        if !have.widens_to(&want) {
            return Err(Error::new(
                Kind::BadData,
                format!("column `{}` of {name} is {have} and would become {want}", old.name()),
            )
            .code(LAKE_SCHEMA)
            .hint("build the table anew with --rebuild"));
        }
        widened |= old.data_type() != new.data_type();
        fields.push(new.clone().with_nullable(old.is_nullable() || new.is_nullable()));
    }
    for new in wanted
        .fields()
        .iter()
        .filter(|f| table.field_with_name(f.name()).is_err())
    {
        fields.push(new.as_ref().clone().with_nullable(true));
    }
    Ok((Arc::new(Schema::new(fields)), widened))
}
