//! Finding records by brackets and quotes.

use super::super::Path;
use super::*;
use proptest::prelude::*;

fn found(body: &str, records: &str, parents: &[&str]) -> String {
    let path = |p: &str| Path::parse(p).unwrap().steps().unwrap().to_vec();
    let parents: Vec<Vec<Step>> = parents.iter().map(|p| path(p)).collect();
    let parents: Vec<&[Step]> = parents.iter().map(Vec::as_slice).collect();
    match find(body.as_bytes(), &path(records), &parents, None) {
        Ok(found) => {
            let lines = found.records.iter().map(|(range, above)| {
                let above: Vec<&str> = found.parents[*above]
                    .iter()
                    .map(|r| r.clone().map_or("-", |r| &body[r]))
                    .collect();
                format!("{} {}", &body[range.clone()], above.join(" "))
                    .trim_end()
                    .to_string()
            });
            lines.collect::<Vec<_>>().join("\n")
        }
        Err(broken) => format!("{broken:?}"),
    }
}

#[test]
fn records_are_found_where_they_are() {
    assert_eq!(
        found(
            r#" { "a" : { "b" : [ 1 , {"x":"]"} , "s\"]" ] , "c": 2 } } "#,
            "$.a.b[*]",
            &[]
        ),
        "1\n{\"x\":\"]\"}\n\"s\\\"]\""
    );
    assert_eq!(found("[[1,2],[3]]", "$[*][*]", &[]), "1\n2\n3");
    assert_eq!(found("[[1,2],[3]]", "$[1]", &[]), "[3]");
    assert_eq!(found("{\"a\": 1}", "$", &[]), "{\"a\": 1}");
    assert_eq!(found(r#"{"\u0061b": [1]}"#, "$.ab[*]", &[]), "1");
    assert_eq!(found("\u{feff}[1]", "$[*]", &[]), "1");
}

#[test]
fn what_is_not_there_is_told_from_what_is_empty() {
    for (body, path, lack) in [
        (r#"{"a": []}"#, "$.a[*]", "-"),
        (r#"{"a": []}"#, "$.a[0].b", "-"),
        (r#"{"a": [{}, null, 7, {"b": null}]}"#, "$.a[*].b[*]", "-"),
        ("{}", "$.a[*]", "0 None"),
        (r#"{"x": {}}"#, "$.x.a", "1 None"),
        ("[]", "$.a", "0 Some(Array)"),
        (r#"{"a": null}"#, "$.a[*]", "1 Some(Null)"),
        (r#"{"a": {"b": 1}}"#, "$.a[*]", "1 Some(Object)"),
        (r#"{"a": {"b": 3}}"#, "$.a[0]", "1 Some(Object)"),
        ("7", "$[*]", "0 Some(Number)"),
    ] {
        let steps = Path::parse(path).unwrap().steps().unwrap().to_vec();
        let found = find(body.as_bytes(), &steps, &[], None).unwrap();
        let said = found
            .lack
            .map_or("-".to_string(), |l| format!("{} {:?}", l.taken, l.found));
        assert_eq!(said, lack, "{body} {path}");
        assert!(found.records.is_empty());
    }
}

#[test]
fn what_is_skipped_is_json_too() {
    for (body, broken) in [
        ("<html><body>login</body></html>", "NotJson(0)"),
        ("OK", "NotJson(0)"),
        ("nul", "Cut"),
        ("nulls", "NotJson(0)"),
        (r#"{"x": nonsense, "a": []}"#, "NotJson(6)"),
        (r#"{"x": {"y": [1, 01]}, "a": []}"#, "NotJson(16)"),
        (r#"{"x": [1 2], "a": []}"#, "NotJson(9)"),
        (r#"{"x": {"y" 1}, "a": []}"#, "NotJson(11)"),
        (r#"{"x": [1,], "a": []}"#, "NotJson(9)"),
        (r#"{"x": {"y": 1,}, "a": []}"#, "NotJson(14)"),
        (r#"{"a": [nan]}"#, "NotJson(7)"),
        (r#"{"x": 1e, "a": []}"#, "NotJson(6)"),
        (r#"{"x": -"#, "Cut"),
        (r#"{"x": 1.5e"#, "Cut"),
    ] {
        assert_eq!(found(body, "$.a[*]", &[]), broken, "{body}");
    }
    let deep = format!(
        "{{\"x\": {}{}, \"a\": [1]}}",
        "[{\"k\":[".repeat(50_000),
        "]}]".repeat(50_000)
    );
    assert_eq!(found(&deep, "$.a[*]", &[]), "1", "depth costs no stack");
}

#[test]
fn parents_are_of_the_same_element_and_may_come_after() {
    let body = r#"{"p": 0, "a": [{"g": [1, 2], "id": "x"}, {"id": "y", "g": [3]}, {"g": []}, {"g": [4]}]}"#;
    assert_eq!(
        found(body, "$.a[*].g[*]", &["$.a[*].id", "$.p"]),
        "1 \"x\" 0\n2 \"x\" 0\n3 \"y\" 0\n4 - 0"
    );
    assert_eq!(found(body, "$.a[*]", &["$.a[*].id"]).lines().count(), 4);
}

#[test]
fn what_is_broken_is_said() {
    for (body, broken) in [
        ("", "Cut"),
        ("{\"a\": [1, 2", "Cut"),
        ("{\"a\": [\"x", "Cut"),
        ("{\"a\": [1, 2}", "NotJson(11)"),
        ("{\"a\" [1]}", "NotJson(5)"),
        ("{a: [1]}", "NotJson(1)"),
        ("{\"a\": [1]} x", "NotJson(11)"),
        ("{\"a\": [1], \"a\": [2]}", "Twice(11)"),
        ("{\"a\": [1] \"b\": 2}", "NotJson(10)"),
        ("{\"a\": [{\"x\": ]]}", "NotJson(13)"),
    ] {
        assert_eq!(found(body, "$.a[*]", &[]), broken, "{body}");
    }
}

#[test]
fn depth_costs_no_stack() {
    let deep = format!("{{\"a\": [{}{}, 1]}}", "[{\"k\":".repeat(50_000), "}]".repeat(50_000));
    assert_eq!(
        found(&deep.replace("\"k\":}", "\"k\":1}"), "$.a[*]", &[])
            .lines()
            .count(),
        2
    );
    assert_eq!(found(&deep[..deep.len() / 2], "$.a[*]", &[]), "Cut");
    assert!(found(&deep.replacen("}]", "]}", 1), "$.a[*]", &[]).starts_with("NotJson"));
}

fn tree() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        "[a-z\\[\\]{}\",\\\\ é]{0,6}".prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Into::into),
            proptest::collection::btree_map("[ab]", inner, 0..3)
                .prop_map(|m| m.into_iter().collect::<serde_json::Map<_, _>>().into()),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// The same as a query on a tree finds, whatever stands where, pretty or not.
    #[test]
    fn as_a_tree_would_say(tree in tree(), path in "\\$(\\.a|\\.b|\\[\\*\\]|\\[0\\]|\\[1\\]){0,4}", pretty: bool) {
        let text = if pretty { serde_json::to_string_pretty(&tree).unwrap() } else { tree.to_string() };
        let steps = Path::parse(&path).unwrap().steps().unwrap().to_vec();
        let mut wanted = vec![&tree];
        for step in &steps {
            wanted = wanted.into_iter().flat_map(|v| match (step, v) {
                (Step::Name(name), v) => v.get(name).into_iter().collect(),
                (Step::Index(index), v) => v.get(*index).into_iter().collect(),
                (Step::All, serde_json::Value::Array(items)) => items.iter().collect(),
                (Step::All, _) => Vec::new(),
            }).collect();
        }
        let found = find(text.as_bytes(), &steps, &[], None).unwrap();
        let values: Vec<serde_json::Value> = found.records.iter().map(|(r, _)| serde_json::from_str(&text[r.clone()]).unwrap()).collect();
        prop_assert_eq!(values.iter().collect::<Vec<_>>(), wanted);
    }

    /// Cut anywhere, it is cut; nothing panics on any bytes.
    #[test]
    fn no_bytes_are_too_wild(bytes in proptest::collection::vec(prop_oneof![Just(b'{'), Just(b'}'), Just(b'['), Just(b']'), Just(b'"'), Just(b','), Just(b':'), Just(b'\\'), any::<u8>()], 0..60)) {
        let steps = Path::parse("$.a[*]").unwrap().steps().unwrap().to_vec();
        let _any = find(&bytes, &steps, &[&steps[..1]], Some(&steps));
        let _any = complete(&bytes);
        let _any = first(&bytes, &steps);
    }

    #[test]
    fn what_is_cut_is_known_to_be(tree in tree().prop_filter("scalars have no end", |t| t.is_object() || t.is_array()), part in 0.0f64..1.0) {
        let text = tree.to_string();
        let at = ((text.len() as f64) * part) as usize;
        prop_assume!(at < text.len());
        prop_assert_eq!(complete(&text.as_bytes()[..at]), Err(Broken::Cut));
    }
}

#[test]
fn what_stands_beside_the_records_is_found_in_the_same_pass() {
    let probe = |body: &str, records: &str, probe: &str| {
        let path = |p: &str| Path::parse(p).unwrap().steps().unwrap().to_vec();
        match find(body.as_bytes(), &path(records), &[], Some(&path(probe)))
            .unwrap()
            .probe
        {
            Probe::At(range) => body[range].to_string(),
            other => format!("{other:?}"),
        }
    };
    let body = r#"{"meta": {"next": "x", "n": [1]}, "items": [{"next": 1}], "total": 7}"#;
    assert_eq!(probe(body, "$.items[*]", "$.meta.next"), "\"x\"");
    assert_eq!(probe(body, "$.items[*]", "$.total"), "7");
    assert_eq!(probe(body, "$.items[*]", "$.gone"), "Missing");
    assert_eq!(probe(body, "$.items[*]", "$.meta.gone"), "Missing");
    assert_eq!(probe(body, "$.items[*]", "$.items[0].next"), "Unseen");
    assert_eq!(probe("[1]", "$[*]", "$.next"), "Unseen");
}

#[test]
fn many_places_are_found_in_one_pass() {
    let body = r#"{"a": [1, {"b\u0041": 2}], "c": {"d": [3]}, "a": [4, {"bA": 5}]}"#;
    let name = |n: &str| Step::Name(n.into());
    let wanted = [
        vec![name("a"), Step::Index(1), name("bA")],
        vec![name("a"), Step::Index(0)],
        vec![name("c"), name("d")],
        vec![name("c"), name("d"), Step::Index(0)],
        vec![name("c"), name("nothing")],
        vec![],
    ];
    let found = places(body.as_bytes(), &wanted).unwrap();
    let shown: Vec<&str> = found.into_iter().map(|r| r.map_or("-", |r| &body[r])).collect();
    assert_eq!(shown, ["5", "4", "[3]", "3", "-", body]);
    let found = fields(br#"{"x": {"next": 1}, "next": "n", "t": 3}"#, &["next", "t", "u"]).unwrap();
    assert_eq!(found, [Some(27..30), Some(37..38), None]);
}
