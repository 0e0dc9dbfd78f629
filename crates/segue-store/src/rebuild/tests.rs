use super::*;
use crate::testing::*;
use crate::{CommitState, LandedFootprint};
use insta::assert_snapshot;
use segue_core::LedgerChange;
use segue_core::sink::Target;

fn row() -> AssetRow {
    AssetRow::of(Target {
        asset: asset(1),
        table: table(1),
        name: "raw.artists".parse().unwrap(),
        place: "raw/artists".into(),
        connection: None,
    })
}

fn adds(n: u64, label: &str) -> LedgerChange {
    LedgerChange {
        add: vec![entry(n, label, None)],
        ..Default::default()
    }
}

fn found(n: u64, predecessor: u64, label: &str, version: u64) -> Found {
    Found {
        record: record(n, predecessor, adds(n, label)),
        versions: vec![version],
    }
}

#[tokio::test]
async fn what_the_tables_remember_is_taken_over() {
    let f = Fixture::new().await;
    let guard = f.store.lease(asset(1), "rebuild").await.unwrap();
    let mut whole = found(3, 1, "c", 3);
    whole.record.whole_ledger = Some(vec![entry(1, "from the whole", None)]);
    let commits = [found(1, 0, "a", 1), whole, found(5, 3, "d", 4)];
    f.store
        .adopt(&guard.lease, &row(), &commits, Some(&record(6, 5, adds(6, "e"))), 8)
        .await
        .unwrap();
    // Once more: the same.
    f.store
        .adopt(&guard.lease, &row(), &commits, Some(&record(6, 5, adds(6, "e"))), 8)
        .await
        .unwrap();
    let c = f.store.commits(asset(1)).await.unwrap();
    assert_eq!(
        (c.last, c.highest, c.prepared.as_ref().map(|r| r.n)),
        ((5, Some(id(5))), 8, Some(6))
    );
    assert_snapshot!(shown(&f.store.ledger(asset(1)).await.unwrap()), @"
    id=d n=5 Done read +0s
    id=from the whole n=1 Done read +0s
    ");
    assert_eq!(
        f.store.position(asset(1)).await.unwrap(),
        Some(serde_json::json!({"n": 5}))
    );
    let versions: Vec<_> = f
        .store
        .footprints(table(1), 0, 9)
        .await
        .unwrap()
        .iter()
        .map(|LandedFootprint { version, n, .. }| (*version, *n))
        .collect();
    assert_eq!(versions, [(1, 1), (3, 3), (4, 5)]);
    assert_eq!(f.store.asset(&row().name).await.unwrap(), Some(row()));
    assert!(f.store.mark(&record(6, 5, adds(6, "e")), &[5]).await.unwrap());
}

#[tokio::test]
async fn what_an_old_state_knew_gives_way_and_its_numbers_stay_used() {
    let f = Fixture::new().await;
    f.store.register(&row()).await.unwrap();
    let guard = f.store.lease(asset(1), "ada").await.unwrap();
    f.store
        .prepare(&guard.lease, &record(9, 0, adds(9, "old")))
        .await
        .unwrap();
    f.store
        .adopt(&guard.lease, &row(), &[found(1, 0, "a", 1)], None, 1)
        .await
        .unwrap();
    let c = f.store.commits(asset(1)).await.unwrap();
    assert_eq!((c.last.0, c.highest, c.prepared.is_none()), (1, 9, true));
    assert_snapshot!(shown(&f.store.ledger(asset(1)).await.unwrap()), @"id=a n=1 Done read +0s");
}

#[tokio::test]
async fn a_name_that_another_asset_has() {
    let f = Fixture::new().await;
    let guard = f.store.lease(asset(1), "rebuild").await.unwrap();
    // One that never committed gives way.
    f.store.register(&AssetRow { id: asset(2), ..row() }).await.unwrap();
    f.store.adopt(&guard.lease, &row(), &[], None, 0).await.unwrap();
    assert_eq!(f.store.asset_by_id(asset(2)).await.unwrap(), None);
    // One with commits does not.
    let other = f.store.lease(asset(3), "rebuild").await.unwrap();
    f.store.raise_for_test(asset(1), 4).await;
    let refused = f
        .store
        .adopt(&other.lease, &AssetRow { id: asset(3), ..row() }, &[], None, 0)
        .await
        .unwrap_err();
    assert_snapshot!(refused.to_text(), @"
    error[SG0610]: this state knows another asset raw.artists with commits of its own
      hint: two tables claim one name: drop one of them with `segue asset drop`
      more: segue explain SG0610
    ");
}

impl Store {
    async fn raise_for_test(&self, asset: segue_core::AssetId, n: u64) {
        let mut tx = self.write("raise").await.unwrap();
        commits::raise(&mut tx, asset, n).await.unwrap();
        tx.commit().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_backup_is_of_one_moment_while_others_write() {
    let f = Fixture::new().await;
    let writer = f.again().await;
    let guard = writer.lease(asset(1), "ada").await.unwrap();
    let writing = async {
        for n in 1..=60u64 {
            let change = LedgerChange {
                drop_all: true,
                add: (0..40).map(|i| entry(n, &format!("s{i}"), None)).collect(),
                ..Default::default()
            };
            writer.enter(&guard.lease, &change).await.unwrap();
        }
    };
    let backing_up = async {
        for i in 0..4 {
            f.store.backup(&f.path(&format!("backups/{i}.db"))).await.unwrap();
        }
    };
    tokio::join!(writing, backing_up);
    for i in 0..4 {
        let path = f.path(&format!("backups/{i}.db"));
        let copy = Store::open(path.to_str().unwrap(), f.clock.clone()).await.unwrap();
        let ledger = copy.ledger(asset(1)).await.unwrap();
        assert!(ledger.is_empty() || ledger.len() == 40, "{}", ledger.len());
        assert!(ledger.iter().all(|e| e.n == ledger[0].n), "of one moment");
        copy.close().await;
    }
    let refused = f.store.backup(&f.path("backups/1.db")).await.unwrap_err();
    assert_eq!(refused.error_code(), Some(segue_diag::BACKUP_EXISTS));
    let left: Vec<_> = std::fs::read_dir(f.path("backups"))
        .unwrap()
        .map(|e| e.unwrap().path())
        .filter(|p| p.extension().is_some_and(|e| e == "partial"))
        .collect();
    assert_eq!(left, Vec::<std::path::PathBuf>::new());
}

/// The last commit that a backup remembers after the power was cut as soon as it was made; without this sync, of the file or the folder.
async fn remembered_after_a_cut(without: Option<bool>) -> Option<u64> {
    let f = Fixture::new().await;
    let guard = f.store.lease(asset(1), "rebuild").await.unwrap();
    let commits = [found(1, 0, "a", 1), found(2, 1, "b", 2)];
    f.store.adopt(&guard.lease, &row(), &commits, None, 2).await.unwrap();
    let above = f.folder.path().canonicalize().unwrap();
    let copies = above.join("copies");
    std::fs::create_dir(&copies).unwrap();
    let taken_out = move |_: &Path, is_folder: bool| without == Some(is_folder);
    let disk = segue_testkit::power::Platters::holding(&copies, Box::new(taken_out));
    f.store.backup_on(&copies.join("backup.db"), &disk).await.unwrap();
    let cut = tempfile::tempdir().unwrap();
    disk.after_the_cut(&above, cut.path());
    let backup = cut.path().join("copies/backup.db");
    if !backup.exists() {
        return None;
    }
    let store = Store::open(backup.to_str().unwrap(), f.clock.clone()).await.unwrap();
    Some(store.commits(asset(1)).await.unwrap().last.0)
}

#[tokio::test]
async fn a_backup_outlives_a_power_cut_and_each_sync_is_needed_for_that() {
    assert_eq!(remembered_after_a_cut(None).await, Some(2));
    assert_eq!(remembered_after_a_cut(Some(false)).await, Some(0), "its bytes");
    assert_eq!(remembered_after_a_cut(Some(true)).await, None, "its name");
}
