//! The files in `chats/`: what a message may ask, in which words, and what is answered.
//!
//! They are read after the assets, whose columns their queries are looked through with. A chat with a mistake in its file is not in the
//! project; whatever else is right is.

mod answer;
mod phrases;
mod queries;
mod texts;
mod typed;

use super::columns::Tables;
use super::{All, checks, span};
use crate::model::Chat;
use crate::model::chat::GREETING;
use crate::name::AssetName;
use crate::schema::{own, validate};
use crate::sql::Columns;
use crate::yaml::{Node, Value, parse};
use segue_diag::{
    BAD_NAME, CHAT_LANGUAGE, CHAT_NAME, Code, DUPLICATE_CHAT, Diagnostic, FIND_ELSEWHERE, NO_FIND, Severity, Span,
    Text, WRONG_TYPE, closest,
};
use std::collections::BTreeMap;
use std::ops::Range;

/// A chat's file while it is looked at.
pub(super) struct Looked<'a> {
    pub file: &'a str,
    pub root: &'a Node,
    /// The languages that it speaks, the default one first.
    pub languages: Vec<&'a str>,
    pub fallback: Option<&'a str>,
    /// What a message may name.
    pub things: Vec<&'a str>,
    /// Every intent, the greeting first.
    pub intents: Vec<Looks<'a>>,
    pub found: Vec<Diagnostic>,
}

/// An intent while it is looked at.
#[derive(Clone)]
pub(super) struct Looks<'a> {
    pub name: &'a str,
    pub node: &'a Node,
    pub about: About<'a>,
    /// Its queries, with their columns where they are known.
    pub queries: Vec<(&'a str, Columns)>,
}

/// What an intent is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum About<'a> {
    /// Its phrases cannot be read, which has been reported.
    Unknown,
    Nothing,
    Thing(&'a str),
}

impl<'a> Looked<'a> {
    pub fn report(&mut self, code: Code, place: Span, message: impl Into<String>, hint: Option<String>) {
        let mistake = Diagnostic::error(code, Some(place), message);
        let mistake = Diagnostic { hint, ..mistake };
        if !self.found.contains(&mistake) {
            self.found.push(mistake);
        }
    }

    pub fn span(&self, bytes: &Range<usize>) -> Span {
        span(self.file, bytes.clone())
    }

    /// Whether the chat speaks it, which is reported otherwise.
    pub fn speaks(&mut self, language: &str, place: Span) -> bool {
        let known = self.languages.contains(&language);
        if !known && !self.languages.is_empty() {
            let hint = did_you_mean(language, self.languages.iter().copied());
            let hint =
                hint.unwrap_or_else(|| format!("it speaks `{}`; add it to `languages:`", self.languages.join("`, `")));
            let message = format!("the chat does not speak `{language}`");
            self.report(CHAT_LANGUAGE, place, message, Some(hint));
        }
        known
    }
}

pub(super) fn did_you_mean<'n>(name: &str, names: impl IntoIterator<Item = &'n str>) -> Option<String> {
    closest(name, names).map(|meant| format!("did you mean `{meant}`?"))
}

/// What there is, where nothing is near to what was written.
pub(super) fn there_are(what: &str, name: &str, names: &[&str]) -> String {
    match (closest(name, names.iter().copied()), names) {
        (Some(meant), _) => format!("did you mean `{meant}`?"),
        (None, []) => format!("there is no {what} here"),
        (None, names) => format!("there are: `{}`", names.join("`, `")),
    }
}

/// Reads the chats; those without a mistake, by name.
pub(super) fn read(all: &mut All<'_>, files: &[&str]) -> BTreeMap<String, Chat> {
    let mut chats = BTreeMap::new();
    if files.is_empty() {
        return chats;
    }
    let tables = Tables::known(all);
    let mut names: BTreeMap<String, Span> = BTreeMap::new();
    for file in files {
        if let Some(chat) = one(all, file, &tables, &mut names) {
            chats.insert(chat.name.clone(), chat);
        }
    }
    chats
}

fn one(all: &mut All<'_>, file: &str, tables: &Tables, names: &mut BTreeMap<String, Span>) -> Option<Chat> {
    let text = all.files.text(file)?;
    let before = all.found.len();
    let parsed = parse(file, text, &mut all.found);
    let root = parsed.root.filter(|_| !parsed.broken)?;
    if !matches!(root.value, Value::Mapping(_)) {
        let message = format!("a chat is a mapping, not {}", root.describe());
        all.report(WRONG_TYPE, root.span(file), message).hint = Some("begin with `chat: NAME`".into());
        return None;
    }
    validate(file, &root, &own().chat, false, &mut all.found);
    if let Some((node, name)) = root.get("chat").and_then(|n| Some((n, n.text()?))) {
        let place = node.span(file);
        match names.get(name) {
            Some(first) => {
                let message = format!("there are two chats `{name}`");
                let twice = Diagnostic::error(DUPLICATE_CHAT, Some(place), message);
                let twice = twice.related(first.clone(), "first defined here");
                all.found.push(twice.hint("give one of them another name"));
            }
            None => drop(names.insert(name.to_string(), place)),
        }
    }
    let mut looked = Looked {
        file,
        root: &root,
        languages: languages(&root),
        fallback: root.get("fallback").and_then(Node::text),
        things: root
            .get("resolve")
            .map_or(&[][..], Node::entries)
            .iter()
            .map(|entry| entry.key.as_str())
            .collect(),
        intents: intents(&root),
        found: Vec::new(),
    };
    fallback(&mut looked);
    things(all, &mut looked, tables);
    phrases::look(&mut looked);
    intent_names(&mut looked);
    queries::look(&mut looked, tables);
    answer::look(&mut looked);
    sentences(&mut looked);
    all.found.append(&mut looked.found);
    let right = all.found[before..].iter().all(|d| d.severity != Severity::Error);
    if !right {
        return None;
    }
    match typed::chat(file, &root) {
        Ok(chat) => Some(chat),
        // The schema has let something through that the types do not take.
        Err(why) => {
            all.report(WRONG_TYPE, root.span(file), format!("the chat cannot be read: {why}"));
            None
        }
    }
}

/// The languages; none where one of them is no language, so that not every text of it is a mistake, too.
fn languages(root: &Node) -> Vec<&str> {
    let written = root.get("languages").map_or(&[][..], Node::items);
    let all: Vec<&str> = written.iter().filter_map(Node::text).collect();
    let is_code = |text: &&str| text.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
    match all.iter().all(is_code) {
        true => all,
        false => Vec::new(),
    }
}

/// The intents that have a name, the greeting first.
fn intents(root: &Node) -> Vec<Looks<'_>> {
    let looks = |name, node| Looks {
        name,
        node,
        about: About::Nothing,
        queries: Vec::new(),
    };
    let greeting = root.get("greeting").map(|node| looks(GREETING, node));
    let written = root.get("intents").map_or(&[][..], Node::items).iter();
    let written = written.filter_map(|node| Some(looks(node.get("intent")?.text()?, node)));
    greeting.into_iter().chain(written).collect()
}

fn intent_names(looked: &mut Looked<'_>) {
    for at in 0..looked.intents.len() {
        let Looks { name, node, .. } = looked.intents[at].clone();
        let Some(place) = node.get("intent").map(|n| n.span(looked.file)) else {
            continue;
        };
        if looked.intents[..at].iter().any(|other| other.name == name) {
            let message = match name {
                GREETING => format!("an intent cannot be called `{GREETING}`: that is what `greeting:` is called"),
                _ => format!("two intents are called `{name}`"),
            };
            looked.report(DUPLICATE_CHAT, place, message, Some("give it another name".into()));
        }
    }
}

fn fallback(looked: &mut Looked<'_>) {
    if let Some(node) = looked.root.get("fallback")
        && let Some(language) = node.text()
    {
        let place = node.span(looked.file);
        looked.speaks(language, place);
    }
}

/// Names that templates and payloads have beside those of things and queries.
const TAKEN: [&str; 5] = ["row", "text", "language", "most", "loop"];

/// The assets in which names are looked for, and what tells things apart.
fn things(all: &mut All<'_>, looked: &mut Looked<'_>, tables: &Tables) {
    let entries = looked.root.get("resolve").map_or(&[][..], Node::entries);
    for entry in entries {
        if TAKEN.contains(&entry.key.as_str()) {
            let message = format!(
                "a thing cannot be called `{}`: templates have that word for something else",
                entry.key
            );
            let place = looked.span(&entry.bytes);
            looked.report(BAD_NAME, place, message, Some("choose another word".into()));
        }
        if let Some((node, asset)) = entry
            .value
            .get("in")
            .and_then(|n| Some((n, n.text()?.parse::<AssetName>().ok()?)))
        {
            in_asset(all, looked, node, &asset);
        }
        if let Some(node) = entry.value.get("apart") {
            let taken = [
                format!("{}_id", entry.key),
                format!("{}_name", entry.key),
                "language".into(),
            ];
            queries::one(looked, node, &taken, tables);
        }
    }
}

fn in_asset(all: &mut All<'_>, looked: &mut Looked<'_>, node: &Node, asset: &AssetName) {
    if all.unread_assets.iter().any(|a| a == asset.as_str()) {
        return;
    }
    let place = node.span(looked.file);
    match all.assets.iter().find(|a| a.name.as_ref() == Some(asset)) {
        None => {
            let before = all.found.len();
            checks::unknown_asset(all, looked.file, node, asset);
            if all.found.len() == before {
                // One of a family: those have no `find:`.
                no_find(looked, place, asset);
            }
        }
        Some(draft) => match draft.elsewhere() {
            Some(connection) => {
                let message = format!("`{asset}` is written into `{connection}`: names are found in the lake");
                let hint = "name the asset that it is made from";
                looked.report(FIND_ELSEWHERE, place, message, Some(hint.into()));
            }
            None if draft.root.get("find").is_none() => no_find(looked, place, asset),
            None => {}
        },
    }
}

fn no_find(looked: &mut Looked<'_>, place: Span, asset: &AssetName) {
    let message = format!("`{asset}` does not say how its rows are found by a name");
    let hint = format!("write `find: {{ id: …, name: … }}` into the file of `{asset}`, with its columns");
    looked.report(NO_FIND, place, message, Some(hint));
}

/// What is said where there is nothing to answer.
fn sentences(looked: &mut Looked<'_>) {
    let entries = looked.root.get("sentences").map_or(&[][..], Node::entries);
    for entry in entries {
        let plain: &[&str] = match entry.key.as_str() {
            "too_long" => &["most", "language"],
            _ => &["text", "language"],
        };
        let scope = texts::Scope {
            plain,
            ..texts::Scope::default()
        };
        texts::wording(looked, &entry.value, &scope, texts::Most::text());
    }
}

/// The query of this name, which is reported where there is none.
fn query_of<'l>(looked: &mut Looked<'_>, at: usize, node: &'l Node) -> Option<(&'l str, Columns)> {
    let name = node.text()?;
    let queries = &looked.intents[at].queries;
    if let Some((_, columns)) = queries.iter().find(|(query, _)| *query == name) {
        return Some((name, columns.clone()));
    }
    let names: Vec<&str> = queries.iter().map(|(query, _)| *query).collect();
    let hint = there_are("query", name, &names);
    let place = node.span(looked.file);
    looked.report(CHAT_NAME, place, format!("there is no query `{name}`"), Some(hint));
    None
}
