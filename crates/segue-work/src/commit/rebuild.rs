//! What a lost state can learn from the tables themselves.

use super::Sinks;
use segue_core::commit::{CommitRecord, Entry};
use segue_core::sink::{Sink, Target};
use segue_core::{Ctx, Error, Kind, Result};

/// One asset, as its tables tell it.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// Its own table.
    pub target: Target,
    /// Its commits on that table, oldest first, as far back as their records reach.
    pub records: Vec<CommitRecord>,
    /// The last of them, when its table has decided and a companion has not taken it yet: to be entered as prepared, and finished.
    pub prepared: Option<CommitRecord>,
    /// The ledger after the last commit that is finished.
    pub ledger: Vec<Entry>,
    /// The highest number seen, claimed or landed.
    pub highest: u64,
}

/// Reads every own table of ours in this sink: which commits landed, what they did to the ledger, and whether the last is finished.
///
/// # Errors
/// `BadData` when a table's last record is not there or cannot be read, naming the table: its asset must be dropped or rebuilt.
pub async fn survey(sink: &dyn Sink, sinks: &dyn Sinks, ctx: &Ctx) -> Result<Vec<Found>> {
    let mut found = Vec::new();
    for target in sink.tables(ctx).await? {
        let head = sink.head(&target, ctx).await?;
        if head.n == 0 {
            continue;
        }
        let records = sink.records(&target, ctx).await?;
        let Some(last) = records.last().filter(|r| r.n == head.n) else {
            return Err(Error::new(
                Kind::BadData,
                format!("the record of commit {} of {} is missing", head.n, target.name),
            )
            .with("table", &target.place)
            .hint(
                "without it nobody knows what the table holds; restore `_segue/commits` beside it, or drop the asset",
            ));
        };
        let is_finished = companions_have(last, sinks, ctx).await?;
        let prepared = (!is_finished).then(|| last.clone());
        let highest = sink.highest(&target, ctx).await?;
        let finished = if is_finished {
            &records[..]
        } else {
            &records[..records.len() - 1]
        };
        found.push(Found {
            ledger: ledger_of(finished),
            target: last.own().target.clone(),
            highest,
            prepared,
            records: records.clone(),
        });
    }
    Ok(found)
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

/// The ledger after these records: from the newest whole one on.
fn ledger_of(records: &[CommitRecord]) -> Vec<Entry> {
    let from = records.iter().rposition(|r| r.whole_ledger.is_some());
    let start = from.and_then(|at| records[at].whole_ledger.clone()).unwrap_or_default();
    let rest = from.map_or(records, |at| &records[at + 1..]);
    rest.iter().fold(start, |ledger, record| record.ledger.apply(ledger))
}
