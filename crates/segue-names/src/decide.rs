//! Whether it is sure what a question means.
//!
//! It is said to be one only where nothing else could be meant. Two errors are what people make, so whatever lies within two of the
//! question counts as possible, however near the best one is (but for short names, which are within two of everything); names in another
//! script that sound the same count, too. The exception is the very name: who writes that means it, and where several have it, it stays
//! several.

use crate::answer::{Answer, Candidate, Reason};
use crate::find::{Hit, How, Left, Unit};
use crate::segment::{Segment, allowed};
use crate::sound::ERROR;

/// The most candidates of an answer.
const MOST: usize = 10;

/// A hit and the segment that it is in.
#[derive(Clone, Copy)]
pub struct Found<'i> {
    pub segment: &'i Segment,
    pub hit: Hit,
}

/// The answer where something has the very name.
pub fn same(found: &[Found<'_>]) -> Answer {
    let mut candidates = ranked(found);
    match candidates.len() {
        1 => Answer::One(candidates.remove(0)),
        _ => Answer::Several(candidates),
    }
}

/// The answer where nothing has. `is_complete`: nothing within reach was left out.
pub fn near(found: &[Found<'_>], is_complete: bool) -> Answer {
    let mut possible: Vec<Found<'_>> = found.iter().copied().filter(|f| is_possible(f.hit.how)).collect();
    if possible.iter().any(|f| is_one_error(f.hit.how)) {
        possible.retain(|f| !is_short_with_two(f.hit.how));
    }
    let is_one = possible.iter().all(|other| is_same_entry(&possible[0], other));
    let is_near = possible.iter().any(|f| is_near_enough(f.hit.how));
    if is_one && is_near && is_complete {
        return same(&possible);
    }
    let listed: Vec<Found<'_>> = found.iter().copied().filter(|f| is_listed(f.hit.how)).collect();
    match listed.is_empty() {
        true => Answer::None(ranked(found)),
        false => Answer::Several(ranked(&listed)),
    }
}

fn is_same_entry(a: &Found<'_>, b: &Found<'_>) -> bool {
    std::ptr::eq(a.segment, b.segment) && a.hit.entry == b.hit.entry
}

/// Whether it could be what is meant, so that nothing else is sure beside it.
fn is_possible(how: How) -> bool {
    match how {
        How::Same => true,
        How::Typing { errors, letters, .. } => errors <= allowed(letters),
        How::Sound { cost, letters, .. } => cost <= sure_sound(letters) + ERROR / 5,
        // `jackson` is within one of `The Jackson 5`, and is a word of `Michael Jackson`.
        How::Begins { is_whole, .. } => is_whole,
    }
}

/// One error in five letters or more, beside which nobody thinks of a short name with two.
fn is_one_error(how: How) -> bool {
    matches!(how, How::Typing { errors: 1, letters, asked, of: Unit::Letter, .. } if letters >= 5 && asked >= 5)
}

fn is_short_with_two(how: How) -> bool {
    matches!(how, How::Typing { errors: 2, letters, of: Unit::Letter, .. } if letters <= 5)
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
            ..
        } => {
            // A letter that came in, or changed places, says less than one that is another: `이화자` is not `이미자`.
            let enough = match (of, left) {
                (Unit::Letter, Left::Order) => [3, 6],
                (Unit::Letter, Left::All) => [5, 6],
                (Unit::Letter, Left::Some) => [5, 8],
                (Unit::Key, Left::Order | Left::All) => [6, 9],
                (Unit::Key, Left::Some) => [6, 10],
                (Unit::Syllable, Left::Order | Left::All) => [3, 5],
                (Unit::Syllable, Left::Some) => [4, 7],
            };
            errors <= enough.len() && letters >= enough[errors - 1]
        }
        How::Sound {
            cost,
            letters,
            consonants,
        } => {
            // Two consonants are what many names have: then everything has to fit.
            (consonants >= 3 && cost <= sure_sound(letters)) || (consonants == 2 && letters >= 5 && cost == 0)
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
        How::Typing { errors, letters, .. } => errors <= allowed(letters),
        How::Sound { cost, letters, .. } => cost <= ERROR / 2 + letters as u32 * 4 / 5,
        How::Same | How::Begins { .. } => true,
    }
}

/// How near it is, from 0 to 1.
fn score(how: How) -> f64 {
    match how {
        How::Same => 1.0,
        How::Typing { errors, letters, .. } => 0.95 - 0.8 * errors as f64 / letters.max(errors) as f64,
        How::Sound { cost, letters, .. } => 0.9 - f64::from(cost) / f64::from(ERROR) / letters as f64 * 1.5,
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
