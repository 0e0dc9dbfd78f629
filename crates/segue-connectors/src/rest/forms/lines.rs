//! Answers in lines: JSON values, and tables. A record that cannot be read becomes a text, which fits no row: it is set aside, and the
//! others are read.

use super::{not_of_its_form, too_much, unpack};
use crate::json::find::{self, Broken};
use crate::json::quoted;
use bytes::Bytes;
use segue_core::{Error, Kind, Result};
use std::io::{self, BufRead, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The reader of a table reads ahead by less than this, in bytes.
const AHEAD: u64 = 64 << 10;

/// JSON lines.
pub struct Lines<R> {
    source: R,
    is_first: bool,
}

impl<R: BufRead> Lines<R> {
    /// Of this answer.
    pub fn new(source: R) -> Lines<R> {
        Lines { source, is_first: true }
    }

    /// The next lines, of about so many bytes, as one list.
    ///
    /// # Errors
    /// `Unavailable` where the last line was cut off; `BadData` where one is larger than `most`.
    pub fn next_part(&mut self, size: usize, most: u64) -> Result<Option<Bytes>> {
        let mut part = Vec::new();
        let mut line = Vec::new();
        while part.len() < size {
            line.clear();
            let read = self.source.by_ref().take(most + 1).read_until(b'\n', &mut line);
            if read.map_err(unpack::failed)? == 0 {
                break;
            }
            if line.len() as u64 > most {
                return Err(too_much("a line of the answer", most));
            }
            let is_ended = line.ends_with(b"\n");
            let mut text = line.trim_ascii();
            if std::mem::take(&mut self.is_first) {
                text = text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(text);
            }
            if text.is_empty() {
                continue;
            }
            part.push(if part.is_empty() { b'[' } else { b',' });
            match find::complete(text) {
                Ok(()) => part.extend_from_slice(text),
                Err(Broken::Cut) if !is_ended => {
                    return Err(Error::new(Kind::Unavailable, "the answer was cut off in its last line"));
                }
                Err(_) => part.extend_from_slice(quoted(&String::from_utf8_lossy(text)).as_bytes()),
            }
        }
        if part.is_empty() {
            return Ok(None);
        }
        part.push(b']');
        Ok(Some(part.into()))
    }
}

/// CSV.
pub struct Table<R> {
    reader: csv::Reader<Guarded<R>>,
    since: Arc<AtomicU64>,
    /// Each column's name, as JSON writes it.
    names: Vec<String>,
    is_first: bool,
}

impl<R: Read> Table<R> {
    /// Of this answer. Without a header its columns are `column_1`, `column_2` and so on.
    ///
    /// # Errors
    /// `BadData` for a header that cannot be one. No row is larger than `most`.
    pub fn new(source: R, delimiter: u8, has_header: bool, most: u64) -> Result<Table<R>> {
        let since = Arc::new(AtomicU64::new(0));
        let source = Guarded {
            source,
            since: since.clone(),
            most,
        };
        let mut reader = csv::ReaderBuilder::new()
            .delimiter(delimiter)
            .has_headers(has_header)
            .flexible(true)
            .from_reader(source);
        let mut names = Vec::new();
        if has_header {
            let header = reader.byte_headers().map_err(unreadable)?;
            for (at, field) in header.iter().enumerate() {
                let field = if at == 0 {
                    field.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(field)
                } else {
                    field
                };
                let name =
                    std::str::from_utf8(field).map_err(|_| not_of_its_form("the header of the table is not UTF-8"))?;
                let name = quoted(name.trim());
                if names.contains(&name) {
                    return Err(not_of_its_form(format!("the table has the column {name} twice")));
                }
                names.push(name);
            }
            if names.is_empty() || names.iter().all(|n| n == "\"\"") {
                return Err(not_of_its_form("the table has no header"));
            }
        }
        Ok(Table {
            reader,
            since,
            names,
            is_first: true,
        })
    }

    /// The next rows, of about so many bytes, as one list of objects. An empty field is null. The first part is there also where it has no
    /// row.
    ///
    /// # Errors
    /// What is wrong with what it is packed in; `BadData` where a row is too large.
    pub fn next_part(&mut self, size: usize) -> Result<Option<Bytes>> {
        let mut part = Vec::new();
        let mut record = csv::ByteRecord::new();
        while part.len() < size && self.reader.read_byte_record(&mut record).map_err(unreadable)? {
            self.since.store(0, Ordering::Relaxed);
            if self.names.is_empty() {
                self.names = (1..=record.len()).map(|n| format!("\"column_{n}\"")).collect();
            }
            part.push(if part.is_empty() { b'[' } else { b',' });
            self.push(&record, &mut part);
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

    fn push(&self, record: &csv::ByteRecord, part: &mut Vec<u8>) {
        let texts: Option<Vec<&str>> = record.iter().map(|f| std::str::from_utf8(f).ok()).collect();
        let Some(texts) = texts.filter(|t| t.len() == self.names.len()) else {
            let fields: Vec<_> = record.iter().map(String::from_utf8_lossy).collect();
            part.extend_from_slice(quoted(&fields.join(",")).as_bytes());
            return;
        };
        for (at, (name, text)) in self.names.iter().zip(texts).enumerate() {
            part.push(if at == 0 { b'{' } else { b',' });
            part.extend_from_slice(name.as_bytes());
            part.push(b':');
            match text {
                "" => part.extend_from_slice(b"null"),
                text => part.extend_from_slice(quoted(text).as_bytes()),
            }
        }
        part.push(b'}');
    }
}

fn unreadable(error: csv::Error) -> Error {
    match error.into_kind() {
        csv::ErrorKind::Io(e) => unpack::failed(e),
        other => not_of_its_form(format!("the answer is not CSV: {other:?}")),
    }
}

/// Reads no more of one row than may be held.
struct Guarded<R> {
    source: R,
    /// What was read since the last row.
    since: Arc<AtomicU64>,
    most: u64,
}

impl<R: Read> Read for Guarded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read(buffer)?;
        let before = self.since.fetch_add(read as u64, Ordering::Relaxed);
        match before > self.most + AHEAD {
            true => Err(unpack::too_large(self.most)),
            false => Ok(read),
        }
    }
}
