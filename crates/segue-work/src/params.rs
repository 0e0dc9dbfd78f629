//! The values of an asset's parameters: given as words or written as defaults, and from here on what their declared types say.

use segue_core::{Error, Kind, Result, engine};
use segue_spec::model::Param;
use segue_spec::types::Type;
use serde_json::{Map, Number, Value};
use std::collections::BTreeMap;

/// The values of an asset's parameters: the words that were given, else their defaults, each as its type keeps it. What is equal by its
/// type is equal here: `--param n=5` and `default: 5` have one hash.
///
/// # Errors
/// `Invalid` for one that has neither, and for a word that its type does not take.
pub fn values(
    asset: &str,
    declared: &BTreeMap<String, Param>,
    given: &Map<String, Value>,
) -> Result<Map<String, Value>> {
    let mut values = Map::new();
    for (name, says) in declared {
        let value = match (given.get(name), &says.default) {
            (Some(word), _) => {
                of_word(&says.ty, &text(word)).ok_or_else(|| no_such_value(asset, name, &says.ty, &text(word)))?
            }
            (None, Some(default)) => of_default(&says.ty, default),
            (None, None) => {
                return Err(
                    Error::new(Kind::Invalid, format!("{asset} needs the parameter `{name}`"))
                        .hint(format!("give it: --param {name}=…")),
                );
            }
        };
        values.insert(name.clone(), value);
    }
    Ok(values)
}

/// The error for a word that is no value of a parameter's type.
pub fn no_such_value(asset: &str, name: &str, ty: &Type, word: &str) -> Error {
    let message = format!("the parameter `{name}` of {asset} is of type {ty}, and `{word}` is not");
    Error::new(Kind::Invalid, message).hint("give another value, or change its `type:`")
}

/// The value that a word is as one of this type, exactly; `None` when it is none. A text takes every word as it is written; of every other
/// type `null` is the value that is missing.
pub fn of_word(ty: &Type, word: &str) -> Option<Value> {
    let trimmed = word.trim();
    if *ty == Type::String {
        return Some(word.into());
    }
    if trimmed == "null" {
        return Some(Value::Null);
    }
    let value: Value = match ty {
        Type::String => return None,
        Type::Bool => trimmed.to_ascii_lowercase().parse::<bool>().ok()?.into(),
        Type::Int8 | Type::Int16 | Type::Int32 | Type::Int64 => trimmed.parse::<i64>().ok()?.into(),
        Type::UInt64 => trimmed.parse::<u64>().ok()?.into(),
        Type::Float32 | Type::Float64 => Value::Number(Number::from_f64(trimmed.parse().ok()?)?),
        Type::Decimal { precision, scale } => return decimal(trimmed, *precision, *scale).map(Value::String),
        Type::Json | Type::List(_) | Type::Struct(_) | Type::Vector(_) => serde_json::from_str(trimmed).ok()?,
        Type::Binary => word.into(),
        Type::Date | Type::Time | Type::Timestamp | Type::LocalTimestamp | Type::Uuid => trimmed.into(),
    };
    ty.takes(&value).then_some(value)
}

/// As the engine takes them.
///
/// # Errors
/// `Bug` for a value that [`values`] did not make.
pub fn for_sql(
    declared: &BTreeMap<String, Param>,
    values: &Map<String, Value>,
) -> Result<BTreeMap<String, engine::Param>> {
    let one = |(name, value): (&String, &Value)| {
        let param = match (declared.get(name).map(|p| &p.ty), value) {
            (Some(Type::Decimal { precision, scale }), Value::String(text)) => engine::Param::Decimal {
                digits: text
                    .replace('.', "")
                    .parse()
                    .map_err(|e| Error::bug(format!("`{text}` is no decimal")).caused_by(e))?,
                precision: *precision,
                scale: *scale,
            },
            _ => engine::Param::Value(value.clone()),
        };
        Ok((name.clone(), param))
    };
    values.iter().map(one).collect()
}

/// A default is judged when the project is read: what does not convert stays as it is written.
fn of_default(ty: &Type, default: &Value) -> Value {
    match (ty, default) {
        (Type::Float32 | Type::Float64 | Type::Decimal { .. }, Value::Number(_) | Value::String(_)) => {
            of_word(ty, &text(default)).unwrap_or_else(|| default.clone())
        }
        _ => default.clone(),
    }
}

/// The word that a value was given as. Runs of earlier versions kept numbers.
fn text(given: &Value) -> String {
    match given {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Digits with exactly `scale` of them after the point; `None` for what would lose some, and for what is too long.
fn decimal(word: &str, precision: u8, scale: u8) -> Option<String> {
    let (sign, digits) = match word.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", word.strip_prefix('+').unwrap_or(word)),
    };
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let is_number = |t: &str| t.bytes().all(|b| b.is_ascii_digit());
    if !is_number(whole) || !is_number(part) || (whole.is_empty() && part.is_empty()) {
        return None;
    }
    let (whole, part) = (whole.trim_start_matches('0'), part.trim_end_matches('0'));
    let (precision, scale) = (usize::from(precision), usize::from(scale));
    if part.len() > scale || whole.len() > precision - scale {
        return None;
    }
    let sign = if whole.is_empty() && part.is_empty() { "" } else { sign };
    let whole = if whole.is_empty() { "0" } else { whole };
    Some(match scale {
        0 => format!("{sign}{whole}"),
        _ => format!("{sign}{whole}.{part:0<scale$}"),
    })
}

#[cfg(test)]
mod tests;
