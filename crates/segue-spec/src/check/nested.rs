//! `nested:` of a copy and of its columns: where objects and lists can become something, and whose tables that makes.

use super::All;
use super::asset::Draft;
use crate::name::AssetName;
use crate::yaml::{Entry, Node};
use segue_diag::{CHOOSE_ONE, DUPLICATE_ASSET, NOT_IN_THIS_VERSION};
use serde_json::Value as Json;

/// Whether lists of objects of this copy may become tables of their own.
pub(super) fn has_children(copy: &Node) -> bool {
    let is = |node: Option<&Node>| node.and_then(Node::text) == Some("child_tables");
    let columns = copy.get("columns").map_or(&[][..], |c| c.entries());
    let of_column = |column: &Entry| match column.value.get("nested") {
        Some(nested) => is(Some(nested)),
        None => is(copy.get("nested")),
    };
    match columns.is_empty() {
        true => is(copy.get("nested")),
        false => columns.iter().any(of_column),
    }
}

/// The asset among these whose child table a table of this name may be.
pub(crate) fn parent_of<'p>(name: &AssetName, parents: impl Iterator<Item = &'p AssetName>) -> Option<&'p AssetName> {
    parents
        .filter(|parent| name.may_be_child_of(parent))
        .max_by_key(|parent| parent.as_str().len())
}

/// The assets that may have child tables.
pub(crate) fn parents<'d>(drafts: &'d [Draft<'_>]) -> impl Iterator<Item = &'d AssetName> {
    let with_children = drafts.iter().filter(|d| d.root.get("copy").is_some_and(has_children));
    with_children.filter_map(|d| d.name.as_ref())
}

/// Reports columns whose `nested` has no effect, and child tables that cannot be.
pub(super) fn rules(all: &mut All<'_>, i: usize) {
    let draft = &all.assets[i];
    let mut found = Vec::new();
    if let Some(name) = &draft.name
        && let Some(parent) = parent_of(name, parents(&all.assets))
    {
        let message = format!("`{name}` may be the name of a child table of `{parent}`");
        let hint =
            "name one of them otherwise: an asset and two underscores are where the names of its child tables begin";
        found.push((DUPLICATE_ASSET, draft.span(&draft.place.clone()), message, hint));
    }
    let Some(copy) = draft.root.get("copy") else {
        return tell(all, found);
    };
    if has_children(copy)
        && let Some(into) = draft.root.entry("into")
    {
        let message =
            "`nested: child_tables` beside `into` is not acted on by this version: child tables lie in the lake"
                .to_string();
        let hint = "read into the lake, and write each table from there with `copy: { from: lake }`";
        found.push((NOT_IN_THIS_VERSION, draft.span(&into.bytes), message, hint));
    }
    let kind = draft.kind.clone();
    let schema = kind.as_deref().and_then(|kind| all.shapes.copy(kind));
    let refused = schema
        .and_then(|s| s.get("x-not-in-this-version"))
        .and_then(Json::as_array);
    let is_refused = refused.is_some_and(|keys| keys.iter().any(|key| key == "nested"));
    for column in copy.get("columns").map_or(&[][..], |c| c.entries()) {
        let Some(nested) = column.value.entry("nested") else {
            continue;
        };
        let place = draft.span(&nested.bytes);
        if is_refused {
            let message = format!(
                "`nested` of a column is not acted on by this version where `{}` is read",
                kind.as_deref().unwrap_or_default()
            );
            let hint = "leave it out, and give the column its `type`";
            found.push((NOT_IN_THIS_VERSION, place, message, hint));
        } else if let Some(other) = beside(column, nested) {
            let message =
                format!("`{other}` and `nested` cannot stand beside each other: `{other}` says what the column is");
            found.push((CHOOSE_ONE, place, message, "write one of them"));
        }
    }
    tell(all, found);
}

fn tell(all: &mut All<'_>, found: Vec<(segue_diag::Code, segue_diag::Span, String, &str)>) {
    for (code, place, message, hint) in found {
        all.report(code, place, message).hint = Some(hint.into());
    }
}

/// The key beside `nested` that says what the column is. A list of objects with a type may be a table of its own.
fn beside(column: &Entry, nested: &Entry) -> Option<&'static str> {
    let is_child = nested.value.text() == Some("child_tables");
    let is_list = column
        .value
        .get("type")
        .and_then(Node::text)
        .is_some_and(|of| of.trim_start().starts_with("list"));
    let says = |key: &&str| column.value.entry(key).is_some() && !(*key == "type" && is_child && is_list);
    ["type", "value"].into_iter().find(says)
}
