//! The guard: a log store that sees every commit on its way into a table's log, with the version that the operation read.
//!
//! The Delta library's own conflict check lets a stale compaction, overwrite or delete corrupt a table and report success, and its
//! compaction ignores the retry setting. So nothing of ours reaches a log but through here, and what is refused is refused for good: an
//! answer that the version exists would be tried again.

use crate::log::{self, Entry};
use async_trait::async_trait;
use bytes::Bytes;
use deltalake_core::kernel::transaction::TransactionError;
use deltalake_core::logstore::{CommitOrBytes, LogStore, LogStoreConfig, LogStoreRef, ObjectStoreRef};
use deltalake_core::{DeltaResult, DeltaTableError};
use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use segue_core::fault::{self, Rule};
use segue_core::{AssetId, Error, Kind, Result};
use segue_diag::{LAKE_STALE, STAGED_GONE};
use std::fmt;
use std::sync::Arc;
use uuid::Uuid;

/// Stands before a table's log for one operation.
pub(crate) struct Guard {
    inner: LogStoreRef,
    /// The version that the operation read; `None` where there was no table.
    read: Option<u64>,
    own: Option<Own>,
    name: String,
}

/// The commit of ours that the operation is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Own {
    pub asset: AssetId,
    pub n: u64,
    pub predecessor: u64,
    /// The asset's last number at the version that was read.
    pub last: u64,
    /// Whether it replaces the table as a whole, so that nothing may have come since, also where it only adds files.
    pub is_whole: bool,
}

impl Guard {
    /// A guard for one operation that read this version of the table called `name`.
    pub fn on(inner: LogStoreRef, read: Option<u64>, own: Option<Own>, name: impl fmt::Display) -> LogStoreRef {
        Arc::new(Guard {
            inner,
            read,
            own,
            name: name.to_string(),
        })
    }

    /// Whether this entry may become this version.
    async fn admit(&self, version: u64, bytes: &[u8]) -> Result<()> {
        let (entry, sizes) = Entry::with_sizes(bytes)?;
        let next = self.read.map_or(0, |v| v + 1);
        let moved = || {
            Error::new(
                Kind::Conflict,
                format!(
                    "{} moved from version {} to {} while it was being changed",
                    self.name,
                    next as i64 - 1,
                    version - 1
                ),
            )
            .code(LAKE_STALE)
        };
        if version < next {
            return Err(Error::bug(format!(
                "version {version} of {} would be written twice",
                self.name
            )));
        }
        let mut last = self.own.map_or(0, |own| own.last);
        let mut reshaped = false;
        for between in next..version {
            let winner = log::entry(self.inner.as_ref(), between).await?.ok_or_else(moved)?;
            reshaped |= winner.reshapes;
            if let Some(n) = self.own.and_then(|own| winner.number(own.asset)) {
                last = n;
            }
        }
        if let Some(own) = self.own
            && last != own.predecessor
            && (last == own.n || fault::keeps(Rule::Predecessor))
        {
            let what = if last == own.n {
                "is there already"
            } else {
                "can never follow"
            };
            return Err(Error::new(
                Kind::Conflict,
                format!(
                    "commit {} of {} {what}: its last one is {last}, not {}",
                    own.n, self.name, own.predecessor
                ),
            ));
        }
        let may_follow = entry.only_adds() && self.own.is_none_or(|own| !own.is_whole);
        if version != next && (reshaped || !may_follow) {
            return Err(moved());
        }
        self.check_files(&entry, &sizes).await
    }

    /// Every file that the entry adds is there, in full.
    async fn check_files(&self, entry: &Entry, sizes: &[Option<u64>]) -> Result<()> {
        let checks: Vec<_> = entry
            .adds
            .iter()
            .zip(sizes)
            .map(|(path, size)| {
                check_file(self.inner.object_store(None), path.clone(), *size, self.name.clone()).boxed()
            })
            .collect();
        stream::iter(checks).buffer_unordered(16).try_collect().await
    }
}

/// A file that a commit adds is there, in full. Its path stands encoded in the entry.
async fn check_file(store: ObjectStoreRef, path: String, size: Option<u64>, name: String) -> Result<()> {
    let location = Path::from_url_path(&path).map_err(|e| {
        let message = format!("a file that the commit adds to {name} has a path that nobody could read: {path}");
        Error::new(Kind::BadData, message).caused_by(e)
    })?;
    lies_there(store.as_ref(), &location, size, &name).await
}

/// This file of the table called `name` is there, in full.
pub(crate) async fn lies_there(store: &dyn ObjectStore, path: &Path, size: Option<u64>, name: &str) -> Result<()> {
    match store.head(path).await {
        Ok(found) if size.is_none_or(|size| size == found.size) => Ok(()),
        Ok(_) | Err(object_store::Error::NotFound { .. }) => Err(Error::new(
            Kind::BadData,
            format!("a file that the commit adds to {name} is missing: {path}"),
        )
        .code(STAGED_GONE)
        .hint("run the step again; it stages its rows anew")),
        Err(e) => Err(crate::errors::storage(e, format!("cannot find {path}"))),
    }
}

/// What the guard said, where it was the guard who refused.
pub(crate) fn refusal(e: DeltaTableError) -> std::result::Result<Error, DeltaTableError> {
    match e {
        DeltaTableError::Transaction {
            source: TransactionError::LogStoreError { msg, source },
        } => match source.downcast::<Error>() {
            Ok(error) => Ok(*error),
            Err(source) => Err(DeltaTableError::Transaction {
                source: TransactionError::LogStoreError { msg, source },
            }),
        },
        e => Err(e),
    }
}

#[async_trait]
impl LogStore for Guard {
    /// The commit picks its form by this name; with another one it panics.
    fn name(&self) -> String {
        "DefaultLogStore".to_string()
    }

    async fn read_commit_entry(&self, version: u64) -> DeltaResult<Option<Bytes>> {
        self.inner.read_commit_entry(version).await
    }

    async fn write_commit_entry(
        &self,
        version: u64,
        commit: CommitOrBytes,
        operation: Uuid,
    ) -> std::result::Result<(), TransactionError> {
        let refused = |e: Error| TransactionError::LogStoreError {
            msg: e.to_string(),
            source: Box::new(e),
        };
        let CommitOrBytes::LogBytes(bytes) = &commit else {
            return Err(refused(Error::bug("a commit came as a file of its own")));
        };
        self.admit(version, bytes).await.map_err(refused)?;
        self.inner.write_commit_entry(version, commit, operation).await
    }

    async fn abort_commit_entry(
        &self,
        version: u64,
        commit: CommitOrBytes,
        operation: Uuid,
    ) -> std::result::Result<(), TransactionError> {
        self.inner.abort_commit_entry(version, commit, operation).await
    }

    async fn get_latest_version(&self, start: u64) -> DeltaResult<u64> {
        self.inner.get_latest_version(start).await
    }

    fn object_store(&self, operation: Option<Uuid>) -> ObjectStoreRef {
        self.inner.object_store(operation)
    }

    fn root_object_store(&self, operation: Option<Uuid>) -> Arc<dyn ObjectStore> {
        self.inner.root_object_store(operation)
    }

    fn config(&self) -> &LogStoreConfig {
        self.inner.config()
    }
}
