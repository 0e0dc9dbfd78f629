//! What a step uses, measured where it is used.

use cpu_time::ThreadTime;
use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
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
    peak_memory: AtomicU64,
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
    /// The most memory that was reserved at once, in bytes; `None` where nothing measured it.
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
            future: Box::pin(future),
        }
    }

    /// Runs this now and counts its CPU time: for the inside of blocking tasks.
    pub fn measured<T>(self: &Arc<Meter>, work: impl FnOnce() -> T) -> T {
        let _counting = Counting::start(self);
        work()
    }

    /// Memory that is reserved now; the highest is kept.
    pub fn memory(&self, bytes: u64) {
        self.peak_memory.fetch_max(bytes, Ordering::Relaxed);
    }

    /// What was used so far.
    pub fn usage(&self) -> Usage {
        let peak = self.peak_memory.load(Ordering::Relaxed);
        Usage {
            cpu: Duration::from_nanos(self.cpu_ns.load(Ordering::Relaxed)),
            rows_in: self.rows_in.load(Ordering::Relaxed),
            bytes_in: self.bytes_in.load(Ordering::Relaxed),
            calls: self.calls.load(Ordering::Relaxed),
            peak_memory: (peak > 0).then_some(peak),
        }
    }
}

/// The meter that this thread counts for, and since when.
struct Running {
    meter: Arc<Meter>,
    since: ThreadTime,
}

impl Running {
    fn stop(&self, now: ThreadTime) {
        let used = now.duration_since(self.since).as_nanos() as u64;
        self.meter.cpu_ns.fetch_add(used, Ordering::Relaxed);
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
    let before = CURRENT.with(|c| c.replace(next))?;
    before.stop(now);
    Some(before.meter)
}

/// A future whose polls are counted.
pub struct Measured<F> {
    meter: Arc<Meter>,
    future: Pin<Box<F>>,
}

impl<F: Future> Future for Measured<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let _counting = Counting::start(&self.meter.clone());
        self.future.as_mut().poll(cx)
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
