//! What is answered: parts that name queries and intents that are there, texts that name what is there, and an order that every channel takes.

use super::texts::{Most, Scope, wording};
use super::{About, Looked, query_of, there_are};
use crate::sql::Columns;
use crate::yaml::{Entry, Node};
use segue_diag::{CHAT_ANSWER, CHAT_NAME, Diagnostic};
use std::collections::BTreeSet;

/// Looks at the answers of every intent.
pub(super) fn look(looked: &mut Looked<'_>) {
    for at in 0..looked.intents.len() {
        let intent = looked.intents[at].node;
        let blocks = intent.get("answer").map_or(&[][..], Node::items);
        let mut used = BTreeSet::new();
        let before = looked.found.len();
        for (number, block) in blocks.iter().enumerate() {
            for key in ["when", "when_empty"] {
                if let Some((query, _)) = block.get(key).and_then(|node| query_of(looked, at, node)) {
                    used.insert(query.to_string());
                }
            }
            if let Some(text) = block.get("text") {
                mentioned(looked, at, text, &mut used);
                said(looked, at, text, None, Most::text());
            }
            if let Some(cards) = block.get("cards") {
                look_at_cards(looked, at, cards, &mut used);
            }
            if let Some(entry) = block.entry("quick_replies") {
                order(looked, blocks, number, entry);
                for reply in entry.value.items() {
                    let each = reply.get("each").and_then(|node| query_of(looked, at, node));
                    used.extend(each.iter().map(|(query, _)| query.to_string()));
                    look_at_reply(looked, at, reply, each, &mut used);
                }
            }
        }
        // A query that a mistake keeps from being taken is not said to be of no use, too.
        if looked.found.len() == before {
            unused(looked, at, &used);
        }
    }
}

/// Quick replies stand below what is said: they are the last part, once, and not the only one.
fn order(looked: &mut Looked<'_>, blocks: &[Node], number: usize, entry: &Entry) {
    let place = looked.span(&entry.bytes);
    if number + 1 < blocks.len() {
        let hint = "let them be the last part of the answer, with all that may be asked next";
        looked.report(
            CHAT_ANSWER,
            place,
            "quick replies stand before another part",
            Some(hint.into()),
        );
    } else if number == 0 {
        let hint = "say something before: `- text: …`";
        looked.report(
            CHAT_ANSWER,
            place,
            "an answer of quick replies alone",
            Some(hint.into()),
        );
    }
}

/// A text of intent `at`, for a row where it is said for one.
fn said(looked: &mut Looked<'_>, at: usize, node: &Node, row: Option<(&str, Columns)>, most: Most) {
    let intent = looked.intents[at].clone();
    let scope = Scope {
        thing: match intent.about {
            About::Thing(thing) => Some(thing),
            // What is about what cannot be told, and has been reported.
            About::Unknown => return,
            About::Nothing => None,
        },
        lists: &intent.queries,
        row,
        plain: &["language"],
    };
    wording(looked, node, &scope, most);
}

/// The queries that a text mentions: by their names, wherever they stand in it.
fn mentioned(looked: &Looked<'_>, at: usize, node: &Node, used: &mut BTreeSet<String>) {
    let mut texts: Vec<&str> = node.text().into_iter().collect();
    texts.extend(node.entries().iter().filter_map(|entry| entry.value.text()));
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    for text in texts.into_iter().filter(|text| crate::template::is_template(text)) {
        for word in text.split(|c| !is_word(c)) {
            if looked.intents[at].queries.iter().any(|(query, _)| *query == word) {
                used.insert(word.to_string());
            }
        }
    }
}

fn look_at_cards(looked: &mut Looked<'_>, at: usize, cards: &Node, used: &mut BTreeSet<String>) {
    let each = cards.get("each").and_then(|node| query_of(looked, at, node));
    used.extend(each.iter().map(|(query, _)| query.to_string()));
    // A query that is not there has been reported; its columns are anybody's guess.
    let row = each.or(Some(("", None)));
    for (key, most) in [
        ("title", Most::title()),
        ("subtitle", Most::title()),
        ("image", Most::payload()),
        ("url", Most::payload()),
    ] {
        if let Some(node) = cards.get(key) {
            mentioned(looked, at, node, used);
            said(looked, at, node, row.clone(), most);
        }
    }
    for button in cards.get("buttons").map_or(&[][..], Node::items) {
        look_at_reply(looked, at, button, row.clone(), used);
    }
}

/// A button or a quick reply.
fn look_at_reply(
    looked: &mut Looked<'_>,
    at: usize,
    reply: &Node,
    row: Option<(&str, Columns)>,
    used: &mut BTreeSet<String>,
) {
    for (key, most) in [
        ("title", Most::label()),
        ("say", Most::payload()),
        ("url", Most::payload()),
        ("id", Most::payload()),
    ] {
        if let Some(node) = reply.get(key) {
            mentioned(looked, at, node, used);
            said(looked, at, node, row.clone(), most);
        }
    }
    let id = reply.entry("id");
    let Some(ask) = reply.get("ask") else {
        if let Some(id) = id {
            let place = looked.span(&id.bytes);
            let hint = "write `ask:` with the intent that is asked, or leave `id` out";
            looked.report(
                CHAT_ANSWER,
                place,
                "`id` without `ask`: nobody is asked about it",
                Some(hint.into()),
            );
        }
        return;
    };
    let Some(name) = ask.text() else { return };
    let Some(asked) = looked.intents.iter().find(|intent| intent.name == name) else {
        let names: Vec<&str> = looked.intents.iter().map(|intent| intent.name).collect();
        let hint = there_are("intent", name, &names);
        let place = ask.span(looked.file);
        return looked.report(CHAT_NAME, place, format!("there is no intent `{name}`"), Some(hint));
    };
    let own = looked.intents[at].about;
    match (asked.about, id) {
        (About::Nothing, Some(id)) => {
            let place = looked.span(&id.bytes);
            let message = format!("`{name}` is about nothing that has an id");
            looked.report(CHAT_ANSWER, place, message, Some("leave `id` out".into()));
        }
        (About::Thing(thing), None) if own != About::Thing(thing) && own != About::Unknown => {
            let place = ask.span(looked.file);
            let message = format!("`{name}` is about one `{thing}`, and this answer is about none");
            let hint = "say which: `id: \"{{ row.… }}\"`";
            looked.report(CHAT_ANSWER, place, message, Some(hint.into()));
        }
        _ => {}
    }
}

/// Queries whose rows nothing takes: they would be asked for nothing.
fn unused(looked: &mut Looked<'_>, at: usize, used: &BTreeSet<String>) {
    let node = looked.intents[at].node;
    for entry in node.get("queries").map_or(&[][..], Node::entries) {
        if !used.contains(&entry.key) {
            let message = format!("nothing in the answer takes the rows of `{}`", entry.key);
            let warning = Diagnostic::warning(CHAT_ANSWER, Some(looked.span(&entry.bytes)), message);
            looked.found.push(warning.hint("leave it out"));
        }
    }
}
