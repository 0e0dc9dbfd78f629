use super::{Choices, Shown, shown, wrapped};
use segue_app::chats::{Answer, Block, Button, Card, Outcome, QuickReply, Touch};

fn answer() -> Answer {
    let reply = |title: &str, payload: &str| QuickReply {
        title: title.into(),
        whole: None,
        payload: payload.into(),
    };
    let card = |title: &str, subtitle: Option<&str>, buttons: Vec<Button>| Card {
        title: title.into(),
        subtitle: subtitle.map(str::to_string),
        image: Some("https://example.com/a.jpg".into()),
        url: None,
        buttons,
    };
    let genres = Button {
        title: "장르".into(),
        touch: Touch::Payload("genres artist:1".into()),
    };
    let open = Button {
        title: "듣기".into(),
        touch: Touch::Url("https://example.com".into()),
    };
    Answer {
        chat: "music".into(),
        language: "ko".into(),
        outcome: Outcome::Answered,
        intent: None,
        about: None,
        blocks: vec![
            Block::Text("에스파는 이런 가수예요.\n\n두 번째 줄".into()),
            Block::Cards(vec![
                card("aespa", Some("k-pop"), vec![genres, open]),
                card("IVE", None, vec![]),
            ]),
            Block::QuickReplies(vec![
                reply("비슷한 가수", "similar artist:1"),
                reply("SHINee", "SHINee"),
            ]),
        ],
        remarks: Vec::new(),
    }
}

#[test]
fn an_answer_is_shown_with_what_may_be_chosen() {
    let Shown { text, offered } = shown(&answer(), Choices::ByNumber, None);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(
        lines,
        [
            "에스파는 이런 가수예요.",
            "",
            "두 번째 줄",
            "",
            "aespa",
            "  k-pop",
            "    1  장르",
            "  듣기: https://example.com",
            "",
            "IVE",
            "",
            "  2  비슷한 가수",
            "  3  SHINee",
        ]
    );
    assert_eq!(offered, ["genres artist:1", "similar artist:1", "SHINee"]);
    let once = shown(&answer(), Choices::ByPayload, None).text;
    assert!(once.contains("  > 장르   genres artist:1\n"), "{once}");
    assert!(once.ends_with("> 비슷한 가수   similar artist:1\n> SHINee"), "{once}");
}

#[test]
fn no_line_is_wider_than_the_terminal() {
    use unicode_width::UnicodeWidthStr;
    assert_eq!(wrapped("one two three", 8), ["one two", "three"]);
    assert_eq!(wrapped("abcdefgh", 3), ["abc", "def", "gh"]);
    assert_eq!(wrapped("에스파에스파", 5), ["에스", "파에", "스파"]);
    assert_eq!(wrapped("", 5), [""]);
    for width in [1, 20, 21, 40] {
        let text = shown(&answer(), Choices::ByNumber, Some(width)).text;
        assert!(
            text.lines().all(|line| line.width() <= width.max(20)),
            "{width}\n{text}"
        );
    }
}
