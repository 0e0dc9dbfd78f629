//! What a replacement changes: rows that come and rows that go, each as often as it is there.

use arrow_array::RecordBatch;
use arrow_row::{RowConverter, SortField};
use arrow_schema::SchemaRef;
use segue_core::commit::Footprint;
use segue_core::sink::{Grain, grained, is_ranged, numbers};
use segue_core::{Error, Result, Spans};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};

/// Rows that can be read again and again.
pub(super) type Rows<'a> = &'a dyn Fn() -> Result<Box<dyn Iterator<Item = Result<RecordBatch>>>>;

/// What was found.
pub(super) struct Difference {
    /// Whether it is the same rows, in whatever order.
    pub same: bool,
    pub written: u64,
    pub removed: u64,
    pub footprint: Footprint,
}

/// What there is of rows, as digests: one that is equal in all columns has the same one.
struct Digests {
    converter: RowConverter,
    all: Vec<u128>,
    /// No more are kept; of those that follow only the sum is known.
    most: usize,
    count: u64,
    sum: u128,
}

impl Digests {
    fn of(rows: Rows<'_>, schema: &SchemaRef, most: usize) -> Result<Digests> {
        let mut digests = Digests {
            converter: converter(schema)?,
            all: Vec::new(),
            most,
            count: 0,
            sum: 0,
        };
        for batch in rows()? {
            digests.take(&batch?)?;
        }
        digests.all.sort_unstable();
        Ok(digests)
    }

    fn take(&mut self, batch: &RecordBatch) -> Result<()> {
        for digest in digests(&self.converter, batch)? {
            self.count += 1;
            self.sum = self.sum.wrapping_add(digest);
            if self.all.len() < self.most {
                self.all.push(digest);
            }
        }
        Ok(())
    }

    fn is_whole(&self) -> bool {
        self.all.len() as u64 == self.count
    }
}

fn converter(schema: &SchemaRef) -> Result<RowConverter> {
    let fields = schema.fields().iter().map(|f| SortField::new(f.data_type().clone()));
    RowConverter::new(fields.collect()).map_err(|e| Error::bug("rows of a known type cannot be compared").caused_by(e))
}

fn digests(converter: &RowConverter, batch: &RecordBatch) -> Result<Vec<u128>> {
    if batch.num_columns() == 0 {
        return Ok(vec![0; batch.num_rows()]);
    }
    let rows = converter
        .convert_columns(batch.columns())
        .map_err(|e| Error::bug("rows of a known type cannot be compared").caused_by(e))?;
    let digest = |row: arrow_row::Row<'_>| {
        let whole = Sha256::digest(row.as_ref());
        let mut first = [0; 16];
        first.copy_from_slice(&whole[..16]);
        u128::from_be_bytes(first)
    };
    Ok(rows.iter().map(digest).collect())
}

/// Of sorted digests, those that are there more often than in the others, once for each time.
fn more_often(these: &[u128], others: &[u128]) -> Vec<u128> {
    let (mut more, mut at) = (Vec::new(), 0);
    for digest in these {
        while others.get(at).is_some_and(|other| other < digest) {
            at += 1;
        }
        match others.get(at) {
            Some(other) if other == digest => at += 1,
            _ => more.push(*digest),
        }
    }
    more
}

/// Compares what is there with what comes, both of this schema. Where there are more than `most` rows of one, it is still known whether they
/// are the same, and no more than that.
///
/// # Errors
/// Those of reading.
pub(super) fn difference(
    old: Rows<'_>,
    new: Rows<'_>,
    schema: &SchemaRef,
    grains: &[Grain],
    most: usize,
) -> Result<Difference> {
    let (before, after) = (Digests::of(old, schema, most)?, Digests::of(new, schema, most)?);
    if !before.is_whole() || !after.is_whole() {
        let same = before.count == after.count && before.sum == after.sum;
        return Ok(Difference {
            same,
            written: if same { 0 } else { after.count },
            removed: if same { 0 } else { before.count },
            footprint: if same {
                Footprint::nothing()
            } else {
                Footprint::Everything
            },
        });
    }
    let (came, went) = (more_often(&after.all, &before.all), more_often(&before.all, &after.all));
    let rows = (came.len() + went.len()) as u64;
    let mut values: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for (rows, digests) in [(new, &came), (old, &went)] {
        if !digests.is_empty() && !grains.is_empty() {
            collect(rows, &before.converter, digests, grains, &mut values)?;
        }
    }
    let of = |g: &&Grain| {
        schema
            .field_with_name(&g.column)
            .is_ok_and(|f| is_ranged(f.data_type()))
    };
    let columns = grains.iter().filter(of);
    let columns = columns.map(|grain| {
        let found = values.remove(&grain.column).unwrap_or_default();
        (grain.column.clone(), grained(found, grain))
    });
    Ok(Difference {
        same: rows == 0,
        written: came.len() as u64,
        removed: went.len() as u64,
        footprint: match rows {
            0 => Footprint::nothing(),
            _ => Footprint::Parts {
                labels: BTreeSet::new(),
                columns: columns.collect::<BTreeMap<String, Spans>>(),
                rows,
            },
        },
    })
}

/// The values of changed rows in the columns that readers range over.
fn collect(
    rows: Rows<'_>,
    converter: &RowConverter,
    changed: &[u128],
    grains: &[Grain],
    values: &mut BTreeMap<String, Vec<i64>>,
) -> Result<()> {
    for batch in rows()? {
        let batch = batch?;
        let hit: Vec<bool> = digests(converter, &batch)?
            .iter()
            .map(|digest| changed.binary_search(digest).is_ok())
            .collect();
        for grain in grains {
            let Some(numbers) = batch.column_by_name(&grain.column).and_then(numbers) else {
                continue;
            };
            let found = values.entry(grain.column.clone()).or_default();
            found.extend(
                numbers
                    .into_iter()
                    .zip(&hit)
                    .filter(|(_, hit)| **hit)
                    .filter_map(|(v, _)| v),
            );
            found.sort_unstable();
            found.dedup();
        }
    }
    Ok(())
}
