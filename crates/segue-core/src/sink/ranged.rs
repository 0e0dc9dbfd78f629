//! Values that can be ranged over, as numbers.

use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, Int8Type, Int16Type, Int32Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, ArrayRef};
use arrow_schema::{DataType, TimeUnit};

/// Microseconds of a day.
const DAY: i64 = 86_400_000_000;

/// A column's values as footprints and ranges have them: instants, dates and local times in microseconds since 1970, whole numbers as
/// they are. `None` for a column that has no such values.
pub fn numbers(column: &ArrayRef) -> Option<Vec<Option<i64>>> {
    macro_rules! whole {
        ($of:ty, $by:expr) => {
            column
                .as_primitive::<$of>()
                .iter()
                .map(|v| v.map(|v| i64::from(v) * $by))
                .collect()
        };
    }
    Some(match column.data_type() {
        DataType::Int8 => whole!(Int8Type, 1),
        DataType::Int16 => whole!(Int16Type, 1),
        DataType::Int32 => whole!(Int32Type, 1),
        DataType::Int64 => whole!(Int64Type, 1),
        DataType::Date32 => whole!(Date32Type, DAY),
        DataType::Timestamp(TimeUnit::Microsecond, _) => whole!(TimestampMicrosecondType, 1),
        _ => return None,
    })
}

/// Whether [`numbers`] has an answer for this type.
pub fn is_ranged(of: &DataType) -> bool {
    use DataType::*;
    matches!(
        of,
        Int8 | Int16 | Int32 | Int64 | Date32 | Timestamp(TimeUnit::Microsecond, _)
    )
}
