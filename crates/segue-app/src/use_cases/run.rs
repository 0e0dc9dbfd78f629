//! Doing what is missing or stale.

use crate::app::App;
use crate::use_cases::plan::needs_no_agreement;
use crate::use_cases::sql::params;
use segue_core::{AssetName, Ctx, Error, Kind, Result, RunId, Span};
use segue_work::ledger::State;
use segue_work::report::{Progress, RunReport, Silent};
use segue_work::run::{Request, run as drive};
use segue_work::step::{Wanted, known, stretch, survey};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// What a person asks a run to do.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct RunRequest {
    /// What starts it: `run`, `backfill`, `apply`, `demo`.
    pub kind: String,
    /// Words that choose assets; all if there are none.
    pub selector: Vec<String>,
    /// `NAME=VALUE` words.
    pub params: Vec<String>,
    /// Read although what is there is fresh.
    pub again: bool,
    /// Build the tables anew and swap them.
    pub rebuild: bool,
    /// Only ranges from here on.
    pub from: Option<String>,
    /// Only ranges before here.
    pub to: Option<String>,
    /// How long to wait for an asset that another run works on.
    pub wait: Duration,
}

/// A part that a backfill would compute.
#[derive(Clone, Debug, Serialize)]
pub struct BackfillPart {
    /// Whose.
    pub name: AssetName,
    /// The stretch; `None` where the asset has no ranges.
    pub range: Option<Span>,
    /// Why: missing, or stale and for what reason.
    pub why: String,
}

/// Runs the chosen assets.
///
/// # Errors
/// `Invalid` for words that mean nothing; only what keeps the run from being remembered: how steps ended is in the report.
pub async fn run(app: &App, request: &RunRequest, progress: Arc<dyn Progress>, ctx: &Ctx) -> Result<RunReport> {
    needs_no_agreement(app, request, ctx).await?;
    drive(&app.deps(progress)?, &translated(app, request)?, ctx).await
}

/// Runs these assets, which somebody agreed to.
pub(crate) async fn run_assets(
    app: &App,
    request: &RunRequest,
    assets: Vec<AssetName>,
    progress: Arc<dyn Progress>,
    ctx: &Ctx,
) -> Result<RunReport> {
    let request = Request {
        assets,
        ..translated(app, request)?
    };
    drive(&app.deps(progress)?, &request, ctx).await
}

/// What a backfill of this span would compute.
///
/// # Errors
/// As [`run`].
pub async fn backfill_dry_run(app: &App, request: &RunRequest, ctx: &Ctx) -> Result<Vec<BackfillPart>> {
    let (chosen, request) = (app.selected(&request.selector)?, translated(app, request)?);
    let deps = app.deps(Arc::new(Silent))?;
    let mut parts = Vec::new();
    for asset in chosen {
        let row = known::row(&deps, asset).await?;
        let seen = survey(&deps, asset, row.as_ref(), &request.wanted, ctx).await?;
        for (part, state) in seen.parts.iter().zip(&seen.states).filter(|(_, s)| s.is_due()) {
            let why = match state {
                State::Stale(why) => why.to_string(),
                _ => "missing".to_string(),
            };
            parts.push(BackfillPart {
                name: segue_work::asset_name(&asset.name),
                range: part.range,
                why,
            });
        }
    }
    Ok(parts)
}

/// Goes on with a run that did not end, or whose steps did not all end: with what it was asked to do, and the definitions that it began
/// with. A step whose definition is another now is refused.
///
/// # Errors
/// `NotFound` when there is no such run, or none to go on with.
pub async fn resume(app: &App, run: Option<&str>, progress: Arc<dyn Progress>, ctx: &Ctx) -> Result<RunReport> {
    let id: RunId = match run {
        Some(text) => text.parse()?,
        None => {
            let unfinished = |r: &&segue_store::Run| !matches!(r.outcome.as_deref(), Some("done"));
            let runs = app.store.runs(100).await?;
            let last = runs.iter().find(unfinished).map(|r| r.id);
            last.ok_or_else(|| {
                Error::new(Kind::NotFound, "no run waits to be resumed").hint("`segue runs` shows what ran")
            })?
        }
    };
    let before = app
        .store
        .run(id)
        .await?
        .ok_or_else(|| Error::new(Kind::NotFound, format!("there is no run {id}")))?;
    let plan = app.store.plan_of_run(id).await?.unwrap_or_default();
    let hashes: BTreeMap<AssetName, String> = serde_json::from_value(plan["assets"].clone()).unwrap_or_default();
    let span = plan["from"]
        .as_i64()
        .zip(plan["to"].as_i64())
        .map(|(from, to)| Span::new(from, to));
    let request = Request {
        kind: "resume".into(),
        selector: before.selector.clone(),
        assets: hashes.keys().cloned().collect(),
        wanted: Wanted {
            again: plan["again"].as_bool().unwrap_or(false),
            rebuild: plan["rebuild"].as_bool().unwrap_or(false),
            stretch: span,
            params: before.params.as_object().cloned().unwrap_or_default(),
            since: Some(before.started_at),
        },
        resumed: hashes,
        ..Request::default()
    };
    drive(&app.deps(progress)?, &request, ctx).await
}

pub(crate) fn translated(app: &App, request: &RunRequest) -> Result<Request> {
    let assets = app
        .selected(&request.selector)?
        .into_iter()
        .map(|a| segue_work::asset_name(&a.name))
        .collect();
    let given: serde_json::Map<String, Value> = params(&request.params)?.into_iter().collect();
    let span = stretch(
        request.from.as_deref(),
        request.to.as_deref(),
        &app.project.timezone,
        app.ctx.clock.now(),
    )?;
    Ok(Request {
        kind: request.kind.clone(),
        selector: request.selector.join(" "),
        assets,
        wanted: Wanted {
            again: request.again,
            rebuild: request.rebuild,
            stretch: span,
            params: given,
            since: None,
        },
        wait: request.wait,
        ..Request::default()
    })
}
