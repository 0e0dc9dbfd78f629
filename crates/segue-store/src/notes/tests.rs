use super::*;
use crate::testing::*;

const MINUTE: Duration = Duration::from_secs(60);

fn secret(text: &str) -> Secret {
    Secret::new(text)
}

#[tokio::test]
async fn a_note_is_what_was_kept_last_in_every_process() {
    let f = Fixture::new().await;
    assert_eq!(f.store.claim("k", "a", MINUTE).await.unwrap(), Claimed::Ours(None));
    assert!(f.store.keep("k", "a", &secret("one")).await.unwrap());
    let other = f.again().await;
    let claimed = other.claim("k", "b", MINUTE).await.unwrap();
    assert_eq!(claimed, Claimed::Ours(Some(secret("one"))));
    other.release("k", "b").await.unwrap();
    let claimed = f.store.claim("k", "a", MINUTE).await.unwrap();
    assert_eq!(claimed, Claimed::Ours(Some(secret("one"))));
    assert_eq!(f.store.claim("l", "a", MINUTE).await.unwrap(), Claimed::Ours(None));
}

#[tokio::test]
async fn a_note_has_one_holder_until_its_time_is_over() {
    let f = Fixture::new().await;
    f.store.claim("k", "dead", MINUTE).await.unwrap();
    let until = instant(MORNING + 60_000_000).unwrap();
    assert_eq!(f.store.claim("k", "b", MINUTE).await.unwrap(), Claimed::Until(until));
    // Its own holder may hold it longer.
    assert_eq!(f.store.claim("k", "dead", MINUTE).await.unwrap(), Claimed::Ours(None));
    f.clock.set(MORNING + 60_000_001);
    assert_eq!(f.store.claim("k", "b", MINUTE).await.unwrap(), Claimed::Ours(None));
    assert!(
        !f.store.keep("k", "dead", &secret("late")).await.unwrap(),
        "it is another's now"
    );
    assert!(f.store.keep("k", "b", &secret("two")).await.unwrap());
    assert!(
        !f.store.keep("k", "b", &secret("again")).await.unwrap(),
        "it was given back"
    );
    let claimed = f.store.claim("k", "c", MINUTE).await.unwrap();
    assert_eq!(claimed, Claimed::Ours(Some(secret("two"))));
}
