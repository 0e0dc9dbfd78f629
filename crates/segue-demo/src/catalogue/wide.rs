//! The full catalogue: the demo's artists with what is known of them (`known.csv`), then further ones (`more.csv`).

use super::csv::{Field, Record};
use super::known::{Alias, ArtistKind, Known};
use super::read::{self, Genres, Listed, Mistakes};
use super::{Catalogue, generate};
use crate::numbers::{hash64, id_of, unit};
use segue_diag::Diagnostic;
use std::collections::{HashMap, HashSet};

/// What is known of the artists of `artists.csv`, a line each.
pub(super) const KNOWN_FILE: &str = "known.csv";
/// Further artists.
pub(super) const MORE_FILE: &str = "more.csv";

const KNOWN_COLUMNS: [&str; 7] = ["name", "native", "note", "country", "kind", "aliases", "member_of"];
const MORE_COLUMNS: [&str; 9] = [
    "name",
    "native",
    "note",
    "country",
    "kind",
    "genres",
    "popularity",
    "aliases",
    "member_of",
];

/// The catalogue of the texts of `artists.csv`, `genres.csv`, `known.csv` and `more.csv`, its features drawn from `seed`; or
/// everything that is wrong with them.
pub(super) fn read([artists, genres, known, more]: [&str; 4], seed: u64) -> Result<Catalogue, Vec<Diagnostic>> {
    let (first, genres) = read::parse(artists, genres)?;
    let mut mistakes = Mistakes {
        file: KNOWN_FILE,
        list: Vec::new(),
    };
    let known = read_known(known, &first, &mut mistakes);
    mistakes.file = MORE_FILE;
    let (second, known_too): (Vec<Listed>, Vec<Known>) =
        read_more(more, &first, &genres, &mut mistakes).into_iter().unzip();
    if !mistakes.list.is_empty() {
        return Err(mistakes.list);
    }
    let (listed, more_listed) = (first.len(), second.len());
    let (mut artists, tracks) = generate::join(
        generate::all(first, &genres, seed),
        listed,
        generate::all(second, &genres, seed),
        more_listed,
    );
    for (artist, known) in artists.iter_mut().zip(known.into_iter().chain(known_too)) {
        artist.known = known;
    }
    Ok(Catalogue::new(artists, tracks, listed + more_listed))
}

/// What is known of each of these artists, in their order.
fn read_known(text: &str, artists: &[Listed], mistakes: &mut Mistakes) -> Vec<Known> {
    let places: HashMap<&str, usize> = artists.iter().enumerate().map(|(i, a)| (a.name.as_str(), i)).collect();
    let mut all: Vec<Option<Known>> = artists.iter().map(|_| None).collect();
    for record in read::lines(text, &KNOWN_COLUMNS, mistakes) {
        let [name, native, note, country, kind, aliases, member_of] = fields(&record);
        let known = known([native, note, country, kind, aliases, member_of], mistakes);
        match places.get(name.text.as_str()) {
            None => mistakes.add(
                &name.bytes,
                format!("there is no artist `{}` in `{}`", name.text, read::ARTISTS_FILE),
                "write the name as it stands there",
            ),
            Some(place) if all[*place].is_some() => mistakes.add(
                &name.bytes,
                format!("the name `{}` stands here twice", name.text),
                "keep one line an artist",
            ),
            Some(place) => all[*place] = Some(known),
        }
    }
    for (artist, _) in artists.iter().zip(&all).filter(|(_, known)| known.is_none()) {
        let message = format!("nothing is known of `{}`", artist.name);
        mistakes.add(&(0..0), message, "add a line for each artist of `artists.csv`");
    }
    all.into_iter().map(Option::unwrap_or_default).collect()
}

/// Further artists. One who is called as another before gets an id made from name and note.
fn read_more(text: &str, before: &[Listed], genres: &Genres, mistakes: &mut Mistakes) -> Vec<(Listed, Known)> {
    let mut taken: HashSet<String> = before.iter().map(|a| a.id.clone()).collect();
    let mut artists = Vec::new();
    for record in read::lines(text, &MORE_COLUMNS, mistakes) {
        let [
            name,
            native,
            note,
            country,
            kind,
            its_genres,
            popularity,
            aliases,
            member_of,
        ] = fields(&record);
        let known = known([native, note, country, kind, aliases, member_of], mistakes);
        let mut key = name.text.clone();
        if taken.contains(&id_of("artist", &key)) {
            key = format!("{key} ({})", known.note);
        }
        let id = id_of("artist", &key);
        if !taken.insert(id.clone()) {
            mistakes.add(
                &name.bytes,
                format!("there is another `{key}`"),
                "write a note that tells them apart",
            );
        }
        let popularity = read::whole(popularity, "popularity", 100, mistakes) as u8;
        let listed = Listed {
            followers: followers(popularity, &key),
            name: read::checked_name(name, mistakes),
            genres: read::checked_genres(its_genres, genres, mistakes),
            id,
            key,
            popularity,
        };
        artists.push((listed, known));
    }
    artists
}

fn fields<const N: usize>(record: &Record) -> [&Field; N] {
    // `lines` lets through what has as many fields as there are columns, no other.
    std::array::from_fn(|i| &record.fields[i])
}

fn known([native, note, country, kind, aliases, member_of]: [&Field; 6], mistakes: &mut Mistakes) -> Known {
    if country.text.len() != 2 || !country.text.bytes().all(|b| b.is_ascii_uppercase()) {
        let hint = "write the two capital letters of ISO 3166: KR";
        mistakes.add(&country.bytes, format!("`{}` is no country", country.text), hint);
    }
    let kind = match kind.text.as_str() {
        "person" => Some(ArtistKind::Person),
        "group" => Some(ArtistKind::Group),
        other => {
            mistakes.add(
                &kind.bytes,
                format!("`{other}` is no kind of artist"),
                "write person or group",
            );
            None
        }
    };
    Known {
        native: Some(native.text.clone()).filter(|n| !n.is_empty()),
        note: note.text.clone(),
        country: Some(country.text.clone()),
        kind,
        aliases: parts(aliases)
            .filter_map(|part| alias(part, aliases, mistakes))
            .collect(),
        member_of: parts(member_of).map(str::to_string).collect(),
    }
}

fn parts(field: &Field) -> impl Iterator<Item = &str> {
    field.text.split(';').filter(|part| !part.is_empty())
}

/// `ko:에스파`, or `:Bangtan Boys`, a name of no language.
fn alias(part: &str, field: &Field, mistakes: &mut Mistakes) -> Option<Alias> {
    let Some((locale, name)) = part.split_once(':').filter(|(_, name)| !name.trim().is_empty()) else {
        let hint = "write a language, a colon and the name: `ko:에스파`; or only the last two";
        mistakes.add(&field.bytes, format!("`{part}` is no alias"), hint);
        return None;
    };
    Some(Alias {
        locale: Some(locale.to_string()).filter(|l| !l.is_empty()),
        name: name.trim().to_string(),
    })
}

/// A guess that fits the popularity, to three digits, as the others are written.
fn followers(popularity: u8, key: &str) -> u64 {
    const BY_TENS: [u64; 11] = [
        900, 4_000, 15_000, 50_000, 150_000, 420_000, 1_200_000, 3_200_000, 8_500_000, 22_000_000, 60_000_000,
    ];
    let (tens, ones) = (usize::from(popularity / 10).min(9), u64::from(popularity % 10));
    let between = BY_TENS[tens] + (BY_TENS[tens + 1] - BY_TENS[tens]) * ones / 10;
    let guess = (between as f64 * (0.7 + 0.6 * unit(hash64(&format!("followers:{key}"))))) as u64;
    let step = 10u64.pow(guess.max(1).ilog10().saturating_sub(2));
    guess / step * step
}
