//! Dates and times from their text: the one form of each, checked to the last digit.

/// Why a text is no such time.
pub type Why = &'static str;

const MICROS_A_DAY: i64 = 86_400_000_000;

/// `YYYY-MM-DD` as days since 1970.
///
/// # Errors
/// Why it is none.
pub fn date(text: &str) -> Result<i32, Why> {
    match text.as_bytes() {
        bytes @ [_, _, _, _, b'-', _, _, b'-', _, _] => day(bytes).ok_or("not a day"),
        _ => Err("not YYYY-MM-DD"),
    }
}

/// `HH:MM:SS[.ffffff]` as microseconds since midnight.
///
/// # Errors
/// Why it is none.
pub fn time(text: &str) -> Result<i64, Why> {
    let (micros, rest) = of_day(text.as_bytes())?;
    if rest.is_empty() {
        Ok(micros)
    } else {
        Err("not HH:MM:SS")
    }
}

/// `YYYY-MM-DDTHH:MM:SS[.ffffff]` without a zone as microseconds since 1970.
///
/// # Errors
/// Why it is none.
pub fn local_timestamp(text: &str) -> Result<i64, Why> {
    match date_time(text.as_bytes())? {
        (micros, []) => Ok(micros),
        _ => Err("a zone where none may be"),
    }
}

/// RFC 3339 with its offset as microseconds since 1970 in UTC.
///
/// # Errors
/// Why it is none.
pub fn timestamp(text: &str) -> Result<i64, Why> {
    let (local, zone) = date_time(text.as_bytes())?;
    let offset_minutes = match zone {
        [b'Z' | b'z'] => 0,
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let (hours, minutes) = (two(*h1, *h2).ok_or(OFFSET)?, two(*m1, *m2).ok_or(OFFSET)?);
            if hours > 23 || minutes > 59 {
                return Err(OFFSET);
            }
            let minutes = i64::from(hours * 60 + minutes);
            if *sign == b'-' { -minutes } else { minutes }
        }
        [] => return Err("no offset: which instant it is cannot be told"),
        _ => return Err(OFFSET),
    };
    Ok(local - offset_minutes * 60_000_000)
}

const OFFSET: Why = "not an offset: Z or +HH:MM";

fn date_time(bytes: &[u8]) -> Result<(i64, &[u8]), Why> {
    let (Some(date), Some(b'T' | b't')) = (bytes.get(..10), bytes.get(10)) else {
        return Err("not YYYY-MM-DDTHH:MM:SS");
    };
    let days = match date {
        [_, _, _, _, b'-', _, _, b'-', _, _] => day(date).ok_or("not a day")?,
        _ => return Err("not YYYY-MM-DDTHH:MM:SS"),
    };
    let (micros, rest) = of_day(&bytes[11..])?;
    Ok((i64::from(days) * MICROS_A_DAY + micros, rest))
}

fn of_day(bytes: &[u8]) -> Result<(i64, &[u8]), Why> {
    let [h1, h2, b':', m1, m2, b':', s1, s2, rest @ ..] = bytes else {
        return Err("not HH:MM:SS");
    };
    let (Some(hours), Some(minutes), Some(seconds)) = (two(*h1, *h2), two(*m1, *m2), two(*s1, *s2)) else {
        return Err("not HH:MM:SS");
    };
    if hours > 23 || minutes > 59 || seconds > 59 {
        return Err("not a time of day");
    }
    let micros = i64::from((hours * 60 + minutes) * 60 + seconds) * 1_000_000;
    let [b'.', fraction @ ..] = rest else {
        return Ok((micros, rest));
    };
    let digits = fraction.iter().take_while(|b| b.is_ascii_digit()).count();
    if digits == 0 {
        return Err("not HH:MM:SS");
    }
    let (kept, beyond) = fraction[..digits].split_at(digits.min(6));
    if beyond.iter().any(|b| *b != b'0') {
        return Err("finer than microseconds");
    }
    let value = kept.iter().fold(0, |v, b| v * 10 + i64::from(b - b'0'));
    Ok((micros + value * 10i64.pow(6 - kept.len() as u32), &fraction[digits..]))
}

fn two(a: u8, b: u8) -> Option<u32> {
    (a.is_ascii_digit() && b.is_ascii_digit()).then(|| u32::from(a - b'0') * 10 + u32::from(b - b'0'))
}

/// Days since 1970 of ten bytes whose hyphens were looked at.
fn day(bytes: &[u8]) -> Option<i32> {
    let year = two(bytes[0], bytes[1])? as i32 * 100 + two(bytes[2], bytes[3])? as i32;
    let (month, day) = (two(bytes[5], bytes[6])?, two(bytes[8], bytes[9])?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 28 + u32::from(leap),
        _ => return None,
    };
    if day < 1 || day > length {
        return None;
    }
    // Years begin in March, so that the leap day is the last one.
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * month as i32 + 2) / 5 + day as i32 - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    Some(era * 146_097 + day_of_era - 719_468)
}
