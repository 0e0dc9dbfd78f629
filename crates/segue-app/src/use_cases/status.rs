//! Per asset: fresh, stale and why, partial until when, failed.

use crate::app::App;
use jiff::Timestamp;
use segue_core::state::CommitState;
use segue_core::{AssetName, Ctx, Kind, Labels, Result, RunId, Span};
use segue_spec::model::Asset;
use segue_store::Step;
use segue_work::asset_name;
use segue_work::deps::Deps;
use segue_work::ledger::{State, Why};
use segue_work::report::Silent;
use segue_work::step::{Survey, Wanted, known, survey};
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;

/// How long a reason is where it is one of many, in characters.
const FEW_WORDS: usize = 100;

/// How an asset stands.
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    /// Which.
    pub name: AssetName,
    /// `failed` where its last step did, `missing` where nothing was ever committed, `blocked` where something that it needs is gone;
    /// otherwise `stale`, `missing`, `parked` or `closed` where a part is, and `fresh`.
    pub state: &'static str,
    /// How many parts (slices, ranges, or the whole) are in each state.
    pub parts: BTreeMap<&'static str, u64>,
    /// Why, in a line: the most frequent reason, what it waits for.
    pub why: Option<String>,
    /// How its last step failed, if it did.
    pub failed: Option<Failure>,
    /// The earliest time at which something parked may go on.
    pub until: Option<Timestamp>,
    /// The oldest reading of what is done.
    pub read_at: Option<Timestamp>,
}

/// How an asset's last step failed.
#[derive(Clone, Debug, Serialize)]
pub struct Failure {
    /// When it had ended.
    pub at: Timestamp,
    /// In which run: `segue logs RUN` tells more.
    pub run: RunId,
    /// Why, in a few words.
    pub why: String,
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
    let last = app.store.last_steps().await?;
    let mut all = Vec::new();
    for asset in app.selected(selector)? {
        let seen = look(&deps, asset, ctx).await?;
        let past = past(&deps, asset, &last).await?;
        all.push(of(asset, seen.as_ref().map_err(String::as_str), past));
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
    let seen = look(&deps, asset, ctx).await?;
    let past = past(&deps, asset, &app.store.last_steps().await?).await?;
    let status = of(asset, seen.as_ref().map_err(String::as_str), past);
    let seen = match seen {
        Ok(seen) => seen,
        Err(_) => {
            return Ok(Reasons {
                status,
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
        status,
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

/// What an asset has behind it.
struct Past {
    /// Whether anything was ever committed.
    committed: bool,
    /// Whether its last step did all there was to do.
    done: bool,
    /// How its last step failed.
    failed: Option<Failure>,
}

async fn past(deps: &Deps, asset: &Asset, last: &[Step]) -> Result<Past> {
    let Some(row) = known::row(deps, asset).await? else {
        return Ok(Past {
            committed: false,
            done: false,
            failed: None,
        });
    };
    let end = last.iter().rfind(|s| s.row.asset == Some(row.id));
    let end = end.and_then(|s| Some((s.row.run, s.end.as_ref()?)));
    let failed = end
        .filter(|(_, end)| end.outcome == "failed")
        .map(|(run, end)| Failure {
            at: end.ended_at,
            run,
            why: few_words(end.message.as_deref().unwrap_or("nobody wrote down why")),
        });
    Ok(Past {
        committed: deps.store.commits(row.id).await?.last.0 > 0,
        done: end.is_some_and(|(_, end)| end.outcome == "done"),
        failed,
    })
}

/// The first line, cut where it is long.
fn few_words(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    match line.char_indices().nth(FEW_WORDS) {
        Some((at, _)) => format!("{}…", line[..at].trim_end()),
        None => line.to_string(),
    }
}

/// How it stands, by what there is to do, or what it waits for, and by what it has behind it.
fn of(asset: &Asset, seen: Result<&Survey, &str>, past: Past) -> Status {
    let mut parts = BTreeMap::new();
    let mut reasons: BTreeMap<String, u64> = BTreeMap::new();
    let mut until: Option<Timestamp> = None;
    for state in seen.iter().flat_map(|seen| &seen.states) {
        *parts.entry(word(state)).or_insert(0) += 1;
        match state {
            State::Stale(why) => *reasons.entry(kind_of(why)).or_insert(0) += 1,
            State::Parked { until: time } => until = Some(until.map_or(*time, |u| u.min(*time))),
            _ => {}
        }
    }
    let of_parts = ["missing", "stale", "parked", "closed"]
        .into_iter()
        .find(|s| parts.contains_key(s));
    let state = match (&seen, of_parts) {
        _ if past.failed.is_some() => "failed",
        // A list without elements has nothing to commit.
        (Err(_), _) | (_, None) if !past.committed && !past.done => "missing",
        (Err(_), _) => "blocked",
        (Ok(_), of_parts) => of_parts.unwrap_or("fresh"),
    };
    let most = reasons.into_iter().max_by_key(|(_, n)| *n).map(|(why, _)| why);
    Status {
        name: asset_name(&asset.name),
        state,
        parts,
        why: seen.as_ref().err().map(ToString::to_string).or(most),
        failed: past.failed,
        until,
        read_at: seen.ok().and_then(|seen| seen.ledger.iter().map(|e| e.read_at).min()),
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
