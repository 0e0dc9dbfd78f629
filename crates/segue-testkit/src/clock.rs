//! A clock that tests own.

use async_trait::async_trait;
use jiff::Timestamp;
use parking_lot::Mutex;
use segue_core::Clock;
use std::time::Duration;

/// A clock that moves only when somebody sleeps, or a test moves it. Sleeping takes no time: it moves the clock to its end.
#[derive(Debug)]
pub struct ManualClock {
    started: Timestamp,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    elapsed: Duration,
    slept: Vec<Duration>,
}

impl Default for ManualClock {
    /// At noon of the first of November 2026, UTC.
    fn default() -> ManualClock {
        ManualClock::at("2026-11-01T12:00:00Z")
    }
}

impl ManualClock {
    /// A clock that shows this time.
    ///
    /// # Panics
    /// When it is no time in RFC 3339.
    pub fn at(time: &str) -> ManualClock {
        ManualClock {
            started: time.parse().expect("a test writes a right time"),
            state: Mutex::default(),
        }
    }

    /// Moves it on.
    pub fn advance(&self, by: Duration) {
        self.state.lock().elapsed += by;
    }

    /// Every sleep so far, in order.
    pub fn slept(&self) -> Vec<Duration> {
        self.state.lock().slept.clone()
    }
}

#[async_trait]
impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        self.started + self.state.lock().elapsed
    }

    fn elapsed(&self) -> Duration {
        self.state.lock().elapsed
    }

    async fn sleep(&self, duration: Duration) {
        {
            let mut state = self.state.lock();
            state.slept.push(duration);
            state.elapsed += duration;
        }
        tokio::task::yield_now().await;
    }
}
