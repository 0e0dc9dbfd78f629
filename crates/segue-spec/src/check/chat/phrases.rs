//! What somebody says: whether it can be read, what it is about, and whether two intents claim it.

use super::{About, Looked, there_are};
use crate::phrase::{Phrase, phrases};
use crate::yaml::{Node, Value};
use segue_diag::{CHAT_NAME, CHAT_PHRASE, CHAT_PHRASE_TWICE, Diagnostic, Span};
use std::collections::BTreeMap;

/// Looks at the phrases of every intent.
pub(super) fn look(looked: &mut Looked<'_>) {
    let mut said: BTreeMap<(String, bool, String), (usize, Span)> = BTreeMap::new();
    for at in 0..looked.intents.len() {
        let Some(node) = looked.intents[at].node.get("match") else {
            continue;
        };
        let before = looked.found.len();
        let mut about: Option<(About<'_>, &Node)> = None;
        for (node, phrase) in each(looked, node) {
            let is = match &phrase.thing {
                None => About::Nothing,
                Some(thing) => match looked.things.iter().find(|known| *known == thing) {
                    Some(thing) => About::Thing(thing),
                    None => {
                        unknown(looked, node, thing);
                        continue;
                    }
                },
            };
            match about {
                None => about = Some((is, node)),
                Some((first, other)) if first != is => differ(looked, (first, other), (is, node)),
                Some(_) => {}
            }
            let key = key(&phrase);
            match said.get(&key) {
                Some((other, place)) if *other != at => twice(looked, *other, place.clone(), node),
                Some(_) => {}
                None => drop(said.insert(key, (at, node.span(looked.file)))),
            }
        }
        let is_right = looked.found.len() == before;
        looked.intents[at].about = match about {
            Some((about, _)) if is_right => about,
            _ => About::Unknown,
        };
    }
}

/// Every phrase that can be read, with the node in which it stands.
fn each<'n>(looked: &mut Looked<'_>, node: &'n Node) -> Vec<(&'n Node, Phrase)> {
    let mut texts: Vec<&Node> = Vec::new();
    let mut add = |node: &'n Node| match node.text() {
        Some(_) => texts.push(node),
        None => texts.extend(node.items().iter().filter(|item| item.text().is_some())),
    };
    match &node.value {
        Value::Mapping(entries) => {
            for entry in entries {
                let place = looked.span(&entry.bytes);
                looked.speaks(&entry.key, place);
                add(&entry.value);
            }
        }
        _ => add(node),
    }
    let mut read = Vec::new();
    for node in texts {
        match phrases(node.text().unwrap_or_default()) {
            Ok(ways) => read.extend(ways.into_iter().map(|phrase| (node, phrase))),
            Err(mistake) => {
                let place = node.part(looked.file, mistake.bytes);
                looked.report(CHAT_PHRASE, place, mistake.message, Some(mistake.hint));
            }
        }
    }
    read
}

fn unknown(looked: &mut Looked<'_>, node: &Node, thing: &str) {
    let written = format!("{{{thing}}}");
    let at = node.text().and_then(|text| text.find(&written));
    let place = at.map_or_else(
        || node.span(looked.file),
        |at| node.part(looked.file, at..at + written.len()),
    );
    let hint = match looked.things.is_empty() {
        true => format!("say where it is looked for: `resolve: {{ {thing}: {{ in: … }} }}`"),
        false => there_are("thing", thing, &looked.things),
    };
    looked.report(CHAT_NAME, place, format!("nothing says what `{thing}` is"), Some(hint));
}

fn differ(looked: &mut Looked<'_>, first: (About<'_>, &Node), other: (About<'_>, &Node)) {
    let words = |about: About<'_>| match about {
        About::Thing(thing) => format!("names `{thing}`"),
        _ => "names nothing".to_string(),
    };
    let message = format!(
        "this phrase {}, and another of its intent {}",
        words(other.0),
        words(first.0)
    );
    let mistake = Diagnostic::error(CHAT_PHRASE, Some(other.1.span(looked.file)), message);
    let mistake = mistake.related(first.1.span(looked.file), "the other one");
    let mistake = mistake.hint("an intent is about one kind of things: make two intents of it");
    if !looked.found.contains(&mistake) {
        looked.found.push(mistake);
    }
}

fn twice(looked: &mut Looked<'_>, other: usize, first: Span, node: &Node) {
    let message = format!("this says the same as a phrase of `{}`", looked.intents[other].name);
    let mistake = Diagnostic::error(CHAT_PHRASE_TWICE, Some(node.span(looked.file)), message);
    let mistake = mistake.related(first, "said there");
    let mistake = mistake.hint("let it stand in one of them");
    if !looked.found.contains(&mistake) {
        looked.found.push(mistake);
    }
}

/// What is left of a phrase when case, space and punctuation count for nothing.
fn key(phrase: &Phrase) -> (String, bool, String) {
    let letters = |text: &str| -> String {
        let letters = text.chars().filter(|c| c.is_alphanumeric());
        letters.flat_map(char::to_lowercase).collect()
    };
    let name = phrase.thing.clone().unwrap_or_default();
    let after = format!("{}\u{0}{name}", letters(&phrase.after));
    (letters(&phrase.before), phrase.thing.is_some(), after)
}
