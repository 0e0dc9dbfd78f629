use super::*;
use crate::parked::Parked;
use crate::runs::{LogRow, StepEnd};
use crate::testing::*;
use crate::{CommitState, Store};
use segue_core::gate::{Gate, Rate};
use segue_core::{LedgerChange, SystemClock};
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

const CHILD: &str = "SEGUE_TEST_STORE_CHILD";

/// Not a test of its own: the process that is killed. It commits one after another and says each.
#[test]
fn child_that_commits_until_it_is_killed() {
    let Ok(place) = std::env::var(CHILD) else { return };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let store = Store::open(&place, Arc::new(SystemClock::default())).await.unwrap();
        let guard = store.lease(asset(1), "child").await.unwrap();
        let found = store.commits(asset(1)).await.unwrap();
        if let Some(prepared) = found.prepared {
            store.mark(&prepared, &[prepared.n]).await.unwrap();
        }
        loop {
            let found = store.commits(asset(1)).await.unwrap();
            let n = found.highest + 1;
            let ledger = LedgerChange {
                drop_all: true,
                add: (0..50).map(|i| entry(n, &format!("s{i}"), None)).collect(),
                ..Default::default()
            };
            let record = record(n, found.last.0, ledger);
            store.prepare(&guard.lease, &record).await.unwrap();
            store.mark(&record, &[n]).await.unwrap();
            store
                .reserve(
                    "c",
                    Rate {
                        count: 5,
                        window: Duration::from_millis(1),
                    },
                    3,
                )
                .await
                .unwrap();
            println!("marked {n}");
        }
    });
}

/// Killed anywhere: nothing that was said is lost, nothing is half there, and the lease is free at once.
#[tokio::test]
async fn a_kill_leaves_a_whole_state() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("state.db").display().to_string();
    for round in 0..8 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "store::tests::child_that_commits_until_it_is_killed",
                "--nocapture",
                "--test-threads=1",
            ])
            .env(CHILD, &place)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut said = 0;
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        for (count, line) in lines
            .map_while(|l| l.ok())
            .filter_map(|l| l.rsplit_once("marked ")?.1.parse::<u64>().ok())
            .enumerate()
        {
            said = line;
            if count == round * 2 {
                break;
            }
        }
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(said > 0, "the child committed");

        let store = Store::open(&place, Arc::new(SystemClock::default())).await.unwrap();
        let sound: String = sqlx::query_scalar("pragma integrity_check")
            .fetch_one(store.reader())
            .await
            .unwrap();
        assert_eq!(sound, "ok");
        let found = store.commits(asset(1)).await.unwrap();
        assert!(found.last.0 >= said, "what was marked stays");
        let ledger = store.ledger(asset(1)).await.unwrap();
        assert_eq!(ledger.len(), 50);
        assert!(
            ledger.iter().all(|e| e.n == found.last.0),
            "the ledger is the last marked commit's"
        );
        if let Some(prepared) = found.prepared {
            assert_eq!((prepared.n, prepared.predecessor), (found.highest, found.last.0));
        }
        drop(store.lease(asset(1), "next").await.unwrap());
        store.close().await;
    }
}

#[tokio::test]
async fn a_full_disk_takes_the_write_back_and_says_so() {
    let f = Fixture::new().await;
    let guard = f.store.lease(asset(1), "ada").await.unwrap();
    let pages: i64 = sqlx::query_scalar("pragma page_count")
        .fetch_one(&f.store.0.writer)
        .await
        .unwrap();
    sqlx::query(sqlx::AssertSqlSafe(format!("pragma max_page_count = {}", pages + 2)))
        .execute(&f.store.0.writer)
        .await
        .unwrap();
    let many = LedgerChange {
        add: (0..5000).map(|i| entry(1, &format!("slice {i}"), None)).collect(),
        ..Default::default()
    };
    let full = f.store.enter(&guard.lease, &many).await.unwrap_err();
    assert_eq!(
        (full.kind(), full.error_code()),
        (segue_core::Kind::Unavailable, Some(segue_diag::STATE_FULL))
    );
    assert_eq!(f.store.ledger(asset(1)).await.unwrap(), [], "nothing of it");
    sqlx::query("pragma max_page_count = 1073741823")
        .execute(&f.store.0.writer)
        .await
        .unwrap();
    f.store.enter(&guard.lease, &many).await.unwrap();
    assert_eq!(f.store.ledger(asset(1)).await.unwrap().len(), 5000);
}

/// The database takes the whole transaction back by itself where a statement that writes one row finds the disk full.
#[tokio::test]
async fn after_a_full_disk_the_next_write_is_one_like_any_other() {
    let f = Fixture::new().await;
    let line = |message: String| LogRow {
        run: segue_core::RunId::random(),
        step: None,
        level: "info".into(),
        message,
        at: f.clock.now(),
    };
    sqlx::query("pragma max_page_count = 1")
        .execute(&f.store.0.writer)
        .await
        .unwrap();
    let full = f.store.log(&[line("x".repeat(100_000))]).await.unwrap_err();
    assert_eq!(full.error_code(), Some(segue_diag::STATE_FULL));
    assert!(full.to_text().contains("make room"), "{}", full.to_text());
    let short = line("there is room again".into());
    f.store.log(std::slice::from_ref(&short)).await.unwrap();
    assert_eq!(f.store.logs(short.run, None).await.unwrap(), [short]);
}

#[tokio::test]
async fn a_call_that_is_dropped_half_way_has_not_been() {
    let f = Fixture::new().await;
    let many = |n| LedgerChange {
        drop_all: true,
        add: (0..3000).map(|i| entry(n, &format!("slice {i}"), None)).collect(),
        ..Default::default()
    };
    let guard = f.store.lease(asset(1), "ada").await.unwrap();
    f.store.enter(&guard.lease, &many(1)).await.unwrap();
    for polls in 1..40 {
        let change = many(2);
        let mut call = Box::pin(f.store.enter(&guard.lease, &change));
        for _ in 0..polls {
            if futures::poll!(&mut call).is_ready() {
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(call);
        let ledger = f.store.ledger(asset(1)).await.unwrap();
        assert_eq!(ledger.len(), 3000);
        assert!(ledger.iter().all(|e| e.n == ledger[0].n), "all of it or nothing");
    }
    // And the next write goes on.
    f.store.enter(&guard.lease, &many(3)).await.unwrap();
}

#[tokio::test]
async fn every_call_is_seen_by_the_next_handle() {
    let f = Fixture::new().await;
    let run = RunId::random();
    f.store
        .park(
            asset(1),
            &[Parked {
                labels: labels("a"),
                until: None,
                block: None,
                reason: "r".into(),
                attempts: 1,
            }],
        )
        .await
        .unwrap();
    let line = LogRow {
        run,
        step: None,
        level: "info".into(),
        message: "m".into(),
        at: f.clock.now(),
    };
    f.store.log(std::slice::from_ref(&line)).await.unwrap();
    let other = f.again().await;
    assert_eq!(other.parked(asset(1)).await.unwrap().len(), 1);
    assert_eq!(other.logs(run, None).await.unwrap(), [line]);
    assert!(
        other
            .end_step(run, &"raw.a".parse().unwrap(), None, &StepEnd::default())
            .await
            .is_err(),
        "it never began"
    );
}
