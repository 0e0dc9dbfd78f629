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
        "<html><body>login</body></html>",
        "\u{feff} <html>",
        "OK",
        "{\"error\": nothing}",
    ] {
        all.push(b_is(Reply::json(body), json!([])).await.0);
    }
    all.push(b_is(Reply::status(204, ""), json!([])).await.0);
    insta::assert_snapshot!(all.join("\n"), @r"
    1 failed bad_data[SG0302]: the answer is HTML or XML, not JSON (tries: 5)
    1 failed bad_data[SG0302]: the answer is empty (tries: 5)
    1 failed bad_data[SG0302]: the answer is not JSON (at byte: 6, tries: 5)
    1 failed bad_data[SG0302]: the answer is not JSON (at byte: 0, tries: 5)
    1 failed bad_data[SG0302]: the answer is not JSON (at byte: 11, tries: 5)
    1 failed bad_data[SG0302]: the answer is HTML or XML, not JSON (tries: 5)
    1 failed bad_data[SG0302]: the answer is HTML or XML, not JSON (tries: 5)
    1 failed bad_data[SG0302]: the answer is not JSON (at byte: 0, tries: 5)
    1 failed bad_data[SG0302]: the answer is not JSON (at byte: 10, tries: 5)
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
    1 failed invalid[SG0394]: the answer is at another server, and credentials do not go there (url: http://localhost:9/steal)
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

#[tokio::test]
async fn an_answer_without_its_records_is_no_answer() {
    let copy = |records: Value| json!({ "request": { "get": "/x" }, "records": records });
    let mut all = Vec::new();
    for (body, records) in [
        (r#"{"error":"no more today"}"#, "$.items[*]"),
        ("{}", "$.items[*]"),
        ("null", "$.items[*]"),
        (r#"{"items":null}"#, "$.items[*]"),
        (r#"{"items":"x"}"#, "$.items[*]"),
        (r#"{"items":{"n":1}}"#, "$.items[*]"),
        ("5", "$[*]"),
        (r#"{"error":{"code":7}}"#, "$[*]"),
        (r#"{"a":{}}"#, "$.a.b"),
        (r#"{"error":1}"#, "$.items[?@.n]"),
        (r#"{"items":null}"#, "$.items[?@.n]"),
    ] {
        let f = Fixture::new(move |_, _| Reply::json(body)).await;
        let text = f.read(request(copy(json!(records)), &["n int64"])).await;
        assert_eq!(f.server.asked().len(), 1, "it would not help to ask again: {text}");
        all.push(text);
    }
    insta::assert_snapshot!(all.join("\n"), @r#"
    0 failed bad_data[SG0310]: the answer has no `$.items` (answer: {"error":"no more today"})
    0 failed bad_data[SG0310]: the answer has no `$.items` (answer: {})
    0 failed bad_data[SG0310]: `$` of the answer is null (answer: null)
    0 failed bad_data[SG0310]: `$.items` of the answer is null (answer: {"items":null})
    0 failed bad_data[SG0310]: `$.items` of the answer is a string, and an array belongs there (answer: {"items":"x"})
    0 failed bad_data[SG0310]: `$.items` of the answer is an object, and an array belongs there (answer: {"items":{"n":1}})
    0 failed bad_data[SG0310]: `$` of the answer is a number, and an array belongs there (answer: 5)
    0 failed bad_data[SG0310]: `$` of the answer is an object, and an array belongs there (answer: {"error":{"code":7}})
    0 failed bad_data[SG0310]: the answer has no `$.a.b` (answer: {"a":{}})
    0 failed bad_data[SG0310]: the answer has no `$.items` (answer: {"error":1})
    0 failed bad_data[SG0310]: `$.items` of the answer is null (answer: {"items":null})
    "#);

    let mut all = Vec::new();
    for body in [r#"{"items":[]}"#, "{}", r#"{"items":null}"#, r#"{"items":"x"}"#] {
        let f = Fixture::new(move |_, _| Reply::json(body)).await;
        let empty = json!({ "path": "$.items[*]", "missing": "empty" });
        all.push(f.read(request(copy(empty), &["n int64"])).await);
    }
    for body in [r#"{"items":[]}"#, r#"{"items":{"a":{"n":1}}}"#] {
        let f = Fixture::new(move |_, _| Reply::json(body)).await;
        all.push(f.read(request(copy(json!("$.items.*")), &["n int64"])).await);
    }
    insta::assert_snapshot!(all.join("\n"), @r#"
    0 done
    0 done
    0 done
    0 failed bad_data[SG0310]: `$.items` of the answer is a string, and an array belongs there (answer: {"items":"x"})
    0 done
    0: 1
    0 done
    "#);
}

#[tokio::test]
async fn a_mark_before_the_first_byte_is_no_part_of_it() {
    let mut all = Vec::new();
    for records in ["$[*]", "$[?@.n]"] {
        let f = Fixture::new(|_, _| Reply::json("\u{feff}[{\"n\": 1}]")).await;
        let copy = json!({ "request": { "get": "/x" }, "records": records });
        all.push(f.read(request(copy, &["n int64"])).await);
    }
    let wide: Vec<u8> = "[{\"n\": 1}]".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let f = Fixture::new(move |_, _| Reply {
        body: [&[0xFF, 0xFE], &wide[..]].concat(),
        ..Reply::json("")
    })
    .await
    .with("limits", json!({ "tries": 1 }));
    all.push(f.read(for_each(request(copy(), &["n int64"]), "label", &["a"])).await);
    insta::assert_snapshot!(all.join("\n"), @r"
    0: 1
    0 done
    0: 1
    0 done
    0 failed bad_data[SG0302]: the answer is UTF-16, and JSON is UTF-8 (tries: 1)
    ");
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_not_one_that_cannot_be_unpacked() {
    let f = Fixture::new(|_, _| Reply {
        length: Some(100),
        ..Reply::json("[{}]")
    })
    .await
    .with("limits", json!({ "tries": 1 }));
    let text = f.read(for_each(request(copy(), &["n int64"]), "label", &["a"])).await;
    insta::assert_snapshot!(text, @"0 parked: the connection broke off (url: http://127.0.0.1:PORT/v1/a, tries: 1)");
}

#[tokio::test]
async fn secrets_that_a_server_sends_back_are_not_set_aside() {
    let secret = "hush-hush-".repeat(7);
    let f = Fixture::new(|asked, _| {
        let sent = asked.header("authorization").unwrap_or_default().to_string();
        Reply::json(json!([{ "n": sent, "id": 1 }, { "n": 2, "id": sent }]))
    })
    .await
    .with("auth", json!({ "bearer": { "token": secret } }));
    let mut all = vec![
        f.read(for_each(request(copy(), &["n int64", "id int64"]), "label", &["a"]))
            .await,
    ];
    let pick = json!({ "path": "$[*]", "pick": { "where": "record.id == 7", "none": "quarantine" } });
    let picks = json!({ "request": { "get": "/{{ each.id }}" }, "records": pick });
    all.push(f.read(for_each(request(picks, &["n string"]), "label", &["a"])).await);
    insta::assert_snapshot!(all.join("\n"), @r#"
    0 rejected at $.n: expected int64, found "Bearer ***… <- {"n":"Bearer ***","id":1}
    0 rejected at $.id: expected int64, found "Bearer ***… <- {"n":2,"id":"Bearer ***"}
    0 done
    0 rejected: none of 2 records meets `record.id == 7` <- [{"n":"Bearer ***","id":1},{"n":2,"id":"Bearer ***"}]
    0 done
    "#);
    assert!(!all.join("").contains("hush"));
}
