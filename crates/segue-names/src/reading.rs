//! How a name in Hangul, kana, Cyrillic or Greek is read aloud, a letter a sound.
//!
//! Small letters sound as in most languages, `c` as in `church`, `j` as in `jam`, `r` as either liquid where a script has only one. `O` is
//! ㅓ, `U` the weak vowel (ㅡ, and that of kana like ス) that other scripts leave out, `Q` that of ト and ド. `K`, `T` and `P` close a syllable, `N` is
//! `ng`, `S` is `sh`, `Z` is `zh`, `R` and `l` are the liquids of scripts that have both. Digits stay.

use crate::hangul;

/// The sounds of a folded name; `None` where it is Latin, or has letters of other scripts, such as Han, that do not say how they are read.
pub fn reading(folded: &str) -> Option<String> {
    let mut sounds = String::new();
    let mut is_foreign = false;
    let letters: Vec<char> = folded.chars().collect();
    let mut at = 0;
    while at < letters.len() {
        let c = letters[at];
        at += 1;
        if let Some(syllable) = hangul::parts(c) {
            hangul_into(&mut sounds, syllable, letters.get(at).copied());
        } else if let Some(sound) = hangul::lone_sounds(c) {
            sounds.push_str(sound);
        } else if is_kana(c) {
            kana_into(&mut sounds, c)?;
        } else if let Some(sound) = cyrillic(c) {
            sounds.push_str(sound);
        } else if let Some((sound, taken)) = greek(&letters[at - 1..]) {
            sounds.push_str(sound);
            at += taken - 1;
        } else if c.is_ascii_digit() {
            sounds.push(c);
            continue;
        } else {
            // A Latin letter among others is read by its name: `G드래곤`.
            sounds.push_str(letter_name(c)?);
            continue;
        }
        is_foreign = true;
    }
    is_foreign.then(|| joined(&sounds))
}

/// The sounds of a name word by word, where what meets between two words stays two sounds, and `앤` is `and`; `None` of a single word.
pub fn by_words(words: &[String]) -> Option<String> {
    let last = words.len().checked_sub(1).filter(|last| *last > 0)?;
    let each = words.iter().enumerate().map(|(at, word)| match word.as_str() {
        "앤" | "엔" if at > 0 && at < last => reading("앤드"),
        word if word.bytes().all(|c| c.is_ascii_digit()) => Some(word.to_string()),
        word => reading(word),
    });
    each.collect()
}

/// The sounds of letters that are called by their names: of `bts`, but not of a word. `None` for more than four, and for other scripts.
pub fn spelt(letters: &str) -> Option<String> {
    if !(2..=4).contains(&letters.len()) {
        return None;
    }
    let names: Option<String> = letters.chars().map(letter_name).collect();
    names.map(|names| joined(&names))
}

/// The sounds in Latin letters, the usual way.
pub fn in_latin(sounds: &str) -> String {
    let mut latin = String::new();
    for sound in sounds.chars() {
        match sound {
            'O' => latin.push_str("eo"),
            'U' => latin.push_str("eu"),
            'Q' => latin.push('o'),
            'N' => latin.push_str("ng"),
            'c' => latin.push_str("ch"),
            'S' => latin.push_str("sh"),
            'Z' => latin.push_str("zh"),
            'K' | 'T' | 'P' | 'R' => latin.push(sound.to_ascii_lowercase()),
            other => latin.push(other),
        }
    }
    latin
}

fn hangul_into(sounds: &mut String, (initial, medial, last): (usize, usize, usize), next: Option<char>) {
    match hangul::INITIAL_SOUNDS[initial] {
        // Between vowels a single `ㄹ` is no `l`, which is written with two.
        "r" if sounds.ends_with(is_vowel) => sounds.push('R'),
        sound => sounds.push_str(sound),
    }
    sounds.push_str(hangul::MEDIAL_SOUNDS[medial]);
    // `ㅇ` begins a syllable that begins with its vowel.
    let is_vowel_next = next.and_then(hangul::parts).is_some_and(|(initial, ..)| initial == 11);
    let table = if is_vowel_next {
        &hangul::LINKED_SOUNDS
    } else {
        &hangul::FINAL_SOUNDS
    };
    sounds.push_str(table[last]);
}

/// What sounds once though two letters write it: `ㄹㄹ`, `ㄱㄱ`.
fn joined(sounds: &str) -> String {
    let mut joined = String::with_capacity(sounds.len());
    for sound in sounds.chars() {
        let last = joined.chars().next_back();
        match (last, sound) {
            (Some('K'), 'g' | 'k') => replace_last(&mut joined, 'k'),
            (Some('T'), 't' | 'd') => replace_last(&mut joined, 't'),
            (Some('T'), 'j' | 'c') => replace_last(&mut joined, sound),
            (Some('P'), 'p' | 'b') => replace_last(&mut joined, 'p'),
            (Some('N'), 'n') => {}
            (Some('r'), 'r') => replace_last(&mut joined, 'l'),
            (Some('l'), 'r') => {}
            (Some(last), sound) if last == sound && !sound.is_ascii_digit() => {}
            _ => joined.push(sound),
        }
    }
    joined
}

fn is_vowel(sound: char) -> bool {
    matches!(sound, 'a' | 'e' | 'i' | 'o' | 'u' | 'O' | 'U' | 'Q')
}

fn replace_last(text: &mut String, c: char) {
    text.pop();
    text.push(c);
}

fn is_kana(c: char) -> bool {
    matches!(c, '\u{3041}'..='\u{3096}' | 'ー')
}

fn kana_into(sounds: &mut String, c: char) -> Option<()> {
    let last = sounds.chars().next_back();
    match c {
        'ー' | 'っ' => {}
        'ん' => sounds.push('n'),
        // A small `ya` takes the vowel before it away; after `sh`, `ch` and `j` it adds none of its own.
        'ゃ' | 'ゅ' | 'ょ' => {
            sounds.pop();
            if !matches!(sounds.chars().next_back(), Some('S' | 'c' | 'j')) {
                sounds.push('y');
            }
            sounds.push(match c {
                'ゃ' => 'a',
                'ゅ' => 'u',
                _ => 'o',
            });
        }
        'ぁ' | 'ぃ' | 'ぅ' | 'ぇ' | 'ぉ' => {
            if last == Some('u') {
                // `うぃ` is `wi`.
                replace_last(sounds, 'w');
            } else {
                sounds.pop();
            }
            sounds.push(match c {
                'ぁ' => 'a',
                'ぃ' => 'i',
                'ぅ' => 'u',
                'ぇ' => 'e',
                _ => 'o',
            });
        }
        // It makes the vowel before it long.
        'う' if matches!(last, Some('o' | 'u' | 'U' | 'Q')) => sounds.push('U'),
        'お' if matches!(last, Some('o' | 'Q')) => {}
        c => sounds.push_str(kana(c)?),
    }
    Some(())
}

fn kana(c: char) -> Option<&'static str> {
    const ROWS: [(&str, [&str; 5]); 16] = [
        ("あいうえお", ["a", "i", "u", "e", "o"]),
        ("かきくけこ", ["ka", "ki", "kU", "ke", "ko"]),
        ("がぎぐげご", ["ga", "gi", "gU", "ge", "go"]),
        ("さしすせそ", ["sa", "Si", "sU", "se", "so"]),
        ("ざじずぜぞ", ["za", "ji", "zU", "ze", "zo"]),
        ("たちつてと", ["ta", "ci", "tsU", "te", "tQ"]),
        ("だぢづでど", ["da", "ji", "zU", "de", "dQ"]),
        ("なにぬねの", ["na", "ni", "nU", "ne", "no"]),
        ("はひふへほ", ["ha", "hi", "fU", "he", "ho"]),
        ("ばびぶべぼ", ["ba", "bi", "bU", "be", "bo"]),
        ("ぱぴぷぺぽ", ["pa", "pi", "pU", "pe", "po"]),
        ("まみむめも", ["ma", "mi", "mU", "me", "mo"]),
        ("らりるれろ", ["ra", "ri", "rU", "re", "ro"]),
        ("やゆよわを", ["ya", "yu", "yo", "wa", "o"]),
        ("ゔゕゖゐゑ", ["vU", "ka", "ke", "i", "e"]),
        ("ゎゞゝ〻〱", ["wa", "", "", "", ""]),
    ];
    ROWS.iter()
        .find_map(|(letters, sounds)| Some(sounds[letters.chars().position(|l| l == c)?]))
}

fn cyrillic(c: char) -> Option<&'static str> {
    Some(match c {
        'а' => "a",
        'б' => "b",
        'в' => "v",
        'г' | 'ґ' => "g",
        'д' | 'ђ' => "d",
        'е' | 'э' => "e",
        'ж' => "Z",
        'з' => "z",
        'и' | 'ы' | 'і' => "i",
        'ј' => "y",
        'к' => "k",
        'л' | 'љ' => "l",
        'м' => "m",
        'н' | 'њ' => "n",
        'о' => "o",
        'п' => "p",
        'р' => "R",
        'с' => "s",
        'т' => "t",
        'у' => "u",
        'ў' => "w",
        'ф' => "f",
        'х' => "h",
        'ц' => "ts",
        'ч' | 'ћ' => "c",
        'џ' => "j",
        'ш' | 'щ' => "S",
        'ъ' | 'ь' => "",
        'ю' => "yu",
        'я' => "ya",
        'є' => "ye",
        _ => return None,
    })
}

/// The sound of what Greek begins with, and how many letters it is.
fn greek(letters: &[char]) -> Option<(&'static str, usize)> {
    let pair: String = letters.iter().take(2).collect();
    let two = match pair.as_str() {
        "ου" => "u",
        "αι" => "e",
        "ει" | "οι" | "υι" => "i",
        "αυ" => "av",
        "ευ" => "ev",
        "μπ" => "b",
        "ντ" => "d",
        "γκ" => "g",
        "γγ" => "Ng",
        "γχ" => "Nh",
        "τζ" => "j",
        "τσ" => "ts",
        _ => "",
    };
    if !two.is_empty() {
        return Some((two, 2));
    }
    let one = match letters.first()? {
        'α' => "a",
        'β' => "v",
        'γ' => "g",
        'δ' => "d",
        'ε' => "e",
        'ζ' => "z",
        'η' | 'ι' | 'υ' => "i",
        'θ' | 'τ' => "t",
        'κ' => "k",
        'λ' => "l",
        'μ' => "m",
        'ν' => "n",
        'ξ' => "Ks",
        'ο' | 'ω' => "o",
        'π' => "p",
        'ρ' => "R",
        'σ' | 'ς' => "s",
        'φ' => "f",
        'χ' => "h",
        'ψ' => "Ps",
        _ => return None,
    };
    Some((one, 1))
}

/// How a Latin letter is called in Korean and Japanese.
fn letter_name(c: char) -> Option<&'static str> {
    const NAMES: [&str; 26] = [
        "ei", "bi", "si", "di", "i", "epU", "ji", "eici", "ai", "jei", "kei", "er", "em", "en", "o", "pi", "kyu", "ar",
        "esU", "ti", "yu", "bUi", "dObUryu", "eKsU", "wai", "jetU",
    ];
    c.is_ascii_lowercase().then(|| NAMES[(c as u8 - b'a') as usize])
}

#[cfg(test)]
mod tests;
