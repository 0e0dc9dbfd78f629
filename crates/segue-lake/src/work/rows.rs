//! Rows compared by digest: equal in all columns, bit by bit, in any order.

use arrow_array::RecordBatch;
use arrow_row::{RowConverter, SortField};
use arrow_schema::Schema;
use segue_core::{Error, Result};
use sha2::{Digest, Sha256};
use std::collections::HashMap;

/// Turns rows into digests of 128 bits. Two rows that differ have different ones, as far as SHA-256 goes.
pub(super) struct Digester {
    converter: RowConverter,
    columns: Vec<usize>,
}

impl Digester {
    /// Of these columns of the schema.
    pub fn new(schema: &Schema, columns: Vec<usize>) -> Result<Digester> {
        let fields = columns
            .iter()
            .map(|i| SortField::new(schema.field(*i).data_type().clone()));
        let converter =
            RowConverter::new(fields.collect()).map_err(|e| Error::bug("rows cannot be compared").caused_by(e))?;
        Ok(Digester { converter, columns })
    }

    /// Of all columns.
    pub fn of_all(schema: &Schema) -> Result<Digester> {
        Digester::new(schema, (0..schema.fields().len()).collect())
    }

    /// One digest a row.
    pub fn digests(&self, batch: &RecordBatch) -> Result<Vec<u128>> {
        let columns: Vec<_> = self.columns.iter().map(|i| batch.column(*i).clone()).collect();
        let rows = self.converter.convert_columns(&columns);
        let rows = rows.map_err(|e| Error::bug("rows cannot be compared").caused_by(e))?;
        Ok(rows.iter().map(|row| digest(row.as_ref())).collect())
    }
}

fn digest(bytes: &[u8]) -> u128 {
    let full: [u8; 32] = Sha256::digest(bytes).into();
    let (half, _) = full.split_at(16);
    u128::from_be_bytes(half.try_into().expect("half of 32 bytes is 16"))
}

/// A multiset of rows, in constant space: equal bags hold equal rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Bag {
    rows: u64,
    sum: u128,
}

impl Bag {
    pub fn add(&mut self, digest: u128) {
        self.rows += 1;
        self.sum = self.sum.wrapping_add(digest);
    }

    pub fn rows(&self) -> u64 {
        self.rows
    }
}

/// How often each row is there more (or less) than it was; given up where there are too many different rows.
pub(super) struct Difference {
    counts: Option<HashMap<u128, i64>>,
    most: usize,
}

impl Difference {
    /// For at most so many different rows.
    pub fn new(most: usize) -> Difference {
        Difference {
            counts: Some(HashMap::new()),
            most,
        }
    }

    /// A row that was there counts 1, one that comes counts -1.
    pub fn add(&mut self, digest: u128, by: i64) {
        let Some(counts) = &mut self.counts else { return };
        let count = counts.entry(digest).or_default();
        *count += by;
        if *count == 0 {
            counts.remove(&digest);
        }
        if counts.len() > self.most {
            self.counts = None;
        }
    }

    /// Whether a row that was there (or that comes) is one of those that differ. Where it was given up, each is.
    pub fn differs(&self, digest: u128, was_there: bool) -> bool {
        match &self.counts {
            None => true,
            Some(counts) => counts.get(&digest).is_some_and(|n| (*n > 0) == was_there),
        }
    }

    /// Rows that come and rows that go, where it was not given up.
    pub fn totals(&self) -> Option<(u64, u64)> {
        let counts = self.counts.as_ref()?;
        let sum = |sign: i64| counts.values().map(|n| (n * sign).max(0) as u64).sum();
        Some((sum(-1), sum(1)))
    }
}
