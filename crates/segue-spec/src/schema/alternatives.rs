//! `oneOf` and `anyOf`: which of several shapes was meant, so that its mistakes can be named instead of "fits none".

use super::validate::{Owner, Validator, expected, is, one_of, words};
use crate::yaml::{Node, Value};
use segue_diag::{CHOOSE_ONE, Diagnostic, MISSING_KEY, UNKNOWN_WORD, closest};
use serde_json::Value as Json;

impl<'a> Validator<'a> {
    /// The shapes of `oneOf` or `anyOf`, references resolved, those inside of others among them.
    pub fn variants(&self, schema: &'a Json) -> Vec<&'a Json> {
        let mut shapes = Vec::new();
        self.add_variants(schema, 0, &mut shapes);
        shapes
    }

    fn add_variants(&self, schema: &'a Json, depth: usize, shapes: &mut Vec<&'a Json>) {
        let all = schema
            .get("oneOf")
            .or_else(|| schema.get("anyOf"))
            .and_then(Json::as_array);
        for shape in all.into_iter().flatten().map(|s| self.resolve(s)) {
            let group =
                shape.get("oneOf").or_else(|| shape.get("anyOf")).is_some() && shape.get("properties").is_none();
            // A word of an enum is one shape, however it is written; deeper than this is a loop of references.
            if group && words(shape).is_none() && depth < 8 {
                self.add_variants(shape, depth + 1, shapes);
            } else {
                shapes.push(shape);
            }
        }
    }

    /// Of shapes for a list or a plain value.
    pub fn alternatives(&mut self, node: &Node, variants: &[&'a Json], owner: &Owner<'_>) {
        let fitting: Vec<&'a Json> = variants.iter().copied().filter(|v| fits(node, v)).collect();
        match fitting.as_slice() {
            [] => {
                let wanted: Vec<String> = variants
                    .iter()
                    .filter(|v| !fits_null(v))
                    .map(|v| expected(v, self.root))
                    .collect();
                self.wrong_type(node, &wanted.join(" or "), owner);
            }
            [one] => self.node(node, one, owner),
            several => {
                let one = self.best(node, several, owner);
                self.node(node, one, owner);
            }
        }
    }

    /// Of shapes for a mapping: the one that was meant. `None`: that cannot be told, which has been reported.
    pub fn choose(&mut self, node: &Node, variants: &[&'a Json], owner: &Owner<'_>) -> Option<&'a Json> {
        let shapes: Vec<&'a Json> = variants.iter().copied().filter(|v| is_object(v)).collect();
        match shapes.as_slice() {
            [] => {
                let wanted: Vec<String> = variants
                    .iter()
                    .filter(|v| !fits_null(v))
                    .map(|v| expected(v, self.root))
                    .collect();
                self.wrong_type(node, &wanted.join(" or "), owner);
                return None;
            }
            [one] => return Some(one),
            _ => {}
        }
        if let Some(tag) = tag(&shapes) {
            return self.by_tag(node, &shapes, &tag, owner);
        }
        let complete: Vec<&'a Json> = shapes
            .iter()
            .copied()
            .filter(|s| required(s).all(|k| node.get(k).is_some()))
            .collect();
        match complete.as_slice() {
            [one] => return Some(one),
            [] => {}
            several if several.iter().all(|s| only_key(s).is_some()) => {
                self.beside_each_other(node, several);
                return None;
            }
            several => return Some(self.best(node, several, owner)),
        }
        let shared = |s: &Json| {
            node.entries()
                .iter()
                .filter(|e| s.get("properties").is_some_and(|p| p.get(&e.key).is_some()))
                .count()
        };
        let most = shapes.iter().map(|s| shared(s)).max().unwrap_or(0);
        if most > 0 {
            return shapes.into_iter().find(|s| shared(s) == most);
        }
        let keys: Vec<String> = shapes
            .iter()
            .filter_map(|s| required(s).next())
            .map(str::to_string)
            .collect();
        self.none_of(node, &keys, owner);
        None
    }

    /// Of shapes that a word tells apart.
    fn by_tag(&mut self, node: &Node, shapes: &[&'a Json], tag: &str, owner: &Owner<'_>) -> Option<&'a Json> {
        let word = |s: &Json| {
            s.get("properties")
                .and_then(|p| words(p.get(tag)?))
                .and_then(|w| w.first().cloned())
        };
        let Some(entry) = node.entry(tag) else {
            let message = format!("{} lacks the key `{tag}`", owner.name());
            let all: Vec<String> = shapes.iter().filter_map(|s| word(s)).collect();
            let span = self.span(owner.bytes.clone());
            self.found.push(
                Diagnostic::error(MISSING_KEY, Some(span), message)
                    .hint(format!("write `{tag}:` with {}", one_of(&all))),
            );
            return None;
        };
        let text = entry.value.scalar().map_or("", |s| s.text.as_str());
        let chosen = shapes.iter().find(|s| word(s).as_deref() == Some(text));
        if chosen.is_none() {
            let all: Vec<String> = shapes.iter().filter_map(|s| word(s)).collect();
            let hint = match closest(text, all.iter().map(String::as_str)) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("write {}", one_of(&all)),
            };
            let below = Owner {
                key: Some(tag),
                bytes: entry.bytes.clone(),
            };
            self.report(
                UNKNOWN_WORD,
                &entry.value,
                &below,
                format!("`{tag}` cannot be {}", entry.value.describe()),
            )
            .hint = Some(hint);
        }
        chosen.copied()
    }

    /// Shapes of one key each, several of which are there: one too many, and each is looked at all the same.
    fn beside_each_other(&mut self, node: &Node, shapes: &[&'a Json]) {
        let keys: Vec<&str> = shapes.iter().filter_map(|s| only_key(s)).collect();
        for (i, entry) in node
            .entries()
            .iter()
            .filter(|e| keys.contains(&e.key.as_str()))
            .enumerate()
        {
            if i > 0 {
                let message = format!("`{}` cannot stand beside another of its kind", entry.key);
                let hint = format!("write exactly one of `{}`", keys.join("`, `"));
                let span = self.span(entry.bytes.clone());
                self.found
                    .push(Diagnostic::error(CHOOSE_ONE, Some(span), message).hint(hint));
            }
            let below = Owner {
                key: Some(&entry.key),
                bytes: entry.bytes.clone(),
            };
            if let Some(property) = shapes.iter().find_map(|s| s.get("properties")?.get(&entry.key)) {
                self.node(&entry.value, property, &below);
            }
        }
    }

    /// `oneOf` of nothing but `required`: exactly one of several keys. Whether the variants are of that sort.
    pub fn required_groups(&mut self, node: &Node, variants: &[&'a Json], owner: &Owner<'_>) -> bool {
        if !required_only(variants) {
            return false;
        }
        let keys: Vec<&str> = variants.iter().filter_map(|v| required(v).next()).collect();
        let present: Vec<_> = node
            .entries()
            .iter()
            .filter(|e| keys.contains(&e.key.as_str()))
            .collect();
        match present.as_slice() {
            [] => {
                let all: Vec<String> = keys.iter().map(|k| k.to_string()).collect();
                self.none_of(node, &all, owner);
            }
            [_] => {}
            [first, rest @ ..] => {
                for entry in rest {
                    let message = format!("`{}` and `{}` cannot stand beside each other", first.key, entry.key);
                    let hint = format!("write exactly one of `{}`", keys.join("`, `"));
                    let span = self.span(entry.bytes.clone());
                    self.found
                        .push(Diagnostic::error(CHOOSE_ONE, Some(span), message).hint(hint));
                }
            }
        }
        true
    }

    fn none_of(&mut self, node: &Node, keys: &[String], owner: &Owner<'_>) {
        // A key that is nearly one of them is reported as unknown, with what was meant.
        let near = node
            .entries()
            .iter()
            .any(|e| closest(&e.key, keys.iter().map(String::as_str)).is_some());
        if near && keys.len() > 1 {
            for entry in node.entries() {
                if let Some(meant) = closest(&entry.key, keys.iter().map(String::as_str)) {
                    let message = format!("{} has no key `{}`", owner.name(), entry.key);
                    let span = self.span(entry.bytes.clone());
                    let unknown = Diagnostic::error(segue_diag::UNKNOWN_KEY, Some(span), message);
                    self.found.push(unknown.hint(format!("did you mean `{meant}`?")));
                }
            }
            return;
        }
        let bytes = node.entries().first().map_or(owner.bytes.clone(), |e| e.bytes.clone());
        let span = self.span(if owner.key.is_some() {
            owner.bytes.clone()
        } else {
            bytes
        });
        let message = format!("{} wants one of `{}`", owner.name(), keys.join("`, `"));
        self.found
            .push(Diagnostic::error(CHOOSE_ONE, Some(span), message).hint("write exactly one of them"));
    }

    /// The shape with the fewest mistakes, the first of equals.
    fn best(&self, node: &Node, shapes: &[&'a Json], owner: &Owner<'_>) -> &'a Json {
        let mistakes = |shape: &'a Json| {
            let mut quiet = Validator {
                file: self.file,
                root: self.root,
                references: self.references,
                found: Vec::new(),
            };
            quiet.node(node, shape, owner);
            quiet.found.len()
        };
        shapes
            .iter()
            .copied()
            .min_by_key(|s| mistakes(s))
            .expect("there are several shapes to choose from")
    }
}

/// Whether the variants name keys and nothing else.
pub(super) fn required_only(variants: &[&Json]) -> bool {
    variants
        .iter()
        .all(|v| v.get("properties").is_none() && v.get("required").is_some())
}

fn fits(node: &Node, schema: &Json) -> bool {
    match schema.get("type") {
        Some(Json::String(ty)) => is(node, ty),
        Some(Json::Array(types)) => types.iter().filter_map(Json::as_str).any(|t| is(node, t)),
        _ if words(schema).is_some() => matches!(node.value, Value::Scalar(_)),
        _ if is_object(schema) => matches!(node.value, Value::Mapping(_)),
        _ => true,
    }
}

fn fits_null(schema: &Json) -> bool {
    schema.get("type").is_some_and(|t| t == "null")
}

fn is_object(schema: &Json) -> bool {
    schema.get("type").is_some_and(|t| t == "object") || schema.get("properties").is_some()
}

fn required(schema: &Json) -> impl Iterator<Item = &str> {
    schema
        .get("required")
        .and_then(Json::as_array)
        .into_iter()
        .flatten()
        .filter_map(Json::as_str)
}

/// The one key of a shape that has no other.
fn only_key(schema: &Json) -> Option<&str> {
    let properties = schema.get("properties")?.as_object()?;
    let key = properties.keys().next().filter(|_| properties.len() == 1)?;
    required(schema).any(|r| r == key).then_some(key)
}

/// The key whose word tells all these shapes apart.
fn tag(shapes: &[&Json]) -> Option<String> {
    let constant = |s: &Json, key: &str| s.get("properties").and_then(|p| p.get(key)?.get("const").cloned());
    let first = shapes.first()?.get("properties")?.as_object()?;
    let mut keys = first.keys().filter(|k| shapes.iter().all(|s| constant(s, k).is_some()));
    keys.next().cloned()
}
