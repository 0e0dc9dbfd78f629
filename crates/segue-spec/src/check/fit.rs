//! Values that must fit a declared type: defaults of parameters, what checks compare with, the column of a range.

use super::asset::Draft;
use super::{All, span};
use crate::model::RangeInput;
use crate::types::Type;
use crate::yaml::{Entry, Node};
use segue_diag::{CHECK_MISUSE, Diagnostic, WRONG_TYPE};

/// What is wrong with the values of asset `i`.
pub(super) fn rules(all: &mut All<'_>, i: usize) {
    let mut found = Vec::new();
    let draft = &all.assets[i];
    for entry in draft.root.get("params").map_or(&[][..], Node::entries) {
        default(draft, entry, &mut found);
    }
    for check in draft.root.get("checks").map_or(&[][..], Node::items) {
        for kind in check.entries() {
            compared(all, draft, kind, &mut found);
        }
    }
    range(all, draft, &mut found);
    all.found.append(&mut found);
}

/// The type that a file declares for a column of the asset.
fn declared(draft: &Draft<'_>, column: &str) -> Option<Type> {
    draft
        .root
        .at(&["copy", "columns", column, "type"])?
        .text()?
        .parse()
        .ok()
}

fn default(draft: &Draft<'_>, entry: &Entry, found: &mut Vec<Diagnostic>) {
    let ty = match entry.value.get("type") {
        Some(written) => written.text().and_then(|t| t.parse().ok()),
        None => Some(Type::String),
    };
    let (Some(ty), Some(node)) = (ty, entry.value.get("default")) else {
        return;
    };
    if node.is_null() || ty.takes(&node.to_json()) {
        return;
    }
    let message = format!(
        "the default of `{}` is {}, and its type is {ty}",
        entry.key,
        node.describe()
    );
    let mistake = Diagnostic::error(WRONG_TYPE, Some(node.span(draft.file)), message);
    found.push(match (&ty, node.scalar()) {
        (Type::String, Some(scalar)) => mistake.hint(format!("if it is text, quote it: \"{}\"", scalar.text)),
        _ => mistake.hint("write a value of the type, or another `type:`"),
    });
}

/// What `between`, `accepted` and `matches` compare a column with.
fn compared(all: &All<'_>, draft: &Draft<'_>, kind: &Entry, found: &mut Vec<Diagnostic>) {
    let word = kind.key.as_str();
    if let Some((node, pattern)) = kind.value.get("pattern").and_then(|n| Some((n, n.text()?)))
        && word == "matches"
        && let Some(why) = (all.pattern)(pattern)
    {
        let message = format!("`{pattern}` is no regular expression: {why}");
        found.push(Diagnostic::error(CHECK_MISUSE, Some(node.span(draft.file)), message));
    }
    let Some((place, column)) = kind.value.get("column").and_then(|n| Some((n, n.text()?))) else {
        return;
    };
    let Some(ty) = declared(draft, column) else { return };
    if word == "matches" && !matches!(ty, Type::String | Type::Json | Type::Uuid) {
        let message = format!("`matches` looks at text, and `{column}` is of type {ty}");
        found.push(
            Diagnostic::error(CHECK_MISUSE, Some(place.span(draft.file)), message)
                .hint("say it with `row:`, an SQL condition"),
        );
    }
    let values: Vec<&Node> = match word {
        "between" => ["min", "max"]
            .into_iter()
            .filter_map(|key| kind.value.get(key))
            .collect(),
        "accepted" => kind
            .value
            .get("values")
            .map_or(Vec::new(), |n| n.items().iter().collect()),
        _ => return,
    };
    for node in values {
        if node.scalar().is_none() || comparable(&ty, node) {
            continue;
        }
        let message = format!(
            "`{column}` is of type {ty}, and cannot be compared with {}",
            node.describe()
        );
        let mistake = Diagnostic::error(CHECK_MISUSE, Some(span(draft.file, node.bytes.clone())), message);
        found.push(match (&ty, node.scalar()) {
            (Type::String, Some(scalar)) => mistake.hint(format!("if it is text, quote it: \"{}\"", scalar.text)),
            (Type::List(_) | Type::Struct(_) | Type::Vector(_) | Type::Binary, _) => {
                mistake.hint("say it with `row:`, an SQL condition")
            }
            _ => mistake.hint(format!("write a value of type {ty}")),
        });
    }
}

/// Whether SQL compares a column of this type with this value without a cast that fails.
fn comparable(ty: &Type, node: &Node) -> bool {
    let json = node.to_json();
    match ty {
        Type::List(_) | Type::Struct(_) | Type::Vector(_) | Type::Binary => false,
        number if number.is_number() => {
            json.is_number() || json.as_str().is_some_and(|t| t.trim().parse::<f64>().is_ok())
        }
        Type::Json | Type::Uuid => json.is_string(),
        other => other.takes(&json),
    }
}

/// A range goes over a column that is a time.
fn range(all: &All<'_>, draft: &Draft<'_>, found: &mut Vec<Diagnostic>) {
    let Some(node) = draft.root.at(&["range", "input"]) else {
        return;
    };
    let Some(input) = node.text().and_then(|t| t.parse::<RangeInput>().ok()) else {
        return;
    };
    // A range over what is not read is reported as that.
    let read = draft.reads.contains_key(&input.table);
    let table = all
        .assets
        .iter()
        .find(|a| read && a.name.as_ref() == Some(&input.table));
    let Some(ty) = table.and_then(|t| declared(t, &input.column)) else {
        return;
    };
    if !matches!(ty, Type::Date | Type::Timestamp | Type::LocalTimestamp) {
        let message = format!("`{input}` is of type {ty}, and a range goes over time");
        found.push(
            Diagnostic::error(WRONG_TYPE, Some(node.span(draft.file)), message)
                .hint("name a column of type `timestamp`, `local_timestamp` or `date`"),
        );
    }
}
