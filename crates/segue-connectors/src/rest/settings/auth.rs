//! Who asks a web API.

use crate::connector::{maybe_secret, secret};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use segue_core::Secret;
use segue_spec::units::Duration;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use std::collections::BTreeMap;

/// Who asks; exactly one of them.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Auth {
    /// OAuth 2: an access token that is renewed by itself.
    Oauth2(Oauth2),
    /// A token that does not change, as `Authorization: Bearer`.
    Bearer(Bearer),
    /// A user and a password, as `Authorization: Basic`.
    Basic(Basic),
    /// A key in a header, in the query, in a cookie or in the body.
    ApiKey(ApiKey),
    /// Each request is signed with a key (HMAC), as the server's documentation says.
    Hmac(Hmac),
    /// Each request is signed with AWS Signature Version 4.
    AwsSigv4(AwsSigv4),
    /// Each request is signed as OAuth 1.0a has it.
    Oauth1(Oauth1),
    /// A session: some requests, a value of whose answers goes with all others.
    Login(Login),
}

/// OAuth 2. `grant`, exactly one, says how the token is had, and which keys there are.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(tag = "grant", rename_all = "snake_case")]
#[schemars(transform = grant_first)]
pub enum Oauth2 {
    /// For the application itself.
    ClientCredentials(ClientCredentials),
    /// For a person who signed in once, with the refresh token that came of it. Where the server gives another refresh token with each
    /// access token, the new one is kept in the state before it is used, and all processes use it.
    RefreshToken(RefreshToken),
    /// For a service account, which states with its private key who it is (RFC 7523).
    JwtBearer(JwtBearer),
}

/// A token for the application itself.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClientCredentials {
    /// Where the token is had.
    #[schemars(extend("format" = "url"))]
    pub token_url: String,
    /// The application's id.
    pub client_id: String,
    /// The application's secret.
    #[serde(deserialize_with = "secret")]
    #[schemars(with = "String", extend("x-secret" = true))]
    pub client_secret: Secret,
    /// Where id and secret are sent to have a token.
    #[serde(default)]
    pub client_auth: ClientAuth,
    /// What is asked for.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// What else the form that asks for a token has, such as an `audience`.
    #[serde(default)]
    pub token_params: BTreeMap<String, String>,
}

/// A token for a person who signed in once.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RefreshToken {
    /// Where the token is had.
    #[schemars(extend("format" = "url"))]
    pub token_url: String,
    /// The application's id.
    pub client_id: String,
    /// The application's secret; none where it was registered as one that keeps none.
    #[serde(default, deserialize_with = "maybe_secret")]
    #[schemars(with = "Option<String>", extend("x-secret" = true))]
    pub client_secret: Option<Secret>,
    /// The refresh token that signing in gave. It counts until it is another one here: what the server gives in its place is kept.
    #[serde(deserialize_with = "secret")]
    #[schemars(with = "String", extend("x-secret" = true))]
    pub refresh_token: Secret,
    /// Where id and secret are sent to have a token.
    #[serde(default)]
    pub client_auth: ClientAuth,
    /// What is asked for; without it, what was agreed to.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// What else the form that asks for a token has.
    #[serde(default)]
    pub token_params: BTreeMap<String, String>,
}

/// A token for a service account.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JwtBearer {
    /// Where the token is had.
    #[schemars(extend("format" = "url"))]
    pub token_url: String,
    /// The account (`iss`).
    pub issuer: String,
    /// Its private key: RSA, as PEM. It signs with RS256.
    #[serde(deserialize_with = "secret")]
    #[schemars(with = "String", extend("x-secret" = true))]
    pub private_key: Secret,
    /// The key's name (`kid`).
    #[serde(default)]
    pub key_id: Option<String>,
    /// The person for whom it asks (`sub`), if it may.
    #[serde(default)]
    pub subject: Option<String>,
    /// Whom it tells (`aud`); without it, `token_url`.
    #[serde(default)]
    pub audience: Option<String>,
    /// What is asked for.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// What else the form that asks for a token has.
    #[serde(default)]
    pub token_params: BTreeMap<String, String>,
}

/// Where an application's id and secret are sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuth {
    /// As `Authorization: Basic`.
    #[default]
    Basic,
    /// In the form, as `client_id` and `client_secret`.
    Body,
}

/// A fixed token.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Bearer {
    /// The token.
    #[serde(deserialize_with = "secret")]
    #[schemars(with = "String", extend("x-secret" = true))]
    pub token: Secret,
}

/// A user and a password.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Basic {
    /// The user.
    pub user: String,
    /// The password. Without one it is empty, and the user is taken for a secret: some servers have a key in its place.
    #[serde(default, deserialize_with = "maybe_secret")]
    #[schemars(with = "Option<String>", extend("x-secret" = true))]
    pub password: Option<Secret>,
}

/// A key; exactly one of `header`, `query`, `cookie` and `body` says where it goes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("oneOf" = [
    { "required": ["header"] }, { "required": ["query"] }, { "required": ["cookie"] }, { "required": ["body"] }
]))]
pub struct ApiKey {
    /// The header that carries it.
    #[serde(default)]
    pub header: Option<String>,
    /// The query parameter that carries it.
    #[serde(default)]
    pub query: Option<String>,
    /// The cookie that carries it.
    #[serde(default)]
    pub cookie: Option<String>,
    /// The field of the request's body that carries it; the body is JSON or a form.
    #[serde(default)]
    pub body: Option<String>,
    /// The key.
    #[serde(deserialize_with = "secret")]
    #[schemars(with = "String", extend("x-secret" = true))]
    pub value: Secret,
}

/// A signature by HMAC. Templates know `method`, `host`, `path`, `query`, `target` (path and query), `body`, `body_sha256`, `timestamp`,
/// `nonce` and `key_id`, and where the signature is sent `signature`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-at-least-one" = [["headers", "query"]]))]
pub struct Hmac {
    /// The key's name, which is no secret.
    #[serde(default)]
    pub key_id: Option<String>,
    /// The key.
    #[serde(deserialize_with = "secret")]
    #[schemars(with = "String", extend("x-secret" = true))]
    pub secret: Secret,
    /// How the key is written.
    #[serde(default)]
    pub secret_encoding: SecretEncoding,
    /// The hash.
    #[serde(default)]
    pub algorithm: HashAlgorithm,
    /// The text that is signed: `{{ timestamp }}{{ method }}{{ target }}{{ body }}`.
    #[schemars(schema_with = "signed_schema")]
    pub message: String,
    /// How the signature is written.
    #[serde(default)]
    pub encoding: Encoding,
    /// How `timestamp` is written.
    #[serde(default)]
    pub timestamp: TimestampFormat,
    /// The headers that carry it: `{ X-Signature: "{{ signature }}", X-Timestamp: "{{ timestamp }}" }`.
    #[serde(default)]
    #[schemars(schema_with = "signatures_schema")]
    pub headers: BTreeMap<String, String>,
    /// The query parameters that carry it. They are added after it was made.
    #[serde(default)]
    #[schemars(schema_with = "signatures_schema")]
    pub query: BTreeMap<String, String>,
}

/// How a key is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SecretEncoding {
    /// The text itself is the key.
    #[default]
    Text,
    /// Two digits a byte.
    Hex,
    /// In Base64.
    Base64,
}

/// A hash.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HashAlgorithm {
    /// By SHA-256.
    #[default]
    Sha256,
    /// By SHA-512.
    Sha512,
}

/// How a signature is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Encoding {
    /// Two digits a byte.
    #[default]
    Hex,
    /// In Base64.
    Base64,
}

/// How a time is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TimestampFormat {
    /// Seconds since 1970.
    #[default]
    Unix,
    /// Milliseconds since 1970.
    UnixMs,
    /// `2026-11-01T12:00:00Z`.
    Rfc3339,
    /// `Sun, 01 Nov 2026 12:00:00 GMT`.
    Http,
}

/// AWS Signature Version 4.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AwsSigv4 {
    /// `eu-central-1`.
    pub region: String,
    /// What is asked: `execute-api`, `s3`.
    pub service: String,
    /// The key's name.
    pub access_key_id: String,
    /// The key.
    #[serde(deserialize_with = "secret")]
    #[schemars(with = "String", extend("x-secret" = true))]
    pub secret_access_key: Secret,
    /// What comes with a key for a short time.
    #[serde(default, deserialize_with = "maybe_secret")]
    #[schemars(with = "Option<String>", extend("x-secret" = true))]
    pub session_token: Option<Secret>,
}

/// OAuth 1.0a (RFC 5849): each request is signed for an application, and for the person whose token it has.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("dependentRequired" = { "token": ["token_secret"], "token_secret": ["token"] }))]
pub struct Oauth1 {
    /// The application's key.
    pub consumer_key: String,
    /// The application's secret.
    #[serde(deserialize_with = "secret")]
    #[schemars(with = "String", extend("x-secret" = true))]
    pub consumer_secret: Secret,
    /// The token that signing in gave; none where the application asks for itself.
    #[serde(default, deserialize_with = "maybe_secret")]
    #[schemars(with = "Option<String>", extend("x-secret" = true))]
    pub token: Option<Secret>,
    /// The token's secret.
    #[serde(default, deserialize_with = "maybe_secret")]
    #[schemars(with = "Option<String>", extend("x-secret" = true))]
    pub token_secret: Option<Secret>,
    /// How it is signed.
    #[serde(default)]
    pub signature: Oauth1Signature,
    /// The `realm` of the header, where the server wants one: an account's number at some.
    #[serde(default)]
    pub realm: Option<String>,
}

/// How OAuth 1.0a signs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Oauth1Signature {
    /// By HMAC-SHA1, as the standard has it.
    #[default]
    HmacSha1,
    /// By HMAC-SHA256.
    HmacSha256,
}

/// A session. Templates know `secret`, with the names under `secrets`, and `login`, with what the steps before took.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-at-least-one" = [["headers", "query", "cookies"]]))]
pub struct Login {
    /// The requests that begin it, in order.
    #[schemars(extend("minItems" = 1))]
    pub steps: Vec<LoginStep>,
    /// Secrets that the templates use as `{{ secret.NAME }}`.
    #[serde(default, deserialize_with = "secrets")]
    #[schemars(schema_with = "secrets_schema")]
    pub secrets: BTreeMap<String, Secret>,
    /// The headers of all other requests: `{ X-Session: "{{ login.token }}" }`.
    #[serde(default)]
    #[schemars(schema_with = "logins_schema")]
    pub headers: BTreeMap<String, String>,
    /// The query parameters of all other requests.
    #[serde(default)]
    #[schemars(schema_with = "logins_schema")]
    pub query: BTreeMap<String, String>,
    /// The cookies of all other requests.
    #[serde(default)]
    #[schemars(schema_with = "logins_schema")]
    pub cookies: BTreeMap<String, String>,
    /// How long a session is good. Without it, and in any case, one that is refused is begun anew.
    #[serde(default)]
    pub lasts: Option<Duration>,
}

/// A request of a login; exactly one of `get` and `post`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend(
    "oneOf" = [{ "required": ["get"] }, { "required": ["post"] }],
    "x-at-most-one" = [["json", "form"], ["get", "json"], ["get", "form"]],
))]
pub struct LoginStep {
    /// The path below `base_url`, or a URL.
    #[serde(default)]
    #[schemars(schema_with = "login_schema")]
    pub get: Option<String>,
    /// The path below `base_url`, or a URL.
    #[serde(default)]
    #[schemars(schema_with = "login_schema")]
    pub post: Option<String>,
    /// The query's parameters.
    #[serde(default)]
    #[schemars(schema_with = "logins_schema")]
    pub query: BTreeMap<String, String>,
    /// Headers.
    #[serde(default)]
    #[schemars(schema_with = "logins_schema")]
    pub headers: BTreeMap<String, String>,
    /// A body of JSON; its texts are templates.
    #[serde(default)]
    #[schemars(extend("type" = "object"))]
    pub json: Option<Value>,
    /// A body that is a form.
    #[serde(default)]
    #[schemars(schema_with = "logins_schema")]
    pub form: Option<BTreeMap<String, String>>,
    /// What is taken from the answer, by the name that `login` has it under: a JSONPath, `{ header: … }` or `{ cookie: … }`.
    #[serde(default)]
    #[schemars(schema_with = "takes_schema")]
    pub take: BTreeMap<String, Take>,
}

/// Where a value stands in an answer.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Take {
    /// In its body, by a JSONPath.
    Path(#[schemars(extend("format" = "jsonpath"))] String),
    /// Elsewhere.
    Place(TakePlace),
}

/// Where a value stands in an answer, beside its body.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("oneOf" = [{ "required": ["header"] }, { "required": ["cookie"] }]))]
pub struct TakePlace {
    /// A header.
    #[serde(default)]
    pub header: Option<String>,
    /// A cookie that it sets.
    #[serde(default)]
    pub cookie: Option<String>,
}

/// The word that tells the shapes apart, with what it means, before the keys that it stands for.
fn grant_first(schema: &mut Schema) {
    let shapes = schema.get_mut("oneOf").and_then(Value::as_array_mut);
    for shape in shapes.into_iter().flatten() {
        let about = shape.get("description").cloned();
        let Some(Value::Object(properties)) = shape.get_mut("properties") else {
            continue;
        };
        let Some(mut grant) = properties.shift_remove("grant") else {
            continue;
        };
        if let (Some(about), Some(grant)) = (about, grant.as_object_mut()) {
            grant.insert("description".into(), about);
        }
        let others = std::mem::take(properties);
        properties.insert("grant".into(), grant);
        properties.extend(others);
    }
}

fn secrets<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, Secret>, D::Error> {
    let texts = BTreeMap::<String, String>::deserialize(deserializer)?;
    Ok(texts
        .into_iter()
        .map(|(name, text)| (name, Secret::new(text)))
        .collect())
}

/// What the text that is signed may name.
const SIGNED: [&str; 10] = [
    "method",
    "host",
    "path",
    "query",
    "target",
    "body",
    "body_sha256",
    "timestamp",
    "nonce",
    "key_id",
];

fn signed_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "format": "template", "x-names": SIGNED })
}

fn signatures_schema(_: &mut SchemaGenerator) -> Schema {
    let names: Vec<&str> = SIGNED.into_iter().chain(["signature"]).collect();
    let text = serde_json::json!({ "type": "string", "format": "template", "x-names": names });
    json_schema!({ "type": "object", "additionalProperties": text })
}

fn login_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "format": "template", "x-names": ["secret", "login"] })
}

fn logins_schema(_: &mut SchemaGenerator) -> Schema {
    let text = serde_json::json!({ "type": "string", "format": "template", "x-names": ["secret", "login"] });
    json_schema!({ "type": "object", "additionalProperties": text })
}

fn secrets_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "object", "additionalProperties": { "type": "string", "x-secret": true }, "propertyNames": { "format": "name" } })
}

fn takes_schema(generator: &mut SchemaGenerator) -> Schema {
    let take = generator.subschema_for::<Take>();
    json_schema!({ "type": "object", "additionalProperties": take, "propertyNames": { "format": "name" } })
}
