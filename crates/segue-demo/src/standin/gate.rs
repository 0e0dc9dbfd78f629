//! The gate that every request passes: counted, identified, blocked, limited, troubled, in this order.

use super::board::{Board, Refusal, whole_seconds};
use super::request::{Class, Request};
use super::shapes::{Reply, api_error};
use super::spoil::Trouble;
use super::tokens::{Tokens, Worth};
use super::window::{Peak, Window};
use super::{Options, Stats};
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;
use serde_json::json;
use std::collections::VecDeque;
use std::time::Duration;

const MOST_RECENT: usize = 1000;

/// What the server remembers between requests.
pub(super) struct Gate {
    pub(super) faults: Board,
    pub(super) tokens: Tokens,
    window: Option<Window>,
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
            window: options.limits.window().map(|(most, length)| Window::new(most, length)),
            peak: Peak::default(),
            span: None,
            asked: [0; Class::ALL.len()],
            refused: 0,
            recent: VecDeque::new(),
        }
    }

    pub(super) fn judge(&mut self, class: Class, request: &Request<'_>, now: Timestamp) -> Verdict {
        self.count(class, request, now);
        let refusal = match class {
            Class::Token | Class::Other => None,
            Class::Bench => self.refuse(class, now),
            _ => self.stranger(request, now).or_else(|| self.refuse(class, now)),
        };
        if let Some(reply) = refusal {
            return Verdict::Refused(reply);
        }
        match self.faults.meet(class, request, now) {
            Ok(trouble) => Verdict::Admitted(trouble),
            Err(refusal) => Verdict::Refused(reply(refusal)),
        }
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
        if let Some(window) = &mut self.window {
            window.clear();
        }
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

    /// Whoever comes without a good token.
    fn stranger(&self, request: &Request<'_>, now: Timestamp) -> Option<Reply> {
        match request.bearer() {
            None if request.authorization.is_some() => {
                Some(api_error(400, "Only valid bearer authentication supported"))
            }
            None | Some("") => Some(api_error(401, "No token provided")),
            Some(token) => match self.tokens.worth(token, now) {
                Worth::Good => None,
                Worth::Expired => Some(api_error(401, "The access token expired")),
                Worth::Unknown => Some(api_error(401, "Invalid access token")),
            },
        }
    }

    /// Blocks, closed doors, limits.
    fn refuse(&mut self, class: Class, now: Timestamp) -> Option<Reply> {
        if let Some(refusal) = self.faults.shut(class, now) {
            return Some(reply(refusal));
        }
        let wait = self.window.as_mut()?.admit(now).err()?;
        self.refused += 1;
        Some(too_many(whole_seconds(wait).max(1).to_string()))
    }
}

/// What a refused request is told.
fn reply(refusal: Refusal) -> Reply {
    match refusal {
        Refusal::Blocked { seconds } => Reply {
            retry_after: Some(seconds.to_string()),
            ..Reply::json(
                429,
                &json!({ "error": { "status": 429, "message": "API rate limit exceeded", "reason": "QUOTA_EXCEEDED" } }),
            )
        },
        Refusal::Forbidden => api_error(403, "Forbidden"),
        Refusal::RateLimited { seconds } => too_many(seconds.to_string()),
        Refusal::RateLimitedUntil(then) => match DateTimePrinter::new().timestamp_to_rfc9110_string(&then) {
            Ok(date) => too_many(date),
            Err(_) => too_many("1".into()),
        },
        Refusal::ExpiredToken => api_error(401, "The access token expired"),
        Refusal::ServerError(status) => api_error(
            status,
            match status {
                502 => "Bad gateway.",
                503 => "Service temporarily unavailable",
                _ => "Internal server error",
            },
        ),
        Refusal::NotJson => Reply {
            content_type: "text/html; charset=utf-8",
            ..Reply::bytes(
                200,
                "<!DOCTYPE html>\n<html><body><h1>We will be right back</h1></body></html>\n",
            )
        },
    }
}

fn too_many(retry_after: String) -> Reply {
    Reply {
        retry_after: Some(retry_after),
        ..api_error(429, "API rate limit exceeded")
    }
}
