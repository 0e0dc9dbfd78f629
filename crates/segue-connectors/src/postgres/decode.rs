//! Values as a binary COPY sends them, into columns that grow. What a column here cannot keep exactly says why.

use super::types::{Form, UNTOLD};
use crate::columns::{Builder, Misfit, Values, short};
use segue_core::Type;
use std::fmt::Write as _;

/// Days and microseconds from 1970-01-01 to 2000-01-01, where PostgreSQL's days begin.
pub(super) const DAYS_TO_2000: i32 = 10_957;
pub(super) const MICROS_TO_2000: i64 = 946_684_800_000_000;

/// The first and the last day that have four digits of a year, or a year before Christ of as many; days since 1970. Beyond them a date
/// cannot be written down as people and JSON do.
const FIRST_DAY: i32 = -4_371_587;
const LAST_DAY: i32 = 2_932_896;
const MICROS_A_DAY: i64 = 86_400_000_000;

/// Ten to the power of 0 to 19.
const TENS: [u64; 20] = {
    let (mut tens, mut at) = ([1; 20], 1);
    while at < 20 {
        tens[at] = tens[at - 1] * 10;
        at += 1;
    }
    tens
};

/// Appends a value; nothing is appended to a column that says why not.
///
/// # Errors
/// A phrase for what the type here cannot keep (`infinity`, more digits, an array of another shape), and for bytes that are no value.
pub(super) fn push(form: &Form, bytes: &[u8], into: &mut Builder) -> Result<(), Misfit> {
    match (form, &mut into.values) {
        (Form::Bool, Values::Bool(v)) => v.push(fixed::<1>(bytes)?[0] != 0),
        (Form::Int16, Values::Int8(v)) => {
            let number = i16::from_be_bytes(fixed(bytes)?);
            v.push(i8::try_from(number).map_err(|_| Misfit::expected(&Type::Int8, &number.to_string()))?);
        }
        (Form::Int16, Values::Int16(v)) => v.push(i16::from_be_bytes(fixed(bytes)?)),
        (Form::Int32, Values::Int32(v)) => v.push(i32::from_be_bytes(fixed(bytes)?)),
        (Form::Int64, Values::Int64(v)) => v.push(i64::from_be_bytes(fixed(bytes)?)),
        (Form::Oid, Values::Int64(v)) => v.push(i64::from(u32::from_be_bytes(fixed(bytes)?))),
        (Form::Float32, Values::Float32(v)) => v.push(f32::from_be_bytes(fixed(bytes)?)),
        (Form::Float64, Values::Float64(v)) => v.push(f64::from_be_bytes(fixed(bytes)?)),
        (Form::Date, Values::Int32(v)) => v.push(date(i32::from_be_bytes(fixed(bytes)?))?),
        (Form::Time, Values::Int64(v)) => v.push(time(i64::from_be_bytes(fixed(bytes)?))?),
        (Form::Timestamp, Values::Int64(v)) => v.push(timestamp(i64::from_be_bytes(fixed(bytes)?))?),
        (Form::Numeric, Values::Int128(v)) => {
            let (precision, scale) = match into.of {
                Type::Decimal(precision, scale) => (precision, scale),
                Type::UInt64 => (20, 0),
                _ => return Err(Misfit::new("no place for a number")),
            };
            v.push(Numeric::of(bytes)?.decimal(precision, scale)?);
        }
        (Form::Numeric, Values::Bytes { .. }) => return into.push_bytes(Numeric::of(bytes)?.text().as_bytes()),
        (Form::Text, Values::Bytes { .. }) => return into.push_bytes(utf8(bytes)?.as_bytes()),
        (Form::Jsonb, Values::Bytes { .. }) => match bytes.split_first() {
            Some((1, json)) => return into.push_bytes(utf8(json)?.as_bytes()),
            _ => return Err(Misfit::new("JSON of an unknown version")),
        },
        (Form::Told, Values::Bytes { .. }) => match bytes.split_first() {
            Some((&UNTOLD, text)) => {
                let text = short(utf8(text)?);
                return Err(Misfit::new(format!("expected what JSON tells in full, found {text}")));
            }
            _ => return into.push_bytes(utf8(bytes)?.as_bytes()),
        },
        (Form::Nested, _) => return into.push_text(utf8(bytes)?),
        (Form::Bytes, Values::Bytes { .. }) => return into.push_bytes(bytes),
        (Form::Uuid, Values::Bytes { .. }) => {
            let uuid = uuid::Uuid::from_bytes(fixed(bytes)?);
            let mut text = uuid::Uuid::encode_buffer();
            return into.push_bytes(uuid.hyphenated().encode_lower(&mut text).as_bytes());
        }
        (Form::Vector, Values::List { ends, items }) => {
            let wanted = match into.of {
                Type::Vector(many) => Some(many),
                _ => None,
            };
            let many = vector(bytes, wanted, items)?;
            ends.push(next_end(ends, many)?);
        }
        (Form::Array(element, dimensions), Values::List { .. }) => {
            let array = Array::of(bytes, *dimensions)?;
            let mut elements = array.elements;
            return array_into(element, &array.lengths, &mut elements, into);
        }
        _ => return Err(Misfit::new("a value of another type than its column")),
    }
    into.valid.push(true);
    Ok(())
}

fn fixed<const N: usize>(bytes: &[u8]) -> Result<[u8; N], Misfit> {
    bytes
        .try_into()
        .map_err(|_| Misfit::new(format!("{} bytes where {N} were expected", bytes.len())))
}

fn utf8(bytes: &[u8]) -> Result<&str, Misfit> {
    std::str::from_utf8(bytes).map_err(|_| Misfit::new("text that is not UTF-8"))
}

fn date(days: i32) -> Result<i32, Misfit> {
    match days {
        i32::MAX => Err(Misfit::new("expected date, found infinity")),
        i32::MIN => Err(Misfit::new("expected date, found -infinity")),
        days => days
            .checked_add(DAYS_TO_2000)
            .filter(|days| (FIRST_DAY..=LAST_DAY).contains(days))
            .ok_or_else(|| Misfit::new("a date beyond the years -9999 to 9999")),
    }
}

fn time(micros: i64) -> Result<i64, Misfit> {
    match micros {
        0..MICROS_A_DAY => Ok(micros),
        // PostgreSQL tells the end of a day from its beginning.
        MICROS_A_DAY => Err(Misfit::new("expected time, found 24:00:00")),
        _ => Err(Misfit::new("a time of day beyond a day")),
    }
}

fn timestamp(micros: i64) -> Result<i64, Misfit> {
    match micros {
        i64::MAX => Err(Misfit::new("expected timestamp, found infinity")),
        i64::MIN => Err(Misfit::new("expected timestamp, found -infinity")),
        micros => micros
            .checked_add(MICROS_TO_2000)
            .filter(|micros| {
                let days = micros.div_euclid(MICROS_A_DAY);
                (i64::from(FIRST_DAY)..=i64::from(LAST_DAY)).contains(&days)
            })
            .ok_or_else(|| Misfit::new("a time beyond the years -9999 to 9999")),
    }
}

/// A number as it is sent: its digits to the base of 10,000, the first of which counts 10,000 to the power of `weight`.
struct Numeric<'a> {
    digits: &'a [u8],
    weight: i32,
    sign: Sign,
    /// How many decimal digits are shown after the point.
    scale: usize,
}

#[derive(Clone, Copy, PartialEq)]
enum Sign {
    Plus,
    Minus,
    /// `NaN`, or an infinity.
    Word(&'static str),
}

impl<'a> Numeric<'a> {
    fn of(bytes: &'a [u8]) -> Result<Numeric<'a>, Misfit> {
        let broken = || Misfit::new("bytes that are no number");
        let (head, digits) = bytes.split_at_checked(8).ok_or_else(broken)?;
        let word = |at: usize| u16::from_be_bytes([head[at], head[at + 1]]);
        if digits.len() != usize::from(word(0)) * 2 {
            return Err(broken());
        }
        let sign = match word(4) {
            0x0000 => Sign::Plus,
            0x4000 => Sign::Minus,
            0xC000 => Sign::Word("NaN"),
            0xD000 => Sign::Word("Infinity"),
            0xF000 => Sign::Word("-Infinity"),
            _ => return Err(broken()),
        };
        Ok(Numeric {
            digits,
            weight: i32::from(word(2) as i16),
            sign,
            scale: usize::from(word(6)),
        })
    }

    /// The digit that counts 10,000 to this power.
    fn digit(&self, power: i32) -> u16 {
        let at = usize::try_from(self.weight - power).ok();
        let pair = at.and_then(|at| self.digits.get(at * 2..at * 2 + 2));
        pair.map_or(0, |pair| u16::from_be_bytes([pair[0], pair[1]]))
    }

    /// How many digits there are.
    fn len(&self) -> i32 {
        (self.digits.len() / 2) as i32
    }

    fn decimal(&self, precision: u8, scale: u8) -> Result<i128, Misfit> {
        match self.short_decimal(precision, scale) {
            Some(value) => Ok(value),
            None => self.long_decimal(precision, scale),
        }
    }

    fn long_decimal(&self, precision: u8, scale: u8) -> Result<i128, Misfit> {
        let misfit = || Misfit::expected(&Type::Decimal(precision, scale), &self.text());
        if let Sign::Word(_) = self.sign {
            return Err(misfit());
        }
        let mut value: i128 = 0;
        // The lowest power that has a digit, or that the scale reaches into.
        let lowest = -i32::from(scale.div_ceil(4));
        // Of its four decimal digits these stand below the scale.
        let surplus = 10_i128.pow(u32::from(scale.div_ceil(4) * 4 - scale));
        for power in (lowest..=self.weight.max(lowest)).rev() {
            let (mut times, mut digit) = (10_000, i128::from(self.digit(power)));
            if power == lowest {
                if digit % surplus != 0 {
                    return Err(misfit());
                }
                (times, digit) = (times / surplus, digit / surplus);
            }
            value = value
                .checked_mul(times)
                .and_then(|v| v.checked_add(digit))
                .ok_or_else(misfit)?;
        }
        // What stands below the scale must be nothing.
        let below = (self.weight - self.len() + 1..lowest).any(|power| self.digit(power) != 0);
        if below || value >= 10_i128.pow(u32::from(precision)) {
            return Err(misfit());
        }
        Ok(if self.sign == Sign::Minus { -value } else { value })
    }

    /// The same for most numbers there are, in whole numbers of 64 bits, which take a fraction of the time: those of at most four digits (16
    /// of ours), not far from the point. `None` for any other, and for one that does not fit.
    fn short_decimal(&self, precision: u8, scale: u8) -> Option<i128> {
        if self.len() > 4 || matches!(self.sign, Sign::Word(_)) {
            return None;
        }
        let digits = self.digits.chunks_exact(2);
        let all = digits.fold(0, |all, pair| {
            all * 10_000 + u64::from(u16::from_be_bytes([pair[0], pair[1]]))
        });
        // Of the last digit, in ten to the power of this.
        let lowest = 4 * (self.weight - self.len() + 1) + i32::from(scale);
        let value = match usize::try_from(lowest) {
            Ok(up) => all.checked_mul(*TENS.get(up)?)?,
            Err(_) => {
                let by = *TENS.get(usize::try_from(-lowest).ok()?)?;
                (all % by == 0).then_some(all / by)?
            }
        };
        if TENS.get(usize::from(precision)).is_some_and(|most| value >= *most) {
            return None;
        }
        let value = i128::from(value);
        Some(if self.sign == Sign::Minus { -value } else { value })
    }

    /// As the server writes it.
    fn text(&self) -> String {
        if let Sign::Word(word) = self.sign {
            return word.to_string();
        }
        let mut text = String::with_capacity(self.digits.len() * 2 + self.scale + 3);
        if self.sign == Sign::Minus {
            text.push('-');
        }
        if self.weight < 0 {
            text.push('0');
        }
        for power in (0..=self.weight).rev() {
            let digit = self.digit(power);
            let _a_string_takes_all = match power == self.weight {
                true => write!(text, "{digit}"),
                false => write!(text, "{digit:04}"),
            };
        }
        if self.scale > 0 {
            text.push('.');
            let point = text.len();
            let mut power = -1;
            while text.len() - point < self.scale {
                let _a_string_takes_all = write!(text, "{:04}", self.digit(power));
                power -= 1;
            }
            text.truncate(point + self.scale);
        }
        text
    }
}

/// An array as it is sent: the lengths of its dimensions, then its elements, the last dimension's beside each other.
struct Array<'a> {
    lengths: Vec<usize>,
    elements: &'a [u8],
}

impl<'a> Array<'a> {
    fn of(bytes: &'a [u8], dimensions: usize) -> Result<Array<'a>, Misfit> {
        let mut rest = bytes;
        let many = usize::try_from(int(&mut rest)?).unwrap_or(usize::MAX);
        let (_has_nulls, _of) = (int(&mut rest)?, int(&mut rest)?);
        if many == 0 {
            return Ok(Array {
                lengths: vec![0],
                elements: rest,
            });
        }
        if many != dimensions {
            return Err(Misfit::new(format!(
                "expected an array with {dimensions} dimensions, found one with {many}"
            )));
        }
        let mut lengths = Vec::with_capacity(many);
        for _ in 0..many {
            lengths.push(usize::try_from(int(&mut rest)?).map_err(|_| Misfit::new("an array of a negative length"))?);
            let first = int(&mut rest)?;
            if first != 1 {
                return Err(Misfit::new(format!(
                    "an array whose first element is number {first}, not 1"
                )));
            }
        }
        // Each element has four bytes at least: what says that it has more is believed no further.
        match lengths.iter().try_fold(1_usize, |all, len| all.checked_mul(*len)) {
            Some(0) => lengths = vec![0],
            Some(all) if all <= rest.len() / 4 => {}
            _ => return Err(cut()),
        }
        Ok(Array {
            lengths,
            elements: rest,
        })
    }
}

/// Appends the elements of an array, or of a part of it, as one list.
fn array_into(element: &Form, lengths: &[usize], rest: &mut &[u8], into: &mut Builder) -> Result<(), Misfit> {
    let Values::List { ends, items } = &mut into.values else {
        return Err(Misfit::new("no place for an array"));
    };
    let (many, inner) = lengths
        .split_first()
        .map_or((0, &[][..]), |(many, inner)| (*many, inner));
    let before = items.len();
    for at in 0..many {
        let pushed = match inner {
            [] => element_into(element, rest, items),
            inner => array_into(element, inner, rest, items),
        };
        if let Err(misfit) = pushed {
            items.truncate(before);
            return Err(misfit.below(&format!("[{at}]")));
        }
    }
    ends.push(next_end(ends, many)?);
    into.valid.push(true);
    Ok(())
}

fn element_into(element: &Form, rest: &mut &[u8], items: &mut Builder) -> Result<(), Misfit> {
    let len = int(rest)?;
    if len == -1 {
        items.push_null();
        return Ok(());
    }
    let len = usize::try_from(len).unwrap_or(usize::MAX);
    let (value, after) = rest.split_at_checked(len).ok_or_else(cut)?;
    *rest = after;
    push(element, value, items)
}

fn next_end(ends: &[i32], more: usize) -> Result<i32, Misfit> {
    let end = ends.last().map_or(0, |end| *end as usize) + more;
    i32::try_from(end).map_err(|_| Misfit::new("more than 2,147,483,647 elements in one batch"))
}

/// Appends the elements of a vector; gives how many there were.
fn vector(bytes: &[u8], wanted: Option<u32>, items: &mut Builder) -> Result<usize, Misfit> {
    let (head, elements) = bytes.split_at_checked(4).ok_or_else(cut)?;
    let many = usize::from(u16::from_be_bytes([head[0], head[1]]));
    if elements.len() != many * 4 {
        return Err(cut());
    }
    if wanted.is_some_and(|wanted| wanted as usize != many) {
        return Err(Misfit::new(format!("a vector of {many} elements")));
    }
    for element in elements.chunks_exact(4) {
        let element = f32::from_be_bytes([element[0], element[1], element[2], element[3]]);
        match &mut items.values {
            Values::Float32(v) => v.push(element),
            Values::Float64(v) => v.push(f64::from(element)),
            _ => return Err(Misfit::new("no place for a vector")),
        }
        items.valid.push(true);
    }
    Ok(many)
}

fn int(rest: &mut &[u8]) -> Result<i32, Misfit> {
    let (head, after) = rest.split_at_checked(4).ok_or_else(cut)?;
    *rest = after;
    Ok(i32::from_be_bytes(fixed(head)?))
}

fn cut() -> Misfit {
    Misfit::new("bytes that end too soon")
}

#[cfg(test)]
mod tests;
