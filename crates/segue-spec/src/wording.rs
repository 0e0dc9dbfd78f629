//! The templates in a chat's texts: `{{ artist.name }}`, `{{ genres | join(", ", attribute="genre") }}`.
//!
//! What is missing is nothing: a value that is null, or that is not there, prints as nothing, has no attributes, and is false.

use minijinja::value::{Kwargs, Value, ValueKind};
use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior};
use serde_json::Value as Json;

/// How much work one text may be.
const FUEL: u64 = 50_000;

/// The most bytes that joining a list may make.
const LONGEST_JOIN: usize = 100_000;

/// What reads a chat's texts: when they are checked, and when they are said.
pub fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Chainable);
    environment.set_fuel(Some(FUEL));
    environment.add_filter("join", join);
    environment.set_formatter(|out, _, value| match value.kind() {
        ValueKind::Undefined | ValueKind::None => Ok(()),
        ValueKind::String => Ok(out.write_str(value.as_str().unwrap_or_default())?),
        _ => Ok(out.write_str(&value.to_string())?),
    });
    environment
}

/// The values of a list as one text. What is missing, or empty, is left out, with its comma.
fn join(value: Value, between: Option<String>, options: Kwargs) -> Result<String, Error> {
    let attribute = options.get::<Option<String>>("attribute")?;
    options.assert_all_used()?;
    let between = between.unwrap_or_default();
    let mut joined = String::new();
    let mut is_first = true;
    for item in value.try_iter()? {
        let item = match &attribute {
            Some(name) => item.get_attr(name).unwrap_or(Value::UNDEFINED),
            None => item,
        };
        let text = match item.is_undefined() || item.is_none() {
            true => continue,
            false => item.to_string(),
        };
        if text.trim().is_empty() {
            continue;
        }
        if !is_first {
            joined.push_str(&between);
        }
        is_first = false;
        joined.push_str(&text);
        if joined.len() > LONGEST_JOIN {
            return Err(Error::new(ErrorKind::InvalidOperation, "the joined text is too long"));
        }
    }
    Ok(joined)
}

/// A value as templates see it: what is null is missing.
pub fn value(json: &Json) -> Value {
    match json {
        Json::Null => Value::UNDEFINED,
        Json::Bool(is) => Value::from(*is),
        Json::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(whole), _) => Value::from(whole),
            (None, Some(whole)) => Value::from(whole),
            (None, None) => Value::from(number.as_f64().unwrap_or_default()),
        },
        Json::String(text) => Value::from(text.as_str()),
        Json::Array(items) => Value::from(items.iter().map(value).collect::<Vec<_>>()),
        Json::Object(fields) => {
            let there = fields.iter().filter(|(_, field)| !field.is_null());
            Value::from_pairs(there.map(|(name, field)| (name.as_str(), value(field))))
        }
    }
}

#[cfg(test)]
mod tests;
