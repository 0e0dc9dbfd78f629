//! How a stand-in behaves from its start.

use super::window::Window;
use super::{Fault, Service};
use crate::catalogue::{Catalogue, SEED};
use jiff::Timestamp;
use segue_diag::{Error, Kind};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The client id that gets a token unless told otherwise.
pub const CLIENT_ID: &str = "segue-demo";
/// The secret of [`CLIENT_ID`]. It opens nothing but a stand-in.
pub const CLIENT_SECRET: &str = "segue-demo-secret";

/// Everything that a stand-in is started with.
#[derive(Clone)]
pub struct Options {
    /// Whom it stands in for.
    pub service: Service,
    /// The port on 127.0.0.1; 0 takes any free one.
    pub port: u16,
    /// How many requests are admitted.
    pub limits: Limits,
    /// The faults that are on from the start.
    pub faults: Vec<Fault>,
    /// What the faults' patterns are drawn from.
    pub seed: u64,
    /// Who there is.
    pub catalogue: Arc<Catalogue>,
    /// The client id that gets a token.
    pub client_id: String,
    /// Its secret.
    pub client_secret: String,
    /// How many records each kind of bench page has in all.
    pub bench_records: u64,
    /// What time it is.
    pub clock: Clock,
}

impl Options {
    /// The usual options with this catalogue: Spotify, any free port, no limits, no faults.
    pub fn new(catalogue: Arc<Catalogue>) -> Options {
        Options {
            service: Service::Spotify,
            port: 0,
            limits: Limits::Fast,
            faults: Vec::new(),
            seed: SEED,
            catalogue,
            client_id: CLIENT_ID.into(),
            client_secret: CLIENT_SECRET.into(),
            bench_records: 1_000_000,
            clock: Clock::system(),
        }
    }
}

impl Default for Options {
    fn default() -> Options {
        Options::new(Arc::new(Catalogue::embedded()))
    }
}

/// How many requests are admitted. One that is refused is told so in the service's way (429, mostly) and counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Limits {
    /// As many as come.
    #[default]
    Fast,
    /// As the service does. Spotify: a rolling window of 30 seconds, whose number is unpublished, here 180; in development mode
    /// also 600 a day. MusicBrainz: one a second, and whoever goes on asking stays refused. Deezer: 50 in any 5 seconds.
    /// ReccoBeats: unpublished, here 60 in any 30 seconds. ListenBrainz: unpublished, here 30 in each 10 seconds by the clock.
    Real,
    /// At most so many in any second.
    PerSecond(u32),
}

impl Limits {
    /// The windows of these limits for a service.
    pub(super) fn windows(self, service: Service) -> Vec<Window> {
        match self {
            Limits::Fast => Vec::new(),
            Limits::Real => service.api().limits(),
            Limits::PerSecond(n) => vec![Window::new(n as usize, Duration::from_secs(1))],
        }
    }
}

/// `fast`, `real`, or `200/s`.
impl FromStr for Limits {
    type Err = Error;

    fn from_str(text: &str) -> Result<Limits, Error> {
        let rate = || text.strip_suffix("/s")?.parse().ok().filter(|n| *n > 0);
        match text {
            "fast" => Ok(Limits::Fast),
            "real" => Ok(Limits::Real),
            _ => rate().map(Limits::PerSecond).ok_or_else(|| {
                Error::new(Kind::Invalid, format!("`{text}` is no limit of the stand-in"))
                    .hint("write `fast` (none), `real` (the service's own) or a rate like `200/s`")
            }),
        }
    }
}

impl fmt::Display for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Limits::Fast => f.write_str("fast"),
            Limits::Real => f.write_str("real"),
            Limits::PerSecond(n) => write!(f, "{n}/s"),
        }
    }
}

/// What time it is. It must not go backwards.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl Clock {
    /// The machine's clock, read once and counted on from there, so that a clock set back closes no window.
    pub fn system() -> Clock {
        let (start, since) = (Timestamp::now(), Instant::now());
        Clock::new(move || start + since.elapsed())
    }

    /// A clock of the caller's, for tests.
    pub fn new(now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Clock {
        Clock(Arc::new(now))
    }

    pub(super) fn now(&self) -> Timestamp {
        (self.0)()
    }
}
