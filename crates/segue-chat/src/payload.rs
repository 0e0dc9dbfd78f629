//! What a choice sends back: the intent, and the id of the thing that it is about.

use segue_spec::model::Chat;
use segue_spec::model::chat::{Intent, limits};

/// A choice among what an answer offered: `artist:4Z8W4f`, `genres artist:4Z8W4f`, or `popular:` for an intent about no thing.
///
/// It is what a button or a quick reply sends back, as a message, and holds all that is needed to answer: no conversation is remembered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payload {
    /// The intent's name; without it, the one that a message asks which is the thing's name alone.
    pub intent: Option<String>,
    /// The word for the kind of thing, and the thing's id.
    pub thing: Option<(String, String)>,
}

impl Payload {
    /// The choice that a message is; `None` for one that somebody typed.
    pub fn parse(chat: &Chat, message: &str) -> Option<Payload> {
        let about = |name: &str| Some(chat.intent(name)?.thing.as_deref());
        if let Some(intent) = message.strip_suffix(':').filter(|name| about(name) == Some(None)) {
            return Some(Payload {
                intent: Some(intent.to_string()),
                thing: None,
            });
        }
        let (intent, rest) = match message.split_once(' ') {
            Some((first, rest)) if chat.intent(first).is_some() => (Some(first), rest),
            _ => (None, message),
        };
        let (word, id) = rest.split_once(':')?;
        let is_known = chat.things.contains_key(word) && !id.is_empty();
        let right = is_known
            && match intent {
                Some(intent) => about(intent) == Some(Some(word)),
                None => default_intent(chat, word).is_some(),
            };
        right.then(|| Payload {
            intent: intent.map(str::to_string),
            thing: Some((word.to_string(), id.to_string())),
        })
    }

    /// The choice of this thing for this intent.
    pub fn of(chat: &Chat, intent: &Intent, word: &str, id: &str) -> Payload {
        let is_default = default_intent(chat, word).is_some_and(|default| default.name == intent.name);
        Payload {
            intent: (!is_default).then(|| intent.name.clone()),
            thing: Some((word.to_string(), id.to_string())),
        }
    }

    /// As it is sent; `None` where it is longer than channels take, or could not be read again.
    pub fn text(&self, chat: &Chat) -> Option<String> {
        let text = match (&self.intent, &self.thing) {
            (Some(intent), Some((word, id))) => format!("{intent} {word}:{id}"),
            (None, Some((word, id))) => format!("{word}:{id}"),
            (Some(intent), None) => format!("{intent}:"),
            (None, None) => return None,
        };
        let is_right = Payload::parse(chat, &text).as_ref() == Some(self) && text.trim() == text;
        (is_right && text.chars().count() <= limits::PAYLOAD).then_some(text)
    }
}

/// The intent that a message asks which is the name of such a thing alone.
pub fn default_intent<'c>(chat: &'c Chat, word: &str) -> Option<&'c Intent> {
    let about = |intent: &&Intent| intent.thing.as_deref() == Some(word);
    let is_bare = |intent: &&Intent| intent.phrases.iter().any(|said| said.phrase.is_bare());
    chat.intents.iter().filter(about).find(is_bare)
}
