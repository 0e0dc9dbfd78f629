//! Keeping the lake in order.

use crate::app::App;
use crate::keeper::tables;
use segue_core::fault::{Boundary, reach};
use segue_core::sink::{Sink, Target};
use segue_core::{AssetName, Ctx, Error, Kind, Result};
use segue_lake::{Compacted, HistoryEntry, Vacuumed};
use segue_store::AssetRow;
use segue_work::step::known;
use serde::Serialize;
use std::time::Duration;

/// Tables with at least so many small files are compacted.
const SMALL_FILES: usize = 8;

/// The versions of an asset's table, newest first.
///
/// # Errors
/// `NotFound` for an asset that never ran, `Unsupported` for one that is written elsewhere.
pub async fn lake_history(app: &App, asset: &str, limit: usize) -> Result<Vec<HistoryEntry>> {
    app.lake.history(&in_lake(app, asset).await?, limit).await
}

/// Joins the small files of these assets' tables and of their companions.
///
/// # Errors
/// `Conflict` when a run holds one of them; those of the lake.
pub async fn lake_compact(app: &App, assets: &[String], ctx: &Ctx) -> Result<Vec<(AssetName, Compacted)>> {
    let mut done = Vec::new();
    for row in chosen(app, assets).await? {
        let guard = app.store.lease(row.id, &app.holder()).await?;
        for target in tables(&row) {
            if app.lake.head(&target, ctx).await?.schema.is_some() {
                done.push((row.name.clone(), app.lake.compact(&target, SMALL_FILES, ctx).await?));
            }
        }
        drop(guard);
    }
    Ok(done)
}

/// Deletes files that no version within `keep` needs, of these assets' tables and of their companions. Never a file that is younger
/// than the oldest running step, or that a prepared or given-up commit names.
///
/// # Errors
/// `Conflict` when a run holds one of them; those of the lake.
pub async fn lake_vacuum(
    app: &App,
    assets: &[String],
    keep: Duration,
    dry_run: bool,
    ctx: &Ctx,
) -> Result<Vec<(AssetName, Vacuumed)>> {
    let mut done = Vec::new();
    for row in chosen(app, assets).await? {
        let guard = app.store.lease(row.id, &app.holder()).await?;
        for target in tables(&row) {
            if app.lake.head(&target, ctx).await?.schema.is_none() {
                continue;
            }
            done.push((
                row.name.clone(),
                app.keeper().vacuum(&row, &target, keep, dry_run, ctx).await?,
            ));
        }
        drop(guard);
    }
    Ok(done)
}

/// An asset that was dropped.
#[derive(Clone, Debug, Serialize)]
pub struct Dropped {
    /// Which.
    pub dropped: AssetName,
    /// The connection in which its table stays, because the project no longer has it.
    pub left: Option<String>,
}

/// Removes an asset's table, its companions and what the state knows of it. A table in a connection that the project no longer has cannot
/// be reached, and stays.
///
/// # Errors
/// `NotFound` for an asset that never ran, `Conflict` while a run holds it or the project still has it; those of its connection.
pub async fn asset_drop(app: &App, asset: &str, ctx: &Ctx) -> Result<Dropped> {
    let row = app.row(asset).await?;
    if app.project.assets.keys().any(|a| a.as_str() == asset) {
        return Err(Error::new(Kind::Conflict, format!("{asset} is still in the project"))
            .hint("remove its file first; `segue run --rebuild` builds a table anew without dropping it"));
    }
    // Before anything is removed: a connection that cannot be opened leaves all as it is.
    let sink = match &row.connection {
        Some(name) if app.project.connections.contains_key(name) => Some(app.sources().sink(name)?),
        _ => None,
    };
    let guard = app.store.lease(row.id, &app.holder()).await?;
    for target in tables(&row) {
        app.lake.drop_table(&target, ctx).await?;
    }
    if let Some(sink) = &sink {
        sink.drop_table(&known::own(&row), ctx).await?;
    }
    reach(Boundary::Dropped);
    app.store.drop_asset(row.id).await?;
    drop(guard);
    Ok(Dropped {
        dropped: row.name,
        left: row.connection.filter(|_| sink.is_none()),
    })
}

async fn in_lake(app: &App, asset: &str) -> Result<Target> {
    let row = app.row(asset).await?;
    match &row.connection {
        None => Ok(known::own(&row)),
        Some(connection) => Err(Error::new(
            Kind::Unsupported,
            format!("{asset} is written into `{connection}`, not into the lake"),
        )),
    }
}

/// The assets of these names, or all that have a table.
async fn chosen(app: &App, names: &[String]) -> Result<Vec<AssetRow>> {
    if names.is_empty() {
        return Ok(app.store.assets().await?.into_iter().filter(|r| !r.dropped).collect());
    }
    let mut rows = Vec::new();
    for name in names {
        rows.push(app.row(name).await?);
    }
    Ok(rows)
}
