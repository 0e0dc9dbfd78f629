//! ListenBrainz: what people listen to, as `https://listenbrainz.readthedocs.io` describes it, and similar artists of its labs.
//!
//! | Path | Is |
//! |---|---|
//! | `POST /1/popularity/artist`, `/1/popularity/recording` | listens and listeners of up to 1,000 MBIDs, in their order, null for who is not there |
//! | `/1/popularity/top-recordings-for-artist/{mbid}` | 500: disabled due to high load |
//! | `/1/lb-radio/artist/{mbid}` | recordings of an artist and of similar ones |
//! | `/similar-artists/json` (of `labs.api.listenbrainz.org`) | similar artists of each reference, with a raw score |
//!
//! Every answer has `X-RateLimit-Limit`, `-Remaining`, `-Reset-In` and `-Reset`; over the limit it is 429, and these headers say when
//! to come again.

use super::Server;
use super::class::Class;
use super::musicbrainz::is_mbid;
use super::reply::Reply;
use super::request::{Pairs, Request, decode};
use super::service::{Api, Refused};
use super::window::{Left, Window, until};
use crate::catalogue::{Artist, ArtistKind, Catalogue, mbid_of};
use crate::numbers::hash64;
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use std::time::Duration;

/// ListenBrainz.
pub(super) struct ListenBrainz;

/// So many requests in each window of ten seconds. The number is unpublished.
const MOST: usize = 30;
const WINDOW: Duration = Duration::from_secs(10);
/// The most MBIDs in one request.
const MOST_MBIDS: usize = 1000;
/// The most similar artists of one reference.
const MOST_SIMILAR: usize = 100;
/// Which similarities there are.
const ALGORITHMS: [&str; 2] = [
    "session_based_days_7500_session_300_contribution_5_threshold_10_limit_100_filter_True_skip_30",
    "session_based_days_9000_session_300_contribution_5_threshold_15_limit_50_skip_30",
];

enum Call {
    Artists,
    Recordings,
    TopRecordings(String),
    Radio(String),
    Similar,
    Unknown,
}

impl Call {
    fn of(request: &Request<'_>) -> Call {
        let text = |part: &str| decode(part, false).into_owned();
        match request.parts()[..] {
            ["1", "popularity", "artist"] => Call::Artists,
            ["1", "popularity", "recording"] => Call::Recordings,
            ["1", "popularity", "top-recordings-for-artist", mbid] => Call::TopRecordings(text(mbid)),
            ["1", "lb-radio", "artist", mbid] => Call::Radio(text(mbid)),
            ["similar-artists", "json"] => Call::Similar,
            _ => Call::Unknown,
        }
    }
}

impl Api for ListenBrainz {
    fn class(&self, request: &Request<'_>) -> Class {
        match Call::of(request) {
            Call::Artists | Call::Recordings | Call::TopRecordings(_) => Class::Popularity,
            Call::Radio(_) => Class::Radio,
            Call::Similar => Class::RelatedArtists,
            Call::Unknown => Class::Other,
        }
    }

    fn limits(&self) -> Vec<Window> {
        vec![Window::by_the_clock(MOST, WINDOW)]
    }

    fn says_when(&self) -> bool {
        false
    }

    fn answer(&self, server: &Server, request: &Request<'_>) -> Reply {
        let asked = Asked {
            catalogue: &server.options.catalogue,
            query: Pairs::of(request.query),
        };
        let answer = match (request.method, Call::of(request)) {
            ("POST", Call::Artists) => asked.popularity("artist", request.body),
            ("POST", Call::Recordings) => asked.popularity("recording", request.body),
            ("GET", Call::TopRecordings(mbid)) => asked.top_recordings(&mbid),
            ("GET", Call::Radio(mbid)) => asked.radio(&mbid),
            ("GET", Call::Similar) => asked.similar(vec![asked.reference()]),
            ("POST", Call::Similar) => asked.similar(references(request.body)),
            (_, Call::Unknown) => Err(error(404, "The requested URL was not found on the server.")),
            _ => Err(error(405, "The method is not allowed for the requested URL.")),
        };
        answer.map_or_else(|refusal| refusal, |value| Reply::json(200, &value))
    }

    fn refuse(&self, refused: Refused) -> Reply {
        match refused {
            Refused::TooMany | Refused::Quota => error(
                429,
                "You have exceeded your rate limit. See the X-RateLimit-* response headers for more information on your current rate limit.",
            ),
            Refused::Forbidden => error(403, "You are not allowed to do that."),
            Refused::ExpiredToken => error(401, "Invalid authorization token."),
            Refused::Server(status) => error(status, "An unknown error occured."),
            Refused::InBody => Reply::json(
                200,
                &json!({ "code": 503, "error": "Service temporarily unavailable." }),
            ),
        }
    }

    fn finish(&self, reply: &mut Reply, left: Option<Left>, now: Timestamp) {
        // Without limits there is always as much left.
        let left = left.unwrap_or(Left {
            most: MOST,
            remaining: MOST - 1,
            more_at: now + WINDOW,
        });
        let wait = until(now, left.more_at);
        let seconds = super::board::whole_seconds(wait);
        reply.headers.extend([
            ("x-ratelimit-limit", left.most.to_string()),
            ("x-ratelimit-remaining", left.remaining.to_string()),
            ("x-ratelimit-reset-in", seconds.to_string()),
            (
                "x-ratelimit-reset",
                super::board::whole_second(left.more_at).to_string(),
            ),
        ]);
    }
}

fn error(status: u16, message: &str) -> Reply {
    Reply::json(status, &json!({ "code": status, "error": message }))
}

/// Whose neighbours are looked for, and by which algorithm; what is wrong with the question otherwise.
type Reference = Result<(Vec<String>, String), Reply>;

/// A question, with what answers it.
struct Asked<'a> {
    catalogue: &'a Catalogue,
    query: Pairs,
}

impl<'a> Asked<'a> {
    /// `{"artist_mbids": [...]}`, or `recording_mbids`.
    fn popularity(&self, entity: &str, body: &[u8]) -> Result<Value, Reply> {
        let key = format!("{entity}_mbids");
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let mbids: Option<Vec<&str>> = body[&key]
            .as_array()
            .and_then(|a| a.iter().map(Value::as_str).collect());
        let mbids = mbids.ok_or_else(|| {
            let message = format!("{key} JSON element must be present and contain a list of {key}");
            error(400, &message)
        })?;
        if let Some(wrong) = mbids.iter().find(|mbid| !is_mbid(mbid)) {
            return Err(error(400, &format!("{entity}_mbid {wrong} is not valid.")));
        }
        if mbids.is_empty() {
            return Err(error(
                400,
                &format!("At least one valid {entity}_mbid must be present."),
            ));
        }
        if mbids.len() > MOST_MBIDS {
            let message = format!("Maximum number of {key} that can be fetched at once is {MOST_MBIDS}");
            return Err(error(400, &message));
        }
        let counts = mbids.into_iter().map(|mbid| {
            let counts = match entity {
                "artist" => self.artist(mbid).and_then(listens_of_artist),
                _ => self.recording(mbid),
            };
            let mut object = Map::new();
            object.insert(format!("{entity}_mbid"), json!(mbid));
            object.insert("total_listen_count".into(), json!(counts.map(|(listens, _)| listens)));
            object.insert("total_user_count".into(), json!(counts.map(|(_, users)| users)));
            Value::Object(object)
        });
        Ok(counts.collect())
    }

    fn top_recordings(&self, mbid: &str) -> Result<Value, Reply> {
        if !is_mbid(mbid) {
            return Err(error(400, &format!("artist_mbid: '{mbid}' is not a valid uuid")));
        }
        Err(error(500, "This endpoint has been disabled due to high load."))
    }

    /// Recordings of the artist and of similar ones, by artist.
    fn radio(&self, mbid: &str) -> Result<Value, Reply> {
        if !is_mbid(mbid) {
            return Err(error(400, "Seed artist mbid is not a valid UUID."));
        }
        let similar = self.whole("max_similar_artists")?;
        let recordings = self.whole("max_recordings_per_artist")?;
        match self.query.get("mode") {
            None => return Err(error(400, "mode param is missing")),
            Some("easy" | "medium" | "hard") => {}
            Some(_) => return Err(error(400, "mode must be one of: easy, medium or hard.")),
        }
        let (begin, end) = (self.percent("pop_begin")?, self.percent("pop_end")?);
        let mut radio = Map::new();
        let Some(seed) = self.place(mbid) else {
            return Ok(Value::Object(radio));
        };
        let near = self
            .catalogue
            .related(seed, similar)
            .into_iter()
            .map(|(place, _)| place);
        for place in [seed].into_iter().chain(near) {
            let artist = self.catalogue.artist_at(place);
            let artist_mbid = mbid_of("artist", &artist.id);
            let tracks = artist.tracks.iter().map(|t| &self.catalogue.tracks()[*t]);
            let chosen = tracks
                .filter(|t| (begin..=end).contains(&f64::from(t.popularity)))
                .take(recordings);
            let list: Vec<Value> = chosen
                .map(|track| {
                    json!({
                        "recording_mbid": mbid_of("recording", &track.id),
                        "similar_artist_mbid": artist_mbid,
                        "similar_artist_name": artist.name,
                        "total_listen_count": listens(track.popularity, &track.id).0,
                    })
                })
                .collect();
            if !list.is_empty() {
                radio.insert(artist_mbid, json!(list));
            }
        }
        Ok(Value::Object(radio))
    }

    fn reference(&self) -> Reference {
        let mbids = self
            .query
            .all("artist_mbids")
            .flat_map(|m| m.split(','))
            .map(|m| m.trim().to_string());
        let mbids: Vec<String> = mbids.filter(|m| !m.is_empty()).collect();
        reference(mbids, self.query.get("algorithm"))
    }

    /// The neighbours of each reference, nearest first. Their scores are counts: what is much is to be seen from the list's largest.
    fn similar(&self, references: Vec<Reference>) -> Result<Value, Reply> {
        let mut list: Vec<Value> = Vec::new();
        for reference in references {
            let (mbids, algorithm) = reference?;
            for mbid in mbids {
                let Some(place) = self.place(&mbid) else { continue };
                let most = if algorithm == ALGORITHMS[0] {
                    MOST_SIMILAR
                } else {
                    MOST_SIMILAR / 2
                };
                let scale = 40.0 + f64::from(self.catalogue.artist_at(place).popularity) * 60.0;
                for (other, nearness) in self.catalogue.related(place, most) {
                    let artist = self.catalogue.artist_at(other);
                    list.push(json!({
                        "artist_mbid": mbid_of("artist", &artist.id),
                        "name": artist.known.native.as_deref().unwrap_or(&artist.name),
                        "comment": artist.known.note,
                        "type": artist.known.kind.map(|kind| match kind {
                            ArtistKind::Person => "Person",
                            ArtistKind::Group => "Group",
                        }),
                        "gender": null,
                        "score": (nearness * nearness * scale) as u64,
                        "reference_mbid": mbid,
                    }));
                }
            }
        }
        Ok(json!(list))
    }

    fn whole(&self, name: &str) -> Result<usize, Reply> {
        let text = self.query.get(name);
        let text = text.ok_or_else(|| error(400, &format!("Argument {name} must be specified.")))?;
        text.parse()
            .map_err(|_| error(400, &format!("Invalid {name} argument: {text}")))
    }

    fn percent(&self, name: &str) -> Result<f64, Reply> {
        let text = self.query.get(name);
        let text = text.ok_or_else(|| error(400, &format!("{name} param is missing")))?;
        let percent: Option<f64> = text.parse().ok();
        match percent {
            Some(percent) if (0.0..=100.0).contains(&percent) => Ok(percent),
            Some(_) => Err(error(400, &format!("{name} should be between the range: 0 to 100"))),
            None => Err(error(400, &format!("{name}: '{text}' is not a valid number"))),
        }
    }

    /// The place of the listed artist with this MBID.
    fn place(&self, mbid: &str) -> Option<usize> {
        let place = self.catalogue.codes().artist_of_mbid(&mbid.to_lowercase());
        place.filter(|place| *place < self.catalogue.artists().len())
    }

    fn artist(&self, mbid: &str) -> Option<&'a Artist> {
        Some(self.catalogue.artist_at(self.place(mbid)?))
    }

    fn recording(&self, mbid: &str) -> Option<(u64, u64)> {
        let place = self.catalogue.codes().track_of_mbid(&mbid.to_lowercase())?;
        let track = &self.catalogue.tracks()[place];
        Some(listens(track.popularity, &track.id))
    }
}

/// `[{"artist_mbids": [...], "algorithm": "..."}]`
fn references(body: &[u8]) -> Vec<Reference> {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let Some(list) = body.as_array() else {
        return vec![Err(error(400, "JSON document must be a list of objects"))];
    };
    let of = |value: &Value| {
        let mbids = value["artist_mbids"].as_array().into_iter().flatten();
        let mbids = mbids.map(|m| m.as_str().unwrap_or_default().to_string()).collect();
        reference(mbids, value["algorithm"].as_str())
    };
    list.iter().map(of).collect()
}

fn reference(mbids: Vec<String>, algorithm: Option<&str>) -> Reference {
    if mbids.is_empty() || !mbids.iter().all(|mbid| is_mbid(mbid)) {
        return Err(error(400, "artist_mbids: value is not a valid uuid"));
    }
    match algorithm.filter(|a| ALGORITHMS.contains(a)) {
        Some(algorithm) => Ok((mbids, algorithm.to_string())),
        None => {
            let message = format!(
                "algorithm: value is not a valid enumeration member; permitted: {}",
                ALGORITHMS.join(", ")
            );
            Err(error(400, &message))
        }
    }
}

/// Nobody has listened to some of the less popular.
fn listens_of_artist(artist: &Artist) -> Option<(u64, u64)> {
    let unheard = artist.popularity < 45 && hash64(&format!("unheard:{}", artist.id)).is_multiple_of(5);
    (!unheard).then(|| {
        let (total, users) = listens(artist.popularity, &artist.id);
        (8 * total, 2 * users)
    })
}

/// How often and by how many something was heard: made up from its popularity.
fn listens(popularity: u8, id: &str) -> (u64, u64) {
    let popularity = u64::from(popularity) + 1;
    let users = popularity * popularity * popularity / 12 + hash64(&format!("listens:{id}")) % 97 + 1;
    (users * (6 + popularity / 9), users)
}
