//! `segue runs` and `segue logs`

use crate::out::{Columns, Out, ago, took};
use segue_app::App;
use segue_core::Result;
use std::time::Duration;

pub async fn runs(app: &App, limit: u32, out: &Out) -> Result<u8> {
    let runs = segue_app::runs(app, limit).await?;
    out.value(&runs);
    if runs.is_empty() {
        out.line("nothing ran yet");
        return Ok(0);
    }
    let mut columns = Columns::new(["run", "what", "began", "took", "ended"]);
    let now = app.ctx.clock.now();
    for run in runs {
        let length = run
            .ended_at
            .map(|end| took(Duration::try_from(end.duration_since(run.started_at)).unwrap_or_default()));
        let what = format!("{} {}", run.kind, run.selector);
        columns.row([
            run.id.to_string(),
            what.trim().to_string(),
            ago(run.started_at, now),
            length.unwrap_or_default(),
            run.outcome.unwrap_or_else(|| "under way".into()),
        ]);
    }
    out.line(columns.to_string());
    Ok(0)
}

pub async fn logs(app: &App, run: Option<&str>, asset: Option<&str>, out: &Out) -> Result<u8> {
    if let Some(asset) = asset {
        app.known(asset).await?;
    }
    let (run, steps, lines) = segue_app::logs(app, run, asset).await?;
    out.value(&serde_json::json!({ "run": run, "steps": steps, "lines": lines }));
    out.line(format!("run {run}"));
    for step in steps {
        let ended = step.end.as_ref().map_or("under way", |e| e.outcome.as_str());
        let message = step.end.as_ref().and_then(|e| e.message.clone()).unwrap_or_default();
        let attempt = if step.row.attempt > 1 {
            format!(", try {}", step.row.attempt)
        } else {
            String::new()
        };
        out.line(format!("  {} {ended}{attempt}  {message}", step.row.name).trim_end());
    }
    for line in lines {
        let step = line.step.map(|s| format!(" {s}")).unwrap_or_default();
        out.line(format!(
            "{} {:<5}{step}: {}",
            line.at,
            line.level,
            app.redact(&line.message)
        ));
    }
    Ok(0)
}
