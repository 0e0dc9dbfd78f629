//! What goes wrong in DataFusion, in our words: a kind, a code, the place in the statement, and what was probably meant.

use crate::place::{AT, Place};
use datafusion::common::{Diagnostic, SchemaError};
use datafusion::error::DataFusionError;
use datafusion::sql::sqlparser::parser::ParserError;
use segue_core::Limits;
use segue_diag::{Error, Kind, closest};
use std::error::Error as StdError;

/// Adds the place in the statement, unless it is known already.
pub fn at(error: Error, place: Place) -> Error {
    if error.context().iter().any(|(name, _)| *name == AT) {
        error
    } else {
        error.with(AT, place.text())
    }
}

/// What the parser refused.
pub fn parser_failure(error: &ParserError) -> Error {
    let text = match error {
        ParserError::TokenizerError(text) | ParserError::ParserError(text) => text.as_str(),
        ParserError::RecursionLimitExceeded => "it nests too deep",
    };
    let (words, place) = match text.rfind(" at Line:") {
        Some(end) => (&text[..end], Place::find(&text[end..])),
        None => (text, None),
    };
    let message = match words
        .strip_prefix("Expected: ")
        .and_then(|w| w.rsplit_once(", found: "))
    {
        Some((wanted, "EOF")) => format!("the statement ends where {wanted} should be"),
        Some((wanted, found)) => format!("expected {wanted}, found `{found}`"),
        None => lower_first(words),
    };
    let error = Error::new(Kind::Invalid, message).code(segue_diag::SQL_SYNTAX);
    match place {
        Some(place) => at(error, place),
        None => error,
    }
}

/// What DataFusion refused or could not finish, while planning or while running within these limits.
pub fn failure(error: DataFusionError, limits: &Limits) -> Error {
    let place = diagnosed(&error).and_then(|d| d.span).map(|span| Place {
        line: span.start.line.max(1),
        column: span.start.column.max(1),
    });
    let translated = translate(&error, limits);
    match place {
        Some(place) => at(translated, place),
        None => translated,
    }
}

/// The first diagnostic that names a place.
fn diagnosed(error: &DataFusionError) -> Option<&Diagnostic> {
    match error {
        DataFusionError::Diagnostic(diagnostic, _) if diagnostic.span.is_some() => Some(diagnostic),
        DataFusionError::Diagnostic(_, inner) | DataFusionError::Context(_, inner) => diagnosed(inner),
        DataFusionError::Shared(inner) => diagnosed(inner),
        DataFusionError::Collection(errors) => errors.iter().find_map(diagnosed),
        _ => None,
    }
}

fn translate(error: &DataFusionError, limits: &Limits) -> Error {
    match error {
        DataFusionError::Diagnostic(_, inner) | DataFusionError::Context(_, inner) => translate(inner, limits),
        DataFusionError::Shared(inner) => translate(inner, limits),
        DataFusionError::Collection(errors) => match errors.first() {
            Some(first) => translate(first, limits),
            None => Error::bug("the engine failed with no error"),
        },
        DataFusionError::External(inner) => foreign(inner.as_ref(), limits),
        DataFusionError::SchemaError(schema, _) => schema_failure(schema),
        DataFusionError::SQL(parser, _) => parser_failure(parser),
        DataFusionError::ResourcesExhausted(text) => exhausted(text, limits),
        DataFusionError::Plan(text) | DataFusionError::Configuration(text) => planning(text),
        DataFusionError::NotImplemented(text) => Error::new(Kind::Unsupported, lower_first(first_line(text)))
            .code(segue_diag::SQL_UNSUPPORTED)
            .hint("say it in another way"),
        DataFusionError::Execution(text) => running(text),
        DataFusionError::ArrowError(arrow, _) => arrow_failure(arrow, limits),
        // The limit of the disk comes as an error of input and output.
        DataFusionError::IoError(io) if io.to_string().contains("disk space") => exhausted(&io.to_string(), limits),
        DataFusionError::IoError(io) => {
            Error::new(Kind::Unavailable, "cannot read or write a file of the query").with("cause", io)
        }
        DataFusionError::ExecutionJoin(join) if join.is_cancelled() => {
            Error::new(Kind::Cancelled, "the query was stopped")
        }
        DataFusionError::ObjectStore(store) => {
            Error::new(Kind::Unavailable, "cannot read a file of a table").with("cause", store)
        }
        // A function that takes no such arguments is called a mistake of the engine's own there.
        DataFusionError::Internal(text) if text.contains(NO_SIGNATURE) => planning(text),
        other => Error::bug("the SQL engine met a case that it does not know")
            .with("cause", first_line(&other.strip_backtrace())),
    }
}

/// An error that came through DataFusion from elsewhere: one of ours is told as it was, with what it knew.
fn foreign(error: &(dyn StdError + Send + Sync + 'static), limits: &Limits) -> Error {
    if let Some(ours) = error.downcast_ref::<Error>() {
        return ours.again();
    }
    if let Some(theirs) = error.downcast_ref::<DataFusionError>() {
        return translate(theirs, limits);
    }
    if let Some(arrow) = error.downcast_ref::<arrow_schema::ArrowError>() {
        return arrow_failure(arrow, limits);
    }
    let mut cause = error.source();
    while let Some(inner) = cause {
        if let Some(ours) = inner.downcast_ref::<Error>() {
            return ours.again();
        }
        cause = inner.source();
    }
    Error::new(Kind::Unavailable, "cannot read a table").with("cause", error)
}

fn schema_failure(error: &SchemaError) -> Error {
    match error {
        SchemaError::FieldNotFound { field, valid_fields } => {
            let (of, name) = (field.relation.as_ref().map(ToString::to_string), field.name.as_str());
            let relations = || {
                valid_fields
                    .iter()
                    .filter_map(|c| c.relation.as_ref().map(ToString::to_string))
            };
            if let Some(of) = &of
                && !valid_fields.is_empty()
                && !relations().any(|r| r == *of)
            {
                let all: Vec<String> = relations().collect();
                let error = Error::new(
                    Kind::Invalid,
                    format!("`{of}` in `{of}.{name}` is no table of this query"),
                )
                .code(segue_diag::SQL_UNKNOWN_RELATION);
                return meant(error, closest(of, all.iter().map(String::as_str)));
            }
            let error =
                Error::new(Kind::Invalid, format!("there is no column `{name}`")).code(segue_diag::SQL_UNKNOWN_COLUMN);
            let near = valid_fields
                .iter()
                .filter(|c| of.is_none() || c.relation.as_ref().map(ToString::to_string) == of)
                .map(|c| c.name.as_str());
            let columns: Vec<&str> = near.clone().collect();
            match closest(name, near) {
                Some(column) if column.eq_ignore_ascii_case(name) => error.hint(format!(
                    "the column is written \"{column}\": a name with capitals needs double quotes"
                )),
                Some(column) => error.hint(format!("did you mean `{column}`?")),
                None if columns.is_empty() => error.hint("no table is read where it stands"),
                None => error.hint(format!("the columns are {}", some_of(&columns))),
            }
        }
        SchemaError::AmbiguousReference { field } => Error::new(
            Kind::Invalid,
            format!("`{}` could be a column of more than one table", field.name),
        )
        .code(segue_diag::SQL_AMBIGUOUS_COLUMN)
        .hint("write the table or its alias before it: t.name"),
        SchemaError::DuplicateQualifiedField { name, .. } | SchemaError::DuplicateUnqualifiedField { name } => {
            Error::new(Kind::Invalid, format!("two columns are called `{name}`"))
                .code(segue_diag::SQL_DUPLICATE_OUTPUT)
                .hint("give one of them another name with `as`")
        }
    }
}

fn meant(error: Error, near: Option<&str>) -> Error {
    match near {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None => error,
    }
}

fn some_of(names: &[&str]) -> String {
    const MOST: usize = 12;
    let shown = names
        .iter()
        .take(MOST)
        .map(|n| format!("`{n}`"))
        .collect::<Vec<_>>()
        .join(", ");
    match names.len().saturating_sub(MOST) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// What DataFusion says of a function whose arguments have other types.
const NO_SIGNATURE: &str = "failed to match any signature";

/// DataFusion says what it may not do in free text; what people meet often has words of its own.
fn planning(text: &str) -> Error {
    if let Some(error) = misused(text) {
        return error;
    }
    if let Some(rest) = text.strip_prefix("Invalid function '") {
        let (name, rest) = rest.split_once('\'').unwrap_or((rest, ""));
        let error =
            Error::new(Kind::Invalid, format!("there is no function `{name}`")).code(segue_diag::SQL_UNKNOWN_FUNCTION);
        let near = rest.split_once("Did you mean '").and_then(|(_, r)| r.split_once('\''));
        return meant(
            error,
            near.map(|(near, _)| near)
                .filter(|near| closest(name, [*near]).is_some()),
        );
    }
    Error::new(Kind::Invalid, lower_first(first_line(text))).code(segue_diag::SQL_PLAN)
}

/// A function that is given too much, too little, or something else than it takes.
fn misused(text: &str) -> Option<Error> {
    let (name, rest) = text.split_once("Function '")?.1.split_once('\'')?;
    let error = |message: String| Error::new(Kind::Invalid, message).code(segue_diag::SQL_PLAN);
    let counts = rest.strip_prefix(" expects ");
    if let Some((wanted, given)) = counts.and_then(|rest| rest.split_once(" arguments but received ")) {
        let given: String = given.chars().take_while(char::is_ascii_digit).collect();
        return Some(error(format!(
            "the function `{name}` takes {wanted} arguments and not {given}"
        )));
    }
    let is_of_types = text.contains(NO_SIGNATURE) || rest.starts_with(" requires ");
    is_of_types.then(|| {
        let error = error(format!("the function `{name}` takes no arguments of these types"));
        error.hint("cast what it is given: `cast(x as text)`")
    })
}

fn running(text: &str) -> Error {
    if text.contains("Cannot cast timezone to different timezone") {
        return Error::new(
            Kind::BadData,
            "a time without a zone is skipped or comes twice in the session's zone, where clocks are set",
        )
        .code(segue_diag::SQL_VALUE)
        .hint("write its offset: timestamptz '2024-10-27T02:30:00+01:00'");
    }
    Error::new(Kind::BadData, lower_first(first_line(text)))
        .code(segue_diag::SQL_VALUE)
        .hint("look at the rows that it concerns; `try_cast` gives null where `cast` fails, and `nullif(x, 0)` saves a division")
}

fn arrow_failure(error: &arrow_schema::ArrowError, limits: &Limits) -> Error {
    use arrow_schema::ArrowError::*;
    match error {
        ExternalError(inner) => foreign(inner.as_ref(), limits),
        DivideByZero => running("a division by zero"),
        ArithmeticOverflow(text)
        | CastError(text)
        | ParseError(text)
        | ComputeError(text)
        | InvalidArgumentError(text) => running(text),
        MemoryError(text) => exhausted(text, limits),
        SchemaError(text) => planning(text),
        NotYetImplemented(text) => Error::new(Kind::Unsupported, lower_first(text)).code(segue_diag::SQL_UNSUPPORTED),
        IoError(text, _) if text.contains("disk space") => exhausted(text, limits),
        IoError(text, _) => {
            Error::new(Kind::Unavailable, "cannot read or write a file of the query").with("cause", text)
        }
        other => Error::new(Kind::BadData, "cannot compute the answer").with("cause", other),
    }
}

/// Which limit was met, and how to move it.
fn exhausted(text: &str, limits: &Limits) -> Error {
    let is_disk = text.contains("disk space") || text.contains("temp_directory");
    let (what, setting, limit, code) = if is_disk {
        ("disk", "limits.spill", limits.spill, segue_diag::SQL_DISK_LIMIT)
    } else {
        ("memory", "limits.memory", limits.memory, segue_diag::SQL_MEMORY_LIMIT)
    };
    let error = Error::new(
        Kind::Invalid,
        format!("the query needs more {what} than the {} that it may use", size(limit)),
    )
    .with("limit", setting)
    .with("detail", consumers(text))
    .code(code);
    if is_disk {
        error.hint("ask for less at once, or allow more memory, so that less is written: segue sql --memory 2GiB")
    } else {
        error.hint("let it keep less (filter before joining, join on keys, name the columns), or allow more: segue sql --memory 2GiB")
    }
}

/// What was refused and who holds the most, on one line.
fn consumers(text: &str) -> String {
    let told = text.split("\nError: ").next().unwrap_or_default();
    let lines: Vec<&str> = told.lines().map(str::trim).collect();
    lines.join(" ").trim_end_matches(['.', ',']).to_string()
}

/// Bytes in the largest unit in which they are whole.
pub fn size(bytes: u64) -> String {
    const UNITS: [(&str, u32); 4] = [("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)];
    for (unit, shift) in UNITS {
        if bytes >= 1 << shift && bytes.is_multiple_of(1 << shift) {
            return format!("{} {unit}", bytes >> shift);
        }
    }
    format!("{bytes} bytes")
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default().trim_end_matches('.')
}

fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    match (chars.next(), chars.clone().next()) {
        // An acronym or a name in capitals stays.
        (Some(first), second) if !second.is_some_and(char::is_uppercase) => {
            first.to_lowercase().chain(chars).collect::<String>()
        }
        _ => text.to_string(),
    }
    .trim_end_matches('.')
    .to_string()
}

#[cfg(test)]
mod tests;
