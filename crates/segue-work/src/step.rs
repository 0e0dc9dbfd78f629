//! One asset's step: look at what there is to do, read or compute it at pinned versions, commit it, and say how it ended.

pub mod aside;
mod children;
mod companions;
mod compute;
mod copy;
mod count;
mod distinct;
mod doing;
mod enter;
mod gather;
mod grains;
mod group;
pub mod handle;
mod inputs;
mod judge;
mod keep;
pub mod known;
mod land;
mod look;
mod missing;
pub(crate) mod optional;
mod pages;
pub(crate) mod passing;
pub(crate) mod query;
mod read;
mod shelf;
mod sift;
pub(crate) mod slices;
pub mod survey;
mod take;
mod tell;
mod views;
mod watch;
mod work;

pub use grains::grains;
pub(crate) use judge::judge_alone;
pub use land::Rejudge;
pub use query::{located, statement};
pub use read::Batching;
pub use shelf::{Noted, forget_notes, noted};
pub use survey::{Survey, Wanted, definition_change, source_copy, survey};
pub use views::view;

use crate::deps::Deps;
use crate::names::asset_name;
use crate::report::{Ended, Figures, StepReport};
use handle::Handle;
use segue_core::fault::{Boundary, reach};
use segue_core::meter::counts_memory;
use segue_core::{Ctx, Error, Kind, Result, Span};
use segue_spec::model::Asset;
use segue_store::{AssetRow, LeaseGuard};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How a step is carried out.
#[derive(Clone, Debug, Default)]
pub struct How {
    /// What was asked for.
    pub wanted: Wanted,
    /// How long to wait for a lease that somebody else holds.
    pub wait: Duration,
    /// When what is complete is committed.
    pub batching: Batching,
    /// Which try of the run this is, from 1.
    pub attempt: u32,
    /// The data hash that the run began with, where it is resumed: another one is refused.
    pub resumed_hash: Option<String>,
    /// What is asked of rows that were set aside, where that is all that is asked.
    pub handle: Option<Handle>,
}

/// Carries one try of an asset's step out. It never fails: how it ended is in the report.
pub async fn step(deps: &Deps, asset: &Asset, how: &How, ctx: &Ctx) -> StepReport {
    let mut report = StepReport {
        name: asset_name(&asset.name),
        ended: Ended::Done,
        figures: Figures::default(),
        notes: Vec::new(),
        attempts: how.attempt,
        ranges: Vec::new(),
        parked_until: None,
        handled: None,
    };
    let started = ctx.clock.elapsed();
    let ended = attempt(deps, asset, how, ctx, &mut report).await;
    report.ended = ended.unwrap_or_else(Ended::of);
    let usage = ctx.meter.usage();
    let figures = &mut report.figures;
    figures.duration = ctx.clock.elapsed().saturating_sub(started);
    figures.rows_in = figures.rows_in.or((usage.rows_in > 0).then_some(usage.rows_in));
    figures.bytes_in = (usage.bytes_in > 0).then_some(usage.bytes_in);
    figures.calls = survey::source_copy(asset).map(|_| usage.calls);
    let cpu = usage.cpu + figures.cpu.unwrap_or_default() + segue_store::take_worker_cpu();
    figures.cpu = (!cpu.is_zero()).then_some(cpu);
    // Where only the engine counts what it reserves, that is no more of a copy than its checks.
    let is_whole = counts_memory() || matches!(asset.how, segue_spec::model::How::Sql(_));
    figures.peak_memory = usage.peak_memory.filter(|_| is_whole);
    report
}

async fn attempt(deps: &Deps, asset: &Asset, how: &How, ctx: &Ctx, report: &mut StepReport) -> Result<Ended> {
    let row = match how.handle {
        // Nothing was set aside of what never ran.
        Some(_) if known::row(deps, asset).await?.is_none() => return Err(handle::nothing(asset)),
        _ => known::register(deps, asset, ctx).await?,
    };
    let lease = take::lease(deps, &row, how.wait, ctx).await?;
    reach(Boundary::LeaseTaken);
    // Another worker may have run it while we waited.
    let row = deps.store.asset_by_id(row.id).await?.unwrap_or(row);
    let ended = match &how.handle {
        Some(asked) => handle::handle(deps, asset, row.clone(), &lease, (asked, how), ctx, report).await,
        None => work::work(deps, asset, row.clone(), &lease, how, ctx, report).await,
    };
    let keeps_pages = survey::source_copy(asset).is_some_and(|copy| copy.keep_raw.is_some());
    let has_written = report.figures.commits > 0 || (keeps_pages && report.figures.slices.done > 0);
    if has_written && !lease.is_lost() && !ctx.cancel.is_cancelled() {
        keep::tidy(deps, &row, ctx).await;
    }
    ended
}

/// A context that a commit is carried out in: it outlives a step that was asked to stop.
fn uncancelled(ctx: &Ctx) -> Ctx {
    Ctx {
        cancel: CancellationToken::new(),
        ..ctx.clone()
    }
}

/// A stretch that was asked for with `--from` and `--to`, each in RFC 3339 or as a local day or time of this zone.
///
/// # Errors
/// `Invalid` for what is no time, and for an end that is not after the start.
pub fn stretch(from: Option<&str>, to: Option<&str>, timezone: &str, now: jiff::Timestamp) -> Result<Option<Span>> {
    let instant = |text: &str| Ok(moment(text, timezone)?.as_microsecond());
    let (Some(from), to) = (from, to) else {
        return match to {
            None => Ok(None),
            Some(_) => Err(Error::new(Kind::Invalid, "--to is given without --from")
                .hint("say where it begins: --from 2024-01-01")),
        };
    };
    let to = to.map_or(Ok(now.as_microsecond()), instant)?;
    let stretch = Span::new(instant(from)?, to);
    if stretch.is_empty() {
        return Err(Error::new(Kind::Invalid, "--to is not after --from"));
    }
    Ok(Some(stretch))
}

/// A time as a person writes it: in RFC 3339, or as a local day or time of this zone.
///
/// # Errors
/// `Invalid` for what is no time.
pub fn moment(text: &str, timezone: &str) -> Result<jiff::Timestamp> {
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        return Ok(at);
    }
    let local = text
        .parse::<jiff::civil::DateTime>()
        .or_else(|_| text.parse::<jiff::civil::Date>().map(|d| d.at(0, 0, 0, 0)));
    let no_time = || Error::new(Kind::Invalid, format!("`{text}` is no time"));
    let local = local.map_err(|e| {
        no_time()
            .hint("write 2024-01-31, 2024-01-31T06:00 or 2024-01-31T06:00:00Z")
            .caused_by(e)
    })?;
    let micros = crate::ranges::instant(&crate::ranges::zone(timezone)?, local)?;
    jiff::Timestamp::from_microsecond(micros).map_err(|e| no_time().caused_by(e))
}

/// What the functions of one try share.
pub(crate) struct Step<'a> {
    pub deps: &'a Deps,
    pub asset: &'a Asset,
    pub row: AssetRow,
    pub lease: &'a LeaseGuard,
    pub how: &'a How,
    pub ctx: &'a Ctx,
    pub commit_ctx: Ctx,
}

#[cfg(test)]
mod tests;
