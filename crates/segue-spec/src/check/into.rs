//! Tables of other systems: each belongs to one asset, and none is kept by Segue or the system itself.

use super::{All, span};
use segue_diag::{BAD_NAME, Diagnostic, EXPORT_MODE, EXPORT_PATH, SAME_TABLE, Span};
use std::collections::BTreeMap;

/// Beginnings of names that are kept: our own tables beside the data, and those of SQLite.
const KEPT: [&str; 2] = ["_segue", "sqlite_"];

/// Reports every table that two assets write, and every name that no asset may take.
pub(super) fn once_each(all: &mut All<'_>) {
    let mut first: BTreeMap<(String, String), (String, Span)> = BTreeMap::new();
    let mut found = Vec::new();
    for draft in all.assets.iter().filter(|d| !d.twice) {
        let Some(connection) = draft.elsewhere() else { continue };
        let place = ["table", "path"]
            .into_iter()
            .find_map(|key| draft.root.at(&["into", key]));
        let Some((node, table)) = place.and_then(|n| Some((n, n.text()?))) else {
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

/// Reports what a file as a target cannot be: it is one Parquet file, and it is replaced as a whole.
pub(super) fn exports(all: &mut All<'_>) {
    let mut found = Vec::new();
    for draft in &all.assets {
        let schema = draft.into_kind.as_deref().and_then(|kind| all.shapes.target(kind));
        if schema
            .and_then(|s| s.get("x-writes"))
            .is_none_or(|writes| writes != "whole")
        {
            continue;
        }
        let path = draft.root.at(&["into", "path"]).and_then(|n| Some((n, n.text()?)));
        if let Some((node, text)) = path.filter(|(_, text)| !text.contains("${"))
            // Of a family's, the star is each table's own name.
            && let Err((what, hint)) = export_path(&match draft.family.is_some() {
                true => text.replacen('*', "x", 1),
                false => text.to_string(),
            })
        {
            found.push(Diagnostic::error(EXPORT_PATH, Some(draft.span(&node.bytes)), what).hint(hint));
        }
        let entry = |above: &str, key: &str| draft.root.get(above).and_then(|n| n.entry(key));
        let mode = entry("write", "mode").filter(|e| e.value.text().is_some_and(|mode| mode != "replace"));
        let partial = [
            (mode, "rows cannot be added to it or changed in it"),
            (draft.root.entry("range"), "a range of it cannot be replaced alone"),
            (entry("copy", "for_each"), "a slice of it cannot be replaced alone"),
            (entry("copy", "position"), "what is new cannot be added to it"),
        ];
        for (entry, why) in partial {
            let Some(entry) = entry else { continue };
            let message = format!("a file is only replaced as a whole: {why}");
            found.push(
                Diagnostic::error(EXPORT_MODE, Some(draft.span(&entry.bytes)), message)
                    .hint("keep the table in the lake, and export it with an asset of its own: `copy: { from: lake, table: … }`"),
            );
        }
    }
    all.found.append(&mut found);
}

/// Whether a path can be that of a file that is written; if not, what is wrong with it, and what to do.
///
/// # Errors
/// The message and the hint.
pub fn export_path(path: &str) -> Result<(), (String, &'static str)> {
    let wrong = |why: &str, hint| Err((format!("`{path}` cannot be written: {why}"), hint));
    if path.starts_with('/') || path.contains('\\') || path.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return wrong(
            "it is no path below the folder that files are written into",
            "write it as `exports/artists.parquet`",
        );
    }
    if path.contains(['*', '?', '[', ']']) {
        return wrong("it names several files", "name the one that is written");
    }
    if path.split('/').any(|part| part.starts_with('.')) {
        return wrong("a part of it is hidden", "leave out the dot that it begins with");
    }
    if !path.to_lowercase().ends_with(".parquet") || path.len() > 1_000 || path.chars().any(char::is_control) {
        return wrong(
            "this version writes Parquet files, whose names end with `.parquet`",
            "end it with `.parquet`",
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::export_path;

    #[test]
    fn a_file_that_is_written_is_one_parquet_file_below_its_folder() {
        for good in [
            "a.parquet",
            "exports/2026/a.b.parquet",
            "Exports/A.PARQUET",
            "수출/a.parquet",
        ] {
            assert_eq!(export_path(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "/a.parquet",
            "../a.parquet",
            "a/../b.parquet",
            "a//b.parquet",
            "./a.parquet",
            "a\\b.parquet",
            "a*.parquet",
            "[a].parquet",
            ".segue/a.parquet",
            "a/.b.parquet",
            "a.csv",
            "a.jsonl",
            "parquet",
            "a\n.parquet",
        ] {
            assert!(export_path(bad).is_err(), "{bad:?}");
        }
    }
}
