//! Keeping a rate that all processes share.

use crate::connector::Deps;
use jiff::Timestamp;
use segue_core::gate::{Gate, Rate};
use segue_core::meter::{Meter, Wait};
use segue_core::{Clock, Result};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::sync::Mutex;

/// By how much of the window places are kept further apart than they must be. A request reaches the server a little after its
/// place, and not always equally late: without this, two that are a window apart here could be less than one apart there.
const SLACK: f64 = 0.045;

/// A wait that is worth telling.
pub(super) const LONG: Duration = Duration::from_secs(1);

/// What came of asking for a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// It was there.
    Now,
    /// It was there after a while.
    Waited,
    /// There is none before then.
    Later(Timestamp),
}

/// Hands out places in a rate.
pub struct Pacer {
    key: String,
    rate: Rate,
    /// A place that is older when it is to be used is lost.
    patience: Duration,
    /// How many places pass in a tenth of a second: never more are reserved at once.
    most: u32,
    gate: Arc<dyn Gate>,
    clock: Arc<dyn Clock>,
    waiting: AtomicU32,
    places: Mutex<VecDeque<Timestamp>>,
}

impl Pacer {
    /// For this rate, under this key.
    pub fn new(key: &str, rate: Rate, deps: &Deps) -> Pacer {
        let per_second = f64::from(rate.count) / rate.window.as_secs_f64();
        Pacer {
            key: key.to_string(),
            rate: Rate {
                count: rate.count,
                window: rate.window.mul_f64(1.0 + SLACK),
            },
            patience: rate.window.mul_f64(SLACK * 0.5),
            most: ((per_second / 10.0) as u32).clamp(1, 64),
            gate: deps.gate.clone(),
            clock: deps.clock.clone(),
            waiting: AtomicU32::new(0),
            places: Mutex::default(),
        }
    }

    /// Waits for a place and uses it up: the request is to be sent now. Whether it had to wait.
    ///
    /// # Errors
    /// Those of the gate.
    pub async fn place(&self) -> Result<bool> {
        Ok(self.within(Duration::MAX).await? == Place::Waited)
    }

    /// The same, unless it would wait for longer than this: then the place stays for who comes at its time.
    ///
    /// # Errors
    /// Those of the gate.
    pub async fn within(&self, most: Duration) -> Result<Place> {
        let _waiting = Waiting::new(&self.waiting);
        let mut waited = false;
        loop {
            let at = {
                let mut places = self.places.lock().await;
                if places.is_empty() {
                    // As many as are waiting for one; a place that nobody uses at its time is lost.
                    let want = self.waiting.load(Ordering::Relaxed).clamp(1, self.most);
                    places.extend(self.gate.reserve(&self.key, self.rate, want).await?);
                }
                places.pop_front()
            };
            let Some(at) = at else { continue };
            let ahead = Duration::try_from(at.duration_since(self.clock.now())).unwrap_or_default();
            if ahead > most {
                self.places.lock().await.push_front(at);
                return Ok(Place::Later(at));
            }
            if ahead > Duration::ZERO {
                waited = true;
                // Places are mostly a moment apart; that is no news to anybody.
                let _waiting = (ahead >= LONG).then(|| waits(at, "the connection's rate")).flatten();
                self.clock.sleep(ahead).await;
            }
            let late = Duration::try_from(self.clock.now().duration_since(at)).unwrap_or_default();
            if late <= self.patience {
                return Ok(if waited { Place::Waited } else { Place::Now });
            }
            tokio::task::yield_now().await;
        }
    }
}

/// Tells the step that it waits, until the value is dropped.
pub(super) fn waits(until: Timestamp, reason: &str) -> Option<segue_core::meter::Waiting> {
    let reason = reason.to_string();
    Meter::current().map(|meter| meter.waits(Wait { until, reason }))
}

/// Counts one that waits until it is dropped.
struct Waiting<'a>(&'a AtomicU32);

impl<'a> Waiting<'a> {
    fn new(count: &'a AtomicU32) -> Waiting<'a> {
        count.fetch_add(1, Ordering::Relaxed);
        Waiting(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
