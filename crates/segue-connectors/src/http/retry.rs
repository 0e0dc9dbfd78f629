//! When to ask again.

use jiff::Timestamp;
use reqwest::header::HeaderMap;
use segue_core::hash::sha256;
use std::time::Duration;

/// No `Retry-After` is believed past this.
pub const LONGEST: Duration = Duration::from_secs(366 * 86_400);
const FIRST: Duration = Duration::from_millis(500);

/// How long to wait after this try, counted from 1: twice as long each time, and between half and all of it by a hash, so that
/// requests that failed together do not come back together.
pub fn backoff(tried: u32, what: &str) -> Duration {
    let full = FIRST * 2u32.saturating_pow(tried.saturating_sub(1).min(10));
    let digest = sha256(format!("{tried} {what}"));
    let dice = u32::from_str_radix(&digest[..8], 16).unwrap_or_default();
    full / 2 + full.mul_f64(0.5 * f64::from(dice) / f64::from(u32::MAX))
}

/// What `Retry-After` says, in seconds or as a date; nothing where it is neither. A date that is past is no time at all.
pub fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(reqwest::header::RETRY_AFTER)?.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        let seconds = text.parse().unwrap_or(u64::MAX);
        return Some(Duration::from_secs(seconds).min(LONGEST));
    }
    let then = Timestamp::try_from(httpdate::parse_http_date(text).ok()?).ok()?;
    Some(
        Duration::try_from(then.duration_since(now))
            .unwrap_or_default()
            .min(LONGEST),
    )
}
