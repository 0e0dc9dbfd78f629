//! OAuth 1.0a (RFC 5849): each request is signed with the secrets of an application and of a token that somebody agreed to.

use super::{At, Carried};
use crate::http::sign::{Algorithm, Signed, hmac, hmac_sha1, percent_encoded};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use segue_core::{Result, Secret};

/// Who signs as OAuth 1.0a has it.
#[derive(Debug)]
pub struct Oauth1 {
    /// The application's key, which is no secret.
    pub consumer_key: String,
    /// The application's secret.
    pub consumer_secret: Secret,
    /// The token and its secret; none where the application asks for itself.
    pub token: Option<(Secret, Secret)>,
    /// How it is signed.
    pub method: Method,
    /// What the server calls what it protects, if it wants to be told.
    pub realm: Option<String>,
}

/// How a request is signed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Method {
    /// `HMAC-SHA1`, which the standard has.
    #[default]
    HmacSha1,
    /// `HMAC-SHA256`, which some servers want in its place.
    HmacSha256,
}

impl Method {
    fn word(self) -> &'static str {
        match self {
            Method::HmacSha1 => "HMAC-SHA1",
            Method::HmacSha256 => "HMAC-SHA256",
        }
    }
}

impl Oauth1 {
    /// What of it must not be shown.
    pub fn secrets(&self) -> Vec<Secret> {
        let mut all = vec![self.consumer_secret.clone()];
        if let Some((token, secret)) = &self.token {
            all.extend([token.clone(), secret.clone()]);
        }
        all
    }

    /// The header that signs this request. `nonce`: what no other request of that second has.
    ///
    /// # Errors
    /// `Bug` where the key of a signature cannot be one.
    pub fn sign(&self, request: &Signed<'_>, nonce: &str) -> Result<Vec<Carried>> {
        let mut own = vec![
            ("oauth_consumer_key", self.consumer_key.clone()),
            ("oauth_nonce", nonce.to_string()),
            ("oauth_signature_method", self.method.word().to_string()),
            ("oauth_timestamp", request.at.as_second().to_string()),
        ];
        if let Some((token, _)) = &self.token {
            own.push(("oauth_token", token.reveal().to_string()));
        }
        own.push(("oauth_version", "1.0".to_string()));
        let signature = self.signature(&base_string(request, &own))?;
        own.push(("oauth_signature", signature));
        let realm = self.realm.as_ref().map(|realm| format!("realm=\"{}\"", quoted(realm)));
        let own = own
            .iter()
            .map(|(name, value)| format!("{name}=\"{}\"", percent_encoded(value)));
        let header = realm.into_iter().chain(own).collect::<Vec<_>>().join(", ");
        Ok(vec![Carried {
            at: At::Header,
            name: "authorization".into(),
            value: Secret::new(format!("OAuth {header}")),
        }])
    }

    fn signature(&self, text: &str) -> Result<String> {
        let token = self.token.as_ref().map_or("", |(_, secret)| secret.reveal());
        let key = format!(
            "{}&{}",
            percent_encoded(self.consumer_secret.reveal()),
            percent_encoded(token)
        );
        Ok(STANDARD.encode(match self.method {
            Method::HmacSha1 => hmac_sha1(key.as_bytes(), text.as_bytes()),
            Method::HmacSha256 => hmac(Algorithm::Sha256, key.as_bytes(), text.as_bytes())?,
        }))
    }
}

/// What is signed (section 3.4.1): the method, the address without its query, and all parameters in the order of their encoded names.
fn base_string(request: &Signed<'_>, own: &[(&str, String)]) -> String {
    let mut pairs: Vec<(String, String)> = request
        .url
        .query_pairs()
        .chain(form(request).into_iter().flat_map(url::form_urlencoded::parse))
        .map(|(name, value)| (percent_encoded(&name), percent_encoded(&value)))
        .collect();
    pairs.extend(
        own.iter()
            .map(|(name, value)| (name.to_string(), percent_encoded(value))),
    );
    pairs.sort();
    let pairs: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let address = format!("{}://{}{}", request.url.scheme(), request.host(), request.url.path());
    format!(
        "{}&{}&{}",
        request.method.as_str().to_uppercase(),
        percent_encoded(&address),
        percent_encoded(&pairs.join("&"))
    )
}

/// The body, where it is a form: its fields are signed like those of the query.
fn form<'a>(request: &Signed<'a>) -> Option<&'a [u8]> {
    let is_form = |(name, value): &(String, String)| {
        let media = value.split(';').next().unwrap_or_default().trim();
        name.eq_ignore_ascii_case("content-type") && media.eq_ignore_ascii_case("application/x-www-form-urlencoded")
    };
    request.headers.iter().any(is_form).then_some(request.body)
}

fn quoted(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

#[cfg(test)]
mod tests;
