//! What a connection offers to be copied.

use crate::app::App;
use crate::choice::Choice;
use segue_core::source::Discovered;
use segue_core::{Ctx, Result};

/// The tables of a connection that are like one of these patterns, with their columns; all of them for no patterns.
///
/// # Errors
/// `NotFound` for a connection or a pattern that means nothing, `Unsupported` where a source does not say what it has, and whatever keeps it
/// from being asked.
pub async fn discover(app: &App, connection: &str, patterns: &[String], ctx: &Ctx) -> Result<Vec<Discovered>> {
    let choice = Choice::parse(patterns, &[])?;
    let source = app.sources().source(connection)?;
    let found = source.discover(&|table| choice.takes(table), ctx).await?;
    if !choice.wanted.is_empty() {
        choice.means_something(&source.tables(ctx).await?, connection)?;
    }
    Ok(found)
}
