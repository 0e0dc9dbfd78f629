//! The first rows of an asset, through the real request, written nowhere.

use crate::app::App;
use crate::asked::{judge, words};
use crate::use_cases::run::RunRequest;
use segue_core::{Ctx, Result};
use segue_work::preview::{Asked, Preview};
use segue_work::report::Silent;
use std::sync::Arc;

/// The first rows that a run of this asset would read, with these `NAME=VALUE` words as its parameters; of one with ranges, those of the
/// newest range that is due. A parent that has no table yet is previewed too; nothing is written.
///
/// # Errors
/// Those of the source and of the statement, `Invalid` for a parameter that has no value, and for one that nothing takes.
pub async fn preview(app: &App, asset: &str, limit: u64, params: &[String], ctx: &Ctx) -> Result<Preview> {
    // Parents that have no table yet are previewed with the same parameters.
    let request = RunRequest {
        selector: vec![format!("+{asset}")],
        params: params.to_vec(),
        ..RunRequest::default()
    };
    let looked = app.looked(&request.selector, ctx).await?;
    let app = &looked.app;
    judge(app, &request)?;
    let asked = Asked {
        limit,
        params: words(params)?
            .into_iter()
            .map(|(name, word)| (name, word.into()))
            .collect(),
    };
    segue_work::preview::preview(&app.deps(Arc::new(Silent))?, &asset.parse()?, &asked, ctx).await
}
