//! The answers of the Web API: a request in, a reply out, nothing awaited.

use super::Mode;
use super::call::Call;
use super::shapes::{Place, Shapes, api_error};
use crate::catalogue::{Artist, Catalogue, Track};
use crate::numbers::is_id;
use crate::standin::Server;
use crate::standin::reply::Reply;
use crate::standin::request::{Pairs, Request, encode};
use serde_json::{Value, json};

/// The most ids of artists or tracks in one request, and of tracks whose features are asked for.
const MOST_ARTISTS: usize = 50;
const MOST_TRACKS: usize = 100;
/// The longest page of a search or a list of albums, and the usual one.
const LONGEST_PAGE: usize = 10;
const USUAL_PAGE: usize = 5;
/// A search answers no further than this.
const MOST_FOUND: usize = 1000;

/// Answers from a catalogue.
pub(super) struct Answers<'a> {
    catalogue: &'a Catalogue,
    shapes: Shapes<'a>,
}

impl<'a> Answers<'a> {
    /// The answers of this server's catalogue in this mode.
    pub(super) fn of(server: &'a Server, mode: Mode) -> Answers<'a> {
        Answers {
            catalogue: &server.options.catalogue,
            shapes: Shapes {
                catalogue: &server.options.catalogue,
                base: &server.base,
                mode,
            },
        }
    }

    pub(super) fn answer(&self, call: &Call, request: &Request<'_>) -> Result<Value, Reply> {
        let query = Pairs::of(request.query);
        match call {
            Call::Search => self.search(&query),
            Call::Artist(id) => self.find(id).map(|artist| self.shapes.artist(artist)),
            Call::Artists => self.artists(&query),
            Call::TopTracks(id) => self.top_tracks(id, &query),
            Call::Albums(id) => self.albums(id, &query),
            Call::AudioFeatures => self.audio_features(&query),
            Call::AudioFeature(id) => self.audio_feature(id),
            Call::Track(id) => self.track(id),
            Call::Tracks => self.tracks(&query),
            _ => Err(api_error(404, "Service not found")),
        }
    }

    fn search(&self, query: &Pairs) -> Result<Value, Reply> {
        let text = query.get("q").map(str::trim).filter(|q| !q.is_empty());
        let text = text.ok_or_else(|| api_error(400, "No search query"))?;
        let kind = match query.get("type") {
            Some(kind @ ("artist" | "track")) => kind,
            Some(other) => return Err(api_error(400, &format!("Bad search type field {other}"))),
            None => return Err(api_error(400, "Missing parameter type")),
        };
        let place = place(query)?;
        if place.offset + place.limit > MOST_FOUND {
            return Err(api_error(400, "Invalid offset"));
        }
        let asked = format!("query={0}&q={0}&type={kind}&", encode(text));
        let page = |items: Vec<Value>, total: usize| self.shapes.page("/v1/search", &asked, items, place, total);
        Ok(match kind {
            "track" => {
                let found = self.found_tracks(text);
                let shown = found.iter().skip(place.offset).take(place.limit);
                json!({ "tracks": page(shown.map(|t| self.shapes.track(t)).collect(), found.len()) })
            }
            _ => {
                let found = self.catalogue.search(text);
                let shown = found.iter().skip(place.offset).take(place.limit);
                json!({ "artists": page(shown.map(|a| self.shapes.artist(a)).collect(), found.len()) })
            }
        })
    }

    /// The track with this ISRC (`isrc:ZZSEG2600001`), or those whose title has these words in it, the most popular first.
    fn found_tracks(&self, text: &str) -> Vec<&'a Track> {
        if let Some(isrc) = text.strip_prefix("isrc:") {
            let place = self.catalogue.track_of_isrc(isrc.trim_matches('"'));
            return place.map(|p| &self.catalogue.tracks()[p]).into_iter().collect();
        }
        let text = text.to_lowercase();
        let tracks = self.catalogue.tracks().iter();
        let mut found: Vec<&Track> = tracks.filter(|t| t.name.to_lowercase().contains(&text)).collect();
        found.sort_by(|a, b| b.popularity.cmp(&a.popularity).then_with(|| a.id.cmp(&b.id)));
        found.truncate(MOST_FOUND);
        found
    }

    /// The artist with this id.
    fn find(&self, id: &str) -> Result<&'a Artist, Reply> {
        if !is_id(id) {
            return Err(api_error(400, "Invalid base62 id"));
        }
        self.catalogue
            .artist(id)
            .ok_or_else(|| api_error(404, "Resource not found"))
    }

    fn artists(&self, query: &Pairs) -> Result<Value, Reply> {
        let artist = |id: &str| self.catalogue.artist(id).map_or(Value::Null, |a| self.shapes.artist(a));
        let artists: Vec<Value> = ids(query, MOST_ARTISTS)?.into_iter().map(artist).collect();
        Ok(json!({ "artists": artists }))
    }

    fn top_tracks(&self, id: &str, query: &Pairs) -> Result<Value, Reply> {
        let market = query.get("market").or(query.get("country"));
        match market {
            None | Some("") => return Err(api_error(400, "Missing required field: market")),
            Some(m) if m.len() != 2 || !m.bytes().all(|b| b.is_ascii_alphabetic()) => {
                return Err(api_error(400, "Invalid market code"));
            }
            Some(_) => {}
        }
        let artist = self.find(id)?;
        let tracks = artist
            .tracks
            .iter()
            .map(|t| self.shapes.track(&self.catalogue.tracks()[*t]));
        Ok(json!({ "tracks": tracks.collect::<Vec<_>>() }))
    }

    fn albums(&self, id: &str, query: &Pairs) -> Result<Value, Reply> {
        let place = place(query)?;
        let artist = self.find(id)?;
        let titles = self.catalogue.albums(artist);
        let page = titles.iter().skip(place.offset).take(place.limit);
        let items = page.map(|title| self.shapes.album(artist, title)).collect();
        Ok(self
            .shapes
            .page(&format!("/v1/artists/{id}/albums"), "", items, place, titles.len()))
    }

    fn audio_features(&self, query: &Pairs) -> Result<Value, Reply> {
        let features = |id: &str| {
            let track = self.catalogue.track(id)?;
            Some(self.shapes.features(track, track.features.as_ref()?))
        };
        let list: Vec<Option<Value>> = ids(query, MOST_TRACKS)?.into_iter().map(features).collect();
        Ok(json!({ "audio_features": list }))
    }

    fn audio_feature(&self, id: &str) -> Result<Value, Reply> {
        if !is_id(id) {
            return Err(api_error(400, "Invalid base62 id"));
        }
        let track = self.catalogue.track(id);
        let features = track.and_then(|t| Some(self.shapes.features(t, t.features.as_ref()?)));
        features.ok_or_else(|| api_error(404, "analysis not found"))
    }

    fn track(&self, id: &str) -> Result<Value, Reply> {
        if !is_id(id) {
            return Err(api_error(400, "Invalid base62 id"));
        }
        let track = self.catalogue.track(id);
        let track = track.ok_or_else(|| api_error(404, "Resource not found"))?;
        Ok(self.shapes.track(track))
    }

    fn tracks(&self, query: &Pairs) -> Result<Value, Reply> {
        let track = |id: &str| self.catalogue.track(id).map_or(Value::Null, |t| self.shapes.track(t));
        let tracks: Vec<Value> = ids(query, MOST_ARTISTS)?.into_iter().map(track).collect();
        Ok(json!({ "tracks": tracks }))
    }
}

/// Offset and limit of a query, within the bounds.
fn place(query: &Pairs) -> Result<Place, Reply> {
    let limit = query
        .number("limit", USUAL_PAGE)
        .filter(|n| (1..=LONGEST_PAGE).contains(n));
    let limit = limit.ok_or_else(|| api_error(400, "Invalid limit"))?;
    let offset = query.number("offset", 0).filter(|n| *n <= 1_000_000);
    let offset = offset.ok_or_else(|| api_error(400, "Invalid offset"))?;
    Ok(Place { offset, limit })
}

/// The ids of a query: at least one, at most `most`, all of the right form.
fn ids(query: &Pairs, most: usize) -> Result<Vec<&str>, Reply> {
    let text = query.get("ids").filter(|t| !t.is_empty());
    let text = text.ok_or_else(|| api_error(400, "Missing required field: ids"))?;
    let ids: Vec<&str> = text.split(',').collect();
    if ids.len() > most {
        return Err(api_error(400, "Too many ids requested"));
    }
    match ids.iter().all(|id| is_id(id)) {
        true => Ok(ids),
        false => Err(api_error(400, "Invalid base62 id")),
    }
}
