//! The type that takes a value which its column does not, and all that the column does.

use super::number;
use segue_core::Type;

/// The most digits of a decimal.
const MOST_DIGITS: usize = 38;

/// A type for all values of `of` and for this number as well, exactly; `None` where there is none. Whole numbers and fractions meet in
/// a decimal: a float64 would round the largest of the whole ones.
pub fn wider(of: &Type, text: &str) -> Option<Type> {
    let (whole, behind) = match of {
        Type::Int8 => (3, 0),
        Type::Int16 => (5, 0),
        Type::Int32 => (10, 0),
        Type::Int64 => (19, 0),
        Type::UInt64 => (20, 0),
        Type::Decimal(precision, scale) => (usize::from(precision - scale), usize::from(*scale)),
        _ => return None,
    };
    if !number::is_number(text) || text.contains(['e', 'E']) {
        return None;
    }
    let digits = text.trim_start_matches('-');
    let (before, after) = digits.split_once('.').unwrap_or((digits, ""));
    let (whole, behind) = (whole.max(before.len()), behind.max(after.len()));
    if whole + behind > MOST_DIGITS {
        return None;
    }
    let wider = Type::Decimal((whole + behind) as u8, behind as u8);
    (wider != *of && of.widens_to(&wider)).then_some(wider)
}
