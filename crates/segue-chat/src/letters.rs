//! What of a message counts: letters and digits, not case, width, space or punctuation.

use unicode_normalization::UnicodeNormalization;

/// A letter of a text, and where in it it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Letter {
    /// The letter, folded.
    pub letter: char,
    /// The first byte of what it was read from.
    pub start: usize,
    /// The byte after it.
    pub end: usize,
}

/// The letters and digits of a text, without case and width.
pub fn letters(text: &str) -> Vec<Letter> {
    let mut letters = Vec::new();
    for (start, c) in text.char_indices() {
        let end = start + c.len_utf8();
        let folded = std::iter::once(c).nfkc().flat_map(char::to_lowercase);
        letters.extend(
            folded
                .filter(|c| counts(*c))
                .map(|letter| Letter { letter, start, end }),
        );
    }
    letters
}

/// The letters alone.
pub fn folded(text: &str) -> Vec<char> {
    letters(text).into_iter().map(|letter| letter.letter).collect()
}

/// Letters and digits, and the marks that hang on letters.
fn counts(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '\u{300}'..='\u{36f}' | '\u{3099}' | '\u{309a}')
}

/// A text that can be shown anywhere: composed, without control characters, marks of direction and what nobody sees. Lines stay where
/// `lines` says so, no two empty ones in a row; all other space is one space.
pub fn tidy(text: &str, lines: bool) -> String {
    let seen = text.nfc().filter_map(|c| match c {
        '\n' | '\u{2028}' | '\u{2029}' if lines => Some('\n'),
        c if c.is_whitespace() => Some(' '),
        c if c.is_control() || is_invisible(c) => None,
        c => Some(c),
    });
    let seen: String = seen.collect();
    let mut tidied: Vec<String> = Vec::new();
    for line in seen.split('\n') {
        let line = line
            .split(' ')
            .filter(|word| !word.is_empty())
            .collect::<Vec<_>>()
            .join(" ");
        let is_second_empty = line.is_empty() && tidied.last().is_none_or(String::is_empty);
        if !is_second_empty {
            tidied.push(line);
        }
    }
    while tidied.last().is_some_and(String::is_empty) {
        tidied.pop();
    }
    tidied.join("\n")
}

/// What nobody sees, but for what joins emoji and letters of some scripts.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}' | '\u{200b}'
        | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0e}'
        | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// The first so many characters of a text, the last of them `…` where something is left out.
pub fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_string();
    }
    let kept: String = text.chars().take(most.saturating_sub(1)).collect();
    // What hangs on a character that is gone, or joins it to the next, goes with it.
    let kept = kept.trim_end_matches(|c: char| c.is_whitespace() || matches!(c, '\u{200d}' | '\u{200c}'));
    format!("{kept}…")
}

#[cfg(test)]
mod tests {
    use super::{cut, folded, tidy};

    fn word(text: &str) -> String {
        folded(text).into_iter().collect()
    }

    #[test]
    fn case_width_space_and_punctuation_count_for_nothing() {
        assert_eq!(word("Genres of: ＡＥＳＰＡ?!"), "genresofaespa");
        assert_eq!(word("비슷한 가수"), "비슷한가수");
        assert_eq!(word("🎵 … '; --"), "");
        assert_eq!(word("１９７５"), "1975");
    }

    #[test]
    fn a_text_is_shown_without_what_would_do_harm() {
        assert_eq!(tidy(" a\u{1b}[2Jb\u{202e}c\u{0}\u{200b} \t d ", false), "a[2Jbc d");
        assert_eq!(tidy("one\r\n\n\n\ntwo  \n", true), "one\n\ntwo");
        assert_eq!(tidy("one\ntwo", false), "one two");
        // Hangul as macOS writes it.
        assert_eq!(
            tidy("\u{110b}\u{1166}\u{1109}\u{1173}\u{1111}\u{1161}", false),
            "에스파"
        );
        assert_eq!(tidy("👩\u{200d}🎤", false), "👩\u{200d}🎤");
        assert_eq!(tidy("\u{202e}\u{7f}\u{85}", true), "");
    }

    #[test]
    fn what_is_too_long_ends_in_dots() {
        assert_eq!(cut("에스파", 3), "에스파");
        assert_eq!(cut("에스파는", 3), "에스…");
        assert_eq!(cut("a bcd", 3), "a…");
        assert_eq!(cut("abc", 0), "…");
    }
}
