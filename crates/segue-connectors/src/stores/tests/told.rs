//! What is listed and read, in each store's own form.

use super::shelf::Shelf;
use super::{Bed, KINDS, settings};
use crate::files::place::Place;
use serde_json::json;

fn shelf() -> Shelf {
    Shelf::with(&[
        ("data/2026-01.csv", "id\n1\n"),
        ("data/2026-02.csv", "id\n2\n3\n"),
        ("data/2025-12.csv", "id\n0\n"),
        ("data/empty.csv", ""),
        ("data/folder/", ""),
        ("data/folder/deep/a & b.csv", "id\n4\n"),
        ("data/한글.csv", "id\n5\n"),
        ("other/2026-01.csv", "id\n9\n"),
        ("top.csv", "id\n7\n"),
    ])
}

#[tokio::test]
async fn a_pattern_means_the_same_files_in_every_store() {
    for kind in KINDS {
        let (bed, server) = (Bed::new(), shelf().serve(kind, |_, _| None).await);
        let bucket = bed.open(kind, settings(kind, &server.url())).unwrap();
        for (pattern, expected) in [
            ("data/2026-*.csv", vec!["data/2026-01.csv 5", "data/2026-02.csv 7"]),
            ("*.csv", vec!["top.csv 5"]),
            (
                "data/*",
                vec![
                    "data/2025-12.csv 5",
                    "data/2026-01.csv 5",
                    "data/2026-02.csv 7",
                    "data/empty.csv 0",
                    "data/한글.csv 5",
                ],
            ),
            ("**/2026-01.csv", vec!["data/2026-01.csv 5", "other/2026-01.csv 5"]),
            ("data/**/a*.csv", vec!["data/folder/deep/a & b.csv 5"]),
            ("data/한글.csv", vec!["data/한글.csv 5"]),
            ("data/none.csv", vec![]),
            ("data/folder", vec![]),
            ("nothing/*", vec![]),
        ] {
            assert_eq!(bed.list(&bucket, pattern).await.unwrap(), expected, "{kind}: {pattern}");
        }
    }
}

#[tokio::test]
async fn what_is_below_a_prefix_is_listed_and_read_from_there() {
    for kind in KINDS {
        let (bed, server) = (Bed::new(), shelf().serve(kind, |_, _| None).await);
        let mut keys = settings(kind, &server.url());
        keys["prefix"] = json!("/data/");
        let bucket = bed.open(kind, keys).unwrap();
        assert_eq!(
            bed.list(&bucket, "2026-*").await.unwrap(),
            ["2026-01.csv 5", "2026-02.csv 7"]
        );
        let file = bed.one(&bucket, "2026-02.csv").await;
        let (bytes, same) = bed.read(&bucket, &file).await.unwrap();
        assert_eq!((bytes.as_slice(), same), (b"id\n2\n3\n".as_slice(), true), "{kind}");
        assert_eq!(
            bed.list(&bucket, "**/a*").await.unwrap(),
            ["folder/deep/a & b.csv 5"],
            "{kind}"
        );
        assert!(bucket.root().ends_with("shop/data"), "{}", bucket.root());
    }
}

/// Only what may fit is asked for: the longest beginning without a pattern, and no deeper than the pattern goes.
#[tokio::test]
async fn a_listing_asks_for_no_more_than_it_must() {
    let (bed, server) = (Bed::new(), shelf().serve("s3", |_, _| None).await);
    let bucket = bed.open("s3", settings("s3", &server.url())).unwrap();
    bed.list(&bucket, "data/2026-*.csv").await.unwrap();
    let asked = server.targets();
    assert!(
        asked[0].contains("prefix=data%2F2026-") && asked[0].contains("delimiter=%2F"),
        "{asked:?}"
    );
    bed.list(&bucket, "data/**/*.csv").await.unwrap();
    let last = server.targets().pop().unwrap();
    assert!(!last.contains("delimiter"), "{last}");
}

#[tokio::test]
async fn a_connection_test_says_what_is_there() {
    for kind in KINDS {
        let (bed, server) = (Bed::new(), shelf().serve(kind, |_, _| None).await);
        let bucket = bed.open(kind, settings(kind, &server.url())).unwrap();
        let told = bucket.test(&bed.ctx).await.unwrap();
        assert!(
            told.starts_with("files below ") && told.ends_with("shop"),
            "{kind}: {told}"
        );
        let mut keys = settings(kind, &server.url());
        keys["prefix"] = json!("nothing/here");
        let told = bed.open(kind, keys).unwrap().test(&bed.ctx).await.unwrap();
        assert!(
            told.ends_with("shop/nothing/here is there, and holds no files yet"),
            "{kind}: {told}"
        );
    }
}

#[tokio::test]
async fn a_place_is_called_by_its_server_bucket_and_folder() {
    let bed = Bed::new();
    let named = |kind: &str, keys| bed.open(kind, keys).unwrap().identity();
    let all = [
        named("s3", json!({ "bucket": "shop", "prefix": "a/b", "anonymous": true })),
        named(
            "s3",
            json!({ "bucket": "shop", "endpoint": "https://minio.example.com:9000", "anonymous": true }),
        ),
        named("gcs", json!({ "bucket": "shop", "anonymous": true })),
        named(
            "azure",
            json!({ "account": "acme", "container": "shop", "anonymous": true }),
        ),
    ];
    assert_eq!(
        all,
        [
            "s3://shop/a/b",
            "s3://minio.example.com:9000/shop",
            "gs://shop",
            "azure://acme/shop"
        ]
    );
}

/// Through the source that every store has: rows of all files.
#[tokio::test]
async fn files_of_a_bucket_are_read_as_files_are() {
    use crate::connector::ConnectionSettings;
    use futures::TryStreamExt;
    use segue_core::source::{Read, ReadRequest};
    for kind in KINDS {
        let (bed, server) = (Bed::new(), shelf().serve(kind, |_, _| None).await);
        let open = super::connector(kind).source.unwrap();
        let source = open(ConnectionSettings::new(settings(kind, &server.url())), bed.deps()).unwrap();
        let request = ReadRequest::all_of(json!({ "path": "data/2026-*.csv" }));
        let reads: Vec<Read> = source
            .read(request, &bed.ctx)
            .await
            .unwrap()
            .try_collect()
            .await
            .unwrap();
        let rows: usize = reads
            .iter()
            .filter_map(|read| match read {
                Read::Rows { batch, .. } => Some(batch.num_rows()),
                _ => None,
            })
            .sum();
        assert_eq!(rows, 3, "{kind}: {reads:?}");
    }
}
