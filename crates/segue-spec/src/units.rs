//! Quantities as people write them: `30s`, `10/s`, `64MiB`, `20%`.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::time::Duration as StdDuration;

/// A length of time: `500ms`, `30s`, `5m`, `1h`, `1d`, `2w`, or several in a row (`1h30m`). At most 100 years, whole milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Duration(StdDuration);

const DURATION_UNITS: [(&str, u64); 6] = [
    ("w", 604_800_000),
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];
const MAX_DURATION_MS: u64 = 100 * 365 * 86_400_000;

impl Duration {
    /// Ten seconds.
    pub const TEN_SECONDS: Duration = Duration(StdDuration::from_secs(10));

    /// The length, for a clock.
    pub fn get(self) -> StdDuration {
        self.0
    }
}

impl FromStr for Duration {
    type Err = String;

    fn from_str(text: &str) -> Result<Duration, String> {
        let bad = || format!("`{text}` is no duration: write `30s`, `5m`, `1h`, `1d`");
        let mut rest = text;
        let mut total: u64 = 0;
        while !rest.is_empty() {
            let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            let (number, tail) = rest.split_at(digits);
            let letters = tail.len() - tail.trim_start_matches(|c: char| c.is_ascii_alphabetic()).len();
            let (unit, tail) = tail.split_at(letters);
            let number: u64 = number.parse().map_err(|_| bad())?;
            let (_, factor) = DURATION_UNITS.iter().find(|(u, _)| *u == unit).ok_or_else(bad)?;
            total = number
                .checked_mul(*factor)
                .and_then(|ms| total.checked_add(ms))
                .ok_or_else(bad)?;
            rest = tail;
        }
        if text.is_empty() {
            return Err(bad());
        }
        if total > MAX_DURATION_MS {
            return Err(format!("`{text}` is longer than 100 years"));
        }
        Ok(Duration(StdDuration::from_millis(total)))
    }
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut ms = self.0.as_millis() as u64;
        if ms == 0 {
            return f.write_str("0s");
        }
        for (unit, factor) in DURATION_UNITS.into_iter().filter(|(u, _)| *u != "w") {
            if ms >= factor {
                write!(f, "{}{unit}", ms / factor)?;
                ms %= factor;
            }
        }
        Ok(())
    }
}

/// So many in a length of time: `10/s`, `600/m`, `1000/h`, `5/d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rate {
    /// How many.
    pub count: u32,
    /// In which time: a second, a minute, an hour or a day.
    pub per: StdDuration,
}

const RATE_UNITS: [(&str, u64); 4] = [("s", 1), ("m", 60), ("h", 3600), ("d", 86_400)];

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Rate, String> {
        let bad = || format!("`{text}` is no rate: write `10/s`, `600/m`, `1000/h`");
        let (count, unit) = text.split_once('/').ok_or_else(bad)?;
        let count: u32 = count
            .parse()
            .ok()
            .filter(|c| *c > 0 && !count.starts_with('+'))
            .ok_or_else(bad)?;
        let (_, seconds) = RATE_UNITS.iter().find(|(u, _)| *u == unit).ok_or_else(bad)?;
        Ok(Rate {
            count,
            per: StdDuration::from_secs(*seconds),
        })
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = RATE_UNITS
            .iter()
            .find(|(_, s)| *s == self.per.as_secs())
            .map_or("s", |(u, _)| u);
        write!(f, "{}/{unit}", self.count)
    }
}

/// A number of bytes: `512B`, `64KiB`, `64MiB`, `1GiB`, `10MB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Size(u64);

const SIZE_UNITS: [(&str, u64); 10] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("KB", 1_000),
    ("B", 1),
];

impl Size {
    /// The number of bytes.
    pub fn bytes(self) -> u64 {
        self.0
    }
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Size, String> {
        let bad = || format!("`{text}` is no size: write `512B`, `64KiB`, `64MiB`, `1GiB`");
        let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, unit) = text.split_at(digits);
        let number: u64 = number.parse().map_err(|_| bad())?;
        let (_, factor) = SIZE_UNITS.iter().find(|(u, _)| *u == unit).ok_or_else(bad)?;
        number.checked_mul(*factor).map(Size).ok_or_else(bad)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, factor) = SIZE_UNITS
            .into_iter()
            .find(|(_, s)| self.0 >= *s && self.0.is_multiple_of(*s))
            .unwrap_or(("B", 1));
        write!(f, "{}{unit}", self.0 / factor)
    }
}

/// A share, `20%`: from 0 to 100, at most two digits after the point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Percent(u32);

impl Percent {
    /// Ten per cent.
    pub const TEN: Percent = Percent(1000);
    /// Twenty per cent.
    pub const TWENTY: Percent = Percent(2000);

    /// The share as a fraction of one.
    pub fn fraction(self) -> f64 {
        f64::from(self.0) / 10_000.0
    }
}

impl FromStr for Percent {
    type Err = String;

    fn from_str(text: &str) -> Result<Percent, String> {
        let bad = || format!("`{text}` is no share: write `20%`, from `0%` to `100%`");
        let number = text.strip_suffix('%').ok_or_else(bad)?;
        let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
        let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole) || !digits(part) || part.len() > 2 || whole.len() > 3 {
            return Err(bad());
        }
        let part: u32 = format!("{part:0<2}").parse().map_err(|_| bad())?;
        let hundredths = whole.parse::<u32>().map_err(|_| bad())? * 100 + part;
        if hundredths > 10_000 {
            return Err(bad());
        }
        Ok(Percent(hundredths))
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 % 100 {
            0 => write!(f, "{}%", self.0 / 100),
            part => write!(f, "{}.{}%", self.0 / 100, format!("{part:02}").trim_end_matches('0')),
        }
    }
}

macro_rules! written_as_string {
    ($($type:ident = $format:literal),*) => {
        $(
            impl Serialize for $type {
                fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                    serializer.collect_str(self)
                }
            }

            impl<'de> Deserialize<'de> for $type {
                fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<$type, D::Error> {
                    String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
                }
            }

            impl JsonSchema for $type {
                fn inline_schema() -> bool {
                    true
                }

                fn schema_name() -> Cow<'static, str> {
                    stringify!($type).into()
                }

                fn json_schema(_: &mut SchemaGenerator) -> Schema {
                    json_schema!({ "type": "string", "format": $format })
                }
            }
        )*
    };
}

written_as_string!(Duration = "duration", Rate = "rate", Size = "size", Percent = "percent");

#[cfg(test)]
mod tests;
