//! Signing as a server's documentation says it: which text about a request, with which hash, and where the signature goes.

use super::{At, Carried, Oauth1};
use crate::http::send::Outgoing;
use crate::http::sign::{Algorithm, SigV4, Signed, hmac, instant};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use minijinja::{Environment, UndefinedBehavior};
use segue_core::hash::{hex, sha256};
use segue_core::{Error, Kind, Result, Secret};
use std::collections::BTreeMap;

/// How requests are signed.
#[derive(Debug)]
pub enum Signer {
    /// As the settings say.
    Hmac(HmacSigner),
    /// As AWS has it.
    SigV4(SigV4),
    /// As OAuth 1.0a has it.
    Oauth1(Oauth1),
}

/// A signature of one's own making, as most servers that want one have it.
#[derive(Debug)]
pub struct HmacSigner {
    /// The hash.
    pub algorithm: Algorithm,
    /// The key's name, which is no secret.
    pub key_id: String,
    /// The key.
    pub secret: Secret,
    /// How the key is written.
    pub key_text: KeyText,
    /// The text that is signed: a template.
    pub message: String,
    /// How the signature is written.
    pub written: Written,
    /// How the time is written, for [`jiff`]; `None`: seconds, or milliseconds, since 1970.
    pub timestamp: Option<&'static str>,
    /// Whether it is milliseconds.
    pub is_millis: bool,
    /// What is sent with it: templates.
    pub places: Places,
}

/// What is sent, by its part of the request and its name.
pub type Places = Vec<(At, String, String)>;

/// How a key is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeyText {
    /// Its text is the key.
    #[default]
    Text,
    /// Two digits a byte.
    Hex,
    /// Base64.
    Base64,
}

/// How a signature is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Written {
    /// Two digits a byte.
    #[default]
    Hex,
    /// Base64.
    Base64,
}

impl Signer {
    /// What of it must not be shown.
    pub fn secrets(&self) -> Vec<Secret> {
        match self {
            Signer::Hmac(hmac) => vec![hmac.secret.clone()],
            Signer::Oauth1(oauth1) => oauth1.secrets(),
            Signer::SigV4(sigv4) => {
                let mut all = vec![sigv4.secret_access_key.clone()];
                all.extend(sigv4.session_token.clone());
                all
            }
        }
    }

    /// What signs this request.
    ///
    /// # Errors
    /// `Invalid` for a template that names what is not there, or a key that is not written as it is said to be.
    pub fn sign(&self, request: &Outgoing, at: Timestamp) -> Result<Vec<Carried>> {
        let body = request.body.as_ref().map_or(&[][..], |b| &b.bytes[..]);
        let mut headers = request.headers.clone();
        headers.extend(
            request
                .body
                .iter()
                .map(|b| ("content-type".to_string(), b.media.clone())),
        );
        let signed = Signed {
            method: &request.method,
            url: &request.url,
            headers: &headers,
            body,
            at,
        };
        match self {
            Signer::SigV4(sigv4) => {
                let headers = sigv4.sign(&signed)?.into_iter();
                let carried = headers.map(|(name, value)| Carried {
                    at: At::Header,
                    name,
                    value,
                });
                Ok(carried.collect())
            }
            Signer::Hmac(hmac) => hmac.sign(&signed),
            Signer::Oauth1(oauth1) => oauth1.sign(&signed, &uuid::Uuid::new_v4().simple().to_string()),
        }
    }
}

impl HmacSigner {
    /// Reads everything once, so that a mistake shows before the first request.
    ///
    /// # Errors
    /// As [`Signer::sign`].
    pub fn check(&self) -> Result<()> {
        let url = url::Url::parse("https://example.com/a").map_err(|e| Error::bug("a constant").caused_by(e))?;
        let signed = Signed {
            method: &reqwest::Method::GET,
            url: &url,
            headers: &[],
            body: &[],
            at: Timestamp::UNIX_EPOCH,
        };
        self.sign(&signed).map(drop)
    }

    fn sign(&self, request: &Signed<'_>) -> Result<Vec<Carried>> {
        let url = request.url;
        let query = url.query().unwrap_or_default();
        let target = match query {
            "" => url.path().to_string(),
            query => format!("{}?{query}", url.path()),
        };
        let timestamp = match (self.timestamp, self.is_millis) {
            (Some(format), _) => instant(request.at, format)?,
            (None, true) => request.at.as_millisecond().to_string(),
            (None, false) => request.at.as_second().to_string(),
        };
        let mut words: BTreeMap<&str, String> = BTreeMap::from([
            ("method", request.method.to_string()),
            ("host", request.host()),
            ("path", url.path().to_string()),
            ("query", query.to_string()),
            ("target", target),
            ("body", String::from_utf8_lossy(request.body).into_owned()),
            ("body_sha256", sha256(request.body)),
            ("timestamp", timestamp),
            ("nonce", uuid::Uuid::new_v4().simple().to_string()),
            ("key_id", self.key_id.clone()),
        ]);
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        let render = |text: &str, words: &BTreeMap<&str, String>| {
            environment.render_str(text, words).map_err(|e| {
                let why = e.detail().map_or_else(|| e.kind().to_string(), str::to_string);
                Error::new(Kind::Invalid, format!("a template of `auth.hmac` cannot be filled in: {why}")).hint(
                    "there are `method`, `host`, `path`, `query`, `target`, `body`, `body_sha256`, `timestamp`, `nonce` and `key_id`, and where it is sent `signature`",
                )
            })
        };
        let mut message = render(&self.message, &words)?;
        // A text in many lines ends as it is written.
        if self.message.ends_with('\n') && !message.ends_with('\n') {
            message.push('\n');
        }
        let signature = hmac(self.algorithm, &self.key()?, message.as_bytes())?;
        let signature = match self.written {
            Written::Hex => hex(&signature),
            Written::Base64 => STANDARD.encode(&signature),
        };
        words.insert("signature", signature);
        let carried = self.places.iter().map(|(at, name, template)| {
            Ok(Carried {
                at: *at,
                name: name.clone(),
                value: Secret::new(render(template, &words)?),
            })
        });
        carried.collect()
    }

    fn key(&self) -> Result<Vec<u8>> {
        let text = self.secret.reveal();
        let bad = |how: &str| {
            Error::new(
                Kind::Invalid,
                format!("the secret of `auth.hmac` is not written as {how}"),
            )
        };
        match self.key_text {
            KeyText::Text => Ok(text.as_bytes().to_vec()),
            KeyText::Base64 => STANDARD.decode(text).map_err(|_| bad("base64")),
            KeyText::Hex => {
                let digits = text.as_bytes();
                let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
                let bytes: Option<Vec<u8>> = digits.chunks(2).map(byte).collect();
                bytes
                    .filter(|_| digits.len().is_multiple_of(2))
                    .ok_or_else(|| bad("hex"))
            }
        }
    }
}
