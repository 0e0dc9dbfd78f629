//! Requests that come before and after others: parents, windows of time, exports; and reading onwards.

use super::*;
use parking_lot::Mutex;
use std::time::Duration;

/// Three shops on two pages, each with as many orders as its number, one a page; orders have two items.
fn shops(asked: &Asked, _: usize) -> Reply {
    let path: Vec<&str> = asked.path.trim_start_matches("/v1/").split('/').collect();
    let page: u64 = asked.param("page").map_or(1, |p| p.parse().unwrap());
    match path.as_slice() {
        ["shops"] => {
            let all = [
                json!([{ "id": "a", "n": 1 }, { "id": "b/c", "n": 2 }]),
                json!([{ "id": "d", "n": 3 }]),
            ];
            Reply::json(json!({ "shops": all[page as usize - 1], "pages": 2 }))
        }
        ["shops", shop, "orders"] => {
            let count = match *shop {
                "a" => 1,
                "b%2Fc" => 2,
                _ => 3,
            };
            Reply::json(json!({ "orders": [{ "id": format!("{}{page}", &shop[..1]) }], "pages": count }))
        }
        ["items"] => {
            let orders = asked.param("orders").unwrap().replace("%7C", "|");
            let items = orders
                .split('|')
                .flat_map(|o| [json!({ "order": o, "n": 1 }), json!({ "order": o, "n": 2 })]);
            Reply::json(Value::Array(items.collect()))
        }
        other => Reply::status(404, &other.join("/")),
    }
}

fn paged() -> Value {
    json!({ "page": { "total_pages": "$.pages" } })
}

fn parents() -> Value {
    json!([
        { "request": { "get": "/shops" }, "paginate": paged(), "records": "$.shops[*]", "take": { "shop": "$.id", "size": "$.n" } },
        { "request": { "get": "/shops/{{ parent.shop }}/orders" }, "paginate": paged(), "records": "$.orders[*]", "take": { "order": "$.id" } },
    ])
}

#[tokio::test]
async fn each_parent_of_each_level_has_its_request_and_its_pages() {
    let f = Fixture::new(shops).await;
    let copy = json!({
        "parents": parents(),
        "request": { "get": "/items", "query": { "orders": "{{ parent.order }}" } },
        "records": "$[*]",
    });
    let columns = [
        "shop string = {{ parent.shop }} {{ parent.size }}",
        "order string",
        "n int32",
    ];
    let text = f.read(request(copy, &columns)).await;
    assert_eq!(
        text,
        "0: a 1 a1 1\n0: a 1 a1 2\n0: b/c 2 b1 1\n0: b/c 2 b1 2\n0: b/c 2 b2 1\n0: b/c 2 b2 2\n0: d 3 d1 1\n0: d 3 d1 2\n0: d 3 d2 1\n0: d 3 d2 2\n0: d 3 d3 1\n0: d 3 d3 2\n0 done"
    );
    assert_eq!(
        f.asked(),
        "/shops?page=1\n/shops/a/orders?page=1\n/items?orders=a1\n/shops/b%2Fc/orders?page=1\n/items?orders=b1\n/shops/b%2Fc/orders?page=2\n/items?orders=b2\n/shops?page=2\n/shops/d/orders?page=1\n/items?orders=d1\n/shops/d/orders?page=2\n/items?orders=d2\n/shops/d/orders?page=3\n/items?orders=d3"
    );
}

#[tokio::test]
async fn parents_go_into_one_request_together() {
    let f = Fixture::new(shops).await;
    let mut levels = parents();
    levels[1]["group"] = json!({ "size": 2, "join": "|" });
    let copy = json!({ "parents": levels, "request": { "get": "/items", "query": { "orders": "{{ parent.order }}" } }, "records": "$[*]" });
    let text = f.read(request(copy, &["order string", "n int32"])).await;
    assert_eq!(text.lines().count(), 13, "{text}");
    let items: Vec<String> = f.server.targets().into_iter().filter(|t| t.contains("items")).collect();
    let of = ["a1", "b1%7Cb2", "d1%7Cd2", "d3"];
    assert_eq!(items, of.map(|o| format!("/v1/items?orders={o}")));
}

#[tokio::test]
async fn a_preview_asks_for_no_more_parents_than_it_needs() {
    let f = Fixture::new(shops).await;
    let copy = json!({ "parents": parents(), "request": { "get": "/items", "query": { "orders": "{{ parent.order }}" } }, "records": "$[*]" });
    let mut first = request(copy, &["order string"]);
    first.limit = Some(3);
    assert_eq!(f.read(first).await, "0: a1\n0: a1\n0: b1");
    assert_eq!(f.server.asked().len(), 5, "{}", f.asked());
}

#[tokio::test]
async fn what_goes_wrong_with_a_parent_is_its_slices() {
    let copy = |take: Value| {
        let level = json!({ "request": { "get": "/{{ each.id }}/shops" }, "records": "$.shops[*]", "take": take });
        json!({ "parents": [level], "request": { "get": "/items/{{ parent.id }}" }, "records": "$[*]" })
    };
    let answer = |asked: &Asked, _: usize| match asked.path.as_str() {
        "/v1/gone/shops" => Reply::status(404, "no such"),
        "/v1/none/shops" => Reply::json(json!({ "shops": [] })),
        path if path.ends_with("shops") => Reply::json(json!({ "shops": [{ "id": 1 }] })),
        _ => Reply::json(json!([{ "n": 1 }])),
    };
    let f = Fixture::new(answer).await;
    let text = f
        .read(for_each(
            request(copy(json!({ "id": "$.id" })), &["n int64"]),
            "label",
            &["gone", "none", "ok"],
        ))
        .await;
    assert_eq!(
        text,
        "0 failed not_found: the server does not know this: status 404 (answer: no such)\n1 done\n2: 1\n2 done"
    );
    let text = f
        .read(for_each(
            request(copy(json!({ "id": "$.key" })), &["n int64"]),
            "label",
            &["ok"],
        ))
        .await;
    assert_eq!(
        text,
        "0 failed bad_data: a record of a parent lacks `id` (record: {\"id\":1})"
    );
    let text = f
        .read(for_each(request(copy(json!({})), &["n int64"]), "label", &["ok"]))
        .await;
    assert_eq!(text, "error invalid: a parent takes nothing from its records");
}

#[tokio::test]
async fn windows_are_asked_one_after_the_other_each_with_its_pages() {
    let f = Fixture::new(|asked, _| {
        let page: u64 = asked.param("page").unwrap().parse().unwrap();
        let day = asked.param("from").unwrap().to_string();
        Reply::json(json!({ "items": [{ "day": day, "page": page }], "pages": 2 }))
    })
    .await;
    let copy = json!({
        "windows": { "start": "2026-10-30", "step": "1d", "format": "date", "granularity": "1d" },
        "request": { "get": "/x", "query": { "from": "{{ window.from }}", "to": "{{ window.to }}" } },
        "paginate": paged(), "records": "$.items[*]",
    });
    let columns = ["day string", "page int32", "of string = {{ window.to }}"];
    let text = f.read(request(copy, &columns)).await;
    assert_eq!(
        text,
        "0: 2026-10-30 1 2026-10-30\n0: 2026-10-30 2 2026-10-30\n0: 2026-10-31 1 2026-10-31\n0: 2026-10-31 2 2026-10-31\n0: 2026-11-01 1 2026-11-01\n0: 2026-11-01 2 2026-11-01\n0 done"
    );
    assert_eq!(
        f.asked().lines().next(),
        Some("/x?from=2026-10-30&to=2026-10-30&page=1")
    );
}

#[tokio::test]
async fn a_short_page_within_a_window_is_not_passed_over() {
    let f = Fixture::new(|_, _| Reply::json(json!({ "items": [{ "n": 1 }], "has_more": true }))).await;
    let copy = json!({
        "windows": { "start": "2026-10-30", "step": "1d" }, "request": { "get": "/x", "query": { "from": "{{ window.from }}" } },
        "paginate": { "offset": { "limit": 5 } }, "records": "$.items[*]",
    });
    let text = f.read(request(copy, &["n int64"])).await;
    assert!(
        text.ends_with(
            "0 failed bad_data: a short page ended the reading, and there is more: the answer says `has_more`"
        ),
        "{text}"
    );
    assert_eq!(f.server.asked().len(), 1);
}

/// A read onwards by `at`, whose rows are merged.
fn onward(copy: Value, from: Option<Value>) -> ReadRequest {
    let mut copy = copy;
    let mut words = json!({ "column": "at", "may_repeat": true });
    if let Some(lag) = copy["position"].get("lag") {
        words["lag"] = lag.clone();
    }
    copy["position"] = words;
    let mut request = request(copy, &["id int64", "at timestamp"]);
    request.from = from;
    request
}

fn position(text: &str) -> Value {
    let line = text.lines().find(|l| l.starts_with("position")).unwrap();
    serde_json::from_str(line.trim_start_matches("position ")).unwrap()
}

#[tokio::test]
async fn what_is_older_than_the_last_read_is_left_out_where_the_server_cannot() {
    let records = Arc::new(Mutex::new(
        json!([{ "id": 1, "at": "2026-10-01T00:00:00Z" }, { "id": 2, "at": "2026-10-02T00:00:00Z" }]),
    ));
    let held = records.clone();
    let f = Fixture::new(move |_, _| Reply::json(held.lock().clone())).await;
    let copy = json!({ "request": { "get": "/x" }, "records": "$[*]", "position": {} });
    let text = f.read(onward(copy.clone(), None)).await;
    let first = position(&text);
    assert_eq!(
        text,
        format!("0: 1 2026-10-01T00:00:00Z\n0: 2 2026-10-02T00:00:00Z\nposition {first}\n0 done")
    );
    let late = json!({ "id": 4, "at": "2026-10-01T12:00:00Z" });
    records
        .lock()
        .as_array_mut()
        .unwrap()
        .extend([json!({ "id": 3, "at": "2026-10-03T00:00:00Z" }), late]);
    let text = f.read(onward(copy.clone(), Some(first.clone()))).await;
    let rows: Vec<&str> = text.lines().filter(|l| l.starts_with("0: ")).collect();
    assert_eq!(rows, ["0: 2 2026-10-02T00:00:00Z", "0: 3 2026-10-03T00:00:00Z"]);
    assert_ne!(position(&text), first);
    let lagging = json!({ "request": { "get": "/x" }, "records": "$[*]", "position": { "lag": "1d" } });
    let text = f.read(onward(lagging, Some(first))).await;
    assert_eq!(text.lines().filter(|l| l.starts_with("0: ")).count(), 4, "{text}");
}

#[tokio::test]
async fn the_server_is_told_where_the_last_read_ended() {
    let f = Fixture::new(|asked, _| {
        Reply::json(json!([{ "id": 1, "at": asked.param("since").unwrap().replace("%3A", ":") }]))
    })
    .await;
    let copy = json!({
        "request": { "get": "/x", "query": { "since": "{{ position.value | default('2026-01-01T00:00:00Z') }}" } },
        "records": "$[*]", "position": {},
    });
    let text = f.read(onward(copy.clone(), None)).await;
    let from = position(&text);
    let from = json!({ "column": "at", "at": { "time": from["at"]["time"].as_i64().unwrap() + 1_000_000 } });
    f.read(onward(copy, Some(from))).await;
    assert_eq!(
        f.asked(),
        "/x?since=2026-01-01T00%3A00%3A00Z\n/x?since=2026-01-01T00%3A00%3A01Z"
    );
}

#[tokio::test]
async fn windows_begin_where_the_last_read_ended() {
    let f = Fixture::new(|asked, _| {
        Reply::json(json!([{ "id": 1, "at": format!("{}T06:00:00Z", asked.param("from").unwrap()) }]))
    })
    .await;
    let copy = json!({
        "windows": { "start": "2026-10-29", "step": "1d", "format": "date" },
        "request": { "get": "/x", "query": { "from": "{{ window.from }}" } }, "records": "$[*]", "position": {},
    });
    let text = f.read(onward(copy.clone(), None)).await;
    let from = position(&text);
    assert_eq!(f.server.asked().len(), 4);
    f.clock.advance(Duration::from_secs(86_400));
    f.read(onward(copy, Some(from))).await;
    assert_eq!(
        f.asked().lines().skip(4).collect::<Vec<_>>(),
        ["/x?from=2026-11-01", "/x?from=2026-11-02"]
    );
}

#[tokio::test]
async fn a_feed_that_has_the_newest_first_is_not_read_to_its_end() {
    let f = Fixture::new(|asked, _| {
        let page: i64 = asked.param("page").unwrap().parse().unwrap();
        let at = |n: i64| format!("2026-10-{:02}T00:00:00Z", 20 - n);
        let items = [page * 2, page * 2 + 1].map(|n| json!({ "id": n, "at": at(n) }));
        Reply::json(json!({ "items": items, "pages": 6 }))
    })
    .await;
    let copy = json!({ "request": { "get": "/x" }, "paginate": paged(), "records": "$.items[*]", "position": {}, "newest_first": true });
    let day = |d: i64| json!({ "column": "at", "at": { "time": (20_376 + d) * 86_400_000_000i64 } });
    // 2026-10-15: the first page has 18 and 17, the second 16 and 15, the third nothing new.
    assert_eq!(
        "2026-10-15T00:00:00Z".parse::<jiff::Timestamp>().unwrap().as_second(),
        (20_376 + 365) * 86_400
    );
    let text = f.read(onward(copy.clone(), Some(day(365)))).await;
    assert_eq!(text.lines().filter(|l| l.starts_with("0: ")).count(), 4, "{text}");
    assert!(text.ends_with("0 done"));
    assert_eq!(f.server.asked().len(), 3);
    let mut alone = copy;
    alone.as_object_mut().unwrap().remove("position");
    let text = f.read(request(alone, &["id int64"])).await;
    assert_eq!(
        text,
        "error invalid: `newest_first` says something of a read by `position` only"
    );
}

/// A server of exports: ready after so many looks, in two files.
fn exports(looks: usize, end: &'static str) -> impl Fn(&Asked, usize) -> Reply + Send + Sync + 'static {
    let looked = Mutex::new(0);
    move |asked, _| match (asked.method.as_str(), asked.path.as_str()) {
        ("POST", "/v1/exports") => Reply::json(json!({ "id": "j 1", "asked": asked.body })),
        ("GET", "/v1/exports/j%201") => {
            *looked.lock() += 1;
            match *looked.lock() > looks {
                false => Reply::json(json!({ "state": "RUNNING" })),
                true => {
                    let host = asked.header("host").unwrap();
                    Reply::json(
                        json!({ "state": end, "files": [{ "url": format!("http://{host}/v1/files/1") }, { "url": "/v1/files/2" }] }),
                    )
                }
            }
        }
        ("DELETE", "/v1/exports/j%201") => Reply::status(204, ""),
        ("GET", path) => Reply::json(format!("{{\"n\":{}}}\n{{\"n\":{}}}\n", &path[path.len() - 1..], 9)),
        other => Reply::status(500, &format!("{other:?}")),
    }
}

fn export() -> Value {
    json!({
        "request": { "post": "/exports", "json": { "of": "orders" } },
        "export": {
            "job": { "id": "$.id" },
            "poll": { "get": "/exports/{{ job.id }}", "status": "$.state", "done": ["ready"], "failed": ["failed"], "every": "10s", "longest": "1m" },
            "download": { "links": "$.files[*].url" },
            "clean_up": { "delete": "/exports/{{ job.id }}" },
        },
        "decoder": "json_lines", "records": "$[*]",
    })
}

#[tokio::test]
async fn an_export_is_waited_for_downloaded_and_removed() {
    let f = Fixture::new(exports(2, "READY")).await;
    let text = f
        .read(request(export(), &["n int64", "job string = {{ job.id }}"]))
        .await;
    assert_eq!(text, "0: 1 j 1\n0: 9 j 1\n0: 2 j 1\n0: 9 j 1\n0 done");
    let asked: Vec<String> = f
        .server
        .asked()
        .iter()
        .map(|a| format!("{} {}", a.method, a.path.trim_start_matches("/v1")))
        .collect();
    let look = "GET /exports/j%201";
    assert_eq!(
        asked,
        [
            "POST /exports",
            look,
            look,
            look,
            "GET /files/1",
            "GET /files/2",
            "DELETE /exports/j%201"
        ]
    );
    assert_eq!(f.clock.slept(), [Duration::from_secs(10); 2]);
    // By a path instead, large ones on disk.
    let f = Fixture::new(exports(0, "READY")).await;
    let mut copy = export();
    copy["export"]["download"] = json!({ "get": "/files/{{ job.id }}/7" });
    copy["decoder"] = json!({ "format": "json_lines", "stream": true });
    assert_eq!(f.read(request(copy, &["n int64"])).await, "0: 7\n0: 9\n0 done");
}

#[tokio::test]
async fn an_export_that_fails_or_is_slow_leaves_nothing_on_the_server() {
    for (looks, end, told) in [
        (
            1,
            "FAILED",
            "0 failed bad_data[SG0393]: the server could not prepare the export: it is `FAILED`",
        ),
        (
            100,
            "READY",
            "0 parked: the export is not ready after 60 s: its status is `RUNNING`",
        ),
    ] {
        let f = Fixture::new(exports(looks, end)).await;
        assert_eq!(f.read(request(export(), &["n int64"])).await, told);
        assert_eq!(f.server.asked().last().map(|a| a.method.clone()), Some("DELETE".into()));
    }
    // A file that cannot be had fails it, too; and a server that does not remove it is told of.
    let inner = exports(0, "READY");
    let f = Fixture::new(move |asked, n| match (asked.method.as_str(), asked.path.as_str()) {
        (_, "/v1/files/2") => Reply::status(404, "gone"),
        ("DELETE", _) => Reply::status(403, "not you"),
        _ => inner(asked, n),
    })
    .await;
    let text = f.read(request(export(), &["n int64"])).await;
    assert_eq!(
        text,
        "0: 1\n0: 9\nnote an export may be left on the server: the server does not allow this: status 403\n0 failed not_found: the server does not know this: status 404 (answer: gone)"
    );
    let f = Fixture::new(|_, _| Reply::json(json!({ "error": "busy" }))).await;
    let text = f.read(request(export(), &["n int64"])).await;
    assert_eq!(
        text,
        "0 failed bad_data[SG0393]: the answer that begins the export lacks `id`"
    );
    assert_eq!(f.server.asked().len(), 1, "there is nothing to remove");
}

#[tokio::test]
async fn only_parents_that_are_picked_are_asked_for() {
    let f = Fixture::new(|asked, _| match asked.path.as_str() {
        "/v1/shops" => {
            Reply::json(json!([{ "id": 1, "open": true }, { "id": 2, "open": false }, { "id": 3, "open": true }, null]))
        }
        path => Reply::json(json!([{ "path": path }])),
    })
    .await;
    let copy = |condition: &str| {
        json!({
            "parents": [{
                "request": { "get": "/shops" },
                "records": { "path": "$[*]", "pick": { "where": condition, "first": 100, "none": "ignore" } },
                "take": { "shop": "$.id" },
            }],
            "request": { "get": "/shops/{{ parent.shop }}" }, "records": "$[*]",
        })
    };
    let picked = copy("record and record.open");
    assert_eq!(
        f.read(request(picked, &["path string"])).await,
        "0: /v1/shops/1\n0: /v1/shops/3\n0 done"
    );
    let text = f.read(request(copy("record.id + 'x'"), &["path string"])).await;
    assert!(
        text.starts_with("0 failed bad_data: the pick of a parent cannot be judged: "),
        "{text}"
    );
}

#[tokio::test]
async fn windows_of_seconds_begin_where_the_last_read_of_numbers_ended() {
    let f = Fixture::new(|asked, _| {
        let from: i64 = asked.param("from").unwrap().parse().unwrap();
        Reply::json(json!([{ "id": 1, "at": from + 60 }]))
    })
    .await;
    let copy = json!({
        "windows": { "start": "2026-10-31T12:00:00Z", "format": "unix" },
        "request": { "get": "/x", "query": { "from": "{{ window.from }}" } }, "records": "$[*]",
        "position": { "column": "at", "may_repeat": true },
    });
    let text = f.read(request(copy.clone(), &["id int64", "at int64"])).await;
    let mut again = request(copy, &["id int64", "at int64"]);
    again.from = Some(position(&text));
    f.read(again).await;
    assert_eq!(f.asked(), "/x?from=1793448000\n/x?from=1793448060");
}
