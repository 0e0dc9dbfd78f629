//! The ways to write a name, and to read a question, after folding.

use crate::distance::edit_distance;
use crate::fold::Folded;

/// A way to write a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// The folded text.
    pub text: String,
    /// Where its words begin; empty for a way beside the main one.
    pub words: Vec<u16>,
}

/// The ways to write a name; the first is the main one.
pub fn of_name(name: &str) -> Vec<Key> {
    let folded = Folded::of(name);
    let main = folded.without_the();
    let text = main.text();
    // Where parts of letters met that stood in two words, the words are no longer to be told apart.
    let is_parted = text == main.words.concat();
    let mut at = 0;
    let starts = main.words.iter().map(|word| {
        at += word.len();
        at - word.len()
    });
    let starts = starts.take(if is_parted { usize::MAX } else { 1 });
    let words = starts.map_while(|start| u16::try_from(start).ok()).collect();
    let mut keys = vec![Key { text, words }];
    for text in beside(name, &folded, &main) {
        if !text.is_empty() && keys.iter().all(|key| key.text != text) {
            keys.push(Key {
                text,
                words: Vec::new(),
            });
        }
    }
    keys
}

/// Where in the main way to write a name its words end.
pub fn word_ends(name: &str) -> impl Iterator<Item = usize> {
    let mut at = 0;
    Folded::of(name).without_the().words.into_iter().map(move |word| {
        at += word.len();
        at
    })
}

/// A way to read a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The folded text.
    pub text: String,
    /// The errors that reading it so supposes.
    pub errors: u8,
    /// How many letters of the question were read as an article with an error.
    pub article: usize,
    /// Its words; none for a way beside the main one.
    pub words: Vec<String>,
    /// Whether it counts only as the very name: what it is near to, another way is near to as well.
    pub is_exact: bool,
}

/// The ways to read a question; the first is the main one. None for a text that holds nothing.
pub fn of_question(text: &str) -> Vec<Asked> {
    let folded = Folded::of(text);
    let main = folded.without_the();
    let mut ways = vec![Asked {
        text: main.text(),
        errors: 0,
        article: 0,
        words: main.words.clone(),
        is_exact: false,
    }];
    let mut add = |way: Asked| {
        if !way.text.is_empty() && ways.iter().all(|known| known.text != way.text) {
            ways.push(way);
        }
    };
    for text in beside(text, &folded, &main) {
        add(Asked {
            text,
            errors: 0,
            article: 0,
            words: Vec::new(),
            is_exact: true,
        });
    }
    // An article as Korean and Japanese write it.
    let [first, rest @ ..] = &main.words[..] else {
        return ways;
    };
    if !rest.is_empty() && matches!(first.as_str(), "더" | "디" | "ざ" | "じ") {
        add(Asked {
            text: rest.concat(),
            errors: 0,
            article: 0,
            words: rest.to_vec(),
            is_exact: false,
        });
    }
    // An article that lost its space, or that was mistyped itself.
    let mut mistyped = |text: String, article: usize| {
        add(Asked {
            text,
            errors: 1,
            article,
            words: Vec::new(),
            is_exact: false,
        });
    };
    let text = folded.text();
    if let Some(rest) = text.strip_prefix("the").filter(|rest| rest.chars().count() >= 4) {
        mistyped(rest.to_string(), 3);
    }
    let from_the = edit_distance(first, "the");
    if !rest.is_empty() && from_the == 1 {
        mistyped(rest.concat(), 3);
    }
    // What is no other error than these: an article that is hardly one, and the family name in the other place.
    let mut exactly = |text: String, errors: u8, article: usize, words: Vec<String>| {
        add(Asked {
            text,
            errors,
            article,
            words,
            is_exact: true,
        });
    };
    if !rest.is_empty() && from_the == 2 && (2..=4).contains(&first.chars().count()) {
        exactly(rest.concat(), 2, 3, Vec::new());
    }
    if let [second] = rest {
        exactly(format!("{second}{first}"), 1, 0, vec![second.clone(), first.clone()]);
    }
    ways.retain(|way| !way.text.is_empty());
    ways
}

/// The ways beside the main one that take nothing for an error.
fn beside(name: &str, folded: &Folded, main: &Folded) -> Vec<String> {
    let mut texts = vec![folded.text()];
    texts.extend(main.without_a().map(|f| f.text()));
    texts.extend(main.with_n_as_and().map(|f| f.text()));
    texts.extend(main.without_brackets().map(|f| f.text()));
    texts.extend(main.umlauts.as_ref().map(|words| words.concat()));
    if folded.has_sign_as_letter {
        texts.push(Folded::without_signs(name).without_the().text());
    }
    texts
}
