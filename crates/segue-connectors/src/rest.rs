//! Web APIs, described by data alone.

mod again;
mod asked;
pub mod copy;
mod credentials;
pub(crate) mod decoder;
mod export;
mod group;
mod onward;
mod page;
mod paginate;
mod plan;
mod read;
mod replay;
mod route;
mod run;
mod schema;
pub mod settings;
mod template;
mod turns;
mod windows;

use crate::connector::{ConnectionSettings, Connector, Deps, schema_of};
use crate::http::{Call, Got, Http, HttpSettings, Method, Quota, Verdict};
use async_trait::async_trait;
use credentials::credentials;
use futures::stream::BoxStream;
use segue_core::gate::Rate;
use segue_core::source::{Again, Discovered, KeptRecord, Offered, Read, ReadRequest, Source, Wanted};
use segue_core::{Ctx, Error, Kind, Result};
use settings::RestConnection;
use std::sync::Arc;
use url::Url;

/// The connector.
pub static CONNECTOR: Connector = Connector {
    kind: "rest",
    about: "Web APIs: JSON, JSON lines, CSV and XML.",
    connection_schema: schema_of::<RestConnection>,
    copy_schema: schema_of::<copy::RestCopy>,
    into_schema: None,
    source: Some(open),
    sink: None,
};

fn open(settings: ConnectionSettings, deps: Deps) -> Result<Arc<dyn Source>> {
    let settings = RestConnection::read(settings, &deps.connection)?;
    Ok(Arc::new(Rest::new(settings, &deps)?))
}

/// One web API.
pub struct Rest {
    http: Arc<Http>,
}

impl Rest {
    /// For this connection.
    ///
    /// # Errors
    /// `Invalid` for settings that cannot be used.
    pub fn new(settings: RestConnection, deps: &Deps) -> Result<Rest> {
        let base_url = address(&settings.base_url, "base_url")?;
        let (credentials, client) = credentials(settings.auth)?;
        let account = settings.account.or(client);
        if account
            .as_deref()
            .is_some_and(|a| a.trim().is_empty() || a.contains(char::is_control))
        {
            return Err(Error::new(Kind::Invalid, "`account` is not a name")
                .with("connection", &deps.connection)
                .hint("give it in one line, or leave it out"));
        }
        let identity = identity(&base_url, account.as_deref());
        let http = HttpSettings {
            identity,
            base_url,
            headers: settings.headers.into_iter().collect(),
            credentials,
            rate: settings.limits.rate.map(|r| Rate {
                count: r.count,
                window: r.per,
            }),
            quotas: quotas(&settings.limits.quotas)?,
            allowed_hosts: hosts(settings.allowed_hosts)?,
            concurrency: settings.limits.concurrency,
            max_wait: settings.limits.max_wait.get(),
            tries: settings.limits.tries,
            timeout: settings.timeout.get(),
            max_body: settings.max_body.bytes(),
        };
        let http = Http::new(http, deps).map_err(|e| e.with("connection", &deps.connection))?;
        Ok(Rest { http: Arc::new(http) })
    }
}

fn quotas(written: &[settings::Quota]) -> Result<Vec<Quota>> {
    let mut quotas: Vec<Quota> = Vec::new();
    for quota in written {
        if quotas.iter().any(|other| other.name == quota.name) {
            return Err(Error::new(
                Kind::Invalid,
                format!("`limits.quotas` has `{}` twice", quota.name),
            ));
        }
        let paths = quota
            .paths
            .iter()
            .map(|path| glob::Pattern::new(path))
            .collect::<std::result::Result<_, _>>();
        quotas.push(Quota {
            name: quota.name.clone(),
            rate: Rate {
                count: quota.rate.count,
                window: quota.rate.per,
            },
            paths: paths
                .map_err(|e| Error::new(Kind::Invalid, "a path of `limits.quotas` cannot be read").caused_by(e))?,
        });
    }
    Ok(quotas)
}

fn hosts(written: Vec<String>) -> Result<Vec<String>> {
    for host in &written {
        let name = host.strip_prefix("*.").unwrap_or(host);
        if name.is_empty() || name.contains(['/', '*', '@', ' ']) {
            return Err(
                Error::new(Kind::Invalid, format!("`{host}` in `allowed_hosts` is no host"))
                    .hint("write `files.example.com`, `*.example.com` or `files.example.com:8443`"),
            );
        }
    }
    Ok(written)
}

/// Scheme, host, port and account: another one is another source.
fn identity(base_url: &Url, account: Option<&str>) -> String {
    let host = base_url.host_str().unwrap_or_default();
    let port = base_url.port_or_known_default().unwrap_or_default();
    let account = account.map(|a| format!(" as {a}")).unwrap_or_default();
    format!("{}://{host}:{port}{account}", base_url.scheme())
}

fn address(text: &str, key: &str) -> Result<Url> {
    let bad = |why: &str| Error::new(Kind::Invalid, format!("`{key}` {why}"));
    // The text is not shown: it may hold a password.
    let url = Url::parse(text).map_err(|_| bad("is no URL").hint("write it in full: https://api.example.com/v1"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(bad("is no web address").hint("write it in full: https://api.example.com/v1"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(bad("holds a user or a password").hint("put credentials under `auth`"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(
            bad("has a query or a fragment").hint("put parameters into the copies' `request.query`, keys under `auth`")
        );
    }
    Ok(url)
}

#[async_trait]
impl Source for Rest {
    fn identity(&self) -> String {
        self.http.settings().identity.clone()
    }

    async fn test(&self, ctx: &Ctx) -> Result<String> {
        let settings = self.http.settings();
        let url = settings.base_url.clone();
        let call = Call {
            method: Method::GET,
            url,
            headers: Vec::new(),
            body: None,
            on_disk: None,
            keys: Vec::new(),
            blocks: settings.identity.clone(),
        };
        let judge = |answer: &crate::http::Answer| match answer.status {
            429 | 500.. => Verdict::Retry(crate::http::status_error(answer.status)),
            _ => Verdict::Accept,
        };
        match self.http.ask(&self.http.line()?, &call, &judge, ctx).await? {
            Got::Answer(answer) if answer.status == 401 => Err(crate::http::status_error(401)
                .code(segue_diag::REST_UNAUTHENTICATED)
                .hint("look at the connection's `auth`")),
            Got::Answer(answer) => Ok(format!(
                "{} answers (status {} at its base)",
                settings.identity, answer.status
            )),
            Got::Blocked(block) => Err(Error::new(Kind::RateLimited, "the connection is blocked")
                .with("until", block.until)
                .with("reason", block.reason)),
            Got::GaveUp { error, .. } => Err(error),
        }
    }

    async fn discover(&self, _wanted: &Wanted<'_>, _ctx: &Ctx) -> Result<Vec<Discovered>> {
        Err(no_tables())
    }

    async fn tables(&self, _ctx: &Ctx) -> Result<Vec<Offered>> {
        Err(no_tables())
    }

    async fn again(&self, request: ReadRequest, records: Vec<KeptRecord>, _ctx: &Ctx) -> Result<Again> {
        again::again(&request, &records)
    }

    async fn read(&self, request: ReadRequest, ctx: &Ctx) -> Result<BoxStream<'static, Result<Read>>> {
        read::read(self.http.clone(), request, ctx)
    }
}

fn no_tables() -> Error {
    Error::new(Kind::Unsupported, "a web API does not say what it has")
        .hint("write a copy with `request:`, and look at it with `segue preview ASSET`")
}

#[cfg(test)]
mod tests;
