//! Per asset: fresh, stale and why, partial until when, failed.

use crate::app::App;
use crate::asked::judge;
use crate::use_cases::run::{RunRequest, translated};
use crate::use_cases::words::instants;
use futures::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use segue_core::state::CommitState;
use segue_core::{AssetName, Ctx, Kind, Labels, Result, RunId, Span};
use segue_spec::model::Asset;
use segue_store::Step;
use segue_work::asset_name;
use segue_work::deps::Deps;
use segue_work::ledger::State;
use segue_work::plan::{Met, is_not_yet, meet, read_elsewhere};
use segue_work::report::Silent;
use segue_work::step::{Wanted, known};
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;

/// How long a reason is where it is one of many, in characters.
const FEW_WORDS: usize = 100;

/// How many assets are looked at together: looking is mostly waiting.
const LOOKED_AT_ONCE: usize = 16;

/// How an asset stands.
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    /// Which.
    pub name: AssetName,
    /// `failed` where its last step did, `blocked` where a run would refuse it or something that it needs is gone, `missing` where nothing
    /// was ever committed; otherwise `stale`, `missing`, `parked` or `closed` where a part is, and `fresh`.
    pub state: &'static str,
    /// How many parts (slices, ranges, or the whole) are in each state; `gone` are slices that are done and no longer listed.
    pub parts: BTreeMap<&'static str, u64>,
    /// Why, in a line: the most frequent reason, what it waits for.
    pub why: Option<String>,
    /// How its last step failed, if it did.
    pub failed: Option<Failure>,
    /// The earliest time at which something parked may go on.
    pub until: Option<Timestamp>,
    /// The oldest reading of what is done.
    pub read_at: Option<Timestamp>,
    /// Inputs that are not built here, and the environment from whose lake each is read.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub elsewhere: BTreeMap<AssetName, String>,
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
    #[serde(serialize_with = "instants")]
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
    /// The tables that it would be computed from, those that views stand on among them: name and version.
    pub inputs: Vec<(AssetName, u64)>,
    /// Its parts.
    pub parts: Vec<PartStatus>,
    /// Slices that are done and no longer listed.
    pub gone: Vec<Labels>,
}

/// How the selected assets stand with these `NAME=VALUE` words as their parameters, in the order in which they depend on each other.
/// What is wrong with one is a part of how it stands.
///
/// # Errors
/// `Invalid` for a selector that means nothing and for parameters that nothing takes, those of the state.
pub async fn status(app: &App, selector: &[String], params: &[String], ctx: &Ctx) -> Result<Vec<Status>> {
    let wanted = wanted(app, selector, params)?;
    let deps = app.deps(Arc::new(Silent))?;
    let last = app.store.last_steps().await?;
    let selected = app.selected(selector)?.into_iter();
    let stands: Vec<_> = selected
        .map(|asset| stands(app, &deps, asset, &wanted, &last, ctx))
        .collect();
    stream::iter(stands).buffered(LOOKED_AT_ONCE).try_collect().await
}

async fn stands(app: &App, deps: &Deps, asset: &Asset, wanted: &Wanted, last: &[Step], ctx: &Ctx) -> Result<Status> {
    let met = look(deps, asset, wanted, ctx).await?;
    let past = past(deps, asset, last).await?;
    Ok(Status {
        elsewhere: read_elsewhere(deps, asset, ctx).await?,
        ..of(app, asset, &met, past)
    })
}

fn wanted(app: &App, selector: &[String], params: &[String]) -> Result<Wanted> {
    let request = RunRequest {
        selector: selector.to_vec(),
        params: params.to_vec(),
        ..RunRequest::default()
    };
    judge(app, &request)?;
    Ok(translated(app, &request)?.wanted)
}

/// Why one asset is as it is, down to range, slice and input.
///
/// # Errors
/// `NotFound` for a name that no asset of the project has, those of state and lake.
pub async fn why(app: &App, name: &str, params: &[String], ctx: &Ctx) -> Result<Reasons> {
    let deps = app.deps(Arc::new(Silent))?;
    let words = [name.to_string()];
    let selected = app.selected(&words)?;
    let asset = *selected
        .first()
        .ok_or_else(|| segue_core::Error::new(Kind::NotFound, format!("there is no asset {name}")))?;
    let met = look(&deps, asset, &wanted(app, &words, params)?, ctx).await?;
    let past = past(&deps, asset, &app.store.last_steps().await?).await?;
    let status = Status {
        elsewhere: read_elsewhere(&deps, asset, ctx).await?,
        ..of(app, asset, &met, past)
    };
    let seen = match met.seen {
        Ok(seen) => seen,
        Err(_) => {
            return Ok(Reasons {
                status,
                changes: Vec::new(),
                inputs: Vec::new(),
                parts: Vec::new(),
                gone: Vec::new(),
            });
        }
    };
    let parts = seen.parts.iter().zip(&seen.states).map(|(part, state)| PartStatus {
        range: part.range,
        labels: part.labels.clone(),
        state: state.clone(),
        words: state.to_string(),
    });
    Ok(Reasons {
        status,
        changes: seen.change.differences.iter().map(ToString::to_string).collect(),
        inputs: seen
            .inputs
            .of_tables()
            .into_iter()
            .map(|v| (v.name, v.version))
            .collect(),
        parts: parts.collect(),
        gone: seen.gone.clone(),
    })
}

async fn look(deps: &Deps, asset: &Asset, wanted: &Wanted, ctx: &Ctx) -> Result<Met> {
    let row = known::row(deps, asset).await?;
    meet(deps, asset, row.as_ref(), wanted, ctx).await
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
    let row = known::row(deps, asset).await?;
    let name = asset_name(&asset.name);
    // A step that failed before its asset was ever written down is known by the name.
    let is_of = |s: &&Step| match (s.row.asset, &row) {
        (Some(id), Some(row)) => id == row.id,
        (Some(_), None) => false,
        (None, _) => s.row.name == name,
    };
    let end = last.iter().filter(is_of).max_by_key(|s| s.row.started_at);
    let end = end.and_then(|s| Some((s.row.run, s.end.as_ref()?)));
    let failed = end
        .filter(|(_, end)| end.outcome == "failed")
        .map(|(run, end)| Failure {
            at: end.ended_at,
            run,
            why: few_words(end.message.as_deref().unwrap_or("nobody wrote down why")),
        });
    Ok(Past {
        committed: match row {
            Some(row) => deps.store.commits(row.id).await?.last.0 > 0,
            None => false,
        },
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
fn of(app: &App, asset: &Asset, met: &Met, past: Past) -> Status {
    let mut parts = BTreeMap::new();
    let mut reasons: BTreeMap<String, u64> = BTreeMap::new();
    let mut until: Option<Timestamp> = None;
    let seen = met.seen.as_ref();
    for state in seen.iter().flat_map(|seen| &seen.states) {
        *parts.entry(state.word()).or_insert(0) += 1;
        match state {
            State::Stale(why) => *reasons.entry(why.in_kind()).or_insert(0) += 1,
            State::Parked { until: time } => until = Some(until.map_or(*time, |u| u.min(*time))),
            _ => {}
        }
    }
    let of_parts = ["missing", "stale", "parked", "closed"]
        .into_iter()
        .find(|s| parts.contains_key(s));
    let gone = seen.map_or(0, |seen| seen.gone.len() as u64);
    let deletes = gone > 0 && seen.is_ok_and(|seen| seen.deletes_gone(asset));
    if gone > 0 {
        parts.insert("gone", gone);
    }
    let is_refused = met.refused.is_some() || seen.is_err_and(|e| !is_not_yet(e));
    let state = match (&seen, of_parts) {
        _ if past.failed.is_some() => "failed",
        _ if is_refused => "blocked",
        // A list without elements has nothing to commit.
        (Err(_), _) | (_, None) if !past.committed && !past.done => "missing",
        (Err(_), _) => "blocked",
        (Ok(_), None) if deletes => "stale",
        (Ok(_), of_parts) => of_parts.unwrap_or("fresh"),
    };
    let most = reasons.into_iter().max_by_key(|(_, n)| *n).map(|(why, _)| why);
    let most = match (asset.is_view(), most) {
        (true, Some(why)) => Some(format!(
            "a view, and what it gives is never old; to be checked again: {why}"
        )),
        (true, None) if state == "missing" => Some("a view, which can be read; no run has checked it yet".into()),
        (_, most) => most,
    };
    let goes = deletes.then(|| format!("{gone} no longer listed: their rows are deleted by the next run"));
    let error = met.refused.as_ref().or(seen.err());
    Status {
        name: asset_name(&asset.name),
        state,
        parts,
        why: error.map(|e| app.redact(&e.to_string())).or(most).or(goes),
        failed: past.failed,
        until,
        read_at: seen.ok().and_then(|seen| seen.ledger.iter().map(|e| e.read_at).min()),
        elsewhere: BTreeMap::new(),
    }
}
