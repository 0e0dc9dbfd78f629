//! Who there is: real, well-known artists with their real genres, and, simulated, their tracks and audio features.
//!
//! The names and genres of `catalogue/artists.csv` are real. The ids are made by code, popularity and followers are
//! rounded guesses, titles are generated, and features are drawn from a seed around the usual values of the artist's
//! genres (`catalogue/genres.csv`). Whatever is simulated says so where it is served.
//!
//! There are two of them. [`Catalogue::embedded`] is the demo's. [`Catalogue::full`] begins with the same artists, whose tracks
//! are the same, and goes on with those of `catalogue/more.csv`; it also has what is commonly known of each (`known.csv`): the
//! name in its own script, other names, country, person or group, what tells homonyms apart, and whose member someone is.

mod albums;
mod codes;
mod csv;
mod generate;
mod isrcs;
mod known;
mod read;
mod related;
mod search;
mod titles;
mod wide;

pub use crate::numbers::id_of;
pub(crate) use codes::{Codes, mbid_of};
pub use known::{Alias, ArtistKind, Known};
pub use read::{ARTISTS_FILE, GENRES_FILE};

use isrcs::Isrcs;
use read::Sheets;
use search::Index;
pub(crate) use search::plain as plain_letters;
use segue_diag::{Diagnostic, Error, Kind, Result, Text, render};
use std::collections::HashMap;
use std::path::Path;
use std::sync::OnceLock;
use titles::album as album_title;

/// The seed that features, titles and faults are drawn from unless told otherwise.
pub const SEED: u64 = 2026;

/// An artist.
#[derive(Clone, Debug, PartialEq)]
pub struct Artist {
    /// 22 letters and digits, made from a hash of the name.
    pub id: String,
    /// The name, as the artist writes it.
    pub name: String,
    /// Genres, lower case. Empty for look-alikes only.
    pub genres: Vec<String>,
    /// 0 to 100, a guess.
    pub popularity: u8,
    /// How many follow, a guess.
    pub followers: u64,
    /// The top tracks: places in [`Catalogue::tracks`], most popular first, at most ten.
    pub tracks: Vec<usize>,
    /// What else is known; nothing, outside of the full catalogue.
    pub known: Known,
}

impl Artist {
    /// The name, the name in its own script, and the aliases.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let aliases = self.known.aliases.iter().map(|alias| alias.name.as_str());
        [self.name.as_str()]
            .into_iter()
            .chain(self.known.native.as_deref())
            .chain(aliases)
    }
}

/// A track. Everything about it is simulated.
#[derive(Clone, Debug, PartialEq)]
pub struct Track {
    /// 22 letters and digits.
    pub id: String,
    /// The title.
    pub name: String,
    /// Who plays it: places in [`Catalogue::artists`], the owner first.
    pub artists: Vec<usize>,
    /// 0 to 100.
    pub popularity: u8,
    /// Length in milliseconds.
    pub duration_ms: u32,
    /// Whether it has explicit words.
    pub explicit: bool,
    /// The album that it is on.
    pub album: String,
    /// Its place on the album, from 1.
    pub track_number: u32,
    /// The audio features; a few tracks have none.
    pub features: Option<Features>,
}

/// The audio features of a track, with Spotify's names, units and bounds. Simulated.
#[derive(Clone, Debug, PartialEq)]
pub struct Features {
    /// 0 to 1.
    pub danceability: f64,
    /// 0 to 1.
    pub energy: f64,
    /// Decibels, -60 to 0.
    pub loudness: f64,
    /// 0 to 1.
    pub speechiness: f64,
    /// 0 to 1.
    pub acousticness: f64,
    /// 0 to 1.
    pub instrumentalness: f64,
    /// 0 to 1.
    pub liveness: f64,
    /// 0 to 1.
    pub valence: f64,
    /// Beats a minute.
    pub tempo: f64,
    /// Pitch class, 0 (C) to 11.
    pub key: u8,
    /// 1 major, 0 minor.
    pub mode: u8,
    /// Beats in a bar, 3 to 5.
    pub time_signature: u8,
}

/// Artists with their tracks, and what a search finds.
#[derive(Debug)]
pub struct Catalogue {
    artists: Vec<Artist>,
    tracks: Vec<Track>,
    listed: usize,
    artist_by_id: HashMap<String, usize>,
    track_by_id: HashMap<String, usize>,
    index: Index,
    /// These are made when somebody asks for them.
    codes: OnceLock<Codes>,
    isrcs: OnceLock<Isrcs>,
}

impl Catalogue {
    /// The demo's catalogue, which is part of the program.
    pub fn embedded() -> Catalogue {
        Catalogue::parse(
            include_str!("../catalogue/artists.csv"),
            include_str!("../catalogue/genres.csv"),
            SEED,
        )
        .expect("a test reads the embedded catalogue")
    }

    /// Everyone: the demo's artists and more than as many others, two hundred and more of them Korean, with names in many
    /// scripts, and homonyms.
    pub fn full() -> Catalogue {
        wide::read(
            [
                include_str!("../catalogue/artists.csv"),
                include_str!("../catalogue/genres.csv"),
                include_str!("../catalogue/known.csv"),
                include_str!("../catalogue/more.csv"),
            ],
            SEED,
        )
        .expect("a test reads the full catalogue")
    }

    /// The catalogue of a folder, which holds `artists.csv` and `genres.csv` as the embedded one does.
    ///
    /// Errors: a file that cannot be read (`NotFound`, `Denied`, `Unavailable`, `BadData`), or every mistake in both
    /// files at once, drawn with its place, its cause and its remedy (`Invalid`).
    pub fn load(folder: &Path) -> Result<Catalogue> {
        let artists = read::file(folder, ARTISTS_FILE)?;
        let genres = read::file(folder, GENRES_FILE)?;
        Catalogue::parse(&artists, &genres, SEED).map_err(|mistakes| {
            let sheets = Sheets {
                artists: &artists,
                genres: &genres,
            };
            wrong(folder, &mistakes, &sheets)
        })
    }

    /// The catalogue of these two texts, its features drawn from `seed`; or everything that is wrong with them.
    pub fn parse(artists: &str, genres: &str, seed: u64) -> Result<Catalogue, Vec<Diagnostic>> {
        let (artists, genres) = read::parse(artists, genres)?;
        let listed = artists.len();
        let (artists, tracks) = generate::all(artists, &genres, seed);
        Ok(Catalogue::new(artists, tracks, listed))
    }

    /// Of these artists the first `listed` are real.
    fn new(artists: Vec<Artist>, tracks: Vec<Track>, listed: usize) -> Catalogue {
        Catalogue {
            artist_by_id: artists.iter().enumerate().map(|(i, a)| (a.id.clone(), i)).collect(),
            track_by_id: tracks.iter().enumerate().map(|(i, t)| (t.id.clone(), i)).collect(),
            index: Index::new(&artists, listed),
            artists,
            tracks,
            listed,
            codes: OnceLock::new(),
            isrcs: OnceLock::new(),
        }
    }

    /// The artists of the list, in its order. Look-alikes, which only a search finds, are not among them.
    pub fn artists(&self) -> &[Artist] {
        &self.artists[..self.listed]
    }

    /// Every track, of all artists.
    pub fn tracks(&self) -> &[Track] {
        &self.tracks
    }

    /// The artist or look-alike with this id.
    pub fn artist(&self, id: &str) -> Option<&Artist> {
        self.artist_by_id.get(id).map(|i| &self.artists[*i])
    }

    /// The artist or look-alike at this place of [`Track::artists`].
    pub fn artist_at(&self, place: usize) -> &Artist {
        &self.artists[place]
    }

    /// The place of the artist or look-alike with this id.
    pub fn place_of(&self, id: &str) -> Option<usize> {
        self.artist_by_id.get(id).copied()
    }

    /// The artists of the list who are called exactly so: more than one, if they are homonyms.
    pub fn named(&self, name: &str) -> Vec<&Artist> {
        self.artists().iter().filter(|a| a.name == name).collect()
    }

    /// The codes by which other services name these artists and tracks.
    pub(crate) fn codes(&self) -> &Codes {
        self.codes.get_or_init(|| Codes::of(&self.artists, &self.tracks))
    }

    /// The track with this id.
    pub fn track(&self, id: &str) -> Option<&Track> {
        self.track_by_id.get(id).map(|i| &self.tracks[*i])
    }

    /// Everyone who has a name like `query`, best first. The exact name is not always the first.
    pub fn search(&self, query: &str) -> Vec<&Artist> {
        self.index.search(query).into_iter().map(|i| &self.artists[i]).collect()
    }
}

/// One error that shows every mistake.
fn wrong(folder: &Path, mistakes: &[Diagnostic], sheets: &Sheets<'_>) -> Error {
    const SHOWN: usize = 20;
    let mut message = match mistakes.len() {
        1 => format!("the catalogue in `{}` has a mistake", folder.display()),
        n => format!("the catalogue in `{}` has {n} mistakes", folder.display()),
    };
    for mistake in mistakes.iter().take(SHOWN) {
        message.push_str("\n\n");
        message.push_str(&render(mistake, sheets, false));
    }
    if mistakes.len() > SHOWN {
        message.push_str(&format!("\n\n… and {} more", mistakes.len() - SHOWN));
    }
    Error::new(Kind::Invalid, message)
        .code(segue_diag::DEMO_CATALOGUE)
        .hint("mend these lines and start it again; `segue explain SG0790` shows both files' shapes")
}

impl Text for Sheets<'_> {
    fn text(&self, file: &str) -> Option<&str> {
        match file {
            ARTISTS_FILE => Some(self.artists),
            GENRES_FILE => Some(self.genres),
            _ => None,
        }
    }
}

/// The fields of a text as CSV, and how many lines are broken.
#[cfg(test)]
pub(crate) fn csv_fields(text: &str) -> (Vec<Vec<String>>, usize) {
    let (records, broken) = csv::records(text);
    let fields = |r: csv::Record| r.fields.into_iter().map(|f| f.text).collect();
    (records.into_iter().map(fields).collect(), broken.len())
}

#[cfg(test)]
mod tests;
