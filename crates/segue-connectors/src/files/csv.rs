//! CSV, line by line: what does not fit is set aside with its line, and the file goes on.

use super::FilesCopy;
use super::infer::Guess;
use crate::columns::{self, Builder};
use crate::json::infer::named;
use ::csv::{ByteRecord, ReaderBuilder};
use segue_core::source::{Column, OnChange, Read, ReadRequest, Rejected};
use segue_core::{Ctx, Error, Kind, Result, Type};
use std::cell::Cell;
use std::fs::File;
use std::io::{BufReader, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::atomic::Ordering;
use tokio::sync::mpsc::Sender;

/// Rows of a batch, and the bytes after which it goes out early.
const ROWS: usize = 8_192;
const BYTES: usize = 8 << 20;
/// The longest record that is read.
const RECORD: usize = 16 << 20;
/// Of a record that is set aside.
const RAW: usize = 64 << 10;
/// Rows of the first file that types are found out from.
const SAMPLE: usize = 1_000;

/// Reads these files to their end.
pub fn read(
    folder: &Path,
    files: &[PathBuf],
    copy: &FilesCopy,
    request: &ReadRequest,
    ctx: &Ctx,
    out: &Sender<Read>,
) -> Result<()> {
    let mut columns = request.schema.columns.clone();
    let mut left = request.limit.unwrap_or(u64::MAX);
    for path in files {
        let name = path.strip_prefix(folder).unwrap_or(path).display().to_string();
        let mut file = Opened::new(path, &name, copy)?;
        let Some(header) = file.header(copy, columns.as_deref())? else {
            continue;
        };
        let known = match &columns {
            Some(columns) => columns.clone(),
            None => columns.insert(infer(path, &name, copy, &header)?).clone(),
        };
        let places = places(&header, &known, request, &name, copy.header)?;
        file.rows(&known, &places, header.len(), &mut left, request, ctx, out)?;
        if left == 0 {
            return Ok(());
        }
    }
    send(out, Read::Done { slice: 0 })
}

/// One file that is read record by record.
struct Opened {
    name: String,
    reader: ::csv::Reader<BufReader<NoMark>>,
    record: ByteRecord,
    first: Option<ByteRecord>,
    /// Bytes that were read since the last record ended.
    run: Rc<Cell<usize>>,
}

impl Opened {
    fn new(path: &Path, name: &str, copy: &FilesCopy) -> Result<Opened> {
        let file =
            File::open(path).map_err(|e| Error::new(Kind::Unavailable, format!("cannot read {name}")).caused_by(e))?;
        let one = |text: &str, key: &str| match text.as_bytes() {
            [byte] if *byte != b'\n' && *byte != b'\r' => Ok(*byte),
            _ => Err(Error::new(Kind::Invalid, format!("`{key}` is one character of ASCII"))),
        };
        let run = Rc::new(Cell::new(0));
        let reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(one(&copy.delimiter, "delimiter")?)
            .quote(one(&copy.quote, "quote")?)
            .from_reader(BufReader::with_capacity(
                1 << 18,
                NoMark {
                    file,
                    begun: false,
                    run: run.clone(),
                },
            ));
        Ok(Opened {
            name: name.to_string(),
            reader,
            record: ByteRecord::new(),
            first: None,
            run,
        })
    }

    fn failed(&self, e: ::csv::Error) -> Error {
        Error::new(Kind::BadData, format!("cannot read on in {}", self.name))
            .with("line", self.reader.position().line())
            .caused_by(e)
    }

    /// The next record; `false` at the end.
    fn next(&mut self) -> Result<bool> {
        if let Some(first) = self.first.take() {
            self.record = first;
            return Ok(true);
        }
        let mut record = std::mem::take(&mut self.record);
        let read = self.reader.read_byte_record(&mut record).map_err(|e| self.failed(e));
        self.record = record;
        self.run.set(0);
        read
    }

    /// The columns' names in the file. A file without any line has none.
    fn header(&mut self, copy: &FilesCopy, columns: Option<&[Column]>) -> Result<Option<Vec<String>>> {
        if !self.next()? {
            return match copy.header {
                true => Err(header_error(&self.name, "is empty, and a header was expected")),
                false => Ok(None),
            };
        }
        if !copy.header {
            let width = columns.map_or(self.record.len(), <[Column]>::len);
            self.first = Some(self.record.clone());
            let from_columns = |i: usize| {
                columns
                    .and_then(|c| c.get(i))
                    .map(|c| c.path.clone().unwrap_or_else(|| c.name.clone()))
            };
            return Ok(Some(
                (0..width)
                    .map(|i| from_columns(i).unwrap_or_else(|| format!("column_{}", i + 1)))
                    .collect(),
            ));
        }
        let mut names: Vec<String> = Vec::new();
        for field in &self.record {
            let text =
                std::str::from_utf8(field).map_err(|_| header_error(&self.name, "is not UTF-8 in its header"))?;
            let name = text.trim().to_string();
            if names.contains(&name) {
                return Err(header_error(
                    &self.name,
                    &format!("names {} twice", crate::json::quoted(&name)),
                ));
            }
            names.push(name);
        }
        Ok(Some(names))
    }

    #[allow(clippy::too_many_arguments, reason = "what one file needs, from one caller")]
    fn rows(
        &mut self,
        columns: &[Column],
        places: &[Option<usize>],
        width: usize,
        left: &mut u64,
        request: &ReadRequest,
        ctx: &Ctx,
        out: &Sender<Read>,
    ) -> Result<()> {
        let schema = columns::schema(columns);
        let fresh = || columns.iter().map(|c| Builder::new(&c.of)).collect::<Vec<_>>();
        let (mut builders, mut rejected, mut bytes) = (fresh(), Vec::new(), 0);
        let mut dropped = 0u64;
        loop {
            let more = *left > 0 && self.next()?;
            if more {
                let line = self.record.position().map_or(0, ::csv::Position::line);
                let size = self.record.as_slice().len();
                bytes += size;
                ctx.meter
                    .bytes_in
                    .fetch_add(size as u64 + self.record.len() as u64, Ordering::Relaxed);
                ctx.meter.rows_in.fetch_add(1, Ordering::Relaxed);
                match row(
                    &self.record,
                    columns,
                    places,
                    width,
                    &mut builders,
                    request,
                    &mut dropped,
                ) {
                    Ok(()) => *left -= 1,
                    Err((reason, path)) => {
                        let reason = format!("{} line {line}: {reason}", self.name);
                        rejected.push(Rejected {
                            reason,
                            path,
                            raw: raw(&self.record),
                        });
                    }
                }
            }
            let rows = builders.first().map_or(0, Builder::len);
            if !more || rows >= ROWS || bytes >= BYTES || rejected.len() >= ROWS {
                ctx.go_on()?;
                if !rejected.is_empty() {
                    send(
                        out,
                        Read::Rejected {
                            slice: Some(0),
                            rows: std::mem::take(&mut rejected),
                        },
                    )?;
                }
                if rows > 0 {
                    let batch = columns::batch(&schema, std::mem::replace(&mut builders, fresh()))?;
                    send(out, Read::Rows { slice: 0, batch })?;
                }
                bytes = 0;
            }
            if !more {
                break;
            }
        }
        if dropped > 0 {
            send(
                out,
                Read::Note(format!(
                    "{dropped} values of {} were left out, as `drop_value` says",
                    self.name
                )),
            )?;
        }
        Ok(())
    }
}

/// One record into the columns, or why it does not fit.
fn row(
    record: &ByteRecord,
    columns: &[Column],
    places: &[Option<usize>],
    width: usize,
    builders: &mut [Builder],
    request: &ReadRequest,
    dropped: &mut u64,
) -> std::result::Result<(), (String, Option<String>)> {
    let rows = builders.first().map_or(0, Builder::len);
    let fill = |builders: &mut [Builder], dropped: &mut u64| {
        if record.len() != width {
            return Err((format!("{} fields where {width} belong", record.len()), None));
        }
        for ((column, place), builder) in columns.iter().zip(places).zip(&mut *builders) {
            let field = place.and_then(|at| record.get(at)).unwrap_or_default();
            let here = || Some(column.name.clone());
            let text = std::str::from_utf8(field).map_err(|_| ("not UTF-8".to_string(), here()))?;
            if let Some(value) = &column.value {
                builder.push_text(value).map_err(|m| (m.reason, here()))?;
            } else if text.is_empty() {
                if column.required {
                    return Err(("required, and it is empty".into(), here()));
                }
                builder.push_null();
            } else if let Err(misfit) = builder.push_text(text) {
                if request.schema.declared || request.schema.on_type_change != OnChange::DropValue || column.required {
                    return Err((misfit.reason, here()));
                }
                builder.push_null();
                *dropped += 1;
            }
        }
        Ok(())
    };
    let filled = fill(builders, dropped);
    if filled.is_err() {
        builders.iter_mut().for_each(|b| b.truncate(rows));
    }
    filled
}

/// Where each column stands in the file; a field that no column takes is said where columns were not declared.
fn places(
    header: &[String],
    columns: &[Column],
    request: &ReadRequest,
    file: &str,
    named: bool,
) -> Result<Vec<Option<usize>>> {
    let wanted = |c: &Column| c.path.clone().unwrap_or_else(|| c.name.clone());
    let mut places = Vec::new();
    for column in columns {
        let place = header.iter().position(|h| *h == wanted(column));
        if place.is_none() && column.value.is_none() && named {
            let lacks = format!("lacks the column {}", crate::json::quoted(&wanted(column)));
            let meant = segue_diag::closest(&wanted(column), header.iter().map(String::as_str));
            let hint = meant.map_or_else(
                || format!("it has: {}", header.join(", ")),
                |m| format!("did you mean `{m}`?"),
            );
            return Err(header_error(file, &lacks).hint(hint));
        }
        places.push(place);
    }
    let new = header.iter().find(|h| !columns.iter().any(|c| wanted(c) == **h));
    match (new, request.schema.declared, request.schema.on_new_column) {
        (Some(new), false, OnChange::Freeze) => {
            let what =
                format!("the file {file} has a column that the table does not, and the schema is frozen: `{new}`");
            Err(Error::new(Kind::BadData, what).code(segue_diag::SCHEMA_FROZEN))
        }
        _ => Ok(places),
    }
}

fn header_error(file: &str, what: &str) -> Error {
    Error::new(Kind::BadData, format!("the file {file} {what}")).code(segue_diag::FILES_HEADER)
}

/// The columns of a file's first rows.
fn infer(path: &Path, name: &str, copy: &FilesCopy, header: &[String]) -> Result<Vec<Column>> {
    let mut file = Opened::new(path, name, copy)?;
    file.header(copy, None)?;
    let mut guesses = vec![Guess::default(); header.len()];
    for _ in 0..SAMPLE {
        if !file.next()? {
            break;
        }
        for (guess, field) in guesses.iter_mut().zip(&file.record) {
            guess.look(&String::from_utf8_lossy(field));
        }
    }
    let mut columns: Vec<Column> = Vec::new();
    for (key, guess) in header.iter().zip(guesses) {
        let column: Column = named(key, Type::String, &columns);
        let path = (column.name != *key).then(|| key.clone());
        columns.push(Column {
            of: guess.of(),
            path,
            ..column
        });
    }
    Ok(columns)
}

fn raw(record: &ByteRecord) -> String {
    let fields: Vec<String> = record
        .iter()
        .map(|f| String::from_utf8_lossy(&f[..f.len().min(RAW)]).into_owned())
        .collect();
    let mut text = fields.join(",");
    if text.len() > RAW {
        let mut end = RAW;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        text.push('…');
    }
    text
}

/// A file without the mark that some programs put before the first byte. It stops when one record does not end: a quote that is
/// never closed would take all of the file for one field.
struct NoMark {
    file: File,
    begun: bool,
    run: Rc<Cell<usize>>,
}

impl std::io::Read for NoMark {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if !self.begun {
            self.begun = true;
            let mut mark = [0; 3];
            let mut have = 0;
            while have < 3 {
                match self.file.read(&mut mark[have..])? {
                    0 => break,
                    n => have += n,
                }
            }
            if mark[..have] != [0xEF, 0xBB, 0xBF] {
                self.file.seek(SeekFrom::Start(0))?;
            }
        }
        if self.run.get() > RECORD {
            return Err(std::io::Error::other(format!(
                "a record is longer than {} MiB; is a quote not closed?",
                RECORD >> 20
            )));
        }
        let read = self.file.read(buffer)?;
        self.run.set(self.run.get() + read);
        Ok(read)
    }
}

fn send(out: &Sender<Read>, read: Read) -> Result<()> {
    out.blocking_send(read)
        .map_err(|_| Error::new(Kind::Cancelled, "nobody reads on"))
}
