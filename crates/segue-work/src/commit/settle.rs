//! Before anything new: finish what is prepared, and make sure that the table is the one that the state remembers.

use super::finish::{Finished, finish};
use super::{Protocol, Sinks};
use arrow_schema::SchemaRef;
use segue_core::sink::Target;
use segue_core::state::{CommitState, Lease};
use segue_core::{CommitId, Ctx, Error, Kind, Result};
use segue_diag::UNKNOWN_COMMIT;

/// A table whose last commit is the state's.
#[derive(Clone, Debug, PartialEq)]
pub struct Settled {
    /// The last commit's number, the predecessor of the next; 0 for none.
    pub n: u64,
    /// Its id.
    pub id: Option<CommitId>,
    /// The table's version; 0 where there is no table.
    pub version: u64,
    /// Its schema; `None` where there is no table.
    pub schema: Option<SchemaRef>,
    /// Whether another program made it.
    pub is_foreign: bool,
}

/// Finishes what is still prepared for the asset, then compares the table's last commit with the state's.
///
/// If the table's last commit is one that was given up, it landed after all, and is finished. Anything else that differs is refused:
/// an old backup, a lost state, a second state on one lake all end here, with nothing skipped and nothing written.
///
/// # Errors
/// `Conflict` when the state does not know the table's last commit, or the lease is lost; the sinks' own.
pub async fn settle(protocol: &Protocol<'_>, lease: &Lease, own: &Target) -> Result<Settled> {
    let Protocol {
        state,
        sinks,
        ctx,
        rules,
        ..
    } = protocol;
    loop {
        let commits = state.commits(lease.asset).await?;
        if let Some(record) = commits.prepared.clone().filter(|_| rules.settle) {
            match finish(protocol, record, lease).await? {
                Finished::Landed(_) | Finished::ShutOut | Finished::TakenOver | Finished::GivenUp(_) => continue,
            }
        }
        let head = sinks.of(own)?.head(own, ctx).await?;
        let settled = Settled {
            n: head.n,
            id: head.id,
            version: head.version,
            schema: head.schema,
            is_foreign: head.is_foreign,
        };
        if head.n > 0 && settled.schema.is_none() {
            // Its mark is there, and its rows are not.
            return Err(unknown_commit(own, 0, commits.last.0));
        }
        if (head.n, head.id) == commits.last || !rules.compare_head {
            return Ok(settled);
        }
        match commits.given_up.iter().find(|r| (r.n, Some(r.id)) == (head.n, head.id)) {
            Some(late) => {
                state.landed(lease, late.id).await?;
            }
            // Both were read one after the other: another worker may have committed in between, and then neither is wrong.
            None if state.commits(lease.asset).await? != commits => {}
            None => return Err(unknown_commit(own, head.n, commits.last.0)),
        }
    }
}

/// What [`settle`] would refuse, with nothing finished and nothing written: what is prepared is taken as landed.
///
/// # Errors
/// As [`settle`].
pub async fn foresee(state: &dyn CommitState, sinks: &dyn Sinks, own: &Target, ctx: &Ctx) -> Result<()> {
    let commits = state.commits(own.asset).await?;
    if commits.prepared.is_some() {
        return Ok(());
    }
    let head = sinks.of(own)?.head(own, ctx).await?;
    let is_known =
        (head.n, head.id) == commits.last || commits.given_up.iter().any(|r| (r.n, Some(r.id)) == (head.n, head.id));
    if is_known && (head.n == 0 || head.schema.is_some()) {
        return Ok(());
    }
    // A run that is under way may have committed between the two looks.
    if state.commits(own.asset).await? != commits {
        return Ok(());
    }
    Err(unknown_commit(
        own,
        if head.schema.is_some() { head.n } else { 0 },
        commits.last.0,
    ))
}

fn unknown_commit(own: &Target, table_has: u64, state_has: u64) -> Error {
    let message = match table_has {
        0 => format!(
            "the table of {} is gone, or another: this state remembers its commit {state_has}",
            own.name
        ),
        n => format!("this state does not know commit {n} of {}", own.name),
    };
    Error::new(Kind::Conflict, message)
        .code(UNKNOWN_COMMIT)
        .with("table", &own.place)
        .with("last commit of the table", table_has)
        .with("last commit of the state", state_has)
        .hint(match table_has {
            0 => format!(
                "put the table back, or build it anew with `segue run --rebuild`, or forget it with `segue asset drop {} --table-only`",
                own.name
            ),
            _ => "run `segue state rebuild`: it reads what was done from the tables themselves".to_string(),
        })
}
