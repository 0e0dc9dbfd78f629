//! The files in `connections/`.

use super::{All, salvage, span};
use crate::model::{Connection, Place};
use crate::reference::{SECRET_NAMES, url_password};
use crate::schema::{own, validate};
use crate::yaml::{Node, Value, parse};
use segue_diag::{
    BAD_NAME, DUPLICATE_CONNECTION, Diagnostic, LITERAL_SECRET, MISSING_KEY, Text, UNKNOWN_CONNECTOR, URL_CREDENTIALS,
    WRONG_TYPE, closest,
};
use std::sync::Arc;

/// Connections that are there without a file.
pub(super) const BUILT_IN: [&str; 2] = ["files", "lake"];

pub(super) fn read(all: &mut All<'_>, file: &str) {
    let Some(text) = all.files.text(file) else { return };
    let parsed = parse(file, text, &mut all.found);
    if parsed.broken || parsed.root.is_none() {
        all.unread_connections.extend(salvage(text, "connection"));
        return;
    }
    let Some(root) = parsed.root else { return };
    if !matches!(root.value, Value::Mapping(_)) {
        let message = format!("a connection is a mapping, not {}", root.describe());
        all.report(WRONG_TYPE, root.span(file), message).hint = Some("begin with `connection: NAME`".into());
        return;
    }
    secrets(all, file, &root);
    let name = root.get("connection").and_then(Node::text).map(str::to_string);
    let kind = root.get("kind").and_then(Node::text).map(str::to_string);
    let known = kind.as_deref().and_then(|k| all.shapes.connection(k)).is_some();
    match (&kind, root.entry("kind")) {
        (Some(kind), Some(_)) if known => {
            if let Some(schema) = all.shapes.connection(kind) {
                validate(file, &root, schema, true, &mut all.found);
            }
        }
        (Some(kind), Some(entry)) => {
            // Its keys are unknown; its name can be looked at all the same.
            let mut schema = own().connection.clone();
            if let Some(object) = schema.as_object_mut() {
                object.insert("additionalProperties".into(), true.into());
            }
            validate(file, &root, &schema, true, &mut all.found);
            let kinds: Vec<&str> = all.shapes.kinds().collect();
            let hint = match closest(kind, kinds.iter().copied()) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("this version knows `{}`", kinds.join("`, `")),
            };
            let place = entry.value.span(file);
            all.report(UNKNOWN_CONNECTOR, place, format!("there is no connector `{kind}`"))
                .hint = Some(hint);
        }
        (None, Some(entry)) => {
            let message = format!("`kind` wants a word, not {}", entry.value.describe());
            all.report(WRONG_TYPE, span(file, entry.bytes.clone()), message);
        }
        (_, None) => {
            let first = root.entries().first().map_or(root.bytes.clone(), |e| e.bytes.clone());
            let hint = "write `kind: rest`, or another connector's name";
            all.report(MISSING_KEY, span(file, first), "this file lacks the key `kind`")
                .hint = Some(hint.into());
        }
    }
    let kind_node = root.get("kind").and_then(Node::text);
    let (Some(name), Some(entry)) = (name, root.entry("connection")) else {
        if kind_node.is_none() && root.get("connection").is_none() {
            let first = root.entries().first().map_or(root.bytes.clone(), |e| e.bytes.clone());
            all.report(MISSING_KEY, span(file, first), "this file lacks the key `connection`")
                .hint = Some("write `connection: NAME`".into());
        }
        return;
    };
    add(all, file, name, kind.unwrap_or_default(), &entry.value, &root);
}

fn add(all: &mut All<'_>, file: &str, name: String, kind: String, place: &Node, root: &Node) {
    if BUILT_IN.contains(&name.as_str()) {
        let message = format!("the connection `{name}` is built in");
        all.report(BAD_NAME, place.span(file), message).hint = Some("call this one something else".into());
        return;
    }
    if let Some(first) = all.connections.get(&name) {
        let first = first.place.span();
        let twice = Diagnostic::error(
            DUPLICATE_CONNECTION,
            Some(place.span(file)),
            format!("there are two connections `{name}`"),
        );
        all.found.push(
            twice
                .related(first, "first defined here")
                .hint("give one of them another name"),
        );
        return;
    }
    let mut settings = root.to_json();
    if let Some(object) = settings.as_object_mut() {
        object.shift_remove("connection");
        object.shift_remove("kind");
    }
    let place = Place {
        file: file.into(),
        start: place.bytes.start,
        end: place.bytes.end,
    };
    Arc::make_mut(&mut all.connections).insert(
        name.clone(),
        Connection {
            name,
            kind,
            settings,
            place,
        },
    );
}

/// Secrets that are written out, wherever they stand: passwords in URLs, and headers and parameters that hold nothing else.
pub(super) fn secrets(all: &mut All<'_>, file: &str, node: &Node) {
    secrets_below(all, file, node, "");
}

/// `below`: the key whose value this is.
fn secrets_below(all: &mut All<'_>, file: &str, node: &Node, below: &str) {
    for item in node.items() {
        secrets_below(all, file, item, below);
    }
    for entry in node.entries() {
        secrets_below(all, file, &entry.value, &entry.key);
        let Some(text) = entry.value.text() else { continue };
        if let Some(bytes) = url_password(text) {
            let message = format!("`{}` holds a password", entry.key);
            all.report(URL_CREDENTIALS, entry.value.part(file, bytes), message).hint =
                Some("write `${secret:NAME}` in its place".into());
        }
        // Among headers it is one; elsewhere it says which cookie.
        if entry.key == "cookie" && below != "headers" {
            continue;
        }
        let secret = SECRET_NAMES.contains(&entry.key.to_ascii_lowercase().as_str());
        if secret && !text.is_empty() && !text.contains("${") && !text.contains("{{") {
            let message = format!("`{}` is a secret, and is written out", entry.key);
            let hint = "write `${secret:NAME}` and keep the value in the environment, in `.env` or in `secrets/NAME`";
            all.report(LITERAL_SECRET, entry.value.span(file), message).hint = Some(hint.into());
        }
    }
}
