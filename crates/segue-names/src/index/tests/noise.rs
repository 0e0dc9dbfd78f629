//! Names as people write them: a generator of noise, from a seed.

use crate::fold_name;

/// A small generator of numbers, the same from the same seed.
pub struct Dice(u64);

impl Dice {
    pub fn of(seed: u64) -> Dice {
        Dice(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }

    pub fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }
}

/// The kinds of noise.
pub const KINDS: [&str; 7] = ["case", "space", "script", "typing", "mark", "quotes", "article"];

/// A name with one or two kinds of noise, and which. `hard`: two errors also in short names.
pub fn dirty(names: &[&str], dice: &mut Dice, hard: bool) -> (String, Vec<&'static str>) {
    let mut text = names[0].to_string();
    let mut kinds: Vec<&'static str> = (0..1 + dice.below(2)).map(|_| *dice.one(&KINDS)).collect();
    kinds.sort_unstable_by_key(|kind| KINDS.iter().position(|k| k == kind));
    kinds.dedup();
    // The script first: what else is done, is done to what is written then.
    if kinds.contains(&"script") {
        text = other_script(names, dice);
    }
    for kind in &kinds {
        text = match *kind {
            "case" => case(&text, dice),
            "space" => space(&text, dice),
            // An error in so few letters makes another name.
            "typing" if hard || text.chars().count() > 3 => typing(&text, dice, hard),
            "mark" => mark(&text, dice),
            "quotes" => quotes(&text, dice),
            "article" => article(&text),
            _ => text,
        };
    }
    (text, kinds)
}

fn case(text: &str, dice: &mut Dice) -> String {
    match dice.below(3) {
        0 => text.to_uppercase(),
        1 => text.to_lowercase(),
        _ => {
            let mut either = |c: char| {
                if dice.below(2) == 0 {
                    c.to_uppercase().to_string()
                } else {
                    c.to_lowercase().to_string()
                }
            };
            text.chars().map(&mut either).collect()
        }
    }
}

fn space(text: &str, dice: &mut Dice) -> String {
    const SPACES: [&str; 4] = [" ", "  ", "\u{a0}", "\u{3000}"];
    let mut letters: Vec<String> = text.chars().map(String::from).collect();
    match dice.below(3) {
        0 => letters.retain(|c| c != " "),
        1 => {
            let at = dice.below(letters.len() + 1);
            letters.insert(at, dice.one(&SPACES).to_string());
        }
        _ => {
            letters.insert(0, dice.one(&SPACES).to_string());
            letters.push(dice.one(&SPACES).to_string());
        }
    }
    letters.concat()
}

/// A name in another script where there is one; otherwise in full width.
fn other_script(names: &[&str], dice: &mut Dice) -> String {
    match names {
        [_, others @ ..] if !others.is_empty() => dice.one(others).to_string(),
        _ => names[0]
            .chars()
            .map(|c| match c {
                '!'..='~' => char::from_u32(c as u32 + 0xfee0).unwrap_or(c),
                c => c,
            })
            .collect(),
    }
}

fn mark(text: &str, dice: &mut Dice) -> String {
    let mut letters: Vec<char> = text.chars().collect();
    match dice.below(2) {
        0 => letters.insert(0, '\u{feff}'),
        _ => {
            let at = dice.below(letters.len() + 1);
            letters.insert(at, *dice.one(&['\u{200b}', '\u{200d}', '\u{ad}', '\u{200e}']));
        }
    }
    letters.into_iter().collect()
}

fn quotes(text: &str, dice: &mut Dice) -> String {
    let text = match dice.below(3) {
        0 => text.replace('\'', "\u{2019}"),
        1 => text.replace('\'', ""),
        _ => text.to_string(),
    };
    let (open, close) = dice.one(&[
        ("\"", "\""),
        ("'", "'"),
        ("\u{201c}", "\u{201d}"),
        ("\u{300c}", "\u{300d}"),
        ("\u{2018}", "\u{2019}"),
        ("", ""),
    ]);
    format!("{open}{text}{close}")
}

fn article(text: &str) -> String {
    match text.strip_prefix("The ").or_else(|| text.strip_prefix("the ")) {
        Some(rest) => rest.to_string(),
        None => format!("The {text}"),
    }
}

/// One or two typing errors; none in what is too short to be known by the rest.
fn typing(text: &str, dice: &mut Dice, hard: bool) -> String {
    let letters = fold_name(text).chars().count();
    let is_hangul = text.chars().any(|c| ('\u{ac00}'..='\u{d7a3}').contains(&c));
    let most = match (letters, is_hangul) {
        (0..=1, _) => 0,
        (2, true) | (3, _) => 1,
        (2, false) => 0,
        (4..=5, _) => 1,
        _ => 2,
    };
    let most = if hard && letters > 2 { 2 } else { most };
    let mut letters: Vec<char> = text.chars().collect();
    for _ in 0..if most == 0 { 0 } else { 1 + dice.below(most) } {
        one_error(&mut letters, dice);
    }
    letters.into_iter().collect()
}

fn one_error(letters: &mut Vec<char>, dice: &mut Dice) {
    let places: Vec<usize> = (0..letters.len()).filter(|at| letters[*at].is_alphanumeric()).collect();
    if places.is_empty() {
        return;
    }
    let at = *dice.one(&places);
    match dice.below(4) {
        0 => letters[at] = like(letters[at], dice),
        1 => letters.insert(at, like(letters[at], dice)),
        2 if places.len() > 1 => {
            letters.remove(at);
        }
        _ if letters
            .get(at + 1)
            .is_some_and(|c| c.is_alphanumeric() && *c != letters[at]) =>
        {
            letters.swap(at, at + 1)
        }
        _ => letters[at] = like(letters[at], dice),
    }
}

/// Another letter of the same script; of Hangul, another syllable or the same one with another key.
fn like(c: char, dice: &mut Dice) -> char {
    let drawn = |dice: &mut Dice, first: char, count: usize| {
        char::from_u32(first as u32 + dice.below(count) as u32).unwrap_or(c)
    };
    match c {
        '\u{ac00}'..='\u{d7a3}' => {
            let at = c as u32 - 0xac00;
            let (initial, medial, last) = (at / 588, at / 28 % 21, at % 28);
            let (initial, medial, last) = match dice.below(4) {
                0 => (dice.below(19) as u32, medial, last),
                1 => (initial, dice.below(21) as u32, last),
                2 => (initial, medial, *dice.one(&[0, 1, 4, 8, 16, 17, 21])),
                _ => (
                    dice.below(19) as u32,
                    dice.below(21) as u32,
                    *dice.one(&[0, 0, 4, 8, 16, 21]),
                ),
            };
            char::from_u32(0xac00 + initial * 588 + medial * 28 + last).unwrap_or(c)
        }
        '\u{3041}'..='\u{3096}' => drawn(dice, 'か', 30),
        '\u{30a1}'..='\u{30fa}' => drawn(dice, 'カ', 30),
        '\u{400}'..='\u{4ff}' => drawn(dice, 'а', 32),
        '\u{370}'..='\u{3ff}' => drawn(dice, 'α', 17),
        '\u{4e00}'..='\u{9fff}' => drawn(dice, '一', 5000),
        _ => drawn(dice, 'a', 26),
    }
}
