//! The texts of a project, as somebody read them.

use crate::reference::secrets;
use segue_diag::{Diagnostic, Text};
use std::collections::BTreeMap;
use std::ops::Range;

/// The files of a project by their path, relative to the project's folder, with `/` between folders.
///
/// Whoever fills it hands in every file below the folder whose name ends in `.yaml`, `.yml`, `.sql` or `.slt`, hidden folders left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Files(BTreeMap<String, Content>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Content {
    Text(String),
    /// Not UTF-8; the byte at which it stops being that.
    Binary(usize),
    /// It was not read; why.
    Unread(Unread),
}

/// Why a file was not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unread {
    /// It has so many bytes, more than [`LARGEST_FILE`].
    TooLarge(u64),
    /// It cannot be opened, in the system's words.
    Refused(String),
}

/// The most that a project's file may have, in bytes; more is data, and belongs elsewhere.
pub const LARGEST_FILE: u64 = 4 << 20;

impl Files {
    /// No files.
    pub fn new() -> Files {
        Files::default()
    }

    /// Adds a file as it was read. Bytes that are not UTF-8 become a mistake of the project, not of the caller.
    pub fn insert(&mut self, path: impl Into<String>, bytes: impl Into<Vec<u8>>) {
        let content = match String::from_utf8(bytes.into()) {
            Ok(text) => Content::Text(text),
            Err(error) => Content::Binary(error.utf8_error().valid_up_to()),
        };
        self.0.insert(path.into(), content);
    }

    /// Adds a file that could not be read: a mistake of the project too.
    pub fn insert_unread(&mut self, path: impl Into<String>, why: Unread) {
        self.0.insert(path.into(), Content::Unread(why));
    }

    /// Puts `*` in place of these bytes of a file. Bytes and columns stay where they are.
    fn hide(&mut self, path: &str, bytes: Range<usize>) {
        let Some(Content::Text(text)) = self.0.get_mut(path) else {
            return;
        };
        let (start, end) = (
            text.floor_char_boundary(bytes.start),
            text.ceil_char_boundary(bytes.end),
        );
        let hidden = text[start..end.max(start)].chars();
        let stars: String = hidden
            .map(|c| {
                if c == '\n' {
                    "\n".to_string()
                } else {
                    "*".repeat(c.len_utf8())
                }
            })
            .collect();
        text.replace_range(start..end.max(start), &stars);
    }

    /// Hides what a drawing must not show: the places of these mistakes that hold a secret, and in every text, also one that cannot be
    /// read as YAML, what stands after the name of a secret and passwords in addresses.
    pub fn hide_secrets(&mut self, found: &[Diagnostic]) {
        if found.is_empty() {
            return;
        }
        let paths = self.paths().filter(|p| !p.ends_with(".sql")).map(str::to_string);
        let paths: Vec<String> = paths.collect();
        for path in paths {
            let written = self.text(&path).map_or(Vec::new(), secrets);
            written.into_iter().for_each(|bytes| self.hide(&path, bytes));
        }
        for span in found
            .iter()
            .filter(|d| d.holds_secret())
            .filter_map(|d| d.span.as_ref())
        {
            self.hide(&span.file, span.bytes.clone());
        }
    }

    /// The paths, in order.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The files that are not UTF-8, with the byte at which each stops being that.
    pub(crate) fn binary(&self) -> impl Iterator<Item = (&str, usize)> {
        self.0.iter().filter_map(|(path, content)| match content {
            Content::Binary(at) => Some((path.as_str(), *at)),
            Content::Text(_) | Content::Unread(_) => None,
        })
    }

    /// The files that could not be read, and why.
    pub(crate) fn unread(&self) -> impl Iterator<Item = (&str, &Unread)> {
        self.0.iter().filter_map(|(path, content)| match content {
            Content::Unread(why) => Some((path.as_str(), why)),
            Content::Text(_) | Content::Binary(_) => None,
        })
    }
}

impl Text for Files {
    fn text(&self, file: &str) -> Option<&str> {
        match self.0.get(file) {
            Some(Content::Text(text)) => Some(text),
            _ => None,
        }
    }
}

impl<P: Into<String>, T: Into<Vec<u8>>> FromIterator<(P, T)> for Files {
    fn from_iter<I: IntoIterator<Item = (P, T)>>(files: I) -> Files {
        let mut all = Files::new();
        for (path, text) in files {
            all.insert(path, text);
        }
        all
    }
}
