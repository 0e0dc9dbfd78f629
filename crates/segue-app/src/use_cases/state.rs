//! Keeping the state: a copy while it is used, and bringing it back from the tables.

use crate::app::App;
use segue_core::sink::{Head, Sink, Target};
use segue_core::state::{CommitState, Lease};
use segue_core::{AssetName, Ctx, Error, Kind, Result};
use segue_diag::COMPANION_STUCK;
use segue_store::AssetRow;
use segue_work::commit::{Found, Protocol, Rules, Sinks, Unchecked, find, settle};
use segue_work::deps::Places;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
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
    /// Assets whose last commit the state knows: they are left as they are.
    pub in_step: Vec<AssetName>,
    /// Tables and places that could not be read, and why: the others are rebuilt.
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
    /// The first commit whose record is there, where the records of older ones are lost.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub begins_at: Option<u64>,
    /// What its last commit is without, because a companion could never take it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub without: Option<String>,
}

/// Reads from the tables themselves what was done, and makes the state know it. What only the state knew is gone: run history, parked
/// times, approvals. A table whose last commit the state knows is left as it is. One that cannot be read, or whose asset another run
/// holds, is told and keeps no other from being brought back.
///
/// # Errors
/// `Cancelled` when it is asked to stop; those of the state.
pub async fn state_rebuild(app: &App, ctx: &Ctx) -> Result<Rebuilt> {
    let sources = app.sources();
    let written = app
        .project
        .assets
        .values()
        .filter_map(|a| Some(a.into.as_ref()?.connection.as_str()));
    let written: BTreeSet<&str> = written.collect();
    // A bucket that is only read from is not searched for files of ours: there may be millions of others.
    let may_hold = |name: &str, kind: &str| !segue_connectors::writes_files(kind) || written.contains(name);
    let connections = app.project.connections.iter();
    let connections = connections.filter(|(name, c)| sources.is_sink(name) && may_hold(name, &c.kind));
    let beside = written.get("files").map(ToString::to_string);
    let all: Vec<String> = connections.map(|(name, _)| name.clone()).chain(beside).collect();
    rebuild(app, &all, &|_| true, ctx).await
}

/// The same for the lake and these connections alone, and in them for the tables of these assets.
///
/// # Errors
/// As [`state_rebuild`].
pub(crate) async fn rebuild(
    app: &App,
    connections: &[String],
    wanted: &(dyn Fn(&AssetName) -> bool + Sync),
    ctx: &Ctx,
) -> Result<Rebuilt> {
    let mut rebuilt = Rebuilt::default();
    let lake: Arc<dyn Sink> = app.lake.clone();
    let mut places = Places {
        lake: lake.clone(),
        sinks: BTreeMap::new(),
    };
    let sources = app.sources();
    for name in connections {
        match sources.sink(name) {
            Ok(sink) => {
                places.sinks.insert(name.clone(), sink);
            }
            Err(error) => rebuilt.left_out.push(told(&format!("connection {name}"), &error)),
        }
    }
    let all: Vec<(Option<String>, Arc<dyn Sink>)> = std::iter::once((None, lake))
        .chain(places.sinks.iter().map(|(n, s)| (Some(n.clone()), s.clone())))
        .collect();
    for (connection, sink) in all {
        let place = connection.as_deref().unwrap_or("the lake");
        let tables = match sink.tables(ctx).await {
            Ok(tables) => tables,
            Err(error) => vec![Err(error)],
        };
        for table in tables {
            if table.as_ref().is_ok_and(|t| !wanted(&t.name)) {
                continue;
            }
            let name = table
                .as_ref()
                .map_or_else(|_| place.to_string(), |t| t.name.to_string());
            let found = match table {
                Ok(target) => one(app, &places, sink.as_ref(), &target, connection.clone(), ctx).await,
                Err(error) => Err(error),
            };
            match found {
                Ok(Looked::Nothing) => {}
                Ok(Looked::InStep(name)) => rebuilt.in_step.push(name),
                Ok(Looked::Rebuilt(asset)) => rebuilt.assets.push(asset),
                Err(error) if error.kind() == Kind::Cancelled => return Err(error),
                Err(error) => rebuilt.left_out.push(told(&name, &error)),
            }
        }
    }
    rebuilt.assets.sort_by(|a, b| a.name.cmp(&b.name));
    rebuilt.in_step.sort();
    Ok(rebuilt)
}

fn told(what: &str, error: &Error) -> String {
    let hint = error.hint_text().map(|hint| format!("; {hint}")).unwrap_or_default();
    let code = error.error_code().map(|code| format!(" [{code}]")).unwrap_or_default();
    format!("{what}: {error}{code}{hint}")
}

/// What became of one table.
enum Looked {
    /// No commit of ours is on it.
    Nothing,
    /// The state knows its last commit.
    InStep(AssetName),
    /// The state knows it anew.
    Rebuilt(RebuiltAsset),
}

async fn one(
    app: &App,
    places: &Places,
    sink: &dyn Sink,
    target: &Target,
    connection: Option<String>,
    ctx: &Ctx,
) -> Result<Looked> {
    if let Some(name) = in_step(app, sink, target, connection.as_ref(), ctx).await?.1 {
        return Ok(Looked::InStep(name));
    }
    // What is read before the lease is taken may be old when it is: a commit that came in between would be forgotten.
    let holder = format!("state rebuild, process {}", std::process::id());
    let guard = app.store.lease(target.asset, &holder).await?;
    let (head, known) = in_step(app, sink, target, connection.as_ref(), ctx).await?;
    if let Some(name) = known {
        return Ok(Looked::InStep(name));
    }
    match find(sink, places, target, &head, ctx).await? {
        Some(found) => {
            let adopted = adopt(app, places, &guard.lease, found, connection, ctx).await;
            adopted.map(Looked::Rebuilt)
        }
        None => Ok(Looked::Nothing),
    }
}

/// The table's head, and the asset's name where the state knows it.
async fn in_step(
    app: &App,
    sink: &dyn Sink,
    target: &Target,
    connection: Option<&String>,
    ctx: &Ctx,
) -> Result<(Head, Option<AssetName>)> {
    let head = sink.head(target, ctx).await?;
    let known = match app.store.asset_by_id(target.asset).await? {
        Some(known) if is_in_step(app, &known, target, connection, &head).await? => Some(known.name),
        _ => None,
    };
    Ok((head, known))
}

async fn is_in_step(
    app: &App,
    known: &AssetRow,
    target: &Target,
    connection: Option<&String>,
    head: &Head,
) -> Result<bool> {
    let is_its = (
        known.table,
        known.place.as_str(),
        known.connection.as_ref(),
        known.dropped,
    ) == (target.table, target.place.as_str(), connection, false);
    Ok(is_its && head.n > 0 && app.store.commits(known.id).await?.last == (head.n, head.id))
}

async fn adopt(
    app: &App,
    places: &Places,
    lease: &Lease,
    found: Found,
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
        connection,
        // A type that was inferred once must not be inferred otherwise from younger rows.
        schema: Some(found.columns),
        source: last.ledger.add.iter().find_map(|e| e.source.clone()),
        ..AssetRow::of(found.target.clone())
    };
    if row.id != lease.asset {
        return Err(Error::bug(format!("the records of {} are another asset's", row.name)));
    }
    let commits: Vec<segue_store::Found> = found
        .records
        .iter()
        .zip(&found.versions)
        .map(|(record, version)| segue_store::Found {
            record: record.clone(),
            versions: version.iter().copied().collect(),
        })
        .collect();
    let mut without = None;
    if let Some(prepared) = &found.prepared {
        let done = &commits[..commits.len() - 1];
        app.store
            .adopt(lease, &row, done, Some(prepared), found.highest)
            .await?;
        let protocol = Protocol {
            state: &app.store,
            sinks: places as &dyn Sinks,
            recheck: &Unchecked,
            ctx,
            rules: Rules::default(),
        };
        match settle(&protocol, lease, &found.target).await {
            // The table has it. What its companion was to have is lost, and would keep the asset from every other commit.
            Err(error) if error.error_code() == Some(COMPANION_STUCK) => without = Some(error.to_string()),
            Err(error) => return Err(error),
            Ok(_) => {}
        }
    }
    if found.prepared.is_none() || without.is_some() {
        app.store.adopt(lease, &row, &commits, None, found.highest).await?;
    }
    let ledger = app.store.ledger(row.id).await?;
    let first = &found.records[0];
    Ok(RebuiltAsset {
        name: row.name,
        commits: found.records.len(),
        done: ledger.len(),
        finished: found.prepared.is_some() && without.is_none(),
        begins_at: (first.predecessor > 0).then_some(first.n),
        without,
    })
}

#[cfg(test)]
mod tests;
