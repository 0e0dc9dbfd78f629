//! HDFS, through the web interface that its namenodes and datanodes have (WebHDFS): docs/adr/015 says why.

mod client;
mod place;

use crate::connector::{Connector, Deps, maybe_secret, schema_of};
use crate::files::{Files, FilesCopy};
use crate::stores::settings::{bad, endpoint, folder, max_object, timeout, tries};
use client::Client;
use schemars::JsonSchema;
use segue_core::{Result, Secret};
use segue_spec::units::{Duration, Size};
use serde::Deserialize;
use std::sync::Arc;

/// HDFS, as a source of files.
pub static CONNECTOR: Connector = Connector {
    kind: "hdfs",
    about: "Files in HDFS, through WebHDFS.",
    connection_schema: schema_of::<Settings>,
    copy_schema: schema_of::<FilesCopy>,
    into_schema: None,
    source: Some(|settings, deps| {
        let place = settings.read::<Settings>(&deps.connection)?.open(&deps)?;
        Ok(Arc::new(Files::of(Arc::new(place), deps.staging_dir)))
    }),
    sink: None,
};

/// A file system of Hadoop.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Settings {
    /// The web addresses of its namenodes: `http://namenode.example.com:9870`. Of several, the one that is active is asked.
    #[schemars(length(min = 1))]
    namenodes: Vec<String>,
    /// The folder below which the paths of files begin: `/data/exports`.
    #[serde(default)]
    folder: String,
    /// Who asks, where the file system believes what it is told.
    #[serde(default)]
    user: Option<String>,
    /// A delegation token, where it does not.
    #[serde(default, deserialize_with = "maybe_secret")]
    #[schemars(with = "Option<String>", extend("x-secret" = true))]
    delegation_token: Option<Secret>,
    /// The machines that keep the files, beside the namenodes: `*.example.com`, `datanode7`. What a namenode sends on to is asked there alone.
    #[serde(default)]
    datanodes: Vec<String>,
    /// Asks other machines without encryption.
    #[serde(default)]
    allow_http: bool,
    /// The largest file that is read.
    #[serde(default = "max_object")]
    max_object: Size,
    /// How long a server may say nothing.
    #[serde(default = "timeout")]
    timeout: Duration,
    /// How often one request is tried in all.
    #[serde(default = "tries")]
    #[schemars(range(min = 1, max = 20))]
    tries: u32,
}

impl Settings {
    fn open(self, deps: &Deps) -> Result<place::Hdfs> {
        let bad = bad(deps);
        let mut namenodes = Vec::new();
        for text in &self.namenodes {
            namenodes.extend(endpoint(Some(text), self.allow_http, &bad)?);
        }
        let Some(first) = namenodes.first() else {
            return Err(bad("the connection names no namenode"));
        };
        if self.user.is_some() && self.delegation_token.is_some() {
            return Err(bad("the connection says in two ways who asks")
                .hint("a delegation token says whose it is: leave out `user`"));
        }
        let folder = folder(&self.folder, &bad)?;
        let host = first.host_str().unwrap_or_default();
        let port = first.port().map_or(String::new(), |port| format!(":{port}"));
        let root = format!("hdfs://{host}{port}/{folder}");
        let client = Client::new(&self, namenodes, root, deps)?;
        Ok(place::Hdfs {
            client,
            folder,
            max_object: self.max_object.bytes(),
            tries: self.tries,
            clock: deps.clock.clone(),
        })
    }
}

#[cfg(test)]
mod tests;
