use crate::{LocalEngine, LocalOptions, NameOptions, locate};
use arrow_array::cast::AsArray;
use arrow_array::types::{Int64Type, TimestampMicrosecondType};
use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow_schema::{Schema, SchemaRef};
use async_trait::async_trait;
use futures::{StreamExt, TryStreamExt};
use segue_core::engine::{Engine, Param, Query, Relation, TableKey};
use segue_core::{Batches, Ctx, Error, Kind, Limits, Result, SystemClock, Type};
use segue_testkit::relation::MemRelation;
use serde_json::json;
use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tempfile::TempDir;

pub(crate) struct Bench {
    pub(crate) engine: LocalEngine,
    pub(crate) ctx: Ctx,
    pub(crate) spill: TempDir,
}

pub(crate) fn bench() -> Bench {
    bench_with(NameOptions::default())
}

pub(crate) fn bench_with(names: NameOptions) -> Bench {
    let spill = tempfile::tempdir().unwrap();
    Bench {
        engine: LocalEngine::new(LocalOptions {
            spill: spill.path().join("spill"),
            partitions: 2,
            names,
        }),
        ctx: Ctx::new("dev", Arc::new(SystemClock::default())),
        spill,
    }
}

/// Two tables, and one whose name needs quotes.
pub(crate) fn query(sql: &str) -> Query {
    let column = |values: ArrayRef| values;
    let artists = RecordBatch::try_from_iter([
        ("id", column(Arc::new(Int64Array::from(vec![1, 2, 3])))),
        (
            "name",
            column(Arc::new(StringArray::from(vec![Some("IU"), Some("Zico"), None]))),
        ),
    ])
    .unwrap();
    let plays = RecordBatch::try_from_iter([
        ("artist_id", column(Arc::new(Int64Array::from(vec![1, 1, 2])))),
        ("seconds", column(Arc::new(Float64Array::from(vec![10.0, 20.0, 30.0])))),
        (
            "played_at",
            column(Arc::new(
                // 2024-01-01T15:30Z, which is the second of January in Seoul, an hour later, and the day before.
                TimestampMicrosecondArray::from(vec![
                    1_704_123_000_000_000,
                    1_704_126_600_000_000,
                    1_704_036_600_000_000,
                ])
                .with_timezone("UTC"),
            )),
        ),
    ])
    .unwrap();
    let mut tables: BTreeMap<TableKey, Arc<dyn Relation>> = BTreeMap::new();
    tables.insert(
        TableKey::new("raw", "artists"),
        Arc::new(MemRelation::new(artists.clone())),
    );
    tables.insert(TableKey::new("raw", "plays"), Arc::new(MemRelation::new(plays)));
    tables.insert(
        TableKey::new("quarantine", "raw.artists"),
        Arc::new(MemRelation::new(artists)),
    );
    Query {
        sql: sql.to_string(),
        params: BTreeMap::new(),
        tables,
        timezone: "Asia/Seoul".to_string(),
    }
}

/// What a person would see of a query.
pub(crate) async fn asked_with(bench: &Bench, query: &Query) -> String {
    let answer = match bench.engine.run(query, &bench.ctx).await {
        Ok(answer) => answer,
        Err(error) => return error.to_text(),
    };
    let mut out = Vec::new();
    match crate::format::write(crate::format::Form::Table, answer, &mut out, &Default::default()).await {
        Ok(_) => String::from_utf8(out).unwrap(),
        Err(error) => error.to_text(),
    }
}

pub(crate) async fn asked(sql: &str) -> String {
    asked_with(&bench(), &query(sql)).await
}

pub(crate) async fn refused(bench: &Bench, query: &Query) -> Error {
    match bench.engine.run(query, &bench.ctx).await {
        Err(error) => error,
        Ok(answer) => match answer.rows.try_collect::<Vec<_>>().await {
            Err(error) => error,
            Ok(rows) => panic!("{} batches came", rows.len()),
        },
    }
}

#[tokio::test]
async fn tables_are_joined_and_grouped() {
    insta::assert_snapshot!(
        asked("select a.name, count(*) as plays, sum(p.seconds) as total from raw.artists a join raw.plays p on p.artist_id = a.id group by a.name order by total, a.name").await,
        @r"
     name | plays | total
    ------+-------+-------
     IU   |     2 |  30.0
     Zico |     1 |  30.0
    (2 rows)
    "
    );
}

#[tokio::test]
async fn days_are_the_days_of_the_zone() {
    insta::assert_snapshot!(
        asked("select date_trunc('day', played_at) as day, cast(played_at as date) as on_day, extract(hour from played_at) as hour, count(*) as n from raw.plays group by 1, 2, 3 order by 3").await,
        @r"
     day                  | on_day     | hour | n
    ----------------------+------------+------+---
     2023-12-31T15:00:00Z | 2024-01-01 |    0 | 1
     2024-01-01T15:00:00Z | 2024-01-02 |    0 | 1
     2024-01-01T15:00:00Z | 2024-01-02 |    1 | 1
    (3 rows)
    "
    );
    let local = asked("select count(*) as n from raw.plays where played_at >= '2024-01-02' and played_at < timestamptz '2024-01-02 01:00:00'").await;
    insta::assert_snapshot!(local, @r"
     n
    ---
     1
    (1 row)
    ");
}

#[tokio::test]
async fn names_with_quotes_are_tables_too() {
    insta::assert_snapshot!(asked("select max(id) as id from quarantine.\"raw.artists\"").await, @r"
     id
    ----
      3
    (1 row)
    ");
}

#[tokio::test]
async fn parameters_are_typed_values_of_the_plan() {
    let bench = bench();
    let mut query = query(
        "select id, $who as who, date_trunc('day', $from) as day from raw.artists where name = $who or id > $least order by id limit $most",
    );
    query.params = BTreeMap::from([
        (
            "who".to_string(),
            Param::Value(json!("IU'; drop table raw.artists; --")),
        ),
        ("least".to_string(), Param::Value(json!(1))),
        ("most".to_string(), Param::Value(json!(1))),
        ("from".to_string(), Param::Timestamp(1_704_123_000_000_000)),
        ("unused".to_string(), Param::Value(json!(null))),
    ]);
    insta::assert_snapshot!(asked_with(&bench, &query).await, @r"
     id | who                             | day
    ----+---------------------------------+----------------------
      2 | IU'; drop table raw.artists; -- | 2024-01-01T15:00:00Z
    (1 row)
    ");
    query.sql = "select count(*) as n from raw.plays where played_at >= $from and played_at < $to".to_string();
    query
        .params
        .insert("to".to_string(), Param::Value(json!("2024-01-01T16:30:00Z")));
    insta::assert_snapshot!(asked_with(&bench, &query).await, @r"
     n
    ---
     1
    (1 row)
    ");
}

#[tokio::test]
async fn a_parameter_needs_a_plain_value() {
    let bench = bench();
    let mut query = query("select 1\nwhere $nmae = 1");
    query.params.insert("name".to_string(), Param::Value(json!([1])));
    insta::assert_snapshot!(asked_with(&bench, &query).await, @r"
    error[SG0255]: the parameter `$nmae` has no value
      at: line 2, column 7
      hint: did you mean `$name`?
      more: segue explain SG0255
    ");
    query.sql = "select $name".to_string();
    insta::assert_snapshot!(asked_with(&bench, &query).await, @r"
    error[SG0255]: the parameter `$name` is a list
      at: line 1, column 8
      hint: a parameter is a string, a number, true, false or null
      more: segue explain SG0255
    ");
}

#[tokio::test]
async fn mistakes_are_drawn_where_they_stand() {
    for (sql, wrong) in [
        ("select id,\n       nmae\nfrom raw.artists", "nmae"),
        ("select *\nfrom raw.artist", "raw.artist"),
        ("select * from artists", "artists"),
        ("select b.id from raw.artists a", "b.id"),
        ("select id, uper(name) from raw.artists", "uper"),
        ("select id from raw.artists x, raw.artists y", "id"),
        ("select id from raw.artists group by name", "id"),
        ("select * from nearst('raw.artists', 'id', 'name', 1)", "nearst"),
        ("select 'é' as é, $missing", "$missing"),
    ] {
        let error = refused(&bench(), &query(sql)).await;
        let at = locate(&error, sql).map(|range| &sql[range]);
        assert_eq!(at, Some(wrong), "{sql}\n{}", error.to_text());
        assert_eq!(error.kind(), Kind::Invalid, "{sql}");
        assert!(error.error_code().is_some(), "{sql}");
    }
}

#[tokio::test]
async fn what_was_meant_is_said() {
    insta::assert_snapshot!(asked("select nmae from raw.artists").await, @r"
    error[SG0204]: there is no column `nmae`
      at: line 1, column 8
      hint: did you mean `name`?
      more: segue explain SG0204
    ");
    insta::assert_snapshot!(asked("select * from artists").await, @r"
    error[SG0203]: there is no table `artists`
      at: line 1, column 15
      hint: did you mean `raw.artists`? A table is written with its schema
      more: segue explain SG0203
    ");
    insta::assert_snapshot!(asked("select * from raw.artsts").await, @r"
    error[SG0203]: there is no table `raw.artsts`
      at: line 1, column 15
      hint: did you mean `raw.artists`?
      more: segue explain SG0203
    ");
    insta::assert_snapshot!(asked("select arts.id from raw.artists artis").await, @r"
    error[SG0209]: `arts` in `arts.id` is no table of this query
      at: line 1, column 8
      hint: did you mean `artis`?
      more: segue explain SG0209
    ");
    insta::assert_snapshot!(asked("select uper(name) from raw.artists").await, @r"
    error[SG0252]: there is no function `uper`
      at: line 1, column 8
      hint: did you mean `upper`?
      more: segue explain SG0252
    ");
    insta::assert_snapshot!(asked("select id + name + true from raw.artists").await, @r"
    error[SG0253]: cannot coerce arithmetic expression Int64 + Utf8 to valid types
      at: line 1, column 8
      more: segue explain SG0253
    ");
    insta::assert_snapshot!(asked("select id from raw.artists union all select id, name from raw.artists").await, @r"
    error[SG0253]: UNION queries have different number of columns
      at: line 1, column 1
      more: segue explain SG0253
    ");
}

#[tokio::test]
async fn a_value_that_cannot_be_computed_ends_the_query() {
    insta::assert_snapshot!(asked("select 1 / (id - id) from raw.artists").await, @r"
    error[SG0254]: a division by zero
      hint: look at the rows that it concerns; `try_cast` gives null where `cast` fails, and `nullif(x, 0)` saves a division
      more: segue explain SG0254
    ");
    insta::assert_snapshot!(asked("select cast(name as int) from raw.artists").await, @r"
    error[SG0254]: cannot cast string 'IU' to value of Int32 type
      hint: look at the rows that it concerns; `try_cast` gives null where `cast` fails, and `nullif(x, 0)` saves a division
      more: segue explain SG0254
    ");
    insta::assert_snapshot!(asked("select arrow_cast('2024-01-01T00:00:00.000000001', 'Timestamp(Nanosecond, None)') as t").await, @r"
    error[SG0254]: column `t` has times finer than microseconds, which no type keeps
      hint: cut them yourself: date_trunc('microsecond', t)
      more: segue explain SG0254
    ");
    insta::assert_snapshot!(asked("select arrow_cast(18446744073709551615, 'UInt64') as v").await, @r"
    error[SG0254]: column `v` has a value that does not fit Int64
      cause: Cast error: Can't cast value 18446744073709551615 to type Int64
      more: segue explain SG0254
    ");
    for sum in [
        "id + 9223372036854775805",
        "-9223372036854775806 - id",
        "id * 4611686018427387904",
        "9223372036854775807 + 1",
    ] {
        let text = asked(&format!("select {sum} as n from raw.artists")).await;
        assert!(text.starts_with("error[SG0254]"), "{sum}: {text}");
    }
}

#[tokio::test]
async fn answers_have_types_that_are_kept() {
    let bench = bench();
    let query = query(
        "select row_number() over (order by id) as n, now() as at, date_trunc('month', date '2024-02-03') as month, \
         cast('12.5' as decimal(10,2)) as price, array_agg(played_at) over () as list, upper(name) as up, \
         timestamp '9999-12-31 00:00:00' as far, cast(1 as bigint unsigned) as u \
         from raw.artists left join raw.plays on artist_id = id",
    );
    let described = bench.engine.describe(&query, &bench.ctx).await.unwrap();
    let told: Vec<String> = described
        .schema
        .fields()
        .iter()
        .map(|f| format!("{} {}", f.name(), Type::of(f).unwrap()))
        .collect();
    insta::assert_snapshot!(told.join("\n"), @r"
    n int64
    at timestamp
    month local_timestamp
    price decimal(10,2)
    list list<timestamp>
    up string
    far local_timestamp
    u decimal(20,0)
    ");
    assert_eq!(
        described.reads,
        [TableKey::new("raw", "artists"), TableKey::new("raw", "plays")]
    );
    let answer = bench.engine.run(&query, &bench.ctx).await.unwrap();
    assert_eq!(answer.schema, described.schema);
    let rows: Vec<RecordBatch> = answer.rows.try_collect().await.unwrap();
    assert!(rows.iter().all(|batch| batch.schema() == described.schema));
    assert_eq!(
        segue_core::align::kept(&described.schema).unwrap().fields(),
        described.schema.fields()
    );
}

#[tokio::test]
async fn now_is_one_moment_by_the_clock() {
    let bench = bench();
    let before = bench.ctx.clock.now().as_microsecond();
    let query = query(
        "select now() as a, current_timestamp as b, current_date as day, current_date = cast(now() as date) as same",
    );
    let rows: Vec<RecordBatch> = bench
        .engine
        .run(&query, &bench.ctx)
        .await
        .unwrap()
        .rows
        .try_collect()
        .await
        .unwrap();
    let at = |column: usize| {
        rows[0]
            .column(column)
            .as_primitive::<TimestampMicrosecondType>()
            .value(0)
    };
    assert_eq!(at(0), at(1));
    assert!((before..=bench.ctx.clock.now().as_microsecond()).contains(&at(0)));
    assert!(rows[0].column(3).as_boolean().value(0));
}

#[tokio::test]
async fn a_plan_can_be_asked_for() {
    let text = asked("explain select a.id from raw.artists a where a.name = $x and a.id in (1, 2)").await;
    assert!(text.contains("SG0255"), "{text}");
    let text = asked("explain select a.id from raw.artists a where a.name = 'x'").await;
    assert!(
        text.contains("logical_plan") && text.contains("physical_plan"),
        "{text}"
    );
    let text = asked("explain analyze select count(*) from raw.artists").await;
    assert!(text.contains("output_rows"), "{text}");
}

#[tokio::test]
async fn an_unknown_zone_is_refused() {
    let mut query = query("select 1");
    query.timezone = "Europe/Atlantis".to_string();
    let error = refused(&bench(), &query).await;
    assert_eq!(error.message(), "there is no time zone `Europe/Atlantis`");
}

/// A table without end that counts its batches.
struct Endless {
    schema: SchemaRef,
    batches: Arc<AtomicUsize>,
}

impl Endless {
    fn relation() -> (Arc<dyn Relation>, Arc<AtomicUsize>) {
        let batches = Arc::new(AtomicUsize::new(0));
        let schema = Arc::new(Schema::new(vec![Type::Int64.field("n", false)]));
        (
            Arc::new(Endless {
                schema,
                batches: batches.clone(),
            }),
            batches,
        )
    }
}

#[async_trait]
impl Relation for Endless {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    async fn scan(&self, _: Option<&[usize]>) -> Result<Batches> {
        let (schema, batches) = (self.schema.clone(), self.batches.clone());
        Ok(futures::stream::repeat_with(move || {
            batches.fetch_add(1, Ordering::Relaxed);
            let rows: ArrayRef = Arc::new(Int64Array::from_iter_values(0..1_000));
            Ok(RecordBatch::try_new(schema.clone(), vec![rows]).unwrap())
        })
        .boxed())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_come_as_they_are_made_and_stop_when_dropped() {
    let bench = bench();
    let mut query = query("select n * 2 as m from raw.endless where n % 3 = 0");
    let (endless, batches) = Endless::relation();
    query.tables.insert(TableKey::new("raw", "endless"), endless);
    let mut answer = bench.engine.run(&query, &bench.ctx).await.unwrap();
    let first = answer.rows.next().await.unwrap().unwrap();
    assert_eq!(first.column(0).as_primitive::<Int64Type>().value(1), 6);
    drop(answer);
    // Tasks that were dropped run no further than to their next await.
    let stopped = loop {
        let seen = batches.load(Ordering::Relaxed);
        tokio::task::yield_now().await;
        tokio::task::spawn_blocking(|| ()).await.unwrap();
        if batches.load(Ordering::Relaxed) == seen {
            break seen;
        }
    };
    assert!(stopped > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cancelling_ends_an_endless_join() {
    for sql in [
        "select count(*) from raw.endless a, generate_series(1, 1000) b where a.n * b.value % 7 = 3",
        "select count(*) from raw.endless a, generate_series(1, 1000) b where a.n % 7 = b.value % 11",
        "select a.n from raw.endless a order by a.n",
        "select max(a.n) over (order by b.n) from raw.endless a, raw.endless b where a.n = b.n",
    ] {
        let bench = bench();
        let mut query = query(sql);
        let (endless, batches) = Endless::relation();
        query.tables.insert(TableKey::new("raw", "endless"), endless);
        let answer = bench.engine.run(&query, &bench.ctx).await.unwrap();
        let cancel = bench.ctx.cancel.clone();
        let reading = tokio::spawn(answer.rows.try_collect::<Vec<_>>());
        let within = std::time::Duration::from_secs(20);
        let works = async {
            while batches.load(Ordering::Relaxed) < 16 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(within, works).await.expect("it reads");
        cancel.cancel();
        let done = tokio::time::timeout(within, reading).await;
        let error = done.expect("it ends").unwrap().unwrap_err();
        assert_eq!(error.kind(), Kind::Cancelled, "{sql}");
    }
}

#[tokio::test]
async fn nothing_runs_for_a_context_that_is_cancelled() {
    let bench = bench();
    bench.ctx.cancel.cancel();
    assert_eq!(refused(&bench, &query("select 1")).await.kind(), Kind::Cancelled);
}

fn limited(memory: u64, spill: u64) -> Bench {
    let mut bench = bench();
    bench.ctx.limits = Limits {
        memory,
        spill,
        ..Limits::default()
    };
    bench
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sorting_more_than_memory_goes_to_disk_and_comes_back() {
    let bench = limited(24 << 20, 1 << 30);
    let query = query(
        "select value, repeat('x', 20) || value as text from generate_series(1, 400000) order by value * 7919 % 400009",
    );
    let mut rows = bench.engine.run(&query, &bench.ctx).await.unwrap().rows;
    let (mut count, mut sum) = (0, 0);
    let mut spilled = false;
    while let Some(batch) = rows.try_next().await.unwrap() {
        count += batch.num_rows();
        sum += batch.column(0).as_primitive::<Int64Type>().values().iter().sum::<i64>();
        spilled |= has_files(bench.spill.path());
    }
    assert_eq!((count, sum), (400_000, 400_000 * 400_001 / 2));
    assert!(spilled, "it was to be too much for memory");
    drop(rows);
    assert!(!has_files(bench.spill.path()), "files live no longer than their query");
    let peak = bench.ctx.meter.usage().peak_memory.unwrap();
    assert!(peak > 1 << 20 && peak <= 24 << 20, "{peak}");
}

#[tokio::test]
async fn a_function_makes_no_more_than_the_memory_leaves_for_it() {
    insta::assert_snapshot!(asked("select\n  repeat('x', 2000000000) as t").await, @r"
    error[SG0250]: `repeat` would make more than 256 MiB at once, which is what the query's memory leaves for it
      limit: limits.memory
      at: line 2, column 3
      hint: let it make less, or allow more: segue sql --memory 2GiB
      more: segue explain SG0250
    ");
    for sql in [
        "select max(length(repeat('x', 100000 + value))) as n from generate_series(1, 100000)",
        "select rpad('x', 2000000000) as t",
        "select replace(repeat('x', 1000000), 'x', repeat('y', 1000000)) as t",
        "select array_repeat(1, 1000000000) as t",
        "select range(1, 1000000000) as t",
        "select repeat('x', 100000000) as t from generate_series(1, 100)",
    ] {
        let error = refused(&bench(), &query(sql)).await;
        assert_eq!(error.error_code(), Some(segue_diag::SQL_MEMORY_LIMIT), "{sql}: {error}");
        assert!(
            error.context().iter().any(|(name, _)| *name == "at"),
            "{sql}: {error:?}"
        );
    }
    let fine = "select max(length(repeat('ab', cast(value as int)))) as n, max(length(lpad('x', 10000))) as l, max(length(repeat('x', 100000))) as r from generate_series(1, 1000)";
    let answered = asked(fine).await;
    assert!(
        answered.contains("2000") && answered.contains("10000") && answered.contains("100000"),
        "{answered}"
    );
    let one = "select length(repeat('x', 1000000)) as n";
    assert!(asked(one).await.contains("1000000"), "{}", asked(one).await);
}

fn has_files(folder: &std::path::Path) -> bool {
    let is_rows = |path: &std::path::Path| path.is_file() && path.extension().is_none_or(|e| e != "lock");
    std::fs::read_dir(folder).is_ok_and(|entries| entries.flatten().any(|e| is_rows(&e.path()) || has_files(&e.path())))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_limit_that_is_met_is_named() {
    let hungry = query(
        "select array_agg(value order by value desc) as everything, count(distinct value * 3) as n from generate_series(1, 2000000)",
    );
    let error = refused(&limited(8 << 20, 1 << 30), &hungry).await;
    assert_eq!(
        error.error_code(),
        Some(segue_diag::SQL_MEMORY_LIMIT),
        "{}",
        error.to_text()
    );
    assert_eq!(
        error.message(),
        "the query needs more memory than the 8 MiB that it may use"
    );
    let sorted =
        query("select value, repeat('x', 50) as x from generate_series(1, 400000) order by value * 7919 % 400009");
    let error = refused(&limited(24 << 20, 1 << 20), &sorted).await;
    assert_eq!(
        error.error_code(),
        Some(segue_diag::SQL_DISK_LIMIT),
        "{}",
        error.to_text()
    );
    assert_eq!(
        error.message(),
        "the query needs more disk than the 1 MiB that it may use"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_cpu_time_of_all_its_tasks_is_the_querys() {
    let bench = bench();
    let query = query(
        "select value % 1000 as k, sum(value) as s, count(distinct value % 77) as d from generate_series(1, 300000) group by 1",
    );
    let rows = bench.engine.run(&query, &bench.ctx).await.unwrap().rows;
    let before = bench.ctx.meter.usage().cpu;
    assert!(!before.is_zero(), "planning counts");
    rows.try_collect::<Vec<_>>().await.unwrap();
    let cpu = bench.ctx.meter.usage().cpu - before;
    assert!(cpu.as_micros() > 1_000, "{cpu:?}");
}

#[tokio::test]
async fn a_deep_statement_that_is_taken_runs_on_small_stacks() {
    let chain = |word: &str, part: &str, times: usize| vec![part; times].join(word);
    for sql in [
        format!("select {} as n from raw.artists", chain(" + ", "id", 150)),
        format!(
            "select count(*) from raw.artists where {}",
            chain(" or ", "id = 1", 245)
        ),
        format!(
            "select count(*) from raw.artists where {}",
            chain(" and ", "id > 0", 245)
        ),
        format!("select {} as s from raw.artists", chain(" || ", "name", 490)),
        format!("select id{} as n from raw.artists", "::int::bigint".repeat(100)),
        format!(
            "select count(*) from ({})",
            chain(" union all ", "select id from raw.artists", 240)
        ),
        format!(
            "select count(*) from {}",
            (0..60)
                .map(|n| format!("raw.artists a{n}"))
                .collect::<Vec<_>>()
                .join(", ")
                + " where false"
        ),
    ] {
        let text = asked(&sql).await;
        assert!(text.contains("row"), "{}\n{text}", &sql[..60]);
    }
}

#[tokio::test]
async fn a_long_list_is_no_burden() {
    let list = (0..50_000).map(|n| n.to_string()).collect::<Vec<_>>().join(", ");
    let text = asked(&format!("select count(*) as n from raw.artists where id in ({list})")).await;
    insta::assert_snapshot!(text, @r"
     n
    ---
     3
    (1 row)
    ");
    let text = asked(&format!("select '{}' as long", "x".repeat(1 << 20))).await;
    assert!(text.contains("(1 row)"));
}

/// A table that cannot be read.
struct Broken;

#[async_trait]
impl Relation for Broken {
    fn schema(&self) -> SchemaRef {
        Arc::new(Schema::new(vec![Type::Int64.field("n", false)]))
    }

    async fn scan(&self, _: Option<&[usize]>) -> Result<Batches> {
        Err(Error::new(Kind::BadData, "the file is cut").with("path", "a.parquet"))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

#[tokio::test]
async fn a_table_that_cannot_be_read_says_why_in_its_own_words() {
    let bench = bench();
    let mut query =
        query("select a.n, count(*) from raw.broken a join raw.artists b on a.n = b.id group by 1 order by 2");
    query.tables.insert(TableKey::new("raw", "broken"), Arc::new(Broken));
    insta::assert_snapshot!(asked_with(&bench, &query).await, @r"
    error: the file is cut
      path: a.parquet
    ");
}
