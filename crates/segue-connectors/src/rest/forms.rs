//! What answers are written in: whatever it is becomes JSON, part by part, so that one way leads on to rows.
//!
//! What is packed tells so itself by its first bytes: a server's headers are not asked. A part is an answer of its own, complete and bounded:
//! a small answer is one, and of a large one each has some of its records.

mod lines;
mod split;
mod unpack;
mod xml;

use super::copy::{Decoder, DecoderSettings, Format};
use crate::http::spool::{SpoolReader, Spooled};
use crate::json::Path;
use crate::json::path::Step;
use bytes::Bytes;
use lines::{Lines, Table};
use segue_core::{Error, Kind, Result};
use split::Split;
use std::collections::{BTreeSet, VecDeque};
use std::io::{Cursor, Read};
use std::sync::Arc;
use unpack::Member;

/// About so large is a part of a large answer, in bytes.
const PART: usize = 1 << 20;

/// How answers are read.
#[derive(Debug)]
pub struct Form {
    format: Format,
    delimiter: u8,
    has_header: bool,
    lists: BTreeSet<String>,
    member: Option<glob::Pattern>,
    /// The way to the records, where a large answer is read part by part.
    split: Option<Vec<Step>>,
    /// The most that a large answer may have, packed or not, in bytes.
    max_size: u64,
}

/// An answer as it came.
pub enum Came {
    /// In memory.
    Here(Bytes),
    /// On disk.
    OnDisk(Arc<Spooled>),
}

impl Form {
    /// Reads it. `plain`: the records' path, if it is a plain one.
    ///
    /// # Errors
    /// `Invalid` for what does not go together.
    pub fn new(decoder: Option<&Decoder>, records: &Path, has_parents: bool) -> Result<Form> {
        let settings = match decoder {
            None => DecoderSettings::default(),
            Some(Decoder::Format(format)) => DecoderSettings {
                format: *format,
                ..DecoderSettings::default()
            },
            Some(Decoder::Full(settings)) => settings.clone(),
        };
        let invalid = |what: &str, hint: &str| Err(Error::new(Kind::Invalid, what).hint(hint));
        let delimiter = match settings.delimiter.as_bytes() {
            [one] => *one,
            _ => {
                return invalid(
                    "`decoder.delimiter` is not one character of ASCII",
                    "write `;`, or \"\\t\" for a tabulator",
                );
            }
        };
        let steps = records.steps().unwrap_or_default();
        let split = match (settings.stream, settings.format) {
            (false, _) => None,
            (true, Format::Xml) => {
                return invalid(
                    "`decoder.stream` does not go with `format: xml`",
                    "raise the connection's max_body",
                );
            }
            (true, Format::Json) => {
                let is_plain = matches!(steps.split_last(), Some((Step::All, way)) if way.iter().all(|s| matches!(s, Step::Name(_))));
                if !is_plain || has_parents {
                    return invalid(
                        "`decoder.stream` wants records in one list, without `parent`",
                        "write a path of names with one `[*]` at its end: `$.data.items[*]`",
                    );
                }
                Some(steps[..steps.len() - 1].to_vec())
            }
            (true, Format::JsonLines | Format::Csv) => Some(Vec::new()),
        };
        let member = settings.member.as_deref().map(glob::Pattern::new).transpose();
        Ok(Form {
            format: settings.format,
            delimiter,
            has_header: settings.header,
            lists: settings.lists.into_iter().collect(),
            member: member.map_err(|e| Error::new(Kind::Invalid, "`decoder.member` cannot be read").caused_by(e))?,
            split,
            max_size: settings.max_size.bytes(),
        })
    }

    /// Whether values are texts, which become what their columns are.
    pub fn is_text(&self) -> bool {
        matches!(self.format, Format::Csv | Format::Xml)
    }

    /// The most that an answer may have where it is read from disk; `None`: it is read in memory.
    pub fn on_disk(&self) -> Option<u64> {
        self.split.is_some().then_some(self.max_size)
    }

    /// Whether an answer may have several parts.
    pub fn has_parts(&self) -> bool {
        self.split.is_some() || self.member.is_some()
    }

    /// What a kind of answer is called.
    pub fn accept(&self) -> Option<&'static str> {
        match self.format {
            Format::Json => None,
            Format::JsonLines => Some("application/x-ndjson, application/jsonl, */*;q=0.5"),
            Format::Csv => Some("text/csv, */*;q=0.5"),
            Format::Xml => Some("application/xml, text/xml, */*;q=0.5"),
        }
    }

    /// The parts of an answer. `most`: what a part may have, and all of an answer in memory.
    ///
    /// # Errors
    /// `Unavailable` where it was cut off; `BadData` where it is packed in a way that cannot be read.
    pub fn parts(self: &Arc<Form>, came: Came, most: u64) -> Result<Parts> {
        let members = match came {
            Came::Here(body) if self.format == Format::Json && !unpack::is_packed(&body) => {
                return Ok(Parts {
                    form: self.clone(),
                    members: VecDeque::new(),
                    current: None,
                    ahead: Some(body),
                    most,
                });
            }
            Came::Here(body) => unpack::members(Cursor::new(body), self.member.as_ref(), most)?,
            Came::OnDisk(file) => unpack::members(SpoolReader::new(file), self.member.as_ref(), self.max_size)?,
        };
        let mut parts = Parts {
            form: self.clone(),
            members: members.into(),
            current: None,
            ahead: None,
            most,
        };
        parts.ahead = Some(match parts.read()? {
            Some(first) => first,
            // Nothing is a list of none where an answer is a list; an empty text is told from it by who reads it.
            None if self.format == Format::JsonLines => Bytes::from_static(b"[]"),
            None => Bytes::new(),
        });
        Ok(parts)
    }
}

/// The parts of one answer, as they are read.
pub struct Parts {
    form: Arc<Form>,
    members: VecDeque<Member>,
    current: Option<Current>,
    ahead: Option<Bytes>,
    most: u64,
}

enum Current {
    Whole(Member),
    Split(Split<Member>),
    Lines(Lines<Member>),
    Table(Box<Table<Member>>),
    Xml(Member),
}

impl Parts {
    /// The next part, and whether it is the last.
    ///
    /// # Errors
    /// As [`Form::parts`], and for what cannot be read as what it is said to be.
    pub fn next_part(&mut self) -> Result<Option<(Bytes, bool)>> {
        let Some(part) = self.ahead.take() else {
            return Ok(None);
        };
        self.ahead = self.read()?;
        Ok(Some((part, self.ahead.is_none())))
    }

    fn read(&mut self) -> Result<Option<Bytes>> {
        loop {
            let part = match self.current.take() {
                None => {
                    let Some(member) = self.members.pop_front() else {
                        return Ok(None);
                    };
                    self.current = Some(self.begin(member)?);
                    continue;
                }
                Some(Current::Whole(member)) => Some(self.whole(member)?),
                Some(Current::Xml(member)) => {
                    let text = self.whole(member)?;
                    Some(xml::to_json(&text, &self.form.lists)?)
                }
                Some(Current::Split(mut split)) => {
                    let part = split.next_part(PART, self.most)?;
                    self.current = part.is_some().then_some(Current::Split(split));
                    part
                }
                Some(Current::Lines(mut lines)) => {
                    let part = lines.next_part(self.size(), self.most)?;
                    self.current = part.is_some().then_some(Current::Lines(lines));
                    part
                }
                Some(Current::Table(mut table)) => {
                    let part = table.next_part(self.size())?;
                    self.current = part.is_some().then_some(Current::Table(table));
                    part
                }
            };
            if part.is_some() {
                return Ok(part);
            }
        }
    }

    fn begin(&self, member: Member) -> Result<Current> {
        Ok(match (self.form.format, &self.form.split) {
            (Format::Json, Some(way)) => Current::Split(Split::new(member, way.clone())),
            (Format::Json, None) => Current::Whole(member),
            (Format::JsonLines, _) => Current::Lines(Lines::new(member)),
            (Format::Csv, _) => Current::Table(Box::new(Table::new(
                member,
                self.form.delimiter,
                self.form.has_header,
                self.most,
            )?)),
            (Format::Xml, _) => Current::Xml(member),
        })
    }

    /// How large a part gets: all of an answer in memory.
    fn size(&self) -> usize {
        match self.form.split {
            Some(_) => PART,
            None => usize::MAX,
        }
    }

    fn whole(&self, mut member: Member) -> Result<Bytes> {
        let mut bytes = Vec::new();
        member.read_to_end(&mut bytes).map_err(unpack::failed)?;
        Ok(bytes.into())
    }
}

/// An answer that is not what it is said to be.
pub(super) fn not_of_its_form(what: impl Into<String>) -> Error {
    Error::new(Kind::BadData, what)
        .code(segue_diag::REST_FORM)
        .hint("look at `decoder`, and at what the server answers")
}

/// More than is read at once.
pub(super) fn too_much(what: &str, most: u64) -> Error {
    Error::new(Kind::BadData, format!("{what} is larger than is read at once"))
        .code(segue_diag::REST_UNPACK)
        .with("max_body", format!("{most} bytes"))
        .hint("raise the connection's max_body, or ask for less")
}

#[cfg(test)]
pub(super) mod tests;
