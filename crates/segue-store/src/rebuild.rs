//! Keeping a copy of the state, and making it anew from what the tables themselves remember.

use crate::assets::{self, AssetRow};
use crate::commits;
use crate::error::failed;
use crate::store::Store;
use crate::values::Columns;
use crate::{leases, ledger};
use segue_core::durable::{Durability, Fsync};
use segue_core::fault::{Boundary, reach};
use segue_core::state::Lease;
use segue_core::{CommitRecord, Error, Kind, Result};
use segue_diag as codes;
use std::ffi::OsString;
use std::fs::File;
use std::path::Path;

/// A commit that was found on a table.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// Its record.
    pub record: CommitRecord,
    /// The versions at which its parts are on their tables, in order, as far as they are known; a version that is not known is, for
    /// readers, everything.
    pub versions: Vec<u64>,
}

impl Store {
    /// Writes a complete copy of the state to this file, as of one moment, while others go on writing. When it has returned the copy is on
    /// the disk; killed before, there is no file of that name.
    ///
    /// # Errors
    /// `Conflict` when there is a file already.
    pub async fn backup(&self, to: &Path) -> Result<()> {
        self.backup_on(to, &Fsync).await
    }

    /// The same on another disk; for tests that cut the power.
    pub(crate) async fn backup_on(&self, to: &Path, disk: &dyn Durability) -> Result<()> {
        let named = |e: Error| e.with("backup", to.display());
        let io = |e: std::io::Error| {
            named(
                Error::new(Kind::Denied, "cannot write the backup")
                    .hint("name a file in a folder that this user may write")
                    .caused_by(e),
            )
        };
        if to.exists() {
            return Err(named(
                Error::new(Kind::Conflict, "the backup's file exists already")
                    .code(codes::BACKUP_EXISTS)
                    .hint("name another file, or remove that one; a backup overwrites nothing"),
            ));
        }
        let to = std::path::absolute(to).map_err(io)?;
        let folder = to.parent().unwrap_or(Path::new("/"));
        std::fs::create_dir_all(folder).map_err(io)?;
        let mut partial = OsString::from(&to);
        partial.push(".partial");
        let partial = std::path::PathBuf::from(partial);
        match std::fs::remove_file(&partial) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(io(e)),
            _ => {}
        }
        let text = partial
            .to_str()
            .ok_or_else(|| named(Error::new(Kind::Invalid, "the backup's path is not UTF-8")))?;
        // On the writer's connection, because the readers' refuse to write anything; other processes go on meanwhile.
        let mut writer = self.0.writer.acquire().await.map_err(failed("back the state up"))?;
        sqlx::query("vacuum into $1")
            .bind(text)
            .execute(&mut *writer)
            .await
            .map_err(failed("back the state up"))
            .map_err(named)?;
        drop(writer);
        File::open(&partial).and_then(|f| disk.file(&f, &partial)).map_err(io)?;
        // A link and not a rename: it fails where a file of that name came meanwhile. Some file systems have no links.
        match std::fs::hard_link(&partial, &to) {
            Ok(()) => std::fs::remove_file(&partial).map_err(io)?,
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => return Err(io(e)),
            Err(_) => std::fs::rename(&partial, &to).map_err(io)?,
        }
        disk.folder(folder).map_err(io)
    }

    /// Takes over what was found on an asset's tables: whatever this state knew of the asset before is forgotten but its lease, its frozen
    /// columns and its definition. `commits` are those on the own table, oldest first; the ledger is read from the newest record that holds
    /// it whole (or from the first) and follows the changes since. `prepared` is a commit that its own table has and a companion has not
    /// yet; `highest` is the highest number claimed or committed there.
    ///
    /// # Errors
    /// `Conflict` when the lease is another's now, or another asset with commits of its own has the name.
    pub async fn adopt(
        &self,
        lease: &Lease,
        asset: &AssetRow,
        commits: &[Found],
        prepared: Option<&CommitRecord>,
        highest: u64,
    ) -> Result<()> {
        let doing = "take over an asset";
        let mut tx = self.write(doing).await?;
        leases::check(&mut tx, lease).await?;
        let id = asset.id.to_string();
        let other = sqlx::query(
            "select a.id, coalesce(h.highest, 0) as highest from assets a left join heads h on h.asset = a.id
             where a.name = $1 and a.dropped = 0 and a.id <> $2",
        )
        .bind(asset.name.to_string())
        .bind(&id)
        .fetch_optional(&mut *tx)
        .await
        .map_err(failed(doing))?;
        if let Some(other) = &other {
            let other = Columns(other);
            if other.number("highest")? > 0 {
                return Err(Error::new(
                    Kind::Conflict,
                    format!("this state knows another asset {} with commits of its own", asset.name),
                )
                .code(codes::ASSET_TAKEN)
                .hint("two tables claim one name: drop one of them with `segue asset drop`"));
            }
            execute(&mut tx, "delete from assets where id = $1", other.get("id")?, doing).await?;
        }
        let known = sqlx::query("select id from assets where id = $1")
            .bind(&id)
            .fetch_optional(&mut *tx)
            .await
            .map_err(failed(doing))?;
        if known.is_none() {
            assets::insert(&mut tx, asset).await??;
        } else {
            sqlx::query(
                "update assets set table_id = $2, name = $3, place = $4, connection = $5, source = coalesce($6, source), dropped = $7,
                    frozen_columns = coalesce($8, frozen_columns) where id = $1",
            )
            .bind(&id)
            .bind(asset.table.to_string())
            .bind(asset.name.to_string())
            .bind(&asset.place)
            .bind(&asset.connection)
            .bind(&asset.source)
            .bind(i64::from(asset.dropped))
            .bind(asset.schema.as_ref().map(crate::values::to_json).transpose()?)
            .execute(&mut *tx)
            .await
            .map_err(failed(doing))?;
        }
        for sql in [
            "delete from ledger where asset = $1",
            "delete from commits where asset = $1",
            "delete from versions where asset = $1",
            // What was ever handed out stays used: a number that this state prepared may lie claimed somewhere.
            "update heads set last_n = 0, last_id = null, position = null where asset = $1",
        ] {
            execute(&mut tx, sql, &id, doing).await?;
        }
        let whole = commits.iter().rposition(|f| f.record.whole_ledger.is_some());
        for (at, found) in commits.iter().enumerate() {
            let record = &found.record;
            commits::insert(&mut tx, record, "committed", record.read_at.as_microsecond()).await?;
            sqlx::query("update commits set committed_at = prepared_at, version = $3 where asset = $1 and id = $2")
                .bind(&id)
                .bind(record.id.to_string())
                .bind(found.versions.first().map(|v| *v as i64))
                .execute(&mut *tx)
                .await
                .map_err(failed(doing))?;
            commits::land(&mut tx, record, &found.versions).await?;
            match &record.whole_ledger {
                Some(entries) if Some(at) == whole => ledger::insert(&mut tx, asset.id, entries).await?,
                _ if whole.is_none_or(|whole| at > whole) => ledger::apply(&mut tx, asset.id, &record.ledger).await?,
                _ => {}
            }
        }
        if let Some(record) = prepared {
            commits::insert(&mut tx, record, "prepared", self.now_us()).await?;
            commits::raise(&mut tx, record.asset, record.n).await?;
        }
        commits::raise(&mut tx, asset.id, highest).await?;
        tx.commit().await?;
        reach(Boundary::Adopted);
        Ok(())
    }
}

async fn execute(tx: &mut sqlx::SqliteConnection, sql: &'static str, id: &str, doing: &str) -> Result<()> {
    sqlx::query(sql)
        .bind(id.to_string())
        .execute(tx)
        .await
        .map_err(failed(doing))?;
    Ok(())
}

#[cfg(test)]
mod tests;
