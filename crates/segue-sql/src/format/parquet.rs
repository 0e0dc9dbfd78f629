//! An answer as a Parquet file: columns in their types, in row groups that are bounded in memory.

use super::{Written, unwritten};
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::basic::Compression;
use datafusion::parquet::errors::ParquetError;
use datafusion::parquet::file::properties::WriterProperties;
use futures::StreamExt;
use segue_core::engine::Answer;
use segue_diag::{Error, Kind, Result};
use std::io::Write;

/// What is held of a row group, in bytes, before it is written.
const ROW_GROUP: usize = 64 << 20;

pub(super) async fn write(answer: Answer, out: &mut (dyn Write + Send)) -> Result<Written> {
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
    let writer = ArrowWriter::try_new(out, answer.schema.clone(), Some(properties));
    let mut writer = writer.map_err(failed)?;
    let (mut rows, mut count) = (answer.rows, 0);
    while let Some(batch) = rows.next().await {
        let batch = batch?;
        writer.write(&batch).map_err(failed)?;
        count += batch.num_rows() as u64;
        if writer.in_progress_size() > ROW_GROUP {
            writer.flush().map_err(failed)?;
        }
    }
    writer.close().map_err(failed)?;
    Ok(Written {
        rows: count,
        more: false,
    })
}

fn failed(error: ParquetError) -> Error {
    match error {
        ParquetError::External(cause) => match cause.downcast::<std::io::Error>() {
            Ok(error) => unwritten(*error),
            Err(cause) => Error::new(Kind::Unavailable, "cannot write the answer as Parquet")
                .caused_by(std::io::Error::other(cause)),
        },
        other => Error::new(Kind::Unsupported, "cannot write the answer as Parquet")
            .caused_by(other)
            .hint("a column's type has no form there: cast it in the statement"),
    }
}
