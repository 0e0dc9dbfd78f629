//! Rows that were set aside, taken in hand: read again by today's definition and written where they belong, or discarded.
//!
//! Either is a step of the asset: one commit takes what fits into the table, names the rows that leave the quarantine, and takes them out of
//! it as its companion, so that a kill in between doubles and loses nothing. `docs/adr/016-rows-set-aside-come-back-by-a-commit.md` says why.

mod again;
mod back;
mod choose;
mod newer;
mod sort;

pub use choose::Chosen;

use super::aside::SetAside;
use super::gather::row_aside;
use super::group::{Group, Handles};
use super::inputs::Inputs;
use super::land::{Lander, Meets};
use super::{How, Rejudge, Step, grains, known, uncancelled};
use crate::commit::{Sinks, foresee};
use crate::definition::Definition;
use crate::deps::Deps;
use crate::nest::Nest;
use crate::report::{Ended, HandledRows, StepReport};
use arrow_schema::SchemaRef;
use futures::StreamExt;
use segue_core::commit::Handling;
use segue_core::sink::{Head, Rows, Sink, Target};
use segue_core::{AsideId, Ctx, Error, Result};
use segue_spec::model::Asset;
use segue_store::{AssetRow, LeaseGuard};
use sort::{Sorted, said};
use std::collections::BTreeSet;
use std::sync::Arc;

/// What somebody asks of rows that were set aside.
#[derive(Clone, Debug)]
pub struct Handle {
    /// What is to become of them.
    pub how: Handling,
    /// Which.
    pub chosen: Chosen,
    /// Why, for the record.
    pub why: Option<String>,
}

/// The error of an asset of which nothing was ever set aside.
pub(super) fn nothing(asset: &Asset) -> Error {
    choose::nothing(&asset.name.to_string())
}

/// Carries it out under the asset's lease.
pub(super) async fn handle(
    deps: &Deps,
    asset: &Asset,
    row: AssetRow,
    lease: &LeaseGuard,
    (handle, how): (&Handle, &How),
    ctx: &Ctx,
    report: &mut StepReport,
) -> Result<Ended> {
    let commit_ctx = uncancelled(ctx);
    let mut step = Step {
        deps,
        asset,
        row,
        lease,
        how,
        ctx,
        commit_ctx,
    };
    let settled = step.settle().await?;
    let hand = Hand {
        deps,
        asset,
        row: &step.row,
        table: settled.schema.as_ref(),
        version: settled.version,
        n: settled.n,
        ctx,
    };
    let rows = hand.chosen(&handle.chosen).await?;
    let (group, told) = match handle.how {
        Handling::Discarded => (hand.discarded(handle, rows).await?, None),
        Handling::Replayed => {
            let mut sorted = hand.sort(rows).await?;
            report.notes.append(&mut sorted.notes);
            let told = sorted.told();
            (hand.replayed(handle, sorted, &step.commit_ctx).await?, Some(told))
        }
    };
    report.figures.rows_in = told.as_ref().map(|told: &HandledRows| told.chosen);
    let Some(group) = group else {
        report.handled = told;
        return Ok(Ended::Done);
    };
    let leaving = group.handled.as_ref().map_or(0, |h| h.rows.len() as u64 + h.without_id);
    let definition = Definition::of(asset, &deps.project.timezone);
    let (data_hash, inputs) = (definition.data_hash(), Inputs::default());
    let grains = grains(deps, asset, settled.schema.as_ref(), ctx)?;
    let mut lander = Lander {
        deps,
        asset,
        row: &step.row,
        lease,
        ctx: &step.commit_ctx,
        data_hash: &data_hash,
        source: step.row.source.as_deref(),
        inputs: &inputs,
        calendar: None,
        grains: &grains,
        shelf: None,
        figures: &mut report.figures,
        notes: &mut report.notes,
        columns: step.row.schema.clone().filter(|_| Nest::of(asset).is_some()),
    };
    let known = group.handled.as_ref().map_or(0, |h| h.stay.len() as u64);
    match group.staged.is_empty() {
        true => lander.take_out(group).await?,
        false => lander.land(group, Meets::AsWritten).await?,
    }
    // What stays and was not to is what the table itself did not let in.
    let refused = report.figures.rows_quarantined.saturating_sub(known);
    report.handled = Some(match told {
        None => HandledRows {
            chosen: leaving,
            discarded: leaving,
            ..HandledRows::default()
        },
        Some(told) => told.without_refused(refused),
    });
    Ok(Ended::Done)
}

/// What a replay of these would do; nothing is written, and no lease is taken. Checks of the table as a whole are judged by the replay itself.
///
/// # Errors
/// As the replay's, but for those of committing.
pub async fn foretold(deps: &Deps, asset: &Asset, chosen: &Chosen, ctx: &Ctx) -> Result<HandledRows> {
    let (row, own) = known_row(deps, asset).await?;
    foresee(&deps.store, &deps.places, &own, ctx).await?;
    let head = deps.places.of(&own)?.head(&own, ctx).await?;
    let hand = Hand::looking(deps, asset, &row, &head, ctx);
    let rows = hand.chosen(chosen).await?;
    Ok(hand.sort(rows).await?.told())
}

/// How many rows are meant.
///
/// # Errors
/// As the discard's, but for those of committing.
pub async fn meant(deps: &Deps, asset: &Asset, chosen: &Chosen, ctx: &Ctx) -> Result<u64> {
    let (row, own) = known_row(deps, asset).await?;
    let head = deps.places.of(&own)?.head(&own, ctx).await?;
    let rows = Hand::looking(deps, asset, &row, &head, ctx).chosen(chosen).await?;
    Ok(rows.len() as u64)
}

async fn known_row(deps: &Deps, asset: &Asset) -> Result<(AssetRow, Target)> {
    let row = known::row(deps, asset).await?.ok_or_else(|| nothing(asset))?;
    let own = known::own(&row);
    Ok((row, own))
}

/// What rows are taken in hand with.
struct Hand<'a> {
    deps: &'a Deps,
    asset: &'a Asset,
    row: &'a AssetRow,
    table: Option<&'a SchemaRef>,
    version: u64,
    n: u64,
    ctx: &'a Ctx,
}

impl<'a> Hand<'a> {
    /// Of a table as it is now, for who only looks.
    fn looking(deps: &'a Deps, asset: &'a Asset, row: &'a AssetRow, head: &'a Head, ctx: &'a Ctx) -> Hand<'a> {
        Hand {
            deps,
            asset,
            row,
            table: head.schema.as_ref(),
            version: head.version,
            n: head.n,
            ctx,
        }
    }
}

impl Hand<'_> {
    /// The group of a replay: what goes, lying ready, and what becomes of the rest. `None` where nothing changes.
    async fn replayed(&self, handle: &Handle, sorted: Sorted, ctx: &Ctx) -> Result<Option<Group>> {
        let Sorted {
            batch,
            going,
            there,
            stay,
            said: before,
            ..
        } = sorted;
        let is_new = |row: &SetAside| row.id.and_then(|id| before.get(&id)) != Some(&said(row));
        let stay: Vec<SetAside> = stay.into_iter().filter(is_new).collect();
        if going.is_empty() && there.is_empty() && stay.is_empty() {
            return Ok(None);
        }
        let rows: Vec<AsideId> = going.iter().chain(&there).filter_map(|r| r.id).collect();
        let mut group = Group::default();
        let mut texts = Vec::new();
        if let Some(batch) = batch.filter(|b| b.num_rows() > 0) {
            let own = known::own(self.row);
            let sink = self.deps.places.of(&own)?;
            let schema = batch.schema();
            let now = self.ctx.clock.now();
            let whose = super::gather::Whose::default();
            for (at, row) in going.into_iter().enumerate() {
                let text = row_aside(&whose, String::new(), &batch, at, now, None).row;
                texts.push((text, row));
            }
            let rows = futures::stream::iter([Ok(Rows { batch, deletes: None })]);
            let staged = sink.stage(&own, schema.clone(), rows.boxed(), ctx).await?;
            group.add_staged(staged, &schema)?;
        }
        group.handled = Some(Handles {
            how: handle.how,
            rows,
            without_id: 0,
            stay,
            parts: None,
            going: texts,
            by: self.deps.holder.clone(),
            why: handle.why.clone(),
        });
        Ok(Some(group))
    }

    /// The group of a discard. `None` where nothing was chosen.
    async fn discarded(&self, handle: &Handle, rows: Vec<SetAside>) -> Result<Option<Group>> {
        if rows.is_empty() {
            return Ok(None);
        }
        let ids: Vec<AsideId> = rows.iter().filter_map(|r| r.id).collect();
        let without_id = (rows.len() - ids.len()) as u64;
        let (mut parts, mut stay) = (None, Vec::new());
        if without_id > 0 {
            let touched: BTreeSet<String> = rows.iter().map(|r| r.part.clone()).collect();
            let mut gone = rows;
            for mut row in self.chosen(&Chosen::default()).await? {
                let is_gone = gone.iter().position(|g| *g == row);
                match is_gone {
                    Some(at) => {
                        gone.swap_remove(at);
                    }
                    None if touched.contains(&row.part) => {
                        row.id.get_or_insert_with(AsideId::random);
                        stay.push(row);
                    }
                    None => {}
                }
            }
            parts = Some(touched);
        }
        Ok(Some(Group {
            handled: Some(Handles {
                how: handle.how,
                rows: ids,
                without_id,
                stay,
                parts,
                going: Vec::new(),
                by: self.deps.holder.clone(),
                why: handle.why.clone(),
            }),
            ..Group::default()
        }))
    }
}

impl Lander<'_> {
    /// Commits a group that changes the quarantine alone.
    ///
    /// # Errors
    /// Those of the sinks and of the state.
    async fn take_out(&mut self, group: Group) -> Result<()> {
        let recheck = Rejudge {
            deps: self.deps,
            asset: self.asset,
        };
        let settled = self.settle(&recheck).await?;
        let own = known::own(self.row);
        let sink: Arc<dyn Sink> = self.deps.places.of(&own)?;
        let Some(piece) = self.quarantine(&group, Meets::AsWritten, &settled).await? else {
            return Ok(());
        };
        let schema = match &settled.schema {
            Some(schema) => schema.clone(),
            // A commit that set everything aside has made it: without it there is no quarantine.
            None => return Err(Error::bug("there is a quarantine, and no table")),
        };
        let pieces = vec![self.no_rows(&sink, &own, &settled, &schema).await?, piece];
        let (ledger, nothing) = (Default::default(), segue_core::Footprint::nothing());
        self.carry(&settled, pieces, ledger, nothing, Some(&group), &recheck)
            .await?;
        self.figures.commits += 1;
        let stay = group.handled.as_ref().map_or(0, |h| h.stay.len() as u64);
        self.figures.rows_quarantined += stay;
        Ok(())
    }
}
