//! A statement that an account signs with its key, for which a token is given (RFC 7523): service accounts.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::Timestamp;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use segue_core::{Error, Kind, Result, Secret};
use serde_json::{Map, Value};
use std::time::Duration;

/// Who states what.
#[derive(Debug)]
pub struct Jwt {
    key: RsaKeyPair,
    written: Secret,
    /// The key's name.
    pub key_id: Option<String>,
    /// Who states it.
    pub issuer: String,
    /// For whom, if it is another.
    pub subject: Option<String>,
    /// To whom.
    pub audience: String,
    /// What is asked for.
    pub scopes: Vec<String>,
    /// For how long it holds.
    pub lives: Duration,
}

/// A private key, and how it was written.
pub struct Key(RsaKeyPair, Secret);

impl Key {
    /// Reads an RSA key: PEM, as PKCS #8 or PKCS #1.
    ///
    /// # Errors
    /// `Invalid` for what is none; it is not shown.
    pub fn read(pem: Secret) -> Result<Key> {
        let bad = || {
            Error::new(Kind::Invalid, "the private key of the connection is no RSA key in PEM")
                .hint("it begins with `-----BEGIN PRIVATE KEY-----`; in a variable of the environment its lines may be parted by `\\n`")
        };
        // Variables of an environment mostly have no lines.
        let text = pem.reveal().replace("\\n", "\n");
        let (kind, rest) = text
            .split_once("-----BEGIN ")
            .and_then(|(_, rest)| rest.split_once("-----"))
            .ok_or_else(bad)?;
        let body = rest.split("-----END").next().unwrap_or_default();
        let body: String = body.chars().filter(|c| !c.is_whitespace()).collect();
        let der = STANDARD.decode(body).map_err(|_| bad())?;
        let key = match kind {
            "PRIVATE KEY" => RsaKeyPair::from_pkcs8(&der),
            "RSA PRIVATE KEY" => RsaKeyPair::from_der(&der),
            _ => return Err(bad()),
        };
        Ok(Key(key.map_err(|_| bad())?, pem))
    }
}

impl Jwt {
    /// Of this key and issuer, to whom it is stated.
    pub fn new(key: Key, issuer: String, audience: String) -> Jwt {
        Jwt {
            key: key.0,
            written: key.1,
            key_id: None,
            issuer,
            subject: None,
            audience,
            scopes: Vec::new(),
            lives: Duration::from_secs(3600),
        }
    }

    /// What of it must not be shown.
    pub fn secret(&self) -> Secret {
        self.written.clone()
    }

    /// The statement as of now.
    ///
    /// # Errors
    /// `Bug` where it cannot be signed.
    pub fn assertion(&self, now: Timestamp) -> Result<Secret> {
        let mut header = Map::from_iter([("alg".to_string(), "RS256".into()), ("typ".to_string(), "JWT".into())]);
        header.extend(self.key_id.clone().map(|id| ("kid".to_string(), Value::from(id))));
        let issued = now.as_second();
        let lives = i64::try_from(self.lives.as_secs()).unwrap_or(i64::MAX);
        let mut claims = Map::from_iter([
            ("iss".to_string(), self.issuer.as_str().into()),
            ("aud".to_string(), self.audience.as_str().into()),
            ("iat".to_string(), issued.into()),
            ("exp".to_string(), issued.saturating_add(lives).into()),
        ]);
        claims.extend(self.subject.clone().map(|s| ("sub".to_string(), Value::from(s))));
        if !self.scopes.is_empty() {
            claims.insert("scope".into(), self.scopes.join(" ").into());
        }
        let part = |fields: Map<String, Value>| URL_SAFE_NO_PAD.encode(Value::Object(fields).to_string());
        let text = format!("{}.{}", part(header), part(claims));
        let mut signature = vec![0; self.key.public().modulus_len()];
        let signed = self
            .key
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature);
        signed.map_err(|_| Error::bug("a statement cannot be signed"))?;
        Ok(Secret::new(format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))))
    }
}

#[cfg(test)]
pub(crate) mod tests;
