use super::*;
use crate::testing::*;
use std::time::Duration;

const SECOND: Rate = Rate {
    count: 5,
    window: Duration::from_secs(1),
};

fn micros(places: &[Timestamp]) -> Vec<i64> {
    places.iter().map(|p| p.as_microsecond() - MORNING).collect()
}

/// Whether some window of this length, wherever it begins, holds more than `count`.
fn exceeds(places: &[i64], count: usize, window: i64) -> bool {
    places.windows(count + 1).any(|w| w[count] - w[0] <= window)
}

#[tokio::test]
async fn places_are_handed_out_at_once_and_then_window_by_window() {
    let f = Fixture::new().await;
    let got = f.store.reserve("c", SECOND, 12).await.unwrap();
    let (w, v) = (1_000_001, 2_000_002);
    assert_eq!(micros(&got), [0, 0, 0, 0, 0, w, w, w, w, w, v, v]);
    // Another process goes on where this one stopped.
    assert_eq!(
        micros(&f.again().await.reserve("c", SECOND, 4).await.unwrap()),
        [v, v, v, v + w]
    );
    // Another key is another window.
    assert_eq!(micros(&f.store.reserve("d", SECOND, 1).await.unwrap()), [0]);
}

#[tokio::test]
async fn no_window_ever_holds_more_whatever_the_clock_does() {
    let mut seed = 11u64;
    let mut random = move |below: i64| {
        seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (seed >> 33) as i64 % below
    };
    for _ in 0..6 {
        let f = Fixture::new().await;
        let other = f.again().await;
        let rate = Rate {
            count: 1 + random(7) as u32,
            window: Duration::from_micros(1 + random(50) as u64),
        };
        let mut all = Vec::new();
        for _ in 0..60 {
            // Forward, standing still, and back, also far.
            let jump = [random(20), 0, -random(200), random(400)][random(4) as usize];
            f.clock.set(f.clock.now_us() + jump);
            let store = if random(2) == 0 { &f.store } else { &other };
            all.extend(micros(&store.reserve("c", rate, 1 + random(9) as u32).await.unwrap()));
        }
        assert!(all.is_sorted(), "never before the last one");
        assert!(
            !exceeds(&all, rate.count as usize, rate.window.as_micros() as i64),
            "{rate:?}: {all:?}"
        );
    }
}

#[tokio::test]
async fn a_rate_that_changes_keeps_what_was_handed_out() {
    let f = Fixture::new().await;
    let (few, many) = (Rate { count: 2, ..SECOND }, Rate { count: 4, ..SECOND });
    let mut all = Vec::new();
    for rate in [few, many, many, few, many] {
        all.extend(micros(&f.store.reserve("c", rate, 3).await.unwrap()));
    }
    assert!(!exceeds(&all, 4, 1_000_000), "{all:?}");
    assert!(!exceeds(&all[..3], 2, 1_000_000));
}

#[tokio::test]
async fn only_what_decides_is_kept() {
    let f = Fixture::new().await;
    for _ in 0..20 {
        f.store.reserve("c", SECOND, 3).await.unwrap();
    }
    let kept: i64 = sqlx::query_scalar("select count(*) from places")
        .fetch_one(f.store.reader())
        .await
        .unwrap();
    assert_eq!(kept, 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_at_once_share_one_rate() {
    let f = Fixture::new().await;
    let mut tasks = Vec::new();
    for _ in 0..4 {
        let store = f.again().await;
        tasks.push(tokio::spawn(async move {
            let mut got = Vec::new();
            for _ in 0..10 {
                got.extend(micros(&store.reserve("c", SECOND, 2).await.unwrap()));
            }
            got
        }));
    }
    let mut all = Vec::new();
    for task in tasks {
        all.extend(task.await.unwrap());
    }
    all.sort();
    assert_eq!(all.len(), 80);
    assert!(!exceeds(&all, 5, 1_000_000));
}

#[tokio::test]
async fn a_rate_of_nothing_is_refused() {
    let f = Fixture::new().await;
    let refused = f.store.reserve("c", Rate { count: 0, ..SECOND }, 1).await.unwrap_err();
    assert_eq!(refused.kind(), Kind::Invalid);
}

#[tokio::test]
async fn the_longest_block_that_holds_now_is_found_by_every_process() {
    let f = Fixture::new().await;
    let until = |s: i64| Timestamp::from_microsecond(MORNING + s * 1_000_000).unwrap();
    let keys = ["connection".to_string(), "endpoint".to_string()];
    assert_eq!(f.store.blocked(&keys).await.unwrap(), None);
    assert_eq!(f.store.blocked(&[]).await.unwrap(), None);
    for (key, seconds, reason) in [
        ("connection", 60, "first"),
        ("connection", 30, "shorter"),
        ("endpoint", 90, "longer"),
    ] {
        f.store
            .block(Block {
                key: key.into(),
                until: until(seconds),
                reason: reason.into(),
            })
            .await
            .unwrap();
    }
    let other = f.again().await;
    let at = |block: Option<Block>| block.map(|b| (b.until, b.reason));
    assert_eq!(
        at(other.blocked(&keys).await.unwrap()),
        Some((until(90), "longer".into()))
    );
    assert_eq!(
        at(other.blocked(&keys[..1]).await.unwrap()),
        Some((until(60), "first".into()))
    );
    f.clock.pass(Duration::from_secs(60));
    assert_eq!(other.blocked(&keys[..1]).await.unwrap(), None);
    f.store
        .block(Block {
            key: "far".into(),
            until: Timestamp::MAX,
            reason: "for ever".into(),
        })
        .await
        .unwrap();
    assert!(other.blocked(&["far".to_string()]).await.unwrap().is_some());
}

#[tokio::test]
async fn lifted_blocks_are_those_of_one_connection() {
    let f = Fixture::new().await;
    let until = Timestamp::from_microsecond(MORNING + 60_000_000).unwrap();
    let of_part = segue_core::gate::key_below("http://h:1", "/tracks");
    for key in ["http://h:1", of_part.as_str(), "http://h:1 as me", "http://h:10"] {
        let block = Block {
            key: key.into(),
            until,
            reason: "429".into(),
        };
        f.store.block(block).await.unwrap();
    }
    let lifted = f.store.unblock("http://h:1").await.unwrap();
    let keys = |blocks: Vec<Block>| blocks.into_iter().map(|b| b.key).collect::<Vec<_>>();
    assert_eq!(keys(lifted), ["http://h:1", &of_part]);
    assert_eq!(
        keys(f.again().await.blocks().await.unwrap()),
        ["http://h:1 as me", "http://h:10"]
    );
    assert_eq!(f.store.unblock("http://h:1").await.unwrap(), []);
}
