//! Reading files one after the other: what is common to all forms.

use super::again::Beside;
use super::input::{self, Input, Open};
use super::place::{Listed, Opened};
use super::settings::{FilesCopy, Format};
use super::{Begun, csv, excel, parquet, records};
use crate::columns::raw_text;
use arrow_array::RecordBatch;
use jiff::Timestamp;
use segue_core::source::{Column, Read, ReadRequest, Rejected};
use segue_core::{Ctx, Error, Kind, Result, Type};
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::sync::mpsc::Sender;

/// Rows of a batch, and the bytes after which it goes out early.
pub const ROWS: usize = 8_192;
/// See [`ROWS`].
pub const BYTES: usize = 8 << 20;
/// What was read counts as soon as there is so much of it, where the rest may come later: in bytes, and in files.
const REACHED: (u64, usize) = (16 << 20, 1_000);

/// Reads files to their end. Where only what changed is read, [`Read::Position`]s tell what was.
///
/// # Errors
/// What keeps a file from being read; `Cancelled` when nobody reads on.
pub fn read(
    begun: Begun,
    open: &dyn Fn(&Listed) -> Result<Opened>,
    copy: &FilesCopy,
    request: &ReadRequest,
    ctx: &Ctx,
    out: &Sender<Read>,
) -> Result<()> {
    let mut reading = Reading::new(copy, request, ctx, out);
    let Begun {
        files,
        mut known,
        notes,
    } = begun;
    for note in notes {
        reading.note(note)?;
    }
    let mut since = (0, 0);
    for listed in &files {
        let opened = match open(listed) {
            // It came and went between two looks.
            Err(error) if error.kind() == Kind::NotFound && known.is_some() => {
                reading.note(format!("{} was gone before it was read", listed.path))?;
                continue;
            }
            opened => opened?,
        };
        let mark = opened.mark.clone();
        let before = reading.bytes;
        let file = Open::of(listed, opened, copy)?;
        reading.given = given(copy, listed);
        let rows = reading.taken;
        for input in &file.inputs {
            reading.input(input)?;
            if reading.left == 0 {
                return Ok(());
            }
        }
        match (file.is_unchanged()?, &mut known) {
            (true, Some(known)) => known.add(&listed.path, &mark),
            (true, None) => {}
            (false, Some(_)) if copy.position.may_repeat => reading.note(format!(
                "{} changed while it was read: the next run reads it again",
                listed.path
            ))?,
            (false, _) => return Err(input::changed(&listed.path)),
        }
        if copy.position.replaces && rows == reading.taken {
            reading.note(format!(
                "{} has no rows: those that it had before, if any, stay",
                listed.path
            ))?;
        }
        since = (since.0 + reading.bytes - before, since.1 + 1);
        if let Some(known) = known.as_ref().filter(|_| !request.merged_by.is_empty())
            && (since.0 >= REACHED.0 || since.1 >= REACHED.1)
        {
            reading.send(Read::Position(known.position()?))?;
            reading.send(Read::Reached { slice: 0 })?;
            since = (0, 0);
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
    if let Some(known) = &known {
        reading.send(Read::Position(known.position()?))?;
    }
    reading.send(Read::Done { slice: 0 })
}

/// The columns that tell of the file itself, and what they are for this one; an empty text where that is not known.
fn given(copy: &FilesCopy, listed: &Listed) -> Vec<Column> {
    let column = |name: &Option<String>, of: Type, value: String| {
        let name = name.clone()?;
        Some(Column {
            name,
            of,
            required: false,
            path: None,
            value: Some(value),
        })
    };
    let modified = listed
        .modified
        .and_then(|at| Timestamp::from_microsecond(at.as_microsecond()).ok());
    let modified = modified.map(|at| at.to_string()).unwrap_or_default();
    let file = column(&copy.file_column, Type::String, listed.path.clone());
    let modified = column(&copy.modified_column, Type::Timestamp, modified);
    file.into_iter().chain(modified).collect()
}

/// A read of all files.
pub struct Reading<'a> {
    /// What the copy says.
    pub copy: &'a FilesCopy,
    /// What is wanted.
    pub request: &'a ReadRequest,
    ctx: &'a Ctx,
    out: &'a Sender<Read>,
    /// The columns, once they are known. Where nobody declared them, later files and rows may add to them and widen them.
    pub columns: Option<Vec<Column>>,
    /// Columns whose type no file has shown yet.
    pub untyped: Vec<String>,
    /// The columns that tell of the file that is read now.
    given: Vec<Column>,
    /// The rows that are still wanted.
    pub left: u64,
    taken: u64,
    aside: u64,
    bytes: u64,
    first_aside: Option<String>,
}

impl<'a> Reading<'a> {
    /// One that begins.
    pub fn new(copy: &'a FilesCopy, request: &'a ReadRequest, ctx: &'a Ctx, out: &'a Sender<Read>) -> Reading<'a> {
        Reading {
            copy,
            request,
            ctx,
            out,
            columns: request.schema.columns.clone(),
            untyped: request.schema.untyped.clone(),
            given: Vec::new(),
            left: request.limit.unwrap_or(u64::MAX),
            taken: 0,
            aside: 0,
            bytes: 0,
            first_aside: None,
        }
    }

    fn input(&mut self, input: &Input) -> Result<()> {
        let copy = self.copy;
        match input.format {
            Format::Csv => self.table(&csv::Csv::of(input, copy)?),
            Format::Excel => {
                let known = self.columns.iter().flatten().filter(|c| !self.is_given(&c.name));
                let known = known.count();
                self.table(&excel::Excel::of(input, copy, known)?)
            }
            Format::Json | Format::JsonLines | Format::Xml => records::read(self, input),
            Format::Parquet => parquet::read(self, input),
            Format::Auto => Err(Error::bug("a file of no format is read")),
        }
    }

    /// The columns of the file that is read now: those, with what tells of the file itself.
    ///
    /// # Errors
    /// `Invalid` where such a column is not among those that are declared.
    pub fn with_given(&mut self, mut columns: Vec<Column>) -> Result<Vec<Column>> {
        for given in &self.given {
            let Some(column) = columns.iter_mut().find(|c| c.name == given.name) else {
                if self.request.schema.declared {
                    let what = format!(
                        "the column `{}`, which tells of a row's file, is not declared",
                        given.name
                    );
                    let hint = format!("add it to `columns`: `{}: {{ type: {} }}`", given.name, given.of);
                    return Err(Error::new(Kind::Invalid, what).hint(hint));
                }
                columns.push(given.clone());
                continue;
            };
            column.value.clone_from(&given.value);
            if self.untyped.contains(&given.name) {
                column.of = given.of.clone();
                self.untyped.retain(|name| *name != given.name);
            }
        }
        Ok(columns)
    }

    /// Whether a column tells of a row's file.
    pub fn is_given(&self, name: &str) -> bool {
        self.given.iter().any(|given| given.name == name)
    }

    /// So many bytes and rows of the source were read.
    pub fn count(&mut self, bytes: u64, rows: u64) {
        self.bytes += bytes;
        let meter = &self.ctx.meter;
        meter.bytes_in.fetch_add(bytes, Ordering::Relaxed);
        meter.rows_in.fetch_add(rows, Ordering::Relaxed);
    }

    /// So many more rows fit.
    pub fn took(&mut self, rows: u64) {
        self.left = self.left.saturating_sub(rows);
        self.taken += rows;
    }

    /// A record that does not fit. `reason` says where in the file it is.
    pub fn aside(&mut self, reason: String, path: Option<String>, raw: &[u8]) -> Rejected {
        self.aside += 1;
        self.first_aside.get_or_insert_with(|| match &path {
            Some(column) => format!("{reason} (column `{column}`)"),
            None => reason.clone(),
        });
        let raw = raw_text(raw);
        Rejected {
            reason,
            path,
            raw,
            beside: None,
        }
    }

    /// What a record is read again with.
    pub fn beside(&self, file: &str, at: String, fields: &Arc<[String]>, raw: &[u8]) -> Option<Value> {
        let given = self
            .given
            .iter()
            .filter_map(|c| Some((c.name.clone(), c.value.clone()?)));
        Beside {
            file: file.to_string(),
            at,
            fields: fields.clone(),
            given: given.collect(),
        }
        .of(raw)
    }

    /// As if the file were read in which a record stood: with what it told of itself.
    pub fn as_in(&mut self, beside: &Beside) {
        let column = |(name, value): (&String, &String)| Column {
            name: name.clone(),
            of: Type::String,
            required: false,
            path: None,
            value: Some(value.clone()),
        };
        self.given = beside.given.iter().map(column).collect();
    }

    /// Hands out what is ready, unless it is time to stop.
    ///
    /// # Errors
    /// `Cancelled` when nobody reads on.
    pub fn hand_out(&self, batch: Option<RecordBatch>, rejected: Vec<Rejected>) -> Result<()> {
        self.ctx.go_on()?;
        if !rejected.is_empty() {
            let (slice, rows) = (Some(0), rejected);
            self.send(Read::Rejected { slice, rows })?;
        }
        match batch {
            Some(batch) if batch.num_rows() > 0 => self.send(Read::Rows { slice: 0, batch }),
            _ => Ok(()),
        }
    }

    /// Fails when it is time to stop.
    ///
    /// # Errors
    /// `Cancelled`.
    pub fn go_on(&self) -> Result<()> {
        self.ctx.go_on()
    }

    /// Says something that is worth it.
    ///
    /// # Errors
    /// `Cancelled` when nobody reads on.
    pub fn note(&self, note: String) -> Result<()> {
        self.send(Read::Note(note))
    }

    fn send(&self, read: Read) -> Result<()> {
        segue_core::meter::settle_memory();
        self.out
            .blocking_send(read)
            .map_err(|_| Error::new(Kind::Cancelled, "nobody reads on"))
    }

    /// That a value has another type than its column, and the schema is frozen.
    pub fn frozen(&self, what: String) -> Error {
        let hint = match self.request.schema.declared {
            true => "say on_type_change: quarantine or drop_value, or give the column another type",
            false => "say on_type_change: evolve, quarantine or drop_value",
        };
        Error::new(Kind::BadData, what)
            .code(segue_diag::SCHEMA_FROZEN)
            .hint(hint)
    }

    /// Says how many values were left out.
    ///
    /// # Errors
    /// `Cancelled` when nobody reads on.
    pub fn dropped(&self, values: u64, name: &str) -> Result<()> {
        match values {
            0 => Ok(()),
            n => self.note(format!("{n} values of {name} were left out, as `drop_value` says")),
        }
    }
}
