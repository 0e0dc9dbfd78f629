//! From page to page.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

#[tokio::test]
async fn next_links_are_followed_to_the_end() {
    let f = Fixture::new(|asked, _| match asked.param("after") {
        None => Reply::json(
            json!({ "items": [{ "id": 1 }], "next": format!("http://{}/v1/x?after=1", asked.header("host").unwrap()) }),
        ),
        Some("1") => Reply::json(json!({ "items": [{ "id": 2 }], "next": "/v1/x?after=2" })),
        Some(_) => Reply::json(json!({ "items": [], "next": null })),
    })
    .await;
    let copy = json!({ "request": { "get": "/x" }, "paginate": { "next_link": "$.next" }, "records": "$.items[*]" });
    insta::assert_snapshot!(f.read(request(copy, &["id int64"])).await, @r"
    0: 1
    0: 2
    0 done
    ");
    assert_eq!(f.asked(), "/x\n/x?after=1\n/x?after=2");
}

#[tokio::test]
async fn a_link_to_another_server_gets_no_credentials() {
    let f = Fixture::new(|_, _| Reply::json(json!({ "items": [{ "id": 1 }], "next": "http://localhost:9/steal" })))
        .await
        .with("auth", json!({ "bearer": { "token": "hush-hush" } }));
    let copy = json!({ "request": { "get": "/x" }, "paginate": { "next_link": "$.next" }, "records": "$.items[*]" });
    insta::assert_snapshot!(f.read(request(copy, &["id int64"])).await, @"0 failed invalid[SG0394]: the next page is at another server, and credentials do not go there (server: localhost)");
}

#[tokio::test]
async fn pages_in_circles_end() {
    let f = Fixture::new(|asked, _| {
        let next = if asked.query.is_empty() { "/v1/x?a=1" } else { "/v1/x" };
        Reply::json(json!({ "items": [{ "id": asked.query }], "next": next }))
    })
    .await;
    let copy = json!({ "request": { "get": "/x" }, "paginate": { "next_link": "$.next" }, "records": "$.items[*]" });
    insta::assert_snapshot!(f.read(request(copy, &["id string"])).await, @r"
    0: 
    0: a=1
    0 failed bad_data[SG0301]: the pages go in circles (pages: 2)
    ");
}

#[tokio::test]
async fn a_server_that_does_not_know_the_parameter_is_noticed() {
    let f = Fixture::new(|_, _| Reply::json(json!([{ "id": 1 }, { "id": 2 }]))).await;
    let copy = json!({ "request": { "get": "/x" }, "paginate": { "offset": { "limit": 2 } }, "records": "$[*]" });
    insta::assert_snapshot!(f.read(request(copy, &["id int64"])).await, @r"
    0: 1
    0: 2
    0 failed bad_data[SG0301]: the same page came twice (page: 2)
    ");
    assert_eq!(f.asked(), "/x?limit=2&offset=0\n/x?limit=2&offset=2");
}

/// A server of `count` records that gives at most `cap` at once.
fn paged(count: u64, cap: u64) -> impl Fn(&Asked, usize) -> Reply {
    move |asked, _| {
        let number = |name| asked.param(name).and_then(|v| v.parse::<u64>().ok());
        let size = number("limit").or(number("size")).unwrap_or(cap).min(cap);
        let from = number("offset")
            .or(number("page").map(|p| p * size))
            .or(number("cursor"))
            .unwrap_or(0);
        let to = (from + size).min(count);
        let id = asked.path.rsplit('/').next().unwrap_or_default();
        let items: Vec<Value> = (from..to).map(|n| json!({ "id": id, "n": n })).collect();
        let next = (to < count).then_some(to);
        let link = next.map(|n| format!("{}?cursor={n}", asked.path));
        Reply::json(json!({ "items": items, "total": count, "cursor": next, "next": link }))
    }
}

#[tokio::test]
async fn a_total_is_believed_over_a_short_page() {
    let f = Fixture::new(paged(25, 10)).await;
    let copy = |total: Value| json!({ "request": { "get": "/x" }, "paginate": { "offset": { "limit": 50, "total": total } }, "records": "$.items[*]" });
    f.read(request(copy(json!("$.total")), &["n int64"])).await;
    assert_eq!(
        f.asked(),
        "/x?limit=50&offset=0\n/x?limit=50&offset=10\n/x?limit=50&offset=20"
    );
}

#[tokio::test]
async fn pages_go_by_number_and_by_mark() {
    let f = Fixture::new(paged(5, 2)).await;
    let by_page = json!({ "page": { "start": 0, "size_param": "size", "size": 2 } });
    for (paginate, asked) in [
        (by_page, "/x?size=2&page=0\n/x?size=2&page=1\n/x?size=2&page=2"),
        (
            json!({ "cursor": { "path": "$.cursor" } }),
            "/x\n/x?cursor=2\n/x?cursor=4",
        ),
    ] {
        let copy = json!({ "request": { "get": "/x" }, "paginate": paginate, "records": "$.items[*]" });
        let before = f.server.asked().len();
        let text = f.read(request(copy, &["n int64"])).await;
        assert_eq!(text, "0: 0\n0: 1\n0: 2\n0: 3\n0: 4\n0 done");
        let all = f.server.targets()[before..]
            .iter()
            .map(|t| t.trim_start_matches("/v1").to_string())
            .collect::<Vec<_>>();
        assert_eq!(all.join("\n"), asked);
    }
}

#[tokio::test]
async fn max_pages_says_what_it_leaves_out() {
    let f = Fixture::new(paged(9, 2)).await;
    let copy = json!({ "request": { "get": "/x" }, "paginate": { "cursor": { "path": "$.cursor" }, "max_pages": 2 }, "records": "$.items[*]" });
    insta::assert_snapshot!(f.read(request(copy, &["n int64"])).await, @r"
    0: 0
    0: 1
    note reading stopped after 2 pages, as max_pages says; there are more
    0: 2
    0: 3
    0 done
    ");
}

#[tokio::test]
async fn a_full_page_without_paginate_is_said_once() {
    let f = Fixture::new(paged(9, 2)).await;
    let copy = json!({ "request": { "get": "/{{ each.id }}" }, "records": "$.items[*]" });
    let text = f.read(for_each(request(copy, &["id string"]), "id", &["a", "b"])).await;
    insta::assert_snapshot!(text, @r"
    0: a
    0: a
    note there may be more than one page: the answer has `next`, and the copy says no `paginate`
    0 done
    1: b
    1: b
    1 done
    ");
}

#[tokio::test]
async fn two_ways_at_once_are_refused() {
    let f = Fixture::new(paged(9, 2)).await;
    let copy = json!({ "request": { "get": "/x" }, "paginate": { "next_link": "$.next", "cursor": { "path": "$.c" } }, "records": "$[*]" });
    insta::assert_snapshot!(f.read(request(copy, &["n int64"])).await, @"error invalid: `paginate` wants exactly one of next_link, link_header, offset, page, cursor and last_record");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever the paginator, every slice asks each of its pages exactly once, and gets every record exactly once; also when several
    /// slices are under way at once.
    #[test]
    fn every_page_is_asked_exactly_once(kind in 0usize..4, count in 0u64..23, cap in 1u64..7, slices in 1usize..6, concurrency in 1usize..5) {
        let paginate = [
            json!({ "next_link": "$.next" }),
            json!({ "offset": { "limit": cap, "total": "$.total" } }),
            json!({ "page": { "start": 0, "size_param": "size", "size": cap } }),
            json!({ "cursor": { "path": "$.cursor" } }),
        ][kind].clone();
        let copy = json!({ "request": { "get": "/{{ each.id }}" }, "paginate": paginate, "records": "$.items[*]" });
        let ids: Vec<String> = (0..slices).map(|i| format!("s{i}")).collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let (text, targets) = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
            let f = Fixture::new(paged(count, cap)).await.with("limits", json!({ "concurrency": concurrency }));
            let text = f.read(for_each(request(copy, &["id string", "n int64"]), "id", &ids)).await;
            (text, f.server.targets())
        });
        let mut times: BTreeMap<&String, usize> = BTreeMap::new();
        targets.iter().for_each(|t| *times.entry(t).or_default() += 1);
        prop_assert!(times.values().all(|n| *n == 1), "{targets:?}");
        // A full last page does not tell that it is the last where only its size is known.
        let pages = if kind == 2 { count / cap + 1 } else { count.div_ceil(cap).max(1) };
        prop_assert_eq!(targets.len() as u64, pages * slices as u64, "{:?}", targets);
        let mut rows: Vec<&str> = text.lines().filter(|l| !l.ends_with("done")).collect();
        rows.sort_unstable();
        let mut wanted: Vec<String> = (0..slices).flat_map(|s| (0..count).map(move |n| format!("{s}: s{s} {n}"))).collect();
        wanted.sort_unstable();
        prop_assert_eq!(rows, wanted);
        prop_assert_eq!(text.lines().filter(|l| l.ends_with("done")).count(), slices);
    }
}

#[tokio::test]
async fn what_tells_the_next_page_is_of_its_kind() {
    let mut all = Vec::new();
    for (next, paginate) in [
        (json!(5), json!({ "next_link": "$.next" })),
        (json!({ "href": "/x" }), json!({ "next_link": "$.next" })),
        (json!(true), json!({ "next_link": "$.next" })),
        (json!("http://["), json!({ "next_link": "$.next" })),
        (json!([1]), json!({ "cursor": { "path": "$.next" } })),
        (json!("many"), json!({ "offset": { "limit": 1, "total": "$.next" } })),
        (json!(-1), json!({ "offset": { "limit": 1, "total": "$.next" } })),
    ] {
        let f = Fixture::new(move |_, _| Reply::json(json!({ "items": [{ "id": 1 }], "next": next }))).await;
        let copy = json!({ "request": { "get": "/x" }, "paginate": paginate, "records": "$.items[*]" });
        all.push(f.read(request(copy, &["id int64"])).await);
    }
    insta::assert_snapshot!(all.join("\n"), @r#"
    0 failed bad_data: the link to the next page cannot be used: 5
    0 failed bad_data: the link to the next page cannot be used: {"href":"/x"}
    0 failed bad_data: the link to the next page cannot be used: true
    0 failed bad_data: the link to the next page is no URL (link: "http://[")
    0 failed bad_data: the mark of the next page cannot be used: [1]
    0 failed bad_data: the number of all records cannot be used: "many"
    0 failed bad_data: the number of all records cannot be used: -1
    "#);
    for none in ["null", "\"\"", "false"] {
        let f =
            Fixture::new(move |_, _| Reply::json(format!("{{\"items\": [{{\"id\": 1}}], \"next\": {none}}}"))).await;
        for paginate in [
            json!({ "next_link": "$.next" }),
            json!({ "cursor": { "path": "$.next" } }),
        ] {
            let copy = json!({ "request": { "get": "/x" }, "paginate": paginate, "records": "$.items[*]" });
            assert_eq!(f.read(request(copy, &["id int64"])).await, "0: 1\n0 done", "{none}");
        }
    }
    let f = Fixture::new(|_, _| Reply::json("{\"items\": [{\"id\": 1}], \"next\": \"\\ud800\"}")).await;
    let copy = json!({ "request": { "get": "/x" }, "paginate": { "next_link": "$.next" }, "records": "$.items[*]" });
    insta::assert_snapshot!(f.read(request(copy, &["id int64"])).await, @"0 failed bad_data[SG0302]: what tells the next page is not JSON");
}

#[tokio::test]
async fn a_total_may_be_written_as_text() {
    let f = Fixture::new(|asked, _| match asked.param("offset") {
        Some("0") => Reply::json(json!({ "items": [{ "id": 1 }], "total": "2" })),
        _ => Reply::json(json!({ "items": [{ "id": 2 }], "total": "2" })),
    })
    .await;
    let copy = json!({ "request": { "get": "/x" }, "paginate": { "offset": { "limit": 9, "total": "$.total" } }, "records": "$.items[*]" });
    assert_eq!(f.read(request(copy, &["id int64"])).await, "0: 1\n0: 2\n0 done");
}

#[tokio::test]
async fn links_that_differ_in_what_is_not_sent_go_in_circles() {
    let f = Fixture::new(|_, n| Reply::json(json!({ "items": [{ "id": n }], "next": format!("/v1/x?a=1#{n}") }))).await;
    let copy = json!({ "request": { "get": "/x" }, "paginate": { "next_link": "$.next" }, "records": "$.items[*]" });
    insta::assert_snapshot!(f.read(request(copy, &["id int64"])).await, @r"
    0: 0
    0: 1
    0 failed bad_data[SG0301]: the pages go in circles (pages: 2)
    ");
}

#[tokio::test]
async fn a_long_link_does_not_fill_the_message() {
    let f = Fixture::new(|asked, _| match asked.query.is_empty() {
        true => Reply::json(json!({ "items": [], "next": format!("/v1/x?{}", "a".repeat(3_000)) })),
        false => Reply {
            length: Some(10),
            ..Reply::json("{}")
        },
    })
    .await
    .with("limits", json!({ "tries": 1 }));
    let copy = json!({ "request": { "get": "/x" }, "paginate": { "next_link": "$.next" }, "records": "$.items[*]" });
    let text = f.read(request(copy, &["id int64"])).await;
    assert!(text.contains("aaa…") && text.len() < 600, "{text}");
}

#[tokio::test]
async fn what_is_written_around_the_records_makes_no_new_page() {
    let f = Fixture::new(|_, n| Reply::json(json!({ "request": n, "items": [{ "id": 1 }, { "id": 2 }] }))).await;
    let copy = json!({ "request": { "get": "/x" }, "paginate": { "offset": { "limit": 2 } }, "records": "$.items[*]" });
    // Its records may be alike for a while; a server that answers to the letter as before is not asked so often.
    let text = f.read(request(copy, &["id int64"])).await;
    let end = "0 failed bad_data[SG0301]: the same page came twice (page: 11)";
    assert_eq!((f.server.asked().len(), text.lines().last()), (11, Some(end)));
    // Of marks that are new each time a few pages may be alike: their server knows where it is.
    for (alike, asked, end) in [
        (5, 6, "0 done"),
        (
            1_000,
            11,
            "0 failed bad_data[SG0301]: the same page came twice (page: 11)",
        ),
    ] {
        let f = Fixture::new(move |_, n| {
            Reply::json(json!({ "next": (n < alike).then(|| n.to_string()), "items": [{ "id": 1 }] }))
        });
        let f = f.await;
        let copy = json!({ "request": { "get": "/x" }, "paginate": { "cursor": { "path": "$.next" } }, "records": "$.items[*]" });
        let text = f.read(request(copy, &["id int64"])).await;
        assert_eq!((f.server.asked().len(), text.lines().last()), (asked, Some(end)));
    }
}

#[tokio::test]
async fn pages_without_records_end_some_time() {
    let f = Fixture::new(|_, n| Reply::json(json!({ "next": n.to_string(), "items": [] }))).await;
    let copy =
        json!({ "request": { "get": "/x" }, "paginate": { "cursor": { "path": "$.next" } }, "records": "$.items[*]" });
    insta::assert_snapshot!(f.read(request(copy, &["id int64"])).await, @"0 failed bad_data[SG0301]: 100 pages in a row have no records (pages: 100)");
}

#[tokio::test]
async fn a_short_page_that_says_there_is_more_is_not_the_last() {
    let mut all = Vec::new();
    for (paginate, around) in [
        (json!({ "offset": { "limit": 10 } }), json!({ "total": 5 })),
        (json!({ "offset": { "limit": 10 } }), json!({ "total": 2 })),
        (json!({ "offset": { "limit": 10 } }), json!({ "has_more": true })),
        (json!({ "page": { "size": 10 } }), json!({ "next": "/v1/x?page=2" })),
        (
            json!({ "page": { "size": 10 } }),
            json!({ "next": null, "has_more": false }),
        ),
        (json!({ "page": { "size": 10 }, "max_pages": 1 }), json!({ "total": 2 })),
    ] {
        let f = Fixture::new(move |_, _| {
            let mut body = around.clone();
            body["items"] = json!([{ "id": 1 }, { "id": 2 }]);
            Reply::json(body)
        })
        .await;
        let copy = json!({ "request": { "get": "/x" }, "paginate": paginate, "records": "$.items[*]" });
        let text = f.read(request(copy, &["id int64"])).await;
        all.push(text.lines().last().unwrap_or_default().to_string());
    }
    insta::assert_snapshot!(all.join("\n"), @r"
    0 failed bad_data: a short page ended the reading, and there is more: 2 records came, and the answer's `total` is 5
    0 done
    0 failed bad_data: a short page ended the reading, and there is more: the answer says `has_more`
    0 failed bad_data: a short page ended the reading, and there is more: the answer has `next`
    0 done
    0 done
    ");
}
