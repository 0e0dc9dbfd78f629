//! Writing down what came as what is expected: changes of a file's text, so that everything else in it stays as it is.

use segue_core::durable::{Durability as _, Fsync};
use segue_core::{Error, Kind, Result};
use segue_diag::TEST_MOVED;
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

/// How a file is to be changed.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// A text takes the place of these bytes.
    Replace(Range<usize>, String),
    /// A list of rows in YAML.
    List(List),
    /// The whole file is this text.
    Whole(String),
}

/// How a list of rows is to be changed.
#[derive(Clone, Debug, PartialEq)]
pub struct List {
    /// Where it stands.
    bytes: Range<usize>,
    /// Each row with what takes its place: nothing changes, it goes, or another row.
    rows: Vec<Fate>,
    /// Rows that are added.
    more: Vec<String>,
}

/// A row's bytes, and what takes its place: `None`, it stays; `Some(None)`, it goes.
type Fate = (Range<usize>, Option<Option<String>>);

impl Change {
    /// This text in the place of these bytes.
    pub fn replace(bytes: Range<usize>, text: String) -> Change {
        Change::Replace(bytes, text)
    }

    /// These changes of a list.
    pub fn list(bytes: Range<usize>, rows: Vec<Fate>, more: Vec<String>) -> Change {
        Change::List(List { bytes, rows, more })
    }

    /// Where it begins, for doing the last one first.
    fn start(&self) -> usize {
        match self {
            Change::Replace(bytes, _) => bytes.start,
            Change::List(list) => list.bytes.start,
            Change::Whole(_) => 0,
        }
    }

    /// The text with this change, where it is of the text that the change was found in.
    fn apply(&self, text: &str) -> Option<String> {
        match self {
            Change::Whole(whole) => Some(whole.clone()),
            Change::Replace(bytes, new) => Some(format!("{}{new}{}", text.get(..bytes.start)?, text.get(bytes.end..)?)),
            Change::List(list) => list.apply(text),
        }
    }
}

impl List {
    fn apply(&self, text: &str) -> Option<String> {
        let is_block = text.get(self.bytes.clone())?.starts_with('-') && !self.rows.is_empty();
        let is_nothing = self.more.is_empty() && self.rows.iter().all(|(_, fate)| *fate == Some(None));
        match is_block && !is_nothing {
            true => self.apply_to_lines(text),
            false => self.apply_to_whole(text),
        }
    }

    /// Rows on lines of their own: those that stay are not touched, nor are remarks around them.
    fn apply_to_lines(&self, text: &str) -> Option<String> {
        let line_start = |at: usize| text[..at].rfind('\n').map_or(0, |n| n + 1);
        let line_end = |at: usize| text[at..].find('\n').map_or(text.len(), |n| at + n + 1);
        let column = self.bytes.start - line_start(self.bytes.start);
        let indent = " ".repeat(column);
        let mut changed = text.to_string();
        let last = self.rows.last()?.0.end;
        if !self.more.is_empty() {
            let at = line_end(last);
            let mut lines: String = self.more.iter().map(|row| format!("{indent}- {row}\n")).collect();
            if !text[..at].ends_with('\n') {
                lines = format!("\n{}", lines.trim_end_matches('\n'));
            }
            changed.insert_str(at, &lines);
        }
        for (bytes, fate) in self.rows.iter().rev() {
            match fate {
                None => {}
                Some(Some(row)) => changed.replace_range(bytes.clone(), row),
                Some(None) => {
                    // The first row of a list may stand on the line of something else.
                    let start = line_start(bytes.start);
                    let is_alone = text
                        .get(start..bytes.start)?
                        .trim()
                        .trim_start_matches('-')
                        .trim()
                        .is_empty();
                    match is_alone {
                        true => changed.replace_range(start..line_end(bytes.end), ""),
                        false => return self.apply_to_whole(text),
                    }
                }
            }
        }
        Some(changed)
    }

    /// The whole list anew, in brackets.
    fn apply_to_whole(&self, text: &str) -> Option<String> {
        let mut rows: Vec<String> = Vec::new();
        for (bytes, fate) in &self.rows {
            match fate {
                None => rows.push(text.get(bytes.clone())?.to_string()),
                Some(Some(row)) => rows.push(row.clone()),
                Some(None) => {}
            }
        }
        rows.extend(self.more.iter().cloned());
        let line = &text[text[..self.bytes.start].rfind('\n').map_or(0, |n| n + 1)..self.bytes.start];
        let indent = " ".repeat(line.len() - line.trim_start_matches([' ', '-']).len());
        let list = match rows.as_slice() {
            [] => "[]".to_string(),
            [one] if !one.contains('\n') => format!("[ {one} ]"),
            rows => {
                // What stands in brackets is further in than what they belong to, their end too.
                let lines: Vec<String> = rows.iter().map(|row| format!("{indent}    {row}")).collect();
                format!("[\n{}\n{indent}  ]", lines.join(",\n"))
            }
        };
        Some(format!(
            "{}{list}{}",
            text.get(..self.bytes.start)?,
            text.get(self.bytes.end..)?
        ))
    }
}

/// The changes of all files.
#[derive(Debug, Default)]
pub struct Rewritten(BTreeMap<String, Vec<Change>>);

impl Rewritten {
    /// A change of this file.
    pub fn add(&mut self, file: &str, change: Change) {
        self.0.entry(file.to_string()).or_default().push(change);
    }

    /// Writes the files: each holds all of its changes, or is as it was.
    ///
    /// # Errors
    /// `Conflict` for a file that changed meanwhile, `Unavailable` for one that cannot be written.
    pub fn write(mut self, folder: &Path) -> Result<()> {
        for (file, changes) in &mut self.0 {
            let path = folder.join(file.as_str());
            let cannot = |e: std::io::Error| Error::new(Kind::Unavailable, format!("cannot write {file}")).caused_by(e);
            let mut text = std::fs::read_to_string(&path).map_err(cannot)?;
            changes.sort_by_key(|change| std::cmp::Reverse(change.start()));
            for change in changes.iter() {
                text = change.apply(&text).ok_or_else(|| {
                    Error::new(Kind::Conflict, format!("{file} changed while its tests were run"))
                        .code(TEST_MOVED)
                        .hint("run it again")
                })?;
            }
            let partial = path.with_extension(format!("{}.partial", std::process::id()));
            let written = std::fs::write(&partial, &text).and_then(|()| {
                let open = std::fs::File::open(&partial)?;
                Fsync.file(&open, &partial)?;
                std::fs::rename(&partial, &path)
            });
            if let Err(error) = written {
                let _not_there = std::fs::remove_file(&partial);
                return Err(cannot(error));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The change of the rows that are marked in a text: `<…>`.
    fn list(text: &str, start: &str, end: &str, rows: &[(&str, Option<Option<&str>>)], more: &[&str]) -> String {
        let begin = text.find(start).unwrap();
        let finish = text.rfind(end).unwrap() + end.len();
        let rows = rows
            .iter()
            .map(|(row, fate)| {
                let at = text.find(row).unwrap();
                (at..at + row.len(), fate.map(|f| f.map(str::to_string)))
            })
            .collect();
        let more = more.iter().map(ToString::to_string).collect();
        Change::list(begin..finish, rows, more).apply(text).unwrap()
    }

    #[test]
    fn rows_that_stay_keep_their_remarks() {
        let text = "expect:\n  rows:\n    # the first\n    - { id: 1 }\n    # the second\n    - { id: 2 }\n    - { id: 3 }\n# the end\n";
        let changed = list(
            text,
            "- { id: 1 }",
            "{ id: 3 }",
            &[
                ("{ id: 1 }", None),
                ("{ id: 2 }", Some(Some("{ id: 20 }"))),
                ("{ id: 3 }", Some(None)),
            ],
            &["{ id: 4 }"],
        );
        assert_eq!(
            changed,
            "expect:\n  rows:\n    # the first\n    - { id: 1 }\n    # the second\n    - { id: 20 }\n    - { id: 4 }\n# the end\n"
        );
    }

    #[test]
    fn a_list_in_brackets_stays_one() {
        let text = "test: a\nexpect: { rows: [ { id: 1 }, { id: 2 } ], ordered: true }\n";
        let rows = [("{ id: 1 }", None), ("{ id: 2 }", Some(None))];
        assert_eq!(
            list(text, "[", "]", &rows, &[]),
            "test: a\nexpect: { rows: [ { id: 1 } ], ordered: true }\n"
        );
        assert_eq!(
            list(text, "[", "]", &rows, &["{ id: 5 }"]),
            "test: a\nexpect: { rows: [\n    { id: 1 },\n    { id: 5 }\n  ], ordered: true }\n"
        );
        let text = "expect: { rows: [] }\n";
        assert_eq!(
            list(text, "[", "]", &[], &["{ id: 5 }"]),
            "expect: { rows: [ { id: 5 } ] }\n"
        );
        let text = "expect:\n  rows:\n    - { id: 1 }\n";
        assert_eq!(
            list(text, "- {", "}", &[("{ id: 1 }", Some(None))], &[]),
            "expect:\n  rows:\n    []\n"
        );
    }
}
