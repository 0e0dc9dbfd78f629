//! `segue preview ASSET`

use crate::args::Format;
use crate::out::{Out, say};
use crate::verbs::check::count;
use crate::verbs::sql::show;
use segue_app::App;
use segue_core::{Ctx, Result};

pub async fn run(app: &App, asset: &str, limit: u64, params: &[String], ctx: &Ctx, out: &Out) -> Result<u8> {
    let preview = segue_app::preview(app, asset, limit, params, ctx).await?;
    let met = preview.met;
    show(preview.answer, if out.json { Format::JsonLines } else { Format::Table }).await?;
    if out.json {
        // Standard output has rows alone.
        if met != Default::default() {
            say(app.redact(&serde_json::json!({ "met": met }).to_string()));
        }
        return Ok(0);
    }
    if met.rejected > 0 {
        out.note(format!(
            "{} would be set aside:",
            count(met.rejected as usize, "record")
        ));
    }
    for line in met.reasons.iter().chain(&met.failures).chain(&met.notes) {
        out.note(app.redact(&format!("  {line}")));
    }
    Ok(0)
}
