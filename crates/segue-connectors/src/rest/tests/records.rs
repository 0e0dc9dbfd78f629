//! Records: parents, picks, and those that do not fit.

use super::*;

async fn read(body: Value, records: Value, columns: &[&str]) -> String {
    read_text(body.to_string(), records, columns).await
}

async fn read_text(body: String, records: Value, columns: &[&str]) -> String {
    let f = Fixture::new(move |_, _| Reply::json(body.clone())).await;
    f.read(request(
        json!({ "request": { "get": "/x" }, "records": records }),
        columns,
    ))
    .await
}

#[tokio::test]
async fn records_keep_what_stands_above_them() {
    let body = json!({ "page": "p", "artists": [
        { "genres": ["pop", "rock"], "id": "a" },
        { "id": "b", "genres": [] },
        { "genres": ["jazz"] },
    ] });
    let records =
        json!({ "path": "$.artists[*].genres[*]", "parent": { "artist": "$.artists[*].id", "page": "$.page" } });
    insta::assert_snapshot!(read(body, records, &["artist string", "genre string @ $", "page string"]).await, @r"
    0: a pop p
    0: a rock p
    0: - jazz p
    0 done
    ");
}

#[tokio::test]
async fn a_record_that_does_not_fit_goes_to_the_side_and_the_others_stay() {
    let body = r#"{ "items": [
        {"id":"a","n":1}, {"id":"b","n":"2"}, {"id":"c","n":3000000000}, {"id":"d","n":1.0}, {"id":null,"n":1}, {"n":1},
        {"id":"e","n":NaN}, {"id":"f","n":1,"n":2}, {"id":"\ud800","n":1}, {"id":"g" "n":1}, {"id":"h","n":[1]}, 7, null,
        {"id":"i","n":2} ] }"#;
    insta::assert_snapshot!(read_text(body.into(), json!("$.items[*]"), &["id string!", "n int32"]).await, @r#"
    0 rejected at $.n: expected int32, found "2" <- {"id":"b","n":"2"}
    0 rejected at $.n: expected int32, found 3000000000 (out of range) <- {"id":"c","n":3000000000}
    0 rejected at $.n: expected int32, found 1.0 (not a whole number) <- {"id":"d","n":1.0}
    0 rejected at $.id: required, and it is null <- {"id":null,"n":1}
    0 rejected at $.id: required, and it is missing <- {"n":1}
    0 rejected at $.n: not JSON: NaN <- {"id":"e","n":NaN}
    0 rejected at $.n: the key twice <- {"id":"f","n":1,"n":2}
    0 rejected at $.id: half a surrogate pair <- {"id":"\ud800","n":1}
    0 rejected at $: no comma where one belongs <- {"id":"g" "n":1}
    0 rejected at $.n: expected int32, found [1] <- {"id":"h","n":[1]}
    0 rejected at $: expected an object, found a number <- 7
    0: a 1
    0: i 2
    0 done
    note 1 records were null: the source had nothing there
    "#);
}

#[tokio::test]
async fn paths_that_are_not_plain_work_too() {
    let body = json!({ "items": [{ "kind": "x", "tags": [{ "n": "a" }, { "n": "b" }], "v": 1 }, { "kind": "y", "tags": [], "v": 2 }] });
    let columns = [
        "v int64",
        "tags list<string> @ $.tags[*].n",
        "first string @ $.tags[0].n",
        "last string @ $.tags[-1].n",
    ];
    insta::assert_snapshot!(read(body, json!("$.items[?@.v < 5]"), &columns).await, @r"
    0: 1 [a, b] a b
    0: 2 [] - -
    0 done
    ");
}

fn search(none: &str) -> Value {
    json!({
        "request": { "get": "/search", "query": { "q": "{{ each.id }}" } },
        "records": { "path": "$.items[*]", "pick": { "where": "record.name | trim | lower == each.id | trim | lower", "first": 1, "none": none } },
    })
}

#[tokio::test]
async fn the_first_that_is_equal_is_picked() {
    let f = Fixture::new(|_, _| {
        Reply::json(json!({ "items": [{ "name": "Abba Teens", "id": 1 }, { "name": null, "id": 2 }, { "name": " ABBA ", "id": 3 }, { "name": "abba", "id": 4 }], "next": "more" }))
    })
    .await;
    let columns = ["asked string! = {{ each.id }}", "id int64", "name string"];
    let mut all = Vec::new();
    for none in ["quarantine", "ignore", "fail"] {
        all.push(
            f.read(for_each(request(search(none), &columns), "asked", &["Abba", "nobody"]))
                .await,
        );
    }
    insta::assert_snapshot!(all.join("\n"), @r#"
    0: Abba 3  ABBA 
    0 done
    1 rejected: none of 4 records meets `record.name | trim | lower == each.id | trim | lower` <- [{"name":"Abba Teens","id":1},{"name":null,"id":2},{"name":" ABBA ","id":3},{"name":"abba","id":4}]
    1 done
    0: Abba 3  ABBA 
    0 done
    1 done
    0: Abba 3  ABBA 
    0 done
    1 failed not_found[SG0308]: none of 4 records meets `record.name | trim | lower == each.id | trim | lower`
    "#);
}

#[tokio::test]
async fn a_pick_goes_on_over_pages_and_ends_with_enough() {
    let f = Fixture::new(|asked, _| {
        let page: u64 = asked.param("page").unwrap().parse().unwrap();
        Reply::json(json!({ "items": [{ "name": format!("n{page}"), "id": page }] }))
    })
    .await;
    let mut copy = search("quarantine");
    copy["paginate"] = json!({ "page": { "start": 1 } });
    let text = f
        .read(for_each(
            request(copy, &["asked string! = {{ each.id }}", "id int64"]),
            "asked",
            &["n3"],
        ))
        .await;
    assert_eq!(text, "0: n3 3\n0 done");
    assert_eq!(f.server.asked().len(), 3);
}

#[tokio::test]
async fn what_does_not_go_together_is_refused() {
    let f = Fixture::new(|_, _| Reply::json("[]")).await;
    let mut all = Vec::new();
    let picks = in_batches(for_each(request(search("fail"), &["id string"]), "id", &["a"]), 10);
    all.push(f.read(picks).await);
    for records in [
        json!("$.a["),
        json!({ "path": "$..x", "parent": { "id": "$.id" } }),
        json!({ "path": "$[*]", "pick": { "where": "record.(" } }),
        json!({ "path": "$[*]", "parent": { "p": "$.p" } }),
    ] {
        all.push(
            f.read(request(
                json!({ "request": { "get": "/x" }, "records": records }),
                &["id string"],
            ))
            .await,
        );
    }
    all.push(
        f.read(request(
            json!({ "request": { "get": "/{{ x" }, "records": "$[*]" }),
            &["id string"],
        ))
        .await,
    );
    all.push(
        f.read(request(
            json!({ "request": { "get": "/x" }, "recrods": "$[*]" }),
            &["id string"],
        ))
        .await,
    );
    insta::assert_snapshot!(all.join("\n"), @r"
    error invalid: `pick` and `batch` do not go together
    error invalid: `$.a[` is not a JSONPath
    error invalid: `parent` goes with plain paths alone
    error invalid: `record.(` cannot be read: unexpected `(`, expected identifier or integer
    error invalid: the parent `p` has no column
    error invalid: `/{{ x` cannot be read: unexpected end of input, expected end of variable block
    error invalid: the copy's settings are not what this connector expects
    ");
}

#[tokio::test]
async fn a_path_that_is_not_plain_costs_one_pass() {
    let count = 20_000;
    let items: Vec<Value> = (0..count).map(|n| json!({ "id": n, "text": "x".repeat(50) })).collect();
    let body = json!({ "items": items }).to_string();
    let f = Fixture::new(move |_, _| Reply::json(&body)).await;
    let copy = json!({ "request": { "get": "/x" }, "records": "$.items[?@.id >= 1]" });
    let began = std::time::Instant::now();
    let text = f.read(request(copy, &["id int64"])).await;
    assert_eq!(text.lines().count(), count);
    assert!(text.starts_with("0: 1\n0: 2\n"));
    // Looked for one by one from the first byte it takes minutes.
    assert!(
        began.elapsed() < std::time::Duration::from_secs(20),
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test]
async fn an_object_in_place_of_the_list_may_be_the_one_record() {
    let answers = [
        json!({ "data": [{ "id": "a" }, { "id": "b" }] }),
        json!({ "data": { "id": "c", "list": [1] } }),
        json!({ "data": [] }),
        json!({ "data": "text" }),
    ];
    let f = Fixture::new(move |_, n| Reply::json(&answers[n % 4])).await;
    let copy = |records: Value| json!({ "request": { "get": "/x" }, "records": records });
    let single = copy(json!({ "path": "$.data[*]", "single": true }));
    let mut all = Vec::new();
    for _ in 0..4 {
        all.push(f.read(request(single.clone(), &["id string"])).await);
    }
    assert_eq!(all[..3], ["0: a\n0: b\n0 done", "0: c\n0 done", "0 done"]);
    assert!(all[3].starts_with("0 failed bad_data[SG0310]"), "{}", all[3]);
    let f = Fixture::new(|_, _| Reply::json(json!({ "id": "whole" }))).await;
    let whole = copy(json!({ "path": "$[*]", "single": true }));
    assert_eq!(f.read(request(whole, &["id string"])).await, "0: whole\n0 done");
    for path in ["$.data", "$.a[*].b[*]"] {
        let text = f
            .read(request(copy(json!({ "path": path, "single": true })), &["id string"]))
            .await;
        assert_eq!(
            text,
            "error invalid: `records.single` goes with a plain path of one list, at its end"
        );
    }
}

#[tokio::test]
async fn a_row_knows_when_its_answer_was_asked_for_also_where_it_was_kept() {
    let f = Fixture::new(|_, _| Reply::json(json!([{ "id": "x" }]))).await;
    let copy = json!({ "request": { "get": "/x" }, "records": "$[*]" });
    let columns = ["id string", "at string = {{ answer.at }}"];
    assert_eq!(
        f.read(request(copy.clone(), &columns)).await,
        "0: x 2026-11-01T12:00:00.000000Z\n0 done"
    );
    // The page of an hour before says its own time.
    let source = f.source().unwrap();
    let mut keeping = request(copy.clone(), &columns);
    keeping.keep_pages = true;
    let reads: Vec<_> = source.read(keeping, &f.ctx).await.unwrap().collect().await;
    let page = reads.into_iter().find_map(|read| match read {
        Ok(Read::Page { batch, .. }) => Some(batch),
        _ => None,
    });
    f.clock.advance(std::time::Duration::from_secs(3600));
    let mut again = request(copy, &columns);
    again.replay = Some(futures::stream::iter([Ok(page.unwrap())]).boxed());
    assert_eq!(f.read(again).await, "0: x 2026-11-01T12:00:00.000000Z\n0 done");
}
