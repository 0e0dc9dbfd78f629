//! A tree compared with a JSON Schema: every mistake with its place, in words for people.

use super::alternatives::required_only;
use super::formats::{expected_format, format_mistake};
use crate::reference::{has_reference, reference_mistakes};
use crate::template::template;
use crate::yaml::{Entry, Node, Value, short};
use segue_diag::{
    CHOOSE_ONE, Code, Diagnostic, LITERAL_SECRET, MISSING_KEY, NOT_IN_THIS_VERSION, OUT_OF_BOUNDS, Span,
    TEMPLATE_VARIABLE, UNKNOWN_KEY, UNKNOWN_WORD, WRONG_TYPE, closest,
};
use serde_json::Value as Json;
use std::ops::Range;

/// Compares a file's tree with a schema. `references`: whether `${env:…}` and `${secret:…}` may stand in its texts.
pub(crate) fn validate(file: &str, node: &Node, schema: &Json, references: bool, found: &mut Vec<Diagnostic>) {
    let first = node.entries().first().map_or(node.bytes.clone(), |e| e.bytes.clone());
    compare(
        file,
        node,
        schema,
        references,
        &Owner {
            key: None,
            bytes: first,
        },
        found,
    );
}

/// Compares the value of a key with a schema.
pub(crate) fn validate_entry(file: &str, entry: &Entry, schema: &Json, references: bool, found: &mut Vec<Diagnostic>) {
    let owner = Owner {
        key: Some(&entry.key),
        bytes: entry.bytes.clone(),
    };
    compare(file, &entry.value, schema, references, &owner, found);
}

fn compare(file: &str, node: &Node, schema: &Json, references: bool, owner: &Owner<'_>, found: &mut Vec<Diagnostic>) {
    let mut validator = Validator {
        file,
        root: schema,
        references,
        found: Vec::new(),
    };
    validator.node(node, schema, owner);
    found.append(&mut validator.found);
}

/// The key that a value belongs to.
#[derive(Clone)]
pub(super) struct Owner<'k> {
    pub key: Option<&'k str>,
    pub bytes: Range<usize>,
}

pub(super) struct Validator<'a> {
    pub file: &'a str,
    /// Where `$ref` looks.
    pub root: &'a Json,
    pub references: bool,
    pub found: Vec<Diagnostic>,
}

impl<'a> Validator<'a> {
    pub fn node(&mut self, node: &Node, schema: &'a Json, owner: &Owner<'_>) {
        let schema = self.resolve(schema);
        if schema.as_bool() == Some(true) || schema.as_object().is_some_and(|o| o.is_empty()) {
            return;
        }
        if self.references && self.reference(node, schema) {
            return;
        }
        if schema.get("x-secret").is_some_and(|s| s == true) && node.scalar().is_some() && !node.is_null() {
            let message = format!("{} is a secret, and is written out", owner.name());
            let hint = "write `${secret:NAME}` and keep the value in the environment, in `.env` or in `secrets/NAME`";
            self.report(LITERAL_SECRET, node, owner, message).hint = Some(hint.into());
            return;
        }
        if let Some(words) = words(schema) {
            return self.word(node, schema, &words, owner);
        }
        if !self.types_match(node, schema) {
            return self.wrong_type(node, &expected(schema, self.root), owner);
        }
        let variants = self.variants(schema);
        match &node.value {
            // Nothing but alternatives: the chosen one is a schema of its own, with alternatives of its own perhaps.
            Value::Mapping(_)
                if !variants.is_empty() && schema.get("properties").is_none() && !required_only(&variants) =>
            {
                if let Some(chosen) = self.choose(node, &variants, owner) {
                    self.node(node, chosen, owner);
                }
            }
            Value::Mapping(_) => self.mapping(node, schema, &variants, owner),
            _ if !variants.is_empty() => self.alternatives(node, &variants, owner),
            Value::List(items) => self.list(node, items, schema, owner),
            Value::Scalar(_) => self.scalar(node, schema, owner),
        }
    }

    /// The schema behind `$ref`s.
    pub fn resolve(&self, mut schema: &'a Json) -> &'a Json {
        // A chain of references longer than this is a loop.
        for _ in 0..16 {
            let Some(target) = schema.get("$ref").and_then(Json::as_str) else {
                break;
            };
            let path = target.trim_start_matches('#');
            match self.root.pointer(path) {
                Some(found) => schema = found,
                None => break,
            }
        }
        schema
    }

    /// Looks at the references in a text; whether there are any, so that nothing else can be said of it.
    fn reference(&mut self, node: &Node, schema: &Json) -> bool {
        let Some(text) = node.text().filter(|t| has_reference(t)) else {
            return false;
        };
        let secret = schema.get("x-secret").is_some_and(|s| s == true);
        let before = self.found.len();
        for (bytes, message, hint) in reference_mistakes(text) {
            let span = node.part(self.file, bytes);
            self.found
                .push(Diagnostic::error(segue_diag::BAD_REFERENCE, Some(span), message).hint(hint));
        }
        if secret && self.found.len() == before && !text.contains("${secret:") {
            let message = "a secret is taken from `${secret:NAME}`, not from `${env:…}`, which may be shown";
            let span = node.span(self.file);
            self.found
                .push(Diagnostic::error(LITERAL_SECRET, Some(span), message).hint("write `${secret:NAME}`"));
        }
        true
    }

    fn types_match(&self, node: &Node, schema: &Json) -> bool {
        match schema.get("type") {
            Some(Json::String(ty)) => is(node, ty),
            Some(Json::Array(types)) => types.iter().filter_map(Json::as_str).any(|ty| is(node, ty)),
            _ => true,
        }
    }

    pub fn mapping(&mut self, node: &Node, schema: &'a Json, variants: &[&'a Json], owner: &Owner<'_>) {
        let mut shapes = vec![schema];
        if let Some(all) = schema.get("allOf").and_then(Json::as_array) {
            shapes.extend(all.iter().map(|s| self.resolve(s)));
        }
        if !variants.is_empty() && !self.required_groups(node, variants, owner) {
            match self.choose(node, variants, owner) {
                Some(chosen) => shapes.push(chosen),
                None => return,
            }
        }
        let mut meant: Vec<&str> = Vec::new();
        for entry in node.entries() {
            let below = Owner {
                key: Some(&entry.key),
                bytes: entry.bytes.clone(),
            };
            let known = shapes.iter().find_map(|s| s.get("properties")?.get(&entry.key));
            let other = shapes
                .iter()
                .find_map(|s| s.get("additionalProperties").filter(|a| a.is_object()));
            match known.or(other) {
                Some(property) => {
                    if known.is_none() {
                        self.property_name(&entry.key, &shapes, &below);
                    }
                    self.node(&entry.value, property, &below);
                }
                None if shapes.iter().any(|s| closed(s)) => {
                    meant.extend(self.unknown_key(&entry.key, &shapes, owner, &below))
                }
                None => {}
            }
        }
        for shape in &shapes {
            self.together(node, shape, owner);
        }
        for required in shapes.iter().filter_map(|s| s.get("required")?.as_array()).flatten() {
            let Some(key) = required.as_str() else { continue };
            // A key that is there under a slip of the pen has been reported as unknown.
            if node.get(key).is_none() && !meant.contains(&key) {
                let message = format!("{} lacks the key `{key}`", owner.name());
                let missing = Diagnostic::error(MISSING_KEY, Some(self.span(owner.bytes.clone())), message);
                let property = shapes.iter().find_map(|s| s.get("properties")?.get(key));
                let hint = property.map(|p| format!("write `{key}:` with {}", expected(self.resolve(p), self.root)));
                self.found.push(Diagnostic { hint, ..missing });
            }
        }
    }

    /// Keys that want others beside them, that do not stand beside each other, or one of which must be there.
    fn together(&mut self, node: &Node, schema: &Json, owner: &Owner<'_>) {
        let names = |list: &Json| -> Vec<String> {
            let all = list.as_array().into_iter().flatten();
            all.filter_map(Json::as_str).map(str::to_string).collect()
        };
        let groups = |key: &str| -> Vec<Vec<String>> {
            let all = schema.get(key).and_then(Json::as_array).into_iter().flatten();
            all.map(names).collect()
        };
        let needs = schema
            .get("dependentRequired")
            .and_then(Json::as_object)
            .into_iter()
            .flatten();
        for (key, wanted) in needs {
            let Some(entry) = node.entry(key) else { continue };
            for wanted in names(wanted).iter().filter(|w| node.get(w).is_none()) {
                let message = format!("`{key}` says something only beside `{wanted}`");
                let span = self.span(entry.bytes.clone());
                self.found.push(
                    Diagnostic::error(CHOOSE_ONE, Some(span), message)
                        .hint(format!("write `{wanted}:`, or leave `{key}` out")),
                );
            }
        }
        for keys in groups("x-at-most-one") {
            let present: Vec<&Entry> = node.entries().iter().filter(|e| keys.contains(&e.key)).collect();
            for entry in present.iter().skip(1) {
                let message = format!(
                    "`{}` and `{}` cannot stand beside each other",
                    present[0].key, entry.key
                );
                let span = self.span(entry.bytes.clone());
                let hint = format!("write at most one of `{}`", keys.join("`, `"));
                self.found
                    .push(Diagnostic::error(CHOOSE_ONE, Some(span), message).hint(hint));
            }
        }
        for keys in groups("x-at-least-one") {
            if !node.entries().iter().any(|e| keys.contains(&e.key)) {
                let message = format!("{} wants one of `{}`, or several", owner.name(), keys.join("`, `"));
                let span = self.span(owner.bytes.clone());
                self.found
                    .push(Diagnostic::error(CHOOSE_ONE, Some(span), message).hint("write at least one of them"));
            }
        }
    }

    fn property_name(&mut self, key: &str, shapes: &[&Json], owner: &Owner<'_>) {
        let names = shapes
            .iter()
            .find_map(|s| s.get("propertyNames")?.get("format")?.as_str());
        let mistake = names.and_then(|format| format_mistake(format, key));
        if let Some((code, message, hint)) = mistake {
            let found = Diagnostic::error(code, Some(self.span(owner.bytes.clone())), message);
            self.found.push(Diagnostic { hint, ..found });
        }
    }

    /// Reports it; the key that was most likely meant.
    fn unknown_key(&mut self, key: &str, shapes: &[&'a Json], owner: &Owner<'_>, place: &Owner<'_>) -> Option<&'a str> {
        let span = Some(self.span(place.bytes.clone()));
        let listed = |s: &&Json| {
            s.get("x-not-in-this-version")
                .and_then(Json::as_array)
                .is_some_and(|l| l.iter().any(|k| k == key))
        };
        if shapes.iter().any(listed) {
            let message = format!("`{key}` is not acted on by this version");
            self.found
                .push(Diagnostic::error(NOT_IN_THIS_VERSION, span, message).hint("leave it out"));
            return None;
        }
        let keys = shapes
            .iter()
            .filter_map(|s| s.get("properties")?.as_object())
            .flat_map(|p| p.keys());
        let keys: Vec<&'a str> = keys.map(String::as_str).collect();
        let meant = closest(key, keys.iter().copied());
        let hint = match meant {
            Some(meant) => format!("did you mean `{meant}`?"),
            None if keys.is_empty() => "there are no keys here".to_string(),
            None => format!("the keys here are: `{}`", keys.join("`, `")),
        };
        let message = match owner.key {
            Some(owner) => format!("`{owner}` has no key `{key}`"),
            None => format!("there is no key `{key}` here"),
        };
        self.found
            .push(Diagnostic::error(UNKNOWN_KEY, span, message).hint(hint));
        meant
    }

    fn list(&mut self, node: &Node, items: &[Node], schema: &'a Json, owner: &Owner<'_>) {
        if let Some(item) = schema.get("items") {
            for node in items {
                self.node(
                    node,
                    item,
                    &Owner {
                        key: owner.key,
                        bytes: node.bytes.clone(),
                    },
                );
            }
        }
        let bound = |name: &str| schema.get(name).and_then(Json::as_u64).map(|n| n as usize);
        if bound("minItems").is_some_and(|min| items.len() < min) {
            self.report(
                OUT_OF_BOUNDS,
                node,
                owner,
                format!("{} is a list with nothing in it", owner.name()),
            );
        }
        if let Some(max) = bound("maxItems").filter(|max| items.len() > *max) {
            self.report(
                OUT_OF_BOUNDS,
                node,
                owner,
                format!("{} has more than {max} items", owner.name()),
            );
        }
        if schema.get("uniqueItems").is_some_and(|u| u == true) {
            let values: Vec<Json> = items.iter().map(Node::to_json).collect();
            for (i, value) in values.iter().enumerate() {
                if values[..i].contains(value) {
                    let message = format!("{} has {} twice", owner.name(), items[i].describe());
                    self.report(OUT_OF_BOUNDS, &items[i], owner, message);
                }
            }
        }
    }

    fn scalar(&mut self, node: &Node, schema: &Json, owner: &Owner<'_>) {
        let Some(scalar) = node.scalar() else { return };
        let bound = |name: &str| schema.get(name).and_then(Json::as_f64);
        if let Some(number) = scalar.json.as_f64() {
            let low = bound("minimum").is_some_and(|min| number < min)
                || bound("exclusiveMinimum").is_some_and(|min| number <= min);
            let high = bound("maximum").is_some_and(|max| number > max)
                || bound("exclusiveMaximum").is_some_and(|max| number >= max);
            if low || high {
                let message = format!("{} is {}, beyond its bounds", owner.name(), short(&scalar.text));
                let hint = format!("write {}", expected(schema, self.root));
                self.report(OUT_OF_BOUNDS, node, owner, message).hint = Some(hint);
            }
        }
        let Some(text) = scalar.json.as_str() else { return };
        let length = text.chars().count() as f64;
        if bound("minLength").is_some_and(|min| length < min) || bound("maxLength").is_some_and(|max| length > max) {
            let message = if text.is_empty() {
                format!("{} is empty", owner.name())
            } else {
                format!("{} is too short or too long", owner.name())
            };
            self.report(OUT_OF_BOUNDS, node, owner, message);
        }
        let format = schema.get("format").and_then(Json::as_str);
        if let Some((code, message, hint)) = format.and_then(|format| format_mistake(format, text)) {
            self.report(code, node, owner, message).hint = hint;
        }
        if let Some(names) = schema.get("x-names").and_then(Json::as_array) {
            let names: Vec<&str> = names.iter().filter_map(Json::as_str).collect();
            self.template_names(node, text, &names);
        }
    }

    /// What a template names beside these.
    fn template_names(&mut self, node: &Node, text: &str, names: &[&str]) {
        // One that cannot be read has been reported.
        let Ok(used) = template(text) else { return };
        for name in used.iter() {
            let root = name.split('.').next().unwrap_or(name);
            if names.contains(&root) {
                continue;
            }
            let hint = match closest(root, names.iter().copied()) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("there are `{}`", names.join("`, `")),
            };
            let place = match text.find(name.as_str()) {
                Some(at) => node.part(self.file, at..at + name.len()),
                None => node.span(self.file),
            };
            let message = format!("a template here knows no `{root}`");
            self.found
                .push(Diagnostic::error(TEMPLATE_VARIABLE, Some(place), message).hint(hint));
        }
    }

    fn word(&mut self, node: &Node, schema: &Json, words: &[String], owner: &Owner<'_>) {
        let Some(scalar) = node.scalar().filter(|s| !s.json.is_null()) else {
            let may_be_null = schema
                .get("type")
                .and_then(Json::as_array)
                .is_some_and(|t| t.iter().any(|t| t == "null"));
            if !(node.is_null() && may_be_null) {
                self.wrong_type(node, &one_of(words), owner);
            }
            return;
        };
        if words.contains(&scalar.text) {
            return;
        }
        let refused = schema.get("x-not-in-this-version").and_then(Json::as_array);
        if refused.is_some_and(|r| r.iter().any(|w| w == scalar.text.as_str())) {
            let message = format!("`{}` is not acted on by this version", scalar.text);
            let hint = format!("this version knows {}", one_of(words));
            self.report(NOT_IN_THIS_VERSION, node, owner, message).hint = Some(hint);
            return;
        }
        let hint = match closest(&scalar.text, words.iter().map(String::as_str)) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("write {}", one_of(words)),
        };
        let message = format!("{} cannot be `{}`", owner.name(), short(&scalar.text));
        self.report(UNKNOWN_WORD, node, owner, message).hint = Some(hint);
    }

    pub fn wrong_type(&mut self, node: &Node, wanted: &str, owner: &Owner<'_>) {
        let message = match owner.key {
            Some(key) => format!("`{key}` wants {wanted}, not {}", node.describe()),
            None => format!("{wanted} is wanted here, not {}", node.describe()),
        };
        let text = node
            .scalar()
            .filter(|s| !s.json.is_null() && wanted.starts_with("text"))
            .map(|s| s.text.clone());
        self.report(WRONG_TYPE, node, owner, message).hint =
            text.map(|t| format!("if it is text, quote it: \"{}\"", short(&t)));
    }

    /// Adds a mistake at the value, or at its key where no value is written.
    pub fn report(
        &mut self,
        code: Code,
        node: &Node,
        owner: &Owner<'_>,
        message: impl Into<String>,
    ) -> &mut Diagnostic {
        let bytes = if node.bytes.is_empty() {
            owner.bytes.clone()
        } else {
            node.bytes.clone()
        };
        let span = self.span(bytes);
        self.found.push(Diagnostic::error(code, Some(span), message));
        self.found.last_mut().expect("one has just been added")
    }

    pub fn span(&self, bytes: Range<usize>) -> Span {
        Span {
            file: self.file.to_string(),
            bytes,
        }
    }
}

impl Owner<'_> {
    pub fn name(&self) -> String {
        self.key.map_or("this file".into(), |key| format!("`{key}`"))
    }
}

pub(super) fn is(node: &Node, ty: &str) -> bool {
    match &node.value {
        Value::List(_) => ty == "array",
        Value::Mapping(_) => ty == "object",
        Value::Scalar(scalar) => match &scalar.json {
            Json::Null => ty == "null",
            Json::Bool(_) => ty == "boolean",
            Json::Number(number) => ty == "number" || (ty == "integer" && !number.is_f64()),
            _ => ty == "string",
        },
    }
}

/// Whether keys that are not named are mistakes: always, unless the schema says what they are.
fn closed(schema: &Json) -> bool {
    let open = schema.get("additionalProperties").is_some_and(|a| a != false);
    schema.get("properties").is_some() && !open || schema.get("additionalProperties").is_some_and(|a| a == false)
}

/// The words of an enum, whichever way it is written.
pub(super) fn words(schema: &Json) -> Option<Vec<String>> {
    let text = |v: &Json| v.as_str().map(str::to_string);
    if let Some(word) = schema.get("const") {
        return Some(vec![text(word).unwrap_or_else(|| word.to_string())]);
    }
    if let Some(all) = schema.get("enum").and_then(Json::as_array) {
        return Some(
            all.iter()
                .filter(|v| !v.is_null())
                .map(|v| text(v).unwrap_or_else(|| v.to_string()))
                .collect(),
        );
    }
    let all = schema.get("oneOf").or_else(|| schema.get("anyOf"))?.as_array()?;
    let each = all.iter().map(|v| {
        if v.get("properties").is_none() && (v.get("const").is_some() || v.get("enum").is_some()) {
            words(v)
        } else {
            None
        }
    });
    each.collect::<Option<Vec<_>>>().map(|all| all.concat())
}

pub(super) fn one_of(words: &[String]) -> String {
    match words {
        [one] => format!("`{one}`"),
        [head @ .., last] => format!("`{}` or `{last}`", head.join("`, `")),
        [] => "nothing".into(),
    }
}

/// What a schema wants, in words.
pub(super) fn expected(schema: &Json, root: &Json) -> String {
    let schema = match schema.get("$ref").and_then(Json::as_str) {
        Some(target) => root.pointer(target.trim_start_matches('#')).unwrap_or(schema),
        None => schema,
    };
    if let Some(words) = words(schema) {
        return one_of(&words);
    }
    if let Some(words) = schema.get("format").and_then(Json::as_str).and_then(expected_format) {
        return words.to_string();
    }
    let one = |ty: &str| match ty {
        "string" => "text".to_string(),
        "integer" => format!("a whole number{}", bounds(schema)),
        "number" => format!("a number{}", bounds(schema)),
        "boolean" => "`true` or `false`".to_string(),
        "array" => "a list".to_string(),
        "object" => "a mapping".to_string(),
        other => other.to_string(),
    };
    let types: Vec<String> = match schema.get("type") {
        Some(Json::String(ty)) => vec![one(ty)],
        Some(Json::Array(all)) => all
            .iter()
            .filter_map(Json::as_str)
            .filter(|t| *t != "null")
            .map(one)
            .collect(),
        _ => {
            let all = schema
                .get("anyOf")
                .or_else(|| schema.get("oneOf"))
                .and_then(Json::as_array);
            let all = all
                .into_iter()
                .flatten()
                .filter(|s| s.get("type").is_none_or(|t| t != "null"));
            all.map(|s| expected(s, root)).collect()
        }
    };
    let mut distinct: Vec<String> = Vec::new();
    for ty in types {
        if !distinct.contains(&ty) {
            distinct.push(ty);
        }
    }
    if distinct.is_empty() {
        "something else".into()
    } else {
        distinct.join(" or ")
    }
}

fn bounds(schema: &Json) -> String {
    match (schema.get("minimum"), schema.get("maximum")) {
        (Some(min), Some(max)) => format!(" from {min} to {max}"),
        (Some(min), None) => format!(", {min} or more"),
        (None, Some(max)) => format!(", {max} at most"),
        (None, None) => String::new(),
    }
}
