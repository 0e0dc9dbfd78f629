//! What a message may ask.

use crate::language::{self, Speaks, is_spaced};
use crate::letters::{Letter, folded, letters, tidy};
use crate::payload::Payload;
use segue_spec::model::Chat;
use segue_spec::model::chat::{Intent, Said, limits};

/// In how many ways a message is read at most. Each may have to be looked up.
const MOST_READINGS: usize = 8;

/// What a message is.
#[derive(Clone, Debug, PartialEq)]
pub enum Asked<'c> {
    /// It is too long to be read.
    TooLong,
    /// There is nothing in it.
    Nothing,
    /// A choice among what was offered.
    Choice(Payload),
    /// It may be one of these, the likeliest first; none where no intent is about what it may name.
    Readings(Vec<Reading<'c>>),
}

/// A way to read a message.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading<'c> {
    /// What it asks.
    pub intent: &'c Intent,
    /// What it names: the word for the kind of thing, and the name as it was typed.
    pub name: Option<(&'c str, String)>,
    /// The language in which it is answered.
    pub language: &'c str,
    /// How many letters of it were words of a phrase.
    letters: usize,
}

/// Reads a message: whatever somebody typed, nothing in which is an instruction to anybody.
pub fn read<'c>(chat: &'c Chat, message: &str, speaks: &Speaks) -> Asked<'c> {
    // Counted before anything else is done with it.
    if message.chars().nth(limits::MESSAGE).is_some() {
        return Asked::TooLong;
    }
    if let Some(choice) = Payload::parse(chat, message.trim()) {
        return Asked::Choice(choice);
    }
    let text = tidy(message, false);
    if text.is_empty() {
        return Asked::Nothing;
    }
    let letters = letters(&text);
    let mut readings: Vec<Reading<'c>> = Vec::new();
    for intent in std::iter::once(&chat.greeting).chain(&chat.intents) {
        for said in &intent.phrases {
            let Some((name, count)) = fits(said, &text, &letters) else {
                continue;
            };
            let phrase = said.language.as_deref().filter(|_| count > 0);
            let name = name.and_then(|name| Some((said.phrase.thing.as_deref()?, name)));
            readings.push(Reading {
                intent,
                name,
                language: language::of(chat, &text, phrase, speaks),
                letters: count,
            });
        }
    }
    // A whole message that is a phrase is that; then comes what was written out most. What is equal stands in the order of the file.
    readings.sort_by_key(|reading| (reading.name.is_some(), std::cmp::Reverse(reading.letters)));
    let mut once: Vec<Reading<'c>> = Vec::new();
    for reading in readings {
        let is_same = |other: &Reading<'c>| other.intent.name == reading.intent.name && other.name == reading.name;
        if !once.iter().any(is_same) {
            once.push(reading);
        }
    }
    once.truncate(MOST_READINGS);
    Asked::Readings(once)
}

/// The name in a text that is such a phrase, if the phrase has one, and how many letters were its words. `None`: it is another.
fn fits(said: &Said, text: &str, letters: &[Letter]) -> Option<(Option<String>, usize)> {
    let phrase = &said.phrase;
    let (before, after) = (folded(&phrase.before), folded(&phrase.after));
    let count = before.len() + after.len();
    if phrase.thing.is_none() {
        let is_it = letters.len() == before.len() && is(letters, &before);
        return is_it.then_some((None, count));
    }
    if letters.len() < count || !is(&letters[..before.len()], &before) {
        return None;
    }
    let behind = &letters[letters.len() - after.len()..];
    if !is(behind, &after) {
        return None;
    }
    let start = before.len().checked_sub(1).map_or(0, |last| letters[last].end);
    let end = behind.first().map_or(text.len(), |first| first.start);
    let middle = text.get(start..end)?;
    // Where words stand apart, `genres of x` does not begin with `genre`.
    let touches = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    let ends_a_word =
        !phrase.spaced_before || before.last().is_none_or(|c| !is_spaced(*c)) || !touches(middle.chars().next());
    let begins_a_word =
        !phrase.spaced_after || after.first().is_none_or(|c| !is_spaced(*c)) || !touches(middle.chars().next_back());
    let name = named(middle);
    (ends_a_word && begins_a_word && !name.is_empty()).then_some((Some(name), count))
}

fn is(letters: &[Letter], word: &[char]) -> bool {
    letters.len() == word.len() && letters.iter().zip(word).all(|(letter, c)| letter.letter == *c)
}

/// What stands around a name and is none of it; a name of nothing else stays what it is.
fn named(middle: &str) -> String {
    let middle = middle.trim();
    let around = |c: char| c.is_whitespace() || "?？:：,，;；'’‘\"“”`".contains(c);
    match middle.trim_matches(around) {
        "" => middle.to_string(),
        name => name.to_string(),
    }
}

#[cfg(test)]
mod tests;
