use super::*;
use crate::testing::*;
use insta::assert_snapshot;
use segue_core::Error;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_microsecond(MORNING + seconds * 1_000_000).unwrap()
}

fn spans(spans: &[(i64, i64)]) -> Spans {
    Spans::of(spans.iter().map(|(from, to)| Span::new(*from, *to)))
}

/// The ledger after these changes, one after the other.
async fn after(changes: impl IntoIterator<Item = LedgerChange>) -> String {
    let f = Fixture::new().await;
    let guard = f.store.lease(asset(1), "ada").await.unwrap();
    let mut in_memory = Vec::new();
    for change in changes {
        f.store.enter(&guard.lease, &change).await.unwrap();
        in_memory = change.apply(in_memory);
    }
    let kept = f.store.ledger(asset(1)).await.unwrap();
    let sorted = |mut e: Vec<Entry>| {
        e.sort_by_key(|e| (e.labels.key(), e.range));
        e
    };
    assert_eq!(
        sorted(kept.clone()),
        sorted(in_memory),
        "what is kept is what the change means"
    );
    shown(&kept)
}

#[tokio::test]
async fn neighbours_of_one_commit_are_one_entry() {
    let days = LedgerChange {
        add: (0..10).map(|d| entry(1, "", Some((d, d + 1)))).collect(),
        ..Default::default()
    };
    let more = LedgerChange {
        add: vec![entry(1, "", Some((10, 12))), entry(2, "", Some((12, 13)))],
        ..Default::default()
    };
    assert_snapshot!(after([days, more]).await, @r"
    [0, 12) n=1 Done read +0s
    [12, 13) n=2 Done read +0s
    ");
}

#[tokio::test]
async fn a_replaced_stretch_is_cut_out() {
    let all = LedgerChange {
        add: vec![entry(1, "", Some((0, 30)))],
        ..Default::default()
    };
    let part = LedgerChange {
        drop_ranges: spans(&[(5, 7), (20, 21)]),
        add: vec![entry(2, "", Some((5, 7)))],
        ..Default::default()
    };
    assert_snapshot!(after([all, part]).await, @r"
    [0, 5) n=1 Done read +0s
    [5, 7) n=2 Done read +0s
    [7, 20) n=1 Done read +0s
    [21, 30) n=1 Done read +0s
    ");
}

#[tokio::test]
async fn slices_are_replaced_and_dropped() {
    let two = LedgerChange {
        add: vec![entry(1, "a", None), entry(1, "b", None)],
        ..Default::default()
    };
    let one = LedgerChange {
        drop_labels: [labels("a"), labels("b")].into(),
        add: vec![entry(2, "a", None)],
        ..Default::default()
    };
    assert_snapshot!(after([two.clone(), one]).await, @"id=a n=2 Done read +0s");
    let all = LedgerChange {
        drop_all: true,
        add: vec![entry(3, "c", None)],
        ..Default::default()
    };
    assert_snapshot!(after([two, all]).await, @"id=c n=3 Done read +0s");
}

#[tokio::test]
async fn a_range_of_slices_is_dropped_in_all_of_them() {
    let both = LedgerChange {
        add: vec![entry(1, "a", Some((0, 10))), entry(1, "b", Some((0, 10)))],
        ..Default::default()
    };
    let cut = LedgerChange {
        drop_ranges: spans(&[(3, 4)]),
        add: vec![entry(2, "a", Some((3, 4)))],
        ..Default::default()
    };
    assert_snapshot!(after([both, cut]).await, @r"
    id=a[0, 3) n=1 Done read +0s
    id=a[3, 4) n=2 Done read +0s
    id=a[4, 10) n=1 Done read +0s
    id=b[0, 3) n=1 Done read +0s
    id=b[4, 10) n=1 Done read +0s
    ");
}

#[tokio::test]
async fn a_read_that_found_the_same_makes_younger() {
    let f = Fixture::new().await;
    let guard = f.store.lease(asset(1), "ada").await.unwrap();
    let change = LedgerChange {
        add: vec![entry(1, "a", None), entry(1, "b", None), entry(1, "c", Some((0, 10)))],
        ..Default::default()
    };
    f.store.enter(&guard.lease, &change).await.unwrap();
    let read = [
        (None, labels("b")),
        (Some(Span::new(2, 4)), labels("c")),
        (None, labels("unknown")),
    ];
    f.store.touch(&guard.lease, &read, at(60)).await.unwrap();
    assert_snapshot!(shown(&f.store.ledger(asset(1)).await.unwrap()), @r"
    id=a n=1 Done read +0s
    id=b n=1 Done read +60s
    id=c[0, 2) n=1 Done read +0s
    id=c[2, 4) n=1 Done read +60s
    id=c[4, 10) n=1 Done read +0s
    ");
    // The rest follows: neighbours that are alike again are one.
    f.store
        .touch(&guard.lease, &[(Some(Span::new(0, 20)), labels("c"))], at(60))
        .await
        .unwrap();
    assert_snapshot!(shown(&f.store.ledger(asset(1)).await.unwrap()), @r"
    id=a n=1 Done read +0s
    id=b n=1 Done read +60s
    id=c[0, 10) n=1 Done read +60s
    ");
}

#[tokio::test]
async fn a_former_holder_changes_nothing() {
    let f = Fixture::new().await;
    let old = f.store.lease(asset(1), "ada").await.unwrap().lease.clone();
    let _new = f.store.lease(asset(1), "bob").await.unwrap();
    let change = LedgerChange {
        add: vec![entry(1, "a", None)],
        ..Default::default()
    };
    let refused: Error = f.store.enter(&old, &change).await.unwrap_err();
    assert_eq!(refused.error_code(), Some(segue_diag::LEASE_LOST));
    f.store.touch(&old, &[(None, labels("a"))], at(1)).await.unwrap_err();
    assert_eq!(f.store.ledger(asset(1)).await.unwrap(), []);
}

/// Random changes, each compared with what core says that it means; and what is kept survives as it went.
#[tokio::test]
async fn random_changes_mean_what_core_says() {
    let mut seed = 7u64;
    let mut random = move |below: u64| {
        seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (seed >> 33) % below
    };
    for _ in 0..10 {
        let mut changes = Vec::new();
        for n in 1..=12 {
            let mut change = LedgerChange {
                drop_all: random(12) == 0,
                ..Default::default()
            };
            for _ in 0..random(3) {
                let from = random(20) as i64;
                change.drop_ranges = change.drop_ranges.union(&spans(&[(from, from + 1 + random(6) as i64)]));
            }
            for label in ["a", "b", "c"] {
                if random(5) == 0 {
                    change.drop_labels.insert(labels(label));
                }
                if random(3) == 0 {
                    let from = random(20) as i64;
                    let range = (from, from + 1 + random(6) as i64);
                    change.drop_ranges = change.drop_ranges.union(&spans(&[range]));
                    change.add.push(entry(n, label, Some(range)));
                }
            }
            changes.push(change);
        }
        after(changes).await;
    }
}

#[tokio::test]
async fn many_slices_in_one_change() {
    let many = |n: u64| LedgerChange {
        drop_labels: (0..12_000).map(|i| labels(&format!("s{i}"))).collect(),
        add: (0..12_000).map(|i| entry(n, &format!("s{i}"), None)).collect(),
        ..Default::default()
    };
    let f = Fixture::new().await;
    let guard = f.store.lease(asset(1), "ada").await.unwrap();
    f.store.enter(&guard.lease, &many(1)).await.unwrap();
    f.store.enter(&guard.lease, &many(2)).await.unwrap();
    let kept = f.store.ledger(asset(1)).await.unwrap();
    assert_eq!((kept.len(), kept.iter().filter(|e| e.n == 2).count()), (12_000, 12_000));
}
