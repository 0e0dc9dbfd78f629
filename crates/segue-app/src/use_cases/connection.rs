//! Outside systems.

use crate::app::App;
use segue_core::gate::Block;
use segue_core::{Ctx, Error, Kind, Result};

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

/// Lifts the blocks of a connection that hold now, and gives them. A run that is under way may have met them, and keeps to them to its end.
///
/// # Errors
/// `NotFound` for a name that is none, `Unsupported` for a connection that nothing is asked of, those of its settings and of the state.
pub async fn connection_unblock(app: &App, name: &str) -> Result<Vec<Block>> {
    let sources = app.sources();
    if !sources.is_source(name)? {
        return Err(Error::new(
            Kind::Unsupported,
            format!("the connection `{name}` is not asked for anything, and so never blocked"),
        ));
    }
    let identity = sources.source(name)?.identity();
    app.store.unblock(&identity).await
}
