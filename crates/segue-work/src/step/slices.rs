//! From the elements of a `for_each` to slices: what they are called, and what else they carry.

use crate::names;
use segue_core::{Error, Kind, Labels, Result, Slice, Type};
use segue_diag::{DOUBLED_SLICE, EMPTY_LIST};
use segue_spec::model::{Asset, Copy};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// The slices of a copy: its elements, or, without a `for_each`, the one whole (called by parameters, where `slice:` names them).
///
/// # Errors
/// `Invalid` for a label listed twice with different values, for an empty list where none is allowed, and for a label that an element
/// does not have.
pub fn slices(
    asset: &Asset,
    copy: &Copy,
    elements: Option<Vec<Map<String, Value>>>,
    params: &Map<String, Value>,
) -> Result<Vec<Slice>> {
    let Some(elements) = elements else {
        let labels = labels(asset, copy, &Map::new(), params)?;
        return Ok(vec![Slice {
            labels,
            values: Arc::default(),
        }]);
    };
    if elements.is_empty() && !asset.write.allow_empty {
        return Err(
            Error::new(Kind::BadData, format!("the `for_each` of {} lists nothing", asset.name))
                .code(EMPTY_LIST)
                .hint("if that may be, write `allow_empty: true` in `write:`"),
        );
    }
    let mut seen: HashMap<Labels, usize> = HashMap::with_capacity(elements.len());
    let mut slices: Vec<Slice> = Vec::with_capacity(elements.len());
    for values in elements {
        let labels = labels(asset, copy, &values, params)?;
        match seen.get(&labels) {
            Some(at) if *slices[*at].values == values => {}
            Some(_) => {
                return Err(Error::new(
                    Kind::BadData,
                    format!(
                        "the `for_each` of {} lists {labels} twice, with different values",
                        asset.name
                    ),
                )
                .code(DOUBLED_SLICE)
                .hint("name the columns that tell them apart in `slice:`, or leave them out of the list"));
            }
            None => {
                seen.insert(labels.clone(), slices.len());
                slices.push(Slice {
                    labels,
                    values: Arc::new(values),
                });
            }
        }
    }
    Ok(slices)
}

/// What a slice carries beyond its labels: all columns of its element that no label is made from.
pub fn other_values(copy: &Copy, slice: &Slice) -> Map<String, Value> {
    let used: Vec<String> = copy.slice.iter().flat_map(|column| sources(copy, column)).collect();
    slice
        .values
        .iter()
        .filter(|(name, _)| !used.contains(name))
        .map(|(k, v)| (k.clone(), v.clone()))
        .collect()
}

/// The parameters that no label is made from.
pub fn other_params(copy: &Copy, params: &Map<String, Value>) -> Map<String, Value> {
    let used: Vec<String> = copy
        .slice
        .iter()
        .filter_map(|c| copy.columns.get(c)?.value.as_ref())
        .flat_map(|v| {
            places(&names::template(v))
                .into_iter()
                .filter_map(|p| p.strip_prefix("params.").map(str::to_string))
                .collect::<Vec<_>>()
        })
        .collect();
    params
        .iter()
        .filter(|(name, _)| !used.contains(name))
        .map(|(k, v)| (k.clone(), v.clone()))
        .collect()
}

/// The element's columns that a label is made from.
fn sources(copy: &Copy, column: &str) -> Vec<String> {
    match copy.columns.get(column).and_then(|c| c.value.as_ref()) {
        Some(value) => places(&names::template(value))
            .into_iter()
            .filter_map(|p| p.strip_prefix("each.").map(str::to_string))
            .collect(),
        None => vec![column.to_string()],
    }
}

fn labels(asset: &Asset, copy: &Copy, element: &Map<String, Value>, params: &Map<String, Value>) -> Result<Labels> {
    let mut labels = BTreeMap::new();
    for column in &copy.slice {
        let declared = copy.columns.get(column);
        let of = declared
            .and_then(|c| c.ty.as_ref())
            .map(names::column_type)
            .transpose()?;
        let value = match declared.and_then(|c| c.value.as_ref()) {
            Some(value) => render(&names::template(value), element, params),
            None => element.get(column).cloned(),
        };
        let value = value.filter(|v| !v.is_null()).ok_or_else(|| {
            Error::new(
                Kind::BadData,
                format!(
                    "an element of the `for_each` of {} has nothing for its label `{column}`",
                    asset.name
                ),
            )
            .with("element", Value::Object(element.clone()))
        })?;
        labels.insert(column.clone(), typed(value, of.as_ref()));
    }
    Ok(labels.into_iter().collect())
}

/// A label as the table's column holds it.
fn typed(value: Value, of: Option<&Type>) -> Value {
    match (of, &value) {
        (Some(Type::String | Type::Uuid), Value::Number(_) | Value::Bool(_)) => Value::from(value.to_string()),
        (Some(Type::Int8 | Type::Int16 | Type::Int32 | Type::Int64), Value::String(text)) => {
            text.parse::<i64>().map_or(value.clone(), Value::from)
        }
        _ => value,
    }
}

/// The places that a template names: `each.id` for `{{ each.id }}`.
fn places(template: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = template;
    while let Some((_, after)) = rest.split_once("{{") {
        let Some((place, after)) = after.split_once("}}") else {
            break;
        };
        found.push(place.trim());
        rest = after;
    }
    found
}

/// A template's value. One that is nothing but a place has the place's own type; otherwise it is text.
fn render(template: &str, element: &Map<String, Value>, params: &Map<String, Value>) -> Option<Value> {
    let at = |place: &str| match place.split_once('.')? {
        ("each", name) => element.get(name),
        ("params", name) => params.get(name),
        _ => None,
    };
    let trimmed = template.trim();
    if trimmed.starts_with("{{") && trimmed.ends_with("}}") && places(trimmed).len() == 1 {
        return at(places(trimmed)[0]).cloned();
    }
    let mut text = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        let (place, after) = after.split_once("}}")?;
        text.push_str(before);
        text.push_str(&names::template(at(place.trim())?));
        rest = after;
    }
    text.push_str(rest);
    Some(Value::from(text))
}

#[cfg(test)]
mod tests;
