//! Which columns are worth a dictionary: where nearly every value is another one, it costs time and saves nothing.

use arrow_array::{Array, RecordBatch};
use arrow_schema::DataType;
use datafusion::common::hash_utils::{RandomState, create_hashes};

/// So many rows are looked at.
const LOOKED_AT: usize = 8192;
/// With fewer values there is too little to tell by.
const LEAST: usize = 2048;
/// Of a hundred values, so many different ones are nearly all. A column of 80,000 values has as many among [`LOOKED_AT`], and a dictionary
/// with the numbers that point into it is then as large as the values of a row group.
const NEARLY_ALL: f64 = 0.95;
/// Bits by which values are told apart.
const BITS: usize = 1 << 16;

/// The columns of these first rows of a file that need no dictionary. Nested ones are left as they are.
pub(crate) fn without_dictionary(rows: &RecordBatch) -> Vec<usize> {
    let rows = rows.slice(0, rows.num_rows().min(LOOKED_AT));
    let columns = rows.columns().iter().enumerate();
    let plain = columns.filter(|(_, column)| is_flat(column.data_type()) && is_nearly_unique(column.as_ref()));
    plain.map(|(at, _)| at).collect()
}

fn is_flat(of: &DataType) -> bool {
    of.is_primitive() || matches!(of, DataType::Utf8 | DataType::Binary | DataType::FixedSizeBinary(_))
}

fn is_nearly_unique(column: &dyn Array) -> bool {
    let values = column.len() - column.null_count();
    let mut hashes = vec![0; column.len()];
    if values < LEAST || create_hashes([column], &RandomState::with_seed(0), &mut hashes).is_err() {
        return false;
    }
    let mut seen = vec![false; BITS];
    // The upper half: what finds a place in a table is spread there too.
    hashes.iter().for_each(|hash| seen[(hash >> 32) as usize % BITS] = true);
    let seen = seen.iter().filter(|bit| **bit).count();
    // How many values it takes to hit so many bits.
    let different = -(BITS as f64) * (1.0 - seen as f64 / BITS as f64).ln();
    different >= values as f64 * NEARLY_ALL
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::{ArrayRef, BooleanArray, Float64Array, Int64Array, StringArray};
    use arrow_schema::{Field, Schema};
    use std::sync::Arc;

    fn plain(columns: Vec<ArrayRef>) -> Vec<usize> {
        let fields = columns.iter().enumerate();
        let fields: Vec<Field> = fields
            .map(|(at, c)| Field::new(at.to_string(), c.data_type().clone(), true))
            .collect();
        without_dictionary(&RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap())
    }

    #[test]
    fn only_columns_of_nearly_unique_values_are_plain() {
        let rows = 0..10_000i64;
        let of = |value: fn(i64) -> i64| Arc::new(Int64Array::from_iter_values(rows.clone().map(value))) as ArrayRef;
        let texts =
            |value: fn(i64) -> String| Arc::new(StringArray::from_iter_values(rows.clone().map(value))) as ArrayRef;
        let columns = vec![
            of(|i| i),
            of(|i| i / 2),
            of(|_| 7),
            texts(|i| format!("order {i}")),
            texts(|i| format!("city {}", i % 1000)),
            Arc::new(Float64Array::from_iter(
                rows.clone().map(|i| (i % 2 == 0).then_some(i as f64)),
            )),
            Arc::new(Int64Array::from(vec![None; 10_000])),
            Arc::new(BooleanArray::from(vec![true; 10_000])),
        ];
        assert_eq!(plain(columns), [0, 3, 5]);
    }

    #[test]
    fn few_rows_tell_nothing() {
        assert!(plain(vec![Arc::new(Int64Array::from_iter_values(0..1000))]).is_empty());
    }
}
