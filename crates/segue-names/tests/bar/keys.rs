//! What fingers press: Hangul as the keys of a two-set keyboard, and which keys lie beside which.

const FIRST: &str = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ";
const MIDDLE: &str = "ㅏㅐㅑㅒㅓㅔㅕㅖㅗㅘㅙㅚㅛㅜㅝㅞㅟㅠㅡㅢㅣ";
/// Without the one that is none.
const LAST: &str = "ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ";
/// What two keys make together.
const JOINED: &[(char, char, char)] = &[
    ('ㅗ', 'ㅏ', 'ㅘ'),
    ('ㅗ', 'ㅐ', 'ㅙ'),
    ('ㅗ', 'ㅣ', 'ㅚ'),
    ('ㅜ', 'ㅓ', 'ㅝ'),
    ('ㅜ', 'ㅔ', 'ㅞ'),
    ('ㅜ', 'ㅣ', 'ㅟ'),
    ('ㅡ', 'ㅣ', 'ㅢ'),
    ('ㄱ', 'ㅅ', 'ㄳ'),
    ('ㄴ', 'ㅈ', 'ㄵ'),
    ('ㄴ', 'ㅎ', 'ㄶ'),
    ('ㄹ', 'ㄱ', 'ㄺ'),
    ('ㄹ', 'ㅁ', 'ㄻ'),
    ('ㄹ', 'ㅂ', 'ㄼ'),
    ('ㄹ', 'ㅅ', 'ㄽ'),
    ('ㄹ', 'ㅌ', 'ㄾ'),
    ('ㄹ', 'ㅍ', 'ㄿ'),
    ('ㄹ', 'ㅎ', 'ㅀ'),
    ('ㅂ', 'ㅅ', 'ㅄ'),
];

/// The rows of keys, from above; each row begins half a key further to the right.
const KEYBOARDS: &[[&str; 3]] = &[
    ["qwertyuiop", "asdfghjkl", "zxcvbnm"],
    ["ㅂㅈㄷㄱㅅㅛㅕㅑㅐㅔ", "ㅁㄴㅇㄹㅎㅗㅓㅏㅣ", "ㅋㅌㅊㅍㅠㅜㅡ"],
    ["1234567890", "", ""],
];
/// What is typed with shift, and without.
const SHIFTED: &[(char, char)] = &[
    ('ㄲ', 'ㄱ'),
    ('ㄸ', 'ㄷ'),
    ('ㅃ', 'ㅂ'),
    ('ㅆ', 'ㅅ'),
    ('ㅉ', 'ㅈ'),
    ('ㅒ', 'ㅐ'),
    ('ㅖ', 'ㅔ'),
];

fn place(list: &str, c: char) -> Option<u32> {
    list.chars().position(|other| other == c).map(|at| at as u32)
}

fn nth(list: &str, at: u32) -> Option<char> {
    list.chars().nth(at as usize)
}

/// A text as keys: each syllable of Hangul as what is typed for it, everything else as it is.
pub fn typed(text: &str) -> Vec<char> {
    let mut keys = Vec::new();
    for c in text.chars() {
        for part in parts(c).into_iter().flatten() {
            match JOINED.iter().find(|(_, _, joined)| *joined == part) {
                Some((one, other, _)) => keys.extend([*one, *other]),
                None => keys.push(part),
            }
        }
    }
    keys
}

/// The up to three letters of a syllable; anything else is one.
fn parts(c: char) -> [Option<char>; 3] {
    if !('가'..='힣').contains(&c) {
        return [Some(c), None, None];
    }
    let at = c as u32 - '가' as u32;
    let last = (at % 28).checked_sub(1).and_then(|last| nth(LAST, last));
    [nth(FIRST, at / 588), nth(MIDDLE, at % 588 / 28), last]
}

/// A syllable that is being typed.
#[derive(Default)]
struct Syllable {
    first: Option<char>,
    middle: Option<char>,
    last: Option<char>,
}

impl Syllable {
    /// Puts down what there is, and is empty.
    fn put(&mut self, text: &mut String) {
        let Syllable { first, middle, last } = std::mem::take(self);
        let whole = || {
            let (first, middle) = (place(FIRST, first?)?, place(MIDDLE, middle?)?);
            let last = last.map_or(Some(0), |last| place(LAST, last).map(|at| at + 1))?;
            char::from_u32('가' as u32 + first * 588 + middle * 28 + last)
        };
        match whole() {
            Some(syllable) => text.push(syllable),
            None => text.extend([first, middle, last].into_iter().flatten()),
        }
    }
}

fn joined(one: Option<char>, other: char) -> Option<char> {
    let pair = JOINED.iter().find(|(a, b, _)| Some(*a) == one && *b == other);
    pair.map(|(_, _, joined)| *joined)
}

/// What stands there when these keys were pressed.
pub fn written(keys: &[char]) -> String {
    let (mut text, mut now) = (String::new(), Syllable::default());
    for &key in keys {
        if place(MIDDLE, key).is_some() {
            vowel(key, &mut now, &mut text);
        } else if place(FIRST, key).is_some() {
            consonant(key, &mut now, &mut text);
        } else {
            now.put(&mut text);
            text.push(key);
        }
    }
    now.put(&mut text);
    text
}

fn consonant(key: char, now: &mut Syllable, text: &mut String) {
    match (now.first, now.middle, now.last) {
        (Some(_), Some(_), None) if place(LAST, key).is_some() => now.last = Some(key),
        (Some(_), Some(_), last @ Some(_)) if joined(last, key).is_some() => now.last = joined(last, key),
        _ => {
            now.put(text);
            now.first = Some(key);
        }
    }
}

fn vowel(key: char, now: &mut Syllable, text: &mut String) {
    match (now.middle, now.last) {
        (None, _) => now.middle = Some(key),
        (Some(_), None) => match joined(now.middle, key) {
            Some(both) => now.middle = Some(both),
            None => {
                now.put(text);
                now.middle = Some(key);
            }
        },
        // The consonant below goes to the new vowel, or half of it.
        (Some(_), Some(last)) => {
            let (stays, goes) = match JOINED.iter().find(|(_, _, joined)| *joined == last) {
                Some((one, other, _)) => (Some(*one), *other),
                None => (None, last),
            };
            now.last = stays;
            now.put(text);
            now.first = Some(goes);
            now.middle = Some(key);
        }
    }
}

/// The keys that lie beside this one; with shift, the one without it too.
pub fn beside(key: char) -> Vec<char> {
    let lower = key.to_lowercase().next().unwrap_or(key);
    let plain = SHIFTED.iter().find(|(shifted, _)| *shifted == lower);
    let plain = plain.map_or(lower, |(_, plain)| *plain);
    let mut found = Vec::new();
    for rows in KEYBOARDS {
        let rows: Vec<Vec<char>> = rows.iter().map(|row| row.chars().collect()).collect();
        let here = rows.iter().enumerate().find_map(|(nth, row)| {
            let at = row.iter().position(|c| *c == plain)?;
            Some((nth, at))
        });
        let Some((nth, at)) = here else { continue };
        let mut look = |row: Option<usize>, at: Option<usize>| {
            let key = row.and_then(|row| rows.get(row)).zip(at);
            found.extend(key.and_then(|(row, at)| row.get(at)).copied());
        };
        look(Some(nth), at.checked_sub(1));
        look(Some(nth), Some(at + 1));
        look(nth.checked_sub(1), Some(at));
        look(nth.checked_sub(1), Some(at + 1));
        look(Some(nth + 1), at.checked_sub(1));
        look(Some(nth + 1), Some(at));
    }
    if plain != lower {
        found.push(plain);
    }
    if key.is_uppercase() {
        found = found.into_iter().flat_map(char::to_uppercase).collect();
    }
    found
}

#[test]
fn what_is_typed_stands_there() {
    assert_eq!(typed("꽃 왕"), ['ㄲ', 'ㅗ', 'ㅊ', ' ', 'ㅇ', 'ㅗ', 'ㅏ', 'ㅇ']);
    for text in [
        "빅뱅",
        "소녀시대",
        "값을 읽다",
        "f(x) 에프엑스",
        "의왕 휘인",
        "볼빨간사춘기",
        "앉아",
    ] {
        assert_eq!(written(&typed(text)), text);
    }
    // One key left out, as it looks on a screen.
    assert_eq!(written(&['ㅂ', 'ㄱ', 'ㅂ', 'ㅐ', 'ㅇ']), "ㅂㄱ뱅");
    assert_eq!(written(&['ㅅ', 'ㅗ', 'ㄴ', 'ㅕ', 'ㅅ']), "소녓");
    assert_eq!(written(&['ㅏ', 'ㅏ']), "ㅏㅏ");
}

#[test]
fn neighbours_lie_around_a_key() {
    let around = |key: char| beside(key).into_iter().collect::<String>();
    assert_eq!(around('g'), "fhtyvb".to_string());
    assert_eq!(around('Q'), "WA");
    assert_eq!(around('ㅆ'), "ㄱㅛㄹㅎㅅ");
    assert_eq!(around('2'), "13");
    assert_eq!(around('я'), "");
}
