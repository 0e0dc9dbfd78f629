//! Merges against a table that is a list of rows in memory: by keys of one and of several columns, of numbers and of texts, with all keys
//! in memory at once and with hardly any.

use super::bed::{Bed, DAY, START, Sale, lines, merge, rows_of, sales};
use super::model::{counted, same};
use crate::LakeOptions;
use arrow_array::{
    ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use object_store::memory::InMemory;
use proptest::prelude::*;
use segue_core::Span;
use segue_core::sink::{Change, Rows, Sink, WorkedOut};
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

/// One is the beginning of another, one is empty, one is not ASCII.
const CITIES: [&str; 6] = [
    "",
    "a",
    "ab",
    "abc",
    "é",
    "seoul with a name that is longer than thirty-two characters",
];

const KEYS: [&[&str]; 4] = [&["id"], &["city"], &["id", "city"], &["city", "at"]];

#[derive(Clone, Debug)]
enum Step {
    Append(Vec<Sale>),
    /// By which key; with, for each row, whether it deletes its key.
    Merge(usize, Vec<(Sale, bool)>),
}

fn sale() -> impl Strategy<Value = Sale> {
    let amount = prop_oneof![
        Just(None),
        Just(Some(0.0)),
        Just(Some(-0.0)),
        Just(Some(f64::NAN)),
        Just(Some(1.5))
    ];
    (0..12i64, 0..CITIES.len(), 0..4i64, amount).prop_map(|(id, city, day, amount)| (id, CITIES[city], day, amount))
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        1 => prop::collection::vec(sale(), 0..8).prop_map(Step::Append),
        2 => (0..KEYS.len(), prop::collection::vec((sale(), any::<bool>()), 0..8)).prop_map(|(key, mut rows)| {
            let mut seen = HashSet::new();
            rows.retain(|(row, _)| seen.insert(of_key(row, key)));
            Step::Merge(key, rows)
        }),
        // Everything that may be there goes.
        1 => Just(Step::Merge(1, CITIES.map(|city| ((0, city, 0, None), true)).to_vec())),
    ]
}

fn of_key(row: &Sale, key: usize) -> (i64, &'static str, i64) {
    let has = |column: &str| KEYS[key].contains(&column);
    (
        if has("id") { row.0 } else { 0 },
        if has("city") { row.1 } else { "" },
        if has("at") { row.2 } else { 0 },
    )
}

fn apply(rows: &mut Vec<Sale>, step: &Step) {
    match step {
        Step::Append(new) => rows.extend(new),
        Step::Merge(key, new) => {
            for (row, deletes) in new {
                let there = !deletes && rows.iter().any(|r| same(r, row));
                rows.retain(|r| of_key(r, *key) != of_key(row, *key) || (!deletes && same(r, row)));
                if !deletes && !there {
                    rows.push(*row);
                }
            }
        }
    }
}

async fn carry_out(bed: &Bed, step: &Step) -> WorkedOut {
    let (change, of, deletes): (Change, Vec<Sale>, _) = match step {
        Step::Append(rows) => (Change::Append, rows.clone(), None),
        Step::Merge(key, rows) => {
            let (of, deletes): (Vec<Sale>, Vec<bool>) = rows.iter().copied().unzip();
            let key: Vec<String> = KEYS[*key].iter().map(|column| column.to_string()).collect();
            (Change::merge(key), of, Some(BooleanArray::from(deletes)))
        }
    };
    let batch = sales(&of);
    let schema = batch.schema();
    let rows = Rows { batch, deletes };
    let staged = vec![bed.stage_all(schema.clone(), vec![rows]).await.unwrap()];
    let done = bed.work_out(&change, &staged, schema.clone()).await.unwrap();
    if !done.unchanged {
        let record = bed.record(&change, staged, schema, &done).await;
        bed.land(&record).await.unwrap();
    }
    done
}

/// What a change says of itself: how many rows come and go, and on which days.
fn check_what_it_says(before: &[Sale], after: &[Sale], done: &WorkedOut, step: &Step, exists: bool) {
    let (old, new) = (counted(before), counted(after));
    let more = |a: &BTreeMap<_, usize>, b: &BTreeMap<_, usize>| -> u64 {
        a.iter()
            .map(|(row, n)| n.saturating_sub(b.get(row).copied().unwrap_or(0)) as u64)
            .sum()
    };
    assert_eq!(
        (done.rows_written, done.rows_removed),
        (more(&new, &old), more(&old, &new)),
        "{step:?}"
    );
    assert_eq!(done.unchanged, old == new && exists, "{step:?}");
    let on = |all: &BTreeMap<(i64, &'static str, i64, Option<u64>), usize>, day: i64| -> Vec<_> {
        all.iter()
            .filter(|(row, _)| row.2 == day)
            .map(|(row, n)| (*row, *n))
            .collect()
    };
    for day in 0..5 {
        let from = START + day * DAY;
        let told = done.footprint.meets("at", &Span::new(from, from + DAY));
        let changed = on(&old, day) != on(&new, day);
        assert_eq!(told, changed, "day {day} of {step:?}: {:?}", done.footprint);
    }
}

async fn play(steps: Vec<Step>, memory: u64) {
    let options = LakeOptions {
        target_file_bytes: 4 << 10,
        ..LakeOptions::default()
    };
    let url = "memory:///lake".parse().unwrap();
    let lake = crate::Lake::with_store(Arc::new(InMemory::new()), url, &options).unwrap();
    let mut bed = Bed::on(lake, None);
    bed.ctx.limits.memory = memory;
    let mut rows = Vec::new();
    for step in &steps {
        let before = rows.clone();
        apply(&mut rows, step);
        let exists = bed.lake.head(&bed.target, &bed.ctx).await.unwrap().schema.is_some();
        let done = carry_out(&bed, step).await;
        check_what_it_says(&before, &rows, &done, step, exists);
        if bed.lake.head(&bed.target, &bed.ctx).await.unwrap().schema.is_some() {
            assert_eq!(bed.rows().await, lines(&[sales(&rows)]), "after {step:?} of {steps:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, max_shrink_iters: 300, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn a_merge_is_what_it_is_in_memory(steps in prop::collection::vec(step(), 1..8), memory in prop_oneof![Just(64), Just(700), Just(1 << 30)]) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(play(steps, memory));
    }
}

/// Rows that do not compress, so that a table of some size is quickly made.
fn many(ids: impl Iterator<Item = i64> + Clone, round: i64) -> RecordBatch {
    let noise = |id: i64| {
        (id + 1)
            .wrapping_mul(0x9E37_79B9_7F4A_7C15_u64 as i64)
            .wrapping_add(round)
            .rotate_left(23)
    };
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from_iter_values(ids.clone())),
        Arc::new(StringArray::from_iter_values(ids.clone().map(|id| {
            format!(
                "{:016x}{:016x}{:016x}{:016x}",
                noise(id),
                noise(!id),
                noise(id * 3),
                noise(id * 5)
            )
        }))),
        Arc::new(
            TimestampMicrosecondArray::from_iter_values(ids.clone().map(|id| START + id % 400 * DAY))
                .with_timezone("UTC"),
        ),
        Arc::new(Float64Array::from_iter_values(ids.map(|id| noise(id << 1) as f64))),
    ];
    RecordBatch::try_new(sales(&[]).schema(), columns).unwrap()
}

async fn told(bed: &Bed) -> String {
    let view = bed.lake.view_at(&bed.target, None).await.unwrap();
    let session = datafusion::prelude::SessionContext::new();
    session.register_table("t", view.provider().unwrap()).unwrap();
    let sql = "select count(*), count(distinct id), sum(id) from t";
    lines(&session.sql(sql).await.unwrap().collect().await.unwrap())
}

/// A table of many files, of which every one is written anew by several lanes; then the same keys in many parts.
#[tokio::test(flavor = "multi_thread")]
async fn many_files_are_merged_by_several_lanes_and_in_many_parts() {
    let options = LakeOptions {
        target_file_bytes: 1 << 20,
        ..LakeOptions::default()
    };
    let folder = tempfile::TempDir::with_prefix("segue lake ").unwrap();
    let lake = crate::Lake::open(folder.path().to_str().unwrap(), &options).unwrap();
    let mut bed = Bed::on(lake, Some(folder));
    let rows: i64 = 220_000;
    let schema = sales(&[]).schema();
    let batches = |round: i64, step: usize| -> Vec<Rows> {
        let starts = (0..rows).step_by(8000);
        let batch = |from: i64| many((from..rows.min(from + 8000)).step_by(step), round);
        starts
            .map(|from| Rows {
                batch: batch(from),
                deletes: None,
            })
            .collect()
    };
    bed.run_all(Change::ReplaceTable, schema.clone(), batches(0, 1)).await;
    let table = bed.lake.view_at(&bed.target, None).await.unwrap();
    assert!(
        table.size_bytes() > 8 << 20,
        "{} bytes are a lane's",
        table.size_bytes()
    );
    let all: i64 = (0..rows).sum();
    for (round, step, memory) in [(1, 10, 1 << 30), (2, 100, 64 << 10)] {
        bed.ctx.limits.memory = memory;
        let done = bed.run_all(merge(), schema.clone(), batches(round, step)).await;
        let count = batches(round, step).iter().map(|r| r.batch.num_rows()).sum::<usize>();
        assert!(done.starts_with(&format!("+{count} -{count}\n")), "{done}");
        // The same again: nothing is written, though every file is looked through.
        assert_eq!(
            bed.run_all(merge(), schema.clone(), batches(round, step)).await,
            "unchanged"
        );
        assert_eq!(told(&bed).await, format!("{rows}|{rows}|{all}"));
    }
    // Of each file there is something left, and each keeps its stretch of the keys.
    let deletes: Vec<Rows> = batches(0, 2)
        .into_iter()
        .map(|Rows { batch, .. }| Rows {
            deletes: Some(BooleanArray::from(vec![true; batch.num_rows()])),
            batch,
        })
        .collect();
    let done = bed.run_all(merge(), schema, deletes).await;
    assert!(done.starts_with(&format!("+0 -{}\n", rows / 2)), "{done}");
    let left: i64 = (1..rows).step_by(2).sum();
    assert_eq!(told(&bed).await, format!("{}|{}|{left}", rows / 2, rows / 2));
}

/// One file is parted among the lanes: what one of them leaves as it is, another one may have to write anew.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_loses_rows_in_one_stretch_keeps_all_of_the_other() {
    let options = LakeOptions {
        target_file_bytes: 16 << 20,
        ..LakeOptions::default()
    };
    let url = "memory:///lake".parse().unwrap();
    let lake = crate::Lake::with_store(Arc::new(InMemory::new()), url, &options).unwrap();
    let bed = Bed::on(lake, None);
    let rows: i64 = 220_000;
    let schema = sales(&[]).schema();
    let batches = (0..rows).step_by(10_000).map(|from| Rows {
        batch: many(from..from + 10_000, 0),
        deletes: None,
    });
    bed.run_all(Change::ReplaceTable, schema.clone(), batches.collect())
        .await;
    let all: i64 = (0..rows).sum();
    // The first rows of the table, its last one, and none of it.
    for (ids, there) in [(0..100, 100), (rows - 1..rows, 1), (rows..rows + 5, 0)] {
        let staged = vec![bed.stage(&many(ids.clone(), 1)).await];
        let done = bed.work_out(&merge(), &staged, schema.clone()).await.unwrap();
        let plan = crate::plan::Plan::from_json(&done.plan).unwrap();
        assert_eq!(
            (done.rows_written, done.rows_removed),
            ((ids.end - ids.start) as u64, there)
        );
        assert_eq!(plan.removes.len(), usize::from(there > 0), "there is one file");
        let record = bed.record(&merge(), staged, schema.clone(), &done).await;
        bed.land(&record).await.unwrap();
        if there > 0 {
            assert_eq!(told(&bed).await, format!("{rows}|{rows}|{all}"));
        }
        bed.lake.compact(&bed.target, 2, &bed.ctx).await.unwrap();
    }
    let (more, sum) = (rows + 5, (0..rows + 5).sum::<i64>());
    assert_eq!(told(&bed).await, format!("{more}|{more}|{sum}"));
}

#[tokio::test]
async fn keys_at_both_ends_leave_the_files_between_them_closed() {
    let bed = Bed::disk();
    for ids in [[1, 9], [20, 29], [1000, 1001]] {
        bed.run(Change::Append, &sales(&ids.map(|id| (id, "a", 0, None)))).await;
    }
    // Were the file in the middle opened, it would be missed.
    let log = std::fs::read_to_string(bed.table_folder().join("_delta_log/00000000000000000001.json")).unwrap();
    for entry in std::fs::read_dir(bed.table_folder()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() && log.contains(path.file_name().unwrap().to_str().unwrap()) {
            std::fs::remove_file(path).unwrap();
        }
    }
    let staged = vec![bed.stage(&sales(&[(9, "b", 0, None), (1000, "b", 0, None)])).await];
    let done = bed.work_out(&merge(), &staged, sales(&[]).schema()).await.unwrap();
    assert_eq!((done.rows_written, done.rows_removed), (2, 2));
}

#[tokio::test]
async fn files_without_a_key_of_the_source_stay_and_others_lose_only_their_rows() {
    let bed = Bed::disk();
    for ids in [[1, 5], [2, 6]] {
        bed.run(Change::Append, &sales(&ids.map(|id| (id, "a", 0, None)))).await;
    }
    let staged = vec![bed.stage(&sales(&[(5, "b", 0, None), (3, "b", 0, None)])).await];
    let done = bed.work_out(&merge(), &staged, sales(&[]).schema()).await.unwrap();
    let plan = crate::plan::Plan::from_json(&done.plan).unwrap();
    let rows = |files: &[crate::file::DataFile]| files.iter().map(|f| f.rows.unwrap_or(0)).collect::<Vec<_>>();
    assert_eq!((rows(&plan.removes), rows(&plan.adds)), (vec![2], vec![1, 2]));
    let view = bed.lake.view(&bed.target, &done.plan, &bed.ctx).await.unwrap();
    insta::assert_snapshot!(rows_of(view.as_ref()).await, @r"
    1|a|2024-01-01T00:00:00Z|
    2|a|2024-01-01T00:00:00Z|
    3|b|2024-01-01T00:00:00Z|
    5|b|2024-01-01T00:00:00Z|
    6|a|2024-01-01T00:00:00Z|
    ");
}

#[tokio::test]
async fn more_rows_than_bits_in_memory_are_refused() {
    let mut bed = Bed::memory();
    bed.ctx.limits.memory = 100;
    let many = many(0..1000, 0);
    let refused = bed.run(merge(), &many).await;
    assert!(
        refused.starts_with("error[SG0412]: a merge of 1000 rows into raw.sales needs more memory"),
        "{refused}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merge_that_fails_in_one_lane_leaves_no_file_behind() {
    let options = LakeOptions {
        target_file_bytes: 1 << 20,
        ..LakeOptions::default()
    };
    let folder = tempfile::TempDir::with_prefix("segue lake ").unwrap();
    let lake = crate::Lake::open(folder.path().to_str().unwrap(), &options).unwrap();
    let mut bed = Bed::on(lake, None);
    let batches = (0..22).map(|at| Rows {
        batch: many(at * 10_000..(at + 1) * 10_000, 0),
        deletes: None,
    });
    let schema = sales(&[]).schema();
    bed.run_all(Change::ReplaceTable, schema.clone(), batches.collect())
        .await;
    bed.folder = None;
    let table = folder.path().join("raw/sales");
    let staged = vec![bed.stage(&many((0..220_000).step_by(100), 1)).await];
    let parquet = || -> Vec<std::path::PathBuf> {
        let entries = std::fs::read_dir(&table).unwrap().map(|e| e.unwrap().path());
        let mut files: Vec<_> = entries
            .filter(|p| p.extension().is_some_and(|e| e == "parquet"))
            .collect();
        files.sort();
        files
    };
    let before = parquet();
    assert!(before.len() > 5, "{before:?}");
    // The end of the last file is cut off.
    let last = std::fs::read_to_string(table.join("_delta_log/00000000000000000000.json")).unwrap();
    let last = before
        .iter()
        .max_by_key(|p| last.find(p.file_name().unwrap().to_str().unwrap()))
        .unwrap();
    let length = std::fs::metadata(last).unwrap().len();
    std::fs::OpenOptions::new()
        .write(true)
        .open(last)
        .unwrap()
        .set_len(length - 10)
        .unwrap();
    let failed = bed.work_out(&merge(), &staged, schema).await.unwrap_err();
    assert!(failed.to_text().contains("cannot read"), "{}", failed.to_text());
    assert_eq!(parquet(), before);
}
