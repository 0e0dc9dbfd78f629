//! Rows that lie ready: files beside the state, synced, named by no table. Another process can commit or discard them.

use crate::columns::short;
use arrow_array::{ArrayRef, BooleanArray, RecordBatch, StringArray, cast::AsArray};
use arrow_ipc::reader::StreamReader;
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use arrow_select::filter::filter_record_batch;
use async_trait::async_trait;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use segue_core::align::{align, common};
use segue_core::durable::Durability;
use segue_core::engine::Relation;
use segue_core::fault::{Boundary, reach};
use segue_core::meter::blocking;
use segue_core::sink::{Rows, Staged, Target, refused_columns};
use segue_core::{Batches, Ctx, Error, Kind, Result};
use serde_json::json;
use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufReader, BufWriter};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use uuid::Uuid;

/// The last column of a staged file: true where the row deletes its key.
const DELETES: &str = "_segue_deletes";

/// Why a row is not let in.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    pub rule: Option<String>,
    pub column: Option<String>,
    pub reason: String,
}

/// Where rows lie ready, on a disk that keeps them.
#[derive(Clone, Debug)]
pub(crate) struct Staging {
    /// Each asset's rows are below it, in a folder of their own.
    pub dir: PathBuf,
    /// The folder beside the state that it stands in.
    pub top: PathBuf,
    pub disk: Arc<dyn Durability>,
}

impl Staging {
    /// Removes these rows, as far as they are there.
    pub fn forget(&self, staged: &[Staged]) {
        for path in staged.iter().filter_map(|s| path(&self.dir, s).ok()) {
            remove(&path);
        }
    }
}

/// Writes rows into a new file and syncs it with its folders.
pub(crate) async fn write(
    staging: &Staging,
    target: &Target,
    schema: SchemaRef,
    mut rows: BoxStream<'static, Result<Rows>>,
    ctx: &Ctx,
) -> Result<Staged> {
    let name = format!("{}/{}.arrow", target.asset, Uuid::new_v4());
    let path = staging.dir.join(&name);
    let with_deletes = with_deletes(&schema);
    let mut writer = {
        let (path, schema) = (path.clone(), with_deletes.clone());
        blocking(move || Writer::new(&path, &schema)).await??
    };
    let mut count = 0;
    loop {
        let next = match ctx.or_cancelled(rows.try_next()).await {
            Ok(Some(next)) => next,
            Ok(None) => break,
            Err(e) => {
                remove(&path);
                return Err(e);
            }
        };
        count += next.batch.num_rows() as u64;
        let batch = marked(&next, &with_deletes);
        let written = blocking(move || {
            writer.write(&batch?)?;
            Ok::<_, Error>(writer)
        });
        writer = match written.await? {
            Ok(writer) => writer,
            Err(e) => {
                remove(&path);
                return Err(e);
            }
        };
    }
    let staging = staging.clone();
    let bytes = blocking(move || writer.finish(&staging)).await??;
    reach(Boundary::SqlStaged);
    Ok(Staged {
        rows: count,
        bytes,
        place: json!({ "file": name }),
    })
}

/// A new file of staged rows.
struct New {
    name: String,
    writer: Writer,
    rows: u64,
}

impl New {
    fn begin(staging: &Staging, target: &Target, schema: &SchemaRef) -> Result<New> {
        let name = format!("{}/{}.arrow", target.asset, Uuid::new_v4());
        let writer = Writer::new(&staging.dir.join(&name), &with_deletes(schema))?;
        Ok(New { name, writer, rows: 0 })
    }

    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        self.rows += batch.num_rows() as u64;
        self.writer.write(batch)
    }

    fn end(self, staging: &Staging) -> Result<Staged> {
        let bytes = self.writer.finish(staging)?;
        Ok(Staged {
            rows: self.rows,
            bytes,
            place: json!({ "file": self.name }),
        })
    }
}

/// Writes those files anew that have refused rows, without them, and these into files of their own. Rows are numbered from 1, through all files.
pub(crate) fn split(
    staging: &Staging,
    target: &Target,
    staged: &[Staged],
    refused: &BTreeMap<i64, Refusal>,
) -> Result<(Vec<Staged>, Vec<Staged>)> {
    let (mut left, mut apart, mut replaced, mut first) = (Vec::new(), Vec::new(), Vec::new(), 1);
    for one in staged {
        let next = first + one.rows as i64;
        if refused.range(first..next).next().is_none() {
            left.push(one.clone());
            first = next;
            continue;
        }
        let rows = read(&staging.dir, one)?;
        let own = rows.schema.clone();
        let told = own.fields().iter().cloned().chain(refused_columns().map(Arc::new));
        let told: SchemaRef = Arc::new(Schema::new(told.collect::<Vec<_>>()));
        let mut good = New::begin(staging, target, &own)?;
        let mut bad = New::begin(staging, target, &told)?;
        for pair in rows {
            let (batch, deletes) = pair?;
            let of_row: Vec<Option<&Refusal>> = (first..).take(batch.num_rows()).map(|row| refused.get(&row)).collect();
            first += batch.num_rows() as i64;
            let picked = |is: &dyn Fn(&Option<&Refusal>) -> bool, schema: &SchemaRef, more: Vec<ArrayRef>| {
                let mask: BooleanArray = of_row.iter().map(|r| Some(is(r))).collect();
                let all = batch.columns().iter().cloned().chain(more);
                let all = all.chain([Arc::new(deletes.clone()) as ArrayRef]).collect();
                RecordBatch::try_new(with_deletes(schema), all)
                    .and_then(|all| filter_record_batch(&all, &mask))
                    .map_err(|e| Error::bug("refused rows cannot be told from others").caused_by(e))
            };
            let column = |of: &dyn Fn(&Refusal) -> Option<String>| -> ArrayRef {
                Arc::new(of_row.iter().map(|r| r.and_then(of)).collect::<StringArray>())
            };
            // A row that is not refused has a reason as long as it takes to leave it out.
            let reasons = of_row.iter().map(|r| Some(r.map_or("", |r| r.reason.as_str())));
            let reasons: ArrayRef = Arc::new(reasons.collect::<StringArray>());
            good.write(&picked(&|r| r.is_none(), &own, Vec::new())?)?;
            let more = vec![column(&|r| r.rule.clone()), column(&|r| r.column.clone()), reasons];
            bad.write(&picked(&|r| r.is_some(), &told, more)?)?;
        }
        left.push(good.end(staging)?);
        apart.push(bad.end(staging)?);
        replaced.push(path(&staging.dir, one)?);
    }
    replaced.iter().for_each(|path| remove(path));
    Ok((left, apart))
}

fn with_deletes(schema: &SchemaRef) -> SchemaRef {
    let fields = schema
        .fields()
        .iter()
        .cloned()
        .chain([Arc::new(Field::new(DELETES, DataType::Boolean, false))]);
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

fn marked(rows: &Rows, schema: &SchemaRef) -> Result<RecordBatch> {
    let deletes = match &rows.deletes {
        Some(deletes) => deletes.iter().map(|d| Some(d == Some(true))).collect(),
        None => BooleanArray::from(vec![false; rows.batch.num_rows()]),
    };
    let mut columns = rows.batch.columns().to_vec();
    columns.push(Arc::new(deletes));
    RecordBatch::try_new(schema.clone(), columns)
        .map_err(|e| Error::bug("staged rows are not of the schema that was said").caused_by(e))
}

/// A file of batches that is being written.
pub(crate) struct Writer {
    path: PathBuf,
    file: StreamWriter<BufWriter<File>>,
}

impl Writer {
    pub fn new(path: &Path, schema: &Schema) -> Result<Writer> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|e| broken(folder, e))?;
        }
        let file = File::create_new(path).map_err(|e| broken(path, e))?;
        let file = StreamWriter::try_new(BufWriter::new(file), schema).map_err(|e| broken(path, e))?;
        Ok(Writer {
            path: path.to_path_buf(),
            file,
        })
    }

    pub fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        self.file.write(batch).map_err(|e| broken(&self.path, e))
    }

    /// Makes it last: the file, and the folders in which it is named. Its size in bytes.
    fn finish(self, staging: &Staging) -> Result<u64> {
        let path = self.path.clone();
        let file = self.close()?;
        let synced = || -> std::io::Result<u64> {
            staging.disk.file(&file, &path)?;
            staging.disk.names(&path, &staging.top)?;
            Ok(file.metadata()?.len())
        };
        synced().map_err(|e| broken(&path, e))
    }

    /// Ends it without making it last.
    pub fn close(mut self) -> Result<File> {
        self.file.finish().map_err(|e| broken(&self.path, e))?;
        let buffered = self.file.into_inner().map_err(|e| broken(&self.path, e))?;
        buffered.into_inner().map_err(|e| broken(&self.path, e.into_error()))
    }
}

fn broken(path: &Path, e: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    let e = e.into();
    let full = e
        .downcast_ref::<std::io::Error>()
        .is_some_and(|e| e.kind() == std::io::ErrorKind::StorageFull);
    let error = Error::new(Kind::Unavailable, format!("cannot keep rows in `{}`", path.display()));
    if full {
        error.hint("the disk is full: make room where the state is kept")
    } else {
        error
    }
    .caused_by(e)
}

/// Where a staged file is.
///
/// # Errors
/// `BadData` for a note that this sink did not write.
pub(crate) fn path(dir: &Path, staged: &Staged) -> Result<PathBuf> {
    let name = staged.place["file"].as_str().unwrap_or_default();
    let is_ours = name.ends_with(".arrow")
        && Path::new(name)
            .components()
            .all(|c| matches!(c, std::path::Component::Normal(_)));
    if !is_ours {
        return Err(Error::new(
            Kind::BadData,
            format!("`{}` is not a place of staged rows", short(&staged.place.to_string())),
        ));
    }
    Ok(dir.join(name))
}

/// Removes the staged files of this folder but for those that are named.
///
/// # Errors
/// `Unavailable` when the folder cannot be read.
pub(crate) fn sweep(folder: &Path, named: &BTreeSet<PathBuf>) -> Result<()> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(broken(folder, e)),
    };
    for entry in entries {
        let path = entry.map_err(|e| broken(folder, e))?.path();
        if path.extension().is_some_and(|e| e == "arrow") && !named.contains(&path) {
            remove(&path);
        }
    }
    Ok(())
}

/// The batches of a staged file, each with the rows that delete.
pub(crate) struct StagedRows {
    /// Their schema, without the mark.
    pub schema: SchemaRef,
    path: PathBuf,
    reader: StreamReader<BufReader<File>>,
    /// How many rows the note says that there are, less those that were read. A file that was cut between two batches looks whole.
    left: Option<u64>,
}

/// Reads a staged file.
///
/// # Errors
/// `NotFound` when the file is gone.
pub(crate) fn read(dir: &Path, staged: &Staged) -> Result<StagedRows> {
    let path = path(dir, staged)?;
    let reader = open(&path)?;
    let fields = reader
        .schema()
        .fields()
        .iter()
        .filter(|f| f.name() != DELETES)
        .cloned()
        .collect::<Vec<_>>();
    Ok(StagedRows {
        schema: Arc::new(Schema::new(fields)),
        path,
        reader,
        left: Some(staged.rows),
    })
}

impl Iterator for StagedRows {
    type Item = Result<(RecordBatch, BooleanArray)>;

    fn next(&mut self) -> Option<Self::Item> {
        let Some(batch) = self.reader.next() else {
            // Once: whoever reads on after an error finds the end.
            return match self.left.take() {
                None | Some(0) => None,
                Some(left) => Some(Err(self.incomplete(left))),
            };
        };
        let taken = batch.map_err(|e| unreadable(&self.path, e)).and_then(|mut batch| {
            let rows = batch.num_rows() as u64;
            self.left = match self.left.map(|left| left.checked_sub(rows)) {
                Some(None) => return Err(self.incomplete(rows)),
                left => left.flatten(),
            };
            let last = batch.num_columns() - 1;
            let deletes = batch.remove_column(last).as_boolean().clone();
            Ok((batch, deletes))
        });
        Some(taken)
    }
}

impl StagedRows {
    fn incomplete(&self, by: u64) -> Error {
        Error::new(
            Kind::BadData,
            format!(
                "the staged rows `{}` are not those that were staged: {by} rows are missing or too many",
                self.path.display()
            ),
        )
        .hint("the step computes them again; look after the disk that the state is on")
    }
}

fn open(path: &Path) -> Result<StreamReader<BufReader<File>>> {
    let file = File::open(path).map_err(|e| match e.kind() {
        std::io::ErrorKind::NotFound => {
            Error::new(Kind::NotFound, format!("the staged rows `{}` are gone", path.display()))
                .hint("the step computes them again")
                .caused_by(e)
        }
        _ => broken(path, e),
    })?;
    StreamReader::try_new(BufReader::new(file), None).map_err(|e| unreadable(path, e))
}

fn unreadable(path: &Path, e: arrow_schema::ArrowError) -> Error {
    Error::new(
        Kind::BadData,
        format!("the staged rows `{}` cannot be read", path.display()),
    )
    .caused_by(e)
}

/// Removes a file; one that is gone is no error.
fn remove(path: &Path) {
    if let Err(e) = std::fs::remove_file(path)
        && e.kind() != std::io::ErrorKind::NotFound
    {
        tracing::warn!("cannot remove `{}`: {e}", path.display());
    }
}

/// The rows of files, read as they are asked for.
pub(crate) struct FileRows {
    schema: SchemaRef,
    rows: RowsOf,
}

#[derive(Clone)]
enum RowsOf {
    /// What lies staged below this folder.
    Staged(PathBuf, Vec<Staged>),
    /// One file, which goes when nothing reads it any more.
    Spool(Arc<Spool>),
}

/// A file that is only there to be read, and goes with its last reader. Its lock tells other processes that it is in use.
pub(crate) struct Spool {
    path: PathBuf,
    _lock: File,
}

impl Spool {
    /// A new one below `dir`, of what `fill` writes. Those of processes that died are removed on the way.
    pub fn new(dir: &Path, schema: &Schema, fill: impl FnOnce(&mut Writer) -> Result<()>) -> Result<Spool> {
        std::fs::create_dir_all(dir).map_err(|e| broken(dir, e))?;
        let path = dir.join(format!("read-{}.arrow", Uuid::new_v4()));
        let mut writer = {
            // One at a time: nobody sees a file of this kind before it is locked.
            let one = File::create(dir.join("read.lock")).map_err(|e| broken(dir, e))?;
            one.lock().map_err(|e| broken(dir, e))?;
            remove_left_over(dir)?;
            let writer = Writer::new(&path, schema)?;
            writer.file.get_ref().get_ref().lock().map_err(|e| broken(&path, e))?;
            writer
        };
        match fill(&mut writer).and_then(|()| writer.close()) {
            Ok(lock) => Ok(Spool { path, _lock: lock }),
            Err(e) => {
                remove(&path);
                Err(e)
            }
        }
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        remove(&self.path);
    }
}

fn remove_left_over(dir: &Path) -> Result<()> {
    for entry in std::fs::read_dir(dir).map_err(|e| broken(dir, e))? {
        let path = entry.map_err(|e| broken(dir, e))?.path();
        let is_spool = path
            .file_name()
            .and_then(|n| n.to_str())
            .is_some_and(|n| n.starts_with("read-"));
        if is_spool && File::open(&path).is_ok_and(|f| f.try_lock().is_ok()) {
            remove(&path);
        }
    }
    Ok(())
}

impl FileRows {
    /// The rows of staged files, in the narrowest schema that takes them all.
    pub fn staged(dir: &Path, staged: &[Staged]) -> Result<FileRows> {
        let mut schema: Option<SchemaRef> = None;
        for one in staged {
            let of_file = read(dir, one)?.schema;
            schema = Some(match schema {
                Some(schema) if schema == of_file => schema,
                Some(schema) => common(&schema, &of_file)?,
                None => of_file,
            });
        }
        Ok(FileRows {
            schema: schema.unwrap_or_else(|| Arc::new(Schema::empty())),
            rows: RowsOf::Staged(dir.to_path_buf(), staged.to_vec()),
        })
    }

    /// The rows of staged files, in this schema.
    pub fn staged_as(dir: &Path, staged: &[Staged], schema: SchemaRef) -> FileRows {
        FileRows {
            schema,
            rows: RowsOf::Staged(dir.to_path_buf(), staged.to_vec()),
        }
    }

    /// The rows of a spool.
    pub fn spool(schema: SchemaRef, spool: Spool) -> FileRows {
        FileRows {
            schema,
            rows: RowsOf::Spool(Arc::new(spool)),
        }
    }
}

/// The rows of a staged batch that do not delete.
fn coming((batch, deletes): (RecordBatch, BooleanArray)) -> Result<RecordBatch> {
    if deletes.true_count() == 0 {
        return Ok(batch);
    }
    let comes: BooleanArray = deletes.iter().map(|deletes| Some(deletes != Some(true))).collect();
    filter_record_batch(&batch, &comes).map_err(|e| Error::bug("cannot leave deleting rows out").caused_by(e))
}

impl RowsOf {
    fn batches(self) -> BoxStream<'static, Result<RecordBatch>> {
        match self {
            RowsOf::Staged(dir, staged) => stream::iter(staged)
                .map(move |one| Ok::<_, Error>(stream::iter(read(&dir, &one)?.map(|pair| coming(pair?)))))
                .try_flatten()
                .boxed(),
            RowsOf::Spool(spool) => stream::once(async move { open(&spool.path).map(|reader| (reader, spool)) })
                .map_ok(|(reader, spool)| {
                    stream::iter(reader).map(move |batch| batch.map_err(|e| unreadable(&spool.path, e)))
                })
                .try_flatten()
                .boxed(),
        }
    }
}

#[async_trait]
impl Relation for FileRows {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    async fn scan(&self, columns: Option<&[usize]>) -> Result<Batches> {
        let schema = self.schema.clone();
        let columns = columns.map(<[usize]>::to_vec);
        let rows = self.rows.clone().batches().map(move |batch| {
            let batch = align(&batch?, &schema)?;
            match &columns {
                Some(columns) => batch
                    .project(columns)
                    .map_err(|e| Error::bug("a projection of columns that are not there").caused_by(e)),
                None => Ok(batch),
            }
        });
        Ok(rows.boxed())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
