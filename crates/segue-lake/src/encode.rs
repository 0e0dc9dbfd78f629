//! How the columns of a file are encoded: decided by its first rows, weighed by CPU against size.
//!
//! What was tried on TPC-H's lineitem (6,001,215 rows), as CPU seconds of the whole copy and MB of the file: a dictionary for every column
//! took 6.5 and 174; none where almost every value is another 5.4 and 154; the same with Snappy 5.0 and 203, uncompressed 4.4 and 348, and
//! with numbers as differences (`DELTA_BINARY_PACKED`, which not every reader knows) 5.3 and 149. So: zstd at its fastest level, which all
//! readers of Delta know, plain numbers, and dictionaries where values come again. Bounds of pages cost nothing to speak of.

use arrow_array::{Array, RecordBatch};
use arrow_schema::DataType;
use datafusion::common::hash_utils::{RandomState, create_hashes};
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;
use segue_core::{Error, Result};

/// Rows of one row group; fewer where they are large.
const GROUP_ROWS: usize = 131_072;
/// Bytes that a row group has at most while it is held in memory.
const GROUP_BYTES: usize = 16 << 20;
/// Of so many rows the values are looked at.
const LOOKED_AT: usize = 8_192;
/// With fewer values there is too little to tell by.
const LEAST: usize = 2_048;
/// Of a hundred values, so many different ones are nearly all. A column of 80,000 values has as many among [`LOOKED_AT`], and a dictionary
/// with the numbers that point into it is then as large as the values of a row group.
const NEARLY_ALL: f64 = 0.95;
/// Bits by which values are told apart.
const BITS: usize = 1 << 16;

/// The settings of a file that begins with these rows.
pub(crate) fn properties(first: &RecordBatch) -> Result<WriterProperties> {
    let level = ZstdLevel::try_new(1).map_err(|e| Error::bug("zstd has a level 1").caused_by(e))?;
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(level))
        .set_max_row_group_row_count(Some(GROUP_ROWS))
        .set_max_row_group_bytes(Some(GROUP_BYTES))
        .set_statistics_enabled(EnabledStatistics::Page)
        .set_created_by(concat!("segue ", env!("CARGO_PKG_VERSION")).to_string());
    for (field, values) in first.schema_ref().fields().iter().zip(first.columns()) {
        let column = || ColumnPath::from(field.name().as_str());
        // Parquet's bounds leave NaN out, and SQL holds it to be greater than any number: rows would be missed.
        if field.data_type().is_floating() {
            properties = properties.set_column_statistics_enabled(column(), EnabledStatistics::None);
        }
        if is_flat(values.data_type()) && is_nearly_unique(values.slice(0, values.len().min(LOOKED_AT)).as_ref()) {
            properties = properties.set_column_dictionary_enabled(column(), false);
        }
    }
    Ok(properties.build())
}

fn is_flat(of: &DataType) -> bool {
    of.is_primitive() || matches!(of, DataType::Utf8 | DataType::Binary | DataType::FixedSizeBinary(_))
}

/// Whether nearly every value is another one: a dictionary would be as long as the column, and is given up only after each value was looked up in it.
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
    use arrow_array::{ArrayRef, Float64Array, Int64Array, StringArray};
    use std::sync::Arc;

    #[test]
    fn a_dictionary_is_for_values_that_come_again() {
        let rows = 4_096_i64;
        let text = |n: i64| format!("value {n}");
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("id", Arc::new(Int64Array::from_iter_values(0..rows))),
            ("half", Arc::new(Int64Array::from_iter_values((0..rows).map(|n| n / 2)))),
            ("text", Arc::new(StringArray::from_iter_values((0..rows).map(text)))),
            (
                "word",
                Arc::new(StringArray::from_iter_values((0..rows).map(|n| text(n % 7)))),
            ),
            (
                "rare",
                Arc::new((0..rows).map(|n| (n % 8 == 0).then_some(n)).collect::<Int64Array>()),
            ),
            (
                "float",
                Arc::new(Float64Array::from_iter_values((0..rows).map(|n| n as f64))),
            ),
        ];
        let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
        let properties = properties(&RecordBatch::try_from_iter(columns).unwrap()).unwrap();
        let told = names.iter().map(|name| {
            let column = ColumnPath::from(*name);
            let dictionary = properties.dictionary_enabled(&column);
            format!(
                "{name}: dictionary {dictionary}, {:?}",
                properties.statistics_enabled(&column)
            )
        });
        insta::assert_snapshot!(told.collect::<Vec<_>>().join("\n"), @r"
        id: dictionary false, Page
        half: dictionary true, Page
        text: dictionary false, Page
        word: dictionary true, Page
        rare: dictionary true, Page
        float: dictionary false, None
        ");
    }
}
