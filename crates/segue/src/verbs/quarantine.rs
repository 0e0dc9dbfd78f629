//! `segue quarantine list | show | replay | discard`

use crate::args::{Format, Quarantine, Which};
use crate::out::Out;
use crate::progress;
use crate::verbs::check::count;
use crate::verbs::sql::show;
use crate::verbs::{agreed, duration, work};
use segue_app::work::{Ended, HandledRows, RunReport};
use segue_app::{App, AsideRequest};
use segue_core::{Ctx, Error, Kind, Result};
use serde_json::json;

pub async fn run(app: &App, verb: &Quarantine, ctx: &Ctx, out: &Out) -> Result<u8> {
    let format = if out.json { Format::JsonLines } else { Format::Table };
    match verb {
        Quarantine::List => match segue_app::quarantine_list(app, ctx).await? {
            Some(answer) => show(answer, format).await?,
            None => out.line("nothing was ever set aside"),
        },
        Quarantine::Show { asset, limit } => {
            show(segue_app::quarantine_show(app, asset, *limit, ctx).await?, format).await?;
        }
        Quarantine::Replay {
            asset,
            which,
            dry_run,
            patience,
        } => {
            let request = AsideRequest {
                wait: duration(&patience.wait)?,
                ..request(asset, which)
            };
            if *dry_run {
                let rows = segue_app::quarantine_foretold(app, &request, ctx).await?;
                out.value(&json!({ "asset": asset, "dry_run": true, "rows": rows }));
                told(asset, &rows, true, out);
                return Ok(0);
            }
            let report = segue_app::quarantine_replay(app, &request, progress::of(out), ctx).await?;
            return Ok(ended(app, asset, &report, out));
        }
        Quarantine::Discard {
            asset,
            which,
            why,
            yes,
            patience,
        } => {
            let request = AsideRequest {
                why: why.clone(),
                wait: duration(&patience.wait)?,
                ..request(asset, which)
            };
            let rows = segue_app::quarantine_meant(app, &request, ctx).await?;
            let question = format!("Discard {} of {asset} for good?", count(rows as usize, "row"));
            if rows > 0 && !yes && !agreed(&question, out)? {
                return Err(Error::new(Kind::Cancelled, "nothing was discarded"));
            }
            let report = segue_app::quarantine_discard(app, &request, progress::of(out), ctx).await?;
            return Ok(ended(app, asset, &report, out));
        }
    }
    Ok(0)
}

fn request(asset: &str, which: &Which) -> AsideRequest {
    AsideRequest {
        asset: asset.to_string(),
        reason: which.reason.clone(),
        condition: which.condition.clone(),
        ..AsideRequest::default()
    }
}

/// What came of it; the exit code.
fn ended(app: &App, asset: &str, report: &RunReport, out: &Out) -> u8 {
    let step = report.steps.first().filter(|step| matches!(step.ended, Ended::Done));
    // What failed is told as of any run.
    let Some(step) = step else {
        return work::show(app, report, out);
    };
    let rows = step.handled.clone().unwrap_or_default();
    out.value(&json!({ "run": report.run, "asset": asset, "dry_run": false, "rows": rows, "notes": step.notes }));
    for note in &step.notes {
        out.note(app.redact(&format!("{asset}: {note}")));
    }
    told(asset, &rows, false, out);
    report.exit_code()
}

fn told(asset: &str, rows: &HandledRows, is_dry: bool, out: &Out) {
    if rows.discarded > 0 {
        out.line(format!(
            "{} of {asset} discarded",
            count(rows.discarded as usize, "row")
        ));
        return;
    }
    if rows.chosen == 0 {
        out.line(format!("no row of {asset} is meant"));
        return;
    }
    let would = if is_dry { "would go" } else { "went" };
    out.line(format!(
        "{asset}: {} of {} {would} into the table",
        rows.replayed,
        count(rows.chosen as usize, "row")
    ));
    if rows.there > 0 {
        out.line(format!(
            "  {} there already, and need no place in quarantine",
            are(rows.there)
        ));
    }
    if rows.newer > 0 {
        out.line(format!(
            "  {} left, because the table has something newer under their keys, or nobody can tell",
            are(rows.newer)
        ));
    }
    if rows.stay > 0 {
        out.line(format!(
            "  {} in quarantine:",
            if rows.stay == 1 {
                "1 stays".to_string()
            } else {
                format!("{} stay", rows.stay)
            }
        ));
        for (why, n) in &rows.because {
            out.line(format!("    {n} × {why}"));
        }
    }
}

fn are(n: u64) -> String {
    match n {
        1 => "1 is".to_string(),
        n => format!("{n} are"),
    }
}
