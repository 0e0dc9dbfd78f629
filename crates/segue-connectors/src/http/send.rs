//! Sending one request: redirects, limits, and what an error means.

use super::auth::Credential;
use super::spool::Spooled;
use super::{Answer, Call, Http, HttpSettings, Line, Redactor, Sent, retry};
use bytes::{Bytes, BytesMut};
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION};
use reqwest::{Client, Method, Response, redirect};
use segue_core::meter::Meter;
use segue_core::{Ctx, Error, Kind, Result};
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use url::Url;

const MOST_REDIRECTS: usize = 5;
const CONNECT: Duration = Duration::from_secs(10);
/// The longest that a large answer may take.
const LONGEST: Duration = Duration::from_secs(24 * 3600);
/// How much of an answer on disk is held to be looked at, in bytes.
const BEGIN: usize = 64 << 10;

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

/// What a request holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// What it is.
    pub media: String,
    /// It.
    pub bytes: Bytes,
}

impl Content {
    /// JSON.
    ///
    /// # Errors
    /// `Bug` where it cannot be written.
    pub fn json(value: &Value) -> Result<Content> {
        let text = serde_json::to_vec(value).map_err(|e| Error::bug("a value is no JSON").caused_by(e))?;
        Ok(Content {
            media: "application/json".into(),
            bytes: text.into(),
        })
    }

    /// A form.
    pub fn form(pairs: &[(String, String)]) -> Content {
        let mut text = url::form_urlencoded::Serializer::new(String::new());
        text.extend_pairs(pairs);
        Content {
            media: "application/x-www-form-urlencoded".into(),
            bytes: text.finish().into(),
        }
    }
}

/// A request as it leaves, before it is signed.
#[derive(Clone, Debug)]
pub struct Outgoing {
    /// How it is asked.
    pub method: Method,
    /// What is asked.
    pub url: Url,
    /// Headers of this request, without those of the connection.
    pub headers: Vec<(String, String)>,
    /// What it holds.
    pub body: Option<Content>,
}

impl Outgoing {
    /// Adds a field to the body.
    ///
    /// # Errors
    /// `Invalid` where there is no body, or one that has no fields.
    pub fn add_to_body(&mut self, name: &str, value: &str) -> Result<()> {
        let bad = || {
            Error::new(
                Kind::Invalid,
                "the credentials go into the body of a request that has none with fields",
            )
            .hint("give the request a body of JSON or a form, or send the key as a header")
        };
        let body = self.body.as_mut().ok_or_else(bad)?;
        match body.media.as_str() {
            "application/json" => {
                let mut fields: Value = serde_json::from_slice(&body.bytes).map_err(|_| bad())?;
                fields
                    .as_object_mut()
                    .ok_or_else(bad)?
                    .insert(name.into(), value.into());
                *body = Content::json(&fields)?;
            }
            "application/x-www-form-urlencoded" => {
                let mut pairs: Vec<(String, String)> = url::form_urlencoded::parse(&body.bytes).into_owned().collect();
                pairs.push((name.into(), value.into()));
                *body = Content::form(&pairs);
            }
            _ => return Err(bad()),
        }
        Ok(())
    }
}

impl Http {
    /// Sends it once, redirects included, and reads the answer whole.
    pub(super) async fn send(&self, line: &Line, call: &Call, credential: &Credential, ctx: &Ctx) -> Result<Sent> {
        let mut next = Outgoing {
            method: call.method.clone(),
            url: call.url.clone(),
            headers: call.headers.clone(),
            body: call.body.clone(),
        };
        for hop in 0..=MOST_REDIRECTS {
            if hop > 0
                && let Some(block) = self.admitted(call).await?
            {
                return Ok(Sent::Blocked(block));
            }
            let url = next.url.clone();
            let home = url.origin() == self.settings.base_url.origin();
            let asked_at = self.clock.now();
            let mut request = match (&line.elsewhere, home) {
                (_, true) => {
                    let mut signed = next.clone();
                    let secrets = credential.put(&mut signed, asked_at)?;
                    let mut request = line
                        .client
                        .request(signed.method, signed.url)
                        .headers(headers(&signed.headers)?);
                    for (name, value) in secrets {
                        request = request.header(name, value);
                    }
                    match signed.body {
                        Some(content) => request.header(CONTENT_TYPE, content.media).body(content.bytes),
                        None => request,
                    }
                }
                // What was meant for the API goes nowhere else: no credentials, no headers, no body.
                (Some(client), false) if next.method == Method::GET && self.is_allowed(&url) => client.get(url.clone()),
                _ => return Err(elsewhere(&self.redactor, &url)),
            };
            if call.on_disk.is_some() {
                // It may take as long as it takes, as long as something comes.
                request = request.timeout(LONGEST);
            }
            ctx.meter.calls.fetch_add(1, Ordering::Relaxed);
            let response = request.send().await.map_err(|e| failed(&self.redactor, e, &url))?;
            let status = response.status().as_u16();
            if matches!(status, 301 | 302 | 303 | 307 | 308)
                && let Some(place) = response.headers().get(LOCATION)
            {
                let place = place.to_str().ok().and_then(|n| url.join(n).ok());
                next.url =
                    place.ok_or_else(|| self.about("the server redirects to what is no URL", Kind::Invalid, &url))?;
                // What was posted is not posted again, unless the server says that it is to be.
                if status <= 303 && next.method != Method::GET {
                    (next.method, next.body) = (Method::GET, None);
                }
                continue;
            }
            let retry_after = retry::retry_after(response.headers(), self.clock.now());
            let fields = response.headers().clone();
            let (body, file) = match call.on_disk.filter(|_| (200..300).contains(&status)) {
                Some(most) => self.to_disk(response, &url, most, ctx).await?,
                None => (
                    body(&self.redactor, &ctx.meter, response, &url, self.settings.max_body).await?,
                    None,
                ),
            };
            return Ok(Sent::Answer(Answer {
                status,
                headers: fields,
                body,
                file,
                asked_at,
                retry_after,
            }));
        }
        Err(self.about("the server redirects in circles", Kind::Invalid, &call.url))
    }

    /// The body on disk, up to the limit, and its beginning.
    async fn to_disk(
        &self,
        mut response: Response,
        url: &Url,
        most: u64,
        ctx: &Ctx,
    ) -> Result<(Bytes, Option<Arc<Spooled>>)> {
        let mut file = Spooled::begin(&self.staging)?;
        let mut begin = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(|e| failed(&self.redactor, e, url))? {
            ctx.meter.bytes_in.fetch_add(chunk.len() as u64, Ordering::Relaxed);
            if file.size() + chunk.len() as u64 > most {
                return Err(self
                    .about("the answer is larger than is read", Kind::BadData, url)
                    .code(segue_diag::REST_UNPACK)
                    .with("max_size", format!("{most} bytes"))
                    .hint("raise `max_size` of `decoder`, or ask for less"));
            }
            begin.extend_from_slice(&chunk[..chunk.len().min(BEGIN - begin.len())]);
            file.add(&chunk)?;
        }
        Ok((begin.freeze(), Some(Arc::new(file))))
    }

    fn about(&self, what: &str, kind: Kind, url: &Url) -> Error {
        Error::new(kind, what).with("url", self.shown(url))
    }

    /// A URL for messages: no secret, and not pages long.
    pub(super) fn shown(&self, url: &Url) -> String {
        shown(&self.redactor, url)
    }
}

fn elsewhere(redactor: &Redactor, url: &Url) -> Error {
    let what = "the answer is at another server, and credentials do not go there";
    Error::new(Kind::Invalid, what)
        .code(segue_diag::REST_EGRESS)
        .with("url", shown(redactor, url))
        .hint("if it is meant, name it in the connection's `allowed_hosts`: it gets no credentials. If it is the API, put it into base_url")
}

/// The body, up to the limit.
pub(super) async fn body(
    redactor: &Redactor,
    meter: &Meter,
    mut response: Response,
    url: &Url,
    limit: u64,
) -> Result<Bytes> {
    let known = response.content_length().unwrap_or(0);
    let mut body = BytesMut::with_capacity(known.min(limit).min(1 << 20) as usize);
    while let Some(chunk) = response.chunk().await.map_err(|e| failed(redactor, e, url))? {
        meter.bytes_in.fetch_add(chunk.len() as u64, Ordering::Relaxed);
        if (body.len() + chunk.len()) as u64 > limit {
            return Err(Error::new(Kind::BadData, "the answer is larger than is read")
                .with("url", shown(redactor, url))
                .with("max_body", format!("{limit} bytes"))
                .hint("ask for smaller pages, or raise the connection's max_body"));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

/// A URL for messages: no secret, and not pages long.
pub(super) fn shown(redactor: &Redactor, url: &Url) -> String {
    let text = redactor.url(url);
    match text.char_indices().nth(300) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}

/// What is said where an exchange ended before its time.
const BROKE_OFF: &str = "the connection broke off";

/// What a failed exchange means, of which nothing is unpacked.
pub(crate) fn meaning(error: &reqwest::Error) -> (Kind, &'static str) {
    if error.is_timeout() {
        (Kind::TimedOut, "the server did not answer in time")
    } else if error.is_builder() {
        (Kind::Invalid, "the request cannot be sent")
    } else if error.is_connect() {
        (Kind::Unavailable, "the server cannot be reached")
    } else {
        (Kind::Unavailable, BROKE_OFF)
    }
}

/// What a failed exchange means.
pub(super) fn failed(redactor: &Redactor, error: reqwest::Error, url: &Url) -> Error {
    let (kind, what) = match meaning(&error) {
        (kind, BROKE_OFF) if error.is_decode() && !is_cut_short(&error) => (kind, "the answer cannot be unpacked"),
        meaning => meaning,
    };
    let cause = redactor.text(&chain(&error.without_url()));
    Error::new(kind, what)
        .with("url", shown(redactor, url))
        .caused_by(cause)
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
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(&format!(": {cause}"));
        next = cause.source();
    }
    text
}
