//! A real server of S3, where `cargo xtask proof s3` has started one.

use super::{Bed, shown, whole};
use crate::stores::bucket::{Bucket, Put};
use bytes::Bytes;
use futures::StreamExt;
use object_store::PutPayload;
use segue_core::Kind;
use serde_json::{Value, json};

fn settings(url: &str, prefix: &str) -> Value {
    json!({ "bucket": "shop", "prefix": prefix, "endpoint": url, "access_key_id": "segue-proof", "secret_access_key": "segue-proof-secret" })
}

async fn put(bucket: &Bucket, path: &str, text: &str) {
    let payload = PutPayload::from_iter([Bytes::copy_from_slice(text.as_bytes())]);
    let seen = bucket.state(path).await.unwrap().map(|(_, meta)| meta);
    let put = bucket.put(path, payload, seen.as_ref()).await.unwrap();
    assert!(matches!(put, Put::Done), "{path}");
}

#[tokio::test(flavor = "multi_thread")]
async fn buckets_of_a_real_server_are_listed_read_and_written() {
    let Ok(url) = std::env::var("SEGUE_TEST_S3") else {
        println!("left out: a real server of S3; `cargo xtask proof s3` builds and starts MinIO");
        return;
    };
    let bed = Bed::new();
    let bucket = bed.open("s3", settings(&url, "proof/한 글")).unwrap();
    let many = (0..1_100).map(|n| {
        let bucket = &bucket;
        async move { put(bucket, &format!("many/{n:04}.csv"), "id\n1\n").await }
    });
    futures::stream::iter(many)
        .buffer_unordered(8)
        .collect::<Vec<()>>()
        .await;
    put(&bucket, "data/2026-01.csv", "id\n1\n").await;
    put(&bucket, "data/2026-02 &.csv", "id\n2\n3\n").await;
    put(&bucket, "data/empty.csv", "").await;
    assert_eq!(bed.list(&bucket, "many/*.csv").await.unwrap().len(), 1_100);
    assert_eq!(bed.list(&bucket, "**/*.csv").await.unwrap().len(), 1_103);
    assert_eq!(
        bed.list(&bucket, "data/2026-*").await.unwrap(),
        ["data/2026-01.csv 5", "data/2026-02 &.csv 7"]
    );
    assert_eq!(bed.list(&bucket, "data/e*").await.unwrap(), ["data/empty.csv 0"]);
    let file = bed.one(&bucket, "data/2026-02 &.csv").await;
    assert_eq!(bed.read(&bucket, &file).await.unwrap(), (b"id\n2\n3\n".to_vec(), true));
    put(&bucket, "data/2026-02 &.csv", "id\n9\n").await;
    assert_eq!(bed.read(&bucket, &file).await.unwrap(), (b"id\n9\n".to_vec(), false));

    // Of several at once on one condition, one is let in.
    put(&bucket, "race.bin", "first").await;
    let (_, seen) = bucket.state("race.bin").await.unwrap().unwrap();
    let rivals = (0..8).map(|n| {
        let (bucket, seen) = (&bucket, &seen);
        let payload = PutPayload::from_iter([Bytes::from(format!("rival {n}"))]);
        async move { bucket.put("race.bin", payload, Some(seen)).await.unwrap() }
    });
    let done: Vec<Put> = futures::stream::iter(rivals).buffer_unordered(8).collect().await;
    assert_eq!(done.iter().filter(|put| matches!(put, Put::Done)).count(), 1);

    let mut wrong = settings(&url, "");
    wrong["secret_access_key"] = json!("not-the-key-of-anybody");
    let error = bed.list(&bed.open("s3", wrong).unwrap(), "*").await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unauthenticated, "{}", whole(&error));
    assert!(shown(&error).contains("SG0330"), "{}", whole(&error));
    let mut nowhere = settings(&url, "");
    nowhere["bucket"] = json!("nowhere-at-all");
    let error = bed.list(&bed.open("s3", nowhere).unwrap(), "*").await.unwrap_err();
    assert!(shown(&error).contains("SG0332"), "{}", whole(&error));
}
