use crate::index::tests::{entries, shown};
use crate::{Answer, Index};

/// Asks each question of these entries, and compares with what is expected of it.
fn asked(lines: &str, questions: &[(&str, &str)]) {
    let index = Index::build("1", entries(lines));
    for (question, expected) in questions {
        assert_eq!(shown(&index.resolve(question)), *expected, "{question}");
    }
}

#[test]
fn a_name_as_it_is_written_comes_before_another_that_only_folds_to_it() {
    let lines = "
        1: 마마무 | MAMAMOO = 74
        2: MAMAMOO+ | 마마무+ = 50
        3: Big Star = 46
        4: 빅스타 | BIGSTAR = 30
        5: Cream = 62
        6: 크림 | CREAM = 10
        7: Nirvana = 82
        8: Nirvana = 30
    ";
    asked(
        lines,
        &[
            ("MAMAMOO+", "one; 2 MAMAMOO+: same"),
            ("“mamamoo＋”", "one; 2 MAMAMOO+: same"),
            ("마마무", "one; 1 마마무: same"),
            ("big  star", "one; 3 Big Star: same"),
            // Written like the one and called like the other, or two of one name: then it is not chosen.
            ("bigstar", "several; 3 Big Star: same; 4 빅스타 (BIGSTAR): same"),
            ("cream", "several; 5 Cream: same; 6 크림 (CREAM): same"),
            ("mamamoo", "several; 1 마마무 (MAMAMOO): same; 2 MAMAMOO+: same"),
            ("nirvana", "several; 7 Nirvana: same; 8 Nirvana: same"),
        ],
    );
}

#[test]
fn what_sounds_nearer_by_a_margin_is_the_one() {
    let lines = "
        1: The Clash = 70
        2: 천상지희 더 그레이스 | The Grace = 30
        3: John Mayer | 존 메이어 = 80
        4: Stray Kids | SKZ = 88
        5: Squeeze = 40
    ";
    asked(
        lines,
        &[
            ("더 클래시", "one; 1 The Clash: sound"),
            ("존 메이어", "one; 3 John Mayer (존 메이어): same"),
        ],
    );
    let index = Index::build("1", entries(lines));
    // Both sound a little like it.
    assert!(matches!(index.resolve("스키즈"), Answer::Several(_)));
}

/// `존 메이톨` is John Mayall, mistyped, of whom only the Latin name is known: a syllable that is another one altogether is not sure.
#[test]
fn a_syllable_that_is_another_one_is_not_sure_beside_a_sound() {
    let index = Index::build("1", entries("1: John Mayer | 존 메이어 = 80\n2: John Mayall = 40"));
    let answer = index.resolve("존 메이톨");
    assert!(matches!(answer, Answer::Several(_)), "{answer:?}");
}

#[test]
fn a_long_name_that_alone_sounds_so_is_the_one() {
    let lines = "
        1: Boards of Canada
        2: Simple Minds
        3: *NSYNC
        4: Barry White
        5: TLC
        6: CLC | 씨엘씨
        7: The Cure
        8: Talking Heads
        9: Astrud Gilberto
    ";
    asked(
        lines,
        &[
            ("보즈 오브 캐나다", "one; 1 Boards of Canada: sound"),
            ("심플 마인즈", "one; 2 Simple Minds: sound"),
            ("배리 화이트", "one; 4 Barry White: sound"),
            ("토킹 헤즈", "one; 8 Talking Heads: sound"),
            ("씨엘씨", "one; 6 CLC (씨엘씨): same"),
        ],
    );
    let index = Index::build("1", entries(lines));
    for (question, id) in [("티엘씨", "5"), ("더 큐어", "7"), ("아스트루드  질베르토", "9")] {
        let answer = index.resolve(question);
        assert!(!matches!(answer, Answer::None(_)), "{question}");
        assert_eq!(answer.candidates()[0].id, id, "{question}");
    }
}

/// No name has a part of a syllable that stands alone: the question has an error for sure, and less has to be left to know it.
#[test]
fn parts_of_syllables_that_stand_alone_are_errors() {
    let lines = "
        1: 슬기
        2: 박재범
        3: 장민호
        4: Bon Iver
        5: 이채연
    ";
    asked(
        lines,
        &[
            ("ㅡㅅㄹ기", "one; 1 슬기: typing 1"),
            ("슬가", "several; 1 슬기: typing 1"),
            ("ㅏㅂㄱ재브ㅓㅁ", "one; 2 박재범: typing 2"),
            ("ㅏㅈㅇ민호", "one; 3 장민호: typing 1"),
            ("ㅏㅈㅇ킨호", "one; 3 장민호: typing 2"),
            ("보ㅓㄴ 이베어", "several; 4 Bon Iver: sound"),
        ],
    );
}

#[test]
fn an_article_with_errors_is_part_of_what_was_typed() {
    let lines = "
        1: The Tubes
        2: The Hollies
        3: Tubular Bells
    ";
    asked(
        lines,
        &[
            ("Tnhe Tubess", "one; 1 The Tubes: typing 2"),
            ("TYje Hollies", "one; 2 The Hollies: typing 2"),
        ],
    );
}

#[test]
fn the_family_name_in_the_other_place() {
    let lines = "
        1: 中森明菜 | Akina Nakamori
        2: Paul Simon
        3: Simon Paul
    ";
    asked(
        lines,
        &[
            ("Nakamori Akina", "one; 1 中森明菜 (Akina Nakamori): typing 1"),
            ("나카모리 아키나", "one; 1 中森明菜 (Akina Nakamori): sound"),
            ("Simon Paul", "one; 3 Simon Paul: same"),
        ],
    );
}

#[test]
fn three_errors_in_a_long_name_are_asked_back() {
    asked(
        "1: كاظم الساهر | Kadim Al Sahir\n2: Lady Gaga",
        &[("Kadhem Al Saher", "several; 1 كاظم الساهر (Kadim Al Sahir): typing 3")],
    );
}

#[test]
fn numbers_as_they_are_said() {
    let index = Index::build("1", entries("1: SISTAR19 | 씨스타19\n2: Level 42"));
    for (question, id) in [("씨스타 나인틴", "1"), ("레벨 포티투", "2")] {
        let answer = index.resolve(question);
        assert!(answer.candidates().iter().any(|c| c.id == id), "{question}: {answer:?}");
    }
}
