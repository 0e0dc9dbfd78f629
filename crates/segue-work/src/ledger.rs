//! The one question that backfill, catch-up, resume and freshness ask: which parts of a table are missing or stale, and why.
//!
//! Pure: an asset's parts, its ledger, what was parked, and what happened to its inputs go in; a state for each part comes out.

mod history;
mod values;

pub use history::{Changed, InputHistory, Rule};
pub use values::values_hash;

use crate::ranges::Calendar;
use jiff::{SignedDuration, Timestamp};
use segue_core::commit::{Entry, InputVersion, Outcome};
use segue_core::source::Unfinished;
use segue_core::{AssetName, Labels, Result, Span, TableId};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fmt;

/// One part of a table: a range, a slice, or all of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Part {
    /// The stretch; `None` where the asset has no range.
    pub range: Option<Span>,
    /// The slice; none where the asset has no `for_each`.
    pub labels: Labels,
    /// The hash of the slice's values and the run's parameters, from [`values_hash`].
    pub values_hash: String,
}

/// What is known of one part.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It is done, and nothing says that it would be otherwise now.
    Fresh,
    /// It is known not to be ours to read, and it is not time to ask again.
    Closed,
    /// It was never done.
    Missing,
    /// It was done, and must be again.
    Stale(Why),
    /// It would be due, and must not be asked before this time.
    Parked {
        /// When it may go on.
        until: Timestamp,
    },
}

impl State {
    /// Whether a run does it now.
    pub fn is_due(&self) -> bool {
        matches!(self, State::Missing | State::Stale(_))
    }

    /// Why it is done now: missing, or the reason for which it is stale.
    pub fn reason(&self) -> String {
        match self {
            State::Stale(why) => why.to_string(),
            other => other.to_string(),
        }
    }

    /// The word for it: `fresh`, `closed`, `missing`, `stale`, `parked`.
    pub fn word(&self) -> &'static str {
        match self {
            State::Fresh => "fresh",
            State::Closed => "closed",
            State::Missing => "missing",
            State::Stale(_) => "stale",
            State::Parked { .. } => "parked",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            State::Stale(why) => write!(f, "stale: {why}"),
            State::Parked { until } => write!(f, "parked until {until}"),
            other => f.write_str(other.word()),
        }
    }
}

/// Why a part that was done must be again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// Somebody asked for it: `--again`.
    Again,
    /// It was made by another definition.
    Definition,
    /// The slice's values, or the run's parameters, are others now.
    Values,
    /// A read without `fresh:` is asked at every run.
    EveryRun,
    /// It is older than `fresh:` allows.
    Age {
        /// When the read began that it is the state of.
        read_at: Timestamp,
    },
    /// An input has changed in what this part is computed from.
    Input {
        /// Which.
        name: AssetName,
        /// The version of it that changed it.
        version: u64,
    },
    /// A program other than Segue changed an input: that may be anything.
    Foreign {
        /// Which.
        name: AssetName,
        /// The version of it that is nobody's commit.
        version: u64,
    },
    /// The SQL of a view that it reads is another now.
    View {
        /// Which.
        name: AssetName,
    },
    /// It was not computed from this input, or from an earlier table under its name.
    NewInput {
        /// Which.
        name: AssetName,
    },
    /// Its first read was cut off, and some of its rows are there.
    Unfinished(Unfinished),
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Why::Again => f.write_str("asked for with --again"),
            Why::Definition => f.write_str("the definition changed"),
            Why::Values => f.write_str("its values or parameters changed"),
            Why::EveryRun => f.write_str("read at every run (no `fresh:`)"),
            Why::Age { read_at } => write!(f, "read at {read_at}, longer ago than `fresh:` allows"),
            Why::Input { name, version } => write!(f, "{name} changed in version {version}"),
            Why::Foreign { name, version } => write!(f, "another program changed {name} in version {version}"),
            Why::View { name } => write!(f, "the SQL of the view {name} changed"),
            Why::NewInput { name } => write!(f, "{name} is a new input"),
            Why::Unfinished(unfinished) => unfinished.fmt(f),
        }
    }
}

impl Why {
    /// The reason without the times that differ from part to part.
    pub fn in_kind(&self) -> String {
        match self {
            Why::Age { .. } => "older than `fresh:` allows".into(),
            other => other.to_string(),
        }
    }
}

/// What makes a part of this asset old.
pub enum Reading<'a> {
    /// It is read from a source: age does.
    Source {
        /// Younger is good enough; `None`: every run reads. Never given with a position, which is always asked.
        fresh: Option<SignedDuration>,
    },
    /// It is computed from lake tables: their changes do.
    Inputs {
        /// Each input with what happened to it.
        inputs: &'a [InputHistory],
        /// The asset's ranges, if it has any.
        calendar: Option<&'a Calendar>,
        /// The versions that a commit of this asset was computed from, by its number.
        computed_from: &'a HashMap<u64, Vec<InputVersion>>,
    },
}

/// How far the clocks of machines that share a state may be apart.
const CLOCKS_DIFFER: SignedDuration = SignedDuration::from_mins(5);

/// A slice that must not be asked before a time.
#[derive(Clone, Debug, PartialEq)]
pub struct ParkedUntil {
    /// Which.
    pub labels: Labels,
    /// When it may go on; `None`: at the next run.
    pub until: Option<Timestamp>,
}

/// A question to the ledger.
pub struct Question<'a> {
    /// What the ledger holds of the asset.
    pub ledger: &'a [Entry],
    /// What is parked. It does not count where everything was asked for.
    pub parked: &'a [ParkedUntil],
    /// The data hash of the asset's definition now.
    pub data_hash: &'a str,
    /// What makes a part old.
    pub reading: Reading<'a>,
    /// Whether everything was asked for, fresh or not.
    pub again: bool,
    /// When the run began that asks: what was read since is as young as this run can make it.
    pub since: Option<Timestamp>,
    /// What time it is.
    pub now: Timestamp,
}

impl Question<'_> {
    /// The state of each of these parts, in their order.
    ///
    /// # Errors
    /// Those of the calendar.
    pub fn answer(&self, parts: &[Part]) -> Result<Vec<State>> {
        let mut by_labels: HashMap<&Labels, Vec<&Entry>> = HashMap::new();
        for entry in self.ledger {
            by_labels.entry(&entry.labels).or_default().push(entry);
        }
        for entries in by_labels.values_mut() {
            entries.sort_by_key(|e| e.range);
        }
        let parked: HashMap<&Labels, Timestamp> = self
            .parked
            .iter()
            .filter(|_| !self.again)
            .filter_map(|p| Some((&p.labels, p.until.filter(|t| *t > self.now)?)))
            .collect();
        parts
            .iter()
            .map(|part| {
                let entries = by_labels.get(&part.labels).map_or(&[][..], Vec::as_slice);
                let state = self.state(part, entries)?;
                Ok(match parked.get(&part.labels) {
                    Some(until) if state.is_due() => State::Parked { until: *until },
                    _ => state,
                })
            })
            .collect()
    }

    fn state(&self, part: &Part, entries: &[&Entry]) -> Result<State> {
        let Some(entries) = covering(part, entries) else {
            return Ok(State::Missing);
        };
        let mut closed = false;
        for entry in entries {
            let is_of_this_run = self.since.is_some_and(|since| entry.read_at >= since) && self.has_been(entry.read_at);
            let why = match self.why(part, entry)? {
                // What was read or computed in this run is young enough; that its input changed since counts all the same.
                None | Some(Why::EveryRun | Why::Age { .. } | Why::Again) if is_of_this_run => None,
                Some(why @ (Why::Definition | Why::Values)) => Some(why),
                _ if self.again => Some(Why::Again),
                why => why,
            };
            if let Some(why) = why {
                return Ok(State::Stale(why));
            }
            closed |= entry.outcome == Outcome::Closed;
        }
        Ok(if closed { State::Closed } else { State::Fresh })
    }

    /// A time that has not come yet was told by a clock that was wrong: nobody knows how long ago it was.
    fn has_been(&self, at: Timestamp) -> bool {
        at <= self.now.saturating_add(CLOCKS_DIFFER).unwrap_or(self.now)
    }

    fn why(&self, part: &Part, entry: &Entry) -> Result<Option<Why>> {
        if entry.data_hash != self.data_hash {
            return Ok(Some(Why::Definition));
        }
        if entry.values_hash != part.values_hash {
            return Ok(Some(Why::Values));
        }
        match &self.reading {
            Reading::Source { fresh: None } => Ok(Some(Why::EveryRun)),
            Reading::Source { fresh: Some(fresh) } => {
                let is_young = self.has_been(entry.read_at)
                    && entry.read_at.checked_add(*fresh).is_ok_and(|until| self.now < until);
                Ok((!is_young).then_some(Why::Age { read_at: entry.read_at }))
            }
            Reading::Inputs {
                inputs,
                calendar,
                computed_from,
            } => {
                let committed = computed_from.get(&entry.n).map_or(&[][..], Vec::as_slice);
                let seen = match (part.range, calendar) {
                    (Some(range), Some(calendar)) => Some(calendar.reopened_by(range)?),
                    _ => None,
                };
                for input in *inputs {
                    if let Some(why) = input.reopens(version_of(input.table, entry, committed), seen, *calendar)? {
                        return Ok(Some(why));
                    }
                }
                Ok(None)
            }
        }
    }
}

/// The version of this input that the entry is the state of: the one seen since, or the one that its commit was computed from.
fn version_of(input: TableId, entry: &Entry, committed: &[InputVersion]) -> Option<u64> {
    let of_commit = || committed.iter().find(|i| i.table == input).map(|i| i.version);
    entry.inputs.get(&input).copied().or_else(of_commit)
}

/// The entries that make a part done: one for a slice or a whole; for a range those that together cover it. `None` when it is not.
fn covering<'a, 'e>(part: &Part, entries: &'a [&'e Entry]) -> Option<&'a [&'e Entry]> {
    let Some(range) = part.range else {
        return (!entries.is_empty()).then_some(entries);
    };
    let first = entries.partition_point(|e| e.range.is_some_and(|r| r.to <= range.from));
    let mut covered = range.from;
    let mut last = first;
    while covered < range.to {
        let next = entries.get(last)?.range?;
        if next.from > covered {
            return None;
        }
        covered = next.to;
        last += 1;
    }
    Some(&entries[first..last])
}

#[cfg(test)]
mod tests;
