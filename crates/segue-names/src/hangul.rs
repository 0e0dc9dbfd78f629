//! Hangul taken apart: into the keys that write it, and into its sounds.

const FIRST: u32 = 0xac00;
const LAST: u32 = 0xd7a3;

/// The consonant that a syllable begins with, by its number.
const INITIALS: [char; 19] = [
    'ㄱ', 'ㄲ', 'ㄴ', 'ㄷ', 'ㄸ', 'ㄹ', 'ㅁ', 'ㅂ', 'ㅃ', 'ㅅ', 'ㅆ', 'ㅇ', 'ㅈ', 'ㅉ', 'ㅊ', 'ㅋ', 'ㅌ', 'ㅍ', 'ㅎ',
];

/// The keys of each vowel: `ㅘ` is written with two.
const MEDIALS: [&str; 21] = [
    "ㅏ", "ㅐ", "ㅑ", "ㅒ", "ㅓ", "ㅔ", "ㅕ", "ㅖ", "ㅗ", "ㅗㅏ", "ㅗㅐ", "ㅗㅣ", "ㅛ", "ㅜ", "ㅜㅓ", "ㅜㅔ", "ㅜㅣ",
    "ㅠ", "ㅡ", "ㅡㅣ", "ㅣ",
];

/// The keys of each consonant that a syllable ends with.
const FINALS: [&str; 28] = [
    "", "ㄱ", "ㄲ", "ㄱㅅ", "ㄴ", "ㄴㅈ", "ㄴㅎ", "ㄷ", "ㄹ", "ㄹㄱ", "ㄹㅁ", "ㄹㅂ", "ㄹㅅ", "ㄹㅌ", "ㄹㅍ", "ㄹㅎ",
    "ㅁ", "ㅂ", "ㅂㅅ", "ㅅ", "ㅆ", "ㅇ", "ㅈ", "ㅊ", "ㅋ", "ㅌ", "ㅍ", "ㅎ",
];

/// A syllable's parts, by their numbers: the consonant before, the vowel, the consonant behind (0 for none).
pub fn parts(c: char) -> Option<(usize, usize, usize)> {
    let at = c as u32;
    (FIRST..=LAST).contains(&at).then(|| {
        let at = (at - FIRST) as usize;
        (at / (21 * 28), at / 28 % 21, at % 28)
    })
}

/// Whether any of it is Hangul.
pub fn has_hangul(text: &str) -> bool {
    text.chars().any(|c| parts(c).is_some())
}

/// Whether a part of a syllable stands alone in this folded text: somebody missed a key.
pub fn has_lone(folded: &str) -> bool {
    folded.chars().any(|c| matches!(c, '\u{1100}'..='\u{11ff}'))
}

/// The sounds of a part of a syllable that stands alone.
pub fn lone_sounds(c: char) -> Option<&'static str> {
    let conjoining = |base: u32| (c as u32).wrapping_sub(base) as usize;
    let initial = INITIAL_SOUNDS.get(conjoining(0x1100));
    let medial = MEDIAL_SOUNDS.get(conjoining(0x1161));
    let last = FINAL_SOUNDS.get(conjoining(0x11a7));
    initial.or(medial).or(last).copied()
}

/// What may have been meant by a text in which parts of syllables stand alone, if it was one key: each text without one key, or with two
/// neighbours swapped, in which none does.
pub fn repaired(text: &str) -> Vec<String> {
    let keys: Vec<char> = keys(text).collect();
    let mut texts: Vec<String> = Vec::new();
    let mut add = |keys: &[char]| {
        let text = written(keys).filter(|text| !texts.contains(text));
        texts.extend(text);
    };
    for at in 0..keys.len() {
        let mut without = keys.clone();
        without.remove(at);
        add(&without);
        if at > 0 {
            let mut swapped = keys.clone();
            swapped.swap(at - 1, at);
            add(&swapped);
        }
    }
    texts
}

/// What these keys write; `None` where a part of a syllable stands alone.
fn written(keys: &[char]) -> Option<String> {
    let is_vowel = |at: usize| keys.get(at).is_some_and(|key| ('ㅏ'..='ㅣ').contains(key));
    let number = |table: &[&str], keys: &[char]| {
        let text: String = keys.iter().collect();
        table.iter().position(|known| *known == text)
    };
    let (mut text, mut at) = (String::new(), 0);
    while at < keys.len() {
        let Some(initial) = INITIALS.iter().position(|known| *known == keys[at]) else {
            if is_vowel(at) || ('ㄱ'..='ㅎ').contains(&keys[at]) {
                return None;
            }
            text.push(keys[at]);
            at += 1;
            continue;
        };
        at += 1;
        let two = keys.get(at..at + 2).and_then(|two| number(&MEDIALS, two));
        let (medial, taken) = match two {
            Some(medial) => (medial, 2),
            None => (number(&MEDIALS, keys.get(at..at + 1)?)?, 1),
        };
        at += taken;
        // A consonant that a vowel follows is of the next syllable.
        let last = [2, 1].into_iter().filter(|length| !is_vowel(at + length));
        let last = last.filter_map(|length| Some((number(&FINALS, keys.get(at..at + length)?)?, length)));
        let (last, taken) = last.into_iter().next().unwrap_or((0, 0));
        at += taken;
        let syllable = FIRST + ((initial * 21 + medial) * 28 + last) as u32;
        text.extend(char::from_u32(syllable));
    }
    Some(text)
}

/// Whether this letter is one of the keys that write Hangul.
pub fn is_key(unit: u16) -> bool {
    (0x3131..=0x3163).contains(&unit)
}

/// The keys that write this text; what is not Hangul is a key of its own.
pub fn keys(text: &str) -> impl Iterator<Item = char> + '_ {
    text.chars().flat_map(|c| {
        let conjoining = |base: u32| (c as u32).wrapping_sub(base) as usize;
        let (initial, rest): (Option<char>, [&str; 2]) = match parts(c) {
            Some((initial, medial, last)) => (Some(INITIALS[initial]), [MEDIALS[medial], FINALS[last]]),
            // Parts that stand alone, as folding leaves them.
            None if conjoining(0x1100) < 19 => (Some(INITIALS[conjoining(0x1100)]), ["", ""]),
            None if conjoining(0x1161) < 21 => (None, [MEDIALS[conjoining(0x1161)], ""]),
            None if conjoining(0x11a7) < 28 => (None, [FINALS[conjoining(0x11a7)], ""]),
            None => (Some(c), ["", ""]),
        };
        initial.into_iter().chain(rest.into_iter().flat_map(str::chars))
    })
}

/// The sound of a syllable's beginning, in the letters of `reading`.
pub const INITIAL_SOUNDS: [&str; 19] = [
    "g", "k", "n", "d", "t", "r", "m", "b", "p", "s", "s", "", "j", "j", "c", "k", "t", "p", "h",
];

/// The sound of its vowel.
pub const MEDIAL_SOUNDS: [&str; 21] = [
    "a", "e", "ya", "ye", "O", "e", "yO", "ye", "o", "wa", "we", "we", "yo", "u", "wO", "we", "wi", "yu", "U", "Ui",
    "i",
];

/// The sound of its end, when a consonant or nothing follows.
pub const FINAL_SOUNDS: [&str; 28] = [
    "", "K", "K", "K", "n", "n", "n", "T", "r", "K", "m", "r", "r", "r", "P", "r", "m", "P", "P", "T", "T", "N", "T",
    "T", "K", "T", "P", "",
];

/// The sound of its end when a vowel follows, which takes it over.
pub const LINKED_SOUNDS: [&str; 28] = [
    "", "g", "k", "Ks", "n", "nj", "n", "d", "r", "rg", "rm", "rb", "rs", "rt", "rp", "r", "m", "b", "Ps", "s", "s",
    "N", "j", "c", "k", "t", "p", "",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_write_what_they_were_read_of() {
        for text in ["꽃 왕", "값을읽다", "의왕휘인", "앉아", "볼빨간사춘기", "f에프엑스"] {
            let keys: Vec<char> = keys(text).collect();
            assert_eq!(written(&keys).as_deref(), Some(text));
        }
        assert_eq!(written(&['ㅂ', 'ㄱ', 'ㅏ']), None);
        assert_eq!(written(&['ㅏ']), None);
    }

    #[test]
    fn what_one_key_mends() {
        let folded = |text: &str| crate::fold_name(text);
        assert!(has_lone(&folded("보ㅓㄴ이베어")) && !has_lone(&folded("본이베어")));
        assert!(repaired(&folded("본ㅣ이베어")).contains(&"본이베어".to_string()));
        assert!(repaired(&folded("ㅈ노리")).contains(&"존리".to_string()));
        assert_eq!(repaired(&folded("ㅈㄴㄹ")), [""; 0]);
    }
}
