//! Whether the ranged input is bounded by `$from` and `$to` where it is read.

use super::names::normal;
use sqlparser::ast::{BinaryOperator, Expr, Value, Visit, Visitor};
use std::ops::ControlFlow;

/// Which bounds of a column a condition sets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Bounds {
    pub from: bool,
    pub to: bool,
}

/// The bounds that this condition certainly sets on `column` of the relation called `relation`.
pub(super) fn bounds(condition: &Expr, relation: &str, column: &str, found: &mut Bounds) {
    match condition {
        Expr::Nested(inner) => bounds(inner, relation, column, found),
        Expr::BinaryOp {
            left,
            op: BinaryOperator::And,
            right,
        } => {
            bounds(left, relation, column, found);
            bounds(right, relation, column, found);
        }
        Expr::BinaryOp { left, op, right } => {
            let (over, under) = match op {
                BinaryOperator::GtEq | BinaryOperator::Gt => (left, right),
                BinaryOperator::LtEq | BinaryOperator::Lt => (right, left),
                _ => return,
            };
            // `over` is the larger one: the column over `$from`, or `$to` over the column.
            found.from |= is_column(over, relation, column) && takes(under, "$from");
            found.to |= is_column(under, relation, column) && takes(over, "$to");
        }
        _ => {}
    }
}

fn is_column(expr: &Expr, relation: &str, column: &str) -> bool {
    match expr {
        Expr::Nested(inner) | Expr::Cast { expr: inner, .. } => is_column(inner, relation, column),
        Expr::Identifier(ident) => normal(ident) == column,
        Expr::CompoundIdentifier(parts) => {
            let names: Vec<String> = parts.iter().map(normal).collect();
            names.len() >= 2 && names[names.len() - 1] == column && names[names.len() - 2] == relation
        }
        _ => false,
    }
}

fn takes(expr: &Expr, parameter: &str) -> bool {
    struct Find<'a>(&'a str);
    impl Visitor for Find<'_> {
        type Break = ();

        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
            match expr {
                Expr::Value(v) if matches!(&v.value, Value::Placeholder(p) if p == self.0) => ControlFlow::Break(()),
                _ => ControlFlow::Continue(()),
            }
        }
    }
    expr.visit(&mut Find(parameter)).is_break()
}
