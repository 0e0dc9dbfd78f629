//! From a statement to a plan: the names that it may use, and the values of its parameters.

use crate::failure::at;
use crate::params::Params;
use crate::place::Place;
use crate::resolve::Finding;
use crate::statement::Statement;
use crate::tables::Tables;
use crate::view::{self, Followed};
use arrow_schema::{DataType, SchemaRef};
use datafusion::catalog::cte_worktable::CteWorkTable;
use datafusion::common::config::ConfigOptions;
use datafusion::common::{DFSchema, TableReference};
use datafusion::datasource::provider_as_source;
use datafusion::error::{DataFusionError, Result as PlanResult};
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::planner::{ContextProvider, ExprPlanner, RelationPlanner, TypePlanner};
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::logical_expr::{
    AggregateUDF, Expr, HigherOrderUDF, LogicalPlan, LogicalPlanBuilder, ScalarUDF, TableSource, WindowUDF,
};
use datafusion::optimizer::simplify_expressions::ExprSimplifier;
use datafusion::sql::planner::{ParserOptions, PlannerContext, SqlToRel};
use segue_core::engine::View;
use segue_diag::{Error, Kind, closest};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The plan of a statement over these tables, not optimised yet, with its parameters in place.
pub fn plan(
    statement: Statement,
    params: &Params,
    tables: &Tables,
    finding: &Finding,
    state: &SessionState,
) -> PlanResult<LogicalPlan> {
    plan_within(statement, params, tables, finding, state, &Followed::default())
}

/// As [`plan`], for a statement that a view stands for inside another.
pub fn plan_within(
    statement: Statement,
    params: &Params,
    tables: &Tables,
    finding: &Finding,
    state: &SessionState,
    followed: &Followed,
) -> PlanResult<LogicalPlan> {
    let words = statement.words;
    let names = Names {
        state,
        tables,
        finding,
        params,
        words: &words,
        followed,
    };
    let options = &state.config().options().sql_parser;
    let planner = SqlToRel::new_with_options(
        &names,
        ParserOptions::new()
            .with_parse_float_as_decimal(options.parse_float_as_decimal)
            .with_enable_ident_normalization(true)
            .with_support_varchar_with_length(true)
            .with_map_string_types_to_utf8view(false)
            .with_collect_spans(true),
    );
    let mut context = PlannerContext::new().with_prepare_param_data_types(params.fields());
    let query = datafusion::sql::sqlparser::ast::Statement::Query(statement.query);
    let mut plan = planner.sql_statement_to_plan_with_context(query, &mut context)?;
    if !statement.params.is_empty() {
        plan = plan.replace_params_with_values(&params.values())?;
    }
    match statement.explain {
        None => Ok(plan),
        Some(explain) => LogicalPlanBuilder::from(plan)
            .explain(explain.verbose, explain.analyze)?
            .build(),
    }
}

/// The names that a statement may use: the query's tables, our functions and DataFusion's.
struct Names<'a> {
    state: &'a SessionState,
    tables: &'a Tables,
    finding: &'a Finding,
    params: &'a Params,
    words: &'a BTreeMap<String, Place>,
    followed: &'a Followed,
}

impl Names<'_> {
    /// The error with the place of the function that it is about.
    fn placed(&self, error: Error, function: &str) -> DataFusionError {
        let error = match self.words.get(function) {
            Some(place) => at(error, *place),
            None => error,
        };
        DataFusionError::External(Box::new(error))
    }

    /// What an argument of a table function is, with the parameters' values.
    fn argument(&self, argument: Expr) -> PlanResult<Expr> {
        if let Expr::Placeholder(placeholder) = &argument
            && let Some(value) = self.params.numbered(&placeholder.id)
        {
            return Ok(Expr::Literal(value.clone(), None));
        }
        let simplifier = ExprSimplifier::new(
            SimplifyContext::builder()
                .with_config_options(self.state.config_options().clone())
                .build(),
        );
        let argument = simplifier.coerce(argument, &DFSchema::empty())?;
        simplifier.simplify(argument)
    }
}

impl ContextProvider for Names<'_> {
    fn get_table_source(&self, name: TableReference) -> PlanResult<Arc<dyn TableSource>> {
        let foreign = |error: Error| DataFusionError::External(Box::new(error));
        let (key, rows) = self.tables.relation(&name).map_err(foreign)?;
        if let Some(view) = rows.as_any().downcast_ref::<View>() {
            let zone = self.tables.zone();
            let table = view::table(&key, view, zone, self.finding, self.state, self.followed);
            return Ok(provider_as_source(table.map_err(foreign)?));
        }
        Ok(provider_as_source(self.tables.provider(key, &rows).map_err(foreign)?))
    }

    fn get_table_function_source(&self, name: &str, arguments: Vec<Expr>) -> PlanResult<Arc<dyn TableSource>> {
        let lower = name.to_lowercase();
        let arguments: Vec<Expr> = arguments
            .into_iter()
            .map(|a| self.argument(a))
            .collect::<PlanResult<_>>()?;
        let ours = match lower.as_str() {
            "nearest" => Some(crate::nearest::table(&arguments, self.tables)),
            "resolve" => Some(crate::resolve::table(&arguments, self.tables, self.finding)),
            _ => None,
        };
        if let Some(table) = ours {
            let table = table.map_err(|error| self.placed(error, &lower))?;
            return Ok(provider_as_source(table));
        }
        let function = self
            .state
            .table_functions()
            .get(&lower)
            .ok_or_else(|| self.placed(unknown_function(self.state, name), &lower))?;
        let table = function
            .create_table_provider_with_args(datafusion::catalog::TableFunctionArgs::new(&arguments, self.state))?;
        Ok(provider_as_source(table))
    }

    fn create_cte_work_table(&self, name: &str, schema: SchemaRef) -> PlanResult<Arc<dyn TableSource>> {
        Ok(provider_as_source(Arc::new(CteWorkTable::new(name, schema))))
    }

    fn get_expr_planners(&self) -> &[Arc<dyn ExprPlanner>] {
        self.state.expr_planners()
    }

    fn get_relation_planners(&self) -> &[Arc<dyn RelationPlanner>] {
        self.state.relation_planners()
    }

    fn get_type_planner(&self) -> Option<Arc<dyn TypePlanner>> {
        Some(Arc::new(crate::types::Types::of(self.state)))
    }

    fn get_function_meta(&self, name: &str) -> Option<Arc<ScalarUDF>> {
        self.state.scalar_functions().get(name).cloned()
    }

    fn get_higher_order_meta(&self, name: &str) -> Option<Arc<HigherOrderUDF>> {
        self.state.higher_order_functions().get(name).cloned()
    }

    fn get_aggregate_meta(&self, name: &str) -> Option<Arc<AggregateUDF>> {
        self.state.aggregate_functions().get(name).cloned()
    }

    fn get_window_meta(&self, name: &str) -> Option<Arc<WindowUDF>> {
        self.state.window_functions().get(name).cloned()
    }

    fn get_variable_type(&self, _: &[String]) -> Option<DataType> {
        None
    }

    fn options(&self) -> &ConfigOptions {
        self.state.config_options()
    }

    fn udf_names(&self) -> Vec<String> {
        self.state.scalar_functions().keys().cloned().collect()
    }

    fn higher_order_function_names(&self) -> Vec<String> {
        self.state.higher_order_functions().keys().cloned().collect()
    }

    fn udaf_names(&self) -> Vec<String> {
        self.state.aggregate_functions().keys().cloned().collect()
    }

    fn udwf_names(&self) -> Vec<String> {
        self.state.window_functions().keys().cloned().collect()
    }
}

fn unknown_function(state: &SessionState, name: &str) -> Error {
    let error = Error::new(
        Kind::Invalid,
        format!("there is no function `{name}` that gives a table"),
    )
    .code(segue_diag::SQL_UNKNOWN_FUNCTION);
    let known = state.table_functions().keys().map(String::as_str);
    let known = known.chain(["nearest", "resolve"]);
    match closest(name, known) {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None => error,
    }
}
