//! Carrying a change out: rows that do not differ are left where they are, and what the table's own triggers make of the others is
//! looked at before it counts.

use super::change::Prepared;
use super::errors::failed;
use super::table::{self, Column};
use crate::triggers::changed_by;
use segue_core::Result;
use segue_core::sink::Change;
use segue_diag as codes;

impl Prepared<'_> {
    /// Carries it out.
    ///
    /// # Errors
    /// `BadData` for a rule of the table that a row breaks, a trigger that makes something else of the rows, and a reference that would
    /// lead nowhere.
    pub fn apply(&self) -> Result<()> {
        let all = format!("select count(*) from main.{}", self.quoted);
        let affected = format!(
            "select count(*) from main.{} as t where {}",
            self.quoted,
            self.affected()?
        );
        let rest = match self.triggers.is_empty() {
            true => 0,
            false => self.count(&all)? - self.count(&affected)?,
        };
        let stay_marked = match self.marked()? {
            Some(_) => self.count_missing()?.gone,
            None => 0,
        };
        let that = self.take_away()?;
        self.bring(&that)?;
        if !self.triggers.is_empty() {
            let come = self.count("select count(*) from temp.segue_incoming where deletes = 0")?;
            let is_other = match self.change {
                Change::Append => false,
                Change::History { key, .. } => self.lacks_history(key)?,
                _ => self.count(&format!("select exists ({})", self.differing()?))? > 0,
            };
            if is_other || self.count(&all)? != rest + come + stay_marked {
                return Err(changed_by(&self.triggers, codes::SQLITE_CONSTRAINT));
            }
        }
        self.references.refuse_broken(self.db)
    }

    /// Takes the rows away that go. The condition, behind others, for the incoming rows `i` that come in their place.
    pub fn take_away(&self) -> Result<String> {
        match self.change {
            Change::Merge { key, .. } => {
                self.take_missing()?;
                self.take_merged(key)?;
            }
            Change::History { .. } => self.close()?,
            Change::Append => {}
            // There is no row in it.
            _ if self.is_new || self.lost.is_some() => {}
            _ => return self.take_differing(),
        }
        Ok(String::new())
    }

    /// Brings those of the incoming rows `i` that fit the condition.
    pub fn bring(&self, and: &str) -> Result<()> {
        match self.change {
            Change::Merge { key, .. } => self.update_and_insert(key, and),
            _ => self.insert(and),
        }
    }

    /// What is said to rules that would drop a row where it breaks them (ON CONFLICT in the table's definition): it is an error. With
    /// triggers nothing is said, because it would go for what they do, too; then the rows are counted.
    pub(super) fn or_abort(&self) -> &'static str {
        if self.triggers.is_empty() { "or abort" } else { "" }
    }

    pub(super) fn run(&self, sql: String) -> Result<()> {
        self.db.execute_batch(&sql).map_err(failed("change the table"))
    }

    /// Adds the incoming rows `i`, those that fit the condition.
    pub(super) fn insert(&self, and: &str) -> Result<()> {
        let names: Vec<&str> = self.columns.iter().map(|c| c.quoted.as_str()).collect();
        let values: Vec<String> = (0..self.columns.len()).map(|at| format!("i.c{at}")).collect();
        self.run(format!(
            "insert {} into main.{} ({}) select {} from temp.segue_incoming i where i.deletes = 0 {and} order by i.row",
            self.or_abort(),
            self.quoted,
            names.join(", "),
            values.join(", ")
        ))
    }

    /// Takes away what is not to be as often as it is, so that it can be added as often as it is to be.
    fn take_differing(&self) -> Result<String> {
        let declared: Vec<String> = self
            .columns
            .iter()
            .enumerate()
            .map(|(at, c)| format!("c{at} {}", c.declared))
            .collect();
        let names: Vec<String> = (0..self.columns.len()).map(|at| format!("c{at}")).collect();
        self.run(format!(
            "drop table if exists temp.segue_differing; create temp table segue_differing (w, {});
             insert into temp.segue_differing {};
             create index temp.segue_differing_by_value on segue_differing ({})",
            declared.join(", "),
            self.differing()?,
            names.join(", ")
        ))?;
        // The one that differs stands first: its collation tells all bytes apart.
        // As rows, because a chain of a thousand conditions is more than SQLite takes.
        let differs = |value: &dyn Fn(usize) -> String| {
            let values: Vec<String> = (0..self.columns.len()).map(value).collect();
            let ours: Vec<String> = names.iter().map(|name| format!("d.{name}")).collect();
            format!(
                "exists (select 1 from temp.segue_differing d where ({}) is ({}))",
                ours.join(", "),
                values.join(", ")
            )
        };
        self.run(format!(
            "delete from main.{} as t where {}",
            self.quoted,
            differs(&|at| format!("t.{}", self.columns[at].quoted))
        ))?;
        Ok(format!("and {}", differs(&|at| format!("i.c{at}"))))
    }

    /// Takes the rows away that a merge deletes, and leaves one of a key.
    fn take_merged(&self, key: &[String]) -> Result<()> {
        let table = format!("main.{}", self.quoted);
        let same = self.same_key(key)?;
        self.run(format!(
            "delete from {table} as t where exists (select 1 from temp.segue_incoming i where i.deletes = 1 and {same})"
        ))?;
        if self.doubles {
            // Rows that share a key are one afterwards, as if they had been taken away and it had been added.
            let keys: Vec<&str> = self
                .columns
                .iter()
                .filter(|c| key.contains(&c.name))
                .map(|c| c.quoted.as_str())
                .collect();
            let of_row: Vec<String> = keys.iter().map(|k| format!("t.{k}")).collect();
            self.run(format!(
                "delete from {table} as t where exists (select 1 from temp.segue_incoming i where {same}) and ({}) in
                 (select {keys} from {table} group by {keys} having count(*) > 1)",
                of_row.join(", "),
                keys = keys.join(", ")
            ))?;
        }
        Ok(())
    }

    /// Brings rows of keys that are there to what came, and adds the others: of those `i` that fit the condition.
    fn update_and_insert(&self, key: &[String], and: &str) -> Result<()> {
        let table = format!("main.{}", self.quoted);
        let or_abort = self.or_abort();
        let same = self.same_key(key)?;
        let comes = |c: &&Column| self.at(&c.name).is_ok_and(|at| self.comes[at]);
        let set: Vec<String> = (self.set(key))
            .map(|(at, c)| format!("{} = i.c{at}", c.quoted))
            .collect();
        if !set.is_empty() {
            let differ = self.differ(key);
            self.exchange_values(key, &differ, and)?;
            self.run(format!(
                "update {or_abort} {table} as t set {} from temp.segue_incoming i where i.deletes = 0 and {same} and {differ} {and}",
                set.join(", ")
            ))?;
        }
        let first = self.columns[self.at(&key[0])?].quoted.clone();
        let (mut names, mut values) = (Vec::new(), Vec::new());
        for column in self.columns.iter().filter(comes) {
            names.push(column.quoted.as_str());
            values.push(format!("i.c{}", self.at(&column.name)?));
        }
        self.run(format!(
            "insert {or_abort} into {table} ({}) select {} from temp.segue_incoming i left join {table} as t on {same}
             where i.deletes = 0 and t.{first} is null {and} order by i.row",
            names.join(", "),
            values.join(", ")
        ))
    }

    /// The columns that a row of a key that is there is set in, and where they stand.
    fn set<'s>(&'s self, key: &'s [String]) -> impl Iterator<Item = (usize, &'s Column)> {
        let columns = self.columns.iter().enumerate();
        columns.filter(move |(at, c)| self.comes[*at] && !key.contains(&c.name))
    }

    /// Whether row `t` is otherwise than row `i`, which has its key.
    pub(super) fn differ(&self, key: &[String]) -> String {
        let there: Vec<String> = self.set(key).map(|(_, c)| format!("t.{}", c.quoted)).collect();
        // BINARY: a table of somebody else's may take `a` and `A` for one.
        let come: Vec<String> = self.set(key).map(|(at, _)| format!("i.c{at} collate binary")).collect();
        match come.is_empty() {
            true => "0".into(),
            false => format!("({}) is not ({})", there.join(", "), come.join(", ")),
        }
    }

    /// Takes the rows away and adds them again that give up a value, unique in the table, which another row is to have: SQLite looks at such values
    /// row by row, and would meet the old one. Not where triggers would see them go. `differ`: that row `t` is otherwise than row `i`.
    fn exchange_values(&self, key: &[String], differ: &str, and: &str) -> Result<()> {
        if !self.triggers.is_empty() {
            return Ok(());
        }
        let is_set = |c: &String| self.at(c).is_ok_and(|at| self.comes[at]) && !key.contains(c);
        let concerned = self.unique.iter().filter(|u| u.columns.iter().any(|(c, _)| is_set(c)));
        let table = format!("main.{}", self.quoted);
        let same = self.same_key(key)?;
        let changing =
            format!("from {table} as t join temp.segue_incoming i on {same} where i.deletes = 0 and {differ} {and}");
        let mut given_up = Vec::new();
        for (at, index) in concerned.enumerate() {
            let (mut new, mut indexed, mut kept, mut wanted) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
            for (n, (name, collation)) in index.columns.iter().enumerate() {
                let there = format!("t.{}", table::column_name(name)?);
                // A column that does not come keeps its value.
                let value = match self.at(name) {
                    Ok(at) if self.comes[at] => format!("i.c{at}"),
                    _ => there.clone(),
                };
                new.push(format!("{value} as v{n}"));
                indexed.push(format!("v{n} collate {collation}"));
                kept.push(format!("{there} collate {collation} is {value}"));
                wanted.push(format!("w.v{n} collate {collation} = {there}"));
            }
            self.run(format!(
                "drop table if exists temp.segue_wanted_{at};
                 create temp table segue_wanted_{at} as select {} {changing};
                 create index temp.segue_wanted_{at}_by_value on segue_wanted_{at} ({})",
                new.join(", "),
                indexed.join(", ")
            ))?;
            given_up.push(format!(
                "(not ({}) and exists (select 1 from temp.segue_wanted_{at} w where {}))",
                kept.join(" and "),
                wanted.join(" and ")
            ));
        }
        if given_up.is_empty() {
            return Ok(());
        }
        let (mut names, mut values) = (Vec::new(), Vec::new());
        for column in self.stored.iter() {
            let name = table::column_name(column)?;
            values.push(match self.at(column) {
                Ok(at) if self.comes[at] => format!("i.c{at} as v{}", names.len()),
                _ => format!("t.{name} as v{}", names.len()),
            });
            names.push(name);
        }
        let keys: Vec<String> = (key.iter())
            .map(|k| self.at(k).map(|at| format!("i.c{at} as k{at}")))
            .collect::<Result<_>>()?;
        let back: Vec<String> = (0..names.len()).map(|at| format!("g.v{at}")).collect();
        self.run(format!(
            "drop table if exists temp.segue_given_up;
             create temp table segue_given_up as select {}, {} {changing} and ({})",
            keys.join(", "),
            values.join(", "),
            given_up.join(" or ")
        ))?;
        if self.count("select exists (select 1 from temp.segue_given_up)")? == 0 {
            return Ok(());
        }
        let (mut theirs, mut gone) = (Vec::new(), Vec::new());
        for at in key.iter().map(|k| self.at(k)) {
            let at = at?;
            theirs.push(format!("t.{}", self.columns[at].quoted));
            gone.push(format!("k{at}"));
        }
        self.run(format!(
            "delete from {table} as t where ({}) in (select {} from temp.segue_given_up);
             insert {} into {table} ({}) select {} from temp.segue_given_up g",
            theirs.join(", "),
            gone.join(", "),
            self.or_abort(),
            names.join(", "),
            back.join(", ")
        ))
    }
}
