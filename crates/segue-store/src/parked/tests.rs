use super::*;
use crate::testing::*;

#[tokio::test]
async fn slices_are_parked_again_and_unparked() {
    let f = Fixture::new().await;
    let until = Timestamp::from_microsecond(MORNING + 5).unwrap();
    let parked = |label: &str, attempts| Parked {
        labels: labels(label),
        until: Some(until),
        block: Some("http://h:1".into()),
        reason: "429".into(),
        attempts,
    };
    f.store.park(asset(1), &[parked("a", 1), parked("b", 1)]).await.unwrap();
    let again = Parked {
        until: None,
        block: None,
        reason: "503".into(),
        ..parked("a", 2)
    };
    f.store.park(asset(1), std::slice::from_ref(&again)).await.unwrap();
    f.store.park(asset(2), &[parked("a", 1)]).await.unwrap();
    assert_eq!(f.again().await.parked(asset(1)).await.unwrap(), [again, parked("b", 1)]);
    f.store
        .unpark(asset(1), &[labels("a"), labels("never parked")])
        .await
        .unwrap();
    assert_eq!(f.store.parked(asset(1)).await.unwrap(), [parked("b", 1)]);
    assert_eq!(f.store.parked(asset(2)).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_whole_asset_and_many_slices() {
    let f = Fixture::new().await;
    let of = |i: usize| Parked {
        labels: labels(&format!("s{i:05}")),
        until: None,
        block: None,
        reason: "r".into(),
        attempts: 1,
    };
    let many: Vec<Parked> = (0..3000)
        .map(of)
        .chain([Parked {
            labels: Labels::none(),
            ..of(0)
        }])
        .collect();
    f.store.park(asset(1), &many).await.unwrap();
    assert_eq!(f.store.parked(asset(1)).await.unwrap().len(), 3001);
    let all: Vec<Labels> = many.iter().map(|p| p.labels.clone()).collect();
    f.store.unpark(asset(1), &all).await.unwrap();
    assert_eq!(f.store.parked(asset(1)).await.unwrap(), []);
    f.store.park(asset(1), &[]).await.unwrap();
    f.store.unpark(asset(1), &[]).await.unwrap();
}
