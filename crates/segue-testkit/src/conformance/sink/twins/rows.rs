//! What twins do to rows, and how they land rows of their own.

use super::Fault;
use crate::conformance::grid::{Cell, Grid, listed};
use crate::conformance::sink::bed::{self, record};
use arrow_array::RecordBatch;
use async_trait::async_trait;
use futures::{StreamExt, TryStreamExt, stream};
use segue_core::commit::{Part, Role};
use segue_core::engine::{InMemory, Relation};
use segue_core::sink::{Change, Rows, Sink, Target};
use segue_core::{Batches, Ctx, Error, Result, Type};
use std::any::Any;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The rows as the fault makes them on their way in.
pub(super) fn damaged(fault: Fault, rows: Rows) -> Result<Rows> {
    let schema = rows.batch.schema();
    let mut grid = Grid::read(&schema, std::slice::from_ref(&rows.batch))?;
    let mut deletes: Vec<bool> = match &rows.deletes {
        Some(deletes) => deletes.iter().map(|d| d == Some(true)).collect(),
        None => vec![false; grid.rows.len()],
    };
    let mut keep: Vec<bool> = vec![true; grid.rows.len()];
    match fault {
        Fault::LosesDeletes => deletes.fill(false),
        Fault::LosesDeletesOfMany => {
            let mut first = true;
            deletes.iter_mut().for_each(|d| *d = *d && std::mem::take(&mut first));
        }
        Fault::LosesEmptyRows => keep = grid.rows.iter().map(|row| row.iter().any(Option::is_some)).collect(),
        Fault::LosesTheLastOfMany if keep.len() > 2 => keep[0] = false,
        Fault::ForgetsHowOften => {
            let mut seen = BTreeSet::new();
            keep = grid.rows.iter().map(|row| seen.insert(row.clone())).collect();
        }
        _ => {
            for (at, (_, of)) in grid.columns.clone().iter().enumerate() {
                grid.rows
                    .iter_mut()
                    .for_each(|row| row[at] = value(fault, of, row[at].take()));
            }
        }
    }
    let mut kept = keep.iter();
    grid.rows.retain(|_| kept.next() == Some(&true));
    let deletes: Vec<bool> = deletes
        .into_iter()
        .zip(&keep)
        .filter(|(_, keep)| **keep)
        .map(|(d, _)| d)
        .collect();
    let (batch, has_deletes) = (renamed(&grid.batch(), &schema)?, deletes.contains(&true));
    Ok(Rows {
        batch,
        deletes: has_deletes.then(|| deletes.into()),
    })
}

fn renamed(batch: &RecordBatch, schema: &arrow_schema::SchemaRef) -> Result<RecordBatch> {
    RecordBatch::try_new(schema.clone(), batch.columns().to_vec()).map_err(|e| Error::bug("a twin's rows").caused_by(e))
}

fn value(fault: Fault, of: &Type, cell: Cell) -> Cell {
    match (fault, of, cell) {
        (Fault::LosesMicroseconds, Type::Timestamp, Some(micros)) => {
            let micros: i64 = micros.parse().unwrap_or_default();
            Some((micros.div_euclid(1000) * 1000).to_string())
        }
        (Fault::EmptyIsNull, Type::String, Some(text)) if text.is_empty() => None,
        (Fault::LosesDigits, Type::Float64, Some(text)) => {
            text.parse::<f32>().ok().map(|v| format!("{:?}", f64::from(v)))
        }
        (Fault::NullIsZero, of, None) => Some(zero(of)),
        (_, _, cell) => cell,
    }
}

fn zero(of: &Type) -> String {
    match of {
        Type::Bool => "false".into(),
        Type::Float32 | Type::Float64 => "0.0".into(),
        Type::String | Type::Uuid | Type::Json | Type::Binary => String::new(),
        Type::List(_) | Type::Struct(_) => listed(&[]),
        Type::Vector(n) => listed(&vec![Some("0.0".into()); *n as usize]),
        _ => "0".into(),
    }
}

/// All rows of a relation, as a relation.
pub(super) async fn collected(relation: &dyn Relation) -> Result<Grid> {
    let batches: Vec<RecordBatch> = relation.scan(None).await?.try_collect().await?;
    Grid::read(&relation.schema(), &batches)
}

pub(super) fn relation(grid: &Grid) -> Arc<dyn Relation> {
    Arc::new(InMemory::new(grid.batch()))
}

/// The rows of the table now; `None` where there is none.
pub(super) async fn table(sink: &dyn Sink, target: &Target, ctx: &Ctx) -> Result<Option<Grid>> {
    let head = sink.head(target, ctx).await?;
    match head.schema {
        None => Ok(None),
        Some(_) => Ok(Some(
            collected(sink.at(target, head.version, ctx).await?.as_ref()).await?,
        )),
    }
}

/// Lands a change of the twin's own.
pub(super) async fn land(sink: &dyn Sink, target: &Target, change: Change, rows: &Grid, ctx: &Ctx) -> Result<()> {
    let batch = Rows {
        batch: rows.batch(),
        deletes: None,
    };
    let staged = vec![
        sink.stage(target, rows.schema(), stream::iter([Ok(batch)]).boxed(), ctx)
            .await?,
    ];
    let head = sink.head(target, ctx).await?;
    let schema = match (&head.schema, &change) {
        (Some(schema), Change::Append | Change::Merge { .. }) => segue_core::align::common(schema, &rows.schema())?,
        _ => rows.schema(),
    };
    let worked = sink
        .work_out(target, schema.clone(), &change, &staged, &[], ctx)
        .await?;
    let part = Part {
        role: Role::Table,
        target: target.clone(),
        predecessor: head.n,
        change,
        schema,
        staged,
        grains: Vec::new(),
        plan: worked.plan,
    };
    let n = sink.highest(target, ctx).await?.max(head.n) + 1000;
    bed::commit(sink, &record(n, part, worked.footprint), ctx)
        .await
        .map(drop)
}

/// A relation that answers in the order of its columns.
pub(super) struct InOrder(pub Arc<dyn Relation>);

#[async_trait]
impl Relation for InOrder {
    fn schema(&self) -> arrow_schema::SchemaRef {
        self.0.schema()
    }

    async fn scan(&self, columns: Option<&[usize]>) -> Result<Batches> {
        let sorted = columns.map(|columns| {
            let mut columns = columns.to_vec();
            columns.sort_unstable();
            columns
        });
        self.0.scan(sorted.as_deref()).await
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
