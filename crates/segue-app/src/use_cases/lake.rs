//! Keeping the lake in order.

use crate::app::App;
use crate::keeper::tables;
use segue_core::sink::{Sink, Target};
use segue_core::{AssetName, Ctx, Error, Kind, Result};
use segue_lake::{Compacted, HistoryEntry, Vacuumed};
use segue_spec::selector::Selector;
use segue_store::AssetRow;
use segue_work::step::known;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Whoever asks has two small files joined already; by themselves, runs wait until there are more.
const SMALL_FILES: usize = 2;

/// The versions of an asset's table, newest first.
///
/// # Errors
/// `NotFound` for an asset that never ran, `Unsupported` for one that is written elsewhere.
pub async fn lake_history(app: &App, asset: &str, limit: usize) -> Result<Vec<HistoryEntry>> {
    app.lake.history(&in_lake(&app.row(asset).await?)?, limit).await
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
/// than the oldest running step, or that a prepared or given-up commit or a note of what lies staged names.
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

/// An asset's own table, in the lake.
pub(super) fn in_lake(row: &AssetRow) -> Result<Target> {
    match &row.connection {
        None => Ok(known::own(row)),
        Some(connection) => Err(Error::new(
            Kind::Unsupported,
            format!("{} is written into `{connection}`, not into the lake", row.name),
        )),
    }
}

/// The assets that these words mean and that have a table; all for no words. Assets that left the project are meant by their names too.
async fn chosen(app: &App, words: &[String]) -> Result<Vec<AssetRow>> {
    let rows = app.store.assets().await?.into_iter().filter(|r| !r.dropped);
    if words.is_empty() {
        return Ok(rows.collect());
    }
    let mut rows: BTreeMap<String, AssetRow> = rows.map(|row| (row.name.to_string(), row)).collect();
    let mut chosen = BTreeSet::new();
    for word in words.iter().flat_map(|w| w.split([',', ' '])).filter(|w| !w.is_empty()) {
        let selector = Selector::parse([word])?;
        let left: Vec<String> = rows
            .keys()
            .filter(|name| !app.is_in_project(name) && selector.is_like(name))
            .cloned()
            .collect();
        match app.selected(&[word.to_string()]) {
            Ok(found) => chosen.extend(found.into_iter().map(|asset| asset.name.to_string())),
            Err(e) if e.kind() == Kind::NotFound && !left.is_empty() => {}
            Err(e) => return Err(e),
        }
        chosen.extend(left);
        // One that is named for itself and has no table is told; of several, those that have none are passed over.
        if app.is_in_project(word) && !rows.contains_key(word) {
            app.row(word).await?;
        }
    }
    Ok(chosen.iter().filter_map(|name| rows.remove(name)).collect())
}
