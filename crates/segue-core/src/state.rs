//! What the commit protocol needs to remember, apart from everything else that a state remembers.

use crate::commit::{CommitRecord, Entry};
use crate::{AssetId, CommitId, Error, Kind, Result};
use async_trait::async_trait;
use segue_diag::LEASE_LOST;

/// The right to commit for one asset: held by one worker at a time, as far as clocks and kills allow. The epoch grows with every holder,
/// and is what tells a former holder that it no longer is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Whose commits.
    pub asset: AssetId,
    /// Grows with every holder.
    pub epoch: u64,
}

/// The error of a worker whose lease is another's now.
pub fn lease_lost(message: impl Into<String>) -> Error {
    Error::new(Kind::Conflict, message)
        .code(LEASE_LOST)
        .hint("nothing was lost: whoever has the lease now goes on; run `segue resume` when it has ended")
}

/// What the state knows of an asset's commits.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Commits {
    /// The last commit that the state marked; (0, `None`) before the first.
    pub last: (u64, Option<CommitId>),
    /// The highest number that was ever prepared; a new one must be above it.
    pub highest: u64,
    /// What will happen: prepared and not yet marked.
    pub prepared: Option<CommitRecord>,
    /// What was prepared, could not be finished, and may have landed all the same.
    pub given_up: Vec<CommitRecord>,
}

/// The memory of the commit protocol. Every call is one durable transaction; when it has returned, a power cut does not take it back.
#[async_trait]
pub trait CommitState: Send + Sync {
    /// What is known of this asset's commits.
    async fn commits(&self, asset: AssetId) -> Result<Commits>;

    /// What is done of the asset now: for the records that hold the whole of it.
    async fn ledger(&self, asset: AssetId) -> Result<Vec<Entry>>;

    /// Writes the record as prepared; the lease's epoch is compared in the same transaction.
    ///
    /// # Errors
    /// `Conflict` when the lease is another's now, or something else is prepared.
    async fn prepare(&self, lease: &Lease, record: &CommitRecord) -> Result<()>;

    /// Marks the prepared record committed, and applies its change to the ledger, in one transaction. Needs no lease: what is prepared
    /// will happen. What is marked is the record as the state has it: another worker may have worked it out anew meanwhile, and landed it
    /// so. `versions` are those at which its parts landed on their tables, in order. False when it is not what is prepared (another
    /// worker finished it, or gave it up).
    async fn mark(&self, record: &CommitRecord, versions: &[u64]) -> Result<bool>;

    /// Replaces the prepared record by the same one, worked out anew (same n and id). False when it is not what is prepared.
    async fn rework(&self, record: &CommitRecord) -> Result<bool>;

    /// Forgets the prepared record with this id: it can never land. False when it is not what is prepared.
    async fn forget(&self, asset: AssetId, id: CommitId) -> Result<bool>;

    /// Moves the prepared record to those given up. False when it is not what is prepared.
    ///
    /// # Errors
    /// `Conflict` when the lease is another's now.
    async fn give_up(&self, lease: &Lease, id: CommitId) -> Result<bool>;

    /// Moves a record that was given up back to prepared, because it landed after all. False when it is not there.
    ///
    /// # Errors
    /// `Conflict` when the lease is another's now, or something is prepared.
    async fn landed(&self, lease: &Lease, id: CommitId) -> Result<bool>;

    /// Drops records that were given up and whose number is below a number that has landed: their files may go.
    async fn clear_given_up(&self, lease: &Lease, below: u64) -> Result<Vec<CommitRecord>>;
}
