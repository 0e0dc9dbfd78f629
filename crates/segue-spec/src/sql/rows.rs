//! Conditions on a row: what looks at several rows has no place in them.

use super::parse::{Condition, Mistake, mistake};
use segue_diag::CHECK_MISUSE;
use sqlparser::ast::{Expr, Query, Spanned, Visit, Visitor};
use std::ops::ControlFlow;

/// Functions that make one value of many rows.
const AGGREGATES: [&str; 24] = [
    "approx_distinct",
    "approx_median",
    "approx_percentile_cont",
    "array_agg",
    "avg",
    "bit_and",
    "bit_or",
    "bool_and",
    "bool_or",
    "corr",
    "count",
    "first_value",
    "last_value",
    "max",
    "mean",
    "median",
    "min",
    "nth_value",
    "stddev",
    "stddev_pop",
    "string_agg",
    "sum",
    "var_pop",
    "var_samp",
];

/// Every call in the condition that looks at more than its row; those inside a query of its own are right.
pub(super) fn over_rows(condition: &Condition) -> Vec<Mistake> {
    let mut walk = Walk {
        condition,
        inside: 0,
        found: Vec::new(),
    };
    let _ = condition.expr.visit(&mut walk);
    walk.found
}

struct Walk<'c> {
    condition: &'c Condition,
    inside: usize,
    found: Vec<Mistake>,
}

impl Visitor for Walk<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
        self.inside += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
        self.inside -= 1;
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        let Expr::Function(function) = expr else {
            return ControlFlow::Continue(());
        };
        let name = function.name.to_string().to_lowercase();
        if self.inside == 0 && (function.over.is_some() || AGGREGATES.contains(&name.as_str())) {
            let bytes = self.condition.lines.bytes(function.name.span());
            let message = format!("`{name}` looks at several rows, and a `row` judges each by itself");
            let hint = "write `row_count:`, or `sql:` with a query that returns nothing when all is well";
            self.found.push(mistake(CHECK_MISUSE, bytes, message).hint(hint));
        }
        ControlFlow::Continue(())
    }
}
