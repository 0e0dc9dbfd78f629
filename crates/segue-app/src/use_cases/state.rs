//! Keeping the state: a copy while it is used, and bringing it back from the tables.

use crate::app::App;
use segue_core::sink::Sink;
use segue_core::{AssetName, Ctx, Error, Result};
use segue_store::{AssetRow, Found};
use segue_work::commit::{Protocol, Rules, Sinks, Unchecked, settle, survey};
use segue_work::deps::Places;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// Copies the state to a new file while others go on writing.
///
/// # Errors
/// `Conflict` when there is a file already.
pub async fn state_backup(app: &App, to: &Path) -> Result<()> {
    app.store.backup(to).await
}

/// What a rebuild brought back.
#[derive(Debug, Default, Serialize)]
pub struct Rebuilt {
    /// The assets, with how many commits and done parts each has.
    pub assets: Vec<RebuiltAsset>,
    /// Places that could not be read, and why: the others are rebuilt.
    pub left_out: Vec<String>,
}

/// One asset that a rebuild brought back.
#[derive(Debug, Serialize)]
pub struct RebuiltAsset {
    /// Its name.
    pub name: AssetName,
    /// Commits whose records were read.
    pub commits: usize,
    /// Ranges and slices that are done.
    pub done: usize,
    /// Whether its last commit had to be finished: its table had decided, a companion had not taken it yet.
    pub finished: bool,
}

/// Reads from the tables themselves what was done, and makes the state know it. What only the state knew is gone: run history, parked
/// times, approvals. A table that the state knows better already is left as it is.
///
/// # Errors
/// `Conflict` when another run holds one of the assets.
pub async fn state_rebuild(app: &App, ctx: &Ctx) -> Result<Rebuilt> {
    let mut rebuilt = Rebuilt::default();
    let lake: Arc<dyn Sink> = app.lake.clone();
    let mut places = Places {
        lake: lake.clone(),
        sinks: BTreeMap::new(),
    };
    for (name, connection) in &app.project.connections {
        if segue_connectors::connector(&connection.kind).is_none_or(|c| c.sink.is_none()) {
            continue;
        }
        match app.sources().sink(name) {
            Ok(sink) => {
                places.sinks.insert(name.clone(), sink);
            }
            Err(error) => rebuilt.left_out.push(format!("connection {name}: {error}")),
        }
    }
    let all: Vec<(Option<String>, Arc<dyn Sink>)> = std::iter::once((None, lake))
        .chain(places.sinks.iter().map(|(n, s)| (Some(n.clone()), s.clone())))
        .collect();
    for (connection, sink) in all {
        match survey(sink.as_ref(), &places, ctx).await {
            Ok(found) => {
                for found in found {
                    rebuilt
                        .assets
                        .push(adopt(app, &places, found, connection.clone(), ctx).await?);
                }
            }
            Err(error) => rebuilt
                .left_out
                .push(format!("{}: {error}", connection.as_deref().unwrap_or("the lake"))),
        }
    }
    rebuilt.assets.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(rebuilt)
}

async fn adopt(
    app: &App,
    places: &Places,
    found: segue_work::commit::Found,
    connection: Option<String>,
    ctx: &Ctx,
) -> Result<RebuiltAsset> {
    let last = found
        .records
        .last()
        .ok_or_else(|| Error::bug("a table with a head has no record"))?;
    let row = AssetRow {
        id: last.asset,
        table: last.table,
        name: last.name.clone(),
        place: found.target.place.clone(),
        connection,
        schema: None,
        definition: None,
        data_hash: None,
        metadata_hash: None,
        source: last.ledger.add.iter().find_map(|e| e.source.clone()),
        dropped: false,
    };
    let guard = app
        .store
        .lease(row.id, &format!("state rebuild, process {}", std::process::id()))
        .await?;
    let finished = found.prepared.is_some();
    let done = found.records.len() - usize::from(finished);
    let commits: Vec<Found> = found.records[..done]
        .iter()
        .map(|record| Found {
            record: record.clone(),
            versions: Vec::new(),
        })
        .collect();
    app.store
        .adopt(&guard.lease, &row, &commits, found.prepared.as_ref(), found.highest)
        .await?;
    if finished {
        let protocol = Protocol {
            state: &app.store,
            sinks: places as &dyn Sinks,
            recheck: &Unchecked,
            ctx,
            rules: Rules::default(),
        };
        settle(&protocol, &guard.lease, &found.target).await?;
    }
    let ledger = app.store.ledger(row.id).await?;
    Ok(RebuiltAsset {
        name: row.name,
        commits: found.records.len(),
        done: ledger.len(),
        finished,
    })
}
