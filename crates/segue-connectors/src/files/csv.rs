//! CSV as a table of text.

use super::infer::Guess;
use super::input::Input;
use super::settings::{FilesCopy, is_tabbed};
use super::table::{Row, Table};
use crate::forms::scan::{Record, Scanner, Stop};
use segue_core::{Error, Kind, Result, Type};
use std::borrow::Cow;

/// A file of CSV.
pub struct Csv<'a> {
    input: &'a Input,
    copy: &'a FilesCopy,
    delimiter: u8,
    quote: u8,
}

/// A line of it, or several.
pub struct Line<'r> {
    record: Record<'r>,
    encoding: &'static str,
}

impl<'a> Csv<'a> {
    /// One that is written like this.
    ///
    /// # Errors
    /// `Invalid` for a delimiter or quote that is none.
    pub fn of(input: &'a Input, copy: &'a FilesCopy) -> Result<Csv<'a>> {
        let (delimiter, quote) = delimiters(copy, &input.name)?;
        Ok(Csv {
            input,
            copy,
            delimiter,
            quote,
        })
    }

    /// What keeps the file from being read on.
    fn stopped(&self, stop: Stop) -> Error {
        let name = &self.input.name;
        let quote = |line: u64, how: &str| {
            let what = format!("the quote that is opened in line {line} of {name} {how}");
            Error::new(Kind::BadData, what).code(segue_diag::FILES_QUOTE).hint(
                "close it, or write it twice where it is meant as itself; where quotes mean nothing, name another `quote:`",
            )
        };
        match stop {
            Stop::Io(e) => self.input.subject.failed(e),
            Stop::Quote(line, how) => quote(line, how),
            Stop::Open(line) => quote(line, "is not closed within 16 MiB"),
            Stop::Long(line) => Error::new(
                Kind::BadData,
                format!("the record that begins in line {line} of {name} is longer than 16 MiB"),
            )
            .code(segue_diag::FILES_LARGE)
            .hint("look at its line ends"),
        }
    }
}

/// What stands between the fields of a file, and what around them.
///
/// # Errors
/// `Invalid` for what is no such character.
pub fn delimiters(copy: &FilesCopy, file: &str) -> Result<(u8, u8)> {
    let one = |text: &str, key: &str| match text.as_bytes() {
        [byte] if *byte != b'\n' && *byte != b'\r' => Ok(*byte),
        _ => Err(Error::new(Kind::Invalid, format!("`{key}` is one character of ASCII"))),
    };
    let usual = if is_tabbed(file) { "\t" } else { "," };
    let delimiter = one(copy.delimiter.as_deref().unwrap_or(usual), "delimiter")?;
    let quote = one(&copy.quote, "quote")?;
    if delimiter == quote {
        return Err(Error::new(
            Kind::Invalid,
            "`delimiter` and `quote` are the same character",
        ));
    }
    Ok((delimiter, quote))
}

impl<'r> Line<'r> {
    /// A record of text that is UTF-8.
    pub fn of(record: Record<'r>) -> Line<'r> {
        Line {
            record,
            encoding: "UTF-8",
        }
    }
}

impl Table for Csv<'_> {
    type Row<'r> = Line<'r>;

    fn name(&self) -> &str {
        &self.input.name
    }

    fn has_header(&self) -> bool {
        self.copy.header
    }

    fn rows(&self, mut take: impl FnMut(&Line<'_>) -> Result<bool>) -> Result<u64> {
        let text = self.input.text(self.copy)?;
        let encoding = text.encoding();
        let mut scanner = Scanner::new(text, self.delimiter, self.quote);
        while let Some(record) = scanner.next().map_err(|stop| self.stopped(stop))? {
            if !take(&Line { record, encoding })? {
                break;
            }
        }
        Ok(scanner.empty_lines)
    }
}

impl Row for Line<'_> {
    fn len(&self) -> usize {
        self.record.len()
    }

    fn fault(&self) -> Option<&str> {
        self.record.fault
    }

    fn field(&self, at: usize, _of: &Type) -> std::result::Result<(Cow<'_, str>, bool), Cow<'_, str>> {
        let (field, is_quoted) = self.record.get(at).unwrap_or_default();
        let no_text = || Cow::Owned(format!("not {}", self.encoding));
        let text = match field {
            Cow::Borrowed(bytes) => std::str::from_utf8(bytes).map(Cow::Borrowed).map_err(|_| no_text())?,
            Cow::Owned(bytes) => String::from_utf8(bytes).map(Cow::Owned).map_err(|_| no_text())?,
        };
        Ok((text, is_quoted))
    }

    fn is_empty(&self, at: usize) -> bool {
        self.record.get(at).is_none_or(|(field, _)| field.is_empty())
    }

    fn look(&self, at: usize, guess: &mut Guess) {
        if let Some((bytes, _)) = self.record.get(at) {
            guess.look(&String::from_utf8_lossy(&bytes));
        }
    }

    fn place(&self, _field: Option<usize>) -> String {
        match self.record.last_line {
            last if last > self.record.line => format!("lines {} to {last}", self.record.line),
            _ => format!("line {}", self.record.line),
        }
    }

    fn raw(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(self.record.raw)
    }

    fn is_text(&self) -> bool {
        true
    }

    fn size(&self) -> usize {
        self.record.raw.len()
    }
}

#[cfg(test)]
mod tests;
