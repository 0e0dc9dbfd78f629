//! One way through the pages of one request: asking, and what an answer means.

use super::asked::Asked;
use super::copy::Then;
use super::group::{End, Fetched, Parked};
use super::page::{self, Opened, Page, RAW, raw_text};
use super::paginate::{Next, Paging};
use super::plan::Plan;
use super::read::Reading;
use super::template::Extra;
use crate::forms::{Came, Parts};
use crate::http::{Answer, Call, Got, Verdict, status_error};
use crate::json::find::Found;
use parking_lot::Mutex;
use segue_core::source::{Read, Rejected};
use segue_core::{Error, Result, Slice};
use std::sync::atomic::Ordering;
use url::Url;

/// One way through the pages of one request.
pub struct Run {
    call: Call,
    hash: String,
    paging: Paging,
    /// What templates may name of it beside its slices.
    extra: Extra,
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
    OnDisk(Box<Parts>),
}

impl Run {
    /// Before its first page.
    pub fn new(plan: &Plan, call: Call, asked: Asked, extra: Extra) -> Run {
        Run {
            hash: plan.request_hash(&call, &asked),
            paging: plan.paginator.start(asked),
            call,
            extra,
            current: None,
        }
    }
}

impl Reading {
    /// What is asked for these slices by this plan.
    ///
    /// # Errors
    /// `Invalid` when a template cannot be filled in.
    pub(super) fn run_of(&self, plan: &Plan, slices: &[usize], extra: Extra) -> Result<Run> {
        let members: Vec<&Slice> = slices.iter().map(|i| &self.slices[*i]).collect();
        let settings = self.http.settings();
        let (call, asked) = plan.call(&settings.base_url, &settings.identity, &members, &extra)?;
        Ok(Run::new(plan, call, asked, extra))
    }

    /// One request; `None`: it is to be asked otherwise.
    ///
    /// # Errors
    /// What concerns the connection as a whole, and what is wrong with the request or its answer.
    pub(super) async fn turn(&self, plan: &Plan, run: &mut Run) -> Result<Option<std::result::Result<Fetched, End>>> {
        if run.current.is_some() {
            return self.next_part(plan, run).await.map(Some);
        }
        let asked = run.paging.asked(&plan.paginator)?;
        let call = asked.call(&run.call)?;
        let url = asked.url;
        let found = Mutex::new(None);
        let most = self.http.settings().max_body;
        let judge = |answer: &Answer| page::judge(plan, &run.paging, answer, most, &mut found.lock());
        let answer = match self.answer(&call, &judge).await? {
            Ok(answer) => answer,
            Err(end) => return Ok(Some(Err(end))),
        };
        if plan.paginator.complains(answer.status, &answer.body) && run.paging.can_shrink(&plan.paginator) {
            run.paging.shrink(&plan.paginator);
            return Ok(None);
        }
        match self.meaning(plan, &answer)? {
            None => {}
            Some(end @ (End::Parked(_) | End::Failed(_))) => return Ok(Some(Err(end))),
            // It is kept like a page: what is computed from kept answers asks for nothing then.
            Some(end) => {
                return Ok(Some(Ok(Fetched {
                    number: 0,
                    hash: run.hash.clone(),
                    extra: run.extra.clone(),
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
            Some(file) => match plan.form.parts(Came::OnDisk(file.clone()), most) {
                Ok(parts) => Rest::OnDisk(Box::new(parts)),
                Err(error) if error.kind().is_transient() => return Ok(Some(Err(Parked::because(error.to_string())))),
                Err(error) => return Err(error),
            },
            None => Rest::Opened(opened),
        };
        run.current = Some(Current { answer, url, rest });
        self.next_part(plan, run).await.map(Some)
    }

    /// Asks, unless the server seems to be down.
    ///
    /// # Errors
    /// What concerns the connection as a whole.
    pub(super) async fn answer(
        &self,
        call: &Call,
        judge: &(dyn Fn(&Answer) -> Verdict + Sync),
    ) -> Result<std::result::Result<Answer, End>> {
        if self.is_down() {
            return Ok(Err(Parked::because(
                "not asked: the server did not answer the requests before",
            )));
        }
        let got = self.http.ask(&self.line, call, judge, &self.ctx).await?;
        match got {
            Got::Answer(answer) => {
                self.down.store(0, Ordering::Relaxed);
                Ok(Ok(answer))
            }
            Got::Blocked(block) => Ok(Err(End::Parked(Parked {
                until: Some(block.until),
                block: Some(block.key),
                reason: block.reason,
            }))),
            Got::GaveUp { error, status } => {
                // A server that says no to what it was asked is there: only one that has trouble, or says nothing, may be down.
                match status {
                    Some(300..=407 | 409..=424 | 426..=428 | 430..=499) => self.down.store(0, Ordering::Relaxed),
                    _ => {
                        self.down.fetch_add(1, Ordering::Relaxed);
                    }
                }
                if !error.kind().is_transient() {
                    return Ok(Err(End::Failed(error)));
                }
                Ok(Err(End::Parked(Parked {
                    until: error.delay().and_then(|d| self.ctx.clock.now().checked_add(d).ok()),
                    block: None,
                    reason: error.to_string(),
                })))
            }
        }
    }

    /// The next part of the answer that is read now.
    async fn next_part(&self, plan: &Plan, run: &mut Run) -> Result<std::result::Result<Fetched, End>> {
        let part = run.current.as_mut().map(|current| match &mut current.rest {
            Rest::Opened(opened) => Ok(opened.pop_front().map(|(body, found)| (body, found, opened.is_empty()))),
            Rest::OnDisk(parts) => parts.next_part().and_then(|part| {
                let Some((part, is_last)) = part else { return Ok(None) };
                let found = page::find_records(plan, &part.bytes)?;
                Ok(Some((part.bytes, found, is_last)))
            }),
        });
        let (body, found, is_last) = match part.transpose() {
            Ok(part) => part.flatten().ok_or_else(|| Error::bug("an answer has no part"))?,
            // What came of it does not count; the slice is asked anew by the next run.
            Err(error) if error.kind().is_transient() => return Ok(Err(Parked::because(error.to_string()))),
            Err(error) => return Err(error),
        };
        let (hash, extra) = (run.hash.clone(), run.extra.clone());
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
                number: 0,
                last: false,
                kept: false,
                url,
                hash,
                extra,
                end: None,
                short: None,
            }));
        }
        run.current = None;
        let next = run.paging.advance(&plan.paginator, &url, &answer, &found)?;
        if next == Next::Stopped {
            let note = format!(
                "reading stopped after {} pages, as max_pages says; there are more",
                run.paging.pages
            );
            self.send(Read::Note(note)).await?;
        }
        let counts = next == Next::End && plan.paginator.ends_by_count();
        let short = counts.then(|| run.paging.says_more(&answer.body, &found)).flatten();
        Ok(Ok(Fetched {
            page: Page { answer, found },
            number: 0,
            last: next != Next::More,
            kept: false,
            url,
            hash,
            extra,
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
    pub(super) fn meaning(&self, plan: &Plan, answer: &Answer) -> Result<Option<End>> {
        let status = answer.status;
        let error = || {
            let error = status_error(status);
            if answer.body.is_empty() {
                error
            } else {
                error.with("answer", self.shown(&answer.body))
            }
        };
        if let Some(then) = plan.rule(status, &answer.body) {
            let by_rule = |what: &str| format!("{what}: status {status}");
            return Ok(Some(match then {
                Then::Closed => End::Closed(by_rule("not ours to read")),
                Then::Ignore => End::Complete,
                Then::Fail => End::Failed(error()),
                Then::Park | Then::Retry => Parked::because(by_rule("to be asked again later")),
                Then::Quarantine => {
                    let raw = self.http.redactor().text(&raw_text(&answer.body));
                    End::Aside(Box::new(Rejected {
                        reason: by_rule("the answer was set aside"),
                        path: None,
                        raw,
                        beside: None,
                    }))
                }
            }));
        }
        match status {
            204 => Ok(Some(End::Complete)),
            200..300 => {
                let said = plan.graphql_error(&answer.body);
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
