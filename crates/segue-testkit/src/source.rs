//! A source in memory: a test says what comes of each slice, and sees what was asked.

use arrow_array::builder::{BooleanBuilder, Float64Builder, Int64Builder, StringBuilder};
use arrow_array::{ArrayRef, BinaryArray, Int32Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow_cast::cast;
use arrow_schema::{DataType, Schema, SchemaRef};
use async_trait::async_trait;
use futures::{StreamExt, TryStreamExt, stream::BoxStream};
use jiff::Timestamp;
use parking_lot::Mutex;
use segue_core::source::{Column, Discovered, Offered, Read, ReadRequest, Rejected, Source, Wanted, page_schema};
use segue_core::{Ctx, Error, Kind, Labels, Result, Slice, Type};
use serde_json::Value;
use std::collections::HashMap;
use std::sync::Arc;

/// What comes of a slice.
#[derive(Clone, Debug)]
pub enum Says {
    /// Rows, JSON objects by column.
    Rows(Vec<Value>),
    /// A record that does not fit: the reason, and its text.
    Rejected(&'static str, &'static str),
    /// It is put off.
    Parked(Option<Timestamp>),
    /// It is put off by a block with this key.
    Blocked(Timestamp, String),
    /// It is not ours to read.
    Closed,
    /// It alone fails.
    Failed(Kind),
    /// The whole read ends with this failure.
    Breaks(Kind),
    /// Where the source was read to.
    Position(Value),
    /// What came of the slice so far counts.
    Reached,
}

type Script = dyn Fn(&Slice) -> Vec<Says> + Send + Sync;

/// A source in memory.
pub struct MemSource {
    identity: Mutex<String>,
    script: Mutex<Arc<Script>>,
    asked: Mutex<Vec<String>>,
    from: Mutex<Option<Value>>,
    merged_by: Mutex<Vec<String>>,
}

impl MemSource {
    /// A source that says this of each slice, and then that it is complete.
    pub fn new(script: impl Fn(&Slice) -> Vec<Says> + Send + Sync + 'static) -> Arc<MemSource> {
        Arc::new(MemSource {
            identity: Mutex::new("memory".into()),
            script: Mutex::new(Arc::new(script)),
            asked: Mutex::default(),
            from: Mutex::default(),
            merged_by: Mutex::default(),
        })
    }

    /// From now on it says something else.
    pub fn now_says(&self, script: impl Fn(&Slice) -> Vec<Says> + Send + Sync + 'static) {
        *self.script.lock() = Arc::new(script);
    }

    /// From now on it is another source.
    pub fn now_is(&self, identity: &str) {
        *self.identity.lock() = identity.to_string();
    }

    /// The slices that were asked for since the last time, in order; a slice without labels is `all`.
    pub fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock())
    }

    /// How often this slice was asked for since [`MemSource::asked`] was last called.
    pub fn asked_so_far(&self, slice: &str) -> usize {
        self.asked.lock().iter().filter(|a| *a == slice).count()
    }

    /// Where the last read was asked to begin.
    pub fn from(&self) -> Option<Value> {
        self.from.lock().clone()
    }

    /// By which key the last read's rows are merged, where they may count before its end.
    pub fn merged_by(&self) -> Vec<String> {
        self.merged_by.lock().clone()
    }

    /// One slice's answer; `body` is what a kept page of it holds.
    fn answer(
        at: usize,
        slice: &Slice,
        says: Vec<Says>,
        (columns, untyped): (Option<&[Column]>, &[String]),
        page: Option<RecordBatch>,
    ) -> Vec<Result<Read>> {
        let mut reads = Vec::new();
        reads.extend(page.map(|batch| {
            Ok(Read::Page {
                slices: vec![at],
                batch,
            })
        }));
        for said in says {
            match said {
                Says::Rows(rows) => {
                    let columns = columns.map(|all| all.iter().map(|c| typed(c, untyped, &rows)).collect::<Vec<_>>());
                    reads.push(batch(&rows, columns.as_deref()).map(|batch| Read::Rows { slice: at, batch }));
                }
                Says::Rejected(reason, raw) => {
                    let row = Rejected {
                        reason: reason.into(),
                        path: Some("$.id".into()),
                        raw: raw.into(),
                        beside: Some(Value::Null),
                    };
                    reads.push(Ok(Read::Rejected {
                        slice: Some(at),
                        rows: vec![row],
                    }));
                }
                Says::Position(position) => reads.push(Ok(Read::Position(position))),
                Says::Reached => reads.push(Ok(Read::Reached { slice: at })),
                Says::Parked(until) => {
                    reads.push(Ok(Read::Parked {
                        slice: at,
                        until,
                        block: None,
                        reason: "asked too often".into(),
                    }));
                    return reads;
                }
                Says::Blocked(until, key) => {
                    reads.push(Ok(Read::Parked {
                        slice: at,
                        until: Some(until),
                        block: Some(key),
                        reason: "asked too often".into(),
                    }));
                    return reads;
                }
                Says::Closed => {
                    reads.push(Ok(Read::Closed {
                        slice: at,
                        reason: "403".into(),
                    }));
                    return reads;
                }
                Says::Failed(kind) => {
                    let error = Error::new(kind, format!("slice {} cannot be read", name(&slice.labels)));
                    reads.push(Ok(Read::Failed { slice: at, error }));
                    return reads;
                }
                Says::Breaks(kind) => {
                    reads.push(Err(Error::new(kind, "the connection broke")));
                    return reads;
                }
            }
        }
        reads.push(Ok(Read::Done { slice: at }));
        reads
    }
}

/// The column, one without a type with that of its first value.
fn typed(column: &Column, untyped: &[String], rows: &[Value]) -> Column {
    let mut column = column.clone();
    if untyped.contains(&column.name) {
        let first = rows.iter().filter_map(|r| r.get(&column.name)).find(|v| !v.is_null());
        column.of = first.map_or(Type::String, type_of);
    }
    column
}

fn type_of(value: &Value) -> Type {
    match value {
        Value::Bool(_) => Type::Bool,
        Value::Number(n) if n.is_i64() => Type::Int64,
        Value::Number(_) => Type::Float64,
        _ => Type::String,
    }
}

fn name(labels: &Labels) -> String {
    if labels.is_none() {
        "all".into()
    } else {
        labels.to_string()
    }
}

#[async_trait]
impl Source for MemSource {
    fn identity(&self) -> String {
        self.identity.lock().clone()
    }

    async fn test(&self, _ctx: &Ctx) -> Result<String> {
        Ok("it is there".into())
    }

    async fn discover(&self, _wanted: &Wanted<'_>, _ctx: &Ctx) -> Result<Vec<Discovered>> {
        Ok(Vec::new())
    }

    async fn tables(&self, _ctx: &Ctx) -> Result<Vec<Offered>> {
        Ok(Vec::new())
    }

    async fn read(&self, request: ReadRequest, ctx: &Ctx) -> Result<BoxStream<'static, Result<Read>>> {
        *self.from.lock() = request.from.clone();
        *self.merged_by.lock() = request.merged_by.clone();
        let columns = request.schema.columns.clone();
        let untyped = request.schema.untyped.clone();
        let mut reads = Vec::new();
        if let Some(pages) = request.replay {
            let index: HashMap<String, usize> = request
                .slices
                .iter()
                .enumerate()
                .map(|(i, s)| (s.labels.key(), i))
                .collect();
            let pages: Vec<RecordBatch> = pages.try_collect().await?;
            for page in pages {
                for row in 0..page.num_rows() {
                    let text = |column: &str| -> String {
                        let texts = page.column_by_name(column).and_then(|c| cast(c, &DataType::Utf8).ok());
                        texts
                            .and_then(|t| {
                                t.as_any()
                                    .downcast_ref::<StringArray>()
                                    .map(|t| t.value(row).to_string())
                            })
                            .unwrap_or_default()
                    };
                    let slices: Vec<String> = serde_json::from_str(&text("slices")).unwrap_or_default();
                    let rows: Vec<Value> = serde_json::from_str(&text("body")).unwrap_or_default();
                    for at in slices.iter().filter_map(|s| index.get(s)) {
                        let says = match text("status").as_str() {
                            "403" => vec![Says::Closed],
                            _ => vec![Says::Rows(rows.clone())],
                        };
                        reads.extend(MemSource::answer(
                            *at,
                            &request.slices[*at],
                            says,
                            (columns.as_deref(), &untyped),
                            None,
                        ));
                    }
                }
            }
            return Ok(futures::stream::iter(reads).boxed());
        }
        let script = self.script.lock().clone();
        for (at, slice) in request.slices.iter().enumerate() {
            self.asked.lock().push(name(&slice.labels));
            let says = script(slice);
            let is_whole =
                |s: &Says| matches!(s, Says::Rows(_) | Says::Rejected(..) | Says::Position(_) | Says::Closed);
            let page = (request.keep_pages && says.iter().all(is_whole))
                .then(|| page(slice, &says, &self.identity(), ctx.clock.now()))
                .transpose()?;
            let breaks = says.iter().any(|s| matches!(s, Says::Breaks(_)));
            reads.extend(MemSource::answer(at, slice, says, (columns.as_deref(), &untyped), page));
            if breaks {
                break;
            }
        }
        Ok(futures::stream::iter(reads).boxed())
    }
}

/// The one answer of a slice, as it is kept.
fn page(slice: &Slice, says: &[Says], source: &str, now: Timestamp) -> Result<RecordBatch> {
    let rows: Vec<&Value> = says
        .iter()
        .flat_map(|s| {
            if let Says::Rows(rows) = s {
                rows.iter().collect()
            } else {
                vec![]
            }
        })
        .collect();
    let body = serde_json::to_string(&rows).unwrap_or_default();
    let status = if says.iter().any(|s| matches!(s, Says::Closed)) {
        403
    } else {
        200
    };
    let text = |t: String| -> ArrayRef { Arc::new(StringArray::from(vec![t])) };
    let columns: Vec<ArrayRef> = vec![
        text(serde_json::to_string(&[slice.labels.key()]).unwrap_or_default()),
        Arc::new(arrow_array::Int64Array::from(vec![0])),
        Arc::new(arrow_array::BooleanArray::from(vec![true])),
        text("GET /".into()),
        text("hash".into()),
        text(source.into()),
        Arc::new(Int32Array::from(vec![status])),
        Arc::new(BinaryArray::from_vec(vec![body.as_bytes()])),
        Arc::new(TimestampMicrosecondArray::from(vec![now.as_microsecond()]).with_timezone("UTC")),
    ];
    let schema = page_schema();
    let columns = schema
        .fields()
        .iter()
        .zip(columns)
        .map(|(f, c)| cast(&c, f.data_type()))
        .collect::<Result<_, _>>();
    RecordBatch::try_new(schema, columns.map_err(|e| Error::bug("cast").caused_by(e))?)
        .map_err(|e| Error::bug("a page").caused_by(e))
}

/// JSON rows as a batch, in these columns or in those of the first row.
pub fn batch(rows: &[Value], columns: Option<&[Column]>) -> Result<RecordBatch> {
    let schema: SchemaRef = match columns {
        Some(columns) => Arc::new(Schema::new(
            columns
                .iter()
                .map(|c| c.of.field(&c.name, !c.required))
                .collect::<Vec<_>>(),
        )),
        None => {
            let first = rows.first().and_then(Value::as_object).cloned().unwrap_or_default();
            Arc::new(Schema::new(
                first.iter().map(|(k, v)| type_of(v).field(k, true)).collect::<Vec<_>>(),
            ))
        }
    };
    let arrays = schema.fields().iter().map(|field| {
        let values = rows.iter().map(|r| r.get(field.name()).unwrap_or(&Value::Null));
        let array: ArrayRef = match field.data_type() {
            DataType::Boolean => {
                let mut b = BooleanBuilder::new();
                values.for_each(|v| b.append_option(v.as_bool()));
                Arc::new(b.finish())
            }
            DataType::Float32 | DataType::Float64 => {
                let mut b = Float64Builder::new();
                values.for_each(|v| b.append_option(v.as_f64()));
                Arc::new(b.finish())
            }
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
                let mut b = StringBuilder::new();
                values.for_each(|v| b.append_option(v.as_str()));
                Arc::new(b.finish())
            }
            _ => {
                let mut b = Int64Builder::new();
                values.for_each(|v| b.append_option(v.as_i64()));
                Arc::new(b.finish())
            }
        };
        cast(&array, field.data_type()).map_err(|e| Error::bug("a test's value does not fit its column").caused_by(e))
    });
    let arrays: Vec<ArrayRef> = arrays.collect::<Result<_>>()?;
    RecordBatch::try_new(schema, arrays).map_err(|e| Error::bug("a test's rows do not make a batch").caused_by(e))
}
