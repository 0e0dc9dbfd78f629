//! The lake kept in order by runs: what the end of a step that committed owes its asset's tables.

use async_trait::async_trait;
use segue_core::commit::{CommitRecord, Role};
use segue_core::sink::{Sink, Target};
use segue_core::state::CommitState;
use segue_core::{Ctx, Result};
use segue_lake::{Lake, Vacuum, Vacuumed};
use segue_store::{AssetRow, Store};
use segue_work::deps::Keeper;
use segue_work::step::{known, noted};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// How far back runs leave every table readable.
const TIME_TRAVEL: Duration = Duration::from_secs(7 * 86_400);

/// Keeps a lake's tables in order. Cheap to clone.
#[derive(Clone)]
pub struct LakeKeeper {
    /// The lake.
    pub lake: Arc<Lake>,
    /// What names the files that must stay.
    pub store: Store,
    /// The folder of the notes that name others.
    pub shelf: PathBuf,
}

#[async_trait]
impl Keeper for LakeKeeper {
    async fn amend(&self, companion: &Target, plan: &Value, ctx: &Ctx) -> Result<()> {
        self.lake.amend(companion, plan, ctx).await.map(|_| ())
    }

    async fn tidy(&self, asset: &AssetRow, ctx: &Ctx) -> Result<()> {
        for target in tables(asset) {
            if self.lake.head(&target, ctx).await?.schema.is_none() {
                continue;
            }
            let tidied = self.lake.tidy(&target, ctx).await?;
            tracing::debug!(table = target.place, ?tidied, "tidied");
            if self.lake.is_first_of_day(&target, ctx).await? {
                let gone = self.vacuum(asset, &target, TIME_TRAVEL, false, ctx).await?;
                tracing::debug!(table = target.place, files = gone.files.len(), "vacuumed");
            }
        }
        Ok(())
    }
}

impl LakeKeeper {
    /// Removes files of one of the asset's tables that no version within `keep` needs. Never a file that is younger than the oldest
    /// running step, or that a prepared or given-up commit or a note of what lies staged names. Called under the asset's lease.
    ///
    /// # Errors
    /// Those of the lake and the state.
    pub async fn vacuum(
        &self,
        asset: &AssetRow,
        target: &Target,
        keep: Duration,
        dry_run: bool,
        ctx: &Ctx,
    ) -> Result<Vacuumed> {
        let running_since = self.store.running_since().await?;
        let commits = self.store.commits(asset.id).await?;
        let named: Vec<&CommitRecord> = commits.prepared.iter().chain(&commits.given_up).collect();
        let mut protect = BTreeSet::new();
        for record in named {
            protect.extend(Lake::files_named_by(record, target.table)?);
        }
        let noted = noted(&self.shelf, asset.id).await?;
        if target.table == known::companion(asset, Role::Pages).table {
            protect.extend(Lake::files_staged(&noted.pages)?);
        } else if target.table == asset.table {
            protect.extend(Lake::files_staged(&noted.rows)?);
        }
        let what = Vacuum {
            keep,
            running_since,
            protect,
            dry_run,
        };
        self.lake.vacuum(target, &what, ctx).await
    }
}

/// The lake tables of an asset: its own, if it is there, and its companions.
pub fn tables(asset: &AssetRow) -> Vec<Target> {
    let own = asset.connection.is_none().then(|| known::own(asset));
    let children = known::children(asset).into_iter().map(|(_, target)| target);
    own.into_iter()
        .chain(children)
        .chain([Role::Quarantine, Role::Pages].map(|role| known::companion(asset, role)))
        .collect()
}
