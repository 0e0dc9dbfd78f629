//! What is computed from the lake: one query over pinned inputs, for a range or for all of it.

use super::gather::{Gather, Whose};
use super::group::DonePart;
use super::inputs::Inputs;
use crate::deps::Deps;
use crate::ledger::Part;
use arrow_schema::{Field, Schema, SchemaRef};
use futures::TryStreamExt;
use segue_core::engine::{Param, Query, TableKey};
use segue_core::{Ctx, Result, Type};
use segue_spec::model::{Asset, From, How, LakeSource};
use serde_json::{Map, Value};
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
pub fn query(deps: &Deps, sql: &str, inputs: &Inputs, part: &Part, params: &Map<String, Value>) -> Query {
    let mut values: std::collections::BTreeMap<String, Param> = params
        .iter()
        .map(|(k, v)| (k.clone(), Param::Value(v.clone())))
        .collect();
    if let Some(range) = part.range {
        values.insert("from".into(), Param::Timestamp(range.from));
        values.insert("to".into(), Param::Timestamp(range.to));
    }
    Query {
        sql: sql.to_string(),
        params: values,
        tables: inputs.tables(),
        timezone: deps.project.timezone.clone(),
    }
}

/// Runs the question, and gathers its rows as one part. Gives how many rows came.
///
/// # Errors
/// Those of the engine and of staging.
pub async fn compute(
    deps: &Deps,
    question: &Query,
    number: usize,
    part: &Part,
    done: DonePart,
    gather: &mut Gather,
    ctx: &Ctx,
) -> Result<u64> {
    let answer = ctx.or_cancelled(deps.engine.run(question, ctx)).await?;
    let schema = table_schema(&answer.schema)?;
    let whose = Whose {
        range: part.range,
        labels: part.labels.clone(),
    };
    let mut rows = answer.rows;
    let mut count = 0;
    while let Some(batch) = ctx.or_cancelled(rows.try_next()).await? {
        count += batch.num_rows() as u64;
        gather
            .rows(number, &whose, segue_core::align::align(&batch, &schema)?)
            .await?;
    }
    gather.columns(&schema)?;
    gather.done(number, done).await?;
    Ok(count)
}

/// The columns of an answer as a table holds them: which of them can be empty is not the planner's to say, whose word changes with releases.
fn table_schema(answer: &SchemaRef) -> Result<SchemaRef> {
    let fields: Vec<Field> = answer
        .fields()
        .iter()
        .map(|f| Ok(Type::of(f)?.field(f.name(), true)))
        .collect::<Result<_>>()?;
    Ok(Arc::new(Schema::new(fields)))
}
