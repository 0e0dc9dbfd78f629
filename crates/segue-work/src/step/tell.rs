//! Telling how far a read is while it goes on: what moved, and what it waits for.

use super::read::{Fate, Reading};
use crate::report::{Event, Figures, Progress};
use segue_core::{AssetName, Ctx};
use std::time::Duration;

/// How often it is told, at most.
pub const TOLD_EVERY: Duration = Duration::from_millis(200);

/// Whoever is told of one step, and what of it counted before this read.
pub struct Tell<'a> {
    progress: &'a dyn Progress,
    name: &'a AssetName,
    before: Figures,
    last: Option<Duration>,
}

impl<'a> Tell<'a> {
    /// Tells of the step with this name, whose figures were these when the read began.
    pub fn of(progress: &'a dyn Progress, name: &'a AssetName, before: Figures) -> Tell<'a> {
        Tell {
            progress,
            name,
            before,
            last: None,
        }
    }

    /// Whether anybody listens.
    pub fn is_heard(&self) -> bool {
        self.progress.is_heard()
    }

    /// Tells how far the read is, unless that was told just before.
    pub fn how_far(&mut self, reading: &Reading<'_>, now: Duration, ctx: &Ctx) {
        if !self.is_heard() || self.last.is_some_and(|last| now.saturating_sub(last) < TOLD_EVERY) {
            return;
        }
        self.last = Some(now);
        let name = self.name.clone();
        if let Some(wait) = ctx.meter.waiting().filter(|wait| wait.until > ctx.clock.now()) {
            return self.progress.tell(Event::Waiting {
                name,
                reason: wait.reason,
                until: Some(wait.until),
            });
        }
        let count = |is: fn(&Fate) -> bool| reading.fates.iter().filter(|fate| is(fate)).count() as u64;
        let mut figures = self.before.clone();
        figures.rows_in = Some(figures.rows_in.unwrap_or(0) + reading.rows);
        figures.calls = Some(ctx.meter.usage().calls).filter(|calls| *calls > 0);
        figures.slices.done += count(|f| matches!(f, Fate::Done));
        figures.slices.closed += count(|f| matches!(f, Fate::Closed));
        figures.slices.parked += count(|f| matches!(f, Fate::Parked { .. }));
        self.progress.tell(Event::Moved { name, figures });
    }
}
