//! The switchboard: which faults are on, and which of them meets a request.

use super::class::Class;
use super::faults::{Fault, FaultKind, Pattern};
use super::request::Request;
use super::spoil::{Spoil, Trouble};
use super::window::until;
use crate::numbers::{hash64, mix, unit};
use jiff::Timestamp;
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

const DAY: u64 = 86_400;
/// So many requests are remembered by their tries; then all are forgotten.
const MOST_TRIES: usize = 1_000_000;

/// Which faults are on, and what they have done.
pub(super) struct Board {
    seed: u64,
    on: BTreeMap<FaultKind, Active>,
    fired: BTreeMap<FaultKind, u64>,
    tries: HashMap<u64, Try>,
}

struct Active {
    fault: Fault,
    /// Requests that it was aimed at.
    seen: u64,
    /// Firings of an `every` that came at a try that had to be spared.
    owed: u64,
    fired: u64,
    /// A block's end; past it the block is over for good.
    blocked_until: Option<Timestamp>,
}

/// How a request has fared so far.
#[derive(Clone, Copy, Default)]
struct Try {
    tries: u32,
    troubled: bool,
    refused_token: Option<u64>,
}

/// What a fault makes of a request before it is answered.
#[derive(Debug, PartialEq)]
pub(super) enum Refusal {
    Blocked {
        seconds: u64,
    },
    Forbidden,
    RateLimited {
        seconds: u64,
    },
    RateLimitedUntil(Timestamp),
    /// Too many, and what it says of when to come again is not so.
    Lie(String),
    ExpiredToken,
    ServerError(u16),
    ErrorInBody,
    NotJson,
}

impl Board {
    pub(super) fn new(seed: u64, faults: &[Fault]) -> Board {
        let mut board = Board {
            seed,
            on: BTreeMap::new(),
            fired: BTreeMap::new(),
            tries: HashMap::new(),
        };
        faults.iter().for_each(|fault| board.set(fault.clone()));
        board
    }

    pub(super) fn set(&mut self, fault: Fault) {
        self.fired.entry(fault.kind).or_default();
        self.on.insert(fault.kind, Active::new(fault));
    }

    pub(super) fn clear(&mut self, kind: FaultKind) {
        self.on.remove(&kind);
    }

    /// Every pattern from its start, every counter at zero.
    pub(super) fn reset(&mut self) {
        self.on
            .values_mut()
            .for_each(|active| *active = Active::new(active.fault.clone()));
        self.fired = self.on.keys().map(|kind| (*kind, 0)).collect();
        self.tries.clear();
    }

    pub(super) fn list(&self) -> Vec<Value> {
        self.on.values().map(|active| active.fault.to_json()).collect()
    }

    /// How often each fault fired.
    pub(super) fn fired(&self) -> BTreeMap<String, u64> {
        self.fired
            .iter()
            .map(|(kind, n)| (kind.name().to_string(), *n))
            .collect()
    }

    /// How long the token that is handed out now is good for, when a fault says so.
    pub(super) fn token_life(&mut self) -> Option<Duration> {
        let active = self.on.get_mut(&FaultKind::ShortToken)?;
        active.seen += 1;
        let fires = active.may_fire()
            && match active.fault.pattern {
                Pattern::Always => true,
                Pattern::Every(n) => active.seen.is_multiple_of(n),
                Pattern::Chance(p) => unit(mix(self.seed ^ active.seen)) < p,
            };
        if !fires {
            return None;
        }
        let life = Duration::from_secs(active.fault.seconds.unwrap_or(1));
        self.count(FaultKind::ShortToken);
        Some(life)
    }

    /// A block, a closed door or an outage that this request meets. It comes before limits and before anything transient.
    pub(super) fn shut(&mut self, class: Class, now: Timestamp) -> Option<Refusal> {
        for kind in [FaultKind::BlockedAccount, FaultKind::BlockedPath] {
            let Some(active) = self.on.get_mut(&kind).filter(|a| a.aims_at(class)) else {
                continue;
            };
            if let Some(seconds) = active.block(now) {
                self.count(kind);
                return Some(Refusal::Blocked { seconds });
            }
        }
        for kind in [FaultKind::Forbidden, FaultKind::Outage] {
            let Some(active) = self.on.get_mut(&kind).filter(|a| a.aims_at(class)) else {
                continue;
            };
            active.seen += 1;
            if !active.may_fire() {
                continue;
            }
            let status = active.fault.status.unwrap_or(500);
            self.count(kind);
            return Some(match kind {
                FaultKind::Forbidden => Refusal::Forbidden,
                _ => Refusal::ServerError(status),
            });
        }
        None
    }

    /// What happens to a request that is admitted: a refusal, or trouble with its answer.
    pub(super) fn meet(&mut self, class: Class, request: &Request<'_>, now: Timestamp) -> Result<Trouble, Refusal> {
        let mut trouble = Trouble::default();
        if self.on.is_empty() {
            return Ok(trouble);
        }
        let key = mix(hash64(&request.target()) ^ u64::from(class == Class::Token));
        let token = request.bearer().map(hash64);
        let before = self.tries.get(&key).copied().unwrap_or_default();
        if token.is_some() && before.refused_token == token && self.on.contains_key(&FaultKind::ExpiredToken) {
            self.count(FaultKind::ExpiredToken);
            return Err(Refusal::ExpiredToken);
        }
        if self.tries.len() >= MOST_TRIES {
            self.tries.clear();
        }
        let fault = self.transient(class, key, before, token.is_some());
        let expired = fault.as_ref().is_some_and(|f| f.kind == FaultKind::ExpiredToken);
        self.tries.insert(
            key,
            Try {
                tries: before.tries + 1,
                troubled: fault.is_some(),
                refused_token: token.filter(|_| expired),
            },
        );
        let Some(fault) = fault else {
            trouble.spoil = self.wrong_type(class, key);
            return Ok(trouble);
        };
        let roll = mix(self.seed ^ key ^ u64::from(before.tries));
        match fault.kind {
            FaultKind::RateLimitSeconds => {
                return Err(Refusal::RateLimited {
                    seconds: fault.seconds.unwrap_or(1),
                });
            }
            FaultKind::RateLimitDate => {
                return Err(Refusal::RateLimitedUntil(later(now, fault.seconds.unwrap_or(1))));
            }
            FaultKind::ExpiredToken => return Err(Refusal::ExpiredToken),
            FaultKind::ServerError => {
                return Err(Refusal::ServerError(
                    fault.status.unwrap_or([500, 502, 503][(roll % 3) as usize]),
                ));
            }
            FaultKind::NotJson => return Err(Refusal::NotJson),
            FaultKind::ErrorInBody => return Err(Refusal::ErrorInBody),
            FaultKind::LyingRetryAfter => return Err(Refusal::Lie(lie(fault.seconds, roll))),
            FaultKind::Slow => trouble.delay = Duration::from_millis(fault.ms.unwrap_or(300)),
            FaultKind::CutBody => trouble.spoil = Some(Spoil::Cut),
            FaultKind::TruncatedJson => trouble.spoil = Some(Spoil::Truncate),
            FaultKind::DuplicatedPage => trouble.spoil = Some(Spoil::Duplicate),
            // The others are decided elsewhere.
            _ => {}
        }
        Ok(trouble)
    }

    /// The fault that comes and goes and is due at this try, if any: never two at once, never at two tries in a row.
    fn transient(&mut self, class: Class, key: u64, before: Try, with_token: bool) -> Option<Fault> {
        let mut chosen = None;
        for kind in FaultKind::passing() {
            let Some(active) = self.on.get_mut(&kind).filter(|a| a.aims_at(class)) else {
                continue;
            };
            if kind == FaultKind::ExpiredToken && !with_token {
                continue;
            }
            active.seen += 1;
            let past = active.seen.saturating_sub(active.fault.after);
            let spare = before.troubled || chosen.is_some() || !active.may_fire();
            let due = match active.fault.pattern {
                Pattern::Always => true,
                Pattern::Every(n) => {
                    active.owed += u64::from(past > 0 && past.is_multiple_of(n));
                    active.owed > 0
                }
                Pattern::Chance(p) => {
                    let roll = mix(self.seed ^ mix(key ^ mix(kind as u64 ^ (u64::from(before.tries) << 8))));
                    unit(roll) < p
                }
            };
            if due && !spare {
                active.owed = active.owed.saturating_sub(1);
                chosen = Some(active.fault.clone());
            }
        }
        if let Some(fault) = &chosen {
            self.count(fault.kind);
        }
        chosen
    }

    /// A wrong type belongs to the request, not to the try: it is there however often one asks.
    fn wrong_type(&mut self, class: Class, key: u64) -> Option<Spoil> {
        let active = self.on.get_mut(&FaultKind::WrongType).filter(|a| a.aims_at(class))?;
        active.seen += 1;
        let roll = mix(self.seed ^ mix(key ^ 0x7779));
        let due = active.may_fire()
            && match active.fault.pattern {
                Pattern::Always => true,
                Pattern::Every(n) => (active.seen - active.fault.after).is_multiple_of(n),
                Pattern::Chance(p) => unit(roll) < p,
            };
        due.then(|| {
            self.count(FaultKind::WrongType);
            Spoil::WrongType(roll)
        })
    }

    fn count(&mut self, kind: FaultKind) {
        *self.fired.entry(kind).or_default() += 1;
        if let Some(active) = self.on.get_mut(&kind) {
            active.fired += 1;
        }
    }

    /// A firing that changed nothing is none.
    pub(super) fn take_back(&mut self, kind: FaultKind) {
        if let Some(fired) = self.fired.get_mut(&kind) {
            *fired = fired.saturating_sub(1);
        }
        if let Some(active) = self.on.get_mut(&kind) {
            active.fired = active.fired.saturating_sub(1);
        }
    }
}

impl Active {
    fn new(fault: Fault) -> Active {
        Active {
            fault,
            seen: 0,
            owed: 0,
            fired: 0,
            blocked_until: None,
        }
    }

    fn aims_at(&self, class: Class) -> bool {
        match self.fault.path {
            Some(path) => path == class,
            None => class != Class::Token && class != Class::Other,
        }
    }

    fn may_fire(&self) -> bool {
        self.seen > self.fault.after && self.fault.times.is_none_or(|most| self.fired < most)
    }

    /// How many seconds it is still blocked for: from the first request past `after` on, until the time is over.
    fn block(&mut self, now: Timestamp) -> Option<u64> {
        if self.blocked_until.is_none() {
            self.seen += 1;
            if self.seen <= self.fault.after {
                return None;
            }
            self.blocked_until = Some(now + Duration::from_secs(self.fault.seconds.unwrap_or(DAY)));
        }
        let left = until(now, self.blocked_until?);
        (!left.is_zero()).then(|| whole_seconds(left))
    }
}

/// What a server says that has no idea when to come again: so many seconds, or one of what is seen in the wild. The next try is
/// admitted whatever it was.
fn lie(seconds: Option<u64>, roll: u64) -> String {
    const LIES: [&str; 6] = ["0", "86400", "-1", "soon", "1.5", "Thu, 01 Jan 1970 00:00:00 GMT"];
    seconds.map_or_else(|| LIES[(roll % 6) as usize].to_string(), |s| s.to_string())
}

/// So many seconds, rounded up.
pub(super) fn whole_seconds(length: Duration) -> u64 {
    length.as_secs() + u64::from(length.subsec_nanos() > 0)
}

/// The first whole second that is not before this moment.
pub(super) fn whole_second(moment: Timestamp) -> i64 {
    moment
        .as_second()
        .saturating_add(i64::from(moment.subsec_nanosecond() > 0))
}

/// At least so many seconds later, on a whole second, because a date in a header has no finer ones.
fn later(now: Timestamp, seconds: u64) -> Timestamp {
    let then = whole_second(now).saturating_add(i64::try_from(seconds).unwrap_or(i64::MAX));
    Timestamp::from_second(then).unwrap_or(Timestamp::MAX)
}
