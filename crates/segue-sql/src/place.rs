//! Places in a statement: lines and columns as the parser counts them, byte ranges as everything else does.

use segue_diag::Error;
use std::ops::Range;

/// A line and a column, both from 1; columns count characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The line, from 1.
    pub line: u64,
    /// The character in the line, from 1.
    pub column: u64,
}

/// The name of the fact in an error that says where in the statement it is.
pub const AT: &str = "at";

impl Place {
    /// As it stands in an error: `line 3, column 8`.
    pub fn text(self) -> String {
        format!("line {}, column {}", self.line, self.column)
    }

    /// The place that is written like [`Place::text`] somewhere in these words, or as the parser writes it (`Line: 3, Column: 8`).
    pub fn find(words: &str) -> Option<Place> {
        let lower = words.to_ascii_lowercase();
        let from = lower.rfind("line")?;
        let mut numbers = lower[from..]
            .split(|c: char| !c.is_ascii_digit())
            .filter(|part| !part.is_empty())
            .map(str::parse::<u64>);
        let (line, column) = (numbers.next()?.ok()?, numbers.next()?.ok()?);
        (line > 0 && column > 0).then_some(Place { line, column })
    }

    /// The byte at which it stands; the end of the text for a place behind it.
    pub fn byte(self, sql: &str) -> usize {
        let mut start = 0;
        for _ in 1..self.line {
            match sql[start..].find('\n') {
                Some(end) => start += end + 1,
                None => return sql.len(),
            }
        }
        let line = sql[start..].split('\n').next().unwrap_or_default();
        let column = usize::try_from(self.column - 1).unwrap_or(usize::MAX);
        start + line.char_indices().nth(column).map_or(line.len(), |(at, _)| at)
    }

    /// The place of a byte.
    pub fn of(sql: &str, byte: usize) -> Place {
        let before = &sql[..sql.floor_char_boundary(byte)];
        let start = before.rfind('\n').map_or(0, |at| at + 1);
        Place {
            line: before.matches('\n').count() as u64 + 1,
            column: before[start..].chars().count() as u64 + 1,
        }
    }
}

/// The bytes of the word in the statement that an error of this crate is about; `None` for one that names no place.
pub fn locate(error: &Error, sql: &str) -> Option<Range<usize>> {
    let (_, words) = error.context().iter().find(|(name, _)| *name == AT)?;
    Some(word_at(sql, Place::find(words)?.byte(sql)))
}

/// The word that begins here: a name with its dots and quotes, a number, or one character. Empty only at the end of the text.
pub fn word_at(sql: &str, start: usize) -> Range<usize> {
    let rest = &sql[start..];
    let is_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '$' | '.');
    let mut end = 0;
    let mut quote = None;
    for (at, c) in rest.char_indices() {
        match quote {
            Some(open) if c == open => quote = None,
            Some(_) => {}
            None if matches!(c, '"' | '\'' | '`') => quote = Some(c),
            None if !is_word(c) => break,
            None => {}
        }
        end = at + c.len_utf8();
    }
    if end == 0 || quote.is_some() {
        end = rest.chars().next().map_or(0, char::len_utf8);
    }
    start..start + end
}

#[cfg(test)]
mod tests;
