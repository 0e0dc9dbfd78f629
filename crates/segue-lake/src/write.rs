//! Writing Parquet files: streamed, of a target size, with statistics, durable when done.

use crate::encode;
use crate::errors::{parquet, storage};
use crate::file::DataFile;
use crate::stats::Collector;
use ::parquet::arrow::AsyncArrowWriter;
use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use jiff::Timestamp;
use object_store::buffered::BufWriter;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use segue_core::Result;
use std::sync::Arc;
use uuid::Uuid;

/// Parts of one file that are on their way to the store at once, each held in memory.
const UPLOADS: usize = 4;

/// Whether a file of this size should be joined with others, where files of a target size are wanted.
pub(crate) fn is_small(bytes: u64, target: u64) -> bool {
    bytes < target / 4 * 3
}

/// Writes rows of one schema into files of one folder of a table.
pub(crate) struct Writer {
    store: Arc<dyn ObjectStore>,
    folder: &'static str,
    schema: SchemaRef,
    target_bytes: u64,
    written_at: Timestamp,
    open: Option<Open>,
    done: Vec<DataFile>,
}

struct Open {
    path: String,
    parquet: AsyncArrowWriter<BufWriter>,
    stats: Collector,
}

impl Open {
    fn bytes(&self) -> u64 {
        (self.parquet.bytes_written() + self.parquet.in_progress_size()) as u64
    }
}

impl Writer {
    /// A writer into `folder` (empty, or with a slash at its end) below the table's. `now` is the files' time in the log.
    pub fn new(
        store: Arc<dyn ObjectStore>,
        folder: &'static str,
        schema: SchemaRef,
        target_bytes: u64,
        now: Timestamp,
    ) -> Writer {
        Writer {
            store,
            folder,
            schema,
            target_bytes,
            written_at: now,
            open: None,
            done: Vec::new(),
        }
    }

    /// Adds rows, which have the writer's schema.
    pub async fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        if self.open.is_none() {
            self.open = Some(self.start(batch)?);
        }
        if let Some(open) = &mut self.open {
            let path = &open.path;
            let written = open.parquet.write(batch).await;
            written.map_err(|e| parquet(e, format!("cannot write {path}")))?;
            open.stats.add(batch);
            if open.bytes() >= self.target_bytes {
                self.finish_file().await?;
            }
        }
        Ok(())
    }

    /// Finishes the file that is being written, if it is not small: what comes next stands apart from it.
    pub async fn end_large(&mut self) -> Result<()> {
        match self.open.as_ref().map(Open::bytes) {
            Some(bytes) if !is_small(bytes, self.target_bytes) => self.finish_file().await,
            _ => Ok(()),
        }
    }

    /// Finishes the last file. The files are durable and nobody's.
    pub async fn finish(mut self) -> Result<Vec<DataFile>> {
        self.finish_file().await?;
        Ok(self.done)
    }

    /// Throws away what was written, as well as it can; what stays is removed by a vacuum.
    pub async fn abandon(self) {
        if let Some(open) = self.open {
            drop(open.parquet);
        }
        for file in self.done {
            if let Err(e) = self.store.delete(&Path::from(file.path.as_str())).await {
                tracing::debug!(path = file.path, error = %e, "an abandoned file stays until a vacuum");
            }
        }
    }

    /// Begins a file whose first rows are these.
    fn start(&self, first: &RecordBatch) -> Result<Open> {
        let path = format!("{}part-{}.parquet", self.folder, Uuid::new_v4());
        let properties = encode::properties(first)?;
        let upload = BufWriter::new(self.store.clone(), Path::from(path.as_str())).with_max_concurrency(UPLOADS);
        let parquet = AsyncArrowWriter::try_new(upload, self.schema.clone(), Some(properties))
            .map_err(|e| parquet(e, format!("cannot begin {path}")))?;
        Ok(Open {
            path,
            parquet,
            stats: Collector::new(&self.schema),
        })
    }

    async fn finish_file(&mut self) -> Result<()> {
        let Some(mut open) = self.open.take() else {
            return Ok(());
        };
        let path = open.path;
        let finished = open.parquet.finish().await;
        let metadata = finished.map_err(|e| parquet(e, format!("cannot finish {path}")))?;
        open.stats.finish(&metadata);
        let head = self.store.head(&Path::from(path.as_str())).await;
        let size = head.map_err(|e| storage(e, format!("cannot find {path} again")))?.size;
        self.done.push(DataFile {
            size,
            rows: Some(open.stats.rows()),
            stats: Some(open.stats.to_json(&self.schema)),
            modified: self.written_at.as_millisecond(),
            path,
        });
        Ok(())
    }
}
