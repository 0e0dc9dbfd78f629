//! What a step does, once it may: settle, look, read or compute, commit, and count.

use super::count::Count;
use super::gather::Gather;
use super::grains::grains;
use super::group::Group;
use super::land::{Lander, Meets, slice_columns};
use super::query;
use super::read::{Answers, Fate, Pause, Reading, declared_schema, done_part};
use super::shelf::{Made, Shelf};
use super::survey::{Survey, source_copy, survey};
use super::{How, Step, known, pages, uncancelled};
use crate::checks::commit_once;
use crate::commit::{Protocol, Rules, Sinks, settle};
use crate::deps::{Deps, Opened};
use crate::ledger::{State, Why};
use crate::names;
use crate::plan::class::Action;
use crate::report::{Ended, Event, StepReport};
use jiff::Timestamp;
use segue_core::commit::{Entry, LedgerChange, Outcome, Role};
use segue_core::source::{Column, ReadRequest, ReadSchema, SliceBatch};
use segue_core::state::CommitState;
use segue_core::{Batches, Ctx, Error, Kind, Labels, Result, Slice, Type};
use segue_diag::{NEEDS_REBUILD, RESUMED_OTHERWISE, SOURCE_CHANGED, UNKNOWN_COMMIT};
use segue_spec::model::{Asset, Copy, OnGone, WriteMode};
use segue_store::{AssetRow, LeaseGuard};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

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
    let settled_n = step.settle().await?;
    let opened = source_copy(asset).map(|copy| deps.sources.open(copy)).transpose()?;
    let identity = opened.as_ref().map(|o| o.source.identity());
    let mut seen = survey(deps, asset, Some(&step.row), &how.wanted, ctx).await?;
    step.refuse_what_moved(&seen, identity.as_deref())?;
    if seen.change.action == Action::Mark {
        step.mark(&mut seen, identity.as_deref()).await?;
    }
    let is_rebuild = step.is_rebuild(&seen, settled_n)?;
    let due: Vec<usize> = match is_rebuild {
        true => (0..seen.parts.len())
            .filter(|i| !matches!(seen.states[*i], State::Parked { .. }))
            .collect(),
        false => seen.due(),
    };
    let listed = seen.parts.len() as u64;
    deps.progress.tell(Event::ToDo {
        name: step.row.name.clone(),
        parts: due.len() as u64,
        listed,
    });
    let head = deps
        .places
        .of(&known::own(&step.row))?
        .head(&known::own(&step.row), ctx)
        .await?;
    let grains = grains(deps, asset, head.schema.as_ref(), ctx)?;
    let once = is_rebuild || commit_once(&asset.checks);
    let made = Made {
        data_hash: seen.data_hash.clone(),
        source: identity.clone(),
        inputs: seen.inputs.versions(),
        is_rebuild,
        after: settled_n,
    };
    let mut doing = Doing {
        shelf: Shelf::of(&deps.shelf, step.row.id, made),
        shelved: Group::default(),
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
    match opened {
        Some(opened) => doing.copy(opened, due).await,
        None => doing.compute(due).await,
    }
}

impl Step<'_> {
    /// Finishes what is prepared, and makes sure that the table is the one that the state remembers. With `--rebuild` a table that is
    /// gone is given up for a new one. Gives the last commit's number.
    async fn settle(&mut self) -> Result<u64> {
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
            Ok(settled) => Ok(settled.n),
            Err(error) if error.error_code() == Some(UNKNOWN_COMMIT) && self.how.wanted.rebuild => {
                let head = self.deps.places.of(&own)?.head(&own, self.ctx).await?;
                if head.schema.is_some() {
                    return Err(error);
                }
                let table = segue_core::TableId::random();
                self.deps.store.new_table(self.row.id, table, &self.row.place).await?;
                self.row.table = table;
                Ok(0)
            }
            Err(error) => Err(error),
        }
    }

    /// Fails when the source is another than what was done was read from, or the definition is another than the resumed run's.
    fn refuse_what_moved(&self, seen: &Survey, identity: Option<&str>) -> Result<()> {
        if let Some(hash) = &self.how.resumed_hash
            && *hash != seen.data_hash
        {
            return Err(Error::new(
                Kind::Conflict,
                format!("{} is defined otherwise than when the run began", self.asset.name),
            )
            .code(RESUMED_OTHERWISE)
            .hint("start a new run: segue run"));
        }
        let Some(identity) = identity else { return Ok(()) };
        let before = self
            .row
            .source
            .as_deref()
            .or_else(|| seen.ledger.iter().find_map(|e| e.source.as_deref()));
        match before {
            Some(before) if before != identity && !self.how.wanted.rebuild => {
                let connection = match source_copy(self.asset).map(|c| &c.from) {
                    Some(segue_spec::model::From::Connection(name)) => name.as_str(),
                    _ => "files",
                };
                Err(Error::new(Kind::Conflict, format!("{} was read from {before} so far, and its connection leads to {identity} now", self.asset.name))
                    .code(SOURCE_CHANGED)
                    .hint(format!(
                        "put the address back; or, if it is the same source under another address, `segue apply --accept-source {connection}`; or read all of it anew with `segue run {} --rebuild`",
                        self.asset.name
                    )))
            }
            _ => Ok(()),
        }
    }

    /// Whether the table is built anew and swapped in.
    fn is_rebuild(&self, seen: &Survey, settled_n: u64) -> Result<bool> {
        if settled_n == 0 {
            return Ok(false);
        }
        if self.how.wanted.rebuild || seen.change.action != Action::Rebuild {
            return Ok(self.how.wanted.rebuild);
        }
        if source_copy(self.asset).is_some() && self.asset.write.mode != WriteMode::Replace {
            let what: Vec<&str> = seen.change.differences.iter().map(|d| d.what.as_str()).collect();
            return Err(Error::new(Kind::Conflict, format!("{} has to be read anew from the beginning: {} changed", self.asset.name, what.join(", ")))
                .code(NEEDS_REBUILD)
                .hint(format!(
                    "the source may no longer have the old rows; if it has, run `segue run {} --rebuild`; `on_change: forward_only` keeps what is there",
                    self.asset.name
                )));
        }
        Ok(true)
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
    async fn define(&self, seen: &Survey, identity: Option<&str>) -> Result<()> {
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

/// A step in the middle of its work.
struct Doing<'a> {
    step: Step<'a>,
    seen: Survey,
    identity: Option<String>,
    grains: Vec<segue_core::sink::Grain>,
    meets: Meets,
    once: bool,
    shelf: Shelf,
    shelved: Group,
    report: &'a mut StepReport,
}

impl<'a> Doing<'a> {
    /// Takes what lies staged from an earlier try, and gives what is left to do.
    async fn resume(&mut self, due: Vec<usize>) -> Result<Vec<usize>> {
        let Step { deps, row, how, .. } = &self.step;
        // What was given up may still land with these rows, and its files go when another does: they must not be named twice.
        let given_up = !deps.store.commits(row.id).await?.given_up.is_empty();
        let asked_anew = (how.wanted.again || how.wanted.rebuild && self.meets != Meets::Swap) && how.attempt <= 1;
        if !self.once || given_up || asked_anew {
            self.shelf.clear().await?;
            return Ok(due);
        }
        let mut staged: HashSet<(Option<segue_core::Span>, Labels)> = HashSet::new();
        for group in self.shelf.read().await? {
            let parts = &self.seen.parts;
            let still = |p: &super::group::DonePart| {
                parts
                    .iter()
                    .any(|q| q.range == p.range && q.labels == p.labels && q.values_hash == p.values_hash)
            };
            if group.parts.iter().all(still)
                && !group
                    .parts
                    .iter()
                    .any(|p| staged.contains(&(p.range, p.labels.clone())))
            {
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

    fn lander(&mut self) -> Lander<'_> {
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
            figures: &mut self.report.figures,
            notes: &mut self.report.notes,
        }
    }

    fn gather(&self, keep_pages: bool) -> Result<Gather> {
        let Step {
            deps,
            asset,
            row,
            commit_ctx,
            ..
        } = &self.step;
        let own = known::own(row);
        let pages = keep_pages.then(|| (deps.places.lake.clone(), known::companion(row, Role::Pages)));
        Ok(Gather::new(
            deps.places.of(&own)?,
            own,
            pages,
            &asset.write.key,
            commit_ctx.trace.run,
            commit_ctx,
        ))
    }

    /// Commits a group, or puts it on the shelf for the step's only commit.
    async fn flush(&mut self, group: Group) -> Result<()> {
        if group.is_empty() {
            return Ok(());
        }
        if self.once {
            self.shelf.put(&group).await?;
            self.shelved.join(group)?;
        } else {
            let meets = self.meets;
            self.lander().land(group, meets).await?;
        }
        let (name, figures) = (self.step.row.name.clone(), self.report.figures.clone());
        self.step.deps.progress.tell(Event::Moved { name, figures });
        Ok(())
    }

    /// The step's only commit, where it has one.
    async fn commit_shelved(&mut self) -> Result<()> {
        if !self.once || self.shelved.is_empty() {
            return Ok(());
        }
        let (group, meets) = (std::mem::take(&mut self.shelved), self.meets);
        let landed = self.lander().land(group, meets).await;
        // After a transient failure what lies staged still counts; after another it has been thrown away, or must not be named again.
        if !matches!(&landed, Err(e) if e.kind().is_transient()) {
            self.shelf.clear().await?;
        }
        landed
    }

    /// Reads a source.
    async fn copy(mut self, opened: Opened, due: Vec<usize>) -> Result<Ended> {
        let Some(copy) = source_copy(self.step.asset) else {
            return Err(Error::bug("a step without a source reads one"));
        };
        let (replayed, kept) = self.replayable(copy, &due).await?;
        let mut left = due;
        let mut outcome = Outcomes::default();
        if let Some(pages) = kept {
            let done = self.read(copy, &opened, &replayed, Some(pages), &mut outcome).await?;
            left.retain(|i| !done.contains(i));
            if !done.is_empty() {
                self.report.notes.push(format!(
                    "{} slices were computed from kept answers, without a request",
                    done.len()
                ));
            }
        }
        if !left.is_empty() {
            self.read(copy, &opened, &left, None, &mut outcome).await?;
        }
        self.end_copy(copy, outcome).await
    }

    /// The parts that a changed mapping can be computed for from kept pages, and those pages.
    async fn replayable(&self, copy: &Copy, due: &[usize]) -> Result<(Vec<usize>, Option<Batches>)> {
        let Step { deps, row, ctx, .. } = &self.step;
        let Some(identity) = self
            .identity
            .as_deref()
            .filter(|_| copy.keep_raw.is_some() && self.seen.change.is_mapping_alone)
        else {
            return Ok((Vec::new(), None));
        };
        let of_old: HashSet<&Labels> = self
            .seen
            .ledger
            .iter()
            .filter(|e| e.outcome == Outcome::Done && Some(&e.data_hash) == row.data_hash.as_ref())
            .map(|e| &e.labels)
            .collect();
        let rebuild = self.meets == Meets::Swap;
        let is_candidate = |i: &usize| {
            let state = &self.seen.states[*i];
            (rebuild || *state == State::Stale(Why::Definition)) && of_old.contains(&self.seen.parts[*i].labels)
        };
        let candidates: Vec<usize> = due.iter().copied().filter(is_candidate).collect();
        let keys: HashSet<String> = candidates.iter().map(|i| self.seen.parts[*i].labels.key()).collect();
        match pages::complete(deps, row, &keys, identity, ctx).await? {
            None => Ok((Vec::new(), None)),
            Some(kept) => {
                let covered = candidates
                    .into_iter()
                    .filter(|i| kept.slices.contains(&self.seen.parts[*i].labels.key()))
                    .collect();
                Ok((covered, Some(kept.pages)))
            }
        }
    }

    /// Reads these parts, from the source or from kept pages, and commits what is complete. Gives those that are done.
    async fn read(
        &mut self,
        copy: &Copy,
        opened: &Opened,
        which: &[usize],
        replay: Option<Batches>,
        outcome: &mut Outcomes,
    ) -> Result<HashSet<usize>> {
        let ctx = self.step.ctx.clone();
        let is_replay = replay.is_some();
        let keep_pages = copy.keep_raw.is_some() && !is_replay;
        let parts: Vec<_> = which.iter().map(|i| self.seen.parts[*i].clone()).collect();
        let request = self.request(copy, opened, which, replay, keep_pages).await?;
        let schema = declared_schema(request.schema.columns.as_deref().filter(|_| request.schema.declared));
        let mut reading = Reading::new(&parts, ctx.clock.now(), keep_pages);
        if is_replay {
            let read_at: HashMap<&Labels, Timestamp> =
                self.seen.ledger.iter().map(|e| (&e.labels, e.read_at)).collect();
            reading.state_of = parts
                .iter()
                .map(|p| read_at.get(&p.labels).copied().unwrap_or(reading.read_at))
                .collect();
        }
        let mut gather = self.gather(keep_pages)?;
        let is_whole = copy.slice.is_empty() && copy.for_each.is_none();
        let mut broken = None;
        let started = Answers::of(&opened.source, request, &ctx).await;
        let mut answers = match started {
            Ok(answers) => answers,
            Err(error) => {
                outcome.broken = Some(error);
                return Ok(HashSet::new());
            }
        };
        while broken.is_none() {
            let pause = match reading
                .on(&mut answers, &mut gather, self.step.how.batching, &ctx)
                .await
            {
                Ok(pause) => pause,
                Err(error) => {
                    gather.forget_all().await;
                    return Err(error);
                }
            };
            let is_over = match pause {
                Pause::Full => false,
                Pause::Ended => true,
                Pause::Broken(error) => {
                    broken = Some(error);
                    true
                }
            };
            if is_over {
                gather.forget_all().await;
            }
            if let Some(schema) = &schema {
                gather.columns(schema)?;
            }
            let mut group = gather.take().await?;
            group.position = reading.position.clone().filter(|_| is_whole && !group.parts.is_empty());
            self.report.figures.rows_in = Some(outcome.rows + reading.rows);
            self.report.figures.slices.done = outcome.done + count(&reading.fates, |f| matches!(f, Fate::Done));
            self.flush(group).await?;
            if is_over {
                break;
            }
        }
        self.settle_fates(&mut reading, broken.is_some(), is_replay, outcome)
            .await?;
        outcome.broken = outcome.broken.take().or(broken);
        let done = which
            .iter()
            .zip(&reading.fates)
            .filter(|(_, f)| matches!(f, Fate::Done))
            .map(|(i, _)| *i);
        Ok(done.collect())
    }

    /// Writes down what was parked, closed and done.
    async fn settle_fates(
        &mut self,
        reading: &mut Reading<'_>,
        is_broken: bool,
        is_replay: bool,
        outcome: &mut Outcomes,
    ) -> Result<()> {
        let Step { deps, row, lease, .. } = &self.step;
        for note in &reading.notes {
            if !self.report.notes.contains(note) {
                self.report.notes.push(note.clone());
            }
        }
        outcome.rows += reading.rows;
        outcome.done += count(&reading.fates, |f| matches!(f, Fate::Done));
        let ended = reading.no_longer_parked();
        if !self.seen.parked.is_empty() && !ended.is_empty() {
            deps.store.unpark(row.id, &ended).await?;
        }
        if is_replay {
            return Ok(());
        }
        if !is_broken {
            for fate in reading.fates.iter_mut().filter(|f| matches!(f, Fate::Open)) {
                *fate = Fate::Failed(Error::new(
                    Kind::Unavailable,
                    "the source ended without a word on this slice",
                ));
            }
        }
        let closed = reading.closed();
        if !closed.is_empty() {
            let ledger = deps.store.ledger(row.id).await?;
            let last = deps.store.commits(row.id).await?.last.0;
            let n_of: HashMap<&Labels, u64> = ledger.iter().map(|e| (&e.labels, e.n)).collect();
            let entries = closed.iter().map(|part| Entry {
                range: part.range,
                labels: part.labels.clone(),
                outcome: Outcome::Closed,
                n: n_of.get(&part.labels).copied().unwrap_or(last),
                data_hash: self.seen.data_hash.clone(),
                values_hash: part.values_hash.clone(),
                source: self.identity.clone(),
                read_at: part.read_at,
                kept: false,
            });
            let add: Vec<Entry> = entries.collect();
            let drop_labels = closed.iter().map(|p| p.labels.clone()).collect();
            deps.store
                .enter(
                    &lease.lease,
                    &LedgerChange {
                        drop_labels,
                        add,
                        ..LedgerChange::default()
                    },
                )
                .await?;
        }
        let parked = reading.parked(&self.seen.parked);
        if !parked.is_empty() {
            deps.store.park(row.id, &parked).await?;
        }
        outcome.closed += closed.len() as u64;
        outcome.parked += count(&reading.fates, |f| matches!(f, Fate::Parked { .. }));
        outcome.failed += count(&reading.fates, |f| matches!(f, Fate::Failed(_)));
        outcome.open += count(&reading.fates, |f| matches!(f, Fate::Open));
        for fate in std::mem::take(&mut reading.fates) {
            match fate {
                Fate::Failed(error) => {
                    outcome.first_failure.get_or_insert(error);
                    reading.fates.push(Fate::Open);
                }
                Fate::Parked { until, reason } => {
                    outcome.parked_because.get_or_insert(reason);
                    outcome.parked_until = match (outcome.parked_until, until) {
                        (Some(a), Some(b)) => Some(a.min(b)),
                        (a, b) => a.or(b),
                    };
                    reading.fates.push(Fate::Open);
                }
                other => reading.fates.push(other),
            }
        }
        Ok(())
    }

    async fn request(
        &self,
        copy: &Copy,
        opened: &Opened,
        which: &[usize],
        replay: Option<Batches>,
        keep_pages: bool,
    ) -> Result<ReadRequest> {
        let Step { deps, row, .. } = &self.step;
        let frozen = row.schema.as_deref().filter(|_| self.meets != Meets::Swap);
        let declared = names::columns(&copy.columns, frozen)?;
        let from = match (&copy.position, self.meets) {
            (Some(_), Meets::AsWritten) => deps.store.position(row.id).await?,
            _ => None,
        };
        let mut settings = opened.settings.clone();
        if let (Some(position), Some(settings)) = (&copy.position, settings.as_object_mut()) {
            let words =
                serde_json::to_value(position).map_err(|e| Error::bug("a position cannot be written").caused_by(e))?;
            settings.insert("position".into(), words);
        }
        Ok(ReadRequest {
            copy: settings,
            schema: ReadSchema {
                declared: declared.is_some(),
                columns: declared.or_else(|| frozen.map(<[Column]>::to_vec)),
                on_new_column: names::on_change(copy.on_new_column),
                on_type_change: names::on_change(copy.on_type_change),
            },
            slices: which
                .iter()
                .map(|i| self.seen.slices.get(*i).cloned().unwrap_or_else(Slice::whole))
                .collect(),
            batch: copy.for_each.as_ref().and_then(|f| f.batch()).map(|b| SliceBatch {
                size: b.size as usize,
                join: b.join.clone(),
            }),
            slice_columns: copy.slice.clone(),
            range: None,
            from,
            limit: None,
            keep_pages,
            replay,
            params: self.seen.params.clone(),
        })
    }

    /// Commits what waited for the end, takes out what is gone, and counts.
    async fn end_copy(mut self, copy: &Copy, outcome: Outcomes) -> Result<Ended> {
        let waiting = |s: &&State| matches!(s, State::Parked { .. });
        let parked_before = self.seen.states.iter().filter(waiting).count() as u64;
        let slices = &mut self.report.figures.slices;
        (slices.done, slices.closed, slices.failed) = (outcome.done, outcome.closed, outcome.failed);
        slices.parked = outcome.parked + parked_before;
        let until = self.seen.states.iter().filter_map(|s| match s {
            State::Parked { until } => Some(*until),
            _ => None,
        });
        self.report.parked_until = until.chain(outcome.parked_until).min();
        let missing = outcome.open + outcome.parked + outcome.failed + parked_before;
        let may_commit = outcome.broken.is_none() && (self.meets == Meets::AsWritten || missing == 0);
        if may_commit {
            self.commit_shelved().await?;
        }
        if copy.columns.is_empty() {
            self.freeze().await?;
        }
        self.delete_gone().await?;
        if let Some(error) = outcome.broken {
            return Err(error);
        }
        let ledger = self.step.deps.store.ledger(self.step.row.id).await?;
        let staged_only = self.meets == Meets::Swap && missing > 0;
        if ledger.iter().all(|e| e.data_hash == self.seen.data_hash) && !staged_only {
            self.step.define(&self.seen, self.identity.as_deref()).await?;
        }
        let end = Count {
            name: &self.step.row.name,
            listed: self.seen.parts.iter().map(|p| &p.labels).collect(),
            ledger: &ledger,
            slices: self.report.figures.slices,
            max_parked: self.step.asset.max_parked.fraction(),
            is_optional: self.step.asset.optional,
            first_failure: outcome.first_failure,
            parked_because: outcome.parked_because,
        };
        Ok(end.end())
    }

    /// Keeps inferred columns as they are in the table now.
    async fn freeze(&self) -> Result<()> {
        let Step {
            deps, row, commit_ctx, ..
        } = &self.step;
        let own = known::own(row);
        let Some(schema) = deps.places.of(&own)?.head(&own, commit_ctx).await?.schema else {
            return Ok(());
        };
        let column = |f: &Arc<arrow_schema::Field>| {
            Ok(Column {
                name: f.name().clone(),
                of: Type::of(f)?,
                required: !f.is_nullable(),
                path: None,
                value: None,
            })
        };
        let columns: Vec<Column> = schema.fields().iter().map(column).collect::<Result<_>>()?;
        if row.schema.as_ref() != Some(&columns) {
            deps.store.freeze_schema(row.id, &columns).await?;
        }
        Ok(())
    }

    /// What is done and no longer listed: its rows are deleted, or kept and counted.
    async fn delete_gone(&mut self) -> Result<()> {
        let gone = std::mem::take(&mut self.seen.gone);
        if gone.is_empty() || slice_columns(self.step.asset).is_empty() || self.meets == Meets::Swap {
            return Ok(());
        }
        match self.step.asset.write.on_gone {
            OnGone::Delete => self.lander().delete(&gone).await,
            OnGone::Keep => {
                self.report.figures.slices.gone = gone.len() as u64;
                Ok(())
            }
        }
    }

    /// Computes what is made from the lake.
    async fn compute(mut self, due: Vec<usize>) -> Result<Ended> {
        let Step { deps, asset, .. } = self.step;
        let Some(sql) = query::statement(asset) else {
            return Err(Error::bug("a step that computes has no statement"));
        };
        let ctx = self.step.ctx.clone();
        self.refuse_stale_appends(&due)?;
        let read_at = ctx.clock.now();
        let mut gather = self.gather(false)?;
        let mut begun = ctx.clock.elapsed();
        let mut rows = 0;
        let mut broken = None;
        for at in due {
            let part = self.seen.parts[at].clone();
            let open = match (part.range, &self.seen.calendar) {
                (Some(range), Some(calendar)) => !calendar.is_due(&range, self.seen.now),
                _ => false,
            };
            let done = super::group::DonePart {
                is_entered: !open,
                ..done_part(&part, read_at, Outcome::Done)
            };
            let question = query::query(deps, &sql, &self.seen.inputs, &part, &self.seen.params);
            let calendar = self.seen.calendar.as_ref();
            let asked = query::Asked {
                deps,
                asset,
                calendar,
                question: &question,
                part: &part,
            };
            match query::compute(&asked, at, done, &mut gather, &ctx).await {
                Ok(count) => rows += count,
                Err(error) => {
                    gather.forget_all().await;
                    broken = Some(error);
                    break;
                }
            }
            self.report.ranges.extend(part.range);
            let batching = self.step.how.batching;
            if gather.complete_bytes() >= batching.bytes || ctx.clock.elapsed().saturating_sub(begun) >= batching.time {
                let group = gather.take().await?;
                self.flush(group).await?;
                begun = ctx.clock.elapsed();
            }
        }
        let group = gather.take().await?;
        self.flush(group).await?;
        if let Some(error) = broken {
            return Err(error);
        }
        self.report.figures.rows_in.get_or_insert(rows);
        self.commit_shelved().await?;
        let ledger = self.step.deps.store.ledger(self.step.row.id).await?;
        if ledger.iter().all(|e| e.data_hash == self.seen.data_hash) {
            self.step.define(&self.seen, None).await?;
        }
        Ok(Ended::Done)
    }

    /// Fails where a range that was appended would have to be appended again.
    fn refuse_stale_appends(&self, due: &[usize]) -> Result<()> {
        if self.step.asset.write.mode != WriteMode::Append || self.meets == Meets::Swap {
            return Ok(());
        }
        let stale = due
            .iter()
            .find_map(|i| match (&self.seen.states[*i], self.seen.parts[*i].range) {
                (State::Stale(why), Some(range)) => Some((why, range)),
                _ => None,
            });
        match stale {
            None => Ok(()),
            Some((why, range)) => Err(Error::new(
                Kind::Conflict,
                format!(
                    "the range {range} of {} is stale ({why}), and was appended: it cannot be replaced",
                    self.step.asset.name
                ),
            )
            .code(NEEDS_REBUILD)
            .hint(format!(
                "write `mode: replace`, or build the table anew: segue run {} --rebuild",
                self.step.asset.name
            ))),
        }
    }
}

/// What came of all reads of a step.
#[derive(Default)]
struct Outcomes {
    rows: u64,
    done: u64,
    closed: u64,
    parked: u64,
    failed: u64,
    open: u64,
    broken: Option<Error>,
    first_failure: Option<Error>,
    parked_because: Option<String>,
    parked_until: Option<Timestamp>,
}

fn count(fates: &[Fate], is: impl Fn(&Fate) -> bool) -> u64 {
    fates.iter().filter(|f| is(f)).count() as u64
}
