//! Tracks, features and look-alikes, drawn from a seed.
//!
//! On purpose the data has the corners of the real one: artists with fewer than ten tracks, one with none, one whose
//! tracks have no features, single tracks without, tracks of two artists, and names that are nearly others.

use super::read::{Genres, Listed, Usual};
use super::{Artist, Features, Known, Track, id_of, titles};
use crate::numbers::{Dice, hash64};
use std::collections::HashSet;

/// A catalogue of fewer artists than this has no artist without tracks or features: it is too small to lose one.
const ENOUGH: usize = 50;

/// The listed artists with their tracks, then the look-alikes; and every track.
pub(super) fn all(listed: Vec<Listed>, genres: &Genres, seed: u64) -> (Vec<Artist>, Vec<Track>) {
    let (no_tracks, no_features) = bare(&listed);
    let (mut artists, mut tracks) = (Vec::new(), Vec::new());
    for (place, artist) in listed.into_iter().enumerate() {
        let mut own = match no_tracks == Some(place) {
            true => Vec::new(),
            false => top_tracks(&artist, place, genres, seed),
        };
        if no_features == Some(place) {
            own.iter_mut().for_each(|t| t.features = None);
        }
        let first = tracks.len();
        artists.push(Artist {
            id: artist.id,
            name: artist.name,
            genres: artist.genres,
            popularity: artist.popularity,
            followers: artist.followers,
            tracks: (first..first + own.len()).collect(),
            known: Known::default(),
        });
        tracks.extend(own);
    }
    collaborate(&mut artists, &mut tracks, no_features, seed);
    let look_alikes = look_alikes(&artists);
    artists.extend(look_alikes);
    (artists, tracks)
}

/// Two lists as one: the listed of both, of which the first has so many and the second so many, then the look-alikes of both.
pub(super) fn join(
    (mut artists, mut tracks): (Vec<Artist>, Vec<Track>),
    listed: usize,
    (mut more, mut more_tracks): (Vec<Artist>, Vec<Track>),
    more_listed: usize,
) -> (Vec<Artist>, Vec<Track>) {
    let before = tracks.len();
    more.iter_mut().flat_map(|a| &mut a.tracks).for_each(|t| *t += before);
    more_tracks
        .iter_mut()
        .flat_map(|t| &mut t.artists)
        .for_each(|a| *a += listed);
    tracks.extend(more_tracks);
    let mut look_alikes = artists.split_off(listed);
    look_alikes.extend(more.split_off(more_listed));
    artists.extend(more);
    let mut taken: HashSet<String> = artists.iter().map(|a| a.id.clone()).collect();
    // A homonym may look like whom another already looks like.
    look_alikes.retain(|a| taken.insert(a.id.clone()));
    artists.extend(look_alikes);
    (artists, tracks)
}

/// The artist without tracks, and the one whose tracks have no features: of the least popular quarter, by their
/// hashes, so that no one misses a favourite.
fn bare(listed: &[Listed]) -> (Option<usize>, Option<usize>) {
    if listed.len() < ENOUGH {
        return (None, None);
    }
    let mut places: Vec<usize> = (0..listed.len()).collect();
    places.sort_by_key(|i| (listed[*i].popularity, &listed[*i].name));
    places.truncate(listed.len() / 4);
    places.sort_by_key(|i| hash64(&format!("bare:{}", listed[*i].name)));
    (places.first().copied(), places.get(1).copied())
}

fn top_tracks(artist: &Listed, place: usize, genres: &Genres, seed: u64) -> Vec<Track> {
    let mut dice = Dice::new(seed, &format!("tracks:{}", artist.key));
    let count = match dice.below(12) {
        0 => 5 + dice.below(5),
        _ => 10,
    };
    let usual = personal(&blend(&artist.genres, genres), &mut dice);
    let albums: Vec<String> = (0..4).map(|_| titles::album(&mut dice)).collect();
    let mut popularity = artist.popularity.saturating_sub(dice.below(4) as u8);
    let mut tracks: Vec<Track> = Vec::new();
    for i in 0..count {
        let mut name = titles::track(&mut dice);
        while tracks.iter().any(|t| t.name == name) {
            name = titles::track(&mut dice);
        }
        tracks.push(Track {
            id: id_of("track", &format!("{}/{i}", artist.id)),
            name,
            artists: vec![place],
            popularity,
            duration_ms: (215_000.0 + 42_000.0 * dice.normal()).clamp(61_000.0, 900_000.0) as u32,
            explicit: usual[3].0 > 0.15 && dice.below(2) == 0,
            album: albums[dice.below(albums.len())].clone(),
            track_number: 1 + dice.below(14) as u32,
            features: (dice.below(40) != 0).then(|| features(&usual, &mut dice)),
        });
        popularity = popularity.saturating_sub(dice.below(4) as u8);
    }
    tracks
}

/// The mean of what is usual in these genres.
fn blend(names: &[String], genres: &Genres) -> Usual {
    let mut sum = Usual::default();
    let known: Vec<&Usual> = names.iter().filter_map(|n| genres.get(n)).collect();
    for usual in &known {
        for (to, from) in sum.iter_mut().zip(usual.iter()) {
            *to = (to.0 + from.0 / known.len() as f64, to.1 + from.1 / known.len() as f64);
        }
    }
    sum
}

/// What is usual for one artist: a little off the genre, with the rest of the spread for the tracks.
fn personal(usual: &Usual, dice: &mut Dice) -> Usual {
    usual.map(|(value, spread)| (value + 0.6 * spread * dice.normal(), 0.8 * spread))
}

fn features(usual: &Usual, dice: &mut Dice) -> Features {
    let mut value = |i: usize, least: f64, most: f64, places: i32| {
        let drawn = usual[i].0 + usual[i].1 * dice.normal();
        // What falls past a bound comes back from it; at the bound itself everyone would be alike.
        let inside = if drawn < least {
            2.0 * least - drawn
        } else {
            drawn.min(2.0 * most - drawn)
        };
        let scale = 10f64.powi(places);
        (inside.clamp(least, most) * scale).round() / scale
    };
    Features {
        danceability: value(0, 0.05, 0.985, 3),
        energy: value(1, 0.005, 0.999, 3),
        loudness: value(2, -45.0, -0.5, 3),
        speechiness: value(3, 0.022, 0.96, 4),
        acousticness: value(4, 0.000_01, 0.996, 5),
        instrumentalness: value(5, 0.0, 0.985, 5),
        liveness: value(6, 0.015, 0.99, 4),
        valence: value(7, 0.02, 0.985, 3),
        tempo: value(8, 45.0, 215.0, 3),
        key: (usual[9].0 + usual[9].1 * dice.normal()).round().rem_euclid(12.0) as u8,
        mode: u8::from(dice.unit() < usual[10].0),
        time_signature: [4, 4, 4, 4, 4, 4, 4, 3, 4, 5][dice.below(10)],
    }
}

/// Puts one track of one artist into the list of another, as a collaboration of both, a few times.
fn collaborate(artists: &mut [Artist], tracks: &mut Vec<Track>, no_features: Option<usize>, seed: u64) {
    let mut dice = Dice::new(seed, "collaborations");
    let mut free: Vec<usize> = (0..artists.len())
        .filter(|i| artists[*i].tracks.len() >= 5 && no_features != Some(*i))
        .collect();
    for _ in 0..artists.len() / 20 {
        if free.len() < 2 {
            return;
        }
        let host = free.swap_remove(dice.below(free.len()));
        let guest = free.swap_remove(dice.below(free.len()));
        let shared = artists[host].tracks[dice.below(3)];
        let track = &mut tracks[shared];
        track.name = format!("{} (feat. {})", track.name, artists[guest].name);
        track.artists.push(guest);
        let popularity = track.popularity;
        // It takes the place of the guest's least popular track when the list is full; that track stays on its album only.
        let list = &mut artists[guest].tracks;
        list.truncate(9);
        let place = list
            .iter()
            .position(|t| tracks[*t].popularity < popularity)
            .unwrap_or(list.len());
        list.insert(place, shared);
    }
    drop_unlisted(artists, tracks);
}

/// Takes out the tracks that no list names any more.
fn drop_unlisted(artists: &mut [Artist], tracks: &mut Vec<Track>) {
    let mut places = vec![usize::MAX; tracks.len()];
    for place in artists.iter().flat_map(|a| &a.tracks) {
        places[*place] = 0;
    }
    for (next, place) in places.iter_mut().filter(|p| **p == 0).enumerate() {
        *place = next;
    }
    let mut old = 0;
    tracks.retain(|_| {
        old += 1;
        places[old - 1] != usize::MAX
    });
    for place in artists.iter_mut().flat_map(|a| &mut a.tracks) {
        *place = places[*place];
    }
}

/// Names that are nearly, or exactly, another's: only a search finds them; they have no genres and no tracks.
fn look_alikes(artists: &[Artist]) -> Vec<Artist> {
    let mut names = Vec::new();
    for artist in artists {
        let (name, hash) = (&artist.name, hash64(&format!("like:{}", artist.name)));
        match hash % 15 {
            0 | 1 => names.push((format!("{name} Tribute Band"), 12)),
            2 => names.push((format!("Young {name}"), 21)),
            3 | 4 => names.push((format!("The {name} Experience"), 100)), // found before the real one
            5 => names.push((name.to_string(), 0)),                       // found behind the real one
            6 => names.push((name.to_uppercase(), 0)),
            _ => {}
        }
    }
    let taken: HashSet<&str> = artists.iter().map(|a| a.id.as_str()).collect();
    names
        .into_iter()
        .map(|(name, popularity)| Artist {
            id: id_of("look-alike", &name),
            followers: u64::from(popularity) * 37,
            popularity,
            name,
            genres: Vec::new(),
            tracks: Vec::new(),
            known: Known::default(),
        })
        .filter(|look_alike| !taken.contains(look_alike.id.as_str()))
        .collect()
}
