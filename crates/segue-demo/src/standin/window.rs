//! Sliding windows: at most so many in any stretch of time.

use jiff::Timestamp;
use std::collections::VecDeque;
use std::time::Duration;

/// Admits at most `most` in any half-open stretch of `length`.
pub(super) struct Window {
    most: usize,
    length: Duration,
    admitted: VecDeque<Timestamp>,
}

impl Window {
    pub(super) fn new(most: usize, length: Duration) -> Window {
        Window {
            most,
            length,
            admitted: VecDeque::new(),
        }
    }

    /// Admits one more now, or says how long until there is room.
    pub(super) fn admit(&mut self, now: Timestamp) -> Result<(), Duration> {
        forget(&mut self.admitted, now, self.length);
        match self.admitted.front() {
            Some(oldest) if self.admitted.len() >= self.most => Err(until(now, *oldest + self.length)),
            _ => {
                self.admitted.push_back(now);
                Ok(())
            }
        }
    }

    pub(super) fn clear(&mut self) {
        self.admitted.clear();
    }
}

/// The most that came in any second.
#[derive(Default)]
pub(super) struct Peak {
    last_second: VecDeque<Timestamp>,
    pub(super) most: usize,
}

impl Peak {
    pub(super) fn count(&mut self, now: Timestamp) {
        forget(&mut self.last_second, now, Duration::from_secs(1));
        self.last_second.push_back(now);
        self.most = self.most.max(self.last_second.len());
    }
}

/// Drops what is older than a window that ends now.
fn forget(times: &mut VecDeque<Timestamp>, now: Timestamp, length: Duration) {
    while times.front().is_some_and(|t| *t + length <= now) {
        times.pop_front();
    }
}

/// How long from now until then; zero when it is past.
pub(super) fn until(now: Timestamp, then: Timestamp) -> Duration {
    Duration::try_from(then.duration_since(now)).unwrap_or_default()
}
