//! What one lane works off at a time: a file of the table, or a stretch of one.

use super::scan::Scan;
use crate::file::DataFile;
use segue_core::Result;
use std::collections::HashSet;
use std::ops::Range;

/// A stretch of a file.
pub(super) struct Stretch {
    pub file: DataFile,
    /// The row groups that it is; `None`: all.
    pub groups: Option<Range<usize>>,
    pub bytes: u64,
    /// A bit for each of its rows up to the last that goes, where that is noted.
    pub goes: Vec<u8>,
    /// How many rows go.
    pub gone: u64,
    /// Whether its other rows are written.
    pub written: bool,
}

impl Stretch {
    fn new(file: &DataFile, groups: Option<Range<usize>>, bytes: u64) -> Stretch {
        Stretch {
            file: file.clone(),
            groups,
            bytes,
            goes: Vec::new(),
            gone: 0,
            written: false,
        }
    }
}

/// The files in stretches: whole files, but where there are fewer of them than can be worked off at once, parts of files that are still
/// large enough to become files of their own.
pub(super) async fn stretches(scan: &Scan, files: &[DataFile], lanes: usize) -> Result<Vec<Stretch>> {
    let whole = |file: &DataFile| Stretch::new(file, None, file.size);
    if files.len() >= lanes {
        return Ok(files.iter().map(whole).collect());
    }
    let all: u64 = files.iter().map(|f| f.size).sum();
    let least = (all / lanes as u64).max(scan.target_file_bytes / 4).max(1);
    let mut stretches = Vec::new();
    for file in files {
        let parts = file.size.div_ceil(least);
        if parts < 2 {
            stretches.push(whole(file));
            continue;
        }
        let sizes = crate::read::row_groups(scan.store.clone(), file).await?;
        let parted = parted(&sizes, parts).into_iter();
        stretches.extend(parted.map(|(groups, bytes)| Stretch::new(file, Some(groups), bytes)));
    }
    Ok(stretches)
}

/// Row groups of these sizes in so many stretches of about the same size, or in fewer.
fn parted(sizes: &[u64], parts: u64) -> Vec<(Range<usize>, u64)> {
    let all: u64 = sizes.iter().sum();
    let (mut parted, mut from, mut bytes, mut before) = (Vec::new(), 0, 0, 0);
    for (at, size) in sizes.iter().enumerate() {
        bytes += size;
        let is_due = (before + bytes) * parts >= all * (parted.len() as u64 + 1);
        if is_due || at + 1 == sizes.len() {
            parted.push((from..at + 1, bytes));
            (from, before, bytes) = (at + 1, before + bytes, 0);
        }
    }
    parted
}

/// The paths of the files of which a row goes: all their stretches have to be written anew.
pub(super) fn losing(stretches: &[Stretch]) -> HashSet<String> {
    let losing = stretches.iter().filter(|s| s.gone > 0);
    losing.map(|s| s.file.path.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn row_groups_are_parted_evenly_and_each_is_in_one_part() {
        assert_eq!(parted(&[10, 10, 10, 10], 2), [(0..2, 20), (2..4, 20)]);
        assert_eq!(parted(&[10, 10, 10, 1], 2), [(0..2, 20), (2..4, 11)]);
        assert_eq!(parted(&[100, 1, 1], 3), [(0..1, 100), (1..2, 1), (2..3, 1)]);
        assert_eq!(parted(&[7], 4), [(0..1, 7)]);
        assert_eq!(parted(&[1, 100], 2), [(0..2, 101)]);
        assert!(parted(&[], 2).is_empty());
    }
}
