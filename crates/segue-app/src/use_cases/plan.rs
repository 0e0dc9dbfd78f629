//! What a run would do, as a value that can be shown, saved, agreed to and carried out.

use crate::app::App;
use crate::asked::judge;
use crate::families::without_gone;
use crate::use_cases::run::{RunRequest, run_assets, translated};
use segue_core::{AssetName, Ctx, Error, Kind, Result};
use segue_diag::{NEEDS_APPLY, PLAN_MOVED};
use segue_spec::model::{Apply, How};
use segue_work::asset_name;
use segue_work::plan::{Plan, Refusal, make};
use segue_work::report::{Ended, FamilyReport, Progress, RunReport, Silent};
use segue_work::step::known;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

/// What a run would do with the chosen assets, where, and what was asked for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PlanReport {
    /// The environment that it is for.
    pub environment: String,
    /// What was asked for.
    pub request: RunRequest,
    /// What would be done.
    #[serde(flatten)]
    pub plan: Plan,
    /// What was found of the files that stand for many assets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub families: Vec<PlannedFamily>,
}

/// What a run would find of a file that stands for many assets.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PlannedFamily {
    /// Its name: `raw.*`.
    pub name: String,
    /// The assets that were not there before.
    pub new: Vec<AssetName>,
    /// Tables that are gone, or that wait for a decision.
    pub notes: Vec<String>,
    /// Why a run would end otherwise than done, whatever becomes of its assets.
    pub refused: Option<Refusal>,
}

impl PlannedFamily {
    fn of(found: FamilyReport) -> PlannedFamily {
        PlannedFamily {
            name: found.name,
            new: found.new,
            notes: found.notes,
            refused: match &found.ended {
                Ended::Failed(error) => Some(Refusal::of(error)),
                _ => None,
            },
        }
    }
}

/// What a run of these assets would do now.
///
/// # Errors
/// `Invalid` for words that mean nothing or can have no effect, those of the state. What is wrong with one asset is in its plan.
pub async fn plan(app: &App, request: &RunRequest, ctx: &Ctx) -> Result<PlanReport> {
    let looked = app.looked(&request.selector, ctx).await?;
    let app = &looked.app;
    judge(app, request)?;
    let deps = app.deps(Arc::new(Silent))?;
    let mut chosen = app.selected(&request.selector)?;
    let mut names: Vec<AssetName> = chosen.iter().map(|a| asset_name(&a.name)).collect();
    without_gone(&mut names, &looked.gone, request);
    chosen.retain(|asset| names.contains(&asset_name(&asset.name)));
    let wanted = translated(app, request)?.wanted;
    Ok(PlanReport {
        environment: app.environment.name.clone(),
        request: request.clone(),
        plan: make(&deps, &chosen, &wanted, ctx).await?,
        families: looked.families.into_iter().map(PlannedFamily::of).collect(),
    })
}

/// Carries a plan out, if what it was made of has not moved since: definitions, schemas and ledgers, not input data. An asset that another
/// run works on is waited for so long.
///
/// # Errors
/// `Conflict` naming what moved.
pub async fn apply(
    app: &App,
    plan: &PlanReport,
    wait: Duration,
    progress: Arc<dyn Progress>,
    ctx: &Ctx,
) -> Result<RunReport> {
    if plan.environment != app.environment.name {
        return Err(moved(format!("it was made for the environment `{}`", plan.environment)));
    }
    let now = self::plan(app, &plan.request, ctx).await?;
    if let Some(what) = plan.plan.moved_since(&now.plan) {
        return Err(moved(what));
    }
    let names = plan.plan.assets.iter().map(|a| a.name.clone()).collect();
    let request = RunRequest {
        kind: "apply".into(),
        wait,
        ..plan.request.clone()
    };
    let looked = app.looked(&request.selector, ctx).await?;
    let report = run_assets(&looked.app, &request, names, progress, ctx).await?;
    Ok(RunReport {
        families: looked.families,
        ..report
    })
}

/// Takes the present address of a connection as the same source as before, for every asset that reads it.
///
/// # Errors
/// `NotFound` for a connection that the project does not have; those of resolving it.
pub async fn accept_source(app: &App, connection: &str, _ctx: &Ctx) -> Result<Vec<AssetName>> {
    let identity = app.sources().source(connection)?.identity();
    let deps = app.deps(Arc::new(Silent))?;
    let (mut ids, mut names) = (Vec::new(), Vec::new());
    for asset in app.project.assets.values() {
        let reads = matches!(&asset.how, How::Copy(copy) if matches!(&copy.from, segue_spec::model::From::Connection(c) if c == connection));
        if let Some(row) = if reads { known::row(&deps, asset).await? } else { None } {
            ids.push(row.id);
            names.push(row.name);
        }
    }
    app.store.accept_source(&ids, &identity).await?;
    Ok(names)
}

/// Refuses to run what this environment wants agreed to first.
///
/// # Errors
/// `Denied`, naming the assets and their changes.
pub async fn needs_no_agreement(app: &App, request: &RunRequest, ctx: &Ctx) -> Result<()> {
    if app.environment.apply == Apply::Auto {
        return Ok(());
    }
    let plan = plan(app, request, ctx).await?;
    let waiting = plan.plan.needs_agreement(app.environment.apply);
    if waiting.is_empty() {
        return Ok(());
    }
    let waiting: Vec<String> = waiting.into_iter().map(ToString::to_string).collect();
    Err(Error::new(
        Kind::Denied,
        format!(
            "the environment `{}` wants these changes agreed to: {}",
            app.environment.name,
            waiting.join(", ")
        ),
    )
    .code(NEEDS_APPLY)
    .hint(format!(
        "look at them with `segue plan{} --save plan.json`, then `segue apply plan.json`",
        if request.rebuild { " --rebuild" } else { "" }
    )))
}

fn moved(what: String) -> Error {
    Error::new(Kind::Conflict, format!("the plan no longer holds: {what}"))
        .code(PLAN_MOVED)
        .hint("make a new one with `segue plan --save`, and look at it")
}
