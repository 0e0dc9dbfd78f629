use super::{cost, is_shorter, of_sounds, shorter, skeletons};
use crate::fold_name;
use crate::reading::reading;

/// What the two cost, and whether their skeletons meet.
fn beside(name: &str, latin: &str) -> (u32, bool) {
    let (folded, letters) = (fold_name(name), fold_name(latin));
    let Some(sounds) = reading(&folded) else {
        panic!("{name} cannot be read")
    };
    let near: Vec<String> = shorter(&of_sounds(&sounds)).collect();
    let meets = skeletons(&letters)
        .iter()
        .flat_map(|s| shorter(s).collect::<Vec<_>>())
        .any(|s| near.contains(&s));
    (cost(&sounds, &letters, 1_000).unwrap_or(u32::MAX), meets)
}

#[test]
fn names_that_are_the_same_aloud() {
    for (name, latin) in [
        ("에스파", "aespa"),
        ("샤이니", "SHINee"),
        ("레이디가가", "Lady Gaga"),
        ("에미넴", "Eminem"),
        ("콜드플레이", "Coldplay"),
        ("블랙핑크", "BLACKPINK"),
        ("아이유", "IU"),
        ("뉴진스", "NewJeans"),
        ("르세라핌", "LE SSERAFIM"),
        ("건즈 앤 로지스", "Guns N' Roses"),
        ("머라이어 캐리", "Mariah Carey"),
        ("저스틴 비버", "Justin Bieber"),
        ("테일러 스위프트", "Taylor Swift"),
        ("드레이크", "Drake"),
        ("비욘세", "Beyoncé"),
        ("리한나", "Rihanna"),
        ("칸예 웨스트", "Kanye West"),
        ("브루노 마스", "Bruno Mars"),
        ("마룬 파이브", "Maroon 5"),
        ("에드 시런", "Ed Sheeran"),
        ("슈퍼주니어", "Super Junior"),
        ("트와이스", "TWICE"),
        ("엑소", "EXO"),
        ("갓세븐", "GOT7"),
        ("비티에스", "BTS"),
        ("강성균", "Kang Sung Kyun"),
        ("이승철", "Lee Seung Chul"),
        ("박효신", "Park Hyo Shin"),
        ("최백호", "Choi Baek Ho"),
        ("임영웅", "Lim Young Woong"),
        ("レディー・ガガ", "Lady Gaga"),
        ("ヨルシカ", "Yorushika"),
        ("きゃりーぱみゅぱみゅ", "Kyary Pamyu Pamyu"),
        ("アデル", "Adele"),
        ("Земфира", "Zemfira"),
        ("Леди Гага", "Lady Gaga"),
        ("Кино", "Kino"),
        ("Βαγγέλης", "Vangelis"),
    ] {
        let (cost, meets) = beside(name, latin);
        assert!(cost <= 10, "{name} and {latin} cost {cost}");
        assert!(meets, "the skeletons of {name} and {latin} do not meet");
    }
}

#[test]
fn names_that_are_not() {
    for (name, latin) in [
        ("에스파", "Aespo Band"),
        ("샤이니", "Shania Twain"),
        ("레이디가가", "Lady A"),
        ("에미넴", "Eminence Front"),
        ("비욘세", "Bonnie Tyler"),
        ("강성균", "Kang San Ae"),
        ("アデル", "Idlewild"),
    ] {
        let (cost, _) = beside(name, latin);
        assert!(cost > 10, "{name} and {latin} cost {cost}");
    }
}

#[test]
fn more_than_is_asked_for_is_nothing() {
    assert_eq!(cost("esUpa", "aespa", 0), Some(0));
    assert_eq!(cost("esUpa", "metallica", 20), None);
}

#[test]
fn what_is_shorter_by_one() {
    for skeleton in ["K", "KR", "KRT", "KKRT", "KRRTP"] {
        for other in [
            "K", "KR", "KT", "RT", "KRT", "KKT", "KRTP", "RRTP", "KRRP", "PRT", "KRRTPS",
        ] {
            let is_one = shorter(skeleton).any(|shorter| shorter == other);
            assert_eq!(is_shorter(skeleton, other), is_one, "{other} of {skeleton}");
        }
    }
}

#[test]
fn sounds_as_korean_writes_them() {
    for (name, latin, most) in [
        ("캐시", "Cash", 0),
        ("크러쉬", "Crush", 0),
        ("루츠", "Roots", 1),
        ("헤즈", "Heads", 1),
        ("토킹", "Talking", 1),
        ("컬처", "Culture", 1),
        ("맥그로", "McGraw", 3),
        ("사이먼앤가펑클", "Simon and Garfunkel", 3),
    ] {
        let (cost, meets) = beside(name, latin);
        assert!(cost <= most, "{name} and {latin} cost {cost}");
        assert!(meets, "the skeletons of {name} and {latin} do not meet");
    }
    // A single liquid between vowels is no `l`.
    assert!(beside("크러쉬", "Clash").0 > beside("클래시", "Clash").0);
}
