//! Templates (`{{ each.id }}`) and expressions (`record.name | lower`): whether they can be read, and what they name.

use minijinja::Environment;
use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// The names in a text, or why it cannot be read.
type Names = Result<Arc<BTreeSet<String>>, String>;

/// How many texts are remembered: each is looked at up to three times, for its syntax, its names and its parameters.
const REMEMBERED: usize = 1_000;

thread_local! {
    // Making one costs more than reading a template.
    static ENGINE: RefCell<Environment<'static>> = RefCell::new(Environment::new());
    static SEEN: RefCell<HashMap<(bool, String), Names>> = RefCell::new(HashMap::new());
}

/// Whether a text is a template at all.
pub(crate) fn is_template(text: &str) -> bool {
    text.contains("{{") || text.contains("{%") || text.contains("{#")
}

/// The variables that a template names, dotted (`each.id`); the error says why it cannot be read.
pub(crate) fn template(text: &str) -> Names {
    remembered(true, text, |engine| {
        let template = engine.template_from_str(text).map_err(|e| words(text, &e))?;
        Ok(Arc::new(template.undeclared_variables(true).into_iter().collect()))
    })
}

/// The variables that an expression names, dotted; the error says why it cannot be read.
pub(crate) fn expression(text: &str) -> Names {
    remembered(false, text, |engine| {
        let expression = engine.compile_expression(text).map_err(|e| words(text, &e))?;
        Ok(Arc::new(expression.undeclared_variables(true).into_iter().collect()))
    })
}

fn remembered(template: bool, text: &str, read: impl FnOnce(&Environment<'static>) -> Names) -> Names {
    let key = (template, text.to_string());
    if let Some(names) = SEEN.with_borrow(|seen| seen.get(&key).cloned()) {
        return names;
    }
    let names = ENGINE.with_borrow(read);
    SEEN.with_borrow_mut(|seen| {
        if seen.len() >= REMEMBERED {
            seen.clear();
        }
        seen.insert(key, names.clone());
    });
    names
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
