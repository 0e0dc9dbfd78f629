//! A step that reads a source, from its first request to its count.

use super::count::Count;
use super::doing::Doing;
use super::land::Meets;
use super::passing::{Passing, passing};
use super::read::{Answers, Fate, Pause, Reading, declared_schema};
use super::survey::source_copy;
use super::tell::Tell;
use super::{Step, known, optional, pages};
use crate::deps::Opened;
use crate::ledger::{State, Why};
use crate::names;
use crate::report::Ended;
use jiff::Timestamp;
use segue_core::commit::{Entry, LedgerChange, Outcome};
use segue_core::source::{ReadRequest, SliceBatch};
use segue_core::state::CommitState;
use segue_core::{Batches, Error, Kind, Labels, Result, Slice};
use segue_spec::model::{Copy, WriteMode};
use std::collections::{BTreeMap, HashMap, HashSet};

impl Doing<'_> {
    /// Reads a source.
    pub(super) async fn copy(mut self, opened: Opened, due: Vec<usize>) -> Result<Ended> {
        let Some(copy) = source_copy(self.step.asset) else {
            return Err(Error::bug("a step without a source reads one"));
        };
        let (replayed, kept) = self.replayable(copy, &due).await?;
        let mut left = due;
        let mut outcome = Outcomes::default();
        if let Some(pages) = kept {
            let ended = self.read(copy, &opened, &replayed, Some(pages), &mut outcome).await?;
            left.retain(|i| !ended.contains(i));
            if !ended.is_empty() {
                self.report.notes.push(format!(
                    "{} slices were computed from kept answers, without a request",
                    ended.len()
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
        let (Some(identity), Some(keep), true) = (
            self.identity.as_deref(),
            copy.keep_raw,
            self.seen.change.is_mapping_alone,
        ) else {
            return Ok((Vec::new(), None));
        };
        let since = pages::oldest(keep.get(), self.seen.now);
        // Also what was made by a definition in between, which a run that was partial left: kept pages say themselves what they answer,
        // and those of another request are not used.
        let of_old: HashSet<&Labels> = self.seen.ledger.iter().map(|e| &e.labels).collect();
        let rebuild = self.meets == Meets::Swap;
        let is_candidate = |i: &usize| {
            let state = &self.seen.states[*i];
            (rebuild || *state == State::Stale(Why::Definition)) && of_old.contains(&self.seen.parts[*i].labels)
        };
        let candidates: Vec<usize> = due.iter().copied().filter(is_candidate).collect();
        let keys: HashSet<String> = candidates.iter().map(|i| self.seen.parts[*i].labels.key()).collect();
        match pages::complete(deps, row, &keys, identity, since, ctx).await? {
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

    /// Reads these parts, from the source or from kept pages, and commits what is complete. Gives those that are done or closed.
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
        let mut request = self.request(copy, opened, which, replay, keep_pages).await?;
        if copy.position.as_ref().is_some_and(|p| p.resume.is_some()) && self.once && self.meets == Meets::AsWritten {
            self.report
                .notes
                .push("cut off, this read begins again: a check of the whole table makes it one commit".into());
        }
        let is_told = request.schema.declared && request.schema.untyped.is_empty();
        let schema = declared_schema(request.schema.columns.as_deref().filter(|_| is_told));
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
        let started = async {
            if !is_replay && let Passing::Yes(wire) = self.passing(copy, opened).await? {
                request.wire = Some(wire.clone());
                reading.wire = Some(wire);
            }
            Answers::of(&opened.source, request, &ctx).await
        };
        let started = started.await;
        let mut answers = match started {
            Ok(answers) => answers,
            Err(error) => {
                outcome.broken = Some(error);
                return Ok(HashSet::new());
            }
        };
        let (progress, name) = (self.step.deps.progress.clone(), self.step.row.name.clone());
        let mut before = self.report.figures.clone();
        (before.rows_in, before.slices.done) = (Some(outcome.rows), outcome.done);
        let mut tell = Tell::of(progress.as_ref(), &name, before);
        while broken.is_none() {
            let batching = self.step.how.batching;
            let pause = match reading.on(&mut answers, &mut gather, batching, &mut tell, &ctx).await {
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
        // Before the state is told of the slices that they belong to; where there is one commit, with that.
        if !self.once {
            self.keep_pages_alone().await?;
        }
        self.settle_fates(&mut reading, broken.is_some(), is_replay, outcome)
            .await?;
        outcome.broken = outcome.broken.take().or(broken);
        let ended = which
            .iter()
            .zip(&reading.fates)
            .filter(|(_, f)| matches!(f, Fate::Done | Fate::Closed))
            .map(|(i, _)| *i);
        Ok(ended.collect())
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
        let closed_now = count(&reading.fates, |f| matches!(f, Fate::Closed));
        if let Some(reason) = &reading.closed_because {
            let slices = if closed_now == 1 { "slice is" } else { "slices are" };
            self.report
                .notes
                .push(format!("{closed_now} {slices} closed, not ours to read: {reason}"));
        }
        if !is_broken && !is_replay {
            const SILENT: &str = "the source ended without a word on this slice";
            for fate in reading.fates.iter_mut().filter(|f| matches!(f, Fate::Open)) {
                *fate = Fate::Failed(SILENT.into());
                let error = || Error::new(Kind::Unavailable, SILENT);
                reading.first_failure.get_or_insert_with(error);
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
                inputs: BTreeMap::new(),
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
        outcome.closed += closed.len() as u64;
        // What kept pages do not tell is asked for, and what comes of that counts.
        if is_replay {
            return Ok(());
        }
        let parked = reading.parked(&self.seen.parked);
        if !parked.is_empty() {
            deps.store.park(row.id, &parked).await?;
        }
        outcome.parked += count(&reading.fates, |f| matches!(f, Fate::Parked { .. }));
        outcome.failed += count(&reading.fates, |f| matches!(f, Fate::Failed(_)));
        outcome.open += count(&reading.fates, |f| matches!(f, Fate::Open));
        outcome.first_failure = outcome.first_failure.take().or(reading.first_failure.take());
        for fate in &reading.fates {
            if let Fate::Parked { until, reason, .. } = fate {
                outcome.parked_because.get_or_insert_with(|| reason.clone());
                outcome.parked_until = match (outcome.parked_until, *until) {
                    (Some(a), Some(b)) => Some(a.min(b)),
                    (a, b) => a.or(b),
                };
            }
        }
        Ok(())
    }

    async fn passing(&self, copy: &Copy, opened: &Opened) -> Result<Passing> {
        let Step {
            deps, asset, row, ctx, ..
        } = &self.step;
        let is_anew = self.meets == Meets::Swap;
        let found = (row.schema.as_deref(), is_anew);
        passing(deps, asset, copy, opened, &known::own(row), found, ctx).await
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
        let schema = names::read_schema(copy, frozen)?;
        let from = match (copy.has_position(), self.meets) {
            (true, Meets::AsWritten) => deps.store.position(row.id).await?,
            _ => None,
        };
        let mut settings = opened.settings.clone();
        if let (true, Some(settings)) = (copy.has_position(), settings.as_object_mut()) {
            // Files that changed are read onwards without a column.
            let mut words = match &copy.position {
                Some(position) => serde_json::to_value(position),
                None => Ok(serde_json::json!({ "replaces": self.step.asset.write.mode == WriteMode::DeleteInsert })),
            }
            .map_err(|e| Error::bug("a position cannot be written").caused_by(e))?;
            // Where rows are merged by a key, the source may hand one out again; where they are added, it would be there twice.
            // A part of a key's rows that comes again would take the others of a `delete_insert` away.
            let may_repeat = matches!(self.step.asset.write.mode, WriteMode::Merge | WriteMode::History);
            words["may_repeat"] = may_repeat.into();
            settings.insert("position".into(), words);
        }
        // Some of the rows before the others: where a later read merges the rest, and nothing asks for all of them at once.
        let in_parts = !self.once && replay.is_none() && self.step.asset.write.mode == WriteMode::Merge;
        let merged_by = match in_parts && copy.has_position() {
            true => self.step.asset.write.key.clone(),
            false => Vec::new(),
        };
        Ok(ReadRequest {
            schema,
            slices: which
                .iter()
                .map(|i| self.seen.slices.get(*i).cloned().unwrap_or_else(Slice::whole))
                .collect(),
            batch: copy.for_each.as_ref().and_then(|f| f.batch()).map(|b| SliceBatch {
                size: b.size as usize,
                join: b.join.clone(),
            }),
            slice_columns: copy.slice.clone(),
            from,
            merged_by,
            key: self.step.asset.write.key.clone(),
            keep_pages,
            replay,
            wire: None,
            params: self.seen.params.clone(),
            ..ReadRequest::all_of(settings)
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
            self.keep_closed().await?;
            self.commit_shelved().await?;
        }
        self.keep_pages_alone().await?;
        if names::are_inferred(&copy.columns) || copy.has_children() {
            self.freeze().await?;
        }
        self.delete_gone().await?;
        self.lander().let_pages_go(copy.keep_raw.map(|d| d.get())).await;
        if let Some(error) = outcome.broken {
            return optional::without(self.step.asset, error, &mut self.report.notes);
        }
        let ledger = self.step.deps.store.ledger(self.step.row.id).await?;
        let staged_only = self.meets == Meets::Swap && missing > 0;
        if ledger.iter().all(|e| e.data_hash == self.seen.data_hash) && !staged_only {
            // A source of which nothing was ever read is not yet the one that this asset is read from.
            let read_from = self.identity.as_deref().filter(|_| !ledger.is_empty());
            self.step.define(&self.seen, read_from).await?;
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
        Ok(end.end(&mut self.report.notes))
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
