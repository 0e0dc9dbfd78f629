//! A list of data files for DataFusion: a plain Parquet scan with our own object store, pruned by the log's statistics.

use crate::file::{DataFile, Key};
use crate::read::location;
use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::pruning::PrunableStatistics;
use datafusion::common::stats::Precision;
use datafusion::common::{ColumnStatistics, DFSchema, DataFusionError, ScalarValue, Statistics};
use datafusion::datasource::TableType;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::parquet::DefaultParquetFileReaderFactory;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_optimizer::pruning::PruningPredicateBuilder;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use object_store::{ObjectMeta, ObjectStore};
use segue_core::Type;
use std::sync::Arc;

/// The files, their store and their common schema.
#[derive(Debug)]
pub(crate) struct FilesProvider {
    store: Arc<dyn ObjectStore>,
    schema: SchemaRef,
    files: Arc<Vec<DataFile>>,
}

impl FilesProvider {
    pub fn new(store: Arc<dyn ObjectStore>, schema: SchemaRef, files: Arc<Vec<DataFile>>) -> FilesProvider {
        FilesProvider { store, schema, files }
    }

    /// The files that may hold rows for the predicate.
    fn pruned(&self, predicate: Option<&Arc<dyn PhysicalExpr>>) -> Vec<DataFile> {
        let all = || self.files.to_vec();
        let Some(predicate) = predicate else {
            return all();
        };
        let Some(pruning) = PruningPredicateBuilder::new()
            .with_file_schema(self.schema.clone())
            .build(predicate.clone())
        else {
            return all();
        };
        let statistics = self.files.iter().map(|f| Arc::new(self.statistics_of(f))).collect();
        match pruning.prune(&PrunableStatistics::new(statistics, self.schema.clone())) {
            Ok(keep) => all()
                .into_iter()
                .zip(keep)
                .filter(|(_, keep)| *keep)
                .map(|(f, _)| f)
                .collect(),
            Err(e) => {
                tracing::debug!(error = %e, "files are not pruned");
                all()
            }
        }
    }

    /// What the log says of one file. For pruning alone: bounds may be wider than the values, so they must never answer a query.
    fn statistics_of(&self, file: &DataFile) -> Statistics {
        let stats = file.stats();
        let columns = self.schema.fields().iter().map(|field| {
            let mut column = ColumnStatistics::new_unknown();
            if let Some(nulls) = stats.nulls(field.name()) {
                column.null_count = Precision::Exact(nulls as usize);
            }
            if let Some(bounds) = Type::of(field).ok().and_then(|of| stats.bounds(field.name(), &of))
                && let (Some(min), Some(max)) = (scalar(&bounds.min, field), scalar(&bounds.max, field))
            {
                column.min_value = Precision::Exact(min);
                column.max_value = Precision::Exact(max);
            }
            column
        });
        Statistics {
            num_rows: file
                .row_count()
                .map_or(Precision::Absent, |n| Precision::Exact(n as usize)),
            total_byte_size: Precision::Absent,
            column_statistics: columns.collect(),
        }
    }
}

/// A bound in the column's own type.
fn scalar(key: &Key, field: &Field) -> Option<ScalarValue> {
    Some(match (key, field.data_type()) {
        (Key::Number(n), DataType::Int8) => ScalarValue::Int8(Some(i8::try_from(*n).ok()?)),
        (Key::Number(n), DataType::Int16) => ScalarValue::Int16(Some(i16::try_from(*n).ok()?)),
        (Key::Number(n), DataType::Int32) => ScalarValue::Int32(Some(i32::try_from(*n).ok()?)),
        (Key::Number(n), DataType::Int64) => ScalarValue::Int64(Some(*n)),
        (Key::Number(n), DataType::Date32) => {
            ScalarValue::Date32(Some(i32::try_from(n.div_euclid(86_400_000_000)).ok()?))
        }
        (Key::Number(n), DataType::Timestamp(TimeUnit::Microsecond, zone)) => {
            ScalarValue::TimestampMicrosecond(Some(*n), zone.clone())
        }
        (Key::Text(t), DataType::Utf8) => ScalarValue::Utf8(Some(t.clone())),
        _ => return None,
    })
}

#[async_trait]
impl TableProvider for FilesProvider {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>, DataFusionError> {
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    fn statistics(&self) -> Option<Statistics> {
        let mut statistics = Statistics::new_unknown(&self.schema);
        let rows: Option<u64> = self.files.iter().map(DataFile::row_count).sum();
        statistics.num_rows = rows.map_or(Precision::Absent, |n| Precision::Exact(n as usize));
        Some(statistics)
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        let predicate = match conjunction(filters.iter().cloned()) {
            None => None,
            Some(all) => {
                let columns = DFSchema::try_from(Schema::clone(&self.schema))?;
                Some(state.create_physical_expr(all, &columns)?)
            }
        };
        let files = self.pruned(predicate.as_ref());
        if files.is_empty() {
            // A scan of no group of files would have no partition, which other operators refuse or take for no answer.
            let schema = match projection {
                Some(columns) => Arc::new(self.schema.project(columns)?),
                None => self.schema.clone(),
            };
            return Ok(Arc::new(EmptyExec::new(schema)));
        }
        let mut source = ParquetSource::new(self.schema.clone())
            .with_parquet_file_reader_factory(Arc::new(DefaultParquetFileReaderFactory::new(self.store.clone())))
            .with_metadata_size_hint(16 << 10);
        if let Some(predicate) = predicate {
            source = source.with_predicate(predicate);
        }
        let mut total = Statistics::new_unknown(&self.schema);
        let rows: Option<u64> = files.iter().map(DataFile::row_count).sum();
        // Exact, although a limit or a pruned file may leave rows out: DataFusion takes both into account itself.
        total.num_rows = rows.map_or(Precision::Absent, |n| Precision::Exact(n as usize));
        let files = files.iter().map(|f| self.file(f)).collect();
        let groups = FileGroup::new(files).split_files(state.config().target_partitions());
        // The address names no store: files are read through the factory, whose store knows the table's folder.
        let scan = FileScanConfigBuilder::new(ObjectStoreUrl::local_filesystem(), Arc::new(source))
            .with_file_groups(groups)
            .with_projection_indices(projection.cloned())?
            .with_limit(limit)
            .with_statistics(total)
            .build();
        Ok(DataSourceExec::from_data_source(scan))
    }
}

impl FilesProvider {
    fn file(&self, file: &DataFile) -> PartitionedFile {
        let rows = file
            .row_count()
            .map_or(Precision::Absent, |n| Precision::Exact(n as usize));
        let mut statistics = Statistics::new_unknown(&self.schema);
        statistics.num_rows = rows;
        let modified = jiff::Timestamp::from_millisecond(file.modified).unwrap_or_default();
        PartitionedFile::new_from_meta(ObjectMeta {
            location: location(&file.path),
            last_modified: std::time::SystemTime::from(modified).into(),
            size: file.size,
            e_tag: None,
            version: None,
        })
        .with_statistics(Arc::new(statistics))
    }
}
