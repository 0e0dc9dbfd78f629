//! Carrying a prepared record to its end: claim, own table, companions, mark. Each step finds what is there already.

use super::Protocol;
use async_trait::async_trait;
use segue_core::commit::{CommitRecord, Part};
use segue_core::fault::{Boundary, reach};
use segue_core::sink::{Claim, Committed, MissingRows};
use segue_core::state::Lease;
use segue_core::{Ctx, Error, Kind, Result};
use segue_diag::COMPANION_STUCK;

/// How often a change is worked out anew because other programs keep moving the table, before it is left for later.
const MOST_MOVES: u32 = 20;

/// Judges a change that had to be worked out anew, because the table moved between preparing and committing.
#[async_trait]
pub trait Recheck: Send + Sync {
    /// Whether the part may still be committed with its new plan, by which so many rows are missing.
    ///
    /// # Errors
    /// `BadData` when a check fails now: the commit is given up.
    async fn judge(&self, record: &CommitRecord, part: &Part, missing: MissingRows, ctx: &Ctx) -> Result<()>;
}

/// No check stands on the table as a whole.
pub struct Unchecked;

#[async_trait]
impl Recheck for Unchecked {
    async fn judge(&self, _record: &CommitRecord, _part: &Part, _missing: MissingRows, _ctx: &Ctx) -> Result<()> {
        Ok(())
    }
}

/// How a prepared record ended.
#[derive(Debug)]
pub(super) enum Finished {
    /// It is in the tables and marked; the version of each part's table.
    Landed(Vec<u64>),
    /// Another commit took its place: it can never land, and is forgotten by this worker. No record that is left names its files.
    ShutOut,
    /// Another worker finished it, forgot it, or gave it up, and then may remove its files at any time: it is no longer this one's.
    TakenOver,
    /// It could not be finished while the table had not decided; it is remembered, because a frozen writer may still land it.
    GivenUp(Error),
}

/// Goes through claim, own table, companions and mark, with the record as it was prepared. Never reads the source.
///
/// # Errors
/// Transient ones leave the record prepared, for the next try. [`COMPANION_STUCK`] when its table has decided and a companion can never
/// follow. `Conflict` when the lease is lost.
pub(super) async fn finish(protocol: &Protocol<'_>, mut record: CommitRecord, lease: &Lease) -> Result<Finished> {
    let Protocol {
        state,
        sinks,
        ctx,
        rules,
        ..
    } = protocol;
    let own_sink = sinks.of(&record.own().target)?;
    match own_sink.claim(&record, ctx).await? {
        Claim::Ours if own_sink.claims() => reach(Boundary::Claimed),
        Claim::Ours => {}
        Claim::Taken => return shut_out(protocol, &record).await,
    }
    if let Err(error) = companions_lie_ready(protocol, &record).await {
        return match error.kind().is_for_good() {
            true => give_up(protocol, record, lease, error).await,
            false => Err(error),
        };
    }
    let mut versions = vec![0; record.parts.len()];
    let order: Vec<usize> = match rules.own_table_first {
        true => (0..record.parts.len()).collect(),
        false => (0..record.parts.len()).rev().collect(),
    };
    // One companion that can never follow keeps no other from following.
    let mut hindered: Option<Error> = None;
    for at in order {
        match part(protocol, &mut record, at).await {
            Ok(Some(version)) => versions[at] = version,
            Ok(None) if at == 0 => return shut_out(protocol, &record).await,
            Ok(None)
                if state
                    .commits(record.asset)
                    .await?
                    .prepared
                    .is_none_or(|p| p.id != record.id) =>
            {
                // Another worker finished this record, and the next commit went on from it.
                return Ok(Finished::TakenOver);
            }
            Ok(None) => {
                let follows = Error::new(Kind::Conflict, "its last commit is one that this state does not know");
                hindered.get_or_insert_with(|| stuck(&record, at, follows));
            }
            Err(error) if at == 0 && error.kind().is_for_good() => {
                return give_up(protocol, record, lease, error).await;
            }
            // What is gone stays gone; what may not be written now may be later, and then it follows.
            Err(error) if matches!(error.kind(), Kind::BadData | Kind::NotFound) => {
                hindered.get_or_insert_with(|| stuck(&record, at, error));
            }
            Err(error) => return Err(error),
        }
    }
    if let Some(error) = hindered {
        return Err(error);
    }
    mark(protocol, &record, &versions, lease).await?;
    Ok(Finished::Landed(versions))
}

/// Forgets a record that can never land.
async fn shut_out(protocol: &Protocol<'_>, record: &CommitRecord) -> Result<Finished> {
    Ok(match protocol.state.forget(record.asset, record.id).await? {
        true => Finished::ShutOut,
        false => Finished::TakenOver,
    })
}

/// What the companions of the record name is there: looked at while the own table has not decided, and all of it can be given up.
async fn companions_lie_ready(protocol: &Protocol<'_>, record: &CommitRecord) -> Result<()> {
    let Protocol { sinks, ctx, .. } = protocol;
    if record.parts.len() == 1 {
        return Ok(());
    }
    let own = record.own();
    let head = sinks.of(&own.target)?.head(&own.target, ctx).await?;
    if head.n != own.predecessor {
        return Ok(());
    }
    for (at, part) in record.parts.iter().enumerate().skip(1) {
        sinks.of(&part.target)?.lies_ready(record, at, ctx).await?;
    }
    Ok(())
}

/// Its table has decided, and this companion can never follow.
fn stuck(record: &CommitRecord, at: usize, why: Error) -> Error {
    let message = format!(
        "{record} is in its table, and its companion at {} cannot follow",
        record.parts[at].target.place
    );
    Error::new(why.kind(), message)
        .code(COMPANION_STUCK)
        .hint("put back what is missing and run it again; or run `segue state rebuild`, which goes on without that part and says so")
        .caused_by(why)
}

/// Marks what is in every table. Another worker may have finished the record before, or have given it up while this one landed it.
async fn mark(protocol: &Protocol<'_>, record: &CommitRecord, versions: &[u64], lease: &Lease) -> Result<()> {
    let state = protocol.state;
    if state.mark(record, versions).await? {
        return Ok(());
    }
    let given_up = state.commits(record.asset).await?.given_up;
    if given_up.iter().any(|r| r.id == record.id) {
        // Whoever lost the lease leaves it to the holder, whose settling finds it on the table.
        state.landed(lease, record.id).await?;
        state.mark(record, versions).await?;
    }
    Ok(())
}

/// Commits one part; `None` when it can never land. A change on a table that moved is worked out anew, judged, and written to the state first.
async fn part(protocol: &Protocol<'_>, record: &mut CommitRecord, at: usize) -> Result<Option<u64>> {
    let Protocol {
        state,
        sinks,
        recheck,
        ctx,
        ..
    } = protocol;
    let sink = sinks.of(&record.parts[at].target)?;
    for _ in 0..MOST_MOVES {
        match sink.commit(record, at, ctx).await? {
            Committed::Written(version) | Committed::AlreadyThere(version) => {
                reach(if at == 0 {
                    Boundary::OwnCommitted
                } else {
                    Boundary::CompanionCommitted
                });
                return Ok(Some(version));
            }
            Committed::ShutOut => return Ok(None),
            Committed::Moved => {}
        }
        let Part {
            target,
            change,
            schema,
            staged,
            grains,
            ..
        } = &record.parts[at];
        let anew = sink
            .work_out(target, schema.clone(), change, staged, grains, ctx)
            .await?;
        record.parts[at].plan = anew.plan;
        if at == 0 {
            // What it takes away or adds may be otherwise on the moved table; readers go by this.
            record.footprint = anew.footprint;
        }
        recheck.judge(record, &record.parts[at], anew.missing, ctx).await?;
        if !state.rework(record).await? {
            return Ok(None);
        }
    }
    Err(Error::new(
        Kind::Conflict,
        format!(
            "another program changes the table of {} faster than it can be committed to",
            record.name
        ),
    )
    .hint("the commit stays prepared; the next run finishes it"))
}

/// Remembers a record that cannot be finished, unless the table has decided.
///
/// # Errors
/// `Conflict` when the lease is another's.
async fn give_up(protocol: &Protocol<'_>, record: CommitRecord, lease: &Lease, why: Error) -> Result<Finished> {
    let Protocol {
        state,
        sinks,
        ctx,
        rules,
        ..
    } = protocol;
    let own = &record.own().target;
    let sink = sinks.of(own)?;
    let head = sink.head(own, ctx).await?;
    if (head.n, head.id) == (record.n, Some(record.id)) {
        return Err(why);
    }
    state.give_up(lease, record.id).await?;
    if !rules.keep_files {
        for part in &record.parts {
            sinks
                .of(&part.target)?
                .discard(&part.target, &part.staged, Some(&part.plan), ctx)
                .await?;
        }
    }
    Ok(Finished::GivenUp(why))
}

#[cfg(test)]
mod tests;
