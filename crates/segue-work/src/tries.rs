//! A small try of assets: a few rows of each, in tables of their own beside the real ones.
//!
//! A try is no step: no ledger is asked, no position is kept, nothing is set aside, no page is kept, and the asset's lease is not needed. What
//! it leaves is a table that the state knows under the try's own name, and that the next try replaces.

use crate::checks::{self, When};
use crate::commit::{Draft, DraftPart, Protocol, Rules, Sinks, Unchecked, carry_out, settle};
use crate::deps::Deps;
use crate::names::asset_name;
use crate::preview::{Asked, Beside, Met, Tables, first};
use crate::step::judge_alone;
use crate::step::known;
use arrow_array::RecordBatch;
use futures::StreamExt;
use segue_core::commit::{Entry, LedgerChange, Outcome, Role};
use segue_core::engine::{InMemory, Relation};
use segue_core::sink::{Change, Rows};
use segue_core::{AssetId, AssetName, Ctx, Error, Kind, Labels, Result, TableId, align};
use segue_diag::{TRY_NAME, TRY_SCHEMA};
use segue_spec::graph::Graph;
use segue_spec::model::{Asset, CheckKind};
use segue_spec::name::RESERVED_SCHEMAS;
use segue_store::AssetRow;
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Schemas in which no try may lie, beside those in which no asset may: they mean something in SQL.
const TAKEN: [&str; 2] = ["children", "segue_work"];

/// What is tried.
#[derive(Clone, Debug)]
pub struct Try {
    /// The assets.
    pub assets: Vec<AssetName>,
    /// The schema of the tables that are written.
    pub into: String,
    /// The most rows of each; and the most slices, or parents, that are asked for.
    pub limit: u64,
    /// Parameters that were given.
    pub params: Map<String, Value>,
}

/// What came of trying one asset.
#[derive(Debug)]
pub struct Tried {
    /// Which.
    pub asset: AssetName,
    /// Where its rows are; `None` where none were written.
    pub table: Option<AssetName>,
    /// How many.
    pub rows: u64,
    /// The tried tables that it was computed from, in place of the real ones.
    pub from_tries: Vec<AssetName>,
    /// What is worth saying.
    pub notes: Vec<String>,
    /// How it failed, if it did.
    pub error: Option<Error>,
}

/// Whether the state knows this as the table of a try.
pub fn is_try(row: &AssetRow) -> bool {
    row.definition.as_ref().is_some_and(|d| d.get("tried").is_some())
}

/// The name of an asset's try: the schema, and the asset's whole name behind it.
///
/// # Errors
/// `Invalid` where that is too long, or the schema is no name.
pub fn name_of(into: &str, asset: &AssetName) -> Result<AssetName> {
    let name = format!("{into}.{}__{}", asset.schema(), asset.table());
    name.parse().map_err(|e| {
        Error::new(Kind::Invalid, format!("`{name}` is no name for a table"))
            .code(TRY_NAME)
            .hint("name a short schema in lower-case letters, digits and _: --into scratch")
            .caused_by(e)
    })
}

/// Tries these assets, each after those of them that it reads. One that fails ends what reads it, and nothing else.
///
/// # Errors
/// `Invalid` for a schema that is not free for tries; those of the state.
pub async fn tries(deps: &Deps, asked: &Try, ctx: &Ctx) -> Result<Vec<Tried>> {
    let rows = refuse_taken(deps, asked).await?;
    let order = Graph::of(&deps.project).order();
    let all = order.iter().filter_map(|name| deps.project.assets.get(name));
    let chosen: Vec<&Asset> = all.filter(|a| asked.assets.contains(&asset_name(&a.name))).collect();
    for asset in chosen.iter().filter(|a| a.into.is_none()) {
        name_of(&asked.into, &asset_name(&asset.name))?;
    }
    let mut beside = Beside {
        tried: earlier(deps, asked, &rows, ctx).await?,
        ..Beside::default()
    };
    let (mut told, mut failed) = (Vec::new(), BTreeSet::new());
    for asset in chosen {
        ctx.go_on()?;
        let name = asset_name(&asset.name);
        if let Some(because) = asset.reads.iter().map(asset_name).find(|read| failed.contains(read)) {
            failed.insert(name.clone());
            told.push(Tried::none(&name, format!("not tried, because {because} failed")));
            continue;
        }
        if let Some(into) = &asset.into {
            let note = format!(
                "not written: a try writes no table of another system, and this one is `{}` of {}",
                into.table, into.connection
            );
            told.push(Tried::none(&name, note));
            continue;
        }
        match one(deps, asset, asked, &beside, ctx).await {
            Ok((tried, rows)) => {
                beside.tried.insert(name, rows);
                told.push(tried);
            }
            Err(error) if error.kind() == Kind::Cancelled => return Err(error),
            Err(error) => {
                failed.insert(name.clone());
                told.push(Tried {
                    error: Some(error),
                    ..Tried::none(&name, String::new())
                });
            }
        }
        *beside.met.lock() = Met::default();
    }
    Ok(told)
}

impl Tried {
    fn none(asset: &AssetName, note: String) -> Tried {
        Tried {
            asset: asset.clone(),
            table: None,
            rows: 0,
            from_tries: Vec::new(),
            notes: if note.is_empty() { Vec::new() } else { vec![note] },
            error: None,
        }
    }
}

/// Fails where tables of the project, or of another kind, lie in the schema; what the state knows otherwise.
async fn refuse_taken(deps: &Deps, asked: &Try) -> Result<Vec<AssetRow>> {
    let into = asked.into.as_str();
    let taken = |what: String| {
        Error::new(
            Kind::Invalid,
            format!("tries cannot lie in the schema `{into}`: {what}"),
        )
        .code(TRY_SCHEMA)
        .hint("name one that nothing else uses: --into scratch")
    };
    if TAKEN.contains(&into) || RESERVED_SCHEMAS.contains(&into) {
        return Err(taken("it has a meaning of its own".into()));
    }
    let of_project = deps.project.assets.keys().find(|name| name.schema() == into);
    if let Some(asset) = of_project {
        return Err(taken(format!("{asset} is in it")));
    }
    let rows = deps.store.assets().await?;
    let real = rows
        .iter()
        .find(|r| !r.dropped && r.name.schema() == into && !is_try(r));
    if let Some(row) = real {
        return Err(taken(format!("the table of {} is in it", row.name)));
    }
    Ok(rows)
}

/// The tables of earlier tries in the schema, by the assets that they are of.
async fn earlier(deps: &Deps, asked: &Try, rows: &[AssetRow], ctx: &Ctx) -> Result<Tables> {
    let mut tables = Tables::new();
    for name in deps.project.assets.keys().map(asset_name) {
        let Ok(tried) = name_of(&asked.into, &name) else {
            continue;
        };
        let Some(row) = rows.iter().find(|r| r.name == tried && is_try(r) && !r.dropped) else {
            continue;
        };
        let own = known::own(row);
        let head = deps.places.lake.head(&own, ctx).await?;
        if head.schema.is_some() {
            tables.insert(name, deps.places.lake.at(&own, head.version, ctx).await?);
        }
    }
    Ok(tables)
}

async fn one(
    deps: &Deps,
    asset: &Asset,
    asked: &Try,
    beside: &Beside,
    ctx: &Ctx,
) -> Result<(Tried, Arc<dyn Relation>)> {
    let name = asset_name(&asset.name);
    let question = Asked {
        limit: asked.limit,
        params: asked.params.clone(),
    };
    let rows = first(deps, name.clone(), question, beside, ctx.clone()).await?;
    if rows.num_columns() == 0 {
        return Err(Error::new(
            Kind::BadData,
            format!("nothing tells the columns of {name}: no row came, and none are declared"),
        )
        .hint("declare them under `columns:`, or try more rows"));
    }
    let schema = align::kept(&rows.schema())?;
    let rows = align::align(&rows, &schema)?;
    let mut notes = Vec::new();
    {
        let met = beside.met.lock();
        if met.rejected > 0 {
            notes.push(format!(
                "{} records fit no row; a run would set them aside",
                met.rejected
            ));
        }
        notes.extend(met.reasons.iter().chain(&met.failures).chain(&met.notes).cloned());
    }
    notes.extend(checked(deps, asset, &rows, ctx).await?);
    let table = name_of(&asked.into, &name)?;
    keep(deps, asset, &table, asked.limit, &rows, ctx).await?;
    let reads = asset.reads.iter().map(asset_name);
    let from_tries = reads.filter(|read| beside.tried.contains_key(read)).collect();
    let tried = Tried {
        asset: name,
        table: Some(table),
        rows: rows.num_rows() as u64,
        from_tries,
        notes,
        error: None,
    };
    Ok((tried, Arc::new(InMemory::new(rows))))
}

/// The checks that do not hold for these rows. How many rows there are, and what is set aside, is another matter in a try.
async fn checked(deps: &Deps, asset: &Asset, rows: &RecordBatch, ctx: &Ctx) -> Result<Vec<String>> {
    let mut asset = asset.clone();
    asset
        .checks
        .retain(|c| checks::when(c) != When::OnRows && !matches!(c.kind, CheckKind::RowCount { .. }));
    if asset.checks.is_empty() {
        return Ok(Vec::new());
    }
    let judged = judge_alone(deps, &asset, Arc::new(InMemory::new(rows.clone())), ctx).await;
    match judged {
        Ok(broken) => Ok(broken),
        Err(error) if error.kind() == Kind::NotFound => Ok(vec![format!("not every check could be asked: {error}")]),
        Err(error) => Err(error),
    }
}

/// Makes these rows the try's table.
async fn keep(deps: &Deps, of: &Asset, table: &AssetName, limit: u64, rows: &RecordBatch, ctx: &Ctx) -> Result<()> {
    let row = registered(deps, of, table, limit, ctx).await?;
    let guard = deps.store.lease(row.id, &deps.holder).await?;
    let own = known::own(&row);
    let sink = deps.places.of(&own)?;
    let protocol = Protocol {
        state: &deps.store,
        sinks: &deps.places,
        recheck: &Unchecked,
        ctx,
        rules: Rules::default(),
    };
    let settled = settle(&protocol, &guard.lease, &own).await?;
    let schema = rows.schema();
    let stream = futures::stream::iter([Ok(Rows {
        batch: rows.clone(),
        deletes: None,
    })]);
    let staged = vec![sink.stage(&own, schema.clone(), stream.boxed(), ctx).await?];
    let change = Change::ReplaceTable;
    let worked = sink.work_out(&own, schema.clone(), &change, &staged, &[], ctx).await?;
    if worked.unchanged && settled.schema.as_ref() == Some(&schema) {
        return sink.discard(&own, &staged, Some(&worked.plan), ctx).await;
    }
    let now = ctx.clock.now();
    let done = Entry {
        range: None,
        labels: Labels::none(),
        outcome: Outcome::Done,
        n: 0,
        data_hash: String::new(),
        values_hash: String::new(),
        inputs: BTreeMap::new(),
        source: None,
        read_at: now,
        kept: false,
    };
    let draft = Draft {
        asset: row.id,
        name: row.name.clone(),
        table: row.table,
        read_at: now,
        run: None,
        position: None,
        inputs: Vec::new(),
        ledger: LedgerChange {
            drop_all: true,
            add: vec![done],
            ..LedgerChange::default()
        },
        footprint: worked.footprint,
        columns: None,
        handled: None,
        parts: vec![DraftPart {
            role: Role::Table,
            target: own,
            change,
            schema,
            staged,
            grains: Vec::new(),
            plan: worked.plan,
        }],
    };
    carry_out(&protocol, &guard.lease, &settled, draft).await.map(|_| ())
}

/// The try's row in the state, written down if it is new.
async fn registered(deps: &Deps, of: &Asset, table: &AssetName, limit: u64, ctx: &Ctx) -> Result<AssetRow> {
    if let Some(row) = deps.store.asset(table).await? {
        return Ok(row);
    }
    let id = AssetId::random();
    let plain = format!("{}/{}", table.schema(), table.table());
    let place = match deps.store.is_taken(&plain, None).await? {
        true => format!("{plain}-{}", &id.to_string()[..8]),
        false => plain,
    };
    let row = AssetRow {
        id,
        table: TableId::random(),
        name: table.clone(),
        place,
        connection: None,
        schema: None,
        definition: Some(json!({ "tried": { "asset": of.name.as_str(), "limit": limit } })),
        data_hash: None,
        metadata_hash: None,
        source: None,
        dropped: false,
    };
    known::refuse_foreign(deps, &row, false, ctx).await?;
    deps.store.register(&row).await?;
    Ok(row)
}

/// What came of a try, for programs.
#[derive(Debug, Serialize)]
pub struct Told<'t> {
    asset: &'t AssetName,
    table: &'t Option<AssetName>,
    rows: u64,
    from_tries: &'t [AssetName],
    notes: &'t [String],
    error: Option<Value>,
}

impl Tried {
    /// The same as plain data.
    pub fn told(&self) -> Told<'_> {
        Told {
            asset: &self.asset,
            table: &self.table,
            rows: self.rows,
            from_tries: &self.from_tries,
            notes: &self.notes,
            error: self.error.as_ref().map(Error::to_json),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_try_has_the_name_of_its_asset_within_its_schema() {
        let asset: AssetName = "raw.top_tracks".parse().unwrap();
        assert_eq!(
            name_of("scratch", &asset).unwrap().to_string(),
            "scratch.raw__top_tracks"
        );
        let error = name_of("Scratch", &asset).unwrap_err();
        assert_eq!(error.error_code(), Some(TRY_NAME));
        let long: AssetName = format!("raw.{}", "a".repeat(60)).parse().unwrap();
        assert_eq!(name_of("scratch", &long).unwrap_err().error_code(), Some(TRY_NAME));
    }
}
