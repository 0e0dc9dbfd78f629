//! Once, in order, and looked at again after any error.

use super::bed::{Bed, merge, rows_of, sales, target};
use insta::assert_snapshot;
use segue_core::commit::{CommitRecord, Part, Role};
use segue_core::sink::{Change, Committed, Sink, Target};
use segue_core::{Footprint, Kind, TableId};
use std::time::Duration;

#[tokio::test]
async fn a_commit_lands_once_and_is_found_later_even_under_others() {
    let bed = Bed::disk();
    let one = bed.prepare(Change::Append, &sales(&[(1, "a", 0, None)])).await;
    assert_eq!(bed.land(&one).await.unwrap(), Committed::Written(0));
    assert_eq!(bed.land(&one).await.unwrap(), Committed::AlreadyThere(0));
    bed.run(Change::Append, &sales(&[(2, "b", 0, None)])).await;
    bed.run(Change::Append, &sales(&[(3, "c", 0, None)])).await;
    assert_eq!(bed.land(&one).await.unwrap(), Committed::AlreadyThere(0));
    assert_eq!(bed.rows().await.lines().count(), 3);
}

#[tokio::test]
async fn many_writers_of_a_new_table_make_it_once() {
    let bed = Bed::disk();
    let mut records = Vec::new();
    for id in 1..5 {
        let record = bed.prepare(Change::Append, &sales(&[(id, "b", 0, None)])).await;
        bed.lake.claim(&record, &bed.ctx).await.unwrap();
        records.push(record);
    }
    for outcome in futures::future::join_all(records.iter().map(|r| bed.lake.commit(r, 0, &bed.ctx))).await {
        assert!(matches!(outcome.unwrap(), Committed::Written(0) | Committed::ShutOut));
    }
    assert_eq!(bed.rows().await.lines().count(), 1);
}

#[tokio::test]
async fn a_table_that_another_program_moved_says_so_but_takes_rows_that_are_only_added() {
    let bed = Bed::disk();
    bed.run(Change::Append, &sales(&[(1, "a", 0, None)])).await;
    let added = bed.prepare(Change::Append, &sales(&[(2, "b", 0, None)])).await;
    bed.lake.claim(&added, &bed.ctx).await.unwrap();
    let merged = bed.prepare(merge(), &sales(&[(1, "z", 0, None)])).await;
    super::guard::foreign_append(&bed, &sales(&[(1000, "foreign", 0, None)])).await;
    assert_eq!(bed.land(&merged).await.unwrap(), Committed::Moved);
    assert_eq!(bed.land(&added).await.unwrap(), Committed::Written(2));
    // Worked out anew from the staged rows it would be shut out by then: another commit followed its predecessor.
    assert_eq!(bed.land(&merged).await.unwrap(), Committed::ShutOut);
    let told = bed.lake.changes(&bed.target, 0, 2, &bed.ctx).await.unwrap();
    let told: Vec<_> = told.iter().map(|c| (c.version, c.n, c.data_changed)).collect();
    assert_eq!(told, [(1, None, true), (2, Some(2), true)]);
}

#[tokio::test]
async fn a_moved_change_worked_out_anew_lands_with_the_same_number() {
    let bed = Bed::memory();
    bed.run(Change::Append, &sales(&[(1, "a", 0, None)])).await;
    let mut record = bed
        .prepare(merge(), &sales(&[(1, "z", 0, None), (5, "five", 0, None)]))
        .await;
    super::guard::foreign_append(&bed, &sales(&[(5, "foreign", 0, None)])).await;
    assert_eq!(bed.land(&record).await.unwrap(), Committed::Moved);
    let part = &record.parts[0];
    let again = bed
        .lake
        .work_out(
            &part.target,
            part.schema.clone(),
            &part.change,
            &part.staged,
            &part.grains,
            &bed.ctx,
        )
        .await
        .unwrap();
    record.parts[0].plan = again.plan;
    assert_eq!(bed.land(&record).await.unwrap(), Committed::Written(2));
    assert_snapshot!(bed.rows().await, @r"
    1|z|2024-01-01T00:00:00Z|
    5|five|2024-01-01T00:00:00Z|
    ");
}

#[tokio::test]
async fn a_commit_whose_staged_file_is_gone_never_lands() {
    let bed = Bed::disk();
    bed.run(Change::Append, &sales(&[(1, "a", 0, None)])).await;
    let record = bed.prepare(Change::Append, &sales(&[(2, "b", 0, None)])).await;
    bed.lake
        .discard(&bed.target, &record.parts[0].staged, None, &bed.ctx)
        .await
        .unwrap();
    let refused = bed.land(&record).await.unwrap_err();
    assert_eq!(
        (refused.kind(), refused.error_code().map(|c| c.as_str())),
        (Kind::BadData, Some("SG0408"))
    );
    assert_eq!(bed.rows().await.lines().count(), 1);
}

#[tokio::test]
async fn companions_follow_their_own_predecessors_and_are_found_again() {
    let bed = Bed::disk();
    let mut child = target("quarantine.sales");
    child.asset = bed.target.asset;
    let with_child = |mut record: CommitRecord, plan, staged, predecessor| {
        record.parts.push(Part {
            role: Role::Quarantine,
            target: child.clone(),
            predecessor,
            change: Change::Append,
            schema: sales(&[]).schema(),
            staged,
            grains: Vec::new(),
            plan,
        });
        record
    };
    let mut landed = Vec::new();
    for (id, touches) in [(1, true), (2, false), (3, true)] {
        let mut record = bed.prepare(Change::Append, &sales(&[(id, "a", 0, None)])).await;
        if touches {
            let bed = Bed {
                target: child.clone(),
                ..Bed::on(bed.lake.clone(), None)
            };
            let staged = vec![bed.stage(&sales(&[(id, "set aside", 0, None)])).await];
            let done = bed
                .work_out(&Change::Append, &staged, sales(&[]).schema())
                .await
                .unwrap();
            let head = bed.lake.head(&child, &bed.ctx).await.unwrap();
            record = with_child(record, done.plan, staged, head.n);
        }
        bed.land(&record).await.unwrap();
        if touches {
            assert!(matches!(
                bed.lake.commit(&record, 1, &bed.ctx).await.unwrap(),
                Committed::Written(_)
            ));
        }
        landed.push(record);
    }
    // Again, the first one too, on which another has landed since.
    assert_eq!(
        bed.lake.commit(&landed[0], 1, &bed.ctx).await.unwrap(),
        Committed::AlreadyThere(0)
    );
    assert_eq!(
        bed.lake.commit(&landed[2], 1, &bed.ctx).await.unwrap(),
        Committed::AlreadyThere(1)
    );
    assert_eq!(bed.lake.head(&child, &bed.ctx).await.unwrap().n, 3);
    let tables: Vec<String> = bed
        .lake
        .tables(&bed.ctx)
        .await
        .unwrap()
        .into_iter()
        .map(|t| t.unwrap().place)
        .collect();
    assert_eq!(tables, ["raw/sales"], "companions are found through their records");
}

#[tokio::test]
async fn records_are_whole_after_checkpoints_and_log_clean_up() {
    let bed = Bed::disk();
    for id in 1..=4 {
        bed.run(Change::Append, &sales(&[(id, "a", 0, None)])).await;
    }
    let claimed_only = bed.prepare(Change::Append, &sales(&[(9, "never", 0, None)])).await;
    bed.lake.claim(&claimed_only, &bed.ctx).await.unwrap();
    bed.lake.checkpoint(&bed.target).await.unwrap();
    bed.clock.forward(Duration::from_secs(60));
    assert!(bed.lake.clean_log(&bed.target, Duration::ZERO, &bed.ctx).await.unwrap() > 0);
    let records = bed.lake.records(&bed.target, &bed.ctx).await.unwrap();
    assert_eq!(records.iter().map(|r| r.n).collect::<Vec<_>>(), [1, 2, 3, 4]);
    // An asset that was not asked for before the clean-up.
    let stranger = segue_core::sink::Target {
        asset: segue_core::AssetId::random(),
        ..bed.target.clone()
    };
    assert_eq!(bed.lake.head(&stranger, &bed.ctx).await.unwrap().n, 0);
    let head = bed.lake.head(&bed.target, &bed.ctx).await.unwrap();
    assert_eq!((head.n, head.id, head.version), (4, Some(records[3].id), 3));
    assert_eq!(bed.lake.highest(&bed.target, &bed.ctx).await.unwrap(), 5);
    assert_eq!(
        bed.land(&records[1]).await.unwrap(),
        Committed::AlreadyThere(3),
        "landed, at a version no longer told"
    );
    let refused = bed.lake.changes(&bed.target, 0, 3, &bed.ctx).await.unwrap_err();
    assert_eq!(refused.error_code().map(|c| c.as_str()), Some("SG0406"));
    bed.run(Change::Append, &sales(&[(5, "b", 0, None)])).await;
    assert_eq!(bed.rows().await.lines().count(), 5);
}

/// A companion of a table in a database, as a record of the asset names it.
struct OfDatabase {
    bed: Bed,
    own: Target,
}

impl OfDatabase {
    fn new() -> OfDatabase {
        let mut bed = Bed::disk();
        let own = Target {
            connection: Some("shop".into()),
            place: "orders".into(),
            ..bed.target.clone()
        };
        bed.target = Target {
            asset: own.asset,
            ..target("quarantine.orders")
        };
        OfDatabase { bed, own }
    }

    /// The asset's n-th commit, on top of the last one that its companion took: to the database, and these rows to the companion.
    async fn record(&self, n: u64, batch: &arrow_array::RecordBatch) -> CommitRecord {
        let mut record = self.bed.prepare(Change::Append, batch).await;
        let companion = Part {
            role: Role::Quarantine,
            ..record.parts.remove(0)
        };
        let own = Part {
            role: Role::Table,
            target: self.own.clone(),
            predecessor: n - 1,
            plan: serde_json::Value::Null,
            staged: Vec::new(),
            ..companion.clone()
        };
        CommitRecord {
            n,
            predecessor: n - 1,
            table: self.own.table,
            parts: vec![own, companion],
            ..record
        }
    }
}

/// The database decides and knows which attempt has a number: there are no claims.
#[tokio::test]
async fn a_companion_of_a_table_in_a_database_goes_by_its_number() {
    let of = OfDatabase::new();
    let bed = &of.bed;
    let first = of.record(1, &sales(&[(1, "set aside", 0, None)])).await;
    bed.lake.lies_ready(&first, 1, &bed.ctx).await.unwrap();
    assert_eq!(
        bed.lake.commit(&first, 1, &bed.ctx).await.unwrap(),
        Committed::Written(0)
    );
    assert_eq!(
        bed.lake.commit(&first, 1, &bed.ctx).await.unwrap(),
        Committed::AlreadyThere(0)
    );
    // The second commit of the asset left its companion alone.
    let third = of.record(3, &sales(&[(3, "set aside", 0, None)])).await;
    assert_eq!(third.parts[1].predecessor, 1);
    let late = of.record(2, &sales(&[(2, "too late", 0, None)])).await;
    assert_eq!(
        bed.lake.commit(&third, 1, &bed.ctx).await.unwrap(),
        Committed::Written(1)
    );
    assert_eq!(
        bed.lake.commit(&third, 1, &bed.ctx).await.unwrap(),
        Committed::AlreadyThere(1)
    );
    assert_eq!(
        bed.lake.commit(&first, 1, &bed.ctx).await.unwrap(),
        Committed::AlreadyThere(0)
    );
    assert_eq!(bed.rows().await.lines().count(), 2);
    // One whose predecessor is not the last, and that is above the last: it never follows.
    let stray = CommitRecord { n: 4, ..late };
    assert_eq!(bed.lake.commit(&stray, 1, &bed.ctx).await.unwrap(), Committed::ShutOut);
    assert!(bed.lake.tables(&bed.ctx).await.unwrap().is_empty(), "it is a companion");
}

#[tokio::test]
async fn what_a_companion_needs_is_looked_for_before_its_table_decides() {
    let of = OfDatabase::new();
    let bed = &of.bed;
    let record = of.record(1, &sales(&[(1, "set aside", 0, None)])).await;
    bed.lake.lies_ready(&record, 1, &bed.ctx).await.unwrap();
    bed.lake
        .discard(&bed.target, &record.parts[1].staged, None, &bed.ctx)
        .await
        .unwrap();
    let gone = bed.lake.lies_ready(&record, 1, &bed.ctx).await.unwrap_err();
    assert_eq!(gone.error_code(), Some(segue_diag::STAGED_GONE));
}

/// Every so often a record holds the whole ledger: what came before is history.
#[tokio::test]
async fn an_old_record_that_is_lost_is_not_missed() {
    let bed = Bed::disk();
    for id in 1..=5 {
        let mut record = bed.prepare(Change::Append, &sales(&[(id, "a", 0, None)])).await;
        record.whole_ledger = (id == 1 || id == 4).then(Vec::new);
        bed.land(&record).await.unwrap();
    }
    let claim = |n: u64| bed.table_folder().join(format!("_segue/commits/{n:020}.json"));
    let told = async || match bed.lake.records(&bed.target, &bed.ctx).await {
        Ok(records) => records.iter().map(|r| r.n.to_string()).collect::<Vec<_>>().join(" "),
        Err(e) => e.to_string(),
    };
    assert_snapshot!(told().await, @"1 2 3 4 5");
    std::fs::remove_file(claim(3)).unwrap();
    assert_snapshot!(told().await, @"4 5");
    std::fs::write(claim(2), "no record").unwrap();
    assert_snapshot!(told().await, @"4 5");
    std::fs::remove_file(claim(4)).unwrap();
    assert_snapshot!(told().await, @"the record of commit 4 at raw/sales is gone");
}

/// The claim tells the change as it was first worked out; who reads the table goes by what landed.
#[tokio::test]
async fn the_footprint_of_a_commit_that_landed_otherwise_is_not_known() {
    let bed = Bed::disk();
    bed.run(Change::Append, &sales(&[(1, "a", 0, None)])).await;
    let mut record = bed.prepare(merge(), &sales(&[(1, "z", 0, None)])).await;
    bed.lake.claim(&record, &bed.ctx).await.unwrap();
    super::guard::foreign_append(&bed, &sales(&[(5, "foreign", 0, None)])).await;
    assert_eq!(bed.land(&record).await.unwrap(), Committed::Moved);
    bed.lake.compact(&bed.target, 2, &bed.ctx).await.unwrap();
    let part = &record.parts[0];
    let anew = bed
        .lake
        .work_out(
            &part.target,
            part.schema.clone(),
            &part.change,
            &part.staged,
            &part.grains,
            &bed.ctx,
        )
        .await
        .unwrap();
    record.parts[0].plan = anew.plan;
    bed.land(&record).await.unwrap();
    bed.run(merge(), &sales(&[(5, "ours", 3, None)])).await;
    let records = bed.lake.records(&bed.target, &bed.ctx).await.unwrap();
    let known: Vec<bool> = records.iter().map(|r| r.footprint != Footprint::Everything).collect();
    assert_eq!(known, [true, false, true]);
}

/// What a rebuild of the state finds: every table by itself, also where its neighbour is damaged.
#[tokio::test]
async fn a_damaged_table_hides_no_other_and_is_not_passed_over() {
    let bed = Bed::disk();
    bed.run(Change::Append, &sales(&[(1, "a", 0, None)])).await;
    bed.run(Change::Append, &sales(&[(2, "a", 0, None)])).await;
    let claim = |n: u64| bed.table_folder().join(format!("_segue/commits/{n:020}.json"));
    let told = async || {
        let tables = bed.lake.tables(&bed.ctx).await.unwrap().into_iter();
        let one = |found: segue_core::Result<segue_core::sink::Target>| found.map_or_else(|e| e.to_text(), |t| t.place);
        tables.map(one).collect::<Vec<_>>().join("\n")
    };
    assert_snapshot!(told().await, @"raw/sales");
    // The claim of the last commit is lost: the one before says whose it is, and the records are told as broken.
    std::fs::write(claim(2), "no record").unwrap();
    assert_snapshot!(told().await, @"raw/sales");
    assert!(bed.lake.head(&bed.target, &bed.ctx).await.is_err());
    std::fs::remove_file(claim(2)).unwrap();
    let broken = bed.lake.records(&bed.target, &bed.ctx).await.unwrap_err();
    assert_eq!(broken.error_code(), Some(segue_diag::CLAIM_GONE));
    std::fs::remove_dir_all(bed.table_folder().join("_segue")).unwrap();
    assert_snapshot!(told().await, @"
    error[SG0411]: nothing beside the table at raw/sales says whose it is and what was done
      hint: put its folder _segue back from a backup; or move the table away, and its asset is made anew
      more: segue explain SG0411
    ");
}

#[tokio::test]
async fn another_table_at_the_place_is_refused() {
    let bed = Bed::memory();
    bed.run(Change::Append, &sales(&[(1, "a", 0, None)])).await;
    let mut other = bed.target.clone();
    other.table = TableId::random();
    let refused = bed.lake.at(&other, 0, &bed.ctx).await.err().unwrap();
    assert_eq!(refused.error_code().map(|c| c.as_str()), Some("SG0401"));
    assert!(bed.lake.drop_table(&other, &bed.ctx).await.is_err());
    assert_eq!(
        bed.lake.head(&other, &bed.ctx).await.unwrap().table,
        Some(bed.target.table)
    );
}

#[tokio::test]
async fn a_dropped_table_is_gone_with_its_claims() {
    let bed = Bed::disk();
    bed.run(Change::Append, &sales(&[(1, "a", 0, None)])).await;
    bed.lake.drop_table(&bed.target, &bed.ctx).await.unwrap();
    let head = bed.lake.head(&bed.target, &bed.ctx).await.unwrap();
    assert_eq!((head.n, head.version, head.schema), (0, 0, None));
    assert_eq!(bed.lake.highest(&bed.target, &bed.ctx).await.unwrap(), 0);
    assert!(bed.lake.tables(&bed.ctx).await.unwrap().is_empty());
    bed.run(Change::Append, &sales(&[(2, "b", 0, None)])).await;
    assert_snapshot!(bed.rows().await, @"2|b|2024-01-01T00:00:00Z|");
}

#[tokio::test]
async fn versions_stay_readable_and_unknown_ones_are_refused() {
    let bed = Bed::memory();
    assert_snapshot!(bed.rows().await, @"error: there is no table raw.sales yet");
    bed.run(Change::Append, &sales(&[(1, "a", 0, None)])).await;
    bed.run(merge(), &sales(&[(1, "b", 0, None)])).await;
    assert_snapshot!(bed.rows_at(0).await, @"1|a|2024-01-01T00:00:00Z|");
    let far = bed.lake.at(&bed.target, 99, &bed.ctx).await.err().unwrap();
    assert_eq!(
        (far.kind(), far.error_code().map(|c| c.as_str())),
        (Kind::NotFound, Some("SG0407"))
    );
    let first = bed.lake.view_at(&bed.target, Some(0)).await.unwrap();
    assert_eq!((first.version(), first.row_count()), (Some(0), Some(1)));
    assert_snapshot!(rows_of(first.as_ref()).await, @"1|a|2024-01-01T00:00:00Z|");
}

#[tokio::test]
async fn a_table_that_was_read_before_is_not_taken_for_one_made_anew_at_its_place() {
    let bed = Bed::disk();
    let folder = bed.folder.as_ref().unwrap().path().join("the lake");
    let other = crate::Lake::open(folder.to_str().unwrap(), &super::bed::options()).unwrap();
    for id in 1..=3 {
        bed.run(Change::Append, &sales(&[(id, "old", 0, None)])).await;
    }
    assert_eq!(bed.rows().await.lines().count(), 3);
    other.drop_table(&bed.target, &bed.ctx).await.unwrap();
    assert_snapshot!(bed.rows().await, @"error: there is no table raw.sales yet");
    let new = Bed {
        target: bed.target.clone(),
        ..Bed::on(other, None)
    };
    for id in 1..=4 {
        new.run(Change::Append, &sales(&[(id, "new", 0, None)])).await;
    }
    assert_eq!(bed.rows().await, new.rows().await);
    bed.run(Change::Append, &sales(&[(9, "by the first", 0, None)])).await;
    assert_eq!(new.rows().await.lines().count(), 5);
}
