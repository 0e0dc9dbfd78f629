//! Views: what makes no sense of an asset of which nothing is stored, and of one that reads it.

use super::All;
use super::asset::Draft;
use crate::name::AssetName;
use crate::yaml::Node;
use segue_diag::{Span, WRITE_MODE};

/// Whether its `write:` says `mode: view`.
fn is_view(draft: &Draft<'_>) -> bool {
    draft.root.at(&["write", "mode"]).and_then(Node::text) == Some("view")
}

pub(super) fn rules(all: &mut All<'_>, i: usize) {
    let mut found = Vec::new();
    match is_view(&all.assets[i]) {
        true => of_a_view(&all.assets[i], &mut found),
        false => of_a_reader(all, i, &mut found),
    }
    for (place, message, hint) in found {
        all.report(WRITE_MODE, place, message).hint = Some(hint.into());
    }
}

type Found = Vec<(Span, String, &'static str)>;

fn of_a_view(draft: &Draft<'_>, found: &mut Found) {
    let root = &draft.root;
    if let Some(copy) = root.entry("copy") {
        let message = "`mode: view` of a copy: a view is what its SQL gives".to_string();
        let hint = "put `select * from schema.table` into a file that ends in `.sql`; what a source has must be stored to be read";
        found.push((draft.span(&copy.bytes), message, hint));
        return;
    }
    for entry in root.get("write").map_or(&[][..], Node::entries) {
        if entry.key != "mode" {
            let message = format!("`{}` of a view: nothing is stored", entry.key);
            found.push((
                draft.span(&entry.bytes),
                message,
                "leave it out, or leave `mode: view` out",
            ));
        }
    }
    let keys = [
        (
            "into",
            "a view is in no other system: nothing is stored",
            "leave it out; a copy `from: lake` writes what the view gives into another system",
        ),
        (
            "range",
            "a view has no ranges: its readers read all of it",
            "leave it out; filter in the readers",
        ),
        (
            "inputs",
            "a view is never computed anew, so that no change reopens anything",
            "leave it out",
        ),
        (
            "params",
            "a view takes no parameters: its readers have none to give",
            "leave it out; filter in the readers",
        ),
        ("fresh", "a view is as fresh as what it reads", "leave it out"),
        (
            "on_change",
            "a view has nothing that could stay as it was",
            "leave it out",
        ),
    ];
    for (key, message, hint) in keys {
        if let Some(entry) = root.entry(key) {
            found.push((draft.span(&entry.bytes), message.to_string(), hint));
        }
    }
    for check in root.get("checks").map_or(&[][..], Node::items) {
        let word = |key: &str, word: &str| check.get(key).filter(|n| n.text() == Some(word));
        if let Some(node) = word("on_failure", "quarantine") {
            let message = "a view sets no row aside: nothing is stored".to_string();
            found.push((
                draft.span(&node.bytes),
                message,
                "write `on_failure: fail` or `warn`, or leave such rows out in the SQL",
            ));
        }
        if let Some(node) = word("scope", "changed") {
            let message = "no commit changes a view, so that there are no changed rows to judge".to_string();
            found.push((draft.span(&node.bytes), message, "leave `scope` out"));
        }
    }
}

/// Which ranges of a view change with its inputs is not known.
fn of_a_reader(all: &All<'_>, i: usize, found: &mut Found) {
    let draft = &all.assets[i];
    for entry in draft.root.get("inputs").map_or(&[][..], Node::entries) {
        let Ok(name) = entry.key.parse::<AssetName>() else {
            continue;
        };
        let reads_a_view = all.assets.iter().any(|d| d.name.as_ref() == Some(&name) && is_view(d));
        if reads_a_view && entry.value.text().is_some_and(|word| word != "ignore") {
            let message = format!("`{name}` is a view: which ranges a change of its inputs reopens is not known");
            found.push((
                draft.span(&entry.value.bytes),
                message,
                "write `ignore`, or leave it out: then each change reopens everything",
            ));
        }
    }
}
