//! The power is cut after each commit: nothing that counted is lost, and each sync is needed for that.

use super::bed::{Bed, merge, sales};
use crate::{Lake, LakeOptions, SyncedLocal};
use object_store::path::Path as StorePath;
use object_store::{CopyOptions, ObjectStore, ObjectStoreExt, PutMultipartOptions, RenameOptions};
use segue_core::durable::{Durability, make_folders};
use segue_core::sink::{Change, Claim, Committed, Missing, Sink};
use segue_testkit::power::Platters;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
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
        (
            Change::DeleteInsert { key: vec!["id".into()] },
            sales(&[(1, "e", 0, None), (1, "f", 0, None)]),
        ),
        (
            Change::Merge {
                key: vec!["id".into()],
                missing: Missing::Delete,
            },
            sales(&[(3, "g", 0, None)]),
        ),
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

/// A disk whose writer may be dead: it gave a file its name, and was killed before it synced anything.
#[derive(Debug)]
struct Killed {
    platters: Arc<Platters>,
    is_dead: AtomicBool,
}

impl Durability for Killed {
    fn file(&self, file: &File, path: &Path) -> io::Result<()> {
        match self.is_dead.load(Ordering::SeqCst) {
            true => Ok(()),
            false => self.platters.file(file, path),
        }
    }

    fn folder(&self, path: &Path) -> io::Result<()> {
        match self.is_dead.load(Ordering::SeqCst) {
            true => Ok(()),
            false => self.platters.folder(path),
        }
    }
}

/// A writer names what it claims, or commits, and is killed before it is synced. Another one finds it there, and the power is cut: whether
/// it is still there. `settles`: the one who finds it syncs it, as it should.
async fn found_is_kept(claim_alone: bool, settles: bool) -> bool {
    let real = TempDir::new().unwrap();
    let parent = real.path().canonicalize().unwrap();
    let folder = parent.join("lake");
    std::fs::create_dir(&folder).unwrap();
    let platters = Arc::new(Platters::holding(&folder, Box::new(|_, _| false)));
    let disk = Arc::new(Killed {
        platters: platters.clone(),
        is_dead: AtomicBool::new(false),
    });
    let lake = || {
        let store = SyncedLocal::with(&folder, disk.clone());
        Lake::with_local(store, &folder, &LakeOptions::default()).unwrap()
    };
    let bed = Bed::on(lake(), None);
    bed.run(Change::Append, &sales(&[(1, "a", 0, None)])).await;
    let record = bed.prepare(Change::Append, &sales(&[(2, "b", 0, None)])).await;
    if !claim_alone {
        assert_eq!(bed.lake.claim(&record, &bed.ctx).await.unwrap(), Claim::Ours);
    }
    disk.is_dead.store(true, Ordering::SeqCst);
    match claim_alone {
        true => assert_eq!(bed.lake.claim(&record, &bed.ctx).await.unwrap(), Claim::Ours),
        false => assert!(matches!(
            bed.lake.commit(&record, 0, &bed.ctx).await.unwrap(),
            Committed::Written(_)
        )),
    }
    disk.is_dead.store(!settles, Ordering::SeqCst);
    let other = lake();
    match claim_alone {
        true => assert_eq!(other.claim(&record, &bed.ctx).await.unwrap(), Claim::Ours),
        false => assert!(matches!(
            other.commit(&record, 0, &bed.ctx).await.unwrap(),
            Committed::AlreadyThere(_)
        )),
    }
    let cut = after(&platters, &parent, &bed).await;
    let found = &cut.bed;
    match claim_alone {
        true => found
            .lake
            .highest(&bed.target, &bed.ctx)
            .await
            .is_ok_and(|n| n == record.n),
        false => {
            let head = found.lake.head(&bed.target, &bed.ctx).await;
            head.is_ok_and(|head| head.n == record.n) && found.rows().await == bed.rows().await
        }
    }
}

#[tokio::test]
async fn what_a_killed_writer_named_is_synced_by_who_finds_it() {
    for claim_alone in [true, false] {
        assert!(found_is_kept(claim_alone, true).await, "claim alone: {claim_alone}");
        assert!(!found_is_kept(claim_alone, false).await, "claim alone: {claim_alone}");
    }
}

/// How a file comes to its name.
#[derive(Clone, Copy, Debug)]
enum Comes {
    Copied,
    Renamed,
    InParts,
}

/// Brings a file to its name, without this sync, and cuts the power; the file's text then.
async fn after_it_came(comes: Comes, without: Option<(&'static str, bool)>) -> Option<String> {
    let real = TempDir::new().unwrap();
    let parent = real.path().canonicalize().unwrap();
    let folder = parent.join("lake");
    std::fs::create_dir(&folder).unwrap();
    let taken_out = move |path: &Path, is_folder: bool| {
        let name = path.file_name().unwrap().to_str().unwrap();
        without.is_some_and(|(start, folders)| folders == is_folder && name.starts_with(start))
    };
    let platters = Arc::new(Platters::holding(&folder, Box::new(taken_out)));
    let store = SyncedLocal::with(&folder, platters.clone());
    let path = |name: &str| StorePath::from_absolute_path(&folder).unwrap().join("new").join(name);
    let (from, to) = (path("from"), path("to"));
    match comes {
        Comes::Copied | Comes::Renamed => {
            store.put(&from, "all of it".into()).await.unwrap();
            // As another program leaves a file: nothing of the text is on the disk yet.
            std::fs::write(folder.join("new/from"), "all of it, and more").unwrap();
            match comes {
                Comes::Copied => store.copy_opts(&from, &to, CopyOptions::default()).await.unwrap(),
                _ => store.rename_opts(&from, &to, RenameOptions::default()).await.unwrap(),
            }
        }
        Comes::InParts => {
            let mut upload = store
                .put_multipart_opts(&to, PutMultipartOptions::default())
                .await
                .unwrap();
            upload.put_part("all of it,".into()).await.unwrap();
            upload.put_part(" and more".into()).await.unwrap();
            upload.complete().await.unwrap();
        }
    }
    let cut = TempDir::new().unwrap();
    platters.after_the_cut(&parent, cut.path());
    std::fs::read_to_string(cut.path().join("lake/new/to")).ok()
}

#[tokio::test]
async fn a_file_that_was_copied_renamed_or_came_in_parts_is_on_the_disk() {
    for comes in [Comes::Copied, Comes::Renamed, Comes::InParts] {
        let all = Some("all of it, and more".to_string());
        assert_eq!(after_it_came(comes, None).await, all, "{comes:?}");
        assert_ne!(
            after_it_came(comes, Some(("to", false))).await,
            all,
            "{comes:?}: its bytes"
        );
        assert_eq!(
            after_it_came(comes, Some(("new", true))).await,
            None,
            "{comes:?}: its name"
        );
    }
}
