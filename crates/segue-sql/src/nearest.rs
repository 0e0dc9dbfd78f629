//! `nearest('schema.table', 'id', 'features', k)`: for every row of a table the k others whose vectors are nearest.
//!
//! It gives the columns `id`, `neighbour_id`, `rank` (from 1) and `distance` (Euclidean), in order of id and rank. A row is never its
//! own neighbour; of two that are equally far, the one with the smaller id comes first. Every row is compared with every other, block by
//! block, and only k of them are ever kept for a row: nothing is sorted, and memory grows with the table and not with its square.

mod operator;
mod search;

use crate::tables::Tables;
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::common::TableReference;
use datafusion::datasource::{TableProvider, TableType};
use datafusion::error::Result as PlanResult;
use datafusion::logical_expr::Expr;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::scalar::ScalarValue;
use operator::NearestExec;
use segue_diag::{Error, Kind, Result, closest};
use std::sync::Arc;

/// What a call asks for.
#[derive(Clone, Debug)]
struct Call {
    /// The table, as it was written: for messages.
    table: String,
    /// The column that names a row.
    id: String,
    /// The column that holds its vector.
    vector: String,
    /// How many neighbours.
    k: usize,
}

/// The table that a call with these arguments gives.
///
/// # Errors
/// `Invalid` for arguments that are not a table, two of its columns and a whole number above zero.
pub fn table(arguments: &[Expr], tables: &Tables) -> Result<Arc<dyn TableProvider>> {
    let [table, id, vector, k] = arguments else {
        return Err(wrong(format!("nearest takes 4 arguments and not {}", arguments.len())));
    };
    let call = Call {
        table: text(table, "first", "the name of a table")?,
        id: text(id, "second", "the name of its column of ids")?,
        vector: text(vector, "third", "the name of its column of vectors")?,
        k: count(k)?,
    };
    let rows = tables.find(&TableReference::parse_str(&call.table))?;
    let schema = rows.schema();
    let (id_at, vector_at) = (column(&schema, &call.id, &call)?, column(&schema, &call.vector, &call)?);
    let (id, vector) = (schema.field(id_at), schema.field(vector_at));
    if !is_vector(vector.data_type()) {
        return Err(wrong(format!(
            "column `{}` of `{}` is {} and no vector of numbers",
            call.vector,
            call.table,
            vector.data_type()
        )));
    }
    if id.data_type().is_nested() || matches!(id.data_type(), DataType::Null) {
        return Err(wrong(format!(
            "column `{}` of `{}` is {}, which cannot be an id",
            call.id,
            call.table,
            id.data_type()
        )));
    }
    let field = |name: &str, of: &DataType| Field::new(name, of.clone(), false);
    Ok(Arc::new(Nearest {
        schema: Arc::new(Schema::new(vec![
            id.clone().with_name("id").with_nullable(false),
            id.clone().with_name("neighbour_id").with_nullable(false),
            field("rank", &DataType::Int32),
            field("distance", &DataType::Float64),
        ])),
        rows,
        columns: (id_at, vector_at),
        call,
    }))
}

fn wrong(message: String) -> Error {
    Error::new(Kind::Invalid, message)
        .code(segue_diag::SQL_NEAREST)
        .hint("write nearest('schema.table', 'id column', 'vector column', 10)")
}

fn text(argument: &Expr, which: &str, what: &str) -> Result<String> {
    match argument {
        Expr::Literal(value, _) => value.try_as_str().flatten().map(str::to_string),
        _ => None,
    }
    .ok_or_else(|| wrong(format!("the {which} argument of nearest is a text, {what}")))
}

fn count(argument: &Expr) -> Result<usize> {
    let number = match argument {
        Expr::Literal(ScalarValue::Int64(Some(k)), _) => Some(i128::from(*k)),
        Expr::Literal(ScalarValue::UInt64(Some(k)), _) => Some(i128::from(*k)),
        Expr::Literal(value, _) => match value.cast_to(&DataType::Int64) {
            Ok(ScalarValue::Int64(Some(k))) if value.data_type().is_integer() => Some(i128::from(k)),
            _ => None,
        },
        _ => None,
    };
    let number = number.ok_or_else(|| {
        wrong("the fourth argument of nearest is a whole number, how many neighbours a row gets".to_string())
    })?;
    if number < 1 {
        return Err(wrong(format!(
            "nearest cannot give {number} neighbours: one is the least"
        )));
    }
    // Ranks are int32.
    usize::try_from(number)
        .ok()
        .filter(|k| *k <= i32::MAX as usize)
        .ok_or_else(|| {
            wrong(format!(
                "nearest cannot give {number} neighbours: {} are the most",
                i32::MAX
            ))
        })
}

fn column(schema: &SchemaRef, name: &str, call: &Call) -> Result<usize> {
    schema.index_of(name).map_err(|_| {
        let error = Error::new(
            Kind::Invalid,
            format!("there is no column `{name}` in `{}`", call.table),
        )
        .code(segue_diag::SQL_UNKNOWN_COLUMN);
        match closest(name, schema.fields().iter().map(|f| f.name().as_str())) {
            Some(near) => error.hint(format!("did you mean `{near}`?")),
            None => error,
        }
    })
}

fn is_vector(data_type: &DataType) -> bool {
    match data_type {
        DataType::List(of) | DataType::LargeList(of) | DataType::FixedSizeList(of, _) => of.data_type().is_numeric(),
        _ => false,
    }
}

/// The neighbours as a table.
#[derive(Debug)]
struct Nearest {
    schema: SchemaRef,
    rows: Arc<dyn TableProvider>,
    columns: (usize, usize),
    call: Call,
}

#[async_trait]
impl TableProvider for Nearest {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn table_type(&self) -> TableType {
        TableType::Temporary
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _: &[Expr],
        _: Option<usize>,
    ) -> PlanResult<Arc<dyn ExecutionPlan>> {
        // Providers differ in what they make of columns out of order, so they are asked for in order.
        let (id, vector) = self.columns;
        let mut columns = vec![id, vector];
        columns.sort_unstable();
        columns.dedup();
        let places = (usize::from(id > vector), usize::from(vector > id));
        let rows = self.rows.scan(state, Some(&columns), &[], None).await?;
        let exec = NearestExec::new(
            rows,
            places,
            self.call.clone(),
            self.schema.clone(),
            projection.cloned(),
        )?;
        Ok(Arc::new(exec))
    }
}

#[cfg(test)]
mod tests;
