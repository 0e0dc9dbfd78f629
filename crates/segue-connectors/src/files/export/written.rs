//! A Parquet file of ours: rows, and in its footer the commit that they are of, with those before it.

use super::errors::{broken, unreadable};
use crate::http::spool::{SpoolReader, Spooled};
use arrow_array::RecordBatch;
use arrow_schema::{Schema, SchemaRef};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::arrow::{ArrowWriter, parquet_to_arrow_schema};
use parquet::basic::{Compression as Packing, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::{KeyValue, ParquetMetaData, ParquetMetaDataReader};
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{ChunkReader, Length};
use segue_core::align::kept;
use segue_core::{CommitRecord, Error, Kind, Result};
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

/// The entry of the footer that holds the commit's record, as JSON.
const COMMIT: &str = "segue.commit";
/// The entry that holds the records before it, oldest first: lines of JSON, packed with gzip, in base64.
const BEFORE: &str = "segue.commits";
/// How many records are kept. Every hundredth is complete in itself, so that a state can be rebuilt from them.
const MOST_RECORDS: usize = if cfg!(test) { 20 } else { 200 };
/// The most that the records before may take when they are unpacked, in bytes.
const MOST_BEFORE: u64 = 64 << 20;
/// A row group goes out when it has so many bytes, or rows.
const GROUP_BYTES: usize = 64 << 20;
const GROUP_ROWS: usize = 1 << 20;
const BATCH: usize = 8_192;

/// Which commit a file holds.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Mark {
    pub record: CommitRecord,
    /// Those before it, oldest first, each the predecessor of the next.
    pub before: Vec<CommitRecord>,
}

impl Mark {
    /// What the file says once this commit has landed on it.
    pub fn after(before: Option<Mark>, record: &CommitRecord) -> Mark {
        let mut all = before.map_or(Vec::new(), |mark| [mark.before, vec![mark.record]].concat());
        let more = (all.len() + 1).saturating_sub(MOST_RECORDS);
        all.drain(..more);
        Mark {
            record: record.clone(),
            before: all,
        }
    }

    /// All that is known, oldest first.
    pub fn records(&self) -> impl Iterator<Item = &CommitRecord> {
        self.before.iter().chain([&self.record])
    }

    fn entries(&self) -> Result<Vec<KeyValue>> {
        let packed = |all: &[CommitRecord]| -> io::Result<Vec<u8>> {
            let mut packer = GzEncoder::new(Vec::new(), Compression::default());
            for record in all {
                packer.write_all(record.to_json().as_bytes())?;
                packer.write_all(b"\n")?;
            }
            packer.finish()
        };
        let before = packed(&self.before).map_err(|e| Error::bug("records cannot be packed").caused_by(e))?;
        Ok(vec![
            KeyValue::new(COMMIT.to_string(), self.record.to_json()),
            KeyValue::new(BEFORE.to_string(), STANDARD.encode(before)),
        ])
    }

    fn read(metadata: &ParquetMetaData) -> Result<Option<Mark>> {
        let entry = |key: &str| {
            let entries = metadata.file_metadata().key_value_metadata()?;
            entries.iter().find(|e| e.key == key)?.value.as_deref()
        };
        let Some(record) = entry(COMMIT) else { return Ok(None) };
        let packed = STANDARD.decode(entry(BEFORE).unwrap_or_default());
        let bad = |e: Box<dyn std::error::Error + Send + Sync>| {
            Error::new(Kind::BadData, "cannot read the commits in a file's footer").caused_by(e)
        };
        let packed = packed.map_err(|e| bad(e.into()))?;
        let mut text = String::new();
        if !packed.is_empty() {
            let mut unpacked = GzDecoder::new(&packed[..]).take(MOST_BEFORE);
            unpacked.read_to_string(&mut text).map_err(|e| bad(e.into()))?;
        }
        Ok(Some(Mark {
            record: CommitRecord::from_json(record)?,
            before: text.lines().map(CommitRecord::from_json).collect::<Result<_>>()?,
        }))
    }
}

/// What a file's footer says.
#[derive(Clone, Debug)]
pub(super) struct Footer {
    /// `None`: another program made the file.
    pub mark: Option<Mark>,
    pub schema: SchemaRef,
}

impl Footer {
    /// # Errors
    /// `BadData` for a mark of ours that cannot be read, and columns that no type of ours keeps.
    fn of(metadata: &ParquetMetaData) -> Result<Footer> {
        let file = metadata.file_metadata();
        // Of a file that is not ours nobody asks for its columns, and they may be of types that are not ours, either.
        let Some(mark) = Mark::read(metadata)? else {
            return Ok(Footer {
                mark: None,
                schema: SchemaRef::new(Schema::empty()),
            });
        };
        let schema = parquet_to_arrow_schema(file.schema_descr(), file.key_value_metadata());
        let schema = schema.map_err(|e| Error::new(Kind::BadData, "cannot read a file's columns").caused_by(e))?;
        Ok(Footer {
            mark: Some(mark),
            schema: kept(&schema)?,
        })
    }

    /// Of a file; `None` where it is no Parquet file.
    ///
    /// # Errors
    /// As [`Footer::of`].
    pub fn of_file(at: &At) -> Result<Option<Footer>> {
        let metadata = ParquetMetaDataReader::new().parse_and_finish(at);
        metadata.ok().map(|metadata| Footer::of(&metadata)).transpose()
    }

    /// Of the bytes that a footer is made of, without the eight behind it; `None` where they are none.
    ///
    /// # Errors
    /// As [`Footer::of`].
    pub fn of_bytes(bytes: &[u8]) -> Result<Option<Footer>> {
        let metadata = ParquetMetaDataReader::decode_metadata(bytes);
        metadata.ok().map(|metadata| Footer::of(&metadata)).transpose()
    }
}

/// An open file that several may read at once, each where it is.
#[derive(Clone, Debug)]
pub(super) struct At(Arc<Spooled>);

impl At {
    pub fn of(file: File) -> io::Result<At> {
        Ok(At(Arc::new(Spooled::of(file)?)))
    }

    /// How many rows there are.
    ///
    /// # Errors
    /// `BadData` for a file that cannot be read.
    pub fn count(&self) -> Result<u64> {
        let metadata = ParquetMetaDataReader::new()
            .parse_and_finish(self)
            .map_err(unreadable)?;
        Ok(metadata.file_metadata().num_rows().max(0) as u64)
    }

    /// All rows, in this schema.
    ///
    /// # Errors
    /// `BadData` for a file that cannot be read.
    pub fn rows(&self, schema: SchemaRef) -> Result<impl Iterator<Item = Result<RecordBatch>> + Send + use<>> {
        let reader = ParquetRecordBatchReaderBuilder::try_new(self.clone()).map_err(unreadable)?;
        let reader = reader.with_batch_size(BATCH).build().map_err(unreadable)?;
        Ok(reader.map(move |batch| {
            let batch = batch.map_err(unreadable)?;
            segue_core::align::align(&batch, &schema)
        }))
    }
}

impl Length for At {
    fn len(&self) -> u64 {
        self.0.size()
    }
}

impl ChunkReader for At {
    type T = BufReader<SpoolReader>;

    fn get_read(&self, start: u64) -> parquet::errors::Result<Self::T> {
        let mut reader = SpoolReader::new(self.0.clone());
        reader.seek(SeekFrom::Start(start))?;
        Ok(BufReader::new(reader))
    }

    fn get_bytes(&self, start: u64, length: usize) -> parquet::errors::Result<Bytes> {
        // What a damaged file says of itself is not believed past its end.
        if start.checked_add(length as u64).is_none_or(|end| end > self.0.size()) {
            return Err(ParquetError::EOF("the file is shorter than it says".into()));
        }
        let mut bytes = vec![0; length];
        self.0.file().read_exact_at(&mut bytes, start)?;
        Ok(bytes.into())
    }
}

/// Writes a file: these rows, and this mark in its footer.
///
/// # Errors
/// `Unavailable` where there is no room; the rows' own.
pub(super) fn write(
    file: File,
    schema: SchemaRef,
    rows: impl Iterator<Item = Result<RecordBatch>>,
    mark: &Mark,
) -> Result<File> {
    let properties = WriterProperties::builder()
        .set_compression(Packing::ZSTD(ZstdLevel::default()))
        .set_max_row_group_row_count(Some(GROUP_ROWS))
        .set_created_by(concat!("segue ", env!("CARGO_PKG_VERSION")).to_string())
        .build();
    let mut writer = ArrowWriter::try_new(BufWriter::new(file), schema.clone(), Some(properties)).map_err(broken)?;
    for batch in rows {
        let batch = segue_core::align::align(&batch?, &schema)?;
        writer.write(&batch).map_err(broken)?;
        if writer.in_progress_size() >= GROUP_BYTES {
            writer.flush().map_err(broken)?;
        }
    }
    mark.entries()?
        .into_iter()
        .for_each(|entry| writer.append_key_value_metadata(entry));
    let buffered = writer.into_inner().map_err(broken)?;
    buffered
        .into_inner()
        .map_err(|e| broken(ParquetError::from(e.into_error())))
}
