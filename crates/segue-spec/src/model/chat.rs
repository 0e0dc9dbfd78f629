//! A chat: what a message may ask, and what is answered.

use super::Place;
use crate::name::AssetName;
use crate::phrase::Phrase;
use crate::units::Duration;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What every channel takes, so that an answer can be given in any of them. Lengths are in characters.
pub mod limits {
    /// The longest message that is read.
    pub const MESSAGE: usize = 1_000;
    /// The longest text of an answer.
    pub const TEXT: usize = 2_000;
    /// The most parts of an answer.
    pub const BLOCKS: usize = 10;
    /// The most cards beside each other.
    pub const CARDS: usize = 10;
    /// The longest title, and the longest subtitle, of a card.
    pub const TITLE: usize = 80;
    /// The most buttons of a card.
    pub const BUTTONS: usize = 3;
    /// The most quick replies.
    pub const QUICK_REPLIES: usize = 13;
    /// The longest title of a button or a quick reply.
    pub const LABEL: usize = 20;
    /// The longest text that a button or a quick reply sends back.
    pub const PAYLOAD: usize = 1_000;
    /// The most rows of one query that an answer is made of.
    pub const ROWS: usize = 100;
    /// The most bytes of one query's rows, written as JSON.
    pub const ROW_BYTES: usize = 1 << 20;
}

/// The name of the intent that greets.
pub const GREETING: &str = "greeting";

/// A file in `chats/`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Chat {
    /// Its name: `segue chat NAME`.
    pub name: String,
    /// Where its name stands.
    pub place: Place,
    /// What it is, for people.
    pub description: Option<String>,
    /// The languages that it speaks, by their codes, the default one first; at least one.
    pub languages: Vec<String>,
    /// The longest that a query may take.
    pub timeout: Duration,
    /// What a message may name, by the word for it.
    pub things: BTreeMap<String, Thing>,
    /// What is said when a conversation begins, to a greeting and to an empty message. Its name is [`GREETING`].
    pub greeting: Intent,
    /// What a message may ask.
    pub intents: Vec<Intent>,
    /// What is said where there is nothing to answer.
    pub sentences: Sentences,
}

impl Chat {
    /// The intent of this name, the greeting among them.
    pub fn intent(&self, name: &str) -> Option<&Intent> {
        std::iter::once(&self.greeting)
            .chain(&self.intents)
            .find(|intent| intent.name == name)
    }

    /// The language that is spoken where nothing tells another.
    pub fn default_language(&self) -> &str {
        self.languages.first().map_or("", String::as_str)
    }
}

/// A kind of things that a message may name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Thing {
    /// The asset among whose rows names are looked for; it says how, by its `find:`.
    pub asset: AssetName,
    /// The query whose first value tells things of one name apart.
    pub apart: Option<String>,
}

/// Something that may be asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Intent {
    /// Its name.
    pub name: String,
    /// What it is about: a key of [`Chat::things`].
    pub thing: Option<String>,
    /// What somebody says who asks it.
    pub phrases: Vec<Said>,
    /// What is looked up, by name: each a query.
    pub queries: BTreeMap<String, String>,
    /// What is answered.
    pub answer: Vec<Block>,
}

/// A phrase, and the language that whoever says it speaks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// `None`: it may be any.
    pub language: Option<String>,
    /// The phrase.
    pub phrase: Phrase,
}

/// A text in each language of the chat: templates.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wording(pub BTreeMap<String, String>);

impl Wording {
    /// The text in this language; nothing where the chat does not speak it.
    pub fn in_language(&self, language: &str) -> &str {
        self.0.get(language).map_or("", String::as_str)
    }
}

/// A part of an answer, and when it is said.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Block {
    /// Only where this query has rows.
    pub when: Option<String>,
    /// Only where this query has none.
    pub when_empty: Option<String>,
    /// What is said.
    pub what: What,
}

/// What a part of an answer is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// A text.
    Text(Wording),
    /// A card for each row of a query.
    Cards(Cards),
    /// What may be asked next.
    QuickReplies(Vec<Reply>),
}

/// A card for each row of a query.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cards {
    /// The query.
    pub each: String,
    /// The title; a row without one has no card.
    pub title: Wording,
    /// Below the title.
    pub subtitle: Option<Wording>,
    /// The address of a picture.
    pub image: Option<Wording>,
    /// Where the card leads.
    pub url: Option<Wording>,
    /// What may be done with it.
    pub buttons: Vec<Reply>,
}

/// A button, or a quick reply.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reply {
    /// What stands on it.
    pub title: Wording,
    /// One for each row of this query; a single one without it.
    pub each: Option<String>,
    /// What it does.
    pub does: Does,
}

/// What a button or a quick reply does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Does {
    /// It asks another intent.
    Ask {
        /// The intent's name.
        intent: String,
        /// The id of the thing that it is about; without it, the thing that this answer is about.
        id: Option<Wording>,
    },
    /// It says something, as if it were typed.
    Say(Wording),
    /// It opens an address.
    Open(Wording),
}

/// What is said where there is nothing to answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sentences {
    /// Several things may be meant.
    pub several: Wording,
    /// Nothing is known by that name, and something is near to it.
    pub nearest: Wording,
    /// Nothing is known by that name.
    pub unknown: Wording,
    /// Something is known, and there is nothing to say of it.
    pub nothing: Wording,
    /// The message is too long.
    pub too_long: Wording,
}
