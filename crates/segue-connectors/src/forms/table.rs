//! A table of text as a list of objects. A record that cannot be read becomes a text, which fits no row: it is set aside, and the others
//! are read.

use super::Subject;
use super::scan::{Record, Scanner, Stop};
use crate::json::quoted;
use bytes::Bytes;
use segue_core::{Error, Result};
use std::io::Read;

/// CSV.
pub struct Table<R> {
    scanner: Scanner<R>,
    /// Each column's name, as JSON writes it.
    names: Vec<String>,
    is_first: bool,
    subject: Subject,
    most: u64,
}

impl<R: Read> Table<R> {
    /// Of this answer. Without a header its columns are `column_1`, `column_2` and so on.
    ///
    /// # Errors
    /// `BadData` for a header that cannot be one. No row is larger than `most`.
    pub fn new(source: R, delimiter: u8, has_header: bool, most: u64, subject: Subject) -> Result<Table<R>> {
        let record = usize::try_from(most).unwrap_or(usize::MAX);
        let mut scanner = Scanner::new(source, delimiter, b'"').up_to(record);
        let mut names = Vec::new();
        if has_header {
            let header = scanner.next().map_err(|stop| stopped(&subject, stop, most))?;
            for at in 0..header.as_ref().map_or(0, Record::len) {
                let field = header.as_ref().and_then(|header| header.get(at)).unwrap_or_default().0;
                let name =
                    std::str::from_utf8(&field).map_err(|_| subject.form("the header of the table is not UTF-8"))?;
                let name = quoted(name.trim());
                if names.contains(&name) {
                    return Err(subject.form(format!("the table has the column {name} twice")));
                }
                names.push(name);
            }
            if names.is_empty() || names.iter().all(|n| n == "\"\"") {
                return Err(subject.form("the table has no header"));
            }
        }
        Ok(Table {
            scanner,
            names,
            is_first: true,
            subject,
            most,
        })
    }

    /// The next rows, of about so many bytes, as one list of objects. An empty field is null. The first part is there also where it has no
    /// row.
    ///
    /// # Errors
    /// What is wrong with what it is packed in; `BadData` where a row is too large.
    pub fn next_part(&mut self, size: usize) -> Result<Option<Bytes>> {
        let mut part = Vec::new();
        while part.len() < size {
            let next = self.scanner.next();
            let Some(record) = next.map_err(|stop| stopped(&self.subject, stop, self.most))? else {
                break;
            };
            if self.names.is_empty() {
                self.names = (1..=record.len()).map(|n| format!("\"column_{n}\"")).collect();
            }
            part.push(if part.is_empty() { b'[' } else { b',' });
            push(&self.names, &record, &mut part);
        }
        if part.is_empty() && !std::mem::take(&mut self.is_first) {
            return Ok(None);
        }
        self.is_first = false;
        if part.is_empty() {
            part.push(b'[');
        }
        part.push(b']');
        Ok(Some(part.into()))
    }
}

fn push(names: &[String], record: &Record<'_>, part: &mut Vec<u8>) {
    let begin = part.len();
    let is_row = record.fault.is_none() && record.len() == names.len();
    if !is_row || !object(names, record, part) {
        part.truncate(begin);
        part.extend_from_slice(quoted(&String::from_utf8_lossy(record.raw)).as_bytes());
    }
}

/// A record as an object; false where it is no text.
fn object(names: &[String], record: &Record<'_>, part: &mut Vec<u8>) -> bool {
    for (at, name) in names.iter().enumerate() {
        let (field, _) = record.get(at).unwrap_or_default();
        let Ok(text) = std::str::from_utf8(&field) else {
            return false;
        };
        part.push(if at == 0 { b'{' } else { b',' });
        part.extend_from_slice(name.as_bytes());
        part.push(b':');
        match text {
            "" => part.extend_from_slice(b"null"),
            text => part.extend_from_slice(quoted(text).as_bytes()),
        }
    }
    part.push(b'}');
    true
}

fn stopped(subject: &Subject, stop: Stop, most: u64) -> Error {
    match stop {
        Stop::Io(e) => subject.failed(e),
        Stop::Quote(line, how) => {
            subject.not_of_its_form(format!("has a quote in line {line} that is opened and {how}"))
        }
        Stop::Open(line) | Stop::Long(line) => {
            let what = format!("the record of the {subject} that begins in line {line}");
            subject.too_much(what, most)
        }
    }
}
