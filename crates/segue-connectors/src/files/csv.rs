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
        let mut known = match columns.take() {
            Some(columns) => columns,
            None => infer(path, &name, copy, &header)?,
        };
        let alien = new_columns(path, &name, copy, &header, &mut known, request, out)?;
        let places = places(&header, &known, &name, copy.header)?;
        file.rows(
            &Shape {
                columns: &known,
                places,
                width: header.len(),
                alien,
            },
            &mut left,
            request,
            ctx,
            out,
        )?;
        columns = Some(known);
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

    /// The line on which the record begins. The reader counts the empty lines before it as its own; they are taken off by its end.
    fn line(&self) -> u64 {
        let begin = self.record.position().map_or(0, ::csv::Position::line);
        let inside = self.record.as_slice().iter().filter(|b| **b == b'\n').count() as u64;
        begin.max(self.reader.position().line().saturating_sub(inside + 1))
    }

    fn rows(
        &mut self,
        shape: &Shape<'_>,
        left: &mut u64,
        request: &ReadRequest,
        ctx: &Ctx,
        out: &Sender<Read>,
    ) -> Result<()> {
        let columns = shape.columns;
        let schema = columns::schema(columns);
        let fresh = || columns.iter().map(|c| Builder::new(&c.of)).collect::<Vec<_>>();
        let (mut builders, mut rejected, mut bytes) = (fresh(), Vec::new(), 0);
        let mut dropped = 0u64;
        loop {
            let more = *left > 0 && self.next()?;
            if more {
                let line = self.line();
                let size = self.record.as_slice().len();
                bytes += size;
                ctx.meter
                    .bytes_in
                    .fetch_add(size as u64 + self.record.len() as u64, Ordering::Relaxed);
                ctx.meter.rows_in.fetch_add(1, Ordering::Relaxed);
                match row(&self.record, shape, &mut builders, request, &mut dropped) {
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

/// How a file's fields become columns.
struct Shape<'a> {
    columns: &'a [Column],
    /// Which field each column is.
    places: Vec<Option<usize>>,
    /// The fields of a line.
    width: usize,
    /// A field for which there is no column, and none may be made: no line of the file fits.
    alien: Option<String>,
}

/// One record into the columns, or why it does not fit.
fn row(
    record: &ByteRecord,
    shape: &Shape<'_>,
    builders: &mut [Builder],
    request: &ReadRequest,
    dropped: &mut u64,
) -> std::result::Result<(), (String, Option<String>)> {
    let width = shape.width;
    let rows = builders.first().map_or(0, Builder::len);
    let fill = |builders: &mut [Builder], dropped: &mut u64| {
        if let Some(alien) = &shape.alien {
            return Err(("a column that the table does not have".to_string(), Some(alien.clone())));
        }
        if record.len() != width {
            return Err((format!("{} fields where {width} belong", record.len()), None));
        }
        for ((column, place), builder) in shape.columns.iter().zip(&shape.places).zip(&mut *builders) {
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

/// The name of a column's field in the file.
fn field(column: &Column) -> &str {
    column.path.as_deref().unwrap_or(&column.name)
}

/// Fields that no column takes, where columns were not declared: each becomes a column, or is said, or lets no line fit.
fn new_columns(
    path: &Path,
    name: &str,
    copy: &FilesCopy,
    header: &[String],
    columns: &mut Vec<Column>,
    request: &ReadRequest,
    out: &Sender<Read>,
) -> Result<Option<String>> {
    let new: Vec<&String> = header
        .iter()
        .filter(|h| !columns.iter().any(|c| field(c) == **h))
        .collect();
    let Some(first) = new.first().filter(|_| !request.schema.declared) else {
        return Ok(None);
    };
    match request.schema.on_new_column {
        OnChange::Evolve => {
            let found = infer(path, name, copy, header)?;
            for column in found.iter().filter(|c| new.iter().any(|n| field(c) == **n)) {
                let named = named(field(column), column.of.clone(), columns);
                columns.push(named);
            }
            Ok(None)
        }
        OnChange::Freeze => {
            let what =
                format!("the file {name} has a column that the table does not, and the schema is frozen: `{first}`");
            Err(Error::new(Kind::BadData, what).code(segue_diag::SCHEMA_FROZEN))
        }
        OnChange::Quarantine => Ok(Some((*first).clone())),
        OnChange::DropValue => {
            let names: Vec<&str> = new.iter().map(|n| n.as_str()).collect();
            send(
                out,
                Read::Note(format!(
                    "columns of {name} were left out, as `drop_value` says: {}",
                    names.join(", ")
                )),
            )?;
            Ok(None)
        }
    }
}

/// Where each column stands in the file.
fn places(header: &[String], columns: &[Column], file: &str, named: bool) -> Result<Vec<Option<usize>>> {
    let mut places = Vec::new();
    for column in columns {
        let place = header.iter().position(|h| *h == field(column));
        if place.is_none() && column.value.is_none() && named {
            let lacks = format!("lacks the column {}", crate::json::quoted(field(column)));
            let meant = segue_diag::closest(field(column), header.iter().map(String::as_str));
            let hint = meant.map_or_else(
                || format!("it has: {}", header.join(", ")),
                |m| format!("did you mean `{m}`?"),
            );
            return Err(header_error(file, &lacks).hint(hint));
        }
        places.push(place);
    }
    Ok(places)
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
