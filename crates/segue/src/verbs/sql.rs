//! `segue sql`: a statement, a file, or a prompt.

use crate::args::{Format, Sql};
use crate::out::Out;
use crate::verbs::size;
use segue_app::format::{Form, Options};
use segue_app::{App, Question};
use segue_core::{Context, Ctx, Error, Kind, Result};
use std::io::{IsTerminal, Read};

pub async fn run(app: &App, sql: &Sql, ctx: &Ctx, out: &Out) -> Result<u8> {
    let memory = sql.memory.as_deref().map(size).transpose()?;
    let format = sql
        .format
        .unwrap_or(if out.json { Format::JsonLines } else { Format::Table });
    let question = |sql_text: String| Question {
        sql: sql_text,
        params: sql.params.clone(),
        memory,
    };
    let statement = match (&sql.statement, &sql.file) {
        (Some(statement), _) if statement != "-" => Some(statement.clone()),
        (None, None) if std::io::stdin().is_terminal() => None,
        (_, Some(path)) if path.as_os_str() != "-" => {
            Some(std::fs::read_to_string(path).context(Kind::NotFound, format!("cannot read {}", path.display()))?)
        }
        _ => {
            let mut text = String::new();
            std::io::stdin()
                .read_to_string(&mut text)
                .context(Kind::Invalid, "standard input is not text")?;
            Some(text)
        }
    };
    match statement {
        Some(statement) => {
            answer(app, &question(statement), format, ctx).await?;
        }
        None => prompt(app, question, format, ctx, out).await?,
    }
    Ok(0)
}

/// Runs a question and writes its answer as it comes.
pub async fn answer(app: &App, question: &Question, format: Format, ctx: &Ctx) -> Result<()> {
    let question = Question {
        sql: app.question(&question.sql).await?,
        ..question.clone()
    };
    match segue_app::sql(app, &question, ctx).await {
        Ok(answer) => show(answer, format).await,
        Err(error) => Err(app.with_suggestion(error).await),
    }
}

/// Writes an answer as it comes. A reader that went away (`| head`) is no error.
pub async fn show(answer: segue_core::engine::Answer, format: Format) -> Result<()> {
    let form = match format {
        Format::Table => Form::Table,
        Format::Csv => Form::Csv,
        Format::JsonLines => Form::JsonLines,
    };
    let mut stdout = std::io::BufWriter::new(std::io::stdout());
    match segue_app::format::write(form, answer, &mut stdout, &Options::default()).await {
        Err(error) if is_gone(&error) => Ok(()),
        done => done.map(|_| ()),
    }
}

/// Whether whoever read the output went away.
fn is_gone(error: &Error) -> bool {
    let cause = std::error::Error::source(error).and_then(|c| c.downcast_ref::<std::io::Error>());
    cause.is_some_and(|e| e.kind() == std::io::ErrorKind::BrokenPipe)
}

/// Reads statements that end with `;` until the end of the input. Ctrl-C ends the statement, not the prompt.
async fn prompt(app: &App, question: impl Fn(String) -> Question, format: Format, ctx: &Ctx, out: &Out) -> Result<()> {
    out.note("statements end with ; and Ctrl-D ends the prompt");
    let mut editor = rustyline::DefaultEditor::new().context(Kind::Unavailable, "cannot open the prompt")?;
    let mut statement = String::new();
    loop {
        let read = editor.readline(if statement.is_empty() { "segue> " } else { "   ... " });
        match read {
            Ok(line) => {
                statement.push_str(&line);
                statement.push('\n');
                if !line.trim_end().ends_with(';') {
                    continue;
                }
                let text = std::mem::take(&mut statement);
                let _kept = editor.add_history_entry(text.trim());
                let one = Ctx {
                    cancel: ctx.cancel.child_token(),
                    ..ctx.clone()
                };
                let asked = question(text.trim().trim_end_matches(';').to_string());
                let done = tokio::select! {
                    done = answer(app, &asked, format, &one) => done,
                    _ = tokio::signal::ctrl_c() => Err(Error::new(Kind::Cancelled, "stopped, as asked")),
                };
                if let Err(error) = done {
                    out.error(&error);
                }
            }
            Err(rustyline::error::ReadlineError::Interrupted) => statement.clear(),
            Err(rustyline::error::ReadlineError::Eof) => return Ok(()),
            Err(error) => return Err(Error::new(Kind::Unavailable, "cannot read from the terminal").caused_by(error)),
        }
    }
}
