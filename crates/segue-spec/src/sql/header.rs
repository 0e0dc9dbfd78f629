//! The YAML header of an SQL file: its first comment.

use std::ops::Range;

/// Where the header of an SQL file is, and where its statement begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The bytes between `/*` and `*/`.
    pub yaml: Range<usize>,
    /// The byte after `*/`.
    pub statement: usize,
}

/// The header: the `/* … */` with which the file begins, white space and `--` lines before it left out.
pub fn header(text: &str) -> Option<Header> {
    let mut at = 0;
    loop {
        let rest = text[at..].trim_start_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
        at = text.len() - rest.len();
        if let Some(body) = rest.strip_prefix("/*") {
            let length = body.find("*/")?;
            let yaml = at + 2..at + 2 + length;
            return Some(Header {
                statement: yaml.end + 2,
                yaml,
            });
        }
        if !rest.starts_with("--") {
            return None;
        }
        at += rest.find('\n')? + 1;
    }
}
