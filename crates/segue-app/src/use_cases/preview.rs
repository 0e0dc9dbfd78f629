//! The first rows of an asset, through the real request, written nowhere.

use crate::app::App;
use segue_core::engine::Answer;
use segue_core::{Ctx, Result};

/// The first rows that a run of this asset would read. A parent that has no table yet is previewed too; nothing is written.
///
/// # Errors
/// Those of the source and of the statement.
pub async fn preview(app: &App, asset: &str, limit: u64, ctx: &Ctx) -> Result<Answer> {
    segue_work::preview::preview(
        &app.deps(std::sync::Arc::new(segue_work::report::Silent))?,
        &asset.parse()?,
        limit,
        ctx,
    )
    .await
}
