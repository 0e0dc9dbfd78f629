//! MusicBrainz: web service version 2, as `https://musicbrainz.org/doc/MusicBrainz_API` and its pages on search, examples and rate
//! limiting describe it.
//!
//! | Path | Is |
//! |---|---|
//! | `/ws/2/artist?query=` | a search in Lucene's language ([`query`]), best first, each with a score up to 100 |
//! | `/ws/2/artist/{mbid}?inc=` | an artist with `aliases`, `genres`, `tags`, `url-rels`, `artist-rels` |
//! | `/ws/2/url?resource=&inc=artist-rels` | whose page this is |
//! | `/ws/2/isrc/{isrc}?inc=artist-credits` | the recordings of a code |
//!
//! Answers are XML unless `fmt=json`, or `Accept`, asks for JSON. A request without a `User-Agent` that says who asks and how to
//! reach them gets 403. One request a second is admitted on average; over that every request gets 503 until the rate has dropped,
//! and no word of when. Not everybody has a link to Spotify, and some of the less popular have no genres.

mod query;
mod shapes;

use super::Server;
use super::class::Class;
use super::reply::Reply;
use super::request::{Pairs, Request, decode};
use super::service::{Api, Refused};
use super::spotify::tokens::Tokens;
use super::window::Window;
use crate::catalogue::{Artist, Catalogue};
use jiff::Timestamp;
use query::Query;
use serde_json::{Value, json};
use shapes::{Include, Shapes};
use std::time::Duration;

/// MusicBrainz.
pub(super) struct MusicBrainz;

/// The usual number of results, and the most.
const USUAL_PAGE: usize = 25;
const LONGEST_PAGE: usize = 100;
/// Less is found by what somebody is not called, alone.
const LEAST_WEIGHT: f64 = 1e-3;

/// What clients are called whose authors did not say who they are.
const ANONYMOUS: [&str; 8] = [
    "python-requests",
    "python-urllib",
    "java/",
    "jakarta commons-httpclient",
    "curl",
    "wget",
    "go-http-client",
    "reqwest",
];

enum Call {
    Search,
    Artist(String),
    Url,
    Isrc(String),
    Unknown,
}

impl Call {
    fn of(request: &Request<'_>) -> Call {
        let text = |part: &str| decode(part, false).into_owned();
        match request.parts()[..] {
            ["ws", "2", "artist"] => Call::Search,
            ["ws", "2", "artist", mbid] => Call::Artist(text(mbid)),
            ["ws", "2", "url"] => Call::Url,
            ["ws", "2", "isrc", isrc] => Call::Isrc(text(isrc)),
            _ => Call::Unknown,
        }
    }
}

impl Api for MusicBrainz {
    fn class(&self, request: &Request<'_>) -> Class {
        match Call::of(request) {
            Call::Search => Class::Search,
            Call::Artist(_) => Class::Artist,
            Call::Url => Class::Url,
            Call::Isrc(_) => Class::Isrc,
            Call::Unknown => Class::Other,
        }
    }

    /// One a second. It is an average that the service measures, so a request may be a moment early: a network shifts arrivals.
    fn limits(&self) -> Vec<Window> {
        vec![Window::of_everything(1, Duration::from_millis(950))]
    }

    fn says_when(&self) -> bool {
        false
    }

    /// Whoever does not say who asks.
    fn stranger(&self, request: &Request<'_>, _tokens: &Tokens, _now: Timestamp) -> Option<Reply> {
        let agent = request.user_agent.unwrap_or_default().trim().to_lowercase();
        let anonymous = agent.is_empty() || ANONYMOUS.iter().any(|name| agent.starts_with(name));
        let reachable = agent.contains('@') || agent.contains("http://") || agent.contains("https://");
        (anonymous || !reachable).then(|| self.refuse(Refused::Forbidden))
    }

    fn answer(&self, server: &Server, request: &Request<'_>) -> Reply {
        if request.method != "GET" {
            return error(405, "Method not allowed.");
        }
        let asked = Asked {
            catalogue: &server.options.catalogue,
            shapes: Shapes {
                catalogue: &server.options.catalogue,
            },
            query: Pairs::of(request.query),
        };
        let answer = match Call::of(request) {
            Call::Search => asked.search(server.options.clock.now()),
            Call::Artist(mbid) => asked.artist(&mbid),
            Call::Url => asked.url(),
            Call::Isrc(isrc) => asked.isrc(&isrc),
            Call::Unknown => Err(error(404, "Not Found")),
        };
        match (answer, wants_json(request, &asked.query)) {
            (Err(refusal), _) => refusal,
            (Ok(_), None) => error(
                406,
                "Invalid format. Either \"application/xml\" or \"application/json\" is supported",
            ),
            (Ok(value), Some(true)) => Reply::json(200, &value),
            (Ok(value), Some(false)) => Reply {
                content_type: "application/xml; charset=utf-8",
                ..Reply::bytes(200, shapes::xml(&value))
            },
        }
    }

    fn refuse(&self, refused: Refused) -> Reply {
        const BUSY: &str = "The MusicBrainz web server is currently busy. Please try again later.";
        match refused {
            Refused::TooMany | Refused::Quota => error(
                503,
                "Your requests are exceeding the allowable rate limit. \
                 Please see http://wiki.musicbrainz.org/XMLWebService for more information.",
            ),
            Refused::Forbidden => html(403, "403 Forbidden"),
            Refused::ExpiredToken => error(401, "You are not authorized to access this resource."),
            Refused::Server(503) => error(503, BUSY),
            Refused::Server(502) => html(502, "502 Bad Gateway"),
            Refused::Server(status) => error(status, "Internal server error"),
            Refused::InBody => Reply::json(200, &json!({ "error": BUSY })),
        }
    }
}

/// An error in the service's words.
fn error(status: u16, message: &str) -> Reply {
    let help = "For usage, please see: https://musicbrainz.org/development/mmd";
    Reply::json(status, &json!({ "error": message, "help": help }))
}

/// What the servers in front of it say.
fn html(status: u16, title: &str) -> Reply {
    let page = format!(
        "<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n</body>\r\n</html>\r\n"
    );
    Reply {
        content_type: "text/html",
        ..Reply::bytes(status, page)
    }
}

/// Whether JSON is wanted, or XML; `None`: something else. `fmt` counts more than `Accept`.
fn wants_json(request: &Request<'_>, query: &Pairs) -> Option<bool> {
    match query.get("fmt") {
        Some("json") => Some(true),
        Some("xml") => Some(false),
        Some(_) => None,
        None => Some(request.accept.is_some_and(|accept| accept.contains("application/json"))),
    }
}

/// A question, with what answers it.
struct Asked<'a> {
    catalogue: &'a Catalogue,
    shapes: Shapes<'a>,
    query: Pairs,
}

impl Asked<'_> {
    fn search(&self, now: Timestamp) -> Result<Value, Reply> {
        const NO_QUERY: &str = "The given parameters do not match any available query type for the artist resource.";
        let text = self.query.get("query").filter(|q| !q.trim().is_empty());
        let query = Query::parse(text.ok_or_else(|| error(400, NO_QUERY))?);
        let query = query.ok_or_else(|| error(400, "Invalid query: the query could not be parsed."))?;
        let limit = self.query.number("limit", USUAL_PAGE).filter(|n| *n > 0);
        let limit = limit.ok_or_else(|| error(400, "Invalid limit."))?.min(LONGEST_PAGE);
        let offset = self.query.number("offset", 0);
        let offset = offset.ok_or_else(|| error(400, "Invalid offset."))?;
        let mut found: Vec<(f64, &Artist)> = self
            .catalogue
            .artists()
            .iter()
            .map(|artist| (query.weight(artist), artist))
            .filter(|(weight, _)| *weight > LEAST_WEIGHT)
            .collect();
        found.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.id.cmp(&b.1.id)));
        let best = found.first().map_or(1.0, |(weight, _)| *weight);
        let shown = found.iter().skip(offset).take(limit);
        let artists = shown.map(|(weight, artist)| self.shapes.found(artist, (100.0 * weight / best).round() as u64));
        Ok(json!({
            "created": format!("{now:.3}"),
            "count": found.len(),
            "offset": offset,
            "artists": artists.collect::<Vec<_>>(),
        }))
    }

    fn artist(&self, mbid: &str) -> Result<Value, Reply> {
        let include = self.include("artist", &["aliases", "genres", "tags", "url-rels", "artist-rels"])?;
        let mbid = mbid.to_lowercase();
        if !is_mbid(&mbid) {
            return Err(error(400, "Invalid mbid."));
        }
        let place = self.catalogue.codes().artist_of_mbid(&mbid);
        let artist = place
            .map(|p| self.catalogue.artist_at(p))
            .filter(|a| is_known(self.catalogue, a));
        let artist = artist.ok_or_else(|| error(404, "Not Found"))?;
        Ok(self.shapes.artist(artist, &include))
    }

    fn url(&self) -> Result<Value, Reply> {
        let include = self.include("url", &["artist-rels"])?;
        let resource = self.query.get("resource").filter(|r| !r.is_empty());
        let resource = resource.ok_or_else(|| error(400, "Missing parameter: resource"))?;
        let artist = self
            .shapes
            .artist_of_url(resource)
            .filter(|a| is_known(self.catalogue, a));
        let artist = artist.ok_or_else(|| error(404, "Not Found"))?;
        Ok(self.shapes.url(resource, artist, &include))
    }

    fn isrc(&self, isrc: &str) -> Result<Value, Reply> {
        let include = self.include("isrc", &["artist-credits"])?;
        let isrc = isrc.to_uppercase();
        if isrc.len() != 12 || !isrc.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return Err(error(400, "Invalid isrc."));
        }
        let place = self.catalogue.track_of_isrc(&isrc);
        let track = place.map(|p| &self.catalogue.tracks()[p]);
        let track = track.ok_or_else(|| error(404, "Not Found"))?;
        Ok(self.shapes.isrc(&isrc, track, &include))
    }

    /// What is to come along; everything that this stand-in cannot bring is refused.
    fn include(&self, resource: &str, known: &[&str]) -> Result<Include, Reply> {
        let text = self.query.get("inc").unwrap_or_default();
        let words: Vec<&str> = text.split([' ', '+']).filter(|w| !w.is_empty()).collect();
        match words.iter().find(|word| !known.contains(word)) {
            Some(word) => {
                let message = format!("{word} is not a valid inc parameter for the {resource} resource.");
                Err(error(400, &message))
            }
            None => Ok(Include::of(&words)),
        }
    }
}

/// Whether MusicBrainz has heard of somebody: look-alikes are found on Spotify only.
fn is_known(catalogue: &Catalogue, artist: &Artist) -> bool {
    catalogue
        .place_of(&artist.id)
        .is_some_and(|place| place < catalogue.artists().len())
}

/// Whether this could be an MBID: 8-4-4-4-12 hexadecimal digits.
pub(super) fn is_mbid(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    parts.iter().map(|p| p.len()).eq([8, 4, 4, 4, 12]) && parts.iter().all(|p| p.bytes().all(|b| b.is_ascii_hexdigit()))
}
