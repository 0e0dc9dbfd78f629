//! Functions whose meaning is ours: what time it is, by the context's clock, and where a day begins, in the session's zone.

mod date_trunc;
mod now;

use datafusion::logical_expr::ScalarUDF;
use jiff::Timestamp;
use std::sync::Arc;

/// All of them. Each takes the place of DataFusion's function of the same name.
pub fn all(zone: &Arc<str>, now: Timestamp) -> Vec<Arc<ScalarUDF>> {
    let functions = [
        ScalarUDF::from(date_trunc::DateTrunc::new()),
        ScalarUDF::from(now::Moment::now(zone, now)),
        ScalarUDF::from(now::Moment::today(zone, now)),
        ScalarUDF::from(now::Moment::time(zone, now)),
    ];
    functions.into_iter().map(Arc::new).collect()
}
