//! Templates and JSONPaths in copies: whether they can be read, and whether what they name is there.

use super::asset::Draft;
use super::{All, in_parts};
use crate::schema::json_path;
use crate::template::{expression, is_template, template};
use crate::yaml::Node;
use segue_diag::{Code, Diagnostic, TEMPLATE_SYNTAX, TEMPLATE_VARIABLE, closest};
use std::collections::BTreeSet;

/// What a template may name, whatever the connector: the element, the elements of a batch, parameters, the record; a parent's values, a window
/// of time, where the last read ended, an export; and the answer that a row is of. Copies have no range.
const ROOTS: [&str; 9] = [
    "each", "batch", "params", "record", "parent", "window", "position", "job", "answer",
];

/// Those that are there by a key of the copy alone, with how that is written.
const BY_KEY: [(&str, &str, &str); 4] = [
    (
        "parent",
        "parents",
        "write `parents: [ { request: …, records: …, take: { id: $.id } } ]`",
    ),
    ("window", "windows", "write `windows: { start: 2024-01-01, step: 1d }`"),
    ("position", "position", "write `position: { column: … }`"),
    ("job", "export", "write `export: { job: { id: $.id }, … }`"),
];

pub(super) fn apply(all: &mut All<'_>) {
    let parts = in_parts(&all.assets, |drafts| {
        let mut found = Vec::new();
        drafts.iter().for_each(|draft| of(draft, &mut found));
        found.dedup();
        found
    });
    all.found.extend(parts.into_iter().flatten());
}

fn of(draft: &Draft<'_>, found: &mut Vec<Diagnostic>) {
    if draft.kind.as_deref() == Some("lake") {
        return;
    }
    let Some(copy) = draft.root.get("copy") else { return };
    for entry in copy.entries().iter().filter(|e| e.key != "for_each") {
        texts(&entry.value, &mut |node| text(draft, node, found));
    }
    // An expression is no template by its looks; the schema has judged its syntax.
    if let Some(node) = copy.at(&["records", "pick", "where"])
        && let Some(Ok(names)) = node.text().map(expression)
    {
        variables(draft, node, &names, found);
    }
}

/// The parameters that the templates of a copy take.
pub(super) fn parameters(draft: &Draft<'_>) -> BTreeSet<String> {
    let mut taken = BTreeSet::new();
    if let Some(copy) = draft.root.get("copy") {
        texts(copy, &mut |node| {
            let names = node
                .text()
                .filter(|t| t.contains("params"))
                .map(|t| if is_template(t) { template(t) } else { expression(t) });
            let names = names.and_then(Result::ok).unwrap_or_default();
            taken.extend(
                names
                    .iter()
                    .filter_map(|n| n.strip_prefix("params."))
                    .map(|n| n.split('.').next().unwrap_or(n).to_string()),
            );
        });
    }
    taken
}

fn texts<'n>(node: &'n Node, look: &mut dyn FnMut(&'n Node)) {
    if node.text().is_some() {
        look(node);
    }
    node.items().iter().for_each(|item| texts(item, look));
    node.entries().iter().for_each(|entry| texts(&entry.value, look));
}

fn text(draft: &Draft<'_>, node: &Node, found: &mut Vec<Diagnostic>) {
    let Some(text) = node.text() else { return };
    let report = |code: Code, message: String, hint: Option<String>, found: &mut Vec<Diagnostic>| {
        let mistake = Diagnostic::error(code, Some(node.span(draft.file)), message);
        let mistake = Diagnostic { hint, ..mistake };
        if !found.contains(&mistake) {
            found.push(mistake);
        }
    };
    if is_template(text) {
        match template(text) {
            Ok(names) => variables(draft, node, &names, found),
            Err(why) => report(
                TEMPLATE_SYNTAX,
                why,
                Some("a template looks like `{{ each.id }}`".into()),
                found,
            ),
        }
    } else if (text == "$" || text.starts_with("$.") || text.starts_with("$["))
        && let Some((code, message, hint)) = json_path(text)
    {
        report(code, message, hint, found);
    }
}

/// Names that a template may use and that are nobody's: the template language's own.
const FUNCTIONS: [&str; 6] = ["dict", "namespace", "loop", "debug", "true", "false"];

fn variables(draft: &Draft<'_>, node: &Node, names: &BTreeSet<String>, found: &mut Vec<Diagnostic>) {
    let copy = draft.root.get("copy");
    let for_each = copy.and_then(|c| c.get("for_each"));
    let batched = for_each.is_some_and(|f| f.get("batch").is_some());
    // Where several elements go into one request, no single one of them can stand in it.
    let is_in = |key: &str| {
        copy.and_then(|c| c.get(key))
            .is_some_and(|at| at.bytes.contains(&node.bytes.start))
    };
    let (request, of_a_row) = (is_in("request"), is_in("columns"));
    let asks = copy.is_some_and(|c| c.get("request").is_some());
    for name in names {
        let (root, rest) = name.split_once('.').unwrap_or((name, ""));
        let field = rest.split('.').next().unwrap_or("");
        let wrong: Option<(String, Option<String>)> = match root {
            "each" | "batch" if for_each.is_none() => {
                Some((format!("there is no `{root}`: the copy has no `for_each`"), None))
            }
            "batch" if !batched => Some((
                "there is no `batch`: the `for_each` has none".into(),
                Some("write `{{ each.… }}`".into()),
            )),
            "each" if batched && request => Some((
                "there is no `each`: with `batch` one request is for several elements".into(),
                Some("write `{{ batch.… }}`".into()),
            )),
            "each" | "batch" if !field.is_empty() => draft.each.as_ref().and_then(|columns| {
                let missing = !columns.iter().any(|c| c == field);
                missing.then(|| {
                    (
                        format!("the `for_each` has no column `{field}`"),
                        suggestion(field, columns.iter().map(String::as_str)),
                    )
                })
            }),
            "params" if !field.is_empty() => {
                let declared = draft.root.get("params").map_or(&[][..], |p| p.entries());
                let missing = !declared.iter().any(|e| e.key == field);
                let near = suggestion(field, declared.iter().map(|e| e.key.as_str()));
                let declare = format!("declare it: `params: {{ {field}: {{ type: string }} }}`");
                missing.then(|| (format!("there is no parameter `{field}`"), near.or(Some(declare))))
            }
            known if by_key(known).is_some_and(|(key, _)| copy.is_some_and(|c| c.get(key).is_none())) => {
                let (key, hint) = by_key(known).unwrap_or_default();
                Some((
                    format!("there is no `{known}`: the copy has no `{key}`"),
                    Some(hint.to_string()),
                ))
            }
            "parent" if !field.is_empty() => {
                let taken = taken(copy);
                let missing = !taken.contains(&field);
                missing.then(|| {
                    let hint = suggestion(field, taken.iter().copied());
                    (
                        format!("no parent takes a `{field}`"),
                        hint.or(Some(format!("write `take: {{ {field}: $.… }}`"))),
                    )
                })
            }
            "answer" if !of_a_row || !asks => Some((
                "there is no `answer` here: it is known in the `value` of a column, of a copy that asks for answers"
                    .into(),
                None,
            )),
            "answer" if !["at", ""].contains(&field) => Some((
                format!("an answer has no `{field}`"),
                Some("it has `at`, when it was asked for".into()),
            )),
            "window" if !["from", "to", ""].contains(&field) => Some((
                format!("a window has no `{field}`"),
                Some("it has `from` and `to`".into()),
            )),
            "position" if !["value", ""].contains(&field) => Some((
                format!("a position has no `{field}`"),
                Some("it has a `value`, where something was read before".into()),
            )),
            "job" if !field.is_empty() => {
                let known = copy
                    .and_then(|c| c.at(&["export", "job"]))
                    .map_or(&[][..], |j| j.entries());
                let missing = !known.iter().any(|e| e.key == field);
                let near = suggestion(field, known.iter().map(|e| e.key.as_str()));
                missing.then(|| (format!("`export.job` takes no `{field}`"), near))
            }
            known if ROOTS.contains(&known) || FUNCTIONS.contains(&known) => None,
            other => {
                let hint = suggestion(other, ROOTS).unwrap_or_else(|| format!("there are `{}`", ROOTS.join("`, `")));
                Some((format!("a template knows no `{other}`"), Some(hint)))
            }
        };
        if let Some((message, hint)) = wrong {
            // The name's own place, where the text stands in the file letter for letter.
            let at = node.text().and_then(|t| t.find(name.as_str()));
            let place = at.map_or_else(
                || node.span(draft.file),
                |at| node.part(draft.file, at..at + name.len()),
            );
            let mistake = Diagnostic::error(TEMPLATE_VARIABLE, Some(place), message);
            found.push(Diagnostic { hint, ..mistake });
        }
    }
}

fn by_key(root: &str) -> Option<(&'static str, &'static str)> {
    BY_KEY
        .iter()
        .find(|(name, ..)| *name == root)
        .map(|(_, key, hint)| (*key, *hint))
}

/// What the parents of a copy take.
fn taken(copy: Option<&Node>) -> Vec<&str> {
    let levels = copy.and_then(|c| c.get("parents")).map_or(&[][..], |p| p.items());
    let takes = levels.iter().filter_map(|level| level.get("take"));
    takes
        .flat_map(|take| take.entries().iter().map(|e| e.key.as_str()))
        .collect()
}

fn suggestion<'n>(name: &str, names: impl IntoIterator<Item = &'n str>) -> Option<String> {
    closest(name, names).map(|meant| format!("did you mean `{meant}`?"))
}
