//! Right answers, made wrong.

use super::faults::FaultKind;
use super::reply::Reply;
use crate::numbers::mix;
use axum::body::Bytes;
use serde_json::{Value, json};
use std::time::Duration;

/// What is wrong with an answer.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Trouble {
    pub(super) delay: Duration,
    pub(super) spoil: Option<Spoil>,
}

/// How a body is spoilt.
#[derive(Debug, PartialEq)]
pub(super) enum Spoil {
    /// The connection ends in the middle.
    Cut,
    /// The text ends in the middle.
    Truncate,
    /// Every record twice.
    Duplicate,
    /// A value of one record is of another type; which, these bits say.
    WrongType(u64),
}

impl Trouble {
    /// The answer with this trouble, and the fault that found nothing in it to spoil, if one did.
    pub(super) fn spoil(self, mut reply: Reply) -> (Reply, Option<FaultKind>) {
        reply.delay = self.delay;
        let in_vain = match self.spoil {
            Some(Spoil::Cut) => {
                reply.cut = true;
                None
            }
            Some(Spoil::Truncate) => {
                reply.body = reply.body.slice(..reply.body.len() / 2);
                None
            }
            Some(Spoil::Duplicate) => (!change(&mut reply.body, duplicate)).then_some(FaultKind::DuplicatedPage),
            Some(Spoil::WrongType(bits)) => {
                (!change(&mut reply.body, |value| wrong_type(value, bits))).then_some(FaultKind::WrongType)
            }
            None => None,
        };
        (reply, in_vain)
    }
}

/// Changes a body that is JSON; whether there was something to change.
fn change(body: &mut Bytes, change: impl FnOnce(&mut Value) -> bool) -> bool {
    let Ok(mut value) = serde_json::from_slice::<Value>(body) else {
        return false;
    };
    let is_changed = change(&mut value);
    if is_changed {
        *body = Bytes::from(value.to_string());
    }
    is_changed
}

fn duplicate(value: &mut Value) -> bool {
    let Some(records) = records(value).filter(|records| !records.is_empty()) else {
        return false;
    };
    *records = records.iter().flat_map(|r| [r.clone(), r.clone()]).collect();
    true
}

/// A popularity becomes a string; without one, any number becomes an object; without any, the name becomes a number.
fn wrong_type(value: &mut Value, bits: u64) -> bool {
    let Some(records) = records(value) else { return false };
    let mut objects: Vec<&mut Value> = records.iter_mut().filter(|r| r.is_object()).collect();
    if objects.is_empty() {
        return false;
    }
    let place = (bits % objects.len() as u64) as usize;
    let Value::Object(fields) = &mut *objects[place] else {
        return false;
    };
    if let Some(popularity) = fields.get_mut("popularity") {
        *popularity = json!(format!("{popularity} of 100"));
        return true;
    }
    let mut numbers: Vec<&mut Value> = fields.values_mut().filter(|v| v.is_number()).collect();
    if !numbers.is_empty() {
        let place = (mix(bits) % numbers.len() as u64) as usize;
        let number = &mut *numbers[place];
        *number = json!({ "value": number.clone() });
        return true;
    }
    match fields.get_mut("name") {
        Some(name) => {
            *name = json!(bits % 1000);
            true
        }
        None => false,
    }
}

/// The list of records in an answer: of a page, of a search, of many by id, or the answer itself.
fn records(value: &mut Value) -> Option<&mut Vec<Value>> {
    const LISTS: [&str; 7] = [
        "items",
        "tracks",
        "artists",
        "audio_features",
        "data",
        "content",
        "recordings",
    ];
    if value.is_array() {
        return value.as_array_mut();
    }
    let fields = value.as_object_mut()?;
    let name = LISTS.into_iter().find(|name| fields.contains_key(*name))?;
    match fields.get_mut(name)? {
        Value::Array(records) => Some(records),
        Value::Object(page) => page.get_mut("items")?.as_array_mut(),
        _ => None,
    }
}
