//! The classes of a name's consonants: `KRTPR` for `coldplay` and for `콜드플레이`.
//!
//! `K` are the sounds at the back of the mouth, `T` and `P` those at the teeth and the lips, `S` all that hiss, `N`, `M` and `R`. Vowels, `h`, `w`
//! and `y` do not count, nor does an `r` that no vowel follows, nor the same class twice without a vowel between.

use crate::reading::reading;

/// The most ways in which one spelling is read.
const MOST_WAYS: usize = 4;

/// The skeletons of a folded name, one for each way to read it; none of a script that does not say how it is read.
pub fn skeletons(folded: &str) -> Vec<String> {
    match reading(folded) {
        Some(sounds) => {
            let mut all = vec![of_sounds(&sounds)];
            all.extend(
                without_r(&sounds)
                    .map(|sounds| of_sounds(&sounds))
                    .filter(|s| *s != all[0]),
            );
            all
        }
        None if folded.is_ascii() => of_letters(folded),
        None => Vec::new(),
    }
}

/// The sounds without each `르` that stands where others leave an `r` unsaid; `None` where there is none.
fn without_r(sounds: &str) -> Option<String> {
    let mut rest = sounds.to_string();
    for at in (1..sounds.len()).rev() {
        let after = sounds.as_bytes().get(at + 2);
        let is_unsaid = matches!(&sounds.as_bytes()[at..], [b'r' | b'R', b'U', ..])
            && !after.is_some_and(|after| b"aeiouyOUQw".contains(after));
        if is_unsaid {
            rest.replace_range(at..at + 2, "");
        }
    }
    (rest.len() < sounds.len()).then_some(rest)
}

/// The classes of the sounds of a [`reading`].
pub fn of_sounds(sounds: &str) -> String {
    let sounds = sounds.as_bytes();
    let mut way = Way::default();
    for (at, sound) in sounds.iter().enumerate() {
        let class = match sound {
            b'g' | b'k' | b'K' => b'K',
            b'd' | b't' | b'T' => b'T',
            b'b' | b'p' | b'P' | b'f' | b'v' => b'P',
            b's' | b'S' | b'j' | b'c' | b'z' | b'Z' => b'S',
            b'n' | b'N' => b'N',
            b'm' => b'M',
            b'r' | b'l' => b'R',
            // Of the scripts that tell it from `l`, only where it is heard.
            b'R' if sounds.get(at + 1).is_some_and(|next| b"aeiouyOUQw".contains(next)) => b'R',
            digit if digit.is_ascii_digit() => {
                way.says(SPOKEN[usize::from(*digit - b'0')]);
                continue;
            }
            _ => {
                way.vowel();
                continue;
            }
        };
        // `ts` is one hiss.
        if class == b'S' && way.text.last() == Some(&b'T') && sounds[at - 1] == b't' {
            way.text.pop();
        }
        way.consonant(class);
    }
    way.into_text()
}

/// The classes of the ways in which Latin letters may be read.
fn of_letters(letters: &str) -> Vec<String> {
    let letters = letters.as_bytes();
    let mut ways = vec![Way::default()];
    let mut at = 0;
    while at < letters.len() {
        let (taken, read) = sound_at(letters, at);
        at += taken;
        if let [one] = read {
            ways.iter_mut().for_each(|way| way.says(one));
            continue;
        }
        let known = ways.clone();
        ways.iter_mut().for_each(|way| way.says(read[0]));
        for other in &read[1..] {
            for mut way in known.iter().cloned() {
                if ways.len() < MOST_WAYS {
                    way.says(other);
                    ways.push(way);
                }
            }
        }
    }
    let mut texts: Vec<String> = ways.into_iter().map(Way::into_text).collect();
    if letters.len() <= 4 {
        texts.push(letters.iter().map(|letter| letter_class(*letter)).collect());
    }
    texts.sort();
    texts.dedup();
    texts
}

/// A skeleton, and each that it is with one class less, so that two that differ in one have one in common.
pub fn shorter(skeleton: &str) -> impl Iterator<Item = String> + '_ {
    let less = if skeleton.len() >= 3 { skeleton.len() } else { 0 };
    std::iter::once(skeleton.to_string())
        .chain((0..less).map(|at| format!("{}{}", &skeleton[..at], &skeleton[at + 1..])))
}

/// Whether it is one of those that [`shorter`] makes of a skeleton.
pub fn is_shorter(of: &str, skeleton: &str) -> bool {
    if of == skeleton {
        return true;
    }
    let same = of.bytes().zip(skeleton.bytes()).take_while(|(a, b)| a == b).count();
    of.len() >= 3 && of.len() == skeleton.len() + 1 && of[same + 1..] == skeleton[same..]
}

#[derive(Clone, Default)]
struct Way {
    text: Vec<u8>,
    is_vowel: bool,
}

impl Way {
    fn consonant(&mut self, class: u8) {
        if self.is_vowel || self.text.last() != Some(&class) {
            self.text.push(class);
        }
        self.is_vowel = false;
    }

    fn vowel(&mut self) {
        self.is_vowel = true;
    }

    /// Classes, and `-` for a vowel; nothing for what is not heard.
    fn says(&mut self, classes: &str) {
        for class in classes.bytes() {
            match class {
                b'-' => self.vowel(),
                class => self.consonant(class),
            }
        }
    }

    fn into_text(self) -> String {
        String::from_utf8(self.text).unwrap_or_default()
    }
}

/// How many letters from here on are read as one, and the classes of each way to read them.
fn sound_at(letters: &[u8], at: usize) -> (usize, &'static [&'static str]) {
    let rest = &letters[at..];
    let after = |n: usize| rest.get(n).copied();
    let is_vowel = |c: Option<u8>| c.is_some_and(|c| b"aeiouy".contains(&c));
    let is_soft = |c: Option<u8>| c.is_some_and(|c| b"eiy".contains(&c));
    let begins = |text: &str| rest.starts_with(text.as_bytes());
    let first = at == 0;
    match rest[0] {
        b'a' | b'e' | b'i' | b'o' | b'u' | b'y' => (1, &["-"]),
        b'h' | b'w' if begins("wr") => (1, &[""]),
        b'h' | b'w' => (1, &["-"]),
        b't' if begins("tsch") => (4, &["S"]),
        b't' if begins("tch") => (3, &["S"]),
        b's' if begins("sch") => (3, &["S", "SK"]),
        b's' if begins("sh") => (2, &["S"]),
        b's' if begins("sc") && is_soft(after(2)) => (2, &["S", "SK"]),
        b't' if begins("ture") => (4, &["S-", "T-R-"]),
        b'd' if begins("ds") => (2, &["S", "TS"]),
        b'l' if begins("lk") => (1, &["R", ""]),
        b'r' if begins("re") && rest.len() == 2 => (2, &["-", "R-"]),
        b't' if begins("tio") => (2, &["S", "T-"]),
        b't' if begins("ts") || begins("tz") => (2, &["S", "TS"]),
        b't' if begins("th") => (2, &["S", "T"]),
        b'c' if begins("ck") => (2, &["K"]),
        b'c' if begins("ch") => (2, &["S", "K"]),
        b'c' if begins("cc") && is_soft(after(2)) => (2, &["S", "KS"]),
        b'c' if is_soft(after(1)) => (1, &["S", "K"]),
        b'c' | b'k' | b'q' if first && begins("kn") => (1, &[""]),
        b'c' | b'k' | b'q' => (1, &["K"]),
        b'd' if begins("dg") && is_soft(after(2)) => (2, &["S"]),
        b'd' if begins("dj") => (2, &["S"]),
        b'g' if begins("gh") && first => (2, &["K"]),
        b'g' if begins("gh") => (2, &["", "K"]),
        b'g' if first && begins("gn") => (1, &[""]),
        b'g' if is_soft(after(1)) => (1, &["S", "K"]),
        b'g' => (1, &["K"]),
        b'n' if begins("ng") && !is_vowel(after(2)) => (2, &["N", "NK"]),
        b'n' if begins("ng") => (2, &["NK", "NS", "N"]),
        b'n' => (1, &["N"]),
        b'm' => (1, &["M"]),
        b'r' if is_vowel(after(1)) => (1, &["R"]),
        b'r' if after(1) == Some(b'r') => (1, &["R"]),
        b'r' => (1, &[""]),
        b'l' => (1, &["R"]),
        b'p' if begins("ph") => (2, &["P"]),
        b'p' if first && begins("ps") => (1, &[""]),
        b'b' | b'p' | b'f' | b'v' => (1, &["P"]),
        b's' | b'z' | b'j' => (1, &["S"]),
        b'x' if first => (1, &["S", "KS"]),
        b'x' => (1, &["KS"]),
        b'd' | b't' => (1, &["T"]),
        digit if digit.is_ascii_digit() => (1, std::slice::from_ref(&SPOKEN[usize::from(digit - b'0')])),
        _ => (1, &["-"]),
    }
}

/// The consonants of a digit's name in English.
fn spoken(digit: u8) -> &'static str {
    ["SR", "N", "T", "SR", "P", "PP", "SKS", "SPN", "T", "NN"][usize::from(digit - b'0')]
}

const SPOKEN: [&str; 10] = [
    "-S-R-", "-N-", "-T-", "-SR-", "-P-", "-P-P-", "-S-KS-", "-S-P-N-", "-T-", "-N-N-",
];

/// The class of a letter's name, where letters are spelt: `HOT`.
fn letter_class(letter: u8) -> &'static str {
    match letter {
        b'c' | b'g' | b'h' | b'j' | b's' | b'z' => "S",
        b'b' | b'f' | b'p' | b'v' => "P",
        b'd' | b't' => "T",
        b'k' | b'q' => "K",
        b'l' | b'r' => "R",
        b'm' => "M",
        b'n' => "N",
        b'w' => "TPR",
        b'x' => "KS",
        digit if digit.is_ascii_digit() => spoken(digit),
        _ => "",
    }
}
