//! What a write mode keeps beside the rows' own columns, and when rows can be told to be missing.

use super::All;
use super::asset::Draft;
use crate::model::{DeleteMissing, WriteMode, own_columns};
use crate::sql::Columns;
use crate::yaml::Node;
use segue_diag::{Diagnostic, Span, WRITE_MODE};

fn mode(draft: &Draft<'_>) -> WriteMode {
    match draft.root.at(&["write", "mode"]).and_then(Node::text) {
        Some("append") => WriteMode::Append,
        Some("merge") => WriteMode::Merge,
        Some("delete_insert") => WriteMode::DeleteInsert,
        Some("history") => WriteMode::History,
        _ => WriteMode::Replace,
    }
}

fn missing(draft: &Draft<'_>) -> DeleteMissing {
    match draft.root.at(&["write", "delete_missing"]).and_then(Node::text) {
        Some("soft") => DeleteMissing::Soft,
        Some("hard") => DeleteMissing::Hard,
        _ => DeleteMissing::Keep,
    }
}

/// The columns of an asset's table: those of its rows, and those that its write mode keeps. A row's column, or the key's, of such a name is
/// a mistake.
pub(super) fn with_own(draft: &Draft<'_>, columns: Columns, found: &mut Vec<Diagnostic>) -> Columns {
    let own = own_columns(mode(draft), missing(draft));
    let mut report = |place: Span, name: &str| {
        let what = if name == "deleted_at" {
            "`delete_missing: soft`"
        } else {
            "`mode: history`"
        };
        let message = format!("a column cannot be called `{name}` here: {what} keeps one of that name");
        let mistake = Diagnostic::error(WRITE_MODE, Some(place), message);
        found.push(mistake.hint("give it another name: `name: { path: ... }` under `columns:`, or `as` in SQL"));
    };
    let keys = draft.root.at(&["write", "key"]).map_or(&[][..], Node::items);
    for key in keys.iter().filter(|k| k.text().is_some_and(|k| own.contains(&k))) {
        report(draft.span(&key.bytes), key.text().unwrap_or_default());
    }
    let columns = columns?;
    let declared = draft.root.at(&["copy", "columns"]);
    let keeper = draft
        .root
        .at(&["write"])
        .map_or(draft.place.clone(), |w| w.bytes.clone());
    for name in own.iter().filter(|own| columns.iter().any(|c| c == *own)) {
        let entry = declared.and_then(|d| d.entry(name));
        report(draft.span(&entry.map_or(keeper.clone(), |e| e.bytes.clone())), name);
    }
    let new = own.iter().filter(|o| columns.iter().all(|c| c != *o));
    match own.is_empty() {
        true => Some(columns.clone()),
        false => Some(columns.iter().cloned().chain(new.map(ToString::to_string)).collect()),
    }
}

/// Rows can be told to be missing where everything that there is is read at once, and rows meet by a key.
pub(super) fn rules(all: &mut All<'_>, i: usize) {
    let draft = &all.assets[i];
    let root = &draft.root;
    let write = |key: &str| root.get("write").and_then(|w| w.entry(key));
    let mut found = Vec::new();
    let wanted = write("delete_missing").filter(|_| !missing(draft).keeps());
    if let (None, Some(entry)) = (wanted, write("max_deleted")) {
        let message = "`max_deleted` without `delete_missing`: nothing is deleted";
        found.push((
            draft.span(&entry.bytes),
            message,
            "write `delete_missing: soft` or `hard`, or leave it out",
        ));
    }
    if let Some(wanted) = wanted {
        let place = draft.span(&wanted.bytes);
        let copy = |key: &str| root.at(&["copy", key]).is_some();
        let refused = match mode(draft) {
            WriteMode::Merge if root.get("range").is_some() => Some((
                "`delete_missing` with `range`: what is outside the ranges that are computed would count as missing",
                "leave one of them out; `replace` takes the rows of a range away by itself",
            )),
            WriteMode::Merge if copy("position") || copy("only") => Some((
                "`delete_missing` where only what is new is read (`position`, `only`): what was read before would count as missing",
                "leave one of them out",
            )),
            WriteMode::Merge if copy("for_each") => Some((
                "`delete_missing` with `for_each`: the rows of other elements would count as missing",
                "leave it out; with `mode: replace` each element's rows are replaced, and `on_gone: delete` takes those of elements that are no longer listed",
            )),
            WriteMode::Merge if root.at(&["copy", "paginate", "max_pages"]).is_some() => Some((
                "`delete_missing` with `max_pages`: what is on the pages after it would count as missing",
                "leave one of them out",
            )),
            WriteMode::Merge => None,
            WriteMode::Replace => Some((
                "`delete_missing` with `replace`: what did not come is taken away by itself",
                "leave it out, or write `mode: merge` with a `key`",
            )),
            WriteMode::Append | WriteMode::DeleteInsert | WriteMode::History => Some((
                "`delete_missing` goes with `merge` only",
                "leave it out, or write `mode: merge` with a `key`",
            )),
        };
        if let Some((message, hint)) = refused {
            found.push((place, message, hint));
        }
    }
    violations(draft, &mut found);
    judged_too_early(draft, &mut found);
    for (place, message, hint) in found {
        all.report(WRITE_MODE, place, message).hint = Some(hint.into());
    }
}

/// Rules of a table of its own have those of other systems, and a row is set aside where a later one can take its place.
fn violations(draft: &Draft<'_>, found: &mut Vec<(Span, &'static str, &'static str)>) {
    let write = |key: &str| draft.root.get("write").and_then(|w| w.entry(key));
    let wanted = write("on_violation").filter(|w| w.value.text() == Some("quarantine"));
    if let (None, Some(entry)) = (wanted, write("max_violations")) {
        found.push((
            draft.span(&entry.bytes),
            "`max_violations` without `on_violation: quarantine`: nothing is set aside",
            "write `on_violation: quarantine`, or leave it out",
        ));
    }
    let Some(wanted) = wanted else { return };
    if draft.root.get("into").is_none() {
        found.push((
            draft.span(&wanted.bytes),
            "`on_violation` without `into`: a table of the lake has no rules but the asset's checks",
            "leave it out; a check with `on_failure: quarantine` sets rows aside",
        ));
    } else if mode(draft) == WriteMode::History {
        found.push((
            draft.span(&wanted.bytes),
            "`on_violation: quarantine` with `history`: what was would have a gap where the row is",
            "leave it out, or set such rows aside with a check",
        ));
    }
}

/// Checks of rows as they come cannot ask for what the write mode fills when they are committed.
fn judged_too_early(draft: &Draft<'_>, found: &mut Vec<(Span, &'static str, &'static str)>) {
    let own = own_columns(mode(draft), missing(draft));
    for check in draft.root.get("checks").map_or(&[][..], Node::items) {
        let is = |key: &str, word: &str| check.get(key).and_then(Node::text) == Some(word);
        if !is("on_failure", "quarantine") && !is("scope", "changed") {
            continue;
        }
        let listed = ["not_null", "unique"].into_iter().filter_map(|kind| check.get(kind));
        let one = ["between", "accepted", "matches", "references"].into_iter();
        let one = one.filter_map(|kind| check.at(&[kind, "column"]));
        let names = listed.chain(one).flat_map(|n| {
            if n.scalar().is_some() {
                vec![n]
            } else {
                n.items().iter().collect()
            }
        });
        for name in names.filter(|n| n.text().is_some_and(|text| own.contains(&text))) {
            found.push((
                draft.span(&name.bytes),
                "the rows that come have no such column yet: the write mode fills it when they are committed",
                "leave `on_failure: quarantine` or `scope: changed` out, so that the table is judged",
            ));
        }
    }
}
