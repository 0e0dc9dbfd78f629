//! What a change would do to a table: rows compared by the server, and what readers of the table need to know of those that differ.

use super::change::{Column, Prepared};
use super::errors::failed;
use super::marks::asked;
use super::target::comparable;
use crate::plan::Plan;
use arrow_schema::Schema;
use futures::TryStreamExt;
use segue_core::sink::{Change, DELETED_AT, Grain, Missing, MissingRows, WorkedOut, grained};
use segue_core::{Footprint, Result, Spans, Type};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use tokio_postgres::Row;

/// How many values of a column are gathered before they are put into their grain.
const GATHERED: usize = 65_536;

/// From this version on the server hashes rows as they are, not as text.
const HASHES_ROWS_SINCE: i32 = 140_000;

impl Prepared<'_> {
    /// What the change does to the table, compared row by row, equal rows left out. Where a whole table is replaced and nobody ranges over
    /// it, it is only asked whether the rows are the same ones.
    pub async fn difference(&self, grains: &[Grain], plan: &Plan) -> Result<WorkedOut> {
        let altered = self.is_altered()?;
        let mut seen = Seen::new(&self.columns, grains);
        if let Change::ReplaceRanges { column, .. } = self.change {
            seen.note_stretches(&self.columns, column);
        }
        let mut out = WorkedOut {
            unchanged: false,
            unchanged_slices: BTreeSet::new(),
            unchanged_ranges: Spans::none(),
            rows_written: 0,
            rows_removed: 0,
            missing: self.missing().await?,
            bytes_written: plan.staged.iter().map(|s| s.bytes).sum(),
            footprint: Footprint::Everything,
            plan: plan.to_json()?,
        };
        if let (Change::ReplaceTable, Some(table)) = (self.change, &self.found)
            && (altered || seen.grains.is_empty())
        {
            let theirs = self
                .count(&format!("select count(*) from {}", table.place.quoted()))
                .await?;
            let ours = self
                .count(&format!("select count(*) from {} i", self.incoming()?))
                .await?;
            if !altered && ours == theirs && self.are_same().await? {
                (out.unchanged, out.footprint) = (true, Footprint::nothing());
                return Ok(out);
            }
            (out.rows_written, out.rows_removed) = (ours, theirs);
            return Ok(out);
        }
        let is_all_new = self.found.is_none() || *self.change == Change::Append;
        let is_plain = self.parts()?.is_none() && !self.pieces.iter().any(|p| p.deletes);
        if is_all_new && is_plain && seen.all().next().is_none() {
            // Every row is one more, and nobody wants to know which: they need not be looked at.
            out.rows_written = plan.staged.iter().map(|s| s.rows).sum();
        } else {
            self.each_difference(&mut seen, &mut out).await?;
        }
        let changed = std::mem::take(&mut seen.parts);
        let mut labels = BTreeSet::new();
        let mut left = plan.clone();
        match (self.change, &mut left.change) {
            (Change::ReplaceSlices { slices, .. }, Change::ReplaceSlices { slices: left, .. }) => {
                for (id, slice) in slices.iter().enumerate() {
                    if changed.contains(&(id as i64)) {
                        labels.insert(slice.clone());
                    } else {
                        left.remove(slice);
                        out.unchanged_slices.insert(slice.clone());
                    }
                }
            }
            (Change::ReplaceRanges { ranges, .. }, Change::ReplaceRanges { ranges: left, .. }) => {
                let same = ranges
                    .as_slice()
                    .iter()
                    .enumerate()
                    .filter(|(id, _)| !changed.contains(&(*id as i64)));
                // Of the others, what lies between the values that changed; where these are many, they count as their hull.
                let between = ranges.minus(&seen.stretches());
                out.unchanged_ranges = Spans::of(same.map(|(_, range)| *range)).union(&between);
                *left = ranges.minus(&out.unchanged_ranges);
            }
            _ => {}
        }
        out.plan = left.to_json()?;
        let rows = out.rows_written + out.rows_removed;
        out.unchanged = rows == 0 && self.found.is_some() && !altered;
        out.footprint = Footprint::Parts {
            labels,
            columns: seen.columns(),
            rows,
        };
        Ok(out)
    }

    /// What did not come, where that is asked.
    async fn missing(&self) -> Result<MissingRows> {
        let (Change::Merge { missing, .. }, Some(table)) = (self.change, &self.found) else {
            return Ok(MissingRows::default());
        };
        let all = format!("select count(*) from {} t", table.place.quoted());
        let of = match missing {
            Missing::Keep | Missing::Unknown => return Ok(MissingRows::default()),
            Missing::Delete => all.clone(),
            Missing::Mark { .. } => format!("{all} where {} is null", self.there(self.at(DELETED_AT)?)),
        };
        Ok(MissingRows {
            gone: self.count(&format!("{all} where {}", self.is_missing()?)).await?,
            of: self.count(&of).await?,
        })
    }

    /// Whether the table's columns have to change.
    pub fn is_altered(&self) -> Result<bool> {
        let Some(table) = self.found.as_ref().filter(|_| self.created) else {
            return Ok(false);
        };
        let drops = *self.change == Change::ReplaceTable;
        let names = |schema: &Schema| schema.fields().iter().map(|f| f.name().clone()).collect::<Vec<_>>();
        if drops && names(&self.before) != names(&self.schema) {
            return Ok(true);
        }
        Ok(!self.fit(table, drops)?.is_empty())
    }

    /// Whether the incoming rows are those of the table, each as often: by the sum of their hashes under a seed that nobody knows before.
    async fn are_same(&self) -> Result<bool> {
        let version = asked(
            self.client,
            "select pg_catalog.current_setting('server_version_num')::int4",
            &[],
            "compare rows",
        )
        .await?;
        let by_rows = version
            .first()
            .is_some_and(|row| row.get::<_, i32>(0) >= HASHES_ROWS_SINCE);
        let seed = (uuid::Uuid::new_v4().as_u128() >> 66) as i64;
        let sum = |value: &dyn Fn(usize) -> String, from: String| {
            let each: Vec<String> = (0..self.columns.len())
                .map(|at| comparable(&value(at), &self.columns[at].declared))
                .collect();
            let hash = match by_rows {
                true => format!("pg_catalog.hash_record_extended(row({}), {seed})", each.join(", ")),
                false => format!("pg_catalog.hashtextextended(row({})::text, {seed})", each.join(", ")),
            };
            format!("(select coalesce(sum({hash}), 0) from {from})")
        };
        let Some(table) = &self.found else { return Ok(false) };
        let sql = format!(
            "select {} = {}",
            sum(&|at| format!("i.c{at}"), format!("{} i", self.incoming()?)),
            sum(&|at| self.there(at), format!("{} t", table.place.quoted()))
        );
        let same = asked(self.client, &sql, &[], "compare rows").await?;
        Ok(same.first().is_some_and(|row| row.get(0)))
    }

    /// Counts the rows that are not there as often afterwards as before, and notes their parts and values.
    async fn each_difference(&self, seen: &mut Seen<'_>, out: &mut WorkedOut) -> Result<()> {
        let doing = "compare rows";
        let values: Vec<String> = seen
            .all()
            .map(|g| number(&format!("d.c{}", g.at), &self.columns[g.at]))
            .collect();
        let (part, parts) = match self.parts()? {
            Some(parts) => (
                "p.id::int8",
                format!("left join {parts} on {}", self.in_part(&|at| format!("d.c{at}"))?),
            ),
            None => ("null::int8", String::new()),
        };
        let groups: Vec<String> = (1..=values.len() + 1).map(|at| at.to_string()).collect();
        let each = values.iter().map(|v| format!(", {v}")).collect::<String>();
        let sql = format!(
            "select {part}{each}, sum(greatest(d.w, 0))::int8, sum(greatest(-d.w, 0))::int8 from ({}) d {parts} group by {}",
            self.differing()?,
            groups.join(", ")
        );
        let no_params: [(String, tokio_postgres::types::Type); 0] = [];
        let rows = self
            .client
            .query_typed_raw(&sql, no_params)
            .await
            .map_err(failed(doing))?;
        let mut rows = std::pin::pin!(rows);
        while let Some(row) = rows.try_next().await.map_err(failed(doing))? {
            out.rows_written += row.get::<_, i64>(values.len() + 1) as u64;
            out.rows_removed += row.get::<_, i64>(values.len() + 2) as u64;
            seen.take(&row);
        }
        Ok(())
    }

    /// The query for rows that are not there as often afterwards as before: `w` says by how much, `c0`, `c1` … are their values.
    pub fn differing(&self) -> Result<String> {
        let rows: Vec<String> = (0..self.columns.len()).map(|at| format!("n.c{at}")).collect();
        let new = format!("select 1 as w, {} from ({}) n", rows.join(", "), self.new_rows()?);
        let Some(table) = &self.found else { return Ok(new) };
        let (there, name) = (self.listed(&|at| self.there(at)), table.place.quoted());
        let mut both = vec![new];
        both.extend(
            self.gone()?
                .into_iter()
                .map(|gone| format!("select -1, {there} from {name} t where {gone}")),
        );
        let both = both.join(" union all ");
        if !self.may_repeat() {
            return Ok(both);
        }
        // Grouped by what they are compared by, and then again what they are.
        let columns = self.columns.iter().enumerate();
        let compared = columns
            .clone()
            .map(|(at, c)| format!("{} as g{at}", comparable(&format!("u.c{at}"), &c.declared)));
        let shown = columns
            .clone()
            .map(|(at, c)| format!("v.g{at}::{} as c{at}", c.declared));
        let grouped = columns.map(|(at, _)| format!("v.g{at}"));
        Ok(format!(
            "select sum(v.w)::int8 as w, {} from (select u.w, {} from ({both}) u) v group by {} having sum(v.w) <> 0",
            shown.collect::<Vec<_>>().join(", "),
            compared.collect::<Vec<_>>().join(", "),
            grouped.collect::<Vec<_>>().join(", "),
        ))
    }
}

/// A value as a number, for ranges and footprints: days and instants in microseconds since 1970. Null for null, and for infinities.
fn number(value: &str, column: &Column) -> String {
    match column.of {
        Type::Date => format!(
            "case when pg_catalog.isfinite(({value})::date) then (({value})::date - date '1970-01-01')::int8 * 86400000000 end"
        ),
        Type::Timestamp | Type::LocalTimestamp => {
            let value = format!("({value})::{}", column.of.postgres());
            // In whole numbers: before version 14 the server gives an epoch as a number of 15 digits.
            format!(
                "case when pg_catalog.isfinite({value}) then extract(epoch from date_trunc('second', {value}))::int8 * 1000000
                    + extract(microseconds from {value})::int8 % 1000000 end"
            )
        }
        _ => format!("({value})::int8"),
    }
}

/// Whether readers can range over a column of this type.
fn has_numbers(of: &Type) -> bool {
    matches!(
        of,
        Type::Date | Type::Timestamp | Type::LocalTimestamp | Type::Int8 | Type::Int16 | Type::Int32 | Type::Int64
    )
}

/// What readers will want to know of the rows that differ.
struct Seen<'a> {
    parts: BTreeSet<i64>,
    grains: Vec<Ranged<'a>>,
    /// The column whose ranges are replaced.
    stretches: Option<Ranged<'a>>,
}

/// A column that is ranged over: its values so far, and what they came to before.
struct Ranged<'a> {
    grain: Cow<'a, Grain>,
    at: usize,
    values: Vec<i64>,
    spans: Spans,
}

impl<'a> Seen<'a> {
    fn new(columns: &[Column], grains: &'a [Grain]) -> Seen<'a> {
        let known = grains.iter().filter_map(|grain| {
            // A column that is not kept is everything to its readers.
            let at = columns.iter().position(|c| c.name == grain.column)?;
            has_numbers(&columns[at].of).then(|| Ranged {
                grain: Cow::Borrowed(grain),
                at,
                values: Vec::new(),
                spans: Spans::none(),
            })
        });
        Seen {
            parts: BTreeSet::new(),
            grains: known.collect(),
            stretches: None,
        }
    }

    /// Notes the values of this column as they are, too.
    fn note_stretches(&mut self, columns: &[Column], column: &str) {
        let at = columns.iter().position(|c| c.name == column);
        self.stretches = at.filter(|at| has_numbers(&columns[*at].of)).map(|at| Ranged {
            grain: Cow::Owned(Grain {
                column: column.to_string(),
                bounds: Vec::new(),
            }),
            at,
            values: Vec::new(),
            spans: Spans::none(),
        });
    }

    fn all(&self) -> impl Iterator<Item = &Ranged<'a>> {
        self.grains.iter().chain(&self.stretches)
    }

    /// The values at which a replaced range changed.
    fn stretches(&mut self) -> Spans {
        self.stretches.take().map(Ranged::spans).unwrap_or_default()
    }

    fn take(&mut self, row: &Row) {
        self.parts.extend(row.get::<_, Option<i64>>(0));
        for (at, ranged) in self.grains.iter_mut().chain(&mut self.stretches).enumerate() {
            ranged.values.extend(row.get::<_, Option<i64>>(at + 1));
            if ranged.values.len() == GATHERED {
                let new = grained(ranged.values.drain(..), &ranged.grain);
                ranged.spans = ranged.spans.union(&new).at_most(Footprint::MOST_SPANS);
            }
        }
    }

    fn columns(self) -> BTreeMap<String, Spans> {
        let each = self.grains.into_iter();
        each.map(|ranged| (ranged.grain.column.clone(), ranged.spans()))
            .collect()
    }
}

impl Ranged<'_> {
    fn spans(self) -> Spans {
        let last = grained(self.values, &self.grain);
        self.spans.union(&last).at_most(Footprint::MOST_SPANS)
    }
}
