//! Making a batch fit a schema, or saying why it does not: nothing is narrowed on the way.

use crate::types::{Type, kept_alike};
use arrow_array::{
    Array, ArrayRef, ListArray, RecordBatch, RecordBatchOptions, StructArray, cast::AsArray, new_null_array,
    types::Float64Type,
};
use arrow_cast::{CastOptions, cast_with_options};
use arrow_schema::{ArrowError, DataType, Field, FieldRef, Schema, SchemaRef};
use segue_diag::{Error, Kind, Result};
use std::collections::HashMap;
use std::sync::Arc;

/// The schema in which rows of this schema are kept: each column's Segue type, in its own Arrow form.
///
/// # Errors
/// `Unsupported` for a column that no Segue type keeps whole.
pub fn kept(schema: &Schema) -> Result<SchemaRef> {
    let fields: Vec<Field> = schema
        .fields()
        .iter()
        .map(|f| Ok(Type::of(f)?.field(f.name(), f.is_nullable())))
        .collect::<Result<_>>()?;
    Ok(Arc::new(Schema::new(fields)))
}

/// The schema that takes the rows of both: columns of the first, then new columns of the second, each of the narrowest common type.
/// A column that only one of them has becomes nullable.
///
/// # Errors
/// `BadData` when a column's two types have no common one; it names the column and both types.
pub fn common(a: &Schema, b: &Schema) -> Result<SchemaRef> {
    let (in_a, in_b) = (places(a), places(b));
    let mut fields = Vec::new();
    for field in a.fields() {
        match in_b.get(field.name().as_str()) {
            Some(at) => {
                let other = b.field(*at);
                let (x, y) = (Type::of(field)?, Type::of(other)?);
                let both = x.common(&y).ok_or_else(|| {
                    Error::new(
                        Kind::BadData,
                        format!("column `{}` is {x} in one place and {y} in another", field.name()),
                    )
                })?;
                fields.push(both.field(field.name(), field.is_nullable() || other.is_nullable()));
            }
            None => fields.push(Type::of(field)?.field(field.name(), true)),
        }
    }
    for field in b.fields().iter().filter(|f| !in_a.contains_key(f.name().as_str())) {
        fields.push(Type::of(field)?.field(field.name(), true));
    }
    Ok(Arc::new(Schema::new(fields)))
}

/// Where each column stands, by its name; of two of one name, the first.
fn places(schema: &Schema) -> HashMap<&str, usize> {
    let mut places = HashMap::with_capacity(schema.fields().len());
    for (at, field) in schema.fields().iter().enumerate() {
        places.entry(field.name().as_str()).or_insert(at);
    }
    places
}

/// The rows in exactly this schema: columns by name in its order, missing nullable ones as null, types widened where every value is kept.
///
/// # Errors
/// `BadData` for a column that the schema does not have, one that it requires and the batch lacks, a null where none may be, and a
/// type that would have to be narrowed.
pub fn align(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    let (rows, from) = (batch.num_rows(), batch.schema_ref());
    // A batch keeps its own schema: where that is the wanted one, there is nothing to look at.
    if Arc::ptr_eq(from, schema) || from == schema {
        return Ok(batch.clone());
    }
    let (have, wanted) = (places(from), places(schema));
    if let Some(extra) = from.fields().iter().find(|f| !wanted.contains_key(f.name().as_str())) {
        return Err(Error::new(
            Kind::BadData,
            format!("column `{}` is not in the table", extra.name()),
        ));
    }
    let columns: Vec<ArrayRef> = schema
        .fields()
        .iter()
        .map(|to| {
            let column = match have.get(to.name().as_str()) {
                Some(at) => column(batch.column(*at), from.field(*at), to)?,
                None => new_null_array(to.data_type(), rows),
            };
            if !to.is_nullable() && column.null_count() > 0 {
                return Err(Error::new(
                    Kind::BadData,
                    format!(
                        "column `{}` is required and has {} empty values",
                        to.name(),
                        column.null_count()
                    ),
                ));
            }
            Ok(column)
        })
        .collect::<Result<_>>()?;
    RecordBatch::try_new_with_options(
        schema.clone(),
        columns,
        &RecordBatchOptions::new().with_row_count(Some(rows)),
    )
    .map_err(|e| Error::bug("aligned columns do not make a batch").caused_by(e))
}

/// One column in another field's type, every value kept.
fn column(values: &ArrayRef, from: &Field, to: &Field) -> Result<ArrayRef> {
    if values.data_type() == to.data_type() {
        return Ok(values.clone());
    }
    let all_null = values.null_count() == values.len();
    if all_null {
        return Ok(new_null_array(to.data_type(), values.len()));
    }
    let (have, want) = (Type::of(from)?, Type::of(to)?);
    let is_vector = matches!((&have, &want), (Type::List(of), Type::Vector(_)) if of.widens_to(&Type::Float64));
    if !have.widens_to(&want) && !is_vector {
        return Err(Error::new(
            Kind::BadData,
            format!(
                "column `{}` is {have} and the table has {want}: a value could change",
                to.name()
            ),
        )
        .hint("cast it in the SQL, or change the column's type; widening is done by itself, narrowing never"));
    }
    let cast = widen(values, to.data_type())
        .map_err(|e| Error::new(Kind::BadData, format!("column `{}` does not fit {want}", to.name())).caused_by(e))?;
    if let Type::Vector(n) = want {
        check_vectors(&cast, n, to.name())?;
    }
    if kept_alike(cast.data_type(), to.data_type()) {
        Ok(cast)
    } else {
        Err(Error::bug(format!(
            "column `{}` was cast to {}",
            to.name(),
            cast.data_type()
        )))
    }
}

/// The values in a wider type. A struct's fields are found by their names, and those that it lacks are null: a cast takes them in order.
fn widen(values: &ArrayRef, to: &DataType) -> Result<ArrayRef, ArrowError> {
    if values.data_type() == to {
        return Ok(values.clone());
    }
    match (values.data_type(), to) {
        (DataType::Struct(_), DataType::Struct(fields)) => {
            let from = values.as_struct();
            let column = |field: &FieldRef| match from.column_by_name(field.name()) {
                Some(column) => widen(column, field.data_type()),
                None => Ok(new_null_array(field.data_type(), from.len())),
            };
            let columns = fields.iter().map(column).collect::<Result<Vec<_>, _>>()?;
            let wider = StructArray::try_new_with_length(fields.clone(), columns, from.nulls().cloned(), from.len())?;
            Ok(Arc::new(wider))
        }
        (DataType::List(_), DataType::List(field)) => {
            let from = values.as_list::<i32>();
            let items = widen(from.values(), field.data_type())?;
            let wider = ListArray::try_new(field.clone(), from.offsets().clone(), items, from.nulls().cloned())?;
            Ok(Arc::new(wider))
        }
        _ => {
            let options = CastOptions {
                safe: false,
                ..CastOptions::default()
            };
            cast_with_options(values, to, &options)
        }
    }
}

/// Every vector has its length and no holes.
fn check_vectors(values: &ArrayRef, n: u32, name: &str) -> Result<()> {
    let lists = values.as_list::<i32>();
    for row in lists.iter().flatten() {
        if row.len() != n as usize || row.as_primitive::<Float64Type>().null_count() > 0 {
            return Err(Error::new(
                Kind::BadData,
                format!(
                    "column `{name}` has a vector of {} values, or with an empty one, where {n} are needed",
                    row.len()
                ),
            ));
        }
    }
    Ok(())
}

/// Whether a column of this Arrow type can be taken in at all.
pub fn is_supported(data_type: &DataType) -> bool {
    Type::of_arrow(data_type).is_ok()
}

#[cfg(test)]
mod tests;
