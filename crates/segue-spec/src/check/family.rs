//! Files that stand for many assets: `tables:`, and what can be said of all of them at once.

use super::asset::Draft;
use super::{All, span};
use crate::yaml::Node;
use segue_diag::{BAD_NAME, CHOOSE_ONE, Code, DUPLICATE_ASSET, Diagnostic, MISSING_KEY, NOT_IN_THIS_VERSION, Span};
use std::collections::BTreeMap;

/// Keys of `copy:` that say which rows of one table are read.
const ONE_TABLE: [&str; 2] = ["table", "query"];

/// Keys of `copy:` that only one table could have.
const OF_ONE: [&str; 4] = ["columns", "for_each", "slice", "keep_raw"];

/// Reports what does not go together in each of them, and two of one name.
pub(super) fn apply(all: &mut All<'_>) {
    let mut found = Vec::new();
    let mut first: BTreeMap<String, Span> = BTreeMap::new();
    for draft in &mut all.assets {
        rules(draft, &mut found);
        let Some(name) = draft.family.as_ref().map(ToString::to_string) else {
            continue;
        };
        let place = span(draft.file, draft.place.clone());
        match first.get(&name) {
            Some(other) => {
                draft.twice = true;
                let twice = Diagnostic::error(DUPLICATE_ASSET, Some(place), format!("`{name}` is there twice"));
                let twice = twice.related(other.clone(), "first defined here");
                found.push(twice.hint("put the tables of both into one file, or write `raw.shop_*`"));
            }
            None => drop(first.insert(name, place)),
        }
    }
    all.found.append(&mut found);
}

fn rules(draft: &Draft<'_>, found: &mut Vec<Diagnostic>) {
    let mut report = |code: Code, place: Span, message: String, hint: &str| {
        found.push(Diagnostic::error(code, Some(place), message).hint(hint));
    };
    let copy = draft.root.get("copy");
    let entry = |key: &str| copy.and_then(|c| c.entry(key));
    let name = draft.root.get("asset").and_then(Node::text).unwrap_or_default();
    let at_name = draft.span(&draft.place);
    match (entry("tables"), &draft.family) {
        (None, Some(name)) => {
            let hint = "write `copy: { from: CONNECTION, tables: \"public.*\" }`, or name one asset";
            report(
                MISSING_KEY,
                at_name,
                format!("`{name}` names many assets, and there is no `tables`"),
                hint,
            );
        }
        (Some(_), None) if !name.contains('*') && draft.name.is_some() => {
            let hint = "write `*` for the table's name: `asset: raw.*`";
            report(
                BAD_NAME,
                at_name,
                format!("`{name}` names one asset, and `tables` makes one of each table"),
                hint,
            );
        }
        _ => {}
    }
    if entry("tables").is_none() {
        for key in ["except", "on_new_table"] {
            if let Some(entry) = entry(key) {
                let place = draft.span(&entry.bytes);
                report(
                    MISSING_KEY,
                    place,
                    format!("`{key}` without `tables`"),
                    "write `tables:`, or leave it out",
                );
            }
        }
        return;
    }
    for key in ONE_TABLE {
        if let Some(entry) = entry(key) {
            let place = draft.span(&entry.bytes);
            let message = format!("`tables` and `{key}` cannot stand beside each other");
            report(CHOOSE_ONE, place, message, "write one of them");
        }
    }
    const OWN_FILE: &str = "give the table that needs it a file of its own, which is taken instead of this one";
    for key in OF_ONE {
        if let Some(entry) = entry(key) {
            let place = draft.span(&entry.bytes);
            let message = format!("`{key}` beside `tables` is not acted on by this version: it is one table's");
            report(NOT_IN_THIS_VERSION, place, message, OWN_FILE);
        }
    }
    for key in ["renamed_from", "find"] {
        if let Some(entry) = draft.root.entry(key) {
            let message = format!("`{key}` of many assets is not acted on by this version");
            report(NOT_IN_THIS_VERSION, draft.span(&entry.bytes), message, OWN_FILE);
        }
    }
    if let Some(table) = draft.root.at(&["into", "table"])
        && table.text().is_some_and(|t| t.matches('*').count() != 1)
    {
        let message = "every one of many assets would write into this table".to_string();
        report(
            BAD_NAME,
            draft.span(&table.bytes),
            message,
            "write one `*` for the table's name: `table: \"*\"`",
        );
    }
}
