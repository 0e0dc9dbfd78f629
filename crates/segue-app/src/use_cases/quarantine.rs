//! Rows that were set aside: looked at, read again into their tables, or discarded.

use crate::app::App;
use crate::use_cases::sql::{Question, sql};
use segue_core::commit::Handling;
use segue_core::commit::Role;
use segue_core::engine::{Answer, Engine, Query, TableKey};
use segue_core::{Ctx, Error, Kind, Result};
use segue_work::deps::Deps;
use segue_work::report::{HandledRows, Progress, RunReport, Silent};
use segue_work::run::{Request, run as drive};
use segue_work::step::handle::{Chosen, Handle, foretold, meant};
use segue_work::step::known;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// How many rows of which asset are set aside, and for which reasons, as an answer with the columns `asset`, `reason` and `rows`.
///
/// # Errors
/// Those of the lake.
pub async fn quarantine_list(app: &App, ctx: &Ctx) -> Result<Option<Answer>> {
    let mut tables = BTreeMap::new();
    for row in app.store.assets().await?.into_iter().filter(|r| !r.dropped) {
        if let Some(rows) = app.newest(&row, &known::companion(&row, Role::Quarantine)).await? {
            tables.insert(TableKey::new("quarantine", row.name.to_string()), rows);
        }
    }
    if tables.is_empty() {
        return Ok(None);
    }
    let parts: Vec<String> = tables
        .keys()
        .map(|key| format!("select '{}' as asset, reason from {key}", key.table))
        .collect();
    let sql = format!(
        "select asset, reason, count(*) as rows from ({}) group by 1, 2 order by 1, 3 desc, 2",
        parts.join(" union all ")
    );
    let query = Query {
        sql,
        params: BTreeMap::new(),
        tables,
        timezone: app.project.timezone.clone(),
    };
    app.engine.run(&query, ctx).await.map(Some)
}

/// The rows of one asset that are set aside.
///
/// # Errors
/// `NotFound` for an asset that never ran, or has nothing set aside.
pub async fn quarantine_show(app: &App, asset: &str, limit: u64, ctx: &Ctx) -> Result<Answer> {
    let row = app.row(asset).await?;
    let table = TableKey::new("quarantine", row.name.to_string());
    if app
        .newest(&row, &known::companion(&row, Role::Quarantine))
        .await?
        .is_none()
    {
        return Err(Error::new(
            Kind::NotFound,
            format!("nothing of {asset} was ever set aside"),
        ));
    }
    let question = Question {
        // What it is read again with is for programs.
        sql: format!(
            "select part, slice, range_from, range_to, reason, path, \"check\", \"row\", \"at\", run, \"number\" from {table} limit {limit}"
        ),
        ..Question::default()
    };
    sql(app, &question, ctx).await
}

/// What somebody asks of the rows of one asset that were set aside.
#[derive(Clone, Debug, Default)]
pub struct AsideRequest {
    /// The asset.
    pub asset: String,
    /// Only rows whose reason holds this text.
    pub reason: Option<String>,
    /// Only rows that meet this condition, in SQL over the quarantine's columns.
    pub condition: Option<String>,
    /// Why, for the record.
    pub why: Option<String>,
    /// How long to wait for an asset that a run works on.
    pub wait: Duration,
}

impl AsideRequest {
    fn chosen(&self) -> Chosen {
        Chosen {
            reason: self.reason.clone(),
            condition: self.condition.clone(),
        }
    }

    /// As a person would write it, for the list of what ran.
    fn written(&self) -> String {
        let mut words = self.asset.clone();
        for (name, value) in [
            ("--reason", &self.reason),
            ("--where", &self.condition),
            ("--why", &self.why),
        ] {
            if let Some(value) = value {
                words.push_str(&format!(" {name} {value:?}"));
            }
        }
        words
    }
}

/// What a replay of these rows would do. Nothing is written.
///
/// # Errors
/// `NotFound` for an asset that the project does not have, or of which nothing was ever set aside; `Conflict` where its definition makes
/// another table now; `Invalid` for a condition that cannot be asked.
pub async fn quarantine_foretold(app: &App, request: &AsideRequest, ctx: &Ctx) -> Result<HandledRows> {
    let deps = app.deps(Arc::new(Silent))?;
    foretold(
        &deps,
        deps.asset(&in_project(app, request).await?)?,
        &request.chosen(),
        ctx,
    )
    .await
}

/// How many rows are meant.
///
/// # Errors
/// As [`quarantine_foretold`].
pub async fn quarantine_meant(app: &App, request: &AsideRequest, ctx: &Ctx) -> Result<u64> {
    let deps = app.deps(Arc::new(Silent))?;
    meant(
        &deps,
        deps.asset(&in_project(app, request).await?)?,
        &request.chosen(),
        ctx,
    )
    .await
}

/// Reads these rows again by what the asset's definition says today, and writes those that fit where they belong: a step of the asset, with
/// a commit of its own.
///
/// # Errors
/// `NotFound` for an asset that the project does not have; how the step ended is in the report.
pub async fn quarantine_replay(
    app: &App,
    request: &AsideRequest,
    progress: Arc<dyn Progress>,
    ctx: &Ctx,
) -> Result<RunReport> {
    handled(app, Handling::Replayed, request, progress, ctx).await
}

/// Takes these rows out of the quarantine for good. Who did it, when and why is in the commit's record and among the runs.
///
/// # Errors
/// As [`quarantine_replay`].
pub async fn quarantine_discard(
    app: &App,
    request: &AsideRequest,
    progress: Arc<dyn Progress>,
    ctx: &Ctx,
) -> Result<RunReport> {
    handled(app, Handling::Discarded, request, progress, ctx).await
}

async fn handled(
    app: &App,
    how: Handling,
    request: &AsideRequest,
    progress: Arc<dyn Progress>,
    ctx: &Ctx,
) -> Result<RunReport> {
    let deps: Deps = app.deps(progress)?;
    let name = in_project(app, request).await?;
    let kind = match how {
        Handling::Replayed => "replay",
        Handling::Discarded => "discard",
    };
    let run = Request {
        kind: kind.into(),
        selector: request.written(),
        assets: vec![name],
        wait: request.wait,
        handle: Some(Handle {
            how,
            chosen: request.chosen(),
            why: request.why.clone(),
        }),
        ..Request::default()
    };
    drive(&deps, &run, ctx).await
}

/// The asset's name, where the project has it.
async fn in_project(app: &App, request: &AsideRequest) -> Result<segue_core::AssetName> {
    if !app.is_in_project(&request.asset) {
        // One that nobody knows gets a suggestion.
        app.known(&request.asset).await?;
        return Err(Error::new(
            Kind::NotFound,
            format!(
                "{} is no longer in the project: nothing says what its rows are to be",
                request.asset
            ),
        )
        .hint(format!(
            "what was set aside goes with its table: segue asset drop {}",
            request.asset
        )));
    }
    request.asset.parse()
}
