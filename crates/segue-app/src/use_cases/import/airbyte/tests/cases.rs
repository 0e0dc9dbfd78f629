//! What Airbyte's own tests of its low-code components say, in manifests and answers of our own wording: each is imported, read from a server that
//! answers as the case says, and its rows are compared.
//!
//! A case names the test that it is after. `rows` are what that test wants. Where ours are others, `outcome` says so, and `why`; docs/reference/airbyte.md
//! lists those, and a test holds it to them.

use crate::{App, ImportRequest, Surroundings, import_airbyte, preview};
use arrow_array::{Array, RecordBatch};
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use futures::StreamExt;
use segue_core::Ctx;
use segue_spec::yaml::parse;
use segue_testkit::clock::ManualClock;
use segue_testkit::http::{Asked, Reply, Server};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

const FILES: &[(&str, &str)] = &[
    ("pages", include_str!("cases/pages.yaml")),
    ("records", include_str!("cases/records.yaml")),
    ("slices", include_str!("cases/slices.yaml")),
    ("requests", include_str!("cases/requests.yaml")),
];

/// What the manifests' server is called.
const HOST: &str = "https://api.test";

/// How a case comes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// The rows are those that the test wants.
    Same,
    /// The stream is imported, what is not the same is told, and the rows are others.
    Differs,
    /// The stream is left out, and why is told.
    LeftOut,
}

struct Case {
    name: String,
    after: String,
    manifest: String,
    settings: BTreeMap<String, String>,
    answers: Vec<Answer>,
    rows: Vec<Map<String, Value>>,
    /// What ours are, where they are others.
    ours: Option<Vec<Map<String, Value>>>,
    fails: Option<String>,
    outcome: Outcome,
    why: String,
}

#[derive(Clone)]
struct Answer {
    method: String,
    target: String,
    body: Option<Value>,
    form: Option<String>,
    with: Map<String, Value>,
    status: u16,
    headers: Map<String, Value>,
    text: String,
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_string)
}

fn objects(value: Option<&Value>) -> Vec<Map<String, Value>> {
    let items = value.and_then(Value::as_array).cloned().unwrap_or_default();
    items.into_iter().filter_map(|v| v.as_object().cloned()).collect()
}

fn cases() -> Vec<Case> {
    let mut all = Vec::new();
    for (file, written) in FILES {
        let mut found = Vec::new();
        let root = parse(file, written, &mut found).root.expect("a tree").to_json();
        assert!(found.is_empty(), "{file}: {found:?}");
        all.extend(root["cases"].as_array().expect("cases").iter().map(case));
    }
    all
}

fn case(written: &Value) -> Case {
    let stream = text(&written["stream"]);
    let indented: String = stream.lines().map(|line| format!("    {line}\n")).collect();
    let rest = written.get("rest").map(text).unwrap_or_default();
    let name = text(&written["name"]);
    let known = [
        "name", "after", "stream", "rest", "settings", "answers", "rows", "ours", "fails", "outcome", "why",
    ];
    for key in written.as_object().expect("a mapping").keys() {
        assert!(known.contains(&key.as_str()), "{name}: `{key}` is no key of a case");
    }
    let settings = written
        .get("settings")
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default();
    let answers = written
        .get("answers")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    Case {
        after: text(&written["after"]),
        manifest: format!("version: 6.0.0\ntype: DeclarativeSource\nstreams:\n  - name: items\n{indented}{rest}"),
        settings: settings
            .iter()
            .map(|(name, value)| (name.clone(), text(value)))
            .collect(),
        answers: answers.iter().map(answer).collect(),
        rows: objects(written.get("rows")),
        ours: written.get("ours").map(|ours| objects(Some(ours))),
        fails: written.get("fails").map(text),
        outcome: match written.get("outcome").map(text).as_deref() {
            None => Outcome::Same,
            Some("differs") => Outcome::Differs,
            Some("left out") => Outcome::LeftOut,
            Some(other) => panic!("{name}: no outcome is called {other}"),
        },
        why: written.get("why").map(text).unwrap_or_default(),
        name,
    }
}

fn answer(written: &Value) -> Answer {
    let method = ["get", "post", "delete"]
        .into_iter()
        .find(|m| written.get(m).is_some())
        .expect("a method");
    let map = |key: &str| written.get(key).and_then(Value::as_object).cloned().unwrap_or_default();
    Answer {
        method: method.to_uppercase(),
        target: text(&written[method]),
        body: written.get("body").cloned(),
        form: written.get("form").map(text),
        with: map("with"),
        status: written.get("status").and_then(Value::as_u64).unwrap_or(200) as u16,
        headers: map("headers"),
        text: match (written.get("json"), written.get("text")) {
            (Some(json), _) => json.to_string(),
            (None, body) => body.map(text).unwrap_or_default(),
        },
    }
}

/// Path and query, the query in an order of its own.
fn target(text: &str) -> (String, Vec<String>) {
    let (path, query) = text.split_once('?').unwrap_or((text, ""));
    let mut pairs: Vec<String> = query.split('&').filter(|p| !p.is_empty()).map(str::to_string).collect();
    pairs.sort();
    (path.to_string(), pairs)
}

impl Answer {
    fn is_to(&self, asked: &Asked) -> bool {
        let body = || serde_json::from_str::<Value>(&asked.body).ok();
        self.method == asked.method
            && target(&self.target) == target(&asked.target())
            && self.body.as_ref().is_none_or(|wanted| body().as_ref() == Some(wanted))
            && self.form.as_ref().is_none_or(|wanted| *wanted == asked.body)
            && self
                .with
                .iter()
                .all(|(name, value)| asked.header(&name.to_lowercase()) == Some(&text(value)))
    }

    fn reply(&self, host: &str) -> Reply {
        let own = |text: String| text.replace(HOST, host);
        let mut reply = Reply::status(self.status, &own(self.text.clone()));
        for (name, value) in &self.headers {
            reply = reply.header(name, own(text(value)));
        }
        reply
    }
}

/// What a case came to: its rows, or why it failed, and what the import told.
struct Came {
    rows: Result<Vec<Map<String, Value>>, String>,
    told: String,
    is_imported: bool,
}

async fn run(case: &Case) -> Came {
    // How often each answer was given, and what nobody answers.
    let given: Arc<Mutex<(BTreeMap<usize, usize>, Vec<String>)>> = Arc::default();
    let (answers, log) = (case.answers.clone(), given.clone());
    let server = Server::start(move |asked, _| {
        let host = format!("http://{}", asked.header("host").unwrap_or_default());
        let mut log = log.lock().expect("nobody panics with it");
        let fitting: Vec<usize> = (0..answers.len()).filter(|at| answers[*at].is_to(asked)).collect();
        let fresh = fitting.iter().find(|at| !log.0.contains_key(*at)).or(fitting.last());
        match fresh {
            Some(at) => {
                *log.0.entry(*at).or_default() += 1;
                answers[*at].reply(&host)
            }
            None => {
                log.1
                    .push(format!("{} {} {}", asked.method, asked.target(), asked.body));
                Reply::status(404, "no answer of the case")
            }
        }
    })
    .await;
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(
        folder.path().join("shop.yaml"),
        case.manifest.replace(HOST, &server.url()),
    )
    .expect("can write");
    let imported = import_airbyte(&ImportRequest {
        file: "shop.yaml".into(),
        into: Some("project".into()),
        folder: folder.path().to_path_buf(),
        name: None,
    });
    let imported = match imported {
        Ok(imported) => imported,
        Err(error) => {
            return Came {
                rows: Ok(Vec::new()),
                told: error.to_text(),
                is_imported: false,
            };
        }
    };
    let told = imported.remarks.iter().map(|r| format!("{}\n", r.what)).collect();
    let mut rows = read(&folder.path().join("project"), &case.settings).await;
    let given = given.lock().expect("nobody panics with it");
    if !given.1.is_empty() {
        rows = Err(format!("nobody answers {:?} ({rows:?})", given.1));
    } else if let Some(at) = (0..case.answers.len()).find(|at| !given.0.contains_key(at)) {
        rows = Err(format!("nobody asked {} ({rows:?})", case.answers[at].target));
    }
    Came {
        rows,
        told,
        is_imported: true,
    }
}

async fn read(project: &Path, settings: &BTreeMap<String, String>) -> Result<Vec<Map<String, Value>>, String> {
    let surroundings = Surroundings {
        variables: settings
            .iter()
            .map(|(name, value)| (format!("SHOP_{name}"), value.clone()))
            .collect(),
        folder: project.to_path_buf(),
        clock: Arc::new(ManualClock::at("2024-03-01T00:00:00Z")),
        memory: None,
    };
    let app = App::open(&surroundings, None)
        .await
        .map_err(|refused| refused.error.to_text())?;
    let rows = rows(&app, &app.ctx).await;
    app.store.close().await;
    rows
}

async fn rows(app: &App, ctx: &Ctx) -> Result<Vec<Map<String, Value>>, String> {
    let shown = preview(app, "shop.items", u64::MAX, &[], ctx)
        .await
        .map_err(|e| e.to_text())?;
    if !shown.met.failures.is_empty() || !shown.met.reasons.is_empty() {
        return Err(format!("{:?} {:?}", shown.met.failures, shown.met.reasons));
    }
    let mut all = Vec::new();
    let mut batches = shown.answer.rows;
    while let Some(batch) = batches.next().await {
        all.extend(objects_of(&batch.map_err(|e| e.to_text())?));
    }
    Ok(all)
}

/// Rows as texts by column, what is null left out.
fn objects_of(batch: &RecordBatch) -> Vec<Map<String, Value>> {
    let schema = batch.schema();
    let options = FormatOptions::default();
    let columns: Vec<_> = batch
        .columns()
        .iter()
        .map(|c| (c, ArrayFormatter::try_new(c, &options).expect("can be shown")))
        .collect();
    let row = |at: usize| {
        let cells = columns.iter().enumerate().filter(|(_, (array, _))| !array.is_null(at));
        cells
            .map(|(i, (_, shown))| (schema.field(i).name().clone(), Value::from(shown.value(at).to_string())))
            .collect()
    };
    (0..batch.num_rows()).map(row).collect()
}

/// Whether rows say the same, whatever their order and the types that values are kept as.
fn same(wanted: &[Map<String, Value>], found: &[Map<String, Value>]) -> bool {
    let plain = |value: &Value| {
        let text = text(value);
        match (text.parse::<f64>(), serde_json::from_str::<Value>(&text)) {
            (Ok(number), _) => number.to_string(),
            (_, Ok(json)) => json.to_string(),
            _ => text,
        }
    };
    let line = |row: &Map<String, Value>| {
        let cells = row.iter().filter(|(_, value)| !value.is_null());
        let mut cells: Vec<String> = cells.map(|(name, value)| format!("{name}={}", plain(value))).collect();
        cells.sort();
        cells.join(" ")
    };
    let sorted = |rows: &[Map<String, Value>]| {
        let mut lines: Vec<String> = rows.iter().map(line).collect();
        lines.sort();
        lines
    };
    sorted(wanted) == sorted(found)
}

/// What is wrong with how a case came out, if anything is.
fn judged(case: &Case, came: &Came) -> Option<String> {
    let at = |what: String| Some(format!("{} (after {}): {what}\n{}", case.name, case.after, came.told));
    // What shows in the answers alone is told when they are read.
    let is_told = came.told.contains(&case.why) || came.rows.as_ref().is_err_and(|why| why.contains(&case.why));
    if case.outcome != Outcome::Same && (case.why.is_empty() || !is_told) {
        return at(format!("`{}` is not told", case.why));
    }
    match (case.outcome, &case.fails, &came.rows) {
        (Outcome::LeftOut, ..) => match came.is_imported {
            true => at("it is imported".into()),
            false => None,
        },
        _ if !came.is_imported => at("it is not imported".into()),
        (_, Some(wanted), Err(why)) if why.contains(wanted) => None,
        (_, Some(wanted), other) => at(format!("it does not fail as `{wanted}`: {other:?}")),
        (_, None, Err(why)) => at(why.clone()),
        (Outcome::Same, None, Ok(found)) => match same(&case.rows, found) {
            true => None,
            false => at(format!("wanted {:?}, found {found:?}", case.rows)),
        },
        (Outcome::Differs, None, Ok(found)) => {
            let ours = case.ours.as_ref().unwrap_or(&case.rows);
            match (same(ours, found), case.ours.is_some() && same(&case.rows, found)) {
                (true, false) => None,
                (true, true) => at("it does not differ".into()),
                (false, _) => at(format!("ours are said to be {ours:?}, found {found:?}")),
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_cases_of_the_low_code_tests_come_out_as_they_are_said_to() {
    let cases = cases();
    let mut wrong = Vec::new();
    for case in &cases {
        wrong.extend(judged(case, &run(case).await));
    }
    let same = cases.iter().filter(|case| case.outcome == Outcome::Same).count();
    println!("{} of {} cases come out the same", same, cases.len());
    for case in cases.iter().filter(|case| case.outcome != Outcome::Same) {
        println!("  {:?}: {}: {}", case.outcome, case.name, case.why);
    }
    assert!(wrong.is_empty(), "{} differ:\n\n{}", wrong.len(), wrong.join("\n\n"));
}

#[test]
fn the_page_of_what_is_imported_tells_the_cases() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/airbyte.md");
    let page = std::fs::read_to_string(path).expect("the page is there");
    let cases = cases();
    let mut names: Vec<&str> = cases.iter().map(|case| case.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), cases.len(), "two cases have one name");
    assert!(cases.len() >= 40);
    let count = |outcome: Outcome| cases.iter().filter(|case| case.outcome == outcome).count();
    let line = format!(
        "| {} | {} | {} | {} |",
        cases.len(),
        count(Outcome::Same),
        count(Outcome::Differs),
        count(Outcome::LeftOut)
    );
    assert!(page.contains(&line), "the page lacks the line\n{line}");
    let mut lacking = Vec::new();
    for case in cases.iter().filter(|case| case.outcome != Outcome::Same) {
        let (test, part) = case.after.split_once("::").unwrap_or((case.after.as_str(), ""));
        let of = if case.outcome == Outcome::Differs {
            "differs"
        } else {
            "left out"
        };
        let line = format!("| `{test}` `{part}` | {of} | {} |", case.why);
        if !page.contains(&line) {
            lacking.push(line);
        }
    }
    assert!(lacking.is_empty(), "the page lacks\n{}", lacking.join("\n"));
}
