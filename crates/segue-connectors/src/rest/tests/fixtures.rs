//! Answers on record.

use super::*;
use std::path::Path;

fn recording(f: &mut Fixture) {
    f.tape = Some(Arc::new(
        Tape::record(&f.folder.path().join("tape"), f.clock.now()).unwrap(),
    ));
}

fn replaying(f: &mut Fixture) {
    f.tape = Some(Arc::new(Tape::replay(&f.folder.path().join("tape")).unwrap()));
}

/// Everything that is kept, as one text.
fn kept(folder: &Path) -> String {
    let mut all = String::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        all.push_str(&match path.is_dir() {
            true => kept(&path),
            false => std::fs::read_to_string(&path).unwrap(),
        });
    }
    all
}

fn copy() -> Value {
    json!({
        "windows": { "start": "2026-10-31", "step": "1d", "format": "date" },
        "request": { "post": "/{{ each.id }}", "json": { "from": "{{ window.from }}" } },
        "paginate": { "link_header": "next" }, "records": "$[*]",
        "errors": [{ "status": 404, "then": "closed" }],
    })
}

fn slices() -> ReadRequest {
    for_each(
        request(copy(), &["id string", "from string", "n int64"]),
        "id",
        &["a", "b/c", "gone"],
    )
}

/// Two pages of each window, told by a header; what it was asked with comes back, and is a secret.
fn server(asked: &Asked, _: usize) -> Reply {
    let body: Value = serde_json::from_str(&asked.body).unwrap();
    let id = asked.path.rsplit('/').next().unwrap().replace("%2F", "/");
    let (is_first, token) = (asked.query.is_empty(), asked.header("authorization").unwrap());
    match (id.as_str(), is_first) {
        ("gone", _) => Reply::status(404, &format!("{token} may not")),
        (_, true) => {
            let link = format!("<{}?p=2&t={}>; rel=next", asked.path, "hush-hush");
            Reply::json(json!([{ "id": id, "from": body["from"], "n": 1, "of": token }]))
                .header("link", link)
                .header("set-cookie", "sid=1")
        }
        (_, false) => Reply::json(json!([{ "id": id, "from": body["from"], "n": 2 }])),
    }
}

#[tokio::test]
async fn what_is_on_record_is_read_again_without_a_server_and_a_secret() {
    let mut f = Fixture::new(server)
        .await
        .with("auth", json!({ "bearer": { "token": "hush-hush" } }));
    recording(&mut f);
    let first = f.read(slices()).await;
    assert!(
        first.contains("0: a 2026-10-31 1") && first.contains("1: b/c 2026-11-01 2") && first.contains("2 closed"),
        "{first}"
    );
    let asked = f.server.asked().len();
    let all = kept(&f.folder.path().join("tape"));
    assert!(
        !all.contains("hush-hush") && !all.contains("sid=1") && all.contains("***"),
        "{all}"
    );
    // A day later, with another token and a rate: nothing of that matters.
    let mut f = f
        .with("auth", json!({ "bearer": { "token": "other-token" } }))
        .with("limits", json!({ "concurrency": 1, "rate": "1/h" }));
    f.clock.advance(std::time::Duration::from_secs(86_400));
    replaying(&mut f);
    assert_eq!(f.read(slices()).await, first);
    assert_eq!(f.server.asked().len(), asked, "nothing was asked");
    assert!(f.clock.slept().is_empty());
    // What is not there is said, and the rest is read.
    let more = for_each(
        request(copy(), &["id string", "from string", "n int64"]),
        "id",
        &["a", "new"],
    );
    let text = f.read(more).await;
    assert!(
        text.contains(
            "0 done\n1 failed not_found[SG0395]: this is not on record (request: POST http://127.0.0.1:PORT/v1/new"
        ),
        "{text}"
    );
}

#[tokio::test]
async fn an_exchange_that_has_several_answers_gives_them_in_their_order() {
    let states = ["running", "running", "done"];
    let looked = std::sync::atomic::AtomicUsize::new(0);
    let mut f = Fixture::new(move |asked, _| match asked.path.as_str() {
        "/v1/exports" => Reply::json(json!({ "id": 1 })),
        "/v1/file" => Reply {
            body: vec![0x1f, 0x8b, 0x08, 0xff],
            ..Reply::json("")
        },
        _ => Reply::json(json!({ "state": states[looked.fetch_add(1, std::sync::atomic::Ordering::SeqCst).min(2)] })),
    })
    .await
    .with("limits", json!({ "tries": 1 }));
    let copy = json!({
        "request": { "post": "/exports" }, "records": "$[*]", "decoder": { "stream": true },
        "export": { "job": { "id": "$.id" }, "poll": { "get": "/exports/{{ job.id }}", "status": "$.state", "done": ["done"] }, "download": { "get": "/file" } },
    });
    recording(&mut f);
    let first = f.read(request(copy.clone(), &["n int64"])).await;
    assert_eq!(
        first, "0 parked: the packed answer was cut off",
        "bytes that are no text are kept, too"
    );
    let slept = f.clock.slept().len();
    replaying(&mut f);
    assert_eq!(f.read(request(copy, &["n int64"])).await, first);
    assert_eq!((f.clock.slept().len(), f.server.asked().len()), (slept, 5));
}

#[tokio::test]
async fn a_record_that_is_none_says_so() {
    let mut f = Fixture::new(|_, _| Reply::json(json!([{ "n": 1 }]))).await;
    let nothing = Tape::replay(&f.folder.path().join("nothing")).err().unwrap();
    assert_eq!(nothing.message(), "there is no record of answers in this folder");
    recording(&mut f);
    let copy = json!({ "request": { "get": "/x" }, "records": "$[*]" });
    f.read(request(copy.clone(), &["n int64"])).await;
    let folder = f.folder.path().join("tape").join("api");
    let file = std::fs::read_dir(&folder).unwrap().next().unwrap().unwrap().path();
    std::fs::write(&file, "{").unwrap();
    replaying(&mut f);
    let text = f.read(request(copy.clone(), &["n int64"])).await;
    assert!(
        text.starts_with("0 failed bad_data[SG0395]: a file of the record of answers is not one"),
        "{text}"
    );
    // A new record takes the place of the old one.
    recording(&mut f);
    assert_eq!(f.read(request(copy.clone(), &["n int64"])).await, "0: 1\n0 done");
    replaying(&mut f);
    assert_eq!(f.read(request(copy, &["n int64"])).await, "0: 1\n0 done");
}
