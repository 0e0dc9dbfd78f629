//! Whether it is sure what a question means.
//!
//! It is said to be one only where nothing else could be meant. Two errors are what people make, so whatever lies within two of the
//! question counts as possible, however near the best one is (but for short names, which are within two of everything); names in another
//! script that sound the same count, too, and a sound is sure only by a margin to every other one. The exception is the very name: who
//! writes that means it, and where several have it, it stays several.

use crate::answer::{Answer, Candidate, Reason};
use crate::find::{FAR_LETTERS, Hit, How, Left, Unit};
use crate::fold;
use crate::segment::{Segment, allowed};
use crate::sound::ERROR;

/// The most candidates of an answer.
const MOST: usize = 10;
/// How much more than the best a sound has to cost to be no longer thought of.
const MARGIN: u32 = ERROR / 2;
/// The same, where the best costs nothing.
const CLEAR_MARGIN: u32 = 3;

/// A hit and the segment that it is in.
#[derive(Clone, Copy)]
pub struct Found<'i> {
    pub segment: &'i Segment,
    pub hit: Hit,
}

impl Found<'_> {
    /// Which of its names it is that was found.
    fn name(&self) -> &str {
        let Found { segment, hit } = self;
        segment.alias_of(hit.key).unwrap_or(segment.name(hit.entry))
    }

    fn is_own_name(&self) -> bool {
        self.segment.alias_of(self.hit.key).is_none()
    }
}

/// The answer where something has the very name of this text. Its own name, written as it is, comes before what others are called besides
/// if that is another text that only folds to the same: `MAMAMOO+` is not `MAMAMOO`.
pub fn same(text: &str, found: &[Found<'_>]) -> Answer {
    let own: Vec<Found<'_>> = found.iter().copied().filter(Found::is_own_name).collect();
    if let [first, rest @ ..] = &own[..]
        && rest.iter().all(|other| is_same_entry(first, other))
    {
        let text = fold::written(text);
        let is_other = |f: &Found<'_>| is_same_entry(first, f) || fold::written(f.name()) != text;
        if own.iter().any(|f| fold::written(f.name()) == text) && found.iter().all(is_other) {
            return answer(ranked(&own));
        }
    }
    answer(ranked(found))
}

/// One, or several where there is more than one.
fn answer(mut candidates: Vec<Candidate>) -> Answer {
    match candidates.len() {
        1 => Answer::One(candidates.remove(0)),
        _ => Answer::Several(candidates),
    }
}

/// The answer where nothing has. `is_complete`: nothing within reach was left out.
pub fn near(found: &[Found<'_>], is_complete: bool) -> Answer {
    if is_complete && let Some(one) = only(found) {
        return answer(ranked(&one));
    }
    let listed: Vec<Found<'_>> = found.iter().copied().filter(|f| is_listed(f.hit.how)).collect();
    match listed.is_empty() {
        true => Answer::None(ranked(found)),
        false => Answer::Several(ranked(&listed)),
    }
}

/// What was found of the only one that could be meant.
fn only<'i>(found: &[Found<'i>]) -> Option<Vec<Found<'i>>> {
    let near_enough = found.iter().filter(|f| is_near_enough(f.hit.how));
    let best = near_enough.max_by(|a, b| score(a.hit.how).total_cmp(&score(b.hit.how)))?;
    let (own, others): (Vec<Found<'i>>, Vec<Found<'i>>) = found.iter().partition(|f| is_same_entry(best, f));
    let reasons: Vec<How> = own
        .iter()
        .map(|f| f.hit.how)
        .filter(|how| is_near_enough(*how))
        .collect();
    let is_left_out = |rival: &Found<'_>| reasons.iter().any(|how| leaves_out(*how, rival.hit.how));
    others.iter().all(is_left_out).then_some(own)
}

fn is_same_entry(a: &Found<'_>, b: &Found<'_>) -> bool {
    std::ptr::eq(a.segment, b.segment) && a.hit.entry == b.hit.entry
}

/// Whether nobody thinks of the other one beside this one.
fn leaves_out(how: How, other: How) -> bool {
    match (how, other) {
        (_, How::Same) => false,
        // `jackson` is within one of `The Jackson 5`, and is a word of `Michael Jackson`.
        (_, How::Begins { is_whole, .. }) => !is_whole,
        (_, How::Typing { errors, letters, .. }) if errors > allowed(letters) => true,
        // One error in five letters or more leaves out two errors in a short name, and so does what sounds the same.
        (
            How::Typing {
                errors: 1,
                letters,
                asked,
                left,
                is_mistyped,
                ..
            },
            How::Typing { .. },
        ) => is_short(other) && (is_mistyped || letters.min(asked) >= 5 || left == Left::Order),
        // What sounds just the same leaves out typing errors in short names, and a syllable that is another one in most of its keys; but
        // not one too many or too few.
        (How::Sound { letters, is_named, .. }, How::Typing { of, .. })
            if cost(how) > letters as u32 / 8 || (is_named && of == Unit::Letter && letters <= 5) =>
        {
            false
        }
        (
            How::Sound { .. },
            How::Typing {
                of: Unit::Syllable,
                letters,
                asked,
                left: Left::Some,
                ..
            },
        ) if letters == asked => true,
        (How::Sound { .. }, How::Typing { .. }) => is_short(other),
        // A syllable that is another one altogether may be that of another name which only its sound is known of.
        (How::Typing { of: Unit::Syllable, .. }, How::Sound { .. }) => !is_listed(other),
        // Two errors in a short name are no better than what sounds a little like it.
        (How::Typing { errors: 2, letters, .. }, How::Sound { .. }) if letters < 8 => !is_listed(other),
        (
            How::Typing { errors, .. },
            How::Sound {
                cost,
                errors: besides,
                letters,
                ..
            },
        ) if besides > 0 => cost > letters as u32 / 8 || besides as usize > errors,
        (How::Typing { .. }, How::Sound { cost, letters, .. }) => cost > sure_sound(letters),
        (How::Sound { .. }, How::Sound { .. }) => {
            cost(other) >= cost(how) + if cost(how) == 0 { CLEAR_MARGIN } else { MARGIN }
        }
        _ => false,
    }
}

/// What a sound costs with its errors.
fn cost(how: How) -> u32 {
    match how {
        How::Sound { cost, errors, .. } => cost + errors * ERROR,
        _ => 0,
    }
}

/// Two errors in a name that is so short that they could make any other of it.
fn is_short(how: How) -> bool {
    match how {
        How::Typing {
            errors: 2, letters, of, ..
        } => match of {
            Unit::Letter => letters <= 5,
            Unit::Key => letters <= 7,
            Unit::Syllable => letters <= 5,
        },
        _ => false,
    }
}

/// Whether it is near enough to be meant, if it is the only one. Short names are near to everything.
fn is_near_enough(how: How) -> bool {
    match how {
        How::Same => true,
        How::Typing {
            errors,
            letters,
            of,
            left,
            is_mistyped,
            ..
        } => {
            // A letter that came in, or changed places, says less than one that is another: `이화자` is not `이미자`.
            let enough = match (of, left) {
                (Unit::Letter, Left::Order) => [3, 6],
                (Unit::Letter, Left::All) => [5, 6],
                (Unit::Letter, Left::Some) => [5, 8],
                // What cannot be anybody's name is somebody's with an error.
                (Unit::Key, _) if is_mistyped => [4, 8],
                (Unit::Key, Left::Order | Left::All) => [6, 9],
                (Unit::Key, Left::Some) => [6, 10],
                (Unit::Syllable, Left::Order | Left::All) => [3, 5],
                (Unit::Syllable, Left::Some) => [4, 7],
            };
            errors <= enough.len() && letters >= enough[errors - 1]
        }
        How::Sound {
            cost,
            errors,
            letters,
            consonants,
            is_named,
        } => {
            // Who has a name in this script is written so, or sounds just the same.
            if is_named && cost > letters as u32 / 8 {
                return false;
            }
            // Two consonants are what many names have: then everything has to fit.
            match (errors, consonants) {
                (_, 0..=1) => false,
                (0, 2) => letters >= 5 && cost <= (letters as u32 - 1) / 5,
                (0, 3) if letters >= 8 => cost <= letters as u32 / 2,
                (0, 4..) if letters >= 8 => cost <= letters as u32 * 3 / 5,
                (0, _) => cost <= sure_sound(letters),
                _ => consonants >= 4 && letters >= 8 && cost <= sure_sound(letters),
            }
        }
        How::Begins { .. } => false,
    }
}

/// What names of so many letters that sound the same may cost.
fn sure_sound(letters: usize) -> u32 {
    (letters as u32 / 3).min(5)
}

/// Whether it is worth asking back for, rather than a suggestion.
fn is_listed(how: How) -> bool {
    match how {
        How::Typing { errors, letters, .. } => errors <= allowed(letters) || letters >= FAR_LETTERS,
        How::Sound {
            cost, errors, letters, ..
        } => cost + errors * ERROR / 2 <= ERROR / 2 + letters as u32 * 4 / 5,
        How::Same | How::Begins { .. } => true,
    }
}

/// How near it is, from 0 to 1.
fn score(how: How) -> f64 {
    match how {
        How::Same => 1.0,
        How::Typing { errors, letters, .. } => 0.95 - 0.8 * errors as f64 / letters.max(errors) as f64,
        How::Sound {
            cost, errors, letters, ..
        } => 0.9 - f64::from(cost + errors * ERROR) / f64::from(ERROR) / letters as f64 * 1.5,
        How::Begins { is_later, share, .. } => 0.5 + 0.35 * share - if is_later { 0.1 } else { 0.0 },
    }
}

fn reason(how: How) -> Reason {
    match how {
        How::Same => Reason::Same,
        How::Typing { errors, .. } => Reason::Typing(errors as u8),
        How::Sound { .. } => Reason::Sound,
        How::Begins { is_later: false, .. } => Reason::Begins,
        How::Begins { is_later: true, .. } => Reason::Word,
    }
}

/// Each entry once, by the best that was found of it; the nearest and best known first, and no more than an answer has.
fn ranked(found: &[Found<'_>]) -> Vec<Candidate> {
    let mut best: Vec<(f64, Found<'_>)> = found.iter().map(|f| (score(f.hit.how), *f)).collect();
    let place = |found: &Found<'_>| (std::ptr::from_ref(found.segment) as usize, found.hit.entry);
    best.sort_by(|a, b| {
        let by_entry = place(&a.1).cmp(&place(&b.1));
        by_entry
            .then_with(|| b.0.total_cmp(&a.0))
            .then_with(|| a.1.hit.key.cmp(&b.1.hit.key))
    });
    best.dedup_by(|later, first| is_same_entry(&later.1, &first.1));
    // How well known it is counts as much as a small part of an error.
    let known = |found: &Found<'_>| found.segment.popularity(found.hit.entry);
    let most = best.iter().filter_map(|(_, f)| known(f)).fold(0.0, f64::max);
    let rank = |(score, found): &(f64, Found<'_>)| match known(found) {
        Some(known) if most > 0.0 => score + 0.05 * (known / most).max(0.0),
        _ => *score,
    };
    best.sort_by(|a, b| {
        let (left, right) = ((a.1.segment, a.1.hit.entry), (b.1.segment, b.1.hit.entry));
        let by_name = || left.0.name(left.1).cmp(right.0.name(right.1));
        let by_id = || left.0.id(left.1).cmp(right.0.id(right.1));
        rank(b).total_cmp(&rank(a)).then_with(by_name).then_with(by_id)
    });
    best.truncate(MOST);
    best.iter().map(|(score, found)| candidate(*score, found)).collect()
}

fn candidate(score: f64, Found { segment, hit }: &Found<'_>) -> Candidate {
    Candidate {
        id: segment.id(hit.entry).to_string(),
        name: segment.name(hit.entry).to_string(),
        alias: segment.alias_of(hit.key).map(str::to_string),
        reason: reason(hit.how),
        score: (score * 1000.0).round() / 1000.0,
        popularity: segment.popularity(hit.entry),
    }
}

#[cfg(test)]
mod tests;
