//! Carrying a change out, inside the transaction that also moves the asset's mark.
//!
//! A table that is ours alone is replaced by another that takes its place; one that somebody depends on, or that somebody else made, stays,
//! with its views, rights, references and identity, and its rows are exchanged. Readers see the old rows or the new ones.

use super::change::Prepared;
use super::errors::sqlstate;
use super::place::{Place, quoted};
use super::target::{Table, comparable, declarations, run};
use crate::triggers::changed_by;
use arrow_schema::Schema;
use segue_core::sink::{CURRENT, Change, DELETED_AT, Missing, VALID_FROM, VALID_TO};
use segue_core::{Error, Kind, Result, Type};
use segue_diag as codes;
use std::time::{Duration, Instant};

const DOING: &str = "change the table";

/// How long it is waited for that nobody reads a table which another could take the place of.
const SOON: Duration = Duration::from_millis(if cfg!(test) { 300 } else { 2000 });

/// How long it is until it is asked again.
const AGAIN: Duration = Duration::from_millis(15);

/// How rows come into a table that stays, once what goes is gone.
pub(super) enum Coming<'t> {
    /// Each is added, where the condition behind others holds for it, `i`.
    Added(String),
    /// Those of keys that are there are brought to what came, the others are added.
    ByKey(&'t [String]),
    /// They were made before, because they depend on what was.
    Made,
}

impl Prepared<'_> {
    /// Carries it out.
    ///
    /// # Errors
    /// `BadData` for a rule of the table that a row breaks, and a trigger that makes something else of the rows.
    pub async fn apply(&self) -> Result<()> {
        let Some(table) = &self.found else {
            return self.make().await;
        };
        if *self.change == Change::ReplaceTable && self.created {
            // Only a staged table has rows that are seen by whoever began to read before: any other would be empty to them.
            if let Some(staged) = self.as_staged()?
                && !table
                    .has_followers(self.client, &self.before, &self.made, &staged)
                    .await?
            {
                // Before the table is closed to who reads it.
                let keeps_key = !table.key.is_empty() && self.are_keyed(&table.key).await?;
                // A key that somebody put on it is a rule that these rows break.
                let is_free = table.key.is_empty() || keeps_key || self.made.is_key(&table.key);
                if is_free && self.is_alone_with(table).await? {
                    return self.exchange(table, keeps_key).await;
                }
            }
        }
        self.change_rows(table).await
    }

    /// The staged table, where it is as the table is to be.
    fn as_staged(&self) -> Result<Option<Place>> {
        match self.pieces.as_slice() {
            [only] if !only.deletes && are_alike(&only.columns, &self.schema)? => {
                let fields = only.columns.fields().iter().zip(&self.columns);
                let has_types = fields.map(|(field, column)| Ok(only.declared(field)? == column.declared));
                let has_types = has_types.collect::<Result<Vec<bool>>>()?.into_iter().all(|same| same);
                Ok(has_types.then(|| only.place()).transpose()?)
            }
            _ => Ok(None),
        }
    }

    /// Whether nobody reads the table any more, soon. It is asked again and again, and not waited for in the line of those who wait: behind us everybody
    /// would, and one who reads and then writes would be told of a deadlock.
    async fn is_alone_with(&self, table: &Table) -> Result<bool> {
        let lock = format!(
            "savepoint alone; lock table {} in access exclusive mode nowait",
            table.place.quoted()
        );
        let begun = Instant::now();
        loop {
            match self.run(&lock).await {
                Ok(_) => return self.run("release savepoint alone").await.map(|_| true),
                Err(e) if sqlstate(&e) == Some("55P03") => {
                    self.run("rollback to savepoint alone; release savepoint alone").await?;
                }
                Err(e) => return Err(e),
            }
            if begun.elapsed() >= SOON {
                return Ok(false);
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    /// Makes the table, with the rows in it.
    async fn make(&self) -> Result<()> {
        let name = self.place.quoted();
        let keys: Vec<String> = self.change.key().iter().map(|k| quoted(k)).collect();
        let index = match self.change {
            Change::Merge { key, .. } => return self.fill(key).await,
            Change::DeleteInsert { .. } => format!("create index on {name} ({})", keys.join(", ")),
            // Of each key one row is current.
            Change::History { .. } => format!(
                "create unique index on {name} ({}) where {}",
                keys.join(", "),
                quoted(CURRENT)
            ),
            _ => return self.fill(&[]).await,
        };
        self.fill(&[]).await?;
        self.run(&index).await?;
        Ok(())
    }

    /// Puts the staged table into this one's place; with its key, where the rows keep it.
    async fn exchange(&self, table: &Table, keeps_key: bool) -> Result<()> {
        self.run(&format!("drop table {}", table.place.quoted())).await?;
        // Where its rows do not keep the key, it is no longer what it was.
        self.fill(if keeps_key { &table.key } else { &[] }).await
    }

    /// Makes the table with the incoming rows in it: the staged one is it, where it is as the table is to be.
    async fn fill(&self, key: &[String]) -> Result<()> {
        let table = self.place.quoted();
        if let Some(staged) = self.as_staged()? {
            self.run(&format!(
                "comment on table {staged} is null; alter table {staged} rename to {}",
                quoted(&self.place.name),
                staged = staged.quoted()
            ))
            .await?;
        } else {
            let declared = declarations(&self.schema, &self.declared(), key)?;
            self.run(&format!("create table {table} ({declared})")).await?;
            let names: Vec<&str> = self.columns.iter().map(|c| c.quoted.as_str()).collect();
            let values: Vec<String> = (0..names.len()).map(|at| format!("n.c{at}")).collect();
            self.run(&format!(
                "insert into {table} ({}) select {} from ({}) n",
                names.join(", "),
                values.join(", "),
                self.new_rows()?
            ))
            .await?;
        }
        if !key.is_empty() {
            let names: Vec<String> = key.iter().map(|k| quoted(k)).collect();
            self.run(&format!("alter table {table} add primary key ({})", names.join(", ")))
                .await?;
        }
        Ok(())
    }

    /// Changes the rows of a table that stays.
    async fn change_rows(&self, table: &Table) -> Result<()> {
        let name = table.place.quoted();
        let all = format!("select count(*) from {name} t");
        let mut expected = 0;
        if !table.triggers.is_empty() {
            expected = self.count(&all).await?
                + self
                    .count(&format!("select count(*) from ({}) n", self.new_rows()?))
                    .await?;
            for gone in self.gone()? {
                expected -= self.count(&format!("{all} where {gone}")).await?;
            }
        }
        let coming = self.take_away(table).await?;
        if *self.change == Change::Append && !table.triggers.is_empty() && !self.has_rules(table).await? {
            let other = self.insert_compared(&name).await?;
            if other > 0 {
                return Err(changed_by(&table.triggers, codes::POSTGRES_CONSTRAINT));
            }
        } else {
            self.bring(table, &coming, &self.incoming()?).await?;
        }
        if !table.triggers.is_empty() {
            let is_other = self.count(&all).await? != expected
                || (*self.change != Change::Append
                    && self
                        .count(&format!("select count(*) from ({}) d", self.differing()?))
                        .await?
                        > 0);
            if is_other {
                return Err(changed_by(&table.triggers, codes::POSTGRES_CONSTRAINT));
            }
        }
        Ok(())
    }

    /// Takes the rows away that go, and says how others come in their place.
    pub async fn take_away<'t>(&'t self, table: &'t Table) -> Result<Coming<'t>> {
        let name = table.place.quoted();
        let is_whole = *self.change == Change::ReplaceTable;
        let changes = match self.created {
            true => self.fit(table, is_whole)?,
            false => Vec::new(),
        };
        if is_whole {
            return self.empty(table, &changes).await;
        }
        self.alter(&name, &changes).await?;
        match self.change {
            Change::Merge { key, .. } => {
                self.take_merged(&name, key).await?;
                Ok(Coming::ByKey(key))
            }
            Change::DeleteInsert { key } => {
                refuse_cascade(table)?;
                self.take_other(&name, key).await
            }
            Change::History { .. } => {
                self.close(&name).await?;
                Ok(Coming::Made)
            }
            Change::Append => Ok(Coming::Added(String::new())),
            _ => {
                refuse_cascade(table)?;
                self.run(&format!("delete from {name} t where {}", self.gone()?.join(" or ")))
                    .await?;
                Ok(Coming::Added(self.that_count()?))
            }
        }
    }

    /// Brings those of the incoming rows that `rows` is a query of.
    pub async fn bring(&self, table: &Table, coming: &Coming<'_>, rows: &str) -> Result<()> {
        let name = table.place.quoted();
        match coming {
            Coming::Added(that) => self.insert(&name, rows, that).await,
            Coming::ByKey(key) => self.update_and_insert(table, key, rows).await,
            Coming::Made => {
                let names: Vec<&str> = self.columns.iter().map(|c| c.quoted.as_str()).collect();
                let values: Vec<String> = (0..names.len()).map(|at| format!("n.c{at}")).collect();
                self.run(&format!(
                    "insert into {name} ({}) select {} from pg_temp._segue_new n",
                    names.join(", "),
                    values.join(", ")
                ))
                .await?;
                Ok(())
            }
        }
    }

    async fn alter(&self, name: &str, changes: &[String]) -> Result<()> {
        if !changes.is_empty() {
            self.run(&format!("alter table {name} {}", changes.join(", "))).await?;
        }
        Ok(())
    }

    /// Takes the rows of a whole table away that stays: by its key those that do not come, so that what refers to a row that stays is not cut
    /// off; else all.
    async fn empty<'t>(&'t self, table: &'t Table, changes: &[String]) -> Result<Coming<'t>> {
        let (name, key) = (table.place.quoted(), &table.key);
        if changes.is_empty() && !key.is_empty() && self.are_keyed(key).await? {
            let absent = format!(
                "not exists (select from {} i where {})",
                self.incoming()?,
                self.same_key(key)?
            );
            self.run(&format!("delete from {name} t where {absent}")).await?;
            return Ok(Coming::ByKey(key));
        }
        refuse_cascade(table)?;
        self.run(&format!("delete from {name}")).await?;
        self.alter(&name, changes).await?;
        Ok(Coming::Added(String::new()))
    }

    /// Takes the rows of each key away that has other ones now.
    async fn take_other(&self, name: &str, key: &[String]) -> Result<Coming<'_>> {
        let at: Vec<usize> = key.iter().map(|k| self.at(k)).collect::<Result<_>>()?;
        let each: Vec<String> = at.iter().map(|at| format!("d.c{at}")).collect();
        let same = |value: &dyn Fn(usize) -> String| {
            let each: Vec<String> = at.iter().map(|at| format!("o.c{at} = {}", value(*at))).collect();
            each.join(" and ")
        };
        self.run(&format!(
            "create temp table _segue_other on commit drop as select distinct {} from ({}) d",
            each.join(", "),
            self.differing()?
        ))
        .await?;
        self.run(&format!(
            "delete from {name} t using pg_temp._segue_other o where {}",
            same(&|at| self.there(at))
        ))
        .await?;
        Ok(Coming::Added(format!(
            "and exists (select from pg_temp._segue_other o where {})",
            same(&|at| format!("i.c{at}"))
        )))
    }

    /// Closes what is no longer so; what is so now is made before.
    async fn close(&self, name: &str) -> Result<()> {
        let (from, to, current) = (self.at(VALID_FROM)?, self.at(VALID_TO)?, self.at(CURRENT)?);
        let rows: Vec<String> = (0..self.columns.len()).map(|at| format!("n.c{at}")).collect();
        self.run(&format!(
            "create temp table _segue_new on commit drop as select {} from ({}) n where n.c{current}",
            rows.join(", "),
            self.new_rows()?
        ))
        .await?;
        self.run(&format!(
            "update {name} t set {} = {}, {} = false where {}",
            self.columns[to].quoted,
            self.closes_at(&self.there(from)),
            self.columns[current].quoted,
            self.gone()?.join(" or ")
        ))
        .await?;
        Ok(())
    }

    /// Whether the incoming rows have all of this key, each another.
    async fn are_keyed(&self, key: &[String]) -> Result<bool> {
        let Ok(at) = key.iter().map(|k| self.at(k)).collect::<Result<Vec<_>>>() else {
            return Ok(false);
        };
        let names: Vec<String> = at.iter().map(|at| format!("i.c{at}")).collect();
        let nulls: Vec<String> = names.iter().map(|n| format!("{n} is null")).collect();
        let incoming = self.incoming()?;
        let broken = format!(
            "select count(*) from (select 1 from {incoming} i where {} union all select 1 from {incoming} i group by {} having count(*) > 1 limit 1) b",
            nulls.join(" or "),
            names.join(", "),
        );
        Ok(self.count(&broken).await? == 0)
    }

    /// Takes the rows away that a merge deletes, marks those that are missing, and leaves one of a key.
    async fn take_merged(&self, name: &str, key: &[String]) -> Result<()> {
        let (incoming, same) = (self.incoming()?, self.same_key(key)?);
        if self.pieces.iter().any(|p| p.deletes) {
            self.run(&format!("delete from {name} t using {incoming} i where i.d and {same}"))
                .await?;
        }
        if self.doubles {
            // Rows that share a key are one afterwards, as if they had been taken away and it had been added.
            let keys: Vec<String> = key.iter().map(|k| quoted(k)).collect();
            let of_row: Vec<String> = keys.iter().map(|k| format!("t.{k}")).collect();
            self.run(&format!(
                "delete from {name} t where exists (select from {incoming} i where {same}) and ({}) in
                    (select {keys} from {name} group by {keys} having count(*) > 1)",
                of_row.join(", "),
                keys = keys.join(", ")
            ))
            .await?;
        }
        match self.change {
            Change::Merge {
                missing: Missing::Delete,
                ..
            } => {
                self.run(&format!("delete from {name} t where {}", self.is_missing()?))
                    .await?;
            }
            Change::Merge {
                missing: Missing::Mark { .. },
                ..
            } => {
                self.run(&format!(
                    "update {name} t set {} = {} where {}",
                    quoted(DELETED_AT),
                    self.at_time(),
                    self.is_missing()?
                ))
                .await?;
            }
            _ => {}
        }
        Ok(())
    }

    /// Brings rows of keys that are there to what came, and adds the others.
    async fn update_and_insert(&self, table: &Table, key: &[String], rows: &str) -> Result<()> {
        let (name, same) = (table.place.quoted(), self.same_key(key)?);
        let set = self.set(key);
        if !set.is_empty() {
            if let Some(exchange) = self.exchange_values(table, key, &set, rows)? {
                self.run(&exchange).await?;
            }
            let set: Vec<String> = set
                .iter()
                .map(|(column, value)| format!("{column} = {value}"))
                .collect();
            self.run(&format!(
                "update {name} t set {} from {rows} i where not i.d and {same} and {}",
                set.join(", "),
                self.differs()
            ))
            .await?;
        }
        self.insert(
            &name,
            rows,
            &format!("and not exists (select from {name} t where {same})"),
        )
        .await
    }

    /// What a row of a key that is there is set to: columns, quoted, and their values.
    fn set(&self, key: &[String]) -> Vec<(String, String)> {
        let coming = self.columns.iter().enumerate();
        let coming = coming.filter(|(_, c)| c.comes && !key.contains(&c.name));
        let mut set: Vec<_> = coming.map(|(at, c)| (c.quoted.clone(), format!("i.c{at}"))).collect();
        if let Change::Merge {
            missing: Missing::Mark { .. } | Missing::Unknown,
            ..
        } = self.change
            && let Ok(at) = self.at(DELETED_AT)
        {
            set.push((quoted(DELETED_AT), self.null(at)));
        }
        set
    }

    /// The statement for rows that give up a value, unique in the table, which another row is to have: the server looks at such values row
    /// by row, and would meet the old one. They are taken away and added in one statement, so that to what refers to them they never went. `None`
    /// where there are no such columns; or where somebody would see them go.
    fn exchange_values(
        &self,
        table: &Table,
        key: &[String],
        set: &[(String, String)],
        rows: &str,
    ) -> Result<Option<String>> {
        if !table.triggers.is_empty() || table.cascades || table.watched {
            return Ok(None);
        }
        let other_keys = table.unique.iter().chain([&table.key]);
        let mut given_up = Vec::new();
        for unique in other_keys.filter(|u| u.iter().any(|c| set.iter().any(|(name, _)| *name == quoted(c)))) {
            // A column that is not set keeps its value.
            let new = |name: &str, row: &str, there: &str| match self.at(name) {
                Ok(at) if self.columns[at].comes => format!("{row}.c{at}"),
                _ => format!("{there}.{}", quoted(name)),
            };
            let each = |of: &dyn Fn(&str) -> String| unique.iter().map(|c| of(c)).collect::<Vec<_>>().join(", ");
            let (old, own) = (each(&|c| format!("t.{}", quoted(c))), each(&|c| new(c, "i", "t")));
            let wanted: Vec<String> = (unique.iter())
                .map(|c| format!("{} = t.{}", new(c, "j", "s"), quoted(c)))
                .collect();
            given_up.push(format!(
                "(row({old}) is distinct from row({own}) and exists (
                    select from {rows} j join {} s on {} where not j.d and {} and {}))",
                table.place.quoted(),
                self.same_key_as(key, "j", "s")?,
                self.differ("j", "s"),
                wanted.join(" and ")
            ));
        }
        if given_up.is_empty() {
            return Ok(None);
        }
        let kept = table.columns.iter().filter(|c| !c.generated);
        let (mut names, mut values) = (Vec::new(), Vec::new());
        for (at, name) in kept.map(|c| quoted(&c.name)).enumerate() {
            let value = set.iter().find(|(column, _)| *column == name);
            values.push(match value {
                Some((_, value)) => format!("{value} as v{at}"),
                None => format!("t.{name} as v{at}"),
            });
            names.push(name);
        }
        let back: Vec<String> = (0..names.len()).map(|at| format!("g.v{at}")).collect();
        // In order, so that none is added before all are gone.
        Ok(Some(format!(
            "with gone as (delete from {table} t using {rows} i where not i.d and {same} and {differs} and ({given_up})
                returning i.id as at, {values})
             insert into {table} ({names}) overriding system value select {back} from gone g order by g.at",
            table = table.place.quoted(),
            same = self.same_key(key)?,
            differs = self.differs(),
            given_up = given_up.join(" or "),
            values = values.join(", "),
            names = names.join(", "),
            back = back.join(", "),
        )))
    }

    /// Whether rules of the table, or of a part of it, say what becomes of rows that are added: then it does not tell what it added.
    async fn has_rules(&self, table: &Table) -> Result<bool> {
        let rules = format!(
            "select count(*) from pg_rewrite where ev_type = '3' and ev_enabled <> 'D'
                 and ev_class in (select {oid}::oid union select relid from pg_catalog.pg_partition_tree({oid}))",
            oid = table.oid
        );
        Ok(self.count(&rules).await? > 0)
    }

    /// Adds the incoming rows; how many of them the table has otherwise than they came.
    async fn insert_compared(&self, name: &str) -> Result<u64> {
        let rows = self.incoming()?;
        let Some(insert) = self.insertion(name, &rows, "") else {
            return Ok(0);
        };
        let coming = || self.columns.iter().enumerate().filter(|(_, c)| c.comes);
        let there = coming().map(|(at, c)| format!("{} as g{at}", comparable(&c.quoted, &c.declared)));
        let come = coming().map(|(at, c)| comparable(&format!("i.c{at}"), &c.declared));
        let grouped = coming().map(|(at, _)| format!("u.g{at}"));
        self.count(&format!(
            "with came as ({insert} returning {})
             select count(*) from (select from (select 1 as w, came.* from came union all select -1, {} from {rows} i where not i.d) u
                 group by {} having sum(u.w) <> 0) d",
            there.collect::<Vec<_>>().join(", "),
            come.collect::<Vec<_>>().join(", "),
            grouped.collect::<Vec<_>>().join(", "),
        ))
        .await
    }

    /// Adds those rows `i` that fit the condition. What does not come is as the table has it by default.
    async fn insert(&self, name: &str, rows: &str, and: &str) -> Result<()> {
        match self.insertion(name, rows, and) {
            Some(insert) => self.run(&insert).await.map(drop),
            None => Ok(()),
        }
    }

    /// The statement of [`Prepared::insert`]; none where no column comes.
    fn insertion(&self, name: &str, rows: &str, and: &str) -> Option<String> {
        let coming: Vec<usize> = (0..self.columns.len()).filter(|at| self.columns[*at].comes).collect();
        if coming.is_empty() {
            return None;
        }
        let names: Vec<&str> = coming.iter().map(|at| self.columns[*at].quoted.as_str()).collect();
        let values: Vec<String> = coming.iter().map(|at| format!("i.c{at}")).collect();
        let is_identity = |c: &str| {
            let table = self.found.iter().flat_map(|t| &t.columns);
            table.clone().any(|t| t.always_identity && quoted(&t.name) == c)
        };
        let overriding = if names.iter().any(|c| is_identity(c)) {
            "overriding system value"
        } else {
            ""
        };
        Some(format!(
            "insert into {name} ({}) {overriding} select {} from {rows} i where not i.d {and}",
            names.join(", "),
            values.join(", ")
        ))
    }

    pub async fn run(&self, sql: &str) -> Result<u64> {
        run(self.client, sql, DOING).await
    }
}

/// An error where rows that go and come again would take others with them on their way.
fn refuse_cascade(table: &Table) -> Result<()> {
    if !table.cascades {
        return Ok(());
    }
    Err(Error::new(
        Kind::BadData,
        format!(
            "rows of {} would go and come again, and a reference to it deletes or empties what refers to a row that goes",
            table.place.quoted()
        ),
    )
    .code(codes::POSTGRES_CONSTRAINT)
    .hint("use `write: { mode: merge, key: [...] }`, which leaves rows where they are; or make the reference `on delete no action`"))
}

/// Whether a table made for one schema is as one made for the other.
fn are_alike(a: &Schema, b: &Schema) -> Result<bool> {
    let columns = |schema: &Schema| -> Result<Vec<_>> {
        let each = schema
            .fields()
            .iter()
            .map(|f| Ok((f.name().clone(), Type::of(f)?.postgres(), f.is_nullable())));
        each.collect()
    };
    Ok(columns(a)? == columns(b)?)
}
