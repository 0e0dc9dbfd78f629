//! What somebody says to a chat, as it is written in `match:`: `{artist}[의] 장르 [알려줘|뭐야]`.
//!
//! `{artist}` stands for the name of a thing, `[a|b]` for one of several or nothing, `(a|b)` for one of several. Brackets do not stand in
//! each other.

use serde::{Deserialize, Serialize};
use std::ops::Range;

/// How many ways of saying it one text may stand for.
pub const MOST_WAYS: usize = 500;

/// One way of saying something: words, and the place of a name between them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Phrase {
    /// The words before the name; all of them where no name stands in it.
    pub before: String,
    /// What is named: a key of `resolve:`.
    pub thing: Option<String>,
    /// The words after the name.
    pub after: String,
    /// Whether a space stands between the words before and the name.
    pub spaced_before: bool,
    /// Whether a space stands between the name and the words after.
    pub spaced_after: bool,
}

/// Why a text is no phrase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PhraseMistake {
    /// Where in the text.
    pub bytes: Range<usize>,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: String,
}

/// A part of a text.
enum Part {
    /// One of these; a single one where nothing is to be chosen.
    Words(Vec<String>),
    Thing(String),
}

/// The ways of saying it that a text stands for, in the order in which they are written.
///
/// # Errors
/// What is wrong with it, and where.
pub fn phrases(text: &str) -> Result<Vec<Phrase>, PhraseMistake> {
    let parts = parts(text)?;
    let mut ways = 1_usize;
    for part in &parts {
        if let Part::Words(words) = part {
            ways = ways.saturating_mul(words.len());
        }
    }
    if ways > MOST_WAYS {
        let message = format!("this stands for {ways} ways of saying it, and {MOST_WAYS} are the most");
        return Err(mistake(0..text.len(), message, "write several shorter phrases"));
    }
    let mut said: Vec<Phrase> = vec![Phrase::nothing()];
    for part in &parts {
        said = match part {
            Part::Thing(name) => said.iter().map(|phrase| phrase.naming(name)).collect(),
            Part::Words(words) => {
                let each = |phrase: &Phrase| words.iter().map(|word| phrase.with(word)).collect::<Vec<_>>();
                said.iter().flat_map(each).collect()
            }
        };
    }
    let said: Vec<Phrase> = said.into_iter().map(Phrase::tidied).collect();
    if said
        .iter()
        .any(|phrase| phrase.thing.is_none() && !has_letter(&phrase.before))
    {
        let hint = "write what somebody says, or `{…}` with a key of `resolve:`";
        return Err(mistake(0..text.len(), "a phrase has no letters in it", hint));
    }
    Ok(said)
}

fn has_letter(text: &str) -> bool {
    text.chars().any(char::is_alphanumeric)
}

fn mistake(bytes: Range<usize>, message: impl Into<String>, hint: impl Into<String>) -> PhraseMistake {
    PhraseMistake {
        bytes,
        message: message.into(),
        hint: hint.into(),
    }
}

fn parts(text: &str) -> Result<Vec<Part>, PhraseMistake> {
    let (mut parts, mut at) = (Vec::new(), 0);
    let mut named = false;
    while let Some(found) = text[at..].find(['{', '[', '(', '}', ']', ')', '|']) {
        let open = at + found;
        if open > at {
            parts.push(Part::Words(vec![text[at..open].to_string()]));
        }
        let close = match &text[open..=open] {
            "{" => '}',
            "[" => ']',
            "(" => ')',
            other => {
                let hint = "`{…}` is a name, `[…|…]` may be said, and of `(…|…)` one is said";
                return Err(mistake(open..open + 1, format!("`{other}` stands alone"), hint));
            }
        };
        let inside = open + 1..text[open..].find(close).map_or(text.len(), |end| open + end);
        if inside.end == text.len() {
            let message = format!("`{}` is not closed", &text[open..=open]);
            return Err(mistake(open..open + 1, message, format!("write `{close}` after it")));
        }
        let words = &text[inside.clone()];
        if let Some(nested) = words.find(['{', '[', '(', '}', ']', ')']) {
            let nested = inside.start + nested;
            let hint = "write the ways of saying it as several phrases";
            return Err(mistake(nested..nested + 1, "brackets do not stand in each other", hint));
        }
        match close {
            '}' if named => {
                let hint = "a message names one thing";
                return Err(mistake(
                    open..inside.end + 1,
                    "a second name stands in this phrase",
                    hint,
                ));
            }
            '}' => {
                named = true;
                parts.push(Part::Thing(words.trim().to_string()));
            }
            _ => {
                let mut all: Vec<String> = words.split('|').map(str::to_string).collect();
                if close == ']' {
                    all.push(String::new());
                }
                parts.push(Part::Words(all));
            }
        }
        at = inside.end + 1;
    }
    if at < text.len() {
        parts.push(Part::Words(vec![text[at..].to_string()]));
    }
    Ok(parts)
}

impl Phrase {
    fn nothing() -> Phrase {
        Phrase {
            before: String::new(),
            thing: None,
            after: String::new(),
            spaced_before: false,
            spaced_after: false,
        }
    }

    fn naming(&self, thing: &str) -> Phrase {
        Phrase {
            thing: Some(thing.to_string()),
            ..self.clone()
        }
    }

    fn with(&self, words: &str) -> Phrase {
        let mut phrase = self.clone();
        match phrase.thing {
            None => phrase.before.push_str(words),
            Some(_) => phrase.after.push_str(words),
        }
        phrase
    }

    fn tidied(self) -> Phrase {
        let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        Phrase {
            spaced_before: self.before.ends_with(char::is_whitespace),
            spaced_after: self.after.starts_with(char::is_whitespace),
            before: words(&self.before),
            after: words(&self.after),
            thing: self.thing,
        }
    }

    /// Whether it is a name and nothing else.
    pub fn is_bare(&self) -> bool {
        self.thing.is_some() && !has_letter(&self.before) && !has_letter(&self.after)
    }
}

#[cfg(test)]
mod tests;
