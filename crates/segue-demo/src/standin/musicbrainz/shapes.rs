//! The JSON of MusicBrainz, and as much XML as shows whom it found.

use crate::catalogue::{Alias, Artist, ArtistKind, Catalogue, Codes, Track, mbid_of};
use crate::numbers::hash64;
use serde_json::{Map, Value, json};

/// The service's own ids of what everything is a kind of.
const GROUP: &str = "e431f5f6-b5d2-343d-8b36-72607fffb74b";
const PERSON: &str = "b6e035f4-3ce9-331c-97df-83397230b0df";
const COUNTRY: &str = "06dd0ae4-8c74-30bb-b43d-95dcedf961de";
const ARTIST_NAME: &str = "894afba6-2816-3c24-8072-eadb66bd04bc";
const FREE_STREAMING: &str = "769085a1-c2f7-4c24-a532-2375a77693bd";
const MEMBER_OF_BAND: &str = "5be4c609-9afa-4ea0-910b-12ffb71e3821";

/// The pages of artists that it links to.
const SPOTIFY: &str = "https://open.spotify.com/artist/";
const DEEZER: &str = "https://www.deezer.com/artist/";

/// What is to come along.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Include {
    aliases: bool,
    genres: bool,
    tags: bool,
    url_rels: bool,
    artist_rels: bool,
    artist_credits: bool,
}

impl Include {
    pub(super) fn of(words: &[&str]) -> Include {
        let has = |word: &str| words.contains(&word);
        Include {
            aliases: has("aliases"),
            genres: has("genres"),
            tags: has("tags"),
            url_rels: has("url-rels"),
            artist_rels: has("artist-rels"),
            artist_credits: has("artist-credits"),
        }
    }
}

/// The name that MusicBrainz gives: in its own script, where people write it so.
fn name(artist: &Artist) -> &str {
    artist.known.native.as_deref().unwrap_or(&artist.name)
}

/// The name by which lists are sorted, in Latin letters: `Beatles, The`; `Yonezu, Kenshi`.
pub(super) fn sort_name(artist: &Artist) -> String {
    let name = artist.name.as_str();
    if let Some(rest) = name
        .strip_prefix("The ")
        .filter(|_| artist.known.kind == Some(ArtistKind::Group))
    {
        return format!("{rest}, The");
    }
    let words: Vec<&str> = name.split(' ').collect();
    // Korean names begin with the surname; what is not a name in Hangul is a stage name.
    let is_korean = artist.known.country.as_deref() == Some("KR");
    match (artist.known.kind, words.as_slice()) {
        (Some(ArtistKind::Person), [family, given @ ..]) if is_korean => {
            match artist.known.native.is_some() && !given.is_empty() {
                true => format!("{family}, {}", given.join(" ")),
                false => name.to_string(),
            }
        }
        (Some(ArtistKind::Person), [given @ .., family]) if !given.is_empty() && !name.contains(['.', '"']) => {
            format!("{family}, {}", given.join(" "))
        }
        _ => name.to_string(),
    }
}

pub(super) fn kind_name(kind: ArtistKind) -> &'static str {
    match kind {
        ArtistKind::Person => "Person",
        ArtistKind::Group => "Group",
    }
}

fn kind_id(kind: ArtistKind) -> &'static str {
    match kind {
        ArtistKind::Person => PERSON,
        ArtistKind::Group => GROUP,
    }
}

/// Objects of a catalogue.
pub(super) struct Shapes<'a> {
    pub(super) catalogue: &'a Catalogue,
}

impl<'a> Shapes<'a> {
    /// An artist in a list of search results: what is not known is left out.
    pub(super) fn found(&self, artist: &Artist, score: u64) -> Value {
        let known = &artist.known;
        let mut object = Map::new();
        let mut put = |name: &str, value: Value| object.insert(name.to_string(), value);
        put("id", json!(mbid_of("artist", &artist.id)));
        if let Some(kind) = known.kind {
            put("type", json!(kind_name(kind)));
            put("type-id", json!(kind_id(kind)));
        }
        put("score", json!(score));
        put("name", json!(name(artist)));
        put("sort-name", json!(sort_name(artist)));
        if let Some(country) = &known.country {
            put("country", json!(country));
            put("area", self.area(country, json!({ "ended": null })));
        }
        if !known.note.is_empty() {
            put("disambiguation", json!(known.note));
        }
        put("life-span", json!({ "ended": null }));
        let aliases: Vec<Value> = aliases(artist)
            .iter()
            .map(|(alias, primary)| {
                json!({
                    "sort-name": alias.name,
                    "type-id": ARTIST_NAME,
                    "name": alias.name,
                    "locale": alias.locale,
                    "type": "Artist name",
                    "primary": primary.then_some(true),
                    "begin-date": null,
                    "end-date": null,
                })
            })
            .collect();
        if !aliases.is_empty() {
            put("aliases", json!(aliases));
        }
        let tags: Vec<Value> = tags(artist)
            .into_iter()
            .map(|(tag, count)| json!({ "count": count, "name": tag }))
            .collect();
        if !tags.is_empty() {
            put("tags", json!(tags));
        }
        Value::Object(object)
    }

    /// An artist by itself: what is not known is null.
    pub(super) fn artist(&self, artist: &Artist, include: &Include) -> Value {
        let known = &artist.known;
        let mut object = json!({
            "id": mbid_of("artist", &artist.id),
            "type": known.kind.map(kind_name),
            "type-id": known.kind.map(kind_id),
            "name": name(artist),
            "sort-name": sort_name(artist),
            "disambiguation": known.note,
            "country": known.country,
            "area": known.country.as_ref().map(|country| self.area(country, Value::Null)),
            "begin-area": null,
            "end-area": null,
            "gender": null,
            "gender-id": null,
            "ipis": [],
            "isnis": [],
            "life-span": { "begin": null, "end": null, "ended": false },
        });
        if include.aliases {
            object["aliases"] = aliases(artist)
                .iter()
                .map(|(alias, primary)| {
                    json!({
                        "name": alias.name,
                        "sort-name": alias.name,
                        "locale": alias.locale,
                        "primary": primary.then_some(true),
                        "type": "Artist name",
                        "type-id": ARTIST_NAME,
                        "begin": null,
                        "end": null,
                        "ended": false,
                    })
                })
                .collect();
        }
        if include.genres {
            object["genres"] = genres(artist)
                .into_iter()
                .map(|(genre, count)| {
                    json!({ "id": mbid_of("genre", genre), "name": genre, "count": count, "disambiguation": "" })
                })
                .collect();
        }
        if include.tags {
            object["tags"] = tags(artist)
                .into_iter()
                .map(|(tag, count)| json!({ "name": tag, "count": count }))
                .collect();
        }
        if include.url_rels || include.artist_rels {
            let mut relations = Vec::new();
            if include.artist_rels {
                relations.extend(self.members(artist));
            }
            if include.url_rels {
                relations.extend(pages(artist).into_iter().map(|page| {
                    let url = json!({ "id": mbid_of("url", &page), "resource": page });
                    relation("free streaming", FREE_STREAMING, "forward", "url", url)
                }));
            }
            object["relations"] = json!(relations);
        }
        object
    }

    /// A page with whose it is.
    pub(super) fn url(&self, resource: &str, artist: &Artist, include: &Include) -> Value {
        let mut object = json!({ "id": mbid_of("url", resource), "resource": resource });
        if include.artist_rels {
            let relation = relation(
                "free streaming",
                FREE_STREAMING,
                "backward",
                "artist",
                self.in_short(artist),
            );
            object["relations"] = json!([relation]);
        }
        object
    }

    /// Whose page this is; nobody's, if no link leads there.
    pub(super) fn artist_of_url(&self, resource: &str) -> Option<&'a Artist> {
        let artist = match (resource.strip_prefix(SPOTIFY), resource.strip_prefix(DEEZER)) {
            (Some(id), _) => self.catalogue.artist(id),
            (_, Some(number)) => {
                let place = self.catalogue.codes().artist_of_number(number.parse().ok()?);
                place.map(|p| self.catalogue.artist_at(p))
            }
            _ => None,
        };
        artist.filter(|a| pages(a).iter().any(|page| page == resource))
    }

    /// The recordings of a code.
    pub(super) fn isrc(&self, isrc: &str, track: &Track, include: &Include) -> Value {
        let mut recording = json!({
            "id": mbid_of("recording", &track.id),
            "title": track.name,
            "length": track.duration_ms,
            "disambiguation": "",
            "video": false,
        });
        if include.artist_credits {
            let last = track.artists.len() - 1;
            recording["artist-credit"] = track
                .artists
                .iter()
                .enumerate()
                .map(|(i, place)| {
                    let artist = self.catalogue.artist_at(*place);
                    let joinphrase = if i < last { " feat. " } else { "" };
                    json!({ "name": name(artist), "joinphrase": joinphrase, "artist": self.in_short(artist) })
                })
                .collect();
        }
        json!({ "isrc": isrc, "recordings": [recording] })
    }

    /// An artist inside another object.
    fn in_short(&self, artist: &Artist) -> Value {
        json!({
            "id": mbid_of("artist", &artist.id),
            "name": name(artist),
            "sort-name": sort_name(artist),
            "disambiguation": artist.known.note,
            "type": artist.known.kind.map(kind_name),
            "type-id": artist.known.kind.map(kind_id),
            "country": artist.known.country,
        })
    }

    /// The groups that somebody is in, and a group's members.
    fn members(&self, artist: &Artist) -> Vec<Value> {
        let groups = artist
            .known
            .member_of
            .iter()
            .filter_map(|group| self.catalogue.named(group).first().copied());
        let forward = groups.map(|group| ("forward", group));
        let all = self.catalogue.artists().iter();
        let backward = all
            .filter(|other| other.known.member_of.contains(&artist.name))
            .map(|member| ("backward", member));
        forward
            .chain(backward)
            .map(|(direction, other)| {
                relation(
                    "member of band",
                    MEMBER_OF_BAND,
                    direction,
                    "artist",
                    self.in_short(other),
                )
            })
            .collect()
    }

    fn area(&self, country: &str, life_span: Value) -> Value {
        let name = country_name(country);
        let mut area = json!({ "id": mbid_of("area", country), "name": name, "sort-name": name });
        match life_span {
            // By itself, and in search results: the two are not quite alike.
            Value::Null => {
                area["iso-3166-1-codes"] = json!([country]);
                area["disambiguation"] = json!("");
                area["type"] = Value::Null;
                area["type-id"] = Value::Null;
            }
            life_span => {
                area["type"] = json!("Country");
                area["type-id"] = json!(COUNTRY);
                area["life-span"] = life_span;
            }
        }
        area
    }
}

fn relation(kind: &str, id: &str, direction: &str, target: &str, to: Value) -> Value {
    let mut relation = json!({
        "type": kind,
        "type-id": id,
        "direction": direction,
        "target-type": target,
        "source-credit": "",
        "target-credit": "",
        "attributes": [],
        "attribute-ids": {},
        "attribute-values": {},
        "begin": null,
        "end": null,
        "ended": false,
    });
    relation[target] = to;
    relation
}

/// The aliases, each with whether it is the first of its language. Where the name is in its own script, the usual one is English.
fn aliases(artist: &Artist) -> Vec<(Alias, bool)> {
    let usual = artist.known.native.as_ref().map(|_| Alias {
        locale: Some("en".into()),
        name: artist.name.clone(),
    });
    let mut aliases: Vec<(Alias, bool)> = Vec::new();
    for alias in usual.into_iter().chain(artist.known.aliases.iter().cloned()) {
        let is_first = alias.locale.is_some() && aliases.iter().all(|(other, _)| other.locale != alias.locale);
        aliases.push((alias, is_first));
    }
    aliases
}

/// The genres with their votes, most votes first. Nobody has voted for some of the less popular.
fn genres(artist: &Artist) -> Vec<(&str, u64)> {
    if artist.popularity < 50 && hash64(&format!("votes:{}", artist.id)).is_multiple_of(6) {
        return Vec::new();
    }
    let votes = |genre: &str| 1 + hash64(&format!("votes:{}:{genre}", artist.id)) % 14;
    let mut genres: Vec<(&str, u64)> = artist.genres.iter().map(|g| (g.as_str(), votes(g))).collect();
    genres.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    genres
}

/// Tags are the genres and whatever else people say.
fn tags(artist: &Artist) -> Vec<(&str, u64)> {
    let mut tags = genres(artist);
    if !tags.is_empty() {
        let where_from = match artist.known.country.as_deref() {
            Some("KR") => Some("korean"),
            Some("JP") => Some("japanese"),
            Some("GB") => Some("british"),
            Some("US") => Some("american"),
            _ => None,
        };
        tags.extend(where_from.map(|tag| (tag, 1)));
    }
    tags
}

/// The pages that links lead to: on Deezer, and on Spotify, where not everybody has one.
fn pages(artist: &Artist) -> Vec<String> {
    let mut pages = vec![format!("{DEEZER}{}", Codes::number("artist", &artist.id))];
    if !hash64(&format!("page:{}", artist.id)).is_multiple_of(17) {
        pages.push(format!("{SPOTIFY}{}", artist.id));
    }
    pages
}

fn country_name(code: &str) -> &str {
    const NAMES: [(&str, &str); 24] = [
        ("AR", "Argentina"),
        ("AU", "Australia"),
        ("BE", "Belgium"),
        ("BR", "Brazil"),
        ("CA", "Canada"),
        ("CN", "China"),
        ("DE", "Germany"),
        ("ES", "Spain"),
        ("FR", "France"),
        ("GB", "United Kingdom"),
        ("GR", "Greece"),
        ("HK", "Hong Kong"),
        ("IE", "Ireland"),
        ("IN", "India"),
        ("IT", "Italy"),
        ("JP", "Japan"),
        ("KR", "South Korea"),
        ("MX", "Mexico"),
        ("NO", "Norway"),
        ("RU", "Russia"),
        ("SE", "Sweden"),
        ("TW", "Taiwan"),
        ("UA", "Ukraine"),
        ("US", "United States"),
    ];
    NAMES.iter().find(|(c, _)| *c == code).map_or(code, |(_, name)| name)
}

/// An answer as XML, for whoever forgot to ask for JSON: ids and names, no more.
pub(super) fn xml(value: &Value) -> String {
    let text = |value: &Value, name: &str| escaped(value[name].as_str().unwrap_or_default());
    let artist = |artist: &Value| {
        let score = artist["score"]
            .as_u64()
            .map(|s| format!(" ns2:score=\"{s}\""))
            .unwrap_or_default();
        format!(
            "<artist id=\"{}\"{score}><name>{}</name><sort-name>{}</sort-name></artist>",
            text(artist, "id"),
            text(artist, "name"),
            text(artist, "sort-name")
        )
    };
    let inner = match (
        value["artists"].as_array(),
        value["recordings"].as_array(),
        value["resource"].as_str(),
    ) {
        (Some(artists), _, _) => format!(
            "<artist-list count=\"{}\" offset=\"{}\">{}</artist-list>",
            value["count"],
            value["offset"],
            artists.iter().map(artist).collect::<String>()
        ),
        (_, Some(recordings), _) => {
            let recording = |r: &Value| {
                format!(
                    "<recording id=\"{}\"><title>{}</title></recording>",
                    text(r, "id"),
                    text(r, "title")
                )
            };
            let list: String = recordings.iter().map(recording).collect();
            format!(
                "<isrc id=\"{}\"><recording-list count=\"1\">{list}</recording-list></isrc>",
                text(value, "isrc")
            )
        }
        (_, _, Some(resource)) => {
            format!(
                "<url id=\"{}\"><resource>{}</resource></url>",
                text(value, "id"),
                escaped(resource)
            )
        }
        _ => artist(value),
    };
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><metadata xmlns=\"http://musicbrainz.org/ns/mmd-2.0#\" \
         xmlns:ns2=\"http://musicbrainz.org/ns/ext#-2.0\">{inner}</metadata>"
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
