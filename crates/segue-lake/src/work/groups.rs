//! Which part of a replaced table a row belongs to: the whole, a slice, or a value of the range's column.

use crate::file::{FileStats, Key};
use arrow_array::{Array, ArrayRef, RecordBatch, StringArray};
use arrow_cast::{CastOptions, cast_with_options};
use arrow_row::{RowConverter, SortField};
use arrow_schema::{Field, Schema};
use segue_core::sink::{is_ranged, numbers};
use segue_core::{Error, Kind, Labels, Result, Spans, Type};
use serde_json::Value;
use std::collections::{BTreeSet, HashMap};

/// A row that belongs to no part.
pub(super) const NONE: u32 = u32::MAX;
/// Most values of a range's column that are told apart; with more, whole ranges are.
const MOST_VALUES: usize = 200_000;

/// How rows are grouped.
pub(super) enum Groups {
    /// All rows are one.
    Table,
    /// By labels.
    Slices(Slices),
    /// By the value of a column, within ranges.
    Ranges(Ranges),
}

/// The slices that are replaced.
pub(super) struct Slices {
    columns: Vec<usize>,
    names: Vec<String>,
    converter: RowConverter,
    by_row: HashMap<Vec<u8>, u32>,
    labels: Vec<Labels>,
    /// The first column's values, sorted, for pruning; `None` where it has none to be relied on, or an empty one.
    keys: Option<Vec<Key>>,
    first: Type,
}

/// The ranges that are replaced.
pub(super) struct Ranges {
    column: usize,
    name: String,
    of: Type,
    ranges: Spans,
    /// The group of each value that occurred; emptied when there are too many.
    values: HashMap<i64, u32>,
    coarse: bool,
}

impl Groups {
    /// How many groups there are so far.
    pub fn len(&self) -> usize {
        match self {
            Groups::Table => 1,
            Groups::Slices(slices) => slices.labels.len(),
            Groups::Ranges(ranges) if ranges.coarse => ranges.ranges.as_slice().len(),
            Groups::Ranges(ranges) => ranges.values.len(),
        }
    }

    /// The group of each row. `None` when there are too many groups: call [`Groups::coarsen`] and begin again.
    pub fn of(&mut self, batch: &RecordBatch) -> Result<Option<Vec<u32>>> {
        match self {
            Groups::Table => Ok(Some(vec![0; batch.num_rows()])),
            Groups::Slices(slices) => slices.of(batch).map(Some),
            Groups::Ranges(ranges) => Ok(ranges.of(batch)),
        }
    }

    /// Tells ranges apart instead of values.
    pub fn coarsen(&mut self) {
        if let Groups::Ranges(ranges) = self {
            ranges.coarse = true;
            ranges.values.clear();
        }
    }

    /// Whether a file with these statistics may hold rows of a group.
    pub fn may_be_in(&self, stats: &FileStats) -> bool {
        match self {
            Groups::Table => true,
            Groups::Slices(slices) => slices.may_be_in(stats),
            Groups::Ranges(ranges) => ranges.may_be_in(stats),
        }
    }
}

impl Slices {
    /// The slices of a table of this schema.
    ///
    /// # Errors
    /// `Invalid` for a label column that the table has not, `BadData` for a label that is no value of its column.
    pub fn new(schema: &Schema, names: &[String], slices: &BTreeSet<Labels>) -> Result<Slices> {
        let labels: Vec<Labels> = slices.iter().cloned().collect();
        let columns: Vec<usize> = names
            .iter()
            .map(|name| {
                schema.index_of(name).map_err(|e| {
                    Error::new(
                        Kind::Invalid,
                        format!("the slices' column `{name}` is not in the table"),
                    )
                    .caused_by(e)
                })
            })
            .collect::<Result<_>>()?;
        let arrays: Vec<ArrayRef> = columns
            .iter()
            .map(|at| label_values(schema.field(*at), &labels))
            .collect::<Result<_>>()?;
        let fields = columns
            .iter()
            .map(|at| SortField::new(schema.field(*at).data_type().clone()));
        let compare = |e| Error::bug("labels cannot be compared").caused_by(e);
        let converter = RowConverter::new(fields.collect()).map_err(compare)?;
        let by_row = match columns.is_empty() {
            true => HashMap::new(),
            false => {
                let rows = converter.convert_columns(&arrays).map_err(compare)?;
                rows.iter()
                    .enumerate()
                    .map(|(i, row)| (row.as_ref().to_vec(), i as u32))
                    .collect()
            }
        };
        let first = match columns.first() {
            Some(at) => Type::of(schema.field(*at))?,
            None => Type::Bool,
        };
        Ok(Slices {
            keys: arrays.first().and_then(keys),
            names: names.to_vec(),
            columns,
            converter,
            by_row,
            labels,
            first,
        })
    }

    pub fn labels(&self, group: u32) -> &Labels {
        &self.labels[group as usize]
    }

    fn of(&self, batch: &RecordBatch) -> Result<Vec<u32>> {
        let columns: Vec<ArrayRef> = self.columns.iter().map(|at| batch.column(*at).clone()).collect();
        if columns.is_empty() {
            // Without labels the whole table is the one slice there is.
            return Ok(vec![if self.labels.is_empty() { NONE } else { 0 }; batch.num_rows()]);
        }
        let rows = self.converter.convert_columns(&columns);
        let rows = rows.map_err(|e| Error::bug("labels cannot be compared").caused_by(e))?;
        Ok(rows
            .iter()
            .map(|row| self.by_row.get(row.as_ref()).copied().unwrap_or(NONE))
            .collect())
    }

    fn may_be_in(&self, stats: &FileStats) -> bool {
        let (Some(keys), Some(name)) = (&self.keys, self.names.first()) else {
            return true;
        };
        let Some(bounds) = stats.bounds(name, &self.first) else {
            return true;
        };
        let at = keys.partition_point(|k| *k < bounds.min);
        keys.get(at).is_some_and(|k| *k <= bounds.max)
    }
}

/// The labels of one column as values of its type. A label is a JSON value; the text of it is what is compared, so that the number 5
/// and the text "5" name one slice.
fn label_values(field: &Field, labels: &[Labels]) -> Result<ArrayRef> {
    let texts: StringArray = labels
        .iter()
        .map(|l| match l.get(field.name()) {
            None | Some(Value::Null) => None,
            Some(Value::String(s)) => Some(s.clone()),
            Some(other) => Some(other.to_string()),
        })
        .collect();
    let options = CastOptions {
        safe: false,
        ..CastOptions::default()
    };
    cast_with_options(&texts, field.data_type(), &options).map_err(|e| {
        Error::new(
            Kind::BadData,
            format!("a slice's label is no value of column `{}`", field.name()),
        )
        .caused_by(e)
    })
}

/// Sorted values for pruning.
fn keys(values: &ArrayRef) -> Option<Vec<Key>> {
    if values.null_count() > 0 {
        return None;
    }
    let mut keys: Vec<Key> = match values.as_any().downcast_ref::<StringArray>() {
        Some(texts) => texts.iter().flatten().map(|t| Key::Text(t.to_string())).collect(),
        None => numbers(values)?.into_iter().flatten().map(Key::Number).collect(),
    };
    keys.sort();
    Some(keys)
}

impl Ranges {
    /// The ranges of a table of this schema.
    ///
    /// # Errors
    /// `Invalid` for a column that cannot be ranged over.
    pub fn new(schema: &Schema, name: &str, ranges: &Spans) -> Result<Ranges> {
        let found = schema
            .index_of(name)
            .ok()
            .filter(|at| is_ranged(schema.field(*at).data_type()));
        let column = found.ok_or_else(|| {
            Error::new(Kind::Invalid, format!("column `{name}` cannot hold ranges"))
                .hint("the output column of a range is a date, a timestamp or a whole number")
        })?;
        Ok(Ranges {
            column,
            name: name.to_string(),
            of: Type::of(schema.field(column))?,
            ranges: ranges.clone(),
            values: HashMap::new(),
            coarse: false,
        })
    }

    fn of(&mut self, batch: &RecordBatch) -> Option<Vec<u32>> {
        let numbers = numbers(batch.column(self.column)).unwrap_or_default();
        let mut groups = Vec::with_capacity(numbers.len());
        for value in numbers {
            let range = value.and_then(|v| {
                let all = self.ranges.as_slice();
                let at = all.partition_point(|s| s.to <= v);
                all.get(at).filter(|s| s.from <= v).map(|_| (at as u32, v))
            });
            groups.push(match range {
                None => NONE,
                Some((at, _)) if self.coarse => at,
                Some((_, v)) => {
                    let next = self.values.len() as u32;
                    *self.values.entry(v).or_insert(next)
                }
            });
            if self.values.len() > MOST_VALUES {
                return None;
            }
        }
        Some(groups)
    }

    /// The ranges without those in which a group changed.
    pub fn unchanged(&self, changed: &[bool]) -> Spans {
        use segue_core::Span;
        let is = |group: u32| changed.get(group as usize).copied().unwrap_or(false);
        let spans: Vec<Span> = if self.coarse {
            let all = self.ranges.as_slice().iter().enumerate();
            all.filter(|(at, _)| is(*at as u32)).map(|(_, s)| *s).collect()
        } else {
            let values = self.values.iter().filter(|(_, group)| is(**group));
            values.map(|(v, _)| Span::new(*v, v.saturating_add(1))).collect()
        };
        self.ranges.minus(&Spans::of(spans))
    }

    fn may_be_in(&self, stats: &FileStats) -> bool {
        let Some(bounds) = stats.bounds(&self.name, &self.of) else {
            return true;
        };
        self.ranges
            .as_slice()
            .iter()
            .any(|s| bounds.meets(&Key::Number(s.from), &Key::Number(s.to.saturating_sub(1))))
    }
}

/// A mask of the rows whose group is one of those.
pub(super) fn mask(groups: &[u32], is: impl Fn(u32) -> bool) -> arrow_array::BooleanArray {
    groups.iter().map(|g| Some(*g != NONE && is(*g))).collect()
}
