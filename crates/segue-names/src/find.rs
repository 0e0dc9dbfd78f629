//! What in a segment a question may mean.

use crate::buckets::hash_text;
use crate::distance::{self, within};
use crate::segment::{LONG, Letters, SHORT, Segment, Shape, allowed, leftovers, piece, pieces, shapes};
use crate::{hangul, keys, reading, sound};

/// The most names that one look takes a look at, and that it lays beside their sounds. A name that so many others are like is never found
/// alone.
const MOST_LOOKED_AT: usize = 100_000;
const MOST_SOUNDED: usize = 160;
/// How many names that begin with a text are looked at further, the best known ones.
const MOST_BEGUN: usize = 24;
/// How many ways to mend an error are tried.
const MOST_REPAIRED: usize = 6;
/// From how many sounds on something sounds like anything.
const SOUNDS: usize = 3;
/// From how many letters on a name with three errors is still worth a suggestion.
pub const FAR_LETTERS: usize = 12;

/// A question, read in every way.
pub struct Question {
    ways: Vec<Way>,
}

/// A way to read it.
struct Way {
    text: String,
    /// The errors that this way supposes.
    errors: usize,
    /// How many letters were read as an article with an error.
    article: usize,
    /// Whether there is no other error than those that this way supposes.
    is_exact: bool,
    is_mistyped: bool,
    shapes: Vec<(bool, Vec<u16>)>,
    /// Its sounds, as one word and word by word; none where it is looked for by its letters only.
    readings: Vec<String>,
    /// Whether its letters may be the sounds of a name in another script.
    is_latin: bool,
}

/// An entry that is meant perhaps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hit {
    pub entry: u32,
    pub key: u32,
    pub how: How,
}

/// In which way.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum How {
    /// The folded texts are equal.
    Same,
    /// So many errors, in a name of so many letters; how many the question has.
    Typing {
        errors: usize,
        letters: usize,
        asked: usize,
        of: Unit,
        left: Left,
        /// Whether the question has parts of syllables that stand alone, which are typing errors in any name.
        is_mistyped: bool,
    },
    /// What its sounds and the letters cost beside each other, and typing errors besides; how many letters there are, and how many
    /// consonants are heard.
    Sound {
        cost: u32,
        errors: u32,
        letters: usize,
        consonants: usize,
        /// Whether it has another name in the script of the question.
        is_named: bool,
    },
    /// The name, or a later word of it, begins so; whether whole words are equal, and which share of the name the question is.
    Begins { is_later: bool, is_whole: bool, share: f64 },
}

/// What is counted as a letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A letter of any script but Hangul.
    Letter,
    /// A key that writes Hangul.
    Key,
    /// A syllable of Hangul.
    Syllable,
}

/// What errors left of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// Its letters and no others, in another order.
    Order,
    /// All its letters, and some that came in.
    All,
    /// Some of its letters.
    Some,
}

impl Left {
    fn of(letters: &[u16], name: &[u16]) -> Left {
        let sorted = |units: &[u16]| {
            let mut units = units.to_vec();
            units.sort_unstable();
            units
        };
        let (letters, name) = (sorted(letters), sorted(name));
        let mut rest = letters.iter();
        match name.iter().all(|wanted| rest.any(|letter| letter == wanted)) {
            true if letters.len() == name.len() => Left::Order,
            true => Left::All,
            false => Left::Some,
        }
    }
}

impl Question {
    pub fn new(text: &str) -> Question {
        let asked = keys::of_question(text);
        let is_mistyped = asked.first().is_some_and(|main| hangul::has_lone(&main.text));
        let mut ways: Vec<Way> = asked.into_iter().map(|asked| Way::of(asked, is_mistyped)).collect();
        if is_mistyped && let Some(main) = ways.first().filter(|way| !way.shapes.is_empty()) {
            // What it sounds like without the error, whichever key that was.
            let repaired = hangul::repaired(&main.text).into_iter().take(MOST_REPAIRED);
            let repaired: Vec<Way> = repaired.map(Way::sound_of).collect();
            ways.extend(repaired);
        }
        Question { ways }
    }

    /// Whether there is nothing in it that a name could be of.
    pub fn is_empty(&self) -> bool {
        self.ways.is_empty()
    }

    /// What has this very name.
    pub fn same(&self, segment: &Segment) -> Vec<Hit> {
        let mut hits = Vec::new();
        for way in self.ways.iter().filter(|way| way.errors == 0) {
            for key in segment.same.get(hash_text(&way.text)) {
                // What is left out on either side is not left out on both.
                if segment.keys.get(*key) == way.text && (!way.is_exact || segment.is_main(*key)) {
                    hits.push(hit(segment, *key, How::Same));
                }
            }
        }
        hits
    }

    /// What the question is near to. `false`: there was too much to look at everything.
    pub fn near(&self, segment: &Segment) -> (Vec<Hit>, bool) {
        let mut hits = Vec::new();
        let mut is_complete = true;
        for way in &self.ways {
            is_complete &= way.typing(segment, &mut hits);
            if way.is_exact && way.errors > 0 {
                way.reading_so(segment, &mut hits);
            }
        }
        for way in self.ways.iter().filter(|way| !way.readings.is_empty() || way.is_latin) {
            way.sounding(segment, &mut hits);
        }
        if let Some(main) = self.ways.first().filter(|way| !way.shapes.is_empty()) {
            main.beginning(segment, &mut hits);
        }
        (hits, is_complete)
    }
}

fn hit(segment: &Segment, key: u32, how: How) -> Hit {
    Hit {
        entry: segment.entry_of(key),
        key,
        how,
    }
}

impl Way {
    fn of(asked: keys::Asked, is_mistyped: bool) -> Way {
        let is_near = !asked.is_exact && asked.text.len() <= 4 * LONG;
        let is_sound = (asked.errors == 0 && is_near) || (asked.is_exact && !asked.words.is_empty());
        let mut readings = Vec::new();
        if is_sound && let Some(whole) = reading::reading(&asked.text) {
            readings.push(whole);
            readings.extend(reading::by_words(&asked.words).filter(|by_words| *by_words != readings[0]));
        }
        Way {
            // Where parts of syllables stand alone the others may be cut elsewhere, too: then the keys count.
            shapes: match is_near {
                true => shapes(&asked.text)
                    .filter(|(is_syllables, _)| !(is_mistyped && *is_syllables))
                    .collect(),
                false => Vec::new(),
            },
            errors: usize::from(asked.errors),
            article: asked.article,
            is_mistyped,
            is_latin: is_near && is_sound && readings.is_empty(),
            is_exact: asked.is_exact,
            readings,
            text: asked.text,
        }
    }

    /// What is looked for by its sound only, after one error was mended.
    fn sound_of(text: String) -> Way {
        Way {
            readings: reading::reading(&text).into_iter().collect(),
            errors: 1,
            article: 0,
            is_exact: false,
            is_mistyped: true,
            shapes: Vec::new(),
            is_latin: false,
            text,
        }
    }

    /// What has this very text, which supposes errors.
    fn reading_so(&self, segment: &Segment, hits: &mut Vec<Hit>) {
        let letters = self.text.chars().count() + self.article;
        for key in segment.same.get(hash_text(&self.text)) {
            if segment.keys.get(*key) == self.text {
                let how = How::Typing {
                    errors: self.errors,
                    letters,
                    asked: letters,
                    of: Unit::Letter,
                    left: Left::Some,
                    is_mistyped: self.is_mistyped,
                };
                hits.push(hit(segment, *key, how));
            }
        }
    }

    fn typing(&self, segment: &Segment, hits: &mut Vec<Hit>) -> bool {
        let mut is_complete = true;
        for (is_syllables, units) in &self.shapes {
            let (near, complete) = candidates(segment, units);
            is_complete &= complete;
            for shape in near.into_iter().map(|shape| segment.shape(shape)) {
                if shape.is_syllables == *is_syllables
                    && let Some(errors) = self.errors_to(&shape, units)
                {
                    let how = How::Typing {
                        errors,
                        letters: shape.units.len() + self.article,
                        asked: units.len() + self.article,
                        is_mistyped: self.is_mistyped,
                        of: match shape.is_syllables {
                            true => Unit::Syllable,
                            false if shape.units.iter().any(|unit| hangul::is_key(*unit)) => Unit::Key,
                            false => Unit::Letter,
                        },
                        left: Left::of(units, shape.units),
                    };
                    hits.push(hit(segment, shape.key, how));
                }
            }
        }
        is_complete
    }

    fn errors_to(&self, shape: &Shape<'_>, units: &[u16]) -> Option<usize> {
        let letters = shape.units.len();
        let most = if letters >= FAR_LETTERS {
            distance::MOST
        } else {
            allowed(letters).min(most_in(units.len()))
        };
        let errors = within(units, shape.units, most.checked_sub(self.errors)?)?;
        // What differs in how its parts were written only is not the same text.
        Some((errors + self.errors).max(1))
    }

    fn sounding(&self, segment: &Segment, hits: &mut Vec<Hit>) {
        let mut skeletons = sound::skeletons(&self.text);
        skeletons.extend(self.readings.iter().skip(1).map(|sounds| sound::of_sounds(sounds)));
        skeletons.dedup();
        let mut seen = Vec::new();
        // Those that agree in everything first, so that the bound leaves out others.
        let most = match self.is_exact {
            true => 1,
            false => skeletons.iter().map(|s| s.len() + 1).max().unwrap_or(1),
        };
        for shorter in 0..most {
            for skeleton in skeletons.iter().filter_map(|s| sound::shorter(s).nth(shorter)) {
                let hash = hash_text(&skeleton);
                let latin = (!self.is_latin).then(|| segment.latin.get(hash)).into_iter().flatten();
                for key in latin.chain(segment.foreign.get(hash)) {
                    // What else falls into the same place is another one in every table: it is not seen yet.
                    let is_new = seen.len() < MOST_SOUNDED && !seen.contains(key);
                    if is_new && has_skeleton(segment.keys.get(*key), &skeleton) {
                        seen.push(*key);
                        hits.extend(self.sounds_like(segment, *key));
                    }
                }
            }
        }
    }

    fn sounds_like(&self, segment: &Segment, key: u32) -> Option<Hit> {
        let text = segment.keys.get(key);
        let other = reading::reading(text);
        if !self.is_latin && other.is_some() && hangul::has_hangul(text) == hangul::has_hangul(&self.text) {
            // Two names in Hangul are compared by their letters.
            return None;
        }
        let (sounds, letters) = match other {
            None if self.is_latin => return None,
            None => (self.readings.as_slice(), text.to_string()),
            Some(other) if self.is_latin => (&[other][..], self.text.clone()),
            Some(other) => (self.readings.as_slice(), reading::in_latin(&other)),
        };
        let length = sounds.iter().map(String::len).max()?.max(letters.len());
        let cost_of = |sounds: &String| match reading::spelt(&letters).is_some_and(|spelt| spelt == *sounds) {
            true => Some(0),
            false => sound::cost(sounds, &letters, most_for(length)),
        };
        let costs = sounds.iter().filter(|sounds| sounds.len() >= SOUNDS);
        let (cost, sounds) = costs
            .filter_map(|s| Some((cost_of(s)?, s)))
            .min_by_key(|(cost, _)| *cost)?;
        // Two words in the other order are half an error.
        let (errors, order) = match self.is_exact {
            true => (0, sound::ERROR / 2),
            false => (self.errors, 0),
        };
        let how = How::Sound {
            cost: cost + order,
            errors: errors.max(usize::from(self.is_mistyped)) as u32,
            letters: length,
            consonants: sound::of_sounds(sounds).len(),
            is_named: {
                let mut names = segment.names_of_entry(segment.entry_of(key));
                match self.is_latin {
                    true => names.any(|name| name.is_ascii()),
                    false => hangul::has_hangul(&self.text) && names.any(hangul::has_hangul),
                }
            },
        };
        Some(hit(segment, key, how))
    }

    fn beginning(&self, segment: &Segment, hits: &mut Vec<Hit>) {
        if self.text.chars().nth(1).is_none() {
            return;
        }
        let text = self.text.as_str();
        let words = &segment.words;
        let start = words.partition_point(|word| segment.since_word(*word) < text);
        let count = words[start..].partition_point(|word| segment.since_word(*word).starts_with(text));
        let begun = words[start..start + count].iter();
        let mut begun: Vec<(u32, u16, u32)> = begun.map(|(key, at)| (segment.entry_of(*key), *at, *key)).collect();
        // Entries stand in the order of how well they are known.
        if begun.len() > MOST_BEGUN {
            begun.select_nth_unstable(MOST_BEGUN);
            begun.truncate(MOST_BEGUN);
        }
        for (entry, at, key) in begun {
            let name = segment.alias_of(key).unwrap_or(segment.name(entry));
            let end = usize::from(at) + text.len();
            let how = How::Begins {
                is_later: at > 0,
                is_whole: keys::word_ends(name).any(|word| word == end),
                share: text.len() as f64 / segment.keys.get(key).len() as f64,
            };
            hits.push(hit(segment, key, how));
        }
    }
}

/// Whether a name is in the table of what sounds alike by this.
fn has_skeleton(name: &str, skeleton: &str) -> bool {
    sound::skeletons(name)
        .iter()
        .any(|own| sound::is_shorter(own, skeleton))
}

/// What a sound may cost at most to be thought of, for names of so many letters.
fn most_for(letters: usize) -> u32 {
    sound::ERROR / 2 + (letters as u32).min(25)
}

/// The shapes that may be within reach of these letters; `false` when there are more than are looked at.
fn candidates(segment: &Segment, units: &[u16]) -> (Vec<u32>, bool) {
    let mut near = Near {
        segment,
        letters: Letters::of(units),
        is_taken: vec![0; segment.shapes().div_ceil(64)],
        shapes: Vec::new(),
        left: MOST_LOOKED_AT,
    };
    let letters = units.len();
    let reach = most_in(letters);
    if letters <= SHORT + reach {
        leftovers(units, reach, |hash| near.take(segment.short.get(hash), reach, |_| true));
    }
    let longer = (SHORT + 1).max(letters.saturating_sub(reach))..=(letters + reach).min(LONG);
    for other in longer {
        let most = if other >= FAR_LETTERS { distance::MOST } else { reach };
        for (at, (start, length)) in pieces(other).into_iter().enumerate() {
            for begin in start.saturating_sub(reach)..=start + reach {
                // What is shifted before the piece, and after it, takes errors of its own.
                let before = begin.abs_diff(start);
                let after = (begin + other).abs_diff(start + letters);
                if before + after <= reach && begin + length <= letters {
                    let own = &units[begin..begin + length];
                    // Only what truly has the piece: what else the table brings along is another one in every table.
                    let has_it = |name: &[u16]| name.len() == other && &name[start..start + length] == own;
                    near.take(segment.pieces.get(piece(other, at, own)), most, has_it);
                }
            }
        }
    }
    (near.shapes, near.left > 0)
}

/// Shapes that are worth to be compared, each once.
struct Near<'s> {
    segment: &'s Segment,
    letters: Letters,
    /// A bit for each shape.
    is_taken: Vec<u64>,
    shapes: Vec<u32>,
    /// How many more are looked at.
    left: usize,
}

impl Near<'_> {
    fn take(&mut self, shapes: &[u32], most: usize, is_it: impl Fn(&[u16]) -> bool) {
        for shape in shapes {
            let (at, bit) = (*shape as usize / 64, 1_u64 << (shape % 64));
            if self.left == 0 || self.is_taken[at] & bit != 0 {
                continue;
            }
            self.left -= 1;
            if self.letters.is_within(self.segment.letters(*shape), most) && is_it(self.segment.shape(*shape).units) {
                self.is_taken[at] |= bit;
                self.shapes.push(*shape);
            }
        }
    }
}

/// How many errors a question of so many letters may have: with two, three letters are no longer anybody's.
fn most_in(letters: usize) -> usize {
    if letters < 4 { 1 } else { 2 }
}
