//! A query looked through: the tables it reads, the columns it names, the columns it answers with.

use super::bounds::{Bounds, bounds};
use super::expr::{list, look_up};
use super::names::{normal, parts, span};
use super::parse::{Condition, Lines, Mistake, Statement, mistake};
use super::scope::{Columns, Relation, Scope};
use crate::name::{AssetName, RESERVED_SCHEMAS, column_name};
use segue_diag::{
    SQL_DUPLICATE_OUTPUT, SQL_UNBOUNDED_RANGE, SQL_UNKNOWN_COLUMN, SQL_UNKNOWN_RELATION, SQL_UNKNOWN_TABLE,
    SQL_UNNAMED_OUTPUT, closest,
};
use sqlparser::ast::{
    Cte, Expr, FunctionArg, FunctionArgExpr, GroupByExpr, Ident, Join, JoinConstraint, JoinOperator, ObjectName, Query,
    Select, SelectItem, SelectItemQualifiedWildcardKind, SetExpr, TableAlias, TableFactor, TableWithJoins, Value,
    WildcardAdditionalOptions,
};
use std::collections::{BTreeSet, HashSet};
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
    resolver.answer(None)
}

pub(super) struct Resolver<'a> {
    pub lines: &'a Lines,
    catalog: &'a dyn Catalog,
    bounded: Option<(&'a AssetName, &'a str)>,
    /// The common table expressions in sight, the nearest last.
    ctes: Vec<(String, Columns)>,
    /// What the select lists of the statement's own body have shown, with places: filled by `select_list`.
    shown: Vec<Shown>,
    reads: Vec<Read>,
    mistakes: Vec<Mistake>,
}

/// One column of a select list.
struct Shown {
    name: Option<String>,
    /// Whether it is certain that the engine would give it a name that no table can hold.
    unusable: bool,
    bytes: Range<usize>,
    /// The select list that it stands in.
    select: Range<usize>,
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
            columns,
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

    /// Looks up the select list; its names are in sight of what comes after it.
    fn select_list(&mut self, select: &Select, scope: &mut Scope<'_>) -> Columns {
        for item in &select.projection {
            match item {
                SelectItem::ExprWithAlias { alias, .. } => drop(scope.aliases.insert(normal(alias))),
                SelectItem::ExprWithAliases { aliases, .. } => scope.aliases.extend(aliases.iter().map(normal)),
                _ => {}
            }
        }
        let whole = self.lines.bytes(select.select_token.0.span);
        let mut all: Option<Vec<String>> = Some(Vec::new());
        let mut names: Vec<String> = Vec::new();
        for item in &select.projection {
            let items = self.select_item(item, scope);
            for shown in items.iter().flatten() {
                match (&mut all, &shown.name) {
                    (Some(all), Some(name)) => all.push(name.clone()),
                    _ => all = None,
                }
            }
            all = if items.is_some() { all } else { None };
            names.extend(items.iter().flatten().filter_map(|s| s.name.clone()));
            let items = items.into_iter().flatten().map(|s| Shown {
                select: whole.clone(),
                ..s
            });
            self.shown.extend(items);
        }
        // `order by id` means the answer's `id`, even where two tables have one.
        scope.aliases.extend(names);
        let plain = select.exclude.is_none() && select.into.is_none();
        all.filter(|_| plain).map(Into::into)
    }

    /// The columns of one item; `None` when they cannot be known.
    fn select_item(&mut self, item: &SelectItem, scope: &Scope<'_>) -> Option<Vec<Shown>> {
        match item {
            SelectItem::UnnamedExpr(expr) => {
                look_up(self, expr, scope);
                let bytes = self.lines.bytes(sqlparser::ast::Spanned::span(expr));
                let (name, unusable) = name_of(expr);
                Some(vec![shown(name, unusable, bytes)])
            }
            SelectItem::ExprWithAlias { expr, alias } => {
                look_up(self, expr, scope);
                Some(vec![shown(Some(normal(alias)), false, self.lines.bytes(alias.span))])
            }
            SelectItem::ExprWithAliases { expr, .. } => {
                look_up(self, expr, scope);
                None
            }
            SelectItem::Wildcard(options) => {
                let bytes = self.lines.bytes(options.wildcard_token.0.span);
                expand(scope.star(), options, bytes)
            }
            SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), options) => {
                let columns = self.qualified_star(name, scope);
                let bytes = self.lines.bytes(span(name));
                expand(columns, options, bytes)
            }
            SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::Expr(expr), _) => {
                look_up(self, expr, scope);
                None
            }
        }
    }

    fn qualified_star(&mut self, name: &ObjectName, scope: &Scope<'_>) -> Columns {
        let parts = parts(name)?;
        let matches = |r: &&Relation| match parts.as_slice() {
            [alias] => r.name.as_ref() == Some(alias),
            [schema, table] => r.schema.as_ref() == Some(schema) && r.name.as_ref() == Some(table),
            _ => false,
        };
        let found = scope.chain().find_map(|s| s.relations.iter().find(matches));
        match found {
            Some(relation) => relation.columns.clone(),
            None => {
                if scope.closed() && !scope.has(&parts[0]) {
                    let message = format!("no table here is called `{}`", parts.join("."));
                    self.report(mistake(SQL_UNKNOWN_RELATION, self.lines.bytes(span(name)), message));
                }
                None
            }
        }
    }

    fn table_with_joins<'q>(&mut self, item: &'q TableWithJoins, scope: &mut Scope<'_>, on: &mut Vec<&'q Expr>) {
        let first = scope.relations.len();
        self.factor(&item.relation, scope, on);
        for join in &item.joins {
            self.join(join, first, scope, on);
        }
    }

    fn join<'q>(&mut self, join: &'q Join, first: usize, scope: &mut Scope<'_>, on: &mut Vec<&'q Expr>) {
        use JoinOperator as J;
        let right = scope.relations.len();
        self.factor(&join.relation, scope, on);
        let constraint = match &join.join_operator {
            J::Join(c) | J::Inner(c) | J::Left(c) | J::LeftOuter(c) | J::Right(c) | J::RightOuter(c) => Some(c),
            J::FullOuter(c) | J::CrossJoin(c) | J::StraightJoin(c) => Some(c),
            J::Semi(c) | J::LeftSemi(c) | J::Anti(c) | J::LeftAnti(c) => {
                scope.relations[right..].iter_mut().for_each(|r| r.shown = false);
                Some(c)
            }
            J::RightSemi(c) | J::RightAnti(c) => {
                scope.relations[first..right].iter_mut().for_each(|r| r.shown = false);
                Some(c)
            }
            J::AsOf {
                match_condition,
                constraint,
            } => {
                on.push(match_condition);
                Some(constraint)
            }
            _ => None,
        };
        match constraint {
            Some(JoinConstraint::On(condition)) => on.push(condition),
            Some(JoinConstraint::Natural) => scope.natural = true,
            Some(JoinConstraint::Using(names)) => {
                for name in names {
                    self.using(name, first, right, scope);
                }
            }
            Some(JoinConstraint::None) | None => {}
        }
    }

    fn using(&mut self, name: &ObjectName, first: usize, right: usize, scope: &mut Scope<'_>) {
        let Some(column) = parts(name).and_then(|mut p| p.pop()) else {
            return;
        };
        for side in [&scope.relations[first..right], &scope.relations[right..]] {
            let known = side.iter().all(|r| r.columns.is_some());
            if known && !side.iter().any(|r| r.has(&column)) {
                let message = format!("not both sides of the join have a column `{column}`");
                self.report(mistake(SQL_UNKNOWN_COLUMN, self.lines.bytes(span(name)), message));
                break;
            }
        }
        scope.merged.insert(column);
    }

    fn factor<'q>(&mut self, factor: &'q TableFactor, scope: &mut Scope<'_>, on: &mut Vec<&'q Expr>) {
        match factor {
            TableFactor::Table {
                name,
                alias,
                args: None,
                ..
            } => {
                let relation = self.table(name, alias.as_ref());
                scope.relations.push(relation);
            }
            TableFactor::Table {
                args: Some(args),
                alias,
                ..
            } => self.function(&args.args, alias.as_ref(), scope),
            TableFactor::Function { args, alias, .. } => self.function(args, alias.as_ref(), scope),
            TableFactor::Derived { subquery, alias, .. } => {
                // Siblings are in sight of a lateral one; for the others that is one relation too many, never one too few.
                let columns = self.query(subquery, Some(&*scope));
                scope.relations.push(aliased(columns, alias.as_ref()));
            }
            TableFactor::NestedJoin {
                table_with_joins,
                alias: None,
            } => self.table_with_joins(table_with_joins, scope, on),
            TableFactor::NestedJoin {
                table_with_joins,
                alias,
            } => {
                let mut inner = Scope::inside(scope.parent);
                self.table_with_joins(table_with_joins, &mut inner, on);
                scope.relations.push(aliased(None, alias.as_ref()));
            }
            TableFactor::UNNEST { alias, .. } => {
                let columns = alias.as_ref().filter(|a| !a.columns.is_empty());
                let relation = match columns {
                    Some(alias) => aliased(
                        Some(alias.columns.iter().map(|c| normal(&c.name)).collect()),
                        Some(alias),
                    ),
                    None => aliased(None, alias.as_ref()),
                };
                scope.relations.push(relation);
            }
            TableFactor::Pivot { table, alias, .. }
            | TableFactor::Unpivot { table, alias, .. }
            | TableFactor::MatchRecognize { table, alias, .. } => {
                let mut inner = Scope::inside(scope.parent);
                self.factor(table, &mut inner, &mut Vec::new());
                scope.relations.push(aliased(None, alias.as_ref()));
            }
            _ => scope.relations.push(aliased(None, None)),
        }
    }

    /// A function in a `from`. An argument that names a table, as a name or as text, or that is a query, is read.
    fn function(&mut self, args: &[FunctionArg], alias: Option<&TableAlias>, scope: &mut Scope<'_>) {
        for arg in args {
            let (FunctionArg::Named { arg, .. } | FunctionArg::ExprNamed { arg, .. } | FunctionArg::Unnamed(arg)) = arg;
            let FunctionArgExpr::Expr(expr) = arg else { continue };
            match expr {
                Expr::CompoundIdentifier(idents) if idents.len() == 2 => {
                    let names: Vec<String> = idents.iter().map(normal).collect();
                    let bytes = self.lines.bytes(sqlparser::ast::Spanned::span(expr));
                    self.read(&names, bytes);
                }
                Expr::Value(value) => {
                    if let Value::SingleQuotedString(text) = &value.value {
                        let names: Vec<String> = text.split('.').map(str::to_string).collect();
                        let is_name = names.len() == 2 && text.parse::<AssetName>().is_ok();
                        if is_name {
                            self.read(&names, self.lines.bytes(value.span));
                        }
                    }
                }
                Expr::Subquery(query) => drop(self.query(query, Some(&*scope))),
                _ => {}
            }
        }
        scope.relations.push(aliased(None, alias));
    }

    fn table(&mut self, name: &ObjectName, alias: Option<&TableAlias>) -> Relation {
        let Some(names) = parts(name) else {
            return aliased(None, alias);
        };
        let bytes = self.lines.bytes(span(name));
        let (columns, schema) = match names.as_slice() {
            [single] => match self.ctes.iter().rev().find(|(n, _)| n == single) {
                Some((_, columns)) => (columns.clone(), None),
                None => (self.bare(single, bytes), None),
            },
            [schema, _] => (self.read(&names, bytes), Some(schema.clone())),
            _ => {
                let message = format!("there is no table `{}`: a name is `schema.table`", names.join("."));
                self.report(mistake(SQL_UNKNOWN_TABLE, bytes, message));
                (None, None)
            }
        };
        match alias {
            Some(_) => aliased(columns, alias),
            None => Relation {
                name: names.last().cloned(),
                schema,
                columns,
                shown: true,
            },
        }
    }

    /// A name without a schema that is no common table expression.
    fn bare(&mut self, name: &str, bytes: Range<usize>) -> Columns {
        let all = self.catalog.names();
        let same = all
            .iter()
            .find(|n| n.split_once('.').is_some_and(|(_, t)| t == name))
            .copied();
        let ctes: Vec<String> = self.ctes.iter().map(|(n, _)| n.clone()).collect();
        let near = same.or_else(|| closest(name, ctes.iter().map(String::as_str)));
        let tables = all.iter().filter_map(|n| n.split_once('.').map(|(_, t)| t));
        let near = near.or_else(|| {
            let table = closest(name, tables)?;
            all.iter().find(|n| n.ends_with(&format!(".{table}"))).copied()
        });
        let found = mistake(SQL_UNKNOWN_TABLE, bytes, format!("there is no table `{name}`"));
        let found = match near {
            Some(meant) => found.hint(format!("did you mean `{meant}`?")),
            None => found.hint("a table is named with its schema: `schema.table`"),
        };
        self.report(found);
        None
    }

    /// Notes that a table is read; its columns.
    fn read(&mut self, names: &[String], bytes: Range<usize>) -> Columns {
        if RESERVED_SCHEMAS.contains(&names[0].as_str()) {
            return None;
        }
        let text = names.join(".");
        let table = match text.parse::<AssetName>() {
            Ok(name) => match self.catalog.table(&name) {
                Table::Lake(columns) => {
                    self.reads.push(Read { table: name, bytes });
                    return columns;
                }
                Table::Elsewhere(connection) => {
                    let message = format!("`{name}` is not in the lake: it is written into `{connection}`");
                    let hint = "read the asset that it is made from";
                    self.report(mistake(SQL_UNKNOWN_TABLE, bytes, message).hint(hint));
                    return None;
                }
                Table::Missing => name.to_string(),
            },
            Err(_) => text,
        };
        let all = self.catalog.names();
        let found = mistake(SQL_UNKNOWN_TABLE, bytes, format!("there is no table `{table}`"));
        let found = match closest(&table, all.iter().copied()) {
            Some(meant) => found.hint(format!("did you mean `{meant}`?")),
            None => {
                let own: Vec<&str> = all
                    .iter()
                    .copied()
                    .filter(|n| n.starts_with(&format!("{}.", names[0])))
                    .collect();
                let in_schema = || {
                    found
                        .clone()
                        .hint(format!("in `{}` there are: {}", names[0], list(&own)))
                };
                if own.is_empty() { found } else { in_schema() }
            }
        };
        self.report(found);
        None
    }

    /// The ranged input must be bounded in the very select that reads it: elsewhere it would be read whole.
    fn check_bounds(&mut self, select: &Select, conditions: &[&Expr]) {
        let Some((table, column)) = self.bounded else { return };
        let mut places = Vec::new();
        for item in &select.from {
            tables_in(item, &mut places);
        }
        for (name, alias) in places {
            let wanted = parts(name).is_some_and(|p| p == [table.schema(), table.table()]);
            if !wanted {
                continue;
            }
            let relation = alias.map_or_else(|| table.table().to_string(), normal);
            let mut found = Bounds::default();
            conditions.iter().for_each(|c| bounds(c, &relation, column, &mut found));
            let missing = match found {
                Bounds { from: true, to: true } => continue,
                Bounds { from: true, .. } => format!("`{column} < $to`"),
                Bounds { to: true, .. } => format!("`{column} >= $from`"),
                _ => format!("`{column} >= $from and {column} < $to`"),
            };
            let message = format!("`{table}` is the input of the range, and is read here without {missing}");
            let hint =
                "bound it in the `where` of the very `select` that reads it, so that a range reads its own rows only";
            self.report(mistake(SQL_UNBOUNDED_RANGE, self.lines.bytes(span(name)), message).hint(hint));
        }
    }

    /// Each column of the answer needs a name of its own that a table can hold.
    fn output(&mut self, query: &Query) {
        let SetExpr::Select(select) = &*query.body else { return };
        let list = self.lines.bytes(select.select_token.0.span);
        let mut seen: BTreeSet<String> = BTreeSet::new();
        let shown: Vec<Shown> = std::mem::take(&mut self.shown);
        for (i, column) in shown.into_iter().filter(|s| s.select == list).enumerate() {
            let position = i + 1;
            match column.name {
                None if column.unusable => {
                    let message = format!("column {position} of the answer has no name");
                    let found = mistake(SQL_UNNAMED_OUTPUT, column.bytes, message);
                    self.report(found.hint("give it one: `… as name`"));
                }
                None => {}
                Some(name) => {
                    if let Err(why) = column_name(&name) {
                        self.report(mistake(SQL_UNNAMED_OUTPUT, column.bytes.clone(), why));
                    }
                    if !seen.insert(name.to_lowercase()) {
                        let message = format!("two columns of the answer are called `{name}`");
                        let found = mistake(SQL_DUPLICATE_OUTPUT, column.bytes, message);
                        self.report(found.hint("give one of them another name, or leave it out"));
                    }
                }
            }
        }
    }
}

fn shown(name: Option<String>, unusable: bool, bytes: Range<usize>) -> Shown {
    Shown {
        name,
        unusable,
        bytes,
        select: 0..0,
    }
}

/// The name that an expression without an alias gives its column, and otherwise whether that name is surely unusable.
fn name_of(expr: &Expr) -> (Option<String>, bool) {
    match expr {
        Expr::Nested(inner) => name_of(inner),
        Expr::Identifier(ident) => (Some(normal(ident)), false),
        Expr::CompoundIdentifier(idents) if idents.len() == 2 => (idents.last().map(normal), false),
        Expr::Function(_) | Expr::BinaryOp { .. } | Expr::Value(_) | Expr::Case { .. } => (None, true),
        _ => (None, false),
    }
}

/// What `*` stands for, less what it leaves out.
fn expand(columns: Columns, options: &WildcardAdditionalOptions, bytes: Range<usize>) -> Option<Vec<Shown>> {
    let WildcardAdditionalOptions {
        opt_ilike: None,
        opt_replace: None,
        opt_rename: None,
        opt_alias: None,
        ..
    } = options
    else {
        return None;
    };
    let mut without: HashSet<String> = HashSet::new();
    if let Some(except) = &options.opt_except {
        without.insert(normal(&except.first_element));
        without.extend(except.additional_elements.iter().map(normal));
    }
    if options.opt_exclude.is_some() {
        // Its shape differs between dialects: `* exclude (a, b)` is left to the engine.
        return None;
    }
    let columns = columns?;
    let kept = columns.iter().filter(|c| !without.contains(*c));
    Some(kept.map(|c| shown(Some(c.clone()), false, bytes.clone())).collect())
}

fn aliased(columns: Columns, alias: Option<&TableAlias>) -> Relation {
    Relation {
        name: alias.map(|a| normal(&a.name)),
        schema: None,
        columns: alias.map_or(columns.clone(), |a| renamed(columns, a)),
        shown: true,
    }
}

/// The columns under the names that an alias gives them: `as t(a, b)`.
fn renamed(columns: Columns, alias: &TableAlias) -> Columns {
    if alias.columns.is_empty() {
        return columns;
    }
    let given = alias.columns.iter().map(|c| normal(&c.name));
    let width = columns.as_ref()?.len();
    let rest = columns
        .as_ref()
        .into_iter()
        .flat_map(|c| c.iter().cloned())
        .skip(alias.columns.len());
    (alias.columns.len() <= width).then(|| given.chain(rest).collect())
}

/// The tables that stand in this item of a `from` itself, with their aliases.
fn tables_in<'q>(item: &'q TableWithJoins, places: &mut Vec<(&'q ObjectName, Option<&'q Ident>)>) {
    let factors = std::iter::once(&item.relation).chain(item.joins.iter().map(|j| &j.relation));
    for factor in factors {
        match factor {
            TableFactor::Table {
                name,
                alias,
                args: None,
                ..
            } => places.push((name, alias.as_ref().map(|a| &a.name))),
            TableFactor::NestedJoin { table_with_joins, .. } => tables_in(table_with_joins, places),
            _ => {}
        }
    }
}
