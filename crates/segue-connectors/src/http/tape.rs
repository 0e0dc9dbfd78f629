//! Answers on record: kept as files when they come, without secrets, and given again later, when nothing is asked.
//!
//! A file an exchange, `DIR/CONNECTION/NAME-HASH.json`, found by what was asked. Credentials are no part of it, and neither are logins: where answers
//! are given from the record, nobody has to know who asked.

use super::spool::{SpoolReader, Spooled};
use super::{Answer, Call, Redactor};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use jiff::Timestamp;
use parking_lot::Mutex;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use segue_core::hash::sha256;
use segue_core::{Error, Kind, Result};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// No answer on record is larger, in bytes: it would be a file to download, not to keep beside a project.
const MOST: u64 = 64 << 20;

/// The file that says when the record was made.
const ABOUT: &str = "recorded.json";

/// A record of answers.
pub struct Tape {
    folder: PathBuf,
    is_replay: bool,
    at: Option<Timestamp>,
    /// How many answers each exchange had so far.
    said: Mutex<HashMap<PathBuf, usize>>,
}

/// What was asked, and what came, in order.
#[derive(Serialize, Deserialize)]
struct Exchange {
    request: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    answers: Vec<Kept>,
}

#[derive(Serialize, Deserialize)]
struct Kept {
    status: u16,
    at: Timestamp,
    headers: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    /// A body that is no text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    base64: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct About {
    recorded_at: Timestamp,
}

impl Tape {
    /// Keeps what comes from now on in this folder. What is there of the same requests is replaced.
    ///
    /// # Errors
    /// `Denied` where it cannot be written.
    pub fn record(folder: &Path, now: Timestamp) -> Result<Tape> {
        let tape = Tape {
            folder: folder.to_path_buf(),
            is_replay: false,
            at: None,
            said: Mutex::default(),
        };
        let about = About { recorded_at: now };
        tape.write(&folder.join(ABOUT), &about)?;
        Ok(tape)
    }

    /// Gives what is on record in this folder, and lets nothing be asked.
    ///
    /// # Errors
    /// `NotFound` where nothing is.
    pub fn replay(folder: &Path) -> Result<Tape> {
        let about: Option<About> = read(&folder.join(ABOUT))?;
        let about = about.ok_or_else(|| {
            Error::new(Kind::NotFound, "there is no record of answers in this folder")
                .code(segue_diag::REST_FIXTURE)
                .with("folder", folder.display())
                .hint("make one with `segue record ASSET --into DIR`")
        })?;
        Ok(Tape {
            folder: folder.to_path_buf(),
            is_replay: true,
            at: Some(about.recorded_at),
            said: Mutex::default(),
        })
    }

    /// How many answers were kept, or given.
    pub fn count(&self) -> usize {
        self.said.lock().values().sum()
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// When the record was made, where answers are given from it: what is asked until now is asked until then.
    pub(super) fn now(&self) -> Option<Timestamp> {
        self.at
    }

    pub(super) fn is_replay(&self) -> bool {
        self.is_replay
    }

    /// Where an exchange is, and what is asked in it, without secrets.
    fn place(&self, connection: &str, call: &Call, redactor: &Redactor) -> (PathBuf, String, Option<String>) {
        let request = format!("{} {}", call.method, redactor.url(&call.url));
        let body = call
            .body
            .as_ref()
            .map(|b| redactor.text(&String::from_utf8_lossy(&b.bytes)));
        let hash = sha256(format!("{request}\n{}", body.as_deref().unwrap_or_default()));
        let tidy = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
        let name: String = call.url.path().chars().map(tidy).collect();
        let name = name.trim_matches('-');
        let name = &name[name.len().saturating_sub(60)..];
        let file = format!("{}-{}.json", name.trim_matches('-'), &hash[..16]);
        (self.folder.join(connection).join(file), request, body)
    }

    /// Keeps an answer.
    ///
    /// # Errors
    /// `Denied` where it cannot be written; `Unsupported` for one that is too large.
    pub(super) fn keep(&self, connection: &str, call: &Call, answer: &Answer, redactor: &Redactor) -> Result<()> {
        let (path, request, asked) = self.place(connection, call, redactor);
        let bytes = match &answer.file {
            None => answer.body.to_vec(),
            Some(file) if file.size() > MOST => {
                let error = Error::new(Kind::Unsupported, "the answer is too large to be recorded");
                return Err(error.with("request", request).with("limit", format!("{MOST} bytes")));
            }
            Some(file) => {
                let mut bytes = Vec::new();
                SpoolReader::new(file.clone())
                    .read_to_end(&mut bytes)
                    .map_err(|e| Error::new(Kind::Unavailable, "the answer cannot be read from disk").caused_by(e))?;
                bytes
            }
        };
        let (body, base64) = match String::from_utf8(bytes) {
            Ok(text) => (Some(redactor.text(&text)), None),
            Err(e) => (None, Some(STANDARD.encode(e.as_bytes()))),
        };
        let headers = answer.headers.iter().filter(|(name, _)| *name != "set-cookie");
        let headers = headers.filter_map(|(name, value)| Some((name.to_string(), redactor.text(value.to_str().ok()?))));
        let kept = Kept {
            status: answer.status,
            at: answer.asked_at,
            headers: headers.collect(),
            body,
            base64,
        };
        let mut said = self.said.lock();
        let before = said.entry(path.clone()).or_default();
        // Of an earlier record nothing stays.
        let there: Option<Exchange> = if *before > 0 { read(&path)? } else { None };
        let mut exchange = there.unwrap_or(Exchange {
            request,
            body: asked,
            answers: Vec::new(),
        });
        exchange.answers.push(kept);
        *before += 1;
        self.write(&path, &exchange)
    }

    /// The answer to this on record: the next one, where it was asked several times, and the last one from then on.
    ///
    /// # Errors
    /// `NotFound` where it was never asked; `BadData` for a file that is no record.
    pub(super) fn answer(&self, connection: &str, call: &Call, redactor: &Redactor, staging: &Path) -> Result<Answer> {
        let (path, request, _) = self.place(connection, call, redactor);
        let lacks = || {
            Error::new(Kind::NotFound, "this is not on record")
                .code(segue_diag::REST_FIXTURE)
                .with("request", &request)
                .with("file", path.display())
                .hint("record it: `segue record ASSET --into DIR`")
        };
        let mut exchange: Exchange = read(&path)?.ok_or_else(lacks)?;
        let at = {
            let mut said = self.said.lock();
            let before = said.entry(path.clone()).or_default();
            *before += 1;
            *before - 1
        };
        let at = at.min(exchange.answers.len().saturating_sub(1));
        let kept = exchange.answers.get_mut(at).ok_or_else(lacks)?;
        let bytes: Bytes = match (kept.body.take(), kept.base64.take()) {
            (Some(text), _) => text.into_bytes().into(),
            (None, Some(text)) => STANDARD.decode(text).map_err(|_| broken(&path))?.into(),
            (None, None) => Bytes::new(),
        };
        let mut headers = HeaderMap::new();
        for (name, value) in &kept.headers {
            if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value)) {
                headers.insert(name, value);
            }
        }
        let file = match call.on_disk.filter(|_| (200..300).contains(&kept.status)) {
            Some(_) => {
                let mut file = Spooled::begin(staging)?;
                file.add(&bytes)?;
                Some(Arc::new(file))
            }
            None => None,
        };
        Ok(Answer {
            status: kept.status,
            headers,
            body: bytes,
            file,
            asked_at: kept.at,
            retry_after: None,
        })
    }

    fn write<T: Serialize>(&self, path: &Path, value: &T) -> Result<()> {
        let denied = |e: std::io::Error| {
            Error::new(Kind::Denied, "the record of answers cannot be written")
                .with("file", path.display())
                .caused_by(e)
        };
        let text = serde_json::to_string_pretty(value).map_err(|e| Error::bug("a record is no JSON").caused_by(e))?;
        std::fs::create_dir_all(path.parent().unwrap_or(path)).map_err(denied)?;
        std::fs::write(path, text + "\n").map_err(denied)
    }
}

fn read<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<Option<T>> {
    match std::fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|_| broken(path)),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(Error::new(Kind::Unavailable, "the record of answers cannot be read")
            .with("file", path.display())
            .caused_by(e)),
    }
}

fn broken(path: &Path) -> Error {
    Error::new(Kind::BadData, "a file of the record of answers is not one")
        .code(segue_diag::REST_FIXTURE)
        .with("file", path.display())
        .hint("record it anew: `segue record ASSET --into DIR`")
}
