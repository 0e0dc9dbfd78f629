//! The answers of web APIs on record: read once for real, and given again by `run --replay`.

use crate::app::App;
use crate::use_cases::preview::preview;
use segue_core::{Ctx, Result};
use segue_work::preview::Met;
use std::path::{Path, PathBuf};

/// What was recorded.
pub struct Recorded {
    /// Where.
    pub folder: PathBuf,
    /// How many answers.
    pub answers: usize,
    /// How many rows they make.
    pub rows: u64,
    /// What was met on the way.
    pub met: Met,
}

/// Reads everything that a first run of this asset would read, and keeps the answers of web APIs in a folder, without secrets; without one given in
/// `fixtures/ASSET` of the project. No table is written.
///
/// # Errors
/// As [`preview`]; `Denied` where the folder cannot be written.
pub async fn record(app: &App, asset: &str, into: Option<&Path>, params: &[String], ctx: &Ctx) -> Result<Recorded> {
    let folder = into.map_or_else(|| app.folder.join("fixtures").join(asset), Path::to_path_buf);
    let (recording, tape) = app.recording(&folder)?;
    let preview = preview(&recording, asset, u64::MAX, params, ctx).await?;
    let mut rows = 0;
    let mut batches = preview.answer.rows;
    while let Some(batch) = futures::StreamExt::next(&mut batches).await {
        rows += batch?.num_rows() as u64;
    }
    Ok(Recorded {
        folder,
        answers: tape.count(),
        rows,
        met: preview.met,
    })
}
