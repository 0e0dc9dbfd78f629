//! `segue lake history | compact | vacuum`

use crate::args::Lake;
use crate::out::{Columns, Out, ago, bytes};
use crate::verbs::duration;
use segue_app::App;
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
    }
    Ok(0)
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
