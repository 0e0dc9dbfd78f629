//! Keeping the lake in order.

use crate::app::App;
use segue_core::commit::{CommitRecord, Role};
use segue_core::sink::{Sink, Target};
use segue_core::state::CommitState;
use segue_core::{AssetName, Ctx, Error, Kind, Result};
use segue_lake::{Compacted, HistoryEntry, Lake, Vacuum, Vacuumed};
use segue_store::AssetRow;
use segue_work::step::known;
use std::collections::BTreeSet;
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
    let running_since = app
        .store
        .runs(1000)
        .await?
        .iter()
        .filter(|r| r.ended_at.is_none())
        .map(|r| r.started_at)
        .min();
    let mut done = Vec::new();
    for row in chosen(app, assets).await? {
        let guard = app.store.lease(row.id, &app.holder()).await?;
        let commits = app.store.commits(row.id).await?;
        let named: Vec<&CommitRecord> = commits.prepared.iter().chain(&commits.given_up).collect();
        for target in tables(&row) {
            if app.lake.head(&target, ctx).await?.schema.is_none() {
                continue;
            }
            let mut protect = BTreeSet::new();
            for record in &named {
                protect.extend(Lake::files_named_by(record, target.table)?);
            }
            let what = Vacuum {
                keep,
                running_since,
                protect,
                dry_run,
            };
            done.push((row.name.clone(), app.lake.vacuum(&target, &what, ctx).await?));
        }
        drop(guard);
    }
    Ok(done)
}

/// Removes an asset's table, its companions and what the state knows of it.
///
/// # Errors
/// `NotFound` for an asset that never ran, `Conflict` while a run holds it or the project still has it.
pub async fn asset_drop(app: &App, asset: &str, ctx: &Ctx) -> Result<AssetName> {
    let row = app.row(asset).await?;
    if app.project.assets.keys().any(|a| a.as_str() == asset) {
        return Err(Error::new(Kind::Conflict, format!("{asset} is still in the project"))
            .hint("remove its file first; `segue run --rebuild` builds a table anew without dropping it"));
    }
    let guard = app.store.lease(row.id, &app.holder()).await?;
    for target in tables(&row) {
        app.lake.drop_table(&target, ctx).await?;
    }
    if let Some(connection) = &row.connection {
        let own = known::own(&row);
        app.sources().sink(connection)?.drop_table(&own, ctx).await?;
    }
    app.store.drop_asset(row.id).await?;
    drop(guard);
    Ok(row.name)
}

/// The lake tables of an asset: its own, if it is there, and its companions.
fn tables(row: &AssetRow) -> Vec<Target> {
    let own = row.connection.is_none().then(|| known::own(row));
    own.into_iter()
        .chain([Role::Quarantine, Role::Pages].map(|role| known::companion(row, role)))
        .collect()
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
