//! Slices that share their requests, and how they come by their pages.

use super::copy::Then;
use super::forms::{Came, Parts};
use super::page::{self, Opened, Page, RAW, raw_text};
use super::paginate::{Next, Paging, says_more};
use super::read::Reading;
use crate::http::{Answer, Call, Got, status_error};
use crate::json::find::Found;
use arrow_array::{
    ArrayRef, BinaryArray, BooleanArray, Int32Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use jiff::Timestamp;
use parking_lot::Mutex;
use segue_core::source::{Read, Rejected, page_schema};
use segue_core::{Error, Kind, Result, Slice};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
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
}

struct Run {
    call: Call,
    hash: String,
    paging: Paging,
    /// How many pages, and parts of large ones, were handed on.
    number: u64,
    /// The answer that is read now.
    current: Option<Current>,
}

/// An answer that is read part by part.
struct Current {
    answer: Answer,
    url: Url,
    rest: Rest,
}

enum Rest {
    Opened(Opened),
    OnDisk(Parts),
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
    Aside(Rejected),
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
    fn because(reason: impl Into<String>) -> End {
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
            let members: Vec<&Slice> = group.slices.iter().map(|i| &self.slices[*i]).collect();
            let settings = self.http.settings();
            let (call, asked) = self.plan.call(&settings.base_url, &settings.identity, &members)?;
            let hash = self.plan.request_hash(&call, &asked);
            let paging = self.plan.paginator.start(asked);
            group.run = Some(Run {
                call,
                hash,
                paging,
                number: 0,
                current: None,
            });
        }
        let Some(run) = &mut group.run else {
            return Err(Error::bug("a group has no request"));
        };
        if run.current.is_some() {
            return self.next_part(run).await.map(Some);
        }
        if self.is_down() {
            return Ok(Some(Err(Parked::because(
                "not asked: the server did not answer the requests before",
            ))));
        }
        let asked = run.paging.asked(&self.plan.paginator)?;
        let call = asked.call(&run.call)?;
        let url = asked.url;
        let found = Mutex::new(None);
        let most = self.http.settings().max_body;
        let judge = |answer: &Answer| page::judge(&self.plan, &run.paging, answer, most, &mut found.lock());
        let got = self.http.ask(&self.line, &call, &judge, &self.ctx).await?;
        let answer = match got {
            Got::Answer(answer) => answer,
            Got::Blocked(block) => {
                return Ok(Some(Err(End::Parked(Parked {
                    until: Some(block.until),
                    block: Some(block.key),
                    reason: block.reason,
                }))));
            }
            Got::GaveUp { error, status } => {
                // A server that says no to what it was asked is there: only one that has trouble, or says nothing, may be down.
                match status {
                    Some(300..=407 | 409..=424 | 426..=428 | 430..=499) => self.down.store(0, Ordering::Relaxed),
                    _ => {
                        self.down.fetch_add(1, Ordering::Relaxed);
                    }
                }
                if !error.kind().is_transient() {
                    return Ok(Some(Err(End::Failed(error))));
                }
                return Ok(Some(Err(End::Parked(Parked {
                    until: error.delay().and_then(|d| self.ctx.clock.now().checked_add(d).ok()),
                    block: None,
                    reason: error.to_string(),
                }))));
            }
        };
        self.down.store(0, Ordering::Relaxed);
        if self.plan.paginator.complains(answer.status, &answer.body) && run.paging.can_shrink(&self.plan.paginator) {
            run.paging.shrink(&self.plan.paginator);
            return Ok(None);
        }
        match self.meaning(&answer)? {
            None => {}
            Some(end @ (End::Parked(_) | End::Failed(_))) => return Ok(Some(Err(end))),
            // It is kept like a page: what is computed from kept answers asks for nothing then.
            Some(end) => {
                return Ok(Some(Ok(Fetched {
                    number: run.number,
                    hash: run.hash.clone(),
                    page: Page {
                        answer,
                        found: Found::default(),
                    },
                    last: true,
                    kept: false,
                    url,
                    end: Some(end),
                    short: None,
                })));
            }
        }
        let opened = match found.into_inner().transpose() {
            Ok(opened) => opened.unwrap_or_default(),
            // What is packed says nothing to people.
            Err(error) if error.error_code() == Some(segue_diag::REST_UNPACK) => return Err(error),
            Err(error) => return Err(error.with("answer", self.shown(&answer.body))),
        };
        let rest = match &answer.file {
            Some(file) => Rest::OnDisk(self.plan.form.parts(Came::OnDisk(file.clone()), most)?),
            None => Rest::Opened(opened),
        };
        run.current = Some(Current { answer, url, rest });
        self.next_part(run).await.map(Some)
    }

    /// The next part of the answer that is read now.
    async fn next_part(&self, run: &mut Run) -> Result<std::result::Result<Fetched, End>> {
        let part = run.current.as_mut().map(|current| match &mut current.rest {
            Rest::Opened(opened) => Ok(opened.pop_front().map(|(body, found)| (body, found, opened.is_empty()))),
            Rest::OnDisk(parts) => parts.next_part().and_then(|part| {
                let Some((body, is_last)) = part else { return Ok(None) };
                let found = page::find_records(&self.plan, &body)?;
                Ok(Some((body, found, is_last)))
            }),
        });
        let (body, found, is_last) = match part.transpose() {
            Ok(part) => part.flatten().ok_or_else(|| Error::bug("an answer has no part"))?,
            // What came of it does not count; the slice is asked anew by the next run.
            Err(error) if error.kind().is_transient() => return Ok(Err(Parked::because(error.to_string()))),
            Err(error) => return Err(error),
        };
        let number = run.number;
        run.number += 1;
        let hash = run.hash.clone();
        let Some(current) = run.current.as_mut() else {
            return Err(Error::bug("an answer is gone"));
        };
        let url = current.url.clone();
        let answer = Answer {
            body,
            file: None,
            ..current.answer.clone()
        };
        if !is_last {
            run.paging.part(&found);
            return Ok(Ok(Fetched {
                page: Page { answer, found },
                number,
                last: false,
                kept: false,
                url,
                hash,
                end: None,
                short: None,
            }));
        }
        run.current = None;
        let next = run.paging.advance(&self.plan.paginator, &url, &answer, &found)?;
        if next == Next::Stopped {
            let note = format!(
                "reading stopped after {} pages, as max_pages says; there are more",
                run.paging.pages
            );
            self.send(Read::Note(note)).await?;
        }
        let counts = next == Next::End && self.plan.paginator.ends_by_count();
        let short = counts.then(|| run.paging.says_more(&answer.body, &found)).flatten();
        Ok(Ok(Fetched {
            page: Page { answer, found },
            number,
            last: next != Next::More,
            kept: false,
            url,
            hash,
            end: None,
            short,
        }))
    }

    /// The beginning of an answer, without secrets: they are taken out before it is cut, so that no part of one is left.
    fn shown(&self, body: &[u8]) -> String {
        let text = String::from_utf8_lossy(&body[..body.len().min(RAW)]);
        let clean = self.http.redactor().text(&text);
        match clean.char_indices().nth(200) {
            Some((at, _)) => format!("{}…", &clean[..at]),
            None => clean,
        }
    }

    /// What an answer that is no page means for its slices.
    pub(super) fn meaning(&self, answer: &Answer) -> Result<Option<End>> {
        let status = answer.status;
        let error = || {
            let error = status_error(status);
            if answer.body.is_empty() {
                error
            } else {
                error.with("answer", self.shown(&answer.body))
            }
        };
        if let Some(then) = self.plan.rule(status, &answer.body) {
            let by_rule = |what: &str| format!("{what}: status {status}");
            return Ok(Some(match then {
                Then::Closed => End::Closed(by_rule("not ours to read")),
                Then::Ignore => End::Complete,
                Then::Fail => End::Failed(error()),
                Then::Park | Then::Retry => Parked::because(by_rule("to be asked again later")),
                Then::Quarantine => {
                    let raw = self.http.redactor().text(&raw_text(&answer.body));
                    End::Aside(Rejected {
                        reason: by_rule("the answer was set aside"),
                        path: None,
                        raw,
                    })
                }
            }));
        }
        match status {
            204 => Ok(Some(End::Complete)),
            200..300 => {
                let said = self.plan.graphql_error(&answer.body);
                // What is said may repeat what it was asked with.
                Ok(said.map(|e| End::Failed(e.rewritten(|text| self.http.redactor().text(text)))))
            }
            401 => Err(error()
                .code(segue_diag::REST_UNAUTHENTICATED)
                .hint("look at the connection's `auth`")),
            403 => {
                let hint = "if this is not yours to read, say `errors: [ { status: 403, then: closed } ]`";
                Ok(Some(End::Failed(error().code(segue_diag::REST_DENIED).hint(hint))))
            }
            _ => Ok(Some(End::Failed(error()))),
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
