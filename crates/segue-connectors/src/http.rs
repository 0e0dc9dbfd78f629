//! Asking over HTTP: credentials, rates, retries and limits in one place, so that a connector only says what to ask.

pub mod auth;
mod pacer;
mod redact;
pub(crate) mod retry;
pub(crate) mod send;
pub mod sign;
pub mod spool;
pub mod tape;

use crate::connector::Deps;
use auth::Credentials;
use bytes::Bytes;
use jiff::Timestamp;
use pacer::{Pacer, Place};
pub use redact::Redactor;
pub use reqwest::Method;
use reqwest::header::HeaderMap;
use segue_core::gate::{Block, Gate, Rate, key_below};
use segue_core::{Clock, Ctx, Error, Kind, Result};
pub use send::Content;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tape::Tape;
use tokio::sync::Semaphore;
use url::Url;

/// How a connection is asked.
#[derive(Debug)]
pub struct HttpSettings {
    /// What names the connection's account to all processes: rates and blocks are kept under it.
    pub identity: String,
    /// Requests go nowhere else with credentials.
    pub base_url: Url,
    /// Headers of every request.
    pub headers: Vec<(String, String)>,
    /// Who asks.
    pub credentials: Credentials,
    /// The most requests in any window, of all processes together.
    pub rate: Option<Rate>,
    /// What else limits them, each on its own.
    pub quotas: Vec<Quota>,
    /// Servers beside the base URL's that may be asked, without credentials: hosts, `*.` in front for those below one, a port behind.
    pub allowed_hosts: Vec<String>,
    /// The most requests at once.
    pub concurrency: usize,
    /// The longest that one request waits when it is told to.
    pub max_wait: Duration,
    /// How often a request is tried in all.
    pub tries: u32,
    /// How long a connection may say nothing.
    pub timeout: Duration,
    /// The largest answer, unpacked, in bytes.
    pub max_body: u64,
}

/// A limit that some requests share, whichever asset they are of.
#[derive(Clone, Debug)]
pub struct Quota {
    /// Its name.
    pub name: String,
    /// The most requests in any window, of all processes together.
    pub rate: Rate,
    /// The paths below the base URL that it is of; all, if there are none.
    pub paths: Vec<glob::Pattern>,
}

/// One thing to ask.
#[derive(Clone, Debug)]
pub struct Call {
    /// How.
    pub method: Method,
    /// What is asked, without credentials.
    pub url: Url,
    /// Headers of this request.
    pub headers: Vec<(String, String)>,
    /// What it holds.
    pub body: Option<Content>,
    /// The answer is written to disk where it is a success, and has no more than so many bytes.
    pub on_disk: Option<u64>,
    /// Keys under which it may be blocked beside the connection's own, the narrowest last.
    pub keys: Vec<String>,
    /// The key that a long `Retry-After` blocks.
    pub blocks: String,
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// Its headers; none of an answer that was kept.
    pub headers: HeaderMap,
    /// The body, unpacked; of one on disk its beginning.
    pub body: Bytes,
    /// The body on disk.
    pub file: Option<Arc<spool::Spooled>>,
    /// When it was asked.
    pub asked_at: Timestamp,
    /// What is said in `Retry-After`.
    pub retry_after: Option<Duration>,
}

/// What the caller thinks of an answer.
pub enum Verdict {
    /// It is one.
    Accept,
    /// Ask again: the error says why, and is what the last try ends with.
    Retry(Error),
}

/// What became of a call.
#[derive(Debug)]
pub enum Got {
    /// An answer that was accepted.
    Answer(Answer),
    /// It was not asked, or refused, until then.
    Blocked(Block),
    /// It was tried as often as it may be.
    GaveUp {
        /// Why.
        error: Error,
        /// The last answer's status, if there was one.
        status: Option<u16>,
    },
}

/// A client for one connection. Its guarantees: credentials go to the base URL's origin alone; nothing that it says shows one; in no
/// window more requests are sent than the rate allows, by all processes together; a body is never larger than the limit.
pub struct Http {
    settings: Arc<HttpSettings>,
    credentials: auth::Provider,
    pacer: Option<Pacer>,
    quotas: Vec<(String, Pacer)>,
    permits: Semaphore,
    gate: Arc<dyn Gate>,
    clock: Arc<dyn Clock>,
    redactor: Redactor,
    staging: PathBuf,
    connection: String,
    tape: Option<Arc<Tape>>,
    known: parking_lot::Mutex<Known>,
}

/// The sockets of one reader, so that the work on them is done where the reader's own is, and counted with it.
pub struct Line {
    client: reqwest::Client,
    /// For other servers, which get neither headers nor credentials.
    elsewhere: Option<reqwest::Client>,
    tokens: Option<reqwest::Client>,
}

/// What this process knows about when to ask again.
#[derive(Default)]
struct Known {
    blocks: HashMap<String, Block>,
    pauses: HashMap<String, Duration>,
}

impl Http {
    /// A client for these settings.
    ///
    /// # Errors
    /// `Invalid` for a header that is none; `Bug` when TLS cannot be set up.
    pub fn new(settings: HttpSettings, deps: &Deps) -> Result<Http> {
        send::headers(&settings.headers)?;
        let redactor = Redactor::default();
        settings.credentials.hide(&redactor);
        let credentials = auth::Provider::new(settings.credentials.clone(), redactor.clone(), deps.notes.clone());
        let pacer = settings.rate.map(|rate| Pacer::new(&settings.identity, rate, deps));
        let quota = |quota: &Quota| {
            let key = key_below(&settings.identity, &format!("quota {}", quota.name));
            let pacer = Pacer::new(&key, quota.rate, deps);
            (key, pacer)
        };
        Ok(Http {
            credentials,
            pacer,
            quotas: settings.quotas.iter().map(quota).collect(),
            permits: Semaphore::new(settings.concurrency.max(1)),
            gate: deps.gate.clone(),
            clock: deps.clock.clone(),
            redactor,
            staging: deps.staging_dir.clone(),
            connection: deps.connection.clone(),
            tape: deps.tape.clone(),
            known: parking_lot::Mutex::default(),
            settings: Arc::new(settings),
        })
    }

    /// How it asks.
    pub fn settings(&self) -> &HttpSettings {
        &self.settings
    }

    /// What makes texts safe to show.
    pub fn redactor(&self) -> &Redactor {
        &self.redactor
    }

    /// Sockets for one reader.
    ///
    /// # Errors
    /// `Unavailable` when TLS cannot be set up.
    pub fn line(&self) -> Result<Line> {
        let tls = |url: &Url| url.scheme() == "https";
        let tokens = match &self.settings.credentials {
            Credentials::Oauth2(oauth2) => Some(send::client(&self.settings, &[], tls(&oauth2.token_url))?),
            Credentials::Login(login) => {
                // A step may name a server of its own.
                let elsewhere = login.steps.iter().any(|step| step.target.starts_with("https:"));
                Some(send::client(
                    &self.settings,
                    &[],
                    tls(&self.settings.base_url) || elsewhere,
                )?)
            }
            _ => None,
        };
        let client = send::client(&self.settings, &self.settings.headers, tls(&self.settings.base_url))?;
        let elsewhere = match self.settings.allowed_hosts.is_empty() {
            true => None,
            // A machine without certificates may ask other servers in the clear, where the API itself is asked so.
            false => {
                Some(send::client(&self.settings, &[], true).or_else(|_| send::client(&self.settings, &[], false))?)
            }
        };
        Ok(Line {
            client,
            elsewhere,
            tokens,
        })
    }

    /// Asks, and asks again while it makes sense. A token that cannot be had is not asked for again here: that is done where it is fetched,
    /// once for all who wait, and what its server says covers the whole connection.
    ///
    /// # Errors
    /// `Cancelled`; `Unauthenticated` when no credentials can be had; what is wrong with the request itself. What may pass is
    /// [`Got::GaveUp`] or [`Got::Blocked`].
    pub async fn ask(
        &self,
        line: &Line,
        call: &Call,
        judge: &(dyn Fn(&Answer) -> Verdict + Sync),
        ctx: &Ctx,
    ) -> Result<Got> {
        let Some(tape) = &self.tape else {
            return ctx.or_cancelled(self.attempts(line, call, judge, ctx)).await;
        };
        if !tape.is_replay() {
            let got = ctx.or_cancelled(self.attempts(line, call, judge, ctx)).await?;
            if let Got::Answer(answer) = &got {
                tape.keep(&self.connection, call, answer, &self.redactor)?;
            }
            return Ok(got);
        }
        ctx.go_on()?;
        let answer = tape.answer(&self.connection, call, &self.redactor, &self.staging)?;
        Ok(match judge(&answer) {
            Verdict::Accept => Got::Answer(answer),
            Verdict::Retry(error) => Got::GaveUp {
                error,
                status: Some(answer.status),
            },
        })
    }

    /// Whether answers come from a record, so that waiting for them is of no use.
    pub fn is_replay(&self) -> bool {
        self.tape.as_ref().is_some_and(|tape| tape.is_replay())
    }

    /// What time it is; where answers are given from a record, when that was made.
    pub fn now(&self) -> Timestamp {
        let then = self.tape.as_ref().and_then(|tape| tape.now());
        then.unwrap_or_else(|| self.clock.now())
    }

    async fn attempts(
        &self,
        line: &Line,
        call: &Call,
        judge: &(dyn Fn(&Answer) -> Verdict + Sync),
        ctx: &Ctx,
    ) -> Result<Got> {
        let mut renewed = false;
        let mut tried = 0;
        loop {
            let permit = self
                .permits
                .acquire()
                .await
                .map_err(|e| Error::bug("a client that is gone was asked").caused_by(e))?;
            if let Some(block) = self.admitted(call).await? {
                return Ok(Got::Blocked(block));
            }
            let credential = match self.credentials.get(self, line, ctx).await {
                Ok(credential) => credential,
                Err(error) => return self.without_credential(error).await,
            };
            let (error, delay, status) = match self.send(line, call, &credential, ctx).await {
                Ok(Sent::Answer(answer)) => {
                    if answer.status == 401 && !renewed && credential.renewable {
                        renewed = true;
                        self.credentials.renew(&credential).await;
                        continue;
                    }
                    match judge(&answer) {
                        Verdict::Accept => return Ok(Got::Answer(answer)),
                        Verdict::Retry(error) => (error, answer.retry_after, Some(answer.status)),
                    }
                }
                Ok(Sent::Blocked(block)) => return Ok(Got::Blocked(block)),
                Err(error) if error.kind().is_transient() => {
                    let delay = error.delay();
                    (error, delay, None)
                }
                Err(error) => return Err(error),
            };
            tried += 1;
            if let Some(delay) = delay.filter(|d| *d > self.settings.max_wait) {
                let block = self.block(&call.blocks, delay, &error).await?;
                return Ok(Got::Blocked(block));
            }
            if tried >= self.settings.tries {
                let error = error.with("tries", tried);
                let error = match delay {
                    Some(delay) => error.retry_after(delay),
                    None => error,
                };
                return Ok(Got::GaveUp { error, status });
            }
            let wait = match delay {
                Some(told) => {
                    // Whoever it covers waits with us, instead of being told one by one.
                    let until = self.clock.elapsed() + told;
                    let mut known = self.known.lock();
                    let now = self.clock.elapsed();
                    known.pauses.retain(|_, until| *until > now);
                    let pause = known.pauses.entry(call.blocks.clone()).or_default();
                    *pause = until.max(*pause);
                    Duration::ZERO
                }
                None => retry::backoff(tried, call.url.as_str()).min(self.settings.max_wait),
            };
            drop(permit);
            if wait > Duration::ZERO {
                self.wait(wait, "the next try of a request").await;
            }
        }
    }

    /// No token is to be had: whoever asks this connection would have to have one.
    async fn without_credential(&self, error: Error) -> Result<Got> {
        match error.delay().filter(|d| *d > self.settings.max_wait) {
            Some(delay) => {
                let block = self.block(&self.settings.identity, delay, &error).await?;
                Ok(Got::Blocked(block))
            }
            None if error.kind().is_transient() => Ok(Got::GaveUp { error, status: None }),
            None => Err(error),
        }
    }

    /// Waits, and tells the step so where it is long.
    async fn wait(&self, time: Duration, reason: &str) {
        let until = self.clock.now().checked_add(time).unwrap_or(Timestamp::MAX);
        let _waiting = (time >= pacer::LONG).then(|| pacer::waits(until, reason)).flatten();
        self.clock.sleep(time).await;
    }

    /// Waits until it may be sent; a block comes back instead.
    async fn admitted(&self, call: &Call) -> Result<Option<Block>> {
        let mut keys = call.keys.clone();
        keys.push(self.settings.identity.clone());
        let quotas: Vec<usize> = (0..self.quotas.len()).filter(|at| self.is_of(*at, &call.url)).collect();
        keys.extend(quotas.iter().map(|at| self.quotas[*at].0.clone()));
        loop {
            if let Some(block) = self.blocked(&keys).await? {
                return Ok(Some(block));
            }
            let pause = {
                let known = self.known.lock();
                keys.iter()
                    .filter_map(|k| known.pauses.get(k))
                    .max()
                    .copied()
                    .unwrap_or_default()
            };
            let waited = pause.saturating_sub(self.clock.elapsed());
            if waited > Duration::ZERO {
                self.wait(waited, "the server's Retry-After").await;
                continue;
            }
            let mut waited = false;
            for at in &quotas {
                let (key, pacer) = &self.quotas[*at];
                match pacer.within(self.settings.max_wait).await? {
                    Place::Now => {}
                    Place::Waited => waited = true,
                    Place::Later(then) => {
                        let why = format!("the quota `{}` is used up", self.settings.quotas[*at].name);
                        let delay = Duration::try_from(then.duration_since(self.clock.now())).unwrap_or_default();
                        return self
                            .block(key, delay, &Error::new(Kind::RateLimited, why))
                            .await
                            .map(Some);
                    }
                }
            }
            if let Some(pacer) = &self.pacer {
                waited |= pacer.place().await?;
            }
            if !waited {
                return Ok(None);
            }
            // It waited for its place: look again, a refusal may have come meanwhile. The place is used up if so.
            return self.blocked(&keys).await;
        }
    }

    /// Whether a request counts for this quota.
    fn is_of(&self, at: usize, url: &Url) -> bool {
        let paths = &self.settings.quotas[at].paths;
        if url.origin() != self.settings.base_url.origin() {
            return false;
        }
        let base = self.settings.base_url.path().trim_end_matches('/');
        let path = url.path().strip_prefix(base).unwrap_or(url.path());
        paths.is_empty() || paths.iter().any(|pattern| pattern.matches(path))
    }

    /// Whether another server than the base URL's may be asked. Nothing that is asked in secret is asked in the clear there.
    fn is_allowed(&self, url: &Url) -> bool {
        let base = &self.settings.base_url;
        let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
            return false;
        };
        let is_as_secret = url.scheme() == "https" || (url.scheme() == "http" && base.scheme() == "http");
        is_as_secret
            && self
                .settings
                .allowed_hosts
                .iter()
                .any(|allowed| is_host(allowed, host, port, url.port().is_none()))
    }

    async fn blocked(&self, keys: &[String]) -> Result<Option<Block>> {
        let now = self.clock.now();
        let here = {
            let known = self.known.lock();
            keys.iter()
                .filter_map(|k| known.blocks.get(k))
                .filter(|b| b.until > now)
                .max_by_key(|b| b.until)
                .cloned()
        };
        match here {
            Some(block) => Ok(Some(block)),
            None => {
                let block = self.gate.blocked(keys).await?;
                Ok(block.filter(|b| b.until > now))
            }
        }
    }

    async fn block(&self, key: &str, delay: Duration, error: &Error) -> Result<Block> {
        let until = self
            .clock
            .now()
            .checked_add(delay.min(retry::LONGEST))
            .unwrap_or(Timestamp::MAX);
        let block = Block {
            key: key.to_string(),
            until,
            reason: error.message().to_string(),
        };
        {
            let mut known = self.known.lock();
            let now = self.clock.now();
            known.blocks.retain(|_, block| block.until > now);
            known.blocks.insert(key.to_string(), block.clone());
        }
        self.gate.block(block.clone()).await?;
        Ok(block)
    }
}

/// Whether a host is one that is allowed: `files.example.com`, `*.example.com`, `files.example.com:8443`.
fn is_host(allowed: &str, host: &str, port: u16, is_usual: bool) -> bool {
    let (name, wanted) = match allowed.rsplit_once(':') {
        Some((name, wanted)) if wanted.bytes().all(|b| b.is_ascii_digit()) => (name, wanted.parse().ok()),
        _ => (allowed, None),
    };
    let is_port = wanted.map_or(is_usual, |wanted: u16| wanted == port);
    is_port && is_named(name, host)
}

/// Whether a host is one that is allowed, whatever its port: `datanode7`, `*.example.com`.
pub(crate) fn is_named(allowed: &str, host: &str) -> bool {
    match allowed.strip_prefix("*.") {
        Some(above) => {
            host.len() > above.len() + 1
                && host
                    .to_ascii_lowercase()
                    .ends_with(&format!(".{}", above.to_ascii_lowercase()))
        }
        None => allowed.eq_ignore_ascii_case(host),
    }
}

/// What sending led to.
enum Sent {
    Answer(Answer),
    Blocked(Block),
}

/// An error about an answer's status, with the kind that decides.
pub fn status_error(status: u16) -> Error {
    let (kind, what) = match status {
        401 => (Kind::Unauthenticated, "does not accept who asks"),
        403 => (Kind::Denied, "does not allow this"),
        404 | 410 => (Kind::NotFound, "does not know this"),
        408 => (Kind::TimedOut, "waited too long for the request"),
        425 | 429 => (Kind::RateLimited, "wants fewer requests"),
        500.. => (Kind::Unavailable, "has trouble"),
        _ => (Kind::Invalid, "does not accept the request"),
    };
    Error::new(kind, format!("the server {what}: status {status}"))
}

#[cfg(test)]
mod tests;
