//! Random sequences of changes against a table that is a list of rows in memory, read back at every version.

use super::bed::{Bed, Sale, merge, ranges, sales, slices};
use crate::{Lake, LakeOptions};
use arrow_array::BooleanArray;
use object_store::memory::InMemory;
use proptest::prelude::*;
use segue_core::Footprint;
use segue_core::sink::{Change, Rows, Sink};
use std::collections::BTreeMap;
use std::sync::Arc;

const CITIES: [&str; 4] = ["a", "b", "c", "d"];

#[derive(Clone, Debug)]
enum Step {
    Append(Vec<Sale>),
    Table(Vec<Sale>),
    Slices(Vec<&'static str>, Vec<Sale>),
    Days(i64, i64, Vec<Sale>),
    /// With, for each row, whether it deletes its key.
    Merge(Vec<(Sale, bool)>),
    Compact,
    Checkpoint,
}

fn sale() -> impl Strategy<Value = Sale> {
    let amount = prop_oneof![Just(None), Just(Some(0.0)), Just(Some(-0.0)), Just(Some(1.5))];
    (0..12i64, 0..4usize, 0..6i64, amount).prop_map(|(id, city, day, amount)| (id, CITIES[city], day, amount))
}

fn some_sales() -> impl Strategy<Value = Vec<Sale>> {
    prop::collection::vec(sale(), 0..6)
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => some_sales().prop_map(Step::Append),
        1 => some_sales().prop_map(Step::Table),
        2 => (prop::sample::subsequence(CITIES.to_vec(), 1..3), some_sales()).prop_map(|(cities, mut rows)| {
            rows.retain(|r| cities.contains(&r.1));
            Step::Slices(cities, rows)
        }),
        2 => (0..6i64, 1..4i64, some_sales()).prop_map(|(from, length, mut rows)| {
            rows.retain(|r| (from..from + length).contains(&r.2));
            Step::Days(from, from + length, rows)
        }),
        3 => prop::collection::vec((sale(), any::<bool>()), 0..6).prop_map(|mut rows| {
            let mut seen = std::collections::BTreeSet::new();
            rows.retain(|(r, _)| seen.insert(r.0));
            Step::Merge(rows)
        }),
        1 => Just(Step::Compact),
        1 => Just(Step::Checkpoint),
    ]
}

/// The rows after the step, and whether a reader of a day must see a change on it.
fn apply(rows: &mut Vec<Sale>, step: &Step) {
    match step {
        Step::Append(new) => rows.extend(new),
        Step::Table(new) => rows.clone_from(new),
        Step::Slices(cities, new) => {
            rows.retain(|r| !cities.contains(&r.1));
            rows.extend(new);
        }
        Step::Days(from, to, new) => {
            rows.retain(|r| !(*from..*to).contains(&r.2));
            rows.extend(new);
        }
        Step::Merge(new) => {
            // A doubled key that came by appending: equal rows stay, others of the key go.
            for (row, deletes) in new {
                let there = !deletes && rows.iter().any(|r| same(r, row));
                rows.retain(|r| r.0 != row.0 || (!deletes && same(r, row)));
                if !deletes && !there {
                    rows.push(*row);
                }
            }
        }
        Step::Compact | Step::Checkpoint => {}
    }
}

pub(super) fn same(a: &Sale, b: &Sale) -> bool {
    (a.0, a.1, a.2, a.3.map(f64::to_bits)) == (b.0, b.1, b.2, b.3.map(f64::to_bits))
}

/// How often each row is there.
pub(super) fn counted(rows: &[Sale]) -> BTreeMap<(i64, &'static str, i64, Option<u64>), usize> {
    let mut counts = BTreeMap::new();
    for r in rows {
        *counts.entry((r.0, r.1, r.2, r.3.map(f64::to_bits))).or_default() += 1;
    }
    counts
}

async fn carry_out(bed: &Bed, step: &Step) -> Option<Footprint> {
    let (change, batch, deletes) = match step {
        Step::Append(rows) => (Change::Append, sales(rows), None),
        Step::Table(rows) => (Change::ReplaceTable, sales(rows), None),
        Step::Slices(cities, rows) => (slices(cities), sales(rows), None),
        Step::Days(from, to, rows) => (ranges(&[(*from, *to)]), sales(rows), None),
        Step::Merge(rows) => {
            let (of, deletes): (Vec<Sale>, Vec<bool>) = rows.iter().copied().unzip();
            (merge(), sales(&of), Some(BooleanArray::from(deletes)))
        }
        Step::Compact => {
            if bed.lake.head(&bed.target, &bed.ctx).await.unwrap().schema.is_some() {
                bed.lake.compact(&bed.target, 2, &bed.ctx).await.unwrap();
            }
            return None;
        }
        Step::Checkpoint => {
            if bed.lake.head(&bed.target, &bed.ctx).await.unwrap().schema.is_some() {
                bed.lake.checkpoint(&bed.target).await.unwrap();
            }
            return None;
        }
    };
    let staged = vec![
        bed.stage_all(
            batch.schema(),
            vec![Rows {
                batch: batch.clone(),
                deletes,
            }],
        )
        .await
        .unwrap(),
    ];
    let done = bed.work_out(&change, &staged, batch.schema()).await.unwrap();
    if done.unchanged {
        return Some(Footprint::nothing());
    }
    let view = bed.lake.view(&bed.target, &done.plan, &bed.ctx).await.unwrap();
    let as_it_would_be = super::bed::rows_of(view.as_ref()).await;
    let record = bed.record(&change, staged, batch.schema(), &done).await;
    bed.land(&record).await.unwrap();
    assert_eq!(bed.rows().await, as_it_would_be);
    Some(done.footprint)
}

async fn play(steps: Vec<Step>) {
    // Files of one row group's least size, so that there are many.
    let options = LakeOptions {
        target_file_bytes: 4 << 10,
        ..LakeOptions::default()
    };
    let lake = Lake::with_store(Arc::new(InMemory::new()), "memory:///lake".parse().unwrap(), &options).unwrap();
    let bed = Bed::on(lake, None);
    let (mut rows, mut versions) = (Vec::new(), Vec::new());
    for step in &steps {
        let before = rows.clone();
        apply(&mut rows, step);
        let footprint = carry_out(&bed, step).await;
        check_footprint(&before, &rows, footprint, step);
        let head = bed.lake.head(&bed.target, &bed.ctx).await.unwrap();
        if head.schema.is_some() {
            versions.truncate(head.version as usize);
            versions.resize(head.version as usize + 1, super::bed::lines(&[sales(&rows)]));
        }
    }
    for (version, expected) in versions.iter().enumerate() {
        assert_eq!(
            &bed.rows_at(version as u64).await,
            expected,
            "version {version} of {steps:?}"
        );
    }
}

/// A footprint names every day on which rows changed, and none besides.
fn check_footprint(before: &[Sale], after: &[Sale], footprint: Option<Footprint>, step: &Step) {
    let Some(footprint) = footprint else { return };
    let (old, new) = (counted(before), counted(after));
    for day in 0..9i64 {
        let on = |all: &BTreeMap<(i64, &'static str, i64, Option<u64>), usize>| {
            all.iter()
                .filter(|(k, _)| k.2 == day)
                .map(|(k, n)| (*k, *n))
                .collect::<Vec<_>>()
        };
        let from = super::bed::START + day * super::bed::DAY;
        let told = footprint.meets("at", &segue_core::Span::new(from, from + super::bed::DAY));
        assert_eq!(told, on(&old) != on(&new), "day {day} of {step:?}: {footprint:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, max_shrink_iters: 200, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn every_version_reads_as_the_model(steps in prop::collection::vec(step(), 1..9)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(play(steps));
    }
}
