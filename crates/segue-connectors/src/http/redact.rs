//! Making texts safe to show.

use parking_lot::RwLock;
use segue_core::Secret;
use std::fmt;
use std::sync::Arc;
use url::Url;

/// A text of fewer bytes may be any word.
const LEAST: usize = 4;

/// Knows the secrets of a connection, and takes them out of everything that is shown.
#[derive(Clone, Default)]
pub struct Redactor(Arc<RwLock<Vec<(Secret, Vec<String>)>>>);

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Redactor of {}", self.0.read().len())
    }
}

impl Redactor {
    /// Remembers a secret, in all forms in which it may turn up. Very short ones are taken for words: they are only kept out of URLs.
    pub fn hide(&self, secret: &Secret) {
        let text = secret.reveal();
        if text.len() < LEAST || self.0.read().iter().any(|(s, _)| s == secret) {
            return;
        }
        let encoded: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
        let percent = encoded.replace('+', "%20");
        let json = crate::json::quoted(text);
        let mut forms = vec![text.to_string(), encoded, percent, json[1..json.len() - 1].to_string()];
        forms.sort_by_key(|f| std::cmp::Reverse(f.len()));
        forms.dedup();
        let mut all = self.0.write();
        // Tokens come and go; a long run must not remember thousands.
        if all.len() >= 64 {
            let middle = all.len() / 2;
            all.remove(middle);
        }
        all.push((secret.clone(), forms));
    }

    /// The text without any secret.
    pub fn text(&self, text: &str) -> String {
        let mut clean = text.to_string();
        for form in self.0.read().iter().flat_map(|(_, forms)| forms) {
            if clean.contains(form.as_str()) {
                clean = clean.replace(form.as_str(), "***");
            }
        }
        self.without_beginnings(clean)
    }

    /// Where a text was cut, the beginning of a secret may stand before the mark.
    fn without_beginnings(&self, mut text: String) -> String {
        let mut from = 0;
        while let Some(cut) = text[from..].find('…').map(|at| from + at) {
            let all = self.0.read();
            let begun = all.iter().flat_map(|(_, forms)| forms).filter_map(|form| {
                let ends = form.char_indices().map(|(at, _)| at).filter(|at| *at >= LEAST);
                ends.filter(|at| text[..cut].ends_with(&form[..*at])).max()
            });
            let mark = match begun.max() {
                Some(length) => {
                    text.replace_range(cut - length..cut, "***");
                    cut - length + 3
                }
                None => cut,
            };
            from = mark + '…'.len_utf8();
        }
        text
    }

    /// A URL as it may be shown: no user, no password, no secret in the query.
    pub fn url(&self, url: &Url) -> String {
        let mut shown = url.clone();
        let _no_host_has_no_user = shown.set_username("");
        let _no_host_has_no_password = shown.set_password(None);
        self.text(shown.as_str())
    }
}
