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
