//! Slices that share their requests, and how they come by their pages.

use super::copy::Then;
use super::page::{self, Page, RAW, raw_text};
use super::paginate::{Next, Paging};
use super::read::Reading;
use crate::http::{Answer, Call, Got, status_error};
use crate::json::Path;
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
}

/// How slices end.
pub enum End {
    /// Everything was read.
    Complete,
    /// Not ours to read.
    Closed(String),
    /// To go on later.
    Parked(Option<Timestamp>, String),
    /// Over.
    Failed(Error),
    /// Done, with the answer set aside.
    Aside(Rejected),
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

    /// Of these slices, with all their pages.
    pub fn kept(slices: Vec<usize>, pages: VecDeque<Fetched>) -> Group {
        Group {
            slices,
            held: pages,
            end: Some(End::Complete),
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
        match self.next_page(group).await {
            Ok(Ok(fetched)) => {
                if fetched.last {
                    group.end = Some(End::Complete);
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

    async fn next_page(&self, group: &mut Group) -> Result<std::result::Result<Fetched, End>> {
        if group.run.is_none() {
            let members: Vec<&Slice> = group.slices.iter().map(|i| &self.slices[*i]).collect();
            let settings = self.http.settings();
            let call = self.plan.call(&settings.base_url, &settings.identity, &members)?;
            let hash = self.plan.request_hash(&call);
            let paging = self.plan.paginator.start(call.url.clone());
            group.run = Some(Run { call, hash, paging });
        }
        let Some(run) = &mut group.run else {
            return Err(Error::bug("a group has no request"));
        };
        if self.is_down() {
            return Ok(Err(End::Parked(
                None,
                "not asked: the server did not answer the requests before".into(),
            )));
        }
        let url = run.paging.url(&self.plan.paginator)?;
        let call = Call {
            url: url.clone(),
            ..run.call.clone()
        };
        let found = Mutex::new(None);
        let got = self
            .http
            .get(
                &self.line,
                &call,
                &|answer| page::judge(&self.plan, answer, &mut found.lock()),
                &self.ctx,
            )
            .await?;
        let answer = match got {
            Got::Answer(answer) => answer,
            Got::Blocked(block) => return Ok(Err(End::Parked(Some(block.until), block.reason))),
            Got::GaveUp(error) => {
                self.down.fetch_add(1, Ordering::Relaxed);
                if !error.kind().is_transient() {
                    return Ok(Err(End::Failed(error)));
                }
                let until = error.delay().and_then(|d| self.ctx.clock.now().checked_add(d).ok());
                return Ok(Err(End::Parked(until, error.to_string())));
            }
        };
        self.down.store(0, Ordering::Relaxed);
        if let Some(end) = self.meaning(&answer)? {
            return Ok(Err(end));
        }
        let found = match found.into_inner().transpose() {
            Ok(found) => found.unwrap_or_default(),
            Err(error) => return Err(error.with("answer", self.shown(&answer.body))),
        };
        let number = run.paging.pages;
        let next = run.paging.advance(&self.plan.paginator, &url, &answer.body, &found)?;
        if next == Next::Stopped {
            let note = format!(
                "reading stopped after {} pages, as max_pages says; there are more",
                run.paging.pages
            );
            self.send(Read::Note(note)).await?;
        }
        let last = next != Next::More;
        let hash = run.hash.clone();
        Ok(Ok(Fetched {
            page: Page { answer, found },
            number,
            last,
            kept: false,
            url,
            hash,
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
    fn meaning(&self, answer: &Answer) -> Result<Option<End>> {
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
                Then::Park | Then::Retry => End::Parked(None, by_rule("to be asked again later")),
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
            200..300 => Ok(None),
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
    let at = |name: &str| Path::parse(&format!("$.{name}")).ok()?.value_in(body).ok()?;
    for name in ["next", "next_page", "next_cursor", "next_page_token", "nextPageToken"] {
        if at(name).is_some_and(|v| v.as_str().is_some_and(|s| !s.is_empty()) || v.is_number()) {
            return Some(format!("the answer has `{name}`"));
        }
    }
    if at("has_more").is_some_and(|v| v == true) {
        return Some("the answer says `has_more`".into());
    }
    if let Some(total) = at("total").and_then(|v| v.as_u64()).filter(|total| *total > count) {
        return Some(format!("{count} records came, and the answer's `total` is {total}"));
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
    /// The page as it is kept, in the shape of [`page_schema`].
    ///
    /// # Errors
    /// `Bug` when it does not fit that shape.
    pub fn to_batch(&self, reading: &Reading, group: &Group) -> Result<RecordBatch> {
        let keys: Vec<String> = group.slices.iter().map(|i| reading.slices[*i].labels.key()).collect();
        let slices = serde_json::to_string(&keys).map_err(|e| Error::bug("keys are no JSON").caused_by(e))?;
        let request = format!("GET {}", reading.http.redactor().url(&self.url));
        let columns: Vec<ArrayRef> = vec![
            Arc::new(StringArray::from(vec![slices])),
            Arc::new(Int64Array::from(vec![self.number as i64])),
            Arc::new(BooleanArray::from(vec![self.last])),
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
