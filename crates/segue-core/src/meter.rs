//! What a step uses, measured where it is used.

use cpu_time::ThreadTime;
use jiff::Timestamp;
use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

/// Counters of one step. Everything that works for the step adds to them; what nobody measured stays `None` in [`Usage`].
#[derive(Debug, Default)]
pub struct Meter {
    cpu_ns: AtomicU64,
    /// Rows taken in from the source or the inputs.
    pub rows_in: AtomicU64,
    /// Bytes taken in, as they lie on the disk, or of answers when they are unpacked.
    pub bytes_in: AtomicU64,
    /// Requests sent, tries included, and those for tokens.
    pub calls: AtomicU64,
    most_reserved: AtomicU64,
    held: AtomicI64,
    most_held: AtomicI64,
    waits: Mutex<Vec<Wait>>,
}

/// Why work stands still, and until when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wait {
    /// Until when.
    pub until: Timestamp,
    /// For what, for people.
    pub reason: String,
}

/// What a thread holds more than when it was last asked, and the most that it held in between, in bytes.
type Gauge = fn() -> (i64, i64);

static GAUGE: OnceLock<Gauge> = OnceLock::new();

/// Makes all meters count the memory that is taken and given back: the program's allocator knows it, by thread. Without it they know what
/// the SQL engine reserves.
pub fn count_memory_by(gauge: Gauge) {
    // The first stays: there is one allocator.
    let _first = GAUGE.set(gauge);
}

/// Whether memory is counted where it is taken, and not only where the SQL engine reserves it.
pub fn counts_memory() -> bool {
    GAUGE.get().is_some()
}

/// What was used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// CPU time of the step's polls and blocking tasks.
    pub cpu: Duration,
    /// Rows taken in.
    pub rows_in: u64,
    /// Bytes taken in.
    pub bytes_in: u64,
    /// Requests sent.
    pub calls: u64,
    /// The most memory that was held at once, in bytes; `None` where nothing measured it.
    pub peak_memory: Option<u64>,
}

thread_local! {
    static CURRENT: RefCell<Option<Running>> = const { RefCell::new(None) };
}

impl Meter {
    /// The meter of the step whose future is being polled on this thread, if there is one: for handing on to tasks that it spawns.
    pub fn current() -> Option<Arc<Meter>> {
        CURRENT.with(|c| c.borrow().as_ref().map(|running| running.meter.clone()))
    }

    /// The future, every poll of which counts as this meter's CPU time.
    pub fn measure<F: Future>(self: &Arc<Meter>, future: F) -> Measured<F> {
        Measured {
            meter: self.clone(),
            future: Some(Box::pin(future)),
        }
    }

    /// Runs this now and counts its CPU time: for the inside of blocking tasks.
    pub fn measured<T>(self: &Arc<Meter>, work: impl FnOnce() -> T) -> T {
        let _counting = Counting::start(self);
        work()
    }

    /// Memory that is reserved now; the highest is kept.
    pub fn memory(&self, bytes: u64) {
        self.most_reserved.fetch_max(bytes, Ordering::Relaxed);
    }

    fn add_memory(&self, net: i64, highest: i64) {
        let before = self.held.fetch_add(net, Ordering::Relaxed);
        self.most_held.fetch_max(before + highest, Ordering::Relaxed);
    }

    /// Says that something waits until then; the value says when it no longer does.
    pub fn waits(self: &Arc<Meter>, wait: Wait) -> Waiting {
        self.waits
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(wait.clone());
        Waiting {
            meter: self.clone(),
            wait,
        }
    }

    /// What it waits for longest, if something waits.
    pub fn waiting(&self) -> Option<Wait> {
        let waits = self.waits.lock().unwrap_or_else(PoisonError::into_inner);
        waits.iter().max_by_key(|wait| wait.until).cloned()
    }

    /// What was used so far.
    pub fn usage(&self) -> Usage {
        let peak = match counts_memory() {
            true => u64::try_from(self.most_held.load(Ordering::Relaxed)).unwrap_or(0),
            false => self.most_reserved.load(Ordering::Relaxed),
        };
        Usage {
            cpu: Duration::from_nanos(self.cpu_ns.load(Ordering::Relaxed)),
            rows_in: self.rows_in.load(Ordering::Relaxed),
            bytes_in: self.bytes_in.load(Ordering::Relaxed),
            calls: self.calls.load(Ordering::Relaxed),
            peak_memory: (peak > 0).then_some(peak),
        }
    }
}

/// Adds what this thread took and gave back until now to the meter that it counts for: for work that goes on for long on a thread of its
/// own and hands what it made to another one, where it will be given back.
pub fn settle_memory() {
    let Some(gauge) = GAUGE.get() else { return };
    CURRENT.with(|current| {
        if let Some(running) = current.borrow().as_ref() {
            let (net, highest) = gauge();
            running.meter.add_memory(net, highest);
        }
    });
}

/// Counts as waiting until it is dropped.
#[derive(Debug)]
pub struct Waiting {
    meter: Arc<Meter>,
    wait: Wait,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let mut waits = self.meter.waits.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = waits.iter().position(|wait| *wait == self.wait) {
            waits.swap_remove(at);
        }
    }
}

/// The meter that this thread counts for, and since when.
struct Running {
    meter: Arc<Meter>,
    since: ThreadTime,
}

impl Running {
    fn stop(&self, now: ThreadTime, (net, highest): (i64, i64)) {
        let used = now.duration_since(self.since).as_nanos() as u64;
        self.meter.cpu_ns.fetch_add(used, Ordering::Relaxed);
        self.meter.add_memory(net, highest);
    }
}

/// Counts this thread's CPU time until it is dropped. A meter inside a meter counts for itself alone: the outer one stops meanwhile.
struct Counting {
    outer: Option<Arc<Meter>>,
}

impl Counting {
    fn start(meter: &Arc<Meter>) -> Counting {
        Counting {
            outer: switch(Some(meter.clone())),
        }
    }
}

impl Drop for Counting {
    fn drop(&mut self) {
        switch(self.outer.take());
    }
}

/// Counts for this meter from now on; the one that was counted for until now.
fn switch(to: Option<Arc<Meter>>) -> Option<Arc<Meter>> {
    let now = ThreadTime::now();
    let next = to.map(|meter| Running { meter, since: now });
    let before = CURRENT.with(|c| c.replace(next));
    // What nobody counted for until now is forgotten with it.
    let held = GAUGE.get().map_or((0, 0), |gauge| gauge());
    let before = before?;
    before.stop(now, held);
    Some(before.meter)
}

/// A future whose polls are counted.
pub struct Measured<F> {
    meter: Arc<Meter>,
    future: Option<Pin<Box<F>>>,
}

impl<F> Drop for Measured<F> {
    fn drop(&mut self) {
        // What it gives back in the end is its own.
        let _counting = Counting::start(&self.meter);
        self.future = None;
    }
}

impl<F: Future> Future for Measured<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let _counting = Counting::start(&self.meter);
        match self.future.as_mut() {
            Some(future) => future.as_mut().poll(cx),
            None => Poll::Pending,
        }
    }
}

/// Runs blocking work on a blocking thread, counted for the current step.
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> crate::Result<T> {
    let meter = Meter::current();
    tokio::task::spawn_blocking(move || match meter {
        Some(meter) => meter.measured(work),
        None => work(),
    })
    .await
    .map_err(|e| crate::Error::bug("a blocking task did not finish").caused_by(e))
}

/// Starts a task that is counted for the current step.
pub fn spawn<F>(future: F) -> tokio::task::JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    match Meter::current() {
        Some(meter) => tokio::spawn(meter.measure(future)),
        None => tokio::spawn(future),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn busy_for(time: Duration) {
        let begun = ThreadTime::now();
        while begun.elapsed() < time {
            std::hint::spin_loop();
        }
    }

    thread_local! {
        static HELD: std::cell::Cell<(i64, i64)> = const { std::cell::Cell::new((0, 0)) };
    }

    fn take(bytes: i64) {
        let (net, highest) = HELD.get();
        HELD.set((net + bytes, highest.max(net + bytes)));
    }

    #[test]
    fn memory_is_that_of_whoever_took_it_at_its_highest() {
        count_memory_by(|| HELD.replace((0, 0)));
        let (outer, inner) = (Arc::new(Meter::default()), Arc::new(Meter::default()));
        take(1_000);
        outer.measured(|| {
            take(500);
            settle_memory();
            inner.measured(|| {
                take(70);
                take(-70);
                take(30);
            });
            take(-400);
        });
        outer.measured(|| take(300));
        assert_eq!(inner.usage().peak_memory, Some(70));
        assert_eq!(outer.usage().peak_memory, Some(500));
        outer.measured(|| take(200));
        assert_eq!(outer.usage().peak_memory, Some(600));
    }

    #[test]
    fn what_waits_says_so_until_it_goes_on() {
        let meter = Arc::new(Meter::default());
        let until = |second| Wait {
            until: Timestamp::from_second(second).unwrap(),
            reason: format!("until {second}"),
        };
        let first = meter.waits(until(10));
        let second = meter.waits(until(20));
        assert_eq!(meter.waiting(), Some(until(20)));
        drop(second);
        assert_eq!(meter.waiting(), Some(until(10)));
        drop(first);
        assert_eq!(meter.waiting(), None);
    }

    #[test]
    fn a_meter_inside_another_takes_its_time_from_it() {
        let (outer, inner) = (Arc::new(Meter::default()), Arc::new(Meter::default()));
        let (short, long) = (Duration::from_millis(5), Duration::from_millis(40));
        outer.measured(|| {
            inner.measured(|| busy_for(long));
            busy_for(short);
            outer.measured(|| busy_for(short));
            assert!(Meter::current().is_some_and(|m| Arc::ptr_eq(&m, &outer)));
        });
        assert!(Meter::current().is_none());
        let (inner, outer) = (inner.usage().cpu, outer.usage().cpu);
        assert!(inner >= long && inner < long * 2, "{inner:?}");
        assert!(outer >= short * 2 && outer < long, "{outer:?}");
    }
}
