//! Our own schemas, and those of the connectors merged into them.

use super::ConnectorSchema;
use crate::config::{AssetFile, ChatFile, ConnectionFile, CopyFile, IntoFile, LakeCopyFile, ProjectFile, TestFile};
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeMap;
use std::sync::OnceLock;

/// Our own schemas, made once.
pub(crate) struct Own {
    pub project: Json,
    pub asset: Json,
    pub connection: Json,
    pub chat: Json,
    pub copy: Json,
    pub lake_copy: Json,
    pub into: Json,
    pub test: Json,
}

/// Our own schemas.
pub(crate) fn own() -> &'static Own {
    static OWN: OnceLock<Own> = OnceLock::new();
    OWN.get_or_init(|| Own {
        project: generate::<ProjectFile>(),
        asset: with(
            with(generate::<AssetFile>(), "copy", json!({ "type": "object" })),
            "into",
            json!({ "type": "object" }),
        ),
        connection: generate::<ConnectionFile>(),
        chat: generate::<ChatFile>(),
        copy: generate::<CopyFile>(),
        lake_copy: generate::<LakeCopyFile>(),
        into: generate::<IntoFile>(),
        test: generate::<TestFile>(),
    })
}

fn generate<T: JsonSchema>() -> Json {
    SchemaSettings::draft2020_12()
        .into_generator()
        .into_root_schema_for::<T>()
        .to_value()
}

/// The schema with another one for a property, whose description stays.
fn with(mut schema: Json, property: &str, mut other: Json) -> Json {
    let properties = schema.get_mut("properties").and_then(Json::as_object_mut);
    if let Some(properties) = properties {
        let description = properties.get(property).and_then(|p| p.get("description")).cloned();
        if let (Some(text), Some(other)) = (description, other.as_object_mut()) {
            other.insert("description".into(), text);
        }
        properties.insert(property.into(), other);
    }
    schema
}

/// The schemas by connector, each merged with the keys that all have.
pub(crate) struct Shapes {
    connections: BTreeMap<&'static str, Json>,
    copies: BTreeMap<&'static str, Json>,
    intos: BTreeMap<&'static str, Json>,
}

impl Shapes {
    pub fn new(schemas: &[ConnectorSchema]) -> Shapes {
        let own = own();
        let readable = |s: &&ConnectorSchema| has_keys(&s.copy);
        let mut copies: BTreeMap<&str, Json> = schemas
            .iter()
            .filter(readable)
            .map(|s| (s.kind, of_tables(merge(&own.copy, &s.copy))))
            .collect();
        copies.insert("lake", own.lake_copy.clone());
        Shapes {
            connections: schemas
                .iter()
                .map(|s| (s.kind, merge(&own.connection, &s.connection)))
                .collect(),
            copies,
            intos: schemas
                .iter()
                .filter_map(|s| Some((s.kind, merge(&own.into, s.into.as_ref()?))))
                .collect(),
        }
    }

    /// The schema of a connection file of this kind.
    pub fn connection(&self, kind: &str) -> Option<&Json> {
        self.connections.get(kind).filter(|_| kind != "files")
    }

    /// The schema of a `copy:` from this kind.
    pub fn copy(&self, kind: &str) -> Option<&Json> {
        self.copies.get(kind)
    }

    /// The schema of an `into:` of this kind.
    pub fn target(&self, kind: &str) -> Option<&Json> {
        self.intos.get(kind)
    }

    /// The kinds that a connection file may name.
    pub fn kinds(&self) -> impl Iterator<Item = &str> {
        self.connections.keys().copied().filter(|k| *k != "files")
    }
}

/// Many tables can be copied from what has tables: a connector that knows `table:`.
fn of_tables(mut copy: Json) -> Json {
    if let Some(Json::Object(properties)) = copy.get_mut("properties")
        && !properties.contains_key("table")
    {
        properties.retain(|key, _| !["tables", "except", "on_new_table"].contains(&key.as_str()));
    }
    copy
}

fn has_keys(schema: &Json) -> bool {
    let shapes = ["properties", "oneOf", "anyOf", "$ref"];
    shapes
        .iter()
        .any(|k| schema.get(k).is_some_and(|s| !s.as_object().is_some_and(Map::is_empty)))
}

/// The keys of both in one object schema; definitions stay apart by a prefix.
fn merge(own: &Json, theirs: &Json) -> Json {
    let mut merged = own.clone();
    let mut theirs = theirs.clone();
    rename_definitions(&mut theirs);
    let (Some(all), Some(theirs)) = (merged.as_object_mut(), theirs.as_object()) else {
        return merged;
    };
    for (key, value) in theirs {
        match (all.get_mut(key), value) {
            (Some(Json::Object(ours)), Json::Object(more)) => ours.extend(more.clone()),
            (Some(Json::Array(ours)), Json::Array(more)) => ours.extend(more.iter().cloned()),
            (Some(_), _) => {}
            (None, _) => drop(all.insert(key.clone(), value.clone())),
        }
    }
    all.insert("additionalProperties".into(), Json::Bool(false));
    // A key of ours that the connector does not act on is refused like one that it does not have.
    let refused: Vec<Json> = ["x-not-in-this-version", "x-without"]
        .iter()
        .filter_map(|key| all.get(*key).and_then(Json::as_array))
        .flatten()
        .cloned()
        .collect();
    if let Some(Json::Object(properties)) = all.get_mut("properties") {
        properties.retain(|key, _| !refused.iter().any(|word| word == key));
    }
    if let Some(Json::Array(required)) = all.get_mut("required") {
        required.retain(|key| !refused.contains(key));
    }
    merged
}

/// `#/$defs/X` becomes `#/$defs/connector.X`, so that two structs of one name do not meet.
fn rename_definitions(schema: &mut Json) {
    match schema {
        Json::Object(object) => {
            if let Some(Json::String(target)) = object.get_mut("$ref") {
                *target = target.replace("#/$defs/", "#/$defs/connector.");
            }
            if let Some(Json::Object(definitions)) = object.get_mut("$defs") {
                let renamed = std::mem::take(definitions)
                    .into_iter()
                    .map(|(k, v)| (format!("connector.{k}"), v));
                *definitions = renamed.collect();
            }
            object.values_mut().for_each(rename_definitions);
        }
        Json::Array(items) => items.iter_mut().for_each(rename_definitions),
        _ => {}
    }
}

/// A JSON Schema for each kind of file, for editors: `project`, `connection`, `asset`, `test`, `chat`. The connectors' keys are in them.
pub fn schemas(connectors: &[ConnectorSchema]) -> BTreeMap<&'static str, Json> {
    let own = own();
    let shapes = Shapes::new(connectors);
    let connections: Vec<(&str, Json)> = shapes
        .kinds()
        .filter_map(|k| Some((k, of_kind(shapes.connection(k)?, "kind", k))))
        .collect();
    let copies = shapes.copies.iter().map(|(kind, schema)| match *kind {
        "files" | "lake" => (*kind, of_kind(schema, "from", kind)),
        _ => (*kind, schema.clone()),
    });
    let copies = copies.collect();
    let intos = shapes
        .intos
        .iter()
        .map(|(kind, schema)| (*kind, schema.clone()))
        .collect();
    let mut asset = own.asset.clone();
    let mut definitions = Map::new();
    asset = with(
        asset,
        "copy",
        json!({ "anyOf": hoist("copy", copies, &mut definitions) }),
    );
    asset = with(
        asset,
        "into",
        json!({ "anyOf": hoist("into", intos, &mut definitions) }),
    );
    add_definitions(&mut asset, definitions);
    let mut definitions = Map::new();
    let mut connection = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Connection",
        "description": own.connection.get("description"),
        "oneOf": hoist("connection", connections, &mut definitions),
    });
    add_definitions(&mut connection, definitions);
    let mut all = BTreeMap::from([
        ("project", own.project.clone()),
        ("connection", connection),
        ("asset", asset),
        ("test", of_one_or_many(&own.test)),
        ("chat", own.chat.clone()),
    ]);
    all.values_mut().for_each(for_editors);
    all
}

/// A file that holds one of these, or a list of them.
fn of_one_or_many(schema: &Json) -> Json {
    let mut one = schema.clone();
    let mut definitions = Map::new();
    let about = one.get("description").cloned();
    if let Some(object) = one.as_object_mut() {
        object.remove("$schema");
        if let Some(Json::Object(own)) = object.remove("$defs") {
            definitions = own;
        }
    }
    definitions.insert("test".into(), one);
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Test",
        "description": about,
        "anyOf": [{ "$ref": "#/$defs/test" }, { "type": "array", "items": { "$ref": "#/$defs/test" }, "minItems": 1 }],
        "$defs": definitions,
    })
}

/// The schema in which a key is one word.
fn of_kind(schema: &Json, key: &str, word: &str) -> Json {
    with(schema.clone(), key, json!({ "type": "string", "const": word }))
}

/// Takes the definitions out of each schema into one map, under names of their own. Each is titled by its connector.
fn hoist(what: &str, schemas: Vec<(&str, Json)>, definitions: &mut Map<String, Json>) -> Vec<Json> {
    let mut all = Vec::new();
    for (i, (kind, mut schema)) in schemas.into_iter().enumerate() {
        let prefix = format!("{what}{i}.");
        point_to(&mut schema, &prefix);
        if let Some(object) = schema.as_object_mut() {
            object.remove("$schema");
            object.insert("title".into(), kind.into());
            if let Some(Json::Object(own)) = object.remove("$defs") {
                definitions.extend(own.into_iter().map(|(k, v)| (format!("{prefix}{k}"), v)));
            }
        }
        all.push(schema);
    }
    all
}

fn point_to(schema: &mut Json, prefix: &str) {
    match schema {
        Json::Object(object) => {
            if let Some(Json::String(target)) = object.get_mut("$ref") {
                *target = target.replace("#/$defs/", &format!("#/$defs/{prefix}"));
            }
            object.values_mut().for_each(|v| point_to(v, prefix));
        }
        Json::Array(items) => items.iter_mut().for_each(|v| point_to(v, prefix)),
        _ => {}
    }
}

fn add_definitions(schema: &mut Json, definitions: Map<String, Json>) {
    if let Some(object) = schema.as_object_mut() {
        let own = object.entry("$defs").or_insert_with(|| json!({}));
        if let Some(own) = own.as_object_mut() {
            own.extend(definitions);
        }
    }
}

/// Our formats as patterns, which editors know; `duration` is even another thing in JSON Schema. A reference fits everywhere.
/// `x-format` keeps our word, for the reference page.
const PATTERNS: [(&str, &str); 11] = [
    ("duration", r"(\d+(ms|s|m|h|d|w))+"),
    ("rate", r"\d+/(s|m|h|d)"),
    ("size", r"\d+([kKMGT]i?)?B"),
    ("percent", r"\d{1,3}(\.\d{1,2})?%"),
    ("asset-name", r"[a-z_][a-z0-9_]*\.[a-z_][a-z0-9_]*"),
    ("asset-or-family", r"([a-z_][a-z0-9_]*|\*)\.[a-z0-9_]*(\*[a-z0-9_]*)?"),
    ("name", r"[a-z_][a-z0-9_]*"),
    ("range-input", r"[a-z_][a-z0-9_]*\.[a-z_][a-z0-9_]*\.\w+"),
    ("jsonpath", r"\$.*"),
    ("url", r"https?://.+"),
    ("type", TYPE),
];

/// A type, as far as a pattern can tell.
const TYPE: &str = r"\s*(bool|int8|int16|int32|int64|uint64|float32|float64|string|binary|date|time|timestamp|local_timestamp|uuid|json|decimal\s*\(.+\)|vector\s*\(.+\)|list\s*<.+>|struct\s*<.+>)\s*";

fn for_editors(schema: &mut Json) {
    match schema {
        Json::Object(object) => {
            let format = object.get("format").and_then(Json::as_str);
            if let Some((name, pattern)) = PATTERNS.iter().find(|(name, _)| Some(*name) == format) {
                object.shift_remove("format");
                object.insert("x-format".into(), (*name).into());
                object.insert("pattern".into(), format!(r"^({pattern}|.*\$\{{.+)$").into());
            }
            if object.get("x-secret").is_some_and(|s| s == true) {
                object.insert("pattern".into(), r"\$\{secret:".into());
            }
            object.values_mut().for_each(for_editors);
        }
        Json::Array(items) => items.iter_mut().for_each(for_editors),
        _ => {}
    }
}
