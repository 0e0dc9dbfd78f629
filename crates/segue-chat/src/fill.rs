//! Templates filled in: a text that cannot be is left out, and remarked.

use crate::letters::{cut, tidy};
use minijinja::Environment;
use minijinja::value::Value;
use segue_spec::model::chat::Wording;
use segue_spec::wording;
use std::collections::BTreeMap;

/// The most remarks of one answer.
const MOST_REMARKS: usize = 10;

/// Fills in the texts of one answer.
pub struct Fill<'l> {
    environment: Environment<'static>,
    words: BTreeMap<String, Value>,
    language: &'l str,
    pub remarks: Vec<String>,
}

impl<'l> Fill<'l> {
    /// With these words, in this language.
    pub fn new(mut words: BTreeMap<String, Value>, language: &'l str) -> Fill<'l> {
        words.insert("language".into(), Value::from(language));
        Fill {
            environment: wording::environment(),
            words,
            language,
            remarks: Vec::new(),
        }
    }

    /// A text of several lines, cut to so many characters; nothing where there is nothing to say.
    pub fn text(&mut self, wording: &Wording, most: usize) -> Option<String> {
        let text = tidy(&self.filled(wording, None), true);
        (!text.is_empty()).then(|| cut(&text, most))
    }

    /// A text of one line, as long as it is.
    pub fn line(&mut self, wording: &Wording, row: Option<&Value>) -> Option<String> {
        let text = tidy(&self.filled(wording, row), false);
        (!text.is_empty()).then_some(text)
    }

    /// An address that can be opened by whoever reads the answer.
    pub fn address(&mut self, wording: &Wording, row: Option<&Value>) -> Option<String> {
        let text = self.line(wording, row)?;
        let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        let is_one = rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/')) && !text.contains(' ');
        if !is_one {
            self.remark(format!(
                "`{}` is no address that begins with https:// or http://",
                cut(&text, 80)
            ));
        }
        is_one.then_some(text)
    }

    /// Adds a remark, once.
    pub fn remark(&mut self, words: String) {
        if self.remarks.len() < MOST_REMARKS && !self.remarks.contains(&words) {
            self.remarks.push(words);
        }
    }

    fn filled(&mut self, wording: &Wording, row: Option<&Value>) -> String {
        let template = wording.in_language(self.language);
        let own = self.words.iter().map(|(name, value)| (name.as_str(), value.clone()));
        let words = Value::from_pairs(own.chain(row.map(|row| ("row", row.clone()))));
        match self.environment.render_str(template, words) {
            Ok(text) => text,
            Err(error) => {
                let why = error.detail().map_or_else(|| error.kind().to_string(), str::to_string);
                self.remark(format!(
                    "`{}` cannot be filled in: {why}",
                    cut(&tidy(template, false), 80)
                ));
                String::new()
            }
        }
    }
}
