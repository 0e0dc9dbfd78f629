//! A project in memory, and everything around it.

use super::engine::SqliteEngine;
use crate::deps::{Deps, Keeper, Opened, Places, Sources};
use crate::report::{Ended, Silent, StepReport};
use crate::step::{How, Wanted, known, step};
use arrow_array::RecordBatch;
use async_trait::async_trait;
use jiff::Timestamp;
use parking_lot::Mutex;
use segue_core::commit::Role;
use segue_core::sink::Target;
use segue_core::source::Source;
use segue_core::{Clock, Ctx, Result, RunId};
use segue_spec::model::Copy;
use segue_spec::schema::ConnectorSchema;
use segue_spec::{Files, Project};
use segue_store::{AssetRow, Store};
use segue_testkit::sink::MemSink;
use segue_testkit::source::MemSource;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

/// A clock that a test moves. What sleeps goes on when it has been moved far enough.
#[derive(Debug)]
pub struct TestClock(tokio::sync::watch::Sender<(Timestamp, Duration)>);

#[async_trait]
impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        self.0.borrow().0
    }

    fn elapsed(&self) -> Duration {
        self.0.borrow().1
    }

    async fn sleep(&self, duration: Duration) {
        let until = self.elapsed().saturating_add(duration);
        let mut moved = self.0.subscribe();
        let _moved = moved.wait_for(|(_, elapsed)| *elapsed >= until).await;
    }
}

struct OneSource(Mutex<Arc<MemSource>>);

impl Sources for OneSource {
    fn open(&self, copy: &Copy) -> Result<Opened> {
        let source: Arc<dyn Source> = self.0.lock().clone();
        Ok(Opened {
            source,
            settings: copy.settings.clone(),
        })
    }
}

struct MemKeeper {
    lake: MemSink,
    tidied: Arc<Mutex<Vec<String>>>,
}

#[async_trait]
impl Keeper for MemKeeper {
    async fn amend(&self, companion: &Target, plan: &Value, _ctx: &Ctx) -> Result<()> {
        self.lake.amend(&companion.place, plan)
    }

    async fn tidy(&self, asset: &AssetRow, _ctx: &Ctx) -> Result<()> {
        self.tidied.lock().push(asset.name.to_string());
        Err(segue_core::Error::new(segue_core::Kind::Unavailable, "no disk is left"))
    }
}

/// A project and its surroundings.
pub struct World {
    /// What steps work with.
    pub deps: Deps,
    /// The lake.
    pub lake: MemSink,
    /// The assets whose tables were tidied, in order.
    pub tidied: Arc<Mutex<Vec<String>>>,
    clock: Arc<TestClock>,
    _folder: TempDir,
}

impl World {
    /// A project of these files (path and text) that reads from this source.
    pub async fn new(files: &[(&str, &str)], source: &Arc<MemSource>) -> World {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(TestClock(tokio::sync::watch::Sender::new((
            "2024-01-10T00:00:00Z".parse().unwrap(),
            Duration::ZERO,
        ))));
        let state = folder.path().join("state.db");
        let lake = MemSink::new(true);
        let tidied: Arc<Mutex<Vec<String>>> = Arc::default();
        let deps = Deps {
            elsewhere: Arc::new(crate::deps::Nowhere),
            project: Arc::new(project(files)),
            store: Store::open(state.to_str().unwrap(), clock.clone()).await.unwrap(),
            places: Places {
                lake: Arc::new(lake.clone()),
                sinks: Default::default(),
            },
            keeper: Arc::new(MemKeeper {
                lake: lake.clone(),
                tidied: tidied.clone(),
            }),
            sources: Arc::new(OneSource(Mutex::new(source.clone()))),
            engine: Arc::new(SqliteEngine),
            shelf: folder.path().join("staged"),
            progress: Arc::new(Silent),
            holder: "a test".into(),
        };
        World {
            deps,
            lake,
            tidied,
            clock,
            _folder: folder,
        }
    }

    /// The project's files change.
    pub fn change(&mut self, files: &[(&str, &str)]) {
        self.deps.project = Arc::new(project(files));
    }

    /// The state is lost; the lake is not.
    pub async fn forget(&mut self) {
        let state = self._folder.path().join("another.db");
        self.deps.store = Store::open(state.to_str().unwrap(), self.clock.clone()).await.unwrap();
    }

    /// Time passes.
    pub fn pass(&self, time: Duration) {
        self.clock.0.send_modify(|(now, elapsed)| {
            *now += time;
            *elapsed += time;
        });
    }

    /// A new run's context.
    pub fn ctx(&self) -> Ctx {
        Ctx::new("dev", self.clock.clone()).step(RunId::random(), "test")
    }

    /// Runs one step as asked, and tells in one text how it ended.
    pub async fn run(&self, name: &str) -> String {
        self.run_as(name, Wanted::default()).await
    }

    /// Runs one step.
    pub async fn run_as(&self, name: &str, wanted: Wanted) -> String {
        told(
            &self
                .step(
                    name,
                    How {
                        wanted,
                        attempt: 1,
                        ..How::default()
                    },
                )
                .await,
        )
    }

    /// Runs one step as it is.
    pub async fn step(&self, name: &str, how: How) -> StepReport {
        self.pass(Duration::from_secs(1));
        let asset = self.deps.asset(&name.parse().unwrap()).unwrap();
        step(&self.deps, asset, &how, &self.ctx()).await
    }

    /// What the state knows of an asset.
    pub async fn row(&self, name: &str) -> AssetRow {
        self.deps.store.asset(&name.parse().unwrap()).await.unwrap().unwrap()
    }

    /// The state loses the columns that were found out.
    pub async fn forget_columns(&self, name: &str) {
        let row = self.row(name).await;
        let state = self._folder.path().join("state.db");
        let db = rusqlite::Connection::open(state).unwrap();
        let changed = db.execute(
            "update assets set frozen_columns = null where id = $1",
            [row.id.to_string()],
        );
        assert_eq!(changed.unwrap(), 1);
    }

    /// The rows of an asset's table, one a line, sorted; `-` where there is none.
    pub async fn table(&self, name: &str) -> String {
        let row = self.row(name).await;
        self.lake.rows(&known::own(&row).place).map_or("-".into(), |b| rows(&b))
    }

    /// The reasons and rows of an asset's quarantine, sorted.
    pub async fn aside(&self, name: &str) -> String {
        let row = self.row(name).await;
        let Some(batch) = self.lake.rows(&known::companion(&row, Role::Quarantine).place) else {
            return "-".into();
        };
        let mut lines: Vec<String> = (0..batch.num_rows())
            .map(|at| {
                let row = crate::json::row(&batch, at);
                format!(
                    "{} | {} | {}",
                    row["part"].as_str().unwrap(),
                    row["reason"].as_str().unwrap(),
                    row["row"].as_str().unwrap()
                )
            })
            .collect();
        lines.sort();
        lines.join("\n")
    }

    /// The ledger, one entry a line.
    pub async fn ledger(&self, name: &str) -> String {
        let row = self.row(name).await;
        let entries = self.deps.store.ledger(row.id).await.unwrap();
        let line = |e: &segue_core::Entry| {
            let range = e.range.map_or(String::new(), |r| {
                let at = |us| Timestamp::from_microsecond(us).unwrap().strftime("%m-%d").to_string();
                format!("{} to {} ", at(r.from), at(r.to))
            });
            let kept = if e.kept { " kept" } else { "" };
            format!("{range}{} {:?} n={}{kept}", e.labels, e.outcome, e.n)
                .trim()
                .to_string()
        };
        entries.iter().map(line).collect::<Vec<_>>().join("\n")
    }

    /// How many commits an asset's table has.
    pub async fn commits(&self, name: &str) -> usize {
        let row = self.row(name).await;
        self.lake.log(&known::own(&row).place).len()
    }
}

/// Rows as text, one a line, sorted.
fn rows(batch: &RecordBatch) -> String {
    let mut lines: Vec<String> = (0..batch.num_rows())
        .map(|at| {
            crate::json::row(batch, at)
                .values()
                .map(|v| v.to_string().replace('"', ""))
                .collect::<Vec<_>>()
                .join(" ")
        })
        .collect();
    lines.sort();
    lines.join("\n")
}

/// How a step ended, in one text.
fn told(report: &StepReport) -> String {
    let f = &report.figures;
    let mut text = match &report.ended {
        Ended::Failed(error) => {
            let code = error.error_code().map(|c| format!("[{c}]")).unwrap_or_default();
            format!("failed{code}: {error}")
        }
        Ended::Skipped { because } => format!("skipped: {because}"),
        other => other.word().to_string(),
    };
    let counts = [
        ("in", f.rows_in.unwrap_or(0)),
        ("written", f.rows_written),
        ("changed", f.rows_changed),
        ("aside", f.rows_quarantined),
        ("doubled", f.rows_doubled),
        ("commits", f.commits),
        ("slices done", f.slices.done),
        ("parked", f.slices.parked),
        ("failed", f.slices.failed),
        ("closed", f.slices.closed),
        ("gone", f.slices.gone),
    ];
    for (what, count) in counts.iter().filter(|(_, n)| *n > 0) {
        text.push_str(&format!(", {what} {count}"));
    }
    for note in &report.notes {
        text.push_str(&format!("\n  {note}"));
    }
    text
}

/// The project of these files, which must have no mistake.
pub fn project(files: &[(&str, &str)]) -> Project {
    let any =
        json!({ "type": "object", "additionalProperties": false, "properties": { "request": {}, "records": {} } });
    let schema = ConnectorSchema {
        kind: "rest",
        connection: json!({ "type": "object", "properties": {} }),
        copy: any,
        into: None,
    };
    let base = [
        ("segue.yaml", "format: 1\nproject: test\n"),
        ("connections/api.yaml", "connection: api\nkind: rest\n"),
    ];
    let files: Files = base
        .iter()
        .chain(files)
        .map(|(path, text)| (path.to_string(), text.to_string()))
        .collect();
    let (project, mistakes) = segue_spec::check(&files, &[schema]);
    let errors: Vec<String> = mistakes
        .iter()
        .map(|m| format!("{:?}: {} {:?}", m.span.as_ref().map(|s| &s.file), m.message, m.hint))
        .collect();
    assert!(errors.is_empty(), "the test's project is wrong:\n{}", errors.join("\n"));
    project.unwrap()
}
