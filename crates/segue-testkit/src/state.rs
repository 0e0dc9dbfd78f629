//! The memory of the commit protocol, in memory: for simulations, with rules that can be taken out.

use crate::sink::Pause;
use async_trait::async_trait;
use parking_lot::Mutex;
use segue_core::commit::{CommitRecord, Entry};
use segue_core::state::{CommitState, Commits, Lease};
use segue_core::{AssetId, CommitId, Error, Kind, Result};
use std::sync::Arc;

/// What the state knows of the one asset of a simulation.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    /// Of its commits.
    pub commits: Commits,
    /// The lease's epoch.
    pub epoch: u64,
    /// The position of the last marked commit.
    pub position: i64,
}

/// What a state compares before it prepares a commit. All, unless a test takes one out to show what it is for.
#[derive(Clone, Copy, Debug)]
pub struct Compares {
    /// The lease's epoch.
    pub epoch: bool,
    /// That nothing else is prepared.
    pub prepared: bool,
    /// That the number is above every one that was prepared before.
    pub number: bool,
}

impl Default for Compares {
    fn default() -> Compares {
        Compares {
            epoch: true,
            prepared: true,
            number: true,
        }
    }
}

/// A state in memory, shared by all its clones.
#[derive(Clone)]
pub struct MemState {
    memory: Arc<Mutex<Memory>>,
    pause: Arc<dyn Pause>,
    compares: Compares,
}

impl MemState {
    /// An empty state that compares these.
    pub fn new(pause: Arc<dyn Pause>, compares: Compares) -> MemState {
        MemState {
            memory: Arc::default(),
            pause,
            compares,
        }
    }

    /// What it knows.
    pub fn memory(&self) -> Memory {
        self.memory.lock().clone()
    }

    /// Puts an older memory back, or a rebuilt one. Leases that were held are void.
    pub fn restore(&self, memory: Memory) {
        let epoch = self.memory.lock().epoch;
        *self.memory.lock() = Memory {
            epoch: epoch + 1,
            ..memory
        };
    }

    /// What it knows is this from now on: another worker's doing.
    pub fn replace(&self, memory: Memory) {
        *self.memory.lock() = memory;
    }

    /// Takes the lease, whoever holds it.
    pub fn lease(&self, asset: AssetId) -> Lease {
        let mut memory = self.memory.lock();
        memory.epoch += 1;
        Lease {
            asset,
            epoch: memory.epoch,
        }
    }

    /// Does this in one step, with a pause before and after.
    async fn atomically<T>(
        &self,
        what: &'static str,
        lease: Option<&Lease>,
        work: impl FnOnce(&mut Memory) -> Result<T>,
    ) -> Result<T> {
        self.pause.at(what).await?;
        let done = {
            let mut memory = self.memory.lock();
            if self.compares.epoch && lease.is_some_and(|l| l.epoch != memory.epoch) {
                return Err(Error::new(Kind::Conflict, "the lease is another's now"));
            }
            work(&mut memory)?
        };
        self.pause.at(what).await?;
        Ok(done)
    }
}

fn is(record: &Option<CommitRecord>, id: CommitId) -> bool {
    record.as_ref().is_some_and(|r| r.id == id)
}

#[async_trait]
impl CommitState for MemState {
    async fn commits(&self, _asset: AssetId) -> Result<Commits> {
        self.atomically("commits", None, |m| Ok(m.commits.clone())).await
    }

    async fn ledger(&self, _asset: AssetId) -> Result<Vec<Entry>> {
        Ok(Vec::new())
    }

    async fn prepare(&self, lease: &Lease, record: &CommitRecord) -> Result<()> {
        let compares = self.compares;
        self.atomically("prepare", Some(lease), |m| {
            if is(&m.commits.prepared, record.id) {
                return Ok(());
            }
            if compares.prepared && m.commits.prepared.is_some() {
                return Err(Error::new(Kind::Conflict, "something is prepared"));
            }
            if compares.number && record.n <= m.commits.highest {
                return Err(Error::new(
                    Kind::Conflict,
                    format!("the number {} was used before", record.n),
                ));
            }
            m.commits.prepared = Some(record.clone());
            m.commits.highest = m.commits.highest.max(record.n);
            Ok(())
        })
        .await
    }

    async fn mark(&self, record: &CommitRecord, _versions: &[u64]) -> Result<bool> {
        self.atomically("mark", None, |m| {
            let ours = is(&m.commits.prepared, record.id);
            if ours {
                m.commits.prepared = None;
                m.commits.last = (record.n, Some(record.id));
                m.position = record.position.as_ref().and_then(|p| p.as_i64()).unwrap_or(m.position);
            }
            Ok(ours)
        })
        .await
    }

    async fn rework(&self, record: &CommitRecord) -> Result<bool> {
        self.atomically("rework", None, |m| {
            let ours = is(&m.commits.prepared, record.id);
            if ours {
                m.commits.prepared = Some(record.clone());
            }
            Ok(ours)
        })
        .await
    }

    async fn forget(&self, _asset: AssetId, id: CommitId) -> Result<bool> {
        self.atomically("forget", None, |m| {
            let ours = is(&m.commits.prepared, id);
            if ours {
                m.commits.prepared = None;
            }
            Ok(ours)
        })
        .await
    }

    async fn give_up(&self, lease: &Lease, id: CommitId) -> Result<bool> {
        self.atomically("give_up", Some(lease), |m| {
            let ours = is(&m.commits.prepared, id);
            if ours {
                m.commits.given_up.extend(m.commits.prepared.take());
            }
            Ok(ours)
        })
        .await
    }

    async fn landed(&self, lease: &Lease, id: CommitId) -> Result<bool> {
        let compares = self.compares;
        self.atomically("landed", Some(lease), |m| {
            let at = m.commits.given_up.iter().position(|r| r.id == id);
            if at.is_some() && compares.prepared && m.commits.prepared.is_some() {
                return Err(Error::new(Kind::Conflict, "something is prepared"));
            }
            if let Some(at) = at {
                m.commits.prepared = Some(m.commits.given_up.remove(at));
            }
            Ok(at.is_some())
        })
        .await
    }

    async fn clear_given_up(&self, lease: &Lease, below: u64) -> Result<Vec<CommitRecord>> {
        self.atomically("clear_given_up", Some(lease), |m| {
            let (gone, kept) = m.commits.given_up.drain(..).partition(|r| r.n < below);
            m.commits.given_up = kept;
            Ok(gone)
        })
        .await
    }
}
