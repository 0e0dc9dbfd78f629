//! What answers mean: errors, rules, retries, redirects, and answers that are none.

use super::*;

fn copy() -> Value {
    json!({ "request": { "get": "/{{ each.id }}" }, "records": "$[*]" })
}

/// Reads the slices a, b and c; `b` is answered so.
async fn b_is(reply: Reply, errors: Value) -> (String, Fixture) {
    let f = Fixture::new(move |asked, _| match asked.path.ends_with("/b") {
        true => reply.clone(),
        false => Reply::json(json!([{ "n": 1 }])),
    })
    .await;
    let mut copy = copy();
    copy["errors"] = errors;
    let text = f
        .read(for_each(request(copy, &["n int64"]), "label", &["a", "b", "c"]))
        .await;
    let others = ["0: 1", "0 done", "2: 1", "2 done"];
    assert!(
        others.iter().all(|line| text.contains(line)),
        "the other slices go on: {text}"
    );
    (
        text.lines()
            .filter(|l| l.starts_with('1') || l.starts_with("note") || l.starts_with("error"))
            .collect::<Vec<_>>()
            .join("\n"),
        f,
    )
}

#[tokio::test]
async fn a_failed_slice_never_stops_the_others() {
    let mut all = Vec::new();
    for (status, body) in [
        (400, r#"{"error":"Invalid limit"}"#),
        (403, ""),
        (404, "no"),
        (418, ""),
        (302, ""),
    ] {
        all.push(b_is(Reply::status(status, body), json!([])).await.0);
    }
    insta::assert_snapshot!(all.join("\n"), @r#"
    1 failed invalid: the server does not accept the request: status 400 (answer: {"error":"Invalid limit"})
    1 failed denied[SG0305]: the server does not allow this: status 403
    1 failed not_found: the server does not know this: status 404 (answer: no)
    1 failed invalid: the server does not accept the request: status 418
    1 failed invalid: the server does not accept the request: status 302
    "#);
}

#[tokio::test]
async fn rules_say_what_an_answer_means() {
    let mut all = Vec::new();
    for then in ["closed", "ignore", "fail", "park", "quarantine"] {
        let rules = json!([{ "status": 404, "body": "other", "then": "fail" }, { "status": [404, 403], "then": then }]);
        all.push(b_is(Reply::status(403, "not for you"), rules).await.0);
    }
    insta::assert_snapshot!(all.join("\n"), @r"
    1 closed: not ours to read: status 403
    1 done
    1 failed denied: the server does not allow this: status 403 (answer: not for you)
    1 parked: to be asked again later: status 403
    1 rejected: the answer was set aside: status 403 <- not for you
    1 done
    ");
}

#[tokio::test]
async fn a_success_that_is_an_error_by_its_body_is_retried() {
    let f = Fixture::new(|_, n| match n {
        0 | 1 => Reply::json(json!({ "error": { "message": "Quota limit exceeded" } })),
        _ => Reply::json(json!([{ "n": 1 }])),
    })
    .await;
    let mut copy = copy();
    copy["errors"] = json!([{ "status": 200, "body": "Quota limit", "then": "retry" }]);
    insta::assert_snapshot!(f.read(for_each(request(copy, &["n int64"]), "label", &["a"])).await, @r"
    0: 1
    0 done
    ");
    assert_eq!(f.clock.slept().len(), 2);
}

#[tokio::test]
async fn what_may_pass_is_tried_again_with_growing_patience() {
    let f = Fixture::new(|_, n| match n {
        0 => Reply::status(503, "busy"),
        1 => Reply {
            cut: Some(3),
            ..Reply::json(json!([{ "n": 1 }]))
        },
        2 => Reply::json(r#"[{"n": 1}, {"n""#),
        3 => Reply {
            length: Some(100),
            ..Reply::json(json!([{ "n": 1 }]))
        },
        _ => Reply::json(json!([{ "n": 1 }])),
    })
    .await;
    insta::assert_snapshot!(f.read(for_each(request(copy(), &["n int64"]), "label", &["a"])).await, @r"
    0: 1
    0 done
    ");
    let slept = f.clock.slept();
    let bounds = [(250, 500), (500, 1000), (1000, 2000), (2000, 4000)];
    assert_eq!(slept.len(), 4);
    for (slept, (least, most)) in slept.iter().zip(bounds) {
        assert!((least..=most).contains(&slept.as_millis()), "{slept:?}");
    }
    assert_eq!(f.ctx.meter.usage().calls, 5);
}

#[tokio::test]
async fn retries_are_bounded_and_then_the_slice_is_parked() {
    let (text, f) = b_is(Reply::status(500, "<html>oops</html>"), json!([])).await;
    insta::assert_snapshot!(text, @"1 parked: the server has trouble: status 500 (tries: 5)");
    assert_eq!(f.server.asked().len(), 7);
}

#[tokio::test]
async fn a_server_that_is_down_is_left_alone() {
    let f = Fixture::new(|_, _| Reply::status(502, ""))
        .await
        .with("limits", json!({ "concurrency": 1, "tries": 2 }));
    let ids: Vec<String> = (0..50).map(|i| i.to_string()).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let text = f.read(for_each(request(copy(), &["n int64"]), "label", &ids)).await;
    assert_eq!(text.lines().count(), 50);
    assert_eq!(
        text.lines().last(),
        Some("49 parked: not asked: the server did not answer the requests before")
    );
    assert_eq!(f.server.asked().len(), 20);
}

#[tokio::test]
async fn what_is_no_json_fails_its_slice() {
    let mut all = Vec::new();
    for body in [
        "<!doctype html><html>sign in</html>",
        "",
        "{\"a\": ]",
        "nonsense {",
        "[{\"n\": 1}] trailing",
    ] {
        all.push(b_is(Reply::json(body), json!([])).await.0);
    }
    all.push(b_is(Reply::status(204, ""), json!([])).await.0);
    insta::assert_snapshot!(all.join("\n"), @r"
    1 failed bad_data[SG0302]: the answer is HTML or XML, not JSON (tries: 5)
    1 failed bad_data[SG0302]: the answer is empty (tries: 5)
    1 failed bad_data[SG0302]: the answer is not JSON (at byte: 6, tries: 5)
    1 failed bad_data[SG0302]: the answer is not JSON (at byte: 9, tries: 5)
    1 failed bad_data[SG0302]: the answer is not JSON (at byte: 11, tries: 5)
    1 done
    ");
}

#[tokio::test]
async fn a_redirect_keeps_to_its_server_and_ends() {
    let f = Fixture::new(|asked, _| match asked.path.as_str() {
        "/v1/a" => Reply::status(301, "").header("location", "/v1/there?x=1"),
        "/v1/there" => Reply::json(json!([{ "n": 1 }])),
        "/v1/b" => Reply::status(302, "").header("location", "http://localhost:9/steal"),
        _ => Reply::status(307, "").header("location", format!("{}x", asked.path)),
    })
    .await
    .with(
        "auth",
        json!({ "api_key": { "header": "x-key", "value": "hush-hush" } }),
    );
    let text = f
        .read(for_each(request(copy(), &["n int64"]), "label", &["a", "b", "c"]))
        .await;
    insta::assert_snapshot!(text, @r"
    0: 1
    0 done
    1 failed invalid: the answer is at another server, and credentials do not go there (url: http://localhost:9/steal)
    2 failed invalid: the server redirects in circles (url: http://127.0.0.1:PORT/v1/c)
    ");
    assert!(f.server.asked().iter().all(|a| a.header("x-key") == Some("hush-hush")));
}

#[tokio::test]
async fn an_answer_larger_than_the_limit_is_not_read() {
    let f = Fixture::new(|_, _| Reply::json(format!("[{}]", "1,".repeat(4000))))
        .await
        .with("max_body", json!("1KiB"));
    let text = f.read(for_each(request(copy(), &["n int64"]), "label", &["a"])).await;
    insta::assert_snapshot!(text, @"0 failed bad_data: the answer is larger than is read (url: http://127.0.0.1:PORT/v1/a, max_body: 1024 bytes)");
}

#[tokio::test]
async fn a_server_that_says_nothing_is_not_waited_for_for_ever() {
    let f = Fixture::new(|_, _| Reply {
        hang: true,
        ..Reply::json("[]")
    })
    .await
    .with("timeout", json!("20ms"))
    .with("limits", json!({ "concurrency": 1, "tries": 2 }));
    let text = f.read(for_each(request(copy(), &["n int64"]), "label", &["a"])).await;
    insta::assert_snapshot!(text, @"0 parked: the server did not answer in time (url: http://127.0.0.1:PORT/v1/a, tries: 2)");
}

#[tokio::test]
async fn packed_answers_are_unpacked_and_a_lie_about_it_is_noticed() {
    const PACKED: &[u8] = &[
        31, 139, 8, 0, 0, 0, 0, 0, 2, 3, 139, 174, 86, 202, 83, 178, 82, 48, 172, 141, 5, 0, 35, 20, 119, 27, 10, 0, 0,
        0,
    ];
    let f = Fixture::new(|asked, _| {
        assert_eq!(asked.header("accept-encoding"), Some("gzip"));
        let body = if asked.path.ends_with('a') {
            PACKED.to_vec()
        } else {
            b"[]".to_vec()
        };
        Reply {
            body,
            ..Reply::json("").header("content-encoding", "gzip")
        }
    })
    .await
    .with("limits", json!({ "concurrency": 1, "tries": 1 }));
    let text = f
        .read(for_each(request(copy(), &["n int64"]), "label", &["a", "b"]))
        .await;
    insta::assert_snapshot!(text, @r"
    0: 1
    0 done
    1 parked: the answer cannot be unpacked (url: http://127.0.0.1:PORT/v1/b, tries: 1)
    ");
}
