//! The operator: takes the table in, then hands out neighbours block by block.

use super::Call;
use super::search::{Found, Points};
use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{Array, ArrayRef, Float64Array, Int32Array, RecordBatch, UInt64Array};
use arrow_cast::display::array_value_to_string;
use arrow_cast::{CastOptions, cast_with_options};
use arrow_ord::ord::make_comparator;
use arrow_ord::sort::sort_to_indices;
use arrow_schema::{DataType, SchemaRef, SortOptions};
use arrow_select::concat::concat;
use arrow_select::take::take;
use datafusion::common::runtime::SpawnedTask;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::{DataFusionError, Result as PlanResult};
use datafusion::execution::TaskContext;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::physical_expr::{EquivalenceProperties, Partitioning, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{
    Boundedness, ChildrenPropertiesMode, EmissionType, ReplaceChildrenOptions,
};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, Distribution, ExecutionPlan, ExecutionPlanProperties, PlanProperties,
    SendableRecordBatchStream,
};
use futures::{StreamExt, TryStreamExt};
use segue_diag::{Error, Kind, Result};
use std::cmp::Ordering;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// How many numbers are compared before a block of rows is handed out: some ten milliseconds, after which it can be stopped.
const BLOCK_WORK: usize = 8 << 20;
/// The most rows that a block hands out.
const BLOCK_ROWS: usize = 8 << 10;

/// The operator of `nearest`.
#[derive(Debug)]
pub struct NearestExec {
    input: Arc<dyn ExecutionPlan>,
    /// The columns of the input: id and vector.
    columns: (usize, usize),
    call: Call,
    schema: SchemaRef,
    projection: Option<Vec<usize>>,
    properties: Arc<PlanProperties>,
}

impl NearestExec {
    /// The neighbours of the input's rows.
    pub fn new(
        input: Arc<dyn ExecutionPlan>,
        columns: (usize, usize),
        call: Call,
        schema: SchemaRef,
        projection: Option<Vec<usize>>,
    ) -> PlanResult<NearestExec> {
        let given = match &projection {
            Some(columns) => Arc::new(schema.project(columns)?),
            None => schema.clone(),
        };
        let properties = PlanProperties::new(
            EquivalenceProperties::new(given),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Final,
            Boundedness::Bounded,
        );
        Ok(NearestExec {
            input,
            columns,
            call,
            schema,
            projection,
            properties: Arc::new(properties),
        })
    }
}

impl DisplayAs for NearestExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        let Call { table, id, vector, k } = &self.call;
        write!(f, "NearestExec: table={table}, id={id}, vector={vector}, k={k}")
    }
}

impl ExecutionPlan for NearestExec {
    fn name(&self) -> &str {
        "NearestExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn required_input_distribution(&self) -> Vec<Distribution> {
        vec![Distribution::SinglePartition]
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> PlanResult<TreeNodeRecursion>,
    ) -> PlanResult<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> PlanResult<Arc<dyn ExecutionPlan>> {
        let input = children
            .pop()
            .ok_or_else(|| DataFusionError::Internal("nearest has one input".to_string()))?;
        Ok(Arc::new(NearestExec::new(
            input,
            self.columns,
            self.call.clone(),
            self.schema.clone(),
            self.projection.clone(),
        )?))
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> PlanResult<Arc<dyn ExecutionPlan>> {
        self.replace_children(children, ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> PlanResult<SendableRecordBatchStream> {
        let parts = self.input.output_partitioning().partition_count();
        if partition != 0 || parts != 1 {
            return Err(DataFusionError::Internal(format!(
                "nearest reads one partition and not {parts}"
            )));
        }
        let input = self.input.execute(0, context.clone())?;
        let memory = MemoryConsumer::new("nearest").register(context.memory_pool());
        let tasks = context.session_config().target_partitions();
        let (call, columns, schema) = (self.call.clone(), self.columns, self.schema.clone());
        let projection = self.projection.clone();
        let rows = futures::stream::once(async move {
            let table = take_in(input, columns, &call, memory).await?;
            Ok::<_, DataFusionError>(neighbours(Arc::new(table), &call, schema, projection, tasks))
        })
        .try_flatten();
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), rows)))
    }
}

/// The table, in order of its ids.
struct Table {
    ids: ArrayRef,
    points: Points,
    memory: MemoryReservation,
}

/// Reads the whole input.
async fn take_in(
    mut input: SendableRecordBatchStream,
    columns: (usize, usize),
    call: &Call,
    memory: MemoryReservation,
) -> PlanResult<Table> {
    let mut batches = Vec::new();
    while let Some(batch) = input.try_next().await? {
        memory.try_grow(size_of_rows(&batch)?)?;
        batches.push(batch);
    }
    drop(input);
    let call = call.clone();
    SpawnedTask::spawn_blocking(move || arrange(batches, columns, &call, memory))
        .join()
        .await
        .map_err(|e| DataFusionError::ExecutionJoin(Box::new(e)))?
}

/// The bytes of a batch's own rows: several batches may be slices of one buffer, which is not there several times.
fn size_of_rows(batch: &RecordBatch) -> PlanResult<usize> {
    let mut bytes = 0;
    for column in batch.columns() {
        bytes += column.to_data().get_slice_memory_size()?;
    }
    Ok(bytes)
}

fn arrange(
    batches: Vec<RecordBatch>,
    (id, vector): (usize, usize),
    call: &Call,
    memory: MemoryReservation,
) -> PlanResult<Table> {
    let column = |at: usize| batches.iter().map(|b| b.column(at).as_ref()).collect::<Vec<_>>();
    if batches.iter().all(|b| b.num_rows() == 0) {
        return Ok(Table {
            ids: Arc::new(Int32Array::from(Vec::<i32>::new())),
            points: Points::with_capacity(0, 1),
            memory,
        });
    }
    // The ids, and the order among them, are copies beside the batches.
    let ids = concat(&column(id))?;
    memory.try_grow(ids.get_array_memory_size() * 2 + ids.len() * size_of::<u64>())?;
    if ids.null_count() > 0 {
        return Err(ours(data(format!(
            "`{}` has {} rows without an id",
            call.table,
            ids.null_count()
        ))));
    }
    let order = sort_to_indices(&ids, None, None)?;
    let vectors = batches
        .iter()
        .map(|batch| Vectors::of(batch.column(vector)))
        .collect::<PlanResult<Vec<_>>>()?;
    let starts: Vec<usize> = batches
        .iter()
        .scan(0, |end, batch| {
            let start = *end;
            *end += batch.num_rows();
            Some(start)
        })
        .collect();
    let named = |row: usize| array_value_to_string(&ids, row).unwrap_or_else(|_| format!("number {row}"));
    let get = |row: usize| {
        let batch = starts.partition_point(|start| *start <= row) - 1;
        vectors[batch].get(row - starts[batch])
    };
    let mut dimensions = None;
    let mut points = Points::with_capacity(0, 1);
    for row in order.values() {
        let row = *row as usize;
        let values = get(row).map_err(|why| {
            ours(data(format!(
                "the row with id {} of `{}` {why}",
                named(row),
                call.table
            )))
        })?;
        let length = *dimensions.get_or_insert(values.len());
        if values.len() != length {
            return Err(ours(data(format!(
                "the vectors of `{}` have different lengths: id {} has {} values, others have {length}",
                call.table,
                named(row),
                values.len()
            ))));
        }
        if points.len() == 0 {
            memory.try_grow(Points::bytes(ids.len(), length))?;
            points = Points::with_capacity(ids.len(), length);
        }
        points.push(values);
    }
    let ids = take(&ids, &order, None)?;
    let compare = make_comparator(&ids, &ids, SortOptions::default())?;
    if let Some(twice) = (1..ids.len()).find(|row| compare(row - 1, *row) == Ordering::Equal) {
        let id = array_value_to_string(&ids, twice)?;
        return Err(ours(data(format!(
            "`{}` has more than one row with id {id}",
            call.table
        ))));
    }
    let kept = ids.get_array_memory_size() + Points::bytes(points.len(), dimensions.unwrap_or(1));
    drop(batches);
    memory.try_resize(kept)?;
    Ok(Table { ids, points, memory })
}

/// A column of vectors as numbers.
struct Vectors {
    /// The lists, with offsets of 32 or 64 bits.
    lists: ArrayRef,
    values: Float64Array,
    offsets: Vec<usize>,
}

impl Vectors {
    fn of(column: &ArrayRef) -> PlanResult<Vectors> {
        let (values, offsets): (ArrayRef, Vec<usize>) = match column.data_type() {
            DataType::List(_) => {
                let lists = column.as_list::<i32>();
                (
                    lists.values().clone(),
                    lists.value_offsets().iter().map(|o| *o as usize).collect(),
                )
            }
            DataType::LargeList(_) => {
                let lists = column.as_list::<i64>();
                (
                    lists.values().clone(),
                    lists.value_offsets().iter().map(|o| *o as usize).collect(),
                )
            }
            DataType::FixedSizeList(_, size) => {
                let lists = column.as_fixed_size_list();
                let size = *size as usize;
                (
                    lists.values().clone(),
                    (0..=lists.len()).map(|row| row * size).collect(),
                )
            }
            other => {
                return Err(DataFusionError::Internal(format!(
                    "nearest does not take vectors of type {other}"
                )));
            }
        };
        let options = CastOptions {
            safe: false,
            ..CastOptions::default()
        };
        let values = cast_with_options(&values, &DataType::Float64, &options)?;
        Ok(Vectors {
            lists: column.clone(),
            values: values.as_primitive::<Float64Type>().clone(),
            offsets,
        })
    }

    /// The vector of a row, or why it is none.
    fn get(&self, row: usize) -> Result<&[f64], &'static str> {
        if self.lists.is_null(row) {
            return Err("has no vector");
        }
        let range = self.offsets[row]..self.offsets[row + 1];
        if range.is_empty() {
            return Err("has an empty vector");
        }
        if self.values.null_count() > 0 && range.clone().any(|at| self.values.is_null(at)) {
            return Err("has an empty value in its vector");
        }
        let values = &self.values.values()[range];
        if values.iter().all(|v| v.is_finite()) {
            Ok(values)
        } else {
            Err("has a value in its vector that is not finite")
        }
    }
}

fn data(message: String) -> Error {
    Error::new(Kind::BadData, message)
        .code(segue_diag::SQL_NEAREST_DATA)
        .hint(
            "nearest needs an id and a whole, finite vector of one length in every row; leave the others out before it",
        )
}

fn ours(error: Error) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

/// The neighbours of all rows, some blocks of rows at once, handed out in order.
fn neighbours(
    table: Arc<Table>,
    call: &Call,
    schema: SchemaRef,
    projection: Option<Vec<usize>>,
    tasks: usize,
) -> impl futures::Stream<Item = PlanResult<RecordBatch>> + Send + use<> {
    let count = table.points.len();
    let k = call.k.min(count.saturating_sub(1));
    let rows = rows_of_a_block(&table, k);
    let blocks = (0..count)
        .step_by(rows)
        .map(move |start| start..count.min(start + rows));
    // A table of one row has no neighbours to hand out.
    futures::stream::iter(blocks.filter(move |_| k > 0))
        .map(move |block| {
            let (table, schema, projection) = (table.clone(), schema.clone(), projection.clone());
            async move {
                SpawnedTask::spawn_blocking(move || {
                    // Held while the block is worked on; what it hands out belongs to whoever takes it.
                    let memory = table.memory.new_empty();
                    memory.try_grow(block.len() * k * 3 * size_of::<Found>())?;
                    let found = table.points.nearest(block.clone(), k);
                    let batch = batch(&table.ids, block, &found, &schema)?;
                    match &projection {
                        Some(columns) => Ok(batch.project(columns)?),
                        None => Ok(batch),
                    }
                })
                .join()
                .await
                .map_err(|e| DataFusionError::ExecutionJoin(Box::new(e)))?
            }
        })
        .buffered(tasks.max(1))
}

fn rows_of_a_block(table: &Table, k: usize) -> usize {
    let work = table.points.work();
    (BLOCK_WORK / work.max(1)).min(BLOCK_ROWS / k.max(1)).max(1)
}

fn batch(ids: &ArrayRef, block: Range<usize>, found: &[Vec<Found>], schema: &SchemaRef) -> PlanResult<RecordBatch> {
    let of = UInt64Array::from_iter_values(
        block
            .zip(found)
            .flat_map(|(row, found)| found.iter().map(move |_| row as u64)),
    );
    let near = UInt64Array::from_iter_values(found.iter().flatten().map(|f| f.point as u64));
    let ranks = Int32Array::from_iter_values(found.iter().flat_map(|f| 1..=f.len() as i32));
    let distances = Float64Array::from_iter_values(found.iter().flatten().map(|f| f.distance));
    let columns: Vec<ArrayRef> = vec![
        take(ids, &of, None)?,
        take(ids, &near, None)?,
        Arc::new(ranks),
        Arc::new(distances),
    ];
    Ok(RecordBatch::try_new(schema.clone(), columns)?)
}
