//! S3 as moto speaks it: listing by pages, reading on conditions, and refusals.

use super::{Bed, settings, shown, whole};
use crate::stores::bucket::Put;
use bytes::Bytes;
use futures::StreamExt;
use object_store::PutPayload;
use segue_core::Kind;
use segue_testkit::moto::Moto;
use serde_json::json;

async fn put(url: String, body: impl Into<reqwest::Body>) {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = client.put(url).body(body).send().await.unwrap();
    assert!(answer.status().is_success(), "{answer:?}");
}

#[tokio::test]
async fn a_bucket_of_s3_is_listed_read_and_written_on_conditions() {
    crate::connector::install_tls();
    let Some(moto) = Moto::start("that S3 is read as moto speaks it") else {
        return;
    };
    let url = moto.url();
    put(format!("{url}/shop"), "").await;
    // More than one page.
    let many = (0..1_100).map(|n| put(format!("{url}/shop/many/{n:04}.csv"), "id\n1\n"));
    futures::stream::iter(many)
        .buffer_unordered(8)
        .collect::<Vec<()>>()
        .await;
    put(format!("{url}/shop/data/2026-01.csv"), "id\n1\n").await;
    put(format!("{url}/shop/data/2026-02.csv"), "id\n2\n3\n").await;
    put(format!("{url}/shop/data/%ED%95%9C%20%26.csv"), "id\n4\n").await;
    put(format!("{url}/shop/data/folder/"), "").await;

    let bed = Bed::new();
    let bucket = bed.open("s3", settings("s3", &url)).unwrap();
    assert_eq!(bed.list(&bucket, "many/*.csv").await.unwrap().len(), 1_100);
    assert_eq!(
        bed.list(&bucket, "data/*").await.unwrap(),
        ["data/2026-01.csv 5", "data/2026-02.csv 7", "data/한 &.csv 5"]
    );
    let file = bed.one(&bucket, "data/2026-02.csv").await;
    let (bytes, same) = bed.read(&bucket, &file).await.unwrap();
    assert_eq!((bytes.as_slice(), same), (b"id\n2\n3\n".as_slice(), true));
    assert_eq!(
        bed.read(&bucket, &bed.one(&bucket, "data/한 &.csv").await)
            .await
            .unwrap()
            .0,
        b"id\n4\n"
    );

    // Another object by now: read as it is, and told. What is there moto lets only its owner replace.
    let payload = |text: &'static str| PutPayload::from_iter([Bytes::from_static(text.as_bytes())]);
    let (_, seen) = bucket.state("data/2026-02.csv").await.unwrap().unwrap();
    let put_again = bucket.put("data/2026-02.csv", payload("id\n9\n"), Some(&seen)).await;
    assert!(matches!(put_again.unwrap(), Put::Done));
    let (bytes, same) = bed.read(&bucket, &file).await.unwrap();
    assert_eq!((bytes.as_slice(), same), (b"id\n9\n".as_slice(), false));

    // Written where nothing is, and where it is still what was seen.
    assert!(matches!(
        bucket.put("out/a.bin", payload("one"), None).await.unwrap(),
        Put::Done
    ));
    assert!(matches!(
        bucket.put("out/a.bin", payload("two"), None).await.unwrap(),
        Put::Unsure
    ));
    let (_, seen) = bucket.state("out/a.bin").await.unwrap().unwrap();
    assert!(matches!(
        bucket.put("out/a.bin", payload("three"), Some(&seen)).await.unwrap(),
        Put::Done
    ));
    assert!(matches!(
        bucket.put("out/a.bin", payload("four"), Some(&seen)).await.unwrap(),
        Put::Unsure
    ));
    let now = bed.one(&bucket, "out/a.bin").await;
    assert_eq!(bed.read(&bucket, &now).await.unwrap().0, b"three");
    bucket.remove("out/a.bin").await.unwrap();
    bucket.remove("out/a.bin").await.unwrap();
    assert!(bucket.state("out/a.bin").await.unwrap().is_none());

    let mut elsewhere = settings("s3", &url);
    elsewhere["bucket"] = json!("nowhere");
    let elsewhere = bed.open("s3", elsewhere).unwrap();
    for pattern in ["*.csv", "a.csv"] {
        let error = bed.list(&elsewhere, pattern).await.unwrap_err();
        assert_eq!(error.kind(), Kind::NotFound, "{}", whole(&error));
        assert!(shown(&error).contains("SG0332"), "{}", whole(&error));
    }
}
