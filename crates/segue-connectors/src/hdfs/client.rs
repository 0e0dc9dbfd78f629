//! Asking namenodes and datanodes.

use super::Settings;
use crate::connector::Deps;
use crate::http::is_named as is_host;
use crate::stores::errors::Where;
use crate::stores::settings::is_here;
use crate::stores::wire::{Asking, Failure, Patience, Refused, Wire};
use reqwest::Response;
use reqwest::header::LOCATION;
use segue_core::{Error, Kind, Result, Secret};
use segue_diag as codes;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::sync::atomic::{AtomicUsize, Ordering};
use url::Url;

/// The longest answer of a namenode, in bytes: it lists in parts.
const MOST_SAID: usize = 64 << 20;

/// The servers of one file system.
pub(super) struct Client {
    wire: Wire,
    at: Where,
    namenodes: Vec<Url>,
    /// The one that answered last.
    active: AtomicUsize,
    who: Option<(&'static str, Secret)>,
    datanodes: Vec<String>,
    allow_http: bool,
}

/// What a namenode says of a file or folder.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Status {
    /// Its name in the folder that was listed.
    pub path_suffix: String,
    #[serde(rename = "type")]
    pub is: String,
    pub length: u64,
    /// In milliseconds since 1970.
    pub modification_time: i64,
    #[serde(default)]
    pub file_id: u64,
}

impl Status {
    pub fn is_file(&self) -> bool {
        self.is == "FILE"
    }

    pub fn is_folder(&self) -> bool {
        self.is == "DIRECTORY"
    }
}

impl Client {
    pub fn new(settings: &Settings, namenodes: Vec<Url>, root: String, deps: &Deps) -> Result<Client> {
        let patience = Patience {
            timeout: settings.timeout.get(),
            tries: settings.tries,
        };
        let tls = namenodes.iter().any(|url| url.scheme() == "https");
        let secrets: Vec<Secret> = settings.delegation_token.iter().cloned().collect();
        let user = settings.user.as_ref().map(|user| ("user.name", Secret::new(user)));
        let token = settings.delegation_token.clone().map(|token| ("delegation", token));
        Ok(Client {
            wire: Wire::new(patience, tls, &secrets, deps)?,
            at: Where {
                connection: deps.connection.clone(),
                root,
                container: "folder",
            },
            namenodes,
            active: AtomicUsize::new(0),
            who: token.or(user),
            datanodes: settings.datanodes.clone(),
            allow_http: settings.allow_http,
        })
    }

    pub fn at(&self) -> &Where {
        &self.at
    }

    pub fn wire(&self) -> &Wire {
        &self.wire
    }

    /// What is known of this path; `None` where there is nothing.
    pub async fn status(&self, path: &str) -> Result<Option<Status>> {
        #[derive(Deserialize)]
        struct Answer {
            #[serde(rename = "FileStatus")]
            status: Status,
        }
        let answer: Option<Answer> = self.said("look at the file", path, &[("op", "GETFILESTATUS")]).await?;
        Ok(answer.map(|answer| answer.status))
    }

    /// What is in this folder behind a name, in order of the names, and how much follows; nothing where there is no folder.
    pub async fn part(&self, path: &str, after: &str) -> Result<(Vec<Status>, u64)> {
        #[derive(Deserialize)]
        struct Answer {
            #[serde(rename = "DirectoryListing")]
            listing: Listing,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Listing {
            partial_listing: Partial,
            remaining_entries: u64,
        }
        #[derive(Deserialize)]
        struct Partial {
            #[serde(rename = "FileStatuses")]
            all: Statuses,
        }
        #[derive(Deserialize)]
        struct Statuses {
            #[serde(rename = "FileStatus")]
            all: Vec<Status>,
        }
        let params = [("op", "LISTSTATUS_BATCH"), ("startAfter", after)];
        let answer: Option<Answer> = self.said("list what is there", path, &params).await?;
        Ok(answer.map_or((Vec::new(), 0), |answer| {
            (answer.listing.partial_listing.all.all, answer.listing.remaining_entries)
        }))
    }

    /// The bytes of a file from this one on, as a datanode sends them.
    ///
    /// # Errors
    /// [`Failure`] of the exchange, or what is wrong with where the namenode leads.
    pub async fn open(&self, path: &str, from: u64) -> std::result::Result<Response, Opening> {
        let offset = from.to_string();
        let sent = self.namenode(path, &[("op", "OPEN"), ("offset", &offset)]).await;
        let response = sent.map_err(Opening::Failure)?;
        if !response.status().is_redirection() {
            // What stands in front of a file system may send files by itself.
            return Ok(response);
        }
        let place = response.headers().get(LOCATION).and_then(|place| place.to_str().ok());
        let place = place.and_then(|place| response.url().join(place).ok());
        let Some(url) = place else {
            return Err(Opening::Error(
                self.at
                    .about(Kind::BadData, "the namenode sends on to what is no URL", Some(path))
                    .code(codes::STORE_ANSWER),
            ));
        };
        self.allow(&url, path).map_err(Opening::Error)?;
        let response = self.wire.ask(&Asking::get(url)).await.map_err(Opening::Failure)?;
        match response.status().is_redirection() {
            true => Err(Opening::Error(
                self.at
                    .about(Kind::Invalid, "the datanode sends on to yet another server", Some(path))
                    .code(codes::STORE_ANSWER),
            )),
            false => Ok(response),
        }
    }

    /// Whether a namenode may send on to this.
    fn allow(&self, url: &Url, path: &str) -> Result<()> {
        let host = url.host_str().unwrap_or_default();
        let is_known = self.namenodes.iter().any(|own| own.host_str() == Some(host))
            || self.datanodes.iter().any(|allowed| is_host(allowed, host));
        if !is_known {
            return Err(self
                .at
                .about(
                    Kind::Invalid,
                    format!("the file is at `{host}`, which the connection does not name"),
                    Some(path),
                )
                .code(codes::STORE_EGRESS)
                .hint(format!(
                    "if it belongs to the file system, add it: `datanodes: [ \"{host}\" ]`, or `*.` and its domain"
                )));
        }
        match url.scheme() {
            "https" => Ok(()),
            "http" if self.allow_http || is_here(url) => Ok(()),
            _ => Err(self
                .at
                .about(
                    Kind::Invalid,
                    format!("the file would be asked of `{host}` in the clear"),
                    Some(path),
                )
                .code(codes::STORE_SETTINGS)
                .hint("where nobody else is on the way, write `allow_http: true`")),
        }
    }

    /// An answer of the namenode; `None` where there is no such path.
    async fn said<T: DeserializeOwned>(&self, doing: &str, path: &str, params: &[(&str, &str)]) -> Result<Option<T>> {
        let mut response = match self.namenode(path, params).await {
            Ok(response) => response,
            Err(Failure::Refused(no)) if no.status == 404 && no.code == "FileNotFoundException" => return Ok(None),
            Err(failure) => return Err(self.failed(doing, Some(path), &failure)),
        };
        let mut body = Vec::new();
        loop {
            let chunk = response.chunk().await;
            let chunk = chunk.map_err(|e| self.failed(doing, Some(path), &self.wire.broken(e)))?;
            let Some(chunk) = chunk else { break };
            if body.len() + chunk.len() > MOST_SAID {
                return Err(self
                    .at
                    .about(Kind::BadData, "the namenode's answer is too long", Some(path))
                    .code(codes::STORE_ANSWER));
            }
            body.extend_from_slice(&chunk);
        }
        serde_json::from_slice(&body).map(Some).map_err(|e| {
            self.at
                .about(
                    Kind::BadData,
                    format!("cannot {doing}: the answer is not what was asked for"),
                    Some(path),
                )
                .code(codes::STORE_ANSWER)
                .caused_by(e)
                .hint("is it the web address of a namenode, and Hadoop 3 or newer?")
        })
    }

    /// Asks the active namenode, whichever of them that is.
    async fn namenode(&self, path: &str, params: &[(&str, &str)]) -> std::result::Result<Response, Failure> {
        let first = self.active.load(Ordering::Relaxed);
        let mut failure = Failure::Refused(Refused::default());
        for at in (0..self.namenodes.len()).map(|i| (first + i) % self.namenodes.len()) {
            let mut url = self.namenodes[at].clone();
            if let Ok(mut segments) = url.path_segments_mut() {
                let names = path.split('/').filter(|name| !name.is_empty());
                segments.pop_if_empty().extend(["webhdfs", "v1"]).extend(names);
            }
            {
                let mut query = url.query_pairs_mut();
                query.extend_pairs(params);
                if let Some((name, who)) = &self.who {
                    query.append_pair(name, who.reveal());
                }
            }
            failure = match self.wire.ask(&Asking::get(url)).await {
                Ok(response) => {
                    self.active.store(at, Ordering::Relaxed);
                    return Ok(response);
                }
                Err(failure) => failure,
            };
            let goes_on = match &failure {
                Failure::Broken { kind, .. } => kind.is_transient(),
                Failure::Refused(no) => no.code == "StandbyException",
            };
            if !goes_on {
                break;
            }
        }
        Err(failure)
    }

    /// What a failure means for the person.
    pub fn failed(&self, doing: &str, path: Option<&str>, failure: &Failure) -> Error {
        match failure {
            Failure::Refused(no) if no.code == "StandbyException" => self
                .at
                .about(Kind::Unavailable, "none of the namenodes is active", path)
                .caused_by(failure.to_string())
                .hint("look at the file system, and at whether `namenodes` names all of them"),
            _ => self.at.of(doing, path, failure),
        }
    }
}

/// Why a file is not sent.
pub(super) enum Opening {
    Failure(Failure),
    Error(Error),
}

#[cfg(test)]
mod tests {
    use super::is_host;

    #[test]
    fn a_host_is_itself_or_one_below_its_domain() {
        for (allowed, host, fits) in [
            ("datanode7", "DataNode7", true),
            ("datanode7", "datanode70", false),
            ("*.example.com", "a.example.com", true),
            ("*.example.com", "a.b.example.com", true),
            ("*.example.com", "example.com", false),
            ("*.example.com", "badexample.com", false),
            ("*.example.com", ".example.com", false),
        ] {
            assert_eq!(is_host(allowed, host), fits, "{allowed} and {host}");
        }
    }
}
