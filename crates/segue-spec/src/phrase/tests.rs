use super::{MOST_WAYS, phrases};

/// Each way of saying it, with `_` for a name.
fn ways(text: &str) -> Vec<String> {
    let way = |p: super::Phrase| match p.thing {
        None => p.before,
        Some(thing) => {
            let space = |is: bool| if is { " " } else { "" };
            let (before, after) = (space(p.spaced_before), space(p.spaced_after));
            format!("{}{before}<{thing}>{after}{}", p.before, p.after)
        }
    };
    phrases(text).unwrap().into_iter().map(way).collect()
}

#[track_caller]
fn refused(text: &str) -> (String, String) {
    let mistake = phrases(text).unwrap_err();
    assert!(!mistake.hint.is_empty());
    (text[mistake.bytes].to_string(), mistake.message)
}

#[test]
fn a_text_stands_for_every_way_of_saying_it() {
    assert_eq!(ways("{artist}"), ["<artist>"]);
    assert_eq!(ways("similar to {artist}"), ["similar to <artist>"]);
    assert_eq!(ways("{artist}[의] 장르"), ["<artist>의 장르", "<artist> 장르"]);
    assert_eq!(
        ways("{artist}  (비슷한|닮은)  가수"),
        ["<artist> 비슷한 가수", "<artist> 닮은 가수"]
    );
    assert_eq!(ways("(hi|hello)[ there]"), ["hi there", "hi", "hello there", "hello"]);
    assert_eq!(ways("[a|b] {x}"), ["a <x>", "b <x>", " <x>"]);
    assert_eq!(ways("genres of {artist}?"), ["genres of <artist>?"]);
}

#[test]
fn a_name_and_nothing_else_is_bare() {
    let bare = |text: &str| phrases(text).unwrap()[0].is_bare();
    assert!(bare("{artist}") && bare(" {artist} ?"));
    assert!(!bare("{artist} 장르") && !bare("hello"));
}

#[test]
fn what_is_no_phrase_is_said_at_its_place() {
    assert_eq!(refused("similar to {artist"), ("{".into(), "`{` is not closed".into()));
    assert_eq!(refused("a] b"), ("]".into(), "`]` stands alone".into()));
    assert_eq!(refused("a | b"), ("|".into(), "`|` stands alone".into()));
    assert_eq!(refused("{a} and {b}").0, "{b}");
    assert_eq!(refused("[very [much]]").1, "brackets do not stand in each other");
    for empty in ["", "  ", "?!", "[hi]"] {
        assert_eq!(refused(empty).1, "a phrase has no letters in it", "{empty:?}");
    }
    let many = "(a|b|c|d)".repeat(5);
    let (_, why) = refused(&many);
    assert!(why.contains("1024") && why.contains(&MOST_WAYS.to_string()), "{why}");
}
