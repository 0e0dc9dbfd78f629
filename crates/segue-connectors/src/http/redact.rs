//! Making texts safe to show.

use parking_lot::RwLock;
use segue_core::Secret;
use std::fmt;
use std::sync::Arc;
use url::Url;

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
        if text.len() < 4 || self.0.read().iter().any(|(s, _)| s == secret) {
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
        clean
    }

    /// A URL as it may be shown: no user, no password, no secret in the query.
    pub fn url(&self, url: &Url) -> String {
        let mut shown = url.clone();
        let _no_host_has_no_user = shown.set_username("");
        let _no_host_has_no_password = shown.set_password(None);
        self.text(shown.as_str())
    }
}
