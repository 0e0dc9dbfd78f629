//! What a lost state can learn from the tables themselves.

use super::Sinks;
use crate::names;
use segue_core::commit::CommitRecord;
use segue_core::sink::{Head, LoggedChange, Sink, Target};
use segue_core::source::Column;
use segue_core::{Ctx, Error, Kind, Result};
use segue_diag::CLAIM_GONE;
use std::collections::HashMap;

/// One asset, as its tables tell it.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// Its own table.
    pub target: Target,
    /// Its commits on that table, oldest first, as far back as their records reach; one at least.
    pub records: Vec<CommitRecord>,
    /// The version of the own table at which each of them landed; `None` where its log no longer tells.
    pub versions: Vec<Option<u64>>,
    /// The last of them, when its table has decided and a companion has not taken it yet: to be entered as prepared, and finished.
    pub prepared: Option<CommitRecord>,
    /// The columns of the own table.
    pub columns: Vec<Column>,
    /// The highest number seen, claimed or landed.
    pub highest: u64,
}

/// Reads an own table of ours, whose head is this: which commits landed, where, and whether the last is finished. `None` where none did.
///
/// # Errors
/// `BadData` when the table's last record is not there or cannot be read, naming the table: its asset must be dropped or made anew.
pub async fn find(
    sink: &dyn Sink,
    sinks: &dyn Sinks,
    target: &Target,
    head: &Head,
    ctx: &Ctx,
) -> Result<Option<Found>> {
    if head.n == 0 {
        return Ok(None);
    }
    let records = sink.records(target, ctx).await?;
    let Some(last) = records.last().filter(|r| r.n == head.n) else {
        return Err(Error::new(
            Kind::BadData,
            format!("the record of commit {} of {} is missing", head.n, target.name),
        )
        .code(CLAIM_GONE)
        .with("table", &target.place)
        .hint("without it nobody knows what the table holds; put the folder _segue beside it back, or move the table away"));
    };
    let first = &records[0];
    if first.predecessor > 0 && records.iter().all(|r| r.whole_ledger.is_none()) {
        let message = format!(
            "the record of commit {} of {} is missing",
            first.predecessor, target.name
        );
        return Err(Error::new(Kind::BadData, message)
            .code(CLAIM_GONE)
            .with("table", &target.place)
            .hint("without it nobody knows all that is done; put it back from a backup, or move the table away"));
    }
    let is_finished = companions_have(last, sinks, ctx).await?;
    let landed = landed(sink, target, head.version, ctx).await?;
    // As they were read last, where the own table has them otherwise.
    let columns = match records.iter().rev().find_map(|r| r.columns.clone()) {
        Some(columns) => Some(Ok(columns)),
        None => head.schema.as_ref().map(|schema| names::table_columns(schema)),
    };
    Ok(Some(Found {
        target: Target {
            name: last.name.clone(),
            ..target.clone()
        },
        versions: records.iter().map(|r| landed.get(&r.n).copied()).collect(),
        prepared: (!is_finished).then(|| last.clone()),
        columns: columns.transpose()?.unwrap_or_default(),
        highest: sink.highest(target, ctx).await?,
        records,
    }))
}

/// Whether every companion of the record has taken it.
async fn companions_have(record: &CommitRecord, sinks: &dyn Sinks, ctx: &Ctx) -> Result<bool> {
    for part in &record.parts[1..] {
        if sinks.of(&part.target)?.head(&part.target, ctx).await?.n < record.n {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The version at which each commit landed, as far back as the table's log tells.
async fn landed(sink: &dyn Sink, target: &Target, newest: u64, ctx: &Ctx) -> Result<HashMap<u64, u64>> {
    let by_number = |changes: Vec<LoggedChange>| changes.into_iter().filter_map(|c| Some((c.n?, c.version)));
    match sink.changes(target, 0, newest, ctx).await {
        Ok(changes) => return Ok(by_number(changes).collect()),
        Err(e) if e.kind().is_for_good() => {}
        Err(e) => return Err(e),
    }
    // The log was cleaned up: from the newest version back to the last that it has.
    let mut landed = HashMap::new();
    for version in (1..=newest).rev() {
        match sink.changes(target, version - 1, version, ctx).await {
            Ok(changes) => landed.extend(by_number(changes)),
            Err(e) if e.kind().is_for_good() => break,
            Err(e) => return Err(e),
        }
    }
    Ok(landed)
}
