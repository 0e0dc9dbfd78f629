//! Answers in other forms than JSON, packed and large ones.

use super::*;
use segue_core::source::OnChange;
use segue_testkit::packed::{gzip, zip};

fn raw(body: impl Into<Vec<u8>>) -> Reply {
    Reply {
        body: body.into(),
        ..Reply::json("")
    }
}

#[tokio::test]
async fn texts_become_what_their_columns_are() {
    let csv = "id,price,at,paid,note\n1,12.50,2026-11-01T12:00:00Z,true,007\n2,,,,NA\nx,1,,,\n";
    let f = Fixture::new(move |_, _| raw(csv)).await;
    let copy = json!({ "request": { "get": "/x" }, "decoder": "csv", "records": "$[*]" });
    let columns = [
        "id int64!",
        "price decimal(8,2)",
        "at timestamp",
        "paid bool",
        "note string",
    ];
    let text = f.read(request(copy, &columns)).await;
    let rows: Vec<&str> = text.lines().collect();
    assert!(
        rows[0].starts_with("0 rejected at $.id: expected int64, found \"x\""),
        "{text}"
    );
    assert_eq!(
        rows[1..],
        ["0: 1 12.50 2026-11-01T12:00:00Z true 007", "0: 2 - - - NA", "0 done"]
    );
    assert!(
        f.server.asked()[0]
            .header("accept")
            .is_some_and(|a| a.starts_with("text/csv"))
    );
    // Columns that nobody declared are texts.
    let copy = json!({ "request": { "get": "/x" }, "decoder": "csv", "records": "$[*]" });
    let text = f.read(request(copy, &[])).await;
    assert!(
        text.starts_with("0: 1 12.50 2026-11-01T12:00:00Z true 007\n0: 2 - - - NA\n0: x 1 - - -"),
        "{text}"
    );
}

#[tokio::test]
async fn a_row_or_a_line_that_cannot_be_read_is_set_aside_alone() {
    for (decoder, body) in [
        ("csv", "id,name\n1,a\n2\n3,c\n"),
        (
            "json_lines",
            "{\"id\":1,\"name\":\"a\"}\n{\"id\":\n{\"id\":3,\"name\":\"c\"}\n",
        ),
    ] {
        let f = Fixture::new(move |_, _| raw(body)).await;
        let copy = json!({ "request": { "get": "/x" }, "decoder": decoder, "records": "$[*]" });
        let text = f.read(request(copy, &["id int64", "name string"])).await;
        let rows: Vec<&str> = text.lines().collect();
        assert!(rows[0].starts_with("0 rejected at $: expected an object"), "{text}");
        assert_eq!(rows[1..], ["0: 1 a", "0: 3 c", "0 done"], "{decoder}");
    }
}

#[tokio::test]
async fn xml_has_pages_too() {
    let f = Fixture::new(|asked, _| match asked.param("p") {
        None => raw("<feed><entry id='1'><n>5</n></entry><next>/v1/x?p=2</next></feed>"),
        _ => raw("<feed><entry id='2'><n>6</n></entry><entry id='3'><n/></entry><next/></feed>"),
    })
    .await;
    let copy = json!({
        "request": { "get": "/x" }, "decoder": { "format": "xml", "lists": ["entry"] },
        "paginate": { "next_link": "$.feed.next" }, "records": "$.feed.entry[*]",
    });
    let text = f.read(request(copy, &["id int64 @ $['@id']", "n int32"])).await;
    assert_eq!(text, "0: 1 5\n0: 2 6\n0: 3 -\n0 done");
}

#[tokio::test]
async fn a_packed_answer_that_was_cut_is_asked_for_again() {
    let whole = gzip(json!([{ "n": 1 }, { "n": 2 }]).to_string().as_bytes());
    let cut = whole[..whole.len() - 5].to_vec();
    let f = Fixture::new(move |_, n| raw(if n == 0 { cut.clone() } else { whole.clone() })).await;
    let copy = json!({ "request": { "get": "/x" }, "records": "$[*]" });
    assert_eq!(f.read(request(copy.clone(), &["n int64"])).await, "0: 1\n0: 2\n0 done");
    assert_eq!(f.server.asked().len(), 2);
    // Its headers tell another story, and it is no matter.
    let f = Fixture::new(|_, _| raw("[{\"n\":3}]").header("x-content-encoding", "gzip")).await;
    assert_eq!(f.read(request(copy, &["n int64"])).await, "0: 3\n0 done");
}

#[tokio::test]
async fn a_bomb_ends_its_slice_and_no_more() {
    let bomb = gzip(&vec![b' '; 8 << 20]);
    let f = Fixture::new(move |asked, _| match asked.path.ends_with("bomb") {
        true => raw(bomb.clone()),
        false => Reply::json(json!([{ "n": 1 }])),
    })
    .await
    .with("max_body", json!("1MiB"));
    let copy = json!({ "request": { "get": "/{{ each.id }}" }, "records": "$[*]" });
    let text = f
        .read(for_each(request(copy, &["n int64"]), "label", &["bomb", "b"]))
        .await;
    assert_eq!(
        text,
        "0 failed bad_data[SG0391]: the answer is larger, unpacked, than is read (limit: 1048576 bytes)\n1: 1\n1 done"
    );
    assert_eq!(f.server.asked().len(), 2, "it is not asked for again");
}

#[tokio::test]
async fn the_files_of_a_zip_are_read_one_after_the_other() {
    let files: [(&str, &[u8]); 3] = [("1.csv", b"n\n1\n2\n"), ("readme.txt", b"hello"), ("2.csv", b"n\n3\n")];
    let bytes = zip(&files, true);
    let f = Fixture::new(move |_, _| raw(bytes.clone())).await;
    let copy =
        json!({ "request": { "get": "/x" }, "decoder": { "format": "csv", "member": "*.csv" }, "records": "$[*]" });
    assert_eq!(f.read(request(copy, &["n int64"])).await, "0: 1\n0: 2\n0: 3\n0 done");
}

/// Large pages of 40 records of 100 KB, told by a link that stands behind them.
fn large(asked: &Asked) -> Reply {
    let page: u64 = asked.param("p").map_or(0, |p| p.parse().unwrap());
    let items: Vec<Value> = (page * 40..page * 40 + 40)
        .map(|n| json!({ "n": n, "text": "x".repeat(100_000) }))
        .collect();
    let next = (page < 2).then(|| format!("/v1/x?p={}", page + 1));
    Reply::json(json!({ "items": items, "next": next }))
}

fn streamed() -> Value {
    json!({ "request": { "get": "/x" }, "decoder": { "stream": true }, "paginate": { "next_link": "$.next" }, "records": "$.items[*]" })
}

#[tokio::test]
async fn a_large_answer_is_read_part_by_part_and_leads_on() {
    // Each is four times as large as may be held at once.
    let f = Fixture::new(|asked, _| large(asked))
        .await
        .with("max_body", json!("1MiB"));
    let text = f.read(request(streamed(), &["n int64"])).await;
    let wanted: Vec<String> = (0..120).map(|n| format!("0: {n}")).chain(["0 done".into()]).collect();
    assert_eq!(text, wanted.join("\n"));
    assert_eq!(f.asked(), "/x\n/x?p=1\n/x?p=2");
    assert_eq!(
        std::fs::read_dir(f.folder.path()).unwrap().count(),
        0,
        "nothing is left on disk"
    );
    let mut in_memory = streamed();
    in_memory.as_object_mut().unwrap().remove("decoder");
    let text = f.read(request(in_memory, &["n int64"])).await;
    assert!(
        text.starts_with("0 failed bad_data: the answer is larger than is read"),
        "{text}"
    );
}

#[tokio::test]
async fn kept_parts_of_a_large_answer_are_read_again_without_asking() {
    let f = Fixture::new(|asked, _| large(asked))
        .await
        .with("max_body", json!("1MiB"));
    let mut first = request(streamed(), &["n int64"]);
    first.keep_pages = true;
    let stream = f.source().unwrap().read(first, &f.ctx).await.unwrap();
    let pages: Vec<RecordBatch> = stream
        .filter_map(|read| async move {
            match read {
                Ok(Read::Page { batch, .. }) => Some(batch),
                _ => None,
            }
        })
        .collect()
        .await;
    assert!(pages.len() > 6, "{}", pages.len());
    let mut again = request(streamed(), &["n int64"]);
    again.replay = Some(futures::stream::iter(pages.into_iter().map(Ok)).boxed());
    let text = f.read(again).await;
    assert!(
        text.ends_with("0: 119\n0 done") && text.lines().count() == 121,
        "{text}"
    );
    assert_eq!(f.server.asked().len(), 3);
}

#[tokio::test]
async fn what_goes_wrong_within_a_large_answer_leaves_the_slice_for_later() {
    // It ends where no length tells it: packed, and whole as a body.
    let cut = |bytes: &[u8]| bytes[..bytes.len() - 100].to_vec();
    let items: Vec<Value> = (0..40)
        .map(|n| json!({ "n": n, "text": "x".repeat(100_000) }))
        .collect();
    let whole = json!({ "items": items, "next": null }).to_string();
    for (body, reason) in [
        (cut(whole.as_bytes()), "the answer was cut off"),
        (cut(&gzip(whole.as_bytes())), "the packed answer was cut off"),
    ] {
        let f = Fixture::new(move |_, _| raw(body.clone())).await;
        let text = f.read(request(streamed(), &["n int64"])).await;
        assert_eq!(text.lines().last(), Some(format!("0 parked: {reason}").as_str()));
        assert!(
            text.lines().count() > 20,
            "what came before was handed out, and does not count"
        );
    }
    let f = Fixture::new(|_, _| Reply::json(json!({ "error": "no" }))).await;
    let text = f.read(request(streamed(), &["n int64"])).await;
    assert_eq!(text, "0 failed bad_data[SG0310]: the answer has no `$.items`");
    // One that breaks off on its way is asked for again.
    let f = Fixture::new(|asked, n| match n {
        0 => Reply {
            cut: Some(1_000_000),
            ..large(asked)
        },
        _ => Reply::json(json!({ "items": [{ "n": 1 }], "next": null })),
    })
    .await;
    assert_eq!(f.read(request(streamed(), &["n int64"])).await, "0: 1\n0 done");
}

#[tokio::test]
async fn a_table_whose_texts_changed_their_kind_goes_by_the_rule() {
    let f = Fixture::new(|_, _| raw("n\nx\n1\n")).await;
    let copy = json!({ "request": { "get": "/x" }, "decoder": "csv", "records": "$[*]" });
    let mut request = request(copy, &["n int64"]);
    request.schema.on_type_change = OnChange::DropValue;
    let text = f.read(request).await;
    assert_eq!(
        text,
        "0: -\n0: 1\n0 done\nnote 1 values were left out, as `drop_value` says"
    );
}
