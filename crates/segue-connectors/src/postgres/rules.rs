//! The rules of a table, as questions which of the incoming rows break them: each is asked of all rows at once, and answered by those rows.

use super::change::{Column, Prepared};
use super::marks::asked;
use super::place::quoted;
use super::target::Table;
use segue_core::Result;
use segue_core::sink::Change;
use tokio_postgres::Row;

const DOING: &str = "look at the table's rules";

/// A rule that can be asked about.
#[derive(Debug)]
pub(super) struct Rule {
    /// What the table calls it; a column that must have a value has no name for that.
    pub name: Option<String>,
    /// The column that it is about, where it is one.
    pub column: Option<String>,
    /// The server's word for its being broken.
    pub state: &'static str,
    /// The condition under which incoming row `i` breaks it.
    pub broken: String,
}

/// The rules of a table.
#[derive(Debug, Default)]
pub(super) struct Rules {
    /// In an order in which none needs those after it.
    pub asked: Vec<Rule>,
    /// Whether there are others, which only show when rows are written.
    pub others: bool,
    /// The constraints that wait for the end of a transaction, by their full names.
    pub waiting: Vec<String>,
}

/// What a rule says that row breaks, by the server's word for it.
pub(super) fn says(state: &str) -> &'static str {
    match state {
        "23502" => "a value is missing",
        "23503" => "the row that it refers to is not there",
        "23505" => "another row has the same value",
        "23514" => "its condition does not hold",
        "23P01" => "another row excludes it",
        _ => "the server refuses it",
    }
}

impl Rules {
    /// Those of this table for the rows of the change.
    pub async fn of(prepared: &Prepared<'_>, table: &Table) -> Result<Rules> {
        let mut rules = Rules {
            others: !table.triggers.is_empty(),
            ..Rules::default()
        };
        // Where the table is ours, columns become so that may be empty now, and that we said may not.
        let is_rule = |c: &Column| c.comes && !(prepared.created && prepared.made.requires(&c.name));
        let columns = prepared.columns.iter().enumerate();
        for (at, column) in columns.filter(|(_, c)| is_rule(c)) {
            if table.column(&column.name).is_some_and(|c| c.not_null) {
                rules.asked.push(Rule {
                    name: None,
                    column: Some(column.name.clone()),
                    state: "23502",
                    broken: format!("i.c{at} is null"),
                });
            }
        }
        let oid = table.oid.to_string();
        let found = asked(prepared.client, CONSTRAINTS, &[&oid], DOING).await?;
        for row in &found {
            if row.get(1) {
                rules.waiting.push(row.get(2));
            }
            match constraint(prepared, table, row)? {
                Some(rule) => rules.asked.push(rule),
                // A key is an index, and asked about as one.
                None => rules.others |= !["u", "p"].contains(&row.get(3)),
            }
        }
        let found = asked(prepared.client, INDEXES, &[&oid], DOING).await?;
        // A key of ours goes where its rows do not keep it.
        let is_ours = |row: &Row| prepared.created && row.get(1) && prepared.made.is_key(&table.key);
        for row in found.iter().filter(|row| !is_ours(row)) {
            match prepared.is_unique(table, row)? {
                Some(rule) => rules.asked.push(rule),
                None => rules.others = true,
            }
        }
        Ok(rules)
    }

    /// Whether there is none.
    pub fn are_none(&self) -> bool {
        self.asked.is_empty() && !self.others
    }
}

/// A check or a reference; `None` where it cannot be asked about.
fn constraint(prepared: &Prepared<'_>, table: &Table, row: &Row) -> Result<Option<Rule>> {
    let (name, kind, columns): (String, String, Vec<String>) = (row.get(0), row.get(3), row.get(5));
    let can_be_asked: bool = row.get(4);
    let Some(at) = prepared.coming(&columns).filter(|_| can_be_asked) else {
        return Ok(None);
    };
    let (broken, state) = match kind.as_str() {
        "c" => {
            let named = columns
                .iter()
                .zip(&at)
                .map(|(c, at)| format!("i.c{at} as {}", quoted(c)));
            let named: Vec<String> = named.collect();
            let condition: String = row.get(6);
            (
                format!(
                    "exists (select from (select {}) r where not ({condition}))",
                    named.join(", ")
                ),
                "23514",
            )
        }
        "f" => match prepared.refers_nowhere(table, row, &at)? {
            Some(broken) => (broken, "23503"),
            None => return Ok(None),
        },
        _ => return Ok(None),
    };
    Ok(Some(Rule {
        name: Some(name),
        column: one(columns),
        state,
        broken,
    }))
}

/// Constraints; of keys, which are indexes, those alone that wait. One that was not looked at before may be broken by rows that stay as they are. `pg_get_expr`
/// names columns alone.
const CONSTRAINTS: &str = "select c.conname::text, c.condeferrable, pg_catalog.format('%I.%I', n.nspname, c.conname), c.contype::text,
        coalesce(c.convalidated and c.contype in ('c', 'f') and c.confmatchtype <> 'f' and pg_catalog.cardinality(c.conkey) > 0, false),
        array(select a.attname::text from pg_catalog.unnest(c.conkey) with ordinality k(n, at)
            join pg_attribute a on a.attrelid = c.conrelid and a.attnum = k.n order by k.at),
        pg_catalog.pg_get_expr(c.conbin, c.conrelid),
        (select pg_catalog.format('%I.%I', pn.nspname, p.relname) from pg_class p join pg_namespace pn on pn.oid = p.relnamespace where p.oid = c.confrelid),
        c.confrelid = c.conrelid,
        array(select a.attname::text from pg_catalog.unnest(c.confkey) with ordinality k(n, at)
            join pg_attribute a on a.attrelid = c.confrelid and a.attnum = k.n order by k.at)
    from pg_constraint c join pg_namespace n on n.oid = c.connamespace
    where c.conrelid = $1::text::oid and c.contype in ('c', 'f', 'x', 'u', 'p', 't')
        and coalesce((pg_catalog.to_jsonb(c) ->> 'conenforced')::boolean, true)
        and (c.contype not in ('u', 'p') or c.condeferrable)
    order by c.contype, c.conname";

/// Unique indexes; whether two rows break one by having equal values, null being none, in columns as they stand. Parts of a table have their own.
const INDEXES: &str = "select c.relname::text, i.indisprimary,
        i.indpred is null and i.indexprs is null and not coalesce((pg_catalog.to_jsonb(i) ->> 'indnullsnotdistinct')::boolean, false)
            and not exists (select from pg_catalog.unnest(i.indcollation) u(c) join pg_collation l on l.oid = u.c
                where not coalesce((pg_catalog.to_jsonb(l) ->> 'collisdeterministic')::boolean, true)),
        array(select a.attname::text from pg_catalog.unnest(i.indkey) with ordinality k(n, at)
            join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.n where k.at <= i.indnkeyatts order by k.at)
    from pg_index i join pg_class c on c.oid = i.indexrelid
    where i.indrelid = $1::text::oid and i.indisunique and i.indisvalid
    union all
    select c.relname::text, false, false, '{}' from pg_catalog.pg_partition_tree($1::text::oid) p
        join pg_index i on i.indrelid = p.relid join pg_class c on c.oid = i.indexrelid
    where p.level > 0 and i.indisunique and not c.relispartition
    order by 1";

impl Prepared<'_> {
    /// Where these columns stand, if all of them come.
    fn coming(&self, columns: &[String]) -> Option<Vec<usize>> {
        let place = |name: &String| self.columns.iter().position(|c| c.comes && c.name == *name);
        columns.iter().map(place).collect()
    }

    /// The rule that no two rows are equal in the columns of an index: neither two that come, nor one that comes and one that stays.
    fn is_unique(&self, table: &Table, row: &Row) -> Result<Option<Rule>> {
        let (name, can_be_asked, columns): (String, bool, Vec<String>) = (row.get(0), row.get(2), row.get(3));
        let Some(at) = self.coming(&columns).filter(|at| can_be_asked && !at.is_empty()) else {
            return Ok(None);
        };
        let same = |other: &dyn Fn(usize) -> String| {
            let each: Vec<String> = at.iter().map(|at| format!("{} = i.c{at}", other(*at))).collect();
            each.join(" and ")
        };
        // A row that is there, and comes as it is, was there first.
        let is_new = match self.change {
            Change::Merge { key, .. } => format!(
                " and not exists (select from {} t where {} and not {})",
                table.place.quoted(),
                self.same_key(key)?,
                self.differs()
            ),
            _ => String::new(),
        };
        let broken = format!(
            "(exists (select from {incoming} j where not j.d and (j.piece, j.id) <> (i.piece, i.id) and {twin})
              or exists (select from {name} t where {there} and {beside})){is_new}",
            incoming = self.incoming()?,
            twin = same(&|at| format!("j.c{at}")),
            name = table.place.quoted(),
            there = same(&|at| self.there(at)),
            beside = self.beside()?,
        );
        Ok(Some(Rule {
            name: Some(name),
            column: one(columns),
            state: "23505",
            broken,
        }))
    }

    /// The condition under which row `i` refers to a row that is not there. A table that refers to itself has what stays and what comes.
    fn refers_nowhere(&self, table: &Table, row: &Row, at: &[usize]) -> Result<Option<String>> {
        let (parent, is_own, keys): (String, bool, Vec<String>) = (row.get(7), row.get(8), row.get(9));
        let has: Vec<String> = at.iter().map(|at| format!("i.c{at} is not null")).collect();
        let same = |of: &dyn Fn(usize) -> String| {
            let each = at.iter().enumerate().map(|(n, at)| format!("{} = i.c{at}", of(n)));
            each.collect::<Vec<_>>().join(" and ")
        };
        let has = has.join(" and ");
        if !is_own {
            let there = same(&|n| format!("p.{}", quoted(&keys[n])));
            return Ok(Some(format!(
                "{has} and not exists (select from {parent} p where {there})"
            )));
        }
        let Some(of_parent) = self.coming(&keys) else {
            return Ok(None);
        };
        Ok(Some(format!(
            "{has} and not exists (select from {} t where {} and {}) and not exists (select from {} j where not j.d and {})",
            table.place.quoted(),
            same(&|n| self.there(of_parent[n])),
            self.beside()?,
            self.incoming()?,
            same(&|n| format!("j.c{}", of_parent[n])),
        )))
    }
}

/// The column, where it is one.
fn one(columns: Vec<String>) -> Option<String> {
    match columns.as_slice() {
        [only] => Some(only.clone()),
        _ => None,
    }
}
