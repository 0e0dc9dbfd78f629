//! `segue status` and `segue why`

use crate::args;
use crate::out::{Columns, Out, ago, instant};
use crate::verbs::check::count;
use segue_app::{App, Status};
use segue_core::{Ctx, Result};

/// The most parts that `why` shows one by one.
const MOST_PARTS: usize = 20;

pub async fn status(app: &App, status: &args::Status, ctx: &Ctx, out: &Out) -> Result<u8> {
    let all = segue_app::status(app, &status.select.selector, &status.params, ctx).await?;
    out.value(&all);
    let mut columns = Columns::new(["asset", "state", "parts", "read", "why"]);
    let now = ctx.clock.now();
    for status in &all {
        columns.row([
            status.name.to_string(),
            status.state.to_string(),
            parts(status),
            status.read_at.map(|at| ago(at, now)).unwrap_or_default(),
            app.redact(&reason(status, now)),
        ]);
    }
    out.line(columns.to_string());
    for status in &all {
        for (name, environment) in &status.elsewhere {
            out.note(format!("{}: reads {name} from {environment}", status.name));
        }
    }
    Ok(0)
}

pub async fn why(app: &App, asset: &str, params: &[String], ctx: &Ctx, out: &Out) -> Result<u8> {
    let reasons = segue_app::why(app, asset, params, ctx).await?;
    out.value(&reasons);
    let now = ctx.clock.now();
    let status = &reasons.status;
    out.line(format!("{}: {} ({})", status.name, status.state, parts(status)));
    if let Some(failed) = &status.failed {
        let line = format!(
            "  failed {}: {} (segue logs {})",
            ago(failed.at, now),
            failed.why,
            failed.run
        );
        out.line(app.redact(&line));
    }
    if let Some(why) = &status.why {
        out.line(format!("  because: {why}"));
    }
    for change in &reasons.changes {
        out.line(format!("  changed: {change}"));
    }
    for (name, version) in &reasons.inputs {
        let from = status
            .elsewhere
            .get(name)
            .map(|e| format!(" from {e}"))
            .unwrap_or_default();
        out.line(format!("  reads {name}{from} at version {version}"));
    }
    let listed = |name: &segue_core::AssetName| reasons.inputs.iter().any(|(read, _)| read == name);
    for (name, environment) in status.elsewhere.iter().filter(|(name, _)| !listed(name)) {
        out.line(format!("  reads {name} from {environment}"));
    }
    let due: Vec<_> = reasons.parts.iter().filter(|p| p.words != "fresh").collect();
    for part in due.iter().take(MOST_PARTS) {
        let range = part
            .range
            .map(|r| format!("{} to {} ", instant(r.from), instant(r.to)))
            .unwrap_or_default();
        let what = format!("{range}{}", part.labels);
        out.line(format!(
            "  {}: {}",
            if what.is_empty() { "the whole" } else { what.trim() },
            part.words
        ));
    }
    if due.len() > MOST_PARTS {
        out.line(format!("  and {} more; --json shows all", due.len() - MOST_PARTS));
    }
    for labels in reasons.gone.iter().take(MOST_PARTS) {
        out.line(format!("  {labels}: done, and no longer listed"));
    }
    if reasons.gone.len() > MOST_PARTS {
        out.line(format!(
            "  and {} more; --json shows all",
            reasons.gone.len() - MOST_PARTS
        ));
    }
    if let Some(read) = status.read_at {
        out.line(format!("  what is done was read {}", ago(read, now)));
    }
    Ok(0)
}

fn parts(status: &Status) -> String {
    match status.parts.values().sum::<u64>() {
        0 => String::new(),
        1 => "whole".to_string(),
        all if status.parts.len() == 1 => count(all as usize, "part"),
        _ => status
            .parts
            .iter()
            .map(|(state, n)| format!("{n} {state}"))
            .collect::<Vec<_>>()
            .join(", "),
    }
}

fn reason(status: &Status, now: jiff::Timestamp) -> String {
    let failed = status.failed.as_ref().map(|f| format!("{}: {}", ago(f.at, now), f.why));
    let until = status.until.map(|t| format!("parked, goes on {}", ago(t, now)));
    [failed, status.why.clone(), until]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join("; ")
}
