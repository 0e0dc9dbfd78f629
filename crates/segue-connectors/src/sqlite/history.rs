//! Keeping what was: the incoming rows of a history become those that are added, the closed ones among them, and it is noted which close.

use super::change::Prepared;
use super::errors::failed;
use super::table;
use super::types::{bound, number};
use jiff::Timestamp;
use rusqlite::Statement;
use rusqlite::types::Value as Stored;
use segue_core::history::follows;
use segue_core::sink::{CURRENT, VALID_FROM, VALID_TO};
use segue_core::{Error, Kind, Result, Type};

const DOING: &str = "compare rows with the current ones";

/// What the table has of an incoming row's key.
#[derive(Default)]
struct Met {
    /// Since when its current row is so.
    was: Option<i64>,
    /// When its last closed row ended.
    last: Option<i64>,
    /// Whether its current row is equal.
    same: bool,
}

/// An instant as its column stores it.
fn stored(at: i64) -> Result<Stored> {
    bound(&Type::Timestamp, at).ok_or_else(|| Error::bug("an instant is stored as text"))
}

impl Prepared<'_> {
    /// Leaves among the incoming rows those that are added: each since it begins, and the closed ones as they are from now on. The keys
    /// whose current rows they close are in `temp.segue_closing`.
    pub(super) fn keep_history(&self, key: &[String], at: Timestamp) -> Result<()> {
        let at = at.as_microsecond();
        self.run_here(
            "drop table if exists temp.segue_met; drop table if exists temp.segue_closing;
             create temp table segue_met (row integer primary key, begins, same integer not null, closes integer not null)",
        )?;
        self.meet(key, at)?;
        let keys: Vec<String> = (key.iter())
            .map(|k| self.at(k).map(|at| format!("c{at}")))
            .collect::<Result<_>>()?;
        self.run_here(&format!(
            "delete from temp.segue_incoming where row in (select row from temp.segue_met where same);
             create temp table segue_closing as
                 select {}, m.begins as begins from temp.segue_incoming i join temp.segue_met m on m.row = i.row where m.closes;
             create index temp.segue_closing_by_key on segue_closing ({})",
            keys.iter().map(|k| format!("i.{k}")).collect::<Vec<_>>().join(", "),
            keys.join(", ")
        ))?;
        let (from, to, current) = (self.at(VALID_FROM)?, self.at(VALID_TO)?, self.at(CURRENT)?);
        let begun = format!(
            "update temp.segue_incoming set c{to} = null, c{current} = 1, c{from} =
                coalesce((select m.begins from temp.segue_met m where m.row = segue_incoming.row), ?1)"
        );
        self.db.execute(&begun, [stored(at)?]).map_err(failed(DOING))?;
        let ours: Vec<String> = (0..self.columns.len()).map(|at| format!("c{at}")).collect();
        let closed: Vec<String> = (self.columns.iter().enumerate())
            .map(|(at, column)| match at {
                at if at == to => "k.begins".into(),
                at if at == current => "0".into(),
                _ => format!("t.{}", column.quoted),
            })
            .collect();
        self.run_here(&format!(
            "insert into temp.segue_incoming (deletes, {}) select 0, {} from main.{} as t join temp.segue_closing k on {} where {}",
            ours.join(", "),
            closed.join(", "),
            self.quoted,
            self.closing_key(key)?,
            self.is_current()?
        ))
    }

    /// The condition under which row `t` of the table is closed, and the row that it is from now on comes.
    pub(super) fn closes(&self, key: &[String]) -> Result<String> {
        Ok(format!(
            "{} and exists (select 1 from temp.segue_closing k where {})",
            self.is_current()?,
            self.closing_key(key)?
        ))
    }

    /// Takes the rows away that close; they come again as they are from now on.
    pub(super) fn close(&self) -> Result<()> {
        let closing = self.affected()?;
        self.run_here(&format!("delete from main.{} as t where {closing}", self.quoted))
    }

    /// Whether one of the rows that came is not in the table as it came.
    pub(super) fn lacks_history(&self, key: &[String]) -> Result<bool> {
        let from = self.at(VALID_FROM)?;
        let theirs: Vec<String> = self.columns.iter().map(|c| format!("t.{}", c.quoted)).collect();
        let ours: Vec<String> = (0..self.columns.len())
            .map(|at| format!("i.c{at} collate binary"))
            .collect();
        let lacking = self.count(&format!(
            "select exists (select 1 from temp.segue_incoming i where i.deletes = 0 and not exists (
                select 1 from main.{} as t where {} and i.c{from} = t.{} and ({}) is ({})))",
            self.quoted,
            self.same_key(key)?,
            self.columns[from].quoted,
            theirs.join(", "),
            ours.join(", ")
        ))?;
        Ok(lacking > 0)
    }

    fn is_current(&self) -> Result<String> {
        Ok(format!("t.{} = 1", self.columns[self.at(CURRENT)?].quoted))
    }

    fn closing_key(&self, key: &[String]) -> Result<String> {
        let each: Vec<String> = (key.iter())
            .map(|k| self.at(k).map(|at| format!("k.c{at} = t.{}", self.columns[at].quoted)))
            .collect::<Result<_>>()?;
        Ok(each.join(" and "))
    }

    /// Whether row `i` is equal to row `t`, the history's columns left out.
    fn is_same(&self) -> String {
        let own = [VALID_FROM, VALID_TO, CURRENT];
        let (mut there, mut come) = (Vec::new(), Vec::new());
        for (at, column) in self
            .columns
            .iter()
            .enumerate()
            .filter(|(_, c)| !own.contains(&c.name.as_str()))
        {
            there.push(format!("t.{}", column.quoted));
            come.push(format!("i.c{at} collate binary"));
        }
        format!("i.deletes = 0 and ({}) is ({})", there.join(", "), come.join(", "))
    }

    /// Notes what the table has of each incoming row's key.
    fn meet(&self, key: &[String], at: i64) -> Result<()> {
        let names = ["row", "begins", "same", "closes"].map(str::to_string);
        let mut note = table::insert_into(self.db, "temp.segue_met", names.into_iter())?;
        let sql = format!(
            "select i.row, t.{}, t.{}, {}, {} from main.{} as t join temp.segue_incoming i on {} order by i.row",
            self.columns[self.at(VALID_FROM)?].quoted,
            self.columns[self.at(VALID_TO)?].quoted,
            self.is_current()?,
            self.is_same(),
            self.quoted,
            self.same_key(key)?
        );
        let mut select = self.db.prepare(&sql).map_err(failed(DOING))?;
        let mut rows = select.query([]).map_err(failed(DOING))?;
        let mut under_way: Option<(i64, Met)> = None;
        while let Some(row) = rows.next().map_err(failed(DOING))? {
            let incoming: i64 = row.get(0).map_err(failed(DOING))?;
            if let Some((before, met)) = under_way.take_if(|(before, _)| *before != incoming) {
                met.note(before, at, &mut note)?;
            }
            let (_, met) = under_way.get_or_insert_with(|| (incoming, Met::default()));
            let instant = |column: usize| -> Result<Option<i64>> {
                Ok(number(&Type::Timestamp, row.get_ref(column).map_err(failed(DOING))?))
            };
            if row.get::<_, Option<bool>>(3).map_err(failed(DOING))? == Some(true) {
                let since = instant(1)?.ok_or_else(|| {
                    Error::new(Kind::BadData, format!("a current row has no instant in `{VALID_FROM}`"))
                })?;
                met.was = met.was.max(Some(since));
                met.same |= row.get::<_, bool>(4).map_err(failed(DOING))?;
            } else {
                met.last = met.last.max(instant(2)?);
            }
        }
        match under_way {
            Some((row, met)) => met.note(row, at, &mut note),
            None => Ok(()),
        }
    }

    fn run_here(&self, sql: &str) -> Result<()> {
        self.db.execute_batch(sql).map_err(failed(DOING))
    }
}

impl Met {
    fn note(&self, row: i64, at: i64, note: &mut Statement<'_>) -> Result<()> {
        let begins = self.last.map_or(at, |last| at.max(last));
        let begins = self.was.map_or(begins, |was| follows(begins, was));
        let noted = note.execute((row, stored(begins)?, self.same, self.was.is_some()));
        noted.map(drop).map_err(failed(DOING))
    }
}
