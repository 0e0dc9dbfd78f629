use super::*;
use crate::testing::*;
use insta::assert_snapshot;
use segue_core::{LedgerChange, Result as CoreResult};

fn nothing() -> LedgerChange {
    LedgerChange::default()
}

fn adds(n: u64, label: &str) -> LedgerChange {
    LedgerChange {
        add: vec![entry(n, label, None)],
        ..nothing()
    }
}

/// What the state says, in a line a fact.
async fn state(store: &Store) -> String {
    let c = store.commits(asset(1)).await.unwrap();
    let rows = store.commit_rows(Some(asset(1))).await.unwrap();
    let rows: Vec<String> = rows.iter().map(|r| format!("{} {}", r.n, r.state)).collect();
    format!(
        "last {} highest {} prepared {:?} given up {:?} position {}\ncommits: {}\nledger: {}",
        c.last.0,
        c.highest,
        c.prepared.map(|r| r.n),
        c.given_up.iter().map(|r| r.n).collect::<Vec<_>>(),
        store.position(asset(1)).await.unwrap().unwrap_or_default(),
        rows.join(", "),
        shown(&store.ledger(asset(1)).await.unwrap()),
    )
}

fn said<T: std::fmt::Debug>(result: CoreResult<T>) -> String {
    match result {
        Ok(value) => format!("{value:?}"),
        Err(e) => e.to_text(),
    }
}

#[tokio::test]
async fn a_commit_is_prepared_and_marked() {
    let f = Fixture::new().await;
    let guard = f.store.lease(asset(1), "ada").await.unwrap();
    let one = record(1, 0, adds(1, "a"));
    f.store.prepare(&guard.lease, &one).await.unwrap();
    assert_snapshot!(state(&f.store).await, @"
    last 0 highest 1 prepared Some(1) given up [] position null
    commits: 1 prepared
    ledger:
    ");
    assert!(f.store.mark(&one, &[7]).await.unwrap());
    assert_snapshot!(state(&f.store).await, @r#"
    last 1 highest 1 prepared None given up [] position {"n":1}
    commits: 1 committed
    ledger: id=a n=1 Done read +0s
    "#);
    // What another handle reads, and what comes back of the record.
    let other = f.again().await;
    assert_eq!(other.record(asset(1), 1).await.unwrap(), Some(one.clone()));
    assert_eq!(other.record(asset(1), 2).await.unwrap(), None);
    let found = other.footprints(table(1), 0, 9).await.unwrap();
    assert_eq!(
        found,
        [LandedFootprint {
            version: 7,
            n: 1,
            footprint: one.footprint
        }]
    );
    assert_eq!(other.footprints(table(1), 7, 9).await.unwrap(), []);
}

#[tokio::test]
async fn marking_twice_changes_nothing() {
    let f = Fixture::new().await;
    let guard = f.store.lease(asset(1), "ada").await.unwrap();
    let one = record(1, 0, adds(1, "a"));
    f.store.prepare(&guard.lease, &one).await.unwrap();
    assert!(f.store.mark(&one, &[7]).await.unwrap());
    let before = state(&f.store).await;
    assert!(!f.again().await.mark(&one, &[7]).await.unwrap());
    assert_eq!(state(&f.store).await, before);
}

#[tokio::test]
async fn preparing_compares_epoch_and_number() {
    let f = Fixture::new().await;
    let old = f.store.lease(asset(1), "ada").await.unwrap();
    f.clock.pass(leases::LEASE_TIME);
    let new = f.again().await.lease(asset(1), "bob").await.unwrap();
    let one = record(1, 0, nothing());
    assert_snapshot!(said(f.store.prepare(&old.lease, &one).await), @"
    error[SG0608]: the asset's lease is bob's since 2026-11-22T06:00:30Z
      hint: nothing was lost: whoever has the lease now goes on; run `segue resume` when it has ended
      more: segue explain SG0608
    ");
    f.store.prepare(&new.lease, &one).await.unwrap();
    // The same once more is what a retry does.
    f.store.prepare(&new.lease, &one).await.unwrap();
    assert_snapshot!(said(f.store.prepare(&new.lease, &record(2, 0, nothing())).await), @"
    error: commit 1 of raw.artists is prepared already
      hint: it is finished first; run it again
    ");
    f.store.mark(&one, &[1]).await.unwrap();
    let again = CommitRecord {
        id: id(9),
        ..record(1, 0, nothing())
    };
    assert_snapshot!(said(f.store.prepare(&new.lease, &again).await), @"
    error: the number 1 of raw.artists was used before
      highest: 1
    ");
    assert_snapshot!(said(f.store.give_up(&old.lease, id(1)).await), @"
    error[SG0608]: the asset's lease is bob's since 2026-11-22T06:00:30Z
      hint: nothing was lost: whoever has the lease now goes on; run `segue resume` when it has ended
      more: segue explain SG0608
    ");
}

/// A read that changed nothing has looked further all the same; whoever lost the lease has not.
#[tokio::test]
async fn a_position_moves_without_a_commit() {
    let f = Fixture::new().await;
    let guard = f.store.lease(asset(1), "ada").await.unwrap();
    let one = record(1, 0, adds(1, "a"));
    f.store.prepare(&guard.lease, &one).await.unwrap();
    f.store.mark(&one, &[7]).await.unwrap();
    let further = serde_json::json!({ "n": 1, "seen": 9 });
    f.store.move_position(&guard.lease, &further).await.unwrap();
    let kept = || async { f.store.position(asset(1)).await.unwrap() };
    assert_eq!(kept().await, Some(further.clone()));
    let lost = Lease {
        epoch: guard.lease.epoch - 1,
        ..guard.lease.clone()
    };
    let refused = f.store.move_position(&lost, &serde_json::json!(0)).await.unwrap_err();
    assert_eq!(refused.kind(), Kind::Conflict);
    assert_eq!(kept().await, Some(further));
    // The next commit says where it stands.
    let two = record(2, 1, adds(2, "a"));
    f.store.prepare(&guard.lease, &two).await.unwrap();
    f.store.mark(&two, &[8]).await.unwrap();
    assert_eq!(kept().await, Some(serde_json::json!({ "n": 2 })));
}

#[tokio::test]
async fn what_was_given_up_may_land_after_all_or_is_cleared() {
    let f = Fixture::new().await;
    let guard = f.store.lease(asset(1), "ada").await.unwrap();
    for n in [1, 2] {
        f.store
            .prepare(&guard.lease, &record(n, 0, adds(n, "a")))
            .await
            .unwrap();
        assert!(f.store.give_up(&guard.lease, id(n.into())).await.unwrap());
        assert!(
            !f.store.give_up(&guard.lease, id(n.into())).await.unwrap(),
            "only what is prepared"
        );
    }
    assert_snapshot!(state(&f.store).await, @"
    last 0 highest 2 prepared None given up [1, 2] position null
    commits: 1 given_up, 2 given_up
    ledger:
    ");
    // The second landed.
    assert!(f.store.landed(&guard.lease, id(2)).await.unwrap());
    assert_snapshot!(said(f.store.landed(&guard.lease, id(1)).await), @"error: commit 2 of this asset is prepared already");
    assert!(f.store.mark(&record(2, 0, adds(2, "a")), &[1]).await.unwrap());
    let cleared = f.store.clear_given_up(&guard.lease, 2).await.unwrap();
    assert_eq!(cleared.iter().map(|r| r.n).collect::<Vec<_>>(), [1]);
    assert!(
        !f.store.landed(&guard.lease, id(1)).await.unwrap(),
        "it can no longer land"
    );
    assert_eq!(f.store.clear_given_up(&guard.lease, 2).await.unwrap(), []);
    assert_snapshot!(state(&f.store).await, @r#"
    last 2 highest 2 prepared None given up [] position {"n":2}
    commits: 1 given_up, 2 committed
    ledger: id=a n=2 Done read +0s
    "#);
}

#[tokio::test]
async fn a_shut_out_commit_is_forgotten_and_its_number_stays_used() {
    let f = Fixture::new().await;
    let guard = f.store.lease(asset(1), "ada").await.unwrap();
    f.store
        .prepare(&guard.lease, &record(5, 0, adds(5, "a")))
        .await
        .unwrap();
    assert!(!f.store.forget(asset(1), id(4)).await.unwrap());
    assert!(f.store.forget(asset(1), id(5)).await.unwrap());
    assert!(!f.store.mark(&record(5, 0, adds(5, "a")), &[1]).await.unwrap());
    assert_snapshot!(state(&f.store).await, @"
    last 0 highest 5 prepared None given up [] position null
    commits: 5 forgotten
    ledger:
    ");
}

#[tokio::test]
async fn a_reworked_record_is_what_is_found() {
    let f = Fixture::new().await;
    let guard = f.store.lease(asset(1), "ada").await.unwrap();
    f.store
        .prepare(&guard.lease, &record(1, 0, adds(1, "a")))
        .await
        .unwrap();
    let mut anew = record(1, 0, adds(1, "b"));
    anew.parts[0].plan = serde_json::json!({"on": 4});
    assert!(f.store.rework(&anew).await.unwrap());
    assert_eq!(f.store.commits(asset(1)).await.unwrap().prepared, Some(anew));
    assert!(!f.store.rework(&record(2, 0, nothing())).await.unwrap());
}

/// Two workers who both think that the asset is theirs: whatever the order, one number has one owner, and what is marked is whole.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_handles_at_once_prepare_one_commit() {
    let f = Fixture::new().await;
    let (a, b) = (f.store.clone(), f.again().await);
    let first = a.lease(asset(1), "ada").await.unwrap().lease.clone();
    let second = b.lease(asset(1), "bob").await.unwrap();
    for n in 1..=10u64 {
        let mine = record(n, n - 1, adds(n, "a"));
        let theirs = CommitRecord {
            id: id(100 + u128::from(n)),
            ..mine.clone()
        };
        let (x, y) = tokio::join!(a.prepare(&first, &theirs), b.prepare(&second.lease, &mine));
        assert!(x.is_err(), "its lease was taken");
        y.unwrap();
        let at = [n];
        let (x, y) = tokio::join!(a.mark(&mine, &at), b.mark(&mine, &at));
        assert_eq!(usize::from(x.unwrap()) + usize::from(y.unwrap()), 1, "marked once");
    }
    assert_eq!(a.commits(asset(1)).await.unwrap().last.0, 10);
    assert_eq!(a.ledger(asset(1)).await.unwrap().len(), 10);
}

/// A worker that was frozen over it may come with the record as it was before another worked it out anew.
#[tokio::test]
async fn what_is_marked_is_the_record_as_it_is_kept() {
    let f = Fixture::new().await;
    let guard = f.store.lease(asset(1), "ada").await.unwrap();
    let before = record(1, 0, adds(1, "a"));
    f.store.prepare(&guard.lease, &before).await.unwrap();
    let anew = CommitRecord {
        footprint: Footprint::Everything,
        ..before.clone()
    };
    assert!(f.store.rework(&anew).await.unwrap());
    assert!(f.store.mark(&before, &[7]).await.unwrap());
    let found = f.store.footprints(table(1), 0, 9).await.unwrap();
    assert_eq!(found[0].footprint, Footprint::Everything);
    assert_eq!(f.store.record(asset(1), 1).await.unwrap(), Some(anew));
}
