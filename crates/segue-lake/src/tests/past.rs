//! A version that comes back: what it changes, what it leaves alone, and what it does where the table moved.

use super::bed::{Bed, merge, sales, target};
use segue_core::commit::CommitRecord;
use segue_core::sink::{Change, Committed, Sink};
use segue_core::{Kind, Result};
use std::time::Duration;

/// One row a version: 1, 2 and 3; then 2 is another.
async fn four_versions() -> Bed {
    let bed = Bed::disk();
    for id in 1..=3 {
        bed.run(Change::Append, &sales(&[(id, "a", id, Some(1.0))])).await;
    }
    bed.run(merge(), &sales(&[(2, "other", 9, Some(2.0))])).await;
    bed
}

async fn back_to(bed: &Bed, version: u64) -> Result<CommitRecord> {
    let staged = vec![bed.lake.lay_ready(&bed.target, version).await?];
    let schema = bed.lake.at(&bed.target, version, &bed.ctx).await?.schema();
    let change = Change::ReplaceTable;
    let worked = bed
        .lake
        .work_out(&bed.target, schema.clone(), &change, &staged, &bed.grains, &bed.ctx)
        .await?;
    Ok(bed.record(&change, staged, schema, &worked).await)
}

async fn ids(bed: &Bed) -> String {
    let rows = bed.rows().await;
    let short = |line: &str| line.split('|').take(2).collect::<Vec<_>>().join("|");
    rows.lines().map(short).collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn a_version_comes_back_as_a_new_one() {
    let bed = four_versions().await;
    let record = back_to(&bed, 2).await.unwrap();
    // Files that the table has still neither come nor go.
    let plan = &record.parts[0].plan;
    assert_eq!(
        (
            plan["adds"].as_array().unwrap().len(),
            plan["removes"].as_array().unwrap().len()
        ),
        (1, 1),
        "{plan}"
    );
    assert_eq!(bed.land(&record).await.unwrap(), Committed::Written(4));
    assert_eq!(ids(&bed).await, "1|a 2|a 3|a");
    assert_eq!(bed.land(&record).await.unwrap(), Committed::AlreadyThere(4));
    let history = bed.lake.history(&bed.target, 1).await.unwrap();
    assert_eq!(
        (history[0].operation.as_deref(), history[0].n),
        (Some("RESTORE"), Some(5))
    );
    // Its files are the table's: to discard it removes nothing.
    bed.lake
        .discard(
            &bed.target,
            &record.parts[0].staged,
            Some(&record.parts[0].plan),
            &bed.ctx,
        )
        .await
        .unwrap();
    assert_eq!(ids(&bed).await, "1|a 2|a 3|a");
    assert_eq!(bed.lake.number_at(&bed.target, 4).await.unwrap(), 5);
    assert_eq!(bed.lake.number_at(&bed.target, 2).await.unwrap(), 3);
    assert_eq!(bed.lake.version_as_of(&bed.target, 3).await.unwrap(), Some(2));
    assert_eq!(bed.lake.version_as_of(&bed.target, 0).await.unwrap(), None);
    assert_eq!(bed.lake.version_as_of(&bed.target, 9).await.unwrap(), Some(4));
}

/// What brings a version back only adds files where rows were deleted. It may not land on rows that it has not seen, nor empty the table.
#[tokio::test]
async fn a_table_that_moved_is_looked_at_again() {
    for other in ["compaction", "append", "replace"] {
        let bed = four_versions().await;
        bed.run(Change::ReplaceTable, &sales(&[(3, "a", 3, Some(1.0))])).await;
        let mut record = back_to(&bed, 2).await.unwrap();
        bed.lake.claim(&record, &bed.ctx).await.unwrap();
        foreign(&bed, other).await;
        assert_eq!(
            bed.lake.commit(&record, 0, &bed.ctx).await.unwrap(),
            Committed::Moved,
            "{other}"
        );
        let part = record.parts[0].clone();
        let anew = bed
            .lake
            .work_out(
                &part.target,
                part.schema,
                &part.change,
                &part.staged,
                &part.grains,
                &bed.ctx,
            )
            .await
            .unwrap();
        record.parts[0].plan = anew.plan;
        assert!(matches!(
            bed.lake.commit(&record, 0, &bed.ctx).await.unwrap(),
            Committed::Written(_)
        ));
        assert_eq!(ids(&bed).await, "1|a 2|a 3|a", "{other}");
    }
}

/// Changes the table without a number, as another program would.
async fn foreign(bed: &Bed, what: &str) {
    let (change, rows) = match what {
        "replace" => (Change::ReplaceTable, sales(&[(7, "foreign", 7, None)])),
        _ => (Change::Append, sales(&[(7, "foreign", 7, None)])),
    };
    let staged = vec![bed.stage(&rows).await];
    let worked = bed.work_out(&change, &staged, rows.schema()).await.unwrap();
    bed.lake.amend(&bed.target, &worked.plan, &bed.ctx).await.unwrap();
    if what == "compaction" {
        bed.lake.compact(&bed.target, 2, &bed.ctx).await.unwrap();
    }
}

#[tokio::test]
async fn of_two_who_bring_it_back_one_lands() {
    let bed = four_versions().await;
    let (one, two) = (back_to(&bed, 2).await.unwrap(), back_to(&bed, 0).await.unwrap());
    assert_eq!(bed.land(&one).await.unwrap(), Committed::Written(4));
    // The number is taken, and so is the predecessor.
    assert_eq!(bed.lake.commit(&two, 0, &bed.ctx).await.unwrap(), Committed::ShutOut);
    assert_eq!(ids(&bed).await, "1|a 2|a 3|a");
}

#[tokio::test]
async fn files_that_are_gone_are_told_before_anything_is_done() {
    let bed = four_versions().await;
    bed.clock.forward(Duration::from_secs(3600));
    let vacuum = crate::Vacuum::default();
    bed.lake.vacuum(&bed.target, &vacuum, &bed.ctx).await.unwrap();
    let error = back_to(&bed, 2).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.error_code().map(|c| c.as_str())),
        (Kind::NotFound, Some("SG0407"))
    );
    let error = back_to(&bed, 99).await.unwrap_err();
    assert_eq!(error.kind(), Kind::NotFound);
    assert_eq!(ids(&bed).await, "1|a 2|other 3|a");
    assert!(bed.lake.record_of(&bed.target, 2).await.unwrap().is_some());
    assert!(bed.lake.record_of(&target("raw.other"), 2).await.unwrap().is_none());
}

/// A prepared commit names files of an old version: they are not vacuumed, and it can land when the state is asked to finish it.
#[tokio::test]
async fn a_vacuum_leaves_alone_what_is_to_come_back() {
    let bed = four_versions().await;
    let record = back_to(&bed, 2).await.unwrap();
    bed.lake.claim(&record, &bed.ctx).await.unwrap();
    bed.clock.forward(Duration::from_secs(3600));
    bed.lake
        .vacuum(&bed.target, &crate::Vacuum::default(), &bed.ctx)
        .await
        .unwrap();
    assert_eq!(
        bed.lake.commit(&record, 0, &bed.ctx).await.unwrap(),
        Committed::Written(4)
    );
    assert_eq!(ids(&bed).await, "1|a 2|a 3|a");
}
