//! Who may commit for an asset: one holder at a time, told apart by a growing epoch.
//!
//! A lease is a row and a file lock. The row's epoch is what counts: it is compared in the transaction that prepares a commit. The lock
//! tells at once whether the holder is alive, because the system frees it with its process. Each epoch has a lock file of its own, so that
//! one who lost the lease while frozen, and still holds a lock, is not taken for the holder.

use crate::error::failed;
use crate::store::Store;
use crate::values::{Columns, instant};
use segue_core::state::{Lease, lease_lost};
use segue_core::{AssetId, Error, Kind, Result};
use segue_diag as codes;
use sqlx::SqliteConnection;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::task::JoinHandle;

/// A live holder writes into its row this often.
pub const RENEWED_EVERY: Duration = Duration::from_secs(10);
/// A row that nobody wrote to for so long is anybody's, even where the lock is held: its holder is frozen.
pub const LEASE_TIME: Duration = Duration::from_secs(30);

/// The right to commit for one asset, renewed while this lives and free as soon as it is dropped.
#[derive(Debug)]
pub struct LeaseGuard {
    /// What is compared when a commit is prepared.
    pub lease: Lease,
    store: Store,
    lost: Arc<AtomicBool>,
    renewing: JoinHandle<()>,
    // Dropping it frees the lease: the next one finds the lock free and takes the lease at once.
    _lock: File,
}

impl Store {
    /// Takes the asset's lease: at once where nobody alive holds it, or where its holder has not renewed it for [`LEASE_TIME`].
    /// It does not wait.
    ///
    /// # Errors
    /// `Conflict` when somebody holds it; the message says who, and since when.
    pub async fn lease(&self, asset: AssetId, holder: &str) -> Result<LeaseGuard> {
        let doing = "take a lease";
        let folder = self.folder().join("leases");
        std::fs::create_dir_all(&folder).map_err(|e| lock_failed(&folder, e))?;
        // One transaction from the first look to the new row: nobody else takes it in between.
        let mut tx = self.write(doing).await?;
        let row = sqlx::query("select * from leases where asset = $1")
            .bind(asset.to_string())
            .fetch_optional(&mut *tx)
            .await
            .map_err(failed(doing))?;
        let mut epoch = 0;
        if let Some(row) = &row {
            let row = Columns(row);
            epoch = row.number("epoch")?;
            let (renewed, now) = (row.instant("renewed_at")?, self.0.clock.now());
            let fresh = now.duration_since(renewed) < LEASE_TIME.try_into().unwrap_or_default();
            let held = try_lock(&lock_path(&folder, asset, epoch))?.is_none();
            if held && fresh {
                let (who, since): (&str, _) = (row.get("holder")?, instant(row.get("taken_at")?)?);
                return Err(
                    Error::new(Kind::Conflict, format!("{who} is working on it since {since}"))
                        .code(codes::LEASE_HELD)
                        .with("process", row.get::<i64>("pid")?)
                        .hint("wait until that has ended, or give --wait; an end without notice is seen at once"),
                );
            }
        }
        let path = lock_path(&folder, asset, epoch + 1);
        // Whoever holds it took an epoch that this file does not know: a backup was put in the place of the state.
        let lock = try_lock(&path)?.ok_or_else(|| {
            Error::new(Kind::Conflict, "somebody is working on it with a newer copy of this state")
                .code(codes::LEASE_HELD)
                .hint("wait until that has ended; then `segue state rebuild` reads from the tables what this copy does not know")
        })?;
        sqlx::query(
            "insert into leases (asset, epoch, holder, pid, taken_at, renewed_at) values ($1, $2, $3, $4, $5, $5)
             on conflict (asset) do update set epoch = $2, holder = $3, pid = $4, taken_at = $5, renewed_at = $5",
        )
        .bind(asset.to_string())
        .bind(epoch as i64 + 1)
        .bind(holder)
        .bind(i64::from(std::process::id()))
        .bind(self.now_us())
        .execute(&mut *tx)
        .await
        .map_err(failed(doing))?;
        tx.commit().await?;
        // Left over by a crash just here it is in nobody's way: its epoch is over.
        let _old_lock_may_be_gone = std::fs::remove_file(lock_path(&folder, asset, epoch));
        let lease = Lease {
            asset,
            epoch: epoch + 1,
        };
        let lost = Arc::new(AtomicBool::new(false));
        let renewing = tokio::spawn(keep_renewing(self.clone(), lease.clone(), lost.clone()));
        Ok(LeaseGuard {
            lease,
            store: self.clone(),
            lost,
            renewing,
            _lock: lock,
        })
    }

    /// Renews a lease.
    ///
    /// # Errors
    /// `Conflict` when it is another's now.
    pub async fn renew(&self, lease: &Lease) -> Result<()> {
        let doing = "renew a lease";
        let mut tx = self.write(doing).await?;
        check(&mut tx, lease).await?;
        sqlx::query("update leases set renewed_at = $2 where asset = $1")
            .bind(lease.asset.to_string())
            .bind(self.now_us())
            .execute(&mut *tx)
            .await
            .map_err(failed(doing))?;
        tx.commit().await
    }
}

impl LeaseGuard {
    /// Fails where it is another's now; nothing is written.
    ///
    /// # Errors
    /// `Conflict` when it is another's now.
    pub async fn holds(&self) -> Result<()> {
        let doing = "read a lease";
        let mut reader = self.store.reader().acquire().await.map_err(failed(doing))?;
        check(&mut reader, &self.lease).await
    }

    /// Whether it was seen to be another's. Only the transaction that prepares is sure; this spares work that is in vain.
    pub fn is_lost(&self) -> bool {
        self.lost.load(Ordering::Relaxed)
    }
}

impl Drop for LeaseGuard {
    fn drop(&mut self) {
        self.renewing.abort();
    }
}

/// Compares the lease's epoch within a transaction: what makes a former holder's write fail.
pub(crate) async fn check(connection: &mut SqliteConnection, lease: &Lease) -> Result<()> {
    let row = sqlx::query("select * from leases where asset = $1")
        .bind(lease.asset.to_string())
        .fetch_optional(connection)
        .await
        .map_err(failed("read a lease"))?;
    let Some(row) = &row else {
        return Err(lease_lost("this process has no lease on the asset"));
    };
    let row = Columns(row);
    if row.number("epoch")? == lease.epoch {
        return Ok(());
    }
    let (who, since): (&str, _) = (row.get("holder")?, row.instant("taken_at")?);
    Err(lease_lost(format!("the asset's lease is {who}'s since {since}")))
}

async fn keep_renewing(store: Store, lease: Lease, lost: Arc<AtomicBool>) {
    loop {
        store.0.clock.sleep(RENEWED_EVERY).await;
        match store.renew(&lease).await {
            Ok(()) => {}
            Err(e) if e.kind() == Kind::Conflict => {
                lost.store(true, Ordering::Relaxed);
                return;
            }
            // The row's time has not run out yet; the next round tries again.
            Err(e) => tracing::warn!(asset = %lease.asset, "cannot renew a lease: {e}"),
        }
    }
}

fn lock_path(folder: &Path, asset: AssetId, epoch: u64) -> PathBuf {
    folder.join(format!("{asset}.{epoch}.lock"))
}

/// The file, locked; `None` when a living process holds the lock.
pub(crate) fn try_lock(path: &Path) -> Result<Option<File>> {
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .map_err(|e| lock_failed(path, e))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(e)) => Err(lock_failed(path, e)),
    }
}

pub(crate) fn lock_failed(path: &Path, e: std::io::Error) -> Error {
    Error::new(Kind::Denied, format!("cannot lock `{}`", path.display()))
        .code(codes::STATE_READ_ONLY)
        .hint("keep the state on a file system with locks, in a folder that this user may write")
        .caused_by(e)
}

#[cfg(test)]
mod tests;
