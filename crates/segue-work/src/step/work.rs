//! What a step does, once it may: settle, look, read or compute, commit, and count.

use super::doing::Doing;
use super::gather::room;
use super::grains::grains;
use super::group::Group;
use super::land::Meets;
use super::shelf::{Made, Shelf};
use super::survey::{Survey, source_copy, survey};
use super::{How, Step, known, optional, uncancelled};
use crate::checks::commit_once;
use crate::commit::{Protocol, Rules, Settled, Sinks, settle};
use crate::deps::Deps;
use crate::names;
use crate::plan::class::Action;
use crate::plan::rules;
use crate::report::{Ended, Event, StepReport};
use segue_core::commit::{Entry, LedgerChange};
use segue_core::{Ctx, Error, Kind, Result};
use segue_diag::{RESUMED_OTHERWISE, UNKNOWN_COMMIT};
use segue_spec::model::Asset;
use segue_store::{AssetRow, LeaseGuard};

/// Carries the step out under its lease.
pub async fn work(
    deps: &Deps,
    asset: &Asset,
    row: AssetRow,
    lease: &LeaseGuard,
    how: &How,
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
    let opened = match source_copy(asset).map(|copy| deps.sources.open(copy)).transpose() {
        Ok(opened) => opened,
        Err(error) => return optional::without(asset, error, &mut report.notes),
    };
    let identity = opened.as_ref().map(|o| o.source.identity());
    let mut seen = survey(deps, asset, Some(&step.row), &how.wanted, ctx).await?;
    step.refuse_resumed_otherwise(&seen)?;
    rules::refuse(asset, Some(&step.row), &seen, &how.wanted, identity.as_deref())?;
    if seen.change.action == Action::Mark {
        step.mark(&mut seen, identity.as_deref()).await?;
    }
    step.freeze_as_found(&seen, &settled).await?;
    let is_rebuild = seen.is_rebuild;
    let due = seen.to_do();
    let listed = seen.parts.len() as u64;
    deps.progress.tell(Event::ToDo {
        name: step.row.name.clone(),
        parts: due.len() as u64,
        listed,
    });
    if asset.is_view() {
        return step.look(&seen, report).await;
    }
    let grains = match due.is_empty() && seen.gone.is_empty() {
        true => Vec::new(),
        false => grains(deps, asset, settled.schema.as_ref(), ctx)?,
    };
    let once = is_rebuild || commit_once(&asset.checks);
    let made = Made {
        data_hash: seen.data_hash.clone(),
        source: identity.clone(),
        inputs: seen.inputs.versions(),
        is_rebuild,
        after: settled.n,
    };
    let mut doing = Doing {
        shelf: Shelf::of(&deps.shelf, &step.lease.lease, made),
        shelved: Group::default(),
        read: Group::default(),
        pages_alone: Vec::new(),
        room: room(ctx),
        meets: if is_rebuild { Meets::Swap } else { Meets::AsWritten },
        once,
        identity,
        seen,
        grains,
        step,
        report,
    };
    doing.report.figures.slices.listed = if opened.is_some() { listed } else { 0 };
    let due = doing.resume(due).await?;
    doing.sweep().await?;
    match opened {
        Some(opened) => doing.copy(opened, due).await,
        None => doing.compute(due).await,
    }
}

impl Step<'_> {
    /// Finishes what is prepared, and makes sure that the table is the one that the state remembers. With `--rebuild` a table that is
    /// gone is given up for a new one.
    pub(super) async fn settle(&mut self) -> Result<Settled> {
        let recheck = super::Rejudge {
            deps: self.deps,
            asset: self.asset,
        };
        let own = known::own(&self.row);
        let protocol = Protocol {
            state: &self.deps.store,
            sinks: &self.deps.places,
            recheck: &recheck,
            ctx: &self.commit_ctx,
            rules: Rules::default(),
        };
        match settle(&protocol, &self.lease.lease, &own).await {
            Err(error) if error.error_code() == Some(UNKNOWN_COMMIT) && self.how.wanted.rebuild => {
                let head = self.deps.places.of(&own)?.head(&own, self.ctx).await?;
                if head.schema.is_some() {
                    return Err(error);
                }
                let table = segue_core::TableId::random();
                self.deps.store.new_table(self.row.id, table, &self.row.place).await?;
                self.row.table = table;
                Ok(Settled {
                    n: 0,
                    id: None,
                    version: head.version,
                    schema: None,
                    is_foreign: false,
                })
            }
            done => done,
        }
    }

    /// Fails when the definition is another than the resumed run's.
    fn refuse_resumed_otherwise(&self, seen: &Survey) -> Result<()> {
        match &self.how.resumed_hash {
            Some(hash) if *hash != seen.data_hash => Err(Error::new(
                Kind::Conflict,
                format!("{} is defined otherwise than when the run began", self.asset.name),
            )
            .code(RESUMED_OTHERWISE)
            .hint("start a new run: segue run")),
            _ => Ok(()),
        }
    }

    /// Keeps inferred columns as the table has them, where an earlier try had no time to: it was killed after a commit. Found out anew from
    /// the rows that are left, they could be others.
    async fn freeze_as_found(&mut self, seen: &Survey, settled: &Settled) -> Result<()> {
        let copy = source_copy(self.asset);
        let nests = copy.is_some_and(|copy| copy.has_children());
        // What another program's table has says nothing of what is read.
        let is_kept = !settled.is_foreign && (nests || copy.is_some_and(|copy| names::are_inferred(&copy.columns)));
        if let (true, None, Action::Nothing, Some(schema)) =
            (is_kept, &self.row.schema, seen.change.action, &settled.schema)
        {
            let columns = match nests {
                true => match self
                    .deps
                    .store
                    .record(self.row.id, settled.n)
                    .await?
                    .and_then(|r| r.columns)
                {
                    Some(columns) => columns,
                    None => return Ok(()),
                },
                false => names::read_columns(self.asset, schema)?,
            };
            self.deps.store.freeze_schema(self.row.id, &columns).await?;
            self.row.schema = Some(columns);
        }
        Ok(())
    }

    /// Marks everything that is done as kept under its older definition.
    async fn mark(&mut self, seen: &mut Survey, identity: Option<&str>) -> Result<()> {
        let kept = |e: &Entry| Entry {
            data_hash: seen.data_hash.clone(),
            kept: true,
            ..e.clone()
        };
        let change = LedgerChange {
            drop_all: true,
            add: seen.ledger.iter().map(kept).collect(),
            ..LedgerChange::default()
        };
        self.deps.store.enter(&self.lease.lease, &change).await?;
        seen.ledger = change.add;
        self.define(seen, identity).await
    }

    /// Remembers the definition as the one that everything in the table was made by.
    pub(super) async fn define(&self, seen: &Survey, identity: Option<&str>) -> Result<()> {
        let (definition, metadata) = (seen.definition.to_json()?, seen.definition.metadata_hash());
        let same = self.row.definition.as_ref() == Some(&definition) && self.row.source.as_deref() == identity;
        if same {
            return Ok(());
        }
        self.deps
            .store
            .set_definition(self.row.id, &definition, &seen.data_hash, &metadata, identity)
            .await
    }
}
