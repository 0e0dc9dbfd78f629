//! Rows of a binary COPY, into batches of typed columns.
//!
//! Source: PostgreSQL's documentation of `COPY`, "Binary Format". A server sends whole rows in a message, the first with a header before it.

use super::decode;
use super::types::{Form, Reading, UNTOLD};
use crate::columns::{self, Builder, Misfit, RAW};
use arrow_array::RecordBatch;
use arrow_cast::display::array_value_to_string;
use arrow_schema::SchemaRef;
use segue_core::source::{Column, Rejected};
use segue_core::{Error, Kind, Result, Type};
use serde_json::{Map, Value};

/// Rows of a batch, and the bytes after which it goes out early.
const ROWS: usize = 8_192;
const BYTES: usize = 8 << 20;

/// What stands before the first row.
pub(super) const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";

/// A column of the table or query, as it comes.
#[derive(Clone, Debug)]
pub(super) struct Source {
    /// What it is called there.
    pub place: String,
    /// What it is called here.
    pub name: String,
    /// How it is read.
    pub reading: Reading,
    /// Whether a null is refused, by the table or by whoever asks.
    pub required: bool,
}

impl Source {
    /// The column that is made of it.
    pub fn column(&self) -> Column {
        Column {
            name: self.name.clone(),
            of: self.reading.of.clone(),
            required: self.required,
            path: None,
            value: None,
        }
    }
}

/// Takes the messages of one COPY in.
pub(super) struct Rows<'a> {
    from: &'a [Source],
    schema: SchemaRef,
    builders: Vec<Builder>,
    /// Of the rows that are kept.
    bytes: usize,
    /// Of all messages since they were last asked for.
    taken: u64,
    has_begun: bool,
    has_ended: bool,
    aside: Vec<Rejected>,
}

impl<'a> Rows<'a> {
    /// For these columns.
    pub fn of(from: &'a [Source]) -> Rows<'a> {
        let all: Vec<Column> = from.iter().map(Source::column).collect();
        Rows {
            from,
            schema: columns::schema(&all),
            builders: builders(from),
            bytes: 0,
            taken: 0,
            has_begun: false,
            has_ended: false,
            aside: Vec::new(),
        }
    }

    /// Takes a message in.
    ///
    /// # Errors
    /// `BadData` for one that is not of a binary COPY, or of other columns.
    pub fn take(&mut self, message: &[u8]) -> Result<()> {
        self.taken += message.len() as u64;
        let mut rest = message;
        if !self.has_begun {
            let head = rest.split_at_checked(SIGNATURE.len() + 8).ok_or_else(broken)?;
            let extension = u32::from_be_bytes([head.0[15], head.0[16], head.0[17], head.0[18]]) as usize;
            if !head.0.starts_with(SIGNATURE) {
                return Err(broken());
            }
            rest = head.1.get(extension..).ok_or_else(broken)?;
            self.has_begun = true;
        }
        while !rest.is_empty() {
            if self.has_ended {
                return Err(broken());
            }
            let (many, fields) = rest.split_at_checked(2).ok_or_else(broken)?;
            rest = match i16::from_be_bytes([many[0], many[1]]) {
                -1 => {
                    self.has_ended = true;
                    fields
                }
                many if usize::try_from(many) == Ok(self.from.len()) => self.row(fields)?,
                _ => return Err(broken()),
            };
        }
        Ok(())
    }

    /// Takes a row in, and gives what stands after it.
    fn row<'m>(&mut self, fields: &'m [u8]) -> Result<&'m [u8]> {
        let before = self.rows();
        let (mut rest, mut misfit) = (fields, None);
        for (at, from) in self.from.iter().enumerate() {
            let (value, after) = field(rest)?;
            rest = after;
            if misfit.is_some() {
                continue;
            }
            match value {
                None if from.required => misfit = Some((from, Misfit::new("is null, and required"))),
                None => self.builders[at].push_null(),
                Some(bytes) => {
                    if let Err(e) = decode::push(&from.reading.form, bytes, &mut self.builders[at]) {
                        misfit = Some((from, e));
                    }
                }
            }
        }
        match misfit {
            None => self.bytes += fields.len() - rest.len(),
            Some((from, misfit)) => {
                for builder in &mut self.builders {
                    builder.truncate(before);
                }
                let (raw, is_exact) = self.raw(fields)?;
                self.bytes += raw.len();
                self.aside.push(Rejected {
                    reason: misfit.reason,
                    path: Some(format!("{}{}", from.name, misfit.path)),
                    raw,
                    beside: is_exact.then_some(Value::Null),
                });
            }
        }
        Ok(rest)
    }

    /// A row that is set aside, as JSON: what cannot be read of it as its bytes. And whether each value can be read from its text again.
    fn raw(&self, fields: &[u8]) -> Result<(String, bool)> {
        let (mut rest, mut row, mut is_exact) = (fields, Map::new(), true);
        for from in self.from {
            let (value, after) = field(rest)?;
            rest = after;
            let shown = match value {
                None => Value::Null,
                Some(bytes) => {
                    let (text, is_whole) = shown(from, bytes);
                    is_exact &= is_whole;
                    Value::String(text)
                }
            };
            row.insert(from.name.clone(), shown);
        }
        let mut text = Value::Object(row).to_string();
        let mut end = text.len().min(RAW);
        is_exact &= end == text.len();
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        Ok((text, is_exact))
    }

    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.builders.first().map_or(0, Builder::len)
    }

    /// Whether it is time to hand them on.
    pub fn is_full(&self) -> bool {
        self.rows() >= ROWS || self.bytes >= BYTES
    }

    /// How many bytes came since this was last asked: for every message by itself it would cost as much as a value.
    pub fn taken_bytes(&mut self) -> u64 {
        std::mem::take(&mut self.taken)
    }

    /// Hands the rows on, and those that were set aside.
    ///
    /// # Errors
    /// `Bug` when the columns do not make a batch.
    pub fn hand_on(&mut self) -> Result<(RecordBatch, Vec<Rejected>)> {
        self.bytes = 0;
        // As large as these: the next rows are much like them.
        let empty = self.builders.iter().map(Builder::like).collect();
        let full = std::mem::replace(&mut self.builders, empty);
        let batch = columns::batch(&self.schema, full)?;
        Ok((batch, std::mem::take(&mut self.aside)))
    }

    /// Fails when the COPY stopped before its end.
    pub fn end(&self) -> Result<()> {
        match self.has_ended {
            true => Ok(()),
            false => Err(cut()),
        }
    }
}

fn builders(from: &[Source]) -> Vec<Builder> {
    from.iter().map(|c| Builder::new(&c.reading.of)).collect()
}

/// The next field, `None` for a null, and what stands after it.
fn field(rest: &[u8]) -> Result<(Option<&[u8]>, &[u8])> {
    let (len, rest) = rest.split_at_checked(4).ok_or_else(broken)?;
    match i32::from_be_bytes([len[0], len[1], len[2], len[3]]) {
        -1 => Ok((None, rest)),
        len => {
            let len = usize::try_from(len).map_err(|_| broken())?;
            let (value, rest) = rest.split_at_checked(len).ok_or_else(broken)?;
            Ok((Some(value), rest))
        }
    }
}

/// A value for people, and whether it is the text that its type is read from.
fn shown(from: &Source, bytes: &[u8]) -> (String, bool) {
    // A number is shown whole, though the column cannot keep it.
    let (of, form, bytes) = match &from.reading.form {
        Form::Numeric => (&Type::String, &Form::Numeric, bytes),
        Form::Told => (
            &Type::String,
            &Form::Text,
            bytes.strip_prefix(&[UNTOLD]).unwrap_or(bytes),
        ),
        form => (&from.reading.of, form, bytes),
    };
    let is_text = !matches!(
        of,
        Type::Binary | Type::Time | Type::List(_) | Type::Struct(_) | Type::Vector(_)
    );
    let mut one = Builder::new(of);
    let read = decode::push(form, bytes, &mut one);
    let shown = read.map_err(|misfit: Misfit| misfit.reason).and_then(|()| {
        let array = one.finish().map_err(|e| e.to_string())?;
        array_value_to_string(&array, 0).map_err(|e| e.to_string())
    });
    match shown {
        Ok(text) => (text, is_text),
        Err(_) => {
            let hex: String = bytes.iter().take(RAW / 2).map(|byte| format!("{byte:02x}")).collect();
            (format!("\\x{hex}"), false)
        }
    }
}

/// The error of a COPY that stopped before its end.
pub(super) fn cut() -> Error {
    Error::new(Kind::Unavailable, "the rows end before the server said that they do")
}

/// The error of an answer that is something else.
pub(super) fn broken() -> Error {
    Error::new(
        Kind::BadData,
        "the server's answer is not a binary COPY of these columns",
    )
}
