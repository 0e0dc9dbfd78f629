//! What each change does to a list of rows: the promise in its plainest form, to compare with.

use crate::conformance::grid::{Cell, Grid, number};
use segue_core::sink::{Change, Grain, grained};
use segue_core::{Labels, Span, Spans, Type};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Rows that are staged together.
#[derive(Clone, Debug)]
pub(crate) struct Piece {
    pub rows: Grid,
    /// Which of them delete; empty: none does.
    pub deletes: Vec<bool>,
}

impl Piece {
    pub fn of(rows: Grid) -> Piece {
        Piece {
            rows,
            deletes: Vec::new(),
        }
    }

    fn deletes(&self, row: usize) -> bool {
        self.deletes.get(row).copied().unwrap_or(false)
    }
}

/// A change and its rows.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub change: Change,
    pub pieces: Vec<Piece>,
}

impl Step {
    pub fn new(change: Change, rows: Grid) -> Step {
        Step {
            change,
            pieces: vec![Piece::of(rows)],
        }
    }
}

/// What a change comes to.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub after: Grid,
    /// Rows that are there more often afterwards, and rows that are there less often, each as often as that.
    pub came: Vec<Vec<Cell>>,
    pub went: Vec<Vec<Cell>>,
    /// Whether the table exists and has the same columns afterwards.
    pub same_columns: bool,
    /// Whether it has the same columns, in another order.
    pub reordered: bool,
    /// Of a replace of slices: those that are equal, and the others.
    pub same_slices: BTreeSet<Labels>,
    pub changed_slices: BTreeSet<Labels>,
    /// Of a replace of ranges: the stretches without any value of a row that changed.
    pub same_ranges: Spans,
}

/// Why a change is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    EmptyKey,
    DoubledKey,
    OutsideSlices,
    OutsideRanges,
}

/// Rows in the table's columns afterwards, with whether each deletes.
struct Incoming {
    rows: Vec<(Vec<Cell>, bool)>,
    /// Which columns any staged piece has.
    comes: Vec<bool>,
}

/// Carries a change out on a list of rows. `leaves`: whether a merge leaves what stands in columns that do not come.
pub(crate) fn apply(
    before: Option<&Grid>,
    columns: &[(String, Type)],
    step: &Step,
    leaves: bool,
) -> Result<Told, Refusal> {
    let empty = Grid {
        columns: columns.to_vec(),
        rows: Vec::new(),
    };
    let old = before.map_or(empty.clone(), |grid| grid.aligned(columns));
    let incoming = Incoming::of(columns, &step.pieces);
    let rows = match &step.change {
        Change::Append => [old.rows.clone(), incoming.all()].concat(),
        Change::ReplaceTable => incoming.all(),
        Change::ReplaceRanges { column, ranges } => replace_ranges(&old, &incoming, column, ranges)?,
        Change::ReplaceSlices { columns, slices } => replace_slices(&old, &incoming, columns, slices)?,
        Change::Merge { key, missing } if missing.keeps() => merge(&old, &incoming, key, leaves)?,
        other => unreachable!("{other:?} is played by `crate::modes`, against a model of its own"),
    };
    let after = old.with(rows);
    let (came, went) = (more_often(&after, &old), more_often(&old, &after));
    let mut told = Told {
        same_columns: before.is_some_and(|grid| grid.columns == columns),
        reordered: before.is_some_and(|grid| grid.columns != columns && by_name(&grid.columns) == by_name(columns)),
        same_slices: BTreeSet::new(),
        changed_slices: BTreeSet::new(),
        same_ranges: Spans::none(),
        after,
        came,
        went,
    };
    told.tell_parts(&step.change);
    Ok(told)
}

impl Incoming {
    fn of(columns: &[(String, Type)], pieces: &[Piece]) -> Incoming {
        let mut rows = Vec::new();
        for piece in pieces {
            let aligned = piece.rows.aligned(columns).rows.into_iter().enumerate();
            rows.extend(aligned.map(|(at, row)| (row, piece.deletes(at))));
        }
        let comes = |name: &str| pieces.iter().any(|p| p.rows.at(name).is_some());
        Incoming {
            rows,
            comes: columns.iter().map(|(name, _)| comes(name)).collect(),
        }
    }

    fn all(&self) -> Vec<Vec<Cell>> {
        self.rows.iter().map(|(row, _)| row.clone()).collect()
    }
}

fn replace_ranges(old: &Grid, incoming: &Incoming, column: &str, ranges: &Spans) -> Result<Vec<Vec<Cell>>, Refusal> {
    let at = old.at(column).expect("the column of the ranges");
    let of = &old.columns[at].1;
    let inside =
        |row: &Vec<Cell>| number(of, &row[at]).is_some_and(|v| ranges.meets(&Span::new(v, v.saturating_add(1))));
    if incoming.rows.iter().any(|(row, _)| !inside(row)) {
        return Err(Refusal::OutsideRanges);
    }
    let stay = old.rows.iter().filter(|row| !inside(row)).cloned();
    Ok(stay.chain(incoming.all()).collect())
}

fn replace_slices(
    old: &Grid,
    incoming: &Incoming,
    columns: &[String],
    slices: &BTreeSet<Labels>,
) -> Result<Vec<Vec<Cell>>, Refusal> {
    if incoming
        .rows
        .iter()
        .any(|(row, _)| !slices.contains(&labels(old, columns, row)))
    {
        return Err(Refusal::OutsideSlices);
    }
    let stay = old
        .rows
        .iter()
        .filter(|row| !slices.contains(&labels(old, columns, row)))
        .cloned();
    Ok(stay.chain(incoming.all()).collect())
}

/// Each staged row takes the place of all rows of its key; one that deletes takes them away.
fn merge(old: &Grid, incoming: &Incoming, key: &[String], leaves: bool) -> Result<Vec<Vec<Cell>>, Refusal> {
    let at: Vec<usize> = key.iter().map(|k| old.at(k).expect("the key's column")).collect();
    let key_of = |row: &Vec<Cell>| at.iter().map(|at| row[*at].clone()).collect::<Vec<Cell>>();
    let mut by_key: BTreeMap<Vec<Cell>, usize> = BTreeMap::new();
    for (row, (values, _)) in incoming.rows.iter().enumerate() {
        let key = key_of(values);
        if key.contains(&None) {
            return Err(Refusal::EmptyKey);
        }
        if by_key.insert(key, row).is_some() {
            return Err(Refusal::DoubledKey);
        }
    }
    let mut rows: Vec<Vec<Cell>> = old
        .rows
        .iter()
        .filter(|row| !by_key.contains_key(&key_of(row)))
        .cloned()
        .collect();
    for (row, deletes) in &incoming.rows {
        let there = old.rows.iter().find(|old| key_of(old) == key_of(row));
        let kept = |at: usize| leaves && !incoming.comes[at];
        if !deletes {
            let cells = row.iter().enumerate().map(|(at, cell)| match there {
                Some(there) if kept(at) => there[at].clone(),
                _ => cell.clone(),
            });
            rows.push(cells.collect());
        }
    }
    Ok(rows)
}

/// The labels of a row, as the row's values say them.
pub(crate) fn labels(grid: &Grid, columns: &[String], row: &[Cell]) -> Labels {
    let label = |name: &String| {
        let at = grid.at(name).expect("the slices' column");
        let value = match (&grid.columns[at].1, &row[at]) {
            (_, None) => Value::Null,
            (Type::String, Some(text)) => Value::from(text.as_str()),
            (_, Some(text)) => serde_json::from_str(text).unwrap_or(Value::Null),
        };
        (name.clone(), value)
    };
    columns.iter().map(label).collect()
}

fn by_name(columns: &[(String, Type)]) -> BTreeMap<&String, &Type> {
    columns.iter().map(|(name, of)| (name, of)).collect()
}

/// The rows that one has more often than the other.
fn more_often(one: &Grid, other: &Grid) -> Vec<Vec<Cell>> {
    let mut there: BTreeMap<&Vec<Cell>, usize> = BTreeMap::new();
    for row in &other.rows {
        *there.entry(row).or_default() += 1;
    }
    let mut more = Vec::new();
    for row in &one.rows {
        match there.get_mut(row) {
            Some(left) if *left > 0 => *left -= 1,
            _ => more.push(row.clone()),
        }
    }
    more
}

impl Told {
    /// The rows that changed, old and new.
    pub fn changed(&self) -> impl Iterator<Item = &Vec<Cell>> {
        self.came.iter().chain(&self.went)
    }

    /// The values that changed rows have in a column that is ranged over.
    pub fn values(&self, column: &str) -> Option<Vec<i64>> {
        let at = self.after.at(column)?;
        let of = &self.after.columns[at].1;
        number(of, &Some("0".into()))?;
        Some(self.changed().filter_map(|row| number(of, &row[at])).collect())
    }

    /// What a footprint says of them, in a reader's grain.
    pub fn spans(&self, grain: &Grain) -> Option<Spans> {
        Some(grained(self.values(&grain.column)?, grain))
    }

    /// Whether nothing changes.
    pub fn unchanged(&self) -> bool {
        self.same_columns && self.came.is_empty() && self.went.is_empty()
    }

    fn tell_parts(&mut self, change: &Change) {
        match change {
            Change::ReplaceSlices { columns, slices } => {
                let changed: BTreeSet<Labels> = self.changed().map(|row| labels(&self.after, columns, row)).collect();
                let (changed, same) = slices.iter().cloned().partition(|slice| changed.contains(slice));
                (self.changed_slices, self.same_slices) = (changed, same);
            }
            Change::ReplaceRanges { column, ranges } => {
                let values = self.values(column).unwrap_or_default();
                let changed = Spans::of(values.into_iter().map(|v| Span::new(v, v.saturating_add(1))));
                self.same_ranges = ranges.minus(&changed);
            }
            _ => {}
        }
    }
}
