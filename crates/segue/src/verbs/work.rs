//! `segue run`, `backfill` and `resume`

use crate::args::{Backfill, Patience, Run, Work};
use crate::out::{Columns, Out, bytes, instant, took};
use crate::progress;
use crate::verbs::{check::count, duration};
use segue_app::work::{Ended, FamilyReport, Figures, RunReport};
use segue_app::{App, RunRequest, Tried};
use segue_core::{Ctx, Result};
use std::time::Duration;

pub async fn run(app: &App, run: &Run, ctx: &Ctx, out: &Out) -> Result<u8> {
    let request = RunRequest {
        wait: duration(&run.patience.wait)?,
        ..request("run", &run.work)
    };
    let app = match &run.replay {
        Some(folder) => &app.replaying(folder)?,
        None => app,
    };
    if let Some((limit, into)) = segue_app::try_words(run.limit, run.into.as_deref())? {
        let tried = segue_app::tries(app, &request, limit, into, ctx).await?;
        return Ok(show_tries(app, &tried, into, out));
    }
    let report = segue_app::run(app, &request, progress::of(out), ctx).await?;
    Ok(show(app, &report, out))
}

/// What came of a try; its exit code.
fn show_tries(app: &App, tried: &[Tried], into: &str, out: &Out) -> u8 {
    let told: Vec<_> = tried.iter().map(Tried::told).collect();
    out.value(&serde_json::json!({ "tried": told, "into": into }));
    let mut columns = Columns::new(["asset", "tried as", "rows"]);
    for one in tried {
        let table = one.table.as_ref().map(ToString::to_string).unwrap_or_default();
        let rows = one.table.as_ref().map(|_| one.rows.to_string()).unwrap_or_default();
        columns.row([one.asset.to_string(), table, rows]);
    }
    out.line(columns.to_string());
    let mut code = 0;
    for one in tried {
        if let Some(error) = &one.error {
            out.note(app.redact(&format!("{}: {}", one.asset, error.to_text())));
            code = if code == 0 { error.kind().exit_code() } else { code };
        }
        if !one.from_tries.is_empty() {
            let names: Vec<String> = one.from_tries.iter().map(ToString::to_string).collect();
            out.note(format!(
                "{}: computed from what was tried of {}",
                one.asset,
                names.join(", ")
            ));
        }
        for note in &one.notes {
            out.note(app.redact(&format!("{}: {note}", one.asset)));
        }
    }
    let written = tried.iter().filter(|t| t.table.is_some()).count();
    out.line(format!(
        "{} tried into {into}; the real tables are as they were",
        count(written, "asset")
    ));
    code
}

pub async fn backfill(app: &App, backfill: &Backfill, ctx: &Ctx, out: &Out) -> Result<u8> {
    let request = RunRequest {
        kind: "backfill".into(),
        selector: backfill.select.selector.clone(),
        again: backfill.again,
        from: Some(backfill.from.clone()),
        to: Some(backfill.to.clone()),
        params: backfill.params.clone(),
        wait: duration(&backfill.patience.wait)?,
        ..RunRequest::default()
    };
    if !backfill.dry_run {
        let report = segue_app::run(app, &request, progress::of(out), ctx).await?;
        return Ok(show(app, &report, out));
    }
    let parts = segue_app::backfill_dry_run(app, &request, ctx).await?;
    out.value(&parts);
    for part in parts.iter().filter(|p| p.refused.is_some()) {
        out.note(format!("{}: a run would refuse it: {}", part.name, part.why));
        if let Some(hint) = part.refused.as_ref().and_then(|r| r.hint.as_ref()) {
            out.note(format!("  hint: {hint}"));
        }
    }
    let parts: Vec<_> = parts.iter().filter(|p| p.refused.is_none()).collect();
    for part in &parts {
        let range = part
            .range
            .map_or(String::new(), |r| format!(" {} to {}", instant(r.from), instant(r.to)));
        out.line(format!("  {}{range}: {}", part.name, part.why));
    }
    let follow = parts.iter().filter(|p| !p.after.is_empty()).count();
    let mut sum = format!("{} to compute", count(parts.len() - follow, "part"));
    if follow > 0 {
        sum.push_str(&format!(", and what follows from them in {}", count(follow, "asset")));
    }
    out.line(sum);
    Ok(0)
}

pub async fn resume(app: &App, run: Option<&str>, patience: &Patience, ctx: &Ctx, out: &Out) -> Result<u8> {
    let wait = duration(&patience.wait)?;
    let report = segue_app::resume(app, run, wait, progress::of(out), ctx).await?;
    Ok(show(app, &report, out))
}

/// The request that these words are.
pub fn request(kind: &str, work: &Work) -> RunRequest {
    RunRequest {
        kind: kind.into(),
        selector: work.select.selector.clone(),
        params: work.params.clone(),
        again: work.again,
        rebuild: work.rebuild,
        from: work.from.clone(),
        to: work.to.clone(),
        wait: Duration::ZERO,
    }
}

/// A summary of what changed and where the time went; the run's exit code.
pub fn show(app: &App, report: &RunReport, out: &Out) -> u8 {
    let steps: Vec<_> = report
        .steps
        .iter()
        .map(|s| {
            let error = match &s.ended {
                Ended::Failed(error) => Some(error.to_json()),
                _ => None,
            };
            serde_json::json!({
                "asset": s.name, "outcome": s.ended.word(), "figures": s.figures, "notes": s.notes, "attempts": s.attempts,
                "parked_until": s.parked_until.map(|t| t.to_string()), "error": error,
            })
        })
        .collect();
    let mut told = serde_json::json!({
        "run": report.run, "outcome": report.word(), "duration_us": report.duration.as_micros() as u64, "steps": steps,
    });
    if !report.families.is_empty() {
        told["families"] = report.families.iter().map(family).collect();
    }
    out.value(&told);
    let mut columns = Columns::new([
        "asset", "ended", "slices", "rows", "changed", "aside", "calls", "cpu", "took",
    ]);
    for step in &report.steps {
        let figures = &step.figures;
        columns.row([
            step.name.to_string(),
            step.ended.word().to_string(),
            slices(figures),
            figures.rows_in.map(|n| n.to_string()).unwrap_or_default(),
            number(figures.rows_changed),
            number(figures.rows_quarantined),
            figures.calls.map(number).unwrap_or_default(),
            figures.cpu.map(took).unwrap_or_default(),
            if step.attempts > 0 {
                took(figures.duration)
            } else {
                String::new()
            },
        ]);
    }
    out.line(columns.to_string());
    for family in &report.families {
        if let Ended::Failed(error) = &family.ended {
            out.note(app.redact(&format!("{}: {}", family.name, error.to_text())));
        }
        for note in &family.notes {
            out.note(app.redact(&format!("{}: {note}", family.name)));
        }
    }
    for step in &report.steps {
        match &step.ended {
            Ended::Failed(error) => out.note(app.redact(&format!("{}: {}", step.name, error.to_text()))),
            Ended::Skipped { because } => out.note(format!("{}: skipped, because {because}", step.name)),
            _ => {}
        }
        for note in &step.notes {
            out.note(app.redact(&format!("{}: {note}", step.name)));
        }
        for line in counted(&step.figures) {
            out.note(format!("{}: {line}", step.name));
        }
        if let Some(until) = step.parked_until {
            out.note(format!(
                "{}: parked until {until}; the next run after that goes on with it",
                step.name
            ));
        }
    }
    let written: u64 = report.steps.iter().map(|s| s.figures.bytes_written).sum();
    let counts: Vec<String> = report
        .counts()
        .into_iter()
        .map(|(word, n)| format!("{n} {word}"))
        .collect();
    let what = match counts.is_empty() {
        true => "there was nothing to do".to_string(),
        false => format!("{}; {} written", counts.join(", "), bytes(written)),
    };
    out.line(format!("{} in {}: {what}", report.word(), took(report.duration)));
    report.exit_code()
}

/// What came of a family, for programs.
fn family(found: &FamilyReport) -> serde_json::Value {
    let error = match &found.ended {
        Ended::Failed(error) => Some(error.to_json()),
        _ => None,
    };
    serde_json::json!({
        "family": found.name, "outcome": found.ended.word(), "new": found.new, "notes": found.notes, "error": error,
    })
}

/// What has no column of its own and is worth a line where it is not zero.
fn counted(figures: &Figures) -> Vec<String> {
    let mut lines = Vec::new();
    if figures.rows_doubled > 0 {
        lines.push(format!(
            "{} came more than once, equal in all columns, and {} counted once",
            count(figures.rows_doubled as usize, "row"),
            if figures.rows_doubled == 1 { "was" } else { "were" }
        ));
    }
    if figures.slices.gone > 0 {
        lines.push(format!(
            "{} no longer listed, and kept (`on_gone: keep`)",
            match figures.slices.gone {
                1 => "1 slice is".to_string(),
                n => format!("{n} slices are"),
            }
        ));
    }
    if figures.commits > 1 {
        lines.push(format!("{} commits", figures.commits));
    }
    lines
}

fn slices(figures: &Figures) -> String {
    let slices = &figures.slices;
    if slices.listed <= 1 {
        return String::new();
    }
    let mut text = format!("{} of {}", slices.done, slices.listed);
    for (n, what) in [
        (slices.parked, "parked"),
        (slices.failed, "failed"),
        (slices.closed, "closed"),
    ] {
        if n > 0 {
            text.push_str(&format!(", {n} {what}"));
        }
    }
    text
}

fn number(n: u64) -> String {
    if n == 0 { String::new() } else { n.to_string() }
}
