//! The state itself: one handle for all of it.

use crate::error::failed;
use crate::{open, runs};
use parking_lot::Mutex;
use segue_core::{Clock, Error, Result, RunId};
use sqlx::{Sqlite, SqliteConnection, SqlitePool, Transaction};
use std::collections::HashMap;
use std::fs::File;
use std::ops::{Deref, DerefMut};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The memory of one environment: assets, runs, ledger, commits, leases and limits. Cheap to clone; all clones are one handle.
///
/// Any number of processes may hold one state open. Writers go one after the other, readers never wait. A write that has returned is on
/// the disk; a call that is dropped or killed half-way has happened as a whole or not at all.
#[derive(Clone)]
pub struct Store(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    /// The database's file, absolute.
    pub path: PathBuf,
    pub clock: Arc<dyn Clock>,
    /// One connection: writers of one process queue here and not in SQLite's busy loop.
    pub writer: SqlitePool,
    pub reader: SqlitePool,
    /// The locks of the runs that this handle began; a free one tells other processes that the run's process is dead.
    pub run_locks: Mutex<HashMap<RunId, File>>,
}

impl Store {
    /// Opens the state at this path (`.segue/state.db`, also as `sqlite:PATH`), and makes folder and file where there are none.
    /// Runs whose process has died without ending them are marked `interrupted`.
    ///
    /// # Errors
    /// `Invalid` for a file that is no state, `Unsupported` for a state of a later version or another database, `BadData` for a damaged
    /// file, `Denied` where it may not be written, `Unavailable` when another program keeps it locked.
    pub async fn open(place: &str, clock: Arc<dyn Clock>) -> Result<Store> {
        let path = open::path(place)?;
        let (writer, reader) = open::open(&path, clock.as_ref()).await?;
        let store = Store(Arc::new(Inner {
            path,
            clock,
            writer,
            reader,
            run_locks: Mutex::default(),
        }));
        runs::end_interrupted(&store).await?;
        Ok(store)
    }

    /// The database's file, absolute.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// The folder that the state's file is in; leases and runs keep their locks below it.
    pub fn folder(&self) -> &Path {
        self.0.path.parent().unwrap_or(Path::new("/"))
    }

    /// Closes the connections, so that the file holds everything and its side files are gone. Without it nothing is lost either.
    pub async fn close(&self) {
        self.0.reader.close().await;
        self.0.writer.close().await;
    }

    pub(crate) fn now_us(&self) -> i64 {
        self.0.clock.now().as_microsecond()
    }

    /// Begins a write. Nobody else writes until it is committed or dropped; dropped, it never was.
    pub(crate) async fn write(&self, doing: &'static str) -> Result<Write> {
        // IMMEDIATE: a transaction that begins by reading and then wants to write would fail at once where another wrote meanwhile.
        let begun = self.0.writer.begin_with("BEGIN IMMEDIATE").await;
        Ok(Write {
            transaction: begun.map_err(|e| self.failed(doing, e))?,
            store: self.clone(),
            doing,
        })
    }

    fn failed(&self, doing: &str, e: sqlx::Error) -> Error {
        failed(doing)(e).with("state", self.path().display())
    }

    pub(crate) fn reader(&self) -> &SqlitePool {
        &self.0.reader
    }
}

/// A write that is under way; its connection is reached by dereferencing.
pub(crate) struct Write {
    transaction: Transaction<'static, Sqlite>,
    store: Store,
    doing: &'static str,
}

impl Write {
    /// Makes it last.
    pub async fn commit(self) -> Result<()> {
        let Write {
            transaction,
            store,
            doing,
        } = self;
        transaction.commit().await.map_err(|e| store.failed(doing, e))
    }
}

impl Deref for Write {
    type Target = SqliteConnection;

    fn deref(&self) -> &SqliteConnection {
        &self.transaction
    }
}

impl DerefMut for Write {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        &mut self.transaction
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Store").field(&self.0.path).finish()
    }
}

#[cfg(test)]
mod tests;
