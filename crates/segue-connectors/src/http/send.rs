//! Sending one request: redirects, limits, and what an error means.

use super::auth::Credential;
use super::{Answer, Call, Http, HttpSettings, Line, Sent, retry};
use bytes::{Bytes, BytesMut};
use reqwest::header::{ACCEPT, HeaderMap, HeaderName, HeaderValue, LOCATION};
use reqwest::{Client, Response, redirect};
use segue_core::{Ctx, Error, Kind, Result};
use std::sync::atomic::Ordering;
use std::time::Duration;
use url::Url;

const MOST_REDIRECTS: usize = 5;
const CONNECT: Duration = Duration::from_secs(10);

/// The client below everything. Redirects are ours, so that no credential follows one elsewhere.
pub(super) fn client(settings: &HttpSettings, defaults: &[(String, String)], tls: bool) -> Result<Client> {
    crate::connector::install_tls();
    let mut all = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static("application/json"))]);
    all.extend(headers(defaults)?);
    let builder = Client::builder();
    // Where nothing is encrypted no certificates are needed, and a machine may have none.
    let builder = if tls { builder } else { builder.tls_certs_only([]) };
    builder
        .user_agent(concat!("segue/", env!("CARGO_PKG_VERSION")))
        .default_headers(all)
        .redirect(redirect::Policy::none())
        .referer(false)
        .connect_timeout(settings.timeout.min(CONNECT))
        .read_timeout(settings.timeout)
        .timeout(settings.timeout * 10)
        .pool_max_idle_per_host(settings.concurrency)
        .no_proxy()
        .build()
        .map_err(|e| Error::new(Kind::Unavailable, "cannot set up TLS").caused_by(e.without_url()))
}

pub(super) fn headers(pairs: &[(String, String)]) -> Result<HeaderMap> {
    pairs
        .iter()
        .map(|(name, value)| {
            let bad = || Error::new(Kind::Invalid, format!("`{name}` cannot be sent as a header"));
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad())?;
            Ok((name, HeaderValue::from_str(value).map_err(|_| bad())?))
        })
        .collect()
}

impl Http {
    /// Sends it once, redirects included, and reads the answer whole.
    pub(super) async fn send(&self, line: &Line, call: &Call, credential: &Credential, ctx: &Ctx) -> Result<Sent> {
        let mut url = call.url.clone();
        for hop in 0..=MOST_REDIRECTS {
            if hop > 0
                && let Some(block) = self.admitted(call).await?
            {
                return Ok(Sent::Blocked(block));
            }
            let home = url.origin() == self.settings.base_url.origin();
            let mut request = if home {
                let url = credential.sign(url.clone());
                line.client.get(url).headers(headers(&call.headers)?)
            } else {
                // The client's own headers would go along: another client would be needed to send none.
                return Err(Error::new(
                    Kind::Invalid,
                    "the answer is at another server, and credentials do not go there",
                )
                .with("url", self.shown(&url))
                .hint("put that server into the connection's base_url"));
            };
            if let Some((name, value)) = credential.header()? {
                request = request.header(name, value);
            }
            let asked_at = self.clock.now();
            ctx.meter.calls.fetch_add(1, Ordering::Relaxed);
            let response = request.send().await.map_err(|e| self.failed(e, &url))?;
            let status = response.status().as_u16();
            if matches!(status, 301 | 302 | 303 | 307 | 308)
                && let Some(next) = response.headers().get(LOCATION)
            {
                let next = next.to_str().ok().and_then(|n| url.join(n).ok());
                url = next.ok_or_else(|| self.about("the server redirects to what is no URL", Kind::Invalid, &url))?;
                continue;
            }
            let retry_after = retry::retry_after(response.headers(), self.clock.now());
            let body = self.body(response, &url, self.settings.max_body, ctx).await?;
            return Ok(Sent::Answer(Answer {
                status,
                body,
                asked_at,
                retry_after,
            }));
        }
        Err(self.about("the server redirects in circles", Kind::Invalid, &call.url))
    }

    /// The body, up to the limit.
    pub(super) async fn body(&self, mut response: Response, url: &Url, limit: u64, ctx: &Ctx) -> Result<Bytes> {
        let known = response.content_length().unwrap_or(0);
        let mut body = BytesMut::with_capacity(known.min(limit).min(1 << 20) as usize);
        while let Some(chunk) = response.chunk().await.map_err(|e| self.failed(e, url))? {
            ctx.meter.bytes_in.fetch_add(chunk.len() as u64, Ordering::Relaxed);
            if (body.len() + chunk.len()) as u64 > limit {
                return Err(self
                    .about("the answer is larger than is read", Kind::BadData, url)
                    .with("max_body", format!("{limit} bytes"))
                    .hint("ask for smaller pages, or raise the connection's max_body"));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body.freeze())
    }

    fn about(&self, what: &str, kind: Kind, url: &Url) -> Error {
        Error::new(kind, what).with("url", self.shown(url))
    }

    /// A URL for messages: no secret, and not pages long.
    pub(super) fn shown(&self, url: &Url) -> String {
        let text = self.redactor.url(url);
        match text.char_indices().nth(300) {
            Some((at, _)) => format!("{}…", &text[..at]),
            None => text,
        }
    }

    /// What a failed exchange means.
    pub(super) fn failed(&self, error: reqwest::Error, url: &Url) -> Error {
        let (kind, what) = if error.is_timeout() {
            (Kind::TimedOut, "the server did not answer in time")
        } else if error.is_builder() {
            (Kind::Invalid, "the request cannot be sent")
        } else if error.is_connect() {
            (Kind::Unavailable, "the server cannot be reached")
        } else if error.is_decode() && !is_cut_short(&error) {
            (Kind::Unavailable, "the answer cannot be unpacked")
        } else {
            (Kind::Unavailable, "the connection broke off")
        };
        let cause = self.redactor.text(&chain(&error.without_url()));
        self.about(what, kind, url).caused_by(cause)
    }
}

/// Whether the answer ended before its length, which is an error of the same kind as one that cannot be unpacked: the cause of the
/// latter is no error of HTTP.
fn is_cut_short(error: &reqwest::Error) -> bool {
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause.filter(|c| c.is::<reqwest::Error>()) {
        cause = inner.source();
    }
    cause.is_some_and(|cause| !cause.is::<std::io::Error>())
}

/// All causes in one line, because some name the URL.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(&format!(": {cause}"));
        next = cause.source();
    }
    text
}
