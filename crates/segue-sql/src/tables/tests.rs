use crate::engine::tests::{Bench, bench, query};
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow_schema::Schema;
use futures::{StreamExt, TryStreamExt};
use segue_core::engine::{Engine, Query, Relation, TableKey};
use segue_core::sink::{Rows, Sink, Staged, Target};
use segue_core::{AssetId, TableId, Type};
use segue_lake::{Lake, LakeOptions};
use std::sync::Arc;

const HOUR: i64 = 3_600_000_000;
/// 2024-01-01T00:00Z.
const START: i64 = 1_704_067_200_000_000;

/// Rows in two files of a lake: 1000 hours from the start of 2024, one row each.
async fn in_a_lake(bench: &Bench) -> (tempfile::TempDir, Arc<dyn Relation>) {
    let folder = tempfile::tempdir().unwrap();
    let lake = Lake::open(
        folder.path().to_str().unwrap(),
        &LakeOptions {
            sync: false,
            ..LakeOptions::default()
        },
    )
    .unwrap();
    let target = Target {
        asset: AssetId::random(),
        table: TableId::random(),
        name: "raw.hours".parse().unwrap(),
        place: "raw/hours".to_string(),
        connection: None,
    };
    let schema = Arc::new(Schema::new(vec![
        Type::Int64.field("id", true),
        Type::Timestamp.field("at", true),
        Type::String.field("name", true),
    ]));
    let mut staged: Vec<Staged> = Vec::new();
    for part in 0..2 {
        let ids = part * 500..(part + 1) * 500;
        let columns: Vec<ArrayRef> = vec![
            Arc::new(Int64Array::from_iter_values(ids.clone())),
            Arc::new(
                TimestampMicrosecondArray::from_iter_values(ids.clone().map(|n| START + n * HOUR)).with_timezone("UTC"),
            ),
            Arc::new(StringArray::from_iter_values(ids.map(|n| format!("n{n}")))),
        ];
        let batch = RecordBatch::try_new(schema.clone(), columns).unwrap();
        let rows = futures::stream::once(async move { Ok(Rows { batch, deletes: None }) }).boxed();
        staged.push(lake.stage(&target, schema.clone(), rows, &bench.ctx).await.unwrap());
    }
    let relation = lake.staged(&target, &staged, &bench.ctx).await.unwrap();
    assert!(relation.as_any().is::<segue_lake::LakeView>());
    (folder, relation)
}

fn over(relation: &Arc<dyn Relation>, sql: &str) -> Query {
    let mut query = query(sql);
    query.tables.insert(TableKey::new("raw", "hours"), relation.clone());
    query
}

async fn rows(bench: &Bench, query: &Query) -> Vec<RecordBatch> {
    bench
        .engine
        .run(query, &bench.ctx)
        .await
        .unwrap()
        .rows
        .try_collect()
        .await
        .unwrap()
}

async fn numbers(bench: &Bench, query: &Query) -> Vec<i64> {
    let rows = rows(bench, query).await;
    rows.iter()
        .flat_map(|batch| batch.column(0).as_primitive::<Int64Type>().values().to_vec())
        .collect()
}

async fn explained(bench: &Bench, query: &Query) -> String {
    let mut query = query.clone();
    query.sql = format!("explain {}", query.sql);
    let rows = rows(bench, &query).await;
    rows.iter()
        .flat_map(|batch| {
            batch
                .column(1)
                .as_string::<i32>()
                .iter()
                .flatten()
                .map(str::to_string)
                .collect::<Vec<_>>()
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_of_the_lake_is_read_and_its_days_are_the_zones() {
    let bench = bench();
    let (_folder, relation) = in_a_lake(&bench).await;
    let by_day = over(
        &relation,
        "select count(*) as n from raw.hours group by cast(at as date), date_trunc('day', at) order by date_trunc('day', at) limit 2",
    );
    // The first day of 2024 in Seoul began nine hours before the first row.
    assert_eq!(numbers(&bench, &by_day).await, [15, 24]);
    let counted = over(&relation, "select count(*) from raw.hours");
    assert_eq!(numbers(&bench, &counted).await, [1_000]);
    let first = over(
        &relation,
        "select id from raw.hours where name = 'n7' or id in (998, 999) order by id",
    );
    assert_eq!(numbers(&bench, &first).await, [7, 998, 999]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn plain_conditions_reach_the_files_as_the_same_instants() {
    let bench = bench();
    let (_folder, relation) = in_a_lake(&bench).await;
    let query = over(
        &relation,
        "select id from raw.hours where at >= '2024-01-02' and at < timestamptz '2024-01-02 03:00:00' order by id",
    );
    assert_eq!(numbers(&bench, &query).await, [15, 16, 17]);
    let plan = explained(&bench, &query).await;
    // Midnight in Seoul, as the file knows it; and the second file is not even opened.
    let instant = (START + 15 * HOUR).to_string();
    assert!(
        plan.contains(&format!("predicate=at@1 >= {instant}")) || plan.contains(&instant),
        "{plan}"
    );
    assert_eq!(plan.matches(".parquet").count(), 1, "{plan}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conditions_that_mean_the_zone_find_the_zones_days() {
    let bench = bench();
    let (_folder, relation) = in_a_lake(&bench).await;
    for sql in [
        "select id from raw.hours where date_trunc('day', at) = timestamptz '2024-01-02' order by id",
        "select id from raw.hours where cast(at as date) = date '2024-01-02' order by id",
        "select id from raw.hours where extract(day from at) = 2 and extract(month from at) = 1 order by id",
    ] {
        let query = over(&relation, sql);
        assert_eq!(numbers(&bench, &query).await, (15..39).collect::<Vec<_>>(), "{sql}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_the_columns_that_are_needed_are_read() {
    let bench = bench();
    let (_folder, relation) = in_a_lake(&bench).await;
    let plan = explained(&bench, &over(&relation, "select max(id) from raw.hours")).await;
    assert!(plan.contains("projection=[id]"), "{plan}");
}
