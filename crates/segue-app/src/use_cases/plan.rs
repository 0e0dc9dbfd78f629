//! What a run would do, as a value that can be shown, saved, agreed to and carried out.

use crate::app::App;
use crate::use_cases::run::{RunRequest, run_assets, translated};
use segue_core::{AssetName, Ctx, Error, Kind, Result};
use segue_diag::{NEEDS_APPLY, PLAN_MOVED};
use segue_spec::graph::Graph;
use segue_spec::model::{Apply, Asset, How, WriteMode};
use segue_store::AssetRow;
use segue_work::asset_name;
use segue_work::ledger::{State, Why};
use segue_work::plan::class::{Action, Class, DefinitionChange, Difference};
use segue_work::report::{Progress, RunReport, Silent};
use segue_work::step::{Survey, definition_change, known, source_copy, survey};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a run would do with the chosen assets, in the order in which they depend on each other.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PlanReport {
    /// The environment that it is for.
    pub environment: String,
    /// What was asked for.
    pub request: RunRequest,
    /// The assets.
    pub assets: Vec<PlannedAsset>,
    /// Assets that the state knows and the project no longer has: their tables stay until `segue asset drop`.
    pub removed: Vec<AssetName>,
}

/// What a run would do with one asset.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PlannedAsset {
    /// Which.
    pub name: AssetName,
    /// The class of its definition's change: metadata, additive, recompute, breaking, forward-only.
    pub class: Option<String>,
    /// Whether it never ran.
    pub is_new: bool,
    /// What of its definition is otherwise.
    pub differences: Vec<String>,
    /// Its data hash: when it is another at `apply`, the plan is refused.
    pub data_hash: String,
    /// A digest of what is done: when it is another at `apply`, the plan is refused.
    pub ledger_hash: String,
    /// Parts (slices, ranges, or the whole) to compute, as far as they are known.
    pub parts: u64,
    /// Parts in all.
    pub listed: u64,
    /// Why, and how many parts for that reason.
    pub why: BTreeMap<String, u64>,
    /// The assets after which more may be known: what it reads runs first.
    pub after: Vec<AssetName>,
    /// Whether it is built anew, beside its table, and swapped in.
    pub rebuild: bool,
    /// Whether it is computed from kept pages, with no request.
    pub replay: bool,
    /// Downstream assets that miss a column.
    pub breaks: Vec<String>,
    /// What somebody has to do before it runs.
    pub needs: Option<String>,
}

impl PlanReport {
    /// Whether a run would do anything.
    pub fn has_work(&self) -> bool {
        self.assets.iter().any(PlannedAsset::has_work)
    }
}

impl PlannedAsset {
    /// Whether a run would do anything with it, or may have to.
    pub fn has_work(&self) -> bool {
        self.parts > 0 || !self.after.is_empty() || self.needs.is_some() || !self.differences.is_empty()
    }

    /// A line for people.
    pub fn summary(&self) -> String {
        let after = self
            .after
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(", ");
        let mut words = Vec::new();
        if self.rebuild {
            words.push("built anew and swapped in".to_string());
        } else if self.replay {
            words.push("computed from kept pages, with no request".to_string());
        }
        match (self.parts, self.listed) {
            (0, _) if self.differences.is_empty() => {}
            (0, _) => words.push("no row to compute".into()),
            (1, 1) => words.push(self.why.keys().next().cloned().unwrap_or_else(|| "to compute".into())),
            (parts, listed) => {
                let why: Vec<String> = self.why.iter().map(|(why, n)| format!("{n} {why}")).collect();
                words.push(format!("{parts} of {listed} parts ({})", why.join(", ")));
            }
        }
        if !after.is_empty() {
            words.push(format!("after {after}"));
        }
        words.join(", ")
    }
}

/// What a run of these assets would do now.
///
/// # Errors
/// `Invalid` for words that mean nothing, those of state and lake.
pub async fn plan(app: &App, request: &RunRequest, ctx: &Ctx) -> Result<PlanReport> {
    let deps = app.deps(Arc::new(Silent))?;
    let chosen = app.selected(&request.selector)?;
    let wanted = translated(app, request)?.wanted;
    let mut assets: Vec<PlannedAsset> = Vec::new();
    for asset in &chosen {
        let row = known::row(&deps, asset).await?;
        let moving: Vec<AssetName> = asset
            .reads
            .iter()
            .map(asset_name)
            .filter(|input| {
                assets
                    .iter()
                    .any(|a| a.name == *input && (a.parts > 0 || !a.after.is_empty()))
            })
            .collect();
        let planned = match survey(&deps, asset, row.as_ref(), &wanted, ctx).await {
            Ok(seen) => planned(app, asset, &seen, row.as_ref(), request.rebuild, moving),
            Err(error) if error.kind() == Kind::NotFound => {
                let change = match &row {
                    Some(row) => definition_change(&deps, asset, row).await?,
                    None => DefinitionChange::none(),
                };
                not_yet(asset, row.is_none(), change, moving, &error)
            }
            Err(error) => return Err(error.with("asset", &asset.name)),
        };
        assets.push(planned);
    }
    Ok(PlanReport {
        environment: app.environment.name.clone(),
        request: request.clone(),
        assets,
        removed: removed(app).await?,
    })
}

/// Carries a plan out, if what it was made of has not moved since: definitions and ledgers, not input data.
///
/// # Errors
/// `Conflict` naming what moved.
pub async fn apply(app: &App, plan: &PlanReport, progress: Arc<dyn Progress>, ctx: &Ctx) -> Result<RunReport> {
    if plan.environment != app.environment.name {
        return Err(moved(format!("it was made for the environment `{}`", plan.environment)));
    }
    let now = self::plan(app, &plan.request, ctx).await?;
    for before in &plan.assets {
        let Some(after) = now.assets.iter().find(|a| a.name == before.name) else {
            return Err(moved(format!("{} is no longer in the project", before.name)));
        };
        if before.data_hash != after.data_hash {
            return Err(moved(format!("the definition of {} is another now", before.name)));
        }
        if before.ledger_hash != after.ledger_hash {
            return Err(moved(format!("what is done of {} is another now", before.name)));
        }
    }
    let names = plan.assets.iter().map(|a| a.name.clone()).collect();
    run_assets(
        app,
        &RunRequest {
            kind: "apply".into(),
            ..plan.request.clone()
        },
        names,
        progress,
        ctx,
    )
    .await
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
    let waiting: Vec<String> = plan
        .assets
        .iter()
        .filter(|a| match app.environment.apply {
            Apply::Auto => false,
            Apply::Breaking => a.class.as_deref() == Some("breaking"),
            Apply::All => a.class.is_some() || a.is_new,
        })
        .map(|a| a.name.to_string())
        .collect();
    if waiting.is_empty() {
        return Ok(());
    }
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

fn planned(
    app: &App,
    asset: &Asset,
    seen: &Survey,
    row: Option<&AssetRow>,
    is_asked: bool,
    after: Vec<AssetName>,
) -> PlannedAsset {
    let is_new = row.is_none();
    let change = &seen.change;
    let rebuild = (change.action == Action::Rebuild || is_asked) && !seen.ledger.is_empty();
    let mut why = BTreeMap::new();
    for state in seen.states.iter().filter(|s| s.is_due()) {
        let word = match state {
            State::Stale(Why::Age { .. }) => "older than `fresh:` allows".to_string(),
            State::Stale(Why::Again) if rebuild => "built anew".to_string(),
            State::Stale(reason) => reason.to_string(),
            _ => "missing".to_string(),
        };
        *why.entry(word).or_insert(0) += 1;
    }
    let adds_to = asset.write.mode != WriteMode::Replace;
    let is_stale_append = asset.write.mode == WriteMode::Append && asset.range.is_some() && !rebuild;
    let needs = if let Some(error) = row.and_then(|row| known::refuse_moved(asset, row).err()) {
        Some(error.message().to_string())
    } else if rebuild && adds_to && source_copy(asset).is_some() && !is_asked {
        Some("needs `--rebuild`: the source may no longer have the old rows".to_string())
    } else if is_stale_append && seen.states.iter().any(|s| matches!(s, State::Stale(_))) {
        Some("needs `--rebuild`: ranges that were appended are stale, and cannot be replaced".to_string())
    } else {
        None
    };
    PlannedAsset {
        name: asset_name(&asset.name),
        class: change.class.map(|c| c.to_string()),
        is_new,
        differences: differences(change),
        data_hash: seen.data_hash.clone(),
        ledger_hash: ledger_hash(seen),
        parts: seen.due().len() as u64,
        listed: seen.parts.len() as u64,
        why,
        after,
        rebuild,
        replay: change.is_mapping_alone && source_copy(asset).is_some_and(|copy| copy.keep_raw.is_some()),
        breaks: breaks(app, asset, change.class, &change.lost_columns),
        needs,
    }
}

fn not_yet(
    asset: &Asset,
    is_new: bool,
    change: DefinitionChange,
    after: Vec<AssetName>,
    error: &Error,
) -> PlannedAsset {
    PlannedAsset {
        name: asset_name(&asset.name),
        class: change.class.map(|c| c.to_string()),
        is_new,
        differences: differences(&change),
        data_hash: segue_spec::hash::data_hash(asset),
        ledger_hash: String::new(),
        parts: 0,
        listed: 0,
        why: BTreeMap::new(),
        needs: after.is_empty().then(|| error.message().to_string()),
        after,
        rebuild: false,
        replay: false,
        breaks: Vec::new(),
    }
}

fn differences(change: &DefinitionChange) -> Vec<String> {
    let told = |d: &Difference| format!("{} ({})", d.what, d.class);
    change.differences.iter().map(told).collect()
}

fn ledger_hash(seen: &Survey) -> String {
    let entries: Vec<_> = seen
        .ledger
        .iter()
        .map(|e| (e.range, &e.labels, e.n, &e.data_hash))
        .collect();
    segue_core::hash::sha256(serde_json::to_string(&entries).unwrap_or_default())
}

/// The assets that read columns which are no longer there, by name.
fn breaks(app: &App, asset: &Asset, class: Option<Class>, lost: &[String]) -> Vec<String> {
    if class != Some(Class::Breaking) {
        return Vec::new();
    }
    let graph = Graph::of(&app.project);
    let what = if lost.is_empty() {
        String::new()
    } else {
        format!(" (loses {})", lost.join(", "))
    };
    graph
        .dependants(&asset.name)
        .map(|name| format!("{name}{what}"))
        .collect()
}

async fn removed(app: &App) -> Result<Vec<AssetName>> {
    let here = |name: &AssetName| {
        app.project
            .assets
            .values()
            .any(|a| asset_name(&a.name) == *name || a.renamed_from.as_ref().map(asset_name).as_ref() == Some(name))
    };
    Ok(app
        .store
        .assets()
        .await?
        .into_iter()
        .filter(|r| !r.dropped && !here(&r.name))
        .map(|r| r.name)
        .collect())
}

fn moved(what: String) -> Error {
    Error::new(Kind::Conflict, format!("the plan no longer holds: {what}"))
        .code(PLAN_MOVED)
        .hint("make a new one with `segue plan --save`, and look at it")
}
