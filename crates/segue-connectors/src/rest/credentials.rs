//! From the settings of a connection to who asks.

use super::address;
use super::settings::{
    Auth, ClientAuth, Encoding, HashAlgorithm, Hmac, Login, LoginStep, Oauth1, Oauth1Signature, Oauth2, SecretEncoding,
    Take, TimestampFormat,
};
use crate::http::Method;
use crate::http::auth::{self, At, Carried, Credentials, Signer};
use crate::http::sign::{Algorithm, SigV4};
use crate::json::Path;
use segue_core::{Error, Kind, Result, Secret};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Who asks, and the account that this tells.
///
/// # Errors
/// `Invalid` for what does not go together, or a template that cannot be filled in.
pub fn credentials(auth: Option<Auth>) -> Result<(Credentials, Option<String>)> {
    let alone = |credentials| Ok((credentials, None));
    match auth {
        None => alone(Credentials::None),
        Some(Auth::Bearer(bearer)) => alone(Credentials::Fixed(Carried::bearer(&bearer.token))),
        Some(Auth::Basic(basic)) => {
            let account = basic.password.is_some().then(|| basic.user.clone());
            let password = basic.password.unwrap_or_else(|| Secret::new(""));
            Ok((Credentials::Fixed(Carried::basic(&basic.user, &password)), account))
        }
        Some(Auth::ApiKey(key)) => {
            let (at, name) = match (key.header, key.query, key.cookie, key.body) {
                (Some(name), None, None, None) => (At::Header, name),
                (None, Some(name), None, None) => (At::Query, name),
                (None, None, Some(name), None) => (At::Cookie, name),
                (None, None, None, Some(name)) => (At::Body, name),
                _ => {
                    let what = "`auth.api_key` wants exactly one of header, query, cookie and body";
                    return Err(Error::new(Kind::Invalid, what));
                }
            };
            alone(Credentials::Fixed(Carried {
                at,
                name,
                value: key.value,
            }))
        }
        Some(Auth::Hmac(hmac)) => {
            let account = hmac.key_id.clone();
            Ok((Credentials::Signed(Arc::new(Signer::Hmac(signer(hmac)?))), account))
        }
        Some(Auth::AwsSigv4(aws)) => {
            let account = Some(aws.access_key_id.clone());
            let signer = Signer::SigV4(SigV4 {
                region: aws.region,
                service: aws.service,
                access_key_id: aws.access_key_id,
                secret_access_key: aws.secret_access_key,
                session_token: aws.session_token,
            });
            Ok((Credentials::Signed(Arc::new(signer)), account))
        }
        Some(Auth::Oauth1(oauth1)) => {
            let account = Some(oauth1.consumer_key.clone());
            let signer = Signer::Oauth1(signed_by_oauth(oauth1)?);
            Ok((Credentials::Signed(Arc::new(signer)), account))
        }
        Some(Auth::Oauth2(oauth2)) => {
            let oauth2 = oauth(oauth2)?;
            let account = Some(oauth2.client_id.clone());
            Ok((Credentials::Oauth2(Arc::new(oauth2)), account))
        }
        Some(Auth::Login(login)) => alone(Credentials::Login(Arc::new(session(login)?))),
    }
}

fn signed_by_oauth(written: Oauth1) -> Result<auth::Oauth1> {
    let token = match (written.token, written.token_secret) {
        (None, None) => None,
        (Some(token), Some(secret)) => Some((token, secret)),
        _ => {
            let error = Error::new(Kind::Invalid, "`auth.oauth1` has one of token and token_secret alone");
            return Err(error.hint("give both, or neither where the application asks for itself"));
        }
    };
    Ok(auth::Oauth1 {
        consumer_key: written.consumer_key,
        consumer_secret: written.consumer_secret,
        token,
        method: match written.signature {
            Oauth1Signature::HmacSha1 => auth::Oauth1Method::HmacSha1,
            Oauth1Signature::HmacSha256 => auth::Oauth1Method::HmacSha256,
        },
        realm: written.realm,
    })
}

fn oauth(oauth2: Oauth2) -> Result<auth::Oauth2> {
    let client_auth = |written: ClientAuth| match written {
        ClientAuth::Basic => auth::ClientAuth::Basic,
        ClientAuth::Body => auth::ClientAuth::Body,
    };
    let token_url = |text: &str| address(text, "auth.oauth2.token_url");
    Ok(match oauth2 {
        Oauth2::ClientCredentials(written) => auth::Oauth2 {
            grant: auth::Grant::ClientCredentials,
            token_url: token_url(&written.token_url)?,
            client_id: written.client_id,
            client_secret: Some(written.client_secret),
            client_auth: client_auth(written.client_auth),
            scopes: written.scopes,
            params: written.token_params.into_iter().collect(),
        },
        Oauth2::JwtBearer(written) => {
            let audience = written.audience.unwrap_or_else(|| written.token_url.clone());
            let key = auth::Key::read(written.private_key)?;
            let mut jwt = auth::Jwt::new(key, written.issuer.clone(), audience);
            (jwt.key_id, jwt.subject, jwt.scopes) = (written.key_id, written.subject, written.scopes);
            auth::Oauth2 {
                grant: auth::Grant::Jwt(Arc::new(jwt)),
                token_url: token_url(&written.token_url)?,
                client_id: written.issuer,
                client_secret: None,
                client_auth: auth::ClientAuth::default(),
                scopes: Vec::new(),
                params: written.token_params.into_iter().collect(),
            }
        }
        Oauth2::RefreshToken(written) => auth::Oauth2 {
            grant: auth::Grant::RefreshToken {
                refresh_token: written.refresh_token,
            },
            token_url: token_url(&written.token_url)?,
            client_id: written.client_id,
            client_secret: written.client_secret,
            client_auth: client_auth(written.client_auth),
            scopes: written.scopes,
            params: written.token_params.into_iter().collect(),
        },
    })
}

fn places(at: At, pairs: BTreeMap<String, String>) -> impl Iterator<Item = (At, String, String)> {
    pairs.into_iter().map(move |(name, template)| (at, name, template))
}

fn signer(hmac: Hmac) -> Result<auth::HmacSigner> {
    let signer = auth::HmacSigner {
        algorithm: match hmac.algorithm {
            HashAlgorithm::Sha256 => Algorithm::Sha256,
            HashAlgorithm::Sha512 => Algorithm::Sha512,
        },
        key_id: hmac.key_id.unwrap_or_default(),
        secret: hmac.secret,
        key_text: match hmac.secret_encoding {
            SecretEncoding::Text => auth::KeyText::Text,
            SecretEncoding::Hex => auth::KeyText::Hex,
            SecretEncoding::Base64 => auth::KeyText::Base64,
        },
        message: hmac.message,
        written: match hmac.encoding {
            Encoding::Hex => auth::Written::Hex,
            Encoding::Base64 => auth::Written::Base64,
        },
        timestamp: match hmac.timestamp {
            TimestampFormat::Unix | TimestampFormat::UnixMs => None,
            TimestampFormat::Rfc3339 => Some("%Y-%m-%dT%H:%M:%SZ"),
            TimestampFormat::Http => Some("%a, %d %b %Y %H:%M:%S GMT"),
        },
        is_millis: hmac.timestamp == TimestampFormat::UnixMs,
        places: places(At::Header, hmac.headers)
            .chain(places(At::Query, hmac.query))
            .collect(),
    };
    if signer.places.is_empty() {
        return Err(
            Error::new(Kind::Invalid, "`auth.hmac` says nowhere where the signature goes")
                .hint("write `headers: { X-Signature: \"{{ signature }}\" }`"),
        );
    }
    signer.check()?;
    Ok(signer)
}

fn session(login: Login) -> Result<auth::Login> {
    let sends: Vec<_> = places(At::Header, login.headers)
        .chain(places(At::Query, login.query))
        .chain(places(At::Cookie, login.cookies))
        .collect();
    if sends.is_empty() {
        return Err(
            Error::new(Kind::Invalid, "`auth.login` says nowhere where the session goes")
                .hint("write `headers: { X-Session: \"{{ login.token }}\" }`, `query` or `cookies`"),
        );
    }
    Ok(auth::Login {
        steps: login.steps.into_iter().map(step).collect::<Result<_>>()?,
        secrets: login.secrets.into_iter().collect(),
        sends,
        lasts: login.lasts.map(|lasts| lasts.get()),
    })
}

fn step(step: LoginStep) -> Result<auth::LoginStep> {
    let (method, target) = match (step.get, step.post) {
        (Some(target), None) => (Method::GET, target),
        (None, Some(target)) => (Method::POST, target),
        _ => {
            let what = "a step of `auth.login` wants exactly one of get and post";
            return Err(Error::new(Kind::Invalid, what));
        }
    };
    let body = match (step.json, step.form) {
        (None, None) => auth::LoginBody::None,
        (Some(json), None) => auth::LoginBody::Json(json),
        (None, Some(form)) => auth::LoginBody::Form(form.into_iter().collect()),
        (Some(_), Some(_)) => {
            let what = "a step of `auth.login` has both `json` and `form`: a request has one body";
            return Err(Error::new(Kind::Invalid, what));
        }
    };
    let takes = step.take.into_iter().map(|(name, take)| Ok((name, taken(take)?)));
    Ok(auth::LoginStep {
        method,
        target,
        query: step.query.into_iter().collect(),
        headers: step.headers.into_iter().collect(),
        body,
        takes: takes.collect::<Result<_>>()?,
    })
}

fn taken(take: Take) -> Result<auth::Take> {
    match take {
        Take::Path(path) => Ok(auth::Take::Path(Path::parse(&path)?)),
        Take::Place(place) => match (place.header, place.cookie) {
            (Some(header), None) => Ok(auth::Take::Header(header)),
            (None, Some(cookie)) => Ok(auth::Take::Cookie(cookie)),
            _ => {
                let what = "what a login takes wants exactly one of header and cookie";
                Err(Error::new(Kind::Invalid, what))
            }
        },
    }
}
