//! Records of a CSV file, strictly: where each begins and ends, and which of its fields stand in quotes.
//!
//! A field that begins with the quote ends with it; doubled inside, it is itself. What follows the closing quote is a delimiter or the
//! line's end. A quote inside of a field that does not begin with one is text. Lines end with `\n`, `\r\n` or `\r`; empty ones are no
//! records, and are counted. Nothing is copied: a record is a piece of the buffer.

use std::borrow::Cow;
use std::io::Read;

/// The longest record that is read, in bytes.
pub const RECORD: usize = 16 << 20;
const BUFFER: usize = 1 << 18;

/// Why reading cannot go on.
#[derive(Debug)]
pub enum Stop {
    /// The file cannot be read.
    Io(std::io::Error),
    /// The quote that is opened in this line is not closed, as far as can be told.
    Quote(u64, &'static str),
    /// The quote that is opened in this line is not closed within the longest record.
    Open(u64),
    /// The record that begins in this line is longer than is read.
    Long(u64),
}

/// Goes through a file record by record.
pub struct Scanner<R> {
    input: R,
    delimiter: u8,
    quote: u8,
    buffer: Vec<u8>,
    /// Where in the buffer the next record begins, and where what was read ends.
    at: usize,
    end: usize,
    is_over: bool,
    /// Lines that ended before the next record.
    lines: u64,
    /// Lines between records that hold nothing.
    pub empty_lines: u64,
    /// Whether there was a record already.
    is_begun: bool,
    fields: Vec<Field>,
    fault: Option<&'static str>,
    most: usize,
}

#[derive(Clone, Copy)]
struct Field {
    /// In the record, quotes not included.
    start: usize,
    end: usize,
    is_quoted: bool,
    has_doubled: bool,
}

/// One record.
pub struct Record<'a> {
    /// The line in which it begins, from 1.
    pub line: u64,
    /// The line in which it ends.
    pub last_line: u64,
    /// What it is, without its line end.
    pub raw: &'a [u8],
    /// What is wrong with its quotes; its fields are not to be believed then.
    pub fault: Option<&'static str>,
    fields: &'a [Field],
    quote: u8,
}

impl<'a> Record<'a> {
    /// How many fields it has.
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// A field as it is meant, and whether it stands in quotes.
    pub fn get(&self, at: usize) -> Option<(Cow<'a, [u8]>, bool)> {
        let field = self.fields.get(at)?;
        let text = &self.raw[field.start..field.end];
        if !field.has_doubled {
            return Some((Cow::Borrowed(text), field.is_quoted));
        }
        let mut out = Vec::with_capacity(text.len());
        let mut is_second = false;
        for byte in text {
            is_second = *byte == self.quote && !is_second;
            if *byte != self.quote || is_second {
                out.push(*byte);
            }
        }
        Some((Cow::Owned(out), field.is_quoted))
    }
}

impl<R: Read> Scanner<R> {
    /// At the beginning of this file.
    pub fn new(input: R, delimiter: u8, quote: u8) -> Scanner<R> {
        Scanner {
            input,
            delimiter,
            quote,
            buffer: vec![0; BUFFER],
            at: 0,
            end: 0,
            is_over: false,
            lines: 0,
            empty_lines: 0,
            is_begun: false,
            fields: Vec::new(),
            fault: None,
            most: RECORD,
        }
    }

    /// The same, with another length of the longest record, in bytes.
    pub fn up_to(mut self, most: usize) -> Scanner<R> {
        self.most = most;
        self
    }

    /// The next record; `None` at the end.
    ///
    /// # Errors
    /// What keeps it from being told.
    pub fn next(&mut self) -> Result<Option<Record<'_>>, Stop> {
        let before = self.lines;
        if !self.skip_empty()? {
            return Ok(None);
        }
        // The first of these ended the record before.
        self.empty_lines += (self.lines - before).saturating_sub(u64::from(self.is_begun));
        self.is_begun = true;
        let line = self.lines + 1;
        let length = self.record(line)?;
        let start = self.at;
        self.at += length;
        Ok(Some(Record {
            line,
            last_line: self.lines + 1,
            raw: &self.buffer[start..start + length],
            fault: self.fault,
            fields: &self.fields,
            quote: self.quote,
        }))
    }

    /// Goes over line ends; `false` at the end of the file. The mark that some programs put before the first byte is none of its text.
    fn skip_empty(&mut self) -> Result<bool, Stop> {
        if self.lines == 0 && self.at == 0 && self.end == 0 {
            while self.end < 3 && self.fill()? {}
            if self.buffer[..self.end].starts_with(b"\xEF\xBB\xBF") {
                self.at = 3;
            }
        }
        loop {
            if self.at == self.end && !self.fill()? {
                return Ok(false);
            }
            match self.buffer[self.at] {
                b'\n' => self.lines += 1,
                // Of `\r\n`, the second half counts.
                b'\r' => {
                    let next = self.byte(1)?;
                    self.lines += u64::from(next != Some(b'\n'));
                }
                _ => return Ok(true),
            }
            self.at += 1;
        }
    }

    /// A byte behind the beginning of the record; `None` where the file ends before it.
    fn byte(&mut self, offset: usize) -> Result<Option<u8>, Stop> {
        while self.at + offset >= self.end {
            if !self.fill()? {
                return Ok(None);
            }
        }
        Ok(Some(self.buffer[self.at + offset]))
    }

    /// Reads more behind what is there; `false` at the end of the file.
    fn fill(&mut self) -> Result<bool, Stop> {
        if self.is_over {
            return Ok(false);
        }
        if self.at > 0 && (self.at == self.end || self.end == self.buffer.len()) {
            self.buffer.copy_within(self.at..self.end, 0);
            (self.at, self.end) = (0, self.end - self.at);
        }
        if self.end == self.buffer.len() {
            self.buffer.resize(self.end * 2, 0);
        }
        let read = loop {
            match self.input.read(&mut self.buffer[self.end..]) {
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                other => break other.map_err(Stop::Io)?,
            }
        };
        self.end += read;
        self.is_over = read == 0;
        Ok(read > 0)
    }

    /// Finds the fields of the record that begins here, and gives its length.
    fn record(&mut self, line: u64) -> Result<usize, Stop> {
        self.fields.clear();
        self.fault = None;
        let mut at = 0;
        loop {
            let (end, next) = match self.byte(at)? {
                Some(byte) if byte == self.quote => self.quoted(at + 1, line)?,
                _ => {
                    let (end, next) = self.plain(at, line)?;
                    self.push(at, end, false, false);
                    (end, next)
                }
            };
            if self.fault.is_some() || next != Some(self.delimiter) {
                return Ok(end);
            }
            at = end + 1;
        }
    }

    fn push(&mut self, start: usize, end: usize, is_quoted: bool, has_doubled: bool) {
        self.fields.push(Field {
            start,
            end,
            is_quoted,
            has_doubled,
        });
    }

    /// To the end of a field without quotes: where it is, and the byte that stands there.
    fn plain(&mut self, from: usize, line: u64) -> Result<(usize, Option<u8>), Stop> {
        let delimiter = self.delimiter;
        self.find(from, line, |b| b == delimiter || b == b'\n' || b == b'\r')
    }

    /// The first byte from here that fits; `None` at the end of the file.
    fn find(&mut self, from: usize, line: u64, fits: impl Fn(u8) -> bool) -> Result<(usize, Option<u8>), Stop> {
        let mut at = from;
        loop {
            let rest = &self.buffer[self.at + at..self.end];
            if let Some(found) = rest.iter().position(|b| fits(*b)) {
                let byte = rest[found];
                return Ok((at + found, Some(byte)));
            }
            at += rest.len();
            if at > self.most {
                return Err(Stop::Long(line));
            }
            if !self.fill()? {
                return Ok((at, None));
            }
        }
    }

    /// To the end of a field behind its opening quote.
    fn quoted(&mut self, start: usize, line: u64) -> Result<(usize, Option<u8>), Stop> {
        let quote = self.quote;
        let opened = self.lines + 1;
        let (mut at, mut has_doubled) = (start, false);
        loop {
            let found = self.find(at, line, |b| b == quote || b == b'\n' || b == b'\r');
            let (end, byte) = match found {
                Err(Stop::Long(_)) => return Err(Stop::Open(opened)),
                other => other?,
            };
            match byte {
                None => return Err(Stop::Quote(opened, "is never closed")),
                Some(b'\n') => self.lines += 1,
                Some(b'\r') => self.lines += u64::from(self.byte(end + 1)? != Some(b'\n')),
                Some(_) if self.byte(end + 1)? == Some(quote) => {
                    has_doubled = true;
                    at = end + 2;
                    continue;
                }
                Some(_) => {
                    let next = self.byte(end + 1)?;
                    if next.is_none_or(|b| b == self.delimiter || b == b'\n' || b == b'\r') {
                        self.push(start, end, true, has_doubled);
                        return Ok((end + 1, next));
                    }
                    // Within one line the record is as broken as it looks. Over several lines nobody can tell where it ends: the
                    // quote that closes it may be one that opens another field, and the rows between would be lost.
                    if self.lines + 1 > opened {
                        return Err(Stop::Quote(opened, "is closed lines later, with text behind"));
                    }
                    let (line_end, next) = self.find(end + 1, line, |b| b == b'\n' || b == b'\r')?;
                    let rest = &self.buffer[self.at + end + 1..self.at + line_end];
                    if rest.iter().filter(|b| **b == quote).count() % 2 == 1 {
                        return Err(Stop::Quote(
                            opened,
                            "is closed with text behind, and another one is not",
                        ));
                    }
                    self.fault = Some("text after a closing quote");
                    return Ok((line_end, next));
                }
            }
            at = end + 1;
        }
    }
}

#[cfg(test)]
mod tests;
