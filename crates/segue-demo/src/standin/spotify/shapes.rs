//! The JSON that Spotify documents, with `"simulated": true` on what no one played.

use super::Mode;
use crate::catalogue::{Artist, Catalogue, Features, Track};
use crate::numbers::{hash64, id_of};
use crate::standin::reply::Reply;
use serde_json::{Value, json};

/// An error of the Web API.
pub(in crate::standin) fn api_error(status: u16, message: &str) -> Reply {
    Reply::json(status, &json!({ "error": { "status": status, "message": message } }))
}

/// An error of the token service.
pub(super) fn oauth_error(status: u16, error: &str, description: &str) -> Reply {
    Reply::json(status, &json!({ "error": error, "error_description": description }))
}

/// Objects with links that begin with `base`, `http://127.0.0.1:PORT`.
pub(super) struct Shapes<'a> {
    pub(super) catalogue: &'a Catalogue,
    pub(super) base: &'a str,
    pub(super) mode: Mode,
}

impl Shapes<'_> {
    pub(super) fn artist(&self, artist: &Artist) -> Value {
        let whole = json!({
            "external_urls": links("artist", &artist.id),
            "followers": { "href": null, "total": artist.followers },
            "genres": artist.genres,
            "href": self.href("artists", &artist.id),
            "id": artist.id,
            "images": images(&artist.id),
            "name": artist.name,
            "popularity": artist.popularity,
            "type": "artist",
            "uri": format!("spotify:artist:{}", artist.id),
        });
        let mut object = self.without(&["followers", "popularity"], whole);
        if self.mode == Mode::Development && hash64(&format!("genres:{}", artist.id)).is_multiple_of(2) {
            object["genres"] = json!([]);
        }
        object
    }

    /// The object, in development mode without these fields.
    fn without(&self, fields: &[&str], mut object: Value) -> Value {
        if let (Mode::Development, Some(object)) = (self.mode, object.as_object_mut()) {
            object.retain(|name, _| !fields.contains(&name.as_str()));
        }
        object
    }

    /// An artist inside another object.
    fn artist_in_short(&self, artist: &Artist) -> Value {
        json!({
            "external_urls": links("artist", &artist.id),
            "href": self.href("artists", &artist.id),
            "id": artist.id,
            "name": artist.name,
            "type": "artist",
            "uri": format!("spotify:artist:{}", artist.id),
        })
    }

    pub(super) fn track(&self, track: &Track) -> Value {
        let artists: Vec<&Artist> = track.artists.iter().map(|a| self.catalogue.artist_at(*a)).collect();
        let isrc = self.catalogue.isrc(track);
        let whole = json!({
            "album": self.album(artists[0], &track.album),
            "artists": artists.iter().map(|a| self.artist_in_short(a)).collect::<Vec<_>>(),
            "disc_number": 1,
            "duration_ms": track.duration_ms,
            "explicit": track.explicit,
            "external_ids": { "isrc": isrc },
            "external_urls": links("track", &track.id),
            "href": self.href("tracks", &track.id),
            "id": track.id,
            "is_local": false,
            "is_playable": true,
            "name": track.name,
            "popularity": track.popularity,
            "preview_url": null,
            "track_number": track.track_number,
            "type": "track",
            "uri": format!("spotify:track:{}", track.id),
            "simulated": true,
        });
        self.without(&["popularity"], whole)
    }

    pub(super) fn album(&self, artist: &Artist, title: &str) -> Value {
        let id = id_of("album", &format!("{}/{title}", artist.id));
        let day = hash64(&id);
        json!({
            "album_type": if day.is_multiple_of(3) { "single" } else { "album" },
            "artists": [self.artist_in_short(artist)],
            "external_urls": links("album", &id),
            "href": self.href("albums", &id),
            "id": id,
            "images": images(&id),
            "is_playable": true,
            "name": title,
            "release_date": format!("{}-{:02}-{:02}", 1990 + day % 35, 1 + day / 100 % 12, 1 + day / 10_000 % 28),
            "release_date_precision": "day",
            "total_tracks": 8 + day / 7 % 9,
            "type": "album",
            "uri": format!("spotify:album:{id}"),
            "simulated": true,
        })
    }

    pub(super) fn features(&self, track: &Track, features: &Features) -> Value {
        let id = &track.id;
        json!({
            "danceability": features.danceability,
            "energy": features.energy,
            "key": features.key,
            "loudness": features.loudness,
            "mode": features.mode,
            "speechiness": features.speechiness,
            "acousticness": features.acousticness,
            "instrumentalness": features.instrumentalness,
            "liveness": features.liveness,
            "valence": features.valence,
            "tempo": features.tempo,
            "type": "audio_features",
            "id": id,
            "uri": format!("spotify:track:{id}"),
            "track_href": self.href("tracks", id),
            "analysis_url": self.href("audio-analysis", id),
            "duration_ms": track.duration_ms,
            "time_signature": features.time_signature,
            "simulated": true,
        })
    }

    /// One page of a list, with links to its neighbours. `path` is without host, `query` without offset and limit.
    pub(super) fn page(&self, path: &str, query: &str, items: Vec<Value>, place: Place, total: usize) -> Value {
        let link = |offset: usize| format!("{}{path}?{query}offset={offset}&limit={}", self.base, place.limit);
        let next = place.offset + place.limit;
        json!({
            "href": link(place.offset),
            "items": items,
            "limit": place.limit,
            "next": (next < total).then(|| link(next)),
            "offset": place.offset,
            "previous": (place.offset > 0).then(|| link(place.offset.saturating_sub(place.limit))),
            "total": total,
        })
    }

    fn href(&self, kind: &str, id: &str) -> String {
        format!("{}/v1/{kind}/{id}", self.base)
    }
}

/// Which part of a list.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) offset: usize,
    pub(super) limit: usize,
}

/// Where people would look at it. The ids are not Spotify's, so the host is one that can never exist.
fn links(kind: &str, id: &str) -> Value {
    json!({ "spotify": format!("https://open.spotify.invalid/{kind}/{id}") })
}

/// Three sizes, or none, as some artists have.
fn images(id: &str) -> Value {
    if hash64(id).is_multiple_of(25) {
        return json!([]);
    }
    let image = |size: u32| json!({ "url": format!("https://i.scdn.invalid/image/{id}/{size}"), "height": size, "width": size });
    json!([image(640), image(320), image(160)])
}
