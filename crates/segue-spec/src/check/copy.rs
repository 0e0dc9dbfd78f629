//! `copy:` and `into:`: which connector, and what its schema says.

use super::asset::Draft;
use super::connection::{BUILT_IN, secrets};
use super::query::{Role, Site};
use super::{All, span};
use crate::schema::{own, validate_entry};
use crate::yaml::{Entry, Node, Value};
use segue_diag::{Diagnostic, UNKNOWN_CONNECTION, WRONG_DIRECTION, closest};
use serde_json::Value as Json;

/// Looks at `copy:` with the schema of the connector that it reads from.
pub(super) fn read(all: &mut All<'_>, draft: &mut Draft<'_>) {
    let file = draft.file;
    let Some(entry) = draft.root.entry("copy") else { return };
    let node = &entry.value;
    if !matches!(node.value, Value::Mapping(_)) {
        return;
    }
    secrets(all, file, node);
    let from = node.get("from").filter(|n| n.text().is_some());
    let kind = match from {
        Some(from) => kind_of(all, file, from),
        None => None,
    };
    draft.kind = kind;
    let schema = draft.kind.as_deref().and_then(|k| all.shapes.copy(k));
    let references = draft.kind.as_deref() != Some("lake");
    match (schema, &draft.kind) {
        (Some(schema), _) => validate_entry(file, entry, schema, references, &mut all.found),
        (None, Some(kind)) => {
            let place = from.map_or_else(|| span(file, entry.bytes.clone()), |f| f.span(file));
            let message = format!("rows cannot be read from a connection of kind `{kind}`");
            all.report(WRONG_DIRECTION, place, message).hint =
                Some("read from another connection, or from `files`".into());
        }
        (None, None) => common_keys(file, entry, &own().copy, &mut all.found),
    }
}

/// Without a connector its keys are unknown, and those that all have can be looked at all the same.
fn common_keys(file: &str, entry: &Entry, schema: &Json, found: &mut Vec<Diagnostic>) {
    let mut schema = schema.clone();
    if let Some(object) = schema.as_object_mut() {
        object.insert("additionalProperties".into(), Json::Bool(true));
    }
    validate_entry(file, entry, &schema, true, found);
}

/// The kind of the connection of this name; what is wrong with the name is reported.
fn kind_of(all: &mut All<'_>, file: &str, name: &Node) -> Option<String> {
    let text = name.text()?;
    if BUILT_IN.contains(&text) {
        return Some(text.to_string());
    }
    match all.connections.get(text) {
        Some(connection) => Some(connection.kind.clone()).filter(|k| all.shapes.kinds().any(|known| known == k)),
        None => {
            unknown(all, file, name, text);
            None
        }
    }
}

fn unknown(all: &mut All<'_>, file: &str, place: &Node, name: &str) {
    if all.unread_connections.iter().any(|c| c == name) {
        return;
    }
    let mut names: Vec<&str> = all.connections.keys().map(String::as_str).collect();
    names.extend(all.unread_connections.iter().map(String::as_str));
    names.extend(BUILT_IN);
    let hint = match closest(name, names.iter().copied()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("there are: `{}`", names.join("`, `")),
    };
    all.report(
        UNKNOWN_CONNECTION,
        place.span(file),
        format!("there is no connection `{name}`"),
    )
    .hint = Some(hint);
}

/// Looks at `into:` with the schema of the connector that it writes to.
pub(super) fn into(all: &mut All<'_>, draft: &mut Draft<'_>) {
    let file = draft.file;
    let Some(entry) = draft.root.entry("into") else { return };
    let node = &entry.value;
    if !matches!(node.value, Value::Mapping(_)) {
        return;
    }
    let connection = node.get("connection").filter(|n| n.text().is_some());
    let Some(connection) = connection else {
        common_keys(file, entry, &own().into, &mut all.found);
        return;
    };
    if connection.text() == Some("lake") {
        let message = format!("`{}` cannot be written into", connection.text().unwrap_or(""));
        let hint = "without `into:` an asset is a table of the lake";
        all.report(WRONG_DIRECTION, connection.span(file), message).hint = Some(hint.into());
        return;
    }
    let Some(kind) = kind_of(all, file, connection) else {
        return;
    };
    match all.shapes.target(&kind) {
        Some(schema) => {
            validate_entry(file, entry, schema, true, &mut all.found);
            draft.into_kind = Some(kind);
        }
        None => {
            let message = format!("a connection of kind `{kind}` cannot be written into");
            all.report(WRONG_DIRECTION, connection.span(file), message);
        }
    }
}

/// The SQL of a copy: its list, and what it reads from the lake.
pub(super) fn sql(all: &mut All<'_>, draft: &mut Draft<'_>) {
    let list = draft.root.at(&["copy", "for_each", "sql"]).map(|n| (Role::ForEach, n));
    let lake = draft
        .root
        .at(&["copy", "sql"])
        .filter(|_| draft.kind.as_deref() == Some("lake"))
        .map(|n| (Role::CopyFrom, n));
    let sites = list.into_iter().chain(lake);
    let sites: Vec<Site> = sites
        .filter_map(|(role, node)| Site::scalar(draft.file, role, node, &mut all.found))
        .collect();
    draft.sites.extend(sites);
}
