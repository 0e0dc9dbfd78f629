//! DataFusion's own tasks count for the step that started them.

use datafusion::common::runtime::{JoinSetTracer, set_join_set_tracer};
use futures::future::BoxFuture;
use segue_core::meter::Meter;
use std::any::Any;

struct Counted;

type Erased = Box<dyn Any + Send>;

impl JoinSetTracer for Counted {
    fn trace_future(&self, future: BoxFuture<'static, Erased>) -> BoxFuture<'static, Erased> {
        match Meter::current() {
            Some(meter) => Box::pin(meter.measure(future)),
            None => future,
        }
    }

    fn trace_block(&self, work: Box<dyn FnOnce() -> Erased + Send>) -> Box<dyn FnOnce() -> Erased + Send> {
        match Meter::current() {
            Some(meter) => Box::new(move || meter.measured(work)),
            None => work,
        }
    }
}

/// Makes DataFusion hand on the meter. Once a process is enough; another one that was there first stays.
pub fn install() {
    if set_join_set_tracer(&Counted).is_err() {
        tracing::debug!("tasks of DataFusion are traced already");
    }
}
