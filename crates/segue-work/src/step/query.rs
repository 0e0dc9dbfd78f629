//! What is computed from the lake: one query over pinned inputs, for a range or for all of it.

use super::gather::{Gather, Whose};
use super::group::DonePart;
use super::inputs::Inputs;
use crate::deps::Deps;
use crate::ledger::Part;
use crate::ranges::{Calendar, told};
use arrow_array::RecordBatch;
use arrow_schema::{Field, Schema, SchemaRef};
use futures::TryStreamExt;
use segue_core::engine::{Param, Query, Relation, TableKey, View};
use segue_core::{Ctx, Error, Kind, Result, Type};
use segue_diag::OUTSIDE_RANGE;
use segue_spec::model::{Asset, From, How, LakeSource};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The statement of an asset that is computed from the lake; `None` for a copy from a source.
pub fn statement(asset: &Asset) -> Option<String> {
    match &asset.how {
        How::Sql(sql) => Some(sql.statement.clone()),
        How::Copy(copy) => match &copy.from {
            From::Lake(LakeSource::Sql(sql)) => Some(sql.clone()),
            From::Lake(LakeSource::Table(table)) => Some(format!(
                "select * from {}",
                TableKey::new(table.schema(), table.table())
            )),
            From::Connection(_) | From::Files => None,
        },
    }
}

/// The statement as a question about these versions of the inputs, for one part.
///
/// # Errors
/// As [`crate::params::for_sql`].
pub fn query(
    deps: &Deps,
    asset: &Asset,
    sql: &str,
    inputs: &Inputs,
    part: &Part,
    params: &Map<String, Value>,
) -> Result<Query> {
    let mut values = crate::params::for_sql(&asset.params, params)?;
    if let Some(range) = part.range {
        values.insert("from".into(), Param::Timestamp(range.from));
        values.insert("to".into(), Param::Timestamp(range.to));
    }
    Ok(Query {
        sql: sql.to_string(),
        params: values,
        tables: inputs.tables(),
        timezone: deps.project.timezone.clone(),
    })
}

/// An error of an asset's statement, with the file in which it stands, and with its place there: the engine counts from where the statement
/// begins.
pub fn located(error: Error, asset: &Asset) -> Error {
    let error = error.with("file", &asset.place.file);
    match &asset.how {
        How::Sql(sql) => error.restated("at", |at| Some(in_file(at, sql.begins))),
        How::Copy(_) => error,
    }
}

/// An error of the statement that lists an asset's slices. Its place is that in the text of `sql:`.
pub fn of_list(error: Error, asset: &Asset) -> Error {
    error
        .restated("at", |at| Some(format!("{at} of the `sql:` of `for_each`")))
        .with("file", &asset.place.file)
}

/// The line and the character of `line 2, column 8`.
pub fn line_and_column(at: &str) -> Option<(usize, usize)> {
    let mut numbers = at.split(|c: char| !c.is_ascii_digit()).filter_map(|n| n.parse().ok());
    numbers.next().zip(numbers.next())
}

/// `line 2, column 8` of a text that begins at this line and column of its file, as a place in the file.
fn in_file(at: &str, begins: (usize, usize)) -> String {
    match line_and_column(at) {
        Some((1, column)) => format!("line {}, column {}", begins.0, column + begins.1 - 1),
        Some((line, column)) => format!("line {}, column {column}", line + begins.0 - 1),
        None => at.to_string(),
    }
}

/// What one question is asked for.
pub struct Asked<'a> {
    /// What the run works with.
    pub deps: &'a Deps,
    /// Whose rows.
    pub asset: &'a Asset,
    /// The asset's ranges.
    pub calendar: Option<&'a Calendar>,
    /// The question.
    pub question: &'a Query,
    /// The part.
    pub part: &'a Part,
}

/// Runs the question, and gathers its rows as one part of this number. Gives how many rows came.
///
/// # Errors
/// `BadData` for a row outside the range, those of the engine and of staging.
pub async fn compute(asked: &Asked<'_>, number: usize, done: DonePart, gather: &mut Gather, ctx: &Ctx) -> Result<u64> {
    let Asked {
        deps, question, part, ..
    } = asked;
    let wrong = |error| located(error, asked.asset);
    let answer = ctx.or_cancelled(deps.engine.run(question, ctx)).await.map_err(wrong)?;
    let schema = table_schema(&answer.schema)?;
    let whose = Whose {
        range: part.range,
        labels: part.labels.clone(),
    };
    let mut rows = answer.rows;
    let mut count = 0;
    while let Some(batch) = ctx.or_cancelled(rows.try_next()).await.map_err(wrong)? {
        count += batch.num_rows() as u64;
        let batch = segue_core::align::align(&batch, &schema)?;
        asked.refuse_outside(&batch)?;
        gather.rows(number, &whose, batch).await?;
    }
    gather.columns(&schema)?;
    gather.done(number, done).await?;
    Ok(count)
}

impl Asked<'_> {
    /// Fails for a row that is not of the range. The sink would see it only where no neighbour is replaced in the same commit.
    fn refuse_outside(&self, batch: &RecordBatch) -> Result<()> {
        let (Some(range), Some(calendar), Some(written)) = (self.part.range, self.calendar, &self.asset.range) else {
            return Ok(());
        };
        let name = &self.asset.name;
        let at = batch.schema_ref().index_of(&written.output).map_err(|_| {
            Error::new(
                Kind::Invalid,
                format!(
                    "the query of {name} gives no column `{}`, which `range.output` names",
                    written.output
                ),
            )
        })?;
        let held = calendar.in_column(range, &Type::of(batch.schema_ref().field(at))?)?;
        let values = crate::rows::instants(batch.column(at))?;
        let Some(row) = values
            .iter()
            .position(|v| v.is_none_or(|v| v < held.from || held.to <= v))
        else {
            return Ok(());
        };
        Err(Error::new(
            Kind::BadData,
            format!("a row of {name} lies outside the range that it was computed for"),
        )
        .code(OUTSIDE_RANGE)
        .with("column", &written.output)
        .with("row", Value::Object(crate::json::row(batch, row)))
        .with("range", told(range))
        .hint("bound the output by $from and $to as the input is, for example with date_trunc"))
    }
}

/// What a view gives over these tables.
///
/// # Errors
/// Those of its SQL.
pub async fn over(
    deps: &Deps,
    view: &Asset,
    tables: BTreeMap<TableKey, Arc<dyn Relation>>,
    ctx: &Ctx,
) -> Result<Arc<dyn Relation>> {
    let question = Query {
        sql: statement(view).ok_or_else(|| Error::bug("a view has no statement"))?,
        params: BTreeMap::new(),
        tables,
        timezone: deps.project.timezone.clone(),
    };
    let rows = View::of(question, deps.engine.clone(), ctx).await;
    Ok(Arc::new(rows.map_err(|error| located(error, view))?))
}

/// The columns of an answer as a table holds them: which of them can be empty is not the planner's to say, whose word changes with releases.
pub(super) fn table_schema(answer: &SchemaRef) -> Result<SchemaRef> {
    let fields: Vec<Field> = answer
        .fields()
        .iter()
        .map(|f| Ok(Type::of(f)?.field(f.name(), true)))
        .collect::<Result<_>>()?;
    Ok(Arc::new(Schema::new(fields)))
}
