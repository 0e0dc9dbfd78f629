//! What no schema can say of an asset: names that must exist, settings that must fit each other.

use super::asset::Draft;
use super::query::Role;
use super::{All, checks, fit};
use crate::model::RangeInput;
use crate::name::AssetName;
use crate::yaml::Node;
use segue_diag::{
    BAD_NAME, BAD_PATH, Diagnostic, MISSING_KEY, NOT_IN_THIS_VERSION, RENAME, SLICES, SQL_UNKNOWN_PARAMETER,
    SQL_UNUSED_PARAMETER, UNKNOWN_ASSET, UNKNOWN_COLUMN, WRITE_MODE, closest,
};
use std::collections::BTreeSet;

pub(super) fn apply(all: &mut All<'_>) {
    for i in 0..all.assets.len() {
        slices(all, i);
        write_mode(all, i);
        super::write::rules(all, i);
        columns(all, i);
        on_change(all, i);
        super::nested::rules(all, i);
        range(all, i);
        parameters(all, i);
        lake_table(all, i);
        renamed(all, i);
        checks::rules(all, i);
        fit::rules(all, i);
        super::find::rules(all, i);
        files_path(all, i);
    }
}

/// Reports a column that is not among these.
pub(super) fn known_column(all: &mut All<'_>, i: usize, place: &Node, column: &str, columns: &[String], of: &str) {
    if columns.iter().any(|c| c == column) {
        return;
    }
    let file = all.assets[i].file;
    let hint = match closest(column, columns.iter().map(String::as_str)) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("there are: `{}`", columns.join("`, `")),
    };
    all.report(
        UNKNOWN_COLUMN,
        place.span(file),
        format!("{of} has no column `{column}`"),
    )
    .hint = Some(hint);
}

pub(super) fn texts(node: Option<&Node>) -> Vec<(Node, String)> {
    let one = |n: &Node| n.text().map(|t| (n.clone(), t.to_string()));
    match node {
        Some(node) if node.scalar().is_some() => one(node).into_iter().collect(),
        Some(node) => node.items().iter().filter_map(one).collect(),
        None => Vec::new(),
    }
}

/// Every setting that names a column of the asset itself.
fn columns(all: &mut All<'_>, i: usize) {
    let draft = &all.assets[i];
    let Some(columns) = draft.columns.clone() else { return };
    let root = &draft.root;
    let mut named = texts(root.at(&["write", "key"]));
    named.extend(texts(root.at(&["copy", "slice"])));
    named.extend(texts(root.at(&["copy", "position", "column"])));
    named.extend(texts(root.at(&["range", "output"])));
    for key in ["id", "name", "aliases", "popularity"] {
        named.extend(texts(root.at(&["find", key])));
    }
    for check in root.get("checks").map_or(&[][..], Node::items) {
        named.extend(texts(check.get("not_null")));
        named.extend(texts(check.get("unique")));
        for kind in ["between", "accepted", "matches", "references"] {
            named.extend(texts(check.at(&[kind, "column"])));
        }
    }
    for (place, column) in named {
        known_column(all, i, &place, &column, &columns, "the asset");
    }
}

/// Declared columns are what is declared: nothing is added to them, and none gets another type.
fn on_change(all: &mut All<'_>, i: usize) {
    let draft = &all.assets[i];
    let Some(copy) = draft.root.get("copy").filter(|_| draft.kind.as_deref() != Some("lake")) else {
        return;
    };
    if copy.get("columns").is_none_or(|c| c.entries().is_empty()) {
        return;
    }
    let mut found = Vec::new();
    if let Some(entry) = copy.entry("on_new_column") {
        found.push((
            draft.span(&entry.bytes),
            "`on_new_column` beside `columns` is not acted on by this version: values that no column names are not looked at",
            "leave it out; or leave out `columns`, and they are inferred",
        ));
    }
    if let Some(entry) = copy.entry("on_type_change")
        && entry.value.text() == Some("evolve")
    {
        found.push((
            draft.span(&entry.bytes),
            "`on_type_change: evolve` beside `columns` is not acted on by this version: a declared column stays of its type",
            "say `freeze`, `quarantine` or `drop_value`; or give the column the wider type",
        ));
    }
    for (place, message, hint) in found {
        all.report(NOT_IN_THIS_VERSION, place, message).hint = Some(hint.into());
    }
}

/// A list needs labels, and labels need a list.
fn slices(all: &mut All<'_>, i: usize) {
    let draft = &all.assets[i];
    let Some(copy) = draft.root.get("copy").filter(|_| draft.kind.as_deref() != Some("lake")) else {
        return;
    };
    let (for_each, slice) = (copy.entry("for_each"), copy.entry("slice"));
    let on_gone = draft.root.get("write").and_then(|w| w.entry("on_gone"));
    let mut found = Vec::new();
    if let (Some(entry), None) = (for_each, slice) {
        let message = "`for_each` without `slice`: no column says to which element a row belongs";
        found.push((
            entry.bytes.clone(),
            message,
            "name the columns that hold the element: `slice: [artist_id]`",
        ));
    }
    if let (None, Some(entry)) = (for_each, slice) {
        found.push((
            entry.bytes.clone(),
            "`slice` without `for_each`: there are no elements",
            "write `for_each:`, or leave `slice` out",
        ));
    }
    if let (None, Some(entry)) = (for_each, on_gone) {
        found.push((
            entry.bytes.clone(),
            "`on_gone` without `for_each`: no slice can be gone",
            "leave it out",
        ));
    }
    let places: Vec<_> = found
        .into_iter()
        .map(|(bytes, message, hint)| (draft.span(&bytes), message, hint))
        .collect();
    for (place, message, hint) in places {
        all.report(SLICES, place, message).hint = Some(hint.into());
    }
}

fn write_mode(all: &mut All<'_>, i: usize) {
    let draft = &all.assets[i];
    let root = &draft.root;
    let mode = root.at(&["write", "mode"]);
    let word = mode.map_or(Some("replace"), Node::text);
    let keyed = root.at(&["write", "key"]).is_some_and(|k| !k.items().is_empty());
    let place = |node: Option<&Node>| draft.span(&node.map_or(draft.place.clone(), |n| n.bytes.clone()));
    let mut found = Vec::new();
    // Each of many tables may bring its own.
    let keyless = match word {
        Some("merge") => Some("`merge` without `key`: nothing says which rows are the same"),
        Some("delete_insert") => Some("`delete_insert` without `key`: nothing says which rows go"),
        Some("history") => Some("`history` without `key`: nothing says which row a row follows"),
        _ => None,
    };
    if let Some(message) = keyless.filter(|_| !keyed && draft.family.is_none()) {
        let hint = match word {
            Some("delete_insert") => "write `key:` with the columns whose rows come and go together",
            _ => "write `key:` with the columns in which no two rows are equal",
        };
        found.push((place(mode), message, hint));
    }
    // Files that changed are read onwards without a column.
    let only = root.get("copy").and_then(|c| c.entry("only"));
    if let Some(only) = only
        && word == Some("replace")
    {
        let hint = "write `write: { mode: append }`, or `merge` with a `key`";
        let message = "`only` with `replace`: what was read before would be replaced by what changed";
        found.push((draft.span(&only.bytes), message, hint));
    }
    let position = root.get("copy").and_then(|c| c.entry("position"));
    if let Some(position) = position {
        if word == Some("replace") {
            let hint = "write `write: { mode: append }`, or `merge` with a `key`";
            let message = "`position` with `replace`: what was read before would be replaced by what is new";
            found.push((draft.span(&position.bytes), message, hint));
        }
        if let Some(lag) = position
            .value
            .get("lag")
            .filter(|_| !keyed || matches!(word, Some("append" | "delete_insert")))
        {
            let hint = "write `write: { mode: merge, key: [...] }`";
            let message = match (keyed, word) {
                (false, _) => "`lag` without `key`: rows that are read twice would be there twice",
                (true, Some("append")) => "`lag` with `append`: rows that are read twice would be there twice",
                (true, _) => {
                    "`lag` with `delete_insert`: a row that is read twice would take the others of its key away"
                }
            };
            found.push((place(Some(lag)), message, hint));
        }
        if let Some(resume) = position.value.get("resume") {
            if word != Some("merge") {
                let hint = "write `write: { mode: merge, key: [...] }` with the table's primary key";
                let message =
                    "`resume` without `merge`: what is read twice would be there twice, or be taken for a change";
                found.push((place(Some(resume)), message, hint));
            }
            if position.value.get("lag").is_some() {
                let hint = "leave `lag` out: the server's transactions tell what changed meanwhile";
                let message =
                    "`resume` with `lag` is not known: a value does not tell what changed while the table was read";
                found.push((place(Some(resume)), message, hint));
            }
        }
        if root.at(&["copy", "for_each"]).is_some() {
            let message = "`position` with `for_each` is not known: each element is read as a whole";
            found.push((draft.span(&position.bytes), message, "leave one of them out"));
        }
    }
    let allow_empty = root.at(&["write", "allow_empty"]);
    if allow_empty.is_some()
        && matches!(word, Some("append" | "merge" | "delete_insert" | "history"))
        && root.at(&["copy", "for_each"]).is_none()
    {
        let message = "`allow_empty` says something of `replace` and of a `for_each` only";
        found.push((place(allow_empty), message, "leave it out"));
    }
    for (place, message, hint) in found {
        all.report(WRITE_MODE, place, message).hint = Some(hint.into());
    }
}

/// The range's input, and the inputs that are not ranged, must be read by the statement.
fn range(all: &mut All<'_>, i: usize) {
    let draft = &all.assets[i];
    if draft.site(Role::Statement).is_none() {
        return;
    }
    let root = &draft.root;
    let mut named: Vec<(Node, AssetName, Option<(Node, String)>)> = Vec::new();
    if let Some(input) = root.at(&["range", "input"])
        && let Some(wanted) = input.text().and_then(|t| t.parse::<RangeInput>().ok())
    {
        named.push((input.clone(), wanted.table, Some((input.clone(), wanted.column))));
    }
    for entry in root.get("inputs").map_or(&[][..], |n| n.entries()) {
        if let Ok(table) = entry.key.parse::<AssetName>() {
            let place = Node {
                bytes: entry.bytes.clone(),
                ..entry.value.clone()
            };
            let column = entry
                .value
                .text()
                .filter(|t| *t != "ignore")
                .map(|t| (entry.value.clone(), t.to_string()));
            named.push((place, table, column));
        }
    }
    let broken = draft
        .sites
        .iter()
        .any(|s| matches!(s.parsed, super::query::Parsed::Broken));
    for (place, table, column) in named {
        let draft = &all.assets[i];
        if !draft.reads.contains_key(&table) {
            if !broken {
                let reads: Vec<String> = draft.reads.keys().map(|r| format!("`{r}`")).collect();
                let message = format!("the statement does not read `{table}`");
                let hint = if reads.is_empty() {
                    None
                } else {
                    Some(format!("it reads {}", reads.join(", ")))
                };
                let span = draft.span(&place.bytes);
                all.report(UNKNOWN_ASSET, span, message).hint = hint;
            }
            continue;
        }
        let columns = all
            .assets
            .iter()
            .find(|a| a.name.as_ref() == Some(&table))
            .and_then(|a| a.columns.clone());
        if let (Some((place, column)), Some(columns)) = (column, columns) {
            known_column(all, i, &place, &column, &columns, &format!("`{table}`"));
        }
    }
    range_keys(all, i);
}

fn range_keys(all: &mut All<'_>, i: usize) {
    let draft = &all.assets[i];
    let bounds = draft
        .sites
        .iter()
        .filter(|s| s.role == Role::Statement)
        .flat_map(|s| s.parameters());
    let takes: BTreeSet<&str> = bounds.map(|(name, _)| name.as_str()).collect();
    let inputs = draft.root.entry("inputs").filter(|_| draft.root.get("range").is_none());
    if let Some(entry) = inputs {
        let message = "`inputs` without `range`: every change computes the asset anew";
        let place = draft.span(&entry.bytes);
        all.report(MISSING_KEY, place, message).hint = Some("write `range:`, or leave `inputs` out".into());
        return;
    }
    // A range whose bounds nothing takes is reported where its input is read; without such a place, here.
    let input = draft.root.at(&["range", "input"]);
    let read = input
        .and_then(|n| n.text()?.parse::<RangeInput>().ok())
        .is_some_and(|r| draft.reads.contains_key(&r.table));
    if let (Some(entry), false, true) = (
        draft.root.entry("range"),
        takes.contains("from") || takes.contains("to"),
        !read,
    ) {
        let unparsed = draft
            .sites
            .iter()
            .any(|s| matches!(s.parsed, super::query::Parsed::Broken));
        if !unparsed && input.is_some_and(|n| n.text().is_some_and(|t| t.parse::<RangeInput>().is_ok())) {
            let place = draft.span(&entry.bytes);
            all.report(
                segue_diag::SQL_UNBOUNDED_RANGE,
                place,
                "the statement takes neither `$from` nor `$to`",
            );
        }
    }
}

/// Parameters that SQL takes and nothing declares, and those that nothing takes.
fn parameters(all: &mut All<'_>, i: usize) {
    let draft = &all.assets[i];
    let declared: Vec<(&str, Node)> = draft
        .root
        .get("params")
        .map_or(&[][..], |n| n.entries())
        .iter()
        .map(|e| {
            (
                e.key.as_str(),
                Node {
                    bytes: e.bytes.clone(),
                    ..e.value.clone()
                },
            )
        })
        .collect();
    let ranged = draft.root.get("range").is_some();
    let mut taken: BTreeSet<String> = super::templates::parameters(draft);
    let mut found: Vec<Diagnostic> = Vec::new();
    for site in &draft.sites {
        for (name, bytes) in site.parameters() {
            taken.insert(name.clone());
            let bound = name == "from" || name == "to";
            let check = matches!(site.role, Role::CheckSql | Role::CheckRow);
            let known = if bound {
                ranged && site.role == Role::Statement
            } else {
                !check && declared.iter().any(|(n, _)| n == name)
            };
            if known {
                continue;
            }
            let names = declared
                .iter()
                .map(|(n, _)| *n)
                .chain(ranged.then_some(["from", "to"]).into_iter().flatten());
            let hint = match closest(name, names) {
                _ if check => "a check takes no parameters".to_string(),
                _ if bound && ranged => "only the statement itself has a range".to_string(),
                _ if bound => "`$from` and `$to` are the bounds of a `range:`".to_string(),
                Some(meant) => format!("did you mean `${meant}`?"),
                None => format!("declare it: `params: {{ {name}: {{ type: string }} }}`"),
            };
            let place = site.place(draft.file, bytes.clone());
            found.push(
                Diagnostic::error(
                    SQL_UNKNOWN_PARAMETER,
                    Some(place),
                    format!("there is no parameter `${name}`"),
                )
                .hint(hint),
            );
        }
    }
    let broken = draft
        .sites
        .iter()
        .any(|s| matches!(s.parsed, super::query::Parsed::Broken));
    for (name, node) in declared {
        let place = draft.span(&node.bytes);
        if name == "from" || name == "to" {
            let message = format!("a parameter cannot be called `{name}`: that is a bound of the range");
            found.push(Diagnostic::error(BAD_NAME, Some(place), message));
        } else if !taken.contains(name) && !broken {
            let message = format!("nothing takes the parameter `{name}`");
            found.push(Diagnostic::warning(SQL_UNUSED_PARAMETER, Some(place), message).hint("leave it out"));
        }
    }
    all.found.append(&mut found);
}

/// The table that a copy reads from the lake.
fn lake_table(all: &mut All<'_>, i: usize) {
    let draft = &all.assets[i];
    if draft.kind.as_deref() != Some("lake") {
        return;
    }
    let file = draft.file;
    let node = draft.root.at(&["copy", "table"]).cloned();
    let Some((node, table)) = node.and_then(|n| Some((n.clone(), n.text()?.parse::<AssetName>().ok()?))) else {
        return;
    };
    if all.unread_assets.iter().any(|a| a == table.as_str()) {
        return;
    }
    match all
        .assets
        .iter()
        .find(|a| a.name.as_ref() == Some(&table))
        .map(Draft::elsewhere)
    {
        None if super::nested::parent_of(&table, super::nested::parents(&all.assets)).is_some() => {}
        None => checks::unknown_asset(all, file, &node, &table),
        Some(Some(connection)) => {
            let message = format!("`{table}` is not in the lake: it is written into `{connection}`");
            all.report(UNKNOWN_ASSET, node.span(file), message).hint =
                Some("read the asset that it is made from".into());
        }
        Some(None) => {}
    }
}

/// The files that a copy reads stand beside the project, or below what the connection names.
fn files_path(all: &mut All<'_>, i: usize) {
    let draft = &all.assets[i];
    let Some(kind) = draft.kind.clone() else { return };
    // Wherever files lie, the connector knows how they are written.
    let knows = |schema: &serde_json::Value| schema.pointer("/properties/file_column").is_some();
    if kind != "files" && !all.shapes.copy(&kind).is_some_and(knows) {
        return;
    }
    let keys = ["position", "for_each", "slice", "keep_raw"];
    let unknown = draft.root.get("copy").map_or(&[][..], Node::entries);
    let unknown: Vec<_> = unknown
        .iter()
        .filter(|e| keys.contains(&e.key.as_str()))
        .map(|e| (e.key.clone(), draft.span(&e.bytes)))
        .collect();
    let node = draft.root.at(&["copy", "path"]).cloned();
    for (key, place) in unknown {
        let message = format!("`{key}` of a copy from files is not acted on by this version");
        all.report(NOT_IN_THIS_VERSION, place, message).hint = Some("leave it out: files are read as a whole".into());
    }
    let draft = &all.assets[i];
    let Some((node, path)) = node.and_then(|n| Some((n.clone(), n.text()?.to_string()))) else {
        return;
    };
    if path.contains("${") || path.contains("{{") {
        return;
    }
    let place = draft.span(&node.bytes);
    let wrong = if path.starts_with('/') || path.split('/').any(|part| part == "..") {
        Some(match kind.as_str() {
            "files" => (
                format!("`{path}` leads out of the project's folder"),
                "files that are read stand beside the project",
            ),
            _ => (
                format!("`{path}` leads out of where the connection's files are"),
                "paths begin below the connection's bucket and folder, without a slash",
            ),
        })
    } else {
        let mistake = glob::Pattern::new(&path).err();
        mistake.map(|e| {
            (
                format!("`{path}` is no pattern: {}", e.msg),
                "write `data/*.csv`; `[[]` is a bracket itself",
            )
        })
    };
    if let Some((message, hint)) = wrong {
        all.report(BAD_PATH, place, message).hint = Some(hint.into());
    }
}

fn renamed(all: &mut All<'_>, i: usize) {
    let draft = &all.assets[i];
    let old = |d: &Draft<'_>| {
        d.root
            .get("renamed_from")
            .and_then(|n| Some((n.clone(), n.text()?.parse::<AssetName>().ok()?)))
    };
    let Some((node, name)) = old(draft) else { return };
    let place = draft.span(&node.bytes);
    if all.assets.iter().any(|a| a.name.as_ref() == Some(&name)) {
        let message = format!("`{name}` is still an asset, so that nothing was renamed from it");
        all.report(RENAME, place, message).hint = Some("remove the old file, or leave `renamed_from` out".into());
    } else if all.assets[..i].iter().filter_map(old).any(|(_, other)| other == name) {
        let message = format!("another asset was renamed from `{name}` already");
        all.report(RENAME, place, message).hint = Some("one table becomes one table".into());
    }
}
