use super::{Asked, read};
use crate::fixture::{music, small};
use crate::{Payload, Speaks};
use segue_spec::model::Chat;

/// What a message may ask, a word a reading: the intent, the name, the language.
fn asks(chat: &Chat, message: &str) -> String {
    asks_of(chat, message, &Speaks::default())
}

fn asks_of(chat: &Chat, message: &str, speaks: &Speaks) -> String {
    match read(chat, message, speaks) {
        Asked::TooLong => "too long".into(),
        Asked::Nothing => "nothing".into(),
        Asked::Choice(choice) => format!("{choice:?}"),
        Asked::Readings(readings) => {
            let one = |r: super::Reading<'_>| {
                let name = r.name.map_or(String::new(), |(_, name)| format!("<{name}>"));
                format!("{}{name} {}", r.intent.name, r.language)
            };
            readings.into_iter().map(one).collect::<Vec<_>>().join(", ")
        }
    }
}

#[test]
fn what_people_type_is_an_intent_and_a_name() {
    let chat = music();
    for (message, first) in [
        ("에스파", "about<에스파> ko"),
        ("aespa", "about<aespa> en"),
        (" aespa? ", "about<aespa> en"),
        ("에스파 장르", "genres<에스파> ko"),
        ("에스파장르", "genres<에스파> ko"),
        ("에스파의 장르 알려줘", "genres<에스파> ko"),
        ("AESPA 장르는?", "genres<AESPA> ko"),
        ("genres of 에스파", "genres<에스파> en"),
        ("Genres of aespa?", "genres<aespa> en"),
        ("aespa's genres", "genres<aespa> en"),
        ("에스파랑 비슷한 가수", "similar<에스파> ko"),
        ("에스파와 비슷한 가수 추천해 줘", "similar<에스파> ko"),
        ("similar to Girls' Generation", "similar<Girls' Generation> en"),
        ("artists like guns n roses", "similar<guns n roses> en"),
        ("the top tracks of \"The Who\"", "tracks<The Who> en"),
        ("샤이니 인기곡 알려 주세요", "tracks<샤이니> ko"),
        ("tell me about the who", "about<the who> en"),
        ("안녕하세요!", "greeting ko"),
        ("Hello", "greeting en"),
        ("genres of !!!", "genres<!!!> en"),
        ("'; DROP TABLE artists; --", "about<DROP TABLE artists; --> en"),
    ] {
        let all = asks(chat, message);
        assert_eq!(all.split(", ").next(), Some(first), "{message}: {all}");
    }
}

#[test]
fn words_that_only_look_like_a_phrase_are_a_name() {
    let chat = music();
    // Where words stand apart, a phrase does not begin or end in the middle of one.
    assert_eq!(asks(chat, "Genresis of x"), "about<Genresis of x> en");
    assert_eq!(asks(chat, "Likewise"), "about<Likewise> en");
    assert_eq!(asks(chat, "like"), "about<like> en");
    assert_eq!(asks(chat, "장르"), "about<장르> ko");
    // What may be a phrase may be a name too: what is known decides.
    assert_eq!(asks(chat, "Like Mike"), "similar<Mike> en, about<Like Mike> en");
}

#[test]
fn the_language_is_that_of_the_phrase_the_script_or_the_conversation() {
    let chat = music();
    let lately = |language: &str| Speaks {
        always: None,
        lately: Some(language.into()),
    };
    assert_eq!(asks_of(chat, "aespa", &lately("ko")), "about<aespa> ko");
    assert_eq!(asks_of(chat, "에스파", &lately("en")), "about<에스파> ko");
    assert_eq!(asks_of(chat, "1975", &lately("en")), "about<1975> en");
    assert_eq!(asks(chat, "1975"), "about<1975> ko");
    assert_eq!(asks(chat, "初音ミク"), "about<初音ミク> ko");
    let always = Speaks {
        always: Some("en".into()),
        lately: Some("ko".into()),
    };
    assert_eq!(
        asks_of(chat, "에스파 장르", &always).split(", ").next(),
        Some("genres<에스파> en")
    );
    assert_eq!(asks(&small(), "alles"), "all de, about<alles> en");
}

#[test]
fn a_message_with_nothing_in_it_is_greeted_and_one_that_is_too_long_is_not_read() {
    let chat = music();
    for nothing in ["", "  \n\t", "\u{200b}\u{202e}", "\u{0}\u{7}\u{1b}"] {
        assert_eq!(asks(chat, nothing), "nothing", "{nothing:?}");
    }
    assert_eq!(asks(chat, &"a".repeat(1_001)), "too long");
    assert_eq!(asks(chat, &"가".repeat(10_000)), "too long");
    assert!(asks(chat, &"a".repeat(1_000)).starts_with("about<aaa"));
    assert_eq!(asks(chat, "🎵🎤"), "about<🎵🎤> ko");
    // What nobody sees is not part of a name, nor does it turn one around.
    assert_eq!(asks(chat, "ae\u{202e}sp\u{200b}a\u{0}"), "about<aespa> en");
    assert_eq!(
        asks(chat, "{{ artist.name }}{% for x in y %}"),
        "about<{{ artist.name }}{% for x in y %}> en"
    );
}

#[test]
fn what_was_offered_comes_back_as_a_choice() {
    let chat = music();
    let of = |intent: Option<&str>, thing: Option<(&str, &str)>| Payload {
        intent: intent.map(str::to_string),
        thing: thing.map(|(word, id)| (word.to_string(), id.to_string())),
    };
    let choice = |message: &str| match read(chat, message, &Speaks::default()) {
        Asked::Choice(choice) => Some(choice),
        _ => None,
    };
    for (text, payload) in [
        ("artist:b1", of(None, Some(("artist", "b1")))),
        ("genres artist:a b:c", of(Some("genres"), Some(("artist", "a b:c")))),
        ("greeting:", of(Some("greeting"), None)),
    ] {
        assert_eq!(choice(text), Some(payload.clone()), "{text}");
        assert_eq!(payload.text(chat).as_deref(), Some(text));
    }
    for other in [
        "album:b1",
        "artist:",
        "artist",
        "nothing artist:b1",
        "about:",
        "greeting artist:b1",
        "a:b",
    ] {
        assert_eq!(choice(other), None, "{other}");
    }
    assert_eq!(of(None, Some(("artist", &"x".repeat(1_000)))).text(chat), None);
    assert_eq!(of(None, Some(("artist", " x "))).text(chat), None);
    // The intent that a name alone asks is not said.
    let about = chat.intent("about").unwrap();
    assert_eq!(
        Payload::of(chat, about, "artist", "b1").text(chat).as_deref(),
        Some("artist:b1")
    );
}
