//! A step in the middle of its work: what its ways of working share.

use super::Step;
use super::aside::Room;
use super::gather::{Gather, KeyMeets};
use super::group::{DonePart, Group};
use super::known;
use super::land::{Lander, Meets, micros, slice_columns};
use super::read::{declared_schema, done_part};
use super::shelf::Shelf;
use super::survey::Survey;
use super::watch::Watching;
use crate::checks::{When, when};
use crate::commit::Sinks;
use crate::names::asset_name;
use crate::nest::Nest;
use crate::report::{Event, StepReport};
use jiff::Timestamp;
use segue_core::commit::{Outcome, Role};
use segue_core::engine::TableKey;
use segue_core::sink::{Grain, Staged};
use segue_core::state::CommitState;
use segue_core::{Labels, Result, Span};
use segue_spec::model::WriteMode;
use std::collections::{HashMap, HashSet};

/// A step in the middle of its work.
pub(super) struct Doing<'a> {
    pub(super) step: Step<'a>,
    pub(super) seen: Survey,
    pub(super) identity: Option<String>,
    pub(super) grains: Vec<Grain>,
    pub(super) meets: Meets,
    pub(super) once: bool,
    pub(super) shelf: Shelf,
    pub(super) shelved: Group,
    /// Nothing but the columns of all rows so far, as they were read, where nested ones are flattened.
    pub(super) read: Group,
    /// Answers to keep that came with no part that is complete: those of slices that are closed.
    pub(super) pages_alone: Vec<Staged>,
    /// Room for the rows that the step's only commit sets aside, where it has one.
    pub(super) room: Room,
    pub(super) report: &'a mut StepReport,
}

impl<'a> Doing<'a> {
    /// Takes what lies staged from an earlier try, and gives what is left to do.
    pub(super) async fn resume(&mut self, due: Vec<usize>) -> Result<Vec<usize>> {
        let Step { deps, row, how, .. } = &self.step;
        // What was given up may still land with these rows, and its files go when another does: they must not be named twice.
        let given_up = !deps.store.commits(row.id).await?.given_up.is_empty();
        let asked_anew = how.wanted.again && how.attempt <= 1;
        if !self.once {
            // Notes of a rebuild that waits are left alone: they stop counting with the next commit.
            return Ok(due);
        }
        if given_up || asked_anew {
            self.shelf.clear().await?;
            return Ok(due);
        }
        let parts: HashMap<_, &str> = self
            .seen
            .parts
            .iter()
            .map(|p| ((p.range, &p.labels), p.values_hash.as_str()))
            .collect();
        let mut staged: HashSet<(Option<Span>, Labels)> = HashSet::new();
        for group in self.shelf.read().await? {
            let still = |p: &DonePart| parts.get(&(p.range, &p.labels)) == Some(&p.values_hash.as_str());
            let is_new = |p: &DonePart| !staged.contains(&(p.range, p.labels.clone()));
            let counts = group.parts.iter().all(|p| still(p) && is_new(p));
            if counts && group.aside.iter().all(|row| self.room.take(row).is_ok()) {
                group.columns.iter().try_for_each(|columns| self.read.read(columns))?;
                staged.extend(group.parts.iter().map(|p| (p.range, p.labels.clone())));
                self.shelved.join(group)?;
            }
        }
        if !staged.is_empty() {
            self.report
                .notes
                .push(format!("{} parts lay staged from an earlier try", staged.len()));
        }
        Ok(due
            .into_iter()
            .filter(|i| !staged.contains(&(self.seen.parts[*i].range, self.seen.parts[*i].labels.clone())))
            .collect())
    }

    /// Removes what a step that died left staged for the table: nothing names it. While there are notes of what lies staged, nothing goes:
    /// also those that do not count now may count again.
    pub(super) async fn sweep(&self) -> Result<()> {
        let Step {
            deps, row, commit_ctx, ..
        } = &self.step;
        if self.shelf.has_notes().await? {
            return Ok(());
        }
        // A former holder that was frozen would take what the present one has just staged for left behind.
        self.step.lease.holds().await?;
        let commits = deps.store.commits(row.id).await?;
        let records = commits.prepared.iter().chain(&commits.given_up);
        let own = known::own(row);
        let parts = records.flat_map(|r| &r.parts).filter(|p| p.role == Role::Table);
        let named: Vec<Staged> = parts.flat_map(|p| &p.staged).cloned().collect();
        if let Err(error) = deps.places.of(&own)?.sweep(&own, &named, commit_ctx).await {
            tracing::warn!(table = own.place, %error, "what a step left staged was not removed; the next one tries again");
        }
        Ok(())
    }

    pub(super) fn lander(&mut self) -> Lander<'_> {
        Lander {
            deps: self.step.deps,
            asset: self.step.asset,
            row: &self.step.row,
            lease: self.step.lease,
            ctx: &self.step.commit_ctx,
            data_hash: &self.seen.data_hash,
            source: self.identity.as_deref(),
            inputs: &self.seen.inputs,
            calendar: self.seen.calendar.as_ref(),
            grains: &self.grains,
            shelf: self.once.then_some(&self.shelf),
            figures: &mut self.report.figures,
            notes: &mut self.report.notes,
            columns: self
                .step
                .row
                .schema
                .clone()
                .filter(|_| Nest::of(self.step.asset).is_some()),
        }
    }

    pub(super) fn gather(&self, keep_pages: bool) -> Result<Gather> {
        let Step {
            deps,
            asset,
            row,
            commit_ctx,
            ..
        } = &self.step;
        let own = known::own(row);
        let pages = keep_pages.then(|| (deps.places.lake.clone(), known::companion(row, Role::Pages)));
        let mode = asset.write.mode;
        let meets = KeyMeets {
            several: mode == WriteMode::DeleteInsert,
            own: crate::names::own_columns(&asset.write),
            nest: Nest::of(asset),
            begins: (mode == WriteMode::History && self.meets == Meets::Swap).then(|| micros(commit_ctx.clock.now())),
        };
        let (sink, key, run) = (deps.places.of(&own)?, &asset.write.key, commit_ctx.trace.run);
        let table = TableKey::from(&asset_name(&asset.name));
        let watching = Watching::of(&deps.engine, &asset.checks, table, &deps.project.timezone);
        Ok(Gather::new(sink, own, pages, key, run, commit_ctx)
            .meeting(meets)
            .watched(watching))
    }

    /// Commits a group, or puts it on the shelf for the step's only commit.
    pub(super) async fn flush(&mut self, mut group: Group) -> Result<()> {
        if let Some(columns) = &group.columns {
            self.read.read(columns)?;
        }
        if group.is_empty() {
            self.pages_alone.append(&mut group.pages);
            return Ok(());
        }
        group.pages.append(&mut self.pages_alone);
        if self.once {
            // All of it is held in memory until the end.
            group.aside.iter().try_for_each(|row| self.room.take(row))?;
            self.shelf.put(&group).await?;
            self.shelved.join(group)?;
        } else {
            let meets = self.meets;
            let landed = self.lander().land(group, meets).await;
            self.count_state();
            landed?;
        }
        let (name, mut figures) = (self.step.row.name.clone(), self.report.figures.clone());
        figures.calls = Some(self.step.ctx.meter.usage().calls).filter(|calls| *calls > 0);
        self.step.deps.progress.tell(Event::Moved { name, figures });
        Ok(())
    }

    /// Keeps the answers that came with no part that is complete. Before there is a table of kept pages, which a commit makes, they go.
    pub(super) async fn keep_pages_alone(&mut self) -> Result<()> {
        let pages = std::mem::take(&mut self.pages_alone);
        if pages.is_empty() {
            return Ok(());
        }
        let group = Group {
            pages,
            ..Group::default()
        };
        let target = known::companion(&self.step.row, Role::Pages);
        let sink = self.step.deps.places.of(&target)?;
        let lander = self.lander();
        match lander.are_first_pages(&group).await? {
            true => lander.discard(&sink, &target, &group.pages, None).await,
            false => lander.keep_pages_alone(&group).await?,
        }
        Ok(())
    }

    /// Counts what the state's threads have just used for this step. Steps that run at once take turns at them: what each gets is as near
    /// as that, and the sum is exact.
    fn count_state(&mut self) {
        let cpu = &mut self.report.figures.cpu;
        *cpu = Some(cpu.unwrap_or_default() + segue_store::take_worker_cpu());
    }

    /// The step's only commit, where it has one.
    pub(super) async fn commit_shelved(&mut self) -> Result<()> {
        if !self.once || self.shelved.is_empty() {
            return Ok(());
        }
        self.shelved.pages.append(&mut self.pages_alone);
        // Rows are taken out of what lies staged: the notes would name pieces that are gone.
        let asset = self.step.asset;
        let is_rewritten = !asset.write.on_violation.fails() || asset.checks.iter().any(|c| when(c) == When::OnRows);
        if (is_rewritten || Nest::of(asset).is_some()) && !self.shelf.let_go().await? {
            return Err(self.shelf.taken_over());
        }
        let (group, meets) = (std::mem::take(&mut self.shelved), self.meets);
        let landed = self.lander().land(group, meets).await;
        self.count_state();
        // After a transient failure what lies staged still counts; after another one it has been thrown away, or must not be named again.
        if !matches!(&landed, Err(e) if e.kind().is_transient()) {
            self.shelf.clear().await?;
        }
        landed
    }

    /// A table that is swapped in begins with an empty ledger: what was found closed is entered with it.
    pub(super) async fn keep_closed(&mut self) -> Result<()> {
        if self.meets != Meets::Swap {
            return Ok(());
        }
        let ledger = self.step.deps.store.ledger(self.step.row.id).await?;
        let closed = ledger
            .into_iter()
            .filter(|e| e.outcome == Outcome::Closed && e.data_hash == self.seen.data_hash);
        let closed: HashMap<Labels, Timestamp> = closed.map(|e| (e.labels, e.read_at)).collect();
        let parts = self.seen.parts.iter();
        let kept = parts.filter_map(|p| Some(done_part(p, *closed.get(&p.labels)?, Outcome::Closed)));
        self.shelved.parts.extend(kept);
        Ok(())
    }

    /// Keeps inferred columns as they are in the table now, and says how they are otherwise than before.
    pub(super) async fn freeze(&mut self) -> Result<()> {
        let Step {
            deps, row, commit_ctx, ..
        } = &self.step;
        let own = known::own(row);
        let Some(schema) = deps.places.of(&own)?.head(&own, commit_ctx).await?.schema else {
            return Ok(());
        };
        let columns = match (Nest::of(self.step.asset), &self.read.columns) {
            (None, _) => crate::names::read_columns(self.step.asset, &schema)?,
            (Some(_), None) => return Ok(()),
            (Some(_), Some(read)) => {
                let mut all = Group::default();
                let before = declared_schema(row.schema.as_deref().filter(|_| self.meets == Meets::AsWritten));
                before.iter().try_for_each(|schema| all.read(schema))?;
                all.read(read)?;
                crate::names::table_columns(all.columns.as_ref().unwrap_or(read))?
            }
        };
        if row.schema.as_ref() == Some(&columns) {
            return Ok(());
        }
        deps.store.freeze_schema(row.id, &columns).await?;
        let notes = row
            .schema
            .iter()
            .flat_map(|before| crate::names::changes(before, &columns));
        self.report.notes.extend(notes);
        Ok(())
    }

    /// What is done and no longer listed: its rows are deleted, or kept and counted.
    pub(super) async fn delete_gone(&mut self) -> Result<()> {
        let gone = std::mem::take(&mut self.seen.gone);
        if gone.is_empty() || self.meets == Meets::Swap {
            return Ok(());
        }
        if self.seen.deletes_gone(self.step.asset) {
            return self.lander().delete(&gone).await;
        }
        if !slice_columns(self.step.asset).is_empty() {
            self.report.figures.slices.gone = gone.len() as u64;
        }
        Ok(())
    }
}
