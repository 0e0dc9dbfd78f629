//! The loop around the machine: starts steps, tells the machine how they ended, remembers both.

use super::kept::Kept;
use super::machine::{Bounds, Command, Happened, Machine, Node, Verdict};
use crate::deps::Deps;
use crate::names::asset_name;
use crate::report::{Ended, Event, Figures, RunReport, StepReport};
use crate::step::handle::Handle;
use crate::step::{How, Wanted, known, step};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use segue_core::{AssetName, Ctx, Error, Kind, Result, RunId};
use segue_diag::{LEASE_LOST, NOTHING_DONE, TOO_MANY_PARKED};
use segue_spec::graph::Graph;
use segue_spec::model::{Asset, OnPartial};
use segue_store::{LogRow, RunRow, StepEnd, StepRow};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

/// How long runs, their steps and their words are remembered. The last run of each asset is, however old it is.
const HISTORY: Duration = Duration::from_secs(90 * 86_400);

/// A run that is asked for.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// What starts it: `run`, `backfill`, `apply`, `resume`, `demo`.
    pub kind: String,
    /// What was asked for, as it was written.
    pub selector: String,
    /// The assets to run, in any order. What they need and is not among them is taken as it is.
    pub assets: Vec<AssetName>,
    /// What to do with each.
    pub wanted: Wanted,
    /// How long to wait for a lease that somebody else holds.
    pub wait: Duration,
    /// For a resumed run: the data hash that each asset began with.
    pub resumed: BTreeMap<AssetName, String>,
    /// What is asked of rows that were set aside, where that is all that is asked.
    pub handle: Option<Handle>,
    /// How much runs at once, and how often it is tried.
    pub bounds: Bounds,
}

/// Runs these assets, each after what it needs. A failed one stops what depends on it and nothing else.
///
/// # Errors
/// Only what keeps the run from being remembered; how steps ended is in the report.
pub async fn run(deps: &Deps, request: &Request, ctx: &Ctx) -> Result<RunReport> {
    let (id, started_at, began) = (RunId::random(), ctx.clock.now(), ctx.clock.elapsed());
    let mut request = request.clone();
    // What an earlier try of this run has read is not read again by a later one.
    request.wanted.since.get_or_insert(started_at);
    let request = &request;
    let chosen = chosen(deps, &request.assets);
    let kept = Kept::of(request, &chosen, &deps.project.timezone);
    deps.store.start_run(&row_of(id, started_at, request, &kept)?).await?;
    let steps = Drive {
        deps,
        request,
        ctx,
        id,
        chosen: &chosen,
    }
    .to_the_end()
    .await;
    let steps = match steps {
        Ok(steps) => steps,
        Err(error) => {
            if let Err(unwritten) = deps.store.end_run(id, "failed", ctx.clock.now()).await {
                tracing::warn!(error = %unwritten, "the run's end was not written; the next command takes it as interrupted");
            }
            return Err(error);
        }
    };
    let report = RunReport {
        run: id,
        started_at,
        duration: ctx.clock.elapsed().saturating_sub(began),
        steps,
        families: Vec::new(),
    };
    deps.store.end_run(id, report.word(), ctx.clock.now()).await?;
    let long_ago = ctx.clock.now().checked_sub(HISTORY).unwrap_or(jiff::Timestamp::MIN);
    if let Err(error) = deps.store.forget_runs(long_ago).await {
        tracing::warn!(%error, "what ran long ago was not forgotten; the next run tries again");
    }
    Ok(report)
}

/// The chosen assets in the order in which they depend on each other.
fn chosen<'a>(deps: &'a Deps, names: &[AssetName]) -> Vec<&'a Asset> {
    let order = Graph::of(&deps.project).order();
    let in_order = order.iter().filter_map(|name| deps.project.assets.get(name));
    in_order
        .filter(|asset| names.contains(&asset_name(&asset.name)))
        .collect()
}

/// The run as it is remembered: what it carries out, and what was asked for.
fn row_of(id: RunId, started_at: jiff::Timestamp, request: &Request, kept: &Kept) -> Result<RunRow> {
    Ok(RunRow {
        id,
        started_at,
        selector: request.selector.clone(),
        params: Value::Object(request.wanted.params.clone()),
        // What is done to rows that were set aside is asked for anew, not resumed.
        plan: match request.handle {
            Some(_) => Value::Null,
            None => {
                serde_json::to_value(kept).map_err(|e| Error::bug("cannot write a run's plan down").caused_by(e))?
            }
        },
        kind: request.kind.clone(),
    })
}

struct Drive<'a> {
    deps: &'a Deps,
    request: &'a Request,
    ctx: &'a Ctx,
    id: RunId,
    chosen: &'a [&'a Asset],
}

impl Drive<'_> {
    async fn to_the_end(&self) -> Result<Vec<StepReport>> {
        let mut machine = Machine::new(self.nodes(), self.request.bounds);
        let mut running = FuturesUnordered::new();
        let mut tries: BTreeMap<usize, StepReport> = BTreeMap::new();
        let mut ended = Vec::new();
        let mut wakes: Vec<Duration> = Vec::new();
        let mut happened = Vec::new();
        let mut is_cancelled = false;
        loop {
            let now = self.ctx.clock.elapsed();
            wakes.retain(|at| *at > now);
            for command in machine.step(now, &std::mem::take(&mut happened)) {
                match command {
                    Command::Start { step, attempt } => running.push(self.start(step, attempt)),
                    Command::Close { step } => ended.extend(tries.remove(&step)),
                    Command::Skip { step, because } => {
                        let because = format!("{} did not get there", self.chosen[because].name);
                        ended.push(self.skipped(step, Ended::Skipped { because }).await?);
                    }
                    Command::Drop { step } => {
                        let report = tries.remove(&step);
                        ended.push(match report {
                            Some(report) => report,
                            None => self.skipped(step, Ended::Cancelled).await?,
                        });
                    }
                    Command::Wake { at, .. } => wakes.push(at),
                    Command::Finish => return Ok(ended),
                }
            }
            let sleep = wakes
                .iter()
                .min()
                .map(|at| self.ctx.clock.sleep(at.saturating_sub(self.ctx.clock.elapsed())));
            let wake = async {
                match sleep {
                    Some(sleep) => sleep.await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                Some((step, report)) = running.next(), if !running.is_empty() => {
                    let report: StepReport = report;
                    let verdict = verdict(&report.ended);
                    let merged = match tries.remove(&step) {
                        Some(before) => joined(before, report),
                        None => report,
                    };
                    tries.insert(step, merged);
                    happened.push(Happened::Ended { step, verdict });
                }
                () = wake => {}
                () = self.ctx.cancel.cancelled(), if !is_cancelled => {
                    is_cancelled = true;
                    happened.push(Happened::Cancel);
                }
            }
        }
    }

    /// The graph of the chosen assets alone.
    fn nodes(&self) -> Vec<Node> {
        let at = |name: &segue_spec::AssetName| self.chosen.iter().position(|asset| asset.name == *name);
        self.chosen
            .iter()
            .map(|asset| Node {
                name: asset_name(&asset.name),
                needs: self
                    .deps
                    .project
                    .reads_behind(asset)
                    .into_iter()
                    .filter_map(at)
                    .collect(),
                waits_for_all: asset.on_partial == OnPartial::Wait,
            })
            .collect()
    }

    /// One try of a step, on a task of its own, measured and remembered.
    async fn start(&self, number: usize, attempt: u32) -> (usize, StepReport) {
        let asset = self.chosen[number];
        let name = asset_name(&asset.name);
        let ctx = self.ctx.step(self.id, name.to_string().as_str());
        self.deps.progress.tell(Event::Started {
            name: name.clone(),
            attempt,
        });
        let how = How {
            wanted: self.request.wanted.clone(),
            wait: self.request.wait,
            attempt,
            resumed_hash: self.request.resumed.get(&name).cloned(),
            handle: self.request.handle.clone(),
            ..How::default()
        };
        let (deps, owned, run) = (self.deps.clone(), asset.clone(), self.id);
        let meter = ctx.meter.clone();
        let task_ctx = ctx.clone();
        let task = tokio::spawn(meter.measure(async move {
            let (deps, ctx) = (&deps, &task_ctx);
            // The row first: whatever keeps the step from beginning is remembered too.
            if let Err(error) = begin(deps, run, &owned, attempt, ctx).await {
                return failed_early(asset_name(&owned.name), attempt, error);
            }
            let mut report = step(deps, &owned, &how, ctx)
                .await
                .rewritten(|text| deps.sources.redact(text));
            let remembered = remember(deps, run, &owned, &report, ctx).await;
            if let (Err(error), Ended::Done | Ended::Partial) = (remembered, &report.ended) {
                report.ended = Ended::Failed(error);
            }
            report
        }));
        let report = match task.await {
            Ok(report) => report,
            Err(e) => {
                let error = Error::bug(format!("the step of {name} ended by itself")).caused_by(e);
                let report = failed_early(name.clone(), attempt, error);
                if let Err(error) = remember(self.deps, run, asset, &report, &ctx).await {
                    tracing::warn!(asset = %name, %error, "how the step ended was not written");
                }
                report
            }
        };
        let (word, figures) = (report.ended.word(), report.figures.clone());
        self.deps.progress.tell(Event::Ended { name, word, figures });
        (number, report)
    }

    /// The report of a step that never began.
    async fn skipped(&self, number: usize, ended: Ended) -> Result<StepReport> {
        let asset = self.chosen[number];
        let name = asset_name(&asset.name);
        let report = StepReport {
            ended,
            attempts: 0,
            ..failed_early(name.clone(), 0, Error::bug("not begun"))
        };
        begin(self.deps, self.id, asset, 0, self.ctx).await?;
        remember(self.deps, self.id, asset, &report, self.ctx).await?;
        let (word, figures) = (report.ended.word(), report.figures.clone());
        self.deps.progress.tell(Event::Ended { name, word, figures });
        Ok(report)
    }
}

/// Writes down that a try of a step begins; also of an asset that was not written down yet.
async fn begin(deps: &Deps, run: RunId, asset: &Asset, attempt: u32, ctx: &Ctx) -> Result<()> {
    let begins = StepRow {
        run,
        name: asset_name(&asset.name),
        asset: known::row(deps, asset).await?.map(|row| row.id),
        started_at: ctx.clock.now(),
        attempt,
    };
    deps.store.start_step(&begins).await
}

/// A try that ended before its step began.
fn failed_early(name: AssetName, attempt: u32, error: Error) -> StepReport {
    StepReport {
        name,
        ended: Ended::of(error),
        figures: Figures::default(),
        notes: Vec::new(),
        attempts: attempt,
        ranges: Vec::new(),
        parked_until: None,
        handled: None,
    }
}

/// What the machine needs to know of an end.
fn verdict(ended: &Ended) -> Verdict {
    match ended {
        Ended::Done => Verdict::Done,
        Ended::Partial => Verdict::Partial,
        Ended::Cancelled => Verdict::Cancelled,
        Ended::Skipped { .. } => Verdict::Skipped,
        Ended::Failed(error) => Verdict::Failed {
            kind: error.kind(),
            delay: error.delay(),
            // A conflict that has a page is one that a person has to settle; one without came from a race, and the next try wins.
            // Slices that were put off have had their tries.
            is_final: match error.error_code() {
                Some(NOTHING_DONE | TOO_MANY_PARKED) => true,
                Some(code) => error.kind() == Kind::Conflict && code != LEASE_LOST,
                None => false,
            },
        },
    }
}

/// A later try's report with what the earlier ones used and wrote.
fn joined(before: StepReport, after: StepReport) -> StepReport {
    let (b, mut figures) = (before.figures, after.figures.clone());
    let sum = |a: Option<u64>, b: Option<u64>| a.zip(b).map(|(a, b)| a + b).or(a).or(b);
    figures.rows_in = sum(b.rows_in, figures.rows_in);
    figures.rows_written += b.rows_written;
    figures.rows_changed += b.rows_changed;
    figures.rows_quarantined += b.rows_quarantined;
    figures.rows_doubled += b.rows_doubled;
    figures.bytes_in = sum(b.bytes_in, figures.bytes_in);
    figures.bytes_written += b.bytes_written;
    figures.calls = sum(b.calls, figures.calls);
    figures.cpu = b.cpu.zip(figures.cpu).map(|(a, b)| a + b).or(b.cpu).or(figures.cpu);
    figures.peak_memory = b.peak_memory.max(figures.peak_memory);
    figures.duration += b.duration;
    figures.commits += b.commits;
    figures.slices.done += b.slices.done;
    figures.slices.closed += b.slices.closed;
    let mut notes = before.notes;
    notes.extend(
        after
            .notes
            .iter()
            .filter(|n| !notes.contains(n))
            .cloned()
            .collect::<Vec<_>>(),
    );
    StepReport {
        figures,
        notes,
        ..after
    }
}

/// Writes down how a try ended, and what it said.
async fn remember(deps: &Deps, run: RunId, asset: &Asset, report: &StepReport, ctx: &Ctx) -> Result<()> {
    let (figures, at) = (&report.figures, ctx.clock.now());
    let micros = |d: Duration| u64::try_from(d.as_micros()).unwrap_or(u64::MAX);
    let (message, error) = match &report.ended {
        Ended::Failed(error) => (Some(error.to_string()), Some(error.to_json())),
        Ended::Skipped { because } => (Some(because.clone()), None),
        _ => (report.notes.first().cloned(), None),
    };
    let slices = |n: u64| (figures.slices.listed > 0).then_some(n);
    let began = report.attempts > 0;
    let end = StepEnd {
        ended_at: at,
        outcome: report.ended.word().to_string(),
        message,
        error,
        range: report.hull(),
        rows_in: figures.rows_in,
        rows_written: began.then_some(figures.rows_written),
        rows_changed: began.then_some(figures.rows_changed),
        rows_quarantined: began.then_some(figures.rows_quarantined),
        rows_doubled: began.then_some(figures.rows_doubled),
        bytes_in: figures.bytes_in,
        bytes_written: began.then_some(figures.bytes_written),
        calls: figures.calls,
        cpu_us: figures.cpu.map(micros),
        peak_memory: figures.peak_memory,
        duration_us: began.then_some(micros(figures.duration)),
        commits: began.then_some(figures.commits),
        slices_listed: slices(figures.slices.listed),
        slices_done: slices(figures.slices.done),
        slices_parked: slices(figures.slices.parked),
        slices_failed: slices(figures.slices.failed),
        slices_closed: slices(figures.slices.closed),
        slices_gone: slices(figures.slices.gone),
        notes: report.notes.clone(),
    };
    let name = asset_name(&asset.name);
    let id = known::row(deps, asset).await?.map(|row| row.id);
    deps.store.end_step(run, &name, id, &end).await?;
    let line = |level: &str, message: String| LogRow {
        run,
        step: Some(name.to_string()),
        level: level.into(),
        message,
        at,
    };
    let mut lines: Vec<LogRow> = report.notes.iter().map(|note| line("info", note.clone())).collect();
    if let Ended::Failed(error) = &report.ended {
        lines.push(line("error", error.to_text()));
    }
    if lines.is_empty() {
        Ok(())
    } else {
        deps.store.log(&lines).await
    }
}
