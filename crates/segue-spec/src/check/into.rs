//! Tables of other systems: each belongs to one asset, and none is kept by Segue or the system itself.

use super::{All, span};
use segue_diag::{BAD_NAME, Diagnostic, SAME_TABLE, Span};
use std::collections::BTreeMap;

/// Beginnings of names that are kept: our own tables beside the data, and those of SQLite.
const KEPT: [&str; 2] = ["_segue", "sqlite_"];

/// Reports every table that two assets write, and every name that no asset may take.
pub(super) fn once_each(all: &mut All<'_>) {
    let mut first: BTreeMap<(String, String), (String, Span)> = BTreeMap::new();
    let mut found = Vec::new();
    for draft in all.assets.iter().filter(|d| !d.twice) {
        let Some(connection) = draft.elsewhere() else { continue };
        let Some((node, table)) = draft.root.at(&["into", "table"]).and_then(|n| Some((n, n.text()?))) else {
            continue;
        };
        let place = span(draft.file, node.bytes.clone());
        let lower = table.to_lowercase();
        if let Some(kept) = KEPT.iter().find(|k| lower.starts_with(**k)) {
            let message = format!("`{table}` is kept: no table's name begins with `{kept}`");
            found.push(Diagnostic::error(BAD_NAME, Some(place), message).hint("choose another name"));
            continue;
        }
        let owner = draft
            .name
            .as_ref()
            .map_or("another asset".to_string(), |n| format!("`{n}`"));
        match first.get(&(connection.to_string(), lower.clone())) {
            Some((other, before)) => {
                let message = format!("{other} writes the table `{table}` of `{connection}` already");
                found.push(
                    Diagnostic::error(SAME_TABLE, Some(place), message)
                        .related(before.clone(), "first named here")
                        .hint("name another table: each belongs to one asset"),
                );
            }
            None => drop(first.insert((connection.to_string(), lower), (owner, place))),
        }
    }
    all.found.append(&mut found);
}
