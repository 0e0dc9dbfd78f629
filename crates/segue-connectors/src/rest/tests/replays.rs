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
async fn what_was_not_kept_whole_is_asked_for() {
    let f = Fixture::new(answer).await;
    let mut pages = kept(&f, &["a", "b"]).await;
    pages.remove(1);
    let before = f.server.asked().len();
    let text = replay(&f, pages, &["a", "b", "c"]).await;
    assert_eq!(text.lines().filter(|l| l.ends_with("done")).count(), 3, "{text}");
    let asked: Vec<String> = f.server.targets()[before..].to_vec();
    assert_eq!(asked, ["/v1/a", "/v1/a?cursor=2", "/v1/c", "/v1/c?cursor=2"]);
}

#[tokio::test]
async fn pages_of_another_server_or_request_are_not_used() {
    let one = Fixture::new(answer).await;
    let pages = kept(&one, &["a"]).await;
    let two = Fixture::new(answer).await;
    replay(&two, pages.clone(), &["a"]).await;
    assert_eq!(two.server.asked().len(), 2, "another server");

    let before = one.server.asked().len();
    let mut other = for_each(request(copy(json!("$.items[*]")), &["id string"]), "label", &["a"]);
    other.copy["request"]["query"] = json!({ "market": "KR" });
    other.replay = Some(batches(pages));
    one.read(other).await;
    assert_eq!(one.server.asked().len(), before + 2, "another request");
}
