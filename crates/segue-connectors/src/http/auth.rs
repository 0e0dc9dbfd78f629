//! Who asks: credentials, and a token or a session that is renewed by one for all.

mod jwt;
mod login;
mod oauth1;
mod oauth2;
mod rotation;
mod signer;

use super::send::Outgoing;
use super::{Http, Line, Redactor, retry};
use jiff::Timestamp;
#[cfg(test)]
pub(crate) use jwt::tests::{KEY as TEST_KEY, claims as test_claims};
pub use jwt::{Jwt, Key};
pub use login::{Login, LoginBody, LoginStep, Take};
pub use oauth1::{Method as Oauth1Method, Oauth1};
pub use oauth2::{ClientAuth, Grant, Oauth2};
use reqwest::header::{HeaderName, HeaderValue};
use segue_core::notes::Notes;
use segue_core::{Ctx, Error, Kind, Result, Secret};
pub use signer::{HmacSigner, KeyText, Places, Signer, Written};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;

/// For so long a failure to get a token stands for all who want one: those who waited for it, and those who come right after.
const FAILURE_HOLDS: Duration = Duration::from_secs(10);

/// Who asks.
#[derive(Clone, Debug)]
pub enum Credentials {
    /// Nobody in particular.
    None,
    /// What does not change.
    Fixed(Carried),
    /// Each request is signed.
    Signed(Arc<Signer>),
    /// OAuth 2.
    Oauth2(Arc<Oauth2>),
    /// A session, begun by some requests one after the other.
    Login(Arc<Login>),
}

/// A secret, and where in a request it goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Carried {
    /// In which part.
    pub at: At,
    /// Under which name there.
    pub name: String,
    /// The secret.
    pub value: Secret,
}

/// A part of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// A header.
    Header,
    /// A parameter of the query.
    Query,
    /// A cookie.
    Cookie,
    /// A field of the body, which is JSON or a form.
    Body,
}

impl Carried {
    /// `Authorization: Bearer`.
    pub fn bearer(token: &Secret) -> Carried {
        Carried {
            at: At::Header,
            name: "authorization".into(),
            value: Secret::new(format!("Bearer {}", token.reveal())),
        }
    }

    /// `Authorization: Basic`.
    pub fn basic(user: &str, password: &Secret) -> Carried {
        Carried {
            at: At::Header,
            name: "authorization".into(),
            value: Secret::new(format!("Basic {}", oauth2::basic(user, password).reveal())),
        }
    }
}

impl Credentials {
    /// Keeps its secrets out of everything that is shown.
    pub fn hide(&self, redactor: &Redactor) {
        match self {
            Credentials::None => {}
            Credentials::Fixed(carried) => match carried.value.reveal().split_once(' ') {
                // The word before it is no secret, and some servers tell the token alone.
                Some(("Bearer", token)) => redactor.hide(&Secret::new(token)),
                Some(("Basic", token)) => {
                    redactor.hide(&Secret::new(token));
                    oauth2::password(token).iter().for_each(|p| redactor.hide(p));
                }
                _ => redactor.hide(&carried.value),
            },
            Credentials::Signed(signer) => signer.secrets().iter().for_each(|s| redactor.hide(s)),
            Credentials::Oauth2(oauth2) => oauth2.secrets().iter().for_each(|s| redactor.hide(s)),
            Credentials::Login(login) => login.secrets.iter().for_each(|(_, s)| redactor.hide(s)),
        }
    }
}

/// What goes with one request.
#[derive(Clone, Debug)]
pub struct Credential {
    carried: Vec<Carried>,
    signer: Option<Arc<Signer>>,
    /// Whether a new one may be had.
    pub renewable: bool,
    generation: u64,
}

impl Credential {
    /// Puts it into a request: what goes into its query, body and cookies at once, and the headers as what comes back, marked so that
    /// nothing logs them.
    ///
    /// # Errors
    /// `Invalid` when it cannot be sent where it belongs.
    pub fn put(&self, request: &mut Outgoing, at: Timestamp) -> Result<Vec<(HeaderName, HeaderValue)>> {
        let mut headers = Vec::new();
        let mut cookies = Vec::new();
        for carried in &self.carried {
            carry(carried, request, &mut headers, &mut cookies)?;
        }
        if let Some(signer) = &self.signer {
            for carried in signer.sign(request, at)? {
                carry(&carried, request, &mut headers, &mut cookies)?;
            }
        }
        if !cookies.is_empty() {
            headers.push(secret_header("cookie", &cookies.join("; "))?);
        }
        Ok(headers)
    }
}

fn carry(
    carried: &Carried,
    request: &mut Outgoing,
    headers: &mut Vec<(HeaderName, HeaderValue)>,
    cookies: &mut Vec<String>,
) -> Result<()> {
    let value = carried.value.reveal();
    match carried.at {
        At::Header => headers.push(secret_header(&carried.name, value)?),
        At::Query => drop(request.url.query_pairs_mut().append_pair(&carried.name, value)),
        At::Cookie => cookies.push(format!("{}={value}", carried.name)),
        At::Body => request.add_to_body(&carried.name, value)?,
    }
    Ok(())
}

fn secret_header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue)> {
    let bad = || Error::new(Kind::Invalid, "the credentials cannot be sent as a header").with("header", name);
    let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad())?;
    let mut value = HeaderValue::from_str(value).map_err(|_| bad())?;
    value.set_sensitive(true);
    Ok((name, value))
}

/// Gives every request its credential.
pub struct Provider {
    credentials: Credentials,
    redactor: Redactor,
    notes: Arc<dyn Notes>,
    token: Mutex<State>,
}

#[derive(Default)]
struct State {
    generation: u64,
    token: Option<Token>,
    /// The token that a server refused last: it is not taken from the notes again.
    refused: Option<Secret>,
    /// When the last fetch failed, by the clock that never goes back, and why.
    failure: Option<(Duration, Error)>,
}

/// What was fetched, and until when it is good.
struct Token {
    carried: Vec<Carried>,
    /// What identifies it among others.
    value: Secret,
    /// When a new one is fetched, by the clock that never goes back; `None`: when this one is refused.
    renew_at: Option<Duration>,
}

/// How often and how long something is tried.
#[derive(Clone, Copy, Debug)]
struct Patience {
    tries: u32,
    max_wait: Duration,
}

impl Patience {
    /// How long to wait after a try that failed, or the error that the tries end with.
    fn after(self, error: Error, tried: u32, what: &str) -> Result<Duration> {
        let delay = error.delay();
        if !error.kind().is_transient() || delay.is_some_and(|d| d > self.max_wait) {
            return Err(error);
        }
        if tried >= self.tries {
            let error = error.with("tries", tried);
            return Err(match delay {
                Some(delay) => error.retry_after(delay),
                None => error,
            });
        }
        Ok(delay.unwrap_or_else(|| retry::backoff(tried, what).min(self.max_wait)))
    }
}

impl Provider {
    /// For these credentials.
    pub fn new(credentials: Credentials, redactor: Redactor, notes: Arc<dyn Notes>) -> Provider {
        Provider {
            credentials,
            redactor,
            notes,
            token: Mutex::default(),
        }
    }

    /// A credential that is good now. Where a token has to be fetched, one does it, as often as any request is tried, and the others
    /// wait; what keeps it from being had is theirs as well.
    ///
    /// # Errors
    /// `Unauthenticated` when the server that gives tokens refuses; what keeps it from answering.
    pub async fn get(&self, http: &Http, line: &Line, ctx: &Ctx) -> Result<Credential> {
        let plain = |carried: Vec<Carried>, signer: Option<Arc<Signer>>| Credential {
            carried,
            signer,
            renewable: false,
            generation: 0,
        };
        match &self.credentials {
            Credentials::None => Ok(plain(Vec::new(), None)),
            Credentials::Fixed(carried) => Ok(plain(vec![carried.clone()], None)),
            Credentials::Signed(signer) => Ok(plain(Vec::new(), Some(signer.clone()))),
            Credentials::Oauth2(_) | Credentials::Login(_) => {
                let mut state = self.token.lock().await;
                let now = http.clock.elapsed();
                let good = state.token.as_ref().filter(|t| t.renew_at.is_none_or(|at| now < at));
                let carried = match good {
                    Some(token) => token.carried.clone(),
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
                        let token = match self.fetch(http, line, state.refused.clone(), ctx).await {
                            Ok(token) => token,
                            Err(error) => {
                                state.failure = Some((http.clock.elapsed(), error.again()));
                                return Err(error);
                            }
                        };
                        let carried = token.carried.clone();
                        state.generation += 1;
                        state.token = Some(token);
                        state.failure = None;
                        carried
                    }
                };
                Ok(Credential {
                    carried,
                    signer: None,
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
            state.refused = state.token.take().map(|token| token.value);
        }
    }

    /// A new token, asked for as often as any request.
    async fn fetch(&self, http: &Http, line: &Line, refused: Option<Secret>, ctx: &Ctx) -> Result<Token> {
        let patience = Patience {
            tries: http.settings.tries,
            max_wait: http.settings.max_wait,
        };
        if let Credentials::Oauth2(oauth2) = &self.credentials
            && let Grant::RefreshToken { .. } = &oauth2.grant
        {
            let exchange = rotation::Exchange::new(http, oauth2, &self.notes, patience, refused, ctx);
            return exchange.apart().await;
        }
        let mut tried = 0;
        loop {
            let got = match &self.credentials {
                Credentials::Oauth2(oauth2) => {
                    let wire = oauth2::Wire::of(http, line, ctx)?;
                    oauth2::ask(oauth2, None, &wire).await.map(oauth2::Granted::into_token)
                }
                Credentials::Login(login) => login.begin(http, line, &self.redactor, ctx).await,
                _ => return Err(Error::bug("a token is fetched for credentials that have none")),
            };
            let error = match got {
                Ok(token) => return Ok(token),
                Err(error) => error,
            };
            tried += 1;
            let wait = patience.after(error, tried, "token")?;
            http.clock.sleep(wait).await;
        }
    }
}
