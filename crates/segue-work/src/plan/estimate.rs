//! What a run of an asset will probably take, and which parts it is of: for people who look at a plan.

use crate::ledger::Part;
use crate::names;
use crate::ranges::told;
use crate::step::{Survey, source_copy};
use segue_spec::model::{Asset, ForEach, From, OnSchemaChange};
use segue_store::{AssetRow, Step};
use serde::{Deserialize, Serialize};

/// How many parts a plan names.
const FIRST: usize = 5;

/// What a run will probably take, as far as anything tells.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// Requests, if every one is answered at once and by a single page; more where pages follow.
    pub requests: Option<u64>,
    /// Rows, by what the parts of the last step had.
    pub rows: Option<u64>,
    /// How long, in microseconds, by what the parts of the last step took.
    pub duration_us: Option<u64>,
}

impl Estimate {
    /// What doing what is due will probably take; `last` is the asset's last step.
    pub(super) fn of(asset: &Asset, seen: &Survey, last: Option<&Step>) -> Estimate {
        let parts = seen.to_do().len() as u64;
        if parts == 0 {
            return Estimate::default();
        }
        let copy = source_copy(asset);
        let asks = copy.filter(|copy| matches!(copy.from, From::Connection(_)) && !seen.replays(asset));
        let requests = asks.map(|copy| {
            let batch = copy.for_each.as_ref().and_then(ForEach::batch).map_or(1, |b| b.size);
            parts.div_ceil(u64::from(batch).max(1))
        });
        let end = last
            .and_then(|step| step.end.as_ref())
            .filter(|end| end.outcome == "done");
        // A step that had little to do says nothing of one that has much, unless it is told by the slice.
        let before = end.and_then(|end| match (end.slices_done, seen.parts.len()) {
            (Some(done), _) if done > 0 => Some(done),
            (None, 1) if end.rows_in.is_some_and(|rows| rows > 0) => Some(1),
            _ => None,
        });
        let scaled = |n: Option<u64>| u64::try_from(u128::from(n?) * u128::from(parts) / u128::from(before?)).ok();
        Estimate {
            requests,
            rows: scaled(end.and_then(|e| e.rows_in)),
            duration_us: scaled(end.and_then(|e| e.duration_us)),
        }
    }
}

/// The first of the parts that are due, for people; none where the whole is.
pub(super) fn first(due: &[usize], parts: &[Part]) -> Vec<String> {
    let named = due
        .iter()
        .filter_map(|at| match (parts[*at].range, &parts[*at].labels) {
            (Some(range), _) => Some(told(range)),
            (None, labels) if labels.is_none() => None,
            (None, labels) => Some(labels.to_string()),
        });
    named.take(FIRST).collect()
}

/// Where the columns of a copy come from that it does not declare, or without a type, and what a new one does.
pub(super) fn columns(asset: &Asset, row: Option<&AssetRow>, is_rebuild: bool) -> Option<String> {
    let copy = source_copy(asset).filter(|copy| names::are_inferred(&copy.columns))?;
    let frozen = row.and_then(|row| row.schema.as_ref()).filter(|_| !is_rebuild);
    if !copy.columns.is_empty() {
        // Others are not looked at, and these stay as they are found.
        let untyped = copy.columns.iter().filter(|(_, c)| c.ty.is_none() && c.value.is_none());
        let names: Vec<String> = untyped.map(|(name, _)| format!("`{name}`")).collect();
        let told = || {
            format!(
                "found out from the first answers, and frozen: the types of {}",
                names.join(", ")
            )
        };
        return frozen.is_none().then(told);
    }
    let Some(frozen) = frozen else {
        return Some("its columns are found out from the first answers, and frozen".into());
    };
    let many = match frozen.len() {
        1 => "1 column, frozen".to_string(),
        n => format!("{n} columns, frozen"),
    };
    let new = match copy.on_new_column {
        OnSchemaChange::Evolve => "is added",
        OnSchemaChange::Freeze => "fails the step",
        OnSchemaChange::Quarantine => "sends its rows to quarantine",
        OnSchemaChange::DropValue => "is left out and counted",
    };
    let other = match copy.on_type_change {
        OnSchemaChange::Evolve => "widens its column where that keeps every value",
        OnSchemaChange::Freeze => "fails the step",
        OnSchemaChange::Quarantine => "sends its row to quarantine",
        OnSchemaChange::DropValue => "is left out and counted",
    };
    Some(format!("{many}; a new one {new}, a value of another type {other}"))
}
