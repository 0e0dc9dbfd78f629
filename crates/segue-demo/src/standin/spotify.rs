//! Spotify: its Web API with client credentials, whole or as development mode has it.
//!
//! In development mode (new applications since 11 February 2026) batches by id, top tracks, related artists, audio features and
//! analysis, and everything to browse are closed with 403, recommendations with 404; artists come without followers and popularity,
//! half of them without genres, which are deprecated, and tracks without popularity; the account has a quota beside the rate; and
//! who is forbidden something has no subscription.

mod api;
mod call;
pub(super) mod shapes;
pub(super) mod tokens;

use super::Server;
use super::class::Class;
use super::reply::Reply;
use super::request::{Pairs, Request};
use super::service::{Api, Refused};
use super::window::Window;
use api::Answers;
use call::Call;
use jiff::Timestamp;
use serde_json::json;
use shapes::api_error;
use std::time::Duration;
use tokens::{Tokens, Worth};

/// Spotify in one of its modes.
pub(super) struct Spotify(pub(super) Mode);

/// What an application may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// Everything.
    Extended,
    /// What a new application may.
    Development,
}

impl Api for Spotify {
    fn class(&self, request: &Request<'_>) -> Class {
        Call::of(request).class()
    }

    fn limits(&self) -> Vec<Window> {
        let rate = Window::new(180, Duration::from_secs(30));
        match self.0 {
            Mode::Extended => vec![rate],
            Mode::Development => vec![rate, Window::quota(600, Duration::from_secs(86_400))],
        }
    }

    fn says_when(&self) -> bool {
        true
    }

    /// Whoever comes without a good token.
    fn stranger(&self, request: &Request<'_>, tokens: &Tokens, now: Timestamp) -> Option<Reply> {
        match request.bearer() {
            None if request.authorization.is_some() => {
                Some(api_error(400, "Only valid bearer authentication supported"))
            }
            None | Some("") => Some(api_error(401, "No token provided")),
            Some(token) => match tokens.worth(token, now) {
                Worth::Good => None,
                Worth::Expired => Some(api_error(401, "The access token expired")),
                Worth::Unknown => Some(api_error(401, "Invalid access token")),
            },
        }
    }

    fn answer(&self, server: &Server, request: &Request<'_>) -> Reply {
        let call = Call::of(request);
        if call != Call::Token && request.method != "GET" {
            return api_error(405, "Method not allowed");
        }
        match &call {
            Call::Token => server.token(request),
            Call::Bench(kind) => server.bench.page(kind, &Pairs::of(request.query)),
            call => match self.closed(call) {
                Some(refusal) => refusal,
                None => Answers::of(server, self.0)
                    .answer(call, request)
                    .map_or_else(|refusal| refusal, |value| Reply::json(200, &value)),
            },
        }
    }

    fn refuse(&self, refused: Refused) -> Reply {
        match refused {
            Refused::TooMany => api_error(429, "API rate limit exceeded"),
            Refused::Quota => Reply::json(
                429,
                &json!({ "error": { "status": 429, "message": "API rate limit exceeded", "reason": "QUOTA_EXCEEDED" } }),
            ),
            Refused::Forbidden => api_error(
                403,
                match self.0 {
                    Mode::Extended => "Forbidden",
                    Mode::Development => "Active premium subscription required for the owner of the app.",
                },
            ),
            Refused::ExpiredToken => api_error(401, "The access token expired"),
            Refused::Server(status) => api_error(
                status,
                match status {
                    502 => "Bad gateway.",
                    503 => "Service temporarily unavailable",
                    _ => "Internal server error",
                },
            ),
            Refused::InBody => Reply::json(
                200,
                &json!({ "error": { "status": 503, "message": "Service temporarily unavailable" } }),
            ),
        }
    }
}

impl Spotify {
    /// What development mode says to a call that it has no more.
    fn closed(&self, call: &Call) -> Option<Reply> {
        if self.0 == Mode::Extended {
            return None;
        }
        match call {
            Call::Artists
            | Call::Tracks
            | Call::TopTracks(_)
            | Call::RelatedArtists
            | Call::AudioFeatures
            | Call::AudioFeature(_)
            | Call::AudioAnalysis
            | Call::Removed => Some(api_error(403, "Forbidden")),
            Call::Recommendations => Some(Reply {
                content_type: "text/plain; charset=utf-8",
                ..Reply::bytes(404, "")
            }),
            _ => None,
        }
    }
}
