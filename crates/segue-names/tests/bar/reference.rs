//! The list of names that people wrote for the reference application. It lies outside of the repository; here stands who is meant, by line.

use crate::catalogue::{Catalogue, list, rows};
use std::path::Path;

/// Its name in the folder of such lists.
const FILE: &str = "artist_list.csv";
/// How many lines it has.
pub const LINES: usize = 556;

/// Whom a line means.
#[derive(Debug, PartialEq)]
pub enum Means {
    /// An artist; any of these, where two are called so.
    One(Vec<usize>),
    /// Several artists at once, or nobody of the catalogue: then there is none.
    Several(Vec<usize>),
}

/// Whom each line means, in order.
pub fn truth(catalogue: &Catalogue) -> Vec<Means> {
    let mut rows = rows(include_str!("reference.csv")).into_iter();
    assert_eq!(rows.next().expect("a first line"), ["line", "meant", "ids"]);
    let read = |(at, row): (usize, Vec<String>)| {
        let [line, meant, ids] = <[String; 3]>::try_from(row).expect("three fields a row");
        assert_eq!(line, (at + 1).to_string(), "every line once, in order");
        let ids = list(&ids);
        let ids = ids
            .iter()
            .map(|id| catalogue.at(id).expect("an id of the catalogue"))
            .collect();
        match meant.as_str() {
            "one" => Means::One(ids),
            "several" | "nobody" => Means::Several(ids),
            other => panic!("`{other}` in line {line}: one, several or nobody"),
        }
    };
    rows.enumerate().map(read).collect()
}

/// The lines of the list in this folder, as they are but for their ends: the byte order mark stays.
pub fn lines(folder: &Path) -> Vec<String> {
    let path = folder.join(FILE);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("cannot read {}: {e}", path.display()));
    let lines: Vec<String> = text.lines().map(str::to_string).collect();
    assert_eq!(lines.len(), LINES, "{} is another list", path.display());
    lines
}

#[test]
fn every_line_has_its_truth() {
    let truth = truth(&Catalogue::load());
    assert_eq!(truth.len(), LINES);
    let several = truth.iter().filter(|means| matches!(means, Means::Several(_))).count();
    assert_eq!(several, 3);
    assert!(truth.iter().all(|means| match means {
        Means::One(ids) => !ids.is_empty(),
        Means::Several(ids) => ids.len() != 1,
    }));
}
