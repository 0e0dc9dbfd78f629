use super::{in_latin, reading};
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
        ("콜드플레이", "kordUpUrei"),
        ("블랙핑크", "bUreKpiNkU"),
        ("강산에", "gaNsane"),
        ("빅뱅", "biKbeN"),
        ("리한나", "rihana"),
        ("지드래곤", "jidUregon"),
        ("G드래곤", "jidUregon"),
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
