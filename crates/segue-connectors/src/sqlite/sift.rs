//! Sifting: which of the incoming rows the table's own rules do not let in.
//!
//! The change is tried in a transaction that is taken back. Where it fails, rows with values that are not unique and rows that refer to nothing are
//! asked for, all at once; what else the table has against rows only shows when they are written, in halves of them.

use super::change::Prepared;
use super::errors::failed;
use super::table::{self, Unique, column_name};
use crate::halves::{Halves, untold, within};
use crate::staged::Refusal;
use segue_core::sink::Change;
use segue_core::{Error, Result};
use segue_diag as codes;
use std::collections::BTreeMap;

const DOING: &str = "look for rows that break a rule of the table";

/// How often it is looked again: a row that is taken out may be what another one needs.
const MOST_ROUNDS: usize = 100;

/// How often parts of the rows are tried.
const MOST_TRIES: u32 = 1_000_000;

impl Prepared<'_> {
    /// The incoming rows that the table does not let in, by their number. They are no longer among the incoming ones.
    ///
    /// # Errors
    /// `BadData` where the table refuses rows, and which cannot be told.
    pub(super) fn sift(&self, place: &str) -> Result<BTreeMap<i64, Refusal>> {
        let (rules, mut refused) = (self.rules(place)?, BTreeMap::new());
        for _ in 0..MOST_ROUNDS {
            let Some(why) = self.tried()? else { return Ok(refused) };
            let before = refused.len();
            for (broken, refusal) in &rules {
                self.take_out(broken, refusal, &mut refused)?;
            }
            if refused.len() == before {
                self.halved(place, &mut refused)?;
            }
            if refused.len() == before {
                return Err(why);
            }
        }
        match self.tried()? {
            Some(why) => Err(untold(why)),
            None => Ok(refused),
        }
    }

    /// Carries the change out and takes it back; why the table refuses it.
    fn tried(&self) -> Result<Option<Error>> {
        self.attempt("segue_tried", true, || self.apply())
    }

    /// Tries something; why the table refuses it, and then it is as if it had not been. So it is at any rate where it is to be `taken_back`.
    fn attempt(&self, name: &str, taken_back: bool, what: impl FnOnce() -> Result<()>) -> Result<Option<Error>> {
        let run = |sql: String| self.db.execute_batch(&sql).map_err(failed(DOING));
        run(format!("savepoint {name}"))?;
        let why = match what() {
            Ok(()) => None,
            Err(error) if error.error_code() == Some(codes::SQLITE_CONSTRAINT) => Some(error),
            Err(error) => return Err(error),
        };
        if taken_back || why.is_some() {
            // A trigger may have taken the whole transaction back.
            let back = run(format!("rollback to {name}"));
            if let (Err(_), Some(why)) = (&back, &why) {
                return Err(why.again());
            }
            back?;
        }
        run(format!("release {name}"))?;
        Ok(why)
    }

    /// The rules that can be asked about: the condition under which row `i` breaks one, and what is said then.
    fn rules(&self, place: &str) -> Result<Vec<(String, Refusal)>> {
        let mut rules = self.references_of(place)?;
        for unique in &self.unique {
            let Some(broken) = self.is_twice(unique)? else { continue };
            rules.push((
                broken,
                Refusal {
                    rule: Some(unique.name.clone()),
                    column: match unique.columns.as_slice() {
                        [(only, _)] => Some(only.clone()),
                        _ => None,
                    },
                    reason: format!(
                        "it breaks `{}` of the table: another row has the same value",
                        unique.name
                    ),
                },
            ));
        }
        Ok(rules)
    }

    /// The condition under which another row that comes, or one that stays, has the same values as row `i`. `None` where one of them does not come.
    fn is_twice(&self, unique: &Unique) -> Result<Option<String>> {
        let Some(at) = self.coming(unique.columns.iter().map(|(name, _)| name)) else {
            return Ok(None);
        };
        let by = |n: usize| &unique.columns[n].1;
        let each = |of: &dyn Fn(usize, usize) -> String, with: &str| {
            let each: Vec<String> = at.iter().enumerate().map(|(n, at)| of(n, *at)).collect();
            each.join(with)
        };
        let mut there = Vec::with_capacity(at.len());
        for (n, at) in at.iter().enumerate() {
            let name = column_name(&unique.columns[n].0)?;
            there.push(format!("t.{name} collate {} = i.c{at}", by(n)));
        }
        Ok(Some(format!(
            "(({come}) in (select {twin} from temp.segue_incoming j where j.deletes = 0 and {known} group by {grouped} having count(*) > 1)
              or exists (select 1 from main.{table} as t where {there} and {beside})) and {new}",
            come = each(&|n, at| format!("i.c{at} collate {}", by(n)), ", "),
            twin = each(&|_, at| format!("j.c{at}"), ", "),
            known = each(&|_, at| format!("j.c{at} is not null"), " and "),
            grouped = each(&|n, at| format!("j.c{at} collate {}", by(n)), ", "),
            table = self.quoted,
            there = there.join(" and "),
            beside = self.beside()?,
            new = self.is_new_row()?,
        )))
    }

    /// The table's references to others, or to itself: the conditions under which row `i` refers to nothing.
    fn references_of(&self, place: &str) -> Result<Vec<(String, Refusal)>> {
        let mut found = self
            .db
            .prepare("select id, \"table\", \"from\", \"to\" from pragma_foreign_key_list($1, 'main') order by id, seq")
            .map_err(failed(DOING))?;
        let rows = found
            .query_map([place], |r| Ok((r.get::<_, i64>(0)?, r.get(1)?, r.get(2)?, r.get(3)?)))
            .map_err(failed(DOING))?;
        let rows: Vec<(i64, String, String, Option<String>)> =
            rows.collect::<rusqlite::Result<_>>().map_err(failed(DOING))?;
        let mut rules = Vec::new();
        for reference in rows.chunk_by(|a, b| a.0 == b.0) {
            let (parent, from) = (&reference[0].1, reference.iter().map(|r| &r.2));
            let Some(at) = self.coming(from.clone()) else { continue };
            let Some(parent_table) = table::find(self.db, parent)? else {
                continue;
            };
            // Where it names no columns, it means the key.
            let named: Option<Vec<String>> = reference.iter().map(|r| r.3.clone()).collect();
            let to = named.unwrap_or_else(|| parent_table.key());
            if to.len() != at.len() || (at.len() > 1 && reference[0].3.is_none()) {
                continue;
            }
            let mut same = Vec::with_capacity(at.len());
            for (at, to) in at.iter().zip(&to) {
                same.push(format!("t.{} = i.c{at}", column_name(to)?));
            }
            let same = same.join(" and ");
            let is_own = parent.eq_ignore_ascii_case(place);
            let nowhere = match (is_own, self.coming(to.iter())) {
                (false, _) => format!(
                    "not exists (select 1 from main.{} as t where {same})",
                    parent_table.quoted
                ),
                (true, Some(of_parent)) => {
                    let come: Vec<String> = at.iter().map(|at| format!("i.c{at}")).collect();
                    let known: Vec<String> = of_parent.iter().map(|at| format!("j.c{at}")).collect();
                    format!(
                        "not exists (select 1 from main.{} as t where {same} and {})
                         and ({}) not in (select {} from temp.segue_incoming j where j.deletes = 0 and {} is not null)",
                        self.quoted,
                        self.beside()?,
                        come.join(", "),
                        known.join(", "),
                        known.join(" is not null and ")
                    )
                }
                (true, None) => continue,
            };
            let has: Vec<String> = at.iter().map(|at| format!("i.c{at} is not null")).collect();
            let names: Vec<&str> = from.map(String::as_str).collect();
            rules.push((
                format!("{} and {nowhere} and {}", has.join(" and "), self.is_new_row()?),
                Refusal {
                    rule: Some(format!("references {parent}")),
                    column: (names.len() == 1).then(|| names[0].to_string()),
                    reason: format!(
                        "it refers to a row of the table `{parent}` that is not there ({})",
                        names.join(", ")
                    ),
                },
            ));
        }
        Ok(rules)
    }

    /// That row `i` is not there as it comes: what is there was there first, and what was broken before is left alone.
    fn is_new_row(&self) -> Result<String> {
        let Change::Merge { key, .. } = self.change else {
            return Ok("1".into());
        };
        Ok(format!(
            "not exists (select 1 from main.{} as t where {} and not ({}))",
            self.quoted,
            self.same_key(key)?,
            self.differ(key)
        ))
    }

    /// Where these columns stand, if all of them come.
    fn coming<'n>(&self, names: impl Iterator<Item = &'n String>) -> Option<Vec<usize>> {
        let place = |name: &String| {
            let at = self.columns.iter().position(|c| c.name.eq_ignore_ascii_case(name))?;
            self.comes[at].then_some(at)
        };
        names.map(place).collect()
    }

    /// Takes the rows out that fit the condition.
    fn take_out(&self, broken: &str, refusal: &Refusal, refused: &mut BTreeMap<i64, Refusal>) -> Result<()> {
        let found = self.numbers(&format!(
            "select i.row from temp.segue_incoming i where i.deletes = 0 and {broken}"
        ))?;
        for row in found {
            self.leave_out(row)?;
            refused.insert(row, refusal.clone());
        }
        Ok(())
    }

    fn leave_out(&self, row: i64) -> Result<()> {
        let mut delete = self
            .db
            .prepare_cached("delete from temp.segue_incoming where row = ?1")
            .map_err(failed(DOING))?;
        delete.execute([row]).map_err(failed(DOING))?;
        Ok(())
    }

    fn numbers(&self, sql: &str) -> Result<Vec<i64>> {
        let mut select = self.db.prepare(sql).map_err(failed(DOING))?;
        let rows = select.query_map([], |r| r.get(0)).map_err(failed(DOING))?;
        rows.collect::<rusqlite::Result<_>>().map_err(failed(DOING))
    }

    /// Carries the change out in parts, takes it back, and then takes the rows out that failed alone.
    fn halved(&self, place: &str, refused: &mut BTreeMap<i64, Refusal>) -> Result<()> {
        let last = self.count("select coalesce(max(row), 0) from temp.segue_incoming")?;
        let (mut halves, mut reasons) = (Halves::of(1..last + 1, MOST_TRIES), BTreeMap::new());
        self.run("savepoint segue_halved".into())?;
        // What fails here is no row's fault that comes.
        let that = self.take_away()?;
        while let Some(part) = halves.part() {
            let rows = format!("{that} and {}", within("i.row", &part));
            let Some(why) = self.attempt("segue_part", false, || self.bring(&rows))? else {
                continue;
            };
            if halves.is_enough() {
                return Err(untold(why));
            }
            if let Some(row) = halves.failed(part) {
                reasons.insert(row, why);
            }
        }
        self.run("rollback to segue_halved; release segue_halved".into())?;
        let (before, mut on_its_way) = (refused.len(), None);
        for row in halves.refused() {
            let Some(why) = reasons.remove(&row) else { continue };
            let refusal = Refusal::of(&why);
            // Who breaks these was asked of all rows at once: that one breaks it only on its way is no fault of the row's, which may exchange
            // a value with another one.
            let is_asked = |u: &&Unique| self.coming(u.columns.iter().map(|(name, _)| name)).is_some();
            let mut asked = self.unique.iter().filter(is_asked);
            if asked.any(|u| refusal.reason.ends_with(&u.said(place))) {
                on_its_way = Some(why);
                continue;
            }
            self.leave_out(row as i64)?;
            refused.insert(row as i64, refusal);
        }
        match on_its_way {
            Some(why) if refused.len() == before => Err(untold(why)),
            _ => Ok(()),
        }
    }
}

impl Refusal {
    /// What SQLite says of a row.
    fn of(why: &Error) -> Refusal {
        let words = std::error::Error::source(why).map_or_else(|| why.message().to_string(), ToString::to_string);
        let named = |before: &str| words.strip_prefix(before).map(str::to_string);
        let column = named("NOT NULL constraint failed: ");
        Refusal {
            rule: named("CHECK constraint failed: "),
            column: column.map(|c| c.rsplit_once('.').map_or(c.clone(), |(_, name)| name.to_string())),
            reason: format!("the table refuses it: {words}"),
        }
    }
}
