//! Looking for the rows that are to blame, where a table only says that one of several is.

use segue_core::Error;
use std::ops::Range;

/// Rows by number, tried in parts one after the other: what succeeds is there for those after it, what fails is tried in halves. Rows that
/// fail alone are tried once more together, when all others are there, because they may need each other; and then alone again, as long as
/// that helps.
pub(crate) struct Halves {
    left: Vec<Vec<Range<u64>>>,
    alone: Vec<u64>,
    /// How many failed alone in the round before this one; `None` in the first.
    before: Option<usize>,
    tries: u32,
    most: u32,
}

impl Halves {
    /// Of the rows of these numbers, tried so often at most.
    pub fn of(rows: Range<u64>, most: u32) -> Halves {
        Halves {
            left: vec![vec![rows]],
            alone: Vec::new(),
            before: None,
            tries: 0,
            most,
        }
    }

    /// Which rows to try next: the stretches of one try. `None` when all have been tried; [`Halves::failed`] tells of those that failed.
    pub fn part(&mut self) -> Option<Vec<Range<u64>>> {
        loop {
            match self.left.pop() {
                Some(part) if part.iter().all(Range::is_empty) => {}
                Some(part) => {
                    self.tries += 1;
                    return Some(part);
                }
                None if self.alone.is_empty() || self.before == Some(self.alone.len()) => return None,
                None => {
                    self.before = Some(self.alone.len());
                    let again = std::mem::take(&mut self.alone);
                    self.left.push(again.into_iter().map(|row| row..row + 1).collect());
                }
            }
        }
    }

    /// These failed. The row, where it is one alone.
    pub fn failed(&mut self, part: Vec<Range<u64>>) -> Option<u64> {
        match part.as_slice() {
            [one] if one.end - one.start == 1 => {
                self.alone.push(one.start);
                Some(one.start)
            }
            [one] => {
                let middle = one.start + (one.end - one.start) / 2;
                let halves = [middle..one.end, one.start..middle];
                self.left.extend(halves.map(|half| vec![half]));
                None
            }
            // What failed together again is tried alone.
            several => {
                self.left.extend(several.iter().rev().map(|one| vec![one.clone()]));
                None
            }
        }
    }

    /// Whether it has been tried too often.
    pub fn is_enough(&self) -> bool {
        self.tries > self.most
    }

    /// The rows that failed alone to the last.
    pub fn refused(self) -> Vec<u64> {
        self.alone
    }
}

/// The condition, for SQL, under which a column has one of these numbers.
pub(crate) fn within(column: &str, part: &[Range<u64>]) -> String {
    match part {
        [one] => format!("{column} >= {} and {column} < {}", one.start, one.end),
        several => {
            let each: Vec<String> = several.iter().cloned().flatten().map(|n| n.to_string()).collect();
            format!("{column} in ({})", each.join(", "))
        }
    }
}

/// The table refuses rows, and not which.
pub(crate) fn untold(why: Error) -> Error {
    why.hint("which rows break it could not be found out, so that none was set aside; nothing was committed")
}

#[cfg(test)]
mod tests {
    use super::Halves;
    use std::collections::BTreeSet;

    /// Tries rows 1 to `n`; `lets` says whether a part is let in beside those that are in. Which are refused, and after how many tries.
    fn refused(n: u64, lets: impl Fn(&BTreeSet<u64>, &BTreeSet<u64>) -> bool) -> (Vec<u64>, u32) {
        let (mut halves, mut inside) = (Halves::of(1..n + 1, 1000), BTreeSet::new());
        while let Some(part) = halves.part() {
            let rows: BTreeSet<u64> = part.iter().cloned().flatten().collect();
            match lets(&inside, &rows) {
                true => inside.extend(rows),
                false => {
                    let _row = halves.failed(part);
                }
            }
        }
        let tries = halves.tries;
        (halves.refused(), tries)
    }

    #[test]
    fn the_rows_to_blame_are_found_in_few_tries() {
        let bad = [1, 500, 501, 1000];
        let (found, tries) = refused(1000, |_, rows| bad.iter().all(|b| !rows.contains(b)));
        assert_eq!(found, bad);
        assert!(tries < 100, "{tries}");
        assert_eq!(refused(0, |_, _| false).0, Vec::<u64>::new());
        assert_eq!(refused(3, |_, _| false).0, [1, 2, 3]);
    }

    #[test]
    fn rows_that_need_each_other_come_together() {
        // Each odd row needs the even one after it.
        let pairs = |inside: &BTreeSet<u64>, rows: &BTreeSet<u64>| {
            let there = |row: u64| inside.contains(&row) || rows.contains(&row);
            rows.iter().all(|row| row % 2 == 0 || there(row + 1)) && !rows.contains(&7)
        };
        assert_eq!(refused(10, pairs).0, [7]);
    }
}
