//! YAML as a tree in which every node knows its bytes.
//!
//! One document a file, YAML 1.2 core typing, no tags. Duplicate keys, tabs, depth and the expansion of aliases are
//! looked at here; what is broken becomes diagnostics, and what could be read before the break is still handed on.

mod read;
mod scalar;

pub use read::{Parsed, parse, parse_part};

use segue_diag::Span;
use serde_json::{Map, Value as Json};
use std::ops::Range;

/// How deep collections may stand in each other.
pub const MAX_DEPTH: usize = 64;

/// How many nodes the aliases of one file may stand for.
pub const MAX_ALIASED_NODES: usize = 10_000;

/// A node of the tree.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Its bytes in the file, quotes included; empty where nothing is written.
    pub bytes: Range<usize>,
    /// What it is.
    pub value: Value,
}

/// What a node is.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A plain value.
    Scalar(Scalar),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping in the order in which it is written. No key twice: the first one stays.
    Mapping(Vec<Entry>),
}

/// A plain value: its text, and what YAML 1.2's core schema makes of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Scalar {
    /// The text, quotes and escapes resolved.
    pub text: String,
    /// Null, a boolean, a number or text.
    pub json: Json,
    /// Where its parts stand in the file.
    pub places: Places,
}

/// Where the parts of a text stand in the file.
#[derive(Clone, Debug, PartialEq)]
pub enum Places {
    /// Letter for letter from this byte on.
    From(usize),
    /// Each byte of the text has its own place, the end one more: folded and indented texts.
    Each(Box<[usize]>),
    /// Somewhere in the node: texts with escapes.
    Unknown,
}

/// A key with its value.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// The key's bytes.
    pub bytes: Range<usize>,
    /// The value.
    pub value: Node,
}

impl Node {
    /// The entries, if it is a mapping; otherwise none.
    pub fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Mapping(entries) => entries,
            _ => &[],
        }
    }

    /// The items, if it is a sequence; otherwise none.
    pub fn items(&self) -> &[Node] {
        match &self.value {
            Value::List(items) => items,
            _ => &[],
        }
    }

    /// The entry of this key.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|e| e.key == key)
    }

    /// The value of this key.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|e| &e.value)
    }

    /// The value at the end of these keys.
    pub fn at(&self, keys: &[&str]) -> Option<&Node> {
        keys.iter().try_fold(self, |node, key| node.get(key))
    }

    /// The plain value, if it is one.
    pub fn scalar(&self) -> Option<&Scalar> {
        match &self.value {
            Value::Scalar(scalar) => Some(scalar),
            _ => None,
        }
    }

    /// The text, if it is a plain value that is text.
    pub fn text(&self) -> Option<&str> {
        self.scalar().filter(|s| s.json.is_string()).map(|s| s.text.as_str())
    }

    /// Whether nothing (or `null`, `~`) is written.
    pub fn is_null(&self) -> bool {
        self.scalar().is_some_and(|s| s.json.is_null())
    }

    /// Its place, for a diagnostic.
    pub fn span(&self, file: &str) -> Span {
        Span {
            file: file.to_string(),
            bytes: self.bytes.clone(),
        }
    }

    /// The place of a part of its text; all of it where that cannot be told.
    pub fn part(&self, file: &str, part: Range<usize>) -> Span {
        let bytes = match self.scalar().map(|s| &s.places) {
            Some(Places::From(start)) => start + part.start..start + part.end,
            Some(Places::Each(places)) => match (places.get(part.start), places.get(part.end.saturating_sub(1))) {
                // A part ends after its last byte, not where the next line begins.
                (Some(first), Some(last)) if part.end > part.start => *first..last + 1,
                (Some(first), _) => *first..*first,
                _ => self.bytes.clone(),
            },
            _ => self.bytes.clone(),
        };
        Span {
            file: file.to_string(),
            bytes,
        }
    }

    /// The tree without its places.
    pub fn to_json(&self) -> Json {
        match &self.value {
            Value::Scalar(scalar) => scalar.json.clone(),
            Value::List(items) => Json::Array(items.iter().map(Node::to_json).collect()),
            Value::Mapping(entries) => Json::Object(
                entries
                    .iter()
                    .map(|e| (e.key.clone(), e.value.to_json()))
                    .collect::<Map<_, _>>(),
            ),
        }
    }

    /// What it is, for a message: "a mapping", "the number 10", "nothing".
    pub fn describe(&self) -> String {
        match &self.value {
            Value::List(_) => "a list".into(),
            Value::Mapping(_) => "a mapping".into(),
            Value::Scalar(scalar) => match &scalar.json {
                Json::Null => "nothing".into(),
                Json::Bool(value) => format!("`{value}`"),
                Json::Number(_) => format!("the number {}", short(&scalar.text)),
                _ => format!("the text `{}`", short(&scalar.text)),
            },
        }
    }
}

/// A text as it is written in YAML, wherever it stands: in quotes, unless it is a plain word.
pub fn plain(text: &str) -> String {
    const WORDS: [&str; 11] = [
        "true", "false", "null", "yes", "no", "on", "off", "y", "n", "nan", "inf",
    ];
    let is_word = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '.')
        && !WORDS.contains(&text.to_ascii_lowercase().as_str());
    match is_word {
        true => text.to_string(),
        false => Json::String(text.to_string()).to_string(),
    }
}

/// The first characters of a text that may be long or secret-sized.
pub(crate) fn short(text: &str) -> String {
    let line = text.lines().next().unwrap_or("");
    match line.char_indices().nth(40) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None if line.len() < text.len() => format!("{line}…"),
        None => line.to_string(),
    }
}

#[cfg(test)]
mod tests;
