//! What records are written in: whatever it is becomes JSON, part by part, so that one way leads on to rows. Answers of web APIs and files
//! are read by the same code.
//!
//! What is packed tells so itself by its first bytes: a server's headers are not asked, nor a file's name. A part is complete and bounded: a
//! small answer is one, and of a large one each has some of its records.

mod lines;
pub mod scan;
mod split;
mod subject;
mod table;
pub mod unpack;
mod xml;

use crate::http::spool::{SpoolReader, Spooled};
use crate::json::path::Step;
use bytes::Bytes;
use lines::Lines;
pub use lines::Told;
use segue_core::Result;
use split::Split;
use std::collections::{BTreeSet, VecDeque};
use std::io::{Cursor, Read};
use std::sync::Arc;
pub use subject::Subject;
use table::Table;
use unpack::{Archive, Member};

/// About so large is a part of a large answer, in bytes.
const PART: usize = 1 << 20;

/// A way in which records are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One JSON value.
    Json,
    /// A JSON value a line.
    JsonLines,
    /// A table, whose rows are objects of texts.
    Csv,
    /// XML, whose values are texts.
    Xml,
}

/// How records are read.
#[derive(Debug)]
pub struct Form {
    /// What they are written in.
    pub format: Format,
    /// What stands between the fields of a table.
    pub delimiter: u8,
    /// Whether the first line of a table names its columns.
    pub has_header: bool,
    /// Elements of XML that are a list also where there is one of them.
    pub lists: BTreeSet<String>,
    /// Which files of a zip are read.
    pub member: Option<glob::Pattern>,
    /// The way to the list of records, where it is read part by part: each part has some of them. Of XML, the way to the elements, which
    /// come as a list then.
    pub split: Option<Vec<Step>>,
    /// The most that a large answer may have, packed or not, in bytes.
    pub max_size: u64,
}

/// An answer as it came.
pub enum Came {
    /// In memory.
    Here(Bytes),
    /// On disk.
    OnDisk(Arc<Spooled>),
}

impl Form {
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
        let subject = Subject::Answer;
        let members = match came {
            Came::Here(body) if self.format == Format::Json && !unpack::is_packed(&body) => {
                return Ok(Parts {
                    form: self.clone(),
                    subject,
                    members: VecDeque::new(),
                    current: None,
                    ahead: Some(Part {
                        bytes: body,
                        told: Told::default(),
                    }),
                    most,
                });
            }
            Came::Here(body) => Archive::of(Cursor::new(body), self.member.as_ref(), most, &subject)?.members()?,
            Came::OnDisk(file) => {
                Archive::of(SpoolReader::new(file), self.member.as_ref(), self.max_size, &subject)?.members()?
            }
        };
        let mut parts = self.parts_of(members, most, subject)?;
        if parts.ahead.is_none() {
            // Nothing is a list of none where an answer is a list; an empty text is told from it by who reads it.
            let bytes = match self.format {
                Format::JsonLines => Bytes::from_static(b"[]"),
                _ => Bytes::new(),
            };
            let told = Told::default();
            parts.ahead = Some(Part { bytes, told });
        }
        Ok(parts)
    }

    /// The parts of what these hand out, one after the other; none where there is nothing. `most`: what a part may have.
    ///
    /// # Errors
    /// For what cannot be read as what it is said to be.
    pub fn parts_of(self: &Arc<Form>, members: Vec<Member>, most: u64, subject: Subject) -> Result<Parts> {
        let mut parts = Parts {
            form: self.clone(),
            subject,
            members: members.into(),
            current: None,
            ahead: None,
            most,
        };
        parts.ahead = parts.read()?;
        Ok(parts)
    }
}

/// Some of the records, as JSON.
#[derive(Debug)]
pub struct Part {
    /// The text.
    pub bytes: Bytes,
    /// Of JSON lines, what is known of them.
    pub told: Told,
}

/// The parts of one answer, as they are read.
pub struct Parts {
    form: Arc<Form>,
    subject: Subject,
    members: VecDeque<Member>,
    current: Option<Current>,
    ahead: Option<Part>,
    most: u64,
}

enum Current {
    Whole(Member),
    Split(Split<Member>),
    Lines(Lines<Member>),
    Table(Box<Table<Member>>),
    Xml(Member),
    Elements(Box<xml::Elements<Member>>),
}

impl Parts {
    /// The next part, and whether it is the last.
    ///
    /// # Errors
    /// As [`Form::parts`], and for what cannot be read as what it is said to be.
    pub fn next_part(&mut self) -> Result<Option<(Part, bool)>> {
        let Some(part) = self.ahead.take() else {
            return Ok(None);
        };
        self.ahead = self.read()?;
        Ok(Some((part, self.ahead.is_none())))
    }

    fn read(&mut self) -> Result<Option<Part>> {
        loop {
            let mut told = Told::default();
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
                    Some(xml::to_json(&text, &self.form.lists, &self.subject)?)
                }
                Some(Current::Split(mut split)) => {
                    let part = split.next_part(PART, self.most)?;
                    self.current = part.is_some().then_some(Current::Split(split));
                    part
                }
                Some(Current::Lines(mut lines)) => {
                    let part = lines.next_part(self.size(), self.most, &mut told)?;
                    self.current = part.is_some().then_some(Current::Lines(lines));
                    part
                }
                Some(Current::Table(mut table)) => {
                    let part = table.next_part(self.size())?;
                    self.current = part.is_some().then_some(Current::Table(table));
                    part
                }
                Some(Current::Elements(mut elements)) => {
                    let part = elements.next_part(PART, &self.form.lists)?;
                    self.current = part.is_some().then_some(Current::Elements(elements));
                    part
                }
            };
            if let Some(bytes) = part {
                return Ok(Some(Part { bytes, told }));
            }
        }
    }

    fn begin(&self, member: Member) -> Result<Current> {
        let subject = self.subject.clone();
        Ok(match (self.form.format, &self.form.split) {
            (Format::Json, Some(way)) => Current::Split(Split::new(member, way.clone(), subject)),
            (Format::Json, None) => Current::Whole(member),
            (Format::JsonLines, _) => Current::Lines(Lines::new(member, subject)),
            (Format::Csv, _) => Current::Table(Box::new(Table::new(
                member,
                self.form.delimiter,
                self.form.has_header,
                self.most,
                subject,
            )?)),
            (Format::Xml, None) => Current::Xml(member),
            (Format::Xml, Some(way)) => {
                Current::Elements(Box::new(xml::Elements::new(member, way.clone(), self.most, subject)))
            }
        })
    }

    /// How large a part gets: all of an answer in memory.
    fn size(&self) -> usize {
        match self.form.split {
            Some(_) => PART,
            None => usize::MAX,
        }
    }

    fn whole(&self, member: Member) -> Result<Bytes> {
        let mut bytes = Vec::new();
        // What is unpacked is bounded already; this bounds what is not packed.
        let mut member = member.take(self.most.saturating_add(1));
        member.read_to_end(&mut bytes).map_err(|e| self.subject.failed(e))?;
        match bytes.len() as u64 > self.most {
            true => Err(self.subject.too_much(format!("the {}", self.subject), self.most)),
            false => Ok(bytes.into()),
        }
    }
}

#[cfg(test)]
pub mod tests;
