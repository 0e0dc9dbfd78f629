//! A spreadsheet that is open: its sheets, and the rows of one, one after the other.

use crate::files::input::Input;
use crate::forms::Subject;
use crate::forms::unpack::Archive;
use crate::http::spool::SpoolReader;
use calamine::{Data, Ods, Range, Reader, SheetType, SheetVisible, Xls, Xlsx};
use quick_xml::events::{BytesStart, Event};
use segue_core::{Error, Result};
use std::fmt;
use std::io::{self, BufRead, BufReader, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The most that a spreadsheet may have which is held in memory, in bytes; of `.xlsx`, all but its sheets.
const HELD: u64 = 256 << 20;
/// The most cells of an OpenDocument sheet, which is held in memory.
const MOST_CELLS: u64 = 16 << 20;
/// No row of any spreadsheet has more.
const MOST_COLUMNS: u64 = 16_384;
/// And no sheet.
const MOST_ROWS: u64 = 1_048_576;

type Source = BufReader<SpoolReader>;

/// A spreadsheet.
pub struct Book {
    of: Of,
    sheets: Vec<(String, bool)>,
    subject: Subject,
    /// The sheet that is read, where it is held.
    held: Option<(String, Range<Data>)>,
}

enum Of {
    /// Read row by row.
    Xlsx(Box<Xlsx<Source>>),
    /// Held in memory.
    Xls(Box<Xls<Source>>),
    /// Held in memory.
    Ods(Box<Ods<Source>>),
}

impl Book {
    /// Opens it.
    ///
    /// # Errors
    /// `BadData` for what is no spreadsheet, and for one that is larger than is read.
    pub fn of(input: &Input, most: u64) -> Result<Book> {
        let subject = input.subject.clone();
        let no_book = || subject.not_of_its_form("is no spreadsheet of the kinds .xlsx, .xls and .ods");
        let mut first = Vec::new();
        subject.told(input.bytes().take(8).read_to_end(&mut first))?;
        let source = || BufReader::new(input.bytes());
        let of = match first.as_slice() {
            [0xD0, 0xCF, 0x11, 0xE0, ..] => {
                let size = input.bytes().size();
                if size > HELD {
                    return Err(subject.too_much(format!("the {subject}"), HELD));
                }
                Of::Xls(Box::new(told(&subject, || Xls::new(source()))?))
            }
            [b'P', b'K', ..] => {
                let archive = Archive::of(input.bytes(), None, most, &subject)?;
                match weighed(&archive, &subject)? {
                    Kind::Xlsx => Of::Xlsx(Box::new(told(&subject, || Xlsx::new(source()))?)),
                    Kind::Ods => Of::Ods(Box::new(told(&subject, || Ods::new(source()))?)),
                    Kind::None => return Err(no_book()),
                }
            }
            _ => return Err(no_book()),
        };
        let metadata = match &of {
            Of::Xlsx(book) => book.sheets_metadata(),
            Of::Xls(book) => book.sheets_metadata(),
            Of::Ods(book) => book.sheets_metadata(),
        };
        let sheets = metadata
            .iter()
            .filter(|sheet| sheet.typ == SheetType::WorkSheet)
            .map(|sheet| (sheet.name.clone(), sheet.visible == SheetVisible::Visible));
        Ok(Book {
            sheets: sheets.collect(),
            of,
            subject,
            held: None,
        })
    }

    /// The names of its sheets, each with whether it is shown.
    pub fn sheets(&self) -> &[(String, bool)] {
        &self.sheets
    }

    /// Hands over the rows of a sheet in their order, each with its number from 0 and its cells by their columns, until `take` says that it
    /// is enough. Rows without cells are left out.
    ///
    /// # Errors
    /// `BadData` for what cannot be read; those of `take`.
    pub fn rows(&mut self, sheet: &str, take: &mut dyn FnMut(u32, &[(u32, Data)]) -> Result<bool>) -> Result<()> {
        let subject = &self.subject;
        if self.held.as_ref().is_none_or(|(name, _)| name != sheet) {
            let range = match &mut self.of {
                Of::Xlsx(book) => return streamed(book, sheet, subject, take),
                Of::Xls(book) => told(subject, || book.worksheet_range(sheet))?,
                Of::Ods(book) => told(subject, || book.worksheet_range(sheet))?,
            };
            self.held = Some((sheet.to_string(), range));
        }
        match &self.held {
            Some((_, range)) => held(range, take),
            None => Ok(()),
        }
    }
}

fn broken(subject: &Subject, why: impl fmt::Display) -> Error {
    subject.not_of_its_form(format!("cannot be read as a spreadsheet: {why}"))
}

/// What the reader of spreadsheets gives, or why it gives nothing. It is not sure of every file that is broken on purpose.
fn told<T, E: fmt::Display>(subject: &Subject, read: impl FnOnce() -> std::result::Result<T, E>) -> Result<T> {
    match catch_unwind(AssertUnwindSafe(read)) {
        Ok(read) => read.map_err(|e| broken(subject, e)),
        Err(_) => Err(broken(subject, "it is damaged")),
    }
}

/// The rows of a sheet that is read as it comes.
fn streamed(
    book: &mut Xlsx<Source>,
    sheet: &str,
    subject: &Subject,
    take: &mut dyn FnMut(u32, &[(u32, Data)]) -> Result<bool>,
) -> Result<()> {
    let mut reader = book.worksheet_cells_reader(sheet).map_err(|e| broken(subject, e))?;
    let mut current: Option<u32> = None;
    let mut cells: Vec<(u32, Data)> = Vec::new();
    loop {
        let cell = told(subject, || reader.next_cell())?;
        let next = cell.as_ref().map(|cell| cell.get_position());
        if let Some(row) = current
            && next.is_none_or(|(next, _)| next != row)
        {
            if !take(row, &cells)? {
                return Ok(());
            }
            cells.clear();
        }
        let (Some(cell), Some((row, column))) = (cell, next) else {
            return Ok(());
        };
        let is_next = match current {
            Some(current) if current == row => cells.last().is_none_or(|(last, _)| *last < column),
            Some(current) => current < row,
            None => true,
        };
        if !is_next || u64::from(column) >= MOST_COLUMNS {
            let at = super::cells::address(row, column);
            return Err(broken(subject, format!("the cell {at} is not where it belongs")));
        }
        current = Some(row);
        cells.push((column, Data::from(cell.get_value().clone())));
    }
}

/// The rows of a sheet in memory.
fn held(range: &Range<Data>, take: &mut dyn FnMut(u32, &[(u32, Data)]) -> Result<bool>) -> Result<()> {
    let Some((top, left)) = range.start() else {
        return Ok(());
    };
    let mut cells = Vec::new();
    for (row, values) in range.rows().enumerate() {
        cells.clear();
        let filled = values.iter().enumerate().filter(|(_, value)| **value != Data::Empty);
        cells.extend(filled.map(|(at, value)| (left + at as u32, value.clone())));
        if !cells.is_empty() && !take(top + row as u32, &cells)? {
            return Ok(());
        }
    }
    Ok(())
}

enum Kind {
    Xlsx,
    Ods,
    None,
}

/// What kind of spreadsheet a zip is. All that is in it was unpacked once and is whole; no more of it is held than may be.
fn weighed(archive: &Archive<SpoolReader>, subject: &Subject) -> Result<Kind> {
    let names = || (0..archive.len()).filter_map(|at| archive.name(at));
    let kind = if names().any(|name| name == "xl/workbook.xml") {
        Kind::Xlsx
    } else if names().any(|name| name == "content.xml") {
        Kind::Ods
    } else {
        return Ok(Kind::None);
    };
    let mut held = 0;
    for at in 0..archive.len() {
        let name = archive.name(at).unwrap_or_default();
        let mut member = archive.member(at)?;
        if name == "content.xml" {
            cells(&mut member, subject)?;
        }
        let size = subject.told(io::copy(&mut member, &mut io::sink()))?;
        // Pictures and macros are not looked at.
        let is_held = match kind {
            Kind::Xlsx => !name.starts_with("xl/worksheets/") && name.ends_with(".xml"),
            _ => false,
        };
        held += if is_held { size } else { 0 };
        if held > HELD {
            return Err(subject.too_much(format!("what is beside the sheets of the {subject}"), HELD));
        }
    }
    Ok(kind)
}

/// Fails for a document whose sheets have more cells than are held: a cell may stand for thousands.
fn cells(member: &mut impl BufRead, subject: &Subject) -> Result<()> {
    let mut member = member.take(HELD);
    let mut reader = quick_xml::Reader::from_reader(&mut member);
    let mut buffer = Vec::new();
    let mut weight = Weight::default();
    loop {
        buffer.clear();
        let event = reader.read_event_into(&mut buffer);
        match event.map_err(|e| broken(subject, e))? {
            Event::Start(start) | Event::Empty(start) => match start.local_name().as_ref() {
                b"table-row" => weight.row(times(&start, b"number-rows-repeated")),
                b"table-cell" | b"covered-table-cell" => {
                    let is_empty = !start
                        .attributes()
                        .flatten()
                        .any(|a| a.key.local_name().as_ref() == b"value-type");
                    weight.cell(times(&start, b"number-columns-repeated"), is_empty);
                }
                _ => {}
            },
            Event::Eof => break,
            _ => {}
        }
        if weight.cells > MOST_CELLS {
            return Err(subject.too_much(format!("a sheet of the {subject}"), MOST_CELLS));
        }
    }
    weight.row(1);
    if weight.cells > MOST_CELLS {
        return Err(subject.too_much(format!("a sheet of the {subject}"), MOST_CELLS));
    }
    match member.limit() {
        0 => Err(subject.too_much(format!("the {subject}"), HELD)),
        _ => Ok(()),
    }
}

/// How many cells are held of a document, all its sheets together.
#[derive(Default)]
struct Weight {
    cells: u64,
    /// Of the row that is open: its columns, those up to the last that is not empty, and how often it stands there.
    columns: u64,
    filled: u64,
    times: u64,
    /// Empty rows, which are held as soon as one follows that is not.
    empty: u64,
    widest: u64,
}

impl Weight {
    /// A row ends, and another begins that stands there so often.
    fn row(&mut self, times: u64) {
        if self.filled > 0 {
            self.widest = self.widest.max(self.filled);
            let rows = self.times.saturating_add(std::mem::take(&mut self.empty));
            self.cells = self.cells.saturating_add(rows.saturating_mul(self.widest));
        } else {
            self.empty = self.empty.saturating_add(self.times);
        }
        (self.columns, self.filled, self.times) = (0, 0, times.min(MOST_ROWS));
    }

    fn cell(&mut self, times: u64, is_empty: bool) {
        self.columns = self.columns.saturating_add(times).min(MOST_COLUMNS);
        if !is_empty {
            self.filled = self.columns;
        }
    }
}

fn times(start: &BytesStart<'_>, name: &[u8]) -> u64 {
    let mut attributes = start.attributes().flatten();
    let times = attributes.find(|a| a.key.local_name().as_ref() == name);
    let times = times.and_then(|a| std::str::from_utf8(&a.value).ok()?.parse().ok());
    times.unwrap_or(1)
}
