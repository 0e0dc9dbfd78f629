//! From a chat's tree to the model.

use crate::config::{
    BlockFile, ButtonFile, CardsFile, ChatFile, IntentFile, MatchFile, OneOrMore, QuickReplyFile, SentencesFile,
    WordingFile,
};
use crate::model::chat::{Block, Cards, Does, GREETING, Intent, Reply, Said, Sentences, Thing, What, Wording};
use crate::model::{Chat, Place};
use crate::phrase::phrases;
use crate::yaml::Node;
use std::collections::BTreeMap;

/// The chat that a tree without mistakes says.
pub(super) fn chat(file: &str, root: &Node) -> Result<Chat, String> {
    let bytes = root.get("chat").map_or(root.bytes.clone(), |node| node.bytes.clone());
    let written: ChatFile = serde_json::from_value(root.to_json()).map_err(|e| e.to_string())?;
    let fallback = written.fallback.as_deref();
    let words = Words {
        languages: &written.languages,
        fallback,
    };
    let greeting = intent(
        &words,
        GREETING.into(),
        written.greeting.phrases,
        written.greeting.queries,
        written.greeting.answer,
    )?;
    let intents = written.intents.into_iter().map(|i| {
        let IntentFile {
            intent: name,
            phrases,
            queries,
            answer,
        } = i;
        intent(&words, name, Some(phrases), queries, answer)
    });
    Ok(Chat {
        intents: intents.collect::<Result<_, _>>()?,
        greeting,
        sentences: sentences(&words, written.sentences)?,
        name: written.chat,
        place: Place {
            file: file.into(),
            start: bytes.start,
            end: bytes.end,
        },
        description: written.description,
        timeout: written.timeout,
        things: written
            .resolve
            .into_iter()
            .map(|(word, thing)| {
                let thing = Thing {
                    asset: thing.asset,
                    apart: thing.apart,
                };
                (word, thing)
            })
            .collect(),
        languages: written.languages,
    })
}

/// In which languages something is said.
struct Words<'w> {
    languages: &'w [String],
    fallback: Option<&'w str>,
}

impl Words<'_> {
    fn wording(&self, written: WordingFile) -> Result<Wording, String> {
        let each = match written {
            WordingFile::One(text) => self.languages.iter().map(|l| (l.clone(), text.clone())).collect(),
            WordingFile::Each(texts) => {
                let text = |language: &str| texts.get(language).or_else(|| texts.get(self.fallback?));
                let all = self.languages.iter().map(|l| Some((l.clone(), text(l)?.clone())));
                all.collect::<Option<BTreeMap<_, _>>>()
                    .ok_or("a text lacks a language")?
            }
        };
        Ok(Wording(each))
    }

    fn maybe(&self, written: Option<WordingFile>) -> Result<Option<Wording>, String> {
        written.map(|written| self.wording(written)).transpose()
    }
}

fn intent(
    words: &Words<'_>,
    name: String,
    phrases: Option<MatchFile>,
    queries: BTreeMap<String, String>,
    answer: Vec<BlockFile>,
) -> Result<Intent, String> {
    let phrases = said(phrases)?;
    Ok(Intent {
        name,
        thing: phrases.iter().find_map(|said| said.phrase.thing.clone()),
        phrases,
        queries,
        answer: answer.into_iter().map(|b| block(words, b)).collect::<Result<_, _>>()?,
    })
}

fn said(written: Option<MatchFile>) -> Result<Vec<Said>, String> {
    let each: Vec<(Option<String>, OneOrMore)> = match written {
        None => Vec::new(),
        Some(MatchFile::All(texts)) => vec![(None, texts)],
        Some(MatchFile::Each(texts)) => texts.into_iter().map(|(l, texts)| (Some(l), texts)).collect(),
    };
    let mut all: Vec<Said> = Vec::new();
    for (language, texts) in each {
        for text in texts.into_vec() {
            for phrase in phrases(&text).map_err(|mistake| mistake.message)? {
                let said = Said {
                    language: language.clone(),
                    phrase,
                };
                if !all.contains(&said) {
                    all.push(said);
                }
            }
        }
    }
    Ok(all)
}

fn block(words: &Words<'_>, written: BlockFile) -> Result<Block, String> {
    let what = match (written.text, written.cards, written.quick_replies) {
        (Some(text), None, None) => What::Text(words.wording(text)?),
        (None, Some(cards), None) => What::Cards(self::cards(words, cards)?),
        (None, None, Some(replies)) => {
            let replies = replies.into_iter().map(|reply| quick_reply(words, reply));
            What::QuickReplies(replies.collect::<Result<_, _>>()?)
        }
        _ => return Err("a part of an answer is not one thing".into()),
    };
    Ok(Block {
        when: written.when,
        when_empty: written.when_empty,
        what,
    })
}

fn cards(words: &Words<'_>, written: CardsFile) -> Result<Cards, String> {
    let buttons = written.buttons.into_iter().map(|button| self::button(words, button));
    Ok(Cards {
        each: written.each,
        title: words.wording(written.title)?,
        subtitle: words.maybe(written.subtitle)?,
        image: words.maybe(written.image)?,
        url: words.maybe(written.url)?,
        buttons: buttons.collect::<Result<_, _>>()?,
    })
}

fn button(words: &Words<'_>, written: ButtonFile) -> Result<Reply, String> {
    Ok(Reply {
        title: words.wording(written.title)?,
        each: None,
        does: does(words, written.ask, written.id, written.say, written.url)?,
    })
}

fn quick_reply(words: &Words<'_>, written: QuickReplyFile) -> Result<Reply, String> {
    Ok(Reply {
        title: words.wording(written.title)?,
        each: written.each,
        does: does(words, written.ask, written.id, written.say, None)?,
    })
}

fn does(
    words: &Words<'_>,
    ask: Option<String>,
    id: Option<WordingFile>,
    say: Option<WordingFile>,
    url: Option<WordingFile>,
) -> Result<Does, String> {
    Ok(match (ask, say, url) {
        (Some(intent), None, None) => Does::Ask {
            intent,
            id: words.maybe(id)?,
        },
        (None, Some(say), None) => Does::Say(words.wording(say)?),
        (None, None, Some(url)) => Does::Open(words.wording(url)?),
        _ => return Err("a button does not do one thing".into()),
    })
}

fn sentences(words: &Words<'_>, written: SentencesFile) -> Result<Sentences, String> {
    Ok(Sentences {
        several: words.wording(written.several)?,
        nearest: words.wording(written.nearest)?,
        unknown: words.wording(written.unknown)?,
        nothing: words.wording(written.nothing)?,
        too_long: words.wording(written.too_long)?,
    })
}
