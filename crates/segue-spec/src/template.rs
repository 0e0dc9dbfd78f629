//! Templates (`{{ each.id }}`) and expressions (`record.name | lower`): whether they can be read, and what they name.

use minijinja::Environment;
use std::cell::RefCell;
use std::collections::BTreeSet;

thread_local! {
    // Making one costs more than reading a template.
    static ENGINE: RefCell<Environment<'static>> = RefCell::new(Environment::new());
}

/// Whether a text is a template at all.
pub(crate) fn is_template(text: &str) -> bool {
    text.contains("{{") || text.contains("{%") || text.contains("{#")
}

/// The variables that a template names, dotted (`each.id`); the error says why it cannot be read.
pub(crate) fn template(text: &str) -> Result<BTreeSet<String>, String> {
    ENGINE.with_borrow(|engine| {
        let template = engine.template_from_str(text).map_err(|e| words(text, &e))?;
        Ok(template.undeclared_variables(true).into_iter().collect())
    })
}

/// The variables that an expression names, dotted; the error says why it cannot be read.
pub(crate) fn expression(text: &str) -> Result<BTreeSet<String>, String> {
    ENGINE.with_borrow(|engine| {
        let expression = engine.compile_expression(text).map_err(|e| words(text, &e))?;
        Ok(expression.undeclared_variables(true).into_iter().collect())
    })
}

fn words(text: &str, error: &minijinja::Error) -> String {
    let why = error.detail().map_or_else(|| error.kind().to_string(), str::to_string);
    match error
        .range()
        .and_then(|range| text.get(range))
        .filter(|part| !part.is_empty())
    {
        Some(part) => format!("the template cannot be read at `{part}`: {why}"),
        None => format!("the template cannot be read: {why}"),
    }
}
