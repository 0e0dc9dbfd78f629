//! A test a row of the design's table of changes.

use super::*;
use segue_spec::{ConnectorSchema, Files};
use serde_json::json;

const COPY: &str = "asset: raw.t
description: first
copy:
  from: api
  request: { get: /a }
  columns:
    id: { type: string, required: true }
    n: { type: int32 }
write: { mode: MODE, key: [id] }
";

const SQL: &str = "/* asset: raw.t
   range: { by: day, input: raw.o.at, output: day, start: 2024-01-10 } */
select date_trunc('day', at) as day, count(*) as n from raw.o where at >= $from and at < $to group by 1";

fn definition(file: &str, text: &str) -> Definition {
    let input = "asset: raw.o\ncopy: { from: api, columns: { id: { type: string }, at: { type: timestamp }, other: { type: timestamp } } }\n";
    let files: Files = [
        ("segue.yaml", "format: 1\nproject: test\n"),
        ("connections/api.yaml", "connection: api\nkind: rest\n"),
        ("assets/raw/o.yaml", input),
        (file, text),
    ]
    .into_iter()
    .collect();
    let any = json!({ "type": "object", "properties": {} });
    let copy = json!({ "type": "object", "properties": { "request": {}, "records": {} } });
    let (project, mistakes) = segue_spec::check(
        &files,
        &[ConnectorSchema {
            kind: "rest",
            connection: any,
            copy,
            into: None,
        }],
    );
    let errors: Vec<&str> = mistakes
        .iter()
        .filter(|m| m.severity == segue_diag::Severity::Error)
        .map(|m| m.message.as_str())
        .collect();
    assert!(errors.is_empty(), "{errors:?}");
    let project = project.unwrap();
    let asset = project.assets.values().find(|a| a.place.file == file).unwrap();
    Definition::of(asset, &project.timezone)
}

/// The class, what is done about it, and what is otherwise.
fn told(change: &DefinitionChange) -> String {
    let what: Vec<&str> = change.differences.iter().map(|d| d.what.as_str()).collect();
    let class = change.class.map_or("none".into(), |c| c.to_string());
    let mapping = if change.is_mapping_alone { ", mapping alone" } else { "" };
    format!("{class}, {:?}{mapping}: {}", change.action, what.join("; "))
}

fn copy(mode: &str, from: &str, to: &str) -> String {
    let old = COPY.replace("MODE", mode);
    assert!(old.contains(from), "the definition has no `{from}`");
    let (old, new) = (
        definition("assets/raw/t.yaml", &old),
        definition("assets/raw/t.yaml", &old.replace(from, to)),
    );
    told(&classify(&old, &new))
}

fn sql(from: &str, to: &str) -> String {
    assert!(SQL.contains(from), "the definition has no `{from}`");
    let file = "assets/raw/t.sql";
    told(&classify(
        &definition(file, SQL),
        &definition(file, &SQL.replace(from, to)),
    ))
}

#[test]
fn nothing_changed() {
    insta::assert_snapshot!(copy("merge", "first", "first"), @"none, Nothing: ");
}

#[test]
fn words_and_checks_are_metadata() {
    insta::assert_snapshot!(copy("merge", "first", "second"), @"metadata, Nothing: the description");
    insta::assert_snapshot!(copy("merge", "write:", "owner: me\ntags: [x]\nchecks: [ { not_null: n } ]\nwrite:"), @"metadata, Nothing: the owner; the tags; the checks");
    insta::assert_snapshot!(copy("replace", "write:", "fresh: 1d\nwrite:"), @"metadata, Nothing: how fresh it must be");
    insta::assert_snapshot!(sql("select date_trunc", "-- why\nSELECT  date_trunc"), @"none, Nothing: ");
}

#[test]
fn a_threshold_of_a_check_is_metadata() {
    let checked = |most: &str| {
        let text =
            COPY.replace("MODE", "merge") + &format!("checks: [ {{ between: {{ column: n, max: {most} }} }} ]\n");
        definition("assets/raw/t.yaml", &text)
    };
    insta::assert_snapshot!(told(&classify(&checked("10"), &checked("20"))), @"metadata, Nothing: the checks");
}

// A new asset is additive, and a removed one is told as breaking: they have no two definitions, and their tests are the plan's.

#[test]
fn a_rename_is_metadata() {
    insta::assert_snapshot!(copy("replace", "asset: raw.t", "asset: raw.u\nrenamed_from: raw.t"), @"metadata, Nothing: the name: raw.t becomes raw.u");
}

#[test]
fn a_new_nullable_column_is_additive_and_a_replace_computes_it() {
    let new = |mode| {
        copy(
            mode,
            "n: { type: int32 }",
            "n: { type: int32 }\n    more: { type: string }",
        )
    };
    insta::assert_snapshot!(new("merge"), @"additive, Mark, mapping alone: column more is new");
    insta::assert_snapshot!(new("append"), @"additive, Mark, mapping alone: column more is new");
    insta::assert_snapshot!(new("replace"), @"additive, Recompute, mapping alone: column more is new");
}

#[test]
fn a_widened_type_is_additive() {
    insta::assert_snapshot!(copy("merge", "int32", "int64"), @"additive, Mark, mapping alone: column n: int32 becomes int64");
    insta::assert_snapshot!(copy("replace", "int32", "int64"), @"additive, Recompute, mapping alone: column n: int32 becomes int64");
}

#[test]
fn an_earlier_start_is_additive_and_computes_what_is_missing_alone() {
    insta::assert_snapshot!(sql("start: 2024-01-10", "start: 2024-01-01"), @"additive, Nothing: it starts earlier: 2024-01-10T00:00:00 becomes 2024-01-01T00:00:00");
}

#[test]
fn another_request_or_sql_recomputes_and_what_is_kept_is_rebuilt() {
    insta::assert_snapshot!(copy("replace", "get: /a", "get: /b"), @"recompute, Recompute: the request");
    insta::assert_snapshot!(copy("merge", "get: /a", "get: /b"), @"recompute, Rebuild: the request");
    insta::assert_snapshot!(copy("append", "get: /a", "get: /b"), @"recompute, Rebuild: the request");
    insta::assert_snapshot!(sql("count(*)", "count(*) + 1"), @"recompute, Recompute: the SQL");
}

#[test]
fn another_place_of_a_column_is_a_mapping_alone() {
    insta::assert_snapshot!(copy("replace", "n: { type: int32 }", "n: { type: int32, path: m }"), @"recompute, Recompute, mapping alone: column n is taken from another place");
}

#[test]
fn a_column_removed_renamed_or_narrowed_is_breaking() {
    insta::assert_snapshot!(copy("replace", "n: { type: int32 }", "m: { type: int32 }"), @"breaking, Recompute, mapping alone: column m is new; column n is no longer there");
    insta::assert_snapshot!(copy("merge", "    n: { type: int32 }\n", ""), @"breaking, Rebuild, mapping alone: column n is no longer there");
    insta::assert_snapshot!(copy("replace", "int32", "string"), @"breaking, Recompute, mapping alone: column n: int32 becomes string");
}

#[test]
fn key_mode_and_grain_are_breaking_and_rebuilt() {
    insta::assert_snapshot!(copy("merge", "key: [id]", "key: [id, n]"), @"breaking, Rebuild: the key");
    insta::assert_snapshot!(copy("merge", "mode: merge", "mode: append"), @"breaking, Rebuild: the write mode");
    insta::assert_snapshot!(sql("by: day", "by: week"), @"breaking, Rebuild: the grain of its ranges");
}

#[test]
fn a_table_becomes_a_view_and_a_view_a_table() {
    let of = |write: &str, sql: &str| definition("assets/raw/t.sql", &format!("/* asset: raw.t{write} */\n{sql}"));
    let (view, sql) = ("\n   write: { mode: view }", "select id from raw.o");
    let told = |old: &Definition, new: &Definition| told(&classify(old, new));
    assert_eq!(
        told(&of("", sql), &of(view, sql)),
        "breaking, Nothing: it becomes a view; its table stays, unread, until `segue asset drop raw.t --table-only`"
    );
    assert_eq!(
        told(&of(view, sql), &of("", sql)),
        "breaking, Rebuild: it becomes a table, and is no longer a view"
    );
    assert_eq!(
        told(&of(view, sql), &of(view, "select id from raw.o where id > 'a'")),
        "recompute, Nothing: the SQL"
    );
    assert_eq!(
        told(&of(view, sql), &of(view, "select  id\nfrom raw.o -- all")),
        "none, Nothing: "
    );
}

#[test]
fn another_zone_is_breaking_for_what_has_ranges() {
    let old = definition("assets/raw/t.sql", SQL);
    let new = Definition {
        timezone: "Asia/Seoul".into(),
        ..old.clone()
    };
    insta::assert_snapshot!(told(&classify(&old, &new)), @"breaking, Rebuild: the zone of its ranges");
    let old = definition("assets/raw/t.yaml", &COPY.replace("MODE", "merge"));
    let new = Definition {
        timezone: "Asia/Seoul".into(),
        ..old.clone()
    };
    insta::assert_snapshot!(told(&classify(&old, &new)), @"none, Nothing: ");
}

#[test]
fn forward_only_leaves_what_is_done_as_it_is() {
    insta::assert_snapshot!(copy("merge", "get: /a }\n  columns:\n    id: { type: string, required: true }\n    n: { type: int32 }\n", "get: /b }\n  columns:\n    id: { type: string, required: true }\n    n: { type: int32 }\non_change: forward_only\n"), @"forward-only, Mark: the request");
    insta::assert_snapshot!(copy("replace", "write: { mode: replace, key: [id] }", "on_change: forward_only\nwrite: { mode: replace, key: [n] }"), @"forward-only, Mark: the key");
}

#[test]
fn a_type_that_is_no_longer_written_or_is_now_is_told() {
    insta::assert_snapshot!(copy("replace", "n: { type: int32 }", "n: {}"), @"recompute, Recompute, mapping alone: column n: its type is inferred now");
    insta::assert_snapshot!(copy("replace", "n: { type: int32 }", "n: { value: 3 }"), @"breaking, Recompute, mapping alone: column n: int32 becomes string; column n is taken from another place");
    let none = "  columns:\n    id: { type: string, required: true }\n    n: { type: int32 }\n";
    insta::assert_snapshot!(copy("replace", none, ""), @"recompute, Recompute, mapping alone: the columns are inferred now");
}
