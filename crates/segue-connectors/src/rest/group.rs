//! Slices that share their requests, and how they come by their pages.

use super::page::Page;
use super::paginate::says_more;
use super::read::Reading;
use super::run::Run;
use super::template::Extra;
use super::turns::Turns;
use arrow_array::{
    ArrayRef, BinaryArray, BooleanArray, Int32Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use jiff::Timestamp;
use segue_core::source::{Rejected, page_schema};
use segue_core::{Error, Kind, Result};
use std::collections::VecDeque;
use std::sync::Arc;
use url::Url;

/// Slices whose labels go into the same requests.
pub struct Group {
    /// Which.
    pub slices: Vec<usize>,
    /// Pages that were fetched and not yet decoded.
    pub held: VecDeque<Fetched>,
    /// How it ended; pages may still be held.
    pub end: Option<End>,
    run: Option<Run>,
    turns: Option<Turns>,
    /// How many pages, and parts of large ones, were handed on.
    number: u64,
}

/// How slices end.
pub enum End {
    /// Everything was read.
    Complete,
    /// Not ours to read.
    Closed(String),
    /// To go on later.
    Parked(Parked),
    /// Over.
    Failed(Error),
    /// Done, with the answer set aside.
    Aside(Box<Rejected>),
}

impl End {
    /// A page ended the reading that looks as if it were not the last.
    pub fn short(why: &str) -> End {
        let error = Error::new(
            Kind::BadData,
            format!("a short page ended the reading, and there is more: {why}"),
        );
        End::Failed(error.hint(
            "the server seems to give fewer records a page than it is asked for: lower `limit` or `size` in `paginate` to what it gives",
        ))
    }
}

/// Why slices go on later.
pub struct Parked {
    /// When, if that is known.
    pub until: Option<Timestamp>,
    /// The key of the block that covers them, if one does.
    pub block: Option<String>,
    /// For people.
    pub reason: String,
}

impl Parked {
    /// Until the next run.
    pub fn because(reason: impl Into<String>) -> End {
        End::Parked(Parked {
            until: None,
            block: None,
            reason: reason.into(),
        })
    }
}

/// A page with its place among the slice's.
pub struct Fetched {
    /// The page.
    pub page: Page,
    /// Its number, from 0.
    pub number: u64,
    /// Whether nothing follows it.
    pub last: bool,
    /// Whether it comes from the kept pages.
    pub kept: bool,
    /// What was asked.
    pub url: Url,
    /// What identifies the request and its pages.
    pub hash: String,
    /// What templates may name of it beside its slices.
    pub extra: Extra,
    /// How its slices end with it, where the answer says so itself: it is no page of records.
    pub end: Option<End>,
    /// Why there should be more although nothing follows it, if it looks so.
    pub short: Option<String>,
}

impl Group {
    /// Of these slices, nothing read.
    pub fn new(slices: Vec<usize>) -> Group {
        Group {
            slices,
            held: VecDeque::new(),
            end: None,
            run: None,
            turns: None,
            number: 0,
        }
    }
}

impl Reading {
    /// The next page of a group; `None`: it has ended, as [`Group::end`] says.
    ///
    /// # Errors
    /// What concerns the connection as a whole: credentials, cancellation.
    pub(super) async fn fetch(&self, group: &mut Group) -> Result<Option<Fetched>> {
        if group.end.is_some() {
            return Ok(None);
        }
        let turn = loop {
            match self.next_page(group).await {
                Ok(None) => {}
                Ok(Some(turn)) => break Ok(turn),
                Err(error) => break Err(error),
            }
        };
        if !matches!(turn, Ok(Ok(_))) {
            self.leave(group).await?;
        }
        match turn {
            Ok(Ok(mut fetched)) => {
                if fetched.last {
                    group.end = Some(fetched.end.take().unwrap_or(End::Complete));
                }
                Ok(Some(fetched))
            }
            Ok(Err(end)) => {
                group.end = Some(end);
                Ok(None)
            }
            Err(error) if matches!(error.kind(), Kind::Cancelled | Kind::Unauthenticated | Kind::Bug) => Err(error),
            Err(error) => {
                group.end = Some(End::Failed(error));
                Ok(None)
            }
        }
    }

    /// One request; `None`: it is to be asked otherwise.
    async fn next_page(&self, group: &mut Group) -> Result<Option<std::result::Result<Fetched, End>>> {
        if group.run.is_none() {
            match self.next_run(group).await? {
                Ok(Some(run)) => group.run = Some(run),
                Ok(None) => return Ok(Some(Err(End::Complete))),
                Err(end) => return Ok(Some(Err(end))),
            }
        }
        let Some(run) = &mut group.run else {
            return Err(Error::bug("a group has no request"));
        };
        let turn = self.turn(&self.plan, run).await?;
        let turn = match turn {
            Some(Ok(fetched)) => {
                group.number += 1;
                let number = group.number - 1;
                Some(Ok(Fetched { number, ..fetched }))
            }
            other => other,
        };
        match turn {
            // Something else may be asked for the same slices: whether it is, is seen then.
            Some(Ok(fetched)) if fetched.last && self.plan.has_turns() => {
                group.run = None;
                // An answer that says that there is nothing says so of its own request.
                let end = fetched.end.filter(|end| !matches!(end, End::Complete));
                Ok(Some(Ok(Fetched {
                    last: end.is_some(),
                    end,
                    ..fetched
                })))
            }
            other => Ok(other),
        }
    }

    /// Ends what was begun for a group beside its requests.
    ///
    /// # Errors
    /// What concerns the connection as a whole.
    pub(super) async fn leave(&self, group: &mut Group) -> Result<()> {
        match group.turns.as_mut().and_then(|turns| turns.job.take()) {
            Some(job) => self.clean_up(job).await,
            None => Ok(()),
        }
    }

    /// What is asked next for these slices; `None`: everything was asked.
    async fn next_run(&self, group: &mut Group) -> Result<std::result::Result<Option<Run>, End>> {
        if !self.plan.has_turns() {
            return self
                .run_of(&self.plan, &group.slices, Extra::default())
                .map(|run| Ok(Some(run)));
        }
        if group.turns.is_none() {
            group.turns = Some(Turns::new(&self.plan, self.http.now())?);
        }
        let Some(turns) = &mut group.turns else {
            return Err(Error::bug("a group has no turns"));
        };
        loop {
            if let Some(run) = turns.pending.pop_front() {
                return Ok(Ok(Some(run)));
            }
            if let Some(job) = turns.job.take() {
                self.clean_up(job).await?;
            }
            let extra = match self.next_turn(&group.slices, turns).await? {
                Ok(Some(extra)) => extra,
                Ok(None) => return Ok(Ok(None)),
                Err(end) => return Ok(Err(end)),
            };
            if self.plan.export.is_none() {
                return self.run_of(&self.plan, &group.slices, extra).map(|run| Ok(Some(run)));
            }
            if let Err(end) = self.export(&group.slices, turns, extra).await? {
                return Ok(Err(end));
            }
        }
    }
}

/// Why an answer looks as if it were the first of several, if it does.
pub fn looks_partial(fetched: &Fetched) -> Option<String> {
    let body = &fetched.page.answer.body;
    let count = fetched.page.found.records.len() as u64;
    if let Some(why) = says_more(body, Some(count)) {
        return Some(why);
    }
    let names = [
        "limit",
        "per_page",
        "page_size",
        "pageSize",
        "size",
        "count",
        "first",
        "top",
    ];
    let asked = fetched
        .url
        .query_pairs()
        .find(|(n, v)| names.contains(&n.as_ref()) && v.parse() == Ok(count));
    asked.map(|(name, _)| format!("the page is full: {count} records came for `{name}={count}`"))
}

impl Fetched {
    /// The page as it is kept, in the shape of [`page_schema`]. `last`: no later one was wanted.
    ///
    /// # Errors
    /// `Bug` when it does not fit that shape.
    pub fn to_batch(&self, reading: &Reading, group: &Group, last: bool) -> Result<RecordBatch> {
        let keys: Vec<String> = group.slices.iter().map(|i| reading.slices[*i].labels.key()).collect();
        let slices = serde_json::to_string(&keys).map_err(|e| Error::bug("keys are no JSON").caused_by(e))?;
        let method = reading.plan.method();
        let request = format!("{method} {}", reading.http.redactor().url(&self.url));
        let columns: Vec<ArrayRef> = vec![
            Arc::new(StringArray::from(vec![slices])),
            Arc::new(Int64Array::from(vec![self.number as i64])),
            Arc::new(BooleanArray::from(vec![last])),
            Arc::new(StringArray::from(vec![request])),
            Arc::new(StringArray::from(vec![self.hash.clone()])),
            Arc::new(StringArray::from(vec![reading.http.settings().identity.clone()])),
            Arc::new(Int32Array::from(vec![i32::from(self.page.answer.status)])),
            Arc::new(BinaryArray::from(vec![&self.page.answer.body[..]])),
            Arc::new(
                TimestampMicrosecondArray::from(vec![self.page.answer.asked_at.as_microsecond()]).with_timezone("UTC"),
            ),
        ];
        RecordBatch::try_new(page_schema(), columns)
            .map_err(|e| Error::bug("a kept page has another shape").caused_by(e))
    }
}
