//! What the server tells of itself, of its transactions and of a table's storage.

use super::super::errors::failed;
use super::super::table::Relation;
use super::ended::Ended;
use super::needs_lag;
use segue_core::{Error, Kind, Result};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, SimpleQueryMessage};

/// The most transactions that are asked about one by one. Where more have begun since the oldest that still writes, a read takes the
/// rows of the first so many, and the next one goes on.
const ASKED: u64 = 1_000_000;

/// The most of them that have not ended and are kept. Where there are more, the read takes the rows of those before, too.
const LISTED: usize = 10_000;

/// How far back a subtransaction may seem to have failed while it is only about to be written down.
const ABOUT_TO_BEGIN: u64 = 1_000;

/// Which server counts the transactions. What is not known of it is not compared.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(in super::super) struct Server {
    /// The cluster, as it was once made.
    system: Option<String>,
    /// Its history: another one begins when it is restored, or a standby takes over.
    timeline: Option<String>,
}

impl Server {
    /// Fails, saying what is otherwise now.
    pub fn is_still(&self, now: &Server) -> Result<(), String> {
        let differ = |a: &Option<String>, b: &Option<String>| a.is_some() && b.is_some() && a != b;
        if differ(&self.system, &now.system) {
            return Err("is on another server than when it was last read".into());
        }
        if differ(&self.timeline, &now.timeline) {
            return Err(
                "is on a server that was restored, or that took over from another one, since it was last read".into(),
            );
        }
        Ok(())
    }
}

/// What a table is kept in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(in super::super) struct Tables {
    /// The table itself.
    pub table: u32,
    /// Its files, and those of its partitions and of the tables that inherit from it, by their tables.
    files: BTreeMap<u32, u32>,
    /// Those that were there once and are no more.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    gone: BTreeSet<u32>,
}

impl Tables {
    /// What has rows now and was not there.
    pub fn added(&self, now: &Tables) -> Vec<String> {
        let new = now.files.keys().filter(|oid| !self.files.contains_key(oid));
        new.map(u32::to_string).collect()
    }

    /// Whether something is back that was gone.
    pub fn has_returned(&self, now: &Tables) -> bool {
        self.gone.iter().any(|oid| now.files.contains_key(oid))
    }

    /// With what was there before.
    pub fn after(mut self, before: &Tables) -> Tables {
        let once = before.gone.iter().chain(before.files.keys()).copied();
        self.gone = once.filter(|oid| !self.files.contains_key(oid)).collect();
        self
    }

    /// What is in other files now.
    pub fn rewritten(&self, now: &Tables) -> Vec<u32> {
        let other = |(oid, file): &(&u32, &u32)| self.files.get(oid).is_some_and(|before| before != *file);
        now.files.iter().filter(other).map(|(oid, _)| *oid).collect()
    }
}

/// The first row of an answer, outside of a transaction. Nothing of it stays at the server, which a pooler may give to somebody else.
async fn asked(client: &Client, sql: &str) -> Result<Vec<Option<String>>, tokio_postgres::Error> {
    let said = client.simple_query(sql).await?;
    let row = said.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some((0..row.len()).map(|at| row.get(at).map(str::to_string)).collect()),
        _ => None,
    });
    Ok(row.unwrap_or_default())
}

/// Who the server is, and which transactions have ended.
///
/// # Errors
/// `Unsupported` for a standby, and for a server that does not say.
pub(super) async fn now(client: &Client) -> Result<(Server, Ended, Vec<String>)> {
    let doing = "ask the server which transactions have ended";
    let first = "select pg_catalog.pg_snapshot_xmin(s), pg_catalog.pg_snapshot_xmax(s), pg_catalog.pg_is_in_recovery() from pg_catalog.pg_current_snapshot() s";
    let said = match asked(client, first).await {
        Err(e) if e.code() == Some(&SqlState::UNDEFINED_FUNCTION) => {
            return Err(needs_lag(
                "the server does not tell which transactions have ended (PostgreSQL 13 does)",
            ));
        }
        said => said.map_err(failed(doing))?,
    };
    let [Some(oldest), Some(until), Some(is_standby)] = &said[..] else {
        return Err(Error::new(
            Kind::Unavailable,
            format!("cannot {doing}: it says nothing"),
        ));
    };
    if is_standby == "t" {
        return Err(needs_lag("a standby does not tell which transactions have ended"));
    }
    let number = |text: &str| {
        text.parse::<u64>()
            .map_err(|e| Error::new(Kind::BadData, format!("cannot {doing}")).caused_by(e))
    };
    let (oldest, mut until) = (number(oldest)?, number(until)?);
    let server = Server {
        system: told(client, "select system_identifier from pg_control_system()").await,
        timeline: told(client, "select substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)").await,
    };
    let newest = until;
    until = until.min(oldest + ASKED);
    // Which have not ended, subtransactions among them. What is not committed may be open: all the same, only those that failed long
    // ago are left out, so that the list stays short.
    let list = format!(
        "begin; set local statement_timeout = 0; select coalesce(pg_catalog.string_agg(xid::text, ','), '') from (
             select xid, pg_catalog.pg_xact_status(xid::text::xid8) as status from pg_catalog.generate_series({oldest}::int8, {until}::int8 - 1) xid offset 0
         ) s where status is distinct from 'committed' and (status is distinct from 'aborted' or xid >= {until}::int8 - {ABOUT_TO_BEGIN}); commit"
    );
    let said = asked(client, &list).await.map_err(failed(doing))?;
    let open = said.into_iter().flatten().next().unwrap_or_default();
    let open = open.split(',').filter(|one| !one.is_empty()).map(number);
    let mut open = open.collect::<Result<Vec<u64>>>()?;
    open.sort_unstable();
    if let Some(one_too_many) = open.get(LISTED) {
        until = *one_too_many;
    }
    let note = format!(
        "transaction {oldest} is open, and so many have begun since that what began after {until} comes when it has ended"
    );
    let notes = if until < newest { vec![note] } else { Vec::new() };
    Ok((server, Ended::of(until, open), notes))
}

/// What the server says of itself; `None` where it does not, as some that are rented do not.
async fn told(client: &Client, sql: &str) -> Option<String> {
    match asked(client, sql).await {
        Ok(said) => said.into_iter().flatten().next(),
        Err(error) => {
            tracing::debug!(%error, "the server does not say who it is");
            None
        }
    }
}

/// The first transaction that this moment does not see, nor any after it.
pub(super) async fn seen_until(client: &Client) -> Result<u64> {
    let doing = "ask for the moment of the read";
    let row = client
        .query_one(
            "select pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())::text",
            &[],
        )
        .await
        .map_err(failed(doing))?;
    let text: String = row.get(0);
    text.parse()
        .map_err(|e| Error::new(Kind::BadData, format!("cannot {doing}")).caused_by(e))
}

/// What the table is kept in.
///
/// # Errors
/// `Unsupported` for what has no rows of its own, or keeps them otherwise than the server does.
pub(super) async fn tables(client: &Client, there: &Relation) -> Result<Tables> {
    let Some(table) = there.oid else {
        return Err(needs_lag("the rows of a query tell nothing of their transactions"));
    };
    let rows = client
        .query(
            "with recursive every(oid) as (
                 select $1::oid union select i.inhrelid from pg_inherits i join every e on i.inhparent = e.oid)
             select c.oid, c.oid::regclass::text, c.relkind::text, coalesce(a.amname::text, ''),
                 coalesce(pg_catalog.pg_relation_filenode(c.oid), 0::oid)
             from every join pg_class c using (oid) left join pg_am a on a.oid = c.relam",
            &[&table],
        )
        .await
        .map_err(failed(&format!("look at the table {}", there.name)))?;
    let mut files = BTreeMap::new();
    for row in rows {
        let (oid, name, kind, method): (u32, String, String, String) = (row.get(0), row.get(1), row.get(2), row.get(3));
        let what = match (kind.as_str(), method.as_str()) {
            ("p", _) => continue,
            ("r", "heap") => {
                files.insert(oid, row.get(4));
                continue;
            }
            ("v", _) => "a view",
            ("m", _) => "a materialized view",
            ("f", _) => "a foreign table",
            _ => "a table of another kind than the server's own",
        };
        return Err(needs_lag(&format!(
            "{name} is {what}, whose rows tell nothing of their transactions"
        )));
    }
    Ok(Tables {
        table,
        files,
        gone: BTreeSet::new(),
    })
}

/// Whether a table has a row for which this holds.
pub(super) async fn has_row(client: &Client, table: u32, condition: &str) -> Result<bool> {
    let doing = "look for rows that were there when a table was last read";
    let name = client
        .query_one("select $1::oid::regclass::text", &[&table])
        .await
        .map_err(failed(doing))?;
    let name: String = name.get(0);
    let sql = format!("select exists (select 1 from only {name} where {condition})");
    let row = client.query_one(&sql, &[]).await.map_err(failed(doing))?;
    Ok(row.get(0))
}

/// The transaction from which on the numbers of the rows that are there come again: they have 32 bits, and a row keeps its own for ever.
///
/// On a server that has counted fewer than two billion nothing has to be looked at.
pub(super) async fn clear_until(client: &Client, there: &Relation, seen: u64) -> Result<u64> {
    const COUNTED: u64 = 1 << 32;
    if seen < COUNTED / 2 {
        return Ok(COUNTED);
    }
    // The age of the oldest, and of those that come to the next turn of the counter. Numbers below 3 are no transactions.
    let sql = format!(
        "select coalesce(max(case when age(xmin) < 0 then age(xmin) + {COUNTED} else age(xmin)::int8 end), 0)
         from {} where age(xmin) <> 2147483647",
        there.from
    );
    let doing = format!("look for the oldest row of {}", there.name);
    let row = client.query_one(&sql, &[]).await.map_err(failed(&doing))?;
    let age: i64 = row.get(0);
    Ok(seen + COUNTED.saturating_sub(u64::try_from(age).unwrap_or(0)))
}
