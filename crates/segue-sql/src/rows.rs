//! The rows of an answer: in types that Segue keeps, until somebody stops them, counted for the step.

use crate::engine::placed;
use crate::failure::failure;
use crate::place::Place;
use arrow_array::cast::AsArray;
use arrow_array::types::TimestampNanosecondType;
use arrow_array::{Array, ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_cast::{CastOptions, cast_with_options};
use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use datafusion::physical_plan::SendableRecordBatchStream;
use futures::{Stream, StreamExt};
use segue_core::{Batches, Ctx, Limits, Type};
use segue_diag::{Error, Kind, Result};
use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio_util::sync::WaitForCancellationFutureOwned;

/// The columns of an answer: each in the Arrow form of its Segue type. Whole numbers without a sign become int64, and times finer
/// than microseconds microseconds, where every value allows it. What no type keeps (intervals, say) stays as it is. Every column may be
/// empty: which ones cannot is the planner's guess, and changes with its releases.
pub fn kept(schema: &Schema) -> SchemaRef {
    let fields: Vec<Field> = schema.fields().iter().map(|f| kept_field(f)).collect();
    Arc::new(Schema::new(fields))
}

fn kept_field(field: &Field) -> Field {
    let plain = |data_type| Field::new(field.name(), data_type, true);
    match field.data_type() {
        DataType::UInt64 => plain(DataType::Int64),
        DataType::Timestamp(TimeUnit::Nanosecond, None) => plain(DataType::Timestamp(TimeUnit::Microsecond, None)),
        DataType::Timestamp(TimeUnit::Nanosecond, Some(_)) => plain(Type::Timestamp.arrow()),
        DataType::Time32(_) | DataType::Time64(_) => Type::Time.field(field.name(), true),
        _ => match Type::of(field) {
            Ok(of) => of.field(field.name(), true),
            Err(_) => plain(field.data_type().clone()),
        },
    }
}

/// A batch in the kept columns.
///
/// # Errors
/// `BadData` for a value that would be changed.
pub fn keep(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    let columns: Vec<ArrayRef> = batch
        .columns()
        .iter()
        .zip(schema.fields())
        .map(|(column, field)| keep_column(column, field))
        .collect::<Result<_>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(schema.clone(), columns, &options)
        .map_err(|e| Error::bug("kept columns do not make a batch").caused_by(e))
}

fn keep_column(column: &ArrayRef, field: &Field) -> Result<ArrayRef> {
    if column.data_type() == field.data_type() {
        return Ok(column.clone());
    }
    let name = field.name();
    if let DataType::Timestamp(TimeUnit::Nanosecond, _) = column.data_type() {
        let values = column.as_primitive::<TimestampNanosecondType>();
        if values.iter().flatten().any(|v| v % 1_000 != 0) {
            return Err(Error::new(
                Kind::BadData,
                format!("column `{name}` has times finer than microseconds, which no type keeps"),
            )
            .code(segue_diag::SQL_VALUE)
            .hint(format!("cut them yourself: date_trunc('microsecond', {name})")));
        }
    }
    let wanted = match (column.data_type(), field.data_type()) {
        // A time of day is kept as the microseconds since midnight.
        (DataType::Time32(_) | DataType::Time64(_), DataType::Int64) => {
            let micros = cast(column, &DataType::Time64(TimeUnit::Microsecond), name)?;
            return cast(&micros, &DataType::Int64, name);
        }
        (_, wanted) => wanted,
    };
    cast(column, wanted, name)
}

fn cast(column: &ArrayRef, to: &DataType, name: &str) -> Result<ArrayRef> {
    let options = CastOptions {
        safe: false,
        ..CastOptions::default()
    };
    cast_with_options(column, to, &options).map_err(|e| {
        Error::new(
            Kind::BadData,
            format!("column `{name}` has a value that does not fit {to}"),
        )
        .code(segue_diag::SQL_VALUE)
        .with("cause", e)
    })
}

/// The rows of a running plan.
pub struct Rows {
    inner: Option<SendableRecordBatchStream>,
    schema: SchemaRef,
    limits: Limits,
    words: BTreeMap<String, Place>,
    cancelled: Pin<Box<WaitForCancellationFutureOwned>>,
    ctx: Ctx,
}

impl Rows {
    /// The rows, in these columns, until the context is cancelled. The CPU time that reading them takes is the context's. What fails names
    /// its place where it names one of these functions.
    pub fn stream(
        inner: SendableRecordBatchStream,
        schema: SchemaRef,
        words: BTreeMap<String, Place>,
        ctx: &Ctx,
    ) -> Batches {
        Rows {
            inner: Some(inner),
            schema,
            limits: ctx.limits.clone(),
            words,
            cancelled: Box::pin(ctx.cancel.clone().cancelled_owned()),
            ctx: ctx.clone(),
        }
        .boxed()
    }

    fn next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<RecordBatch>>> {
        let Some(inner) = &mut self.inner else {
            return Poll::Ready(None);
        };
        if self.ctx.cancel.is_cancelled() || self.cancelled.as_mut().poll(cx).is_ready() {
            self.inner = None;
            return Poll::Ready(Some(Err(Error::new(Kind::Cancelled, "stopped, as asked"))));
        }
        loop {
            let answer = match inner.poll_next_unpin(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(None) => None,
                Poll::Ready(Some(Ok(batch))) if batch.num_rows() == 0 => continue,
                Poll::Ready(Some(Ok(batch))) => Some(keep(&batch, &self.schema)),
                Poll::Ready(Some(Err(error))) => Some(Err(placed(failure(error, &self.limits), &self.words))),
            };
            if !matches!(answer, Some(Ok(_))) {
                // What the operators hold is given back now and not when the reader gets around to it.
                self.inner = None;
            }
            return Poll::Ready(answer);
        }
    }
}

impl Stream for Rows {
    type Item = Result<RecordBatch>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        let meter = this.ctx.meter.clone();
        meter.measured(|| this.next(cx))
    }
}
