//! Which names are like a query.
//!
//! As in the real thing the order is by likeness and popularity together, so the exact name is not always the first.

use super::Artist;
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet};

/// Less alike than this is not found.
const LEAST_LIKENESS: f64 = 0.18;
/// A query longer than this is cut: nobody's name is.
const MOST_CHARS: usize = 200;

/// The names of a catalogue, aliases among them, prepared for searching.
#[derive(Debug)]
pub(super) struct Index {
    names: Vec<Name>,
    /// Which names have a piece. Names without one in common with the query are never looked at.
    with_piece: HashMap<[char; 3], Vec<usize>>,
}

#[derive(Debug)]
struct Name {
    /// Whose it is.
    artist: usize,
    /// In plain letters, with a space at each end, so that whole words are found.
    spaced: String,
    pieces: usize,
    popularity: u8,
    listed: bool,
}

impl Index {
    /// An index of these artists, of whom the first `listed` are real.
    pub(super) fn new(artists: &[Artist], listed: usize) -> Index {
        let mut with_piece: HashMap<[char; 3], Vec<usize>> = HashMap::new();
        let mut names: Vec<Name> = Vec::new();
        for (i, artist) in artists.iter().enumerate() {
            for name in artist.names() {
                let plain = plain(name);
                let pieces = pieces(&plain);
                let place = names.len();
                pieces
                    .iter()
                    .for_each(|p| with_piece.entry(*p).or_default().push(place));
                names.push(Name {
                    artist: i,
                    spaced: format!(" {plain} "),
                    pieces: pieces.len(),
                    popularity: artist.popularity,
                    listed: i < listed,
                });
            }
        }
        Index { names, with_piece }
    }

    /// Places of the artists who have a name like the query, best first, each once.
    pub(super) fn search(&self, query: &str) -> Vec<usize> {
        let query = plain(&query.chars().take(MOST_CHARS).collect::<String>());
        let wanted = pieces(&query);
        let query = format!(" {query} ");
        let mut common: BTreeMap<usize, usize> = BTreeMap::new();
        for place in wanted.iter().filter_map(|p| self.with_piece.get(p)).flatten() {
            *common.entry(*place).or_default() += 1;
        }
        let mut found: Vec<(u64, bool, usize)> = Vec::new();
        for (place, common) in common {
            let name = &self.names[place];
            let likeness = likeness(&query, wanted.len(), common, name);
            if likeness >= LEAST_LIKENESS {
                let weight = likeness + f64::from(name.popularity) / 100.0;
                found.push(((weight * 1e6) as u64, name.listed, name.artist));
            }
        }
        found.sort_by_key(|(weight, listed, artist)| (Reverse(*weight), Reverse(*listed), *artist));
        let mut seen = HashSet::new();
        let artists = found.into_iter().map(|(_, _, artist)| artist);
        artists.filter(|artist| seen.insert(*artist)).collect()
    }
}

/// From 0 (nothing alike) to 1 (the same but for case, marks and spaces). `wanted` pieces has the query, `common` of them the name.
fn likeness(query: &str, wanted: usize, common: usize, name: &Name) -> f64 {
    if query == name.spaced {
        return 1.0;
    }
    if name.spaced.contains(query) {
        return 0.8;
    }
    if query.contains(&name.spaced) {
        return 0.6;
    }
    0.75 * (2 * common) as f64 / (wanted + name.pieces) as f64
}

/// Lower case, single spaces, without the marks of Latin letters.
pub(crate) fn plain(text: &str) -> String {
    let lower: String = text.to_lowercase().chars().map(unmarked).collect();
    lower.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn unmarked(letter: char) -> char {
    const MARKED: [(&str, char); 10] = [
        ("àáâãäåāă", 'a'),
        ("çćč", 'c'),
        ("èéêëēę", 'e'),
        ("ìíîïī", 'i'),
        ("ñńň", 'n'),
        ("òóôõöøō", 'o'),
        ("śšş", 's'),
        ("ùúûüū", 'u'),
        ("ýÿ", 'y'),
        ("źžż", 'z'),
    ];
    match letter.is_ascii() {
        true => letter,
        false => MARKED
            .iter()
            .find(|(all, _)| all.contains(letter))
            .map_or(letter, |(_, to)| *to),
    }
}

/// Every three neighbouring characters, with the edges marked; sorted, each once.
fn pieces(plain: &str) -> Vec<[char; 3]> {
    let padded: Vec<char> = [' ', ' '].into_iter().chain(plain.chars()).chain([' ']).collect();
    let mut pieces: Vec<[char; 3]> = padded.windows(3).map(|w| [w[0], w[1], w[2]]).collect();
    pieces.sort_unstable();
    pieces.dedup();
    pieces
}
