//! The first rows of an asset, through the real request, written nowhere.

use crate::app::App;
use segue_core::engine::Answer;
use segue_core::{Ctx, Result};
use segue_work::preview::Asked;
use segue_work::report::Silent;
use std::sync::Arc;

/// The first rows that a run of this asset would read, with these `NAME=VALUE` words as its parameters; of one with ranges, those of the
/// newest range that is due. A parent that has no table yet is previewed too; nothing is written.
///
/// # Errors
/// Those of the source and of the statement, `Invalid` for a parameter that has no value.
pub async fn preview(app: &App, asset: &str, limit: u64, params: &[String], ctx: &Ctx) -> Result<Answer> {
    let asked = Asked {
        limit,
        params: crate::use_cases::sql::params(params)?.into_iter().collect(),
    };
    segue_work::preview::preview(&app.deps(Arc::new(Silent))?, &asset.parse()?, &asked, ctx).await
}
