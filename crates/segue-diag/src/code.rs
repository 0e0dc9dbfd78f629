//! Codes: a number for every mistake that a person can make or meet, each with a page.

use serde::{Serialize, Serializer};
use std::fmt;

/// The number of an error page, `SG0104`. Made only by the `codes!` lists in [`crate::codes`], so that every code has its page.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Code(pub(crate) &'static str);

impl Code {
    /// The code as it is written: `SG0104`.
    pub fn as_str(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0)
    }
}

/// The page of a code, written as `SG0104`, `sg0104` or `0104`; `None` when there is no such code.
pub fn page(code: &str) -> Option<&'static str> {
    let wanted = code.trim().to_ascii_uppercase();
    let wanted = if wanted.starts_with("SG") {
        wanted
    } else {
        format!("SG{wanted}")
    };
    pages()
        .into_iter()
        .find(|(c, _)| c.as_str() == wanted)
        .map(|(_, page)| page)
}

/// Every code with its page, in order of their numbers.
pub fn pages() -> Vec<(Code, &'static str)> {
    let mut all = crate::codes::all();
    all.sort_by_key(|(c, _)| *c);
    all
}
