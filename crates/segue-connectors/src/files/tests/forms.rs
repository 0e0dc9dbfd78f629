//! JSON, JSON lines and XML.

use super::*;

async fn one(name: &str, content: &str, copy: Value, columns: &[&str]) -> String {
    let mut all = json!({ "path": "*" });
    all.as_object_mut().unwrap().extend(copy.as_object().unwrap().clone());
    read_files(&[(name, content.as_bytes())], all, columns, |_| {}).await
}

#[tokio::test]
async fn a_list_of_objects_is_read_record_by_record() {
    let text = r#"[{"id": 1, "name": "에스파", "tags": ["a"]}, {"id": "two", "name": "x"}, null, {"name": "y"}, 5, {"id": 3}]"#;
    insta::assert_snapshot!(one("a.json", text, json!({}), &["id int32!", "name string", "tags list<string>"]).await, @r#"
    rejected at $.id: a.json record 2: expected int32, found "two" <- {"id": "two", "name": "x"}
    rejected at $.id: a.json record 4: required, and it is missing <- {"name": "y"}
    rejected: a.json record 5: expected an object, found a number <- 5
    [id int32, name string, tags list<string>]
    1 | 에스파 | [a]
    3 | - | -
    note 1 records of a.json are null and were passed over
    done
    "#);
}

#[tokio::test]
async fn records_stand_somewhere_in_a_document() {
    let text = r#"{"page": {"n": 1}, "data": {"items": [{"id": 1}, {"id": 2}]}, "next": null}"#;
    let mut all = Vec::new();
    for records in [
        "$.data.items[*]",
        "$.data.items[?@.id > 1]",
        "$.page",
        "$.data.items",
        "$.data.rows[*]",
        "$.page[*]",
        "$..id",
    ] {
        let said = one("a.json", text, json!({ "records": records }), &["id int32"]).await;
        all.push(format!("# {records}\n{said}"));
    }
    all.push(format!(
        "# none\n{}",
        one("a.json", text, json!({}), &["id int32"]).await
    ));
    insta::assert_snapshot!(all.join("\n"), @r"
    # $.data.items[*]
    [id int32]
    1
    2
    done
    # $.data.items[?@.id > 1]
    [id int32]
    2
    done
    # $.page
    [id int32]
    -
    done
    # $.data.items
    error bad_data[SG0313]: the file a.json has a list at `$.data.items`
    # $.data.rows[*]
    error bad_data[SG0313]: the file a.json has no `$.data.rows`
    # $.page[*]
    error bad_data[SG0313]: the file a.json has an object at `$.page`, where an array belongs
    # $..id
    rejected: a.json record 1: expected an object, found a number <- 1
    rejected: a.json record 2: expected an object, found a number <- 2
    note all rows were set aside: a.json record 1: expected an object, found a number
    done
    # none
    error bad_data[SG0313]: the file a.json is an object, and nothing says where its records are
    ");
}

#[tokio::test]
async fn a_document_that_is_broken_is_said() {
    let mut all = Vec::new();
    let deep = "[".repeat(100_000);
    for text in [
        "",
        "  \n",
        "[{\"a\":1},{\"a\"",
        "[{\"a\":1}}",
        "<html>",
        "[1,2] x",
        "\u{feff}[{\"a\":1}]",
        &deep,
    ] {
        let said = one("a.json", text, json!({}), &["a int32"]).await;
        all.push(said.lines().last().unwrap_or_default().to_string());
    }
    insta::assert_snapshot!(all.join("\n"), @r"
    error bad_data[SG0311]: the file a.json is empty, and no JSON
    error bad_data[SG0311]: the file a.json is empty, and no JSON
    error bad_data[SG0311]: the file a.json was cut off
    error bad_data[SG0311]: the file a.json is no JSON near record 1
    error bad_data[SG0311]: the file a.json is no JSON that has records
    error bad_data[SG0311]: the file a.json is no JSON near record 1
    done
    error bad_data[SG0311]: the file a.json was cut off
    ");
}

#[tokio::test]
async fn one_broken_record_spoils_no_other() {
    let lone = r#"{"a": "\ud800"}"#;
    let deep = format!("{{\"a\": {}1{}}}", "[".repeat(70), "]".repeat(70));
    let text = format!(
        "[{{\"a\": \"x\"}}, {lone}, {{\"a\": \"x\", \"a\": \"y\"}}, {{\"a\": tru}}, {deep}, {{\"a\": \"z\\u0000\"}}]"
    );
    let said = one("a.json", &text, json!({}), &["a string"]).await;
    assert!(said.contains("[a string]\nx\n"), "{said}");
    for record in [2, 3, 4, 5] {
        assert!(said.contains(&format!("a.json record {record}: ")), "{record}: {said}");
    }
    assert_eq!(said.matches("rejected").count(), 4, "{said}");
}

#[tokio::test]
async fn columns_are_found_out_and_grow() {
    let files: [(&str, &[u8]); 3] = [
        ("1.json", br#"[{"Id": 1, "at": "x", "in": {"a": 1}}]"#),
        ("2.jsonl", b"{\"Id\": 2.5, \"new\": true}\n"),
        ("3.json", b"[]"),
    ];
    let mut all = Vec::new();
    for on in [OnChange::Evolve, OnChange::Quarantine, OnChange::Freeze] {
        let change = |request: &mut ReadRequest| {
            (request.schema.on_new_column, request.schema.on_type_change) = (on, on);
        };
        all.push(format!(
            "# {on:?}\n{}",
            read_files(&files, json!({ "path": "*" }), &[], change).await
        ));
    }
    insta::assert_snapshot!(all.join("\n"), @r#"
    # Evolve
    [id int64, at string, in json]
    1 | x | {"a": 1}
    [id decimal(20,1), at string, in json, new bool]
    2.5 | - | - | true
    done
    # Quarantine
    [id int64, at string, in json]
    1 | x | {"a": 1}
    rejected at $.Id: 2.jsonl line 1: expected int64, found 2.5 (not a whole number) <- {"Id": 2.5, "new": true}
    done
    # Freeze
    [id int64, at string, in json]
    1 | x | {"a": 1}
    error bad_data[SG0303]: line 1 of 2.jsonl does not fit, and the schema is frozen: column `id`: expected int64, found 2.5 (not a whole number)
    "#);
    assert!(
        all[0].contains("[id int64, at string, in json]\n1 | x | {\"a\": 1}"),
        "{}",
        all[0]
    );
    assert!(all[0].contains("new bool]"), "{}", all[0]);
    assert!(all[1].contains("rejected") && all[1].ends_with("done"), "{}", all[1]);
    assert!(
        all[2].contains("error bad_data[SG0303]: line 1 of 2.jsonl does not fit"),
        "{}",
        all[2]
    );
}

#[tokio::test]
async fn lines_are_told_by_their_number() {
    let text = "\u{feff}{\"a\": 1}\r\n\n{\"a\": \"x\"}\n{\"a\":\nnull\n{\"a\": 2}{\n{\"a\": 3}";
    insta::assert_snapshot!(one("a.jsonl", text, json!({}), &["a int32"]).await, @r#"
    rejected: a.jsonl line 4: not JSON <- {"a":
    rejected: a.jsonl line 6: not JSON <- {"a": 2}{
    rejected at $.a: a.jsonl line 3: expected int32, found "x" <- {"a": "x"}
    [a int32]
    1
    3
    note 1 records of a.jsonl are null and were passed over
    done
    "#);
    let cut = one("a.ndjson", "{\"a\": 1}\n{\"a\": 2", json!({}), &["a int32"]).await;
    assert!(cut.contains("a.ndjson line 2: not JSON"), "{cut}");
    let bad = read_files(
        &[("a.jsonl", b"{\"a\": \"\xff\"}\n{\"a\": \"y\"}\n")],
        json!({ "path": "*" }),
        &["a string"],
        |_| {},
    )
    .await;
    assert!(bad.contains("a.jsonl line 1: not ") && bad.contains("\ny\n"), "{bad}");
    assert_eq!(one("a.jsonl", "", json!({}), &["a int32"]).await, "done");
    let broken_first = one("a.jsonl", "oops\n{\"a\": 1}\n", json!({}), &[]).await;
    assert!(
        broken_first.contains("[a int64]\n1\n"),
        "a broken line shows no column: {broken_first}"
    );
}

#[tokio::test]
async fn a_line_without_end_does_not_take_the_memory() {
    let text = format!("{{\"a\": 1}}\n{{\"a\": \"{}", "x".repeat(17 << 20));
    let said = one("a.jsonl", &text, json!({}), &["a int32"]).await;
    insta::assert_snapshot!(said.lines().last().unwrap(), @"error bad_data[SG0318]: a line of the file a.jsonl is larger than is read at once");
    let text = format!("[{{\"a\": \"{}\"}}]", "x".repeat(17 << 20));
    let said = one("a.json", &text, json!({}), &["a string"]).await;
    assert!(said.starts_with("error bad_data[SG0318]"), "{said}");
}

#[tokio::test]
async fn a_large_document_comes_in_batches() {
    let records: Vec<String> = (0..20_000)
        .map(|n| format!("{{\"id\":{n},\"text\":\"{}\"}}", "x".repeat(100)))
        .collect();
    let text = format!("{{\"n\":1,\"items\":[{}],\"end\":true}}", records.join(","));
    let said = one("a.json", &text, json!({ "records": "$.items[*]" }), &["id int64"]).await;
    assert_eq!(said.lines().filter(|l| l.parse::<u64>().is_ok()).count(), 20_000);
    assert!(said.lines().filter(|l| l.starts_with('[')).count() > 1);
    assert!(said.ends_with("19999\ndone"));
    let few = read_files(
        &[("a.json", text.as_bytes())],
        json!({ "path": "*", "records": "$.items[*]" }),
        &["id int64"],
        |request| request.limit = Some(2),
    )
    .await;
    assert_eq!(few, "[id int64]\n0\n1");
}

#[tokio::test]
async fn elements_are_records() {
    let text = r#"<?xml version="1.0"?><!DOCTYPE o><o:orders xmlns:o="urn:o" n="2"><head>skip <b/>me</head>
        <o:order id="1"><name>A &amp; B</name><n>1</n><tag>x</tag></o:order><!-- x -->
        <o:order id="2"><name lang="de">C</name><n>many</n></o:order>
        <o:order id="3"><n/><tag>x</tag><tag>y</tag></o:order></o:orders>"#;
    let copy = json!({ "records": "$.orders.order[*]", "lists": ["tag"] });
    let columns = ["id int32 @ @id", "name json", "n int32", "tag list<string>"];
    insta::assert_snapshot!(one("a.xml", text, copy.clone(), &columns).await, @r##"
    rejected at $.n: a.xml record 2: expected int32, found "many" (not a number) <- {"@id":"2","name":{"@lang":"de","#text":"C"},"n":"many"}
    [id int32, name json, n int32, tag list<string>]
    1 | "A & B" | 1 | [x]
    3 | - | - | [x, y]
    done
    "##);
    let found = one("a.xml", text, copy, &[]).await;
    assert!(found.contains("note") || found.contains("_id string"), "{found}");
}

#[tokio::test]
async fn what_is_no_xml_is_said() {
    let mut all = Vec::new();
    let huge = format!("<a><b>{}</b></a>", "x".repeat(17 << 20));
    let deep = format!("<a>{}</a>", "<b>".repeat(100));
    for (text, records) in [
        ("<a><b>1</b>", Some("$.a.b[*]")),
        ("<a><b>1</c></a>", Some("$.a.b[*]")),
        ("<a><b>&x;</b></a>", Some("$.a.b[*]")),
        ("<!DOCTYPE a [<!ENTITY x \"xxxx\">]><a><b>&x;</b></a>", Some("$.a.b[*]")),
        ("<a/><a/>", Some("$.a.b[*]")),
        ("", Some("$.a.b[*]")),
        ("{}", Some("$.a.b[*]")),
        ("<x><b>1</b></x>", Some("$.a.b[*]")),
        ("<a></a>", Some("$.a.b[*]")),
        ("<a></a>", None),
        ("<a></a>", Some("$.a.b[?@.x]")),
        (&huge, Some("$.a.b[*]")),
        (&deep, Some("$.a.b[*]")),
    ] {
        let copy = records.map_or(json!({}), |r| json!({ "records": r }));
        let said = one("a.xml", text, copy, &["a string"]).await;
        let line = said.lines().last().unwrap_or_default();
        all.push(line.split(": ill-formed").next().unwrap_or_default().to_string());
    }
    insta::assert_snapshot!(all.join("\n"), @r"
    error bad_data[SG0311]: the file a.xml was cut off
    error bad_data[SG0311]: the file a.xml is no XML at byte 7
    error bad_data[SG0311]: the file a.xml has the entity `&x;`, which is not filled in
    error bad_data[SG0311]: the file a.xml has the entity `&x;`, which is not filled in
    error bad_data[SG0311]: the file a.xml has two roots, and is no XML
    error bad_data[SG0311]: the file a.xml is empty, and no XML
    error bad_data[SG0311]: the file a.xml is no XML: there is text outside of its root
    error bad_data[SG0313]: the file a.xml has no element `a`
    done
    error invalid: nothing says which elements of a.xml are the records
    error invalid: `records` of XML is a way of names
    error bad_data[SG0318]: an element of the file a.xml is larger than is read at once
    error bad_data[SG0311]: the file a.xml has more than 64 elements in each other
    ");
    for (at, wanted) in [
        (0, "error bad_data[SG0311]: the file a.xml was cut off"),
        (1, "error bad_data[SG0311]: the file a.xml is no XML at byte "),
        (
            2,
            "error bad_data[SG0311]: the file a.xml has the entity `&x;`, which is not filled in",
        ),
        (
            3,
            "error bad_data[SG0311]: the file a.xml has the entity `&x;`, which is not filled in",
        ),
        (4, "error bad_data[SG0311]: the file a.xml has two roots, and is no XML"),
        (5, "error bad_data[SG0311]: the file a.xml is empty, and no XML"),
        (
            6,
            "error bad_data[SG0311]: the file a.xml is no XML: there is text outside of its root",
        ),
        (7, "error bad_data[SG0313]: the file a.xml has no element `a`"),
        (8, "done"),
        (9, "error invalid: nothing says which elements of a.xml are the records"),
        (10, "error invalid: `records` of XML is a way of names"),
        (
            11,
            "error bad_data[SG0318]: an element of the file a.xml is larger than is read at once",
        ),
        (
            12,
            "error bad_data[SG0311]: the file a.xml has more than 64 elements in each other",
        ),
    ] {
        assert!(all[at].starts_with(wanted), "{at}: {}", all[at]);
    }
}

#[tokio::test]
async fn other_encodings_are_read_and_what_is_no_text_goes_aside() {
    let utf16: Vec<u8> = [0xFEFFu16]
        .into_iter()
        .chain("a,b\n1,에스파\n".encode_utf16())
        .flat_map(u16::to_le_bytes)
        .collect();
    let mut broken = utf16.clone();
    broken.extend(
        ["2", ","]
            .iter()
            .flat_map(|c| c.encode_utf16())
            .flat_map(u16::to_le_bytes),
    );
    broken.extend([0x00, 0xDC]);
    broken.extend("\n".encode_utf16().flat_map(u16::to_le_bytes));
    let columns = ["a int32", "b string"];
    let copy = json!({ "path": "*" });
    insta::assert_snapshot!(read_files(&[("a.csv", &utf16)], copy.clone(), &columns, |_| {}).await, @r"
    [a int32, b string]
    1 | 에스파
    done
    ");
    let said = read_files(&[("a.csv", &broken)], copy, &columns, |_| {}).await;
    assert!(said.contains("rejected at b: a.csv line 3: not UTF-16LE"), "{said}");
    let korean = b"a,b\n1,\xbf\xa1\xbd\xba\xc6\xc4\n2,\xff\n";
    let said = read_files(
        &[("a.csv", korean)],
        json!({ "path": "*", "encoding": "euc-kr" }),
        &columns,
        |_| {},
    )
    .await;
    assert!(
        said.contains("1 | 에스파") && said.contains("line 3: not EUC-KR"),
        "{said}"
    );
    let xml = b"<?xml version='1.0' encoding='windows-1252'?><a><b><c>\xe9</c></b></a>";
    let copy = json!({ "path": "*", "records": "$.a.b[*]" });
    let said = read_files(&[("a.xml", xml)], copy, &["c string"], |_| {}).await;
    assert_eq!(said, "[c string]\né\ndone");
    let unknown = read_files(
        &[("a.csv", b"a\n")],
        json!({ "path": "*", "encoding": "klingon" }),
        &["a int32"],
        |_| {},
    )
    .await;
    assert!(unknown.starts_with("error invalid"), "{unknown}");
}

#[tokio::test]
async fn what_a_name_does_not_tell_is_said() {
    let said = one("a.dat", "a\n1\n", json!({}), &["a int32"]).await;
    assert_eq!(
        said,
        "error bad_data[SG0311]: how the file a.dat is written cannot be told from its name"
    );
    assert_eq!(
        one("a.dat", "a\n1\n", json!({ "format": "csv" }), &["a int32"]).await,
        "[a int32]\n1\ndone"
    );
    assert_eq!(
        one("a.tsv", "a\tb\n1\tx\n", json!({}), &["a int32", "b string"]).await,
        "[a int32, b string]\n1 | x\ndone"
    );
}
