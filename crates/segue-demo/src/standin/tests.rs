use super::*;
use crate::catalogue::{Catalogue, id_of};
use insta::assert_snapshot;
use jiff::Timestamp;
use serde_json::Value;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

mod api;
mod deezer;
mod development;
mod faults;
mod gate;
mod hostile;
mod listenbrainz;
mod musicbrainz;
mod reccobeats;
mod socket;
mod troubles;

static EMBEDDED: LazyLock<Arc<Catalogue>> = LazyLock::new(|| Arc::new(Catalogue::embedded()));
static FULL: LazyLock<Arc<Catalogue>> = LazyLock::new(|| Arc::new(Catalogue::full()));

/// A client that says who it is and how to reach it.
const AGENT: &str = "segue-tests/1 (tests@example.org)";

/// A stand-in without a socket, at 12:00 on the first of May, and a clock that moves when told.
struct Bare {
    server: Server,
    millis: Arc<AtomicI64>,
}

const NOON: i64 = 1_777_636_800_000;

/// The usual options, the catalogue made once.
fn options() -> Options {
    Options::new(EMBEDDED.clone())
}

impl Bare {
    fn new(change: impl FnOnce(&mut Options)) -> Bare {
        let millis = Arc::new(AtomicI64::new(NOON));
        let clock = millis.clone();
        let mut options = Options {
            clock: Clock::new(move || {
                Timestamp::from_millisecond(clock.load(Ordering::Relaxed)).unwrap_or(Timestamp::UNIX_EPOCH)
            }),
            bench_records: 1050,
            ..options()
        };
        change(&mut options);
        Bare {
            server: Server::new(options, SocketAddr::from(([127, 0, 0, 1], 4567))),
            millis,
        }
    }

    fn with(faults: &[Fault]) -> Bare {
        Bare::new(|options| options.faults = faults.to_vec())
    }

    /// Of another service, with the full catalogue.
    fn of(service: Service, limits: Limits, faults: &[Fault]) -> Bare {
        Bare::new(|options| {
            options.service = service;
            options.catalogue = FULL.clone();
            options.limits = limits;
            options.faults = faults.to_vec();
        })
    }

    fn wait(&self, length: Duration) {
        self.millis.fetch_add(length.as_millis() as i64, Ordering::Relaxed);
    }

    fn send(&self, method: &str, target: &str, authorization: Option<&str>, body: &str) -> Reply {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        self.server.answer(&Request {
            method,
            path,
            query,
            authorization,
            user_agent: Some(AGENT),
            accept: None,
            body: body.as_bytes(),
        })
    }

    /// A GET without a token, as this client and wanting this.
    fn ask_as(&self, target: &str, user_agent: Option<&str>, accept: Option<&str>) -> Reply {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        self.server.answer(&Request {
            method: "GET",
            path,
            query,
            authorization: None,
            user_agent,
            accept,
            body: b"",
        })
    }

    /// A GET without a token.
    fn ask(&self, target: &str) -> Reply {
        self.ask_as(target, Some(AGENT), None)
    }

    /// A header with a new token.
    fn token(&self) -> String {
        let form = "grant_type=client_credentials&client_id=segue-demo&client_secret=segue-demo-secret";
        let reply = self.send("POST", "/api/token", None, form);
        format!("Bearer {}", json(&reply)["access_token"].as_str().unwrap_or_default())
    }

    /// A GET with a good token.
    fn get(&self, target: &str) -> Reply {
        let token = self.token();
        self.send("GET", target, Some(&token), "")
    }

    fn stats(&self) -> Stats {
        self.server.gate.lock().stats()
    }
}

fn json(reply: &Reply) -> Value {
    serde_json::from_slice(&reply.body).unwrap_or(Value::Null)
}

/// Status, `Retry-After`, and the body laid out.
fn show(reply: &Reply) -> String {
    let retry = reply
        .retry_after
        .as_ref()
        .map(|r| format!(", retry after {r}"))
        .unwrap_or_default();
    let body = match serde_json::from_slice::<Value>(&reply.body) {
        Ok(value) => serde_json::to_string_pretty(&value).unwrap_or_default(),
        Err(_) => String::from_utf8_lossy(&reply.body).into_owned(),
    };
    format!("{}{retry}\n{body}", reply.status)
}

/// The same in one line.
fn line(reply: &Reply) -> String {
    let retry = reply
        .retry_after
        .as_ref()
        .map(|r| format!(" ({r})"))
        .unwrap_or_default();
    format!(
        "{}{retry} {}",
        reply.status,
        String::from_utf8_lossy(&reply.body).trim()
    )
}

/// The artist of the full catalogue who is called so.
fn artist(name: &str) -> &'static crate::catalogue::Artist {
    FULL.named(name).first().copied().unwrap_or_else(|| panic!("no {name}"))
}

/// The names of an object's fields, in order of the alphabet.
fn fields(value: &Value) -> String {
    let mut names: Vec<&str> = value
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, _)| name.as_str())
        .collect();
    names.sort_unstable();
    names.join(" ")
}

fn radiohead() -> String {
    id_of("artist", "Radiohead")
}
