//! The answers of the Web API: a request in, a reply out, nothing awaited.

use super::Server;
use super::gate::Verdict;
use super::request::{Call, Pairs, Request, encode};
use super::shapes::{Place, Reply, Shapes, api_error};
use crate::catalogue::Artist;
use crate::numbers::{Dice, is_id};
use serde_json::{Value, json};

/// The most ids of artists and of tracks in one request.
const MOST_ARTISTS: usize = 50;
const MOST_TRACKS: usize = 100;
/// The longest page of a search or a list of albums, and the usual one.
const LONGEST_PAGE: usize = 10;
const USUAL_PAGE: usize = 5;
/// A search answers no further than this.
const MOST_FOUND: usize = 1000;

impl Server {
    /// Answers a request.
    pub(super) fn answer(&self, request: &Request<'_>) -> Reply {
        let call = request.call();
        let Some(class) = call.class() else {
            return match call {
                Call::Control(what) => self.control(&what, request),
                _ => api_error(404, "Service not found"),
            };
        };
        let now = self.options.clock.now();
        let verdict = self.gate.lock().judge(class, request, now);
        match verdict {
            Verdict::Refused(reply) => reply,
            Verdict::Admitted(trouble) => {
                let (reply, in_vain) = trouble.spoil(self.fulfil(&call, request));
                if let Some(kind) = in_vain {
                    self.gate.lock().faults.take_back(kind);
                }
                reply
            }
        }
    }

    fn fulfil(&self, call: &Call, request: &Request<'_>) -> Reply {
        if *call != Call::Token && request.method != "GET" {
            return api_error(405, "Method not allowed");
        }
        let query = Pairs::of(request.query);
        let answer = match call {
            Call::Token => return self.token(request),
            Call::Search => self.search(&query),
            Call::Artist(id) => self.find(id).map(|artist| self.shapes().artist(artist)),
            Call::Artists => self.artists(&query),
            Call::TopTracks(id) => self.top_tracks(id, &query),
            Call::Albums(id) => self.albums(id, &query),
            Call::AudioFeatures => self.audio_features(&query),
            Call::AudioFeature(id) => self.audio_feature(id),
            Call::Bench(kind) => return self.bench.page(kind, &query),
            Call::Control(_) | Call::Unknown => Err(api_error(404, "Service not found")),
        };
        answer.map_or_else(|refusal| refusal, |value| Reply::json(200, &value))
    }

    fn shapes(&self) -> Shapes<'_> {
        Shapes {
            catalogue: &self.options.catalogue,
            base: &self.base,
        }
    }

    fn search(&self, query: &Pairs) -> Result<Value, Reply> {
        let text = query.get("q").map(str::trim).filter(|q| !q.is_empty());
        let text = text.ok_or_else(|| api_error(400, "No search query"))?;
        match query.get("type") {
            Some("artist") => {}
            Some(other) => return Err(api_error(400, &format!("Bad search type field {other}"))),
            None => return Err(api_error(400, "Missing parameter type")),
        }
        let place = place(query)?;
        if place.offset + place.limit > MOST_FOUND {
            return Err(api_error(400, "Invalid offset"));
        }
        let found = self.options.catalogue.search(text);
        let shapes = self.shapes();
        let items = found
            .iter()
            .skip(place.offset)
            .take(place.limit)
            .map(|a| shapes.artist(a))
            .collect();
        let asked = format!("query={0}&q={0}&type=artist&", encode(text));
        Ok(json!({ "artists": shapes.page("/v1/search", &asked, items, place, found.len()) }))
    }

    /// The artist with this id.
    fn find(&self, id: &str) -> Result<&Artist, Reply> {
        if !is_id(id) {
            return Err(api_error(400, "Invalid base62 id"));
        }
        self.options
            .catalogue
            .artist(id)
            .ok_or_else(|| api_error(404, "Resource not found"))
    }

    fn artists(&self, query: &Pairs) -> Result<Value, Reply> {
        let shapes = self.shapes();
        let artist = |id: &str| {
            self.options
                .catalogue
                .artist(id)
                .map_or(Value::Null, |a| shapes.artist(a))
        };
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
        let shapes = self.shapes();
        let tracks = artist
            .tracks
            .iter()
            .map(|t| shapes.track(&self.options.catalogue.tracks()[*t]));
        Ok(json!({ "tracks": tracks.collect::<Vec<_>>() }))
    }

    fn albums(&self, id: &str, query: &Pairs) -> Result<Value, Reply> {
        let place = place(query)?;
        let artist = self.find(id)?;
        let shapes = self.shapes();
        let titles = self.album_titles(artist);
        let page = titles.iter().skip(place.offset).take(place.limit);
        let items = page.map(|title| shapes.album(artist, title)).collect();
        Ok(shapes.page(&format!("/v1/artists/{id}/albums"), "", items, place, titles.len()))
    }

    /// The albums of the top tracks, and enough others to need a few pages.
    fn album_titles(&self, artist: &Artist) -> Vec<String> {
        let mut titles: Vec<String> = Vec::new();
        for track in &artist.tracks {
            let track = &self.options.catalogue.tracks()[*track];
            let own = self.options.catalogue.artist_at(track.artists[0]).id == artist.id;
            if own && !titles.contains(&track.album) {
                titles.push(track.album.clone());
            }
        }
        let mut dice = Dice::new(0, &format!("albums:{}", artist.id));
        let more = if artist.tracks.is_empty() {
            0
        } else {
            2 + dice.below(28)
        };
        for _ in 0..more {
            let title = crate::catalogue::album_title(&mut dice);
            if !titles.contains(&title) {
                titles.push(title);
            }
        }
        titles
    }

    fn audio_features(&self, query: &Pairs) -> Result<Value, Reply> {
        let shapes = self.shapes();
        let features = |id: &str| {
            let track = self.options.catalogue.track(id)?;
            Some(shapes.features(track, track.features.as_ref()?))
        };
        let list: Vec<Option<Value>> = ids(query, MOST_TRACKS)?.into_iter().map(features).collect();
        Ok(json!({ "audio_features": list }))
    }

    fn audio_feature(&self, id: &str) -> Result<Value, Reply> {
        if !is_id(id) {
            return Err(api_error(400, "Invalid base62 id"));
        }
        let track = self.options.catalogue.track(id);
        let features = track.and_then(|t| Some(self.shapes().features(t, t.features.as_ref()?)));
        features.ok_or_else(|| api_error(404, "analysis not found"))
    }
}

/// Offset and limit of a query, within the bounds.
fn place(query: &Pairs) -> Result<Place, Reply> {
    let number = |name: &str, usual: usize| match query.get(name) {
        None => Some(usual),
        Some(text) => text.parse().ok(),
    };
    let limit = number("limit", USUAL_PAGE).filter(|n| (1..=LONGEST_PAGE).contains(n));
    let limit = limit.ok_or_else(|| api_error(400, "Invalid limit"))?;
    let offset = number("offset", 0).filter(|n| *n <= 1_000_000);
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
