//! Signing requests: a text about the request, and a hash of it that only who knows the key can make.

use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use reqwest::Method;
use segue_core::hash::{hex, sha256};
use segue_core::{Error, Kind, Result, Secret};
use sha2::{Sha256, Sha512};
use std::collections::BTreeMap;
use url::Url;

/// The hash below a signature.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Algorithm {
    /// SHA-256.
    #[default]
    Sha256,
    /// SHA-512.
    Sha512,
}

/// HMAC (RFC 2104).
///
/// # Errors
/// `Bug` when the key cannot be one; every key can.
pub fn hmac(algorithm: Algorithm, key: &[u8], message: &[u8]) -> Result<Vec<u8>> {
    let bad = |_| Error::bug("a key of HMAC is none");
    Ok(match algorithm {
        Algorithm::Sha256 => {
            let mut mac = Hmac::<Sha256>::new_from_slice(key).map_err(bad)?;
            mac.update(message);
            mac.finalize().into_bytes().to_vec()
        }
        Algorithm::Sha512 => {
            let mut mac = Hmac::<Sha512>::new_from_slice(key).map_err(bad)?;
            mac.update(message);
            mac.finalize().into_bytes().to_vec()
        }
    })
}

/// HMAC by SHA-1, for the one standard that still wants it. As a key of a signature it is not broken.
pub fn hmac_sha1(key: &[u8], message: &[u8]) -> Vec<u8> {
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key);
    ring::hmac::sign(&key, message).as_ref().to_vec()
}

/// What is signed.
pub struct Signed<'a> {
    /// How it is asked.
    pub method: &'a Method,
    /// What is asked, its query as it is sent.
    pub url: &'a Url,
    /// The headers that are signed beside `host` and `x-amz-*`.
    pub headers: &'a [(String, String)],
    /// The body; empty for none.
    pub body: &'a [u8],
    /// When.
    pub at: Timestamp,
}

impl Signed<'_> {
    /// The host as it is sent: with its port where that is not the scheme's own.
    pub fn host(&self) -> String {
        let host = self.url.host_str().unwrap_or_default();
        match self.url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_string(),
        }
    }
}

/// Who signs with AWS Signature Version 4, and for which service.
#[derive(Clone, Debug)]
pub struct SigV4 {
    /// `eu-central-1`.
    pub region: String,
    /// `execute-api`, `s3`.
    pub service: String,
    /// The key's name.
    pub access_key_id: String,
    /// The key.
    pub secret_access_key: Secret,
    /// What comes with a key for a short time.
    pub session_token: Option<Secret>,
}

impl SigV4 {
    /// The headers that sign this request.
    ///
    /// # Errors
    /// `Invalid` for a time that no calendar has.
    pub fn sign(&self, request: &Signed<'_>) -> Result<Vec<(String, Secret)>> {
        let time = instant(request.at, "%Y%m%dT%H%M%SZ")?;
        let day = &time[..8];
        let digest = sha256(request.body);
        let is_s3 = self.service == "s3";
        let mut headers: BTreeMap<String, String> = request
            .headers
            .iter()
            .map(|(name, value)| (name.to_lowercase(), single_spaced(value)))
            .collect();
        headers.insert("host".into(), request.host());
        headers.insert("x-amz-date".into(), time.clone());
        if is_s3 {
            headers.insert("x-amz-content-sha256".into(), digest.clone());
        }
        if let Some(token) = &self.session_token {
            headers.insert("x-amz-security-token".into(), token.reveal().to_string());
        }
        let names = headers.keys().map(String::as_str).collect::<Vec<_>>().join(";");
        let listed: String = headers
            .iter()
            .map(|(name, value)| format!("{name}:{value}\n"))
            .collect();
        let canonical = format!(
            "{}\n{}\n{}\n{listed}\n{names}\n{digest}",
            request.method,
            canonical_path(request.url.path(), is_s3),
            canonical_query(request.url),
        );
        let scope = format!("{day}/{}/{}/aws4_request", self.region, self.service);
        let to_sign = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", sha256(&canonical));
        let mut key = format!("AWS4{}", self.secret_access_key.reveal()).into_bytes();
        for part in [day, &self.region, &self.service, "aws4_request"] {
            key = hmac(Algorithm::Sha256, &key, part.as_bytes())?;
        }
        let signature = hex(&hmac(Algorithm::Sha256, &key, to_sign.as_bytes())?);
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, Signature={signature}",
            self.access_key_id
        );
        let mut sent = vec![
            ("authorization".to_string(), Secret::new(authorization)),
            ("x-amz-date".to_string(), Secret::new(time)),
        ];
        if is_s3 {
            sent.push(("x-amz-content-sha256".to_string(), Secret::new(digest)));
        }
        if let Some(token) = &self.session_token {
            sent.push(("x-amz-security-token".to_string(), token.clone()));
        }
        Ok(sent)
    }
}

/// The path, each part encoded once more than it is sent; S3 takes it as it is sent.
fn canonical_path(path: &str, as_sent: bool) -> String {
    if as_sent || path.is_empty() {
        return if path.is_empty() { "/".into() } else { path.to_string() };
    }
    path.split('/').map(percent_encoded).collect::<Vec<_>>().join("/")
}

fn canonical_query(url: &Url) -> String {
    let mut pairs: Vec<(String, String)> = url
        .query_pairs()
        .map(|(name, value)| (percent_encoded(&name), percent_encoded(&value)))
        .collect();
    pairs.sort();
    let pairs: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.join("&")
}

/// All but what RFC 3986 does not reserve is encoded.
pub fn percent_encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(byte as char),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

fn single_spaced(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// An instant in UTC, written like this.
///
/// # Errors
/// `Invalid` where it cannot be written so.
pub fn instant(at: Timestamp, format: &str) -> Result<String> {
    let zoned = at.to_zoned(jiff::tz::TimeZone::UTC);
    jiff::fmt::strtime::format(format, &zoned)
        .map_err(|e| Error::new(Kind::Invalid, "the time cannot be written for a signature").caused_by(e))
}

#[cfg(test)]
mod tests;
