//! Windows of time, in which only so many requests are admitted.

use jiff::Timestamp;
use std::collections::VecDeque;
use std::time::Duration;

/// Admits at most `most` requests in a stretch of `length`.
pub(super) struct Window {
    most: usize,
    length: Duration,
    counting: Counting,
    /// Whether it is the account's quota, not the rate.
    is_quota: bool,
    counted: VecDeque<Timestamp>,
}

/// What a window counts, and in which stretches.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Counting {
    /// What was admitted, in any half-open stretch.
    Admitted,
    /// What came, in any half-open stretch: whoever goes on asking stays refused.
    Everything,
    /// What was admitted since the clock last showed a multiple of the length.
    ByTheClock,
}

/// What a window has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Left {
    pub(super) most: usize,
    pub(super) remaining: usize,
    /// When it will have more.
    pub(super) more_at: Timestamp,
}

/// Why somebody is not admitted, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Full {
    pub(super) wait: Duration,
    pub(super) is_quota: bool,
}

impl Window {
    /// At most so many in any half-open stretch; who is refused does not count.
    pub(super) fn new(most: usize, length: Duration) -> Window {
        Window {
            most,
            length,
            counting: Counting::Admitted,
            is_quota: false,
            counted: VecDeque::new(),
        }
    }

    /// The same, and who is refused counts too.
    pub(super) fn of_everything(most: usize, length: Duration) -> Window {
        Window {
            counting: Counting::Everything,
            ..Window::new(most, length)
        }
    }

    /// At most so many between multiples of `length` by the clock.
    pub(super) fn by_the_clock(most: usize, length: Duration) -> Window {
        Window {
            counting: Counting::ByTheClock,
            ..Window::new(most, length)
        }
    }

    /// The account's quota: so many in a long time.
    pub(super) fn quota(most: usize, length: Duration) -> Window {
        Window {
            is_quota: true,
            ..Window::new(most, length)
        }
    }

    /// Whether there is room for one more now, or how long until there is.
    fn room(&mut self, now: Timestamp) -> Result<(), Full> {
        self.forget(now);
        match self.counted.len() < self.most {
            true => Ok(()),
            false => Err(Full {
                wait: until(now, self.more_at(now)),
                is_quota: self.is_quota,
            }),
        }
    }

    /// What it has left.
    pub(super) fn left(&mut self, now: Timestamp) -> Left {
        self.forget(now);
        Left {
            most: self.most,
            remaining: self.most - self.counted.len().min(self.most),
            more_at: self.more_at(now),
        }
    }

    pub(super) fn clear(&mut self) {
        self.counted.clear();
    }

    /// When what keeps it full has left it.
    fn more_at(&self, now: Timestamp) -> Timestamp {
        match self.counting {
            Counting::ByTheClock => self.start(now) + self.length,
            // Where refused requests count there may be more than fit; the last that fits has to go.
            _ => {
                let oldest = self.counted.len().saturating_sub(self.most);
                self.counted.get(oldest).map_or(now, |t| *t + self.length)
            }
        }
    }

    fn forget(&mut self, now: Timestamp) {
        match self.counting {
            Counting::ByTheClock => {
                let start = self.start(now);
                while self.counted.front().is_some_and(|t| *t < start) {
                    self.counted.pop_front();
                }
            }
            _ => forget(&mut self.counted, now, self.length),
        }
    }

    /// When the clock last showed a multiple of the length.
    fn start(&self, now: Timestamp) -> Timestamp {
        let seconds = (self.length.as_secs() as i64).max(1);
        let start = now.as_second().div_euclid(seconds) * seconds;
        Timestamp::from_second(start).unwrap_or(now)
    }
}

/// Admits one more to all of these windows now, or to none of them, and says which one has no room.
pub(super) fn admit(windows: &mut [Window], now: Timestamp) -> Result<(), Full> {
    let full = windows.iter_mut().map(|w| w.room(now)).find_map(Result::err);
    for window in windows {
        if full.is_none() || window.counting == Counting::Everything {
            window.counted.push_back(now);
        }
    }
    full.map_or(Ok(()), Err)
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

#[cfg(test)]
mod tests;
