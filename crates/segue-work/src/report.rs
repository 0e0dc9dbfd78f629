//! What a step and a run did, in figures, and how far they are meanwhile. What nobody measured is `None`.

use jiff::Timestamp;
use segue_core::{AssetName, Error, Kind, RunId, Span};
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// How a step ended.
#[derive(Debug)]
pub enum Ended {
    /// Nothing is missing that was listed.
    Done,
    /// Some slices are not done.
    Partial,
    /// It failed; what had committed stays.
    Failed(Error),
    /// Somebody asked for it to stop.
    Cancelled,
    /// It was not begun, because of what it depends on.
    Skipped {
        /// Why, for people.
        because: String,
    },
}

impl Ended {
    /// The word for it: `done`, `partial`, `failed`, `cancelled`, `skipped`.
    pub fn word(&self) -> &'static str {
        match self {
            Ended::Done => "done",
            Ended::Partial => "partial",
            Ended::Failed(_) => "failed",
            Ended::Cancelled => "cancelled",
            Ended::Skipped { .. } => "skipped",
        }
    }

    /// The end that a failure is: stopping because somebody asked is no failure.
    pub fn of(error: Error) -> Ended {
        if error.kind() == Kind::Cancelled {
            Ended::Cancelled
        } else {
            Ended::Failed(error)
        }
    }
}

/// How many slices ended how, in one step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SliceCounts {
    /// All that are listed.
    pub listed: u64,
    /// Done in this step.
    pub done: u64,
    /// Parked in this step, or before it and not yet to be asked.
    pub parked: u64,
    /// Failed in this step.
    pub failed: u64,
    /// Found not to be ours to read in this step.
    pub closed: u64,
    /// Done before, and no longer listed; their rows are kept.
    pub gone: u64,
}

/// The figures of one step.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Figures {
    /// Rows that came in; `None` where nothing counted them.
    pub rows_in: Option<u64>,
    /// Rows that the commits wrote.
    pub rows_written: u64,
    /// Rows that are there now and were not, or are no longer or no longer so.
    pub rows_changed: u64,
    /// Rows that were set aside.
    pub rows_quarantined: u64,
    /// Rows that were equal to another of the same read, and counted once.
    pub rows_doubled: u64,
    /// Bytes that came in; `None` where nothing counted them.
    pub bytes_in: Option<u64>,
    /// Bytes that the commits wrote.
    pub bytes_written: u64,
    /// Requests; `None` for a step that sends none.
    pub calls: Option<u64>,
    /// CPU time of the step's own polls and blocking tasks; `None` where it was not measured.
    #[serde(serialize_with = "microseconds")]
    pub cpu: Option<Duration>,
    /// The most memory that was held at once, in bytes; `None` where nothing measured it.
    pub peak_memory: Option<u64>,
    /// From its first try to its end.
    #[serde(serialize_with = "micros")]
    pub duration: Duration,
    /// Commits that landed.
    pub commits: u64,
    /// Its slices.
    pub slices: SliceCounts,
}

fn microseconds<S: serde::Serializer>(duration: &Option<Duration>, s: S) -> Result<S::Ok, S::Error> {
    duration.map(|d| d.as_micros() as u64).serialize(s)
}

fn micros<S: serde::Serializer>(duration: &Duration, s: S) -> Result<S::Ok, S::Error> {
    (duration.as_micros() as u64).serialize(s)
}

/// What one asset's step did.
#[derive(Debug)]
pub struct StepReport {
    /// Whose.
    pub name: AssetName,
    /// How it ended.
    pub ended: Ended,
    /// Its figures.
    pub figures: Figures,
    /// What is worth saying: warnings of checks, dropped values, what was replayed.
    pub notes: Vec<String>,
    /// How often it was tried.
    pub attempts: u32,
    /// The stretches that it computed, for assets with a range.
    pub ranges: Vec<Span>,
    /// Until when something of it is parked, the earliest.
    pub parked_until: Option<Timestamp>,
    /// What became of rows that were set aside, where that was asked for.
    pub handled: Option<HandledRows>,
}

/// What becomes of rows that were set aside and are taken in hand.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct HandledRows {
    /// Those that were meant.
    pub chosen: u64,
    /// Those that go into the table.
    pub replayed: u64,
    /// Those that leave because an equal row is in the table, or comes with them.
    pub there: u64,
    /// Those that are left as they are, because something newer has their key.
    pub newer: u64,
    /// Those that stay.
    pub stay: u64,
    /// Why, and how many of them.
    pub because: BTreeMap<String, u64>,
    /// Those that nobody wants.
    pub discarded: u64,
}

impl HandledRows {
    /// The same, where so many that were to go in were not let in by the table itself.
    pub fn without_refused(self, refused: u64) -> HandledRows {
        let mut because = self.because;
        if refused > 0 {
            *because.entry("the table does not let it in".into()).or_default() += refused;
        }
        HandledRows {
            replayed: self.replayed - refused.min(self.replayed),
            stay: self.stay + refused,
            because,
            ..self
        }
    }
}

impl StepReport {
    /// The stretch that holds every range which it computed.
    pub fn hull(&self) -> Option<Span> {
        let from = self.ranges.iter().map(|r| r.from).min()?;
        let to = self.ranges.iter().map(|r| r.to).max()?;
        Some(Span::new(from, to))
    }

    /// The same with every text of it passed through this: for taking secrets out before it is written down.
    pub fn rewritten(self, text: impl Fn(&str) -> String) -> StepReport {
        StepReport {
            notes: self.notes.iter().map(|note| text(note)).collect(),
            ended: match self.ended {
                Ended::Failed(error) => Ended::Failed(error.rewritten(text)),
                other => other,
            },
            ..self
        }
    }
}

/// What came of looking which assets a file with `tables:` stands for.
#[derive(Debug)]
pub struct FamilyReport {
    /// Its name: `raw.*`.
    pub name: String,
    /// Done, partial where something waits for a decision, or failed. What was known of it ran all the same.
    pub ended: Ended,
    /// The assets that were not there before.
    pub new: Vec<AssetName>,
    /// What is worth saying.
    pub notes: Vec<String>,
}

/// What a run did.
#[derive(Debug)]
pub struct RunReport {
    /// Which.
    pub run: RunId,
    /// When it began.
    pub started_at: Timestamp,
    /// How long it took.
    pub duration: Duration,
    /// Its steps, in the order in which they ended.
    pub steps: Vec<StepReport>,
    /// The families of assets that were looked at before it began.
    pub families: Vec<FamilyReport>,
}

impl RunReport {
    /// The word for how it ended: that of its worst step.
    pub fn word(&self) -> &'static str {
        match self.exit_code() {
            0 => "done",
            8 => "partial",
            130 => "cancelled",
            _ => "failed",
        }
    }

    /// The exit code: 0 done, 8 partial, 9 a check failed, otherwise that of the first failure's kind.
    pub fn exit_code(&self) -> u8 {
        let ends = || {
            self.steps
                .iter()
                .map(|s| &s.ended)
                .chain(self.families.iter().map(|f| &f.ended))
        };
        let failed = ends().find_map(|ended| match ended {
            Ended::Failed(error) => Some(failure_code(error)),
            _ => None,
        });
        let is = |word| ends().any(|ended| ended.word() == word);
        match failed {
            Some(code) => code,
            None if is("cancelled") => Kind::Cancelled.exit_code(),
            None if is("partial") => 8,
            None => 0,
        }
    }

    /// How many steps ended in each way.
    pub fn counts(&self) -> BTreeMap<&'static str, usize> {
        let mut counts = BTreeMap::new();
        for step in &self.steps {
            *counts.entry(step.ended.word()).or_insert(0) += 1;
        }
        counts
    }
}

/// The exit code that a failed step gives its run.
pub fn failure_code(error: &Error) -> u8 {
    if error.error_code() == Some(segue_diag::CHECK_FAILED) {
        9
    } else {
        error.kind().exit_code()
    }
}

/// How far a step is.
#[derive(Clone, Debug)]
pub enum Event {
    /// A step begins, for the first time or again.
    Started {
        /// Whose.
        name: AssetName,
        /// From 1.
        attempt: u32,
    },
    /// What a step has found to do.
    ToDo {
        /// Whose.
        name: AssetName,
        /// Slices or ranges; 1 for a whole.
        parts: u64,
        /// What is listed altogether.
        listed: u64,
    },
    /// How far it has come.
    Moved {
        /// Whose.
        name: AssetName,
        /// Its figures so far.
        figures: Figures,
    },
    /// It waits for something, and will go on by itself.
    Waiting {
        /// Whose.
        name: AssetName,
        /// For what, for people.
        reason: String,
        /// Until when, if that is known.
        until: Option<Timestamp>,
    },
    /// A step ended.
    Ended {
        /// Whose.
        name: AssetName,
        /// `done`, `partial`, `failed`, `cancelled` or `skipped`.
        word: &'static str,
        /// Its figures.
        figures: Figures,
    },
}

/// Somebody who is told how far a run is. Called from many tasks; it must not block.
pub trait Progress: Send + Sync {
    /// Something moved.
    fn tell(&self, event: Event);

    /// Whether anybody listens: otherwise nobody needs to find out how far it is.
    fn is_heard(&self) -> bool {
        true
    }
}

/// Nobody.
pub struct Silent;

impl Progress for Silent {
    fn tell(&self, _event: Event) {}

    fn is_heard(&self) -> bool {
        false
    }
}
