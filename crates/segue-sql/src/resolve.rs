//! `resolve('text', 'schema.table')`: the rows of a table that a name may mean, however it is written.
//!
//! It gives the columns `id` (of the type that the table has), `name`, `alias` (which of its names the text is near to, where that is not the
//! name itself), `reason`, `score` (1 for the very name), `popularity` and `sure`, the likeliest first. `sure` says that nothing else could be
//! meant; what is ambiguous is several rows, none of them sure. There is no row where nothing is known by the text.

use crate::find::{Indexes, id_of};
use crate::tables::{Streamed, Tables};
use arrow_array::{ArrayRef, BooleanArray, Float64Array, RecordBatch, StringArray};
use arrow_cast::{CastOptions, cast_with_options};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::common::TableReference;
use datafusion::datasource::TableProvider;
use datafusion::logical_expr::Expr;
use segue_core::engine::{InMemory, Relation, TableKey};
use segue_core::{Batches, Ctx};
use segue_diag::{Error, Kind, Result};
use segue_names::{Answer, Candidate};
use std::any::Any;
use std::sync::Arc;

/// What finding by name needs beside the tables.
#[derive(Clone)]
pub struct Finding {
    /// The indexes of the engine.
    pub indexes: Arc<Indexes>,
    /// What the query is part of.
    pub ctx: Ctx,
}

/// The table that a call with these arguments gives.
///
/// # Errors
/// `Invalid` for arguments that are not a text and a table that says how its rows are found by a name.
pub fn table(arguments: &[Expr], tables: &Tables, finding: &Finding) -> Result<Arc<dyn TableProvider>> {
    let [asked, table] = arguments else {
        return Err(wrong(format!("resolve takes 2 arguments and not {}", arguments.len())));
    };
    let asked = text(asked, "first", "what is looked for")?;
    let table = text(table, "second", "the name of a table")?
        .ok_or_else(|| wrong("the second argument of resolve is null, and not a table".to_string()))?;
    let (key, rows) = tables.relation(&TableReference::parse_str(&table))?;
    let id = id_of(&key, finding.indexes.by(&key)?, &rows.schema())?;
    Ok(Arc::new(Streamed::new(Arc::new(Call {
        schema: columns(&id),
        asked,
        key,
        rows,
        finding: finding.clone(),
    }))))
}

fn wrong(message: String) -> Error {
    Error::new(Kind::Invalid, message)
        .code(segue_diag::SQL_RESOLVE)
        .hint("write resolve('text', 'schema.table'), or resolve($text, 'schema.table')")
}

/// A text that is known when the statement is planned; `None` for null.
fn text(argument: &Expr, which: &str, what: &str) -> Result<Option<String>> {
    let wrong = || {
        wrong(format!(
            "the {which} argument of resolve is a text or a parameter, {what}"
        ))
    };
    match argument {
        Expr::Literal(value, _) if value.is_null() => Ok(None),
        Expr::Literal(value, _) => value
            .try_as_str()
            .flatten()
            .map(|t| Some(t.to_string()))
            .ok_or_else(wrong),
        _ => Err(wrong()),
    }
}

fn columns(id: &DataType) -> SchemaRef {
    let field = |name: &str, of: &DataType, nullable| Field::new(name, of.clone(), nullable);
    Arc::new(Schema::new(vec![
        field("id", id, false),
        field("name", &DataType::Utf8, false),
        field("alias", &DataType::Utf8, true),
        field("reason", &DataType::Utf8, false),
        field("score", &DataType::Float64, false),
        field("popularity", &DataType::Float64, true),
        field("sure", &DataType::Boolean, false),
    ]))
}

/// What a call asks for, and what is found as a relation: looked for when somebody takes its rows, and not when they are planned.
struct Call {
    schema: SchemaRef,
    /// `None` is null, which nothing is called.
    asked: Option<String>,
    key: TableKey,
    rows: Arc<dyn Relation>,
    finding: Finding,
}

impl Call {
    async fn answer(&self) -> Result<RecordBatch> {
        let Finding { indexes, ctx } = &self.finding;
        let answer = match &self.asked {
            Some(asked) => indexes.resolve(&self.key, &self.rows, asked, ctx).await?,
            None => Answer::None(Vec::new()),
        };
        let (candidates, is_sure): (&[Candidate], bool) = match &answer {
            Answer::One(_) => (answer.candidates(), true),
            Answer::Several(_) => (answer.candidates(), false),
            // What comes nearest is no answer.
            Answer::None(_) => (&[], false),
        };
        batch(candidates, is_sure, &self.schema)
    }
}

#[async_trait]
impl Relation for Call {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    async fn scan(&self, columns: Option<&[usize]>) -> Result<Batches> {
        InMemory::new(self.answer().await?).scan(columns).await
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

fn batch(candidates: &[Candidate], is_sure: bool, schema: &SchemaRef) -> Result<RecordBatch> {
    let ids: ArrayRef = Arc::new(StringArray::from_iter_values(candidates.iter().map(|c| c.id.as_str())));
    // They were of this type before they were texts.
    let options = CastOptions {
        safe: false,
        ..CastOptions::default()
    };
    let ids = cast_with_options(&ids, schema.field(0).data_type(), &options);
    let columns: Vec<ArrayRef> = vec![
        ids.map_err(|e| Error::bug("an id that was found is none of its table").caused_by(e))?,
        Arc::new(StringArray::from_iter_values(
            candidates.iter().map(|c| c.name.as_str()),
        )),
        Arc::new(candidates.iter().map(|c| c.alias.as_deref()).collect::<StringArray>()),
        Arc::new(StringArray::from_iter_values(
            candidates.iter().map(|c| c.reason.word()),
        )),
        Arc::new(Float64Array::from_iter_values(candidates.iter().map(|c| c.score))),
        Arc::new(candidates.iter().map(|c| c.popularity).collect::<Float64Array>()),
        Arc::new(BooleanArray::from(vec![is_sure; candidates.len()])),
    ];
    RecordBatch::try_new(schema.clone(), columns).map_err(|e| Error::bug("what was found is no batch").caused_by(e))
}

#[cfg(test)]
mod tests;
