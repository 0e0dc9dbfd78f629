//! The files of the example projects: real files below `crates/segue-demo/projects`, part of the program.
//!
//! Two of them go from names to similar artists in a database, and name their servers by variables (`SPOTIFY_API_URL` and so on), so that the
//! same project runs against any: [`files`] is `spotify`, on Spotify alone; [`music_files`] is `music`, on open sources. [`shop_files`] is
//! `shop`, the products of an online shop, which needs no server.

use crate::catalogue::Catalogue;

macro_rules! embedded {
    ($project:literal: $($path:literal),* $(,)?) => {
        &[$(($path, include_str!(concat!("../projects/", $project, "/", $path)))),*]
    };
}

/// The file of names of `spotify`, which a demo with another catalogue replaces by [`names_csv`].
pub const NAMES_FILE: &str = "data/artists.csv";

/// The file of names of `music`, which a demo with another catalogue replaces by [`names_csv`].
pub const MUSIC_NAMES_FILE: &str = "data/names.csv";

/// Every file of `spotify`: its path in the project's folder, with `/` between the parts, and its text.
pub fn files() -> &'static [(&'static str, &'static str)] {
    embedded![
        "spotify":
        "segue.yaml",
        "README.md",
        ".gitignore",
        "connections/spotify.yaml",
        "connections/results.yaml",
        "data/artists.csv",
        "assets/raw/artist_names.yaml",
        "assets/raw/artists.yaml",
        "assets/raw/artist_genres.yaml",
        "assets/raw/top_tracks.yaml",
        "assets/raw/audio_features.yaml",
        "assets/music/artist_profiles.sql",
        "assets/music/related_artists.sql",
        "assets/serving/related_artists.yaml",
        "assets/serving/artists.yaml",
    ]
}

/// Every file of `music`: its path in the project's folder, with `/` between the parts, and its text.
pub fn music_files() -> &'static [(&'static str, &'static str)] {
    embedded![
        "music":
        "segue.yaml",
        "README.md",
        ".gitignore",
        "connections/spotify.yaml",
        "connections/musicbrainz.yaml",
        "connections/deezer.yaml",
        "connections/reccobeats.yaml",
        "connections/listenbrainz.yaml",
        "connections/listenbrainz_labs.yaml",
        "connections/results.yaml",
        "data/names.csv",
        "assets/raw/artist_names.yaml",
        "assets/raw/spotify_candidates.yaml",
        "assets/raw/musicbrainz_candidates.yaml",
        "assets/raw/musicbrainz_pages.yaml",
        "assets/raw/musicbrainz_artists.yaml",
        "assets/raw/deezer_candidates.yaml",
        "assets/raw/deezer_artists.yaml",
        "assets/raw/deezer_top_tracks.yaml",
        "assets/raw/deezer_tracks.yaml",
        "assets/raw/spotify_tracks.yaml",
        "assets/raw/spotify_open.yaml",
        "assets/raw/spotify_top_tracks.yaml",
        "assets/raw/reccobeats_features.yaml",
        "assets/raw/listenbrainz_listeners.yaml",
        "assets/raw/listenbrainz_similar.yaml",
        "assets/music/names.sql",
        "assets/music/spotify_matches.sql",
        "assets/music/musicbrainz_matches.sql",
        "assets/music/name_candidates.sql",
        "assets/music/identities.sql",
        "assets/music/deezer_ids.sql",
        "assets/music/meanings.sql",
        "assets/music/resolved_names.sql",
        "assets/music/ambiguous_names.sql",
        "assets/music/unresolved_names.sql",
        "assets/music/artists.sql",
        "assets/music/artist_genres.sql",
        "assets/music/top_tracks.sql",
        "assets/music/track_features.sql",
        "assets/music/artist_profiles.sql",
        "assets/music/neighbours.sql",
        "assets/music/related_artists.sql",
        "assets/serving/artists.yaml",
        "assets/serving/artist_genres.yaml",
        "assets/serving/top_tracks.yaml",
        "assets/serving/related_artists.yaml",
        "chats/music.yaml",
    ]
}

/// Every file of `shop`: its path in the project's folder, with `/` between the parts, and its text.
pub fn shop_files() -> &'static [(&'static str, &'static str)] {
    embedded![
        "shop":
        "segue.yaml",
        "README.md",
        ".gitignore",
        "data/products.csv",
        "data/reviews.csv",
        "assets/raw/products.yaml",
        "assets/raw/reviews.yaml",
        "assets/shop/products.sql",
        "assets/shop/similar_products.sql",
        "chats/shop.yaml",
    ]
}

/// The text of a file of names for another catalogue: every name, in its order. Homonyms are there once.
pub fn names_csv(catalogue: &Catalogue) -> String {
    let mut text = String::from("name\n");
    let mut written = std::collections::HashSet::new();
    for artist in catalogue.artists().iter().filter(|a| written.insert(a.name.as_str())) {
        match artist.name.contains([',', '"', '\n', '\r']) {
            true => text.push_str(&format!("\"{}\"\n", artist.name.replace('"', "\"\""))),
            false => text.push_str(&format!("{}\n", artist.name)),
        }
    }
    text
}

#[cfg(test)]
mod tests;
