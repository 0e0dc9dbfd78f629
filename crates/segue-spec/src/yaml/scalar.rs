//! What YAML 1.2's core schema makes of a plain text.

use serde_json::{Number, Value as Json};

/// Why a number cannot be kept.
pub(super) const TOO_LARGE: &str = "no number of 64 bits holds it";

/// The value of an unquoted text; the error says why a number cannot be kept.
pub(super) fn plain(text: &str) -> Result<Json, &'static str> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Ok(Json::Null),
        "true" | "True" | "TRUE" => return Ok(Json::Bool(true)),
        "false" | "False" | "FALSE" => return Ok(Json::Bool(false)),
        _ => {}
    }
    let first = text.as_bytes()[0];
    if !(first.is_ascii_digit() || matches!(first, b'+' | b'-' | b'.')) {
        return Ok(Json::String(text.into()));
    }
    if matches!(text.trim_start_matches(['+', '-']), ".inf" | ".Inf" | ".INF")
        || matches!(text, ".nan" | ".NaN" | ".NAN")
    {
        return Err("only finite numbers are known");
    }
    whole(text)
        .or_else(|| float(text))
        .unwrap_or_else(|| Ok(Json::String(text.into())))
}

fn whole(text: &str) -> Option<Result<Json, &'static str>> {
    let based = |digits: &str, base| u64::from_str_radix(digits, base).map(Json::from).map_err(|_| TOO_LARGE);
    let all = |digits: &str, good: fn(&u8) -> bool| !digits.is_empty() && digits.as_bytes().iter().all(good);
    if let Some(digits) = text.strip_prefix("0x").filter(|d| all(d, u8::is_ascii_hexdigit)) {
        return Some(based(digits, 16));
    }
    if let Some(digits) = text
        .strip_prefix("0o")
        .filter(|d| all(d, |b| (b'0'..=b'7').contains(b)))
    {
        return Some(based(digits, 8));
    }
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if !all(digits, u8::is_ascii_digit) {
        return None;
    }
    let text = text.strip_prefix('+').unwrap_or(text);
    let number = text
        .parse::<i64>()
        .map(Json::from)
        .or_else(|_| text.parse::<u64>().map(Json::from));
    Some(number.map_err(|_| TOO_LARGE))
}

/// `[-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?`
fn float(text: &str) -> Option<Result<Json, &'static str>> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.strip_prefix(['+', '-']).unwrap_or(exponent))),
        None => (unsigned, None),
    };
    let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let good = digits(whole) && digits(part) && !(whole.is_empty() && part.is_empty());
    if !good || exponent.is_some_and(|e| e.is_empty() || !digits(e)) {
        return None;
    }
    let number: f64 = text.parse().ok()?;
    Some(Number::from_f64(number).map(Json::Number).ok_or(TOO_LARGE))
}
