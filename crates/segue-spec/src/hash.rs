//! Hashes of an asset's definition: what decides its rows, and the rest.
//!
//! Each begins with the version of its making (`1:`). What goes into one, and how it is written, never changes within a
//! version: the golden tests hold it. References (`${…}`) are hashed as they are written.

use crate::model::{Asset, Column, Copy, From, How, LakeSource};
use crate::sql::parse_query;
use serde_json::{Map, Value as Json, json};
use sha2::{Digest, Sha256};

/// The version of the hashes. A new one makes every asset look changed once, so it says in the changelog why.
pub const VERSION: u32 = 1;

/// Keys of a connector's own settings that decide how long is waited, not what is read.
const PATIENCE: [&str; 2] = ["retry_after", "limits"];

/// Keys of a connector's own settings that say what becomes of an answer.
const MAPPING: [&str; 1] = ["records"];

/// The hash of what decides the rows: the request or the SQL, columns, write mode, key, slice and grain.
///
/// Not in it: the text of `for_each`, checks, `find`, description, owner, tags, `fresh`, `start`, `lag`, `lookback`, `inputs`, `on_…`, `max_parked`,
/// `keep_raw`, and the asset's name. SQL counts by its words: comments, space and the case of what is not quoted do not.
pub fn data_hash(asset: &Asset) -> String {
    hash(&data(asset))
}

/// The hash of everything that an asset's file says, so that any change shows; comments of YAML do not.
pub fn metadata_hash(asset: &Asset) -> String {
    hash(&metadata(asset))
}

/// The hash of what a copy asks for: connection, request, paging, rules for errors. `None` for assets that are no copy from a connection.
///
/// Kept pages of the same request hash can be mapped anew without asking.
pub fn request_hash(asset: &Asset) -> Option<String> {
    let How::Copy(copy) = &asset.how else { return None };
    let From::Connection(_) = &copy.from else { return None };
    Some(hash(&request(copy)))
}

/// The hash of what becomes of the answers: records, columns, slice. `None` where [`request_hash`] is.
pub fn mapping_hash(asset: &Asset) -> Option<String> {
    let How::Copy(copy) = &asset.how else { return None };
    let From::Connection(_) = &copy.from else { return None };
    Some(hash(&mapping(copy)))
}

/// The definition as it is kept, to say later what kind of change another one is: everything of [`data_hash`] under its own keys,
/// and besides `name`, `start`, the columns in order, and `for_each`.
pub fn definition(asset: &Asset) -> Json {
    let mut definition = data(asset);
    if let Some(object) = definition.as_object_mut() {
        object.insert("name".into(), json!(asset.name));
        object.insert("start".into(), json!(asset.range.as_ref().map(|r| r.start)));
        if let How::Copy(copy) = &asset.how {
            object.insert("column_order".into(), json!(copy.columns.names().collect::<Vec<_>>()));
            object.insert("for_each".into(), json!(copy.for_each));
        }
    }
    sorted(definition)
}

fn data(asset: &Asset) -> Json {
    let how = match &asset.how {
        How::Sql(body) => json!({ "sql": words(&body.statement) }),
        How::Copy(copy) => {
            json!({ "copy": { "request": request(copy), "mapping": mapping(copy), "position": copy.position.as_ref().map(|p| &p.column) } })
        }
    };
    let range = asset
        .range
        .as_ref()
        .map(|r| json!({ "by": r.by, "input": r.input, "output": r.output }));
    let params: Map<String, Json> = asset
        .params
        .iter()
        .map(|(name, p)| (name.clone(), json!({ "type": p.ty, "default": p.default })))
        .collect();
    let into = asset
        .into
        .as_ref()
        .map(|i| json!({ "connection": i.connection, "table": i.table, "settings": i.settings }));
    json!({
        "how": how,
        "range": range,
        "params": params,
        "into": into,
        "write": { "mode": asset.write.mode, "key": asset.write.key },
    })
}

fn request(copy: &Copy) -> Json {
    let from = match &copy.from {
        From::Connection(name) => json!({ "connection": name }),
        From::Files => json!("files"),
        From::Lake(LakeSource::Table(table)) => json!({ "table": table }),
        From::Lake(LakeSource::Sql(sql)) => json!({ "sql": words(sql) }),
    };
    json!({ "from": from, "settings": settings(copy, |key| !MAPPING.contains(&key) && !PATIENCE.contains(&key)) })
}

fn mapping(copy: &Copy) -> Json {
    let column = |c: &Column| json!({ "path": c.path, "value": c.value, "type": c.ty, "required": c.required, "nested": c.nested });
    let columns: Map<String, Json> = copy.columns.iter().map(|(name, c)| (name.clone(), column(c))).collect();
    let nested = (!copy.nested.is_json()).then_some(copy.nested);
    let settings = settings(copy, |key| MAPPING.contains(&key));
    json!({ "settings": settings, "columns": columns, "slice": copy.slice, "nested": nested })
}

fn settings(copy: &Copy, wanted: impl Fn(&str) -> bool) -> Json {
    let own = copy.settings.as_object().into_iter().flatten();
    Json::Object(
        own.filter(|(key, _)| wanted(key))
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect(),
    )
}

fn metadata(asset: &Asset) -> Json {
    let mut all = serde_json::to_value(asset).unwrap_or_default();
    if let Some(object) = all.as_object_mut() {
        // Where it stands is not what it says.
        object.shift_remove("place");
        object.shift_remove("reads");
        if let How::Copy(copy) = &asset.how {
            object.insert("column_order".into(), json!(copy.columns.names().collect::<Vec<_>>()));
        }
        if let Some(Json::Object(sql)) = object.get_mut("how").and_then(|h| h.get_mut("sql")) {
            sql.shift_remove("offset");
            sql.shift_remove("begins");
        }
    }
    all
}

/// The words of SQL; its text where it cannot be parsed, which a checked project does not have.
fn words(sql: &str) -> Json {
    parse_query(sql).map_or_else(|_| json!(sql), |statement| json!(statement.tokens))
}

fn hash(value: &Json) -> String {
    let text = sorted(value.clone()).to_string();
    let digest = Sha256::digest(text.as_bytes());
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{VERSION}:{hex}")
}

/// The value with the keys of all objects in order, and without keys that say nothing.
fn sorted(value: Json) -> Json {
    match value {
        Json::Object(object) => {
            let mut entries: Vec<(String, Json)> = object.into_iter().filter(|(_, v)| !v.is_null()).collect();
            entries.sort_by(|a, b| a.0.cmp(&b.0));
            Json::Object(entries.into_iter().map(|(k, v)| (k, sorted(v))).collect())
        }
        Json::Array(items) => Json::Array(items.into_iter().map(sorted).collect()),
        plain => plain,
    }
}

#[cfg(test)]
mod tests;
