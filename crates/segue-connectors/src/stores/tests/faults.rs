//! What stores do wrong, and what is made of it.

use super::shelf::{Shelf, refused};
use super::{Bed, KINDS, settings, shown, whole};
use segue_core::Kind;
use segue_testkit::http::{Asked, Reply};
use serde_json::json;
use std::sync::atomic::{AtomicUsize, Ordering};

const TEXT: &str = "id,name\n1,ann\n2,bob\n3,eve\n";

fn shelf() -> Shelf {
    Shelf::with(&[("a.csv", TEXT), ("b.csv", TEXT)])
}

fn is_get(asked: &Asked) -> bool {
    // Google's paths come with their points encoded.
    asked.method == "GET" && (asked.path.ends_with("a.csv") || asked.path.ends_with("a%2Ecsv"))
}

/// Each answer, as the error of a listing and of a read.
#[tokio::test]
async fn what_a_store_refuses_has_the_kind_that_it_is_of() {
    for (status, code, kind, shown_code) in [
        (403, "InvalidAccessKeyId", Kind::Unauthenticated, "SG0330"),
        (403, "SignatureDoesNotMatch", Kind::Unauthenticated, "SG0330"),
        (400, "ExpiredToken", Kind::Unauthenticated, "SG0330"),
        (403, "AuthenticationFailed", Kind::Unauthenticated, "SG0330"),
        (401, "", Kind::Unauthenticated, "SG0330"),
        (403, "AccessDenied", Kind::Denied, "SG0331"),
        (403, "AuthorizationPermissionMismatch", Kind::Denied, "SG0331"),
        (404, "NoSuchBucket", Kind::NotFound, "SG0332"),
        (404, "ContainerNotFound", Kind::NotFound, "SG0332"),
        (301, "PermanentRedirect", Kind::Invalid, "SG0333"),
        (400, "AuthorizationHeaderMalformed", Kind::Invalid, "SG0333"),
        (503, "SlowDown", Kind::RateLimited, ""),
        (503, "ServerBusy", Kind::RateLimited, ""),
        (429, "", Kind::RateLimited, ""),
        (500, "InternalError", Kind::Unavailable, ""),
        (400, "InvalidRequest", Kind::Invalid, ""),
    ] {
        for store in KINDS {
            let bed = Bed::new();
            let server = shelf().serve(store, move |_, _| Some(refused(status, code))).await;
            let bucket = bed.open(store, settings(store, &server.url())).unwrap();
            let error = bed.list(&bucket, "*.csv").await.unwrap_err();
            assert_eq!(error.kind(), kind, "{store} {status} {code}: {}", whole(&error));
            assert_eq!(
                error.error_code().map_or(String::new(), |c| c.to_string()),
                shown_code,
                "{store} {code}"
            );
            let tries = server.targets().len();
            let expected = if kind.is_transient() { 5 } else { 1 };
            assert_eq!(tries, expected, "{store} {status} {code}: tried {tries} times");
        }
    }
}

/// Neither a key, nor a signature, nor what was signed, nor a URL with them.
#[tokio::test]
async fn no_error_tells_a_secret() {
    for store in KINDS {
        for status in [400, 403, 404, 500] {
            let bed = Bed::new();
            let server = shelf()
                .serve(store, move |_, _| Some(refused(status, "Whatever")))
                .await;
            let bucket = bed.open(store, settings(store, &server.url())).unwrap();
            let error = bed.list(&bucket, "*.csv").await.unwrap_err();
            let text = whole(&error);
            for secret in [
                "wJalrXUtnFEMI",
                "c2lnbmF0dXJlLW9mLXRlc3Rz",
                "sig=",
                "a secret thing",
                "127.0.0.1",
            ] {
                assert!(!text.contains(secret), "{store} {status} tells `{secret}`: {text}");
            }
            assert!(text.contains("no, says the store"), "{text}");
        }
        // A server that is not there.
        let bed = Bed::new();
        let mut keys = settings(store, "http://127.0.0.1:1");
        keys["tries"] = json!(1);
        let error = bed.list(&bed.open(store, keys).unwrap(), "*.csv").await.unwrap_err();
        assert_eq!(error.kind(), Kind::Unavailable, "{}", whole(&error));
        assert!(!whole(&error).contains("sig="), "{}", whole(&error));
    }
}

#[tokio::test]
async fn what_passes_is_tried_again() {
    for store in KINDS {
        let bed = Bed::new();
        let server = shelf()
            .serve(store, |_, before| match before {
                0 => Some(refused(503, "SlowDown").header("retry-after", 2)),
                1 => Some(refused(500, "InternalError")),
                _ => None,
            })
            .await;
        let bucket = bed.open(store, settings(store, &server.url())).unwrap();
        assert_eq!(bed.list(&bucket, "*.csv").await.unwrap().len(), 2, "{store}");
        assert_eq!(server.targets().len(), 3);
    }
}

/// One that is to be waited for longer than a minute is not waited for.
#[tokio::test]
async fn a_long_wait_is_told_and_not_waited_for() {
    let bed = Bed::new();
    let server = shelf()
        .serve("s3", |_, _| Some(refused(503, "SlowDown").header("retry-after", 3600)))
        .await;
    let bucket = bed.open("s3", settings("s3", &server.url())).unwrap();
    let error = bed.list(&bucket, "*.csv").await.unwrap_err();
    assert_eq!(error.delay().map(|d| d.as_secs()), Some(3600), "{}", whole(&error));
    assert_eq!(server.targets().len(), 1);
}

/// It goes on from where it broke off, on the condition that it is still the same object.
#[tokio::test]
async fn a_download_that_breaks_off_goes_on() {
    for store in KINDS {
        let (bed, shelf) = (Bed::new(), shelf());
        let (inner, cuts) = (shelf.clone(), AtomicUsize::new(0));
        let server = shelf
            .serve(store, move |asked, _| {
                if !is_get(asked) {
                    return None;
                }
                let mut reply = inner.answer(store, asked);
                reply.cut = (cuts.fetch_add(1, Ordering::SeqCst) < 3).then_some(7);
                Some(reply)
            })
            .await;
        let bucket = bed.open(store, settings(store, &server.url())).unwrap();
        let file = bed.one(&bucket, "a.csv").await;
        let (bytes, same) = bed.read(&bucket, &file).await.unwrap();
        assert_eq!(
            (String::from_utf8(bytes).unwrap().as_str(), same),
            (TEXT, true),
            "{store}"
        );
        let gets: Vec<Asked> = server.asked().into_iter().filter(is_get).collect();
        let ranges: Vec<Option<&str>> = gets.iter().map(|asked| asked.header("range")).collect();
        assert_eq!(
            ranges,
            [None, Some("bytes=7-"), Some("bytes=14-"), Some("bytes=21-")],
            "{store}"
        );
        assert!(gets.iter().all(|asked| asked.header("if-match").is_some()), "{store}");
    }
}

#[tokio::test]
async fn a_download_that_goes_nowhere_ends() {
    for store in KINDS {
        let (bed, shelf) = (Bed::new(), shelf());
        let inner = shelf.clone();
        let server = shelf
            .serve(store, move |asked, _| {
                let mut reply = is_get(asked).then(|| inner.answer(store, asked))?;
                reply.cut = Some(0);
                Some(reply)
            })
            .await;
        let bucket = bed.open(store, settings(store, &server.url())).unwrap();
        let file = bed.one(&bucket, "a.csv").await;
        let error = bed.read(&bucket, &file).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Unavailable, "{}", whole(&error));
        let gets = server.asked().iter().filter(|asked| is_get(asked)).count();
        assert_eq!(gets, 5, "{store}");
    }
}

/// Changed between the listing and the read: read as it is now, and it says so. Changed in the middle of it: not mixed.
#[tokio::test]
async fn an_object_that_changes_is_noticed() {
    for store in KINDS {
        let (bed, shelf) = (Bed::new(), shelf());
        let server = shelf.serve(store, |_, _| None).await;
        let bucket = bed.open(store, settings(store, &server.url())).unwrap();
        let file = bed.one(&bucket, "a.csv").await;
        shelf.put("a.csv", "id,name\n9,new\n");
        let (bytes, same) = bed.read(&bucket, &file).await.unwrap();
        assert_eq!(
            (bytes.as_slice(), same),
            (b"id,name\n9,new\n".as_slice(), false),
            "{store}"
        );
    }
    for store in KINDS {
        let (bed, shelf) = (Bed::new(), shelf());
        let (inner, reads) = (shelf.clone(), AtomicUsize::new(0));
        let server = shelf
            .serve(store, move |asked, _| {
                let mut reply = is_get(asked).then(|| inner.answer(store, asked))?;
                // Each answer breaks off, and by then another object of the same size is there.
                reply.cut = Some(7);
                let n = reads.fetch_add(1, Ordering::SeqCst);
                inner.put("a.csv", &TEXT.replace("ann", &format!("{n:03}")));
                Some(reply)
            })
            .await;
        let bucket = bed.open(store, settings(store, &server.url())).unwrap();
        let file = bed.one(&bucket, "a.csv").await;
        let error = bed.read(&bucket, &file).await.unwrap_err();
        assert!(
            shown(&error).starts_with("unavailable[SG0334]"),
            "{store}: {}",
            whole(&error)
        );
    }
}

/// A store that does not heed the condition is found out by the mark of what it sends.
#[tokio::test]
async fn a_store_that_ignores_conditions_mixes_nothing() {
    let (bed, shelf) = (Bed::new(), shelf());
    let (inner, reads) = (shelf.clone(), AtomicUsize::new(0));
    let server = shelf
        .serve("s3", move |asked, _| {
            if !is_get(asked) {
                return None;
            }
            let mut asked = asked.clone();
            asked.headers.retain(|(name, _)| name != "if-match");
            let mut reply = inner.answer("s3", &asked);
            if reads.fetch_add(1, Ordering::SeqCst) == 0 {
                reply.cut = Some(7);
                inner.put("a.csv", &TEXT.replace("ann", "new"));
            }
            Some(reply)
        })
        .await;
    let bucket = bed.open("s3", settings("s3", &server.url())).unwrap();
    let file = bed.one(&bucket, "a.csv").await;
    let (bytes, same) = bed.read(&bucket, &file).await.unwrap();
    assert_eq!(String::from_utf8(bytes).unwrap(), TEXT.replace("ann", "new"));
    assert!(!same);
}

#[tokio::test]
async fn an_object_that_is_gone_or_forbidden_is_said() {
    for store in KINDS {
        for (status, kind) in [(404, Kind::NotFound), (403, Kind::Denied)] {
            let bed = Bed::new();
            let server = shelf()
                .serve(store, move |asked, _| is_get(asked).then(|| refused(status, "No")))
                .await;
            let bucket = bed.open(store, settings(store, &server.url())).unwrap();
            let file = bed.one(&bucket, "a.csv").await;
            let error = bed.read(&bucket, &file).await.unwrap_err();
            assert_eq!(error.kind(), kind, "{store}: {}", whole(&error));
            assert!(whole(&error).contains("a.csv"), "{store}: {}", whole(&error));
        }
    }
}

/// Google and Azure say what the bytes' MD5 is.
#[tokio::test]
async fn bytes_that_are_not_what_the_store_says_are_not_taken() {
    for store in ["gcs", "azure"] {
        let (bed, shelf) = (Bed::new(), shelf());
        let inner = shelf.clone();
        let server = shelf
            .serve(store, move |asked, _| {
                let mut reply = is_get(asked).then(|| inner.answer(store, asked))?;
                reply.body[10] ^= 1;
                Some(reply)
            })
            .await;
        let bucket = bed.open(store, settings(store, &server.url())).unwrap();
        let file = bed.one(&bucket, "a.csv").await;
        let error = bed.read(&bucket, &file).await.unwrap_err();
        assert!(
            shown(&error).starts_with("bad_data[SG0336]"),
            "{store}: {}",
            whole(&error)
        );
        // Once more before it is believed.
        assert_eq!(
            server.asked().iter().filter(|asked| is_get(asked)).count(),
            2,
            "{store}"
        );
    }
}

#[tokio::test]
async fn an_object_that_is_too_large_is_not_brought() {
    let (bed, server) = (Bed::new(), shelf().serve("s3", |_, _| None).await);
    let mut keys = settings("s3", &server.url());
    keys["max_object"] = json!("10B");
    let bucket = bed.open("s3", keys).unwrap();
    let file = bed.one(&bucket, "a.csv").await;
    let error = bed.read(&bucket, &file).await.unwrap_err();
    assert!(shown(&error).starts_with("invalid[SG0335]"), "{}", whole(&error));
    assert!(!server.asked().iter().any(is_get), "nothing of it was asked for");
}

#[tokio::test]
async fn what_is_no_listing_is_said() {
    for store in KINDS {
        for body in ["<html>sign in</html>", "", "{}"] {
            let bed = Bed::new();
            let server = shelf().serve(store, move |_, _| Some(Reply::status(200, body))).await;
            let bucket = bed.open(store, settings(store, &server.url())).unwrap();
            match bed.list(&bucket, "*.csv").await {
                // What has no element of a listing is an empty one to some readers of XML; it holds no file either way.
                Ok(found) => assert!(found.is_empty(), "{store} {body}: {found:?}"),
                Err(error) => assert!(
                    shown(&error).starts_with("bad_data[SG0339]"),
                    "{store} {body}: {}",
                    whole(&error)
                ),
            }
        }
    }
}

#[tokio::test]
async fn a_key_that_is_no_path_is_said() {
    for store in KINDS {
        let bed = Bed::new();
        let server = Shelf::with(&[("a//b.csv", TEXT)]).serve(store, |_, _| None).await;
        let bucket = bed.open(store, settings(store, &server.url())).unwrap();
        let error = bed.list(&bucket, "**/*.csv").await.unwrap_err();
        assert!(
            shown(&error).starts_with("bad_data[SG0339]"),
            "{store}: {}",
            whole(&error)
        );
    }
}

#[tokio::test]
async fn a_read_that_is_stopped_ends() {
    let (bed, shelf) = (Bed::new(), shelf());
    let inner = shelf.clone();
    let server = shelf
        .serve("s3", move |asked, _| {
            let mut reply = is_get(asked).then(|| inner.answer("s3", asked))?;
            reply.hang = true;
            Some(reply)
        })
        .await;
    let bucket = bed.open("s3", settings("s3", &server.url())).unwrap();
    let file = bed.one(&bucket, "a.csv").await;
    let stop = bed.ctx.cancel.clone();
    let reading = bed.read(&bucket, &file);
    let stopping = async {
        while !server.asked().iter().any(is_get) {
            tokio::task::yield_now().await;
        }
        stop.cancel();
    };
    let (read, ()) = tokio::join!(reading, stopping);
    assert_eq!(read.unwrap_err().kind(), Kind::Cancelled);
}
