//! XML as JSON: an element is an object of its attributes (`@name`) and its elements, or its text where it has nothing else. Elements of one
//! name beside each other are a list. Names are without their prefixes. What a document type defines is not filled in.

use super::Subject;
use crate::json::MAX_DEPTH;
use crate::json::path::Step;
use bytes::Bytes;
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use segue_core::{Error, Result};
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::io::{self, BufRead, BufReader, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// An element that is open.
struct Open {
    name: String,
    fields: Map<String, Value>,
    text: String,
}

/// The document as JSON. Elements of the names in `lists` are lists also where there is one of them.
///
/// # Errors
/// Where it was cut off; `BadData` for what is no XML.
pub fn to_json(bytes: &[u8], lists: &BTreeSet<String>, subject: &Subject) -> Result<Bytes> {
    let text = std::str::from_utf8(bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes));
    let text = text.map_err(|_| subject.not_of_its_form("is no XML in UTF-8"))?;
    if text.trim().is_empty() {
        return Err(subject.not_of_its_form("is empty, and no XML"));
    }
    let mut reader = Reader::from_reader(text.as_bytes());
    let mut walk = Walk::new(None, subject.clone());
    let mut buffer = Vec::new();
    let mut root = Map::new();
    loop {
        buffer.clear();
        let event = reader.read_event_into(&mut buffer);
        let event = event.map_err(|e| unreadable(subject, reader.error_position(), &e))?;
        match walk.take(event, lists)? {
            Went::On => {}
            Went::Ended(name, value) => drop(root.insert(name, value)),
            Went::Over => break,
        }
    }
    let text = serde_json::to_vec(&Value::Object(root)).map_err(|e| Error::bug("a tree is no JSON").caused_by(e))?;
    Ok(text.into())
}

fn unreadable(subject: &Subject, at: u64, e: &quick_xml::Error) -> Error {
    subject.not_of_its_form(format!("is no XML at byte {at}: {e}"))
}

/// The elements at the end of a way, one after the other: no more is held than one of them.
pub struct Elements<R> {
    reader: Reader<BufReader<Guarded<R>>>,
    walk: Walk,
    since: Arc<AtomicU64>,
    most: u64,
    is_over: bool,
}

impl<R: BufRead> Elements<R> {
    /// The elements of the last of these names, in those of the others. None is larger than `most`, in bytes.
    pub fn new(source: R, way: Vec<Step>, most: u64, subject: Subject) -> Elements<R> {
        let names = way.into_iter().filter_map(|step| match step {
            Step::Name(name) => Some(name),
            Step::Index(_) | Step::All => None,
        });
        let since = Arc::new(AtomicU64::new(0));
        let source = Guarded {
            source,
            since: since.clone(),
            most,
            is_first: true,
        };
        Elements {
            reader: Reader::from_reader(BufReader::with_capacity(AHEAD as usize, source)),
            walk: Walk::new(Some(names.collect()), subject),
            since,
            most,
            is_over: false,
        }
    }

    /// The next of them, of about so many bytes, as one list.
    ///
    /// # Errors
    /// As [`to_json`]; `BadData` for an element that is too large, and where the way to the elements is not there.
    pub fn next_part(&mut self, size: usize, lists: &BTreeSet<String>) -> Result<Option<Bytes>> {
        let mut part = Vec::new();
        let mut buffer = Vec::new();
        while !self.is_over && part.len() < size {
            buffer.clear();
            let event = self.reader.read_event_into(&mut buffer);
            let event = event.map_err(|e| self.broken(&e))?;
            match self.walk.take(event, lists)? {
                Went::On => {}
                Went::Ended(_, value) => {
                    part.push(if part.is_empty() { b'[' } else { b',' });
                    serde_json::to_writer(&mut part, &value)
                        .map_err(|e| Error::bug("a tree is no JSON").caused_by(e))?;
                }
                Went::Over => self.is_over = true,
            }
            // What stands between the elements is not held.
            if self.walk.inside.is_empty() {
                self.since.store(0, Ordering::Relaxed);
            }
        }
        if part.is_empty() {
            return Ok(None);
        }
        part.push(b']');
        Ok(Some(part.into()))
    }

    fn broken(&self, e: &quick_xml::Error) -> Error {
        let subject = &self.walk.subject;
        match e {
            quick_xml::Error::Io(_) if self.since.load(Ordering::Relaxed) > self.most + AHEAD => {
                let what = format!("an element of the {subject}");
                subject.too_much(what, self.most)
            }
            quick_xml::Error::Io(e) => {
                let kind = match super::unpack::limit_of(e) {
                    Some(most) => return subject.too_large(most),
                    None => e.kind(),
                };
                subject.failed(io::Error::new(kind, e.to_string()))
            }
            other => unreadable(subject, self.reader.error_position(), other),
        }
    }
}

/// The reader of XML reads ahead by less than this, in bytes.
const AHEAD: u64 = 64 << 10;

/// Reads no more of one element than may be held, and leaves out the mark that some programs put before the first byte.
struct Guarded<R> {
    source: R,
    /// What was read since the last element ended.
    since: Arc<AtomicU64>,
    most: u64,
    is_first: bool,
}

impl<R: BufRead> Read for Guarded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if std::mem::take(&mut self.is_first) && self.source.fill_buf()?.starts_with(b"\xEF\xBB\xBF") {
            self.source.consume(3);
        }
        let read = self.source.read(buffer)?;
        let before = self.since.fetch_add(read as u64, Ordering::Relaxed);
        match before > self.most + AHEAD {
            true => Err(io::Error::other("an element is too large")),
            false => Ok(read),
        }
    }
}

/// What an event led to.
enum Went {
    On,
    /// An element that was looked for ended: its name and what it is.
    Ended(String, Value),
    /// The document ended.
    Over,
}

/// Goes through a document.
struct Walk {
    /// The names on the way to the elements that are looked for, theirs the last; `None`: the root.
    way: Option<Vec<String>>,
    /// The open elements around them.
    around: Vec<String>,
    /// The open ones from one of them on.
    inside: Vec<Open>,
    /// How much of the way was met at the most.
    reached: usize,
    has_root: bool,
    subject: Subject,
}

impl Walk {
    fn new(way: Option<Vec<String>>, subject: Subject) -> Walk {
        Walk {
            way,
            around: Vec::new(),
            inside: Vec::new(),
            reached: 0,
            has_root: false,
            subject,
        }
    }

    fn take(&mut self, event: Event<'_>, lists: &BTreeSet<String>) -> Result<Went> {
        match event {
            Event::Start(start) => {
                self.begin(&start)?;
                Ok(Went::On)
            }
            Event::Empty(start) => {
                self.begin(&start)?;
                self.end(lists)
            }
            Event::End(_) => self.end(lists),
            Event::Text(words) => {
                let words = words.xml_content().map_err(|e| self.wrong(&e))?;
                match self.inside.last_mut() {
                    Some(element) => element.text.push_str(&words),
                    None if !self.around.is_empty() || words.trim().is_empty() => {}
                    None => return Err(self.wrong(&"there is text outside of its root")),
                }
                Ok(Went::On)
            }
            Event::CData(words) => {
                let words = words.xml_content().map_err(|e| self.wrong(&e))?;
                if let Some(element) = self.inside.last_mut() {
                    element.text.push_str(&words);
                }
                Ok(Went::On)
            }
            Event::GeneralRef(reference) => {
                let character = reference.resolve_char_ref().map_err(|e| self.wrong(&e))?;
                let name = reference.decode().map_err(|e| self.wrong(&e))?;
                let meant = match character {
                    Some(character) => character.to_string(),
                    None => match quick_xml::escape::resolve_xml_entity(&name) {
                        Some(text) => text.to_string(),
                        // What a document defines itself may be without end.
                        None => {
                            let what = format!("has the entity `&{name};`, which is not filled in");
                            return Err(self.subject.not_of_its_form(what));
                        }
                    },
                };
                if let Some(element) = self.inside.last_mut() {
                    element.text.push_str(&meant);
                }
                Ok(Went::On)
            }
            Event::Decl(_) | Event::Comment(_) | Event::PI(_) | Event::DocType(_) => Ok(Went::On),
            Event::Eof => self.over(),
        }
    }

    fn begin(&mut self, start: &BytesStart<'_>) -> Result<()> {
        let depth = self.around.len() + self.inside.len();
        if depth == 0 && std::mem::replace(&mut self.has_root, true) {
            return Err(self.subject.not_of_its_form("has two roots, and is no XML"));
        }
        if depth >= MAX_DEPTH {
            let what = format!("has more than {MAX_DEPTH} elements in each other");
            return Err(self.subject.not_of_its_form(what));
        }
        let name = String::from_utf8_lossy(start.local_name().as_ref()).into_owned();
        let is_wanted = match &self.way {
            None => true,
            Some(way) => {
                let is_on_way = way.get(depth) == Some(&name) && self.around == way[..depth];
                if is_on_way && self.inside.is_empty() {
                    self.reached = self.reached.max(depth + 1);
                }
                is_on_way && depth + 1 == way.len()
            }
        };
        match is_wanted || !self.inside.is_empty() {
            true => self.inside.push(begun(start, &self.subject)?),
            false => self.around.push(name),
        }
        Ok(())
    }

    fn end(&mut self, lists: &BTreeSet<String>) -> Result<Went> {
        let Some(ended) = self.inside.pop() else {
            return match self.around.pop() {
                Some(_) => Ok(Went::On),
                None => Err(self.wrong(&"an element ends that never began")),
            };
        };
        match self.inside.last_mut() {
            Some(around) => {
                close(ended, &mut around.fields, lists);
                Ok(Went::On)
            }
            None => {
                let mut alone = Map::new();
                let name = ended.name.clone();
                close(ended, &mut alone, &BTreeSet::new());
                let value = alone.remove(&name).unwrap_or_default();
                Ok(match &self.way {
                    // A root that is to be a list is one.
                    None if lists.contains(&name) => Went::Ended(name, Value::Array(vec![value])),
                    _ => Went::Ended(name, value),
                })
            }
        }
    }

    fn over(&self) -> Result<Went> {
        if !self.around.is_empty() || !self.inside.is_empty() {
            return Err(self.subject.cut_off(""));
        }
        match (self.has_root, &self.subject) {
            (false, Subject::Answer) => return Err(self.subject.cut_off("")),
            (false, Subject::File(_)) => return Err(self.subject.not_of_its_form("is empty, and no XML")),
            (true, _) => {}
        }
        if let Some(way) = &self.way
            && self.reached + 1 < way.len()
        {
            let lacks = way[..=self.reached].join("/");
            return Err(self.subject.no_records(format!("has no element `{lacks}`")));
        }
        Ok(Went::Over)
    }

    fn wrong(&self, why: &dyn std::fmt::Display) -> Error {
        self.subject.not_of_its_form(format!("is no XML: {why}"))
    }
}

fn begun(start: &BytesStart<'_>, subject: &Subject) -> Result<Open> {
    let wrong = |why: String| subject.not_of_its_form(format!("is no XML: {why}"));
    let mut fields = Map::new();
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|e| wrong(e.to_string()))?;
        let name = String::from_utf8_lossy(attribute.key.local_name().as_ref()).into_owned();
        // What prefixes stand for is of no use without them.
        if attribute.key.as_ref() == b"xmlns" || attribute.key.as_ref().starts_with(b"xmlns:") {
            continue;
        }
        let value = attribute.unescape_value().map_err(|e| wrong(e.to_string()))?;
        fields.insert(format!("@{name}"), Value::String(value.into_owned()));
    }
    Ok(Open {
        name: String::from_utf8_lossy(start.local_name().as_ref()).into_owned(),
        fields,
        text: String::new(),
    })
}

/// Puts an element into the one around it.
fn close(element: Open, into: &mut Map<String, Value>, lists: &BTreeSet<String>) {
    let Open { name, mut fields, text } = element;
    let text = text.trim();
    let value = match (fields.is_empty(), text.is_empty()) {
        (true, true) => Value::Null,
        (true, false) => Value::String(text.to_string()),
        (false, true) => Value::Object(fields),
        (false, false) => {
            fields.insert("#text".into(), Value::String(text.to_string()));
            Value::Object(fields)
        }
    };
    match into.get_mut(&name) {
        Some(Value::Array(items)) => items.push(value),
        Some(other) => {
            let first = other.take();
            *other = Value::Array(vec![first, value]);
        }
        None if lists.contains(&name) => drop(into.insert(name, Value::Array(vec![value]))),
        None => drop(into.insert(name, value)),
    }
}
