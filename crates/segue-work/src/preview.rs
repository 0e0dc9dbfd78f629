//! The first rows of an asset, through the real request, written nowhere. A parent that has no table yet is previewed too.

use crate::deps::Deps;
use crate::names;
use crate::params;
use crate::ranges::Calendar;
use crate::step::{known, query, slices, survey};
use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use arrow_select::concat::concat_batches;
use futures::future::BoxFuture;
use futures::{StreamExt, TryStreamExt};
use parking_lot::Mutex;
use segue_core::engine::{Answer, InMemory, Param, Query, Relation, TableKey};
use segue_core::source::{Read, ReadRequest, SliceBatch};
use segue_core::{AssetName, Ctx, Error, Kind, Labels, Result, Span, align};
use segue_diag::NO_INPUT;
use segue_spec::model::{Asset, Copy, ForEach, How};
use serde::Serialize;
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

/// What came of a preview.
pub struct Preview {
    /// The first rows.
    pub answer: Answer,
    /// What was met on the way.
    pub met: Met,
}

/// What was met on the way to the first rows, of the asset itself and of parents that were previewed with it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Met {
    /// Records that fit no row; a run sets them aside.
    pub rejected: u64,
    /// The first reasons for that, each once.
    pub reasons: Vec<String>,
    /// Slices that failed, were parked or are closed, with their reasons; the first few.
    pub failures: Vec<String>,
    /// What the source had to say.
    pub notes: Vec<String>,
}

impl Met {
    /// How many reasons of each kind are told.
    const FEW: usize = 3;

    fn says(list: &mut Vec<String>, words: String) {
        if list.len() < Met::FEW && !list.contains(&words) {
            list.push(words);
        }
    }
}

/// How many rows of a parent are previewed for each row that is asked for: enough for joins to meet.
const PARENT_ROWS: u64 = 20;

/// The first rows that a run of this asset would read or compute; of one with ranges, those of the newest range that is due. Nothing is
/// written.
///
/// # Errors
/// Those of the source and of the statement; `Invalid` for a parameter that has no value; `BadData` with the first reason when nothing
/// but rejected records came.
pub async fn preview(deps: &Deps, name: &AssetName, asked: &Asked, ctx: &Ctx) -> Result<Preview> {
    let beside = Beside::default();
    let rows = first(deps, name.clone(), asked.clone(), &beside, ctx.clone()).await?;
    let schema = rows.schema();
    Ok(Preview {
        answer: Answer {
            schema,
            rows: futures::stream::once(async move { Ok(rows) }).boxed(),
        },
        met: beside.met.into_inner(),
    })
}

/// Tables by the assets' names.
pub(crate) type Tables = BTreeMap<AssetName, Arc<dyn Relation>>;

/// What is known beside the question.
#[derive(Default)]
pub(crate) struct Beside {
    /// What was met on the way.
    pub met: Mutex<Met>,
    /// Tables that are read in place of the real ones.
    pub tried: Tables,
}

/// Boxed, because parents have parents.
pub(crate) fn first<'a>(
    deps: &'a Deps,
    name: AssetName,
    asked: Asked,
    beside: &'a Beside,
    ctx: Ctx,
) -> BoxFuture<'a, Result<RecordBatch>> {
    Box::pin(async move {
        let asset = deps.asset(&name)?;
        let values = params::values(asset.name.as_str(), &asset.params, &asked.params)?;
        match &asset.how {
            How::Copy(copy) if query::statement(asset).is_none() => {
                from_source(deps, asset, copy, &asked, values, beside, &ctx).await
            }
            _ => {
                let sql =
                    query::statement(asset).ok_or_else(|| Error::bug("an asset without a source has a statement"))?;
                let tables = parents(deps, &survey::computed_from(asset), &asked, beside, &ctx).await?;
                let mut values = params::for_sql(&asset.params, &values)?;
                if let Some(range) = newest_range(deps, asset, &ctx)? {
                    values.insert("from".into(), Param::Timestamp(range.from));
                    values.insert("to".into(), Param::Timestamp(range.to));
                }
                let rows = rows(deps, &asked, sql, values, tables, &ctx).await;
                rows.map_err(|error| query::located(error, asset))
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

/// A view over the tables that it reads, or over their first rows. Boxed, because views stand on views.
fn of_view<'a>(
    deps: &'a Deps,
    view: &'a Asset,
    asked: &'a Asked,
    beside: &'a Beside,
    ctx: &'a Ctx,
) -> BoxFuture<'a, Result<Arc<dyn Relation>>> {
    Box::pin(async move {
        let tables = parents(deps, &survey::computed_from(view), asked, beside, ctx).await?;
        query::over(deps, view, tables, ctx).await
    })
}

/// The tables of these assets; of those that have none yet, their first rows.
async fn parents(
    deps: &Deps,
    names: &[AssetName],
    asked: &Asked,
    beside: &Beside,
    ctx: &Ctx,
) -> Result<BTreeMap<TableKey, Arc<dyn Relation>>> {
    let mut tables: BTreeMap<TableKey, Arc<dyn Relation>> = BTreeMap::new();
    for name in names {
        let view = deps.asset(name).ok().filter(|a| a.is_view());
        let there = match (beside.tried.get(name), view) {
            (Some(tried), _) => Some(tried.clone()),
            (None, Some(view)) => Some(of_view(deps, view, asked, beside, ctx).await?),
            (None, None) => real(deps, name, ctx).await?,
        };
        let table = match there {
            Some(table) => table,
            None => {
                let asked = Asked {
                    limit: asked.limit.saturating_mul(PARENT_ROWS),
                    params: asked.params.clone(),
                };
                Arc::new(InMemory::new(
                    first(deps, name.clone(), asked, beside, ctx.clone()).await?,
                ))
            }
        };
        tables.insert(TableKey::from(name), table);
    }
    Ok(tables)
}

/// The newest version of a table that is read; `None` where there is none yet.
async fn real(deps: &Deps, name: &AssetName, ctx: &Ctx) -> Result<Option<Arc<dyn Relation>>> {
    use crate::commit::Sinks;
    let target = match known::input(deps, name, ctx).await {
        Ok(target) => target,
        Err(error) if error.error_code() == Some(NO_INPUT) => return Ok(None),
        Err(error) => return Err(error),
    };
    let sink = deps.places.of(&target)?;
    let head = sink.head(&target, ctx).await?;
    match head.schema {
        Some(_) => sink.at(&target, head.version, ctx).await.map(Some),
        None => Ok(None),
    }
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
    beside: &Beside,
    ctx: &Ctx,
) -> Result<RecordBatch> {
    let limit = asked.limit;
    let elements = elements(deps, asset, copy, asked, &params, beside, ctx).await?;
    let mut slices = slices::slices(asset, copy, elements, &params)?;
    slices.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    let labels: Vec<Labels> = slices.iter().map(|s| s.labels.clone()).collect();
    let opened = deps.sources.open(copy)?;
    let batch = copy.for_each.as_ref().and_then(ForEach::batch);
    let request = ReadRequest {
        schema: names::read_schema(copy, None)?,
        slices,
        batch: batch.map(|b| SliceBatch {
            size: b.size as usize,
            join: b.join.clone(),
        }),
        slice_columns: copy.slice.clone(),
        limit: Some(limit),
        params,
        ..ReadRequest::all_of(opened.settings)
    };
    let mut read = ctx.or_cancelled(opened.source.read(request, ctx)).await?;
    let mut found: Vec<RecordBatch> = Vec::new();
    let mut first_rejected = None;
    let mut first_error = None;
    let mut count = 0;
    let mut failed = 0;
    let about = |slice: usize| match labels.get(slice).filter(|l| !l.is_none()) {
        Some(labels) => format!("{} {labels}", asset.name),
        None => asset.name.to_string(),
    };
    while count < limit {
        let Some(event) = ctx.or_cancelled(read.try_next()).await? else {
            break;
        };
        match event {
            Read::Rows { batch, .. } => {
                count += batch.num_rows() as u64;
                found.push(batch);
            }
            Read::Wire { .. } => return Err(Error::bug("a source hands rows out that nobody can look at")),
            Read::Rejected { rows, .. } => {
                let mut met = beside.met.lock();
                met.rejected += rows.len() as u64;
                rows.iter().for_each(|r| Met::says(&mut met.reasons, r.reason.clone()));
                first_rejected = first_rejected.or(rows.into_iter().next());
            }
            Read::Failed { slice, error } => {
                Met::says(&mut beside.met.lock().failures, format!("{}: {error}", about(slice)));
                first_error = first_error.or(Some(error));
                failed += 1;
                // Where nothing but failures comes, a few are enough.
                if found.is_empty() && failed >= Met::FEW {
                    break;
                }
            }
            Read::Closed { slice, reason } => {
                Met::says(
                    &mut beside.met.lock().failures,
                    format!("{}: closed: {reason}", about(slice)),
                );
                first_rejected = first_rejected.or(Some(only_reason(reason)));
            }
            Read::Parked { slice, reason, .. } => {
                Met::says(
                    &mut beside.met.lock().failures,
                    format!("{}: parked: {reason}", about(slice)),
                );
                first_rejected = first_rejected.or(Some(only_reason(reason)));
            }
            Read::Note(note) => Met::says(&mut beside.met.lock().notes, note),
            Read::Unique | Read::Page { .. } | Read::Position(_) | Read::Reached { .. } | Read::Done { .. } => {}
        }
    }
    match (found.is_empty(), first_error, first_rejected) {
        (true, Some(error), _) => Err(error),
        (true, None, Some(first)) => Err(Error::new(
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
        beside: None,
    }
}

async fn elements(
    deps: &Deps,
    asset: &Asset,
    copy: &Copy,
    asked: &Asked,
    params: &Map<String, Value>,
    beside: &Beside,
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
            let tables = parents(deps, &reads, asked, beside, ctx).await?;
            let params = params::for_sql(&asset.params, params)?;
            let batch = rows(deps, asked, sql.clone(), params, tables, ctx).await;
            let batch = batch.map_err(|error| query::of_list(error, asset))?;
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
