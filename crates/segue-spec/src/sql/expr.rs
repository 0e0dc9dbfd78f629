//! The columns that an expression names, looked up.

use super::names::{normal, written};
use super::parse::mistake;
use super::resolve::Resolver;
use super::scope::{Relation, Scope};
use segue_diag::{SQL_AMBIGUOUS_COLUMN, SQL_UNKNOWN_COLUMN, SQL_UNKNOWN_RELATION, closest};
use sqlparser::ast::{
    AccessExpr, Expr, FunctionArg, FunctionArguments, Ident, OneOrManyWithParens, Query, Visit, Visitor,
};
use sqlparser::tokenizer::Span;
use std::collections::HashSet;
use std::ops::ControlFlow;

/// Looks up every column that stands in a part of the tree; queries inside it get scopes of their own.
pub(super) fn look_up(resolver: &mut Resolver<'_>, part: &impl Visit, scope: &Scope<'_>) {
    let mut walk = Walk {
        resolver,
        scope,
        inside: 0,
        bound: HashSet::new(),
        not_columns: HashSet::new(),
    };
    let _ = part.visit(&mut walk);
}

struct Walk<'w, 'r, 's> {
    resolver: &'w mut Resolver<'r>,
    scope: &'s Scope<'s>,
    /// How many queries stand around this place; they have been resolved as wholes.
    inside: usize,
    /// Parameters of lambdas.
    bound: HashSet<String>,
    /// Words that look like columns and are none: names of arguments, fields after a dot.
    not_columns: HashSet<Span>,
}

impl Visitor for Walk<'_, '_, '_> {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        if self.inside == 0 {
            self.resolver.query(query, Some(self.scope));
        }
        self.inside += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
        self.inside -= 1;
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        if self.inside > 0 {
            return ControlFlow::Continue(());
        }
        match expr {
            Expr::Identifier(ident) if !self.not_columns.contains(&ident.span) => self.column(ident),
            Expr::CompoundIdentifier(parts) => self.qualified(parts),
            Expr::Lambda(lambda) => match &lambda.params {
                OneOrManyWithParens::One(p) => drop(self.bound.insert(normal(&p.name))),
                OneOrManyWithParens::Many(all) => self.bound.extend(all.iter().map(|p| normal(&p.name))),
            },
            Expr::Function(function) => {
                if let FunctionArguments::List(list) = &function.args {
                    let named = list.args.iter().filter_map(|a| match a {
                        FunctionArg::ExprNamed {
                            name: Expr::Identifier(name),
                            ..
                        } => Some(name.span),
                        _ => None,
                    });
                    self.not_columns.extend(named);
                }
            }
            Expr::CompoundFieldAccess { access_chain, .. } => {
                let fields = access_chain.iter().filter_map(|a| match a {
                    AccessExpr::Dot(Expr::Identifier(field)) => Some(field.span),
                    _ => None,
                });
                self.not_columns.extend(fields);
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

impl Walk<'_, '_, '_> {
    fn column(&mut self, ident: &Ident) {
        let name = normal(ident);
        // `@x` is a session's variable, and names with a leading `_` may be the engine's own.
        if self.bound.contains(&name) || name.starts_with(['@', '_']) {
            return;
        }
        for scope in self.scope.chain() {
            if scope.aliases.contains(&name) {
                return;
            }
            let holders = scope.relations.iter().filter(|r| r.shown && r.has(&name)).count();
            let certain = scope.relations.iter().all(|r| r.columns.is_some()) && !scope.natural;
            if holders > 1 && certain && !scope.merged.contains(&name) {
                let message = format!("more than one table here has a column `{name}`");
                let hint = "write the table's name or alias before it";
                self.report(SQL_AMBIGUOUS_COLUMN, ident.span, message, Some(hint.into()));
            }
            if scope.relations.iter().any(|r| r.has(&name) || r.columns.is_none()) {
                return;
            }
        }
        let hint = self.suggest(&name, self.scope.columns(), ident);
        self.report(
            SQL_UNKNOWN_COLUMN,
            ident.span,
            format!("there is no column `{name}`"),
            hint,
        );
    }

    /// `t.c`, `t.c.field`, `s.t.c`, `s.t.c.field`, `c.field`.
    fn qualified(&mut self, idents: &[Ident]) {
        let names: Vec<String> = idents.iter().map(normal).collect();
        if self.bound.contains(&names[0]) || names.iter().any(|n| n.starts_with(['@', '_'])) {
            return;
        }
        let by_alias = |r: &&Relation| r.name.as_deref() == Some(&names[0]);
        let by_name = |r: &&Relation| {
            names.len() > 2 && r.schema.as_deref() == Some(&names[0]) && r.name.as_deref() == Some(&names[1])
        };
        let find = |wanted: &dyn Fn(&&Relation) -> bool| {
            self.scope.chain().find_map(|s| s.relations.iter().find(|r| wanted(r)))
        };
        let (relation, at) = match (find(&by_name), find(&by_alias)) {
            (Some(relation), _) => (relation, 2),
            (None, Some(relation)) => (relation, 1),
            (None, None) => return self.no_relation(idents, &names),
        };
        let Some(column) = names.get(at) else { return };
        let known = relation.columns.is_none() || relation.has(column);
        if known || self.scope.has(&names[0]) {
            return;
        }
        let shown = names[..at].join(".");
        let columns = relation
            .columns
            .iter()
            .flat_map(|c| c.iter().map(String::as_str))
            .collect();
        let hint = self.suggest(column, columns, &idents[at]);
        self.report(
            SQL_UNKNOWN_COLUMN,
            idents[at].span,
            format!("`{shown}` has no column `{column}`"),
            hint,
        );
    }

    fn no_relation(&mut self, idents: &[Ident], names: &[String]) {
        // It may be a field of a struct.
        if self.scope.has(&names[0]) || !self.scope.closed() {
            return;
        }
        let qualifier = names[..names.len() - 1].join(".");
        let span = Span::union_iter(idents[..idents.len() - 1].iter().map(|i| i.span));
        let in_sight = self
            .scope
            .chain()
            .flat_map(|s| &s.relations)
            .filter_map(|r| r.name.as_deref());
        let in_sight: Vec<&str> = in_sight.collect();
        let hint = match closest(&qualifier, in_sight.iter().copied()).filter(|_| qualifier.len() > 2) {
            Some(meant) => Some(format!("did you mean `{meant}`?")),
            None if in_sight.is_empty() => None,
            None => Some(format!("here are: `{}`", in_sight.join("`, `"))),
        };
        self.report(
            SQL_UNKNOWN_RELATION,
            span,
            format!("no table here is called `{qualifier}`"),
            hint,
        );
    }

    fn suggest(&self, name: &str, columns: Vec<&str>, ident: &Ident) -> Option<String> {
        match closest(name, columns.iter().copied()) {
            Some(meant) => Some(format!("did you mean `{}`?", written(meant))),
            None if ident.quote_style == Some('"') => Some(format!("text stands in single quotes: '{name}'")),
            None if columns.is_empty() => None,
            None => Some(format!("there are: {}", list(&columns))),
        }
    }

    fn report(&mut self, code: segue_diag::Code, span: Span, message: String, hint: Option<String>) {
        let bytes = self.resolver.lines.bytes(span);
        let mut found = mistake(code, bytes, message);
        found.hint = hint;
        self.resolver.report(found);
    }
}

/// The first names of a list that may be long.
pub(super) fn list(names: &[&str]) -> String {
    let shown: Vec<String> = names.iter().take(12).map(|n| format!("`{n}`")).collect();
    let more = if names.len() > 12 { ", …" } else { "" };
    format!("{}{more}", shown.join(", "))
}
