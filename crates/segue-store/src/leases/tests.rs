use super::*;
use crate::testing::*;
use insta::assert_snapshot;

fn said(result: Result<LeaseGuard>) -> String {
    match result {
        Ok(guard) => format!("taken, epoch {}", guard.lease.epoch),
        Err(e) => e.to_text().replace(&std::process::id().to_string(), "PID"),
    }
}

#[tokio::test]
async fn a_lease_is_one_holders_until_it_is_dropped() {
    let f = Fixture::new().await;
    let first = f.store.lease(asset(1), "ada").await.unwrap();
    assert_eq!(
        first.lease,
        Lease {
            asset: asset(1),
            epoch: 1
        }
    );
    f.clock.pass(Duration::from_secs(20));
    assert_snapshot!(said(f.again().await.lease(asset(1), "bob").await), @"
    error[SG0607]: ada is working on it since 2026-11-22T06:00:00Z
      process: PID
      hint: wait until that has ended, or give --wait; an end without notice is seen at once
      more: segue explain SG0607
    ");
    // Another asset is another lease.
    assert_snapshot!(said(f.again().await.lease(asset(2), "bob").await), @"taken, epoch 1");
    drop(first);
    assert_snapshot!(said(f.again().await.lease(asset(1), "bob").await), @"taken, epoch 2");
}

#[tokio::test]
async fn a_frozen_holder_loses_it_and_nobody_takes_its_old_lock_for_the_holders() {
    let f = Fixture::new().await;
    let mut frozen = f.store.lease(asset(1), "ada").await.unwrap();
    frozen.renewing.abort();
    let _ended = (&mut frozen.renewing).await;
    f.clock.pass(LEASE_TIME);
    let second = f.store.lease(asset(1), "bob").await.unwrap();
    assert_eq!(second.lease.epoch, 2);
    assert!(frozen.holds().await.is_err());
    // The frozen one's lock becomes free; the second holder is alive all the same.
    drop(frozen);
    let refused = f.again().await.lease(asset(1), "eve").await.unwrap_err();
    assert_eq!(refused.error_code(), Some(segue_diag::LEASE_HELD));
    drop(second);
    assert_snapshot!(said(f.store.lease(asset(1), "eve").await), @"taken, epoch 3");
}

/// A backup was put in the place of a state that a living run works with.
#[tokio::test]
async fn an_older_state_beside_a_living_run() {
    let f = Fixture::new().await;
    drop(f.store.lease(asset(1), "ada").await.unwrap());
    f.store.backup(&f.path("old.db")).await.unwrap();
    let living = f.store.lease(asset(1), "ada").await.unwrap();
    std::fs::create_dir(f.path("older")).unwrap();
    std::fs::rename(f.path("old.db"), f.path("older/state.db")).unwrap();
    std::fs::rename(f.path("leases"), f.path("older/leases")).unwrap();
    let older = Store::open(f.path("older/state.db").to_str().unwrap(), f.clock.clone())
        .await
        .unwrap();
    assert_snapshot!(said(older.lease(asset(1), "bob").await), @"
    error[SG0607]: somebody is working on it with a newer copy of this state
      hint: wait until that has ended; then `segue state rebuild` reads from the tables what this copy does not know
      more: segue explain SG0607
    ");
    drop(living);
    assert_snapshot!(said(older.lease(asset(1), "bob").await), @"taken, epoch 2");
}

#[tokio::test]
async fn a_living_holder_renews_by_itself() {
    let f = Fixture::new().await;
    let guard = f.store.lease(asset(1), "ada").await.unwrap();
    for _ in 0..8 {
        // The renewing task must be asleep before time passes, and awake and done before the next round.
        let before = renewed(&f.store).await;
        while renewed(&f.store).await == before {
            f.clock.pass(RENEWED_EVERY);
            tokio::task::yield_now().await;
            // A busy machine takes its time; each further passing of time would bring the lease closer to its end.
            for _ in 0..500 {
                if renewed(&f.store).await != before {
                    break;
                }
                tokio::time::sleep(std::time::Duration::from_millis(2)).await;
            }
        }
    }
    assert!(!guard.is_lost());
    assert!(f.again().await.lease(asset(1), "bob").await.is_err());
}

async fn renewed(store: &Store) -> i64 {
    use sqlx::Row as _;
    sqlx::query("select renewed_at from leases")
        .fetch_one(store.reader())
        .await
        .unwrap()
        .get(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_at_once_one_gets_it() {
    let f = Fixture::new().await;
    let mut tasks = Vec::new();
    for i in 0..8 {
        let store = f.again().await;
        tasks.push(tokio::spawn(async move {
            store.lease(asset(1), &format!("worker {i}")).await
        }));
    }
    let mut guards = Vec::new();
    for task in tasks {
        guards.extend(task.await.unwrap().ok());
    }
    assert_eq!(guards.len(), 1);
    assert_eq!(guards[0].lease.epoch, 1);
}

#[tokio::test]
async fn old_lock_files_do_not_pile_up() {
    let f = Fixture::new().await;
    for _ in 0..5 {
        drop(f.store.lease(asset(1), "ada").await.unwrap());
    }
    assert_eq!(std::fs::read_dir(f.path("leases")).unwrap().count(), 1);
}
