//! Numbers from their text, exactly or not at all.

/// Why a number does not fit.
pub type Why = &'static str;

/// A whole number of at most 64 bits with its sign; `-0` is 0. No plus, no leading zeros, no fraction, no exponent.
///
/// # Errors
/// Why it is none, or too large.
pub fn int64(text: &str) -> Result<i64, Why> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    check_digits(digits)?;
    text.parse().map_err(|_| "out of range")
}

/// A whole number from 0 to 2^64 - 1.
///
/// # Errors
/// Why it is none, or too large.
pub fn uint64(text: &str) -> Result<u64, Why> {
    if text == "-0" {
        return Ok(0);
    }
    if let Some(digits) = text.strip_prefix('-') {
        check_digits(digits)?;
        return Err("out of range");
    }
    check_digits(text)?;
    text.parse().map_err(|_| "out of range")
}

fn check_digits(digits: &str) -> Result<(), Why> {
    let bytes = digits.as_bytes();
    match bytes {
        [] => Err("not a number"),
        [b'0', _, ..] if bytes.iter().all(u8::is_ascii_digit) => Err("a leading zero"),
        _ if bytes.iter().all(u8::is_ascii_digit) => Ok(()),
        _ if is_number(digits) => Err("not a whole number"),
        _ => Err("not a number"),
    }
}

/// A float64: the nearest to a fraction, exactly a whole number.
///
/// # Errors
/// Why it is none, too large, or a whole number that a float64 cannot hold.
pub fn float64(text: &str) -> Result<f64, Why> {
    if !is_number(text) {
        return Err("not a number");
    }
    let value: f64 = text.parse().map_err(|_| "not a number")?;
    if value.is_infinite() {
        return Err("out of range");
    }
    // Up to 15 digits every whole number is exact.
    if text.len() > 15 && is_whole(text) && !same_whole(text, value) {
        return Err("a whole number that float64 cannot hold exactly");
    }
    Ok(value)
}

/// A float32: the nearest to a fraction, exactly a whole number.
///
/// # Errors
/// Why it is none, too large, or a whole number that a float32 cannot hold.
pub fn float32(text: &str) -> Result<f32, Why> {
    if !is_number(text) {
        return Err("not a number");
    }
    let value: f32 = text.parse().map_err(|_| "not a number")?;
    if value.is_infinite() {
        return Err("out of range");
    }
    if text.len() > 7 && is_whole(text) && !same_whole(text, f64::from(value)) {
        return Err("a whole number that float32 cannot hold exactly");
    }
    Ok(value)
}

fn is_whole(text: &str) -> bool {
    !text.bytes().any(|b| matches!(b, b'.' | b'e' | b'E'))
}

fn same_whole(text: &str, value: f64) -> bool {
    match text.parse::<i128>() {
        // Below 2^127 the cast is exact, because the float is a whole number.
        Ok(whole) => value.abs() < 1.7e38 && value as i128 == whole,
        Err(_) => false,
    }
}

/// A decimal with so many digits in all and behind the point, as its unscaled whole number.
///
/// # Errors
/// Why it is none, or has more digits than fit.
pub fn decimal(text: &str, precision: u8, scale: u8) -> Result<i128, Why> {
    if !is_number(text) {
        return Err("not a number");
    }
    let (negative, rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (mantissa, exponent) = match rest.find(['e', 'E']) {
        Some(at) => (
            &rest[..at],
            rest[at + 1..].parse::<i32>().map_err(|_| "an exponent out of range")?,
        ),
        None => (rest, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    // The digits without point, and how many of them stand behind it.
    let behind = fraction.len() as i64 - i64::from(exponent);
    let digits = whole.bytes().chain(fraction.bytes());
    let significant = whole.len() + fraction.len();
    let cut = (behind - i64::from(scale)).max(0);
    let mut value: i128 = 0;
    for (i, digit) in digits.enumerate() {
        let kept = (significant - i) as i64 > cut;
        if kept {
            value = value
                .checked_mul(10)
                .and_then(|v| v.checked_add(i128::from(digit - b'0')))
                .ok_or("out of range")?;
        } else if digit != b'0' {
            return Err("more digits behind the point than fit");
        }
    }
    if value != 0 {
        let missing = u32::try_from((i64::from(scale) - behind).max(0)).map_err(|_| "out of range")?;
        let factor = 10i128.checked_pow(missing).ok_or("out of range")?;
        value = value.checked_mul(factor).ok_or("out of range")?;
    }
    if value >= 10i128.pow(u32::from(precision)) {
        return Err("out of range");
    }
    Ok(if negative { -value } else { value })
}

/// Whether this is a number as JSON writes it.
pub fn is_number(text: &str) -> bool {
    let mut rest = text.strip_prefix('-').unwrap_or(text).as_bytes();
    let take = |rest: &mut &[u8]| {
        let n = rest.iter().take_while(|b| b.is_ascii_digit()).count();
        *rest = &rest[n..];
        n
    };
    if let [b'0', tail @ ..] = rest {
        rest = tail;
    } else if take(&mut rest) == 0 {
        return false;
    }
    if let [b'.', tail @ ..] = rest {
        rest = tail;
        if take(&mut rest) == 0 {
            return false;
        }
    }
    if let [b'e' | b'E', tail @ ..] = rest {
        rest = match tail {
            [b'+' | b'-', tail @ ..] => tail,
            tail => tail,
        };
        if take(&mut rest) == 0 {
            return false;
        }
    }
    rest.is_empty()
}
