//! The texts of a project, as somebody read them.

use segue_diag::Text;
use std::collections::BTreeMap;

/// The files of a project by their path, relative to the project's folder, with `/` between folders.
///
/// Whoever fills it hands in every file below the folder whose name ends in `.yaml`, `.yml` or `.sql`, hidden folders left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Files(BTreeMap<String, Content>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Content {
    Text(String),
    /// Not UTF-8; the byte at which it stops being that.
    Binary(usize),
}

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

    /// The paths, in order.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The files that are not UTF-8, with the byte at which each stops being that.
    pub(crate) fn binary(&self) -> impl Iterator<Item = (&str, usize)> {
        self.0.iter().filter_map(|(path, content)| match content {
            Content::Binary(at) => Some((path.as_str(), *at)),
            Content::Text(_) => None,
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
