//! Names in SQL: what is not quoted is lower case.

use sqlparser::ast::{Ident, ObjectName, ObjectNamePart};
use sqlparser::tokenizer::Span;

/// The name as the engine sees it.
pub(super) fn normal(ident: &Ident) -> String {
    match ident.quote_style {
        Some(_) => ident.value.clone(),
        None => ident.value.to_ascii_lowercase(),
    }
}

/// The parts of a name as the engine sees them; `None` when a part is no plain name.
pub(super) fn parts(name: &ObjectName) -> Option<Vec<String>> {
    name.0.iter().map(|part| part.as_ident().map(normal)).collect()
}

/// From the first part to the last.
pub(super) fn span(name: &ObjectName) -> Span {
    let spans = name.0.iter().filter_map(ObjectNamePart::as_ident).map(|i| i.span);
    Span::union_iter(spans)
}

/// How a column is written in SQL.
pub(super) fn written(column: &str) -> String {
    let plain = column
        .bytes()
        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if plain {
        column.to_string()
    } else {
        format!("\"{column}\"")
    }
}
