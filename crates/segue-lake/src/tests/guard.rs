//! Two stale writers of each kind: refused or run again, never a wrong table; and what happens without the guard.
//!
//! The other program is the Delta library itself, as Spark or Python would be.

use super::bed::{Bed, merge, sales};
use crate::guard::{Guard, Own};
use arrow_array::RecordBatch;
use datafusion::prelude::{col, lit};
use deltalake_core::DeltaTable;
use deltalake_core::kernel::transaction::CommitBuilder;
use deltalake_core::logstore::CommitOrBytes;
use deltalake_core::protocol::{DeltaOperation, SaveMode};
use segue_core::sink::{Change, Committed};

/// How the other program changes a table that it has read before.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    Optimize,
    Overwrite,
    DeleteAll,
    DeleteSome,
    Merge,
}

pub(super) const KINDS: [Kind; 5] = [
    Kind::Optimize,
    Kind::Overwrite,
    Kind::DeleteAll,
    Kind::DeleteSome,
    Kind::Merge,
];

/// The table as the other program has it, unguarded.
pub(super) async fn plain(bed: &Bed) -> DeltaTable {
    let mut table = DeltaTable::new(bed.lake.log_of(&bed.target.place).unwrap());
    table.load().await.unwrap();
    table
}

/// The same behind the guard.
async fn guarded(bed: &Bed) -> DeltaTable {
    let plain = plain(bed).await;
    let guard = Guard::on(plain.log_store(), plain.version(), None, "the table");
    let mut table = DeltaTable::new(guard);
    table.load().await.unwrap();
    table
}

pub(super) async fn foreign_append(bed: &Bed, batch: &RecordBatch) {
    let table = plain(bed).await;
    table
        .write([batch.clone()])
        .with_save_mode(SaveMode::Append)
        .await
        .unwrap();
}

/// Carries the change out on the version that the table is loaded at.
pub(super) async fn carry_out(kind: Kind, table: DeltaTable) -> Result<(), String> {
    let said = |e: deltalake_core::DeltaTableError| e.to_string();
    match kind {
        Kind::Optimize => table.optimize().await.map(drop).map_err(said),
        Kind::Overwrite => {
            let write = table
                .write([sales(&[(100, "over", 0, None)])])
                .with_save_mode(SaveMode::Overwrite);
            write.await.map(drop).map_err(said)
        }
        Kind::DeleteAll => table.delete().await.map(drop).map_err(said),
        Kind::DeleteSome => table
            .delete()
            .with_predicate(col("id").lt(lit(3i64)))
            .await
            .map(drop)
            .map_err(said),
        Kind::Merge => {
            let session = datafusion::prelude::SessionContext::new();
            let source = session
                .read_batch(sales(&[(1, "merged", 0, None), (50, "new", 0, None)]))
                .unwrap();
            let merge = table
                .merge(source, col("t.id").eq(col("s.id")))
                .with_source_alias("s")
                .with_target_alias("t")
                .when_matched_update(|u| u.update("city", col("s.city")))
                .unwrap()
                .when_not_matched_insert(|i| {
                    i.set("id", col("s.id"))
                        .set("city", col("s.city"))
                        .set("at", col("s.at"))
                        .set("amount", col("s.amount"))
                })
                .unwrap();
            merge.await.map(drop).map_err(said)
        }
    }
}

/// Four small files of one row each.
async fn four_files() -> Bed {
    let bed = Bed::memory();
    for id in 1..=4 {
        bed.run(Change::Append, &sales(&[(id, "old", 0, None)])).await;
    }
    bed
}

/// The ids that are left when these are done one after the other.
pub(super) fn ids_after(kinds: &[Kind]) -> Vec<i64> {
    let mut ids = vec![1, 2, 3, 4];
    for kind in kinds {
        match kind {
            Kind::Optimize => {}
            Kind::Overwrite => ids = vec![100],
            Kind::DeleteAll => ids.clear(),
            Kind::DeleteSome => ids.retain(|id| *id >= 3),
            Kind::Merge => {
                for id in [1, 50] {
                    if !ids.contains(&id) {
                        ids.push(id);
                    }
                }
            }
        }
    }
    ids.sort_unstable();
    ids
}

pub(super) async fn ids(bed: &Bed) -> Vec<i64> {
    let mut ids: Vec<i64> = bed
        .rows()
        .await
        .lines()
        .map(|l| l.split('|').next().unwrap().parse().unwrap())
        .collect();
    ids.sort_unstable();
    ids
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_guard_every_pair_of_stale_writers_is_refused_and_right_when_run_again() {
    for first in KINDS {
        for second in KINDS {
            let bed = four_files().await;
            let (one, stale) = (guarded(&bed).await, guarded(&bed).await);
            carry_out(first, one).await.unwrap_or_else(|e| panic!("{first:?}: {e}"));
            let refused = carry_out(second, stale).await;
            // What finds nothing to do may say that it is done.
            if ids(&bed).await != ids_after(&[first]) {
                panic!(
                    "{second:?}, stale after {first:?}, was let through: {:?}",
                    ids(&bed).await
                );
            }
            assert!(refused.is_err(), "{second:?}, stale after {first:?}, was not refused");
            carry_out(second, guarded(&bed).await)
                .await
                .unwrap_or_else(|e| panic!("{second:?} again: {e}"));
            assert_eq!(
                ids(&bed).await,
                ids_after(&[first, second]),
                "{first:?}, then {second:?}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_guard_a_stale_writer_after_a_compaction_corrupts_the_table() {
    for stale_kind in [Kind::Optimize, Kind::Overwrite, Kind::DeleteAll] {
        let bed = four_files().await;
        let (one, stale) = (plain(&bed).await, plain(&bed).await);
        carry_out(Kind::Optimize, one).await.unwrap();
        carry_out(stale_kind, stale)
            .await
            .unwrap_or_else(|e| panic!("{stale_kind:?} was refused after all: {e}"));
        assert_ne!(
            ids(&bed).await,
            ids_after(&[Kind::Optimize, stale_kind]),
            "{stale_kind:?} is right without the guard: look whether it is still needed"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn our_own_changes_against_the_other_programs() {
    let ours: [fn() -> (Change, RecordBatch); 3] = [
        || (Change::ReplaceTable, sales(&[(100, "over", 0, None)])),
        || (merge(), sales(&[(1, "merged", 0, None), (50, "new", 0, None)])),
        || (super::bed::slices(&["old"]), sales(&[(7, "old", 0, None)])),
    ];
    for theirs in KINDS {
        for change in ours {
            let bed = four_files().await;
            let (change, batch) = change();
            let mut record = bed.prepare(change.clone(), &batch).await;
            carry_out(theirs, plain(&bed).await).await.unwrap();
            assert_eq!(
                bed.land(&record).await.unwrap(),
                Committed::Moved,
                "{change:?} after {theirs:?}"
            );
            let part = &record.parts[0];
            let schema = part.schema.clone();
            let again = crate::work::work_out(&bed.lake, &bed.target, schema, &change, &part.staged, &[], &bed.ctx);
            record.parts[0].plan = again.await.unwrap().plan;
            assert!(
                matches!(bed.land(&record).await.unwrap(), Committed::Written(_)),
                "{change:?} after {theirs:?}"
            );
            let mut expected = ids_after(&[theirs]);
            match change {
                Change::ReplaceTable => expected = vec![100],
                Change::Merge { .. } => expected.extend([1, 50]),
                _ => {
                    // Only the rows of the slice go: those that the other program wrote under other names stay.
                    let keeps = match theirs {
                        Kind::Overwrite => vec![100],
                        Kind::Merge => vec![1, 50],
                        _ => vec![],
                    };
                    expected = keeps;
                    expected.push(7);
                }
            }
            expected.sort_unstable();
            expected.dedup();
            assert_eq!(ids(&bed).await, expected, "{change:?} after {theirs:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_other_programs_stale_changes_after_ours_are_stopped_by_the_guard() {
    for theirs in KINDS {
        let bed = four_files().await;
        let stale = guarded(&bed).await;
        bed.run(Change::ReplaceTable, &sales(&[(100, "over", 0, None)])).await;
        assert!(carry_out(theirs, stale).await.is_err(), "{theirs:?}");
        assert_eq!(ids(&bed).await, [100], "{theirs:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn our_compaction_is_refused_on_what_another_one_compacted_and_begins_again() {
    let bed = four_files().await;
    let stale = bed.lake.load_target(&bed.target).await.unwrap().unwrap();
    carry_out(Kind::Optimize, plain(&bed).await).await.unwrap();
    // The library lets what we would commit through, retries and all; the guard does not.
    let files = stale.files("raw.sales").unwrap();
    let actions = files
        .iter()
        .map(|f| deltalake_core::kernel::Action::Remove(f.remove(0, false)))
        .collect();
    let guard = Guard::on(stale.log.clone(), Some(stale.version()), None, "raw.sales");
    let operation = DeltaOperation::Optimize {
        predicate: None,
        target_size: 1,
    };
    let refused = CommitBuilder::default()
        .with_actions(actions)
        .build(Some(&stale.state as _), guard, operation)
        .await;
    let refused = crate::commit::failed(refused.err().unwrap(), "compacting".into());
    assert_eq!(refused.error_code().map(|c| c.as_str()), Some("SG0409"), "{refused:?}");
    bed.run(Change::Append, &sales(&[(5, "new", 0, None)])).await;
    let done = bed.lake.compact(&bed.target, 2, &bed.ctx).await.unwrap();
    assert_eq!((done.files_removed, done.files_added), (2, 1));
    assert_eq!(ids(&bed).await, [1, 2, 3, 4, 5]);
    let table = bed.lake.load_target(&bed.target).await.unwrap().unwrap();
    assert_eq!(table.id(), Some(bed.target.table));
}

/// What the guard says to an entry that would become this version, for an operation that read version 3, the asset's commit 4.
async fn said(bed: &Bed, own: Option<(u64, u64)>, version: u64, entry: &str) -> String {
    let table = bed.lake.load_version(&bed.target, Some(3)).await.unwrap().unwrap();
    let own = own.map(|(n, predecessor)| Own {
        asset: bed.target.asset,
        n,
        predecessor,
        last: 4,
        is_whole: false,
    });
    let guard = Guard::on(table.log.clone(), Some(3), own, "raw.sales");
    let bytes = CommitOrBytes::LogBytes(entry.to_string().into());
    match guard.write_commit_entry(version, bytes, uuid::Uuid::nil()).await {
        Ok(()) => "done".to_string(),
        Err(e) => e.to_string(),
    }
}

#[tokio::test]
async fn each_rule_of_the_guard() {
    let bed = four_files().await;
    bed.run(Change::Append, &sales(&[(5, "mine", 0, None)])).await;
    let there = bed
        .lake
        .load_target(&bed.target)
        .await
        .unwrap()
        .unwrap()
        .files("raw.sales")
        .unwrap()[0]
        .clone();
    let add = format!(
        r#"{{"add":{{"path":"{}","size":{},"dataChange":true}}}}"#,
        there.path, there.size
    );
    let cut = format!(
        r#"{{"add":{{"path":"{}","size":{},"dataChange":true}}}}"#,
        there.path,
        there.size + 1
    );
    let missing = r#"{"add":{"path":"part-missing.parquet","size":1,"dataChange":true}}"#;
    let unreadable = r#"{"add":{"path":"part-%FF.parquet","size":1,"dataChange":true}}"#;
    let remove = format!(r#"{{"remove":{{"path":"{}","dataChange":false}}}}"#, there.path);
    let reshape = r#"{"metaData":{"id":"x"}}"#;
    let lines = [
        said(&bed, Some((5, 4)), 5, &add).await,
        said(&bed, Some((6, 4)), 5, &add).await,
        said(&bed, Some((6, 3)), 4, &add).await,
        said(&bed, None, 5, &remove).await,
        said(&bed, None, 5, reshape).await,
        said(&bed, None, 5, missing).await,
        said(&bed, None, 5, &cut).await,
        said(&bed, None, 5, unreadable).await,
        said(&bed, None, 3, &add).await,
        said(&bed, Some((6, 5)), 5, &add).await,
    ];
    let lines: Vec<String> = lines.iter().map(|l| l.replace(&there.path, "part-x.parquet")).collect();
    insta::assert_snapshot!(lines.join("\n"), @r"
    Transaction failed: commit 5 of raw.sales is there already: its last one is 5, not 4
    Transaction failed: commit 6 of raw.sales can never follow: its last one is 5, not 4
    Transaction failed: commit 6 of raw.sales can never follow: its last one is 4, not 3
    Transaction failed: raw.sales moved from version 3 to 4 while it was being changed
    Transaction failed: raw.sales moved from version 3 to 4 while it was being changed
    Transaction failed: a file that the commit adds to raw.sales is missing: part-missing.parquet
    Transaction failed: a file that the commit adds to raw.sales is missing: part-x.parquet
    Transaction failed: a file that the commit adds to raw.sales has a path that nobody could read: part-%FF.parquet
    Transaction failed: version 3 of raw.sales would be written twice
    done
    ");
}
