//! What a copy says of requests that come before and after the others: parents, windows, exports.

use super::{Decoder, ErrorRule, Paginate, Records, Request, paths_schema};
use schemars::JsonSchema;
use segue_spec::units::Duration;
use serde::Deserialize;
use std::collections::BTreeMap;

/// A request whose records are parents: for each of them, or for some together, the next level is asked, and at last `request`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ParentLevel {
    /// What is asked. From the second level on it may name `parent`.
    pub request: Request,
    /// How the next page of parents is asked for.
    #[serde(default)]
    pub paginate: Option<Paginate>,
    /// What its answers are written in.
    #[serde(default)]
    pub decoder: Option<Decoder>,
    /// Where the parents stand in an answer.
    pub records: Records,
    /// What an answer other than success means.
    #[serde(default)]
    pub errors: Vec<ErrorRule>,
    /// What is taken from each parent, by the name that `parent` has it under: `{ shop: $.id }` is `{{ parent.shop }}`, in the requests below
    /// and in the `value` of columns.
    #[schemars(schema_with = "paths_schema")]
    pub take: BTreeMap<String, String>,
    /// How many parents go into one request of the next level; without it, one.
    #[serde(default)]
    pub group: Option<ParentGroup>,
}

/// Several parents in one request.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ParentGroup {
    /// The most of them.
    #[schemars(range(min = 1, max = 10000))]
    pub size: u32,
    /// What stands between them in `{{ parent.name }}`.
    #[serde(default = "super::comma")]
    pub join: String,
}

/// Stretches of time that are asked for one after the other: `{{ window.from }}` and `{{ window.to }}` in the request.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Windows {
    /// Where the first begins: a day (`2024-01-01`) or an instant, in UTC. With `position` a later read begins where the last one ended.
    #[serde(default)]
    pub start: Option<String>,
    /// Where the last ends; without it, now.
    #[serde(default)]
    pub end: Option<String>,
    /// How long a window is; without it, there is one.
    #[serde(default)]
    pub step: Option<Duration>,
    /// By how much `window.to` lies before the next `window.from`: for servers that take both ends, what they count in (`1s`, `1d`).
    #[serde(default)]
    pub granularity: Option<Duration>,
    /// How the times are written.
    #[serde(default)]
    pub format: TimeFormat,
    /// How the times are written instead: `%Y-%m-%dT%H:%M:%S`.
    #[serde(default)]
    pub pattern: Option<String>,
}

/// How a time is written, in UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TimeFormat {
    /// `2026-11-01T12:00:00Z`.
    #[default]
    Rfc3339,
    /// `2026-11-01`.
    Date,
    /// Seconds since 1970.
    Unix,
    /// Milliseconds since 1970.
    UnixMs,
}

/// What is asked makes the server prepare an answer; it is looked after until it is ready, and then downloaded. `paginate`, `decoder`, `records` and
/// `errors` are of what is downloaded.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Export {
    /// What is taken from the answer to `request`, by the name that `job` has it under: `{ id: $.id }` is `{{ job.id }}`.
    #[schemars(schema_with = "paths_schema")]
    pub job: BTreeMap<String, String>,
    /// How it is looked after.
    pub poll: Poll,
    /// What is downloaded when it is ready.
    pub download: Download,
    /// What is asked at the end, however it ended, so that nothing is left on the server.
    #[serde(default)]
    pub clean_up: Option<CleanUp>,
}

/// How an export is looked after.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Poll {
    /// The path, which may name `job`.
    #[schemars(extend("format" = "template"))]
    pub get: String,
    /// Where the answer says how far it is.
    #[schemars(extend("format" = "jsonpath"))]
    pub status: String,
    /// The words that say that it is ready.
    #[schemars(extend("minItems" = 1))]
    pub done: Vec<String>,
    /// The words that say that it will never be.
    #[serde(default)]
    pub failed: Vec<String>,
    /// How long to wait between two looks.
    #[serde(default = "every")]
    pub every: Duration,
    /// How long to look after it. Past it, its slices go on at the next run, with another one.
    #[serde(default = "longest")]
    pub longest: Duration,
}

/// What is downloaded; exactly one of `links` and `get`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("oneOf" = [{ "required": ["links"] }, { "required": ["get"] }]))]
pub struct Download {
    /// Where the last look's answer has the URLs: `$.files[*].url`. Another server than the API's must be among the connection's `allowed_hosts`,
    /// and gets no credentials.
    #[serde(default)]
    #[schemars(extend("format" = "jsonpath"))]
    pub links: Option<String>,
    /// The path, which may name `job`.
    #[serde(default)]
    #[schemars(extend("format" = "template"))]
    pub get: Option<String>,
}

/// What is asked at the end; exactly one of `delete` and `post`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("oneOf" = [{ "required": ["delete"] }, { "required": ["post"] }]))]
pub struct CleanUp {
    /// The path, which may name `job`.
    #[serde(default)]
    #[schemars(extend("format" = "template"))]
    pub delete: Option<String>,
    /// The path, which may name `job`.
    #[serde(default)]
    #[schemars(extend("format" = "template"))]
    pub post: Option<String>,
}

const EVERY: &str = "10s";
const LONGEST: &str = "1h";

fn every() -> Duration {
    EVERY.parse().expect("a constant that is tested")
}
fn longest() -> Duration {
    LONGEST.parse().expect("a constant that is tested")
}
