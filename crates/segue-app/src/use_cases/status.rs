//! Per asset: fresh, stale and why, partial until when, failed.

use crate::app::App;
use jiff::Timestamp;
use segue_core::{AssetName, Ctx, Kind, Labels, Result, Span};
use segue_spec::model::Asset;
use segue_work::asset_name;
use segue_work::deps::Deps;
use segue_work::ledger::{State, Why};
use segue_work::report::Silent;
use segue_work::step::{Survey, Wanted, known, survey};
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;

/// How an asset stands.
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    /// Which.
    pub name: AssetName,
    /// `fresh`, `stale`, `missing`, `parked`, `closed`, or `blocked` where something that it needs is not there.
    pub state: &'static str,
    /// How many parts (slices, ranges, or the whole) are in each state.
    pub parts: BTreeMap<&'static str, u64>,
    /// Why, in a line: the most frequent reason, what it waits for.
    pub why: Option<String>,
    /// The earliest time at which something parked may go on.
    pub until: Option<Timestamp>,
    /// The oldest reading of what is done.
    pub read_at: Option<Timestamp>,
}

/// One part of an asset, and what is known of it.
#[derive(Clone, Debug, Serialize)]
pub struct PartStatus {
    /// The stretch, for assets with ranges.
    pub range: Option<Span>,
    /// The slice, for sliced ones.
    pub labels: Labels,
    /// What is known.
    pub state: State,
    /// The same for people.
    pub words: String,
}

/// Why an asset is as it is, part by part.
#[derive(Clone, Debug, Serialize)]
pub struct Reasons {
    /// The whole.
    pub status: Status,
    /// What of its definition changed since it last ran.
    pub changes: Vec<String>,
    /// The inputs that it would be computed from: name and version.
    pub inputs: Vec<(AssetName, u64)>,
    /// Its parts.
    pub parts: Vec<PartStatus>,
}

/// How the selected assets stand, in the order in which they depend on each other.
///
/// # Errors
/// `Invalid` for a selector that means nothing, those of state and lake.
pub async fn status(app: &App, selector: &[String], ctx: &Ctx) -> Result<Vec<Status>> {
    let deps = app.deps(Arc::new(Silent))?;
    let mut all = Vec::new();
    for asset in app.selected(selector)? {
        all.push(match look(&deps, asset, ctx).await? {
            Ok(seen) => of(asset, &seen),
            Err(why) => blocked(asset, why),
        });
    }
    Ok(all)
}

/// Why one asset is as it is, down to range, slice and input.
///
/// # Errors
/// `NotFound` for a name that no asset of the project has, those of state and lake.
pub async fn why(app: &App, name: &str, ctx: &Ctx) -> Result<Reasons> {
    let deps = app.deps(Arc::new(Silent))?;
    let selected = app.selected(&[name.to_string()])?;
    let asset = *selected
        .first()
        .ok_or_else(|| segue_core::Error::new(Kind::NotFound, format!("there is no asset {name}")))?;
    let seen = match look(&deps, asset, ctx).await? {
        Ok(seen) => seen,
        Err(why) => {
            return Ok(Reasons {
                status: blocked(asset, why),
                changes: Vec::new(),
                inputs: Vec::new(),
                parts: Vec::new(),
            });
        }
    };
    let parts = seen.parts.iter().zip(&seen.states).map(|(part, state)| PartStatus {
        range: part.range,
        labels: part.labels.clone(),
        state: state.clone(),
        words: words(state),
    });
    Ok(Reasons {
        status: of(asset, &seen),
        changes: seen
            .change
            .differences
            .iter()
            .map(|d| format!("{} ({})", d.what, d.class))
            .collect(),
        inputs: seen
            .inputs
            .versions()
            .into_iter()
            .map(|v| (v.name, v.version))
            .collect(),
        parts: parts.collect(),
    })
}

/// What there is to do; the inner error is what it waits for: an input that has no table yet.
async fn look(deps: &Deps, asset: &Asset, ctx: &Ctx) -> Result<Result<Survey, String>> {
    let row = known::row(deps, asset).await?;
    match survey(deps, asset, row.as_ref(), &Wanted::default(), ctx).await {
        Ok(seen) => Ok(Ok(seen)),
        Err(error) if error.kind() == Kind::NotFound => Ok(Err(error.message().to_string())),
        Err(error) => Err(error.with("asset", &asset.name)),
    }
}

fn blocked(asset: &Asset, why: String) -> Status {
    let name = asset_name(&asset.name);
    Status {
        name,
        state: "blocked",
        parts: BTreeMap::new(),
        why: Some(why),
        until: None,
        read_at: None,
    }
}

fn of(asset: &Asset, seen: &Survey) -> Status {
    let mut parts = BTreeMap::new();
    let mut reasons: BTreeMap<String, u64> = BTreeMap::new();
    let mut until: Option<Timestamp> = None;
    for state in &seen.states {
        *parts.entry(word(state)).or_insert(0) += 1;
        match state {
            State::Stale(why) => *reasons.entry(kind_of(why)).or_insert(0) += 1,
            State::Parked { until: time } => until = Some(until.map_or(*time, |u| u.min(*time))),
            _ => {}
        }
    }
    let state = ["missing", "stale", "parked", "closed"]
        .into_iter()
        .find(|s| parts.contains_key(s))
        .unwrap_or("fresh");
    let most = reasons.into_iter().max_by_key(|(_, n)| *n).map(|(why, _)| why);
    let read_at = seen.ledger.iter().map(|e| e.read_at).min();
    Status {
        name: asset_name(&asset.name),
        state,
        parts,
        why: most,
        until,
        read_at,
    }
}

/// The reason without the times and versions that differ from part to part.
fn kind_of(why: &Why) -> String {
    match why {
        Why::Age { .. } => "older than `fresh:` allows".into(),
        other => other.to_string(),
    }
}

fn word(state: &State) -> &'static str {
    match state {
        State::Fresh => "fresh",
        State::Closed => "closed",
        State::Missing => "missing",
        State::Stale(_) => "stale",
        State::Parked { .. } => "parked",
    }
}

fn words(state: &State) -> String {
    match state {
        State::Stale(why) => format!("stale: {why}"),
        State::Parked { until } => format!("parked until {until}"),
        other => word(other).to_string(),
    }
}
