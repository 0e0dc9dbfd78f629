//! `segue state backup | rebuild`

use crate::args::State;
use crate::out::Out;
use crate::verbs::check::count;
use segue_app::App;
use segue_core::{Ctx, Result};

pub async fn run(app: &App, verb: &State, ctx: &Ctx, out: &Out) -> Result<u8> {
    match verb {
        State::Backup { to } => {
            segue_app::state_backup(app, to).await?;
            out.value(&serde_json::json!({ "backup": to }));
            out.line(format!("the state is copied to {}", to.display()));
        }
        State::Rebuild => {
            let rebuilt = segue_app::state_rebuild(app, ctx).await?;
            out.value(&rebuilt);
            for asset in &rebuilt.assets {
                let finished = if asset.finished {
                    ", the last of them finished now"
                } else {
                    ""
                };
                out.line(format!(
                    "  {}: {} read, {} done{finished}",
                    asset.name,
                    count(asset.commits, "commit"),
                    count(asset.done, "part")
                ));
                if let Some(first) = asset.begins_at {
                    out.note(format!(
                        "{}: the records of its commits before {first} are lost; what is done is known without them",
                        asset.name
                    ));
                }
                if let Some(lost) = &asset.without {
                    out.note(format!("{}: {}", asset.name, app.redact(lost)));
                }
            }
            for name in &rebuilt.in_step {
                out.line(format!("  {name}: in step with its table already"));
            }
            for place in &rebuilt.left_out {
                out.note(format!("left out: {}", app.redact(place)));
            }
            out.line(format!(
                "{} brought back. What only the state knew is gone: run history, parked times, approvals.",
                count(rebuilt.assets.len(), "asset")
            ));
            return Ok(if rebuilt.left_out.is_empty() { 0 } else { 8 });
        }
    }
    Ok(0)
}
