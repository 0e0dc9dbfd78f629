//! Kept pages, and reading them instead of asking.

use super::*;

fn copy(records: Value) -> Value {
    json!({ "request": { "get": "/{{ each.id }}" }, "paginate": { "cursor": { "path": "$.next" } }, "records": records })
}

/// Two pages a slice.
fn answer(asked: &Asked, _: usize) -> Reply {
    match asked.param("cursor") {
        None => Reply::json(json!({ "items": [{ "id": asked.path, "n": 1 }], "next": "2" })),
        Some(_) => Reply::json(json!({ "items": [{ "id": asked.path, "n": "many" }], "next": null })),
    }
}

/// The kept pages of a read of these ids.
async fn kept(f: &Fixture, ids: &[&str]) -> Vec<RecordBatch> {
    let mut request = for_each(
        request(copy(json!("$.items[*]")), &["id string", "n int64"]),
        "label",
        ids,
    );
    request.keep_pages = true;
    let reads: Vec<_> = f.source().unwrap().read(request, &f.ctx).await.unwrap().collect().await;
    reads
        .into_iter()
        .filter_map(|r| {
            if let Ok(Read::Page { batch, .. }) = r {
                Some(batch)
            } else {
                None
            }
        })
        .collect()
}

async fn replay(f: &Fixture, pages: Vec<RecordBatch>, ids: &[&str]) -> String {
    let mut request = for_each(
        request(copy(json!("$.items[*]")), &["id string", "n json"]),
        "label",
        ids,
    );
    request.replay = Some(batches(pages));
    f.read(request).await
}

#[tokio::test]
async fn pages_are_kept_as_they_came() {
    let f = Fixture::new(answer).await;
    let pages = kept(&f, &["a"]).await;
    let shape = segue_core::source::page_schema();
    assert!(pages.iter().all(|p| p.schema() == shape));
    let columns = |batch: &RecordBatch| rows(&batch.project(&[0, 1, 2, 3, 6, 8]).unwrap()).join("");
    let port = f.server.url();
    let text = pages
        .iter()
        .map(columns)
        .collect::<Vec<_>>()
        .join("\n")
        .replace(&port, "URL");
    insta::assert_snapshot!(text, @r#"
    ["{\"label\":\"a\"}"] 0 false GET URL/v1/a 200 2026-11-01T12:00:00Z
    ["{\"label\":\"a\"}"] 1 true GET URL/v1/a?cursor=2 200 2026-11-01T12:00:00Z
    "#);
    let body = pages[1].column_by_name("body").unwrap();
    let body = arrow_array::cast::AsArray::as_binary::<i32>(body).value(0);
    assert_eq!(body, br#"{"items":[{"id":"/v1/a","n":"many"}],"next":null}"#);
}

#[tokio::test]
async fn a_changed_mapping_asks_for_nothing() {
    let f = Fixture::new(answer).await;
    let pages = kept(&f, &["a", "b"]).await;
    let asked = f.server.asked().len();
    insta::assert_snapshot!(replay(&f, pages, &["a", "b"]).await, @r#"
    0: /v1/a 1
    0: /v1/a "many"
    0 done
    1: /v1/b 1
    1: /v1/b "many"
    1 done
    "#);
    assert_eq!(f.server.asked().len(), asked);
}

#[tokio::test]
async fn what_was_not_kept_whole_gets_no_end_and_is_left_to_be_asked() {
    let f = Fixture::new(answer).await;
    let pages = kept(&f, &["a", "b"]).await;
    let before = f.server.asked().len();
    for missing in [0, 1] {
        let mut pages = pages.clone();
        pages.remove(missing);
        let text = replay(&f, pages, &["a", "b", "c"]).await;
        let ends: Vec<&str> = text.lines().filter(|l| l.ends_with("done")).collect();
        assert_eq!(ends, ["1 done"], "{text}");
    }
    assert_eq!(f.server.asked().len(), before);
}

#[tokio::test]
async fn answers_that_are_no_pages_are_kept_and_mean_the_same_again() {
    let f = Fixture::new(|asked, _| match asked.path.as_str() {
        "/v1/empty" => Reply::status(204, ""),
        "/v1/closed" => Reply::status(403, "not yours"),
        "/v1/gone" => Reply::status(404, "no"),
        "/v1/odd" => Reply::status(422, "odd"),
        "/v1/broken" => Reply::status(400, "broken"),
        _ => answer(asked, 0),
    })
    .await;
    let ids = ["a", "empty", "closed", "gone", "odd", "broken"];
    let mut copy = copy(json!("$.items[*]"));
    copy["errors"] = json!([
        { "status": 403, "then": "closed" }, { "status": 404, "then": "ignore" }, { "status": 422, "then": "quarantine" }
    ]);
    let mut first = for_each(request(copy.clone(), &["id string", "n int64"]), "label", &ids);
    first.keep_pages = true;
    let reads: Vec<_> = f.source().unwrap().read(first, &f.ctx).await.unwrap().collect().await;
    let is_page = |r| match r {
        Ok(Read::Page { batch, .. }) => Some(batch),
        _ => None,
    };
    let pages: Vec<RecordBatch> = reads.into_iter().filter_map(is_page).collect();
    assert_eq!(pages.len(), 6, "what failed is not kept");
    let before = f.server.asked().len();
    let mut again = for_each(request(copy, &["id string", "n json"]), "label", &ids);
    again.replay = Some(batches(pages));
    insta::assert_snapshot!(f.read(again).await, @r#"
    0: /v1/a 1
    0: /v1/a "many"
    0 done
    1 done
    2 closed: not ours to read: status 403
    3 done
    4 rejected: the answer was set aside: status 422 <- odd
    4 done
    "#);
    assert_eq!(f.server.asked().len(), before);
}

#[tokio::test]
async fn what_a_pick_left_unread_is_read_again_as_far_as_it_tells() {
    let f = Fixture::new(answer).await;
    let copy = |condition: &str| copy(json!({ "path": "$.items[*]", "pick": { "where": condition } }));
    let mut first = for_each(request(copy("record.n == 1"), &["id string"]), "label", &["a"]);
    first.keep_pages = true;
    let reads: Vec<_> = f.source().unwrap().read(first, &f.ctx).await.unwrap().collect().await;
    let is_page = |r| match r {
        Ok(Read::Page { batch, .. }) => Some(batch),
        _ => None,
    };
    let pages: Vec<RecordBatch> = reads.into_iter().filter_map(is_page).collect();
    assert_eq!((pages.len(), f.server.asked().len()), (1, 1));
    for (condition, told) in [("record.n >= 1", "0: /v1/a\n0 done"), ("record.n == \"many\"", "")] {
        let mut again = for_each(request(copy(condition), &["id string"]), "label", &["a"]);
        again.replay = Some(batches(pages.clone()));
        assert_eq!(f.read(again).await, told, "{condition}");
    }
    assert_eq!(f.server.asked().len(), 1);
}

#[tokio::test]
async fn pages_of_another_server_or_request_are_not_used() {
    let one = Fixture::new(answer).await;
    let pages = kept(&one, &["a"]).await;
    let two = Fixture::new(answer).await;
    assert_eq!(replay(&two, pages.clone(), &["a"]).await, "", "another server");

    let mut other = for_each(request(copy(json!("$.items[*]")), &["id string"]), "label", &["a"]);
    other.copy["request"]["query"] = json!({ "market": "KR" });
    other.replay = Some(batches(pages));
    assert_eq!(one.read(other).await, "", "another request");
}
