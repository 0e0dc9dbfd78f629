//! What the connection files of object stores say, and the buckets that they mean.

use super::bucket::{Bucket, Store};
use super::errors::Where;
use super::wire::{Patience, Wire};
use crate::connector::{Deps, maybe_secret, secret};
use object_store::RetryConfig;
use object_store::StaticCredentialProvider;
use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::{GcpCredential, GoogleCloudStorageBuilder};
use schemars::JsonSchema;
use segue_core::{Error, Kind, Result, Secret};
use segue_diag::STORE_SETTINGS;
use segue_spec::units::{Duration, Size};
use serde::Deserialize;
use std::sync::Arc;
use url::Url;

/// A bucket of S3, or of what speaks like it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct S3 {
    /// The bucket's name.
    #[schemars(length(min = 1))]
    pub bucket: String,
    /// The folder in it below which the paths of files begin: `exports/daily`.
    #[serde(default)]
    pub prefix: String,
    /// The bucket's region. Needed for Amazon's own buckets outside of `us-east-1`.
    #[serde(default = "region")]
    pub region: String,
    /// Where the server is, for others than Amazon: `https://minio.example.com:9000`.
    #[serde(default)]
    #[schemars(extend("format" = "url"))]
    pub endpoint: Option<String>,
    /// Who asks: the name of the key.
    #[serde(default)]
    pub access_key_id: Option<String>,
    /// The key.
    #[serde(default, deserialize_with = "maybe_secret")]
    #[schemars(with = "Option<String>", extend("x-secret" = true))]
    pub secret_access_key: Option<Secret>,
    /// The token of a key that is only for a time.
    #[serde(default, deserialize_with = "maybe_secret")]
    #[schemars(with = "Option<String>", extend("x-secret" = true))]
    pub session_token: Option<Secret>,
    /// Asks without a key, for buckets that anybody may read.
    #[serde(default)]
    pub anonymous: bool,
    /// Asks with the role of the machine that Segue runs on, as Amazon's metadata service tells it.
    #[serde(default)]
    pub instance_role: bool,
    /// Whether the bucket stands in the path of URLs instead of in the host's name. Without it: where there is an `endpoint`.
    #[serde(default)]
    pub path_style: Option<bool>,
    /// Asks an `endpoint` of another machine without encryption.
    #[serde(default)]
    pub allow_http: bool,
    /// The largest file that is read, and the largest that is written.
    #[serde(default = "max_object")]
    pub max_object: Size,
    /// How long the server may say nothing.
    #[serde(default = "timeout")]
    pub timeout: Duration,
    /// How often one request is tried in all.
    #[serde(default = "tries")]
    #[schemars(range(min = 1, max = 20))]
    pub tries: u32,
}

/// A bucket of Google Cloud Storage.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Gcs {
    /// The bucket's name.
    #[schemars(length(min = 1))]
    pub bucket: String,
    /// The folder in it below which the paths of files begin: `exports/daily`.
    #[serde(default)]
    pub prefix: String,
    /// The key of a service account: the JSON that Google gives for it, whole.
    #[serde(default, deserialize_with = "maybe_secret")]
    #[schemars(with = "Option<String>", extend("x-secret" = true))]
    pub service_account: Option<Secret>,
    /// Asks without an account, for buckets that anybody may read.
    #[serde(default)]
    pub anonymous: bool,
    /// Where the server is, for others than Google.
    #[serde(default)]
    #[schemars(extend("format" = "url"))]
    pub endpoint: Option<String>,
    /// Asks an `endpoint` of another machine without encryption.
    #[serde(default)]
    pub allow_http: bool,
    /// The largest file that is read, and the largest that is written.
    #[serde(default = "max_object")]
    pub max_object: Size,
    /// How long the server may say nothing.
    #[serde(default = "timeout")]
    pub timeout: Duration,
    /// How often one request is tried in all.
    #[serde(default = "tries")]
    #[schemars(range(min = 1, max = 20))]
    pub tries: u32,
}

/// A container of Azure Blob Storage, or of Data Lake Storage.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Azure {
    /// The storage account's name.
    #[schemars(length(min = 1))]
    pub account: String,
    /// The container's name.
    #[schemars(length(min = 1))]
    pub container: String,
    /// The folder in it below which the paths of files begin: `exports/daily`.
    #[serde(default)]
    pub prefix: String,
    /// A key of the storage account.
    #[serde(default, deserialize_with = "maybe_secret")]
    #[schemars(with = "Option<String>", extend("x-secret" = true))]
    pub access_key: Option<Secret>,
    /// A shared access signature: `sv=…&sig=…`.
    #[serde(default, deserialize_with = "maybe_secret")]
    #[schemars(with = "Option<String>", extend("x-secret" = true))]
    pub sas: Option<Secret>,
    /// A registered application that asks.
    #[serde(default)]
    pub service_principal: Option<Principal>,
    /// Asks without a key, for containers that anybody may read.
    #[serde(default)]
    pub anonymous: bool,
    /// Where the account's blobs are, for others than Azure's own: `https://blobs.example.com/account`.
    #[serde(default)]
    #[schemars(extend("format" = "url"))]
    pub endpoint: Option<String>,
    /// Asks an `endpoint` of another machine without encryption.
    #[serde(default)]
    pub allow_http: bool,
    /// The largest file that is read, and the largest that is written.
    #[serde(default = "max_object")]
    pub max_object: Size,
    /// How long the server may say nothing.
    #[serde(default = "timeout")]
    pub timeout: Duration,
    /// How often one request is tried in all.
    #[serde(default = "tries")]
    #[schemars(range(min = 1, max = 20))]
    pub tries: u32,
}

/// A registered application of Azure.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Principal {
    /// The directory (tenant) that it is registered in.
    #[schemars(length(min = 1))]
    pub tenant: String,
    /// Its id.
    #[schemars(length(min = 1))]
    pub client_id: String,
    /// Its secret.
    #[serde(deserialize_with = "secret")]
    #[schemars(with = "String", extend("x-secret" = true))]
    pub client_secret: Secret,
}

impl S3 {
    pub fn open(self, deps: &Deps) -> Result<Bucket> {
        let bad = bad(deps);
        let key = match (&self.access_key_id, &self.secret_access_key) {
            (Some(id), Some(key)) => Some((id, key)),
            (None, None) if self.session_token.is_none() => None,
            _ => {
                return Err(bad(
                    "`access_key_id`, `secret_access_key` and a `session_token` belong together",
                ));
            }
        };
        only_one(&[key.is_some(), self.anonymous, self.instance_role], &bad).map_err(|e| {
            e.hint("write `access_key_id` and `secret_access_key`, or `instance_role: true`, or `anonymous: true`")
        })?;
        let endpoint = endpoint(self.endpoint.as_deref(), self.allow_http, &bad)?;
        let secrets: Vec<Secret> = [&self.secret_access_key, &self.session_token]
            .into_iter()
            .flatten()
            .cloned()
            .collect();
        let wire = wire(self.timeout, self.tries, &endpoint, false, &secrets, deps)?;
        let prefix = folder(&self.prefix, &bad)?;
        let mut builder = AmazonS3Builder::new()
            .with_http_connector(wire.clone())
            .with_retry(once())
            .with_bucket_name(&self.bucket)
            .with_region(&self.region)
            .with_skip_signature(self.anonymous)
            .with_virtual_hosted_style_request(!self.path_style.unwrap_or(endpoint.is_some()));
        if let Some(endpoint) = &endpoint {
            let address = match self.path_style {
                Some(false) => with_bucket(endpoint, &self.bucket).ok_or_else(|| {
                    bad("a bucket cannot stand in front of the host of `endpoint`")
                        .hint("leave out `path_style: false`")
                })?,
                _ => endpoint.as_str().trim_end_matches('/').to_string(),
            };
            builder = builder.with_endpoint(address);
        }
        if let Some((id, secret)) = key {
            builder = builder.with_access_key_id(id).with_secret_access_key(secret.reveal());
        }
        if let Some(token) = &self.session_token {
            builder = builder.with_token(token.reveal());
        }
        let store = builder.build().map_err(|e| unusable(&wire, &bad, &e))?;
        Ok(bucket(
            Arc::new(store),
            wire,
            ("s3", &endpoint, &self.bucket, "bucket"),
            (prefix, self.max_object, self.tries),
            deps,
        ))
    }
}

impl Gcs {
    pub fn open(self, deps: &Deps) -> Result<Bucket> {
        let bad = bad(deps);
        only_one(&[self.service_account.is_some(), self.anonymous], &bad)
            .map_err(|e| e.hint("write `service_account: ${secret:NAME}`, or `anonymous: true`"))?;
        let endpoint = endpoint(self.endpoint.as_deref(), self.allow_http, &bad)?;
        let secrets: Vec<Secret> = self.service_account.iter().cloned().collect();
        let wire = wire(self.timeout, self.tries, &endpoint, false, &secrets, deps)?;
        let prefix = folder(&self.prefix, &bad)?;
        let base = endpoint.as_ref().map_or("https://storage.googleapis.com", |url| {
            url.as_str().trim_end_matches('/')
        });
        let builder = GoogleCloudStorageBuilder::new()
            .with_http_connector(wire.clone())
            .with_retry(once())
            .with_base_url(base)
            .with_bucket_name(&self.bucket);
        let builder = match &self.service_account {
            Some(key) => builder.with_service_account_key(key.reveal()),
            // Credentials are given even where none are sent: without, the library looks for some in the user's own folder.
            None => builder
                .with_skip_signature(true)
                .with_credentials(Arc::new(StaticCredentialProvider::new(GcpCredential {
                    bearer: String::new(),
                }))),
        };
        let store = builder.build().map_err(|e| {
            let error = unusable(&wire, &bad, &e);
            match self.service_account {
                // What cannot be read of the key is not repeated.
                Some(_) => bad("the key of the service account cannot be used")
                    .hint("`service_account` is the JSON that Google gives for a key, whole, with its `private_key`"),
                None => error,
            }
        })?;
        Ok(bucket(
            Arc::new(store),
            wire,
            ("gs", &endpoint, &self.bucket, "bucket"),
            (prefix, self.max_object, self.tries),
            deps,
        ))
    }
}

impl Azure {
    pub fn open(self, deps: &Deps) -> Result<Bucket> {
        let bad = bad(deps);
        let ways = [
            self.access_key.is_some(),
            self.sas.is_some(),
            self.service_principal.is_some(),
            self.anonymous,
        ];
        only_one(&ways, &bad)
            .map_err(|e| e.hint("write one of `access_key`, `sas`, `service_principal` and `anonymous: true`"))?;
        let endpoint = endpoint(self.endpoint.as_deref(), self.allow_http, &bad)?;
        let mut secrets: Vec<Secret> = [&self.access_key, &self.sas].into_iter().flatten().cloned().collect();
        secrets.extend(self.service_principal.iter().map(|p| p.client_secret.clone()));
        let pairs: Option<Vec<(String, String)>> = self.sas.as_ref().map(|sas| {
            let text = sas.reveal().trim_start_matches('?');
            url::form_urlencoded::parse(text.as_bytes()).into_owned().collect()
        });
        if let Some(pairs) = &pairs {
            let Some((_, signature)) = pairs.iter().find(|(name, _)| name == "sig") else {
                return Err(bad("`sas` holds no signature").hint("it is the query of a signed URL: `sv=…&sig=…`"));
            };
            secrets.push(Secret::new(signature));
        }
        let wire = wire(
            self.timeout,
            self.tries,
            &endpoint,
            self.service_principal.is_some(),
            &secrets,
            deps,
        )?;
        let prefix = folder(&self.prefix, &bad)?;
        let mut builder = MicrosoftAzureBuilder::new()
            .with_http_connector(wire.clone())
            .with_retry(once())
            .with_account(&self.account)
            .with_container_name(&self.container)
            .with_skip_signature(self.anonymous);
        if let Some(endpoint) = &endpoint {
            builder = builder.with_endpoint(endpoint.as_str().trim_end_matches('/').to_string());
        }
        if let Some(key) = &self.access_key {
            builder = builder.with_access_key(key.reveal());
        }
        if let Some(pairs) = pairs {
            builder = builder.with_sas_authorization(pairs);
        }
        if let Some(principal) = &self.service_principal {
            builder = builder.with_client_secret_authorization(
                &principal.client_id,
                principal.client_secret.reveal(),
                &principal.tenant,
            );
        }
        let store = builder.build().map_err(|e| unusable(&wire, &bad, &e))?;
        let name = format!("{}/{}", self.account, self.container);
        Ok(bucket(
            Arc::new(store),
            wire,
            ("azure", &endpoint, &name, "container"),
            (prefix, self.max_object, self.tries),
            deps,
        ))
    }
}

/// The bucket with what it is called.
fn bucket(
    store: Arc<dyn Store>,
    wire: Wire,
    (scheme, endpoint, name, container): (&str, &Option<Url>, &str, &'static str),
    (prefix, max_object, tries): (String, Size, u32),
    deps: &Deps,
) -> Bucket {
    let below = if prefix.is_empty() {
        String::new()
    } else {
        format!("/{prefix}")
    };
    let host = endpoint.as_ref().map(|url| {
        let port = url.port().map_or(String::new(), |port| format!(":{port}"));
        format!("{}{port}/", url.host_str().unwrap_or_default())
    });
    Bucket {
        store,
        wire,
        identity: format!("{scheme}://{}{name}{below}", host.unwrap_or_default()),
        at: Where {
            connection: deps.connection.clone(),
            root: format!("{scheme}://{name}{below}"),
            container,
        },
        prefix,
        max_object: max_object.bytes(),
        tries,
        clock: deps.clock.clone(),
    }
}

/// Retries are the wire's business.
fn once() -> RetryConfig {
    RetryConfig {
        max_retries: 0,
        ..RetryConfig::default()
    }
}

/// `has_tokens`: whether credentials are fetched from a server of their own, which is not asked in the clear.
fn wire(
    timeout: Duration,
    tries: u32,
    endpoint: &Option<Url>,
    has_tokens: bool,
    secrets: &[Secret],
    deps: &Deps,
) -> Result<Wire> {
    let tls = has_tokens || endpoint.as_ref().is_none_or(|url| url.scheme() == "https");
    let patience = Patience {
        timeout: timeout.get(),
        tries,
    };
    Wire::new(patience, tls, secrets, deps)
}

/// A mistake in the settings.
pub(crate) fn bad(deps: &Deps) -> impl Fn(&str) -> Error {
    let connection = deps.connection.clone();
    move |what: &str| {
        Error::new(Kind::Invalid, what)
            .code(STORE_SETTINGS)
            .with("connection", &connection)
    }
}

/// What the library does not take. Its words may repeat a setting.
fn unusable(wire: &Wire, bad: &dyn Fn(&str) -> Error, error: &object_store::Error) -> Error {
    let words = wire.redactor().text(&crate::columns::short(&error.to_string()));
    bad("the connection's settings lead to no store").caused_by(words)
}

fn only_one(ways: &[bool], bad: &dyn Fn(&str) -> Error) -> Result<()> {
    match ways.iter().filter(|way| **way).count() {
        1 => Ok(()),
        0 => Err(bad("the connection does not say who asks")),
        _ => Err(bad("the connection says in several ways who asks")),
    }
}

/// Where a server is, if it is said. One that is asked in the clear is on this machine, or that is meant.
///
/// # Errors
/// `Invalid` for what is no such URL.
pub(crate) fn endpoint(text: Option<&str>, allow_http: bool, bad: &dyn Fn(&str) -> Error) -> Result<Option<Url>> {
    let Some(text) = text else { return Ok(None) };
    let url = Url::parse(text).map_err(|e| bad("the server's address is no URL").caused_by(e))?;
    let has_more =
        !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some();
    if url.host_str().is_none() || has_more {
        return Err(bad(
            "the server's address is more, or less, than scheme, host, port and path",
        ));
    }
    match url.scheme() {
        "https" => Ok(Some(url)),
        "http" if allow_http || is_here(&url) => Ok(Some(url)),
        "http" => Err(bad("the server would be asked in the clear")
            .hint("write `https://`; or, where nobody else is on the way, `allow_http: true`")),
        _ => Err(bad("the server's address begins with `https://`")),
    }
}

/// Whether a URL leads to this machine.
pub(crate) fn is_here(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

fn with_bucket(endpoint: &Url, bucket: &str) -> Option<String> {
    let mut url = endpoint.clone();
    let host = format!("{bucket}.{}", endpoint.domain()?);
    url.set_host(Some(&host)).ok()?;
    Some(url.as_str().trim_end_matches('/').to_string())
}

/// A folder, without slashes around it.
///
/// # Errors
/// `Invalid` for one that goes up, or has empty parts.
pub(crate) fn folder(text: &str, bad: &dyn Fn(&str) -> Error) -> Result<String> {
    let text = text.trim_matches('/');
    let is_odd = |part: &str| matches!(part, "" | "." | "..");
    if !text.is_empty() && text.split('/').any(is_odd) {
        return Err(bad(&format!("`{text}` is no folder")).hint("write it as `exports/daily`"));
    }
    Ok(text.to_string())
}

fn region() -> String {
    "us-east-1".into()
}
pub(crate) fn max_object() -> Size {
    "10GiB".parse().expect("a constant that is tested")
}
pub(crate) fn timeout() -> Duration {
    "30s".parse().expect("a constant that is tested")
}
pub(crate) fn tries() -> u32 {
    5
}
