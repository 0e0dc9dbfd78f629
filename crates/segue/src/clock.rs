//! The machine's clock, or one that is ahead of it.

use async_trait::async_trait;
use jiff::Timestamp;
use segue_core::{Clock, SystemClock};
use std::sync::Arc;
use std::time::Duration;

/// The machine's clock. `SEGUE_CLOCK_AHEAD=25h` sets it ahead: for trying what happens a day later.
pub fn of_this_machine() -> Arc<dyn Clock> {
    let ahead = std::env::var("SEGUE_CLOCK_AHEAD")
        .ok()
        .and_then(|text| segue_app::duration(&text).ok());
    match ahead {
        Some(ahead) => Arc::new(Ahead {
            clock: SystemClock::default(),
            ahead,
        }),
        None => Arc::new(SystemClock::default()),
    }
}

#[derive(Debug)]
struct Ahead {
    clock: SystemClock,
    ahead: Duration,
}

#[async_trait]
impl Clock for Ahead {
    fn now(&self) -> Timestamp {
        self.clock.now() + self.ahead
    }

    fn elapsed(&self) -> Duration {
        self.clock.elapsed()
    }

    async fn sleep(&self, duration: Duration) {
        self.clock.sleep(duration).await;
    }
}
