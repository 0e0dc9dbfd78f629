use super::{Rows, Sentence, answer, offered, sentence};
use crate::answer::{Answer, Block, Outcome, Touch};
use crate::fixture::{music, small};
use crate::found::{Found, Known};
use proptest::prelude::{any, proptest};
use segue_spec::model::Chat;
use segue_spec::model::chat::limits;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

fn known(id: &str, name: &str) -> Known {
    Known {
        id: id.into(),
        name: name.into(),
    }
}

fn rows(all: &Value) -> Rows {
    let objects = |rows: &Value| {
        rows.as_array()
            .unwrap()
            .iter()
            .map(|r| r.as_object().unwrap().clone())
            .collect()
    };
    let each = all.as_object().unwrap().iter();
    each.map(|(query, rows)| (query.clone(), objects(rows))).collect()
}

/// What an intent says, a part a line; what it sends in brackets.
fn said(chat: &Chat, intent: &str, thing: Option<Known>, all: Value, language: &str) -> String {
    let intent = chat.intent(intent).unwrap();
    let answer = answer(chat, intent, thing.as_ref(), &rows(&all), language);
    assert_eq!(answer.remarks, Vec::<String>::new());
    showable(&answer);
    shown(&answer)
}

fn shown(answer: &Answer) -> String {
    let mut lines = Vec::new();
    for block in &answer.blocks {
        match block {
            Block::Text(text) => lines.push(text.clone()),
            Block::Cards(cards) => {
                for card in cards {
                    let parts = [
                        Some(&card.title),
                        card.subtitle.as_ref(),
                        card.image.as_ref(),
                        card.url.as_ref(),
                    ];
                    let parts: Vec<&str> = parts.into_iter().flatten().map(String::as_str).collect();
                    let buttons = card.buttons.iter().map(|b| match &b.touch {
                        Touch::Payload(payload) => format!(" [{}: {payload}]", b.title),
                        Touch::Url(url) => format!(" [{} -> {url}]", b.title),
                    });
                    lines.push(format!("# {}{}", parts.join(" | "), buttons.collect::<String>()));
                }
            }
            Block::QuickReplies(replies) => {
                let all = replies.iter().map(|r| format!("[{}: {}]", r.label(), r.payload));
                lines.push(all.collect::<Vec<_>>().join(" "));
            }
        }
    }
    lines.join("\n")
}

/// Every channel can show it.
#[track_caller]
fn showable(answer: &Answer) {
    let length = |text: &str| text.chars().count();
    let line = |text: &str, most: usize| {
        assert!(!text.trim().is_empty() && length(text) <= most, "{text:?}");
        assert!(!text.chars().any(char::is_control), "{text:?}");
    };
    let address = |text: &String| assert!(text.starts_with("https://") || text.starts_with("http://"), "{text}");
    assert!((1..=limits::BLOCKS).contains(&answer.blocks.len()));
    assert!(!matches!(answer.blocks[0], Block::QuickReplies(_)), "{answer:?}");
    for (at, block) in answer.blocks.iter().enumerate() {
        match block {
            Block::Text(text) => {
                assert!(!text.trim().is_empty() && length(text) <= limits::TEXT, "{text:?}");
                assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{text:?}");
            }
            Block::Cards(cards) => {
                assert!((1..=limits::CARDS).contains(&cards.len()));
                for card in cards {
                    line(&card.title, limits::TITLE);
                    card.subtitle.iter().for_each(|text| line(text, limits::TITLE));
                    card.image.iter().chain(&card.url).for_each(address);
                    assert!(card.buttons.len() <= limits::BUTTONS);
                    for button in &card.buttons {
                        line(&button.title, limits::LABEL);
                        match &button.touch {
                            Touch::Payload(payload) => line(payload, limits::PAYLOAD),
                            Touch::Url(url) => address(url),
                        }
                    }
                }
            }
            Block::QuickReplies(replies) => {
                assert_eq!(at + 1, answer.blocks.len(), "they are the last part");
                assert!((1..=limits::QUICK_REPLIES).contains(&replies.len()));
                for (at, reply) in replies.iter().enumerate() {
                    line(&reply.title, limits::LABEL);
                    line(&reply.payload, limits::PAYLOAD);
                    assert!(
                        replies[..at].iter().all(|other| other.title != reply.title),
                        "{replies:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn an_artist_is_answered_in_either_language() {
    let chat = music();
    let all = json!({
        "it": [{ "name": "aespa", "image_url": "https://img.example/a.jpg", "url": "https://open.example/a" }],
        "genres": [{ "genre": "k-pop" }, { "genre": "dance pop" }],
        "tracks": [{ "name": "Supernova" }, { "name": "Whiplash" }],
        "related": [{ "name": "IVE" }],
    });
    let aespa = Some(known("a1", "aespa"));
    assert_eq!(
        said(chat, "about", aespa.clone(), all.clone(), "ko"),
        "# aespa | k-pop, dance pop | https://img.example/a.jpg | https://open.example/a\n\
         인기곡: Supernova, Whiplash\n\
         비슷한 가수: IVE\n\
         [장르: genres artist:a1] [인기곡: tracks artist:a1] [비슷한 가수: similar artist:a1]"
    );
    assert!(said(chat, "about", aespa, all, "en").contains("\nTop tracks: Supernova, Whiplash\n"));
}

#[test]
fn what_is_missing_is_left_out_or_said() {
    let chat = music();
    let nobody = Some(known("a9", "Nobody"));
    // No picture, no address, no genre: a card all the same.
    let bare = json!({ "it": [{ "name": "Nobody", "image_url": null }], "genres": [], "tracks": [], "related": [] });
    let text = said(chat, "about", nobody.clone(), bare, "en");
    assert!(text.starts_with("# Nobody\n[Genres: "), "{text}");
    for (intent, wanted) in [
        ("genres", "No genres are known for Nobody yet."),
        ("tracks", "No tracks are known for Nobody yet."),
        ("similar", "No similar artists are known for Nobody yet"),
    ] {
        let text = said(chat, intent, nobody.clone(), json!({}), "en");
        assert!(text.starts_with(wanted), "{text}");
    }
    // Nothing is left of it: then that is said.
    let text = said(chat, "about", nobody, json!({ "it": [{ "name": null }] }), "en");
    assert!(text.starts_with("I know Nobody, but nothing more yet.\n["), "{text}");
}

#[test]
fn why_somebody_is_similar_is_said() {
    let chat = music();
    let all = json!({ "related": [
        { "id": "b1", "name": "IVE", "url": "https://open.example/i", "reason": "similar sound", "genres": ["k-pop", null] },
        { "id": "b2", "name": "ITZY", "reason": null, "genres": null },
        { "id": null, "name": "NMIXX", "reason": "similar sound", "genres": [] },
    ] });
    let text = said(chat, "similar", Some(known("a1", "aespa")), all, "ko");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(
        lines[1],
        "# IVE | 같은 장르: k-pop · 소리가 비슷해요 | https://open.example/i [자세히 보기: artist:b1]"
    );
    assert_eq!(lines[2], "# ITZY [자세히 보기: artist:b2]");
    assert_eq!(lines[3], "# NMIXX | 소리가 비슷해요");
}

#[test]
fn what_may_be_meant_is_offered_and_told_apart() {
    let chat = music();
    let genres = chat.intent("genres").unwrap();
    let two = [
        known("b1", "Nirvana"),
        known("b2", "NIRVANA"),
        known("b3", "Nirvana of the Seven Seas and Beyond"),
    ];
    assert_eq!(super::namesakes(&two), [true, true, false]);
    let apart = [Some("grunge".to_string()), None, None];
    let several = Found::Several {
        things: two.to_vec(),
        exact: true,
    };
    let answer = offered(chat, genres, "nirvana", &several, &apart, "en");
    showable(&answer);
    assert_eq!(answer.outcome, Outcome::Several);
    assert_eq!(
        shown(&answer),
        "Several artists may be meant by “nirvana”. Which one is it?\n\
         [Nirvana · grunge: genres artist:b1] [NIRVANA: genres artist:b2] [Nirvana of the Seven Seas and Beyond: genres artist:b3]"
    );
    // Titles that would be equal, or are too long, are cut and numbered.
    let same = [known("1", "Nirvana"), known("2", "Nirvana")];
    let several = Found::Several {
        things: same.to_vec(),
        exact: true,
    };
    let answer = offered(chat, genres, "nirvana", &several, &[], "ko");
    showable(&answer);
    let text = shown(&answer);
    assert!(
        text.contains("[Nirvana: genres artist:1] [Nirvana (2): genres artist:2]"),
        "{text}"
    );
    // One that is not sure, and none.
    let near = Found::None(vec![known("1", "Nirvana")]);
    let answer = offered(chat, genres, "nirvada", &near, &[], "en");
    assert_eq!(answer.outcome, Outcome::Nearest);
    let answer = offered(
        chat,
        genres,
        "'; DROP TABLE artists; --",
        &Found::None(Vec::new()),
        &[],
        "en",
    );
    showable(&answer);
    assert_eq!(answer.outcome, Outcome::Unknown);
    assert_eq!(shown(&answer), "I know no artist called “'; DROP TABLE artists; --”.");
}

#[test]
fn what_somebody_typed_is_never_a_template_and_never_harms_a_terminal() {
    let chat = music();
    for (typed, is_shown) in [
        ("{{ 7 * 7 }}", "“{{ 7 * 7 }}”"),
        ("{% for x in range(9) %}", "“{% for x in range(9) %}”"),
        ("\u{1b}[31mred\u{202e}\u{7}", "“[31mred”"),
    ] {
        let answer = sentence(chat, Sentence::Unknown, typed, "en");
        showable(&answer);
        assert!(shown(&answer).contains(is_shown), "{typed:?}: {}", shown(&answer));
    }
    let long = sentence(chat, Sentence::Unknown, &"가".repeat(5_000), "en");
    assert!(shown(&long).chars().count() < 200);
    assert_eq!(shown(&sentence(&small(), Sentence::TooLong, "", "de")), "At most 1000.");
}

#[test]
fn what_is_no_address_and_what_cannot_be_filled_in_is_left_out_and_remarked() {
    let chat = small();
    let all = json!({ "all": [
        { "id": "1", "name": "One", "url": "javascript:alert(1)" },
        { "id": "2", "name": " ", "url": "https://b.example" },
        { "id": "", "name": "Three", "url": "https://c.example/x" },
    ] });
    let answer = answer(&chat, chat.intent("all").unwrap(), None, &rows(&all), "en");
    showable(&answer);
    assert_eq!(
        shown(&answer),
        "# One [About: artist:1] [All: all:]\n# Three | https://c.example/x [Open -> https://c.example/x] [All: all:]"
    );
    assert_eq!(
        answer.remarks,
        ["`javascript:alert(1)` is no address that begins with https:// or http://"]
    );

    let broken = crate::fixture::chat(
        "chat: c
languages: [en]
greeting: { answer: [ { text: \"Hello {{ it[0].name + 1 }}\" } ], queries: { it: 'select name from music.artists' } }
intents: [ { intent: a, match: x, answer: [ { text: a } ] } ]
sentences: { several: s, nearest: n, unknown: u, nothing: nothing to say, too_long: t }
",
    );
    let answer = super::answer(
        &broken,
        &broken.greeting,
        None,
        &rows(&json!({ "it": [{ "name": null }] })),
        "en",
    );
    showable(&answer);
    assert_eq!(shown(&answer), "nothing to say");
    assert!(
        answer.remarks[0].contains("cannot be filled in"),
        "{:?}",
        answer.remarks
    );
}

#[test]
fn no_part_is_longer_than_channels_take() {
    let chat = small();
    let long = "x".repeat(3_000);
    let row = |at: usize| json!({ "id": at.to_string(), "name": format!("{at} {long}"), "url": "https://a.example" });
    let many = json!({ "all": (0..200).map(row).collect::<Vec<_>>() });
    showable(&answer(&chat, chat.intent("all").unwrap(), None, &rows(&many), "en"));
    let many = json!({ "it": (0..200).map(row).collect::<Vec<_>>() });
    let one = known("1", &long);
    showable(&answer(
        &chat,
        chat.intent("about").unwrap(),
        Some(&one),
        &rows(&many),
        "en",
    ));
    let things: Vec<Known> = (0..40).map(|at| known(&at.to_string(), &long)).collect();
    let several = Found::Several { things, exact: false };
    showable(&offered(
        &chat,
        chat.intent("about").unwrap(),
        &long,
        &several,
        &[],
        "en",
    ));
}

/// Rows of every query, made of a list of choices: each value is there, null, missing, or empty.
fn any_rows(chat: &Chat, intent: &str, choices: &[u8]) -> Rows {
    let mut choices = choices.iter().copied().chain(std::iter::repeat(0));
    let mut next = || choices.next().unwrap_or(0);
    let mut all = BTreeMap::new();
    for query in chat.intent(intent).unwrap().queries.keys() {
        let mut rows = Vec::new();
        for at in 0..next() % 14 {
            let mut row = Map::new();
            for column in ["id", "name", "genre", "genres", "reason", "rank", "image_url", "url"] {
                let value = match (next() % 4, column) {
                    (0, _) => Value::Null,
                    (1, _) => continue,
                    (2, "rank") => json!(at),
                    (2, "genres") => json!(["k-pop", null, "rock"]),
                    (2, "image_url" | "url") => json!("https://img.example/a.jpg"),
                    (2, _) => json!(format!("{column} {at} 가나다")),
                    (_, "genres") => json!([]),
                    (_, "rank" | "image_url" | "url") => Value::Null,
                    (_, _) => json!(""),
                };
                row.insert(column.to_string(), value);
            }
            rows.push(row);
        }
        all.insert(query.clone(), rows);
    }
    all
}

proptest! {
    #[test]
    fn an_answer_is_total_over_what_is_missing(choices in proptest::collection::vec(any::<u8>(), 0..500)) {
        let chat = music();
        let thing = known("a1", if choices.first().is_some_and(|c| c % 2 == 0) { "aespa" } else { "" });
        for intent in ["greeting", "about", "genres", "tracks", "similar"] {
            let rows = any_rows(chat, intent, &choices);
            let about = chat.intent(intent).unwrap().thing.as_ref().map(|_| &thing);
            for language in ["ko", "en"] {
                let answer = answer(chat, chat.intent(intent).unwrap(), about, &rows, language);
                showable(&answer);
                assert_eq!(answer.remarks, Vec::<String>::new());
            }
        }
    }

    #[test]
    fn any_message_is_read_and_any_name_offered(message in ".{0,80}", name in ".{0,60}") {
        let chat = music();
        let _read = crate::read(chat, &message, &crate::Speaks::default());
        let found = Found::None(vec![known("1", &name)]);
        showable(&offered(chat, chat.intent("about").unwrap(), &message, &found, &[], "ko"));
    }
}
