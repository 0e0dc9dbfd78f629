//! How a step ended, counted over all slices that are listed: those that were done before, too.

use super::optional::told;
use crate::report::{Ended, SliceCounts};
use segue_core::commit::{Entry, Outcome};
use segue_core::{AssetName, Error, Kind, Labels};
use segue_diag::{ALL_CLOSED, NOTHING_DONE, TOO_MANY_PARKED};
use std::collections::HashMap;

/// What the end is decided by.
pub struct Count<'a> {
    /// Whose.
    pub name: &'a AssetName,
    /// All slices that are listed.
    pub listed: Vec<&'a Labels>,
    /// The ledger after the step.
    pub ledger: &'a [Entry],
    /// What was counted in the step.
    pub slices: SliceCounts,
    /// The share of slices that may be parked, from 0 to 1.
    pub max_parked: f64,
    /// Whether whoever reads it goes on without it.
    pub is_optional: bool,
    /// The first failure of a slice.
    pub first_failure: Option<Error>,
    /// Why the first slice was parked.
    pub parked_because: Option<String>,
}

impl Count<'_> {
    /// How the step ended.
    ///
    /// None done, or more than the allowed share put off: it failed; what committed stays, and the rest resumes. A slice that failed is put
    /// off like a parked one, and counts like one. An optional asset is partial then: the reason is a note.
    pub fn end(self, notes: &mut Vec<String>) -> Ended {
        let is_optional = self.is_optional;
        match self.ended() {
            Ended::Failed(error) if is_optional => {
                notes.push(format!("not read now, and optional: {}", told(&error)));
                Ended::Partial
            }
            ended => ended,
        }
    }

    fn ended(self) -> Ended {
        let by_labels: HashMap<&Labels, Outcome> = self.ledger.iter().map(|e| (&e.labels, e.outcome)).collect();
        let count = |outcome: Outcome| {
            self.listed
                .iter()
                .filter(|l| by_labels.get(**l) == Some(&outcome))
                .count()
        };
        let (done, closed) = (count(Outcome::Done), count(Outcome::Closed));
        let total = self.listed.len();
        let put_off = (self.slices.parked + self.slices.failed) as usize;
        if total == 0 {
            return Ended::Done;
        }
        if closed == total {
            return match self.is_optional {
                true => Ended::Done,
                false => Ended::Failed(
                    Error::new(
                        Kind::Denied,
                        format!("all {total} slices of {} are closed: not ours to read", self.name),
                    )
                    .code(ALL_CLOSED)
                    .hint("if that may be, write `optional: true`"),
                ),
            };
        }
        if done == 0 {
            return Ended::Failed(self.failed(
                NOTHING_DONE,
                format!("none of the {total} slices of {} is done", self.name),
            ));
        }
        if put_off as f64 > self.max_parked * total as f64 {
            let message = format!(
                "{put_off} of the {total} slices of {} are put off: more than max_parked allows",
                self.name
            );
            return Ended::Failed(self.failed(TOO_MANY_PARKED, message));
        }
        if put_off > 0 || done + closed < total {
            Ended::Partial
        } else {
            Ended::Done
        }
    }

    fn failed(&self, code: segue_diag::Code, message: String) -> Error {
        let kind = self.first_failure.as_ref().map_or(Kind::Unavailable, Error::kind);
        let mut error = Error::new(kind, message)
            .code(code)
            .with("parked", self.slices.parked)
            .with("failed", self.slices.failed)
            .hint("what was committed stays, and the next run goes on with the rest");
        if let Some(why) = &self.first_failure {
            // With its code: that is what `segue explain` is asked about.
            error = error.with("first failure", told(why));
        }
        if let Some(why) = &self.parked_because {
            error = error.with("parked because", why);
        }
        error
    }
}
