//! The two files of a catalogue, read into values, and everything that is wrong with them.

use super::csv::{Field, Record, records};
use crate::numbers::{id_of, is_id};
use segue_diag::{DEMO_CATALOGUE, Diagnostic, Error, Kind, Result, Span, closest};
use std::collections::{BTreeMap, HashMap};
use std::io::ErrorKind;
use std::ops::{Range, RangeInclusive};
use std::path::Path;

/// The file of artists in a catalogue's folder.
pub const ARTISTS_FILE: &str = "artists.csv";
/// The file of genres in a catalogue's folder.
pub const GENRES_FILE: &str = "genres.csv";

const MOST_ARTISTS: usize = 20_000;
const MOST_BYTES: u64 = 16 * 1024 * 1024;
const ARTIST_COLUMNS: [&str; 5] = ["id", "name", "genres", "popularity", "followers"];

/// The features that a genre gives usual values of, in the order of the file, with what each may be.
/// Each but the last, `mode`, is followed by its spread.
const FEATURES: [(&str, RangeInclusive<f64>); 11] = [
    ("danceability", 0.0..=1.0),
    ("energy", 0.0..=1.0),
    ("loudness", -60.0..=0.0),
    ("speechiness", 0.0..=1.0),
    ("acousticness", 0.0..=1.0),
    ("instrumentalness", 0.0..=1.0),
    ("liveness", 0.0..=1.0),
    ("valence", 0.0..=1.0),
    ("tempo", 40.0..=220.0),
    ("key", 0.0..=11.0),
    ("mode", 0.0..=1.0),
];

/// Both texts, to draw mistakes with.
pub(super) struct Sheets<'a> {
    pub(super) artists: &'a str,
    pub(super) genres: &'a str,
}

/// A line of the artists' file.
pub(super) struct Listed {
    pub(super) id: String,
    pub(super) name: String,
    /// What the tracks are drawn from: the name, unless another artist has the same one.
    pub(super) key: String,
    pub(super) genres: Vec<String>,
    pub(super) popularity: u8,
    pub(super) followers: u64,
}

/// What is usual in a genre: value and spread of each feature, in the order of the file; of `mode` the share of major.
pub(super) type Usual = [(f64, f64); 11];

/// Genres by name.
pub(super) type Genres = BTreeMap<String, Usual>;

/// Reads a file of a catalogue's folder.
pub(super) fn file(folder: &Path, name: &str) -> Result<String> {
    let path = folder.join(name);
    let failed = |kind, why: String| {
        Error::new(
            kind,
            format!("cannot read the catalogue file `{}`: {why}", path.display()),
        )
        .code(DEMO_CATALOGUE)
        .hint("a catalogue is a folder with `artists.csv` and `genres.csv`; `segue explain SG0790` shows both")
    };
    let io = |e: std::io::Error| match e.kind() {
        ErrorKind::NotFound => failed(Kind::NotFound, "it is not there".into()),
        ErrorKind::PermissionDenied => failed(Kind::Denied, "permission denied".into()),
        _ => failed(Kind::Unavailable, e.to_string()).caused_by(e),
    };
    if std::fs::metadata(&path).map_err(io)?.len() > MOST_BYTES {
        return Err(failed(Kind::Invalid, "it has more than 16 MiB".into()));
    }
    let bytes = std::fs::read(&path).map_err(io)?;
    String::from_utf8(bytes).map_err(|e| {
        let at = e.utf8_error().valid_up_to();
        let line = e.as_bytes()[..at].iter().filter(|b| **b == b'\n').count() + 1;
        failed(Kind::BadData, format!("line {line} is not UTF-8"))
    })
}

/// Artists and genres, or everything that is wrong with both texts.
pub(super) fn parse(artists: &str, genres: &str) -> Result<(Vec<Listed>, Genres), Vec<Diagnostic>> {
    let mut mistakes = Mistakes {
        file: GENRES_FILE,
        list: Vec::new(),
    };
    let genres = read_genres(genres, &mut mistakes);
    mistakes.file = ARTISTS_FILE;
    let artists = read_artists(artists, &genres, &mut mistakes);
    mistakes
        .list
        .sort_by_key(|m| m.span.as_ref().map(|s| (s.file == ARTISTS_FILE, s.bytes.start)));
    match mistakes.list.is_empty() {
        true => Ok((artists, genres)),
        false => Err(mistakes.list),
    }
}

fn read_genres(text: &str, mistakes: &mut Mistakes) -> Genres {
    let mut columns = vec!["genre".to_string()];
    for (name, _) in &FEATURES[..10] {
        columns.extend([name.to_string(), format!("{name}_spread")]);
    }
    columns.push("mode".into());
    let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
    let mut genres = Genres::new();
    for record in lines(text, &columns, mistakes) {
        let name = &record.fields[0];
        if name.text.is_empty() || name.text != name.text.trim().to_lowercase() {
            let hint = "write the genre in lower case, without outer spaces: `indie rock`";
            mistakes.add(&name.bytes, format!("`{}` is not a genre's name", name.text), hint);
            continue;
        }
        let usual = usual(&record, mistakes);
        if genres.insert(name.text.clone(), usual).is_some() {
            let hint = "keep one line a genre";
            mistakes.add(
                &name.bytes,
                format!("the genre `{}` stands here twice", name.text),
                hint,
            );
        }
    }
    if genres.is_empty() && mistakes.list.is_empty() {
        mistakes.add(
            &(0..0),
            "there is no genre in this file".into(),
            "add a line for each genre that artists have",
        );
    }
    genres
}

fn usual(record: &Record, mistakes: &mut Mistakes) -> Usual {
    let mut usual = Usual::default();
    for (i, (name, bounds)) in FEATURES.iter().enumerate() {
        let width = bounds.end() - bounds.start();
        usual[i].0 = number(&record.fields[1 + 2 * i], name, bounds, mistakes);
        if let Some(field) = record.fields.get(2 + 2 * i) {
            usual[i].1 = number(field, &format!("{name}_spread"), &(0.0..=width), mistakes);
        }
    }
    usual
}

fn number(field: &Field, name: &str, bounds: &RangeInclusive<f64>, mistakes: &mut Mistakes) -> f64 {
    match field.text.trim().parse::<f64>() {
        Ok(value) if bounds.contains(&value) => value,
        _ => {
            let (least, most) = (bounds.start(), bounds.end());
            let hint = format!("write a number from {least} to {most}, with a point for decimals");
            mistakes.add(&field.bytes, format!("`{}` is no {name}", field.text), hint);
            0.0
        }
    }
}

fn read_artists(text: &str, genres: &Genres, mistakes: &mut Mistakes) -> Vec<Listed> {
    let mut artists = Vec::new();
    let (mut names, mut ids) = (HashMap::new(), HashMap::new());
    for record in lines(text, &ARTIST_COLUMNS, mistakes) {
        let [id, name, its_genres, popularity, followers] = &record.fields[..] else {
            continue;
        };
        let artist = Listed {
            id: checked_id(id, &name.text, mistakes),
            name: checked_name(name, mistakes),
            key: name.text.clone(),
            genres: checked_genres(its_genres, genres, mistakes),
            popularity: whole(popularity, "popularity", 100, mistakes) as u8,
            followers: whole(followers, "number of followers", 10_000_000_000, mistakes),
        };
        let folded = artist.name.to_lowercase();
        mistakes.once(&mut names, folded, &name.bytes, &format!("the name `{}`", name.text));
        mistakes.once(
            &mut ids,
            artist.id.clone(),
            &id.bytes,
            &format!("the id `{}`", artist.id),
        );
        artists.push(artist);
    }
    if artists.is_empty() && mistakes.list.is_empty() {
        mistakes.add(
            &(0..0),
            "there is no artist in this file".into(),
            "add a line for each artist",
        );
    }
    if artists.len() > MOST_ARTISTS {
        let message = format!("there are {} artists, more than {MOST_ARTISTS}", artists.len());
        mistakes.add(&(0..0), message, "serve them from several catalogues");
    }
    artists
}

fn checked_id(field: &Field, name: &str, mistakes: &mut Mistakes) -> String {
    if !field.text.is_empty() && !is_id(&field.text) {
        let hint = "write 22 letters and digits, or leave it empty: then one is made from the name";
        mistakes.add(&field.bytes, format!("`{}` is not an id", field.text), hint);
    }
    match field.text.is_empty() {
        true => id_of("artist", name),
        false => field.text.clone(),
    }
}

pub(super) fn checked_name(field: &Field, mistakes: &mut Mistakes) -> String {
    let name = &field.text;
    if name.is_empty() {
        mistakes.add(
            &field.bytes,
            "this artist has no name".into(),
            "write the name, or take the line out",
        );
    } else if name.trim() != name || name.chars().any(char::is_control) {
        let hint = "take out outer spaces, tabs and line breaks";
        mistakes.add(
            &field.bytes,
            format!("the name {name:?} has spaces around it or control characters"),
            hint,
        );
    }
    name.clone()
}

pub(super) fn checked_genres(field: &Field, known: &Genres, mistakes: &mut Mistakes) -> Vec<String> {
    let mut genres: Vec<String> = Vec::new();
    if field.text.trim().is_empty() {
        let hint = "write one to four genres of `genres.csv`, with `;` between them: `rap;trap`";
        mistakes.add(&field.bytes, "this artist has no genre".into(), hint);
        return genres;
    }
    for genre in field.text.split(';') {
        if !known.contains_key(genre) {
            let hint = match closest(genre, known.keys().map(String::as_str)) {
                Some(near) => format!("did you mean `{near}`? Otherwise add a line for it to `genres.csv`"),
                None => "add a line for it to `genres.csv`, or take it out".into(),
            };
            mistakes.add(
                &field.bytes,
                format!("there is no genre `{genre}` in `genres.csv`"),
                hint,
            );
        } else if genres.iter().any(|g| g == genre) {
            mistakes.add(
                &field.bytes,
                format!("the genre `{genre}` stands here twice"),
                "take one of them out",
            );
        }
        genres.push(genre.to_string());
    }
    if genres.len() > 4 {
        mistakes.add(
            &field.bytes,
            "more than four genres".into(),
            "keep the four that say most",
        );
    }
    genres
}

pub(super) fn whole(field: &Field, what: &str, most: u64, mistakes: &mut Mistakes) -> u64 {
    match field.text.trim().parse::<u64>() {
        Ok(value) if value <= most => value,
        _ => {
            let hint = format!("write a whole number from 0 to {most}, digits only");
            mistakes.add(&field.bytes, format!("`{}` is no {what}", field.text), hint);
            0
        }
    }
}

/// The records below the header, all with as many fields as it has columns.
pub(super) fn lines(text: &str, columns: &[&str], mistakes: &mut Mistakes) -> Vec<Record> {
    let (found, broken) = records(text);
    for mistake in broken {
        let hint =
            "a field with commas or quotes stands in quotes, its own quotes doubled: `\"\"\"Weird Al\"\" Yankovic\"`";
        mistakes.add(&mistake.bytes, mistake.what.into(), hint);
    }
    let mut found = found.into_iter();
    let header = found.next();
    let names: Vec<&str> = header.iter().flat_map(|h| &h.fields).map(|f| f.text.trim()).collect();
    if names != columns {
        let bytes = header.map_or(0..0, |h| h.bytes);
        let hint = format!("begin the file with the line `{}`", columns.join(","));
        mistakes.add(&bytes, "this is not the header of this file".into(), hint);
        return Vec::new();
    }
    let mut lines = Vec::new();
    for record in found {
        match record.fields.len() == columns.len() {
            true => lines.push(record),
            false => {
                let message = format!(
                    "this line has {} fields instead of {}",
                    record.fields.len(),
                    columns.len()
                );
                let hint = format!(
                    "its fields are {}; a field with commas stands in quotes",
                    columns.join(", ")
                );
                mistakes.add(&record.bytes, message, hint);
            }
        }
    }
    lines
}

/// What is wrong with a file, as it is found.
pub(super) struct Mistakes {
    pub(super) file: &'static str,
    pub(super) list: Vec<Diagnostic>,
}

impl Mistakes {
    pub(super) fn add(&mut self, bytes: &Range<usize>, message: String, hint: impl Into<String>) {
        let span = self.span(bytes.clone());
        self.list
            .push(Diagnostic::error(DEMO_CATALOGUE, Some(span), message).hint(hint));
    }

    fn once(&mut self, seen: &mut HashMap<String, Range<usize>>, value: String, bytes: &Range<usize>, what: &str) {
        match seen.get(&value) {
            Some(first) => {
                let first = self.span(first.clone());
                let diagnostic = Diagnostic::error(
                    DEMO_CATALOGUE,
                    Some(self.span(bytes.clone())),
                    format!("{what} stands here twice"),
                );
                self.list
                    .push(diagnostic.related(first, "first here").hint("keep one line an artist"));
            }
            None => {
                seen.insert(value, bytes.clone());
            }
        }
    }

    fn span(&self, bytes: Range<usize>) -> Span {
        Span {
            file: self.file.into(),
            bytes,
        }
    }
}
