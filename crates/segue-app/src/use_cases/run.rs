//! Doing what is missing or stale.

use crate::app::App;
use crate::asked::{judge, words};
use crate::families::without_gone;
use crate::use_cases::plan::needs_no_agreement;
use crate::use_cases::words::instants;
use segue_core::{AssetName, Ctx, Error, Kind, Result, RunId, Span};
use segue_diag::RESUMED_OTHERWISE;
use segue_spec::hash::data_hash;
use segue_work::deps::Deps;
use segue_work::plan::{Refusal, made_first, meet};
use segue_work::report::{Progress, RunReport, Silent};
use segue_work::run::{Kept, Request, run as drive};
use segue_work::step::{Wanted, known, stretch};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
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

/// A part that a backfill would compute, or an asset of which that cannot be told yet, or that it would be refused for.
#[derive(Clone, Debug, Serialize)]
pub struct BackfillPart {
    /// Whose.
    pub name: AssetName,
    /// The stretch; `None` where the asset has no ranges, or where they cannot be told yet.
    #[serde(serialize_with = "instants")]
    pub range: Option<Span>,
    /// Why: missing, or stale and for what reason; after which inputs; or why nothing of the asset would be computed.
    pub why: String,
    /// The inputs that have no table yet and are given one first: what there is to compute is known after that.
    pub after: Vec<AssetName>,
    /// Why a run would refuse the asset: then this is no part of it.
    pub refused: Option<Refusal>,
}

/// Runs the chosen assets.
///
/// # Errors
/// `Invalid` for words that mean nothing; only what keeps the run from being remembered: how steps ended is in the report.
pub async fn run(app: &App, request: &RunRequest, progress: Arc<dyn Progress>, ctx: &Ctx) -> Result<RunReport> {
    let looked = app.looked(&request.selector, ctx).await?;
    let app = &looked.app;
    judge(app, request)?;
    needs_no_agreement(app, request, ctx).await?;
    let mut wanted = translated(app, request)?;
    without_gone(&mut wanted.assets, &looked.gone, request);
    let report = drive(&app.deps(progress)?, &wanted, ctx).await?;
    Ok(RunReport {
        families: looked.families,
        ..report
    })
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
    judge(app, request)?;
    let (chosen, request) = (app.selected(&request.selector)?, translated(app, request)?);
    let deps = app.deps(Arc::new(Silent))?;
    let mut parts: Vec<BackfillPart> = Vec::new();
    for asset in chosen {
        let name = segue_work::asset_name(&asset.name);
        let row = known::row(&deps, asset).await?;
        let met = meet(&deps, asset, row.as_ref(), &request.wanted, ctx).await?;
        let made = parts.iter().filter(|p| p.refused.is_none()).map(|p| p.name.clone());
        let made: Vec<AssetName> = made.collect();
        let after = match (&met.seen, &met.refused) {
            (Err(error), None) => made_first(&deps, asset, error, &made, ctx).await?,
            _ => None,
        };
        if let Some(after) = after {
            let names: Vec<String> = after.iter().map(ToString::to_string).collect();
            parts.push(BackfillPart {
                name,
                range: None,
                why: format!("after {}", names.join(", ")),
                after,
                refused: None,
            });
            continue;
        }
        let seen = match (met.seen, met.refused) {
            (_, Some(error)) | (Err(error), None) => {
                let error = app.without_secrets(error);
                parts.push(BackfillPart {
                    name,
                    range: None,
                    why: error.to_string(),
                    after: Vec::new(),
                    refused: Some(Refusal::of(&error)),
                });
                continue;
            }
            (Ok(seen), None) => seen,
        };
        for at in seen.to_do() {
            parts.push(BackfillPart {
                name: name.clone(),
                range: seen.parts[at].range,
                why: seen.states[at].reason(),
                after: Vec::new(),
                refused: None,
            });
        }
    }
    Ok(parts)
}

/// Goes on with a run that did not end, or whose steps did not all end: with what it was asked to do, and the definitions that it began
/// with. A step whose data would be another by today's definition is refused.
///
/// # Errors
/// `NotFound` when there is no such run, or none to go on with; `Conflict` when it is under way, or an asset of it left the project.
pub async fn resume(
    app: &App,
    run: Option<&str>,
    wait: Duration,
    progress: Arc<dyn Progress>,
    ctx: &Ctx,
) -> Result<RunReport> {
    let id: RunId = match run {
        Some(text) => text.parse()?,
        None => waiting(app).await?,
    };
    let before =
        app.store.run(id).await?.ok_or_else(|| {
            Error::new(Kind::NotFound, format!("there is no run {id}")).hint("`segue runs` shows them")
        })?;
    if before.outcome.is_none() {
        return Err(Error::new(Kind::Conflict, format!("run {id} is under way")).with("process", before.pid));
    }
    if ["replay", "discard"].contains(&before.kind.as_str()) {
        return Err(Error::new(
            Kind::Unsupported,
            format!("run {id} took rows in hand that were set aside, and is not resumed"),
        )
        .hint("ask for it again: what it did is not done twice"));
    }
    let kept = kept(app, id).await?.ok_or_else(|| {
        Error::new(
            Kind::Unsupported,
            format!("run {id} was begun by another version of Segue"),
        )
    })?;
    let looked = app.looked(&[], ctx).await?;
    let app = &looked.app;
    let mut project = (*app.project).clone();
    project.timezone = kept.timezone;
    let mut resumed = BTreeMap::new();
    for (name, asset) in &kept.assets {
        let Some(today) = project.assets.get_mut(&asset.name) else {
            return Err(
                Error::new(Kind::Conflict, format!("{name} is no longer in the project"))
                    .code(RESUMED_OTHERWISE)
                    .hint("start a new run: segue run"),
            );
        };
        let hash = data_hash(asset);
        // Another data hash is the step's to refuse: the others go on.
        if data_hash(today) == hash {
            *today = asset.clone();
        }
        resumed.insert(name.clone(), hash);
    }
    let request = Request {
        kind: "resume".into(),
        selector: before.selector.clone(),
        assets: kept.assets.into_keys().collect(),
        wanted: Wanted {
            again: kept.again,
            rebuild: kept.rebuild,
            stretch: kept.stretch,
            params: before.params.as_object().cloned().unwrap_or_default(),
            since: kept.since.or(Some(before.started_at)),
        },
        resumed,
        wait,
        ..Request::default()
    };
    let deps = Deps {
        project: Arc::new(project),
        ..app.deps(progress)?
    };
    drive(&deps, &request, ctx).await
}

/// The newest run that ended otherwise than done, and of which some asset was brought to its end by no later run.
async fn waiting(app: &App) -> Result<RunId> {
    let mut done = BTreeSet::new();
    for run in app.store.runs(100).await? {
        let (Some(outcome), Some(kept)) = (&run.outcome, kept(app, run.id).await?) else {
            continue;
        };
        if outcome == "done" {
            done.extend(kept.assets.into_keys());
        } else if kept.assets.keys().any(|name| !done.contains(name)) {
            return Ok(run.id);
        }
    }
    Err(Error::new(Kind::NotFound, "no run waits to be resumed").hint("`segue runs` shows what ran"))
}

async fn kept(app: &App, run: RunId) -> Result<Option<Kept>> {
    Ok(app.store.plan_of_run(run).await?.as_ref().and_then(Kept::from_json))
}

pub(crate) fn translated(app: &App, request: &RunRequest) -> Result<Request> {
    let assets = app
        .selected(&request.selector)?
        .into_iter()
        .map(|a| segue_work::asset_name(&a.name))
        .collect();
    let given = words(&request.params)?;
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
            params: given.into_iter().map(|(name, word)| (name, word.into())).collect(),
            since: None,
        },
        wait: request.wait,
        ..Request::default()
    })
}
