//! An answer: its parts, as every channel can show them.

use serde::Serialize;

/// What is answered to a message.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Answer {
    /// The chat that answers.
    pub chat: String,
    /// The language in which it does.
    pub language: String,
    /// What kind of answer it is.
    pub outcome: Outcome,
    /// The intent that was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub intent: Option<String>,
    /// What it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub about: Option<Named>,
    /// Its parts, in order; at least one, and none of them empty. Quick replies are the last one.
    pub blocks: Vec<Block>,
    /// What could not be filled in, for whoever keeps the chat.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<String>,
}

/// What kind of answer it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// What was asked is answered.
    Answered,
    /// Several things may be meant, and are offered.
    Several,
    /// Nothing is known by that name; what is near to it is offered.
    Nearest,
    /// Nothing is known by that name.
    Unknown,
    /// The message was too long.
    TooLong,
}

/// A thing that has a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Named {
    /// The word for its kind.
    pub thing: String,
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
}

/// A part of an answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Block {
    /// A text.
    Text(String),
    /// Cards beside each other.
    Cards(Vec<Card>),
    /// What may be chosen next.
    QuickReplies(Vec<QuickReply>),
}

/// A card.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Card {
    /// The title.
    pub title: String,
    /// What stands below it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subtitle: Option<String>,
    /// The address of a picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Where it leads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// What may be done with it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub buttons: Vec<Button>,
}

/// A button of a card.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Button {
    /// What stands on it.
    pub title: String,
    /// What it does.
    #[serde(flatten)]
    pub touch: Touch,
}

/// What touching a button does.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Touch {
    /// It sends this, as a message.
    Payload(String),
    /// It opens this address.
    Url(String),
}

/// Something that may be chosen next.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct QuickReply {
    /// What stands on it.
    pub title: String,
    /// All of what stands on it, where that was cut.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub whole: Option<String>,
    /// What it sends, as a message.
    pub payload: String,
}

impl QuickReply {
    /// What stands on it, where there is room for all of it.
    pub fn label(&self) -> &str {
        self.whole.as_deref().unwrap_or(&self.title)
    }
}
