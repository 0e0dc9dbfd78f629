//! How people write names. Every kind of noise is made from a seed; the numbers to turn stand first.

use crate::catalogue::{Artist, By, Catalogue, fold};
use crate::keys::{beside, typed, written};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// A name must have so many letters, as keys, to be typed with one error.
const ONE_ERROR_FROM: usize = 4;
/// And with two.
const TWO_ERRORS_FROM: usize = 8;
/// One of so many dirty names is made from an alias instead of the name.
const ALIAS_ONE_OF: usize = 5;
/// So often another artist is tried when a kind cannot be made of one.
const TRIES: usize = 100_000;

/// What is done to a name, in the order in which two of them are done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Script,
    OneError,
    TwoErrors,
    Diacritics,
    Apostrophe,
    And,
    Article,
    Spaces,
    Case,
    Width,
    Quotes,
    Bom,
    /// A name that several have, as it is.
    Homonym,
    /// Two of the others.
    Two,
}

impl Kind {
    pub const ALL: [Kind; 14] = [
        Kind::Case,
        Kind::Spaces,
        Kind::Width,
        Kind::Script,
        Kind::OneError,
        Kind::TwoErrors,
        Kind::Bom,
        Kind::Quotes,
        Kind::Apostrophe,
        Kind::Article,
        Kind::And,
        Kind::Diacritics,
        Kind::Homonym,
        Kind::Two,
    ];

    /// As it stands in the table of figures.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Script => "another script, or romanised otherwise",
            Kind::OneError => "one typing error",
            Kind::TwoErrors => "two typing errors",
            Kind::Diacritics => "diacritics dropped or added",
            Kind::Apostrophe => "apostrophes of another kind, or none",
            Kind::And => "`&`, `and`, `+`",
            Kind::Article => "the article dropped, added or behind",
            Kind::Spaces => "spaces added, removed, doubled, hard, tabs",
            Kind::Case => "case",
            Kind::Width => "full width",
            Kind::Quotes => "quotes around",
            Kind::Bom => "byte order mark",
            Kind::Homonym => "homonyms, as they are",
            Kind::Two => "two of these",
        }
    }
}

/// SplitMix64: small, good enough, and the same everywhere.
pub struct Random(pub u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below this one, which is not zero.
    pub fn below(&mut self, most: usize) -> usize {
        (self.next() % most as u64) as usize
    }

    fn pick<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        match of.len() {
            0 => None,
            len => of.get(self.below(len)),
        }
    }
}

/// A dirty name, and who is meant.
#[derive(Debug, PartialEq)]
pub struct Dirty {
    pub kind: Kind,
    /// Where in the catalogue.
    pub artist: usize,
    /// Which of their names it was made from.
    pub base: String,
    pub text: String,
}

/// One dirty name of this kind, of anybody.
pub fn draw(kind: Kind, catalogue: &Catalogue, random: &mut Random) -> Dirty {
    for _ in 0..TRIES {
        let at = random.below(catalogue.artists.len());
        let artist = &catalogue.artists[at];
        let base = match random.below(ALIAS_ONE_OF) {
            // Other spellings are those of the name.
            0 if kind != Kind::Script => random.pick(&artist.aliases).unwrap_or(&artist.name),
            _ => &artist.name,
        };
        let made = match kind {
            Kind::Homonym => is_homonym(base, catalogue).then(|| base.clone()),
            Kind::Two => two(base, artist, random),
            _ => apply(kind, base, artist, random),
        };
        // An alias with a mark or an article more may be the name itself, which is not dirty.
        let made = made.filter(|made| kind == Kind::Homonym || *made != artist.name);
        if let Some(text) = made {
            return Dirty {
                kind,
                artist: at,
                base: base.clone(),
                text,
            };
        }
    }
    panic!("no name of the catalogue can be written with {}", kind.name());
}

fn is_homonym(base: &str, catalogue: &Catalogue) -> bool {
    let carriers = catalogue.carriers(base);
    carriers.iter().filter(|(_, by)| *by == By::Name).count() > 1
}

fn two(base: &str, artist: &Artist, random: &mut Random) -> Option<String> {
    let plain: Vec<Kind> = Kind::ALL.into_iter().filter(|kind| *kind < Kind::Homonym).collect();
    let (one, other) = (*random.pick(&plain)?, *random.pick(&plain)?);
    let (first, second) = (one.min(other), one.max(other));
    // No more than two typing errors; and whoever writes in another script has made some.
    let too_much = (first == Kind::OneError || first == Kind::Script) && second == Kind::TwoErrors;
    if first == second || too_much {
        return None;
    }
    let once = apply(first, base, artist, random)?;
    apply(second, &once, artist, random).filter(|text| text != base)
}

/// The text with this noise; `None` where there is nothing in it that could be written so.
fn apply(kind: Kind, text: &str, artist: &Artist, random: &mut Random) -> Option<String> {
    let made = match kind {
        Kind::Script => {
            let spellings: Vec<&String> = artist.hangul.iter().chain(&artist.latin).collect();
            random.pick(&spellings)?.to_string()
        }
        Kind::OneError => errors(text, 1, ONE_ERROR_FROM, random)?,
        Kind::TwoErrors => errors(text, 2, TWO_ERRORS_FROM, random)?,
        Kind::Diacritics => diacritics(text, random)?,
        Kind::Apostrophe => apostrophe(text, random)?,
        Kind::And => and(text, random)?,
        Kind::Article => article(text, random)?,
        Kind::Spaces => spaces(text, random)?,
        Kind::Case => case(text, random),
        Kind::Width => text.chars().map(wide).collect(),
        Kind::Quotes => {
            let pairs = ["\"\"", "''", "“”", "‘’", "„“", "«»", "「」", "``"];
            let mut pair = random.pick(&pairs)?.chars();
            let (open, close) = (pair.next()?, pair.next()?);
            format!("{open}{text}{close}")
        }
        Kind::Bom => match random.below(3) {
            0 => format!("\u{feff}{text}\r"),
            1 => format!("\u{feff}{text}\u{200b}"),
            _ => format!("\u{feff}{text}"),
        },
        Kind::Homonym | Kind::Two => return None,
    };
    Some(made).filter(|made| made != text && !made.trim().is_empty())
}

/// So many keys too much, too few, beside the right one, or in the wrong order.
fn errors(text: &str, count: usize, from: usize, random: &mut Random) -> Option<String> {
    let mut keys = typed(text);
    if keys.iter().filter(|key| is_typed(**key)).count() < from {
        return None;
    }
    for _ in 0..count {
        error(&mut keys, random)?;
    }
    let made = written(&keys);
    // Two errors may be none, and a doubled space or dot is no error of a letter.
    Some(made).filter(|made| fold(made) != fold(text))
}

/// A letter of an alphabet: signs of Chinese are chosen from a list, which goes wrong in other ways.
fn is_typed(key: char) -> bool {
    key.is_alphanumeric() && !('\u{3400}'..='\u{9fff}').contains(&key)
}

fn error(keys: &mut Vec<char>, random: &mut Random) -> Option<()> {
    let places: Vec<usize> = (0..keys.len()).filter(|at| is_typed(keys[*at])).collect();
    let at = *random.pick(&places)?;
    let key = keys[at];
    let near = random.pick(&beside(key)).copied();
    match random.below(4) {
        // The finger hit two keys, or the same one twice.
        0 => {
            let extra = near.filter(|_| random.below(2) == 0).unwrap_or(key);
            keys.insert(at + random.below(2), extra);
        }
        1 => {
            keys.remove(at);
        }
        2 => keys[at] = near?,
        _ => {
            let next = *keys.get(at + 1).filter(|next| is_typed(**next) && **next != key)?;
            keys[at] = next;
            keys[at + 1] = key;
        }
    }
    Some(())
}

/// Letters of Latin that are not their base letter with a mark.
const SPECIAL: &[(char, &str)] = &[
    ('ø', "o"),
    ('Ø', "O"),
    ('æ', "ae"),
    ('Æ', "AE"),
    ('ß', "ss"),
    ('ł', "l"),
    ('Ł', "L"),
    ('đ', "d"),
    ('ð', "d"),
    ('þ', "th"),
    ('Þ', "Th"),
    ('ı', "i"),
];
/// The marks that people put where there are none.
const MARKED: &[(char, &str)] = &[
    ('a', "áàäâå"),
    ('e', "éèëê"),
    ('i', "íìï"),
    ('o', "óòöô"),
    ('u', "úùüû"),
    ('n', "ñ"),
    ('c', "ç"),
];

fn diacritics(text: &str, random: &mut Random) -> Option<String> {
    let mut dropped = String::new();
    for c in text.chars() {
        let mut parts = std::iter::once(c).nfd();
        match (SPECIAL.iter().find(|(special, _)| *special == c), parts.next()) {
            (Some((_, plain)), _) => dropped.push_str(plain),
            (None, Some(base)) if base.is_ascii_alphabetic() => dropped.push(base),
            // A mark on its own, as in what is decomposed; those of other scripts are letters.
            _ if ('\u{300}'..='\u{36f}').contains(&c) => {}
            _ => dropped.push(c),
        }
    }
    if dropped != text && random.below(4) > 0 {
        return Some(dropped);
    }
    let mut chars: Vec<char> = text.chars().collect();
    let marked = |c: char| MARKED.iter().find(|(plain, _)| *plain == c.to_ascii_lowercase());
    let places: Vec<usize> = (0..chars.len()).filter(|at| marked(chars[*at]).is_some()).collect();
    let at = *random.pick(&places)?;
    let choices: Vec<char> = marked(chars[at])?.1.chars().collect();
    let mark = *random.pick(&choices)?;
    chars[at] = match chars[at].is_ascii_uppercase() {
        true => mark.to_uppercase().next()?,
        false => mark,
    };
    Some(chars.into_iter().collect())
}

fn apostrophe(text: &str, random: &mut Random) -> Option<String> {
    const KINDS: [&str; 7] = ["'", "’", "‘", "`", "´", "ʼ", "′"];
    let found = KINDS.iter().find(|kind| text.contains(**kind))?;
    match random.below(KINDS.len() + 1) {
        0 => Some(text.replace(found, "")),
        nth => Some(text.replace(found, KINDS[nth - 1])),
    }
}

fn and(text: &str, random: &mut Random) -> Option<String> {
    const WORDS: [&str; 4] = [" & ", " and ", " + ", " And "];
    let found = WORDS.iter().find(|word| text.contains(**word))?;
    Some(text.replacen(found, random.pick(&WORDS)?, 1))
}

fn article(text: &str, random: &mut Random) -> Option<String> {
    let is_plain = text.chars().all(|c| c.is_ascii() || c == '’') && text.len() > 3;
    match text.strip_prefix("The ").or_else(|| text.strip_prefix("the ")) {
        Some(rest) if random.below(2) == 0 => Some(format!("{rest}, The")),
        Some(rest) => Some(rest.to_string()),
        // Put before what sounds like several.
        None if is_plain && text.to_ascii_lowercase().ends_with('s') && !text.starts_with("A ") => {
            Some(format!("The {text}"))
        }
        None => None,
    }
}

fn spaces(text: &str, random: &mut Random) -> Option<String> {
    let chars: Vec<char> = text.chars().collect();
    let inner: Vec<usize> = (0..chars.len()).filter(|at| chars[*at] == ' ').collect();
    let other = ["  ", "\u{a0}", "\t", " \u{2009}"];
    let with = |at: usize, left_out: usize, put: &str| -> String {
        let (before, after) = (&chars[..at], &chars[at + left_out..]);
        before
            .iter()
            .copied()
            .chain(put.chars())
            .chain(after.iter().copied())
            .collect()
    };
    match random.below(6) {
        0 => {
            let inside = |at: &usize| {
                chars[*at - 1].is_alphanumeric() && chars[*at].is_alphanumeric() && !is_combining_mark(chars[*at])
            };
            let places: Vec<usize> = (1..chars.len()).filter(inside).collect();
            Some(with(*random.pick(&places)?, 0, " "))
        }
        1 => Some(with(*random.pick(&inner)?, 1, "")),
        2 => Some(text.replace(' ', "")),
        3 => Some(with(*random.pick(&inner)?, 1, random.pick(&other)?)),
        4 => Some(text.replace(' ', random.pick(&other)?)),
        _ => Some(format!(
            "{}{text}{}",
            random.pick(&["  ", "\t", "\u{3000}"])?,
            random.pick(&["", " ", "\u{a0}"])?
        )),
    }
}

fn case(text: &str, random: &mut Random) -> String {
    match random.below(3) {
        0 => text.to_uppercase(),
        1 => text.to_lowercase(),
        _ => {
            let mut turned = String::new();
            for c in text.chars() {
                match random.below(2) {
                    0 => turned.extend(c.to_uppercase()),
                    _ => turned.extend(c.to_lowercase()),
                }
            }
            turned
        }
    }
}

/// As it is written between Chinese signs.
fn wide(c: char) -> char {
    match c {
        ' ' => '\u{3000}',
        '!'..='~' => char::from_u32(c as u32 + 0xfee0).unwrap_or(c),
        c => c,
    }
}

#[test]
fn every_kind_can_be_made_and_a_seed_makes_the_same() {
    let catalogue = Catalogue::load();
    let made = |seed: u64| -> Vec<Dirty> {
        let mut random = Random(seed);
        let draw = |nth: usize| draw(Kind::ALL[nth % Kind::ALL.len()], &catalogue, &mut random);
        (0..Kind::ALL.len() * 10).map(draw).collect()
    };
    assert_eq!(made(7), made(7));
    assert_ne!(made(7), made(8));
    for dirty in made(7) {
        let Dirty {
            kind,
            artist,
            base,
            text,
        } = &dirty;
        assert_eq!(text == base, *kind == Kind::Homonym, "{dirty:?}");
        let name = &catalogue.artists[*artist].name;
        assert!(text != name || *kind == Kind::Homonym, "{dirty:?} of {name}");
    }
}

#[test]
fn noise_looks_like_what_people_type() {
    let catalogue = Catalogue::load();
    let artist = &catalogue.artists[0];
    let some = |kind: Kind, text: &str| -> Vec<String> {
        let mut random = Random(1);
        let mut made: Vec<String> = (0..200)
            .filter_map(|_| apply(kind, text, artist, &mut random))
            .collect();
        made.sort_unstable();
        made.dedup();
        made
    };
    assert_eq!(some(Kind::Article, "The Who"), ["Who", "Who, The"]);
    assert_eq!(some(Kind::Article, "Eagles"), ["The Eagles"]);
    assert_eq!(
        some(Kind::And, "Hall & Oates"),
        ["Hall + Oates", "Hall And Oates", "Hall and Oates"]
    );
    assert_eq!(some(Kind::Width, "U2 소녀"), ["Ｕ２\u{3000}소녀"]);
    assert_eq!(some(Kind::Apostrophe, "Guns N’ Roses").len(), 7);
    assert!(some(Kind::Diacritics, "Mötley Crüe").contains(&"Motley Crue".to_string()));
    assert_eq!(some(Kind::Diacritics, "MØ")[0], "MO");
    assert_eq!(some(Kind::Diacritics, "Кино"), [""; 0]);
    assert!(some(Kind::Case, "a-ha").contains(&"A-HA".to_string()));
    assert_eq!(some(Kind::Case, "소녀시대"), [""; 0]);
    assert_eq!(some(Kind::OneError, "ABC"), [""; 0]);
    assert_eq!(some(Kind::TwoErrors, "NELLIES"), [""; 0]);
    assert!(some(Kind::OneError, "빅뱅").len() > 10);
    // Two keys in the wrong order with a third one between them count as three here.
    for (kind, text, most) in [(Kind::OneError, "Metallica", 1), (Kind::TwoErrors, "에픽하이", 3)] {
        for made in some(kind, text) {
            assert!(distance(&typed(&made), &typed(text)) <= most, "{made} of {text}");
        }
    }
}

/// How many letters were added, left out, exchanged, or swapped with their neighbour.
#[cfg(test)]
fn distance(a: &[char], b: &[char]) -> usize {
    let mut rows: Vec<Vec<usize>> = vec![(0..=b.len()).collect()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let same = usize::from(a[i - 1] != b[j - 1]);
            let mut least = (rows[i - 1][j - 1] + same).min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(rows[i - 2][j - 2] + 1);
            }
            row.push(least);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}
