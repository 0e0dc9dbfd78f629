use super::*;
use crate::catalogue::Catalogue;
use insta::assert_snapshot;
use std::sync::LazyLock;

static FULL: LazyLock<Catalogue> = LazyLock::new(Catalogue::full);

/// Who fits, best first, with the weights.
fn found(text: &str) -> String {
    let Some(query) = Query::parse(text) else {
        return format!("{text}: no query");
    };
    let mut found: Vec<(f64, &str)> = FULL
        .artists()
        .iter()
        .map(|a| (query.weight(a), a.name.as_str()))
        .collect();
    found.retain(|(weight, _)| *weight > 0.0);
    found.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    let shown: Vec<String> = found.iter().take(4).map(|(w, name)| format!("{name} {w:.2}")).collect();
    format!("{text}: {} of {}", shown.join(", "), found.len())
}

#[test]
fn names_and_aliases_are_found_in_any_script() {
    let asked = [
        r#"artist:"에스파" OR alias:"에스파""#,
        r#"artist:"아이유" OR alias:"아이유""#,
        r#"alias:"Lee Ji-eun""#,
        r#"artist:"bjork""#,
        r#"artist:Кино"#,
        r#"artist:"GUNS N ROSES""#,
        r#"alias:"레이디 가가""#,
        "nirvana",
        r#"artist:nirvana AND country:US"#,
        r#"artist:nirvana AND NOT country:US"#,
        r#"artist:(beatles OR kinks)"#,
        "artist:radioh*",
        r#"artist:"AC/DC""#,
        r"artist:AC\/DC",
        r#"artist:"!!!""#,
        r#"sortname:"Yonezu, Kenshi""#,
        r#"tag:"k-pop" AND type:person AND artist:"IU""#,
        "nosuchfield:x",
        r#"artist:"beatles"~2^4"#,
    ];
    assert_snapshot!(asked.map(found).join("\n"), @r#"
    artist:"에스파" OR alias:"에스파": aespa 1.00 of 1
    artist:"아이유" OR alias:"아이유": IU 1.00 of 1
    alias:"Lee Ji-eun": IU 1.00 of 1
    artist:"bjork": Björk 1.00 of 1
    artist:Кино: Kino 1.00 of 1
    artist:"GUNS N ROSES": Guns N' Roses 1.00 of 1
    alias:"레이디 가가": Lady Gaga 1.00 of 1
    nirvana: Nirvana 1.00, Nirvana 1.00 of 2
    artist:nirvana AND country:US: Nirvana 2.00 of 1
    artist:nirvana AND NOT country:US: Nirvana 1.00 of 1
    artist:(beatles OR kinks): The Beatles 0.70, The Kinks 0.70 of 2
    artist:radioh*: Radiohead 1.00 of 1
    artist:"AC/DC": AC/DC 1.00 of 1
    artist:AC\/DC: AC/DC 1.00 of 1
    artist:"!!!": !!! 1.00 of 1
    sortname:"Yonezu, Kenshi": Kenshi Yonezu 1.00 of 1
    tag:"k-pop" AND type:person AND artist:"IU":  of 0
    nosuchfield:x:  of 0
    artist:"beatles"~2^4: The Beatles 0.70 of 1
    "#);
}

#[test]
fn what_is_no_query_is_none() {
    for text in [
        "\"",
        "artist:\"a",
        "(",
        "a )",
        "AND",
        "a AND",
        "artist:",
        ":",
        "a OR OR b",
        "\\",
        "NOT",
    ] {
        assert_eq!(Query::parse(text), None, "{text}");
    }
}

#[test]
fn no_text_ends_the_reader() {
    const SIGNS: [&str; 16] = [
        "\"", "(", ")", ":", "\\", "~", "^", "*", "AND", "OR", "NOT", "-", " ", "a", "에", "!",
    ];
    for seed in 0..3_000 {
        let mut dice = crate::numbers::Dice::new(seed, "queries");
        let text: String = (0..dice.below(20)).map(|_| SIGNS[dice.below(SIGNS.len())]).collect();
        if let Some(query) = Query::parse(&text) {
            assert!(query.weight(&FULL.artists()[0]) >= 0.0, "{text}");
        }
    }
}
