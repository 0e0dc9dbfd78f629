//! What is left of a name when only the name counts: not its case, width, accents, spaces, quotes or punctuation, nor a leading `the`.

use unicode_normalization::UnicodeNormalization;

/// The name as it is compared: without case, width, accents, spaces, punctuation, invisible characters and a leading `the`; `&` is `and`.
///
/// `"The Beatles"`, `the  beatles` and `Beatles, The` are `beatles`; a name of nothing but punctuation stays what it is.
pub fn fold_name(name: &str) -> String {
    Folded::of(name).without_the().text()
}

/// A name as its words, folded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folded {
    /// The words, none empty.
    pub words: Vec<String>,
    /// Whether a comma stands before the last word.
    comma_before_last: bool,
    /// The words that stand in brackets.
    bracketed: Vec<bool>,
    /// Whether a letter was read out of punctuation, as in `P!nk`.
    pub has_sign_as_letter: bool,
    /// The words with `ä`, `ö`, `ü` written out as `ae`, `oe`, `ue`, where there are such.
    pub umlauts: Option<Vec<String>>,
}

impl Folded {
    /// The words of this name.
    pub fn of(name: &str) -> Folded {
        Reader::read(name, true)
    }

    /// As [`Folded::of`], with `!` and `@` left out rather than read as letters.
    pub fn without_signs(name: &str) -> Folded {
        Reader::read(name, false)
    }

    /// The words without a space between them.
    pub fn text(&self) -> String {
        composed(self.words.concat())
    }

    /// Without a leading `the`, or one that was put behind: `Beatles, The`.
    pub fn without_the(&self) -> Folded {
        let mut folded = self.clone();
        let last = self.words.len() - 1;
        if self.words.len() > 1 && self.words[0] == "the" {
            folded.remove(0);
        } else if last > 0 && self.comma_before_last && self.words[last] == "the" {
            folded.remove(last);
        }
        folded
    }

    /// Without a leading `a` or `an`; `None` where there is none.
    pub fn without_a(&self) -> Option<Folded> {
        let begins = self.words.len() > 1 && matches!(self.words[0].as_str(), "a" | "an");
        begins.then(|| {
            let mut folded = self.clone();
            folded.remove(0);
            folded
        })
    }

    /// With each `n` between two words as `and`; `None` where there is none.
    pub fn with_n_as_and(&self) -> Option<Folded> {
        let inner = 1..self.words.len().saturating_sub(1).max(1);
        let mut folded = self.clone();
        let mut is_other = false;
        for at in inner.filter(|at| self.words.get(*at).is_some_and(|w| w == "n")) {
            folded.words[at] = "and".to_string();
            is_other = true;
        }
        is_other.then_some(folded)
    }

    /// Without what stands in brackets; `None` where nothing does, or nothing else.
    pub fn without_brackets(&self) -> Option<Folded> {
        let some = self.bracketed.iter().any(|b| *b) && self.bracketed.iter().any(|b| !*b);
        some.then(|| {
            let mut folded = self.clone();
            for at in (0..self.words.len()).rev().filter(|at| self.bracketed[*at]) {
                folded.remove(at);
            }
            folded
        })
    }

    fn remove(&mut self, at: usize) {
        self.words.remove(at);
        self.bracketed.remove(at);
        if let Some(umlauts) = &mut self.umlauts {
            umlauts.remove(at);
        }
    }
}

/// Reads a name character by character into words.
struct Reader {
    words: Vec<String>,
    bracketed: Vec<bool>,
    umlauts: Vec<String>,
    has_umlaut: bool,
    /// How many brackets are open.
    depth: usize,
    /// Before which word the last comma stands.
    comma_before: usize,
    /// Whether the last word may go on.
    is_open: bool,
    /// Whether `!` and `@` between letters are letters.
    signs: bool,
    has_sign: bool,
}

impl Reader {
    fn read(name: &str, signs: bool) -> Folded {
        // Compatibility forms first (full width, ligatures), accents as characters of their own; Hangul and kana are put together again.
        let letters: Vec<char> = name.chars().filter(|c| !is_invisible(*c)).nfkd().collect();
        let mut reader = Reader {
            words: Vec::new(),
            bracketed: Vec::new(),
            umlauts: Vec::new(),
            has_umlaut: false,
            depth: 0,
            comma_before: 0,
            is_open: false,
            signs,
            has_sign: false,
        };
        for at in 0..letters.len() {
            reader.take(&letters, at);
        }
        if reader.words.is_empty() {
            reader.open();
            reader.push(&bare(name));
        } else if reader.words == ["the"] {
            // `The !!!`: what follows the article is the name.
            let signs = bare(name).replace(is_quote, "").replacen("the", "", 1);
            if !signs.is_empty() && !signs.contains(is_word) {
                reader.is_open = false;
                reader.open();
                reader.push(&signs);
            }
        }
        let composed = |words: Vec<String>| words.into_iter().map(composed).collect();
        Folded {
            comma_before_last: reader.comma_before > 0 && reader.comma_before + 1 == reader.words.len(),
            words: composed(reader.words),
            bracketed: reader.bracketed,
            has_sign_as_letter: reader.has_sign,
            umlauts: reader.has_umlaut.then(|| composed(reader.umlauts)),
        }
    }

    fn take(&mut self, letters: &[char], at: usize) {
        let c = letters[at];
        let before = at.checked_sub(1).map(|at| letters[at]);
        let after = letters.get(at + 1).copied();
        let is_letter = |c: Option<char>| c.is_some_and(char::is_alphabetic);
        if is_accent(c) {
            if c == '\u{308}' && before.is_some_and(|b| matches!(b, 'a' | 'o' | 'u' | 'A' | 'O' | 'U')) {
                self.has_umlaut = true;
                self.umlauts.iter_mut().last().into_iter().for_each(|w| w.push('e'));
            }
        } else if is_word(c) && !is_inside_words(c) {
            self.open();
            self.letter(c);
        } else if c == '$' && (is_letter(before) || is_letter(after)) {
            self.open();
            self.push("s");
        } else if self.signs && matches!(c, '!' | '@') && is_letter(before) && is_letter(after) {
            self.has_sign = true;
            self.push(if c == '!' { "i" } else { "a" });
        } else if matches!(c, '&' | '+') && self.stands_between_words(&letters[at + 1..]) {
            self.is_open = false;
            self.open();
            self.push("and");
            self.is_open = false;
        } else if !is_inside_words(c) {
            self.is_open = false;
            match c {
                '(' | '[' | '{' => self.depth += 1,
                ')' | ']' | '}' => self.depth = self.depth.saturating_sub(1),
                ',' => self.comma_before = self.words.len(),
                _ => {}
            }
        }
    }

    fn stands_between_words(&self, after: &[char]) -> bool {
        let next = after.iter().find(|c| !c.is_whitespace());
        !self.words.is_empty() && next.is_some_and(|c| is_word(*c))
    }

    fn open(&mut self) {
        if !self.is_open {
            self.is_open = true;
            self.words.push(String::new());
            self.umlauts.push(String::new());
            self.bracketed.push(self.depth > 0);
        }
    }

    fn letter(&mut self, c: char) {
        match spelt(c) {
            Some(spelt) => self.push(spelt),
            None if c.is_ascii() => self.push(c.to_ascii_lowercase().encode_utf8(&mut [0; 4])),
            // By way of the capital: every sigma is one.
            None => {
                let folded: String = c.to_uppercase().flat_map(char::to_lowercase).map(same_kana).collect();
                self.push(&folded);
            }
        }
    }

    fn push(&mut self, text: &str) {
        for words in [&mut self.words, &mut self.umlauts] {
            words.iter_mut().last().into_iter().for_each(|w| w.push_str(text));
        }
    }
}

/// Marks put together with their letters again.
fn composed(text: String) -> String {
    match text.is_ascii() {
        true => text,
        false => text.nfc().collect(),
    }
}

/// A name with its signs, but without case, width, accents, and what is put around it; a space is a space.
pub fn written(name: &str) -> String {
    let seen = name.chars().filter(|c| !is_invisible(*c)).nfkd();
    let seen: String = seen.filter(|c| !is_accent(*c)).flat_map(char::to_lowercase).collect();
    let words: Vec<&str> = seen.split_whitespace().collect();
    words.join(" ").trim_matches(is_quote).to_string()
}

/// A name of nothing but punctuation, without case, space, and quotes around it.
fn bare(name: &str) -> String {
    let seen = name.chars().filter(|c| !is_invisible(*c)).nfkc();
    let seen = seen.filter(|c| !c.is_whitespace() && !c.is_control());
    let seen: String = seen.flat_map(char::to_lowercase).collect();
    match seen.trim_matches(is_quote) {
        "" => seen,
        signs => signs.to_string(),
    }
}

fn is_quote(c: char) -> bool {
    "\"'`\u{2018}\u{2019}\u{201a}\u{201b}\u{201c}\u{201d}\u{201e}\u{b4}\u{300c}\u{300d}\u{300e}\u{300f}\u{ab}\u{bb}()[]{},.".contains(c)
}

/// What nobody sees: byte order marks, joiners, marks of direction, soft hyphens, selectors of variants.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// Accents of Latin, Greek and Cyrillic, and the vowels that Hebrew and Arabic leave out. Marks of other scripts are letters.
fn is_accent(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{591}'..='\u{5c7}' | '\u{64b}'..='\u{65f}' | '\u{670}' | '\u{1ab0}'..='\u{1aff}'
        | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}')
}

/// Letters and digits, and the marks without which the scripts of India and its neighbours, and kana, cannot be read.
fn is_word(c: char) -> bool {
    let is_mark = |c: char| {
        let indic = matches!(c, '\u{900}'..='\u{109f}' | '\u{1780}'..='\u{17d3}' | '\u{a800}'..='\u{aaff}');
        (indic && !matches!(c, '\u{964}' | '\u{965}' | '\u{e3f}')) || matches!(c, '\u{3099}' | '\u{309a}')
    };
    c.is_alphanumeric() || is_mark(c)
}

/// What stands within a word and does not end it: `M.I.A.`, `Girls'`, `N*E*R*D`.
fn is_inside_words(c: char) -> bool {
    matches!(
        c,
        '\'' | '\u{2019}' | '\u{2018}' | '\u{201b}' | '\u{2bc}' | '\u{2032}' | '`' | '.' | '*'
    )
}

/// Letters that are another letter with something added, or two in one.
fn spelt(c: char) -> Option<&'static str> {
    Some(match c {
        'ø' | 'Ø' => "o",
        'ł' | 'Ł' => "l",
        'đ' | 'Đ' | 'ð' | 'Ð' => "d",
        'þ' | 'Þ' => "th",
        'æ' | 'Æ' => "ae",
        'œ' | 'Œ' => "oe",
        'ß' | 'ẞ' => "ss",
        'ħ' | 'Ħ' => "h",
        'ŋ' | 'Ŋ' => "ng",
        'ə' | 'Ə' => "e",
        _ => return None,
    })
}

/// Katakana as hiragana.
fn same_kana(c: char) -> char {
    match c {
        '\u{30a1}'..='\u{30f6}' => char::from_u32(c as u32 - 0x60).unwrap_or(c),
        c => c,
    }
}

#[cfg(test)]
mod tests;
