use super::*;
use segue_spec::ConnectorSchema;
use segue_spec::Files;
use serde_json::json;

fn asset(slice: &str, columns: &str, write: &str) -> Asset {
    let text = format!(
        "asset: raw.t\ncopy:\n  from: api\n  for_each: {{ list: [ {{ id: a, n: 1 }} ] }}\n  slice: {slice}\n  columns: {columns}\n{write}"
    );
    let files: Files = [
        ("segue.yaml", "format: 1\nproject: test\n".to_string()),
        ("connections/api.yaml", "connection: api\nkind: rest\n".to_string()),
        ("assets/raw/t.yaml", text),
    ]
    .into_iter()
    .collect();
    let any = json!({ "type": "object", "properties": {} });
    let schema = ConnectorSchema {
        kind: "rest",
        connection: any.clone(),
        copy: json!({ "type": "object", "properties": { "request": {} } }),
        into: None,
    };
    let (project, mistakes) = segue_spec::check(&files, &[schema]);
    let errors: Vec<&str> = mistakes.iter().map(|m| m.message.as_str()).collect();
    assert!(errors.is_empty(), "{errors:?}");
    project.unwrap().assets.into_values().next().unwrap()
}

fn element(text: &str) -> Map<String, Value> {
    serde_json::from_str(text).unwrap()
}

fn listed(asset: &Asset, elements: &[&str]) -> String {
    let segue_spec::model::How::Copy(copy) = &asset.how else {
        panic!("a copy")
    };
    let elements = elements.iter().map(|e| element(e)).collect();
    match slices(asset, copy, Some(elements), &Map::new()) {
        Ok(slices) => {
            let line = |s: &Slice| format!("{} with {}", s.labels, Value::Object(other_values(copy, s)));
            slices.iter().map(line).collect::<Vec<_>>().join("\n")
        }
        Err(error) => format!("{}: {error}", error.error_code().map_or("", |c| c.as_str())),
    }
}

fn by_id() -> Asset {
    asset(
        "[artist]",
        "{ artist: { value: \"{{ each.id }}\", type: string } }",
        "write: { mode: replace }\n",
    )
}

#[test]
fn a_label_is_the_column_that_slice_maps_and_the_rest_are_values() {
    insta::assert_snapshot!(listed(&by_id(), &[r#"{"id":"a","n":1}"#, r#"{"id":"b","n":2}"#]), @r#"
    artist=a with {"n":1}
    artist=b with {"n":2}
    "#);
}

#[test]
fn a_column_without_a_template_takes_the_element_of_its_own_name() {
    let own = asset("[id]", "{ id: { type: string } }", "write: { mode: replace }\n");
    insta::assert_snapshot!(listed(&own, &[r#"{"id":"a","n":1}"#]), @r#"id=a with {"n":1}"#);
}

#[test]
fn a_label_has_its_columns_type() {
    let text = by_id();
    insta::assert_snapshot!(listed(&text, &[r#"{"id":7,"n":1}"#]), @r#"artist=7 with {"n":1}"#);
    let segue_spec::model::How::Copy(copy) = &text.how else {
        panic!("a copy")
    };
    let slice = &slices(&text, copy, Some(vec![element(r#"{"id":7}"#)]), &Map::new()).unwrap()[0];
    assert_eq!(slice.labels.get("artist"), Some(&json!("7")));
}

#[test]
fn the_same_element_twice_is_one_and_another_under_its_labels_an_error() {
    insta::assert_snapshot!(listed(&by_id(), &[r#"{"id":"a","n":1}"#, r#"{"id":"a","n":1}"#]), @r#"artist=a with {"n":1}"#);
    insta::assert_snapshot!(listed(&by_id(), &[r#"{"id":"a","n":1}"#, r#"{"id":"a","n":2}"#]), @"SG0513: the `for_each` of raw.t lists artist=a twice, with different values");
}

#[test]
fn an_empty_list_needs_to_be_allowed() {
    insta::assert_snapshot!(listed(&by_id(), &[]), @"SG0512: the `for_each` of raw.t lists nothing");
    let allowed = asset(
        "[artist]",
        "{ artist: { value: \"{{ each.id }}\", type: string } }",
        "write: { mode: replace, allow_empty: true }\n",
    );
    insta::assert_snapshot!(listed(&allowed, &[]), @"");
}

#[test]
fn an_element_without_a_label_is_an_error() {
    insta::assert_snapshot!(listed(&by_id(), &[r#"{"id":null,"n":1}"#]), @r#": an element of the `for_each` of raw.t has nothing for its label `artist` (element: {"id":null,"n":1})"#);
}

#[test]
fn a_template_of_more_than_a_place_is_text() {
    let both = asset(
        "[key]",
        "{ key: { value: \"{{ each.id }}-{{ each.n }}\", type: string } }",
        "write: { mode: replace }\n",
    );
    insta::assert_snapshot!(listed(&both, &[r#"{"id":"a","n":1}"#]), @"key=a-1 with {}");
}
