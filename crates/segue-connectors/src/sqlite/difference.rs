//! What a change would do to a table: rows compared one by one, and what readers of the table need to know of those that differ.

use super::change::Prepared;
use super::errors::failed;
use super::table::Column;
use super::types::{has_numbers, number};
use arrow_schema::Schema;
use segue_core::sink::{Change, Grain, WorkedOut, grained};
use segue_core::{Footprint, Result, Spans};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// How many values of a column are gathered before they are put into their grain.
const GATHERED: usize = 65_536;

impl Prepared<'_> {
    /// What the change does to the table, compared row by row, equal rows left out.
    pub fn difference(&self, schema: &Schema, grains: &[Grain], bytes: u64, plan: Value) -> Result<WorkedOut> {
        let mut out = WorkedOut {
            unchanged: false,
            unchanged_slices: BTreeSet::new(),
            unchanged_ranges: Spans::none(),
            rows_written: 0,
            rows_removed: 0,
            missing: self.count_missing()?,
            bytes_written: bytes,
            footprint: Footprint::Everything,
            plan,
        };
        if let Some(lost) = self.lost {
            (out.rows_written, out.rows_removed) = (self.rows, lost);
            return Ok(out);
        }
        let stretch = match self.change {
            Change::ReplaceRanges { column, .. } => Some(Grain {
                column: column.clone(),
                bounds: Vec::new(),
            }),
            _ => None,
        };
        let mut seen = Seen::new(schema, &self.columns, grains)?;
        let mut stretches = Seen::new(schema, &self.columns, stretch.as_slice())?;
        self.each_difference(&mut |weight, part, values| {
            match weight {
                0.. => out.rows_written += weight as u64,
                _ => out.rows_removed += weight.unsigned_abs(),
            }
            seen.take(part, values);
            stretches.take(None, values);
            Ok(())
        })?;
        let changed = std::mem::take(&mut seen.parts);
        let mut labels = BTreeSet::new();
        match self.change {
            Change::ReplaceSlices { slices, .. } => {
                for (id, slice) in slices.iter().enumerate() {
                    let set = if changed.contains(&(id as i64)) {
                        &mut labels
                    } else {
                        &mut out.unchanged_slices
                    };
                    set.insert(slice.clone());
                }
            }
            Change::ReplaceRanges { ranges, .. } => {
                let same = ranges
                    .as_slice()
                    .iter()
                    .enumerate()
                    .filter(|(id, _)| !changed.contains(&(*id as i64)));
                // Of the others, what lies between the values that changed; where these are many, they count as their hull.
                let values = stretches.columns().into_values().next().unwrap_or_default();
                out.unchanged_ranges = Spans::of(same.map(|(_, range)| *range)).union(&ranges.minus(&values));
            }
            _ => {}
        }
        let rows = out.rows_written + out.rows_removed;
        out.unchanged = rows == 0 && !self.is_new && !self.altered;
        out.footprint = Footprint::Parts {
            labels,
            columns: seen.columns(),
            rows,
        };
        Ok(out)
    }

    /// Calls `each` with every row that is not there as often afterwards as before: by how much, of which part, and its values.
    fn each_difference(&self, each: &mut dyn FnMut(i64, Option<i64>, &rusqlite::Row<'_>) -> Result<()>) -> Result<()> {
        let doing = "compare rows";
        let ours: Vec<String> = (0..self.columns.len()).map(|at| format!("c{at}")).collect();
        let part = match self.change {
            Change::ReplaceSlices { .. } | Change::ReplaceRanges { .. } => {
                format!(
                    "(select min(p.id) from temp.segue_parts p where {})",
                    self.in_part(&|at| format!("d.c{at}"))?
                )
            }
            _ => "null".into(),
        };
        let sql = format!("select d.w, {part}, {} from ({}) d", ours.join(", "), self.differing()?);
        let mut select = self.db.prepare(&sql).map_err(failed(doing))?;
        let mut rows = select.query([]).map_err(failed(doing))?;
        while let Some(row) = rows.next().map_err(failed(doing))? {
            each(
                row.get(0).map_err(failed(doing))?,
                row.get(1).map_err(failed(doing))?,
                row,
            )?;
        }
        Ok(())
    }
}

impl Prepared<'_> {
    /// The query for rows that are not there as often afterwards as before: `w` says by how much, `c0`, `c1` … are their values.
    pub(super) fn differing(&self) -> Result<String> {
        let ours: Vec<String> = (0..self.columns.len()).map(|at| format!("c{at}")).collect();
        let theirs: Vec<String> = self.columns.iter().map(|c| format!("t.{}", c.quoted)).collect();
        let mut come = ours.clone();
        if let Change::Merge { key, .. } = self.change {
            // A merge leaves what a row has in columns that do not come.
            for (at, column) in self.columns.iter().enumerate().filter(|(at, _)| !self.comes[*at]) {
                come[at] = format!(
                    "(select t.{} from main.{} as t where {} limit 1) as c{at}",
                    column.quoted,
                    self.quoted,
                    self.same_key(key)?
                );
            }
        }
        let marked = match (self.is_missing()?, self.marked()?) {
            (Some(missing), Some(marked)) => format!(
                "union all select 1, {} from main.{} as t where {missing}",
                marked.join(", "),
                self.quoted
            ),
            _ => String::new(),
        };
        // The incoming rows stand first: their columns' collation, which tells all bytes apart, is the one that groups.
        Ok(format!(
            "select sum(w) as w, {ours} from (
                select 1 as w, {come} from temp.segue_incoming i where i.deletes = 0
                {marked} union all select -1, {theirs} from main.{table} as t where {affected}
             ) group by {ours} having sum(w) <> 0",
            ours = ours.join(", "),
            come = come.join(", "),
            theirs = theirs.join(", "),
            table = self.quoted,
            affected = self.affected()?
        ))
    }
}

/// What readers will want to know of the rows that differ.
struct Seen<'a> {
    parts: BTreeSet<i64>,
    /// For each column that is ranged over and holds numbers: its index, its values so far, and what they came to before.
    grains: Vec<(&'a Grain, usize, Vec<i64>, Spans)>,
    columns: &'a [Column],
}

impl<'a> Seen<'a> {
    fn new(schema: &Schema, columns: &'a [Column], grains: &'a [Grain]) -> Result<Seen<'a>> {
        let mut known = Vec::new();
        for grain in grains {
            // A column that is not kept is everything to its readers.
            if let Ok(at) = schema.index_of(&grain.column)
                && has_numbers(&columns[at].of)
            {
                known.push((grain, at, Vec::new(), Spans::none()));
            }
        }
        Ok(Seen {
            parts: BTreeSet::new(),
            grains: known,
            columns,
        })
    }

    fn take(&mut self, part: Option<i64>, row: &rusqlite::Row<'_>) {
        self.parts.extend(part);
        for (grain, at, values, spans) in &mut self.grains {
            let value = row.get_ref(*at + 2).ok().and_then(|v| number(&self.columns[*at].of, v));
            values.extend(value);
            if values.len() == GATHERED {
                *spans = spans
                    .union(&grained(values.drain(..), grain))
                    .at_most(Footprint::MOST_SPANS);
            }
        }
    }

    fn columns(self) -> BTreeMap<String, Spans> {
        let grains = self.grains.into_iter();
        grains
            .map(|(grain, _, values, spans)| {
                let all = spans.union(&grained(values, grain)).at_most(Footprint::MOST_SPANS);
                (grain.column.clone(), all)
            })
            .collect()
    }
}
