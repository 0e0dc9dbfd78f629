//! What a step refuses before it works, and when it builds its table anew: one rule each, kept by the step and told by a plan.

use super::class::{Action, DefinitionChange};
use crate::commit;
use crate::deps::Deps;
use crate::ledger::{Part, State, Why};
use crate::ranges::told;
use crate::step::{Survey, Wanted, known, source_copy};
use segue_core::{Ctx, Error, Kind, Result, Span};
use segue_diag::{NEEDS_REBUILD, SOURCE_CHANGED, UNKNOWN_COMMIT};
use segue_spec::model::{Asset, From, WriteMode};
use segue_store::AssetRow;

/// Whether the table is built anew beside itself and swapped in. Where nothing was ever committed there is nothing to swap.
pub fn is_rebuild(change: &DefinitionChange, wanted: &Wanted, has_commits: bool) -> bool {
    has_commits && (wanted.rebuild || change.action == Action::Rebuild)
}

/// Fails where a step would be refused before it looks at what there is to do: its table is somewhere else, is one that this state does
/// not know, or its last commit is. Nothing is written: what is prepared is taken as landed.
///
/// # Errors
/// `Conflict`, as the step's own; those of state and sink.
pub async fn foresee(deps: &Deps, asset: &Asset, row: Option<&AssetRow>, wanted: &Wanted, ctx: &Ctx) -> Result<()> {
    let Some(row) = row else {
        return known::new_row(deps, asset, ctx).await.map(|_| ());
    };
    known::refuse_moved(asset, row)?;
    match commit::foresee(&deps.store, &deps.places, &known::own(row), ctx).await {
        Err(error) if error.error_code() == Some(UNKNOWN_COMMIT) && wanted.rebuild => {
            match known::head(deps, row, ctx).await?.schema {
                Some(_) => Err(error),
                None => Ok(()),
            }
        }
        foreseen => foreseen,
    }
}

/// Fails where a step is refused by what there is to do: its source is another, it would have to be read anew from the beginning, or it
/// would append again what was appended.
///
/// # Errors
/// `Conflict`, with the choices.
pub fn refuse(
    asset: &Asset,
    row: Option<&AssetRow>,
    seen: &Survey,
    wanted: &Wanted,
    identity: Option<&str>,
) -> Result<()> {
    let before = row.and_then(|r| r.source.as_deref());
    let before = before.or_else(|| seen.ledger.iter().find_map(|e| e.source.as_deref()));
    if let (Some(identity), Some(before)) = (identity, before)
        && identity != before
        && !wanted.rebuild
    {
        return Err(another_source(asset, before, identity));
    }
    if seen.is_rebuild && !wanted.rebuild && source_copy(asset).is_some() && asset.write.mode != WriteMode::Replace {
        return Err(unasked_rebuild(asset, &seen.change));
    }
    let due = seen.to_do();
    let stale = due.iter().find_map(|i| stale_range(&seen.parts[*i], &seen.states[*i]));
    match stale {
        Some((why, range)) if asset.write.mode == WriteMode::Append && !seen.is_rebuild => {
            Err(stale_append(asset, why, range))
        }
        _ => Ok(()),
    }
}

fn stale_range<'a>(part: &Part, state: &'a State) -> Option<(&'a Why, Span)> {
    match (state, part.range) {
        (State::Stale(why), Some(range)) => Some((why, range)),
        _ => None,
    }
}

fn another_source(asset: &Asset, before: &str, identity: &str) -> Error {
    let connection = match source_copy(asset).map(|c| &c.from) {
        Some(From::Connection(name)) => name.as_str(),
        _ => "files",
    };
    let message = format!(
        "{} was read from {before} so far, and its connection leads to {identity} now",
        asset.name
    );
    Error::new(Kind::Conflict, message).code(SOURCE_CHANGED).hint(format!(
        "put the address back; or, if it is the same source under another address, `segue apply --accept-source {connection}`; or read all of it anew with `segue run {} --rebuild`",
        asset.name
    ))
}

fn unasked_rebuild(asset: &Asset, change: &DefinitionChange) -> Error {
    let what: Vec<&str> = change.differences.iter().map(|d| d.what.as_str()).collect();
    let message = format!(
        "{} has to be read anew from the beginning: {} changed",
        asset.name,
        what.join(", ")
    );
    Error::new(Kind::Conflict, message).code(NEEDS_REBUILD).hint(format!(
        "the source may no longer have the old rows; if it has, run `segue run {} --rebuild`; `on_change: forward_only` keeps what is there",
        asset.name
    ))
}

fn stale_append(asset: &Asset, why: &Why, range: Span) -> Error {
    let message = format!(
        "the range {} of {} is stale ({why}), and was appended: it cannot be replaced",
        told(range),
        asset.name
    );
    Error::new(Kind::Conflict, message).code(NEEDS_REBUILD).hint(format!(
        "write `mode: replace`, or build the table anew: segue run {} --rebuild",
        asset.name
    ))
}
