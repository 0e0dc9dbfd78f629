//! From a change that was worked out to a commit that landed.

use super::Protocol;
use super::finish::{Finished, finish};
use super::settle::Settled;
use arrow_schema::SchemaRef;
use jiff::Timestamp;
use segue_core::commit::{CommitRecord, Footprint, Handled, InputVersion, LedgerChange, Part, Role};
use segue_core::sink::{Change, Grain, Staged, Target};
use segue_core::source::Column;
use segue_core::state::{Lease, lease_lost};
use segue_core::{AssetId, AssetName, CommitId, Error, Kind, Result, RunId, TableId};
use segue_diag::CAME_FIRST;
use serde_json::Value;

/// How many numbers lie between two records that hold the whole ledger.
const WHOLE_EVERY: u64 = 100;

/// A commit that has no number yet.
#[derive(Clone, Debug)]
pub struct Draft {
    /// Whose commit.
    pub asset: AssetId,
    /// The asset's name.
    pub name: AssetName,
    /// The own table.
    pub table: TableId,
    /// When the read that it carries began.
    pub read_at: Timestamp,
    /// The run.
    pub run: Option<RunId>,
    /// Where the source was read to.
    pub position: Option<Value>,
    /// What it was computed from.
    pub inputs: Vec<InputVersion>,
    /// What it does to the ledger; entries with n = 0 get the commit's number.
    pub ledger: LedgerChange,
    /// What it changes for readers of the own table.
    pub footprint: Footprint,
    /// The columns as they are read, where its tables have them otherwise.
    pub columns: Option<Vec<Column>>,
    /// What it does to rows that were set aside, where somebody asked for that.
    pub handled: Option<Handled>,
    /// The own table first, then companions.
    pub parts: Vec<DraftPart>,
}

/// One table of a draft.
#[derive(Clone, Debug)]
pub struct DraftPart {
    /// What the table is to the asset.
    pub role: Role,
    /// The table.
    pub target: Target,
    /// What is to happen.
    pub change: Change,
    /// The schema afterwards.
    pub schema: SchemaRef,
    /// Rows that lie ready.
    pub staged: Vec<Staged>,
    /// What readers range over.
    pub grains: Vec<Grain>,
    /// The sink's plan, from [`segue_core::sink::Sink::work_out`].
    pub plan: Value,
}

/// A commit that is in its tables and marked.
#[derive(Clone, Debug)]
pub struct Landed {
    /// Its record.
    pub record: CommitRecord,
    /// The version of each part's table, in order.
    pub versions: Vec<u64>,
}

/// Prepares the draft after the settled commit, then claims, commits and marks it.
///
/// # Errors
/// `Conflict` when the lease is another's. `Conflict` with the code [`CAME_FIRST`] when another commit came first and this one never
/// lands: settle again and work the change out anew, with the same staged rows. [`lease_lost`] when another
/// worker took the commit over: what it names is that worker's to remove. Any other error after preparing may leave the commit prepared: the next
/// [`super::settle`] finishes it, and nobody may work the same rows out a second time.
pub async fn carry_out(protocol: &Protocol<'_>, lease: &Lease, settled: &Settled, draft: Draft) -> Result<Landed> {
    let record = number(protocol, lease, settled, draft).await?;
    protocol.state.prepare(lease, &record).await?;
    match finish(protocol, record.clone(), lease).await? {
        Finished::Landed(versions) => {
            // It is done, whatever becomes of files that nobody needs any more: the next commit or a vacuum removes them.
            if let Err(error) = clear(protocol, lease, record.n).await {
                tracing::warn!(asset = %record.name, %error, "commits that were given up were not cleared");
            }
            Ok(Landed { record, versions })
        }
        Finished::ShutOut => Err(
            Error::new(Kind::Conflict, format!("another commit of {} came first", record.name))
                .code(CAME_FIRST)
                .hint("run it again: what is missing then is worked out anew"),
        ),
        Finished::TakenOver => Err(lease_lost(format!(
            "another process took over what was prepared for {}",
            record.name
        ))),
        Finished::GivenUp(why) => Err(why),
    }
}

/// Gives the draft a number above every one seen, an id, and its predecessors.
async fn number(protocol: &Protocol<'_>, lease: &Lease, settled: &Settled, draft: Draft) -> Result<CommitRecord> {
    let Protocol {
        state,
        sinks,
        ctx,
        rules,
        ..
    } = protocol;
    let commits = state.commits(lease.asset).await?;
    let mut highest = settled.n.max(commits.last.0).max(commits.highest);
    highest = commits.given_up.iter().map(|r| r.n).fold(highest, u64::max);
    let mut parts = Vec::with_capacity(draft.parts.len());
    for (at, part) in draft.parts.into_iter().enumerate() {
        let sink = sinks.of(&part.target)?;
        highest = highest.max(sink.highest(&part.target, ctx).await?);
        let predecessor = if at == 0 {
            settled.n
        } else {
            sink.head(&part.target, ctx).await?.n
        };
        let DraftPart {
            role,
            target,
            change,
            schema,
            staged,
            grains,
            plan,
        } = part;
        parts.push(Part {
            role,
            target,
            predecessor,
            change,
            schema,
            staged,
            grains,
            plan,
        });
    }
    let n = if rules.number_above_all {
        highest + 1
    } else {
        commits.last.0 + 1
    };
    let mut change = draft.ledger;
    for entry in change.add.iter_mut().filter(|e| e.n == 0) {
        entry.n = n;
    }
    let whole_ledger = match n / WHOLE_EVERY > settled.n / WHOLE_EVERY || settled.n == 0 {
        true => Some(change.apply(state.ledger(lease.asset).await?)),
        false => None,
    };
    Ok(CommitRecord {
        format: CommitRecord::FORMAT,
        n,
        id: CommitId::random(),
        predecessor: settled.n,
        asset: draft.asset,
        name: draft.name,
        table: draft.table,
        read_at: draft.read_at,
        run: draft.run,
        position: draft.position,
        inputs: draft.inputs,
        whole_ledger,
        columns: draft.columns,
        ledger: change,
        footprint: draft.footprint,
        handled: draft.handled,
        parts,
    })
}

/// A later number has landed: what was given up below it can never land, and its files may go.
async fn clear(protocol: &Protocol<'_>, lease: &Lease, landed: u64) -> Result<()> {
    let Protocol { state, sinks, ctx, .. } = protocol;
    if state.commits(lease.asset).await?.given_up.is_empty() {
        return Ok(());
    }
    for record in state.clear_given_up(lease, landed).await? {
        for part in &record.parts {
            sinks
                .of(&part.target)?
                .discard(&part.target, &part.staged, Some(&part.plan), ctx)
                .await?;
        }
    }
    Ok(())
}
