//! Rows of a merged table whose key did not come, where everything came: they are deleted, or marked.

use super::change::Prepared;
use super::errors::failed;
use super::types::bound;
use rusqlite::types::Value as Stored;
use segue_core::sink::{Change, DELETED_AT, Missing, MissingRows};
use segue_core::{Error, Result, Type};

impl Prepared<'_> {
    /// What becomes of them, where the change says anything of it.
    fn what_is_missing(&self) -> Option<(&[String], &Missing)> {
        match self.change {
            Change::Merge { key, missing } if missing.is_told() => Some((key, missing)),
            _ => None,
        }
    }

    /// The condition under which the key of row `t` did not come; of one that is marked that is nothing new. `None` where it makes nothing of it.
    pub(super) fn is_missing(&self) -> Result<Option<String>> {
        let Some((key, missing)) = self.what_is_missing() else {
            return Ok(None);
        };
        let did_not_come = format!(
            "not exists (select 1 from temp.segue_incoming i where {})",
            self.same_key(key)?
        );
        Ok(Some(match missing {
            Missing::Mark { .. } => format!("{} and {did_not_come}", self.is_unmarked()?),
            _ => did_not_come,
        }))
    }

    /// The columns of row `t` as they are once it is marked; `None` where it is not marked, but deleted.
    pub(super) fn marked(&self) -> Result<Option<Vec<String>>> {
        let Some((_, Missing::Mark { at })) = self.what_is_missing() else {
            return Ok(None);
        };
        let (marked, value) = (self.at(DELETED_AT)?, literal(at.as_microsecond())?);
        let columns = self.columns.iter().enumerate().map(|(at, column)| match at == marked {
            true => value.clone(),
            false => format!("t.{}", column.quoted),
        });
        Ok(Some(columns.collect()))
    }

    /// How many there are, and how many rows there were.
    pub(super) fn count_missing(&self) -> Result<MissingRows> {
        let Some(missing) = self.is_missing()? else {
            return Ok(MissingRows::default());
        };
        let there = match self.marked()? {
            Some(_) => self.is_unmarked()?,
            None => "1".into(),
        };
        let count = |condition: &str| {
            self.count(&format!(
                "select count(*) from main.{} as t where {condition}",
                self.quoted
            ))
        };
        Ok(MissingRows {
            gone: count(&missing)?,
            of: count(&there)?,
        })
    }

    /// Deletes or marks them.
    pub(super) fn take_missing(&self) -> Result<()> {
        let Some(missing) = self.is_missing()? else {
            return Ok(());
        };
        let table = format!("main.{}", self.quoted);
        let sql = match self.what_is_missing() {
            Some((_, Missing::Mark { at })) => format!(
                "update {} {table} as t set {} = {} where {missing}",
                self.or_abort(),
                self.columns[self.at(DELETED_AT)?].quoted,
                literal(at.as_microsecond())?
            ),
            _ => format!("delete from {table} as t where {missing}"),
        };
        self.db.execute_batch(&sql).map_err(failed("change the table"))
    }

    fn is_unmarked(&self) -> Result<String> {
        Ok(format!("t.{} is null", self.columns[self.at(DELETED_AT)?].quoted))
    }
}

/// An instant as its column stores it, for SQL.
fn literal(at: i64) -> Result<String> {
    match bound(&Type::Timestamp, at) {
        Some(Stored::Text(text)) => Ok(format!("'{}'", text.replace('\'', "''"))),
        _ => Err(Error::bug("an instant is stored as text")),
    }
}
