//! Views: the statement of one takes the place of its name, so that a question and all the views in it are one plan under one set of limits.

use crate::engine::placed;
use crate::failure::failure;
use crate::params::Params;
use crate::place::AT;
use crate::planner::plan_within;
use crate::resolve::Finding;
use crate::statement::Statement;
use crate::tables::Tables;
use arrow_schema::DataType;
use datafusion::catalog::view::ViewTable;
use datafusion::common::Column;
use datafusion::datasource::TableProvider;
use datafusion::error::Result as PlanResult;
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, cast};
use segue_core::engine::{TableKey, View};
use segue_diag::{Error, Kind, Result};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Under which name an error tells the view that it is about.
const VIEW: &str = "view";
/// How deep views may stand on views.
const MOST_DEEP: usize = 32;
/// How many views one question may read, each counted as often as it is read.
const MOST_VIEWS: usize = 250;

/// How far the views of one question were followed.
#[derive(Debug, Default)]
pub struct Followed {
    depth: AtomicUsize,
    views: AtomicUsize,
}

impl Followed {
    /// Goes into a view.
    fn enter(&self, key: &TableKey) -> Result<()> {
        let depth = self.depth.fetch_add(1, Ordering::Relaxed) + 1;
        let views = self.views.fetch_add(1, Ordering::Relaxed) + 1;
        let message = match (depth > MOST_DEEP, views > MOST_VIEWS) {
            (true, _) => format!("the views down to {key} stand on each other more than {MOST_DEEP} deep"),
            (false, true) => format!("the statement reads more than {MOST_VIEWS} views, those inside others counted"),
            (false, false) => return Ok(()),
        };
        Err(Error::new(Kind::Invalid, message)
            .code(segue_diag::SQL_TOO_DEEP)
            .hint("let one of the views be a table: leave its `mode: view` out"))
    }

    fn leave(&self) {
        self.depth.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The view of this name as a table of the session that reads it.
///
/// # Errors
/// Those of its statement, with its name; `Invalid` where views stand too deep on each other.
pub fn table(
    key: &TableKey,
    view: &View,
    zone: &Arc<str>,
    finding: &Finding,
    state: &SessionState,
    followed: &Followed,
) -> Result<Arc<dyn TableProvider>> {
    followed.enter(key)?;
    let plan = planned(view, zone, finding, state, followed).map_err(|e| of_view(e, key))?;
    followed.leave();
    Ok(Arc::new(ViewTable::new(plan, None)))
}

fn planned(
    view: &View,
    zone: &Arc<str>,
    finding: &Finding,
    state: &SessionState,
    followed: &Followed,
) -> Result<LogicalPlan> {
    let query = view.query();
    let statement = Statement::read(&query.sql)?;
    let words = statement.words.clone();
    let params = Params::new(&statement.params, &query.params, zone)?;
    let tables = Tables::new(query.tables.clone(), zone.clone());
    plan_within(statement, &params, &tables, finding, state, followed)
        .and_then(as_stored)
        .map_err(|e| placed(failure(e, &finding.ctx.limits), &words))
}

/// The columns as a table would hold them: whole numbers without a sign are int64 there, so that a view and a table of the same SQL count alike.
fn as_stored(plan: LogicalPlan) -> PlanResult<LogicalPlan> {
    let schema = plan.schema().clone();
    if schema.fields().iter().all(|f| *f.data_type() != DataType::UInt64) {
        return Ok(plan);
    }
    let columns = schema.iter().map(|(qualifier, field)| {
        let column = Expr::Column(Column::new(qualifier.cloned(), field.name()));
        match field.data_type() {
            DataType::UInt64 => cast(column, DataType::Int64).alias(field.name()),
            _ => column,
        }
    });
    LogicalPlanBuilder::from(plan)
        .project(columns.collect::<Vec<_>>())?
        .build()
}

/// An error of a view's statement: its place is in there, and not in what reads the view.
fn of_view(error: Error, key: &TableKey) -> Error {
    let inner = error.context().iter().any(|(name, _)| *name == VIEW);
    let error = error.restated(AT, |_| None);
    match inner {
        true => error,
        false => error.with(VIEW, key),
    }
}

#[cfg(test)]
mod tests;
