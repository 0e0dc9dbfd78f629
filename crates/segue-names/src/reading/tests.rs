use super::{by_words, in_latin, reading, spelt};
use crate::fold_name;

fn read(name: &str) -> String {
    reading(&fold_name(name)).unwrap_or_else(|| "nobody knows".to_string())
}

#[test]
fn hangul() {
    for (name, sounds) in [
        ("에스파", "esUpa"),
        ("샤이니", "syaini"),
        ("레이디 가가", "reidigaga"),
        ("콜드플레이", "kordUpUlei"),
        ("블랙핑크", "bUleKpiNkU"),
        ("클래시", "kUlesi"),
        ("크러쉬", "kUROswi"),
        ("강산에", "gaNsane"),
        ("빅뱅", "biKbeN"),
        ("리한나", "rihana"),
        ("지드래곤", "jidURegon"),
        ("G드래곤", "jidURegon"),
    ] {
        assert_eq!(read(name), sounds, "{name}");
    }
}

#[test]
fn kana() {
    for (name, sounds) in [
        ("レディー・ガガ", "redigaga"),
        ("きゃりーぱみゅぱみゅ", "kyaripamyupamyu"),
        ("ヨルシカ", "yorUSika"),
        ("とうきょう", "tQUkyoU"),
        ("シャ乱Q", "nobody knows"),
        ("ウィーザー", "wiza"),
        ("ファティマ", "fatima"),
    ] {
        assert_eq!(read(name), sounds, "{name}");
    }
}

#[test]
fn cyrillic_and_greek() {
    for (name, sounds) in [
        ("Леди Гага", "ledigaga"),
        ("Земфира", "zemfiRa"),
        ("Мумий Тролль", "mumitRol"),
        ("Σίσυφος", "sisifos"),
    ] {
        assert_eq!(read(name), sounds, "{name}");
    }
}

#[test]
fn latin_and_han_say_nothing() {
    assert_eq!(read("Lady Gaga"), "nobody knows");
    assert_eq!(read("宇多田ヒカル"), "nobody knows");
    assert_eq!(read("50"), "nobody knows");
}

#[test]
fn sounds_in_latin_letters() {
    assert_eq!(in_latin("kyaripamyupamyu"), "kyaripamyupamyu");
    assert_eq!(in_latin("gaNsUNyun"), "gangseungyun");
}

#[test]
fn word_by_word() {
    let words = |text: &str| -> Vec<String> { text.split(' ').map(str::to_string).collect() };
    let read = |text: &str| by_words(&words(text));
    assert_eq!(read("리틀 리처드").as_deref(), Some("ritUrricOdU"));
    assert_eq!(read("벨 앤 세바스찬").as_deref(), Some("berendUsebasUcan"));
    assert_eq!(read("레벨 42").as_deref(), Some("reber42"));
    assert_eq!(read("리틀"), None);
    assert_eq!(read("little richard"), None);
}

#[test]
fn letters_by_their_names() {
    assert_eq!(spelt("bts").as_deref(), reading("비티에스").as_deref());
    assert_eq!(spelt("tlc").as_deref(), reading("티엘씨").as_deref());
    assert_eq!(spelt("queen"), None);
    assert_eq!(spelt("2pac"), None);
}
