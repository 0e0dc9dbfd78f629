//! A sheet of a spreadsheet as a table of text: each cell as its column takes it, errors told by their cell.

mod book;
mod cells;

use super::infer::Guess;
use super::input::Input;
use super::settings::FilesCopy;
use super::table::{Row, Table};
use book::Book;
use calamine::Data;
use cells::Area;
use segue_core::{Error, Kind, Result, Type};
use std::borrow::Cow;
use std::cell::RefCell;

/// A sheet.
pub struct Excel<'a> {
    input: &'a Input,
    has_header: bool,
    book: RefCell<Book>,
    sheet: String,
    area: Area,
    /// The first and the last of its columns; `None`: there is nothing.
    columns: Option<(u32, u32)>,
}

/// One of its rows.
pub struct Line<'r> {
    row: u32,
    first: u32,
    cells: &'r [Data],
    fault: Option<String>,
}

impl<'a> Excel<'a> {
    /// The sheet that a copy means. `expected`: how many columns there are, where they go by their order and are known.
    ///
    /// # Errors
    /// `BadData` for what is no spreadsheet, and where the sheet is not there; `Invalid` for a range that is none.
    pub fn of(input: &'a Input, copy: &'a FilesCopy, expected: usize) -> Result<Excel<'a>> {
        let area = match &copy.range {
            Some(range) => Area::parse(range)?,
            None => Area::default(),
        };
        let mut book = Book::of(input, copy.max_size.bytes())?;
        let sheet = choose(&book, input, copy)?;
        let columns = match (area.columns(), copy.header) {
            (Some(both), _) => Some(both),
            (None, has_header) => {
                let found = first_row(&mut book, &sheet, &area)?;
                found.map(|(first, last)| match has_header {
                    true => (first, last),
                    false => (first, last.max(first + expected.saturating_sub(1) as u32)),
                })
            }
        };
        Ok(Excel {
            input,
            has_header: copy.header,
            book: RefCell::new(book),
            sheet,
            area,
            columns,
        })
    }
}

/// The name of the sheet that is read.
fn choose(book: &Book, input: &Input, copy: &FilesCopy) -> Result<String> {
    use super::settings::Sheet;
    let sheets = book.sheets();
    let found = match &copy.sheet {
        Some(Sheet::Name(name)) => sheets.iter().find(|(known, _)| known == name),
        Some(Sheet::Number(number)) => (*number as usize).checked_sub(1).and_then(|at| sheets.get(at)),
        None => sheets.iter().find(|(_, is_seen)| *is_seen).or(sheets.first()),
    };
    found.map(|(name, _)| name.clone()).ok_or_else(|| {
        let wanted = match &copy.sheet {
            Some(Sheet::Name(name)) => format!("no sheet `{name}`"),
            Some(Sheet::Number(number)) => format!("no sheet of the number {number}"),
            None => "no sheet".to_string(),
        };
        let names: Vec<&str> = sheets.iter().map(|(name, _)| name.as_str()).collect();
        Error::new(Kind::BadData, format!("the file {} has {wanted}", input.name))
            .code(segue_diag::FILES_SHEET)
            .hint(format!("it has: {}", names.join(", ")))
    })
}

/// The first and the last column of the first row that has anything.
fn first_row(book: &mut Book, sheet: &str, area: &Area) -> Result<Option<(u32, u32)>> {
    let mut found = None;
    book.rows(sheet, &mut |row, cells| {
        let within = cells
            .iter()
            .filter(|(column, cell)| area.has(row, *column) && !is_nothing(cell));
        let mut columns = within.map(|(column, _)| *column);
        found = columns
            .next()
            .map(|first| (first, columns.next_back().unwrap_or(first)));
        Ok(found.is_none())
    })?;
    Ok(found)
}

fn is_nothing(cell: &Data) -> bool {
    match cell {
        Data::Empty => true,
        Data::String(text) => text.is_empty(),
        _ => false,
    }
}

impl Table for Excel<'_> {
    type Row<'r> = Line<'r>;

    fn name(&self) -> &str {
        &self.input.name
    }

    fn has_header(&self) -> bool {
        self.has_header
    }

    fn rows(&self, mut take: impl FnMut(&Line<'_>) -> Result<bool>) -> Result<u64> {
        let Some((first, last)) = self.columns else {
            return Ok(0);
        };
        let mut wide: Vec<Data> = Vec::new();
        // Empty rows count once another follows: sheets end with many.
        let (mut empty, mut before) = (0u64, None);
        self.book.borrow_mut().rows(&self.sheet, &mut |row, cells| {
            wide.clear();
            wide.resize((last - first + 1) as usize, Data::Empty);
            let mut beside = None;
            let mut is_row = false;
            for (column, cell) in cells {
                if !self.area.has(row, *column) || is_nothing(cell) {
                    continue;
                }
                is_row = true;
                match (first..=last).contains(column) {
                    true => wide[(column - first) as usize].clone_from(cell),
                    false => beside = beside.or(Some(*column)),
                }
            }
            if !is_row {
                return Ok(true);
            }
            if let Some(before) = before {
                empty += u64::from(row - before - 1);
            }
            before = Some(row);
            let fault = beside.map(|column| {
                let (cell, from, to) = (cells::address(row, column), cells::letters(first), cells::letters(last));
                format!("a value in cell {cell}, beside the columns {from} to {to}")
            });
            take(&Line {
                row,
                first,
                cells: &wide,
                fault,
            })
        })?;
        Ok(empty)
    }
}

impl Row for Line<'_> {
    fn len(&self) -> usize {
        self.cells.len()
    }

    fn fault(&self) -> Option<&str> {
        self.fault.as_deref()
    }

    fn field(&self, at: usize, of: &Type) -> std::result::Result<(Cow<'_, str>, bool), Cow<'_, str>> {
        let cell = self.cells.get(at).unwrap_or(&Data::Empty);
        Ok((cells::text(cell, of)?, false))
    }

    fn is_empty(&self, at: usize) -> bool {
        self.cells.get(at).is_none_or(is_nothing)
    }

    fn look(&self, at: usize, guess: &mut Guess) {
        if let Some(cell) = self.cells.get(at) {
            cells::look(cell, guess);
        }
    }

    fn place(&self, field: Option<usize>) -> String {
        match field {
            Some(at) => format!("cell {}", cells::address(self.row, self.first + at as u32)),
            None => format!("row {}", self.row + 1),
        }
    }

    fn raw(&self) -> Cow<'_, [u8]> {
        let texts = self.cells.iter().map(|cell| match cells::text(cell, &Type::String) {
            Ok(text) => text,
            Err(why) => why,
        });
        let texts: Vec<Cow<'_, str>> = texts.collect();
        Cow::Owned(texts.join("\t").into_bytes())
    }

    fn size(&self) -> usize {
        let texts = self.cells.iter().map(|cell| match cell {
            Data::String(text) | Data::DateTimeIso(text) | Data::DurationIso(text) => text.len(),
            _ => 0,
        });
        texts.sum::<usize>() + 8 * self.cells.len()
    }
}

#[cfg(test)]
pub mod tests;
