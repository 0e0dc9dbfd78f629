//! The music project's files: Spotify to a lake, to similar artists, to a relational database.
//!
//! They are real files below `crates/segue-demo/project`, part of the program. They name their server by
//! `SPOTIFY_API_URL` and `SPOTIFY_TOKEN_URL`, so the same project runs against any.

use crate::catalogue::Catalogue;

macro_rules! embedded {
    ($($path:literal),* $(,)?) => { &[$(($path, include_str!(concat!("../project/", $path)))),*] };
}

/// The file of names, which a demo with another catalogue replaces by [`names_csv`].
pub const NAMES_FILE: &str = "data/artists.csv";

/// Every file: its path in the project's folder, with `/` between the parts, and its text.
pub fn files() -> &'static [(&'static str, &'static str)] {
    embedded![
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

/// The text of [`NAMES_FILE`] for another catalogue: every name, in its order.
pub fn names_csv(catalogue: &Catalogue) -> String {
    let mut text = String::from("name\n");
    for artist in catalogue.artists() {
        match artist.name.contains([',', '"', '\n', '\r']) {
            true => text.push_str(&format!("\"{}\"\n", artist.name.replace('"', "\"\""))),
            false => text.push_str(&format!("{}\n", artist.name)),
        }
    }
    text
}

#[cfg(test)]
mod tests;
