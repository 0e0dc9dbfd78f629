//! What is said: an intent's answer with the rows that its queries gave, what is offered where it is not sure what was meant, and the
//! sentences for where there is nothing to answer.

use crate::answer::{Answer, Block, Button, Card, Named, Outcome, QuickReply, Touch};
use crate::fill::Fill;
use crate::found::{Found, Known};
use crate::letters::{cut, letters, tidy};
use crate::payload::Payload;
use minijinja::value::Value;
use segue_spec::model::Chat;
use segue_spec::model::chat::{Cards, Does, Intent, Reply, What, limits};
use segue_spec::wording;
use serde_json::{Map, Value as Json};
use std::collections::BTreeMap;

/// The rows of each query, by its name.
pub type Rows = BTreeMap<String, Vec<Map<String, Json>>>;

/// What an intent answers with these rows.
pub fn answer(chat: &Chat, intent: &Intent, thing: Option<&Known>, rows: &Rows, language: &str) -> Answer {
    let about = thing.zip(intent.thing.as_deref());
    let filled = |row: &Map<String, Json>| wording::value(&Json::Object(row.clone()));
    let lists: BTreeMap<&str, Vec<Value>> = rows
        .iter()
        .map(|(query, rows)| (query.as_str(), rows.iter().take(limits::ROWS).map(filled).collect()))
        .collect();
    let mut words: BTreeMap<String, Value> = lists
        .iter()
        .map(|(query, rows)| (query.to_string(), Value::from(rows.clone())))
        .collect();
    if let Some((thing, word)) = about {
        let fields = [("id", &thing.id), ("name", &thing.name)];
        words.insert(
            word.to_string(),
            Value::from_pairs(fields.map(|(n, v)| (n, v.as_str()))),
        );
    }
    let mut says = Says {
        chat,
        fill: Fill::new(words, language),
        lists,
        about: about.map(|(thing, word)| (word, thing.id.as_str())),
    };
    let mut blocks: Vec<Block> = Vec::new();
    for block in &intent.answer {
        let has_rows = |query: &String| says.lists.get(query.as_str()).is_some_and(|rows| !rows.is_empty());
        if block.when.as_ref().is_some_and(|query| !has_rows(query)) || block.when_empty.as_ref().is_some_and(has_rows)
        {
            continue;
        }
        blocks.extend(says.block(&block.what));
    }
    let mut remarks = says.fill.remarks;
    if !blocks.iter().any(|block| !matches!(block, Block::QuickReplies(_))) {
        let name = thing.map_or("", |thing| thing.name.as_str());
        let (text, more) = plain(chat, Sentence::Nothing, name, language);
        remarks.extend(more);
        blocks.insert(0, Block::Text(text));
    }
    blocks.truncate(limits::BLOCKS);
    Answer {
        chat: chat.name.clone(),
        language: language.to_string(),
        outcome: Outcome::Answered,
        intent: Some(intent.name.clone()),
        about: about.map(|(thing, word)| Named {
            thing: word.to_string(),
            id: thing.id.clone(),
            name: tidy(&thing.name, false),
        }),
        blocks,
        remarks,
    }
}

/// What is offered where a name means several things, or nothing that is known. `apart`: what tells each of them from others of its name.
pub fn offered(
    chat: &Chat,
    intent: &Intent,
    asked: &str,
    found: &Found,
    apart: &[Option<String>],
    language: &str,
) -> Answer {
    let things: &[Known] = match found {
        Found::One { thing, .. } => std::slice::from_ref(thing),
        Found::Several { things, .. } | Found::None(things) => things,
    };
    let which = match (found, things) {
        (_, []) => Sentence::Unknown,
        (Found::Several { .. }, [_, _, ..]) => Sentence::Several,
        _ => Sentence::Nearest,
    };
    let mut answer = sentence(chat, which, asked, language);
    answer.intent = Some(intent.name.clone());
    let word = intent.thing.as_deref().unwrap_or_default();
    let mut replies: Vec<QuickReply> = Vec::new();
    for (at, thing) in things.iter().enumerate() {
        let name = tidy(&thing.name, false);
        let Some(payload) = Payload::of(chat, intent, word, &thing.id)
            .text(chat)
            .filter(|_| !name.is_empty())
        else {
            continue;
        };
        let beside = apart.get(at).and_then(Option::as_deref).map(|text| tidy(text, false));
        let label = match beside.filter(|text| !text.is_empty()) {
            Some(beside) => format!("{name} · {beside}"),
            None => name,
        };
        replies.push(quick_reply(&label, payload, &replies));
    }
    replies.truncate(limits::QUICK_REPLIES);
    if !replies.is_empty() {
        answer.blocks.push(Block::QuickReplies(replies));
    }
    answer
}

/// Which of these have the name of another one, so that something has to tell them apart.
pub fn namesakes(things: &[Known]) -> Vec<bool> {
    let folded: Vec<String> = things
        .iter()
        .map(|thing| letters(&thing.name).iter().map(|l| l.letter).collect())
        .collect();
    let has_other = |name: &String| folded.iter().filter(|other| *other == name).count() > 1;
    folded.iter().map(has_other).collect()
}

/// A sentence for where there is nothing to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sentence {
    /// Several things may be meant.
    Several,
    /// Nothing is known by that name, and something is near to it.
    Nearest,
    /// Nothing is known by that name.
    Unknown,
    /// Something is known, and there is nothing to say of it.
    Nothing,
    /// The message is too long.
    TooLong,
}

/// The answer that is such a sentence. `asked`: the name that was asked for.
pub fn sentence(chat: &Chat, which: Sentence, asked: &str, language: &str) -> Answer {
    let (text, remarks) = plain(chat, which, asked, language);
    Answer {
        chat: chat.name.clone(),
        language: language.to_string(),
        outcome: match which {
            Sentence::Several => Outcome::Several,
            Sentence::Nearest => Outcome::Nearest,
            Sentence::Unknown => Outcome::Unknown,
            Sentence::Nothing => Outcome::Answered,
            Sentence::TooLong => Outcome::TooLong,
        },
        intent: None,
        about: None,
        blocks: vec![Block::Text(text)],
        remarks,
    }
}

/// The sentence, which is never empty, and what could not be filled in.
fn plain(chat: &Chat, which: Sentence, asked: &str, language: &str) -> (String, Vec<String>) {
    let sentences = &chat.sentences;
    let wording = match which {
        Sentence::Several => &sentences.several,
        Sentence::Nearest => &sentences.nearest,
        Sentence::Unknown => &sentences.unknown,
        Sentence::Nothing => &sentences.nothing,
        Sentence::TooLong => &sentences.too_long,
    };
    let words = BTreeMap::from([
        ("text".to_string(), Value::from(cut(&tidy(asked, false), limits::TITLE))),
        ("most".to_string(), Value::from(limits::MESSAGE)),
    ]);
    let mut fill = Fill::new(words, language);
    let text = fill.text(wording, limits::TEXT);
    (text.unwrap_or_else(|| format!("({})", chat.name)), fill.remarks)
}

/// What says an answer.
struct Says<'a> {
    chat: &'a Chat,
    fill: Fill<'a>,
    lists: BTreeMap<&'a str, Vec<Value>>,
    /// The word for the kind of thing that it is about, and the thing's id.
    about: Option<(&'a str, &'a str)>,
}

impl Says<'_> {
    fn block(&mut self, what: &What) -> Option<Block> {
        match what {
            What::Text(wording) => Some(Block::Text(self.fill.text(wording, limits::TEXT)?)),
            What::Cards(cards) => {
                let rows = self.rows(&cards.each);
                let rows = rows.iter().filter_map(|row| self.card(cards, row));
                let all: Vec<Card> = rows.take(limits::CARDS).collect();
                (!all.is_empty()).then_some(Block::Cards(all))
            }
            What::QuickReplies(replies) => {
                let mut all: Vec<QuickReply> = Vec::new();
                for reply in replies {
                    let rows: Vec<Option<Value>> = match &reply.each {
                        Some(query) => self.rows(query).into_iter().map(Some).collect(),
                        None => vec![None],
                    };
                    for row in rows {
                        if let Some((label, Touch::Payload(payload))) = self.reply(reply, row.as_ref())
                            && all.iter().all(|other| other.payload != payload)
                        {
                            all.push(quick_reply(&label, payload, &all));
                        }
                    }
                }
                all.truncate(limits::QUICK_REPLIES);
                (!all.is_empty()).then_some(Block::QuickReplies(all))
            }
        }
    }

    fn rows(&self, query: &str) -> Vec<Value> {
        self.lists.get(query).cloned().unwrap_or_default()
    }

    fn card(&mut self, cards: &Cards, row: &Value) -> Option<Card> {
        let title = self.fill.line(&cards.title, Some(row))?;
        let subtitle = cards.subtitle.as_ref().and_then(|w| self.fill.line(w, Some(row)));
        let image = cards.image.as_ref().and_then(|w| self.fill.address(w, Some(row)));
        let url = cards.url.as_ref().and_then(|w| self.fill.address(w, Some(row)));
        let buttons = cards.buttons.iter().filter_map(|button| {
            let (label, touch) = self.reply(button, Some(row))?;
            Some(Button {
                title: cut(&label, limits::LABEL),
                touch,
            })
        });
        let buttons: Vec<Button> = buttons.take(limits::BUTTONS).collect();
        Some(Card {
            title: cut(&title, limits::TITLE),
            subtitle: subtitle.map(|text| cut(&text, limits::TITLE)),
            image,
            url,
            buttons,
        })
    }

    /// What stands on a button or a quick reply, and what it does; `None` where one of them is missing.
    fn reply(&mut self, reply: &Reply, row: Option<&Value>) -> Option<(String, Touch)> {
        let label = self.fill.line(&reply.title, row)?;
        let touch = match &reply.does {
            Does::Open(wording) => Touch::Url(self.fill.address(wording, row)?),
            Does::Say(wording) => {
                let text = self.fill.line(wording, row)?;
                Touch::Payload(cut(&text, limits::PAYLOAD))
            }
            Does::Ask { intent, id } => {
                let intent = self.chat.intent(intent)?;
                let payload = match (intent.thing.as_deref(), id) {
                    (None, _) => Payload {
                        intent: Some(intent.name.clone()),
                        thing: None,
                    },
                    (Some(word), Some(id)) => Payload::of(self.chat, intent, word, &self.fill.line(id, row)?),
                    (Some(word), None) => {
                        let (_, id) = self.about.filter(|(about, _)| *about == word)?;
                        Payload::of(self.chat, intent, word, id)
                    }
                };
                Touch::Payload(payload.text(self.chat)?)
            }
        };
        Some((label, touch))
    }
}

/// A quick reply whose title no other one has.
fn quick_reply(label: &str, payload: String, others: &[QuickReply]) -> QuickReply {
    let is_taken = |title: &str| others.iter().any(|other| other.title == title);
    let mut title = cut(label, limits::LABEL);
    let mut number = 2;
    while is_taken(&title) {
        title = format!("{} ({number})", cut(label, limits::LABEL - 5));
        number += 1;
    }
    QuickReply {
        whole: (title != label && label.chars().count() > limits::LABEL).then(|| cut(label, limits::TITLE)),
        title,
        payload,
    }
}

#[cfg(test)]
mod tests;
