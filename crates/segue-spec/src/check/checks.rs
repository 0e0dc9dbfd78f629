//! Checks: their SQL, and what no schema can say of them.

use super::asset::Draft;
use super::query::{Role, Site};
use super::{All, span};
use crate::name::AssetName;
use crate::yaml::{Entry, Node, Value};
use segue_diag::{CHECK_MISUSE, UNKNOWN_ASSET, closest};

/// The SQL of an asset's checks.
pub(super) fn sql(all: &mut All<'_>, draft: &mut Draft<'_>) {
    let checks = draft.root.get("checks").map_or(&[][..], Node::items);
    let nodes = checks.iter().flat_map(|check| {
        let sql = check.get("sql").map(|n| (Role::CheckSql, n));
        let row = check.get("row").map(|n| (Role::CheckRow, n));
        sql.into_iter().chain(row)
    });
    let sites: Vec<Site> = nodes
        .filter_map(|(role, node)| Site::scalar(draft.file, role, node, &mut all.found))
        .collect();
    draft.sites.extend(sites);
}

const ROW_CHECKS: [&str; 5] = ["not_null", "between", "accepted", "matches", "row"];
const KINDS: [&str; 9] = [
    "not_null",
    "unique",
    "between",
    "accepted",
    "matches",
    "references",
    "row",
    "sql",
    "row_count",
];

/// What is wrong with the checks of asset `i`.
pub(super) fn rules(all: &mut All<'_>, i: usize) {
    let checks = all.assets[i]
        .root
        .get("checks")
        .map_or(Vec::new(), |n| n.items().to_vec());
    let file = all.assets[i].file;
    let mut names: Vec<String> = Vec::new();
    for check in &checks {
        if let Some(name) = check.get("name").and_then(|n| Some((n, n.text()?))) {
            if names.iter().any(|n| n == name.1) {
                let message = format!("two checks of this asset are called `{}`", name.1);
                all.report(CHECK_MISUSE, name.0.span(file), message).hint =
                    Some("give one of them another name".into());
            }
            names.push(name.1.to_string());
        }
        let Some(kind) = check.entries().iter().find(|e| KINDS.contains(&e.key.as_str())) else {
            continue;
        };
        let quarantine = check.get("on_failure").filter(|n| n.text() == Some("quarantine"));
        if let Some(node) = quarantine.filter(|_| !ROW_CHECKS.contains(&kind.key.as_str())) {
            let message = format!(
                "`{}` does not judge each row by itself, so that no row can be set aside",
                kind.key
            );
            all.report(CHECK_MISUSE, node.span(file), message).hint = Some("write `on_failure: fail` or `warn`".into());
        }
        bounds(all, file, kind);
        references(all, i, file, kind);
    }
}

fn bounds(all: &mut All<'_>, file: &str, kind: &Entry) {
    if !["between", "row_count"].contains(&kind.key.as_str()) || !matches!(kind.value.value, Value::Mapping(_)) {
        return;
    }
    let number = |key: &str| kind.value.get(key).and_then(|n| n.scalar()?.json.as_f64());
    let written = |key: &str| kind.value.get(key).is_some();
    if !written("min") && !written("max") {
        let message = format!("`{}` has neither `min` nor `max`", kind.key);
        all.report(CHECK_MISUSE, span(file, kind.bytes.clone()), message).hint =
            Some("write at least one of them".into());
    }
    if let (Some(min), Some(max)) = (number("min"), number("max"))
        && min > max
    {
        let message = format!("nothing lies between {min} and {max}");
        all.report(CHECK_MISUSE, kind.value.span(file), message).hint = Some("`min` is the smaller one".into());
    }
}

fn references(all: &mut All<'_>, i: usize, file: &str, kind: &Entry) {
    let node = kind.value.get("table").filter(|_| kind.key == "references");
    let Some((node, table)) = node.and_then(|n| Some((n, n.text()?.parse::<AssetName>().ok()?))) else {
        return;
    };
    if all.unread_assets.iter().any(|a| a == table.as_str()) {
        return;
    }
    let Some(other) = all.assets.iter().find(|a| a.name.as_ref() == Some(&table)) else {
        unknown_asset(all, file, node, &table);
        return;
    };
    let column = kind.value.get("to").and_then(|n| Some((n, n.text()?)));
    let columns = other.columns.clone();
    if let (Some((place, column)), Some(columns)) = (column, columns) {
        super::rules::known_column(all, i, place, column, &columns, &format!("`{table}`"));
    }
}

/// Reports an asset that does not exist.
pub(super) fn unknown_asset(all: &mut All<'_>, file: &str, place: &Node, name: &AssetName) {
    if all.may_be_in_a_family(name) {
        return;
    }
    let names: Vec<String> = all
        .assets
        .iter()
        .filter_map(|a| a.name.as_ref())
        .map(|n| n.to_string())
        .collect();
    let hint = closest(name.as_str(), names.iter().map(String::as_str)).map(|meant| format!("did you mean `{meant}`?"));
    all.report(UNKNOWN_ASSET, place.span(file), format!("there is no asset `{name}`"))
        .hint = hint;
}
