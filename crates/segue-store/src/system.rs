//! The state as tables that SQL can read: `system.runs`, `system.steps`, `system.commits`, `system.ledger`, `system.parked`, `system.logs`.

use crate::error::failed;
use crate::store::Store;
use crate::values::{Columns, instant};
use segue_core::{Result, Type};
use serde_json::Value;
use sqlx::AssertSqlSafe;

/// A system table's columns, and its rows when it was read. Values are as their type is written in JSON; instants are RFC 3339.
#[derive(Clone, Debug, PartialEq)]
pub struct SystemTable {
    /// Names and types, in order. Every column may be null.
    pub columns: Vec<(&'static str, Type)>,
    /// One value a column.
    pub rows: Vec<Vec<Value>>,
}

/// How a column comes out of the state: as it is kept.
#[derive(Clone, Copy)]
enum Kept {
    Text,
    Json,
    Number,
    Flag,
    /// Microseconds since 1970.
    Instant,
}

struct Table {
    name: &'static str,
    /// Name, how it is kept, and the expression where it is not the column of that name.
    columns: &'static [(&'static str, Kept, &'static str)],
    from: &'static str,
}

use Kept::*;
const TABLES: &[Table] = &[
    Table {
        name: "runs",
        columns: &[
            ("id", Text, "r.id"),
            ("kind", Text, "r.kind"),
            ("selector", Text, "r.selector"),
            ("params", Json, "r.params"),
            ("started_at", Instant, "r.started_at"),
            ("ended_at", Instant, "r.ended_at"),
            ("outcome", Text, "r.outcome"),
            ("pid", Number, "r.pid"),
        ],
        from: "runs r order by r.started_at, r.id",
    },
    Table {
        name: "steps",
        columns: &[
            ("run", Text, "s.run"),
            ("asset", Text, "s.name"),
            ("asset_id", Text, "s.asset"),
            ("attempt", Number, "s.attempt"),
            ("range_from", Number, "s.range_from"),
            ("range_to", Number, "s.range_to"),
            ("started_at", Instant, "s.started_at"),
            ("ended_at", Instant, "s.ended_at"),
            ("outcome", Text, "s.outcome"),
            ("message", Text, "s.message"),
            ("error", Json, "s.error"),
            ("rows_in", Number, "s.rows_in"),
            ("rows_written", Number, "s.rows_written"),
            ("rows_changed", Number, "s.rows_changed"),
            ("rows_quarantined", Number, "s.rows_quarantined"),
            ("rows_doubled", Number, "s.rows_doubled"),
            ("bytes_in", Number, "s.bytes_in"),
            ("bytes_written", Number, "s.bytes_written"),
            ("calls", Number, "s.calls"),
            ("cpu_us", Number, "s.cpu_us"),
            ("peak_memory", Number, "s.peak_memory"),
            ("duration_us", Number, "s.duration_us"),
            ("commits", Number, "s.commits"),
            ("slices_listed", Number, "s.slices_listed"),
            ("slices_done", Number, "s.slices_done"),
            ("slices_parked", Number, "s.slices_parked"),
            ("slices_failed", Number, "s.slices_failed"),
            ("slices_closed", Number, "s.slices_closed"),
            ("slices_gone", Number, "s.slices_gone"),
            ("notes", Json, "s.notes"),
        ],
        from: "steps s order by s.started_at, s.name, s.attempt",
    },
    Table {
        name: "commits",
        columns: &[
            ("asset", Text, "a.name"),
            ("asset_id", Text, "c.asset"),
            ("n", Number, "c.n"),
            ("id", Text, "c.id"),
            ("predecessor", Number, "c.predecessor"),
            ("state", Text, "c.state"),
            ("prepared_at", Instant, "c.prepared_at"),
            ("committed_at", Instant, "c.committed_at"),
            ("rows_changed", Number, "c.rows_changed"),
            ("bytes", Number, "c.bytes"),
            ("version", Number, "c.version"),
            ("run", Text, "c.run"),
        ],
        from: "commits c left join assets a on a.id = c.asset order by c.prepared_at, c.asset, c.n",
    },
    Table {
        name: "ledger",
        columns: &[
            ("asset", Text, "a.name"),
            ("asset_id", Text, "l.asset"),
            ("labels", Json, "nullif(l.labels, '')"),
            (
                "range_from",
                Number,
                "case when l.range_to > l.range_from then l.range_from end",
            ),
            (
                "range_to",
                Number,
                "case when l.range_to > l.range_from then l.range_to end",
            ),
            ("outcome", Text, "l.outcome"),
            ("n", Number, "l.n"),
            ("data_hash", Text, "l.data_hash"),
            ("values_hash", Text, "l.values_hash"),
            ("inputs", Json, "l.inputs"),
            ("source", Text, "l.source"),
            ("read_at", Instant, "l.read_at"),
            ("kept", Flag, "l.kept"),
        ],
        from: "ledger l left join assets a on a.id = l.asset order by a.name, l.labels, l.range_from",
    },
    Table {
        name: "parked",
        columns: &[
            ("asset", Text, "a.name"),
            ("asset_id", Text, "p.asset"),
            ("labels", Json, "nullif(p.labels, '')"),
            ("until", Instant, "p.until"),
            ("reason", Text, "p.reason"),
            ("attempts", Number, "p.attempts"),
            ("parked_at", Instant, "p.parked_at"),
        ],
        from: "parked p left join assets a on a.id = p.asset order by a.name, p.labels",
    },
    Table {
        name: "logs",
        columns: &[
            ("run", Text, "l.run"),
            ("step", Text, "l.step"),
            ("level", Text, "l.level"),
            ("message", Text, "l.message"),
            ("at", Instant, "l.at"),
        ],
        from: "logs l order by l.seq",
    },
];

/// The names of the system tables, without `system.`.
pub fn names() -> impl Iterator<Item = &'static str> {
    TABLES.iter().map(|t| t.name)
}

/// The columns of a system table, by its name without `system.`; `None` when there is no such table.
pub fn columns(name: &str) -> Option<Vec<(&'static str, Type)>> {
    let table = TABLES.iter().find(|t| t.name == name)?;
    Some(table.columns.iter().map(|(name, kept, _)| (*name, kept.of())).collect())
}

impl Store {
    /// Reads a system table, by its name without `system.`; `None` when there is no such table.
    pub async fn system_table(&self, name: &str) -> Result<Option<SystemTable>> {
        let Some(table) = TABLES.iter().find(|t| t.name == name) else {
            return Ok(None);
        };
        let exprs: Vec<String> = table
            .columns
            .iter()
            .map(|(name, _, expr)| format!("{expr} as \"{name}\""))
            .collect();
        let sql = format!("select {} from {}", exprs.join(", "), table.from);
        let found = sqlx::query(AssertSqlSafe(sql))
            .fetch_all(self.reader())
            .await
            .map_err(failed("read a system table"))?;
        let rows = found
            .iter()
            .map(|row| {
                table
                    .columns
                    .iter()
                    .map(|(name, kept, _)| kept.value(&Columns(row), name))
                    .collect()
            })
            .collect::<Result<_>>()?;
        let columns = table.columns.iter().map(|(name, kept, _)| (*name, kept.of())).collect();
        Ok(Some(SystemTable { columns, rows }))
    }
}

impl Kept {
    fn of(self) -> Type {
        match self {
            Text => Type::String,
            Json => Type::Json,
            Number => Type::Int64,
            Flag => Type::Bool,
            Instant => Type::Timestamp,
        }
    }

    fn value(self, row: &Columns<'_>, name: &'static str) -> Result<Value> {
        let number = || row.get::<Option<i64>>(name);
        Ok(match self {
            Text | Json => row.get::<Option<String>>(name)?.into(),
            Number => number()?.into(),
            Flag => number()?.map(|n| n != 0).into(),
            Instant => number()?.map(|us| Ok(instant(us)?.to_string())).transpose()?.into(),
        })
    }
}

#[cfg(test)]
mod tests;
