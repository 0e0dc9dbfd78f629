//! Deezer: its public API, as `https://developers.deezer.com/api` describes it.
//!
//! | Path | Is |
//! |---|---|
//! | `/search/artist?q=` | artists, 25 a page unless `limit` and `index` say otherwise |
//! | `/artist/{id}` | an artist with the numbers of albums and fans |
//! | `/artist/{id}/top`, `/related`, `/albums` | lists: 5, 20 and 25 a page |
//! | `/track/{id}`, `/track/isrc:{isrc}` | a track with ISRC, tempo and gain, which lists do not have |
//!
//! Every error is a 200: no such thing is code 800, a wrong path 600, a missing parameter 501, and 50 requests in any five seconds
//! are followed by code 4, without a word of when to come again. A few artists are not on Deezer.

mod shapes;

use super::Server;
use super::class::Class;
use super::reply::Reply;
use super::request::{Pairs, Request, decode, encode};
use super::service::{Api, Refused};
use super::window::Window;
use crate::catalogue::{Artist, Catalogue, Track};
use crate::numbers::hash64;
use serde_json::{Value, json};
use shapes::Shapes;
use std::time::Duration;

/// Deezer.
pub(super) struct Deezer;

/// The most in one page.
const LONGEST_PAGE: usize = 100;
/// So many artists are related at most.
const MOST_RELATED: usize = 20;

enum Call {
    Search,
    Artist(String),
    Top(String),
    Related(String),
    Albums(String),
    Track(String),
    Unknown,
}

impl Call {
    fn of(request: &Request<'_>) -> Call {
        let text = |part: &str| decode(part, false).into_owned();
        match request.parts()[..] {
            ["search", "artist"] => Call::Search,
            ["artist", id] => Call::Artist(text(id)),
            ["artist", id, "top"] => Call::Top(text(id)),
            ["artist", id, "related"] => Call::Related(text(id)),
            ["artist", id, "albums"] => Call::Albums(text(id)),
            ["track", id] => Call::Track(text(id)),
            _ => Call::Unknown,
        }
    }
}

impl Api for Deezer {
    fn class(&self, request: &Request<'_>) -> Class {
        match Call::of(request) {
            Call::Search => Class::Search,
            Call::Artist(_) => Class::Artist,
            Call::Top(_) => Class::TopTracks,
            Call::Related(_) => Class::RelatedArtists,
            Call::Albums(_) => Class::Albums,
            Call::Track(_) => Class::Tracks,
            Call::Unknown => Class::Other,
        }
    }

    fn limits(&self) -> Vec<Window> {
        vec![Window::new(50, Duration::from_secs(5))]
    }

    fn says_when(&self) -> bool {
        false
    }

    fn answer(&self, server: &Server, request: &Request<'_>) -> Reply {
        if request.method != "GET" {
            return error(
                "OAuthException",
                "An active access token must be used to query information about the current user",
                200,
            );
        }
        let asked = Asked {
            catalogue: &server.options.catalogue,
            shapes: Shapes {
                catalogue: &server.options.catalogue,
            },
            query: Pairs::of(request.query),
            url: format!("{}{}", server.base, request.path),
        };
        let answer = match Call::of(request) {
            Call::Search => asked.search(),
            Call::Artist(id) => asked.find(&id).map(|artist| asked.shapes.artist(artist)),
            Call::Top(id) => asked.top(&id),
            Call::Related(id) => asked.related(&id),
            Call::Albums(id) => asked.albums(&id),
            Call::Track(id) => asked.track(&id),
            Call::Unknown => {
                let message = format!("Unknown path components : {}", request.path);
                Err(error("InvalidQueryException", &message, 600))
            }
        };
        answer.map_or_else(|refusal| refusal, |value| Reply::json(200, &value))
    }

    fn refuse(&self, refused: Refused) -> Reply {
        match refused {
            Refused::TooMany | Refused::Quota => error("Exception", "Quota limit exceeded", 4),
            Refused::Forbidden => error("OAuthException", "Permission denied", 200),
            Refused::ExpiredToken => error("OAuthException", "Invalid OAuth access token.", 300),
            Refused::InBody => error("Exception", "Service busy", 700),
            Refused::Server(status) => Reply {
                content_type: "text/html; charset=utf-8",
                ..Reply::bytes(status, "<html><body><h1>An error occurred</h1></body></html>\n")
            },
        }
    }
}

/// An error in the service's words: a 200.
fn error(kind: &str, message: &str, code: u32) -> Reply {
    Reply::json(
        200,
        &json!({ "error": { "type": kind, "message": message, "code": code } }),
    )
}

fn no_data() -> Reply {
    error("DataException", "no data", 800)
}

/// A question, with what answers it.
struct Asked<'a> {
    catalogue: &'a Catalogue,
    shapes: Shapes<'a>,
    query: Pairs,
    /// Address and path, as they were asked for.
    url: String,
}

impl<'a> Asked<'a> {
    fn search(&self) -> Result<Value, Reply> {
        let text = self.query.get("q").map(str::trim);
        let text = text.ok_or_else(|| error("MissingParameterException", "Missing parameters: q", 501))?;
        if text.is_empty() {
            return Err(error("ParameterException", "Wrong parameter: q", 500));
        }
        let found: Vec<&Artist> = self.catalogue.search(text).into_iter().filter(|a| is_here(a)).collect();
        let asked = format!("q={}&", encode(text));
        self.page(&asked, 25, &found, |artist| self.shapes.artist(artist))
    }

    /// The artist with this number.
    fn find(&self, id: &str) -> Result<&'a Artist, Reply> {
        let place = id.parse().ok().and_then(|n| self.catalogue.codes().artist_of_number(n));
        let artist = place.map(|p| self.catalogue.artist_at(p)).filter(|a| is_here(a));
        artist.ok_or_else(no_data)
    }

    fn top(&self, id: &str) -> Result<Value, Reply> {
        let artist = self.find(id)?;
        let tracks: Vec<&Track> = artist.tracks.iter().map(|t| &self.catalogue.tracks()[*t]).collect();
        self.page("", 5, &tracks, |track| self.shapes.listed_track(track))
    }

    fn related(&self, id: &str) -> Result<Value, Reply> {
        let artist = self.find(id)?;
        let place = self.catalogue.place_of(&artist.id).ok_or_else(no_data)?;
        let related = self.catalogue.related(place, 2 * MOST_RELATED).into_iter();
        let mut artists: Vec<&Artist> = related
            .map(|(p, _)| self.catalogue.artist_at(p))
            .filter(|a| is_here(a))
            .collect();
        artists.truncate(MOST_RELATED);
        self.page("", MOST_RELATED, &artists, |artist| self.shapes.artist(artist))
    }

    fn albums(&self, id: &str) -> Result<Value, Reply> {
        let artist = self.find(id)?;
        let titles = self.catalogue.albums(artist);
        self.page("", 25, &titles, |title| self.shapes.album(artist, title, true))
    }

    fn track(&self, id: &str) -> Result<Value, Reply> {
        let place = match id.strip_prefix("isrc:") {
            Some(isrc) => self.catalogue.track_of_isrc(isrc),
            None => id.parse().ok().and_then(|n| self.catalogue.codes().track_of_number(n)),
        };
        let track = place.map(|p| &self.catalogue.tracks()[p]);
        track.map(|t| self.shapes.track(t)).ok_or_else(no_data)
    }

    /// A page of a list, of so many unless `limit` says otherwise, from `index` on, with links to its neighbours.
    fn page<T>(&self, asked: &str, usual: usize, all: &[T], shape: impl Fn(&T) -> Value) -> Result<Value, Reply> {
        let wrong = |name: &str| error("ParameterException", &format!("Wrong parameter: {name}"), 500);
        let limit = self
            .query
            .number("limit", usual)
            .ok_or_else(|| wrong("limit"))?
            .min(LONGEST_PAGE);
        let index = self.query.number("index", 0).ok_or_else(|| wrong("index"))?;
        let data: Vec<Value> = all.iter().skip(index).take(limit).map(shape).collect();
        let link = |index: usize| format!("{}?{asked}limit={limit}&index={index}", self.url);
        let mut page = json!({ "data": data, "total": all.len() });
        if index > 0 {
            page["prev"] = json!(link(index.saturating_sub(limit)));
        }
        let next = index.saturating_add(limit);
        if next < all.len() && limit > 0 {
            page["next"] = json!(link(next));
        }
        Ok(page)
    }
}

/// Whether Deezer has somebody: it has not everybody.
fn is_here(artist: &Artist) -> bool {
    !hash64(&format!("deezer:has:{}", artist.id)).is_multiple_of(37)
}
