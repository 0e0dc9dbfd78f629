//! Which stretch of time, or of a number, is meant.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A half-open interval `[from, to)`. Time is microseconds since 1970 in UTC; numbers are themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Span {
    /// The first value in it.
    pub from: i64,
    /// The first value after it.
    pub to: i64,
}

impl Span {
    /// The interval `[from, to)`; empty when `to <= from`.
    pub fn new(from: i64, to: i64) -> Span {
        Span { from, to }
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.to <= self.from
    }

    /// Whether the two share a value.
    pub fn meets(&self, other: &Span) -> bool {
        self.from.max(other.from) < self.to.min(other.to)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}, {})", self.from, self.to)
    }
}

/// A set of values as sorted, disjoint intervals that do not touch: neighbours are one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Spans(Vec<Span>);

impl Spans {
    /// The set with nothing in it.
    pub fn none() -> Spans {
        Spans(Vec::new())
    }

    /// The set of these intervals, in any order, overlapping or not.
    pub fn of(spans: impl IntoIterator<Item = Span>) -> Spans {
        let mut all: Vec<Span> = spans.into_iter().filter(|s| !s.is_empty()).collect();
        all.sort();
        let mut joined: Vec<Span> = Vec::with_capacity(all.len());
        for span in all {
            match joined.last_mut() {
                Some(last) if span.from <= last.to => last.to = last.to.max(span.to),
                _ => joined.push(span),
            }
        }
        Spans(joined)
    }

    /// Its intervals, sorted and disjoint.
    pub fn as_slice(&self) -> &[Span] {
        &self.0
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the set shares a value with this interval.
    pub fn meets(&self, span: &Span) -> bool {
        let at = self.0.partition_point(|s| s.to <= span.from);
        self.0.get(at).is_some_and(|s| s.meets(span))
    }

    /// Whether every value of this interval is in the set.
    pub fn covers(&self, span: &Span) -> bool {
        let at = self.0.partition_point(|s| s.to <= span.from);
        span.is_empty() || self.0.get(at).is_some_and(|s| s.from <= span.from && span.to <= s.to)
    }

    /// What is in either.
    pub fn union(&self, other: &Spans) -> Spans {
        Spans::of(self.0.iter().chain(&other.0).copied())
    }

    /// What is in this set and not in the other.
    pub fn minus(&self, other: &Spans) -> Spans {
        let mut left = Vec::new();
        for span in &self.0 {
            let mut from = span.from;
            for cut in other.0.iter().filter(|c| c.meets(span)) {
                if from < cut.from {
                    left.push(Span::new(from, cut.from));
                }
                from = from.max(cut.to);
            }
            if from < span.to {
                left.push(Span::new(from, span.to));
            }
        }
        Spans(left)
    }

    /// What is in both.
    pub fn intersection(&self, other: &Spans) -> Spans {
        let mut shared = Vec::new();
        for a in &self.0 {
            for b in other.0.iter().filter(|b| b.meets(a)) {
                shared.push(Span::new(a.from.max(b.from), a.to.min(b.to)));
            }
        }
        Spans(shared)
    }

    /// The same set, or its hull where it has more than `limit` intervals: never less than it was.
    pub fn at_most(self, limit: usize) -> Spans {
        match (self.0.first(), self.0.last()) {
            (Some(first), Some(last)) if self.0.len() > limit => Spans(vec![Span::new(first.from, last.to)]),
            _ => self,
        }
    }
}

#[cfg(test)]
mod tests;
