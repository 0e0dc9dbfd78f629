//! Servers on loopback that answer as the services of the music project do, with their limits and, when told, their troubles.
//!
//! A stand-in is of one [`Service`]; each says at the head of its file what it offers and where that is written down:
//! [`spotify`], [`musicbrainz`], [`deezer`], [`reccobeats`], [`listenbrainz`]. The rest is the same for all: requests pass the
//! [`gate`], which counts them and keeps to the limits ([`window`]); [`faults`] says what can go wrong, [`board`] whom it meets,
//! [`spoil`] what becomes of an answer. Every one has `/_control/…` ([`control`]): stats, recent requests, faults, reset; these
//! are not counted and never limited. Spotify's also has `/bench/pages/{small|large}`: a million records, made as fast as they
//! can be sent, without a token.
//!
//! Everything that they answer follows from the catalogue, the seed and the requests, as ordinary code; only [`http`] awaits.

mod bench;
mod board;
mod class;
mod control;
mod deezer;
mod faults;
mod gate;
mod http;
mod listenbrainz;
mod musicbrainz;
mod options;
mod reccobeats;
mod reply;
mod request;
mod service;
mod spoil;
mod spotify;
mod stats;
mod window;

pub use class::Class;
pub use faults::{Fault, FaultKind, Pattern};
pub use options::{CLIENT_ID, CLIENT_SECRET, Clock, Limits, Options};
pub use service::Service;
pub use stats::Stats;

use gate::{Gate, Verdict};
use parking_lot::Mutex;
use reply::Reply;
use request::Request;
use segue_diag::{Error, Kind, Result};
use service::Api;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// Serves until it is dropped or fails. `ready` is called once, with the address, when requests are answered.
///
/// Errors: the port is taken or may not be used (`Unavailable`, `Denied`).
pub async fn serve(options: Options, ready: impl FnOnce(SocketAddr)) -> Result<()> {
    let (listener, address) = listen(&options).await?;
    let server = Arc::new(Server::new(options, address));
    ready(address);
    http::serve(listener, server, std::future::pending()).await
}

/// A stand-in of this process: for tests, each with its own. It stops when it is dropped.
pub struct Standin {
    address: SocketAddr,
    server: Arc<Server>,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<Result<()>>,
}

impl Standin {
    /// Starts one in a task of its own; when this returns, requests are answered.
    pub async fn start(options: Options) -> Result<Standin> {
        let (listener, address) = listen(&options).await?;
        let server = Arc::new(Server::new(options, address));
        let (stop, stopped) = oneshot::channel();
        // A dropped sender stops it as well.
        let until = async move { stopped.await.unwrap_or_default() };
        let task = tokio::spawn(http::serve(listener, server.clone(), until));
        Ok(Standin {
            address,
            server,
            stop: Some(stop),
            task,
        })
    }

    /// `http://127.0.0.1:PORT`, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What stands before the paths that a client names: what `SPOTIFY_API_URL` is to be, of Spotify's.
    pub fn api_url(&self) -> String {
        format!("{}{}", self.url(), self.server.options.service.root())
    }

    /// What `SPOTIFY_TOKEN_URL` is to be, of Spotify's.
    pub fn token_url(&self) -> String {
        format!("{}/api/token", self.url())
    }

    /// What has been asked and answered since the start or the last reset.
    pub fn stats(&self) -> Stats {
        self.server.gate.lock().stats()
    }

    /// The last requests (at most 1,000, the bench's not among them), oldest first: `GET /v1/artists/6x?market=US`.
    pub fn recent(&self) -> Vec<String> {
        self.server.gate.lock().recent()
    }

    /// Sets a fault, or changes it; its pattern starts anew, its counter goes on.
    pub fn set_fault(&self, fault: Fault) {
        self.server.gate.lock().faults.set(fault);
    }

    /// Turns a fault off. A block that it caused is lifted.
    pub fn clear_fault(&self, kind: FaultKind) {
        self.server.gate.lock().faults.clear(kind);
    }

    /// Counters to zero, windows empty, blocks lifted, every pattern from its start; the faults that are set stay set.
    pub fn reset(&self) {
        self.server.gate.lock().reset();
    }

    /// Stops it: answers under way are finished, the port is free afterwards.
    pub async fn stop(mut self) -> Result<()> {
        self.stop.take();
        (&mut self.task)
            .await
            .map_err(|e| Error::bug("the stand-in's task ended early").caused_by(e))?
    }
}

/// What every request meets.
struct Server {
    options: Options,
    base: String,
    bench: bench::Bench,
    api: &'static dyn Api,
    gate: Mutex<Gate>,
}

impl Server {
    fn new(options: Options, address: SocketAddr) -> Server {
        let base = format!("http://{address}");
        Server {
            bench: bench::Bench::new(options.bench_records, &base),
            api: options.service.api(),
            gate: Mutex::new(Gate::new(&options)),
            base,
            options,
        }
    }

    /// Answers a request.
    fn answer(&self, request: &Request<'_>) -> Reply {
        if let Some(what) = request.control() {
            return self.control(&what, request);
        }
        let class = self.api.class(request);
        let now = self.options.clock.now();
        let (verdict, left) = {
            let mut gate = self.gate.lock();
            (gate.judge(class, request, now, self.api), gate.left(now))
        };
        let mut reply = match verdict {
            Verdict::Refused(reply) => reply,
            Verdict::Admitted(trouble) => {
                let (reply, in_vain) = trouble.spoil(self.api.answer(self, request));
                if let Some(kind) = in_vain {
                    self.gate.lock().faults.take_back(kind);
                }
                reply
            }
        };
        self.api.finish(&mut reply, left, now);
        reply
    }
}

async fn listen(options: &Options) -> Result<(TcpListener, SocketAddr)> {
    let (port, title) = (options.port, options.service.title());
    let failed = |e: std::io::Error| {
        let kind = match e.kind() {
            std::io::ErrorKind::PermissionDenied => Kind::Denied,
            _ => Kind::Unavailable,
        };
        Error::new(
            kind,
            format!("the stand-in for {title} cannot listen on 127.0.0.1:{port}"),
        )
        .hint("stop what uses this port, or give another one (0 takes any free one)")
        .caused_by(e)
    };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, address))
}

#[cfg(test)]
mod tests;
