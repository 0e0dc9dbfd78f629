//! Versions that are no commit of an asset's: they have no number, and go through the guard like everything else.

use crate::commit::{failed, fits, properties, reshape};
use crate::file::DataFile;
use crate::guard::Guard;
use crate::lake::Lake;
use crate::plan::Plan;
use crate::table::Table;
use deltalake_core::kernel::Action;
use deltalake_core::kernel::transaction::CommitBuilder;
use deltalake_core::protocol::{DeltaOperation, SaveMode};
use segue_core::fault::{Boundary, reach};
use segue_core::sink::Target;
use segue_core::{Ctx, Error, Kind, Result};
use segue_diag::LAKE_STALE;
use serde_json::{Value, json};

impl Lake {
    /// Carries a worked-out change of a companion out with no number: for what changes nothing that a commit answers for, such as kept
    /// pages that are too old. Gives the version.
    ///
    /// After a crash the table is as before or as after. A plan that is carried out twice names the same files, and is there once.
    ///
    /// # Errors
    /// `Conflict` when the table moved since and the plan does more than add rows: work it out anew. `NotFound` where there is no table.
    pub async fn amend(&self, target: &Target, plan: &Value, ctx: &Ctx) -> Result<u64> {
        let plan = Plan::from_json(plan)?;
        let table = self.present_table(target).await?;
        if !fits(&plan, Some(&table)) {
            return Err(Error::new(
                Kind::Conflict,
                format!("{} moved while a change of it was worked out", target.name),
            )
            .code(LAKE_STALE));
        }
        let now = ctx.clock.now().as_millisecond();
        let mut actions = match plan.reshapes {
            true => reshape(&plan, &table)?,
            false => Vec::new(),
        };
        actions.extend(plan.removes.iter().map(|f| Action::Remove(f.remove(now, true))));
        actions.extend(plan.adds.iter().map(|f| Action::Add(f.add(true))));
        let operation = DeltaOperation::Write {
            mode: if plan.removes.is_empty() {
                SaveMode::Append
            } else {
                SaveMode::Overwrite
            },
            partition_by: None,
            predicate: None,
        };
        let change = Beside {
            actions,
            comes: &plan.adds,
            goes: &plan.removes,
            operation,
        };
        let doing = format!("cannot amend {}", target.name);
        let version = self.land_beside(target, &table, change, ctx, doing).await?;
        reach(Boundary::Amended);
        Ok(version)
    }

    /// Commits a change that has no number. After an error the table is looked at again.
    pub(super) async fn land_beside(
        &self,
        target: &Target,
        table: &Table,
        change: Beside<'_>,
        ctx: &Ctx,
        doing: String,
    ) -> Result<u64> {
        let guard = Guard::on(table.log.clone(), Some(table.version()), None, &target.name);
        let note = json!({ "run": ctx.trace.run });
        let committed = CommitBuilder::from(properties().with_metadata([("segue".to_string(), note)]))
            .with_actions(change.actions)
            .build(Some(&table.state as _), guard, change.operation)
            .await;
        match committed {
            Ok(done) => Ok(done.version()),
            Err(e) => {
                let e = failed(e, doing);
                match self.landed(target, change.comes, change.goes).await? {
                    Some(version) => Ok(version),
                    None => Err(e),
                }
            }
        }
    }

    /// After an error: the version of the table, if what was to come is there and what was to go is gone all the same.
    async fn landed(&self, target: &Target, comes: &[DataFile], goes: &[DataFile]) -> Result<Option<u64>> {
        let table = self.present_table(target).await?;
        let files = table.files(&target.name.to_string())?;
        let is_there = |file: &DataFile| files.iter().any(|f| f.path == file.path);
        let has_landed = comes.iter().all(is_there) && !goes.iter().any(is_there);
        Ok(has_landed.then(|| table.version()))
    }
}

/// A change without a number.
pub(super) struct Beside<'a> {
    pub actions: Vec<Action>,
    /// Files that come.
    pub comes: &'a [DataFile],
    /// Files that go.
    pub goes: &'a [DataFile],
    /// What the log calls it.
    pub operation: DeltaOperation,
}
