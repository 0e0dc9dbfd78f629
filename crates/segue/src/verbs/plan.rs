//! `segue plan` and `segue apply`

use crate::args;
use crate::out::{Out, took};
use crate::progress;
use crate::verbs::work::{request, show};
use crate::verbs::{agreed, check::count, duration};
use segue_app::{App, Passes, PlanReport, Planned};
use segue_core::{Context, Ctx, Error, Kind, Result};
use std::path::Path;
use std::time::Duration;

/// `plan --exit-code` when there are changes.
const CHANGES: u8 = 10;

pub async fn plan(app: &App, plan: &args::Plan, ctx: &Ctx, out: &Out) -> Result<u8> {
    let request = request("run", &plan.work);
    let made = segue_app::plan(app, &request, ctx).await?;
    if let Some(file) = &plan.save {
        save(app, file, &made)?;
    }
    out.value(&made);
    draw(&made, out);
    Ok(if plan.exit_code && made.plan.has_changes() {
        CHANGES
    } else {
        0
    })
}

pub async fn apply(app: &App, apply: &args::Apply, ctx: &Ctx, out: &Out) -> Result<u8> {
    if let Some(connection) = &apply.accept_source {
        let names = segue_app::accept_source(app, connection, ctx).await?;
        out.value(&serde_json::json!({ "accepted": connection, "assets": names }));
        out.line(format!(
            "the present address of `{connection}` is the source of {} from now on",
            count(names.len(), "asset")
        ));
        return Ok(0);
    }
    let wait = duration(&apply.patience.wait)?;
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
            if made.plan.has_work() && !apply.yes && !agreed("Carry this out?", out)? {
                return Err(Error::new(Kind::Cancelled, "nothing was applied"));
            }
            made
        }
    };
    let report = segue_app::apply(app, &made, wait, progress::of(out), ctx).await?;
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
fn draw(made: &PlanReport, out: &Out) {
    let plan = &made.plan;
    for family in &made.families {
        for note in &family.notes {
            out.note(format!("{}: {note}", family.name));
        }
        if let Some(refused) = &family.refused {
            out.note(format!("{}: a run would fail: {}", family.name, refused.message));
            if let Some(hint) = &refused.hint {
                out.note(format!("  hint: {hint}"));
            }
        }
    }
    for asset in plan.assets.iter().filter(|a| a.has_work()) {
        let class = asset.class.as_deref().filter(|_| !asset.is_new);
        let class = class.map(|c| format!(" [{c}]")).unwrap_or_default();
        out.line(format!("{}{class}: {}", asset.name, asset.summary()));
        for line in details(asset) {
            out.line(format!("    {line}"));
        }
    }
    for name in &plan.removed {
        out.line(format!(
            "{name} [breaking]: no longer in the project; its table stays until `segue asset drop {name}`"
        ));
    }
    let work = plan.assets.iter().filter(|a| a.has_work()).count();
    match work {
        0 if plan.removed.is_empty() => out.line("nothing to do: everything is fresh"),
        0 => out.line("nothing to run"),
        n => out.line(format!("{} to run, {} fresh", count(n, "asset"), plan.assets.len() - n)),
    }
}

fn details(asset: &Planned) -> Vec<String> {
    let mut lines = asset.differences.clone();
    lines.extend(asset.breaks.iter().map(|broken| format!("breaks {broken}")));
    if asset.listed > 1 && !asset.first.is_empty() {
        let more = match asset.parts - asset.first.len() as u64 {
            0 => String::new(),
            n => format!(" and {n} more"),
        };
        lines.push(format!("{}{more}", asset.first.join(", ")));
    }
    let estimate = &asset.estimate;
    let about = [
        estimate.requests.map(|n| match n {
            1 => "1 request".to_string(),
            n => format!("{n} requests"),
        }),
        estimate.rows.map(|n| count(n as usize, "row")),
        estimate.duration_us.map(|us| took(Duration::from_micros(us))),
    ];
    let about: Vec<String> = about.into_iter().flatten().collect();
    if !about.is_empty() {
        lines.push(format!("about {}", about.join(", ")));
    }
    let elsewhere = asset.elsewhere.iter();
    lines.extend(elsewhere.map(|(name, environment)| format!("reads {name} from {environment}")));
    lines.extend(asset.columns.clone());
    lines.extend(asset.passes.as_ref().map(|passes| match passes {
        Passes::AsTheyAre => "rows pass through as they are, with the types that they have there".to_string(),
        Passes::ByValue(why) => format!("rows are read value by value, and do not pass through as they are: {why}"),
        Passes::Unknown(why) => format!("whether rows pass through as they are could not be asked: {why}"),
    }));
    match asset.gone {
        0 => {}
        1 => lines.push("a slice is no longer listed, and kept".into()),
        n => lines.push(format!("{n} slices are no longer listed, and kept")),
    }
    if let Some(refused) = &asset.refused {
        lines.push(format!("a run would refuse it: {}", refused.message));
        lines.extend(refused.hint.as_ref().map(|hint| format!("hint: {hint}")));
    }
    lines
}
