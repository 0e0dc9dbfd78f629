//! Who asks: credentials, and a token that is renewed by one for all.

use super::{Http, Line, Redactor, retry};
use base64::Engine;
use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue};
use segue_core::{Ctx, Error, Kind, Result, Secret};
use serde::Deserialize;
use serde_json::Value;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::Mutex;
use url::Url;

/// No token is larger, in bytes.
const MOST_TOKEN: u64 = 1 << 20;

/// For so long a failure to get a token stands for all who want one: those who waited for it, and those who come right after.
const FAILURE_HOLDS: Duration = Duration::from_secs(10);

/// Who asks.
#[derive(Clone, Debug)]
pub enum Credentials {
    /// Nobody in particular.
    None,
    /// A token that does not change.
    Bearer(Secret),
    /// A key in a header.
    Header(String, Secret),
    /// A key in the query.
    Query(String, Secret),
    /// OAuth 2 client credentials.
    ClientCredentials {
        /// Where the token is had.
        token_url: Url,
        /// The application.
        client_id: String,
        /// Its secret.
        client_secret: Secret,
        /// What is asked for.
        scopes: Vec<String>,
    },
}

impl Credentials {
    /// Keeps its secrets out of everything that is shown.
    pub fn hide(&self, redactor: &Redactor) {
        match self {
            Credentials::None => {}
            Credentials::Bearer(secret) | Credentials::Header(_, secret) | Credentials::Query(_, secret) => {
                redactor.hide(secret)
            }
            Credentials::ClientCredentials {
                client_id,
                client_secret,
                ..
            } => {
                redactor.hide(client_secret);
                redactor.hide(&basic(client_id, client_secret));
            }
        }
    }
}

/// What goes with one request.
#[derive(Clone, Debug)]
pub struct Credential {
    header: Option<(String, Secret)>,
    query: Option<(String, Secret)>,
    /// Whether a new one may be had.
    pub renewable: bool,
    generation: u64,
}

impl Credential {
    /// The URL with the key in its query, if it goes there.
    pub fn sign(&self, mut url: Url) -> Url {
        if let Some((name, value)) = &self.query {
            url.query_pairs_mut().append_pair(name, value.reveal());
        }
        url
    }

    /// The header that carries it, marked so that nothing logs it.
    ///
    /// # Errors
    /// `Invalid` when it cannot be sent as a header.
    pub fn header(&self) -> Result<Option<(HeaderName, HeaderValue)>> {
        let Some((name, value)) = &self.header else {
            return Ok(None);
        };
        let bad = || Error::new(Kind::Invalid, "the credentials cannot be sent as a header");
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad().with("header", name))?;
        let mut value = HeaderValue::from_str(value.reveal()).map_err(|_| bad())?;
        value.set_sensitive(true);
        Ok(Some((name, value)))
    }
}

/// Gives every request its credential.
pub struct Provider {
    credentials: Credentials,
    redactor: Redactor,
    token: Mutex<State>,
}

#[derive(Default)]
struct State {
    generation: u64,
    token: Option<Token>,
    /// When the last fetch failed, by the clock that never goes back, and why.
    failure: Option<(Duration, Error)>,
}

struct Token {
    value: Secret,
    /// When a new one is fetched, by the clock that never goes back; `None`: when this one is refused.
    renew_at: Option<Duration>,
}

#[derive(Deserialize)]
struct TokenAnswer {
    access_token: String,
    /// Seconds. Without it, or where it is none, the token is good until it is refused.
    expires_in: Option<Value>,
}

impl Provider {
    /// For these credentials.
    pub fn new(credentials: Credentials, redactor: Redactor) -> Provider {
        Provider {
            credentials,
            redactor,
            token: Mutex::default(),
        }
    }

    /// A credential that is good now. Where a token has to be fetched, one does it, as often as any request is tried, and the others
    /// wait; what keeps it from being had is theirs as well.
    ///
    /// # Errors
    /// `Unauthenticated` when the server that gives tokens refuses; what keeps it from answering.
    pub async fn get(&self, http: &Http, line: &Line, ctx: &Ctx) -> Result<Credential> {
        let plain = |header, query| Credential {
            header,
            query,
            renewable: false,
            generation: 0,
        };
        let bearer = |token: &Secret| {
            Some((
                AUTHORIZATION.to_string(),
                Secret::new(format!("Bearer {}", token.reveal())),
            ))
        };
        match &self.credentials {
            Credentials::None => Ok(plain(None, None)),
            Credentials::Bearer(token) => Ok(plain(bearer(token), None)),
            Credentials::Header(name, value) => Ok(plain(Some((name.clone(), value.clone())), None)),
            Credentials::Query(name, value) => Ok(plain(None, Some((name.clone(), value.clone())))),
            Credentials::ClientCredentials { .. } => {
                let mut state = self.token.lock().await;
                let now = http.clock.elapsed();
                let good = state.token.as_ref().filter(|t| t.renew_at.is_none_or(|at| now < at));
                let value = match good {
                    Some(token) => token.value.clone(),
                    None => {
                        state.token = None;
                        if let Some((failed_at, error)) = &state.failure
                            && now < *failed_at + FAILURE_HOLDS
                        {
                            let passed = now.saturating_sub(*failed_at);
                            return Err(match error.delay() {
                                Some(delay) => error
                                    .again()
                                    .retry_after(delay.max(FAILURE_HOLDS).saturating_sub(passed)),
                                None => error.again(),
                            });
                        }
                        let token = match self.fetch(http, line, ctx).await {
                            Ok(token) => token,
                            Err(error) => {
                                state.failure = Some((http.clock.elapsed(), error.again()));
                                return Err(error);
                            }
                        };
                        let value = token.value.clone();
                        state.generation += 1;
                        state.token = Some(token);
                        state.failure = None;
                        value
                    }
                };
                Ok(Credential {
                    header: bearer(&value),
                    query: None,
                    renewable: true,
                    generation: state.generation,
                })
            }
        }
    }

    /// This one was refused: the next request gets a new one, unless somebody renewed it already.
    pub async fn renew(&self, refused: &Credential) {
        let mut state = self.token.lock().await;
        if refused.generation == state.generation {
            state.token = None;
        }
    }

    /// A new token, asked for as often as any request.
    async fn fetch(&self, http: &Http, line: &Line, ctx: &Ctx) -> Result<Token> {
        let mut tried = 0;
        loop {
            let error = match self.ask(http, line, ctx).await {
                Ok(token) => return Ok(token),
                Err(error) => error,
            };
            tried += 1;
            let delay = error.delay();
            let too_long = delay.is_some_and(|d| d > http.settings.max_wait);
            if !error.kind().is_transient() || too_long {
                return Err(error);
            }
            if tried >= http.settings.tries {
                let error = error.with("tries", tried);
                return Err(match delay {
                    Some(delay) => error.retry_after(delay),
                    None => error,
                });
            }
            let wait = delay.unwrap_or_else(|| retry::backoff(tried, "token").min(http.settings.max_wait));
            http.clock.sleep(wait).await;
        }
    }

    async fn ask(&self, http: &Http, line: &Line, ctx: &Ctx) -> Result<Token> {
        let Credentials::ClientCredentials {
            token_url,
            client_id,
            client_secret,
            scopes,
        } = &self.credentials
        else {
            return Err(Error::bug("a token is fetched for credentials that have none"));
        };
        let mut form = vec![("grant_type", "client_credentials".to_string())];
        if !scopes.is_empty() {
            form.push(("scope", scopes.join(" ")));
        }
        let mut authorization = HeaderValue::from_str(&format!("Basic {}", basic(client_id, client_secret).reveal()))
            .map_err(|_| Error::new(Kind::Invalid, "the client's id or secret cannot be sent"))?;
        authorization.set_sensitive(true);
        let asked_at = http.clock.elapsed();
        // A client of its own: the connection's headers are not for this server.
        let client = line
            .tokens
            .as_ref()
            .ok_or_else(|| Error::bug("a token is fetched on a line without one"))?;
        let request = client
            .post(token_url.clone())
            .header(AUTHORIZATION, authorization)
            .form(&form);
        ctx.meter.calls.fetch_add(1, Ordering::Relaxed);
        let response = request.send().await.map_err(|e| http.failed(e, token_url))?;
        let status = response.status().as_u16();
        let retry_after = retry::retry_after(response.headers(), http.clock.now());
        let about = |e: Error| e.with("token_url", http.shown(token_url));
        if status != 200 {
            let limited = matches!(status, 408 | 425 | 429 | 500..);
            let error = match limited {
                true => Error::new(super::status_error(status).kind(), "no token can be had at the moment"),
                false => Error::new(Kind::Unauthenticated, "no token is given for these credentials")
                    .code(segue_diag::REST_UNAUTHENTICATED)
                    .hint("look at client_id and client_secret of the connection"),
            };
            let error = about(error).with("status", status);
            return Err(match retry_after.filter(|_| limited) {
                Some(delay) => error.retry_after(delay),
                None => error,
            });
        }
        let body = http.body(response, token_url, MOST_TOKEN, ctx).await?;
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
        let value = Secret::new(answer.access_token);
        self.redactor.hide(&value);
        let expires_in = match &answer.expires_in {
            Some(Value::Number(seconds)) => seconds.as_f64(),
            // Some servers write it as text.
            Some(Value::String(seconds)) => seconds.parse().ok(),
            _ => None,
        };
        // Early, so that no request leaves with a token that ends on its way; late enough for tokens of a second.
        let lives = expires_in
            .filter(|s| s.is_finite() && *s >= 0.0)
            .map(|s| Duration::from_secs_f64(s.min(1e9)));
        let renew_at = lives.map(|lives| asked_at + lives - (lives / 10).min(Duration::from_secs(60)));
        Ok(Token { value, renew_at })
    }
}

/// `id:secret` as HTTP Basic writes it.
fn basic(client_id: &str, client_secret: &Secret) -> Secret {
    Secret::new(base64::engine::general_purpose::STANDARD.encode(format!("{client_id}:{}", client_secret.reveal())))
}
