//! `segue plan` and `segue apply`

use crate::args::{Apply, Plan};
use crate::out::Out;
use crate::progress;
use crate::verbs::work::{request, show};
use crate::verbs::{agreed, check::count};
use segue_app::{App, PlanReport, PlannedAsset};
use segue_core::{Context, Ctx, Error, Kind, Result};
use std::path::Path;

/// `plan --exit-code` when there are changes.
const CHANGES: u8 = 10;

/// Whether the project says something else than what its tables were made by: what a person would want to see before it runs. Data that is
/// due (a copy that is asked at every run, a range that is missing) is no change; a run would do it day after day.
fn has_changes(plan: &PlanReport) -> bool {
    let changed = |a: &PlannedAsset| a.is_new || a.class.is_some() || !a.differences.is_empty() || a.needs.is_some();
    plan.assets.iter().any(changed)
}

pub async fn plan(app: &App, plan: &Plan, ctx: &Ctx, out: &Out) -> Result<u8> {
    let request = request("run", &plan.work);
    segue_app::judge(app, &request)?;
    let made = segue_app::plan(app, &request, ctx).await?;
    if let Some(file) = &plan.save {
        save(app, file, &made)?;
    }
    out.value(&made);
    draw(&made, out);
    Ok(if plan.exit_code && has_changes(&made) {
        CHANGES
    } else {
        0
    })
}

pub async fn apply(app: &App, apply: &Apply, ctx: &Ctx, out: &Out) -> Result<u8> {
    if let Some(connection) = &apply.accept_source {
        let names = segue_app::accept_source(app, connection, ctx).await?;
        out.value(&serde_json::json!({ "accepted": connection, "assets": names }));
        out.line(format!(
            "the present address of `{connection}` is the source of {} from now on",
            count(names.len(), "asset")
        ));
        return Ok(0);
    }
    let made: PlanReport = match &apply.plan {
        Some(file) => saved(app, file)?,
        None => {
            let made = segue_app::plan(
                app,
                &segue_app::RunRequest {
                    kind: "apply".into(),
                    ..Default::default()
                },
                ctx,
            )
            .await?;
            out.value(&made);
            draw(&made, out);
            if made.has_work() && !apply.yes && !agreed("Carry this out?", out)? {
                return Err(Error::new(Kind::Cancelled, "nothing was applied"));
            }
            made
        }
    };
    let report = segue_app::apply(app, &made, progress::of(out), ctx).await?;
    Ok(show(app, &report, out))
}

/// Writes a plan into a file. An older plan is replaced, anything else is not.
fn save(app: &App, file: &Path, plan: &PlanReport) -> Result<()> {
    let path = app.folder.join(file);
    if path.is_file() && saved(app, file).is_err() {
        return Err(Error::new(
            Kind::Conflict,
            format!("{} is there, and it is not a plan", file.display()),
        )
        .hint("name another file: only an older plan is replaced"));
    }
    let text = serde_json::to_string_pretty(plan).context(Kind::Bug, "a plan is not JSON")?;
    std::fs::write(path, text).context(Kind::Unavailable, format!("cannot write {}", file.display()))
}

fn saved(app: &App, file: &Path) -> Result<PlanReport> {
    let text = std::fs::read_to_string(app.folder.join(file))
        .context(Kind::NotFound, format!("cannot read {}", file.display()))?;
    serde_json::from_str(&text).context(
        Kind::Invalid,
        format!("{} is not a plan that `segue plan --save` wrote", file.display()),
    )
}

/// What a run would do, for people.
fn draw(plan: &PlanReport, out: &Out) {
    for asset in plan.assets.iter().filter(|a| a.has_work()) {
        let class = asset.class.as_deref().map(|c| format!(" [{c}]")).unwrap_or_default();
        out.line(format!("{}{class}: {}", asset.name, asset.summary()));
        for difference in &asset.differences {
            out.line(format!("    {difference}"));
        }
        for broken in &asset.breaks {
            out.line(format!("    breaks {broken}"));
        }
        if let Some(needs) = &asset.needs {
            out.line(format!("    {needs}"));
        }
    }
    let work = plan.assets.iter().filter(|a| a.has_work()).count();
    match work {
        0 => out.line("nothing to do: everything is fresh"),
        n => out.line(format!("{} to run, {} fresh", count(n, "asset"), plan.assets.len() - n)),
    }
}
