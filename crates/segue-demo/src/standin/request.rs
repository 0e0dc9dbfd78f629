//! A request, taken apart: its path, its query, who sent it.

use std::borrow::Cow;

/// A request as the answering code sees it.
pub(super) struct Request<'a> {
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    pub(super) query: &'a str,
    pub(super) authorization: Option<&'a str>,
    pub(super) user_agent: Option<&'a str>,
    pub(super) accept: Option<&'a str>,
    pub(super) body: &'a [u8],
}

impl Request<'_> {
    /// The parts of the path. A slash at the end makes no difference.
    pub(super) fn parts(&self) -> Vec<&str> {
        let path = self.path.strip_suffix('/').unwrap_or(self.path);
        path.split('/').skip(1).collect()
    }

    /// What it asks the stand-in itself for: `stats` of `/_control/stats`.
    pub(super) fn control(&self) -> Option<String> {
        match self.parts()[..] {
            ["_control", what] => Some(decode(what, false).into_owned()),
            _ => None,
        }
    }

    /// Path and query as they came.
    pub(super) fn target(&self) -> String {
        match self.query.is_empty() {
            true => self.path.to_string(),
            false => format!("{}?{}", self.path, self.query),
        }
    }

    /// The token that it carries.
    pub(super) fn bearer(&self) -> Option<&str> {
        let (scheme, token) = self.authorization?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    }
}

/// The names and values of a query string or a form.
pub(super) struct Pairs(Vec<(String, String)>);

impl Pairs {
    pub(super) fn of(text: &str) -> Pairs {
        let pair = |part: &str| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            (decode(name, true).into_owned(), decode(value, true).into_owned())
        };
        Pairs(text.split('&').filter(|p| !p.is_empty()).map(pair).collect())
    }

    /// The first value of this name.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// Every value of this name.
    pub(super) fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// The whole number of this name: `usual` if it is not given, `None` if it is none.
    pub(super) fn number(&self, name: &str, usual: usize) -> Option<usize> {
        self.get(name).map_or(Some(usual), |text| text.parse().ok())
    }
}

/// Undoes percent encoding, and `+` for a space where `plus`. What is no valid escape stays; what is no UTF-8 becomes U+FFFD.
pub(super) fn decode(text: &str, plus: bool) -> Cow<'_, str> {
    let escaped = text.contains('%') || (plus && text.contains('+'));
    if !escaped {
        return Cow::Borrowed(text);
    }
    let digit = |b: Option<&u8>| b.and_then(|b| (*b as char).to_digit(16)).map(|d| d as u8);
    let bytes = text.as_bytes();
    let (mut decoded, mut at) = (Vec::with_capacity(bytes.len()), 0);
    while at < bytes.len() {
        match (bytes[at], digit(bytes.get(at + 1)), digit(bytes.get(at + 2))) {
            (b'%', Some(high), Some(low)) => {
                decoded.push(high << 4 | low);
                at += 2;
            }
            (b'+', _, _) if plus => decoded.push(b' '),
            (byte, _, _) => decoded.push(byte),
        }
        at += 1;
    }
    Cow::Owned(String::from_utf8_lossy(&decoded).into_owned())
}

/// Encodes text for a query string.
pub(super) fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(byte as char),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}
