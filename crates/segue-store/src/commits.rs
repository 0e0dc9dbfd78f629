//! The memory of the commit protocol, and the history that it leaves.

use crate::error::failed;
use crate::store::Store;
use crate::values::{Columns, to_json};
use crate::{leases, ledger};
use async_trait::async_trait;
use jiff::Timestamp;
use segue_core::commit::Role;
use segue_core::fault::{Boundary, reach};
pub use segue_core::state::CommitState;
use segue_core::state::{Commits, Lease};
use segue_core::{AssetId, CommitId, CommitRecord, Entry, Error, Footprint, Kind, Result, RunId, TableId};
use serde_json::Value;
use sqlx::{SqliteConnection, sqlite::SqliteRow};

/// One attempt to commit, as the history shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct CommitRow {
    /// Whose.
    pub asset: AssetId,
    /// Its number.
    pub n: u64,
    /// The attempt.
    pub id: CommitId,
    /// The commit that it follows.
    pub predecessor: u64,
    /// `prepared`, `committed`, `given_up`, or `forgotten` where it was shut out.
    pub state: String,
    /// When it was prepared.
    pub prepared_at: Timestamp,
    /// When it was marked.
    pub committed_at: Option<Timestamp>,
    /// How many rows it changed, where its record knows.
    pub rows: Option<u64>,
    /// The size of what was staged for it, in bytes.
    pub bytes: u64,
    /// The version of the own table at which it landed.
    pub version: Option<u64>,
    /// The run that prepared it.
    pub run: Option<RunId>,
}

/// What one commit changed on one table.
#[derive(Clone, Debug, PartialEq)]
pub struct LandedFootprint {
    /// The table's version.
    pub version: u64,
    /// The asset's commit.
    pub n: u64,
    /// What it changed.
    pub footprint: Footprint,
}

#[async_trait]
impl CommitState for Store {
    async fn commits(&self, asset: AssetId) -> Result<Commits> {
        let doing = "read an asset's commits";
        // By one statement, so that all of it is of one moment.
        let rows = sqlx::query(
            "select h.last_n, h.last_id, h.highest, c.state, c.record from (select 1)
             left join heads h on h.asset = $1
             left join commits c on c.asset = $1 and c.cleared = 0 and c.state in ('prepared', 'given_up')
             order by c.n",
        )
        .bind(asset.to_string())
        .fetch_all(self.reader())
        .await
        .map_err(failed(doing))?;
        let mut commits = Commits::default();
        for row in &rows {
            let row = Columns(row);
            if let Some(n) = row.numbers("last_n")? {
                let id: Option<&str> = row.get("last_id")?;
                commits.last = (n, id.map(str::parse).transpose()?);
                commits.highest = row.number("highest")?;
            }
            let Some(state) = row.get::<Option<&str>>("state")? else {
                continue;
            };
            let record = CommitRecord::from_json(row.get("record")?)?;
            match state {
                "prepared" => commits.prepared = Some(record),
                _ => commits.given_up.push(record),
            }
        }
        Ok(commits)
    }

    async fn ledger(&self, asset: AssetId) -> Result<Vec<Entry>> {
        Store::ledger(self, asset).await
    }

    async fn prepare(&self, lease: &Lease, record: &CommitRecord) -> Result<()> {
        let doing = "prepare a commit";
        if record.asset != lease.asset {
            return Err(Error::bug(format!("{record} is not of the lease's asset")));
        }
        let mut tx = self.write(doing).await?;
        leases::check(&mut tx, lease).await?;
        if let Some((id, n)) = prepared(&mut tx, record.asset).await? {
            if id == record.id {
                return Ok(());
            }
            return Err(Error::new(
                Kind::Conflict,
                format!("commit {n} of {} is prepared already", record.name),
            )
            .hint("it is finished first; run it again"));
        }
        let highest = sqlx::query("select highest from heads where asset = $1")
            .bind(record.asset.to_string())
            .fetch_optional(&mut *tx)
            .await
            .map_err(failed(doing))?;
        let highest = highest
            .as_ref()
            .map(|h| Columns(h).number("highest"))
            .transpose()?
            .unwrap_or(0);
        if record.n <= highest {
            return Err(Error::new(
                Kind::Conflict,
                format!("the number {} of {} was used before", record.n, record.name),
            )
            .with("highest", highest));
        }
        insert(&mut tx, record, "prepared", self.now_us()).await?;
        raise(&mut tx, record.asset, record.n).await?;
        tx.commit().await?;
        reach(Boundary::Prepared);
        Ok(())
    }

    async fn mark(&self, record: &CommitRecord, versions: &[u64]) -> Result<bool> {
        let doing = "mark a commit";
        let mut tx = self.write(doing).await?;
        let row = sqlx::query("select record from commits where asset = $1 and id = $2 and state = 'prepared'")
            .bind(record.asset.to_string())
            .bind(record.id.to_string())
            .fetch_optional(&mut *tx)
            .await
            .map_err(failed(doing))?;
        let Some(row) = &row else { return Ok(false) };
        // As it is kept, and not as the caller has it: another worker may have worked it out anew, and landed it so.
        let record = CommitRecord::from_json(Columns(row).get("record")?)?;
        sqlx::query(
            "update commits set state = 'committed', committed_at = $3, version = $4 where asset = $1 and id = $2",
        )
        .bind(record.asset.to_string())
        .bind(record.id.to_string())
        .bind(self.now_us())
        .bind(versions.first().map(|v| *v as i64))
        .execute(&mut *tx)
        .await
        .map_err(failed(doing))?;
        land(&mut tx, &record, versions).await?;
        ledger::apply(&mut tx, record.asset, &record.ledger).await?;
        tx.commit().await?;
        reach(Boundary::Marked);
        Ok(true)
    }

    async fn rework(&self, record: &CommitRecord) -> Result<bool> {
        let doing = "keep a commit that was worked out anew";
        let mut tx = self.write(doing).await?;
        if !is_prepared(&mut tx, record.asset, record.id).await? {
            return Ok(false);
        }
        sqlx::query(
            "update commits set record = $3, rows_changed = $4, bytes = $5 where asset = $1 and id = $2 and n = $6",
        )
        .bind(record.asset.to_string())
        .bind(record.id.to_string())
        .bind(record.to_json())
        .bind(rows_changed(record))
        .bind(bytes(record))
        .bind(record.n as i64)
        .execute(&mut *tx)
        .await
        .map_err(failed(doing))?;
        tx.commit().await?;
        reach(Boundary::Reworked);
        Ok(true)
    }

    async fn forget(&self, asset: AssetId, id: CommitId) -> Result<bool> {
        let mut tx = self.write("forget a commit").await?;
        if !is_prepared(&mut tx, asset, id).await? {
            return Ok(false);
        }
        set_state(&mut tx, asset, id, "forgotten").await?;
        tx.commit().await?;
        Ok(true)
    }

    async fn give_up(&self, lease: &Lease, id: CommitId) -> Result<bool> {
        let mut tx = self.write("give a commit up").await?;
        leases::check(&mut tx, lease).await?;
        if !is_prepared(&mut tx, lease.asset, id).await? {
            return Ok(false);
        }
        set_state(&mut tx, lease.asset, id, "given_up").await?;
        tx.commit().await?;
        reach(Boundary::GivenUp);
        Ok(true)
    }

    async fn landed(&self, lease: &Lease, id: CommitId) -> Result<bool> {
        let doing = "take a commit back that landed";
        let mut tx = self.write(doing).await?;
        leases::check(&mut tx, lease).await?;
        let found =
            sqlx::query("select 1 from commits where asset = $1 and id = $2 and state = 'given_up' and cleared = 0")
                .bind(lease.asset.to_string())
                .bind(id.to_string())
                .fetch_optional(&mut *tx)
                .await
                .map_err(failed(doing))?;
        if found.is_none() {
            return Ok(false);
        }
        if let Some((_, n)) = prepared(&mut tx, lease.asset).await? {
            return Err(Error::new(
                Kind::Conflict,
                format!("commit {n} of this asset is prepared already"),
            ));
        }
        set_state(&mut tx, lease.asset, id, "prepared").await?;
        tx.commit().await?;
        reach(Boundary::TakenBack);
        Ok(true)
    }

    async fn clear_given_up(&self, lease: &Lease, below: u64) -> Result<Vec<CommitRecord>> {
        let doing = "clear commits that were given up";
        let mut tx = self.write(doing).await?;
        leases::check(&mut tx, lease).await?;
        let rows = sqlx::query(
            "select record from commits where asset = $1 and state = 'given_up' and cleared = 0 and n < $2 order by n",
        )
        .bind(lease.asset.to_string())
        .bind(below as i64)
        .fetch_all(&mut *tx)
        .await
        .map_err(failed(doing))?;
        let records: Vec<CommitRecord> = rows
            .iter()
            .map(|row| CommitRecord::from_json(Columns(row).get("record")?))
            .collect::<Result<_>>()?;
        if records.is_empty() {
            return Ok(records);
        }
        sqlx::query("update commits set cleared = 1 where asset = $1 and state = 'given_up' and n < $2")
            .bind(lease.asset.to_string())
            .bind(below as i64)
            .execute(&mut *tx)
            .await
            .map_err(failed(doing))?;
        tx.commit().await?;
        reach(Boundary::Cleared);
        Ok(records)
    }
}

impl Store {
    /// The record of the asset's committed number, where this state knows it.
    pub async fn record(&self, asset: AssetId, n: u64) -> Result<Option<CommitRecord>> {
        let row = sqlx::query("select record from commits where asset = $1 and n = $2 and state = 'committed'")
            .bind(asset.to_string())
            .bind(n as i64)
            .fetch_optional(self.reader())
            .await
            .map_err(failed("read a commit's record"))?;
        row.as_ref()
            .map(|row| CommitRecord::from_json(Columns(row).get("record")?))
            .transpose()
    }

    /// Where the source was last read to: the last marked commit's position.
    pub async fn position(&self, asset: AssetId) -> Result<Option<Value>> {
        let row = sqlx::query("select position from heads where asset = $1")
            .bind(asset.to_string())
            .fetch_optional(self.reader())
            .await
            .map_err(failed("read a position"))?;
        Ok(row
            .as_ref()
            .map(|row| Columns(row).maybe_json("position"))
            .transpose()?
            .flatten())
    }

    /// A read that changed no row got this far: the next one goes on from here.
    ///
    /// # Errors
    /// `Conflict` when the lease is another's now.
    pub async fn move_position(&self, lease: &Lease, position: &Value) -> Result<()> {
        let doing = "keep a position";
        let mut tx = self.write(doing).await?;
        leases::check(&mut tx, lease).await?;
        sqlx::query("update heads set position = $2 where asset = $1")
            .bind(lease.asset.to_string())
            .bind(to_json(position)?)
            .execute(&mut *tx)
            .await
            .map_err(failed(doing))?;
        tx.commit().await?;
        reach(Boundary::Entered);
        Ok(())
    }

    /// What the commits known here changed on a table after version `since` and up to `until`, oldest first. A version that is missing
    /// is no commit of ours that this state marked: for readers it is everything, unless the table's own log says that no row changed.
    pub async fn footprints(&self, table: TableId, since: u64, until: u64) -> Result<Vec<LandedFootprint>> {
        let most = i64::MAX as u64;
        self.landed_within(table, since.min(most) as i64, until.min(most) as i64)
            .await
    }

    /// Every commit that this state knows on a table, with the version at which it landed, oldest first.
    pub async fn commits_on(&self, table: TableId) -> Result<Vec<LandedFootprint>> {
        self.landed_within(table, -1, i64::MAX).await
    }

    async fn landed_within(&self, table: TableId, since: i64, until: i64) -> Result<Vec<LandedFootprint>> {
        let rows = sqlx::query(
            "select version, n, footprint from versions where table_id = $1 and version > $2 and version <= $3 order by version",
        )
        .bind(table.to_string())
        .bind(since)
        .bind(until)
        .fetch_all(self.reader())
        .await
        .map_err(failed("read footprints"))?;
        rows.iter()
            .map(|row| {
                let c = Columns(row);
                Ok(LandedFootprint {
                    version: c.number("version")?,
                    n: c.number("n")?,
                    footprint: c.json("footprint")?,
                })
            })
            .collect()
    }

    /// Every attempt to commit that this state knows, of one asset or of all, oldest first.
    pub async fn commit_rows(&self, asset: Option<AssetId>) -> Result<Vec<CommitRow>> {
        let rows = sqlx::query(
            "select asset, n, id, predecessor, state, prepared_at, committed_at, rows_changed, bytes, version, run
             from commits where $1 is null or asset = $1 order by prepared_at, asset, n",
        )
        .bind(asset.map(|a| a.to_string()))
        .fetch_all(self.reader())
        .await
        .map_err(failed("read the commits"))?;
        rows.iter().map(commit_row).collect()
    }
}

fn commit_row(row: &SqliteRow) -> Result<CommitRow> {
    let c = Columns(row);
    let run: Option<&str> = c.get("run")?;
    Ok(CommitRow {
        asset: c.parsed("asset")?,
        n: c.number("n")?,
        id: c.parsed("id")?,
        predecessor: c.number("predecessor")?,
        state: c.get("state")?,
        prepared_at: c.instant("prepared_at")?,
        committed_at: c.maybe_instant("committed_at")?,
        rows: c.numbers("rows_changed")?,
        bytes: c.number("bytes")?,
        version: c.numbers("version")?,
        run: run.map(str::parse).transpose()?,
    })
}

/// What is prepared: id and number.
async fn prepared(tx: &mut SqliteConnection, asset: AssetId) -> Result<Option<(CommitId, u64)>> {
    let row = sqlx::query("select id, n from commits where asset = $1 and state = 'prepared'")
        .bind(asset.to_string())
        .fetch_optional(tx)
        .await
        .map_err(failed("read what is prepared"))?;
    row.as_ref()
        .map(|row| Ok((Columns(row).parsed("id")?, Columns(row).number("n")?)))
        .transpose()
}

async fn is_prepared(tx: &mut SqliteConnection, asset: AssetId, id: CommitId) -> Result<bool> {
    Ok(prepared(tx, asset).await?.is_some_and(|(found, _)| found == id))
}

async fn set_state(tx: &mut SqliteConnection, asset: AssetId, id: CommitId, state: &'static str) -> Result<()> {
    sqlx::query("update commits set state = $3 where asset = $1 and id = $2")
        .bind(asset.to_string())
        .bind(id.to_string())
        .bind(state)
        .execute(tx)
        .await
        .map_err(failed("change a commit's state"))?;
    Ok(())
}

pub(crate) async fn insert(
    tx: &mut SqliteConnection,
    record: &CommitRecord,
    state: &'static str,
    at: i64,
) -> Result<()> {
    sqlx::query(
        "insert into commits (asset, id, n, predecessor, state, record, prepared_at, rows_changed, bytes, run)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(record.asset.to_string())
    .bind(record.id.to_string())
    .bind(record.n as i64)
    .bind(record.predecessor as i64)
    .bind(state)
    .bind(record.to_json())
    .bind(at)
    .bind(rows_changed(record))
    .bind(bytes(record))
    .bind(record.run.map(|r| r.to_string()))
    .execute(tx)
    .await
    .map_err(failed("keep a commit's record"))?;
    Ok(())
}

/// The highest number is at least this one from now on.
pub(crate) async fn raise(tx: &mut SqliteConnection, asset: AssetId, n: u64) -> Result<()> {
    sqlx::query(
        "insert into heads (asset, last_n, highest) values ($1, 0, $2)
         on conflict (asset) do update set highest = case when heads.highest < $2 then $2 else heads.highest end",
    )
    .bind(asset.to_string())
    .bind(n as i64)
    .execute(tx)
    .await
    .map_err(failed("keep an asset's highest number"))?;
    Ok(())
}

/// The record is the asset's last commit now; its tables' versions are known.
pub(crate) async fn land(tx: &mut SqliteConnection, record: &CommitRecord, versions: &[u64]) -> Result<()> {
    raise(tx, record.asset, record.n).await?;
    sqlx::query("update heads set last_n = $2, last_id = $3, position = $4 where asset = $1")
        .bind(record.asset.to_string())
        .bind(record.n as i64)
        .bind(record.id.to_string())
        .bind(record.position.as_ref().map(to_json).transpose()?)
        .execute(&mut *tx)
        .await
        .map_err(failed("mark a commit"))?;
    for (part, version) in record.parts.iter().zip(versions) {
        // Only of the own table is it known what the commit changed there.
        let footprint = match part.role {
            Role::Table => to_json(&record.footprint)?,
            _ => to_json(&Footprint::Everything)?,
        };
        sqlx::query(
            "insert into versions (table_id, version, asset, n, footprint) values ($1, $2, $3, $4, $5)
             on conflict (table_id, version) do update set asset = $3, n = $4, footprint = $5",
        )
        .bind(part.target.table.to_string())
        .bind(*version as i64)
        .bind(record.asset.to_string())
        .bind(record.n as i64)
        .bind(footprint)
        .execute(&mut *tx)
        .await
        .map_err(failed("keep a commit's version"))?;
    }
    Ok(())
}

fn rows_changed(record: &CommitRecord) -> Option<i64> {
    match &record.footprint {
        Footprint::Everything => None,
        Footprint::Parts { rows, .. } => Some(*rows as i64),
    }
}

fn bytes(record: &CommitRecord) -> i64 {
    record
        .parts
        .iter()
        .flat_map(|p| &p.staged)
        .map(|s| s.bytes as i64)
        .sum()
}

#[cfg(test)]
mod tests;
