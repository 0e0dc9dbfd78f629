//! Time windows: the stretches that are asked for one after the other.

use super::copy::{TimeFormat, Windows as Written};
use jiff::tz::TimeZone;
use jiff::{Timestamp, civil};
use segue_core::{Error, Kind, Result};
use serde_json::{Value, json};
use std::time::Duration;

/// No slice has more of them.
const MOST: usize = 1_000_000;

/// The windows of a copy, read once.
#[derive(Debug)]
pub struct Windows {
    start: Option<Timestamp>,
    end: Option<Timestamp>,
    step: Option<Duration>,
    granularity: Duration,
    format: TimeFormat,
    pattern: Option<String>,
}

impl Windows {
    /// Reads them.
    ///
    /// # Errors
    /// `Invalid` for a time or a step that is none.
    pub fn new(written: &Written) -> Result<Windows> {
        let time = |key: &str, text: &Option<String>| text.as_deref().map(|t| instant(key, t)).transpose();
        let step = written.step.map(|step| step.get());
        if step.is_some_and(|step| step.is_zero()) {
            return Err(Error::new(Kind::Invalid, "`windows.step` is no time").hint("write `1d`"));
        }
        let pattern = written.pattern.clone();
        if let Some(pattern) = &pattern {
            formatted(Timestamp::UNIX_EPOCH, pattern)?;
        }
        Ok(Windows {
            start: time("start", &written.start)?,
            end: time("end", &written.end)?,
            step,
            granularity: written.granularity.map_or(Duration::ZERO, |g| g.get()),
            format: written.format,
            pattern,
        })
    }

    /// How their times are written, where no pattern says it.
    pub fn format(&self) -> TimeFormat {
        self.format
    }

    /// The windows from where the last read ended, if there was one, until now.
    ///
    /// # Errors
    /// `Invalid` where there is no beginning, or there are too many.
    pub fn until(&self, now: Timestamp, from: Option<Timestamp>) -> Result<Vec<(Timestamp, Timestamp)>> {
        let begin = match (self.start, from) {
            (Some(start), Some(from)) => start.max(from),
            (start, from) => start.or(from).ok_or_else(|| {
                Error::new(Kind::Invalid, "`windows` has no `start`, and nothing was read before")
                    .hint("write `start: 2024-01-01`")
            })?,
        };
        let end = self.end.map_or(now, |end| end.min(now));
        let mut windows = Vec::new();
        let mut at = begin;
        while at < end {
            let next = match self.step {
                Some(step) => at.checked_add(step).unwrap_or(end).min(end),
                None => end,
            };
            windows.push((at, next));
            if windows.len() > MOST {
                return Err(Error::new(Kind::Invalid, format!("there are more than {MOST} windows"))
                    .hint("lengthen `windows.step`"));
            }
            at = next;
        }
        Ok(windows)
    }

    /// A window as templates see it.
    ///
    /// # Errors
    /// `Invalid` where a time cannot be written so.
    pub fn words(&self, (from, to): (Timestamp, Timestamp)) -> Result<Value> {
        // A server that takes the end as well would give what is right at it twice.
        let last = to.checked_sub(self.granularity).unwrap_or(to).max(from);
        Ok(json!({ "from": self.word(from)?, "to": self.word(last)? }))
    }

    fn word(&self, at: Timestamp) -> Result<Value> {
        if let Some(pattern) = &self.pattern {
            return formatted(at, pattern).map(Value::String);
        }
        Ok(match self.format {
            TimeFormat::Rfc3339 => at.to_string().into(),
            TimeFormat::Unix => at.as_second().into(),
            TimeFormat::UnixMs => at.as_millisecond().into(),
            TimeFormat::Date => formatted(at, "%Y-%m-%d")?.into(),
        })
    }
}

fn formatted(at: Timestamp, pattern: &str) -> Result<String> {
    let zoned = at.to_zoned(TimeZone::UTC);
    jiff::fmt::strtime::format(pattern, &zoned)
        .map_err(|e| Error::new(Kind::Invalid, "`windows.pattern` cannot be filled in").caused_by(e))
}

fn instant(key: &str, text: &str) -> Result<Timestamp> {
    let day = || {
        text.parse::<civil::Date>()
            .ok()?
            .to_zoned(TimeZone::UTC)
            .ok()
            .map(|z| z.timestamp())
    };
    let found = text.parse::<Timestamp>().ok().or_else(day);
    found.ok_or_else(|| {
        Error::new(Kind::Invalid, format!("`windows.{key}` is no time: {text}"))
            .hint("write a day (`2024-01-01`) or an instant (`2024-01-01T12:00:00Z`)")
    })
}

#[cfg(test)]
mod tests;
