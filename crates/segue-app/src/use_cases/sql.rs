//! Asking the lake.

use crate::app::App;
use crate::asked::words;
use segue_core::durable::{Durability as _, Fsync};
use segue_core::engine::{Answer, Engine, Param, Query};
use segue_core::{Ctx, Error, Kind, Result};
use segue_sql::format::{Form, Options, Written};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;

/// A question.
#[derive(Clone, Debug, Default)]
pub struct Question {
    /// The statement.
    pub sql: String,
    /// The values of its parameters, as they were written: `NAME=VALUE`.
    pub params: Vec<String>,
}

/// Answers a statement over the newest version of every table that it names. Dropping the answer ends the query.
///
/// # Errors
/// `Invalid` with the place for what is wrong in the statement; those of the tables.
pub async fn sql(app: &App, question: &Question, ctx: &Ctx) -> Result<Answer> {
    let query = Query {
        sql: question.sql.clone(),
        params: params(&question.params)?
            .into_iter()
            .map(|(n, v)| (n, Param::Value(v)))
            .collect(),
        tables: app.tables_of(&question.sql).await?,
        timezone: app.project.timezone.clone(),
    };
    app.engine.run(&query, ctx).await
}

/// Writes an answer into a file, in the place of one that is there: it holds the whole answer, or is as it was.
///
/// # Errors
/// Those of the query, and `Unavailable` when the file cannot be written.
pub async fn answer_into(answer: Answer, form: Form, path: &Path) -> Result<Written> {
    let name = path
        .file_name()
        .map(|n| n.to_string_lossy().into_owned())
        .unwrap_or_default();
    let cannot =
        |e: std::io::Error| Error::new(Kind::Unavailable, format!("cannot write {}", path.display())).caused_by(e);
    if name.is_empty() || path.is_dir() {
        return Err(Error::new(
            Kind::Invalid,
            format!("{} is no file to write into", path.display()),
        ));
    }
    // Beside it, so that it takes its place in one step.
    let partial = path.with_file_name(format!(".{name}.{}.partial", std::process::id()));
    let written = async {
        let file = File::create(&partial).map_err(cannot)?;
        let mut out = BufWriter::new(&file);
        let options = Options {
            rows: None,
            ..Options::default()
        };
        let written = segue_sql::format::write(form, answer, &mut out, &options).await?;
        out.flush().map_err(cannot)?;
        drop(out);
        Fsync.file(&file, &partial).map_err(cannot)?;
        std::fs::rename(&partial, path).map_err(cannot)?;
        let folder = path.parent().filter(|f| !f.as_os_str().is_empty());
        Fsync.folder(folder.unwrap_or(Path::new("."))).map_err(cannot)?;
        Ok::<_, Error>(written)
    };
    let written = written.await;
    if written.is_err() {
        let _not_there = std::fs::remove_file(&partial);
    }
    written
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
