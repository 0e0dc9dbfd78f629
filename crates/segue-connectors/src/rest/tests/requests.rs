//! Requests with bodies, GraphQL, and the ways from page to page that need more than a query.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

fn parsed(asked: &Asked) -> Value {
    serde_json::from_str(&asked.body).unwrap_or_default()
}

fn rows_of(ids: impl Iterator<Item = u64>) -> Vec<Value> {
    ids.map(|n| json!({ "n": n })).collect()
}

#[tokio::test]
async fn a_body_is_filled_in_and_keeps_the_kinds_of_its_values() {
    let f = Fixture::new(|asked, _| {
        Reply::json(json!([{ "method": asked.method, "of": asked.header("content-type"), "body": asked.body }]))
    })
    .await;
    let columns = ["method string", "of string", "body string"];
    let bodies = [
        json!({ "json": { "id": "{{ each.id }}", "n": "{{ params.n }}", "text": "n is {{ params.n }}", "in": [{ "deep": "{{ each.id | upper }}" }], "fixed": 1 } }),
        json!({ "form": { "id": "{{ each.id }}", "n": 5 } }),
        json!({ "graphql": { "query": "query($id: ID!) { a(id: $id) { b } }", "variables": { "id": "{{ each.id }}" } } }),
    ];
    let mut all = Vec::new();
    for mut body in bodies {
        body["post"] = json!("/search");
        let mut request = for_each(
            request(json!({ "request": body, "records": "$[*]" }), &columns),
            "label",
            &["a b"],
        );
        request.params.insert("n".into(), json!(7));
        all.push(f.read(request).await);
    }
    assert_eq!(
        all,
        [
            "0: POST application/json {\"id\":\"a b\",\"n\":7,\"text\":\"n is 7\",\"in\":[{\"deep\":\"A B\"}],\"fixed\":1}\n0 done",
            "0: POST application/x-www-form-urlencoded id=a+b&n=5\n0 done",
            "0: POST application/json {\"query\":\"query($id: ID!) { a(id: $id) { b } }\",\"variables\":{\"id\":\"a b\"}}\n0 done",
        ]
    );
}

#[tokio::test]
async fn a_body_that_cannot_be_is_refused_before_anything_is_asked() {
    let f = Fixture::new(|_, _| Reply::json("[]")).await;
    let mut all = Vec::new();
    for body in [
        json!({ "get": "/x", "json": {} }),
        json!({ "post": "/x", "json": {}, "form": {} }),
        json!({ "post": "/x", "json": { "id": "{{ each.id " } }),
        json!({ "post": "/x", "json": { "id": "{{ each.nmae }}" } }),
    ] {
        let copy = json!({ "request": body, "records": "$[*]" });
        all.push(f.read(for_each(request(copy, &["id string"]), "id", &["a"])).await);
    }
    assert_eq!(all[0], "error invalid: a request with `get` has no body");
    assert_eq!(
        all[1],
        "error invalid: `request` wants at most one of json, form and graphql"
    );
    assert!(
        all[2].starts_with("error invalid: `{{ each.id ` cannot be read"),
        "{}",
        all[2]
    );
    assert!(
        all[3].starts_with("0 failed invalid: the template cannot be filled in"),
        "{}",
        all[3]
    );
    assert_eq!(f.server.asked().len(), 0);
}

/// A server of GraphQL with seven orders, two a page.
fn orders(asked: &Asked, _: usize) -> Reply {
    let body = parsed(asked);
    let first = body["variables"]["first"].as_u64().unwrap_or(2);
    let from = body["variables"]["after"]
        .as_str()
        .map_or(0, |a| a.parse::<u64>().unwrap());
    let to = (from + first).min(7);
    let page = json!({ "hasNextPage": to < 7, "endCursor": to.to_string() });
    Reply::json(json!({ "data": { "orders": { "nodes": rows_of(from..to), "pageInfo": page } } }))
}

fn graphql() -> Value {
    json!({
        "request": { "post": "/graphql", "graphql": { "query": "query($first: Int, $after: String) { orders(first: $first, after: $after) { nodes { n } } }", "variables": { "shop": 1 } } },
        "paginate": { "cursor": {
            "param": "after", "size_param": "first", "size": 3,
            "path": "$.data.orders.pageInfo.endCursor", "has_more": "$.data.orders.pageInfo.hasNextPage",
        } },
        "records": "$.data.orders.nodes[*]",
    })
}

#[tokio::test]
async fn the_cursor_of_graphql_goes_into_its_variables() {
    let f = Fixture::new(orders).await;
    let text = f.read(request(graphql(), &["n int64"])).await;
    assert_eq!(text, "0: 0\n0: 1\n0: 2\n0: 3\n0: 4\n0: 5\n0: 6\n0 done");
    let variables: Vec<Value> = f
        .server
        .asked()
        .iter()
        .map(|a| parsed(a)["variables"].clone())
        .collect();
    assert_eq!(
        variables,
        [
            json!({ "shop": 1, "first": 3 }),
            json!({ "shop": 1, "first": 3, "after": "3" }),
            json!({ "shop": 1, "first": 3, "after": "6" })
        ]
    );
}

#[tokio::test]
async fn errors_inside_a_success_fail_the_slice_or_mean_what_a_rule_says() {
    let answer = |_: &Asked, n| match n {
        0 => Reply::json(
            json!({ "data": { "orders": { "nodes": [{ "n": 1 }] } }, "errors": [{ "message": "THROTTLED of hush-hush" }] }),
        ),
        _ => Reply::json(
            json!({ "data": { "orders": { "nodes": [{ "n": 2 }], "pageInfo": { "hasNextPage": false, "endCursor": null } } }, "errors": [] }),
        ),
    };
    let auth = json!({ "bearer": { "token": "hush-hush" } });
    let f = Fixture::new(answer).await.with("auth", auth.clone());
    let text = f.read(request(graphql(), &["n int64"])).await;
    assert_eq!(
        text,
        "0 failed bad_data[SG0390]: the query of GraphQL failed: THROTTLED of ***"
    );
    let f = Fixture::new(answer).await.with("auth", auth);
    let mut copy = graphql();
    copy["errors"] = json!([{ "status": 200, "body": "THROTTLED", "then": "retry" }]);
    assert_eq!(f.read(request(copy, &["n int64"])).await, "0: 2\n0 done");
    assert_eq!(f.server.asked().len(), 2);
}

#[tokio::test]
async fn a_cursor_that_comes_again_ends_the_slice() {
    let f = Fixture::new(|asked, _| {
        let after = parsed(asked)["variables"]["after"].clone();
        let n = after.as_str().unwrap_or("0").parse::<u64>().unwrap();
        let page = json!({ "hasNextPage": true, "endCursor": (if n == 1 { 0 } else { n + 1 }).to_string() });
        Reply::json(json!({ "data": { "orders": { "nodes": [{ "n": n }], "pageInfo": page } } }))
    })
    .await;
    let mut copy = graphql();
    copy["paginate"]["cursor"]
        .as_object_mut()
        .unwrap()
        .retain(|key, _| key != "size" && key != "size_param");
    let text = f.read(request(copy, &["n int64"])).await;
    assert_eq!(
        text.lines().last(),
        Some("0 failed bad_data[SG0301]: the pages go in circles (pages: 3)"),
        "{text}"
    );
}

#[tokio::test]
async fn headers_tell_the_next_page() {
    let f = Fixture::new(|asked, _| {
        let at: u64 = asked.param("p").map_or(0, |p| p.parse().unwrap());
        let reply = Reply::json(json!([{ "n": at }]));
        match at {
            0 | 1 => {
                let next = format!("/v1{}?p={}", asked.path.trim_start_matches("/v1"), at + 1);
                let link = format!("</v1/x?p=0>; rel=\"first\", <{next}>; title=\"a, b\"; rel=\"next last\"");
                reply
                    .header("link", link)
                    .header("x-next", next)
                    .header("x-mark", at + 1)
            }
            _ => reply.header("link", "</v1/x?p=0>; rel=first"),
        }
    })
    .await;
    for paginate in [
        json!({ "link_header": "next" }),
        json!({ "next_link": { "header": "X-Next" } }),
        json!({ "cursor": { "param": "p", "path": { "header": "X-Mark" } } }),
    ] {
        let copy = json!({ "request": { "get": "/x" }, "paginate": paginate, "records": "$[*]" });
        assert_eq!(
            f.read(request(copy, &["n int64"])).await,
            "0: 0\n0: 1\n0: 2\n0 done",
            "{paginate}"
        );
    }
    assert_eq!(f.server.asked().len(), 9);
}

/// Nine records, in the order of `n`, as many as are asked for at most; `after` begins behind one, and no offset passes `cap`.
fn capped(cap: u64) -> impl Fn(&Asked, usize) -> Reply {
    move |asked, _| {
        let number = |name: &str| asked.param(name).map(|v| v.parse::<u64>().unwrap());
        let begin = number("after").map_or(0, |a| a + 1);
        let (offset, limit) = (number("offset").unwrap_or(0), number("limit").unwrap_or(2));
        if offset + limit > cap {
            return Reply::status(400, "no offset passes the cap");
        }
        let from = begin + offset;
        let to = (from + limit).min(9);
        Reply::json(json!({ "items": rows_of(from.min(9)..to), "more": to < 9, "pages": 9u64.div_ceil(limit) }))
    }
}

#[tokio::test]
async fn the_last_record_says_where_the_next_page_begins() {
    for (last, asked) in [
        (json!({ "param": "after", "path": "$.n" }), 6),
        (
            json!({ "param": "after", "path": "$.n", "size_param": "limit", "size": 4 }),
            3,
        ),
        (json!({ "param": "after", "path": "$.n", "has_more": "$.more" }), 5),
    ] {
        let f = Fixture::new(capped(100)).await;
        let copy = json!({ "request": { "get": "/x" }, "paginate": { "last_record": last }, "records": "$.items[*]" });
        let text = f.read(request(copy, &["n int64"])).await;
        assert_eq!(text, "0: 0\n0: 1\n0: 2\n0: 3\n0: 4\n0: 5\n0: 6\n0: 7\n0: 8\n0 done");
        assert_eq!(f.server.asked().len(), asked, "{}", f.asked());
    }
    let f = Fixture::new(capped(100)).await;
    let copy = json!({ "request": { "get": "/x" }, "paginate": { "last_record": { "param": "after", "path": "$.id" } }, "records": "$.items[*]" });
    let text = f.read(request(copy, &["n int64"])).await;
    assert_eq!(
        text,
        "0 failed bad_data: the value of the last record cannot be used: null"
    );
}

#[tokio::test]
async fn where_a_server_gives_no_more_for_one_question_the_next_begins_after_the_last_record() {
    let f = Fixture::new(capped(4)).await;
    let paginate = json!({ "offset": { "limit": 2, "cap": { "at": 4, "param": "after", "path": "$.n" } } });
    let copy = json!({ "request": { "get": "/x" }, "paginate": paginate, "records": "$.items[*]" });
    let text = f.read(request(copy, &["n int64"])).await;
    assert_eq!(text, "0: 0\n0: 1\n0: 2\n0: 3\n0: 4\n0: 5\n0: 6\n0: 7\n0: 8\n0 done");
    assert_eq!(
        f.asked(),
        "/x?limit=2&offset=0\n/x?limit=2&offset=2\n/x?limit=2&after=3&offset=0\n/x?limit=2&after=3&offset=2\n/x?limit=2&after=7&offset=0"
    );
}

#[tokio::test]
async fn a_number_of_pages_and_a_word_for_more_are_believed_over_a_short_page() {
    for (page, asked) in [
        (json!({ "size_param": "limit", "size": 3, "total_pages": "$.pages" }), 3),
        (json!({ "start": 0, "has_more": "$.more" }), 5),
    ] {
        let f = Fixture::new(move |asked, n| {
            let limit = asked.param("limit").map_or(2, |v| v.parse::<u64>().unwrap());
            // One page is empty, and not the last.
            let items = if n == 1 {
                Vec::new()
            } else {
                rows_of(n as u64 * 10..n as u64 * 10 + 1)
            };
            Reply::json(json!({ "items": items, "more": n < 4, "pages": 9u64.div_ceil(limit) }))
        })
        .await;
        let copy = json!({ "request": { "get": "/x" }, "paginate": { "page": page }, "records": "$.items[*]" });
        let text = f.read(request(copy, &["n int64"])).await;
        assert!(text.ends_with("0 done"), "{text}");
        assert_eq!(f.server.asked().len(), asked, "{}", f.asked());
    }
}

#[tokio::test]
async fn a_page_that_is_too_much_for_the_server_is_asked_for_with_fewer_records() {
    // No more than three at once; `n` is the record's number.
    let server = |asked: &Asked, _: usize| {
        let body = parsed(asked);
        let number = |name: &str| body[name].as_u64().or_else(|| asked.param(name)?.parse().ok());
        let size = number("size").or(number("limit")).unwrap();
        let from = number("offset").or(number("page").map(|p| p * size)).unwrap();
        match size > 3 {
            true => Reply::status(500, "query too complex"),
            false => Reply::json(json!({ "items": rows_of(from.min(10)..(from + size).min(10)) })),
        }
    };
    let reduce = json!({ "status": 500, "body": "too complex" });
    let mut all = Vec::new();
    for (request_of, paginate) in [
        (
            json!({ "get": "/x" }),
            json!({ "offset": { "limit": 8 }, "reduce": reduce }),
        ),
        (
            json!({ "get": "/x" }),
            json!({ "page": { "start": 0, "size_param": "size", "size": 8 }, "reduce": reduce }),
        ),
        (
            json!({ "post": "/x", "json": {} }),
            json!({ "offset": { "limit": 8, "in": "body" }, "reduce": reduce }),
        ),
    ] {
        let f = Fixture::new(server).await;
        let copy = json!({ "request": request_of, "paginate": paginate, "records": "$.items[*]" });
        let text = f.read(request(copy, &["n int64"])).await;
        assert_eq!(
            text, "0: 0\n0: 1\n0: 2\n0: 3\n0: 4\n0: 5\n0: 6\n0: 7\n0: 8\n0: 9\n0 done",
            "{paginate}"
        );
        all.push(f.server.asked().len());
    }
    assert_eq!(
        all,
        [8, 8, 8],
        "two that were too much, five full ones, and an empty one"
    );
    // Where it cannot be less, it is what it is.
    let f = Fixture::new(|_, _| Reply::status(500, "query too complex")).await;
    let paginate = json!({ "offset": { "limit": 4 }, "reduce": { "status": 500, "least": 2 } });
    let copy = json!({ "request": { "get": "/x" }, "paginate": paginate, "records": "$.items[*]" });
    let text = f.read(request(copy, &["n int64"])).await;
    assert!(
        text.starts_with("0 parked: the server has trouble: status 500"),
        "{text}"
    );
}

#[tokio::test]
async fn a_reduction_in_the_middle_neither_loses_a_record_nor_gives_one_twice() {
    // From the second page on it takes no more than two at once.
    for paginate in [
        json!({ "offset": { "limit": 6 } }),
        json!({ "page": { "size_param": "limit", "size": 6, "start": 1 } }),
        json!({ "last_record": { "param": "after", "path": "$.n", "size_param": "limit", "size": 6 } }),
    ] {
        let f = Fixture::new(|asked, n| {
            let number = |name: &str| asked.param(name).map(|v| v.parse::<u64>().unwrap());
            let limit = number("limit").unwrap();
            let from = number("offset")
                .or(number("page").map(|p| (p - 1) * limit))
                .or(number("after").map(|a| a + 1));
            match n > 0 && limit > 2 {
                true => Reply::status(413, ""),
                false => Reply::json(
                    json!({ "items": rows_of(from.unwrap_or(0).min(15)..(from.unwrap_or(0) + limit).min(15)) }),
                ),
            }
        })
        .await;
        let mut paginate = paginate;
        paginate["reduce"] = json!({ "status": 413 });
        let copy = json!({ "request": { "get": "/x" }, "paginate": paginate, "records": "$.items[*]" });
        let text = f.read(request(copy, &["n int64"])).await;
        let wanted: Vec<String> = (0..15).map(|n| format!("0: {n}")).chain(["0 done".into()]).collect();
        assert_eq!(text, wanted.join("\n"), "{}", f.asked());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    /// Also those ways that keep more than a number have a state of their own for each slice, whatever goes on beside it.
    #[test]
    fn every_slice_goes_its_own_way(kind in 0usize..4, count in 0u64..23, cap in 1u64..7, slices in 1usize..6, concurrency in 1usize..5) {
        let paginate = [
            json!({ "last_record": { "param": "after", "path": "$.n", "size_param": "limit", "size": cap } }),
            json!({ "offset": { "limit": cap, "cap": { "at": cap * 2, "param": "after", "path": "$.n" } } }),
            json!({ "link_header": "next" }),
            json!({ "cursor": { "param": "after", "path": "$.last", "has_more": "$.more", "in": "body" } }),
        ][kind].clone();
        let server = move |asked: &Asked, _: usize| {
            let body = parsed(asked);
            let number = |name: &str| asked.param(name).and_then(|v| v.parse::<u64>().ok()).or(body[name].as_u64());
            let from = number("after").map_or(0, |a| a + 1) + number("offset").unwrap_or(0);
            let to = (from + cap).min(count);
            let id = asked.path.rsplit('/').next().unwrap_or_default();
            let items: Vec<Value> = (from.min(to)..to).map(|n| json!({ "id": id, "n": n })).collect();
            let reply = Reply::json(json!({ "items": items, "last": to.saturating_sub(1), "more": to < count }));
            match to < count {
                true => reply.header("link", format!("<{}?after={}>; rel=next", asked.path, to - 1)),
                false => reply,
            }
        };
        let copy = json!({ "request": { "post": "/{{ each.id }}", "json": {} }, "paginate": paginate, "records": "$.items[*]" });
        let ids: Vec<String> = (0..slices).map(|i| format!("s{i}")).collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let (text, asked) = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
            let f = Fixture::new(server).await.with("limits", json!({ "concurrency": concurrency }));
            let text = f.read(for_each(request(copy, &["id string", "n int64"]), "id", &ids)).await;
            (text, f.server.asked())
        });
        let mut times: BTreeMap<String, usize> = BTreeMap::new();
        asked.iter().for_each(|a| *times.entry(format!("{} {}", a.target(), a.body)).or_default() += 1);
        prop_assert!(times.values().all(|n| *n == 1), "{times:?}");
        let mut rows: Vec<&str> = text.lines().filter(|l| !l.ends_with("done")).collect();
        rows.sort_unstable();
        let mut wanted: Vec<String> = (0..slices).flat_map(|s| (0..count).map(move |n| format!("{s}: s{s} {n}"))).collect();
        wanted.sort_unstable();
        prop_assert_eq!(rows, wanted);
        prop_assert_eq!(text.lines().filter(|l| l.ends_with("done")).count(), slices);
    }
}
