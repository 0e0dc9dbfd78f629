//! What a run would change, as a value: made here, by the rules that the step itself keeps; saved, shown and agreed to elsewhere.

mod breaks;
pub mod class;
mod estimate;
pub mod rules;

pub use breaks::Broken;
pub use estimate::Estimate;

use crate::definition::Definition;
use crate::deps::{Deps, environment_of};
use crate::ledger::{State, Why};
use crate::names::asset_name;
use crate::step::optional::may_be_missing;
use crate::step::passing::passing;
use crate::step::{Survey, Wanted, definition_change, known, source_copy, survey};
use class::{Class, DefinitionChange, Difference};
use futures::{StreamExt, TryStreamExt, stream};
use segue_core::hash::sha256;
use segue_core::{AssetName, Ctx, Error, Kind, Result};
use segue_diag::NO_INPUT;
use segue_spec::model::{Apply, Asset};
use segue_store::AssetRow;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a run would do with some assets, in the order in which they depend on each other.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Plan {
    /// The assets.
    pub assets: Vec<Planned>,
    /// Assets that the state knows and the project no longer has. That breaks who reads them, and a run does nothing about it: their
    /// tables stay until `segue asset drop`.
    pub removed: Vec<AssetName>,
}

/// What a run would do with one asset.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Planned {
    /// Which.
    pub name: AssetName,
    /// The class of its definition's change: metadata, additive, recompute, breaking, forward-only. A new asset is additive.
    pub class: Option<String>,
    /// Whether it never ran.
    pub is_new: bool,
    /// Whether nothing of it is stored: a run tries its SQL and judges its checks.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_view: bool,
    /// What of its definition is otherwise.
    pub differences: Vec<String>,
    /// What it was made of: another one of any of these at `apply`, and the plan is refused.
    pub made_of: MadeOf,
    /// Parts (slices, ranges, or the whole) to compute, as far as they are known.
    pub parts: u64,
    /// Parts in all.
    pub listed: u64,
    /// The first of the parts to compute, for people; none where it is the whole.
    pub first: Vec<String>,
    /// Why, and how many parts for that reason.
    pub why: BTreeMap<String, u64>,
    /// Slices that are done and no longer listed, and whose rows are deleted (`on_gone: delete`).
    pub deletes: u64,
    /// Slices that are done and no longer listed, and whose rows are kept.
    pub gone: u64,
    /// The assets after which more may be known: what it reads runs first.
    pub after: Vec<AssetName>,
    /// Whether it is built anew, beside its table, and swapped in.
    pub rebuild: bool,
    /// Whether it is computed from kept pages, with no request.
    pub replay: bool,
    /// What it will probably take.
    pub estimate: Estimate,
    /// Where its columns come from, if they are not declared, and what a new one does.
    pub columns: Option<String>,
    /// What its rows do on their way, where they could pass as they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passes: Option<Passes>,
    /// Inputs that are not built here, and the environment from whose lake each is read.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub elsewhere: BTreeMap<AssetName, String>,
    /// Assets made from it that miss a column.
    pub breaks: Vec<Broken>,
    /// Why a run would refuse it.
    pub refused: Option<Refusal>,
}

/// How rows come from a source to a table that both speak one form.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Passes {
    /// They pass through as they are.
    AsTheyAre,
    /// They are read value by value, because of this.
    ByValue(String),
    /// That could not be asked, because of this.
    Unknown(String),
}

/// What a plan of one asset was made of.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MadeOf {
    /// What decides its rows.
    pub data_hash: String,
    /// Everything that its file says.
    pub metadata_hash: String,
    /// The project's zone, where its ranges or its SQL count in it; otherwise empty.
    pub timezone: String,
    /// A digest of the columns that are frozen; empty where none are.
    pub schema_hash: String,
    /// A digest of what is done.
    pub ledger_hash: String,
}

/// Why a run would refuse an asset.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Refusal {
    /// The code whose page explains it.
    pub code: Option<String>,
    /// The words.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Refusal {
    /// The refusal that this error is.
    pub fn of(error: &Error) -> Refusal {
        Refusal {
            code: error.error_code().map(|c| c.as_str().to_string()),
            message: error.to_string(),
            hint: error.hint_text().map(str::to_string),
        }
    }

    fn rewritten(self, text: impl Fn(&str) -> String) -> Refusal {
        Refusal {
            message: text(&self.message),
            hint: self.hint.as_deref().map(text),
            ..self
        }
    }
}

/// How many assets are looked at together: looking is mostly waiting.
const LOOKED_AT_ONCE: usize = 16;

async fn look(deps: &Deps, asset: &Asset, wanted: &Wanted, ctx: &Ctx) -> Result<(Option<AssetRow>, Met)> {
    let row = known::row(deps, asset).await?;
    let met = meet(deps, asset, row.as_ref(), wanted, ctx).await?;
    Ok((row, met))
}

/// What a run of these assets would do now; each after what it is made from. What is wrong with one of them is a part of its plan.
///
/// # Errors
/// `Cancelled`, those of the state.
pub async fn make(deps: &Deps, assets: &[&Asset], wanted: &Wanted, ctx: &Ctx) -> Result<Plan> {
    let last = deps.store.last_steps().await?;
    let mut planned: Vec<Planned> = Vec::new();
    let looks: Vec<_> = assets.iter().map(|asset| look(deps, asset, wanted, ctx)).collect();
    let mut looked = std::pin::pin!(stream::iter(looks).buffered(LOOKED_AT_ONCE));
    for asset in assets {
        let reads: Vec<AssetName> = deps.project.reads_behind(asset).into_iter().map(asset_name).collect();
        let moving = planned.iter().filter(|p| p.moves() && reads.contains(&p.name));
        let after: Vec<AssetName> = moving.map(|p| p.name.clone()).collect();
        let Some((row, met)) = looked.try_next().await? else {
            break;
        };
        let last = last
            .iter()
            .rfind(|s| row.as_ref().is_some_and(|r| s.row.asset == Some(r.id)));
        let mut one = match met.seen {
            Ok(seen) => Planned {
                estimate: Estimate::of(asset, &seen, last),
                passes: passes(deps, asset, &seen, row.as_ref(), ctx).await?,
                ..of_survey(deps, asset, &seen, row.as_ref())
            },
            Err(error) => {
                let is_made = made_first(deps, asset, &error, &after, ctx).await?.is_some();
                not_yet(deps, asset, row.as_ref(), &error, is_made).await?
            }
        };
        if let Some(error) = met.refused {
            one.refused = Some(Refusal::of(&error));
        }
        one.refused = one.refused.map(|r| r.rewritten(|text| deps.sources.redact(text)));
        one.elsewhere = read_elsewhere(deps, asset, ctx).await?;
        planned.push(Planned { after, ..one });
    }
    Ok(Plan {
        assets: planned,
        removed: removed(deps).await?,
    })
}

/// What looking at an asset as a run would met: what there is to do, or why that cannot be told; and why a run would refuse it.
pub struct Met {
    /// What there is to do. The error may be of an input that has no table yet: see [`is_not_yet`].
    pub seen: Result<Survey>,
    /// Why a run would refuse it, whatever there is to do.
    pub refused: Option<Error>,
}

/// What the rows of a copy would do on their way. A source that cannot be asked now is no reason to have no plan.
async fn passes(
    deps: &Deps,
    asset: &Asset,
    seen: &Survey,
    row: Option<&AssetRow>,
    ctx: &Ctx,
) -> Result<Option<Passes>> {
    let (Some(copy), Some(target)) = (source_copy(asset), known::target(asset, row)) else {
        return Ok(None);
    };
    if seen.to_do().is_empty() {
        return Ok(None);
    }
    let found = (row.and_then(|row| row.schema.as_deref()), seen.is_rebuild);
    let asked = async {
        let opened = deps.sources.open(copy)?;
        passing(deps, asset, copy, &opened, &target, found, ctx).await
    };
    match asked.await {
        Ok(passing) => Ok(passing.told()),
        Err(error) if error.kind() == Kind::Cancelled => Err(error),
        Err(error) => Ok(Some(Passes::Unknown(deps.sources.redact(&error.to_string())))),
    }
}

/// Looks at an asset as a run would, and writes nothing.
///
/// # Errors
/// What says nothing of the asset: `Cancelled`, and what cannot be reached now (`Unavailable`, `TimedOut`, `RateLimited`).
pub async fn meet(deps: &Deps, asset: &Asset, row: Option<&AssetRow>, wanted: &Wanted, ctx: &Ctx) -> Result<Met> {
    let mut refused = rules::foresee(deps, asset, row, wanted, ctx).await.err();
    let seen = survey(deps, asset, row, wanted, ctx).await;
    if let (Ok(seen), None) = (&seen, &refused) {
        let identity = source_copy(asset).map(|copy| Ok(deps.sources.open(copy)?.source.identity()));
        let judged = identity
            .transpose()
            .and_then(|identity| rules::refuse(asset, row, seen, wanted, identity.as_deref()));
        refused = judged.err();
    }
    match (seen, refused) {
        (Err(error), _) | (_, Some(error)) if says_nothing(&error) => Err(error),
        (seen, refused) => Ok(Met { seen, refused }),
    }
}

/// The inputs of an asset that are not built here, and the environment from whose lake each is read.
///
/// # Errors
/// Those of the state. A lake that is not there is said by whoever reads it.
pub async fn read_elsewhere(deps: &Deps, asset: &Asset, ctx: &Ctx) -> Result<BTreeMap<AssetName, String>> {
    let mut elsewhere = BTreeMap::new();
    if !deps.elsewhere.is_any() {
        return Ok(elsewhere);
    }
    for name in asset.reads.iter().map(asset_name) {
        match known::input(deps, &name, ctx).await {
            Ok(target) => {
                if let Some(environment) = environment_of(&target) {
                    elsewhere.insert(name, environment.to_string());
                }
            }
            Err(error) if error.kind() == Kind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(elsewhere)
}

/// Whether the error is of the moment and not of the asset.
fn says_nothing(error: &Error) -> bool {
    matches!(
        error.kind(),
        Kind::Cancelled | Kind::Unavailable | Kind::TimedOut | Kind::RateLimited
    )
}

/// Whether the error only says that an input has no table yet.
pub fn is_not_yet(error: &Error) -> bool {
    error.error_code() == Some(NO_INPUT)
}

/// Where looking at the asset failed because inputs have no table yet, and all of those are among the ones that the same run makes first:
/// which they are. `None` for any other failure, and for an input that nobody makes.
///
/// # Errors
/// Those of the state.
pub async fn made_first(
    deps: &Deps,
    asset: &Asset,
    error: &Error,
    made: &[AssetName],
    ctx: &Ctx,
) -> Result<Option<Vec<AssetName>>> {
    if !is_not_yet(error) {
        return Ok(None);
    }
    let mut missing = Vec::new();
    let is_table = |name: &&segue_spec::AssetName| {
        // A child table comes with its asset's, which is among them too; a view is there without a run.
        let is_view = deps.project.assets.get(*name).is_some_and(Asset::is_view);
        !is_view && deps.project.parent_of(name).is_none()
    };
    let reads = deps.project.reads_behind(asset).into_iter().filter(is_table);
    for name in reads.map(asset_name) {
        match known::input(deps, &name, ctx).await {
            Ok(_) => {}
            Err(e) if is_not_yet(&e) && may_be_missing(&deps.project, &name) => {}
            Err(e) if is_not_yet(&e) => missing.push(name),
            Err(e) => return Err(e),
        }
    }
    Ok(missing.iter().all(|name| made.contains(name)).then_some(missing))
}

impl Plan {
    /// Whether a run would do anything.
    pub fn has_work(&self) -> bool {
        self.assets.iter().any(Planned::has_work)
    }

    /// Whether the project says something else than what its tables were made by: what a person would want to see before it runs. Data that
    /// is due (a copy that is asked at every run, a range that is missing) is no change; a run would do it day after day.
    pub fn has_changes(&self) -> bool {
        !self.removed.is_empty() || self.assets.iter().any(Planned::has_changes)
    }

    /// What moved since this plan was made, by what it would be now: definitions, schemas and what is done; not new input data. `None`
    /// when it still holds.
    pub fn moved_since(&self, now: &Plan) -> Option<String> {
        self.assets.iter().find_map(|before| {
            let name = &before.name;
            let Some(after) = now.assets.iter().find(|a| a.name == *name) else {
                return Some(format!("{name} is no longer in the project"));
            };
            let (a, b) = (&before.made_of, &after.made_of);
            if a.data_hash != b.data_hash || a.metadata_hash != b.metadata_hash {
                Some(format!("the definition of {name} is another now"))
            } else if a.timezone != b.timezone {
                Some(format!("the zone of {name} is another now"))
            } else if a.schema_hash != b.schema_hash {
                Some(format!("the columns of {name} are others now"))
            } else if a.ledger_hash != b.ledger_hash {
                Some(format!("what is done of {name} is another now"))
            } else if before.class != after.class || before.rebuild != after.rebuild {
                Some(format!("what a run does with {name} is another now"))
            } else {
                None
            }
        })
    }

    /// The assets whose changes need somebody's agreement where an environment says `apply:` so. One that was removed is not among them: no
    /// run touches its table, and `segue asset drop` asks by itself.
    pub fn needs_agreement(&self, apply: Apply) -> Vec<&AssetName> {
        let needs = |a: &&Planned| match apply {
            Apply::Auto => false,
            Apply::Breaking => a.class.as_deref() == Some("breaking"),
            Apply::All => a.class.is_some() || a.is_new,
        };
        self.assets.iter().filter(needs).map(|a| &a.name).collect()
    }
}

impl Planned {
    /// Whether a run would do anything with it, or may have to.
    pub fn has_work(&self) -> bool {
        self.moves() || self.refused.is_some() || !self.differences.is_empty()
    }

    /// Whether its definition is another, it is new, or somebody has to do something first.
    pub fn has_changes(&self) -> bool {
        self.is_new || self.class.is_some() || !self.differences.is_empty() || self.refused.is_some()
    }

    /// Whether its rows may be others afterwards.
    fn moves(&self) -> bool {
        self.parts > 0 || self.deletes > 0 || !self.after.is_empty()
    }

    /// A line for people.
    pub fn summary(&self) -> String {
        let mut words = Vec::new();
        if self.rebuild {
            words.push("built anew and swapped in".to_string());
        } else if self.replay {
            words.push("computed from kept pages, with no request".to_string());
        }
        match (self.parts, self.listed) {
            (0, _) if self.differences.is_empty() || self.deletes > 0 => {}
            (0, _) => words.push("no row to compute".into()),
            (1, 1) => {
                let why = self.why.keys().next().cloned().unwrap_or_else(|| "to compute".into());
                words.push(match self.is_view {
                    true => format!("a view: tried and checked, nothing is stored ({why})"),
                    false => why,
                });
            }
            (parts, listed) => {
                let why: Vec<String> = self.why.iter().map(|(why, n)| format!("{n} {why}")).collect();
                words.push(format!("{parts} of {listed} parts ({})", why.join(", ")));
            }
        }
        match self.deletes {
            0 => {}
            1 => words.push("the rows of a slice that is no longer listed are deleted".into()),
            n => words.push(format!("the rows of {n} slices that are no longer listed are deleted")),
        }
        if !self.after.is_empty() {
            let after: Vec<String> = self.after.iter().map(ToString::to_string).collect();
            words.push(format!("after {}", after.join(", ")));
        }
        if words.is_empty() && self.refused.is_some() {
            words.push("cannot run".into());
        }
        words.join(", ")
    }
}

fn of_survey(deps: &Deps, asset: &Asset, seen: &Survey, row: Option<&AssetRow>) -> Planned {
    let change = &seen.change;
    let due = seen.to_do();
    let mut why = BTreeMap::new();
    for at in &due {
        let word = match &seen.states[*at] {
            State::Stale(Why::Again) if seen.is_rebuild => "built anew".to_string(),
            State::Stale(reason) => reason.in_kind(),
            State::Missing => "missing".to_string(),
            // What is built anew is computed whatever it is.
            _ => "built anew".to_string(),
        };
        *why.entry(word).or_insert(0) += 1;
    }
    let no_longer_listed = seen.gone.len() as u64;
    let (deletes, gone) = match seen.deletes_gone(asset) {
        true => (no_longer_listed, 0),
        false => (0, no_longer_listed),
    };
    Planned {
        class: class_of(row, change),
        differences: differences(change),
        made_of: MadeOf {
            data_hash: seen.data_hash.clone(),
            ledger_hash: ledger_hash(seen),
            ..made_of(deps, asset, row)
        },
        parts: due.len() as u64,
        listed: seen.parts.len() as u64,
        first: estimate::first(&due, &seen.parts),
        why,
        deletes,
        gone,
        rebuild: seen.is_rebuild,
        replay: seen.replays(asset),
        columns: estimate::columns(asset, row, seen.is_rebuild),
        breaks: breaks::breaks(&deps.project, asset, change),
        ..nothing(asset, row.is_none())
    }
}

/// The plan of an asset of which nobody can say what there is to do: an input of it has no table yet, or something is wrong.
async fn not_yet(deps: &Deps, asset: &Asset, row: Option<&AssetRow>, error: &Error, is_made: bool) -> Result<Planned> {
    let change = match row {
        Some(row) => definition_change(deps, asset, row).await?,
        None => DefinitionChange::none(),
    };
    Ok(Planned {
        class: class_of(row, &change),
        differences: differences(&change),
        made_of: made_of(deps, asset, row),
        breaks: breaks::breaks(&deps.project, asset, &change),
        columns: estimate::columns(asset, row, false),
        refused: (!is_made).then(|| Refusal::of(error)),
        ..nothing(asset, row.is_none())
    })
}

fn nothing(asset: &Asset, is_new: bool) -> Planned {
    Planned {
        name: asset_name(&asset.name),
        class: None,
        is_new,
        is_view: asset.is_view(),
        differences: Vec::new(),
        made_of: MadeOf::default(),
        parts: 0,
        listed: 0,
        first: Vec::new(),
        why: BTreeMap::new(),
        deletes: 0,
        gone: 0,
        after: Vec::new(),
        rebuild: false,
        replay: false,
        estimate: Estimate::default(),
        columns: None,
        passes: None,
        elsewhere: BTreeMap::new(),
        breaks: Vec::new(),
        refused: None,
    }
}

/// What is told before anything was looked at.
fn made_of(deps: &Deps, asset: &Asset, row: Option<&AssetRow>) -> MadeOf {
    let definition = Definition::of(asset, &deps.project.timezone);
    let frozen = row.and_then(|row| row.schema.as_ref());
    let has_zone = asset.range.is_some() || source_copy(asset).is_none();
    MadeOf {
        data_hash: definition.data_hash(),
        metadata_hash: definition.metadata_hash(),
        timezone: if has_zone { definition.timezone } else { String::new() },
        schema_hash: frozen.map_or_else(String::new, digest),
        ledger_hash: String::new(),
    }
}

fn class_of(row: Option<&AssetRow>, change: &DefinitionChange) -> Option<String> {
    let class = match row {
        None => Some(Class::Additive),
        Some(_) => change.class,
    };
    class.map(|c| c.to_string())
}

fn differences(change: &DefinitionChange) -> Vec<String> {
    change.differences.iter().map(Difference::to_string).collect()
}

fn ledger_hash(seen: &Survey) -> String {
    let entries = seen.ledger.iter().map(|e| (e.range, &e.labels, e.n, &e.data_hash));
    digest(&entries.collect::<Vec<_>>())
}

fn digest<T: Serialize>(value: &T) -> String {
    sha256(serde_json::to_string(value).unwrap_or_default())
}

async fn removed(deps: &Deps) -> Result<Vec<AssetName>> {
    let here = |name: &AssetName| {
        let mut assets = deps.project.assets.values();
        assets.any(|a| asset_name(&a.name) == *name || a.renamed_from.as_ref().map(asset_name).as_ref() == Some(name))
    };
    let rows = deps.store.assets().await?.into_iter();
    // A try's table was never the project's.
    let was_here = |r: &AssetRow| !r.dropped && !here(&r.name) && !crate::tries::is_try(r);
    Ok(rows.filter(was_here).map(|r| r.name).collect())
}

#[cfg(test)]
mod tests;
