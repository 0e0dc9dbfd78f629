//! Carrying a change out: rows that do not differ are left where they are, and what the table's own triggers make of the others is
//! looked at before it counts.

use super::change::Prepared;
use super::errors::failed;
use super::table::Column;
use segue_core::sink::Change;
use segue_core::{Error, Kind, Result};
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
        match self.change {
            Change::Merge { key, .. } => {
                self.take_missing()?;
                self.merge(key)?
            }
            Change::History { .. } => self.put_history()?,
            Change::Append => self.insert("")?,
            // There is no row in it.
            _ if self.is_new || self.lost.is_some() => self.insert("")?,
            _ => self.replace()?,
        }
        if !self.triggers.is_empty() {
            let come = self.count("select count(*) from temp.segue_incoming where deletes = 0")?;
            let is_other = match self.change {
                Change::Append => false,
                Change::History { key, .. } => self.lacks_history(key)?,
                _ => self.count(&format!("select exists ({})", self.differing()?))? > 0,
            };
            if is_other || self.count(&all)? != rest + come + stay_marked {
                return Err(self.triggered());
            }
        }
        self.references.refuse_broken(self.db)
    }

    /// An error, because the rows are not in the table as they came.
    fn triggered(&self) -> Error {
        let names: Vec<String> = self.triggers.iter().map(|name| format!("`{name}`")).collect();
        let what = match names.as_slice() {
            [one] => format!("the trigger {one} of the table drops or changes rows of the commit"),
            several => format!(
                "one of the table's triggers ({}) drops or changes rows of the commit",
                several.join(", ")
            ),
        };
        Error::new(Kind::BadData, what)
            .code(codes::SQLITE_CONSTRAINT)
            .hint("nothing was changed; do in the asset what the trigger does, and drop the trigger")
    }

    /// What is said to rules that would drop a row where it breaks them (ON CONFLICT in the table's definition): it is an error. With
    /// triggers nothing is said, because it would go for what they do, too; then the rows are counted.
    pub(super) fn or_abort(&self) -> &'static str {
        if self.triggers.is_empty() { "or abort" } else { "" }
    }

    fn run(&self, sql: String) -> Result<()> {
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

    /// Takes away what is not to be as often as it is, and adds it as often as it is to be.
    fn replace(&self) -> Result<()> {
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
        self.insert(&format!("and {}", differs(&|at| format!("i.c{at}"))))
    }

    fn merge(&self, key: &[String]) -> Result<()> {
        let table = format!("main.{}", self.quoted);
        let or_abort = self.or_abort();
        let same = self.same_key(key)?;
        let comes = |c: &&Column| self.at(&c.name).is_ok_and(|at| self.comes[at]);
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
        let (mut set, mut there, mut come) = (Vec::new(), Vec::new(), Vec::new());
        for column in self.columns.iter().filter(comes).filter(|c| !key.contains(&c.name)) {
            let at = self.at(&column.name)?;
            set.push(format!("{} = i.c{at}", column.quoted));
            // BINARY: a table of somebody else's may take `a` and `A` for one.
            there.push(format!("t.{}", column.quoted));
            come.push(format!("i.c{at} collate binary"));
        }
        if !set.is_empty() {
            self.run(format!(
                "update {or_abort} {table} as t set {} from temp.segue_incoming i where i.deletes = 0 and {same} and ({}) is not ({})",
                set.join(", "),
                there.join(", "),
                come.join(", ")
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
             where i.deletes = 0 and t.{first} is null order by i.row",
            names.join(", "),
            values.join(", ")
        ))
    }
}
