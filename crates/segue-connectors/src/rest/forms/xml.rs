//! XML as JSON: an element is an object of its attributes (`@name`) and its elements, or its text where it has nothing else. Elements of one
//! name beside each other are a list. Names are without their prefixes. What a document type defines is not filled in.

use super::not_of_its_form;
use crate::json::MAX_DEPTH;
use bytes::Bytes;
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use segue_core::{Error, Kind, Result};
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// An element that is open.
struct Open {
    name: String,
    fields: Map<String, Value>,
    text: String,
}

/// The document as JSON. Elements of the names in `lists` are lists also where there is one of them.
///
/// # Errors
/// `Unavailable` where it was cut off; `BadData` for what is no XML.
pub fn to_json(bytes: &[u8], lists: &BTreeSet<String>) -> Result<Bytes> {
    let text = std::str::from_utf8(bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes));
    let text = text.map_err(|_| not_of_its_form("the answer is no XML in UTF-8"))?;
    if text.trim().is_empty() {
        return Err(not_of_its_form("the answer is empty, and no XML"));
    }
    let mut reader = Reader::from_str(text);
    let mut open: Vec<Open> = Vec::new();
    let mut root = Map::new();
    loop {
        let event = reader.read_event().map_err(|e| {
            let what = format!("the answer is no XML at byte {}: {e}", reader.error_position());
            not_of_its_form(what)
        })?;
        match event {
            Event::Start(_) | Event::Empty(_) if open.is_empty() && !root.is_empty() => {
                return Err(not_of_its_form("the answer has two roots, and is no XML"));
            }
            Event::Start(start) => {
                if open.len() >= MAX_DEPTH {
                    return Err(not_of_its_form(format!(
                        "the answer has more than {MAX_DEPTH} elements in each other"
                    )));
                }
                open.push(begun(&start)?);
            }
            Event::Empty(start) => close(
                begun(&start)?,
                open.last_mut().map_or(&mut root, |o| &mut o.fields),
                lists,
            ),
            Event::End(_) => {
                let Some(ended) = open.pop() else {
                    return Err(not_of_its_form(
                        "the answer is no XML: an element ends that never began",
                    ));
                };
                close(ended, open.last_mut().map_or(&mut root, |o| &mut o.fields), lists);
            }
            Event::Text(words) => {
                let words = words
                    .xml_content()
                    .map_err(|e| not_of_its_form(format!("the answer is no XML: {e}")))?;
                match open.last_mut() {
                    Some(element) => element.text.push_str(&words),
                    None if words.trim().is_empty() => {}
                    None => {
                        return Err(not_of_its_form(
                            "the answer is no XML: there is text outside of its root",
                        ));
                    }
                }
            }
            Event::CData(words) => {
                let words = words
                    .xml_content()
                    .map_err(|e| not_of_its_form(format!("the answer is no XML: {e}")))?;
                if let Some(element) = open.last_mut() {
                    element.text.push_str(&words);
                }
            }
            Event::GeneralRef(reference) => {
                let character = reference
                    .resolve_char_ref()
                    .map_err(|e| not_of_its_form(format!("the answer is no XML: {e}")))?;
                let name = reference
                    .decode()
                    .map_err(|e| not_of_its_form(format!("the answer is no XML: {e}")))?;
                let meant = match character {
                    Some(character) => character.to_string(),
                    None => match quick_xml::escape::resolve_xml_entity(&name) {
                        Some(text) => text.to_string(),
                        // What a document defines itself may be without end.
                        None => {
                            return Err(not_of_its_form(format!(
                                "the answer has the entity `&{name};`, which is not filled in"
                            )));
                        }
                    },
                };
                if let Some(element) = open.last_mut() {
                    element.text.push_str(&meant);
                }
            }
            Event::Decl(_) | Event::Comment(_) | Event::PI(_) | Event::DocType(_) => {}
            Event::Eof => break,
        }
    }
    if !open.is_empty() || root.is_empty() {
        return Err(Error::new(Kind::Unavailable, "the answer was cut off").with("bytes", bytes.len()));
    }
    let text = serde_json::to_vec(&Value::Object(root)).map_err(|e| Error::bug("a tree is no JSON").caused_by(e))?;
    Ok(text.into())
}

fn begun(start: &BytesStart<'_>) -> Result<Open> {
    let wrong = |why: String| not_of_its_form(format!("the answer is no XML: {why}"));
    let mut fields = Map::new();
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|e| wrong(e.to_string()))?;
        let name = String::from_utf8_lossy(attribute.key.local_name().as_ref()).into_owned();
        // What prefixes stand for is of no use without them.
        if attribute.key.as_ref() == b"xmlns" || attribute.key.as_ref().starts_with(b"xmlns:") {
            continue;
        }
        let value = attribute.unescape_value().map_err(|e| wrong(e.to_string()))?;
        fields.insert(format!("@{name}"), Value::String(value.into_owned()));
    }
    Ok(Open {
        name: String::from_utf8_lossy(start.local_name().as_ref()).into_owned(),
        fields,
        text: String::new(),
    })
}

/// Puts an element into the one around it.
fn close(element: Open, into: &mut Map<String, Value>, lists: &BTreeSet<String>) {
    let Open { name, mut fields, text } = element;
    let text = text.trim();
    let value = match (fields.is_empty(), text.is_empty()) {
        (true, true) => Value::Null,
        (true, false) => Value::String(text.to_string()),
        (false, true) => Value::Object(fields),
        (false, false) => {
            fields.insert("#text".into(), Value::String(text.to_string()));
            Value::Object(fields)
        }
    };
    match into.get_mut(&name) {
        Some(Value::Array(items)) => items.push(value),
        Some(other) => {
            let first = other.take();
            *other = Value::Array(vec![first, value]);
        }
        None if lists.contains(&name) => drop(into.insert(name, Value::Array(vec![value]))),
        None => drop(into.insert(name, value)),
    }
}
