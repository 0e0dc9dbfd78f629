//! What SQL means where DataFusion would be silent: whole numbers that do not fit are an error and not another number, and an instant
//! without its zone is the local time of that zone.

use arrow_schema::DataType;
use datafusion::arrow::compute::kernels::numeric::{add, mul, sub};
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, exec_err};
use datafusion::error::Result;
use datafusion::logical_expr::expr::{Cast, TryCast};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{
    BinaryExpr, ColumnarValue, Expr, ExprSchemable, LogicalPlan, Operator, ScalarFunctionArgs, ScalarUDF,
    ScalarUDFImpl, Signature, Volatility,
};
use datafusion::optimizer::AnalyzerRule;
use datafusion::physical_expr_common::datum::apply;
use datafusion::scalar::ScalarValue;
use std::sync::Arc;

/// Puts our meaning in place of DataFusion's. Runs after types are settled.
#[derive(Debug)]
pub struct Meaning {
    plus: Arc<ScalarUDF>,
    minus: Arc<ScalarUDF>,
    times: Arc<ScalarUDF>,
    local: Arc<ScalarUDF>,
}

impl Meaning {
    /// The rule.
    pub fn new() -> Meaning {
        let checked = |operator, name| Arc::new(ScalarUDF::from(Checked::new(operator, name)));
        Meaning {
            plus: checked(Operator::Plus, "checked_add"),
            minus: checked(Operator::Minus, "checked_subtract"),
            times: checked(Operator::Multiply, "checked_multiply"),
            local: datafusion::functions::datetime::to_local_time(),
        }
    }

    /// Whether this is arithmetic that was put in place just before, and so of whole numbers. Asking for the type of a long chain of it
    /// again and again would take the cube of its length.
    fn is_checked(&self, expr: &Expr) -> bool {
        let ours = [&self.plus, &self.minus, &self.times];
        matches!(expr, Expr::ScalarFunction(call) if ours.iter().any(|f| Arc::ptr_eq(f, &call.func)))
    }

    fn expr(&self, expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
        match expr {
            Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
                let checked = match op {
                    Operator::Plus => &self.plus,
                    Operator::Minus => &self.minus,
                    Operator::Multiply => &self.times,
                    _ => return Ok(Transformed::no(Expr::BinaryExpr(BinaryExpr { left, op, right }))),
                };
                let right_type = right.get_type(schema)?;
                if right_type.is_integer() && (self.is_checked(&left) || left.get_type(schema)? == right_type) {
                    return Ok(Transformed::yes(chained(checked, *left, *right)));
                }
                Ok(Transformed::no(Expr::BinaryExpr(BinaryExpr { left, op, right })))
            }
            Expr::Negative(of) => {
                let kind = of.get_type(schema)?;
                if !kind.is_integer() {
                    return Ok(Transformed::no(Expr::Negative(of)));
                }
                let zero = Expr::Literal(ScalarValue::new_zero(&kind)?, None);
                Ok(Transformed::yes(self.minus.call(vec![zero, *of])))
            }
            Expr::Cast(Cast { expr, field }) if loses_zone(&expr, field.data_type(), schema)? => {
                let local = Box::new(self.local.call(vec![*expr]));
                Ok(Transformed::yes(Expr::Cast(Cast { expr: local, field })))
            }
            Expr::TryCast(TryCast { expr, field }) if loses_zone(&expr, field.data_type(), schema)? => {
                let local = Box::new(self.local.call(vec![*expr]));
                Ok(Transformed::yes(Expr::TryCast(TryCast { expr: local, field })))
            }
            other => Ok(Transformed::no(other)),
        }
    }
}

/// The call of the function on both; a left side that is a call of it already takes the right one in, so that `a + b + c + …` is one call
/// and not a tree as deep as it is long.
fn chained(function: &Arc<ScalarUDF>, left: Expr, right: Expr) -> Expr {
    match left {
        Expr::ScalarFunction(mut call) if Arc::ptr_eq(&call.func, function) => {
            call.args.push(right);
            Expr::ScalarFunction(call)
        }
        left => function.call(vec![left, right]),
    }
}

fn loses_zone(expr: &Expr, to: &DataType, schema: &DFSchema) -> Result<bool> {
    if !matches!(to, DataType::Timestamp(_, None)) {
        return Ok(false);
    }
    Ok(matches!(expr.get_type(schema)?, DataType::Timestamp(_, Some(_))))
}

impl AnalyzerRule for Meaning {
    fn name(&self) -> &str {
        "segue_meaning"
    }

    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        plan.transform_up_with_subqueries(|plan| {
            let inputs = plan.inputs();
            let schema = if inputs.is_empty() {
                plan.schema().as_ref().clone()
            } else {
                merge_schema(&inputs)
            };
            let names = NamePreserver::new(&plan);
            plan.map_expressions(|expr| {
                let name = names.save(&expr);
                Ok(expr
                    .transform_up(|expr| self.expr(expr, &schema))?
                    .update_data(|expr| name.restore(expr)))
            })?
            .map_data(LogicalPlan::recompute_schema)
        })
        .map(|transformed| transformed.data)
    }
}

/// Arithmetic of whole numbers, from left to right, that ends the query where an answer does not fit.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Checked {
    operator: Operator,
    name: &'static str,
    signature: Signature,
}

impl Checked {
    fn new(operator: Operator, name: &'static str) -> Checked {
        Checked {
            operator,
            name,
            signature: Signature::variadic_any(Volatility::Immutable),
        }
    }
}

impl ScalarUDFImpl for Checked {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        match arguments.first() {
            Some(of) => Ok(of.clone()),
            None => exec_err!("{} takes numbers", self.name),
        }
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let kernel = match self.operator {
            Operator::Plus => add,
            Operator::Minus => sub,
            _ => mul,
        };
        let mut numbers = arguments.args.into_iter();
        let Some(mut total) = numbers.next() else {
            return exec_err!("{} takes numbers", self.name);
        };
        for number in numbers {
            total = apply(&total, &number, kernel)?;
        }
        Ok(total)
    }
}
