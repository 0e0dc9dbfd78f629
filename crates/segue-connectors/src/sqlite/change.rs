//! A change of a table, inside one transaction: the staged rows beside the table as a temporary one, what they replace, what differs, and
//! the change itself. Working out, looking at and committing go the same way; only the last one keeps it.

use super::errors::failed;
use super::marks::{self, Mark};
use super::references::References;
use super::table::{self, Column, Fit, Table, Unique};
use super::types::{bound, encode};
use crate::columns::Builder;
use crate::plan::Plan;
use crate::staged;
use arrow_schema::{Schema, SchemaRef};
use rusqlite::types::Value as Stored;
use rusqlite::{Connection, params_from_iter};
use segue_core::align::align;
use segue_core::history::refuse_own;
use segue_core::sink::{Change, Missing, Target, VALID_FROM};
use segue_core::{Error, Kind, Labels, Result};
use segue_diag as codes;
use serde_json::Value;
use std::path::Path;
use std::sync::Arc;

/// A change whose rows are loaded and whose table takes them.
pub(super) struct Prepared<'a> {
    pub(super) db: &'a Connection,
    pub(super) change: &'a Change,
    /// The table's name, for SQL.
    pub(super) quoted: String,
    pub(super) columns: Vec<Column>,
    /// Whether there was no table.
    pub(super) is_new: bool,
    /// Whether the table's columns changed.
    pub(super) altered: bool,
    /// How many rows it lost when it was made anew.
    pub(super) lost: Option<u64>,
    /// Whether the table is ours to drop.
    pub(super) created: bool,
    /// Whether its definition is the one that we gave it, or gives it now.
    pub(super) is_made: bool,
    /// Whether the table may hold rows that share a key of the merge.
    pub(super) doubles: bool,
    pub(super) rows: u64,
    /// Whether each column is in any of the staged files. One that is in none is not touched by a merge.
    pub(super) comes: Vec<bool>,
    /// The triggers on the table.
    pub(super) triggers: Vec<String>,
    /// What is unique in it, and which of its columns are written.
    pub(super) unique: Vec<Unique>,
    pub(super) stored: Vec<String>,
    pub(super) references: References,
}

/// Loads the rows, makes or fits the table, and refuses rows that the change does not allow. Within a transaction that writes.
pub(super) fn prepare<'a>(db: &'a Connection, dir: &Path, target: &Target, plan: &'a Plan) -> Result<Prepared<'a>> {
    let Plan { schema, change, .. } = plan;
    let found = table::find(db, &target.place)?;
    let quoted = super::file::quoted(&target.place)?;
    let mark = mark(db, target)?;
    let is_ours = mark.as_ref().is_some_and(|m| m.created) || found.is_none();
    // A foreign table's declarations decide how it stores values; ours says what the types say.
    let columns = table::columns_of(schema, found.as_ref().filter(|_| !is_ours))?;
    // By these no two rows of a table that we make are alike. Those of a delete-insert share its key.
    let key: Vec<String> = match change {
        Change::Merge { key, .. } => key.clone(),
        Change::History { key, .. } => key.iter().cloned().chain([VALID_FROM.into()]).collect(),
        _ => Vec::new(),
    };
    let references = References::before(db, &target.place)?;
    let (rows, comes) = load(db, dir, target, plan, &columns)?;
    let mut prepared = Prepared {
        db,
        change,
        quoted,
        columns,
        is_new: found.is_none(),
        altered: false,
        lost: None,
        created: is_ours,
        is_made: found
            .as_ref()
            .is_none_or(|found| mark.as_ref().is_some_and(|m| m.made(found))),
        doubles: false,
        rows,
        comes,
        triggers: table::triggers(db, &target.place)?,
        unique: Vec::new(),
        stored: Vec::new(),
        references,
    };
    prepared.load_parts()?;
    prepared.check(target)?;
    match found {
        None => table::create(db, &prepared.quoted, schema, &key)?,
        Some(found) if !is_ours => {
            let comes = schema.fields().iter().zip(&prepared.comes).filter(|(_, comes)| **comes);
            let comes = Schema::new(comes.map(|(field, _)| field.clone()).collect::<Vec<_>>());
            table::check_foreign(&found, &target.place, &comes)?;
        }
        Some(found) => prepared.fit(target, &found, mark.as_ref(), schema)?,
    }
    if let Some(table) = table::find(db, &target.place)? {
        prepared.unique = table::unique(db, &target.place, &table)?;
        prepared.stored = table.stored();
        if let Change::Merge { key, .. } = change {
            let of_table = table.key();
            prepared.doubles = of_table.is_empty() || of_table.iter().any(|k| !key.contains(k));
        }
    }
    if let Change::History { key, at } = change {
        prepared.keep_history(key, *at)?;
    }
    Ok(prepared)
}

/// The asset's mark.
///
/// # Errors
/// `Conflict` when the table is another asset's.
pub(super) fn mark(db: &Connection, target: &Target) -> Result<Option<Mark>> {
    if !marks::exist(db)? {
        return Ok(None);
    }
    match marks::of_place(db, &target.place)? {
        Some(other) if other.asset != target.asset => Err(Error::new(
            Kind::Conflict,
            format!("the table `{}` belongs to another asset", target.place),
        )
        .code(codes::SQLITE_OTHER_TABLE)
        .with("asset", other.asset)
        .hint("give this asset another `table:` in `into:`, or drop the other one with `segue asset drop`")),
        found => Ok(found),
    }
}

/// The staged rows as a temporary table: `row`, `deletes`, then `c0`, `c1` … as the target declares them. How many there are, and which
/// columns any of them has.
fn load(db: &Connection, dir: &Path, target: &Target, plan: &Plan, columns: &[Column]) -> Result<(u64, Vec<bool>)> {
    let (schema, staged) = (coming(plan), &plan.staged);
    let declared: Vec<String> = columns
        .iter()
        .enumerate()
        .map(|(at, c)| format!(", c{at} {}", c.declared))
        .collect();
    db.execute_batch(&format!(
        "drop table if exists temp.segue_incoming; create temp table segue_incoming (row integer primary key, deletes integer not null{})",
        declared.concat()
    ))
    .map_err(failed("load staged rows"))?;
    let names = ["deletes".to_string()]
        .into_iter()
        .chain((0..columns.len()).map(|at| format!("c{at}")));
    let mut insert = table::insert_into(db, "temp.segue_incoming", names)?;
    let mut count = 0;
    let mut comes = vec![staged.is_empty(); columns.len()];
    for one in staged {
        let rows = staged::read(dir, one)?;
        refuse_own(&plan.change, &rows.schema, &target.name)?;
        for (comes, column) in comes.iter_mut().zip(columns) {
            *comes |= rows.schema.field_with_name(&column.name).is_ok();
        }
        for pair in rows {
            let (batch, deletes) = pair?;
            let batch = align(&batch, &schema)?;
            for row in 0..batch.num_rows() {
                table::insert_row(&mut insert, columns, &batch, row, [i64::from(deletes.value(row))])?;
            }
            count += batch.num_rows() as u64;
        }
    }
    // What the change fills by itself counts as if it came: a row that comes again is no longer marked.
    for own in plan.change.own_columns() {
        let at = columns.iter().position(|c| c.name == *own.name());
        at.into_iter().for_each(|at| comes[at] = true);
    }
    Ok((count, comes))
}

/// What staged rows are read as: the table's columns, empty where the change fills them by itself.
fn coming(plan: &Plan) -> SchemaRef {
    let own = plan.change.own_columns();
    let fields = plan
        .schema
        .fields()
        .iter()
        .map(|f| match own.iter().any(|o| o.name() == f.name()) {
            true => Arc::new(f.as_ref().clone().with_nullable(true)),
            false => f.clone(),
        });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

impl Prepared<'_> {
    pub(super) fn at(&self, name: &str) -> Result<usize> {
        self.columns
            .iter()
            .position(|c| c.name == name)
            .ok_or_else(|| Error::new(Kind::BadData, format!("the rows have no column `{name}`")))
    }

    /// The slices or ranges of the change as a temporary table, numbered as they are given.
    fn load_parts(&self) -> Result<()> {
        let doing = "load a change's parts";
        let run = |sql: String| self.db.execute_batch(&sql).map_err(failed(doing));
        match self.change {
            Change::ReplaceSlices { columns, slices } => {
                let at: Vec<usize> = columns.iter().map(|c| self.at(c)).collect::<Result<_>>()?;
                let declared: Vec<String> = at
                    .iter()
                    .map(|at| format!(", l{at} {}", self.columns[*at].declared))
                    .collect();
                let names: Vec<String> = at.iter().map(|at| format!("l{at}")).collect();
                run(format!(
                    "create temp table segue_parts (id integer primary key{})",
                    declared.concat()
                ))?;
                let mut insert = table::insert_into(
                    self.db,
                    "temp.segue_parts",
                    ["id".to_string()].into_iter().chain(names.clone()),
                )?;
                for (id, slice) in slices.iter().enumerate() {
                    let mut values = vec![Stored::Integer(id as i64)];
                    for at in &at {
                        values.push(label(&self.columns[*at], slice)?);
                    }
                    insert.execute(params_from_iter(values)).map_err(failed(doing))?;
                }
                run(format!(
                    "create index temp.segue_parts_by_label on segue_parts ({})",
                    names.join(", ")
                ))
            }
            Change::ReplaceRanges { column, ranges } => {
                let of = &self.columns[self.at(column)?].of;
                run("create temp table segue_parts (id integer primary key, lo, hi)".into())?;
                let mut insert = table::insert_into(
                    self.db,
                    "temp.segue_parts",
                    ["id", "lo", "hi"].map(str::to_string).into_iter(),
                )?;
                for (id, range) in ranges.as_slice().iter().enumerate() {
                    let (Some(lo), Some(hi)) = (bound(of, range.from), bound(of, range.to)) else {
                        return Err(Error::new(
                            Kind::Unsupported,
                            format!("ranges of column `{column}` cannot be replaced in SQLite: it is {of}"),
                        )
                        .hint("use a date, a timestamp or a whole number as the output column"));
                    };
                    insert.execute((id as i64, lo, hi)).map_err(failed(doing))?;
                }
                Ok(())
            }
            Change::Append
            | Change::ReplaceTable
            | Change::Merge { .. }
            | Change::DeleteInsert { .. }
            | Change::History { .. } => Ok(()),
        }
    }

    /// The condition under which a row belongs to part `p`; `column` names the row's column by its index.
    pub(super) fn in_part(&self, column: &dyn Fn(usize) -> String) -> Result<String> {
        Ok(match self.change {
            Change::ReplaceSlices { columns, .. } => {
                let each: Vec<String> = columns
                    .iter()
                    .map(|c| self.at(c).map(|at| format!("p.l{at} is {}", column(at))))
                    .collect::<Result<_>>()?;
                each.join(" and ")
            }
            Change::ReplaceRanges { column: name, .. } => {
                let of_row = column(self.at(name)?);
                format!("{of_row} >= p.lo and {of_row} < p.hi")
            }
            _ => "0".into(),
        })
    }

    /// The condition under which the change takes row `t` of the table away.
    pub(super) fn affected(&self) -> Result<String> {
        Ok(match self.change {
            Change::Append => "0".into(),
            Change::ReplaceTable => "1".into(),
            Change::Merge { key, .. } | Change::DeleteInsert { key } => {
                let comes = format!(
                    "exists (select 1 from temp.segue_incoming i where {})",
                    self.same_key(key)?
                );
                match self.is_missing()? {
                    Some(missing) => format!("({comes} or ({missing}))"),
                    None => comes,
                }
            }
            Change::History { key, .. } => self.closes(key)?,
            _ => format!(
                "exists (select 1 from temp.segue_parts p where {})",
                self.in_part(&|at| format!("t.{}", self.columns[at].quoted))?
            ),
        })
    }

    /// The condition under which row `t` of the table stays beside those that come, whatever these are.
    pub(super) fn beside(&self) -> Result<String> {
        Ok(match self.change {
            Change::Merge { key, missing } => match missing {
                Missing::Delete => "0".into(),
                _ => format!(
                    "not exists (select 1 from temp.segue_incoming i where {})",
                    self.same_key(key)?
                ),
            },
            _ => format!("not ({})", self.affected()?),
        })
    }

    /// The condition under which row `i` of the incoming ones has the key of row `t`.
    pub(super) fn same_key(&self, key: &[String]) -> Result<String> {
        let each: Vec<String> = key
            .iter()
            .map(|k| self.at(k).map(|at| format!("i.c{at} = t.{}", self.columns[at].quoted)))
            .collect::<Result<_>>()?;
        Ok(each.join(" and "))
    }

    pub(super) fn count(&self, sql: &str) -> Result<u64> {
        let count: i64 = self
            .db
            .query_row(sql, [], |r| r.get(0))
            .map_err(failed("look at staged rows"))?;
        Ok(count as u64)
    }

    /// Refuses null and doubled keys, and rows outside of what is replaced.
    fn check(&self, target: &Target) -> Result<()> {
        let bad = |count: u64, what: String| {
            if count == 0 {
                Ok(())
            } else {
                Err(Error::new(
                    Kind::BadData,
                    format!("{count} rows for {} {what}", target.name),
                ))
            }
        };
        match self.change {
            Change::Append | Change::ReplaceTable => Ok(()),
            Change::Merge { key, .. } | Change::DeleteInsert { key } | Change::History { key, .. } => {
                let at: Vec<String> = key
                    .iter()
                    .map(|k| self.at(k).map(|at| format!("c{at}")))
                    .collect::<Result<_>>()?;
                let keys = at.join(", ");
                let nulls: Vec<String> = at.iter().map(|c| format!("{c} is null")).collect();
                let empty = self.count(&format!(
                    "select count(*) from temp.segue_incoming where {}",
                    nulls.join(" or ")
                ))?;
                bad(empty, format!("have an empty key ({})", key.join(", ")))?;
                if !matches!(self.change, Change::DeleteInsert { .. }) {
                    let doubled = self.count(&format!(
                        "select coalesce(sum(n), 0) from (select count(*) as n from temp.segue_incoming group by {keys} having count(*) > 1)"
                    ))?;
                    bad(doubled, format!("share a key ({}) with another", key.join(", ")))?;
                }
                self.db
                    .execute_batch(&format!(
                        "create index temp.segue_incoming_by_key on segue_incoming ({keys})"
                    ))
                    .map_err(failed("look at staged rows"))
            }
            Change::ReplaceSlices { columns, .. } => bad(
                self.count(&self.outside()?)?,
                format!("belong to other slices ({})", columns.join(", ")),
            ),
            Change::ReplaceRanges { column, .. } => bad(
                self.count(&self.outside()?)?,
                format!("lie outside the ranges of {column}"),
            ),
        }
    }

    fn outside(&self) -> Result<String> {
        let inside = self.in_part(&|at| format!("i.c{at}"))?;
        Ok(format!(
            "select count(*) from temp.segue_incoming i where not exists (select 1 from temp.segue_parts p where {inside})"
        ))
    }

    /// Brings a table of ours to the schema.
    fn fit(&mut self, target: &Target, found: &Table, mark: Option<&Mark>, schema: &SchemaRef) -> Result<()> {
        let old = found.schema(self.db, mark)?;
        let is_whole = *self.change == Change::ReplaceTable;
        let is_made = self.is_made;
        let mut key = found.key();
        let mut fit = table::fit(found, &old, schema, (is_whole, is_made))?;
        // What somebody else said of it stays: rows that break it are told.
        if is_whole && is_made && !key.is_empty() && self.breaks_key(&key)? {
            (fit, key) = (Fit::Convert, Vec::new());
        }
        match fit {
            Fit::Fits => {
                // One declaration stands for several types: the table holds the rows as it is, and its schema is another.
                self.altered = table::retyped(&old, schema)?;
                return Ok(());
            }
            Fit::Add => table::add_columns(self.db, found, &self.columns)?,
            Fit::Convert => {
                if is_whole {
                    self.lost = Some(self.count(&format!("select count(*) from main.{}", self.quoted))?);
                }
                key.retain(|k| schema.field_with_name(k).is_ok());
                table::convert(self.db, target, found, &old, schema, &key, (!is_whole, is_made))?;
            }
        }
        self.altered = true;
        Ok(())
    }

    /// Whether the rows that are to be the table do not keep its key: the key is no longer what it was.
    fn breaks_key(&self, key: &[String]) -> Result<bool> {
        let Ok(at) = key
            .iter()
            .map(|k| self.at(k).map(|at| format!("c{at}")))
            .collect::<Result<Vec<_>>>()
        else {
            return Ok(true);
        };
        let nulls: Vec<String> = at.iter().map(|c| format!("{c} is null")).collect();
        let broken = self.count(&format!(
            "select exists (select 1 from temp.segue_incoming where {} union all select 1 from temp.segue_incoming group by {} having count(*) > 1)",
            nulls.join(" or "),
            at.join(", ")
        ))?;
        Ok(broken > 0)
    }
}

/// A slice's label as its column stores it.
fn label(column: &Column, slice: &Labels) -> Result<Stored> {
    let value = slice.get(&column.name).unwrap_or(&Value::Null);
    let mut one = Builder::new(&column.of);
    let pushed = match value {
        Value::Null => {
            one.push_null();
            Ok(())
        }
        Value::String(text) => one.push_text(text),
        other => one.push_text(&other.to_string()),
    };
    pushed.map_err(|misfit| {
        Error::new(
            Kind::BadData,
            format!("slice `{slice}`: column `{}`: {}", column.name, misfit.reason),
        )
    })?;
    encode(&column.of, &one.finish()?, 0)
}
