//! The marks of Segue in the database: which commit an asset's table holds, and the record of each.

use super::errors::failed;
use super::table::{self, Table};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};
use segue_core::sink::Target;
use segue_core::{AssetId, CommitId, CommitRecord, Error, Result, TableId};
use std::str::FromStr;

const DOING: &str = "read the marks of commits";

/// The asset's row in `_segue_heads`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Mark {
    pub asset: AssetId,
    pub table: TableId,
    pub place: String,
    /// Whether the table was made here; one that was there before is never dropped.
    pub created: bool,
    pub n: u64,
    pub id: CommitId,
    /// What the table's definition was after the last commit, as a digest; `None` where an older program wrote the mark.
    definition: Option<String>,
}

impl Mark {
    /// Whether the table was made here, and its definition is still ours: else making it anew would lose what somebody said of it.
    pub fn made(&self, table: &Table) -> bool {
        self.created && self.definition.as_ref().is_none_or(|ours| *ours == table.definition())
    }
}

/// Makes the tables of the marks.
pub(super) fn create(db: &Connection) -> Result<()> {
    db.execute_batch(
        "create table if not exists _segue_heads (asset text primary key not null, table_id text not null, place text not null, created integer not null,
             n integer not null, id text not null) without rowid;
         create table if not exists _segue_commits (asset text not null, n integer not null, id text not null, predecessor integer not null,
             record text not null, committed_at text not null, primary key (asset, n)) without rowid;",
    )
    .and_then(|()| match has_definitions(db)? {
        true => Ok(()),
        false => db.execute_batch("alter table _segue_heads add column definition text"),
    })
    .map_err(failed("make the tables of the marks"))
}

/// Whether marks tell of definitions: those of older programs do not.
fn has_definitions(db: &Connection) -> rusqlite::Result<bool> {
    db.prepare("select 1 from pragma_table_info('_segue_heads', 'main') where name = 'definition'")?
        .exists([])
}

/// Whether there are any.
pub(super) fn exist(db: &Connection) -> Result<bool> {
    let mut found = db
        .prepare("select 1 from sqlite_master where type = 'table' and name = '_segue_heads'")
        .map_err(failed(DOING))?;
    found.exists([]).map_err(failed(DOING))
}

/// The asset's mark.
pub(super) fn of_asset(db: &Connection, asset: AssetId) -> Result<Option<Mark>> {
    one(db, "asset = $1", &asset.to_string())
}

/// The mark of whoever has this table.
pub(super) fn of_place(db: &Connection, place: &str) -> Result<Option<Mark>> {
    one(db, "place = $1 collate nocase", place)
}

/// Every mark.
pub(super) fn all(db: &Connection) -> Result<Vec<Mark>> {
    let sql = format!("{} order by place", selection(db)?);
    let mut found = db.prepare(&sql).map_err(failed(DOING))?;
    let rows = found.query_map([], columns).map_err(failed(DOING))?;
    rows.map(|row| mark(row.map_err(failed(DOING))?)).collect()
}

/// The query for all marks.
fn selection(db: &Connection) -> Result<String> {
    let definition = match has_definitions(db).map_err(failed(DOING))? {
        true => "definition",
        false => "null",
    };
    Ok(format!(
        "select asset, table_id, place, created, n, id, {definition} from _segue_heads"
    ))
}

type Columns = (String, String, String, bool, i64, String, Option<String>);

fn columns(row: &rusqlite::Row<'_>) -> rusqlite::Result<Columns> {
    Ok((
        row.get(0)?,
        row.get(1)?,
        row.get(2)?,
        row.get(3)?,
        row.get(4)?,
        row.get(5)?,
        row.get(6)?,
    ))
}

fn one(db: &Connection, condition: &str, key: &str) -> Result<Option<Mark>> {
    let sql = format!("{} where {condition}", selection(db)?);
    let row = db.query_row(&sql, [key], columns).optional().map_err(failed(DOING))?;
    row.map(mark).transpose()
}

fn mark((asset, table, place, created, n, id, definition): Columns) -> Result<Mark> {
    Ok(Mark {
        asset: parsed(&asset)?,
        table: parsed(&table)?,
        place,
        created,
        n: n as u64,
        id: parsed(&id)?,
        definition,
    })
}

fn parsed<T: FromStr<Err = Error>>(text: &str) -> Result<T> {
    text.parse().map_err(|e: Error| e.with("table", "_segue_heads"))
}

/// The number at which this attempt landed, if it did.
pub(super) fn landed(db: &Connection, asset: AssetId, id: CommitId) -> Result<Option<u64>> {
    let n: Option<i64> = db
        .query_row(
            "select n from _segue_commits where asset = $1 and id = $2",
            [asset.to_string(), id.to_string()],
            |r| r.get(0),
        )
        .optional()
        .map_err(failed(DOING))?;
    Ok(n.map(|n| n as u64))
}

/// The record of the asset's number.
pub(super) fn record(db: &Connection, asset: AssetId, n: u64) -> Result<Option<CommitRecord>> {
    let text: Option<String> = db
        .query_row(
            "select record from _segue_commits where asset = $1 and n = $2",
            params![asset.to_string(), n as i64],
            |r| r.get(0),
        )
        .optional()
        .map_err(failed(DOING))?;
    text.as_deref().map(CommitRecord::from_json).transpose()
}

/// Calls `each` with the records above `since` and up to `until`, by number: one is in memory at a time.
pub(super) fn each_record(
    db: &Connection,
    asset: AssetId,
    (since, until): (u64, u64),
    mut each: impl FnMut(CommitRecord),
) -> Result<()> {
    let number = |n: u64| n.min(i64::MAX as u64) as i64;
    let mut found = db
        .prepare("select record from _segue_commits where asset = $1 and n > $2 and n <= $3 order by n")
        .map_err(failed(DOING))?;
    let rows = found
        .query_map(params![asset.to_string(), number(since), number(until)], |r| {
            r.get::<_, String>(0)
        })
        .map_err(failed(DOING))?;
    for text in rows {
        each(CommitRecord::from_json(&text.map_err(failed(DOING))?)?);
    }
    Ok(())
}

/// Moves the asset's mark to the record, and keeps the record. `created`: the table is ours; `is_made`: its definition is, too, and not somebody
/// else's.
pub(super) fn write(
    db: &Connection,
    target: &Target,
    record: &CommitRecord,
    (created, is_made): (bool, bool),
    at: Timestamp,
) -> Result<()> {
    let doing = "mark the commit";
    let (asset, id) = (record.asset.to_string(), record.id.to_string());
    db.execute(
        "insert into _segue_heads (asset, table_id, place, created, n, id, definition) values ($1, $2, $3, $4, $5, $6, $7)
         on conflict (asset) do update set table_id = $2, place = $3, created = $4, n = $5, id = $6, definition = case when $8 then $7 else definition end",
        params![
            asset,
            target.table.to_string(),
            target.place,
            created,
            record.n as i64,
            id,
            table::find(db, &target.place)?.map(|t| t.definition()),
            is_made
        ],
    )
    .map_err(failed(doing))?;
    db.execute(
        "insert into _segue_commits (asset, n, id, predecessor, record, committed_at) values ($1, $2, $3, $4, $5, $6)",
        params![
            asset,
            record.n as i64,
            id,
            record.predecessor as i64,
            record.to_json(),
            at.to_string()
        ],
    )
    .map_err(failed(doing))?;
    Ok(())
}

/// Removes the asset's marks.
pub(super) fn forget(db: &Connection, asset: AssetId) -> Result<()> {
    for sql in [
        "delete from _segue_heads where asset = $1",
        "delete from _segue_commits where asset = $1",
    ] {
        db.execute(sql, [asset.to_string()])
            .map_err(failed("remove the marks of commits"))?;
    }
    Ok(())
}
