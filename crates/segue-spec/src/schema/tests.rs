use super::schemas;
use crate::check::tests::connectors;
use serde_json::Value as Json;

/// Every `$ref` of a schema points at something in it.
fn refs(schema: &Json, root: &Json, found: &mut usize) {
    match schema {
        Json::Object(object) => {
            if let Some(target) = object.get("$ref").and_then(Json::as_str) {
                *found += 1;
                assert!(root.pointer(target.trim_start_matches('#')).is_some(), "{target}");
            }
            object.values().for_each(|v| refs(v, root, found));
        }
        Json::Array(items) => items.iter().for_each(|v| refs(v, root, found)),
        _ => {}
    }
}

#[test]
fn a_schema_a_kind_of_file_with_the_connectors_in_it() {
    let all = schemas(&connectors());
    assert_eq!(
        all.keys().copied().collect::<Vec<_>>(),
        ["asset", "chat", "connection", "project", "test"]
    );
    for schema in all.values() {
        let mut found = 0;
        refs(schema, schema, &mut found);
        assert!(found > 0);
    }
    let copies = all["asset"]["properties"]["copy"]["anyOf"].as_array().unwrap();
    let froms: Vec<&Json> = copies.iter().map(|c| &c["properties"]["from"]["const"]).collect();
    insta::assert_snapshot!(format!("{froms:?}"), @r#"[String("files"), String("lake"), Null]"#);
    let kinds: Vec<&Json> = all["connection"]["oneOf"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| &c["properties"]["kind"]["const"])
        .collect();
    insta::assert_snapshot!(format!("{kinds:?}"), @r#"[String("rest"), String("sqlite")]"#);
}

#[test]
fn editors_get_patterns_for_what_json_schema_does_not_know() {
    let all = schemas(&connectors());
    insta::assert_snapshot!(all["asset"]["properties"]["fresh"], @r#"{"type":["string","null"],"description":"Younger than this is good enough; without it every run reads.","x-format":"duration","pattern":"^((\\d+(ms|s|m|h|d|w))+|.*\\$\\{.+)$"}"#);
    insta::assert_snapshot!(all["connection"]["$defs"]["connection0.connector.OAuth2"]["properties"]["client_secret"], @r#"{"type":"string","x-secret":true,"pattern":"\\$\\{secret:"}"#);
    assert!(!serde_json::to_string(&all).unwrap().contains(r#""format":"duration""#));
}

#[test]
fn every_key_has_a_description() {
    fn look(schema: &Json, path: &str) {
        for (key, property) in schema["properties"].as_object().into_iter().flatten() {
            assert!(
                property
                    .get("description")
                    .is_some_and(|d| !d.as_str().unwrap_or("").is_empty()),
                "{path}.{key}"
            );
        }
    }
    let own = super::own();
    for schema in [
        &own.project,
        &own.asset,
        &own.connection,
        &own.chat,
        &own.copy,
        &own.lake_copy,
        &own.into,
        &own.test,
    ] {
        look(schema, schema["title"].as_str().unwrap());
        for (name, definition) in schema["$defs"].as_object().into_iter().flatten() {
            look(definition, name);
        }
    }
}
