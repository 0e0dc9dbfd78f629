//! Time, handed in, so that tests own it.

use async_trait::async_trait;
use jiff::Timestamp;
use std::time::Duration;

/// Where time comes from. Nothing below the application asks the system.
#[async_trait]
pub trait Clock: Send + Sync + std::fmt::Debug {
    /// The wall clock, in microseconds. It may jump; nothing that must be ordered relies on it.
    fn now(&self) -> Timestamp;
    /// Time since some fixed moment, which never goes back.
    fn elapsed(&self) -> Duration;
    /// Waits this long.
    async fn sleep(&self, duration: Duration);
}

/// The system's clock.
#[derive(Debug)]
pub struct SystemClock {
    started: std::time::Instant,
}

impl Default for SystemClock {
    fn default() -> Self {
        SystemClock {
            started: std::time::Instant::now(),
        }
    }
}

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let now = Timestamp::now();
        Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now)
    }

    fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}
