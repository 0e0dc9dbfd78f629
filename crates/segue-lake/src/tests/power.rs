//! The power is cut after each commit: nothing that counted is lost, and each sync is needed for that.

use super::bed::{Bed, merge, sales};
use crate::{Lake, LakeOptions, SyncedLocal};
use segue_core::durable::make_folders;
use segue_core::sink::{Change, Sink};
use segue_testkit::power::Platters;
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Sync {
    Data,
    Log,
    Claims,
    LogFolder,
    DataFolder,
    ClaimsFolder,
    /// The folders above a table's.
    Above,
}

fn kind_of(path: &Path, is_folder: bool) -> Sync {
    let text = path.to_str().unwrap();
    match is_folder {
        false if text.contains("/_delta_log/") => Sync::Log,
        false if text.contains("/_segue/commits/") => Sync::Claims,
        false => Sync::Data,
        true if text.ends_with("/_delta_log") => Sync::LogFolder,
        true if text.ends_with("/_segue/commits") || text.ends_with("/_segue") => Sync::ClaimsFolder,
        true if text.ends_with("/raw/sales") => Sync::DataFolder,
        true => Sync::Above,
    }
}

/// Runs some commits, cuts the power after each of them, and says what was lost.
async fn cut_after_each_commit(without: Option<Sync>) -> Result<(), String> {
    let real = TempDir::new().unwrap();
    let parent = real.path().canonicalize().unwrap();
    let folder = parent.join("lake");
    std::fs::create_dir(&folder).unwrap();
    let taken_out = move |path: &Path, is_folder: bool| without == Some(kind_of(path, is_folder));
    let platters = Arc::new(Platters::holding(&folder, Box::new(taken_out)));
    let store = SyncedLocal::with(&folder, platters.clone());
    let lake = Lake::with_local(store, &folder, &LakeOptions::default()).unwrap();
    let bed = Bed::on(lake, None);
    let changes = [
        (Change::Append, sales(&[(1, "a", 0, None)])),
        (merge(), sales(&[(1, "b", 0, None), (2, "c", 0, None)])),
        (Change::Append, sales(&[(3, "d", 0, None)])),
    ];
    for (change, batch) in changes {
        // The power is cut after the claim too: what is prepared must be there to be finished.
        let record = bed.prepare(change, &batch).await;
        bed.lake.claim(&record, &bed.ctx).await.unwrap();
        let claimed = after(&platters, &parent, &bed).await;
        let highest = claimed
            .bed
            .lake
            .highest(&bed.target, &bed.ctx)
            .await
            .map_err(|e| format!("the claim is broken: {e}"))?;
        if highest != record.n {
            return Err(format!("the claim of {} is lost", record.n));
        }
        claimed
            .bed
            .lake
            .claim(&record, &bed.ctx)
            .await
            .map_err(|e| format!("the claim is broken: {e}"))?;
        claimed
            .bed
            .lake
            .commit(&record, 0, &bed.ctx)
            .await
            .map_err(|e| format!("what was staged is lost: {e}"))?;
        let finished = claimed.bed.rows().await;
        bed.lake.commit(&record, 0, &bed.ctx).await.unwrap();
        let committed = after(&platters, &parent, &bed).await;
        let head = committed
            .bed
            .lake
            .head(&bed.target, &bed.ctx)
            .await
            .map_err(|e| format!("the log is broken: {e}"))?;
        if head.n != record.n {
            return Err(format!("commit {} is lost", record.n));
        }
        let (have, want) = (committed.bed.rows().await, bed.rows().await);
        if have != want || finished != want {
            return Err(format!("rows are lost: {have}"));
        }
    }
    Ok(())
}

struct After {
    bed: Bed,
    _folder: TempDir,
}

/// The lake as it is found after the power was cut now.
async fn after(platters: &Platters, parent: &Path, bed: &Bed) -> After {
    let folder = TempDir::new().unwrap();
    platters.after_the_cut(parent, folder.path());
    let lake = Lake::open(folder.path().join("lake").to_str().unwrap(), &LakeOptions::default()).unwrap();
    let found = Bed {
        target: bed.target.clone(),
        ..Bed::on(lake, None)
    };
    After {
        bed: found,
        _folder: folder,
    }
}

#[tokio::test]
async fn a_power_cut_takes_nothing_back_that_counted() {
    assert_eq!(cut_after_each_commit(None).await, Ok(()));
}

#[tokio::test]
async fn each_sync_is_needed() {
    for without in [
        Sync::Data,
        Sync::Log,
        Sync::Claims,
        Sync::LogFolder,
        Sync::DataFolder,
        Sync::ClaimsFolder,
        Sync::Above,
    ] {
        let lost = cut_after_each_commit(Some(without)).await;
        assert!(lost.is_err(), "without {without:?} nothing was lost");
    }
}

/// A lake below folders that were made with it: their names are on the disk too, also where a killed process left one of them without.
#[tokio::test]
async fn the_folders_above_a_new_lake_outlive_a_power_cut() {
    for left_by_a_kill in ["", "data"] {
        let real = TempDir::new().unwrap();
        let top = real.path().canonicalize().unwrap().join("home");
        let folder = top.join("data/lake");
        std::fs::create_dir_all(top.join(left_by_a_kill)).unwrap();
        let platters = Arc::new(Platters::holding(&top, Box::new(|_, _| false)));
        make_folders(&folder, platters.as_ref()).unwrap();
        let store = SyncedLocal::with(&folder, platters.clone());
        let bed = Bed::on(Lake::with_local(store, &folder, &LakeOptions::default()).unwrap(), None);
        bed.run(Change::Append, &sales(&[(1, "a", 0, None)])).await;
        let cut = TempDir::new().unwrap();
        platters.after_the_cut(top.parent().unwrap(), cut.path());
        let after = cut.path().join("home/data/lake");
        let found = Bed {
            target: bed.target.clone(),
            ..Bed::on(
                Lake::open(after.to_str().unwrap(), &LakeOptions::default()).unwrap(),
                None,
            )
        };
        assert_eq!(found.rows().await, bed.rows().await, "left: {left_by_a_kill:?}");
    }
}
