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
    insta::assert_snapshot!(asked("select * from resolve('에스파', 'raw.artists')").await, @"");
    insta::assert_snapshot!(asked("select * from resolve('nirvana', 'raw.artists') order by score desc, popularity desc").await, @"");
    insta::assert_snapshot!(asked("select id, name, reason, sure from resolve($text, $table)").await, @"");
    insta::assert_snapshot!(asked("select count(*) as n from resolve('radiohead', 'raw.artists')").await, @"");
    insta::assert_snapshot!(asked("select count(*) as n from resolve($nothing, 'raw.artists')").await, @"");
}

#[tokio::test]
async fn ids_are_of_the_tables_own_type() {
    insta::assert_snapshot!(
        asked("select a.name, r.id + 1 as next, r.sure from RESOLVE('비' || '틀즈', 'raw.artists') r join raw.artists a on a.id = r.id").await,
        @""
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
    insta::assert_snapshot!(all.join("\n"), @"");
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
    insta::assert_snapshot!(columns.join(", "), @"");
}
