//! Several slices in one request.

use super::*;

fn copy() -> Value {
    json!({ "request": { "get": "/features", "query": { "ids": "{{ batch.id }}" } }, "records": "$.items[*]" })
}

fn answer(asked: &Asked, _: usize) -> Reply {
    let ids = asked.param("ids").unwrap().replace("%2C", ",");
    let items: Vec<Value> = ids
        .split(',')
        .rev()
        .map(|id| match id {
            "none" => Value::Null,
            "other" => json!({ "id": "unasked", "n": 0 }),
            "many" => json!({ "id": "many", "n": 1 }),
            id => json!({ "id": id, "n": id.len() }),
        })
        .collect();
    Reply::json(json!({ "items": items }))
}

#[tokio::test]
async fn ids_are_joined_and_each_is_still_a_slice_of_its_own() {
    let f = Fixture::new(answer).await;
    let request = in_batches(
        for_each(
            request(copy(), &["id string!", "n int64"]),
            "id",
            &["a", "none", "ccc", "other", "many"],
        ),
        3,
    );
    insta::assert_snapshot!(f.read(request).await, @r#"
    0: a 1
    2: ccc 3
    0 done
    1 done
    2 done
    ? rejected: a record of unasked, which was not asked for <- {"id":"unasked","n":0}
    4: many 1
    3 done
    4 done
    note 1 records were null: the source had nothing there
    "#);
    assert_eq!(f.asked(), "/features?ids=a%2Cnone%2Cccc\n/features?ids=other%2Cmany");
}

#[tokio::test]
async fn an_id_that_is_named_twice_is_asked_once() {
    let f = Fixture::new(answer).await;
    let request = in_batches(
        for_each(request(copy(), &["id string!", "n int64"]), "id", &["a", "b", "a"]),
        10,
    );
    insta::assert_snapshot!(f.read(request).await, @r"
    0: a 1
    1: b 1
    0 done
    1 done
    2 done
    ");
    assert_eq!(f.asked(), "/features?ids=a%2Cb");
}

#[tokio::test]
async fn the_slices_of_a_request_end_alike() {
    let f = Fixture::new(|asked, _| match asked.query.contains("bad") {
        true => Reply::status(403, ""),
        false => Reply::json(json!({ "items": [] })),
    })
    .await;
    let mut copy = copy();
    copy["errors"] = json!([{ "status": 403, "then": "closed" }]);
    let request = in_batches(for_each(request(copy, &["id string!"]), "id", &["a", "bad", "c"]), 2);
    insta::assert_snapshot!(f.read(request).await, @r"
    0 closed: not ours to read: status 403
    1 closed: not ours to read: status 403
    2 done
    ");
}

#[tokio::test]
async fn numbers_are_labels_too() {
    let f = Fixture::new(|_, _| {
        Reply::json(json!({ "items": [{ "id": 20, "n": 2 }, { "id": 10, "n": 1 }, { "id": 30, "n": 3 }] }))
    })
    .await;
    let mut request = in_batches(for_each(request(copy(), &["id int64!", "n int64"]), "id", &[]), 10);
    request.slices = [10, 20]
        .iter()
        .map(|id| Slice {
            labels: Labels::from_iter([("id".to_string(), json!(id))]),
            values: Arc::new([("id".to_string(), json!(id))].into_iter().collect()),
        })
        .collect();
    insta::assert_snapshot!(f.read(request).await, @r#"
    ? rejected: a record of 30, which was not asked for <- {"id":30,"n":3}
    0: 10 1
    1: 20 2
    0 done
    1 done
    "#);
}

#[tokio::test]
async fn a_slice_alone_is_checked_as_well() {
    let f = Fixture::new(|_, _| Reply::json(json!({ "items": [{ "id": "a" }, { "id": "z" }] }))).await;
    let copy = json!({ "request": { "get": "/{{ each.id }}" }, "records": "$.items[*]" });
    insta::assert_snapshot!(f.read(for_each(request(copy, &["id string!"]), "id", &["a"])).await, @r#"
    0 rejected: a record of z, which was not asked for <- {"id":"z"}
    0: a
    0 done
    "#);
}

#[tokio::test]
async fn a_record_that_does_not_fit_belongs_to_its_slice() {
    let f = Fixture::new(|_, _| {
        Reply::json(
            r#"{"items":[{"id":"b","n":"x","tags":["t", 1]},{"id":"a","n":1,"tags":[]},{"n":true},{"id":"c" 7}]}"#,
        )
    })
    .await;
    let request1 = in_batches(
        for_each(request(copy(), &["id string!", "n int64"]), "id", &["a", "b"]),
        10,
    );
    insta::assert_snapshot!(f.read(request1).await, @r#"
    1 rejected at $.n: expected int64, found "x" <- {"id":"b","n":"x","tags":["t", 1]}
    ? rejected at $.n: expected int64, found true <- {"n":true}
    ? rejected at $: no comma where one belongs <- {"id":"c" 7}
    0: a 1
    0 done
    1 done
    "#);
    let mut copy = copy();
    copy["records"] = json!({ "path": "$.items[*].tags[*]", "parent": { "id": "$.items[*].id" } });
    let f = Fixture::new(|_, _| Reply::json(r#"{"items":[{"id":"b","tags":["t", 1]},{"id":"a","tags":[]}]}"#)).await;
    let request2 = in_batches(
        for_each(request(copy, &["id string!", "tag string @ $"]), "id", &["a", "b"]),
        10,
    );
    insta::assert_snapshot!(f.read(request2).await, @r"
    1 rejected at $: expected string, found 1 <- 1
    1: b t
    0 done
    1 done
    ");
}

#[tokio::test]
async fn a_large_record_that_does_not_fit_is_its_slices_own() {
    let f = Fixture::new(|_, _| {
        Reply::json(json!({ "items": [{ "n": "x".repeat(70_000), "id": "a" }, { "id": "b", "n": 1 }] }))
    })
    .await;
    let request = in_batches(
        for_each(request(copy(), &["id string!", "n int64"]), "id", &["a", "b"]),
        2,
    );
    let text = f.read(request).await;
    let aside = text.lines().next().unwrap_or_default();
    assert!(aside.starts_with("0 rejected at $.n: "), "{}", &aside[..100]);
    assert!(
        aside.ends_with("x… (cut: the record has 70017 bytes)"),
        "{}",
        &aside[aside.len() - 100..]
    );
    let raw = aside.split_once(" <- ").unwrap().1;
    assert_eq!(raw.len(), 64 * 1024);
    assert!(text.ends_with("1: b 1\n0 done\n1 done"));
}
