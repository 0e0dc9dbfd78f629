//! A small try of assets, beside their real tables.

use crate::app::App;
use crate::asked::{judge, words};
use crate::use_cases::run::RunRequest;
use segue_core::{Ctx, Error, Kind, Result};
use segue_diag::TRY_WORDS;
use segue_work::asset_name;
use segue_work::tries::{Tried, Try};

/// Tries the chosen assets: at most `limit` rows of each, of no more slices or parents than that, written to tables of the schema `into`.
/// Of the real tables, what is known of them, and other systems nothing is changed.
///
/// # Errors
/// `Invalid` for words that mean nothing in a try, and for a schema that is not free for it; how each asset ended is told of it.
pub async fn tries(app: &App, request: &RunRequest, limit: u64, into: &str, ctx: &Ctx) -> Result<Vec<Tried>> {
    let of_run = [
        ("--again", request.again),
        ("--rebuild", request.rebuild),
        ("--from", request.from.is_some()),
        ("--to", request.to.is_some()),
    ];
    if let Some((word, _)) = of_run.into_iter().find(|(_, is_given)| *is_given) {
        return Err(Error::new(Kind::Invalid, format!("{word} means nothing in a try"))
            .code(TRY_WORDS)
            .hint(
                "a try reads a few rows each time, and of an asset with ranges those of the newest one: leave it out",
            ));
    }
    if limit == 0 {
        return Err(Error::new(Kind::Invalid, "a try of no rows is none")
            .code(TRY_WORDS)
            .hint("--limit 100"));
    }
    let looked = app.looked(&request.selector, ctx).await?;
    let app = &looked.app;
    judge(app, request)?;
    let chosen = app.selected(&request.selector)?;
    let asked = Try {
        assets: chosen.into_iter().map(|asset| asset_name(&asset.name)).collect(),
        into: into.to_string(),
        limit,
        params: words(&request.params)?
            .into_iter()
            .map(|(name, word)| (name, word.into()))
            .collect(),
    };
    segue_work::tries::tries(&app.lake_deps(), &asked, ctx).await
}

/// Fails for a try that is only half asked for.
///
/// # Errors
/// `Invalid`, with what is missing.
pub fn try_words(limit: Option<u64>, into: Option<&str>) -> Result<Option<(u64, &str)>> {
    match (limit, into) {
        (Some(limit), Some(into)) => Ok(Some((limit, into))),
        (None, None) => Ok(None),
        (Some(limit), None) => Err(Error::new(Kind::Invalid, "--limit is given without --into")
            .code(TRY_WORDS)
            .hint(format!(
                "a few rows must not take the place of all: write them beside the real tables, --limit {limit} --into scratch; to look at them only, `segue preview`"
            ))),
        (None, Some(into)) => Err(Error::new(Kind::Invalid, "--into is given without --limit")
            .code(TRY_WORDS)
            .hint(format!("a try has an end: --limit 100 --into {into}"))),
    }
}
