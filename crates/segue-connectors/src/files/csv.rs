//! CSV, line by line: what does not fit is set aside with its line, and the file goes on.

use super::FilesCopy;
use super::again::Beside;
use super::paths::failed;
use super::scan::{Record, Scanner, Stop};
use super::shape::{self, Shape};
use crate::columns::{self, Builder, wider};
use segue_core::source::{Column, OnChange, Read, ReadRequest, Rejected};
use segue_core::{Ctx, Error, Kind, Result, Type};
use std::fs::{File, Metadata};
use std::io::{Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::sync::mpsc::Sender;

/// Rows of a batch, and the bytes after which it goes out early.
const ROWS: usize = 8_192;
const BYTES: usize = 8 << 20;
/// Of a record that is set aside.
const RAW: usize = 64 << 10;

/// One file, and how it is written. It is opened once: one that is put in its place meanwhile is another.
pub struct Source<'a> {
    file: File,
    before: Metadata,
    /// Its path in the project, for messages.
    pub name: String,
    /// How it is written.
    pub copy: &'a FilesCopy,
}

impl<'a> Source<'a> {
    /// Opens it.
    ///
    /// # Errors
    /// `Denied`, `NotFound` or `Unavailable` when it cannot be read.
    pub fn of(path: &Path, name: String, copy: &'a FilesCopy) -> Result<Source<'a>> {
        let opened = File::open(path).and_then(|file| file.metadata().map(|before| (file, before)));
        let (file, before) = opened.map_err(|e| failed(&e, format!("cannot read {name}")).caused_by(e))?;
        Ok(Source {
            file,
            before,
            name,
            copy,
        })
    }

    /// Reads it from its beginning.
    ///
    /// # Errors
    /// `Unavailable` when it cannot be read; `Invalid` for a delimiter or quote that is none.
    pub fn open(&self) -> Result<Scanner<&File>> {
        let mut file = &self.file;
        file.seek(SeekFrom::Start(0)).map_err(|e| self.stopped(Stop::Io(e)))?;
        let (delimiter, quote) = delimiters(self.copy)?;
        Ok(Scanner::new(file, delimiter, quote))
    }

    /// Fails when the file is no longer as it was when it was opened.
    fn unchanged(&self) -> Result<()> {
        let now = self.file.metadata().map_err(|e| self.stopped(Stop::Io(e)))?;
        let is_same = now.len() == self.before.len() && now.modified().ok() == self.before.modified().ok();
        if is_same { Ok(()) } else { Err(self.changed()) }
    }

    fn changed(&self) -> Error {
        Error::new(
            Kind::Unavailable,
            format!("the file {} changed while it was read", self.name),
        )
        .hint("run again when it is written to its end; a program that writes it beside and renames it avoids this")
    }

    /// What keeps the file from being read on.
    pub fn stopped(&self, stop: Stop) -> Error {
        let name = &self.name;
        match stop {
            Stop::Io(e) => Error::new(Kind::Unavailable, format!("cannot read on in {name}")).caused_by(e),
            Stop::Quote(line, how) => {
                let what = format!("the quote that is opened in line {line} of {name} {how}");
                Error::new(Kind::BadData, what).code(segue_diag::FILES_QUOTE).hint(
                    "close it, or write it twice where it is meant as itself; where quotes mean nothing, name another `quote:`",
                )
            }
            Stop::Long(line) => Error::new(
                Kind::BadData,
                format!("the record that begins in line {line} of {name} is longer than 16 MiB"),
            )
            .hint("look at its line ends"),
        }
    }
}

/// What stands between fields, and what around them.
///
/// # Errors
/// `Invalid` for what is no such character.
pub fn delimiters(copy: &FilesCopy) -> Result<(u8, u8)> {
    let one = |text: &str, key: &str| match text.as_bytes() {
        [byte] if *byte != b'\n' && *byte != b'\r' => Ok(*byte),
        _ => Err(Error::new(Kind::Invalid, format!("`{key}` is one character of ASCII"))),
    };
    let (delimiter, quote) = (one(&copy.delimiter, "delimiter")?, one(&copy.quote, "quote")?);
    if delimiter == quote {
        return Err(Error::new(
            Kind::Invalid,
            "`delimiter` and `quote` are the same character",
        ));
    }
    Ok((delimiter, quote))
}

/// Reads these files to their end.
pub fn read(
    folder: &Path,
    files: &[PathBuf],
    copy: &FilesCopy,
    request: &ReadRequest,
    ctx: &Ctx,
    out: &Sender<Read>,
) -> Result<()> {
    let mut reading = Reading::new(request, ctx, out);
    for path in files {
        let name = path.strip_prefix(folder).unwrap_or(path).display().to_string();
        reading.file(&Source::of(path, name, copy)?)?;
        if reading.left == 0 {
            return Ok(());
        }
    }
    if let (0, Some(first)) = (reading.taken, &reading.first_aside) {
        let rows = if reading.aside == 1 {
            "the only row was"
        } else {
            "all rows were"
        };
        reading.note(format!("{rows} set aside: {first}"))?;
    }
    reading.send(Read::Done { slice: 0 })
}

/// A read of all files.
pub struct Reading<'a> {
    /// What is wanted.
    pub request: &'a ReadRequest,
    ctx: &'a Ctx,
    out: &'a Sender<Read>,
    /// The columns, once they are known. Where nobody declared them, later files and rows may add to them and widen them.
    pub columns: Option<Vec<Column>>,
    /// Columns whose type no file has shown yet.
    pub untyped: Vec<String>,
    left: u64,
    taken: u64,
    aside: u64,
    first_aside: Option<String>,
}

/// Why a record is no row of these columns.
pub(super) enum Misfit {
    /// The reason and the column.
    Aside(String, Option<String>),
    /// It fits once this column has this type.
    Widen(usize, Type),
    /// The schema is frozen: the column and the reason.
    Frozen(String, String),
}

impl<'a> Reading<'a> {
    pub(super) fn new(request: &'a ReadRequest, ctx: &'a Ctx, out: &'a Sender<Read>) -> Reading<'a> {
        Reading {
            request,
            ctx,
            out,
            columns: request.schema.columns.clone(),
            untyped: request.schema.untyped.clone(),
            left: request.limit.unwrap_or(u64::MAX),
            taken: 0,
            aside: 0,
            first_aside: None,
        }
    }

    fn file(&mut self, source: &Source<'_>) -> Result<()> {
        match shape::of(self, source)? {
            Some(shape) => self.rows(source, shape),
            None => Ok(()),
        }
    }

    fn rows(&mut self, source: &Source<'_>, mut shape: Shape) -> Result<()> {
        let mut scanner = source.open()?;
        let stopped = |stop| source.stopped(stop);
        if let Some(header) = &shape.header
            && scanner
                .next()
                .map_err(stopped)?
                .is_none_or(|record| record.raw != header)
        {
            return Err(source.changed());
        }
        let mut rows = Rows::new(&shape.columns);
        let mut dropped = 0u64;
        loop {
            let record = match self.left {
                0 => None,
                _ => scanner.next().map_err(stopped)?,
            };
            let more = record.is_some();
            if let Some(record) = record {
                rows.bytes += record.raw.len();
                let meter = &self.ctx.meter;
                meter.bytes_in.fetch_add(record.raw.len() as u64 + 1, Ordering::Relaxed);
                meter.rows_in.fetch_add(1, Ordering::Relaxed);
                loop {
                    match self.row(&record, &shape, &mut rows.builders, &mut dropped) {
                        Ok(()) => {
                            self.left -= 1;
                            self.taken += 1;
                        }
                        Err(Misfit::Aside(reason, path)) => {
                            let reason = format!("{} {}: {reason}", source.name, lines(&record));
                            self.aside += 1;
                            self.first_aside.get_or_insert_with(|| match &path {
                                Some(column) => format!("{reason} (column `{column}`)"),
                                None => reason.clone(),
                            });
                            let place = format!("{} {}", source.name, lines(&record));
                            rows.rejected.push(Rejected {
                                reason,
                                path,
                                raw: raw(record.raw),
                                beside: beside(&record, place, &shape.fields),
                            });
                        }
                        Err(Misfit::Widen(at, of)) => {
                            rows.hand_out(self, &shape.columns)?;
                            shape.columns[at].of = of;
                            rows = Rows::new(&shape.columns);
                            continue;
                        }
                        Err(Misfit::Frozen(column, reason)) => {
                            let what = format!(
                                "{} of {} has another type, and the schema is frozen: column `{column}`: {reason}",
                                lines(&record),
                                source.name
                            );
                            return Err(Error::new(Kind::BadData, what).code(segue_diag::SCHEMA_FROZEN).hint(
                                match self.request.schema.declared {
                                    true => {
                                        "say on_type_change: quarantine or drop_value, or give the column another type"
                                    }
                                    false => "say on_type_change: evolve, quarantine or drop_value",
                                },
                            ));
                        }
                    }
                    break;
                }
            }
            if !more || rows.are_enough() {
                self.ctx.go_on()?;
                rows.hand_out(self, &shape.columns)?;
            }
            if !more {
                break;
            }
        }
        self.columns = Some(shape.columns);
        let (empty, is_whole) = (scanner.empty_lines, self.left > 0);
        if is_whole {
            source.unchanged()?;
        }
        if empty > 0 {
            let what = match shape.width {
                1 => format!(
                    "{empty} empty lines of {} were passed over; one that is an empty value is written \"\"",
                    source.name
                ),
                _ => format!("{empty} empty lines of {} were passed over", source.name),
            };
            self.note(what)?;
        }
        if dropped > 0 {
            self.note(format!(
                "{dropped} values of {} were left out, as `drop_value` says",
                source.name
            ))?;
        }
        Ok(())
    }

    /// One record into the columns, or why it does not fit; the columns are as before then.
    pub(super) fn row(
        &self,
        record: &Record<'_>,
        shape: &Shape,
        builders: &mut [Builder],
        dropped: &mut u64,
    ) -> std::result::Result<(), Misfit> {
        let before = builders.first().map_or(0, Builder::len);
        let filled = self.fill(record, shape, builders, dropped);
        if filled.is_err() {
            builders.iter_mut().for_each(|b| b.truncate(before));
        }
        filled
    }

    fn fill(
        &self,
        record: &Record<'_>,
        shape: &Shape,
        builders: &mut [Builder],
        dropped: &mut u64,
    ) -> std::result::Result<(), Misfit> {
        let aside = |why: &str, column: Option<&str>| Misfit::Aside(why.to_string(), column.map(str::to_string));
        if let Some(fault) = record.fault {
            return Err(aside(fault, None));
        }
        if record.len() != shape.width {
            let why = format!("{} fields where {} belong", record.len(), shape.width);
            return Err(Misfit::Aside(why, None));
        }
        for (place, name) in &shape.aliens {
            if record.get(*place).is_some_and(|(field, _)| !field.is_empty()) {
                return Err(aside("a column that the table does not have", Some(name)));
            }
        }
        let schema = &self.request.schema;
        for (i, (column, place)) in shape.columns.iter().zip(&shape.places).enumerate() {
            let builder = &mut builders[i];
            if let Some(value) = &column.value {
                builder
                    .push_text(value)
                    .map_err(|m| aside(&m.reason, Some(&column.name)))?;
                continue;
            }
            let (field, is_quoted) = place.and_then(|at| record.get(at)).unwrap_or_default();
            let text = std::str::from_utf8(&field).map_err(|_| aside("not UTF-8", Some(&column.name)))?;
            // `""` is a text without letters; nothing at all is no value.
            if text.is_empty() && !(is_quoted && column.of == Type::String) {
                if column.required {
                    return Err(aside("required, and it is empty", Some(&column.name)));
                }
                builder.push_null();
            } else if let Err(misfit) = builder.push_text(text) {
                match schema.on_type_change {
                    OnChange::Evolve if schema.declared => return Err(aside(&misfit.reason, Some(&column.name))),
                    OnChange::Evolve => {
                        return Err(match wider(&column.of, text) {
                            Some(of) => Misfit::Widen(i, of),
                            None => aside(&misfit.reason, Some(&column.name)),
                        });
                    }
                    OnChange::Freeze => return Err(Misfit::Frozen(column.name.clone(), misfit.reason)),
                    OnChange::DropValue if !column.required => {
                        builder.push_null();
                        *dropped += 1;
                    }
                    OnChange::DropValue | OnChange::Quarantine => {
                        return Err(aside(&misfit.reason, Some(&column.name)));
                    }
                }
            }
        }
        Ok(())
    }

    /// Says something that is worth it.
    pub fn note(&self, note: String) -> Result<()> {
        self.send(Read::Note(note))
    }

    fn send(&self, read: Read) -> Result<()> {
        segue_core::meter::settle_memory();
        self.out
            .blocking_send(read)
            .map_err(|_| Error::new(Kind::Cancelled, "nobody reads on"))
    }
}

/// Rows and records that wait to be handed out.
struct Rows {
    builders: Vec<Builder>,
    rejected: Vec<Rejected>,
    bytes: usize,
}

impl Rows {
    fn new(columns: &[Column]) -> Rows {
        Rows {
            builders: columns.iter().map(|c| Builder::new(&c.of)).collect(),
            rejected: Vec::new(),
            bytes: 0,
        }
    }

    fn count(&self) -> usize {
        self.builders.first().map_or(0, Builder::len)
    }

    fn are_enough(&self) -> bool {
        self.count() >= ROWS || self.bytes >= BYTES || self.rejected.len() >= ROWS
    }

    fn hand_out(&mut self, reading: &Reading<'_>, columns: &[Column]) -> Result<()> {
        let ready = std::mem::replace(self, Rows::new(columns));
        let rows = ready.count();
        if !ready.rejected.is_empty() {
            let (slice, rows) = (Some(0), ready.rejected);
            reading.send(Read::Rejected { slice, rows })?;
        }
        if rows > 0 {
            let batch = columns::batch(&columns::schema(columns), ready.builders)?;
            reading.send(Read::Rows { slice: 0, batch })?;
        }
        Ok(())
    }
}

fn lines(record: &Record<'_>) -> String {
    match record.last_line {
        last if last > record.line => format!("lines {} to {last}", record.line),
        _ => format!("line {}", record.line),
    }
}

/// What a record is read again with; `None` where not all of it is kept, or not as it came.
fn beside(record: &Record<'_>, at: String, fields: &Arc<[String]>) -> Option<serde_json::Value> {
    let is_kept = record.raw.len() <= RAW && std::str::from_utf8(record.raw).is_ok();
    let fields = fields.clone();
    is_kept
        .then(|| serde_json::to_value(Beside { at, fields }).ok())
        .flatten()
}

/// A record as it came, cut to what is kept.
fn raw(bytes: &[u8]) -> String {
    let mut text = String::from_utf8_lossy(&bytes[..bytes.len().min(RAW)]).into_owned();
    if bytes.len() > RAW {
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests;
