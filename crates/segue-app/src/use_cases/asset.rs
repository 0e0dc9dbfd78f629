//! Giving an asset's table up.

use crate::app::App;
use crate::keeper::tables;
use segue_core::fault::{Boundary, reach};
use segue_core::sink::{Sink, Target};
use segue_core::state::{CommitState, Lease};
use segue_core::{AssetName, Ctx, Error, Kind, Result};
use segue_diag::{COMPANION_STUCK, LAKE_OTHER_TABLE, UNKNOWN_COMMIT};
use segue_store::AssetRow;
use segue_work::commit::{Protocol, Rules, Sinks, Unchecked, settle};
use segue_work::deps::Places;
use segue_work::step::{forget_notes, known};
use serde::Serialize;
use std::sync::Arc;

/// What a drop would remove.
#[derive(Clone, Debug)]
pub struct Doomed {
    /// The asset.
    pub name: AssetName,
    /// The table as the state knows it.
    known: Option<AssetRow>,
    /// A table of that name which the state does not know.
    stranger: Option<AssetRow>,
}

impl Doomed {
    /// Where the tables are, for whoever is asked.
    pub fn places(&self) -> Vec<String> {
        let place = |row: &AssetRow| match &row.connection {
            Some(connection) => format!("{} of {connection}", row.place),
            None => row.place.clone(),
        };
        let mut places: Vec<String> = self.stranger.iter().chain(&self.known).map(place).collect();
        places.dedup();
        places
    }
}

/// An asset that was dropped.
#[derive(Clone, Debug, Serialize)]
pub struct Dropped {
    /// Which.
    pub dropped: AssetName,
    /// The connection in which its table stays, because the project no longer has it.
    pub left: Option<String>,
}

/// Finds what a drop of this asset removes: the table that the state knows, and one that it does not know and that stands in its place,
/// as after a lost state.
///
/// # Errors
/// `NotFound` where there is no table of that name. `Conflict` where the project still has the asset and not the table alone is to go, and
/// where several unknown tables have the name.
pub async fn asset_doomed(app: &App, asset: &str, table_only: bool, ctx: &Ctx) -> Result<Doomed> {
    if app.is_in_project(asset) && !table_only {
        return Err(
            Error::new(Kind::Conflict, format!("{asset} is still in the project")).hint(
                "remove its file first; or give the table alone up with --table-only, and the next run makes it anew",
            ),
        );
    }
    let (known, nothing) = match app.row(asset).await {
        Ok(row) => (Some(row), None),
        Err(e) if e.kind() == Kind::NotFound => (None, Some(e)),
        Err(e) => return Err(e),
    };
    let stranger = match &known {
        Some(row) if is_its_own(app, row, ctx).await? => None,
        known => stranger(app, asset, known.as_ref(), ctx).await?,
    };
    match nothing {
        Some(error) if stranger.is_none() => Err(error),
        _ => Ok(Doomed {
            name: asset.parse()?,
            known,
            stranger,
        }),
    }
}

/// Whether no other table stands where the state has the asset's.
async fn is_its_own(app: &App, row: &AssetRow, ctx: &Ctx) -> Result<bool> {
    let Some(sink) = sink_of(app, row.connection.as_deref())? else {
        return Ok(true);
    };
    let head = sink.head(&known::own(row), ctx).await?;
    Ok(head.table.is_none_or(|table| table == row.table))
}

/// The table of this name that the state does not know; where it knows one of that name, the one that stands in its place.
async fn stranger(app: &App, asset: &str, known: Option<&AssetRow>, ctx: &Ctx) -> Result<Option<AssetRow>> {
    let (mut found, mut unread) = (Vec::new(), None);
    let connections = app.project.connections.keys().map(|name| Some(name.as_str()));
    for connection in std::iter::once(None).chain(connections) {
        let tables = match sink_of(app, connection) {
            Ok(Some(sink)) => sink.tables(ctx).await,
            Ok(None) => continue,
            Err(error) => Err(error),
        };
        // What cannot be read matters where nothing is found in the rest.
        let tables = tables.unwrap_or_else(|error| {
            unread = Some(error);
            Vec::new()
        });
        for target in tables {
            let target = match target {
                Ok(target) => target,
                Err(error) => {
                    unread = Some(error);
                    continue;
                }
            };
            let stands_there = known.is_none_or(|row| {
                row.place == target.place && row.connection.as_deref() == connection && row.table != target.table
            });
            if target.name.to_string() == asset && stands_there {
                found.push(row_of(target, connection));
            }
        }
    }
    match found.len() {
        0 => unread.map_or(Ok(None), Err),
        1 => Ok(found.pop()),
        _ => {
            let places: Vec<&str> = found.iter().map(|row| row.place.as_str()).collect();
            Err(Error::new(
                Kind::Conflict,
                format!("several tables are called {asset}: {}", places.join(", ")),
            )
            .hint("move those away that shall stay, or make them known with `segue state rebuild`"))
        }
    }
}

fn row_of(target: Target, connection: Option<&str>) -> AssetRow {
    AssetRow {
        connection: connection.map(str::to_string),
        ..AssetRow::of(target)
    }
}

/// The lake, or the sink of a connection; `None` for one that is written to by nobody, or that the project no longer has.
fn sink_of(app: &App, connection: Option<&str>) -> Result<Option<Arc<dyn Sink>>> {
    let Some(name) = connection else {
        return Ok(Some(app.lake.clone()));
    };
    let sources = app.sources();
    match sources.is_sink(name) {
        true => sources.sink(name).map(Some),
        false => Ok(None),
    }
}

/// Removes an asset's table, its companions, what lies staged for them, and what the state knows of it. A table in a connection that the
/// project no longer has cannot be reached, and stays.
///
/// # Errors
/// `Conflict` while a run holds it; those of its connection, with nothing removed.
pub async fn asset_drop(app: &App, doomed: &Doomed, ctx: &Ctx) -> Result<Dropped> {
    let mut left = None;
    for row in doomed.stranger.iter().chain(&doomed.known) {
        // Before anything is removed: a connection that cannot be opened leaves all as it is.
        let sink = sink_of(app, row.connection.as_deref())?;
        let guard = app.store.lease(row.id, &app.holder()).await?;
        if let Some(sink) = &sink {
            settled(app, row, &guard.lease, sink, ctx).await?;
        }
        for target in tables(row) {
            match app.lake.drop_table(&target, ctx).await {
                // Its companion may stand where the stranger's was, or the other way round.
                Err(e) if e.error_code() == Some(LAKE_OTHER_TABLE) && doomed.stranger.is_some() => {}
                dropped => dropped?,
            }
        }
        match &sink {
            Some(sink) if row.connection.is_some() => {
                let own = known::own(row);
                sink.drop_table(&own, ctx).await?;
                sink.sweep(&own, &[], ctx).await?;
            }
            Some(_) => {}
            None => left = row.connection.clone(),
        }
        forget_notes(&app.shelf(), &guard.lease).await?;
        app.engine.forget(row.table);
        reach(Boundary::Dropped);
        if doomed.known.as_ref() == Some(row) {
            app.store.drop_asset(row.id).await?;
        }
        drop(guard);
    }
    Ok(Dropped {
        dropped: doomed.name.clone(),
        left,
    })
}

/// Finishes what is prepared, so that nothing lands on a table that is gone. What can never be finished goes with the table.
async fn settled(app: &App, row: &AssetRow, lease: &Lease, sink: &Arc<dyn Sink>, ctx: &Ctx) -> Result<()> {
    if app.store.commits(row.id).await?.prepared.is_none() {
        return Ok(());
    }
    let places = Places {
        lake: app.lake.clone(),
        sinks: row.connection.iter().map(|name| (name.clone(), sink.clone())).collect(),
    };
    let protocol = Protocol {
        state: &app.store,
        sinks: &places as &dyn Sinks,
        recheck: &Unchecked,
        ctx,
        rules: Rules::default(),
    };
    let passes = |e: &Error| {
        let is_known = [COMPANION_STUCK, UNKNOWN_COMMIT]
            .into_iter()
            .any(|code| e.error_code() == Some(code));
        is_known || e.kind().is_for_good()
    };
    match settle(&protocol, lease, &known::own(row)).await {
        Err(error) if passes(&error) => tracing::debug!(asset = %row.name, %error, "dropped with what was prepared"),
        settled => _ = settled?,
    }
    Ok(())
}
