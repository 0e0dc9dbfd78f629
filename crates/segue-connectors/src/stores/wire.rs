//! Sending what a store is asked, by the client that everything here uses: its TLS, no proxy that the environment names, its patience. What
//! fails says so without a URL, which may hold a signature.

use crate::connector::{Deps, install_tls};
use crate::http::{Redactor, retry, send};
use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use md5::{Digest, Md5};
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpResponseBody, HttpService,
};
use reqwest::header::{ACCEPT_ENCODING, HeaderMap, HeaderValue};
use reqwest::{Client, Method, Response, redirect};
use segue_core::meter::Meter;
use segue_core::{Clock, Error, Kind, Result, Secret};
use std::error::Error as StdError;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;
use url::Url;

/// The longest that one request waits when it is told to come back later.
const MAX_WAIT: Duration = Duration::from_secs(60);
const CONNECT: Duration = Duration::from_secs(10);
/// The longest that something may take to be sent.
const WRITE: Duration = Duration::from_secs(15 * 60);
/// How much of an answer that refuses is read.
const SAID: usize = 64 << 10;
/// How much of what it says is repeated.
const SHOWN: usize = 300;

/// How patient a connection is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// How long a server may say nothing.
    pub timeout: Duration,
    /// How often one request is tried in all.
    pub tries: u32,
}

/// The client of one connection.
#[derive(Clone)]
pub(crate) struct Wire(Arc<Inner>);

struct Inner {
    reads: Client,
    /// A body is being sent while nothing comes.
    writes: Client,
    patience: Patience,
    clock: Arc<dyn Clock>,
    redactor: Redactor,
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wire")
    }
}

/// A request, as it leaves.
pub(crate) struct Asking<'a> {
    pub method: Method,
    pub url: Url,
    pub headers: HeaderMap,
    /// Made anew for each try.
    pub body: Option<&'a (dyn Fn() -> reqwest::Body + Sync)>,
}

impl Asking<'_> {
    /// A plain question.
    pub fn get(url: Url) -> Asking<'static> {
        Asking {
            method: Method::GET,
            url,
            headers: HeaderMap::new(),
            body: None,
        }
    }
}

/// Why there is no answer.
#[derive(Clone, Debug)]
pub(crate) enum Failure {
    /// The server said no.
    Refused(Refused),
    /// The exchange broke off, or never began.
    Broken {
        kind: Kind,
        what: &'static str,
        /// In words, without URL and secret.
        cause: String,
    },
}

/// What a server said that refuses.
#[derive(Clone, Debug, Default)]
pub(crate) struct Refused {
    pub status: u16,
    /// The word by which it tells why: `NoSuchBucket`, `StandbyException`.
    pub code: String,
    /// Its own words, without secrets.
    pub said: String,
    pub retry_after: Option<Duration>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Broken { what, cause, .. } => write!(f, "{what}: {cause}"),
            Failure::Refused(no) => {
                write!(f, "the server answers with status {}", no.status)?;
                let words = [&no.code, &no.said];
                for word in words.into_iter().filter(|word| !word.is_empty()) {
                    write!(f, ": {word}")?;
                }
                Ok(())
            }
        }
    }
}

impl StdError for Failure {}

impl Failure {
    /// The failure that an error of a store is about.
    pub fn of<'e>(error: &'e (dyn StdError + 'static)) -> Option<&'e Failure> {
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(failure) = error.downcast_ref::<Failure>() {
                return Some(failure);
            }
            next = error.source();
        }
        None
    }

    /// Whether the same request may succeed in a moment.
    fn may_pass(&self) -> bool {
        match self {
            Failure::Broken { kind, .. } => kind.is_transient(),
            Failure::Refused(no) => {
                matches!(no.status, 408 | 429 | 500 | 502..=504 | 509)
                    || (no.status == 409
                        && matches!(no.code.as_str(), "ConditionalRequestConflict" | "OperationAborted"))
            }
        }
    }
}

impl Wire {
    /// The client of this connection. `tls`: whether anything is encrypted; where nothing is, a machine needs no certificates.
    ///
    /// # Errors
    /// `Unavailable` when TLS cannot be set up.
    pub fn new(patience: Patience, tls: bool, secrets: &[Secret], deps: &Deps) -> Result<Wire> {
        install_tls();
        let redactor = Redactor::default();
        secrets.iter().for_each(|secret| redactor.hide(secret));
        let client = |silent: Duration| {
            let builder = Client::builder();
            let builder = if tls { builder } else { builder.tls_certs_only([]) };
            builder
                .user_agent(concat!("segue/", env!("CARGO_PKG_VERSION")))
                // Credentials do not follow a redirect, and a body is what the server holds: it is not unpacked on the way.
                .redirect(redirect::Policy::none())
                .referer(false)
                .no_gzip()
                .connect_timeout(patience.timeout.min(CONNECT))
                .read_timeout(silent)
                .no_proxy()
                .build()
                .map_err(|e| Error::new(Kind::Unavailable, "cannot set up TLS").caused_by(e.without_url()))
        };
        Ok(Wire(Arc::new(Inner {
            reads: client(patience.timeout)?,
            writes: client(patience.timeout.max(WRITE))?,
            patience,
            clock: deps.clock.clone(),
            redactor,
        })))
    }

    /// What makes texts safe to show.
    pub fn redactor(&self) -> &Redactor {
        &self.0.redactor
    }

    /// Asks until there is an answer that is a success or a redirect, as often as it may be tried.
    pub async fn ask(&self, asking: &Asking<'_>) -> std::result::Result<Response, Failure> {
        let Inner { patience, clock, .. } = &*self.0;
        let mut tried = 1;
        loop {
            let failure = match self.once(asking).await {
                Ok(response) => return Ok(response),
                Err(failure) => failure,
            };
            let told = match &failure {
                Failure::Refused(no) => no.retry_after,
                Failure::Broken { .. } => None,
            };
            let wait = told.unwrap_or_else(|| retry::backoff(tried, asking.url.path()));
            if !failure.may_pass() || tried >= patience.tries || wait > MAX_WAIT {
                return Err(failure);
            }
            tracing::debug!("trying again in {wait:?}: {failure}");
            clock.sleep(wait).await;
            tried += 1;
        }
    }

    async fn once(&self, asking: &Asking<'_>) -> std::result::Result<Response, Failure> {
        if let Some(meter) = Meter::current() {
            meter.calls.fetch_add(1, Ordering::Relaxed);
        }
        let client = if asking.body.is_some() {
            &self.0.writes
        } else {
            &self.0.reads
        };
        let mut request = client
            .request(asking.method.clone(), asking.url.clone())
            .headers(asking.headers.clone());
        if let Some(body) = asking.body {
            request = request.body(body());
        }
        let response = request.send().await.map_err(|e| self.broken(e))?;
        let status = response.status();
        match status.is_success() || matches!(status.as_u16(), 302 | 303 | 307 | 308) {
            true => Ok(response),
            false => Err(self.refused(response).await),
        }
    }

    /// What an answer that is no success says.
    async fn refused(&self, mut response: Response) -> Failure {
        let status = response.status().as_u16();
        let retry_after = retry::retry_after(response.headers(), self.0.clock.now());
        let mut body = Vec::new();
        // What refuses may break off: its status says enough.
        while let Ok(Some(chunk)) = response.chunk().await {
            body.extend_from_slice(&chunk[..chunk.len().min(SAID - body.len())]);
            if body.len() == SAID {
                break;
            }
        }
        let (code, said) = words(&String::from_utf8_lossy(&body));
        Failure::Refused(Refused {
            status,
            code,
            said: self.0.redactor.text(&said),
            retry_after,
        })
    }

    /// What a failed exchange means.
    pub fn broken(&self, error: reqwest::Error) -> Failure {
        let (kind, what) = send::meaning(&error);
        let cause = send::chain(&error.without_url());
        Failure::Broken {
            kind,
            what,
            cause: self.0.redactor.text(&cause),
        }
    }
}

/// The word and the sentence of an answer that refuses: in XML as S3, Azure and Google write it, or in JSON as Google and Hadoop do.
fn words(body: &str) -> (String, String) {
    let short = |text: &str| text.trim().chars().take(SHOWN).collect::<String>();
    if let Ok(json) = serde_json::from_str::<serde_json::Value>(body) {
        let error = ["error", "RemoteException"].iter().find_map(|key| json.get(key));
        let error = error.unwrap_or(&json);
        let reason = error.pointer("/errors/0/reason").or_else(|| error.get("exception"));
        let text = |value: Option<&serde_json::Value>| value.and_then(|v| v.as_str()).unwrap_or_default().to_string();
        return (text(reason), short(&text(error.get("message"))));
    }
    let between = |name: &str| {
        let (_, after) = body.split_once(&format!("<{name}>"))?;
        Some(after.split_once(&format!("</{name}>"))?.0.to_string())
    };
    let code = between("Code").unwrap_or_default();
    // The first line: Azure adds when it was and which request, and the rest may be what was signed.
    let said = between("Message").unwrap_or_default();
    (short(&code), short(said.lines().next().unwrap_or_default()))
}

#[async_trait]
impl HttpService for Wire {
    async fn call(&self, request: HttpRequest) -> std::result::Result<HttpResponse, HttpError> {
        let (parts, body) = request.into_parts();
        let failed = |failure: Failure| HttpError::new(HttpErrorKind::Unknown, failure);
        let url = Url::parse(&parts.uri.to_string()).map_err(|e| {
            failed(Failure::Broken {
                kind: Kind::Invalid,
                what: "the request cannot be sent",
                cause: e.to_string(),
            })
        })?;
        let mut headers = parts.headers;
        // Google unpacks an object that is stored packed, unless one can unpack it oneself; then its length would be another one.
        if parts.method == Method::GET && url.query().is_none() {
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        }
        let content = || reqwest::Body::wrap(body.clone());
        let content: &(dyn Fn() -> reqwest::Body + Sync) = &content;
        let sends = matches!(parts.method, Method::PUT | Method::POST);
        let asking = Asking {
            method: parts.method,
            url,
            headers,
            body: sends.then_some(content),
        };
        let response = self.ask(&asking).await.map_err(failed)?;
        if response.status().is_redirection() {
            // A store is asked where it is; S3 says so where its region is another one.
            return Err(failed(self.refused(response).await));
        }
        let (status, headers) = (response.status(), response.headers().clone());
        let sum = (status.as_u16() == 200).then(|| sum_of(&headers)).flatten();
        let body = Checked {
            body: reqwest::Body::from(response),
            sum: sum.map(|sum| (Md5::new(), sum)),
            wire: self.clone(),
        };
        let mut response = HttpResponse::new(HttpResponseBody::new(body));
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        Ok(response)
    }
}

impl HttpConnector for Wire {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

/// The MD5 that an answer says its whole body has: Azure and Google do.
fn sum_of(headers: &HeaderMap) -> Option<Vec<u8>> {
    let google = headers.get_all("x-goog-hash").iter().filter_map(|v| v.to_str().ok());
    let google = google
        .flat_map(|v| v.split(','))
        .find_map(|v| v.trim().strip_prefix("md5="));
    let azure = headers.get("content-md5").and_then(|v| v.to_str().ok());
    let sum = STANDARD.decode(google.or(azure)?.trim()).ok()?;
    (sum.len() == 16).then_some(sum)
}

/// A body that fails at its end where it is not what its answer said.
struct Checked {
    body: reqwest::Body,
    sum: Option<(Md5, Vec<u8>)>,
    wire: Wire,
}

impl Body for Checked {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<std::result::Result<Frame<Bytes>, HttpError>>> {
        let failed = |failure| HttpError::new(HttpErrorKind::Unknown, failure);
        match Pin::new(&mut self.body).poll_frame(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Some(Ok(frame))) => {
                if let (Some(bytes), Some((sum, _))) = (frame.data_ref(), &mut self.sum) {
                    sum.update(bytes);
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(failed(self.wire.broken(error))))),
            Poll::Ready(None) => {
                let Some((sum, said)) = self.sum.take() else {
                    return Poll::Ready(None);
                };
                match sum.finalize()[..] == said[..] {
                    true => Poll::Ready(None),
                    false => Poll::Ready(Some(Err(failed(Failure::Broken {
                        kind: Kind::BadData,
                        what: "what came is not what the store says that it holds",
                        cause: "its MD5 is another".into(),
                    })))),
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        // At the end there is still something to compare.
        self.sum.is_none() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_store_says_is_found_in_each_of_their_forms() {
        let told = |body: &str| {
            let (code, said) = words(body);
            format!("{code} | {said}")
        };
        let all = [
            told(
                "<?xml version=\"1.0\"?>\n<Error><Code>NoSuchBucket</Code><Message>The specified bucket does not exist</Message><BucketName>b</BucketName></Error>",
            ),
            told(
                "<?xml version=\"1.0\"?><Error><Code>AuthenticationFailed</Code><Message>Server failed to authenticate the request.\nRequestId:1\nTime:2</Message><AuthenticationErrorDetail>Signature did not match. String to sign used was r</AuthenticationErrorDetail></Error>",
            ),
            told(r#"{"error":{"code":403,"message":"no access","errors":[{"reason":"forbidden"}]}}"#),
            told(
                r#"{"RemoteException":{"exception":"StandbyException","javaClassName":"x","message":"Operation category READ is not supported in state standby"}}"#,
            ),
            told("<html>oops</html>"),
            told(""),
        ];
        assert_eq!(
            all,
            [
                "NoSuchBucket | The specified bucket does not exist",
                "AuthenticationFailed | Server failed to authenticate the request.",
                "forbidden | no access",
                "StandbyException | Operation category READ is not supported in state standby",
                " | ",
                " | "
            ]
        );
    }

    #[test]
    fn a_sum_is_that_of_google_or_of_azure() {
        let told = |name: &'static str, value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.append(name, HeaderValue::from_static(value));
            sum_of(&headers).map(|sum| sum.iter().map(|b| format!("{b:02x}")).collect::<String>())
        };
        let empty = Some("d41d8cd98f00b204e9800998ecf8427e".to_string());
        assert_eq!(told("content-md5", "1B2M2Y8AsgTpgAmY7PhCfg=="), empty);
        assert_eq!(
            told("x-goog-hash", "crc32c=AAAAAA==, md5=1B2M2Y8AsgTpgAmY7PhCfg=="),
            empty
        );
        assert_eq!(told("x-goog-hash", "crc32c=AAAAAA=="), None);
        assert_eq!(told("content-md5", "bm90IGl0"), None);
    }
}
