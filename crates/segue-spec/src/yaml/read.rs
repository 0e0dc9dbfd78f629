//! From the parser's events to the tree.

use super::{Entry, MAX_ALIASED_NODES, MAX_DEPTH, Node, Places, Scalar, Value, scalar};
use saphyr_parser::{Event, Parser, ScalarStyle, ScanError};
use segue_diag::{
    Diagnostic, Span, YAML_DOCUMENTS, YAML_DUPLICATE_KEY, YAML_FEATURE, YAML_LIMIT, YAML_SYNTAX, YAML_TAB,
};
use serde_json::Value as Json;
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::ops::Range;

/// A file's tree.
#[derive(Debug)]
pub struct Parsed {
    /// The tree; `None` when nothing could be read.
    pub root: Option<Node>,
    /// Whether reading stopped before the end, so that `root` may lack what follows.
    pub broken: bool,
}

/// Reads a file of one document. Mistakes are added to `found`.
pub fn parse(file: &str, text: &str, found: &mut Vec<Diagnostic>) -> Parsed {
    let mut builder = Builder::new(file, text, found);
    let broken = builder.run().is_err();
    let root = builder.finish();
    if root.is_none() && !broken {
        let span = Span {
            file: file.to_string(),
            bytes: 0..0,
        };
        found.push(Diagnostic::error(
            YAML_DOCUMENTS,
            Some(span),
            format!("{file} is empty"),
        ));
    }
    Parsed { root, broken }
}

/// Reads the YAML that stands in these bytes of a file of another language. Places are those of the whole file.
pub fn parse_part(file: &str, text: &str, part: Range<usize>, found: &mut Vec<Diagnostic>) -> Parsed {
    // What stands before becomes blank, so that every byte and every column stays where it is.
    let blank = |b: u8| if b == b'\n' || b == b'\r' { b as char } else { ' ' };
    let mut shifted: String = text.as_bytes()[..part.start].iter().map(|b| blank(*b)).collect();
    shifted.push_str(&text[part.clone()]);
    let before = found.len();
    let parsed = parse(file, &shifted, found);
    let syntax = found[before..].iter().position(|d| d.code == YAML_SYNTAX);
    if let Some(mistake) = syntax.and_then(|_| misplaced(file, &shifted, part)) {
        found.truncate(before);
        found.push(mistake);
    }
    parsed
}

/// Why a header cannot be read, where its lines do not stand below each other: YAML's own words do not say it.
fn misplaced(file: &str, text: &str, part: Range<usize>) -> Option<Diagnostic> {
    let mut first: Option<usize> = None;
    let mut start = text[..part.start].rfind('\n').map_or(0, |n| n + 1);
    for line in text[start..part.end].split_inclusive('\n') {
        let content = line.trim_start();
        let indent = line.len() - content.len();
        let at = |bytes: Range<usize>| Span {
            file: file.to_string(),
            bytes,
        };
        if let Some(tab) = line[..indent].find('\t') {
            let hint = "write spaces; most editors can turn tabs into spaces";
            let place = at(start + tab..start + tab + 1);
            return Some(Diagnostic::error(YAML_TAB, Some(place), TAB).hint(hint));
        }
        let is_key = !content.is_empty() && !content.starts_with('#');
        match first {
            None if is_key => first = Some(indent),
            Some(first) if is_key && indent < first => {
                let word = content.find([':', ' ', '\n', '\r']).unwrap_or(content.len());
                let place = at(start + indent..start + indent + word);
                let message = "this line of the header stands further left than its first key";
                let hint = format!("begin it with {first} spaces: the keys of a header stand below each other");
                return Some(Diagnostic::error(YAML_SYNTAX, Some(place), message).hint(hint));
            }
            _ => {}
        }
        start += line.len();
    }
    None
}

const TAB: &str = "a tab stands where YAML wants spaces";

/// Reading stopped; why is among the diagnostics.
struct Stopped;

struct Builder<'a, 'd> {
    file: &'a str,
    text: &'a str,
    found: &'d mut Vec<Diagnostic>,
    offsets: Offsets<'a>,
    open: Vec<Open>,
    root: Option<Node>,
    anchors: HashMap<usize, Node>,
    aliased: usize,
}

/// A collection that is not closed yet.
struct Open {
    start: usize,
    anchor: usize,
    /// A key that waits for its value.
    key: Option<Entry>,
    /// The keys of a mapping with many of them.
    keys: HashSet<String>,
    value: Value,
}

impl<'a, 'd> Builder<'a, 'd> {
    fn new(file: &'a str, text: &'a str, found: &'d mut Vec<Diagnostic>) -> Builder<'a, 'd> {
        let offsets = Offsets {
            text,
            ascii: text.is_ascii(),
            chars: 0,
            bytes: 0,
        };
        Builder {
            file,
            text,
            found,
            offsets,
            open: Vec::new(),
            root: None,
            anchors: HashMap::new(),
            aliased: 0,
        }
    }

    fn run(&mut self) -> Result<(), Stopped> {
        for event in Parser::new_from_str(self.text) {
            let (event, span) = event.map_err(|error| self.syntax(&error))?;
            let start = self.offsets.byte(span.start.index());
            let bytes = start..self.offsets.byte(span.end.index()).max(start);
            match event {
                Event::DocumentStart(_) if self.root.is_some() => {
                    let message = format!("{} holds more than one document", self.file);
                    self.report(YAML_DOCUMENTS, bytes, message, "write each into a file of its own");
                    return Err(Stopped);
                }
                Event::Scalar(text, style, anchor, tag) => {
                    // The parser counts the space after a quoted text to it.
                    let written = self.text.get(bytes.clone()).unwrap_or("");
                    let bytes = start..start + written.trim_end().len();
                    self.refuse_tag(tag.is_some(), &bytes);
                    // `!!str 10` is text, whatever it looks like.
                    let text_by_tag = tag.is_some_and(|t| t.suffix == "str");
                    let style = if text_by_tag { ScalarStyle::DoubleQuoted } else { style };
                    let node = self.scalar(text, style, bytes);
                    self.add(node, anchor)?;
                }
                Event::SequenceStart(anchor, tag) => {
                    self.refuse_tag(tag.is_some(), &bytes);
                    self.begin(Value::List(Vec::new()), anchor, bytes)?;
                }
                Event::MappingStart(anchor, tag) => {
                    self.refuse_tag(tag.is_some(), &bytes);
                    self.begin(Value::Mapping(Vec::new()), anchor, bytes)?;
                }
                Event::SequenceEnd | Event::MappingEnd => self.end((bytes.start + 1).min(self.text.len()))?,
                Event::Alias(anchor) => self.alias(anchor, bytes)?,
                _ => {}
            }
        }
        Ok(())
    }

    /// Closes what is open and hands the tree over.
    fn finish(mut self) -> Option<Node> {
        let end = self.text.len();
        while !self.open.is_empty() {
            if self.end(end).is_err() {
                break;
            }
        }
        self.root
    }

    fn report(&mut self, code: segue_diag::Code, bytes: Range<usize>, message: impl Into<String>, hint: &str) {
        let span = Span {
            file: self.file.to_string(),
            bytes,
        };
        self.found.push(Diagnostic::error(code, Some(span), message).hint(hint));
    }

    fn syntax(&mut self, error: &ScanError) -> Stopped {
        let at = self.offsets.byte(error.marker().index());
        if error.info().contains("recursion") {
            let at = at.min(self.text.len());
            let message = format!("lists and mappings stand in each other more than {MAX_DEPTH} deep");
            self.report(YAML_LIMIT, at..at, message, "no file of a project needs that");
            return Stopped;
        }
        match tab_near(self.text, at) {
            Some(tab) => {
                let hint = "write spaces; most editors can turn tabs into spaces";
                self.report(YAML_TAB, tab..tab + 1, TAB, hint);
            }
            None => {
                let at = at.min(self.text.len());
                let next = self.text[at..]
                    .chars()
                    .next()
                    .filter(|c| *c != '\n')
                    .map_or(0, char::len_utf8);
                let hint = "YAML could not be read any further; what follows in this file has not been looked at";
                self.report(
                    YAML_SYNTAX,
                    at..at + next,
                    format!("this is not YAML: {}", error.info()),
                    hint,
                );
            }
        }
        Stopped
    }

    fn refuse_tag(&mut self, tagged: bool, bytes: &Range<usize>) {
        if tagged {
            self.report(
                YAML_FEATURE,
                bytes.clone(),
                "a YAML tag (`!…`) means nothing here",
                "leave the tag out",
            );
        }
    }

    fn scalar(&mut self, text: Cow<'_, str>, style: ScalarStyle, bytes: Range<usize>) -> Node {
        let json = match style {
            ScalarStyle::Plain => scalar::plain(&text),
            _ => Ok(Json::String(text.to_string())),
        };
        let json = json.unwrap_or_else(|why| {
            self.report(
                YAML_FEATURE,
                bytes.clone(),
                format!("the number {text}: {why}"),
                "quote it if it is text",
            );
            Json::String(text.to_string())
        });
        let places = self.places(&text, style, &bytes);
        let text = text.into_owned();
        Node {
            bytes,
            value: Value::Scalar(Scalar { text, json, places }),
        }
    }

    /// Where each part of a text stands: found by its letters, since folding and indenting change white space only.
    fn places(&self, text: &str, style: ScalarStyle, bytes: &Range<usize>) -> Places {
        let quote = usize::from(matches!(style, ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted));
        let start = bytes.start + quote;
        if self.text.get(start..start + text.len()) == Some(text) {
            return Places::From(start);
        }
        let Some(written) = self.text.get(start..bytes.end.saturating_sub(quote)) else {
            return Places::Unknown;
        };
        let mut places = vec![start; text.len() + 1];
        let mut letters = written.char_indices().filter(|(_, c)| !c.is_whitespace());
        let mut next = start;
        for (at, c) in text.char_indices() {
            let length = c.len_utf8();
            if !c.is_whitespace() {
                match letters.next() {
                    Some((found, same)) if same == c => next = start + found,
                    _ => return Places::Unknown,
                }
            }
            (0..length).for_each(|i| places[at + i] = next + i);
            next += length;
        }
        places[text.len()] = next;
        if letters.next().is_some() {
            Places::Unknown
        } else {
            Places::Each(places.into())
        }
    }

    fn begin(&mut self, value: Value, anchor: usize, bytes: Range<usize>) -> Result<(), Stopped> {
        if self.open.len() >= MAX_DEPTH {
            let message = format!("lists and mappings stand in each other more than {MAX_DEPTH} deep");
            self.report(YAML_LIMIT, bytes, message, "no file of a project needs that");
            return Err(Stopped);
        }
        self.open.push(Open {
            start: after_anchor(self.text, bytes.start),
            anchor,
            key: None,
            keys: HashSet::new(),
            value,
        });
        Ok(())
    }

    fn end(&mut self, end: usize) -> Result<(), Stopped> {
        let Some(mut open) = self.open.pop() else { return Ok(()) };
        if let (Some(entry), Value::Mapping(entries)) = (open.key.take(), &mut open.value) {
            entries.push(entry);
        }
        // The end of a block is seen at the next thing after it: cut back to the last thing in it.
        let last = match &open.value {
            Value::List(items) => items.last().map(|n| n.bytes.end),
            Value::Mapping(entries) => entries.last().map(|e| e.value.bytes.end.max(e.bytes.end)),
            Value::Scalar(_) => None,
        };
        let flow = self
            .text
            .as_bytes()
            .get(open.start)
            .is_some_and(|b| matches!(b, b'[' | b'{'));
        let end = if flow { end } else { last.unwrap_or(end) };
        self.add(
            Node {
                bytes: open.start..end.max(open.start),
                value: open.value,
            },
            open.anchor,
        )
    }

    fn alias(&mut self, anchor: usize, bytes: Range<usize>) -> Result<(), Stopped> {
        let Some(node) = self.anchors.get(&anchor) else {
            self.report(
                YAML_LIMIT,
                bytes,
                "this alias stands inside what it stands for",
                "write it out",
            );
            return Err(Stopped);
        };
        let (size, depth) = extent(node);
        self.aliased += size;
        if self.aliased > MAX_ALIASED_NODES || self.open.len() + depth > MAX_DEPTH {
            let message =
                format!("the aliases of this file stand for more than {MAX_ALIASED_NODES} values, or too deep ones");
            self.report(YAML_LIMIT, bytes, message, "write less, or split the file");
            return Err(Stopped);
        }
        let node = node.clone();
        self.add(node, 0)
    }

    fn add(&mut self, node: Node, anchor: usize) -> Result<(), Stopped> {
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        let entries = match &mut open.value {
            Value::List(items) => {
                items.push(node);
                return Ok(());
            }
            Value::Mapping(entries) => entries,
            Value::Scalar(_) => return Ok(()),
        };
        match open.key.take() {
            None => {
                let Value::Scalar(key) = node.value else {
                    self.report(
                        YAML_FEATURE,
                        node.bytes,
                        "a key is not plain text",
                        "write a word before the `:`",
                    );
                    return Err(Stopped);
                };
                let nothing = Value::Scalar(Scalar {
                    text: String::new(),
                    json: Json::Null,
                    places: Places::Unknown,
                });
                let value = Node {
                    bytes: node.bytes.end..node.bytes.end,
                    value: nothing,
                };
                open.key = Some(Entry {
                    key: key.text,
                    bytes: node.bytes,
                    value,
                });
            }
            Some(entry) if is_taken(&entry.key, entries, &mut open.keys) => {
                let first = entries
                    .iter()
                    .find(|e| e.key == entry.key)
                    .map(|e| e.bytes.clone())
                    .unwrap_or_default();
                let span = |bytes| Span {
                    file: self.file.to_string(),
                    bytes,
                };
                let message = format!("the key `{}` stands here twice", entry.key);
                let twice = Diagnostic::error(YAML_DUPLICATE_KEY, Some(span(entry.bytes)), message)
                    .related(span(first), "first written here")
                    .hint("keep one of them");
                self.found.push(twice);
            }
            Some(entry) => entries.push(Entry { value: node, ..entry }),
        }
        Ok(())
    }
}

/// Mappings of up to so many keys are looked through; of larger ones the keys are kept beside.
const FEW_KEYS: usize = 32;

/// Whether a mapping has this key; from now on it does.
fn is_taken(key: &str, entries: &[Entry], keys: &mut HashSet<String>) -> bool {
    if entries.len() < FEW_KEYS {
        return entries.iter().any(|e| e.key == key);
    }
    if keys.is_empty() {
        keys.extend(entries.iter().map(|e| e.key.clone()));
    }
    !keys.insert(key.to_string())
}

/// How many nodes it has, and how deep they stand.
fn extent(node: &Node) -> (usize, usize) {
    let children: Vec<&Node> = match &node.value {
        Value::Scalar(_) => return (1, 0),
        Value::List(items) => items.iter().collect(),
        Value::Mapping(entries) => entries.iter().map(|e| &e.value).collect(),
    };
    let sums = children.into_iter().map(extent);
    let (size, depth) = sums.fold((1, 0), |(size, depth), (s, d)| (size + s, depth.max(d)));
    (size, depth + 1)
}

/// The byte at which a collection itself begins: after its anchor.
fn after_anchor(text: &str, start: usize) -> usize {
    match text[start..].strip_prefix('&') {
        Some(rest) => match rest.find(char::is_whitespace) {
            Some(space) => text.len() - rest[space..].trim_start().len(),
            None => start,
        },
        None => start,
    }
}

/// A tab in the white space at the beginning of the line at `at`, or of the line before: the cause of most broken files.
fn tab_near(text: &str, at: usize) -> Option<usize> {
    let mut end = text[..at.min(text.len())].len();
    for _ in 0..2 {
        let start = text[..end].rfind('\n').map_or(0, |n| n + 1);
        let line = text[start..].lines().next().unwrap_or("");
        let indent = line.len() - line.trim_start().len();
        if let Some(tab) = line[..indent].find('\t') {
            return Some(start + tab);
        }
        end = start.checked_sub(1)?;
    }
    None
}

/// From the parser's characters to bytes; nearly always asked in rising order.
struct Offsets<'a> {
    text: &'a str,
    ascii: bool,
    chars: usize,
    bytes: usize,
}

impl Offsets<'_> {
    fn byte(&mut self, chars: usize) -> usize {
        if self.ascii {
            return chars.min(self.text.len());
        }
        if chars < self.chars {
            (self.chars, self.bytes) = (0, 0);
        }
        let rest = &self.text[self.bytes..];
        let wanted = chars - self.chars;
        let step = rest.char_indices().nth(wanted).map_or(rest.len(), |(at, _)| at);
        (self.chars, self.bytes) = (chars, self.bytes + step);
        self.bytes
    }
}
