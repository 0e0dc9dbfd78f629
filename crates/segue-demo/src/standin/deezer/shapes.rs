//! The JSON of Deezer. Lengths are in seconds, popularity is a rank up to a million.

use crate::catalogue::{Artist, Catalogue, Codes, Track};
use crate::numbers::hash64;
use serde_json::{Map, Value, json};

/// Objects of a catalogue. Links lead to the service's addresses, as its own do; what follows them there finds nothing.
pub(super) struct Shapes<'a> {
    pub(super) catalogue: &'a Catalogue,
}

impl Shapes<'_> {
    /// An artist by itself or in a list of artists.
    pub(super) fn artist(&self, artist: &Artist) -> Value {
        let id = Codes::number("artist", &artist.id);
        let mut object = Map::new();
        object.insert("id".into(), json!(id));
        object.insert("name".into(), json!(artist.name));
        object.insert("link".into(), json!(format!("https://www.deezer.com/artist/{id}")));
        pictures(&mut object, "artist", "picture", id);
        object.insert("nb_album".into(), json!(self.catalogue.albums(artist).len()));
        object.insert("nb_fan".into(), json!(fans(artist)));
        object.insert("radio".into(), json!(!artist.tracks.is_empty()));
        object.insert(
            "tracklist".into(),
            json!(format!("https://api.deezer.com/artist/{id}/top?limit=50")),
        );
        object.insert("type".into(), json!("artist"));
        Value::Object(object)
    }

    /// A track in a list.
    pub(super) fn listed_track(&self, track: &Track) -> Value {
        let id = Codes::number("track", &track.id);
        let owner = self.catalogue.artist_at(track.artists[0]);
        let contributors: Vec<Value> = track
            .artists
            .iter()
            .map(|place| {
                let mut artist = self.artist_in_short(self.catalogue.artist_at(*place));
                artist["role"] = json!(if *place == track.artists[0] { "Main" } else { "Featured" });
                artist
            })
            .collect();
        json!({
            "id": id,
            "readable": true,
            "title": track.name,
            "title_short": track.name.split(" (feat.").next(),
            "title_version": "",
            "link": format!("https://www.deezer.com/track/{id}"),
            "duration": track.duration_ms / 1000,
            "rank": rank(track),
            "explicit_lyrics": track.explicit,
            "explicit_content_lyrics": u8::from(track.explicit),
            "explicit_content_cover": 0,
            "preview": "",
            "contributors": contributors,
            "md5_image": format!("{:032x}", u128::from(hash64(&track.id))),
            "artist": self.artist_in_short(owner),
            "album": self.album(owner, &track.album, false),
            "type": "track",
        })
    }

    /// A track by itself: with the ISRC, tempo, gain and its place on the album.
    pub(super) fn track(&self, track: &Track) -> Value {
        let mut object = self.listed_track(track);
        let features = track.features.as_ref();
        object["isrc"] = json!(self.catalogue.isrc(track));
        object["track_position"] = json!(track.track_number);
        object["disk_number"] = json!(1);
        // 0 where nobody has measured it.
        object["bpm"] = json!(features.map_or(0.0, |f| (f.tempo * 10.0).round() / 10.0));
        object["gain"] = json!(features.map_or(0.0, |f| ((-15.0 - f.loudness) * 10.0).round() / 10.0));
        object["available_countries"] = json!(["DE", "FR", "GB", "JP", "KR", "US"]);
        object
    }

    /// An album, in a list of an artist's albums or inside a track.
    pub(super) fn album(&self, artist: &Artist, title: &str, is_listed: bool) -> Value {
        let key = format!("{}/{title}", artist.id);
        let id = Codes::number("album", &key);
        let mut object = Map::new();
        object.insert("id".into(), json!(id));
        object.insert("title".into(), json!(title));
        if is_listed {
            let day = hash64(&key);
            object.insert("link".into(), json!(format!("https://www.deezer.com/album/{id}")));
            object.insert("fans".into(), json!(fans(artist) / 40));
            let date = format!(
                "{}-{:02}-{:02}",
                1990 + day % 35,
                1 + day / 100 % 12,
                1 + day / 10_000 % 28
            );
            object.insert("release_date".into(), json!(date));
            let kind = if day.is_multiple_of(3) { "single" } else { "album" };
            object.insert("record_type".into(), json!(kind));
            object.insert("explicit_lyrics".into(), json!(false));
        }
        pictures(&mut object, "album", "cover", id);
        object.insert(
            "tracklist".into(),
            json!(format!("https://api.deezer.com/album/{id}/tracks")),
        );
        object.insert("type".into(), json!("album"));
        Value::Object(object)
    }

    /// An artist inside another object.
    fn artist_in_short(&self, artist: &Artist) -> Value {
        let id = Codes::number("artist", &artist.id);
        json!({
            "id": id,
            "name": artist.name,
            "link": format!("https://www.deezer.com/artist/{id}"),
            "tracklist": format!("https://api.deezer.com/artist/{id}/top?limit=50"),
            "type": "artist",
        })
    }
}

/// A picture's address, and those of its four sizes.
fn pictures(object: &mut Map<String, Value>, kind: &str, name: &str, id: u64) {
    const SIZES: [(&str, u32); 4] = [("small", 56), ("medium", 250), ("big", 500), ("xl", 1000)];
    object.insert(name.into(), json!(format!("https://api.deezer.com/{kind}/{id}/image")));
    for (size, pixels) in SIZES {
        let address = format!("https://cdn-images.invalid/images/{name}/{id}/{pixels}x{pixels}-000000-80-0-0.jpg");
        object.insert(format!("{name}_{size}"), json!(address));
    }
}

/// Made up, like the followers elsewhere, and fewer.
fn fans(artist: &Artist) -> u64 {
    artist.followers / 5 + hash64(&format!("fans:{}", artist.id)) % 90
}

fn rank(track: &Track) -> u64 {
    u64::from(track.popularity) * 9_900 + hash64(&format!("rank:{}", track.id)) % 9_900
}
