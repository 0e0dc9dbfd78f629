//! A query looked through: the tables it reads, the columns it names, the columns it answers with.

use super::expr::look_up;
use super::from::{all_named, renamed};
use super::names::normal;
use super::parse::{Condition, Lines, Mistake, Statement};
use super::rows::over_rows;
use super::scope::{Columns, Relation, Scope};
use super::select::Shown;
use crate::name::AssetName;
use sqlparser::ast::{Cte, Expr, GroupByExpr, Query, Select, SetExpr};
use std::ops::Range;

/// What a table is, as far as it is known before anything runs.
#[derive(Clone, Debug)]
pub enum Table {
    /// An asset in the lake, with its columns where they are known.
    Lake(Columns),
    /// An asset that is written into this connection, not into the lake.
    Elsewhere(String),
    /// There is none.
    Missing,
}

/// Where tables are looked up.
pub trait Catalog {
    /// The table of this name.
    fn table(&self, name: &AssetName) -> Table;
    /// The names of all tables, for suggestions.
    fn names(&self) -> Vec<&str>;
    /// Whether a table says how its rows are found by a name; true where that is not known.
    fn is_found_by_name(&self, _: &AssetName) -> bool {
        true
    }
}

/// A table that a query reads, and where it says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    /// The table.
    pub table: AssetName,
    /// The bytes of its name, counted from the beginning of the statement.
    pub bytes: Range<usize>,
}

/// What was found out about a query.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The lake tables that it reads, every place once, in order.
    pub reads: Vec<Read>,
    /// The columns of its answer, where they are known.
    pub columns: Columns,
    /// What is wrong with it.
    pub mistakes: Vec<Mistake>,
}

/// What is asked of a query beyond being right.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wanted<'a> {
    /// Whether its answer becomes a table, so that each column needs a name of its own.
    pub table: bool,
    /// The table and the column that must be bounded by `$from` and `$to` where it is read.
    pub bounded: Option<(&'a AssetName, &'a str)>,
}

/// Looks through a query.
pub fn resolve_query(statement: &Statement, catalog: &dyn Catalog, wanted: Wanted<'_>) -> Answer {
    let mut resolver = Resolver::new(&statement.lines, catalog, wanted.bounded);
    let columns = resolver.query(&statement.query, None);
    if wanted.table {
        resolver.output(&statement.query);
    }
    resolver.answer(columns)
}

/// Looks through a condition on the rows of `table`.
pub fn resolve_condition(condition: &Condition, table: &AssetName, columns: Columns, catalog: &dyn Catalog) -> Answer {
    let mut resolver = Resolver::new(&condition.lines, catalog, None);
    let relation = Relation {
        name: Some(table.table().to_string()),
        schema: Some(table.schema().to_string()),
        columns,
        shown: true,
    };
    let scope = Scope {
        relations: vec![relation],
        ..Scope::default()
    };
    look_up(&mut resolver, &condition.expr, &scope);
    for found in over_rows(condition) {
        resolver.report(found);
    }
    resolver.answer(None)
}

pub(super) struct Resolver<'a> {
    pub lines: &'a Lines,
    pub(super) catalog: &'a dyn Catalog,
    pub(super) bounded: Option<(&'a AssetName, &'a str)>,
    /// The common table expressions in sight, the nearest last.
    pub(super) ctes: Vec<(String, Columns)>,
    /// What the select lists of the statement's own body have shown, with places: filled by `select_list`.
    pub(super) shown: Vec<Shown>,
    pub(super) reads: Vec<Read>,
    pub(super) mistakes: Vec<Mistake>,
}

impl<'a> Resolver<'a> {
    fn new(lines: &'a Lines, catalog: &'a dyn Catalog, bounded: Option<(&'a AssetName, &'a str)>) -> Resolver<'a> {
        Resolver {
            lines,
            catalog,
            bounded,
            ctes: Vec::new(),
            shown: Vec::new(),
            reads: Vec::new(),
            mistakes: Vec::new(),
        }
    }

    pub(super) fn report(&mut self, mistake: Mistake) {
        if !self.mistakes.contains(&mistake) {
            self.mistakes.push(mistake);
        }
    }

    fn answer(mut self, columns: Columns) -> Answer {
        self.reads.sort_by_key(|r| r.bytes.start);
        self.reads.dedup();
        self.mistakes.sort_by_key(|m| m.bytes.start);
        Answer {
            reads: self.reads,
            columns: all_named(columns),
            mistakes: self.mistakes,
        }
    }

    /// A query with its own `with`; the columns of its answer.
    pub(super) fn query(&mut self, query: &Query, outer: Option<&Scope<'_>>) -> Columns {
        let ctes = self.ctes.len();
        for cte in query.with.iter().flat_map(|w| &w.cte_tables) {
            let recursive = query.with.as_ref().is_some_and(|w| w.recursive);
            self.cte(cte, recursive, outer);
        }
        let columns = match &*query.body {
            SetExpr::Select(select) => self.select(select, outer, |resolver, scope| {
                if query.pipe_operators.is_empty() {
                    look_up(resolver, &query.order_by, scope);
                }
            }),
            // The order of a union is by its answer's columns, which is left to the engine.
            body => self.body(body, outer),
        };
        self.ctes.truncate(ctes);
        if query.pipe_operators.is_empty() { columns } else { None }
    }

    fn cte(&mut self, cte: &Cte, recursive: bool, outer: Option<&Scope<'_>>) {
        let name = normal(&cte.alias.name);
        let before = self.ctes.len();
        if recursive {
            self.ctes.push((name.clone(), None));
        }
        let columns = self.query(&cte.query, outer);
        self.ctes.truncate(before);
        let columns = renamed(columns, &cte.alias);
        self.ctes.push((name, columns));
    }

    fn body(&mut self, body: &SetExpr, outer: Option<&Scope<'_>>) -> Columns {
        match body {
            SetExpr::Select(select) => self.select(select, outer, |_, _| {}),
            SetExpr::Query(query) => self.query(query, outer),
            SetExpr::SetOperation { left, right, .. } => {
                let columns = self.body(left, outer);
                self.body(right, outer);
                columns
            }
            SetExpr::Values(values) => {
                let scope = Scope::inside(outer);
                look_up(self, values, &scope);
                let width = values.rows.first().map_or(0, |row| row.len());
                Some((1..=width).map(|i| format!("column{i}")).collect())
            }
            _ => None,
        }
    }

    fn select(
        &mut self,
        select: &Select,
        outer: Option<&Scope<'_>>,
        then: impl FnOnce(&mut Self, &Scope<'_>),
    ) -> Columns {
        let mut scope = Scope::inside(outer);
        let mut conditions: Vec<&Expr> = select.selection.iter().collect();
        for item in &select.from {
            self.table_with_joins(item, &mut scope, &mut conditions);
        }
        for condition in &conditions {
            look_up(self, *condition, &scope);
        }
        look_up(self, &select.prewhere, &scope);
        self.check_bounds(select, &conditions);
        let columns = self.select_list(select, &mut scope);
        match &select.group_by {
            GroupByExpr::Expressions(all, _) => look_up(self, all, &scope),
            GroupByExpr::All(_) => {}
        }
        look_up(self, &select.having, &scope);
        look_up(self, &select.qualify, &scope);
        look_up(self, &select.named_window, &scope);
        look_up(self, &select.distinct, &scope);
        then(self, &scope);
        if select.lateral_views.is_empty() && select.value_table_mode.is_none() {
            columns
        } else {
            None
        }
    }
}
