//! Asking the lake.

use crate::app::App;
use segue_core::engine::{Answer, Engine, Param, Query};
use segue_core::{Ctx, Error, Kind, Limits, Result};
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

/// `NAME=VALUE` words as values: a number or a boolean where the text is one, otherwise text; in quotes always text.
///
/// # Errors
/// `Invalid` for a word without `=`, and a name given twice.
pub fn params(words: &[String]) -> Result<BTreeMap<String, Value>> {
    let mut all = BTreeMap::new();
    for word in words {
        let Some((name, text)) = word.split_once('=').filter(|(n, _)| !n.trim().is_empty()) else {
            return Err(
                Error::new(Kind::Invalid, format!("`{word}` is not a parameter")).hint("write --param NAME=VALUE")
            );
        };
        let value = match serde_json::from_str::<Value>(text) {
            Ok(value @ (Value::Number(_) | Value::Bool(_) | Value::String(_) | Value::Null)) => value,
            _ => Value::String(text.to_string()),
        };
        if all.insert(name.trim().to_string(), value).is_some() {
            return Err(Error::new(
                Kind::Invalid,
                format!("the parameter `{name}` is given twice"),
            ));
        }
    }
    Ok(all)
}
