//! OAuth 2: asking for an access token.

use super::{Carried, Jwt, Token};
use crate::http::{Http, Line, Redactor, retry, send, status_error};
use base64::Engine;
use reqwest::header::{AUTHORIZATION, HeaderValue};
use segue_core::meter::Meter;
use segue_core::{Clock, Ctx, Error, Kind, Result, Secret};
use serde::Deserialize;
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use url::Url;

/// No token is larger, in bytes.
const MOST_TOKEN: u64 = 1 << 20;

/// How a token is had.
#[derive(Clone, Debug)]
pub struct Oauth2 {
    /// For what.
    pub grant: Grant,
    /// Where.
    pub token_url: Url,
    /// The application.
    pub client_id: String,
    /// Its secret; none for an application that can keep none.
    pub client_secret: Option<Secret>,
    /// Where id and secret are sent.
    pub client_auth: ClientAuth,
    /// What is asked for.
    pub scopes: Vec<String>,
    /// What else is sent.
    pub params: Vec<(String, String)>,
}

/// For what a token is given.
#[derive(Clone, Debug)]
pub enum Grant {
    /// The application's own credentials.
    ClientCredentials,
    /// A token that was given for a person once; it may be another after each use.
    RefreshToken {
        /// The one that the settings have: the first.
        refresh_token: Secret,
    },
    /// What an account states and signs.
    Jwt(Arc<Jwt>),
}

/// Where the application's id and secret are sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClientAuth {
    /// As a header.
    #[default]
    Basic,
    /// In the form.
    Body,
}

impl Oauth2 {
    /// What of it must not be shown.
    pub fn secrets(&self) -> Vec<Secret> {
        let mut all = Vec::new();
        if let Some(secret) = &self.client_secret {
            all.extend([secret.clone(), basic(&self.client_id, secret)]);
        }
        match &self.grant {
            Grant::ClientCredentials => {}
            Grant::RefreshToken { refresh_token } => all.push(refresh_token.clone()),
            Grant::Jwt(jwt) => all.push(jwt.secret()),
        }
        all
    }
}

/// What asking needs of a connection.
pub(super) struct Wire {
    /// A client of its own: the connection's headers are not for this server.
    pub client: reqwest::Client,
    pub redactor: Redactor,
    pub clock: Arc<dyn Clock>,
    pub meter: Arc<Meter>,
}

impl Wire {
    /// On a reader's line.
    pub fn of(http: &Http, line: &Line, ctx: &Ctx) -> Result<Wire> {
        let client = line.tokens.clone();
        Ok(Wire {
            client: client.ok_or_else(|| Error::bug("a token is fetched on a line without one"))?,
            redactor: http.redactor.clone(),
            clock: http.clock.clone(),
            meter: ctx.meter.clone(),
        })
    }
}

/// What was given.
pub(super) struct Granted {
    /// The token.
    pub access_token: Secret,
    /// What the next one is had for; `None`: what this one was had for.
    pub refresh_token: Option<Secret>,
    /// For how long, if that was said.
    pub lives: Option<Duration>,
    /// When it was asked for, by the clock that never goes back.
    pub asked_at: Duration,
}

impl Granted {
    /// As it is carried. A new one is had early, so that no request leaves with one that ends on its way, and late enough for tokens of a
    /// second.
    pub fn into_token(self) -> Token {
        let early = |lives: Duration| lives - (lives / 10).min(Duration::from_secs(60));
        Token {
            carried: vec![Carried::bearer(&self.access_token)],
            renew_at: self.lives.map(|lives| self.asked_at + early(lives)),
            value: self.access_token,
        }
    }
}

#[derive(Deserialize)]
struct TokenAnswer {
    access_token: String,
    refresh_token: Option<String>,
    /// Seconds. Without it, or where it is none, the token is good until it is refused.
    expires_in: Option<Value>,
}

/// Asks once; `refresh_token` is what it is asked for, where the grant is one.
///
/// # Errors
/// `Unauthenticated` when it is refused; what keeps the server from answering.
pub(super) async fn ask(oauth2: &Oauth2, refresh_token: Option<&Secret>, wire: &Wire) -> Result<Granted> {
    let mut form: Vec<(&str, String)> = match (&oauth2.grant, refresh_token) {
        (Grant::Jwt(jwt), _) => {
            let assertion = jwt.assertion(wire.clock.now())?;
            wire.redactor.hide(&assertion);
            vec![
                ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer".to_string()),
                ("assertion", assertion.reveal().to_string()),
            ]
        }
        (_, Some(token)) => vec![
            ("grant_type", "refresh_token".to_string()),
            ("refresh_token", token.reveal().to_string()),
        ],
        (_, None) => vec![("grant_type", "client_credentials".to_string())],
    };
    if !oauth2.scopes.is_empty() {
        form.push(("scope", oauth2.scopes.join(" ")));
    }
    form.extend(oauth2.params.iter().map(|(name, value)| (name.as_str(), value.clone())));
    let token_url = &oauth2.token_url;
    let mut request = wire.client.post(token_url.clone());
    match (&oauth2.client_secret, oauth2.client_auth) {
        // It says itself who asks.
        _ if matches!(oauth2.grant, Grant::Jwt(_)) => {}
        (Some(secret), ClientAuth::Basic) => {
            let text = format!("Basic {}", basic(&oauth2.client_id, secret).reveal());
            let mut authorization = HeaderValue::from_str(&text)
                .map_err(|_| Error::new(Kind::Invalid, "the client's id or secret cannot be sent"))?;
            authorization.set_sensitive(true);
            request = request.header(AUTHORIZATION, authorization);
        }
        (secret, _) => {
            form.push(("client_id", oauth2.client_id.clone()));
            form.extend(secret.iter().map(|s| ("client_secret", s.reveal().to_string())));
        }
    }
    let asked_at = wire.clock.elapsed();
    wire.meter.calls.fetch_add(1, Ordering::Relaxed);
    let response = request.form(&form).send().await;
    let response = response.map_err(|e| send::failed(&wire.redactor, e, token_url))?;
    let status = response.status().as_u16();
    let retry_after = retry::retry_after(response.headers(), wire.clock.now());
    let about = |e: Error| e.with("token_url", send::shown(&wire.redactor, token_url));
    if status != 200 {
        let limited = matches!(status, 408 | 425 | 429 | 500..);
        let error = match (limited, refresh_token) {
            (true, _) => Error::new(status_error(status).kind(), "no token can be had at the moment"),
            (false, None) => Error::new(Kind::Unauthenticated, "no token is given for these credentials")
                .code(segue_diag::REST_UNAUTHENTICATED)
                .hint("look at client_id and client_secret of the connection"),
            (false, Some(_)) => Error::new(Kind::Unauthenticated, "no token is given for the refresh token any more")
                .code(segue_diag::REST_REFRESH)
                .hint("sign in again as the application does it, and put the new refresh token where the connection's secret comes from"),
        };
        let error = about(error).with("status", status);
        return Err(match retry_after.filter(|_| limited) {
            Some(delay) => error.retry_after(delay),
            None => error,
        });
    }
    let body = send::body(&wire.redactor, &wire.meter, response, token_url, MOST_TOKEN).await?;
    let answer: TokenAnswer = serde_json::from_slice(&body).map_err(|e| {
        // What it says is not shown: it may hold a token.
        let why = match e.classify() {
            serde_json::error::Category::Data => "it lacks an `access_token`, or has something else there",
            _ => "it is not JSON",
        };
        about(Error::new(
            Kind::Unavailable,
            format!("the answer of the server that gives tokens is not one: {why}"),
        ))
    })?;
    if answer.access_token.is_empty() {
        return Err(about(
            Error::new(
                Kind::Unauthenticated,
                "the token that is given for these credentials is empty",
            )
            .code(segue_diag::REST_UNAUTHENTICATED)
            .hint("look at client_id, client_secret and scopes of the connection"),
        ));
    }
    let expires_in = match &answer.expires_in {
        Some(Value::Number(seconds)) => seconds.as_f64(),
        // Some servers write it as text.
        Some(Value::String(seconds)) => seconds.parse().ok(),
        _ => None,
    };
    let lives = expires_in
        .filter(|s| s.is_finite() && *s >= 0.0)
        .map(|s| Duration::from_secs_f64(s.min(1e9)));
    let granted = Granted {
        access_token: Secret::new(answer.access_token),
        // One that is empty is left out by a server that writes every field.
        refresh_token: answer.refresh_token.filter(|t| !t.is_empty()).map(Secret::new),
        lives,
        asked_at,
    };
    wire.redactor.hide(&granted.access_token);
    granted.refresh_token.iter().for_each(|t| wire.redactor.hide(t));
    Ok(granted)
}

/// `id:secret` as HTTP Basic writes it.
pub(super) fn basic(client_id: &str, client_secret: &Secret) -> Secret {
    Secret::new(base64::engine::general_purpose::STANDARD.encode(format!("{client_id}:{}", client_secret.reveal())))
}

/// The password in what HTTP Basic writes, or a key that stands in its place.
pub(super) fn password(basic: &str) -> Option<Secret> {
    let decoded = base64::engine::general_purpose::STANDARD.decode(basic).ok()?;
    let text = String::from_utf8(decoded).ok()?;
    let (user, password) = text.split_once(':')?;
    // Where there is no password, the user is a key.
    Some(Secret::new(if password.is_empty() { user } else { password }))
}
