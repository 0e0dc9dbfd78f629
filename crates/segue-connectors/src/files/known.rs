//! Which files were read: what a copy with `only: changed` remembers, and what is due by it.

use super::place::Listed;
use super::settings::FilesCopy;
use segue_core::{Error, Kind, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, HashSet};

/// The most files that are remembered.
pub const MOST: usize = 100_000;
/// The most names in a message.
const MOST_NAMES: usize = 5;

/// The files that were read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Known {
    /// The mark of each when it was read, by its path.
    files: BTreeMap<String, String>,
}

/// What a read has to do.
#[derive(Debug)]
pub struct Due {
    /// The files to read.
    pub files: Vec<Listed>,
    /// What is worth saying.
    pub notes: Vec<String>,
}

impl Known {
    /// What was remembered.
    ///
    /// # Errors
    /// `Conflict` for what is of another kind of read.
    pub fn of(position: Option<&Value>) -> Result<Known> {
        let Some(position) = position else {
            return Ok(Known::default());
        };
        Known::deserialize(position).map_err(|e| {
            Error::new(Kind::Conflict, "the last position is not of files that were read")
                .caused_by(e)
                .hint("read everything anew: segue run ASSET --rebuild")
        })
    }

    /// As it is remembered.
    ///
    /// # Errors
    /// `Bug` where it cannot be written.
    pub fn position(&self) -> Result<Value> {
        serde_json::to_value(self).map_err(|e| Error::bug("a position cannot be written").caused_by(e))
    }

    /// Whether nothing is remembered.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// This file was read as this.
    pub fn add(&mut self, path: &str, mark: &str) {
        self.files.insert(path.to_string(), mark.to_string());
    }

    /// What of these is to be read. Files that are gone are forgotten: one that comes back is new.
    ///
    /// # Errors
    /// `BadData` where there are more files than are remembered, and where one changed whose rows would be there twice.
    pub fn due(&mut self, listed: Vec<Listed>, copy: &FilesCopy, key: &[String]) -> Result<Due> {
        if listed.len() > MOST {
            let what = format!(
                "{} files fit `{}`, and no more than {MOST} are remembered",
                listed.len(),
                copy.path
            );
            return Err(Error::new(Kind::BadData, what).code(segue_diag::FILES_POSITION).hint(
                "move away what was read, or read parts of it by assets of their own, each with a narrower `path`",
            ));
        }
        let there: HashSet<&str> = listed.iter().map(|file| file.path.as_str()).collect();
        let gone: Vec<String> = self
            .files
            .keys()
            .filter(|path| !there.contains(path.as_str()))
            .cloned()
            .collect();
        let mut notes = Vec::new();
        if !gone.is_empty() {
            notes.push(format!(
                "{} gone that had been read: {}; their rows stay, and a file that comes back is read as a new one",
                count(gone.len(), "file is", "files are"),
                names(&gone)
            ));
        }
        let (mut files, mut changed) = (Vec::new(), Vec::new());
        for file in listed {
            match self.files.get(&file.path) {
                Some(mark) if *mark == file.mark => continue,
                Some(_) => changed.push(file.path.clone()),
                None => {}
            }
            files.push(file);
        }
        let of_file = |column: &String| key == std::slice::from_ref(column);
        let may_change =
            copy.position.may_repeat || copy.position.replaces && copy.file_column.as_ref().is_some_and(of_file);
        if !changed.is_empty() && !may_change {
            let what = format!(
                "{} changed that had been read, and its rows would be there twice: {}",
                count(changed.len(), "file was", "files were"),
                names(&changed)
            );
            return Err(Error::new(Kind::BadData, what).code(segue_diag::FILES_CHANGED).hint(
                "have a file's rows replaced: `file_column: file` with `write: { mode: delete_insert, key: [file] }`; or merge rows by their own key",
            ));
        }
        gone.iter().for_each(|path| drop(self.files.remove(path)));
        Ok(Due { files, notes })
    }
}

fn count(n: usize, one: &str, many: &str) -> String {
    match n {
        1 => format!("1 {one}"),
        n => format!("{n} {many}"),
    }
}

fn names(all: &[String]) -> String {
    let more = all.len().saturating_sub(MOST_NAMES);
    let mut text = all[..all.len() - more].join(", ");
    if more > 0 {
        text.push_str(&format!(" and {more} more"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn listed(files: &[(&str, &str)]) -> Vec<Listed> {
        let file = |(path, mark): &(&str, &str)| Listed {
            path: path.to_string(),
            size: 1,
            mark: mark.to_string(),
            modified: None,
        };
        files.iter().map(file).collect()
    }

    fn copy(change: serde_json::Value) -> FilesCopy {
        let mut copy = json!({ "path": "*.csv", "only": "changed" });
        copy.as_object_mut()
            .unwrap()
            .extend(change.as_object().unwrap().clone());
        serde_json::from_value(copy).unwrap()
    }

    /// The paths that are due, the notes, and what is remembered then.
    fn due(known: &mut Known, files: &[(&str, &str)], copy: &FilesCopy, key: &[&str]) -> String {
        let key: Vec<String> = key.iter().map(|k| k.to_string()).collect();
        match known.due(listed(files), copy, &key) {
            Err(error) => format!("{}: {}", error.kind(), error.message()),
            Ok(due) => {
                let paths: Vec<String> = due.files.into_iter().map(|f| f.path).collect();
                format!("{} [{}]", paths.join(" "), due.notes.join("; "))
            }
        }
    }

    #[test]
    fn what_is_new_or_changed_is_due() {
        let merged = copy(json!({ "position": { "may_repeat": true } }));
        let mut known = Known::default();
        assert_eq!(due(&mut known, &[("a", "1"), ("b", "1")], &merged, &["id"]), "a b []");
        known.add("a", "1");
        known.add("b", "1");
        let again = Known::of(Some(&known.position().unwrap())).unwrap();
        assert_eq!(again, known);
        assert_eq!(
            due(&mut known, &[("a", "1"), ("b", "2"), ("c", "1")], &merged, &["id"]),
            "b c []"
        );
        assert_eq!(
            due(&mut known, &[("b", "1")], &merged, &["id"]),
            " [1 file is gone that had been read: a; their rows stay, and a file that comes back is read as a new one]"
        );
        assert_eq!(
            due(&mut known, &[("a", "1"), ("b", "1")], &merged, &["id"]),
            "a []",
            "it came back"
        );
    }

    #[test]
    fn rows_are_not_added_twice() {
        let mut known = Known::default();
        known.add("a", "1");
        let appended = copy(json!({}));
        let said = "bad_data: 1 file was changed that had been read, and its rows would be there twice: a";
        assert_eq!(due(&mut known, &[("a", "2")], &appended, &[]), said);
        assert_eq!(due(&mut known, &[("a", "1"), ("b", "1")], &appended, &[]), "b []");
        let replaced = copy(json!({ "position": { "replaces": true }, "file_column": "file" }));
        assert_eq!(due(&mut known, &[("a", "2")], &replaced, &["file"]), "a []");
        assert_eq!(
            due(&mut known, &[("a", "2")], &replaced, &["id"]),
            said,
            "the rows of another key"
        );
    }

    #[test]
    fn no_more_is_remembered_than_can_be() {
        let many: Vec<(String, String)> = (0..=MOST).map(|n| (n.to_string(), "1".to_string())).collect();
        let many: Vec<(&str, &str)> = many.iter().map(|(p, m)| (p.as_str(), m.as_str())).collect();
        let said = due(&mut Known::default(), &many, &copy(json!({})), &[]);
        assert_eq!(
            said,
            "bad_data: 100001 files fit `*.csv`, and no more than 100000 are remembered"
        );
        let other = Known::of(Some(&json!({ "column": "id", "at": 3 })));
        assert_eq!(other.unwrap_err().kind(), Kind::Conflict);
    }
}
