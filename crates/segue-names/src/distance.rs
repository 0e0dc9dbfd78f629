//! How many typing errors lie between two texts: a letter too many, one too few, another one, or two neighbours swapped, also if a letter
//! between those two was lost or came in besides.

use crate::hangul;

/// How many letters of one text were added, left out, exchanged, or swapped with their neighbour, to make the other. The texts are
/// compared as they are; [`fold_name`](crate::fold_name) comes before, where case and punctuation do not matter.
pub fn edit_distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    whole(&a, &b)
}

/// As [`edit_distance`], counted in the keys that write Hangul: from `에스파` to `에스피` it is one key, and so it is to `엣파`.
pub fn jamo_distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (hangul::keys(a).collect(), hangul::keys(b).collect());
    whole(&a, &b)
}

fn whole<T: Copy + PartialEq>(a: &[T], b: &[T]) -> usize {
    // The last four rows of the table: what was swapped lies up to three back.
    let mut rows: [Vec<usize>; 4] = std::array::from_fn(|_| (0..=b.len()).collect());
    for i in 1..=a.len() {
        rows.rotate_right(1);
        let (row, above) = rows.split_at_mut(1);
        let row = &mut row[0];
        row[0] = i;
        for j in 1..=b.len() {
            let other = usize::from(a[i - 1] != b[j - 1]);
            let mut least = (above[0][j - 1] + other).min(above[0][j] + 1).min(row[j - 1] + 1);
            for (up, left, errors) in SWAPS {
                if i >= up && j >= left && is_swapped(a, b, i, j, up, left) {
                    least = least.min(above[up - 1][j - left] + errors);
                }
            }
            row[j] = least;
        }
    }
    rows[0][b.len()]
}

/// How many letters of either text a swap takes, and how many errors it is: two neighbours; two that had, or got, one between them.
const SWAPS: [(usize, usize, usize); 3] = [(2, 2, 1), (3, 2, 2), (2, 3, 2)];

/// Whether the first of the last `up` letters is the last one over there, and the other way round.
fn is_swapped<T: PartialEq>(a: &[T], b: &[T], i: usize, j: usize, up: usize, left: usize) -> bool {
    a[i - up] == b[j - 1] && a[i - 1] == b[j - left]
}

/// The most errors that [`within`] counts to.
pub const MOST: usize = 3;

/// The number of errors, where it is at most `most`; looks only at a band of the table that wide.
pub fn within(a: &[u16], b: &[u16], most: usize) -> Option<usize> {
    const WIDTH: usize = 2 * MOST + 1;
    const FAR: u8 = 100;
    debug_assert!(most <= MOST);
    if a.len().abs_diff(b.len()) > most {
        return None;
    }
    // Cell `k` of row `i` is column `i + k - MOST`; the newest row first.
    let mut rows = [[FAR; WIDTH]; 4];
    for (k, cell) in rows[0].iter_mut().enumerate().skip(MOST) {
        *cell = (k - MOST) as u8;
    }
    for i in 1..=a.len() {
        let mut row = [FAR; WIDTH];
        let mut least = FAR;
        for k in MOST - most..=MOST + most {
            let Some(j) = (i + k).checked_sub(MOST).filter(|j| *j <= b.len()) else {
                continue;
            };
            let mut cell = FAR;
            if k + 1 < WIDTH {
                cell = cell.min(rows[0][k + 1] + 1);
            }
            if k > 0 {
                cell = cell.min(row[k - 1] + 1);
            }
            if j > 0 {
                cell = cell.min(rows[0][k] + u8::from(a[i - 1] != b[j - 1]));
            }
            for (up, left, errors) in SWAPS {
                // So many rows up and columns to the left: the band moves along by one a row.
                let there = (k + up).checked_sub(left).filter(|k| *k < WIDTH);
                if let Some(there) = there
                    && i >= up
                    && j >= left
                    && is_swapped(a, b, i, j, up, left)
                {
                    cell = cell.min(rows[up - 1][there] + errors as u8);
                }
            }
            row[k] = cell;
            least = least.min(cell);
        }
        // A swap leads from further up, but costs as much as the rows between.
        if usize::from(least) > most {
            return None;
        }
        rows.rotate_right(1);
        rows[0] = row;
    }
    let end = (b.len() + MOST).checked_sub(a.len()).map(|k| usize::from(rows[0][k]));
    end.filter(|errors| *errors <= most)
}

#[cfg(test)]
mod tests;
