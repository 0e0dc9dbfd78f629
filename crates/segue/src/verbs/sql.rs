//! `segue sql`: a statement, a file, or a prompt.

use crate::args::{Format, Sql};
use crate::out::Out;
use crate::stop;
use crate::verbs::check::count;
use segue_app::format::{Form, Options};
use segue_app::{App, Question};
use segue_core::engine::Answer;
use segue_core::{Context, Ctx, Error, Kind, Result};
use segue_diag::{Diagnostic, Span, Text};
use std::io::{IsTerminal, Read};
use std::path::Path;

pub async fn run(app: &App, sql: &Sql, ctx: &Ctx, out: &Out) -> Result<u8> {
    let format = sql
        .format
        .or_else(|| sql.out.as_deref().and_then(by_name))
        .unwrap_or(if out.json { Format::JsonLines } else { Format::Table });
    let question = |sql_text: String| Question {
        sql: sql_text,
        params: sql.params.clone(),
    };
    if is_prompt(sql) {
        if sql.out.is_some() {
            return Err(Error::new(Kind::Invalid, "a prompt writes no file")
                .hint("give the statement: segue sql \"select …\" --out FILE"));
        }
        prompt(app, question, format, ctx, out).await?;
        return Ok(0);
    }
    let (statement, file) = match (&sql.statement, &sql.file) {
        (Some(statement), _) if statement != "-" => (statement.clone(), None),
        (_, Some(path)) if path.as_os_str() != "-" => {
            let text =
                std::fs::read_to_string(path).context(Kind::NotFound, format!("cannot read {}", path.display()))?;
            (text, Some(path))
        }
        _ => {
            let mut text = String::new();
            std::io::stdin()
                .read_to_string(&mut text)
                .context(Kind::Invalid, "standard input is not text")?;
            (text, None)
        }
    };
    let done = match &sql.out {
        Some(path) => into_file(app, &question(statement.clone()), format, path, ctx, out).await,
        None => answer(app, &question(statement.clone()), format, ctx).await,
    };
    match (done, file) {
        (Ok(()), _) => Ok(0),
        (Err(error), Some(file)) => refused(app.without_secrets(error), file, &statement, out),
        (Err(error), None) => Err(error),
    }
}

/// The form that a file's name asks for.
fn by_name(path: &Path) -> Option<Format> {
    match path.extension()?.to_str()? {
        "parquet" => Some(Format::Parquet),
        "csv" => Some(Format::Csv),
        "jsonl" | "ndjson" => Some(Format::JsonLines),
        _ => None,
    }
}

/// Whether statements are asked for at a prompt.
pub fn is_prompt(sql: &Sql) -> bool {
    sql.statement.is_none() && sql.file.is_none() && std::io::stdin().is_terminal()
}

/// What is wrong with the statement of a file: drawn where it stands, if the error says where and nothing more.
fn refused(error: Error, file: &Path, statement: &str, out: &Out) -> Result<u8> {
    let name = file.display().to_string();
    let place = segue_app::locate(&error, statement).filter(|_| error.context().len() == 1 && !out.json);
    let (Some(bytes), Some(code)) = (place, error.error_code()) else {
        return Err(error.with("file", name));
    };
    let span = Span { file: name, bytes };
    let diagnostic = Diagnostic {
        hint: error.hint_text().map(str::to_string),
        ..Diagnostic::error(code, Some(span), error.message())
    };
    out.note(segue_diag::render(&diagnostic, &One(statement), out.colour));
    Ok(error.kind().exit_code())
}

/// The text of the one file that there is.
struct One<'a>(&'a str);

impl Text for One<'_> {
    fn text(&self, _: &str) -> Option<&str> {
        Some(self.0)
    }
}

/// Runs a question and writes its answer into a file.
async fn into_file(app: &App, question: &Question, format: Format, path: &Path, ctx: &Ctx, out: &Out) -> Result<()> {
    let answer = asked(app, question, ctx).await?;
    let written = segue_app::answer_into(answer, form(format), path).await?;
    out.note(format!(
        "{} written into {}",
        count(written.rows as usize, "row"),
        path.display()
    ));
    Ok(())
}

/// Runs a question and writes its answer as it comes.
pub async fn answer(app: &App, question: &Question, format: Format, ctx: &Ctx) -> Result<()> {
    show(asked(app, question, ctx).await?, format).await
}

async fn asked(app: &App, question: &Question, ctx: &Ctx) -> Result<Answer> {
    let question = Question {
        sql: app.question(&question.sql).await?,
        ..question.clone()
    };
    match segue_app::sql(app, &question, ctx).await {
        Ok(answer) => Ok(answer),
        Err(error) => Err(app.with_suggestion(error).await),
    }
}

fn form(format: Format) -> Form {
    match format {
        Format::Table => Form::Table,
        Format::Csv => Form::Csv,
        Format::JsonLines => Form::JsonLines,
        Format::Parquet => Form::Parquet,
    }
}

/// Writes an answer as it comes. A reader that went away (`| head`) is no error.
pub async fn show(answer: Answer, format: Format) -> Result<()> {
    let mut stdout = std::io::BufWriter::new(std::io::stdout());
    match segue_app::format::write(form(format), answer, &mut stdout, &Options::default()).await {
        Err(error) if is_gone(&error) => Ok(()),
        done => done.map(|_| ()),
    }
}

/// Whether whoever read the output went away.
fn is_gone(error: &Error) -> bool {
    let cause = std::error::Error::source(error).and_then(|c| c.downcast_ref::<std::io::Error>());
    cause.is_some_and(|e| e.kind() == std::io::ErrorKind::BrokenPipe)
}

/// Reads statements that end with `;` until the end of the input, which also ends the last one. Ctrl-C ends the statement, not the prompt.
async fn prompt(app: &App, question: impl Fn(String) -> Question, format: Format, ctx: &Ctx, out: &Out) -> Result<()> {
    out.note("statements end with ; and Ctrl-D ends the prompt");
    let mut editor = rustyline::DefaultEditor::new().context(Kind::Unavailable, "cannot open the prompt")?;
    let mut statement = String::new();
    loop {
        let read = editor.readline(if statement.is_empty() { "segue> " } else { "   ... " });
        let is_end = matches!(read, Err(rustyline::error::ReadlineError::Eof));
        match read {
            Ok(line) => {
                statement.push_str(&line);
                statement.push('\n');
            }
            Err(rustyline::error::ReadlineError::Interrupted) => statement.clear(),
            Err(rustyline::error::ReadlineError::Eof) => {}
            Err(error) => return Err(Error::new(Kind::Unavailable, "cannot read from the terminal").caused_by(error)),
        }
        if statement.trim().is_empty() {
            statement.clear();
        } else if is_end || segue_app::is_complete(&statement) {
            let text = std::mem::take(&mut statement);
            let _kept = editor.add_history_entry(text.trim());
            if let Err(error) = one(app, &question(text.trim().to_string()), format, ctx).await {
                out.error(&app.without_secrets(error));
            }
        }
        if is_end {
            return Ok(());
        }
    }
}

/// Answers one statement of a prompt, which Ctrl-C ends.
async fn one(app: &App, question: &Question, format: Format, ctx: &Ctx) -> Result<()> {
    let (ctx, _heard) = stop::statement(ctx)?;
    answer(app, question, format, &ctx).await
}
