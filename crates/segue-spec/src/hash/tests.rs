use super::{data_hash, definition, mapping_hash, metadata_hash, request_hash};
use crate::check::tests::{lines, run, shop};
use crate::model::Asset;
use insta::assert_snapshot;

const COPY: &str = "asset: raw.x
description: d
copy:
  from: api
  for_each: { sql: \"select id from raw.stores\" }
  request: { get: \"/x/{{ each.id }}\", query: { m: US } }
  records: $.items[*]
  columns:
    store: { value: \"{{ each.id }}\", type: string }
    id: { type: string, required: true }
  slice: [store]
write: { mode: replace, key: [store, id] }
";

const SQL: &str = "/* asset: raw.x
   range: { by: day, input: raw.orders.created_at, output: day, start: 2024-01-01 } */
select created_at as day, store, amount -- each
from raw.orders where created_at >= $from and created_at < $to
";

fn asset(path: &'static str, text: &str) -> Asset {
    let mut files: Vec<(&str, &str)> = shop();
    files.push((path, text));
    let (project, found, files) = run(&files);
    assert_eq!(lines(&found, &files), "");
    project.unwrap().assets[&"raw.x".parse().unwrap()].clone()
}

fn copy(text: &str) -> Asset {
    asset("assets/x.yaml", text)
}

fn sql(text: &str) -> Asset {
    asset("assets/x.sql", text)
}

/// Which of the hashes differ.
fn change(one: &Asset, other: &Asset) -> String {
    let differ = [
        ("data", data_hash(one) != data_hash(other)),
        ("metadata", metadata_hash(one) != metadata_hash(other)),
        ("request", request_hash(one) != request_hash(other)),
        ("mapping", mapping_hash(one) != mapping_hash(other)),
    ];
    differ
        .iter()
        .filter(|(_, d)| *d)
        .map(|(n, _)| *n)
        .collect::<Vec<_>>()
        .join(" ")
}

#[test]
fn golden() {
    let (copy, sql) = (copy(COPY), sql(SQL));
    assert_snapshot!(format!("{}\n{:?}\n{:?}", data_hash(&copy), request_hash(&copy), mapping_hash(&copy)), @r#"
    1:8025ef18acf5f8e817b58df19f5fedc46efce6a3ec5e8e03a9b427b9d1126ede
    Some("1:53748cdca3c4f6efd8622cea4be0d1b2b8ded76e231b166d336eef1b7988258f")
    Some("1:737346918a256e7d4b07de6923b2f4b12a487f40324e7ab2088a3adeaf641b72")
    "#);
    assert_snapshot!(format!("{}\n{:?}", data_hash(&sql), request_hash(&sql)), @r#"
    1:c29d81565eea87c2d7f7af639b7575f4ccf00ab21f42b6c9aad019a3b7cab530
    None
    "#);
    assert_snapshot!(serde_json::to_string_pretty(&definition(&sql)).unwrap(), @r#"
    {
      "how": {
        "sql": [
          "select",
          "created_at",
          "as",
          "day",
          ",",
          "store",
          ",",
          "amount",
          "from",
          "raw",
          ".",
          "orders",
          "where",
          "created_at",
          ">=",
          "$from",
          "and",
          "created_at",
          "<",
          "$to"
        ]
      },
      "name": "raw.x",
      "params": {},
      "range": {
        "by": "day",
        "input": "raw.orders.created_at",
        "output": "day"
      },
      "start": "2024-01-01T00:00:00",
      "write": {
        "key": [],
        "mode": "replace"
      }
    }
    "#);
    assert_snapshot!(definition(&copy), @r#"{"column_order":["store","id"],"for_each":{"sql":{"reads":["raw.stores"],"sql":"select id from raw.stores"}},"how":{"copy":{"mapping":{"columns":{"id":{"required":true,"type":"string"},"store":{"required":false,"type":"string","value":"{{ each.id }}"}},"settings":{"records":"$.items[*]"},"slice":["store"]},"request":{"from":{"connection":"api"},"settings":{"request":{"get":"/x/{{ each.id }}","query":{"m":"US"}}}}}},"name":"raw.x","params":{},"write":{"key":["store","id"],"mode":"replace"}}"#);
}

#[test]
fn what_decides_the_rows_of_a_copy() {
    let was = copy(COPY);
    let report = |from: &str, to: &str| {
        assert!(COPY.contains(from), "{from}");
        format!("{from} -> {to}: {}", change(&was, &copy(&COPY.replace(from, to))))
    };
    let all = [
        report("query: { m: US }", "query: { m: KR }"),
        report("$.items[*]", "$.tracks[*]"),
        report(
            "id: { type: string, required: true }",
            "id: { type: uuid, required: true }",
        ),
        report(
            "id: { type: string, required: true }",
            "id: { type: string, required: true, description: d }",
        ),
        report(
            "    store: { value: \"{{ each.id }}\", type: string }\n    id: { type: string, required: true }\n",
            "    id: { type: string, required: true }\n    store: { value: \"{{ each.id }}\", type: string }\n",
        ),
        report("key: [store, id]", "key: [id]"),
        report("mode: replace", "mode: merge"),
        report(
            "select id from raw.stores",
            "select id from raw.stores where city = 'x'",
        ),
        report("description: d", "description: e"),
        report("description: d", "fresh: 1d"),
        report("description: d", "max_parked: 50%"),
        report("description: d", "checks: [ { not_null: id } ]"),
        report("description: d", "find: { id: id, name: store }"),
        report("  records:", "  keep_raw: 30d\n  records:"),
        report("  records:", "  errors: [ { status: 403, then: closed } ]\n  records:"),
    ];
    assert_snapshot!(all.join("\n"), @r#"
    query: { m: US } -> query: { m: KR }: data metadata request
    $.items[*] -> $.tracks[*]: data metadata mapping
    id: { type: string, required: true } -> id: { type: uuid, required: true }: data metadata mapping
    id: { type: string, required: true } -> id: { type: string, required: true, description: d }: metadata
        store: { value: "{{ each.id }}", type: string }
        id: { type: string, required: true }
     ->     id: { type: string, required: true }
        store: { value: "{{ each.id }}", type: string }
    : metadata
    key: [store, id] -> key: [id]: data metadata
    mode: replace -> mode: merge: data metadata
    select id from raw.stores -> select id from raw.stores where city = 'x': metadata
    description: d -> description: e: metadata
    description: d -> fresh: 1d: metadata
    description: d -> max_parked: 50%: metadata
    description: d -> checks: [ { not_null: id } ]: metadata
    description: d -> find: { id: id, name: store }: metadata
      records: ->   keep_raw: 30d
      records:: metadata
      records: ->   errors: [ { status: 403, then: closed } ]
      records:: data metadata request
    "#);
}

#[test]
fn what_decides_the_rows_of_a_query() {
    let was = sql(SQL);
    let report = |from: &str, to: &str| {
        assert!(SQL.contains(from), "{from}");
        format!("{from} -> {to}: {}", change(&was, &sql(&SQL.replace(from, to))))
    };
    let all = [
        report("-- each", "/* comment */"),
        report("select created_at", "SELECT\n  Created_At"),
        report("store, amount", "amount, store"),
        report("by: day", "by: week"),
        report("start: 2024-01-01", "start: 2023-01-01"),
        report("start: 2024-01-01", "start: 2024-01-01, lookback: 2"),
        report(" */", "\n   owner: me */"),
    ];
    assert_snapshot!(all.join("\n"), @r#"
    -- each -> /* comment */: metadata
    select created_at -> SELECT
      Created_At: metadata
    store, amount -> amount, store: data metadata
    by: day -> by: week: data metadata
    start: 2024-01-01 -> start: 2023-01-01: metadata
    start: 2024-01-01 -> start: 2024-01-01, lookback: 2: metadata
     */ -> 
       owner: me */: metadata
    "#);
}
