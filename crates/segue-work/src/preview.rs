//! The first rows of an asset, through the real request, written nowhere. A parent that has no table yet is previewed too.

use crate::deps::Deps;
use crate::names;
use crate::ranges::Calendar;
use crate::step::{known, query, slices, survey};
use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use arrow_select::concat::concat_batches;
use futures::future::BoxFuture;
use futures::{StreamExt, TryStreamExt};
use segue_core::engine::{Answer, InMemory, Param, Query, Relation, TableKey};
use segue_core::source::{Read, ReadRequest, ReadSchema, SliceBatch};
use segue_core::{AssetName, Ctx, Error, Kind, Result, Span, align};
use segue_spec::model::{Asset, Copy, ForEach, How};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What is asked to be previewed.
#[derive(Clone, Debug)]
pub struct Asked {
    /// How many rows.
    pub limit: u64,
    /// Parameters that were given; the others have their defaults.
    pub params: Map<String, Value>,
}

/// How many rows of a parent are previewed for each row that is asked for: enough for joins to meet.
const PARENT_ROWS: u64 = 20;

/// The first rows that a run of this asset would read or compute; of one with ranges, those of the newest range that is due. Nothing is
/// written.
///
/// # Errors
/// Those of the source and of the statement; `Invalid` for a parameter that has no value; `BadData` with the first reason when nothing
/// but rejected records came.
pub async fn preview(deps: &Deps, name: &AssetName, asked: &Asked, ctx: &Ctx) -> Result<Answer> {
    let rows = first(deps, name.clone(), asked.clone(), ctx.clone()).await?;
    let schema = rows.schema();
    Ok(Answer {
        schema,
        rows: futures::stream::once(async move { Ok(rows) }).boxed(),
    })
}

/// Boxed, because parents have parents.
fn first(deps: &Deps, name: AssetName, asked: Asked, ctx: Ctx) -> BoxFuture<'_, Result<RecordBatch>> {
    Box::pin(async move {
        let asset = deps.asset(&name)?;
        let params = survey::params(&asset.name.to_string(), &asset.params, &asked.params)?;
        match &asset.how {
            How::Copy(copy) if query::statement(asset).is_none() => {
                from_source(deps, asset, copy, &asked, params, &ctx).await
            }
            _ => {
                let sql =
                    query::statement(asset).ok_or_else(|| Error::bug("an asset without a source has a statement"))?;
                let tables = parents(deps, &survey::computed_from(asset), &asked, &ctx).await?;
                let mut values = named(params);
                if let Some(range) = newest_range(deps, asset, &ctx)? {
                    values.insert("from".into(), Param::Timestamp(range.from));
                    values.insert("to".into(), Param::Timestamp(range.to));
                }
                rows(deps, &asked, sql, values, tables, &ctx).await
            }
        }
    })
}

/// The newest range that is due; the first where none is. `None` for an asset without ranges.
fn newest_range(deps: &Deps, asset: &Asset, ctx: &Ctx) -> Result<Option<Span>> {
    let Some(range) = &asset.range else { return Ok(None) };
    let calendar = Calendar::new(range, &deps.project.timezone)?;
    match calendar.due(ctx.clock.now())?.pop() {
        Some(newest) => Ok(Some(newest)),
        None => calendar.range_at(calendar.start()).map(Some),
    }
}

fn named(params: Map<String, Value>) -> BTreeMap<String, Param> {
    params.into_iter().map(|(k, v)| (k, Param::Value(v))).collect()
}

/// The tables of these assets; of those that have none yet, their first rows.
async fn parents(
    deps: &Deps,
    names: &[AssetName],
    asked: &Asked,
    ctx: &Ctx,
) -> Result<BTreeMap<TableKey, Arc<dyn Relation>>> {
    use crate::commit::Sinks;
    let mut tables: BTreeMap<TableKey, Arc<dyn Relation>> = BTreeMap::new();
    for name in names {
        let there = match deps.store.asset(name).await? {
            Some(row) => {
                let target = known::own(&row);
                let sink = deps.places.of(&target)?;
                let head = sink.head(&target, ctx).await?;
                match head.schema {
                    Some(_) => Some(sink.at(&target, head.version, ctx).await?),
                    None => None,
                }
            }
            None => None,
        };
        let table = match there {
            Some(table) => table,
            None => {
                let asked = Asked {
                    limit: asked.limit.saturating_mul(PARENT_ROWS),
                    params: asked.params.clone(),
                };
                Arc::new(InMemory::new(first(deps, name.clone(), asked, ctx.clone()).await?))
            }
        };
        tables.insert(TableKey::from(name), table);
    }
    Ok(tables)
}

/// The first rows of an answer. The statement stays as it is written: it may end in a comment.
async fn rows(
    deps: &Deps,
    asked: &Asked,
    sql: String,
    params: BTreeMap<String, Param>,
    tables: BTreeMap<TableKey, Arc<dyn Relation>>,
    ctx: &Ctx,
) -> Result<RecordBatch> {
    let query = Query {
        sql,
        params,
        tables,
        timezone: deps.project.timezone.clone(),
    };
    let mut answer = ctx.or_cancelled(deps.engine.run(&query, ctx)).await?;
    let mut batches = Vec::new();
    let mut missing = usize::try_from(asked.limit).unwrap_or(usize::MAX);
    while missing > 0
        && let Some(batch) = ctx.or_cancelled(answer.rows.try_next()).await?
    {
        let batch = batch.slice(0, batch.num_rows().min(missing));
        missing -= batch.num_rows();
        batches.push(batch);
    }
    concat_batches(&answer.schema, &batches).map_err(|e| Error::bug("rows of one answer do not join").caused_by(e))
}

async fn from_source(
    deps: &Deps,
    asset: &Asset,
    copy: &Copy,
    asked: &Asked,
    params: Map<String, Value>,
    ctx: &Ctx,
) -> Result<RecordBatch> {
    let limit = asked.limit;
    let elements = elements(deps, copy, asked, &params, ctx).await?;
    let mut slices = slices::slices(asset, copy, elements, &params)?;
    slices.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    let opened = deps.sources.open(copy)?;
    let declared = names::columns(&copy.columns, None)?;
    let is_declared = declared.is_some();
    let (columns, untyped) = declared.unzip();
    let batch = copy.for_each.as_ref().and_then(ForEach::batch);
    let request = ReadRequest {
        copy: opened.settings,
        schema: ReadSchema {
            declared: is_declared,
            columns,
            untyped: untyped.unwrap_or_default(),
            on_new_column: names::on_change(copy.on_new_column),
            on_type_change: names::on_change(copy.on_type_change),
        },
        slices,
        batch: batch.map(|b| SliceBatch {
            size: b.size as usize,
            join: b.join.clone(),
        }),
        slice_columns: copy.slice.clone(),
        range: None,
        from: None,
        limit: Some(limit),
        keep_pages: false,
        replay: None,
        params,
    };
    let mut read = ctx.or_cancelled(opened.source.read(request, ctx)).await?;
    let mut found: Vec<RecordBatch> = Vec::new();
    let mut rejected = None;
    let mut count = 0;
    while count < limit {
        let Some(event) = ctx.or_cancelled(read.try_next()).await? else {
            break;
        };
        match event {
            Read::Rows { batch, .. } => {
                count += batch.num_rows() as u64;
                found.push(batch);
            }
            Read::Rejected { rows, .. } => rejected = rejected.or(rows.into_iter().next()),
            Read::Failed { error, .. } if found.is_empty() => return Err(error),
            Read::Closed { reason, .. } if found.is_empty() => rejected = rejected.or(Some(only_reason(reason))),
            Read::Parked { reason, .. } if found.is_empty() => rejected = rejected.or(Some(only_reason(reason))),
            _ => {}
        }
    }
    match (found.is_empty(), rejected) {
        (true, Some(first)) => Err(Error::new(
            Kind::BadData,
            format!("no row came of {}: {}", asset.name, first.reason),
        )
        .with("record", first.raw)),
        _ => joined(found, limit),
    }
}

fn only_reason(reason: String) -> segue_core::source::Rejected {
    segue_core::source::Rejected {
        reason,
        path: None,
        raw: String::new(),
    }
}

async fn elements(
    deps: &Deps,
    copy: &Copy,
    asked: &Asked,
    params: &Map<String, Value>,
    ctx: &Ctx,
) -> Result<Option<Vec<Map<String, Value>>>> {
    match &copy.for_each {
        None => Ok(None),
        Some(ForEach::List { list, .. }) => Ok(Some(
            list.iter()
                .map(|v| match v {
                    Value::Object(map) => map.clone(),
                    plain => Map::from_iter([("value".to_string(), plain.clone())]),
                })
                .collect(),
        )),
        Some(ForEach::Sql { sql, reads, .. }) => {
            let reads: Vec<AssetName> = reads.iter().map(names::asset_name).collect();
            let tables = parents(deps, &reads, asked, ctx).await?;
            let batch = rows(deps, asked, sql.clone(), named(params.clone()), tables, ctx).await?;
            Ok(Some(
                (0..batch.num_rows()).map(|row| crate::json::row(&batch, row)).collect(),
            ))
        }
    }
}

/// All rows in one batch; later ones may have more columns than the first.
fn joined(found: Vec<RecordBatch>, limit: u64) -> Result<RecordBatch> {
    let mut schema: Option<SchemaRef> = None;
    for batch in &found {
        schema = Some(match schema {
            None => align::kept(&batch.schema())?,
            Some(schema) => align::common(&schema, &batch.schema())?,
        });
    }
    let Some(schema) = schema else {
        return Ok(RecordBatch::new_empty(Arc::new(arrow_schema::Schema::empty())));
    };
    let aligned: Vec<RecordBatch> = found.iter().map(|b| align::align(b, &schema)).collect::<Result<_>>()?;
    let all = concat_batches(&schema, &aligned).map_err(|e| Error::bug("aligned rows do not join").caused_by(e))?;
    Ok(all.slice(0, all.num_rows().min(usize::try_from(limit).unwrap_or(usize::MAX))))
}
