//! Columns that a query hands on as they are, row by row, from one table: a change of the table's rows is a change of the answer's rows with
//! the same value in such a column.

use super::names::{normal, parts};
use super::parse::parse_query;
use crate::name::AssetName;
use sqlparser::ast::{Expr, Ident, SelectItem, SetExpr, TableFactor};

/// Words with which rows of an answer are no longer one each of the table's.
const OTHERWISE: [&str; 21] = [
    "join",
    "group",
    "having",
    "distinct",
    "limit",
    "offset",
    "fetch",
    "over",
    "qualify",
    "union",
    "except",
    "intersect",
    "with",
    "window",
    "exists",
    "unnest",
    "tablesample",
    "lateral",
    "pivot",
    "unpivot",
    "top",
];

/// The table and its column that a column of this query is, where each row of the answer is a row of that table; `None` where that is not
/// certain.
pub fn handed_on(sql: &str, column: &str) -> Option<(AssetName, String)> {
    let statement = parse_query(sql).ok()?;
    let words = || statement.tokens.iter().map(String::as_str);
    if words().any(|word| OTHERWISE.contains(&word)) || words().filter(|word| *word == "select").count() != 1 {
        return None;
    }
    let SetExpr::Select(select) = statement.query.body.as_ref() else {
        return None;
    };
    let [from] = select.from.as_slice() else { return None };
    let TableFactor::Table {
        name,
        alias,
        args: None,
        ..
    } = &from.relation
    else {
        return None;
    };
    let names = parts(name).filter(|names| names.len() == 2)?;
    let table: AssetName = names.join(".").parse().ok()?;
    let relation = alias
        .as_ref()
        .map_or_else(|| names[1].clone(), |alias| normal(&alias.name));
    let mut all = false;
    for item in &select.projection {
        match item {
            SelectItem::UnnamedExpr(expr) if bare(expr, &relation).as_deref() == Some(column) => {
                return Some((table, column.to_string()));
            }
            SelectItem::ExprWithAlias { expr, alias } if normal(alias) == column => {
                return Some((table, bare(expr, &relation)?));
            }
            SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..) => all = true,
            _ => {}
        }
    }
    all.then(|| (table, column.to_string()))
}

/// The column of the relation that an expression is.
fn bare(expr: &Expr, relation: &str) -> Option<String> {
    let name = |ident: &Ident| Some(normal(ident));
    match expr {
        Expr::Identifier(ident) => name(ident),
        Expr::CompoundIdentifier(names) => match names.as_slice() {
            [of, column] if normal(of) == relation => name(column),
            [_, of, column] if normal(of) == relation => name(column),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(sql: &str) -> String {
        handed_on(sql, "day").map_or("-".into(), |(table, column)| format!("{table}.{column}"))
    }

    #[test]
    fn columns_of_rows_that_stay_rows_are_handed_on() {
        for (sql, wanted) in [
            ("select id, day from raw.orders where amount > 1", "raw.orders.day"),
            (
                "select o.at as day, upper(store) as store from raw.orders o order by 1",
                "raw.orders.at",
            ),
            ("select raw.orders.day from raw.orders", "raw.orders.day"),
            ("select * from raw.orders", "raw.orders.day"),
            ("select \"Day\" as day from raw.orders", "raw.orders.Day"),
            // Another value, or rows that are no longer those of the table.
            ("select date_trunc('day', at) as day from raw.orders", "-"),
            ("select at::date as day, * from raw.orders", "-"),
            ("select day, count(*) as n from raw.orders group by day", "-"),
            ("select distinct day from raw.orders", "-"),
            ("select day, row_number() over (order by id) as n from raw.orders", "-"),
            (
                "select o.day from raw.orders o join raw.stores s on s.id = o.store",
                "-",
            ),
            ("select o.day from raw.orders o, raw.stores s", "-"),
            ("select day from raw.orders where id in (select id from raw.late)", "-"),
            ("select day from raw.orders limit 10", "-"),
            ("select day from raw.orders union all select day from raw.more", "-"),
            ("with o as (select * from raw.orders) select day from o", "-"),
            ("select other.day from raw.orders", "-"),
            ("select id from raw.orders", "-"),
        ] {
            assert_eq!(of(sql), wanted, "{sql}");
        }
    }
}
