//! What ran, and what it said.

use crate::app::App;
use segue_core::{Error, Kind, Result, RunId};
use segue_store::{LogRow, Run, Step};

/// The newest runs, newest first.
///
/// # Errors
/// Those of the state.
pub async fn runs(app: &App, limit: u32) -> Result<Vec<Run>> {
    app.store.runs(limit).await
}

/// A run with its steps and its lines; the newest one if none is named.
///
/// # Errors
/// `NotFound` when there is no such run.
pub async fn logs(app: &App, run: Option<&str>, asset: Option<&str>) -> Result<(RunId, Vec<Step>, Vec<LogRow>)> {
    let id = match run {
        Some(text) => text.parse()?,
        None => app
            .store
            .runs(1)
            .await?
            .first()
            .map(|r| r.id)
            .ok_or_else(|| Error::new(Kind::NotFound, "nothing ran yet"))?,
    };
    if app.store.run(id).await?.is_none() {
        return Err(Error::new(Kind::NotFound, format!("there is no run {id}")).hint("`segue runs` shows them"));
    }
    let steps = app.store.steps(id).await?;
    let steps = steps
        .into_iter()
        .filter(|s| asset.is_none_or(|a| s.row.name.to_string() == a))
        .collect();
    Ok((id, steps, app.store.logs(id, asset).await?))
}
