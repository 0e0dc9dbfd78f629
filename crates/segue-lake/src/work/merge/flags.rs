//! A bit for each row of the source, set by whichever lane finds it.

use arrow_array::BooleanArray;
use arrow_buffer::BooleanBuffer;
use std::sync::atomic::{AtomicU8, Ordering};

/// A bit for each row that comes: set, when the table has exactly this row.
pub(super) struct Flags(Vec<AtomicU8>);

impl Flags {
    pub fn new(rows: u32) -> Flags {
        Flags((0..rows.div_ceil(8)).map(|_| AtomicU8::new(0)).collect())
    }

    /// Sets it; whether it was not set before.
    pub fn set(&self, number: u32) -> bool {
        let bit = 1 << (number % 8);
        let byte = self.0.get(number as usize / 8);
        byte.is_some_and(|byte| byte.fetch_or(bit, Ordering::Relaxed) & bit == 0)
    }

    /// Which of these rows are not set.
    pub fn missing(&self, from: u32, rows: usize) -> BooleanArray {
        let is_set = |number: usize| {
            let byte = self.0.get(number / 8).map_or(0, |byte| byte.load(Ordering::Relaxed));
            byte & (1 << (number % 8)) != 0
        };
        BooleanArray::new(
            BooleanBuffer::collect_bool(rows, |at| !is_set(from as usize + at)),
            None,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_missing_until_they_are_set() {
        let flags = Flags::new(20);
        assert!([0, 7, 8, 19].into_iter().all(|number| flags.set(number)));
        assert!(!flags.set(8), "it is set");
        let missing = |from, rows| -> Vec<usize> {
            flags
                .missing(from, rows)
                .values()
                .set_indices()
                .map(|at| from as usize + at)
                .collect()
        };
        assert_eq!(missing(0, 10), [1, 2, 3, 4, 5, 6, 9]);
        assert_eq!(missing(16, 4), [16, 17, 18]);
        assert_eq!(missing(19, 1), Vec::<usize>::new());
    }
}
