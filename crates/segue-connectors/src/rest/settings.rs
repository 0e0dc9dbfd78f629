//! What a REST connection's file says.

mod auth;

pub use auth::*;

use crate::connector::ConnectionSettings;
use schemars::JsonSchema;
use segue_core::Result;
use segue_spec::units::{Duration, Rate, Size};
use serde::Deserialize;
use std::collections::BTreeMap;

/// A web API.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RestConnection {
    /// What every path is put behind: `https://api.example.com/v1`.
    #[schemars(extend("format" = "url"))]
    pub base_url: String,
    /// Headers of every request. What is secret belongs under `auth`.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Who asks.
    #[serde(default)]
    pub auth: Option<Auth>,
    /// The name of the account that asks. Give it where several connections to one host use different accounts: each has its rate and its
    /// blocks, and what was read as one account is not what another would read. Without it, OAuth 2 tells accounts apart by `client_id`,
    /// and everything else counts as one.
    #[serde(default)]
    pub account: Option<String>,
    /// How much may be asked.
    #[serde(default)]
    pub limits: Limits,
    /// Servers beside that of `base_url` that answers may lead to: `files.example.com`, `*.example.com`, with a port where it is not the usual one.
    /// They are asked without credentials and headers. No other server is asked, whatever an answer says.
    #[serde(default)]
    pub allowed_hosts: Vec<String>,
    /// How long a connection may say nothing. A whole answer may take ten times as long.
    #[serde(default = "timeout")]
    pub timeout: Duration,
    /// The largest answer that is read, unpacked.
    #[serde(default = "max_body")]
    pub max_body: Size,
}

/// How much may be asked.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// The most requests in any stretch of that length, of all processes together: `10/s`, `600/m`. Without it there is no limit.
    #[serde(default)]
    pub rate: Option<Rate>,
    /// Further limits, of some paths or of a longer time, which all assets of the connection share. A request must have room in each that it counts for.
    /// One that is used up for longer than `max_wait` parks what it covers, for every process.
    #[serde(default)]
    pub quotas: Vec<Quota>,
    /// The most requests at once.
    #[serde(default = "concurrency")]
    #[schemars(range(min = 1, max = 256))]
    pub concurrency: usize,
    /// The longest that one request waits when it is told to come back later; past it, what is blocked is parked, and
    /// asked by no process until then. `segue connection unblock NAME` lifts it earlier.
    #[serde(default = "max_wait")]
    pub max_wait: Duration,
    /// How often one request is tried in all.
    #[serde(default = "tries")]
    #[schemars(range(min = 1, max = 20))]
    pub tries: u32,
}

/// A limit that some requests share.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Quota {
    /// Its name, for messages.
    #[schemars(extend("format" = "name"))]
    pub name: String,
    /// The most requests in any stretch of that length: `1000/d`.
    pub rate: Rate,
    /// The paths below `base_url` that it is of, with `*` for anything: `/search*`. Without them, all.
    #[serde(default)]
    pub paths: Vec<String>,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            rate: None,
            quotas: Vec::new(),
            concurrency: concurrency(),
            max_wait: max_wait(),
            tries: tries(),
        }
    }
}

impl RestConnection {
    /// Reads the settings of a connection.
    ///
    /// # Errors
    /// `Invalid`, naming the key.
    pub fn read(settings: ConnectionSettings, connection: &str) -> Result<RestConnection> {
        settings.read(connection)
    }
}

const TIMEOUT: &str = "30s";
const MAX_WAIT: &str = "30s";
const MAX_BODY: &str = "64MiB";

fn timeout() -> Duration {
    TIMEOUT.parse().expect("a constant that is tested")
}
fn max_wait() -> Duration {
    MAX_WAIT.parse().expect("a constant that is tested")
}
fn max_body() -> Size {
    MAX_BODY.parse().expect("a constant that is tested")
}
fn concurrency() -> usize {
    8
}
fn tries() -> u32 {
    5
}
