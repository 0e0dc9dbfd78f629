//! A copy from a source: what it hands out, slice by slice, until everything that was asked for has an end.

use super::aside::{Form, SetAside, cut, is_whole, part_key, stray_key};
use super::gather::{Gather, Whose};
use super::group::DonePart;
use super::pages;
use super::tell::{TOLD_EVERY, Tell};
use crate::ledger::Part;
use arrow_schema::SchemaRef;
use futures::StreamExt;
use jiff::Timestamp;
use segue_core::commit::Outcome;
use segue_core::source::{Read, ReadRequest, Rejected, Source};
use segue_core::wire::Wire;
use segue_core::{Ctx, Error, Kind, Labels, Result};
use segue_store::Parked;
use serde_json::Value;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// What became of a slice.
#[derive(Debug)]
pub enum Fate {
    /// Nothing yet.
    Open,
    /// Its rows are complete.
    Done,
    /// It may go on later.
    Parked {
        /// When, if that is known.
        until: Option<Timestamp>,
        /// The key of the block that covers it, if one does.
        block: Option<String>,
        /// Why.
        reason: String,
    },
    /// It is not ours to read.
    Closed,
    /// It failed, as this says.
    Failed(String),
}

/// When what is complete is committed.
#[derive(Clone, Copy, Debug)]
pub struct Batching {
    /// Once this much is staged, in bytes.
    pub bytes: u64,
    /// Once the first of it has waited so long.
    pub time: Duration,
}

impl Default for Batching {
    fn default() -> Batching {
        Batching {
            bytes: 64 << 20,
            time: Duration::from_secs(30),
        }
    }
}

/// A read under way.
pub struct Reading<'a> {
    /// The parts that were asked for, in the request's order.
    pub parts: &'a [Part],
    /// What became of each.
    pub fates: Vec<Fate>,
    /// When the read began.
    pub read_at: Timestamp,
    /// What each part is the state of: the read's own start, or that of the read whose kept answers are read again.
    pub state_of: Vec<Timestamp>,
    /// How far the source was read by what counts.
    pub position: Option<Value>,
    /// The source's last word on how far it was read: it counts with what was handed out before it.
    pub said: Option<Value>,
    /// Rows that came.
    pub rows: u64,
    /// Whether answers are kept.
    pub keep_pages: bool,
    /// Whether no two rows have one key, as the source says.
    pub is_unique: bool,
    /// What rows that pass as they are hold.
    pub wire: Option<Wire>,
    /// What is worth saying.
    pub notes: Vec<String>,
    /// The error of the first slice that failed: of the others their words are kept.
    pub first_failure: Option<Error>,
    /// Why slices were found closed: the first reason that was given.
    pub closed_because: Option<String>,
}

/// Why reading paused.
#[derive(Debug)]
pub enum Pause {
    /// Enough is complete to be committed.
    Full,
    /// The source has said all.
    Ended,
    /// The source failed; what is complete counts.
    Broken(Error),
}

/// A source's answers as they come, and when the group that they go into was begun.
pub struct Answers {
    stream: futures::stream::BoxStream<'static, Result<Read>>,
    begun: Option<Duration>,
}

impl Answers {
    /// Begins to read.
    ///
    /// # Errors
    /// The source's own.
    pub async fn of(source: &Arc<dyn Source>, request: ReadRequest, ctx: &Ctx) -> Result<Answers> {
        Ok(Answers {
            stream: source.read(request, ctx).await?,
            begun: None,
        })
    }
}

impl Reading<'_> {
    /// A read of these parts that begins now.
    pub fn new(parts: &[Part], read_at: Timestamp, keep_pages: bool) -> Reading<'_> {
        Reading {
            parts,
            fates: parts.iter().map(|_| Fate::Open).collect(),
            read_at,
            state_of: vec![read_at; parts.len()],
            position: None,
            said: None,
            rows: 0,
            keep_pages,
            is_unique: false,
            wire: None,
            notes: Vec::new(),
            first_failure: None,
            closed_because: None,
        }
    }

    /// Takes in what comes, until there is enough for a commit or nothing more.
    ///
    /// # Errors
    /// Those of staging. What the source fails with is a [`Pause`].
    pub async fn on(
        &mut self,
        answers: &mut Answers,
        gather: &mut Gather,
        batching: Batching,
        tell: &mut Tell<'_>,
        ctx: &Ctx,
    ) -> Result<Pause> {
        loop {
            let now = ctx.clock.elapsed();
            tell.how_far(self, now, ctx);
            if gather.is_empty() {
                answers.begun = None;
            } else {
                let begun = *answers.begun.get_or_insert(now);
                if gather.complete_bytes() >= batching.bytes || now.saturating_sub(begun) >= batching.time {
                    answers.begun = None;
                    return Ok(Pause::Full);
                }
            }
            let left = answers
                .begun
                .map_or(Duration::MAX, |begun| (begun + batching.time).saturating_sub(now));
            let next = tokio::select! {
                biased;
                () = ctx.cancel.cancelled() => return Ok(Pause::Broken(Error::new(Kind::Cancelled, "stopped, as asked"))),
                next = answers.stream.next() => next,
                () = ctx.clock.sleep(left), if answers.begun.is_some() => continue,
                () = ctx.clock.sleep(TOLD_EVERY), if tell.is_heard() => continue,
            };
            match next {
                None => return Ok(Pause::Ended),
                Some(Err(error)) => return Ok(Pause::Broken(error)),
                Some(Ok(read)) => self.take(read, gather, ctx).await?,
            }
        }
    }

    async fn take(&mut self, read: Read, gather: &mut Gather, ctx: &Ctx) -> Result<()> {
        match read {
            Read::Rows { slice, batch } => {
                self.rows += batch.num_rows() as u64;
                let whose = self.whose(slice)?;
                if self.is_unique {
                    gather.unique(slice, &whose);
                }
                gather.rows(slice, &whose, batch).await
            }
            Read::Unique => {
                self.is_unique = true;
                Ok(())
            }
            Read::Wire { slice, rows } => {
                self.rows += rows.rows;
                let (whose, wire) = (self.whose(slice)?, self.wire.as_ref());
                let wire = wire.ok_or_else(|| Error::bug("the source hands rows out as they are, unasked"))?;
                gather.pass(slice, &whose, wire, rows).await
            }
            Read::Rejected { slice, rows } => {
                self.rows += rows.len() as u64;
                let whose = slice.map(|s| self.whose(s)).transpose()?;
                let is_sliced = self.parts.iter().any(|p| !p.labels.is_none());
                let aside = rows.into_iter().map(|r| rejected(whose.as_ref(), is_sliced, r, ctx));
                match (slice, &whose) {
                    (Some(slice), Some(whose)) => gather.aside(slice, whose, aside),
                    _ => gather.stray(aside),
                }
            }
            Read::Page { batch, .. } if self.keep_pages => gather.page(pages::of_read(&batch, self.read_at)?).await,
            Read::Page { .. } => Ok(()),
            Read::Position(position) => {
                self.said = Some(position);
                Ok(())
            }
            Read::Reached { slice } => {
                self.whose(slice)?;
                let part = done_part(self.part(slice)?, self.state_of[slice], Outcome::Done);
                self.position = self.said.take().or(self.position.take());
                // The part itself is not done: what is left of it is due.
                let some_of_it = DonePart {
                    is_entered: false,
                    ..part
                };
                gather.done(slice, some_of_it).await
            }
            Read::Done { slice } => {
                let part = self.part(slice)?;
                let done = done_part(part, self.state_of[slice], Outcome::Done);
                self.position = self.said.take().or(self.position.take());
                self.end(slice, Fate::Done)?;
                gather.done(slice, done).await
            }
            Read::Parked {
                slice,
                until,
                block,
                reason,
            } => {
                gather.forget(slice).await;
                self.end(slice, Fate::Parked { until, block, reason })
            }
            Read::Closed { slice, reason } => {
                gather.forget(slice).await;
                tracing::info!(slice = %self.part(slice)?.labels, %reason, "closed: not ours to read");
                self.closed_because.get_or_insert(reason);
                self.end(slice, Fate::Closed)
            }
            Read::Failed { slice, error } => {
                gather.forget(slice).await;
                self.end(slice, Fate::Failed(error.to_string()))?;
                self.first_failure.get_or_insert(error);
                Ok(())
            }
            Read::Note(note) => {
                if !self.notes.contains(&note) {
                    self.notes.push(note);
                }
                Ok(())
            }
        }
    }

    fn part(&self, slice: usize) -> Result<&Part> {
        self.parts.get(slice).ok_or_else(|| {
            Error::bug(format!(
                "the source speaks of slice {slice}, and {} were asked for",
                self.parts.len()
            ))
        })
    }

    fn whose(&self, slice: usize) -> Result<Whose> {
        let part = self.part(slice)?;
        if !matches!(self.fates[slice], Fate::Open) {
            return Err(Error::bug(format!(
                "the source hands out more of slice {} after its end",
                part.labels
            )));
        }
        Ok(Whose {
            range: part.range,
            labels: part.labels.clone(),
        })
    }

    fn end(&mut self, slice: usize, fate: Fate) -> Result<()> {
        self.part(slice)?;
        self.fates[slice] = fate;
        Ok(())
    }

    /// The parts that end as closed, for the ledger.
    pub fn closed(&self) -> Vec<DonePart> {
        let closed = |at: &usize| matches!(self.fates[*at], Fate::Closed);
        (0..self.parts.len())
            .filter(closed)
            .map(|at| done_part(&self.parts[at], self.state_of[at], Outcome::Closed))
            .collect()
    }

    /// What is to be parked: what the source parked, and what failed on its own, which the next run tries again.
    pub fn parked(&self, before: &[Parked]) -> Vec<Parked> {
        let attempts: HashMap<&Labels, u32> = before.iter().map(|p| (&p.labels, p.attempts)).collect();
        let mut parked = Vec::new();
        for (part, fate) in self.parts.iter().zip(&self.fates) {
            let (until, block, reason) = match fate {
                Fate::Parked { until, block, reason } => (*until, block.clone(), reason.clone()),
                Fate::Failed(why) => (None, None, why.clone()),
                Fate::Open | Fate::Done | Fate::Closed => continue,
            };
            let attempts = attempts.get(&part.labels).copied().unwrap_or(0) + 1;
            parked.push(Parked {
                labels: part.labels.clone(),
                until,
                block,
                reason,
                attempts,
            });
        }
        parked
    }

    /// What ended with rows or was found closed: it no longer waits.
    pub fn no_longer_parked(&self) -> Vec<Labels> {
        let ended = |fate: &Fate| matches!(fate, Fate::Done | Fate::Closed);
        self.parts
            .iter()
            .zip(&self.fates)
            .filter(|(_, f)| ended(f))
            .map(|(p, _)| p.labels.clone())
            .collect()
    }
}

/// A part that is complete, as the ledger will know it.
pub fn done_part(part: &Part, read_at: Timestamp, outcome: Outcome) -> DonePart {
    DonePart {
        range: part.range,
        labels: part.labels.clone(),
        values_hash: part.values_hash.clone(),
        read_at,
        outcome,
        is_entered: true,
    }
}

fn rejected(whose: Option<&Whose>, is_sliced: bool, record: Rejected, ctx: &Ctx) -> SetAside {
    let part = match whose {
        Some(whose) => part_key(&whose.labels, whose.range),
        None if is_sliced => stray_key(&record.reason, record.path.as_deref(), &record.raw),
        None => part_key(&Labels::none(), None),
    };
    let nobodys = Whose::default();
    let whose = whose.unwrap_or(&nobodys);
    SetAside {
        part,
        labels: whose.labels.clone(),
        range: whose.range,
        reason: record.reason,
        path: record.path,
        check: None,
        form: (record.beside.is_some() && is_whole(&record.raw)).then_some(Form::Record),
        beside: record.beside,
        row: cut(record.raw),
        at: ctx.clock.now(),
        run: ctx.trace.run,
        id: None,
        after: None,
    }
}

/// The columns of a request as a table holds them; `None` where they are inferred.
///
/// # Errors
/// None that a project's columns can cause.
pub fn declared_schema(columns: Option<&[segue_core::source::Column]>) -> Option<SchemaRef> {
    let columns = columns?;
    let fields: Vec<_> = columns.iter().map(|c| c.of.field(&c.name, !c.required)).collect();
    Some(Arc::new(arrow_schema::Schema::new(fields)))
}
