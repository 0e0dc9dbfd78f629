use crate::engine::tests::{asked_with, bench_with};
use crate::find::tests::{Version, by, rows};
use crate::{FindBy, NameOptions};
use segue_core::engine::{Engine, Param, Query, Relation, TableKey};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;

const ARTISTS: &str = "
    1 aespa | 에스파 = 80
    2 Nirvana = 30
    3 Nirvana = 82
    4 The Beatles | 비틀즈
";

/// A question about artists, who are found by name, and their songs, which are not.
fn query(sql: &str) -> Query {
    let mut tables: BTreeMap<TableKey, Arc<dyn Relation>> = BTreeMap::new();
    tables.insert(TableKey::new("raw", "artists"), Version::of(rows(ARTISTS), None));
    tables.insert(TableKey::new("raw", "songs"), Version::of(rows("1 Drama"), None));
    Query {
        sql: sql.to_string(),
        params: BTreeMap::from([
            ("text".to_string(), Param::Value(json!("The Beatels"))),
            ("nothing".to_string(), Param::Value(json!(null))),
            ("table".to_string(), Param::Value(json!("raw.artists"))),
        ]),
        tables,
        timezone: "UTC".to_string(),
    }
}

async fn asked(sql: &str) -> String {
    let find: BTreeMap<TableKey, FindBy> = BTreeMap::from([(TableKey::new("raw", "artists"), by())]);
    let bench = bench_with(NameOptions {
        folder: None,
        tables: find,
    });
    asked_with(&bench, &query(sql)).await
}

#[tokio::test]
async fn names_are_looked_up_in_sql() {
    insta::assert_snapshot!(asked("select * from resolve('에스파', 'raw.artists')").await, @r"
     id | name  | alias  | reason | score | popularity | sure
    ----+-------+--------+--------+-------+------------+------
      1 | aespa | 에스파 | same   |   1.0 |       80.0 | true
    (1 row)
    ");
    insta::assert_snapshot!(asked("select * from resolve('nirvana', 'raw.artists') order by score desc, popularity desc").await, @r"
     id | name    | alias | reason | score | popularity | sure
    ----+---------+-------+--------+-------+------------+-------
      3 | Nirvana | null  | same   |   1.0 |       82.0 | false
      2 | Nirvana | null  | same   |   1.0 |       30.0 | false
    (2 rows)
    ");
    insta::assert_snapshot!(asked("select id, name, reason, sure from resolve($text, $table)").await, @r"
     id | name        | reason | sure
    ----+-------------+--------+------
      4 | The Beatles | sound  | true
    (1 row)
    ");
    insta::assert_snapshot!(asked("select count(*) as n from resolve('radiohead', 'raw.artists')").await, @r"
     n
    ---
     0
    (1 row)
    ");
    insta::assert_snapshot!(asked("select count(*) as n from resolve($nothing, 'raw.artists')").await, @r"
     n
    ---
     0
    (1 row)
    ");
}

#[tokio::test]
async fn ids_are_of_the_tables_own_type() {
    insta::assert_snapshot!(
        asked("select a.name, r.id + 1 as next, r.sure from RESOLVE('비' || '틀즈', 'raw.artists') r join raw.artists a on a.id = r.id").await,
        @r"
     name        | next | sure
    -------------+------+------
     The Beatles |    5 | true
    (1 row)
    "
    );
}

#[tokio::test]
async fn calls_that_cannot_be_meant_are_told() {
    let mut all = Vec::new();
    for call in [
        "resolve('x')",
        "resolve('x', 'raw.artists', 3)",
        "resolve(7, 'raw.artists')",
        "resolve(a.name, 'raw.artists')",
        "resolve('x', null)",
        "resolve('x', 'raw.songs')",
        "resolve('x', 'raw.artist')",
        "resolve('x', 'artists')",
        "resolv('x', 'raw.artists')",
    ] {
        all.push(asked(&format!("select r.name from raw.songs a, {call} r")).await);
    }
    insta::assert_snapshot!(all.join("\n"), @r"
    error[SG1004]: resolve takes 2 arguments and not 1
      at: line 1, column 33
      hint: write resolve('text', 'schema.table'), or resolve($text, 'schema.table')
      more: segue explain SG1004
    error[SG1004]: resolve takes 2 arguments and not 3
      at: line 1, column 33
      hint: write resolve('text', 'schema.table'), or resolve($text, 'schema.table')
      more: segue explain SG1004
    error[SG1004]: the first argument of resolve is a text or a parameter, what is looked for
      at: line 1, column 33
      hint: write resolve('text', 'schema.table'), or resolve($text, 'schema.table')
      more: segue explain SG1004
    error[SG1004]: the first argument of resolve is a text or a parameter, what is looked for
      at: line 1, column 33
      hint: write resolve('text', 'schema.table'), or resolve($text, 'schema.table')
      more: segue explain SG1004
    error[SG1004]: the second argument of resolve is null, and not a table
      at: line 1, column 33
      hint: write resolve('text', 'schema.table'), or resolve($text, 'schema.table')
      more: segue explain SG1004
    error[SG1003]: `raw.songs` does not say how its rows are found by a name
      at: line 1, column 33
      hint: write `find: { id: …, name: … }` into the file of `raw.songs`, with its columns
      more: segue explain SG1003
    error[SG0203]: there is no table `raw.artist`
      at: line 1, column 33
      hint: did you mean `raw.artists`?
      more: segue explain SG0203
    error[SG0203]: there is no table `artists`
      at: line 1, column 33
      hint: did you mean `raw.artists`? A table is written with its schema
      more: segue explain SG0203
    error[SG0252]: there is no function `resolv` that gives a table
      at: line 1, column 33
      hint: did you mean `resolve`?
      more: segue explain SG0252
    ");
}

#[tokio::test]
async fn it_says_what_it_reads_and_gives() {
    let bench = bench_with(NameOptions {
        folder: None,
        tables: BTreeMap::from([(TableKey::new("raw", "artists"), by())]),
    });
    let described = bench
        .engine
        .describe(&query("select * from resolve('x', 'raw.artists')"), &bench.ctx)
        .await
        .unwrap();
    assert_eq!(described.reads, [TableKey::new("raw", "artists")]);
    let columns: Vec<String> = described
        .schema
        .fields()
        .iter()
        .map(|f| format!("{} {}", f.name(), f.data_type()))
        .collect();
    insta::assert_snapshot!(columns.join(", "), @"id Int64, name Utf8, alias Utf8, reason Utf8, score Float64, popularity Float64, sure Boolean");
}
