//! A check as SQL: a query that gives the offenders.
//!
//! Null is judged by `not_null` alone. A condition that is neither true nor false of a row holds, as it does in a database.

use segue_core::engine::TableKey;
use segue_spec::model::{Check, CheckKind, OnFailure, Scope};
use serde_json::Value;

/// The name under which the commit's rows are asked, beside the table itself.
pub const CHANGED: (&str, &str) = ("segue_work", "changed");

/// When a check is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// On the rows of each commit, before it is worked out: offenders are set aside.
    OnRows,
    /// On each commit's table as it would be.
    EachCommit,
    /// Once, on the step's only commit.
    AtTheEnd,
}

/// When this check is judged.
pub fn when(check: &Check) -> When {
    match (&check.kind, check.on_failure) {
        (_, OnFailure::Quarantine) => When::OnRows,
        (CheckKind::RowCount { .. } | CheckKind::Sql(_) | CheckKind::References { .. }, OnFailure::Fail) => {
            When::AtTheEnd
        }
        _ => When::EachCommit,
    }
}

/// Whether a step with these checks commits once, at its end: a check of the table as a whole could fail after half of it had committed.
pub fn commit_once(checks: &[Check]) -> bool {
    checks.iter().any(|c| when(c) == When::AtTheEnd)
}

/// What stands before a `row:` condition where its offenders are asked for.
const BEFORE_CONDITION: &str = "not coalesce((";

/// How many characters of [`offenders`] stand before what the user wrote, in its first line; `None` for a check in which no SQL is written.
pub fn written_after(check: &Check, table: &TableKey) -> Option<usize> {
    match &check.kind {
        CheckKind::Sql(_) => Some(0),
        CheckKind::Row(_) => Some(offenders(check, table).find(BEFORE_CONDITION)? + BEFORE_CONDITION.len()),
        _ => None,
    }
}

/// The condition that a row check's offenders meet; `None` for a check that does not judge rows one by one.
pub fn offends(kind: &CheckKind) -> Option<String> {
    match kind {
        CheckKind::NotNull(columns) => {
            let any: Vec<String> = columns.iter().map(|c| format!("{} is null", quoted(c))).collect();
            Some(any.join(" or "))
        }
        CheckKind::Between { column, min, max } => {
            let column = quoted(column);
            let low = min.as_ref().map(|v| format!("{column} < {}", literal(v)));
            let high = max.as_ref().map(|v| format!("{column} > {}", literal(v)));
            let both: Vec<String> = low.into_iter().chain(high).collect();
            Some(if both.is_empty() {
                "false".into()
            } else {
                both.join(" or ")
            })
        }
        CheckKind::Accepted { column, values } => {
            let column = quoted(column);
            let list: Vec<String> = values.iter().filter(|v| !v.is_null()).map(literal).collect();
            Some(match list.is_empty() {
                true => format!("{column} is not null"),
                false => format!("{column} is not null and {column} not in ({})", list.join(", ")),
            })
        }
        CheckKind::Matches { column, pattern } => {
            let column = quoted(column);
            Some(format!(
                "{column} is not null and not regexp_like({column}, {})",
                literal(&Value::String(pattern.clone()))
            ))
        }
        CheckKind::Row(condition) => Some(format!("{BEFORE_CONDITION}{condition}\n), true)")),
        CheckKind::Unique(_) | CheckKind::References { .. } | CheckKind::Sql(_) | CheckKind::RowCount { .. } => None,
    }
}

/// The query whose rows are the offenders on the table (or, by its scope, on the commit's rows alone). For `row_count` it is one row
/// with the count, if that is out of bounds.
pub fn offenders(check: &Check, table: &TableKey) -> String {
    let changed = TableKey::new(CHANGED.0, CHANGED.1);
    let scope = if check.scope == Scope::Changed { &changed } else { table };
    if let Some(condition) = offends(&check.kind) {
        return format!("select * from {scope} where {condition}");
    }
    match &check.kind {
        CheckKind::Unique(columns) => {
            let list = columns.iter().map(|c| quoted(c)).collect::<Vec<_>>().join(", ");
            let only_changed = match check.scope {
                Scope::Table => String::new(),
                Scope::Changed => {
                    let same: Vec<String> = columns.iter().map(|c| format!("c.{0} = t.{0}", quoted(c))).collect();
                    format!(" where exists (select 1 from {changed} c where {})", same.join(" and "))
                }
            };
            format!(
                "select {list}, count(*) as \"rows\" from {table} t{only_changed} group by {list} having count(*) > 1"
            )
        }
        CheckKind::References {
            column,
            table: other,
            to,
        } => {
            let (column, other) = (quoted(column), TableKey::new(other.schema(), other.table()));
            let to = quoted(to);
            format!(
                "select * from {scope} t where t.{column} is not null and not exists (select 1 from {other} o where o.{to} = t.{column})"
            )
        }
        CheckKind::RowCount { min, max } => {
            let low = min.map(|n| format!("count(*) < {n}"));
            let high = max.map(|n| format!("count(*) > {n}"));
            let both: Vec<String> = low.into_iter().chain(high).collect();
            let out = if both.is_empty() {
                "false".into()
            } else {
                both.join(" or ")
            };
            format!("select count(*) as \"rows\" from {scope} having {out}")
        }
        CheckKind::Sql(sql) => sql.clone(),
        CheckKind::NotNull(_)
        | CheckKind::Between { .. }
        | CheckKind::Accepted { .. }
        | CheckKind::Matches { .. }
        | CheckKind::Row(_) => {
            unreachable!("these judge rows one by one")
        }
    }
}

/// The rows without those that are set aside by any of these checks.
pub fn good_rows(checks: &[&Check], table: &TableKey) -> String {
    format!(
        "select * from {table} where not coalesce({}, false)",
        any_offends(checks)
    )
}

/// The rows that are set aside by any of these checks, with the number of the first that each offends in `_segue_check`.
pub fn bad_rows(checks: &[&Check], table: &TableKey) -> String {
    let cases: Vec<String> = checks
        .iter()
        .enumerate()
        .filter_map(|(at, c)| Some(format!("when {} then {at}", offends(&c.kind)?)))
        .collect();
    format!(
        "select *, case {} end as _segue_check from {table} where {}",
        cases.join(" "),
        any_offends(checks)
    )
}

/// A row for one that offends any of these checks; none where no row does.
pub fn any_bad_row(checks: &[&Check], table: &TableKey) -> String {
    format!("select 1 as bad from {table} where {} limit 1", any_offends(checks))
}

fn any_offends(checks: &[&Check]) -> String {
    let all: Vec<String> = checks
        .iter()
        .filter_map(|c| Some(format!("({})", offends(&c.kind)?)))
        .collect();
    if all.is_empty() {
        "false".into()
    } else {
        format!("({})", all.join(" or "))
    }
}

/// A column's name in SQL.
pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A value in SQL.
pub fn literal(value: &Value) -> String {
    match value {
        Value::Null => "null".into(),
        Value::Bool(b) => b.to_string(),
        Value::Number(n) => n.to_string(),
        Value::String(text) => format!("'{}'", text.replace('\'', "''")),
        other => format!("'{}'", other.to_string().replace('\'', "''")),
    }
}

#[cfg(test)]
mod tests;
