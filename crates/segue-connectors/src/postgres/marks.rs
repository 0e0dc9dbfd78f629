//! The marks of Segue in the database: which commit an asset's table holds, and the record of each.

use super::errors::failed;
use super::place::{literal, quoted};
use super::session::{Begin, Sessions};
use jiff::Timestamp;
use segue_core::sink::Target;
use segue_core::{AssetId, CommitId, CommitRecord, Ctx, Error, Result, TableId};
use std::fmt::Display;
use std::str::FromStr;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Row};

const DOING: &str = "read the marks of commits";
/// Records that are asked for at once.
const PORTION: usize = 256;
const COLUMNS: &str = "asset::text, table_id::text, place, created, table_oid, n, id::text";

/// The asset's row in `_segue_heads`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Mark {
    pub asset: AssetId,
    pub table: TableId,
    /// The table, quoted for SQL.
    pub place: String,
    /// Whether the table was made here; one that was there before is never dropped.
    created: bool,
    /// The server's number of the table: another one under its name is another table.
    oid: u32,
    pub n: u64,
    pub id: CommitId,
}

impl Mark {
    /// Whether the table of this number was made here, and is ours to alter and to drop.
    pub fn made(&self, oid: u32) -> bool {
        self.created && self.oid == oid
    }
}

/// The tables of the marks, in the schema of the connection.
pub(super) struct Marks<'a> {
    client: &'a Client,
    heads: String,
    commits: String,
}

impl<'a> Marks<'a> {
    pub fn new(client: &'a Client, schema: &str) -> Marks<'a> {
        Marks {
            client,
            heads: format!("{}._segue_heads", quoted(schema)),
            commits: format!("{}._segue_commits", quoted(schema)),
        }
    }

    /// Whether there are any.
    pub async fn exist(&self) -> Result<bool> {
        let found = self
            .rows("select pg_catalog.to_regclass($1) is not null", &[&self.heads])
            .await?;
        Ok(found.first().is_some_and(|row| row.get(0)))
    }

    /// Waits until nobody else commits for this asset, and nobody into this table, to the end of the transaction.
    pub async fn hold(&self, asset: AssetId, place: &str) -> Result<()> {
        for what in [&asset.to_string(), place] {
            let lock = "select pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended('segue: ' || $1, 0))::text";
            self.rows(lock, &[what]).await?;
        }
        Ok(())
    }

    /// The asset's mark.
    pub async fn of_asset(&self, asset: AssetId) -> Result<Option<Mark>> {
        self.one("asset = $1::text::uuid", &asset.to_string()).await
    }

    /// The mark of whoever has this table.
    pub async fn of_place(&self, place: &str) -> Result<Option<Mark>> {
        self.one("place = $1", place).await
    }

    /// Every mark.
    pub async fn all(&self) -> Result<Vec<Mark>> {
        let sql = format!("select {COLUMNS} from {} order by place", self.heads);
        self.rows(&sql, &[]).await?.iter().map(mark).collect()
    }

    async fn one(&self, condition: &str, key: &str) -> Result<Option<Mark>> {
        let sql = format!("select {COLUMNS} from {} where {condition}", self.heads);
        self.rows(&sql, &[key]).await?.first().map(mark).transpose()
    }

    /// The number at which this attempt landed, if it did.
    pub async fn landed(&self, asset: AssetId, id: CommitId) -> Result<Option<u64>> {
        let sql = format!(
            "select n from {} where asset = $1::text::uuid and id = $2::text::uuid",
            self.commits
        );
        let found = self.rows(&sql, &[&asset.to_string(), &id.to_string()]).await?;
        Ok(found.first().map(|row| row.get::<_, i64>(0) as u64))
    }

    /// The record of the asset's number.
    pub async fn record(&self, asset: AssetId, n: u64) -> Result<Option<CommitRecord>> {
        let sql = format!(
            "select record from {} where asset = $1::text::uuid and n = $2::text::int8",
            self.commits
        );
        let found = self.rows(&sql, &[&asset.to_string(), &n.to_string()]).await?;
        found.first().map(record).transpose()
    }

    /// Hands on the records above `since` and up to `until`, by number. They come by the portion: there may be tens of thousands.
    pub async fn each(
        &self,
        asset: AssetId,
        (mut since, until): (u64, u64),
        mut take: impl FnMut(CommitRecord),
    ) -> Result<()> {
        let sql = format!(
            "select record from {} where asset = $1::text::uuid and n > $2::text::int8 and n <= $3::text::int8 order by n limit {PORTION}",
            self.commits
        );
        let number = |n: u64| n.min(i64::MAX as u64).to_string();
        loop {
            let found = self
                .rows(&sql, &[&asset.to_string(), &number(since), &number(until)])
                .await?;
            for row in &found {
                let record = record(row)?;
                since = record.n;
                take(record);
            }
            if found.len() < PORTION {
                return Ok(());
            }
        }
    }

    /// Moves the asset's mark to the record, and keeps the record.
    pub async fn write(
        &self,
        target: &Target,
        place: &str,
        record: &CommitRecord,
        created: bool,
        at: Timestamp,
    ) -> Result<()> {
        let text = |value: &dyn Display| literal(&value.to_string());
        let sql = format!(
            "insert into {heads} (asset, table_id, place, created, table_oid, n, id)
                 values ({asset}, {table}, {place}, {created}, {place}::regclass::oid, {n}, {id})
             on conflict (asset) do update set table_id = excluded.table_id, place = excluded.place, created = excluded.created,
                 table_oid = excluded.table_oid, n = excluded.n, id = excluded.id;
             insert into {commits} (asset, n, id, predecessor, record, committed_at)
                 values ({asset}, {n}, {id}, {predecessor}, {record}, {at})",
            heads = self.heads,
            commits = self.commits,
            asset = text(&record.asset),
            table = text(&target.table),
            place = literal(place),
            n = record.n,
            id = text(&record.id),
            predecessor = record.predecessor,
            record = literal(&record.to_json()),
            at = text(&at),
        );
        self.client.batch_execute(&sql).await.map_err(failed("mark the commit"))
    }

    /// Removes the asset's marks.
    pub async fn forget(&self, asset: AssetId) -> Result<()> {
        let asset = literal(&asset.to_string());
        let sql = format!(
            "delete from {} where asset = {asset}; delete from {} where asset = {asset}",
            self.heads, self.commits
        );
        self.client
            .batch_execute(&sql)
            .await
            .map_err(failed("remove the marks of commits"))
    }

    async fn rows(&self, sql: &str, texts: &[&str]) -> Result<Vec<Row>> {
        asked(self.client, sql, texts, DOING).await
    }
}

/// What the server answers to this; `$1`, `$2` … are texts. Nothing stays prepared: between the server and us may be somebody who hands
/// each transaction to another connection.
pub(super) async fn asked(client: &Client, sql: &str, texts: &[&str], doing: &str) -> Result<Vec<Row>> {
    let params: Vec<(&(dyn ToSql + Sync), Type)> = texts
        .iter()
        .map(|text| (text as &(dyn ToSql + Sync), Type::TEXT))
        .collect();
    client.query_typed(sql, &params).await.map_err(failed(doing))
}

/// Waits for others who make what may be there already.
const ONE_AT_A_TIME: &str =
    "select pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended('segue: what all need', 0))";

/// Makes a schema, if it is not there, in a transaction of its own: what comes in it may take long.
pub(super) async fn create_schema(sessions: &Sessions, schema: &str, ctx: &Ctx) -> Result<()> {
    let doing = format!("make the schema {schema}");
    let client = sessions.begin(Begin::ToWrite, ctx).await?;
    let there = "select 1::int4 from pg_namespace where nspname = $1";
    if !asked(&client, there, &[schema], &doing).await?.is_empty() {
        sessions.roll_back(client).await;
        return Ok(());
    }
    let sql = format!("{ONE_AT_A_TIME}; create schema if not exists {}", quoted(schema));
    client.batch_execute(&sql).await.map_err(failed(&doing))?;
    sessions.commit(client).await
}

/// Makes the tables of the marks, and their schema, if they are not there: in a transaction of its own, as [`create_schema`].
///
/// # Errors
/// `Denied` when this user may make none there.
pub(super) async fn create(sessions: &Sessions, schema: &str, ctx: &Ctx) -> Result<()> {
    if schema != "public" {
        create_schema(sessions, schema, ctx).await?;
    }
    let client = sessions.begin(Begin::ToWrite, ctx).await?;
    let marks = Marks::new(&client, schema);
    if marks.exist().await? {
        sessions.roll_back(client).await;
        return Ok(());
    }
    // One at a time: `if not exists` alone fails for the second of two that come together.
    let sql = format!(
        "{ONE_AT_A_TIME};
         create table if not exists {} (asset uuid primary key, table_id uuid not null, place text not null, created boolean not null,
             table_oid oid not null, n bigint not null, id uuid not null);
         create table if not exists {} (asset uuid not null, n bigint not null, id uuid not null, predecessor bigint not null,
             record text not null, committed_at timestamptz not null, primary key (asset, n))",
        marks.heads, marks.commits
    );
    let made = client.batch_execute(&sql).await;
    made.map_err(failed("make the tables of the marks"))?;
    sessions.commit(client).await
}

fn mark(row: &Row) -> Result<Mark> {
    Ok(Mark {
        asset: parsed(row.get(0))?,
        table: parsed(row.get(1))?,
        place: row.get(2),
        created: row.get(3),
        oid: row.get(4),
        n: row.get::<_, i64>(5) as u64,
        id: parsed(row.get(6))?,
    })
}

fn parsed<T: FromStr<Err = Error>>(text: &str) -> Result<T> {
    text.parse().map_err(|e: Error| e.with("table", "_segue_heads"))
}

fn record(row: &Row) -> Result<CommitRecord> {
    CommitRecord::from_json(row.get(0))
}
