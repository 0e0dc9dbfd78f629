use crate::model::Project;
use crate::{ConnectorSchema, Files, check};
use segue_diag::{Diagnostic, Text, render};
use serde_json::json;

mod chats;
mod family;
mod find;
mod fit;
mod music;
mod pages;
mod planted;
mod rules;
mod speed;

/// Schemas as the connectors hand them in, in the shapes that schemars gives them.
pub(crate) fn connectors() -> Vec<ConnectorSchema> {
    let auth = json!({ "oneOf": [
        { "type": "object", "required": ["oauth2"], "additionalProperties": false, "properties": { "oauth2": { "$ref": "#/$defs/OAuth2" } } },
        { "type": "object", "required": ["bearer"], "additionalProperties": false, "properties": { "bearer": {
            "type": "object", "required": ["token"], "properties": { "token": { "type": "string", "x-secret": true } }, "additionalProperties": false } } },
    ] });
    let oauth2 = json!({ "type": "object", "required": ["grant", "token_url", "client_id", "client_secret"], "additionalProperties": false, "properties": {
        "grant": { "oneOf": [{ "type": "string", "const": "client_credentials", "description": "Machine to machine." }] },
        "token_url": { "type": "string", "format": "url" }, "client_id": { "type": "string" },
        "client_secret": { "type": "string", "x-secret": true }, "scopes": { "type": "array", "items": { "type": "string" } } } });
    let limits = json!({ "type": "object", "additionalProperties": false, "properties": {
        "rate": { "type": ["string", "null"], "format": "rate" }, "concurrency": { "type": "integer", "format": "uint32", "minimum": 1, "maximum": 256 },
        "max_wait": { "type": "string", "format": "duration" } } });
    let paginate = json!({ "type": "object", "additionalProperties": false, "oneOf": [{ "required": ["next_link"] }, { "required": ["offset"] }], "properties": {
        "next_link": { "type": ["string", "null"], "format": "jsonpath" }, "max_pages": { "type": "integer", "minimum": 1 },
        "offset": { "type": "object", "properties": { "param": { "type": "string" }, "limit": { "type": "integer", "minimum": 1 } } } } });
    let rest = ConnectorSchema {
        kind: "rest",
        connection: json!({ "type": "object", "required": ["base_url"], "additionalProperties": false, "$defs": { "OAuth2": oauth2, "Limits": limits }, "properties": {
            "base_url": { "type": "string", "format": "url" }, "headers": { "type": "object", "additionalProperties": { "type": "string" } },
            "auth": { "anyOf": [auth, { "type": "null" }] }, "limits": { "$ref": "#/$defs/Limits" }, "timeout": { "type": "string", "format": "duration" } } }),
        copy: json!({ "type": "object", "required": ["request", "records"], "x-not-in-this-version": ["position"], "$defs": { "Paginate": paginate, "Rule": { "type": "object", "required": ["then"], "additionalProperties": false, "properties": {
                "status": { "type": "integer", "minimum": 100, "maximum": 599 }, "then": { "type": "string", "enum": ["closed", "ignore", "fail", "retry", "park", "quarantine"] } } } },
            "properties": {
            "request": { "type": "object", "required": ["get"], "additionalProperties": false, "properties": {
                "get": { "type": "string", "format": "template" }, "query": { "type": "object", "additionalProperties": { "type": ["string", "number", "boolean"] } } } },
            "paginate": { "anyOf": [{ "$ref": "#/$defs/Paginate" }, { "type": "null" }] },
            "records": { "anyOf": [{ "type": "string", "format": "jsonpath" }, { "type": "object", "required": ["path"], "properties": {
                "path": { "type": "string", "format": "jsonpath" }, "parent": { "type": "object", "additionalProperties": { "type": "string", "format": "jsonpath" } },
                "pick": { "type": "object", "required": ["where"], "properties": { "where": { "type": "string", "format": "expression" }, "first": { "type": "integer", "minimum": 1 }, "none": { "type": "string", "enum": ["quarantine", "ignore"] } } } } }] },
            "errors": { "type": "array", "items": { "$ref": "#/$defs/Rule" } } } }),
        into: None,
    };
    let sqlite = ConnectorSchema {
        kind: "sqlite",
        connection: json!({ "type": "object", "required": ["path"], "properties": { "path": { "type": "string" } } }),
        copy: json!({ "type": "object" }),
        into: Some(json!({ "type": "object", "properties": {} })),
    };
    let files = ConnectorSchema {
        kind: "files",
        connection: json!({ "type": "object" }),
        copy: json!({ "type": "object", "required": ["path"], "x-not-in-this-version": ["nested"], "properties": { "path": { "type": "string" }, "format": { "type": "string", "enum": ["csv"] },
            "header": { "type": "boolean" }, "delimiter": { "type": "string", "minLength": 1, "maxLength": 1 }, "quote": { "type": "string" } } }),
        into: None,
    };
    vec![rest, sqlite, files]
}

/// A small project with nothing wrong in it.
pub(crate) fn shop() -> Vec<(&'static str, &'static str)> {
    vec![
        ("segue.yaml", "format: 1\nproject: shop\n"),
        (
            "connections/api.yaml",
            "connection: api\nkind: rest\nbase_url: https://api.example.com\n",
        ),
        (
            "connections/out.yaml",
            "connection: out\nkind: sqlite\npath: ./out.db\n",
        ),
        (
            "assets/raw/stores.yaml",
            "asset: raw.stores\ncopy:\n  from: files\n  path: data/stores.csv\n  columns:\n    id: { type: string }\n    city: { type: string }\n",
        ),
        (
            "assets/raw/orders.yaml",
            concat!(
                "asset: raw.orders\ncopy:\n  from: api\n  request: { get: /orders }\n  records: $.items[*]\n  columns:\n    id: { type: string, required: true }\n",
                "    store: { type: string }\n    amount: { type: \"decimal(10,2)\" }\n    created_at: { type: timestamp }\nwrite: { mode: replace, key: [id] }\n"
            ),
        ),
        (
            "assets/sales/daily.sql",
            concat!(
                "/* asset: sales.daily\n   range: { by: day, input: raw.orders.created_at, output: day, start: 2024-01-01 } */\n",
                "select date_trunc('day', created_at) as day, store, sum(amount) as total\nfrom raw.orders where created_at >= $from and created_at < $to group by 1, 2\n"
            ),
        ),
        (
            "assets/out/totals.yaml",
            "asset: out.totals\ncopy: { from: lake, table: sales.daily }\ninto: { connection: out, table: totals }\nwrite: { mode: replace, key: [day, store] }\n",
        ),
    ]
}

pub(crate) fn run(files: &[(&str, &str)]) -> (Option<Project>, Vec<Diagnostic>, Files) {
    let files: Files = files.iter().map(|(p, t)| (*p, t.as_bytes())).collect();
    let (project, found) = check(&files, &connectors());
    (project, found, files)
}

/// The mistakes of the shop with one file more (or another text for one), a line each: place, code, words, hint.
pub(crate) fn with(path: &'static str, text: &str) -> String {
    let mut files: Vec<(&str, &str)> = shop().into_iter().filter(|(p, _)| *p != path).collect();
    files.push((path, text));
    let (_, found, files) = run(&files);
    lines(&found, &files)
}

pub(crate) fn lines(found: &[Diagnostic], files: &Files) -> String {
    let one = |d: &Diagnostic| {
        let place = d.span.as_ref().map_or("-".to_string(), |s| {
            let text = files.text(&s.file).unwrap_or("");
            let line = text[..s.bytes.start.min(text.len())].matches('\n').count() + 1;
            let part = text.get(s.bytes.clone()).unwrap_or("?").replace('\n', "\\n");
            format!("{}:{line} `{part}`", s.file)
        });
        let hint = d.hint.as_ref().map_or(String::new(), |h| format!(" — {h}"));
        format!("{} {place}: {}{hint}", d.code, d.message)
    };
    found.iter().map(one).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_right_project_has_no_mistakes() {
    let (project, found, files) = run(&shop());
    assert_eq!(lines(&found, &files), "");
    let project = project.unwrap();
    let names: Vec<String> = project.assets.keys().map(|n| n.to_string()).collect();
    assert_eq!(names, ["out.totals", "raw.orders", "raw.stores", "sales.daily"]);
    let again: Project = serde_json::from_value(serde_json::to_value(&project).unwrap()).unwrap();
    assert_eq!(again, project);
}

#[test]
fn a_mistake_is_drawn() {
    let mut files = shop();
    files.push(("assets/x.sql", "/* asset: x.y */\nselect id, citty\nfrom raw.stores\n"));
    let (_, found, files) = run(&files);
    insta::assert_snapshot!(render(&found[0], &files, false), @r#"
    error[SG0204]: there is no column `citty`
     --> assets/x.sql:2:12
      |
    2 | select id, citty
      |            ^^^^^
      |
      = hint: did you mean `city`?
    "#);
}

#[test]
fn a_written_secret_is_not_drawn() {
    let mut files = shop();
    files[1].1 =
        "connection: api\nkind: rest\nbase_url: https://api.example.com\nauth: { bearer: { token: hunter2 } }\n";
    let (_, found, files) = run(&files);
    let drawn: String = found.iter().map(|d| render(d, &files, false)).collect();
    insta::assert_snapshot!(drawn, @r#"
    error[SG0117]: `token` is a secret, and is written out
     --> connections/api.yaml:4:26
      |
    4 | auth: { bearer: { token: ******* } }
      |                          ^^^^^^^
      |
      = hint: write `${secret:NAME}` and keep the value in the environment, in `.env` or in `secrets/NAME`
    "#);
    assert!(!drawn.contains("hunter2"));
}
