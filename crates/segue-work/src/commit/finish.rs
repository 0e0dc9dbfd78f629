//! Carrying a prepared record to its end: claim, own table, companions, mark. Each step finds what is there already.

use super::Protocol;
use async_trait::async_trait;
use segue_core::commit::{CommitRecord, Part};
use segue_core::fault::{Boundary, reach};
use segue_core::sink::{Claim, Committed};
use segue_core::state::Lease;
use segue_core::{Ctx, Error, Kind, Result};

/// How often a change is worked out anew because other programs keep moving the table, before it is left for later.
const MOST_MOVES: u32 = 20;

/// Judges a change that had to be worked out anew, because the table moved between preparing and committing.
#[async_trait]
pub trait Recheck: Send + Sync {
    /// Whether the part may still be committed with its new plan.
    ///
    /// # Errors
    /// `BadData` when a check fails now: the commit is given up.
    async fn judge(&self, record: &CommitRecord, part: &Part, ctx: &Ctx) -> Result<()>;
}

/// No check stands on the table as a whole.
pub struct Unchecked;

#[async_trait]
impl Recheck for Unchecked {
    async fn judge(&self, _record: &CommitRecord, _part: &Part, _ctx: &Ctx) -> Result<()> {
        Ok(())
    }
}

/// How a prepared record ended.
#[derive(Debug)]
pub(super) enum Finished {
    /// It is in the tables and marked; the version of each part's table.
    Landed(Vec<u64>),
    /// Another commit took its place: it can never land, and is forgotten.
    ShutOut,
    /// It could not be finished while the table had not decided; it is remembered, because a frozen writer may still land it.
    GivenUp(Error),
}

/// Goes through claim, own table, companions and mark, with the record as it was prepared. Never reads the source.
/// Without a lease (the worker's own record, right after preparing it under the lease) nothing is given up.
///
/// # Errors
/// Transient ones leave the record prepared, for the next try. `Conflict` when the lease is lost.
pub(super) async fn finish(
    protocol: &Protocol<'_>,
    mut record: CommitRecord,
    lease: Option<&Lease>,
) -> Result<Finished> {
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
        Claim::Taken => {
            state.forget(record.asset, record.id).await?;
            return Ok(Finished::ShutOut);
        }
    }
    let mut versions = vec![0; record.parts.len()];
    let order: Vec<usize> = match rules.own_table_first {
        true => (0..record.parts.len()).collect(),
        false => (0..record.parts.len()).rev().collect(),
    };
    for at in order {
        match part(protocol, &mut record, at).await {
            Ok(Some(version)) => versions[at] = version,
            Ok(None) if at == 0 => {
                state.forget(record.asset, record.id).await?;
                return Ok(Finished::ShutOut);
            }
            Ok(None)
                if state
                    .commits(record.asset)
                    .await?
                    .prepared
                    .is_none_or(|p| p.id != record.id) =>
            {
                // Another worker finished this record, and the next commit went on from it.
                return Ok(Finished::ShutOut);
            }
            Ok(None) => {
                let name = record.name.to_string();
                let table = &record.parts[at].target.place;
                return Err(Error::new(
                    Kind::Conflict,
                    format!("a companion of {name} has a commit that follows another"),
                )
                .with("table", table)
                .with("commit", record.n)
                .hint("another state writes to this lake; run `segue state rebuild` in the one that shall go on"));
            }
            Err(error) if at == 0 && !error.kind().is_transient() && error.kind() != Kind::Cancelled => {
                return give_up(protocol, record, lease, error).await;
            }
            Err(error) => return Err(error),
        }
    }
    state.mark(&record, &versions).await?;
    Ok(Finished::Landed(versions))
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
        recheck.judge(record, &record.parts[at], ctx).await?;
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

/// Remembers a record that cannot be finished, unless the table has decided or the lease is not ours.
async fn give_up(protocol: &Protocol<'_>, record: CommitRecord, lease: Option<&Lease>, why: Error) -> Result<Finished> {
    let Protocol {
        state,
        sinks,
        ctx,
        rules,
        ..
    } = protocol;
    let Some(lease) = lease else { return Err(why) };
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
