//! Entries with everything that finding needs, built once and never changed.
//!
//! Keys are the folded ways to write each name. Short ones are found by what is left when one or two letters are gone, longer ones by a
//! quarter that no error touched, in either case through a table of hashes; whatever that brings along is compared letter by letter.
//! Names that sound alike have the classes of their consonants in common. Words are in order, so that those that begin alike stand
//! beside each other.

use crate::answer::Entry;
use crate::buckets::{Buckets, hash, hash_text};
use crate::texts::Texts;
use crate::{fold_name, hangul, keys, reading, sound};

/// Up to how many letters a name is found by the letters that are left.
pub const SHORT: usize = 8;
/// Into how many pieces a longer one is cut: one more than two errors can touch, but for two swaps over two borders.
pub const PIECES: usize = 4;
/// Longer names are found by what they are, not by what they are near to.
pub const LONG: usize = 120;

/// How many errors a name of so many letters may have. With more, a short one could be any other.
pub fn allowed(letters: usize) -> usize {
    match letters {
        0..=1 => 0,
        2..=3 => 1,
        _ => 2,
    }
}

pub struct Segment {
    pub ids: Texts,
    pub names: Texts,
    pub aliases: Texts,
    /// The number of the first alias of each entry, and one more.
    pub first_alias: Vec<u32>,
    /// NaN where it is not known.
    pub popularity: Vec<f64>,
    pub keys: Texts,
    pub key_entry: Vec<u32>,
    /// 0 for the name, n for the nth alias.
    pub key_name: Vec<u16>,
    pub same: Buckets,
    /// The key of each shape; the highest bit says that its units are syllables, not keys of the keyboard.
    pub shape_key: Vec<u32>,
    /// Which letters each shape has.
    pub shape_letters: Vec<Letters>,
    pub units: Vec<u16>,
    pub unit_end: Vec<u32>,
    pub short: Buckets,
    pub pieces: Buckets,
    /// Keys of Latin letters by the skeletons of their sound.
    pub latin: Buckets,
    /// Keys of scripts that can be read, likewise.
    pub foreign: Buckets,
    /// Words: the key, and where in it the word begins; in order of what follows from there.
    pub words: Vec<(u32, u16)>,
}

/// Of a shape's key: its units are syllables.
pub const SYLLABLES: u32 = 1 << 31;

const ARTICLE: &str = "the";

/// The letters of a key as they are compared.
#[derive(Clone, Copy)]
pub struct Shape<'s> {
    pub key: u32,
    pub is_syllables: bool,
    pub units: &'s [u16],
}

impl Segment {
    /// Of these entries; the best known first, so that they also are where not all can be looked at.
    pub fn of(mut entries: Vec<Entry>) -> Segment {
        entries.sort_by(|a, b| {
            let known = |e: &Entry| e.popularity.unwrap_or(f64::NEG_INFINITY);
            known(b).total_cmp(&known(a)).then_with(|| a.id.cmp(&b.id))
        });
        let mut building = Building::default();
        for entry in &entries {
            building.entry(entry);
        }
        drop(entries);
        building.finish()
    }

    /// How many entries there are.
    pub fn len(&self) -> u32 {
        self.ids.len()
    }

    pub fn id(&self, entry: u32) -> &str {
        self.ids.get(entry)
    }

    pub fn name(&self, entry: u32) -> &str {
        self.names.get(entry)
    }

    pub fn popularity(&self, entry: u32) -> Option<f64> {
        Some(self.popularity[entry as usize]).filter(|p| !p.is_nan())
    }

    /// An entry as it was given.
    pub fn entry(&self, entry: u32) -> Entry {
        Entry {
            id: self.id(entry).to_string(),
            name: self.name(entry).to_string(),
            aliases: self.aliases(entry).map(str::to_string).collect(),
            popularity: self.popularity(entry),
        }
    }

    /// Whether this is the entry as it is here.
    pub fn is_same(&self, entry: u32, other: &Entry) -> bool {
        self.name(entry) == other.name
            && self.popularity(entry) == other.popularity
            && self.aliases(entry).eq(other.aliases.iter().map(String::as_str))
    }

    fn aliases(&self, entry: u32) -> impl Iterator<Item = &str> {
        let at = entry as usize;
        (self.first_alias[at]..self.first_alias[at + 1]).map(|alias| self.aliases.get(alias))
    }

    /// Whether a key is the main way to write its name.
    pub fn is_main(&self, key: u32) -> bool {
        let name = self.alias_of(key).unwrap_or(self.name(self.entry_of(key)));
        fold_name(name) == self.keys.get(key)
    }

    /// All that an entry is called.
    pub fn names_of_entry(&self, entry: u32) -> impl Iterator<Item = &str> {
        std::iter::once(self.name(entry)).chain(self.aliases(entry))
    }

    pub fn entry_of(&self, key: u32) -> u32 {
        self.key_entry[key as usize]
    }

    /// The alias that a key is a way to write, where it is not the name's.
    pub fn alias_of(&self, key: u32) -> Option<&str> {
        let which = u32::from(self.key_name[key as usize]).checked_sub(1)?;
        Some(self.aliases.get(self.first_alias[self.entry_of(key) as usize] + which))
    }

    /// How many shapes there are.
    pub fn shapes(&self) -> usize {
        self.shape_key.len()
    }

    /// Which letters a shape has: little to look at before all of it.
    pub fn letters(&self, shape: u32) -> Letters {
        self.shape_letters[shape as usize]
    }

    pub fn shape(&self, shape: u32) -> Shape<'_> {
        let at = shape as usize;
        let start = if at == 0 { 0 } else { self.unit_end[at - 1] as usize };
        let key = self.shape_key[at];
        Shape {
            key: key & !SYLLABLES,
            is_syllables: key & SYLLABLES != 0,
            units: &self.units[start..self.unit_end[at] as usize],
        }
    }

    /// What follows from the beginning of a word.
    pub fn since_word(&self, (key, start): (u32, u16)) -> &str {
        &self.keys.get(key)[usize::from(start)..]
    }
}

/// Which letters there are, each as one of 64.
#[derive(Clone, Copy, Debug)]
pub struct Letters(pub u64);

impl Letters {
    pub fn of(units: &[u16]) -> Letters {
        let bit = |unit: u16| 1_u64 << (u32::from(unit).wrapping_mul(0x9e37_79b1) >> 26);
        Letters(units.iter().fold(0, |all, unit| all | bit(*unit)))
    }

    /// Whether so many errors can make the one of the other: each takes at most one letter away, and adds at most one.
    pub fn is_within(self, other: Letters, most: usize) -> bool {
        let most = most as u32;
        (self.0 & !other.0).count_ones() <= most && (other.0 & !self.0).count_ones() <= most
    }
}

/// The letters of a text as units: what the keyboard writes, and for Hangul also the syllables.
pub fn shapes(text: &str) -> impl Iterator<Item = (bool, Vec<u16>)> {
    let units = |c: char| (c as u32 ^ (c as u32 >> 16)) as u16;
    let typed = hangul::keys(text).map(units).collect();
    let syllables = hangul::has_hangul(text).then(|| (true, text.chars().map(units).collect()));
    std::iter::once((false, typed)).chain(syllables)
}

/// The hashes of what is left of these letters without up to `most` of them.
pub fn leftovers(units: &[u16], most: usize, mut each: impl FnMut(u32)) {
    let without = |skip: [usize; 2]| {
        let left = units.iter().enumerate().filter(move |(at, _)| !skip.contains(at));
        hash(1, left.map(|(_, unit)| *unit))
    };
    each(without([usize::MAX; 2]));
    if most == 0 {
        return;
    }
    for first in 0..units.len() {
        each(without([first, usize::MAX]));
        if most > 1 {
            for second in first + 1..units.len() {
                each(without([first, second]));
            }
        }
    }
}

/// Where each piece of a name of so many letters begins, and how long it is.
pub fn pieces(letters: usize) -> [(usize, usize); PIECES] {
    std::array::from_fn(|at| {
        let (start, end) = (letters * at / PIECES, letters * (at + 1) / PIECES);
        (start, end - start)
    })
}

/// The hash of a piece: which one it is, of a name of how many letters.
pub fn piece(letters: usize, at: usize, units: &[u16]) -> u32 {
    hash((letters * PIECES + at + 2) as u64, units.iter().copied())
}

#[derive(Default)]
struct Building {
    ids: Texts,
    names: Texts,
    aliases: Texts,
    first_alias: Vec<u32>,
    popularity: Vec<f64>,
    keys: Texts,
    key_entry: Vec<u32>,
    key_name: Vec<u16>,
    same: Vec<(u32, u32)>,
    shape_key: Vec<u32>,
    shape_letters: Vec<Letters>,
    units: Vec<u16>,
    unit_end: Vec<u32>,
    short: Vec<(u32, u32)>,
    pieces: Vec<(u32, u32)>,
    latin: Vec<(u32, u32)>,
    foreign: Vec<(u32, u32)>,
    words: Vec<(u32, u16)>,
}

impl Building {
    fn entry(&mut self, entry: &Entry) {
        let number = self.ids.push(&entry.id);
        self.names.push(&entry.name);
        self.popularity.push(entry.popularity.unwrap_or(f64::NAN));
        self.first_alias.push(self.aliases.len());
        entry.aliases.iter().for_each(|alias| {
            self.aliases.push(alias);
        });
        let first = self.keys.len();
        // What is called by more names than can be numbered is found by these.
        let names = std::iter::once(&entry.name)
            .chain(&entry.aliases)
            .take(usize::from(u16::MAX));
        for (which, name) in names.enumerate() {
            for key in keys::of_name(name) {
                // The same way to write two of its names is one.
                let is_known = (first..self.keys.len()).any(|known| self.keys.get(known) == key.text);
                if !is_known && !key.text.is_empty() {
                    self.key(number, which as u16, &key);
                }
            }
        }
    }

    fn key(&mut self, entry: u32, which: u16, key: &keys::Key) {
        let number = self.keys.push(&key.text);
        self.key_entry.push(entry);
        self.key_name.push(which);
        self.same.push((hash_text(&key.text), number));
        self.words.extend(key.words.iter().map(|start| (number, *start)));
        // With its article a name is near to all others that have one, and to nothing that it is not near to without.
        if key.words.is_empty() && key.text.starts_with(ARTICLE) {
            return;
        }
        for (is_syllables, units) in shapes(&key.text) {
            self.shape(number, is_syllables, &units);
        }
        let table = match reading::reading(&key.text) {
            Some(_) => &mut self.foreign,
            None => &mut self.latin,
        };
        // By its skeletons, and by each that is one class shorter.
        for skeleton in sound::skeletons(&key.text) {
            table.extend(sound::shorter(&skeleton).map(|s| (hash_text(&s), number)));
        }
    }

    fn shape(&mut self, key: u32, is_syllables: bool, units: &[u16]) {
        let letters = units.len();
        if letters > LONG {
            return;
        }
        let shape = self.shape_key.len() as u32;
        self.shape_key.push(if is_syllables { key | SYLLABLES } else { key });
        self.shape_letters.push(Letters::of(units));
        self.units.extend_from_slice(units);
        self.unit_end.push(self.units.len() as u32);
        if letters <= SHORT {
            leftovers(units, allowed(letters), |hash| self.short.push((hash, shape)));
        } else {
            for (at, (start, length)) in pieces(letters).into_iter().enumerate() {
                self.pieces
                    .push((piece(letters, at, &units[start..start + length]), shape));
            }
        }
    }

    fn finish(mut self) -> Segment {
        self.first_alias.push(self.aliases.len());
        for texts in [&mut self.ids, &mut self.names, &mut self.aliases, &mut self.keys] {
            texts.shrink();
        }
        let keys = &self.keys;
        let from = |word: &(u32, u16)| &keys.get(word.0)[usize::from(word.1)..];
        self.words.sort_by(|a, b| from(a).cmp(from(b)).then_with(|| a.cmp(b)));
        Segment {
            ids: self.ids,
            names: self.names,
            aliases: self.aliases,
            first_alias: self.first_alias,
            popularity: self.popularity,
            key_entry: self.key_entry,
            key_name: self.key_name,
            same: Buckets::of(self.same),
            shape_key: self.shape_key,
            shape_letters: self.shape_letters,
            units: self.units,
            unit_end: self.unit_end,
            short: Buckets::of(self.short),
            pieces: Buckets::of(self.pieces),
            latin: Buckets::of(self.latin),
            foreign: Buckets::of(self.foreign),
            words: self.words,
            keys: self.keys,
        }
    }
}
