//! Limits that assets share, and servers that answers lead to.

use super::*;
use std::time::Duration;

async fn read(f: &Fixture, source: &Rest, path: &str, ids: &[&str]) -> String {
    let copy = json!({ "request": { "get": format!("/{path}/{{{{ each.id }}}}") }, "records": "$[*]" });
    let request = for_each(request(copy, &["n int64"]), "label", ids);
    let reads: Vec<_> = source.read(request, &f.ctx).await.unwrap().collect().await;
    reads.iter().flat_map(lines).collect::<Vec<_>>().join("\n")
}

fn limits(rate: &str) -> Value {
    json!({ "concurrency": 1, "max_wait": "1m", "quotas": [
        { "name": "search", "rate": rate, "paths": ["/search/*"] },
        { "name": "daily", "rate": "100/d" },
    ] })
}

#[tokio::test]
async fn assets_share_a_quota_and_others_do_not_wait_for_it() {
    let f = Fixture::new(|_, _| Reply::json(json!([{ "n": 1 }])))
        .await
        .with("limits", limits("2/s"));
    let source = f.source().unwrap();
    for _ in 0..3 {
        assert_eq!(
            read(&f, &source, "search", &["a", "b"]).await,
            "0: 1\n0 done\n1: 1\n1 done"
        );
        let before = f.clock.slept().len();
        read(&f, &source, "items", &["a", "b", "c"]).await;
        assert_eq!(f.clock.slept().len(), before, "the items have no such quota");
    }
    assert_eq!(f.clock.slept().len(), 2, "{:?}", f.clock.slept());
    let used = f.gate.places(
        "http://127.0.0.1:PORT"
            .replace("PORT", f.server.url().rsplit(':').next().unwrap())
            .as_str(),
    );
    assert!(used.is_empty(), "there is no rate of the connection");
}

#[tokio::test]
async fn a_quota_that_is_used_up_parks_what_it_covers_for_every_process() {
    let f = Fixture::new(|_, _| Reply::json(json!([{ "n": 1 }])))
        .await
        .with("limits", limits("3/h"));
    let text = read(&f, &f.source().unwrap(), "search", &["a", "b", "c", "d", "e"]).await;
    let rows: Vec<&str> = text.lines().collect();
    assert_eq!(rows[..6], ["0: 1", "0 done", "1: 1", "1 done", "2: 1", "2 done"]);
    assert!(
        rows[6].starts_with("3 parked until 2026-11-01T13:") && rows[6].ends_with("the quota `search` is used up"),
        "{text}"
    );
    assert!(rows[7].starts_with("4 parked until"), "{text}");
    assert_eq!(f.server.asked().len(), 3);
    // Another process, and what it does not cover.
    let other = f.source().unwrap();
    assert!(read(&f, &other, "search", &["a"]).await.starts_with("0 parked until"));
    assert_eq!(read(&f, &other, "items", &["a"]).await, "0: 1\n0 done");
    // However often it was asked meanwhile, it goes on when there is room.
    f.clock.advance(Duration::from_secs(3_800));
    assert_eq!(read(&f, &other, "search", &["a"]).await, "0: 1\n0 done");
}

#[tokio::test]
async fn quotas_that_cannot_be_are_refused() {
    let f = Fixture::new(|_, _| Reply::json("[]")).await;
    let mut twice = limits("1/s");
    twice["quotas"][1]["name"] = json!("search");
    let f = f.with("limits", twice);
    assert_eq!(
        f.source().err().unwrap().message(),
        "`limits.quotas` has `search` twice"
    );
    let mut wrong = limits("1/s");
    wrong["quotas"][1]["paths"] = json!(["["]);
    let f = f.with("limits", wrong);
    assert_eq!(
        f.source().err().unwrap().message(),
        "a path of `limits.quotas` cannot be read"
    );
    let f = f
        .with("limits", json!({}))
        .with("allowed_hosts", json!(["https://files.example.com"]));
    assert_eq!(
        f.source().err().unwrap().message(),
        "`https://files.example.com` in `allowed_hosts` is no host"
    );
}

#[tokio::test]
async fn a_server_that_is_allowed_is_asked_without_credentials_and_no_other_is() {
    let files = Server::start(|_, _| Reply::json(json!([{ "n": 7 }]))).await;
    let other = files.url();
    let port = other.rsplit(':').next().unwrap().to_string();
    let make = async |allowed: Value| {
        let to = other.clone();
        let f = Fixture::new(move |_, _| Reply::status(302, "").header("location", format!("{to}/file?token=1")));
        f.await
            .with("auth", json!({ "bearer": { "token": "hush-hush" } }))
            .with("headers", json!({ "x-app": "us" }))
            .with("allowed_hosts", allowed)
    };
    let copy = json!({ "request": { "get": "/x" }, "records": "$[*]" });
    let f = make(json!([format!("127.0.0.1:{port}")])).await;
    assert_eq!(f.read(request(copy.clone(), &["n int64"])).await, "0: 7\n0 done");
    let asked = &files.asked()[0];
    assert_eq!((asked.header("authorization"), asked.header("x-app")), (None, None));
    for allowed in [json!([]), json!(["127.0.0.1"]), json!(["*.0.0.1:1"])] {
        let f = make(allowed).await;
        let text = f.read(request(copy.clone(), &["n int64"])).await;
        assert!(
            text.starts_with("0 failed invalid[SG0394]: the answer is at another server"),
            "{text}"
        );
    }
    // What is posted does not go there.
    let f = make(json!([format!("127.0.0.1:{port}")])).await;
    let post = json!({ "request": { "post": "/x", "json": {} }, "records": "$[*]" });
    let redirected = f.read(request(post, &["n int64"])).await;
    assert_eq!(
        redirected, "0: 7\n0 done",
        "after a 302 it is asked by GET, with no body"
    );
    assert_eq!(files.asked()[1].body, "");
    assert_eq!(files.asked().len(), 2);
}

#[tokio::test]
async fn the_files_of_an_export_may_be_elsewhere() {
    let files = Server::start(|_, _| Reply::json("{\"n\":1}\n")).await;
    let link = format!("{}/1", files.url());
    let answer = move |asked: &Asked, _: usize| match asked.path.as_str() {
        "/v1/exports" => Reply::json(json!({ "id": 5 })),
        _ => Reply::json(json!({ "state": "done", "files": [link] })),
    };
    let copy = json!({
        "request": { "post": "/exports" }, "decoder": "json_lines", "records": "$[*]",
        "export": { "job": { "id": "$.id" }, "poll": { "get": "/exports/{{ job.id }}", "status": "$.state", "done": ["done"] }, "download": { "links": "$.files[*]" } },
    });
    let host = files.url().trim_start_matches("http://").to_string();
    let f = Fixture::new(answer)
        .await
        .with("allowed_hosts", json!([host]))
        .with("auth", json!({ "bearer": { "token": "hush-hush" } }));
    assert_eq!(f.read(request(copy, &["n int64"])).await, "0: 1\n0 done");
    assert_eq!(files.asked()[0].header("authorization"), None);
}
