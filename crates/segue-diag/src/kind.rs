//! The kinds of failure, and what each one alone decides.

use serde::{Deserialize, Serialize};
use std::fmt;

/// What sort of failure this is. Retry, exit code, HTTP status and SQLSTATE follow from it and from nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The request or the project is wrong; asking again changes nothing.
    Invalid,
    /// Who asks could not be established.
    Unauthenticated,
    /// Who asks is known and may not.
    Denied,
    /// The thing named does not exist.
    NotFound,
    /// Somebody else changed it meanwhile; read again, then try again.
    Conflict,
    /// The other side wants fewer requests.
    RateLimited,
    /// The other side does not answer, or answers that it cannot.
    Unavailable,
    /// The other side took longer than it was given.
    TimedOut,
    /// Somebody asked for it to stop.
    Cancelled,
    /// A thing this version does not do.
    Unsupported,
    /// The data is not what it was said to be.
    BadData,
    /// A mistake of ours.
    Bug,
}

impl Kind {
    /// Whether the same attempt may succeed later without anybody changing anything.
    /// `Unauthenticated` is retried once by whoever can renew credentials, and `Conflict` after reading again.
    pub fn is_transient(self) -> bool {
        matches!(
            self,
            Kind::Conflict | Kind::RateLimited | Kind::Unavailable | Kind::TimedOut
        )
    }

    /// Whether the same attempt fails again, however often it is made. An attempt that was stopped says nothing of it.
    pub fn is_for_good(self) -> bool {
        !self.is_transient() && self != Kind::Cancelled
    }

    /// The exit code of the command line.
    pub fn exit_code(self) -> u8 {
        match self {
            Kind::Invalid | Kind::Unsupported => 2,
            Kind::Unauthenticated | Kind::Denied => 3,
            Kind::NotFound => 4,
            Kind::Conflict => 5,
            Kind::RateLimited | Kind::Unavailable | Kind::TimedOut => 6,
            Kind::BadData => 7,
            Kind::Bug => 70,
            Kind::Cancelled => 130,
        }
    }

    /// The HTTP status that a door answers with.
    pub fn http_status(self) -> u16 {
        match self {
            Kind::Invalid => 400,
            Kind::Unauthenticated => 401,
            Kind::Denied => 403,
            Kind::NotFound => 404,
            Kind::Conflict => 409,
            Kind::RateLimited => 429,
            Kind::Unavailable => 503,
            Kind::TimedOut => 504,
            Kind::Cancelled => 499,
            Kind::Unsupported => 501,
            Kind::BadData => 422,
            Kind::Bug => 500,
        }
    }

    /// The SQLSTATE that a door answers with.
    pub fn sqlstate(self) -> &'static str {
        match self {
            Kind::Invalid => "22023",
            Kind::Unauthenticated => "28000",
            Kind::Denied => "42501",
            Kind::NotFound => "42P01",
            Kind::Conflict => "40001",
            Kind::RateLimited => "53400",
            Kind::Unavailable => "57P03",
            Kind::TimedOut | Kind::Cancelled => "57014",
            Kind::Unsupported => "0A000",
            Kind::BadData => "22000",
            Kind::Bug => "XX000",
        }
    }

    /// The kind as it is written in JSON and in logs.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Invalid => "invalid",
            Kind::Unauthenticated => "unauthenticated",
            Kind::Denied => "denied",
            Kind::NotFound => "not_found",
            Kind::Conflict => "conflict",
            Kind::RateLimited => "rate_limited",
            Kind::Unavailable => "unavailable",
            Kind::TimedOut => "timed_out",
            Kind::Cancelled => "cancelled",
            Kind::Unsupported => "unsupported",
            Kind::BadData => "bad_data",
            Kind::Bug => "bug",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
