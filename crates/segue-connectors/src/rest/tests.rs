//! Reads against a server that does what the test says. `read` turns a read into text.

mod answers;
mod auth;
mod batches;
mod conformance;
mod decoders;
mod fixtures;
mod limits;
mod pages;
mod quotas;
mod records;
mod replays;
mod requests;
mod schemas;
mod stages;
mod written;

use super::{Rest, settings::RestConnection};
use crate::connector::{ConnectionSettings, Deps};
use crate::http::tape::Tape;
use arrow_array::RecordBatch;
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use futures::StreamExt;
use segue_core::source::{Column, Nested, Nesting, OnChange, Read, ReadRequest, ReadSchema, SliceBatch, Source};
use segue_core::{Clock, Ctx, Labels, Result, Slice};
use segue_testkit::clock::ManualClock;
use segue_testkit::gate::MemoryGate;
use segue_testkit::http::{Asked, Reply, Server};
use segue_testkit::notes::MemoryNotes;
use serde_json::{Value, json};
use std::sync::Arc;

/// A connection to a server, with a clock and a gate that the test looks into.
struct Fixture {
    server: Server,
    clock: Arc<ManualClock>,
    gate: Arc<MemoryGate>,
    notes: Arc<MemoryNotes>,
    ctx: Ctx,
    settings: Value,
    folder: tempfile::TempDir,
    tape: Option<Arc<Tape>>,
}

impl Fixture {
    async fn new(answer: impl Fn(&Asked, usize) -> Reply + Send + Sync + 'static) -> Fixture {
        let server = Server::start(answer).await;
        let clock = Arc::new(ManualClock::default());
        let settings =
            json!({ "base_url": format!("{}/v1", server.url()), "limits": { "concurrency": 1 }, "timeout": "5s" });
        Fixture {
            server,
            gate: Arc::new(MemoryGate::new(clock.clone())),
            notes: Arc::new(MemoryNotes::new(clock.clone())),
            ctx: Ctx::new("dev", clock.clone()),
            clock,
            settings,
            folder: tempfile::tempdir().unwrap(),
            tape: None,
        }
    }

    /// With another key of the connection.
    fn with(mut self, key: &str, value: Value) -> Fixture {
        self.settings[key] = value;
        self
    }

    fn deps(&self) -> Deps {
        Deps {
            connection: "api".into(),
            gate: self.gate.clone(),
            notes: self.notes.clone(),
            clock: self.clock.clone(),
            project_dir: "/nowhere".into(),
            staging_dir: self.folder.path().to_path_buf(),
            tape: self.tape.clone(),
        }
    }

    fn source(&self) -> Result<Rest> {
        Rest::new(
            RestConnection::read(ConnectionSettings::new(self.settings.clone()), "api")?,
            &self.deps(),
        )
    }

    /// Everything that a read hands out, as text.
    async fn read(&self, request: ReadRequest) -> String {
        let stream = match self.source() {
            Ok(source) => source.read(request, &self.ctx).await,
            Err(error) => return format!("error {}", shown(&error)),
        };
        let reads = match stream {
            Ok(stream) => stream.collect::<Vec<_>>().await,
            Err(error) => return format!("error {}", shown(&error)),
        };
        let port = self.server.url().replace("http://127.0.0.1:", "");
        reads
            .iter()
            .flat_map(lines)
            .collect::<Vec<_>>()
            .join("\n")
            .replace(&port, "PORT")
    }

    /// What was asked, without the base path.
    fn asked(&self) -> String {
        self.server
            .targets()
            .iter()
            .map(|t| t.trim_start_matches("/v1").to_string())
            .collect::<Vec<_>>()
            .join("\n")
    }
}

fn shown(error: &segue_core::Error) -> String {
    let code = error.error_code().map(|c| format!("[{c}]")).unwrap_or_default();
    format!("{}{code}: {error}", error.kind())
}

fn lines(read: &Result<Read>) -> Vec<String> {
    match read {
        Ok(Read::Rows { slice, batch }) => rows(batch).into_iter().map(|row| format!("{slice}: {row}")).collect(),
        Ok(Read::Rejected { slice, rows }) => rows
            .iter()
            .map(|r| {
                let place = r.path.as_deref().map(|p| format!(" at {p}")).unwrap_or_default();
                format!(
                    "{} rejected{place}: {} <- {}",
                    slice.map_or("?".into(), |s| s.to_string()),
                    r.reason,
                    r.raw
                )
            })
            .collect(),
        Ok(Read::Page { slices, batch }) => vec![format!("page {slices:?} {}", rows(batch).join("; "))],
        Ok(Read::Position(position)) => vec![format!("position {position}")],
        Ok(Read::Unique) => vec!["unique".to_string()],
        Ok(Read::Reached { slice }) => vec![format!("{slice} reached")],
        Ok(Read::Done { slice }) => vec![format!("{slice} done")],
        Ok(Read::Parked {
            slice, until, reason, ..
        }) => {
            vec![format!(
                "{slice} parked{}: {reason}",
                until.map(|u| format!(" until {u}")).unwrap_or_default()
            )]
        }
        Ok(Read::Closed { slice, reason }) => vec![format!("{slice} closed: {reason}")],
        Ok(Read::Failed { slice, error }) => vec![format!("{slice} failed {}", shown(error))],
        Ok(Read::Note(note)) => vec![format!("note {note}")],
        Ok(Read::Wire { .. }) => vec!["rows that nobody reads".into()],
        Err(error) => vec![format!("error {}", shown(error))],
    }
}

fn rows(batch: &RecordBatch) -> Vec<String> {
    let options = FormatOptions::new().with_null("-");
    let columns: Vec<_> = batch
        .columns()
        .iter()
        .map(|c| ArrayFormatter::try_new(c, &options).unwrap())
        .collect();
    let row = |i| {
        columns
            .iter()
            .map(|c| c.value(i).to_string())
            .collect::<Vec<_>>()
            .join(" ")
    };
    (0..batch.num_rows()).map(row).collect()
}

/// `name type`, `name type!` for a required one, `name type = template`, `name type @ path`.
fn column(text: &str) -> Column {
    let (text, value) = match text.split_once(" = ") {
        Some((text, value)) => (text, Some(value.to_string())),
        None => (text, None),
    };
    let (text, path) = match text.split_once(" @ ") {
        Some((text, path)) => (text, Some(path.to_string())),
        None => (text, None),
    };
    let (name, of) = text.split_once(' ').unwrap();
    Column {
        name: name.into(),
        of: of.trim_end_matches('!').parse().unwrap(),
        required: of.ends_with('!'),
        path,
        value,
    }
}

/// A request with these columns and one whole slice.
fn request(copy: Value, columns: &[&str]) -> ReadRequest {
    ReadRequest {
        schema: ReadSchema {
            columns: (!columns.is_empty()).then(|| columns.iter().map(|c| column(c)).collect()),
            declared: !columns.is_empty(),
            ..ReadSchema::default()
        },
        ..ReadRequest::all_of(copy)
    }
}

/// The same, once for each of these ids; `label` is the column that holds them.
fn for_each(mut request: ReadRequest, label: &str, ids: &[&str]) -> ReadRequest {
    request.slices = ids
        .iter()
        .map(|id| Slice {
            labels: Labels::from_iter([(label.to_string(), json!(id))]),
            values: Arc::new([("id".to_string(), json!(id))].into_iter().collect()),
        })
        .collect();
    request.slice_columns = vec![label.to_string()];
    request
}

#[tokio::test]
async fn records_become_typed_rows() {
    let f = Fixture::new(|_, _| {
        Reply::json(json!({ "items": [
            { "id": "a", "popularity": 7, "album": { "name": "One" }, "extra": [1, 2] },
            { "id": "b", "popularity": null, "album": null },
        ] }))
    })
    .await;
    let copy = json!({ "request": { "get": "/tracks" }, "records": "$.items[*]" });
    let text = f
        .read(request(
            copy,
            &["id string!", "popularity int32", "album string @ $.album.name"],
        ))
        .await;
    insta::assert_snapshot!(text, @r"
    0: a 7 One
    0: b - -
    0 done
    ");
    assert_eq!(f.asked(), "/tracks");
}

#[tokio::test]
async fn each_slice_has_its_own_request_and_its_values_are_encoded() {
    let f = Fixture::new(|asked, _| Reply::json(json!([{ "path": asked.target() }]))).await;
    let copy = json!({
        "request": { "get": "/artists/{{ each.id }}/top", "query": { "q": "{{ each.id }}", "market": "US", "n": 10 } },
        "records": "$[*]",
    });
    let columns = ["artist string! = {{ each.id }}", "path string"];
    let text = f
        .read(for_each(
            request(copy, &columns),
            "artist",
            &["x/y", "a b&c", "에스파", "..", ""],
        ))
        .await;
    insta::assert_snapshot!(text, @r#"
    0: x/y /v1/artists/x%2Fy/top?market=US&n=10&q=x%2Fy
    0 done
    1: a b&c /v1/artists/a%20b%26c/top?market=US&n=10&q=a+b%26c
    1 done
    2: 에스파 /v1/artists/%EC%97%90%EC%8A%A4%ED%8C%8C/top?market=US&n=10&q=%EC%97%90%EC%8A%A4%ED%8C%8C
    2 done
    3 failed invalid: the template cannot be filled in: ".." cannot stand in a path (template: path)
    4 failed invalid: the template cannot be filled in: "" cannot stand in a path (template: path)
    "#);
}

#[tokio::test]
async fn a_template_that_names_what_is_not_there_fails_its_slice() {
    let f = Fixture::new(|_, _| Reply::json("[]")).await;
    let copy = json!({ "request": { "get": "/x", "query": { "q": "{{ each.nmae }}" } }, "records": "$[*]" });
    let text = f.read(for_each(request(copy, &["id string"]), "id", &["a"])).await;
    insta::assert_snapshot!(text, @r"0 failed invalid: the template cannot be filled in: `each.nmae` is undefined (template: query q)");
    assert_eq!(f.asked(), "");
}

#[tokio::test]
async fn a_preview_asks_no_more_than_it_needs() {
    let f = Fixture::new(|asked, _| Reply::json(json!([{ "id": asked.path }, { "id": "second" }]))).await;
    let copy = json!({ "request": { "get": "/{{ each.id }}" }, "records": "$[*]" });
    let mut request = for_each(request(copy, &["id string"]), "label", &["a", "b", "c", "d"]);
    request.limit = Some(3);
    insta::assert_snapshot!(f.read(request).await, @r"
    0: /v1/a
    0: second
    0 done
    1: /v1/b
    ");
    assert_eq!(f.asked(), "/a\n/b");
}

#[tokio::test]
async fn nobody_who_reads_on_stops_the_asking() {
    let f = Fixture::new(|asked, _| {
        let page: u64 = asked.param("page").unwrap().parse().unwrap();
        Reply::json(json!([{ "id": page }]))
    })
    .await;
    let copy = |path: &str, most: u64| json!({ "request": { "get": path }, "paginate": { "page": { "start": 1 }, "max_pages": most }, "records": "$[*]" });
    let source = f.source().unwrap();
    let mut stream = source
        .read(request(copy("/x", 1_000), &["id int64"]), &f.ctx)
        .await
        .unwrap();
    assert!(matches!(stream.next().await, Some(Ok(Read::Rows { .. }))));
    // While another read of the same connection gets all its pages, this one is not polled: it fetches only so many ahead.
    let other: Vec<_> = source
        .read(request(copy("/y", 60), &["id int64"]), &f.ctx)
        .await
        .unwrap()
        .collect()
        .await;
    assert_eq!(other.len(), 62);
    let ahead = f.server.asked().iter().filter(|a| a.path == "/v1/x").count();
    drop(stream);
    assert!((1..10).contains(&ahead), "{ahead} pages were fetched ahead");
}

#[tokio::test]
async fn stopping_ends_the_read() {
    let f = Fixture::new(|_, _| Reply {
        hang: true,
        ..Reply::json("[]")
    })
    .await;
    let copy = json!({ "request": { "get": "/x" }, "records": "$[*]" });
    let source = f.source().unwrap();
    let mut stream = source.read(request(copy, &["id int64"]), &f.ctx).await.unwrap();
    f.ctx.cancel.cancel();
    let first = stream.next().await.unwrap();
    assert_eq!(lines(&first), ["error cancelled: stopped, as asked"]);
    assert!(stream.next().await.is_none());
}

#[tokio::test]
async fn what_a_connection_is_is_told_without_secrets() {
    let f = Fixture::new(|_, _| Reply::json("[]")).await.with(
        "auth",
        json!({ "oauth2": { "grant": "client_credentials", "token_url": "http://127.0.0.1:1/token", "client_id": "me", "client_secret": "hush-hush" } }),
    );
    let identity = f.source().unwrap().identity();
    assert!(
        identity.starts_with("http://127.0.0.1:") && identity.ends_with(" as me"),
        "{identity}"
    );
    for (key, value) in [
        ("base_url", json!("https://me:pw@example.com")),
        ("base_url", json!("ftp://x")),
        ("auth", json!({ "bearer": { "tokn": "hush-hush" } })),
    ] {
        let f = Fixture::new(|_, _| Reply::json("[]")).await.with(key, value);
        let error = f.source().err().unwrap().to_text();
        assert!(!error.contains("pw") && !error.contains("hush"), "{error}");
    }
}

#[test]
fn the_schemas_are_objects_with_docs() {
    let schema = super::CONNECTOR.schema();
    assert_eq!(
        schema.connection["properties"]["auth"]["anyOf"]
            .as_array()
            .map(Vec::len),
        Some(2)
    );
    assert!(schema.connection.to_string().contains(r#""x-secret":true"#));
    assert_eq!(
        schema.copy["properties"]["request"]["properties"]["get"]["format"],
        "template"
    );
    assert!(
        schema.copy["properties"]["records"]["description"]
            .as_str()
            .is_some_and(|d| !d.is_empty())
    );
}

/// Batches of a stream, for replays.
fn batches(all: Vec<RecordBatch>) -> segue_core::Batches {
    futures::stream::iter(all.into_iter().map(Ok)).boxed()
}

fn in_batches(mut request: ReadRequest, size: usize) -> ReadRequest {
    request.batch = Some(SliceBatch { size, join: ",".into() });
    request
}

fn now(f: &Fixture) -> jiff::Timestamp {
    f.clock.now()
}
