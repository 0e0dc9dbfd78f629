//! Functions whose meaning is ours: what time it is, by the context's clock, where a day begins, in the session's zone, sums that
//! fit, how names compare, and how much one call may make.

mod bounded;
mod date_trunc;
mod names;
mod now;
mod sum;

use datafusion::logical_expr::{AggregateUDF, ScalarUDF};
use jiff::Timestamp;
use names::{Counted, Distance, FoldName};
use segue_core::Limits;
use std::sync::Arc;

pub use bounded::{Planning, bounded};

/// All of them. Each takes the place of DataFusion's function of the same name, where there is one.
pub fn all(zone: &Arc<str>, now: Timestamp, limits: &Limits) -> Vec<Arc<ScalarUDF>> {
    let functions = [
        ScalarUDF::from(date_trunc::DateTrunc::new()),
        ScalarUDF::from(now::Moment::now(zone, now)),
        ScalarUDF::from(now::Moment::today(zone, now)),
        ScalarUDF::from(now::Moment::time(zone, now)),
        ScalarUDF::from(FoldName::new(limits)),
        ScalarUDF::from(Distance::new(Counted::Letters)),
        ScalarUDF::from(Distance::new(Counted::Keys)),
    ];
    functions.into_iter().map(Arc::new).collect()
}

/// Aggregates in the place of DataFusion's of the same name.
pub fn aggregates() -> Vec<Arc<AggregateUDF>> {
    vec![Arc::new(AggregateUDF::from(sum::Sum::new()))]
}
