//! `segue lake history | compact | vacuum | restore`

use crate::args::{self, Lake};
use crate::out::{Columns, Out, ago, bytes};
use crate::verbs::duration;
use segue_app::{App, AsOf, Position, RestoreRequest, Restored, moment};
use segue_core::{Ctx, Result};

pub async fn run(app: &App, verb: &Lake, ctx: &Ctx, out: &Out) -> Result<u8> {
    match verb {
        Lake::History { asset, limit } => history(app, asset, *limit, out).await?,
        Lake::Compact(select) => {
            for (name, done) in segue_app::lake_compact(app, &select.selector, ctx).await? {
                out.value(&serde_json::json!({ "asset": name, "compacted": done }));
                if done.version.is_some() {
                    out.line(format!(
                        "  {name}: {} files became {}, {}",
                        done.files_removed,
                        done.files_added,
                        bytes(done.bytes_written)
                    ));
                }
            }
        }
        Lake::Vacuum { select, keep, dry_run } => {
            let keep = duration(keep)?;
            let mut total = 0;
            for (name, done) in segue_app::lake_vacuum(app, &select.selector, keep, *dry_run, ctx).await? {
                out.value(&serde_json::json!({ "asset": name, "vacuumed": done, "dry_run": dry_run }));
                total += done.bytes;
                if !done.files.is_empty() {
                    let verb = if *dry_run { "would go" } else { "are gone" };
                    out.line(format!(
                        "  {name}: {} files {verb}, {}",
                        done.files.len(),
                        bytes(done.bytes)
                    ));
                }
            }
            out.line(format!(
                "{} {}",
                bytes(total),
                if *dry_run { "would be freed" } else { "freed" }
            ));
        }
        Lake::Restore {
            asset,
            as_of,
            position,
            dry_run,
        } => {
            let version = match (as_of.version, &as_of.at) {
                (None, Some(at)) => AsOf::Time(moment(at, &app.project.timezone)?),
                (version, _) => AsOf::Version(version.unwrap_or_default()),
            };
            let request = RestoreRequest {
                asset: asset.clone(),
                version,
                position: position.map(|p| match p {
                    args::Position::Keep => Position::Keep,
                    args::Position::Reset => Position::Reset,
                }),
                dry_run: *dry_run,
            };
            restored(&segue_app::lake_restore(app, &request, ctx).await?, *dry_run, out);
        }
    }
    Ok(0)
}

fn restored(done: &Restored, dry_run: bool, out: &Out) {
    out.value(done);
    if done.unchanged {
        out.line(format!(
            "{} is as in version {}: nothing to do",
            done.asset, done.version
        ));
        return;
    }
    match done.made {
        Some(made) => out.line(format!(
            "{} is again as in version {}: version {made}",
            done.asset, done.version
        )),
        None => out.line(format!("{} would be as in version {} again", done.asset, done.version)),
    }
    let (come, go) = if dry_run {
        ("would come back", "would go")
    } else {
        ("came back", "went")
    };
    out.line(format!(
        "  rows: {} {come}, {} {go}; files: {} {come}, {} {go}",
        done.rows_added, done.rows_removed, done.files_added, done.files_removed
    ));
    for line in done.columns.iter().chain(&done.notes) {
        out.line(format!("  {line}"));
    }
    if !done.readers.is_empty() {
        out.line(format!(
            "  read by {}: computed anew where that reads what changed",
            done.readers.join(", ")
        ));
    }
    out.line(format!("  {}", done.next));
}

async fn history(app: &App, asset: &str, limit: usize, out: &Out) -> Result<()> {
    let entries = segue_app::lake_history(app, asset, limit).await?;
    out.value(&entries);
    let mut columns = Columns::new(["version", "when", "commit", "files", "what"]);
    let now = app.ctx.clock.now();
    for entry in entries {
        let what = entry.operation.unwrap_or_default();
        columns.row([
            entry.version.to_string(),
            entry.at.map(|at| ago(at, now)).unwrap_or_default(),
            entry.n.map(|n| n.to_string()).unwrap_or_default(),
            format!("+{} -{}", entry.files_added, entry.files_removed),
            if entry.data_changed {
                what
            } else {
                format!("{what}, no row changed").trim_start_matches(", ").to_string()
            },
        ]);
    }
    out.line(columns.to_string());
    Ok(())
}
