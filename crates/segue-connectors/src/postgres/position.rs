//! Reading onwards by a column: what is read now is what an earlier read has not had.
//!
//! A value alone loses rows: whoever commits late may have written one below it. So what is kept is the highest value **and** which
//! transactions had ended ([`ended::Ended`]). What is new is every row whose transaction had not: it may have any value, and none comes
//! twice. The server looks at each row of the table for that, at its head alone, and sends the new ones.
//!
//! Where the server cannot tell (a view, a query, a foreign table, a standby, a server before 13), and where `lag:` asks for it, the
//! value alone decides: rows from so far below it come again, and are merged by their key. An index on the column answers that.
//!
//! A first read may be asked to go on after a cut ([`keyed`]).

pub(super) mod ended;
mod keyed;
mod server;

use super::errors::failed;
use super::place::{literal, quoted};
use super::rows::Source;
use super::table::Relation;
use ended::Ended;
use keyed::{Key, Keyed};
use segue_core::source::{ReadSchema, Unfinished};
use segue_core::{Error, Kind, Result};
use segue_diag as codes;
use segue_spec::model::ResumeBy;
use segue_spec::units::Duration;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use server::{Server, Tables};
use tokio_postgres::Client;
use tokio_postgres::types::{Kind as PgKind, Type as PgType};

/// How a position is written; another version's is not read.
const VERSION: u32 = 1;

/// The version of the position of a read that is not complete: who does not know of such must not take it for one that is.
const UNFINISHED: u32 = 2;

/// What an asset says of it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    /// The column, by its name here.
    column: String,
    /// How far below the last value a read begins again.
    #[serde(default)]
    lag: Option<Duration>,
    /// How a first read goes on after a cut.
    #[serde(default)]
    resume: Option<ResumeBy>,
    /// Whether a row may come again: it is merged by its key then.
    #[serde(default)]
    may_repeat: bool,
}

/// How far a table was read, as it is kept with its rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Position {
    version: u32,
    /// The column, by its name there.
    column: String,
    /// Its type, as SQL writes it.
    #[serde(rename = "type")]
    of: String,
    /// The highest value, as the server writes it; `None` where there was none.
    value: Option<String>,
    /// Which transactions had ended, in the server's own form; `None` where the value alone decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    snapshot: Option<Ended>,
    /// The server that counts these transactions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    server: Option<Server>,
    /// The table itself, and what it is kept in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tables: Option<Tables>,
    /// Up to this transaction no number of a row of before comes again; the counter of a row has 32 bits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    clear_until: Option<u64>,
    /// How far a first read came that is not complete; all the rest is of the moment at which it began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unfinished: Option<Unfinished>,
}

/// Some of what is read, by one statement.
pub(super) struct Piece {
    /// Which rows; `None`: all.
    pub condition: Option<String>,
    /// The position that counts once this piece and all before it are read; `None` where only the end counts.
    pub reached: Option<Value>,
}

/// A read that goes on from an earlier one.
#[derive(Default)]
pub(super) struct Onward {
    /// Which rows are read; `None`: all.
    pub condition: Option<String>,
    /// Whether an index may answer the condition: then the table is not read in parts.
    pub by_value: bool,
    /// The pieces by which it is read, where a first read goes on from between them after a cut.
    pub pieces: Vec<Piece>,
    /// How far it is read then, for the next time.
    pub position: Option<Value>,
    /// What is worth saying.
    pub notes: Vec<String>,
}

impl Onward {
    /// The piece that is a part of the table with this condition, or all of it.
    pub fn piece(&self, part: Option<String>) -> Piece {
        let condition = match (part, &self.condition) {
            (Some(part), Some(condition)) => Some(format!("{part} and {condition}")),
            (part, condition) => part.or_else(|| condition.clone()),
        };
        Piece {
            condition,
            reached: None,
        }
    }
}

/// What was found out before the moment of the read.
pub(super) struct Before {
    wanted: Wanted,
    /// `None` where the value alone decides.
    now: Option<(Server, Ended)>,
    notes: Vec<String>,
}

impl Wanted {
    /// Takes it out of a copy's settings.
    ///
    /// # Errors
    /// `Bug` when it is not what a project's check lets through.
    pub fn take(copy: &mut Value) -> Result<Option<Wanted>> {
        let Some(words) = copy.as_object_mut().and_then(|c| c.remove("position")) else {
            return Ok(None);
        };
        serde_json::from_value(words)
            .map(Some)
            .map_err(|e| Error::bug("the position of a copy is not what it should be").caused_by(e))
    }

    /// Which transactions have ended. It has to be asked before the moment of the read, so that this moment sees all of theirs.
    ///
    /// # Errors
    /// `Unsupported` for a server that does not say.
    pub async fn before(self, client: &Client) -> Result<Before> {
        if self.lag.is_some() {
            return Ok(Before {
                wanted: self,
                now: None,
                notes: Vec::new(),
            });
        }
        let (server, ended, notes) = server::now(client).await?;
        Ok(Before {
            wanted: self,
            now: Some((server, ended)),
            notes,
        })
    }
}

impl Before {
    /// Which rows of this table, or answer of this query, are read, in the transaction that reads them.
    ///
    /// # Errors
    /// `NotFound` without the column; `Unsupported` for one that has no order, or where `lag:` is needed; `Conflict` for a position that
    /// is of another table, server or time.
    pub async fn onward(
        self,
        client: &Client,
        there: &Relation,
        schema: &ReadSchema,
        from: Option<Value>,
        merged_by: &[String],
    ) -> Result<Onward> {
        let column = Column::of(client, there, schema, &self.wanted.column).await?;
        let last = from.map(|from| column.goes_on(there, from)).transpose()?;
        let keyed = match (last.as_ref().map(|last| &last.unfinished), self.wanted.resume) {
            (Some(Some(before)), _) => Some(Keyed {
                key: Key::again(client, there, before).await?,
                before: Some(before.clone()),
                parts: None,
                may_count: !merged_by.is_empty(),
            }),
            (None, Some(ResumeBy::Key)) if !merged_by.is_empty() => Some(Keyed {
                key: Key::merged_by(client, there, schema, merged_by).await?,
                before: None,
                parts: None,
                may_count: true,
            }),
            _ => None,
        };
        match (self.now, self.wanted.lag) {
            (Some((server, ended)), _) => {
                let exact = Exact {
                    client,
                    there,
                    server,
                    ended,
                    may_repeat: self.wanted.may_repeat,
                };
                exact.onward(column, last, keyed, self.notes).await
            }
            (None, Some(_)) if keyed.is_some() => Err(lost(format!(
                "the first read of {} was cut off, and does not go on with a `lag:`",
                there.name
            ))),
            (None, Some(lag)) => by_value(client, there, column, last, lag).await,
            (None, None) => Err(Error::bug("nothing tells how far the table was read")),
        }
    }
}

/// The column that says how far.
struct Column {
    /// Its name there.
    place: String,
    /// Its type, as SQL writes it.
    of: &'static str,
}

impl Column {
    async fn of(client: &Client, there: &Relation, schema: &ReadSchema, name: &str) -> Result<Column> {
        let Some(found) = found(there, schema, name) else {
            let place = place(schema, name);
            return Err(Error::new(
                Kind::NotFound,
                format!("{} has no column `{place}`, by which it is read onwards", there.name),
            )
            .code(codes::POSTGRES_NOT_THERE)
            .hint("name another one in `position:`"));
        };
        let doing = format!("look at the column {} of {}", found.place, there.name);
        let sql = format!("select {} from {}", quoted(&found.place), there.from);
        let asked = client.prepare(&sql).await.map_err(failed(&doing))?;
        let of = asked.columns().first().map(|c| c.type_().clone());
        match of.as_ref().and_then(ordered) {
            Some(of) => Ok(Column {
                place: found.place.clone(),
                of,
            }),
            None => Err(Error::new(
                Kind::Unsupported,
                format!("column `{}` of {} cannot say how far it was read", found.place, there.name),
            )
            .with("type", of.map_or_else(String::new, |of| of.name().to_string()))
            .hint("take a column of whole numbers, `numeric`, text, `uuid`, `date` or `timestamp`, with or without time zone")),
        }
    }

    /// What was kept, if a read goes on from it by this column.
    fn goes_on(&self, there: &Relation, from: Value) -> Result<Position> {
        let name = &there.name;
        let last: Position = serde_json::from_value(from)
            .ok()
            .filter(|last: &Position| {
                let version = if last.unfinished.is_some() { UNFINISHED } else { VERSION };
                last.version == version
            })
            .ok_or_else(|| lost(format!("how far {name} was read was kept by another version of Segue")))?;
        if last.column != self.place {
            return Err(lost(format!(
                "{name} was read onwards by `{}` so far, and not by `{}`",
                last.column, self.place
            )));
        }
        if last.of != self.of {
            return Err(lost(format!(
                "column `{}` of {name}, by which it is read onwards, is {} now, and was {}",
                self.place, self.of, last.of
            )));
        }
        Ok(last)
    }

    /// The highest value. What stands above or below every other, and would let no other count, does not.
    async fn highest(&self, client: &Client, there: &Relation) -> Result<Option<String>> {
        let column = quoted(&self.place);
        let counts = match self.of {
            "date" | "timestamp" | "timestamptz" => format!(" and pg_catalog.isfinite({column})"),
            _ => String::new(),
        };
        // Its text would be sorted by, if it had the column's name.
        let sql = format!(
            "select v::text from (select {column} as v from {} where {column} is not null{counts} order by {column} desc limit 1) highest",
            there.from
        );
        let doing = format!("look for the highest `{}` of {}", self.place, there.name);
        let row = client.query_opt(&sql, &[]).await.map_err(failed(&doing))?;
        Ok(row.map(|row| row.get(0)))
    }

    fn is_time(&self) -> bool {
        matches!(self.of, "date" | "timestamp" | "timestamptz")
    }
}

/// What this column of ours is called there.
fn place<'a>(schema: &'a ReadSchema, name: &'a str) -> &'a str {
    let declared = schema.columns.iter().flatten().find(|c| c.name == name);
    declared.and_then(|c| c.path.as_deref()).unwrap_or(name)
}

/// The column there that is this one of ours.
fn found<'a>(there: &'a Relation, schema: &ReadSchema, name: &str) -> Option<&'a Source> {
    let place = place(schema, name);
    let own = there.columns.iter().find(|c| c.place == place);
    own.or_else(|| there.columns.iter().find(|c| c.name == place))
}

/// How SQL writes a type whose values have an order in which they come.
fn ordered(of: &PgType) -> Option<&'static str> {
    if let PgKind::Domain(base) = of.kind() {
        return ordered(base);
    }
    Some(match *of {
        PgType::INT2 => "int2",
        PgType::INT4 => "int4",
        PgType::INT8 => "int8",
        PgType::NUMERIC => "numeric",
        PgType::TEXT => "text",
        PgType::VARCHAR => "varchar",
        PgType::BPCHAR => "bpchar",
        PgType::UUID => "uuid",
        PgType::DATE => "date",
        PgType::TIMESTAMP => "timestamp",
        PgType::TIMESTAMPTZ => "timestamptz",
        _ => return None,
    })
}

/// By the value alone, from so far below it.
async fn by_value(
    client: &Client,
    there: &Relation,
    column: Column,
    last: Option<Position>,
    lag: Duration,
) -> Result<Onward> {
    if !column.is_time() {
        return Err(Error::new(
            Kind::Invalid,
            format!(
                "`lag:` is a time, and column `{}` of {} is {}",
                column.place, there.name, column.of
            ),
        )
        .code(codes::POSTGRES_NEEDS_LAG)
        .hint("take a column of a time, or leave `lag:` out where the server tells which rows are new"));
    }
    let value = last.and_then(|last| last.value);
    let condition = value.as_ref().map(|value| {
        let (name, of) = (quoted(&column.place), column.of);
        // What has no place in the order comes every time: it might be new.
        format!(
            "({name} >= {}::{of} - interval '{} milliseconds' or {name} is null or {name} = '-infinity')",
            literal(value),
            lag.get().as_millis()
        )
    });
    let highest = column.highest(client, there).await?;
    let position = Position {
        version: VERSION,
        column: column.place,
        of: column.of.into(),
        value: highest.or(value),
        snapshot: None,
        server: None,
        tables: None,
        clear_until: None,
        unfinished: None,
    };
    Ok(Onward {
        by_value: condition.is_some(),
        condition,
        position: Some(written(&position)?),
        ..Onward::default()
    })
}

/// To the transaction.
struct Exact<'a> {
    client: &'a Client,
    there: &'a Relation,
    server: Server,
    ended: Ended,
    may_repeat: bool,
}

impl Exact<'_> {
    async fn onward(
        self,
        column: Column,
        last: Option<Position>,
        keyed: Option<Keyed>,
        mut notes: Vec<String>,
    ) -> Result<Onward> {
        let Exact { client, there, .. } = self;
        let tables = server::tables(client, there).await?;
        let seen = server::seen_until(client).await?;
        let value = column.highest(client, there).await?;
        let all = self.ended.includes(seen);
        let since = match &last {
            None => None,
            Some(last) => Some(self.since(last, &tables, seen).await?),
        };
        let clear_until = match self.may_repeat {
            true => None,
            false => Some(server::clear_until(client, there, seen).await?),
        };
        let position = Position {
            version: VERSION,
            column: column.place,
            of: column.of.into(),
            value: value.or(last.as_ref().and_then(|last| last.value.clone())),
            snapshot: Some(self.ended),
            server: Some(self.server),
            tables: Some(match last.as_ref().and_then(|last| last.tables.as_ref()) {
                Some(before) => tables.after(before),
                None => tables,
            }),
            clear_until,
            unfinished: None,
        };
        let pieces = match keyed {
            None => Vec::new(),
            Some(mut keyed) => {
                let before = keyed.before.as_ref();
                notes.extend(before.map(|before| format!("{before}; it goes on from there")));
                let after = before.and_then(|before| before.after.as_deref());
                if before.is_none() || after.is_some() {
                    keyed.parts = Some(keyed.key.parts(client, there, after).await?);
                }
                keyed.pieces(&all, since.as_deref(), last.as_ref().unwrap_or(&position))?
            }
        };
        Ok(Onward {
            condition: Some(since.unwrap_or(all)),
            by_value: false,
            pieces,
            position: Some(written(&position)?),
            notes,
        })
    }

    /// The rows whose transactions had not ended when the last read began, and have now.
    async fn since(&self, last: &Position, tables: &Tables, seen: u64) -> Result<String> {
        let name = &self.there.name;
        let (Some(ended), Some(before)) = (&last.snapshot, &last.tables) else {
            return Err(lost(format!(
                "{name} was read with `lag:` so far, and nothing tells which rows without it are new"
            )));
        };
        if let Some(server) = &last.server {
            server
                .is_still(&self.server)
                .map_err(|what| lost(format!("{name} {what}")))?;
        }
        if before.table != tables.table {
            return Err(lost(format!("{name} is another table now, under the same name")));
        }
        if ended.until() > self.ended.until() {
            return Err(lost(format!(
                "the server of {name} knows less than when it was last read: it counts {} transactions, and had counted {}",
                self.ended.until(),
                ended.until()
            )));
        }
        if !ended.can_be_told(seen) {
            return Err(lost(format!(
                "{name} was last read more than two billion transactions ago: which rows are new can no longer be told"
            )));
        }
        if !self.may_repeat {
            self.none_twice(last, ended, before, tables, seen).await?;
        }
        let (new, old) = (self.ended.includes(seen), self.ended.includes_beyond(ended, seen));
        // A partition that was not there may hold rows of before.
        let added = before.added(tables);
        Ok(match added.is_empty() {
            true => old,
            false => format!("case when tableoid in ({}) then {new} else {old} end", added.join(", ")),
        })
    }

    /// Fails where a row that was read might look like a new one.
    async fn none_twice(
        &self,
        last: &Position,
        ended: &Ended,
        before: &Tables,
        tables: &Tables,
        seen: u64,
    ) -> Result<()> {
        let name = &self.there.name;
        if seen > last.clear_until.unwrap_or(1 << 32) {
            return Err(lost(format!(
                "{name} has rows from more than four billion transactions ago, whose numbers come again: they look like new ones"
            )));
        }
        if before.has_returned(tables) {
            return Err(lost(format!(
                "{name} has a partition again that it had before: its rows look like new ones"
            )));
        }
        for rewritten in before.rewritten(tables) {
            // VACUUM FULL and CLUSTER keep the transactions of the rows, ALTER TABLE does not.
            if !server::has_row(self.client, rewritten, &ended.includes(seen)).await? {
                return Err(lost(format!(
                    "{name} was written anew or emptied since it was last read: all of its rows look like new ones"
                )));
            }
        }
        Ok(())
    }
}

fn written(position: &Position) -> Result<Value> {
    serde_json::to_value(position).map_err(|e| Error::bug("a position cannot be written").caused_by(e))
}

/// What was kept does not lead on.
fn lost(why: String) -> Error {
    Error::new(Kind::Conflict, why).code(codes::POSTGRES_POSITION).hint(
        "read all of it anew: `segue run ASSET --rebuild`; where rows are merged and the column is a time, `lag: 1h` goes on from the value",
    )
}

/// The server cannot tell which rows are new.
fn needs_lag(why: &str) -> Error {
    Error::new(Kind::Unsupported, format!("a `position:` needs `lag:` here: {why}"))
        .code(codes::POSTGRES_NEEDS_LAG)
        .hint("write how late a row may be committed, and merge what comes twice: `position: { column: …, lag: 1h }`, `write: { mode: merge, key: [...] }`")
}
