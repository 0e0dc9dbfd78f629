//! Where the values of a key's column lie in the source: files of the table in which none can be are not opened.

use crate::file::{Bounds, Key};
use arrow_array::ArrayRef;
use arrow_array::cast::AsArray;
use arrow_schema::DataType;
use datafusion::arrow::compute::{max_string, min_string};
use segue_core::sink::numbers;
use segue_core::{Span, Spans};

/// So many stretches are told apart; with twice as many, those that lie closest to each other become one.
const MOST_STRETCHES: usize = 2048;

/// The reach of one column.
#[derive(Clone, Debug, Default)]
pub(super) struct Reach {
    bounds: Option<(Key, Key)>,
    /// For numbers: the stretches within the bounds in which there are values.
    stretches: Spans,
}

impl Reach {
    /// Takes in the values of a column without nulls.
    pub fn add(&mut self, values: &ArrayRef) {
        let new = match values.data_type() {
            DataType::Utf8 => {
                let texts = values.as_string::<i32>();
                min_string(texts)
                    .zip(max_string(texts))
                    .map(|(l, h)| (Key::Text(l.to_string()), Key::Text(h.to_string())))
            }
            _ => numbers(values).and_then(|numbers| {
                let low = numbers.iter().flatten().min().copied();
                let high = numbers.iter().flatten().max().copied();
                self.add_numbers(numbers.into_iter().flatten());
                low.zip(high).map(|(l, h)| (Key::Number(l), Key::Number(h)))
            }),
        };
        let Some((low, high)) = new else { return };
        self.bounds = Some(match self.bounds.take() {
            None => (low, high),
            Some((l, h)) => (l.min(low), h.max(high)),
        });
    }

    fn add_numbers(&mut self, values: impl Iterator<Item = i64>) {
        let new = Spans::of(values.map(|v| Span::new(v, v.saturating_add(1))));
        let all = self.stretches.union(&new);
        self.stretches = match all.as_slice().len() > MOST_STRETCHES * 2 {
            true => coarser(&all, MOST_STRETCHES),
            false => all,
        };
    }

    /// Whether a value of it may lie within these bounds. Where nothing is known of its type, it may.
    pub fn meets(&self, file: &Bounds) -> bool {
        let Some((low, high)) = &self.bounds else { return true };
        if !file.meets(low, high) {
            return false;
        }
        match (&file.min, &file.max, high) {
            // The greatest number is in no half-open stretch.
            (Key::Number(_), Key::Number(_), Key::Number(i64::MAX)) => true,
            (Key::Number(min), Key::Number(max), _) => self.stretches.meets(&Span::new(*min, max.saturating_add(1))),
            _ => true,
        }
    }
}

/// The same stretches with the narrowest gaps closed, until there are at most so many.
fn coarser(all: &Spans, most: usize) -> Spans {
    let spans = all.as_slice();
    let gap = |pair: &[Span]| pair[1].from.abs_diff(pair[0].to);
    let mut gaps: Vec<u64> = spans.windows(2).map(gap).collect();
    let Some(closed) = spans.len().checked_sub(most).and_then(|n| n.checked_sub(1)) else {
        return all.clone();
    };
    let (_, narrow, _) = gaps.select_nth_unstable(closed);
    let narrow = *narrow;
    let bridges = spans
        .windows(2)
        .filter(|pair| gap(pair) <= narrow)
        .map(|pair| Span::new(pair[0].to, pair[1].from));
    Spans::of(spans.iter().copied().chain(bridges))
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::{Int64Array, StringArray};
    use proptest::prelude::*;
    use std::sync::Arc;

    fn of(values: &[i64]) -> Reach {
        let mut reach = Reach::default();
        for some in values.chunks(1000) {
            reach.add(&(Arc::new(Int64Array::from(some.to_vec())) as ArrayRef));
        }
        reach
    }

    fn file(min: i64, max: i64) -> Bounds {
        Bounds {
            min: Key::Number(min),
            max: Key::Number(max),
        }
    }

    #[test]
    fn a_file_between_two_stretches_is_left_out() {
        let reach = of(&[1, 2, 3, 1_000_000]);
        assert!(reach.meets(&file(3, 50)) && reach.meets(&file(-5, 1)) && reach.meets(&file(1_000_000, 1_000_000)));
        assert!(
            !reach.meets(&file(4, 999_999)) && !reach.meets(&file(-5, 0)) && !reach.meets(&file(1_000_001, i64::MAX))
        );
        // The ends of what a number can be.
        assert!(of(&[i64::MAX]).meets(&file(i64::MAX, i64::MAX)));
        assert!(of(&[i64::MIN]).meets(&file(i64::MIN, i64::MIN)));
        assert!(of(&[i64::MIN, i64::MAX]).meets(&file(i64::MAX, i64::MAX)));
    }

    #[test]
    fn wide_gaps_survive_many_values() {
        let scattered: Vec<i64> = (0..20_000).map(|v| v * 10).chain([9_000_000_000]).collect();
        let reach = of(&scattered);
        assert!(reach.stretches.as_slice().len() <= MOST_STRETCHES * 2);
        assert!(!reach.meets(&file(300_000, 8_000_000_000)));
        assert!(scattered.iter().all(|v| reach.meets(&file(*v, *v))));
    }

    #[test]
    fn texts_have_bounds_and_other_types_meet_everything() {
        let mut reach = Reach::default();
        reach.add(&(Arc::new(StringArray::from(vec!["g", "k"])) as ArrayRef));
        let text = |min: &str, max: &str| Bounds {
            min: Key::Text(min.to_string()),
            max: Key::Text(max.to_string()),
        };
        assert!(reach.meets(&text("a", "h")) && !reach.meets(&text("l", "z")));
        assert!(Reach::default().meets(&text("a", "b")));
    }

    proptest! {
        #[test]
        fn a_value_is_never_missed(values in prop::collection::vec(any::<i64>(), 1..6000)) {
            let reach = of(&values);
            for v in values {
                prop_assert!(reach.meets(&file(v, v)));
            }
        }
    }
}
