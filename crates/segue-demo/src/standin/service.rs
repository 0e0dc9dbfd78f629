//! Which service a stand-in stands in for, and what each of them has to say for itself.

use super::Server;
use super::class::Class;
use super::deezer::Deezer;
use super::listenbrainz::ListenBrainz;
use super::musicbrainz::MusicBrainz;
use super::reccobeats::ReccoBeats;
use super::reply::Reply;
use super::request::Request;
use super::spotify::tokens::Tokens;
use super::spotify::{Mode, Spotify};
use super::window::{Left, Window};
use jiff::Timestamp;
use segue_diag::{Error, Kind, closest};
use std::fmt;
use std::str::FromStr;

/// A service that a stand-in stands in for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Service {
    /// Spotify's Web API as an application in extended quota mode has it.
    #[default]
    Spotify,
    /// Spotify's Web API as a new application has it, in development mode: much is closed, fields are missing.
    SpotifyDevelopment,
    /// MusicBrainz's web service, version 2.
    MusicBrainz,
    /// Deezer's API.
    Deezer,
    /// ReccoBeats's API.
    ReccoBeats,
    /// ListenBrainz's API, and the part of its labs that knows similar artists.
    ListenBrainz,
}

impl Service {
    /// Every service.
    pub const ALL: [Service; 6] = [
        Service::Spotify,
        Service::SpotifyDevelopment,
        Service::MusicBrainz,
        Service::Deezer,
        Service::ReccoBeats,
        Service::ListenBrainz,
    ];

    /// The service as it is written in options.
    pub fn name(self) -> &'static str {
        match self {
            Service::Spotify => "spotify",
            Service::SpotifyDevelopment => "spotify-development",
            Service::MusicBrainz => "musicbrainz",
            Service::Deezer => "deezer",
            Service::ReccoBeats => "reccobeats",
            Service::ListenBrainz => "listenbrainz",
        }
    }

    /// The service as people call it.
    pub(super) fn title(self) -> &'static str {
        match self {
            Service::Spotify | Service::SpotifyDevelopment => "Spotify",
            Service::MusicBrainz => "MusicBrainz",
            Service::Deezer => "Deezer",
            Service::ReccoBeats => "ReccoBeats",
            Service::ListenBrainz => "ListenBrainz",
        }
    }

    /// What stands before the paths that a client names.
    pub(super) fn root(self) -> &'static str {
        match self {
            Service::Spotify | Service::SpotifyDevelopment | Service::ReccoBeats => "/v1",
            Service::MusicBrainz => "/ws/2",
            Service::Deezer | Service::ListenBrainz => "",
        }
    }

    pub(super) fn api(self) -> &'static dyn Api {
        match self {
            Service::Spotify => &Spotify(Mode::Extended),
            Service::SpotifyDevelopment => &Spotify(Mode::Development),
            Service::MusicBrainz => &MusicBrainz,
            Service::Deezer => &Deezer,
            Service::ReccoBeats => &ReccoBeats,
            Service::ListenBrainz => &ListenBrainz,
        }
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Service {
    type Err = Error;

    fn from_str(text: &str) -> Result<Service, Error> {
        Service::ALL.into_iter().find(|s| s.name() == text).ok_or_else(|| {
            let names = Service::ALL.map(Service::name);
            let hint = match closest(text, names) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("the services are {}", names.join(", ")),
            };
            Error::new(Kind::Invalid, format!("there is no stand-in for `{text}`")).hint(hint)
        })
    }
}

/// A refusal that each service says in its own words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// Too many requests in a short time.
    TooMany,
    /// Too many altogether: for hours.
    Quota,
    /// Not for this client.
    Forbidden,
    /// The token is over, where there are tokens.
    ExpiredToken,
    /// The server's fault, with this status.
    Server(u16),
    /// An error inside a 200.
    InBody,
}

/// What sets a service apart: its paths, its limits, its answers, its words. Everything else is the same for all.
pub(super) trait Api: Sync {
    /// The class of paths that a request is counted in.
    fn class(&self, request: &Request<'_>) -> Class;

    /// What it admits in reality.
    fn limits(&self) -> Vec<Window>;

    /// Whether a refusal for its limits says when to come again.
    fn says_when(&self) -> bool;

    /// What whoever may not ask is told.
    fn stranger(&self, _request: &Request<'_>, _tokens: &Tokens, _now: Timestamp) -> Option<Reply> {
        None
    }

    /// The answer to a request that was admitted.
    fn answer(&self, server: &Server, request: &Request<'_>) -> Reply;

    /// What a refused request is told, but for when to come again.
    fn refuse(&self, refused: Refused) -> Reply;

    /// Puts on an answer what every answer has. `left` is what the limit has left; `None` without a limit.
    fn finish(&self, _reply: &mut Reply, _left: Option<Left>, _now: Timestamp) {}
}

#[cfg(test)]
mod tests;
