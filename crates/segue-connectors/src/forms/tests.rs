//! What answers become, part by part.

use super::*;
use crate::json::Path;
use crate::rest::copy::{Decoder, DecoderSettings};
use crate::rest::decoder;
use segue_core::Error;
use segue_testkit::packed::{gzip, zip};

fn form(decoder: serde_json::Value, path: &str) -> Arc<Form> {
    let decoder: Decoder = serde_json::from_value(decoder).unwrap();
    Arc::new(decoder::form(Some(&decoder), &Path::parse(path).unwrap(), false).unwrap())
}

/// The parts as texts, or the error that they end with.
fn parts(form: &Arc<Form>, bytes: impl Into<Vec<u8>>, most: u64) -> Vec<String> {
    let came = match form.on_disk() {
        None => Came::Here(bytes.into().into()),
        Some(_) => {
            let folder = tempfile::tempdir().unwrap();
            let mut file = Spooled::begin(folder.path()).unwrap();
            file.add(&bytes.into()).unwrap();
            Came::OnDisk(Arc::new(file))
        }
    };
    let mut all = Vec::new();
    let error = |e: Error| format!("{}: {}", e.kind(), e.message());
    match form.parts(came, most) {
        Err(e) => all.push(error(e)),
        Ok(mut parts) => loop {
            match parts.next_part() {
                Ok(Some((part, _))) => all.push(String::from_utf8_lossy(&part.bytes).into_owned()),
                Ok(None) => break,
                Err(e) => {
                    all.push(error(e));
                    break;
                }
            }
        },
    }
    all
}

#[test]
fn the_largest_answer_is_a_size() {
    assert_eq!(DecoderSettings::default().max_size.bytes(), 16 << 30);
}

#[test]
fn lines_are_a_list_and_a_broken_one_spoils_no_other() {
    let lines = form(serde_json::json!("json_lines"), "$[*]");
    let all = parts(&lines, "\u{feff}{\"a\":1}\r\n\n{\"a\":\n[2]\n\"x\" y\n{\"a\":3}", 1000);
    assert_eq!(all, [r#"[{"a":1},"{\"a\":",[2],"\"x\" y",{"a":3}]"#]);
    assert_eq!(parts(&lines, "", 1000), ["[]"]);
    assert_eq!(
        parts(&lines, "{\"a\":1}\n{\"a\":", 1000),
        ["unavailable: the answer was cut off in its last line"]
    );
    let stream = form(serde_json::json!({ "format": "json_lines", "stream": true }), "$[*]");
    assert_eq!(
        parts(&stream, "[1]\n[1234567890]\n", 10),
        ["bad_data: a line of the answer is larger than is read at once"]
    );
}

#[test]
fn tables_are_objects_of_texts() {
    let csv = form(serde_json::json!("csv"), "$[*]");
    let all = parts(&csv, "\u{feff}id,name\n1,\"a, \"\"b\"\"\"\n2,\n3,NA,4\n", 1000);
    assert_eq!(
        all,
        [r#"[{"id":"1","name":"a, \"b\""},{"id":"2","name":null},"3,NA,4"]"#]
    );
    assert_eq!(parts(&csv, "id,name\n", 1000), ["[]"]);
    assert_eq!(parts(&csv, "", 1000), ["bad_data: the table has no header"]);
    assert_eq!(
        parts(&csv, "a,a\n", 1000),
        ["bad_data: the table has the column \"a\" twice"]
    );
    let other = form(
        serde_json::json!({ "format": "csv", "delimiter": ";", "header": false }),
        "$[*]",
    );
    assert_eq!(
        parts(&other, "1;x\n2;y", 1000),
        [r#"[{"column_1":"1","column_2":"x"},{"column_1":"2","column_2":"y"}]"#]
    );
    // A quote that never closes does not fill the memory.
    let endless = format!("a\n\"{}", "x".repeat(1 << 20));
    assert_eq!(
        parts(&csv, endless, 1000),
        ["bad_data: the answer is larger, unpacked, than is read"]
    );
}

#[test]
fn elements_are_objects_lists_and_texts() {
    let xml = form(
        serde_json::json!({ "format": "xml", "lists": ["tag"] }),
        "$.feed.entry[*]",
    );
    let document = r#"<?xml version="1.0"?><!-- x --><a:feed xmlns:a="urn:a" n="2">
        <a:entry id="1"><name>A &amp; &#66;</name><tag>x</tag><none/></a:entry>
        <a:entry id="2"><name lang="de">C</name><name>D</name><raw><![CDATA[<b>]]></raw></a:entry>
    </a:feed>"#;
    let all = parts(&xml, document, 10_000);
    let wanted = serde_json::json!({ "feed": { "@n": "2", "entry": [
        { "@id": "1", "name": "A & B", "tag": ["x"], "none": null },
        { "@id": "2", "name": [{ "@lang": "de", "#text": "C" }, "D"], "raw": "<b>" },
    ] } });
    assert_eq!(serde_json::from_str::<serde_json::Value>(&all[0]).unwrap(), wanted);
    for (document, said) in [
        ("<a><b></a>", "bad_data: the answer is no XML"),
        ("<a><b>", "unavailable: the answer was cut off"),
        (
            "{}",
            "bad_data: the answer is no XML: there is text outside of its root",
        ),
        ("<a/><b/>", "bad_data: the answer has two roots"),
        (
            "<!DOCTYPE a [<!ENTITY b \"bbbb\">]><a>&b;</a>",
            "bad_data: the answer has the entity `&b;`, which is not filled in",
        ),
        ("", "bad_data: the answer is empty, and no XML"),
    ] {
        let all = parts(&xml, document, 10_000);
        assert!(all[0].starts_with(said), "{document}: {all:?}");
    }
    let deep = "<a>".repeat(1000);
    assert!(parts(&xml, deep, 10_000)[0].contains("64 elements in each other"));
}

#[test]
fn what_is_packed_is_unpacked_whatever_it_is_called() {
    let json = form(serde_json::json!("json"), "$[*]");
    assert_eq!(parts(&json, gzip(b"[1,2]"), 100), ["[1,2]"]);
    let two = [gzip(b"[1,"), gzip(b"2]")].concat();
    assert_eq!(parts(&json, two, 100), ["[1,2]"], "written one after the other");
    for packed in [true, false] {
        let files: [(&str, &[u8]); 3] = [("a.json", b"[1]"), ("b/", b""), ("b/c.json", b"[2]")];
        assert_eq!(parts(&json, zip(&files, packed), 100), ["[1]", "[2]"]);
        let some = form(serde_json::json!({ "member": "b/*" }), "$[*]");
        assert_eq!(parts(&some, zip(&files, packed), 100), ["[2]"]);
        let none = form(serde_json::json!({ "member": "*.csv" }), "$[*]");
        assert_eq!(
            parts(&none, zip(&files, packed), 100),
            ["bad_data: no file of the zip is like `*.csv`"]
        );
    }
}

#[test]
fn what_is_cut_damaged_or_a_bomb_is_no_answer() {
    let json = form(serde_json::json!("json"), "$[*]");
    let text: String = (0..10_000).map(|n| format!("{},", n * 7919)).collect();
    let text = format!("[{}0]", text);
    let whole = gzip(text.as_bytes());
    for cut in [3, 12, whole.len() / 2, whole.len() - 1] {
        assert_eq!(
            parts(&json, &whole[..cut], 1 << 20),
            ["unavailable: the packed answer was cut off"],
            "{cut}"
        );
    }
    let mut damaged = whole.clone();
    let middle = damaged.len() / 2;
    damaged[middle..middle + 64].fill(0xff);
    assert!(parts(&json, damaged, 1 << 20)[0].starts_with("unavailable: the packed answer"));
    let files: [(&str, &[u8]); 1] = [("a.json", text.as_bytes())];
    let whole = zip(&files, true);
    assert_eq!(
        parts(&json, &whole[..whole.len() / 2], 1 << 20),
        ["unavailable: the packed answer was cut off"]
    );
    let mut damaged = whole.clone();
    damaged[200] ^= 0xff;
    assert!(parts(&json, damaged, 1 << 20)[0].starts_with("unavailable: the packed answer is damaged"));
    let mut encrypted = zip(&files, false);
    let list = encrypted.windows(4).rposition(|w| w == b"PK\x01\x02").unwrap();
    encrypted[list + 8] |= 1;
    assert_eq!(parts(&json, encrypted, 1 << 20), ["bad_data: the zip is encrypted"]);
    // A thousandth of its size, and larger than is read: in one file, or in several together.
    let bomb = gzip(&vec![b'0'; 4 << 20]);
    assert!(bomb.len() < 8 << 10);
    assert_eq!(
        parts(&json, bomb, 1 << 20),
        ["bad_data: the answer is larger, unpacked, than is read"]
    );
    let half = vec![b' '; 700 << 10];
    let files: [(&str, &[u8]); 2] = [("a", &half), ("b", &half)];
    assert_eq!(
        parts(&json, zip(&files, true), 1 << 20).last().unwrap(),
        "bad_data: the answer is larger, unpacked, than is read"
    );
}

/// The records of all parts together, and what the last part has around them.
fn joined(all: &[String], path: &str) -> (Vec<serde_json::Value>, serde_json::Value) {
    let path = serde_json_path::JsonPath::parse(path).unwrap();
    let trees: Vec<serde_json::Value> = all.iter().map(|p| serde_json::from_str(p).unwrap()).collect();
    let records = trees
        .iter()
        .flat_map(|t| path.query(t).all().into_iter().cloned().collect::<Vec<_>>());
    (records.collect(), trees.last().cloned().unwrap_or_default())
}

#[test]
fn a_large_answer_is_cut_between_its_records() {
    let record = |n: u64| serde_json::json!({ "id": n, "text": format!("}} ] \\\" {}", "x".repeat(2000)), "in": [{ "a": [1, 2] }, "]"] });
    let records: Vec<_> = (0..2000).map(record).collect();
    let answer = serde_json::json!({ "meta": { "items": "[not these]" }, "data": { "first": [1], "items": records }, "next": "n1" });
    let stream = form(serde_json::json!({ "stream": true }), "$.data.items[*]");
    for bytes in [
        answer.to_string().into_bytes(),
        gzip(serde_json::to_string_pretty(&answer).unwrap().as_bytes()),
    ] {
        let all = parts(&stream, bytes, 64 << 10);
        assert!(all.len() > 3 && all.iter().all(|p| p.len() < 2 << 20), "{}", all.len());
        let (found, last) = joined(&all, "$.data.items[*]");
        assert_eq!(found, records);
        assert_eq!(last["next"], "n1");
        assert_eq!(last["meta"]["items"], "[not these]");
    }
    let top = form(serde_json::json!({ "stream": true }), "$[*]");
    for text in ["[]", "[1]", " [ 1 , 2 ] ", "[[1],[2,3]]"] {
        let all = parts(&top, text, 100);
        let whole: serde_json::Value = serde_json::from_str(text).unwrap();
        assert_eq!(joined(&all, "$[*]").0, *whole.as_array().unwrap(), "{text}");
    }
}

#[test]
fn of_a_large_answer_no_more_is_held_than_may_be() {
    let stream = form(serde_json::json!({ "stream": true }), "$.items[*]");
    let said = |text: String| parts(&stream, text, 1000).pop().unwrap();
    let (long, short) = ("x".repeat(2000), "{\"items\":[1,2");
    assert_eq!(said(short.into()), "unavailable: the answer was cut off");
    assert_eq!(
        said(format!("{{\"items\":[\"{long}")),
        "bad_data: a text of the answer is larger than is read at once"
    );
    assert_eq!(
        said(format!("{{\"items\":[[{}", "1,".repeat(1000))),
        "bad_data: a record of the answer is larger than is read at once"
    );
    assert_eq!(
        said(format!("{{\"a\":[{}", "1,".repeat(1000))),
        "bad_data: what stands before the records is larger than is read at once"
    );
    assert_eq!(
        said(format!("{{\"items\":[1],\"a\":\"{long}")),
        "bad_data: what stands around the records is larger than is read at once"
    );
    // Whoever looks for the records says what is wrong with these.
    for text in [
        "{\"error\":1}",
        "{\"items\":{}}",
        "<html>",
        "{\"items\":[1}}",
        "{\"items\" [1]}",
    ] {
        assert_eq!(said(text.into()), text);
    }
    let small = form(serde_json::json!({ "stream": true, "max_size": "1KB" }), "$.items[*]");
    let text = format!("{{\"items\":[{}1]}}", "1,".repeat(1000));
    assert_eq!(
        parts(&small, text, 1000),
        ["bad_data: the answer is larger, unpacked, than is read"]
    );
}

#[test]
fn lines_and_tables_come_in_parts_too() {
    let rows: String = (0..30_000).map(|n| format!("{n},{}\n", "x".repeat(60))).collect();
    let csv = form(serde_json::json!({ "format": "csv", "stream": true }), "$[*]");
    let all = parts(&csv, format!("id,text\n{rows}"), 1000);
    assert!(all.len() > 2, "{}", all.len());
    let (found, _) = joined(&all, "$[*].id");
    let numbers: Vec<String> = (0..30_000).map(|n| n.to_string()).collect();
    assert!(
        found
            .iter()
            .filter_map(|id| id.as_str())
            .eq(numbers.iter().map(String::as_str))
    );
    let lines: String = (0..30_000)
        .map(|n| format!("{{\"id\":{n},\"text\":\"{}\"}}\n", "x".repeat(60)))
        .collect();
    let json = form(serde_json::json!({ "format": "json_lines", "stream": true }), "$[*]");
    let all = parts(&json, gzip(lines.as_bytes()), 1000);
    assert!(all.len() > 2, "{}", all.len());
    assert_eq!(joined(&all, "$[*].id").0.len(), 30_000);
}

#[test]
fn what_does_not_go_together_is_said() {
    let said = |decoder: serde_json::Value, path: &str, has_parents| {
        let decoder: Decoder = serde_json::from_value(decoder).unwrap();
        let made = decoder::form(Some(&decoder), &Path::parse(path).unwrap(), has_parents);
        made.err().map(|e| e.message().to_string()).unwrap_or_default()
    };
    let all = [
        said(serde_json::json!({ "stream": true }), "$.items[*].rows[*]", false),
        said(serde_json::json!({ "stream": true }), "$.items[*]", true),
        said(
            serde_json::json!({ "stream": true, "format": "xml" }),
            "$.items[*]",
            false,
        ),
        said(serde_json::json!({ "format": "csv", "delimiter": "ab" }), "$[*]", false),
        said(serde_json::json!({ "member": "[" }), "$[*]", false),
    ];
    assert_eq!(
        all,
        [
            "`decoder.stream` wants records in one list, without `parent`",
            "`decoder.stream` wants records in one list, without `parent`",
            "`decoder.stream` does not go with `format: xml`",
            "`decoder.delimiter` is not one character of ASCII",
            "`decoder.member` cannot be read",
        ]
    );
}
