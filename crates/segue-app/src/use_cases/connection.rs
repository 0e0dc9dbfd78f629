//! Outside systems.

use crate::app::App;
use segue_core::{Ctx, Result};

/// Reaches a connection with its credentials and says in a line what was found.
///
/// # Errors
/// `NotFound` for a name that is none, and whatever keeps it from being reached.
pub async fn connection_test(app: &App, name: &str, ctx: &Ctx) -> Result<String> {
    let sources = app.sources();
    if sources.is_source(name)? {
        return ctx.or_cancelled(sources.source(name)?.test(ctx)).await;
    }
    // A target is reached by looking for what is in it.
    let sink = sources.sink(name)?;
    let tables = ctx.or_cancelled(sink.tables(ctx)).await?.len();
    Ok(format!(
        "{}: it can be opened; {tables} of our tables are in it",
        sink.identity()
    ))
}
