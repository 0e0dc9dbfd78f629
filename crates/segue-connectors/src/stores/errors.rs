//! What a store's error means for the person. The store's own sentence is not passed on: it holds URLs, and these may hold signatures.

use super::wire::{Failure, Refused, Wire};
use segue_core::{Error, Kind};
use segue_diag as codes;

/// Where something failed.
#[derive(Clone, Debug)]
pub(crate) struct Where {
    /// The connection's name.
    pub connection: String,
    /// What is there, as it is said to people: `s3://bucket/orders`.
    pub root: String,
    /// What holds the objects, as the store calls it: `bucket`, `container`, `folder`.
    pub container: &'static str,
}

impl Where {
    /// The error of an operation; `doing` says which: `list the bucket`. `path`: of which object, if of one.
    pub fn failed(&self, wire: &Wire, doing: &str, path: Option<&str>, error: &object_store::Error) -> Error {
        match Failure::of(error) {
            Some(failure) => self.of(doing, path, failure),
            // What is left concerns what came, and names no URL: XML that is none, a key that is no path.
            None => {
                let words = wire.redactor().text(&crate::columns::short(&error.to_string()));
                let hint = match error {
                    object_store::Error::InvalidPath { .. } => {
                        "a key with `//`, `/./` or `/../` in it is no path: rename the object, or begin `path:` or `prefix:` below or beside it"
                    }
                    _ => "look at the connection's `endpoint`: what answers there may be no store of this kind",
                };
                self.about(
                    Kind::BadData,
                    format!("cannot {doing}: the answer is not what was asked for"),
                    path,
                )
                .code(codes::STORE_ANSWER)
                .caused_by(words)
                .hint(hint)
            }
        }
    }

    /// The error of an operation that failed so.
    pub fn of(&self, doing: &str, path: Option<&str>, failure: &Failure) -> Error {
        let error = match failure {
            Failure::Broken { kind, what, .. } => {
                self.about(*kind, format!("cannot {doing}: {what}"), path)
                    .hint(match kind {
                        Kind::BadData => "run again; if it stays so, the object is damaged where it is kept",
                        _ => "is the connection's address right, and is there a way to it from here?",
                    })
            }
            Failure::Refused(no) => self.refused(doing, path, no),
        };
        error.caused_by(failure.to_string())
    }

    fn refused(&self, doing: &str, path: Option<&str>, no: &Refused) -> Error {
        let root = &self.root;
        let told = |kind, what: String| self.about(kind, what, path);
        match class(no, path.is_some()) {
            Class::Unknown => told(Kind::Unauthenticated, format!("{root} does not accept who asks"))
                .code(codes::STORE_UNAUTHENTICATED)
                .hint("look at the connection's credentials: whether they are of this account, whole, and not past their time"),
            Class::Denied => told(Kind::Denied, format!("{root} does not let this account {doing}"))
                .code(codes::STORE_DENIED)
                .hint("give the account the right to list and read there, and to write where something is written"),
            Class::NoContainer => told(Kind::NotFound, format!("there is no {} at {root}", self.container))
                .code(codes::STORE_NOT_THERE)
                .hint("look at its name, and at the region or the endpoint"),
            Class::Gone => told(Kind::NotFound, format!("cannot {doing}: it is not there any more")),
            Class::Elsewhere => told(Kind::Invalid, format!("{root} is not where the connection says"))
                .code(codes::STORE_SETTINGS)
                .hint("set the connection's `region` to the bucket's, or its `endpoint` to where the bucket is"),
            Class::Busy => {
                let error = told(Kind::RateLimited, format!("{root} wants fewer requests"));
                match no.retry_after {
                    Some(delay) => error.retry_after(delay),
                    None => error,
                }
            }
            Class::Moved => told(Kind::Conflict, format!("cannot {doing}: the object is another one by now")),
            Class::Other => {
                let plain = crate::http::status_error(no.status);
                told(plain.kind(), format!("cannot {doing}: {}", plain.message()))
            }
        }
    }

    /// An error with where it was.
    pub fn about(&self, kind: Kind, what: impl Into<String>, path: Option<&str>) -> Error {
        let error = Error::new(kind, what).with("connection", &self.connection);
        match path {
            Some(path) => error.with("object", path),
            None => error,
        }
    }
}

enum Class {
    Unknown,
    Denied,
    NoContainer,
    Gone,
    Elsewhere,
    Busy,
    Moved,
    Other,
}

fn class(no: &Refused, is_object: bool) -> Class {
    match (no.status, no.code.as_str()) {
        (
            _,
            "InvalidAccessKeyId"
            | "SignatureDoesNotMatch"
            | "ExpiredToken"
            | "InvalidToken"
            | "TokenRefreshRequired"
            | "AuthenticationFailed"
            | "InvalidAuthenticationInfo"
            | "RequestTimeTooSkewed",
        )
        | (401, _) => Class::Unknown,
        (_, "NoSuchBucket" | "ContainerNotFound" | "ContainerBeingDeleted") => Class::NoContainer,
        (_, "PermanentRedirect" | "AuthorizationHeaderMalformed" | "IllegalLocationConstraintException")
        | (301 | 302 | 307 | 308, _) => Class::Elsewhere,
        (_, "SlowDown" | "ServerBusy" | "rateLimitExceeded" | "userRateLimitExceeded" | "RequestLimitExceeded")
        | (429, _) => Class::Busy,
        (403, _) => Class::Denied,
        (404 | 410, _) if is_object => Class::Gone,
        (404 | 410, _) => Class::NoContainer,
        (409 | 412, _) => Class::Moved,
        _ => Class::Other,
    }
}
