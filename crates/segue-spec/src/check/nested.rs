//! `nested:` of a copy and of its columns: where objects and lists can become something.

use super::All;
use crate::yaml::Entry;
use segue_diag::{CHOOSE_ONE, NOT_IN_THIS_VERSION};
use serde_json::Value as Json;

/// Reports columns whose `nested` has no effect.
pub(super) fn rules(all: &mut All<'_>, i: usize) {
    let draft = &all.assets[i];
    let Some(copy) = draft.root.get("copy") else { return };
    let kind = draft.kind.clone();
    let schema = kind.as_deref().and_then(|kind| all.shapes.copy(kind));
    let refused = schema
        .and_then(|s| s.get("x-not-in-this-version"))
        .and_then(Json::as_array);
    let is_refused = refused.is_some_and(|keys| keys.iter().any(|key| key == "nested"));
    let columns = copy.get("columns").map_or(&[][..], |c| c.entries());
    let mut found = Vec::new();
    for column in columns {
        let Some(nested) = column.value.entry("nested") else {
            continue;
        };
        let place = draft.span(&nested.bytes);
        if is_refused {
            let message = format!(
                "`nested` of a column is not acted on by this version where `{}` is read",
                kind.as_deref().unwrap_or_default()
            );
            found.push((
                NOT_IN_THIS_VERSION,
                place,
                message,
                "leave it out, and give the column its `type`",
            ));
        } else if let Some(other) = beside(column) {
            let message =
                format!("`{other}` and `nested` cannot stand beside each other: `{other}` says what the column is");
            found.push((CHOOSE_ONE, place, message, "write one of them"));
        }
    }
    for (code, place, message, hint) in found {
        all.report(code, place, message).hint = Some(hint.into());
    }
}

/// The key beside `nested` that says what the column is.
fn beside(column: &Entry) -> Option<&'static str> {
    ["type", "value"]
        .into_iter()
        .find(|key| column.value.entry(key).is_some())
}
