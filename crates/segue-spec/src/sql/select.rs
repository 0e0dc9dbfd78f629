//! Select lists: the columns of an answer, and their names.

use super::expr::look_up;
use super::names::{normal, parts, span};
use super::parse::mistake;
use super::resolve::Resolver;
use super::scope::{Columns, Relation, Scope};
use crate::name::column_name;
use segue_diag::{SQL_DUPLICATE_OUTPUT, SQL_UNKNOWN_RELATION, SQL_UNNAMED_OUTPUT};
use sqlparser::ast::{
    Expr, ObjectName, Query, Select, SelectFlavor, SelectItem, SelectItemQualifiedWildcardKind, SetExpr,
    WildcardAdditionalOptions,
};
use std::collections::{BTreeSet, HashSet};
use std::ops::Range;

/// One column of a select list.
pub(super) struct Shown {
    name: Option<String>,
    /// Whether it is certain that the engine would give it a name that no table can hold.
    unusable: bool,
    bytes: Range<usize>,
    /// The select list that it stands in.
    select: Range<usize>,
}

impl Resolver<'_> {
    /// Looks up the select list; its names are in sight of what comes after it.
    pub(super) fn select_list(&mut self, select: &Select, scope: &mut Scope<'_>) -> Columns {
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
                if let Some(all) = &mut all {
                    all.push(shown.name.clone().unwrap_or_default());
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
        if select.projection.is_empty() {
            // `from raw.orders` alone is `select * from raw.orders`.
            return if select.flavor == SelectFlavor::Standard {
                None
            } else {
                scope.star()
            };
        }
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

    /// Each column of the answer needs a name of its own that a table can hold.
    pub(super) fn output(&mut self, query: &Query) {
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
