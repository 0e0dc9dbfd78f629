//! The ranges of an asset: half-open stretches of time whose boundaries follow the project's zone, kept as UTC instants.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};
use segue_core::types::Type;
use segue_core::{Error, Kind, Result, Span};
use segue_spec::model::{By, Range};

/// Microseconds of one hour.
const HOUR_US: i64 = 3_600_000_000;

/// Which ranges there are: from `start` on, by one grain, in one zone.
#[derive(Clone, Debug)]
pub struct Calendar {
    by: By,
    zone: TimeZone,
    start: i64,
    lag: SignedDuration,
    lookback: u32,
}

impl Calendar {
    /// The calendar of an asset's `range:` in the project's zone.
    ///
    /// # Errors
    /// `Invalid` for a zone that does not exist, or a start out of the calendar's bounds.
    pub fn new(range: &Range, timezone: &str) -> Result<Calendar> {
        let zone = zone(timezone)?;
        let lag = range.lag.map_or(SignedDuration::ZERO, |lag| {
            SignedDuration::try_from(lag.get()).unwrap_or(SignedDuration::MAX)
        });
        let start = instant(&zone, range.start)?;
        let mut calendar = Calendar {
            by: range.by,
            zone,
            start,
            lag,
            lookback: range.lookback,
        };
        calendar.start = calendar.range_at(start)?.from;
        Ok(calendar)
    }

    /// Where the first range begins, in microseconds.
    pub fn start(&self) -> i64 {
        self.start
    }

    /// How many ranges after a change are computed again with it.
    pub fn lookback(&self) -> u32 {
        self.lookback
    }

    /// The range that this instant belongs to.
    ///
    /// # Errors
    /// `Invalid` for an instant beyond what a calendar can say.
    pub fn range_at(&self, at: i64) -> Result<Span> {
        let local = Timestamp::from_microsecond(at)
            .map_err(out_of_bounds)?
            .to_zoned(self.zone.clone());
        let date = local.date();
        let (first, next) = match self.by {
            By::Hour | By::Day => (date, date.checked_add(1.day())),
            By::Week => {
                let monday = date
                    .checked_sub(i64::from(date.weekday().to_monday_zero_offset()).days())
                    .map_err(out_of_bounds)?;
                (monday, monday.checked_add(7.days()))
            }
            By::Month => (date.first_of_month(), date.first_of_month().checked_add(1.month())),
        };
        let (from, to) = (self.midnight(first)?, self.midnight(next.map_err(out_of_bounds)?)?);
        if self.by == By::Hour {
            // Hours are counted from the day's first instant: a day of 23 or 25 hours has that many of them.
            let hour = from + (at - from).div_euclid(HOUR_US) * HOUR_US;
            return Ok(Span::new(hour, (hour + HOUR_US).min(to)));
        }
        Ok(Span::new(from, to))
    }

    /// The ranges that meet this stretch, oldest first, also those before the start.
    ///
    /// # Errors
    /// `Invalid` for more than a million ranges, or a stretch beyond what a calendar can say.
    pub fn meeting(&self, stretch: Span) -> Result<Vec<Span>> {
        let mut found = Vec::new();
        let mut at = stretch.from;
        while at < stretch.to {
            let range = self.range_at(at)?;
            at = range.to;
            found.push(range);
            if found.len() > MOST_RANGES {
                return Err(Error::new(
                    Kind::Invalid,
                    format!("there are more than {MOST_RANGES} ranges in this stretch"),
                )
                .hint("give a shorter one with --from and --to, or a longer grain in `by:`"));
            }
        }
        Ok(found)
    }

    /// The ranges that are due: their end, and the lag after it, have passed.
    ///
    /// # Errors
    /// As [`Calendar::meeting`].
    pub fn due(&self, now: Timestamp) -> Result<Vec<Span>> {
        let until = now.checked_sub(self.lag).map_or(i64::MIN, |t| t.as_microsecond());
        let mut ranges = self.meeting(Span::new(self.start, until))?;
        ranges.retain(|r| r.to <= until);
        Ok(ranges)
    }

    /// Whether this range is due.
    pub fn is_due(&self, range: &Span, now: Timestamp) -> bool {
        now.checked_sub(self.lag).is_ok_and(|t| range.to <= t.as_microsecond())
    }

    /// The boundaries of all ranges from the start to the one that holds this instant, for a reader's grain.
    ///
    /// # Errors
    /// As [`Calendar::meeting`].
    pub fn boundaries(&self, until: Timestamp) -> Result<Vec<i64>> {
        let ranges = self.meeting(Span::new(self.start, until.as_microsecond()))?;
        let end = ranges.last().map(|r| r.to);
        Ok(ranges.iter().map(|r| r.from).chain(end).collect())
    }

    /// The stretch that a change must meet for this range to be reopened: the range, and its lookback before it.
    ///
    /// # Errors
    /// As [`Calendar::range_at`].
    pub fn reopened_by(&self, range: Span) -> Result<Span> {
        let mut from = range.from;
        for _ in 0..self.lookback {
            from = self.range_at(from - 1)?.from;
        }
        Ok(Span::new(from, range.to))
    }

    /// The stretch between two ranges' boundaries as a column of this type holds it: instants as they are; days and local times, which
    /// have no zone, as the zone's calendar names them: a day begins at its midnight, also where clocks skip that.
    ///
    /// # Errors
    /// As [`Calendar::instant_in_column`].
    pub fn in_column(&self, range: Span, of: &Type) -> Result<Span> {
        Ok(Span::new(
            self.instant_in_column(range.from, of)?,
            self.instant_in_column(range.to, of)?,
        ))
    }

    /// A range's boundary as a column of this type holds it.
    ///
    /// # Errors
    /// `Invalid` for hours in a column of days, or of local times in a zone whose clocks show an hour twice or never; beyond what a
    /// calendar can say.
    pub fn instant_in_column(&self, at: i64, of: &Type) -> Result<i64> {
        if !matches!(of, Type::Date | Type::LocalTimestamp) {
            return Ok(at);
        }
        let shown = Timestamp::from_microsecond(at)
            .map_err(out_of_bounds)?
            .to_zoned(self.zone.clone())
            .datetime();
        let local = match self.by {
            By::Day | By::Week | By::Month => shown.date().to_datetime(Time::midnight()),
            By::Hour if *of == Type::LocalTimestamp && self.zone.to_fixed_offset().is_ok() => shown,
            By::Hour => {
                return Err(Error::new(
                    Kind::Invalid,
                    format!("a column of type {of} cannot tell the hours of a day apart in every case"),
                )
                .hint("let hourly ranges follow a column of type timestamp, or range by day"));
            }
        };
        let as_utc = local.to_zoned(TimeZone::UTC).map_err(out_of_bounds)?;
        Ok(as_utc.timestamp().as_microsecond())
    }

    fn midnight(&self, date: Date) -> Result<i64> {
        instant(&self.zone, date.to_datetime(Time::midnight()))
    }
}

/// A stretch of time for people: `2024-01-01T00:00:00Z to 2024-01-02T00:00:00Z`.
pub fn told(range: Span) -> String {
    let time = |at: i64| Timestamp::from_microsecond(at).map_or_else(|_| at.to_string(), |t| t.to_string());
    format!("{} to {}", time(range.from), time(range.to))
}

/// The most ranges that one question is about.
const MOST_RANGES: usize = 1_000_000;

/// The zone of this name.
///
/// # Errors
/// `Invalid` when there is none.
pub fn zone(timezone: &str) -> Result<TimeZone> {
    TimeZone::get(timezone).map_err(|e| {
        Error::new(Kind::Invalid, format!("there is no time zone `{timezone}`"))
            .hint("write a name such as Asia/Seoul or UTC")
            .caused_by(e)
    })
}

/// A local time as an instant: the first valid one where clocks skip it, the earlier one where they show it twice.
///
/// # Errors
/// `Invalid` when it is beyond what a calendar can say.
pub fn instant(zone: &TimeZone, local: DateTime) -> Result<i64> {
    let zoned = zone.to_ambiguous_zoned(local).compatible().map_err(out_of_bounds)?;
    Ok(zoned.timestamp().as_microsecond())
}

fn out_of_bounds(error: jiff::Error) -> Error {
    Error::new(Kind::Invalid, "a time is beyond the years -9999 to 9999").caused_by(error)
}

#[cfg(test)]
mod tests;
