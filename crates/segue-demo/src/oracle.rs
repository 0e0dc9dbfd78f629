//! The similar artists worked out once more, in plain Rust and the simplest way, for tests to compare the SQL with.
//!
//! Six features; the mean over an artist's ten most popular tracks that have features (ties by id); min and max over
//! those tracks, a feature whose max is its min counts 0; Euclidean; never itself; ten nearest, ties by id.

use crate::catalogue::{Catalogue, Features, Track};
use std::cmp::Reverse;

/// How many tracks an artist's profile is made of, and how many similar artists are kept.
pub const TEN: usize = 10;

/// The six features of a profile, in the order of its vector.
pub const FEATURES: [&str; 6] = [
    "danceability",
    "energy",
    "loudness",
    "speechiness",
    "acousticness",
    "instrumentalness",
];

/// An artist's place among the others.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    /// The artist.
    pub artist_id: String,
    /// How many tracks it is made of, 1 to 10.
    pub tracks: usize,
    /// The six features, each from 0 (the least of all tracks) to 1 (the most).
    pub features: [f64; 6],
}

/// The profiles of all artists that have a track with features, in order of their ids.
pub fn profiles(catalogue: &Catalogue) -> Vec<Profile> {
    let chosen: Vec<(String, Vec<[f64; 6]>)> = catalogue
        .artists()
        .iter()
        .map(|artist| {
            (
                artist.id.clone(),
                chosen(artist.tracks.iter().map(|t| &catalogue.tracks()[*t])),
            )
        })
        .filter(|(_, tracks)| !tracks.is_empty())
        .collect();
    let (mut least, mut most) = ([f64::INFINITY; 6], [f64::NEG_INFINITY; 6]);
    for track in chosen.iter().flat_map(|(_, tracks)| tracks) {
        for i in 0..6 {
            least[i] = least[i].min(track[i]);
            most[i] = most[i].max(track[i]);
        }
    }
    let mut profiles: Vec<Profile> = chosen
        .into_iter()
        .map(|(artist_id, tracks)| Profile {
            artist_id,
            tracks: tracks.len(),
            features: std::array::from_fn(|i| {
                let mean = tracks.iter().map(|t| t[i]).sum::<f64>() / tracks.len() as f64;
                if most[i] > least[i] {
                    (mean - least[i]) / (most[i] - least[i])
                } else {
                    0.0
                }
            }),
        })
        .collect();
    profiles.sort_by(|a, b| a.artist_id.cmp(&b.artist_id));
    profiles
}

/// The artists without any track that has features, in order of their ids: they have no profile and no neighbours.
pub fn left_out(catalogue: &Catalogue) -> Vec<String> {
    let in_profiles = profiles(catalogue);
    let missing = |id: &String| in_profiles.binary_search_by(|p| p.artist_id.cmp(id)).is_err();
    let mut left_out: Vec<String> = catalogue
        .artists()
        .iter()
        .map(|a| a.id.clone())
        .filter(missing)
        .collect();
    left_out.sort();
    left_out
}

/// `(artist_id, related_id, rank, distance)` of every artist with a profile: rank 1 is the nearest. In order of the
/// artist's id and the rank.
pub fn expected_related(catalogue: &Catalogue) -> Vec<(String, String, i32, f64)> {
    let profiles = profiles(catalogue);
    let mut related = Vec::new();
    for one in &profiles {
        let mut others: Vec<(f64, &str)> = profiles
            .iter()
            .filter(|other| other.artist_id != one.artist_id)
            .map(|other| (distance(&one.features, &other.features), other.artist_id.as_str()))
            .collect();
        others.sort_by(|a, b| a.0.total_cmp(&b.0).then_with(|| a.1.cmp(b.1)));
        for (rank, (distance, id)) in (1..).zip(others.into_iter().take(TEN)) {
            related.push((one.artist_id.clone(), id.to_string(), rank, distance));
        }
    }
    related
}

/// The features of the ten most popular tracks that have any.
fn chosen<'a>(tracks: impl Iterator<Item = &'a Track>) -> Vec<[f64; 6]> {
    let mut tracks: Vec<(&Track, &Features)> = tracks.filter_map(|t| Some((t, t.features.as_ref()?))).collect();
    tracks.sort_by_key(|(t, _)| (Reverse(t.popularity), t.id.as_str()));
    tracks.truncate(TEN);
    let six = |f: &Features| {
        [
            f.danceability,
            f.energy,
            f.loudness,
            f.speechiness,
            f.acousticness,
            f.instrumentalness,
        ]
    };
    tracks.into_iter().map(|(_, f)| six(f)).collect()
}

fn distance(a: &[f64; 6], b: &[f64; 6]) -> f64 {
    a.iter().zip(b).map(|(x, y)| (x - y) * (x - y)).sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests;
