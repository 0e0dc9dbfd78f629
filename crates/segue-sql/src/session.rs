//! What a query runs in: its settings, and the limits of memory and disk.

use crate::functions::{self, Planning};
use crate::rules::Meaning;
use crate::yielding::Yielding;
use arrow_schema::SchemaRef;
use datafusion::config::SpillCompression;
use datafusion::error::Result as PlanResult;
use datafusion::execution::TaskContext;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::{
    FairSpillPool, MemoryConsumer, MemoryLimit, MemoryPool, MemoryReservation, TrackConsumersPool,
};
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::session_state::{SessionState, SessionStateBuilder};
use datafusion::physical_plan::{ExecutionPlan, SendableRecordBatchStream, execute_stream};
use datafusion::prelude::SessionConfig;
use jiff::Timestamp;
use segue_core::Limits;
use segue_core::meter::Meter;
use std::fmt;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

/// How many of the consumers that hold most memory are named when there is not enough.
const NAMED_CONSUMERS: usize = 3;

/// The memory that every part of a sort keeps back for merging what it spilled; less where the limit is small, because otherwise the
/// reserves alone would take it all.
const MERGE_RESERVE: usize = 10 << 20;

/// What all sessions share: the functions. Built once, because it takes longer than most plans.
pub fn base(partitions: usize) -> SessionState {
    let mut builder = SessionStateBuilder::new_with_default_features()
        .with_analyzer_rule(Arc::new(Meaning::new()))
        .with_physical_optimizer_rule(Arc::new(Yielding))
        .with_config(config("UTC", partitions, &Limits::default()));
    let aggregates = builder.aggregate_functions().get_or_insert_default();
    aggregates.extend(functions::aggregates());
    builder.build()
}

/// A session for one query.
pub fn session(
    base: &SessionState,
    zone: &Arc<str>,
    now: Timestamp,
    partitions: usize,
    limits: &Limits,
    runtime: Arc<RuntimeEnv>,
    planning: &Planning,
) -> SessionState {
    let mut functions: Vec<_> = base.scalar_functions().values().cloned().collect();
    functions.extend(functions::bounded(base.scalar_functions().values(), limits, planning));
    functions.extend(functions::all(zone, now, limits));
    SessionStateBuilder::new_from_existing(base.clone())
        .with_config(config(zone, partitions, limits))
        .with_scalar_functions(functions)
        .with_runtime_env(runtime)
        .build()
}

fn config(zone: &str, partitions: usize, limits: &Limits) -> SessionConfig {
    let part = usize::try_from(limits.memory).unwrap_or(usize::MAX) / (8 * partitions.max(1));
    let mut config = SessionConfig::new()
        .with_target_partitions(partitions)
        .with_batch_size(limits.batch_rows.max(1))
        .with_information_schema(false)
        .with_create_default_catalog_and_schema(false)
        .with_sort_spill_reservation_bytes(part.min(MERGE_RESERVE))
        .with_spill_compression(SpillCompression::Lz4Frame);
    let options = config.options_mut();
    options.execution.time_zone = Some(zone.to_string());
    options.sql_parser.collect_spans = true;
    options.sql_parser.map_string_types_to_utf8view = false;
    // Delta's readers meet dictionary columns, on which the push-down of a join's keys as a list panics.
    options.optimizer.hash_join_inlist_pushdown_max_size = 0;
    options.optimizer.hash_join_inlist_pushdown_max_distinct_values = 0;
    config
}

/// The memory and the disk of one query.
///
/// # Errors
/// When the folder for spilling cannot be made.
pub fn runtime(limits: &Limits, spill: &Path, meter: Arc<Meter>) -> PlanResult<Arc<RuntimeEnv>> {
    let most = usize::try_from(limits.memory).unwrap_or(usize::MAX);
    let named = NonZeroUsize::new(NAMED_CONSUMERS).unwrap_or(NonZeroUsize::MIN);
    let pool = Metered {
        inner: TrackConsumersPool::new(FairSpillPool::new(most), named),
        meter,
    };
    RuntimeEnvBuilder::new()
        .with_memory_pool(Arc::new(pool))
        .with_disk_manager_builder(
            DiskManagerBuilder::default()
                .with_mode(DiskManagerMode::Directories(vec![spill.to_path_buf()]))
                .with_max_temp_directory_size(limits.spill),
        )
        .build_arc()
}

/// A pool of memory that tells the step's meter how much is reserved.
#[derive(Debug)]
struct Metered {
    inner: TrackConsumersPool<FairSpillPool>,
    meter: Arc<Meter>,
}

impl fmt::Display for Metered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl MemoryPool for Metered {
    fn name(&self) -> &str {
        "metered"
    }

    fn register(&self, consumer: &MemoryConsumer) {
        self.inner.register(consumer);
    }

    fn unregister(&self, consumer: &MemoryConsumer) {
        self.inner.unregister(consumer);
    }

    fn grow(&self, reservation: &MemoryReservation, additional: usize) {
        self.inner.grow(reservation, additional);
        self.meter.memory(self.inner.reserved() as u64);
    }

    fn shrink(&self, reservation: &MemoryReservation, shrink: usize) {
        self.inner.shrink(reservation, shrink);
    }

    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> PlanResult<()> {
        self.inner.try_grow(reservation, additional)?;
        self.meter.memory(self.inner.reserved() as u64);
        Ok(())
    }

    fn reserved(&self) -> usize {
        self.inner.reserved()
    }

    fn memory_limit(&self) -> MemoryLimit {
        self.inner.memory_limit()
    }
}

/// A plan that is ready to run.
pub struct Ready {
    /// The operators.
    pub plan: Arc<dyn ExecutionPlan>,
    /// What they run in.
    pub context: Arc<TaskContext>,
}

impl Ready {
    /// The columns of the answer, as the operators have them.
    pub fn schema(&self) -> SchemaRef {
        self.plan.schema()
    }

    /// Starts it.
    pub fn start(&self) -> PlanResult<SendableRecordBatchStream> {
        execute_stream(self.plan.clone(), self.context.clone())
    }
}
