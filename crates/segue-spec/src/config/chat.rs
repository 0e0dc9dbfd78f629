//! A file in `chats/`, as it is written.

use super::OneOrMore;
use crate::name::AssetName;
use crate::units::Duration;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde_json::json;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// A file in `chats/`: what may be asked in a conversation, and what is answered.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChatFile {
    /// Its name, as `segue chat NAME` writes it.
    #[schemars(extend("format" = "name"))]
    pub chat: String,
    /// What it is, for people.
    pub description: Option<String>,
    /// The languages that it speaks, by their codes (`ko`, `en`); the first is spoken where nothing tells another.
    #[schemars(schema_with = "languages")]
    pub languages: Vec<String>,
    /// The language whose text stands in where one is missing. Without it, a text that lacks a language is a mistake.
    #[schemars(extend("format" = "language"))]
    pub fallback: Option<String>,
    /// The longest that a query may take.
    #[serde(default = "ten_seconds")]
    pub timeout: Duration,
    /// What a message may name, by a word for it: `{artist}` in `match:`, `$artist_id` and `$artist_name` in queries, `{{ artist.name }}` and
    /// `{{ artist.id }}` in texts.
    #[serde(default)]
    #[schemars(extend("propertyNames" = { "format": "name" }))]
    pub resolve: BTreeMap<String, ThingFile>,
    /// What is said when a conversation begins, to a greeting and to an empty message.
    pub greeting: GreetingFile,
    /// What a message may ask. Where several fit, it is the one of which more is written out, or else the first.
    #[schemars(length(min = 1))]
    pub intents: Vec<IntentFile>,
    /// What is said where there is nothing to answer. `{{ text }}` is what was asked for.
    pub sentences: SentencesFile,
}

fn ten_seconds() -> Duration {
    Duration::TEN_SECONDS
}

fn languages(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "array", "items": { "type": "string", "format": "language" }, "minItems": 1, "uniqueItems": true })
}

/// A kind of things that a message may name.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ThingFile {
    /// The asset among whose rows the name is looked for, by the columns that its `find:` names.
    #[serde(rename = "in")]
    pub asset: AssetName,
    /// A query that tells things of one name apart: its first value stands beside the name where several have it. It takes the thing's id.
    #[schemars(length(min = 1))]
    pub apart: Option<String>,
}

/// What is said when a conversation begins.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GreetingFile {
    /// What somebody says who greets: phrases, or phrases by language.
    #[serde(default, rename = "match")]
    pub phrases: Option<MatchFile>,
    /// What is looked up, by name: each an SQL query, which takes `$language`.
    #[serde(default)]
    #[schemars(extend("propertyNames" = { "format": "name" }))]
    pub queries: BTreeMap<String, String>,
    /// What is answered, part by part.
    #[schemars(length(min = 1, max = 10))]
    pub answer: Vec<BlockFile>,
}

/// Something that may be asked.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct IntentFile {
    /// Its name, as `ask:` writes it.
    #[schemars(extend("format" = "name"))]
    pub intent: String,
    /// What somebody says who asks it: phrases, or phrases by language. `{artist}` is a name, `[a|b]` may be said, of `(a|b)` one is said; case,
    /// space and punctuation count for nothing. A phrase that is a name alone is what any other message is taken for.
    #[serde(rename = "match")]
    pub phrases: MatchFile,
    /// What is looked up, by name: each an SQL query, which takes the id and the name of the thing as parameters, and `$language`. At most 100
    /// rows of each are used.
    #[serde(default)]
    #[schemars(extend("propertyNames" = { "format": "name" }))]
    pub queries: BTreeMap<String, String>,
    /// What is answered, part by part.
    #[schemars(length(min = 1, max = 10))]
    pub answer: Vec<BlockFile>,
}

/// A part of an answer: exactly one of `text`, `cards` and `quick_replies`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("oneOf" = [{ "required": ["text"] }, { "required": ["cards"] }, { "required": ["quick_replies"] }]))]
pub(crate) struct BlockFile {
    /// A text. `{{ genres | join(", ", attribute="genre") }}` joins a column of a query's rows.
    #[serde(default)]
    pub text: Option<WordingFile>,
    /// A card for each row of a query.
    #[serde(default)]
    pub cards: Option<CardsFile>,
    /// What may be asked next; the last part of an answer.
    #[serde(default)]
    #[schemars(length(min = 1, max = 13))]
    pub quick_replies: Option<Vec<QuickReplyFile>>,
    /// Only where this query has rows.
    pub when: Option<String>,
    /// Only where this query has no rows.
    pub when_empty: Option<String>,
}

/// A card for each row of a query; the first ten.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CardsFile {
    /// The query. `row` is its row in the card's texts: `{{ row.name }}`.
    pub each: String,
    /// The title, at most 80 characters. A row without one has no card.
    pub title: WordingFile,
    /// What stands below it, at most 80 characters.
    pub subtitle: Option<WordingFile>,
    /// The address of a picture. A row without one has a card without a picture.
    pub image: Option<WordingFile>,
    /// Where the card leads: an address that begins with `https://` or `http://`.
    pub url: Option<WordingFile>,
    /// What may be done with it.
    #[serde(default)]
    #[schemars(length(max = 3))]
    pub buttons: Vec<ButtonFile>,
}

/// A button: exactly one of `ask`, `say` and `url`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("oneOf" = [{ "required": ["ask"] }, { "required": ["say"] }, { "required": ["url"] }]))]
pub(crate) struct ButtonFile {
    /// What stands on it, at most 20 characters.
    pub title: WordingFile,
    /// It asks this intent, of the thing with the id below, or of the one that this answer is about.
    pub ask: Option<String>,
    /// The id of the thing that is asked about.
    pub id: Option<WordingFile>,
    /// It says this, as if it were typed.
    pub say: Option<WordingFile>,
    /// It opens this address.
    pub url: Option<WordingFile>,
}

/// A quick reply: exactly one of `ask` and `say`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("oneOf" = [{ "required": ["ask"] }, { "required": ["say"] }]))]
pub(crate) struct QuickReplyFile {
    /// What stands on it, at most 20 characters.
    pub title: WordingFile,
    /// One for each row of this query, which is `row` in its texts; without it, a single one.
    pub each: Option<String>,
    /// It asks this intent, of the thing with the id below, or of the one that this answer is about.
    pub ask: Option<String>,
    /// The id of the thing that is asked about.
    pub id: Option<WordingFile>,
    /// It says this, as if it were typed.
    pub say: Option<WordingFile>,
}

/// What is said where there is nothing to answer.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SentencesFile {
    /// Several things may be meant, which are offered.
    pub several: WordingFile,
    /// Nothing is known by that name, and what is near to it is offered.
    pub nearest: WordingFile,
    /// Nothing is known by that name.
    pub unknown: WordingFile,
    /// Something is known by that name, and there is nothing to say of it.
    pub nothing: WordingFile,
    /// The message is longer than `{{ most }}` characters, and was not read.
    pub too_long: WordingFile,
}

/// A text for all languages, or one for each.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum WordingFile {
    One(String),
    Each(BTreeMap<String, String>),
}

impl JsonSchema for WordingFile {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Wording".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "format": "wording", "anyOf": [
            { "type": "string", "minLength": 1 },
            { "type": "object", "additionalProperties": { "type": "string", "minLength": 1 } }
        ] })
    }
}

/// Phrases, or phrases by language.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum MatchFile {
    All(OneOrMore),
    Each(BTreeMap<String, OneOrMore>),
}

impl JsonSchema for MatchFile {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Match".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let one = json!({ "type": "string", "minLength": 1 });
        let several = json!({ "type": "array", "items": one, "minItems": 1 });
        json_schema!({ "format": "match", "anyOf": [
            one,
            several,
            { "type": "object", "additionalProperties": { "anyOf": [one, several] } }
        ] })
    }
}
