//! What happens to an asset's lake tables between its commits: kept pages come and go, and small files are joined.
//!
//! None of it changes a row of the asset's own table, none of it is in the ledger, and a kill anywhere in it costs at most requests.

use super::group::Group;
use super::known;
use super::land::{Lander, MOST_TRIES};
use super::pages;
use crate::deps::Deps;
use segue_core::commit::Role;
use segue_core::sink::{Change, Staged};
use segue_core::{Ctx, Kind, Result, Span, Spans};
use segue_store::AssetRow;
use std::time::Duration;

impl Lander<'_> {
    /// Whether the group brings the first pages that are kept of this asset: their table is made by a commit.
    pub(super) async fn are_first_pages(&self, group: &Group) -> Result<bool> {
        if group.pages.is_empty() {
            return Ok(false);
        }
        let target = known::companion(self.row, Role::Pages);
        Ok(self.deps.places.lake.head(&target, self.ctx).await?.schema.is_none())
    }

    /// Keeps the answers of a read that changed no row.
    ///
    /// Before the state is told of the read: with a kill in between it is asked again and its answers are kept twice, which a replay does
    /// not mind; the other order would leave slices that count as read now, with answers of an earlier time.
    ///
    /// # Errors
    /// Those of the lake.
    pub(super) async fn keep_pages_alone(&self, group: &Group) -> Result<()> {
        if group.pages.is_empty() {
            return Ok(());
        }
        self.amend_pages(&Change::Append, &group.pages).await
    }

    /// Removes pages that were read longer ago than this; all where none are to be kept. What fails is tried again by the next run, and
    /// nothing is computed from them meanwhile.
    pub(super) async fn let_pages_go(&self, keep: Option<Duration>) {
        let oldest = pages::oldest(keep.unwrap_or_default(), self.ctx.clock.now());
        let old = Change::ReplaceRanges {
            column: pages::READ_AT.into(),
            ranges: Spans::of([Span::new(0, oldest.as_microsecond().max(0))]),
        };
        if let Err(error) = self.amend_pages(&old, &[]).await {
            tracing::warn!(asset = %self.asset.name, %error, "answers that are older than `keep_raw` were not removed");
        }
    }

    /// Changes the table of kept pages, if there is one, by a version without a number.
    async fn amend_pages(&self, change: &Change, staged: &[Staged]) -> Result<()> {
        let target = known::companion(self.row, Role::Pages);
        let lake = &self.deps.places.lake;
        for tries in 1.. {
            if lake.head(&target, self.ctx).await?.schema.is_none() {
                return Ok(());
            }
            let worked = lake
                .work_out(&target, pages::schema(), change, staged, &[], self.ctx)
                .await?;
            if worked.unchanged {
                return Ok(());
            }
            match self.deps.keeper.amend(&target, &worked.plan, self.ctx).await {
                Err(error) if error.kind() == Kind::Conflict && tries < MOST_TRIES => {
                    tracing::debug!(asset = %self.asset.name, %error, "kept pages moved: working the change out anew");
                }
                done => return done,
            }
        }
        Ok(())
    }
}

/// Puts the tables of an asset in order that its step has committed to. What fails is only logged: the tables are right without it.
pub(super) async fn tidy(deps: &Deps, row: &AssetRow, ctx: &Ctx) {
    if let Err(error) = deps.keeper.tidy(row, ctx).await {
        tracing::warn!(asset = %row.name, %error, "its tables were not tidied; the next commit's step tries again");
    }
}
