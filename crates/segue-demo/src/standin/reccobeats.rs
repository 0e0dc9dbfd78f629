//! ReccoBeats: audio features and tracks, as `https://reccobeats.com/docs` describes them.
//!
//! | Path | Is |
//! |---|---|
//! | `/v1/audio-features?ids=` | features of up to 40 tracks |
//! | `/v1/track?ids=` | up to 40 tracks: title, artists, length, ISRC |
//! | `/v1/track/{id}/audio-features` | features of one, by the service's own id only |
//!
//! Ids are ReccoBeats's own, Spotify's or ISRCs, with commas or one by one (`ids=1&ids=2`). What it does not know is left out, and
//! the rest stands in an order of its own: the id that was asked for is at the end of `href`. An ISRC may have two tracks. Over
//! the limit, whose number is unpublished, it answers 429 with `Retry-After`. The bodies of errors are not documented beyond their
//! codes.

use super::Server;
use super::class::Class;
use super::reply::Reply;
use super::request::{Pairs, Request, decode};
use super::service::{Api, Refused};
use super::window::Window;
use crate::catalogue::{Catalogue, Track, id_of, mbid_of};
use crate::numbers::hash64;
use serde_json::{Value, json};
use std::time::Duration;

/// ReccoBeats.
pub(super) struct ReccoBeats;

/// The most ids in one request.
const MOST_IDS: usize = 40;

enum Call {
    Features,
    FeaturesOf(String),
    Tracks,
    Unknown,
}

impl Call {
    fn of(request: &Request<'_>) -> Call {
        match request.parts()[..] {
            ["v1", "audio-features"] => Call::Features,
            ["v1", "track"] => Call::Tracks,
            ["v1", "track", id, "audio-features"] => Call::FeaturesOf(decode(id, false).into_owned()),
            _ => Call::Unknown,
        }
    }
}

impl Api for ReccoBeats {
    fn class(&self, request: &Request<'_>) -> Class {
        match Call::of(request) {
            Call::Features | Call::FeaturesOf(_) => Class::AudioFeatures,
            Call::Tracks => Class::Tracks,
            Call::Unknown => Class::Other,
        }
    }

    fn limits(&self) -> Vec<Window> {
        vec![Window::new(60, Duration::from_secs(30))]
    }

    fn says_when(&self) -> bool {
        true
    }

    fn answer(&self, server: &Server, request: &Request<'_>) -> Reply {
        let asked = Asked {
            catalogue: &server.options.catalogue,
            query: Pairs::of(request.query),
        };
        let answer = match Call::of(request) {
            _ if request.method != "GET" => Err(error(405, 4002, "Request method is not supported")),
            Call::Features => asked.list(|record| record.features()),
            Call::Tracks => asked.list(|record| Some(record.track(asked.catalogue))),
            Call::FeaturesOf(id) => asked.features_of(&id),
            Call::Unknown => Err(error(404, 4042, "Path not found")),
        };
        answer.map_or_else(|refusal| refusal, |value| Reply::json(200, &value))
    }

    fn refuse(&self, refused: Refused) -> Reply {
        match refused {
            Refused::TooMany | Refused::Quota => error(429, 4291, "Too many requests"),
            Refused::Forbidden => error(403, 4031, "Forbidden"),
            Refused::ExpiredToken => error(401, 4011, "Unauthorized"),
            Refused::Server(status) => error(status, 5001, "An unexpected error occurred"),
            Refused::InBody => error(200, 5001, "An unexpected error occurred"),
        }
    }
}

fn error(status: u16, code: u32, message: &str) -> Reply {
    Reply::json(status, &json!({ "error": code, "errors": [message] }))
}

/// A question, with what answers it.
struct Asked<'a> {
    catalogue: &'a Catalogue,
    query: Pairs,
}

/// A track as ReccoBeats keeps it. Of some recordings it has two.
struct Record<'a> {
    track: &'a Track,
    isrc: String,
    /// Its own id.
    id: String,
    /// Spotify's id.
    spotify_id: String,
}

impl<'a> Asked<'a> {
    fn list(&self, shape: impl Fn(&Record<'a>) -> Option<Value>) -> Result<Value, Reply> {
        let ids: Vec<&str> = self
            .query
            .all("ids")
            .flat_map(|ids| ids.split(','))
            .map(str::trim)
            .collect();
        let ids: Vec<&str> = ids.into_iter().filter(|id| !id.is_empty()).collect();
        if ids.is_empty() {
            return Err(error(400, 4001, "Required parameter 'ids' is missing"));
        }
        if ids.len() > MOST_IDS {
            return Err(error(400, 4004, "ids: size must be between 1 and 40"));
        }
        let mut records: Vec<Record<'a>> = ids.iter().flat_map(|id| self.records(id)).collect();
        records.sort_by(|a, b| a.id.cmp(&b.id));
        records.dedup_by(|a, b| a.id == b.id);
        let content: Vec<Value> = records.iter().filter_map(shape).collect();
        Ok(json!({ "content": content }))
    }

    fn features_of(&self, id: &str) -> Result<Value, Reply> {
        let own = self.records(id).into_iter().find(|record| record.id == id);
        let features = own.and_then(|record| record.features());
        features.ok_or_else(|| error(404, 4041, "Resource not found"))
    }

    /// What it has under this id: its own, Spotify's, or an ISRC.
    fn records(&self, id: &str) -> Vec<Record<'a>> {
        let codes = self.catalogue.codes();
        let by_isrc = || self.catalogue.track_of_isrc(id).map(|p| &self.catalogue.tracks()[p]);
        let by_own = || {
            codes
                .track_of_recco(&id.to_lowercase())
                .map(|p| &self.catalogue.tracks()[p])
        };
        if let Some(track) = self.catalogue.track(id) {
            return self.first(track).into_iter().collect();
        }
        if let Some(track) = by_own() {
            return self.first(track).into_iter().collect();
        }
        match by_isrc() {
            Some(track) => self.first(track).into_iter().chain(self.second(track)).collect(),
            None => Vec::new(),
        }
    }

    /// The track itself, unless it is one of those that ReccoBeats does not have.
    fn first(&self, track: &'a Track) -> Option<Record<'a>> {
        let has = !hash64(&format!("reccobeats:has:{}", track.id)).is_multiple_of(23);
        has.then(|| Record {
            track,
            isrc: self.catalogue.isrc(track),
            id: own_id(&track.id),
            spotify_id: track.id.clone(),
        })
    }

    /// The same recording on another release, under an id of Spotify's that nobody else knows.
    fn second(&self, track: &'a Track) -> Option<Record<'a>> {
        let has = hash64(&format!("reccobeats:again:{}", track.id)).is_multiple_of(13);
        has.then(|| {
            let spotify_id = id_of("track", &format!("{}/again", track.id));
            Record {
                track,
                isrc: self.catalogue.isrc(track),
                id: own_id(&spotify_id),
                spotify_id,
            }
        })
    }
}

/// Its own id, a UUID.
fn own_id(spotify_id: &str) -> String {
    mbid_of("recco", spotify_id)
}

impl Record<'_> {
    /// The features; none, if nobody has analysed the track.
    fn features(&self) -> Option<Value> {
        let features = self.track.features.as_ref()?;
        Some(json!({
            "id": self.id,
            "href": self.href(),
            "isrc": self.isrc,
            "acousticness": features.acousticness,
            "danceability": features.danceability,
            "energy": features.energy,
            "instrumentalness": features.instrumentalness,
            "key": features.key,
            "liveness": features.liveness,
            "loudness": features.loudness,
            "mode": features.mode,
            "speechiness": features.speechiness,
            "tempo": features.tempo,
            "valence": features.valence,
        }))
    }

    fn track(&self, catalogue: &Catalogue) -> Value {
        let artists: Vec<Value> = self
            .track
            .artists
            .iter()
            .map(|place| {
                let artist = catalogue.artist_at(*place);
                json!({
                    "id": mbid_of("recco-artist", &artist.id),
                    "name": artist.name,
                    "href": format!("https://open.spotify.com/artist/{}", artist.id),
                })
            })
            .collect();
        json!({
            "id": self.id,
            "trackTitle": self.track.name,
            "artists": artists,
            "durationMs": self.track.duration_ms,
            "isrc": self.isrc,
            "ean": null,
            "upc": null,
            "href": self.href(),
            "availableCountries": "DE,FR,GB,JP,KR,US",
            "popularity": self.track.popularity,
        })
    }

    fn href(&self) -> String {
        format!("https://open.spotify.com/track/{}", self.spotify_id)
    }
}
