//! `segue record ASSET`

use crate::out::Out;
use crate::verbs::check::count;
use segue_app::App;
use segue_core::{Ctx, Result};
use std::path::Path;

pub async fn run(app: &App, asset: &str, into: Option<&Path>, params: &[String], ctx: &Ctx, out: &Out) -> Result<u8> {
    let recorded = segue_app::record(app, asset, into, params, ctx).await?;
    let folder = recorded.folder.display().to_string();
    let met = &recorded.met;
    out.value(&serde_json::json!({ "folder": folder, "answers": recorded.answers, "rows": recorded.rows, "met": met }));
    let (answers, rows) = (count(recorded.answers, "answer"), count(recorded.rows as usize, "row"));
    out.line(format!("{answers} kept in {folder}, of which {rows} would be made"));
    for line in met.reasons.iter().chain(&met.failures).chain(&met.notes) {
        out.note(app.redact(&format!("  {line}")));
    }
    Ok(0)
}
