//! A request, taken apart: what it asks for, and which class of paths it belongs to.

use segue_diag::{Error, Kind, closest};
use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

/// A class of paths, by which requests are counted and faults are aimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Class {
    /// `/api/token`
    Token,
    /// `/v1/search`
    Search,
    /// `/v1/artists/{id}`
    Artist,
    /// `/v1/artists?ids=`
    Artists,
    /// `/v1/artists/{id}/top-tracks`
    TopTracks,
    /// `/v1/artists/{id}/albums`
    Albums,
    /// `/v1/audio-features`
    AudioFeatures,
    /// `/bench/pages/{kind}`
    Bench,
    /// Anything else.
    Other,
}

impl Class {
    /// Every class, in the order in which they are counted.
    pub const ALL: [Class; 9] = [
        Class::Token,
        Class::Search,
        Class::Artist,
        Class::Artists,
        Class::TopTracks,
        Class::Albums,
        Class::AudioFeatures,
        Class::Bench,
        Class::Other,
    ];

    /// The class as it is written in stats and faults.
    pub fn name(self) -> &'static str {
        match self {
            Class::Token => "token",
            Class::Search => "search",
            Class::Artist => "artist",
            Class::Artists => "artists",
            Class::TopTracks => "top_tracks",
            Class::Albums => "albums",
            Class::AudioFeatures => "audio_features",
            Class::Bench => "bench",
            Class::Other => "other",
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Class {
    type Err = Error;

    fn from_str(text: &str) -> Result<Class, Error> {
        Class::ALL.into_iter().find(|c| c.name() == text).ok_or_else(|| {
            let names = Class::ALL.map(Class::name);
            let hint = match closest(text, names) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("the classes are {}", names.join(", ")),
            };
            Error::new(Kind::Invalid, format!("there is no class of paths `{text}`")).hint(hint)
        })
    }
}

/// A request as the answering code sees it.
pub(super) struct Request<'a> {
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    pub(super) query: &'a str,
    pub(super) authorization: Option<&'a str>,
    pub(super) body: &'a [u8],
}

/// What a request asks for.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Call {
    Token,
    Search,
    Artist(String),
    Artists,
    TopTracks(String),
    Albums(String),
    AudioFeatures,
    AudioFeature(String),
    Bench(String),
    Control(String),
    Unknown,
}

impl Call {
    /// The class that it is counted in; `None` is not counted at all.
    pub(super) fn class(&self) -> Option<Class> {
        Some(match self {
            Call::Token => Class::Token,
            Call::Search => Class::Search,
            Call::Artist(_) => Class::Artist,
            Call::Artists => Class::Artists,
            Call::TopTracks(_) => Class::TopTracks,
            Call::Albums(_) => Class::Albums,
            Call::AudioFeatures | Call::AudioFeature(_) => Class::AudioFeatures,
            Call::Bench(_) => Class::Bench,
            Call::Unknown => Class::Other,
            Call::Control(_) => return None,
        })
    }
}

impl Request<'_> {
    /// What it asks for. A slash at the end makes no difference.
    pub(super) fn call(&self) -> Call {
        let path = self.path.strip_suffix('/').unwrap_or(self.path);
        let parts: Vec<&str> = path.split('/').skip(1).collect();
        let text = |part: &str| decode(part, false).into_owned();
        match parts[..] {
            ["api", "token"] => Call::Token,
            ["v1", "search"] => Call::Search,
            ["v1", "artists"] => Call::Artists,
            ["v1", "artists", id] => Call::Artist(text(id)),
            ["v1", "artists", id, "top-tracks"] => Call::TopTracks(text(id)),
            ["v1", "artists", id, "albums"] => Call::Albums(text(id)),
            ["v1", "audio-features"] => Call::AudioFeatures,
            ["v1", "audio-features", id] => Call::AudioFeature(text(id)),
            ["bench", "pages", kind] => Call::Bench(text(kind)),
            ["_control", what] => Call::Control(text(what)),
            _ => Call::Unknown,
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
        self.0.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }
}

/// Undoes percent encoding, and `+` for a space where `plus`. What is no valid escape stays; what is no UTF-8 becomes U+FFFD.
fn decode(text: &str, plus: bool) -> Cow<'_, str> {
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
