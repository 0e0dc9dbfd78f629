//! What can go wrong on purpose, and when: the words of `--fault` and of `/_control/faults`.

use super::Class;
use segue_diag::{Error, Kind, Result, closest};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt;
use std::str::FromStr;

/// A kind of trouble. Each counts its firings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FaultKind {
    /// Too many requests (429, mostly) with `Retry-After` in seconds (`seconds`, 1).
    RateLimitSeconds,
    /// The same with `Retry-After` as a date (`seconds` ahead, 1).
    RateLimitDate,
    /// The same with `Retry-After` of a day (`seconds`, 86,400), and Spotify's reason `QUOTA_EXCEEDED`, for everything but tokens,
    /// until that day has passed or the fault is turned off.
    BlockedAccount,
    /// The same for one class of paths (`path`, `top_tracks`).
    BlockedPath,
    /// 401 "The access token expired". The request is refused until it comes with another token.
    ExpiredToken,
    /// Tokens that are good for a moment (`seconds`, 1).
    ShortToken,
    /// 500, 502 or 503 (or `status`).
    ServerError,
    /// The connection ends in the middle of the body.
    CutBody,
    /// 200, but the JSON ends in the middle; the length fits.
    TruncatedJson,
    /// A right answer, late (`ms`, 300).
    Slow,
    /// A popularity that is a string, another number that is an object, or a name that is a number, in one record. The same
    /// request always gets the same one.
    WrongType,
    /// Every record of the page twice.
    DuplicatedPage,
    /// 403 for one class of paths (`path`, `audio_features`).
    Forbidden,
    /// 200 with a page of HTML.
    NotJson,
    /// 500 (or `status`) for every request, retries too: for so many in a row as `times` says, or until it is turned off.
    Outage,
    /// 200, and in the body the service's own error that it is busy.
    ErrorInBody,
    /// Too many requests, with a `Retry-After` that is not so: `seconds`, or 0, a day, a date that is past, no number at all.
    LyingRetryAfter,
}

impl FaultKind {
    /// Every kind.
    pub const ALL: [FaultKind; 17] = [
        FaultKind::RateLimitSeconds,
        FaultKind::RateLimitDate,
        FaultKind::BlockedAccount,
        FaultKind::BlockedPath,
        FaultKind::ExpiredToken,
        FaultKind::ShortToken,
        FaultKind::ServerError,
        FaultKind::CutBody,
        FaultKind::TruncatedJson,
        FaultKind::Slow,
        FaultKind::WrongType,
        FaultKind::DuplicatedPage,
        FaultKind::Forbidden,
        FaultKind::NotJson,
        FaultKind::Outage,
        FaultKind::ErrorInBody,
        FaultKind::LyingRetryAfter,
    ];

    /// The kinds that never cost a record: the next try of the same request is answered rightly, or nothing needs to be
    /// tried again. They fire by a seeded pattern and never at two tries of a request in a row.
    pub const TRANSIENT: [FaultKind; 9] = [
        FaultKind::RateLimitSeconds,
        FaultKind::RateLimitDate,
        FaultKind::ExpiredToken,
        FaultKind::ServerError,
        FaultKind::CutBody,
        FaultKind::TruncatedJson,
        FaultKind::NotJson,
        FaultKind::Slow,
        FaultKind::DuplicatedPage,
    ];

    /// The kinds that are decided anew at each try: the transient ones, and two that a retry mends as well, but only where a client
    /// knows the service's words (`error_in_body`) or does not believe all that it says (`lying_retry_after`).
    pub(super) fn passing() -> impl Iterator<Item = FaultKind> {
        Self::TRANSIENT
            .into_iter()
            .chain([FaultKind::ErrorInBody, FaultKind::LyingRetryAfter])
    }

    /// The kind as it is written.
    pub fn name(self) -> &'static str {
        match self {
            FaultKind::RateLimitSeconds => "rate_limit_seconds",
            FaultKind::RateLimitDate => "rate_limit_date",
            FaultKind::BlockedAccount => "blocked_account",
            FaultKind::BlockedPath => "blocked_path",
            FaultKind::ExpiredToken => "expired_token",
            FaultKind::ShortToken => "short_token",
            FaultKind::ServerError => "server_error",
            FaultKind::CutBody => "cut_body",
            FaultKind::TruncatedJson => "truncated_json",
            FaultKind::Slow => "slow",
            FaultKind::WrongType => "wrong_type",
            FaultKind::DuplicatedPage => "duplicated_page",
            FaultKind::Forbidden => "forbidden",
            FaultKind::NotJson => "not_json",
            FaultKind::Outage => "outage",
            FaultKind::ErrorInBody => "error_in_body",
            FaultKind::LyingRetryAfter => "lying_retry_after",
        }
    }

    /// Which settings beyond `after` it has.
    fn takes(self, setting: &str) -> bool {
        use FaultKind::*;
        match setting {
            "every" | "chance" => !matches!(self, BlockedAccount | BlockedPath | Forbidden | Outage),
            "times" => !matches!(self, BlockedAccount | BlockedPath | Forbidden),
            "path" => !matches!(self, BlockedAccount | ShortToken),
            "seconds" => matches!(
                self,
                RateLimitSeconds | RateLimitDate | BlockedAccount | BlockedPath | ShortToken | LyingRetryAfter
            ),
            "ms" => self == Slow,
            "status" => matches!(self, ServerError | Outage),
            _ => true,
        }
    }

    fn needs_records(self) -> bool {
        matches!(
            self,
            FaultKind::ExpiredToken | FaultKind::WrongType | FaultKind::DuplicatedPage
        )
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for FaultKind {
    type Err = Error;

    fn from_str(text: &str) -> Result<FaultKind> {
        FaultKind::ALL.into_iter().find(|k| k.name() == text).ok_or_else(|| {
            let names = FaultKind::ALL.map(FaultKind::name);
            let hint = match closest(text, names) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!(
                    "the faults are {}, and `transient` for all that a retry mends",
                    names.join(", ")
                ),
            };
            Error::new(Kind::Invalid, format!("the stand-in has no fault `{text}`")).hint(hint)
        })
    }
}

/// When a fault fires, of the requests that it is aimed at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pattern {
    /// Each time.
    Always,
    /// At each so-manieth request, in the order in which they come.
    Every(u64),
    /// With this probability. What is rolled depends on the seed, the request and how often it has been tried, not on the
    /// order in which requests come, so it is the same however many are under way at once.
    Chance(f64),
}

/// A fault, aimed and timed.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// What goes wrong.
    pub kind: FaultKind,
    /// When.
    pub pattern: Pattern,
    /// For which class of paths only; `None`: all but tokens.
    pub path: Option<Class>,
    /// After so many requests that it is aimed at.
    pub after: u64,
    /// So often at most.
    pub times: Option<u64>,
    /// Seconds, where the kind has some.
    pub seconds: Option<u64>,
    /// Milliseconds, where the kind has some.
    pub ms: Option<u64>,
    /// The status, where the kind has one.
    pub status: Option<u16>,
}

impl Fault {
    /// The fault as it is with nothing said: passing ones and wrong types with a chance of 0.1, the others always.
    pub fn of(kind: FaultKind) -> Fault {
        let rare = FaultKind::passing().any(|passing| passing == kind) || kind == FaultKind::WrongType;
        Fault {
            kind,
            pattern: if rare { Pattern::Chance(0.1) } else { Pattern::Always },
            path: match kind {
                FaultKind::BlockedPath => Some(Class::TopTracks),
                FaultKind::Forbidden => Some(Class::AudioFeatures),
                FaultKind::ShortToken => Some(Class::Token),
                _ => None,
            },
            after: 0,
            times: None,
            seconds: None,
            ms: None,
            status: None,
        }
    }

    /// `NAME`, `NAME=7` (every seventh), `NAME=0.05` (a chance), or `NAME=KEY:VALUE,…` with the keys `every`, `chance`, `path`,
    /// `after`, `times`, `seconds`, `ms`, `status`. The name `transient` stands for every fault that a retry mends.
    pub fn parse(text: &str) -> Result<Vec<Fault>> {
        let (name, settings) = text.split_once('=').unwrap_or((text, ""));
        let mut raw = Raw {
            name: name.trim().into(),
            ..Raw::default()
        };
        for part in settings.split(',').map(str::trim).filter(|p| !p.is_empty()) {
            let (key, value) = match part.split_once(':') {
                Some((key, value)) => (key.trim(), value.trim()),
                None if part.contains('.') => ("chance", part),
                None => ("every", part),
            };
            raw.set(key, value)?;
        }
        raw.faults()
    }

    /// The same from a JSON object: `{"name": "slow", "every": 5, "ms": 20}`.
    pub fn of_json(value: &Value) -> Result<Vec<Fault>> {
        let wrong = |e: serde_json::Error| {
            Error::new(Kind::Invalid, format!("this is no fault: {e}"))
                .hint("send an object like `{\"name\": \"slow\", \"every\": 5, \"ms\": 20}`")
        };
        Raw::deserialize(value).map_err(wrong)?.faults()
    }

    /// The fault as a JSON object that [`Fault::of_json`] reads.
    pub fn to_json(&self) -> Value {
        let raw = Raw {
            name: self.kind.name().into(),
            every: if let Pattern::Every(n) = self.pattern {
                Some(n)
            } else {
                None
            },
            chance: match self.pattern {
                Pattern::Chance(p) => Some(p),
                Pattern::Always if self.kind.takes("chance") => Some(1.0),
                _ => None,
            },
            path: self.path.filter(|_| self.kind.takes("path")).map(|c| c.name().into()),
            after: Some(self.after).filter(|n| *n > 0),
            times: self.times,
            seconds: self.seconds,
            ms: self.ms,
            status: self.status,
        };
        serde_json::to_value(raw).unwrap_or_default()
    }

    /// Fires at each `n`-th request.
    pub fn every(self, n: u64) -> Fault {
        Fault {
            pattern: Pattern::Every(n.max(1)),
            ..self
        }
    }

    /// Fires with this probability.
    pub fn chance(self, p: f64) -> Fault {
        Fault {
            pattern: Pattern::Chance(p),
            ..self
        }
    }

    /// Fires for this class of paths only.
    pub fn on(self, class: Class) -> Fault {
        Fault {
            path: Some(class),
            ..self
        }
    }

    /// Fires after so many requests.
    pub fn after(self, requests: u64) -> Fault {
        Fault {
            after: requests,
            ..self
        }
    }

    /// Fires so often at most.
    pub fn times(self, most: u64) -> Fault {
        Fault {
            times: Some(most),
            ..self
        }
    }

    /// Its seconds.
    pub fn seconds(self, seconds: u64) -> Fault {
        Fault {
            seconds: Some(seconds),
            ..self
        }
    }
}

/// A fault as it is written.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
struct Raw {
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    every: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    chance: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    after: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    times: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    seconds: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ms: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
}

impl Raw {
    fn set(&mut self, key: &str, value: &str) -> Result<()> {
        const KEYS: [&str; 8] = ["every", "chance", "path", "after", "times", "seconds", "ms", "status"];
        fn number<T: FromStr>(key: &str, value: &str) -> Result<Option<T>> {
            let wrong = |_| {
                Error::new(Kind::Invalid, format!("`{value}` is no number for `{key}`"))
                    .hint("write digits, as in `slow=every:5,ms:20`")
            };
            value.parse().map(Some).map_err(wrong)
        }
        match key {
            "every" => self.every = number(key, value)?,
            "chance" => self.chance = number(key, value)?,
            "path" => self.path = Some(value.into()),
            "after" => self.after = number(key, value)?,
            "times" => self.times = number(key, value)?,
            "seconds" => self.seconds = number(key, value)?,
            "ms" => self.ms = number(key, value)?,
            "status" => self.status = number(key, value)?,
            _ => {
                let hint = match closest(key, KEYS) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("the settings of a fault are {}", KEYS.join(", ")),
                };
                return Err(Error::new(Kind::Invalid, format!("a fault has no setting `{key}`")).hint(hint));
            }
        }
        Ok(())
    }

    fn faults(self) -> Result<Vec<Fault>> {
        match self.name.as_str() {
            "transient" => FaultKind::TRANSIENT
                .into_iter()
                .filter(|k| self.suits(*k))
                .map(|k| self.fault(k))
                .collect(),
            name => Ok(vec![self.fault(name.parse()?)?]),
        }
    }

    /// Of `transient`: settings that only some kinds have are for those.
    fn suits(&self, kind: FaultKind) -> bool {
        self.path.as_deref() != Some("token") || !kind.needs_records()
    }

    fn fault(&self, kind: FaultKind) -> Result<Fault> {
        let invalid = |message: String, hint: &str| Err(Error::new(Kind::Invalid, message).hint(hint));
        let given = [
            ("every", self.every.is_some()),
            ("chance", self.chance.is_some()),
            ("path", self.path.is_some()),
            ("times", self.times.is_some()),
            ("seconds", self.seconds.is_some()),
            ("ms", self.ms.is_some()),
            ("status", self.status.is_some()),
        ];
        let group = self.name == "transient";
        if let Some((setting, _)) = given.iter().find(|(s, is)| *is && !group && !kind.takes(s)) {
            return invalid(format!("the fault `{kind}` has no setting `{setting}`"), "leave it out");
        }
        let mut fault = Fault::of(kind);
        match (self.every, self.chance) {
            (Some(_), Some(_)) => {
                return invalid(format!("`{kind}` has both `every` and `chance`"), "keep one of them");
            }
            (Some(0), _) => return invalid(format!("`every` of `{kind}` is 0"), "write 1 for each request"),
            (Some(n), _) => fault.pattern = Pattern::Every(n),
            (_, Some(p)) if !(0.0..=1.0).contains(&p) => {
                return invalid(format!("`chance` of `{kind}` is {p}"), "write a number from 0 to 1");
            }
            (_, Some(p)) => fault.pattern = Pattern::Chance(p),
            _ => {}
        }
        if let Some(path) = &self.path {
            fault.path = Some(path.parse()?);
        }
        if fault.path == Some(Class::Token) && kind.needs_records() {
            return invalid(
                format!("`{kind}` cannot be aimed at `token`"),
                "aim it at another class of paths",
            );
        }
        if self.seconds.is_some_and(|s| s > 366 * 86_400) || self.ms.is_some_and(|ms| ms > 600_000) {
            return invalid(
                format!("`{kind}` waits longer than a year, or is slower than ten minutes"),
                "write less",
            );
        }
        if self.status.is_some_and(|s| !(500..600).contains(&s)) {
            return invalid(
                format!("`status` of `{kind}` is no server error"),
                "write a number from 500 to 599",
            );
        }
        fault.after = self.after.unwrap_or(0);
        fault.times = self.times;
        fault.seconds = self.seconds.filter(|_| kind.takes("seconds"));
        fault.ms = self.ms.filter(|_| kind.takes("ms"));
        fault.status = self.status.filter(|_| kind.takes("status"));
        Ok(fault)
    }
}

#[cfg(test)]
mod tests;
