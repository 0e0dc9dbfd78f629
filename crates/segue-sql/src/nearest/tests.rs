use crate::engine::tests::{Bench, bench, query};
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int32Type, Int64Type};
use arrow_array::{ArrayRef, Int64Array, ListArray, RecordBatch, StringArray};
use arrow_schema::{Field, Schema};
use futures::TryStreamExt;
use segue_core::engine::{Engine, Param, TableKey};
use segue_core::{Limits, Type};
use segue_testkit::relation::MemRelation;
use serde_json::json;
use std::sync::Arc;

type Vector = Option<Vec<Option<f64>>>;

fn table(ids: ArrayRef, vectors: Vec<Vector>) -> RecordBatch {
    let vectors = ListArray::from_iter_primitive::<Float64Type, _, _>(vectors);
    let vectors = ListArray::new(
        Arc::new(Field::new("element", arrow_schema::DataType::Float64, true)),
        vectors.offsets().clone(),
        vectors.values().clone(),
        arrow_array::Array::nulls(&vectors).cloned(),
    );
    let schema = Schema::new(vec![
        Type::Vector(2).field("features", true),
        Field::new("id", ids.data_type().clone(), true),
    ]);
    RecordBatch::try_new(Arc::new(schema), vec![Arc::new(vectors), ids]).unwrap()
}

fn plain(values: &[[f64; 2]]) -> Vec<Vector> {
    values
        .iter()
        .map(|v| Some(v.iter().copied().map(Some).collect()))
        .collect()
}

async fn asked_in(bench: &Bench, rows: RecordBatch, sql: &str) -> String {
    let mut query = query(sql);
    query
        .tables
        .insert(TableKey::new("music", "profiles"), Arc::new(MemRelation::new(rows)));
    query.params.insert("k".to_string(), Param::Value(json!(2)));
    let answer = match bench.engine.run(&query, &bench.ctx).await {
        Ok(answer) => answer,
        Err(error) => return error.to_text(),
    };
    let mut out = Vec::new();
    match crate::format::write(crate::format::Form::Table, answer, &mut out, &Default::default()).await {
        Ok(_) => String::from_utf8(out).unwrap(),
        Err(error) => error.to_text(),
    }
}

async fn asked(rows: RecordBatch, sql: &str) -> String {
    asked_in(&bench(), rows, sql).await
}

fn named(ids: &[&str]) -> ArrayRef {
    Arc::new(StringArray::from(ids.to_vec()))
}

fn corners() -> RecordBatch {
    // d and b are equally far from a.
    table(
        named(&["d", "a", "c", "b"]),
        plain(&[[0.0, 3.0], [0.0, 0.0], [3.0, 4.0], [3.0, 0.0]]),
    )
}

const NEAREST: &str = "select * from nearest('music.profiles', 'id', 'features', 2)";

#[tokio::test]
async fn every_row_gets_its_neighbours_in_order() {
    insta::assert_snapshot!(asked(corners(), NEAREST).await, @r"
     id | neighbour_id | rank | distance
    ----+--------------+------+--------------------
     a  | b            |    1 |                3.0
     a  | d            |    2 |                3.0
     b  | a            |    1 |                3.0
     b  | c            |    2 |                4.0
     c  | d            |    1 | 3.1622776601683795
     c  | b            |    2 |                4.0
     d  | a            |    1 |                3.0
     d  | c            |    2 | 3.1622776601683795
    (8 rows)
    ");
}

#[tokio::test]
async fn it_is_a_table_like_any_other() {
    let text = asked(
        corners(),
        "select n.id, count(*) as n, max(distance) as far from nearest('music.profiles', 'id', 'features', $k) as n where rank < 1 + 1 group by n.id order by n.id limit 2",
    )
    .await;
    insta::assert_snapshot!(text, @r"
     id | n | far
    ----+---+-----
     a  | 1 | 3.0
     b  | 1 | 3.0
    (2 rows)
    ");
    let text = asked(
        corners(),
        "select rank from NEAREST('music.profiles', 'id', 'features', 9) where id = 'c'",
    )
    .await;
    assert!(text.contains("(3 rows)"), "{text}");
    let text = asked(
        corners(),
        "explain select id from nearest('music.profiles', 'id', 'features', 2)",
    )
    .await;
    assert!(
        text.contains("NearestExec: table=music.profiles, id=id, vector=features, k=2"),
        "{text}"
    );
}

#[tokio::test]
async fn small_tables_have_few_neighbours() {
    let none = table(named(&[]), vec![]);
    assert!(asked(none, NEAREST).await.contains("(0 rows)"));
    let one = table(named(&["a"]), plain(&[[1.0, 2.0]]));
    assert!(asked(one, NEAREST).await.contains("(0 rows)"));
}

#[tokio::test]
async fn what_it_reads_is_among_what_the_query_reads() {
    let bench = bench();
    let mut query = query(NEAREST);
    query.tables.insert(
        TableKey::new("music", "profiles"),
        Arc::new(MemRelation::new(corners())),
    );
    let described = bench.engine.describe(&query, &bench.ctx).await.unwrap();
    assert_eq!(described.reads, [TableKey::new("music", "profiles")]);
    let told: Vec<String> = described
        .schema
        .fields()
        .iter()
        .map(|f| format!("{} {}", f.name(), Type::of(f).unwrap()))
        .collect();
    assert_eq!(
        told,
        ["id string", "neighbour_id string", "rank int32", "distance float64"]
    );
}

#[tokio::test]
async fn wrong_arguments_are_told_apart() {
    let call = async |arguments: &str| asked(corners(), &format!("select *\nfrom nearest({arguments})")).await;
    insta::assert_snapshot!(call("'music.profiles', 'id', 'features', 0").await, @r"
    error[SG0257]: nearest cannot give 0 neighbours: one is the least
      at: line 2, column 6
      hint: write nearest('schema.table', 'id column', 'vector column', 10)
      more: segue explain SG0257
    ");
    let first = async |arguments: &str| call(arguments).await.lines().next().unwrap_or_default().to_string();
    insta::assert_snapshot!(first("'music.profiles', 'id', 'features', -3").await, @"error[SG0257]: nearest cannot give -3 neighbours: one is the least");
    insta::assert_snapshot!(first("'music.profiles', 'id', 'features', 2.5").await, @"error[SG0257]: the fourth argument of nearest is a whole number, how many neighbours a row gets");
    insta::assert_snapshot!(first("'music.profiles', 'id', 'features', 3000000000").await, @"error[SG0257]: nearest cannot give 3000000000 neighbours: 2147483647 are the most");
    insta::assert_snapshot!(first("'music.profiles', 'id', 'features'").await, @"error[SG0257]: nearest takes 4 arguments and not 3");
    insta::assert_snapshot!(first("1, 'id', 'features', 2").await, @"error[SG0257]: the first argument of nearest is a text, the name of a table");
    insta::assert_snapshot!(first("'music.profile', 'id', 'features', 2").await, @"error[SG0203]: there is no table `music.profile`");
    insta::assert_snapshot!(first("'profiles', 'id', 'features', 2").await, @"error[SG0203]: there is no table `profiles`");
    insta::assert_snapshot!(first("'music.profiles', 'idd', 'features', 2").await, @"error[SG0204]: there is no column `idd` in `music.profiles`");
    insta::assert_snapshot!(first("'music.profiles', 'features', 'id', 2").await, @"error[SG0257]: column `id` of `music.profiles` is Utf8 and no vector of numbers");
    insta::assert_snapshot!(first("'music.profiles', 'features', 'features', 2").await, @"error[SG0257]: column `features` of `music.profiles` is List(Float64, field: 'element'), which cannot be an id");
}

#[tokio::test]
async fn rows_without_a_distance_end_the_query_and_are_named() {
    let said = async |ids: ArrayRef, vectors: Vec<Vector>| {
        let text = asked(table(ids, vectors), NEAREST).await;
        text.lines().next().unwrap_or_default().to_string()
    };
    let ids = || named(&["x", "y"]);
    let good = || Some(vec![Some(1.0), Some(2.0)]);
    insta::assert_snapshot!(said(ids(), vec![good(), None]).await, @"error[SG0258]: the row with id y of `music.profiles` has no vector");
    insta::assert_snapshot!(said(ids(), vec![good(), Some(vec![])]).await, @"error[SG0258]: the row with id y of `music.profiles` has an empty vector");
    insta::assert_snapshot!(said(ids(), vec![good(), Some(vec![Some(1.0)])]).await, @"error[SG0258]: the vectors of `music.profiles` have different lengths: id y has 1 values, others have 2");
    insta::assert_snapshot!(said(ids(), vec![good(), Some(vec![Some(1.0), None])]).await, @"error[SG0258]: the row with id y of `music.profiles` has an empty value in its vector");
    insta::assert_snapshot!(said(ids(), vec![good(), Some(vec![Some(1.0), Some(f64::NAN)])]).await, @"error[SG0258]: the row with id y of `music.profiles` has a value in its vector that is not finite");
    insta::assert_snapshot!(said(ids(), vec![good(), Some(vec![Some(f64::INFINITY), Some(1.0)])]).await, @"error[SG0258]: the row with id y of `music.profiles` has a value in its vector that is not finite");
    insta::assert_snapshot!(said(named(&["x", "x"]), vec![good(), good()]).await, @"error[SG0258]: `music.profiles` has more than one row with id x");
    let missing: ArrayRef = Arc::new(StringArray::from(vec![Some("x"), None]));
    insta::assert_snapshot!(said(missing, vec![good(), good()]).await, @"error[SG0258]: `music.profiles` has 1 rows without an id");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_rows_in_many_batches_are_handed_out_in_order() {
    let bench = bench();
    let query = query("with p as (select 1) select id, neighbour_id, rank from nearest('raw.points', 'id', 'at', 3)");
    let count = 3_000i64;
    let mut with_points = query.clone();
    // Ids go down while places go up, so that the order of ids is not the order of rows.
    let ids: ArrayRef = Arc::new(Int64Array::from_iter_values((0..count).rev()));
    let vectors = (0..count).map(|n| Some(vec![Some(n as f64 * 2.0)])).collect();
    let points = table(ids, vectors);
    let schema = Arc::new(Schema::new(vec![
        points.schema().field(0).clone().with_name("at"),
        points.schema().field(1).clone(),
    ]));
    let points = RecordBatch::try_new(schema, points.columns().to_vec()).unwrap();
    with_points
        .tables
        .insert(TableKey::new("raw", "points"), Arc::new(MemRelation::new(points)));
    let answer = bench.engine.run(&with_points, &bench.ctx).await.unwrap();
    let batches: Vec<RecordBatch> = answer.rows.try_collect().await.unwrap();
    let mut rows = batches.iter().flat_map(|batch| {
        let column = |at: usize| batch.column(at).as_primitive::<Int64Type>().values().to_vec();
        let ranks = batch.column(2).as_primitive::<Int32Type>().values().to_vec();
        column(0).into_iter().zip(column(1)).zip(ranks).collect::<Vec<_>>()
    });
    for id in 0..count {
        let near: Vec<i64> = match id {
            0 => vec![1, 2, 3],
            id if id == count - 1 => vec![id - 1, id - 2, id - 3],
            1 => vec![0, 2, 3],
            id if id == count - 2 => vec![id - 1, id + 1, id - 2],
            id => vec![id - 1, id + 1, id - 2],
        };
        for (rank, other) in (1..).zip(near) {
            assert_eq!(rows.next(), Some(((id, other), rank)));
        }
    }
    assert_eq!(rows.next(), None);
    let usage = bench.ctx.meter.usage();
    assert!(
        usage.peak_memory.is_some_and(|peak| peak > count as u64 * 8),
        "{usage:?}"
    );
    assert!(usage.cpu.as_micros() > 1_000, "{usage:?}");
}

#[tokio::test]
async fn it_keeps_to_the_memory_it_may_use() {
    let mut bench = bench();
    bench.ctx.limits = Limits {
        memory: 64 << 10,
        spill: 1 << 30,
        ..Limits::default()
    };
    let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(0..10_000));
    let rows = table(
        ids,
        (0..10_000).map(|n| Some(vec![Some(f64::from(n)), Some(0.0)])).collect(),
    );
    let text = asked_in(&bench, rows, NEAREST).await;
    assert!(
        text.starts_with("error[SG0250]: the query needs more memory than the 64 KiB"),
        "{text}"
    );
}
