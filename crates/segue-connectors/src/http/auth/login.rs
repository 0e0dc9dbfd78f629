//! A session that is begun by some requests one after the other: a value of each answer may go into the next.

use super::{At, Carried, Token};
use crate::http::send::{Content, headers};
use crate::http::{Http, Line, Redactor, retry, send, status_error};
use crate::json::Path;
use minijinja::{Environment, UndefinedBehavior, Value as Words};
use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HeaderMap, SET_COOKIE};
use segue_core::{Ctx, Error, Kind, Result, Secret};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Duration;
use url::Url;

/// No answer of a login is larger, in bytes.
const MOST: u64 = 1 << 20;

/// How a session is begun, and what of it goes with each request.
#[derive(Clone, Debug)]
pub struct Login {
    /// The requests, in order.
    pub steps: Vec<LoginStep>,
    /// What the templates know as `secret`.
    pub secrets: Vec<(String, Secret)>,
    /// What goes with each request: templates.
    pub sends: Vec<(At, String, String)>,
    /// How long a session is good; without it, until it is refused.
    pub lasts: Option<Duration>,
}

/// A request of a login. All its texts are templates.
#[derive(Clone, Debug)]
pub struct LoginStep {
    /// How it is asked.
    pub method: Method,
    /// Where: a path below the base URL, or a URL.
    pub target: String,
    /// Its query.
    pub query: Vec<(String, String)>,
    /// Its headers.
    pub headers: Vec<(String, String)>,
    /// Its body.
    pub body: LoginBody,
    /// What is taken from the answer, by the name that templates know it by.
    pub takes: Vec<(String, Take)>,
}

/// The body of a request of a login.
#[derive(Clone, Debug)]
pub enum LoginBody {
    /// There is none.
    None,
    /// JSON.
    Json(Value),
    /// A form.
    Form(Vec<(String, String)>),
}

/// Where a value stands in an answer.
#[derive(Clone, Debug)]
pub enum Take {
    /// In its body.
    Path(Path),
    /// In a header.
    Header(String),
    /// In a cookie that it sets.
    Cookie(String),
}

impl Login {
    /// Begins a session.
    ///
    /// # Errors
    /// `Unauthenticated` when a step is refused, or its answer lacks a value; what keeps the server from answering.
    pub(super) async fn begin(&self, http: &Http, line: &Line, redactor: &Redactor, ctx: &Ctx) -> Result<Token> {
        let client = line.tokens.as_ref();
        let client = client.ok_or_else(|| Error::bug("a session is begun on a line without a client for it"))?;
        let begun_at = http.clock.elapsed();
        let mut taken: BTreeMap<String, Secret> = BTreeMap::new();
        for (number, step) in self.steps.iter().enumerate() {
            let about = |e: Error| e.with("step of the login", number + 1);
            let words = self.words(&taken);
            let url = step.url(&http.settings.base_url, &words).map_err(about)?;
            let mut request = client.request(step.method.clone(), url.clone());
            let rendered = |pairs: &[(String, String)]| -> Result<Vec<(String, String)>> {
                pairs.iter().map(|(n, v)| Ok((n.clone(), render(v, &words)?))).collect()
            };
            request = request.headers(headers(&rendered(&step.headers).map_err(about)?).map_err(about)?);
            let content = match &step.body {
                LoginBody::None => None,
                LoginBody::Json(value) => Some(Content::json(&filled(value, &words)?)?),
                LoginBody::Form(pairs) => Some(Content::form(&rendered(pairs).map_err(about)?)),
            };
            if let Some(content) = content {
                request = request.header(CONTENT_TYPE, content.media).body(content.bytes);
            }
            ctx.meter.calls.fetch_add(1, Ordering::Relaxed);
            let response = request.send().await.map_err(|e| send::failed(redactor, e, &url))?;
            let status = response.status().as_u16();
            let retry_after = retry::retry_after(response.headers(), http.clock.now());
            let fields = response.headers().clone();
            let body = send::body(redactor, &ctx.meter, response, &url, MOST).await?;
            if status >= 400 {
                let error = match matches!(status, 408 | 425 | 429 | 500..) {
                    true => Error::new(status_error(status).kind(), "no session can be begun at the moment"),
                    false => Error::new(Kind::Unauthenticated, "the login is refused")
                        .code(segue_diag::REST_UNAUTHENTICATED)
                        .hint("look at `auth.login` of the connection, and at its secrets"),
                };
                let error = about(error).with("status", status);
                return Err(match retry_after.filter(|_| error.kind().is_transient()) {
                    Some(delay) => error.retry_after(delay),
                    None => error,
                });
            }
            for (name, take) in &step.takes {
                let value = take.from(&fields, &body).ok_or_else(|| about(lacks(name, take)))?;
                redactor.hide(&value);
                taken.insert(name.clone(), value);
            }
        }
        let words = self.words(&taken);
        let carried = self.sends.iter().map(|(at, name, template)| {
            Ok(Carried {
                at: *at,
                name: name.clone(),
                value: Secret::new(render(template, &words)?),
            })
        });
        let carried: Vec<Carried> = carried.collect::<Result<_>>()?;
        carried.iter().for_each(|c| redactor.hide(&c.value));
        Ok(Token {
            value: carried.first().map_or_else(|| Secret::new(""), |c| c.value.clone()),
            carried,
            renew_at: self.lasts.map(|lasts| begun_at + lasts),
        })
    }

    fn words(&self, taken: &BTreeMap<String, Secret>) -> Words {
        let secrets = Words::from_pairs(self.secrets.iter().map(|(n, s)| (n.as_str(), s.reveal())));
        let taken = Words::from_pairs(taken.iter().map(|(n, s)| (n.as_str(), s.reveal())));
        Words::from_pairs([("secret", secrets), ("login", taken)])
    }
}

impl LoginStep {
    /// Where it is asked. Another server than the API's is one that the settings name themselves, never an answer.
    fn url(&self, base: &Url, words: &Words) -> Result<Url> {
        let text = render(&self.target, words)?;
        let mut url = match text.starts_with("http://") || text.starts_with("https://") {
            true => Url::parse(&text),
            false => Url::parse(&format!(
                "{}/{}",
                base.as_str().trim_end_matches('/'),
                text.trim_start_matches('/')
            )),
        }
        .map_err(|e| Error::new(Kind::Invalid, "a step of the login has no URL").caused_by(e))?;
        let written = self.target.split("{{").next().and_then(|text| Url::parse(text).ok());
        if url.origin() != base.origin() && written.is_none_or(|w| w.origin() != url.origin()) {
            return Err(Error::new(Kind::Invalid, "a step of the login leads to another server"));
        }
        for (name, template) in &self.query {
            let value = render(template, words)?;
            url.query_pairs_mut().append_pair(name, &value);
        }
        Ok(url)
    }
}

impl Take {
    fn from(&self, headers: &HeaderMap, body: &[u8]) -> Option<Secret> {
        let text = match self {
            Take::Path(path) => match path.value_in(body).ok()?? {
                Value::String(text) => text,
                Value::Number(number) => number.to_string(),
                _ => return None,
            },
            Take::Header(name) => headers.get(name.as_str())?.to_str().ok()?.to_string(),
            Take::Cookie(name) => {
                let set = headers.get_all(SET_COOKIE).iter().filter_map(|v| v.to_str().ok());
                let mut pairs = set.filter_map(|cookie| cookie.split(';').next()?.split_once('='));
                pairs
                    .find(|(n, _)| n.trim() == name)
                    .map(|(_, v)| v.trim().to_string())?
            }
        };
        (!text.is_empty()).then(|| Secret::new(text))
    }
}

fn lacks(name: &str, take: &Take) -> Error {
    let place = match take {
        Take::Path(_) => "its body has nothing there".to_string(),
        Take::Header(header) => format!("it has no header `{header}`"),
        Take::Cookie(cookie) => format!("it sets no cookie `{cookie}`"),
    };
    Error::new(
        Kind::Unauthenticated,
        format!("an answer of the login lacks `{name}`: {place}"),
    )
    .code(segue_diag::REST_LOGIN)
    .hint("look at `take` of the login's steps; some servers refuse with a success and say so in the answer")
}

/// All texts of a JSON value filled in.
fn filled(value: &Value, words: &Words) -> Result<Value> {
    Ok(match value {
        Value::String(text) => Value::String(render(text, words)?),
        Value::Array(items) => Value::Array(items.iter().map(|v| filled(v, words)).collect::<Result<_>>()?),
        Value::Object(fields) => {
            let fields = fields.iter().map(|(n, v)| Ok((n.clone(), filled(v, words)?)));
            Value::Object(fields.collect::<Result<_>>()?)
        }
        other => other.clone(),
    })
}

fn render(text: &str, words: &Words) -> Result<String> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.render_str(text, words).map_err(|e| {
        let why = e.detail().map_or_else(|| e.kind().to_string(), str::to_string);
        Error::new(
            Kind::Invalid,
            format!("a template of `auth.login` cannot be filled in: {why}"),
        )
        .hint("there are `secret`, with the names under `secrets`, and `login`, with what the steps before took")
    })
}
