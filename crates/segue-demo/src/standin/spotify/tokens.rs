//! Tokens: handed out for client credentials, good for a while.

use super::shapes::oauth_error;
use crate::numbers::id_of;
use crate::standin::reply::Reply;
use crate::standin::request::{Pairs, Request};
use crate::standin::{Options, Server};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::json;
use std::collections::HashMap;
use std::time::Duration;

/// How long a token is good for.
pub(in crate::standin) const LIFE: Duration = Duration::from_secs(3600);
/// So many tokens are remembered at most; then those that are over are forgotten.
const MOST: usize = 10_000;

/// The tokens that were handed out, with their ends.
#[derive(Default)]
pub(in crate::standin) struct Tokens {
    ends: HashMap<String, Timestamp>,
    pub(in crate::standin) issued: u64,
}

/// What a token is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::standin) enum Worth {
    Good,
    Expired,
    Unknown,
}

impl Tokens {
    /// A new token, good until `now + life`.
    fn issue(&mut self, seed: u64, now: Timestamp, life: Duration) -> String {
        if self.ends.len() >= MOST {
            self.ends.retain(|_, end| *end > now);
        }
        self.issued += 1;
        let part = |n: u8| id_of("token", &format!("{seed}/{now}/{}/{n}", self.issued));
        let token = format!("BQ{}{}", part(1), part(2));
        self.ends.insert(token.clone(), now + life);
        token
    }

    pub(in crate::standin) fn worth(&self, token: &str, now: Timestamp) -> Worth {
        match self.ends.get(token) {
            Some(end) if *end > now => Worth::Good,
            Some(_) => Worth::Expired,
            None => Worth::Unknown,
        }
    }
}

impl Server {
    /// Answers `POST /api/token`.
    pub(in crate::standin) fn token(&self, request: &Request<'_>) -> Reply {
        if request.method != "POST" {
            return oauth_error(405, "invalid_request", "use POST");
        }
        let form = Pairs::of(&String::from_utf8_lossy(request.body));
        if let Err(description) = known(&self.options, request.authorization, &form) {
            return oauth_error(400, "invalid_client", description);
        }
        match form.get("grant_type") {
            Some("client_credentials") => {}
            Some(_) => return oauth_error(400, "unsupported_grant_type", "grant_type must be client_credentials"),
            None => return oauth_error(400, "unsupported_grant_type", "grant_type parameter is missing"),
        }
        let now = self.options.clock.now();
        let mut gate = self.gate.lock();
        let life = gate.faults.token_life().unwrap_or(LIFE);
        let token = gate.tokens.issue(self.options.seed, now, life);
        Reply::json(
            200,
            &json!({ "access_token": token, "token_type": "Bearer", "expires_in": life.as_secs() }),
        )
    }
}

/// Whether these are the client's credentials: in the header or, without one, in the form.
fn known(options: &Options, authorization: Option<&str>, form: &Pairs) -> Result<(), &'static str> {
    let (id, secret) = match authorization {
        Some(header) => basic(header).ok_or("Invalid client")?,
        None => {
            let text = |name| form.get(name).unwrap_or_default().to_string();
            (text("client_id"), text("client_secret"))
        }
    };
    match (id == options.client_id, secret == options.client_secret) {
        (true, true) => Ok(()),
        (true, false) => Err("Invalid client secret"),
        (false, _) => Err("Invalid client"),
    }
}

fn basic(header: &str) -> Option<(String, String)> {
    let (scheme, encoded) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = text.split_once(':')?;
    Some((id.to_string(), secret.to_string()))
}
