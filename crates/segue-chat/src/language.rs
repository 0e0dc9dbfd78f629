//! In which language a message is, and so is its answer.

use segue_spec::model::Chat;

/// The language of a message that was said in no phrase.
pub fn language_of<'c>(chat: &'c Chat, message: &str, speaks: &Speaks) -> &'c str {
    of(chat, message, None, speaks)
}

/// What is known of the language beside the message itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Speaks {
    /// The language that is spoken whatever the message is in.
    pub always: Option<String>,
    /// The language of the last answer of this conversation.
    pub lately: Option<String>,
}

/// The language of a message that was said in a phrase of this language, or in one of none.
///
/// In this order: the one that is always spoken; that of the phrase; one in whose own script there is a letter; that of the conversation;
/// for Latin letters, which any name may be written in, the first language that is written in them; the default one.
pub fn of<'c>(chat: &'c Chat, message: &str, phrase: Option<&str>, speaks: &Speaks) -> &'c str {
    let known = |wanted: Option<&str>| chat.languages.iter().find(|l| Some(l.as_str()) == wanted);
    let script = |language: &String| Script::of(language);
    let foreign = || {
        let others = chat.languages.iter().filter(|l| script(l) != Script::Latin);
        let counted: Vec<(usize, &String)> = others.map(|l| (script(l).letters(message), l)).collect();
        let most = counted
            .iter()
            .map(|(letters, _)| *letters)
            .max()
            .filter(|most| *most > 0)?;
        counted
            .into_iter()
            .find(|(letters, _)| *letters == most)
            .map(|(_, l)| l)
    };
    let latin = || {
        let is_latin = Script::Latin.letters(message) > 0;
        chat.languages.iter().find(|l| is_latin && script(l) == Script::Latin)
    };
    known(speaks.always.as_deref())
        .or_else(|| known(phrase))
        .or_else(foreign)
        .or_else(|| known(speaks.lately.as_deref()))
        .or_else(latin)
        .map_or(chat.default_language(), String::as_str)
}

/// A script, as far as it tells languages apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Script {
    Latin,
    Hangul,
    /// Kana, and the signs that stand among it.
    Japanese,
    Han,
    Cyrillic,
    Greek,
    Arabic,
    Hebrew,
    Devanagari,
    Thai,
}

impl Script {
    /// The script that a language is written in; Latin where it is not known to be another.
    fn of(language: &str) -> Script {
        match language.split('-').next().unwrap_or_default() {
            "ko" => Script::Hangul,
            "ja" => Script::Japanese,
            "zh" | "yue" => Script::Han,
            "be" | "bg" | "kk" | "ky" | "mk" | "mn" | "ru" | "sr" | "uk" => Script::Cyrillic,
            "el" => Script::Greek,
            "ar" | "fa" | "ur" => Script::Arabic,
            "he" | "yi" => Script::Hebrew,
            "hi" | "mr" | "ne" => Script::Devanagari,
            "th" => Script::Thai,
            _ => Script::Latin,
        }
    }

    /// How many letters of a text are of this script.
    fn letters(self, text: &str) -> usize {
        let kana = text.chars().any(is_kana);
        text.chars().filter(|c| self.has(*c, kana)).count()
    }

    fn has(self, c: char, kana: bool) -> bool {
        match self {
            Script::Latin => {
                c.is_ascii_alphabetic()
                    || matches!(c, '\u{c0}'..='\u{24f}' | '\u{1e00}'..='\u{1eff}' | '\u{ff21}'..='\u{ff5a}')
            }
            Script::Hangul => matches!(c, '\u{1100}'..='\u{11ff}' | '\u{3131}'..='\u{318e}' | '\u{ac00}'..='\u{d7a3}'),
            Script::Japanese => is_kana(c) || (kana && is_han(c)),
            Script::Han => is_han(c) && !kana,
            Script::Cyrillic => matches!(c, '\u{400}'..='\u{52f}'),
            Script::Greek => matches!(c, '\u{370}'..='\u{3ff}' | '\u{1f00}'..='\u{1fff}'),
            Script::Arabic => {
                matches!(c, '\u{600}'..='\u{6ff}' | '\u{750}'..='\u{77f}' | '\u{fb50}'..='\u{fdff}' | '\u{fe70}'..='\u{fefc}')
            }
            Script::Hebrew => matches!(c, '\u{590}'..='\u{5ff}'),
            Script::Devanagari => matches!(c, '\u{900}'..='\u{97f}'),
            Script::Thai => matches!(c, '\u{e00}'..='\u{e7f}'),
        }
    }
}

fn is_kana(c: char) -> bool {
    matches!(c, '\u{3041}'..='\u{30ff}' | '\u{31f0}'..='\u{31ff}' | '\u{ff66}'..='\u{ff9d}')
}

fn is_han(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}')
}

/// Whether words in the script of this letter stand apart, so that a word ends where a space does.
pub fn is_spaced(c: char) -> bool {
    let joined = [Script::Hangul, Script::Japanese, Script::Han, Script::Thai];
    !joined.iter().any(|script| script.has(c, false)) && !is_kana(c)
}
