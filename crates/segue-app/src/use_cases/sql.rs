//! Asking the lake.

use crate::app::App;
use crate::asked::words;
use segue_core::engine::{Answer, Engine, Param, Query};
use segue_core::{Ctx, Limits, Result};
use serde_json::Value;
use std::collections::BTreeMap;

/// A question.
#[derive(Clone, Debug, Default)]
pub struct Question {
    /// The statement.
    pub sql: String,
    /// The values of its parameters, as they were written: `NAME=VALUE`.
    pub params: Vec<String>,
    /// The most memory, in bytes; the default where it is not said.
    pub memory: Option<u64>,
}

/// Answers a statement over the newest version of every table that it names. Dropping the answer ends the query.
///
/// # Errors
/// `Invalid` with the place for what is wrong in the statement; those of the tables.
pub async fn sql(app: &App, question: &Question, ctx: &Ctx) -> Result<Answer> {
    let mut ctx = ctx.clone();
    if let Some(memory) = question.memory {
        ctx.limits = Limits { memory, ..ctx.limits };
    }
    let query = Query {
        sql: question.sql.clone(),
        params: params(&question.params)?
            .into_iter()
            .map(|(n, v)| (n, Param::Value(v)))
            .collect(),
        tables: app.tables_of(&question.sql).await?,
        timezone: app.project.timezone.clone(),
    };
    app.engine.run(&query, &ctx).await
}

/// `NAME=VALUE` words as values. A statement declares no types, so that the way in which a value is written tells: a whole number of 64
/// bits, a number with a point or an exponent (as a double), `true`, `false` and `null` are what they look like; in double quotes, and
/// everything else, is text, also a whole number that is longer.
///
/// # Errors
/// `Invalid` for a word without `=`, and a name given twice.
pub fn params(given: &[String]) -> Result<BTreeMap<String, Value>> {
    let value = |text: &str| match serde_json::from_str::<Value>(text) {
        Ok(Value::Number(n)) if n.is_f64() && !text.contains(['.', 'e', 'E']) => Value::String(text.to_string()),
        Ok(value @ (Value::Number(_) | Value::Bool(_) | Value::String(_) | Value::Null)) => value,
        _ => Value::String(text.to_string()),
    };
    let words = words(given)?.into_iter();
    Ok(words.map(|(name, text)| (name, value(&text))).collect())
}

#[cfg(test)]
mod tests;
