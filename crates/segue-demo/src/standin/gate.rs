//! The gate that every request passes: counted, identified, blocked, limited, troubled, in this order.

use super::board::{Board, Refusal, whole_seconds};
use super::class::Class;
use super::reply::Reply;
use super::request::Request;
use super::service::{Api, Refused};
use super::spoil::Trouble;
use super::spotify::tokens::Tokens;
use super::window::{Left, Peak, Window, admit};
use super::{Options, Stats};
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;
use std::collections::VecDeque;
use std::time::Duration;

const MOST_RECENT: usize = 1000;

/// What the server remembers between requests.
pub(super) struct Gate {
    pub(super) faults: Board,
    pub(super) tokens: Tokens,
    windows: Vec<Window>,
    peak: Peak,
    /// When the first and the last request came.
    span: Option<(Timestamp, Timestamp)>,
    asked: [u64; Class::ALL.len()],
    refused: u64,
    recent: VecDeque<String>,
}

/// What becomes of a request.
pub(super) enum Verdict {
    Refused(Reply),
    Admitted(Trouble),
}

impl Gate {
    pub(super) fn new(options: &Options) -> Gate {
        Gate {
            faults: Board::new(options.seed, &options.faults),
            tokens: Tokens::default(),
            windows: options.limits.windows(options.service),
            peak: Peak::default(),
            span: None,
            asked: [0; Class::ALL.len()],
            refused: 0,
            recent: VecDeque::new(),
        }
    }

    pub(super) fn judge(&mut self, class: Class, request: &Request<'_>, now: Timestamp, api: &dyn Api) -> Verdict {
        self.count(class, request, now);
        let refusal = match class {
            Class::Token | Class::Other => None,
            Class::Bench => self.refuse(class, now, api),
            _ => api
                .stranger(request, &self.tokens, now)
                .or_else(|| self.refuse(class, now, api)),
        };
        if let Some(reply) = refusal {
            return Verdict::Refused(reply);
        }
        match self.faults.meet(class, request, now) {
            Ok(trouble) => Verdict::Admitted(trouble),
            Err(refusal) => Verdict::Refused(reply(refusal, api)),
        }
    }

    /// What the first limit has left; `None` without limits.
    pub(super) fn left(&mut self, now: Timestamp) -> Option<Left> {
        Some(self.windows.first_mut()?.left(now))
    }

    pub(super) fn stats(&self) -> Stats {
        let asked = Class::ALL.into_iter().zip(self.asked).filter(|(_, n)| *n > 0);
        Stats {
            total: self.asked.iter().sum(),
            requests: asked.map(|(class, n)| (class.name().to_string(), n)).collect(),
            refused: self.refused,
            faults: self.faults.fired(),
            tokens: self.tokens.issued,
            max_in_one_second: self.peak.most as u64,
            asked_for: self.span.map_or(Duration::ZERO, |(first, last)| {
                Duration::try_from(last.duration_since(first)).unwrap_or_default()
            }),
        }
    }

    pub(super) fn recent(&self) -> Vec<String> {
        self.recent.iter().cloned().collect()
    }

    /// Counters, windows and patterns from their start. Tokens stay good.
    pub(super) fn reset(&mut self) {
        self.faults.reset();
        self.tokens.issued = 0;
        self.peak = Peak::default();
        self.span = None;
        self.asked = [0; Class::ALL.len()];
        self.refused = 0;
        self.recent.clear();
        self.windows.iter_mut().for_each(Window::clear);
    }

    fn count(&mut self, class: Class, request: &Request<'_>, now: Timestamp) {
        self.asked[class as usize] += 1;
        if class != Class::Token {
            self.peak.count(now);
            self.span = Some((self.span.map_or(now, |(first, _)| first), now));
        }
        if class != Class::Bench {
            if self.recent.len() >= MOST_RECENT {
                self.recent.pop_front();
            }
            self.recent
                .push_back(format!("{} {}", request.method, request.target()));
        }
    }

    /// Blocks, closed doors, limits.
    fn refuse(&mut self, class: Class, now: Timestamp, api: &dyn Api) -> Option<Reply> {
        if let Some(refusal) = self.faults.shut(class, now) {
            return Some(reply(refusal, api));
        }
        let full = admit(&mut self.windows, now).err()?;
        self.refused += 1;
        let refused = api.refuse(if full.is_quota {
            Refused::Quota
        } else {
            Refused::TooMany
        });
        Some(match api.says_when() {
            true => refused.retry_after(whole_seconds(full.wait).max(1).to_string()),
            false => refused,
        })
    }
}

/// What a request is told that a fault refuses.
fn reply(refusal: Refusal, api: &dyn Api) -> Reply {
    match refusal {
        Refusal::Blocked { seconds } => api.refuse(Refused::Quota).retry_after(seconds.to_string()),
        Refusal::Forbidden => api.refuse(Refused::Forbidden),
        Refusal::RateLimited { seconds } => api.refuse(Refused::TooMany).retry_after(seconds.to_string()),
        Refusal::RateLimitedUntil(then) => {
            let date = DateTimePrinter::new().timestamp_to_rfc9110_string(&then);
            api.refuse(Refused::TooMany)
                .retry_after(date.unwrap_or_else(|_| "1".into()))
        }
        Refusal::Lie(when) => api.refuse(Refused::TooMany).retry_after(when),
        Refusal::ExpiredToken => api.refuse(Refused::ExpiredToken),
        Refusal::ServerError(status) => api.refuse(Refused::Server(status)),
        Refusal::ErrorInBody => api.refuse(Refused::InBody),
        Refusal::NotJson => Reply {
            content_type: "text/html; charset=utf-8",
            ..Reply::bytes(
                200,
                "<!DOCTYPE html>\n<html><body><h1>We will be right back</h1></body></html>\n",
            )
        },
    }
}
