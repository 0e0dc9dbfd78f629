//! Reading data files as batches of the table's schema.

use crate::errors::parquet;
use crate::file::DataFile;
use ::parquet::arrow::ProjectionMask;
use ::parquet::arrow::arrow_reader::ArrowReaderOptions;
use ::parquet::arrow::async_reader::{AsyncFileReader, ParquetRecordBatchStreamBuilder};
use ::parquet::errors::{ParquetError, Result as ParquetResult};
use ::parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData, ParquetMetaDataReader, RowGroupMetaData};
use arrow_array::RecordBatch;
use arrow_schema::{Schema, SchemaRef};
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use segue_core::{Batches, Error, Kind, Result, align};
use segue_diag::VERSION_GONE;
use std::ops::Range;
use std::sync::Arc;

/// The most rows of a batch.
const BATCH_ROWS: usize = 8192;

/// About how large a batch may become, in bytes.
const BATCH_BYTES: u64 = 16 << 20;

/// The rows of these files, one after the other, in this schema (a part of the table's, in any order): columns that a file has not are
/// null, narrower ones are widened.
pub(crate) fn files(store: Arc<dyn ObjectStore>, files: Vec<DataFile>, schema: SchemaRef) -> Batches {
    stream::iter(files)
        .map(Ok)
        .and_then(move |file| one(store.clone(), file, schema.clone()))
        .try_flatten()
        .boxed()
}

/// The rows of one file in this schema.
pub(crate) async fn one(store: Arc<dyn ObjectStore>, file: DataFile, schema: SchemaRef) -> Result<Batches> {
    some(store, file, schema, Which::default()).await
}

/// Which rows of a file are read; all of them unless it is said.
#[derive(Clone, Debug, Default)]
pub(crate) struct Which {
    /// Those of these row groups.
    pub groups: Option<Range<usize>>,
    /// Of these no more than so many.
    pub first: Option<u64>,
}

/// Some rows of one file in this schema.
pub(crate) async fn some(
    store: Arc<dyn ObjectStore>,
    file: DataFile,
    schema: SchemaRef,
    which: Which,
) -> Result<Batches> {
    let path = file.path.clone();
    let failed = move |e| unreadable(&path, e);
    let reader = Reader {
        store,
        path: location(&file.path),
        size: file.size,
    };
    let builder = ParquetRecordBatchStreamBuilder::new(reader)
        .await
        .map_err(failed.clone())?;
    let has = builder.schema().clone();
    let wanted: Vec<usize> = (0..has.fields().len())
        .filter(|i| schema.field_with_name(has.field(*i).name()).is_ok())
        .collect();
    let mask = ProjectionMask::roots(builder.parquet_schema(), wanted);
    let rows = batch_rows(builder.metadata(), &mask);
    let builder = builder.with_projection(mask).with_batch_size(rows);
    let builder = match which.groups {
        Some(groups) => builder.with_row_groups(groups.collect()),
        None => builder,
    };
    let builder = match which.first {
        Some(first) => builder.with_limit(usize::try_from(first).unwrap_or(usize::MAX)),
        None => builder,
    };
    let batches = builder.build().map_err(failed.clone())?;
    let typed = Typed { table: schema };
    Ok(batches
        .map_err(failed)
        .and_then(move |batch| futures::future::ready(typed.read(batch)))
        .boxed())
}

fn unreadable(path: &str, e: ParquetError) -> Error {
    let error = parquet(e, format!("cannot read {path}"));
    if error.kind() == Kind::NotFound {
        Error::new(Kind::NotFound, format!("a file of the table is gone: {path}"))
            .code(VERSION_GONE)
            .hint("old versions are readable until their files are vacuumed; ask for a newer one")
            .caused_by(error)
    } else {
        error
    }
}

/// How large each row group of a file is, in bytes.
pub(crate) async fn row_groups(store: Arc<dyn ObjectStore>, file: &DataFile) -> Result<Vec<u64>> {
    let mut reader = Reader {
        store,
        path: location(&file.path),
        size: file.size,
    };
    let metadata = reader.get_metadata(None).await.map_err(|e| unreadable(&file.path, e))?;
    let bytes = |group: &RowGroupMetaData| u64::try_from(group.compressed_size()).unwrap_or(0);
    Ok(metadata.row_groups().iter().map(bytes).collect())
}

/// How many rows of a file make a batch: so many that they are about [`BATCH_BYTES`] where its rows are largest, at most [`BATCH_ROWS`].
fn batch_rows(file: &ParquetMetaData, columns_read: &ProjectionMask) -> usize {
    // Texts that are equal may stand there once, and are many in memory.
    let of_column = |column: &ColumnChunkMetaData| {
        let texts = column.unencoded_byte_array_data_bytes().unwrap_or(0);
        u64::try_from(column.uncompressed_size().max(texts)).unwrap_or(0)
    };
    let rows = file.row_groups().iter().map(|group| {
        let columns = group.columns().iter().enumerate();
        let read = columns.filter(|(leaf, _)| columns_read.leaf_included(*leaf));
        let bytes = read.fold(0_u64, |bytes, (_, column)| bytes.saturating_add(of_column(column)));
        bytes / u64::try_from(group.num_rows()).unwrap_or(0).max(1)
    });
    let largest = rows.max().unwrap_or(0).max(1);
    usize::try_from(BATCH_BYTES / largest).map_or(BATCH_ROWS, |rows| rows.clamp(1, BATCH_ROWS))
}

/// Where a path of the log lies in the table's store.
pub(crate) fn location(path: &str) -> Path {
    Path::parse(path).unwrap_or_else(|_| Path::from(path))
}

/// Puts what a file holds into the table's columns.
struct Typed {
    table: SchemaRef,
}

impl Typed {
    /// A file's own fields may lack our types (another program wrote it): the table's say what the values are, where the Arrow types agree.
    fn read(&self, batch: RecordBatch) -> Result<RecordBatch> {
        let fields: Vec<_> = batch
            .schema()
            .fields()
            .iter()
            .map(|f| match self.table.field_with_name(f.name()) {
                Ok(to) if to.data_type() == f.data_type() => Arc::new(to.clone().with_nullable(true)),
                _ => f.clone(),
            })
            .collect();
        let rows = arrow_array::RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        let batch = RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), batch.columns().to_vec(), &rows)
            .map_err(|e| Error::bug("a file's columns do not make a batch").caused_by(e))?;
        align::align(&batch, &self.table)
    }
}

/// One file of an object store as Parquet's reader wants it.
struct Reader {
    store: Arc<dyn ObjectStore>,
    path: Path,
    size: u64,
}

impl AsyncFileReader for Reader {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, ParquetResult<Bytes>> {
        async move { Ok(self.store.get_range(&self.path, range).await?) }.boxed()
    }

    fn get_byte_ranges(&mut self, ranges: Vec<Range<u64>>) -> BoxFuture<'_, ParquetResult<Vec<Bytes>>> {
        async move { Ok(self.store.get_ranges(&self.path, &ranges).await?) }.boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        _: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, ParquetResult<Arc<ParquetMetaData>>> {
        async move {
            let size = self.size;
            let metadata = ParquetMetaDataReader::new()
                .with_prefetch_hint(Some(16 << 10))
                .load_and_finish(self, size)
                .await?;
            Ok(Arc::new(metadata))
        }
        .boxed()
    }
}
