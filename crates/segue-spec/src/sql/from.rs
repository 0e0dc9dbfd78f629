//! `from`: the relations that a select has in sight, and the tables among them.

use super::bounds::{Bounds, bounds};
use super::expr::list;
use super::names::{normal, parts, span};
use super::parse::mistake;
use super::resolve::{Read, Resolver, Table};
use super::scope::{Columns, Relation, Scope};
use crate::name::{AssetName, RESERVED_SCHEMAS};
use segue_diag::{NO_FIND, SQL_UNBOUNDED_RANGE, SQL_UNKNOWN_COLUMN, SQL_UNKNOWN_TABLE, closest};
use sqlparser::ast::{
    Expr, FunctionArg, FunctionArgExpr, Ident, Join, JoinConstraint, JoinOperator, ObjectName, Select, Spanned,
    TableAlias, TableFactor, TableWithJoins, Value,
};
use std::ops::Range;

/// The columns of `resolve(…)`.
const RESOLVED: [&str; 7] = ["id", "name", "alias", "reason", "score", "popularity", "sure"];

impl Resolver<'_> {
    pub(super) fn table_with_joins<'q>(
        &mut self,
        item: &'q TableWithJoins,
        scope: &mut Scope<'_>,
        on: &mut Vec<&'q Expr>,
    ) {
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
                name,
                args: Some(args),
                alias,
                ..
            } => self.function(name, &args.args, alias.as_ref(), scope),
            TableFactor::Function { name, args, alias, .. } => self.function(name, args, alias.as_ref(), scope),
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

    /// A function in a `from`. The relation of `nearest` is its first argument, that of `resolve` its second; those of functions that are not
    /// known here are arguments that have a table's name, written as a name or as text. Queries among the arguments are read as well.
    fn function(&mut self, name: &ObjectName, args: &[FunctionArg], alias: Option<&TableAlias>, scope: &mut Scope<'_>) {
        let called = parts(name).map(|parts| parts.join("."));
        let is_resolve = called.as_deref() == Some("resolve");
        let relation = match called.as_deref() {
            Some("nearest") => Some(0),
            Some("resolve") => Some(1),
            _ => None,
        };
        for (i, arg) in args.iter().enumerate() {
            let (FunctionArg::Named { arg, .. } | FunctionArg::ExprNamed { arg, .. } | FunctionArg::Unnamed(arg)) = arg;
            let FunctionArgExpr::Expr(expr) = arg else { continue };
            if let Expr::Subquery(query) = expr {
                self.query(query, Some(&*scope));
                continue;
            }
            if is_resolve && i == 0 {
                // What is asked for is no table, whatever it says.
                continue;
            }
            let (names, bytes): (Vec<String>, _) = match expr {
                Expr::CompoundIdentifier(idents) => (idents.iter().map(normal).collect(), Spanned::span(expr)),
                Expr::Value(value) => match &value.value {
                    Value::SingleQuotedString(text) => (text.split('.').map(str::to_string).collect(), value.span),
                    _ => continue,
                },
                _ => continue,
            };
            let table = names.join(".").parse::<AssetName>();
            let found = table.as_ref().map_or(Table::Missing, |t| self.catalog.table(t));
            if !matches!(found, Table::Missing) || (relation == Some(i) && names.len() == 2) {
                self.read(&names, self.lines.bytes(bytes));
            }
            if is_resolve
                && i == 1
                && let (Ok(table), Table::Lake(_)) = (&table, &found)
            {
                self.found_by_name(table, self.lines.bytes(bytes));
            }
        }
        let columns = is_resolve.then(|| RESOLVED.iter().map(ToString::to_string).collect());
        scope.relations.push(aliased(columns, alias));
    }

    /// Names are found where an asset says by which columns.
    fn found_by_name(&mut self, table: &AssetName, bytes: Range<usize>) {
        if !self.catalog.is_found_by_name(table) {
            let message = format!("`{table}` does not say how its rows are found by a name");
            let hint = format!("write `find: {{ id: …, name: … }}` into the file of `{table}`, with its columns");
            self.report(mistake(NO_FIND, bytes, message).hint(hint));
        }
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
    pub(super) fn check_bounds(&mut self, select: &Select, conditions: &[&Expr]) {
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
}

fn aliased(columns: Columns, alias: Option<&TableAlias>) -> Relation {
    Relation {
        name: alias.map(|a| normal(&a.name)),
        schema: None,
        columns: alias.map_or_else(|| all_named(columns.clone()), |a| renamed(columns.clone(), a)),
        shown: true,
    }
}

/// The columns under the names that an alias gives them: `as t(a, b)`.
pub(super) fn renamed(columns: Columns, alias: &TableAlias) -> Columns {
    if alias.columns.is_empty() {
        return all_named(columns);
    }
    let given = alias.columns.iter().map(|c| normal(&c.name));
    let width = columns.as_ref()?.len();
    let rest = columns
        .as_ref()
        .into_iter()
        .flat_map(|c| c.iter().cloned())
        .skip(alias.columns.len());
    all_named((alias.columns.len() <= width).then(|| given.chain(rest).collect()))
}

/// The columns, if each has a name that is known; what the engine calls `sum(x)` is not, and is empty here.
pub(super) fn all_named(columns: Columns) -> Columns {
    columns.filter(|all| all.iter().all(|name| !name.is_empty()))
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
