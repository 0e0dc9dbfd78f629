//! House-keeping.

use super::bed::{Bed, merge, ranges, sales};
use crate::{Lake, Vacuum};
use insta::assert_snapshot;
use segue_core::sink::{Change, Sink};
use std::time::Duration;

const DAY: Duration = Duration::from_secs(86_400);

async fn eight() -> Bed {
    let bed = Bed::disk();
    for id in 1..=8 {
        bed.run(Change::Append, &sales(&[(id, "a", 0, None)])).await;
    }
    bed
}

#[tokio::test]
async fn compaction_joins_files_and_changes_no_row() {
    let bed = eight().await;
    let before = bed.rows().await;
    assert_eq!(
        bed.lake.compact(&bed.target, 9, &bed.ctx).await.unwrap(),
        crate::Compacted::default()
    );
    let done = bed.lake.compact(&bed.target, 8, &bed.ctx).await.unwrap();
    assert_eq!((done.version, done.files_removed, done.files_added), (Some(8), 8, 1));
    assert_eq!(bed.rows().await, before);
    assert_eq!(bed.rows_at(7).await, before);
    let told = bed.lake.changes(&bed.target, 7, 8, &bed.ctx).await.unwrap();
    assert_eq!((told[0].n, told[0].data_changed), (None, false));
    assert_eq!(bed.lake.head(&bed.target, &bed.ctx).await.unwrap().n, 8);
    assert_snapshot!(bed.run(merge(), &sales(&[(3, "b", 0, None)])).await, @r"
    +1 -1
    footprint: 2 rows, at in [0, 1)
    commit 9 is version 9
    ");
}

#[tokio::test]
async fn history_tells_versions_commits_and_times() {
    let bed = eight().await;
    bed.lake.compact(&bed.target, 2, &bed.ctx).await.unwrap();
    let history = bed.lake.history(&bed.target, 3).await.unwrap();
    let shown: Vec<String> = history
        .iter()
        .map(|e| {
            let operation = e.operation.as_deref().unwrap_or("");
            format!(
                "{} {operation} n={:?} +{} -{} changed={}",
                e.version, e.n, e.files_added, e.files_removed, e.data_changed
            )
        })
        .collect();
    assert_snapshot!(shown.join("\n"), @r"
    8 OPTIMIZE n=None +1 -8 changed=false
    7 WRITE n=Some(8) +1 -0 changed=true
    6 WRITE n=Some(7) +1 -0 changed=true
    ");
    let records = bed.lake.records(&bed.target, &bed.ctx).await.unwrap();
    assert_eq!(history[1].id, Some(records[7].id));
    let at = history[1].at.unwrap();
    let found = bed.lake.version_at(&bed.target, at).await.unwrap();
    assert!(found >= 7);
    let long_ago = at.checked_sub(DAY * 400).unwrap();
    assert!(bed.lake.version_at(&bed.target, long_ago).await.is_err());
}

#[tokio::test]
async fn vacuum_keeps_what_time_travel_was_promised_and_removes_the_rest() {
    let bed = eight().await;
    bed.lake.compact(&bed.target, 2, &bed.ctx).await.unwrap();
    let promised = Vacuum {
        keep: DAY * 7,
        ..Vacuum::default()
    };
    bed.clock.forward(DAY);
    assert_eq!(
        bed.lake
            .vacuum(&bed.target, &promised, &bed.ctx)
            .await
            .unwrap()
            .files
            .len(),
        0
    );
    assert_eq!(bed.rows_at(7).await.lines().count(), 8);
    bed.clock.forward(DAY * 7);
    let dry = bed
        .lake
        .vacuum(
            &bed.target,
            &Vacuum {
                dry_run: true,
                ..promised.clone()
            },
            &bed.ctx,
        )
        .await
        .unwrap();
    assert_eq!(dry.files.len(), 8);
    assert_eq!(bed.rows_at(7).await.lines().count(), 8);
    assert_eq!(bed.lake.vacuum(&bed.target, &promised, &bed.ctx).await.unwrap(), dry);
    assert_eq!(bed.rows().await.lines().count(), 8);
    let gone = bed.rows_at(7).await;
    assert!(gone.starts_with("error[SG0407]: a file of the table is gone"), "{gone}");
    assert_eq!(
        bed.lake.records(&bed.target, &bed.ctx).await.unwrap().len(),
        8,
        "claims are never removed"
    );
}

#[tokio::test]
async fn vacuum_leaves_what_a_step_or_a_prepared_record_may_need() {
    let bed = Bed::disk();
    bed.run(Change::Append, &sales(&[(1, "a", 0, None)])).await;
    let orphan = bed.stage(&sales(&[(2, "orphan", 0, None)])).await;
    let named = bed.prepare(Change::Append, &sales(&[(3, "prepared", 0, None)])).await;
    let claimed = bed.prepare(Change::Append, &sales(&[(4, "claimed", 0, None)])).await;
    bed.lake.claim(&claimed, &bed.ctx).await.unwrap();
    let began = bed.clock.now_before();
    bed.clock.forward(DAY * 30);
    let protect = Lake::files_named_by(&named, bed.target.table).unwrap();
    let running = Vacuum {
        running_since: Some(began),
        protect,
        ..Vacuum::default()
    };
    assert_eq!(
        bed.lake
            .vacuum(&bed.target, &running, &bed.ctx)
            .await
            .unwrap()
            .files
            .len(),
        0
    );
    let idle = Vacuum {
        running_since: None,
        ..running
    };
    let gone = bed.lake.vacuum(&bed.target, &idle, &bed.ctx).await.unwrap();
    assert_eq!(gone.files.len(), 1);
    assert!(
        orphan.place.to_string().contains(&gone.files[0]),
        "only the orphan went"
    );
    // Unnamed, the prepared one's file goes; the claimed one's stays whatever the arguments.
    let careless = Vacuum::default();
    assert_eq!(
        bed.lake
            .vacuum(&bed.target, &careless, &bed.ctx)
            .await
            .unwrap()
            .files
            .len(),
        1
    );
    assert!(bed.lake.commit(&claimed, 0, &bed.ctx).await.is_ok());
    assert_eq!(bed.rows().await.lines().count(), 2);
}

#[tokio::test]
async fn a_checkpointed_table_reads_the_same_and_keeps_its_tombstones() {
    let bed = eight().await;
    bed.run(merge(), &sales(&[(1, "z", 0, None)])).await;
    let before = bed.rows().await;
    bed.lake.checkpoint(&bed.target).await.unwrap();
    bed.clock.forward(DAY);
    bed.lake.clean_log(&bed.target, Duration::ZERO, &bed.ctx).await.unwrap();
    assert_eq!(bed.rows().await, before);
    let gone = bed
        .lake
        .vacuum(
            &bed.target,
            &Vacuum {
                keep: DAY * 7,
                ..Vacuum::default()
            },
            &bed.ctx,
        )
        .await
        .unwrap();
    assert!(gone.files.is_empty());
    bed.run(merge(), &sales(&[(2, "y", 0, None)])).await;
    assert!(bed.rows().await.contains("2|y"));
}

#[tokio::test]
async fn vacuum_removes_what_a_killed_writer_left_without_a_name() {
    let bed = Bed::disk();
    bed.run(Change::Append, &sales(&[(1, "a", 0, None)])).await;
    let left = bed.table_folder().join("part-left.parquet#12345");
    std::fs::write(&left, "half").unwrap();
    let promised = Vacuum {
        keep: DAY,
        ..Vacuum::default()
    };
    assert!(
        bed.lake
            .vacuum(&bed.target, &promised, &bed.ctx)
            .await
            .unwrap()
            .files
            .is_empty()
    );
    bed.clock.forward(DAY * 2);
    let gone = bed.lake.vacuum(&bed.target, &promised, &bed.ctx).await.unwrap();
    assert_eq!(gone.files, ["part-left.parquet#12345"]);
    assert!(!left.exists());
    assert_eq!(bed.rows().await.lines().count(), 1);
}

#[tokio::test]
async fn tidying_compacts_many_small_files_and_checkpoints_a_long_log() {
    let (bed, mut checkpoints) = (Bed::memory(), 0);
    for id in 1..=30 {
        bed.run(Change::Append, &sales(&[(id, "a", 0, None)])).await;
        let tidied = bed.lake.tidy(&bed.target, &bed.ctx).await.unwrap();
        // Each compaction is a version of its own, and the joined file is as small as the others.
        assert_eq!(
            tidied.compacted.version.is_some(),
            matches!(id, 8 | 15 | 22 | 29),
            "after {id}"
        );
        checkpoints += usize::from(tidied.checkpoint.is_some());
    }
    assert_eq!(checkpoints, 1, "34 versions have one checkpoint, at the twentieth");
    assert_eq!(bed.rows().await.lines().count(), 30);
    assert!(
        bed.lake
            .load_target(&bed.target)
            .await
            .unwrap()
            .unwrap()
            .files("raw.sales")
            .unwrap()
            .len()
            < 8
    );
}

#[tokio::test]
async fn an_amendment_changes_rows_and_has_no_number() {
    let bed = eight().await;
    let number = async || bed.lake.head(&bed.target, &bed.ctx).await.unwrap().n;
    let staged = vec![bed.stage(&sales(&[(9, "b", 1, None)])).await];
    let schema = sales(&[]).schema();
    let adds = bed.work_out(&Change::Append, &staged, schema.clone()).await.unwrap();
    assert_eq!(bed.lake.amend(&bed.target, &adds.plan, &bed.ctx).await.unwrap(), 8);
    assert_eq!((bed.rows().await.lines().count(), number().await), (9, 8));
    // A worker that was frozen over it does the same once more: the same file, and nothing twice.
    bed.lake.amend(&bed.target, &adds.plan, &bed.ctx).await.unwrap();
    assert_eq!((bed.rows().await.lines().count(), number().await), (9, 8));
    let goes = bed.work_out(&ranges(&[(0, 1)]), &[], schema).await.unwrap();
    assert_eq!(bed.lake.amend(&bed.target, &goes.plan, &bed.ctx).await.unwrap(), 10);
    assert_eq!(bed.rows().await.lines().count(), 1);
    assert_snapshot!(bed.run(Change::Append, &sales(&[(10, "c", 0, None)])).await, @r"
    +1 -0
    footprint: 1 rows, at in [0, 1)
    commit 9 is version 11
    ");
}

#[tokio::test]
async fn a_stale_amendment_that_removes_is_refused() {
    let bed = eight().await;
    let goes = bed
        .work_out(&ranges(&[(0, 1)]), &[], sales(&[]).schema())
        .await
        .unwrap();
    bed.run(Change::Append, &sales(&[(9, "b", 0, None)])).await;
    let refused = bed.lake.amend(&bed.target, &goes.plan, &bed.ctx).await.unwrap_err();
    assert_eq!(refused.kind(), segue_core::Kind::Conflict, "{refused}");
    assert_eq!(bed.rows().await.lines().count(), 9);
}

#[tokio::test]
async fn the_first_run_of_a_day_that_commits_is_told_from_the_others() {
    let bed = eight().await;
    bed.lake.compact(&bed.target, 2, &bed.ctx).await.unwrap();
    let runs = segue_core::RunId::random;
    let commit = async |run, id| {
        let ctx = bed.ctx.step(run, "raw.sales");
        let mut record = bed.prepare(Change::Append, &sales(&[(id, "b", 0, None)])).await;
        record.run = Some(run);
        bed.land(&record).await.unwrap();
        ctx
    };
    let first = commit(runs(), 20).await;
    let is_first = async |ctx| bed.lake.is_first_of_day(&bed.target, ctx).await.unwrap();
    assert!(!is_first(&first).await, "no run was before");
    bed.clock.forward(DAY);
    let run = runs();
    commit(run, 21).await;
    let second = commit(run, 22).await;
    assert!(is_first(&second).await, "its own commits do not count");
}
