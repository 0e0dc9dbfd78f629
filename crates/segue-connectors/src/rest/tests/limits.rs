//! Credentials, rates, and being told to come back later.

use super::*;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

fn copy() -> Value {
    json!({ "request": { "get": "/{{ each.id }}" }, "records": "$[*]" })
}

fn oauth(f: Fixture) -> Fixture {
    let token_url = format!("{}/token", f.server.url());
    f.with(
        "auth",
        json!({ "oauth2": { "grant": "client_credentials", "token_url": token_url, "client_id": "me", "client_secret": "hush-hush", "scopes": ["read", "all"] } }),
    )
}

fn ids(n: usize) -> Vec<String> {
    (0..n).map(|i| format!("s{i}")).collect()
}

async fn read(f: &Fixture, n: usize, copy: Value) -> String {
    let ids = ids(n);
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    f.read(for_each(request(copy, &["n int64"]), "label", &ids)).await
}

/// How many slices ended in which way.
fn ends(text: &str) -> String {
    let count = |word: &str| {
        text.lines()
            .filter(|l| l.split(' ').nth(1).is_some_and(|w| w.trim_end_matches(':') == word))
            .count()
    };
    ["done", "parked", "failed", "closed"]
        .map(|w| format!("{w} {}", count(w)))
        .join(", ")
}

#[tokio::test]
async fn a_token_is_fetched_once_for_all_and_renewed_before_it_ends() {
    let tokens = Arc::new(AtomicUsize::new(0));
    let given = tokens.clone();
    let f = Fixture::new(move |asked, _| match asked.path.as_str() {
        "/token" => {
            assert_eq!(asked.header("authorization"), Some("Basic bWU6aHVzaC1odXNo"));
            assert_eq!(asked.body, "grant_type=client_credentials&scope=read+all");
            Reply::json(json!({ "access_token": format!("t{}", given.fetch_add(1, Ordering::SeqCst)), "expires_in": 3600 }))
        }
        _ => Reply::json(json!([{ "n": asked.header("authorization").unwrap().trim_start_matches("Bearer t").parse::<u64>().unwrap() }])),
    })
    .await;
    let f = oauth(f).with("limits", json!({ "concurrency": 4 }));
    let source = f.source().unwrap();
    for (later, rows) in [(0, "0"), (3500, "0"), (50, "1")] {
        f.clock.advance(Duration::from_secs(later));
        let request = for_each(request(copy(), &["n int64"]), "label", &["a", "b", "c", "d"]);
        let reads: Vec<_> = source.read(request, &f.ctx).await.unwrap().collect().await;
        let text: Vec<String> = reads
            .iter()
            .flat_map(lines)
            .filter(|l| !l.ends_with("done"))
            .map(|l| l[3..].to_string())
            .collect();
        assert_eq!(text, [rows; 4], "{later}");
    }
    assert_eq!(tokens.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_refused_token_is_renewed_once_and_the_request_tried_once_more() {
    let f = Fixture::new(|asked, n| match (asked.path.as_str(), asked.header("authorization")) {
        ("/token", _) => Reply::json(json!({ "access_token": format!("token-{n}") })),
        (_, Some("Bearer token-0")) => Reply::status(401, "expired"),
        _ => Reply::json(json!([{ "n": 1 }])),
    })
    .await;
    let f = oauth(f);
    assert_eq!(read(&f, 2, copy()).await, "0: 1\n0 done\n1: 1\n1 done");
    assert_eq!(f.server.targets(), ["/token", "/v1/s0", "/token", "/v1/s0", "/v1/s1"]);
}

#[tokio::test]
async fn credentials_that_are_refused_end_the_read_and_are_not_shown() {
    let f = Fixture::new(|asked, _| match asked.path.as_str() {
        "/token" => Reply::json(json!({ "access_token": "secret-token-1" })),
        _ => Reply::status(401, r#"{"error":"token secret-token-1 of hush-hush is bad"}"#),
    })
    .await;
    let f = oauth(f);
    insta::assert_snapshot!(read(&f, 3, copy()).await, @r#"error unauthenticated[SG0304]: the server does not accept who asks: status 401 (answer: {"error":"token *** of *** is bad"})"#);
    assert_eq!(f.server.targets(), ["/token", "/v1/s0", "/token", "/v1/s0"]);

    let f = oauth(Fixture::new(|_, _| Reply::status(400, r#"{"error":"invalid_client hush-hush"}"#)).await);
    let text = read(&f, 3, copy()).await;
    assert!(
        text.starts_with("error unauthenticated") && !text.contains("hush"),
        "{text}"
    );
}

#[tokio::test]
async fn keys_go_where_they_are_told_and_nowhere_else() {
    for (auth, target, header) in [
        (
            json!({ "bearer": { "token": "hush-hush" } }),
            "/v1/s0",
            Some(("authorization", "Bearer hush-hush")),
        ),
        (
            json!({ "api_key": { "header": "X-Key", "value": "hush-hush" } }),
            "/v1/s0",
            Some(("x-key", "hush-hush")),
        ),
        (
            json!({ "api_key": { "query": "key", "value": "hush hush" } }),
            "/v1/s0?key=hush+hush",
            None,
        ),
    ] {
        let f = Fixture::new(|_, _| Reply::json(json!([{ "n": 1 }])))
            .await
            .with("auth", auth)
            .with("headers", json!({ "x-app": "us" }));
        let mut request = for_each(request(copy(), &["n int64"]), "label", &["s0"]);
        request.keep_pages = true;
        let text = f.read(request).await;
        assert!(text.contains("0: 1") && !text.contains("hush"), "{text}");
        let asked = &f.server.asked()[0];
        assert_eq!(asked.target(), target);
        assert_eq!(asked.header("x-app"), Some("us"));
        assert!(asked.header("user-agent").is_some_and(|a| a.starts_with("segue/")));
        if let Some((name, value)) = header {
            assert_eq!(asked.header(name), Some(value));
        }
    }
}

#[tokio::test]
async fn told_to_wait_a_little_it_waits_in_both_forms() {
    for after in ["7", "Sun, 01 Nov 2026 12:00:07 GMT"] {
        let f = Fixture::new(move |_, n| match n {
            0 => Reply::status(429, "").header("retry-after", after),
            _ => Reply::json(json!([{ "n": 1 }])),
        })
        .await;
        assert_eq!(read(&f, 1, copy()).await, "0: 1\n0 done", "{after}");
        assert_eq!(f.clock.slept(), [Duration::from_secs(7)]);
        assert_eq!(f.gate.blocks(), []);
    }
}

#[tokio::test]
async fn told_to_come_back_tomorrow_it_parks_the_rest_unasked_and_so_does_the_next_run() {
    for after_done in [1usize, 9] {
        let f = Fixture::new(move |_, n| match n < after_done {
            true => Reply::json(json!([{ "n": 1 }])),
            false => Reply::status(429, "").header("retry-after", 86_400),
        })
        .await;
        let text = read(&f, 10, copy()).await;
        assert_eq!(
            ends(&text),
            format!("done {after_done}, parked {}, failed 0, closed 0", 10 - after_done)
        );
        assert!(
            text.contains("parked until 2026-11-02T12:00:00Z: the server wants fewer requests: status 429"),
            "{text}"
        );
        assert_eq!(f.server.asked().len(), after_done + 1);
        // Another process: nothing of the first one is remembered but what the gate holds.
        assert_eq!(
            ends(&read(&f, 10, copy()).await),
            "done 0, parked 10, failed 0, closed 0"
        );
        assert_eq!(f.server.asked().len(), after_done + 1);
        f.clock.advance(Duration::from_secs(86_400));
        read(&f, 1, copy()).await;
        assert_eq!(
            f.server.asked().len(),
            after_done + 2,
            "when the time has come, it is asked again"
        );
    }
}

#[tokio::test]
async fn a_block_refuses_at_most_as_many_as_were_under_way() {
    let f = Fixture::new(|_, n| match n < 20 {
        true => Reply::json(json!([{ "n": 1 }])),
        false => Reply::status(429, "").header("retry-after", 86_400),
    })
    .await
    .with("limits", json!({ "concurrency": 8 }));
    let text = read(&f, 200, copy()).await;
    assert_eq!(ends(&text), "done 20, parked 180, failed 0, closed 0");
    let refused = f.server.asked().len() - 20;
    assert!((1..=8).contains(&refused), "{refused} were refused");
}

#[tokio::test]
async fn a_block_covers_what_the_rule_says() {
    for (blocks, parked) in [("slice", 1), ("endpoint", 3), ("connection", 3)] {
        let f = Fixture::new(|asked, _| match asked.path.ends_with("s1") {
            true => Reply::status(429, "").header("retry-after", 3600),
            false => Reply::json(json!([{ "n": 1 }])),
        })
        .await;
        let mut copy = copy();
        copy["retry_after"] = json!({ "blocks": blocks });
        let text = read(&f, 4, copy).await;
        assert_eq!(
            ends(&text),
            format!("done {}, parked {parked}, failed 0, closed 0", 4 - parked),
            "{blocks}"
        );
        // Another path of the same account is free, unless all of it is blocked.
        let other = json!({ "request": { "get": "/other/{{ each.id }}" }, "records": "$[*]" });
        let free = ends(&read(&f, 1, other).await) == "done 1, parked 0, failed 0, closed 0";
        assert_eq!(free, blocks != "connection", "{blocks}");
    }
}

#[tokio::test]
async fn no_window_holds_more_than_the_rate() {
    let f = Fixture::new(|_, _| Reply::json(json!([{ "n": 1 }])))
        .await
        .with("limits", json!({ "concurrency": 4, "rate": "10/s" }));
    let text = read(&f, 57, copy()).await;
    assert_eq!(ends(&text), "done 57, parked 0, failed 0, closed 0");
    let identity = f.source().unwrap().identity();
    let places = f.gate.places(&identity);
    assert!(places.len() >= 57);
    for window in places.windows(11) {
        assert!(window[10].duration_since(window[0]).as_millis() >= 1000, "{window:?}");
    }
    // Five windows, each a little longer than it must be.
    let took = f.clock.elapsed();
    assert!(
        took >= Duration::from_millis(5000) && took <= Duration::from_millis(6500),
        "{took:?}"
    );
}

#[tokio::test]
async fn a_connection_can_be_tried() {
    let f = Fixture::new(|asked, _| match asked.path.as_str() {
        "/token" => Reply::json(json!({ "access_token": "t" })),
        _ => Reply::status(404, ""),
    })
    .await;
    let f = oauth(f);
    let text = f.source().unwrap().test(&f.ctx).await.unwrap();
    assert!(text.ends_with("as me answers (status 404 at its base)"), "{text}");
    let f = Fixture::new(|_, _| Reply::status(401, "")).await;
    assert_eq!(
        f.source().unwrap().test(&f.ctx).await.unwrap_err().kind(),
        segue_core::Kind::Unauthenticated
    );
    assert_eq!(now(&f), f.clock.now());
}

#[tokio::test]
async fn tokens_as_servers_write_them() {
    let mut all = Vec::new();
    for body in [
        r#"{"access_token":"t-o-k-e-n","expires_in":"3600"}"#,
        r#"{"access_token":"t-o-k-e-n","expires_in":null}"#,
        r#"{"access_token":"t-o-k-e-n","expires_in":"soon"}"#,
        r#"{"access_token":""}"#,
        r#"{"access_token":7}"#,
        r#"{"token":"t-o-k-e-n"}"#,
        "<html>t-o-k-e-n</html>",
        "",
    ] {
        let f = Fixture::new(move |asked, _| match (asked.path.as_str(), body) {
            ("/token", "") => Reply::status(401, r#"{"error":"hush-hush"}"#),
            ("/token", body) => Reply::json(body),
            _ => Reply::json(json!([{ "n": 1 }])),
        })
        .await;
        let f = oauth(f).with("limits", json!({ "tries": 1 }));
        all.push(read(&f, 1, copy()).await);
    }
    insta::assert_snapshot!(all.join("\n"), @r"
    0: 1
    0 done
    0: 1
    0 done
    0: 1
    0 done
    error unauthenticated[SG0304]: the token that is given for these credentials is empty (token_url: http://127.0.0.1:PORT/token)
    0 parked: the answer of the server that gives tokens is not one: it lacks an `access_token`, or has something else there (token_url: http://127.0.0.1:PORT/token, tries: 1)
    0 parked: the answer of the server that gives tokens is not one: it lacks an `access_token`, or has something else there (token_url: http://127.0.0.1:PORT/token, tries: 1)
    0 parked: the answer of the server that gives tokens is not one: it is not JSON (token_url: http://127.0.0.1:PORT/token, tries: 1)
    error unauthenticated[SG0304]: no token is given for these credentials (token_url: http://127.0.0.1:PORT/token, status: 401)
    ");
}

/// A token server that says this, and an API that would answer.
async fn no_token(reply: Reply) -> Fixture {
    let f = Fixture::new(move |asked, _| match asked.path.as_str() {
        "/token" => reply.clone(),
        _ => Reply::json(json!([{ "n": 1 }])),
    });
    oauth(f.await).with("limits", json!({ "concurrency": 8, "tries": 3 }))
}

#[tokio::test]
async fn a_token_server_that_is_down_is_asked_as_often_as_one_request() {
    let f = no_token(Reply::status(503, "")).await;
    let text = read(&f, 200, copy()).await;
    assert_eq!(ends(&text), "done 0, parked 200, failed 0, closed 0");
    assert_eq!(f.server.targets(), ["/token"; 3]);
    assert_eq!(f.ctx.meter.usage().calls, 3, "requests for tokens are requests");
    // The next read tries again, when the failure has stood long enough.
    f.clock.advance(Duration::from_secs(60));
    read(&f, 200, copy()).await;
    assert_eq!(f.server.asked().len(), 6);
}

#[tokio::test]
async fn told_to_come_back_tomorrow_for_a_token_the_whole_connection_does() {
    for blocks in ["slice", "endpoint", "connection"] {
        let f = no_token(Reply::status(429, "").header("retry-after", 86_400)).await;
        let mut copy = copy();
        copy["retry_after"] = json!({ "blocks": blocks });
        let text = read(&f, 50, copy.clone()).await;
        assert_eq!(ends(&text), "done 0, parked 50, failed 0, closed 0", "{blocks}");
        assert!(text.contains("parked until 2026-11-02T12:00:00Z"), "{text}");
        assert_eq!(f.server.targets(), ["/token"], "{blocks}");
        read(&f, 50, copy).await;
        assert_eq!(f.server.asked().len(), 1, "{blocks}: another process knows");
    }
}

#[tokio::test]
async fn a_server_that_says_no_is_there() {
    let f = Fixture::new(|asked, _| match asked.path.trim_start_matches("/v1/s").parse() {
        Ok(0..15) => Reply::status(409, "busy"),
        _ => Reply::json(json!([{ "n": 1 }])),
    })
    .await
    .with("limits", json!({ "concurrency": 1, "tries": 1 }));
    let mut copy = copy();
    copy["errors"] = json!([{ "status": 409, "then": "retry" }]);
    let text = read(&f, 20, copy).await;
    assert_eq!(ends(&text), "done 5, parked 15, failed 0, closed 0");
}

#[tokio::test]
async fn accounts_of_one_host_are_told_apart_by_their_names() {
    let f = Fixture::new(|_, _| Reply::status(429, "").header("retry-after", 3600)).await;
    let f = f.with("auth", json!({ "bearer": { "token": "hush-hush" } }));
    let f = f.with("account", json!("one"));
    let one = f.source().unwrap().identity();
    assert!(one.ends_with(" as one"), "{one}");
    read(&f, 1, copy()).await;
    assert_eq!(f.gate.blocks()[0].0, one);
    let f = f.with("account", json!("two"));
    read(&f, 1, copy()).await;
    assert_eq!(f.server.asked().len(), 2, "the block is the other account's");
    assert!(f.with("account", json!(" ")).source().is_err());
}
