//! What is in a cell, as text that a column of some type takes; and where cells are.

use crate::files::infer::Guess;
use calamine::{Data, ExcelDateTime};
use segue_core::{Error, Kind, Result, Type};
use std::borrow::Cow;

/// Excel's last day and the first of no calendar: 10000-01-01.
const END: f64 = 2_958_466.0;
/// Up to here every whole number is one that a float64 holds.
const WHOLE: f64 = 9_007_199_254_740_992.0;

/// A cell as text; nothing is an empty one.
///
/// # Errors
/// Why there is no text: it is an error, or a time that no calendar has.
pub fn text<'c>(cell: &'c Data, of: &Type) -> std::result::Result<Cow<'c, str>, Cow<'c, str>> {
    Ok(match cell {
        Data::Empty => Cow::Borrowed(""),
        Data::String(text) => Cow::Borrowed(text),
        Data::Int(number) => Cow::Owned(number.to_string()),
        Data::Float(number) => Cow::Owned(number_text(*number, of)),
        Data::Bool(value) => Cow::Borrowed(if *value { "true" } else { "false" }),
        Data::DateTime(at) => Cow::Owned(time_text(at, of)?),
        // A day is its midnight, where moments are wanted.
        Data::DateTimeIso(text) if *of == Type::LocalTimestamp && text.len() == 10 => {
            Cow::Owned(format!("{text}T00:00:00"))
        }
        Data::DateTimeIso(text) => Cow::Borrowed(text),
        Data::DurationIso(text) => duration(text).map_or(Cow::Borrowed(text.as_str()), Cow::Owned),
        Data::Error(error) => return Err(Cow::Owned(format!("the error {error}"))),
    })
}

/// Takes a cell into account for finding its column's type.
pub fn look(cell: &Data, guess: &mut Guess) {
    match cell {
        Data::Empty | Data::Error(_) => {}
        Data::DateTime(at) if at.is_duration() || at.as_f64() < 1.0 => guess.time(),
        Data::DateTime(at) if at.as_f64().fract() == 0.0 => guess.day(),
        Data::DateTime(_) => guess.moment(),
        Data::DateTimeIso(text) if text.len() == 10 => guess.day(),
        Data::DateTimeIso(_) => guess.moment(),
        Data::DurationIso(_) => guess.time(),
        other => {
            if let Ok(text) = text(other, &Type::String) {
                guess.look(&text);
            }
        }
    }
}

/// A number as it is meant: spreadsheets have whole ones as fractions, and no more than 15 digits.
fn number_text(number: f64, of: &Type) -> String {
    match number {
        whole if whole.fract() == 0.0 && whole.abs() < WHOLE => format!("{}", whole as i64),
        large if large.abs() >= 1e15 => format!("{large:e}"),
        // What is computed ends in digits that nobody typed: 0.1 + 0.2 is 0.30000000000000004.
        exact if matches!(of, Type::Decimal(..)) => format!("{exact:.14e}"),
        other => format!("{other}"),
    }
}

fn time_text(at: &ExcelDateTime, of: &Type) -> std::result::Result<String, Cow<'static, str>> {
    let days = at.as_f64();
    if !(0.0..END).contains(&days) {
        return Err(Cow::Owned(format!(
            "the number {days} is formatted as a time, and no day of Excel's"
        )));
    }
    if at.is_duration() {
        let all = (days * 86_400_000.0).round() as u64;
        return Ok(clock(all / 3_600_000, all / 60_000 % 60, all / 1_000 % 60, all % 1_000));
    }
    let (year, month, day, hour, minute, second, milli) = at.to_ymd_hms_milli();
    let time = clock(hour.into(), minute.into(), second.into(), milli.into());
    if days < 1.0 {
        return Ok(time);
    }
    let date = format!("{year:04}-{month:02}-{day:02}");
    let is_midnight = (hour, minute, second, milli) == (0, 0, 0, 0);
    Ok(match is_midnight && *of != Type::LocalTimestamp {
        true => date,
        false => format!("{date}T{time}"),
    })
}

fn clock(hours: u64, minutes: u64, seconds: u64, millis: u64) -> String {
    match millis {
        0 => format!("{hours:02}:{minutes:02}:{seconds:02}"),
        _ => format!("{hours:02}:{minutes:02}:{seconds:02}.{millis:03}"),
    }
}

/// `PT12H30M15.5S` as `12:30:15.5`; `None` for what is written otherwise.
fn duration(text: &str) -> Option<String> {
    let (hours, rest) = text.strip_prefix("PT")?.split_once('H')?;
    let (minutes, rest) = rest.split_once('M')?;
    let seconds = rest.strip_suffix('S')?;
    let is_number = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
    let (whole, fraction) = seconds.split_once(['.', ',']).unwrap_or((seconds, ""));
    let fits =
        is_number(hours) && is_number(minutes) && is_number(whole) && (fraction.is_empty() || is_number(fraction));
    let fraction = fraction.trim_end_matches('0');
    let point = if fraction.is_empty() { "" } else { "." };
    fits.then(|| format!("{hours:0>2}:{minutes:0>2}:{whole:0>2}{point}{fraction}"))
}

/// `B7`: rows and columns from 0.
pub fn address(row: u32, column: u32) -> String {
    format!("{}{}", letters(column), u64::from(row) + 1)
}

/// `AB`: a column from 0.
pub fn letters(column: u32) -> String {
    let mut letters = Vec::new();
    let mut left = u64::from(column) + 1;
    while left > 0 {
        letters.push(b'A' + ((left - 1) % 26) as u8);
        left = (left - 1) / 26;
    }
    letters.iter().rev().map(|letter| char::from(*letter)).collect()
}

/// Cells by rows and columns from 0, all bounds included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Area {
    top: u32,
    left: u32,
    bottom: Option<u32>,
    right: Option<u32>,
}

impl Area {
    /// `B3:F200`, `B3` for all from there on, `B:F` for whole columns.
    ///
    /// # Errors
    /// `Invalid` for what is none.
    pub fn parse(text: &str) -> Result<Area> {
        let bad = || {
            Error::new(Kind::Invalid, format!("`{text}` is no range of cells"))
                .code(segue_diag::FILES_SHEET)
                .hint("write `B3:F200`, `A5` for all from there on, or `B:F` for whole columns")
        };
        let (from, to) = match text.split_once(':') {
            Some((from, to)) => (from, Some(to)),
            None => (text, None),
        };
        let (left, top) = corner(from).ok_or_else(bad)?;
        let end = to.map(|to| corner(to).ok_or_else(bad)).transpose()?;
        let area = Area {
            top: top.unwrap_or(0),
            left,
            bottom: end.and_then(|(_, bottom)| bottom),
            right: end.map(|(right, _)| right),
        };
        let fits = area.right.is_none_or(|right| right >= area.left) && area.bottom.is_none_or(|b| b >= area.top);
        if fits { Ok(area) } else { Err(bad()) }
    }

    /// Whether a cell is in it.
    pub fn has(&self, row: u32, column: u32) -> bool {
        row >= self.top
            && column >= self.left
            && self.bottom.is_none_or(|bottom| row <= bottom)
            && self.right.is_none_or(|right| column <= right)
    }

    /// Its first and its last column, where it says both.
    pub fn columns(&self) -> Option<(u32, u32)> {
        self.right.map(|right| (self.left, right))
    }
}

/// A column, and a row where there is one: `B3`, `B`.
fn corner(text: &str) -> Option<(u32, Option<u32>)> {
    let letters = text.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (letters, digits) = text.split_at(letters);
    if letters.is_empty() || letters.len() > 3 {
        return None;
    }
    let column = letters.bytes().fold(0u32, |sum, letter| {
        sum * 26 + u32::from(letter.to_ascii_uppercase() - b'A') + 1
    });
    let row = match digits {
        "" => None,
        digits if digits.len() <= 7 && digits.bytes().all(|b| b.is_ascii_digit()) => {
            Some(digits.parse::<u32>().ok()?.checked_sub(1)?)
        }
        _ => return None,
    };
    (column <= 16_384).then_some((column - 1, row))
}

#[cfg(test)]
mod tests {
    use super::*;
    use calamine::{CellErrorType, ExcelDateTimeType};

    fn at(days: f64) -> Data {
        Data::DateTime(ExcelDateTime::new(days, ExcelDateTimeType::DateTime, false))
    }

    fn as_text(cell: &Data, of: &str) -> String {
        match text(cell, &of.parse().unwrap()) {
            Ok(text) => text.into_owned(),
            Err(why) => format!("! {why}"),
        }
    }

    #[test]
    fn a_cell_is_what_its_column_takes() {
        for (cell, of, wanted) in [
            (Data::Float(3.0), "int64", "3"),
            (Data::Float(-0.0), "int64", "0"),
            (Data::Float(0.5), "float64", "0.5"),
            (Data::Float(1e300), "float64", "1e300"),
            (Data::Float(0.1 + 0.2), "float64", "0.30000000000000004"),
            (Data::Float(0.1 + 0.2), "decimal(10,2)", "3.00000000000000e-1"),
            (Data::Bool(true), "bool", "true"),
            (Data::Empty, "string", ""),
            (at(45_351.0), "date", "2024-02-29"),
            (at(45_351.0), "local_timestamp", "2024-02-29T00:00:00"),
            (at(45_351.75), "date", "2024-02-29T18:00:00"),
            (at(45_351.5), "string", "2024-02-29T12:00:00"),
            (at(0.25), "time", "06:00:00"),
            (at(60.0), "date", "1900-02-29"),
            (
                at(-1.0),
                "date",
                "! the number -1 is formatted as a time, and no day of Excel's",
            ),
            (
                at(3e6),
                "date",
                "! the number 3000000 is formatted as a time, and no day of Excel's",
            ),
            (
                Data::DateTime(ExcelDateTime::new(1.5, ExcelDateTimeType::TimeDelta, false)),
                "string",
                "36:00:00",
            ),
            (
                Data::DateTimeIso("2024-02-29".into()),
                "local_timestamp",
                "2024-02-29T00:00:00",
            ),
            (Data::DurationIso("PT6H5M4.50S".into()), "time", "06:05:04.5"),
            (Data::DurationIso("P1D".into()), "time", "P1D"),
            (Data::Error(CellErrorType::NA), "string", "! the error #N/A"),
        ] {
            assert_eq!(as_text(&cell, of), wanted, "{cell:?} {of}");
        }
    }

    #[test]
    fn cells_have_addresses() {
        for (row, column, wanted) in [
            (0, 0, "A1"),
            (6, 1, "B7"),
            (0, 25, "Z1"),
            (0, 26, "AA1"),
            (1_048_575, 16_383, "XFD1048576"),
        ] {
            assert_eq!(address(row, column), wanted);
            assert_eq!(corner(wanted), Some((column, Some(row))));
        }
        let area = Area::parse("b3:F200").unwrap();
        assert_eq!(area.columns(), Some((1, 5)));
        assert!(area.has(2, 1) && area.has(199, 5) && !area.has(1, 1) && !area.has(200, 1) && !area.has(2, 6));
        assert_eq!(Area::parse("B:F").unwrap().columns(), Some((1, 5)));
        assert!(Area::parse("A5").unwrap().has(1_000_000, 10));
        for bad in [
            "",
            "5",
            "B0",
            "F1:B2",
            "B9:F3",
            "XFE1",
            "A1:B2:C3",
            "AAAA1",
            "A-1",
            "A12345678",
        ] {
            assert!(Area::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn types_are_told_by_cells() {
        let of = |cells: &[Data]| {
            let mut guess = Guess::default();
            cells.iter().for_each(|cell| look(cell, &mut guess));
            guess.of().to_string()
        };
        assert_eq!(of(&[Data::Float(1.0), Data::Empty]), "int64");
        assert_eq!(of(&[Data::Float(1.0), Data::Float(1.5)]), "float64");
        assert_eq!(of(&[at(45_351.0)]), "date");
        assert_eq!(of(&[at(45_351.0), at(45_351.5)]), "local_timestamp");
        assert_eq!(of(&[at(0.5)]), "time");
        assert_eq!(of(&[at(45_351.0), Data::String("soon".into())]), "string");
        assert_eq!(of(&[Data::Error(CellErrorType::NA)]), "string");
    }
}
